/*
 * JSON documents as Python's json.loads accepts them (NaN and Infinity included, a lone
 * surrogate not), as a tree in an arena. Strings without escapes are slices of the text,
 * which must stay where it is; the text must be valid UTF-8.
 */
#ifndef BENTO_CORE_JSON_TREE_H
#define BENTO_CORE_JSON_TREE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/number.h"
#include "bento/error.h"
#include "core/name_index.h"

#define NODE_DEPTH_MAX 512

enum node_type {
    NODE_NULL,
    NODE_TRUE,
    NODE_FALSE,
    NODE_NUMBER,
    NODE_STRING,
    NODE_ARRAY,
    NODE_OBJECT
};

struct node {
    enum node_type type;
    bool nan;              /* the NaN token */
    struct bento_str text; /* string content, or the number's digits */
    union {
        struct { /* array and object */
            struct node *items;
            struct bento_str *keys; /* object; a key that comes twice stands once, with
                                       its last value */
            size_t count;
            struct name_index index; /* of the keys, once they are many */
        };
        struct bento_number number;
    };
};

/* The whole text must be one document. BENTO_EPARSE, BENTO_ENOMEM. */
bento_rc node_parse(struct bento_arena *arena,
                    const char *p,
                    size_t n,
                    struct node **ret,
                    struct bento_error *err);
/* A member of an object, or NULL; looked for at position `guess` first. */
const struct node *
node_member(const struct node *object, struct bento_str key, size_t guess);
/* Python's repr of a parsed value. */
void node_repr(struct bento_buf *to, const struct node *node);

#endif
