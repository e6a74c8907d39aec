/* The nanosecond alarm; see alarm.h. */
#include "loop/alarm.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

static void alarm_ready(uv_poll_t *poll, int status, int events)
{
    struct bento_alarm *alarm = poll->data;
    uint64_t times;

    (void)status;
    (void)events;
    if (read(alarm->fd, &times, sizeof times) != (ssize_t)sizeof times)
        return; /* set again meanwhile: it has not expired */
    alarm->due_ns = 0;
    alarm->ring(alarm->arg);
}

bento_rc bento_alarm_init(struct bento_alarm *alarm,
                          uv_loop_t *loop,
                          void (*ring)(void *arg),
                          void *arg,
                          struct bento_error *err)
{
    *alarm = (struct bento_alarm){ .fd = -1, .ring = ring, .arg = arg };
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0)
        return bento_fail_os(err, BENTO_EIO, errno, "cannot create a timer");
    int rc = uv_poll_init(loop, &alarm->poll, fd);
    if (rc == 0) {
        alarm->poll.data = alarm;
        rc = uv_poll_start(&alarm->poll, UV_READABLE, alarm_ready);
    }
    if (rc != 0) {
        (void)close(fd);
        return bento_fail(err, BENTO_EIO, "cannot watch a timer: %s", uv_strerror(rc));
    }
    alarm->fd = fd;
    return BENTO_OK;
}

void bento_alarm_set(struct bento_alarm *alarm, int64_t due_ns)
{
    if (alarm->fd < 0 || (alarm->due_ns && alarm->due_ns <= due_ns))
        return;
    if (due_ns < 1)
        due_ns = 1;
    struct itimerspec spec = {
        .it_value = { .tv_sec = due_ns / 1000000000, .tv_nsec = due_ns % 1000000000 },
    };
    if (timerfd_settime(alarm->fd, TFD_TIMER_ABSTIME, &spec, NULL) == 0)
        alarm->due_ns = due_ns;
}

void bento_alarm_close(struct bento_alarm *alarm)
{
    if (alarm->fd < 0)
        return;
    (void)uv_poll_stop(&alarm->poll);
    (void)close(alarm->fd);
    alarm->fd = -1;
    uv_close((uv_handle_t *)&alarm->poll, NULL);
}
