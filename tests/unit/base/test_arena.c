/* base/arena: alignment, the stated maximum, large blocks, what clear keeps, failing
 * allocations. */
#include "base/arena.h"

#include "base/alloc.h"
#include "support/check.h"

TEST(objects_are_aligned_and_apart)
{
    struct bento_arena a;
    char *all[64];

    bento_arena_init(&a, 256, 65536);
    for (size_t i = 0; i < 64; i++) {
        all[i] = bento_arena_alloc(&a, i * 3);
        CHECK(all[i] && (uintptr_t)all[i] % 16 == 0);
        if (all[i])
            memset(all[i], (int)i, i * 3);
    }
    for (size_t i = 0; i < 64; i++)
        for (size_t k = 0; k < i * 3; k++)
            if (all[i][k] != (char)i) {
                CHECK_INT(all[i][k], i);
                break;
            }
    bento_arena_release(&a);
}

TEST(maximum)
{
    struct bento_arena a;

    bento_arena_init(&a, 256, 1024);
    CHECK(bento_arena_alloc(&a, 1025) == NULL);
    for (int i = 0; i < 4; i++)
        CHECK(bento_arena_alloc(&a, 256) != NULL);
    CHECK_INT(a.total, 1024);
    CHECK(bento_arena_alloc(&a, 1) == NULL);
    bento_arena_clear(&a);
    CHECK_INT(a.total, 256);
    CHECK(bento_arena_alloc(&a, 768) != NULL); /* a block of its own, to the last byte */
    CHECK_INT(a.total, 1024);
    bento_arena_release(&a);
    CHECK_INT(a.total, 0);
}

TEST(sizes_that_overflow)
{
    struct bento_arena a;

    bento_arena_init(&a, 256, SIZE_MAX);
    for (size_t less = 0; less < 31; less++)
        CHECK(bento_arena_alloc(&a, SIZE_MAX - less) == NULL);
    CHECK(bento_arena_calloc(&a, SIZE_MAX / 2, 3) == NULL);
    CHECK(bento_arena_dup(&a, bento_str_from("x", SIZE_MAX)) == NULL);
    CHECK(bento_arena_alloc(&a, 16) != NULL);
    CHECK(bento_arena_alloc(&a, SIZE_MAX - 200) == NULL); /* beside a block */
    bento_arena_release(&a);
}

TEST(large_blocks)
{
    struct bento_arena a;
    long live = bento_alloc_live();

    bento_arena_init(&a, 256, 1 << 20);
    char *small = bento_arena_dup(&a, BENTO_STR("small"));
    char *large = bento_arena_alloc(&a, 100000);
    if (large)
        memset(large, 'x', 100000);
    CHECK(small && large);
    CHECK_STR(small, "small");
    CHECK_INT(bento_alloc_live(), live + 2);
    bento_arena_clear(&a);
    CHECK_INT(bento_alloc_live(), live + 1); /* the first one stays */
    CHECK_INT(a.total, 256);
    bento_arena_release(&a);
    CHECK_INT(bento_alloc_live(), live);
}

TEST(recycled_arena_allocates_nothing)
{
    struct bento_arena a;

    bento_arena_init(&a, 4096, 1 << 16);
    CHECK(bento_arena_alloc(&a, 1) != NULL);
    bento_alloc_fail_after(0);
    for (int i = 0; i < 100; i++) {
        bento_arena_clear(&a);
        CHECK(bento_arena_alloc(&a, 4096) != NULL);
    }
    CHECK(bento_arena_alloc(&a, 1) == NULL);
    bento_alloc_fail_after(-1);
    bento_arena_release(&a);
    bento_arena_release(&a);
}

TEST(copies)
{
    static const char zeros[160];
    struct bento_arena a;

    bento_arena_init(&a, 256, 4096);
    char *dirty = bento_arena_alloc(&a, 256);
    if (dirty)
        memset(dirty, 0xFF, 256);
    bento_arena_clear(&a);
    char *clean = bento_arena_calloc(&a, 10, 16);
    CHECK(clean == dirty && memcmp(clean, zeros, sizeof zeros) == 0);
    CHECK_STR(bento_arena_dup(&a, bento_str_from("copy it", 4)), "copy");
    CHECK_STR(bento_arena_dup(&a, bento_str_from(NULL, 0)), "");
    CHECK(bento_arena_calloc(&a, 0, 16) != NULL);
    bento_arena_release(&a);
}

TEST(every_allocation_may_fail)
{
    long live = bento_alloc_live();
    int got = 0;

    for (long n = 0; got < 20; n++) {
        struct bento_arena a;
        bento_arena_init(&a, 256, 1 << 20);
        bento_alloc_fail_after(n);
        for (got = 0; got < 20 && bento_arena_alloc(&a, 200); got++)
            ;
        CHECK_INT(got, n);
        CHECK_INT(a.total, (size_t)n * 256);
        bento_alloc_fail_after(-1);
        CHECK(bento_arena_alloc(&a, 200) != NULL); /* still usable */
        bento_arena_release(&a);
        CHECK_INT(bento_alloc_live(), live);
    }
}

int main(void)
{
    RUN(objects_are_aligned_and_apart);
    RUN(maximum);
    RUN(sizes_that_overflow);
    RUN(large_blocks);
    RUN(recycled_arena_allocates_nothing);
    RUN(copies);
    RUN(every_allocation_may_fail);
    return check_report();
}
