/*
 * The marginal batcher; see batch.h for the model.
 *
 * Eager batching clocks itself: a batch grows to what arrived during the last execution.
 * So only three questions are open, and each has a section below:
 *   - which requests cannot be answered in time any more (admission and drops);
 *   - when clients that were just answered are worth waiting for. They come back almost
 * at once, the server sees who is due, and a batch that leaves without them costs a whole
 *     fixed cost b more (cohorts);
 *   - when to hold for unknown arrivals although a worker is idle: only if more of them
 *     are expected while they would otherwise be stranded than are held (strangers).
 *
 * Invariants: time is only ever compared with what the view says; every state is finite
 * whatever is fed in; no decision loops over requests.
 */
#include "core/batch.h"

#include <math.h>

#define FORGET       0.999 /* weight of a bin per sample of any bin */
#define BIN_MAX      20.0  /* samples that a bin averages over */
#define SPREAD_MIN   0.05  /* relative spread of sizes that gives a slope */
#define TAIL_STEP    0.05  /* of the quantile estimate */
#define TAIL_SHARE   0.95  /* the quantile */
#define OUTLIER      2.5   /* a sample counts for at most that many predictions */
#define DRIFT_STEP   0.2   /* a single outlier must stay below DRIFT_UP */
#define DRIFT_UP     1.4   /* mean ratio from which the whole curve is rescaled */
#define CROWD_STEP   0.1
#define CROWD_FADE   0.01    /* per sample run alone: try again now and then */
#define RATE_EVENTS  20.0    /* arrivals that the rate looks back over */
#define RETURN_NS    20000.0 /* the server's window of returning clients, see the view */
#define RETURN_SHARE 0.5     /* of replies that must come back soon to count on it */
#define SPLIT_COST   0.1     /* what one more worker must gain: its CPU is not free */
#define HOLD_SHARE   0.5     /* of an execution that a head may be held for its cohort */
#define SOJOURN_EDGE 0.9     /* of the target: beyond it a queue stands */
#define TIME_MAX     9e18

static double min_of(double a, double b)
{
    return a < b ? a : b;
}

static double max_of(double a, double b)
{
    return a > b ? a : b;
}

static double clamp(double x, double low, double high)
{
    return max_of(low, min_of(x, high));
}

/* A time after now_ns that fits; far ones are cut off. */
static int64_t time_after(int64_t now_ns, double delay_ns)
{
    double limit = TIME_MAX - (double)now_ns;

    return now_ns + (int64_t)clamp(delay_ns, 0, max_of(limit, 0));
}

static double curve(const struct bento_batch *batch, double n)
{
    return batch->a_ns * n + batch->b_ns;
}

void bento_batch_init(struct bento_batch *batch, const struct bento_batch_limits *limits)
{
    *batch = (struct bento_batch){ .limits = *limits,
                                   .a_ns = 1,
                                   .b_ns = 1e6,
                                   .crowd = 1,
                                   .drift = 1,
                                   .q = 1.2,
                                   .spread = 1 };
    if (batch->limits.max_batch < 1)
        batch->limits.max_batch = 1;
    if (batch->limits.max_latency_ns < 1)
        batch->limits.max_latency_ns = 1;
}

int64_t bento_batch_predict(const struct bento_batch *batch, uint32_t n)
{
    double factor = batch->crowded ? batch->crowd : 1;

    return (int64_t)min_of(factor * curve(batch, n), TIME_MAX);
}

/* ---- service curve ---- */

/* A line through the bins, by relative error: the noise of service times grows with
 * them, and the small batches are what tells the fixed cost. */
static void curve_fit(struct bento_batch *batch)
{
    double w = 0;
    double wn = 0;
    double wnn = 0;
    double wy = 0;
    double wny = 0;
    double count = 0;
    double scale = 0;

    for (int i = 0; i < BENTO_BATCH_BINS; i++) {
        const struct bento_batch_bin *bin = &batch->bins[i];
        if (bin->weight <= 0)
            continue;
        double r = bin->weight / (bin->y_ns * bin->y_ns);
        w += r;
        wn += r * bin->n;
        wnn += r * bin->n * bin->n;
        wy += r * bin->y_ns;
        wny += r * bin->n * bin->y_ns;
        count += bin->weight;
        scale += bin->weight * bin->y_ns / max_of(curve(batch, bin->n), 1);
    }
    double mean_n = wn / w;
    double variance = wnn / w - mean_n * mean_n;
    if (variance <= SPREAD_MIN * SPREAD_MIN * mean_n * mean_n) {
        batch->a_ns = max_of(batch->a_ns * scale / count, 1); /* keep the shape */
        batch->b_ns *= scale / count;
        return;
    }
    batch->a_ns = (wny / w - mean_n * wy / w) / variance;
    batch->b_ns = wy / w - batch->a_ns * mean_n;
    if (batch->a_ns < 1) {
        batch->a_ns = 1;
        batch->b_ns = max_of(wy / w - mean_n, 0);
    } else if (batch->b_ns < 0) {
        batch->b_ns = 0;
        batch->a_ns = max_of(wny / wnn, 1);
    }
}

static void bin_add(struct bento_batch *batch, uint32_t n, double y_ns)
{
    unsigned index = 31 - (unsigned)__builtin_clz(n | 1);
    struct bento_batch_bin *bin;

    for (int i = 0; i < BENTO_BATCH_BINS; i++)
        batch->bins[i].weight *= FORGET;
    bin = &batch->bins[index < BENTO_BATCH_BINS ? index : BENTO_BATCH_BINS - 1];
    bin->weight = min_of(bin->weight + 1, BIN_MAX);
    bin->n += (n - bin->n) / bin->weight;
    bin->y_ns += (y_ns - bin->y_ns) / bin->weight;
}

/* Service times that change by a factor would take each bin its own twenty samples to
 * follow; a run of samples that all say so moves them together. */
static void drift_follow(struct bento_batch *batch, double ratio)
{
    batch->drift += DRIFT_STEP * (clamp(ratio, 1 / OUTLIER, OUTLIER) - batch->drift);
    if (batch->drift < DRIFT_UP && batch->drift > 1 / DRIFT_UP)
        return;
    for (int i = 0; i < BENTO_BATCH_BINS; i++)
        batch->bins[i].y_ns *= batch->drift;
    batch->a_ns = max_of(batch->a_ns * batch->drift, 1);
    batch->b_ns *= batch->drift;
    batch->drift = 1;
}

void bento_batch_sample(struct bento_batch *batch,
                        uint32_t n,
                        int64_t busy_ns,
                        int64_t now_ns)
{
    double observed = clamp((double)busy_ns, 1, 1e15);
    double size = n ? n : 1;

    (void)now_ns;
    batch->running = max_of(batch->running - size, 0);
    batch->replied += size;
    if (batch->replied > 512) {
        batch->replied *= 0.5;
        batch->returned *= 0.5;
    }
    if (batch->samples == 0) { /* one size seen: all of it may be fixed cost */
        batch->b_ns = max_of(observed - size, 0);
        batch->a_ns = 1;
    }
    double factor = batch->crowded ? batch->crowd : 1;
    double alone = max_of(curve(batch, size), 1);
    double ratio = observed / (factor * alone);
    if (batch->samples >= BENTO_BATCH_LEARN) {
        batch->q += TAIL_STEP * (ratio <= batch->q ? TAIL_SHARE - 1 : TAIL_SHARE);
        batch->q = clamp(batch->q, 1, 2);
        observed = min_of(observed, OUTLIER * factor * alone);
        if (batch->crowded)
            batch->crowd += CROWD_STEP * (observed / alone - batch->crowd);
        else
            batch->crowd -= CROWD_FADE * (batch->crowd - 1);
        batch->crowd = clamp(batch->crowd, 1, 2);
        drift_follow(batch, ratio);
    }
    bin_add(batch, (uint32_t)size, observed / factor);
    curve_fit(batch);
    if (batch->samples < UINT32_MAX)
        batch->samples++;
}

/* ---- arrivals and returns ---- */

static double rate_window(const struct bento_batch *batch)
{
    double window = 5 * curve(batch, 1);

    if (batch->rate_per_ns > 0)
        window = max_of(window, RATE_EVENTS / batch->rate_per_ns);
    return min_of(window, 1e10);
}

/* The rate goes on decaying while nothing arrives. */
static double rate_now(const struct bento_batch *batch, int64_t now_ns)
{
    double gap = max_of((double)(now_ns - batch->rate_at_ns), 0);

    return batch->rate_per_ns * exp(-gap / rate_window(batch));
}

void bento_batch_arrival(struct bento_batch *batch, int64_t now_ns)
{
    if (batch->rate_at_ns == 0)
        batch->rate_at_ns = now_ns;
    batch->rate_per_ns = rate_now(batch, now_ns) + 1 / rate_window(batch);
    if (now_ns > batch->rate_at_ns)
        batch->rate_at_ns = now_ns;
}

void bento_batch_return(struct bento_batch *batch, int64_t since_ns)
{
    double since = clamp((double)since_ns, 0, 1e10);

    if (batch->theta_ns <= 0)
        batch->theta_ns = max_of(since, 1);
    /* A client that thinks for long is no measure for those that do not; if all think
     * for long, few count as returned and nobody is waited for. */
    if (since <= 3 * batch->theta_ns + RETURN_NS)
        batch->returned = min_of(batch->returned + 1, batch->replied);
    double limit = 8 * batch->theta_ns + 10 * RETURN_NS;
    double step = since <= limit ? 0.05 : 0.002;
    batch->theta_ns += step * (min_of(since, 4 * limit) - batch->theta_ns);
}

/* ---- what can be answered in time ---- */

/* The view in doubles, with all that one decision needs more than once. */
struct frame {
    const struct bento_batch *batch;
    const struct bento_batch_view *view;
    double limit;   /* max_batch */
    double workers; /* >= 1 */
    double slow;    /* factor of a batch beside others */
    double target;  /* latency target that can be met at all, ns */
    double left;    /* of the head's, ns */
    double rate;
    double size; /* batch size that sustains the most within the target */
};

static double tail(const struct frame *f, double n)
{
    return f->batch->q * f->slow * curve(f->batch, n);
}

/* The size that sustains most: c staggered workers answer within the target up to
 * l(n) * (c+1)/c; in overload, with drops, a batch can only hold what is young enough. */
static double size_best(const struct frame *f)
{
    double factor = f->batch->q * f->slow;
    double a = f->batch->a_ns;
    double b = f->batch->b_ns;
    double share = f->workers / (f->workers + 1);
    double steady = floor((share * f->target / factor - b) / a);
    double young = f->rate * (f->target - factor * b) / (1 + f->rate * factor * a);
    double most = 0.9 * (f->target / factor - b) / a;

    return floor(clamp(max_of(steady, young), 1, clamp(most, 1, f->limit)));
}

static void frame_init(struct frame *f,
                       const struct bento_batch *batch,
                       const struct bento_batch_view *view)
{
    double target = (double)batch->limits.max_latency_ns;

    *f = (struct frame){ .batch = batch,
                         .view = view,
                         .limit = batch->limits.max_batch,
                         .workers = view->workers ? view->workers : 1,
                         .slow = view->workers > 1 ? batch->crowd : 1 };
    f->target = target >= tail(f, 1) ? target : 3 * tail(f, 1);
    f->left = (double)view->head_deadline_ns - (double)view->now_ns + f->target - target;
    f->rate = rate_now(batch, view->now_ns);
    f->size = size_best(f);
}

/* Time until the next busy worker frees; 0 when it should have by now. */
static double next_free(const struct frame *f)
{
    if (f->view->next_free_ns == INT64_MAX)
        return TIME_MAX;
    return max_of((double)f->view->next_free_ns - (double)f->view->now_ns, 0);
}

bool bento_batch_admit(const struct bento_batch *batch,
                       const struct bento_batch_view *view,
                       int64_t *ret_retry_ns)
{
    struct frame f;

    if (batch->samples < BENTO_BATCH_LEARN || view->workers == 0 ||
        (view->queued == 0 && view->idle > 0))
        return true;
    frame_init(&f, batch, view);
    double step = f.slow * curve(batch, f.size);
    double ahead = floor(view->queued / f.size);
    double start = 0;
    if (ahead >= view->idle) {
        double first = next_free(&f);
        start = first < TIME_MAX ? first : view->idle ? step : 0;
        start += (ahead - view->idle) * step / f.workers;
    }
    bool overload = f.rate * step > 0.95 * f.workers * f.size;
    double need =
        overload ? tail(&f, f.size) : tail(&f, view->queued - ahead * f.size + 1);
    double allowed = f.target;
    if (batch->standing)
        allowed = min_of(allowed, 2 * (1 + 1 / f.workers) * tail(&f, f.size));
    if (start + need <= allowed)
        return true;
    *ret_retry_ns = time_after(0, start + need);
    return false;
}

/* Whether the head has to go: it cannot finish even alone, or the batch that it fits in
 * is so small that those left behind would be late as well. */
static bool head_hopeless(const struct frame *f, double most)
{
    const struct bento_batch_view *v = f->view;
    double queued = v->queued;

    if (f->left < tail(f, 1))
        return true;
    if (queued <= most || most >= f->size)
        return false;
    double step = f->slow * curve(f->batch, most);
    double start = v->idle > 1 ? 0 : min_of(next_free(f), step);
    double rest = min_of(queued - most + f->rate * step / f->workers, f->size);
    double age = max_of((double)v->now_ns - (double)v->head_arrival_ns, 0);
    /* Arrivals in between are taken as even: only the head's time is known. */
    double left = f->left + age * most / queued;

    return start + tail(f, rest) > left;
}

/* A queue stands when for a whole window even the luckiest head waited to the edge of the
 * target: then everybody waits without more being answered, and admission is cut. */
static void standing_observe(struct bento_batch *batch, const struct frame *f)
{
    const struct bento_batch_view *v = f->view;
    double wait = max_of((double)v->now_ns - (double)v->head_arrival_ns, 0);
    double step = f->slow * curve(batch, f->size);
    double window = max_of(1e8, 10 * step);

    if ((double)v->now_ns - (double)batch->window_ns < window) {
        batch->head_wait_ns = min_of(batch->head_wait_ns, wait);
        return;
    }
    if (batch->window_ns) {
        bool edge = batch->head_wait_ns + tail(f, f->size) > SOJOURN_EDGE * f->target;
        batch->standing = batch->head_wait_ns > step && (edge || batch->standing);
    }
    batch->window_ns = v->now_ns;
    batch->head_wait_ns = wait;
}

/* ---- how many batches at a time ---- */

/* Into how many batches to divide n requests: as many as make the answer faster, each
 * more by more than its cost. Known optimum of (b + a*n/k) * (1 + p*(k-1)), then its
 * whole neighbours. `sticky` is preferred a little, so that noise does not flip it. */
static uint32_t split(const struct frame *f, double n, uint32_t most, uint32_t sticky)
{
    const struct bento_batch *batch = f->batch;
    double best = TIME_MAX;
    uint32_t parts = 1;

    if (most > n)
        most = n < 1 ? 1 : (uint32_t)n;
    double guess =
        batch->b_ns > 0
            ? sqrt(batch->a_ns * n * (1 - SPLIT_COST) / (batch->b_ns * SPLIT_COST))
            : most;
    uint32_t middle = guess >= most ? most : (uint32_t)guess;
    uint32_t first = middle > 2 ? middle - 1 : 1;
    for (uint32_t k = 1; k <= most && k <= middle + 1; k = k < first ? first : k + 1) {
        double cost = curve(batch, ceil(n / k)) * (1 + SPLIT_COST * (k - 1));
        cost *= k > 1 ? batch->crowd : 1;
        cost *= k == sticky ? 0.95 : 1;
        if (cost < best) {
            best = cost;
            parts = k;
        }
    }
    return parts;
}

/* ---- cohorts: clients that come back ---- */

/* Whether to hold n requests for clients that were just answered or will be in a moment.
 * The known clients are divided into as many batches as pay; a batch leaves when it has
 * its share. *ret_go is how many to send otherwise; 0: no cohort is known. */
static bool cohort_hold(struct bento_batch *batch,
                        const struct frame *f,
                        double n,
                        int64_t *ret_wake,
                        double *ret_go)
{
    const struct bento_batch_view *v = f->view;
    double back = batch->returned / max_of(batch->replied, 1);
    double due = back * v->returning;
    double busy = back * batch->running;

    *ret_go = 0;
    if (back < RETURN_SHARE || batch->theta_ns <= 0)
        return false;
    uint32_t parts = split(f, n + due + busy, v->workers, batch->spread);
    double share = min_of(ceil((n + due + busy) / parts), f->limit);
    double run = curve(batch, share);
    if (batch->theta_ns > 1.5 * run)
        return false;
    batch->spread = parts;
    *ret_go = v->idle > 1 ? min_of(share, n) : n;
    if (n >= share)
        return false;
    double held = (double)v->now_ns - (double)v->head_arrival_ns;
    double may = min_of(HOLD_SHARE * run - held, f->left - tail(f, n + 1));
    double until = 0;
    if (due >= 0.5)
        until = (double)v->return_due_ns - (double)v->now_ns;
    else if (busy >= 0.5 && parts == 1 && next_free(f) + 1.5 * batch->theta_ns < may)
        until = next_free(f) + 3 * batch->theta_ns + RETURN_NS;
    until = min_of(until, may);
    if (until < 1)
        return false;
    *ret_wake = time_after(v->now_ns, until);
    return true;
}

/* ---- strangers: arrivals at the observed rate ---- */

/* With no other worker idle, going now strands the next arrival until a worker frees;
 * holding costs everybody held its wait. */
static bool stranger_hold(const struct frame *f, double n, int64_t *ret_wake)
{
    const struct bento_batch *batch = f->batch;
    double run = curve(batch, n);
    double gain = min_of(next_free(f), run) - n * batch->a_ns;

    if (f->rate <= 0 || f->rate * gain <= n + 1)
        return false;
    double useful = min_of(2 / f->rate, (gain - (n + 1) / f->rate) / n);
    double until = min_of(useful, f->left - tail(f, n + 1));
    if (until < 1)
        return false;
    *ret_wake = time_after(f->view->now_ns, until);
    return true;
}

/* ---- the decision ---- */

static struct bento_batch_decision
decision_go(struct bento_batch *batch, const struct bento_batch_view *view, double n)
{
    uint32_t limit =
        view->queued < batch->limits.max_batch ? view->queued : batch->limits.max_batch;
    uint32_t count = n >= limit ? limit : n < 1 ? 1 : (uint32_t)n;

    batch->crowded = batch->crowded || view->idle < view->workers;
    batch->running += count;
    return (struct bento_batch_decision){ BENTO_BATCH_GO, count, 0 };
}

static struct bento_batch_decision decision_warm(struct bento_batch *batch,
                                                 const struct bento_batch_view *view)
{
    struct frame f;
    int64_t wake = 0;
    double go = 0;

    frame_init(&f, batch, view);
    double most = floor(
        clamp((f.left / (batch->q * f.slow) - batch->b_ns) / batch->a_ns, 1, f.limit));
    if (head_hopeless(&f, most))
        return (struct bento_batch_decision){ BENTO_BATCH_DROP, 1, 0 };
    standing_observe(batch, &f);
    double n = min_of(view->queued, most);
    if (n >= view->queued && n < f.limit && view->idle_connections > 0) {
        if (cohort_hold(batch, &f, n, &wake, &go) ||
            (go < 1 && view->idle == 1 && stranger_hold(&f, n, &wake)))
            return (struct bento_batch_decision){ BENTO_BATCH_WAIT, 0, wake };
        if (go >= 1)
            return decision_go(batch, view, go);
    }
    if (view->idle > 1)
        n = min_of(n,
                   ceil(view->queued / (double)split(&f, view->queued, view->idle, 1)));
    return decision_go(batch, view, n);
}

struct bento_batch_decision bento_batch_decide(struct bento_batch *batch,
                                               const struct bento_batch_view *view)
{
    if (view->idle >= view->workers) {
        batch->crowded = false;
        batch->running = 0;
    }
    if (!view->queued || !view->idle)
        return (struct bento_batch_decision){ BENTO_BATCH_NONE, 0, 0 };
    if (batch->samples <
        BENTO_BATCH_LEARN) /* the first batches grow with what is known */
        return decision_go(batch, view, 32u << batch->samples);
    return decision_warm(batch, view);
}
