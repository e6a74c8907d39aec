/* Clocks; see clock.h. */
#include "os/clock.h"

#include <time.h>

int64_t bento_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t bento_unix_s(void)
{
    return (int64_t)time(NULL);
}
