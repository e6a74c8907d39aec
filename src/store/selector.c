/*
 * Label selectors of 0.13: `k=v, k!=v, k In (a, b), k NotIn (a), k, k Exists, k
 * DoesNotExist`, joined by commas, all of which must hold. As there, != and NotIn hold
 * only for a label that is there with another value: `delete --labels` must not take
 * more.
 */
#include "store/store.h"

/* Next term: up to a comma outside parentheses. */
static bool next_term(struct bento_str *rest, struct bento_str *ret)
{
    size_t depth = 0;

    if (!rest->p)
        return false;
    for (size_t i = 0; i < rest->n; i++) {
        char c = rest->p[i];
        depth += c == '(';
        depth -= c == ')' && depth;
        if (c == ',' && depth == 0) {
            *ret = bento_str_from(rest->p, i);
            *rest = bento_str_from(rest->p + i + 1, rest->n - i - 1);
            return true;
        }
    }
    *ret = *rest;
    *rest = bento_str_from(NULL, 0);
    return true;
}

static struct bento_str value_of(const json_t *labels, struct bento_str key)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)labels, name, value)
    {
        if (bento_str_eq(bento_str_of(name), key))
            return bento_str_of(json_string_value(value));
    }
    return bento_str_from(NULL, 0);
}

/* Keys are what 0.13 lets a label be called. */
static bool is_key(struct bento_str key)
{
    for (size_t i = 0; i < key.n; i++) {
        char c = key.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || strchr("_.-/", c)) ||
            c == '\0')
            return false;
    }
    return key.n > 0;
}

static bento_rc match_equal(struct bento_str term,
                            const char *sign,
                            const json_t *labels,
                            bool *ret,
                            struct bento_error *err)
{
    bool negative = sign > term.p && sign[-1] == '!';
    struct bento_str key =
        bento_str_trim(bento_str_from(term.p, (size_t)(sign - term.p) - negative));
    struct bento_str want =
        bento_str_trim(bento_str_from(sign + 1, term.n - (size_t)(sign + 1 - term.p)));

    if (memchr(want.p, '=', want.n))
        return bento_fail(err, BENTO_EINVAL, "Too many '=' operator in query %.*s",
                          BENTO_STR_ARG(term));
    if (!key.n || !want.n)
        return bento_fail(err, BENTO_EINVAL, "label query '%.*s' needs a key and a value",
                          BENTO_STR_ARG(term));
    if (!is_key(key))
        return bento_fail(err, BENTO_EINVAL, "label query '%.*s' is malformed",
                          BENTO_STR_ARG(term));
    struct bento_str is = value_of(labels, key);
    *ret = is.p && bento_str_eq(is, want) != negative;
    return BENTO_OK;
}

static bool in_list(struct bento_str list, struct bento_str is)
{
    struct bento_str part;

    while (bento_str_next(&list, ',', &part))
        if (bento_str_eq(bento_str_trim(part), is))
            return true;
    return false;
}

static bool is_operator(struct bento_str word)
{
    return bento_str_ieq(word, BENTO_STR("In")) ||
           bento_str_ieq(word, BENTO_STR("NotIn")) ||
           bento_str_ieq(word, BENTO_STR("Exists")) ||
           bento_str_ieq(word, BENTO_STR("DoesNotExist"));
}

static bento_rc match_word(struct bento_str term,
                           const json_t *labels,
                           bool *ret,
                           struct bento_error *err)
{
    struct bento_str rest = term;
    struct bento_str key;
    struct bento_str word;

    if (!bento_str_next(&rest, ' ', &key) || !is_key(key) || is_operator(key))
        return bento_fail(err, BENTO_EINVAL, "label query '%.*s' is malformed",
                          BENTO_STR_ARG(term));
    if (!rest.p) {
        *ret = value_of(labels, key).p != NULL;
        return BENTO_OK;
    }
    rest = bento_str_trim(rest);
    size_t n = 0;
    while (n < rest.n && rest.p[n] != ' ' && rest.p[n] != '(')
        n++;
    word = bento_str_from(rest.p, n);
    rest = bento_str_trim(bento_str_from(rest.p + n, rest.n - n));
    struct bento_str is = value_of(labels, key);
    if (bento_str_ieq(word, BENTO_STR("Exists")) ||
        bento_str_ieq(word, BENTO_STR("DoesNotExist"))) {
        *ret = (is.p != NULL) == (word.n == 6);
        return rest.n ? bento_fail(err, BENTO_EINVAL, "label query '%.*s' is malformed",
                                   BENTO_STR_ARG(term))
                      : BENTO_OK;
    }
    bool in = bento_str_ieq(word, BENTO_STR("In"));
    if ((!in && !bento_str_ieq(word, BENTO_STR("NotIn"))) || rest.n < 2 ||
        rest.p[0] != '(' || rest.p[rest.n - 1] != ')' || rest.n == 2)
        return bento_fail(err, BENTO_EINVAL, "label query '%.*s' is malformed",
                          BENTO_STR_ARG(term));
    *ret = is.p && in_list(bento_str_from(rest.p + 1, rest.n - 2), is) == in;
    return BENTO_OK;
}

bento_rc selector_match(const char *selector,
                        const json_t *labels,
                        bool *ret,
                        struct bento_error *err)
{
    struct bento_str rest = bento_str_of(selector ? selector : "");
    struct bento_str term;

    *ret = true;
    if (bento_str_trim(rest).n == 0)
        return BENTO_OK;
    while (next_term(&rest, &term)) {
        bool holds = false;
        term = bento_str_trim(term);
        const char *sign = term.n ? memchr(term.p, '=', term.n) : NULL;
        bento_rc rc = sign ? match_equal(term, sign, labels, &holds, err)
                           : match_word(term, labels, &holds, err);
        if (rc != BENTO_OK)
            return rc;
        *ret = *ret && holds;
    }
    return BENTO_OK;
}
