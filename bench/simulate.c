/*
 * Prints what batching policies do with the same load, as Markdown tables: open loop at
 * shares of the sustainable rate, closed loop, and the iris service on two cores.
 *
 * Usage: bento_simulate [SECONDS [TABLE]]   seconds of virtual time per cell (default 6);
 * TABLE: open, closed or iris.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static double seconds = 6;
static int broken;

static struct sim_result cell(const struct sim_case *c, size_t policy)
{
    struct sim_result r = { 0 };

    if (!sim_run(c, &sim_policies[policy], 7, &r)) {
        fprintf(stderr, "bento_simulate: out of memory\n");
        broken = 1;
    }
    return r;
}

/* The rate that staggered workers sustain within the target. */
static double rate_sustained(const struct sim_case *c)
{
    double share = (double)c->workers / (c->workers + 1);
    double n = floor((share * c->target_ms * 1e3 - c->b_us) / c->a_us);

    n = fmin(fmax(n, 1), c->max_batch);
    return c->workers * n / (c->a_us * n + c->b_us) * 1e6;
}

static void header(const char *title, const char *first, const char *columns)
{
    printf("\n%s\n\n| %s |", title, first);
    for (size_t p = 0; p < sim_policy_count; p++)
        printf(" %s%s |", sim_policies[p].name, columns);
    printf("\n|---|");
    for (size_t p = 0; p < sim_policy_count; p++)
        printf("---|");
    printf("\n");
}

static void table_open(void)
{
    static const struct sim_case cases[] = {
        { "A: a=1.6 us, b=1.9 ms, 20 ms, 2 workers", 1.6, 1900, 20, 2, 256, 0,
          .rate = 1 },
        { "B: a=2 ms, b=4 ms, 50 ms, 2 workers", 2000, 4000, 50, 2, 64, 0, .rate = 1 },
        { "C: a=0.2 ms, b=5 ms, 50 ms, 1 worker", 200, 5000, 50, 1, 256, 0, .rate = 1 },
        { "Bursty A", 1.6, 1900, 20, 2, 256, 0, .rate = 1, .bursty = true },
        { "Step B: execution times x3 after a third, counted from 1 s later on", 2000,
          4000, 200, 2, 64, 0, .rate = 0.28, .step_at_s = 1 },
    };
    static const double loads[] = { 0.1, 0.3, 0.5, 0.7, 0.9, 1.1, 1.5 };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sim_case c = cases[i];
        double full = rate_sustained(&c) * c.rate;
        c.seconds = full > 50000 ? seconds : 4 * seconds;
        if (c.step_at_s > 0)
            c.step_at_s = c.seconds / 3;
        header(c.name, "load", "");
        for (size_t k = 0; k < sizeof loads / sizeof loads[0]; k++) {
            c.rate = loads[k] * full;
            printf("| %.1f |", loads[k]);
            for (size_t p = 0; p < sim_policy_count; p++) {
                struct sim_result r = cell(&c, p);
                printf(" %.1f %% %.2f/%.2f, %.0f us |", 100 * r.share, r.p50, r.p99,
                       r.model_us);
            }
            printf("\n");
            (void)fflush(stdout);
        }
    }
}

static void table_closed(void)
{
    static const struct sim_case cases[] = {
        { "8 clients, A", 1.6, 1900, 20, 2, 256, 0, .conns = 8, .think_us = 20 },
        { "10, 4 workers, a=0.2, b=1 ms", 200, 1000, 100, 4, 8, 0, .conns = 10,
          .think_us = 20 },
        { "16, B", 2000, 4000, 50, 2, 64, 0, .conns = 16, .think_us = 20 },
        { "64, A, 1 ms think", 1.6, 1900, 20, 2, 256, 0, .conns = 64, .think_us = 1000 },
        { "1, A", 1.6, 1900, 20, 2, 256, 0, .conns = 1, .think_us = 20 },
        { "64, B, 500 ms", 2000, 4000, 500, 2, 64, 0, .conns = 64, .think_us = 20 },
        { "128, max_batch 1", 2, 600, 20000, 2, 1, 0, .conns = 128, .think_us = 20 },
    };

    header("Closed loop: requests/s, p50/p99 ms, mean batch", "clients", "");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sim_case c = cases[i];
        c.seconds = c.target_ms > 1000 ? 160 : 2 * seconds;
        printf("| %s |", c.name);
        for (size_t p = 0; p < sim_policy_count; p++) {
            struct sim_result r = cell(&c, p);
            printf(" %.0f, %.2f/%.2f, %.1f |", r.per_second, r.p50, r.p99, r.batch);
        }
        printf("\n");
        (void)fflush(stdout);
    }
}

static void table_iris(void)
{
    static const int cores[] = { 2, 8 };
    static const int conns[] = { 1, 2, 8, 32, 128 };

    for (size_t k = 0; k < sizeof cores / sizeof cores[0]; k++) {
        char title[160];
        (void)snprintf(title, sizeof title,
                       "Iris on %d cores shared by 2 workers, I/O thread and clients: "
                       "requests/s, p50/p99 ms, mean batch, model us per request",
                       cores[k]);
        header(title, "clients", "");
        for (size_t i = 0; i < sizeof conns / sizeof conns[0]; i++) {
            struct sim_case c = { "iris",
                                  2,
                                  600,
                                  1000,
                                  2,
                                  4000,
                                  3 * seconds,
                                  .conns = conns[i],
                                  .think_us = 1,
                                  .cores = cores[k],
                                  .read_us = 3,
                                  .write_us = 3,
                                  .client_us = 6,
                                  .wake_us = 20 };
            printf("| %d |", conns[i]);
            for (size_t p = 0; p < sim_policy_count; p++) {
                struct sim_result r = cell(&c, p);
                printf(" %.0f, %.2f/%.2f, %.1f, %.1f |", r.per_second, r.p50, r.p99,
                       r.batch, r.model_us);
            }
            printf("\n");
            (void)fflush(stdout);
        }
    }
}

int main(int argc, char **argv)
{
    const char *table = argc > 2 ? argv[2] : "";

    if (argc > 1)
        seconds = atof(argv[1]);
    if (seconds < 0.5 || seconds > 1000) {
        fprintf(stderr, "usage: bento_simulate [SECONDS [open|closed|iris]]\n");
        return 2;
    }
    if (!*table || strcmp(table, "open") == 0)
        table_open();
    if (!*table || strcmp(table, "closed") == 0)
        table_closed();
    if (!*table || strcmp(table, "iris") == 0)
        table_iris();
    return broken;
}
