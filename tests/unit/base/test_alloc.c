/* base/alloc: sizes that overflow, the count of live blocks, the failing mode. */
#include "base/alloc.h"

#include <stdint.h>
#include <string.h>

#include "support/check.h"

TEST(every_form_is_counted)
{
    long live = bento_alloc_live();
    void *all[6];

    all[0] = bento_alloc(10);
    all[1] = bento_alloc(0);
    all[2] = bento_calloc(3, 5);
    all[3] = bento_realloc(NULL, 2, 8);
    all[4] = bento_strdup("text");
    all[5] = bento_strndup("text", 2);
    CHECK_INT(bento_alloc_live(), live + 6);
    all[0] = bento_realloc(all[0], 1000, 10);
    all[1] = bento_realloc(all[1], 0, 10);
    CHECK_INT(bento_alloc_live(), live + 6);
    for (size_t i = 0; i < 6; i++) {
        CHECK(all[i] != NULL);
        bento_free(all[i]);
    }
    bento_free(NULL);
    CHECK_INT(bento_alloc_live(), live);
}

TEST(contents)
{
    static const char zeros[64];
    char *p = bento_calloc(8, 8);
    char *cut = bento_strndup("abcdef", 3);
    char *none = bento_strndup(NULL, 0); /* an empty slice has no address */

    CHECK(p && memcmp(p, zeros, sizeof zeros) == 0);
    if (p)
        memcpy(p, "kept", 5);
    p = bento_realloc(p, 1 << 12, 16);
    CHECK_STR(p, "kept");
    CHECK_STR(cut, "abc");
    CHECK_STR(none, "");
    bento_free(p);
    bento_free(cut);
    bento_free(none);
}

/* The compiler must not see that these sizes are impossible. */
static size_t hidden(size_t value)
{
    volatile size_t copy = value;

    return copy;
}

TEST(sizes_that_overflow)
{
    long live = bento_alloc_live();
    size_t got = 7;
    char *kept = bento_strdup("kept");

    CHECK(bento_calloc(hidden(SIZE_MAX / 2), 3) == NULL);
    CHECK(bento_realloc(kept, hidden(SIZE_MAX / 2), 3) == NULL);
    CHECK_STR(kept, "kept");
    CHECK(bento_strndup("x", hidden(SIZE_MAX)) == NULL);
    CHECK_INT(bento_alloc_live(), live + 1);
    bento_free(kept);
    CHECK(bento_mul_ok(SIZE_MAX, 1, &got) && got == SIZE_MAX);
    CHECK(!bento_mul_ok(SIZE_MAX / 2 + 1, 2, &got));
    CHECK(bento_add_ok(SIZE_MAX, 0, &got) && got == SIZE_MAX);
    CHECK(!bento_add_ok(SIZE_MAX, 1, &got));
}

TEST(failing_mode)
{
    void *two[2];
    char *kept;

    bento_alloc_fail_after(2);
    two[0] = bento_alloc(1);
    two[1] = bento_calloc(1, 1);
    CHECK(two[0] && two[1]);
    CHECK(bento_alloc(1) == NULL);
    CHECK(bento_calloc(1, 1) == NULL); /* and all later ones */
    CHECK(bento_realloc(NULL, 1, 1) == NULL);
    CHECK(bento_strdup("x") == NULL);
    kept = bento_realloc(two[0], 100, 100);
    CHECK(kept == NULL);
    bento_free(two[0]); /* it is still the caller's */
    bento_free(two[1]);
    bento_alloc_fail_after(0);
    CHECK(bento_alloc(1) == NULL);
    bento_alloc_fail_after(-1);
    kept = bento_alloc(1);
    CHECK(kept != NULL);
    bento_free(kept);
}

int main(void)
{
    long live = bento_alloc_live();

    RUN(every_form_is_counted);
    RUN(contents);
    RUN(sizes_that_overflow);
    RUN(failing_mode);
    CHECK_INT(bento_alloc_live(), live);
    return check_report();
}
