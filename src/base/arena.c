/* Arena; see arena.h. */
#include "base/arena.h"

#include "base/alloc.h"

#define ARENA_ALIGN 16

struct bento_arena_block {
    struct bento_arena_block *next; /* older block */
    size_t size;                    /* usable bytes behind this header */
};

_Static_assert(sizeof(struct bento_arena_block) % ARENA_ALIGN == 0,
               "block data is aligned");

static char *data_of(struct bento_arena_block *block)
{
    return (char *)(block + 1);
}

void bento_arena_init(struct bento_arena *arena, size_t block_size, size_t max)
{
    *arena = (struct bento_arena){ .block_size = block_size, .max = max };
}

void bento_arena_release(struct bento_arena *arena)
{
    struct bento_arena_block *block = arena->first;

    while (block) {
        struct bento_arena_block *next = block->next;
        bento_free(block);
        block = next;
    }
    arena->first = NULL;
    arena->used = arena->total = 0;
}

void bento_arena_clear(struct bento_arena *arena)
{
    struct bento_arena_block *block = arena->first;

#ifdef BENTO_ARENA_DEBUG
    bento_arena_release(arena);
    block = NULL;
#endif
    while (block && block->next) {
        struct bento_arena_block *next = block->next;
        arena->total -= block->size;
        bento_free(block);
        block = next;
    }
    arena->first = block;
    arena->used = 0;
}

static struct bento_arena_block *add_block(struct bento_arena *arena, size_t need)
{
    size_t size = need > arena->block_size ? need : arena->block_size;
    size_t total;
    size_t whole;

#ifdef BENTO_ARENA_DEBUG
    size = need;
#endif
    if (!bento_add_ok(arena->total, size, &total) || total > arena->max ||
        !bento_add_ok(sizeof(struct bento_arena_block), size, &whole))
        return NULL;
    struct bento_arena_block *block = bento_alloc(whole);
    if (!block)
        return NULL;
    block->next = arena->first;
    block->size = size;
    arena->first = block;
    arena->total = total;
    arena->used = 0;
    return block;
}

void *bento_arena_alloc(struct bento_arena *arena, size_t size)
{
    size_t need;

    if (!bento_add_ok(size, ARENA_ALIGN - 1, &need))
        return NULL;
    need &= ~(size_t)(ARENA_ALIGN - 1);
    if (need == 0)
        need = ARENA_ALIGN;
    if ((!arena->first || arena->first->size - arena->used < need) &&
        !add_block(arena, need))
        return NULL;
    void *p = data_of(arena->first) + arena->used;
    arena->used += need;
    return p;
}

void *bento_arena_calloc(struct bento_arena *arena, size_t count, size_t size)
{
    size_t total;

    if (!bento_mul_ok(count, size, &total))
        return NULL;
    void *p = bento_arena_alloc(arena, total);
    if (p)
        memset(p, 0, total);
    return p;
}

char *bento_arena_dup(struct bento_arena *arena, struct bento_str s)
{
    size_t size;
    if (!bento_add_ok(s.n, 1, &size))
        return NULL;
    char *p = bento_arena_alloc(arena, size);
    if (p) {
        if (s.n)
            memcpy(p, s.p, s.n);
        p[s.n] = '\0';
    }
    return p;
}
