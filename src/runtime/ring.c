/*
 * Shared-memory rings; see ring.h.
 *
 * Memory order: indexes are published with release and read with acquire. Both sides of
 * a sleep flag use read-modify-write operations, which are totally ordered on the flag:
 * either the waker sees that somebody sleeps, or the sleeper's operation came later and
 * with it the sleeper sees what was published before.
 */
#include "runtime/ring.h"

#include "proto/wire.h"

void bento_ring_attach(struct bento_ring *ring,
                       struct bento_ring_shared *shared,
                       char *data,
                       uint64_t size)
{
    *ring = (struct bento_ring){ .shared = shared, .data = data, .size = size };
    ring->head = atomic_load_explicit(&shared->head, memory_order_acquire);
    ring->tail = atomic_load_explicit(&shared->tail, memory_order_acquire);
}

uint64_t bento_ring_frame_max(const struct bento_ring *ring)
{
    return ring->size / 2; /* fits wherever the end of the ring happens to be */
}

/* Reads the consumer's head; it may only move forward, and never past what was produced.
 */
static bool refresh_head(struct bento_ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->shared->head, memory_order_acquire);

    if (head - ring->head > ring->tail - ring->head || head % BENTO_WIRE_ALIGN)
        return false;
    ring->head = head;
    return true;
}

bento_rc bento_ring_reserve(struct bento_ring *ring, uint64_t n, char **ret)
{
    uint64_t need = bento_wire_align(n);
    uint64_t at = ring->tail & (ring->size - 1);
    uint64_t pad = at + need > ring->size ? ring->size - at : 0;

    *ret = NULL;
    if (n > bento_ring_frame_max(ring))
        return BENTO_ETOOLARGE;
    if (ring->tail + pad + need - ring->head > ring->size) {
        if (!refresh_head(ring))
            return BENTO_ECORRUPT;
        if (ring->tail + pad + need - ring->head > ring->size)
            return BENTO_OK;
    }
    if (pad) {
        uint32_t mark = BENTO_RING_PAD;
        memcpy(ring->data + at, &mark, sizeof mark);
        ring->tail += pad; /* published together with the frame behind it */
        at = 0;
    }
    *ret = ring->data + at;
    return BENTO_OK;
}

void bento_ring_commit(struct bento_ring *ring, uint64_t n)
{
    ring->tail += bento_wire_align(n);
    atomic_store_explicit(&ring->shared->tail, ring->tail, memory_order_release);
}

static bool refresh_tail(struct bento_ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->shared->tail, memory_order_acquire);

    if (tail - ring->head > ring->size || tail % BENTO_WIRE_ALIGN)
        return false;
    ring->tail = tail;
    return true;
}

bento_rc bento_ring_peek(struct bento_ring *ring, const char **ret, uint64_t *ret_n)
{
    uint32_t size;

    *ret = NULL;
    if (ring->head == ring->tail && !refresh_tail(ring))
        return BENTO_ECORRUPT;
    if (ring->head == ring->tail)
        return BENTO_OK;
    uint64_t at = ring->head & (ring->size - 1);
    memcpy(&size, ring->data + at, sizeof size);
    if (size == BENTO_RING_PAD) {
        ring->head += ring->size - at;
        if (ring->tail - ring->head > ring->size || ring->head == ring->tail)
            return BENTO_ECORRUPT; /* a pad is always followed by its frame */
        at = 0;
        memcpy(&size, ring->data, sizeof size);
    }
    uint64_t there = ring->tail - ring->head;
    uint64_t run = ring->size - at;
    uint64_t readable = there < run ? there : run;
    if (size < 8 || size > readable)
        return BENTO_ECORRUPT;
    *ret = ring->data + at;
    *ret_n = size;
    return BENTO_OK;
}

void bento_ring_release(struct bento_ring *ring, uint64_t n)
{
    ring->head += bento_wire_align(n);
    if (ring->tail - ring->head > ring->size)
        ring->head = ring->tail; /* a last frame whose padding was not counted */
    atomic_store_explicit(&ring->shared->head, ring->head, memory_order_release);
}

bool bento_ring_sleep(struct bento_ring *ring)
{
    (void)atomic_exchange_explicit(&ring->shared->consumer_sleeps, 1,
                                   memory_order_acq_rel);
    return atomic_load_explicit(&ring->shared->tail, memory_order_acquire) == ring->head;
}

void bento_ring_awake(struct bento_ring *ring)
{
    atomic_store_explicit(&ring->shared->consumer_sleeps, 0, memory_order_relaxed);
}

bool bento_ring_must_wake(struct bento_ring *ring)
{
    return atomic_exchange_explicit(&ring->shared->consumer_sleeps, 0,
                                    memory_order_acq_rel) != 0;
}

void bento_ring_want_room(struct bento_ring *ring, bool wanted)
{
    (void)atomic_exchange_explicit(&ring->shared->producer_sleeps, wanted,
                                   memory_order_acq_rel);
}

bool bento_ring_room_wanted(struct bento_ring *ring)
{
    return atomic_exchange_explicit(&ring->shared->producer_sleeps, 0,
                                    memory_order_acq_rel) != 0;
}
