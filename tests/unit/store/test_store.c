/* store/store: commit, list, get, resolve, delete on a fresh home; a cut-off save. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/fs.h"
#include "store/store.h"
#include "support/check.h"

static char home[] = "/tmp/bento-test-store-XXXXXX";

static bento_rc count(void *arg, const struct bento_record *record)
{
    (void)record;
    ++*(int *)arg;
    return BENTO_OK;
}

static void make_bundle(struct bento_store *store, char **ret_folder)
{
    char path[4096];
    CHECK_INT(bento_store_scratch(store, ret_folder, NULL), BENTO_OK);
    (void)snprintf(path, sizeof path, "%s/bentoml.yml", *ret_folder);
    FILE *f = fopen(path, "w");
    CHECK(f != NULL);
    if (f) {
        fputs("version: 0.13.1\nmetadata:\n  service_name: S\n  service_version: v1\n",
              f);
        (void)fclose(f);
    }
}

static bento_rc save(struct bento_store *store,
                     const char *metadata,
                     const char *labels,
                     struct bento_error *err)
{
    char *folder = NULL;
    char *path = NULL;
    make_bundle(store, &folder);
    bento_rc rc = bento_store_commit(store, folder, metadata, labels, &path, err);
    (void)bento_fs_remove_tree(folder, NULL);
    bento_store_free_text(folder);
    bento_store_free_text(path);
    return rc;
}

TEST(life)
{
    struct bento_store *store = NULL;
    struct bento_error err = BENTO_ERROR_INIT;
    struct bento_query query = BENTO_QUERY_INIT;
    char path[4096];
    char *found = NULL;
    int n = 0;
    CHECK_INT(bento_store_open(home, true, &store, &err),
              BENTO_OK); /* nothing there: an empty store */
    CHECK_INT(bento_store_list(store, &query, count, &n, &err), BENTO_OK);
    CHECK_INT(n, 0);
    bento_store_close(store);
    CHECK_INT(bento_store_open(home, false, &store, &err), BENTO_OK);
    CHECK_INT(save(store, "{\"name\": \"S\", \"version\": \"v1\"}",
                   "{\"stage\": \"test\"}", &err),
              BENTO_OK);
    CHECK_INT(save(store, "{\"name\": \"S\", \"version\": \"v2\"}", NULL, &err),
              BENTO_OK);
    CHECK_INT(save(store, "{\"name\": \"S\", \"version\": \"v1\"}", NULL, &err),
              BENTO_EEXISTS);
    CHECK_INT(save(store, "{\"name\": \"../x\", \"version\": \"v1\"}", NULL, &err),
              BENTO_EINVAL);
    CHECK_INT(save(store, "{\"name\": \"S\", \"version\": \"..\"}", NULL, &err),
              BENTO_EINVAL);
    /* a save that was cut off between rename and commit left a folder without a row */
    (void)snprintf(path, sizeof path, "%s/repository/S/v3", home);
    CHECK_INT(bento_fs_make_folders(path, &err), BENTO_OK);
    CHECK_INT(save(store, "{\"name\": \"S\", \"version\": \"v3\"}", NULL, &err),
              BENTO_OK);
    CHECK_INT(bento_store_list(store, &query, count, &n, &err), BENTO_OK);
    CHECK_INT(n, 3);
    query.labels = "stage=test";
    n = 0;
    CHECK_INT(bento_store_list(store, &query, count, &n, &err), BENTO_OK);
    CHECK_INT(n, 1);
    CHECK_INT(bento_store_resolve(home, "S:latest", &found, &err), BENTO_OK);
    CHECK_STR(found, path);
    bento_store_free_text(found);
    CHECK_INT(bento_store_resolve(home, "S:v9", &found, &err), BENTO_ENOTFOUND);
    CHECK_INT(bento_store_resolve(home, "nothing", &found, &err), BENTO_ENOTFOUND);
    CHECK_INT(bento_store_delete(store, "S", "v3", &err), BENTO_OK);
    CHECK(!bento_fs_is_folder(path));
    CHECK_INT(bento_store_delete(store, "S", "v3", &err), BENTO_ENOTFOUND);
    bento_store_close(store);
}

int main(void)
{
    if (!mkdtemp(home))
        return 1;
    RUN(life);
    (void)bento_fs_remove_tree(home, NULL);
    return check_report();
}
