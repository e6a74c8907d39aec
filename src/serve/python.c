/* Which interpreter runs user code: --python, $BENTOML_PYTHON, the one beside this
 * executable, python3 on PATH. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "base/str.h"
#include "bento/serve.h"

void bento_serve_free_text(char *text)
{
    bento_free(text);
}

/* access(2) alone would take a folder for a program. */
static bool is_program(const char *path)
{
    struct stat about;

    return stat(path, &about) == 0 && S_ISREG(about.st_mode) && access(path, X_OK) == 0;
}

static bool on_path(const char *name, char to[PATH_MAX])
{
    struct bento_str rest = bento_str_of(getenv("PATH"));
    struct bento_str folder;

    while (bento_str_next(&rest, ':', &folder)) {
        (void)snprintf(to, PATH_MAX, "%.*s/%s", BENTO_STR_ARG(folder), name);
        if (folder.n && is_program(to))
            return true;
    }
    return false;
}

static bool beside_us(char to[PATH_MAX])
{
    char self[PATH_MAX - 16];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (n <= 0)
        return false;
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    if (!slash)
        return false;
    *slash = '\0';
    (void)snprintf(to, PATH_MAX, "%s/python3", self);
    return is_program(to);
}

bento_rc bento_python_find(const char *python, char **ret_path, struct bento_error *err)
{
    char path[PATH_MAX];
    const char *wanted = python && *python ? python : getenv("BENTOML_PYTHON");
    bool found;

    if (wanted && *wanted) {
        found = strchr(wanted, '/') ? is_program(wanted) : on_path(wanted, path);
        if (found && strchr(wanted, '/'))
            (void)snprintf(path, sizeof path, "%s", wanted);
        if (!found) {
            (void)bento_fail(err, BENTO_ENOTFOUND, "Python interpreter '%s' not found",
                             wanted);
            return bento_hint(
                err,
                "give --python or BENTOML_PYTHON the path of an interpreter in which bentoml is installed");
        }
    } else {
        found = beside_us(path) || on_path("python3", path);
        if (!found) {
            (void)bento_fail(err, BENTO_ENOTFOUND, "no Python interpreter found");
            return bento_hint(err, "install python3, or give --python the path of one");
        }
    }
    *ret_path = bento_strdup(path);
    return *ret_path ? BENTO_OK : bento_fail(err, BENTO_ENOMEM, "out of memory");
}
