/* serve/service: what is read from a bundle, what overrides it, and every way in which a
 * bundle or a limit can be bad, with its message. */
#include "serve/service.h"

#include <errno.h>

#include "base/alloc.h"
#include "support/check.h"

#include "scratch.h"

#define HEAD "version: 0.13.1\nmetadata:\n  service_name: Iris\n  service_version: v1\n"

static struct bento_serve_options options_of(void)
{
    return (struct bento_serve_options)BENTO_SERVE_OPTIONS_INIT;
}

static bento_rc load(struct bento_serve_options options,
                     const char *yml,
                     struct service *ret,
                     struct bento_error *err)
{
    *err = (struct bento_error)BENTO_ERROR_INIT;
    if (yml)
        CHECK(scratch_text("bentoml.yml", yml));
    options.bundle = scratch;
    return service_load(&options, ret, err);
}

/* `want`: "%s" in it stands for the folder. */
static void check_bad(struct bento_serve_options options,
                      const char *yml,
                      bento_rc rc,
                      const char *want)
{
    struct bento_error err;
    struct service service;
    char message[4096];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(message, sizeof message, want, scratch);
#pragma GCC diagnostic pop
    CHECK_INT(load(options, yml, &service, &err), rc);
    CHECK_STR(err.message, message);
    service_release(&service);
}

TEST(whole)
{
    struct bento_serve_options options = options_of();
    struct bento_error err;
    struct service service;

    CHECK(scratch_text("docs.json", "{\"openapi\": \"3.0.0\"}"));
    CHECK_INT(load(options,
                   HEAD "apis:\n"
                        "- name: predict\n  input_type: DataframeInput\n  batch: true\n"
                        "  mb_max_latency: 300\n  mb_max_batch_size: 50\n"
                        "- name: old\n  route: old/way\n  handler_type: JsonHandler\n"
                        "- name: picture\n  input_type: ImageInput\n  batch: true\n"
                        "  mb_max_batch_size: 100000\n  mb_max_latency: -5\n"
                        "- name: file\n  input_type: FileInput\n  batch: 'yes'\n",
                   &service, &err),
              BENTO_OK);
    CHECK_STR(service.name, "Iris");
    CHECK_STR(service.version, "v1");
    CHECK_INT(service.api_count, 4);
    CHECK_STR(service.apis[0].name, "predict");
    CHECK_STR(service.apis[0].route, "predict");
    CHECK_STR(service.apis[0].input_type, "DataframeInput");
    CHECK(service.apis[0].batch && service.apis[0].get);
    CHECK_INT(service.apis[0].max_batch, 50);
    CHECK_INT(service.apis[0].max_latency_ns, 300000000);
    CHECK_INT(service.apis[0].body_max, 20971520);
    CHECK_STR(service.apis[1].route, "old/way");
    CHECK_STR(service.apis[1].input_type, "JsonHandler");
    CHECK(!service.apis[1].batch);
    CHECK_INT(service.apis[1].max_batch, 4000);
    CHECK_INT(service.apis[1].max_latency_ns, 20000000000);
    CHECK(!service.apis[2].get && service.apis[2].batch);
    CHECK_INT(service.apis[2].max_batch, 8192); /* what one job frame holds */
    CHECK_INT(service.apis[2].max_latency_ns, 20000000000);
    CHECK(!service.apis[3].get && !service.apis[3].batch);
    CHECK_MEM(service.docs.p, service.docs.n, "{\"openapi\": \"3.0.0\"}");
    /* a JSON string that holds a JSON document */
    CHECK(service.metadata.n > 2 && service.metadata.p[0] == '"');
    CHECK(strstr(bento_buf_z(&service.metadata), "\\\"name\\\": \\\"Iris\\\"") != NULL);
    service_release(&service);
    CHECK_INT(unlink(scratch_path("docs.json")), 0);
}

TEST(overrides)
{
    static const char yml[] = HEAD
        "apis:\n- name: a\n  input_type: X\n  mb_max_batch_size: 7\n  mb_max_latency: 8\n"
        "- name: b\n  input_type: X\n";
    struct bento_serve_options options = options_of();
    struct bento_error err;
    struct service service;

    options.mb_max_batch_size = 100000;
    options.mb_max_latency_ms = 9;
    options.max_request_size = 1000;
    options.api_limits = "b=77";
    CHECK_INT(load(options, yml, &service, &err), BENTO_OK);
    CHECK_INT(service.apis[0].max_batch, 8192);
    CHECK_INT(service.apis[0].max_latency_ns, 9000000);
    CHECK_INT(service.apis[0].body_max, 1000);
    CHECK_INT(service.apis[1].body_max, 77);
    service_release(&service);
    options.api_limits = NULL;
    CHECK_INT(load(options, yml, &service, &err), BENTO_OK);
    CHECK_INT(service.apis[1].body_max, 1000);
    CHECK_MEM(service.docs.p, service.docs.n, "{}"); /* a bundle without docs.json */
    service_release(&service);
    CHECK_INT(load(options, HEAD, &service, &err), BENTO_OK);
    CHECK_INT(service.api_count, 0);
    service_release(&service);
}

/* Numbers of the bundle are its author's: no product of theirs may overflow. */
TEST(large_numbers)
{
    struct bento_error err;
    struct service service;

    CHECK_INT(load(options_of(),
                   HEAD "apis:\n- name: a\n  input_type: X\n"
                        "  mb_max_latency: 9223372036854775807\n"
                        "  mb_max_batch_size: 9223372036854775807\n",
                   &service, &err),
              BENTO_OK);
    CHECK_INT(service.apis[0].max_batch, 8192);
    CHECK_INT(service.apis[0].max_latency_ns,
              86400000000000); /* a day, as on the command line */
    service_release(&service);
}

TEST(bad_bundles)
{
    (void)unlink(scratch_path("bentoml.yml"));
    check_bad(options_of(), NULL, BENTO_ENOTFOUND,
              "'%s' is no bundle: it has no bentoml.yml");
    check_bad(options_of(), "- a\n- b\n", BENTO_ECORRUPT,
              "'%s/bentoml.yml' does not describe a bundle");
    check_bad(options_of(), "version: 0.13.1\n", BENTO_ECORRUPT,
              "'%s/bentoml.yml' does not describe a bundle");
    check_bad(options_of(), "metadata:\n  service_name: Iris\n", BENTO_ECORRUPT,
              "'%s/bentoml.yml' does not name a service and its version");
    check_bad(options_of(), "metadata: [1]\n", BENTO_ECORRUPT,
              "'%s/bentoml.yml' does not describe a bundle");
    check_bad(options_of(), "metadata:\n  service_name: 5\n  service_version: 1.5\n",
              BENTO_ECORRUPT, "'%s/bentoml.yml' does not name a service and its version");
    check_bad(options_of(), HEAD "apis:\n- name: a\n", BENTO_ECORRUPT,
              "bentoml.yml: an API has no name or no input_type");
    check_bad(options_of(), HEAD "apis:\n- input_type: X\n", BENTO_ECORRUPT,
              "bentoml.yml: an API has no name or no input_type");
    check_bad(options_of(), HEAD "apis:\n- 5\n", BENTO_ECORRUPT,
              "bentoml.yml: an API has no name or no input_type");
}

TEST(bad_yaml)
{
    struct bento_error err;
    struct service service;

    CHECK_INT(load(options_of(), "a: [1\n", &service, &err), BENTO_ECORRUPT);
    CHECK(strstr(err.message, "/bentoml.yml': ") != NULL);
    service_release(&service);
}

TEST(bad_limits)
{
    static const char yml[] = HEAD "apis:\n- name: a\n  input_type: X\n";
    static const char *const texts[] = { "",     "a",   "a=5,",           "a=",
                                         "a=0",  "a=x", "a=-1",           "a=5,,a=6",
                                         "a= 5", "=",   "a=1099511627777" };
    struct bento_serve_options options = options_of();
    char message[200];

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        options.api_limits = texts[i];
        (void)snprintf(message, sizeof message,
                       "body limits are written route=bytes,..., not '%s'", texts[i]);
        check_bad(options, yml, BENTO_EUSAGE, message);
    }
    options.api_limits = "a=5,b=6";
    check_bad(options, yml, BENTO_EUSAGE,
              "body limit for 'b': the service has no such route");
    options.api_limits = "=5";
    check_bad(options, yml, BENTO_EUSAGE,
              "body limit for '': the service has no such route");
}

TEST(bad_docs)
{
    static char big[(16 << 20) + 1];

    memset(big, 'x', sizeof big);
    CHECK(scratch_write("docs.json", big, sizeof big, 0644));
    check_bad(options_of(), HEAD, BENTO_ETOOLARGE,
              "'%s/docs.json' is larger than 16777216 bytes");
    CHECK_INT(unlink(scratch_path("docs.json")), 0);
    CHECK_INT(mkdir(scratch_path("docs.json"), 0755), 0);
    check_bad(options_of(), HEAD, BENTO_EIO,
              "cannot read '%s/docs.json': not a regular file");
    CHECK_INT(rmdir(scratch_path("docs.json")), 0);
}

int main(void)
{
    long live = bento_alloc_live();

    if (!scratch_make())
        return 1;
    RUN(whole);
    RUN(overrides);
    RUN(large_numbers);
    RUN(bad_bundles);
    RUN(bad_yaml);
    RUN(bad_limits);
    RUN(bad_docs);
    scratch_remove();
    CHECK_INT(bento_alloc_live(), live);
    return check_report();
}
