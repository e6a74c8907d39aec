/* proto/wire: frames with every length wrong, request meta. */
#include "proto/wire.h"

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

int main(void)
{
    RUN(job);
    RUN(result);
    RUN(meta);
    return check_report();
}
