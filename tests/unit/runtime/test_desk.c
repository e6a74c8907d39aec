/* runtime/desk: what the server makes of every kind of frame a worker could write. The
 * worker is this test, on rings in ordinary memory. */
#include <poll.h>

#include "base/alloc.h"
#include "os/shm.h"
#include "runtime/desk.h"
#include "support/check.h"

#define JOBS    ((uint64_t)4096)
#define RESULTS ((uint64_t)8192)
#define JOB     77u

static struct bento_link_shared shared;
static _Alignas(64) char data[JOBS + RESULTS];

struct seen {
    int results[8]; /* pieces per ticket */
    int last[8];
    int lost[8];
    int started[8];
    int late[8];
    int status[8];
    uint64_t bytes[8];
    int done;
    struct bento_pool_done about;
    struct bento_desk *resubmit; /* hand this desk the next job inside on_done */
    bool early;                  /* on_done came before the last ticket */
    char headers[64];
};

static int tickets[8];

static size_t index_of(const void *ticket)
{
    return (size_t)((const int *)ticket - tickets);
}

static void on_result(void *arg, void *ticket, const struct bento_pool_piece *piece)
{
    struct seen *seen = arg;
    size_t i = index_of(ticket);

    seen->results[i]++;
    seen->last[i] += piece->last;
    seen->bytes[i] += piece->body.n;
    seen->status[i] = piece->status;
    (void)snprintf(seen->headers, sizeof seen->headers, "%.*s",
                   BENTO_STR_ARG(piece->headers));
}

static void on_lost(void *arg, void *ticket, bool started, bool timed_out)
{
    struct seen *seen = arg;
    size_t i = index_of(ticket);

    seen->lost[i]++;
    seen->started[i] = started;
    seen->late[i] = timed_out;
}

static bento_rc hand_over(struct bento_desk *desk, uint64_t number, uint32_t count)
{
    static struct bento_wire_entry entries[BENTO_WIRE_ENTRIES_MAX + 1];
    void *list[8];
    struct bento_pool_job job = {
        .api = 3, .entries = entries, .tickets = list, .count = count
    };

    for (size_t i = 0; i < 8; i++)
        list[i] = &tickets[i];
    return bento_desk_submit(desk, &job, number, 1000, NULL);
}

static void on_done(void *arg, const struct bento_pool_done *done)
{
    struct seen *seen = arg;
    struct bento_desk *desk = seen->resubmit;

    seen->done++;
    seen->about = *done;
    if (!desk)
        return;
    seen->early |= desk->job != 0 || desk->open != 0;
    seen->resubmit = NULL;
    CHECK_INT(hand_over(desk, JOB + 1, 1), BENTO_OK);
    CHECK_INT(seen->about.count, done->count); /* not overwritten by the new job */
}

static const struct bento_pool_callbacks callbacks = {
    .on_result = on_result,
    .on_lost = on_lost,
    .on_done = on_done,
};

struct fixture {
    struct bento_desk desk;
    struct bento_ring out; /* the worker's end of the completion ring */
    struct bento_ring in;  /* and of the job ring */
    struct seen seen;
};

static void begin(struct fixture *f, uint32_t count)
{
    memset(&shared, 0, sizeof shared);
    memset(&f->seen, 0, sizeof f->seen);
    CHECK_INT(bento_desk_init(&f->desk, &callbacks, &f->seen, NULL), BENTO_OK);
    bento_desk_open_sized(&f->desk, &shared, data, JOBS, RESULTS);
    bento_ring_attach(&f->in, &shared.jobs, data, JOBS);
    bento_ring_attach(&f->out, &shared.results, data + JOBS, RESULTS);
    if (count)
        CHECK_INT(hand_over(&f->desk, JOB, count), BENTO_OK);
}

static void end(struct fixture *f)
{
    bento_desk_lose(&f->desk, false);
    bento_desk_close(&f->desk);
    bento_desk_release(&f->desk);
}

static void put(struct fixture *f, const void *frame, size_t n, const char *rest)
{
    char *to = NULL;
    size_t more = rest ? strlen(rest) : 0;

    CHECK_INT(bento_ring_reserve(&f->out, n + more, &to), BENTO_OK);
    if (!to)
        return;
    memcpy(to, frame, n);
    if (more)
        memcpy(to + n, rest, more);
    bento_ring_commit(&f->out, n + more);
}

/* What a frame of the table below is. */
struct piece {
    uint32_t index;
    uint32_t total;
    const char *body;
    bool more;
    const char *headers;
};

static void put_result(struct fixture *f, const struct piece *piece, uint64_t job)
{
    char rest[256];
    const char *headers = piece->headers ? piece->headers : "";
    struct bento_wire_result result = {
        .header = { 0, BENTO_WIRE_MAGIC, BENTO_WIRE_VERSION, BENTO_WIRE_RESULT },
        .job = job,
        .index = piece->index,
        .status = 200,
        .flags = piece->more ? BENTO_WIRE_MORE : 0,
        .headers_size = (uint32_t)strlen(headers),
        .body_size = (uint32_t)strlen(piece->body),
        .body_total = piece->total,
    };

    (void)snprintf(rest, sizeof rest, "%s%s", headers, piece->body);
    result.header.size = (uint32_t)(sizeof result + strlen(rest));
    put(f, &result, sizeof result, rest);
}

static void put_done(struct fixture *f, uint64_t job)
{
    struct bento_wire_done done = {
        .header = { sizeof done, BENTO_WIRE_MAGIC, BENTO_WIRE_VERSION,
                    BENTO_WIRE_JOB_DONE },
        .job = job,
        .busy_ns = UINT64_MAX,
        .user_ns = 400,
        .groups = 1000,
        .reruns = 1000,
    };

    put(f, &done, sizeof done, NULL);
}

static bento_rc read_all(struct fixture *f, enum bento_desk_state *state)
{
    return bento_desk_read(&f->desk, 1500, state, NULL);
}

TEST(a_job_and_its_answers)
{
    struct fixture f;
    enum bento_desk_state state = BENTO_DESK_EMPTY;
    static const struct piece pieces[] = { { 1, 3, "abc", false, "A: b\r\n" },
                                           { 0, 5, "12", true, NULL },
                                           { 0, 5, "345", false, NULL } };
    const char *frame;
    uint64_t n;

    begin(&f, 3);
    CHECK_INT(bento_ring_peek(&f.in, &frame, &n), BENTO_OK);
    CHECK_INT(n, sizeof(struct bento_wire_job) + 3 * sizeof(struct bento_wire_entry));
    CHECK_INT(hand_over(&f.desk, JOB + 1, 1), BENTO_EBUSY);
    put_result(&f, &pieces[0], JOB);
    CHECK_INT(read_all(&f, &state), BENTO_OK);
    CHECK_INT(state, BENTO_DESK_EMPTY);
    CHECK_STR(f.seen.headers, "A: b\r\n");
    put_result(&f, &pieces[1], JOB);
    put_result(&f, &pieces[2], JOB);
    put_done(&f, JOB);
    f.seen.resubmit = &f.desk;
    CHECK_INT(read_all(&f, &state), BENTO_OK);
    CHECK_INT(state, BENTO_DESK_DONE);
    CHECK(!f.seen.early);
    CHECK_INT(f.seen.results[0], 2);
    CHECK_INT(f.seen.bytes[0], 5);
    CHECK_INT(f.seen.bytes[1], 3);
    CHECK_INT(f.seen.status[2], 500); /* nobody answered it */
    for (int i = 0; i < 3; i++)
        CHECK_INT(f.seen.last[i], 1);
    CHECK_INT(f.seen.about.busy_ns, 500); /* more than that did not pass */
    CHECK_INT(f.seen.about.user_ns, 400);
    CHECK_INT(f.seen.about.groups, 3);
    CHECK_INT(f.seen.about.reruns, 3);
    CHECK_INT(f.desk.job, JOB + 1);
    end(&f);
    CHECK_INT(f.seen.lost[0], 1);
    CHECK_INT(f.seen.done, 2);
}

TEST(submit_checks)
{
    struct fixture f;

    begin(&f, 0);
    CHECK_INT(hand_over(&f.desk, JOB, 0), BENTO_EINVAL);
    CHECK_INT(hand_over(&f.desk, JOB, BENTO_WIRE_ENTRIES_MAX + 1), BENTO_EINVAL);
    atomic_store(&shared.jobs.head, 8); /* consumed what was never produced */
    CHECK_INT(hand_over(&f.desk, JOB, 80), BENTO_ECORRUPT); /* larger than the ring */
    bento_desk_close(&f.desk);
    CHECK_INT(hand_over(&f.desk, JOB, 1), BENTO_EBUSY);
    end(&f);
    CHECK_INT(f.seen.done, 0);
}

/* Frames after which the link must not be used; the tickets are lost once each. */
TEST(hostile_results)
{
    static const struct {
        const char *what;
        uint64_t job;
        struct piece pieces[3];
        int good; /* pieces that are still delivered */
    } cases[] = {
        { "another job", JOB + 1, { { 0, 1, "a", false, NULL } }, 0 },
        { "no such entry", JOB, { { 3, 1, "a", false, NULL } }, 0 },
        { "far entry", JOB, { { 0xFFFFFFFF, 1, "a", false, NULL } }, 0 },
        { "answered twice",
          JOB,
          { { 0, 1, "a", false, NULL }, { 0, 1, "a", false, NULL } },
          1 },
        { "too short", JOB, { { 0, 9, "a", false, NULL } }, 0 },
        { "too long", JOB, { { 0, 1, "ab", false, NULL } }, 0 },
        { "more, but nothing is missing", JOB, { { 0, 1, "a", true, NULL } }, 0 },
        { "more, but empty", JOB, { { 0, 9, "", true, NULL } }, 0 },
        { "second piece too long",
          JOB,
          { { 0, 3, "a", true, NULL }, { 0, 3, "abc", false, NULL } },
          1 },
        { "second piece too short",
          JOB,
          { { 0, 3, "a", true, NULL }, { 0, 3, "b", false, NULL } },
          1 },
        { "second piece empty",
          JOB,
          { { 0, 3, "a", true, NULL }, { 0, 3, "", true, NULL } },
          1 },
        { "another total",
          JOB,
          { { 0, 3, "a", true, NULL }, { 0, 4, "bcd", false, NULL } },
          1 },
        { "another entry between",
          JOB,
          { { 0, 3, "a", true, NULL }, { 1, 2, "bc", false, NULL } },
          1 },
        { "headers within a body",
          JOB,
          { { 0, 3, "a", true, NULL }, { 0, 3, "bc", false, "A: b\r\n" } },
          1 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        enum bento_desk_state state;
        int before = check_failed;
        int delivered = 0;
        begin(&f, 3);
        for (int k = 0; k < 3 && cases[i].pieces[k].body; k++)
            put_result(&f, &cases[i].pieces[k], cases[i].job);
        CHECK_INT(read_all(&f, &state), BENTO_ECORRUPT);
        end(&f);
        for (int k = 0; k < 3; k++) {
            delivered += f.seen.results[k];
            CHECK_INT(f.seen.last[k] + f.seen.lost[k], 1);
        }
        CHECK_INT(delivered, cases[i].good);
        CHECK_INT(f.seen.done, 1);
        CHECK(f.seen.about.lost);
        if (check_failed != before)
            printf("  in '%s'\n", cases[i].what);
    }
}

TEST(hostile_ends)
{
    static const struct piece first = { 0, 3, "a", true, NULL };
    struct bento_wire_header shutdown = { 8, BENTO_WIRE_MAGIC, BENTO_WIRE_VERSION,
                                          BENTO_WIRE_SHUTDOWN };
    struct fixture f;
    enum bento_desk_state state;

    begin(&f, 2);
    put_result(&f, &first, JOB);
    put_done(&f, JOB); /* in the middle of a body */
    CHECK_INT(read_all(&f, &state), BENTO_ECORRUPT);
    end(&f);
    CHECK_INT(f.seen.lost[0], 1);
    begin(&f, 2);
    put_done(&f, JOB - 1);
    CHECK_INT(read_all(&f, &state), BENTO_ECORRUPT);
    end(&f);
    begin(&f, 0);
    put_done(&f, 0); /* while nothing runs: job 0 is none */
    CHECK_INT(read_all(&f, &state), BENTO_ECORRUPT);
    end(&f);
    CHECK_INT(f.seen.done, 0);
    begin(&f, 1);
    put(&f, &shutdown, sizeof shutdown, NULL);
    CHECK_INT(read_all(&f, &state), BENTO_ECORRUPT);
    end(&f);
    CHECK_INT(f.seen.lost[0], 1);
}

TEST(lost_tickets_say_whether_they_had_started)
{
    struct fixture f;

    begin(&f, 3);
    atomic_store(&shared.started[1], 1);
    bento_desk_lose(&f.desk, true); /* the job was not even taken: the byte is old */
    CHECK_INT(f.seen.started[1], 0);
    end(&f);
    begin(&f, 3);
    atomic_store(&shared.taken_job, JOB);
    atomic_store(&shared.started[1], 1);
    bento_desk_lose(&f.desk, true);
    CHECK_INT(f.seen.started[0] + f.seen.started[2], 0);
    CHECK_INT(f.seen.started[1], 1);
    CHECK_INT(f.seen.late[1], 1);
    CHECK_INT(f.seen.late[0], 0);
    bento_desk_lose(&f.desk, true); /* nothing is left */
    CHECK_INT(f.seen.lost[0], 1);
    CHECK_INT(f.seen.done, 1);
    end(&f);
}

static bool readable(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, 0) == 1;
}

TEST(wakes)
{
    static const struct piece piece = { 0, 1, "a", false, NULL };
    struct fixture f;
    enum bento_desk_state state;
    int fd = -1;

    begin(&f, 0);
    CHECK_INT(bento_event_new(&fd, NULL), BENTO_OK);
    f.desk.wake = fd;
    CHECK(bento_ring_must_wake(&f.out)); /* the server's loop always sleeps at first */
    CHECK_INT(hand_over(&f.desk, JOB, 1), BENTO_OK);
    CHECK(!readable(fd)); /* the worker is awake */
    put_result(&f, &piece, JOB);
    put_done(&f, JOB);
    CHECK_INT(read_all(&f, &state), BENTO_OK);
    CHECK(!readable(fd));
    const char *frame;
    uint64_t n;
    CHECK_INT(bento_ring_peek(&f.in, &frame, &n), BENTO_OK);
    bento_ring_release(&f.in, n);
    CHECK(bento_ring_sleep(&f.in));
    CHECK_INT(hand_over(&f.desk, JOB + 1, 1), BENTO_OK);
    CHECK(readable(fd));
    bento_event_clear(fd);
    put_result(&f, &piece, JOB + 1);
    bento_ring_want_room(&f.out, true);
    CHECK_INT(read_all(&f, &state), BENTO_OK);
    CHECK(readable(fd)); /* there is room again */
    end(&f);
    bento_fd_close(&fd);
}

/* A worker that writes as fast as the server reads does not keep it for ever. */
static struct fixture *flooding;

static void on_flood(void *arg, void *ticket, const struct bento_pool_piece *piece)
{
    static const struct piece more = { 0, 0xFFFFFFFF, "x", true, NULL };

    (void)arg;
    (void)ticket;
    (void)piece;
    put_result(flooding, &more, JOB);
}

TEST(a_flood_is_cut)
{
    struct bento_pool_callbacks flood = callbacks;
    static const struct piece more = { 0, 0xFFFFFFFF, "x", true, NULL };
    struct fixture f;
    enum bento_desk_state state = BENTO_DESK_EMPTY;
    int kept = check_done;

    begin(&f, 1);
    flood.on_result = on_flood;
    f.desk.callbacks = &flood;
    flooding = &f;
    put_result(&f, &more, JOB);
    CHECK_INT(read_all(&f, &state), BENTO_OK);
    CHECK_INT(state, BENTO_DESK_MORE);
    CHECK(check_done - kept < 100000);
    end(&f);
}

TEST(no_memory)
{
    static const struct piece piece = { 0, 1, "a", false, "A: b\r\n" };
    struct fixture f;
    enum bento_desk_state state;
    long live = bento_alloc_live();

    bento_alloc_fail_after(0);
    CHECK_INT(bento_desk_init(&f.desk, &callbacks, NULL, NULL), BENTO_ENOMEM);
    bento_alloc_fail_after(-1);
    bento_desk_release(&f.desk);
    begin(&f, 1);
    put_result(&f, &piece, JOB);
    bento_alloc_fail_after(0);
    CHECK_INT(read_all(&f, &state), BENTO_ENOMEM);
    bento_alloc_fail_after(-1);
    end(&f);
    CHECK_INT(f.seen.lost[0] + f.seen.last[0], 1);
    CHECK_INT(bento_alloc_live(), live);
}

int main(void)
{
    RUN(a_job_and_its_answers);
    RUN(submit_checks);
    RUN(hostile_results);
    RUN(hostile_ends);
    RUN(lost_tickets_say_whether_they_had_started);
    RUN(wakes);
    RUN(a_flood_is_cut);
    RUN(no_memory);
    return check_report();
}
