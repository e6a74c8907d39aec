/*
 * HTTP/1.x requests; see http1.h. llhttp does the grammar, this file the policy.
 *
 * Every head is collected in one contiguous buffer, and llhttp runs over that buffer as
 * bytes arrive. So slices of a head never span reads, and a value that continues anywhere
 * but right behind its last byte can only be an obs-fold. Body bytes are never copied:
 * once the head is complete llhttp runs over the fed bytes themselves.
 */
#include "proto/http1.h"

#include <llhttp.h>

#include "base/alloc.h"

#define OVERHEAD_PER_BODY_BYTE \
    8 /* one-byte chunks are legal, a flood of framing is not */

struct span {
    size_t at;
    size_t n;
};

struct field {
    struct span name;
    struct span value;
};

struct bento_http1 {
    llhttp_t llhttp;
    struct bento_http1_limits limits;
    const struct bento_http1_events *events;
    void *arg;
    enum bento_http1_state state;
    int status;         /* of a failed parser */
    const char *reason; /* constant text */

    struct bento_buf raw;  /* bytes of the head */
    struct bento_buf path; /* decoded path */
    const char *base;      /* raw.p while llhttp runs over the head */
    struct span target;
    struct field *fields; /* limits.header_count + 1 */
    size_t field_count;
    bool name_open; /* the last header callback was for a name */
    struct bento_http_header *headers;
    struct bento_http_head head;

    uint64_t body_done; /* body bytes handed out */
    uint64_t overhead;  /* framing bytes of the body */
    uint64_t run;       /* framing bytes since the last body byte */
    size_t piece;       /* body bytes of the current feed */
};

/* ---- failing ---- */

static int refuse(struct bento_http1 *p, int status, const char *reason)
{
    if (!p->status) {
        p->status = status;
        p->reason = reason;
    }
    return HPE_USER;
}

static void fail(struct bento_http1 *p, int status, const char *reason)
{
    (void)refuse(p, status, reason);
    p->state = BENTO_HTTP1_FAILED;
}

/* ---- llhttp callbacks over the head ---- */

/* Extends a span by a piece; false when the piece does not follow directly. */
static bool extend(struct bento_http1 *p, struct span *span, const char *at, size_t n)
{
    size_t offset = (size_t)(at - p->base);

    if (span->n == 0)
        span->at = offset;
    else if (span->at + span->n != offset)
        return false;
    span->n += n;
    return true;
}

static int on_url(llhttp_t *llhttp, const char *at, size_t n)
{
    struct bento_http1 *p = llhttp->data;

    if (!extend(p, &p->target, at, n))
        return refuse(p, 400, "malformed request line");
    if (p->target.n > p->limits.line_bytes)
        return refuse(p, 414, "the request target is too long");
    return 0;
}

static int on_field(llhttp_t *llhttp, const char *at, size_t n)
{
    struct bento_http1 *p = llhttp->data;

    if (p->state == BENTO_HTTP1_BODY)
        return 0; /* trailers are thrown away */
    if (!p->name_open) {
        if (p->field_count >= p->limits.header_count)
            return refuse(p, 431, "too many headers");
        p->fields[p->field_count++] = (struct field){ { 0, 0 }, { 0, 0 } };
        p->name_open = true;
    }
    if (!extend(p, &p->fields[p->field_count - 1].name, at, n))
        return refuse(p, 400, "malformed header name");
    return 0;
}

static int on_value(llhttp_t *llhttp, const char *at, size_t n)
{
    struct bento_http1 *p = llhttp->data;

    if (p->state == BENTO_HTTP1_BODY)
        return 0;
    if (p->field_count == 0)
        return refuse(p, 400, "a header has no name");
    struct field *field = &p->fields[p->field_count - 1];
    p->name_open = false;
    if (field->name.n == 0)
        return refuse(p, 400, "a header has no name");
    if (!extend(p, &field->value, at, n))
        return refuse(p, 400, "header lines must not be folded");
    return 0;
}

static int on_field_complete(llhttp_t *llhttp)
{
    struct bento_http1 *p = llhttp->data;

    if (p->state != BENTO_HTTP1_BODY && !p->name_open)
        return refuse(p, 400, "a header has no name");
    return 0;
}

/* ---- the complete head ---- */

struct bento_str bento_http_header_get(const struct bento_http_head *head,
                                       struct bento_str name)
{
    for (size_t i = 0; i < head->header_count; i++)
        if (bento_str_ieq(head->headers[i].name, name))
            return head->headers[i].value;
    return bento_str_from(NULL, 0);
}

static struct bento_str slice(const struct bento_http1 *p, struct span span)
{
    return bento_str_from(p->base + span.at, span.n);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static int decode_path(struct bento_http1 *p, struct bento_str raw)
{
    bento_buf_clear(&p->path);
    char *to = bento_buf_reserve(&p->path, raw.n + 1);
    size_t n = 0;

    if (!to)
        return refuse(p, 503, "out of memory");
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (c == '%') {
            bool whole = i + 2 < raw.n;
            int high = whole ? hex_value(raw.p[i + 1]) : -1;
            int low = whole ? hex_value(raw.p[i + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return refuse(p, 400, "malformed escape in the request target");
            c = (char)(high << 4 | low);
            i += 2;
        }
        to[n++] = c;
    }
    bento_buf_commit(&p->path, n);
    p->head.path = bento_buf_str(&p->path);
    return 0;
}

/* RFC 9112 3: one SP on either side of the target. llhttp takes more before it. */
static bool line_spaced(const struct bento_http1 *p, size_t method)
{
    const char *end = p->base + p->target.at + p->target.n;
    size_t start = 0;

    while (p->base[start] == '\r' || p->base[start] == '\n') /* before the line */
        start++;
    return p->target.at == start + method + 1 && end[0] == ' ' && end[1] == 'H';
}

/* origin-form, absolute-form, or "*". */
static int split_target(struct bento_http1 *p)
{
    struct bento_str target = slice(p, p->target);
    struct bento_str rest = target;

    p->head.target = target;
    if (bento_str_starts(target, BENTO_STR("http://")) ||
        bento_str_starts(target, BENTO_STR("https://"))) {
        size_t skip = target.p[4] == 's' ? 8 : 7;
        const char *slash = memchr(target.p + skip, '/', target.n - skip);
        if (!slash)
            return refuse(p, 400, "the request target has no path");
        rest = bento_str_from(slash, target.n - (size_t)(slash - target.p));
    } else if (bento_str_eq(target, BENTO_STR("*"))) {
        if (p->llhttp.method != HTTP_OPTIONS)
            return refuse(p, 400, "the request target has no path");
    } else if (target.n == 0 || target.p[0] != '/') {
        return refuse(p, 400, "the request target has no path");
    }
    struct bento_str path;
    (void)bento_str_next(&rest, '?', &path);
    p->head.query = rest.p ? rest : bento_str_from("", 0);
    return decode_path(p, path);
}

static enum bento_http_method method_of(uint8_t method)
{
    switch (method) {
    case HTTP_GET:
        return BENTO_HTTP_GET;
    case HTTP_HEAD:
        return BENTO_HTTP_HEAD;
    case HTTP_POST:
        return BENTO_HTTP_POST;
    case HTTP_PUT:
        return BENTO_HTTP_PUT;
    case HTTP_DELETE:
        return BENTO_HTTP_DELETE;
    case HTTP_OPTIONS:
        return BENTO_HTTP_OPTIONS;
    case HTTP_PATCH:
        return BENTO_HTTP_PATCH;
    default:
        return BENTO_HTTP_OTHER;
    }
}

struct seen {
    unsigned hosts;
    unsigned lengths;
    unsigned codings;
    struct bento_str coding;
    struct bento_str expect;
};

static void note_header(struct seen *seen, const struct bento_http_header *h)
{
    switch (h->name.n) {
    case 4:
        seen->hosts += bento_str_ieq(h->name, BENTO_STR("Host"));
        break;
    case 6:
        if (bento_str_ieq(h->name, BENTO_STR("Expect")))
            seen->expect = h->value;
        break;
    case 14:
        seen->lengths += bento_str_ieq(h->name, BENTO_STR("Content-Length"));
        break;
    case 17:
        if (bento_str_ieq(h->name, BENTO_STR("Transfer-Encoding"))) {
            seen->codings++;
            seen->coding = h->value;
        }
        break;
    default:
        break;
    }
}

/* Why the length of a body is stated more than once; NULL when it is not. */
static const char *stated_twice(const struct seen *seen)
{
    if (seen->lengths && seen->codings)
        return "both Content-Length and Transfer-Encoding";
    return seen->lengths > 1 ? "more than one Content-Length header" : NULL;
}

static int check_framing(struct bento_http1 *p, const struct seen *seen)
{
    const char *twice = stated_twice(seen);

    if (p->head.minor == 1 ? seen->hosts != 1 : seen->hosts > 1)
        return refuse(p, 400,
                      seen->hosts ? "more than one Host header" : "no Host header");
    if (twice)
        return refuse(p, 400, twice);
    if (seen->codings && (seen->codings > 1 || p->head.minor == 0 ||
                          !bento_str_ieq(seen->coding, BENTO_STR("chunked"))))
        return refuse(p, 400, "only Transfer-Encoding: chunked is understood");
    if (seen->lengths && p->llhttp.content_length > (uint64_t)INT64_MAX)
        return refuse(p, 413, "the body is too large");
    return 0;
}

/* A value that begins on another line than its name. */
static bool folded(const struct bento_http1 *p, const struct field *field)
{
    size_t end = field->name.at + field->name.n;

    return field->value.n && memchr(p->base + end, '\n', field->value.at - end) != NULL;
}

static int build_head(struct bento_http1 *p)
{
    struct seen seen = { 0, 0, 0, { NULL, 0 }, { NULL, 0 } };
    struct bento_http_head *head = &p->head;
    const char *name = llhttp_method_name((llhttp_method_t)p->llhttp.method);

    *head = (struct bento_http_head){ .method = method_of(p->llhttp.method),
                                      .method_name = bento_str_of(name),
                                      .minor = p->llhttp.http_minor,
                                      .content_length = -1 };
    if (p->llhttp.http_major != 1 || p->llhttp.http_minor > 1)
        return refuse(p, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    if (!line_spaced(p, head->method_name.n))
        return refuse(p, 400, "malformed request line");
    if (p->llhttp.method == HTTP_CONNECT)
        return refuse(p, 405, "this server is no proxy");
    for (size_t i = 0; i < p->field_count; i++) {
        if (folded(p, &p->fields[i]))
            return refuse(p, 400, "header lines must not be folded");
        p->headers[i].name = slice(p, p->fields[i].name);
        p->headers[i].value = bento_str_trim(slice(p, p->fields[i].value));
        note_header(&seen, &p->headers[i]);
    }
    head->headers = p->headers;
    head->header_count = p->field_count;
    int rc = check_framing(p, &seen);
    if (rc)
        return rc;
    head->chunked = seen.codings != 0;
    if (seen.lengths)
        head->content_length = (int64_t)p->llhttp.content_length;
    head->has_body = head->chunked || head->content_length > 0;
    head->keep_alive = llhttp_should_keep_alive(&p->llhttp);
    bool asks = bento_str_ieq(seen.expect, BENTO_STR("100-continue"));
    head->expect_continue = asks && head->minor == 1 && head->has_body;
    head->expect_other = seen.expect.n && !asks;
    return split_target(p);
}

static int on_headers_complete(llhttp_t *llhttp)
{
    struct bento_http1 *p = llhttp->data;

    llhttp->upgrade = 0; /* ignored: the bytes behind stay HTTP */
    int rc = build_head(p);
    if (rc)
        return -1;
    p->state = BENTO_HTTP1_BODY;
    int status = p->events->on_head(p->arg, &p->head);
    if (status) {
        (void)refuse(p, status, "");
        return -1;
    }
    return 0;
}

/* ---- body ---- */

/* What does not fit is refused before it is sent. */
static int on_chunk_header(llhttp_t *llhttp)
{
    struct bento_http1 *p = llhttp->data;

    if (!p->events->on_chunk || llhttp->content_length == 0)
        return 0;
    int status = p->events->on_chunk(p->arg, llhttp->content_length);
    return status ? refuse(p, status, "") : 0;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t n)
{
    struct bento_http1 *p = llhttp->data;

    p->body_done += n;
    p->piece += n;
    p->run = 0;
    int status = p->events->on_body(p->arg, at, n);
    return status ? refuse(p, status, "") : 0;
}

static int on_message_complete(llhttp_t *llhttp)
{
    struct bento_http1 *p = llhttp->data;

    p->state = BENTO_HTTP1_COMPLETE;
    return HPE_PAUSED;
}

static const llhttp_settings_t *settings(void)
{
    static const llhttp_settings_t table = {
        .on_url = on_url,
        .on_header_field = on_field,
        .on_header_field_complete = on_field_complete,
        .on_header_value = on_value,
        .on_headers_complete = on_headers_complete,
        .on_chunk_header = on_chunk_header,
        .on_body = on_body,
        .on_message_complete = on_message_complete,
    };

    return &table;
}

/* ---- the parser ---- */

static void start_message(struct bento_http1 *p)
{
    p->state = BENTO_HTTP1_IDLE;
    p->field_count = 0;
    p->name_open = false;
    p->target = (struct span){ 0, 0 };
    p->body_done = p->overhead = p->run = 0;
    bento_buf_clear(&p->raw);
}

struct bento_http1 *bento_http1_new(const struct bento_http1_limits *limits,
                                    const struct bento_http1_events *events,
                                    void *arg)
{
    struct bento_http1 *p = bento_calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->limits = *limits;
    p->events = events;
    p->arg = arg;
    bento_buf_init(&p->raw, limits->head_bytes);
    bento_buf_init(&p->path, limits->head_bytes + 1);
    p->fields = bento_calloc(limits->header_count, sizeof *p->fields);
    p->headers = bento_calloc(limits->header_count, sizeof *p->headers);
    if (!p->fields || !p->headers) {
        bento_http1_free(p);
        return NULL;
    }
    llhttp_init(&p->llhttp, HTTP_REQUEST, settings());
    p->llhttp.data = p;
    start_message(p);
    return p;
}

void bento_http1_free(struct bento_http1 *p)
{
    if (!p)
        return;
    bento_buf_release(&p->raw);
    bento_buf_release(&p->path);
    bento_free(p->fields);
    bento_free(p->headers);
    bento_free(p);
}

/* The framing headers of a head that llhttp refused half way. */
static struct seen seen_so_far(const struct bento_http1 *p)
{
    struct seen seen = { 0, 0, 0, { NULL, 0 }, { NULL, 0 } };

    for (size_t i = 0; i < p->field_count && p->state == BENTO_HTTP1_HEAD; i++) {
        struct bento_http_header h = { slice(p, p->fields[i].name), { NULL, 0 } };
        note_header(&seen, &h);
    }
    return seen;
}

/* Status and reason of what llhttp refused. */
static void fail_parse(struct bento_http1 *p, llhttp_errno_t code)
{
    struct seen seen = seen_so_far(p);

    if (p->status)
        p->state = BENTO_HTTP1_FAILED;
    else if (stated_twice(&seen))
        fail(p, 400, stated_twice(&seen));
    else if (code == HPE_INVALID_METHOD)
        fail(p, 400, "unknown method");
    else if (code == HPE_INVALID_VERSION)
        fail(p, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    else if (code == HPE_UNEXPECTED_CONTENT_LENGTH || code == HPE_INVALID_CONTENT_LENGTH)
        fail(p, 400, "malformed Content-Length");
    else if (code == HPE_INVALID_TRANSFER_ENCODING)
        fail(p, 400, "only Transfer-Encoding: chunked is understood");
    else if (code == HPE_INVALID_CHUNK_SIZE)
        fail(p, 400, "malformed chunk");
    else
        fail(p, 400, "malformed request");
}

/* Runs llhttp; returns the bytes it consumed. */
static size_t execute(struct bento_http1 *p, const char *from, size_t n)
{
    llhttp_errno_t code = llhttp_execute(&p->llhttp, from, n);

    if (code == HPE_OK)
        return n;
    const char *at = llhttp_get_error_pos(&p->llhttp);
    size_t used = at && at >= from && at <= from + n ? (size_t)(at - from) : n;
    if (code == HPE_PAUSED && p->state == BENTO_HTTP1_COMPLETE) {
        llhttp_resume(&p->llhttp);
        return used;
    }
    fail_parse(p, code);
    return used;
}

/* Bytes up to and including the empty line that probably ends the head; n when it is not
 * there. A wrong guess costs a further round, never correctness. */
static size_t head_part(const struct bento_http1 *p, const char *from, size_t n)
{
    size_t i = 0;

    /* The empty line may have begun in the bytes before. */
    if (p->raw.n && p->raw.p[p->raw.n - 1] == '\n') {
        if (from[0] == '\n')
            return 1;
        if (from[0] == '\r' && n > 1 && from[1] == '\n')
            return 2;
    }
    while (i < n) {
        const char *end = memchr(from + i, '\n', n - i);
        if (!end)
            return n;
        i = (size_t)(end - from) + 1;
        if (i < n && from[i] == '\n')
            return i + 1;
        if (i + 1 < n && from[i] == '\r' && from[i + 1] == '\n')
            return i + 2;
    }
    return n;
}

static size_t feed_head(struct bento_http1 *p, const char *from, size_t n)
{
    size_t part = head_part(p, from, n);
    size_t room = p->limits.head_bytes - p->raw.n;

    if (room == 0) {
        bool in_line = p->field_count == 0;
        fail(p, in_line ? 414 : 431,
             in_line ? "the request target is too long" : "the headers are too large");
        return 0;
    }
    if (part > room)
        part = room;
    size_t start = p->raw.n;
    bento_buf_add(&p->raw, from, part);
    if (p->raw.rc != BENTO_OK) {
        fail(p, 503, "out of memory");
        return 0;
    }
    p->base = p->raw.p;
    p->state = BENTO_HTTP1_HEAD;
    p->piece = 0;
    size_t used = execute(p, p->raw.p + start, part);
    /* A head without its empty line at the start of raw (a guess gone wrong) just
     * continues; a body never begins here, because the empty line ended the part. */
    return used;
}

static size_t feed_body(struct bento_http1 *p, const char *from, size_t n)
{
    p->piece = 0;
    p->base = from;
    size_t used = execute(p, from, n);
    size_t framing = used - (p->piece < used ? p->piece : used);
    p->overhead += framing;
    p->run = p->piece ? 0 : p->run + framing;
    if (p->state == BENTO_HTTP1_BODY && p->head.chunked &&
        (p->run > p->limits.overhead_bytes ||
         p->overhead > p->limits.overhead_bytes + p->body_done * OVERHEAD_PER_BODY_BYTE))
        fail(p, 400, "too much framing around the body");
    return used;
}

size_t bento_http1_feed(struct bento_http1 *p, const char *from, size_t n)
{
    size_t used = 0;

    while (used < n && p->state != BENTO_HTTP1_COMPLETE &&
           p->state != BENTO_HTTP1_FAILED) {
        if (p->state == BENTO_HTTP1_BODY) {
            size_t left = n - used;
            size_t step = p->head.chunked && left > p->limits.overhead_bytes
                              ? p->limits.overhead_bytes
                              : left;
            used += feed_body(p, from + used, step);
        } else {
            used += feed_head(p, from + used, n - used);
        }
    }
    return used;
}

enum bento_http1_state bento_http1_state(const struct bento_http1 *p)
{
    return p->state;
}

int bento_http1_status(const struct bento_http1 *p, const char **ret_reason)
{
    *ret_reason = p->reason ? p->reason : "";
    return p->status;
}

const struct bento_http_head *bento_http1_head(const struct bento_http1 *p)
{
    return p->state == BENTO_HTTP1_BODY || p->state == BENTO_HTTP1_COMPLETE ? &p->head
                                                                            : NULL;
}

uint64_t bento_http1_body_left(const struct bento_http1 *p)
{
    if (p->state != BENTO_HTTP1_BODY || p->head.content_length < 0)
        return 0;
    return (uint64_t)p->head.content_length - p->body_done;
}

void bento_http1_next(struct bento_http1 *p)
{
    if (p->state == BENTO_HTTP1_COMPLETE)
        start_message(p);
}
