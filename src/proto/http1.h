/*
 * HTTP/1.x, server side, without I/O: bytes in, one request at a time out.
 *
 * llhttp in strict mode splits the bytes; the policy on top of it is ours and closes what
 * the parser leaves open:
 *   - HTTP/1.0 and 1.1 only; anything else (0.9, 2.0 in a request line, unknown version)
 * is refused
 *   - exactly one Host on 1.1, at most one on 1.0; an empty header name or an obs-fold is
 * refused
 *   - Transfer-Encoding only as exactly `chunked` (any case), never on 1.0, never with
 * Content-Length
 *   - one SP, no more, on either side of the request target
 *   - one Content-Length (a second one is refused even when equal)
 *   - CONNECT is refused; `Upgrade` is ignored, the bytes behind the request stay HTTP
 *   - limits on the request line, on header bytes, on header count, and on
 * chunk-extension and trailer bytes
 *   - trailers are read and thrown away, never merged into the headers
 *   - after any error the connection cannot be used again: answer `status`, then close
 *
 * Invariants:
 *  1. bento_http1_feed stops at the end of every request: bytes behind it are not
 * consumed. The owner answers, calls bento_http1_next, and feeds the rest. So requests of
 * a connection are answered in order by construction.
 *  2. `head` and everything it points to stay valid until bento_http1_next or
 * bento_http1_release.
 *  3. Body bytes are handed out in place (pointing into the fed bytes), never copied,
 * never buffered here.
 *  4. No clock, no socket, no global state. Memory: one growing head buffer per parser,
 * bounded by the limits.
 */
#ifndef BENTO_PROTO_HTTP1_H
#define BENTO_PROTO_HTTP1_H

#include "base/buf.h"

struct bento_http_header {
    struct bento_str name;  /* as sent */
    struct bento_str value; /* trimmed */
};

enum bento_http_method {
    BENTO_HTTP_OTHER = 0, /* known to the parser, not to us: routes answer 405 */
    BENTO_HTTP_GET,
    BENTO_HTTP_HEAD,
    BENTO_HTTP_POST,
    BENTO_HTTP_PUT,
    BENTO_HTTP_DELETE,
    BENTO_HTTP_OPTIONS,
    BENTO_HTTP_PATCH
};

/* What a request says before its body; the same for HTTP/1 and, later, HTTP/2. */
struct bento_http_head {
    enum bento_http_method method;
    struct bento_str method_name;
    struct bento_str target; /* request target as sent */
    struct bento_str path;   /* of the target, percent-decoded; never contains NUL; starts
                                with '/' (or is "*") */
    struct bento_str query;  /* as sent, without '?' */
    const struct bento_http_header *headers;
    size_t header_count;
    int64_t content_length; /* -1: not stated */
    bool chunked;
    bool has_body;        /* content_length > 0 or chunked */
    bool keep_alive;      /* what the client asked for */
    bool expect_continue; /* Expect: 100-continue on 1.1 with a body */
    bool expect_other;    /* an Expect we do not know: answer 417 */
    int minor;            /* 0 or 1 */
};

/* Value of the first header of that name (any case); p == NULL when absent. */
struct bento_str bento_http_header_get(const struct bento_http_head *head,
                                       struct bento_str name);

struct bento_http1_limits {
    size_t line_bytes;     /* request line: longer gives 414 */
    size_t head_bytes;     /* request line and headers together: more gives 431 */
    size_t header_count;   /* more gives 431 */
    size_t overhead_bytes; /* chunk sizes, extensions and trailers of one body: more gives
                              400 */
};

#define BENTO_HTTP1_LIMITS_INIT              \
    {                                        \
        16 * 1024, 32 * 1024, 128, 16 * 1024 \
    }

struct bento_http1_events {
    /* The head is complete. Return 0 to read the body, or an HTTP status to refuse the
     * request before its body (the parser then fails with that status). */
    int (*on_head)(void *arg, const struct bento_http_head *head);
    /* A chunk of n > 0 bytes is announced; may be NULL. Return as on_body does. */
    int (*on_chunk)(void *arg, uint64_t n);
    /* A piece of the body, n > 0. Return 0, or an HTTP status to fail with (413, 503). */
    int (*on_body)(void *arg, const char *p, size_t n);
};

enum bento_http1_state {
    BENTO_HTTP1_IDLE,     /* nothing of a request was read yet */
    BENTO_HTTP1_HEAD,     /* inside request line or headers */
    BENTO_HTTP1_BODY,     /* inside the body */
    BENTO_HTTP1_COMPLETE, /* a whole request was read: answer it, then bento_http1_next */
    BENTO_HTTP1_FAILED    /* answer `status`, then close */
};

struct bento_http1; /* opaque */

struct bento_http1 *bento_http1_new(const struct bento_http1_limits *limits,
                                    const struct bento_http1_events *events,
                                    void *arg);
void bento_http1_free(struct bento_http1 *parser);
/* Consumes bytes up to the end of the current request; returns how many. n may be 0.
 * After FAILED or COMPLETE it consumes nothing. */
size_t bento_http1_feed(struct bento_http1 *p, const char *from, size_t n);
enum bento_http1_state bento_http1_state(const struct bento_http1 *parser);
/* Of a failed parser: the status to answer and why, one line fit for a client. */
int bento_http1_status(const struct bento_http1 *parser, const char **ret_reason);
/* Valid from on_head until bento_http1_next. */
const struct bento_http_head *bento_http1_head(const struct bento_http1 *parser);
/* Body bytes that a body of stated length still lacks; 0 for chunked bodies or outside a
 * body. */
uint64_t bento_http1_body_left(const struct bento_http1 *parser);
/* Forget the answered request and be ready for the next one. */
void bento_http1_next(struct bento_http1 *parser);

/* ---- answers ---- */

const char *bento_http_reason(int status);
/* Whether name and value may stand in a header line (token; no CR, LF, NUL). */
bool bento_http_header_ok(struct bento_str name, struct bento_str value);

struct bento_http_answer {
    int status;
    int minor; /* of the request */
    bool keep_alive;
    bool chunked;                /* body length unknown; length is ignored */
    uint64_t length;             /* body bytes (also what HEAD would have had) */
    struct bento_str type;       /* Content-Type, empty: none */
    struct bento_str date;       /* IMF-fixdate of now, empty: no Date line */
    struct bento_str request_id; /* X-Request-Id, empty: none */
    const struct bento_http_header *headers; /* further ones; bad ones are left out */
    size_t header_count;
};

/* Appends status line, headers and the empty line. 204 and 304 carry neither type nor
 * length. */
void bento_http1_answer(struct bento_buf *to, const struct bento_http_answer *answer);
/* Appends one chunk (n > 0), or the last chunk (n == 0). */
void bento_http1_chunk(struct bento_buf *to, const char *p, size_t n);
/* IMF-fixdate of a Unix time; `to` holds at least 30 bytes. */
void bento_http_date(int64_t unix_seconds, char to[30]);

#endif
