/* runtime/worker: the worker's end of the link. The server is this test: it owns the
 * memory, writes jobs as the pool does and as it never should, and reads the answers. */
#include "bento/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/clock.h"
#include "os/shm.h"
#include "runtime/link.h"
#include "support/check.h"

#define AREA ((uint64_t)65536)
#define JOB  77u

struct server {
    int ctl[2]; /* the worker's is the second */
    int area_fd;
    int ring_fd;
    int wake;
    int done;
    char *area;
    struct bento_link_shared *shared;
    struct bento_ring jobs;
    struct bento_ring results;
    char text[128];
};

static void begin(struct server *s)
{
    void *map = NULL;

    memset(s, 0, sizeof *s);
    CHECK_INT(bento_socket_pair(s->ctl, NULL), BENTO_OK);
    CHECK_INT(bento_shm_new("area", AREA, &s->area_fd, NULL), BENTO_OK);
    CHECK_INT(bento_shm_new("ring", BENTO_LINK_SIZE, &s->ring_fd, NULL), BENTO_OK);
    CHECK_INT(bento_event_new(&s->wake, NULL), BENTO_OK);
    CHECK_INT(bento_event_new(&s->done, NULL), BENTO_OK);
    CHECK_INT(bento_shm_map(s->area_fd, AREA, true, &map, NULL), BENTO_OK);
    s->area = map;
    CHECK_INT(bento_shm_map(s->ring_fd, BENTO_LINK_SIZE, true, &map, NULL), BENTO_OK);
    s->shared = map;
    s->shared->magic = BENTO_LINK_MAGIC;
    s->shared->version = BENTO_WIRE_VERSION;
    s->shared->jobs_size = BENTO_LINK_JOBS;
    s->shared->results_size = BENTO_LINK_RESULTS;
    char *data = (char *)(s->shared + 1);
    bento_ring_attach(&s->jobs, &s->shared->jobs, data, BENTO_LINK_JOBS);
    bento_ring_attach(&s->results, &s->shared->results, data + BENTO_LINK_JOBS,
                      BENTO_LINK_RESULTS);
    (void)snprintf(s->text, sizeof s->text, "%d:%d:%d:%d:%d:%d", BENTO_WIRE_VERSION,
                   s->ctl[1], s->area_fd, s->ring_fd, s->wake, s->done);
}

static void end(struct server *s)
{
    bento_shm_unmap(s->area, AREA);
    bento_shm_unmap(s->shared, BENTO_LINK_SIZE);
    bento_fd_close(&s->ctl[0]);
    bento_fd_close(&s->ctl[1]);
    bento_fd_close(&s->area_fd);
    bento_fd_close(&s->ring_fd);
    bento_fd_close(&s->wake);
    bento_fd_close(&s->done);
}

static struct bento_worker *begin_open(struct server *s)
{
    struct bento_worker *w = NULL;

    begin(s);
    CHECK_INT(bento_worker_open(s->text, &w, NULL), BENTO_OK);
    return w;
}

static bool readable(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, 0) == 1;
}

/* A job of `count` requests; request i has the body "body<i>" and one header. */
static struct bento_wire_job
job_make(struct server *s, struct bento_wire_entry *entries, uint32_t count)
{
    struct bento_wire_pair pair = { BENTO_STR("X-Test"), BENTO_STR("yes") };
    size_t meta = bento_wire_meta_size(BENTO_STR("POST"), BENTO_STR("/p"), &pair, 1);

    for (uint32_t i = 0; i < count; i++) {
        char *block = s->area + (size_t)256 * (i % 8);
        entries[i] = (struct bento_wire_entry){ .block = (uint64_t)256 * (i % 8),
                                                .meta_size = meta,
                                                .body_size = 5,
                                                .flags = BENTO_WIRE_CSV };
        entries[i].task_id[0] = (uint8_t)i;
        bento_wire_meta_write(block, BENTO_STR("POST"), BENTO_STR("/p"), &pair, 1);
        memcpy(block + bento_wire_align(meta), "body", 4);
        block[bento_wire_align(meta) + 4] = (char)('0' + i % 8);
    }
    return (struct bento_wire_job){
        .header = { (uint32_t)(sizeof(struct bento_wire_job) + count * sizeof *entries),
                    BENTO_WIRE_MAGIC, BENTO_WIRE_VERSION, BENTO_WIRE_JOB },
        .job = JOB,
        .api = 3,
        .count = count,
        .body_max = 1000
    };
}

/* Without checks: a thread calls it too. */
static bool job_put(struct server *s,
                    const struct bento_wire_job *job,
                    const struct bento_wire_entry *entries,
                    uint32_t count)
{
    size_t n = sizeof *job + count * sizeof *entries;
    char *to = NULL;

    if (bento_ring_reserve(&s->jobs, n, &to) != BENTO_OK || !to)
        return false;
    memcpy(to, job, sizeof *job);
    memcpy(to + sizeof *job, entries, count * sizeof *entries);
    bento_ring_commit(&s->jobs, n);
    return true;
}

static bool submit(struct server *s, uint32_t count)
{
    static struct bento_wire_entry entries[BENTO_WIRE_ENTRIES_MAX];
    struct bento_wire_job job = job_make(s, entries, count);

    return job_put(s, &job, entries, count);
}

static struct bento_worker *begin_job(struct server *s, uint32_t count)
{
    struct bento_worker *w = begin_open(s);
    struct bento_worker_job job = { .id = 0 };

    CHECK(submit(s, count));
    CHECK_INT(bento_worker_wait(w, 0, &job, NULL), BENTO_OK);
    CHECK_INT(job.id, JOB);
    CHECK_INT(job.api, 3);
    CHECK_INT(job.count, count);
    CHECK_INT(job.body_max, 1000);
    return w;
}

static void finish(struct server *s, struct bento_worker *w)
{
    bento_worker_close(w);
    end(s);
}

TEST(link_texts)
{
    struct server s;
    struct bento_worker *w = NULL;
    struct bento_error err = BENTO_ERROR_INIT;
    long live = bento_alloc_live();
    char text[200];

    begin(&s);
    const char *const bad[] = { NULL,
                                "",
                                "1",
                                "1:3:4:5:6",
                                "2:3:4:5:6:7",
                                "1:3:4:5:6:7:8",
                                "1:3:4:5:6:7:",
                                "1:3:4:5:6:",
                                "1:3:4:5:6:x",
                                "1:-3:4:5:6:7",
                                "1: 3:4:5:6:7",
                                "1:3:4:5:6:99999999999999999999" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        check_done++;
        if (bento_worker_open(bad[i], &w, &err) != BENTO_EINVAL ||
            err.code != BENTO_EINVAL)
            CHECK_FAIL_("'%s' is not refused", bad[i] ? bad[i] : "(null)");
    }
    (void)snprintf(text, sizeof text, "1:%d:%d:%d:%d:%d", s.ctl[1], s.wake, s.ring_fd,
                   s.wake, s.done);
    CHECK_INT(bento_worker_open(text, &w, &err), BENTO_EIO); /* an event is no memory */
    (void)snprintf(text, sizeof text, "1:%d:%d:%d:%d:%d", s.ctl[1], s.area_fd, 1 << 20,
                   s.wake, s.done);
    CHECK_INT(bento_worker_open(text, &w, &err), BENTO_EIO); /* not open */
    (void)snprintf(text, sizeof text, "1:%d:%d:%d:%d:%d", s.ctl[1], s.area_fd, s.area_fd,
                   s.wake, s.done);
    CHECK_INT(bento_worker_open(text, &w, &err), BENTO_EINVAL); /* of another size */
    CHECK(w == NULL);
    CHECK_INT(bento_alloc_live(), live);
    bento_worker_close(NULL);
    end(&s);
}

TEST(other_builds)
{
    struct server s;
    struct bento_worker *w = NULL;

    begin(&s);
    s.shared->magic++;
    CHECK_INT(bento_worker_open(s.text, &w, NULL), BENTO_EINVAL);
    s.shared->magic--;
    s.shared->version++;
    CHECK_INT(bento_worker_open(s.text, &w, NULL), BENTO_EINVAL);
    s.shared->version--;
    s.shared->jobs_size *= 2;
    CHECK_INT(bento_worker_open(s.text, &w, NULL), BENTO_EINVAL);
    s.shared->jobs_size /= 2;
    s.shared->results_size *= 2;
    CHECK_INT(bento_worker_open(s.text, &w, NULL), BENTO_EINVAL);
    s.shared->results_size /= 2;
    CHECK(w == NULL);
    CHECK_INT(bento_worker_open(s.text, &w, NULL), BENTO_OK);
    for (int i = 0; i < 2; i++) /* programs that user code starts do not hold the link */
        CHECK(fcntl(i ? s.ctl[1] : s.done, F_GETFD) == FD_CLOEXEC);
    finish(&s, w);
}

TEST(greeting)
{
    struct server s;
    struct bento_worker *w = begin_open(&s);
    char got[64] = "";

    CHECK_INT(bento_worker_hello(w, "{\"wire\": 1}", NULL), BENTO_OK);
    CHECK_INT(read(s.ctl[0], got, sizeof got - 1), 12);
    CHECK_STR(got, "{\"wire\": 1}\n");
    CHECK_INT(bento_worker_hello(w, "{\n}", NULL), BENTO_EINVAL);
    bento_fd_close(&s.ctl[0]); /* no SIGPIPE */
    CHECK_INT(bento_worker_hello(w, "{}", NULL), BENTO_EIO);
    finish(&s, w);
}

TEST(every_allocation_may_fail)
{
    struct server s;
    long live = bento_alloc_live();
    bento_rc rc = BENTO_ENOMEM;
    long n = 0;

    begin(&s);
    for (; rc != BENTO_OK && n < 20; n++) {
        struct bento_worker *w = NULL;
        struct bento_error err = BENTO_ERROR_INIT;
        bento_alloc_fail_after(n);
        rc = bento_worker_open(s.text, &w, &err);
        if (rc == BENTO_OK)
            rc = bento_worker_hello(w, "{}", &err);
        bento_alloc_fail_after(-1);
        CHECK_INT(err.code, rc);
        if (rc != BENTO_OK)
            CHECK_INT(rc, BENTO_ENOMEM);
        bento_worker_close(w);
        CHECK_INT(bento_alloc_live(), live);
    }
    CHECK_INT(rc, BENTO_OK);
    CHECK(n > 2);
    end(&s);
}

TEST(requests)
{
    struct server s;
    struct bento_worker *w = begin_job(&s, 3);
    struct bento_worker_request r = { .body = NULL };
    const char *text[2];
    size_t size[2];
    uint32_t headers = 0;

    CHECK_INT(atomic_load(&s.shared->taken_job), JOB);
    CHECK_INT(bento_worker_request(w, 3, &r), BENTO_EINVAL);
    CHECK_INT(bento_worker_request(w, UINT32_MAX, &r), BENTO_EINVAL);
    CHECK_INT(bento_worker_request(w, 2, &r), BENTO_OK);
    CHECK_MEM(r.body, r.body_size, "body2");
    CHECK_INT(r.task_id[0], 2);
    CHECK_INT(r.flags, BENTO_WORKER_CSV);
    CHECK_INT(bento_worker_line(&r, &text[0], &size[0], &text[1], &size[1], &headers),
              BENTO_OK);
    CHECK_MEM(text[0], size[0], "POST");
    CHECK_MEM(text[1], size[1], "/p");
    CHECK_INT(headers, 1);
    CHECK(bento_worker_header(&r, 0, &text[0], &size[0], &text[1], &size[1]));
    CHECK_MEM(text[0], size[0], "X-Test");
    CHECK_MEM(text[1], size[1], "yes");
    CHECK(!bento_worker_header(&r, 1, &text[0], &size[0], &text[1], &size[1]));
    r.meta_size = 10; /* the server has cut it */
    CHECK_INT(bento_worker_line(&r, &text[0], &size[0], &text[1], &size[1], &headers),
              BENTO_ECORRUPT);
    CHECK(!bento_worker_header(&r, 0, &text[0], &size[0], &text[1], &size[1]));
    bento_worker_started(w, 1);
    bento_worker_started(w, 3); /* not of this job */
    for (int i = 0; i < 5; i++)
        CHECK_INT(atomic_load(&s.shared->started[i]), i == 1);
    CHECK_INT(bento_worker_done(w, 1, 1, 1, 0, NULL), BENTO_OK);
    CHECK_INT(bento_worker_request(w, 0, &r), BENTO_EINVAL);
    finish(&s, w);
}

/* The job is copied: what the ring says afterwards does not matter. */
TEST(a_job_is_read_once)
{
    struct server s;
    struct bento_worker *w = begin_job(&s, 2);
    struct bento_worker_request r = { .body = NULL };

    memset(s.jobs.data, 0xFF, 4096);
    CHECK_INT(bento_worker_request(w, 1, &r), BENTO_OK);
    CHECK_MEM(r.body, r.body_size, "body1");
    finish(&s, w);
    w = begin_job(&s, BENTO_WIRE_ENTRIES_MAX); /* the largest there is */
    CHECK_INT(bento_worker_request(w, BENTO_WIRE_ENTRIES_MAX - 1, &r), BENTO_OK);
    CHECK_MEM(r.body, r.body_size, "body7");
    finish(&s, w);
}

TEST(hostile_jobs)
{
    enum {
        MAGIC,
        VERSION,
        TYPE,
        NO_REQUESTS,
        MORE_REQUESTS,
        FAR_BLOCK,
        LONG_BODY,
        WRAPPED_BODY,
        LONG_META,
        CASES
    };

    for (int i = 0; i < CASES; i++) {
        struct server s;
        struct bento_wire_entry entries[2];
        struct bento_worker *w = begin_open(&s);
        struct bento_worker_job got = { .id = 0 };
        struct bento_wire_job job = job_make(&s, entries, 2);
        struct bento_error err = BENTO_ERROR_INIT;
        job.header.magic = (uint16_t)(job.header.magic + (i == MAGIC));
        job.header.version = (uint8_t)(job.header.version + (i == VERSION));
        job.header.type = i == TYPE ? BENTO_WIRE_RESULT : job.header.type;
        job.count = i == NO_REQUESTS ? 0 : i == MORE_REQUESTS ? 3 : 2;
        if (i == FAR_BLOCK)
            entries[1].block = AREA;
        if (i == LONG_BODY)
            entries[1].body_size = AREA;
        if (i == WRAPPED_BODY)
            entries[1].body_size = UINT64_MAX - 100;
        if (i == LONG_META)
            entries[1].meta_size = UINT64_MAX - 3;
        CHECK(job_put(&s, &job, entries, 2));
        CHECK_INT(bento_worker_wait(w, 0, &got, &err), BENTO_ECORRUPT);
        CHECK_INT(err.code, BENTO_ECORRUPT);
        CHECK_INT(got.id, 0);
        CHECK_INT(atomic_load(&s.shared->taken_job), 0);
        finish(&s, w);
    }
    struct server s;
    struct bento_worker *w = begin_open(&s);
    struct bento_worker_job got;
    atomic_store(&s.shared->jobs.tail, (uint64_t)1 << 60);
    CHECK_INT(bento_worker_wait(w, 0, &got, NULL), BENTO_ECORRUPT);
    finish(&s, w);
}

static void on_signal(int number)
{
    (void)number;
}

TEST(waiting)
{
    struct server s;
    struct bento_worker *w = begin_open(&s);
    struct bento_worker_job job;
    struct bento_wire_header shutdown = { sizeof shutdown, BENTO_WIRE_MAGIC,
                                          BENTO_WIRE_VERSION, BENTO_WIRE_SHUTDOWN };
    struct sigaction action = { .sa_handler = on_signal };
    struct itimerval soon = { .it_value = { 0, 20000 }, .it_interval = { 0, 20000 } };
    struct itimerval never = { .it_value = { 0, 0 } };
    char *to = NULL;

    int64_t start = bento_now_ns();
    CHECK_INT(bento_worker_wait(w, 0, &job, NULL), BENTO_ETIMEOUT);
    CHECK_INT(bento_worker_wait(w, 20, &job, NULL), BENTO_ETIMEOUT);
    CHECK(bento_now_ns() - start >= 19000000);
    bento_event_signal(s.wake); /* woken for nothing */
    CHECK_INT(bento_worker_wait(w, 10, &job, NULL), BENTO_ETIMEOUT);
    CHECK(!readable(s.wake));
    CHECK(sigaction(SIGALRM, &action, NULL) == 0 &&
          setitimer(ITIMER_REAL, &soon, NULL) == 0);
    CHECK_INT(bento_worker_wait(w, -1, &job, NULL), BENTO_ETIMEOUT); /* interrupted */
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
    CHECK_INT(bento_ring_reserve(&s.jobs, sizeof shutdown, &to), BENTO_OK);
    if (to)
        memcpy(to, &shutdown, sizeof shutdown);
    bento_ring_commit(&s.jobs, sizeof shutdown);
    CHECK_INT(bento_worker_wait(w, -1, &job, NULL), BENTO_ECANCELED);
    finish(&s, w);
    w = begin_open(&s);
    bento_fd_close(&s.ctl[0]);
    CHECK_INT(bento_worker_wait(w, -1, &job, NULL), BENTO_ECANCELED);
    finish(&s, w);
}

/* The server submits when the worker says that it sleeps, and only then has to wake it.
 */
static void *submit_later(void *arg)
{
    struct server *s = arg;

    while (!atomic_load(&s->shared->jobs.consumer_sleeps))
        (void)usleep(1000);
    if (!submit(s, 1))
        return NULL;
    if (bento_ring_must_wake(&s->jobs))
        bento_event_signal(s->wake);
    return s;
}

TEST(woken_for_a_job)
{
    struct server s;
    struct bento_worker *w = begin_open(&s);
    struct bento_worker_job job = { .id = 0 };
    pthread_t thread;
    void *submitted = NULL;

    CHECK_INT(pthread_create(&thread, NULL, submit_later, &s), 0);
    CHECK_INT(bento_worker_wait(w, 10000, &job, NULL), BENTO_OK);
    CHECK_INT(job.id, JOB);
    CHECK_INT(pthread_join(thread, &submitted), 0);
    CHECK(submitted == &s);
    CHECK_INT(atomic_load(&s.shared->jobs.consumer_sleeps), 0);
    finish(&s, w);
}

/* The next result frame; its body is checked to be a run of 'x'. */
static bool next_result(struct server *s, struct bento_wire_result *ret)
{
    const char *frame = NULL;
    uint64_t n = 0;
    struct bento_str headers;
    struct bento_str body;

    CHECK_INT(bento_ring_peek(&s->results, &frame, &n), BENTO_OK);
    if (!frame ||
        bento_wire_read_result(frame, n, ret, &headers, &body, NULL) != BENTO_OK)
        return false;
    CHECK_INT(headers.n, ret->headers_size);
    for (size_t i = 0; i < body.n; i++)
        if (body.p[i] != 'x') {
            CHECK_INT(body.p[i], 'x');
            break;
        }
    bento_ring_release(&s->results, n);
    return true;
}

TEST(answers)
{
    struct server s;
    struct bento_worker *w = begin_job(&s, 4);
    struct bento_wire_result got = { .job = 0 };
    char *body = bento_alloc(600000);
    struct bento_worker_answer answer = { .status = 200,
                                          .content = 3,
                                          .headers = "A: b\r\n",
                                          .headers_size = 6,
                                          .body = body,
                                          .error = true };
    uint64_t sum = 0;

    if (body)
        memset(body, 'x', 600000);
    (void)bento_ring_sleep(&s.results);
    CHECK_INT(bento_worker_reply(w, 4, &answer, NULL), BENTO_EINVAL);
    answer.status = 99;
    CHECK_INT(bento_worker_reply(w, 0, &answer, NULL), BENTO_EINVAL);
    answer.status = 600;
    CHECK_INT(bento_worker_reply(w, 0, &answer, NULL), BENTO_EINVAL);
    answer.status = 200;
    answer.content = 4;
    CHECK_INT(bento_worker_reply(w, 0, &answer, NULL), BENTO_EINVAL);
    answer.content = 3;
    answer.headers_size = (256u << 10) + 1;
    CHECK_INT(bento_worker_reply(w, 0, &answer, NULL), BENTO_ETOOLARGE);
    CHECK(!next_result(&s, &got)); /* what was refused left nothing behind */
    answer.headers_size = 6;
    answer.body_size = 600000;
    CHECK_INT(bento_worker_reply(w, 0, &answer, NULL), BENTO_OK);
    CHECK_INT(bento_worker_reply(w, 0, &answer, NULL), BENTO_EINVAL);
    for (int i = 0; next_result(&s, &got); i++) {
        sum += got.body_size;
        CHECK_INT(got.job, JOB);
        CHECK_INT(got.index, 0);
        CHECK_INT(got.headers_size, i ? 0 : 6);
        CHECK_INT(got.body_total, 600000);
        CHECK_INT(got.flags, (sum < 600000 ? BENTO_WIRE_MORE : 0) | BENTO_WIRE_ERROR);
    }
    CHECK_INT(sum, 600000);
    answer = (struct bento_worker_answer){ .status = 599, .rerun = true };
    CHECK_INT(bento_worker_reply(w, 3, &answer, NULL), BENTO_OK);
    CHECK(next_result(&s, &got));
    CHECK_INT(got.status, 599);
    CHECK_INT(got.flags, BENTO_WIRE_RERUN);
    CHECK_INT(got.body_total, 0);
    CHECK(!readable(s.done)); /* nobody was woken for these few */
    bento_worker_flush(w);
    CHECK(readable(s.done));
    bento_free(body);
    finish(&s, w);
}

TEST(end_of_a_job)
{
    struct server s;
    struct bento_worker *w = begin_job(&s, 2);
    struct bento_worker_answer answer = { .status = 200 };
    struct bento_wire_done done = { .job = 0 };
    const char *frame = NULL;
    uint64_t n = 0;

    (void)bento_ring_sleep(&s.results);
    CHECK_INT(bento_worker_done(w, 5, 4, 3, 2, NULL), BENTO_OK);
    CHECK(readable(s.done));
    CHECK_INT(bento_ring_peek(&s.results, &frame, &n), BENTO_OK);
    CHECK_INT(bento_wire_read_done(frame, n, &done, NULL), BENTO_OK);
    CHECK(done.job == JOB && done.busy_ns == 5 && done.user_ns == 4 && done.groups == 3 &&
          done.reruns == 2);
    CHECK_INT(bento_worker_done(w, 1, 1, 1, 1, NULL), BENTO_EINVAL);
    CHECK_INT(bento_worker_reply(w, 0, &answer, NULL), BENTO_EINVAL);
    bento_worker_started(w, 0);
    CHECK_INT(atomic_load(&s.shared->started[0]), 0);
    finish(&s, w);
    w = begin_open(&s);
    CHECK_INT(bento_worker_done(w, 1, 1, 1, 1, NULL), BENTO_EINVAL);
    CHECK_INT(bento_worker_reply(w, 0, &answer, NULL), BENTO_EINVAL);
    finish(&s, w);
}

#define LARGE ((size_t)10 << 20) /* more than the ring holds */

/* Reads until a whole answer is there, waking a worker that waits for room. */
static void *read_slowly(void *arg)
{
    struct server *s = arg;
    struct bento_wire_result got = { .flags = BENTO_WIRE_MORE };
    uint64_t *sum = bento_calloc(1, sizeof *sum);

    while (sum && (got.flags & BENTO_WIRE_MORE)) {
        const char *frame = NULL;
        uint64_t n = 0;
        struct bento_str parts[2];
        if (bento_ring_peek(&s->results, &frame, &n) != BENTO_OK)
            break;
        if (!frame) {
            (void)usleep(500);
            continue;
        }
        if (bento_wire_read_result(frame, n, &got, &parts[0], &parts[1], NULL) !=
            BENTO_OK)
            break;
        *sum += parts[1].n;
        bento_ring_release(&s->results, n);
        if (bento_ring_room_wanted(&s->results))
            bento_event_signal(s->wake);
    }
    return sum;
}

TEST(more_than_the_ring_holds)
{
    struct server s;
    struct bento_worker *w = begin_job(&s, 2);
    struct bento_worker_answer answer = { .status = 200, .body_size = LARGE };
    char *body = bento_calloc(LARGE, 1);
    void *sum = NULL;
    pthread_t thread;

    answer.body = body;
    CHECK_INT(pthread_create(&thread, NULL, read_slowly, &s), 0);
    CHECK_INT(bento_worker_reply(w, 0, &answer, NULL), BENTO_OK);
    CHECK_INT(pthread_join(thread, &sum), 0);
    CHECK(sum && *(uint64_t *)sum == LARGE);
    bento_free(sum);
    bento_fd_close(&s.ctl[0]); /* now nobody reads any more */
    (void)bento_ring_sleep(&s.results);
    CHECK_INT(bento_worker_reply(w, 1, &answer, NULL), BENTO_ECANCELED);
    CHECK(readable(s.done)); /* it had asked for room */
    bento_free(body);
    finish(&s, w);
}

TEST(broken_completion_ring)
{
    struct server s;
    struct bento_worker *w = begin_job(&s, 1);
    struct bento_worker_answer answer = { .status = 200, .body_size = LARGE };
    char *body = bento_calloc(LARGE, 1);

    answer.body = body;
    atomic_store(&s.shared->results.head, 12345678);
    CHECK_INT(bento_worker_reply(w, 0, &answer, NULL), BENTO_ECORRUPT);
    bento_free(body);
    finish(&s, w);
}

int main(void)
{
    long live = bento_alloc_live();

    (void)setenv("BENTO_SPIN_US", "0", 1);
    RUN(link_texts);
    RUN(other_builds);
    RUN(greeting);
    RUN(every_allocation_may_fail);
    RUN(requests);
    RUN(a_job_is_read_once);
    RUN(hostile_jobs);
    RUN(waiting);
    (void)setenv("BENTO_SPIN_US", "1000", 1);
    RUN(woken_for_a_job);
    RUN(answers);
    RUN(end_of_a_job);
    RUN(more_than_the_ring_holds);
    RUN(broken_completion_ring);
    CHECK_INT(bento_alloc_live(), live);
    return check_report();
}
