/*
 * The policies that are compared: ours, eager (Triton without delay), a static window of
 * 5 ms, and the CORK dispatcher of BentoML 0.13 as its behaviour is specified.
 */
#include <math.h>
#include <string.h>

#include "core/batch.h"
#include "sim.h"

#define TICK 1e6

static struct sim_decision none(void)
{
    return (struct sim_decision){ SIM_NONE, 0, 0 };
}

static struct sim_decision go(struct sim *sim, uint32_t n)
{
    uint32_t limit = (uint32_t)sim_case_of(sim)->max_batch;

    return (struct sim_decision){ SIM_GO, n < limit ? n : limit, 0 };
}

static void nothing_start(struct sim *sim)
{
    (void)sim;
}

static void nothing_finished(struct sim *sim, uint32_t n, double busy, double wait)
{
    (void)sim;
    (void)n;
    (void)busy;
    (void)wait;
}

/* ---- eager ---- */

static struct sim_decision eager_decide(struct sim *sim)
{
    return sim_queued(sim) && sim_idle(sim) ? go(sim, sim_queued(sim)) : none();
}

/* ---- static window ---- */

static struct sim_decision window_decide(struct sim *sim)
{
    double due = sim_oldest(sim) + 5e6;

    if (!sim_queued(sim) || !sim_idle(sim))
        return none();
    if (sim_queued(sim) >= (uint32_t)sim_case_of(sim)->max_batch || due <= sim_now(sim))
        return go(sim, sim_queued(sim));
    return (struct sim_decision){ SIM_WAIT, 0, due };
}

/* ---- CORK ---- */

struct cork {
    double a, b, wait; /* ns */
    double sleep_until;
    double refreshed;
    int seen, kept, at;
    struct {
        double n, y, wait;
    } samples[50];
};

static void cork_start(struct sim *sim)
{
    struct cork *c = sim_state(sim);

    *c = (struct cork){ .a = 2e9, .b = 1e9, .wait = 1e7, .refreshed = -1e18 };
}

static struct sim_decision cork_sleep(struct sim *sim)
{
    struct cork *c = sim_state(sim);

    c->sleep_until = sim_now(sim) + TICK;
    return (struct sim_decision){ SIM_WAIT, 0, c->sleep_until };
}

static struct sim_decision cork_decide(struct sim *sim)
{
    struct cork *c = sim_state(sim);
    double now = sim_now(sim);
    double n = sim_queued(sim);
    double target = sim_case_of(sim)->target_ms * 1e6;
    double oldest = now - sim_oldest(sim);

    if (sim_queued(sim) == 0)
        return none();
    if (now < c->sleep_until)
        return (struct sim_decision){ SIM_WAIT, 0, c->sleep_until };
    if (n > 1 && oldest + c->a * n + c->b >= target)
        return (struct sim_decision){ SIM_DROP, 1, 0 };
    if (!sim_idle(sim)) {
        if (sim_queued(sim) == 1 && oldest >= target)
            return (struct sim_decision){ SIM_DROP, 1, 0 };
        return cork_sleep(sim);
    }
    if (n * (now - sim_newest(sim) + TICK + c->a) <= c->wait * 0.95)
        return cork_sleep(sim);
    return go(sim, sim_queued(sim));
}

static void cork_fit(struct cork *c)
{
    double n = 0;
    double y = 0;
    double nn = 0;
    double ny = 0;
    double wait = 0;

    for (int i = 0; i < c->kept; i++) {
        n += c->samples[i].n;
        y += c->samples[i].y;
        nn += c->samples[i].n * c->samples[i].n;
        ny += c->samples[i].n * c->samples[i].y;
        wait += c->samples[i].wait;
    }
    double det = c->kept * nn - n * n;
    if (det > 1e-9) {
        c->a = (c->kept * ny - n * y) / det;
        c->b = (y - c->a * n) / c->kept;
    } else { /* minimum norm */
        double k = n / c->kept;
        double d = y / c->kept;
        c->a = k * d / (k * k + 1);
        c->b = d / (k * k + 1);
    }
    c->a = fmax(1e3, c->a);
    c->b = fmax(0, c->b);
    c->wait = fmax(0, wait / c->kept);
}

static void cork_finished(struct sim *sim, uint32_t n, double busy, double wait)
{
    struct cork *c = sim_state(sim);

    if (!n || ++c->seen <= 3)
        return;
    c->samples[c->at].n = n;
    c->samples[c->at].y = busy;
    c->samples[c->at].wait = wait;
    c->at = (c->at + 1) % 50;
    c->kept = c->kept < 50 ? c->kept + 1 : 50;
    if (sim_now(sim) - c->refreshed < 5e9)
        return;
    c->refreshed = sim_now(sim);
    cork_fit(c);
}

/* ---- ours ---- */

struct ours {
    struct bento_batch batch;
    uint32_t sent; /* size of the batch that was decided last */
};

static void ours_start(struct sim *sim)
{
    struct ours *o = sim_state(sim);
    const struct sim_case *c = sim_case_of(sim);
    struct bento_batch_limits limits = { (uint32_t)c->max_batch,
                                         (int64_t)(c->target_ms * 1e6) };

    bento_batch_init(&o->batch, &limits);
}

static struct bento_batch_view ours_view(struct sim *sim)
{
    struct ours *o = sim_state(sim);
    const struct sim_case *c = sim_case_of(sim);
    double window = 3 * o->batch.theta_ns + 20000;
    double next = sim_next_free(sim);
    double last = 0;
    struct bento_batch_view v = {
        .now_ns = (int64_t)sim_now(sim),
        .queued = sim_queued(sim),
        .head_arrival_ns = (int64_t)sim_oldest(sim),
        .head_deadline_ns = (int64_t)(sim_oldest(sim) + c->target_ms * 1e6),
        .workers = (uint32_t)c->workers,
        .idle = sim_idle(sim),
        .next_free_ns = next < 1e18 ? (int64_t)next : INT64_MAX,
        .idle_connections = sim_idle_conns(sim),
    };

    v.returning = sim_returning(sim, window, &last);
    v.return_due_ns = (int64_t)(last + window);
    return v;
}

static struct sim_decision ours_decide(struct sim *sim)
{
    struct ours *o = sim_state(sim);
    struct bento_batch_view v = ours_view(sim);
    struct bento_batch_decision d = bento_batch_decide(&o->batch, &v);

    o->sent = d.count;
    switch (d.action) {
    case BENTO_BATCH_GO:
        return (struct sim_decision){ SIM_GO, d.count, 0 };
    case BENTO_BATCH_WAIT:
        return (struct sim_decision){ SIM_WAIT, 0, (double)d.wake_ns };
    case BENTO_BATCH_DROP:
        return (struct sim_decision){ SIM_DROP, d.count, 0 };
    case BENTO_BATCH_NONE:
        break;
    }
    return none();
}

static bool ours_admit(struct sim *sim)
{
    struct ours *o = sim_state(sim);
    struct bento_batch_view v = ours_view(sim);
    int64_t retry;

    return bento_batch_admit(&o->batch, &v, &retry);
}

static void ours_arrived(struct sim *sim)
{
    struct ours *o = sim_state(sim);

    bento_batch_arrival(&o->batch, (int64_t)sim_now(sim));
}

static void ours_returned(struct sim *sim, double since)
{
    struct ours *o = sim_state(sim);

    bento_batch_return(&o->batch, (int64_t)since);
}

static void ours_finished(struct sim *sim, uint32_t n, double busy, double wait)
{
    struct ours *o = sim_state(sim);

    (void)wait;
    if (n)
        bento_batch_sample(&o->batch, n, (int64_t)busy, (int64_t)sim_now(sim));
    else
        sim_predict(sim, (double)bento_batch_predict(&o->batch, o->sent));
}

const struct sim_policy sim_policies[] = {
    { .name = "eager",
      .start = nothing_start,
      .decide = eager_decide,
      .finished = nothing_finished },
    { .name = "static 5 ms",
      .start = nothing_start,
      .decide = window_decide,
      .finished = nothing_finished },
    { .name = "0.13 (CORK)",
      .newest_first = true,
      .start = cork_start,
      .decide = cork_decide,
      .finished = cork_finished },
    { .name = "ours",
      .start = ours_start,
      .admit = ours_admit,
      .decide = ours_decide,
      .arrived = ours_arrived,
      .returned = ours_returned,
      .finished = ours_finished },
};
const size_t sim_policy_count = sizeof sim_policies / sizeof sim_policies[0];
