/* Inside the store: the handle, and what its files share. */
#ifndef BENTO_STORE_STORE_H
#define BENTO_STORE_STORE_H

#include <sqlite3.h>

#include "base/buf.h"
#include "base/json.h"
#include "bento/store.h"

struct bento_store {
    sqlite3 *db; /* NULL: read-only and nothing there yet */
    char *home;
    bool read_only;
};

/* The error that the database reports now: BENTO_EBUSY, BENTO_ECORRUPT or BENTO_EIO. */
bento_rc
store_sql_fail(struct bento_store *store, struct bento_error *err, const char *what);
/* 0.13's label selectors; BENTO_EINVAL with 0.13's words for what is malformed. */
bento_rc selector_match(const char *selector,
                        const json_t *labels,
                        bool *ret,
                        struct bento_error *err);
/* Metadata document in snake_case from bentoml.yml. NULL on failure, err (not NULL) says
 * which. */
json_t *bundle_metadata(const char *folder, struct bento_error *err);
/* camelCase copy of a snake_case metadata document, user data left alone. */
json_t *metadata_camel(const json_t *snake);

#endif
