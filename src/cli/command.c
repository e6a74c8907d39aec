/* Parsing and help from the command table; see command.h. The layout follows click, which
 * users know. */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef BENTO_VERSION
#    define BENTO_VERSION "0"
#endif

#define HELP_WIDTH 78

const char *command_version(void)
{
    return BENTO_VERSION;
}

static const struct option common_options[] = {
    { .name = "do-not-track", .help = "Do not track usage (nothing is ever sent)." },
    { .name = "quiet",
      .shorts = "-q",
      .help = "Hide process logs and only print results" },
    { .name = "verbose",
      .shorts = "--debug",
      .help = "Show additional details when running command" },
    { .name = "help", .help = "Show this message and exit." },
    { .name = NULL },
};

/* ---- help ---- */

/* Words of `text` from column `at`, wrapped at the width with continuation lines at
 * `indent`. */
static void wrap(FILE *to, const char *text, size_t at, size_t indent)
{
    bool first = true;

    while (*text) {
        size_t n = strcspn(text, " \n");
        if (!first && at + 1 + n > HELP_WIDTH) {
            (void)fprintf(to, "\n%*s", (int)indent, "");
            at = indent;
            first = true;
        }
        (void)fprintf(to, "%s%.*s", first ? "" : " ", (int)n, text);
        at += n + !first;
        first = false;
        text += n;
        text += strspn(text, " ");
        if (*text == '\n') {
            text++;
            (void)fprintf(to, "\n%*s", *text == '\n' ? 0 : (int)indent, "");
            at = indent;
            first = true;
            text += strspn(text, " "); /* a paragraph's own indent is ours already */
        }
    }
    (void)fputc('\n', to);
}

static void option_label(const struct option *o, char *to, size_t size)
{
    static const char *const metavars[] = { "", "", " TEXT", " INTEGER", "" };
    char value[160] = "";

    if (o->kind == OPTION_CHOICE)
        (void)snprintf(value, sizeof value, " [%s]", o->choices);
    else if (o->metavar)
        (void)snprintf(value, sizeof value, " %s", o->metavar);
    else
        (void)snprintf(value, sizeof value, "%s", metavars[o->kind]);
    if (o->shorts && o->shorts[1] != '-')
        (void)snprintf(to, size, "%s, --%s%s", o->shorts, o->name, value);
    else
        (void)snprintf(to, size, "--%s%s%s%s", o->name, o->shorts ? ", " : "",
                       o->shorts ? o->shorts : "", value);
}

static void print_options(FILE *to, const struct option *options, size_t column)
{
    char label[256];

    for (const struct option *o = options; o && o->name; o++) {
        if (o->hidden)
            continue;
        option_label(o, label, sizeof label);
        size_t n = strlen(label) + 2;
        (void)fprintf(to, "  %s", label);
        if (!o->help || !*o->help) {
            (void)fputc('\n', to);
            continue;
        }
        if (n + 2 > column)
            (void)fprintf(to, "\n%*s", (int)column, "");
        else
            (void)fprintf(to, "%*s", (int)(column - n), "");
        wrap(to, o->help, column, column);
    }
}

static size_t options_column(const struct option *a, const struct option *b)
{
    char label[256];
    size_t widest = 0;
    const struct option *const lists[2] = { a, b };

    for (int i = 0; i < 2; i++)
        for (const struct option *o = lists[i]; o && o->name; o++) {
            option_label(o, label, sizeof label);
            size_t n = strlen(label) + 4;
            if (!o->hidden && n <= 32 && n > widest)
                widest = n;
        }
    return widest ? widest : 32;
}

static void command_help(const struct command *c)
{
    const char *help = c->help ? c->help : c->summary;

    printf("Usage: bentoml %s %s\n\n  ", c->name, c->usage);
    wrap(stdout, help, 2, 2);
    printf("\nOptions:\n");
    size_t column = options_column(c->options, common_options);
    print_options(stdout, c->options, column);
    print_options(stdout, common_options, column);
}

static void group_help(void)
{
    printf(
        "Usage: bentoml [OPTIONS] COMMAND [ARGS]...\n\n  BentoML CLI tool\n\nOptions:\n"
        "  --version  Show the version and exit.\n  --help     Show this message and exit.\n\nCommands:\n");
    for (const struct command *const *c = commands; *c; c++) {
        printf("  %-18s", (*c)->name);
        wrap(stdout, (*c)->summary, 20, 20);
    }
}

/* ---- messages ---- */

int command_usage(const struct command *c, const char *fmt, ...)
{
    va_list args;

    (void)fprintf(stderr,
                  "Usage: bentoml %s%s%s\nTry 'bentoml %s%s--help' for help.\n\nError: ",
                  c ? c->name : "[OPTIONS] COMMAND [ARGS]...", c ? " " : "",
                  c ? c->usage : "", c ? c->name : "", c ? " " : "");
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
    return 2;
}

int command_fail(const struct call *call, const struct bento_error *err)
{
    bool color = isatty(STDERR_FILENO);

    (void)fprintf(stderr, "Error: %sbentoml-cli %s failed: %s%s\n",
                  color ? "\033[31m" : "", call->command->name, err->message,
                  color ? "\033[0m" : "");
    if (err->hint[0])
        (void)fprintf(stderr, "hint: %s\n", err->hint);
    return 1;
}

void command_note(const struct call *call, const char *fmt, ...)
{
    va_list args;

    if (call->quiet)
        return;
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

/* ---- values ---- */

static int option_index(const struct command *c, const char *name)
{
    for (int i = 0; c->options && c->options[i].name; i++)
        if (strcmp(c->options[i].name, name) == 0)
            return i;
    return -1;
}

const char *call_text(const struct call *call, const char *option)
{
    int i = option_index(call->command, option);

    return i < 0 ? NULL : call->values[i];
}

bool call_flag(const struct call *call, const char *option, bool fallback)
{
    const char *value = call_text(call, option);

    return value ? value[0] == '1' : fallback;
}

int64_t call_number(const struct call *call, const char *option, int64_t fallback)
{
    int i = option_index(call->command, option);

    return i < 0 || !call->values[i] ? fallback : call->numbers[i];
}

static bool is_choice(const char *choices, const char *value)
{
    struct bento_str rest = bento_str_of(choices);
    struct bento_str part;

    while (bento_str_next(&rest, '|', &part))
        if (bento_str_eq(part, bento_str_of(value)))
            return true;
    return false;
}

/* 0, or the exit status of a usage error. */
static int set_value(struct call *call, int i, const char *value)
{
    const struct option *o = &call->command->options[i];

    if (o->kind == OPTION_CHOICE && !is_choice(o->choices, value))
        return command_usage(call->command,
                             "Invalid value for '--%s': '%s' is not one of '%s'.",
                             o->name, value, o->choices);
    if (o->kind == OPTION_INTEGER) {
        if (!bento_parse_i64(bento_str_of(value), INT64_MIN, INT64_MAX,
                             &call->numbers[i]))
            return command_usage(call->command,
                                 "Invalid value for '--%s': '%s' is not a valid integer.",
                                 o->name, value);
        if (call->numbers[i] < o->min || call->numbers[i] > o->max)
            return command_usage(
                call->command,
                "Invalid value for '--%s': %s is not in the range %lld to %lld.", o->name,
                value, (long long)o->min, (long long)o->max);
    }
    call->values[i] = value;
    return 0;
}

static bool is_among(const char *value, const char *const words[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bento_str_ieq(bento_str_of(value), bento_str_of(words[i])))
            return true;
    return false;
}

/* The words that click takes for a flag's environment variable. */
static int set_flag(struct call *call, int i, const char *value)
{
    static const char *const on[] = { "1", "true", "t", "yes", "y", "on" };
    static const char *const off[] = { "0", "false", "f", "no", "n", "off" };

    if (is_among(value, on, sizeof on / sizeof on[0]))
        call->values[i] = "1";
    else if (is_among(value, off, sizeof off / sizeof off[0]))
        call->values[i] = "0";
    else
        return command_usage(call->command,
                             "Invalid value for '--%s': '%s' is not a valid boolean.",
                             call->command->options[i].name, value);
    return 0;
}

static int apply_environment(struct call *call)
{
    for (int i = 0; call->command->options && call->command->options[i].name; i++) {
        const struct option *o = &call->command->options[i];
        const char *value = o->env && !call->values[i] ? getenv(o->env) : NULL;
        if (!value || !*value)
            continue;
        int rc =
            o->kind == OPTION_FLAG ? set_flag(call, i, value) : set_value(call, i, value);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- parsing ---- */

static bool spelled(const struct option *o, struct bento_str word)
{
    struct bento_str rest = bento_str_of(o->shorts);
    struct bento_str part;

    if (word.n > 2 && word.p[0] == '-' && word.p[1] == '-' &&
        bento_str_eq(bento_str_from(word.p + 2, word.n - 2), bento_str_of(o->name)))
        return true;
    while (o->shorts && bento_str_next(&rest, ',', &part))
        if (bento_str_eq(bento_str_trim(part), word))
            return true;
    return false;
}

static size_t distance(const char *a, const char *b)
{
    size_t row[64];
    size_t n = strlen(b);

    if (n >= 63 || strlen(a) >= 63)
        return 99;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}

/* The option that `name` probably means: it begins so, or differs in two letters at
 * most; the nearest. */
static const char *nearest(const struct command *c, const char *name)
{
    const struct option *const lists[2] = { c->options, common_options };
    const char *best = NULL;
    size_t least = 3;

    for (int i = 0; i < 2; i++)
        for (const struct option *o = lists[i]; o && o->name; o++) {
            size_t far = distance(name, o->name);
            if (*name && far > 2 && strncmp(o->name, name, strlen(name)) == 0)
                far = 2;
            if (o->hidden || far >= least)
                continue;
            best = o->name;
            least = far;
        }
    return best;
}

static int unknown_option(const struct command *c, struct bento_str word)
{
    char text[80];

    (void)snprintf(text, sizeof text, "%.*s", (int)(word.n < 70 ? word.n : 70), word.p);
    const char *near = text[0] == '-' && text[1] == '-' ? nearest(c, text + 2) : NULL;
    if (near)
        return command_usage(c, "No such option: %s Did you mean --%s?", text, near);
    return command_usage(c, "No such option: %s", text);
}

#define COMMON (-2)

/* The option that `name` names: its index, COMMON with the name in *ret_common, -1 for
 * none. */
static int
find_option(const struct command *c, struct bento_str name, const char **ret_common)
{
    for (int i = 0; c->options && c->options[i].name; i++)
        if (spelled(&c->options[i], name))
            return i;
    for (const struct option *o = common_options; o->name; o++)
        if (spelled(o, name)) {
            *ret_common = o->name;
            return COMMON;
        }
    return -1;
}

/* A word that begins with '-', in its parts. */
struct word {
    struct bento_str name;
    const char *value;  /* "--name=value", "-nvalue"; NULL: none within the word */
    const char *common; /* of COMMON */
    int option;         /* index, COMMON or -1 */
};

static struct word split_word(const struct command *c, const char *text)
{
    struct word word = { .name = bento_str_of(text) };
    const char *equals = text[1] == '-' ? strchr(text, '=') : NULL;

    if (equals) {
        word.name.n = (size_t)(equals - text);
        word.value = equals + 1;
    }
    word.option = find_option(c, word.name, &word.common);
    if (word.option != -1 || text[1] == '-' || word.name.n <= 2)
        return word;
    int i = find_option(c, bento_str_from(text, 2), &word.common);
    if (i >= 0 && c->options[i].kind != OPTION_FLAG && c->options[i].kind != OPTION_OFF) {
        word.name.n = 2;
        word.value = text + 2;
        word.option = i;
    }
    return word;
}

static void take_common(struct call *call, const char *name, bool *ret_help)
{
    *ret_help = *ret_help || strcmp(name, "help") == 0;
    call->quiet = call->quiet || strcmp(name, "quiet") == 0;
    call->verbose = call->verbose || strcmp(name, "verbose") == 0;
}

static void take_flag(struct call *call, int i)
{
    const struct option *o = &call->command->options[i];

    call->values[i] = "1";
    if (o->kind == OPTION_OFF) {
        int target = option_index(call->command, o->pair);
        if (target >= 0)
            call->values[target] = "0";
    }
}

/* Takes the option at argv[*at]; 0 or an exit status. */
static int take_option(struct call *call, int argc, char **argv, int *at, bool *ret_help)
{
    struct word word = split_word(call->command, argv[*at]);

    if (word.option == -1)
        return unknown_option(call->command, word.name);
    const struct option *o =
        word.option == COMMON ? NULL : &call->command->options[word.option];
    bool flag = !o || o->kind == OPTION_FLAG || o->kind == OPTION_OFF;
    if (flag && word.value)
        return command_usage(call->command, "Option '--%s' does not take a value.",
                             o ? o->name : word.common);
    if (!o) {
        take_common(call, word.common, ret_help);
        return 0;
    }
    if (flag) {
        take_flag(call, word.option);
        return 0;
    }
    if (word.value)
        return set_value(call, word.option, word.value);
    if (*at + 1 >= argc)
        return command_usage(call->command, "Option '--%s' requires an argument.",
                             o->name);
    (*at)++;
    return set_value(call, word.option, argv[*at]);
}

static int count_names(const struct command *c)
{
    int n = 0;

    while (c->arguments && c->arguments[n])
        n++;
    return n;
}

static int parse(struct call *call, int argc, char **argv, bool *ret_help)
{
    int names = count_names(call->command);
    bool words_only = false;

    for (int at = 0; at < argc; at++) {
        bool option = argv[at][0] == '-' && argv[at][1] && !words_only;
        if (call->command->keep_rest && call->argument_count >= names &&
            (!option || split_word(call->command, argv[at]).option == -1)) {
            call->rest[call->rest_count++] = argv[at];
            continue;
        }
        if (option && strcmp(argv[at], "--") == 0) {
            words_only = true;
        } else if (option) {
            int rc = take_option(call, argc, argv, &at, ret_help);
            if (rc || *ret_help)
                return rc;
        } else if (call->argument_count >= names) {
            return command_usage(call->command, "Got unexpected extra argument (%s)",
                                 argv[at]);
        } else {
            call->arguments[call->argument_count++] = argv[at];
        }
    }
    if (call->argument_count < names &&
        call->command->arguments[call->argument_count][0] != '[')
        return command_usage(call->command, "Missing argument '%s'.",
                             call->command->arguments[call->argument_count]);
    return apply_environment(call);
}

static const struct command *find_command(const char *name)
{
    for (const struct command *const *c = commands; *c; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

static int dispatch(struct call *call, int argc, char **argv)
{
    bool help = false;

    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        group_help();
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("bentoml, version %s\n", command_version());
        return 0;
    }
    if (strcmp(argv[1], "help") == 0) {
        const struct command *c = argc > 2 ? find_command(argv[2]) : NULL;
        if (argc > 2 && !c)
            return command_usage(NULL, "No such command '%s'.", argv[2]);
        if (c)
            command_help(c);
        else
            group_help();
        return 0;
    }
    if (argv[1][0] == '-')
        return command_usage(NULL, "No such option: %s", argv[1]);
    call->command = find_command(argv[1]);
    if (!call->command)
        return command_usage(NULL, "No such command '%s'.", argv[1]);
    int rc = parse(call, argc - 2, argv + 2, &help);
    if (rc)
        return rc;
    if (help) {
        command_help(call->command);
        return 0;
    }
    return call->command->run(call);
}

int command_main(int argc, char **argv)
{
    struct call call = {
        .rest = argv
    }; /* collected in place: never ahead of what was read */
    int status = dispatch(&call, argc, argv);

    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    (void)fprintf(stderr, "Error: cannot write to standard output%s%s\n",
                  errno ? ": " : "", errno ? strerror(errno) : "");
    return status ? status : 1;
}
