/* Connection time limits; see timeouts.h. */
#include "serve/timeouts.h"

void wait_lists_init(struct wait_lists *lists)
{
    for (int i = 0; i < PHASE_COUNT; i++) {
        lists->heads[i].prev = lists->heads[i].next = &lists->heads[i];
        lists->count[i] = 0;
        lists->limit_ns[i] = 0;
    }
}

void wait_link_init(struct wait_link *link)
{
    *link = (struct wait_link){ .prev = NULL, .next = NULL };
}

void wait_leave(struct wait_lists *lists, struct wait_link *link)
{
    if (!link->next)
        return;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->prev = link->next = NULL;
    lists->count[link->phase]--;
}

void wait_enter(struct wait_lists *lists,
                struct wait_link *link,
                enum phase phase,
                int64_t now_ns)
{
    struct wait_link *head = &lists->heads[phase];

    wait_leave(lists, link);
    link->phase = phase;
    link->since_ns = now_ns;
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
    lists->count[phase]++;
}

struct wait_link *wait_expired(struct wait_lists *lists, enum phase phase, int64_t now_ns)
{
    struct wait_link *first = lists->heads[phase].next;

    if (first == &lists->heads[phase] || lists->limit_ns[phase] <= 0)
        return NULL;
    return now_ns - first->since_ns >= lists->limit_ns[phase] ? first : NULL;
}
