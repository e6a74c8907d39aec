/* `bentoml delete`: take bundles out of the repository. */
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "bento/store.h"
#include "cli/command.h"

#define TARGETS_MAX 100000

static const struct option options[] = {
    { .name = "all", .kind = OPTION_FLAG, .help = "Target all BentoServices" },
    { .name = "labels",
      .kind = OPTION_TEXT,
      .help = "Label query to filter BentoServices" },
    { .name = "yes",
      .shorts = "-y, --assume-yes",
      .kind = OPTION_FLAG,
      .help = "Skip confirmation when deleting a specific bento bundle" },
    { .name = NULL },
};

/* Tags to delete, NUL-separated "name\0version\0". */
struct targets {
    struct bento_buf tags;
    size_t count;
};

static bento_rc collect(void *arg, const struct bento_record *record)
{
    struct targets *targets = arg;

    if (targets->count++ >= TARGETS_MAX)
        return BENTO_ETOOLARGE;
    bento_buf_add(&targets->tags, record->name, strlen(record->name) + 1);
    bento_buf_add(&targets->tags, record->version, strlen(record->version) + 1);
    return targets->tags.rc;
}

static bool is_name(struct bento_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return s.n > 0;
}

/* One element of the comma list. */
static bento_rc add_target(struct bento_store *store,
                           const struct call *call,
                           struct bento_str target,
                           struct targets *to,
                           struct bento_error *err)
{
    struct bento_query query = BENTO_QUERY_INIT;
    char text[700];
    char *version = NULL;

    (void)snprintf(text, sizeof text, "%.*s", BENTO_STR_ARG(target));
    version = strchr(text, ':');
    if (version) {
        *version++ = '\0';
        command_note(call, "Deleting saved Bento bundle %s:%s", text, version);
        return bento_store_get(store, text, version, collect, to, err);
    }
    size_t before = to->count;
    query.name = text;
    query.labels = call_text(call, "labels");
    bento_rc rc = bento_store_list(store, &query, collect, to, err);
    if (rc == BENTO_OK && to->count == before)
        return bento_fail(err, BENTO_ENOTFOUND, "no saved bundle of '%s' matches", text);
    return rc;
}

static bento_rc find_targets(struct bento_store *store,
                             const struct call *call,
                             struct targets *to,
                             struct bento_error *err)
{
    struct bento_query query = BENTO_QUERY_INIT;
    struct bento_str rest =
        bento_str_of(call->argument_count ? call->arguments[0] : NULL);
    struct bento_str part;
    bento_rc rc = BENTO_OK;

    if (!rest.p) {
        query.labels = call_text(call, "labels");
        return bento_store_list(store, &query, collect, to, err);
    }
    while (rc == BENTO_OK && bento_str_next(&rest, ',', &part))
        rc = add_target(store, call, bento_str_trim(part), to, err);
    return rc;
}

static bool confirmed(const char *name, const char *version)
{
    char line[16];

    if (!isatty(STDIN_FILENO)) {
        (void)fprintf(
            stderr,
            "Permanently delete %s:%s? [y/N]: Aborted! (give -y to delete without asking)\n",
            name, version);
        return false;
    }
    (void)fprintf(stderr, "Permanently delete %s:%s? [y/N]: ", name, version);
    return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

/* Whether an earlier target is the one at `tag`: lists may name a bundle twice. */
static bool named_before(const struct targets *targets, const char *tag)
{
    size_t n = strlen(tag) + 1;

    n += strlen(tag + n) + 1;
    for (const char *at = targets->tags.p; at < tag;) {
        size_t size = strlen(at) + 1;
        size += strlen(at + size) + 1;
        if (size == n && memcmp(at, tag, n) == 0)
            return true;
        at += size;
    }
    return false;
}

static int delete_all(struct bento_store *store,
                      const struct call *call,
                      const struct targets *targets)
{
    const char *at = targets->tags.p;
    int status = 0;

    for (size_t i = 0; i < targets->count; i++) {
        struct bento_error err = BENTO_ERROR_INIT;
        const char *name = at;
        const char *version = name + strlen(name) + 1;
        at = version + strlen(version) + 1;
        if (!call_flag(call, "yes", false) && !confirmed(name, version))
            return 1;
        bento_rc rc = bento_store_delete(store, name, version, &err);
        if (rc == BENTO_OK)
            command_note(call, "Deleted %s:%s", name, version);
        else if (rc != BENTO_ENOTFOUND || !named_before(targets, name))
            status = command_fail(call, &err);
    }
    return status;
}

static int run_delete(const struct call *call)
{
    struct bento_error err = BENTO_ERROR_INIT;
    struct bento_store *store = NULL;
    struct targets targets = { .count = 0 };
    const char *list = call->argument_count ? call->arguments[0] : NULL;
    struct bento_str rest = bento_str_of(list);
    struct bento_str part;

    if (list && call_flag(call, "all", false))
        return command_usage(call->command, "--all takes no targets");
    if (!list && !call_flag(call, "all", false) && !call_text(call, "labels"))
        return command_usage(
            call->command,
            "Missing argument 'DELETE_TARGETS': name, name:version, a comma list of them, --labels or --all");
    if (call_text(call, "labels") &&
        !bento_str_trim(bento_str_of(call_text(call, "labels"))).n)
        return command_usage(
            call->command,
            "--labels is empty, which would select every bundle: say --all for that");
    while (list && bento_str_next(&rest, ',', &part)) {
        struct bento_str name;
        struct bento_str tag = bento_str_trim(part);
        (void)bento_str_next(&tag, ':', &name);
        if (!is_name(name) || (tag.p && !tag.n))
            return command_usage(call->command, "'%.*s' is neither name nor name:version",
                                 BENTO_STR_ARG(part));
    }
    bento_buf_init(&targets.tags, 256u << 20);
    bento_rc rc = bento_store_open(NULL, false, &store, &err);
    if (rc == BENTO_OK)
        rc = find_targets(store, call, &targets, &err);
    int status =
        rc == BENTO_OK ? delete_all(store, call, &targets) : command_fail(call, &err);
    bento_store_close(store);
    bento_buf_release(&targets.tags);
    return status;
}

static const char *const arguments[] = { "[DELETE_TARGETS]", NULL };

const struct command command_delete = {
    .name = "delete",
    .usage = "[OPTIONS] [DELETE_TARGETS]",
    .summary = "Delete bento bundles in target YataiService.",
    .help =
        "Delete saved bundles.\n\n  Targets are name:version, a name (all its versions), or a comma list of both. --labels and --all select without naming.",
    .arguments = arguments,
    .options = options,
    .run = run_delete,
};
