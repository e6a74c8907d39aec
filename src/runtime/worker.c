/*
 * The worker's end of the link; see bento/worker.h and runtime/link.h.
 *
 * The job frame is copied out of the ring when it is taken: nothing of it is read twice
 * from shared memory. Request blocks stay in the request area, which is mapped read-only
 * here and freed by the server only after the job is done.
 */
#include "bento/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/clock.h"
#include "os/process.h"
#include "os/shm.h"
#include "runtime/link.h"

#define SPIN_NS     400000 /* look this long before sleeping, where that pays */
#define SPIN_MAX_US 100000
#define GAP_MAX(w)  (4 * (w)->spin_ns) /* longer gaps count as so long */
#define FRAME_MAX                    \
    (sizeof(struct bento_wire_job) + \
     BENTO_WIRE_ENTRIES_MAX * sizeof(struct bento_wire_entry))
#define PIECE_MAX    (256u << 10)
#define ROOM_WAIT_MS 100

_Static_assert((int)BENTO_WORKER_CSV == (int)BENTO_WIRE_CSV &&
                   (int)BENTO_WORKER_RETRY == (int)BENTO_WIRE_RETRY &&
                   (int)BENTO_WORKER_GZIP == (int)BENTO_WIRE_GZIP,
               "public and wire flags are the same");

struct bento_worker {
    int ctl;
    int area_fd;
    int ring_fd;
    int wake;
    int done;
    const char *area;
    uint64_t area_size;
    struct bento_link_shared *shared;
    struct bento_ring jobs;
    struct bento_ring results;
    struct bento_wire_job job;
    char *frame;                            /* copy of the job frame, FRAME_MAX bytes */
    const struct bento_wire_entry *entries; /* inside */
    unsigned char answered[BENTO_WIRE_ENTRIES_MAX];
    int64_t spin_ns; /* how long to look at most */
    int64_t gap_ns;  /* how long jobs let us wait, on average */
    bool in_job;
};

static bento_rc
map_fd(int fd, bool writable, uint64_t *ret_size, void **ret, struct bento_error *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
        return bento_fail(err, BENTO_EIO, "worker link: descriptor %d is no memory file",
                          fd);
    bento_rc rc = bento_shm_map(fd, (uint64_t)st.st_size, writable, ret, err);
    if (rc == BENTO_OK)
        *ret_size = (uint64_t)st.st_size;
    return rc;
}

static bento_rc
read_fds(struct bento_worker *w, const char *text, struct bento_error *err)
{
    int *to[] = { NULL, &w->ctl, &w->area_fd, &w->ring_fd, &w->wake, &w->done };
    struct bento_str rest = bento_str_of(text);
    struct bento_str part;
    size_t i = 0;

    for (; i < sizeof to / sizeof to[0] && bento_str_next(&rest, ':', &part); i++) {
        uint64_t value;
        if (!bento_parse_u64(part, 0, 1 << 20, &value))
            break;
        if (to[i])
            *to[i] = (int)value;
        else if (value != BENTO_WIRE_VERSION)
            return bento_fail(err, BENTO_EINVAL, "worker link: version %llu, ours is %d",
                              (unsigned long long)value, BENTO_WIRE_VERSION);
    }
    if (i != sizeof to / sizeof to[0] || rest.p)
        return bento_fail(err, BENTO_EINVAL,
                          "worker link: '%s' is not version:ctl:area:ring:wake:done",
                          text);
    return BENTO_OK;
}

static bento_rc map_link(struct bento_worker *w, struct bento_error *err)
{
    uint64_t size = 0;
    void *map;
    bento_rc rc = map_fd(w->area_fd, false, &w->area_size, &map, err);

    if (rc != BENTO_OK)
        return rc;
    w->area = map;
    rc = map_fd(w->ring_fd, true, &size, &map, err);
    if (rc != BENTO_OK)
        return rc;
    if (size != BENTO_LINK_SIZE) {
        bento_shm_unmap(map, size);
        return bento_fail(err, BENTO_EINVAL,
                          "worker link: server and worker are of different builds");
    }
    w->shared = map;
    if (w->shared->magic != BENTO_LINK_MAGIC ||
        w->shared->version != BENTO_WIRE_VERSION ||
        w->shared->jobs_size != BENTO_LINK_JOBS ||
        w->shared->results_size != BENTO_LINK_RESULTS)
        return bento_fail(err, BENTO_EINVAL,
                          "worker link: server and worker are of different builds");
    char *data = (char *)(w->shared + 1);
    bento_ring_attach(&w->jobs, &w->shared->jobs, data, BENTO_LINK_JOBS);
    bento_ring_attach(&w->results, &w->shared->results, data + BENTO_LINK_JOBS,
                      BENTO_LINK_RESULTS);
    return BENTO_OK;
}

/* How long to look for the next job before sleeping: nothing on a single processor,
 * where it would only keep the server from running. */
static int64_t spin_time(void)
{
    uint64_t us;
    const char *text = getenv("BENTO_SPIN_US");

    if (text && bento_parse_u64(bento_str_of(text), 0, SPIN_MAX_US, &us))
        return (int64_t)us * 1000;
    return bento_cpu_count() > 1 ? SPIN_NS : 0;
}

/* What user code starts must not hold the link open. */
static void fds_keep(const struct bento_worker *w)
{
    const int fds[] = { w->ctl, w->area_fd, w->ring_fd, w->wake, w->done };

    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        (void)fcntl(fds[i], F_SETFD, FD_CLOEXEC);
}

bento_rc bento_worker_open(const char *link_text,
                           struct bento_worker **ret,
                           struct bento_error *err)
{
    struct bento_worker *w = bento_calloc(1, sizeof *w);

    if (!w)
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    w->spin_ns = spin_time();
    w->gap_ns = GAP_MAX(w);
    w->frame = bento_alloc(FRAME_MAX);
    bento_rc rc = w->frame ? read_fds(w, link_text ? link_text : "", err)
                           : bento_fail(err, BENTO_ENOMEM, "out of memory");
    if (rc == BENTO_OK)
        rc = map_link(w, err);
    if (rc != BENTO_OK) {
        bento_worker_close(w);
        return rc;
    }
    fds_keep(w);
    /* Ends an orphan that is inside user code; one that waits sees its socket close. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    *ret = w;
    return BENTO_OK;
}

void bento_worker_close(struct bento_worker *w)
{
    if (!w)
        return;
    bento_shm_unmap(w->shared, BENTO_LINK_SIZE);
    bento_shm_unmap((void *)(uintptr_t)w->area, w->area_size);
    bento_free(w->frame);
    bento_free(w);
}

bento_rc
bento_worker_hello(struct bento_worker *w, const char *json, struct bento_error *err)
{
    struct bento_buf line;
    size_t sent = 0;

    if (strchr(json, '\n'))
        return bento_fail(err, BENTO_EINVAL, "worker link: a greeting is one line");
    bento_buf_init(&line, 16u << 20);
    bento_buf_adds(&line, json);
    bento_buf_addc(&line, '\n');
    if (line.rc != BENTO_OK) {
        bento_rc rc = line.rc;
        bento_buf_release(&line);
        return bento_fail(err, rc, "worker link: no room for a greeting");
    }
    while (sent < line.n) {
        ssize_t n = send(w->ctl, line.p + sent, line.n - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    bool all = sent == line.n;
    bento_buf_release(&line);
    return all ? BENTO_OK
               : bento_fail_os(err, BENTO_EIO, errno,
                               "worker link: cannot greet the server");
}

/* Takes the next frame if there is one. BENTO_ETIMEOUT: none. */
static bento_rc
take(struct bento_worker *w, struct bento_worker_job *ret, struct bento_error *err)
{
    const char *frame;
    struct bento_wire_header header;
    uint64_t n = 0;
    bento_rc rc = bento_ring_peek(&w->jobs, &frame, &n);

    if (rc != BENTO_OK)
        return bento_fail(err, rc, "worker link: the job ring is broken");
    if (!frame)
        return BENTO_ETIMEOUT;
    rc = bento_wire_check(frame, n, &header, err);
    if (rc != BENTO_OK)
        return rc;
    if (header.type == BENTO_WIRE_SHUTDOWN)
        return BENTO_ECANCELED;
    if (n > FRAME_MAX)
        return bento_fail(err, BENTO_ECORRUPT, "worker link: job frame of %llu bytes",
                          (unsigned long long)n);
    memcpy(w->frame, frame, (size_t)n);
    rc =
        bento_wire_read_job(w->frame, (size_t)n, w->area_size, &w->job, &w->entries, err);
    if (rc != BENTO_OK)
        return rc;
    memset(w->answered, 0, w->job.count);
    atomic_store_explicit(&w->shared->taken_job, w->job.job, memory_order_release);
    bento_ring_release(&w->jobs, n);
    w->in_job = true;
    *ret = (struct bento_worker_job){ w->job.job, w->job.api, w->job.count,
                                      w->job.body_max };
    return BENTO_OK;
}

/* Sleeps until the server wakes us. BENTO_ECANCELED: it is gone. */
static bento_rc sleep_on(struct bento_worker *w, int timeout_ms)
{
    struct pollfd fds[2] = { { .fd = w->wake, .events = POLLIN },
                             { .fd = w->ctl, .events = POLLIN | POLLRDHUP } };
    int n = poll(fds, 2, timeout_ms);

    if (n <= 0)
        return BENTO_ETIMEOUT;
    if (fds[0].revents & POLLIN)
        bento_event_clear(w->wake);
    if (fds[1].revents)
        return BENTO_ECANCELED;
    return BENTO_OK;
}

static void processor_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

/* A lone client's next request comes after some tens of microseconds: looking for it then
 * saves the sleep, the wake-up and cold caches, a tenth of a short request. Where batches
 * are awaited longer, the processor is better left to the server. */
static bool spin_pays(const struct bento_worker *w)
{
    return w->gap_ns < w->spin_ns / 4 * 3;
}

static void learn_gap(struct bento_worker *w, int64_t gap)
{
    int64_t most = GAP_MAX(w);

    w->gap_ns += ((gap < most ? gap : most) - w->gap_ns) / 8;
}

bento_rc bento_worker_wait(struct bento_worker *w,
                           int timeout_ms,
                           struct bento_worker_job *ret,
                           struct bento_error *err)
{
    int64_t start = bento_now_ns();
    int64_t spin_until = spin_pays(w) ? start + w->spin_ns : start;

    for (;;) {
        bento_rc rc = take(w, ret, err);
        int64_t now = bento_now_ns();
        if (rc == BENTO_OK)
            learn_gap(w, now - start);
        if (rc != BENTO_ETIMEOUT)
            return rc;
        if (now < spin_until) {
            processor_relax();
            continue;
        }
        int left = timeout_ms;
        if (timeout_ms >= 0) {
            int64_t spent = (now - start) / 1000000;
            if (spent > timeout_ms)
                return BENTO_ETIMEOUT;
            left = timeout_ms - (int)spent;
        }
        if (!bento_ring_sleep(&w->jobs)) {
            bento_ring_awake(&w->jobs);
            continue;
        }
        rc = sleep_on(w, left);
        bento_ring_awake(&w->jobs);
        if (rc != BENTO_OK)
            return rc;
    }
}

bento_rc
bento_worker_request(struct bento_worker *w, uint32_t i, struct bento_worker_request *ret)
{
    if (!w->in_job || i >= w->job.count)
        return BENTO_EINVAL;
    const struct bento_wire_entry *entry = &w->entries[i];
    *ret = (struct bento_worker_request){
        .body = w->area + entry->block + bento_wire_align(entry->meta_size),
        .body_size = (size_t)entry->body_size,
        .meta = w->area + entry->block,
        .meta_size = (size_t)entry->meta_size,
        .task_id = entry->task_id,
        .flags = entry->flags,
    };
    return BENTO_OK;
}

bento_rc bento_worker_line(const struct bento_worker_request *request,
                           const char **ret_method,
                           size_t *ret_method_size,
                           const char **ret_target,
                           size_t *ret_target_size,
                           uint32_t *ret_headers)
{
    struct bento_str method;
    struct bento_str target;
    bento_rc rc = bento_wire_meta_read(request->meta, request->meta_size, &method,
                                       &target, ret_headers, NULL);

    if (rc != BENTO_OK)
        return rc;
    *ret_method = method.p;
    *ret_method_size = method.n;
    *ret_target = target.p;
    *ret_target_size = target.n;
    return BENTO_OK;
}

bool bento_worker_header(const struct bento_worker_request *request,
                         uint32_t index,
                         const char **ret_name,
                         size_t *ret_name_size,
                         const char **ret_value,
                         size_t *ret_value_size)
{
    struct bento_wire_pair pair;

    if (!bento_wire_meta_header(request->meta, request->meta_size, index, &pair))
        return false;
    *ret_name = pair.name.p;
    *ret_name_size = pair.name.n;
    *ret_value = pair.value.p;
    *ret_value_size = pair.value.n;
    return true;
}

void bento_worker_started(struct bento_worker *w, uint32_t i)
{
    if (w->in_job && i < w->job.count)
        atomic_store_explicit(&w->shared->started[i], 1, memory_order_release);
}

static void wake_server(struct bento_worker *w)
{
    if (bento_ring_must_wake(&w->results))
        bento_event_signal(w->done);
}

/* Room for a frame, waiting for the server to read. */
static bento_rc
room(struct bento_worker *w, uint64_t n, char **ret, struct bento_error *err)
{
    for (;;) {
        bento_rc rc = bento_ring_reserve(&w->results, n, ret);
        if (rc != BENTO_OK)
            return bento_fail(err, rc, "worker link: the completion ring is broken");
        if (*ret)
            return BENTO_OK;
        wake_server(w);
        bento_ring_want_room(&w->results, true);
        rc = bento_ring_reserve(&w->results, n, ret);
        if (rc == BENTO_OK && *ret) {
            bento_ring_want_room(&w->results, false);
            return BENTO_OK;
        }
        if (sleep_on(w, ROOM_WAIT_MS) == BENTO_ECANCELED)
            return bento_fail(err, BENTO_ECANCELED, "worker link: the server is gone");
    }
}

bento_rc bento_worker_reply(struct bento_worker *w,
                            uint32_t i,
                            const struct bento_worker_answer *answer,
                            struct bento_error *err)
{
    size_t sent = 0;

    if (!w->in_job || i >= w->job.count)
        return bento_fail(err, BENTO_EINVAL, "worker link: no request %u in this job", i);
    if (w->answered[i])
        return bento_fail(err, BENTO_EINVAL,
                          "worker link: request %u was answered already", i);
    if (answer->status < 100 || answer->status > 599 ||
        answer->content > BENTO_WIRE_TYPE_HEADERS)
        return bento_fail(err, BENTO_EINVAL, "worker link: answer with status %u",
                          answer->status);
    if (answer->headers_size > PIECE_MAX)
        return bento_fail(err, BENTO_ETOOLARGE, "response headers of %zu bytes",
                          answer->headers_size);
    w->answered[i] = 1;
    do {
        size_t headers = sent == 0 ? answer->headers_size : 0;
        size_t left = answer->body_size - sent;
        size_t piece = left > PIECE_MAX ? PIECE_MAX : left;
        struct bento_wire_result result = {
            .header = { .magic = BENTO_WIRE_MAGIC,
                        .version = BENTO_WIRE_VERSION,
                        .type = BENTO_WIRE_RESULT },
            .job = w->job.job,
            .index = i,
            .status = answer->status,
            .content = answer->content,
            .flags = (uint8_t)((piece < left ? BENTO_WIRE_MORE : 0) |
                               (answer->error ? BENTO_WIRE_ERROR : 0) |
                               (answer->rerun ? BENTO_WIRE_RERUN : 0)),
            .headers_size = (uint32_t)headers,
            .body_size = (uint32_t)piece,
            .body_total = answer->body_size,
        };
        size_t size = sizeof result + headers + piece;
        char *to;
        result.header.size = (uint32_t)size;
        bento_rc rc = room(w, size, &to, err);
        if (rc != BENTO_OK)
            return rc;
        memcpy(to, &result, sizeof result);
        if (headers)
            memcpy(to + sizeof result, answer->headers, headers);
        if (piece)
            memcpy(to + sizeof result + headers, answer->body + sent, piece);
        bento_ring_commit(&w->results, size);
        sent += piece;
    } while (sent < answer->body_size);
    return BENTO_OK;
}

void bento_worker_flush(struct bento_worker *w)
{
    wake_server(w);
}

bento_rc bento_worker_done(struct bento_worker *w,
                           uint64_t busy_ns,
                           uint64_t user_ns,
                           uint32_t groups,
                           uint32_t reruns,
                           struct bento_error *err)
{
    struct bento_wire_done done = {
        .header = { .size = sizeof done,
                    .magic = BENTO_WIRE_MAGIC,
                    .version = BENTO_WIRE_VERSION,
                    .type = BENTO_WIRE_JOB_DONE },
        .job = w->job.job,
        .busy_ns = busy_ns,
        .user_ns = user_ns,
        .groups = groups,
        .reruns = reruns,
    };
    char *to;

    if (!w->in_job)
        return bento_fail(err, BENTO_EINVAL, "worker link: no job to end");
    w->in_job = false;
    bento_rc rc = room(w, sizeof done, &to, err);
    if (rc != BENTO_OK)
        return rc;
    memcpy(to, &done, sizeof done);
    bento_ring_commit(&w->results, sizeof done);
    wake_server(w);
    return BENTO_OK;
}
