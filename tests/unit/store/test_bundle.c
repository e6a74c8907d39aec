/* store/bundle: the metadata document of a descriptor, and descriptors that are none. */
#include <limits.h>

#include "base/alloc.h"
#include "store/store.h"
#include "support/check.h"
#include "support/folder.h"

static const char whole[] = "version: 0.13.1\n"
                            "kind: BentoService\n"
                            "metadata:\n"
                            "  created_at: 2026-11-20 23:36:37.504836\n"
                            "  service_name: Iris\n"
                            "  service_version: 20261120_AB\n"
                            "env:\n"
                            "  setup_sh: setup.sh\n"
                            "  python_version: 3.8.1\n"
                            "  docker_base_image: base:1\n"
                            "  conda_env:\n"
                            "    name: x\n"
                            "    dependencies:\n"
                            "    - pip\n"
                            "  pip_packages:\n"
                            "  - numpy==1.0\n"
                            "apis:\n"
                            "- name: predict\n"
                            "  input_type: JsonInput\n"
                            "  docs: \"h\xc3\xa9\"\n"
                            "  route: v1/predict\n"
                            "  input_config:\n"
                            "    is_batch_input: true\n"
                            "  output_config:\n"
                            "    allow_all: '*'\n"
                            "  output_type: JsonOutput\n"
                            "  mb_max_latency: 300\n"
                            "  mb_max_batch_size: 20\n"
                            "  batch: true\n"
                            "- name: old\n"
                            "  handler_type: DataframeHandler\n"
                            "  handler_config:\n"
                            "    orient: records\n"
                            "artifacts:\n"
                            "- name: model\n"
                            "  artifact_type: SklearnModelArtifact\n"
                            "  metadata:\n"
                            "    some_key: 1\n"
                            "- name: bare\n"
                            "binary: !!binary eA==\n"
                            "empty: {}\n"
                            "none: []\n";

static bool make(const char *folder, const char *descriptor)
{
    char path[200];

    (void)mkdir(folder, 0755);
    (void)snprintf(path, sizeof path, "%s/bentoml.yml", folder);
    return file_write(path, descriptor);
}

/* Whether `json` holds the same values as `want`. */
static void same(const char *json, const char *want)
{
    json_t *got = json ? json_loads(json, 0, NULL) : NULL;
    json_t *wanted = json_loads(want, 0, NULL);

    check_done++;
    if (!wanted || !json_equal(got, wanted))
        CHECK_FAIL_("document is %s\nwanted %s", json ? json : "(none)", want);
    json_decref(got);
    json_decref(wanted);
}

TEST(snake_and_camel)
{
    char *text = NULL;

    CHECK(make("iris", whole));
    CHECK_INT(bento_bundle_metadata("iris", false, &text, NULL), BENTO_OK);
    same(
        text,
        "{\"name\": \"Iris\", \"version\": \"20261120_AB\","
        " \"created_at\": \"2026-11-20T23:36:37.504836Z\","
        " \"env\": {\"setup_sh\": \"setup.sh\","
        " \"conda_env\": \"name: x\\ndependencies:\\n- pip\\n\","
        " \"python_version\": \"3.8.1\", \"docker_base_image\": \"base:1\","
        " \"pip_packages\": [\"numpy==1.0\"]},"
        " \"artifacts\": [{\"name\": \"model\", \"artifact_type\": "
        "\"SklearnModelArtifact\", \"metadata\": {\"some_key\": 1}},"
        " {\"name\": \"bare\", \"metadata\": {}}],"
        " \"apis\": [{\"name\": \"predict\", \"input_type\": \"JsonInput\","
        " \"docs\": \"h\\u00e9\", \"input_config\": {\"is_batch_input\": true},"
        " \"output_config\": {\"allow_all\": \"*\"}, \"output_type\": \"JsonOutput\","
        " \"mb_max_latency\": 300, \"mb_max_batch_size\": 20, \"batch\": true,"
        " \"route\": \"v1/predict\"},"
        " {\"name\": \"old\", \"input_type\": \"DataframeHandler\","
        " \"input_config\": {\"orient\": \"records\"}, \"output_type\": \"DefaultOutput\","
        " \"mb_max_latency\": 20000, \"mb_max_batch_size\": 4000, \"route\": \"old\"}]}");
    CHECK(text && strstr(text, "\"h\\u00e9\"") != NULL); /* ASCII, two spaces */
    CHECK(text && strncmp(text, "{\n  \"name\": \"Iris\",\n", 20) == 0);
    bento_store_free_text(text);
    CHECK_INT(bento_bundle_metadata("iris", true, &text, NULL), BENTO_OK);
    CHECK(text && strstr(text, "\"createdAt\"") && strstr(text, "\"mbMaxBatchSize\"") &&
          strstr(text, "\"is_batch_input\"") && strstr(text, "\"allow_all\"") &&
          strstr(text, "\"some_key\""));
    bento_store_free_text(text);
    CHECK_INT(bento_bundle_read("iris", &text, NULL), BENTO_OK);
    CHECK(text && strstr(text, "\"handler_type\": \"DataframeHandler\"") &&
          strchr(text, '\n') == NULL);
    bento_store_free_text(text);
}

TEST(little_in_it)
{
    char *text = NULL;

    CHECK(make("small", "metadata: {created_at: '2026-11-20', service_name: 7}\n"
                        "apis: [1, {name: a}, x]\nartifacts: no list\nenv: none\n"));
    CHECK_INT(bento_bundle_metadata("small", false, &text, NULL), BENTO_OK);
    same(text,
         "{\"env\": {}, \"apis\": ["
         "{\"output_type\": \"DefaultOutput\", \"mb_max_latency\": 20000,"
         " \"mb_max_batch_size\": 4000},"
         "{\"name\": \"a\", \"output_type\": \"DefaultOutput\","
         " \"mb_max_latency\": 20000, \"mb_max_batch_size\": 4000, \"route\": \"a\"},"
         "{\"output_type\": \"DefaultOutput\", \"mb_max_latency\": 20000,"
         " \"mb_max_batch_size\": 4000}]}");
    bento_store_free_text(text);
}

static bento_rc refused(const char *folder, struct bento_error *err)
{
    char *text = NULL;
    bento_rc rc = bento_bundle_metadata(folder, true, &text, err);

    CHECK(text == NULL);
    CHECK_INT(bento_bundle_read(folder, &text, NULL), rc); /* the same without an error */
    CHECK(text == NULL);
    if (err)
        CHECK_INT(err->code, rc);
    return rc;
}

TEST(no_bundles)
{
    static const char *const corrupt[] = { "",
                                           "- 1\n",
                                           "a: b\n",
                                           "metadata: x\n",
                                           "metadata:\n",
                                           "a: [\n",
                                           "a: \xff\n",
                                           "\t- x\n",
                                           "metadata: {}\nmetadata: 1\n",
                                           "? [a]\n: b\n" };
    static char far[PATH_MAX + 100];
    struct bento_error err = BENTO_ERROR_INIT;

    CHECK_INT(refused("missing", &err), BENTO_ENOTFOUND);
    CHECK_STR(err.message, "'missing' is no bundle: it has no bentoml.yml");
    CHECK(err.hint[0] != '\0');
    CHECK_INT(refused("missing", NULL), BENTO_ENOTFOUND);
    CHECK(mkdir("empty", 0755) == 0);
    CHECK_INT(refused("empty", &err), BENTO_ENOTFOUND);
    for (size_t i = 0; i < sizeof corrupt / sizeof corrupt[0]; i++) {
        CHECK(make("corrupt", corrupt[i]));
        bento_rc rc = refused("corrupt", &err);
        check_done++;
        if (rc != BENTO_ECORRUPT || !strstr(err.message, "corrupt/bentoml.yml"))
            CHECK_FAIL_("'%s' gives %s, %s", corrupt[i], bento_rc_name(rc), err.message);
    }
    CHECK(mkdir("odd", 0755) == 0 && mkdir("odd/bentoml.yml", 0755) == 0);
    CHECK_INT(refused("odd", &err), BENTO_EIO);
    CHECK(make("large", "metadata: {}\n") &&
          truncate("large/bentoml.yml", (16 << 20) + 1) == 0);
    CHECK_INT(refused("large", &err), BENTO_ETOOLARGE);
    CHECK(make("secret", "metadata: {}\n") && chmod("secret/bentoml.yml", 0) == 0);
    CHECK(user_lower());
    CHECK_INT(refused("secret", &err), BENTO_EPERM);
    user_restore();
    memset(far, 'a', sizeof far - 1);
    CHECK_INT(refused(far, &err), BENTO_ENOTFOUND);
    /* A path that is cut must not name something else. */
    memset(far, '\0', sizeof far);
    for (size_t i = 0; i < PATH_MAX - 12; i += 2)
        memcpy(far + i, "./", 2);
    CHECK(file_write("bentoml.ym", whole) && strlen(far) == PATH_MAX - 12);
    CHECK_INT(refused(far, &err), BENTO_ENOTFOUND);
}

TEST(texts)
{
    struct bento_error err = BENTO_ERROR_INIT;
    char *text = NULL;

    CHECK_INT(bento_metadata_camel(
                  "{\"a_b\": {\"c_d_\": 1, \"_e\": [{\"f_g\": 2}], \"h__i\": 3,"
                  " \"j_1\": 4}, \"labels\": {\"x_y\": \"z\"}}",
                  &text, &err),
              BENTO_OK);
    CHECK_STR(text, "{\"aB\": {\"cD_\": 1, \"E\": [{\"fG\": 2}], \"h_I\": 3, \"j_1\": 4},"
                    " \"labels\": {\"x_y\": \"z\"}}");
    bento_store_free_text(text);
    text = NULL;
    CHECK_INT(bento_metadata_camel("{", &text, &err), BENTO_EPARSE);
    CHECK_INT(bento_yaml_from_json("{\"a\": 1,}", &text, &err), BENTO_EPARSE);
    CHECK_INT(bento_yaml_to_json("a: [", 4, &text, &err), BENTO_EPARSE);
    CHECK_INT(bento_yaml_to_json("a: [", 4, &text, NULL), BENTO_EPARSE);
    CHECK(text == NULL);
    CHECK_INT(bento_yaml_from_json("{\"a\": [1, \"x\"]}", &text, &err), BENTO_OK);
    CHECK_STR(text, "a:\n- 1\n- x\n");
    bento_store_free_text(text);
    CHECK_INT(bento_yaml_to_json("a: 1\nb: 2", 4, &text, &err), BENTO_OK);
    CHECK_STR(text, "{\"a\": 1}");
    bento_store_free_text(text);
    bento_store_free_text(NULL);
}

/* Every form in turn. */
static bento_rc form(int which, char **ret, struct bento_error *err)
{
    switch (which) {
    case 0:
        return bento_bundle_read("iris", ret, err);
    case 1:
        return bento_bundle_metadata("iris", false, ret, err);
    case 2:
        return bento_bundle_metadata("iris", true, ret, err);
    case 3:
        return bento_metadata_camel("{\"a_b\": [{\"c_d\": \"\\u00e9\"}]}", ret, err);
    case 4:
        return bento_yaml_from_json("{\"a\": [1, \"x\"]}", ret, err);
    default:
        return bento_yaml_to_json("a: [1, x]", 9, ret, err);
    }
}

/* jansson's allocations: the one after so many fails, alone. */
static long json_left = -1;

static void *json_alloc(size_t size)
{
    return json_left >= 0 && json_left-- == 0 ? NULL : bento_alloc(size);
}

/* With the n-th allocation failing: with all later ones, or of jansson's that one alone.
 */
static void try_form(int which, bool alone)
{
    long live = bento_alloc_live();
    bento_rc rc = BENTO_ENOMEM;
    char *complete = NULL;
    bool reads_json = which == 3 || which == 4; /* jansson takes some for bad syntax */
    long n = 0;

    CHECK_INT(form(which, &complete, NULL), BENTO_OK);
    for (; rc != BENTO_OK && n < 5000; n++) {
        char *text = NULL;
        struct bento_error err = BENTO_ERROR_INIT;
        if (alone)
            json_left = n;
        else
            bento_alloc_fail_after(n);
        rc = form(which, &text, &err);
        bento_alloc_fail_after(-1);
        json_left = -1;
        CHECK_INT(err.code, rc);
        if (rc == BENTO_OK)
            CHECK_STR(text, complete);
        else if (rc != BENTO_ENOMEM && !(reads_json && rc == BENTO_EPARSE))
            CHECK_FAIL_("form %d, allocation %ld: %s, %s", which, n, bento_rc_name(rc),
                        err.message);
        bento_store_free_text(text);
        CHECK_INT(bento_alloc_live(), live + 1);
    }
    CHECK_INT(rc, BENTO_OK);
    CHECK(n > 1);
    bento_store_free_text(complete);
}

TEST(every_allocation_may_fail)
{
    for (int which = 0; which < 6; which++) {
        try_form(which, false);
        try_form(which, true);
    }
}

int main(void)
{
    json_set_alloc_funcs(json_alloc, bento_free); /* its allocations fail, too */
    if (!folder_enter())
        return 1;
    RUN(snake_and_camel);
    RUN(little_in_it);
    RUN(no_bundles);
    RUN(texts);
    RUN(every_allocation_may_fail);
    folder_leave();
    return check_report();
}
