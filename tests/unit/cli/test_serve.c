/* cli/serve: what `serve`, `run`, `info` and `open-api-spec` refuse before anything is
 * started, and what reaches the server. bento_serve is ours here: it notes its options
 * instead of serving. */
#include "bento/serve.h"

#include <sys/stat.h>

#include "home.h"

extern const struct command command_info;
extern const struct command command_open_api_spec;
extern const struct command command_run;
extern const struct command command_serve;
extern const struct command command_serve_gunicorn;

const struct command *const commands[] = {
    &command_info,  &command_open_api_spec,  &command_run,
    &command_serve, &command_serve_gunicorn, NULL,
};

static struct bento_serve_options seen;
static char seen_texts[4][4200]; /* bundle, host, python, api_limits: "(null)" for none */
static int served;
static bento_rc serve_rc;

bento_rc bento_serve(const struct bento_serve_options *options, struct bento_error *err)
{
    const char *const texts[4] = { options->bundle, options->host, options->python,
                                   options->api_limits };

    for (int i = 0; i < 4; i++)
        (void)snprintf(seen_texts[i], sizeof seen_texts[i], "%s",
                       texts[i] ? texts[i] : "(null)");
    seen = *options;
    served++;
    if (serve_rc == BENTO_OK)
        return BENTO_OK;
    (void)bento_fail(err, serve_rc, "no port");
    return serve_rc == BENTO_EUSAGE ? bento_hint(err, "ask") : serve_rc;
}

bento_rc bento_python_find(const char *python, char **ret_path, struct bento_error *err)
{
    (void)ret_path;
    return bento_fail(err, BENTO_ENOTFOUND, "no %s", python ? python : "python");
}

void bento_serve_free_text(char *text)
{
    (void)text;
}

/* Serves with these words, successfully. */
static void serve(const char *words)
{
    char line[1000];
    int before = served;

    (void)snprintf(line, sizeof line, "serve S:1 %s", words);
    CHECK_INT(bentoml(line), 0);
    CHECK_INT(served, before + 1);
}

TEST(defaults)
{
    char path[2200];

    (void)snprintf(path, sizeof path, "%s/repository/S/1", home);
    serve("");
    CHECK_STR(seen_texts[0], path);
    CHECK_STR(seen_texts[1], "(null)");
    CHECK_STR(seen_texts[2], "(null)");
    CHECK_STR(seen_texts[3], "(null)");
    CHECK_INT(seen.port, 5000);
    CHECK_INT(seen.ready_fd, -1);
    CHECK(seen.enable_swagger && seen.batch_rerun);
    CHECK_INT(seen.workers + seen.mb_max_batch_size + seen.mb_max_latency_ms +
                  seen.timeout_ms,
              0);
    CHECK_INT(seen.max_request_size, 0);
    CHECK_INT(seen.header_timeout_ms + seen.body_timeout_ms + seen.idle_timeout_ms +
                  seen.drain_timeout_ms,
              0);
    CHECK_STR(err_text, "");
    CHECK_INT(bentoml("serve-gunicorn S:latest -w 3"), 0);
    CHECK_STR(seen_texts[0], path);
    CHECK_INT(seen.workers, 3);
}

TEST(options)
{
    serve(
        "-p 0 --host ::1 --workers 256 --timeout 86400 --mb-max-batch-size 7 --mb-max-latency 8 "
        "--disable-swagger --max-request-size 1099511627776 --api-max-request-size a=1,b=2 "
        "--disable-batch-rerun --python py --ready-fd 3 --header-timeout 1 --body-timeout 2 "
        "--idle-timeout 3 --drain-timeout 86400000");
    CHECK_INT(seen.port, 0);
    CHECK_STR(seen_texts[1], "::1");
    CHECK_INT(seen.workers, 256);
    CHECK_INT(seen.timeout_ms, 86400000);
    CHECK_INT(seen.mb_max_batch_size, 7);
    CHECK_INT(seen.mb_max_latency_ms, 8);
    CHECK(!seen.enable_swagger && !seen.batch_rerun);
    CHECK_INT(seen.max_request_size, (uint64_t)1 << 40);
    CHECK_STR(seen_texts[3], "a=1,b=2");
    CHECK_STR(seen_texts[2], "py");
    CHECK_INT(seen.ready_fd, 3);
    CHECK_INT(seen.header_timeout_ms, 1);
    CHECK_INT(seen.body_timeout_ms, 2);
    CHECK_INT(seen.idle_timeout_ms, 3);
    CHECK_INT(seen.drain_timeout_ms, 86400000);
    CHECK_STR(err_text, "");
}

TEST(the_name_of_this_machine)
{
    serve("--host localhost");
    CHECK_STR(seen_texts[1], "127.0.0.1");
    serve("--host LocalHost");
    CHECK_STR(seen_texts[1], "127.0.0.1");
    serve("--host localhost.example");
    CHECK_STR(seen_texts[1], "localhost.example");
}

TEST(environment)
{
    (void)setenv("BENTOML_PORT", "81", 1);
    (void)setenv("BENTOML_ENABLE_SWAGGER", "no", 1);
    (void)setenv("BENTOML_GUNICORN_WORKERS", "9", 1);
    serve("-w 2");
    CHECK_INT(seen.port, 81);
    CHECK_INT(seen.workers, 2);
    CHECK(!seen.enable_swagger);
    (void)setenv("BENTOML_PORT", "x", 1);
    CHECK_INT(bentoml("serve S:1"), 2);
    (void)unsetenv("BENTOML_PORT");
    (void)unsetenv("BENTOML_ENABLE_SWAGGER");
    (void)unsetenv("BENTOML_GUNICORN_WORKERS");
}

TEST(deprecated)
{
    static const char note[] =
        "warning: micro-batching options of this kind are deprecated, ignoring\n";

    serve("--enable-microbatch");
    CHECK_STR(err_text, note);
    serve("--disable-microbatch");
    CHECK_STR(err_text, note);
    serve("--microbatch-workers 2");
    CHECK_STR(err_text, note);
    serve("--microbatch-workers 2 -q");
    CHECK_STR(err_text, "");
    serve("--run-with-ngrok");
    CHECK_STR(err_text, "warning: --run-with-ngrok is not supported, ignoring\n");
}

TEST(wrong_usage)
{
    static const char *const words[] = {
        "-p 65536",
        "-p -1",
        "-p x",
        "--workers 0",
        "--workers 257",
        "--timeout 0",
        "--timeout 86401",
        "--timeout 1.5",
        "--mb-max-batch-size 0",
        "--mb-max-latency 0",
        "--ready-fd -1",
        "--max-request-size 0",
        "--header-timeout 0",
        "--body-timeout 86400001",
        "--idle-timeout",
        "--prot 1",
        "S:1",
        "--max-request-size 1099511627777",
    };
    int before = served;

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char line[200];
        (void)snprintf(line, sizeof line, "serve S:1 %s", words[i]);
        int status = bentoml(line);
        check_done++;
        if (status != 2)
            CHECK_FAIL_("'%s' gives %d", line, status);
        CHECK(strstr(err_text, "Usage: bentoml serve [OPTIONS] BENTO\n") == err_text);
        CHECK_STR(out_text, "");
    }
    CHECK_INT(bentoml("serve --prot 1"), 2);
    CHECK(strstr(err_text, "Did you mean --port?") != NULL);
    CHECK_INT(bentoml("serve"), 2);
    CHECK(strstr(err_text, "Missing argument 'BENTO'.") != NULL);
    CHECK_INT(served, before);
}

TEST(failures)
{
    int before = served;

    CHECK_INT(bentoml("serve Nothing:1"), 1);
    CHECK(strstr(err_text, "Error: bentoml-cli serve failed: ") == err_text);
    CHECK_INT(served, before);
    serve_rc = BENTO_EUNAVAILABLE;
    CHECK_LINE("serve-gunicorn S:1", 1, "",
               "Error: bentoml-cli serve-gunicorn failed: no port\n");
    serve_rc = BENTO_EUSAGE; /* known only when the bundle is there */
    CHECK_LINE("serve S:1 --api-max-request-size nope=3", 2, "",
               "Usage: bentoml serve [OPTIONS] BENTO\nTry 'bentoml serve --help' for "
               "help.\n\nError: no port\nhint: ask\n");
    serve_rc = BENTO_OK;
    CHECK_INT(bentoml("run S:1"), 2);
    CHECK(strstr(err_text, "Missing argument 'API_NAME'.") != NULL);
    CHECK_LINE("run S:1 predict", 1, "", "Error: bentoml-cli run failed: no python\n");
    CHECK_LINE("run S:1 predict --input 1 --python=py", 1, "",
               "Error: bentoml-cli run failed: no py\n");
    CHECK_INT(bentoml("info Nothing:1"), 1);
    CHECK_STR(out_text, "");
    CHECK_INT(bentoml("info S:1 S:2"), 2);
}

TEST(documents)
{
    char path[2200];

    CHECK_INT(bentoml("info S:1"), 0);
    CHECK(strstr(out_text, "\"name\": \"S\"") != NULL);
    CHECK_INT(bentoml("open-api-spec S:1"), 1);
    CHECK(strstr(err_text, "cannot read '") &&
          strstr(err_text, "/docs.json': No such file"));
    (void)snprintf(path, sizeof path, "%s/repository/S/1/docs.json", home);
    FILE *f = fopen(path, "w");
    CHECK(f && fputs("{\"a\":  \"\xC3\xA9\"}", f) >= 0 && fclose(f) == 0);
    CHECK_LINE("open-api-spec S:1", 0, "{\n  \"a\": \"\\u00e9\"\n}\n", "");
    f = fopen(path, "w");
    CHECK(f && fputs("{", f) >= 0 && fclose(f) == 0);
    CHECK_INT(bentoml("open-api-spec S:1"), 1);
    CHECK_STR(out_text, "");
    CHECK(strstr(err_text, "Error: bentoml-cli open-api-spec failed: ") == err_text);
    CHECK(unlink(path) == 0 && mkfifo(path, 0600) == 0);
    CHECK_INT(bentoml("open-api-spec S:1"), 1);
    CHECK(strstr(err_text, "/docs.json': not a regular file\n"));
    CHECK(unlink(path) == 0);
}

int main(void)
{
    if (!home_make())
        return 1;
    home_save("S", "1", NULL);
    RUN(defaults);
    RUN(options);
    RUN(the_name_of_this_machine);
    RUN(environment);
    RUN(deprecated);
    RUN(wrong_usage);
    RUN(failures);
    RUN(documents);
    (void)bento_fs_remove_tree(home, NULL);
    return check_report();
}
