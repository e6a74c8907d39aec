/* cli/delete: what is meant by targets, --labels and --all; nothing goes without -y;
 * every misuse leaves everything in place. */
#include "home.h"

extern const struct command command_delete;

const struct command *const commands[] = { &command_delete, NULL };

/* A:1 A:2 B:1 C:1, the last two with a label. */
static void fill(void)
{
    (void)bento_fs_remove_tree(home, NULL);
    home_save("A", "1", NULL);
    home_save("A", "2", NULL);
    home_save("B", "1", "{\"stage\": \"test\"}");
    home_save("C", "1", "{\"stage\": \"test\"}");
}

static const char *left(void)
{
    static const char *const all[] = { "A:1", "A:2", "B:1", "C:1" };
    static char text[64];

    text[0] = '\0';
    for (int i = 0; i < 4; i++)
        if (home_has(all[i]))
            (void)strcat(strcat(text, *text ? " " : ""), all[i]);
    return text;
}

#define CHECK_LEFT(line, status, want)    \
    do {                                  \
        fill();                           \
        CHECK_INT(bentoml(line), status); \
        CHECK_STR(left(), want);          \
        CHECK_STR(out_text, "");          \
    } while (0)

TEST(targets)
{
    CHECK_LEFT("delete A:1 -y", 0, "A:2 B:1 C:1");
    CHECK_STR(err_text, "Deleting saved Bento bundle A:1\nDeleted A:1\n");
    CHECK_LEFT("delete A:latest --yes", 0, "A:1 B:1 C:1");
    CHECK_LEFT("delete A --assume-yes", 0, "B:1 C:1");
    CHECK_LEFT("delete A:1,C -y", 0, "A:2 B:1");
    CHECK_LEFT("delete B,C --labels stage=test -y", 0, "A:1 A:2");
    CHECK_LEFT("delete --labels stage=test -y", 0, "A:1 A:2");
    CHECK_LEFT("delete --labels stage=none -y", 0, "A:1 A:2 B:1 C:1");
    CHECK_LEFT("delete --all -y", 0, "");
    CHECK_LEFT("delete --all --labels stage=test -y", 0, "A:1 A:2");
    CHECK_LEFT("delete A:1 -y -q", 0, "A:2 B:1 C:1");
    CHECK_STR(err_text, "");
}

/* What is named twice is deleted once. */
TEST(overlapping_targets)
{
    CHECK_LEFT("delete A:1,A:1 -y", 0, "A:2 B:1 C:1");
    CHECK_LEFT("delete A,A:2 -y", 0, "B:1 C:1");
}

TEST(all_or_nothing)
{
    CHECK_LEFT("delete A:1,Nothing -y", 1, "A:1 A:2 B:1 C:1");
    CHECK(strstr(err_text, "no saved bundle of 'Nothing' matches") != NULL);
    CHECK_LEFT("delete A:1,A:9 -y", 1, "A:1 A:2 B:1 C:1");
    CHECK_LEFT("delete A,B --labels stage=test -y", 1, "A:1 A:2 B:1 C:1");
    CHECK_LEFT("delete --labels a===b -y", 1, "A:1 A:2 B:1 C:1");
}

/* Standard input is no terminal here. */
TEST(not_without_being_told)
{
    CHECK_LEFT("delete A:1", 1, "A:1 A:2 B:1 C:1");
    CHECK_STR(err_text,
              "Deleting saved Bento bundle A:1\nPermanently delete A:1? [y/N]: Aborted! "
              "(give -y to delete without asking)\n");
    CHECK_LEFT("delete --all", 1, "A:1 A:2 B:1 C:1");
}

TEST(wrong_usage)
{
    static const char *const lines[] = {
        "delete",        "delete -y",      "delete A --all -y", "delete A:  -y",
        "delete :1 -y",  "delete A,,B -y", "delete A, -y",      "delete ../A -y",
        "delete A/1 -y", "delete '' -y",   "delete A:1 B:1 -y", "delete A-B:1 -y",
    };

    fill();
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        int status = bentoml(lines[i]);
        check_done++;
        if (status != 2)
            CHECK_FAIL_("'%s' gives %d", lines[i], status);
        CHECK(strstr(err_text, "Usage: bentoml delete ") == err_text);
    }
    CHECK_STR(left(), "A:1 A:2 B:1 C:1");
}

int main(void)
{
    int null = open("/dev/null", O_RDONLY);

    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || !home_make())
        return 1;
    RUN(targets);
    RUN(overlapping_targets);
    RUN(all_or_nothing);
    RUN(not_without_being_told);
    RUN(wrong_usage);
    (void)bento_fs_remove_tree(home, NULL);
    return check_report();
}
