/*
 * The request area; see area.h.
 *
 * Bookkeeping: per smallest block one byte of state (order of the block that starts here,
 * and whether it is free) and two links for the free list of its order. Pages of these
 * tables that are never used cost no memory.
 */
#include "runtime/area.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"

#define MIN_ORDER   8u /* 256 bytes */
#define MAX_ORDER   40u
#define PUNCH_ORDER 20u
#define NONE        UINT32_MAX
#define FREE_BIT    0x80u
#define INSIDE      0u /* not the start of a block */

struct bento_area {
    char *map;
    uint64_t size;
    uint64_t used;
    int fd;
    unsigned order; /* size == 1 << order */
    uint32_t units; /* smallest blocks */
    unsigned char *state;
    uint32_t *next;
    uint32_t *prev;
    uint32_t free_list[MAX_ORDER + 1];
};

static void list_push(struct bento_area *area, uint32_t unit, unsigned order)
{
    uint32_t first = area->free_list[order];

    area->state[unit] = (unsigned char)(FREE_BIT | order);
    area->next[unit] = first;
    area->prev[unit] = NONE;
    if (first != NONE)
        area->prev[first] = unit;
    area->free_list[order] = unit;
}

static void list_remove(struct bento_area *area, uint32_t unit, unsigned order)
{
    uint32_t next = area->next[unit];
    uint32_t prev = area->prev[unit];

    if (prev == NONE)
        area->free_list[order] = next;
    else
        area->next[prev] = next;
    if (next != NONE)
        area->prev[next] = prev;
    area->state[unit] = INSIDE;
}

static bento_rc open_memory(struct bento_area *area, struct bento_error *err)
{
    area->fd = memfd_create("bento-requests", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (area->fd < 0 || ftruncate(area->fd, (off_t)area->size) != 0)
        return bento_fail_os(err, BENTO_EIO, errno,
                             "cannot make the request area of %llu bytes",
                             (unsigned long long)area->size);
    if (fcntl(area->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return bento_fail_os(err, BENTO_EIO, errno, "cannot seal the request area");
    void *map = mmap(NULL, (size_t)area->size, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_NORESERVE, area->fd, 0);
    if (map == MAP_FAILED)
        return bento_fail_os(err, BENTO_EIO, errno, "cannot map the request area");
    area->map = map;
    return BENTO_OK;
}

bento_rc bento_area_new(uint64_t size, struct bento_area **ret, struct bento_error *err)
{
    struct bento_area *area = bento_calloc(1, sizeof *area);

    if (!area)
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    area->fd = -1;
    area->order = 16;
    while (area->order < MAX_ORDER && ((uint64_t)1 << area->order) < size)
        area->order++;
    area->size = (uint64_t)1 << area->order;
    area->units = (uint32_t)(area->size >> MIN_ORDER);
    area->state = bento_calloc(area->units, 1);
    area->next = bento_calloc(area->units, sizeof *area->next);
    area->prev = bento_calloc(area->units, sizeof *area->prev);
    for (unsigned i = 0; i <= MAX_ORDER; i++)
        area->free_list[i] = NONE;
    bento_rc rc = area->state && area->next && area->prev
                      ? open_memory(area, err)
                      : bento_fail(err, BENTO_ENOMEM, "out of memory");
    if (rc != BENTO_OK) {
        bento_area_unref(area);
        return rc;
    }
    list_push(area, 0, area->order);
    *ret = area;
    return BENTO_OK;
}

void bento_area_unref(struct bento_area *area)
{
    if (!area)
        return;
    if (area->map)
        (void)munmap(area->map, (size_t)area->size);
    if (area->fd >= 0)
        (void)close(area->fd);
    bento_free(area->state);
    bento_free(area->next);
    bento_free(area->prev);
    bento_free(area);
}

bento_rc bento_area_alloc(struct bento_area *area, uint64_t size, uint64_t *ret)
{
    unsigned order = MIN_ORDER;

    while (order <= area->order && ((uint64_t)1 << order) < size)
        order++;
    unsigned from = order;
    while (from <= area->order && area->free_list[from] == NONE)
        from++;
    if (from > area->order)
        return BENTO_EUNAVAILABLE;
    uint32_t unit = area->free_list[from];
    list_remove(area, unit, from);
    while (from > order) { /* give the upper half back */
        from--;
        list_push(area, unit + (1u << (from - MIN_ORDER)), from);
    }
    area->state[unit] = (unsigned char)order;
    area->used += (uint64_t)1 << order;
    *ret = (uint64_t)unit << MIN_ORDER;
    return BENTO_OK;
}

void bento_area_free(struct bento_area *area, uint64_t offset)
{
    uint32_t unit = (uint32_t)(offset >> MIN_ORDER);
    unsigned order = area->state[unit];

    area->used -= (uint64_t)1 << order;
    if (order >= PUNCH_ORDER)
        (void)fallocate(area->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                        (off_t)offset, (off_t)1 << order);
    area->state[unit] = INSIDE;
    while (order < area->order) {
        uint32_t buddy = unit ^ (1u << (order - MIN_ORDER));
        if (area->state[buddy] != (FREE_BIT | order))
            break;
        list_remove(area, buddy, order);
        if (buddy < unit)
            unit = buddy;
        order++;
    }
    list_push(area, unit, order);
}

void *bento_area_at(struct bento_area *area, uint64_t offset)
{
    return area->map + offset;
}

int bento_area_fd(const struct bento_area *area)
{
    return area->fd;
}

uint64_t bento_area_size(const struct bento_area *area)
{
    return area->size;
}

uint64_t bento_area_used(const struct bento_area *area)
{
    return area->used;
}
