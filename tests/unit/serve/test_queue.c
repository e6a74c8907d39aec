/* serve/queue: admission, order, deadlines, lost workers, what workers answer, and the
 * stop; with real worker processes and a transport that is not HTTP/1. */
#include "fixture.h"

#define MANY 12

static struct server *server;

/* One request holds the only worker up until the process goes on. */
static int hold(struct client *client, const char *path)
{
    int pid = worker_pid(server);

    CHECK_INT(kill(pid, SIGSTOP), 0);
    ask(client, server, BENTO_HTTP_POST, path, "e0");
    UNTIL(server, client->x->state == EXCHANGE_RUNNING);
    return pid;
}

TEST(order)
{
    struct client first;
    struct client later[MANY];
    int pid = hold(&first, "/plain");

    for (int i = 0; i < MANY; i++)
        ask(&later[i], server, BENTO_HTTP_POST, "/plain", "e1");
    turns(server, 10);
    CHECK_INT(server->apis[PLAIN].queued, MANY);
    CHECK_INT(kill(pid, SIGCONT), 0);
    for (int i = 0; i < MANY; i++) {
        UNTIL(server, later[i].answers);
        for (int k = i + 2; k < MANY; k++)
            CHECK_INT(later[k].answers, 0); /* one by one, oldest first */
        check_client(&later[i], 200, "e1");
    }
    check_client(&first, 200, "e0");
}

TEST(a_batch)
{
    struct client first;
    struct client later[MANY];
    int pid = hold(&first, "/loose");
    struct family *sizes = &server->metrics.mb_batch;
    uint64_t before = sizes->series[0].histogram.count[METRIC_BUCKETS];

    CHECK_STR(sizes->series[0].endpoint, "loose");
    for (int i = 0; i < MANY; i++)
        ask(&later[i], server, BENTO_HTTP_POST, "/loose", "e1");
    CHECK_INT(kill(pid, SIGCONT), 0);
    for (int i = 0; i < MANY; i++)
        UNTIL(server, later[i].answers);
    for (int i = 0; i < MANY; i++)
        check_client(&later[i], 200, "e1");
    check_client(&first, 200, "e0");
    UNTIL(server, server->apis[LOOSE].running == 0);
    CHECK_INT(sizes->series[0].histogram.count[METRIC_BUCKETS],
              before + 1); /* one job of 12 */
}

/* ---- refusals ---- */

TEST(refused_while_starting)
{
    struct server *fresh = fixture_start(NULL);
    struct client client;

    ask(&client, fresh, BENTO_HTTP_POST, "/plain", "e");
    CHECK(client.with_id);
    check_client(&client, 503, "503: Service Unavailable: workers are starting\n");
    UNTIL(fresh, fresh->ready);
    fixture_close(fresh);
}

TEST(refused_when_too_many_wait)
{
    struct client client;

    server->exchanges += SERVER_QUEUE_MAX;
    ask(&client, server, BENTO_HTTP_POST, "/plain", "e");
    server->exchanges -= SERVER_QUEUE_MAX;
    check_client(&client, 503, "503: Service Unavailable: too many requests wait\n");
    server->exchanges += SERVER_QUEUE_MAX - 1;
    ask(&client, server, BENTO_HTTP_POST, "/plain", "e");
    server->exchanges -= SERVER_QUEUE_MAX - 1;
    UNTIL(server, client.last);
    check_client(&client, 200, "e");
}

/* Teaches the batcher that a lone request takes `ms`. */
static void teach(int api, int64_t ms)
{
    for (int i = 0; i < 40; i++)
        bento_batch_sample(&server->apis[api].batch, 1, ms * 1000000, server_now(server));
}

static void check_busy(struct client *client)
{
    int seconds = 0;

    CHECK_INT(sscanf(client->headers, "Retry-After=%d;", &seconds), 1);
    CHECK(seconds >= 1 && seconds <= 60);
    CHECK(client->with_id);
    check_client(client, 429, "429: Too Many Requests");
}

TEST(refused_when_it_would_be_late)
{
    struct client first;
    struct client later[MANY];
    int pid;
    int busy = 0;

    teach(TIGHT, 400); /* a second of target, jobs of one: the third cannot make it */
    pid = hold(&first, "/tight");
    for (int i = 0; i < MANY; i++) {
        ask(&later[i], server, BENTO_HTTP_POST, "/tight", "e1");
        if (later[i].answers) {
            check_busy(&later[i]);
            busy++;
        }
    }
    CHECK(busy > 0 && busy < MANY);
    CHECK_INT(counted(&server->metrics.mb_total, "tight", 429), busy);
    CHECK_INT(kill(pid, SIGCONT), 0);
    for (int i = 0; i < MANY; i++)
        if (later[i].x || !later[i].status)
            UNTIL(server, later[i].last);
    UNTIL(server, server->exchanges == 0);
    for (int i = 0; i < MANY; i++)
        client_end(&later[i]);
    check_client(&first, 200, "e0");
}

/* What was let in and turns out to be late is refused as well. */
TEST(dropped_from_the_queue)
{
    struct client first;
    struct client later[MANY];
    int counts[2] = { 0, 0 };

    bento_batch_init(&server->apis[TIGHT].batch, &server->apis[TIGHT].batch.limits);
    int pid = hold(&first, "/tight");
    for (int i = 0; i < MANY; i++)
        ask(&later[i], server, BENTO_HTTP_POST, "/tight", "e1");
    CHECK_INT(server->apis[TIGHT].queued, MANY);
    for (struct exchange *x = server->apis[TIGHT].first; x; x = x->next)
        x->arrival_ns -= 800000000; /* as if they had waited so long */
    teach(TIGHT, 900);
    CHECK_INT(kill(pid, SIGCONT), 0);
    for (int i = 0; i < MANY; i++) {
        UNTIL(server, later[i].last);
        CHECK_INT(later[i].answers, 1);
        counts[later[i].status == 429]++;
        if (later[i].status == 429)
            check_busy(&later[i]);
        else
            check_client(&later[i], 200, "e1");
    }
    CHECK(counts[1] > 0);
    UNTIL(server, first.last);
    client_end(&first);
    bento_batch_init(&server->apis[TIGHT].batch, &server->apis[TIGHT].batch.limits);
}

/* ---- deadlines ---- */

TEST(deadlines)
{
    struct client running;
    struct client queued;
    struct client loose;
    struct client plain;
    int pid = hold(&running, "/quick");
    int64_t start = bento_now_ns();

    ask(&queued, server, BENTO_HTTP_POST, "/quick", "e1");
    ask(&loose, server, BENTO_HTTP_POST, "/loose", "e1");
    ask(&plain, server, BENTO_HTTP_POST, "/plain", "e1");
    CHECK_INT(plain.x->deadline_ns, INT64_MAX);
    CHECK_INT(loose.x->deadline_ns, loose.x->arrival_ns + 20000000000);
    CHECK_INT(queued.x->deadline_ns, queued.x->arrival_ns + 1000000000);
    api_expire(&server->apis[QUICK], queued.x->deadline_ns - 1);
    CHECK_INT(queued.answers, 0);
    UNTIL(server, queued.answers);
    CHECK(bento_now_ns() - start >= 900000000 && bento_now_ns() - start < 5000000000);
    CHECK(running.answers == 1);
    check_client(&running, 408, "Request timeout");
    check_client(&queued, 408, "Request timeout");
    CHECK_INT(server->exchanges, 3); /* the worker has not let go of the one it runs */
    CHECK_INT(loose.answers + plain.answers, 0);
    CHECK_INT(kill(pid, SIGCONT), 0);
    UNTIL(server, loose.last && plain.last && server->exchanges == 0);
    check_client(&loose, 200, "e1");
    check_client(&plain, 200, "e1");
}

/* ---- lost workers ---- */

static const char lost_text[] =
    "503: Service Unavailable: the worker process ended while handling this request\n";

TEST(retried_once)
{
    struct client held;
    struct client flags;
    struct client after;
    uint64_t lost = server->metrics.requests_lost;
    int pid = worker_pid(server);

    CHECK_INT(kill(pid, SIGSTOP), 0);
    ask(&flags, server, BENTO_HTTP_POST, "/plain", "r");
    UNTIL(server, flags.x->state == EXCHANGE_RUNNING);
    ask(&after, server, BENTO_HTTP_POST, "/plain", "r");
    CHECK_INT(kill(pid, SIGKILL), 0);
    UNTIL(server, flags.last || after.last);
    CHECK(flags.last && !after.last); /* it keeps its place */
    UNTIL(server, after.last);
    char want[16];
    (void)snprintf(want, sizeof want, "%d", BENTO_WIRE_RETRY);
    check_client(&flags, 200, want); /* the second worker was told */
    check_client(&after, 200, "0");
    CHECK_INT(server->metrics.requests_lost, lost);

    ask(&held, server, BENTO_HTTP_POST, "/plain", "k"); /* dies before it starts, twice */
    UNTIL(server, held.last);
    check_client(&held, 503, lost_text);
    CHECK_INT(server->metrics.requests_lost, lost + 1);
    UNTIL(server, bento_pool_idle(server->pool) == 1);
}

TEST(not_retried_when_started)
{
    struct client client;
    uint64_t lost = server->metrics.requests_lost;
    struct bento_pool_stats before;
    struct bento_pool_stats after;

    bento_pool_stats(server->pool, &before);
    ask(&client, server, BENTO_HTTP_POST, "/plain", "s");
    UNTIL(server, client.last);
    CHECK(client.with_id);
    check_client(&client, 503, lost_text);
    CHECK_INT(server->metrics.requests_lost, lost + 1);
    CHECK(counted(&server->metrics.call_total, "plain", 503) > 0);
    UNTIL(server, bento_pool_idle(server->pool) == 1);
    bento_pool_stats(server->pool, &after);
    CHECK_INT(after.jobs, before.jobs + 1); /* user code saw it once */
}

TEST(lost_after_its_client)
{
    struct client client;
    uint64_t lost = server->metrics.requests_lost;
    int pid = hold(&client, "/plain");

    client_leave(&client);
    CHECK_INT(kill(pid, SIGKILL), 0);
    UNTIL(server, server->exchanges == 0);
    CHECK_INT(client.answers, 0);
    CHECK_INT(server->metrics.requests_lost, lost);
    client_end(&client);
    UNTIL(server, bento_pool_idle(server->pool) == 1);
}

TEST(took_too_long)
{
    struct bento_serve_options options = fixture_options();
    struct client client;

    options.timeout_ms = 200;
    struct server *own = fixture_open(&options);
    ask(&client, own, BENTO_HTTP_POST, "/plain", "h");
    UNTIL(own, client.last);
    check_client(&client, 503, "503: Service Unavailable: the execution took too long\n");
    CHECK_STR(own->metrics.mb_exception.series[0].label, "TimeoutError");
    fixture_close(own);
}

/* ---- what workers answer ---- */

/* A request in the hands of a worker, whose answer the test gives itself. */
static void begin_running(struct client *client)
{
    client_begin(client, server);
    client->x->endpoint = "loose";
    client->x->state = EXCHANGE_RUNNING;
    exchange_ref(client->x);
}

TEST(headers_of_workers)
{
    struct client client;
    struct bento_pool_piece piece = {
        .status = 201,
        .content = BENTO_WIRE_TYPE_JSON,
        .last = true,
        .headers = BENTO_STR(
            "X-One: 1\r\nno-colon\r\nConnection: close\r\nContent-Length: 5\r\n"
            "Transfer-Encoding: chunked\r\nDate: now\r\nX-Request-Id: 1\r\n"
            "TE: a\r\nX-Two:  b:c \r\nKEEP-ALIVE: 1\r\nTrailer: x\r\nUpgrade: y\r\n"),
        .body = BENTO_STR("{}"),
        .total = 2,
    };

    begin_running(&client);
    api_on_result(server, client.x, &piece);
    CHECK_STR(client.type, "application/json");
    CHECK_STR(client.headers, "X-One=1;X-Two=b:c;");
    check_client(&client, 201, "{}");

    piece.headers = BENTO_STR("Content-Type: image/png\nA: b");
    begin_running(&client);
    api_on_result(server, client.x, &piece);
    CHECK_STR(client.type, "image/png");
    CHECK_STR(client.headers, "A=b;");
    client_end(&client);

    piece.headers = BENTO_STR("content-type: a\001b\r\n"); /* may not stand in a head */
    piece.content = BENTO_WIRE_TYPE_TEXT;
    begin_running(&client);
    api_on_result(server, client.x, &piece);
    CHECK_STR(client.type, "text/plain; charset=utf-8");
    CHECK_STR(client.headers, "");
    client_end(&client);

    piece.headers = BENTO_STR("");
    piece.content = 99;
    begin_running(&client);
    api_on_result(server, client.x, &piece);
    CHECK_STR(client.type, "");
    client_end(&client);
}

TEST(many_headers)
{
    struct client client;
    struct bento_buf lines;
    struct bento_pool_piece piece = { .status = 200, .last = true };

    bento_buf_init(&lines, 1 << 16);
    for (int i = 0; i < 100; i++)
        bento_buf_adds(&lines, "A: b\r\n");
    piece.headers = bento_buf_str(&lines);
    begin_running(&client);
    api_on_result(server, client.x, &piece);
    CHECK_INT(strlen(client.headers), 64 * 4);
    client_end(&client);
    bento_buf_release(&lines);
}

TEST(reruns_are_counted)
{
    struct client client;
    struct bento_pool_piece piece = { .status = 200,
                                      .last = true,
                                      .flags = BENTO_WIRE_RERUN };
    struct bento_pool_done done = { .api = LOOSE, .count = 2, .groups = 3 };
    double before = counted(&server->metrics.groups, "loose", 0);

    begin_running(&client);
    api_on_result(server, client.x, &piece);
    client_end(&client);
    CHECK_INT(counted(&server->metrics.reruns, "loose", 0), 1);
    server->apis[LOOSE].running++;
    metrics_add(&server->metrics.call_progress, "loose", 0, NULL, 1);
    api_on_done(server, &done);
    CHECK_INT(counted(&server->metrics.groups, "loose", 0), before + 2);
    CHECK_INT(counted(&server->metrics.call_progress, "loose", 0), 0);
}

/* ---- the stop ---- */

TEST(stop)
{
    struct server *own = fixture_open(NULL);
    struct server *kept = server;
    struct client running;
    struct client queued;
    struct bento_error err = BENTO_ERROR_INIT;

    server = own;
    int pid = hold(&running, "/plain");
    ask(&queued, own, BENTO_HTTP_POST, "/plain", "e1");
    server_drain(own);
    turns(own, 100);
    CHECK_INT(running.answers + queued.answers, 0); /* they are waited for */
    server_drain(own);                              /* unless asked twice */
    CHECK_INT(queued.answers, 1);
    check_client(&queued, 503, "503: Service Unavailable: the server is stopping\n");
    CHECK_INT(kill(pid, SIGCONT), 0);
    CHECK_INT(server_run(own, &err), BENTO_OK);
    check_client(&running, 200, "e0");
    server = kept;
}

int main(int argc, char **argv)
{
    int status;

    if (!fixture_main(argc, argv, &status))
        return status;
    long live = bento_alloc_live();
    server = fixture_open(NULL);
    RUN(order);
    RUN(a_batch);
    RUN(refused_while_starting);
    RUN(refused_when_too_many_wait);
    RUN(refused_when_it_would_be_late);
    RUN(dropped_from_the_queue);
    RUN(deadlines);
    RUN(retried_once);
    RUN(not_retried_when_started);
    RUN(lost_after_its_client);
    RUN(took_too_long);
    RUN(headers_of_workers);
    RUN(many_headers);
    RUN(reruns_are_counted);
    RUN(stop);
    fixture_close(server);
    return fixture_report(live);
}
