/* store/selector: 0.13's label selectors, what holds, what is malformed. */
#include "store/store.h"
#include "support/check.h"

static json_t *labels;

/* 1, 0, or -1: malformed. */
static int holds(const char *selector, struct bento_error *err)
{
    bool yes = false;
    bento_rc rc = selector_match(selector, labels, &yes, err);

    if (rc == BENTO_OK)
        return yes;
    CHECK_INT(rc, BENTO_EINVAL);
    CHECK_INT(err->code, BENTO_EINVAL);
    return -1;
}

TEST(terms)
{
    static const struct {
        const char *selector;
        int want;
    } cases[] = {
        { NULL, 1 },
        { "", 1 },
        { " \t ", 1 },
        { "a=1", 1 },
        { " a = 1 ", 1 },
        { "a=2", 0 },
        { "a=11", 0 },
        { "A=1", 0 },
        { "aa=1", 0 },
        { "a!=1", 0 },
        { "a!=2", 1 },
        { "a != 2", 1 },
        { "z=1", 0 },
        { "z!=2", 0 }, /* what is absent differs from nothing */
        { "a=1, b=x", 1 },
        { "a=1,b=y", 0 },
        { "a=2,b=x", 0 },
        { "a In (1, 2)", 1 },
        { "a In(2,1)", 1 },
        { "a in (3)", 0 },
        { "a IN ( 1 )", 1 },
        { "a In (11)", 0 },
        { "a", 1 },
        { " a , b=x", 1 },
        { "z", 0 },
        { "number", 0 },
        { "empty", 1 },
        { "z=9, a", 0 },
        { "a   In   (1)", 1 },
        { "a NotIn (1)", 0 },
        { "a notin (2, 3)", 1 },
        { "z In (1)", 0 },
        { "z NotIn (1)", 0 },
        { "a Exists", 1 },
        { "a exists", 1 },
        { "z Exists", 0 },
        { "z DoesNotExist", 1 },
        { "a DoesNotExist", 0 },
        { "a In (1, 2), b NotIn (y, z), z DoesNotExist, b=x", 1 },
        { "a In (1, 2), b In (y, z)", 0 },
        { "text=\xc3\xa9", 1 },
        { "number=1", 0 }, /* labels are text; another value is none */
        { "number Exists", 0 },
        { "empty Exists", 1 },
    };
    struct bento_error err = BENTO_ERROR_INIT;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int got = holds(cases[i].selector, &err);
        check_done++;
        if (got != cases[i].want)
            CHECK_FAIL_("'%s' gives %d, wanted %d", cases[i].selector, got,
                        cases[i].want);
    }
}

TEST(malformed)
{
    static const char *const cases[] = {
        "a===b",        "a=b=c",      "a=",     "=1",      "!=1",      "a In 1",
        "a In (1",      "a In 1)",    "a In",   "a NotIn", "a Maybe",  "a Maybe (1)",
        "a In ()",      ",",          "a=1,",   ",a=1",    "a=1,,b=x", "a Exists b",
        "a Exists (1)", "a In (1) b", "In (1)", "NotIn",   "a (1)",    "a In )(",
        "a In ((1",
    };
    struct bento_error err = BENTO_ERROR_INIT;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int got = holds(cases[i], &err);
        check_done++;
        if (got != -1)
            CHECK_FAIL_("'%s' gives %d", cases[i], got);
    }
    CHECK_INT(holds("a=b=c", &err), -1);
    CHECK_STR(err.message, "Too many '=' operator in query a=b=c"); /* 0.13's words */
    bool yes;
    CHECK_INT(selector_match("=1", labels, &yes, NULL), BENTO_EINVAL);
    CHECK_INT(selector_match("z=9, =1", labels, &yes, NULL),
              BENTO_EINVAL); /* read whole */
}

TEST(no_labels)
{
    bool yes = false;

    CHECK_INT(selector_match("a=1", NULL, &yes, NULL), BENTO_OK);
    CHECK(!yes);
    CHECK_INT(selector_match("a DoesNotExist", NULL, &yes, NULL), BENTO_OK);
    CHECK(yes);
}

int main(void)
{
    labels =
        json_loads("{\"a\": \"1\", \"b\": \"x\", \"text\": \"\xc3\xa9\", \"number\": 1,"
                   " \"empty\": \"\"}",
                   0, NULL);
    RUN(terms);
    RUN(malformed);
    RUN(no_labels);
    json_decref(labels);
    return check_report();
}
