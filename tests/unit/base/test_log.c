/* base/log: every line is one JSON object, whatever is in it and however long it is. */
#include "base/log.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "support/check.h"

static int lines[2]; /* a pipe in place of stderr; larger than any line */

/* What was written since the last call. */
static const char *taken(void)
{
    static char text[65536];
    size_t n = 0;

    CHECK(write(STDERR_FILENO, "", 1) == 1); /* so that the read below always ends */
    while (n < sizeof text && (n == 0 || text[n - 1] != '\0')) {
        ssize_t got = read(lines[0], text + n, sizeof text - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    return n && text[n - 1] == '\0' ? text : "(cut off)";
}

/* The one line as a document, or NULL with a failed check. Free with json_decref. */
static json_t *taken_line(void)
{
    const char *text = taken();
    size_t n = strlen(text);
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

    CHECK(n > 0 && text[n - 1] == '\n' && strchr(text, '\n') == text + n - 1);
    CHECK(json_is_object(value));
    return value;
}

static const char *text_of(const json_t *line, const char *key)
{
    return json_string_value(json_object_get(line, key));
}

TEST(fields)
{
    BENTO_LOG(BENTO_LOG_WARN, "pool", BENTO_LOG_M("worker \"died\"\n\x1b[31m"),
              BENTO_LOG_I("pid", -7), BENTO_LOG_F("share", 0.25),
              BENTO_LOG_S("part", bento_str_from("abcdef", 3)),
              BENTO_LOG_Z("nothing", NULL));
    json_t *line = taken_line();
    CHECK_STR(text_of(line, "level"), "warning");
    CHECK_STR(text_of(line, "component"), "pool");
    CHECK_STR(text_of(line, "message"), "worker \"died\"\n\x1b[31m");
    CHECK_STR(text_of(line, "part"), "abc");
    CHECK_STR(text_of(line, "nothing"), "");
    CHECK_INT(json_integer_value(json_object_get(line, "pid")), -7);
    CHECK(json_real_value(json_object_get(line, "share")) == 0.25);
    const char *time = text_of(line, "time");
    CHECK_INT(strlen(time ? time : ""), strlen("2026-01-02T03:04:05.678Z"));
    json_decref(line);
}

TEST(level_is_tested_before_arguments)
{
    int asked = 0;

    bento_log_set_level(BENTO_LOG_ERROR);
    BENTO_LOG(BENTO_LOG_WARN, "x", BENTO_LOG_M("m"), BENTO_LOG_I("n", ++asked));
    CHECK_INT(asked, 0);
    CHECK_STR(taken(), "");
    BENTO_LOG(BENTO_LOG_ERROR, "x", BENTO_LOG_M("m"), BENTO_LOG_I("n", ++asked));
    CHECK_INT(asked, 1);
    json_t *line = taken_line();
    CHECK_STR(text_of(line, "level"), "error");
    json_decref(line);
    bento_log_set_level(BENTO_LOG_OFF);
    BENTO_LOG(BENTO_LOG_ERROR, "x", BENTO_LOG_M("m"));
    CHECK_STR(taken(), "");
    bento_log_set_level(BENTO_LOG_DEBUG);
    BENTO_LOG(BENTO_LOG_DEBUG, "x", BENTO_LOG_M("m"));
    line = taken_line();
    CHECK_STR(text_of(line, "level"), "debug");
    json_decref(line);
    bento_log_set_level(BENTO_LOG_INFO);
}

TEST(figures_that_json_has_not)
{
    static const double values[] = { NAN, INFINITY, -INFINITY, 1e300, -0.0 };

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        BENTO_LOG(BENTO_LOG_INFO, "x", BENTO_LOG_M("m"), BENTO_LOG_F("v", values[i]));
        json_t *line = taken_line();
        CHECK(json_object_get(line, "v") != NULL);
        json_decref(line);
    }
}

TEST(bytes_that_are_no_text)
{
    BENTO_LOG(BENTO_LOG_INFO, "x", BENTO_LOG_M("m"),
              BENTO_LOG_S("v", bento_str_from("a\xff\0\xc3", 4)));
    json_t *line = taken_line();
    CHECK_INT(json_string_length(json_object_get(line, "v")), 4);
    CHECK_STR(text_of(line, "v"), "a?");
    json_decref(line);
}

/* A field too long for the line is left out; the fields beside it stay. */
TEST(long_lines)
{
    static char text[20000];

    memset(text, 'a', sizeof text);
    for (size_t n = 16384 - 300; n <= 16384 + 10; n++) {
        int before = check_failed;
        BENTO_LOG(BENTO_LOG_INFO, "x", BENTO_LOG_M("m"),
                  BENTO_LOG_S("long", bento_str_from(text, n)));
        json_t *line = taken_line();
        CHECK_STR(text_of(line, "message"), "m");
        json_decref(line);
        if (check_failed != before) {
            printf("  with %zu bytes\n", n);
            break;
        }
    }
    BENTO_LOG(BENTO_LOG_INFO, "x", BENTO_LOG_M("m"),
              BENTO_LOG_S("long", bento_str_from(text, sizeof text)),
              BENTO_LOG_I("after", 1));
    json_t *line = taken_line();
    CHECK(json_object_get(line, "long") == NULL);
    CHECK_INT(json_integer_value(json_object_get(line, "after")), 1);
    json_decref(line);
}

TEST(every_allocation_may_fail)
{
    static char text[4000];
    long live = bento_alloc_live();
    bool whole = false;

    memset(text, 'a', sizeof text);
    for (long n = 0; !whole && n < 20; n++) {
        bento_alloc_fail_after(n);
        BENTO_LOG(BENTO_LOG_INFO, "x", BENTO_LOG_M("m"),
                  BENTO_LOG_S("long", bento_str_from(text, sizeof text)));
        bento_alloc_fail_after(-1);
        CHECK_INT(bento_alloc_live(), live);
        const char *got = taken();
        if (!*got)
            continue; /* no line rather than half of one */
        json_t *line = json_loads(got, 0, NULL);
        CHECK_STR(text_of(line, "message"), "m");
        whole = json_object_get(line, "long") != NULL;
        json_decref(line);
    }
    CHECK(whole);
}

TEST(nobody_reads)
{
    int kept = dup(STDERR_FILENO);

    (void)close(STDERR_FILENO);
    BENTO_LOG(BENTO_LOG_INFO, "x", BENTO_LOG_M("lost"));
    CHECK_INT(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    (void)close(kept);
    CHECK_STR(taken(), "");
}

int main(void)
{
    int terminal = dup(STDERR_FILENO);

    if (terminal < 0 || pipe(lines) != 0 || dup2(lines[1], STDERR_FILENO) < 0)
        return 1;
    RUN(fields);
    RUN(level_is_tested_before_arguments);
    RUN(figures_that_json_has_not);
    RUN(bytes_that_are_no_text);
    RUN(long_lines);
    RUN(every_allocation_may_fail);
    RUN(nobody_reads);
    (void)dup2(terminal, STDERR_FILENO); /* sanitizers report there */
    return check_report();
}
