/*
 * Frames: one request's JSON or CSV text as typed columns, with the observable results of
 * BentoML 0.13's DataframeInput (which turned everything into CSV text and let
 * pandas.read_csv infer types).
 *
 * Decoding is per request; requests join a batch only when their frames agree
 * (bento_frame_same). Cells are typed the way pandas.read_csv (1.5) types the CSV text
 * that 0.13 would have written: int64, uint64, float64, bool, or text
 * ("object"); numbers are read exactly (correct rounding), which read_csv's default
 * parser is not in the last place.
 *
 * Ownership: a frame lives in the decoder's memory until bento_frames_clear; the decoder
 * is reused between jobs. Threads: a decoder belongs to one thread at a time; no global
 * state; Python's lock is not needed.
 */
#ifndef BENTO_FRAME_H
#define BENTO_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bento/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum bento_orient {
    BENTO_ORIENT_ANY = 0, /* not configured: guessed per body */
    BENTO_ORIENT_RECORDS = 1,
    BENTO_ORIENT_COLUMNS = 2,
    BENTO_ORIENT_INDEX = 3,
    BENTO_ORIENT_VALUES = 4,
    BENTO_ORIENT_SPLIT = 5
};

enum bento_dtype {
    BENTO_DTYPE_INT64 = 1,
    BENTO_DTYPE_UINT64 = 2,
    BENTO_DTYPE_FLOAT64 = 3, /* missing cells are NaN */
    BENTO_DTYPE_BOOL = 4,    /* one byte each */
    BENTO_DTYPE_TEXT = 5,    /* offsets + bytes, see bento_column */
    BENTO_DTYPE_BOOL_MISSING =
        6 /* booleans with missing cells (object in pandas): one byte each, 2 = missing */
};

struct bento_column {
    const char *name; /* UTF-8, not terminated; NULL: no header, the label is the column's
                         position */
    size_t name_size;
    enum bento_dtype dtype;
    const void *data; /* int64_t, uint64_t, double or uint8_t cells; NULL for TEXT */
    size_t stride;    /* bytes from one of these cells to the next */
    const uint64_t *offsets; /* TEXT: rows + 1 offsets into `text`; a missing cell (NaN)
                                has offsets[i] | 1<<63 */
    const char *text;
};

struct bento_frame {
    size_t rows;    /* > 0 */
    size_t columns; /* > 0 */
    struct bento_column *column;
};

#define BENTO_TEXT_MISSING ((uint64_t)1 << 63)

/* The cell of a row, in a column that is not TEXT. */
static inline const void *bento_column_cell(const struct bento_column *column, size_t row)
{
    return (const char *)column->data + row * column->stride;
}

struct bento_frame_options {
    size_t size; /* sizeof of this struct: version */
    enum bento_orient orient;
    const char *const *columns; /* the adapter's `columns`, or NULL */
    size_t column_count;
    /* Columns whose cells must not be typed by inference, because `dtype` fixes them: for
     * each column named in `text_for` the cells are delivered as TEXT exactly as read_csv
     * would see them, and the caller converts. */
    const char *const *text_for; /* names; for frames without header "0", "1", … */
    size_t text_count;
    /* Columns that `dtype` makes floats, named in the same way: integers in them become
     * FLOAT64, as astype would make them. */
    const char *const *real_for;
    size_t real_count;
    bool all_real;     /* every column is such a one */
    size_t memory_max; /* bytes of decoded memory per body; 0: the default, 1 GiB */
};

#define BENTO_FRAME_OPTIONS_INIT                                                         \
    {                                                                                    \
        sizeof(struct bento_frame_options), BENTO_ORIENT_ANY, NULL, 0, NULL, 0, NULL, 0, \
            false, 0                                                                     \
    }

struct bento_frames; /* a decoder and the memory of what it decoded */

bento_rc bento_frames_new(const struct bento_frame_options *options,
                          struct bento_frames **ret,
                          struct bento_error *err);
void bento_frames_free(struct bento_frames *frames);
/* Forgets all decoded frames, keeps memory for the next job. */
void bento_frames_clear(struct bento_frames *frames);

#define BENTO_FRAME_COLUMNS_MAX 65536

/* BENTO_EPARSE: not this format, wrong orient, no rows, ragged, not UTF-8: answer 400.
 * err->message is for logs: the adapter's fixed message goes to the client.
 * BENTO_EUNSUPPORTED: more than BENTO_FRAME_COLUMNS_MAX columns, likewise 400, because
 * the body itself may be small. BENTO_ENOMEM. The body needs no terminator and must stay
 * valid until bento_frames_clear. *ret stays valid until then. */
bento_rc bento_frame_json(struct bento_frames *frames,
                          const char *body,
                          size_t n,
                          const struct bento_frame **ret,
                          struct bento_error *err);
bento_rc bento_frame_csv(struct bento_frames *frames,
                         const char *body,
                         size_t n,
                         const struct bento_frame **ret,
                         struct bento_error *err);

/* Whether two frames may share a batch: same columns in the same order, same dtype of
 * each. */
bool bento_frame_same(const struct bento_frame *a, const struct bento_frame *b);
/* Same, but INT64 and FLOAT64 agree too as long as the integers are exact as doubles. An
 * equivalence: frames that agree with one of a batch agree with all. */
bool bento_frame_same_widened(const struct bento_frame *a, const struct bento_frame *b);

#ifdef __cplusplus
}
#endif
#endif
