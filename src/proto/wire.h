/*
 * The frames between server and Python workers: the one description that both sides
 * compile.
 *
 * Frames travel in two rings of shared memory (runtime/ring.h), requests one way and
 * completions the other. Nothing is pickled; every frame starts with a header of fixed
 * size, is 8-byte aligned and length-prefixed; integers are in host order because both
 * sides run on one machine. A reader trusts no length: bento_wire_* functions check every
 * bound and return BENTO_ECORRUPT for a frame that does not add up, after which the link
 * is closed.
 *
 * Requests themselves lie in the request area, which only the server writes and workers
 * map read-only; a JOB frame names them by offset. A request block is: meta (struct
 * bento_wire_meta, then header strings), padding to 8, body.
 *
 * Version: BENTO_WIRE_VERSION is checked in the hello message and in every frame.
 */
#ifndef BENTO_PROTO_WIRE_H
#define BENTO_PROTO_WIRE_H

#include "base/buf.h"

#define BENTO_WIRE_MAGIC       0x4f54u /* "TO" */
#define BENTO_WIRE_VERSION     1
#define BENTO_WIRE_ALIGN       8
#define BENTO_WIRE_ENTRIES_MAX 8192u

enum bento_wire_type {
    BENTO_WIRE_JOB = 1, /* server to worker: execute these requests of one API */
    BENTO_WIRE_RESULT =
        2, /* worker to server: (a piece of) the answer to one request of a job */
    BENTO_WIRE_JOB_DONE = 3, /* worker to server: all requests of a job were answered */
    BENTO_WIRE_SHUTDOWN = 4  /* server to worker: finish and exit */
};

struct bento_wire_header {
    uint32_t size; /* of the whole frame, header included, padding excluded */
    uint16_t magic;
    uint8_t version;
    uint8_t type;
};

/* One request of a job. */
struct bento_wire_entry {
    uint64_t block;      /* offset of the request block in the request area */
    uint64_t meta_size;  /* bytes of meta; the body starts at block + align8(meta_size) */
    uint64_t body_size;  /* bytes */
    uint8_t task_id[16]; /* random UUID, printed as the request id */
    uint32_t flags;      /* bento_wire_entry_flags */
    uint32_t reserved;
};

enum bento_wire_entry_flags {
    BENTO_WIRE_CSV = 1, /* Content-Type text/csv */
    BENTO_WIRE_GZIP =
        2, /* Content-Encoding gzip or x-gzip: the worker inflates, bounded */
    BENTO_WIRE_MULTIPART = 4, /* Content-Type multipart/form-data */
    BENTO_WIRE_CHARSET = 8,   /* Content-Type names a charset other than UTF-8: the worker
                                 decodes through Python */
    BENTO_WIRE_RETRY = 16     /* second delivery after a worker died before starting it */
};

struct bento_wire_job {
    struct bento_wire_header header;
    uint64_t job;      /* number of the job, never reused on a link */
    uint32_t api;      /* index into the bundle's list of APIs */
    uint32_t count;    /* entries that follow, 1..BENTO_WIRE_ENTRIES_MAX */
    uint64_t body_max; /* what a gzip body may expand to, bytes */
    /* struct bento_wire_entry entries[count] */
};

/* Meta of a request: method and headers, for workers that build request objects. */
struct bento_wire_meta {
    uint32_t method_size;
    uint32_t target_size;
    uint32_t header_count;
    uint32_t reserved;
    /* method, target, then header_count times {uint32_t name_size, uint32_t value_size},
     * then the strings in order */
};

enum bento_wire_content {
    BENTO_WIRE_TYPE_NONE = 0,
    BENTO_WIRE_TYPE_JSON = 1,   /* application/json */
    BENTO_WIRE_TYPE_TEXT = 2,   /* text/plain; charset=utf-8 */
    BENTO_WIRE_TYPE_HEADERS = 3 /* stands among the headers */
};

enum bento_wire_result_flags {
    BENTO_WIRE_MORE = 1,  /* further pieces of this body follow */
    BENTO_WIRE_ERROR = 2, /* counts as a failed request in metrics */
    BENTO_WIRE_RERUN =
        4 /* the merged batch had failed; answered by running this request alone */
};

struct bento_wire_result {
    struct bento_wire_header header;
    uint64_t job;
    uint32_t index;        /* entry of the job */
    uint16_t status;       /* HTTP status, 100..599 */
    uint8_t content;       /* enum bento_wire_content */
    uint8_t flags;         /* bento_wire_result_flags */
    uint32_t headers_size; /* first piece only: "Name: value\r\n" lines */
    uint32_t body_size;    /* of this piece */
    uint64_t body_total;   /* of the whole body */
    /* headers, body */
};

struct bento_wire_done {
    struct bento_wire_header header;
    uint64_t job;
    uint64_t busy_ns; /* decode, user function and encode */
    uint64_t user_ns; /* inside the user function */
    uint32_t groups;  /* calls that the batch was cut into because frames differed */
    uint32_t reruns;  /* requests run again alone after a merged failure */
};

static inline uint64_t bento_wire_align(uint64_t n)
{
    return (n + BENTO_WIRE_ALIGN - 1) & ~(uint64_t)(BENTO_WIRE_ALIGN - 1);
}

/* Checks size, magic, version and type of a frame that lies in n readable bytes. */
bento_rc bento_wire_check(const void *frame,
                          size_t n,
                          struct bento_wire_header *ret,
                          struct bento_error *err);
/* The same for each type; out structures are copies, payload slices point into the frame.
 */
bento_rc bento_wire_read_job(const void *frame,
                             size_t n,
                             uint64_t area_size,
                             struct bento_wire_job *ret,
                             const struct bento_wire_entry **ret_entries,
                             struct bento_error *err);
bento_rc bento_wire_read_result(const void *frame,
                                size_t n,
                                struct bento_wire_result *ret,
                                struct bento_str *ret_headers,
                                struct bento_str *ret_body,
                                struct bento_error *err);
bento_rc bento_wire_read_done(const void *frame,
                              size_t n,
                              struct bento_wire_done *ret,
                              struct bento_error *err);

/* Meta of a request. Sizes are known before a byte is written, so that the block can be
 * allocated first. */
struct bento_wire_pair {
    struct bento_str name;
    struct bento_str value;
};
/* 0 when too large (more than 4 GiB or 1 Mi headers). */
size_t bento_wire_meta_size(struct bento_str method,
                            struct bento_str target,
                            const struct bento_wire_pair *headers,
                            size_t count);
void bento_wire_meta_write(void *to,
                           struct bento_str method,
                           struct bento_str target,
                           const struct bento_wire_pair *headers,
                           size_t count);
/* Iterates: *at starts at 0; false at the end. BENTO_ECORRUPT in *ret_rc when the meta
 * does not add up. */
bento_rc bento_wire_meta_read(const void *meta,
                              size_t n,
                              struct bento_str *ret_method,
                              struct bento_str *ret_target,
                              uint32_t *ret_headers,
                              struct bento_error *err);
bool bento_wire_meta_header(const void *meta,
                            size_t n,
                            uint32_t index,
                            struct bento_wire_pair *ret);

#endif
