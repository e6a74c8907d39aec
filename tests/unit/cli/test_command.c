/* cli/command: every kind of option in every spelling, wrong usage (status 2, usage and
 * hint on stderr), help. */
#include <stdio_ext.h>

#include "capture.h"

static const struct option probe_options[] = {
    { .name = "flag", .kind = OPTION_FLAG, .env = "PROBE_FLAG", .help = "A flag" },
    { .name = "no-flag", .kind = OPTION_OFF, .pair = "flag", .help = "" },
    { .name = "text",
      .shorts = "-t",
      .kind = OPTION_TEXT,
      .metavar = "WORD",
      .help =
          "A text whose description is so long that it has to go on in a second line" },
    { .name = "number",
      .shorts = "-n, --count",
      .kind = OPTION_INTEGER,
      .env = "PROBE_NUMBER",
      .help = "A number",
      .min = -5,
      .max = 50 },
    { .name = "numbers", .kind = OPTION_INTEGER, .max = 1 },
    { .name = "choice",
      .kind = OPTION_CHOICE,
      .choices = "json|yaml|a-very-wide-table",
      .env = "PROBE_CHOICE",
      .help = "A choice" },
    { .name = "secret", .kind = OPTION_FLAG, .help = "Hidden", .hidden = true },
    { .name = NULL },
};

static int run_probe(const struct call *call)
{
    static const char *const names[] = { "flag",   "no-flag", "text",   "number",
                                         "choice", "secret",  "numbers" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (call_text(call, names[i]))
            printf("%s=%s ", names[i], call_text(call, names[i]));
    for (int i = 0; i < call->argument_count; i++)
        printf("[%s]", call->arguments[i]);
    for (int i = 0; i < call->rest_count; i++)
        printf("(%s)", call->rest[i]);
    printf("%s%s\n", call->quiet ? " quiet" : "", call->verbose ? " verbose" : "");
    command_note(call, "note %d", 1);
    return 0;
}

static int run_ask(const struct call *call)
{
    printf("%d %d %d ", call_flag(call, "flag", false), call_flag(call, "flag", true),
           call_flag(call, "none", true));
    printf("%lld %lld %s\n", (long long)call_number(call, "number", 7),
           (long long)call_number(call, "none", 8),
           call_text(call, "none") ? "?" : "NULL");
    return 0;
}

static int run_fail(const struct call *call)
{
    struct bento_error err = BENTO_ERROR_INIT;

    (void)bento_fail(&err, BENTO_ENOTFOUND, "no '%s'", call->arguments[0]);
    if (strcmp(call->arguments[0], "hint") == 0)
        (void)bento_hint(&err, "look elsewhere");
    return command_fail(call, &err);
}

static const char *const two[] = { "ONE", "[TWO]", NULL };
static const char *const one[] = { "ONE", NULL };

static const struct command probe = { .name = "probe",
                                      .usage = "[OPTIONS] ONE [TWO]",
                                      .summary = "Probe",
                                      .help = "What it does.\n\n  A second paragraph.",
                                      .arguments = two,
                                      .options = probe_options,
                                      .run = run_probe };
static const struct command ask = {
    .name = "ask", .usage = "", .summary = "Ask", .options = probe_options, .run = run_ask
};
static const struct command fails = {
    .name = "fail", .usage = "ONE", .summary = "Fail", .arguments = one, .run = run_fail
};
static const struct command rest = { .name = "rest",
                                     .usage = "ONE [ARGS]...",
                                     .summary = "Rest",
                                     .arguments = one,
                                     .options = probe_options,
                                     .keep_rest = true,
                                     .run = run_probe };

const struct command *const commands[] = { &ask, &fails, &probe, &rest, NULL };

#define USAGE \
    "Usage: bentoml probe [OPTIONS] ONE [TWO]\nTry 'bentoml probe --help' for help.\n\nError: "
#define GROUP_USAGE \
    "Usage: bentoml [OPTIONS] COMMAND [ARGS]...\nTry 'bentoml --help' for help.\n\nError: "
#define NOTE "note 1\n"

TEST(values)
{
    CHECK_LINE("probe a", 0, "[a]\n", NOTE);
    CHECK_LINE("probe a b --flag", 0, "flag=1 [a][b]\n", NOTE);
    CHECK_LINE("probe --text x a", 0, "text=x [a]\n", NOTE);
    CHECK_LINE("probe --text=x=y a", 0, "text=x=y [a]\n", NOTE);
    CHECK_LINE("probe --text= a", 0, "text= [a]\n", NOTE);
    CHECK_LINE("probe -t x a", 0, "text=x [a]\n", NOTE);
    CHECK_LINE("probe -tx a", 0, "text=x [a]\n", NOTE);
    CHECK_LINE("probe --text --flag a", 0, "text=--flag [a]\n", NOTE);
    CHECK_LINE("probe --text x a --text y", 0, "text=y [a]\n",
               NOTE); /* the last one counts */
    CHECK_LINE("probe a -n 50", 0, "number=50 [a]\n", NOTE);
    CHECK_LINE("probe a -n50", 0, "number=50 [a]\n", NOTE);
    CHECK_LINE("probe a -n -5", 0, "number=-5 [a]\n", NOTE);
    CHECK_LINE("probe a --count=7", 0, "number=7 [a]\n", NOTE);
    CHECK_LINE("probe a --choice yaml", 0, "choice=yaml [a]\n", NOTE);
    CHECK_LINE("probe a --secret", 0, "secret=1 [a]\n", NOTE);
    CHECK_LINE("probe a --flag --no-flag", 0, "flag=0 no-flag=1 [a]\n", NOTE);
    CHECK_LINE("probe a --no-flag --flag", 0, "flag=1 no-flag=1 [a]\n", NOTE);
}

TEST(words)
{
    CHECK_LINE("probe -- --flag -n", 0, "[--flag][-n]\n", NOTE);
    CHECK_LINE("probe - ''", 0, "[-][]\n", NOTE);
    CHECK_LINE("probe -q a", 0, "[a] quiet\n", "");
    CHECK_LINE("probe a --quiet --verbose", 0, "[a] quiet verbose\n", "");
    CHECK_LINE("probe a --debug --do-not-track", 0, "[a] verbose\n", NOTE);
}

TEST(getters)
{
    CHECK_LINE("ask", 0, "0 1 1 7 8 NULL\n", "");
    CHECK_LINE("ask --flag -n 9", 0, "1 1 1 9 8 NULL\n", "");
    CHECK_LINE("ask --no-flag", 0, "0 0 1 7 8 NULL\n", "");
}

TEST(wrong_usage)
{
    CHECK_LINE("probe", 2, "", USAGE "Missing argument 'ONE'.\n");
    CHECK_LINE("probe a b c", 2, "", USAGE "Got unexpected extra argument (c)\n");
    CHECK_LINE("probe a --text", 2, "", USAGE "Option '--text' requires an argument.\n");
    CHECK_LINE("probe a -t", 2, "", USAGE "Option '--text' requires an argument.\n");
    CHECK_LINE("probe a --flag=1", 2, "",
               USAGE "Option '--flag' does not take a value.\n");
    CHECK_LINE("probe a --no-flag=", 2, "",
               USAGE "Option '--no-flag' does not take a value.\n");
    CHECK_LINE("probe a --quiet=1", 2, "",
               USAGE "Option '--quiet' does not take a value.\n");
    CHECK_LINE("probe a --help=1", 2, "",
               USAGE "Option '--help' does not take a value.\n");
    CHECK_LINE(
        "probe a --choice xml", 2, "",
        USAGE
        "Invalid value for '--choice': 'xml' is not one of 'json|yaml|a-very-wide-table'.\n");
    CHECK_LINE(
        "probe a --choice=", 2, "",
        USAGE
        "Invalid value for '--choice': '' is not one of 'json|yaml|a-very-wide-table'.\n");
    CHECK_LINE("probe a -n 51", 2, "",
               USAGE "Invalid value for '--number': 51 is not in the range -5 to 50.\n");
    CHECK_LINE("probe a -n -6", 2, "",
               USAGE "Invalid value for '--number': -6 is not in the range -5 to 50.\n");
    CHECK_LINE("probe a -n 1x", 2, "",
               USAGE "Invalid value for '--number': '1x' is not a valid integer.\n");
    CHECK_LINE(
        "probe a -n 99999999999999999999", 2, "",
        USAGE
        "Invalid value for '--number': '99999999999999999999' is not a valid integer.\n");
    CHECK_LINE("probe a --number=", 2, "",
               USAGE "Invalid value for '--number': '' is not a valid integer.\n");
}

TEST(unknown_options)
{
    CHECK_LINE("probe a --zzz", 2, "", USAGE "No such option: --zzz\n");
    CHECK_LINE("probe a --zzz=5", 2, "", USAGE "No such option: --zzz\n");
    CHECK_LINE("probe a -z", 2, "", USAGE "No such option: -z\n");
    CHECK_LINE("probe a -qx", 2, "", USAGE "No such option: -qx\n");
    CHECK_LINE("probe a --flog", 2, "",
               USAGE "No such option: --flog Did you mean --flag?\n");
    CHECK_LINE("probe a --secre", 2, "",
               USAGE "No such option: --secre\n"); /* it is hidden */
    CHECK_LINE("probe a --quite", 2, "",
               USAGE "No such option: --quite Did you mean --quiet?\n");
    /* the nearest, not the last within reach */
    CHECK_LINE("probe a --numbe", 2, "",
               USAGE "No such option: --numbe Did you mean --number?\n");
    /* no abbreviations, as with click; but what was meant is said */
    CHECK_LINE("probe a --ch json", 2, "",
               USAGE "No such option: --ch Did you mean --choice?\n");
    CHECK_LINE(
        "probe a --"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        2, "",
        USAGE "No such option: --"
              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n");
}

TEST(environment)
{
    static const char *const on[] = { "true", "True", "1", "yes", "Y", "t", "on" };
    static const char *const off[] = { "false", "0", "NO", "n", "f", "off" };

    (void)setenv("PROBE_NUMBER", "12", 1);
    (void)setenv("PROBE_CHOICE", "", 1); /* as if it were not set */
    CHECK_LINE("probe a", 0, "number=12 [a]\n", NOTE);
    CHECK_LINE("probe a -n 3", 0, "number=3 [a]\n", NOTE);
    (void)setenv("PROBE_NUMBER", "1000", 1);
    CHECK_LINE("probe a", 2, "",
               USAGE
               "Invalid value for '--number': 1000 is not in the range -5 to 50.\n");
    (void)unsetenv("PROBE_NUMBER");
    (void)setenv("PROBE_CHOICE", "xml", 1);
    CHECK_INT(bentoml("probe a"), 2);
    CHECK_LINE("probe a --choice json", 0, "choice=json [a]\n", NOTE);
    (void)unsetenv("PROBE_CHOICE");
    for (size_t i = 0; i < sizeof on / sizeof on[0]; i++) {
        (void)setenv("PROBE_FLAG", on[i], 1);
        CHECK_LINE("probe a", 0, "flag=1 [a]\n", NOTE);
    }
    CHECK_LINE("probe a --no-flag", 0, "flag=0 no-flag=1 [a]\n", NOTE);
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++) {
        (void)setenv("PROBE_FLAG", off[i], 1);
        CHECK_LINE("probe a", 0, "flag=0 [a]\n", NOTE);
    }
    CHECK_LINE("probe a --flag", 0, "flag=1 [a]\n", NOTE);
    (void)setenv("PROBE_FLAG", "perhaps", 1);
    CHECK_LINE("probe a", 2, "",
               USAGE "Invalid value for '--flag': 'perhaps' is not a valid boolean.\n");
    (void)unsetenv("PROBE_FLAG");
}

TEST(the_rest_is_the_commands)
{
    CHECK_LINE("rest a b --other -x 5", 0, "[a](b)(--other)(-x)(5)\n", NOTE);
    CHECK_LINE("rest --text x a b", 0, "text=x [a](b)\n", NOTE);
    CHECK_LINE("rest a b --text x c", 0, "text=x [a](b)(c)\n", NOTE);
    CHECK_LINE("rest a b --text=x c", 0, "text=x [a](b)(c)\n", NOTE);
    CHECK_LINE("rest a --other=x -q", 0, "[a](--other=x) quiet\n", "");
    CHECK_LINE("rest a -- b", 0, "[a](--)(b)\n", NOTE);
    CHECK_LINE(
        "rest --other a", 2, "",
        "Usage: bentoml rest ONE [ARGS]...\nTry 'bentoml rest --help' for help.\n\nError: "
        "No such option: --other\n");
    CHECK_INT(bentoml("rest a b --help"), 0);
    CHECK(strncmp(out_text, "Usage: bentoml rest ", 20) == 0);
}

static const char probe_help[] =
    "Usage: bentoml probe [OPTIONS] ONE [TWO]\n\n  What it does.\n\n  A second paragraph.\n\nOptions:\n"
    "  --flag              A flag\n"
    "  --no-flag\n"
    "  -t, --text WORD     A text whose description is so long that it has to go on\n"
    "                      in a second line\n"
    "  -n, --count, --number INTEGER\n"
    "                      A number\n"
    "  --numbers INTEGER\n"
    "  --choice [json|yaml|a-very-wide-table]\n"
    "                      A choice\n"
    "  --do-not-track      Do not track usage (nothing is ever sent).\n"
    "  -q, --quiet         Hide process logs and only print results\n"
    "  --verbose, --debug  Show additional details when running command\n"
    "  --help              Show this message and exit.\n";

static const char group_help[] =
    "Usage: bentoml [OPTIONS] COMMAND [ARGS]...\n\n  BentoML CLI tool\n\nOptions:\n"
    "  --version  Show the version and exit.\n  --help     Show this message and exit.\n\n"
    "Commands:\n  ask               Ask\n  fail              Fail\n  probe             Probe\n"
    "  rest              Rest\n";

TEST(help)
{
    CHECK_LINE("probe --help", 0, probe_help, "");
    CHECK_LINE("probe a b c --help", 2, "", USAGE "Got unexpected extra argument (c)\n");
    CHECK_LINE("probe --help --zzz", 0, probe_help, "");
    CHECK_LINE("help probe", 0, probe_help, "");
    CHECK_LINE("", 0, group_help, "");
    CHECK_LINE("--help", 0, group_help, "");
    CHECK_LINE("help", 0, group_help, "");
}

TEST(group)
{
    CHECK_LINE("nothing", 2, "", GROUP_USAGE "No such command 'nothing'.\n");
    CHECK_LINE("help nothing", 2, "", GROUP_USAGE "No such command 'nothing'.\n");
    CHECK_LINE("--nothing", 2, "", GROUP_USAGE "No such option: --nothing\n");
    CHECK_INT(bentoml("--version"), 0);
    CHECK(strncmp(out_text, "bentoml, version 2.", 19) == 0);
    CHECK_INT(bentoml("version"), 0);
    CHECK(strncmp(out_text, "bentoml, version 2.", 19) == 0);
}

TEST(failures)
{
    CHECK_LINE("fail it", 1, "", "Error: bentoml-cli fail failed: no 'it'\n");
    CHECK_LINE("fail hint", 1, "",
               "Error: bentoml-cli fail failed: no 'hint'\nhint: look elsewhere\n");
}

static bool fail_before; /* and nothing is left to write at the end */

/* A line with the standard output on a device that is always full. */
static int run_full(void *arg)
{
    static char first[] = "bentoml";
    char *argv[8] = { first };
    int full = open("/dev/full", O_WRONLY);
    int n = 1;

    for (char *word = strtok(arg, " "); word && n < 7; word = strtok(NULL, " "))
        argv[n++] = word;
    CHECK(full >= 0 && dup2(full, STDOUT_FILENO) == STDOUT_FILENO);
    if (fail_before) {
        CHECK(putchar('x') == 'x' && fflush(stdout) != 0);
        __fpurge(stdout);
    }
    int status = command_main(n, argv);
    __fpurge(stdout);
    clearerr(stdout);
    (void)close(full);
    return status;
}

TEST(output_that_cannot_be_written)
{
    static const char want[] =
        "Error: cannot write to standard output: No space left on device\n";
    static const char *const lines[] = { "probe -q x", "probe --help", "--version",
                                         "help" };
    static char line[20000]; /* more than stdio holds back */

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        (void)snprintf(line, sizeof line, "%s", lines[i]);
        CHECK_INT(capture(run_full, line), 1);
        CHECK_STR(err_text, want);
    }
    memset(line, 'x', sizeof line - 1);
    memcpy(line, "probe -q ", 9);
    CHECK_INT(capture(run_full, line), 1);
    CHECK(strncmp(err_text, want, strlen(want) - 26) == 0);
    (void)snprintf(line, sizeof line, "prob");
    CHECK_INT(capture(run_full, line), 2); /* that wrote nothing there */
    CHECK(strstr(err_text, "standard output") == NULL);
    fail_before = true;
    (void)snprintf(line, sizeof line, "fail it");
    CHECK_INT(capture(run_full, line), 1);
    CHECK_STR(err_text, "Error: bentoml-cli fail failed: no 'it'\n"
                        "Error: cannot write to standard output\n");
    fail_before = false;
    CHECK_LINE("probe -q x", 0, "[x] quiet\n", "");
}

int main(void)
{
    RUN(values);
    RUN(words);
    RUN(getters);
    RUN(wrong_usage);
    RUN(unknown_options);
    RUN(environment);
    RUN(the_rest_is_the_commands);
    RUN(help);
    RUN(group);
    RUN(failures);
    RUN(output_that_cannot_be_written);
    return check_report();
}
