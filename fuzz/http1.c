/* HTTP/1 requests: bytes fed whole and in two pieces must give the same events. The first
 * byte chooses the cut. */
#include <stdint.h>
#include <stdlib.h>

#include "proto/http1.h"

struct trace {
    uint64_t hash;
    int heads;
};

static void mix(struct trace *t, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        t->hash = (t->hash ^ (unsigned char)p[i]) * 1099511628211ULL;
}

static int on_head(void *arg, const struct bento_http_head *head)
{
    struct trace *t = arg;

    t->heads++;
    mix(t, head->path.p, head->path.n);
    for (size_t i = 0; i < head->header_count; i++) {
        mix(t, head->headers[i].name.p, head->headers[i].name.n);
        mix(t, head->headers[i].value.p, head->headers[i].value.n);
    }
    return 0;
}

static int on_body(void *arg, const char *p, size_t n)
{
    mix(arg, p, n);
    return 0;
}

static struct trace run(const char *p, size_t n, size_t cut)
{
    static const struct bento_http1_events events = { on_head, NULL, on_body };
    struct bento_http1_limits limits = BENTO_HTTP1_LIMITS_INIT;
    struct trace t = { 1469598103934665603ULL, 0 };
    struct bento_http1 *parser = bento_http1_new(&limits, &events, &t);
    size_t at = 0;
    size_t end = cut < n ? cut : n;
    const char *reason;

    while (parser && at < n) {
        at += bento_http1_feed(parser, p + at, end - at);
        if (bento_http1_state(parser) == BENTO_HTTP1_FAILED) {
            t.heads += 1000 * bento_http1_status(parser, &reason);
            break;
        }
        if (bento_http1_state(parser) == BENTO_HTTP1_COMPLETE) {
            if (!bento_http1_head(parser)->keep_alive)
                break;
            bento_http1_next(parser);
        }
        if (at == end)
            end = n;
    }
    bento_http1_free(parser);
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const char *p = (const char *)data + 1;
    struct trace whole = run(p, size - 1, size - 1);
    struct trace split = run(p, size - 1, 1 + data[0] % (size - 1));
    if (whole.hash != split.hash || whole.heads != split.heads)
        abort();
    return 0;
}
