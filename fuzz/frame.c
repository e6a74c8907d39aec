/* Frame bodies: the first byte chooses JSON or CSV and the orient. Decoded frames are
 * read to their last cell. What the fast path takes, the general one must read alike. */
#include <stdint.h>
#include <stdlib.h>

#include "core/frame.h"
#include "support/frame_equal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t touch(const struct bento_frame *frame)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < frame->columns; i++) {
        const struct bento_column *c = &frame->column[i];
        for (size_t row = 0; row < frame->rows; row++) {
            if (c->dtype == BENTO_DTYPE_TEXT) {
                uint64_t from = c->offsets[row] & ~BENTO_TEXT_MISSING;
                uint64_t to = c->offsets[row + 1] & ~BENTO_TEXT_MISSING;
                if (to < from)
                    abort();
                for (uint64_t k = from; k < to; k++)
                    sum += (unsigned char)c->text[k];
            } else if (c->dtype == BENTO_DTYPE_BOOL ||
                       c->dtype == BENTO_DTYPE_BOOL_MISSING) {
                sum += *(const uint8_t *)bento_column_cell(c, row);
            } else {
                sum += *(const uint64_t *)bento_column_cell(c, row);
            }
        }
    }
    return sum;
}

static void compare(struct bento_frames *frames, const char *body, size_t size)
{
    const struct bento_frame *fast = NULL;
    const struct bento_frame *general = NULL;

    if (frame_fast_json(frames, body, body + size, &fast) != BENTO_OK)
        return;
    bento_rc rc = frame_general_json(frames, body, size, &general, NULL);
    if (rc != BENTO_OK || !frames_equal(fast, general))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bento_frame_options options = BENTO_FRAME_OPTIONS_INIT;
    struct bento_frames *frames = NULL;
    const struct bento_frame *frame = NULL;
    volatile uint64_t sink = 0;

    if (size < 1)
        return 0;
    options.orient = (enum bento_orient)((data[0] >> 1) % 6);
    options.memory_max = 64u << 20;
    if (bento_frames_new(&options, &frames, NULL) != BENTO_OK)
        return 0;
    const char *body = (const char *)data + 1;
    bento_rc rc = data[0] & 1 ? bento_frame_csv(frames, body, size - 1, &frame, NULL)
                              : bento_frame_json(frames, body, size - 1, &frame, NULL);
    if (rc == BENTO_OK)
        sink = touch(frame);
    if (!(data[0] & 1))
        compare(frames, body, size - 1);
    (void)sink;
    bento_frames_free(frames);
    return 0;
}
