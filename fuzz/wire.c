/* Frames of the worker link, request meta, and a completion ring with arbitrary content:
 * every reader must stay in bounds. */
#include <stdint.h>

#include "proto/gzip.h"
#include "proto/wire.h"
#include "runtime/ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_ring(const uint8_t *data, size_t size)
{
    static struct bento_ring_shared shared;
    static _Alignas(64) char ring_data[4096];
    struct bento_ring ring;
    const char *frame;
    uint64_t n;

    memset(&shared, 0, sizeof shared);
    memset(ring_data, 0, sizeof ring_data);
    bento_ring_attach(&ring, &shared, ring_data, sizeof ring_data);
    memcpy(ring_data, data, size < sizeof ring_data ? size : sizeof ring_data);
    atomic_store(&shared.tail,
                 (size < sizeof ring_data ? size : sizeof ring_data) & ~(size_t)7);
    for (int i = 0; i < 600 && bento_ring_peek(&ring, &frame, &n) == BENTO_OK && frame;
         i++) {
        struct bento_wire_result result;
        struct bento_str headers;
        struct bento_str body;
        (void)bento_wire_read_result(frame, n, &result, &headers, &body, NULL);
        bento_ring_release(&ring, n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bento_wire_job job;
    struct bento_wire_done done;
    const struct bento_wire_entry *entries;
    struct bento_str method;
    struct bento_str target;
    struct bento_wire_pair pair;
    struct bento_buf text;
    uint32_t count = 0;

    (void)bento_wire_read_job(data, size, 1 << 20, &job, &entries, NULL);
    (void)bento_wire_read_done(data, size, &done, NULL);
    if (bento_wire_meta_read(data, size, &method, &target, &count, NULL) == BENTO_OK)
        for (uint32_t i = 0; i < count && i < 64; i++)
            (void)bento_wire_meta_header(data, size, i, &pair);
    bento_buf_init(&text, 1 << 16);
    (void)bento_gunzip(data, size, &text, NULL);
    bento_buf_release(&text);
    read_ring(data, size);
    return 0;
}
