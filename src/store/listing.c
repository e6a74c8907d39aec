/*
 * Reading the repository: rows in order, by selector, by tag.
 *
 * Ids are sorted and labels joined first; the other columns, which are long, are read by
 * id and only for rows that are shown. Nothing but the tables of 0.13 is needed for that.
 */
#include "store/brief.h"
#include "store/store.h"

#include <stdio.h>

#define DETAILS                                                                 \
    "SELECT name, version, uri, uri_type, bento_service_metadata, created_at, " \
    "json_extract(upload_status, '$.status') FROM bentos WHERE id = ?"

/* One reading: `rows` gives (id, labels as JSON), `details` the rest of an id. */
struct reading {
    struct bento_store *store;
    sqlite3_stmt *rows;
    sqlite3_stmt *details;
    struct brief *brief; /* NULL: short texts are not wanted */
    bento_rc (*each)(void *arg, const struct bento_record *record);
    void *arg;
    struct bento_error *err;
};

static const char *column(sqlite3_stmt *s, int i)
{
    const char *text = (const char *)sqlite3_column_text(s, i);

    return text ? text : "";
}

static bento_rc open_reading(struct reading *r, const char *sql)
{
    if (sqlite3_prepare_v2(r->store->db, sql, -1, &r->rows, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(r->store->db, DETAILS, -1, &r->details, NULL) == SQLITE_OK)
        return BENTO_OK;
    return store_sql_fail(r->store, r->err, "cannot read");
}

static void close_reading(struct reading *r)
{
    (void)sqlite3_finalize(r->rows);
    (void)sqlite3_finalize(r->details);
}

/* Hands the current row to the caller. */
static bento_rc visit(struct reading *r)
{
    sqlite3_stmt *s = r->details;
    bento_rc rc = BENTO_OK;

    (void)sqlite3_bind_int64(s, 1, sqlite3_column_int64(r->rows, 0));
    int step = sqlite3_step(s);
    if (step == SQLITE_ROW) {
        struct bento_record record = {
            .name = column(s, 0),
            .version = column(s, 1),
            .uri = column(s, 2),
            .uri_type = column(s, 3),
            .metadata_json = column(s, 4),
            .created_at = column(s, 5),
            .status = column(s, 6),
            .labels_json = column(r->rows, 1),
        };
        if (r->brief)
            rc = brief_read(r->brief, record.metadata_json, &record.apis,
                            &record.artifacts);
        rc = rc == BENTO_OK ? r->each(r->arg, &record)
                            : bento_fail(r->err, rc, "out of memory");
    } else if (step != SQLITE_DONE) {
        rc = store_sql_fail(r->store, r->err, "cannot read");
    }
    (void)sqlite3_reset(s);
    return rc;
}

static bento_rc takes_labels(const char *selector,
                             const char *labels_json,
                             bool *ret_taken,
                             struct bento_error *err)
{
    *ret_taken = true;
    if (!selector || !*selector)
        return BENTO_OK;
    json_t *labels = bento_json_read(bento_str_of(labels_json), NULL);
    bento_rc rc = selector_match(selector, labels, ret_taken, err);
    json_decref(labels);
    return rc;
}

static bento_rc list_rows(struct reading *r, const struct bento_query *q)
{
    bento_rc rc = BENTO_OK;
    int64_t seen = 0;
    int step = SQLITE_ROW;

    while (rc == BENTO_OK && (q->limit < 0 || seen < q->offset + q->limit) &&
           (step = sqlite3_step(r->rows)) == SQLITE_ROW) {
        bool taken = false;
        rc = takes_labels(q->labels, column(r->rows, 1), &taken, r->err);
        if (rc == BENTO_OK && taken && seen >= q->offset)
            rc = visit(r);
        seen += taken;
    }
    if (rc == BENTO_OK && step != SQLITE_ROW && step != SQLITE_DONE)
        rc = store_sql_fail(r->store, r->err, "cannot read");
    return rc;
}

bento_rc bento_store_list(struct bento_store *store,
                          const struct bento_query *q,
                          bento_rc (*each)(void *arg, const struct bento_record *record),
                          void *arg,
                          struct bento_error *err)
{
    struct brief brief;
    struct reading r = { .store = store,
                         .each = each,
                         .arg = arg,
                         .err = err,
                         .brief = q->brief ? &brief : NULL };
    const char *direction = q->ascending ? "ASC" : "DESC";
    char sql[640];
    bool ignored;

    /* Say what is malformed even when nothing is stored. */
    bento_rc rc = selector_match(q->labels, NULL, &ignored, err);
    if (rc != BENTO_OK || !store->db)
        return rc;
    (void)snprintf(sql, sizeof sql,
                   "SELECT b.id, coalesce(l.labels, '{}') FROM bentos b LEFT JOIN "
                   "(SELECT resource_id, json_group_object(\"key\", value) AS labels "
                   "FROM labels WHERE resource_type = 'bento' GROUP BY resource_id) l "
                   "ON l.resource_id = b.id WHERE deleted = 0 %s ORDER BY %s %s, b.id %s",
                   q->name ? "AND name = ?" : "",
                   q->order == BENTO_ORDER_NAME ? "name" : "created_at", direction,
                   direction);
    brief_init(&brief);
    rc = open_reading(&r, sql);
    if (rc == BENTO_OK && q->name)
        (void)sqlite3_bind_text(r.rows, 1, q->name, -1, SQLITE_STATIC);
    if (rc == BENTO_OK)
        rc = list_rows(&r, q);
    close_reading(&r);
    brief_release(&brief);
    return rc;
}

#define FIND                                                            \
    "SELECT id, (SELECT json_group_object(\"key\", value) FROM labels " \
    "WHERE resource_type = 'bento' AND resource_id = bentos.id) "       \
    "FROM bentos WHERE deleted = 0 AND name = ? "
#define NEWEST                                              \
    "AND json_extract(upload_status, '$.status') = 'DONE' " \
    "ORDER BY created_at DESC, id DESC LIMIT 1"

static bento_rc find_row(struct reading *r, const char *name, const char *version)
{
    bool latest = bento_str_ieq(bento_str_of(version), BENTO_STR("latest"));
    bento_rc rc = open_reading(
        r, latest ? FIND NEWEST : FIND "AND version = ? ORDER BY id DESC LIMIT 1");

    if (rc == BENTO_OK) {
        (void)sqlite3_bind_text(r->rows, 1, name, -1, SQLITE_STATIC);
        if (!latest)
            (void)sqlite3_bind_text(r->rows, 2, version, -1, SQLITE_STATIC);
        int step = sqlite3_step(r->rows);
        rc = step == SQLITE_ROW    ? visit(r)
             : step == SQLITE_DONE ? BENTO_ENOTFOUND
                                   : store_sql_fail(r->store, r->err, "cannot read");
    }
    close_reading(r);
    return rc;
}

bento_rc bento_store_get(struct bento_store *store,
                         const char *name,
                         const char *version,
                         bento_rc (*each)(void *arg, const struct bento_record *record),
                         void *arg,
                         struct bento_error *err)
{
    struct reading r = { .store = store, .each = each, .arg = arg, .err = err };
    bento_rc rc = store->db ? find_row(&r, name, version) : BENTO_ENOTFOUND;

    if (rc == BENTO_ENOTFOUND) {
        (void)bento_fail(
            err, BENTO_ENOTFOUND,
            "BentoService %s:%s not found - NOT_FOUND:BentoService `%s:%s` is not found",
            name, version, name, version);
        (void)bento_hint(err, "'bentoml list' shows what is in %s", store->home);
    }
    return rc;
}
