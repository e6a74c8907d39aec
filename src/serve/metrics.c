/* Metrics of the API server; see metrics.h. */
#include "serve/metrics.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"

#define SERIES_MAX 4096 /* of one family; further label sets are not counted */

static const double bounds[METRIC_BUCKETS] = {
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0
};

void metrics_init(struct metrics *metrics, const char *service, const char *version)
{
    *metrics = (struct metrics){ .name_space = "BENTOML",
                                 .service = service,
                                 .version = version };
}

void metrics_release(struct metrics *metrics)
{
    struct family *families[] = { &metrics->mb_progress,  &metrics->mb_total,
                                  &metrics->mb_exception, &metrics->mb_batch,
                                  &metrics->call_total,   &metrics->call_progress,
                                  &metrics->reruns,       &metrics->groups };

    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        bento_free(families[i]->series);
    *metrics = (struct metrics){ 0 };
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Addresses first: they are the same nearly always. Texts decide before a series is made,
 * because the compiler may keep one constant at two addresses and a page with one label
 * set twice is invalid. */
static struct series *
find_series(struct family *family, const char *endpoint, int code, const char *label)
{
    for (size_t i = 0; i < family->count; i++) {
        struct series *s = &family->series[i];
        if (s->endpoint == endpoint && s->code == code && s->label == label)
            return s;
    }
    for (size_t i = 0; i < family->count; i++) {
        struct series *s = &family->series[i];
        if (s->code == code && same_text(s->endpoint, endpoint) &&
            same_text(s->label, label))
            return s;
    }
    return NULL;
}

static struct series *
need_series(struct family *family, const char *endpoint, int code, const char *label)
{
    struct series *s = find_series(family, endpoint, code, label);

    if (s)
        return s;
    if (family->count == family->cap) {
        size_t cap = family->cap ? family->cap * 2 : 8;
        struct series *grown =
            cap > SERIES_MAX ? NULL : bento_realloc(family->series, cap, sizeof *grown);
        if (!grown)
            return NULL;
        family->series = grown;
        family->cap = cap;
    }
    s = &family->series[family->count++];
    *s = (struct series){ .endpoint = endpoint, .code = code, .label = label };
    return s;
}

void metrics_add(struct family *family,
                 const char *endpoint,
                 int code,
                 const char *label,
                 double value)
{
    struct series *s = need_series(family, endpoint, code, label);

    if (s)
        s->value += value;
}

void metrics_observe(
    struct family *family, const char *endpoint, int code, double value, double observed)
{
    struct series *s = need_series(family, endpoint, code, NULL);
    int bucket = 0;

    if (!s)
        return;
    s->value += value;
    while (bucket < METRIC_BUCKETS && observed > bounds[bucket])
        bucket++;
    s->histogram.count[bucket]++;
    s->histogram.sum += observed;
}

/* Numbers as Python's client library writes them: integers with ".0". */
static void add_number(struct bento_buf *to, double value)
{
    if (value == floor(value) && fabs(value) < 1e15)
        bento_buf_addf(to, "%.1f", value);
    else
        bento_buf_addf(to, "%.17g", value);
}

struct writer {
    const struct metrics *metrics;
    struct bento_buf *to;
    const char *name;  /* of the family, without the prefix */
    const char *label; /* name of the text label, NULL: none */
    bool slash;        /* endpoints carry a leading '/' */
    bool version;      /* series carry service_version */
    bool pid;          /* series carry pid */
};

static void begin_family(const struct writer *w, const char *help, const char *type)
{
    const struct metrics *m = w->metrics;

    bento_buf_addf(w->to, "# HELP %s_%s_%s %s\n", m->name_space, m->service, w->name,
                   help);
    bento_buf_addf(w->to, "# TYPE %s_%s_%s %s\n", m->name_space, m->service, w->name,
                   type);
}

/* The text form knows three escapes; JSON's others would be errors in it. */
static void add_escaped(struct bento_buf *to, const char *value)
{
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            bento_buf_addc(to, '\\');
        if (*value == '\n')
            bento_buf_adds(to, "\\n");
        else
            bento_buf_addc(to, *value);
    }
}

static void
add_label(struct bento_buf *to, bool *first, const char *key, const char *value)
{
    bento_buf_adds(to, *first ? "" : ",");
    *first = false;
    bento_buf_addf(to, "%s=\"", key);
    add_escaped(to, value);
    bento_buf_addc(to, '"');
}

static void begin_sample(const struct writer *w,
                         const struct series *s,
                         const char *suffix,
                         const char *le)
{
    char code[16];
    char pid[16];
    bool first = true;

    bento_buf_addf(w->to, "%s_%s_%s%s{", w->metrics->name_space, w->metrics->service,
                   w->name, suffix);
    if (w->slash) {
        bento_buf_adds(w->to, "endpoint=\"/");
        add_escaped(w->to, s->endpoint);
        bento_buf_addc(w->to, '"');
        first = false;
    } else {
        add_label(w->to, &first, "endpoint", s->endpoint);
    }
    (void)snprintf(code, sizeof code, "%d", s->code);
    if (s->code)
        add_label(w->to, &first, "http_response_code", code);
    if (w->label && s->label)
        add_label(w->to, &first, w->label, s->label);
    if (w->version)
        add_label(w->to, &first, "service_version", w->metrics->version);
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    if (w->pid)
        add_label(w->to, &first, "pid", pid);
    if (le)
        add_label(w->to, &first, "le", le);
    bento_buf_adds(w->to, "} ");
}

static void write_values(const struct writer *w,
                         const struct family *family,
                         const char *help,
                         const char *type)
{
    begin_family(w, help, type);
    for (size_t i = 0; i < family->count; i++) {
        begin_sample(w, &family->series[i], "", NULL);
        add_number(w->to, family->series[i].value);
        bento_buf_addc(w->to, '\n');
    }
}

static void write_histogram(const struct writer *w, const struct series *s)
{
    uint64_t total = 0;

    for (int b = 0; b <= METRIC_BUCKETS; b++) {
        char le[32] = "+Inf";
        total += s->histogram.count[b];
        if (b < METRIC_BUCKETS)
            (void)snprintf(le, sizeof le, bounds[b] == floor(bounds[b]) ? "%.1f" : "%g",
                           bounds[b]);
        begin_sample(w, s, "_bucket", le);
        add_number(w->to, (double)total);
        bento_buf_addc(w->to, '\n');
    }
    begin_sample(w, s, "_count", NULL);
    add_number(w->to, (double)total);
    bento_buf_addc(w->to, '\n');
    begin_sample(w, s, "_sum", NULL);
    add_number(w->to, s->histogram.sum);
    bento_buf_addc(w->to, '\n');
}

static void
write_histograms(const struct writer *w, const struct family *family, const char *help)
{
    begin_family(w, help, "histogram");
    for (size_t i = 0; i < family->count; i++)
        write_histogram(w, &family->series[i]);
}

static void write_plain(const struct metrics *m,
                        struct bento_buf *to,
                        const char *name,
                        const char *type,
                        const char *help,
                        uint64_t value)
{
    bento_buf_addf(to, "# HELP %s_%s_%s %s\n", m->name_space, m->service, name, help);
    bento_buf_addf(to, "# TYPE %s_%s_%s %s\n", m->name_space, m->service, name, type);
    bento_buf_addf(to, "%s_%s_%s ", m->name_space, m->service, name);
    add_number(to, (double)value);
    bento_buf_addc(to, '\n');
}

void metrics_write(const struct metrics *m, struct bento_buf *to)
{
    struct writer w = { .metrics = m, .to = to };

    w.name = "mb_request_in_progress";
    w.label = "http_method";
    w.pid = true;
    write_values(&w, &m->mb_progress, "Total number of HTTP requests in progress now",
                 "gauge");
    w.pid = false;
    w.name = "mb_request_total";
    w.label = NULL;
    write_values(&w, &m->mb_total, "Total number of HTTP requests", "counter");
    w.name = "mb_request_duration_seconds";
    write_histograms(&w, &m->mb_total, "Request latency in seconds");
    w.name = "mb_request_exception_total";
    w.label = "exception_class";
    write_values(&w, &m->mb_exception, "Total number of exceptions", "counter");
    w.label = NULL;
    w.name = "mb_batch_size";
    write_histograms(&w, &m->mb_batch, "Requests per batch");
    w.slash = w.version = true;
    w.name = "request_total";
    write_values(&w, &m->call_total, "Total number of HTTP requests", "counter");
    w.name = "request_duration_seconds";
    write_histograms(&w, &m->call_total, "API HTTP request duration in seconds");
    w.name = "request_in_progress";
    write_values(&w, &m->call_progress, "Total number of HTTP requests in progress now",
                 "gauge");
    w.slash = w.version = false;
    w.name = "batch_rerun_total";
    write_values(&w, &m->reruns, "Requests run again alone after their batch had failed",
                 "counter");
    w.name = "batch_split_total";
    write_values(&w, &m->groups, "Extra executions because frames of a batch differed",
                 "counter");
    write_plain(m, to, "worker_restart_total", "counter", "Worker processes replaced",
                m->worker_restarts);
    write_plain(m, to, "worker_count", "gauge", "Worker processes that are ready",
                m->workers);
    write_plain(m, to, "connections", "gauge", "Open client connections", m->connections);
    write_plain(m, to, "request_lost_total", "counter",
                "Requests answered 503 because their worker died", m->requests_lost);
}
