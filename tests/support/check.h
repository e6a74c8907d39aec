/*
 * Check macros of the unit tests: never compiled out, print both values, do not stop at
 * the first failure.
 *
 *   TEST(name) { CHECK_INT(f(1), 2); }
 *   int main(void) { RUN(name); return check_report(); }
 */
#ifndef TESTS_SUPPORT_CHECK_H
#define TESTS_SUPPORT_CHECK_H

#include <stdio.h>
#include <string.h>

static int check_failed;
static int check_done;

#define TEST(name) static void test_##name(void)
#define RUN(name)                                                            \
    do {                                                                     \
        int before_ = check_failed;                                          \
        test_##name();                                                       \
        printf("%s %s\n", check_failed == before_ ? "ok  " : "FAIL", #name); \
    } while (0)

#define CHECK_FAIL_(...)                       \
    do {                                       \
        check_failed++;                        \
        printf("%s:%d: ", __FILE__, __LINE__); \
        printf(__VA_ARGS__);                   \
        printf("\n");                          \
    } while (0)

#define CHECK(cond)                             \
    do {                                        \
        check_done++;                           \
        if (!(cond))                            \
            CHECK_FAIL_("not true: %s", #cond); \
    } while (0)

#define CHECK_INT(got, want)                                           \
    do {                                                               \
        long long got_ = (long long)(got), want_ = (long long)(want);  \
        check_done++;                                                  \
        if (got_ != want_)                                             \
            CHECK_FAIL_("%s is %lld, wanted %lld", #got, got_, want_); \
    } while (0)

#define CHECK_STR(got, want)                                                         \
    do {                                                                             \
        const char *got_ = (got), *want_ = (want);                                   \
        check_done++;                                                                \
        if (!got_ || strcmp(got_, want_) != 0)                                       \
            CHECK_FAIL_("%s is \"%s\", wanted \"%s\"", #got, got_ ? got_ : "(null)", \
                        want_);                                                      \
    } while (0)

#define CHECK_MEM(got, n, want)                                                         \
    do {                                                                                \
        const char *got_ = (got), *want_ = (want);                                      \
        size_t n_ = (n);                                                                \
        check_done++;                                                                   \
        if (n_ != strlen(want_) || (n_ && memcmp(got_, want_, n_) != 0))                \
            CHECK_FAIL_("%s is \"%.*s\", wanted \"%s\"", #got, (int)n_, n_ ? got_ : "", \
                        want_);                                                         \
    } while (0)

static inline int check_report(void)
{
    printf("%d checks, %d failed\n", check_done, check_failed);
    return check_failed || !check_done ? 1 : 0;
}

#endif
