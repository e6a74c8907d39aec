/* base/str: slices, strict decimal numbers, UTF-8 against a decoder of the plain kind. */
#include "base/str.h"

#include "support/check.h"

TEST(comparing)
{
    CHECK(bento_str_ieq(BENTO_STR("Content-Type"), BENTO_STR("cONTENT-tYPE")));
    CHECK(!bento_str_ieq(BENTO_STR("a"), BENTO_STR("ab")));
    CHECK(!bento_str_ieq(BENTO_STR("@["), BENTO_STR("`{"))); /* beside the letters */
    CHECK(!bento_str_ieq(BENTO_STR("\xc3\x84"), BENTO_STR("\xc3\xa4")));
    CHECK(bento_str_eq(bento_str_from(NULL, 0), BENTO_STR("")));
    CHECK(!bento_str_eq(bento_str_from("a\0b", 3), bento_str_from("a\0c", 3)));
    CHECK(bento_str_starts(BENTO_STR("text/csv"), BENTO_STR("text/")));
    CHECK(bento_str_starts(bento_str_from(NULL, 0), bento_str_from(NULL, 0)));
    CHECK(!bento_str_starts(BENTO_STR("tex"), BENTO_STR("text")));
    CHECK_INT(bento_str_of(NULL).n, 0);
}

TEST(parts)
{
    struct bento_str rest = BENTO_STR("a,,b");
    struct bento_str part;

    CHECK(bento_str_next(&rest, ',', &part) && bento_str_eq(part, BENTO_STR("a")));
    CHECK(bento_str_next(&rest, ',', &part) && part.n == 0);
    CHECK(bento_str_next(&rest, ',', &part) && bento_str_eq(part, BENTO_STR("b")));
    CHECK(!bento_str_next(&rest, ',', &part));
    rest = BENTO_STR("a,"); /* something empty is left behind the separator */
    CHECK(bento_str_next(&rest, ',', &part) && part.n == 1);
    CHECK(bento_str_next(&rest, ',', &part) && part.n == 0);
    CHECK(!bento_str_next(&rest, ',', &part));
    rest = BENTO_STR("");
    CHECK(bento_str_next(&rest, ',', &part) && part.n == 0);
    CHECK(!bento_str_next(&rest, ',', &part));
    CHECK(bento_str_eq(bento_str_trim(BENTO_STR(" \tx y\t ")), BENTO_STR("x y")));
    CHECK_INT(bento_str_trim(BENTO_STR(" \t ")).n, 0);
    CHECK_INT(bento_str_trim(bento_str_from(NULL, 0)).n, 0);
    CHECK(bento_str_eq(bento_str_trim(BENTO_STR("\n")), BENTO_STR("\n")));
}

TEST(unsigned_numbers)
{
    static const char *const bad[] = { "",   "+1",  "-1",       " 1",
                                       "1 ", "1_0", "0x1",      "1.",
                                       "10", "2",   "\xd9\xa3", "18446744073709551621" };
    uint64_t u = 7;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        check_done++;
        if (bento_parse_u64(bento_str_of(bad[i]), 3, 9, &u) || u != 7)
            CHECK_FAIL_("'%s' gives %llu", bad[i], (unsigned long long)u);
    }
    CHECK(bento_parse_u64(BENTO_STR("0003"), 3, 9, &u) && u == 3);
    CHECK(bento_parse_u64(BENTO_STR("18446744073709551615"), 0, UINT64_MAX, &u) &&
          u == UINT64_MAX);
    CHECK(!bento_parse_u64(BENTO_STR("18446744073709551616"), 0, UINT64_MAX, &u));
    CHECK(!bento_parse_u64(BENTO_STR("184467440737095516150"), 0, UINT64_MAX, &u));
    CHECK(!bento_parse_u64(bento_str_from("1\0", 2), 0, UINT64_MAX, &u));
    CHECK(u == UINT64_MAX);
}

TEST(signed_numbers)
{
    int64_t i = 7;

    CHECK(bento_parse_i64(BENTO_STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &i) &&
          i == INT64_MIN);
    CHECK(bento_parse_i64(BENTO_STR("9223372036854775807"), INT64_MIN, INT64_MAX, &i) &&
          i == INT64_MAX);
    CHECK(!bento_parse_i64(BENTO_STR("-9223372036854775809"), INT64_MIN, INT64_MAX, &i));
    CHECK(!bento_parse_i64(BENTO_STR("9223372036854775808"), INT64_MIN, INT64_MAX, &i));
    CHECK(!bento_parse_i64(BENTO_STR("-"), INT64_MIN, INT64_MAX, &i));
    CHECK(!bento_parse_i64(BENTO_STR("--1"), INT64_MIN, INT64_MAX, &i));
    CHECK(!bento_parse_i64(BENTO_STR("-6"), -5, 5, &i));
    CHECK(i == INT64_MAX);
    CHECK(bento_parse_i64(BENTO_STR("-0"), -5, 5, &i) && i == 0);
}

/* Length of the code point at p by decoding it and asking how long it has to be. */
static size_t plain_decode(const unsigned char *p, size_t n)
{
    size_t need = p[0] < 0x80             ? 1
                  : (p[0] & 0xE0) == 0xC0 ? 2
                  : (p[0] & 0xF0) == 0xE0 ? 3
                                          : 4;
    unsigned code = need == 1   ? p[0]
                    : need == 2 ? p[0] & 31u
                    : need == 3 ? p[0] & 15u
                                : p[0] & 7u;

    if ((p[0] & 0xC0) == 0x80 || p[0] >= 0xF8 || need > n)
        return 0;
    for (size_t i = 1; i < need; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 63u);
    }
    size_t shortest = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    bool allowed = code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
    return allowed && shortest == need ? need : 0;
}

static bool plain_valid(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t step = plain_decode(p + i, n - i);
        if (!step)
            return false;
        i += step;
    }
    return true;
}

TEST(utf8)
{
    /* All lead bytes with all second bytes and the ends of the ranges behind them. */
    static const unsigned char tails[] = { 0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF };
    unsigned char s[5] = "";
    long wrong = 0;

    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++)
            for (size_t c = 0; c < sizeof tails * sizeof tails; c++)
                for (size_t n = 0; n <= 4; n++) {
                    s[0] = (unsigned char)a;
                    s[1] = (unsigned char)b;
                    s[2] = tails[c % sizeof tails];
                    s[3] = tails[c / sizeof tails];
                    wrong += bento_utf8_valid(bento_str_from((char *)s, n)) !=
                             plain_valid(s, n);
                }
    CHECK_INT(wrong, 0);
    CHECK(bento_utf8_valid(BENTO_STR("a\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80")));
    CHECK(!bento_utf8_valid(BENTO_STR("ab\xc0\x80")));
    CHECK(!bento_utf8_valid(BENTO_STR("\xed\xa0\x80")));
    CHECK(!bento_utf8_valid(BENTO_STR("\xf4\x90\x80\x80")));
    CHECK(!bento_utf8_valid(BENTO_STR("\xe6\x97")));
}

int main(void)
{
    RUN(comparing);
    RUN(parts);
    RUN(unsigned_numbers);
    RUN(signed_numbers);
    RUN(utf8);
    return check_report();
}
