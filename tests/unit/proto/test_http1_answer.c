/* proto/http1_answer: heads to the byte, what may not stand in them, chunks, dates. */
#include <time.h>

#include "base/alloc.h"
#include "proto/http1.h"
#include "support/check.h"

/* BENTO_STR is no constant for static objects. */
#define TEXT(literal)                  \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

static struct bento_buf to;

static const char *head(struct bento_http_answer answer)
{
    bento_buf_clear(&to);
    bento_http1_answer(&to, &answer);
    return bento_buf_z(&to);
}

TEST(heads)
{
    static const struct bento_http_header headers[] = {
        { TEXT("X-A"), TEXT("1") },
        { TEXT("X-B"), TEXT("") },
    };

    CHECK_STR(head((struct bento_http_answer){ .status = 200,
                                               .minor = 1,
                                               .keep_alive = true,
                                               .length = 12,
                                               .type = BENTO_STR("text/plain"),
                                               .date = BENTO_STR("now"),
                                               .request_id = BENTO_STR("id"),
                                               .headers = headers,
                                               .header_count = 2 }),
              "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n"
              "X-Request-Id: id\r\nDate: now\r\nX-A: 1\r\nX-B: \r\n\r\n");
    CHECK_STR(head((struct bento_http_answer){ .status = 503, .minor = 1 }),
              "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
              "Connection: close\r\n\r\n");
    CHECK_STR(head((struct bento_http_answer){ .status = 404, .keep_alive = true }),
              "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n"
              "Connection: keep-alive\r\n\r\n"); /* of a 1.0 request */
    CHECK_STR(head((struct bento_http_answer){ .status = 299,
                                               .minor = 1,
                                               .keep_alive = true,
                                               .chunked = true,
                                               .length = 7 }),
              "HTTP/1.1 299 Unknown\r\nTransfer-Encoding: chunked\r\n\r\n");
    CHECK_STR(head((struct bento_http_answer){
                  .status = 200, .minor = 1, .keep_alive = true, .length = UINT64_MAX }),
              "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n");
}

TEST(answers_without_a_body)
{
    static const int statuses[] = { 100, 204, 304 };

    for (size_t i = 0; i < 3; i++)
        for (int chunked = 0; chunked < 2; chunked++) {
            char want[100];
            (void)snprintf(want, sizeof want, "HTTP/1.1 %d %s\r\n\r\n", statuses[i],
                           bento_http_reason(statuses[i]));
            CHECK_STR(head((struct bento_http_answer){ .status = statuses[i],
                                                       .minor = 1,
                                                       .keep_alive = true,
                                                       .chunked = chunked,
                                                       .length = 5,
                                                       .type = BENTO_STR("a/b") }),
                      want);
        }
}

TEST(header_lines)
{
    static const struct {
        struct bento_str name;
        struct bento_str value;
        bool good;
    } cases[] = {
        { TEXT("X-A"), TEXT("v"), true },
        { TEXT("!#$%&'*+-.^_`|~09azAZ"), TEXT("\t \x80\xff~"), true },
        { TEXT("X-A"), { NULL, 0 }, true },
        { { NULL, 0 }, TEXT("v"), false },
        { TEXT("X A"), TEXT("v"), false },
        { TEXT("X-A:"), TEXT("v"), false },
        { TEXT("X\0A"), TEXT("v"), false },
        { TEXT("X\x80"), TEXT("v"), false },
        { TEXT("X-A"), TEXT("v\r\nSet-Cookie: a"), false },
        { TEXT("X-A"), TEXT("v\n"), false },
        { TEXT("X-A"), TEXT("v\r"), false },
        { TEXT("X-A"), TEXT("v\0"), false },
        { TEXT("X-A"), TEXT("v\x7f"), false },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bento_http_header headers[2] = {
            { cases[i].name, cases[i].value },
            { BENTO_STR("X-After"), BENTO_STR("1") },
        };
        CHECK_INT(bento_http_header_ok(cases[i].name, cases[i].value), cases[i].good);
        const char *text = head((struct bento_http_answer){ .status = 200,
                                                            .minor = 1,
                                                            .keep_alive = true,
                                                            .headers = headers,
                                                            .header_count = 2 });
        CHECK(strstr(text, "X-After: 1\r\n\r\n") != NULL);
        if (!cases[i].good) /* left out whole */
            CHECK_STR(text, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-After: 1\r\n\r\n");
    }
}

TEST(chunks)
{
    static char text[5000];

    memset(text, 'x', sizeof text);
    bento_buf_clear(&to);
    bento_http1_chunk(&to, "abc", 3);
    bento_http1_chunk(&to, "0123456789abcdef", 16);
    bento_http1_chunk(&to, NULL, 0);
    CHECK_STR(bento_buf_z(&to), "3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
    bento_buf_clear(&to);
    bento_http1_chunk(&to, text, 4096 + 10);
    CHECK(strncmp(bento_buf_z(&to), "100a\r\nx", 7) == 0);
    CHECK_INT(to.n, 6 + 4106 + 2);
}

TEST(dates)
{
    static const int64_t days[] = { 0,          86399, 951782400,   1709164800,
                                    4102444799, -1,    253402300799 };
    char got[30];
    char want[64];

    bento_http_date(784111777, got);
    CHECK_STR(got, "Sun, 06 Nov 1994 08:49:37 GMT"); /* RFC 9110's example */
    for (int i = 0; i < 12 * 40; i++) {
        time_t at = (time_t)(i < 7 ? days[i] : (int64_t)i * 2629743 + i * 7919);
        struct tm parts;
        CHECK(gmtime_r(&at, &parts) != NULL);
        (void)strftime(want, sizeof want, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        bento_http_date(at, got);
        CHECK_STR(got, want);
    }
}

TEST(limit_and_memory)
{
    const struct bento_http_answer answer = { .status = 404,
                                              .minor = 1,
                                              .type = BENTO_STR("text/plain") };
    long live = bento_alloc_live();
    struct bento_buf small;

    bento_buf_clear(&to);
    bento_http1_answer(&to, &answer);
    for (size_t max = 0; max <= to.n; max++) {
        bento_buf_init(&small, max);
        bento_http1_answer(&small, &answer);
        CHECK_INT(small.rc, max < to.n ? BENTO_ETOOLARGE : BENTO_OK);
        bento_buf_release(&small);
    }
    bento_buf_init(&small, 10000);
    bento_alloc_fail_after(0);
    bento_http1_answer(&small, &answer);
    bento_http1_chunk(&small, "x", 1);
    bento_alloc_fail_after(-1);
    CHECK_INT(small.rc, BENTO_ENOMEM);
    CHECK_INT(small.n, 0);
    bento_buf_release(&small);
    CHECK_INT(bento_alloc_live(), live);
}

int main(void)
{
    bento_buf_init(&to, 100000);
    RUN(heads);
    RUN(answers_without_a_body);
    RUN(header_lines);
    RUN(chunks);
    RUN(dates);
    RUN(limit_and_memory);
    bento_buf_release(&to);
    return check_report();
}
