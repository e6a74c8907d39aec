/*
 * JSON bodies as Python's json.loads accepts them (NaN and Infinity included, a lone
 * surrogate not), then the orients of pandas: records, values, columns, index, split.
 * Bodies of numbers take frame_fast.c and never get here.
 */
#include <math.h>

#include "base/fail.h"
#include "core/frame.h"

#define FEW_KEYS 8 /* so many are compared one by one */

struct parser {
    struct bento_frames *f;
    const char *p;
    const char *end;
    bool no_memory;
};

/* ---- document ---- */

static bool parse_value(struct parser *j, struct node *node, unsigned depth);

static void skip_blank(struct parser *j)
{
    while (j->p < j->end &&
           (*j->p == ' ' || *j->p == '\n' || *j->p == '\t' || *j->p == '\r'))
        j->p++;
}

static bool take(struct parser *j, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(j->end - j->p) < n || memcmp(j->p, word, n) != 0)
        return false;
    j->p += n;
    return true;
}

static bool read_hex4(struct parser *j, unsigned *ret)
{
    unsigned value = 0;

    if (j->end - j->p < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = j->p[i];
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = (unsigned)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (unsigned)((c | 0x20) - 'a' + 10);
        else
            return false;
        value = value << 4 | digit;
    }
    j->p += 4;
    *ret = value;
    return true;
}

static size_t put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xC0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xE0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3F));
        to[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3F));
    to[2] = (char)(0x80 | (code >> 6 & 0x3F));
    to[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* Behind the backslash of an escape. Surrogates must come in pairs: half of one is no
 * text. */
static bool read_escape(struct parser *j, char *to, size_t *at)
{
    static const char plain[] = "\"\\/bfnrt";
    static const char means[] = "\"\\/\b\f\n\r\t";
    unsigned code;
    unsigned low;

    if (j->p >= j->end)
        return false;
    char c = *j->p++;
    if (c != 'u') {
        const char *found = c ? strchr(plain, c) : NULL;
        if (!found)
            return false;
        to[(*at)++] = means[found - plain];
        return true;
    }
    if (!read_hex4(j, &code) || (code >= 0xDC00 && code < 0xE000))
        return false;
    if (code >= 0xD800 && code < 0xDC00) {
        if (!take(j, "\\u") || !read_hex4(j, &low) || low < 0xDC00 || low >= 0xE000)
            return false;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    *at += put_utf8(to + *at, code);
    return true;
}

/* Behind the opening quote. */
static bool parse_string(struct parser *j, struct bento_str *ret)
{
    const char *from = j->p;

    while (j->p < j->end && *j->p != '"' && *j->p != '\\' && (unsigned char)*j->p >= 0x20)
        j->p++;
    if (j->p < j->end && *j->p == '"') {
        *ret = bento_str_from(from, (size_t)(j->p - from));
        j->p++;
        return true;
    }
    const char *close =
        j->p; /* an upper bound of the length is the distance to the real closing quote */
    while (close < j->end && *close != '"')
        close += *close == '\\' && close + 1 < j->end ? 2 : 1;
    char *to = bento_arena_alloc(&j->f->scratch, (size_t)(close - from) + 4);
    if (!to) {
        j->no_memory = true;
        return false;
    }
    size_t at = (size_t)(j->p - from);
    memcpy(to, from, at);
    while (j->p < j->end && *j->p != '"') {
        char c = *j->p++;
        if ((unsigned char)c < 0x20)
            return false;
        if (c != '\\')
            to[at++] = c;
        else if (!read_escape(j, to, &at))
            return false;
    }
    if (j->p >= j->end)
        return false;
    j->p++;
    *ret = bento_str_from(to, at);
    return true;
}

/* Children grow in doubling arena arrays; what they leave behind is freed with the body.
 */
static bool grow(struct parser *j, struct node *node, size_t *cap)
{
    size_t more = *cap ? *cap * 2 : 4;
    struct node *items = bento_arena_alloc(&j->f->scratch, more * sizeof *items);
    struct bento_str *keys = node->type == NODE_OBJECT
                                 ? bento_arena_alloc(&j->f->scratch, more * sizeof *keys)
                                 : NULL;

    if (!items || (node->type == NODE_OBJECT && !keys)) {
        j->no_memory = true;
        return false;
    }
    if (node->count) {
        memcpy(items, node->items, node->count * sizeof *items);
        if (keys)
            memcpy(keys, node->keys, node->count * sizeof *keys);
    }
    node->items = items;
    node->keys = keys;
    *cap = more;
    if (!keys || more <= FEW_KEYS)
        return true;
    if (!name_index_init(&node->index, &j->f->scratch, more)) {
        j->no_memory = true;
        return false;
    }
    for (size_t i = 0; i < node->count; i++)
        (void)name_index_enter(&node->index, keys, keys[i], i);
    return true;
}

static bool parse_array(struct parser *j, struct node *node, unsigned depth)
{
    size_t cap = 0;

    skip_blank(j);
    if (take(j, "]"))
        return true;
    for (;;) {
        if (node->count == cap && !grow(j, node, &cap))
            return false;
        skip_blank(j);
        if (!parse_value(j, &node->items[node->count], depth + 1))
            return false;
        node->count++;
        skip_blank(j);
        if (take(j, "]"))
            return true;
        if (!take(j, ","))
            return false;
    }
}

static size_t find_key(const struct node *node, struct bento_str key)
{
    if (node->index.slots)
        return name_index_find(&node->index, node->keys, key);
    for (size_t i = 0; i < node->count; i++)
        if (bento_str_eq(node->keys[i], key))
            return i;
    return NAMES_NONE;
}

/* A key seen before keeps its place and gets the later value, as in a Python dict. */
static struct node *slot_for(struct node *node, struct bento_str key)
{
    size_t at = find_key(node, key);

    if (at != NAMES_NONE)
        return &node->items[at];
    node->keys[node->count] = key;
    if (node->index.slots)
        (void)name_index_enter(&node->index, node->keys, key, node->count);
    return &node->items[node->count++];
}

static bool parse_object(struct parser *j, struct node *node, unsigned depth)
{
    size_t cap = 0;

    skip_blank(j);
    if (take(j, "}"))
        return true;
    for (;;) {
        struct bento_str key;
        if (node->count == cap && !grow(j, node, &cap))
            return false;
        skip_blank(j);
        if (!take(j, "\"") || !parse_string(j, &key))
            return false;
        skip_blank(j);
        if (!take(j, ":"))
            return false;
        skip_blank(j);
        if (node->count > FRAME_COLUMNS_MAX * 64u ||
            !parse_value(j, slot_for(node, key), depth + 1))
            return false;
        skip_blank(j);
        if (take(j, "}"))
            return true;
        if (!take(j, ","))
            return false;
    }
}

static bool parse_number(struct parser *j, struct node *node)
{
    const char *from = j->p;

    node->type = NODE_NUMBER;
    node->number.kind = BENTO_NUMBER_FLOAT;
    if (take(j, "NaN")) {
        node->nan = true;
        node->number.real = NAN;
        return true;
    }
    if (take(j, "Infinity")) {
        node->number.real = INFINITY;
        return true;
    }
    if (take(j, "-Infinity")) {
        node->number.real = -INFINITY;
        return true;
    }
    if (!bento_number_json(j->p, j->end, &node->number, &j->p))
        return false;
    node->text = bento_str_from(from, (size_t)(j->p - from));
    if (bento_str_eq(node->text, BENTO_STR("-0")))
        node->text = BENTO_STR("0");
    return true;
}

static bool parse_value(struct parser *j, struct node *node, unsigned depth)
{
    *node = (struct node){ .type = NODE_NULL };
    if (depth > FRAME_DEPTH_MAX || j->p >= j->end)
        return false;
    switch (*j->p) {
    case '[':
        j->p++;
        node->type = NODE_ARRAY;
        return parse_array(j, node, depth);
    case '{':
        j->p++;
        node->type = NODE_OBJECT;
        return parse_object(j, node, depth);
    case '"':
        j->p++;
        node->type = NODE_STRING;
        return parse_string(j, &node->text);
    case 'n':
        return take(j, "null");
    case 't':
        node->type = NODE_TRUE;
        return take(j, "true");
    case 'f':
        node->type = NODE_FALSE;
        return take(j, "false");
    default:
        return parse_number(j, node);
    }
}

bento_rc json_document(struct bento_frames *f,
                       const char *p,
                       size_t n,
                       struct node **ret,
                       struct bento_error *err)
{
    struct parser j = { .f = f, .p = p, .end = p + n };
    struct node *root = bento_arena_alloc(&f->scratch, sizeof *root);

    if (!root)
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    skip_blank(&j);
    bool ok = parse_value(&j, root, 0);
    skip_blank(&j);
    if (j.no_memory)
        return bento_fail(err, BENTO_ENOMEM, "no memory for a JSON body");
    if (!ok || j.p != j.end)
        return bento_fail(err, BENTO_EPARSE, "malformed JSON at byte %zu",
                          (size_t)(j.p - p));
    *ret = root;
    return BENTO_OK;
}

/* ---- repr ---- */

/* A str as Python's repr writes it; printable non-ASCII text stays as it is. */
static void repr_string(struct bento_buf *to, struct bento_str s)
{
    static const char hex[] = "0123456789abcdef";
    bool apostrophe = s.n && memchr(s.p, '\'', s.n);
    bool quote = s.n && memchr(s.p, '"', s.n);
    char mark = apostrophe && !quote ? '"' : '\'';

    bento_buf_addc(to, mark);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == (unsigned char)mark || c == '\\') {
            bento_buf_addc(to, '\\');
            bento_buf_addc(to, (char)c);
        } else if (c == '\n' || c == '\r' || c == '\t') {
            bento_buf_addc(to, '\\');
            bento_buf_addc(to, c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        } else if (c < 0x20 || c == 0x7F) {
            char escaped[4] = { '\\', 'x', hex[c >> 4], hex[c & 15] };
            bento_buf_add(to, escaped, 4);
        } else {
            bento_buf_addc(to, (char)c);
        }
    }
    bento_buf_addc(to, mark);
}

static void repr_number(struct bento_buf *to, const struct node *node)
{
    char text[32];

    if (node->number.kind != BENTO_NUMBER_FLOAT)
        bento_buf_addstr(to, node->text);
    else
        bento_buf_add(to, text, bento_number_repr(node->number.real, text));
}

void json_repr(struct bento_buf *to, const struct node *node)
{
    switch (node->type) {
    case NODE_NULL:
        bento_buf_adds(to, "None");
        break;
    case NODE_TRUE:
        bento_buf_adds(to, "True");
        break;
    case NODE_FALSE:
        bento_buf_adds(to, "False");
        break;
    case NODE_NUMBER:
        repr_number(to, node);
        break;
    case NODE_STRING:
        repr_string(to, node->text);
        break;
    case NODE_ARRAY:
    case NODE_OBJECT:
        bento_buf_addc(to, node->type == NODE_ARRAY ? '[' : '{');
        for (size_t i = 0; i < node->count; i++) {
            bento_buf_adds(to, i ? ", " : "");
            if (node->type == NODE_OBJECT) {
                repr_string(to, node->keys[i]);
                bento_buf_adds(to, ": ");
            }
            json_repr(to, &node->items[i]); /* depth is bounded by the parser */
        }
        bento_buf_addc(to, node->type == NODE_ARRAY ? ']' : '}');
        break;
    }
}

/* ---- cells ---- */

static struct cell cell_of_number(const struct node *node)
{
    struct cell cell = { .kind = CELL_MISSING, .text = node->text };

    switch (node->number.kind) {
    case BENTO_NUMBER_INT:
        cell.kind = CELL_INT;
        cell.value.i = node->number.i;
        break;
    case BENTO_NUMBER_UINT:
        cell.kind = CELL_UINT;
        cell.value.u = node->number.u;
        break;
    case BENTO_NUMBER_HUGE:
        cell.kind = CELL_HUGE;
        cell.value.real = node->number.real;
        break;
    case BENTO_NUMBER_FLOAT:
    case BENTO_NUMBER_NONE:
        if (node->nan) {
            cell.text = BENTO_STR("nan");
        } else {
            cell.kind = CELL_FLOAT;
            cell.value.real = node->number.real;
            cell.json_float = true;
        }
        break;
    }
    return cell;
}

/* false: out of memory */
static bool add_node(struct bento_frames *f, struct table *t, const struct node *node)
{
    struct cell cell = { .kind = CELL_MISSING, .text = { "", 0 } };
    struct bento_buf text;

    switch (node->type) {
    case NODE_NULL:
        break;
    case NODE_TRUE:
    case NODE_FALSE:
        cell.kind = CELL_BOOL;
        cell.value.truth = node->type == NODE_TRUE;
        cell.text = cell.value.truth ? BENTO_STR("True") : BENTO_STR("False");
        break;
    case NODE_NUMBER:
        cell = cell_of_number(node);
        break;
    case NODE_STRING:
        cell = cell_of_text(node->text);
        break;
    case NODE_ARRAY:
    case NODE_OBJECT:
        bento_buf_init(&text, f->scratch.max);
        json_repr(&text, node);
        cell.kind = CELL_TEXT;
        cell.text =
            bento_str_from(bento_arena_dup(&f->scratch, bento_buf_str(&text)), text.n);
        bento_buf_release(&text);
        if (!cell.text.p)
            return false;
        break;
    }
    return table_add(f, t, cell);
}

/* ---- orients ---- */

static bento_rc no_memory(struct bento_error *err)
{
    return bento_fail(err, BENTO_ENOMEM, "no memory for a JSON body");
}

static const struct node *
member(const struct node *object, struct bento_str key, size_t guess)
{
    if (guess < object->count && bento_str_eq(object->keys[guess], key))
        return &object->items[guess];
    size_t at = find_key(object, key);
    return at == NAMES_NONE ? NULL : &object->items[at];
}

static void
set_header(struct bento_frames *f, struct table *t, struct bento_str *names, size_t count)
{
    bool fixed = f->options.column_count != 0;

    t->header = fixed ? f->columns : names;
    t->header_count = fixed ? f->options.column_count : count;
    t->has_header = t->header_count != 0;
}

/* One row by name, in header order. */
static bento_rc add_object(struct bento_frames *f,
                           struct table *t,
                           const struct node *row,
                           struct bento_error *err)
{
    if (row->type != NODE_OBJECT)
        return bento_fail(err, BENTO_EPARSE, "a row is no object");
    for (size_t i = 0; i < t->header_count; i++) {
        const struct node *cell = member(row, t->header[i], i);
        if (!cell)
            return bento_fail(err, BENTO_EPARSE, "a row has no '%.*s'",
                              BENTO_STR_ARG(t->header[i]));
        if (!add_node(f, t, cell))
            return no_memory(err);
    }
    return table_end_row(f, t) ? BENTO_OK : no_memory(err);
}

static bento_rc read_rows_by_name(struct bento_frames *f,
                                  struct table *t,
                                  const struct node *root,
                                  struct bento_error *err)
{
    if (root->count == 0 || root->items[0].type != NODE_OBJECT)
        return bento_fail(err, BENTO_EPARSE, "rows are no objects");
    set_header(f, t, root->items[0].keys, root->items[0].count);
    for (size_t i = 0; i < root->count; i++) {
        bento_rc rc = add_object(f, t, &root->items[i], err);
        if (rc != BENTO_OK)
            return rc;
    }
    return BENTO_OK;
}

static bento_rc read_values(struct bento_frames *f,
                            struct table *t,
                            const struct node *rows,
                            struct bento_error *err)
{
    if (!t->header && f->options.column_count)
        set_header(f, t, NULL, 0);
    for (size_t i = 0; i < rows->count; i++) {
        const struct node *row = &rows->items[i];
        if (row->type != NODE_ARRAY || row->count == 0)
            return bento_fail(err, BENTO_EPARSE, "row %zu is no list of cells", i + 1);
        for (size_t k = 0; k < row->count; k++)
            if (!add_node(f, t, &row->items[k]))
                return no_memory(err);
        if (!table_end_row(f, t))
            return no_memory(err);
    }
    return BENTO_OK;
}

static bento_rc read_columns(struct bento_frames *f,
                             struct table *t,
                             const struct node *root,
                             struct bento_error *err)
{
    set_header(f, t, root->keys, root->count);
    const struct node **columns =
        bento_arena_calloc(&f->scratch, t->header_count + 1, sizeof *columns);
    if (!columns)
        return no_memory(err);
    for (size_t i = 0; i < t->header_count; i++) {
        columns[i] = member(root, t->header[i], i);
        if (!columns[i] || columns[i]->type != NODE_OBJECT)
            return bento_fail(err, BENTO_EPARSE, "column '%.*s' is no object",
                              BENTO_STR_ARG(t->header[i]));
    }
    size_t rows = t->header_count ? columns[0]->count : 0;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < t->header_count; i++) {
            const struct node *cell = member(columns[i], columns[0]->keys[row], row);
            if (!cell)
                return bento_fail(err, BENTO_EPARSE, "column '%.*s' lacks a row",
                                  BENTO_STR_ARG(t->header[i]));
            if (!add_node(f, t, cell))
                return no_memory(err);
        }
        if (!table_end_row(f, t))
            return no_memory(err);
    }
    return BENTO_OK;
}

static struct bento_str name_of(const struct node *node, struct bento_frames *f)
{
    struct bento_buf text;

    if (node->type == NODE_STRING)
        return node->text;
    bento_buf_init(&text, 1u << 20);
    json_repr(&text, node);
    struct bento_str copy =
        bento_str_from(bento_arena_dup(&f->scratch, bento_buf_str(&text)), text.n);
    bento_buf_release(&text);
    return copy;
}

/* Rows of split in the order of the adapter's columns. */
static bento_rc read_split_fixed(struct bento_frames *f,
                                 struct table *t,
                                 const struct bento_str *names,
                                 size_t name_count,
                                 const struct node *data,
                                 struct bento_error *err)
{
    struct name_index index;
    size_t *from = bento_arena_calloc(&f->scratch, f->options.column_count, sizeof *from);

    if (!from || !name_index_init(&index, &f->scratch, name_count))
        return no_memory(err);
    for (size_t i = 0; i < name_count; i++)
        (void)name_index_enter(&index, names, names[i], i);
    set_header(f, t, NULL, 0);
    for (size_t i = 0; i < t->header_count; i++)
        from[i] = name_index_find(&index, names, t->header[i]);
    for (size_t row = 0; row < data->count; row++) {
        const struct node *cells = &data->items[row];
        if (cells->type != NODE_ARRAY)
            return bento_fail(err, BENTO_EPARSE, "row %zu is no list of cells", row + 1);
        for (size_t i = 0; i < t->header_count; i++) {
            if (from[i] >= cells->count)
                return bento_fail(err, BENTO_EPARSE, "no column '%.*s'",
                                  BENTO_STR_ARG(t->header[i]));
            if (!add_node(f, t, &cells->items[from[i]]))
                return no_memory(err);
        }
        if (!table_end_row(f, t))
            return no_memory(err);
    }
    return BENTO_OK;
}

static bento_rc read_split(struct bento_frames *f,
                           struct table *t,
                           const struct node *root,
                           struct bento_error *err)
{
    const struct node *columns = member(root, BENTO_STR("columns"), 0);
    const struct node *data = member(root, BENTO_STR("data"), 2);

    if (!columns || !data || columns->type != NODE_ARRAY || data->type != NODE_ARRAY)
        return bento_fail(err, BENTO_EPARSE, "split needs lists 'columns' and 'data'");
    struct bento_str *names =
        bento_arena_calloc(&f->scratch, columns->count + 1, sizeof *names);
    if (!names)
        return no_memory(err);
    for (size_t i = 0; i < columns->count; i++)
        names[i] = name_of(&columns->items[i], f);
    if (f->options.column_count)
        return read_split_fixed(f, t, names, columns->count, data, err);
    set_header(f, t, names, columns->count);
    if (!frame_mangle(&f->scratch, t->header, t->header_count))
        return no_memory(err);
    return read_values(f, t, data, err);
}

static bool is_split(const struct node *root)
{
    return root->type == NODE_OBJECT && root->count == 3 &&
           member(root, BENTO_STR("columns"), 0) && member(root, BENTO_STR("index"), 1) &&
           member(root, BENTO_STR("data"), 2);
}

static bool is_table(const struct node *root)
{
    const struct node *schema =
        root->type == NODE_OBJECT ? member(root, BENTO_STR("schema"), 0) : NULL;

    return schema && root->count == 2 && member(root, BENTO_STR("data"), 1) &&
           schema->type == NODE_OBJECT && member(schema, BENTO_STR("primaryKey"), 1);
}

/* The orient of a body; ANY when it is none. A configured orient must be what the body
 * looks like. */
static enum bento_orient orient_of(const struct bento_frames *f, const struct node *root)
{
    enum bento_orient want = f->options.orient;

    if (root->type == NODE_ARRAY) {
        bool records = root->count && root->items[0].type == NODE_OBJECT;
        enum bento_orient is = records ? BENTO_ORIENT_RECORDS : BENTO_ORIENT_VALUES;
        return want == BENTO_ORIENT_ANY || want == is ? is : BENTO_ORIENT_ANY;
    }
    if (root->type != NODE_OBJECT || is_table(root))
        return BENTO_ORIENT_ANY;
    if (is_split(root))
        return want == BENTO_ORIENT_ANY || want == BENTO_ORIENT_SPLIT ? BENTO_ORIENT_SPLIT
                                                                      : BENTO_ORIENT_ANY;
    if (want == BENTO_ORIENT_INDEX)
        return BENTO_ORIENT_INDEX;
    return want == BENTO_ORIENT_ANY || want == BENTO_ORIENT_COLUMNS ? BENTO_ORIENT_COLUMNS
                                                                    : BENTO_ORIENT_ANY;
}

static bento_rc read_table(struct bento_frames *f,
                           struct table *t,
                           const struct node *root,
                           struct bento_error *err)
{
    switch (orient_of(f, root)) {
    case BENTO_ORIENT_RECORDS:
    case BENTO_ORIENT_INDEX:
        return read_rows_by_name(f, t, root, err);
    case BENTO_ORIENT_VALUES:
        return read_values(f, t, root, err);
    case BENTO_ORIENT_COLUMNS:
        return read_columns(f, t, root, err);
    case BENTO_ORIENT_SPLIT:
        return read_split(f, t, root, err);
    case BENTO_ORIENT_ANY:
        break;
    }
    return bento_fail(err, BENTO_EPARSE, "not a frame of the expected orient");
}

bento_rc frame_general_json(struct bento_frames *f,
                            const char *body,
                            size_t n,
                            const struct bento_frame **ret,
                            struct bento_error *err)
{
    struct table *t = &f->table;
    struct node *root;

    bento_arena_clear(&f->scratch);
    table_reset(t);
    if (!bento_utf8_valid(bento_str_from(body, n)))
        return bento_fail(err, BENTO_EPARSE, "the JSON is not UTF-8");
    bento_rc rc = json_document(f, body, n, &root, err);
    if (rc == BENTO_OK)
        rc = read_table(f, t, root, err);
    if (rc == BENTO_OK && !(t->header && t->header_count == 0) &&
        !frame_mangle(&f->scratch, t->header, t->header ? t->header_count : 0))
        rc = no_memory(err);
    if (rc == BENTO_OK)
        rc = frame_from_table(f, t, ret, err);
    /* 0.13 tells a client its own data back when it had got as far as a header. */
    if (rc == BENTO_EPARSE && (t->has_header || f->options.column_count))
        rc = err ? (err->code = BENTO_EINVAL) : BENTO_EINVAL;
    return rc;
}

bento_rc bento_frame_json(struct bento_frames *f,
                          const char *body,
                          size_t n,
                          const struct bento_frame **ret,
                          struct bento_error *err)
{
    bento_rc rc = frame_fast_json(f, body, body + n, ret);

    if (rc == BENTO_EUNSUPPORTED)
        return frame_general_json(f, body, n, ret, err);
    return rc == BENTO_OK ? rc : bento_fail(err, rc, "no memory for a JSON body");
}
