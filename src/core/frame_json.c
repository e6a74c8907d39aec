/*
 * JSON bodies: a document as a tree (json_tree.h), then the orients of pandas: records,
 * values, columns, index, split. Bodies of numbers take frame_fast.c and never get here.
 */

#include "base/fail.h"
#include "core/frame.h"

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
        node_repr(&text, node);
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
        const struct node *cell = node_member(row, t->header[i], i);
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
        columns[i] = node_member(root, t->header[i], i);
        if (!columns[i] || columns[i]->type != NODE_OBJECT)
            return bento_fail(err, BENTO_EPARSE, "column '%.*s' is no object",
                              BENTO_STR_ARG(t->header[i]));
    }
    size_t rows = t->header_count ? columns[0]->count : 0;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < t->header_count; i++) {
            const struct node *cell = node_member(columns[i], columns[0]->keys[row], row);
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
    node_repr(&text, node);
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
    const struct node *columns = node_member(root, BENTO_STR("columns"), 0);
    const struct node *data = node_member(root, BENTO_STR("data"), 2);

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
           node_member(root, BENTO_STR("columns"), 0) &&
           node_member(root, BENTO_STR("index"), 1) &&
           node_member(root, BENTO_STR("data"), 2);
}

static bool is_table(const struct node *root)
{
    const struct node *schema =
        root->type == NODE_OBJECT ? node_member(root, BENTO_STR("schema"), 0) : NULL;

    return schema && root->count == 2 && node_member(root, BENTO_STR("data"), 1) &&
           schema->type == NODE_OBJECT && node_member(schema, BENTO_STR("primaryKey"), 1);
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
    bento_rc rc = node_parse(&f->scratch, body, n, &root, err);
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
