/*
 * The worker pool: Python processes that run the user's code, one job at a time each,
 * supervised.
 *
 * The pool starts `python -m bentoml._worker BUNDLE` per worker with the link's
 * descriptors inherited, waits for each hello, hands jobs over through shared memory and
 * reports what comes back. A worker that dies, breaks the protocol or overruns the time
 * limit of a job is replaced: at once the first time, after a growing pause when it dies
 * young. It is killed together with the processes that it started.
 *
 * Invariants:
 *  1. Every ticket of a submitted job is reported exactly once as finished: a last piece
 * of on_result, or on_lost.
 *  2. on_done follows the last ticket of a job; the worker is idle from then on (or gone,
 * `lost` set).
 *  3. on_fail is called at most once, and only before the first worker was ready: the
 * service cannot be started.
 *  4. Slices in callbacks point into shared memory and are valid during the call only. No
 * callback runs inside bento_pool_submit.
 *  5. What a worker writes is checked as if a stranger had written it.
 * Threads: the loop's thread only.
 */
#ifndef BENTO_RUNTIME_POOL_H
#define BENTO_RUNTIME_POOL_H

#include <uv.h>

#include "base/fail.h"
#include "proto/wire.h"
#include "runtime/area.h"

struct bento_pool;

struct bento_pool_piece {
    int status;
    uint8_t content; /* enum bento_wire_content */
    uint8_t flags;   /* enum bento_wire_result_flags */
    bool last;
    struct bento_str headers; /* "Name: value\r\n" lines; first piece only */
    struct bento_str body;
    uint64_t total; /* of the whole body */
};

struct bento_pool_done {
    uint32_t api;
    uint32_t count;
    uint32_t groups;
    uint32_t reruns;
    uint64_t busy_ns;
    uint64_t user_ns;
    int64_t submitted_ns;
    bool lost; /* the worker died or was killed: the other figures mean nothing */
};

struct bento_pool_stats {
    uint32_t live;     /* ready to work */
    uint64_t restarts; /* workers replaced */
    uint64_t timeouts; /* of those: over the time limit of a job or of the start */
    uint64_t corrupt;  /* of those: broke the protocol */
    uint64_t jobs;     /* handed over */
};

struct bento_pool_callbacks {
    /* A worker has loaded the service; hello is its JSON line. */
    void (*on_ready)(void *arg, const char *hello);
    void (*on_result)(void *arg, void *ticket, const struct bento_pool_piece *piece);
    /* The worker ended without an answer; started: user code may have run for it. */
    void (*on_lost)(void *arg, void *ticket, bool started, bool timed_out);
    void (*on_done)(void *arg, const struct bento_pool_done *done);
    /* A worker can take a job. */
    void (*on_idle)(void *arg);
    void (*on_fail)(void *arg, const struct bento_error *err);
    /* After bento_pool_stop: all processes have ended, all handles are closed. */
    void (*on_stopped)(void *arg);
};

struct bento_pool_options {
    const char *python; /* absolute path */
    const char *bundle; /* absolute path */
    uint32_t workers;   /* 1..256 */
    uint64_t area_size;
    int64_t timeout_ns; /* of one job; 0: none */
    bool batch_rerun;
    bool widen_numbers;
    int64_t start_timeout_ns; /* to load the service; 0: 120 s */
    int64_t stop_grace_ns;    /* from bento_pool_stop to SIGTERM; 0: 2 s. SIGKILL follows
                                 3 s later */
    const char *version;      /* what the worker's bentoml must be; NULL: anything */
    const char *const *environment; /* "NAME=value" for workers, NULL at the end; may be
                                       NULL */
    const struct bento_pool_callbacks *callbacks;
    void *arg;
};

struct bento_pool_job {
    uint32_t api;
    const struct bento_wire_entry *entries;
    void *const *tickets;
    uint32_t count; /* 1..BENTO_WIRE_ENTRIES_MAX */
    uint64_t body_max;
};

bento_rc bento_pool_start(uv_loop_t *loop,
                          const struct bento_pool_options *options,
                          struct bento_pool **ret,
                          struct bento_error *err);
/* Idle workers end at once, busy ones after their job; after stop_grace_ns SIGTERM, then
 * SIGKILL. on_stopped is called once, later; what was not answered is reported before. */
void bento_pool_stop(struct bento_pool *pool);
/* After on_stopped. NULL is fine. */
void bento_pool_free(struct bento_pool *pool);

struct bento_area *bento_pool_area(struct bento_pool *pool);
uint32_t bento_pool_workers(const struct bento_pool *pool); /* ready, busy or not */
/* Whether no worker runs and the last start of each has failed. */
bool bento_pool_down(const struct bento_pool *pool);
uint32_t bento_pool_idle(const struct bento_pool *pool);
/* Hands a job to an idle worker. BENTO_EBUSY: none is idle. */
bento_rc bento_pool_submit(struct bento_pool *pool,
                           const struct bento_pool_job *job,
                           struct bento_error *err);
void bento_pool_stats(const struct bento_pool *pool, struct bento_pool_stats *ret);
/* Process ids of the workers that run now, at most `max`; how many were written. */
uint32_t bento_pool_pids(const struct bento_pool *pool, int *to, uint32_t max);

#endif
