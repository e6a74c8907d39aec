/* The server's end of a link; see desk.h. */
#include "runtime/desk.h"

#include "base/alloc.h"
#include "os/shm.h"

#define TURN_BYTES  ((uint64_t)16 << 20) /* read at most this much, */
#define TURN_FRAMES 10000u               /* and so many frames, in one go */
#define ROOM_BYTES                                                      \
    ((uint64_t)1 << 20) /* wake a worker that waits for room after this \
                         */

bento_rc bento_desk_init(struct bento_desk *desk,
                         const struct bento_pool_callbacks *callbacks,
                         void *arg,
                         struct bento_error *err)
{
    *desk = (struct bento_desk){ .wake = -1, .callbacks = callbacks, .arg = arg };
    bento_buf_init(&desk->headers, BENTO_DESK_HEADERS_MAX);
    desk->tickets = bento_calloc(BENTO_WIRE_ENTRIES_MAX, sizeof *desk->tickets);
    return desk->tickets ? BENTO_OK : bento_fail(err, BENTO_ENOMEM, "out of memory");
}

void bento_desk_release(struct bento_desk *desk)
{
    bento_buf_release(&desk->headers);
    bento_free(desk->tickets);
    desk->tickets = NULL;
}

void bento_desk_open_sized(struct bento_desk *desk,
                           struct bento_link_shared *shared,
                           char *data,
                           uint64_t jobs_size,
                           uint64_t results_size)
{
    shared->magic = BENTO_LINK_MAGIC;
    shared->version = BENTO_WIRE_VERSION;
    shared->jobs_size = jobs_size;
    shared->results_size = results_size;
    desk->shared = shared;
    desk->left = 0;
    bento_ring_attach(&desk->jobs, &shared->jobs, data, jobs_size);
    bento_ring_attach(&desk->results, &shared->results, data + jobs_size, results_size);
    (void)bento_ring_sleep(&desk->results); /* an event loop always waits for the event */
}

void bento_desk_open(struct bento_desk *desk, void *memory, int wake)
{
    struct bento_link_shared *shared = memory;

    desk->wake = wake;
    bento_desk_open_sized(desk, shared, (char *)(shared + 1), BENTO_LINK_JOBS,
                          BENTO_LINK_RESULTS);
}

void bento_desk_close(struct bento_desk *desk)
{
    desk->shared = NULL;
    desk->wake = -1;
}

static void worker_wake(struct bento_desk *desk)
{
    if (bento_ring_must_wake(&desk->jobs))
        bento_event_signal(desk->wake);
}

/* ---- to the worker ---- */

bento_rc bento_desk_submit(struct bento_desk *desk,
                           const struct bento_pool_job *job,
                           uint64_t number,
                           int64_t now_ns,
                           struct bento_error *err)
{
    size_t size = sizeof(struct bento_wire_job) + job->count * sizeof *job->entries;
    char *to;

    if (!desk->shared || desk->job)
        return bento_fail(err, BENTO_EBUSY, "the worker is busy");
    if (job->count == 0 || job->count > BENTO_WIRE_ENTRIES_MAX)
        return bento_fail(err, BENTO_EINVAL, "job of %u requests", job->count);
    /* The last job was taken and answered, so the ring is empty unless its words lie. */
    if (bento_ring_reserve(&desk->jobs, size, &to) != BENTO_OK || !to)
        return bento_fail(err, BENTO_ECORRUPT, "worker link: the job ring is broken");
    struct bento_wire_job frame = {
        .header = { (uint32_t)size, BENTO_WIRE_MAGIC, BENTO_WIRE_VERSION,
                    BENTO_WIRE_JOB },
        .job = number,
        .api = job->api,
        .count = job->count,
        .body_max = job->body_max,
    };
    memcpy(to, &frame, sizeof frame);
    memcpy(to + sizeof frame, job->entries, job->count * sizeof *job->entries);
    memcpy(desk->tickets, job->tickets, job->count * sizeof *job->tickets);
    for (uint32_t i = 0; i < job->count; i++)
        atomic_store_explicit(&desk->shared->started[i], 0, memory_order_relaxed);
    desk->job = number;
    desk->open = job->count;
    desk->left = 0;
    desk->about = (struct bento_pool_done){ .api = job->api,
                                            .count = job->count,
                                            .submitted_ns = now_ns };
    bento_ring_commit(&desk->jobs, size);
    worker_wake(desk);
    return BENTO_OK;
}

void bento_desk_shutdown(struct bento_desk *desk)
{
    struct bento_wire_header frame = { sizeof frame, BENTO_WIRE_MAGIC, BENTO_WIRE_VERSION,
                                       BENTO_WIRE_SHUTDOWN };
    char *to;

    if (!desk->shared || bento_ring_reserve(&desk->jobs, sizeof frame, &to) != BENTO_OK ||
        !to)
        return;
    memcpy(to, &frame, sizeof frame);
    bento_ring_commit(&desk->jobs, sizeof frame);
    worker_wake(desk);
}

/* ---- from the worker ---- */

static void job_end(struct bento_desk *desk, bool lost)
{
    struct bento_pool_done about = desk->about; /* the callback may submit the next job */

    about.lost = lost;
    desk->job = 0;
    desk->left = 0;
    desk->callbacks->on_done(desk->arg, &about);
}

static void piece_deliver(struct bento_desk *desk,
                          uint32_t index,
                          const struct bento_pool_piece *piece)
{
    void *ticket = desk->tickets[index];

    if (piece->last) {
        desk->tickets[index] = NULL;
        desk->open--;
    }
    desk->callbacks->on_result(desk->arg, ticket, piece);
}

/* Whether a frame continues, or begins, a body as invariant 3 wants it; keeps count. */
static bool piece_fits(struct bento_desk *desk, const struct bento_wire_result *result)
{
    bool more = result->flags & BENTO_WIRE_MORE;
    uint64_t left = result->body_total;

    if (desk->left) {
        left = desk->left;
        if (result->index != desk->index || result->body_total != desk->total ||
            result->headers_size)
            return false;
    }
    if (more ? result->body_size == 0 || result->body_size >= left
             : result->body_size != left)
        return false;
    desk->index = result->index;
    desk->total = result->body_total;
    desk->left = left - result->body_size;
    return true;
}

static bento_rc take_result(struct bento_desk *desk,
                            const char *frame,
                            uint64_t n,
                            struct bento_error *err)
{
    struct bento_wire_result result;
    struct bento_str headers;
    struct bento_str body;
    bento_rc rc = bento_wire_read_result(frame, n, &result, &headers, &body, err);

    if (rc != BENTO_OK)
        return rc;
    if (!desk->job || result.job != desk->job || result.index >= desk->about.count ||
        !desk->tickets[result.index])
        return bento_fail(err, BENTO_ECORRUPT,
                          "worker link: answer to a request that is not open");
    if (!piece_fits(desk, &result))
        return bento_fail(err, BENTO_ECORRUPT,
                          "worker link: the pieces of an answer do not add up");
    /* Headers are looked at more than once; the worker could change them in between. */
    bento_buf_clear(&desk->headers);
    bento_buf_addstr(&desk->headers, headers);
    if (desk->headers.rc != BENTO_OK)
        return bento_fail(err, desk->headers.rc, "worker link: headers of %zu bytes",
                          headers.n);
    struct bento_pool_piece piece = { .status = result.status,
                                      .content = result.content,
                                      .flags = result.flags,
                                      .last = !(result.flags & BENTO_WIRE_MORE),
                                      .headers = bento_buf_str(&desk->headers),
                                      .body = body,
                                      .total = result.body_total };
    piece_deliver(desk, result.index, &piece);
    return BENTO_OK;
}

/* What the worker did not answer is answered here. */
static void answer_open(struct bento_desk *desk)
{
    struct bento_str text =
        BENTO_STR("500: Internal Server Error: no answer was given\n");
    struct bento_pool_piece piece = { .status = 500,
                                      .content = BENTO_WIRE_TYPE_TEXT,
                                      .flags = BENTO_WIRE_ERROR,
                                      .last = true,
                                      .body = text,
                                      .total = text.n };

    for (uint32_t i = 0; i < desk->about.count && desk->open; i++)
        if (desk->tickets[i])
            piece_deliver(desk, i, &piece);
}

static bento_rc take_done(struct bento_desk *desk,
                          const char *frame,
                          uint64_t n,
                          int64_t now_ns,
                          struct bento_error *err)
{
    struct bento_wire_done done;
    bento_rc rc = bento_wire_read_done(frame, n, &done, err);

    if (rc != BENTO_OK)
        return rc;
    if (!desk->job || done.job != desk->job || desk->left)
        return bento_fail(err, BENTO_ECORRUPT,
                          "worker link: end of a job that is not over");
    answer_open(desk);
    /* The scheduler learns from these figures: they cannot be more than what was seen. */
    struct bento_pool_done *about = &desk->about;
    uint64_t seen =
        now_ns > about->submitted_ns ? (uint64_t)(now_ns - about->submitted_ns) : 0;
    about->busy_ns = done.busy_ns < seen ? done.busy_ns : seen;
    about->user_ns = done.user_ns < about->busy_ns ? done.user_ns : about->busy_ns;
    about->groups = done.groups < about->count ? done.groups : about->count;
    about->reruns = done.reruns < about->count ? done.reruns : about->count;
    job_end(desk, false);
    return BENTO_OK;
}

static bento_rc take_frame(struct bento_desk *desk,
                           const char *frame,
                           uint64_t n,
                           int64_t now_ns,
                           struct bento_error *err)
{
    struct bento_wire_header header;
    bento_rc rc = bento_wire_check(frame, n, &header, err);

    if (rc != BENTO_OK)
        return rc;
    switch (header.type) {
    case BENTO_WIRE_RESULT:
        return take_result(desk, frame, n, err);
    case BENTO_WIRE_JOB_DONE:
        return take_done(desk, frame, n, now_ns, err);
    default:
        return bento_fail(err, BENTO_ECORRUPT, "worker link: unexpected frame type %u",
                          header.type);
    }
}

bento_rc bento_desk_read(struct bento_desk *desk,
                         int64_t now_ns,
                         enum bento_desk_state *ret_state,
                         struct bento_error *err)
{
    enum bento_desk_state state = BENTO_DESK_MORE;
    uint64_t bytes = 0;
    uint64_t freed = 0;

    for (unsigned i = 0; i < TURN_FRAMES && bytes < TURN_BYTES; i++) {
        const char *frame;
        uint64_t n = 0;
        uint64_t job = desk->job;
        bento_rc rc = bento_ring_peek(&desk->results, &frame, &n);
        if (rc != BENTO_OK)
            return bento_fail(err, rc, "worker link: the completion ring is broken");
        if (!frame) {
            state = BENTO_DESK_EMPTY;
            break;
        }
        rc = take_frame(desk, frame, n, now_ns, err);
        bento_ring_release(&desk->results, n);
        if (rc != BENTO_OK)
            return rc;
        bytes += n;
        freed += n;
        if (freed >= ROOM_BYTES && bento_ring_room_wanted(&desk->results)) {
            bento_event_signal(desk->wake);
            freed = 0;
        }
        if (desk->job != job) {
            state = BENTO_DESK_DONE;
            break;
        }
    }
    if (bento_ring_room_wanted(&desk->results))
        bento_event_signal(desk->wake);
    *ret_state = state;
    return BENTO_OK;
}

void bento_desk_lose(struct bento_desk *desk, bool timed_out)
{
    if (!desk->job)
        return;
    struct bento_link_shared *shared = desk->shared;
    bool taken = shared && atomic_load(&shared->taken_job) == desk->job;
    for (uint32_t i = 0; i < desk->about.count && desk->open; i++) {
        void *ticket = desk->tickets[i];
        if (!ticket)
            continue;
        bool started = taken && atomic_load(&shared->started[i]) != 0;
        desk->tickets[i] = NULL;
        desk->open--;
        desk->callbacks->on_lost(desk->arg, ticket, started, timed_out && started);
    }
    job_end(desk, true);
}
