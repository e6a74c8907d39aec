/* JSON writing in Python's style; see json.h. */
#include "base/json.h"

#include "base/number.h"

static void write_indent(struct bento_buf *to, unsigned flags, unsigned depth)
{
    if (flags & BENTO_JSON_LINE)
        return;
    bento_buf_addc(to, '\n');
    for (unsigned i = 0; i < depth; i++)
        bento_buf_adds(to, "  ");
}

/* Code point at *at of valid UTF-8; advances *at. */
static unsigned next_code(const char *p, size_t *at)
{
    unsigned char c = (unsigned char)p[*at];
    int more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;
    unsigned code = more == 3 ? c & 7u : more == 2 ? c & 15u : more == 1 ? c & 31u : c;

    (*at)++;
    while (more--)
        code = code << 6 | ((unsigned char)p[(*at)++] & 0x3Fu);
    return code;
}

static void write_ascii(struct bento_buf *to, struct bento_str s)
{
    bento_buf_addc(to, '"');
    for (size_t at = 0; at < s.n;) {
        size_t plain = at;
        while (plain < s.n && (unsigned char)s.p[plain] < 0x80)
            plain++;
        if (plain > at) {
            bento_buf_addescaped(to, bento_str_from(s.p + at, plain - at));
            at = plain;
            continue;
        }
        unsigned code = next_code(s.p, &at);
        if (code >= 0x10000)
            bento_buf_addf(to, "\\u%04x\\u%04x", 0xD800 + ((code - 0x10000) >> 10),
                           0xDC00 + ((code - 0x10000) & 0x3FF));
        else
            bento_buf_addf(to, "\\u%04x", code);
    }
    bento_buf_addc(to, '"');
}

static void write_string(struct bento_buf *to, struct bento_str s, unsigned flags)
{
    bool ascii = true;

    for (size_t i = 0; i < s.n; i++)
        ascii = ascii && (unsigned char)s.p[i] < 0x80;
    if (ascii || !(flags & BENTO_JSON_ASCII))
        bento_buf_addjson(to, s);
    else
        write_ascii(to, s);
}

static void
write_value(struct bento_buf *to, const json_t *value, unsigned flags, unsigned depth);

static void
write_array(struct bento_buf *to, const json_t *value, unsigned flags, unsigned depth)
{
    size_t count = json_array_size(value);

    bento_buf_addc(to, '[');
    for (size_t i = 0; i < count; i++) {
        bento_buf_adds(to, i ? (flags & BENTO_JSON_LINE ? ", " : ",") : "");
        write_indent(to, flags, depth + 1);
        write_value(to, json_array_get(value, i), flags, depth + 1);
    }
    if (count)
        write_indent(to, flags, depth);
    bento_buf_addc(to, ']');
}

static void
write_object(struct bento_buf *to, const json_t *value, unsigned flags, unsigned depth)
{
    const char *key;
    json_t *item;
    bool first = true;

    bento_buf_addc(to, '{');
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        bento_buf_adds(to, first ? "" : flags & BENTO_JSON_LINE ? ", " : ",");
        first = false;
        write_indent(to, flags, depth + 1);
        write_string(to, bento_str_of(key), flags);
        bento_buf_adds(to, ": ");
        write_value(to, item, flags, depth + 1);
    }
    if (!first)
        write_indent(to, flags, depth);
    bento_buf_addc(to, '}');
}

static void
write_value(struct bento_buf *to, const json_t *value, unsigned flags, unsigned depth)
{
    char number[32];

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        write_object(to, value, flags, depth);
        break;
    case JSON_ARRAY:
        write_array(to, value, flags, depth);
        break;
    case JSON_STRING:
        write_string(to,
                     bento_str_from(json_string_value(value), json_string_length(value)),
                     flags);
        break;
    case JSON_INTEGER:
        bento_buf_addf(to, "%lld", (long long)json_integer_value(value));
        break;
    case JSON_REAL:
        bento_buf_add(to, number, bento_number_repr(json_real_value(value), number));
        break;
    case JSON_TRUE:
        bento_buf_adds(to, "true");
        break;
    case JSON_FALSE:
        bento_buf_adds(to, "false");
        break;
    case JSON_NULL:
        bento_buf_adds(to, "null");
        break;
    }
}

void bento_json_write(struct bento_buf *to, const json_t *value, unsigned flags)
{
    write_value(to, value, flags, 0);
}

json_t *bento_json_read(struct bento_str text, struct bento_error *err)
{
    json_error_t why;
    json_t *value =
        json_loadb(text.p ? text.p : "", text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);

    if (!value && why.text[0] == '\0') /* jansson says nothing when memory runs out */
        (void)bento_fail(err, BENTO_ENOMEM, "out of memory");
    else if (!value)
        (void)bento_fail(err, BENTO_EPARSE, "malformed JSON at line %d: %s", why.line,
                         why.text);
    return value;
}

const char *bento_json_text(const json_t *object, const char *key, const char *fallback)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : fallback;
}
