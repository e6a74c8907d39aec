/* JSON documents as trees; see json_tree.h. */
#include "core/json_tree.h"

#include <math.h>

#include "base/fail.h"

#define FEW_KEYS 8 /* so many are compared one by one */
#define KEYS_MAX (1u << 22)

struct parser {
    struct bento_arena *arena;
    const char *p;
    const char *end;
    bool no_memory;
};

static bool parse_value(struct parser *j, struct node *node, unsigned depth);

static void skip_blank(struct parser *j)
{
    while (j->p < j->end &&
           (*j->p == ' ' || *j->p == '\n' || *j->p == '\t' || *j->p == '\r'))
        j->p++;
}

static bool take(struct parser *j, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(j->end - j->p) < n || memcmp(j->p, word, n) != 0)
        return false;
    j->p += n;
    return true;
}

static bool read_hex4(struct parser *j, unsigned *ret)
{
    unsigned value = 0;

    if (j->end - j->p < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = j->p[i];
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = (unsigned)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (unsigned)((c | 0x20) - 'a' + 10);
        else
            return false;
        value = value << 4 | digit;
    }
    j->p += 4;
    *ret = value;
    return true;
}

static size_t put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xC0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xE0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3F));
        to[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3F));
    to[2] = (char)(0x80 | (code >> 6 & 0x3F));
    to[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* Behind the backslash of an escape. Surrogates must come in pairs: half of one is no
 * text. */
static bool read_escape(struct parser *j, char *to, size_t *at)
{
    static const char plain[] = "\"\\/bfnrt";
    static const char means[] = "\"\\/\b\f\n\r\t";
    unsigned code;
    unsigned low;

    if (j->p >= j->end)
        return false;
    char c = *j->p++;
    if (c != 'u') {
        const char *found = c ? strchr(plain, c) : NULL;
        if (!found)
            return false;
        to[(*at)++] = means[found - plain];
        return true;
    }
    if (!read_hex4(j, &code) || (code >= 0xDC00 && code < 0xE000))
        return false;
    if (code >= 0xD800 && code < 0xDC00) {
        if (!take(j, "\\u") || !read_hex4(j, &low) || low < 0xDC00 || low >= 0xE000)
            return false;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    *at += put_utf8(to + *at, code);
    return true;
}

/* Behind the opening quote. */
static bool parse_string(struct parser *j, struct bento_str *ret)
{
    const char *from = j->p;

    while (j->p < j->end && *j->p != '"' && *j->p != '\\' && (unsigned char)*j->p >= 0x20)
        j->p++;
    if (j->p < j->end && *j->p == '"') {
        *ret = bento_str_from(from, (size_t)(j->p - from));
        j->p++;
        return true;
    }
    const char *close =
        j->p; /* an upper bound of the length is the distance to the real closing quote */
    while (close < j->end && *close != '"')
        close += *close == '\\' && close + 1 < j->end ? 2 : 1;
    char *to = bento_arena_alloc(j->arena, (size_t)(close - from) + 4);
    if (!to) {
        j->no_memory = true;
        return false;
    }
    size_t at = (size_t)(j->p - from);
    memcpy(to, from, at);
    while (j->p < j->end && *j->p != '"') {
        char c = *j->p++;
        if ((unsigned char)c < 0x20)
            return false;
        if (c != '\\')
            to[at++] = c;
        else if (!read_escape(j, to, &at))
            return false;
    }
    if (j->p >= j->end)
        return false;
    j->p++;
    *ret = bento_str_from(to, at);
    return true;
}

/* Children grow in doubling arena arrays; what they leave behind is freed with the body.
 */
static bool grow(struct parser *j, struct node *node, size_t *cap)
{
    size_t more = *cap ? *cap * 2 : 4;
    struct node *items = bento_arena_alloc(j->arena, more * sizeof *items);
    struct bento_str *keys = node->type == NODE_OBJECT
                                 ? bento_arena_alloc(j->arena, more * sizeof *keys)
                                 : NULL;

    if (!items || (node->type == NODE_OBJECT && !keys)) {
        j->no_memory = true;
        return false;
    }
    if (node->count) {
        memcpy(items, node->items, node->count * sizeof *items);
        if (keys)
            memcpy(keys, node->keys, node->count * sizeof *keys);
    }
    node->items = items;
    node->keys = keys;
    *cap = more;
    if (!keys || more <= FEW_KEYS)
        return true;
    if (!name_index_init(&node->index, j->arena, more)) {
        j->no_memory = true;
        return false;
    }
    for (size_t i = 0; i < node->count; i++)
        (void)name_index_enter(&node->index, keys, keys[i], i);
    return true;
}

static bool parse_array(struct parser *j, struct node *node, unsigned depth)
{
    size_t cap = 0;

    skip_blank(j);
    if (take(j, "]"))
        return true;
    for (;;) {
        if (node->count == cap && !grow(j, node, &cap))
            return false;
        skip_blank(j);
        if (!parse_value(j, &node->items[node->count], depth + 1))
            return false;
        node->count++;
        skip_blank(j);
        if (take(j, "]"))
            return true;
        if (!take(j, ","))
            return false;
    }
}

static size_t find_key(const struct node *node, struct bento_str key)
{
    if (node->index.slots)
        return name_index_find(&node->index, node->keys, key);
    for (size_t i = 0; i < node->count; i++)
        if (bento_str_eq(node->keys[i], key))
            return i;
    return NAMES_NONE;
}

/* A key seen before keeps its place and gets the later value, as in a Python dict. */
static struct node *slot_for(struct node *node, struct bento_str key)
{
    size_t at = find_key(node, key);

    if (at != NAMES_NONE)
        return &node->items[at];
    node->keys[node->count] = key;
    if (node->index.slots)
        (void)name_index_enter(&node->index, node->keys, key, node->count);
    return &node->items[node->count++];
}

static bool parse_object(struct parser *j, struct node *node, unsigned depth)
{
    size_t cap = 0;

    skip_blank(j);
    if (take(j, "}"))
        return true;
    for (;;) {
        struct bento_str key;
        if (node->count == cap && !grow(j, node, &cap))
            return false;
        skip_blank(j);
        if (!take(j, "\"") || !parse_string(j, &key))
            return false;
        skip_blank(j);
        if (!take(j, ":"))
            return false;
        skip_blank(j);
        if (node->count > KEYS_MAX || !parse_value(j, slot_for(node, key), depth + 1))
            return false;
        skip_blank(j);
        if (take(j, "}"))
            return true;
        if (!take(j, ","))
            return false;
    }
}

static bool parse_number(struct parser *j, struct node *node)
{
    const char *from = j->p;

    node->type = NODE_NUMBER;
    node->number.kind = BENTO_NUMBER_FLOAT;
    if (take(j, "NaN")) {
        node->nan = true;
        node->number.real = NAN;
        return true;
    }
    if (take(j, "Infinity")) {
        node->number.real = INFINITY;
        return true;
    }
    if (take(j, "-Infinity")) {
        node->number.real = -INFINITY;
        return true;
    }
    if (!bento_number_json(j->p, j->end, &node->number, &j->p))
        return false;
    node->text = bento_str_from(from, (size_t)(j->p - from));
    if (bento_str_eq(node->text, BENTO_STR("-0")))
        node->text = BENTO_STR("0");
    return true;
}

static bool parse_value(struct parser *j, struct node *node, unsigned depth)
{
    *node = (struct node){ .type = NODE_NULL };
    if (depth > NODE_DEPTH_MAX || j->p >= j->end)
        return false;
    switch (*j->p) {
    case '[':
        j->p++;
        node->type = NODE_ARRAY;
        return parse_array(j, node, depth);
    case '{':
        j->p++;
        node->type = NODE_OBJECT;
        return parse_object(j, node, depth);
    case '"':
        j->p++;
        node->type = NODE_STRING;
        return parse_string(j, &node->text);
    case 'n':
        return take(j, "null");
    case 't':
        node->type = NODE_TRUE;
        return take(j, "true");
    case 'f':
        node->type = NODE_FALSE;
        return take(j, "false");
    default:
        return parse_number(j, node);
    }
}

bento_rc node_parse(struct bento_arena *arena,
                    const char *p,
                    size_t n,
                    struct node **ret,
                    struct bento_error *err)
{
    struct parser j = { .arena = arena, .p = p, .end = p + n };
    struct node *root = bento_arena_alloc(arena, sizeof *root);

    if (!root)
        return bento_fail(err, BENTO_ENOMEM, "out of memory");
    skip_blank(&j);
    bool ok = parse_value(&j, root, 0);
    skip_blank(&j);
    if (j.no_memory)
        return bento_fail(err, BENTO_ENOMEM, "no memory for a JSON body");
    if (!ok || j.p != j.end)
        return bento_fail(err, BENTO_EPARSE, "malformed JSON at byte %zu",
                          (size_t)(j.p - p));
    *ret = root;
    return BENTO_OK;
}

const struct node *
node_member(const struct node *object, struct bento_str key, size_t guess)
{
    if (guess < object->count && bento_str_eq(object->keys[guess], key))
        return &object->items[guess];
    size_t at = find_key(object, key);
    return at == NAMES_NONE ? NULL : &object->items[at];
}

/* ---- repr ---- */

/* A str as Python's repr writes it; printable non-ASCII text stays as it is. */
static void repr_string(struct bento_buf *to, struct bento_str s)
{
    static const char hex[] = "0123456789abcdef";
    bool apostrophe = s.n && memchr(s.p, '\'', s.n);
    bool quote = s.n && memchr(s.p, '"', s.n);
    char mark = apostrophe && !quote ? '"' : '\'';

    bento_buf_addc(to, mark);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == (unsigned char)mark || c == '\\') {
            bento_buf_addc(to, '\\');
            bento_buf_addc(to, (char)c);
        } else if (c == '\n' || c == '\r' || c == '\t') {
            bento_buf_addc(to, '\\');
            bento_buf_addc(to, c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        } else if (c < 0x20 || c == 0x7F) {
            char escaped[4] = { '\\', 'x', hex[c >> 4], hex[c & 15] };
            bento_buf_add(to, escaped, 4);
        } else {
            bento_buf_addc(to, (char)c);
        }
    }
    bento_buf_addc(to, mark);
}

static void repr_number(struct bento_buf *to, const struct node *node)
{
    char text[32];

    if (node->number.kind != BENTO_NUMBER_FLOAT)
        bento_buf_addstr(to, node->text);
    else
        bento_buf_add(to, text, bento_number_repr(node->number.real, text));
}

void node_repr(struct bento_buf *to, const struct node *node)
{
    switch (node->type) {
    case NODE_NULL:
        bento_buf_adds(to, "None");
        break;
    case NODE_TRUE:
        bento_buf_adds(to, "True");
        break;
    case NODE_FALSE:
        bento_buf_adds(to, "False");
        break;
    case NODE_NUMBER:
        repr_number(to, node);
        break;
    case NODE_STRING:
        repr_string(to, node->text);
        break;
    case NODE_ARRAY:
    case NODE_OBJECT:
        bento_buf_addc(to, node->type == NODE_ARRAY ? '[' : '{');
        for (size_t i = 0; i < node->count; i++) {
            bento_buf_adds(to, i ? ", " : "");
            if (node->type == NODE_OBJECT) {
                repr_string(to, node->keys[i]);
                bento_buf_adds(to, ": ");
            }
            node_repr(to, &node->items[i]); /* depth is bounded by the parser */
        }
        bento_buf_addc(to, node->type == NODE_ARRAY ? ']' : '}');
        break;
    }
}
