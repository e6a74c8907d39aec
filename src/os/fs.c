/* Files and folders; see fs.h. */
#include "os/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TREE_DEPTH_MAX 128
#define READ_STEP      ((size_t)65536)

static bento_rc code_of(int os_errno)
{
    switch (os_errno) {
    case ENOENT:
    case ENOTDIR:
        return BENTO_ENOTFOUND;
    case EEXIST:
    case ENOTEMPTY:
        return BENTO_EEXISTS;
    case EACCES:
    case EPERM:
        return BENTO_EPERM;
    default:
        return BENTO_EIO;
    }
}

/* A fifo or a device would block for ever; O_NONBLOCK, because already open waits for the
 * writer of a fifo. */
static bento_rc open_regular(const char *path, int *ret_fd, struct bento_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0 && errno != ENXIO) /* a socket */
        return bento_fail_os(err, code_of(errno), errno, "cannot read '%s'", path);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *ret_fd = fd;
        return BENTO_OK;
    }
    if (fd >= 0)
        (void)close(fd);
    return bento_fail(err, BENTO_EIO, "cannot read '%s': not a regular file", path);
}

bento_rc bento_fs_read(const char *path, struct bento_buf *to, struct bento_error *err)
{
    int fd = -1;
    bento_rc rc = open_regular(path, &fd, err);
    ssize_t n = 1;

    if (rc != BENTO_OK)
        return rc;
    while (rc == BENTO_OK && n > 0) {
        char spill; /* tells "exactly full" from "too large" */
        size_t room = to->max - to->n;
        size_t step = room < READ_STEP ? room : READ_STEP;
        char *p = step ? bento_buf_reserve(to, step) : &spill;
        if (!p) {
            rc = bento_fail(err, to->rc, "no memory for '%s'", path);
            break;
        }
        n = read(fd, p, step ? step : 1);
        if (n > 0 && step)
            bento_buf_commit(to, (size_t)n);
        else if (n > 0)
            rc = bento_fail(err, BENTO_ETOOLARGE, "'%s' is larger than %zu bytes", path,
                            to->max);
        else if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            rc = bento_fail_os(err, code_of(errno), errno, "cannot read '%s'", path);
    }
    (void)close(fd);
    return rc;
}

bool bento_fs_is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bento_rc bento_fs_make_folders(const char *path, struct bento_error *err)
{
    char copy[PATH_MAX];
    size_t n = strlen(path);

    if (n == 0 || n >= sizeof copy)
        return bento_fail(err, BENTO_EINVAL, "path of %zu bytes", n);
    memcpy(copy, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (copy[i] != '/' && copy[i] != '\0')
            continue;
        char kept = copy[i];
        copy[i] = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            return bento_fail_os(err, code_of(errno), errno, "cannot make folder '%s'",
                                 copy);
        copy[i] = kept;
    }
    if (!bento_fs_is_folder(path))
        return bento_fail(err, BENTO_EEXISTS, "'%s' is there and no folder", path);
    return BENTO_OK;
}

bento_rc bento_fs_sync_folder(const char *path, struct bento_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY);

    if (fd < 0 || fsync(fd) != 0) {
        int why = errno;
        if (fd >= 0)
            (void)close(fd);
        return bento_fail_os(err, code_of(why), why, "cannot make '%s' durable", path);
    }
    (void)close(fd);
    return BENTO_OK;
}

/* Calls itself for folders; depth is bounded. */
static bento_rc
walk(int parent, const char *name, bool remove, unsigned depth, struct bento_error *err)
{
    struct dirent *entry;
    bento_rc rc = BENTO_OK;
    int fd = openat(parent, name, O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (!dir) {
        int why = errno;
        if (fd >= 0)
            (void)close(fd);
        return bento_fail_os(err, code_of(why), why, "cannot open folder '%s'", name);
    }
    if (depth > TREE_DEPTH_MAX) {
        (void)closedir(dir);
        return bento_fail(err, BENTO_EIO, "folders are nested deeper than %d",
                          TREE_DEPTH_MAX);
    }
    while (rc == BENTO_OK && (entry = readdir(dir))) {
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue; /* gone meanwhile */
        if (S_ISDIR(st.st_mode)) {
            rc = walk(fd, entry->d_name, remove, depth + 1, err);
        } else if (!remove && S_ISREG(st.st_mode)) {
            int file = openat(fd, entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
            if (file < 0 || fsync(file) != 0)
                rc = bento_fail_os(err, BENTO_EIO, errno, "cannot make '%s' durable",
                                   entry->d_name);
            if (file >= 0)
                (void)close(file);
        } else if (remove && unlinkat(fd, entry->d_name, 0) != 0 && errno != ENOENT) {
            rc = bento_fail_os(err, code_of(errno), errno, "cannot remove '%s'",
                               entry->d_name);
        }
    }
    if (rc == BENTO_OK && !remove && fsync(fd) != 0)
        rc =
            bento_fail_os(err, BENTO_EIO, errno, "cannot make folder '%s' durable", name);
    (void)closedir(dir);
    if (rc == BENTO_OK && remove && unlinkat(parent, name, AT_REMOVEDIR) != 0 &&
        errno != ENOENT)
        rc = bento_fail_os(err, code_of(errno), errno, "cannot remove folder '%s'", name);
    return rc;
}

bento_rc bento_fs_sync_tree(const char *path, struct bento_error *err)
{
    return walk(AT_FDCWD, path, false, 0, err);
}

bento_rc bento_fs_remove_tree(const char *path, struct bento_error *err)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return errno == ENOENT ? BENTO_OK
                               : bento_fail_os(err, code_of(errno), errno,
                                               "cannot look at '%s'", path);
    if (!S_ISDIR(st.st_mode))
        return unlink(path) == 0 ? BENTO_OK
                                 : bento_fail_os(err, code_of(errno), errno,
                                                 "cannot remove '%s'", path);
    return walk(AT_FDCWD, path, true, 0, err);
}

bento_rc bento_fs_rename_new(const char *from, const char *to, struct bento_error *err)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return BENTO_OK;
    if (errno == EINVAL && !bento_fs_is_folder(to) && rename(from, to) == 0)
        return BENTO_OK; /* file systems without the flag: rename refuses a folder that is
                            not empty */
    return bento_fail_os(err, code_of(errno), errno, "cannot move '%s' to '%s'", from,
                         to);
}
