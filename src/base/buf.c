/* The growing buffer; see buf.h. */
#include "base/buf.h"

#include <stdio.h>

#include "base/alloc.h"

void bento_buf_init(struct bento_buf *buf, size_t max)
{
    *buf = (struct bento_buf){ .max = max, .rc = BENTO_OK };
}

void bento_buf_release(struct bento_buf *buf)
{
    bento_free(buf->p);
    *buf = (struct bento_buf){ .max = buf->max, .rc = BENTO_OK };
}

void bento_buf_clear(struct bento_buf *buf)
{
    buf->n = 0;
    buf->rc = BENTO_OK;
}

static bool grow(struct bento_buf *buf, size_t need)
{
    size_t cap = buf->cap ? buf->cap : 128;

    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap > buf->max)
        cap = buf->max;
    char *p = bento_realloc(buf->p, cap, 1);
    if (!p) {
        buf->rc = BENTO_ENOMEM;
        return false;
    }
    buf->p = p;
    buf->cap = cap;
    return true;
}

char *bento_buf_reserve(struct bento_buf *buf, size_t more)
{
    size_t need;

    if (buf->rc != BENTO_OK)
        return NULL;
    if (!bento_add_ok(buf->n, more, &need) || need > buf->max) {
        buf->rc = BENTO_ETOOLARGE;
        return NULL;
    }
    if ((need > buf->cap || !buf->p) && !grow(buf, need))
        return NULL;
    return buf->p + buf->n;
}

void bento_buf_commit(struct bento_buf *buf, size_t written)
{
    buf->n += written;
}

void bento_buf_add(struct bento_buf *buf, const void *p, size_t n)
{
    char *to = n ? bento_buf_reserve(buf, n) : NULL;

    if (!to)
        return;
    memcpy(to, p, n);
    buf->n += n;
}

void bento_buf_addc(struct bento_buf *buf, char c)
{
    bento_buf_add(buf, &c, 1);
}

void bento_buf_adds(struct bento_buf *buf, const char *z)
{
    bento_buf_add(buf, z, strlen(z));
}

void bento_buf_addstr(struct bento_buf *buf, struct bento_str s)
{
    bento_buf_add(buf, s.p, s.n);
}

void bento_buf_addu(struct bento_buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    bento_buf_add(buf, digits + at, sizeof digits - at);
}

void bento_buf_addf(struct bento_buf *buf, const char *fmt, ...)
{
    va_list args;
    va_list again;

    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *to = n >= 0 ? bento_buf_reserve(buf, (size_t)n + 1) : NULL;
    if (to) {
        (void)vsnprintf(to, (size_t)n + 1, fmt, again);
        buf->n += (size_t)n;
    }
    va_end(again);
}

/* The letter of JSON's two-byte escape of c, 0 when there is none. */
static char escape_letter(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    default:
        return 0;
    }
}

void bento_buf_addescaped(struct bento_buf *buf, struct bento_str s)
{
    static const char hex[] = "0123456789abcdef";
    size_t before = buf->n;
    size_t from = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F)
            continue;
        bento_buf_add(buf, s.p + from, i - from);
        from = i + 1;
        char short_form = escape_letter(c);
        if (short_form) {
            char pair[2] = { '\\', short_form };
            bento_buf_add(buf, pair, 2);
        } else {
            char code[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
            bento_buf_add(buf, code, 6);
        }
    }
    if (from < s.n)
        bento_buf_add(buf, s.p + from, s.n - from);
    if (buf->rc != BENTO_OK)
        buf->n = before;
}

void bento_buf_addjson(struct bento_buf *buf, struct bento_str s)
{
    size_t before = buf->n;

    bento_buf_addc(buf, '"');
    bento_buf_addescaped(buf, s);
    bento_buf_addc(buf, '"');
    if (buf->rc != BENTO_OK)
        buf->n = before;
}

void bento_buf_consume(struct bento_buf *buf, size_t n)
{
    if (n > buf->n)
        n = buf->n;
    buf->n -= n;
    if (buf->n)
        memmove(buf->p, buf->p + n, buf->n);
}

const char *bento_buf_z(struct bento_buf *buf)
{
    char *end = bento_buf_reserve(buf, 1);

    if (!end)
        return NULL;
    *end = '\0';
    return buf->p;
}
