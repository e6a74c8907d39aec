/* os/socket: sending in parts, to somebody who does not read, who left, who reset. */
#include "os/socket.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/shm.h"
#include "support/check.h"

#define MANY ((size_t)4 << 20)

TEST(both_parts_in_order)
{
    int pair[2] = { -1, -1 };
    char got[32] = "";

    CHECK_INT(bento_socket_pair(pair, NULL), BENTO_OK);
    CHECK_INT(bento_socket_send(pair[0], BENTO_STR("head "), BENTO_STR("body")), 9);
    CHECK_INT(bento_socket_send(pair[0], BENTO_STR("|a"), bento_str_from(NULL, 0)), 2);
    CHECK_INT(bento_socket_send(pair[0], bento_str_from(NULL, 0), BENTO_STR("|b")), 2);
    CHECK_INT(bento_socket_send(pair[0], BENTO_STR(""), BENTO_STR("")), 0);
    CHECK_INT(bento_socket_send(-1, BENTO_STR(""), BENTO_STR("")), 0);
    CHECK_INT(read(pair[1], got, sizeof got - 1), 13);
    CHECK_STR(got, "head body|a|b");
    bento_fd_close(&pair[0]);
    bento_fd_close(&pair[1]);
}

static char pattern(size_t i)
{
    return (char)(i * 7 + i / 251);
}

/* The reader takes a little whenever the socket is full; whatever the sender gives up
 * behind, it sends again from there. The socket is a blocking one: nothing may wait. */
TEST(partial_sends)
{
    int pair[2] = { -1, -1 };
    char *text = bento_alloc(MANY);
    size_t sent = 0;
    size_t got = 0;
    size_t wrong = 0;
    int full = 0;
    int partial = 0;

    CHECK_INT(bento_socket_pair(pair, NULL), BENTO_OK);
    for (size_t i = 0; text && i < MANY; i++)
        text[i] = pattern(i);
    while (text && got < MANY) {
        char part[50000];
        size_t left = MANY - sent;
        size_t first = left < 1000 ? left : 1000;
        ssize_t n = bento_socket_send(pair[0], bento_str_from(text + sent, first),
                                      bento_str_from(text + sent + first, left - first));
        CHECK(n >= 0 && (size_t)n <= left);
        if (n < 0)
            break;
        full += n == 0 && left;
        partial += n > 0 && (size_t)n < left;
        sent += (size_t)n;
        n = read(pair[1], part, sizeof part);
        for (ssize_t i = 0; i < n; i++)
            wrong += part[i] != pattern(got + (size_t)i);
        got += n > 0 ? (size_t)n : 0;
    }
    CHECK_INT(got, MANY);
    CHECK_INT(wrong, 0);
    CHECK(partial > 0);
    while (bento_socket_send(pair[0], BENTO_STR("x"), BENTO_STR("y")) > 0)
        full += 1000000;
    CHECK(full > 1000000); /* it ended with 0, not with waiting */
    CHECK_INT(bento_socket_send(pair[0], BENTO_STR("x"), BENTO_STR("")), 0);
    bento_free(text);
    bento_fd_close(&pair[0]);
    bento_fd_close(&pair[1]);
}

/* SIGPIPE would end this process. */
TEST(peer_left)
{
    int pair[2] = { -1, -1 };

    CHECK_INT(bento_socket_pair(pair, NULL), BENTO_OK);
    bento_fd_close(&pair[1]);
    CHECK_INT(bento_socket_send(pair[0], BENTO_STR("a"), BENTO_STR("b")), -1);
    CHECK_INT(bento_socket_send(pair[0], BENTO_STR("a"), BENTO_STR("")), -1);
    bento_fd_close(&pair[0]);
    CHECK_INT(bento_socket_send(-1, BENTO_STR("a"), BENTO_STR("")), -1);
}

TEST(peer_reset)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof at;
    struct linger now = { 1, 0 };
    int server = socket(AF_INET, SOCK_STREAM, 0);
    int client = socket(AF_INET, SOCK_STREAM, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(server, (struct sockaddr *)&at, size) == 0 && listen(server, 1) == 0 &&
          getsockname(server, (struct sockaddr *)&at, &size) == 0 &&
          connect(client, (struct sockaddr *)&at, size) == 0);
    int peer = accept(server, NULL, NULL);
    CHECK_INT(bento_socket_send(peer, BENTO_STR("a"), BENTO_STR("b")), 2);
    CHECK(setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
    bento_fd_close(&client);
    CHECK_INT(bento_socket_send(peer, BENTO_STR("a"), BENTO_STR("b")), -1);
    CHECK_INT(bento_socket_send(peer, BENTO_STR("a"), BENTO_STR("b")), -1);
    bento_fd_close(&peer);
    bento_fd_close(&server);
}

int main(void)
{
    RUN(both_parts_in_order);
    RUN(partial_sends);
    RUN(peer_left);
    RUN(peer_reset);
    return check_report();
}
