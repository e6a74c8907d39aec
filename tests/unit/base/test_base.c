/* base: slices, number parsing, UTF-8, arenas, error values. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/fail.h"
#include "base/str.h"
#include "support/check.h"

TEST(numbers)
{
    uint64_t u = 7;
    int64_t i = 7;
    CHECK(bento_parse_u64(BENTO_STR("18446744073709551615"), 0, UINT64_MAX, &u) &&
          u == UINT64_MAX);
    CHECK(!bento_parse_u64(BENTO_STR("18446744073709551616"), 0, UINT64_MAX, &u));
    CHECK(!bento_parse_u64(BENTO_STR(""), 0, 9, &u));
    CHECK(!bento_parse_u64(BENTO_STR("+1"), 0, 9, &u));
    CHECK(!bento_parse_u64(BENTO_STR("1 "), 0, 9, &u));
    CHECK(!bento_parse_u64(BENTO_STR("10"), 0, 9, &u));
    CHECK(bento_parse_i64(BENTO_STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &i) &&
          i == INT64_MIN);
    CHECK(!bento_parse_i64(BENTO_STR("-9223372036854775809"), INT64_MIN, INT64_MAX, &i));
    CHECK(!bento_parse_i64(BENTO_STR("-"), INT64_MIN, INT64_MAX, &i));
}

TEST(slices)
{
    struct bento_str rest = BENTO_STR("a,,b");
    struct bento_str part;
    CHECK(bento_str_next(&rest, ',', &part) && bento_str_eq(part, BENTO_STR("a")));
    CHECK(bento_str_next(&rest, ',', &part) && part.n == 0);
    CHECK(bento_str_next(&rest, ',', &part) && bento_str_eq(part, BENTO_STR("b")));
    CHECK(!bento_str_next(&rest, ',', &part));
    CHECK(bento_str_ieq(BENTO_STR("Content-Type"), BENTO_STR("cONTENT-tYPE")));
    CHECK(bento_str_eq(bento_str_trim(BENTO_STR(" \tx y\t ")), BENTO_STR("x y")));
}

TEST(utf8)
{
    CHECK(bento_utf8_valid(BENTO_STR("a\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80")));
    CHECK(!bento_utf8_valid(BENTO_STR("\xff")));
    CHECK(!bento_utf8_valid(BENTO_STR("\xc0\x80")));
    CHECK(!bento_utf8_valid(BENTO_STR("\xed\xa0\x80")));
    CHECK(!bento_utf8_valid(BENTO_STR("\xf4\x90\x80\x80")));
    CHECK(!bento_utf8_valid(BENTO_STR("\xe6\x97")));
}

TEST(arena)
{
    struct bento_arena a;
    long live = bento_alloc_live();
    bento_arena_init(&a, 256, 4096);
    for (int i = 0; i < 20; i++)
        CHECK(bento_arena_alloc(&a, 100) != NULL);
    CHECK(bento_arena_alloc(&a, 1 << 20) == NULL);
    CHECK(bento_arena_alloc(&a, (size_t)-1) == NULL);
    CHECK_STR(bento_arena_dup(&a, BENTO_STR("copy")), "copy");
    bento_arena_clear(&a);
    CHECK(bento_arena_calloc(&a, 10, 10) != NULL);
    bento_arena_release(&a);
    CHECK_INT(bento_alloc_live(), live);
}

TEST(errors)
{
    struct bento_error err = BENTO_ERROR_INIT;
    CHECK_INT(bento_fail(&err, BENTO_ENOTFOUND, "no API '%s'", "x"), BENTO_ENOTFOUND);
    CHECK_STR(err.message, "no API 'x'");
    CHECK_INT(bento_hint(&err, "try %s", "y"), BENTO_ENOTFOUND);
    CHECK_STR(err.hint, "try y");
    CHECK_INT(bento_rc_http(BENTO_ETOOLARGE), 413);
    CHECK_STR(bento_rc_name(BENTO_EBUSY), "EBUSY");
    char big[1000];
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    memcpy(big + BENTO_ERROR_MESSAGE_SIZE - 2, "\xc3\xa9", 2);
    bento_fail(&err, BENTO_EINVAL, "%s", big);
    CHECK_INT(strlen(err.message), BENTO_ERROR_MESSAGE_SIZE - 2);
    CHECK(bento_utf8_valid(bento_str_of(err.message)));
    CHECK_INT(bento_fail(NULL, BENTO_EIO, "x"), BENTO_EIO);
}

int main(void)
{
    RUN(numbers);
    RUN(slices);
    RUN(utf8);
    RUN(arena);
    RUN(errors);
    return check_report();
}
