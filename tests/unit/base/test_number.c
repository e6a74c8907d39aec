/* core/number: exact conversion against strtod, classification of cells, Python's repr.
 */
#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/check.h"

static uint64_t seed = 88172645463325252ULL;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void same_as_strtod(const char *text)
{
    struct bento_number n;
    const char *end;
    double want = strtod(text, NULL);
    check_done++;
    if (!bento_number_json(text, text + strlen(text), &n, &end) || *end)
        CHECK_FAIL_("%s is not read whole", text);
    else if (memcmp(&n.real, &want, sizeof want) != 0 &&
             !(want == 0 && n.kind == BENTO_NUMBER_INT))
        CHECK_FAIL_("%s gives %.17g, strtod %.17g", text, n.real, want);
}

/* The plain reader over a text with room behind it: NULL, or the same value and end. */
static void plain_as_strtod(const char *text, bool must)
{
    char room[256];
    double got = 0;
    bool fraction = false;
    memset(room, '7', sizeof room);
    size_t n = strlen(text);
    memcpy(room, text, n);
    room[n] = ",]} e"[rnd() % 4];
    double want = strtod(text, NULL);
    if (want == 0 && !strchr(text, '.'))
        want = 0; /* an integer has no negative zero */
    const char *end = bento_number_plain(room, room + sizeof room, &got, &fraction);
    check_done++;
    if (!end && must)
        CHECK_FAIL_("%s is not plain", text);
    else if (end && (end != room + n || memcmp(&got, &want, sizeof got) != 0 ||
                     fraction != (strchr(text, '.') != NULL)))
        CHECK_FAIL_("%s gives %.17g, strtod %.17g", text, got, want);
    CHECK(!bento_number_plain(room, room + BENTO_NUMBER_PLAIN_ROOM - 1, &got, &fraction));
}

TEST(plain)
{
    static const char *const others[] = { "",    "-",   "+1",   ".5",    "1.",   "-.5",
                                          "01",  "-00", "1e5",  "1.5e1", "1E5",  "/1",
                                          "--1", "a",   "1..2", "00.5",  "1./2", "NaN" };
    char text[80];
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char room[128];
        double got;
        bool fraction;
        memset(room, ',', sizeof room);
        memcpy(room, others[i], strlen(others[i]));
        check_done++;
        if (bento_number_plain(room, room + sizeof room, &got, &fraction))
            CHECK_FAIL_("%s was taken", others[i]);
    }
    for (int i = 0; i < 200000; i++) {
        int whole = (int)(rnd() % 18);
        int scale = (int)(rnd() % 22);
        size_t n = (size_t)snprintf(text, sizeof text, "%s%llu", rnd() % 2 ? "-" : "",
                                    (unsigned long long)(rnd() % 9 + 1));
        if (rnd() % 4 == 0)
            whole = 0;
        if (whole == 0)
            text[n - 1] = '0';
        for (int k = 0; k < whole; k++)
            text[n++] = (char)('0' + rnd() % 10);
        if (scale)
            text[n++] = '.';
        for (int k = 0; k < scale; k++)
            text[n++] = (char)('0' + rnd() % 10);
        text[n] = '\0';
        plain_as_strtod(text, whole < 14 && whole + 1 + scale <= 15);
    }
}

TEST(exact)
{
    static const char *const hard[] = {
        "0.1",
        "1e23",
        "9007199254740993",
        "9007199254740993.0",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "4.9e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1.7976931348623157e308",
        "1.7976931348623159e308",
        "8.5e-1",
        "0.000000000000000000000000000001",
        "123456789012345678901234567890",
        "1.00000000000000011102230246251565404236316680908203125",
        "1.00000000000000011102230246251565404236316680908203124",
        "6.631236846766476e-316",
        "3.2378839133029012895883524125015321748630094904e-318",
        "1e-400",
        "-0.0",
        "7.0e-10",
        "100000000000000000000",
        "18446744073709551615",
        "18446744073709551616",
        "0.30000000000000004"
    };
    for (size_t i = 0; i < sizeof hard / sizeof hard[0]; i++)
        same_as_strtod(hard[i]);
    for (int i = 0; i < 200000; i++) {
        char text[64];
        uint64_t bits = rnd();
        double v;
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v))
            continue;
        snprintf(text, sizeof text, "%.*e", (int)(rnd() % 20), v);
        same_as_strtod(text);
        snprintf(text, sizeof text, "%llu.%llu", (unsigned long long)(rnd() % 100000),
                 (unsigned long long)(rnd() % 1000000000000ULL));
        same_as_strtod(text);
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)rnd(),
                 (int)(rnd() % 60) - 30);
        same_as_strtod(text);
    }
}

TEST(kinds)
{
    static const struct {
        const char *text;
        enum bento_number_kind kind;
    } cells[] = { { "5", BENTO_NUMBER_INT },
                  { " 5 ", BENTO_NUMBER_INT },
                  { "+5", BENTO_NUMBER_INT },
                  { "007", BENTO_NUMBER_INT },
                  { "-9223372036854775808", BENTO_NUMBER_INT },
                  { "9223372036854775808", BENTO_NUMBER_UINT },
                  { "18446744073709551615", BENTO_NUMBER_UINT },
                  { "18446744073709551616", BENTO_NUMBER_HUGE },
                  { "-9223372036854775809", BENTO_NUMBER_HUGE },
                  { "1e5", BENTO_NUMBER_FLOAT },
                  { ".5", BENTO_NUMBER_FLOAT },
                  { "5.", BENTO_NUMBER_FLOAT },
                  { "inf", BENTO_NUMBER_FLOAT },
                  { "-Infinity", BENTO_NUMBER_FLOAT },
                  { "", BENTO_NUMBER_NONE },
                  { " ", BENTO_NUMBER_NONE },
                  { "1e", BENTO_NUMBER_NONE },
                  { "1_000", BENTO_NUMBER_NONE },
                  { "0x10", BENTO_NUMBER_NONE },
                  { "1 2", BENTO_NUMBER_NONE },
                  { ".", BENTO_NUMBER_NONE },
                  { "-", BENTO_NUMBER_NONE },
                  { "1e999", BENTO_NUMBER_NONE },
                  { "nan", BENTO_NUMBER_NONE } };
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        struct bento_number n = bento_number_cell(bento_str_of(cells[i].text));
        check_done++;
        if (n.kind != cells[i].kind)
            CHECK_FAIL_("'%s' is of kind %d, wanted %d", cells[i].text, (int)n.kind,
                        (int)cells[i].kind);
    }
    struct bento_number n;
    const char *end;
    CHECK(!bento_number_json("+1", "+1" + 2, &n, &end));
    const char *zero = "01";
    CHECK(bento_number_json(zero, zero + 2, &n, &end) && end == zero + 1);
}

TEST(repr)
{
    static const struct {
        double value;
        const char *want;
    } cases[] = { { 2.5, "2.5" },
                  { 1, "1.0" },
                  { 0, "0.0" },
                  { -0.0, "-0.0" },
                  { 1e16, "1e+16" },
                  { 123456789012345680.0, "1.2345678901234568e+17" },
                  { 1e15, "1000000000000000.0" },
                  { 0.0001, "0.0001" },
                  { 0.00001, "1e-05" },
                  { 1e300, "1e+300" },
                  { 1e-300, "1e-300" },
                  { 0.1, "0.1" },
                  { 0.30000000000000004, "0.30000000000000004" },
                  { 123.456, "123.456" },
                  { 5e-324, "5e-324" } };
    char to[32];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t n = bento_number_repr(cases[i].value, to);
        CHECK_MEM(to, n, cases[i].want);
    }
}

int main(void)
{
    RUN(plain);
    RUN(exact);
    RUN(kinds);
    RUN(repr);
    return check_report();
}
