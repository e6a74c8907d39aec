/* The only place that asks the operating system what time it is (the logger aside, which
 * stamps its own lines). */
#ifndef BENTO_OS_CLOCK_H
#define BENTO_OS_CLOCK_H

#include <stdint.h>

/* Monotonic nanoseconds; never goes back. */
int64_t bento_now_ns(void);
/* Wall clock: seconds since 1970, UTC. */
int64_t bento_unix_s(void);

#endif
