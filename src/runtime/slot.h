/*
 * One place of the pool and the process in it: started, greeted, watched, ended,
 * replaced. Private to the pool.
 *
 * States: EMPTY -> STARTING -> LIVE -> ENDING -> EMPTY; STARTING may go to ENDING. A slot
 * is idle when it is LIVE and its desk has no job.
 */
#ifndef BENTO_RUNTIME_SLOT_H
#define BENTO_RUNTIME_SLOT_H

#include "runtime/desk.h"

enum slot_state {
    SLOT_EMPTY,    /* no process; the next one starts at restart_ns */
    SLOT_STARTING, /* the process loads the service */
    SLOT_LIVE,     /* takes jobs, or runs one */
    SLOT_ENDING    /* told to end, or killed; waiting for its exit */
};

struct slot {
    struct bento_pool *pool;
    enum slot_state state;
    struct bento_desk desk;
    uv_process_t process;
    uv_poll_t done_poll; /* completion event */
    uv_poll_t ctl_poll;  /* control socket */
    int handles;         /* of the above that are open */
    bool done_open;
    bool ctl_open;
    bool exited;
    bool greeted;   /* was LIVE once in this life */
    bool failed;    /* said that it cannot load the service, or did not greet properly */
    bool timed_out; /* killed for that */
    bool broken;    /* what it writes is not read any more */
    int ctl;
    int ring_fd;
    int wake;
    int done;
    struct bento_buf hello;
    uint32_t failed_starts; /* in a row */
    int64_t born_ns;
    int64_t restart_ns;
    int64_t pause_ns;
    int64_t deadline_ns; /* of the start or of the current job; 0: none */
    int64_t term_ns;     /* ENDING: when SIGTERM is due */
    int64_t kill_ns;     /* ENDING: when SIGKILL is due */
};

struct bento_pool {
    uv_loop_t *loop;
    struct bento_pool_options options;
    char *python;
    char *bundle;
    char *version;
    struct bento_area *area;
    uv_timer_t check;
    struct slot *slots;
    uint32_t count;
    uint64_t next_job;
    struct bento_pool_stats stats;
    unsigned checks;
    bool ever_ready;
    bool failed;
    bool stopping;
    bool reported; /* on_stopped is on its way */
    char **environment;
};

bento_rc slot_init(struct slot *slot, struct bento_pool *pool, struct bento_error *err);
void slot_release(struct slot *slot);
/* Starts a process. Failure is handled here. */
void slot_start(struct slot *slot);
/* Looks after time limits. */
void slot_check(struct slot *slot, int64_t now_ns);
/* Ends the process: SHUTDOWN frame now, SIGTERM and SIGKILL at these times. */
void slot_end(struct slot *slot, int64_t term_ns, int64_t kill_ns);
/* Ends it now. */
void slot_kill(struct slot *slot);
/* The worker broke the protocol. */
void slot_break(struct slot *slot, const struct bento_error *err);

static inline bool slot_idle(const struct slot *slot)
{
    return slot->state == SLOT_LIVE && !slot->exited && !slot->desk.job;
}

/* In pool.c: reports that the service cannot be started, at most once. */
void pool_fail(struct bento_pool *pool, const struct bento_error *err);
/* In pool.c: a slot has become empty. */
void pool_slot_empty(struct bento_pool *pool);

#endif
