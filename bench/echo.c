/*
 * The floor of HTTP serving: one epoll loop that reads until a request is whole (head and
 * Content-Length) and answers fixed bytes. Nothing is routed or checked; for measuring
 * only, on 127.0.0.1.
 *
 * Usage: bento_echo PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"

#define REQUEST_MAX 65536

struct conn {
    int fd;
    size_t n;
    char data[REQUEST_MAX];
};

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             "Content-Length: 3\r\n\r\n[0]";

static void conn_free(struct conn *c)
{
    (void)close(c->fd);
    bento_free(c);
}

/* Bytes of the first request once it is whole, else 0. */
static size_t request_size(const struct conn *c)
{
    const char *end = memmem(c->data, c->n, "\r\n\r\n", 4);
    uint64_t body = 0;

    if (!end)
        return 0;
    size_t head = (size_t)(end - c->data) + 4;
    struct bento_str rest = { c->data, head };
    struct bento_str line;
    while (bento_str_next(&rest, '\n', &line)) {
        static const char name[] = "content-length:";
        if (line.n < sizeof name || strncasecmp(line.p, name, sizeof name - 1) != 0)
            continue;
        struct bento_str value = { line.p + sizeof name - 1, line.n - sizeof name };
        if (!bento_parse_u64(bento_str_trim(value), 0, REQUEST_MAX, &body))
            body = 0;
    }
    return c->n >= head + body ? head + (size_t)body : 0;
}

/* False when the connection is over. */
static bool conn_serve(struct conn *c)
{
    ssize_t n = recv(c->fd, c->data + c->n, REQUEST_MAX - c->n, MSG_DONTWAIT);
    size_t size;

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    c->n += (size_t)n;
    while ((size = request_size(c)) > 0) {
        if (send(c->fd, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT) !=
            (ssize_t)(sizeof answer - 1))
            return false;
        c->n -= size;
        memmove(c->data, c->data + size, c->n);
    }
    return c->n < REQUEST_MAX;
}

static void conn_accept(int listener, int epoll)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    int one = 1;

    if (fd < 0)
        return;
    struct conn *c = bento_calloc(1, sizeof *c);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
    if (!c || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        bento_free(c);
        (void)close(fd);
        return;
    }
    c->fd = fd;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static int listener_open(uint16_t port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(fd, 1024) != 0)
        return -1;
    return fd;
}

int main(int argc, char **argv)
{
    uint64_t port = 0;

    if (argc != 2 || !bento_parse_u64(bento_str_of(argv[1]), 1, 65535, &port)) {
        fprintf(stderr, "usage: bento_echo PORT\n");
        return 2;
    }
    int listener = listener_open((uint16_t)port);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
    if (listener < 0 || epoll < 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) {
        perror("bento_echo");
        return 1;
    }
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (!c)
                conn_accept(listener, epoll);
            else if (!conn_serve(c))
                conn_free(c);
        }
    }
}
