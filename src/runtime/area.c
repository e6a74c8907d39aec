/*
 * The request area; see area.h.
 *
 * Bookkeeping: per smallest block one byte of state (order of the block that starts here,
 * whether it is free, whether there is memory behind it) and two links for the free list
 * of its order. Pages of these tables that are never used cost no memory.
 *
 * A free block is CLEAN when no memory is behind any of it: halves of a clean block are
 * clean, two clean buddies join to a clean block, anything else is dirty until punched.
 */
#include "runtime/area.h"

#include "base/alloc.h"
#include "os/shm.h"

#define MIN_ORDER   8u /* 256 bytes */
#define AREA_ORDER  16u
#define MAX_ORDER   39u
#define PUNCH_ORDER 20u
#define NONE        UINT32_MAX
#define FREE_BIT    0x80u
#define CLEAN_BIT   0x40u
#define ORDER_MASK  0x3Fu
#define INSIDE      0u /* not the start of a block */

struct bento_area {
    char *map;
    uint64_t size;
    uint64_t used;
    int fd;
    int read_only;  /* what workers get; equals fd where it cannot be had */
    unsigned order; /* size == 1 << order */
    uint32_t units; /* smallest blocks */
    unsigned char *state;
    uint32_t *next;
    uint32_t *prev;
    uint32_t free_list[MAX_ORDER + 1];
};

static uint32_t order_units(unsigned order)
{
    return order < MIN_ORDER ? 1 : 1u << (order - MIN_ORDER);
}

static unsigned order_for(const struct bento_area *area, uint64_t size)
{
    unsigned order = MIN_ORDER;

    while (order <= area->order && ((uint64_t)1 << order) < size)
        order++;
    return order;
}

static void
list_push(struct bento_area *area, uint32_t unit, unsigned order, unsigned clean)
{
    uint32_t first = area->free_list[order];

    area->state[unit] = (unsigned char)(FREE_BIT | clean | order);
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

static bool is_free(const struct bento_area *area, uint32_t unit, unsigned order)
{
    return (area->state[unit] & ~CLEAN_BIT) == (FREE_BIT | order);
}

static bento_rc open_memory(struct bento_area *area, struct bento_error *err)
{
    void *map;
    bento_rc rc = bento_shm_new("bento-requests", area->size, &area->fd, err);

    if (rc == BENTO_OK)
        rc = bento_shm_map(area->fd, area->size, true, &map, err);
    if (rc != BENTO_OK)
        return rc;
    area->map = map;
    area->read_only = bento_shm_read_only(area->fd);
    if (area->read_only < 0)
        area->read_only = area->fd;
    return BENTO_OK;
}

bento_rc bento_area_new(uint64_t size, struct bento_area **ret, struct bento_error *err)
{
    if (size > (uint64_t)1 << MAX_ORDER)
        return bento_fail(err, BENTO_ETOOLARGE,
                          "request area of %llu bytes, at most 512 GiB are possible",
                          (unsigned long long)size);
    struct bento_area *area = bento_calloc(1, sizeof *area);
    if (!area)
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    area->fd = area->read_only = -1;
    area->order = AREA_ORDER;
    while (((uint64_t)1 << area->order) < size)
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
    list_push(area, 0, area->order, CLEAN_BIT);
    *ret = area;
    return BENTO_OK;
}

void bento_area_unref(struct bento_area *area)
{
    if (!area)
        return;
    bento_shm_unmap(area->map, area->size);
    if (area->read_only != area->fd)
        bento_fd_close(&area->read_only);
    bento_fd_close(&area->fd);
    bento_free(area->state);
    bento_free(area->next);
    bento_free(area->prev);
    bento_free(area);
}

/* Cuts the block of order `from` down to `order`; upper halves become free. */
static void block_split(
    struct bento_area *area, uint32_t unit, unsigned from, unsigned order, unsigned clean)
{
    while (from > order) {
        from--;
        list_push(area, unit + order_units(from), from, clean);
    }
    area->state[unit] = (unsigned char)order;
}

/* Makes a block free and joins it with its free buddies. */
static void
block_join(struct bento_area *area, uint32_t unit, unsigned order, unsigned clean)
{
    area->state[unit] = INSIDE;
    while (order < area->order) {
        uint32_t buddy = unit ^ order_units(order);
        if (!is_free(area, buddy, order))
            break;
        clean &= area->state[buddy];
        list_remove(area, buddy, order);
        if (buddy < unit)
            unit = buddy;
        order++;
    }
    list_push(area, unit, order, clean & CLEAN_BIT);
}

bento_rc bento_area_alloc(struct bento_area *area, uint64_t size, uint64_t *ret)
{
    unsigned order = order_for(area, size);
    unsigned from = order;

    while (from <= area->order && area->free_list[from] == NONE)
        from++;
    if (from > area->order)
        return BENTO_EUNAVAILABLE;
    uint32_t unit = area->free_list[from];
    unsigned clean = area->state[unit] & CLEAN_BIT;
    list_remove(area, unit, from);
    block_split(area, unit, from, order, clean);
    area->used += (uint64_t)1 << order;
    *ret = (uint64_t)unit << MIN_ORDER;
    return BENTO_OK;
}

/* Whether the block can grow to `order` where it lies: it is the lower half each time
 * and the upper half is free in one piece. */
static bool
can_grow(const struct bento_area *area, uint32_t unit, unsigned from, unsigned order)
{
    for (; from < order; from++)
        if ((unit & order_units(from)) || !is_free(area, unit | order_units(from), from))
            return false;
    return true;
}

bento_rc
bento_area_resize(struct bento_area *area, uint64_t *offset, uint64_t keep, uint64_t size)
{
    uint32_t unit = (uint32_t)(*offset >> MIN_ORDER);
    unsigned from = area->state[unit];
    unsigned order = order_for(area, size);
    uint64_t fresh;

    if (order > area->order)
        return BENTO_EUNAVAILABLE;
    if (order <= from) {
        block_split(area, unit, from, order, 0);
    } else if (can_grow(area, unit, from, order)) {
        for (unsigned i = from; i < order; i++)
            list_remove(area, unit | order_units(i), i);
        area->state[unit] = (unsigned char)order;
    } else {
        if (bento_area_alloc(area, size, &fresh) != BENTO_OK)
            return BENTO_EUNAVAILABLE;
        if (keep > (uint64_t)1 << from)
            keep = (uint64_t)1 << from;
        memcpy(area->map + fresh, area->map + *offset, (size_t)keep);
        bento_area_free(area, *offset);
        *offset = fresh;
        return BENTO_OK;
    }
    area->used += ((uint64_t)1 << order) - ((uint64_t)1 << from);
    return BENTO_OK;
}

void bento_area_free(struct bento_area *area, uint64_t offset)
{
    uint32_t unit = (uint32_t)(offset >> MIN_ORDER);
    unsigned order = area->state[unit];
    unsigned clean = 0;

    area->used -= (uint64_t)1 << order;
    if (order >= PUNCH_ORDER) {
        bento_shm_punch(area->fd, offset, (uint64_t)1 << order);
        clean = CLEAN_BIT;
    }
    block_join(area, unit, order, clean);
}

void bento_area_trim(struct bento_area *area)
{
    for (unsigned order = PUNCH_ORDER; order <= area->order; order++) {
        uint32_t unit = area->free_list[order];
        for (; unit != NONE; unit = area->next[unit]) {
            if (area->state[unit] & CLEAN_BIT)
                continue;
            bento_shm_punch(area->fd, (uint64_t)unit << MIN_ORDER, (uint64_t)1 << order);
            area->state[unit] |= CLEAN_BIT;
        }
    }
}

void *bento_area_at(struct bento_area *area, uint64_t offset)
{
    return area->map + offset;
}

int bento_area_fd(const struct bento_area *area)
{
    return area->read_only;
}

uint64_t bento_area_size(const struct bento_area *area)
{
    return area->size;
}

uint64_t bento_area_used(const struct bento_area *area)
{
    return area->used;
}
