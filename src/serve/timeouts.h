/*
 * Connection time limits: one list per phase. All members of a list wait equally long, so
 * a list in order of entry is in order of expiry, and looking after ten thousand
 * connections costs a look at each head.
 */
#ifndef BENTO_SERVE_TIMEOUTS_H
#define BENTO_SERVE_TIMEOUTS_H

#include <stddef.h>
#include <stdint.h>

enum phase {
    PHASE_IDLE,   /* between requests: nothing of the next one was read */
    PHASE_HEAD,   /* inside a head; counted from its first byte */
    PHASE_BODY,   /* inside a body; counted from its last byte */
    PHASE_EXEC,   /* the request is being answered; its own deadline applies */
    PHASE_WRITE,  /* the answer waits for the reader; counted from the last progress */
    PHASE_LINGER, /* closing: waiting for the client to have read the answer */
    PHASE_COUNT
};

struct wait_link {
    struct wait_link *prev;
    struct wait_link *next;
    int64_t since_ns;
    enum phase phase;
};

struct wait_lists {
    struct wait_link heads[PHASE_COUNT]; /* circular, oldest first */
    size_t count[PHASE_COUNT];
    int64_t limit_ns[PHASE_COUNT]; /* 0: none */
};

void wait_lists_init(struct wait_lists *lists);
void wait_link_init(struct wait_link *link);
/* Moves the link to the end of a phase's list. */
void wait_enter(struct wait_lists *lists,
                struct wait_link *link,
                enum phase phase,
                int64_t now_ns);
void wait_leave(struct wait_lists *lists, struct wait_link *link);
/* The oldest member of a phase that is over its limit, or NULL. */
struct wait_link *
wait_expired(struct wait_lists *lists, enum phase phase, int64_t now_ns);

#endif
