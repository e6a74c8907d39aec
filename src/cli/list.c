/* `bentoml list` and `bentoml get`: what is in the repository. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/render.h"

#define LIST_LIMIT 40 /* rows, unless --limit says otherwise */

struct show {
    const char *format; /* table, wide, json, yaml */
    struct table table;
    struct bento_error *err;
    bool location;
};

static const struct option list_options[] = {
    { .name = "limit",
      .kind = OPTION_INTEGER,
      .help = "Limit how many resources will be retrieved",
      .min = 0,
      .max = 1000000000 },
    { .name = "offset",
      .kind = OPTION_INTEGER,
      .help = "How many resources will be skipped",
      .min = 0,
      .max = 1000000000 },
    { .name = "labels",
      .kind = OPTION_TEXT,
      .help =
          "Label query to filter BentoServices, supports '=', '!=', 'IN', 'NotIn', 'Exists', and 'DoesNotExist'. (e.g. key1=value1, key2!=value2, key3 In (value3, value3a), key4 DoesNotExist)" },
    { .name = "order-by",
      .kind = OPTION_CHOICE,
      .choices = "created_at|name",
      .help = "What to sort by" },
    { .name = "ascending-order", .kind = OPTION_FLAG, .help = "" },
    { .name = "output",
      .shorts = "-o",
      .kind = OPTION_CHOICE,
      .choices = "json|yaml|table|wide",
      .help = "" },
    { .name = NULL },
};

static const struct option get_options[] = {
    { .name = "limit",
      .kind = OPTION_INTEGER,
      .help = "Limit how many resources will be retrieved",
      .min = 0,
      .max = 1000000000 },
    { .name = "ascending-order", .kind = OPTION_FLAG, .help = "" },
    { .name = "print-location",
      .kind = OPTION_FLAG,
      .help = "Only print the folder of the bundle" },
    { .name = "labels",
      .kind = OPTION_TEXT,
      .help =
          "Label query to filter BentoServices, supports '=', '!=', 'IN', 'NotIn', 'Exists', and 'DoesNotExist'. (e.g. key1=value1, key2!=value2, key3 In (value3, value3a), key4 DoesNotExist)" },
    { .name = "output",
      .shorts = "-o",
      .kind = OPTION_CHOICE,
      .choices = "json|yaml|table|wide",
      .help = "" },
    { .name = NULL },
};

static bool is_table(const char *format)
{
    return strcmp(format, "table") == 0 || strcmp(format, "wide") == 0;
}

static bento_rc show_record(void *arg, const struct bento_record *record)
{
    struct show *show = arg;

    if (show->location)
        return printf("%s\n", record->uri) < 0 ? BENTO_EIO : BENTO_OK;
    if (strcmp(show->format, "json") == 0)
        return render_json(record, show->err);
    if (strcmp(show->format, "yaml") == 0)
        return render_yaml(record, show->err);
    table_add(&show->table, record, strcmp(show->format, "wide") == 0);
    return BENTO_OK;
}

static int show_list(const struct call *call, const char *name)
{
    struct bento_error err = BENTO_ERROR_INIT;
    struct bento_query query = BENTO_QUERY_INIT;
    struct bento_store *store = NULL;
    const char *format = call_text(call, "output");
    const char *order = call_text(call, "order-by");
    struct show show = { .format = format ? format : "table", .err = &err };

    query.name = name;
    query.limit = call_number(call, "limit", 0);
    if (query.limit == 0) /* 0.13 took 0 for "not given" */
        query.limit = LIST_LIMIT;
    query.offset = call_number(call, "offset", 0);
    query.labels = call_text(call, "labels");
    query.ascending = call_flag(call, "ascending-order", false);
    query.brief = is_table(show.format);
    query.order =
        order && strcmp(order, "name") == 0 ? BENTO_ORDER_NAME : BENTO_ORDER_CREATED_AT;
    table_init(&show.table, strcmp(show.format, "wide") == 0);
    bento_rc rc = bento_store_open(NULL, true, &store, &err);
    if (rc == BENTO_OK)
        rc = bento_store_list(store, &query, show_record, &show, &err);
    if (rc == BENTO_OK && is_table(show.format))
        table_print(&show.table);
    table_release(&show.table);
    bento_store_close(store);
    return rc == BENTO_OK ? 0 : command_fail(call, &err);
}

static int run_list(const struct call *call)
{
    return show_list(call, NULL);
}

static int run_get(const struct call *call)
{
    struct bento_error err = BENTO_ERROR_INIT;
    struct bento_store *store = NULL;
    const char *bento = call->arguments[0];
    const char *colon = strchr(bento, ':');
    const char *format = call_text(call, "output");
    char name[512];

    if (!colon)
        return show_list(call, bento);
    struct show show = { .format =
                             format && strcmp(format, "yaml") == 0 ? "yaml" : "json",
                         .err = &err,
                         .location = call_flag(call, "print-location", false) };
    (void)snprintf(name, sizeof name, "%.*s", (int)(colon - bento), bento);
    bento_rc rc = bento_store_open(NULL, true, &store, &err);
    if (rc == BENTO_OK)
        rc = bento_store_get(store, name, colon + 1, show_record, &show, &err);
    bento_store_close(store);
    return rc == BENTO_OK ? 0 : command_fail(call, &err);
}

const struct command command_list = {
    .name = "list",
    .usage = "[OPTIONS]",
    .summary = "List BentoServices information",
    .options = list_options,
    .run = run_list,
};

static const char *const get_arguments[] = { "BENTO", NULL };

const struct command command_get = {
    .name = "get",
    .usage = "[OPTIONS] BENTO",
    .summary = "Get BentoService information",
    .arguments = get_arguments,
    .options = get_options,
    .run = run_get,
};
