/*
 * The marginal batcher: how many queued requests of one API to hand to an idle worker,
 * and when. Pure: no clock, no memory, no threads. The server feeds it events with `now`
 * (monotonic ns) and asks for a decision on every arrival, completion and timer, once per
 * turn of its loop, after everything the kernel had ready was taken in.
 *
 * Model: a batch of n requests takes l(n) = a*n + b ns, fitted on line; a batch that runs
 * beside others takes `crowd` times as long; q (1..2) widens it to the 95th percentile.
 * Queue order is FIFO. Deadline of a request = arrival + max_latency.
 *
 * Invariants:
 *  1. GO carries 1 <= count <= min(queued, max_batch); WAIT has wake_ns > now.
 *  2. Before BENTO_BATCH_LEARN samples nothing is refused, dropped or held.
 *  3. A request that found an empty queue and an idle worker is never refused, and with
 *     nobody else who could send soon it is not held either.
 *  4. A target that not even a lone request can meet does not shut the service: three
 *     times the tail of a lone request takes its place.
 */
#ifndef BENTO_CORE_BATCH_H
#define BENTO_CORE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENTO_BATCH_LEARN 8  /* samples before predictions are trusted */
#define BENTO_BATCH_BINS  16 /* size classes of the curve: 1, 2-3, 4-7, ... */

struct bento_batch_limits {
    uint32_t max_batch;     /* mb_max_batch_size, >= 1 */
    int64_t max_latency_ns; /* mb_max_latency, > 0 */
};

/* What batches of one size class took. */
struct bento_batch_bin {
    double weight; /* samples, forgotten slowly, at most 20 */
    double n;      /* mean size */
    double y_ns;   /* mean time, as if run alone */
};

/* Learned state of one API; zero-initialised by bento_batch_init. Fields are the
 * batcher's own, except that theta_ns may be read. */
struct bento_batch {
    struct bento_batch_limits limits;
    struct bento_batch_bin bins[BENTO_BATCH_BINS];
    double a_ns, b_ns;   /* service curve of a batch that runs alone */
    double crowd;        /* how much longer it takes beside other batches, 1..2 */
    double drift;        /* fast mean of observed/predicted: finds steps */
    double q;            /* tail ratio */
    double rate_per_ns;  /* decayed arrival rate */
    int64_t rate_at_ns;  /* last arrival */
    double theta_ns;     /* mean time from a reply to the same connection's next request,
                            of those that come back soon */
    double replied;      /* replies, decayed */
    double returned;     /* of those: came back soon */
    double running;      /* requests handed out and not reported yet */
    double head_wait_ns; /* smallest head wait of the current observation window */
    int64_t window_ns;   /* start of that window */
    uint32_t spread;     /* into how many batches the known clients were last divided */
    uint32_t samples;
    bool standing; /* a queue stands at the edge of the latency target */
    bool crowded;  /* the batches that run now overlap */
};

void bento_batch_init(struct bento_batch *batch, const struct bento_batch_limits *limits);

/* What the decision may look at. Times in ns, all on one clock. */
struct bento_batch_view {
    int64_t now_ns;
    uint32_t queued;          /* requests waiting */
    int64_t head_deadline_ns; /* of the oldest */
    int64_t head_arrival_ns;
    uint32_t workers;          /* all live workers */
    uint32_t idle;             /* idle now, including the one asked for */
    int64_t next_free_ns;      /* predicted time at which the next busy worker frees;
                                  INT64_MAX: none busy */
    uint32_t idle_connections; /* open connections without a request in flight: who could
                                  still add to this batch */
    uint32_t returning;        /* of those: replied to within the last 3*theta + 20 us */
    int64_t return_due_ns;     /* when the last of `returning` is due: its reply + 3*theta
                                  + 20 us */
};

enum bento_batch_action {
    BENTO_BATCH_NONE, /* nothing to do: empty queue or no idle worker */
    BENTO_BATCH_GO,   /* hand `count` requests to one worker now, then ask again */
    BENTO_BATCH_WAIT, /* ask again at wake_ns or on any event, whichever is first */
    BENTO_BATCH_DROP  /* refuse the oldest `count` requests (429): they cannot finish in
                         time; then ask again */
};

struct bento_batch_decision {
    enum bento_batch_action action;
    uint32_t count;
    int64_t wake_ns;
};

struct bento_batch_decision bento_batch_decide(struct bento_batch *batch,
                                               const struct bento_batch_view *view);

/* Events. */
void bento_batch_arrival(struct bento_batch *batch, int64_t now_ns);
/* A connection sent its next request `since_ns` after our reply to its last one. */
void bento_batch_return(struct bento_batch *batch, int64_t since_ns);
/* A worker finished a batch of n after busy_ns (queueing in the link excluded). */
void bento_batch_sample(struct bento_batch *batch,
                        uint32_t n,
                        int64_t busy_ns,
                        int64_t now_ns);

/* Predicted time of a batch of n beside what runs now, ns. */
int64_t bento_batch_predict(const struct bento_batch *batch, uint32_t n);

/* Admission, before a request is queued: whether it can finish by its deadline given what
 * waits before it. On refusal *ret_retry_ns is the predicted wait (for Retry-After). */
bool bento_batch_admit(const struct bento_batch *batch,
                       const struct bento_batch_view *view,
                       int64_t *ret_retry_ns);

#endif
