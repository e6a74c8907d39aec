/*
 * The request area: one sealed memory file that holds every request waiting or running.
 * The server writes, workers map it read-only. Blocks come from a buddy allocator whose
 * bookkeeping is private memory of the server.
 *
 * Invariants:
 *  1. Offsets are multiples of 256 and blocks do not overlap; through the descriptor
 * that workers get all blocks can be read and none written.
 *  2. The file never shrinks or grows (sealed), so a mapping cannot fault.
 *  3. Memory of freed blocks of 1 MiB and more goes back to the kernel; what smaller
 * blocks leave behind goes back with bento_area_trim.
 *  4. alloc, resize and free are O(log n), copying aside. BENTO_EUNAVAILABLE when no
 * block is large enough: the request is refused with 503.
 * Threads: the loop's thread only.
 */
#ifndef BENTO_RUNTIME_AREA_H
#define BENTO_RUNTIME_AREA_H

#include "base/fail.h"
#include "base/str.h"

struct bento_area;

/* size is rounded up to a power of two from 64 KiB to 512 GiB; BENTO_ETOOLARGE above. */
bento_rc bento_area_new(uint64_t size, struct bento_area **ret, struct bento_error *err);
void bento_area_unref(struct bento_area *area);
bento_rc bento_area_alloc(struct bento_area *area, uint64_t size, uint64_t *ret);
/* Makes the block at *offset hold `size` bytes: in place where the memory behind it is
 * free, else in another place with its first `keep` bytes copied. On failure the block
 * stays as it is. */
bento_rc bento_area_resize(struct bento_area *area,
                           uint64_t *offset,
                           uint64_t keep,
                           uint64_t size);
/* Frees a block by the offset that alloc or resize gave. */
void bento_area_free(struct bento_area *area, uint64_t offset);
/* Gives memory of free space that was used since the last call back to the kernel; for
 * every few seconds. */
void bento_area_trim(struct bento_area *area);
void *bento_area_at(struct bento_area *area, uint64_t offset);
/* The descriptor for workers: read-only. Borrowed. */
int bento_area_fd(const struct bento_area *area);
uint64_t bento_area_size(const struct bento_area *area);
/* Bytes in blocks that are handed out. */
uint64_t bento_area_used(const struct bento_area *area);

#endif
