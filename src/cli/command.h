/*
 * Commands as data: one table entry holds everything that parsing, `--help` and usage
 * errors need, so that they cannot disagree. Results go to stdout, the rest to stderr.
 * Exit status: 0 done, 1 failed, 2 wrong usage.
 */
#ifndef BENTO_CLI_COMMAND_H
#define BENTO_CLI_COMMAND_H

#include "base/buf.h"
#include "bento/error.h"

enum option_kind {
    OPTION_FLAG, /* present or not */
    OPTION_OFF,  /* the --disable-… half of a pair: clears the flag named `pair` */
    OPTION_TEXT,
    OPTION_INTEGER,
    OPTION_CHOICE /* one of `choices` */
};

struct option {
    const char *name;   /* long, without dashes */
    const char *shorts; /* other spellings: "-p", or "-y, --assume-yes"; NULL: none */
    enum option_kind kind;
    const char *metavar; /* NULL: by kind */
    const char *choices; /* "json|yaml" */
    const char *env;     /* environment variable, NULL: none */
    const char *pair;    /* OPTION_OFF: name of the flag it clears */
    const char *help;
    int64_t min; /* OPTION_INTEGER */
    int64_t max;
    bool hidden;
};

#define CLI_OPTIONS_MAX   32
#define CLI_ARGUMENTS_MAX 8

struct command;

/* What was given. Text is borrowed from argv or the environment. */
struct call {
    const struct command *command;
    const char *values[CLI_OPTIONS_MAX]; /* by option; flags: "1" or "0" */
    int64_t numbers[CLI_OPTIONS_MAX];
    const char *arguments[CLI_ARGUMENTS_MAX];
    int argument_count;
    char **rest; /* run: everything behind the API name */
    int rest_count;
    bool quiet;
    bool verbose;
};

struct command {
    const char *name;
    const char *usage;            /* behind the name: "[OPTIONS] BENTO" */
    const char *summary;          /* one line of the group's help */
    const char *help;             /* paragraphs, NULL: the summary */
    const char *const *arguments; /* names, NULL-terminated; "[NAME]" is optional */
    const struct option *options; /* name == NULL ends */
    bool keep_rest; /* unknown words behind the arguments belong to the command */
    int (*run)(const struct call *call);
};

extern const struct command *const commands[]; /* NULL-terminated, by name */

const char *call_text(const struct call *call, const char *option);
bool call_flag(const struct call *call, const char *option, bool fallback);
int64_t call_number(const struct call *call, const char *option, int64_t fallback);

int command_main(int argc, char **argv);
/* Of this program, and of the package it belongs to. */
const char *command_version(void);
/* "Error: bentoml-cli NAME failed: …" with the hint; returns 1. */
int command_fail(const struct call *call, const struct bento_error *err);
/* An informational line on stderr unless --quiet. */
void command_note(const struct call *call, const char *fmt, ...) BENTO_PRINTF(2, 3);
/* "Usage: …" and "Error: …"; returns 2. */
int command_usage(const struct command *command, const char *fmt, ...) BENTO_PRINTF(2, 3);

#endif
