/* A repository of a test's own: $BENTOML_HOME below $TMPDIR, and bundles in it. */
#ifndef TESTS_CLI_HOME_H
#define TESTS_CLI_HOME_H

#include "bento/store.h"
#include "os/fs.h"

#include "capture.h"

static char home[2048];

static bool home_make(void)
{
    const char *top = getenv("TMPDIR");

    (void)snprintf(home, sizeof home, "%s/bento-test-XXXXXX", top && *top ? top : "/tmp");
    return mkdtemp(home) && setenv("BENTOML_HOME", home, 1) == 0;
}

/* A saved bundle of one API. */
static inline void home_save(const char *name, const char *version, const char *labels)
{
    struct bento_store *store = NULL;
    char *folder = NULL;
    char *path = NULL;
    char text[4200];

    CHECK_INT(bento_store_open(NULL, false, &store, NULL), BENTO_OK);
    CHECK_INT(bento_store_scratch(store, &folder, NULL), BENTO_OK);
    (void)snprintf(text, sizeof text, "%s/bentoml.yml", folder);
    FILE *f = fopen(text, "w");
    CHECK(f != NULL);
    if (f) {
        (void)fprintf(
            f,
            "version: 0.13.1\nmetadata:\n  service_name: %s\n  service_version: %s\n"
            "  module_name: s\n  module_file: s.py\napis:\n- name: predict\n"
            "  input_type: JsonInput\n",
            name, version);
        (void)fclose(f);
    }
    (void)snprintf(
        text, sizeof text,
        "{\"name\": \"%s\", \"version\": \"%s\", \"apis\": [{\"name\": \"predict\", "
        "\"input_type\": \"JsonInput\", \"output_type\": \"DefaultOutput\"}]}",
        name, version);
    CHECK_INT(bento_store_commit(store, folder, text, labels, &path, NULL), BENTO_OK);
    bento_store_free_text(folder);
    bento_store_free_text(path);
    bento_store_close(store);
}

static inline bool home_has(const char *tag)
{
    char path[4200];
    char *slash;

    (void)snprintf(path, sizeof path, "%s/repository/%s", home, tag);
    if ((slash = strrchr(path, ':')))
        *slash = '/';
    return bento_fs_is_folder(path);
}

#endif
