/*
 * runtime/pool with real processes: this binary is started again as the worker
 * (support/fake_worker.h). Every ticket is reported once whatever happens to workers, and
 * nothing is left behind.
 *
 *   test_pool          the tests
 *   test_pool --bench  round trip times of jobs
 */
#include <dirent.h>
#include <errno.h>

#include "base/log.h"
#include "runtime/pool.h"
#include "support/check.h"
#include "support/fake_worker.h"

#define TICKETS  64
#define LIMIT_NS 30000000000ll
#define MS       1000000ll

struct ticket {
    const char *body;
    uint64_t block;
    uint64_t bytes; /* of the answer so far */
    uint64_t total;
    int reports; /* finished so often: must become 1 */
    int status;  /* 0: none; -1 lost, -2 lost after its start, -3 by its time limit */
    bool wrong;  /* the pattern of a large body does not hold */
    bool again;  /* was handed over a second time */
    char text[64];
    char headers[64];
};

struct run {
    uv_loop_t loop;
    struct bento_pool *pool;
    struct ticket ticket[TICKETS];
    struct bento_error failure;
    uint32_t finished;
    uint32_t done;
    uint32_t lost_jobs;
    uint32_t ready;
    uint32_t idle;
    uint32_t jobs_left; /* on_idle submits so many more */
    struct bento_pool_done last;
    bool retry; /* hand tickets over again that were lost before their start */
    bool stopped;
    long live;
    int fds;
    char hello[128];
};

static char self[4096];

static int count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    while (dir && readdir(dir))
        n++;
    if (dir)
        (void)closedir(dir);
    return n;
}

/* ---- callbacks ---- */

static bool submit_one(struct run *run, struct ticket *ticket, uint32_t flags);

static void on_ready(void *arg, const char *hello)
{
    struct run *run = arg;

    run->ready++;
    (void)snprintf(run->hello, sizeof run->hello, "%s", hello);
}

static void on_result(void *arg, void *p, const struct bento_pool_piece *piece)
{
    struct run *run = arg;
    struct ticket *ticket = p;

    if (ticket->bytes == 0)
        (void)snprintf(ticket->headers, sizeof ticket->headers, "%.*s",
                       BENTO_STR_ARG(piece->headers));
    for (size_t i = 0; ticket->body[0] == 'b' && i < piece->body.n; i++)
        ticket->wrong |= piece->body.p[i] != fake_pattern(ticket->bytes + i);
    if (ticket->bytes == 0)
        (void)snprintf(ticket->text, sizeof ticket->text, "%.*s",
                       BENTO_STR_ARG(piece->body));
    ticket->bytes += piece->body.n;
    ticket->total = piece->total;
    if (piece->last) {
        ticket->reports++;
        ticket->status = piece->status;
        run->finished++;
    }
}

static void on_lost(void *arg, void *p, bool started, bool timed_out)
{
    struct run *run = arg;
    struct ticket *ticket = p;

    if (run->retry && !started && !ticket->again) {
        ticket->again = true;
        if (submit_one(run, ticket, BENTO_WIRE_RETRY))
            return;
    }
    ticket->reports++;
    ticket->status = timed_out ? -3 : started ? -2 : -1;
    run->finished++;
}

static void on_done(void *arg, const struct bento_pool_done *done)
{
    struct run *run = arg;

    run->last = *done;
    run->done++;
    run->lost_jobs += done->lost;
}

static void on_idle(void *arg)
{
    struct run *run = arg;

    run->idle++;
    if (run->jobs_left) {
        run->jobs_left--;
        run->ticket[0].reports = 0;
        if (!submit_one(run, &run->ticket[0], 0))
            run->jobs_left = 0;
    }
}

static void on_fail(void *arg, const struct bento_error *err)
{
    struct run *run = arg;

    run->failure = *err;
}

static void on_stopped(void *arg)
{
    struct run *run = arg;

    run->stopped = true;
}

static const struct bento_pool_callbacks callbacks = {
    on_ready, on_result, on_lost, on_done, on_idle, on_fail, on_stopped,
};

/* ---- the run of one test ---- */

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

/* Runs the loop until *counter has reached `want`. */
static bool until(struct run *run, const uint32_t *counter, uint32_t want)
{
    int64_t end = bento_now_ns() + LIMIT_NS;

    while (*counter < want && bento_now_ns() < end)
        (void)uv_run(&run->loop, UV_RUN_ONCE);
    check_done++;
    if (*counter >= want)
        return true;
    CHECK_FAIL_("waited for %u, there are %u", want, *counter);
    return false;
}

static void run_for(struct run *run, int64_t ns)
{
    int64_t end = bento_now_ns() + ns;

    while (bento_now_ns() < end)
        (void)uv_run(&run->loop, UV_RUN_ONCE);
}

static void
begin(struct run *run, const char *mode, const struct bento_pool_options *given)
{
    static uv_timer_t tick;
    struct bento_pool_options options = { .workers = 1 };

    *run = (struct run){ .live = bento_alloc_live(), .fds = count_fds() };
    if (given)
        options = *given;
    options.python = self;
    options.bundle = mode;
    options.callbacks = &callbacks;
    options.arg = run;
    options.area_size = options.area_size ? options.area_size : 1 << 20;
    CHECK_INT(uv_loop_init(&run->loop), 0);
    (void)uv_timer_init(&run->loop, &tick);
    (void)uv_timer_start(&tick, on_tick, 5, 5);
    uv_unref((uv_handle_t *)&tick);
    run->loop.data = &tick;
    CHECK_INT(bento_pool_start(&run->loop, &options, &run->pool, NULL), BENTO_OK);
}

static void end(struct run *run)
{
    for (uint32_t i = 0; i < TICKETS; i++)
        if (run->ticket[i].body)
            bento_area_free(bento_pool_area(run->pool), run->ticket[i].block);
    CHECK_INT(bento_area_used(bento_pool_area(run->pool)), 0);
    uv_close(run->loop.data, NULL);
    bento_pool_stop(run->pool);
    bento_pool_stop(run->pool); /* twice is once */
    (void)uv_run(&run->loop, UV_RUN_DEFAULT);
    CHECK(run->stopped);
    bento_pool_free(run->pool);
    CHECK_INT(uv_loop_close(&run->loop), 0);
    CHECK_INT(bento_alloc_live(), run->live);
    CHECK_INT(count_fds(), run->fds);
}

static bool put(struct run *run,
                struct ticket *ticket,
                const char *body,
                struct bento_wire_entry *ret)
{
    struct bento_str method = BENTO_STR("POST");
    struct bento_str target = BENTO_STR("/predict");
    struct bento_wire_pair header = { BENTO_STR("a"), BENTO_STR("b") };
    struct bento_area *area = bento_pool_area(run->pool);
    size_t meta = bento_wire_meta_size(method, target, &header, 1);
    size_t n = strlen(body);

    if (!ticket->body &&
        bento_area_alloc(area, bento_wire_align(meta) + 64, &ticket->block) != BENTO_OK)
        return false;
    ticket->body = body;
    char *to = bento_area_at(area, ticket->block);
    bento_wire_meta_write(to, method, target, &header, 1);
    memcpy(to + bento_wire_align(meta), body, n);
    *ret = (struct bento_wire_entry){ .block = ticket->block,
                                      .meta_size = meta,
                                      .body_size = n };
    return true;
}

static bool submit_one(struct run *run, struct ticket *ticket, uint32_t flags)
{
    struct bento_wire_entry entry;
    void *tickets[1] = { ticket };
    struct bento_pool_job job = { .entries = &entry, .tickets = tickets, .count = 1 };

    if (!put(run, ticket, ticket->body, &entry))
        return false;
    entry.flags = flags;
    return bento_pool_submit(run->pool, &job, NULL) == BENTO_OK;
}

/* One job; its tickets start at `first`. Bodies end with NULL. */
static void submit(struct run *run, uint32_t first, const char *const *bodies)
{
    struct bento_wire_entry entries[TICKETS];
    void *tickets[TICKETS];
    uint32_t n = 0;

    for (; bodies[n] && first + n < TICKETS; n++) {
        tickets[n] = &run->ticket[first + n];
        CHECK(put(run, tickets[n], bodies[n], &entries[n]));
    }
    struct bento_pool_job job = {
        .api = 2, .entries = entries, .tickets = tickets, .count = n, .body_max = 1000
    };
    CHECK_INT(bento_pool_submit(run->pool, &job, NULL), BENTO_OK);
}

#define BODIES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* ---- tests ---- */

TEST(jobs_are_answered)
{
    struct run run;
    struct bento_pool_stats stats;
    int pid = 0;

    begin(&run, "normal",
          &(struct bento_pool_options){ .workers = 1, .version = "1.2.3" });
    CHECK_INT(bento_pool_idle(run.pool), 0);
    until(&run, &run.idle, 1);
    CHECK_STR(run.hello, "{\"wire\": 1, \"version\": \"1.2.3\"}");
    CHECK_INT(bento_pool_workers(run.pool), 1);
    CHECK_INT(bento_pool_idle(run.pool), 1);
    CHECK_INT(bento_pool_pids(run.pool, &pid, 1), 1);
    CHECK(pid > 1 && kill(pid, 0) == 0);
    submit(&run, 0, BODIES("echo", "e", "b70000", "unanswered", "double", "r"));
    CHECK_INT(bento_pool_idle(run.pool), 0);
    CHECK_INT(bento_pool_submit(run.pool, &(struct bento_pool_job){ .count = 1 }, NULL),
              BENTO_EBUSY);
    CHECK_INT(run.finished, 0); /* no callback inside submit */
    until(&run, &run.done, 1);
    CHECK_STR(run.ticket[0].text, "echo");
    CHECK_STR(run.ticket[1].text, "e");
    CHECK_INT(run.ticket[2].bytes, 70000);
    CHECK_STR(run.ticket[2].headers, "X-Big: yes\r\n");
    CHECK(!run.ticket[2].wrong);
    CHECK_INT(run.ticket[3].status, 500);
    CHECK_STR(run.ticket[4].text, "first");
    CHECK_STR(run.ticket[5].text, "0");
    for (int i = 0; i < 6; i++)
        CHECK_INT(run.ticket[i].reports, 1);
    CHECK_INT(run.last.api, 2);
    CHECK_INT(run.last.count, 6);
    CHECK(!run.last.lost);
    CHECK(run.last.busy_ns > 0 && run.last.busy_ns < (uint64_t)LIMIT_NS);
    CHECK_INT(run.idle, 2);
    bento_pool_stats(run.pool, &stats);
    CHECK_INT(stats.live, 1);
    CHECK_INT(stats.restarts, 0);
    CHECK_INT(stats.jobs, 1);
    end(&run);
}

TEST(a_large_answer_passes_a_small_ring)
{
    struct run run;

    begin(&run, "normal", NULL);
    until(&run, &run.idle, 1);
    submit(&run, 0, BODIES("b104857600", "e1", "b3000000", "b0"));
    until(&run, &run.done, 1);
    CHECK_INT(run.ticket[0].bytes, 104857600);
    CHECK_INT(run.ticket[0].total, 104857600);
    CHECK(!run.ticket[0].wrong);
    CHECK_STR(run.ticket[1].text, "e1");
    CHECK_INT(run.ticket[2].bytes, 3000000);
    CHECK_INT(run.ticket[3].status, 200);
    CHECK_INT(run.ticket[3].bytes, 0);
    end(&run);
}

/* What becomes of a job whose last request is special, on one worker. */
struct fate {
    const char *last;
    int status[3]; /* -1 lost, -2 lost after its start, -3 by its time limit */
    bool corrupt;
};

TEST(lost_jobs)
{
    static const struct fate fates[] = {
        { "kill", { 200, -1, -1 }, false },     { "start", { 200, -2, -1 }, false },
        { "part", { 200, -2, -1 }, false },     { "garbage", { 200, -2, -1 }, true },
        { "impossible", { -2, -2, -1 }, true }, { "other", { 200, -2, -1 }, true },
        { "lie", { 200, -2, -1 }, true },       { "close", { 200, -2, -1 }, false },
        { "again", { 200, -2, -1 }, true },
    };

    for (size_t i = 0; i < sizeof fates / sizeof fates[0]; i++) {
        const struct fate *fate = &fates[i];
        struct bento_pool_stats stats;
        struct run run;
        int before = check_failed;
        begin(&run, "normal", NULL);
        until(&run, &run.idle, 1);
        submit(&run, 0, BODIES("echo", fate->last, "echo"));
        until(&run, &run.done, 1);
        CHECK(run.last.lost);
        for (int k = 0; k < 3; k++) {
            CHECK_INT(run.ticket[k].reports, 1);
            CHECK_INT(run.ticket[k].status, fate->status[k]);
        }
        until(&run, &run.ready, 2); /* replaced at once */
        submit(&run, 3, BODIES("echo"));
        until(&run, &run.done, 2);
        CHECK_STR(run.ticket[3].text, "echo");
        bento_pool_stats(run.pool, &stats);
        CHECK_INT(stats.restarts, 1);
        CHECK_INT(stats.corrupt, fate->corrupt);
        end(&run);
        if (check_failed != before)
            printf("  in '%s'\n", fate->last);
    }
}

TEST(a_broken_job_ring_does_not_block)
{
    struct run run;

    begin(&run, "normal", NULL);
    until(&run, &run.idle, 1);
    submit(&run, 0, BODIES("jobs"));
    until(&run, &run.done, 1);
    CHECK_STR(run.ticket[0].text, "jobs");
    /* The server looks at the word when it believes the ring to be full. */
    for (uint32_t i = 0; i < 40 && run.ready < 2; i++) {
        struct bento_wire_entry entry;
        static struct bento_wire_entry entries[BENTO_WIRE_ENTRIES_MAX];
        static void *tickets[BENTO_WIRE_ENTRIES_MAX];
        CHECK(put(&run, &run.ticket[1], "j", &entry));
        for (uint32_t k = 0; k < BENTO_WIRE_ENTRIES_MAX; k++) {
            entries[k] = entry;
            tickets[k] = &run.ticket[1];
        }
        struct bento_pool_job job = { .entries = entries,
                                      .tickets = tickets,
                                      .count = BENTO_WIRE_ENTRIES_MAX };
        uint32_t done = run.done;
        if (bento_pool_submit(run.pool, &job, NULL) == BENTO_OK)
            until(&run, &run.done, done + 1);
        else
            run_for(&run, 20 * MS);
    }
    CHECK_INT(run.ready, 2);
    end(&run);
}

TEST(a_request_lost_before_its_start_is_retried)
{
    struct run run;

    begin(&run, "normal", &(struct bento_pool_options){ .workers = 2 });
    run.retry = true;
    until(&run, &run.ready, 2);
    submit(&run, 0, BODIES("kill", "reply"));
    until(&run, &run.finished, 2);
    /* The first took a second worker with it; its neighbour may have found none idle. */
    CHECK_INT(run.ticket[0].status, -1);
    CHECK(run.ticket[0].again);
    CHECK_INT(run.ticket[0].reports, 1);
    CHECK_INT(run.ticket[1].reports, 1);
    end(&run);
    begin(&run, "normal", &(struct bento_pool_options){ .workers = 3 });
    run.retry = true;
    until(&run, &run.ready, 3);
    submit(&run, 0, BODIES("start", "reply"));
    until(&run, &run.finished, 2);
    CHECK_INT(run.ticket[0].status, -2);
    CHECK_STR(run.ticket[1].text, "16"); /* BENTO_WIRE_RETRY */
    end(&run);
}

TEST(time_limit)
{
    struct run run;
    struct bento_pool_stats stats;

    begin(&run, "normal",
          &(struct bento_pool_options){ .workers = 1, .timeout_ns = 200 * MS });
    until(&run, &run.idle, 1);
    submit(&run, 0, BODIES("echo", "hang", "echo"));
    int64_t start = bento_now_ns();
    until(&run, &run.done, 1);
    CHECK(bento_now_ns() - start >= 200 * MS);
    CHECK(bento_now_ns() - start < 5000 * MS);
    CHECK_INT(run.ticket[0].status, 200); /* it lay there unannounced */
    CHECK_INT(run.ticket[1].status, -3);
    CHECK_INT(run.ticket[2].status, -1);
    until(&run, &run.ready, 2);
    submit(&run, 3, BODIES("then hang"));
    until(&run, &run.done, 2);
    CHECK_INT(run.ticket[3].status, 200);
    bento_pool_stats(run.pool, &stats);
    CHECK_INT(stats.timeouts, 2);
    end(&run);
}

TEST(children_of_a_worker_end_with_it)
{
    struct run run;

    begin(&run, "normal",
          &(struct bento_pool_options){ .workers = 1, .timeout_ns = 200 * MS });
    until(&run, &run.idle, 1);
    submit(&run, 0, BODIES("fork"));
    until(&run, &run.done, 1);
    uint64_t child = 0;
    CHECK(bento_parse_u64(bento_str_of(run.ticket[0].text), 2, 1 << 30, &child));
    bool gone = false;
    for (int i = 0; child && i < 200 && !gone; i++) {
        char path[64];
        char line[256] = "";
        (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)child);
        FILE *f = fopen(path, "r");
        gone = !f || !fgets(line, sizeof line, f) || strstr(line, ") Z ");
        if (f)
            (void)fclose(f);
        run_for(&run, 10 * MS);
    }
    CHECK(gone);
    end(&run);
}

TEST(start_failures)
{
    static const struct {
        const char *mode;
        bento_rc code;
        const char *text; /* within the message */
    } cases[] = {
        { "fail", BENTO_EINVAL, "cannot be loaded: ValueError: no model" },
        { "fail-hang", BENTO_EINVAL, "cannot be loaded: ValueError: no model" },
        { "exit", BENTO_EUNAVAILABLE, "status 3 before" },
        { "silent", BENTO_ETIMEOUT, "within its time limit" },
        { "wire", BENTO_EINVAL, "link version 7" },
        { "version", BENTO_EINVAL, "version 0.0.9, this server 1.2.3" },
        { "garbage", BENTO_ECORRUPT, "did not greet" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct run run;
        int before = check_failed;
        begin(&run, cases[i].mode,
              &(struct bento_pool_options){
                  .workers = 2, .version = "1.2.3", .start_timeout_ns = 300 * MS });
        int64_t start = bento_now_ns();
        while (run.failure.code == BENTO_OK && bento_now_ns() - start < LIMIT_NS)
            (void)uv_run(&run.loop, UV_RUN_ONCE);
        CHECK(bento_now_ns() - start < 3000 * MS);
        CHECK_INT(run.failure.code, cases[i].code);
        CHECK(strstr(run.failure.message, cases[i].text) != NULL);
        CHECK_INT(run.ready, 0);
        end(&run);
        if (check_failed != before)
            printf("  in '%s': %s\n", cases[i].mode, run.failure.message);
    }
}

TEST(no_such_interpreter)
{
    struct run run;
    char kept[sizeof self];

    memcpy(kept, self, sizeof self);
    (void)snprintf(self, sizeof self, "/nowhere/python3");
    begin(&run, "normal", &(struct bento_pool_options){ .workers = 2 });
    memcpy(self, kept, sizeof self);
    int64_t start = bento_now_ns();
    while (run.failure.code == BENTO_OK && bento_now_ns() - start < LIMIT_NS)
        (void)uv_run(&run.loop, UV_RUN_ONCE);
    CHECK_STR(run.failure.message,
              "cannot start '/nowhere/python3': no such file or directory");
    end(&run);
}

TEST(stop_waits_for_a_job_then_insists)
{
    struct run run;

    begin(&run, "normal",
          &(struct bento_pool_options){ .workers = 1, .stop_grace_ns = LIMIT_NS });
    until(&run, &run.idle, 1);
    submit(&run, 0, BODIES("b104857600"));
    end(&run); /* the job is finished first */
    CHECK_INT(run.ticket[0].status, 200);
    CHECK_INT(run.ticket[0].bytes, 104857600);
    begin(&run, "normal",
          &(struct bento_pool_options){ .workers = 1, .stop_grace_ns = 100 * MS });
    until(&run, &run.idle, 1);
    submit(&run, 0, BODIES("hang", "echo"));
    run_for(&run, 100 * MS);
    int64_t start = bento_now_ns();
    end(&run);
    CHECK(bento_now_ns() - start < 2000 * MS); /* SIGTERM was enough */
    CHECK_INT(run.ticket[0].status, -2);
    CHECK_INT(run.ticket[1].status, -1);
    CHECK_INT(run.lost_jobs, 1);
    begin(&run, "deaf",
          &(struct bento_pool_options){ .workers = 1, .stop_grace_ns = 100 * MS });
    until(&run, &run.idle, 1);
    start = bento_now_ns();
    end(&run);
    CHECK(bento_now_ns() - start > 2900 * MS); /* SIGKILL was needed */
    begin(&run, "silent", NULL);               /* stopped while it loads */
    run_for(&run, 100 * MS);
    start = bento_now_ns();
    end(&run);
    CHECK(bento_now_ns() - start < 2000 * MS);
}

TEST(young_deaths_are_paused)
{
    struct run run;

    begin(&run, "normal", NULL);
    until(&run, &run.idle, 1);
    int64_t start = bento_now_ns();
    for (uint32_t i = 0; i < 4; i++) {
        submit(&run, 0, BODIES("start"));
        until(&run, &run.ready, i + 2);
    }
    /* at once, then after 100, 200 and 400 ms */
    CHECK(bento_now_ns() - start >= 700 * MS);
    CHECK(bento_now_ns() - start < 5000 * MS);
    end(&run);
}

TEST(environment_of_workers)
{
    static const char *const more[] = { "BENTO_TEST_GIVEN=one", "BENTO_TEST_BOTH=new",
                                        NULL };
    struct run run;
    char cores[32];

    (void)setenv("BENTO_TEST_BOTH", "old", 1);
    (void)setenv("MKL_NUM_THREADS", "5", 1);
    (void)unsetenv("OMP_NUM_THREADS");
    begin(&run, "normal",
          &(struct bento_pool_options){ .workers = 1, .environment = more });
    until(&run, &run.idle, 1);
    submit(&run, 0,
           BODIES("vBENTO_TEST_GIVEN", "vBENTO_TEST_BOTH", "vMKL_NUM_THREADS",
                  "vOMP_NUM_THREADS", "vPYTHONUNBUFFERED", "vBENTO_BATCH_RERUN",
                  "write"));
    until(&run, &run.done, 1);
    (void)snprintf(cores, sizeof cores, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    CHECK_STR(run.ticket[0].text, "one");
    CHECK_STR(run.ticket[1].text, "new");
    CHECK_STR(run.ticket[2].text, "5");
    CHECK_STR(run.ticket[3].text, cores);
    CHECK_STR(run.ticket[4].text, "1");
    CHECK_STR(run.ticket[5].text, "0");
    CHECK_STR(run.ticket[6].text, "refused"); /* the request area is read-only */
    end(&run);
}

TEST(ten_thousand_jobs)
{
    struct run run;

    begin(&run, "normal", &(struct bento_pool_options){ .workers = 2 });
    run.ticket[0].body = "e";
    run.jobs_left = 10000;
    struct bento_wire_entry entry;
    run.ticket[0].body = NULL;
    CHECK(put(&run, &run.ticket[0], "e", &entry));
    until(&run, &run.done, 10000);
    CHECK_INT(run.finished, 10000);
    CHECK_INT(run.lost_jobs, 0);
    end(&run);
}

/* Every allocation of the start fails once. */
TEST(start_without_memory)
{
    struct run run = { .stopped = false };
    struct bento_pool_options options = { .python = self,
                                          .bundle = "normal",
                                          .workers = 2,
                                          .area_size = 1 << 16,
                                          .version = "1",
                                          .callbacks = &callbacks,
                                          .arg = &run };
    long live = bento_alloc_live();
    uv_loop_t loop;
    bento_rc rc = BENTO_ENOMEM;

    CHECK_INT(uv_loop_init(&loop), 0);
    int fds = count_fds();
    for (long n = 0; rc != BENTO_OK && n < 2000; n++) {
        struct bento_pool *pool = NULL;
        bento_alloc_fail_after(n);
        rc = bento_pool_start(&loop, &options, &pool, NULL);
        bento_alloc_fail_after(-1);
        if (rc == BENTO_OK) {
            CHECK(n > 10);
            bento_pool_stop(pool);
            (void)uv_run(&loop, UV_RUN_NOWAIT);
            CHECK(run.stopped);
            bento_pool_free(pool);
        } else {
            CHECK_INT(rc, BENTO_ENOMEM);
        }
        CHECK_INT(bento_alloc_live(), live);
        CHECK_INT(count_fds(), fds);
    }
    CHECK_INT(rc, BENTO_OK);
    CHECK_INT(uv_loop_close(&loop), 0);
}

/* ---- round trips ---- */

static int compare(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;

    return *x < *y ? -1 : *x > *y;
}

static void bench_jobs(const char *what, uint32_t entries, int64_t gap_ns)
{
    enum { ROUNDS = 3000 };
    static int64_t took[ROUNDS];
    const char *bodies[TICKETS + 1] = { NULL };
    struct run run;

    for (uint32_t i = 0; i < entries; i++)
        bodies[i] = "e";
    begin(&run, "normal", NULL);
    until(&run, &run.idle, 1);
    uv_timer_stop(run.loop.data);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        int64_t gap = bento_now_ns() + gap_ns;
        while (gap_ns && bento_now_ns() < gap)
            ;
        int64_t start = bento_now_ns();
        submit(&run, 0, bodies);
        while (run.done <= i)
            (void)uv_run(&run.loop, UV_RUN_ONCE);
        took[i] = bento_now_ns() - start;
    }
    (void)uv_timer_start(run.loop.data, on_tick, 5, 5);
    qsort(took, ROUNDS, sizeof took[0], compare);
    printf("%-44s median %6.1f us, 10%% %6.1f, 99%% %6.1f\n", what,
           (double)took[ROUNDS / 2] / 1e3, (double)took[ROUNDS / 10] / 1e3,
           (double)took[ROUNDS * 99 / 100] / 1e3);
    end(&run);
}

static void bench_large(void)
{
    struct run run;

    begin(&run, "normal", NULL);
    until(&run, &run.idle, 1);
    submit(&run, 0, BODIES("m104857600"));
    until(&run, &run.done, 1);
    uint32_t done = run.done;
    int64_t start = bento_now_ns();
    submit(&run, 0, BODIES("m104857600"));
    until(&run, &run.done, done + 1);
    printf("%-44s %.0f MB/s\n", "answer of 100 MB",
           104.8576 / ((double)(bento_now_ns() - start) / 1e9));
    end(&run);
}

static int bench(void)
{
    bench_jobs("1 request, one after another", 1, 0);
    bench_jobs("1 request, 3 ms apart (worker asleep)", 1, 3 * MS);
    bench_jobs("64 requests, one job after another", 64, 0);
    bench_large();
    (void)setenv("BENTO_SPIN_US", "0", 1);
    bench_jobs("1 request, one after another, no spinning", 1, 0);
    bench_jobs("64 requests, no spinning", 64, 0);
    (void)setenv("BENTO_SPIN_US", "200", 1);
    bench_jobs("1 request, spinning 200 us", 1, 0);
    return 0;
}

int main(int argc, char **argv)
{
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (n <= 0)
        return 2;
    if (argc == 4 && strcmp(argv[2], "bentoml._worker") == 0)
        return fake_worker_main(argv[3]);
    bento_log_set_level(BENTO_LOG_OFF);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    uv_loop_t loop; /* the first one of a process opens descriptors that stay */
    if (uv_loop_init(&loop) != 0 || uv_loop_close(&loop) != 0)
        return 2;
    if (argc == 2 && strcmp(argv[1], "--bench") == 0)
        return bench();
    RUN(jobs_are_answered);
    RUN(a_large_answer_passes_a_small_ring);
    RUN(lost_jobs);
    RUN(a_broken_job_ring_does_not_block);
    RUN(a_request_lost_before_its_start_is_retried);
    RUN(time_limit);
    RUN(children_of_a_worker_end_with_it);
    RUN(start_failures);
    RUN(no_such_interpreter);
    RUN(stop_waits_for_a_job_then_insists);
    RUN(young_deaths_are_paused);
    RUN(environment_of_workers);
    RUN(ten_thousand_jobs);
    RUN(start_without_memory);
    return check_report();
}
