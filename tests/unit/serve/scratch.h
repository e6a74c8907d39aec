/* A folder of a test's own below $TMPDIR, and files in it. */
#ifndef TESTS_SERVE_SCRATCH_H
#define TESTS_SERVE_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fs.h"

static char scratch[2048];

static bool scratch_make(void)
{
    const char *top = getenv("TMPDIR");

    (void)snprintf(scratch, sizeof scratch, "%s/bento-test-XXXXXX",
                   top && *top ? top : "/tmp");
    return mkdtemp(scratch) != NULL;
}

static void scratch_remove(void)
{
    (void)bento_fs_remove_tree(scratch, NULL);
}

/* scratch/name; four results stay valid. */
static const char *scratch_path(const char *name)
{
    static char paths[4][4096];
    static int at;

    at = (at + 1) % 4;
    (void)snprintf(paths[at], sizeof paths[at], "%s/%s", scratch, name);
    return paths[at];
}

static inline bool
scratch_write(const char *name, const char *text, size_t n, mode_t mode)
{
    FILE *f = fopen(scratch_path(name), "wb");
    bool ok = f && fwrite(text, 1, n, f) == n;

    if (f && fclose(f) != 0)
        ok = false;
    return ok && chmod(scratch_path(name), mode) == 0;
}

static inline bool scratch_text(const char *name, const char *text)
{
    return scratch_write(name, text, strlen(text), 0644);
}

#endif
