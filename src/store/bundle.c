/* Reading bundles: bentoml.yml, and the metadata document that 0.13 derives from it. */
#include <limits.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/yaml.h"
#include "os/fs.h"
#include "store/store.h"

#define DESCRIPTOR_MAX (16u << 20)

void bento_store_free_text(char *text)
{
    bento_free(text);
}

/* Hands the buffer's memory to the caller. */
static bento_rc give_text(struct bento_buf *text, char **ret, struct bento_error *err)
{
    if (!bento_buf_z(text)) {
        bento_rc rc = text->rc;
        bento_buf_release(text);
        return bento_fail(err, rc, "no room for a document: %s", bento_rc_text(rc));
    }
    *ret = text->p;
    return BENTO_OK;
}

/* err must not be NULL: it carries the code. */
static json_t *read_descriptor(const char *folder, struct bento_error *err)
{
    char path[PATH_MAX];
    struct bento_buf text;
    json_t *document = NULL;

    bool fits = snprintf(path, sizeof path, "%s/bentoml.yml", folder) < PATH_MAX;
    bento_buf_init(&text, DESCRIPTOR_MAX);
    bento_rc rc = fits ? bento_fs_read(path, &text, err) : BENTO_ENOTFOUND;
    if (rc == BENTO_ENOTFOUND) {
        (void)bento_fail(err, rc, "'%s' is no bundle: it has no bentoml.yml", folder);
        (void)bento_hint(
            err,
            "give the folder of a saved bundle, or name:version (see 'bentoml list')");
    } else if (rc == BENTO_OK) {
        document = bento_yaml_read(bento_buf_str(&text), err);
        if (document && !json_is_object(json_object_get(document, "metadata"))) {
            json_decref(document);
            document = NULL;
            (void)bento_fail(err, BENTO_ECORRUPT, "'%s' does not describe a bundle",
                             path);
        } else if (!document && err->code != BENTO_ENOMEM) {
            char why[BENTO_ERROR_MESSAGE_SIZE];
            (void)snprintf(why, sizeof why, "%s", err->message);
            (void)bento_fail(err, BENTO_ECORRUPT, "'%s': %.200s", path, why);
        }
    }
    bento_buf_release(&text);
    return document;
}

bento_rc bento_bundle_read(const char *folder, char **ret_json, struct bento_error *err)
{
    struct bento_buf text;
    struct bento_error own = BENTO_ERROR_INIT;
    json_t *document = read_descriptor(folder, err = err ? err : &own);

    if (!document)
        return err->code;
    bento_buf_init(&text, 2 * DESCRIPTOR_MAX);
    bento_json_write(&text, document, BENTO_JSON_LINE);
    json_decref(document);
    return give_text(&text, ret_json, err);
}

/* Members of a document that is being made. When memory runs out it becomes NULL and
 * takes nothing more, so that one look at the end is enough. */
static void put(json_t **to, const char *key, json_t *value)
{
    if (json_object_set_new(*to, key, value) == 0)
        return;
    json_decref(*to);
    *to = NULL;
}

static void put_shared(json_t **to, const char *key, const json_t *value)
{
    put(to, key, json_incref((json_t *)(uintptr_t)value));
}

static void append(json_t **to, json_t *value)
{
    if (json_array_append_new(*to, value) == 0)
        return;
    json_decref(*to);
    *to = NULL;
}

static void
copy_text(json_t **to, const char *key, const json_t *from, const char *from_key)
{
    const json_t *value = json_object_get(from, from_key);

    if (json_is_string(value))
        put_shared(to, key, value);
}

/* "2026-11-20 23:36:37.504836" as protobuf writes it. */
static void copy_time(json_t **to, const json_t *about)
{
    char text[64];
    const char *created = bento_json_text(about, "created_at", NULL);

    if (!created || strlen(created) < 19)
        return;
    (void)snprintf(text, sizeof text, "%.10sT%.20s%s", created, created + 11,
                   created[strlen(created) - 1] == 'Z' ? "" : "Z");
    put(to, "created_at", json_string(text));
}

/* NULL on failure. */
static json_t *env_of(const json_t *document, struct bento_error *err)
{
    const json_t *env = json_object_get(document, "env");
    const json_t *conda = json_object_get(env, "conda_env");
    const json_t *packages = json_object_get(env, "pip_packages");
    struct bento_buf text;
    json_t *to = json_object();

    copy_text(&to, "setup_sh", env, "setup_sh");
    if (json_is_object(conda)) {
        bento_buf_init(&text, 1u << 20);
        bento_rc rc = bento_yaml_write(&text, conda, err);
        if (rc == BENTO_OK)
            put(&to, "conda_env", json_stringn(text.p, text.n));
        bento_buf_release(&text);
        if (rc != BENTO_OK) {
            json_decref(to);
            return NULL;
        }
    } else {
        copy_text(&to, "conda_env", env, "conda_env");
    }
    copy_text(&to, "python_version", env, "python_version");
    copy_text(&to, "docker_base_image", env, "docker_base_image");
    if (json_array_size(packages))
        put_shared(&to, "pip_packages", packages);
    copy_text(&to, "requirements_txt", env, "requirements_txt");
    if (!to)
        (void)bento_fail(err, BENTO_ENOMEM, "out of memory");
    return to;
}

static json_t *artifacts_of(const json_t *document)
{
    json_t *list = json_array();
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(document, "artifacts"), i, item)
    {
        json_t *to = json_object();
        json_t *metadata = json_object_get(item, "metadata");
        copy_text(&to, "name", item, "name");
        copy_text(&to, "artifact_type", item, "artifact_type");
        put(&to, "metadata",
            json_is_object(metadata) ? json_incref(metadata) : json_object());
        append(&list, to);
    }
    return list;
}

static void copy_number(json_t **to, const char *key, const json_t *from, int fallback)
{
    json_int_t value = json_integer_value(json_object_get(from, key));

    put(to, key, json_integer(value ? value : fallback));
}

static json_t *api_of(const json_t *item)
{
    json_t *to = json_object();
    json_t *input = json_object_get(item, "input_config");
    json_t *output = json_object_get(item, "output_config");

    copy_text(&to, "name", item, "name");
    copy_text(&to, "input_type", item,
              json_object_get(item, "input_type") ? "input_type" : "handler_type");
    copy_text(&to, "docs", item, "docs");
    if (!input)
        input = json_object_get(item, "handler_config");
    if (json_object_size(input))
        put_shared(&to, "input_config", input);
    if (json_object_size(output))
        put_shared(&to, "output_config", output);
    put(&to, "output_type",
        json_string(bento_json_text(item, "output_type", "DefaultOutput")));
    copy_number(&to, "mb_max_latency", item, 20000);
    copy_number(&to, "mb_max_batch_size", item, 4000);
    if (json_is_true(json_object_get(item, "batch")))
        put(&to, "batch", json_true());
    copy_text(&to, "route", item, json_object_get(item, "route") ? "route" : "name");
    return to;
}

json_t *bundle_metadata(const char *folder, struct bento_error *err)
{
    json_t *document = read_descriptor(folder, err);
    const json_t *about = json_object_get(document, "metadata");
    json_t *env = document ? env_of(document, err) : NULL;
    json_t *item;
    size_t i;

    if (!env) {
        json_decref(document);
        return NULL;
    }
    json_t *apis = json_array();
    json_t *to = json_object();
    copy_text(&to, "name", about, "service_name");
    copy_text(&to, "version", about, "service_version");
    copy_time(&to, about);
    put(&to, "env", env);
    json_t *artifacts = artifacts_of(document);
    if (!artifacts || json_array_size(artifacts))
        put(&to, "artifacts", artifacts);
    else
        json_decref(artifacts);
    json_array_foreach(json_object_get(document, "apis"), i, item)
    {
        append(&apis, api_of(item));
    }
    if (!apis || json_array_size(apis))
        put(&to, "apis", apis);
    else
        json_decref(apis);
    json_decref(document);
    if (!to)
        (void)bento_fail(err, BENTO_ENOMEM, "out of memory");
    return to;
}

/* ---- camelCase ---- */

static void camel_key(const char *key, char to[128])
{
    size_t at = 0;

    for (; *key && at < 126; key++) {
        bool up = *key == '_' && key[1] >= 'a' && key[1] <= 'z';
        key += up;
        to[at++] = (char)(up ? *key - 'a' + 'A' : *key);
    }
    to[at] = '\0';
}

/* User data below these keys keeps its keys. */
static bool is_user_data(const char *key)
{
    return strcmp(key, "metadata") == 0 || strcmp(key, "input_config") == 0 ||
           strcmp(key, "output_config") == 0 || strcmp(key, "labels") == 0;
}

json_t *metadata_camel(const json_t *snake)
{
    const char *key;
    json_t *item;
    size_t i;

    if (json_is_array(snake)) {
        json_t *list = json_array();
        json_array_foreach(snake, i, item)
        {
            append(&list, metadata_camel(item));
        }
        return list;
    }
    if (!json_is_object(snake))
        return json_incref((json_t *)(uintptr_t)snake);
    json_t *to = json_object();
    json_object_foreach((json_t *)(uintptr_t)snake, key, item)
    {
        char name[128];
        camel_key(key, name);
        put(&to, name, is_user_data(key) ? json_incref(item) : metadata_camel(item));
    }
    return to;
}

bento_rc bento_bundle_metadata(const char *folder,
                               bool camel,
                               char **ret_json,
                               struct bento_error *err)
{
    struct bento_buf text;
    struct bento_error own = BENTO_ERROR_INIT;
    json_t *snake = bundle_metadata(folder, err = err ? err : &own);

    if (!snake)
        return err->code;
    json_t *document = camel ? metadata_camel(snake) : json_incref(snake);
    json_decref(snake);
    if (!document)
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    bento_buf_init(&text, 2 * DESCRIPTOR_MAX);
    bento_json_write(&text, document, BENTO_JSON_ASCII);
    json_decref(document);
    return give_text(&text, ret_json, err);
}

bento_rc
bento_metadata_camel(const char *snake_json, char **ret_json, struct bento_error *err)
{
    struct bento_buf text;
    struct bento_error own = BENTO_ERROR_INIT;
    json_t *snake = bento_json_read(bento_str_of(snake_json), err = err ? err : &own);

    if (!snake)
        return err->code;
    json_t *document = metadata_camel(snake);
    json_decref(snake);
    if (!document)
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    bento_buf_init(&text, 2 * DESCRIPTOR_MAX);
    bento_json_write(&text, document, BENTO_JSON_LINE);
    json_decref(document);
    return give_text(&text, ret_json, err);
}

bento_rc bento_yaml_from_json(const char *json, char **ret_yaml, struct bento_error *err)
{
    struct bento_buf text;
    struct bento_error own = BENTO_ERROR_INIT;
    json_t *value = bento_json_read(bento_str_of(json), err = err ? err : &own);

    if (!value)
        return err->code;
    bento_buf_init(&text, 2 * DESCRIPTOR_MAX);
    bento_rc rc = bento_yaml_write(&text, value, err);
    json_decref(value);
    if (rc == BENTO_OK)
        return give_text(&text, ret_yaml, err);
    bento_buf_release(&text);
    return rc;
}

bento_rc
bento_yaml_to_json(const char *yaml, size_t n, char **ret_json, struct bento_error *err)
{
    struct bento_buf text;
    struct bento_error own = BENTO_ERROR_INIT;
    json_t *value = bento_yaml_read(bento_str_from(yaml, n), err = err ? err : &own);

    if (!value)
        return err->code;
    bento_buf_init(&text, 2 * DESCRIPTOR_MAX);
    bento_json_write(&text, value, BENTO_JSON_LINE);
    json_decref(value);
    return give_text(&text, ret_json, err);
}
