/* core/batch: rules one by one, and random sequences of events that must keep the
 * contract. */
#include "core/batch.h"

#include "support/check.h"

#define MS 1000000ll

static struct bento_batch
trained(uint32_t max, int64_t latency_ms, double a_ns, double b_ns)
{
    struct bento_batch batch;
    struct bento_batch_limits limits = { max, latency_ms * MS };
    bento_batch_init(&batch, &limits);
    for (int i = 0; i < 200; i++) {
        uint32_t n = (uint32_t)(1 + i % 40);
        bento_batch_sample(&batch, n, (int64_t)(a_ns * n + b_ns), (i + 1) * MS);
    }
    return batch;
}

static struct bento_batch_view view(uint32_t queued, uint32_t idle, int64_t left_ms)
{
    return (struct bento_batch_view){ .now_ns = 1000 * MS,
                                      .queued = queued,
                                      .head_deadline_ns = (1000 + left_ms) * MS,
                                      .head_arrival_ns = 1000 * MS,
                                      .workers = 2,
                                      .idle = idle,
                                      .next_free_ns = INT64_MAX };
}

TEST(fit)
{
    struct bento_batch batch = trained(4000, 20000, 2000, 600000);
    CHECK(batch.a_ns > 1900 && batch.a_ns < 2100);
    CHECK(batch.b_ns > 590000 && batch.b_ns < 610000);
    CHECK(bento_batch_predict(&batch, 100) > 780000 &&
          bento_batch_predict(&batch, 100) < 820000);
}

TEST(nothing_to_do)
{
    struct bento_batch batch = trained(10, 20000, 2000, 600000);
    struct bento_batch_view v = view(0, 2, 20000);
    CHECK_INT(bento_batch_decide(&batch, &v).action, BENTO_BATCH_NONE);
    v = view(5, 0, 20000);
    CHECK_INT(bento_batch_decide(&batch, &v).action, BENTO_BATCH_NONE);
}

TEST(a_lone_request_goes_at_once)
{
    struct bento_batch batch = trained(4000, 20000, 2000, 600000);
    struct bento_batch_view v = view(1, 2, 20000);
    struct bento_batch_decision d = bento_batch_decide(&batch, &v);
    CHECK_INT(d.action, BENTO_BATCH_GO);
    CHECK_INT(d.count, 1);
}

TEST(limits)
{
    struct bento_batch batch = trained(10, 20000, 2000, 600000);
    struct bento_batch_view v = view(25, 1, 20000);
    CHECK_INT(bento_batch_decide(&batch, &v).count, 10);
    batch = trained(1, 20000, 2000, 600000);
    CHECK_INT(bento_batch_decide(&batch, &v).count, 1);
}

TEST(a_cold_start_sheds_nobody)
{
    struct bento_batch batch;
    struct bento_batch_limits limits = { 4000, 5 * MS };
    struct bento_batch_view v = view(3000, 1, -100);
    int64_t retry;
    bento_batch_init(&batch, &limits);
    CHECK(bento_batch_admit(&batch, &v, &retry));
    CHECK_INT(bento_batch_decide(&batch, &v).action, BENTO_BATCH_GO);
}

TEST(what_cannot_finish_is_dropped)
{
    struct bento_batch batch = trained(4000, 10, 2000, 6000000);
    struct bento_batch_view v = view(5, 1, 2);
    struct bento_batch_decision d = bento_batch_decide(&batch, &v);
    CHECK_INT(d.action, BENTO_BATCH_DROP);
    CHECK_INT(d.count, 1);
}

TEST(overload_is_refused_before_it_queues)
{
    struct bento_batch batch = trained(10, 50, 2000000, 4000000);
    struct bento_batch_view v = view(500, 0, 50);
    int64_t retry = 0;
    v.next_free_ns = v.now_ns + 10 * MS;
    CHECK(!bento_batch_admit(&batch, &v, &retry));
    CHECK(retry > 50 * MS);
    v.queued = 1;
    CHECK(bento_batch_admit(&batch, &v, &retry));
}

TEST(returning_clients_are_awaited)
{
    struct bento_batch batch = trained(4000, 20000, 2000, 600000);
    struct bento_batch_view v = view(2, 2, 20000);
    for (int i = 0; i < 5000; i++)
        bento_batch_return(&batch, 30000);
    v.idle_connections = v.returning = 60;
    v.return_due_ns = v.now_ns + 80000;
    struct bento_batch_decision d = bento_batch_decide(&batch, &v);
    CHECK_INT(d.action, BENTO_BATCH_WAIT);
    CHECK_INT(d.wake_ns, v.return_due_ns);
    v.now_ns = v.return_due_ns; /* they did not come */
    CHECK_INT(bento_batch_decide(&batch, &v).action, BENTO_BATCH_GO);
}

static uint64_t seed = 42;

static uint64_t rnd(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

TEST(random_sequences)
{
    for (int round = 0; round < 300; round++) {
        struct bento_batch batch;
        struct bento_batch_limits limits = { (uint32_t)(1 + rnd(50)),
                                             (int64_t)(1 + rnd(100)) * MS };
        int64_t now = 1;
        bento_batch_init(&batch, &limits);
        for (int step = 0; step < 300; step++) {
            now += (int64_t)rnd(3 * MS);
            if (rnd(2))
                bento_batch_arrival(&batch, now);
            if (rnd(4) == 0)
                bento_batch_sample(&batch, (uint32_t)(1 + rnd(60)), (int64_t)rnd(20 * MS),
                                   now);
            if (rnd(4) == 0)
                bento_batch_return(&batch, (int64_t)rnd(2 * MS));
            struct bento_batch_view v = { .now_ns = now,
                                          .queued = (uint32_t)rnd(200),
                                          .head_arrival_ns = now - (int64_t)rnd(100 * MS),
                                          .workers = 4,
                                          .idle = (uint32_t)rnd(5),
                                          .idle_connections = (uint32_t)rnd(100) };
            v.head_deadline_ns = v.head_arrival_ns + limits.max_latency_ns;
            v.next_free_ns = rnd(2) ? INT64_MAX : now + (int64_t)rnd(5 * MS);
            v.returning = (uint32_t)rnd(v.idle_connections + 1);
            v.return_due_ns = now + (int64_t)rnd(MS) - MS / 2;
            struct bento_batch_decision d = bento_batch_decide(&batch, &v);
            bool work = v.queued && v.idle;
            check_done++;
            if ((d.action == BENTO_BATCH_NONE) == work)
                CHECK_FAIL_("queued %u, idle %u: action %d", v.queued, v.idle,
                            (int)d.action);
            if (d.action == BENTO_BATCH_GO &&
                (d.count == 0 || d.count > v.queued || d.count > limits.max_batch))
                CHECK_FAIL_("goes with %u of %u", d.count, v.queued);
            if (d.action == BENTO_BATCH_WAIT &&
                (d.wake_ns <= now || d.wake_ns > v.head_deadline_ns + 200 * MS))
                CHECK_FAIL_("waits until %lld at %lld", (long long)d.wake_ns,
                            (long long)now);
            if (d.action == BENTO_BATCH_DROP && (d.count == 0 || d.count > v.queued))
                CHECK_FAIL_("drops %u of %u", d.count, v.queued);
        }
    }
}

int main(void)
{
    RUN(fit);
    RUN(nothing_to_do);
    RUN(a_lone_request_goes_at_once);
    RUN(limits);
    RUN(a_cold_start_sheds_nobody);
    RUN(what_cannot_finish_is_dropped);
    RUN(overload_is_refused_before_it_queues);
    RUN(returning_clients_are_awaited);
    RUN(random_sequences);
    return check_report();
}
