/*
 * JSON documents and configuration (request bodies have their own decoder in core).
 * Values are jansson's; this adds writing as Python's json.dumps does: two-space indent,
 * floats in their shortest form.
 */
#ifndef BENTO_BASE_JSON_H
#define BENTO_BASE_JSON_H

#include <jansson.h>

#include "base/buf.h"

#define BENTO_JSON_ASCII 1 /* escape everything beyond ASCII */
#define BENTO_JSON_LINE  2 /* one line, ", " and ": " */

void bento_json_write(struct bento_buf *to, const json_t *value, unsigned flags);
/* Parses one document; of members with the same key the last one counts. NULL with
 * BENTO_EPARSE in err on failure: not JSON, no UTF-8, deeper than jansson goes (2048). */
json_t *bento_json_read(struct bento_str text, struct bento_error *err);
/* Member as text; `fallback` when absent or of another type. */
const char *bento_json_text(const json_t *object, const char *key, const char *fallback);

#endif
