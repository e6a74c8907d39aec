/* Names of columns and rows; see name_index.h. */
#include "core/name_index.h"

#include <sys/auxv.h>

/* Sixteen random bytes that the kernel gives every process. */
static void seed(uint64_t ret[2])
{
    const void *random = (const void *)getauxval(AT_RANDOM); /* NOLINT: the interface */

    ret[0] = 0x9E3779B97F4A7C15ULL;
    ret[1] = 0xC2B2AE3D27D4EB4FULL;
    if (random)
        memcpy(ret, random, 2 * sizeof ret[0]);
}

static uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 u128;
    u128 product = (u128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash(struct bento_str s)
{
    uint64_t key[2];
    uint64_t word;

    seed(key);
    uint64_t h = key[0] ^ s.n;
    for (; s.n >= 8; s.p += 8, s.n -= 8) {
        memcpy(&word, s.p, 8);
        h = fold(h ^ word, key[1] | 1);
    }
    word = 0;
    if (s.n)
        memcpy(&word, s.p, s.n);
    return fold(fold(h ^ word, key[1] | 1), 0x9E3779B97F4A7C15ULL);
}

bool name_index_init(struct name_index *index, struct bento_arena *arena, size_t count)
{
    size_t size = 16;

    if (count > (size_t)1 << 30)
        return false;
    while (size < count * 2)
        size *= 2;
    index->mask = size - 1;
    index->slots = bento_arena_calloc(arena, size, sizeof *index->slots);
    return index->slots != NULL;
}

static uint32_t *slot_of(const struct name_index *index,
                         const struct bento_str *names,
                         struct bento_str name)
{
    size_t at = (size_t)hash(name) & index->mask;

    while (index->slots[at] && !bento_str_eq(names[index->slots[at] - 1], name))
        at = (at + 1) & index->mask;
    return &index->slots[at];
}

size_t name_index_find(const struct name_index *index,
                       const struct bento_str *names,
                       struct bento_str name)
{
    uint32_t position = *slot_of(index, names, name);

    return position ? position - 1 : NAMES_NONE;
}

size_t name_index_enter(struct name_index *index,
                        const struct bento_str *names,
                        struct bento_str name,
                        size_t position)
{
    uint32_t *slot = slot_of(index, names, name);

    if (*slot)
        return *slot - 1;
    *slot = (uint32_t)position + 1;
    return NAMES_NONE;
}
