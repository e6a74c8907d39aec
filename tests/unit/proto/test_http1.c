/*
 * proto/http1: framing and policy. Every case is fed whole, byte by byte, and cut in two
 * at every position; all of these must give the same events. The smuggling shapes are
 * those that told eight servers apart (docs/architecture.md).
 */
#include "proto/http1.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "support/check.h"

struct trace {
    struct bento_buf log; /* what happened, in text */
};

static int on_head(void *arg, const struct bento_http_head *head)
{
    struct trace *t = arg;
    bento_buf_addf(&t->log, "[%.*s %.*s", BENTO_STR_ARG(head->method_name),
                   BENTO_STR_ARG(head->path));
    for (size_t i = 0; i < head->header_count; i++)
        if (!bento_str_ieq(head->headers[i].name, BENTO_STR("Host")))
            bento_buf_addf(&t->log, " %.*s=%.*s", BENTO_STR_ARG(head->headers[i].name),
                           BENTO_STR_ARG(head->headers[i].value));
    bento_buf_adds(&t->log, "]");
    return 0;
}

static int on_body(void *arg, const char *p, size_t n)
{
    struct trace *t = arg;
    bento_buf_add(&t->log, p, n);
    return 0;
}

static const struct bento_http1_events events = { on_head, NULL, on_body };

/* Feeds in pieces of `step` bytes, the first of `first` bytes; requests are answered at
 * once. */
static void run(struct bento_buf *log, const char *p, size_t n, size_t first, size_t step)
{
    struct bento_http1_limits limits = BENTO_HTTP1_LIMITS_INIT;
    struct trace t;
    const char *reason;
    bento_buf_init(&t.log, 1 << 20);
    struct bento_http1 *parser = bento_http1_new(&limits, &events, &t);
    size_t at = 0;
    size_t end = first < n ? first : n;
    while (at < n) {
        size_t used = bento_http1_feed(parser, p + at, end - at);
        at += used;
        if (bento_http1_state(parser) == BENTO_HTTP1_COMPLETE) {
            bento_buf_adds(&t.log, ".");
            if (!bento_http1_head(parser)->keep_alive) {
                bento_buf_adds(&t.log, "close");
                break;
            }
            bento_http1_next(parser);
        } else if (bento_http1_state(parser) == BENTO_HTTP1_FAILED) {
            bento_buf_addf(&t.log, "!%d", bento_http1_status(parser, &reason));
            break;
        }
        if (at == end)
            end = end + step < n ? end + step : n;
    }
    if (bento_http1_state(parser) == BENTO_HTTP1_HEAD ||
        bento_http1_state(parser) == BENTO_HTTP1_BODY)
        bento_buf_adds(&t.log, "...");
    bento_http1_free(parser);
    *log = t.log;
}

static void check_case(const char *name, const char *p, size_t n, const char *want)
{
    struct bento_buf whole;
    run(&whole, p, n, n, n);
    const char *got = bento_buf_z(&whole);
    check_done++;
    if (strcmp(got, want) != 0)
        CHECK_FAIL_("%s: got %s, wanted %s", name, got, want);
    size_t cuts = n > 600 ? 600 : n;
    for (size_t cut = 0; cut <= cuts; cut++) {
        struct bento_buf split;
        run(&split, p, n, cut ? cut : 1, cut ? n : 1);
        const char *other = bento_buf_z(&split);
        check_done++;
        if (strcmp(got, other) != 0)
            CHECK_FAIL_("%s: cut at %zu gives %s, whole gives %s", name, cut, other, got);
        bento_buf_release(&split);
    }
    bento_buf_release(&whole);
}

#define H  "POST /p HTTP/1.1\r\nHost: a\r\n"
#define B  "0123456789012345678" /* 19 bytes */
#define TE "Transfer-Encoding: chunked\r\n"
#define CASE(name, bytes, want)              \
    {                                        \
        name, bytes, sizeof(bytes) - 1, want \
    }

static const struct {
    const char *name;
    const char *bytes;
    size_t n;
    const char *want;
} cases[] = {
    /* accepted */
    CASE("plain", H "Content-Length: 19\r\n\r\n" B, "[POST /p Content-Length=19]" B "."),
    CASE("no body", "GET /x?y=1 HTTP/1.1\r\nHost: a\r\n\r\n", "[GET /x]."),
    CASE(
        "pipelined posts",
        H "Content-Length: 2\r\n\r\nab" H "Content-Length: 3\r\n\r\ncde" H
          "Content-Length: 0\r\n\r\n",
        "[POST /p Content-Length=2]ab.[POST /p Content-Length=3]cde.[POST /p Content-Length=0]."),
    CASE("length with trailing space",
         H "Content-Length: 19 \r\n\r\n" B,
         "[POST /p Content-Length=19]" B "."),
    CASE("chunked",
         H TE "\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
         "[POST /p Transfer-Encoding=chunked]hello!."),
    CASE("chunk extension",
         H TE "\r\n5;a=b\r\nhello\r\n0\r\n\r\n",
         "[POST /p Transfer-Encoding=chunked]hello."),
    CASE("trailer",
         H TE "\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n",
         "[POST /p Transfer-Encoding=chunked]hello.[GET /]."),
    CASE("1.0 closes", "GET / HTTP/1.0\r\n\r\n", "[GET /].close"),
    CASE("1.0 keep-alive",
         "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
         "[GET / Connection=keep-alive]."),
    CASE("connection close",
         "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
         "[GET / Connection=close].close"),
    CASE("escapes", "GET /a%20b%2Fc HTTP/1.1\r\nHost: a\r\n\r\n", "[GET /a b/c]."),
    CASE(
        "absolute form", "GET http://h/p%31?q HTTP/1.1\r\nHost: h\r\n\r\n", "[GET /p1]."),
    CASE(
        "upgrade is ignored",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
        "[GET / Connection=Upgrade Upgrade=h2c].[GET /2]."),
    CASE("options star", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "[OPTIONS *]."),
    CASE(
        "empty lines before a request",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
        "[GET /].[GET /2]."),
    /* refused: lengths */
    CASE("CL +19", H "Content-Length: +19\r\n\r\n" B, "!400"),
    CASE("CL 0x13", H "Content-Length: 0x13\r\n\r\n" B, "!400"),
    CASE("CL 1 9", H "Content-Length: 1 9\r\n\r\n" B, "!400"),
    CASE("CL 19.0", H "Content-Length: 19.0\r\n\r\n" B, "!400"),
    CASE("CL twice", H "Content-Length: 0\r\nContent-Length: 35\r\n\r\n" B, "!400"),
    CASE(
        "CL twice equal", H "Content-Length: 19\r\nContent-Length: 19\r\n\r\n" B, "!400"),
    CASE("CL list", H "Content-Length: 0, 35\r\n\r\n" B, "!400"),
    CASE("CL 2^64+19", H "Content-Length: 18446744073709551635\r\n\r\n" B, "!400"),
    CASE("CL 2^64-1", H "Content-Length: 18446744073709551615\r\n\r\n" B, "!413"),
    CASE("CL minus", H "Content-Length: -1\r\n\r\n" B, "!400"),
    /* refused: codings */
    CASE("CL and TE, CL.TE",
         H "Content-Length: 6\r\n" TE "\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n",
         "!400"),
    CASE("TE and CL, TE.CL",
         H TE "Content-Length: 4\r\n\r\n5c\r\nGET /evil HTTP/1.1\r\n\r\n0\r\n\r\n",
         "!400"),
    CASE("TE xchunked", H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "!400"),
    CASE("TE gzip, chunked",
         H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
         "!400"),
    CASE("TE twice", H TE TE "\r\n0\r\n\r\n", "!400"),
    CASE("TE with space before colon",
         H "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
         "!400"),
    CASE("CL with space before colon", H "Content-Length : 19\r\n\r\n" B, "!400"),
    CASE("TE on 1.0", "POST /p HTTP/1.0\r\n" TE "\r\n0\r\n\r\n", "!400"),
    /* refused: folds and line ends */
    CASE("obs-fold", H "X: a\r\n b\r\n\r\n", "!400"),
    CASE("obs-fold of an empty value", H "X:\r\n b\r\n\r\n", "!400"),
    CASE("obs-fold in TE", H "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "!400"),
    CASE("obs-fold in CL", H "Content-Length: 1\r\n 9\r\n\r\n" B, "!400"),
    CASE("fold before the first header",
         "POST /p HTTP/1.1\r\n Content-Length: 19\r\nHost: a\r\n\r\n" B,
         "!400"),
    CASE("bare CR", "POST /p HTTP/1.1\rHost: a\rContent-Length: 19\r\r" B, "!505"),
    CASE("CR hides a header",
         H "X:\rxTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "!400"),
    CASE("head ended CRLF CR X", H "\rX", "!400"),
    CASE("bare LF", "GET / HTTP/1.1\nHost: a\n\n", "!400"),
    CASE("NUL in value", H "X: a\0b\r\n\r\n", "!400"),
    CASE("NUL in target", "GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", "!400"),
    CASE("NUL in CL", H "Content-Length: 1\0\r\n\r\nx", "!400"),
    CASE("NUL in method", "GE\0T / HTTP/1.1\r\nHost: a\r\n\r\n", "!400"),
    CASE("space in name", H "X y: z\r\n\r\n", "!400"),
    CASE("empty name", H ": z\r\n\r\n", "!400"),
    /* refused: chunks */
    CASE("chunk size 0x13",
         H TE "\r\n0x13\r\n" B "\r\n0\r\n\r\n",
         "[POST /p Transfer-Encoding=chunked]!400"),
    CASE("chunk size +13",
         H TE "\r\n+13\r\n" B "\r\n0\r\n\r\n",
         "[POST /p Transfer-Encoding=chunked]!400"),
    CASE("chunk followed by XX",
         H TE "\r\n5\r\nhelloXX0\r\n\r\n",
         "[POST /p Transfer-Encoding=chunked]hello!400"),
    CASE("chunk without its end",
         H TE "\r\n5\r\nhello0\r\n\r\n",
         "[POST /p Transfer-Encoding=chunked]hello!400"),
    CASE("chunk size overflow",
         H TE "\r\nfffffffffffffffff\r\n",
         "[POST /p Transfer-Encoding=chunked]!400"),
    /* refused: host, version, method, target */
    CASE("two spaces before the target", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "!400"),
    CASE("two spaces behind the target", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "!400"),
    CASE("tab before the target", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", "!400"),
    CASE("space and tab", "GET \t/ HTTP/1.1\r\nHost: a\r\n\r\n", "!400"),
    CASE("space behind the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "!505"),
    CASE("space before the method", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", "!400"),
    CASE("no Host", "GET / HTTP/1.1\r\n\r\n", "!400"),
    CASE("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "!400"),
    CASE("0.9", "GET /\r\n\r\n", "!505"),
    CASE("2.0 in a request line", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "!505"),
    CASE("1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", "!505"),
    CASE("FOO", "FOO / HTTP/1.1\r\nHost: a\r\n\r\n", "!400"),
    CASE("CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "!405"),
    CASE("bad escape", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", "!400"),
    CASE("cut escape", "GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", "!400"),
    CASE("NUL escape", "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", "!400"),
    CASE("authority without path", "GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", "!400"),
    /* unfinished */
    CASE("half a head", "GET / HTTP/1.1\r\nHo", "..."),
    CASE("half a body",
         H "Content-Length: 19\r\n\r\n0123",
         "[POST /p Content-Length=19]0123..."),
};

TEST(table)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(cases[i].name, cases[i].bytes, cases[i].n, cases[i].want);
}

static void check_big(const char *name,
                      const char *head,
                      char fill,
                      size_t count,
                      const char *tail,
                      const char *want)
{
    struct bento_buf b;
    struct bento_buf log;
    bento_buf_init(&b, 4 << 20);
    bento_buf_adds(&b, head);
    for (size_t i = 0; i < count; i++)
        bento_buf_addc(&b, fill);
    bento_buf_adds(&b, tail);
    for (size_t step = 1000; step <= b.n; step = step * 7 + 13) {
        run(&log, b.p, b.n, step, step);
        check_done++;
        size_t n = strlen(want);
        if (log.n < n || memcmp(log.p + log.n - n, want, n) != 0)
            CHECK_FAIL_("%s in steps of %zu: ends %.*s", name, step,
                        (int)(log.n > 60 ? 60 : log.n),
                        log.p + (log.n > 60 ? log.n - 60 : 0));
        bento_buf_release(&log);
    }
    bento_buf_release(&b);
}

TEST(limits)
{
    check_big("long target", "GET /", 'a', 40000, " HTTP/1.1\r\nHost: a\r\n\r\n", "!414");
    check_big("long header", "GET / HTTP/1.1\r\nHost: a\r\nX: ", 'a', 100000, "\r\n\r\n",
              "!431");
    check_big("1 MB chunk extension", H TE "\r\n5;", 'a', 1 << 20,
              "\r\nhello\r\n0\r\n\r\n", "!400");
    check_big("1 MB trailer", H TE "\r\n5\r\nhello\r\n0\r\nX: ", 'a', 1 << 20, "\r\n\r\n",
              "!400");
    struct bento_buf b;
    struct bento_buf log;
    bento_buf_init(&b, 1 << 20);
    bento_buf_adds(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 10000; i++)
        bento_buf_adds(&b, "X: y\r\n");
    bento_buf_adds(&b, "\r\n");
    run(&log, b.p, b.n, b.n, b.n);
    CHECK_MEM(log.p, log.n, "!431");
    bento_buf_release(&log);
    bento_buf_release(&b);
}

static int refuse_413(void *arg, const struct bento_http_head *head)
{
    (void)arg;
    (void)head;
    return 413;
}

TEST(refusal_by_the_owner)
{
    struct bento_http1_limits limits = BENTO_HTTP1_LIMITS_INIT;
    struct bento_http1_events e = { refuse_413, NULL, on_body };
    const char *reason;
    struct bento_http1 *p = bento_http1_new(&limits, &e, NULL);
    const char *text = H "Content-Length: 5\r\n\r\nhello";
    (void)bento_http1_feed(p, text, strlen(text));
    CHECK_INT(bento_http1_state(p), BENTO_HTTP1_FAILED);
    CHECK_INT(bento_http1_status(p, &reason), 413);
    bento_http1_free(p);
}

static int refuse_above_9(void *arg, uint64_t n)
{
    struct trace *t = arg;

    bento_buf_addf(&t->log, "(%llu)", (unsigned long long)n);
    return n > 9 ? 413 : 0;
}

/* A chunk is announced before its first byte is there, its end not at all. */
TEST(chunks_are_announced)
{
    static const struct {
        const char *chunks;
        const char *want;
    } rows[] = {
        { "\r\n7FFFFFFFFFFFFFFF\r\n", "(9223372036854775807)!413" },
        { "\r\nFFFFFFFFFFFFFFFF;x=y\r\n", "(18446744073709551615)!413" },
        { "\r\n2\r\nab\r\nA\r\n", "(2)ab(10)!413" },
        { "\r\n9\r\n", "(9)" },
        { "\r\n2\r\nab\r\n0\r\n\r\n", "(2)ab." },
    };
    struct bento_http1_limits limits = BENTO_HTTP1_LIMITS_INIT;
    struct bento_http1_events e = { on_head, refuse_above_9, on_body };
    const char *reason;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t step = 1; step < 100; step += 98) {
            struct trace t;
            struct bento_buf text;
            bento_buf_init(&t.log, 1000);
            bento_buf_init(&text, 1000);
            bento_buf_addf(&text, "%s%s", H TE, rows[i].chunks);
            struct bento_http1 *p = bento_http1_new(&limits, &e, &t);
            for (size_t at = 0; at < text.n; at += step)
                (void)bento_http1_feed(p, text.p + at,
                                       step < text.n - at ? step : text.n - at);
            if (bento_http1_state(p) == BENTO_HTTP1_FAILED)
                bento_buf_addf(&t.log, "!%d", bento_http1_status(p, &reason));
            if (bento_http1_state(p) == BENTO_HTTP1_COMPLETE)
                bento_buf_adds(&t.log, ".");
            CHECK_STR(strchr(bento_buf_z(&t.log), ']') + 1, rows[i].want);
            bento_http1_free(p);
            bento_buf_release(&text);
            bento_buf_release(&t.log);
        }
}

/* What a client is told; bytes one by one, so that llhttp stops where it first can. */
TEST(reasons)
{
    static const char both[] = "both Content-Length and Transfer-Encoding";
    static const struct {
        const char *bytes;
        const char *want;
    } rows[] = {
        { H "Content-Length: 6\r\n" TE "\r\n", both },
        { H TE "Content-Length: 6\r\n\r\n", both },
        { H TE "X: y\r\nContent-Length: 6\r\n\r\n", both },
        { H "content-length: 0\r\n" TE "\r\n", both },
        { H "Content-Length: 6\r\nContent-Length: 6\r\n\r\n",
          "more than one Content-Length header" },
        { H "Content-Length: x\r\n\r\n", "malformed Content-Length" },
        { H "Transfer-Encoding: gzip\r\n\r\n",
          "only Transfer-Encoding: chunked is understood" },
    };
    struct bento_http1_limits limits = BENTO_HTTP1_LIMITS_INIT;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t step = 1; step < 200; step += 198) {
            struct trace t;
            const char *reason;
            size_t n = strlen(rows[i].bytes);
            bento_buf_init(&t.log, 1000);
            struct bento_http1 *p = bento_http1_new(&limits, &events, &t);
            for (size_t at = 0; at < n; at += step)
                (void)bento_http1_feed(p, rows[i].bytes + at,
                                       step < n - at ? step : n - at);
            CHECK_INT(bento_http1_status(p, &reason), 400);
            CHECK_STR(reason, rows[i].want);
            bento_http1_free(p);
            bento_buf_release(&t.log);
        }
}

TEST(expect)
{
    struct bento_http1_limits limits = BENTO_HTTP1_LIMITS_INIT;
    struct trace t;
    bento_buf_init(&t.log, 1000);
    struct bento_http1 *p = bento_http1_new(&limits, &events, &t);
    const char *text = H "Expect: 100-Continue\r\nContent-Length: 5\r\n\r\n";
    (void)bento_http1_feed(p, text, strlen(text));
    CHECK(bento_http1_head(p)->expect_continue && !bento_http1_head(p)->expect_other);
    CHECK_INT(bento_http1_body_left(p), 5);
    bento_http1_free(p);
    p = bento_http1_new(&limits, &events, &t);
    text = H "Expect: the worst\r\nContent-Length: 5\r\n\r\n";
    (void)bento_http1_feed(p, text, strlen(text));
    CHECK(!bento_http1_head(p)->expect_continue && bento_http1_head(p)->expect_other);
    bento_http1_free(p);
    bento_buf_release(&t.log);
}

TEST(answers)
{
    struct bento_buf b;
    struct bento_http_header h[2] = { { BENTO_STR("X-A"), BENTO_STR("1") },
                                      { BENTO_STR("X-B"), BENTO_STR("a\r\nEvil: 1") } };
    struct bento_http_answer a = { .status = 201,
                                   .minor = 1,
                                   .keep_alive = false,
                                   .length = 5,
                                   .type = BENTO_STR("text/plain"),
                                   .headers = h,
                                   .header_count = 2 };
    char date[30];
    bento_buf_init(&b, 1000);
    bento_http1_answer(&b, &a);
    CHECK_STR(
        bento_buf_z(&b),
        "HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nX-A: 1\r\nConnection: close\r\n\r\n");
    bento_buf_clear(&b);
    bento_http1_chunk(&b, "0123456789abcdef0", 17);
    bento_http1_chunk(&b, NULL, 0);
    CHECK_STR(bento_buf_z(&b), "11\r\n0123456789abcdef0\r\n0\r\n\r\n");
    bento_http_date(784111777, date);
    CHECK_STR(date, "Sun, 06 Nov 1994 08:49:37 GMT");
    bento_buf_release(&b);
}

TEST(failing_memory)
{
    long live = bento_alloc_live();
    for (long n = 0; n < 12; n++) {
        struct bento_http1_limits limits = BENTO_HTTP1_LIMITS_INIT;
        struct trace t;
        bento_buf_init(&t.log, 4000);
        bento_alloc_fail_after(n);
        struct bento_http1 *p = bento_http1_new(&limits, &events, &t);
        if (p) {
            const char *text = H "Content-Length: 5\r\n\r\nhello";
            (void)bento_http1_feed(p, text, strlen(text));
            CHECK(bento_http1_state(p) == BENTO_HTTP1_COMPLETE ||
                  bento_http1_state(p) == BENTO_HTTP1_FAILED);
        }
        bento_http1_free(p);
        bento_alloc_fail_after(-1);
        bento_buf_release(&t.log);
    }
    CHECK_INT(bento_alloc_live(), live);
}

int main(void)
{
    RUN(table);
    RUN(limits);
    RUN(refusal_by_the_owner);
    RUN(chunks_are_announced);
    RUN(reasons);
    RUN(expect);
    RUN(answers);
    RUN(failing_memory);
    return check_report();
}
