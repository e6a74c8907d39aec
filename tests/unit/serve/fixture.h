/*
 * A server with fake workers (support/fake_worker.h), and a transport that is not HTTP/1:
 * it notes what an exchange is answered and lets go after the last piece, as a stream of
 * another protocol would.
 *
 * The worker is this test program again. A test holds work up by stopping the worker's
 * process (SIGSTOP).
 */
#ifndef TESTS_SERVE_FIXTURE_H
#define TESTS_SERVE_FIXTURE_H

#include <signal.h>

#include "base/alloc.h"
#include "base/log.h"
#include "serve/server.h"
#include "support/check.h"
#include "support/fake_worker.h"

#include "scratch.h"

#define LIMIT_NS 20000000000ll

/* loose: batches, no deadline worth the name; quick: a deadline of a second; tight:
 * batches of one; plain: no batches; picture: no GET; a name that means something in
 * HTML. */
#define BUNDLE                                                                            \
    "version: 0.13.1\nmetadata:\n  service_name: 'I<&\"'\n  service_version: v1\napis:\n" \
    "- {name: loose, input_type: JsonInput, batch: true}\n"                               \
    "- {name: quick, input_type: JsonInput, batch: true, mb_max_latency: 1000}\n"         \
    "- {name: tight, input_type: JsonInput, batch: true, mb_max_latency: 1000,"           \
    " mb_max_batch_size: 1}\n"                                                            \
    "- {name: plain, input_type: JsonInput}\n"                                            \
    "- {name: picture, input_type: ImageInput, route: pictures/new}\n"

enum { LOOSE, QUICK, TIGHT, PLAIN, PICTURE };

static char self[4096];

/* ---- the server ---- */

static struct bento_serve_options fixture_options(void)
{
    struct bento_serve_options options = BENTO_SERVE_OPTIONS_INIT;

    options.bundle = scratch;
    options.host = "127.0.0.1";
    options.port = 0;
    options.workers = 1;
    options.python = self;
    options.area_size = 8 << 20;
    options.drain_timeout_ms = 5000;
    return options;
}

/* Turns of the loop until `condition` holds. */
#define UNTIL(server, condition)                              \
    do {                                                      \
        int64_t end_ = bento_now_ns() + LIMIT_NS;             \
        while (!(condition) && bento_now_ns() < end_)         \
            (void)uv_run(&(server)->loop, UV_RUN_ONCE);       \
        check_done++;                                         \
        if (!(condition))                                     \
            CHECK_FAIL_("waited in vain for %s", #condition); \
    } while (0)

static inline void turns(struct server *server, int64_t ms)
{
    int64_t end = bento_now_ns() + ms * 1000000;

    while (bento_now_ns() < end)
        (void)uv_run(&server->loop, UV_RUN_NOWAIT);
}

/* Not ready yet; NULL when it does not start. */
static struct server *fixture_start(const struct bento_serve_options *options)
{
    struct bento_serve_options own = fixture_options();
    struct bento_error err = BENTO_ERROR_INIT;
    struct server *server = NULL;

    CHECK_INT(server_open(options ? options : &own, &server, &err), BENTO_OK);
    CHECK_STR(err.message, "");
    if (!server)
        exit(check_report());
    return server;
}

static inline struct server *fixture_open(const struct bento_serve_options *options)
{
    struct server *server = fixture_start(options);

    UNTIL(server, server->ready &&
                      bento_pool_idle(server->pool) == (uint32_t)server->options.workers);
    return server;
}

/* Everything was answered: nothing may be left over. */
static inline void fixture_close(struct server *server)
{
    struct bento_error err = BENTO_ERROR_INIT;

    UNTIL(server, server->exchanges == 0);
    for (size_t i = 0; i < server->service.api_count; i++) {
        CHECK(!server->apis[i].first && !server->apis[i].live_first);
        CHECK_INT(server->apis[i].queued, 0);
    }
    for (size_t i = 0; i < server->metrics.mb_progress.count; i++)
        CHECK_INT(server->metrics.mb_progress.series[i].value, 0);
    server_drain(server);
    CHECK_INT(server_run(server, &err), BENTO_OK);
}

static inline int worker_pid(const struct server *server)
{
    int pid = 0;

    CHECK_INT(bento_pool_pids(server->pool, &pid, 1), 1);
    return pid;
}

static inline double counted(const struct family *family, const char *endpoint, int code)
{
    double sum = 0;

    for (size_t i = 0; i < family->count; i++)
        if (strcmp(family->series[i].endpoint, endpoint) == 0 &&
            family->series[i].code == code)
            sum += family->series[i].value;
    return sum;
}

/* ---- the other transport ---- */

struct client {
    struct exchange *x; /* NULL: let go */
    int refused;        /* by route or body, before there was a whole request */
    int answers;
    int pieces;
    int aborts;
    int status;
    uint64_t total;
    bool last;
    bool leave; /* goes away at the first piece */
    bool with_id;
    char type[64];
    char headers[400];
    struct bento_buf body;
};

static void client_leave(struct client *client)
{
    struct exchange *x = client->x;

    client->x = NULL;
    if (x)
        exchange_detach(x);
}

static void client_take(struct client *client, struct bento_str piece, bool last)
{
    bento_buf_addstr(&client->body, piece);
    CHECK(!client->last);
    client->last = last;
    if (last || client->leave)
        client_leave(client);
}

static void other_answer(struct exchange *x, const struct answer *answer, bool last)
{
    struct client *client = x->peer;
    size_t at = 0;

    client->answers++;
    client->status = answer->status;
    client->total = answer->total;
    client->with_id = answer->with_id;
    (void)snprintf(client->type, sizeof client->type, "%.*s",
                   BENTO_STR_ARG(answer->type));
    client->headers[0] = '\0';
    for (size_t i = 0; i < answer->header_count; i++)
        at += (size_t)snprintf(client->headers + at, sizeof client->headers - at,
                               "%.*s=%.*s;", BENTO_STR_ARG(answer->headers[i].name),
                               BENTO_STR_ARG(answer->headers[i].value));
    client_take(client, answer->body, last);
}

static void other_more(struct exchange *x, struct bento_str piece, bool last)
{
    struct client *client = x->peer;

    client->pieces++;
    client_take(client, piece, last);
}

static void other_abort(struct exchange *x)
{
    struct client *client = x->peer;

    client->aborts++;
    client_leave(client);
}

static const struct exchange_transport other = { other_answer, other_more, other_abort };

static void client_begin(struct client *client, struct server *server)
{
    *client = (struct client){ .status = 0 };
    bento_buf_init(&client->body, 64u << 20);
    (void)server_now(server);
    client->x = exchange_new(server, &other, client);
    CHECK(client->x != NULL);
}

static void client_end(struct client *client)
{
    client_leave(client);
    bento_buf_release(&client->body);
}

static struct bento_http_head head_of(enum bento_http_method method, const char *path)
{
    static const char *const names[] = { "BREW", "GET",    "HEAD",    "POST",
                                         "PUT",  "DELETE", "OPTIONS", "PATCH" };

    return (struct bento_http_head){ .method = method,
                                     .method_name = bento_str_of(names[method]),
                                     .target = bento_str_of(path),
                                     .path = bento_str_of(path),
                                     .content_length = -1,
                                     .keep_alive = true,
                                     .minor = 1 };
}

/* Routes a request; false when it was refused. */
static bool client_head(struct client *client,
                        struct server *server,
                        const struct bento_http_head *head)
{
    client_begin(client, server);
    client->x->method = head->method;
    client->refused = route_request(client->x, head);
    if (client->refused)
        client_leave(client);
    return client->x != NULL;
}

static bool client_body(struct client *client, const char *p, size_t n)
{
    client->refused = exchange_body(client->x, p, n);
    if (client->refused)
        client_leave(client);
    return client->x != NULL;
}

/* A whole request. */
static inline void ask(struct client *client,
                       struct server *server,
                       enum bento_http_method method,
                       const char *path,
                       const char *body)
{
    struct bento_http_head head = head_of(method, path);
    size_t n = strlen(body);

    head.content_length = n ? (int64_t)n : -1;
    head.has_body = n > 0;
    if (client_head(client, server, &head) && (!n || client_body(client, body, n)))
        client->x->handler(client->x);
}

static inline void check_client(struct client *client, int status, const char *body)
{
    CHECK_INT(client->answers, 1);
    CHECK_INT(client->status, status);
    CHECK(client->last);
    CHECK_INT(client->total, client->body.n);
    if (body)
        CHECK_MEM(client->body.p, client->body.n, body);
    client_end(client);
}

/* The first thing a test's main does. False: *ret_status is the exit status. */
static bool fixture_main(int argc, char **argv, int *ret_status)
{
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    uv_loop_t loop;

    *ret_status = 2;
    if (n <= 0)
        return false;
    if (argc == 4 && strcmp(argv[2], "bentoml._worker") == 0) {
        *ret_status = fake_worker_main(argv[3]);
        return false;
    }
    bento_log_set_level(BENTO_LOG_OFF);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    /* the first loop of a process opens descriptors that stay */
    return uv_loop_init(&loop) == 0 && uv_loop_close(&loop) == 0 && scratch_make() &&
           scratch_text("bentoml.yml", BUNDLE) &&
           scratch_text("docs.json", "{\"openapi\": 3}");
}

static int fixture_report(long live)
{
    scratch_remove();
    CHECK_INT(bento_alloc_live(), live);
    return check_report();
}

#endif
