/*
 * The worker's end of the link to the server; used by the Python extension, in the worker
 * process.
 *
 * A worker process inherits these descriptors (numbers in the environment variable
 * BENTO_LINK as "version:ctl:area:ring:wake:done", decimal):
 *   ctl   a stream socket: the worker says hello (one JSON line) when the service is
 *         loaded or has failed to load; end of file means that the server is gone
 *   area  memory file of all request blocks, read-only
 *   ring  memory file of this link: control words, job ring, completion ring, one
 *         started byte per entry
 *   wake  eventfd the worker sleeps on
 *   done  eventfd the server sleeps on
 * They are closed when the process executes another program.
 *
 * The hello line is an object with "wire" (BENTO_WIRE_VERSION) and "version" (of the
 * bentoml package), or with "error": one line that says why the service cannot be loaded.
 *
 * While jobs follow each other closely a worker looks for the next one before it sleeps,
 * for at most BENTO_SPIN_US microseconds of the environment: by default 400, 0 on one
 * processor. It stops doing so when jobs come later than that.
 *
 * Threads: one thread uses the link. bento_worker_wait may be called without Python's
 * lock.
 */
#ifndef BENTO_WORKER_H
#define BENTO_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bento/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bento_worker;

/* One request of the current job. Pointers are valid until bento_worker_done. */
struct bento_worker_request {
    const char *body;
    size_t body_size;
    const void *meta; /* read with bento_worker_header */
    size_t meta_size;
    const unsigned char *task_id; /* 16 bytes */
    uint32_t flags;               /* enum bento_worker_flags */
};

enum bento_worker_flags {
    BENTO_WORKER_CSV = 1,
    BENTO_WORKER_GZIP = 2,
    BENTO_WORKER_MULTIPART = 4,
    BENTO_WORKER_CHARSET = 8,
    BENTO_WORKER_RETRY = 16
};

struct bento_worker_job {
    uint64_t id;
    uint32_t api;
    uint32_t count;
    uint64_t body_max; /* what a gzip body may expand to */
};

enum bento_worker_content {
    BENTO_WORKER_TYPE_NONE = 0,
    BENTO_WORKER_TYPE_JSON = 1,
    BENTO_WORKER_TYPE_TEXT = 2,
    BENTO_WORKER_TYPE_HEADERS = 3
};

struct bento_worker_answer {
    uint16_t status;
    uint8_t content;     /* enum bento_worker_content */
    bool error;          /* counts as a failed request */
    bool rerun;          /* the merged batch had failed */
    const char *headers; /* "Name: value\r\n" lines */
    size_t headers_size;
    const char *body;
    size_t body_size;
};

/* Maps the areas. BENTO_EINVAL: text or version do not fit; BENTO_EIO: mapping failed. */
bento_rc bento_worker_open(const char *link_text,
                           struct bento_worker **ret,
                           struct bento_error *err);
void bento_worker_close(struct bento_worker *worker);
/* Sends one line on the control socket: JSON without a newline (BENTO_EINVAL), at most
 * 16 MiB (BENTO_ETOOLARGE). BENTO_EIO: the server is gone. BENTO_ENOMEM. */
bento_rc bento_worker_hello(struct bento_worker *worker,
                            const char *json,
                            struct bento_error *err);
/* Waits for a job; at most timeout_ms (negative: for ever). BENTO_OK: *ret is filled.
 * BENTO_ETIMEOUT: nothing came or a signal interrupted. BENTO_ECANCELED: shut down or the
 * server is gone. BENTO_ECORRUPT: the link is broken. */
bento_rc bento_worker_wait(struct bento_worker *worker,
                           int timeout_ms,
                           struct bento_worker_job *ret,
                           struct bento_error *err);
/* Request i of the current job. BENTO_EINVAL when out of range. */
bento_rc bento_worker_request(struct bento_worker *worker,
                              uint32_t i,
                              struct bento_worker_request *ret);
/* Method and target of a request. */
bento_rc bento_worker_line(const struct bento_worker_request *request,
                           const char **ret_method,
                           size_t *ret_method_size,
                           const char **ret_target,
                           size_t *ret_target_size,
                           uint32_t *ret_headers);
bool bento_worker_header(const struct bento_worker_request *request,
                         uint32_t index,
                         const char **ret_name,
                         size_t *ret_name_size,
                         const char **ret_value,
                         size_t *ret_value_size);
/* From now on request i counts as started: if this process dies it is not run again
 * elsewhere. */
void bento_worker_started(struct bento_worker *worker, uint32_t i);
/* Answers request i, exactly once per request (BENTO_EINVAL the second time); splits
 * large bodies and waits for room (BENTO_ECANCELED when the server is gone). The server
 * is woken at most once per job or when the ring fills, unless flush is set. */
bento_rc bento_worker_reply(struct bento_worker *worker,
                            uint32_t i,
                            const struct bento_worker_answer *answer,
                            struct bento_error *err);
/* Wakes the server for the answers written so far. */
void bento_worker_flush(struct bento_worker *worker);
/* The job is over; unanswered requests get 500 from the server. */
bento_rc bento_worker_done(struct bento_worker *worker,
                           uint64_t busy_ns,
                           uint64_t user_ns,
                           uint32_t groups,
                           uint32_t reruns,
                           struct bento_error *err);

#ifdef __cplusplus
}
#endif
#endif
