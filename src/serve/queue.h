/*
 * One queue per API: admission, batching, dispatch to workers, deadlines, and what
 * happens when a worker dies.
 *
 * Requests wait in arrival order. APIs with batch=True are cut into jobs by the marginal
 * batcher (core/batch.h); the others go one by one to whichever worker is idle. The queue
 * reacts to events only: arrival, completion, alarm; the decision runs once per loop
 * turn, after all events that the kernel had ready were taken in.
 *
 * Invariants:
 *  1. Every exchange given to api_enqueue is answered exactly once.
 *  2. `live` holds every unanswered exchange in arrival order, so the head has the
 * earliest deadline.
 *  3. At most SERVER_QUEUE_MAX exchanges wait in the whole server; more are refused with
 * 503.
 */
#ifndef BENTO_SERVE_QUEUE_H
#define BENTO_SERVE_QUEUE_H

#include "core/batch.h"
#include "serve/exchange.h"
#include "serve/service.h"

struct bento_pool;
struct bento_pool_piece;
struct bento_pool_done;

struct api {
    struct server *server;
    const struct service_api *about;
    uint32_t index; /* in the worker's list */
    struct bento_batch batch;
    struct exchange *first; /* queue, oldest first */
    struct exchange *last;
    uint32_t queued;
    uint32_t running;
    struct exchange *live_first;
    struct exchange *live_last;
    int64_t busy_until_ns; /* predicted end of its latest job */
    bool dirty;            /* something happened: decide at the end of this turn */
};

void api_init(struct api *api, struct server *server, uint32_t index);
/* The request is whole: handler of API routes. */
void api_enqueue(struct exchange *x);
/* The client went away. */
void api_cancel(struct exchange *x);
/* The first piece of its answer was sent: no deadline any more. */
void api_answered(struct exchange *x);
/* Decides and dispatches; called at the end of a loop turn for dirty queues. */
void api_pump(struct api *api);
/* Answers 408 to requests past their deadline, and 503 to those that have waited for a
 * worker as long as an execution may take. */
void api_expire(struct api *api, int64_t now_ns);
/* Answers 503 with this text to everything that waits. */
void api_flush(struct api *api, struct bento_str text);

/* Pool callbacks; `arg` is the server. */
void api_on_result(void *arg, void *ticket, const struct bento_pool_piece *piece);
void api_on_lost(void *arg, void *ticket, bool started, bool timed_out);
void api_on_done(void *arg, const struct bento_pool_done *done);

#endif
