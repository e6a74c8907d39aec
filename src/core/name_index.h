/*
 * Finding a name among many: an open-addressing index over an array of names that the
 * caller owns. Bodies choose the names, so the hash is seeded per process: nobody can
 * prepare names that collide.
 */
#ifndef BENTO_CORE_NAME_INDEX_H
#define BENTO_CORE_NAME_INDEX_H

#include "base/arena.h"

#define NAMES_NONE SIZE_MAX

struct name_index {
    uint32_t *slots; /* position + 1; 0: free */
    size_t mask;
};

/* Room for `count` names, at most 2^30. Memory comes from the arena and stays there.
 * false: out of memory. */
bool name_index_init(struct name_index *index, struct bento_arena *arena, size_t count);
/* Where `name` stands in `names`, or NAMES_NONE. */
size_t name_index_find(const struct name_index *index,
                       const struct bento_str *names,
                       struct bento_str name);
/* Same; a name that was not there is entered with the position `position`. */
size_t name_index_enter(struct name_index *index,
                        const struct bento_str *names,
                        struct bento_str name,
                        size_t position);

#endif
