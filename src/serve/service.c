/* Loading the served bundle; see service.h. */
#include "serve/service.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>

#include "base/alloc.h"
#include "bento/store.h"
#include "os/fs.h"

#define DOCS_MAX          (16u << 20)
#define MAX_BATCH_DEFAULT 4000
#define MAX_BATCH_LIMIT   8192 /* entries of one job frame */
#define LATENCY_DEFAULT   20000
#define LATENCY_LIMIT     86400000 /* ms, as on the command line */
#define BODY_DEFAULT      20971520u

static int64_t pick(int64_t override, const json_t *value, int64_t fallback)
{
    if (override > 0)
        return override;
    int64_t own = json_integer_value(value);
    return own > 0 ? own : fallback;
}

static bento_rc read_api(const struct bento_serve_options *options,
                         const json_t *item,
                         struct service_api *ret,
                         struct bento_error *err)
{
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *route = json_string_value(json_object_get(item, "route"));
    const char *type = json_string_value(json_object_get(item, "input_type"));

    if (!type)
        type = json_string_value(json_object_get(item, "handler_type"));
    if (!name || !type)
        return bento_fail(err, BENTO_ECORRUPT,
                          "bentoml.yml: an API has no name or no input_type");
    int64_t batch = pick(options->mb_max_batch_size,
                         json_object_get(item, "mb_max_batch_size"), MAX_BATCH_DEFAULT);
    int64_t latency = pick(options->mb_max_latency_ms,
                           json_object_get(item, "mb_max_latency"), LATENCY_DEFAULT);
    *ret = (struct service_api){
        .name = name,
        .route = route ? route : name,
        .input_type = type,
        .batch = json_is_true(json_object_get(item, "batch")),
        .max_batch = (uint32_t)(batch > MAX_BATCH_LIMIT ? MAX_BATCH_LIMIT : batch),
        .max_latency_ns = (latency > LATENCY_LIMIT ? LATENCY_LIMIT : latency) * 1000000,
        .body_max = options->max_request_size ? options->max_request_size : BODY_DEFAULT,
        .get = !strstr(type, "File") && !strstr(type, "Image"),
    };
    return BENTO_OK;
}

static bento_rc read_apis(const struct bento_serve_options *options,
                          const json_t *list,
                          struct service *service,
                          struct bento_error *err)
{
    size_t count = json_array_size(list);

    service->apis = bento_calloc(count ? count : 1, sizeof *service->apis);
    if (!service->apis)
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    for (size_t i = 0; i < count; i++) {
        bento_rc rc = read_api(options, json_array_get(list, i), &service->apis[i], err);
        if (rc != BENTO_OK)
            return rc;
    }
    service->api_count = count;
    return BENTO_OK;
}

static bento_rc
apply_limits(struct service *service, const char *text, struct bento_error *err)
{
    struct bento_str rest = bento_str_of(text);
    struct bento_str part;

    while (text && bento_str_next(&rest, ',', &part)) {
        struct bento_str route;
        uint64_t bytes;
        size_t i;

        if (!bento_str_next(&part, '=', &route) ||
            !bento_parse_u64(part, 1, (uint64_t)1 << 40, &bytes))
            return bento_fail(err, BENTO_EUSAGE,
                              "body limits are written route=bytes,..., not '%s'", text);
        for (i = 0; i < service->api_count; i++)
            if (bento_str_eq(route, bento_str_of(service->apis[i].route)))
                break;
        if (i == service->api_count)
            return bento_fail(err, BENTO_EUSAGE,
                              "body limit for '%.*s': the service has no such route",
                              BENTO_STR_ARG(route));
        service->apis[i].body_max = bytes;
    }
    return BENTO_OK;
}

static bento_rc read_docs(struct service *service, struct bento_error *err)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/docs.json", service->folder);
    bento_rc rc = bento_fs_read(path, &service->docs, err);
    if (rc != BENTO_ENOTFOUND)
        return rc;
    if (err)
        *err = (struct bento_error)BENTO_ERROR_INIT;
    bento_buf_adds(&service->docs, "{}"); /* bundles older than 0.8 have none */
    return BENTO_OK;
}

/* GET /metadata answers a JSON string that holds JSON text, as 0.13 does. */
static bento_rc write_metadata(struct service *service, struct bento_error *err)
{
    char *text = NULL;
    bento_rc rc = bento_bundle_metadata(service->folder, true, &text, err);

    if (rc != BENTO_OK)
        return rc;
    json_t *string = json_string(text);
    char *quoted =
        string ? json_dumps(string, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;
    bento_store_free_text(text);
    json_decref(string);
    if (!quoted)
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    bento_buf_adds(&service->metadata, quoted);
    json_free_t release;
    json_get_alloc_funcs(NULL, &release);
    release(quoted);
    return BENTO_OK;
}

bento_rc service_load(const struct bento_serve_options *options,
                      struct service *ret,
                      struct bento_error *err)
{
    char *text = NULL;

    *ret = (struct service){ .folder = bento_strdup(options->bundle) };
    bento_buf_init(&ret->docs, DOCS_MAX);
    bento_buf_init(&ret->metadata, DOCS_MAX);
    if (!ret->folder)
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    bento_rc rc = bento_bundle_read(ret->folder, &text, err);
    if (rc != BENTO_OK)
        return rc;
    json_t *document = json_loads(text, 0, NULL);
    bento_store_free_text(text);
    ret->document = document;
    const json_t *about = json_object_get(document, "metadata");
    ret->name = json_string_value(json_object_get(about, "service_name"));
    ret->version = json_string_value(json_object_get(about, "service_version"));
    if (!ret->name || !ret->version)
        return bento_fail(err, BENTO_ECORRUPT,
                          "'%s/bentoml.yml' does not name a service and its version",
                          ret->folder);
    rc = read_apis(options, json_object_get(document, "apis"), ret, err);
    if (rc == BENTO_OK)
        rc = apply_limits(ret, options->api_limits, err);
    if (rc == BENTO_OK)
        rc = read_docs(ret, err);
    if (rc == BENTO_OK)
        rc = write_metadata(ret, err);
    return rc;
}

void service_release(struct service *service)
{
    bento_free(service->apis);
    bento_free(service->folder);
    bento_buf_release(&service->docs);
    bento_buf_release(&service->metadata);
    json_decref(service->document);
    *service = (struct service){ 0 };
}
