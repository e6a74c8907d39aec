/* Tables and documents of bentos; see render.h. */
#include "cli/render.h"

#include <stdio.h>
#include <time.h>

#include "base/json.h"
#include "base/yaml.h"

#define CELLS_MAX (256u << 20)

/* ---- cells ---- */

static int64_t epoch_of(const char *created)
{
    struct bento_str s = bento_str_of(created);
    static const size_t at[] = { 0, 5, 8, 11, 14, 17 };
    static const size_t size[] = { 4, 2, 2, 2, 2, 2 };
    uint64_t v[6];

    for (int i = 0; i < 6; i++)
        if (s.n < at[i] + size[i] ||
            !bento_parse_u64(bento_str_from(s.p + at[i], size[i]), 0, 9999, &v[i]))
            return 0;
    struct tm t = { .tm_year = (int)v[0] - 1900,
                    .tm_mon = (int)v[1] - 1,
                    .tm_mday = (int)v[2],
                    .tm_hour = (int)v[3],
                    .tm_min = (int)v[4],
                    .tm_sec = (int)v[5] };
    return (int64_t)timegm(&t);
}

/* Two largest units: "1 day and 22 hours"; seconds with two decimals below a minute. */
static void add_age(struct bento_buf *to, const char *created)
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = { { "year", 31536000 }, { "week", 604800 }, { "day", 86400 },
                  { "hour", 3600 },     { "minute", 60 },   { "second", 1 } };
    int64_t age = (int64_t)time(NULL) - epoch_of(created);
    int shown = 0;

    if (age < 0)
        age = 0;
    for (size_t i = 0; i < sizeof units / sizeof units[0] && shown < 2; i++) {
        int64_t n = age / units[i].seconds;
        age %= units[i].seconds;
        if (n == 0 && !(units[i].seconds == 1 && shown == 0))
            continue;
        bento_buf_addf(to, "%s%lld %s%s", shown ? " and " : "", (long long)n,
                       units[i].name, n == 1 ? "" : "s");
        shown++;
    }
}

static void add_labels(struct bento_buf *to, const char *labels_json)
{
    const char *key;
    json_t *value;
    bool first = true;

    if (strcmp(labels_json, "{}") == 0)
        return;
    json_t *labels = bento_json_read(bento_str_of(labels_json), NULL);
    json_object_foreach(labels, key, value)
    {
        bento_buf_addf(to, "%s%s:%s", first ? "" : "\n", key,
                       json_is_string(value) ? json_string_value(value) : "");
        first = false;
    }
    json_decref(labels);
}

/* ---- tables ---- */

void table_init(struct table *table, bool wide)
{
    static const char head[] = "BENTO_SERVICE\0AGE\0APIS\0ARTIFACTS\0LABELS";
    static const char wide_head[] =
        "BENTO_SERVICE\0CREATED_AT\0APIS\0ARTIFACTS\0LABELS\0URI";

    bento_buf_init(&table->cells, CELLS_MAX);
    table->rows = 1;
    table->columns = wide ? 6 : 5;
    bento_buf_add(&table->cells, wide ? wide_head : head,
                  wide ? sizeof wide_head : sizeof head);
}

void table_add(struct table *table, const struct bento_record *record, bool wide)
{
    struct bento_buf *to = &table->cells;

    bento_buf_addf(to, "%s:%s", record->name, record->version);
    bento_buf_addc(to, '\0');
    if (wide)
        bento_buf_addf(to, "%.16s", record->created_at);
    else
        add_age(to, record->created_at);
    bento_buf_addc(to, '\0');
    bento_buf_adds(to, record->apis);
    bento_buf_addc(to, '\0');
    bento_buf_adds(to, record->artifacts);
    bento_buf_addc(to, '\0');
    add_labels(to, record->labels_json);
    bento_buf_addc(to, '\0');
    if (wide) {
        bento_buf_adds(to, record->uri);
        bento_buf_addc(to, '\0');
    }
    table->rows++;
}

/* Display width: code points, which is right for everything but double-width scripts. */
static size_t width_of(const char *p, size_t n)
{
    size_t width = 0;

    for (size_t i = 0; i < n; i++)
        width += ((unsigned char)p[i] & 0xC0) != 0x80;
    return width;
}

static void measure(const struct table *table, size_t widths[TABLE_COLUMNS])
{
    const char *cell = table->cells.p;

    for (size_t i = 0; i < table->rows * table->columns; i++) {
        struct bento_str rest = bento_str_of(cell);
        struct bento_str line;
        while (bento_str_next(&rest, '\n', &line)) {
            size_t n = width_of(line.p, line.n);
            if (n > widths[i % table->columns])
                widths[i % table->columns] = n;
        }
        cell += strlen(cell) + 1;
    }
}

/* Line number `line` of a cell, empty behind its last. */
static struct bento_str cell_line(const char *cell, size_t line, bool *ret_more)
{
    struct bento_str rest = bento_str_of(cell);
    struct bento_str part = { NULL, 0 };

    for (size_t i = 0; i <= line; i++)
        if (!bento_str_next(&rest, '\n', &part))
            return bento_str_from(NULL, 0);
    *ret_more = *ret_more || rest.p;
    return part;
}

/* One line of a row; returns the first cell of the next row. */
static const char *print_line(const struct table *table,
                              const char *cell,
                              size_t line,
                              const size_t widths[TABLE_COLUMNS],
                              struct bento_buf *out,
                              bool *ret_more)
{
    bento_buf_clear(out);
    for (size_t c = 0; c < table->columns; c++) {
        struct bento_str text = cell_line(cell, line, ret_more);
        size_t width = width_of(text.p, text.n);
        bento_buf_addstr(out, text);
        for (; width < widths[c] + 2 && c + 1 < table->columns; width++)
            bento_buf_addc(out, ' ');
        cell += strlen(cell) + 1;
    }
    while (out->n && out->p[out->n - 1] == ' ')
        out->n--;
    bento_buf_addc(out, '\n');
    (void)fwrite(out->p, 1, out->n, stdout);
    return cell;
}

void table_print(struct table *table)
{
    size_t widths[TABLE_COLUMNS] = { 0 };
    const char *row = table->cells.p;
    struct bento_buf out;

    if (table->cells.rc != BENTO_OK)
        return;
    measure(table, widths);
    bento_buf_init(&out, CELLS_MAX);
    for (size_t r = 0; r < table->rows; r++) {
        const char *next = row;
        bool more = true;
        for (size_t line = 0; more; line++) {
            more = false;
            next = print_line(table, row, line, widths, &out, &more);
        }
        row = next;
    }
    bento_buf_release(&out);
}

void table_release(struct table *table)
{
    bento_buf_release(&table->cells);
}

/* ---- documents ---- */

static json_t *document_of(const struct bento_record *record, struct bento_error *err)
{
    char *camel = NULL;
    json_t *document = json_object();
    json_t *uri = json_object();

    if (bento_metadata_camel(record->metadata_json, &camel, err) != BENTO_OK) {
        json_decref(document);
        json_decref(uri);
        return NULL;
    }
    json_t *metadata = bento_json_read(bento_str_of(camel), err);
    bento_store_free_text(camel);
    json_t *labels = bento_json_read(bento_str_of(record->labels_json), NULL);
    if (json_object_size(labels))
        (void)json_object_set(metadata, "labels", labels);
    json_decref(labels);
    (void)json_object_set_new(uri, "type", json_string(record->uri_type));
    (void)json_object_set_new(uri, "uri", json_string(record->uri));
    (void)json_object_set_new(document, "name", json_string(record->name));
    (void)json_object_set_new(document, "version", json_string(record->version));
    (void)json_object_set_new(document, "uri", uri);
    (void)json_object_set_new(document, "bentoServiceMetadata", metadata);
    (void)json_object_set_new(document, "status",
                              json_pack("{s:s}", "status", record->status));
    return document;
}

bento_rc render_json(const struct bento_record *record, struct bento_error *err)
{
    struct bento_buf text;
    json_t *document = document_of(record, err);

    if (!document)
        return BENTO_ECORRUPT;
    bento_buf_init(&text, CELLS_MAX);
    bento_json_write(&text, document, BENTO_JSON_ASCII);
    printf("%s\n", bento_buf_z(&text));
    bento_buf_release(&text);
    json_decref(document);
    return BENTO_OK;
}

bento_rc render_yaml(const struct bento_record *record, struct bento_error *err)
{
    struct bento_buf text;
    json_t *document = document_of(record, err);

    if (!document)
        return BENTO_ECORRUPT;
    bento_buf_init(&text, CELLS_MAX);
    bento_rc rc = bento_yaml_write(&text, document, err);
    if (rc == BENTO_OK)
        printf("%s", bento_buf_z(&text));
    bento_buf_release(&text);
    json_decref(document);
    return rc;
}
