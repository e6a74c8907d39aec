/*
 * Errors of libbento.
 *
 * One table (BENTO_RC_MAP) holds every code with its value, HTTP status, gRPC status and
 * text, so that the five cannot disagree. A failing function returns a code and fills a
 * `struct bento_error`, a plain value without heap memory that may be copied between
 * threads together with the request it belongs to.
 *
 * Invariants:
 *  1. Results are written only on success, `err` only on failure.
 *  2. `message` is one line, lower case, without a final period; it names the subject in
 * quotes.
 *  3. `hint` is empty or says what the reader can do about it.
 *  4. Values are never renumbered: they appear in logs and on the worker link.
 */
#ifndef BENTO_ERROR_H
#define BENTO_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/*   name            value  http grpc  text */
#define BENTO_RC_MAP(X)                            \
    X(OK, 0, 200, 0, "success")                    \
    X(EINVAL, -1, 400, 3, "invalid argument")      \
    X(EPARSE, -2, 400, 3, "malformed input")       \
    X(ENOTFOUND, -3, 404, 5, "not found")          \
    X(EEXISTS, -4, 409, 6, "already exists")       \
    X(ETOOLARGE, -5, 413, 8, "too large")          \
    X(ETIMEOUT, -6, 408, 4, "timed out")           \
    X(EBUSY, -7, 429, 8, "busy")                   \
    X(EUNAVAILABLE, -8, 503, 14, "unavailable")    \
    X(ECANCELED, -9, 499, 1, "canceled")           \
    X(ENOMEM, -10, 503, 8, "out of memory")        \
    X(EIO, -11, 500, 13, "input/output error")     \
    X(EUNSUPPORTED, -12, 501, 12, "not supported") \
    X(EINTERNAL, -13, 500, 13, "internal error")   \
    X(EUSAGE, -14, 400, 3, "wrong usage")          \
    X(ECORRUPT, -15, 500, 15, "corrupt data")      \
    X(EPERM, -16, 403, 7, "permission denied")

typedef enum bento_rc {
#define BENTO_RC_ENUM(name, value, http, grpc, text) BENTO_##name = (value),
    BENTO_RC_MAP(BENTO_RC_ENUM)
#undef BENTO_RC_ENUM
} bento_rc;

#define BENTO_ERROR_MESSAGE_SIZE 320
#define BENTO_ERROR_HINT_SIZE    200

struct bento_error {
    bento_rc code; /* BENTO_OK while nothing failed */
    int os_errno;  /* errno of the failing call, 0 if none */
    char
        message[BENTO_ERROR_MESSAGE_SIZE]; /* what failed; truncated, always terminated */
    char hint[BENTO_ERROR_HINT_SIZE];      /* what to do about it, or "" */
};

#define BENTO_ERROR_INIT    \
    {                       \
        BENTO_OK, 0, "", "" \
    }

const char *bento_rc_name(bento_rc code);
const char *bento_rc_text(bento_rc code);
int bento_rc_http(bento_rc code);
int bento_rc_grpc(bento_rc code);

#ifdef __cplusplus
}
#endif
#endif
