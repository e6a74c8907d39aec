/*
 * One alarm with nanosecond resolution on a libuv loop (libuv's own timers count
 * milliseconds, a batch window is often shorter). Built on timerfd with absolute
 * monotonic time, so that a late loop never shifts it.
 *
 * Invariants:
 *  1. The callback runs on the loop, once per setting, never inside bento_alarm_set.
 *  2. Setting an alarm that is already set for the same or an earlier time costs no
 * system call: it rings at the earlier time and the owner looks again.
 *  3. bento_alarm_close is asynchronous as libuv's close; the memory may go when the loop
 * has run its closing phase.
 */
#ifndef BENTO_LOOP_ALARM_H
#define BENTO_LOOP_ALARM_H

#include <stdint.h>
#include <uv.h>

#include "base/fail.h"

struct bento_alarm {
    uv_poll_t poll;
    int fd;         /* timerfd, -1 when closed */
    int64_t due_ns; /* 0: not set */
    void (*ring)(void *arg);
    void *arg;
};

bento_rc bento_alarm_init(struct bento_alarm *alarm,
                          uv_loop_t *loop,
                          void (*ring)(void *arg),
                          void *arg,
                          struct bento_error *err);
void bento_alarm_set(struct bento_alarm *alarm, int64_t due_ns);
void bento_alarm_close(struct bento_alarm *alarm);

#endif
