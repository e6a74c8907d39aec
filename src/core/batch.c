/*
 * The marginal batcher; see batch.h for the model. Numbers in comments refer to the rules
 * of its derivation:
 *
 *   eager batching clocks itself (the batch grows to what arrived during the last
 * execution), so the only questions are when to wait for more although a worker is idle,
 * and when a request cannot be answered in time any more. Waiting pays when more arrivals
 * are expected during the fixed cost than are queued: rate * (R - n*a) > n + 1.
 *   Closed-loop clients answer a batch of k replies with k requests almost at once: the
 * server sees who is due.
 */
#include "core/batch.h"

#include <math.h>

#define CROWD                                                                           \
    8 /* executions of one that would run at once: beyond, larger batches pay even with \
         idle workers */
#define FORGET     0.98 /* weight of a sample per later sample */
#define TAIL_STEP  0.05 /* of the quantile estimate */
#define TAIL_SHARE 0.95
#define OUTLIER    8.0 /* samples beyond this many times the prediction are cut to it */
#define LEARN      8   /* samples before predictions may refuse anybody */
#define RETURN_MIN \
    20000           /* ns: window of returning clients beyond three mean return times */
#define DECAY_NS 20 /* arrivals that the rate estimate looks back over */

static double min_of(double a, double b)
{
    return a < b ? a : b;
}

static double max_of(double a, double b)
{
    return a > b ? a : b;
}

void bento_batch_init(struct bento_batch *batch, const struct bento_batch_limits *limits)
{
    *batch = (struct bento_batch){
        .limits = *limits, .q = 1.2, .a_ns = 1, .b_ns = 1000000, .theta_ns = 0
    };
    if (batch->limits.max_batch < 1)
        batch->limits.max_batch = 1;
}

static double curve(const struct bento_batch *batch, double n)
{
    return batch->a_ns * n + batch->b_ns;
}

static double tail(const struct bento_batch *batch, double n)
{
    return batch->q * curve(batch, n);
}

int64_t bento_batch_predict(const struct bento_batch *batch, uint32_t n)
{
    return (int64_t)curve(batch, n);
}

/* ---- estimators ---- */

static void fit(struct bento_batch *batch, double observed, double n)
{
    double mean_n = batch->s1 / batch->s0;
    double mean_y = batch->sy / batch->s0;
    double variance = batch->s2 / batch->s0 - mean_n * mean_n;
    double floor_variance = 0.05 * mean_n;

    if (variance > floor_variance * floor_variance && variance > 1e-9) {
        double slope = (batch->sxy / batch->s0 - mean_n * mean_y) / variance;
        batch->a_ns = max_of(slope, 1);
        batch->b_ns = mean_y - batch->a_ns * mean_n;
        if (batch->b_ns < 0) {
            batch->b_ns = 0;
            batch->a_ns = max_of(batch->sy / batch->s1, 1);
        }
        return;
    }
    if (batch->samples <= 1) { /* one size seen: all of it may be fixed cost */
        batch->b_ns = max_of(observed - n, 0);
        batch->a_ns = 1;
        return;
    }
    double scale = mean_y / max_of(curve(batch, mean_n), 1); /* keep the shape */
    batch->a_ns = max_of(batch->a_ns * scale, 1);
    batch->b_ns *= scale;
}

void bento_batch_sample(struct bento_batch *batch,
                        uint32_t n,
                        int64_t busy_ns,
                        int64_t now_ns)
{
    double observed = busy_ns > 0 ? (double)busy_ns : 1;
    double predicted = curve(batch, n);

    batch->replied_ns = now_ns;
    if (batch->samples >= LEARN) {
        double ratio = observed / max_of(predicted, 1);
        batch->q += TAIL_STEP * (ratio <= batch->q ? TAIL_SHARE - 1 : TAIL_SHARE);
        batch->q = min_of(max_of(batch->q, 1), 2);
        observed = min_of(observed, OUTLIER * predicted + 1e6);
    }
    batch->s0 = batch->s0 * FORGET + 1;
    batch->s1 = batch->s1 * FORGET + n;
    batch->s2 = batch->s2 * FORGET + (double)n * n;
    batch->sy = batch->sy * FORGET + observed;
    batch->sxy = batch->sxy * FORGET + observed * n;
    if (batch->samples < UINT32_MAX)
        batch->samples++;
    fit(batch, observed, n);
}

/* The rate is a decayed count over its time constant: max(20 arrivals, 5 executions of
 * one). */
static double rate_window(const struct bento_batch *batch)
{
    double window = 5 * curve(batch, 1);

    if (batch->rate_per_ns > 0)
        window = max_of(window, DECAY_NS / batch->rate_per_ns);
    return min_of(window, 10e9);
}

void bento_batch_arrival(struct bento_batch *batch, int64_t now_ns)
{
    double window = rate_window(batch);
    double gap = (double)(now_ns - batch->rate_at_ns);

    if (batch->rate_at_ns == 0)
        gap = window;
    batch->rate_per_ns = batch->rate_per_ns * exp(-gap / window) + 1 / window;
    batch->rate_at_ns = now_ns;
}

static double rate_now(const struct bento_batch *batch, int64_t now_ns)
{
    double gap = (double)(now_ns - batch->rate_at_ns);

    return gap > 0 ? batch->rate_per_ns * exp(-gap / rate_window(batch))
                   : batch->rate_per_ns;
}

void bento_batch_return(struct bento_batch *batch, int64_t since_ns)
{
    double since = min_of(max_of((double)since_ns, 0), 1e9);

    /* Think times are skewed: a slow one counts little, so that a pause of one client
     * does not hide the fast ones. */
    if (batch->theta_ns <= 0)
        batch->theta_ns = since;
    else
        batch->theta_ns += (since < batch->theta_ns ? 0.1 : 0.02) *
                           (min_of(since, 20 * batch->theta_ns + 1e5) - batch->theta_ns);
}

/* ---- decisions ---- */

static struct bento_batch_decision
decide(enum bento_batch_action action, uint32_t count, int64_t wake_ns)
{
    return (struct bento_batch_decision){ action, count, wake_ns };
}

/* The largest batch that still meets a deadline; at least 0, at most the limit. */
static uint32_t largest(const struct bento_batch *batch, double left_ns)
{
    double n = (left_ns / batch->q - batch->b_ns) / batch->a_ns;

    if (n >= batch->limits.max_batch)
        return batch->limits.max_batch;
    return n < 1 ? 0 : (uint32_t)n;
}

/* Rule 6: clients that were just answered and are due back within a moment are worth a
 * short wait, as long as what waits loses less than they would lose by coming too late.
 */
static bool await_returning(const struct bento_batch *batch,
                            const struct bento_batch_view *v,
                            uint32_t n,
                            int64_t *ret_wake)
{
    double window = 3 * batch->theta_ns + RETURN_MIN;
    double one = curve(batch, 1);

    if (!v->returning || batch->theta_ns >= 0.5 * one || v->return_due_ns <= v->now_ns)
        return false;
    double rest = min_of((double)(v->next_free_ns - v->now_ns), curve(batch, n));
    if (v->next_free_ns == INT64_MAX || rest <= 0)
        rest = curve(batch, n);
    if ((double)n * window >= 2.0 * v->returning * rest)
        return false;
    *ret_wake = v->return_due_ns;
    return true;
}

/* Rule 4, with no other worker idle: whether to hold n requests for the next arrival, and
 * until when at the latest. */
static bool hold(const struct bento_batch *batch,
                 const struct bento_batch_view *v,
                 uint32_t n,
                 int64_t *ret_wake)
{
    double rate = rate_now(batch, v->now_ns);
    double rest = min_of(
        v->next_free_ns == INT64_MAX ? 1e18 : (double)(v->next_free_ns - v->now_ns),
        curve(batch, n));
    double gain = rest - n * batch->a_ns;

    if (rate <= 0 || rate * gain <= n + 1)
        return false;
    double latest = (double)v->head_deadline_ns - tail(batch, n + 1.0);
    double useful = (double)v->now_ns + min_of(2 / rate, (gain - (n + 1) / rate) / n);
    int64_t wake = (int64_t)min_of(latest, useful);
    if (wake <= v->now_ns)
        return false;
    *ret_wake = wake;
    return true;
}

struct bento_batch_decision bento_batch_decide(struct bento_batch *batch,
                                               const struct bento_batch_view *v)
{
    uint32_t limit = batch->limits.max_batch;
    uint32_t n = v->queued < limit ? v->queued : limit;
    int64_t wake = 0;

    if (!v->queued || !v->idle)
        return decide(BENTO_BATCH_NONE, 0, 0);
    if (batch->samples < LEARN || limit == 1)
        return decide(BENTO_BATCH_GO, n, 0);
    double left = (double)(v->head_deadline_ns - v->now_ns);
    /* Only a request that can no longer make it at all is dropped; one that is merely
     * late in expectation still runs. */
    if (left < curve(batch, 1) && v->queued > 1)
        return decide(BENTO_BATCH_DROP, 1, 0);
    uint32_t fits = largest(batch, left);
    if (fits < n)
        n = fits ? fits : 1;
    if (n < v->queued || n == limit)
        return decide(BENTO_BATCH_GO, n, 0);
    if (v->idle_connections == 0) { /* nobody is left who could join: share evenly if
                                       splitting is not dearer than waiting */
        uint32_t share = (n + v->idle - 1) / v->idle;
        double together = curve(batch, n);
        bool split = v->idle > 1 && batch->a_ns * (n - share) > 0.1 * together;
        return decide(BENTO_BATCH_GO, split ? share : n, 0);
    }
    if (await_returning(batch, v, n, &wake))
        return decide(BENTO_BATCH_WAIT, n, wake);
    /* An idle worker costs nothing only while there is processor time to spare. When
     * requests arrive so fast that running them singly would take more than CROWD
     * workers, the fixed cost per batch is what limits throughput. */
    if (v->idle > 1 && rate_now(batch, v->now_ns) * curve(batch, 1) < CROWD)
        return decide(BENTO_BATCH_GO, n, 0);
    if (hold(batch, v, n, &wake))
        return decide(BENTO_BATCH_WAIT, n, wake);
    return decide(BENTO_BATCH_GO, n, 0);
}

bool bento_batch_admit(const struct bento_batch *batch,
                       const struct bento_batch_view *v,
                       int64_t *ret_retry_ns)
{
    uint32_t limit = batch->limits.max_batch;
    double one = curve(batch, 1);

    if (batch->samples < LEARN || v->workers == 0)
        return true;
    double start =
        v->idle
            ? 0
            : max_of((double)(v->next_free_ns == INT64_MAX ? 0
                                                           : v->next_free_ns - v->now_ns),
                     0);
    double room = max_of(largest(batch, 0.9 * (double)batch->limits.max_latency_ns), 1);
    double size = min_of(room, limit);
    double batches_ahead = floor(v->queued / size);
    double wait = start + batches_ahead * tail(batch, size) / v->workers +
                  tail(batch, min_of(v->queued - batches_ahead * size + 1, size));
    if (wait <= (double)batch->limits.max_latency_ns ||
        (v->queued == 0 && one > (double)batch->limits.max_latency_ns))
        return true;
    *ret_retry_ns = (int64_t)wait;
    return false;
}
