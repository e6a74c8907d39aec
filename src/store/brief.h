/*
 * What tables show of a service: its APIs and artifacts in one short text each. Read with
 * memory that is used again for the next service.
 */
#ifndef BENTO_STORE_BRIEF_H
#define BENTO_STORE_BRIEF_H

#include "base/arena.h"
#include "base/buf.h"
#include "bento/error.h"

struct brief {
    struct bento_arena arena;
    struct bento_buf apis;
    struct bento_buf artifacts;
};

void brief_init(struct brief *brief);
void brief_release(struct brief *brief);
/* From a stored metadata document; texts are borrowed until the next call, and empty when
 * the document cannot be read. BENTO_ENOMEM. */
bento_rc brief_read(struct brief *brief,
                    const char *metadata_json,
                    const char **ret_apis,
                    const char **ret_artifacts);

#endif
