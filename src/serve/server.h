/*
 * The API server's state: one I/O thread owns all of it.
 *
 * Who owns what: the server owns the loop, the listener, the connections (conn.c), the
 * exchanges (exchange.c), one queue per API (queue.c), the metrics and the pool of
 * workers. Exchanges own their block of the request area. Nothing here is touched by
 * another thread.
 */
#ifndef BENTO_SERVE_SERVER_H
#define BENTO_SERVE_SERVER_H

#include <uv.h>

#include "loop/alarm.h"
#include "os/clock.h"
#include "runtime/pool.h"
#include "serve/exchange.h"
#include "serve/metrics.h"
#include "serve/queue.h"
#include "serve/service.h"
#include "serve/timeouts.h"

#define SERVER_READ_SIZE   65536 /* one read for all connections */
#define SERVER_QUEUE_MAX   32768 /* unanswered requests of the whole server */
#define SERVER_PENDING_MAX 65536 /* pipelined bytes kept while a request is answered */
#define SERVER_RESPONSE_MAX                                                            \
    (1ull << 30)                         /* bytes of one answer waiting for its reader \
                                          */
#define SERVER_SMALL_BODY_MAX (1u << 20) /* bodies of infrastructure routes */
#define SERVER_DISCARD_MAX \
    (256u << 10) /* body of a refused request that is read to keep the connection */
#define SERVER_CONNECTIONS_MAX 16384

struct conn;

#define SERVER_SIGNALS 3 /* SIGTERM, SIGINT, SIGHUP */

struct server {
    struct bento_serve_options options;
    struct service service;
    struct metrics metrics;
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_signal_t signals[SERVER_SIGNALS];
    uv_timer_t tick;          /* connection limits and deadlines, every SERVER_TICK_MS */
    uv_check_t pump;          /* after each turn's events: let the queues decide */
    struct bento_alarm alarm; /* batch windows */
    struct bento_pool *pool;
    struct api *apis; /* service.api_count queues */
    struct wait_lists waits;
    size_t connections;
    size_t exchanges;       /* alive */
    struct exchange *spare; /* freed exchanges kept for reuse, linked by next */
    size_t spares;
    int64_t area_said_ns;  /* no more lines about a full area before */
    int64_t now_ns;        /* when the current event was looked at; see server_now */
    struct bento_buf head; /* scratch of the answer being written */
    char date[30];         /* Date header of `date_s` */
    int64_t date_s;
    uint64_t random[4]; /* request ids */
    int port;
    bool down; /* no worker runs, and none can be started */
    bool listening;
    bool ready; /* the workers have loaded the service */
    bool draining;
    bool stopped; /* everything is closed: the loop may end */
    int64_t drain_until_ns;
    struct bento_error failure; /* why bento_serve ends with an error */
    char *read_buffer;
};

/* What requests get while `down`. */
extern const struct bento_str server_down_text;

/* conn.c */
void conn_accept(struct server *server, int status);
/* Closes connections that are over a limit. */
void conn_check_limits(struct server *server, int64_t now_ns);
/* Closes connections that have been idle for a moment. Busy ones, and those whose next
 * request may be on its way, close after their next answer, which says so: no request
 * meets a closed connection. */
void conn_drain(struct server *server, int64_t now_ns);
void conn_close_all(struct server *server);
/* Connections replied to at or after `since_ns` by that API and waiting for their next
 * request; *ret_due is when the last of them was replied to. */
uint32_t conn_returning(const struct server *server,
                        const struct api *api,
                        int64_t since_ns,
                        int64_t *ret_last);

/* route.c: decides what becomes of a request. 0, or the HTTP status with which to refuse
 * it before its body. */
int route_request(struct exchange *x, const struct bento_http_head *head);

/* server.c */
/* Listens and starts the workers; the loop is the caller's to run until server_run. */
bento_rc server_open(const struct bento_serve_options *options,
                     struct server **ret,
                     struct bento_error *err);
/* Runs the loop until the server has stopped, then frees it. */
bento_rc server_run(struct server *server, struct bento_error *err);
void server_drain(struct server *server);
/* Metric label of the method of an API request. */
const char *server_method(const struct exchange *x);
/* Reads the clock for the event at hand: bytes read or written, an answer, a decision.
 * What follows from it uses server->now_ns. */
int64_t server_now(struct server *server);
/* An exchange was answered: counts it. */
void server_account(struct server *server, const struct exchange *x, int status);
void server_random(struct server *server, uint8_t to[16]);
struct bento_str server_date(struct server *server);

#endif
