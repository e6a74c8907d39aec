/* Processes; see process.h. */
#include "os/process.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

unsigned bento_cpu_count(void)
{
    cpu_set_t mine;

    CPU_ZERO(&mine);
    if (sched_getaffinity(0, sizeof mine, &mine) == 0 && CPU_COUNT(&mine) > 0)
        return (unsigned)CPU_COUNT(&mine);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}

static size_t list_size(const char *const *list)
{
    size_t n = 0;

    while (list && list[n])
        n++;
    return n;
}

static bool name_same(const char *a, const char *b)
{
    size_t n = strcspn(a, "=");

    return n == strcspn(b, "=") && strncmp(a, b, n) == 0;
}

static bool list_names(const char *const *list, const char *entry)
{
    for (size_t i = 0; list && list[i]; i++)
        if (name_same(list[i], entry))
            return true;
    return false;
}

/* Appends copies of those entries of `list` whose names are not in `but`, nor in what
 * is there already. */
static bool
list_add(char **to, size_t *at, const char *const *list, const char *const *but)
{
    for (size_t i = 0; list && list[i]; i++) {
        if (list_names(but, list[i]) || list_names((const char *const *)to, list[i]))
            continue;
        to[*at] = bento_strdup(list[i]);
        if (!to[*at])
            return false;
        (*at)++;
    }
    return true;
}

bento_rc bento_environment_new(const char *const *set,
                               const char *const *defaults,
                               char ***ret,
                               struct bento_error *err)
{
    const char *const *ours = (const char *const *)environ;
    size_t n = list_size(set) + list_size(ours) + list_size(defaults);
    char **to = bento_calloc(n + 1, sizeof *to);
    size_t at = 0;

    if (!to || !list_add(to, &at, set, NULL) || !list_add(to, &at, ours, set) ||
        !list_add(to, &at, defaults, NULL)) {
        bento_environment_free(to);
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    }
    *ret = to;
    return BENTO_OK;
}

void bento_environment_free(char **environment)
{
    for (size_t i = 0; environment && environment[i]; i++)
        bento_free(environment[i]);
    bento_free(environment);
}

void bento_process_kill_rest(int pid)
{
    if (pid > 1)
        (void)kill(-pid, SIGKILL);
}

void bento_process_kill_group(int pid)
{
    if (pid > 1 && kill(-pid, SIGKILL) != 0)
        (void)kill(pid, SIGKILL);
}
