/*
 * HTTP/1 connections: the transport of exchanges.
 *
 * Invariants:
 *  1. One exchange at a time: while one is in flight (`busy`), further bytes wait
 * unparsed in `pending`, and reading stops when that is full. So pipelined requests are
 * answered in order and a client that does not read slows itself down.
 *  2. Answers are written at once if the socket takes them; what it does not take is
 * copied into `out` and sent when the socket is ready. The memory an answer came from is
 * never referenced after the call.
 *  3. After an error, or when the client asked for it, the connection lingers: the
 * sending side is shut down and the client's remaining bytes are read and thrown away for
 * a moment, so that it sees the answer instead of a reset.
 *  4. A half-closed client (end of file on reading) still gets its answer; a reset
 * cancels the request.
 *  5. conn_run is never re-entered: an answer given inside it only clears `busy`.
 */
#include "base/alloc.h"
#include "base/log.h"
#include "os/socket.h"
#include "runtime/pool.h"
#include "serve/server.h"

#define DIRECT_READ_MIN \
    16384 /* body bytes still missing for which reading in place pays */
#define DRAIN_IDLE_NS                                                                   \
    200000000 /* a client that was active lately gets one more answer, with Connection: \
                 close */
#define LINGER_BYTES  (1u << 20)
#define BODY_RATE_MIN 512  /* bytes a second */
#define JOIN_MAX      2048 /* bodies up to this are copied behind their head */

struct conn {
    struct wait_link wait; /* first: lists link to it */
    struct server *server;
    uv_tcp_t tcp;
    uv_os_fd_t fd; /* of tcp, for answers that leave at once */
    uv_write_t write;
    struct bento_http1 *parser;
    struct exchange *x;       /* of the request being read or answered */
    struct bento_buf pending; /* read, not parsed */
    struct bento_buf out;     /* to be sent after `sending` */
    struct bento_buf sending; /* in the hands of uv_write */
    size_t progress;          /* write queue when last looked at */
    size_t lingered;          /* bytes thrown away while closing */
    struct api *last_api;
    bool busy;        /* a whole request waits for the end of its answer */
    bool running;     /* inside conn_run */
    bool complete;    /* the answer was handed over entirely */
    bool close_after; /* shut down when everything is sent */
    bool eof;         /* the client has finished sending */
    bool reading;
    bool lingering;
    bool closing;   /* uv_close was called */
    bool continued; /* 100 Continue was sent for this request */
};

static void conn_run(struct conn *conn, const char *p, size_t n);
static void conn_flush(struct conn *conn);

static void on_closed(uv_handle_t *handle)
{
    struct conn *conn = handle->data;

    bento_http1_free(conn->parser);
    bento_buf_release(&conn->pending);
    bento_buf_release(&conn->out);
    bento_buf_release(&conn->sending);
    conn->server->connections--;
    conn->server->metrics.connections = conn->server->connections;
    bento_free(conn);
}

static void conn_drop_exchange(struct conn *conn)
{
    struct exchange *x = conn->x;

    conn->x = NULL;
    if (x)
        exchange_detach(x);
}

static void conn_close(struct conn *conn)
{
    if (conn->closing)
        return;
    conn->closing = true;
    wait_leave(&conn->server->waits, &conn->wait);
    conn_drop_exchange(conn);
    uv_close((uv_handle_t *)&conn->tcp, on_closed);
}

static void enter(struct conn *conn, enum phase phase)
{
    wait_enter(&conn->server->waits, &conn->wait, phase, conn->server->now_ns);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    (void)status;
    bento_free(request);
}

/* Everything is sent and nothing more will be: let the client read it, then close. */
static void conn_linger(struct conn *conn)
{
    uv_shutdown_t *request = conn->eof ? NULL : bento_alloc(sizeof *request);

    if (!request || uv_shutdown(request, (uv_stream_t *)&conn->tcp, on_shutdown) != 0) {
        bento_free(request);
        conn_close(conn);
        return;
    }
    conn->lingering = true;
    enter(conn, PHASE_LINGER);
}

/* The answer has left: next request, or the end. */
static void conn_answered(struct conn *conn)
{
    conn_drop_exchange(conn);
    conn->complete = false;
    if (conn->close_after || (conn->eof && conn->pending.n == 0)) {
        conn->busy = false;
        conn_linger(conn);
        return;
    }
    bento_http1_next(conn->parser);
    conn->busy = false;
    conn->continued = false;
    enter(conn, PHASE_IDLE);
    if (!conn->running)
        conn_run(conn, NULL, 0);
}

static void on_written(uv_write_t *request, int status)
{
    struct conn *conn = request->data;

    (void)server_now(conn->server);
    bento_buf_clear(&conn->sending);
    if (conn->closing)
        return;
    if (status < 0) {
        conn_close(conn);
        return;
    }
    conn_flush(conn);
}

/* Sends what waits; when nothing does and the answer is complete, the request is over. */
static void conn_flush(struct conn *conn)
{
    if (conn->closing || conn->sending.n)
        return;
    if (conn->out.n == 0) {
        if (conn->sending.cap > SERVER_PENDING_MAX)
            bento_buf_release(&conn->sending);
        if (conn->complete)
            conn_answered(conn);
        return;
    }
    struct bento_buf swap = conn->sending;
    conn->sending = conn->out;
    conn->out = swap;
    conn->write.data = conn;
    conn->progress = conn->sending.n;
    uv_buf_t buf = uv_buf_init(conn->sending.p, (unsigned)conn->sending.n);
    if (uv_write(&conn->write, (uv_stream_t *)&conn->tcp, &buf, 1, on_written) != 0) {
        bento_buf_clear(&conn->sending);
        conn_close(conn);
        return;
    }
    if (conn->busy)
        enter(conn, PHASE_WRITE);
}

/* Sends two slices: directly as far as the socket takes them, the rest through `out`.
 * False: the connection is closed. */
static bool conn_send(struct conn *conn, struct bento_str a, struct bento_str b)
{
    if (conn->closing)
        return false;
    size_t sent = 0;
    if (conn->out.n == 0 && conn->sending.n == 0) {
        ssize_t rc = bento_socket_send(conn->fd, a, b);
        if (rc < 0) {
            conn_close(conn);
            return false;
        }
        sent = (size_t)rc;
    }
    size_t from_a = sent < a.n ? sent : a.n;
    bento_buf_add(&conn->out, a.p + from_a, a.n - from_a);
    sent -= from_a;
    bento_buf_add(&conn->out, b.p + sent, b.n - sent);
    if (conn->out.rc != BENTO_OK) {
        BENTO_LOG(BENTO_LOG_WARN, "serve",
                  BENTO_LOG_M(
                      "answer dropped: the client reads too slowly or memory is short"));
        conn_close(conn);
        return false;
    }
    return true;
}

static void
conn_write_answer(struct conn *conn, struct exchange *x, const struct answer *answer)
{
    struct server *server = conn->server;
    struct bento_buf *head = &server->head;
    char id[36];

    exchange_id(x, id);
    bool more =
        !conn->eof || conn->pending.n; /* a half-closed client may have pipelined */
    bool keep = x->keep_alive && !answer->close && more && !server->draining &&
                bento_http1_state(conn->parser) == BENTO_HTTP1_COMPLETE;
    conn->close_after = !keep;
    struct bento_http_answer line = {
        .status = answer->status,
        .minor = x->minor,
        .keep_alive = keep,
        .length = answer->total,
        .type = answer->type,
        .date = server_date(server),
        .request_id =
            answer->with_id ? bento_str_from(id, sizeof id) : bento_str_from(NULL, 0),
        .headers = answer->headers,
        .header_count = answer->header_count,
    };
    bento_buf_clear(head);
    bento_http1_answer(head, &line);
    struct bento_str body = answer->body;
    if (x->method == BENTO_HTTP_HEAD || answer->status == 204 || answer->status == 304)
        body.n = 0;
    if (body.n && body.n <= JOIN_MAX && head->rc == BENTO_OK) {
        bento_buf_addstr(head, body); /* one piece costs the kernel less than two */
        body.n = 0;
    }
    if (head->rc != BENTO_OK) {
        conn_close(conn); /* half a head must not leave */
        return;
    }
    (void)conn_send(conn, bento_buf_str(head), body);
}

static void transport_answer(struct exchange *x, const struct answer *answer, bool last)
{
    struct conn *conn = x->peer;

    conn->busy = true;
    conn->complete = last;
    if (x->api)
        conn->last_api = x->api;
    conn_write_answer(conn, x, answer);
    conn_flush(conn);
}

static void transport_more(struct exchange *x, struct bento_str piece, bool last)
{
    struct conn *conn = x->peer;

    conn->complete = last;
    if (x->method != BENTO_HTTP_HEAD)
        (void)conn_send(conn, piece, bento_str_from(NULL, 0));
    conn_flush(conn);
}

static void transport_abort(struct exchange *x)
{
    conn_close(x->peer);
}

static const struct exchange_transport http1_transport = { transport_answer,
                                                           transport_more,
                                                           transport_abort };

/* ---- parser events ---- */

static int on_head(void *arg, const struct bento_http_head *head)
{
    struct conn *conn = arg;
    struct exchange *x = exchange_new(conn->server, &http1_transport, conn);

    if (!x)
        return 503;
    conn->x = x;
    x->method = head->method;
    x->minor = head->minor;
    x->keep_alive = head->keep_alive;
    if (head->expect_other)
        return 417;
    if (conn->last_api && conn->wait.phase == PHASE_IDLE)
        bento_batch_return(&conn->last_api->batch, x->arrival_ns - conn->wait.since_ns);
    return route_request(x, head);
}

static int on_body(void *arg, const char *p, size_t n)
{
    struct conn *conn = arg;

    return exchange_body(conn->x, p, n);
}

static int on_chunk(void *arg, uint64_t n)
{
    const struct exchange *x = ((struct conn *)arg)->x;

    return n > x->body_max - x->body_size ? 413 : 0;
}

static const struct bento_http1_events events = { on_head, on_chunk, on_body };

/* The parser refused the request: say why, then close. */
static void conn_refuse(struct conn *conn)
{
    const char *reason = "";
    int status = bento_http1_status(conn->parser, &reason);
    const char *endpoint = conn->x && conn->x->endpoint ? conn->x->endpoint : "";
    struct bento_buf text;

    conn_drop_exchange(conn);
    struct exchange *x = exchange_new(conn->server, &http1_transport, conn);
    if (!x) {
        conn_close(conn);
        return;
    }
    conn->x = x;
    x->minor = 1;
    x->endpoint = endpoint;
    bento_buf_init(&text, 512);
    bento_buf_addf(&text, "%d: %s%s%s\n", status, bento_http_reason(status),
                   *reason ? ": " : "", reason);
    struct answer answer = { .status = status,
                             .type = BENTO_STR("text/plain; charset=utf-8"),
                             .body = bento_buf_str(&text),
                             .total = text.n,
                             .close = true };
    exchange_answer(x, &answer, true);
    bento_buf_release(&text);
}

/* The request did not arrive in time: say so, then close. */
static void conn_time_out(struct conn *conn)
{
    const char *endpoint = conn->x && conn->x->endpoint ? conn->x->endpoint : "";

    conn->busy = true;
    conn_drop_exchange(conn);
    struct exchange *x = exchange_new(conn->server, &http1_transport, conn);
    if (!x) {
        conn_close(conn);
        return;
    }
    conn->x = x;
    x->minor = 1;
    x->endpoint = endpoint;
    struct answer answer = {
        .status = 408,
        .type = BENTO_STR("text/plain; charset=utf-8"),
        .body = BENTO_STR("408: Request Timeout: the request did not arrive in time\n"),
        .close = true
    };
    answer.total = answer.body.n;
    exchange_answer(x, &answer, true);
}

/* A body that trickles holds room for nothing: behind the first time limit it must have
 * come at some rate on the whole. */
static bool too_slow(const struct conn *conn)
{
    const struct server *server = conn->server;
    int64_t spent_ns = server->now_ns - conn->x->arrival_ns;
    int64_t limit_ns = server->waits.limit_ns[PHASE_BODY];

    return limit_ns > 0 && spent_ns > limit_ns &&
           conn->x->body_size < (uint64_t)(spent_ns / 1000000) * BODY_RATE_MIN / 1000;
}

static void conn_continue(struct conn *conn)
{
    const struct bento_http_head *head = bento_http1_head(conn->parser);

    if (conn->continued || !head || !head->expect_continue || conn->x->body_size)
        return;
    conn->continued = true;
    (void)conn_send(conn, BENTO_STR("HTTP/1.1 100 Continue\r\n\r\n"),
                    bento_str_from(NULL, 0));
    conn_flush(conn);
}

/* Looks at the parser after it consumed something. */
static void conn_step(struct conn *conn)
{
    switch (bento_http1_state(conn->parser)) {
    case BENTO_HTTP1_IDLE:
        break;
    case BENTO_HTTP1_HEAD:
        if (conn->wait.phase != PHASE_HEAD)
            enter(conn, PHASE_HEAD);
        break;
    case BENTO_HTTP1_BODY:
        conn_continue(conn);
        if (conn->closing)
            break;
        if (too_slow(conn))
            conn_time_out(conn);
        else
            enter(conn, PHASE_BODY);
        break;
    case BENTO_HTTP1_COMPLETE:
        conn->busy = true;
        enter(conn, PHASE_EXEC);
        conn->x->handler(conn->x);
        break;
    case BENTO_HTTP1_FAILED:
        conn->busy = true;
        enter(conn, PHASE_WRITE);
        conn_refuse(conn);
        break;
    }
}

static void conn_read_start(struct conn *conn);

/* Keeps bytes for later; stops reading when enough wait. */
static void conn_keep(struct conn *conn, const char *p, size_t n)
{
    bento_buf_add(&conn->pending, p, n);
    if (conn->pending.rc != BENTO_OK) {
        conn_close(conn);
        return;
    }
    if (conn->pending.n >= SERVER_PENDING_MAX && conn->reading) {
        (void)uv_read_stop((uv_stream_t *)&conn->tcp);
        conn->reading = false;
    }
}

/* Parses n new bytes, after those that were kept. */
static void conn_run(struct conn *conn, const char *p, size_t n)
{
    if (conn->running || conn->busy) {
        conn_keep(conn, p, n);
        return;
    }
    bool direct = conn->pending.n == 0;
    if (!direct) {
        conn_keep(conn, p, n);
        p = conn->pending.p;
        n = conn->pending.n;
    }
    size_t total = n;
    conn->running = true;
    while (n && !conn->busy && !conn->closing && !conn->lingering) {
        size_t used = bento_http1_feed(conn->parser, p, n);
        p += used;
        n -= used;
        conn_step(conn);
    }
    conn->running = false;
    if (conn->closing)
        return;
    if (conn->lingering)
        n = 0;
    if (direct)
        conn_keep(conn, p, n);
    else
        bento_buf_consume(&conn->pending, total - n);
    if (conn->eof && !conn->busy && !conn->lingering && !conn->closing)
        conn_close(conn); /* the rest of a request will never come */
    else if (!conn->closing && conn->pending.n < SERVER_PENDING_MAX)
        conn_read_start(conn);
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct conn *conn = handle->data;
    size_t room = 0;

    (void)suggested;
    if (!conn->busy && conn->pending.n == 0 && conn->x &&
        bento_http1_body_left(conn->parser) >= DIRECT_READ_MIN) {
        uint64_t left = bento_http1_body_left(conn->parser);
        char *to = exchange_body_window(conn->x, &room);
        if (to && room >= DIRECT_READ_MIN) {
            *buf = uv_buf_init(to, (unsigned)(room < left ? room : left));
            return;
        }
    }
    *buf = uv_buf_init(conn->server->read_buffer, SERVER_READ_SIZE);
}

static void on_end(struct conn *conn, ssize_t nread)
{
    conn->eof = true;
    (void)uv_read_stop((uv_stream_t *)&conn->tcp);
    conn->reading = false;
    if (nread == UV_EOF && conn->busy) {
        return; /* what it has sent is still answered; conn_answered closes behind the
                   last */
    }
    if (nread == UV_EOF && (conn->out.n || conn->sending.n) && !conn->lingering)
        return;
    conn_close(conn);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
    struct conn *conn = stream->data;

    if (nread == 0 || conn->closing)
        return;
    (void)server_now(conn->server);
    if (nread < 0) {
        on_end(conn, nread);
        return;
    }
    if (conn->lingering) {
        conn->lingered += (size_t)nread;
        if (conn->lingered > LINGER_BYTES)
            conn_close(conn);
        return;
    }
    conn_run(conn, buf->base, (size_t)nread);
}

static void conn_read_start(struct conn *conn)
{
    if (conn->reading || conn->eof)
        return;
    conn->reading = uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read) == 0;
    if (!conn->reading)
        conn_close(conn);
}

void conn_accept(struct server *server, int status)
{
    struct bento_http1_limits limits = BENTO_HTTP1_LIMITS_INIT;
    struct conn *conn = status == 0 ? bento_calloc(1, sizeof *conn) : NULL;

    if (!conn)
        return;
    conn->server = server;
    wait_link_init(&conn->wait);
    bento_buf_init(&conn->pending, SERVER_PENDING_MAX + SERVER_READ_SIZE);
    bento_buf_init(&conn->out, SERVER_RESPONSE_MAX);
    bento_buf_init(&conn->sending, SERVER_RESPONSE_MAX);
    conn->parser = bento_http1_new(&limits, &events, conn);
    if (!conn->parser || uv_tcp_init(&server->loop, &conn->tcp) != 0) {
        bento_http1_free(conn->parser);
        bento_free(conn);
        return;
    }
    conn->tcp.data = conn;
    server->connections++;
    server->metrics.connections = server->connections;
    if (uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)&conn->tcp) != 0 ||
        uv_fileno((uv_handle_t *)&conn->tcp, &conn->fd) != 0 ||
        server->connections > SERVER_CONNECTIONS_MAX) {
        conn_close(conn);
        return;
    }
    (void)uv_tcp_nodelay(&conn->tcp, 1);
    (void)server_now(server);
    enter(conn, PHASE_IDLE);
    conn_read_start(conn);
}

/* ---- limits ---- */

static struct conn *conn_of(struct wait_link *link)
{
    return (struct conn *)(void *)link;
}

/* A stalled reader that has taken something since the last look gets another turn. */
static bool made_progress(struct conn *conn)
{
    size_t left = uv_stream_get_write_queue_size((uv_stream_t *)&conn->tcp);
    bool moved = left < conn->progress;

    conn->progress = left;
    return moved;
}

void conn_check_limits(struct server *server, int64_t now_ns)
{
    struct wait_link *link;

    while ((link = wait_expired(&server->waits, PHASE_HEAD, now_ns)))
        conn_time_out(conn_of(link));
    while ((link = wait_expired(&server->waits, PHASE_BODY, now_ns)))
        conn_time_out(conn_of(link));
    while ((link = wait_expired(&server->waits, PHASE_IDLE, now_ns)))
        conn_close(conn_of(link));
    while ((link = wait_expired(&server->waits, PHASE_LINGER, now_ns)))
        conn_close(conn_of(link));
    while ((link = wait_expired(&server->waits, PHASE_WRITE, now_ns))) {
        if (made_progress(conn_of(link)))
            enter(conn_of(link), PHASE_WRITE);
        else
            conn_close(conn_of(link));
    }
}

static void close_phase(struct server *server, enum phase phase)
{
    struct wait_link *head = &server->waits.heads[phase];

    while (head->next != head)
        conn_close(conn_of(head->next));
}

void conn_drain(struct server *server, int64_t now_ns)
{
    struct wait_link *head = &server->waits.heads[PHASE_IDLE];

    while (head->next != head && now_ns - head->next->since_ns >= DRAIN_IDLE_NS)
        conn_close(conn_of(head->next));
}

void conn_close_all(struct server *server)
{
    for (int phase = 0; phase < PHASE_COUNT; phase++)
        close_phase(server, (enum phase)phase);
}

uint32_t conn_returning(const struct server *server,
                        const struct api *api,
                        int64_t since_ns,
                        int64_t *ret_last)
{
    const struct wait_link *head = &server->waits.heads[PHASE_IDLE];
    uint32_t count = 0;
    uint32_t looked = 0;

    *ret_last = 0;
    for (const struct wait_link *link = head->prev; link != head && looked < 1024;
         link = link->prev, looked++) {
        const struct conn *conn = (const struct conn *)(const void *)link;
        if (link->since_ns < since_ns)
            break;
        if (conn->last_api != api)
            continue;
        count++;
        if (link->since_ns > *ret_last)
            *ret_last = link->since_ns;
    }
    return count;
}
