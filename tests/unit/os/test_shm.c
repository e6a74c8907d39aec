/* os/shm: memory files nobody can resize, mappings that keep to their rights, events. */
#include "os/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/check.h"
#include "support/folder.h"

#define SIZE ((uint64_t)1 << 20)

TEST(sealed_and_zero)
{
    int fd = -1;
    void *map = NULL;
    struct stat st;
    size_t dirty = 0;

    CHECK_INT(bento_shm_new("test", SIZE, &fd, NULL), BENTO_OK);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK(ftruncate(fd, 0) != 0);
    CHECK(ftruncate(fd, 2 * SIZE) != 0);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) != 0);
    CHECK(fstat(fd, &st) == 0 && st.st_size == SIZE && st.st_blocks == 0);
    CHECK_INT(bento_shm_map(fd, SIZE, true, &map, NULL), BENTO_OK);
    for (size_t i = 0; map && i < SIZE; i += 512)
        dirty += ((char *)map)[i] != 0;
    CHECK_INT(dirty, 0);
    bento_shm_unmap(map, SIZE);
    bento_shm_unmap(NULL, SIZE);
    bento_fd_close(&fd);
    CHECK_INT(fd, -1);
    bento_fd_close(&fd);
}

TEST(readers_cannot_write)
{
    int fd = -1;
    void *writer = NULL;
    void *reader = NULL;
    void *none = NULL;

    CHECK_INT(bento_shm_new("test", SIZE, &fd, NULL), BENTO_OK);
    int read_only = bento_shm_read_only(fd);
    CHECK(read_only >= 0 && fcntl(read_only, F_GETFD) == FD_CLOEXEC);
    CHECK_INT(bento_shm_map(fd, SIZE, true, &writer, NULL), BENTO_OK);
    CHECK_INT(bento_shm_map(read_only, SIZE, false, &reader, NULL), BENTO_OK);
    CHECK_INT(bento_shm_map(read_only, SIZE, true, &none, NULL), BENTO_EIO);
    CHECK(none == NULL);
    CHECK(pwrite(read_only, "x", 1, 0) < 0);
    if (writer && reader) {
        memcpy(writer, "seen", 5);
        CHECK_STR(reader, "seen");
        CHECK(mprotect(reader, SIZE, PROT_READ | PROT_WRITE) != 0);
    }
    bento_shm_unmap(writer, SIZE);
    bento_shm_unmap(reader, SIZE);
    bento_fd_close(&read_only);
    bento_fd_close(&fd);
    CHECK_INT(bento_shm_read_only(fd), -1);
}

TEST(punching_gives_memory_back)
{
    int fd = -1;
    void *map = NULL;
    struct stat before;
    struct stat after;

    CHECK_INT(bento_shm_new("test", SIZE, &fd, NULL), BENTO_OK);
    CHECK_INT(bento_shm_map(fd, SIZE, true, &map, NULL), BENTO_OK);
    char *p = map;
    if (!p)
        return;
    memset(p, 'x', SIZE);
    CHECK(fstat(fd, &before) == 0);
    bento_shm_punch(fd, 65536, 131072);
    CHECK(fstat(fd, &after) == 0);
    CHECK_INT((before.st_blocks - after.st_blocks) * 512, 131072);
    CHECK_INT(after.st_size, SIZE);
    CHECK(p[65535] == 'x' && p[65536] == 0 && p[196607] == 0 && p[196608] == 'x');
    bento_shm_unmap(map, SIZE);
    bento_fd_close(&fd);
}

TEST(what_cannot_be_had)
{
    struct bento_error err = BENTO_ERROR_INIT;
    char name[300];
    int fd = -7;
    void *map = NULL;
    int fds = fd_count();

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CHECK_INT(bento_shm_new(name, SIZE, &fd, &err), BENTO_EIO);
    CHECK_INT(err.os_errno, EINVAL);
    errno = 0;
    CHECK_INT(bento_shm_new("big", UINT64_MAX, &fd, &err), BENTO_EIO);
    CHECK(err.os_errno != 0); /* the message does not end in "Success" */
    CHECK_INT(fd, -7);
    errno = 0;
    CHECK_INT(bento_shm_map(-1, 0, true, &map, &err), BENTO_EIO);
    CHECK(err.os_errno != 0);
    CHECK_INT(bento_shm_map(-1, SIZE, true, &map, &err), BENTO_EIO);
    CHECK_INT(err.os_errno, EBADF);
    CHECK(map == NULL);
    CHECK_INT(fd_count(), fds);
}

TEST(no_descriptor_left)
{
    struct rlimit kept;
    struct rlimit few;
    int fd = -7;
    int pair[2];

    CHECK(getrlimit(RLIMIT_NOFILE, &kept) == 0);
    few = kept;
    few.rlim_cur = 0;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    CHECK_INT(bento_shm_new("test", SIZE, &fd, NULL), BENTO_EIO);
    CHECK_INT(bento_event_new(&fd, NULL), BENTO_EIO);
    CHECK_INT(bento_socket_pair(pair, NULL), BENTO_EIO);
    CHECK_INT(fd, -7);
    CHECK(setrlimit(RLIMIT_NOFILE, &kept) == 0);
}

static bool readable(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, 0) == 1;
}

TEST(events)
{
    uint64_t full = UINT64_MAX - 1;
    int fd = -1;

    CHECK_INT(bento_event_new(&fd, NULL), BENTO_OK);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK(!readable(fd));
    bento_event_clear(fd); /* does not wait */
    bento_event_signal(fd);
    bento_event_signal(fd);
    CHECK(readable(fd));
    bento_event_clear(fd);
    CHECK(!readable(fd));
    CHECK_INT(write(fd, &full, sizeof full), sizeof full);
    bento_event_signal(fd); /* nor does this */
    CHECK(readable(fd));
    bento_event_signal(-1);
    bento_fd_close(&fd);
}

TEST(pairs)
{
    int pair[2] = { -1, -1 };
    char got[4] = "";

    CHECK_INT(bento_socket_pair(pair, NULL), BENTO_OK);
    for (int i = 0; i < 2; i++) {
        CHECK(fcntl(pair[i], F_GETFD) == FD_CLOEXEC);
        CHECK(!(fcntl(pair[i], F_GETFL) & O_NONBLOCK));
        CHECK_INT(write(pair[i], "abc", 3), 3);
        CHECK_INT(read(pair[!i], got, 3), 3);
        CHECK_STR(got, "abc");
    }
    bento_fd_close(&pair[0]);
    CHECK_INT(read(pair[1], got, 3), 0);
    bento_fd_close(&pair[1]);
}

int main(void)
{
    int fds = fd_count();

    RUN(sealed_and_zero);
    RUN(readers_cannot_write);
    RUN(punching_gives_memory_back);
    RUN(what_cannot_be_had);
    RUN(no_descriptor_left);
    RUN(events);
    RUN(pairs);
    CHECK_INT(fd_count(), fds);
    return check_report();
}
