/*
 * Frame decoder: memory, tables and column typing; see frame.h and bento/frame.h.
 *
 * Typing follows pandas.read_csv (1.5): a column is int64, else uint64, else float64,
 * else bool, else text, decided cell by cell in row order because the C parser decides so
 * (an integer overflow seen before the first non-integer makes text).
 */
#include "core/frame.h"

#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/fail.h"

#define MEMORY_DEFAULT ((size_t)1 << 30)

static const char *const missing_words[] = {
    "",        "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND",
    "1.#QNAN", "<NA>", "N/A",      "NA",  "NULL",    "NaN",      "n/a",  "nan",  "null"
};

/* ---- life ---- */

static struct bento_str *
copy_names(struct bento_arena *arena, const char *const *names, size_t count)
{
    struct bento_str *copy = bento_arena_calloc(arena, count ? count : 1, sizeof *copy);

    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = bento_str_of(bento_arena_dup(arena, bento_str_of(names[i])));
        if (!copy[i].p)
            return NULL;
    }
    return copy;
}

bento_rc bento_frames_new(const struct bento_frame_options *options,
                          struct bento_frames **ret,
                          struct bento_error *err)
{
    struct bento_frames *f = bento_calloc(1, sizeof *f);

    if (!f)
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    f->options = *options;
    size_t max = options->memory_max ? options->memory_max : MEMORY_DEFAULT;
    bento_arena_init(&f->own, 4096, 64u << 20);
    bento_arena_init(&f->arena, 256u << 10, max);
    bento_arena_init(&f->scratch, 64u << 10, max);
    f->columns = copy_names(&f->own, options->columns, options->column_count);
    f->text_for = copy_names(&f->own, options->text_for, options->text_count);
    f->real_for = copy_names(&f->own, options->real_for, options->real_count);
    if (!f->columns || !f->text_for || !f->real_for ||
        !frame_mangle(&f->own, f->columns, options->column_count)) {
        bento_frames_free(f);
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    }
    *ret = f;
    return BENTO_OK;
}

void bento_frames_free(struct bento_frames *f)
{
    if (!f)
        return;
    bento_arena_release(&f->own);
    bento_arena_release(&f->arena);
    bento_arena_release(&f->scratch);
    bento_free(f->matrix);
    bento_free(f->names);
    bento_free(f->keys);
    bento_free(f->table.cells);
    bento_free(f->table.row_ends);
    bento_free(f);
}

void bento_frames_clear(struct bento_frames *f)
{
    bento_arena_clear(&f->arena);
}

struct bento_frame *frame_new(struct bento_frames *f, size_t rows, size_t columns)
{
    struct bento_frame *frame = bento_arena_calloc(&f->arena, 1, sizeof *frame);

    if (!frame)
        return NULL;
    frame->rows = rows;
    frame->columns = columns;
    frame->column = bento_arena_calloc(&f->arena, columns, sizeof *frame->column);
    return frame->column ? frame : NULL;
}

/* Frames without a header are named by position. */
static bool
named(const struct bento_str *names, size_t count, struct bento_str name, size_t index)
{
    char digits[24];

    if (!name.p && count) {
        (void)snprintf(digits, sizeof digits, "%zu", index);
        name = bento_str_of(digits);
    }
    for (size_t i = 0; i < count; i++)
        if (bento_str_eq(names[i], name))
            return true;
    return false;
}

bool frame_wants_text(const struct bento_frames *f, struct bento_str name, size_t index)
{
    return named(f->text_for, f->options.text_count, name, index);
}

void frame_make_real(const struct bento_frames *f, const struct bento_frame *frame)
{
    if (!f->options.all_real && !f->options.real_count)
        return;
    for (size_t i = 0; i < frame->columns; i++) {
        struct bento_column *column = &frame->column[i];
        struct bento_str name = bento_str_from(column->name, column->name_size);
        if (column->dtype != BENTO_DTYPE_INT64 ||
            (!f->options.all_real && !named(f->real_for, f->options.real_count, name, i)))
            continue;
        column->dtype = BENTO_DTYPE_FLOAT64;
        for (size_t row = 0; row < frame->rows; row++) {
            /* The memory is the decoder's own, and nobody has seen it yet. */
            char *cell = (char *)(uintptr_t)bento_column_cell(column, row);
            int64_t integer;
            memcpy(&integer, cell, sizeof integer);
            double real = (double)integer;
            memcpy(cell, &real, sizeof real);
        }
    }
}

/* ---- tables ---- */

void table_reset(struct table *t)
{
    t->header = NULL;
    t->header_count = t->cell_count = t->row_count = 0;
    t->has_header = false;
}

bool table_add(struct bento_frames *f, struct table *t, struct cell cell)
{
    if (t->cell_count == t->cell_cap) {
        size_t cap = t->cell_cap ? t->cell_cap * 2 : 256;
        size_t max = f->options.memory_max ? f->options.memory_max : MEMORY_DEFAULT;
        struct cell *cells =
            cap > max / sizeof cell ? NULL : bento_realloc(t->cells, cap, sizeof cell);
        if (!cells)
            return false;
        t->cells = cells;
        t->cell_cap = cap;
    }
    t->cells[t->cell_count++] = cell;
    return true;
}

bool table_end_row(struct bento_frames *f, struct table *t)
{
    (void)f;
    if (t->row_count == t->row_cap) {
        size_t cap = t->row_cap ? t->row_cap * 2 : 64;
        size_t *ends = bento_realloc(t->row_ends, cap, sizeof *ends);
        if (!ends)
            return false;
        t->row_ends = ends;
        t->row_cap = cap;
    }
    t->row_ends[t->row_count++] = t->cell_count;
    return true;
}

struct cell cell_of_text(struct bento_str text)
{
    static const char *const words[2][3] = { { "False", "FALSE", "false" },
                                             { "True", "TRUE", "true" } };
    struct cell cell = { .kind = CELL_TEXT, .text = text };
    struct bento_number number = bento_number_cell(text);

    switch (number.kind) {
    case BENTO_NUMBER_INT:
        cell.kind = CELL_INT;
        cell.value.i = number.i;
        return cell;
    case BENTO_NUMBER_UINT:
        cell.kind = CELL_UINT;
        cell.value.u = number.u;
        return cell;
    case BENTO_NUMBER_HUGE:
        cell.kind = CELL_HUGE;
        cell.value.real = number.real;
        return cell;
    case BENTO_NUMBER_FLOAT:
        cell.kind = CELL_FLOAT;
        cell.value.real = number.real;
        return cell;
    case BENTO_NUMBER_NONE:
        break;
    }
    if (text.n <= 9)
        for (size_t i = 0; i < sizeof missing_words / sizeof missing_words[0]; i++)
            if (bento_str_eq(text, bento_str_of(missing_words[i]))) {
                cell.kind = CELL_MISSING;
                return cell;
            }
    for (int truth = 0; truth < 2; truth++)
        for (int form = 0; form < 3; form++)
            if (bento_str_eq(text, bento_str_of(words[truth][form]))) {
                cell.kind = CELL_BOOL;
                cell.value.truth = truth;
                return cell;
            }
    return cell;
}

/* ---- names ---- */

/* "a" that is there already becomes "a.1", "a.2", …; `used` is the last such number. */
static bool fresh_name(struct bento_arena *arena,
                       struct name_index *index,
                       struct bento_str *names,
                       size_t at,
                       uint32_t *used)
{
    struct bento_str plain = names[at];
    struct bento_buf text;

    bento_buf_init(&text, plain.n + 32);
    do {
        bento_buf_clear(&text);
        bento_buf_addstr(&text, plain);
        bento_buf_addc(&text, '.');
        bento_buf_addu(&text, ++*used);
    } while (text.rc == BENTO_OK &&
             name_index_find(index, names, bento_buf_str(&text)) != NAMES_NONE);
    char *copy =
        text.rc == BENTO_OK ? bento_arena_dup(arena, bento_buf_str(&text)) : NULL;
    names[at] = bento_str_from(copy, text.n);
    bento_buf_release(&text);
    return copy && name_index_enter(index, names, names[at], at) == NAMES_NONE;
}

bool frame_mangle(struct bento_arena *arena, struct bento_str *names, size_t count)
{
    struct name_index index;
    char unnamed[40];

    uint32_t *used = bento_arena_calloc(arena, count + 1, sizeof *used);
    if (!used || !name_index_init(&index, arena, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (names[i].n == 0) {
            (void)snprintf(unnamed, sizeof unnamed, "Unnamed: %zu", i);
            names[i] = bento_str_of(bento_arena_dup(arena, bento_str_of(unnamed)));
            if (!names[i].p)
                return false;
        }
        size_t owner = name_index_enter(&index, names, names[i], i);
        if (owner != NAMES_NONE && !fresh_name(arena, &index, names, i, &used[owner]))
            return false;
    }
    return true;
}

/* ---- typing ---- */

struct column_view {
    const struct table *t;
    size_t skip; /* leading cells of each row that are an index */
    size_t index;
};

static const struct cell missing_cell = { .kind = CELL_MISSING, .text = { "", 0 } };

static const struct cell *cell_at(const struct column_view *v, size_t row)
{
    size_t start = row ? v->t->row_ends[row - 1] : 0;
    size_t at = start + v->skip + v->index;

    return at < v->t->row_ends[row] ? &v->t->cells[at] : &missing_cell;
}

struct tally {
    size_t kinds[CELL_TEXT + 1];
    bool overflow_first; /* an integer beyond int64 before the first cell that is none */
};

static void count_cells(const struct column_view *v, struct tally *tally)
{
    bool integers = true;

    *tally = (struct tally){ .overflow_first = false };
    for (size_t row = 0; row < v->t->row_count; row++) {
        const struct cell *c = cell_at(v, row);
        tally->kinds[c->kind]++;
        if (c->kind == CELL_UINT || c->kind == CELL_HUGE)
            tally->overflow_first = tally->overflow_first || integers;
        else if (c->kind != CELL_MISSING && c->kind != CELL_INT)
            integers = false;
    }
}

/* Whether a cell's text begins with a minus sign, which is all that the unsigned attempt
 * looks at. */
static bool begins_negative(const struct cell *c)
{
    if (c->json_float)
        return signbit(c->value.real) != 0;
    struct bento_str text = bento_str_trim(c->text);
    return text.n && text.p[0] == '-';
}

/* The unsigned attempt, made when int64 has overflowed. UINT64; TEXT with *ret_raw when
 * signs or missing cells conflict with it; TEXT when nothing holds the numbers; FLOAT64
 * when a cell is no integer at all and other types are tried. */
static enum bento_dtype try_unsigned(const struct column_view *v, bool *ret_raw)
{
    bool large = false;
    bool negative = false;
    bool missing = false;

    for (size_t row = 0; row < v->t->row_count; row++) {
        const struct cell *c = cell_at(v, row);
        if (c->kind == CELL_MISSING)
            missing = true;
        else if (begins_negative(c))
            negative = true;
        else if (c->kind == CELL_HUGE)
            return BENTO_DTYPE_TEXT;
        else if (c->kind == CELL_UINT)
            large = true;
        else if (c->kind != CELL_INT)
            return BENTO_DTYPE_FLOAT64;
    }
    *ret_raw = large && (negative || missing);
    return *ret_raw || negative ? BENTO_DTYPE_TEXT : BENTO_DTYPE_UINT64;
}

/* *ret_raw: missing cells keep their text instead of becoming NaN. */
static enum bento_dtype
choose(const struct column_view *v, const struct tally *t, bool *ret_raw)
{
    size_t missing = t->kinds[CELL_MISSING];
    size_t present = v->t->row_count - missing;
    size_t integers = t->kinds[CELL_INT] + t->kinds[CELL_UINT] + t->kinds[CELL_HUGE];

    *ret_raw = false;
    if (present == 0)
        return BENTO_DTYPE_FLOAT64;
    if (t->kinds[CELL_INT] == present && missing == 0)
        return BENTO_DTYPE_INT64;
    if (t->overflow_first) {
        enum bento_dtype dtype = try_unsigned(v, ret_raw);
        if (dtype != BENTO_DTYPE_FLOAT64)
            return dtype;
    }
    if (integers + t->kinds[CELL_FLOAT] == present)
        return BENTO_DTYPE_FLOAT64;
    if (t->kinds[CELL_BOOL] == present)
        return missing ? BENTO_DTYPE_BOOL_MISSING : BENTO_DTYPE_BOOL;
    return BENTO_DTYPE_TEXT;
}

static double cell_real(const struct cell *c)
{
    switch (c->kind) {
    case CELL_INT:
        return (double)c->value.i;
    case CELL_UINT:
        return (double)c->value.u;
    case CELL_HUGE:
    case CELL_FLOAT:
        return c->value.real;
    case CELL_MISSING:
    case CELL_BOOL:
    case CELL_TEXT:
        break;
    }
    return NAN;
}

static bool fill_fixed(struct bento_frames *f,
                       const struct column_view *v,
                       struct bento_column *column)
{
    size_t rows = v->t->row_count;
    bool bytes =
        column->dtype == BENTO_DTYPE_BOOL || column->dtype == BENTO_DTYPE_BOOL_MISSING;
    void *data = bento_arena_alloc(&f->arena, rows * (bytes ? 1 : 8));

    if (!data)
        return false;
    for (size_t row = 0; row < rows; row++) {
        const struct cell *c = cell_at(v, row);
        if (bytes)
            ((uint8_t *)data)[row] = c->kind == CELL_MISSING ? 2 : c->value.truth;
        else if (column->dtype == BENTO_DTYPE_FLOAT64)
            ((double *)data)[row] = cell_real(c);
        else if (column->dtype == BENTO_DTYPE_UINT64)
            ((uint64_t *)data)[row] =
                c->kind == CELL_UINT ? c->value.u : (uint64_t)c->value.i;
        else
            ((int64_t *)data)[row] = c->value.i;
    }
    column->data = data;
    column->stride = bytes ? 1 : 8;
    return true;
}

static struct bento_str cell_text(const struct cell *c, char repr[32])
{
    if (!c->json_float)
        return c->text;
    return bento_str_from(repr, bento_number_repr(c->value.real, repr));
}

static bool fill_text(struct bento_frames *f,
                      const struct column_view *v,
                      struct bento_column *column,
                      bool raw)
{
    size_t rows = v->t->row_count;
    size_t total = 0;
    char repr[32];

    uint64_t *offsets = bento_arena_alloc(&f->arena, (rows + 1) * sizeof *offsets);
    for (size_t row = 0; row < rows; row++)
        total += cell_text(cell_at(v, row), repr).n;
    char *text = bento_arena_alloc(&f->arena, total);
    if (!offsets || !text)
        return false;
    size_t at = 0;
    for (size_t row = 0; row < rows; row++) {
        const struct cell *c = cell_at(v, row);
        struct bento_str s = cell_text(c, repr);
        offsets[row] = at | (c->kind == CELL_MISSING && !raw ? BENTO_TEXT_MISSING : 0);
        if (s.n)
            memcpy(text + at, s.p, s.n);
        at += s.n;
    }
    offsets[rows] = at;
    column->offsets = offsets;
    column->text = text;
    return true;
}

/* The first data row may be longer than the header: pandas takes its leading cells as an
 * index. Later rows may not be longer than that; shorter ones are filled with missing
 * cells. */
static bento_rc measure(const struct table *t,
                        size_t *ret_width,
                        size_t *ret_skip,
                        struct bento_error *err)
{
    size_t first = t->row_count ? t->row_ends[0] : 0;
    size_t names = t->header ? t->header_count : first;
    size_t most = first > names ? first : names;

    if (t->row_count == 0 || names == 0)
        return bento_fail(err, BENTO_EPARSE, "no rows");
    if (names > BENTO_FRAME_COLUMNS_MAX)
        return bento_fail(err, BENTO_EUNSUPPORTED, "more than %d columns",
                          BENTO_FRAME_COLUMNS_MAX);
    for (size_t row = 1; row < t->row_count; row++)
        if (t->row_ends[row] - t->row_ends[row - 1] > most)
            return bento_fail(err, BENTO_EPARSE, "row %zu is longer than the ones before",
                              row + 1);
    *ret_width = names;
    *ret_skip = most - names;
    return BENTO_OK;
}

bento_rc frame_from_table(struct bento_frames *f,
                          const struct table *t,
                          const struct bento_frame **ret,
                          struct bento_error *err)
{
    size_t width = 0;
    size_t skip = 0;
    bento_rc rc = measure(t, &width, &skip, err);

    if (rc != BENTO_OK)
        return rc;
    struct bento_frame *frame = frame_new(f, t->row_count, width);
    if (!frame)
        return bento_fail(err, BENTO_ENOMEM, "no memory for %zu x %zu cells",
                          t->row_count, width);
    for (size_t i = 0; i < width; i++) {
        struct column_view view = { t, skip, i };
        struct bento_column *column = &frame->column[i];
        struct bento_str name = t->header ? t->header[i] : bento_str_from(NULL, 0);
        struct tally tally;
        bool raw = false;
        if (name.p) {
            column->name = bento_arena_dup(&f->arena, name);
            column->name_size = name.n;
        }
        count_cells(&view, &tally);
        column->dtype =
            frame_wants_text(f, name, i) ? BENTO_DTYPE_TEXT : choose(&view, &tally, &raw);
        bool filled = column->dtype == BENTO_DTYPE_TEXT ? fill_text(f, &view, column, raw)
                                                        : fill_fixed(f, &view, column);
        if (!filled || (name.p && !column->name))
            return bento_fail(err, BENTO_ENOMEM, "no memory for %zu x %zu cells",
                              t->row_count, width);
    }
    frame_make_real(f, frame);
    *ret = frame;
    return BENTO_OK;
}

static bool same_name(const struct bento_column *x, const struct bento_column *y)
{
    if (!x->name != !y->name || x->name_size != y->name_size)
        return false;
    return !x->name || x->name == y->name || memcmp(x->name, y->name, x->name_size) == 0;
}

bool bento_frame_same(const struct bento_frame *a, const struct bento_frame *b)
{
    if (a->columns != b->columns)
        return false;
    for (size_t i = 0; i < a->columns; i++)
        if (a->column[i].dtype != b->column[i].dtype ||
            !same_name(&a->column[i], &b->column[i]))
            return false;
    return true;
}

/* Whether all integers of a column are exact as doubles. */
static bool exact(const struct bento_column *column, size_t rows)
{
    for (size_t row = 0; row < rows; row++) {
        int64_t value = *(const int64_t *)bento_column_cell(column, row);
        if (value > (int64_t)BENTO_NUMBER_EXACT || value < -(int64_t)BENTO_NUMBER_EXACT)
            return false;
    }
    return true;
}

/* What frames must agree in when integers may become floats: FLOAT64 stands for both. */
static enum bento_dtype widened(const struct bento_frame *frame, size_t i)
{
    const struct bento_column *column = &frame->column[i];

    return column->dtype == BENTO_DTYPE_INT64 && exact(column, frame->rows)
               ? BENTO_DTYPE_FLOAT64
               : column->dtype;
}

bool bento_frame_same_widened(const struct bento_frame *a, const struct bento_frame *b)
{
    if (a->columns != b->columns)
        return false;
    for (size_t i = 0; i < a->columns; i++)
        if (widened(a, i) != widened(b, i) || !same_name(&a->column[i], &b->column[i]))
            return false;
    return true;
}
