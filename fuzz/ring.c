/*
 * The server's reader against a completion ring with arbitrary content, as a broken or
 * hostile worker could write it: whatever comes, reading ends, stays inside the ring and
 * reports every ticket once.
 *
 * Input: requests of the job, position in the ring / 8, bytes published / 8 (2 bytes,
 * low first), bit 0: the job was taken, bit 1: every second request was started; then
 * the bytes of the ring from that position on. Jobs are numbered from 1, the next one
 * starts when one is over.
 */
#include <stdint.h>

#include "runtime/desk.h"

#define JOBS     ((uint64_t)4096)
#define RESULTS  ((uint64_t)2048)
#define TICKETS  16u
#define JOBS_MAX 8u
#define HEAD     5u

static struct bento_link_shared shared;
static _Alignas(64) char data[JOBS + RESULTS];

struct ticket {
    bool open;
    bool begun;
    uint64_t bytes;
    uint64_t total;
};

struct server {
    struct bento_desk desk;
    struct ticket tickets[TICKETS];
    uint64_t job;
    uint32_t count;
    unsigned sum; /* of all bytes delivered: a sanitizer sees reads outside */
};

static void require(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static void sum_up(struct server *s, struct bento_str bytes)
{
    const char *ring = data + JOBS;

    if (bytes.n && bytes.p >= ring && bytes.p < ring + RESULTS)
        require(bytes.n <= (size_t)(ring + RESULTS - bytes.p));
    for (size_t i = 0; i < bytes.n; i++)
        s->sum += (unsigned char)bytes.p[i];
}

static void on_result(void *arg, void *p, const struct bento_pool_piece *piece)
{
    struct server *s = arg;
    struct ticket *ticket = p;

    require(ticket->open);
    require(piece->status >= 100 && piece->status <= 599);
    require(!ticket->begun || (piece->headers.n == 0 && piece->total == ticket->total));
    sum_up(s, piece->headers);
    sum_up(s, piece->body);
    ticket->begun = true;
    ticket->total = piece->total;
    ticket->bytes += piece->body.n;
    require(ticket->bytes <= ticket->total);
    require(piece->last == (ticket->bytes == ticket->total));
    ticket->open = !piece->last;
}

static void on_lost(void *arg, void *p, bool started, bool timed_out)
{
    struct ticket *ticket = p;

    (void)arg;
    require(ticket->open);
    require(started || !timed_out);
    ticket->open = false;
}

static void on_done(void *arg, const struct bento_pool_done *done)
{
    struct server *s = arg;

    require(done->count == s->count);
    require(done->busy_ns <= 1000 && done->user_ns <= done->busy_ns);
    require(done->groups <= s->count && done->reruns <= s->count);
    for (uint32_t i = 0; i < s->count; i++)
        require(!s->tickets[i].open);
    s->job = 0;
}

static void submit(struct server *s, uint64_t number)
{
    static struct bento_wire_entry entries[TICKETS];
    void *list[TICKETS];
    struct bento_pool_job job = { .entries = entries, .tickets = list };

    for (uint32_t i = 0; i < s->count; i++) {
        s->tickets[i] = (struct ticket){ .open = true };
        list[i] = &s->tickets[i];
    }
    job.count = s->count;
    if (bento_desk_submit(&s->desk, &job, number, 0, NULL) == BENTO_OK)
        s->job = number;
}

static void ring_fill(const uint8_t *bytes, size_t n, uint8_t position)
{
    uint64_t at = (uint64_t)position * 8 % RESULTS;

    memset(data, 0, sizeof data);
    for (size_t i = 0; i < n && i < RESULTS; i++)
        data[JOBS + (at + i) % RESULTS] = (char)bytes[i];
    atomic_store(&shared.results.head, at);
    atomic_store(&shared.results.tail, at);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static const struct bento_pool_callbacks callbacks = {
        .on_result = on_result,
        .on_lost = on_lost,
        .on_done = on_done,
    };
    struct server s = { .count = 1 };
    enum bento_desk_state state = BENTO_DESK_MORE;
    bento_rc rc = BENTO_OK;
    uint64_t number = 1;

    if (size < HEAD)
        return 0;
    uint64_t published = (uint64_t)(input[2] | input[3] << 8) * 8;
    memset(&shared, 0, sizeof shared);
    ring_fill(input + HEAD, size - HEAD, input[1]);
    s.count = 1 + input[0] % TICKETS;
    if (bento_desk_init(&s.desk, &callbacks, &s, NULL) != BENTO_OK)
        return 0;
    bento_desk_open_sized(&s.desk, &shared, data, JOBS, RESULTS);
    atomic_store(&shared.results.tail, atomic_load(&shared.results.head) + published);
    submit(&s, number);
    atomic_store(&shared.taken_job, input[4] & 1 ? number : 0);
    for (uint32_t i = 0; i < TICKETS; i++)
        atomic_store(&shared.started[i], (input[4] & 2) && i % 2);
    for (unsigned turn = 0; rc == BENTO_OK && state != BENTO_DESK_EMPTY; turn++) {
        require(turn < RESULTS); /* every turn consumes something */
        rc = bento_desk_read(&s.desk, 1000, &state, NULL);
        if (rc == BENTO_OK && state == BENTO_DESK_DONE && number < JOBS_MAX)
            submit(&s, ++number);
    }
    bento_desk_lose(&s.desk, input[4] & 4);
    require(s.job == 0);
    bento_desk_close(&s.desk);
    bento_desk_release(&s.desk);
    return 0;
}
