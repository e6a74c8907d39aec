/*
 * A folder for one test, which becomes the working folder, and what a test wants to know
 * about this process. Paths in tests are relative to it, so that they also hold for a
 * user who may not look into the folders above.
 */
#ifndef TESTS_SUPPORT_FOLDER_H
#define TESTS_SUPPORT_FOLDER_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fs.h"

static char folder_path[512];

static inline bool folder_enter(void)
{
    const char *base = getenv("TMPDIR");

    (void)snprintf(folder_path, sizeof folder_path, "%.400s/bento-test-XXXXXX",
                   base ? base : "/tmp");
    return mkdtemp(folder_path) && chmod(folder_path, 0755) == 0 &&
           chdir(folder_path) == 0;
}

static inline void folder_leave(void)
{
    if (chdir("/") == 0)
        (void)bento_fs_remove_tree(folder_path, NULL);
}

static inline bool file_write(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    if (!f)
        return false;
    bool good = fputs(text, f) >= 0;
    return fclose(f) == 0 && good;
}

/* Permissions do not bind root: tests of them act as somebody else meanwhile. */
static inline bool user_lower(void)
{
    return geteuid() != 0 || seteuid(65534) == 0;
}

static inline void user_restore(void)
{
    if (getuid() == 0)
        (void)!seteuid(0);
}

/* Open descriptors of this process. */
static inline int fd_count(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    while (dir && readdir(dir))
        n++;
    if (dir)
        (void)closedir(dir);
    return n;
}

#endif
