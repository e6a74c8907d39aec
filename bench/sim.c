/* The simulated server; see sim.h. */
#include "sim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define NEVER     1e300
#define TIMER_MAX 4096
#define ITEM_MAX  (2 * SIM_CONNS_MAX)

struct worker {
    bool busy;
    bool running; /* past its wake-up */
    double left;
    double work;
    double started;
    double free_at; /* predicted */
    double oldest_wait;
    uint32_t n;
    struct sim_request batch[SIM_BATCH_MAX];
};

struct conn {
    bool idle;
    double sent;
    double replied;
    int prev, next; /* idle connections in order of their reply */
};

enum timer_kind { TIMER_SEND, TIMER_START };

struct timer {
    double at;
    enum timer_kind kind;
    int who;
};

/* A thread that works through items one by one: the server's I/O or the clients. */
struct thread {
    int items[ITEM_MAX]; /* >= 0: first half of an item's meaning, see io_item */
    uint32_t head, tail;
    uint32_t turn; /* items left in this turn of the loop */
    bool busy;
    double left;
    double ready; /* not before: wake-up */
};

struct sim {
    const struct sim_case *c;
    const struct sim_policy *policy;
    double now, end, warm;
    uint64_t rng;
    struct sim_request *queue;
    uint32_t head, count;
    struct worker *workers;
    struct conn conns[SIM_CONNS_MAX];
    int idle_first, idle_last;
    uint32_t idle_conns;
    struct timer timers[TIMER_MAX];
    uint32_t timer_count;
    struct thread io, clients;
    double next_arrival, burst_until;
    bool burst_high;
    double wake;
    int last_worker;
    float *latencies;
    size_t latency_count, latency_max;
    double arrivals, good, answered, refused, batches, batched, work;
    double state[512];
};

/* ---- random numbers ---- */

static double random_unit(struct sim *s)
{
    s->rng ^= s->rng << 13;
    s->rng ^= s->rng >> 7;
    s->rng ^= s->rng << 17;
    return ((double)(s->rng >> 11) + 0.5) / 9007199254740992.0;
}

static double random_exp(struct sim *s, double mean)
{
    return -mean * log(random_unit(s));
}

static double random_normal(struct sim *s)
{
    return sqrt(-2 * log(random_unit(s))) * cos(6.283185307179586 * random_unit(s));
}

/* ---- what policies see ---- */

const struct sim_case *sim_case_of(const struct sim *s)
{
    return s->c;
}

void *sim_state(struct sim *s)
{
    return s->state;
}

double sim_now(const struct sim *s)
{
    return s->now;
}

uint32_t sim_queued(const struct sim *s)
{
    return s->count;
}

static struct sim_request *queue_at(const struct sim *s, uint32_t i)
{
    return &s->queue[(s->head + i) & (SIM_QUEUE_MAX - 1)];
}

double sim_oldest(const struct sim *s)
{
    return s->count ? queue_at(s, 0)->arrival : s->now;
}

double sim_newest(const struct sim *s)
{
    return s->count ? queue_at(s, s->count - 1)->arrival : s->now;
}

uint32_t sim_idle(const struct sim *s)
{
    uint32_t idle = 0;

    for (int i = 0; i < s->c->workers; i++)
        idle += !s->workers[i].busy;
    return idle;
}

double sim_next_free(const struct sim *s)
{
    double next = NEVER;

    for (int i = 0; i < s->c->workers; i++)
        if (s->workers[i].busy)
            next = fmin(next, s->workers[i].free_at);
    return next;
}

uint32_t sim_idle_conns(const struct sim *s)
{
    return s->c->conns ? s->idle_conns : 1000;
}

uint32_t sim_returning(const struct sim *s, double window, double *ret_last)
{
    uint32_t n = 0;

    for (int i = s->idle_last; i >= 0; i = s->conns[i].prev) {
        if (s->conns[i].replied < s->now - window)
            break;
        if (!n)
            *ret_last = s->conns[i].replied;
        n++;
    }
    return n;
}

void sim_predict(struct sim *s, double ns)
{
    s->workers[s->last_worker].free_at = s->now + ns;
}

/* ---- timers and threads ---- */

static void timer_add(struct sim *s, double at, enum timer_kind kind, int who)
{
    uint32_t i = s->timer_count++;

    if (i >= TIMER_MAX)
        abort(); /* one per connection and worker: cannot be */
    while (i && s->timers[(i - 1) / 2].at > at) {
        s->timers[i] = s->timers[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->timers[i] = (struct timer){ at, kind, who };
}

static struct timer timer_take(struct sim *s)
{
    struct timer top = s->timers[0];
    struct timer last = s->timers[--s->timer_count];
    uint32_t i = 0;

    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= s->timer_count)
            break;
        if (child + 1 < s->timer_count && s->timers[child + 1].at < s->timers[child].at)
            child++;
        if (s->timers[child].at >= last.at)
            break;
        s->timers[i] = s->timers[child];
        i = child;
    }
    s->timers[i] = last;
    return top;
}

static void thread_push(struct sim *s, struct thread *t, int item)
{
    if (t->tail - t->head >= ITEM_MAX)
        abort(); /* at most a read and a write per connection */
    if (t->head == t->tail && !t->busy)
        t->ready = s->now + s->c->wake_us * 1e3;
    t->items[t->tail++ % ITEM_MAX] = item;
}

/* ---- connections ---- */

static void conn_idle(struct sim *s, int i)
{
    struct conn *c = &s->conns[i];

    c->idle = true;
    c->replied = s->now;
    c->prev = s->idle_last;
    c->next = -1;
    if (c->prev >= 0)
        s->conns[c->prev].next = i;
    else
        s->idle_first = i;
    s->idle_last = i;
    s->idle_conns++;
}

static void conn_take(struct sim *s, int i)
{
    struct conn *c = &s->conns[i];

    if (!c->idle)
        return;
    c->idle = false;
    if (c->prev >= 0)
        s->conns[c->prev].next = c->next;
    else
        s->idle_first = c->next;
    if (c->next >= 0)
        s->conns[c->next].prev = c->prev;
    else
        s->idle_last = c->prev;
    s->idle_conns--;
}

static void client_next(struct sim *s, int conn, bool refused)
{
    double think = s->c->think_us * 1e3;

    if (think > 500e3)
        think = random_exp(s, think);
    else
        think *= 0.5 + random_unit(s);
    if (refused)
        think += 1e6; /* a refused client pauses, else it would spin */
    timer_add(s, s->now + think, TIMER_SEND, conn);
}

/* The reply is on the wire. */
static void conn_replied(struct sim *s, int conn)
{
    if (conn < 0)
        return;
    conn_idle(s, conn);
    if (s->c->client_us > 0)
        thread_push(s, &s->clients, conn);
    else
        client_next(s, conn, false);
}

static void request_reply(struct sim *s, const struct sim_request *r)
{
    if (s->c->write_us > 0 && r->conn >= 0)
        thread_push(s, &s->io, SIM_CONNS_MAX + r->conn);
    else
        conn_replied(s, r->conn);
}

/* ---- the queue ---- */

static bool counted(const struct sim *s, double arrival)
{
    return arrival >= s->warm && arrival < s->end - 2e6 * s->c->target_ms;
}

static void request_refuse(struct sim *s, const struct sim_request *r)
{
    if (counted(s, r->arrival))
        s->refused++;
    if (r->conn >= 0) {
        conn_idle(s, r->conn);
        s->conns[r->conn].replied = -NEVER;
        client_next(s, r->conn, true);
    }
}

static void request_arrive(struct sim *s, double sent, int conn)
{
    struct sim_request r = { sent, conn };

    if (counted(s, sent))
        s->arrivals++;
    if (conn >= 0) {
        double replied = s->conns[conn].replied;
        conn_take(s, conn);
        if (s->policy->returned && replied > 0)
            s->policy->returned(s, s->now - replied);
    }
    if (s->policy->arrived)
        s->policy->arrived(s);
    if (s->count >= SIM_QUEUE_MAX - 1 || (s->policy->admit && !s->policy->admit(s))) {
        request_refuse(s, &r);
        return;
    }
    *queue_at(s, s->count++) = r;
}

static struct sim_request queue_take(struct sim *s, bool newest)
{
    struct sim_request r = *queue_at(s, newest ? s->count - 1 : 0);

    s->head += !newest;
    s->count--;
    return r;
}

static void worker_send(struct sim *s, uint32_t n)
{
    int i = 0;

    while (s->workers[i].busy)
        i++;
    struct worker *w = &s->workers[i];
    w->busy = true;
    w->running = false;
    w->n = n;
    w->oldest_wait = 0;
    for (uint32_t k = 0; k < n; k++) {
        w->batch[k] = queue_take(s, s->policy->newest_first);
        w->oldest_wait = fmax(w->oldest_wait, s->now - w->batch[k].arrival);
    }
    w->work = (s->c->a_us * n + s->c->b_us) * 1e3 * exp(0.05 * random_normal(s));
    if (random_unit(s) < 0.005)
        w->work *= 2;
    if (s->c->step_at_s > 0 && s->now > s->c->step_at_s * 1e9)
        w->work *= 3;
    w->left = w->work;
    w->free_at = s->now + w->work;
    s->last_worker = i;
    if (s->now >= s->warm) {
        s->batches++;
        s->batched += n;
        s->work += w->work;
    }
    timer_add(s, s->now + s->c->wake_us * 1e3, TIMER_START, i);
}

static void pump(struct sim *s)
{
    s->wake = NEVER;
    for (;;) {
        struct sim_decision d = s->policy->decide(s);
        if (d.action == SIM_GO) {
            worker_send(s, d.count);
            if (s->policy->finished)
                s->policy->finished(s, 0, 0, 0); /* sent: predictions */
        } else if (d.action == SIM_DROP) {
            for (uint32_t i = 0; i < d.count; i++) {
                struct sim_request r = queue_take(s, false);
                request_refuse(s, &r);
            }
        } else {
            if (d.action == SIM_WAIT)
                s->wake = d.wake;
            return;
        }
    }
}

static void worker_finish(struct sim *s, struct worker *w)
{
    w->busy = false;
    w->running = false;
    for (uint32_t i = 0; i < w->n; i++) {
        const struct sim_request *r = &w->batch[i];
        if (counted(s, r->arrival)) {
            double latency = s->now - r->arrival;
            s->answered++;
            s->good += latency <= s->c->target_ms * 1e6;
            if (s->latency_count < s->latency_max)
                s->latencies[s->latency_count++] = (float)(latency / 1e6);
        }
        request_reply(s, r);
    }
    s->policy->finished(s, w->n, s->now - w->started, w->oldest_wait);
}

/* ---- time ---- */

static bool thread_active(const struct sim *s, const struct thread *t)
{
    return t->busy || (t->head != t->tail && t->ready <= s->now);
}

static double thread_cost(const struct sim *s, const struct thread *t, int item)
{
    if (t == &s->clients)
        return s->c->client_us * 1e3;
    return (item >= SIM_CONNS_MAX ? s->c->write_us : s->c->read_us) * 1e3;
}

static void thread_begin(struct sim *s, struct thread *t)
{
    if (t->busy || t->head == t->tail || t->ready > s->now)
        return;
    if (!t->turn)
        t->turn = t->tail - t->head;
    t->busy = true;
    t->left = thread_cost(s, t, t->items[t->head % ITEM_MAX]);
}

static void thread_finish(struct sim *s, struct thread *t)
{
    int item = t->items[t->head++ % ITEM_MAX];

    t->busy = false;
    t->turn--;
    if (t == &s->clients)
        client_next(s, item, false);
    else if (item >= SIM_CONNS_MAX)
        conn_replied(s, item - SIM_CONNS_MAX);
    else
        request_arrive(s, s->conns[item].sent, item);
    if (t == &s->io && !t->turn)
        pump(s);
}

static void arrival_plan(struct sim *s)
{
    double rate = s->c->rate;

    if (rate <= 0) {
        s->next_arrival = NEVER;
        return;
    }
    if (s->c->bursty) {
        if (s->now >= s->burst_until) {
            s->burst_high = !s->burst_high;
            s->burst_until = s->now + random_exp(s, 1e8);
        }
        rate *= s->burst_high ? 5.0 / 3 : 1.0 / 3;
    }
    s->next_arrival = s->now + random_exp(s, 1e9 / rate);
}

static void timer_fire(struct sim *s)
{
    struct timer t = timer_take(s);

    if (t.kind == TIMER_START) {
        s->workers[t.who].running = true;
        s->workers[t.who].started = s->now;
        return;
    }
    s->conns[t.who].sent = s->now;
    if (s->c->read_us > 0) {
        thread_push(s, &s->io, t.who);
        return;
    }
    request_arrive(s, s->now, t.who);
    pump(s);
}

/* Advances to the next thing that happens and handles it. */
static void step(struct sim *s)
{
    double next = fmin(s->next_arrival, s->wake);
    double active = 0;

    thread_begin(s, &s->io);
    thread_begin(s, &s->clients);
    for (int i = 0; i < s->c->workers; i++)
        active += s->workers[i].running;
    active += s->io.busy + s->clients.busy;
    double rate = s->c->cores && active > s->c->cores ? s->c->cores / active : 1;
    if (s->timer_count)
        next = fmin(next, s->timers[0].at);
    for (int i = 0; i < s->c->workers; i++)
        if (s->workers[i].running)
            next = fmin(next, s->now + s->workers[i].left / rate);
    struct thread *threads[2] = { &s->io, &s->clients };
    for (int i = 0; i < 2; i++) {
        if (threads[i]->busy)
            next = fmin(next, s->now + threads[i]->left / rate);
        else if (threads[i]->head != threads[i]->tail)
            next = fmin(next, threads[i]->ready);
    }
    double done = (next - s->now) * rate;
    s->now = next;
    for (int i = 0; i < 2; i++)
        if (threads[i]->busy && (threads[i]->left -= done) <= 1e-3)
            thread_finish(s, threads[i]);
    bool finished = false;
    for (int i = 0; i < s->c->workers; i++) {
        struct worker *w = &s->workers[i];
        if (w->running && (w->left -= done) <= 1e-3) {
            worker_finish(s, w);
            finished = true;
        }
    }
    if (finished && !thread_active(s, &s->io))
        pump(s);
    if (s->timer_count && s->timers[0].at <= s->now)
        timer_fire(s);
    if (s->next_arrival <= s->now) {
        request_arrive(s, s->now, -1);
        arrival_plan(s);
        pump(s);
    }
    if (s->wake <= s->now)
        pump(s);
}

/* ---- a run ---- */

static int float_order(const void *a, const void *b)
{
    float x = *(const float *)a;
    float y = *(const float *)b;

    return (x > y) - (x < y);
}

static void result_fill(struct sim *s, struct sim_result *r)
{
    double span = (s->end - s->warm) / 1e9 - 2e-3 * s->c->target_ms;
    size_t n = s->latency_count;

    qsort(s->latencies, n, sizeof *s->latencies, float_order);
    *r = (struct sim_result){
        .share = s->good / fmax(s->arrivals, 1),
        .p50 = n ? (double)s->latencies[n / 2] : 0,
        .p99 = n ? (double)s->latencies[n - 1 - n / 100] : 0,
        .per_second = s->answered / span,
        .batch = s->batched / fmax(s->batches, 1),
        .model_us = s->work / 1e3 / fmax(s->batched, 1),
        .refused = s->refused / fmax(s->arrivals, 1),
    };
}

bool sim_run(const struct sim_case *c,
             const struct sim_policy *policy,
             uint64_t seed,
             struct sim_result *ret)
{
    struct sim *s = bento_calloc(1, sizeof *s);
    bool ok = false;

    if (!s)
        return false;
    s->c = c;
    s->policy = policy;
    s->rng = seed * 2654435761u + 88172645463325252u;
    s->end = c->seconds * 1e9;
    s->warm = c->step_at_s > 0 ? (c->step_at_s + 1) * 1e9 : s->end / 4;
    s->wake = NEVER;
    s->idle_first = s->idle_last = -1;
    s->latency_max = (size_t)(c->seconds * fmax(c->rate * 1.7, 200000) + 1000);
    s->queue = bento_calloc(SIM_QUEUE_MAX, sizeof *s->queue);
    s->workers = bento_calloc((size_t)c->workers, sizeof *s->workers);
    s->latencies = bento_calloc(s->latency_max, sizeof *s->latencies);
    if (!s->queue || !s->workers || !s->latencies)
        goto out;
    policy->start(s);
    arrival_plan(s);
    for (int i = 0; i < c->conns; i++) {
        s->now = 1;
        conn_idle(s, i);
        s->conns[i].replied = -NEVER;
        timer_add(s, 1e3 + 1e4 * random_unit(s), TIMER_SEND, i);
    }
    while (s->now < s->end)
        step(s);
    result_fill(s, ret);
    ok = true;
out:
    bento_free(s->queue);
    bento_free(s->workers);
    bento_free(s->latencies);
    bento_free(s);
    return ok;
}
