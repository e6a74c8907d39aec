/* base/yaml and base/json: what a bundle descriptor needs, both ways, and what is
 * refused. */
#include "base/yaml.h"

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

TEST(json)
{
    struct bento_buf text;
    json_t *value = json_loads(
        "{\"a\":[1,{\"b\":0.1}],\"u\":\"\\u00e9\\ud83d\\ude00\",\"e\":{}}", 0, NULL);
    bento_buf_init(&text, 1 << 16);
    bento_json_write(&text, value, BENTO_JSON_ASCII);
    CHECK_STR(
        bento_buf_z(&text),
        "{\n  \"a\": [\n    1,\n    {\n      \"b\": 0.1\n    }\n  ],\n  \"u\": \"\\u00e9\\ud83d\\ude00\",\n  \"e\": {}\n}");
    json_decref(value);
    bento_buf_release(&text);
}

int main(void)
{
    RUN(reading);
    RUN(writing);
    RUN(quoting);
    RUN(json);
    return check_report();
}
