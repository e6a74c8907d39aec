/* Exchanges; see exchange.h. */
#include "serve/exchange.h"

#include "base/alloc.h"
#include "base/log.h"
#include "runtime/pool.h"
#include "serve/server.h"

#define SPARES_MAX 1024

struct exchange *exchange_new(struct server *server,
                              const struct exchange_transport *transport,
                              void *peer)
{
    struct exchange *x = server->spare;

    if (x) {
        server->spare = x->next;
        server->spares--;
    } else {
        x = bento_alloc(sizeof *x);
    }
    if (!x)
        return NULL;
    *x = (struct exchange){
        .server = server,
        .transport = transport,
        .peer = peer,
        .refs = 1,
        .deadline_ns = INT64_MAX,
    };
    x->arrival_ns = server->now_ns;
    bento_buf_init(&x->small, SERVER_SMALL_BODY_MAX);
    server_random(server, x->task_id);
    server->exchanges++;
    return x;
}

static void drop_block(struct exchange *x)
{
    if (!x->has_block)
        return;
    bento_area_free(bento_pool_area(x->server->pool), x->block);
    x->has_block = false;
}

void exchange_ref(struct exchange *x)
{
    x->refs++;
}

void exchange_unref(struct exchange *x)
{
    struct server *server = x->server;

    if (--x->refs > 0)
        return;
    drop_block(x);
    bento_buf_release(&x->small);
    server->exchanges--;
    if (server->spares >= SPARES_MAX) {
        bento_free(x);
        return;
    }
    x->next = server->spare;
    server->spare = x;
    server->spares++;
}

void exchange_detach(struct exchange *x)
{
    x->peer = NULL;
    if (x->state == EXCHANGE_READING)
        x->state = EXCHANGE_DONE;
    else if (x->state == EXCHANGE_QUEUED || x->state == EXCHANGE_RUNNING)
        api_cancel(x);
    exchange_unref(x);
}

/* Not more than once a second: a full area refuses many requests. */
static void log_area_full(struct exchange *x)
{
    struct server *server = x->server;
    struct bento_area *area = bento_pool_area(server->pool);

    if (server->now_ns < server->area_said_ns)
        return;
    server->area_said_ns = server->now_ns + 1000000000;
    BENTO_LOG(BENTO_LOG_WARN, "serve", BENTO_LOG_M("no room for a request, answered 503"),
              BENTO_LOG_Z("endpoint", x->endpoint),
              BENTO_LOG_I("area_used", (int64_t)bento_area_used(area)),
              BENTO_LOG_I("area_size", (int64_t)bento_area_size(area)),
              BENTO_LOG_Z("hint", "bodies wait or arrive faster than workers take them"));
}

int exchange_reserve(struct exchange *x)
{
    struct bento_area *area = bento_pool_area(x->server->pool);

    x->body_room =
        x->body_expected < EXCHANGE_BODY_START ? x->body_expected : EXCHANGE_BODY_START;
    if (!x->meta_size ||
        bento_area_alloc(area, bento_wire_align(x->meta_size) + x->body_room,
                         &x->block) != BENTO_OK) {
        log_area_full(x);
        return 503;
    }
    x->has_block = true;
    x->sink = SINK_BLOCK;
    return 0;
}

/* Room follows what has arrived: nobody holds more than a few times of what he sent. */
static int grow_block(struct exchange *x, uint64_t need)
{
    struct bento_area *area = bento_pool_area(x->server->pool);
    uint64_t start = bento_wire_align(x->meta_size);
    uint64_t room =
        x->body_room * 4 < x->body_expected ? x->body_room * 4 : x->body_expected;

    if (room < need)
        room = need;
    if (bento_area_resize(area, &x->block, start + x->body_size, start + room) !=
        BENTO_OK) {
        log_area_full(x);
        return 503;
    }
    x->body_room = room;
    return 0;
}

int exchange_body(struct exchange *x, const char *p, size_t n)
{
    if (x->body_size + n > x->body_max)
        return 413;
    if (x->sink == SINK_BLOCK) {
        if (x->body_size + n > x->body_room) {
            int status = grow_block(x, x->body_size + n);
            if (status)
                return status;
        }
        char *to = bento_area_at(bento_pool_area(x->server->pool),
                                 x->block + bento_wire_align(x->meta_size));
        if (to + x->body_size != p) /* else it was read in place */
            memcpy(to + x->body_size, p, n);
    } else if (x->sink == SINK_SMALL) {
        bento_buf_add(&x->small, p, n);
        if (x->small.rc != BENTO_OK)
            return x->small.rc == BENTO_ENOMEM ? 503 : 413;
    }
    x->body_size += n;
    return 0;
}

char *exchange_body_window(struct exchange *x, size_t *ret_size)
{
    if (x->sink != SINK_BLOCK || x->body_size >= x->body_expected)
        return NULL;
    if (x->body_size == x->body_room && grow_block(x, x->body_size + 1) != 0)
        return NULL; /* the bytes come another way, and are refused there */
    *ret_size = (size_t)(x->body_room - x->body_size);
    return (char *)bento_area_at(bento_pool_area(x->server->pool),
                                 x->block + bento_wire_align(x->meta_size)) +
           x->body_size;
}

void exchange_answer(struct exchange *x, const struct answer *answer, bool last)
{
    if (x->answered) {
        BENTO_LOG(BENTO_LOG_ERROR, "serve",
                  BENTO_LOG_M("second answer to one request ignored"),
                  BENTO_LOG_Z("endpoint", x->endpoint));
        return;
    }
    x->answered = true;
    (void)server_now(x->server);
    if (x->live)
        api_answered(x);
    x->sent = answer->body.n;
    server_account(x->server, x, answer->status);
    if (last && x->state != EXCHANGE_RUNNING)
        x->state = EXCHANGE_DONE;
    if (x->peer)
        x->transport->answer(x, answer, last);
}

void exchange_more(struct exchange *x, struct bento_str piece, bool last)
{
    x->sent += piece.n;
    (void)server_now(x->server);
    if (x->peer)
        x->transport->more(x, piece, last);
}

void exchange_abort(struct exchange *x)
{
    if (x->peer)
        x->transport->abort(x);
}

void exchange_send(struct exchange *x,
                   int status,
                   struct bento_str type,
                   struct bento_str body)
{
    struct answer answer = { .status = status,
                             .type = type,
                             .body = body,
                             .total = body.n,
                             .with_id = x->api != NULL };

    exchange_answer(x, &answer, true);
}

void exchange_text(struct exchange *x, int status, struct bento_str text)
{
    exchange_send(x, status, BENTO_STR("text/plain; charset=utf-8"), text);
}

void exchange_id(const struct exchange *x, char to[36])
{
    static const char hex[] = "0123456789abcdef";
    size_t at = 0;

    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            to[at++] = '-';
        to[at++] = hex[x->task_id[i] >> 4];
        to[at++] = hex[x->task_id[i] & 15];
    }
}
