/* How records are shown: table, wide table, JSON, YAML. */
#ifndef BENTO_CLI_RENDER_H
#define BENTO_CLI_RENDER_H

#include "base/buf.h"
#include "bento/store.h"

#define TABLE_COLUMNS 6

/* Rows of a table, collected before widths are known. */
struct table {
    struct bento_buf cells; /* NUL-separated */
    size_t rows;
    size_t columns;
};

void table_init(struct table *table, bool wide);
void table_add(struct table *table, const struct bento_record *record, bool wide);
void table_print(struct table *table);
void table_release(struct table *table);

/* One record as the JSON or YAML document of `bentoml get`. */
bento_rc render_json(const struct bento_record *record, struct bento_error *err);
bento_rc render_yaml(const struct bento_record *record, struct bento_error *err);

#endif
