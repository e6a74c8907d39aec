/*
 * Closed-loop HTTP load: N keep-alive connections, each sends its next request as soon as
 * it has the whole answer to the last one. Latencies are kept one by one, so percentiles
 * are exact. Prints a JSON object per line: when counting starts, when it ends, the
 * result.
 *
 * Usage: bento_load [-c CONNS] [-d MS] [-w WARMUP_MS] [-m METHOD] [-b BODY] PORT PATH
 *
 * Only 127.0.0.1 is asked. The run is bounded: the two times plus at most 2 s for what is
 * still in flight, whatever the server does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"

#define CONNS_MAX   4096
#define HEAD_MAX    16384
#define SAMPLES_MAX (64u << 20)
#define GRACE_NS    2000000000ll

enum body_kind { BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE };

struct conn {
    int fd;
    bool waiting; /* for an answer */
    bool last;    /* the server closes after this answer */
    bool head_seen;
    enum body_kind kind;
    int status;
    uint64_t left; /* of the body or the chunk */
    bool chunk_line;
    size_t n; /* bytes in head */
    int64_t sent_ns;
    char head[HEAD_MAX];
};

struct load {
    struct conn *conns;
    unsigned count;
    int epoll;
    uint16_t port;
    char request[65536];
    size_t request_size;
    bool counting, stopping;
    uint32_t *samples; /* ns / 16 */
    size_t sample_count, sample_room;
    uint64_t answered, other_status, failed;
    unsigned in_flight;
};

static int64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void sample_add(struct load *l, int64_t latency_ns)
{
    if (l->sample_count == l->sample_room) {
        size_t room = l->sample_room ? 2 * l->sample_room : 1u << 16;
        uint32_t *grown = room <= SAMPLES_MAX
                              ? bento_realloc(l->samples, room, sizeof *l->samples)
                              : NULL;
        if (!grown) {
            fprintf(stderr, "bento_load: too many samples\n");
            exit(1);
        }
        l->samples = grown;
        l->sample_room = room;
    }
    int64_t units = latency_ns / 16;
    l->samples[l->sample_count++] = units > UINT32_MAX ? UINT32_MAX : (uint32_t)units;
}

/* ---- connections ---- */

static bool conn_open(struct load *l, struct conn *c)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(l->port) };
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
    int one = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return false;
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0 ||
        epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0) {
        (void)close(c->fd);
        c->fd = -1;
        return false;
    }
    return true;
}

static void conn_close(struct load *l, struct conn *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
    if (c->waiting) {
        c->waiting = false;
        l->in_flight--;
    }
}

static void conn_send(struct load *l, struct conn *c)
{
    if (c->fd < 0 && !conn_open(l, c)) {
        l->failed++;
        return;
    }
    c->waiting = true;
    c->head_seen = false;
    c->n = 0;
    l->in_flight++;
    c->sent_ns = now_ns();
    /* A request is far smaller than a socket buffer, which is empty now. */
    if (send(c->fd, l->request, l->request_size, MSG_NOSIGNAL) !=
        (ssize_t)l->request_size) {
        l->failed++;
        conn_close(l, c);
    }
}

/* ---- answers ---- */

static bool head_parse(struct conn *c, size_t size)
{
    struct bento_str rest = { c->head, size };
    struct bento_str line;
    uint64_t value;

    if (!bento_str_next(&rest, '\n', &line) || line.n < 12 ||
        memcmp(line.p, "HTTP/1.", 7) != 0 ||
        !bento_parse_u64(bento_str_from(line.p + 9, 3), 100, 599, &value))
        return false;
    c->status = (int)value;
    c->kind = BODY_UNTIL_CLOSE;
    c->last = line.p[7] == '0';
    while (bento_str_next(&rest, '\n', &line)) {
        struct bento_str name;
        if (!bento_str_next(&line, ':', &name))
            continue;
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        line = bento_str_trim(line);
        if (bento_str_ieq(name, BENTO_STR("content-length"))) {
            if (!bento_parse_u64(line, 0, UINT32_MAX, &c->left))
                return false;
            c->kind = BODY_LENGTH;
        } else if (bento_str_ieq(name, BENTO_STR("transfer-encoding"))) {
            c->kind = BODY_CHUNKED;
            c->chunk_line = true;
            c->left = 0;
        } else if (bento_str_ieq(name, BENTO_STR("connection"))) {
            c->last = bento_str_ieq(line, BENTO_STR("close"));
        }
    }
    c->last = c->last || c->kind == BODY_UNTIL_CLOSE;
    return true;
}

/* Takes body bytes off the front of head[]; true when the body is whole. */
static bool body_take(struct conn *c, bool *ret_bad)
{
    size_t at = 0;
    bool whole = false;

    while (!whole) {
        if (c->kind == BODY_LENGTH || !c->chunk_line) {
            size_t take = c->n - at < c->left ? c->n - at : (size_t)c->left;
            at += take;
            c->left -= take;
            if (c->left)
                break;
            whole = c->kind == BODY_LENGTH;
            c->chunk_line = true;
            continue;
        }
        char *end = memmem(c->head + at, c->n - at, "\r\n", 2);
        if (!end)
            break;
        uint64_t size = 0;
        for (char *p = c->head + at; p < end && *p != ';'; p++) {
            const char *digits = "0123456789abcdef";
            const char *digit = strchr(digits, *p | 0x20);
            if (!digit || size > UINT32_MAX) {
                *ret_bad = true;
                return false;
            }
            size = size * 16 + (uint64_t)(digit - digits);
        }
        at = (size_t)(end - c->head) + 2;
        c->left = size + 2; /* and its line end; after the last chunk the empty line */
        c->chunk_line = false;
        if (size == 0) {
            c->kind = BODY_LENGTH;
        }
    }
    memmove(c->head, c->head + at, c->n - at);
    c->n -= at;
    return whole;
}

static void answer_done(struct load *l, struct conn *c)
{
    int64_t now = now_ns();

    c->waiting = false;
    l->in_flight--;
    if (l->counting) {
        l->answered++;
        l->other_status += c->status != 200;
        sample_add(l, now - c->sent_ns);
    }
    if (c->last)
        conn_close(l, c);
    if (!l->stopping)
        conn_send(l, c);
}

static void conn_fail(struct load *l, struct conn *c)
{
    l->failed++;
    conn_close(l, c);
    if (!l->stopping)
        conn_send(l, c);
}

static void conn_read(struct load *l, struct conn *c)
{
    ssize_t n = recv(c->fd, c->head + c->n, HEAD_MAX - c->n, MSG_DONTWAIT);
    bool bad = false;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        if (n == 0 && c->waiting && c->head_seen && c->kind == BODY_UNTIL_CLOSE)
            answer_done(l, c);
        else if (c->waiting)
            conn_fail(l, c);
        else
            conn_close(l, c);
        return;
    }
    c->n += (size_t)n;
    if (!c->waiting) { /* an answer nobody asked for */
        conn_fail(l, c);
        return;
    }
    if (!c->head_seen) {
        char *end = memmem(c->head, c->n, "\r\n\r\n", 4);
        if (!end) {
            if (c->n == HEAD_MAX)
                conn_fail(l, c);
            return;
        }
        size_t size = (size_t)(end - c->head) + 4;
        if (!head_parse(c, size)) {
            conn_fail(l, c);
            return;
        }
        c->head_seen = true;
        c->n -= size;
        memmove(c->head, c->head + size, c->n);
    }
    if (c->kind == BODY_UNTIL_CLOSE) {
        c->n = 0;
        return;
    }
    if (body_take(c, &bad))
        answer_done(l, c);
    else if (bad)
        conn_fail(l, c);
}

/* ---- a run ---- */

static void run_until(struct load *l, int64_t end_ns)
{
    struct epoll_event events[256];

    for (;;) {
        int64_t left = end_ns - now_ns();
        if (left <= 0 || (l->stopping && !l->in_flight))
            return;
        int n = epoll_wait(l->epoll, events, 256, (int)(left / 1000000) + 1);
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (c->fd >= 0)
                conn_read(l, c);
        }
        if (l->failed > 1000000 || (!l->stopping && !l->in_flight)) {
            fprintf(stderr, "bento_load: the server does not answer\n");
            return;
        }
    }
}

static int sample_order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static double percentile(const struct load *l, double share)
{
    if (!l->sample_count)
        return 0;
    size_t at = (size_t)(share * (double)(l->sample_count - 1));
    return l->samples[at] * 16 / 1e3;
}

static void report(struct load *l, double span_s)
{
    struct rusage use;
    double sum = 0;

    (void)getrusage(RUSAGE_SELF, &use);
    if (l->sample_count)
        qsort(l->samples, l->sample_count, sizeof *l->samples, sample_order);
    for (size_t i = 0; i < l->sample_count; i++)
        sum += l->samples[i] * 16 / 1e3;
    printf("{\"requests\": %llu, \"non_200\": %llu, \"failed\": %llu, \"seconds\": %.4f, "
           "\"rps\": %.1f, \"mean_us\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
           "\"max_us\": %.1f, \"client_cpu_s\": %.4f}\n",
           (unsigned long long)l->answered, (unsigned long long)l->other_status,
           (unsigned long long)l->failed, span_s, (double)l->answered / span_s,
           l->sample_count ? sum / (double)l->sample_count : 0, percentile(l, 0.5),
           percentile(l, 0.99), percentile(l, 1),
           (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
               (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
}

static int usage(void)
{
    fprintf(stderr, "usage: bento_load [-c CONNS] [-d MS] [-w WARMUP_MS] [-m METHOD] "
                    "[-b BODY] PORT PATH\n");
    return 2;
}

int main(int argc, char **argv)
{
    static struct load l;
    const char *method = "POST";
    const char *body = "";
    uint64_t conns = 8;
    uint64_t counted_ms = 3000;
    uint64_t warmup_ms = 500;
    uint64_t port = 0;
    int option;

    while ((option = getopt(argc, argv, "c:d:w:m:b:")) != -1) {
        bool ok = option != '?';
        if (option == 'c')
            ok = bento_parse_u64(bento_str_of(optarg), 1, CONNS_MAX, &conns);
        else if (option == 'd')
            ok = bento_parse_u64(bento_str_of(optarg), 1, 3600000, &counted_ms);
        else if (option == 'w')
            ok = bento_parse_u64(bento_str_of(optarg), 0, 600000, &warmup_ms);
        else if (option == 'm')
            method = optarg;
        else if (option == 'b')
            body = optarg;
        if (!ok)
            return usage();
    }
    if (argc - optind != 2 ||
        !bento_parse_u64(bento_str_of(argv[optind]), 1, 65535, &port))
        return usage();
    int size = snprintf(l.request, sizeof l.request,
                        "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                        method, argv[optind + 1], (int)port, strlen(body), body);
    l.count = (unsigned)conns;
    l.port = (uint16_t)port;
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    l.conns = bento_calloc(l.count, sizeof *l.conns);
    if (size < 0 || (size_t)size >= sizeof l.request || l.epoll < 0 || !l.conns) {
        fprintf(stderr, "bento_load: cannot start\n");
        return 1;
    }
    l.request_size = (size_t)size;
    for (unsigned i = 0; i < l.count; i++) {
        l.conns[i].fd = -1;
        conn_send(&l, &l.conns[i]);
    }
    run_until(&l, now_ns() + (int64_t)warmup_ms * 1000000);
    l.failed = 0;
    l.counting = true;
    int64_t start = now_ns();
    printf("{\"counting\": true}\n");
    (void)fflush(stdout);
    run_until(&l, start + (int64_t)counted_ms * 1000000);
    l.counting = false;
    double span = (double)(now_ns() - start) / 1e9;
    printf("{\"counting\": false}\n");
    (void)fflush(stdout);
    l.stopping = true;
    run_until(&l, now_ns() + GRACE_NS);
    report(&l, span);
    for (unsigned i = 0; i < l.count; i++)
        conn_close(&l, &l.conns[i]);
    bento_free(l.conns);
    bento_free(l.samples);
    (void)close(l.epoll);
    return l.answered == 0;
}
