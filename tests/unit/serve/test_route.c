/* serve/route: what every path answers to every method, limits of bodies, flags for the
 * worker, infrastructure documents. */
#include "fixture.h"

static struct server *server;

/* The methods of a route by letters: g GET, h HEAD, p POST; all others get 405 with
 * `allow`. */
static void
check_methods(const char *path, const char *methods, int status, const char *allow)
{
    static const char letters[] = ".ghp....";
    struct client client;
    char want[64];

    (void)snprintf(want, sizeof want, "Allow=%s;", allow);
    for (int m = BENTO_HTTP_OTHER; m <= BENTO_HTTP_PATCH; m++) {
        ask(&client, server, (enum bento_http_method)m, path, "");
        UNTIL(server, client.answers);
        check_done++;
        if (strchr(methods, letters[m]) && letters[m] != '.') {
            if (client.status != status)
                CHECK_FAIL_("method %d on %s gives %d, wanted %d", m, path, client.status,
                            status);
            CHECK_STR(client.headers, "");
            client_end(&client);
            continue;
        }
        if (client.status != 405)
            CHECK_FAIL_("method %d on %s gives %d", m, path, client.status);
        CHECK_STR(client.headers, want);
        CHECK_STR(client.type, "text/plain; charset=utf-8");
        CHECK(!client.with_id);
        check_client(&client, 405, "405: Method Not Allowed\n");
    }
}

TEST(methods)
{
    check_methods("/", "gh", 200, "GET, HEAD");
    check_methods("/docs", "gh", 200, "GET, HEAD");
    check_methods("/docs.json", "gh", 200, "GET, HEAD");
    check_methods("/healthz", "gh", 200, "GET, HEAD");
    check_methods("/metadata", "gh", 200, "GET, HEAD");
    check_methods("/metrics", "gh", 200, "GET, HEAD");
    check_methods("/feedback", "p", 400, "POST");
    check_methods("/loose", "gp", 200, "GET, POST");
    check_methods("/plain", "gp", 200, "GET, POST");
    check_methods("/pictures/new", "p", 200, "POST");
}

TEST(unknown)
{
    static const char *const paths[] = { "/nothing", "/docs/",  "/Docs",    "//docs",
                                         "*",        "/loose/", "/picture", "/docsx",
                                         "/doc",     "/ docs" };
    struct client client;

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        for (int m = BENTO_HTTP_OTHER; m <= BENTO_HTTP_PATCH; m++) {
            ask(&client, server, (enum bento_http_method)m, paths[i], "x");
            CHECK_STR(client.headers, "");
            check_client(&client, 404, "404: Not Found\n");
        }
    CHECK_INT(counted(&server->metrics.mb_total, "(unknown)", 404), 80);
}

TEST(documents)
{
    struct client client;

    ask(&client, server, BENTO_HTTP_GET, "/docs.json", "");
    CHECK_STR(client.type, "application/json");
    check_client(&client, 200, "{\"openapi\": 3}");
    ask(&client, server, BENTO_HTTP_GET, "/metadata", "");
    CHECK_STR(client.type, "application/json");
    CHECK(client.body.n > 2 && client.body.p[0] == '"');
    check_client(&client, 200, NULL);
    ask(&client, server, BENTO_HTTP_GET, "/metrics", "");
    CHECK_STR(client.type, "text/plain; version=0.0.4; charset=utf-8");
    CHECK(strstr(bento_buf_z(&client.body), "_worker_count 1.0\n") != NULL);
    check_client(&client, 200, NULL);
    ask(&client, server, BENTO_HTTP_GET, "/healthz", "");
    check_client(&client, 200, "\n");
    ask(&client, server, BENTO_HTTP_GET, "/", "");
    CHECK_STR(client.type, "text/html; charset=utf-8");
    CHECK(strstr(bento_buf_z(&client.body), "<h1>I&lt;&amp;&quot;</h1>") != NULL);
    CHECK(strstr(bento_buf_z(&client.body),
                 "POST /pictures/new</code> takes ImageInput") != NULL);
    check_client(&client, 200, NULL);
    server->options.enable_swagger = false;
    ask(&client, server, BENTO_HTTP_GET, "/docs", "");
    check_client(&client, 404, "Swagger is disabled");
    server->options.enable_swagger = true;
}

TEST(health_follows_the_workers)
{
    struct client client;

    server->ready = false;
    ask(&client, server, BENTO_HTTP_GET, "/healthz", "");
    check_client(&client, 503, "workers are starting\n");
    server->ready = true;
}

TEST(feedback)
{
    static const char *const bad[] = { "",     "{",
                                       "[]",   "5",
                                       "{}",   "{\"request_id\": 1, \"request_id\": 2}",
                                       "\xFF", "{\"request\": 1}" };
    struct client client;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ask(&client, server, BENTO_HTTP_POST, "/feedback", bad[i]);
        check_client(&client, 400, "Failed parsing feedback JSON data");
    }
    ask(&client, server, BENTO_HTTP_POST, "/feedback",
        "{\"request_id\": \"a\", \"x\": [1]}");
    check_client(&client, 200, "success");
}

/* ---- limits ---- */

static int size_status(enum bento_http_method method, const char *path, int64_t length)
{
    struct bento_http_head head = head_of(method, path);
    struct client client;

    head.content_length = length;
    head.has_body = true;
    (void)client_head(&client, server, &head);
    client_end(&client);
    return client.refused;
}

/* Feeds pieces until the request is refused; how many bytes were taken. */
static size_t taken(enum bento_http_method method, const char *path, int want)
{
    static char piece[1000];
    struct bento_http_head head = head_of(method, path);
    struct client client;
    size_t n = 0;

    head.chunked = head.has_body = true;
    CHECK(client_head(&client, server, &head));
    while (client.x && n < (32 << 20) && client_body(&client, piece, sizeof piece))
        n += sizeof piece;
    CHECK_INT(client.refused, want);
    client_end(&client);
    return n;
}

TEST(limits)
{
    server->apis[LOOSE].about = &(struct service_api){
        .name = "loose", .route = "loose", .body_max = 100000, .max_batch = 1, .get = true
    };
    CHECK_INT(size_status(BENTO_HTTP_POST, "/loose", 100000), 0);
    CHECK_INT(size_status(BENTO_HTTP_POST, "/loose", 100001), 413);
    CHECK_INT(size_status(BENTO_HTTP_POST, "/loose", INT64_MAX), 413);
    CHECK_INT(taken(BENTO_HTTP_POST, "/loose", 413), 100000);
    server->apis[LOOSE].about = &server->service.apis[LOOSE];
    /* within its limit, but more than the area holds */
    CHECK_INT(size_status(BENTO_HTTP_POST, "/loose", 9 << 20), 503);
    CHECK(taken(BENTO_HTTP_POST, "/loose", 503) > 1 << 20);
    CHECK_INT(taken(BENTO_HTTP_POST, "/feedback", 413), 1048000);
    /* what is refused is read a little, to keep the connection */
    CHECK_INT(taken(BENTO_HTTP_POST, "/nothing", 413), 262000);
    CHECK_INT(taken(BENTO_HTTP_PUT, "/loose", 413), 262000);
    CHECK_INT(server->exchanges, 0);
}

static uint32_t flags(const char *type, const char *coding)
{
    struct bento_http_header headers[2] = {
        { BENTO_STR("content-type"), bento_str_of(type) },
        { BENTO_STR("CONTENT-ENCODING"), bento_str_of(coding) },
    };
    struct bento_http_head head = head_of(BENTO_HTTP_POST, "/loose");
    struct client client;
    uint32_t result;

    head.headers = headers;
    head.header_count = 2;
    CHECK(client_head(&client, server, &head));
    result = client.x->wire_flags;
    client_end(&client);
    return result;
}

TEST(worker_flags)
{
    CHECK_INT(flags("", ""), 0);
    CHECK_INT(flags("application/json", "identity"), 0);
    CHECK_INT(flags("Text/CSV", ""), BENTO_WIRE_CSV);
    CHECK_INT(flags("text/csv ; header=present", "GZip"),
              BENTO_WIRE_CSV | BENTO_WIRE_GZIP);
    CHECK_INT(flags("text/csvx", " x-gzip "), BENTO_WIRE_GZIP);
    CHECK_INT(flags("multipart/form-data; boundary=x", ""), BENTO_WIRE_MULTIPART);
    CHECK_INT(flags("application/json; charset=UTF-8", ""), 0);
    CHECK_INT(flags("application/json; charset=\"utf8\"", ""), 0);
    CHECK_INT(flags("application/json;charset=latin-1", ""), BENTO_WIRE_CHARSET);
    CHECK_INT(flags("text/csv; a=b; Charset = \"utf-16\"", ""),
              BENTO_WIRE_CSV | BENTO_WIRE_CHARSET);
    CHECK_INT(flags("text/csv; charset=", ""), BENTO_WIRE_CSV);
    CHECK_INT(flags("text/csv; charset=\"", ""), BENTO_WIRE_CSV | BENTO_WIRE_CHARSET);
}

int main(int argc, char **argv)
{
    int status;

    if (!fixture_main(argc, argv, &status))
        return status;
    long live = bento_alloc_live();
    server = fixture_open(NULL);
    RUN(methods);
    RUN(unknown);
    RUN(documents);
    RUN(health_follows_the_workers);
    RUN(feedback);
    RUN(limits);
    RUN(worker_flags);
    fixture_close(server);
    return fixture_report(live);
}
