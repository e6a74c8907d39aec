/* The local repository; see bento/store.h. */
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "os/fs.h"

#define BUSY_MS        20000
#define SCRATCH_PREFIX ".scratch-"

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));"
    "INSERT INTO alembic_version SELECT '370a2bf2e594' WHERE NOT EXISTS (SELECT 1 FROM alembic_version);"
    "CREATE TABLE IF NOT EXISTS bentos (id INTEGER NOT NULL, name VARCHAR NOT NULL, version VARCHAR NOT NULL, "
    "uri VARCHAR NOT NULL, uri_type VARCHAR(18), bento_service_metadata JSON NOT NULL, created_at DATETIME, "
    "upload_status JSON NOT NULL, deleted BOOLEAN, PRIMARY KEY (id), CONSTRAINT uri_type CHECK (uri_type IN "
    "('UNSET', 'LOCAL', 'S3', 'GCS', 'AZURE_BLOB_STORAGE', 'HDFS')), CHECK (deleted IN (0, 1)));"
    "CREATE TABLE IF NOT EXISTS deployments (id INTEGER NOT NULL, name VARCHAR NOT NULL, namespace VARCHAR NOT NULL, "
    "spec JSON NOT NULL, state JSON NOT NULL, annotations JSON NOT NULL, created_at DATETIME, last_updated_at DATETIME, "
    "PRIMARY KEY (id));"
    "CREATE TABLE IF NOT EXISTS labels (id INTEGER NOT NULL, resource_type VARCHAR(10), resource_id INTEGER NOT NULL, "
    "\"key\" VARCHAR NOT NULL, value VARCHAR NOT NULL, PRIMARY KEY (id), CONSTRAINT resource_type CHECK "
    "(resource_type IN ('deployment', 'bento')));"
    "CREATE TABLE IF NOT EXISTS locks (id INTEGER NOT NULL, resource_id VARCHAR NOT NULL, lock_status VARCHAR(10), "
    "locks_held INTEGER, ttl DATETIME, PRIMARY KEY (id), UNIQUE (resource_id), CONSTRAINT lock_status CHECK "
    "(lock_status IN ('read_lock', 'write_lock')));";

bento_rc
store_sql_fail(struct bento_store *store, struct bento_error *err, const char *what)
{
    int code = sqlite3_errcode(store->db);

    return bento_fail(err,
                      code == SQLITE_BUSY                               ? BENTO_EBUSY
                      : code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? BENTO_ECORRUPT
                                                                        : BENTO_EIO,
                      "%s in '%s/storage.db': %s", what, store->home,
                      sqlite3_errmsg(store->db));
}

static bento_rc
run_sql(struct bento_store *store, const char *sql, struct bento_error *err)
{
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? BENTO_OK
               : store_sql_fail(store, err, "cannot write");
}

/* ---- open ---- */

static char *home_path(const char *home)
{
    char path[PATH_MAX];
    const char *user = getenv("HOME");

    if (!home || !*home)
        home = getenv("BENTOML_HOME");
    if (!home || !*home)
        (void)snprintf(path, sizeof path, "%s/bentoml", user ? user : "");
    else if (home[0] == '~' && (home[1] == '/' || !home[1]) && user)
        (void)snprintf(path, sizeof path, "%s%s", user, home + 1);
    else if (home[0] == '/')
        (void)snprintf(path, sizeof path, "%s", home);
    else {
        char cwd[PATH_MAX / 2];
        (void)snprintf(path, sizeof path, "%s/%.2000s",
                       getcwd(cwd, sizeof cwd) ? cwd : "", home);
    }
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        path[--n] = '\0';
    return bento_strdup(path);
}

/* "file:PATH?immutable=1": for a file system that cannot be written, where SQLite could
 * not make the side files that a database in WAL mode is read with. */
static bool immutable_uri(const char *path, char to[PATH_MAX])
{
    static const char hex[] = "0123456789ABCDEF";
    struct bento_buf uri;

    bento_buf_init(&uri, PATH_MAX - 1);
    bento_buf_adds(&uri, "file:");
    for (const unsigned char *c = (const unsigned char *)path; *c; c++) {
        if (strchr("%?#", *c)) {
            char code[3] = { '%', hex[*c >> 4], hex[*c & 15] };
            bento_buf_add(&uri, code, 3);
        } else {
            bento_buf_addc(&uri, (char)*c);
        }
    }
    bento_buf_adds(&uri, "?immutable=1");
    const char *text = bento_buf_z(&uri);
    if (text)
        (void)snprintf(to, PATH_MAX, "%s", text);
    bento_buf_release(&uri);
    return text != NULL;
}

static bool readable(struct bento_store *store)
{
    return sqlite3_exec(store->db, "SELECT 1 FROM sqlite_master LIMIT 1", NULL, NULL,
                        NULL) == SQLITE_OK;
}

static bento_rc
open_to_read(struct bento_store *store, const char *path, struct bento_error *err)
{
    char uri[PATH_MAX];

    if (access(path, F_OK) != 0)
        return BENTO_OK; /* an empty store */
    if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        return store_sql_fail(store, err, "cannot open the database");
    (void)sqlite3_busy_timeout(store->db, BUSY_MS);
    if (readable(store) || sqlite3_errcode(store->db) != SQLITE_CANTOPEN ||
        access(store->home, W_OK) == 0 || !immutable_uri(path, uri))
        return BENTO_OK; /* what is wrong is said when it is read */
    (void)sqlite3_close(store->db);
    store->db = NULL;
    if (sqlite3_open_v2(uri, &store->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) !=
        SQLITE_OK)
        return store_sql_fail(store, err, "cannot open the database");
    return BENTO_OK;
}

static bento_rc open_database(struct bento_store *store, struct bento_error *err)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/storage.db", store->home);
    if (store->read_only)
        return open_to_read(store, path, err);
    if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                        NULL) != SQLITE_OK)
        return store_sql_fail(store, err, "cannot open the database");
    (void)sqlite3_busy_timeout(store->db, BUSY_MS);
    /* A rollback journal, as 0.13 has it: such a home can be read from a read-only mount
     * and lie on a network file system. A database in WAL mode is switched when nobody
     * holds it; SQLite does not wait for that, and either mode is safe. */
    int mode = sqlite3_exec(store->db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
    bento_rc rc = mode == SQLITE_OK || mode == SQLITE_BUSY
                      ? run_sql(store, "PRAGMA synchronous=FULL; BEGIN IMMEDIATE;", err)
                      : store_sql_fail(store, err, "cannot write");
    if (rc == BENTO_OK)
        rc = run_sql(store, schema, err);
    return rc == BENTO_OK ? run_sql(store, "COMMIT;", err) : rc;
}

bento_rc bento_store_open(const char *home,
                          bool read_only,
                          struct bento_store **ret,
                          struct bento_error *err)
{
    char path[PATH_MAX];
    struct bento_store *store = bento_calloc(1, sizeof *store);

    if (!store)
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    store->read_only = read_only;
    store->home = home_path(home);
    bento_rc rc = store->home ? BENTO_OK : bento_fail(err, BENTO_ENOMEM, "out of memory");
    if (rc == BENTO_OK && !read_only) {
        (void)snprintf(path, sizeof path, "%s/repository", store->home);
        rc = bento_fs_make_folders(path, err);
    }
    if (rc == BENTO_OK)
        rc = open_database(store, err);
    if (rc != BENTO_OK) {
        bento_store_close(store);
        return rc;
    }
    *ret = store;
    return BENTO_OK;
}

void bento_store_close(struct bento_store *store)
{
    if (!store)
        return;
    (void)sqlite3_close(store->db);
    bento_free(store->home);
    bento_free(store);
}

const char *bento_store_home(const struct bento_store *store)
{
    return store->home;
}

/* ---- writing ---- */

/* Folders that a dead process left behind. */
static void sweep_scratch(const char *repository)
{
    struct dirent *entry;
    DIR *dir = opendir(repository);
    char path[PATH_MAX];

    while (dir && (entry = readdir(dir))) {
        uint64_t pid;
        struct bento_str rest = bento_str_of(entry->d_name);
        struct bento_str part;
        if (!bento_str_starts(rest, BENTO_STR(SCRATCH_PREFIX)))
            continue;
        rest = bento_str_from(rest.p + strlen(SCRATCH_PREFIX),
                              rest.n - strlen(SCRATCH_PREFIX));
        if (!bento_str_next(&rest, '-', &part) ||
            !bento_parse_u64(part, 1, INT_MAX, &pid))
            continue;
        if (kill((pid_t)pid, 0) == 0 || errno != ESRCH)
            continue;
        (void)snprintf(path, sizeof path, "%.3000s/%.300s", repository, entry->d_name);
        (void)bento_fs_remove_tree(path, NULL);
    }
    if (dir)
        (void)closedir(dir);
}

bento_rc
bento_store_scratch(struct bento_store *store, char **ret_path, struct bento_error *err)
{
    char path[PATH_MAX];
    uint64_t random = 0;

    (void)snprintf(path, sizeof path, "%s/repository", store->home);
    sweep_scratch(path);
    (void)!getrandom(&random, sizeof random, 0);
    (void)snprintf(path, sizeof path, "%s/repository/" SCRATCH_PREFIX "%ld-%016llx",
                   store->home, (long)getpid(), (unsigned long long)random);
    if (mkdir(path, 0777) != 0)
        return bento_fail_os(err, BENTO_EIO, errno, "cannot make folder '%s'", path);
    *ret_path = bento_strdup(path);
    return *ret_path ? BENTO_OK : bento_fail(err, BENTO_ENOMEM, "out of memory");
}

static void now_text(char to[48], bool iso)
{
    struct timespec now;
    struct tm parts;
    char seconds[32] = "";

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &parts);
    (void)strftime(seconds, 24, iso ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &parts);
    (void)snprintf(to, 48, "%.23s.%06u%s", seconds,
                   (unsigned)(now.tv_nsec / 1000) % 1000000u, iso ? "Z" : "");
}

static bool fit_for_folder(const char *name, const char *version)
{
    return *name && *version && !strchr(name, '/') && !strchr(version, '/') &&
           name[0] != '.' && strcmp(version, "..") != 0 && strcmp(version, ".") != 0;
}

/* Where a bundle of this home lies, whatever its row says: homes are copied and moved. */
static void bundle_path(const struct bento_store *store,
                        const char *name,
                        const char *version,
                        char to[PATH_MAX])
{
    (void)snprintf(to, PATH_MAX, "%s/repository/%.300s/%.300s", store->home, name,
                   version);
}

/* What is being committed. */
struct commit {
    const char *folder; /* where it lies */
    const char *target; /* where it will lie */
    const char *name;
    const char *version;
    const char *metadata_json;
    const char *labels_json; /* NULL: none */
};

static bento_rc
insert_row(struct bento_store *store, const struct commit *c, struct bento_error *err)
{
    char created[48];
    char updated[48];
    char status[128];
    sqlite3_stmt *s;

    now_text(created, false);
    now_text(updated, true);
    (void)snprintf(status, sizeof status,
                   "{\"status\": \"DONE\", \"updated_at\": \"%s\"}", updated);
    if (sqlite3_prepare_v2(
            store->db,
            "INSERT INTO bentos (name, version, uri, uri_type, bento_service_metadata, created_at, upload_status, deleted) "
            "VALUES (?, ?, ?, 'LOCAL', ?, ?, ?, 0)",
            -1, &s, NULL) != SQLITE_OK)
        return store_sql_fail(store, err, "cannot write");
    const char *values[] = { c->name,          c->version, c->target,
                             c->metadata_json, created,    status };
    for (int i = 0; i < 6; i++)
        (void)sqlite3_bind_text(s, i + 1, values[i], -1, SQLITE_STATIC);
    bento_rc rc = sqlite3_step(s) == SQLITE_DONE
                      ? BENTO_OK
                      : store_sql_fail(store, err, "cannot write");
    (void)sqlite3_finalize(s);
    return rc;
}

/* Labels of the row that was inserted last. */
static bento_rc
insert_labels(struct bento_store *store, const struct commit *c, struct bento_error *err)
{
    sqlite3_int64 id = sqlite3_last_insert_rowid(store->db);
    json_t *labels =
        bento_json_read(bento_str_of(c->labels_json ? c->labels_json : "{}"), err);
    sqlite3_stmt *s = NULL;
    bento_rc rc = labels ? BENTO_OK : BENTO_EPARSE;
    const char *key;
    json_t *value;

    if (rc == BENTO_OK &&
        sqlite3_prepare_v2(
            store->db,
            "INSERT INTO labels (resource_type, resource_id, \"key\", value) VALUES ('bento', ?, ?, ?)",
            -1, &s, NULL) != SQLITE_OK)
        rc = store_sql_fail(store, err, "cannot write");
    json_object_foreach(labels, key, value)
    {
        if (rc != BENTO_OK)
            break;
        (void)sqlite3_bind_int64(s, 1, id);
        (void)sqlite3_bind_text(s, 2, key, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(s, 3, json_string_value(value), -1, SQLITE_STATIC);
        if (sqlite3_step(s) != SQLITE_DONE)
            rc = store_sql_fail(store, err, "cannot write");
        (void)sqlite3_reset(s);
    }
    (void)sqlite3_finalize(s);
    json_decref(labels);
    return rc;
}

static bento_rc ignore_record(void *arg, const struct bento_record *record)
{
    (void)arg;
    (void)record;
    return BENTO_OK;
}

/* Inside the transaction: no such version, the row written, the folder moved. */
static bento_rc
commit_locked(struct bento_store *store, const struct commit *c, struct bento_error *err)
{
    bento_rc rc = bento_store_get(store, c->name, c->version, ignore_record, NULL, NULL);

    if (rc == BENTO_OK) {
        (void)bento_fail(err, BENTO_EEXISTS,
                         "BentoService bundle %s:%s already registered in repository",
                         c->name, c->version);
        return bento_hint(
            err,
            "reset the BentoService version with BentoService#set_version before saving again");
    }
    if (rc != BENTO_ENOTFOUND)
        return bento_fail(err, rc, "cannot look up %s:%s", c->name, c->version);
    rc = BENTO_OK;
    if (bento_fs_is_folder(c->target)) /* without a row: a save that was cut off */
        rc = bento_fs_remove_tree(c->target, err);
    if (rc == BENTO_OK)
        rc = insert_row(store, c, err);
    if (rc == BENTO_OK)
        rc = insert_labels(store, c, err);
    if (rc == BENTO_OK)
        rc = bento_fs_rename_new(c->folder, c->target, err);
    return rc;
}

/* The folder is on disk, then all or nothing of the rest. */
static bento_rc
commit_whole(struct bento_store *store, const struct commit *c, struct bento_error *err)
{
    char parent[PATH_MAX];

    (void)snprintf(parent, sizeof parent, "%s/repository/%.300s", store->home, c->name);
    bento_rc rc = bento_fs_make_folders(parent, err);
    if (rc == BENTO_OK)
        rc = bento_fs_sync_tree(c->folder, err);
    if (rc == BENTO_OK)
        rc = run_sql(store, "BEGIN IMMEDIATE", err);
    if (rc != BENTO_OK)
        return rc;
    rc = commit_locked(store, c, err);
    bool moved = rc == BENTO_OK; /* the last thing it does */
    if (rc == BENTO_OK)
        rc = bento_fs_sync_folder(parent, err);
    if (rc == BENTO_OK)
        rc = run_sql(store, "COMMIT", err);
    if (rc != BENTO_OK) {
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        if (moved)
            (void)bento_fs_remove_tree(c->target, NULL);
    }
    return rc;
}

bento_rc bento_store_commit(struct bento_store *store,
                            const char *folder,
                            const char *metadata_json,
                            const char *labels_json,
                            char **ret_path,
                            struct bento_error *err)
{
    char target[PATH_MAX];
    json_t *about = bento_json_read(bento_str_of(metadata_json), err);
    struct commit c = { .folder = folder,
                        .target = target,
                        .name = bento_json_text(about, "name", ""),
                        .version = bento_json_text(about, "version", ""),
                        .metadata_json = metadata_json,
                        .labels_json = labels_json };
    bento_rc rc;

    if (fit_for_folder(c.name, c.version)) {
        bundle_path(store, c.name, c.version, target);
        rc = commit_whole(store, &c, err);
    } else {
        rc = bento_fail(err, BENTO_EINVAL,
                        "metadata names no service and version fit for a folder");
    }
    json_decref(about);
    if (rc != BENTO_OK)
        return rc;
    *ret_path = bento_strdup(target);
    return *ret_path ? BENTO_OK : bento_fail(err, BENTO_ENOMEM, "out of memory");
}

static bento_rc keep_uri(void *arg, const struct bento_record *record)
{
    char **to = arg;

    if (strcmp(record->uri_type, "LOCAL") == 0)
        *to = bento_strdup(record->uri);
    return BENTO_OK;
}

static bento_rc delete_row(struct bento_store *store,
                           const char *name,
                           const char *version,
                           struct bento_error *err)
{
    sqlite3_stmt *s = NULL;
    bento_rc rc = run_sql(store, "BEGIN IMMEDIATE", err);

    if (rc != BENTO_OK)
        return rc;
    if (sqlite3_prepare_v2(
            store->db,
            "UPDATE bentos SET deleted = 1 WHERE name = ? AND version = ? AND deleted = 0",
            -1, &s, NULL) == SQLITE_OK) {
        (void)sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(s, 2, version, -1, SQLITE_STATIC);
    }
    if (!s || sqlite3_step(s) != SQLITE_DONE)
        rc = store_sql_fail(store, err, "cannot write");
    (void)sqlite3_finalize(s);
    if (rc == BENTO_OK)
        rc = run_sql(store, "COMMIT", err);
    if (rc != BENTO_OK)
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

bento_rc bento_store_delete(struct bento_store *store,
                            const char *name,
                            const char *version,
                            struct bento_error *err)
{
    char path[PATH_MAX];
    char *uri = NULL;
    bento_rc rc = bento_store_get(store, name, version, keep_uri, &uri, err);

    /* The row goes first: a crash leaves a folder nobody lists, never a row without its
     * folder. */
    if (rc == BENTO_OK)
        rc = delete_row(store, name, version, err);
    if (rc == BENTO_OK && fit_for_folder(name, version)) {
        bundle_path(store, name, version, path);
        if (bento_fs_is_folder(path))
            rc = bento_fs_remove_tree(path, err);
        if (uri && strcmp(uri, path) != 0 && bento_fs_is_folder(uri))
            BENTO_LOG(BENTO_LOG_WARN, "store",
                      BENTO_LOG_M("a folder outside of this repository is left alone"),
                      BENTO_LOG_Z("folder", uri), BENTO_LOG_Z("name", name),
                      BENTO_LOG_Z("version", version));
    }
    bento_free(uri);
    return rc;
}

/* ---- BENTO arguments ---- */

struct place {
    char *uri; /* NULL: not on this machine */
    char version[304];
};

static bento_rc keep_place(void *arg, const struct bento_record *record)
{
    struct place *place = arg;

    (void)snprintf(place->version, sizeof place->version, "%s", record->version);
    return keep_uri(&place->uri, record);
}

/* The folder of a registered bundle: this home's own, else where its row says. */
static bento_rc folder_of(struct bento_store *store,
                          const char *name,
                          const char *version,
                          char **ret_path,
                          struct bento_error *err)
{
    struct place place = { .uri = NULL };
    char path[PATH_MAX];
    bento_rc rc = bento_store_get(store, name, version, keep_place, &place, err);

    if (rc != BENTO_OK)
        return rc;
    bundle_path(store, name, place.version, path);
    if (!place.uri)
        rc = bento_fail(err, BENTO_EUNSUPPORTED, "%s:%s is not stored on this machine",
                        name, version);
    else if (fit_for_folder(name, place.version) && bento_fs_is_folder(path))
        *ret_path = bento_strdup(path);
    else if (bento_fs_is_folder(place.uri))
        *ret_path = bento_strdup(place.uri);
    else {
        (void)bento_fail(err, BENTO_ENOTFOUND,
                         "%s:%s is registered, but its folder '%s' is gone", name,
                         version, place.uri);
        rc = bento_hint(
            err, "save the service again, or remove the entry with 'bentoml delete'");
    }
    bento_free(place.uri);
    if (rc == BENTO_OK && !*ret_path)
        rc = bento_fail(err, BENTO_ENOMEM, "out of memory");
    return rc;
}

static bento_rc resolve_tag(const char *home,
                            const char *name,
                            const char *version,
                            char **ret_path,
                            struct bento_error *err)
{
    struct bento_store *store;
    bento_rc rc = bento_store_open(home, true, &store, err);

    if (rc != BENTO_OK)
        return rc;
    *ret_path = NULL;
    rc = folder_of(store, name, version, ret_path, err);
    bento_store_close(store);
    return rc;
}

bento_rc bento_store_resolve(const char *home,
                             const char *bento,
                             char **ret_path,
                             struct bento_error *err)
{
    char path[PATH_MAX];
    const char *colon = strrchr(bento, ':');

    if (bento_fs_is_folder(bento) && realpath(bento, path)) {
        *ret_path = bento_strdup(path);
        return *ret_path ? BENTO_OK : bento_fail(err, BENTO_ENOMEM, "out of memory");
    }
    if (!colon || colon == bento || !colon[1]) {
        (void)bento_fail(
            err, BENTO_ENOTFOUND,
            "BentoService \"%s\" not found - either specify the file path of the BentoService saved bundle, or the BentoService id in the form of \"name:version\"",
            bento);
        return BENTO_ENOTFOUND;
    }
    char *name = bento_strndup(bento, (size_t)(colon - bento));
    bento_rc rc = name ? resolve_tag(home, name, colon + 1, ret_path, err)
                       : bento_fail(err, BENTO_ENOMEM, "out of memory");
    bento_free(name);
    return rc;
}
