/* Sending on a stream socket; see socket.h. */
#include "os/socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define SEND_FLAGS (MSG_NOSIGNAL | MSG_DONTWAIT)

static struct iovec vector_of(struct bento_str s)
{
    return (struct iovec){ (char *)(uintptr_t)s.p, s.n };
}

ssize_t bento_socket_send(int fd, struct bento_str a, struct bento_str b)
{
    struct iovec both[2] = { vector_of(a), vector_of(b) };
    struct msghdr message = { .msg_iov = both, .msg_iovlen = 2 };
    ssize_t sent;

    if (a.n + b.n == 0)
        return 0;
    do {
        if (a.n && b.n)
            sent = sendmsg(fd, &message, SEND_FLAGS);
        else
            sent = send(fd, a.n ? a.p : b.p, a.n + b.n, SEND_FLAGS);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS))
        return 0;
    return sent;
}
