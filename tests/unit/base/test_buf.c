/* base/buf: growth, the stated maximum, sticky errors, failing allocations. */
#include "base/buf.h"

#include "base/alloc.h"
#include "support/check.h"

TEST(appends)
{
    struct bento_buf b;
    bento_buf_init(&b, 1000);
    bento_buf_adds(&b, "a");
    bento_buf_addf(&b, "%d-%s", 7, "x");
    bento_buf_addu(&b, 18446744073709551615ULL);
    bento_buf_addc(&b, '!');
    CHECK_STR(bento_buf_z(&b), "a7-x18446744073709551615!");
    bento_buf_consume(&b, 4);
    CHECK_STR(bento_buf_z(&b), "18446744073709551615!");
    bento_buf_release(&b);
}

TEST(json_escapes)
{
    struct bento_buf b;
    bento_buf_init(&b, 1000);
    bento_buf_addjson(&b, bento_str_from("a\"\\\n\x01\0\xc3\xa9", 8));
    CHECK_STR(bento_buf_z(&b), "\"a\\\"\\\\\\n\\u0001\\u0000\xc3\xa9\"");
    bento_buf_release(&b);
}

TEST(maximum_is_sticky)
{
    struct bento_buf b;
    bento_buf_init(&b, 4);
    bento_buf_adds(&b, "abc");
    bento_buf_adds(&b, "de");
    CHECK_INT(b.rc, BENTO_ETOOLARGE);
    bento_buf_adds(&b, "f");
    CHECK_MEM(b.p, b.n, "abc");
    bento_buf_clear(&b);
    bento_buf_adds(&b, "wxyz");
    CHECK_MEM(b.p, b.n, "wxyz");
    CHECK_INT(b.rc, BENTO_OK);
    bento_buf_release(&b);
}

TEST(failed_append_leaves_nothing)
{
    struct bento_buf b;

    for (size_t max = 2; max < 28; max++) {
        bento_buf_init(&b, max / 2);
        bento_buf_adds(&b, "x");
        if (max % 2)
            bento_buf_addescaped(&b, BENTO_STR("ab\ncd\x01yz"));
        else
            bento_buf_addjson(&b, BENTO_STR("ab\ncd\x01"));
        CHECK_INT(b.rc, BENTO_ETOOLARGE);
        CHECK_MEM(b.p, b.n, "x");
        bento_buf_release(&b);
    }
    bento_buf_init(&b, 100);
    bento_buf_adds(&b, "kept");
    CHECK(bento_buf_reserve(&b, SIZE_MAX) == NULL);
    CHECK_MEM(b.p, b.n, "kept");
    bento_buf_release(&b);
}

TEST(nothing_in_it)
{
    struct bento_buf b;

    bento_buf_init(&b, 100);
    bento_buf_consume(&b, 5);
    bento_buf_add(&b, NULL, 0);
    bento_buf_addstr(&b, bento_str_from(NULL, 0));
    CHECK_INT(b.n, 0);
    bento_buf_addjson(&b, bento_str_from(NULL, 0));
    CHECK_STR(bento_buf_z(&b), "\"\"");
    bento_buf_consume(&b, 5);
    CHECK_STR(bento_buf_z(&b), "");
    bento_buf_release(&b);
}

TEST(every_allocation_may_fail)
{
    long live = bento_alloc_live();
    int failures = 0;
    for (long n = 0; n < 8; n++) {
        struct bento_buf b;
        bento_buf_init(&b, 100000);
        bento_alloc_fail_after(n);
        for (int i = 0; i < 1000; i++)
            bento_buf_adds(&b, "0123456789");
        bento_alloc_fail_after(-1);
        failures += b.rc == BENTO_ENOMEM;
        bento_buf_release(&b);
    }
    CHECK(failures > 5);
    CHECK_INT(bento_alloc_live(), live);
}

int main(void)
{
    RUN(appends);
    RUN(json_escapes);
    RUN(maximum_is_sticky);
    RUN(failed_append_leaves_nothing);
    RUN(nothing_in_it);
    RUN(every_allocation_may_fail);
    return check_report();
}
