/* loop/alarm: rings once per setting, not before its time, never inside set or after
 * close. */
#include "loop/alarm.h"

#include <stdbool.h>
#include <sys/resource.h>

#include "os/clock.h"
#include "support/check.h"

#define MS ((int64_t)1000000)

struct bell {
    uv_loop_t loop;
    struct bento_alarm alarm;
    int rings;
    int64_t at;  /* time of the last ring */
    int again;   /* set it so many times more inside the callback */
    int64_t due; /* the last setting made there */
    bool close;  /* close it inside the callback */
    int early;   /* rings before their time */
};

static void on_ring(void *arg)
{
    struct bell *b = arg;

    b->rings++;
    b->at = bento_now_ns();
    b->early += b->at < b->due;
    if (b->close)
        bento_alarm_close(&b->alarm);
    if (b->again-- > 0) {
        int before = b->rings;
        b->due = b->at + MS;
        bento_alarm_set(&b->alarm, b->due);
        CHECK_INT(b->rings, before);
    }
}

static void begin(struct bell *b)
{
    *b = (struct bell){ .rings = 0 };
    CHECK_INT(uv_loop_init(&b->loop), 0);
    CHECK_INT(bento_alarm_init(&b->alarm, &b->loop, on_ring, b, NULL), BENTO_OK);
}

static void end(struct bell *b)
{
    bento_alarm_close(&b->alarm);
    bento_alarm_close(&b->alarm);
    CHECK_INT(uv_run(&b->loop, UV_RUN_DEFAULT), 0);
    CHECK_INT(uv_loop_close(&b->loop), 0);
}

/* Runs the loop until the clock says so. */
static void run_until(struct bell *b, int64_t until)
{
    while (bento_now_ns() < until)
        (void)uv_run(&b->loop, UV_RUN_NOWAIT);
}

TEST(rings_once_and_not_before)
{
    struct bell b;

    begin(&b);
    b.due = bento_now_ns() + 3 * MS;
    bento_alarm_set(&b.alarm, b.due);
    CHECK_INT(b.rings, 0);
    (void)uv_run(&b.loop, UV_RUN_ONCE); /* sleeps until then */
    CHECK_INT(b.rings, 1);
    CHECK(b.at >= b.due);
    CHECK_INT(b.alarm.due_ns, 0);
    run_until(&b, bento_now_ns() + 5 * MS);
    CHECK_INT(b.rings, 1);
    end(&b);
}

TEST(past_and_absurd_times_ring_at_once)
{
    static const int64_t times[] = { 1, 0, -1, INT64_MIN, 1000000000 };
    struct bell b;

    begin(&b);
    for (int i = 0; i < 5; i++) {
        bento_alarm_set(&b.alarm, times[i]);
        CHECK_INT(b.rings, i);
        (void)uv_run(&b.loop, UV_RUN_ONCE);
        CHECK_INT(b.rings, i + 1);
    }
    end(&b);
}

TEST(the_earlier_time_wins)
{
    struct bell b;
    int64_t now;

    begin(&b);
    now = bento_now_ns();
    bento_alarm_set(&b.alarm, now + 3600000 * MS);
    bento_alarm_set(&b.alarm, now + 2 * MS);
    CHECK_INT(b.alarm.due_ns, now + 2 * MS);
    bento_alarm_set(&b.alarm, now + 3600000 * MS);
    CHECK_INT(b.alarm.due_ns, now + 2 * MS);
    b.due = now + 2 * MS;
    (void)uv_run(&b.loop, UV_RUN_ONCE);
    CHECK_INT(b.rings, 1);
    CHECK_INT(b.early, 0);
    bento_alarm_set(&b.alarm, bento_now_ns() + 3600000 * MS); /* the later one may now */
    run_until(&b, bento_now_ns() + 3 * MS);
    CHECK_INT(b.rings, 1);
    end(&b);
}

TEST(set_inside_its_callback)
{
    struct bell b;

    begin(&b);
    b.again = 5;
    bento_alarm_set(&b.alarm, 1);
    for (int i = 0; i < 100 && b.rings < 6; i++)
        (void)uv_run(&b.loop, UV_RUN_ONCE);
    CHECK_INT(b.rings, 6);
    CHECK_INT(b.early, 0);
    end(&b);
}

/* The loop sees the expired timer, but it is set anew before the callback runs. */
static void on_first(uv_prepare_t *prepare)
{
    struct bell *b = prepare->data;

    b->alarm.due_ns = 0;
    b->due = bento_now_ns() + 4 * MS;
    bento_alarm_set(&b->alarm, b->due);
    (void)uv_prepare_stop(prepare);
}

TEST(set_anew_between_expiry_and_callback)
{
    struct bell b;
    uv_prepare_t prepare;

    begin(&b);
    prepare.data = &b;
    CHECK_INT(uv_prepare_init(&b.loop, &prepare), 0);
    CHECK_INT(uv_prepare_start(&prepare, on_first), 0);
    bento_alarm_set(&b.alarm, 1);
    (void)uv_run(&b.loop, UV_RUN_ONCE);
    CHECK_INT(b.rings, 1);
    CHECK_INT(b.early, 0);
    uv_close((uv_handle_t *)&prepare, NULL);
    end(&b);
}

TEST(closed_alarms_are_silent)
{
    struct bell b;

    begin(&b);
    bento_alarm_set(&b.alarm, 1);
    bento_alarm_close(&b.alarm);
    bento_alarm_set(&b.alarm, 1);
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
    CHECK_INT(b.rings, 0);
    end(&b);
    begin(&b);
    b.close = true;
    b.again = 1; /* setting a closed one does nothing */
    bento_alarm_set(&b.alarm, 1);
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
    CHECK_INT(b.rings, 1);
    end(&b);
}

TEST(no_descriptor_left)
{
    struct rlimit kept;
    struct rlimit few;
    struct bento_error err = BENTO_ERROR_INIT;
    struct bento_alarm alarm;
    uv_loop_t loop;

    CHECK_INT(uv_loop_init(&loop), 0);
    CHECK(getrlimit(RLIMIT_NOFILE, &kept) == 0);
    few = kept;
    few.rlim_cur = 0;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    CHECK_INT(bento_alarm_init(&alarm, &loop, on_ring, NULL, &err), BENTO_EIO);
    CHECK(setrlimit(RLIMIT_NOFILE, &kept) == 0);
    CHECK_INT(err.code, BENTO_EIO);
    bento_alarm_set(&alarm, 1);
    bento_alarm_close(&alarm);
    CHECK_INT(uv_run(&loop, UV_RUN_DEFAULT), 0);
    CHECK_INT(uv_loop_close(&loop), 0);
}

int main(void)
{
    RUN(rings_once_and_not_before);
    RUN(past_and_absurd_times_ring_at_once);
    RUN(the_earlier_time_wins);
    RUN(set_inside_its_callback);
    RUN(set_anew_between_expiry_and_callback);
    RUN(closed_alarms_are_silent);
    RUN(no_descriptor_left);
    return check_report();
}
