/* os/process: a child's environment, processors, the end of a whole group. */
#include "os/process.h"

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "support/check.h"

TEST(processors)
{
    cpu_set_t all;
    cpu_set_t one;
    unsigned first = 0;

    CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
    CHECK_INT(bento_cpu_count(), CPU_COUNT(&all));
    while (!CPU_ISSET(first, &all))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK_INT(bento_cpu_count(), 1);
    CHECK(sched_setaffinity(0, sizeof all, &all) == 0);
}

/* The entries joined by blanks. */
static const char *joined(char **list)
{
    static char text[1000];
    size_t at = 0;

    text[0] = '\0';
    for (size_t i = 0; list && list[i]; i++)
        at +=
            (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? " " : "", list[i]);
    return text;
}

TEST(environments)
{
    static const char *const set[] = { "A=new", "AB=", "A=twice", NULL };
    static const char *const defaults[] = { "B=unused", "C=default", "A=no", "C=no",
                                            NULL };
    static char texts[4][16] = { "A=old", "B=1", "ABC=2", "B=double" };
    static char *ours[] = { texts[0], texts[1], texts[2], texts[3], NULL };
    char **kept = environ;
    char **got = NULL;

    environ = ours;
    CHECK_INT(bento_environment_new(set, defaults, &got, NULL), BENTO_OK);
    CHECK_STR(joined(got), "A=new AB= B=1 ABC=2 C=default");
    bento_environment_free(got);
    CHECK_INT(bento_environment_new(NULL, NULL, &got, NULL), BENTO_OK);
    CHECK_STR(joined(got), "A=old B=1 ABC=2");
    bento_environment_free(got);
    environ = NULL;
    CHECK_INT(bento_environment_new(NULL, defaults, &got, NULL), BENTO_OK);
    CHECK_STR(joined(got), "B=unused C=default A=no");
    bento_environment_free(got);
    environ = kept;
    bento_environment_free(NULL);
}

TEST(every_allocation_may_fail)
{
    static const char *const set[] = { "BENTO_TEST_A=1", NULL };
    long live = bento_alloc_live();
    bento_rc rc = BENTO_ENOMEM;
    char **got = NULL;
    long n = 0;

    for (; rc != BENTO_OK && n < 10000; n++) {
        struct bento_error err = BENTO_ERROR_INIT;
        bento_alloc_fail_after(n);
        rc = bento_environment_new(set, NULL, &got, &err);
        bento_alloc_fail_after(-1);
        CHECK_INT(err.code, rc);
        if (rc == BENTO_OK)
            break;
        CHECK_INT(rc, BENTO_ENOMEM);
        CHECK(got == NULL); /* results are written only on success */
        CHECK_INT(bento_alloc_live(), live);
    }
    CHECK(n >= 2);
    CHECK_INT(rc, BENTO_OK);
    bento_environment_free(got);
    CHECK_INT(bento_alloc_live(), live);
}

/* A child that has a child of its own; both wait for ever. The pipe ends with the last.
 */
static pid_t start(bool leads, int pipe_fds[2])
{
    char ready;
    int go[2];

    if (pipe(pipe_fds) != 0 || pipe(go) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        if (leads)
            (void)setpgid(0, 0);
        (void)close(pipe_fds[0]);
        if (!leads || fork() >= 0)
            (void)!write(go[1], "", 1);
        for (;;)
            (void)pause();
    }
    (void)close(pipe_fds[1]);
    (void)!read(go[0], &ready, 1);
    (void)close(go[0]);
    (void)close(go[1]);
    return child;
}

TEST(groups_end_together)
{
    for (int leads = 0; leads < 2; leads++) {
        int fds[2];
        int status = 0;
        char byte;
        pid_t child = start(leads, fds);
        CHECK(child > 1);
        if (child <= 1)
            return;
        bento_process_kill_group(child);
        CHECK_INT(waitpid(child, &status, 0), child);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        (void)alarm(10); /* read waits as long as anybody of the group lives */
        CHECK_INT(read(fds[0], &byte, 1), 0);
        (void)alarm(0);
        (void)close(fds[0]);
    }
}

int main(void)
{
    RUN(processors);
    RUN(environments);
    RUN(every_allocation_may_fail);
    RUN(groups_end_together);
    return check_report();
}
