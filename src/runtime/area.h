/*
 * The request area: one sealed memfd that holds every request waiting or running. The
 * server writes, workers map it read-only. Blocks come from a buddy allocator whose
 * bookkeeping is private memory of the server.
 *
 * Invariants:
 *  1. Offsets are multiples of 256 and blocks do not overlap; a worker can read all
 * blocks but write none.
 *  2. The file never shrinks or grows (sealed), so a mapping cannot fault.
 *  3. Memory of freed blocks of 1 MiB and more goes back to the kernel.
 *  4. alloc and free are O(log n). BENTO_EUNAVAILABLE when no block is large enough: the
 * request is refused with 503.
 */
#ifndef BENTO_RUNTIME_AREA_H
#define BENTO_RUNTIME_AREA_H

#include "base/fail.h"
#include "base/str.h"

struct bento_area;

/* size is rounded up to a power of two. */
bento_rc bento_area_new(uint64_t size, struct bento_area **ret, struct bento_error *err);
void bento_area_unref(struct bento_area *area);
bento_rc bento_area_alloc(struct bento_area *area, uint64_t size, uint64_t *ret);
void bento_area_free(struct bento_area *area, uint64_t offset);
void *bento_area_at(struct bento_area *area, uint64_t offset);
int bento_area_fd(const struct bento_area *area);
uint64_t bento_area_size(const struct bento_area *area);
/* Bytes in blocks that are handed out. */
uint64_t bento_area_used(const struct bento_area *area);

#endif
