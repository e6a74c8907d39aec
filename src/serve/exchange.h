/*
 * An exchange: one request and its one answer, whatever protocol carries them.
 *
 * The transport (serve/conn.c for HTTP/1) makes an exchange when a head is complete,
 * feeds body bytes into its sink and hands it over when the request is whole. The handler
 * answers once, in one piece or in several. The same calls serve HTTP/2 streams and gRPC
 * calls: nothing here knows about connections.
 *
 * Life: READING -> QUEUED -> RUNNING -> DONE, or straight from READING to DONE; states
 * only move forward, except that a request whose worker died before starting it goes back
 * from RUNNING to QUEUED once.
 *
 * Invariants:
 *  1. Exactly one answer: exchange_answer is ignored with a log line when the exchange
 * was answered already.
 *  2. The transport may leave at any time (client gone): `peer` becomes NULL, later
 * answers go nowhere.
 *  3. Two parties hold an exchange: the transport from exchange_new to exchange_detach,
 * and the API from api_enqueue until the request has left queue and worker. The last one
 * to let go frees it; an answer may be the transport's last act.
 *  4. The request block in the request area belongs to the exchange until it is freed.
 */
#ifndef BENTO_SERVE_EXCHANGE_H
#define BENTO_SERVE_EXCHANGE_H

#include "proto/http1.h"

struct server;
struct api;
struct exchange;

enum exchange_state {
    EXCHANGE_READING,
    EXCHANGE_QUEUED,
    EXCHANGE_RUNNING,
    EXCHANGE_DONE
};

struct answer {
    int status;
    struct bento_str type;
    struct bento_str body; /* first or only piece; borrowed during the call */
    uint64_t total;        /* bytes of the whole body */
    const struct bento_http_header *headers;
    size_t header_count;
    bool close;   /* the connection cannot be used afterwards */
    bool with_id; /* send X-Request-Id */
};

struct exchange_transport {
    /* The head and first piece of an answer; `last` when the whole body is there. */
    void (*answer)(struct exchange *x, const struct answer *answer, bool last);
    /* A further piece. */
    void (*more)(struct exchange *x, struct bento_str piece, bool last);
    /* A begun answer cannot be finished: break the stream off. */
    void (*abort)(struct exchange *x);
};

/* What a route does with a whole request. */
typedef void (*exchange_handler)(struct exchange *x);

struct exchange {
    struct server *server;
    const struct exchange_transport *transport;
    void *peer; /* the transport's own; NULL: client gone */
    enum exchange_state state;
    int refs; /* the transport's, and the API's while the request waits or runs */

    enum bento_http_method method;
    int minor;
    bool keep_alive;
    uint8_t task_id[16];
    int64_t arrival_ns;   /* head complete */
    int64_t deadline_ns;  /* absolute; INT64_MAX: none */
    const char *endpoint; /* metric label: the route without '/', constant text */

    /* Body sink: a block of the request area (API routes), a small buffer, or nothing. */
    enum { SINK_DISCARD, SINK_BLOCK, SINK_SMALL } sink;
    uint64_t body_max;
    uint64_t body_size; /* bytes received */
    uint64_t block;     /* area offset */
    uint64_t meta_size;
    uint64_t body_room;     /* capacity of the block for the body */
    uint64_t body_expected; /* its length; of a chunked one, what it may have at most */
    bool has_block;
    struct bento_buf small;

    exchange_handler handler;
    int refuse_status; /* refusing handler: status */
    struct bento_str refuse_text;
    const char *allow; /* of a 405 */

    struct api *api;
    uint32_t wire_flags; /* enum bento_wire_entry_flags */
    bool retried;
    bool answered;  /* head of the answer was sent */
    bool streaming; /* answered by a worker, further pieces follow */
    uint64_t sent;  /* body bytes of the answer so far */
    int64_t submitted_ns;
    struct exchange *prev; /* API queue */
    struct exchange *next;
    struct exchange *live_prev; /* API's list of unanswered requests, by arrival */
    struct exchange *live_next;
    bool live;
};

#define EXCHANGE_BODY_START 16384u /* first room for a body in the request area */

/* NULL when out of memory. */
struct exchange *exchange_new(struct server *server,
                              const struct exchange_transport *transport,
                              void *peer);
/* The transport lets go (client gone, or answer delivered). */
void exchange_detach(struct exchange *x);
/* The API's hold on an exchange that waits or runs; freed with the last hold. */
void exchange_ref(struct exchange *x);
void exchange_unref(struct exchange *x);

/* Takes a block of the request area for meta_size bytes and the beginning of a body of
 * body_expected bytes. 0, or 503. */
int exchange_reserve(struct exchange *x);
/* Body bytes of the transport. 0, or the HTTP status to fail with. */
int exchange_body(struct exchange *x, const char *p, size_t n);
/* Where the transport may read body bytes directly; NULL: use exchange_body with a buffer
 * of its own. */
char *exchange_body_window(struct exchange *x, size_t *ret_size);

/* Answers. Text answers are text/plain; charset=utf-8. */
void exchange_answer(struct exchange *x, const struct answer *answer, bool last);
void exchange_more(struct exchange *x, struct bento_str piece, bool last);
void exchange_abort(struct exchange *x);
void exchange_text(struct exchange *x, int status, struct bento_str text);
void exchange_send(struct exchange *x,
                   int status,
                   struct bento_str type,
                   struct bento_str body);

/* The request id as text: 36 characters, not terminated. */
void exchange_id(const struct exchange *x, char to[36]);

#endif
