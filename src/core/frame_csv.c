/*
 * CSV bodies: a header line, then rows, with the quoting rules of pandas' tokenizer.
 * Lines end with LF, CRLF or CR; empty lines are skipped; a line of blanks is a row with
 * one cell.
 */
#include "base/fail.h"
#include "core/frame.h"

struct csv {
    struct bento_frames *f;
    const char *p;
    const char *end;
    struct bento_buf field; /* of a field whose text is not one slice of the body */
};

/* One field. *ret_more: a comma follows. BENTO_EPARSE: the body ends inside quotes. */
static bento_rc read_field(struct csv *c, struct bento_str *ret, bool *ret_more)
{
    const char *from = c->p;
    bool quoted = false; /* inside quotes */
    bool plain = true;   /* the field is body[from..p) so far */

    bento_buf_clear(&c->field);
    if (c->p < c->end && *c->p == '"') {
        quoted = true;
        plain = false;
        c->p++;
    }
    for (; c->p < c->end; c->p++) {
        char ch = *c->p;
        if (quoted && ch == '"') {
            if (c->p + 1 < c->end && c->p[1] == '"')
                c->p++;
            else {
                quoted = false;
                continue;
            }
        } else if (!quoted && (ch == ',' || ch == '\n' || ch == '\r')) {
            break;
        }
        if (!plain)
            bento_buf_addc(&c->field, ch);
    }
    if (quoted)
        return BENTO_EPARSE;
    *ret_more = c->p < c->end && *c->p == ',';
    *ret = bento_str_from(from, (size_t)(c->p - from));
    if (!plain) {
        char *copy = bento_arena_dup(&c->f->scratch, bento_buf_str(&c->field));
        if (!copy || c->field.rc != BENTO_OK)
            return BENTO_ENOMEM;
        *ret = bento_str_from(copy, c->field.n);
    }
    c->p += *ret_more;
    return BENTO_OK;
}

static void skip_line_end(struct csv *c)
{
    if (c->p < c->end && *c->p == '\r')
        c->p++;
    if (c->p < c->end && *c->p == '\n')
        c->p++;
}

static bool at_empty_line(const struct csv *c)
{
    return c->p < c->end && (*c->p == '\n' || *c->p == '\r');
}

/* All fields of one line, appended to the table. */
static bento_rc read_row(struct csv *c, struct table *t)
{
    bool more = true;

    while (more) {
        struct bento_str field;
        bento_rc rc = read_field(c, &field, &more);
        if (rc != BENTO_OK)
            return rc;
        if (!table_add(c->f, t, cell_of_text(field)))
            return BENTO_ENOMEM;
    }
    skip_line_end(c);
    return table_end_row(c->f, t) ? BENTO_OK : BENTO_ENOMEM;
}

/* The first row becomes the header. */
static bento_rc read_header(struct csv *c, struct table *t)
{
    bento_rc rc = read_row(c, t);

    if (rc != BENTO_OK)
        return rc;
    t->header_count = t->cell_count;
    t->header = bento_arena_calloc(&c->f->scratch, t->header_count, sizeof *t->header);
    if (!t->header)
        return BENTO_ENOMEM;
    for (size_t i = 0; i < t->header_count; i++)
        t->header[i] = t->cells[i].text;
    t->has_header = true;
    t->cell_count = t->row_count = 0;
    return frame_mangle(&c->f->scratch, t->header, t->header_count) ? BENTO_OK
                                                                    : BENTO_ENOMEM;
}

/* Puts the columns into the order of the adapter's `columns`. */
static bento_rc reorder(struct bento_frames *f, struct table *t, struct bento_error *err)
{
    size_t want = f->options.column_count;
    size_t *from = bento_arena_calloc(&f->scratch, want, sizeof *from);
    struct table out = { .has_header = true, .header = f->columns, .header_count = want };

    if (!from)
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    for (size_t i = 0; i < want; i++) {
        while (from[i] < t->header_count &&
               !bento_str_eq(t->header[from[i]], f->columns[i]))
            from[i]++;
        if (from[i] == t->header_count)
            return bento_fail(err, BENTO_EINVAL, "no column '%.*s'",
                              BENTO_STR_ARG(f->columns[i]));
    }
    out.cells = bento_arena_alloc(&f->scratch, t->row_count * want * sizeof *out.cells);
    out.row_ends =
        bento_arena_alloc(&f->scratch, (t->row_count + 1) * sizeof *out.row_ends);
    if (!out.cells || !out.row_ends)
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    for (size_t row = 0; row < t->row_count; row++) {
        size_t start = row ? t->row_ends[row - 1] : 0;
        for (size_t i = 0; i < want; i++) {
            bool there = start + from[i] < t->row_ends[row];
            out.cells[out.cell_count++] =
                there ? t->cells[start + from[i]] : cell_of_text(BENTO_STR(""));
        }
        out.row_ends[out.row_count++] = out.cell_count;
    }
    t->cell_count = t->row_count = 0;
    for (size_t row = 0; row < out.row_count; row++) {
        for (size_t i = 0; i < want; i++)
            if (!table_add(f, t, out.cells[row * want + i]))
                return bento_fail(err, BENTO_ENOMEM, "out of memory");
        if (!table_end_row(f, t))
            return bento_fail(err, BENTO_ENOMEM, "out of memory");
    }
    t->header = f->columns;
    t->header_count = want;
    return BENTO_OK;
}

static bool same_header(const struct bento_frames *f, const struct table *t)
{
    if (t->header_count != f->options.column_count)
        return false;
    for (size_t i = 0; i < t->header_count; i++)
        if (!bento_str_eq(t->header[i], f->columns[i]))
            return false;
    return true;
}

static bento_rc read_table(struct csv *c, struct table *t, struct bento_error *err)
{
    bento_rc rc = read_header(c, t);

    while (rc == BENTO_OK && c->p < c->end) {
        if (at_empty_line(c))
            skip_line_end(c);
        else
            rc = read_row(c, t);
    }
    if (rc == BENTO_EPARSE)
        return bento_fail(err, rc, "the CSV ends inside quotes");
    if (rc != BENTO_OK)
        return bento_fail(err, rc, "no memory for a CSV body");
    return BENTO_OK;
}

bento_rc bento_frame_csv(struct bento_frames *f,
                         const char *body,
                         size_t n,
                         const struct bento_frame **ret,
                         struct bento_error *err)
{
    struct csv c = { .f = f, .p = body, .end = body + n };
    struct table *t = &f->table;

    if (!bento_utf8_valid(bento_str_from(body, n)))
        return bento_fail(err, BENTO_EPARSE, "the CSV is not UTF-8");
    if (n >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0)
        c.p += 3;
    while (at_empty_line(&c))
        skip_line_end(&c);
    if (c.p == c.end)
        return bento_fail(err, BENTO_EPARSE, "the CSV is empty");
    bento_buf_init(&c.field, n + 1);
    bento_arena_clear(&f->scratch);
    table_reset(t);
    bento_rc rc = read_table(&c, t, err);
    bento_buf_release(&c.field);
    if (rc == BENTO_OK && t->row_count == 0)
        return bento_fail(err, BENTO_EINVAL, "the CSV has a header and no rows");
    if (rc == BENTO_OK && f->options.column_count && !same_header(f, t))
        rc = reorder(f, t, err);
    if (rc == BENTO_OK)
        rc = frame_from_table(f, t, ret, err);
    return rc;
}
