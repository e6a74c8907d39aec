/*
 * Logging: one JSON object per line on stderr. Library code returns failures and does not
 * log them; exactly one caller, the one that handles the failure, does.
 *
 *   BENTO_LOG(BENTO_LOG_WARN, "pool", BENTO_LOG_M("worker died"), BENTO_LOG_I("pid",
 * pid));
 *
 * gives
 * {"time":"2026-01-02T03:04:05.678Z","level":"warning","component":"pool","message":"worker
 * died","pid":…}. Values are escaped; secrets must not be passed. The level is tested
 * before arguments are evaluated. Threads: a line is written with one write call, so
 * lines of several threads do not mix.
 */
#ifndef BENTO_BASE_LOG_H
#define BENTO_BASE_LOG_H

#include "base/str.h"

enum bento_log_level {
    BENTO_LOG_DEBUG = 0,
    BENTO_LOG_INFO = 1,
    BENTO_LOG_WARN = 2,
    BENTO_LOG_ERROR = 3,
    BENTO_LOG_OFF = 4
};

struct bento_log_field {
    const char *key; /* NULL ends the list */
    enum { BENTO_LOG_STR, BENTO_LOG_INT, BENTO_LOG_NUM } kind;
    struct bento_str str;
    int64_t num;
    double real;
};

#define BENTO_LOG_S(k, v) ((struct bento_log_field){ (k), BENTO_LOG_STR, (v), 0, 0 })
#define BENTO_LOG_Z(k, v) \
    ((struct bento_log_field){ (k), BENTO_LOG_STR, bento_str_of(v), 0, 0 })
#define BENTO_LOG_I(k, v) \
    ((struct bento_log_field){ (k), BENTO_LOG_INT, { NULL, 0 }, (int64_t)(v), 0 })
#define BENTO_LOG_F(k, v) \
    ((struct bento_log_field){ (k), BENTO_LOG_NUM, { NULL, 0 }, 0, (v) })

/* The first field of every line. */
#define BENTO_LOG_M(message) BENTO_LOG_Z("message", message)

/* At least BENTO_LOG_M, then any BENTO_LOG_S/Z/I/F. */
#define BENTO_LOG(level, component, ...)                                        \
    do {                                                                        \
        if ((int)(level) >= bento_log_threshold)                                \
            bento_log_write(                                                    \
                (level), (component),                                           \
                (const struct bento_log_field[]){                               \
                    __VA_ARGS__, { NULL, BENTO_LOG_STR, { NULL, 0 }, 0, 0 } }); \
    } while (0)

extern int bento_log_threshold;

void bento_log_set_level(enum bento_log_level level);
void bento_log_write(enum bento_log_level level,
                     const char *component,
                     const struct bento_log_field *fields);

#endif
