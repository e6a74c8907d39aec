/*
 * The fast path: numbers and nulls in any of the five orients, as pandas and json.dumps
 * write them. One pass, no object per cell: numbers go straight into a matrix of doubles,
 * with two flags per column (a float was seen, a null was seen), and from there into
 * typed columns. Names are plain ASCII, rows of `columns` and `index` are called "0",
 * "1", …
 *
 * Anything else gives BENTO_EUNSUPPORTED and the general path decides; so this file never
 * refuses a body. What it accepts, it reads as the general path would: the unit tests and
 * the fuzz target compare the two.
 */
#include <math.h>

#include "base/alloc.h"
#include "core/frame.h"
#include "core/name_index.h"

#define WIDTH_MAX   4096
#define FEW_NAMES   16 /* so many are compared one by one */
#define HOLDS_FLOAT 1
#define HOLDS_NULL  2

/* Text that is expected again and again, quotes included. `head` are its first eight
 * bytes, `tail` its last eight; a shorter one is all in `head`, under `mask`. */
struct frame_key {
    struct bento_str text;
    uint64_t head;
    uint64_t tail;
    uint64_t mask;
};

struct reader {
    struct bento_frames *f;
    const char *end;
    bool named;    /* cells of a row carry the names of their columns */
    bool labelled; /* names of columns were read */
    bool upright;  /* the matrix is column-major */
    size_t width;
    size_t cells;
    unsigned char *holds; /* per column */
    struct name_index index;
    bool no_memory;
};

/* Quoted row numbers: "0", "1", … */
struct counter {
    char text[32];
    struct frame_key key;
};

/* ---- tokens: each takes a position and returns the one behind; NULL: not this form ----
 */

static inline const char *blanks(const char *p, const char *end)
{
    while (p < end && (unsigned char)*p <= ' ' &&
           (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

/* A mark and the blanks on both sides. */
static inline const char *past(const char *p, const char *end, char mark)
{
    if (!p)
        return NULL;
    p = blanks(p, end);
    return p < end && *p == mark ? blanks(p + 1, end) : NULL;
}

static struct frame_key key_of(struct bento_str text)
{
    struct frame_key key = { .text = text, .mask = UINT64_MAX };

    memcpy(&key.head, text.p, text.n < 8 ? text.n : 8);
    if (text.n < 8)
        key.mask = ((uint64_t)1 << 8 * text.n) - 1;
    else
        memcpy(&key.tail, text.p + text.n - 8, 8);
    return key;
}

static inline const char *
match(const char *p, const char *end, const struct frame_key *key)
{
    size_t n = key->text.n;
    uint64_t word;

    if (!p)
        return NULL;
    if ((size_t)(end - p) < n + 8)
        return (size_t)(end - p) >= n && memcmp(p, key->text.p, n) == 0 ? p + n : NULL;
    memcpy(&word, p, 8);
    if ((word ^ key->head) & key->mask)
        return NULL;
    if (n > 8) {
        memcpy(&word, p + n - 8, 8);
        if (word != key->tail)
            return NULL;
        if (n > 16 && memcmp(p + 8, key->text.p + 8, n - 16) != 0)
            return NULL;
    }
    return p + n;
}

/* A string of plain ASCII that is not empty; *ret has the quotes. */
static const char *plain_string(const char *p, const char *end, struct bento_str *ret)
{
    const char *from = p;

    if (p >= end || *p != '"')
        return NULL;
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\' || (unsigned char)*p < 0x20 || (unsigned char)*p >= 0x80)
            return NULL;
    if (p >= end || p == from + 1)
        return NULL;
    *ret = bento_str_from(from, (size_t)(p + 1 - from));
    return p + 1;
}

/* Null, and numbers that are not plain. */
static const char *
odd_cell(const char *p, const char *end, double *to, unsigned char *holds)
{
    struct bento_number number;

    if (p < end && *p == 'n') {
        if (end - p < 4 || memcmp(p, "null", 4) != 0)
            return NULL;
        *holds |= HOLDS_NULL;
        *to = NAN;
        return p + 4;
    }
    if (!bento_number_json(p, end, &number, &p))
        return NULL;
    if (number.kind == BENTO_NUMBER_FLOAT)
        *holds |= HOLDS_FLOAT;
    else if (number.kind != BENTO_NUMBER_INT ||
             fabs(number.real) >= (double)BENTO_NUMBER_EXACT)
        return NULL;
    *to = number.real;
    return p;
}

static inline const char *
read_cell(const char *p, const char *end, double *to, unsigned char *holds)
{
    bool fraction;

    if (!p)
        return NULL;
    const char *behind = bento_number_plain(p, end, to, &fraction);
    if (!behind)
        return odd_cell(p, end, to, holds);
    if (fraction)
        *holds |= HOLDS_FLOAT;
    return behind;
}

/* ---- counting rows by name ---- */

static void count_from_zero(struct counter *c)
{
    memcpy(c->text, "\"0\"", 3);
    c->key = key_of(bento_str_from(c->text, 3));
}

static void count_on(struct counter *c)
{
    size_t n = c->key.text.n;
    size_t at = n - 2;

    while (at > 0 && c->text[at] == '9')
        c->text[at--] = '0';
    if (at == 0) { /* one digit more; 64-bit counts end long before the room does */
        memmove(c->text + 2, c->text + 1, n - 1);
        c->text[1] = '1';
        n++;
    } else {
        c->text[at]++;
    }
    c->key = key_of(bento_str_from(c->text, n));
}

/* ---- memory ---- */

static bool reserve(struct reader *x, size_t need)
{
    struct bento_frames *f = x->f;

    if (need <= f->matrix_cap)
        return true;
    size_t cap = f->matrix_cap ? f->matrix_cap : 512;
    while (cap < need)
        cap *= 2;
    double *grown = bento_realloc(f->matrix, cap, sizeof *grown);
    if (!grown) {
        x->no_memory = true;
        return false;
    }
    f->matrix = grown;
    f->matrix_cap = cap;
    return true;
}

/* Room for one more name. */
static bool reserve_name(struct reader *x)
{
    struct bento_frames *f = x->f;

    if (x->width < f->key_cap)
        return true;
    size_t cap = f->key_cap ? f->key_cap * 2 : FEW_NAMES;
    struct bento_str *names = bento_realloc(f->names, cap, sizeof *names);
    if (names)
        f->names = names;
    struct frame_key *keys = names ? bento_realloc(f->keys, cap, sizeof *keys) : NULL;
    if (!keys) {
        x->no_memory = true;
        return false;
    }
    f->keys = keys;
    f->key_cap = cap;
    return true;
}

/* Whether a name was there before; many names are indexed. */
static bool known(struct reader *x, struct bento_str name)
{
    const struct bento_str *names = x->f->names;

    if (x->width < FEW_NAMES) {
        for (size_t i = 0; i < x->width; i++)
            if (bento_str_eq(names[i], name))
                return true;
        return false;
    }
    if (x->width == FEW_NAMES) {
        if (!name_index_init(&x->index, &x->f->scratch, WIDTH_MAX)) {
            x->no_memory = true;
            return true;
        }
        for (size_t i = 0; i < FEW_NAMES; i++)
            (void)name_index_enter(&x->index, names, names[i], i);
    }
    return name_index_enter(&x->index, names, name, x->width) != NAMES_NONE;
}

static struct bento_str unquoted(struct bento_str text)
{
    return bento_str_from(text.p + 1, text.n - 2);
}

/* The name of the next column. One that comes twice is for the general path, which knows
 * what that means. */
static bool add_name(struct reader *x, struct bento_str name)
{
    if (x->width >= WIDTH_MAX || !reserve_name(x))
        return false;
    x->f->names[x->width] = name;
    if (known(x, name))
        return false;
    x->labelled = true;
    x->width++;
    return true;
}

/* ---- rows ---- */

/* The first row gives the width, and the names when rows have them. Behind its opening
 * bracket, to behind its closing one. */
static const char *first_row(struct reader *x, const char *p)
{
    size_t width = 0;

    for (;;) {
        if (x->named) {
            struct bento_str quoted;
            p = plain_string(p, x->end, &quoted);
            if (!p || !add_name(x, unquoted(quoted)))
                return NULL;
            x->f->keys[width] = key_of(quoted);
            p = past(p, x->end, ':');
        } else if (x->width++ >= WIDTH_MAX) {
            return NULL;
        }
        if (!reserve(x, width + 1))
            return NULL;
        p = read_cell(p, x->end, &x->f->matrix[width], &x->holds[width]);
        width++;
        if (!p)
            return NULL;
        p = blanks(p, x->end);
        if (p >= x->end || *p != ',')
            break;
        p = blanks(p + 1, x->end);
    }
    x->cells = width;
    return p < x->end && *p == (x->named ? '}' : ']') ? p + 1 : NULL;
}

static const char *next_row(struct reader *x, const char *p)
{
    const char *end = x->end;
    size_t width = x->width;

    if (!reserve(x, x->cells + width))
        return NULL;
    double *to = x->f->matrix + x->cells;
    const struct frame_key *keys = x->named ? x->f->keys : NULL;
    unsigned char *holds = x->holds;
    for (size_t i = 0;;) {
        if (keys)
            p = past(match(p, end, &keys[i]), end, ':');
        p = read_cell(p, end, &to[i], &holds[i]);
        if (!p)
            return NULL;
        p = blanks(p, end);
        if (++i == width)
            break;
        if (p >= end || *p != ',')
            return NULL;
        p = blanks(p + 1, end);
    }
    x->cells += width;
    return p < end && *p == (keys ? '}' : ']') ? p + 1 : NULL;
}

static const char *read_row(struct reader *x, const char *p)
{
    p = past(p, x->end, x->named ? '{' : '[');
    if (!p)
        return NULL;
    return x->cells == 0 && (x->named || x->width == 0) ? first_row(x, p)
                                                        : next_row(x, p);
}

/* Rows one after another, from the first one's bracket to behind the list's. */
static const char *read_rows(struct reader *x, const char *p)
{
    for (;;) {
        p = read_row(x, p);
        if (!p)
            return NULL;
        p = blanks(p, x->end);
        if (p >= x->end || *p != ',')
            return past(p, x->end, ']');
        p++;
    }
}

/* {"0": {"a": 1, …}, …} behind the opening brace. */
static const char *read_index(struct reader *x, const char *p)
{
    struct counter row;

    x->named = true;
    for (count_from_zero(&row);; count_on(&row)) {
        p = read_row(x, past(match(p, x->end, &row.key), x->end, ':'));
        if (!p)
            return NULL;
        p = blanks(p, x->end);
        if (p >= x->end || *p != ',')
            return past(p, x->end, '}');
        p = blanks(p + 1, x->end);
    }
}

/* ---- columns ---- */

/* {"0": 1, "1": 2, …} */
static const char *read_column(struct reader *x, const char *p, unsigned char *holds)
{
    struct counter row;

    p = past(p, x->end, '{');
    for (count_from_zero(&row);; count_on(&row)) {
        if (!reserve(x, x->cells + 1))
            return NULL;
        p = past(match(p, x->end, &row.key), x->end, ':');
        p = read_cell(p, x->end, &x->f->matrix[x->cells], holds);
        if (!p)
            return NULL;
        x->cells++;
        p = blanks(p, x->end);
        if (p >= x->end || *p != ',')
            return past(p, x->end, '}');
        p = blanks(p + 1, x->end);
    }
}

/* {"a": {"0": 1, …}, …} behind the opening brace. */
static const char *read_columns(struct reader *x, const char *p)
{
    struct bento_str quoted;
    size_t rows = 0;

    x->upright = true;
    for (;;) {
        p = plain_string(p, x->end, &quoted);
        if (!p || !add_name(x, unquoted(quoted)))
            return NULL;
        p = past(p, x->end, ':');
        p = p ? read_column(x, p, &x->holds[x->width - 1]) : NULL;
        if (!p)
            return NULL;
        rows = rows ? rows : x->cells;
        if (x->cells != rows * x->width)
            return NULL;
        if (p >= x->end || *p != ',')
            return past(p, x->end, '}');
        p = blanks(p + 1, x->end);
    }
}

/* ---- split ---- */

/* A column's name: a string, or a position as pandas counts columns without names. */
static const char *read_name(const char *p, const char *end, struct bento_str *ret)
{
    const char *from = p;

    if (p < end && *p == '"') {
        p = plain_string(p, end, ret);
        *ret = p ? unquoted(*ret) : *ret;
        return p;
    }
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    *ret = bento_str_from(from, (size_t)(p - from));
    return ret->n == 1 || (ret->n > 1 && ret->n < 10 && *from != '0') ? p : NULL;
}

static const char *read_names(struct reader *x, const char *p)
{
    struct bento_str name;

    p = past(p, x->end, '[');
    for (;;) {
        p = p ? read_name(p, x->end, &name) : NULL;
        if (!p || !add_name(x, name))
            return NULL;
        p = blanks(p, x->end);
        if (p >= x->end || *p != ',')
            return past(p, x->end, ']');
        p = blanks(p + 1, x->end);
    }
}

/* Labels of rows are read over: 0.13 forgets them. */
static const char *skip_labels(struct reader *x, const char *p)
{
    unsigned char holds = 0;
    struct bento_str text;
    double value;

    p = past(p, x->end, '[');
    for (;;) {
        if (!p || p >= x->end)
            return NULL;
        p = *p == '"' ? plain_string(p, x->end, &text)
                      : read_cell(p, x->end, &value, &holds);
        if (!p)
            return NULL;
        p = blanks(p, x->end);
        if (p >= x->end || *p != ',')
            return past(p, x->end, ']');
        p = blanks(p + 1, x->end);
    }
}

/* {"columns": […], "index": […], "data": [[…], …]} behind the opening brace. */
static const char *read_split(struct reader *x, const char *p)
{
    static const char *const members[] = { "\"columns\"", "\"index\"", "\"data\"" };

    for (int i = 0; p && i < 3; i++) {
        struct frame_key member = key_of(bento_str_of(members[i]));
        p = past(match(i ? past(p, x->end, ',') : p, x->end, &member), x->end, ':');
        if (!p)
            return NULL;
        if (i < 2)
            p = i == 0 ? read_names(x, p) : skip_labels(x, p);
    }
    return past(read_rows(x, past(p, x->end, '[')), x->end, '}');
}

/* ---- from the matrix to a frame ---- */

static void settle_cell(const struct reader *x, size_t column, double from, void *to)
{
    int64_t integer;

    if (x->holds[column]) {
        memcpy(to, &from, 8);
    } else {
        integer = (int64_t)from;
        memcpy(to, &integer, 8);
    }
}

/* Cells of integer columns become integers; all cells move to memory that lasts. */
static void settle(const struct reader *x, char *to)
{
    const double *from = x->f->matrix;
    size_t rows = x->cells / x->width;
    size_t integers = 0;

    for (size_t i = 0; i < x->width; i++)
        integers += !x->holds[i];
    if (integers == 0) {
        memcpy(to, from, x->cells * 8);
        return;
    }
    for (size_t major = 0; major < (x->upright ? x->width : rows); major++)
        for (size_t minor = 0; minor < (x->upright ? rows : x->width);
             minor++, from++, to += 8)
            settle_cell(x, x->upright ? major : minor, *from, to);
}

static bool name_column(const struct reader *x, size_t i, struct bento_column *column)
{
    struct bento_str name = x->labelled ? x->f->names[i] : bento_str_from(NULL, 0);

    if (x->f->options.column_count)
        name = x->f->columns[i];
    if (!name.p)
        return true;
    column->name = bento_arena_dup(&x->f->arena, name);
    column->name_size = name.n;
    return column->name != NULL;
}

static bool fits_options(const struct reader *x)
{
    const struct bento_frame_options *o = &x->f->options;

    if (o->column_count && o->column_count != x->width)
        return false;
    for (size_t i = 0; x->labelled && i < o->column_count; i++)
        if (!bento_str_eq(x->f->columns[i], x->f->names[i]))
            return false;
    return true;
}

static const struct bento_frame *make_frame(struct reader *x)
{
    size_t rows = x->cells / x->width;
    struct bento_frame *frame = frame_new(x->f, rows, x->width);
    char *data = bento_arena_alloc(&x->f->arena, x->cells * 8);

    if (!frame || !data)
        return NULL;
    settle(x, data);
    for (size_t i = 0; i < x->width; i++) {
        struct bento_column *column = &frame->column[i];
        column->dtype = x->holds[i] ? BENTO_DTYPE_FLOAT64 : BENTO_DTYPE_INT64;
        column->data = data + 8 * (x->upright ? i * rows : i);
        column->stride = 8 * (x->upright ? 1 : x->width);
        if (!name_column(x, i, column))
            return NULL;
    }
    return frame;
}

/* Whether the options allow a body of this orient. `columns` and `index` look alike: an
 * object is `index` only when that is configured. */
static bool wanted(const struct reader *x, enum bento_orient is)
{
    enum bento_orient want = x->f->options.orient;

    return want == is || (want == BENTO_ORIENT_ANY && is != BENTO_ORIENT_INDEX);
}

static const char *read_body(struct reader *x, const char *p)
{
    static const char split[] = "\"columns\"";
    const char *end = x->end;

    if (p < end && *p == '[') {
        p = blanks(p + 1, end);
        x->named = p < end && *p == '{';
        return wanted(x, x->named ? BENTO_ORIENT_RECORDS : BENTO_ORIENT_VALUES)
                   ? read_rows(x, p)
                   : NULL;
    }
    p = past(p, end, '{');
    if (!p)
        return NULL;
    if ((size_t)(end - p) > sizeof split && memcmp(p, split, sizeof split - 1) == 0)
        return wanted(x, BENTO_ORIENT_SPLIT) ? read_split(x, p) : NULL;
    if (x->f->options.orient == BENTO_ORIENT_INDEX)
        return read_index(x, p);
    return wanted(x, BENTO_ORIENT_COLUMNS) ? read_columns(x, p) : NULL;
}

/* Objects with exactly the members of `split` are never `columns`, in whatever order. */
static bool looks_split(const struct reader *x)
{
    for (size_t i = 0; x->upright && i < x->width; i++)
        if (bento_str_eq(x->f->names[i], BENTO_STR("columns")))
            return true;
    return false;
}

bento_rc frame_fast_json(struct bento_frames *f,
                         const char *p,
                         const char *end,
                         const struct bento_frame **ret)
{
    unsigned char holds[WIDTH_MAX + 1] = { 0 };
    struct reader x = { .f = f, .end = end, .holds = holds };

    if (f->options.text_count)
        return BENTO_EUNSUPPORTED;
    bento_arena_clear(&f->scratch);
    p = read_body(&x, blanks(p, end));
    if (x.no_memory)
        return BENTO_ENOMEM;
    if (!p || p != end || looks_split(&x) || !fits_options(&x))
        return BENTO_EUNSUPPORTED;
    *ret = make_frame(&x);
    if (!*ret)
        return BENTO_ENOMEM;
    frame_make_real(f, *ret);
    return BENTO_OK;
}
