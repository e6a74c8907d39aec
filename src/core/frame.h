/*
 * Inside the frame decoder: cells, tables, and the typing of columns. See bento/frame.h
 * for what it promises.
 *
 * A body becomes a table of cells (text or already classified JSON values), the table
 * becomes typed columns. Bodies of numbers skip the table: see frame_fast.c.
 */
#ifndef BENTO_CORE_FRAME_H
#define BENTO_CORE_FRAME_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/number.h"
#include "bento/frame.h"
#include "core/json_tree.h"

enum cell_kind {
    CELL_MISSING = 0,
    CELL_INT,
    CELL_UINT,
    CELL_HUGE, /* an integer that fits neither */
    CELL_FLOAT,
    CELL_BOOL,
    CELL_TEXT
};

/* 32 bytes. The text is what the CSV of 0.13 would have held; made lazily for JSON floats
 * (repr). */
struct cell {
    enum cell_kind kind;
    bool json_float; /* text.p is not valid yet: repr of `real` */
    union {
        int64_t i;
        uint64_t u;
        double real;
        bool truth;
    } value;
    struct bento_str text;
};

/* Rows of possibly different length, as CSV has them. */
struct table {
    struct bento_str *header; /* NULL: none */
    size_t header_count;
    bool has_header;    /* the request defined one, even if it failed later */
    struct cell *cells; /* grows; all rows one after another */
    size_t cell_count;
    size_t cell_cap;
    size_t *row_ends; /* index behind the last cell of each row */
    size_t row_count;
    size_t row_cap;
};

struct frame_key;

struct bento_frames {
    struct bento_frame_options options;
    struct bento_str *columns; /* copies of options.columns */
    struct bento_str *text_for;
    struct bento_str *real_for;
    struct bento_arena own;     /* copies of the options */
    struct bento_arena arena;   /* decoded frames, until clear */
    struct bento_arena scratch; /* of the body being decoded */
    double *matrix;             /* scratch of the fast path */
    size_t matrix_cap;
    struct bento_str *names; /* of columns, in the fast path */
    struct frame_key *keys;
    size_t key_cap;
    struct table table;
};

/* Classifies a text cell as read_csv would. */
struct cell cell_of_text(struct bento_str text);

/* Table building; false: out of memory. */
bool table_add(struct bento_frames *f, struct table *t, struct cell cell);
bool table_end_row(struct bento_frames *f, struct table *t);
void table_reset(struct table *t);

/* Names of duplicate and empty columns as read_csv makes them. false: out of memory. */
bool frame_mangle(struct bento_arena *arena, struct bento_str *names, size_t count);
/* Types the columns of a table. */
bento_rc frame_from_table(struct bento_frames *f,
                          const struct table *t,
                          const struct bento_frame **ret,
                          struct bento_error *err);
/* New frame with room for `columns` columns in the arena; NULL: out of memory. */
struct bento_frame *frame_new(struct bento_frames *f, size_t rows, size_t columns);
/* Whether cells of this column stay text. */
bool frame_wants_text(const struct bento_frames *f, struct bento_str name, size_t index);
/* Integers become floats where the options say so. */
void frame_make_real(const struct bento_frames *f, const struct bento_frame *frame);

/* frame_fast.c: BENTO_EUNSUPPORTED when the body is not of a simple form; nothing was
 * decided then. */
bento_rc frame_fast_json(struct bento_frames *f,
                         const char *p,
                         const char *end,
                         const struct bento_frame **ret);

/* frame_json.c: what bento_frame_json does when the fast path has not decided. Bodies
 * that both read give the same frame. */
bento_rc frame_general_json(struct bento_frames *f,
                            const char *body,
                            size_t n,
                            const struct bento_frame **ret,
                            struct bento_error *err);

#endif
