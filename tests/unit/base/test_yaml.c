/* base/yaml: what a bundle descriptor needs, both ways, and what is
 * refused. */
#include "base/yaml.h"

#include "base/alloc.h"
#include "support/check.h"

static const char *round_trip(const char *yaml, struct bento_buf *to)
{
    struct bento_error err = BENTO_ERROR_INIT;
    json_t *value = bento_yaml_read(bento_str_of(yaml), &err);
    bento_buf_clear(to);
    if (!value)
        return err.code == BENTO_EPARSE ? "EPARSE" : "other";
    bento_json_write(to, value, BENTO_JSON_LINE);
    json_decref(value);
    return bento_buf_z(to);
}

TEST(reading)
{
    static const struct {
        const char *yaml;
        const char *want;
    } cases[] = {
        { "a: 1\nb: x\nc:\n- 1.5\n- ~\n",
          "{\"a\": 1, \"b\": \"x\", \"c\": [1.5, null]}" },
        { "version: 0.13.1\nok: true\noff: 'true'\nnone:\n",
          "{\"version\": \"0.13.1\", \"ok\": true, \"off\": \"true\", \"none\": null}" },
        { "t: 2026-11-20 23:36:37.504836\n", "{\"t\": \"2026-11-20 23:36:37.504836\"}" },
        { "o: 007\nh: 1e5\nr: 1e-05\n",
          "{\"o\": \"007\", \"h\": 100000.0, \"r\": 1e-05}" },
        { "a: yes\nb: on\nc: True\nd: 0x10\n",
          "{\"a\": \"yes\", \"b\": \"on\", \"c\": true, \"d\": \"0x10\"}" },
        { "s: !!binary |\n  ZWNobyBvbmUKZWNobyAndHdvOiDD\n  qScK\n",
          "{\"s\": \"echo one\\necho 'two: é'\\n\"}" },
        { "s: !!binary |\n  /w==\nt: !!binary '-'\ne: !!binary ''\n",
          "{\"s\": \"/w==\\n\", \"t\": \"-\", \"e\": \"\"}" },
        { "{}", "{}" },
        { "", "null" },
        { "a: [", "EPARSE" },
        { "[a]: 1", "EPARSE" },
    };
    struct bento_buf text;
    bento_buf_init(&text, 1 << 16);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_STR(round_trip(cases[i].yaml, &text), cases[i].want);
    bento_buf_release(&text);
}

TEST(writing)
{
    struct bento_buf text;
    json_t *value = json_loads(
        "{\"v\":\"0.13.1\",\"n\":null,\"t\":\"true\",\"num\":\"1.0\",\"d\":\"2026-11-20 23:36:37.504836\",\"z\":"
        "\"2026-11-20T23:36:37Z\",\"l\":[1,\"a\\nb\"],\"e\":[],\"f\":0.95,\"b\":true}",
        0, NULL);
    bento_buf_init(&text, 1 << 16);
    CHECK_INT(bento_yaml_write(&text, value, NULL), BENTO_OK);
    CHECK_STR(
        bento_buf_z(&text),
        "v: 0.13.1\nn:\nt: 'true'\nnum: '1.0'\nd: 2026-11-20 23:36:37.504836\nz: '2026-11-20T23:36:37Z'\nl:\n- 1\n"
        "- \"a\\nb\"\ne: []\nf: 0.95\nb: true\n");
    json_t *again = bento_yaml_read(bento_buf_str(&text), NULL);
    CHECK(json_equal(value, again));
    json_decref(value);
    json_decref(again);
    bento_buf_release(&text);
}

/* Quoted: whatever a reader of YAML 1.1 or of 1.2 takes for no text. */
TEST(quoting)
{
    static const struct {
        const char *json;
        const char *want;
    } cases[] = {
        { "[\"20261121_123456\", \"20261121_1E2345\", \"20261121_A23456\"]",
          "- '20261121_123456'\n- '20261121_1E2345'\n- 20261121_A23456\n" },
        { "[\"-.inf\", \".NaN\", \"=\", \".info\"]",
          "- '-.inf'\n- '.NaN'\n- '='\n- .info\n" },
        { "[\"yes\", \"Off\", \"yesterday\"]", "- 'yes'\n- 'Off'\n- yesterday\n" },
        { "[\"0x10\", \"-0b1\", \"0.13.1\", \"0o\"]",
          "- '0x10'\n- '-0b1'\n- 0.13.1\n- 0o\n" },
        { "[\"1_000\", \"12:30\", \"1e5\", \"10.0.0.1\"]",
          "- '1_000'\n- '12:30'\n- '1e5'\n- 10.0.0.1\n" },
        { "[1e-05, 1e22, 2.5e-07, 0.5]", "- 1.0e-05\n- 1.0e+22\n- 2.5e-07\n- 0.5\n" },
    };
    struct bento_buf text;

    bento_buf_init(&text, 1 << 16);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *value = json_loads(cases[i].json, 0, NULL);
        bento_buf_clear(&text);
        CHECK_INT(bento_yaml_write(&text, value, NULL), BENTO_OK);
        CHECK_STR(bento_buf_z(&text), cases[i].want);
        json_t *again = bento_yaml_read(bento_buf_str(&text), NULL);
        CHECK(json_equal(value, again));
        json_decref(value);
        json_decref(again);
    }
    bento_buf_release(&text);
}

/* A megabyte that is repeated forty times, and a list that doubles thirty times. */
TEST(what_aliases_repeat_is_bounded)
{
    struct bento_error err = BENTO_ERROR_INIT;
    struct bento_buf text;

    bento_buf_init(&text, 2u << 20);
    bento_buf_adds(&text, "a: &a ");
    for (int i = 0; i < 1 << 16; i++)
        bento_buf_adds(&text, "0123456789abcdef");
    bento_buf_adds(&text, "\nb:\n");
    size_t n = text.n;
    for (int i = 0; i < 40; i++) {
        if (i == 20) {
            json_t *value = bento_yaml_read(bento_buf_str(&text), NULL);
            CHECK_INT(json_array_size(json_object_get(value, "b")), 20);
            json_decref(value);
        }
        bento_buf_adds(&text, "- *a\n");
    }
    CHECK(n > 1 << 20);
    CHECK(bento_yaml_read(bento_buf_str(&text), &err) == NULL);
    CHECK_INT(err.code, BENTO_EPARSE);
    CHECK_STR(err.message, "YAML has too much in it");
    bento_buf_clear(&text);
    bento_buf_adds(&text, "- &a0 [x, x]\n");
    for (int i = 1; i < 30; i++)
        bento_buf_addf(&text, "- &a%d [*a%d, *a%d]\n", i, i - 1, i - 1);
    CHECK(bento_yaml_read(bento_buf_str(&text), &err) == NULL);
    CHECK_STR(err.message, "YAML has too much in it");
    bento_buf_release(&text);
}

/* What becomes of `n` starts and `ends` closing brackets. */
static const char *nested(struct bento_buf *to, const char *start, int n, int ends)
{
    struct bento_error err = BENTO_ERROR_INIT;

    bento_buf_clear(to);
    for (int i = 0; i < n; i++)
        bento_buf_adds(to, start);
    for (int i = 0; i < ends; i++)
        bento_buf_adds(to, "]");
    json_t *value = bento_yaml_read(bento_buf_str(to), &err);
    bool good = value != NULL;
    json_decref(value);
    bento_buf_clear(to);
    bento_buf_adds(to, err.message);
    return good ? "read" : bento_buf_z(to);
}

/* What is never closed is refused for its depth, not for its end: that would take libyaml
 * quadratic time to get to. */
TEST(nesting_stops_early)
{
    static const char deep[] = "YAML is nested too deeply";
    struct bento_buf text;

    bento_buf_init(&text, 8u << 20);
    CHECK_STR(nested(&text, "[", 65, 65), "read");
    CHECK_STR(nested(&text, "[", 66, 66), deep);
    CHECK_STR(nested(&text, "a: [\n", 50000, 0), deep);
    CHECK_STR(nested(&text, "[", 4 << 20, 0), deep);
    CHECK_STR(nested(&text, "- ", 50000, 0), deep);
    CHECK_STR(nested(&text, "? ", 50000, 0), deep);
    CHECK_STR(nested(&text, "- []\n- {}\n", 100, 0), "read"); /* beside each other */
    bento_buf_release(&text);
}

/* libyaml looks for an anchor among all of them. */
TEST(anchors_are_bounded)
{
    struct bento_error err = BENTO_ERROR_INIT;
    struct bento_buf text;

    bento_buf_init(&text, 8u << 20);
    for (int i = 0; i < 7000; i++) {
        if (i == 5000) {
            json_t *value = bento_yaml_read(bento_buf_str(&text), NULL);
            CHECK_INT(json_array_size(value), 5000);
            json_decref(value);
        }
        bento_buf_addf(&text, "- &a%d\n", i);
    }
    CHECK(bento_yaml_read(bento_buf_str(&text), &err) == NULL);
    CHECK_STR(err.message, "YAML has too much in it");
    bento_buf_clear(&text);
    for (int i = 0; i < 2000; i++)
        bento_buf_addf(&text, "- &a%d\n", i);
    for (int i = 0; i < 8000; i++)
        bento_buf_adds(&text, "- *a1999\n");
    CHECK(bento_yaml_read(bento_buf_str(&text), &err) == NULL);
    CHECK_STR(err.message, "YAML has too much in it");
    bento_buf_release(&text);
}

TEST(errors_say_what_it_was)
{
    struct bento_error err = BENTO_ERROR_INIT;
    char *large = bento_calloc((16u << 20) + 1, 1);

    (void)bento_fail(&err, BENTO_ENOTFOUND, "of an earlier call");
    CHECK(bento_yaml_read(BENTO_STR("? [a]\n: b\n"), &err) == NULL);
    CHECK_INT(err.code, BENTO_EPARSE);
    CHECK_STR(err.message, "YAML has keys that are no text");
    CHECK(bento_yaml_read(BENTO_STR("a: 1\nb: ]\nc: 1\n"), &err) == NULL);
    CHECK(strstr(err.message, "at line 2:") != NULL);
    CHECK(bento_yaml_read(bento_str_from(large, (16u << 20) + 1), &err) == NULL);
    CHECK_INT(err.code, BENTO_ETOOLARGE);
    bento_free(large);
}

TEST(limit_and_memory)
{
    json_t *value = json_loads("{\"a\": [1, \"x\", 2.5, null]}", 0, NULL);
    static const char want[] = "a:\n- 1\n- x\n- 2.5\n-\n";
    long live = bento_alloc_live();
    bento_rc rc = BENTO_ENOMEM;
    struct bento_buf to;

    for (size_t max = 0; max < sizeof want - 1; max++) {
        bento_buf_init(&to, max);
        CHECK_INT(bento_yaml_write(&to, value, NULL), BENTO_ETOOLARGE);
        bento_buf_release(&to);
    }
    for (long n = 0; rc != BENTO_OK && n < 20; n++) {
        bento_buf_init(&to, 1000);
        bento_alloc_fail_after(n);
        rc = bento_yaml_write(&to, value, NULL);
        bento_alloc_fail_after(-1);
        if (rc == BENTO_OK)
            CHECK_MEM(to.p, to.n, want);
        else
            CHECK_INT(rc, BENTO_ENOMEM);
        bento_buf_release(&to);
        CHECK_INT(bento_alloc_live(), live);
    }
    CHECK_INT(rc, BENTO_OK);
    json_decref(value);
}

int main(void)
{
    RUN(reading);
    RUN(writing);
    RUN(quoting);
    RUN(what_aliases_repeat_is_bounded);
    RUN(nesting_stops_early);
    RUN(anchors_are_bounded);
    RUN(errors_say_what_it_was);
    RUN(limit_and_memory);
    return check_report();
}
