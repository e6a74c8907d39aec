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

/* A whole cell as pandas.read_csv reads it: blanks around, leading zeros, a plus sign,
 * ".5", "5.", inf and infinity in any case. kind NONE for anything else. */
struct bento_number bento_number_cell(struct bento_str cell);

/* As Python's repr(float): shortest text that reads back the same; inf, -inf, nan.
 * Returns its length. */
size_t bento_number_repr(double value, char to[32]);

#endif
