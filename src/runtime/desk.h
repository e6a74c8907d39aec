/*
 * The server's end of one link: hands one job at a time to the worker and reads what it
 * completes. Knows no process and no event loop, so that it can be tested and fuzzed
 * alone; the pool (pool.h) adds these.
 *
 * Invariants:
 *  1. Every ticket of a job is reported exactly once as finished: by a last piece of
 * on_result, or by on_lost. on_done follows the last of them; the desk takes the next
 * job from then on, already inside on_done.
 *  2. Everything in the completion ring is checked as if a stranger had written it, and
 * read once. Anything that does not add up is BENTO_ECORRUPT; nothing of that link may
 * be read afterwards, bento_desk_lose reports the rest.
 *  3. The pieces of one body follow each other without another frame between them and
 * add up to the total that the first one announced.
 *  4. Reading stops after a bounded amount of work, whatever the worker writes.
 */
#ifndef BENTO_RUNTIME_DESK_H
#define BENTO_RUNTIME_DESK_H

#include "runtime/link.h"
#include "runtime/pool.h"

#define BENTO_DESK_HEADERS_MAX (512u << 10) /* header lines of one answer, bytes */

struct bento_desk {
    struct bento_link_shared *shared; /* NULL: no link */
    struct bento_ring jobs;
    struct bento_ring results;
    int wake; /* event the worker sleeps on; negative: none */
    const struct bento_pool_callbacks *callbacks;
    void *arg;
    /* current job */
    uint64_t job; /* 0: none */
    struct bento_pool_done about;
    void **tickets; /* BENTO_WIRE_ENTRIES_MAX; NULL: finished */
    uint32_t open;  /* tickets not finished */
    /* the body that is arriving in pieces */
    uint64_t left; /* bytes still to come; 0: none is */
    uint64_t total;
    uint32_t index;
    struct bento_buf headers; /* header lines of an answer, out of the worker's reach */
};

enum bento_desk_state {
    BENTO_DESK_EMPTY, /* everything was read */
    BENTO_DESK_MORE,  /* the bound was reached: let others run, then read again */
    BENTO_DESK_DONE   /* a job has ended; read again */
};

bento_rc bento_desk_init(struct bento_desk *desk,
                         const struct bento_pool_callbacks *callbacks,
                         void *arg,
                         struct bento_error *err);
void bento_desk_release(struct bento_desk *desk);
/* Takes a fresh link of BENTO_LINK_SIZE zero bytes into use and describes it there. */
void bento_desk_open(struct bento_desk *desk, void *memory, int wake);
/* Forgets the link; the job must have been reported. */
void bento_desk_close(struct bento_desk *desk);
/* The same on rings of other sizes, for tests. Sizes are powers of two. */
void bento_desk_open_sized(struct bento_desk *desk,
                           struct bento_link_shared *shared,
                           char *data,
                           uint64_t jobs_size,
                           uint64_t results_size);

/* BENTO_EBUSY: a job is running. BENTO_EINVAL: the job is malformed. BENTO_ECORRUPT: the
 * worker has broken the ring. */
bento_rc bento_desk_submit(struct bento_desk *desk,
                           const struct bento_pool_job *job,
                           uint64_t number,
                           int64_t now_ns,
                           struct bento_error *err);
/* Asks the worker to end after its job. */
void bento_desk_shutdown(struct bento_desk *desk);
/* Reads completions and calls back. *ret_state is set on success. */
bento_rc bento_desk_read(struct bento_desk *desk,
                         int64_t now_ns,
                         enum bento_desk_state *ret_state,
                         struct bento_error *err);
/* The worker will not answer any more: reports all open tickets and the end of the job.
 */
void bento_desk_lose(struct bento_desk *desk, bool timed_out);

#endif
