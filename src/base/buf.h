/*
 * The one growing buffer. Errors are sticky: append freely, check `bento_buf_rc` once at
 * the end.
 *
 * Invariants:
 *  1. `n <= cap <= max`; the maximum is stated when the buffer is created.
 *  2. After a failure the content is what was there before the failing append, and later
 * appends do nothing.
 *  3. `p` is not terminated; bento_buf_z() terminates it without counting the NUL.
 */
#ifndef BENTO_BASE_BUF_H
#define BENTO_BASE_BUF_H

#include "base/fail.h"
#include "base/str.h"

struct bento_buf {
    char *p;     /* owned; NULL while empty */
    size_t n;    /* bytes used */
    size_t cap;  /* bytes allocated */
    size_t max;  /* bytes allowed */
    bento_rc rc; /* BENTO_OK, BENTO_ENOMEM or BENTO_ETOOLARGE */
};

void bento_buf_init(struct bento_buf *buf, size_t max);
void bento_buf_release(struct bento_buf *buf);
/* Empty again, memory kept, error forgotten. */
void bento_buf_clear(struct bento_buf *buf);
/* Room for `more` bytes at p + n; NULL on failure. Follow with bento_buf_commit. */
char *bento_buf_reserve(struct bento_buf *buf, size_t more);
void bento_buf_commit(struct bento_buf *buf, size_t written);
void bento_buf_add(struct bento_buf *buf, const void *p, size_t n);
void bento_buf_addc(struct bento_buf *buf, char c);
void bento_buf_adds(struct bento_buf *buf, const char *z);
void bento_buf_addstr(struct bento_buf *buf, struct bento_str s);
void bento_buf_addu(struct bento_buf *buf, uint64_t value);
void bento_buf_addf(struct bento_buf *buf, const char *fmt, ...) BENTO_PRINTF(2, 3);
/* A JSON string literal with quotes; control bytes escaped, other bytes as they are. */
void bento_buf_addjson(struct bento_buf *buf, struct bento_str s);
/* What stands between its quotes. */
void bento_buf_addescaped(struct bento_buf *buf, struct bento_str s);
/* Drops n bytes from the front. */
void bento_buf_consume(struct bento_buf *buf, size_t n);
/* Terminated content, or NULL when the buffer failed. Owned by the buffer. */
const char *bento_buf_z(struct bento_buf *buf);

static inline struct bento_str bento_buf_str(const struct bento_buf *buf)
{
    return (struct bento_str){ buf->p, buf->n };
}

#endif
