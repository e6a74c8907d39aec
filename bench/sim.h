/*
 * Discrete-event simulation of a batching server: clients, an I/O thread, workers, and a
 * policy that cuts the queue into batches.
 *
 * Worker, I/O and client threads share `cores` processors evenly (0: one each). The
 * policy under test is a table of functions; all see the same server. Virtual time only,
 * in ns; the same seed gives the same run.
 *
 * Invariants: queue order is arrival order; a request leaves exactly once, as answered or
 * refused; counts start after the warm-up quarter.
 */
#ifndef BENCH_SIM_H
#define BENCH_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_WORKERS_MAX 16
#define SIM_CONNS_MAX   1024
#define SIM_QUEUE_MAX   (1u << 21)
#define SIM_BATCH_MAX   4096

struct sim_case {
    const char *name;
    double a_us, b_us; /* service: a*n + b */
    double target_ms;
    int workers;
    int max_batch;
    double seconds;
    /* Open loop: arrivals per second; bursty: two states, 5:1, same mean. */
    double rate;
    bool bursty;
    double step_at_s; /* service times x3 from here on; 0: never */
    /* Closed loop: connections and mean time from reply to next request. */
    int conns;
    double think_us;
    /* Processors and what each request costs beside the model; 0: free. */
    int cores;
    double read_us, write_us, client_us, wake_us;
};

struct sim_request {
    double arrival;
    int conn; /* -1: open loop */
};

enum sim_action { SIM_NONE, SIM_GO, SIM_WAIT, SIM_DROP };

struct sim_decision {
    enum sim_action action;
    uint32_t count;
    double wake;
};

struct sim;

struct sim_policy {
    const char *name;
    bool newest_first;
    void (*start)(struct sim *sim);
    bool (*admit)(struct sim *sim); /* NULL: always */
    struct sim_decision (*decide)(struct sim *sim);
    void (*arrived)(struct sim *sim);
    void (*returned)(struct sim *sim, double since);
    void (*finished)(struct sim *sim, uint32_t n, double busy, double oldest_wait);
    double (*return_window)(struct sim *sim); /* NULL: nobody asks */
};

struct sim_result {
    double share;      /* of arrivals answered within the target */
    double p50, p99;   /* ms, of answered ones */
    double per_second; /* answered */
    double batch;      /* mean size */
    double model_us;   /* worker CPU per answered request */
    double refused;    /* share of arrivals */
};

/* What a policy may look at. */
const struct sim_case *sim_case_of(const struct sim *sim);
void *sim_state(struct sim *sim); /* 4 KiB of the policy's own */
double sim_now(const struct sim *sim);
uint32_t sim_queued(const struct sim *sim);
double sim_oldest(const struct sim *sim);
double sim_newest(const struct sim *sim);
uint32_t sim_idle(const struct sim *sim);
double sim_next_free(const struct sim *sim);
uint32_t sim_idle_conns(const struct sim *sim);
uint32_t sim_returning(const struct sim *sim, double window, double *ret_last_reply);
/* The policy's own prediction for the batch just sent, for sim_next_free. */
void sim_predict(struct sim *sim, double ns);

bool sim_run(const struct sim_case *c,
             const struct sim_policy *policy,
             uint64_t seed,
             struct sim_result *ret);

extern const struct sim_policy sim_policies[];
extern const size_t sim_policy_count;

#endif
