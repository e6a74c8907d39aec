/*
 * The API server of one bundle: HTTP in front, batching, Python workers behind.
 *
 * bento_serve runs until SIGTERM, SIGINT or SIGHUP and drains: no new connections,
 * requests in flight are answered, then workers end. A second signal ends at once.
 */
#ifndef BENTO_SERVE_H
#define BENTO_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bento/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bento_serve_options {
    size_t size;         /* sizeof of this struct: version */
    const char *bundle;  /* bundle folder */
    const char *host;    /* address to bind, no name; NULL: 0.0.0.0 */
    int port;            /* 0: any free port, printed when ready */
    int workers;         /* Python processes; 0: number of cores */
    const char *python;  /* interpreter, absolute or looked up on PATH; NULL: see
                            bento_python_find */
    const char *version; /* what bentoml must be in that interpreter; NULL: anything */
    int64_t mb_max_batch_size; /* 0: each API's own */
    int64_t mb_max_latency_ms; /* 0: each API's own */
    int64_t timeout_ms;        /* of one execution in a worker; 0: 60 s */
    uint64_t max_request_size; /* body bytes; 0: 20971520 */
    const char *api_limits; /* "route=bytes,...": body limits of single APIs, or NULL */
    uint64_t area_size;     /* bytes of requests held at once; 0: 1 GiB */
    bool enable_swagger;
    bool batch_rerun;          /* run a failed merged batch again request by request */
    bool widen_numbers;        /* integers join floats in a batch and become floats */
    int64_t header_timeout_ms; /* 0: 10 s */
    int64_t body_timeout_ms;   /* without a byte of body; 0: 30 s */
    int64_t idle_timeout_ms;   /* between requests; 0: 75 s */
    int64_t drain_timeout_ms;  /* on these signals; 0: 30 s */
    int ready_fd; /* the port is written here in decimal when the server answers; -1: none
                   */
};

#define BENTO_SERVE_OPTIONS_INIT                                     \
    {                                                                \
        .size = sizeof(struct bento_serve_options), .port = 5000,    \
        .enable_swagger = true, .batch_rerun = true, .ready_fd = -1, \
    }

/* Blocks. BENTO_OK after a clean stop. BENTO_EUSAGE: host or api_limits are not what the
 * server and its bundle can follow. Other errors before the server is ready: port in use,
 * broken bundle, workers that cannot load the service (their traceback is on stderr
 * already). */
bento_rc bento_serve(const struct bento_serve_options *options, struct bento_error *err);

/* The interpreter: `python`, else $BENTOML_PYTHON, else python3 beside this executable,
 * else python3 on PATH. Freed by the caller with bento_serve_free_text. */
bento_rc bento_python_find(const char *python, char **ret_path, struct bento_error *err);
void bento_serve_free_text(char *text);

#ifdef __cplusplus
}
#endif
#endif
