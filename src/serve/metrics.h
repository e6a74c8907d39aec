/*
 * Metrics of the API server in Prometheus text form 0.0.4, with the names and labels of
 * BentoML 0.13 (spec 7.5) and some of our own. Series are found by small linear tables:
 * their number is bounded by routes times status codes.
 */
#ifndef BENTO_SERVE_METRICS_H
#define BENTO_SERVE_METRICS_H

#include "base/buf.h"

#define METRIC_BUCKETS 14

struct histogram {
    uint64_t count[METRIC_BUCKETS + 1]; /* not cumulative; the last is +Inf */
    double sum;
};

struct series {
    const char *endpoint; /* text that outlives the metrics */
    int code;             /* HTTP status; 0 where the family has none */
    const char *label;    /* method or exception class, likewise; NULL: none */
    double value;
    struct histogram histogram;
};

struct family {
    struct series *series;
    size_t count;
    size_t cap;
};

struct metrics {
    const char *name_space; /* "BENTOML" */
    const char *service;
    const char *version;
    struct family mb_progress;   /* gauge by endpoint, method */
    struct family mb_total;      /* counter and histogram by endpoint, code */
    struct family mb_exception;  /* counter by endpoint, class */
    struct family mb_batch;      /* histogram by endpoint */
    struct family call_total;    /* executions by endpoint, code: counter and histogram */
    struct family call_progress; /* gauge by endpoint */
    struct family reruns;        /* counter by endpoint: requests run again alone */
    struct family groups; /* counter by endpoint: batches cut because frames differed */
    uint64_t worker_restarts;
    uint64_t workers;
    uint64_t connections;
    uint64_t requests_lost; /* answered 503 because a worker died */
};

void metrics_init(struct metrics *metrics, const char *service, const char *version);
void metrics_release(struct metrics *metrics);
/* Adds to the series of that label set; silently does nothing when memory is short. */
void metrics_add(struct family *family,
                 const char *endpoint,
                 int code,
                 const char *label,
                 double value);
/* The same, and records `observed` in the series' histogram. */
void metrics_observe(
    struct family *family, const char *endpoint, int code, double value, double observed);
void metrics_write(const struct metrics *metrics, struct bento_buf *to);

#endif
