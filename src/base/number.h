/*
 * Numbers in text: exact conversion, without locale and without a terminator.
 *
 * Doubles are correctly rounded: Clinger's exact case first, then Eisel-Lemire on 128-bit
 * powers, strtod in the C locale for the rest (well below one in a thousand of random
 * 17-digit values).
 */
#ifndef BENTO_BASE_NUMBER_H
#define BENTO_BASE_NUMBER_H

#include "base/str.h"

enum bento_number_kind {
    BENTO_NUMBER_NONE, /* not a number */
    BENTO_NUMBER_INT,  /* fits int64_t: `i`, and `real` */
    BENTO_NUMBER_UINT, /* above int64_t, fits uint64_t: `u`, and `real` */
    BENTO_NUMBER_HUGE, /* an integer beyond both: `real` only */
    BENTO_NUMBER_FLOAT /* `real`; may be infinite */
};

struct bento_number {
    enum bento_number_kind kind;
    int64_t i;
    uint64_t u;
    double real;
    bool overflow; /* finite text, infinite value */
};

/* A number of JSON's grammar at p; *ret_end is behind it. False: none is there. */
bool bento_number_json(const char *p,
                       const char *end,
                       struct bento_number *ret,
                       const char **ret_end);

/* mantissa * 10^exponent, correctly rounded. False: undecided (well below one in a
 * thousand); *ret is not set then. */
bool bento_number_scale(uint64_t mantissa, int64_t exponent, double *ret);

extern const double bento_exact_powers[23];         /* 10^0 to 10^22, exact as doubles */
extern const uint64_t bento_small_powers[9];        /* 10^0 to 10^8 */
#define BENTO_NUMBER_EXACT      ((uint64_t)1 << 53) /* integers below are exact as doubles */
#define BENTO_NUMBER_PLAIN_ROOM 56 /* bytes that the plain reader looks at, at most */

/* Eight bytes of text as digits: *ret has a digit's value in each byte, the first in the
 * lowest. Returns a word whose lowest byte that is not zero belongs to the first byte
 * that is no digit. */
static inline uint64_t bento_number_load(const char *p, uint64_t *ret)
{
    uint64_t v;

    memcpy(&v, p, 8);
    v ^= 0x3030303030303030ULL;
    *ret = v;
    return ((v + 0x7676767676767676ULL) | v) & 0x8080808080808080ULL;
}

/* The number that eight loaded digits make. */
static inline uint64_t bento_number_join(uint64_t v)
{
    v = v * 10 + (v >> 8);
    return (((v & 0x000000FF000000FFULL) * 0x000F424000000064ULL) +
            (((v >> 16) & 0x000000FF000000FFULL) * 0x0000271000000001ULL)) >>
           32;
}

/* Appends the digits at p to the mantissa and returns what is behind them; up to eight
 * bytes behind them are looked at, and no more than 24 digits taken. How many eights
 * there are is worth guessing, so that the next number need not wait for this one; how
 * many digits are left then is not. */
static inline const char *bento_number_digits(const char *p, uint64_t *mantissa)
{
    const char *last = p + 16;
    uint64_t digits;
    uint64_t other = bento_number_load(p, &digits);

    while (other == 0) {
        *mantissa = *mantissa * bento_small_powers[8] + bento_number_join(digits);
        p += 8;
        if (p > last)
            return p;
        other = bento_number_load(p, &digits);
    }
    unsigned n = (unsigned)__builtin_ctzll(other) >> 3;
    if (n == 0)
        return p;
    digits <<= 64 - 8 * n; /* zeros in front instead of what follows */
    *mantissa = *mantissa * bento_small_powers[n] + bento_number_join(digits);
    return p + n;
}

/* The common spellings of JSON numbers, inline: no exponent, few enough digits for exact
 * arithmetic, integers below 10^15. Returns what is behind; NULL: bento_number_json
 * decides, and when fewer than BENTO_NUMBER_PLAIN_ROOM bytes are left. */
static inline const char *
bento_number_plain(const char *p, const char *end, double *ret, bool *ret_fraction)
{
    uint64_t mantissa = 0;

    if (end - p < BENTO_NUMBER_PLAIN_ROOM)
        return NULL;
    unsigned negative = *p == '-'; /* as good as random: no branch on it */
    p += negative;
    const char *from = p;
    if (p[1] == '.') {
        mantissa = (uint64_t)(unsigned char)*p++ - '0';
        if (mantissa > 9)
            return NULL;
    } else {
        p = bento_number_digits(p, &mantissa);
        if (p == from || p - from > 15 || (p - from != 1 && *from == '0'))
            return NULL;
        if (*p != '.') {
            *ret_fraction = false;
            *ret = (double)(negative ? -(int64_t)mantissa : (int64_t)mantissa);
            return (*p | 0x20) == 'e' ? NULL : p;
        }
    }
    const char *point = p++;
    p = bento_number_digits(p, &mantissa);
    size_t scale = (size_t)(p - point) - 1;
    if (scale == 0 || p - from > 20 || (*p | 0x20) == 'e')
        return NULL;
    double value;
    if (mantissa <= BENTO_NUMBER_EXACT)
        value = (double)mantissa / bento_exact_powers[scale];
    else if (!bento_number_scale(mantissa, -(int64_t)scale, &value))
        return NULL;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits ^= (uint64_t)negative << 63;
    memcpy(ret, &bits, sizeof bits);
    *ret_fraction = true;
    return p;
}

/* A whole cell as pandas.read_csv reads it: blanks around, leading zeros, a plus sign,
 * ".5", "5.", inf and infinity in any case. kind NONE for anything else. */
struct bento_number bento_number_cell(struct bento_str cell);

/* As Python's repr(float): shortest text that reads back the same; inf, -inf, nan.
 * Returns its length. */
size_t bento_number_repr(double value, char to[32]);

#endif
