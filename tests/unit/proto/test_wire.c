/* proto/wire and proto/gzip: frames with every length wrong, request meta, bounded
 * inflate. */
#include "proto/wire.h"

#include <zlib.h>

#include "proto/gzip.h"
#include "support/check.h"

TEST(job)
{
    struct {
        struct bento_wire_job job;
        struct bento_wire_entry entry[2];
    } f = { .job = { .header = { sizeof f, BENTO_WIRE_MAGIC, BENTO_WIRE_VERSION,
                                 BENTO_WIRE_JOB },
                     .job = 5,
                     .count = 2 },
            .entry = { { .block = 0, .meta_size = 20, .body_size = 100 },
                       { .block = 256, .meta_size = 16, .body_size = 0 } } };
    struct bento_wire_job job;
    const struct bento_wire_entry *entries;
    CHECK_INT(bento_wire_read_job(&f, sizeof f, 4096, &job, &entries, NULL), BENTO_OK);
    CHECK_INT(entries[1].block, 256);
    for (size_t n = 0; n < sizeof f; n++)
        CHECK_INT(bento_wire_read_job(&f, n, 4096, &job, &entries, NULL), BENTO_ECORRUPT);
    CHECK_INT(bento_wire_read_job(&f, sizeof f, 110, &job, &entries, NULL),
              BENTO_ECORRUPT);
    f.entry[0].body_size = UINT64_MAX;
    CHECK_INT(bento_wire_read_job(&f, sizeof f, 4096, &job, &entries, NULL),
              BENTO_ECORRUPT);
    f.entry[0].body_size = 0;
    f.job.count = 3;
    CHECK_INT(bento_wire_read_job(&f, sizeof f, 4096, &job, &entries, NULL),
              BENTO_ECORRUPT);
    f.job.count = 2;
    f.job.header.version = 9;
    CHECK_INT(bento_wire_read_job(&f, sizeof f, 4096, &job, &entries, NULL),
              BENTO_ECORRUPT);
}

TEST(result)
{
    char frame[64];
    struct bento_wire_result r = { .header = { 45, BENTO_WIRE_MAGIC, BENTO_WIRE_VERSION,
                                               BENTO_WIRE_RESULT },
                                   .status = 200,
                                   .headers_size = 2,
                                   .body_size = 3,
                                   .body_total = 3 };
    struct bento_wire_result got;
    struct bento_str headers;
    struct bento_str body;
    memcpy(frame, &r, sizeof r);
    memcpy(frame + sizeof r, "hhbbb", 5);
    CHECK_INT(bento_wire_read_result(frame, 45, &got, &headers, &body, NULL), BENTO_OK);
    CHECK_MEM(body.p, body.n, "bbb");
    r.body_size = UINT32_MAX;
    memcpy(frame, &r, sizeof r);
    CHECK_INT(bento_wire_read_result(frame, 45, &got, &headers, &body, NULL),
              BENTO_ECORRUPT);
    r.body_size = 3;
    r.status = 20;
    memcpy(frame, &r, sizeof r);
    CHECK_INT(bento_wire_read_result(frame, 45, &got, &headers, &body, NULL),
              BENTO_ECORRUPT);
}

TEST(meta)
{
    char meta[256];
    struct bento_wire_pair pairs[2] = { { BENTO_STR("Host"), BENTO_STR("a") },
                                        { BENTO_STR("X"), BENTO_STR("") } };
    struct bento_wire_pair got;
    struct bento_str method;
    struct bento_str target;
    uint32_t count;
    size_t n = bento_wire_meta_size(BENTO_STR("POST"), BENTO_STR("/p"), pairs, 2);
    bento_wire_meta_write(meta, BENTO_STR("POST"), BENTO_STR("/p"), pairs, 2);
    CHECK_INT(bento_wire_meta_read(meta, n, &method, &target, &count, NULL), BENTO_OK);
    CHECK_INT(count, 2);
    CHECK(bento_wire_meta_header(meta, n, 0, &got) &&
          bento_str_eq(got.value, BENTO_STR("a")));
    CHECK(bento_wire_meta_header(meta, n, 1, &got) &&
          bento_str_eq(got.name, BENTO_STR("X")));
    CHECK(!bento_wire_meta_header(meta, n, 2, &got));
    CHECK(!bento_wire_meta_header(meta, n - 1, 1, &got));
    for (size_t cut = 0; cut < 16; cut++)
        CHECK_INT(bento_wire_meta_read(meta, cut, &method, &target, &count, NULL),
                  BENTO_ECORRUPT);
}

static size_t pack(const void *p, size_t n, unsigned char *to, size_t room)
{
    z_stream z = { 0 };
    (void)deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
    z.next_in = (unsigned char *)(uintptr_t)p;
    z.avail_in = (unsigned)n;
    z.next_out = to;
    z.avail_out = (unsigned)room;
    (void)deflate(&z, Z_FINISH);
    (void)deflateEnd(&z);
    return room - z.avail_out;
}

TEST(gzip)
{
    static char zeros[1 << 20];
    static unsigned char packed[8192];
    struct bento_buf to;
    size_t n = pack("hello", 5, packed, sizeof packed);
    bento_buf_init(&to, 10);
    CHECK_INT(bento_gunzip(packed, n, &to, NULL), BENTO_OK);
    CHECK_MEM(to.p, to.n, "hello");
    size_t twice = n + pack("world", 5, packed + n, sizeof packed - n);
    bento_buf_clear(&to);
    CHECK_INT(bento_gunzip(packed, twice, &to, NULL), BENTO_OK);
    CHECK_MEM(to.p, to.n, "helloworld");
    for (size_t cut = 0; cut < n; cut++) {
        bento_buf_clear(&to);
        CHECK_INT(bento_gunzip(packed, cut, &to, NULL), BENTO_EPARSE);
    }
    bento_buf_clear(&to);
    CHECK_INT(bento_gunzip("no gzip at all", 14, &to, NULL), BENTO_EPARSE);
    n = pack(zeros, sizeof zeros, packed, sizeof packed);
    bento_buf_clear(&to);
    CHECK_INT(bento_gunzip(packed, n, &to, NULL), BENTO_ETOOLARGE);
    CHECK(to.n <= 10);
    bento_buf_release(&to);
    bento_buf_init(&to, sizeof zeros);
    CHECK_INT(bento_gunzip(packed, n, &to, NULL), BENTO_OK);
    CHECK_INT(to.n, sizeof zeros);
    bento_buf_release(&to);
}

int main(void)
{
    RUN(job);
    RUN(result);
    RUN(meta);
    RUN(gzip);
    return check_report();
}
