/*
 * Arena: memory of one lifetime (a request, a connection, a loaded configuration),
 * released at once.
 *
 * Invariants:
 *  1. Memory is 16-byte aligned and lives until bento_arena_clear or bento_arena_release.
 *  2. The arena never holds more than `max` bytes; NULL means that the limit or the heap
 * is exhausted.
 *  3. clear keeps the first block, so a recycled arena of ordinary use allocates nothing.
 *  4. Compiled with BENTO_ARENA_DEBUG every object is its own heap block, so that
 * AddressSanitizer sees inside.
 */
#ifndef BENTO_BASE_ARENA_H
#define BENTO_BASE_ARENA_H

#include "base/str.h"

struct bento_arena_block;

struct bento_arena {
    struct bento_arena_block *first; /* newest block */
    size_t used;                     /* bytes handed out from the newest block */
    size_t total;                    /* bytes of all blocks */
    size_t block_size;               /* size of ordinary blocks */
    size_t max;
};

void bento_arena_init(struct bento_arena *arena, size_t block_size, size_t max);
void bento_arena_release(struct bento_arena *arena);
void bento_arena_clear(struct bento_arena *arena);
void *bento_arena_alloc(struct bento_arena *arena, size_t size)
    __attribute__((warn_unused_result));
void *bento_arena_calloc(struct bento_arena *arena, size_t count, size_t size)
    __attribute__((warn_unused_result));
/* Terminated copy; NULL when out of memory. */
char *bento_arena_dup(struct bento_arena *arena, struct bento_str s)
    __attribute__((warn_unused_result));

#endif
