/*
 * Life of the API server: start, ready, drain, stop. See server.h for who owns what.
 *
 * Order of a start: bundle, listener (a port in use must be known before Python is
 * started), workers, ready. Order of a stop: the listener closes, idle connections close,
 * requests in flight are answered, workers end, the loop runs dry. A second signal, or
 * the drain limit, answers 503 to what still waits and goes on.
 */
#include "serve/server.h"

#include <errno.h>
#include <signal.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"

#define SERVER_TICK_MS 50
#define BACKLOG        1024

/* ---- small services for the other parts ---- */

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

/* xoshiro256**, seeded by the kernel: ids need to be distinct, not secret. */
static uint64_t next_random(uint64_t s[4])
{
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

void server_random(struct server *server, uint8_t to[16])
{
    uint64_t words[2] = { next_random(server->random), next_random(server->random) };

    memcpy(to, words, sizeof words);
    to[6] = (uint8_t)((to[6] & 0x0F) | 0x40); /* UUID version 4 */
    to[8] = (uint8_t)((to[8] & 0x3F) | 0x80);
}

struct bento_str server_date(struct server *server)
{
    int64_t now = bento_unix_s();

    if (now != server->date_s) {
        server->date_s = now;
        bento_http_date(now, server->date);
    }
    return bento_str_of(server->date);
}

const char *server_method(const struct exchange *x)
{
    return x->method == BENTO_HTTP_GET ? "GET" : "POST";
}

int64_t server_now(struct server *server)
{
    server->now_ns = bento_now_ns();
    return server->now_ns;
}

void server_account(struct server *server, const struct exchange *x, int status)
{
    double seconds = (double)(server->now_ns - x->arrival_ns) / 1e9;

    metrics_observe(&server->metrics.mb_total, x->endpoint, status, 1, seconds);
    if (x->api)
        metrics_add(&server->metrics.mb_progress, x->endpoint, 0, server_method(x), -1);
}

/* ---- stop ---- */

static void on_handle_closed(uv_handle_t *handle)
{
    (void)handle;
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_handle_closed);
}

static void stop_listening(struct server *server)
{
    if (!server->listening)
        return;
    server->listening = false;
    close_handle((uv_handle_t *)&server->listener);
}

/* Everything was answered, or has to end now. */
static void server_stop(struct server *server)
{
    if (server->stopped)
        return;
    server->stopped = true;
    stop_listening(server);
    for (size_t i = 0; i < server->service.api_count; i++)
        api_flush(&server->apis[i],
                  BENTO_STR("503: Service Unavailable: the server is stopping\n"));
    bento_pool_stop(server->pool);
}

static void on_pool_stopped(void *arg)
{
    struct server *server = arg;

    server->stopped = true;
    stop_listening(server);
    conn_close_all(server);
    bento_alarm_close(&server->alarm);
    close_handle((uv_handle_t *)&server->tick);
    close_handle((uv_handle_t *)&server->pump);
    for (int i = 0; i < SERVER_SIGNALS; i++)
        close_handle((uv_handle_t *)&server->signals[i]);
}

static bool in_flight(const struct server *server)
{
    for (size_t i = 0; i < server->service.api_count; i++)
        if (server->apis[i].live_first || server->apis[i].running)
            return true;
    size_t open = 0;
    for (int phase = PHASE_IDLE; phase <= PHASE_WRITE; phase++)
        open += server->waits.count[phase]; /* idle ones are closed by conn_drain when
                                               they have been so for a moment */
    return open > 0;
}

void server_drain(struct server *server)
{
    if (server->draining) { /* asked twice: at once */
        server_stop(server);
        return;
    }
    server->draining = true;
    server->drain_until_ns =
        server_now(server) + server->options.drain_timeout_ms * 1000000;
    BENTO_LOG(
        BENTO_LOG_INFO, "serve",
        BENTO_LOG_M("stopping: no new connections, requests in flight are answered"));
    stop_listening(server);
    conn_drain(server, server->now_ns);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    server_drain(handle->data);
}

/* ---- turns of the loop ---- */

const struct bento_str server_down_text = {
    "503: Service Unavailable: no worker can be started\n",
    sizeof "503: Service Unavailable: no worker can be started\n" - 1
};

/* Waiting for workers that cannot be started would only use up the clients' patience. */
static void look_after_workers(struct server *server)
{
    bool down = server->ready && !server->draining && bento_pool_down(server->pool);

    if (down != server->down)
        BENTO_LOG(
            down ? BENTO_LOG_ERROR : BENTO_LOG_INFO, "serve",
            BENTO_LOG_Z("message", down ? "no worker can be started, requests get 503"
                                        : "workers are back"));
    server->down = down;
    for (size_t i = 0; down && i < server->service.api_count; i++)
        api_flush(&server->apis[i], server_down_text);
}

static void on_tick(uv_timer_t *timer)
{
    struct server *server = timer->data;
    int64_t now = server_now(server);

    conn_check_limits(server, now);
    look_after_workers(server);
    for (size_t i = 0; i < server->service.api_count; i++)
        api_expire(&server->apis[i], now);
    if (server->draining && !server->stopped) {
        conn_drain(server, now);
        if (!in_flight(server) || now >= server->drain_until_ns)
            server_stop(server);
    }
}

static void on_pump(uv_check_t *check)
{
    struct server *server = check->data;

    for (size_t i = 0; i < server->service.api_count; i++)
        if (server->apis[i].dirty)
            api_pump(&server->apis[i]);
}

static void on_alarm(void *arg)
{
    struct server *server = arg;

    for (size_t i = 0; i < server->service.api_count; i++)
        if (server->apis[i].first)
            server->apis[i].dirty = true; /* on_pump follows in this turn */
}

static void on_connection(uv_stream_t *listener, int status)
{
    conn_accept(listener->data, status);
}

/* ---- the pool's news ---- */

static void announce(struct server *server)
{
    char text[16];
    int n = snprintf(text, sizeof text, "%d\n", server->port);

    BENTO_LOG(BENTO_LOG_INFO, "serve", BENTO_LOG_M("ready"),
              BENTO_LOG_Z("service", server->service.name),
              BENTO_LOG_Z("version", server->service.version),
              BENTO_LOG_I("port", server->port),
              BENTO_LOG_I("workers", server->options.workers));
    if (server->options.ready_fd >= 0 &&
        write(server->options.ready_fd, text, (size_t)n) < 0)
        BENTO_LOG(BENTO_LOG_WARN, "serve",
                  BENTO_LOG_M("cannot write the port to the ready descriptor"));
}

static void on_ready(void *arg, const char *hello)
{
    struct server *server = arg;

    (void)hello;
    if (!server->ready)
        announce(server);
    server->ready = true;
}

static void on_idle(void *arg)
{
    on_alarm(arg);
}

static void on_fail(void *arg, const struct bento_error *err)
{
    struct server *server = arg;

    server->failure = *err;
    server_stop(server);
}

static const struct bento_pool_callbacks pool_callbacks = {
    .on_ready = on_ready,
    .on_result = api_on_result,
    .on_lost = api_on_lost,
    .on_done = api_on_done,
    .on_idle = on_idle,
    .on_fail = on_fail,
    .on_stopped = on_pool_stopped,
};

/* ---- start ---- */

static bento_rc start_listening(struct server *server, struct bento_error *err)
{
    const struct bento_serve_options *o = &server->options;
    struct sockaddr_storage address;
    int size = (int)sizeof address;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    const struct sockaddr *at = (const struct sockaddr *)&v4;

    if (uv_ip4_addr(o->host, o->port, &v4) != 0) {
        if (uv_ip6_addr(o->host, o->port, &v6) != 0) {
            bento_fail(err, BENTO_EUSAGE, "'%s' is not an IP address", o->host);
            return bento_hint(
                err, "give 0.0.0.0 (all interfaces), 127.0.0.1, localhost or another "
                     "address; names are not looked up");
        }
        at = (const struct sockaddr *)&v6;
    }
    int rc = uv_tcp_init(&server->loop, &server->listener);
    if (rc == 0) {
        server->listener.data = server;
        server->listening = true;
        rc = uv_tcp_bind(&server->listener, at, 0);
    }
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&server->listener, BACKLOG, on_connection);
    if (rc == 0)
        rc = uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &size);
    if (rc == UV_EADDRINUSE) {
        bento_fail(err, BENTO_EUNAVAILABLE, "port %d of %s is in use", o->port, o->host);
        return bento_hint(
            err, "stop the process that holds it, or choose another one with --port");
    }
    if (rc != 0)
        return bento_fail(err, BENTO_EIO, "cannot listen on %s port %d: %s", o->host,
                          o->port, uv_strerror(rc));
    server->port = ntohs(address.ss_family == AF_INET
                             ? ((struct sockaddr_in *)&address)->sin_port
                             : ((struct sockaddr_in6 *)&address)->sin6_port);
    return BENTO_OK;
}

/* nohup asks for that. */
static bool ignored(int number)
{
    struct sigaction now;

    return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

/* What cannot fail comes first: after a failure all of these handles are closed. */
static bento_rc start_handles(struct server *server, struct bento_error *err)
{
    static const int numbers[SERVER_SIGNALS] = { SIGTERM, SIGINT, SIGHUP };

    for (int i = 0; i < SERVER_SIGNALS; i++) {
        (void)uv_signal_init(&server->loop, &server->signals[i]);
        server->signals[i].data = server;
        if (numbers[i] != SIGHUP || !ignored(SIGHUP))
            (void)uv_signal_start(&server->signals[i], on_signal, numbers[i]);
    }
    (void)uv_timer_init(&server->loop, &server->tick);
    server->tick.data = server;
    (void)uv_timer_start(&server->tick, on_tick, SERVER_TICK_MS, SERVER_TICK_MS);
    (void)uv_check_init(&server->loop, &server->pump);
    server->pump.data = server;
    (void)uv_check_start(&server->pump, on_pump);
    return bento_alarm_init(&server->alarm, &server->loop, on_alarm, server, err);
}

static int64_t default_to(int64_t value, int64_t fallback)
{
    return value > 0 ? value : fallback;
}

static void fill_defaults(struct server *server)
{
    struct bento_serve_options *o = &server->options;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    o->host = o->host ? o->host : "0.0.0.0";
    o->workers = (int)default_to(o->workers, cores > 0 ? cores : 1);
    o->timeout_ms = default_to(o->timeout_ms, 60000);
    o->area_size = o->area_size ? o->area_size : (uint64_t)1 << 30;
    o->drain_timeout_ms = default_to(o->drain_timeout_ms, 30000);
    wait_lists_init(&server->waits);
    server->waits.limit_ns[PHASE_HEAD] =
        default_to(o->header_timeout_ms, 10000) * 1000000;
    server->waits.limit_ns[PHASE_BODY] = default_to(o->body_timeout_ms, 30000) * 1000000;
    server->waits.limit_ns[PHASE_IDLE] = default_to(o->idle_timeout_ms, 75000) * 1000000;
    server->waits.limit_ns[PHASE_WRITE] = 60000000000;
    server->waits.limit_ns[PHASE_LINGER] = 2000000000;
}

static bento_rc make_queues(struct server *server, struct bento_error *err)
{
    size_t count = server->service.api_count;

    server->read_buffer = bento_alloc(SERVER_READ_SIZE);
    server->apis = bento_calloc(count ? count : 1, sizeof *server->apis);
    if (!server->read_buffer || !server->apis)
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    for (size_t i = 0; i < count; i++)
        api_init(&server->apis[i], server, (uint32_t)i);
    return BENTO_OK;
}

static bento_rc start_pool(struct server *server, struct bento_error *err)
{
    char *python = NULL;
    bento_rc rc = bento_python_find(server->options.python, &python, err);

    if (rc != BENTO_OK)
        return rc;
    struct bento_pool_options options = {
        .python = python,
        .version = server->options.version,
        .bundle = server->service.folder,
        .workers = (uint32_t)server->options.workers,
        .area_size = server->options.area_size,
        .timeout_ns = server->options.timeout_ms * 1000000,
        .batch_rerun = server->options.batch_rerun,
        .widen_numbers = server->options.widen_numbers,
        .callbacks = &pool_callbacks,
        .arg = server,
    };
    rc = bento_pool_start(&server->loop, &options, &server->pool, err);
    bento_serve_free_text(python);
    return rc;
}

static void release(struct server *server)
{
    while (server->spare) {
        struct exchange *next = server->spare->next;
        bento_free(server->spare);
        server->spare = next;
    }
    bento_pool_free(server->pool);
    bento_buf_release(&server->head);
    metrics_release(&server->metrics);
    service_release(&server->service);
    bento_free(server->apis);
    bento_free(server->read_buffer);
    bento_free(server);
}

/* Starts all parts; on failure what was started is closed by running the loop dry. */
static bento_rc start(struct server *server, struct bento_error *err)
{
    bento_rc rc = start_handles(server, err);

    if (rc == BENTO_OK)
        rc = start_listening(server, err);
    if (rc == BENTO_OK)
        rc = start_pool(server, err);
    if (rc != BENTO_OK)
        on_pool_stopped(server);
    return rc;
}

/* What can be set up without the loop. */
static bento_rc prepare(struct server *server, struct bento_error *err)
{
    fill_defaults(server);
    (void)server_now(server);
    bento_buf_init(&server->head, 256u << 10);
    if (getrandom(server->random, sizeof server->random, 0) !=
        (ssize_t)sizeof server->random)
        server->random[0] = (uint64_t)server_now(server) | 1;
    bento_rc rc = service_load(&server->options, &server->service, err);
    if (rc == BENTO_OK)
        rc = make_queues(server, err);
    if (rc == BENTO_OK && uv_loop_init(&server->loop) != 0)
        rc = bento_fail(err, BENTO_EIO, "cannot make an event loop");
    return rc;
}

bento_rc server_open(const struct bento_serve_options *options,
                     struct server **ret,
                     struct bento_error *err)
{
    struct server *server = bento_calloc(1, sizeof *server);

    if (!server)
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    server->options = *options;
    bento_rc rc = prepare(server, err);
    if (rc != BENTO_OK) {
        release(server);
        return rc;
    }
    metrics_init(&server->metrics, server->service.name, server->service.version);
    (void)signal(SIGPIPE, SIG_IGN);
    rc = start(server, err);
    if (rc != BENTO_OK) {
        (void)server_run(server, NULL);
        return rc;
    }
    *ret = server;
    return BENTO_OK;
}

bento_rc server_run(struct server *server, struct bento_error *err)
{
    (void)uv_run(&server->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&server->loop);
    bento_rc rc = server->failure.code;
    if (rc != BENTO_OK && err)
        *err = server->failure;
    release(server);
    return rc;
}

bento_rc bento_serve(const struct bento_serve_options *options, struct bento_error *err)
{
    struct server *server;
    bento_rc rc = server_open(options, &server, err);

    return rc == BENTO_OK ? server_run(server, err) : rc;
}
