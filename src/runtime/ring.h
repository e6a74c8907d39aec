/*
 * Rings of frames in shared memory: one producer, one consumer, in two processes that
 * need not trust each other.
 *
 * As io_uring does it: free-running 64-bit head and tail on cache lines of their own, and
 * a flag with which a sleeper says that it wants to be woken, so that nobody makes a
 * system call while the other side is awake.
 *
 * Invariants:
 *  1. Frames are 8-byte aligned, carry their size in the first 4 bytes and never wrap: a
 * PAD word fills the end.
 *  2. The producer owns `tail`, the consumer owns `head`; each keeps a private copy and
 * trusts only that. The other side's word is read once per operation and checked:
 * anything impossible is BENTO_ECORRUPT.
 *  3. A frame's content is only as good as the reader's checks of it (proto/wire.h).
 *  4. Sleep protocol: set the flag, look again, sleep; the other side publishes, then
 * takes the flag; both by an atomic exchange, so that one of the two sees the other.
 */
#ifndef BENTO_RUNTIME_RING_H
#define BENTO_RUNTIME_RING_H

#include <stdatomic.h>

#include "base/buf.h"

#define BENTO_RING_PAD 0xFFFFFFFFu

/* In shared memory. */
struct bento_ring_shared {
    _Alignas(64) _Atomic uint64_t head; /* bytes consumed, ever */
    _Alignas(64) _Atomic uint64_t tail; /* bytes produced, ever */
    _Alignas(64) _Atomic uint32_t consumer_sleeps;
    _Alignas(64) _Atomic uint32_t producer_sleeps; /* waits for room */
};

/* One side's private view. */
struct bento_ring {
    struct bento_ring_shared *shared;
    char *data;
    uint64_t size; /* power of two */
    uint64_t head; /* consumer: own; producer: last seen */
    uint64_t tail; /* producer: own; consumer: last seen */
};

void bento_ring_attach(struct bento_ring *ring,
                       struct bento_ring_shared *shared,
                       char *data,
                       uint64_t size);

/* Room for one frame of n bytes, or NULL when the ring is full now (BENTO_OK), or larger
 * than the ring could ever hold (BENTO_ETOOLARGE), or the other side's head is impossible
 * (BENTO_ECORRUPT). */
bento_rc bento_ring_reserve(struct bento_ring *ring, uint64_t n, char **ret);
/* Publishes the reserved frame of n bytes. */
void bento_ring_commit(struct bento_ring *ring, uint64_t n);
/* The largest frame that can be reserved at once in an empty ring. */
uint64_t bento_ring_frame_max(const struct bento_ring *ring);

/* The oldest frame: *ret NULL when there is none. *ret_n is what may be read from it (at
 * least 8). BENTO_ECORRUPT. */
bento_rc bento_ring_peek(struct bento_ring *ring, const char **ret, uint64_t *ret_n);
/* Gives the peeked frame back. */
void bento_ring_release(struct bento_ring *ring, uint64_t n);

/* Consumer: says that it is about to sleep; false when there is something to read after
 * all. */
bool bento_ring_sleep(struct bento_ring *ring);
void bento_ring_awake(struct bento_ring *ring);
/* Producer: whether the consumer has to be woken for what was published. Clears the flag:
 * one wake per sleep. */
bool bento_ring_must_wake(struct bento_ring *ring);
/* Producer waits for room, and consumer asks whether it does. */
void bento_ring_want_room(struct bento_ring *ring, bool wanted);
bool bento_ring_room_wanted(struct bento_ring *ring);

#endif
