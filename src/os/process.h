/* Processes: what a child is started with, and how it is ended together with its own
 * children. */
#ifndef BENTO_OS_PROCESS_H
#define BENTO_OS_PROCESS_H

#include <stddef.h>

#include "base/fail.h"

/* Processors this process may run on, at least 1. */
unsigned bento_cpu_count(void);

/* A copy of this process's environment for a child. `set`: "NAME=value" texts that
 * replace what is there; `defaults`: such texts for names that are not set. Both end with
 * NULL and may be NULL. Every name stands once. */
bento_rc bento_environment_new(const char *const *set,
                               const char *const *defaults,
                               char ***ret,
                               struct bento_error *err);
void bento_environment_free(char **environment);

/* What is left of the group of a leader that has ended. Its number alone may belong to
 * somebody else by now. */
void bento_process_kill_rest(int pid);
/* Sends SIGKILL to every process of the group that `pid` leads, or to `pid` alone when
 * it leads none. Only for children that were not waited for yet. */
void bento_process_kill_group(int pid);

#endif
