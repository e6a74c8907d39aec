/* Short texts of a service; see brief.h. */
#include "store/brief.h"

#include "core/json_tree.h"

#define MEMORY_MAX (64u << 20) /* of one document */
#define TEXT_MAX   (1u << 20)

void brief_init(struct brief *brief)
{
    bento_arena_init(&brief->arena, 16u << 10, MEMORY_MAX);
    bento_buf_init(&brief->apis, TEXT_MAX);
    bento_buf_init(&brief->artifacts, TEXT_MAX);
}

void brief_release(struct brief *brief)
{
    bento_arena_release(&brief->arena);
    bento_buf_release(&brief->apis);
    bento_buf_release(&brief->artifacts);
}

static void add_text(struct bento_buf *to, const struct node *item, struct bento_str key)
{
    const struct node *text =
        item->type == NODE_OBJECT ? node_member(item, key, 0) : NULL;

    if (text && text->type == NODE_STRING)
        bento_buf_addstr(to, text->text);
}

/* "name<kind>" or "name<kind:result>", for each item of a list. */
static void add_list(struct bento_buf *to,
                     const struct node *root,
                     struct bento_str list,
                     struct bento_str kind,
                     struct bento_str result)
{
    const struct node *items =
        root->type == NODE_OBJECT ? node_member(root, list, 0) : NULL;

    bento_buf_clear(to);
    if (!items || items->type != NODE_ARRAY)
        return;
    for (size_t i = 0; i < items->count; i++) {
        bento_buf_adds(to, i ? ", " : "");
        add_text(to, &items->items[i], BENTO_STR("name"));
        bento_buf_addc(to, '<');
        add_text(to, &items->items[i], kind);
        if (result.n) {
            bento_buf_addc(to, ':');
            add_text(to, &items->items[i], result);
        }
        bento_buf_addc(to, '>');
    }
}

bento_rc brief_read(struct brief *brief,
                    const char *metadata_json,
                    const char **ret_apis,
                    const char **ret_artifacts)
{
    struct bento_str text = bento_str_of(metadata_json);
    struct node nothing = { .type = NODE_NULL };
    struct node *root = &nothing;

    bento_arena_clear(&brief->arena);
    if (bento_utf8_valid(text) &&
        node_parse(&brief->arena, text.p, text.n, &root, NULL) == BENTO_ENOMEM)
        return BENTO_ENOMEM;
    add_list(&brief->apis, root, BENTO_STR("apis"), BENTO_STR("input_type"),
             BENTO_STR("output_type"));
    add_list(&brief->artifacts, root, BENTO_STR("artifacts"), BENTO_STR("artifact_type"),
             BENTO_STR(""));
    *ret_apis = bento_buf_z(&brief->apis);
    *ret_artifacts = bento_buf_z(&brief->artifacts);
    return *ret_apis && *ret_artifacts ? BENTO_OK : BENTO_ENOMEM;
}
