/* JSON lines on stderr; see log.h. */
#include "base/log.h"

#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

#define LOG_LINE_MAX 16384
#define LOG_LINE_END "}\n"

int bento_log_threshold = BENTO_LOG_INFO;

void bento_log_set_level(enum bento_log_level level)
{
    bento_log_threshold = (int)level;
}

static void add_time(struct bento_buf *line)
{
    struct timespec now;
    struct tm parts;
    char text[40];

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &parts);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    bento_buf_add(line, text, n);
    bento_buf_addf(line, ".%03ldZ", now.tv_nsec / 1000000);
}

/* What is no UTF-8 would make the whole line unreadable: such text is shown in ASCII. */
static void add_text(struct bento_buf *line, struct bento_str text)
{
    size_t from = line->n;

    bento_buf_addjson(line, text);
    if (bento_utf8_valid(text))
        return;
    for (size_t i = from; i < line->n; i++)
        if ((unsigned char)line->p[i] >= 0x80)
            line->p[i] = '?';
}

static void add_field(struct bento_buf *line, const struct bento_log_field *field)
{
    bento_buf_addc(line, ',');
    bento_buf_addjson(line, bento_str_of(field->key));
    bento_buf_addc(line, ':');
    if (field->kind == BENTO_LOG_STR)
        add_text(line, field->str);
    else if (field->kind == BENTO_LOG_INT)
        bento_buf_addf(line, "%lld", (long long)field->num);
    else if (isfinite(field->real))
        bento_buf_addf(line, "%.6g", field->real);
    else
        bento_buf_adds(line, "null"); /* JSON has no such figure */
}

void bento_log_write(enum bento_log_level level,
                     const char *component,
                     const struct bento_log_field *fields)
{
    static const char *const names[] = { "debug", "info", "warning", "error", "off" };
    struct bento_buf line;

    bento_buf_init(&line, LOG_LINE_MAX - strlen(LOG_LINE_END));
    bento_buf_adds(&line, "{\"time\":\"");
    add_time(&line);
    bento_buf_addf(&line, "\",\"level\":\"%s\",\"component\":", names[level]);
    bento_buf_addjson(&line, bento_str_of(component));
    for (; fields->key; fields++) {
        size_t before = line.n;
        add_field(&line, fields);
        if (line.rc != BENTO_OK) { /* a field too long for the line is left out, the line
                                      stays valid */
            line.rc = BENTO_OK;
            line.n = before;
        }
    }
    line.max = LOG_LINE_MAX;
    bento_buf_adds(&line, LOG_LINE_END);
    if (line.p && write(STDERR_FILENO, line.p, line.n) < 0) {
        /* nowhere left to say it */
    }
    bento_buf_release(&line);
}
