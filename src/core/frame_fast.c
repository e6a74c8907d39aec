/*
 * The fast path: [[numbers], ...] and [{"same": 1, "keys": 2}, ...]. One pass, no object
 * per cell: numbers go straight into a row-major matrix of doubles, with two flags per
 * column (a float was seen, a null was seen), and from there into typed columns. Anything
 * else gives BENTO_EUNSUPPORTED and the general path decides; so this file never refuses
 * a body.
 */
#include <math.h>

#include "base/alloc.h"
#include "core/frame.h"

#define WIDTH_MAX 4096
#define EXACT_MAX 9007199254740992.0 /* integers below are exact as doubles */

struct fast {
    struct bento_frames *f;
    const char *p;
    const char *end;
    size_t width;
    size_t cells;
    unsigned char *real; /* per column: holds a float or a null */
    struct bento_str *keys;
};

static void skip(struct fast *x)
{
    while (x->p < x->end &&
           (*x->p == ' ' || *x->p == '\n' || *x->p == '\t' || *x->p == '\r'))
        x->p++;
}

static bool is(struct fast *x, char c)
{
    skip(x);
    if (x->p < x->end && *x->p == c) {
        x->p++;
        return true;
    }
    return false;
}

static bool reserve(struct fast *x, size_t need)
{
    struct bento_frames *f = x->f;

    if (need <= f->matrix_cap)
        return true;
    size_t cap = f->matrix_cap ? f->matrix_cap : 512;
    while (cap < need)
        cap *= 2;
    double *grown = bento_realloc(f->matrix, cap, sizeof *grown);
    if (!grown)
        return false;
    f->matrix = grown;
    f->matrix_cap = cap;
    return true;
}

/* One number or null into the matrix at column `i`. */
static bool cell(struct fast *x, size_t i)
{
    struct bento_number number;
    double value;

    skip(x);
    if (x->p < x->end && *x->p == 'n') {
        if (x->end - x->p < 4 || memcmp(x->p, "null", 4) != 0)
            return false;
        x->p += 4;
        x->real[i] |= 2;
        value = NAN;
    } else {
        if (!bento_number_json(x->p, x->end, &number, &x->p))
            return false;
        if (number.kind == BENTO_NUMBER_FLOAT)
            x->real[i] |= 1;
        else if (number.kind != BENTO_NUMBER_INT || fabs(number.real) >= EXACT_MAX)
            return false;
        value = number.real;
    }
    if (x->cells >= x->f->matrix_cap && !reserve(x, x->cells + 1))
        return false;
    x->f->matrix[x->cells++] = value;
    return true;
}

/* The first row gives the width. */
static bool first_values(struct fast *x)
{
    do {
        if (x->width >= WIDTH_MAX || !cell(x, x->width))
            return false;
        x->width++;
    } while (is(x, ','));
    return is(x, ']');
}

static bool values_row(struct fast *x)
{
    for (size_t i = 0; i < x->width; i++)
        if ((i && !is(x, ',')) || !cell(x, i))
            return false;
    return is(x, ']');
}

/* A key without escapes; its quotes are included in the compared text. */
static bool first_key(struct fast *x, struct bento_str *ret)
{
    skip(x);
    const char *from = x->p;
    if (x->p >= x->end || *x->p != '"')
        return false;
    for (x->p++; x->p < x->end && *x->p != '"'; x->p++)
        if (*x->p == '\\' || (unsigned char)*x->p < 0x20 || (unsigned char)*x->p >= 0x80)
            return false;
    if (x->p >= x->end || x->p == from + 1)
        return false;
    x->p++;
    *ret = bento_str_from(from, (size_t)(x->p - from));
    return is(x, ':');
}

static bool first_record(struct fast *x)
{
    do {
        struct bento_str *key = &x->keys[x->width];
        if (x->width >= WIDTH_MAX || !first_key(x, key))
            return false;
        for (size_t i = 0; i < x->width; i++)
            if (bento_str_eq(x->keys[i], *key))
                return false; /* twice the same key: the general path knows what that
                                 means */
        if (!cell(x, x->width))
            return false;
        x->width++;
    } while (is(x, ','));
    return is(x, '}');
}

static bool record_row(struct fast *x)
{
    for (size_t i = 0; i < x->width; i++) {
        if (i && !is(x, ','))
            return false;
        skip(x);
        if ((size_t)(x->end - x->p) < x->keys[i].n ||
            memcmp(x->p, x->keys[i].p, x->keys[i].n) != 0)
            return false;
        x->p += x->keys[i].n;
        if (!is(x, ':') || !cell(x, i))
            return false;
    }
    return is(x, '}');
}

/* All rows up to the end of the body. */
static bool read_rows(struct fast *x, bool records)
{
    char open = records ? '{' : '[';

    if (!(records ? first_record(x) : first_values(x)))
        return false;
    while (is(x, ',')) {
        if (x->cells + x->width > x->f->matrix_cap && !reserve(x, x->cells + x->width))
            return false;
        if (!is(x, open) || !(records ? record_row(x) : values_row(x)))
            return false;
    }
    if (!is(x, ']'))
        return false;
    skip(x);
    return x->p == x->end;
}

/* Row-major doubles to one typed column. */
static bool fill(struct fast *x, size_t rows, size_t i, struct bento_column *column)
{
    const double *from = x->f->matrix + i;
    void *data = bento_arena_alloc(&x->f->arena, rows * 8);

    if (!data)
        return false;
    column->data = data;
    column->dtype = x->real[i] ? BENTO_DTYPE_FLOAT64 : BENTO_DTYPE_INT64;
    if (x->real[i]) {
        for (size_t row = 0; row < rows; row++)
            ((double *)data)[row] = from[row * x->width];
    } else {
        for (size_t row = 0; row < rows; row++)
            ((int64_t *)data)[row] = (int64_t)from[row * x->width];
    }
    return true;
}

static bool
name_column(struct fast *x, bool records, size_t i, struct bento_column *column)
{
    struct bento_str name = bento_str_from(NULL, 0);

    if (x->f->options.column_count)
        name = x->f->columns[i];
    else if (records)
        name = bento_str_from(x->keys[i].p + 1, x->keys[i].n - 2);
    if (!name.p)
        return true;
    column->name = bento_arena_dup(&x->f->arena, name);
    column->name_size = name.n;
    return column->name != NULL;
}

static bool fits_options(const struct fast *x, bool records)
{
    const struct bento_frame_options *o = &x->f->options;

    if (o->text_count || (o->column_count && o->column_count != x->width))
        return false;
    for (size_t i = 0; records && i < o->column_count; i++)
        if (!bento_str_eq(x->f->columns[i],
                          bento_str_from(x->keys[i].p + 1, x->keys[i].n - 2)))
            return false;
    return true;
}

bento_rc frame_fast_json(struct bento_frames *f,
                         const char *p,
                         const char *end,
                         const struct bento_frame **ret)
{
    unsigned char real[WIDTH_MAX] = { 0 };
    struct fast x = { .f = f, .p = p, .end = end, .real = real };
    enum bento_orient orient = f->options.orient;

    if (!is(&x, '['))
        return BENTO_EUNSUPPORTED;
    bool records = is(&x, '{');
    if (!records && !is(&x, '['))
        return BENTO_EUNSUPPORTED;
    if (orient != BENTO_ORIENT_ANY &&
        orient != (records ? BENTO_ORIENT_RECORDS : BENTO_ORIENT_VALUES))
        return BENTO_EUNSUPPORTED;
    if (records) {
        bento_arena_clear(&f->scratch);
        x.keys = bento_arena_alloc(&f->scratch, WIDTH_MAX * sizeof *x.keys);
        if (!x.keys)
            return BENTO_ENOMEM;
    }
    if (!read_rows(&x, records) || !fits_options(&x, records))
        return BENTO_EUNSUPPORTED;
    size_t rows = x.cells / x.width;
    struct bento_frame *frame = frame_new(f, rows, x.width);
    for (size_t i = 0; frame && i < x.width; i++)
        if (!fill(&x, rows, i, &frame->column[i]) ||
            !name_column(&x, records, i, &frame->column[i]))
            frame = NULL;
    if (!frame)
        return BENTO_ENOMEM;
    *ret = frame;
    return BENTO_OK;
}
