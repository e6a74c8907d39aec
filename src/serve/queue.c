/* API queues; see queue.h. */
#include "serve/queue.h"

#include "base/log.h"
#include "proto/wire.h"
#include "runtime/pool.h"
#include "serve/server.h"

#define SECOND_NS 1000000000ll

static const struct bento_str busy_text = { "429: Too Many Requests", 22 };

void api_init(struct api *api, struct server *server, uint32_t index)
{
    const struct service_api *about = &server->service.apis[index];
    struct bento_batch_limits limits = { about->max_batch, about->max_latency_ns };

    *api = (struct api){ .server = server, .about = about, .index = index };
    bento_batch_init(&api->batch, &limits);
}

/* ---- lists ---- */

static void queue_push(struct api *api, struct exchange *x, bool front)
{
    x->state = EXCHANGE_QUEUED;
    x->prev = front ? NULL : api->last;
    x->next = front ? api->first : NULL;
    if (x->prev)
        x->prev->next = x;
    else
        api->first = x;
    if (x->next)
        x->next->prev = x;
    else
        api->last = x;
    api->queued++;
}

static void queue_remove(struct api *api, struct exchange *x)
{
    if (x->prev)
        x->prev->next = x->next;
    else
        api->first = x->next;
    if (x->next)
        x->next->prev = x->prev;
    else
        api->last = x->prev;
    x->prev = x->next = NULL;
    api->queued--;
}

static void live_push(struct api *api, struct exchange *x)
{
    x->live = true;
    x->live_prev = api->live_last;
    x->live_next = NULL;
    if (api->live_last)
        api->live_last->live_next = x;
    else
        api->live_first = x;
    api->live_last = x;
}

void api_answered(struct exchange *x)
{
    struct api *api = x->api;

    if (x->live_prev)
        x->live_prev->live_next = x->live_next;
    else
        api->live_first = x->live_next;
    if (x->live_next)
        x->live_next->live_prev = x->live_prev;
    else
        api->live_last = x->live_prev;
    x->live = false;
}

/* ---- events ---- */

static struct bento_batch_view view_of(const struct api *api, int64_t now)
{
    const struct server *server = api->server;
    const struct wait_lists *waits = &server->waits;
    struct bento_batch_view view = {
        .now_ns = now,
        .queued = api->queued,
        .head_deadline_ns =
            api->first ? api->first->arrival_ns + api->about->max_latency_ns : 0,
        .head_arrival_ns = api->first ? api->first->arrival_ns : 0,
        .workers = bento_pool_workers(server->pool),
        .idle = bento_pool_idle(server->pool),
        .next_free_ns = api->busy_until_ns > now ? api->busy_until_ns : INT64_MAX,
        .idle_connections =
            (uint32_t)(waits->count[PHASE_IDLE] + waits->count[PHASE_HEAD] +
                       waits->count[PHASE_BODY]),
    };

    if (view.idle < view.workers && view.next_free_ns == INT64_MAX)
        view.next_free_ns = now;
    return view;
}

/* Clients that were just answered and may be back in a moment: a look at each of them, so
 * once a turn and not once a request. */
static void view_returning(const struct api *api, struct bento_batch_view *view)
{
    int64_t window = (int64_t)(3 * api->batch.theta_ns) + 20000;
    int64_t last = 0;

    if (!view->queued || !view->idle)
        return;
    view->returning = conn_returning(api->server, api, view->now_ns - window, &last);
    view->return_due_ns = last + window;
}

static void refuse_busy(struct exchange *x, int64_t retry_ns)
{
    char seconds[24];
    int64_t wait = (retry_ns + SECOND_NS - 1) / SECOND_NS;

    (void)snprintf(seconds, sizeof seconds, "%lld", (long long)(wait < 1 ? 1 : wait));
    struct bento_http_header retry = { BENTO_STR("Retry-After"), bento_str_of(seconds) };
    struct answer answer = { .status = 429,
                             .type = BENTO_STR("text/plain; charset=utf-8"),
                             .body = busy_text,
                             .total = busy_text.n,
                             .headers = &retry,
                             .header_count = 1,
                             .with_id = true };
    exchange_answer(x, &answer, true);
}

void api_enqueue(struct exchange *x)
{
    struct api *api = x->api;
    struct server *server = x->server;
    int64_t now = server->now_ns;
    int64_t retry = 0;

    metrics_add(&server->metrics.mb_progress, x->endpoint, 0, server_method(x), 1);
    if (bento_pool_workers(server->pool) == 0 && !server->ready) {
        exchange_text(x, 503,
                      BENTO_STR("503: Service Unavailable: workers are starting\n"));
        return;
    }
    if (server->down) {
        exchange_text(x, 503, server_down_text);
        return;
    }
    if (server->exchanges > SERVER_QUEUE_MAX) {
        exchange_text(x, 503,
                      BENTO_STR("503: Service Unavailable: too many requests wait\n"));
        return;
    }
    if (api->about->batch) {
        struct bento_batch_view view = view_of(api, now);
        bento_batch_arrival(&api->batch, now);
        if (!bento_batch_admit(&api->batch, &view, &retry)) {
            refuse_busy(x, retry);
            return;
        }
        /* As in 0.13 a target below one second is a target only: nothing is cut off at
         * it. */
        if (api->about->max_latency_ns >= SECOND_NS)
            x->deadline_ns = x->arrival_ns + api->about->max_latency_ns;
    }
    exchange_ref(x);
    queue_push(api, x, false);
    live_push(api, x);
    api->dirty = true;
}

void api_cancel(struct exchange *x)
{
    struct api *api = x->api;

    if (!x->answered) {
        x->answered = true;
        api_answered(x);
        server_account(x->server, x, 499);
    }
    if (x->state == EXCHANGE_QUEUED) {
        queue_remove(api, x);
        x->state = EXCHANGE_DONE;
        api->dirty = true;
        exchange_unref(x);
    }
}

/* ---- dispatch ---- */

/* Hands the n oldest requests to an idle worker. */
static bool dispatch(struct api *api, uint32_t n, int64_t now)
{
    static struct bento_wire_entry entries[BENTO_WIRE_ENTRIES_MAX];
    static void *tickets[BENTO_WIRE_ENTRIES_MAX];
    struct server *server = api->server;
    struct bento_pool_job job = { .api = api->index,
                                  .entries = entries,
                                  .tickets = tickets,
                                  .count = n,
                                  .body_max = api->about->body_max };
    struct bento_error err = BENTO_ERROR_INIT;
    struct exchange *x = api->first;

    for (uint32_t i = 0; i < n; i++, x = x->next) {
        entries[i] = (struct bento_wire_entry){ .block = x->block,
                                                .meta_size = x->meta_size,
                                                .body_size = x->body_size,
                                                .flags = x->wire_flags };
        memcpy(entries[i].task_id, x->task_id, sizeof x->task_id);
        tickets[i] = x;
    }
    if (bento_pool_submit(server->pool, &job, &err) != BENTO_OK) {
        BENTO_LOG(BENTO_LOG_WARN, "serve", BENTO_LOG_M("job not taken by a worker"),
                  BENTO_LOG_Z("error", err.message));
        return false;
    }
    for (uint32_t i = 0; i < n && api->first; i++) {
        x = api->first;
        queue_remove(api, x);
        x->state = EXCHANGE_RUNNING;
        x->submitted_ns = now;
    }
    api->running++;
    metrics_add(&server->metrics.call_progress, api->about->route, 0, NULL, 1);
    api->busy_until_ns = now + bento_batch_predict(&api->batch, n);
    if (api->about->batch)
        metrics_observe(&server->metrics.mb_batch, api->about->route, 0, n, n);
    return true;
}

static void drop_oldest(struct api *api, uint32_t n)
{
    while (n-- && api->first) {
        struct exchange *x = api->first;
        queue_remove(api, x);
        x->state = EXCHANGE_DONE;
        refuse_busy(x, bento_batch_predict(&api->batch, 1));
        exchange_unref(x);
    }
}

static void pump_batches(struct api *api)
{
    while (api->first) {
        int64_t now = server_now(api->server);
        struct bento_batch_view view = view_of(api, now);
        view_returning(api, &view);
        struct bento_batch_decision decision = bento_batch_decide(&api->batch, &view);
        if (decision.action == BENTO_BATCH_DROP) {
            drop_oldest(api, decision.count);
        } else if (decision.action == BENTO_BATCH_GO) {
            if (!dispatch(api, decision.count, now))
                return;
        } else {
            if (decision.action == BENTO_BATCH_WAIT)
                bento_alarm_set(&api->server->alarm, decision.wake_ns);
            return;
        }
    }
}

void api_pump(struct api *api)
{
    api->dirty = false;
    if (api->about->batch) {
        pump_batches(api);
        return;
    }
    while (api->first && bento_pool_idle(api->server->pool) > 0)
        if (!dispatch(api, 1, server_now(api->server)))
            return;
}

static void drop_first(struct api *api, struct bento_str text)
{
    struct exchange *x = api->first;

    queue_remove(api, x);
    x->state = EXCHANGE_DONE;
    exchange_text(x, 503, text);
    exchange_unref(x);
}

void api_expire(struct api *api, int64_t now_ns)
{
    int64_t limit_ns = api->server->options.timeout_ms * 1000000;

    while (api->live_first && api->live_first->deadline_ns <= now_ns) {
        struct exchange *x = api->live_first;
        bool queued = x->state == EXCHANGE_QUEUED;
        if (queued) {
            queue_remove(api, x);
            x->state = EXCHANGE_DONE;
        }
        exchange_text(x, 408, BENTO_STR("Request timeout"));
        if (queued) /* a running one is let go when its worker reports */
            exchange_unref(x);
    }
    while (api->first && now_ns - api->first->arrival_ns >= limit_ns)
        drop_first(api,
                   BENTO_STR("503: Service Unavailable: no worker was free in time\n"));
}

void api_flush(struct api *api, struct bento_str text)
{
    while (api->first)
        drop_first(api, text);
}

/* ---- what workers say ---- */

static struct bento_str type_of(uint8_t content)
{
    if (content == BENTO_WIRE_TYPE_JSON)
        return BENTO_STR("application/json");
    if (content == BENTO_WIRE_TYPE_TEXT)
        return BENTO_STR("text/plain; charset=utf-8");
    return bento_str_from(NULL, 0);
}

/* "Name: value\r\n" lines; hop-by-hop headers and those that we write ourselves are left
 * out. */
static size_t split_headers(struct bento_str lines,
                            struct bento_http_header *to,
                            size_t max,
                            struct bento_str *ret_type)
{
    static const char *const ours[] = {
        "connection", "content-length", "transfer-encoding", "keep-alive", "upgrade",
        "date",       "x-request-id",   "trailer",           "te"
    };
    struct bento_str line;
    size_t count = 0;

    while (lines.n && bento_str_next(&lines, '\n', &line) && count < max) {
        struct bento_str name;
        bool skip = false;
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (!bento_str_next(&line, ':', &name) || !line.p)
            continue;
        struct bento_str value = bento_str_trim(line);
        if (bento_str_ieq(name, BENTO_STR("content-type"))) {
            if (bento_http_header_ok(name, value))
                *ret_type = value;
            continue;
        }
        for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
            skip = skip || bento_str_ieq(name, bento_str_of(ours[i]));
        if (!skip)
            to[count++] = (struct bento_http_header){ name, value };
    }
    return count;
}

static void first_piece(struct exchange *x, const struct bento_pool_piece *piece)
{
    struct bento_http_header headers[64];
    struct answer answer = { .status = piece->status,
                             .type = type_of(piece->content),
                             .body = piece->body,
                             .total = piece->total,
                             .headers = headers,
                             .with_id = true };

    if (piece->headers.n)
        answer.header_count = split_headers(piece->headers, headers, 64, &answer.type);
    if (piece->flags & BENTO_WIRE_RERUN)
        metrics_add(&x->server->metrics.reruns, x->endpoint, 0, NULL, 1);
    x->streaming = !piece->last;
    exchange_answer(x, &answer, piece->last);
}

void api_on_result(void *arg, void *ticket, const struct bento_pool_piece *piece)
{
    struct exchange *x = ticket;

    (void)arg;
    if (piece->last)
        x->state = EXCHANGE_DONE;
    if (!x->answered)
        first_piece(x, piece);
    else if (x->streaming)
        exchange_more(x, piece->body, piece->last);
    if (piece->last)
        exchange_unref(x);
}

void api_on_lost(void *arg, void *ticket, bool started, bool timed_out)
{
    struct server *server = arg;
    struct exchange *x = ticket;

    if (x->answered) { /* cut off, gone, or half delivered */
        x->state = EXCHANGE_DONE;
        if (x->streaming)
            exchange_abort(x);
        exchange_unref(x);
        return;
    }
    if (!started && !x->retried && !server->stopped) {
        x->retried = true;
        x->wire_flags |= BENTO_WIRE_RETRY;
        queue_push(x->api, x, true);
        x->api->dirty = true;
        return;
    }
    x->state = EXCHANGE_DONE;
    server->metrics.requests_lost++;
    metrics_add(&server->metrics.mb_exception, x->endpoint, 0,
                timed_out ? "TimeoutError" : "WorkerLost", 1);
    exchange_text(
        x, 503,
        timed_out
            ? BENTO_STR("503: Service Unavailable: the execution took too long\n")
            : BENTO_STR(
                  "503: Service Unavailable: the worker process ended while handling this request\n"));
    exchange_unref(x);
}

void api_on_done(void *arg, const struct bento_pool_done *done)
{
    struct server *server = arg;
    struct api *api = &server->apis[done->api];
    int64_t now = server_now(server);

    api->running--;
    metrics_add(&server->metrics.call_progress, api->about->route, 0, NULL, -1);
    if (done->groups > 1)
        metrics_add(&server->metrics.groups, api->about->route, 0, NULL,
                    done->groups - 1);
    metrics_observe(&server->metrics.call_total, api->about->route,
                    done->lost ? 503 : 200, 1, (double)(now - done->submitted_ns) / 1e9);
    if (!done->lost)
        bento_batch_sample(&api->batch, done->count, (int64_t)done->busy_ns, now);
    for (size_t i = 0; i < server->service.api_count; i++)
        if (server->apis[i].first)
            server->apis[i].dirty = true;
}
