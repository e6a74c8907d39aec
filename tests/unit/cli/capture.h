/* Runs a command line inside the test and keeps what it wrote. */
#ifndef TESTS_CLI_CAPTURE_H
#define TESTS_CLI_CAPTURE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/command.h"
#include "support/check.h"

static char out_text[1 << 16];
static char err_text[1 << 16];

static void capture_read(FILE *from, char *to, size_t size)
{
    rewind(from);
    to[fread(to, 1, size - 1, from)] = '\0';
    (void)fclose(from);
}

/* What `f` writes to stdout and stderr. */
static int capture(int (*f)(void *arg), void *arg)
{
    FILE *files[2] = { tmpfile(), tmpfile() };
    int kept[2];

    (void)fflush(stdout);
    for (int i = 0; i < 2; i++) {
        kept[i] = dup(i + 1);
        if (!files[i] || dup2(fileno(files[i]), i + 1) < 0)
            exit(2);
    }
    int status = f(arg);
    (void)fflush(stdout);
    for (int i = 0; i < 2; i++) {
        (void)dup2(kept[i], i + 1);
        (void)close(kept[i]);
    }
    capture_read(files[0], out_text, sizeof out_text);
    capture_read(files[1], err_text, sizeof err_text);
    return status;
}

static inline int capture_command(void *arg)
{
    char **argv = arg;
    int argc = 0;

    while (argv[argc])
        argc++;
    return command_main(argc, argv);
}

/* bentoml WORD...: the words of the line, divided by spaces; "''" is an empty one. */
static inline int bentoml(const char *line)
{
    static char words[4096];
    static char first[] = "bentoml";
    char *argv[64] = { first };
    int n = 1;

    (void)snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word && n < 63; word = strtok(NULL, " "))
        argv[n++] = strcmp(word, "''") == 0 ? word + 2 : word;
    return capture(capture_command, argv);
}

/* The status of a line, and what it wrote. */
#define CHECK_LINE(line, status, out, err) \
    do {                                   \
        CHECK_INT(bentoml(line), status);  \
        CHECK_STR(out_text, out);          \
        CHECK_STR(err_text, err);          \
    } while (0)

#endif
