/* Bounded inflate; see gzip.h. */
#include "proto/gzip.h"

#include <zlib.h>

#include "base/alloc.h"
#include "bento/gzip.h"

#define INFLATE_STEP 65536
#define GZIP_WINDOW  (15 + 16) /* gzip wrapper only */

static void *gzip_alloc(void *opaque, unsigned count, unsigned size)
{
    (void)opaque;
    return bento_calloc(count, size);
}

static void gzip_free(void *opaque, void *p)
{
    (void)opaque;
    bento_free(p);
}

/* One byte more than the maximum is allowed to come out, to tell "exactly full" from "too
 * large". */
static bento_rc
inflate_step(z_stream *z, struct bento_buf *to, int *ret_code, struct bento_error *err)
{
    size_t room = to->max - to->n;
    unsigned char spill;

    if (room == 0) {
        z->next_out = &spill;
        z->avail_out = 1;
        *ret_code = inflate(z, Z_NO_FLUSH);
        return z->avail_out
                   ? BENTO_OK
                   : bento_fail(err, BENTO_ETOOLARGE,
                                "gzip body expands to more than %zu bytes", to->max);
    }
    if (room > INFLATE_STEP)
        room = INFLATE_STEP;
    char *p = bento_buf_reserve(to, room);
    if (!p)
        return bento_fail(err, to->rc, "no memory for a gzip body");
    z->next_out = (unsigned char *)p;
    z->avail_out = (unsigned)room;
    *ret_code = inflate(z, Z_NO_FLUSH);
    bento_buf_commit(to, room - z->avail_out);
    return BENTO_OK;
}

bento_rc
bento_gunzip(const void *p, size_t n, struct bento_buf *to, struct bento_error *err)
{
    z_stream z = { .zalloc = gzip_alloc, .zfree = gzip_free };
    int code = Z_OK;
    bento_rc rc = BENTO_OK;

    if (n > UINT32_MAX)
        return bento_fail(err, BENTO_ETOOLARGE, "gzip body of %zu bytes", n);
    if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
        return bento_fail(err, BENTO_ENOMEM, "no memory for a gzip body");
    z.next_in = (unsigned char *)(uintptr_t)p;
    z.avail_in = (unsigned)n;
    while (rc == BENTO_OK) {
        unsigned before_in = z.avail_in;
        size_t before_out = to->n;
        rc = inflate_step(&z, to, &code, err);
        if (rc != BENTO_OK || (code == Z_STREAM_END && z.avail_in == 0))
            break;
        if (code == Z_STREAM_END)
            (void)inflateReset(&z); /* another member follows */
        else if (code == Z_MEM_ERROR)
            rc = bento_fail(err, BENTO_ENOMEM, "no memory for a gzip body");
        else if ((code != Z_OK && code != Z_BUF_ERROR) ||
                 (before_in == z.avail_in && before_out == to->n))
            rc = bento_fail(err, BENTO_EPARSE, "gzip body is broken or cut off");
    }
    (void)inflateEnd(&z);
    return rc;
}

bento_rc bento_gzip_inflate(const void *p,
                            size_t n,
                            size_t limit,
                            char **ret,
                            size_t *ret_n,
                            struct bento_error *err)
{
    struct bento_buf to;

    bento_buf_init(&to, limit);
    bento_rc rc = bento_gunzip(p, n, &to, err);
    if (rc != BENTO_OK) {
        bento_buf_release(&to);
        return rc;
    }
    *ret = to.p;
    *ret_n = to.n;
    return BENTO_OK;
}

void bento_gzip_free(char *p)
{
    bento_free(p);
}
