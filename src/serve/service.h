/*
 * The served bundle as the server needs it: names, the table of APIs, the documents of
 * the infrastructure routes. Read once from the bundle folder at start-up; constant
 * afterwards.
 */
#ifndef BENTO_SERVE_SERVICE_H
#define BENTO_SERVE_SERVICE_H

#include "base/buf.h"
#include "bento/serve.h"

struct service_api {
    const char *name;
    const char *route; /* without leading '/' */
    const char *input_type;
    bool batch;
    uint32_t max_batch;     /* after the command line's override, >= 1 */
    int64_t max_latency_ns; /* likewise */
    uint64_t body_max;      /* bytes */
    bool get;               /* the adapter takes GET */
};

struct service {
    char *folder;
    const char *name;
    const char *version;
    struct service_api *apis; /* in the order of the bundle, which is the worker's */
    size_t api_count;
    struct bento_buf docs;     /* docs.json as stored */
    struct bento_buf metadata; /* what GET /metadata answers */
    void *document;            /* owner of the strings above */
};

/* BENTO_ENOTFOUND, BENTO_ECORRUPT: the bundle is missing or broken; BENTO_EINVAL: bad
 * api_limits. */
bento_rc service_load(const struct bento_serve_options *options,
                      struct service *ret,
                      struct bento_error *err);
void service_release(struct service *service);

#endif
