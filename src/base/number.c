/* Numbers in text; see number.h. */
#include "base/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/pow10_table.h"

#define DIGITS_MAX   19 /* decimal digits that always fit 64 bits */
#define EXPONENT_MAX 100000

/* The parts of a decimal number: value = mantissa * 10^exponent, if not truncated. */
struct decimal {
    const char *start;
    const char *end;
    uint64_t mantissa;
    int digits; /* significant digits, leading zeros not counted */
    int64_t exponent;
    bool negative;
    bool truncated; /* digits beyond the 19th were not zero-length */
    bool fraction;  /* has a point or an exponent */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- decimal to double ---- */

const double bento_exact_powers[23] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                        1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                        1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

const uint64_t bento_small_powers[9] = { 1,      10,      100,      1000,     10000,
                                         100000, 1000000, 10000000, 100000000 };

static double from_bits(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Eisel-Lemire. */
bool bento_number_scale(uint64_t w, int64_t q, double *ret)
{
    if (w == 0 || q < POW10_LOW) {
        *ret = 0;
        return true;
    }
    if (q > POW10_HIGH) {
        *ret = INFINITY;
        return true;
    }
    const uint64_t *power = pow10_table[q - POW10_LOW];
    int lz = __builtin_clzll(w);
    w <<= lz;
    __extension__ typedef unsigned __int128 u128;
    u128 first = (u128)w * power[0];
    uint64_t low = (uint64_t)first;
    uint64_t high = (uint64_t)(first >> 64);
    if ((high & 0x1FF) == 0x1FF) {
        uint64_t second = (uint64_t)(((u128)w * power[1]) >> 64);
        low += second;
        high += second > low;
    }
    if (low == UINT64_MAX && (q < -27 || q > 55))
        return false;
    int upper = (int)(high >> 63);
    uint64_t mantissa = high >> (upper + 64 - 52 - 3);
    int64_t exponent = (((152170 + 65536) * q) >> 16) + 63 + upper - lz + 1023;
    if (exponent <= 0) {
        if (-exponent + 1 >= 64) {
            *ret = 0;
            return true;
        }
        mantissa >>= -exponent + 1;
        mantissa += mantissa & 1;
        mantissa >>= 1;
        exponent = mantissa < ((uint64_t)1 << 52) ? 0 : 1;
        *ret =
            from_bits((mantissa & (((uint64_t)1 << 52) - 1)) | (uint64_t)exponent << 52);
        return true;
    }
    if (low <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 &&
        (mantissa << (upper + 64 - 52 - 3)) == high)
        mantissa &= ~(uint64_t)1; /* exactly half way: to even */
    mantissa += mantissa & 1;
    mantissa >>= 1;
    if (mantissa >= (uint64_t)2 << 52) {
        mantissa = (uint64_t)1 << 52;
        exponent++;
    }
    if (exponent >= 0x7FF) {
        *ret = INFINITY;
        return true;
    }
    *ret = from_bits((mantissa & ~((uint64_t)1 << 52)) | (uint64_t)exponent << 52);
    return true;
}

static locale_t c_locale(void)
{
    static locale_t locale;

    if (!locale)
        locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return locale;
}

/* The slow, always right way, over the text itself. */
static double convert_text(const struct decimal *d)
{
    char small[128];
    size_t n = (size_t)(d->end - d->start);
    char *text = n < sizeof small ? small : bento_alloc(n + 1);

    if (!text)
        return NAN;
    memcpy(text, d->start, n);
    text[n] = '\0';
    double value = strtod_l(text, NULL, c_locale());
    if (text != small)
        bento_free(text);
    return fabs(value);
}

static double to_double(const struct decimal *d)
{
    double value;

    if (!d->truncated && d->mantissa <= (uint64_t)1 << 53 && d->exponent >= -22 &&
        d->exponent <= 22) {
        value = (double)d->mantissa;
        value = d->exponent < 0 ? value / bento_exact_powers[-d->exponent]
                                : value * bento_exact_powers[d->exponent];
        return d->negative ? -value : value;
    }
    double above = 0;
    bool sure = bento_number_scale(d->mantissa, d->exponent, &value);
    if (sure && d->truncated)
        sure = bento_number_scale(d->mantissa + 1, d->exponent, &above) && above == value;
    if (!sure)
        value = convert_text(d);
    return d->negative ? -value : value;
}

/* ---- scanning ---- */

/* Digits into the mantissa; returns how many were there. */
static size_t
scan_digits(const char **at, const char *end, struct decimal *d, bool behind_point)
{
    const char *p = *at;
    const char *from = p;
    uint64_t block;

    if (behind_point) {
        while (end - p >= 8 && d->digits <= DIGITS_MAX - 8 && d->digits &&
               bento_number_load(p, &block) == 0) {
            d->mantissa = d->mantissa * 100000000 + bento_number_join(block);
            d->digits += 8;
            d->exponent -= 8;
            p += 8;
        }
    }
    for (; p < end && is_digit(*p); p++) {
        if (d->digits < DIGITS_MAX) {
            d->mantissa = d->mantissa * 10 + (uint64_t)(*p - '0');
            d->digits += d->mantissa != 0;
            d->exponent -= behind_point;
        } else {
            d->truncated = true;
            d->exponent += !behind_point;
            d->digits++;
        }
    }
    *at = p;
    return (size_t)(p - from);
}

/* Exponent part if there is one with digits; else nothing is consumed. */
static void scan_exponent(const char **at, const char *end, struct decimal *d)
{
    const char *p = *at;
    bool negative = false;
    int64_t value = 0;

    if (p >= end || (*p != 'e' && *p != 'E'))
        return;
    p++;
    if (p < end && (*p == '+' || *p == '-'))
        negative = *p++ == '-';
    if (p >= end || !is_digit(*p))
        return;
    for (; p < end && is_digit(*p); p++)
        if (value < EXPONENT_MAX)
            value = value * 10 + (*p - '0');
    d->exponent += negative ? -value : value;
    d->fraction = true;
    *at = p;
}

static void finish(const struct decimal *d, struct bento_number *ret)
{
    *ret = (struct bento_number){ .kind = BENTO_NUMBER_FLOAT };
    if (!d->fraction) {
        bool fits = !d->truncated;
        uint64_t limit = (uint64_t)INT64_MAX + (d->negative ? 1 : 0);
        uint64_t m = d->mantissa;
        if (!fits && d->digits == 20 &&
            !d->negative) { /* 20 digits may still fit 64 bits */
            uint64_t v;
            struct bento_str text = bento_str_from(d->start, (size_t)(d->end - d->start));
            while (text.n && !is_digit(*text.p)) {
                text.p++;
                text.n--;
            }
            if (bento_parse_u64(text, 0, UINT64_MAX, &v)) {
                m = v;
                fits = true;
            }
        }
        ret->real = to_double(d);
        if (ret->real == 0)
            ret->real = 0; /* an integer has no negative zero */
        ret->kind = BENTO_NUMBER_HUGE;
        if (fits && m <= limit) {
            ret->kind = BENTO_NUMBER_INT;
            ret->i = d->negative ? (int64_t)(0 - m) : (int64_t)m;
            ret->real = (double)ret->i;
        } else if (fits && !d->negative) {
            ret->kind = BENTO_NUMBER_UINT;
            ret->u = m;
            ret->real = (double)m;
        }
        return;
    }
    ret->real = to_double(d);
    ret->overflow = isinf(ret->real);
}

bool bento_number_json(const char *p,
                       const char *end,
                       struct bento_number *ret,
                       const char **ret_end)
{
    struct decimal d = { .start = p };

    if (p < end && *p == '-') {
        d.negative = true;
        p++;
    }
    if (p >= end || !is_digit(*p))
        return false;
    if (*p == '0')
        p++;
    else
        (void)scan_digits(&p, end, &d, false);
    if (p + 1 < end && *p == '.' && is_digit(p[1])) {
        p++;
        d.fraction = true;
        (void)scan_digits(&p, end, &d, true);
    }
    scan_exponent(&p, end, &d);
    d.end = p;
    finish(&d, ret);
    *ret_end = p;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct bento_number bento_number_cell(struct bento_str cell)
{
    struct bento_number none = { .kind = BENTO_NUMBER_NONE };
    struct bento_number number;
    const char *p = cell.p;
    const char *end = cell.p + cell.n;

    while (p < end && is_blank(*p))
        p++;
    while (end > p && is_blank(end[-1]))
        end--;
    struct decimal d = { .start = p };
    if (p < end && (*p == '-' || *p == '+'))
        d.negative = *p++ == '-';
    struct bento_str word = bento_str_from(p, (size_t)(end - p));
    bool bare = word.n == cell.n - (size_t)(p - d.start) ||
                (p == cell.p && end == cell.p + cell.n);
    if (bare && (bento_str_ieq(word, BENTO_STR("inf")) ||
                 bento_str_ieq(word, BENTO_STR("infinity"))))
        return (struct bento_number){ .kind = BENTO_NUMBER_FLOAT,
                                      .real = d.negative ? -INFINITY : INFINITY };
    size_t digits = scan_digits(&p, end, &d, false);
    if (p < end && *p == '.') {
        p++;
        d.fraction = true;
        digits += scan_digits(&p, end, &d, true);
    }
    if (digits == 0)
        return none;
    scan_exponent(&p, end, &d);
    if (p != end)
        return none;
    d.end = p;
    finish(&d, &number);
    return number.overflow ? none : number;
}

/* ---- repr ---- */

size_t bento_number_repr(double value, char to[32])
{
    char digits[40];
    int precision = fabs(value) < 2.3e-308 ? 1 : 15; /* subnormals have fewer digits */

    if (isnan(value))
        return (size_t)snprintf(to, 32, "nan");
    if (isinf(value))
        return (size_t)snprintf(to, 32, value < 0 ? "-inf" : "inf");
    /* Shortest: most doubles need at most 15 digits, all at most 17. Numbers are
     * formatted and read in the C locale. */
    locale_t before = uselocale(c_locale());
    for (; precision <= 17; precision++) {
        (void)snprintf(digits, sizeof digits, "%.*e", precision - 1, value);
        if (precision == 17 || strtod(digits, NULL) == value)
            break;
    }
    (void)uselocale(before);
    char *e = strchr(digits, 'e');
    if (!e)
        return 0;
    int64_t exponent = 0;
    const char *sign = e + 1;
    (void)bento_parse_i64(bento_str_of(*sign == '+' ? sign + 1 : sign), -400, 400,
                          &exponent);
    char mantissa[24] = "0";
    size_t n = 0;
    for (const char *c = digits; c < e; c++)
        if (is_digit(*c) && n < sizeof mantissa)
            mantissa[n++] = *c;
    while (n > 1 && mantissa[n - 1] == '0')
        n--;
    size_t at = 0;
    if (digits[0] == '-')
        to[at++] = '-';
    if (exponent < -4 || exponent >= 16) {
        to[at++] = mantissa[0];
        if (n > 1) {
            to[at++] = '.';
            memcpy(to + at, mantissa + 1, n - 1);
            at += n - 1;
        }
        return at + (size_t)snprintf(to + at, 32 - at, "e%c%02d",
                                     exponent < 0 ? '-' : '+',
                                     (int)(exponent < 0 ? -exponent : exponent) % 1000);
    }
    if (exponent < 0) {
        to[at++] = '0';
        to[at++] = '.';
        for (int64_t i = -1; i > exponent; i--)
            to[at++] = '0';
        memcpy(to + at, mantissa, n);
        return at + n;
    }
    for (int64_t i = 0; i <= exponent || i < (int64_t)n; i++) {
        if (i == exponent + 1)
            to[at++] = '.';
        to[at++] = i < (int64_t)n ? mantissa[i] : '0';
    }
    if ((int64_t)n <= exponent + 1) {
        to[at++] = '.';
        to[at++] = '0';
    }
    return at;
}
