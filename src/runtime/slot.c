/*
 * The life of one worker process; see slot.h.
 *
 * What was written to the completion ring before a process died is complete and is read
 * at its exit, also when it was killed for being late. Only after a broken protocol is
 * the rest ignored.
 */
#include "runtime/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "os/clock.h"
#include "os/process.h"
#include "os/shm.h"

#define SECOND_NS   1000000000ll
#define START_NS    (120 * SECOND_NS) /* to load the service, by default */
#define YOUNG_NS    (10 * SECOND_NS)  /* dead before: restarted after a pause */
#define PAUSE_FIRST (SECOND_NS / 10)
#define PAUSE_MAX   (10 * SECOND_NS)
#define LEAVE_NS    SECOND_NS /* for a worker that is ending by itself */
#define REKILL_NS   SECOND_NS /* SIGKILL again, should the first one have missed */
#define HELLO_MAX   (1u << 20)
#define TURNS_MAX   4  /* reads of a completion ring before other events get their turn */
#define JOBS_MAX    64 /* and jobs that end in one of these */
#define LAST_TURNS  16 /* reads that empty a ring to which nobody writes any more */
#define LINK_FDS    5

bento_rc slot_init(struct slot *slot, struct bento_pool *pool, struct bento_error *err)
{
    slot->pool = pool;
    slot->ctl = slot->ring_fd = slot->wake = slot->done = -1;
    bento_buf_init(&slot->hello, HELLO_MAX);
    return bento_desk_init(&slot->desk, pool->options.callbacks, pool->options.arg, err);
}

void slot_release(struct slot *slot)
{
    bento_buf_release(&slot->hello);
    bento_desk_release(&slot->desk);
}

/* ---- links ---- */

static void link_release(struct slot *slot)
{
    bento_shm_unmap(slot->desk.shared, BENTO_LINK_SIZE);
    bento_desk_close(&slot->desk);
    bento_fd_close(&slot->ctl);
    bento_fd_close(&slot->ring_fd);
    bento_fd_close(&slot->wake);
    bento_fd_close(&slot->done);
}

static bento_rc link_new(struct slot *slot, int *ret_peer, struct bento_error *err)
{
    int pair[2];
    void *map;
    bento_rc rc = bento_socket_pair(pair, err);

    if (rc != BENTO_OK)
        return rc;
    slot->ctl = pair[0];
    *ret_peer = pair[1];
    (void)fcntl(slot->ctl, F_SETFL, O_NONBLOCK);
    rc = bento_event_new(&slot->wake, err);
    if (rc == BENTO_OK)
        rc = bento_event_new(&slot->done, err);
    if (rc == BENTO_OK)
        rc = bento_shm_new("bento-link", BENTO_LINK_SIZE, &slot->ring_fd, err);
    if (rc == BENTO_OK)
        rc = bento_shm_map(slot->ring_fd, BENTO_LINK_SIZE, true, &map, err);
    if (rc == BENTO_OK)
        bento_desk_open(&slot->desk, map, slot->wake);
    return rc;
}

/* ---- the end ---- */

void slot_end(struct slot *slot, int64_t term_ns, int64_t kill_ns)
{
    bento_desk_shutdown(&slot->desk);
    slot->state = SLOT_ENDING;
    slot->deadline_ns = 0;
    slot->term_ns = term_ns;
    slot->kill_ns = kill_ns;
}

void slot_kill(struct slot *slot)
{
    slot->state = SLOT_ENDING;
    slot->deadline_ns = 0;
    slot->term_ns = INT64_MAX;
    slot->kill_ns = bento_now_ns() + REKILL_NS;
    if (!slot->exited)
        bento_process_kill_group(slot->process.pid);
}

void slot_break(struct slot *slot, const struct bento_error *err)
{
    if (slot->broken)
        return;
    BENTO_LOG(BENTO_LOG_ERROR, "pool",
              BENTO_LOG_M("worker broke the protocol and is replaced"),
              BENTO_LOG_I("pid", slot->process.pid), BENTO_LOG_Z("error", err->message));
    slot->broken = true;
    slot->pool->stats.corrupt++;
    slot_kill(slot);
}

static void restart_schedule(struct slot *slot, int64_t now)
{
    slot->restart_ns = now;
    if (now - slot->born_ns >= YOUNG_NS) {
        slot->pause_ns = 0;
        return;
    }
    slot->restart_ns = now + slot->pause_ns;
    slot->pause_ns = slot->pause_ns ? slot->pause_ns * 2 : PAUSE_FIRST;
    if (slot->pause_ns > PAUSE_MAX)
        slot->pause_ns = PAUSE_MAX;
}

static void on_closed(uv_handle_t *handle)
{
    struct slot *slot = handle->data;

    if (--slot->handles > 0)
        return;
    link_release(slot);
    slot->state = SLOT_EMPTY;
    pool_slot_empty(slot->pool);
}

static void slot_close(struct slot *slot)
{
    uv_close((uv_handle_t *)&slot->process, on_closed);
    if (slot->done_open)
        uv_close((uv_handle_t *)&slot->done_poll, on_closed);
    if (slot->ctl_open)
        uv_close((uv_handle_t *)&slot->ctl_poll, on_closed);
    slot->done_open = slot->ctl_open = false;
}

/* ---- completions ---- */

/* Returns whether something may be left to read. */
static bool results_read(struct slot *slot)
{
    struct bento_error err = BENTO_ERROR_INIT;
    enum bento_desk_state state;
    struct bento_pool *pool = slot->pool;

    for (int jobs = 0; jobs < JOBS_MAX && !slot->broken; jobs++) {
        if (bento_desk_read(&slot->desk, bento_now_ns(), &state, &err) != BENTO_OK) {
            slot_break(slot, &err);
            return false;
        }
        if (state != BENTO_DESK_DONE)
            return state == BENTO_DESK_MORE;
        if (!slot->desk.job)
            slot->deadline_ns = 0;
        if (slot_idle(slot))
            pool->options.callbacks->on_idle(pool->options.arg);
    }
    return !slot->broken;
}

static void on_done_event(uv_poll_t *poll, int status, int events)
{
    struct slot *slot = poll->data;

    (void)status;
    (void)events;
    bento_event_clear(slot->done);
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        bool more = results_read(slot);
        if (slot->broken || (!more && bento_ring_sleep(&slot->desk.results)))
            return;
        if (more)
            break;
    }
    bento_event_signal(slot->done); /* go on after the other events of the loop */
}

/* ---- greeting ---- */

static void fail_start(struct slot *slot, const struct bento_error *err)
{
    struct bento_pool *pool = slot->pool;

    if (pool->ever_ready && !pool->stopping)
        BENTO_LOG(BENTO_LOG_ERROR, "pool", BENTO_LOG_M("worker not ready"),
                  BENTO_LOG_I("pid", slot->process.pid),
                  BENTO_LOG_Z("error", err->message));
    if (!pool->stopping)
        pool_fail(pool, err);
}

/* A worker that ended, or was killed, without having said anything useful. */
static void
fail_silent(struct slot *slot, int64_t status, int signal_number, struct bento_error *err)
{
    if (slot->timed_out)
        (void)bento_fail(err, BENTO_ETIMEOUT,
                         "the service was not loaded within its time limit");
    else if (signal_number)
        (void)bento_fail(
            err, BENTO_EUNAVAILABLE,
            "the worker process ended by signal %d while loading the service",
            signal_number);
    else
        (void)bento_fail(
            err, BENTO_EUNAVAILABLE,
            "the worker process ended with status %lld before it had loaded the service",
            (long long)status);
    (void)bento_hint(err, "what Python said about it stands above");
}

static bento_rc
check_versions(const struct slot *slot, json_t *hello, struct bento_error *err)
{
    const char *ours = slot->pool->version;
    const char *theirs = json_string_value(json_object_get(hello, "version"));
    json_int_t wire = json_integer_value(json_object_get(hello, "wire"));

    if (wire != BENTO_WIRE_VERSION)
        (void)bento_fail(
            err, BENTO_EINVAL,
            "the interpreter's bentoml speaks link version %lld, this server %d",
            (long long)wire, BENTO_WIRE_VERSION);
    else if (ours && (!theirs || strcmp(ours, theirs) != 0))
        (void)bento_fail(err, BENTO_EINVAL,
                         "the interpreter's bentoml is version %s, this server %s",
                         theirs ? theirs : "unknown", ours);
    else
        return BENTO_OK;
    return bento_hint(
        err,
        "install the same version of bentoml there, or choose another interpreter with --python");
}

/* Whether the greeting is one; else what is wrong with it. */
static bento_rc
check_hello(const struct slot *slot, struct bento_str line, struct bento_error *err)
{
    json_t *hello = json_loadb(line.p, line.n, 0, NULL);
    json_t *error = json_object_get(hello, "error");
    bento_rc rc;

    if (!json_is_object(hello)) {
        rc = bento_fail(err, BENTO_ECORRUPT,
                        "the worker process did not greet the server properly");
    } else if (error) {
        const char *text = json_string_value(error);
        (void)bento_fail(err, BENTO_EINVAL, "the service cannot be loaded: %s",
                         text ? text : "no reason was given");
        rc = bento_hint(err, "what Python said about it stands above");
    } else {
        rc = check_versions(slot, hello, err);
    }
    json_decref(hello);
    return rc;
}

static void greeted(struct slot *slot, size_t line_size)
{
    struct bento_error err = BENTO_ERROR_INIT;
    struct bento_pool *pool = slot->pool;
    int64_t now = bento_now_ns();

    if (check_hello(slot, bento_str_from(slot->hello.p, line_size), &err) != BENTO_OK) {
        slot->failed = true;
        slot_end(slot, now + LEAVE_NS, now + 3 * LEAVE_NS);
        fail_start(slot, &err);
        return;
    }
    if (pool->ever_ready && !pool->stopping)
        BENTO_LOG(BENTO_LOG_INFO, "pool", BENTO_LOG_M("worker ready"),
                  BENTO_LOG_I("pid", slot->process.pid),
                  BENTO_LOG_I("load_ms", (now - slot->born_ns) / 1000000),
                  BENTO_LOG_I("failed_starts", slot->failed_starts));
    slot->greeted = true;
    slot->failed_starts = 0;
    slot->state = SLOT_LIVE;
    slot->deadline_ns = 0;
    pool->ever_ready = true;
    slot->hello.p[line_size] = '\0';
    pool->options.callbacks->on_ready(pool->options.arg, slot->hello.p);
    if (slot_idle(slot))
        pool->options.callbacks->on_idle(pool->options.arg);
}

/* The control socket: one line, then silence until the end. */
static void on_ctl_event(uv_poll_t *poll, int status, int events)
{
    struct slot *slot = poll->data;
    struct bento_error err = BENTO_ERROR_INIT;
    char *to = bento_buf_reserve(&slot->hello, 4096);
    ssize_t n = to ? read(slot->ctl, to, 4096) : 0;
    int64_t now = bento_now_ns();

    (void)status;
    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0 && slot->state == SLOT_LIVE) {
        (void)results_read(slot); /* the ring is sound as far as we know */
        (void)bento_fail(&err, BENTO_ECORRUPT, "worker link: a second greeting");
        slot_break(slot, &err);
    }
    if (n <= 0 || slot->state != SLOT_STARTING) {
        /* Its end of the link is closed: it ends by itself now, or is made to. */
        (void)uv_poll_stop(poll);
        if (slot->state != SLOT_ENDING)
            slot_end(slot, now + LEAVE_NS, now + 3 * LEAVE_NS);
        return;
    }
    bento_buf_commit(&slot->hello, (size_t)n);
    const char *end = memchr(slot->hello.p, '\n', slot->hello.n);
    if (end)
        greeted(slot, (size_t)(end - slot->hello.p));
}

/* ---- exit ---- */

/* A greeting that lies there while the process has ended already. */
static void last_words(struct slot *slot)
{
    size_t before;

    do {
        before = slot->hello.n;
        on_ctl_event(&slot->ctl_poll, 0, 0);
    } while (slot->state == SLOT_STARTING && slot->hello.n > before);
}

static void on_exit_event(uv_process_t *process, int64_t status, int signal_number)
{
    struct bento_error err = BENTO_ERROR_INIT;
    struct slot *slot = process->data;
    struct bento_pool *pool = slot->pool;

    slot->exited = true;
    bento_process_kill_rest(
        process->pid); /* what user code started must not outlive it */
    if (slot->ctl_open && slot->state == SLOT_STARTING)
        last_words(slot);
    bool silent = !slot->failed && !slot->greeted;
    slot->failed_starts += !slot->greeted;
    slot->state = SLOT_ENDING;
    /* What it had answered before it ended. */
    for (int turn = 0; turn < LAST_TURNS && results_read(slot); turn++)
        ;
    if (!pool->stopping)
        BENTO_LOG(BENTO_LOG_WARN, "pool", BENTO_LOG_M("worker ended"),
                  BENTO_LOG_I("pid", process->pid), BENTO_LOG_I("status", status),
                  BENTO_LOG_I("signal", signal_number));
    bento_desk_lose(&slot->desk, slot->timed_out);
    if (silent) {
        fail_silent(slot, status, signal_number, &err);
        fail_start(slot, &err);
    }
    if (!pool->stopping) {
        pool->stats.restarts++;
        restart_schedule(slot, bento_now_ns());
    }
    slot_close(slot);
}

/* ---- start ---- */

/* Descriptors that a child gets, in this order, as its 3, 4, ... */
static void
child_fds(struct slot *slot, int peer, uv_stdio_container_t stdio[3 + LINK_FDS])
{
    int fds[LINK_FDS] = { peer, bento_area_fd(slot->pool->area), slot->ring_fd,
                          slot->wake, slot->done };

    stdio[0].flags = UV_IGNORE;
    for (int i = 1; i < 3; i++) { /* what user code prints must not mix with results */
        stdio[i].flags = UV_INHERIT_FD;
        stdio[i].data.fd = STDERR_FILENO;
    }
    for (int i = 0; i < LINK_FDS; i++) {
        stdio[3 + i].flags = UV_INHERIT_FD;
        stdio[3 + i].data.fd = fds[i];
    }
}

static bento_rc process_spawn(struct slot *slot, int peer, struct bento_error *err)
{
    struct bento_pool *pool = slot->pool;
    uv_stdio_container_t stdio[3 + LINK_FDS] = { { .flags = UV_IGNORE } };
    char *argv[] = { pool->python, (char[]){ "-m" }, (char[]){ "bentoml._worker" },
                     pool->bundle, NULL };
    uv_process_options_t options = {
        .exit_cb = on_exit_event,
        .file = pool->python,
        .args = argv,
        .env = pool->environment,
        .flags =
            UV_PROCESS_DETACHED, /* a group of its own: Ctrl-C reaches the server only */
        .stdio_count = 3 + LINK_FDS,
        .stdio = stdio,
    };

    child_fds(slot, peer, stdio);
    slot->process.data = slot;
    int rc = uv_spawn(pool->loop, &slot->process, &options);
    slot->handles = 1; /* libuv wants the handle closed even if the call failed */
    if (rc != 0)
        return bento_fail(err, BENTO_EUNAVAILABLE, "cannot start '%s': %s", pool->python,
                          uv_strerror(rc));
    return BENTO_OK;
}

static bool poll_open(struct slot *slot, uv_poll_t *poll, int fd, uv_poll_cb callback)
{
    if (uv_poll_init(slot->pool->loop, poll, fd) != 0)
        return false;
    poll->data = slot;
    slot->handles++;
    return uv_poll_start(poll, UV_READABLE, callback) == 0;
}

static void start_failed(struct slot *slot, const struct bento_error *err, int64_t now)
{
    restart_schedule(slot, now);
    BENTO_LOG(BENTO_LOG_ERROR, "pool", BENTO_LOG_M("worker not started"),
              BENTO_LOG_Z("error", err->message));
    if (slot->handles) {
        slot->state = SLOT_ENDING;
        slot->exited = true;
        slot_close(slot);
    } else {
        link_release(slot);
    }
    pool_fail(slot->pool, err);
}

void slot_start(struct slot *slot)
{
    struct bento_error err = BENTO_ERROR_INIT;
    int64_t limit = slot->pool->options.start_timeout_ns;
    int64_t now = bento_now_ns();
    int peer = -1;

    slot->born_ns = now;
    slot->exited = slot->greeted = slot->failed = slot->timed_out = slot->broken = false;
    bento_buf_clear(&slot->hello);
    bento_rc rc = link_new(slot, &peer, &err);
    if (rc == BENTO_OK)
        rc = process_spawn(slot, peer, &err);
    bento_fd_close(&peer);
    if (rc != BENTO_OK) {
        start_failed(slot, &err, now);
        return;
    }
    slot->state = SLOT_STARTING;
    slot->deadline_ns = now + (limit > 0 ? limit : START_NS);
    int before = slot->handles;
    bool watched = poll_open(slot, &slot->done_poll, slot->done, on_done_event);
    slot->done_open = slot->handles > before;
    before = slot->handles;
    watched = watched && poll_open(slot, &slot->ctl_poll, slot->ctl, on_ctl_event);
    slot->ctl_open = slot->handles > before;
    if (!watched)
        slot_kill(slot);
}

/* ---- time limits ---- */

void slot_check(struct slot *slot, int64_t now_ns)
{
    if (slot->exited || slot->state == SLOT_EMPTY)
        return;
    if (slot->deadline_ns && now_ns >= slot->deadline_ns && slot->state != SLOT_ENDING) {
        if (slot->state == SLOT_LIVE)
            (void)results_read(slot); /* the answer may lie there unannounced */
        if (slot->state == SLOT_ENDING || !slot->deadline_ns ||
            now_ns < slot->deadline_ns)
            return;
        BENTO_LOG(BENTO_LOG_ERROR, "pool",
                  BENTO_LOG_M("worker over its time limit is replaced"),
                  BENTO_LOG_I("pid", slot->process.pid));
        slot->timed_out = true;
        slot->pool->stats.timeouts++;
        slot_kill(slot);
    }
    if (slot->state != SLOT_ENDING)
        return;
    if (now_ns >= slot->kill_ns) {
        slot_kill(slot);
    } else if (now_ns >= slot->term_ns) {
        slot->term_ns = INT64_MAX;
        (void)uv_process_kill(&slot->process, SIGTERM);
    }
}
