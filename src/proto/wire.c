/* Frames between server and workers: readers that trust no length; see wire.h. */
#include "proto/wire.h"

#define META_HEADERS_MAX (1u << 20)

_Static_assert(sizeof(struct bento_wire_header) == 8, "layout is part of the protocol");
_Static_assert(sizeof(struct bento_wire_entry) == 48, "layout is part of the protocol");
_Static_assert(sizeof(struct bento_wire_job) == 32, "layout is part of the protocol");
_Static_assert(sizeof(struct bento_wire_result) == 40, "layout is part of the protocol");
_Static_assert(sizeof(struct bento_wire_done) == 40, "layout is part of the protocol");
_Static_assert(sizeof(struct bento_wire_meta) == 16, "layout is part of the protocol");

static bento_rc
check_header(const struct bento_wire_header *header, size_t n, struct bento_error *err)
{
    if (header->magic != BENTO_WIRE_MAGIC)
        return bento_fail(err, BENTO_ECORRUPT, "worker link: no frame starts here");
    if (header->version != BENTO_WIRE_VERSION)
        return bento_fail(err, BENTO_ECORRUPT,
                          "worker link: frame version %u, ours is %d", header->version,
                          BENTO_WIRE_VERSION);
    if (header->size < sizeof *header || header->size > n)
        return bento_fail(err, BENTO_ECORRUPT,
                          "worker link: frame says %u bytes, %zu are there", header->size,
                          n);
    return BENTO_OK;
}

bento_rc bento_wire_check(const void *frame,
                          size_t n,
                          struct bento_wire_header *ret,
                          struct bento_error *err)
{
    struct bento_wire_header header;

    if (n < sizeof header)
        return bento_fail(err, BENTO_ECORRUPT,
                          "worker link: frame of %zu bytes is shorter than its header",
                          n);
    memcpy(&header, frame, sizeof header);
    bento_rc rc = check_header(&header, n, err);
    if (rc == BENTO_OK)
        *ret = header;
    return rc;
}

/* Copies the fixed part of a frame of that type and checks the copy: the other side may
 * write to the frame meanwhile, so nothing that was checked is read again. */
static bento_rc read_fixed(const void *frame,
                           size_t n,
                           enum bento_wire_type type,
                           void *to,
                           size_t size,
                           struct bento_error *err)
{
    struct bento_wire_header header;

    if (n < size)
        return bento_fail(err, BENTO_ECORRUPT,
                          "worker link: frame of %zu bytes, its type has %zu", n, size);
    memcpy(to, frame, size);
    memcpy(&header, to, sizeof header);
    bento_rc rc = check_header(&header, n, err);
    if (rc == BENTO_OK && (header.type != type || header.size < size))
        rc = bento_fail(err, BENTO_ECORRUPT,
                        "worker link: frame type %u of %u bytes is not what was expected",
                        header.type, header.size);
    return rc;
}

static bool entry_fits(const struct bento_wire_entry *entry, uint64_t area_size)
{
    uint64_t end;

    if (entry->meta_size < sizeof(struct bento_wire_meta) || entry->meta_size > area_size)
        return false;
    if (__builtin_add_overflow(entry->block, bento_wire_align(entry->meta_size), &end) ||
        __builtin_add_overflow(end, entry->body_size, &end))
        return false;
    return end <= area_size;
}

bento_rc bento_wire_read_job(const void *frame,
                             size_t n,
                             uint64_t area_size,
                             struct bento_wire_job *ret,
                             const struct bento_wire_entry **ret_entries,
                             struct bento_error *err)
{
    struct bento_wire_job job = { .header = { 0 } };
    bento_rc rc = read_fixed(frame, n, BENTO_WIRE_JOB, &job, sizeof job, err);

    if (rc != BENTO_OK)
        return rc;
    if (job.count == 0 || job.count > BENTO_WIRE_ENTRIES_MAX ||
        job.header.size != sizeof job + job.count * sizeof(struct bento_wire_entry))
        return bento_fail(err, BENTO_ECORRUPT,
                          "worker link: job of %u entries in %u bytes", job.count,
                          job.header.size);
    const char *at = (const char *)frame + sizeof job;
    for (uint32_t i = 0; i < job.count; i++) {
        struct bento_wire_entry entry;
        memcpy(&entry, at + i * sizeof entry, sizeof entry);
        if (!entry_fits(&entry, area_size))
            return bento_fail(
                err, BENTO_ECORRUPT,
                "worker link: entry %u of a job lies outside the request area", i);
    }
    *ret = job;
    *ret_entries = (const struct bento_wire_entry *)(const void *)at;
    return BENTO_OK;
}

bento_rc bento_wire_read_result(const void *frame,
                                size_t n,
                                struct bento_wire_result *ret,
                                struct bento_str *ret_headers,
                                struct bento_str *ret_body,
                                struct bento_error *err)
{
    struct bento_wire_result result = { .header = { 0 } };
    bento_rc rc = read_fixed(frame, n, BENTO_WIRE_RESULT, &result, sizeof result, err);

    if (rc != BENTO_OK)
        return rc;
    uint64_t need = sizeof result + (uint64_t)result.headers_size + result.body_size;
    if (need != result.header.size)
        return bento_fail(err, BENTO_ECORRUPT,
                          "worker link: result of %llu bytes in a frame of %u",
                          (unsigned long long)need, result.header.size);
    if (result.status < 100 || result.status > 599 ||
        result.content > BENTO_WIRE_TYPE_HEADERS)
        return bento_fail(err, BENTO_ECORRUPT,
                          "worker link: result with status %u, content %u", result.status,
                          result.content);
    const char *at = (const char *)frame + sizeof result;
    *ret = result;
    *ret_headers = bento_str_from(at, result.headers_size);
    *ret_body = bento_str_from(at + result.headers_size, result.body_size);
    return BENTO_OK;
}

bento_rc bento_wire_read_done(const void *frame,
                              size_t n,
                              struct bento_wire_done *ret,
                              struct bento_error *err)
{
    struct bento_wire_done done = { .header = { 0 } };
    bento_rc rc = read_fixed(frame, n, BENTO_WIRE_JOB_DONE, &done, sizeof done, err);

    if (rc == BENTO_OK)
        *ret = done;
    return rc;
}

/* ---- meta ---- */

size_t bento_wire_meta_size(struct bento_str method,
                            struct bento_str target,
                            const struct bento_wire_pair *headers,
                            size_t count)
{
    uint64_t size = sizeof(struct bento_wire_meta);

    if (count > META_HEADERS_MAX || method.n > UINT32_MAX || target.n > UINT32_MAX)
        return 0;
    size += method.n + target.n + count * 8;
    for (size_t i = 0; i < count; i++) {
        if (headers[i].name.n > UINT32_MAX || headers[i].value.n > UINT32_MAX)
            return 0;
        size += headers[i].name.n + headers[i].value.n;
    }
    return size > UINT32_MAX ? 0 : (size_t)size;
}

static char *put(char *to, const void *p, size_t n)
{
    if (n)
        memcpy(to, p, n);
    return to + n;
}

void bento_wire_meta_write(void *to,
                           struct bento_str method,
                           struct bento_str target,
                           const struct bento_wire_pair *headers,
                           size_t count)
{
    struct bento_wire_meta meta = { (uint32_t)method.n, (uint32_t)target.n,
                                    (uint32_t)count, 0 };
    char *at = put(to, &meta, sizeof meta);

    at = put(at, method.p, method.n);
    at = put(at, target.p, target.n);
    for (size_t i = 0; i < count; i++) {
        uint32_t sizes[2] = { (uint32_t)headers[i].name.n, (uint32_t)headers[i].value.n };
        at = put(at, sizes, sizeof sizes);
    }
    for (size_t i = 0; i < count; i++) {
        at = put(at, headers[i].name.p, headers[i].name.n);
        at = put(at, headers[i].value.p, headers[i].value.n);
    }
}

bento_rc bento_wire_meta_read(const void *meta,
                              size_t n,
                              struct bento_str *ret_method,
                              struct bento_str *ret_target,
                              uint32_t *ret_headers,
                              struct bento_error *err)
{
    struct bento_wire_meta fixed;
    const char *at = (const char *)meta + sizeof fixed;

    if (n < sizeof fixed)
        return bento_fail(err, BENTO_ECORRUPT, "worker link: request meta of %zu bytes",
                          n);
    memcpy(&fixed, meta, sizeof fixed);
    uint64_t need = sizeof fixed + (uint64_t)fixed.method_size + fixed.target_size +
                    (uint64_t)fixed.header_count * 8;
    if (need > n)
        return bento_fail(err, BENTO_ECORRUPT,
                          "worker link: request meta does not add up");
    *ret_method = bento_str_from(at, fixed.method_size);
    *ret_target = bento_str_from(at + fixed.method_size, fixed.target_size);
    *ret_headers = fixed.header_count;
    return BENTO_OK;
}

bool bento_wire_meta_header(const void *meta,
                            size_t n,
                            uint32_t index,
                            struct bento_wire_pair *ret)
{
    struct bento_str method;
    struct bento_str target = { NULL, 0 };
    uint32_t count = 0;

    if (bento_wire_meta_read(meta, n, &method, &target, &count, NULL) != BENTO_OK ||
        index >= count)
        return false;
    const char *sizes = target.p + target.n;
    uint64_t at = (uint64_t)(sizes - (const char *)meta) + (uint64_t)count * 8;
    uint32_t pair[2] = { 0, 0 };
    for (uint32_t i = 0; i <= index; i++) {
        at += (uint64_t)pair[0] + pair[1];
        memcpy(pair, sizes + (size_t)i * 8, sizeof pair);
    }
    if (at + pair[0] + pair[1] > n)
        return false;
    ret->name = bento_str_from((const char *)meta + at, pair[0]);
    ret->value = bento_str_from((const char *)meta + at + pair[0], pair[1]);
    return true;
}
