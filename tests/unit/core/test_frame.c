/* core/frame: bodies to typed columns, and what is refused. Values are shown as
 * "dtype:cell,cell|…", columns by name. */
#include "bento/frame.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/number.h"
#include "support/check.h"

static void show_cell(struct bento_buf *to, const struct bento_column *c, size_t row)
{
    char text[32];
    switch (c->dtype) {
    case BENTO_DTYPE_INT64:
        bento_buf_addf(to, "%lld",
                       (long long)*(const int64_t *)bento_column_cell(c, row));
        break;
    case BENTO_DTYPE_UINT64:
        bento_buf_addf(to, "%llu",
                       (unsigned long long)*(const uint64_t *)bento_column_cell(c, row));
        break;
    case BENTO_DTYPE_FLOAT64:
        bento_buf_add(
            to, text,
            bento_number_repr(*(const double *)bento_column_cell(c, row), text));
        break;
    case BENTO_DTYPE_BOOL:
    case BENTO_DTYPE_BOOL_MISSING:
        bento_buf_addc(to, "FT-"[*(const uint8_t *)bento_column_cell(c, row)]);
        break;
    case BENTO_DTYPE_TEXT:
        if (c->offsets[row] & BENTO_TEXT_MISSING)
            bento_buf_adds(to, "-");
        else
            bento_buf_addf(
                to, "'%.*s'",
                (int)((c->offsets[row + 1] & ~BENTO_TEXT_MISSING) - c->offsets[row]),
                c->text + c->offsets[row]);
        break;
    }
}

static void show(struct bento_buf *to, const struct bento_frame *frame)
{
    static const char *const names[] = { "",     "int",  "uint", "float",
                                         "bool", "text", "maybe" };
    for (size_t i = 0; i < frame->columns; i++) {
        const struct bento_column *c = &frame->column[i];
        bento_buf_addf(to, "%s%.*s%s%s:", i ? "|" : "", (int)c->name_size,
                       c->name ? c->name : "", c->name ? "=" : "", names[c->dtype]);
        for (size_t row = 0; row < frame->rows; row++) {
            bento_buf_adds(to, row ? "," : "");
            show_cell(to, c, row);
        }
    }
}

static const char *
decode(struct bento_frames *f, struct bento_buf *to, const char *body, size_t n, bool csv)
{
    const struct bento_frame *frame = NULL;
    struct bento_error err = BENTO_ERROR_INIT;
    bento_rc rc = csv ? bento_frame_csv(f, body, n, &frame, &err)
                      : bento_frame_json(f, body, n, &frame, &err);
    bento_buf_clear(to);
    if (rc == BENTO_OK)
        show(to, frame);
    else
        bento_buf_adds(to, bento_rc_name(rc));
    bento_frames_clear(f);
    return bento_buf_z(to);
}

struct row {
    const char *body;
    const char *want;
};

static void
check_rows(const struct row *rows, size_t count, bool csv, enum bento_orient orient)
{
    struct bento_frame_options options = BENTO_FRAME_OPTIONS_INIT;
    struct bento_frames *f = NULL;
    struct bento_buf text;
    options.orient = orient;
    bento_buf_init(&text, 1 << 20);
    CHECK_INT(bento_frames_new(&options, &f, NULL), BENTO_OK);
    for (size_t i = 0; i < count; i++) {
        const char *got = decode(f, &text, rows[i].body, strlen(rows[i].body), csv);
        check_done++;
        if (strcmp(got, rows[i].want) != 0)
            CHECK_FAIL_("%s\n   gives  %s\n   wanted %s", rows[i].body, got,
                        rows[i].want);
    }
    bento_frames_free(f);
    bento_buf_release(&text);
}

#define CHECK_ROWS(rows, csv, orient) \
    check_rows(rows, sizeof(rows) / sizeof((rows)[0]), csv, orient)

TEST(json)
{
    static const struct row rows[] = {
        { "[[5.1, 3.5, 1, 2]]", "float:5.1|float:3.5|int:1|int:2" },
        { " [ [1,2] , [3 , 4.5] ] ", "int:1,3|float:2.0,4.5" },
        { "[{\"a\":1,\"b\":2.5},{\"a\":3,\"b\":null}]", "a=int:1,3|b=float:2.5,nan" },
        { "[{\"a\":1,\"b\":2},{\"b\":4,\"a\":3}]", "a=int:1,3|b=int:2,4" },
        { "[{\"a\":1},{\"a\":2,\"z\":9}]", "a=int:1,2" },
        { "[{\"a\":1},{\"b\":2}]", "EINVAL" },
        { "[{\"a\":1,\"a\":2}]", "a=int:2" },
        { "{\"a\":{\"0\":1,\"1\":3},\"b\":{\"1\":4,\"0\":2}}", "a=int:1,3|b=int:2,4" },
        { "{\"a\":[1,3]}", "EINVAL" },
        { "{\"columns\":[\"a\",\"b\"],\"index\":[7],\"data\":[[1,\"x\"]]}",
          "a=int:1|b=text:'x'" },
        { "{\"columns\":[\"a\",\"a\"],\"index\":[7],\"data\":[[1,2]]}",
          "a=int:1|a.1=int:2" },
        { "[[true,false],[false,null]]", "bool:T,F|maybe:F,-" },
        { "[[1,\"x\"],[2.5,\"y\"]]", "float:1.0,2.5|text:'x','y'" },
        { "[[1,2.50],[\"x\",1e300]]", "text:'1','x'|float:2.5,1e+300" },
        { "[[\"1\",\"2.50\",\"007\",\"1e5\",\" 4 \"]]",
          "int:1|float:2.5|int:7|float:100000.0|int:4" },
        { "[[\"NA\",\"nan\",\"\",\" \",\"null\"]]",
          "float:nan|float:nan|float:nan|text:' '|float:nan" },
        { "[[9007199254740993,9223372036854775808,1180591620717411303424]]",
          "int:9007199254740993|uint:9223372036854775808|text:'1180591620717411303424'" },
        { "[[NaN,Infinity,-Infinity,1e400]]",
          "float:nan|float:inf|float:-inf|float:inf" },
        { "[[\"inf\",\"-INF\",\"+Infinity\"]]", "float:inf|float:-inf|float:inf" },
        { "[[[1, 2], {\"k\": \"v'\"}, null]]",
          "text:'[1, 2]'|text:'{'k': \"v'\"}'|float:nan" },
        { "[[\"\\u00e9\\ud83d\\ude00\\n\"]]", "text:'\xc3\xa9\xf0\x9f\x98\x80\n'" },
        { "[[-0.0, -0, 0.1234567890123456789]]",
          "float:-0.0|int:0|float:0.12345678901234568" },
        { "[[1,2],[3]]", "int:1,3|float:2.0,nan" },
        { "[[1],[2,3]]", "EPARSE" },
        { "[[-1],[9223372036854775808]]", "text:'-1','9223372036854775808'" },
        { "[[18446744073709551616],[1.5]]", "text:'18446744073709551616','1.5'" },
        { "[[1.5],[18446744073709551616]]", "float:1.5,1.8446744073709552e+19" },
        { "[]", "EPARSE" },
        { "[[]]", "EPARSE" },
        { "[{}]", "EPARSE" },
        { "[1,2]", "EPARSE" },
        { "5", "EPARSE" },
        { "null", "EPARSE" },
        { "", "EPARSE" },
        { "[[1,2]", "EPARSE" },
        { "[[1,]]", "EPARSE" },
        { "[[01]]", "EPARSE" },
        { "[[1]] x", "EPARSE" },
        { "[[\"\\ud83d\"]]", "EPARSE" },
        { "[[\"\xff\"]]", "EPARSE" },
        { "[[\"a\nb\"]]", "EPARSE" },
        { "[[+1]]", "EPARSE" },
        { "[[.5]]", "EPARSE" },
        { "[[1.]]", "EPARSE" },
        { "[{\"a\" 1}]", "EPARSE" },
    };
    CHECK_ROWS(rows, false, BENTO_ORIENT_ANY);
}

TEST(strict_orients)
{
    static const struct row records[] = { { "[{\"a\":1}]", "a=int:1" },
                                          { "[[1]]", "EPARSE" },
                                          { "{\"a\":{\"0\":1}}", "EPARSE" } };
    static const struct row index[] = {
        { "{\"r\":{\"a\":1},\"s\":{\"a\":2}}", "a=int:1,2" },
        { "[[1]]", "EPARSE" },
        { "{\"r\":{\"a\":1},\"s\":{\"b\":2}}", "EINVAL" }
    };
    static const struct row split[] = {
        { "{\"columns\":[\"a\"],\"index\":[0],\"data\":[[1]]}", "a=int:1" },
        { "{\"a\":{\"0\":1}}", "EPARSE" }
    };
    CHECK_ROWS(records, false, BENTO_ORIENT_RECORDS);
    CHECK_ROWS(index, false, BENTO_ORIENT_INDEX);
    CHECK_ROWS(split, false, BENTO_ORIENT_SPLIT);
}

TEST(csv)
{
    static const struct row rows[] = {
        { "a,b\n1,2\n3,4\n", "a=int:1,3|b=int:2,4" },
        { "a,b\r\n1,2", "a=int:1|b=int:2" },
        { "\xef\xbb\xbf"
          "a,b\n\n1,2\n\n",
          "a=int:1|b=int:2" },
        { "a,b\n\"x, y\",\"q\"\"r\"\n", "a=text:'x, y'|b=text:'q\"r'" },
        { "a,b\n\"l1\nl2\",2\n", "a=text:'l1\nl2'|b=int:2" },
        { "a,b\n1,2,3\n", "a=int:2|b=int:3" },
        { "a,b\n1,2\n1,2,3\n", "EPARSE" },
        { "a,b\n1\n", "a=int:1|b=float:nan" },
        { "a, b\n1, 2\n", "a=int:1| b=int:2" },
        { "a,a\n1,2\n", "a=int:1|a.1=int:2" },
        { "a,\n1,2\n", "a=int:1|Unnamed: 1=int:2" },
        { "a;b\n1;2\n", "a;b=text:'1;2'" },
        { "a\nTrue\nfalse\n", "a=bool:T,F" },
        { "a\nTrue\n1\n", "a=text:'True','1'" },
        { "a,b\n", "EINVAL" },
        { "", "EPARSE" },
        { "\n\n", "EPARSE" },
        { "a\n\"x\n", "EPARSE" },
        { "a\n\xe9\n", "EPARSE" },
    };
    CHECK_ROWS(rows, true, BENTO_ORIENT_ANY);
}

TEST(fixed_columns_and_text)
{
    static const char *const columns[] = { "a", "b" };
    static const char *const text[] = { "b" };
    struct bento_frame_options options = BENTO_FRAME_OPTIONS_INIT;
    struct bento_frames *f = NULL;
    struct bento_buf out;
    options.columns = columns;
    options.column_count = 2;
    options.text_for = text;
    options.text_count = 1;
    bento_buf_init(&out, 1 << 16);
    CHECK_INT(bento_frames_new(&options, &f, NULL), BENTO_OK);
    CHECK_STR(decode(f, &out, "[{\"b\":2.50,\"a\":1}]", 18, false),
              "a=int:1|b=text:'2.5'");
    CHECK_STR(decode(f, &out, "[[1,2]]", 7, false), "a=int:1|b=text:'2'");
    CHECK_STR(decode(f, &out, "b,a\n02,1\n", 9, true), "a=int:1|b=text:'02'");
    CHECK_STR(decode(f, &out, "c,a\n2,1\n", 8, true), "EINVAL");
    CHECK_STR(decode(f, &out, "[[", 2, false), "EINVAL");
    bento_frames_free(f);
    bento_buf_release(&out);
}

/* Every name of a wide header is the same: numbering them one by one from the start would
 * take minutes. */
TEST(many_equal_names)
{
    enum { WIDTH = 60000 };
    struct bento_frame_options options = BENTO_FRAME_OPTIONS_INIT;
    const struct bento_frame *frame = NULL;
    struct bento_frames *f = NULL;
    struct bento_buf body;
    bento_buf_init(&body, 1 << 20);
    for (int i = 0; i < 2 * WIDTH; i++)
        bento_buf_adds(&body, i == WIDTH - 1 ? "a\n" : i < WIDTH ? "a," : "1,");
    body.n--;
    CHECK_INT(bento_frames_new(&options, &f, NULL), BENTO_OK);
    CHECK_INT(bento_frame_csv(f, body.p, body.n, &frame, NULL), BENTO_OK);
    CHECK_INT(frame->columns, WIDTH);
    CHECK_STR(frame->column[WIDTH - 1].name, "a.59999");
    bento_frames_free(f);
    bento_buf_release(&body);
}

/* The bound on columns, in both formats; what is too wide is told from what is too
 * large. */
TEST(columns_are_bounded)
{
    struct bento_frame_options options = BENTO_FRAME_OPTIONS_INIT;
    struct bento_frames *f = NULL;
    struct bento_buf body;

    bento_buf_init(&body, 1 << 20);
    CHECK_INT(bento_frames_new(&options, &f, NULL), BENTO_OK);
    for (int csv = 0; csv < 2; csv++)
        for (int over = 0; over < 2; over++) {
            struct bento_error err = BENTO_ERROR_INIT;
            const struct bento_frame *frame = NULL;
            int width = BENTO_FRAME_COLUMNS_MAX + over;
            bento_buf_clear(&body);
            bento_buf_adds(&body, csv ? "" : "[[");
            for (int i = 0; i < width; i++)
                bento_buf_addf(&body, csv ? "%sc%d" : "%s%d", i ? "," : "", i);
            bento_buf_adds(&body, csv ? "\n1" : "]]");
            for (int i = 1; csv && i < width; i++)
                bento_buf_adds(&body, ",1");
            bento_rc rc = csv ? bento_frame_csv(f, body.p, body.n, &frame, &err)
                              : bento_frame_json(f, body.p, body.n, &frame, &err);
            CHECK_INT(rc, over ? BENTO_EUNSUPPORTED : BENTO_OK);
            CHECK_STR(err.message, over ? "more than 65536 columns" : "");
            bento_frames_clear(f);
        }
    bento_frames_free(f);
    bento_buf_release(&body);
}

TEST(agreement)
{
    struct bento_frame_options options = BENTO_FRAME_OPTIONS_INIT;
    struct bento_frames *f = NULL;
    const struct bento_frame *a = NULL;
    const struct bento_frame *b = NULL;
    const struct bento_frame *c = NULL;
    CHECK_INT(bento_frames_new(&options, &f, NULL), BENTO_OK);
    CHECK_INT(bento_frame_json(f, "[[1,2.5]]", 9, &a, NULL), BENTO_OK);
    CHECK_INT(bento_frame_json(f, "[[3,4.5],[5,6.5]]", 17, &b, NULL), BENTO_OK);
    CHECK_INT(bento_frame_json(f, "[[1,2]]", 7, &c, NULL), BENTO_OK);
    CHECK(bento_frame_same(a, b) && !bento_frame_same(a, c));
    bento_frames_free(f);
}

TEST(deep_and_failing_memory)
{
    struct bento_frame_options options = BENTO_FRAME_OPTIONS_INIT;
    static const char *const bodies[] = { "[[1.5,2],[3,4]]",
                                          "[{\"a\":\"x\\n\",\"b\":[1]}]",
                                          "{\"a\":{\"0\":1}}" };
    char deep[4096];
    const struct bento_frame *frame = NULL;
    struct bento_frames *f = NULL;
    memset(deep, '[', sizeof deep);
    CHECK_INT(bento_frames_new(&options, &f, NULL), BENTO_OK);
    CHECK_INT(bento_frame_json(f, deep, sizeof deep, &frame, NULL), BENTO_EPARSE);
    bento_frames_free(f);
    long live = bento_alloc_live();
    for (long n = 0; n < 30; n++) {
        f = NULL;
        bento_alloc_fail_after(n);
        if (bento_frames_new(&options, &f, NULL) == BENTO_OK)
            for (size_t i = 0; i < 3; i++) {
                bento_rc rc =
                    bento_frame_json(f, bodies[i], strlen(bodies[i]), &frame, NULL);
                CHECK(rc == BENTO_OK || rc == BENTO_ENOMEM || rc == BENTO_EPARSE ||
                      rc == BENTO_EINVAL);
            }
        bento_alloc_fail_after(-1);
        bento_frames_free(f);
    }
    CHECK_INT(bento_alloc_live(), live);
}

int main(void)
{
    RUN(json);
    RUN(strict_orients);
    RUN(csv);
    RUN(fixed_columns_and_text);
    RUN(many_equal_names);
    RUN(columns_are_bounded);
    RUN(agreement);
    RUN(deep_and_failing_memory);
    return check_report();
}
