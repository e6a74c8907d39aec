/* serve/exchange, driven by a transport that is not HTTP/1: answers in one piece and in
 * several, broken off, to a client that left at every point of its life; bodies into
 * their sinks; ids. */
#include "fixture.h"

static struct server *server;

TEST(one_piece)
{
    struct client client;

    ask(&client, server, BENTO_HTTP_POST, "/plain", "echo");
    CHECK_INT(client.x->state, EXCHANGE_QUEUED);
    CHECK_INT(client.x->refs, 2);
    UNTIL(server, client.last);
    CHECK_STR(client.type, "text/plain; charset=utf-8");
    CHECK(client.with_id);
    CHECK_INT(client.pieces, 0);
    check_client(&client, 200, "echo");
    CHECK_INT(server->exchanges, 0);
}

TEST(many_pieces)
{
    struct client client;
    bool wrong = false;

    ask(&client, server, BENTO_HTTP_POST, "/plain", "b9000000");
    UNTIL(server, client.last);
    CHECK(client.pieces > 0);
    CHECK_INT(client.total, 9000000);
    CHECK_STR(client.headers, "X-Big=yes;");
    for (size_t i = 0; i < client.body.n; i++)
        wrong = wrong || client.body.p[i] != fake_pattern(i);
    CHECK(!wrong);
    check_client(&client, 200, NULL);
}

TEST(broken_off)
{
    struct client client;

    ask(&client, server, BENTO_HTTP_POST, "/plain", "p");
    UNTIL(server, client.aborts);
    CHECK_INT(client.answers, 1);
    CHECK(!client.last);
    CHECK(client.x == NULL);
    client_end(&client);
    UNTIL(server, server->exchanges == 0 && bento_pool_idle(server->pool) == 1);
}

TEST(gone_while_reading)
{
    struct bento_http_head head = head_of(BENTO_HTTP_POST, "/plain");
    struct client client;
    double before = counted(&server->metrics.mb_total, "plain", 499);

    head.content_length = 10;
    CHECK(client_head(&client, server, &head));
    CHECK(client_body(&client, "12345", 5));
    client_leave(&client);
    CHECK_INT(server->exchanges, 0);
    CHECK_INT(counted(&server->metrics.mb_total, "plain", 499),
              before); /* was no request yet */
    client_end(&client);
}

TEST(gone_while_queued_and_while_running)
{
    struct client running;
    struct client queued[3];
    int pid = worker_pid(server);
    double before = counted(&server->metrics.mb_total, "plain", 499);

    CHECK_INT(kill(pid, SIGSTOP), 0);
    ask(&running, server, BENTO_HTTP_POST, "/plain", "echo");
    UNTIL(server, running.x->state == EXCHANGE_RUNNING);
    for (int i = 0; i < 3; i++)
        ask(&queued[i], server, BENTO_HTTP_POST, "/plain", "echo");
    turns(server, 20);
    CHECK_INT(server->apis[PLAIN].queued, 3);
    client_leave(&queued[1]);
    CHECK_INT(server->apis[PLAIN].queued, 2);
    CHECK_INT(server->exchanges, 3);
    client_leave(&running);
    CHECK_INT(server->exchanges, 3); /* its block is still the worker's to read */
    CHECK_INT(counted(&server->metrics.mb_total, "plain", 499), before + 2);
    client_leave(&queued[0]);
    client_leave(&queued[2]);
    CHECK_INT(server->exchanges, 1);
    CHECK(!server->apis[PLAIN].live_first);
    CHECK_INT(kill(pid, SIGCONT), 0);
    UNTIL(server, server->exchanges == 0);
    CHECK_INT(running.answers + queued[0].answers + queued[1].answers + queued[2].answers,
              0);
    client_end(&running);
    for (int i = 0; i < 3; i++)
        client_end(&queued[i]);
}

TEST(gone_within_its_answer)
{
    struct client client;

    ask(&client, server, BENTO_HTTP_POST, "/plain", "b9000000");
    client.leave = true;
    UNTIL(server, client.answers);
    CHECK(client.x == NULL && !client.last);
    UNTIL(server, server->exchanges == 0);
    CHECK_INT(client.pieces, 0);
    client_end(&client);
    ask(&client, server, BENTO_HTTP_POST, "/plain", "echo"); /* and the worker goes on */
    UNTIL(server, client.last);
    check_client(&client, 200, "echo");
}

TEST(answered_twice)
{
    struct client client;

    client_begin(&client, server);
    client.x->endpoint = "twice";
    exchange_ref(client.x);
    struct exchange *x = client.x;
    exchange_text(x, 200, BENTO_STR("first"));
    exchange_text(x, 500, BENTO_STR("second"));
    exchange_unref(x);
    CHECK_INT(counted(&server->metrics.mb_total, "twice", 500), 0);
    check_client(&client, 200, "first");
}

/* ---- bodies ---- */

static const char *block_of(const struct exchange *x)
{
    return (const char *)bento_area_at(bento_pool_area(server->pool), x->block) +
           bento_wire_align(x->meta_size);
}

TEST(a_body_of_unknown_length_moves)
{
    static char text[100000];
    struct bento_http_head head = head_of(BENTO_HTTP_POST, "/plain");
    struct client client;

    for (size_t i = 0; i < sizeof text; i++)
        text[i] = fake_pattern(i);
    head.chunked = head.has_body = true;
    CHECK(client_head(&client, server, &head));
    for (size_t at = 0; at < sizeof text; at += 1250)
        CHECK(client_body(&client, text + at, 1250));
    CHECK_INT(client.x->body_size, sizeof text);
    CHECK(client.x->body_room >= sizeof text);
    CHECK(memcmp(block_of(client.x), text, sizeof text) == 0);
    client_end(&client);
}

TEST(a_body_is_read_in_place)
{
    struct bento_http_head head = head_of(BENTO_HTTP_POST, "/plain");
    struct client client;
    size_t room = 0;

    head.content_length = 6;
    CHECK(client_head(&client, server, &head));
    CHECK(client_body(&client, "ec", 2));
    char *to = exchange_body_window(client.x, &room);
    CHECK(to == block_of(client.x) + 2);
    CHECK_INT(room, 4);
    memcpy(to, "hoes", 4);
    CHECK(client_body(&client, to, 4));
    CHECK(exchange_body_window(client.x, &room) == NULL); /* full */
    client.x->handler(client.x);
    UNTIL(server, client.last);
    check_client(&client, 200, "echoes");
}

TEST(no_window_without_a_block)
{
    struct bento_http_head head = head_of(BENTO_HTTP_POST, "/feedback");
    struct client client;
    size_t room = 7;

    CHECK(client_head(&client, server, &head));
    CHECK(exchange_body_window(client.x, &room) == NULL);
    CHECK(client_body(&client, "ab", 2) && client_body(&client, "cd", 2));
    CHECK_MEM(client.x->small.p, client.x->small.n, "abcd");
    client_end(&client);
    head = head_of(BENTO_HTTP_POST, "/nothing");
    CHECK(client_head(&client, server, &head));
    CHECK(exchange_body_window(client.x, &room) == NULL);
    CHECK(client_body(&client, "ab", 2));
    CHECK_INT(client.x->body_size, 2);
    CHECK_INT(client.x->small.n, 0);
    CHECK_INT(room, 7);
    client_end(&client);
}

/* ---- ids and reuse ---- */

TEST(ids)
{
    struct client client[2];
    char id[2][37] = { "", "" };

    for (int i = 0; i < 2; i++) {
        client_begin(&client[i], server);
        exchange_id(client[i].x, id[i]);
        CHECK_INT(strlen(id[i]), 36);
        CHECK_INT(strspn(id[i], "0123456789abcdef-"), 36);
        CHECK(id[i][8] == '-' && id[i][13] == '-' && id[i][18] == '-' &&
              id[i][23] == '-');
        CHECK_INT(id[i][14], '4');
        CHECK(strchr("89ab", id[i][19]) != NULL);
    }
    CHECK(strcmp(id[0], id[1]) != 0);
    for (int i = 0; i < 16; i++)
        client[0].x->task_id[i] = (uint8_t)(i * 17);
    exchange_id(client[0].x, id[0]);
    CHECK_STR(id[0], "00112233-4455-6677-8899-aabbccddeeff");
    client_end(&client[0]);
    client_end(&client[1]);
}

/* Freed exchanges are kept, a bounded number of them, and come back without a past. */
TEST(reuse)
{
    static struct client clients[1100];
    size_t n = sizeof clients / sizeof clients[0];
    struct bento_http_head head = head_of(BENTO_HTTP_POST, "/plain");

    for (size_t i = 0; i < n; i++)
        CHECK(client_head(&clients[i], server, &head));
    for (size_t i = 0; i < n; i++)
        client_end(&clients[i]);
    CHECK_INT(server->spares, 1024);
    client_begin(&clients[0], server);
    CHECK_INT(server->spares, 1023);
    CHECK(!clients[0].x->has_block && !clients[0].x->api && !clients[0].x->next);
    CHECK_INT(clients[0].x->state, EXCHANGE_READING);
    client_end(&clients[0]);
}

int main(int argc, char **argv)
{
    int status;

    if (!fixture_main(argc, argv, &status))
        return status;
    long live = bento_alloc_live();
    server = fixture_open(NULL);
    RUN(one_piece);
    RUN(many_pieces);
    RUN(broken_off);
    RUN(gone_while_reading);
    RUN(gone_while_queued_and_while_running);
    RUN(gone_within_its_answer);
    RUN(answered_twice);
    RUN(a_body_of_unknown_length_moves);
    RUN(a_body_is_read_in_place);
    RUN(no_window_without_a_block);
    RUN(ids);
    RUN(reuse);
    fixture_close(server);
    return fixture_report(live);
}
