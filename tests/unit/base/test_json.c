/* base/json: documents as Python writes them, and what is refused. */
#include "base/json.h"

#include "base/alloc.h"
#include "support/check.h"

static const char *written(const char *json, unsigned flags, struct bento_buf *to)
{
    struct bento_error err = BENTO_ERROR_INIT;
    json_t *value = bento_json_read(bento_str_of(json), &err);

    bento_buf_clear(to);
    if (!value)
        return bento_rc_name(err.code);
    bento_json_write(to, value, flags);
    json_decref(value);
    return bento_buf_z(to);
}

TEST(writing)
{
    static const struct {
        const char *json;
        unsigned flags;
        const char *want;
    } cases[] = {
        { "{\"b\":[1,-2.5,true,false,null],\"a\":{}}", 0,
          "{\n  \"b\": [\n    1,\n    -2.5,\n    true,\n    false,\n    null\n  ],\n"
          "  \"a\": {}\n}" },
        { "{\"b\":[1,-2.5,true],\"a\":[{}, []]}", BENTO_JSON_LINE,
          "{\"b\": [1, -2.5, true], \"a\": [{}, []]}" },
        { "[]", 0, "[]" },
        { "\"x\"", 0, "\"x\"" },
        { "1e0", 0, "1.0" },
        { "1e16", 0, "1e+16" },
        { "0.1", 0, "0.1" },
        { "-9223372036854775808", 0, "-9223372036854775808" },
        { "\"\\u0000\\u001f\\\"\\\\\\n\\u007f\"", 0,
          "\"\\u0000\\u001f\\\"\\\\\\n\\u007f\"" },
        { "\"\\u00e9\\u65e5\\ud83d\\ude00\"", 0,
          "\"\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80\"" },
        { "\"a\\\"\\u00e9\\n\\u65e5\\ud83d\\ude00z\"", BENTO_JSON_ASCII,
          "\"a\\\"\\u00e9\\n\\u65e5\\ud83d\\ude00z\"" },
        { "{\"\\u00e9\": 1}", BENTO_JSON_ASCII | BENTO_JSON_LINE, "{\"\\u00e9\": 1}" },
        { "{\"a\": 1, \"a\": 2}", BENTO_JSON_LINE, "{\"a\": 2}" }, /* as Python's */
    };
    struct bento_buf to;

    bento_buf_init(&to, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_STR(written(cases[i].json, cases[i].flags, &to), cases[i].want);
    bento_buf_release(&to);
}

TEST(refused)
{
    static const char *const cases[] = { "",
                                         "{",
                                         "[1,]",
                                         "{a: 1}",
                                         "[1] 2",
                                         "nul",
                                         "\"\xff\"",
                                         "\"\xc0\x80\"",
                                         "\"\xed\xa0\x80\"",
                                         "\"\\ud800\"",
                                         "01",
                                         "+1",
                                         "1e999",
                                         "9223372036854775808",
                                         "\"\x01\"",
                                         "{\"\\u0000\": 1}",
                                         "NaN" };
    struct bento_buf to;

    bento_buf_init(&to, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *got = written(cases[i], 0, &to);
        check_done++;
        if (strcmp(got, "EPARSE") != 0)
            CHECK_FAIL_("'%s' gives %s", cases[i], got);
    }
    bento_buf_release(&to);
    struct bento_error err = BENTO_ERROR_INIT;
    CHECK(bento_json_read(bento_str_from(NULL, 0), &err) == NULL);
    CHECK_INT(err.code, BENTO_EPARSE);
    CHECK(bento_json_read(BENTO_STR("{"), NULL) == NULL);
    CHECK(bento_json_read(BENTO_STR("{\n\n!"), &err) == NULL);
    CHECK(strstr(err.message, "at line 3") != NULL);
}

TEST(depth)
{
    static char text[20000];
    struct bento_buf to;

    bento_buf_init(&to, sizeof text);
    memset(text, '[', 2000);
    memset(text + 2000, ']', 2000);
    CHECK_STR(written(text, BENTO_JSON_LINE, &to), text);
    memset(text, '[', 10000);
    memset(text + 10000, ']', 9999);
    CHECK_STR(written(text, BENTO_JSON_LINE, &to), "EPARSE");
    bento_buf_release(&to);
}

TEST(members)
{
    json_t *object = bento_json_read(BENTO_STR("{\"a\": \"x\", \"b\": 1}"), NULL);

    CHECK_STR(bento_json_text(object, "a", "no"), "x");
    CHECK_STR(bento_json_text(object, "b", "no"), "no");
    CHECK_STR(bento_json_text(object, "c", "no"), "no");
    CHECK(bento_json_text(NULL, "c", NULL) == NULL);
    json_decref(object);
}

TEST(limit_of_the_buffer)
{
    struct bento_buf to;
    json_t *value =
        bento_json_read(BENTO_STR("{\"\\u00e9\\n\": [1, \"\\u65e5x\"]}"), NULL);

    bento_buf_init(&to, 100);
    bento_json_write(&to, value, BENTO_JSON_ASCII | BENTO_JSON_LINE);
    size_t whole = to.n;
    CHECK_MEM(to.p, to.n, "{\"\\u00e9\\n\": [1, \"\\u65e5x\"]}");
    bento_buf_release(&to);
    for (size_t max = 0; max <= whole; max++) {
        bento_buf_init(&to, max);
        bento_json_write(&to, value, BENTO_JSON_ASCII | BENTO_JSON_LINE);
        CHECK_INT(to.rc, max < whole ? BENTO_ETOOLARGE : BENTO_OK);
        CHECK(to.n <= max);
        bento_buf_release(&to);
    }
    json_decref(value);
}

TEST(every_allocation_may_fail)
{
    static char text[4000] = "\"\xc3\xa9";
    long live = bento_alloc_live();
    bento_rc rc = BENTO_ENOMEM;

    memset(text + 3, 'a', sizeof text - 5);
    text[sizeof text - 2] = '"';
    json_t *value = bento_json_read(bento_str_of(text), NULL);
    for (long n = 0; rc != BENTO_OK && n < 10000; n++) {
        struct bento_buf to;
        bento_buf_init(&to, 10000);
        bento_alloc_fail_after(n);
        bento_json_write(&to, value, BENTO_JSON_ASCII);
        bento_alloc_fail_after(-1);
        rc = to.rc;
        if (rc != BENTO_OK)
            CHECK_INT(rc, BENTO_ENOMEM);
        CHECK(rc != BENTO_OK || to.n == sizeof text + 3);
        bento_buf_release(&to);
        CHECK_INT(bento_alloc_live(), live);
    }
    CHECK_INT(rc, BENTO_OK);
    json_decref(value);
}

int main(void)
{
    RUN(writing);
    RUN(refused);
    RUN(depth);
    RUN(members);
    RUN(limit_of_the_buffer);
    RUN(every_allocation_may_fail);
    return check_report();
}
