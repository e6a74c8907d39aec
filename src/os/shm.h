/*
 * Memory and wake-ups shared between processes: sealed memory files, event counters,
 * socket pairs. All descriptors are close-on-exec; a child gets those it is meant to have
 * by the spawn call.
 */
#ifndef BENTO_OS_SHM_H
#define BENTO_OS_SHM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"

/* A memory file of fixed size (sealed: it neither shrinks nor grows, so a mapping never
 * faults), full of zeros, without memory behind it until it is written. `name` shows in
 * /proc only. */
bento_rc
bento_shm_new(const char *name, uint64_t size, int *ret_fd, struct bento_error *err);
/* Maps the whole file for reading and writing, or for reading only. Pages are not
 * reserved. */
bento_rc
bento_shm_map(int fd, uint64_t size, bool writable, void **ret, struct bento_error *err);
void bento_shm_unmap(void *map, uint64_t size);
/* A second descriptor of the same file through which nobody can write or map for writing;
 * -1 when /proc is not there. */
int bento_shm_read_only(int fd);
/* Gives the memory behind whole pages of [offset, offset + size) back; they read as zeros
 * afterwards. */
void bento_shm_punch(int fd, uint64_t offset, uint64_t size);

/* A non-blocking event counter. */
bento_rc bento_event_new(int *ret_fd, struct bento_error *err);
/* Makes the descriptor readable. A negative descriptor is ignored. */
void bento_event_signal(int fd);
/* Makes it unreadable again until the next signal. */
void bento_event_clear(int fd);

/* Two connected stream sockets, both blocking. */
bento_rc bento_socket_pair(int ret_fds[2], struct bento_error *err);
/* Closes *fd unless it is negative, and makes it -1. */
void bento_fd_close(int *fd);

#endif
