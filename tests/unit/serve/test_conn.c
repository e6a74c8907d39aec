/* serve/conn over loopback TCP: order of pipelined requests, clients that read slowly,
 * half-close, reset or send nothing, limits of each phase, lingering, 100 Continue,
 * draining. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "fixture.h"

#define MS 1000000ll

struct socket {
    int fd;
    bool eof;
    bool reset;
    size_t max; /* stop reading at so many bytes; 0: never */
    struct bento_buf in;
};

static struct server *server;

static void dial_with(struct socket *s, int receive_buffer)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)server->port) };

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *s = (struct socket){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    bento_buf_init(&s->in, 64u << 20);
    if (receive_buffer)
        (void)setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer,
                         sizeof receive_buffer);
    CHECK_INT(connect(s->fd, (struct sockaddr *)&to, sizeof to), 0);
    CHECK_INT(fcntl(s->fd, F_SETFL, O_NONBLOCK), 0);
}

static void dial(struct socket *s)
{
    dial_with(s, 0);
}

static void hang_up(struct socket *s)
{
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
    bento_buf_release(&s->in);
}

/* Takes what has come. */
static void take(struct socket *s)
{
    while (!s->eof && !s->reset && (!s->max || s->in.n < s->max)) {
        char *to = bento_buf_reserve(&s->in, 65536);
        ssize_t n = recv(s->fd, to, 65536, 0);
        if (n > 0)
            bento_buf_commit(&s->in, (size_t)n);
        else if (n == 0)
            s->eof = true;
        else if (errno == ECONNRESET)
            s->reset = true;
        else
            return;
    }
}

static const char *text_of(struct socket *s)
{
    take(s);
    return bento_buf_z(&s->in);
}

static int occurrences(struct socket *s, const char *what)
{
    int n = 0;

    for (const char *p = text_of(s); (p = strstr(p, what)); p += strlen(what))
        n++;
    return n;
}

/* Sends all of it, turning the loop while the socket is full. */
static void put(struct socket *s, const char *p, size_t n)
{
    int64_t end = bento_now_ns() + LIMIT_NS;

    while (n && bento_now_ns() < end) {
        ssize_t sent = send(s->fd, p, n, MSG_NOSIGNAL);
        if (sent > 0) {
            p += sent;
            n -= (size_t)sent;
        } else if (errno != EAGAIN) {
            return;
        }
        (void)uv_run(&server->loop, UV_RUN_NOWAIT);
    }
    CHECK_INT(n, 0);
}

static void say(struct socket *s, const char *text)
{
    put(s, text, strlen(text));
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(path, n, b) \
    "POST " path " HTTP/1.1\r\nHost: x\r\nContent-Length: " #n "\r\n\r\n" b
#define OK_LINE "HTTP/1.1 200 OK\r\n"

/* ---- order ---- */

TEST(one_after_another)
{
    struct socket s;

    dial(&s);
    say(&s, GET("/healthz"));
    UNTIL(server, occurrences(&s, OK_LINE) == 1);
    CHECK(strstr(text_of(&s), "\r\nContent-Length: 1\r\n") != NULL);
    CHECK(strstr(text_of(&s), "Connection:") == NULL);
    bento_buf_clear(&s.in);
    say(&s, POST("/plain", 5, "e one"));
    UNTIL(server, strstr(text_of(&s), "\r\n\r\ne one"));
    CHECK(strstr(text_of(&s), "\r\nX-Request-Id: ") != NULL);
    CHECK_INT(server->connections, 1);
    CHECK_INT(server->metrics.connections, 1);
    hang_up(&s);
    UNTIL(server, server->connections == 0);
    CHECK_INT(server->metrics.connections, 0);
}

/* Fast answers wait for the slow ones before them, and all come in order. */
TEST(pipelined)
{
    struct socket s;
    char want[64];
    size_t at = 0;

    dial(&s);
    for (int i = 0; i < 40; i++) {
        char request[200];
        (void)snprintf(request, sizeof request,
                       i % 2 ? GET("/nothing%03d") : POST("/plain", 4, "e%03d"), i);
        say(&s, request);
    }
    UNTIL(server, occurrences(&s, "HTTP/1.1 ") == 40);
    UNTIL(server, server->exchanges == 0);
    take(&s);
    for (int i = 0; i < 40; i++) {
        const char *all = bento_buf_z(&s.in);
        const char *line = strstr(all + at, "HTTP/1.1 ");
        CHECK(line && strncmp(line + 9, i % 2 ? "404" : "200", 3) == 0);
        (void)snprintf(want, sizeof want, "\r\n\r\ne%03d", i);
        const char *body = i % 2 ? line : strstr(line, want);
        CHECK(body != NULL);
        at = body ? (size_t)(body - all) + 1 : at;
    }
    hang_up(&s);
}

TEST(byte_by_byte)
{
    struct socket s;
    const char *text = POST("/plain", 5, "e one") GET("/healthz");

    dial(&s);
    for (size_t i = 0; text[i]; i++) {
        put(&s, text + i, 1);
        (void)uv_run(&server->loop, UV_RUN_NOWAIT);
    }
    UNTIL(server, occurrences(&s, OK_LINE) == 2);
    CHECK(strstr(text_of(&s), "\r\n\r\ne oneHTTP/1.1 200") != NULL);
    hang_up(&s);
}

/* While a request runs, at most a bounded number of further bytes is taken from the
 * socket. */
TEST(pipelining_is_bounded)
{
    static char flood[6000 * 40]; /* more than may wait unparsed */
    struct socket s;
    int pid = worker_pid(server);
    size_t sent = 0;

    for (size_t i = 0; i < sizeof flood; i += 40)
        memcpy(flood + i, "GET /healthz HTTP/1.1\r\nHost: xxxxxxx\r\n\r\n", 40);
    dial(&s);
    CHECK_INT(kill(pid, SIGSTOP), 0);
    say(&s, POST("/plain", 1, "e"));
    UNTIL(server, server->waits.count[PHASE_EXEC] == 1);
    for (int i = 0; i < 1000 && sent < sizeof flood; i++) {
        ssize_t n = send(s.fd, flood + sent, sizeof flood - sent, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        (void)uv_run(&server->loop, UV_RUN_NOWAIT);
    }
    turns(server, 20);
    CHECK_INT(occurrences(&s, "HTTP/1.1 "), 0);
    CHECK_INT(server->exchanges, 1);
    CHECK_INT(kill(pid, SIGCONT), 0);
    put(&s, flood + sent, sizeof flood - sent);
    UNTIL(server, occurrences(&s, OK_LINE) == 6001);
    hang_up(&s);
}

/* ---- bodies ---- */

TEST(a_large_body_and_a_large_answer)
{
    static char body[3000000];
    struct socket s;
    char head[200];

    for (size_t i = 0; i < sizeof body; i++)
        body[i] = fake_pattern(i);
    body[0] = 'e';
    dial(&s);
    (void)snprintf(head, sizeof head,
                   "POST /plain HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
                   sizeof body);
    say(&s, head);
    put(&s, body, sizeof body);
    UNTIL(server, (take(&s), s.in.n > sizeof body));
    UNTIL(server, server->exchanges == 0);
    CHECK(s.in.n > sizeof body &&
          memcmp(s.in.p + s.in.n - sizeof body, body, sizeof body) == 0);
    hang_up(&s);
}

TEST(chunked)
{
    struct socket s;

    dial(&s);
    say(&s, "POST /plain HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            "2\r\ne \r\n3\r\none\r\n0\r\n\r\n" GET("/healthz"));
    UNTIL(server, occurrences(&s, OK_LINE) == 2);
    CHECK(strstr(text_of(&s), "\r\n\r\ne oneHTTP/1.1 200") != NULL);
    hang_up(&s);
}

/* 20 MiB are 0x1400000: what would go beyond is refused when it is announced. */
TEST(chunks_beyond_the_limit)
{
    static const struct {
        const char *chunks;
        int refused;
    } rows[] = {
        { "7FFFFFFFFFFFFFFF\r\n", 1 },
        { "1400001\r\n", 1 },
        { "1400000\r\nx", 0 },
        { "2\r\nab\r\n13FFFFF\r\n", 1 },
        { "2\r\nab\r\n13FFFFE\r\nx", 0 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct socket s;
        dial(&s);
        say(&s, "POST /plain HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        say(&s, rows[i].chunks);
        turns(server, 20);
        take(&s);
        CHECK_INT(occurrences(&s, "HTTP/1.1 413 "), rows[i].refused);
        hang_up(&s);
        UNTIL(server, server->connections == 0);
    }
}

TEST(continue_100)
{
    struct socket s;

    dial(&s);
    say(&s,
        "POST /plain HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    UNTIL(server, *text_of(&s));
    CHECK_STR(text_of(&s), "HTTP/1.1 100 Continue\r\n\r\n");
    say(&s, "e one");
    UNTIL(server, strstr(text_of(&s), "\r\n\r\ne one"));
    bento_buf_clear(&s.in);
    say(&s,
        "POST /plain HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n");
    UNTIL(server, (take(&s), s.eof));
    CHECK_INT(occurrences(&s, "HTTP/1.1 413 "),
              1); /* refused without asking for the body */
    CHECK_INT(occurrences(&s, "100 Continue"), 0);
    hang_up(&s);
}

TEST(unknown_expectation)
{
    struct socket s;

    dial(&s);
    say(&s,
        "POST /plain HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: tea\r\n\r\nx");
    UNTIL(server, (take(&s), s.eof));
    CHECK_INT(occurrences(&s, "HTTP/1.1 417 "), 1);
    hang_up(&s);
}

TEST(head_has_no_body)
{
    struct socket s;

    dial(&s);
    say(&s,
        "HEAD /docs.json HTTP/1.1\r\nHost: x\r\n\r\nHEAD /nothing HTTP/1.1\r\nHost: x\r\n\r\n" GET(
            "/healthz"));
    UNTIL(server, occurrences(&s, "HTTP/1.1 ") == 3);
    CHECK(strstr(text_of(&s), "\r\nContent-Length: 14\r\n") != NULL);
    CHECK(strstr(text_of(&s), "openapi") == NULL);
    CHECK_INT(occurrences(&s, "\r\n\r\nHTTP/1.1 "), 2);
    hang_up(&s);
}

/* ---- ends ---- */

TEST(http_1_0)
{
    struct socket s;

    dial(&s);
    say(&s, "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    UNTIL(server, occurrences(&s, "\r\nConnection: keep-alive\r\n") == 1);
    say(&s, "GET /healthz HTTP/1.0\r\n\r\n");
    UNTIL(server, (take(&s), s.eof));
    CHECK_INT(occurrences(&s, "\r\nConnection: close\r\n"), 1);
    CHECK_INT(server->waits.count[PHASE_LINGER], 1); /* until the client has closed too */
    hang_up(&s);
    UNTIL(server, server->connections == 0);
}

/* What was sent before the end of file is answered, all of it. */
TEST(half_close)
{
    struct socket s;

    dial(&s);
    say(&s, POST("/plain", 5, "e one") POST("/plain", 5, "e two"));
    CHECK_INT(shutdown(s.fd, SHUT_WR), 0);
    UNTIL(server, (take(&s), s.eof));
    CHECK(!s.reset);
    CHECK_INT(occurrences(&s, OK_LINE), 2);
    const char *first = strstr(text_of(&s), "e one");
    CHECK(first && strstr(first, "e two") != NULL);
    CHECK_INT(occurrences(&s, "Connection: close"), 1);
    UNTIL(server, server->connections == 0);
    hang_up(&s);
}

TEST(half_close_within_a_request)
{
    struct socket s;

    dial(&s);
    say(&s, "POST /plain HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\ne");
    CHECK_INT(shutdown(s.fd, SHUT_WR), 0);
    UNTIL(server, (take(&s), s.eof));
    CHECK_STR(text_of(&s), "");
    UNTIL(server, server->connections == 0 && server->exchanges == 0);
    hang_up(&s);
}

TEST(reset_cancels)
{
    struct linger now = { 1, 0 };
    struct socket s;
    int pid = worker_pid(server);
    double before = counted(&server->metrics.mb_total, "plain", 499);

    CHECK_INT(kill(pid, SIGSTOP), 0);
    dial(&s);
    say(&s, POST("/plain", 5, "e one"));
    UNTIL(server, server->apis[PLAIN].running == 1);
    CHECK_INT(setsockopt(s.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    hang_up(&s);
    UNTIL(server, server->connections == 0);
    CHECK_INT(counted(&server->metrics.mb_total, "plain", 499), before + 1);
    CHECK_INT(kill(pid, SIGCONT), 0);
    UNTIL(server, server->exchanges == 0);
}

/* A refused request: the answer arrives although the client goes on sending for a while.
 */
TEST(refused_and_lingering)
{
    static char body[300000];
    struct socket s;

    dial(&s);
    say(&s, "POST /plain HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n");
    UNTIL(server, server->waits.count[PHASE_LINGER] == 1);
    put(&s, body, sizeof body);
    turns(server, 20);
    UNTIL(server, (take(&s), s.eof || s.reset));
    CHECK(!s.reset);
    CHECK_INT(occurrences(&s, "HTTP/1.1 413 "), 1);
    CHECK_INT(occurrences(&s, "\r\nConnection: close\r\n"), 1);
    CHECK_INT(server->connections, 1);
    for (int i = 0; i < 8 && server->connections; i++) /* not for ever, though */
        put(&s, body, sizeof body);
    UNTIL(server, server->connections == 0);
    hang_up(&s);
}

TEST(no_http)
{
    struct socket s;

    dial(&s);
    say(&s, "\x16\x03\x01 hello\r\n\r\n");
    UNTIL(server, (take(&s), s.eof));
    CHECK_INT(occurrences(&s, "HTTP/1.1 400 "), 1);
    CHECK_INT(occurrences(&s, "\r\n\r\n400: Bad Request"), 1);
    hang_up(&s);
    UNTIL(server, server->connections == 0);
}

/* ---- limits ---- */

/* With a limit of 100 ms for that phase, the connection ends; the status that is said
 * before, 0: none. */
static void check_limit(enum phase phase, const char *text, int status)
{
    int64_t kept = server->waits.limit_ns[phase];
    int64_t start = bento_now_ns();
    struct socket s;
    char line[32];

    server->waits.limit_ns[phase] = 100 * MS;
    dial(&s);
    say(&s, text);
    UNTIL(server, server->waits.count[phase] == 1);
    UNTIL(server, (take(&s), s.eof || s.reset));
    CHECK(bento_now_ns() - start >= 95 * MS);
    (void)snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    CHECK_INT(occurrences(&s, "HTTP/1.1 "), status ? 1 : 0);
    CHECK_INT(occurrences(&s, line), status ? 1 : 0);
    hang_up(&s);
    UNTIL(server, server->connections == 0);
    server->waits.limit_ns[phase] = kept;
}

TEST(time_limits)
{
    check_limit(PHASE_IDLE, "", 0);
    check_limit(PHASE_HEAD, "GET /healthz HT", 408);
    check_limit(PHASE_BODY,
                "POST /plain HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\ne", 408);
}

TEST(lingering_is_limited)
{
    int64_t kept = server->waits.limit_ns[PHASE_LINGER];
    struct socket s;

    server->waits.limit_ns[PHASE_LINGER] = 100 * MS;
    dial(&s);
    say(&s, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    UNTIL(server, (take(&s), s.eof));
    CHECK_INT(occurrences(&s, OK_LINE), 1);
    UNTIL(server, server->connections == 0); /* although the client keeps its side open */
    server->waits.limit_ns[PHASE_LINGER] = kept;
    hang_up(&s);
}

/* An answer of 8 MB to a client that does not read: the memory is bounded by the answer,
 * the time by the limit. */
TEST(a_reader_that_stalls)
{
    int64_t kept = server->waits.limit_ns[PHASE_WRITE];
    struct socket s;

    server->waits.limit_ns[PHASE_WRITE] = 200 * MS;
    dial_with(&s, 4096);
    say(&s, POST("/plain", 8, "b8000000"));
    UNTIL(server, server->waits.count[PHASE_WRITE] == 1);
    UNTIL(server, server->connections == 0);
    UNTIL(server, server->exchanges == 0);
    hang_up(&s);
    server->waits.limit_ns[PHASE_WRITE] = kept;
}

/* One that reads slowly but steadily is not cut off, however long it takes altogether. */
TEST(a_reader_that_is_slow)
{
    int64_t kept = server->waits.limit_ns[PHASE_WRITE];
    int64_t start = bento_now_ns();
    struct socket s;
    bool wrong = false;

    server->waits.limit_ns[PHASE_WRITE] = 200 * MS;
    dial_with(&s, 65536);
    say(&s, POST("/plain", 9, "b24000000") GET("/healthz"));
    while (s.in.n < 23000000 && !s.eof && !s.reset && bento_now_ns() - start < LIMIT_NS) {
        s.max = s.in.n + 1000000;
        take(&s);
        turns(server, 20);
    }
    s.max = 0;
    UNTIL(server, (take(&s), s.in.n > 24000000) && occurrences(&s, OK_LINE) == 2);
    CHECK(bento_now_ns() - start > 200 * MS);
    const char *body = strstr(bento_buf_z(&s.in), "\r\n\r\n");
    for (size_t i = 0; body && i < 24000000; i++)
        wrong = wrong || body[4 + i] != fake_pattern(i);
    CHECK(body && !wrong);
    hang_up(&s);
    server->waits.limit_ns[PHASE_WRITE] = kept;
}

/* ---- returning clients and the drain ---- */

TEST(returning)
{
    struct socket a;
    struct socket b;
    int64_t last = 7;

    dial(&a);
    dial(&b);
    say(&a, POST("/plain", 1, "e"));
    say(&b, POST("/loose", 1, "e"));
    UNTIL(server, occurrences(&a, OK_LINE) + occurrences(&b, OK_LINE) == 2);
    CHECK_INT(conn_returning(server, &server->apis[PLAIN], 0, &last), 1);
    CHECK(last > 0 && last <= server->now_ns);
    CHECK_INT(conn_returning(server, &server->apis[LOOSE], 0, &last), 1);
    CHECK_INT(conn_returning(server, &server->apis[LOOSE], INT64_MAX, &last), 0);
    CHECK_INT(last, 0);
    CHECK_INT(conn_returning(server, &server->apis[QUICK], 0, &last), 0);
    hang_up(&a);
    hang_up(&b);
    UNTIL(server, server->connections == 0);
}

TEST(drain)
{
    struct bento_error err = BENTO_ERROR_INIT;
    struct socket busy;
    struct socket idle;
    int pid = worker_pid(server);

    dial(&idle);
    say(&idle, GET("/healthz"));
    dial(&busy);
    CHECK_INT(kill(pid, SIGSTOP), 0);
    say(&busy, POST("/plain", 5, "e one"));
    UNTIL(server, server->apis[PLAIN].running == 1 && occurrences(&idle, OK_LINE) == 1);
    server_drain(server);
    say(&idle, GET("/healthz")); /* was on its way: answered, with the news */
    UNTIL(server, (take(&idle), idle.eof));
    CHECK_INT(occurrences(&idle, OK_LINE), 2);
    CHECK_INT(occurrences(&idle, "\r\nConnection: close\r\n"), 1);
    turns(server, 60);
    CHECK_INT(occurrences(&busy, "HTTP/1.1 "), 0);
    CHECK_INT(kill(pid, SIGCONT), 0);
    UNTIL(server, (take(&busy), busy.eof));
    CHECK(strstr(text_of(&busy), "\r\n\r\ne one") != NULL);
    CHECK_INT(occurrences(&busy, "\r\nConnection: close\r\n"), 1);
    hang_up(&busy);
    hang_up(&idle);
    CHECK_INT(server_run(server, &err), BENTO_OK);
}

int main(int argc, char **argv)
{
    int status;

    if (!fixture_main(argc, argv, &status))
        return status;
    long live = bento_alloc_live();
    server = fixture_open(NULL);
    RUN(one_after_another);
    RUN(pipelined);
    RUN(byte_by_byte);
    RUN(pipelining_is_bounded);
    RUN(a_large_body_and_a_large_answer);
    RUN(chunked);
    RUN(chunks_beyond_the_limit);
    RUN(continue_100);
    RUN(unknown_expectation);
    RUN(head_has_no_body);
    RUN(http_1_0);
    RUN(half_close);
    RUN(half_close_within_a_request);
    RUN(reset_cancels);
    RUN(refused_and_lingering);
    RUN(no_http);
    RUN(time_limits);
    RUN(lingering_is_limited);
    RUN(a_reader_that_stalls);
    RUN(a_reader_that_is_slow);
    RUN(returning);
    RUN(drain);
    return fixture_report(live);
}
