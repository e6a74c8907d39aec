/* The one allocation door; see alloc.h. Counters are relaxed atomics: they inform, they
 * do not order anything. */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static atomic_long live;
static atomic_long fail_after = -1;

static bool must_fail(void)
{
    if (atomic_load_explicit(&fail_after, memory_order_relaxed) < 0)
        return false;
    long left = atomic_fetch_sub_explicit(&fail_after, 1, memory_order_relaxed);
    if (left > 0)
        return false;
    atomic_store_explicit(&fail_after, 0, memory_order_relaxed);
    return true;
}

static void *counted(void *p)
{
    if (p)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return p;
}

void *bento_alloc(size_t size)
{
    return must_fail() ? NULL : counted(malloc(size ? size : 1));
}

void *bento_calloc(size_t count, size_t size)
{
    size_t total;

    if (!bento_mul_ok(count, size, &total) || must_fail())
        return NULL;
    return counted(total ? calloc(count, size) : calloc(1, 1));
}

void *bento_realloc(void *old, size_t count, size_t size)
{
    size_t total;

    if (!bento_mul_ok(count, size, &total) || must_fail())
        return NULL;
    void *p = realloc(old, total ? total : 1);
    return old ? p : counted(p);
}

void bento_free(void *p)
{
    if (!p)
        return;
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    free(p);
}

char *bento_strndup(const char *s, size_t n)
{
    size_t size;
    if (!bento_add_ok(n, 1, &size))
        return NULL;
    char *p = bento_alloc(size);
    if (p) {
        if (n)
            memcpy(p, s, n);
        p[n] = '\0';
    }
    return p;
}

char *bento_strdup(const char *s)
{
    return bento_strndup(s, strlen(s));
}

void bento_alloc_fail_after(long after)
{
    atomic_store_explicit(&fail_after, after, memory_order_relaxed);
}

long bento_alloc_live(void)
{
    return atomic_load_explicit(&live, memory_order_relaxed);
}
