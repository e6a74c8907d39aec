/* os/fs: bounded reads, folders, renames and removal, and every error they name. */
#include "os/fs.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/alloc.h"
#include "support/check.h"
#include "support/folder.h"

static bento_rc read_file(const char *path, size_t max, struct bento_buf *to)
{
    struct bento_error err = BENTO_ERROR_INIT;

    bento_buf_init(to, max);
    bento_rc rc = bento_fs_read(path, to, &err);
    CHECK_INT(err.code, rc);
    return rc;
}

TEST(reading)
{
    struct bento_buf to;

    CHECK(file_write("five", "12345") && file_write("none", ""));
    bento_buf_init(&to, 100);
    bento_buf_adds(&to, "before ");
    CHECK_INT(bento_fs_read("five", &to, NULL), BENTO_OK);
    CHECK_MEM(to.p, to.n, "before 12345");
    bento_buf_release(&to);
    CHECK_INT(read_file("none", 10, &to), BENTO_OK);
    CHECK_INT(to.n, 0);
    bento_buf_release(&to);
    CHECK_INT(read_file("none", 0, &to), BENTO_OK);
    bento_buf_release(&to);
}

TEST(reading_up_to_the_maximum)
{
    static char text[200001];
    static const size_t sizes[] = { 1, 5, 65535, 65536, 65537, 131072, 200000 };
    struct bento_buf to;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        memset(text, 'a' + (int)i, sizes[i]);
        text[sizes[i]] = '\0';
        CHECK(file_write("file", text));
        CHECK_INT(read_file("file", sizes[i], &to), BENTO_OK);
        CHECK(to.n == sizes[i] && memcmp(to.p, text, to.n) == 0);
        bento_buf_release(&to);
        CHECK_INT(read_file("file", sizes[i] - 1, &to), BENTO_ETOOLARGE);
        CHECK(to.n <= sizes[i] - 1);
        bento_buf_release(&to);
    }
}

TEST(reading_what_cannot_be_read)
{
    static char far[PATH_MAX + 10];
    struct bento_buf to;

    memset(far, 'a', sizeof far - 1);
    CHECK(file_write("file", "x") && mkdir("folder", 0755) == 0);
    CHECK(file_write("secret", "x") && chmod("secret", 0) == 0);
    CHECK_INT(read_file("missing", 10, &to), BENTO_ENOTFOUND);
    CHECK_INT(read_file("file/below", 10, &to), BENTO_ENOTFOUND);
    CHECK_INT(read_file("", 10, &to), BENTO_ENOTFOUND);
    CHECK_INT(read_file("folder", 10, &to), BENTO_EIO);
    bento_buf_release(&to);
    CHECK_INT(read_file(far, 10, &to), BENTO_EIO);
    CHECK(user_lower());
    CHECK_INT(read_file("secret", 10, &to), BENTO_EPERM);
    user_restore();
}

/* Nobody will ever write to them; a socket cannot even be opened. */
TEST(reading_waits_for_nobody)
{
    static const char *const paths[] = { "fifo", "socket", "/dev/zero", "folder",
                                         "link" };
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    int fds = fd_count();

    CHECK(mkfifo("fifo", 0600) == 0 && symlink("fifo", "link") == 0);
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(mkdir("folder", 0755) == 0 || errno == EEXIST);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct bento_error err = BENTO_ERROR_INIT;
        struct bento_buf to;
        char want[100];
        (void)snprintf(want, sizeof want, "cannot read '%s': not a regular file",
                       paths[i]);
        bento_buf_init(&to, 10);
        CHECK_INT(bento_fs_read(paths[i], &to, &err), BENTO_EIO);
        CHECK_STR(err.message, want);
        bento_buf_release(&to);
    }
    CHECK_INT(fd_count(), fds);
    (void)close(fd);
    CHECK(unlink("fifo") == 0 && unlink("link") == 0 && unlink("socket") == 0);
}

TEST(reading_without_memory)
{
    static char text[300000];
    long live = bento_alloc_live();
    bento_rc rc = BENTO_ENOMEM;
    int fds = fd_count();

    memset(text, 'x', sizeof text - 1);
    CHECK(file_write("file", text));
    for (long n = 0; rc != BENTO_OK && n < 50; n++) {
        struct bento_buf to;
        bento_alloc_fail_after(n);
        rc = read_file("file", 1 << 20, &to);
        bento_alloc_fail_after(-1);
        if (rc != BENTO_OK)
            CHECK_INT(rc, BENTO_ENOMEM);
        else
            CHECK_INT(to.n, sizeof text - 1);
        bento_buf_release(&to);
    }
    CHECK_INT(rc, BENTO_OK);
    CHECK_INT(bento_alloc_live(), live);
    CHECK_INT(fd_count(), fds);
}

TEST(making_folders)
{
    static char far[PATH_MAX + 1];
    struct bento_error err = BENTO_ERROR_INIT;

    CHECK_INT(bento_fs_make_folders("a/b//c/", &err), BENTO_OK);
    CHECK(bento_fs_is_folder("a/b/c"));
    CHECK_INT(bento_fs_make_folders("a/b/c", &err), BENTO_OK);
    CHECK_INT(bento_fs_make_folders("/", &err), BENTO_OK);
    CHECK_INT(bento_fs_make_folders("", &err), BENTO_EINVAL);
    memset(far, 'a', PATH_MAX);
    CHECK_INT(bento_fs_make_folders(far, &err), BENTO_EINVAL);
    far[PATH_MAX - 1] = '\0'; /* short enough for a path, too long for a name */
    CHECK_INT(bento_fs_make_folders(far, &err), BENTO_EIO);
    CHECK_INT(err.os_errno, ENAMETOOLONG);
    CHECK(file_write("plain", "x"));
    CHECK_INT(bento_fs_make_folders("plain", &err), BENTO_EEXISTS);
    CHECK_INT(bento_fs_make_folders("plain/x", &err), BENTO_ENOTFOUND);
    CHECK(symlink("a", "link") == 0 && symlink("nowhere", "dangling") == 0);
    CHECK_INT(bento_fs_make_folders("link/d", &err), BENTO_OK);
    CHECK(bento_fs_is_folder("a/d"));
    CHECK_INT(bento_fs_make_folders("dangling", &err), BENTO_EEXISTS);
    CHECK(!bento_fs_is_folder("plain"));
    CHECK(!bento_fs_is_folder("missing"));
    CHECK(bento_fs_is_folder("link"));
    CHECK(mkdir("closed", 0555) == 0 && user_lower());
    CHECK_INT(bento_fs_make_folders("closed/new", &err), BENTO_EPERM);
    CHECK_INT(err.os_errno, EACCES);
    user_restore();
}

TEST(removing)
{
    struct bento_error err = BENTO_ERROR_INIT;

    CHECK_INT(bento_fs_remove_tree("was never there", &err), BENTO_OK);
    CHECK(bento_fs_make_folders("kept/inner", &err) == BENTO_OK &&
          file_write("kept/inner/file", "x"));
    CHECK(bento_fs_make_folders("tree/x/y", &err) == BENTO_OK &&
          file_write("tree/x/file", "x") && symlink("../kept", "tree/link") == 0 &&
          symlink("nowhere", "tree/x/dangling") == 0 && mkfifo("tree/fifo", 0600) == 0);
    CHECK_INT(bento_fs_remove_tree("tree", &err), BENTO_OK);
    CHECK(!bento_fs_is_folder("tree"));
    CHECK(symlink("kept", "link") == 0 || errno == EEXIST);
    CHECK_INT(bento_fs_remove_tree("link", &err), BENTO_OK);
    CHECK(access("link", F_OK) != 0);
    CHECK(access("kept/inner/file", F_OK) == 0);
    CHECK(file_write("single", "x"));
    CHECK_INT(bento_fs_remove_tree("single", &err), BENTO_OK);
    CHECK_INT(bento_fs_remove_tree("kept/inner/file/x", &err), BENTO_ENOTFOUND);
    CHECK(bento_fs_make_folders("held/in", &err) == BENTO_OK &&
          file_write("held/in/file", "x") && chmod("held/in", 0555) == 0 && user_lower());
    CHECK_INT(bento_fs_remove_tree("held", &err), BENTO_EPERM);
    CHECK_INT(bento_fs_remove_tree("held/in/file", &err), BENTO_EPERM);
    user_restore();
    CHECK(access("held/in/file", F_OK) == 0);
}

/* "d/d/d…" with `depth` folders. */
static const char *deep(unsigned depth)
{
    static char path[1000];

    for (unsigned i = 0; i < depth; i++)
        memcpy(path + 2 * (size_t)i, "d/", 2);
    path[2 * (size_t)depth - 1] = '\0';
    return path;
}

TEST(depth_is_bounded)
{
    struct bento_error err = BENTO_ERROR_INIT;
    int fds = fd_count();

    CHECK_INT(bento_fs_make_folders(deep(120), &err), BENTO_OK);
    CHECK_INT(bento_fs_sync_tree("d", &err), BENTO_OK);
    CHECK_INT(bento_fs_remove_tree("d", &err), BENTO_OK);
    CHECK_INT(bento_fs_make_folders(deep(200), &err), BENTO_OK);
    errno = 0;
    CHECK_INT(bento_fs_sync_tree("d", &err), BENTO_EIO);
    CHECK(strstr(err.message, "Success") == NULL); /* it says what is wrong */
    errno = ENOENT;
    CHECK_INT(bento_fs_remove_tree("d", &err), BENTO_EIO);
    CHECK(bento_fs_is_folder("d"));
    CHECK_INT(bento_fs_remove_tree(deep(100), &err), BENTO_OK);
    CHECK_INT(bento_fs_remove_tree("d", &err), BENTO_OK);
    CHECK_INT(fd_count(), fds);
}

TEST(moving)
{
    struct bento_error err = BENTO_ERROR_INIT;

    CHECK(mkdir("from", 0755) == 0 && file_write("from/file", "new"));
    CHECK(mkdir("empty", 0755) == 0 && file_write("taken", "old"));
    CHECK_INT(bento_fs_rename_new("from", "empty", &err), BENTO_EEXISTS);
    CHECK_INT(bento_fs_rename_new("from", "taken", &err), BENTO_EEXISTS);
    CHECK_INT(bento_fs_rename_new("from/file", "taken", &err), BENTO_EEXISTS);
    CHECK_INT(bento_fs_rename_new("missing", "to", &err), BENTO_ENOTFOUND);
    CHECK_INT(bento_fs_rename_new("from", "missing/to", &err), BENTO_ENOTFOUND);
    CHECK(bento_fs_rename_new("from", "from/inside", &err) != BENTO_OK);
    CHECK(access("from/file", F_OK) == 0);
    CHECK_INT(bento_fs_rename_new("from", "to", &err), BENTO_OK);
    CHECK(access("to/file", F_OK) == 0 && !bento_fs_is_folder("from"));
    CHECK(mkdir("sealed", 0555) == 0 && user_lower());
    CHECK_INT(bento_fs_rename_new("to", "sealed/to", &err), BENTO_EPERM);
    user_restore();
}

TEST(making_durable)
{
    struct bento_error err = BENTO_ERROR_INIT;

    CHECK(bento_fs_make_folders("s/x", &err) == BENTO_OK && file_write("s/x/f", "x"));
    CHECK(mkfifo("s/fifo", 0600) == 0 && symlink("nowhere", "s/dangling") == 0);
    CHECK_INT(bento_fs_sync_tree("s", &err), BENTO_OK); /* waits for no fifo */
    CHECK_INT(bento_fs_sync_folder("s", &err), BENTO_OK);
    CHECK_INT(bento_fs_sync_tree("missing", &err), BENTO_ENOTFOUND);
    CHECK_INT(bento_fs_sync_tree("s/x/f", &err), BENTO_ENOTFOUND);
    CHECK(symlink("x", "s/link") == 0 && bento_fs_sync_tree("s/link", &err) != BENTO_OK);
    CHECK_INT(bento_fs_sync_folder("missing", &err), BENTO_ENOTFOUND);
    CHECK_INT(bento_fs_sync_folder("s/x/f", &err), BENTO_ENOTFOUND);
    CHECK(chmod("s/x/f", 0) == 0 && user_lower());
    CHECK(bento_fs_sync_tree("s", &err) != BENTO_OK);
    user_restore();
}

int main(void)
{
    int fds = fd_count();

    if (!folder_enter())
        return 1;
    RUN(reading);
    RUN(reading_up_to_the_maximum);
    RUN(reading_what_cannot_be_read);
    RUN(reading_waits_for_nobody);
    RUN(reading_without_memory);
    RUN(making_folders);
    RUN(removing);
    RUN(depth_is_bounded);
    RUN(moving);
    RUN(making_durable);
    CHECK_INT(fd_count(), fds);
    folder_leave();
    return check_report();
}
