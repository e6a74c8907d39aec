/*
 * Routes: what becomes of a request once its head is known, and the infrastructure routes
 * of spec 7.2.
 *
 * API routes win over nothing: the reserved names cannot be API routes. Paths are
 * compared after percent-decoding, without their leading '/'. A refused request's body is
 * read and thrown away when it is small, so that the connection survives; otherwise the
 * connection closes after the answer.
 */
#include <jansson.h>

#include "base/log.h"
#include "proto/wire.h"
#include "serve/server.h"

#define HEADERS_MAX 128

struct infra {
    const char *path; /* without leading '/' */
    unsigned methods; /* bits of enum bento_http_method */
    const char *allow;
    exchange_handler handler;
};

#define M(method) (1u << BENTO_HTTP_##method)
#define GET_HEAD  (M(GET) | M(HEAD))

static const struct bento_str type_text = { "text/plain; charset=utf-8", 25 };
static const struct bento_str type_json = { "application/json", 16 };
static const struct bento_str type_html = { "text/html; charset=utf-8", 24 };

static void handle_refusal(struct exchange *x)
{
    struct bento_http_header allow = { BENTO_STR("Allow"), bento_str_of(x->allow) };
    struct answer answer = { .status = x->refuse_status,
                             .type = type_text,
                             .body = x->refuse_text,
                             .total = x->refuse_text.n,
                             .headers = &allow,
                             .header_count = x->allow ? 1 : 0 };

    exchange_answer(x, &answer, true);
}

static void handle_healthz(struct exchange *x)
{
    if (x->server->down)
        exchange_text(x, 503, server_down_text);
    else if (x->server->ready)
        exchange_text(x, 200, BENTO_STR("\n"));
    else
        exchange_text(x, 503, BENTO_STR("workers are starting\n"));
}

static void handle_metadata(struct exchange *x)
{
    exchange_send(x, 200, type_json, bento_buf_str(&x->server->service.metadata));
}

static void handle_docs_json(struct exchange *x)
{
    exchange_send(x, 200, type_json, bento_buf_str(&x->server->service.docs));
}

static void handle_metrics(struct exchange *x)
{
    struct server *server = x->server;
    struct bento_pool_stats stats;
    struct bento_buf text;

    bento_pool_stats(server->pool, &stats);
    server->metrics.workers = stats.live;
    server->metrics.worker_restarts = stats.restarts;
    bento_buf_init(&text, 16u << 20);
    metrics_write(&server->metrics, &text);
    if (text.rc == BENTO_OK)
        exchange_send(x, 200, BENTO_STR("text/plain; version=0.0.4; charset=utf-8"),
                      bento_buf_str(&text));
    else
        exchange_text(x, 503, BENTO_STR("metrics do not fit into memory\n"));
    bento_buf_release(&text);
}

/* Appends text with the characters that mean something in HTML replaced. */
static void add_html(struct bento_buf *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            bento_buf_adds(to, "&lt;");
        else if (*text == '&')
            bento_buf_adds(to, "&amp;");
        else if (*text == '"')
            bento_buf_adds(to, "&quot;");
        else
            bento_buf_addc(to, *text);
    }
}

static void handle_index(struct exchange *x)
{
    const struct service *service = &x->server->service;
    struct bento_buf page;

    if (!x->server->options.enable_swagger) {
        exchange_text(x, 404, BENTO_STR("Swagger is disabled"));
        return;
    }
    bento_buf_init(&page, 4u << 20);
    bento_buf_adds(
        &page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
    add_html(&page, service->name);
    bento_buf_adds(&page, "</title></head>\n<body><h1>");
    add_html(&page, service->name);
    bento_buf_adds(&page, "</h1><p>Version ");
    add_html(&page, service->version);
    bento_buf_adds(&page, "</p><h2>APIs</h2><ul>");
    for (size_t i = 0; i < service->api_count; i++) {
        bento_buf_adds(&page, "<li><code>POST /");
        add_html(&page, service->apis[i].route);
        bento_buf_adds(&page, "</code> takes ");
        add_html(&page, service->apis[i].input_type);
        bento_buf_adds(&page, "</li>");
    }
    bento_buf_adds(
        &page,
        "</ul><p><a href=\"docs.json\">OpenAPI document</a>, <a href=\"metadata\">metadata</a>, "
        "<a href=\"metrics\">metrics</a></p></body></html>\n");
    if (page.rc == BENTO_OK)
        exchange_send(x, 200, type_html, bento_buf_str(&page));
    else
        exchange_text(x, 503, BENTO_STR("out of memory\n"));
    bento_buf_release(&page);
}

static void handle_feedback(struct exchange *x)
{
    json_error_t error;
    json_t *body = json_loadb(x->small.p ? x->small.p : "", x->small.n,
                              JSON_REJECT_DUPLICATES, &error);

    if (!json_is_object(body) || !json_object_get(body, "request_id")) {
        exchange_text(x, 400, BENTO_STR("Failed parsing feedback JSON data"));
    } else {
        BENTO_LOG(BENTO_LOG_INFO, "feedback", BENTO_LOG_M("feedback"),
                  BENTO_LOG_Z("service_name", x->server->service.name),
                  BENTO_LOG_Z("service_version", x->server->service.version),
                  BENTO_LOG_S("feedback", bento_buf_str(&x->small)));
        exchange_send(x, 200, type_html, BENTO_STR("success"));
    }
    json_decref(body);
}

static const struct infra infra_routes[] = {
    { "", GET_HEAD, "GET, HEAD", handle_index },
    { "docs", GET_HEAD, "GET, HEAD", handle_index },
    { "docs.json", GET_HEAD, "GET, HEAD", handle_docs_json },
    { "healthz", GET_HEAD, "GET, HEAD", handle_healthz },
    { "metadata", GET_HEAD, "GET, HEAD", handle_metadata },
    { "metrics", GET_HEAD, "GET, HEAD", handle_metrics },
    { "feedback", M(POST), "POST", handle_feedback },
};

static int
refuse(struct exchange *x, int status, struct bento_str text, const char *allow)
{
    x->handler = handle_refusal;
    x->refuse_status = status;
    x->refuse_text = text;
    x->allow = allow;
    x->sink = SINK_DISCARD;
    x->body_max = SERVER_DISCARD_MAX;
    return 0;
}

static bool has_token(struct bento_str value, struct bento_str token)
{
    return bento_str_ieq(bento_str_trim(value), token);
}

/* The media type without its parameters. */
static struct bento_str media_type(struct bento_str value)
{
    struct bento_str type;

    if (!bento_str_next(&value, ';', &type))
        return value;
    return bento_str_trim(type);
}

/* charset parameter of a Content-Type, empty when absent. */
static struct bento_str charset_of(struct bento_str value)
{
    struct bento_str part;

    while (bento_str_next(&value, ';', &part)) {
        struct bento_str key;
        part = bento_str_trim(part);
        if (!bento_str_next(&part, '=', &key) ||
            !bento_str_ieq(bento_str_trim(key), BENTO_STR("charset")))
            continue;
        part = bento_str_trim(part);
        if (part.n >= 2 && part.p[0] == '"' && part.p[part.n - 1] == '"')
            part = bento_str_from(part.p + 1, part.n - 2);
        return part;
    }
    return bento_str_from(NULL, 0);
}

static bool is_gzip(struct bento_str coding)
{
    return has_token(coding, BENTO_STR("gzip")) || has_token(coding, BENTO_STR("x-gzip"));
}

/* Whether there is at most one Content-Encoding, and one that the workers understand. */
static bool knows_coding(const struct bento_http_head *head)
{
    bool seen = false;

    for (size_t i = 0; i < head->header_count; i++) {
        struct bento_str value = head->headers[i].value;
        if (!bento_str_ieq(head->headers[i].name, BENTO_STR("Content-Encoding")))
            continue;
        if (seen ||
            (value.n && !has_token(value, BENTO_STR("identity")) && !is_gzip(value)))
            return false;
        seen = true;
    }
    return true;
}

static uint32_t flags_of(const struct bento_http_head *head)
{
    struct bento_str type = bento_http_header_get(head, BENTO_STR("Content-Type"));
    struct bento_str coding = bento_http_header_get(head, BENTO_STR("Content-Encoding"));
    struct bento_str media = type.n ? media_type(type) : type;
    struct bento_str charset = type.n ? charset_of(type) : type;
    uint32_t flags = 0;

    if (bento_str_ieq(media, BENTO_STR("text/csv")))
        flags |= BENTO_WIRE_CSV;
    if (bento_str_ieq(media, BENTO_STR("multipart/form-data")))
        flags |= BENTO_WIRE_MULTIPART;
    if (charset.n && !bento_str_ieq(charset, BENTO_STR("utf-8")) &&
        !bento_str_ieq(charset, BENTO_STR("utf8")))
        flags |= BENTO_WIRE_CHARSET;
    if (is_gzip(coding))
        flags |= BENTO_WIRE_GZIP;
    return flags;
}

/* Takes a block of the request area for meta and body. 0 or a status. */
static int take_block(struct exchange *x, const struct bento_http_head *head)
{
    struct bento_wire_pair pairs[HEADERS_MAX];
    struct bento_area *area = bento_pool_area(x->server->pool);
    size_t count = head->header_count < HEADERS_MAX ? head->header_count : HEADERS_MAX;

    for (size_t i = 0; i < count; i++)
        pairs[i] =
            (struct bento_wire_pair){ head->headers[i].name, head->headers[i].value };
    x->meta_size = bento_wire_meta_size(head->method_name, head->target, pairs, count);
    x->body_expected = head->content_length > 0 ? (uint64_t)head->content_length
                       : head->chunked          ? x->body_max
                                                : 0;
    if (head->content_length > 0 &&
        bento_wire_align(x->meta_size) + x->body_expected > bento_area_size(area))
        return 503; /* it would never fit */
    int status = exchange_reserve(x);
    if (status == 0)
        bento_wire_meta_write(bento_area_at(area, x->block), head->method_name,
                              head->target, pairs, count);
    return status;
}

static int
route_api(struct exchange *x, const struct bento_http_head *head, struct api *api)
{
    const struct service_api *about = api->about;

    if (head->method != BENTO_HTTP_POST &&
        !(head->method == BENTO_HTTP_GET && about->get))
        return refuse(x, 405, BENTO_STR("405: Method Not Allowed\n"),
                      about->get ? "GET, POST" : "POST");
    if (head->content_length > 0 && (uint64_t)head->content_length > about->body_max)
        return 413;
    if (!knows_coding(head))
        return refuse(x, 415,
                      BENTO_STR("415: Content-Encoding can be gzip or identity\n"), NULL);
    x->api = api;
    x->handler = api_enqueue;
    x->body_max = about->body_max;
    x->wire_flags = flags_of(head);
    return take_block(x, head);
}

static int route_infra(struct exchange *x,
                       const struct bento_http_head *head,
                       const struct infra *route)
{
    x->endpoint = route->path;
    if (!(route->methods & (1u << head->method)))
        return refuse(x, 405, BENTO_STR("405: Method Not Allowed\n"), route->allow);
    x->handler = route->handler;
    x->sink = SINK_SMALL;
    x->body_max = SERVER_SMALL_BODY_MAX;
    return 0;
}

int route_request(struct exchange *x, const struct bento_http_head *head)
{
    struct server *server = x->server;
    struct bento_str path = head->path;

    x->endpoint = "(unknown)";
    if (path.n && path.p[0] == '/') {
        path.p++;
        path.n--;
    }
    for (size_t i = 0; i < server->service.api_count; i++) {
        const struct service_api *about = server->apis[i].about;
        if (bento_str_eq(path, bento_str_of(about->route))) {
            x->endpoint = about->route;
            return route_api(x, head, &server->apis[i]);
        }
    }
    for (size_t i = 0; i < sizeof infra_routes / sizeof infra_routes[0]; i++)
        if (bento_str_eq(path, bento_str_of(infra_routes[i].path)))
            return route_infra(x, head, &infra_routes[i]);
    return refuse(x, 404, BENTO_STR("404: Not Found\n"), NULL);
}
