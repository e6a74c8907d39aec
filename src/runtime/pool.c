/* The worker pool; see pool.h. One struct process per slot; a slot's process is replaced,
 * the slot stays. */
#include "runtime/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "os/clock.h"
#include "runtime/link.h"

#define START_LIMIT_NS 120000000000ll /* to load the service */
#define YOUNG_NS                                                           \
    10000000000ll /* a worker that dies younger is restarted after a pause \
                   */
#define PAUSE_FIRST_NS 100000000ll
#define PAUSE_MAX_NS   10000000000ll
#define STOP_TERM_NS   2000000000ll /* from the stop to SIGTERM, for idle workers */
#define STOP_KILL_NS   5000000000ll /* and to SIGKILL */
#define CHECK_MS       50
#define HELLO_MAX      (1u << 20)
#define LINK_FDS       5

enum slot_state {
    SLOT_EMPTY,    /* no process; starts again at restart_ns */
    SLOT_STARTING, /* the process loads the service */
    SLOT_READY,
    SLOT_BUSY,
    SLOT_ENDING /* told to end, or killed; waiting for its exit */
};

struct slot {
    struct bento_pool *pool;
    enum slot_state state;
    uv_process_t process;
    uv_poll_t done_poll; /* completion eventfd */
    uv_poll_t ctl_poll;  /* control socket */
    int handles;         /* of the above that are open */
    bool exited;
    bool started_once;
    bool timed_out;
    bool broken; /* what it writes is not read any more */
    int ctl;
    int ring_fd;
    int wake;
    int done;
    struct bento_link_shared *shared;
    struct bento_ring jobs;
    struct bento_ring results;
    struct bento_buf hello;
    int64_t born_ns;
    int64_t restart_ns;
    int64_t pause_ns;
    int64_t deadline_ns; /* of the current job or of the start */
    int64_t ending_ns;   /* since when it was asked to end */
    /* current job */
    uint64_t job;
    struct bento_pool_done about;
    void **tickets; /* NULL: answered */
    uint32_t open;  /* tickets not finished */
};

struct bento_pool {
    uv_loop_t *loop;
    struct bento_pool_options options;
    char *python;
    char *bundle;
    struct bento_area *area;
    uv_timer_t check;
    struct slot *slots;
    uint32_t count;
    uint64_t next_job;
    uint64_t restarts;
    bool ever_ready;
    bool failed;
    bool stopping;
    bool check_open;
    bool reported; /* on_stopped was called */
    int64_t stop_ns;
    char **environment;
};

static void slot_start(struct slot *slot);
static void maybe_stopped(struct bento_pool *pool);

/* ---- links ---- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void link_release(struct slot *slot)
{
    if (slot->shared)
        (void)munmap(slot->shared, BENTO_LINK_SIZE);
    slot->shared = NULL;
    close_fd(&slot->ctl);
    close_fd(&slot->ring_fd);
    close_fd(&slot->wake);
    close_fd(&slot->done);
}

static bento_rc link_new(struct slot *slot, int *ret_peer, struct bento_error *err)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return bento_fail_os(err, BENTO_EIO, errno, "cannot make a socket for a worker");
    slot->ctl = pair[0];
    *ret_peer = pair[1];
    (void)fcntl(slot->ctl, F_SETFL, O_NONBLOCK);
    slot->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    slot->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    slot->ring_fd = memfd_create("bento-link", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (slot->wake < 0 || slot->done < 0 || slot->ring_fd < 0 ||
        ftruncate(slot->ring_fd, (off_t)BENTO_LINK_SIZE) != 0 ||
        fcntl(slot->ring_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return bento_fail_os(err, BENTO_EIO, errno, "cannot make the link to a worker");
    void *map =
        mmap(NULL, BENTO_LINK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, slot->ring_fd, 0);
    if (map == MAP_FAILED)
        return bento_fail_os(err, BENTO_EIO, errno, "cannot map the link to a worker");
    slot->shared = map;
    slot->shared->magic = BENTO_LINK_MAGIC;
    slot->shared->version = BENTO_WIRE_VERSION;
    slot->shared->jobs_size = BENTO_LINK_JOBS;
    slot->shared->results_size = BENTO_LINK_RESULTS;
    char *data = (char *)(slot->shared + 1);
    bento_ring_attach(&slot->jobs, &slot->shared->jobs, data, BENTO_LINK_JOBS);
    bento_ring_attach(&slot->results, &slot->shared->results, data + BENTO_LINK_JOBS,
                      BENTO_LINK_RESULTS);
    atomic_store(&slot->shared->results.consumer_sleeps,
                 1); /* the loop always waits on the eventfd */
    return BENTO_OK;
}

static void wake_worker(struct slot *slot)
{
    uint64_t one = 1;

    if (bento_ring_must_wake(&slot->jobs))
        (void)!write(slot->wake, &one, sizeof one);
}

/* ---- jobs ---- */

static void job_end(struct slot *slot, bool lost)
{
    struct bento_pool *pool = slot->pool;

    slot->about.lost = lost;
    slot->job = 0;
    slot->deadline_ns = 0;
    pool->options.callbacks->on_done(pool->options.arg, &slot->about);
}

/* Reports every open ticket of a worker that will not answer any more. */
static void job_lose(struct slot *slot)
{
    struct bento_pool *pool = slot->pool;

    if (!slot->job)
        return;
    bool taken = slot->shared && atomic_load(&slot->shared->taken_job) == slot->job;
    for (uint32_t i = 0; i < slot->about.count; i++) {
        void *ticket = slot->tickets[i];
        if (!ticket)
            continue;
        slot->tickets[i] = NULL;
        bool started = taken && atomic_load(&slot->shared->started[i]) != 0;
        pool->options.callbacks->on_lost(pool->options.arg, ticket, started,
                                         slot->timed_out && started);
    }
    slot->open = 0;
    job_end(slot, true);
}

static void
deliver(struct slot *slot, uint32_t index, const struct bento_pool_piece *piece)
{
    struct bento_pool *pool = slot->pool;
    void *ticket = slot->tickets[index];

    if (piece->last) {
        slot->tickets[index] = NULL;
        slot->open--;
    }
    pool->options.callbacks->on_result(pool->options.arg, ticket, piece);
}

static bento_rc
take_result(struct slot *slot, const char *frame, uint64_t n, struct bento_error *err)
{
    struct bento_wire_result result;
    struct bento_str headers;
    struct bento_str body;
    bento_rc rc = bento_wire_read_result(frame, n, &result, &headers, &body, err);

    if (rc != BENTO_OK)
        return rc;
    if (result.job != slot->job || result.index >= slot->about.count ||
        !slot->tickets[result.index])
        return bento_fail(err, BENTO_ECORRUPT,
                          "worker link: answer to a request that is not open");
    struct bento_pool_piece piece = { .status = result.status,
                                      .content = result.content,
                                      .flags = result.flags,
                                      .last = !(result.flags & BENTO_WIRE_MORE),
                                      .headers = headers,
                                      .body = body,
                                      .total = result.body_total };
    deliver(slot, result.index, &piece);
    return BENTO_OK;
}

/* The worker says that the job is over: what it did not answer is answered here. */
static bento_rc
take_done(struct slot *slot, const char *frame, uint64_t n, struct bento_error *err)
{
    struct bento_wire_done done;
    struct bento_str text =
        BENTO_STR("500: Internal Server Error: no answer was given\n");
    bento_rc rc = bento_wire_read_done(frame, n, &done, err);

    if (rc != BENTO_OK)
        return rc;
    if (!slot->job || done.job != slot->job)
        return bento_fail(err, BENTO_ECORRUPT,
                          "worker link: end of a job that is not running");
    for (uint32_t i = 0; i < slot->about.count && slot->open; i++) {
        struct bento_pool_piece piece = { .status = 500,
                                          .content = BENTO_WIRE_TYPE_TEXT,
                                          .flags = BENTO_WIRE_ERROR,
                                          .last = true,
                                          .body = text,
                                          .total = text.n };
        if (slot->tickets[i])
            deliver(slot, i, &piece);
    }
    slot->about.busy_ns = done.busy_ns;
    slot->about.user_ns = done.user_ns;
    slot->about.groups = done.groups;
    slot->about.reruns = done.reruns;
    if (slot->state == SLOT_BUSY)
        slot->state = SLOT_READY;
    job_end(slot, false);
    if (slot->state == SLOT_READY)
        slot->pool->options.callbacks->on_idle(slot->pool->options.arg);
    return BENTO_OK;
}

static void slot_kill(struct slot *slot)
{
    if (!slot->exited)
        (void)uv_process_kill(&slot->process, SIGKILL);
    slot->state = SLOT_ENDING;
    slot->broken = true;
}

/* Reads all frames that are there. */
static void drain_results(struct slot *slot)
{
    struct bento_error err = BENTO_ERROR_INIT;
    bento_rc rc = BENTO_OK;

    while (rc == BENTO_OK && slot->shared && !slot->broken) {
        const char *frame;
        struct bento_wire_header header;
        uint64_t n = 0;
        rc = bento_ring_peek(&slot->results, &frame, &n);
        if (rc != BENTO_OK) {
            (void)bento_fail(&err, rc, "worker link: the completion ring is broken");
            break;
        }
        if (!frame)
            break;
        rc = bento_wire_check(frame, n, &header, &err);
        if (rc == BENTO_OK && header.type == BENTO_WIRE_RESULT)
            rc = take_result(slot, frame, n, &err);
        else if (rc == BENTO_OK && header.type == BENTO_WIRE_JOB_DONE)
            rc = take_done(slot, frame, n, &err);
        else if (rc == BENTO_OK)
            rc = bento_fail(&err, BENTO_ECORRUPT, "worker link: unexpected frame type %u",
                            header.type);
        bento_ring_release(&slot->results, n);
    }
    if (rc != BENTO_OK) {
        BENTO_LOG(BENTO_LOG_ERROR, "pool",
                  BENTO_LOG_M("worker broke the protocol and is replaced"),
                  BENTO_LOG_Z("error", err.message));
        slot_kill(slot);
    }
}

static void on_done_event(uv_poll_t *poll, int status, int events)
{
    struct slot *slot = poll->data;
    uint64_t count;

    (void)status;
    (void)events;
    (void)!read(slot->done, &count, sizeof count);
    do {
        drain_results(slot);
        if (bento_ring_room_wanted(&slot->results)) {
            uint64_t one = 1;
            (void)!write(slot->wake, &one, sizeof one);
        }
    } while (!slot->broken && !bento_ring_sleep(&slot->results));
}

/* ---- start and end of processes ---- */

static void pool_fail(struct bento_pool *pool, const struct bento_error *err)
{
    if (pool->failed || pool->ever_ready)
        return;
    pool->failed = true;
    pool->options.callbacks->on_fail(pool->options.arg, err);
}

static void schedule_restart(struct slot *slot, int64_t now)
{
    bool young = now - slot->born_ns < YOUNG_NS;

    slot->restart_ns = now;
    if (young) {
        slot->restart_ns = now + slot->pause_ns;
        slot->pause_ns = slot->pause_ns ? slot->pause_ns * 2 : PAUSE_FIRST_NS;
        if (slot->pause_ns > PAUSE_MAX_NS)
            slot->pause_ns = PAUSE_MAX_NS;
    } else {
        slot->pause_ns = 0;
    }
}

static void on_slot_closed(uv_handle_t *handle)
{
    struct slot *slot = handle->data;

    if (--slot->handles > 0)
        return;
    link_release(slot);
    slot->state = SLOT_EMPTY;
    maybe_stopped(slot->pool);
}

static void slot_close(struct slot *slot)
{
    if (!uv_is_closing((uv_handle_t *)&slot->process))
        uv_close((uv_handle_t *)&slot->process, on_slot_closed);
    if (!uv_is_closing((uv_handle_t *)&slot->done_poll))
        uv_close((uv_handle_t *)&slot->done_poll, on_slot_closed);
    if (!uv_is_closing((uv_handle_t *)&slot->ctl_poll))
        uv_close((uv_handle_t *)&slot->ctl_poll, on_slot_closed);
}

static void report_start_failure(struct slot *slot, int64_t status, int signal_number)
{
    struct bento_error err = BENTO_ERROR_INIT;
    json_t *hello =
        slot->hello.n ? json_loadb(slot->hello.p, slot->hello.n, 0, NULL) : NULL;
    const char *said = json_string_value(json_object_get(hello, "error"));

    if (said)
        (void)bento_fail(&err, BENTO_EINVAL, "the service cannot be loaded: %s", said);
    else if (signal_number)
        (void)bento_fail(
            &err, BENTO_EUNAVAILABLE,
            "the worker process ended by signal %d while loading the service",
            signal_number);
    else
        (void)bento_fail(
            &err, BENTO_EUNAVAILABLE,
            "the worker process ended with status %lld before it had loaded the service",
            (long long)status);
    (void)bento_hint(&err, "what Python said about it stands above");
    json_decref(hello);
    pool_fail(slot->pool, &err);
}

static void on_process_exit(uv_process_t *process, int64_t status, int signal_number)
{
    struct slot *slot = process->data;
    struct bento_pool *pool = slot->pool;
    bool was_starting = slot->state == SLOT_STARTING;

    slot->exited = true;
    drain_results(slot); /* what it had answered before it ended */
    slot->state = SLOT_ENDING;
    if (!pool->stopping)
        BENTO_LOG(BENTO_LOG_WARN, "pool", BENTO_LOG_M("worker ended"),
                  BENTO_LOG_I("pid", process->pid), BENTO_LOG_I("status", status),
                  BENTO_LOG_I("signal", signal_number));
    job_lose(slot);
    if (was_starting && !pool->ever_ready && !pool->stopping)
        report_start_failure(slot, status, signal_number);
    if (!pool->stopping) {
        pool->restarts++;
        schedule_restart(slot, bento_now_ns());
    }
    slot_close(slot);
}

static bool hello_fits(struct slot *slot)
{
    struct bento_error err = BENTO_ERROR_INIT;
    json_t *hello = json_loadb(slot->hello.p, slot->hello.n, 0, NULL);
    json_int_t wire = json_integer_value(json_object_get(hello, "wire"));
    bool ok = hello && !json_object_get(hello, "error") && wire == BENTO_WIRE_VERSION;

    if (hello && !ok && !json_object_get(hello, "error")) {
        (void)bento_fail(
            &err, BENTO_EINVAL,
            "the interpreter's bentoml speaks link version %lld, this server %d",
            (long long)wire, BENTO_WIRE_VERSION);
        (void)bento_hint(
            &err,
            "install the same version of bentoml there, or choose another interpreter with --python");
        pool_fail(slot->pool, &err);
    }
    json_decref(hello);
    return ok;
}

static void on_ctl_event(uv_poll_t *poll, int status, int events)
{
    struct slot *slot = poll->data;
    struct bento_pool *pool = slot->pool;
    char *to = bento_buf_reserve(&slot->hello, 4096);
    ssize_t n = to ? read(slot->ctl, to, 4096) : 0;

    (void)status;
    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) { /* the exit callback tells the rest */
        (void)uv_poll_stop(poll);
        return;
    }
    bento_buf_commit(&slot->hello, (size_t)n);
    if (slot->state != SLOT_STARTING || slot->hello.p[slot->hello.n - 1] != '\n')
        return;
    if (!hello_fits(slot))
        return; /* an error line: the process ends by itself, see on_process_exit */
    slot->state = SLOT_READY;
    slot->deadline_ns = 0;
    pool->ever_ready = true;
    slot->hello.p[slot->hello.n - 1] = '\0';
    pool->options.callbacks->on_ready(pool->options.arg, slot->hello.p);
    pool->options.callbacks->on_idle(pool->options.arg);
}

/* Descriptors that a child gets, in this order, as its 3, 4, ... */
static void
child_fds(struct slot *slot, int peer, uv_stdio_container_t stdio[3 + LINK_FDS])
{
    int fds[LINK_FDS] = { peer, bento_area_fd(slot->pool->area), slot->ring_fd,
                          slot->wake, slot->done };

    stdio[0].flags = UV_IGNORE;
    stdio[1].flags = UV_INHERIT_FD;
    stdio[1].data.fd =
        STDERR_FILENO; /* what user code prints must not mix with results */
    stdio[2].flags = UV_INHERIT_FD;
    stdio[2].data.fd = STDERR_FILENO;
    for (int i = 0; i < LINK_FDS; i++) {
        stdio[3 + i].flags = UV_INHERIT_FD;
        stdio[3 + i].data.fd = fds[i];
    }
}

static bento_rc slot_spawn(struct slot *slot, int peer, struct bento_error *err)
{
    struct bento_pool *pool = slot->pool;
    uv_stdio_container_t stdio[3 + LINK_FDS] = { { .flags = UV_IGNORE } };
    char *argv[] = { pool->python, (char[]){ "-m" }, (char[]){ "bentoml._worker" },
                     pool->bundle, NULL };
    uv_process_options_t options = {
        .exit_cb = on_process_exit,
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
    if (rc != 0)
        return bento_fail(err, BENTO_EUNAVAILABLE, "cannot start '%s': %s", pool->python,
                          uv_strerror(rc));
    return BENTO_OK;
}

static void watch(struct slot *slot)
{
    struct bento_pool *pool = slot->pool;

    (void)uv_poll_init(pool->loop, &slot->done_poll, slot->done);
    slot->done_poll.data = slot;
    (void)uv_poll_start(&slot->done_poll, UV_READABLE, on_done_event);
    (void)uv_poll_init(pool->loop, &slot->ctl_poll, slot->ctl);
    slot->ctl_poll.data = slot;
    (void)uv_poll_start(&slot->ctl_poll, UV_READABLE, on_ctl_event);
    slot->handles = 3;
}

static void on_spawn_failed(uv_handle_t *handle)
{
    struct slot *slot = handle->data;

    link_release(slot);
    slot->handles = 0;
    slot->state = SLOT_EMPTY;
    maybe_stopped(slot->pool);
}

static void slot_start(struct slot *slot)
{
    struct bento_error err = BENTO_ERROR_INIT;
    int peer = -1;
    int64_t now = bento_now_ns();

    slot->born_ns = now;
    slot->exited = slot->timed_out = slot->broken = false;
    bento_buf_clear(&slot->hello);
    bento_rc rc = link_new(slot, &peer, &err);
    if (rc == BENTO_OK)
        rc = slot_spawn(slot, peer, &err);
    close_fd(&peer);
    if (rc == BENTO_OK) {
        watch(slot);
        slot->state = SLOT_STARTING;
        slot->deadline_ns = now + START_LIMIT_NS;
        return;
    }
    schedule_restart(slot, now);
    BENTO_LOG(BENTO_LOG_ERROR, "pool", BENTO_LOG_M("worker not started"),
              BENTO_LOG_Z("error", err.message));
    if (slot->process.data) { /* libuv wants a failed process handle closed as well */
        slot->handles = 1;
        slot->state = SLOT_ENDING;
        uv_close((uv_handle_t *)&slot->process, on_spawn_failed);
    } else {
        link_release(slot);
    }
    pool_fail(slot->pool, &err);
}

/* ---- supervision ---- */

static void check_stop(struct bento_pool *pool, struct slot *slot, int64_t now)
{
    (void)pool;
    if (slot->state == SLOT_EMPTY || slot->exited)
        return;
    int64_t since = now - slot->ending_ns;
    if (slot->state == SLOT_ENDING && since > STOP_KILL_NS)
        (void)uv_process_kill(&slot->process, SIGKILL);
    else if (slot->state == SLOT_ENDING && since > STOP_TERM_NS)
        (void)uv_process_kill(&slot->process, SIGTERM);
}

static void on_check(uv_timer_t *timer)
{
    struct bento_pool *pool = timer->data;
    int64_t now = bento_now_ns();

    for (uint32_t i = 0; i < pool->count; i++) {
        struct slot *slot = &pool->slots[i];
        if ((slot->state == SLOT_BUSY || slot->state == SLOT_STARTING) &&
            slot->deadline_ns && now >= slot->deadline_ns) {
            BENTO_LOG(BENTO_LOG_ERROR, "pool",
                      BENTO_LOG_M("worker over its time limit is replaced"),
                      BENTO_LOG_I("pid", slot->process.pid));
            slot->timed_out = true;
            if (slot->state == SLOT_BUSY)
                slot_kill(slot);
            else
                (void)uv_process_kill(&slot->process, SIGKILL);
            slot->deadline_ns = 0;
        }
        if (pool->stopping)
            check_stop(pool, slot, now);
        else if (slot->state == SLOT_EMPTY && slot->handles == 0 && !pool->failed &&
                 now >= slot->restart_ns)
            slot_start(slot);
    }
}

static void send_shutdown(struct slot *slot)
{
    struct bento_wire_header frame = { sizeof frame, BENTO_WIRE_MAGIC, BENTO_WIRE_VERSION,
                                       BENTO_WIRE_SHUTDOWN };
    char *to;

    if (bento_ring_reserve(&slot->jobs, sizeof frame, &to) != BENTO_OK || !to)
        return;
    memcpy(to, &frame, sizeof frame);
    bento_ring_commit(&slot->jobs, sizeof frame);
    wake_worker(slot);
}

void bento_pool_stop(struct bento_pool *pool)
{
    int64_t now = bento_now_ns();

    if (pool->stopping)
        return;
    pool->stopping = true;
    pool->stop_ns = now;
    for (uint32_t i = 0; i < pool->count; i++) {
        struct slot *slot = &pool->slots[i];
        if (slot->state == SLOT_EMPTY || slot->state == SLOT_ENDING)
            continue;
        if (slot->state == SLOT_STARTING)
            (void)uv_process_kill(&slot->process, SIGTERM);
        send_shutdown(slot);
        slot->state = SLOT_ENDING;
        slot->ending_ns = now;
    }
    maybe_stopped(pool);
}

static void on_check_closed(uv_handle_t *handle)
{
    struct bento_pool *pool = handle->data;

    pool->check_open = false;
    pool->options.callbacks->on_stopped(pool->options.arg);
}

static void maybe_stopped(struct bento_pool *pool)
{
    if (!pool->stopping || pool->reported)
        return;
    for (uint32_t i = 0; i < pool->count; i++)
        if (pool->slots[i].state != SLOT_EMPTY || pool->slots[i].handles)
            return;
    pool->reported = true;
    uv_close((uv_handle_t *)&pool->check, on_check_closed);
}

/* ---- the pool ---- */

static char *format_z(const char *name, const char *value)
{
    struct bento_buf text;

    bento_buf_init(&text, 1u << 16);
    bento_buf_addf(&text, "%s=%s", name, value);
    return bento_buf_z(&text) ? text.p : NULL; /* the caller owns the memory */
}

/* Our environment plus the link and, unless the user set them, thread caps per worker. */
static bento_rc make_environment(struct bento_pool *pool)
{
    static const char *const caps[] = { "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                                        "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS" };
    char link[64];
    char threads[24];
    size_t n = 0;
    size_t at = 0;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    long each = cores > (long)pool->count ? cores / (long)pool->count : 1;

    (void)snprintf(link, sizeof link, "%d:3:4:5:6:7", BENTO_WIRE_VERSION);
    (void)snprintf(threads, sizeof threads, "%ld", each);
    while (environ[n])
        n++;
    pool->environment = bento_calloc(n + 8, sizeof *pool->environment);
    if (!pool->environment)
        return BENTO_ENOMEM;
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "BENTO_LINK=", 11) != 0)
            pool->environment[at++] = bento_strdup(environ[i]);
    pool->environment[at++] = format_z("BENTO_LINK", link);
    if (!pool->options.batch_rerun)
        pool->environment[at++] = format_z("BENTO_BATCH_RERUN", "0");
    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++)
        if (!getenv(caps[i]))
            pool->environment[at++] = format_z(caps[i], threads);
    for (size_t i = 0; i < at; i++)
        if (!pool->environment[i])
            return BENTO_ENOMEM;
    return BENTO_OK;
}

bento_rc bento_pool_start(uv_loop_t *loop,
                          const struct bento_pool_options *options,
                          struct bento_pool **ret,
                          struct bento_error *err)
{
    struct bento_pool *pool = bento_calloc(1, sizeof *pool);

    if (!pool)
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    pool->loop = loop;
    pool->options = *options;
    pool->count = options->workers < 1     ? 1
                  : options->workers > 256 ? 256
                                           : options->workers;
    pool->next_job = 1;
    pool->python = bento_strdup(options->python);
    pool->bundle = bento_strdup(options->bundle);
    pool->slots = bento_calloc(pool->count, sizeof *pool->slots);
    bento_rc rc = bento_area_new(options->area_size, &pool->area, err);
    for (uint32_t i = 0; pool->slots && i < pool->count; i++) {
        struct slot *slot = &pool->slots[i];
        slot->pool = pool;
        slot->ctl = slot->ring_fd = slot->wake = slot->done = -1;
        bento_buf_init(&slot->hello, HELLO_MAX);
        slot->tickets = bento_calloc(BENTO_WIRE_ENTRIES_MAX, sizeof *slot->tickets);
        if (!slot->tickets)
            rc = bento_fail(err, BENTO_ENOMEM, "out of memory");
    }
    if (rc == BENTO_OK && (!pool->python || !pool->bundle || !pool->slots ||
                           make_environment(pool) != BENTO_OK))
        rc = bento_fail(err, BENTO_ENOMEM, "out of memory");
    if (rc != BENTO_OK) {
        bento_pool_free(pool);
        return rc;
    }
    (void)uv_timer_init(loop, &pool->check);
    pool->check.data = pool;
    pool->check_open = true;
    /* The first check starts the workers, so that no callback runs inside this call. */
    (void)uv_timer_start(&pool->check, on_check, 0, CHECK_MS);
    *ret = pool;
    return BENTO_OK;
}

void bento_pool_free(struct bento_pool *pool)
{
    if (!pool)
        return;
    for (uint32_t i = 0; pool->slots && i < pool->count; i++) {
        bento_buf_release(&pool->slots[i].hello);
        bento_free(pool->slots[i].tickets);
    }
    for (size_t i = 0; pool->environment && pool->environment[i]; i++)
        bento_free(pool->environment[i]);
    bento_free(pool->environment);
    bento_area_unref(pool->area);
    bento_free(pool->slots);
    bento_free(pool->python);
    bento_free(pool->bundle);
    bento_free(pool);
}

struct bento_area *bento_pool_area(struct bento_pool *pool)
{
    return pool->area;
}

static uint32_t
count_state(const struct bento_pool *pool, enum slot_state a, enum slot_state b)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < pool->count; i++)
        n += pool->slots[i].state == a || pool->slots[i].state == b;
    return n;
}

uint32_t bento_pool_workers(const struct bento_pool *pool)
{
    return count_state(pool, SLOT_READY, SLOT_BUSY);
}

uint32_t bento_pool_idle(const struct bento_pool *pool)
{
    return count_state(pool, SLOT_READY, SLOT_READY);
}

void bento_pool_stats(const struct bento_pool *pool, struct bento_pool_stats *ret)
{
    *ret = (struct bento_pool_stats){ bento_pool_workers(pool), pool->restarts };
}

static struct slot *idle_slot(struct bento_pool *pool)
{
    for (uint32_t i = 0; i < pool->count; i++)
        if (pool->slots[i].state == SLOT_READY)
            return &pool->slots[i];
    return NULL;
}

bento_rc bento_pool_submit(struct bento_pool *pool,
                           const struct bento_pool_job *job,
                           struct bento_error *err)
{
    struct slot *slot = idle_slot(pool);
    size_t size = sizeof(struct bento_wire_job) + job->count * sizeof *job->entries;
    char *to;

    if (!slot || job->count == 0 || job->count > BENTO_WIRE_ENTRIES_MAX)
        return bento_fail(err, BENTO_EBUSY, "no worker is idle");
    if (bento_ring_reserve(&slot->jobs, size, &to) != BENTO_OK || !to)
        return bento_fail(err, BENTO_EBUSY, "the worker's ring has no room");
    struct bento_wire_job frame = {
        .header = { (uint32_t)size, BENTO_WIRE_MAGIC, BENTO_WIRE_VERSION,
                    BENTO_WIRE_JOB },
        .job = pool->next_job++,
        .api = job->api,
        .count = job->count,
        .body_max = job->body_max,
    };
    memcpy(to, &frame, sizeof frame);
    memcpy(to + sizeof frame, job->entries, job->count * sizeof *job->entries);
    memcpy(slot->tickets, job->tickets, job->count * sizeof *job->tickets);
    for (uint32_t i = 0; i < job->count; i++)
        atomic_store_explicit(&slot->shared->started[i], 0, memory_order_relaxed);
    int64_t now = bento_now_ns();
    slot->job = frame.job;
    slot->open = job->count;
    slot->about = (struct bento_pool_done){ .api = job->api,
                                            .count = job->count,
                                            .submitted_ns = now };
    slot->deadline_ns = pool->options.timeout_ns ? now + pool->options.timeout_ns : 0;
    slot->state = SLOT_BUSY;
    bento_ring_commit(&slot->jobs, size);
    wake_worker(slot);
    return BENTO_OK;
}
