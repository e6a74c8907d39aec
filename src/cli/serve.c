/* `bentoml serve`, `serve-gunicorn`, `run`, `info`, `open-api-spec`: what works on one
 * bundle. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "bento/serve.h"
#include "bento/store.h"
#include "cli/command.h"

#define YATAI_OPTION                                                                 \
    {                                                                                \
        .name = "yatai-url", .kind = OPTION_TEXT, .help = "Remote YataiService URL", \
        .hidden = true                                                               \
    }

/* What a bundle needs in its bentoml.yml before any Python is started for it; NULL when
 * it is there, else the name of what is not. */
static const char *missing_member(const json_t *document)
{
    static const char *const names[] = { "service_name", "service_version", "module_name",
                                         "module_file" };
    const json_t *about = json_object_get(document, "metadata");
    const json_t *apis = json_object_get(document, "apis");
    const json_t *item;
    size_t i;

    for (i = 0; i < sizeof names / sizeof *names; i++)
        if (!json_object_get(about, names[i]) ||
            json_is_null(json_object_get(about, names[i])))
            return names[i];
    if (!json_is_array(apis))
        return "apis";
    json_array_foreach(apis, i, item)
    {
        if (!json_is_string(json_object_get(item, "name")))
            return "name of an API";
        if (!json_is_string(json_object_get(item, "input_type")) &&
            !json_is_string(json_object_get(item, "handler_type")))
            return "input_type of an API";
    }
    return NULL;
}

/* Finds the folder of `bento` and sees that its bentoml.yml is whole. */
static bento_rc find_bundle(const char *bento, char **ret_path, struct bento_error *err)
{
    char *text = NULL;
    char *path = NULL;

    bento_rc rc = bento_store_resolve(NULL, bento, &path, err);
    if (rc == BENTO_OK)
        rc = bento_bundle_read(path, &text, err);
    if (rc == BENTO_OK) {
        json_t *document = bento_json_read((struct bento_str){ text, strlen(text) }, err);
        const char *missing = document ? missing_member(document) : NULL;
        if (!document)
            rc = err->code;
        else if (missing)
            rc = bento_fail(err, BENTO_ECORRUPT, "'%s/bentoml.yml' has no %s", path,
                            missing);
        json_decref(document);
    }
    if (rc == BENTO_ECORRUPT && !err->hint[0])
        (void)bento_hint(
            err,
            "the file is damaged or cut off: copy the bundle again, or save it anew");
    if (rc == BENTO_OK)
        *ret_path = path;
    else
        bento_store_free_text(path);
    bento_store_free_text(text);
    return rc;
}

/* ---- info ---- */

static int run_info(const struct call *call)
{
    struct bento_error err = BENTO_ERROR_INIT;
    char *path = NULL;
    char *text = NULL;

    bento_rc rc = bento_store_resolve(NULL, call->arguments[0], &path, &err);
    if (rc == BENTO_OK)
        rc = bento_bundle_metadata(path, false, &text, &err);
    if (rc == BENTO_OK)
        printf("%s\n", text);
    bento_store_free_text(path);
    bento_store_free_text(text);
    return rc == BENTO_OK ? 0 : command_fail(call, &err);
}

/* Not a fifo or a device, which would block for ever. */
static FILE *open_regular(const char *path, struct bento_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    bool regular = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    FILE *f = regular ? fdopen(fd, "rb") : NULL;

    if (f)
        return f;
    if (fd >= 0 && !regular)
        (void)bento_fail(err, BENTO_EIO, "cannot read '%s': not a regular file", path);
    else
        (void)bento_fail_os(err, BENTO_EIO, errno, "cannot read '%s'", path);
    if (fd >= 0)
        (void)close(fd);
    return NULL;
}

static int run_open_api_spec(const struct call *call)
{
    struct bento_error err = BENTO_ERROR_INIT;
    struct bento_buf text;
    char *path = NULL;
    char file[4200];
    size_t n;

    bento_rc rc = bento_store_resolve(NULL, call->arguments[0], &path, &err);
    if (rc != BENTO_OK)
        return command_fail(call, &err);
    (void)snprintf(file, sizeof file, "%s/docs.json", path);
    bento_store_free_text(path);
    FILE *f = open_regular(file, &err);
    if (!f)
        return command_fail(call, &err);
    bento_buf_init(&text, 16u << 20);
    char *to;
    while ((to = bento_buf_reserve(&text, 65536)) && (n = fread(to, 1, 65536, f)) > 0)
        bento_buf_commit(&text, n);
    (void)fclose(f);
    json_t *document = bento_json_read(bento_buf_str(&text), &err);
    bento_buf_clear(&text);
    if (document) {
        bento_json_write(&text, document, BENTO_JSON_ASCII);
        printf("%s\n", bento_buf_z(&text));
    }
    json_decref(document);
    bento_buf_release(&text);
    return document ? 0 : command_fail(call, &err);
}

static const struct option bundle_options[] = { YATAI_OPTION, { .name = NULL } };
static const char *const bento_argument[] = { "BENTO", NULL };

const struct command command_info = {
    .name = "info",
    .usage = "[OPTIONS] BENTO",
    .summary = "List APIs",
    .help = "List all APIs defined in the BentoService loaded from archive.",
    .arguments = bento_argument,
    .options = bundle_options,
    .run = run_info,
};

const struct command command_open_api_spec = {
    .name = "open-api-spec",
    .usage = "[OPTIONS] BENTO",
    .summary = "Display API specification JSON in Open-API format",
    .arguments = bento_argument,
    .options = bundle_options,
    .run = run_open_api_spec,
};

/* ---- run ---- */

static int run_run(const struct call *call)
{
    struct bento_error err = BENTO_ERROR_INIT;
    char *path = NULL;
    char *python = NULL;

    bento_rc rc = find_bundle(call->arguments[0], &path, &err);
    if (rc == BENTO_OK)
        rc = bento_python_find(call_text(call, "python"), &python, &err);
    char **argv = bento_calloc((size_t)call->rest_count + 8, sizeof *argv);
    if (rc != BENTO_OK || !argv) {
        bento_store_free_text(path);
        bento_free(argv);
        return command_fail(call, &err);
    }
    char *head[] = { python, (char[]){ "-m" }, (char[]){ "bentoml._run" }, path,
                     (char *)(uintptr_t)call->arguments[1] };
    memcpy(argv, head, sizeof head);
    memcpy(argv + 5, call->rest, (size_t)call->rest_count * sizeof *argv);
    if (call->quiet || call->verbose)
        (void)setenv("BENTO_RUN_LOG", call->quiet ? "quiet" : "debug", 1);
    (void)execv(python, argv);
    (void)bento_fail_os(&err, BENTO_EIO, errno, "cannot start '%s'", python);
    bento_store_free_text(path);
    bento_serve_free_text(python);
    bento_free(argv);
    return command_fail(call, &err);
}

static const struct option run_options[] = {
    { .name = "python",
      .kind = OPTION_TEXT,
      .env = "BENTOML_PYTHON",
      .help = "Interpreter that runs the service" },
    YATAI_OPTION,
    { .name = NULL },
};
static const char *const run_arguments[] = { "BENTO", "API_NAME", NULL };

const struct command command_run = {
    .name = "run",
    .usage = "[OPTIONS] BENTO API_NAME [RUN_ARGS]...",
    .summary = "Run API function",
    .help =
        "Run an API of a saved bundle on inputs from the command line.\n\n  --input VALUE... or --input-file FILE..., --format csv|json, --max-batch-size N, -o str|json",
    .arguments = run_arguments,
    .options = run_options,
    .keep_rest = true,
    .run = run_run,
};

/* ---- serve ---- */

#define MS_MAX 86400000 /* a day */

#define SERVE_OPTIONS                                                                                                         \
    { .name = "port",                                                                                                         \
      .shorts = "-p",                                                                                                         \
      .kind = OPTION_INTEGER,                                                                                                 \
      .env = "BENTOML_PORT",                                                                                                  \
      .help = "The port to listen on for the REST api server, default is 5000",                                               \
      .max = 65535 },                                                                                                         \
        { .name = "host",                                                                                                     \
          .kind = OPTION_TEXT,                                                                                                \
          .env = "BENTOML_HOST",                                                                                              \
          .help = "The address (or localhost) to listen on, default is 0.0.0.0" },                                            \
        { .name = "workers",                                                                                                  \
          .shorts = "-w",                                                                                                     \
          .kind = OPTION_INTEGER,                                                                                             \
          .env = "BENTOML_GUNICORN_WORKERS",                                                                                  \
          .help = "Number of worker processes, default: one per core",                                                        \
          .min = 1,                                                                                                           \
          .max = 256 },                                                                                                       \
        { .name = "timeout",                                                                                                  \
          .kind = OPTION_INTEGER,                                                                                             \
          .help = "Seconds that one execution may take, default is 60",                                                       \
          .min = 1,                                                                                                           \
          .max = 86400 },                                                                                                     \
        { .name = "mb-max-batch-size",                                                                                        \
          .kind = OPTION_INTEGER,                                                                                             \
          .env = "BENTOML_MB_MAX_BATCH_SIZE",                                                                                 \
          .help = "Specify micro batching maximal batch size",                                                                \
          .min = 1,                                                                                                           \
          .max = 1000000 },                                                                                                   \
        { .name = "mb-max-latency",                                                                                           \
          .kind = OPTION_INTEGER,                                                                                             \
          .env = "BENTOML_MB_MAX_LATENCY",                                                                                    \
          .help = "Specify micro batching maximal latency in milliseconds",                                                   \
          .min = 1,                                                                                                           \
          .max = MS_MAX },                                                                                                    \
        { .name = "enable-microbatch",                                                                                        \
          .kind = OPTION_FLAG,                                                                                                \
          .env = "BENTOML_ENABLE_MICROBATCH",                                                                                 \
          .help = "Deprecated: batching is always on for APIs with batch=True" },                                             \
        { .name = "disable-microbatch",                                                                                       \
          .kind = OPTION_OFF,                                                                                                 \
          .pair = "enable-microbatch",                                                                                        \
          .help = "Deprecated, see above" },                                                                                  \
        { .name = "microbatch-workers",                                                                                       \
          .kind = OPTION_INTEGER,                                                                                             \
          .env = "BENTOML_MICROBATCH_WORKERS",                                                                                \
          .help = "Deprecated: one thread serves all connections",                                                            \
          .min = 1,                                                                                                           \
          .max = 1024 },                                                                                                      \
        { .name = "enable-swagger",                                                                                           \
          .kind = OPTION_FLAG,                                                                                                \
          .env = "BENTOML_ENABLE_SWAGGER",                                                                                    \
          .help = "Serve the pages / and /docs (default)" },                                                                  \
        { .name = "disable-swagger",                                                                                          \
          .kind = OPTION_OFF,                                                                                                 \
          .pair = "enable-swagger",                                                                                           \
          .help = "Answer 404 there" },                                                                                       \
        { .name = "max-request-size",                                                                                         \
          .kind = OPTION_INTEGER,                                                                                             \
          .env = "BENTOML_MAX_REQUEST_SIZE",                                                                                  \
          .help = "Largest body in bytes, default is 20971520",                                                               \
          .min = 1,                                                                                                           \
          .max = (int64_t)1 << 40 },                                                                                          \
        { .name = "api-max-request-size",                                                                                     \
          .kind = OPTION_TEXT,                                                                                                \
          .metavar = "ROUTE=BYTES,...",                                                                                       \
          .env = "BENTOML_API_MAX_REQUEST_SIZE",                                                                              \
          .help = "Other limits for single APIs" },                                                                           \
        { .name = "area-size",                                                                                                \
          .kind = OPTION_INTEGER,                                                                                             \
          .metavar = "BYTES",                                                                                                 \
          .env = "BENTOML_AREA_SIZE",                                                                                         \
          .help = "Requests held at once, default is 1073741824; more get 503",                                               \
          .min = 1 << 20,                                                                                                     \
          .max = (int64_t)1 << 39 },                                                                                          \
        { .name = "disable-batch-rerun",                                                                                      \
          .kind = OPTION_FLAG,                                                                                                \
          .help =                                                                                                             \
              "Do not run the requests of a failed batch again one by one (for functions with side effects)" },               \
        { .name = "widen-numbers",                                                                                            \
          .kind = OPTION_FLAG,                                                                                                \
          .help =                                                                                                             \
              "Let integers join floats in a batch and become floats there; by default columns of a batch are of one type" }, \
        { .name = "python",                                                                                                   \
          .kind = OPTION_TEXT,                                                                                                \
          .env = "BENTOML_PYTHON",                                                                                            \
          .help =                                                                                                             \
              "Interpreter that runs the service, default: the one beside this command" },                                    \
        { .name = "ready-fd",                                                                                                 \
          .kind = OPTION_INTEGER,                                                                                             \
          .help = "Write the port to this descriptor when the server answers",                                                \
          .max = 65535 },                                                                                                     \
        { .name = "header-timeout",                                                                                           \
          .kind = OPTION_INTEGER,                                                                                             \
          .metavar = "MS",                                                                                                    \
          .env = "BENTOML_HEADER_TIMEOUT_MS",                                                                                 \
          .help = "For the head of a request, default is 10000",                                                              \
          .min = 1,                                                                                                           \
          .max = MS_MAX },                                                                                                    \
        { .name = "body-timeout",                                                                                             \
          .kind = OPTION_INTEGER,                                                                                             \
          .metavar = "MS",                                                                                                    \
          .env = "BENTOML_BODY_TIMEOUT_MS",                                                                                   \
          .help =                                                                                                             \
              "Between two pieces of a body, default is 30000; behind that a body must have come at 512 bytes a second",      \
          .min = 1,                                                                                                           \
          .max = MS_MAX },                                                                                                    \
        { .name = "idle-timeout",                                                                                             \
          .kind = OPTION_INTEGER,                                                                                             \
          .metavar = "MS",                                                                                                    \
          .env = "BENTOML_IDLE_TIMEOUT_MS",                                                                                   \
          .help = "Between two requests of a connection, default is 75000",                                                   \
          .min = 1,                                                                                                           \
          .max = MS_MAX },                                                                                                    \
        { .name = "drain-timeout",                                                                                            \
          .kind = OPTION_INTEGER,                                                                                             \
          .metavar = "MS",                                                                                                    \
          .env = "BENTOML_DRAIN_TIMEOUT_MS",                                                                                  \
          .help = "For requests in flight on SIGTERM, default is 30000",                                                      \
          .min = 1,                                                                                                           \
          .max = MS_MAX },                                                                                                    \
        { .name = "run-with-ngrok",                                                                                           \
          .kind = OPTION_FLAG,                                                                                                \
          .env = "BENTOML_ENABLE_NGROK",                                                                                      \
          .help = "",                                                                                                         \
          .hidden = true },                                                                                                   \
        YATAI_OPTION,                                                                                                         \
    {                                                                                                                         \
        .name = NULL                                                                                                          \
    }

static const struct option serve_options[] = { SERVE_OPTIONS };

/* The one name that means the same everywhere; others would need a resolver. */
static const char *address_of(const char *host)
{
    return bento_str_ieq(bento_str_of(host), BENTO_STR("localhost")) ? "127.0.0.1" : host;
}

static int run_serve(const struct call *call)
{
    struct bento_serve_options options = BENTO_SERVE_OPTIONS_INIT;
    struct bento_error err = BENTO_ERROR_INIT;
    char *path = NULL;

    if (call_text(call, "enable-microbatch") || call_text(call, "disable-microbatch") ||
        call_text(call, "microbatch-workers"))
        command_note(
            call,
            "warning: micro-batching options of this kind are deprecated, ignoring");
    if (call_flag(call, "run-with-ngrok", false))
        command_note(call, "warning: --run-with-ngrok is not supported, ignoring");
    bento_rc rc = find_bundle(call->arguments[0], &path, &err);
    if (rc != BENTO_OK)
        return command_fail(call, &err);
    options.bundle = path;
    options.version = command_version();
    options.host = address_of(call_text(call, "host"));
    options.port = (int)call_number(call, "port", 5000);
    options.workers = (int)call_number(call, "workers", 0);
    options.timeout_ms = call_number(call, "timeout", 0) * 1000;
    options.mb_max_batch_size = call_number(call, "mb-max-batch-size", 0);
    options.mb_max_latency_ms = call_number(call, "mb-max-latency", 0);
    options.max_request_size = (uint64_t)call_number(call, "max-request-size", 0);
    options.api_limits = call_text(call, "api-max-request-size");
    options.enable_swagger = call_flag(call, "enable-swagger", true);
    options.batch_rerun = !call_flag(call, "disable-batch-rerun", false);
    options.widen_numbers = call_flag(call, "widen-numbers", false);
    options.python = call_text(call, "python");
    options.ready_fd = (int)call_number(call, "ready-fd", -1);
    options.area_size = (uint64_t)call_number(call, "area-size", 0);
    options.header_timeout_ms = call_number(call, "header-timeout", 0);
    options.body_timeout_ms = call_number(call, "body-timeout", 0);
    options.idle_timeout_ms = call_number(call, "idle-timeout", 0);
    options.drain_timeout_ms = call_number(call, "drain-timeout", 0);
    bento_log_set_level(call->quiet     ? BENTO_LOG_ERROR
                        : call->verbose ? BENTO_LOG_DEBUG
                                        : BENTO_LOG_INFO);
    rc = bento_serve(&options, &err);
    bento_store_free_text(path);
    if (rc == BENTO_EUSAGE) {
        int status = command_usage(call->command, "%s", err.message);
        if (err.hint[0])
            (void)fprintf(stderr, "hint: %s\n", err.hint);
        return status;
    }
    return rc == BENTO_OK ? 0 : command_fail(call, &err);
}

const struct command command_serve = {
    .name = "serve",
    .usage = "[OPTIONS] BENTO",
    .summary = "Start a dev API server",
    .help =
        "Start a REST API server for a saved bundle. SIGTERM stops it after requests in flight are answered.",
    .arguments = bento_argument,
    .options = serve_options,
    .run = run_serve,
};

const struct command command_serve_gunicorn = {
    .name = "serve-gunicorn",
    .usage = "[OPTIONS] BENTO",
    .summary = "Start a production API server",
    .help =
        "The same server as `bentoml serve`, under the name that production scripts of 0.13 use.",
    .arguments = bento_argument,
    .options = serve_options,
    .run = run_serve,
};
