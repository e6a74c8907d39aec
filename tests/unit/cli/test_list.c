/* cli/list: `list` and `get` over a repository: order, limits, labels, formats, errors.
 */
#include "home.h"

extern const struct command command_list;
extern const struct command command_get;

const struct command *const commands[] = { &command_get, &command_list, NULL };

/* The first column of what was printed, but for the head: "A:1 B:2". */
static const char *tags(void)
{
    static char text[4096];
    const char *line = strchr(out_text, '\n');
    size_t at = 0;

    text[0] = '\0';
    while (line && line[1]) {
        int n = (int)strcspn(line + 1, " \n");
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%.*s", at ? " " : "", n,
                               line + 1);
        line = strchr(line + 1, '\n');
    }
    return text;
}

#define CHECK_TAGS(line, want)       \
    do {                             \
        CHECK_INT(bentoml(line), 0); \
        CHECK_STR(tags(), want);     \
    } while (0)

TEST(empty)
{
    CHECK_LINE("list", 0, "BENTO_SERVICE  AGE  APIS  ARTIFACTS  LABELS\n", "");
    CHECK_LINE("list -o json", 0, "", "");
    CHECK_INT(bentoml("get A:1"), 1);
    CHECK_STR(out_text, "");
    CHECK(strstr(err_text, "Error: bentoml-cli get failed: ") == err_text);
}

TEST(list)
{
    home_save("B", "1", "{\"stage\": \"test\"}");
    home_save("A", "1", NULL);
    home_save("A", "2", "{\"stage\": \"prod\"}");
    CHECK_TAGS("list", "A:2 A:1 B:1"); /* newest first */
    CHECK_TAGS("list --ascending-order", "B:1 A:1 A:2");
    CHECK_TAGS("list --limit 1", "A:2");
    CHECK_TAGS("list --limit 1 --offset 1", "A:1");
    CHECK_TAGS("list --limit=0", "A:2 A:1 B:1"); /* as if it was not given */
    CHECK_TAGS("list --offset 5", "");
    CHECK_TAGS("list --labels stage=test", "B:1");
    CHECK_TAGS("list --order-by created_at --output wide", "A:2 A:1 B:1");
    CHECK(strstr(out_text, "CREATED_AT") && strstr(out_text, "/repository/A/2\n"));
    CHECK_INT(bentoml("list --order-by name --ascending-order"), 0);
    CHECK(strcmp(tags(), "A:1 A:2 B:1") == 0 || strcmp(tags(), "A:2 A:1 B:1") == 0);
    CHECK_INT(bentoml("list --labels a===b"), 1);
    CHECK(strstr(err_text, "Error: bentoml-cli list failed: ") == err_text);
    CHECK_INT(bentoml("list --order-by size"), 2);
    CHECK_INT(bentoml("list --limit -1"), 2);
    CHECK_INT(bentoml("list --offset x"), 2);
    CHECK_INT(bentoml("list A"), 2);
}

TEST(forty_by_default)
{
    char name[16];

    for (int i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof name, "N%d", i);
        home_save(name, "1", NULL);
    }
    CHECK_INT(bentoml("list"), 0);
    CHECK(strstr(tags(), "N0:1") != NULL && strstr(tags(), "A:2") == NULL);
    CHECK_INT(bentoml("list --limit 41"), 0);
    CHECK(strstr(tags(), "A:2") != NULL);
}

TEST(get)
{
    char want[2200];

    CHECK_TAGS("get A", "A:2 A:1");
    CHECK_TAGS("get A --limit 1", "A:2");
    CHECK_TAGS("get A --ascending-order", "A:1 A:2");
    CHECK_TAGS("get A --labels stage=prod", "A:2");
    CHECK_TAGS("get Nothing", "");
    (void)snprintf(want, sizeof want, "%s/repository/A/2\n", home);
    CHECK_LINE("get A:latest --print-location", 0, want, "");
    CHECK_INT(bentoml("get A:1"), 0);
    CHECK(strstr(out_text, "\"version\": \"1\"") != NULL);
    CHECK_INT(bentoml("get A:1 -o table"), 0); /* one bundle is a document, as in 0.13 */
    CHECK(out_text[0] == '{');
    CHECK_INT(bentoml("get A:1 -o yaml"), 0);
    CHECK(strncmp(out_text, "name: A\nversion: ", 17) == 0);
    CHECK_INT(bentoml("get A:3"), 1);
    CHECK_INT(bentoml("get A:"), 1);
    CHECK_INT(bentoml("get"), 2);
    CHECK_INT(bentoml("get A:1 -o xml"), 2);
}

int main(void)
{
    if (!home_make())
        return 1;
    RUN(empty);
    RUN(list);
    RUN(forty_by_default);
    RUN(get);
    (void)bento_fs_remove_tree(home, NULL);
    return check_report();
}
