/* The worker pool; see pool.h. One struct slot per worker: its process is replaced, the
 * slot stays. A timer looks after time limits, restarts and memory to give back. */
#include "runtime/pool.h"

#include <stdio.h>

#include "base/alloc.h"
#include "os/clock.h"
#include "os/process.h"
#include "runtime/slot.h"

#define WORKERS_MAX  256u
#define CHECK_MS     50
#define TRIM_CHECKS  200u /* checks from one bento_area_trim to the next */
#define STOP_TERM_NS 2000000000ll
#define STOP_KILL_NS 3000000000ll /* after SIGTERM */
#define ENTRIES_SET  64u          /* environment entries of the caller, at most */

void pool_fail(struct bento_pool *pool, const struct bento_error *err)
{
    if (pool->failed || pool->ever_ready)
        return;
    pool->failed = true;
    pool->options.callbacks->on_fail(pool->options.arg, err);
}

/* ---- supervision ---- */

static void on_check_closed(uv_handle_t *handle)
{
    struct bento_pool *pool = handle->data;

    pool->options.callbacks->on_stopped(pool->options.arg);
}

static void stopped_report(struct bento_pool *pool)
{
    if (!pool->stopping || pool->reported)
        return;
    for (uint32_t i = 0; i < pool->count; i++)
        if (pool->slots[i].state != SLOT_EMPTY || pool->slots[i].handles)
            return;
    pool->reported = true;
    uv_close((uv_handle_t *)&pool->check, on_check_closed);
}

static void slot_refill(struct slot *slot, int64_t now)
{
    struct bento_pool *pool = slot->pool;

    if (slot->state == SLOT_EMPTY && slot->handles == 0 && !pool->stopping &&
        !pool->failed && now >= slot->restart_ns)
        slot_start(slot);
}

void pool_slot_empty(struct bento_pool *pool)
{
    int64_t now = bento_now_ns();

    for (uint32_t i = 0; i < pool->count; i++)
        slot_refill(&pool->slots[i], now);
    stopped_report(pool);
}

static void on_check(uv_timer_t *timer)
{
    struct bento_pool *pool = timer->data;
    int64_t now = bento_now_ns();

    for (uint32_t i = 0; i < pool->count; i++) {
        slot_check(&pool->slots[i], now);
        slot_refill(&pool->slots[i], now);
    }
    if (++pool->checks % TRIM_CHECKS == 0)
        bento_area_trim(pool->area);
}

void bento_pool_stop(struct bento_pool *pool)
{
    int64_t now = bento_now_ns();
    int64_t grace = pool->options.stop_grace_ns;

    if (pool->stopping)
        return;
    pool->stopping = true;
    for (uint32_t i = 0; i < pool->count; i++) {
        struct slot *slot = &pool->slots[i];
        if (slot->state == SLOT_STARTING)
            slot_end(slot, now, now + STOP_KILL_NS);
        else if (slot->state == SLOT_LIVE)
            slot_end(slot, now + grace, now + grace + STOP_KILL_NS);
    }
    stopped_report(pool);
}

/* ---- the pool ---- */

/* The link, unbuffered output and, unless the user set them, thread caps per worker. */
static bento_rc environment_make(struct bento_pool *pool, struct bento_error *err)
{
    static const char *const caps[] = { "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                                        "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS" };
    const char *const *more = pool->options.environment;
    const char *set[ENTRIES_SET + 4];
    const char *defaults[6];
    char text[4][48];
    char link[48];
    size_t n = 0;
    unsigned each = bento_cpu_count() / pool->count;

    (void)snprintf(link, sizeof link, "BENTO_LINK=%d:3:4:5:6:7", BENTO_WIRE_VERSION);
    set[n++] = link;
    if (!pool->options.batch_rerun)
        set[n++] = "BENTO_BATCH_RERUN=0";
    if (pool->options.widen_numbers)
        set[n++] = "BENTO_BATCH_WIDEN=1";
    for (size_t i = 0; more && more[i]; i++) {
        if (i == ENTRIES_SET)
            return bento_fail(err, BENTO_EINVAL,
                              "more than %u environment entries for workers",
                              ENTRIES_SET);
        set[n++] = more[i];
    }
    set[n] = NULL;
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(text[i], sizeof text[i], "%s=%u", caps[i], each ? each : 1);
        defaults[i] = text[i];
    }
    defaults[4] = "PYTHONUNBUFFERED=1";
    defaults[5] = NULL;
    return bento_environment_new(set, defaults, &pool->environment, err);
}

static bento_rc pool_fill(struct bento_pool *pool, struct bento_error *err)
{
    const struct bento_pool_options *options = &pool->options;

    pool->python = bento_strdup(options->python);
    pool->bundle = bento_strdup(options->bundle);
    pool->version = options->version ? bento_strdup(options->version) : NULL;
    pool->slots = bento_calloc(pool->count, sizeof *pool->slots);
    if (!pool->python || !pool->bundle || !pool->slots ||
        (options->version && !pool->version))
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < pool->count; i++) {
        bento_rc rc = slot_init(&pool->slots[i], pool, err);
        if (rc != BENTO_OK)
            return rc;
    }
    bento_rc rc = environment_make(pool, err);
    pool->options.environment = NULL; /* the caller's memory */
    return rc == BENTO_OK ? bento_area_new(options->area_size, &pool->area, err) : rc;
}

bento_rc bento_pool_start(uv_loop_t *loop,
                          const struct bento_pool_options *options,
                          struct bento_pool **ret,
                          struct bento_error *err)
{
    struct bento_pool *pool = bento_calloc(1, sizeof *pool);

    if (!pool)
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    pool->loop = loop;
    pool->options = *options;
    if (pool->options.stop_grace_ns <= 0)
        pool->options.stop_grace_ns = STOP_TERM_NS;
    pool->count = options->workers < 1             ? 1
                  : options->workers > WORKERS_MAX ? WORKERS_MAX
                                                   : options->workers;
    pool->next_job = 1;
    bento_rc rc = pool_fill(pool, err);
    if (rc != BENTO_OK) {
        bento_pool_free(pool);
        return rc;
    }
    (void)uv_timer_init(loop, &pool->check);
    pool->check.data = pool;
    /* The first check starts the workers, so that no callback runs inside this call. */
    (void)uv_timer_start(&pool->check, on_check, 0, CHECK_MS);
    *ret = pool;
    return BENTO_OK;
}

void bento_pool_free(struct bento_pool *pool)
{
    if (!pool)
        return;
    for (uint32_t i = 0; pool->slots && i < pool->count; i++)
        slot_release(&pool->slots[i]);
    bento_environment_free(pool->environment);
    bento_area_unref(pool->area);
    bento_free(pool->slots);
    bento_free(pool->python);
    bento_free(pool->bundle);
    bento_free(pool->version);
    bento_free(pool);
}

struct bento_area *bento_pool_area(struct bento_pool *pool)
{
    return pool->area;
}

uint32_t bento_pool_workers(const struct bento_pool *pool)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < pool->count; i++)
        n += pool->slots[i].state == SLOT_LIVE;
    return n;
}

bool bento_pool_down(const struct bento_pool *pool)
{
    for (uint32_t i = 0; i < pool->count; i++)
        if (pool->slots[i].state == SLOT_LIVE || !pool->slots[i].failed_starts)
            return false;
    return true;
}

uint32_t bento_pool_idle(const struct bento_pool *pool)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < pool->count; i++)
        n += slot_idle(&pool->slots[i]);
    return n;
}

void bento_pool_stats(const struct bento_pool *pool, struct bento_pool_stats *ret)
{
    *ret = pool->stats;
    ret->live = bento_pool_workers(pool);
}

uint32_t bento_pool_pids(const struct bento_pool *pool, int *to, uint32_t max)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < pool->count && n < max; i++)
        if (pool->slots[i].state != SLOT_EMPTY && !pool->slots[i].exited)
            to[n++] = pool->slots[i].process.pid;
    return n;
}

bento_rc bento_pool_submit(struct bento_pool *pool,
                           const struct bento_pool_job *job,
                           struct bento_error *err)
{
    int64_t limit = pool->options.timeout_ns;

    for (uint32_t i = 0; i < pool->count && !pool->stopping; i++) {
        struct bento_error own = BENTO_ERROR_INIT;
        struct slot *slot = &pool->slots[i];
        int64_t now = bento_now_ns();
        if (!slot_idle(slot))
            continue;
        bento_rc rc = bento_desk_submit(&slot->desk, job, pool->next_job, now, &own);
        if (rc == BENTO_OK) {
            pool->next_job++;
            pool->stats.jobs++;
            slot->deadline_ns = limit > 0 ? now + limit : 0;
            return BENTO_OK;
        }
        if (rc != BENTO_ECORRUPT)
            return bento_fail(err, rc, "%s", own.message);
        slot_break(slot, &own); /* and ask the next one */
    }
    return bento_fail(err, BENTO_EBUSY, "no worker is idle");
}
