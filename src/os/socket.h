/*
 * Sending on a stream socket without waiting.
 *
 * libuv's own try-write goes through the file layer of the kernel; an answer is one call
 * of send here, which costs the kernel measurably less (see docs/performance.md).
 */
#ifndef BENTO_OS_SOCKET_H
#define BENTO_OS_SOCKET_H

#include <sys/types.h>

#include "base/str.h"

/* Sends a, then b, as far as the socket takes them now. Returns how many bytes it took (0
 * when it is full), or -1 when the connection is broken. Never waits, never raises
 * SIGPIPE. */
ssize_t bento_socket_send(int fd, struct bento_str a, struct bento_str b);

#endif
