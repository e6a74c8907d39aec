/* serve/server: starts that fail with their message and leave nothing behind, the ready
 * descriptor, and the stop. */
#include <sys/resource.h>

#include "fixture.h"

static int count_fds(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Opening fails with that code and text; memory and descriptors are as before. */
static void
check_start(struct bento_serve_options options, bento_rc rc, const char *message)
{
    struct bento_error err = BENTO_ERROR_INIT;
    struct server *server = NULL;
    long live = bento_alloc_live();
    int fds = count_fds();

    CHECK_INT(server_open(&options, &server, &err), rc);
    CHECK_STR(err.message, message);
    CHECK(server == NULL);
    CHECK_INT(bento_alloc_live(), live);
    CHECK_INT(count_fds(), fds);
}

TEST(bad_addresses)
{
    struct bento_serve_options options = fixture_options();
    char message[100];

    options.host = "localhost.";
    check_start(options, BENTO_EUSAGE, "'localhost.' is not an IP address");
    struct bento_error err = BENTO_ERROR_INIT;
    CHECK_INT(bento_serve(&options, &err), BENTO_EUSAGE);
    CHECK(strstr(err.hint, "localhost") != NULL);
    options.host = "192.0.2.1"; /* of documentation: nobody has it */
    check_start(options, BENTO_EIO,
                "cannot listen on 192.0.2.1 port 0: address not available");
    options.host = "127.0.0.1";
    struct server *server = fixture_start(&options);
    options.port = server->port;
    (void)snprintf(message, sizeof message, "port %d of 127.0.0.1 is in use",
                   server->port);
    check_start(options, BENTO_EUNAVAILABLE, message);
    UNTIL(server, server->ready);
    fixture_close(server);
}

TEST(bad_bundle_and_interpreter)
{
    struct bento_serve_options options = fixture_options();

    options.python = "no-such-python";
    check_start(options, BENTO_ENOTFOUND,
                "Python interpreter 'no-such-python' not found");
    options = fixture_options();
    options.api_limits = "x=1";
    check_start(options, BENTO_EUSAGE,
                "body limit for 'x': the service has no such route");
}

TEST(workers_that_cannot_load)
{
    struct bento_serve_options options = fixture_options();
    struct bento_error err = BENTO_ERROR_INIT;
    int fds = count_fds();
    long live = bento_alloc_live();

    options.python = "/bin/false";
    CHECK(bento_serve(&options, &err) != BENTO_OK);
    CHECK(err.message[0] != '\0');
    CHECK_INT(count_fds(), fds);
    CHECK_INT(bento_alloc_live(), live);
}

/* With only a few descriptors left each part of the start fails in its turn: an error,
 * never a crash or a leak (but for libuv's own: 1.44 keeps a descriptor when a loop
 * cannot be made). */
TEST(too_few_descriptors)
{
    struct bento_serve_options options = fixture_options();
    struct rlimit all;
    long live = bento_alloc_live();
    int failed_later = 0;
    bool started = false;

    CHECK_INT(getrlimit(RLIMIT_NOFILE, &all), 0);
    for (int more = 0; more < 40 && !started; more++) {
        struct bento_error err = BENTO_ERROR_INIT;
        struct server *server = NULL;
        struct rlimit few = all;
        int fds = count_fds();
        int top = dup(0); /* the lowest free one */

        (void)close(top);
        few.rlim_cur = (rlim_t)(top + more);
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
        bento_rc rc = server_open(&options, &server, &err);
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &all), 0);
        if (rc != BENTO_OK) {
            CHECK(err.message[0] != '\0');
            if (strcmp(err.message, "cannot make an event loop") == 0)
                continue;
            CHECK_INT(count_fds(), fds);
            failed_later += more > 2;
            continue;
        }
        started = true;
        server_drain(server);
        server_drain(server);
        (void)server_run(server, NULL);
    }
    CHECK(started);
    CHECK(failed_later >= 3);
    CHECK_INT(bento_alloc_live(), live);
}

TEST(ready_descriptor)
{
    struct bento_serve_options options = fixture_options();
    char text[16] = "";
    char want[16];
    int ends[2];

    CHECK_INT(pipe(ends), 0);
    CHECK_INT(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    options.ready_fd = ends[1];
    options.workers = 2;
    struct server *server = fixture_start(&options);
    CHECK(read(ends[0], text, sizeof text) < 0); /* not before it answers */
    UNTIL(server, bento_pool_idle(server->pool) == 2);
    CHECK(read(ends[0], text, sizeof text - 1) > 0);
    (void)snprintf(want, sizeof want, "%d\n", server->port);
    CHECK_STR(text, want); /* once, not once per worker */
    fixture_close(server);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void check_signal(int number)
{
    struct server *server = fixture_open(NULL);
    struct bento_error err = BENTO_ERROR_INIT;
    struct client client;

    ask(&client, server, BENTO_HTTP_POST, "/plain", "e1");
    CHECK_INT(raise(number), 0);
    CHECK_INT(server_run(server, &err), BENTO_OK);
    check_client(&client, 200, "e1");
}

TEST(signals_drain)
{
    check_signal(SIGTERM);
    check_signal(SIGINT);
    check_signal(SIGHUP);
}

/* nohup: the terminal goes, the server stays. */
TEST(an_ignored_hangup)
{
    CHECK(signal(SIGHUP, SIG_IGN) != SIG_ERR);
    struct server *server = fixture_start(NULL);
    CHECK_INT(raise(SIGHUP), 0);
    turns(server, 20);
    CHECK(!server->draining);
    fixture_close(server);
    (void)signal(SIGHUP, SIG_DFL);
}

/* The drain ends at its limit: what waits is answered 503. */
TEST(drain_limit)
{
    struct bento_serve_options options = fixture_options();
    struct bento_error err = BENTO_ERROR_INIT;
    struct client running;
    struct client queued;

    options.drain_timeout_ms = 200;
    struct server *server = fixture_open(&options);
    ask(&running, server, BENTO_HTTP_POST, "/plain", "h");
    ask(&queued, server, BENTO_HTTP_POST, "/plain", "e1");
    UNTIL(server, server->apis[PLAIN].running == 1);
    int64_t start = bento_now_ns();
    server_drain(server);
    UNTIL(server, queued.answers);
    CHECK(bento_now_ns() - start >= 190 * 1000000);
    check_client(&queued, 503, "503: Service Unavailable: the server is stopping\n");
    CHECK_INT(server_run(server, &err), BENTO_OK);
    check_client(&running, 503, NULL);
}

int main(int argc, char **argv)
{
    int status;

    if (!fixture_main(argc, argv, &status))
        return status;
    long live = bento_alloc_live();
    RUN(bad_addresses);
    RUN(bad_bundle_and_interpreter);
    RUN(workers_that_cannot_load);
    RUN(too_few_descriptors);
    RUN(ready_descriptor);
    RUN(signals_drain);
    RUN(an_ignored_hangup);
    RUN(drain_limit);
    return fixture_report(live);
}
