/*
 * The one door for heap memory.
 *
 * Invariants:
 *  1. No other file calls malloc, calloc, realloc, free or strdup
 * (tools/check_layers.py).
 *  2. NULL means out of memory; callers return BENTO_ENOMEM, they never abort.
 *  3. The failing mode makes the Nth allocation of this process (and all later ones)
 * fail, so that tests can walk every error path. It is off unless a test turns it on.
 * Threads: all functions are thread-safe.
 */
#ifndef BENTO_BASE_ALLOC_H
#define BENTO_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

void *bento_alloc(size_t size) __attribute__((malloc, warn_unused_result));
void *bento_calloc(size_t count, size_t size) __attribute__((malloc, warn_unused_result));
/* Count times size with an overflow check; `old` stays valid when NULL is returned. */
void *bento_realloc(void *old, size_t count, size_t size)
    __attribute__((warn_unused_result));
void bento_free(void *p);
/* Terminated copy of n bytes; NULL when out of memory. */
char *bento_strndup(const char *s, size_t n) __attribute__((malloc, warn_unused_result));
char *bento_strdup(const char *s) __attribute__((malloc, warn_unused_result));

/* Test seams: the next `after` allocations succeed, later ones fail; negative turns the
 * mode off. */
void bento_alloc_fail_after(long after);
/* Allocations that were not freed yet, in this process. */
long bento_alloc_live(void);

static inline bool bento_mul_ok(size_t a, size_t b, size_t *ret)
{
    return !__builtin_mul_overflow(a, b, ret);
}

static inline bool bento_add_ok(size_t a, size_t b, size_t *ret)
{
    return !__builtin_add_overflow(a, b, ret);
}

#endif
