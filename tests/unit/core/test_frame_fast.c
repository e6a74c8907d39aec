/* core/frame_fast: reads bodies of numbers in every orient, and whatever it reads, it
 * reads as the general path does. Generated bodies, whole and damaged, fixed seed. */
#include "core/frame.h"

#include <math.h>

#include "base/alloc.h"
#include "support/check.h"
#include "support/frame_equal.h"

static uint64_t state;

static unsigned below(unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 33) % n;
}

static const char *blank(void)
{
    static const char *const blanks[] = { "", "", "", " ", " ", "\n  ", "\t", "\r\n" };
    return blanks[below(8)];
}

static void add_number(struct bento_buf *to)
{
    static const char *const odd[] = { "0",
                                       "-0",
                                       "-0.0",
                                       "1e5",
                                       "-2.5E-3",
                                       "9007199254740991",
                                       "-9007199254740991",
                                       "123456789012345",
                                       "12345678",
                                       "0.30000000000000004",
                                       "123456.12345678901",
                                       "0.00000000000000001",
                                       "9007199254740993.5",
                                       "1.7976931348623157e308",
                                       "0.1234567890123456789",
                                       "5e-324",
                                       "100000000.00000001",
                                       "null" };
    switch (below(6)) {
    case 0:
        bento_buf_addf(to, "%d", (int)below(2000) - 1000);
        break;
    case 1:
        bento_buf_addf(to, "%.*f", (int)below(12) + 1, ((int)below(20000) - 10000) / 7.0);
        break;
    case 2:
        bento_buf_addf(to, "%.17g", (double)below(1000000) / 3e5 + 1e-4);
        break;
    case 3:
        bento_buf_addf(to, "%.*f", (int)below(20) + 1, below(1000000) / 3e6);
        break;
    case 4:
        bento_buf_adds(to, odd[below(sizeof odd / sizeof odd[0])]);
        break;
    default:
        bento_buf_addf(to, "%u.%u", below(100), below(10000));
        break;
    }
}

static void add_name(struct bento_buf *to, unsigned i)
{
    static const char *const names[] = { "a",   "sepal_length", "0",
                                         "x y", "index",        "a rather long column",
                                         "c7",  "seven77",      "eight888" };
    if (i < 9)
        bento_buf_addf(to, "\"%s\"", names[i]);
    else
        bento_buf_addf(to, "\"column %u\"", i);
}

static void separate(struct bento_buf *to, bool more)
{
    bento_buf_adds(to, blank());
    if (more)
        bento_buf_addc(to, ',');
    bento_buf_adds(to, blank());
}

static void add_key(struct bento_buf *to, bool column, unsigned i)
{
    if (column)
        add_name(to, i);
    else
        bento_buf_addf(to, "\"%u\"", i);
    bento_buf_addf(to, "%s:%s", blank(), blank());
}

/* An object or list of lines of cells; `outer`, `inner`: 0 list, 'c' or 'r' an object
 * whose keys are columns or rows. */
static void
add_lines(struct bento_buf *to, unsigned lines, unsigned cells, char outer, char inner)
{
    bento_buf_addf(to, "%c%s", outer ? '{' : '[', blank());
    for (unsigned i = 0; i < lines; i++) {
        if (outer)
            add_key(to, outer == 'c', i);
        bento_buf_addf(to, "%c%s", inner ? '{' : '[', blank());
        for (unsigned k = 0; k < cells; k++) {
            if (inner)
                add_key(to, inner == 'c', k);
            add_number(to);
            separate(to, k + 1 < cells);
        }
        bento_buf_addc(to, inner ? '}' : ']');
        separate(to, i + 1 < lines);
    }
    bento_buf_addc(to, outer ? '}' : ']');
}

static void add_split(struct bento_buf *to, unsigned rows, unsigned columns)
{
    bool labels = below(2);
    bento_buf_addf(to, "{%s\"columns\"%s:%s[", blank(), blank(), blank());
    for (unsigned i = 0; i < columns; i++) {
        bento_buf_adds(to, i ? "," : "");
        if (labels)
            add_name(to, i);
        else
            bento_buf_addu(to, i);
    }
    bento_buf_addf(to, "]%s,\"index\":[", blank());
    for (unsigned i = 0; i < rows; i++)
        bento_buf_addf(to, labels ? "%s\"r%u\"" : "%s%u", i ? "," : "", i);
    bento_buf_addf(to, "],%s\"data\":", blank());
    add_lines(to, rows, columns, 0, 0);
    bento_buf_addf(to, "%s}", blank());
}

static void add_body(struct bento_buf *to, enum bento_orient orient)
{
    unsigned rows = below(10) ? below(5) + 1 : below(200) + 1;
    unsigned columns = below(10) ? below(6) + 1 : below(40) + 1;
    bento_buf_clear(to);
    bento_buf_adds(to, blank());
    switch (orient) {
    case BENTO_ORIENT_RECORDS:
        add_lines(to, rows, columns, 0, 'c');
        break;
    case BENTO_ORIENT_COLUMNS:
        add_lines(to, columns, rows, 'c', 'r');
        break;
    case BENTO_ORIENT_INDEX:
        add_lines(to, rows, columns, 'r', 'c');
        break;
    case BENTO_ORIENT_SPLIT:
        add_split(to, rows, columns);
        break;
    case BENTO_ORIENT_VALUES:
    case BENTO_ORIENT_ANY:
        add_lines(to, rows, columns, 0, 0);
        break;
    }
    bento_buf_adds(to, blank());
}

static void damage(struct bento_buf *body)
{
    static const char marks[] = "[]{},:\"0123456789.eE+-nul t\\x";
    for (unsigned i = below(3) + 1; i; i--) {
        size_t at = below((unsigned)body->n);
        if (below(3))
            body->p[at] = marks[below(sizeof marks - 1)];
        else
            body->n = below(2) && at ? at : body->n;
    }
}

/* Both paths over an exact copy of the body, so that reading behind it is seen. */
static bool compare(struct bento_frames *f, const struct bento_buf *body, bool *ret_equal)
{
    const struct bento_frame *fast = NULL;
    const struct bento_frame *general = NULL;
    char *copy = bento_alloc(body->n ? body->n : 1);
    if (!copy)
        return false;
    memcpy(copy, body->p, body->n);
    bool taken = frame_fast_json(f, copy, copy + body->n, &fast) == BENTO_OK;
    bento_rc rc = frame_general_json(f, copy, body->n, &general, NULL);
    *ret_equal = !taken || (rc == BENTO_OK && frames_equal(fast, general));
    bento_free(copy);
    bento_frames_clear(f);
    return taken;
}

static void check_orient(enum bento_orient orient, bool named)
{
    struct bento_frame_options options = BENTO_FRAME_OPTIONS_INIT;
    struct bento_frames *f = NULL;
    struct bento_buf body;
    unsigned taken = 0;
    bool equal = false;
    options.orient = named ? orient : BENTO_ORIENT_ANY;
    bento_buf_init(&body, 1 << 20);
    CHECK_INT(bento_frames_new(&options, &f, NULL), BENTO_OK);
    for (unsigned i = 0; i < 1500; i++) {
        add_body(&body, orient);
        taken += compare(f, &body, &equal);
        if (!equal)
            CHECK_FAIL_("read differently: %.*s", (int)body.n, body.p);
        for (int k = 0; k < 3; k++) {
            damage(&body);
            (void)compare(f, &body, &equal);
            if (!equal)
                CHECK_FAIL_("read differently: %.*s", (int)body.n, body.p);
        }
    }
    if (orient == BENTO_ORIENT_INDEX && !named)
        CHECK_INT(taken, 0); /* unnamed, it means columns: rows "a" are not counted */
    else
        CHECK(taken > 1200);
    bento_frames_free(f);
    bento_buf_release(&body);
}

TEST(every_orient_as_the_general_path)
{
    for (int named = 0; named < 2; named++)
        for (int orient = BENTO_ORIENT_RECORDS; orient <= BENTO_ORIENT_SPLIT; orient++) {
            state = 88172645463325252ULL + (unsigned)orient;
            check_orient((enum bento_orient)orient, named);
        }
}

TEST(what_is_left_to_the_general_path)
{
    static const char *const bodies[] = {
        "[[1,\"x\"]]",
        "[[true]]",
        "[[9007199254740992]]",
        "[[1],[1,2]]",
        "[{\"a\":1,\"a\":2}]",
        "[{\"a\":1},{\"b\":1}]",
        "[{\"\":1}]",
        "[{\"\\u0061\":1}]",
        "[{\"\xc3\xa9\":1}]",
        "{\"a\":{\"1\":1}}",
        "{\"a\":{\"0\":1},\"b\":{\"0\":1,\"1\":2}}",
        "{\"index\":{\"0\":1},\"columns\":{\"0\":1},\"data\":{\"0\":1}}",
        "{\"columns\":[\"a\"],\"data\":[[1]]}",
        "{\"columns\":[\"a\",\"a\"],\"index\":[0],\"data\":[[1,2]]}",
        "{\"columns\":[\"a\"],\"index\":[0],\"data\":[[1,2]]}",
        "{\"columns\":[007],\"index\":[0],\"data\":[[1]]}",
        "[]",
        "[[]]",
        "{}",
        "[[1]]]",
        "[[1]] 1",
    };
    struct bento_frame_options options = BENTO_FRAME_OPTIONS_INIT;
    const struct bento_frame *frame = NULL;
    struct bento_frames *f = NULL;
    CHECK_INT(bento_frames_new(&options, &f, NULL), BENTO_OK);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        check_done++;
        if (frame_fast_json(f, bodies[i], bodies[i] + strlen(bodies[i]), &frame) !=
            BENTO_EUNSUPPORTED)
            CHECK_FAIL_("%s was taken", bodies[i]);
    }
    bento_frames_free(f);
}

TEST(options)
{
    static const char *const columns[] = { "a", "b" };
    static const struct {
        const char *body;
        bool taken;
    } rows[] = {
        { "[[1,2]]", true },
        { "[[1,2,3]]", false },
        { "[{\"a\":1,\"b\":2}]", true },
        { "[{\"b\":1,\"a\":2}]", false },
        { "[{\"a\":1}]", false },
        { "{\"a\":{\"0\":1},\"b\":{\"0\":1}}", true },
        { "{\"columns\":[\"a\",\"b\"],\"index\":[],\"data\":[[1,2]]}", false },
        { "{\"columns\":[\"a\",\"b\"],\"index\":[5],\"data\":[[1,2]]}", true },
    };
    struct bento_frame_options options = BENTO_FRAME_OPTIONS_INIT;
    const struct bento_frame *frame = NULL;
    struct bento_frames *f = NULL;
    options.columns = columns;
    options.column_count = 2;
    CHECK_INT(bento_frames_new(&options, &f, NULL), BENTO_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *body = rows[i].body;
        check_done++;
        if ((frame_fast_json(f, body, body + strlen(body), &frame) == BENTO_OK) !=
            rows[i].taken)
            CHECK_FAIL_("%s: wanted %s", body, rows[i].taken ? "taken" : "left");
        else if (rows[i].taken)
            CHECK(frame->column[1].name_size == 1 && frame->column[1].name[0] == 'b');
    }
    bento_frames_free(f);
}

/* Keys in another order in each column, in numbers that make searching one by one take
 * minutes. */
TEST(many_shuffled_keys)
{
    enum { ROWS = 200000 };
    struct bento_frame_options options = BENTO_FRAME_OPTIONS_INIT;
    const struct bento_frame *frame = NULL;
    struct bento_frames *f = NULL;
    struct bento_buf body;
    bento_buf_init(&body, 64 << 20);
    bento_buf_adds(&body, "{\"a\":{");
    for (unsigned i = 0; i < ROWS; i++)
        bento_buf_addf(&body, "%s\"k%u\":%u", i ? "," : "", i, i);
    bento_buf_adds(&body, "},\"b\":{");
    for (unsigned i = ROWS; i-- > 0;)
        bento_buf_addf(&body, "\"k%u\":%u%s", i, i, i ? "," : "");
    bento_buf_adds(&body, "}}");
    CHECK_INT(bento_frames_new(&options, &f, NULL), BENTO_OK);
    CHECK_INT(bento_frame_json(f, body.p, body.n, &frame, NULL), BENTO_OK);
    CHECK_INT(frame->rows, ROWS);
    for (size_t row = 0; row < ROWS; row += 997)
        for (size_t i = 0; i < 2; i++)
            CHECK_INT(*(const int64_t *)bento_column_cell(&frame->column[i], row),
                      (long long)row);
    bento_frames_free(f);
    bento_buf_release(&body);
}

TEST(failing_memory)
{
    static const char *const bodies[] = {
        "[[1.5,2],[3,4]]", "[{\"a\":1,\"b\":2}]", "{\"a\":{\"0\":1,\"1\":2}}",
        "{\"columns\":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17],\"index\":[1],"
        "\"data\":[[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]]}"
    };
    long live = bento_alloc_live();
    unsigned failed = 0;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        for (long n = 0; n < 12; n++) {
            struct bento_frame_options options = BENTO_FRAME_OPTIONS_INIT;
            const struct bento_frame *frame = NULL;
            struct bento_frames *f = NULL;
            CHECK_INT(bento_frames_new(&options, &f, NULL), BENTO_OK);
            bento_alloc_fail_after(n);
            bento_rc rc =
                frame_fast_json(f, bodies[i], bodies[i] + strlen(bodies[i]), &frame);
            bento_alloc_fail_after(-1);
            CHECK(rc == BENTO_OK || rc == BENTO_ENOMEM);
            failed += rc == BENTO_ENOMEM;
            bento_frames_free(f);
        }
    CHECK(failed > 4);
    CHECK_INT(bento_alloc_live(), live);
}

int main(void)
{
    RUN(every_orient_as_the_general_path);
    RUN(what_is_left_to_the_general_path);
    RUN(options);
    RUN(many_shuffled_keys);
    RUN(failing_memory);
    return check_report();
}
