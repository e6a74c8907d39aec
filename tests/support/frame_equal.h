/* Whether two decoded frames are the same to the last bit. */
#ifndef TESTS_SUPPORT_FRAME_EQUAL_H
#define TESTS_SUPPORT_FRAME_EQUAL_H

#include <string.h>

#include "bento/frame.h"

static inline bool
same_text_cell(const struct bento_column *a, const struct bento_column *b, size_t row)
{
    uint64_t from_a = a->offsets[row] & ~BENTO_TEXT_MISSING;
    uint64_t from_b = b->offsets[row] & ~BENTO_TEXT_MISSING;
    uint64_t n = (a->offsets[row + 1] & ~BENTO_TEXT_MISSING) - from_a;

    return a->offsets[row] == b->offsets[row] &&
           a->offsets[row + 1] == b->offsets[row + 1] &&
           memcmp(a->text + from_a, b->text + from_b, n) == 0;
}

static inline bool frames_equal(const struct bento_frame *a, const struct bento_frame *b)
{
    if (a->rows != b->rows || !bento_frame_same(a, b))
        return false;
    for (size_t i = 0; i < a->columns; i++) {
        const struct bento_column *x = &a->column[i];
        const struct bento_column *y = &b->column[i];
        bool byte = x->dtype == BENTO_DTYPE_BOOL || x->dtype == BENTO_DTYPE_BOOL_MISSING;
        for (size_t row = 0; row < a->rows; row++)
            if (x->dtype == BENTO_DTYPE_TEXT
                    ? !same_text_cell(x, y, row)
                    : memcmp(bento_column_cell(x, row), bento_column_cell(y, row),
                             byte ? 1 : 8) != 0)
                return false;
    }
    return true;
}

#endif
