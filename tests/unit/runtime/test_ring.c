/* runtime/ring and runtime/area: frames between two threads, full rings, hostile indexes;
 * blocks that never overlap. */
#include <pthread.h>
#include <sched.h>

#include "base/alloc.h"
#include "proto/wire.h"
#include "runtime/area.h"
#include "runtime/ring.h"
#include "support/check.h"

#define RING_SIZE 4096
#define FRAMES    200000

static struct bento_ring_shared shared;
static _Alignas(64) char data[RING_SIZE];

static uint32_t size_of(uint32_t i)
{
    return 8 + (i * 2654435761u >> 20) % 900;
}

static void *produce(void *arg)
{
    struct bento_ring ring;
    (void)arg;
    bento_ring_attach(&ring, &shared, data, RING_SIZE);
    for (uint32_t i = 0; i < FRAMES; i++) {
        uint32_t n = size_of(i);
        char *to = NULL;
        while (bento_ring_reserve(&ring, n, &to) == BENTO_OK && !to)
            (void)sched_yield();
        if (!to)
            return NULL;
        memcpy(to, &n, 4);
        memset(to + 4, (int)(i & 0xFF), n - 4);
        bento_ring_commit(&ring, n);
    }
    return NULL;
}

TEST(two_threads)
{
    struct bento_ring ring;
    pthread_t thread;
    uint32_t wrong = 0;
    memset(&shared, 0, sizeof shared);
    bento_ring_attach(&ring, &shared, data, RING_SIZE);
    CHECK_INT(pthread_create(&thread, NULL, produce, NULL), 0);
    for (uint32_t i = 0; i < FRAMES; i++) {
        const char *frame = NULL;
        uint64_t n = 0;
        while (bento_ring_peek(&ring, &frame, &n) == BENTO_OK && !frame)
            (void)sched_yield();
        if (!frame)
            break;
        wrong +=
            n != size_of(i) || (unsigned char)frame[n - 1] !=
                                   (n > 4 ? (i & 0xFF) : (unsigned char)frame[n - 1]);
        bento_ring_release(&ring, n);
    }
    (void)pthread_join(thread, NULL);
    CHECK_INT(wrong, 0);
}

TEST(full_and_too_large)
{
    struct bento_ring p;
    char *to;
    memset(&shared, 0, sizeof shared);
    bento_ring_attach(&p, &shared, data, RING_SIZE);
    CHECK_INT(bento_ring_reserve(&p, RING_SIZE, &to), BENTO_ETOOLARGE);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(bento_ring_reserve(&p, 1024, &to), BENTO_OK);
        CHECK(to != NULL);
        bento_ring_commit(&p, 1024);
    }
    CHECK_INT(bento_ring_reserve(&p, 8, &to), BENTO_OK);
    CHECK(to == NULL);
}

TEST(hostile_words)
{
    struct bento_ring c;
    struct bento_ring p;
    const char *frame;
    uint64_t n;
    char *to;
    static const uint32_t sizes[] = { 0, 7, 9999, 0xFFFFFFFE };
    memset(&shared, 0, sizeof shared);
    bento_ring_attach(&c, &shared, data, RING_SIZE);
    atomic_store(&shared.tail, RING_SIZE * 2);
    CHECK_INT(bento_ring_peek(&c, &frame, &n), BENTO_ECORRUPT);
    atomic_store(&shared.tail, 12);
    CHECK_INT(bento_ring_peek(&c, &frame, &n), BENTO_ECORRUPT);
    for (size_t i = 0; i < 4; i++) {
        atomic_store(&shared.tail, 16);
        memcpy(data, &sizes[i], 4);
        CHECK_INT(bento_ring_peek(&c, &frame, &n), BENTO_ECORRUPT);
    }
    memset(&shared, 0, sizeof shared);
    bento_ring_attach(&p, &shared, data, RING_SIZE);
    for (int i = 0; i < 4; i++) {
        (void)bento_ring_reserve(&p, 1024, &to);
        bento_ring_commit(&p, 1024);
    }
    atomic_store(&shared.head, 1 << 20); /* consumed what was never produced */
    CHECK_INT(bento_ring_reserve(&p, 8, &to), BENTO_ECORRUPT);
}

TEST(wake_flags)
{
    struct bento_ring c;
    struct bento_ring p;
    char *to;
    uint32_t n = 8;
    memset(&shared, 0, sizeof shared);
    bento_ring_attach(&c, &shared, data, RING_SIZE);
    bento_ring_attach(&p, &shared, data, RING_SIZE);
    CHECK(!bento_ring_must_wake(&p));
    CHECK(bento_ring_sleep(&c));
    CHECK(bento_ring_must_wake(&p));
    CHECK(!bento_ring_must_wake(&p)); /* one wake per sleep */
    (void)bento_ring_reserve(&p, n, &to);
    memcpy(to, &n, 4);
    bento_ring_commit(&p, n);
    CHECK(!bento_ring_sleep(&c)); /* something is there after all */
}

static uint64_t seed = 7;

static uint64_t rnd(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

TEST(area_blocks_never_overlap)
{
    enum { LIVE = 300 };
    struct bento_area *area = NULL;
    uint64_t at[LIVE];
    uint64_t size[LIVE] = { 0 };
    CHECK_INT(bento_area_new(8 << 20, &area, NULL), BENTO_OK);
    for (int step = 0; step < 20000; step++) {
        size_t i = (size_t)rnd(LIVE);
        if (size[i]) {
            const unsigned char *p = bento_area_at(area, at[i]);
            check_done++;
            if (p[0] != (unsigned char)i || p[size[i] - 1] != (unsigned char)i)
                CHECK_FAIL_("block %zu was written by another", i);
            bento_area_free(area, at[i]);
            size[i] = 0;
            continue;
        }
        uint64_t want = 1 + rnd(rnd(20) ? 3000 : 2 << 20);
        if (bento_area_alloc(area, want, &at[i]) != BENTO_OK)
            continue;
        CHECK(at[i] + want <= bento_area_size(area));
        size[i] = want;
        unsigned char *p = bento_area_at(area, at[i]);
        p[0] = p[want - 1] = (unsigned char)i;
    }
    for (size_t i = 0; i < LIVE; i++)
        if (size[i])
            bento_area_free(area, at[i]);
    CHECK_INT(bento_area_used(area), 0);
    uint64_t all;
    CHECK_INT(bento_area_alloc(area, bento_area_size(area), &all),
              BENTO_OK); /* everything was joined again */
    CHECK_INT(bento_area_alloc(area, 1, &at[0]), BENTO_EUNAVAILABLE);
    bento_area_unref(area);
}

int main(void)
{
    RUN(two_threads);
    RUN(full_and_too_large);
    RUN(hostile_words);
    RUN(wake_flags);
    RUN(area_blocks_never_overlap);
    return check_report();
}
