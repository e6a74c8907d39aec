/* runtime/area against a slow model that knows nothing of buddies, plus what the kernel
 * sees of it. */
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "runtime/area.h"
#include "support/check.h"

#define SIZE  ((uint64_t)1 << 20)
#define UNIT  256u
#define UNITS (SIZE / UNIT)
#define LIVE  200

static uint64_t seed = 88172645463325252u;

static uint64_t rnd(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

struct model {
    unsigned char taken[UNITS];
    uint64_t at[LIVE];
    uint64_t want[LIVE]; /* 0: no block */
    uint64_t used;
};

static uint64_t block_units(uint64_t size)
{
    uint64_t n = 1;

    while (n * UNIT < size)
        n *= 2;
    return n;
}

/* Whether there is room: some aligned run of that length is free. */
static bool model_fits(const struct model *m, uint64_t n)
{
    for (uint64_t at = 0; at + n <= UNITS; at += n) {
        uint64_t i = 0;
        while (i < n && !m->taken[at + i])
            i++;
        if (i == n)
            return true;
    }
    return false;
}

static void model_mark(struct model *m, uint64_t offset, uint64_t n, bool taken)
{
    uint64_t clash = offset % (n * UNIT) || offset / UNIT + n > UNITS;

    for (uint64_t i = 0; i < n && !clash; i++) {
        clash = m->taken[offset / UNIT + i] == taken;
        m->taken[offset / UNIT + i] = taken;
    }
    m->used += (taken ? n : -n) * UNIT;
    CHECK_INT(clash, 0);
}

static void fill(struct bento_area *area, uint64_t at, uint64_t n, size_t who)
{
    memset(bento_area_at(area, at), (int)who, (size_t)n);
}

static bool holds(struct bento_area *area, uint64_t at, uint64_t n, size_t who)
{
    const unsigned char *p = bento_area_at(area, at);

    return p[0] == (unsigned char)who && p[n / 2] == (unsigned char)who &&
           p[n - 1] == (unsigned char)who;
}

static void step_alloc(struct bento_area *area, struct model *m, size_t i)
{
    uint64_t want = 1 + rnd(rnd(8) ? 4000 : SIZE / 3);
    bool fits = model_fits(m, block_units(want));
    uint64_t at = 1;

    CHECK_INT(bento_area_alloc(area, want, &at), fits ? BENTO_OK : BENTO_EUNAVAILABLE);
    if (!fits)
        return;
    m->at[i] = at;
    m->want[i] = want;
    model_mark(m, at, block_units(want), true);
    fill(area, at, want, i);
}

static void step_resize(struct bento_area *area, struct model *m, size_t i)
{
    uint64_t want = 1 + rnd(rnd(4) ? 8000 : SIZE / 2);
    uint64_t keep = want < m->want[i] ? want : m->want[i];
    uint64_t n = block_units(m->want[i]);
    uint64_t at = m->at[i];
    bool fits = model_fits(m, block_units(want));

    bento_rc rc = bento_area_resize(area, &at, keep, want);
    CHECK(rc == BENTO_OK || (rc == BENTO_EUNAVAILABLE && !fits && at == m->at[i]));
    if (rc != BENTO_OK)
        return;
    model_mark(m, m->at[i], n, false);
    model_mark(m, at, block_units(want), true);
    CHECK(holds(area, at, keep, i));
    m->at[i] = at;
    m->want[i] = want;
    fill(area, at, want, i);
}

TEST(agrees_with_a_model)
{
    static struct model m;
    struct bento_area *area = NULL;

    CHECK_INT(bento_area_new(SIZE, &area, NULL), BENTO_OK);
    for (int step = 0; step < 30000; step++) {
        size_t i = (size_t)rnd(LIVE);
        if (!m.want[i]) {
            step_alloc(area, &m, i);
        } else if (rnd(3) == 0) {
            step_resize(area, &m, i);
        } else {
            CHECK(holds(area, m.at[i], m.want[i], i));
            model_mark(&m, m.at[i], block_units(m.want[i]), false);
            bento_area_free(area, m.at[i]);
            m.want[i] = 0;
        }
        CHECK_INT(bento_area_used(area), m.used);
        if (step % 1000 == 0)
            bento_area_trim(area);
    }
    for (size_t i = 0; i < LIVE; i++)
        if (m.want[i])
            bento_area_free(area, m.at[i]);
    uint64_t all;
    CHECK_INT(bento_area_used(area), 0);
    CHECK_INT(bento_area_alloc(area, SIZE, &all), BENTO_OK); /* all was joined again */
    bento_area_unref(area);
}

TEST(resize_stays_where_it_can)
{
    struct bento_area *area = NULL;
    uint64_t a;
    uint64_t b;

    CHECK_INT(bento_area_new(SIZE, &area, NULL), BENTO_OK);
    CHECK_INT(bento_area_alloc(area, 300, &a), BENTO_OK);
    fill(area, a, 300, 7);
    uint64_t at = a;
    CHECK_INT(bento_area_resize(area, &at, 300, 100000), BENTO_OK); /* grows in place */
    CHECK_INT(at, a);
    CHECK_INT(bento_area_used(area), 131072);
    CHECK_INT(bento_area_resize(area, &at, 300, 300), BENTO_OK); /* shrinks in place */
    CHECK_INT(at, a);
    CHECK_INT(bento_area_used(area), 512);
    CHECK_INT(bento_area_alloc(area, 512, &b), BENTO_OK);         /* the buddy */
    CHECK_INT(bento_area_resize(area, &at, 300, 1024), BENTO_OK); /* has to move */
    CHECK(at != a);
    CHECK(holds(area, at, 300, 7));
    uint64_t kept = at;
    CHECK_INT(bento_area_resize(area, &at, 300, SIZE), BENTO_EUNAVAILABLE);
    CHECK_INT(bento_area_resize(area, &at, 300, UINT64_MAX), BENTO_EUNAVAILABLE);
    CHECK_INT(at, kept);
    CHECK(holds(area, at, 300, 7));
    bento_area_free(area, at);
    bento_area_free(area, b);
    CHECK_INT(bento_area_used(area), 0);
    bento_area_unref(area);
}

static uint64_t resident(const struct bento_area *area)
{
    struct stat st;

    return fstat(bento_area_fd(area), &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

TEST(memory_goes_back)
{
    struct bento_area *area = NULL;
    uint64_t at[64];

    CHECK_INT(bento_area_new((uint64_t)1 << 30, &area, NULL), BENTO_OK);
    CHECK_INT(resident(area), 0);
    CHECK_INT(bento_area_alloc(area, 8 << 20, &at[0]), BENTO_OK);
    fill(area, at[0], 8 << 20, 1);
    CHECK_INT(resident(area), 8 << 20);
    bento_area_free(area, at[0]);
    CHECK_INT(resident(area), 0); /* large: at once */
    for (int i = 0; i < 64; i++) {
        CHECK_INT(bento_area_alloc(area, 65536, &at[i]), BENTO_OK);
        fill(area, at[i], 65536, 2);
    }
    for (int i = 0; i < 64; i++)
        bento_area_free(area, at[i]);
    CHECK_INT(resident(area), 4 << 20);
    bento_area_trim(area); /* small: with the next trim */
    CHECK_INT(resident(area), 0);
    CHECK_INT(bento_area_alloc(area, 4096, &at[0]), BENTO_OK);
    const char *p = bento_area_at(area, at[0]);
    CHECK_INT(p[0], 0);
    bento_area_unref(area);
}

TEST(workers_can_only_read)
{
    struct bento_area *area = NULL;
    uint64_t at;

    CHECK_INT(bento_area_new(SIZE, &area, NULL), BENTO_OK);
    CHECK_INT(bento_area_alloc(area, 4096, &at), BENTO_OK);
    fill(area, at, 4096, 'x');
    int fd = bento_area_fd(area);
    CHECK(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    char *map = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED);
    if (map != MAP_FAILED) {
        CHECK_INT(map[at], 'x');
        CHECK(mprotect(map, SIZE, PROT_READ | PROT_WRITE) != 0);
        (void)munmap(map, SIZE);
    }
    bento_area_unref(area);
}

TEST(limits)
{
    struct bento_area *area = NULL;
    struct bento_error err = BENTO_ERROR_INIT;
    long live = bento_alloc_live();
    uint64_t at;

    CHECK_INT(bento_area_new(((uint64_t)1 << 39) + 1, &area, &err), BENTO_ETOOLARGE);
    CHECK_INT(bento_area_new(UINT64_MAX, &area, &err), BENTO_ETOOLARGE);
    for (long n = 0; n < 4; n++) {
        bento_alloc_fail_after(n);
        CHECK_INT(bento_area_new(SIZE, &area, &err), BENTO_ENOMEM);
        bento_alloc_fail_after(-1);
        CHECK_INT(bento_alloc_live(), live);
    }
    CHECK_INT(bento_area_new(1, &area, &err), BENTO_OK);
    CHECK_INT(bento_area_size(area), 65536);
    CHECK_INT(bento_area_alloc(area, 65537, &at), BENTO_EUNAVAILABLE);
    CHECK_INT(bento_area_alloc(area, UINT64_MAX, &at), BENTO_EUNAVAILABLE);
    CHECK_INT(bento_area_alloc(area, 0, &at), BENTO_OK);
    CHECK_INT(bento_area_used(area), 256);
    bento_area_unref(area);
    CHECK_INT(bento_alloc_live(), live);
}

int main(void)
{
    RUN(agrees_with_a_model);
    RUN(resize_stays_where_it_can);
    RUN(memory_goes_back);
    RUN(workers_can_only_read);
    RUN(limits);
    return check_report();
}
