/* proto/gzip: members one behind the other, the limit to the byte, cuts and flipped
 * bits, failing allocations. */
#include "proto/gzip.h"

#include <zlib.h>

#include "base/alloc.h"
#include "bento/gzip.h"
#include "support/check.h"

static char zeros[1 << 20];
static unsigned char packed[8192];

static size_t pack_as(int window, const void *p, size_t n, unsigned char *to, size_t room)
{
    z_stream z = { 0 };

    (void)deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
    z.next_in = (unsigned char *)(uintptr_t)p;
    z.avail_in = (unsigned)n;
    z.next_out = to;
    z.avail_out = (unsigned)room;
    CHECK_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
    (void)deflateEnd(&z);
    return room - z.avail_out;
}

static size_t pack(const void *p, size_t n, size_t at)
{
    return at + pack_as(31, p, n, packed + at, sizeof packed - at);
}

static bento_rc unpack(size_t n, size_t max, struct bento_buf *to)
{
    struct bento_error err = BENTO_ERROR_INIT;

    bento_buf_init(to, max);
    bento_rc rc = bento_gunzip(packed, n, to, &err);
    CHECK_INT(err.code, rc);
    CHECK(to->n <= max);
    return rc;
}

TEST(members)
{
    struct bento_buf to;
    size_t n = pack("hello", 5, 0);

    n = pack("", 0, n);
    n = pack(" world", 6, n);
    CHECK_INT(unpack(n, 11, &to), BENTO_OK);
    CHECK_MEM(to.p, to.n, "hello world");
    CHECK_INT(bento_gunzip(packed, n, &to, NULL), BENTO_ETOOLARGE); /* it appends */
    bento_buf_release(&to);
    n = pack("", 0, 0);
    CHECK_INT(unpack(n, 0, &to), BENTO_OK);
    bento_buf_release(&to);
}

TEST(limit_to_the_byte)
{
    static const size_t sizes[] = { 1, 65535, 65536, 65537, 200000, sizeof zeros };
    struct bento_buf to;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t n = pack(zeros, sizes[i], 0);
        CHECK_INT(unpack(n, sizes[i], &to), BENTO_OK);
        CHECK_INT(to.n, sizes[i]);
        bento_buf_release(&to);
        CHECK_INT(unpack(n, sizes[i] - 1, &to), BENTO_ETOOLARGE);
        bento_buf_release(&to);
    }
    size_t n = pack("12345", 5, 0);
    n = pack("6", 1, n); /* full to the byte, then one more member */
    CHECK_INT(unpack(n, 5, &to), BENTO_ETOOLARGE);
    bento_buf_release(&to);
}

TEST(broken)
{
    static const char text[] = "a body that is long enough to be packed, packed, packed";
    struct bento_buf to;
    size_t n = pack(text, sizeof text - 1, 0);

    for (size_t max = sizeof text - 1; max < 100; max += 40)
        for (size_t cut = 0; cut < n; cut++) {
            CHECK_INT(unpack(cut, max, &to), BENTO_EPARSE);
            bento_buf_release(&to);
        }
    for (size_t at = 0; at < n;
         at++) { /* mtime, flags and system of the header may differ */
        packed[at] ^= 0x10;
        if (at < 3 || at > 9)
            CHECK(unpack(n, 100, &to) != BENTO_OK);
        else
            (void)unpack(n, 100, &to);
        bento_buf_release(&to);
        packed[at] ^= 0x10;
    }
    memcpy(packed + n, "garbage", 7);
    for (size_t more = 1; more <= 7; more++) {
        CHECK_INT(unpack(n + more, 100, &to), BENTO_EPARSE);
        bento_buf_release(&to);
    }
    n = pack_as(15, text, sizeof text - 1, packed, sizeof packed); /* zlib is no gzip */
    CHECK_INT(unpack(n, 100, &to), BENTO_EPARSE);
    bento_buf_release(&to);
    n = pack_as(-15, text, sizeof text - 1, packed, sizeof packed);
    CHECK_INT(unpack(n, 100, &to), BENTO_EPARSE);
    bento_buf_release(&to);
    bento_buf_init(&to, 100);
    CHECK_INT(bento_gunzip(NULL, 0, &to, NULL), BENTO_EPARSE);
    bento_buf_release(&to);
}

TEST(public_form)
{
    struct bento_error err = BENTO_ERROR_INIT;
    char *text = NULL;
    size_t n = pack("hello", 5, 0);
    size_t got = 0;
    long live = bento_alloc_live();

    CHECK_INT(bento_gzip_inflate(packed, n, 4, &text, &got, &err), BENTO_ETOOLARGE);
    CHECK_INT(bento_gzip_inflate(packed, n - 1, 5, &text, &got, &err), BENTO_EPARSE);
    CHECK(text == NULL && got == 0);
    CHECK_INT(bento_gzip_inflate(packed, n, 5, &text, &got, NULL), BENTO_OK);
    CHECK_MEM(text, got, "hello");
    bento_gzip_free(text);
    bento_gzip_free(NULL);
    CHECK_INT(bento_alloc_live(), live);
}

TEST(every_allocation_may_fail)
{
    long live = bento_alloc_live();
    bento_rc rc = BENTO_ENOMEM;
    size_t n = pack(zeros, 300000, 0);
    int runs = 0;

    n = pack(zeros, 300000, n);
    for (; rc != BENTO_OK && runs < 100; runs++) {
        char *text = NULL;
        size_t got = 0;
        struct bento_error err = BENTO_ERROR_INIT;
        bento_alloc_fail_after(runs);
        rc = bento_gzip_inflate(packed, n, sizeof zeros, &text, &got, &err);
        bento_alloc_fail_after(-1);
        CHECK_INT(err.code, rc);
        if (rc != BENTO_OK)
            CHECK_INT(rc, BENTO_ENOMEM);
        else
            CHECK_INT(got, 600000);
        bento_gzip_free(text);
        CHECK_INT(bento_alloc_live(), live);
    }
    CHECK_INT(rc, BENTO_OK);
    CHECK(runs > 3);
}

int main(void)
{
    RUN(members);
    RUN(limit_to_the_byte);
    RUN(broken);
    RUN(public_form);
    RUN(every_allocation_may_fail);
    return check_report();
}
