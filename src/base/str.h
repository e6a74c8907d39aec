/*
 * Slices: bytes of somebody else, not terminated, passed by value. `p` may be NULL only
 * when `n` is 0.
 */
#ifndef BENTO_BASE_STR_H
#define BENTO_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bento_str {
    const char *p;
    size_t n;
};

#define BENTO_STR(literal)             \
    (struct bento_str)                 \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }
/* For printf: "%.*s". */
#define BENTO_STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct bento_str bento_str_from(const char *p, size_t n)
{
    return (struct bento_str){ p, n };
}

static inline struct bento_str bento_str_of(const char *z)
{
    return (struct bento_str){ z, z ? strlen(z) : 0 };
}

static inline bool bento_str_eq(struct bento_str a, struct bento_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII only, independent of the locale. */
bool bento_str_ieq(struct bento_str a, struct bento_str b);
bool bento_str_starts(struct bento_str s, struct bento_str prefix);
/* Without spaces and tabs at both ends. */
struct bento_str bento_str_trim(struct bento_str s);
/* Takes the text up to the first `sep` off the front of `*rest`; false when nothing is
 * left. */
bool bento_str_next(struct bento_str *rest, char sep, struct bento_str *ret_part);

/* The whole slice must be a decimal number between min and max; no sign, no spaces. False
 * otherwise. */
bool bento_parse_u64(struct bento_str s, uint64_t min, uint64_t max, uint64_t *ret);
/* Same, with an optional leading minus. */
bool bento_parse_i64(struct bento_str s, int64_t min, int64_t max, int64_t *ret);
/* Whether all bytes form valid UTF-8 (no surrogates, no overlong forms). */
bool bento_utf8_valid(struct bento_str s);

#endif
