/* serve/python: which interpreter is chosen, and what is said when there is none. */
#include "base/alloc.h"
#include "bento/serve.h"
#include "support/check.h"

#include "scratch.h"

static char beside[4096]; /* python3 next to this test program */

static void check_found(const char *python, const char *want)
{
    struct bento_error err = BENTO_ERROR_INIT;
    char *path = NULL;

    CHECK_INT(bento_python_find(python, &path, &err), BENTO_OK);
    CHECK_STR(path, want);
    CHECK_STR(err.message, "");
    bento_serve_free_text(path);
}

static void check_missing(const char *python, const char *message, const char *hint)
{
    struct bento_error err = BENTO_ERROR_INIT;
    char *path = NULL;

    CHECK_INT(bento_python_find(python, &path, &err), BENTO_ENOTFOUND);
    CHECK(path == NULL);
    CHECK_STR(err.message, message);
    CHECK_STR(err.hint, hint);
    bento_serve_free_text(path);
}

static const char hint_give[] =
    "give --python or BENTOML_PYTHON the path of an interpreter in which bentoml is installed";

TEST(order)
{
    char path[8300];

    (void)snprintf(path, sizeof path, "%s:%s", scratch_path("none"), scratch_path("bin"));
    (void)setenv("PATH", path, 1);
    (void)setenv("BENTOML_PYTHON", "py-other", 1);
    check_found("py-own", scratch_path("bin/py-own"));
    check_found(NULL, scratch_path("bin/py-other"));
    check_found("", scratch_path("bin/py-other"));
    (void)setenv("BENTOML_PYTHON", "", 1);
    check_found(NULL, scratch_path("bin/python3"));
    (void)unsetenv("BENTOML_PYTHON");
    check_found(NULL, scratch_path("bin/python3"));
    CHECK_INT(symlink(scratch_path("bin/python3"), beside), 0);
    check_found(NULL, beside);
    CHECK_INT(unlink(beside), 0);
    check_found(scratch_path("bin/py-own"), scratch_path("bin/py-own"));
}

TEST(missing)
{
    char message[4200];

    (void)setenv("PATH", scratch_path("bin"), 1);
    (void)unsetenv("BENTOML_PYTHON");
    check_missing("py-none", "Python interpreter 'py-none' not found", hint_give);
    check_missing("./py-own", "Python interpreter './py-own' not found", hint_give);
    (void)snprintf(message, sizeof message, "Python interpreter '%s' not found",
                   scratch_path("bin/plain"));
    check_missing(scratch_path("bin/plain"), message, hint_give);
    check_missing("plain", "Python interpreter 'plain' not found", hint_give);
    (void)setenv("BENTOML_PYTHON", "py-gone", 1);
    check_missing(NULL, "Python interpreter 'py-gone' not found", hint_give);
    (void)unsetenv("BENTOML_PYTHON");
    (void)setenv("PATH", scratch_path("none"), 1);
    check_missing(NULL, "no Python interpreter found",
                  "install python3, or give --python the path of one");
    (void)setenv("PATH", "", 1);
    check_missing(NULL, "no Python interpreter found",
                  "install python3, or give --python the path of one");
    (void)unsetenv("PATH");
    check_missing(NULL, "no Python interpreter found",
                  "install python3, or give --python the path of one");
}

/* A folder may be "executed" too, says access(2): it is no interpreter all the same. */
TEST(folders)
{
    char message[4200];
    char path[8300];

    (void)unsetenv("BENTOML_PYTHON");
    (void)snprintf(message, sizeof message, "Python interpreter '%s' not found",
                   scratch_path("env"));
    check_missing(scratch_path("env"), message, hint_give);
    (void)snprintf(path, sizeof path, "%s:%s", scratch_path("env"), scratch_path("bin"));
    (void)setenv("PATH", path, 1);
    check_found(NULL, scratch_path("bin/python3"));
}

int main(void)
{
    static const char *const programs[] = { "bin/py-own", "bin/py-other", "bin/python3" };
    long live = bento_alloc_live();
    ssize_t n = readlink("/proc/self/exe", beside, sizeof beside - 16);

    if (n <= 0 || !scratch_make())
        return 1;
    beside[n] = '\0';
    (void)strcpy(strrchr(beside, '/'), "/python3");
    CHECK_INT(mkdir(scratch_path("bin"), 0755), 0);
    CHECK_INT(mkdir(scratch_path("env"), 0755), 0);
    CHECK_INT(mkdir(scratch_path("env/python3"), 0755), 0);
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        CHECK(scratch_write(programs[i], "#!/bin/sh\n", 10, 0755));
    CHECK(scratch_write("bin/plain", "", 0, 0644));
    RUN(order);
    RUN(missing);
    RUN(folders);
    scratch_remove();
    CHECK_INT(bento_alloc_live(), live);
    return check_report();
}
