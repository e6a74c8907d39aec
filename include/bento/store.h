/*
 * The local repository: $BENTOML_HOME/repository/<name>/<version>/ and
 * $BENTOML_HOME/storage.db (SQLite, the schema of BentoML 0.13.1, readable by and from
 * the real one).
 *
 * Documents are passed as JSON text: bento metadata in the snake_case form in which 0.13
 * stores it (column bento_service_metadata). Dates are UTC. Every write is one `BEGIN
 * IMMEDIATE` transaction with a rollback journal, so that a home on a read-only mount can
 * be read. Threads: a handle belongs to one thread at a time; several processes may use
 * one home.
 */
#ifndef BENTO_STORE_H
#define BENTO_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bento/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bento_store;

/* home NULL: $BENTOML_HOME, else ~/bentoml. Creates folders and schema unless read_only
 * (then a missing database is an empty store). */
bento_rc bento_store_open(const char *home,
                          bool read_only,
                          struct bento_store **ret,
                          struct bento_error *err);
void bento_store_close(struct bento_store *store);
/* Absolute path of the home. Borrowed. */
const char *bento_store_home(const struct bento_store *store);

struct bento_record {
    const char *name;
    const char *version;
    const char *uri;
    const char *uri_type;      /* "LOCAL", … */
    const char *metadata_json; /* snake_case document */
    const char *labels_json;   /* {"k": "v"} */
    const char *created_at;    /* "2026-11-20 23:36:37.529845", UTC */
    const char *status;        /* "DONE", … */
    /* Only when the query is `brief`, else NULL. */
    const char *apis;      /* "predict<DataframeInput:DefaultOutput>, …" */
    const char *artifacts; /* "model<SklearnModelArtifact>, …" */
};

enum bento_order { BENTO_ORDER_CREATED_AT = 0, BENTO_ORDER_NAME = 1 };

struct bento_query {
    size_t size;        /* sizeof of this struct: version */
    const char *name;   /* NULL: all */
    const char *labels; /* 0.13 label selector, NULL or "": all */
    int64_t limit;      /* negative: none */
    int64_t offset;
    enum bento_order order;
    bool ascending;
    bool brief; /* APIs and artifacts as short texts, for tables */
};

#define BENTO_QUERY_INIT                                                              \
    {                                                                                 \
        sizeof(struct bento_query), NULL, NULL, -1, 0, BENTO_ORDER_CREATED_AT, false, \
            false                                                                     \
    }

/* Calls `each` per record, newest first by default; the record is valid during the call
 * only. A code other than BENTO_OK from `each` stops and is returned. BENTO_EINVAL: bad
 * selector. */
bento_rc bento_store_list(struct bento_store *store,
                          const struct bento_query *query,
                          bento_rc (*each)(void *arg, const struct bento_record *record),
                          void *arg,
                          struct bento_error *err);
/* One record by name and version ("latest": the newest by creation). BENTO_ENOTFOUND. */
bento_rc bento_store_get(struct bento_store *store,
                         const char *name,
                         const char *version,
                         bento_rc (*each)(void *arg, const struct bento_record *record),
                         void *arg,
                         struct bento_error *err);
/* Takes a finished bundle folder (on the same file system, below the home) into the
 * repository: fsync, rename without replacing, then the database row; a crash leaves
 * either state. BENTO_EEXISTS: that version is there already. ret_path: the final path,
 * freed by bento_store_free_text. */
bento_rc bento_store_commit(struct bento_store *store,
                            const char *folder,
                            const char *metadata_json,
                            const char *labels_json,
                            char **ret_path,
                            struct bento_error *err);
/* An empty folder below the home to write a bundle into; freed by bento_store_free_text.
 * Left-overs of dead processes are removed. */
bento_rc
bento_store_scratch(struct bento_store *store, char **ret_path, struct bento_error *err);
void bento_store_free_text(char *text);
/* Removes row and folder of one version. BENTO_ENOTFOUND. */
bento_rc bento_store_delete(struct bento_store *store,
                            const char *name,
                            const char *version,
                            struct bento_error *err);

/* What the command line accepts as BENTO: an existing folder, or name:version, or
 * name:latest. ret_path is absolute and freed by bento_store_free_text. BENTO_ENOTFOUND
 * with cause and hint. */
bento_rc bento_store_resolve(const char *home,
                             const char *bento,
                             char **ret_path,
                             struct bento_error *err);

/* bentoml.yml of a bundle folder as the JSON document of the file (same keys).
 * BENTO_ENOTFOUND, BENTO_ECORRUPT. ret_json is freed by bento_store_free_text. */
bento_rc bento_bundle_read(const char *folder, char **ret_json, struct bento_error *err);

/* The metadata document of a bundle folder: JSON with two spaces of indent, defaults
 * omitted; snake_case as `bentoml info` prints it, or camelCase as `bentoml get` and GET
 * /metadata do. ret_json is freed by bento_store_free_text. */
bento_rc bento_bundle_metadata(const char *folder,
                               bool camel,
                               char **ret_json,
                               struct bento_error *err);
/* A stored snake_case document in camelCase, on one line. */
bento_rc
bento_metadata_camel(const char *snake_json, char **ret_json, struct bento_error *err);

/* YAML <-> JSON text, as PyYAML's safe_dump(sort_keys=False, default block style) and
 * safe_load would have it. Limits: 16 MiB, depth 64, and with what aliases repeat 2 Mi
 * nodes and 32 MiB of text. ret is freed by bento_store_free_text. */
bento_rc bento_yaml_from_json(const char *json, char **ret_yaml, struct bento_error *err);
bento_rc
bento_yaml_to_json(const char *yaml, size_t n, char **ret_json, struct bento_error *err);

#ifdef __cplusplus
}
#endif
#endif
