/* YAML through libyaml; see yaml.h. */
#include "base/yaml.h"

#include <math.h>
#include <stdio.h>
#include <yaml.h>

#include "base/number.h"

#define YAML_BYTES_MAX (16u << 20)
#define YAML_DEPTH_MAX 64
#define YAML_NODES_MAX (YAML_BYTES_MAX / 8) /* with what aliases repeat, */
#define YAML_TEXT_MAX  (YAML_BYTES_MAX * 2) /* likewise */
/* libyaml compares each anchor and alias with all anchors before. */
#define YAML_LOOKUPS_MAX (1u << 24)
#define YAML_BINARY      "tag:yaml.org,2002:binary"

struct reader {
    yaml_document_t document;
    unsigned nodes;
    size_t text;
    bool told; /* err says why */
    struct bento_error *err;
};

/* ---- scalars ---- */

static bool one_of(struct bento_str s, const char *const *words)
{
    for (; *words; words++)
        if (bento_str_eq(s, bento_str_of(*words)))
            return true;
    return false;
}

static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
static const char *const trues[] = { "true", "True", "TRUE", NULL };
static const char *const falses[] = { "false", "False", "FALSE", NULL };
/* Text in YAML 1.2, something else to a reader of 1.1. */
static const char *const words_1_1[] = { "yes", "Yes", "YES", "no", "No",
                                         "NO",  "on",  "On",  "ON", "off",
                                         "Off", "OFF", "<<",  "=",  NULL };

static bool looks_numeric(struct bento_str s)
{
    if (s.n == 0 || s.n > 40)
        return false;
    char c = s.p[0];
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.';
}

/* Whether a plain scalar is more than text; then *ret is its value, NULL when there is no
 * memory for it. */
static bool plain_value(struct bento_str s, json_t **ret)
{
    if (one_of(s, nulls)) {
        *ret = json_null();
        return true;
    }
    if (one_of(s, trues)) {
        *ret = json_true();
        return true;
    }
    if (one_of(s, falses)) {
        *ret = json_false();
        return true;
    }
    if (!looks_numeric(s))
        return false;
    if (bento_str_ieq(s, BENTO_STR(".inf")) || bento_str_ieq(s, BENTO_STR("+.inf")) ||
        bento_str_ieq(s, BENTO_STR("-.inf")) || bento_str_ieq(s, BENTO_STR(".nan")))
        return false; /* JSON has no such number */
    struct bento_number number = bento_number_cell(s);
    bool octal = s.n > 1 && s.p[0] == '0' && number.kind == BENTO_NUMBER_INT;
    if (number.kind == BENTO_NUMBER_INT && !octal) {
        *ret = json_integer(number.i);
        return true;
    }
    if (number.kind == BENTO_NUMBER_FLOAT && isfinite(number.real)) {
        *ret = json_real(number.real);
        return true;
    }
    return false;
}

/* ---- reading ---- */

static json_t *read_node(struct reader *r, int index, unsigned depth);

static json_t *refuse(struct reader *r, const char *why)
{
    if (!r->told)
        (void)bento_fail(r->err, BENTO_EPARSE, "YAML %s", why);
    r->told = true;
    return NULL;
}

static json_t *no_memory(struct reader *r)
{
    if (!r->told)
        (void)bento_fail(r->err, BENTO_ENOMEM, "out of memory");
    r->told = true;
    return NULL;
}

static int base64_digit(char c)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* !!binary, as ruamel.yaml writes bytes (setup_sh of 0.13): whether it holds text;
 * then *ret is that, NULL when there is no memory for it. */
static bool binary_value(struct bento_str s, json_t **ret)
{
    struct bento_buf text;
    unsigned bits = 0;
    unsigned have = 0;
    bool good = true;

    bento_buf_init(&text, YAML_BYTES_MAX);
    for (size_t i = 0; i < s.n && good; i++) {
        int digit = base64_digit(s.p[i]);
        if (digit < 0) {
            good = strchr("= \r\n", s.p[i]) != NULL;
            continue;
        }
        bits = bits << 6 | (unsigned)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            bento_buf_addc(&text, (char)(bits >> have & 0xFF));
        }
    }
    good = good && (text.rc != BENTO_OK || bento_utf8_valid(bento_buf_str(&text)));
    if (good && text.rc == BENTO_OK)
        *ret = json_stringn(text.n ? text.p : "", text.n);
    bento_buf_release(&text);
    return good;
}

static json_t *read_scalar(struct reader *r, const yaml_node_t *node)
{
    struct bento_str s =
        bento_str_from((const char *)node->data.scalar.value, node->data.scalar.length);
    json_t *value = NULL;
    bool typed = false;

    if (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        typed = plain_value(s, &value);
    else if (node->tag && strcmp((const char *)node->tag, YAML_BINARY) == 0)
        typed = binary_value(s, &value);
    if (!typed)
        value = json_stringn(s.p, s.n);
    return value ? value : no_memory(r); /* libyaml has checked the UTF-8 */
}

static json_t *read_mapping(struct reader *r, const yaml_node_t *node, unsigned depth)
{
    json_t *object = json_object();

    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&r->document, pair->key);
        json_t *value = key && key->type == YAML_SCALAR_NODE
                            ? read_node(r, pair->value, depth + 1)
                            : NULL;
        if (!value) {
            json_decref(object);
            return NULL;
        }
        if (json_object_set_new(object, (const char *)key->data.scalar.value, value)) {
            json_decref(object);
            return no_memory(r);
        }
    }
    return object ? object : no_memory(r);
}

static json_t *read_sequence(struct reader *r, const yaml_node_t *node, unsigned depth)
{
    json_t *array = json_array();

    for (yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        json_t *value = read_node(r, *item, depth + 1);
        if (!value) {
            json_decref(array);
            return NULL;
        }
        if (json_array_append_new(array, value)) {
            json_decref(array);
            return no_memory(r);
        }
    }
    return array ? array : no_memory(r);
}

static json_t *read_node(struct reader *r, int index, unsigned depth)
{
    const yaml_node_t *node = yaml_document_get_node(&r->document, index);

    if (!node || depth > YAML_DEPTH_MAX)
        return refuse(r, "is nested too deeply");
    if (node->type == YAML_SCALAR_NODE)
        r->text += node->data.scalar.length;
    if (++r->nodes > YAML_NODES_MAX || r->text > YAML_TEXT_MAX)
        return refuse(r, "has too much in it");
    switch (node->type) {
    case YAML_SCALAR_NODE:
        return read_scalar(r, node);
    case YAML_MAPPING_NODE:
        return read_mapping(r, node, depth);
    case YAML_SEQUENCE_NODE:
        return read_sequence(r, node, depth);
    case YAML_NO_NODE:
        break;
    }
    return NULL;
}

static void malformed(struct reader *r, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        (void)no_memory(r);
    else if (!r->told)
        (void)bento_fail(r->err, BENTO_EPARSE, "malformed YAML at line %zu: %s",
                         parser->problem_mark.line + 1,
                         parser->problem ? parser->problem : "");
    r->told = true;
}

/* What libyaml needs quadratic time for: how deep a text is nested, and how often an
 * anchor is looked for. */
struct effort {
    unsigned depth;
    unsigned anchors;
    uint64_t lookups;
};

static void spend(struct effort *e, const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL;

    switch (event->type) {
    case YAML_ALIAS_EVENT:
        e->lookups += e->anchors;
        return;
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        e->depth++;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        e->depth++;
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        e->depth--;
        return;
    default:
        return;
    }
    if (anchor)
        e->lookups += e->anchors++;
}

/* Goes through the events of the first document, before anything is built from it: the
 * loader itself has no limit that stops it in time. */
static bool affordable(struct reader *r, struct bento_str text)
{
    struct effort effort = { 0, 0, 0 };
    yaml_event_type_t type = YAML_NO_EVENT;
    yaml_parser_t parser;

    if (!yaml_parser_initialize(&parser)) {
        (void)no_memory(r);
        return false;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.p, text.n);
    while (!r->told && type != YAML_DOCUMENT_END_EVENT && type != YAML_STREAM_END_EVENT) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            malformed(r, &parser);
            break;
        }
        type = event.type;
        spend(&effort, &event);
        yaml_event_delete(&event);
        if (effort.depth > YAML_DEPTH_MAX + 1)
            (void)refuse(r, "is nested too deeply");
        else if (effort.lookups > YAML_LOOKUPS_MAX)
            (void)refuse(r, "has too much in it");
    }
    yaml_parser_delete(&parser);
    return !r->told;
}

json_t *bento_yaml_read(struct bento_str text, struct bento_error *err)
{
    struct reader r = { .err = err };
    yaml_parser_t parser;
    json_t *value = NULL;

    text = text.p ? text : BENTO_STR("");

    if (text.n > YAML_BYTES_MAX) {
        (void)bento_fail(err, BENTO_ETOOLARGE, "YAML of %zu bytes", text.n);
        return NULL;
    }
    if (!affordable(&r, text))
        return NULL;
    if (!yaml_parser_initialize(&parser))
        return no_memory(&r);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.p, text.n);
    if (!yaml_parser_load(&parser, &r.document)) {
        malformed(&r, &parser);
        yaml_parser_delete(&parser);
        return NULL;
    }
    value = yaml_document_get_root_node(&r.document) ? read_node(&r, 1, 0) : json_null();
    if (!value)
        (void)refuse(&r, "has keys that are no text");
    yaml_document_delete(&r.document);
    yaml_parser_delete(&parser);
    return value;
}

/* ---- writing ---- */

static int append(void *arg, unsigned char *p, size_t n)
{
    struct bento_buf *to = arg;

    bento_buf_add(to, p, n);
    return to->rc == BENTO_OK;
}

/* Numbers of YAML that JSON does not have: 0x10, 0o7, 1_000, 1_0E2, 12:30, .inf. */
static bool foreign_number(struct bento_str s)
{
    size_t sign = s.n && (s.p[0] == '-' || s.p[0] == '+');

    if (!looks_numeric(s))
        return false;
    struct bento_str rest = bento_str_from(s.p + sign, s.n - sign);
    if (bento_str_ieq(rest, BENTO_STR(".inf")) || bento_str_ieq(rest, BENTO_STR(".nan")))
        return true;
    if (s.n > sign + 2 && s.p[sign] == '0' && strchr("xXoObB", s.p[sign + 1]))
        return true;
    for (size_t i = sign; i < s.n; i++)
        if (!s.p[i] || !strchr("0123456789_:.eE+-", s.p[i]))
            return false;
    return memchr(s.p, '_', s.n) || memchr(s.p, ':', s.n);
}

/* Text that a reader of YAML 1.1 or 1.2 would take for something else is quoted: null,
 * true, yes, 1.0, timestamps. */
static bool needs_quotes(struct bento_str s)
{
    json_t *value = NULL;
    bool typed = plain_value(s, &value);
    bool date = s.n >= 8 && s.p[0] >= '0' && s.p[0] <= '9' && memchr(s.p, '-', s.n) &&
                s.p[4] == '-';
    bool number = looks_numeric(s) && bento_number_cell(s).kind != BENTO_NUMBER_NONE;

    json_decref(value);
    /* "2026-11-20 23:36:37.504836" is written as the timestamp that 0.13 expects in
     * bentoml.yml. */
    if (date && s.n == 26 && s.p[10] == ' ' && s.p[13] == ':' && s.p[16] == ':' &&
        s.p[19] == '.')
        return false;
    return typed || date || number || foreign_number(s) || one_of(s, words_1_1);
}

static bool emit_text(yaml_emitter_t *e, const char *p, size_t n, bool typed)
{
    yaml_event_t event;
    struct bento_str s = bento_str_from(p, n);
    yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;

    if (memchr(p, '\n', n))
        style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    else if (!typed && needs_quotes(s))
        style = YAML_SINGLE_QUOTED_SCALAR_STYLE;
    return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)p,
                                        (int)n, 1, 1, style) &&
           yaml_emitter_emit(e, &event);
}

static bool emit(yaml_emitter_t *e, const json_t *value);

static bool emit_collection(yaml_emitter_t *e, const json_t *value)
{
    yaml_event_t event;
    const char *key;
    json_t *item;
    size_t i;

    if (json_is_array(value)) {
        yaml_sequence_style_t style =
            json_array_size(value) ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE;
        if (!yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style) ||
            !yaml_emitter_emit(e, &event))
            return false;
        json_array_foreach(value, i, item) if (!emit(e, item)) return false;
        return yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(e, &event);
    }
    yaml_mapping_style_t style =
        json_object_size(value) ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE;
    if (!yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style) ||
        !yaml_emitter_emit(e, &event))
        return false;
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        if (!emit_text(e, key, strlen(key), false) || !emit(e, item))
            return false;
    }
    return yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(e, &event);
}

/* 1e-05 becomes 1.0e-05: without the point YAML 1.1 reads text. */
static size_t dotted_exponent(char number[40], size_t n)
{
    char *e = memchr(number, 'e', n);

    if (!e || memchr(number, '.', n))
        return n;
    memmove(e + 2, e, (size_t)(number + n - e));
    e[0] = '.';
    e[1] = '0';
    return n + 2;
}

static bool emit(yaml_emitter_t *e, const json_t *value)
{
    char number[40];
    size_t n;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        return emit_collection(e, value);
    case JSON_STRING:
        return emit_text(e, json_string_value(value), json_string_length(value), false);
    case JSON_INTEGER:
        n = (size_t)snprintf(number, sizeof number, "%lld",
                             (long long)json_integer_value(value));
        return emit_text(e, number, n, true);
    case JSON_REAL:
        n = bento_number_repr(json_real_value(value), number);
        n = dotted_exponent(number, n);
        return emit_text(e, number, n, true);
    case JSON_TRUE:
        return emit_text(e, "true", 4, true);
    case JSON_FALSE:
        return emit_text(e, "false", 5, true);
    case JSON_NULL:
        break;
    }
    return emit_text(e, "", 0, true);
}

bento_rc
bento_yaml_write(struct bento_buf *to, const json_t *value, struct bento_error *err)
{
    yaml_emitter_t e;
    yaml_event_t event;

    if (!yaml_emitter_initialize(&e))
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    yaml_emitter_set_output(&e, append, to);
    yaml_emitter_set_unicode(&e, 1);
    yaml_emitter_set_width(&e, -1);
    bool ok = yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
              yaml_emitter_emit(&e, &event) &&
              yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
              yaml_emitter_emit(&e, &event) && emit(&e, value) &&
              yaml_document_end_event_initialize(&event, 1) &&
              yaml_emitter_emit(&e, &event) && yaml_stream_end_event_initialize(&event) &&
              yaml_emitter_emit(&e, &event);
    const char *problem = e.problem;
    yaml_emitter_delete(&e);
    if (to->rc != BENTO_OK)
        return bento_fail(err, to->rc, "no room for YAML: %s", bento_rc_text(to->rc));
    return ok ? BENTO_OK
              : bento_fail(err, BENTO_EINVAL, "cannot write YAML: %s",
                           problem ? problem : "out of memory");
}
