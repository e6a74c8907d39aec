/* Shared memory and event descriptors; see shm.h. */
#include "os/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

bento_rc
bento_shm_new(const char *name, uint64_t size, int *ret_fd, struct bento_error *err)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || size > INT64_MAX || ftruncate(fd, (off_t)size) != 0 ||
        fcntl(fd, F_ADD_SEALS, seals) != 0) {
        int why = size > INT64_MAX ? EFBIG : errno;
        bento_fd_close(&fd);
        return bento_fail_os(err, BENTO_EIO, why,
                             "cannot make a shared memory file '%s' of %llu bytes", name,
                             (unsigned long long)size);
    }
    *ret_fd = fd;
    return BENTO_OK;
}

bento_rc
bento_shm_map(int fd, uint64_t size, bool writable, void **ret, struct bento_error *err)
{
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *map = size && size <= SIZE_MAX ? mmap(NULL, (size_t)size, protection,
                                                MAP_SHARED | MAP_NORESERVE, fd, 0)
                                         : MAP_FAILED;

    if (map == MAP_FAILED)
        return bento_fail_os(err, BENTO_EIO, size && size <= SIZE_MAX ? errno : EINVAL,
                             "cannot map %llu bytes of shared memory",
                             (unsigned long long)size);
    *ret = map;
    return BENTO_OK;
}

void bento_shm_unmap(void *map, uint64_t size)
{
    if (map)
        (void)munmap(map, (size_t)size);
}

int bento_shm_read_only(int fd)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

void bento_shm_punch(int fd, uint64_t offset, uint64_t size)
{
    (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                    (off_t)size);
}

bento_rc bento_event_new(int *ret_fd, struct bento_error *err)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return bento_fail_os(err, BENTO_EIO, errno, "cannot make an event descriptor");
    *ret_fd = fd;
    return BENTO_OK;
}

void bento_event_signal(int fd)
{
    uint64_t one = 1;

    if (fd >= 0)
        (void)!write(fd, &one, sizeof one);
}

void bento_event_clear(int fd)
{
    uint64_t count;

    (void)!read(fd, &count, sizeof count);
}

bento_rc bento_socket_pair(int ret_fds[2], struct bento_error *err)
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_fds) != 0)
        return bento_fail_os(err, BENTO_EIO, errno, "cannot make a pair of sockets");
    return BENTO_OK;
}

void bento_fd_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}
