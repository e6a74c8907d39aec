/* serve/metrics: the text form 0.0.4 to the byte, label escapes, cumulative buckets, one
 * series per label set, and the limit on series. */
#include "serve/metrics.h"

#include <unistd.h>

#include "base/alloc.h"
#include "support/check.h"

/* The lines that begin with `prefix`, without it. */
static void check_lines(const struct metrics *m, const char *prefix, const char *want)
{
    struct bento_buf text;
    struct bento_buf got;
    struct bento_str rest;
    struct bento_str line;
    size_t n = strlen(prefix);

    bento_buf_init(&text, 1 << 24);
    bento_buf_init(&got, 1 << 24);
    metrics_write(m, &text);
    CHECK(text.n && text.p[text.n - 1] == '\n');
    rest = bento_buf_str(&text);
    while (bento_str_next(&rest, '\n', &line))
        if (line.n >= n && memcmp(line.p, prefix, n) == 0)
            bento_buf_addf(&got, "%.*s\n", (int)(line.n - n), line.p + n);
    CHECK_STR(bento_buf_z(&got), want);
    bento_buf_release(&text);
    bento_buf_release(&got);
}

TEST(empty)
{
    struct metrics m;

    metrics_init(&m, "Iris", "v1");
    check_lines(&m, "# TYPE BENTOML_Iris_",
                "mb_request_in_progress gauge\n"
                "mb_request_total counter\n"
                "mb_request_duration_seconds histogram\n"
                "mb_request_exception_total counter\n"
                "mb_batch_size histogram\n"
                "request_total counter\n"
                "request_duration_seconds histogram\n"
                "request_in_progress gauge\n"
                "batch_rerun_total counter\n"
                "batch_split_total counter\n"
                "worker_restart_total counter\n"
                "worker_count gauge\n"
                "connections gauge\n"
                "request_lost_total counter\n");
    check_lines(
        &m, "BENTOML_",
        "Iris_worker_restart_total 0.0\nIris_worker_count 0.0\nIris_connections 0.0\n"
        "Iris_request_lost_total 0.0\n");
    metrics_release(&m);
}

TEST(values)
{
    struct metrics m;
    char want[128];

    metrics_init(&m, "Iris", "v1");
    metrics_add(&m.mb_progress, "predict", 0, "POST", 1);
    metrics_add(&m.mb_progress, "predict", 0, "POST", 1);
    metrics_add(&m.mb_progress, "predict", 0, "POST", -1);
    metrics_observe(&m.mb_total, "predict", 200, 1, 0.001);
    metrics_observe(&m.mb_total, "predict", 408, 1, 0.001);
    metrics_observe(&m.mb_total, "predict", 200, 1, 0.001);
    metrics_add(&m.mb_exception, "predict", 0, "WorkerLost", 2);
    metrics_observe(&m.call_total, "predict", 200, 1, 0.001);
    metrics_add(&m.call_progress, "predict", 0, NULL, 0.125);
    metrics_add(&m.reruns, "predict", 0, NULL, 3);
    metrics_add(&m.groups, "predict", 0, NULL, 1e15);
    m.workers = 4;
    (void)snprintf(want, sizeof want,
                   "{endpoint=\"predict\",http_method=\"POST\",pid=\"%d\"} 1.0\n",
                   (int)getpid());
    check_lines(&m, "BENTOML_Iris_mb_request_in_progress", want);
    check_lines(&m, "BENTOML_Iris_mb_request_total",
                "{endpoint=\"predict\",http_response_code=\"200\"} 2.0\n"
                "{endpoint=\"predict\",http_response_code=\"408\"} 1.0\n");
    check_lines(&m, "BENTOML_Iris_mb_request_exception_total",
                "{endpoint=\"predict\",exception_class=\"WorkerLost\"} 2.0\n");
    check_lines(
        &m, "BENTOML_Iris_request_total",
        "{endpoint=\"/predict\",http_response_code=\"200\",service_version=\"v1\"} 1.0\n");
    check_lines(&m, "BENTOML_Iris_request_in_progress",
                "{endpoint=\"/predict\",service_version=\"v1\"} 0.125\n");
    check_lines(&m, "BENTOML_Iris_batch_rerun_total", "{endpoint=\"predict\"} 3.0\n");
    check_lines(&m, "BENTOML_Iris_batch_split_total",
                "{endpoint=\"predict\"} 1000000000000000\n");
    check_lines(&m, "BENTOML_Iris_worker_count", " 4.0\n");
    metrics_release(&m);
}

/* A value on a bound belongs to that bound's bucket; buckets count everything below them.
 */
TEST(buckets)
{
    struct metrics m;

    metrics_init(&m, "S", "v");
    metrics_observe(&m.mb_batch, "p", 0, 1, 0);
    metrics_observe(&m.mb_batch, "p", 0, 1, 0.005);
    metrics_observe(&m.mb_batch, "p", 0, 1, 0.25);
    metrics_observe(&m.mb_batch, "p", 0, 1, 0.5);
    metrics_observe(&m.mb_batch, "p", 0, 1, 10);
    metrics_observe(&m.mb_batch, "p", 0, 1, 64);
    check_lines(&m, "BENTOML_S_mb_batch_size_",
                "bucket{endpoint=\"p\",le=\"0.005\"} 2.0\n"
                "bucket{endpoint=\"p\",le=\"0.01\"} 2.0\n"
                "bucket{endpoint=\"p\",le=\"0.025\"} 2.0\n"
                "bucket{endpoint=\"p\",le=\"0.05\"} 2.0\n"
                "bucket{endpoint=\"p\",le=\"0.075\"} 2.0\n"
                "bucket{endpoint=\"p\",le=\"0.1\"} 2.0\n"
                "bucket{endpoint=\"p\",le=\"0.25\"} 3.0\n"
                "bucket{endpoint=\"p\",le=\"0.5\"} 4.0\n"
                "bucket{endpoint=\"p\",le=\"0.75\"} 4.0\n"
                "bucket{endpoint=\"p\",le=\"1.0\"} 4.0\n"
                "bucket{endpoint=\"p\",le=\"2.5\"} 4.0\n"
                "bucket{endpoint=\"p\",le=\"5.0\"} 4.0\n"
                "bucket{endpoint=\"p\",le=\"7.5\"} 4.0\n"
                "bucket{endpoint=\"p\",le=\"10.0\"} 5.0\n"
                "bucket{endpoint=\"p\",le=\"+Inf\"} 6.0\n"
                "count{endpoint=\"p\"} 6.0\n"
                "sum{endpoint=\"p\"} 74.754999999999995\n");
    metrics_release(&m);
}

/* The text form knows three escapes; every other byte stands for itself. */
TEST(escapes)
{
    struct metrics m;

    metrics_init(&m, "S", "1\"2\\3\n4\t5\xC3\xA9");
    metrics_add(&m.reruns, "a\"b\\c\nd\te/\xC3\xA9", 0, NULL, 1);
    metrics_add(&m.call_progress, "a\"b\\c\nd", 0, NULL, 1);
    check_lines(&m, "BENTOML_S_batch_rerun_total",
                "{endpoint=\"a\\\"b\\\\c\\nd\te/\xC3\xA9\"} 1.0\n");
    check_lines(
        &m, "BENTOML_S_request_in_progress",
        "{endpoint=\"/a\\\"b\\\\c\\nd\",service_version=\"1\\\"2\\\\3\\n4\t5\xC3\xA9\"} 1.0\n");
    metrics_release(&m);
}

/* Two constants with one text are one label set: a second line for it would make the page
 * invalid. */
TEST(same_text)
{
    static const char one[] = "p";
    static const char two[] = "p";
    static const char lost[] = "WorkerLost";
    static const char lost_too[] = "WorkerLost";
    struct metrics m;

    metrics_init(&m, "S", "v");
    metrics_add(&m.mb_exception, one, 0, lost, 1);
    metrics_add(&m.mb_exception, two, 0, lost_too, 1);
    metrics_add(&m.mb_exception, two, 0, NULL, 1);
    check_lines(
        &m, "BENTOML_S_mb_request_exception_total",
        "{endpoint=\"p\",exception_class=\"WorkerLost\"} 2.0\n{endpoint=\"p\"} 1.0\n");
    metrics_release(&m);
}

TEST(limit)
{
    struct metrics m;
    long live = bento_alloc_live();

    metrics_init(&m, "S", "v");
    for (int code = 1; code <= 6000; code++)
        metrics_observe(&m.mb_total, "p", code, 1, 1);
    CHECK_INT(m.mb_total.count, 4096);
    metrics_add(&m.mb_total, "p", 1, NULL, 1); /* series that are there go on counting */
    metrics_add(&m.mb_total, "p", 5000, NULL, 1);
    CHECK_INT(m.mb_total.count, 4096);
    CHECK_INT(m.mb_total.series[0].value, 2);
    metrics_release(&m);
    CHECK_INT(bento_alloc_live(), live);
}

int main(void)
{
    RUN(empty);
    RUN(values);
    RUN(buckets);
    RUN(escapes);
    RUN(same_text);
    RUN(limit);
    return check_report();
}
