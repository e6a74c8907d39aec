/*
 * The memory of one link between the server and one worker: control words, a ring each
 * way, and one byte per entry of the current job with which the worker says that it has
 * started it.
 *
 *   struct bento_link_shared | job ring | completion ring
 *
 * Both sides check magic, version and sizes; afterwards sizes come from private copies
 * only.
 */
#ifndef BENTO_RUNTIME_LINK_H
#define BENTO_RUNTIME_LINK_H

#include "proto/wire.h"
#include "runtime/ring.h"

#define BENTO_LINK_MAGIC   0x42454e544f4c4b31ull
#define BENTO_LINK_JOBS    ((uint64_t)1 << 20)
#define BENTO_LINK_RESULTS ((uint64_t)4 << 20)

struct bento_link_shared {
    uint64_t magic;
    uint32_t version;
    uint32_t reserved;
    uint64_t jobs_size;
    uint64_t results_size;
    struct bento_ring_shared jobs;
    struct bento_ring_shared results;
    _Alignas(64) _Atomic uint64_t
        taken_job; /* number of the job the worker has taken from the ring */
    _Alignas(64) _Atomic uint8_t started[BENTO_WIRE_ENTRIES_MAX];
};

#define BENTO_LINK_SIZE \
    (sizeof(struct bento_link_shared) + BENTO_LINK_JOBS + BENTO_LINK_RESULTS)

#endif
