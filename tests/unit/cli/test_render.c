/* cli/render: tables to the character, ages, cells of several lines, wide characters;
 * JSON and YAML documents. */
#include <time.h>

#include "cli/render.h"

#include "capture.h"

const struct command *const commands[] = { NULL };

static struct bento_record record_of(const char *name)
{
    return (struct bento_record){ .name = name,
                                  .version = "v1",
                                  .uri = "/some/where",
                                  .uri_type = "LOCAL",
                                  .metadata_json = "{}",
                                  .apis = "",
                                  .artifacts = "",
                                  .labels_json = "{}",
                                  .created_at = "2020-01-02 03:04:05.678901",
                                  .status = "DONE" };
}

struct rows {
    const struct bento_record *record;
    size_t count;
    bool wide;
};

static int print_rows(void *arg)
{
    struct rows *rows = arg;
    struct table table;

    table_init(&table, rows->wide);
    for (size_t i = 0; i < rows->count; i++)
        table_add(&table, &rows->record[i], rows->wide);
    table_print(&table);
    table_release(&table);
    return 0;
}

static void check_table(const struct bento_record *record, size_t count, const char *want)
{
    struct rows rows = { record, count, true };

    CHECK_INT(capture(print_rows, &rows), 0);
    CHECK_STR(out_text, want);
}

TEST(empty)
{
    struct rows rows = { NULL, 0, false };

    CHECK_INT(capture(print_rows, &rows), 0);
    CHECK_STR(out_text, "BENTO_SERVICE  AGE  APIS  ARTIFACTS  LABELS\n");
    check_table(NULL, 0, "BENTO_SERVICE  CREATED_AT  APIS  ARTIFACTS  LABELS  URI\n");
}

TEST(columns)
{
    struct bento_record record[3] = { record_of("Long_service_name"), record_of("S"),
                                      record_of("\xC3\x84\xC3\x96") };

    record[1].apis = "a<X:Y>, b<Z:>";
    record[1].artifacts = "m<T>, n<U>";
    record[1].labels_json = "{\"stage\": \"test\", \"k\": \"v\"}";
    check_table(
        record, 3,
        "BENTO_SERVICE         CREATED_AT        APIS           ARTIFACTS   LABELS      URI\n"
        "Long_service_name:v1  2020-01-02 03:04                                         /some/where\n"
        "S:v1                  2020-01-02 03:04  a<X:Y>, b<Z:>  m<T>, n<U>  stage:test  /some/where\n"
        "                                                                   k:v\n"
        "\xC3\x84\xC3\x96:v1                 2020-01-02 03:04                                         /some/where\n");
}

TEST(broken_documents)
{
    struct bento_record record = record_of("S");

    record.metadata_json = "{";
    record.labels_json = "[1]";
    check_table(
        &record, 1,
        "BENTO_SERVICE  CREATED_AT        APIS  ARTIFACTS  LABELS  URI\n"
        "S:v1           2020-01-02 03:04                           /some/where\n");
}

/* A label whose value is no text must not end the program. */
TEST(odd_labels)
{
    struct bento_record record = record_of("S");
    struct rows rows = { &record, 1, true };

    record.labels_json = "{\"a\": 1, \"b\": \"\"}";
    CHECK_INT(capture(print_rows, &rows), 0);
    CHECK(strstr(out_text, "b:\n") != NULL && !strstr(out_text, "null"));
}

/* The age column of a bundle that was made so long ago. */
static void check_age(int64_t seconds, const char *want, const char *second_later)
{
    char created[40];
    time_t then = time(NULL) - (time_t)seconds;
    struct tm t;
    struct bento_record record = record_of("S");
    struct rows rows = { &record, 1, false };
    char line[100];
    char line_later[100];

    (void)gmtime_r(&then, &t);
    (void)strftime(created, sizeof created, "%Y-%m-%d %H:%M:%S.000000", &t);
    record.created_at = created;
    CHECK_INT(capture(print_rows, &rows), 0);
    (void)snprintf(line, sizeof line, "S:v1           %s\n", want);
    (void)snprintf(line_later, sizeof line_later, "S:v1           %s\n", second_later);
    check_done++;
    if (!strstr(out_text, line) && !strstr(out_text, line_later))
        CHECK_FAIL_("%lld s: \"%s\", wanted %s", (long long)seconds, out_text, want);
}

TEST(ages)
{
    check_age(0, "0 seconds", "1 second");
    check_age(1, "1 second", "2 seconds");
    check_age(61, "1 minute and 1 second", "1 minute and 2 seconds");
    check_age(2 * 3600 + 300, "2 hours and 5 minutes", "2 hours and 5 minutes");
    check_age(3600 + 5, "1 hour and 5 seconds", "1 hour and 6 seconds");
    check_age(2 * 86400 + 3600, "2 days and 1 hour", "2 days and 1 hour");
    check_age(15 * 86400, "2 weeks and 1 day", "2 weeks and 1 day");
    check_age(366 * 86400, "1 year and 1 day", "1 year and 1 day");
    check_age(-100, "0 seconds", "0 seconds"); /* a clock that was set back */
}

static int print_json(void *arg)
{
    return (int)render_json(arg, NULL);
}

static int print_yaml(void *arg)
{
    return (int)render_yaml(arg, NULL);
}

TEST(documents)
{
    struct bento_record record = record_of("S");

    record.metadata_json = "{\"name\": \"S\", \"created_at\": \"now\"}";
    record.labels_json = "{\"k\": \"\xC3\xA9\"}";
    CHECK_INT(capture(print_json, &record), BENTO_OK);
    CHECK_STR(
        out_text,
        "{\n  \"name\": \"S\",\n  \"version\": \"v1\",\n  \"uri\": {\n    \"type\": \"LOCAL\",\n"
        "    \"uri\": \"/some/where\"\n  },\n  \"bentoServiceMetadata\": {\n    \"name\": \"S\",\n"
        "    \"createdAt\": \"now\",\n    \"labels\": {\n      \"k\": \"\\u00e9\"\n    }\n  },\n"
        "  \"status\": {\n    \"status\": \"DONE\"\n  }\n}\n");
    record.labels_json = "{}";
    CHECK_INT(capture(print_yaml, &record), BENTO_OK);
    CHECK_STR(
        out_text,
        "name: S\nversion: v1\nuri:\n  type: LOCAL\n  uri: /some/where\n"
        "bentoServiceMetadata:\n  name: S\n  createdAt: now\nstatus:\n  status: DONE\n");
    record.metadata_json = "{";
    CHECK_INT(capture(print_json, &record), BENTO_ECORRUPT);
    CHECK_STR(out_text, "");
    CHECK_INT(capture(print_yaml, &record), BENTO_ECORRUPT);
    CHECK_STR(out_text, "");
}

int main(void)
{
    RUN(empty);
    RUN(columns);
    RUN(broken_documents);
    RUN(odd_labels);
    RUN(ages);
    RUN(documents);
    return check_report();
}
