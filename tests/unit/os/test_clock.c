/* os/clock: the two clocks are the ones they say. */
#include "os/clock.h"

#include <time.h>

#include "support/check.h"

static int64_t monotonic(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

TEST(monotonic_nanoseconds)
{
    int64_t last = monotonic();
    int64_t start = last;
    int backwards = 0;

    for (int i = 0; i < 100000; i++) {
        int64_t now = bento_now_ns();
        backwards += now < last;
        last = now;
    }
    CHECK_INT(backwards, 0);
    CHECK(last > start);
    CHECK(last <= monotonic());
}

TEST(wall_clock)
{
    int64_t before = time(NULL);
    int64_t now = bento_unix_s();

    CHECK(now >= before && now <= (int64_t)time(NULL));
}

int main(void)
{
    RUN(monotonic_nanoseconds);
    RUN(wall_clock);
    return check_report();
}
