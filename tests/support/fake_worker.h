/*
 * A worker process in C: what the pool's tests start in place of Python. The test binary
 * executes itself; fake_worker_main runs when the pool's command line is seen.
 *
 * The name of the bundle says how it greets, the first letter of each request's body what
 * it does with the request:
 *   e  echo the body            b<n>  answer n bytes      u  leave unanswered
 *   k  die before starting it   s     start it, then die  p  die within its answer
 *   h  start it, then hang      t     answer, then hang   d  answer twice
 *   v  value of a variable      w     try to write to the request area
 *   f  answer the pid of a child that stays, then hang
 *   r  the entry's flags        m<n>  answer n zero bytes
 *   g  garbage frame            i     impossible tail     j  impossible head of the jobs
 *   o  answer of another job    l     pieces that do not add up
 *   c  close the control socket and hang     a  greet again
 */
#ifndef TESTS_SUPPORT_FAKE_WORKER_H
#define TESTS_SUPPORT_FAKE_WORKER_H

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "bento/worker.h"
#include "os/clock.h"
#include "runtime/link.h"

#define FAKE_CTL  3
#define FAKE_AREA 4
#define FAKE_RING 5
#define FAKE_DONE 7

static inline char fake_pattern(uint64_t i)
{
    return (char)('a' + i % 23);
}

static void fake_hang(void)
{
    for (;;)
        (void)pause();
}

static void fake_die(void)
{
    (void)kill(getpid(), SIGKILL);
    fake_hang();
}

static struct bento_link_shared *fake_shared(void)
{
    void *map =
        mmap(NULL, BENTO_LINK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, FAKE_RING, 0);

    return map == MAP_FAILED ? NULL : map;
}

static void fake_signal(void)
{
    uint64_t one = 1;

    (void)!write(FAKE_DONE, &one, sizeof one);
}

/* Puts a frame of our own making into the completion ring. */
static void fake_frame(const void *frame, size_t n, size_t room)
{
    struct bento_link_shared *shared = fake_shared();
    struct bento_ring ring;
    char *to = NULL;

    bento_ring_attach(&ring, &shared->results, (char *)(shared + 1) + BENTO_LINK_JOBS,
                      BENTO_LINK_RESULTS);
    (void)bento_ring_reserve(&ring, room, &to);
    memcpy(to, frame, n);
    bento_ring_commit(&ring, room);
    fake_signal();
}

static struct bento_wire_result
fake_result(uint64_t job, uint32_t index, uint32_t body, uint64_t total, uint8_t flags)
{
    struct bento_wire_result result = {
        .header = { (uint32_t)(sizeof result + body), BENTO_WIRE_MAGIC,
                    BENTO_WIRE_VERSION, BENTO_WIRE_RESULT },
        .job = job,
        .index = index,
        .status = 200,
        .flags = flags,
        .body_size = body,
        .body_total = total,
    };
    return result;
}

static void fake_reply(struct bento_worker *w, uint32_t i, const char *text)
{
    struct bento_worker_answer answer = {
        .status = 200, .content = 2, .body = text, .body_size = strlen(text)
    };
    (void)bento_worker_reply(w, i, &answer, NULL);
}

static void
fake_big(struct bento_worker *w, uint32_t i, const char *digits, size_t n, bool pattern)
{
    uint64_t size = 0;
    struct bento_worker_answer answer = { .status = 200, .content = 3 };

    (void)bento_parse_u64(bento_str_from(digits, n), 0, (uint64_t)1 << 32, &size);
    char *body = bento_calloc((size_t)size, 1);
    for (uint64_t k = 0; body && pattern && k < size; k++)
        body[k] = fake_pattern(k);
    answer.headers = "X-Big: yes\r\n";
    answer.headers_size = 12;
    answer.body = body;
    answer.body_size = (size_t)size;
    (void)bento_worker_reply(w, i, &answer, NULL);
    bento_free(body);
}

static void fake_child(struct bento_worker *w, uint32_t i)
{
    char text[24];
    pid_t child = fork();

    if (child == 0)
        fake_hang();
    (void)snprintf(text, sizeof text, "%d", (int)child);
    fake_reply(w, i, text);
    bento_worker_flush(w);
    fake_hang();
}

/* Requests that break something. */
static void fake_break(char what, const struct bento_worker_job *job, uint32_t i)
{
    struct bento_link_shared *shared = fake_shared();
    struct bento_wire_result result;

    switch (what) {
    case 'g':
        fake_frame("\x20\0\0\0 this is no frame", 21, 32);
        break;
    case 'i':
        atomic_store(&shared->results.tail, (uint64_t)1 << 60);
        fake_signal();
        break;
    case 'o':
        result = fake_result(job->id + 1, i, 0, 0, 0);
        fake_frame(&result, sizeof result, sizeof result);
        break;
    case 'l':
        result = fake_result(job->id, i, 8, 8, BENTO_WIRE_MORE);
        fake_frame(&result, sizeof result, sizeof result + 8);
        break;
    case 'p':
        result = fake_result(job->id, i, 8, 100, BENTO_WIRE_MORE);
        fake_frame(&result, sizeof result, sizeof result + 8);
        fake_die();
        break;
    default:
        break;
    }
    fake_hang();
}

static void
fake_special(struct bento_worker *w, const struct bento_worker_job *job, uint32_t i)
{
    struct bento_worker_answer answer = { .status = 201 };
    struct bento_worker_request request;
    char name[64];

    (void)bento_worker_request(w, i, &request);
    switch (request.body[0]) {
    case 'v':
        (void)snprintf(name, sizeof name, "%.*s", (int)request.body_size - 1,
                       request.body + 1);
        fake_reply(w, i, getenv(name) ? getenv(name) : "(none)");
        break;
    case 'w':
        fake_reply(w, i,
                   mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, FAKE_AREA, 0) == MAP_FAILED
                       ? "refused"
                       : "allowed");
        break;
    case 'r':
        (void)snprintf(name, sizeof name, "%u", request.flags);
        fake_reply(w, i, name);
        break;
    case 'd':
        fake_reply(w, i, "first");
        if (bento_worker_reply(w, i, &answer, NULL) != BENTO_EINVAL)
            fake_die();
        break;
    case 'a':
        (void)bento_worker_hello(w, "{}", NULL);
        fake_hang();
        break;
    case 'c':
        (void)close(FAKE_CTL);
        fake_hang();
        break;
    case 'j':
        fake_reply(w, i, "jobs");
        atomic_store(&fake_shared()->jobs.head, 12);
        break;
    case 'f':
        fake_child(w, i);
        break;
    default:
        fake_break(request.body[0], job, i);
    }
}

static void
fake_do(struct bento_worker *w, const struct bento_worker_job *job, uint32_t i)
{
    struct bento_worker_answer answer = { .status = 200, .content = 2 };
    struct bento_worker_request request = { .body = NULL };

    (void)bento_worker_request(w, i, &request);
    answer.body = request.body;
    answer.body_size = request.body_size;
    char what = request.body_size ? request.body[0] : 'e';
    if (what == 'k')
        fake_die();
    bento_worker_started(w, i);
    switch (what) {
    case 'e':
        (void)bento_worker_reply(w, i, &answer, NULL);
        break;
    case 'b':
    case 'm':
        fake_big(w, i, request.body + 1, request.body_size - 1, what == 'b');
        break;
    case 'u':
        break;
    case 's':
        fake_die();
        break;
    case 'h':
        fake_hang();
        break;
    case 't':
        (void)bento_worker_reply(w, i, &answer, NULL);
        fake_hang();
        break;
    default:
        fake_special(w, job, i);
    }
}

/* Greets as the mode says; false when there is nothing more to do. */
static bool fake_greet(struct bento_worker *w, const char *mode, int *ret_status)
{
    const char *hello = "{\"wire\": 1, \"version\": \"1.2.3\"}";

    *ret_status = 0;
    if (strcmp(mode, "exit") == 0) {
        *ret_status = 3;
        return false;
    }
    if (strcmp(mode, "silent") == 0)
        fake_hang();
    if (strcmp(mode, "fail") == 0 || strcmp(mode, "fail-hang") == 0) {
        (void)bento_worker_hello(w, "{\"wire\": 1, \"error\": \"ValueError: no model\"}",
                                 NULL);
        if (mode[4])
            fake_hang();
        *ret_status = 1;
        return false;
    }
    if (strcmp(mode, "wire") == 0)
        hello = "{\"wire\": 7, \"version\": \"1.2.3\"}";
    else if (strcmp(mode, "version") == 0)
        hello = "{\"wire\": 1, \"version\": \"0.0.9\"}";
    else if (strcmp(mode, "garbage") == 0)
        hello = "hello there";
    (void)bento_worker_hello(w, hello, NULL);
    if (strcmp(mode, "deaf") == 0) {
        (void)signal(SIGTERM, SIG_IGN);
        fake_hang();
    }
    return true;
}

static int fake_worker_main(const char *mode)
{
    struct bento_worker *w = NULL;
    struct bento_worker_job job;
    int status;

    if (bento_worker_open(getenv("BENTO_LINK"), &w, NULL) != BENTO_OK)
        return 9;
    if (!fake_greet(w, mode, &status)) {
        bento_worker_close(w);
        return status;
    }
    for (;;) {
        bento_rc rc = bento_worker_wait(w, -1, &job, NULL);
        if (rc == BENTO_ETIMEOUT)
            continue;
        if (rc != BENTO_OK)
            break;
        int64_t start = bento_now_ns();
        for (uint32_t i = 0; i < job.count; i++)
            fake_do(w, &job, i);
        uint64_t busy = (uint64_t)(bento_now_ns() - start);
        (void)bento_worker_done(w, busy, busy, 1, 0, NULL);
    }
    bento_worker_close(w);
    return bento_alloc_live() ? 8 : 0;
}

#endif
