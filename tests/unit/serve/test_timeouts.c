/* serve/timeouts: lists stay in order of entry, moving and leaving keep the counts,
 * limits expire to the nanosecond. */
#include "serve/timeouts.h"

#include "support/check.h"

static size_t length(const struct wait_lists *lists, enum phase phase)
{
    const struct wait_link *head = &lists->heads[phase];
    size_t n = 0;

    for (const struct wait_link *link = head->next; link != head; link = link->next) {
        CHECK(link->next->prev == link);
        CHECK_INT(link->phase, phase);
        n++;
    }
    CHECK_INT(n, lists->count[phase]);
    return n;
}

TEST(empty)
{
    struct wait_lists lists;
    struct wait_link link;

    wait_lists_init(&lists);
    wait_link_init(&link);
    for (int phase = 0; phase < PHASE_COUNT; phase++) {
        lists.limit_ns[phase] = 1;
        CHECK_INT(length(&lists, (enum phase)phase), 0);
        CHECK(wait_expired(&lists, (enum phase)phase, INT64_MAX) == NULL);
    }
    wait_leave(&lists, &link); /* never entered: nothing to leave */
    CHECK_INT(length(&lists, PHASE_IDLE), 0);
}

TEST(limits)
{
    struct wait_lists lists;
    struct wait_link a;
    struct wait_link b;

    wait_lists_init(&lists);
    wait_link_init(&a);
    wait_link_init(&b);
    lists.limit_ns[PHASE_HEAD] = 100;
    wait_enter(&lists, &a, PHASE_HEAD, 1000);
    wait_enter(&lists, &b, PHASE_HEAD, 1001);
    CHECK(wait_expired(&lists, PHASE_HEAD, 1099) == NULL);
    CHECK(wait_expired(&lists, PHASE_HEAD, 1100) == &a);
    CHECK(wait_expired(&lists, PHASE_HEAD, 1100) == &a); /* looking takes nothing away */
    CHECK(wait_expired(&lists, PHASE_BODY, 1100) == NULL);
    wait_leave(&lists, &a);
    CHECK(wait_expired(&lists, PHASE_HEAD, 1100) == NULL);
    CHECK(wait_expired(&lists, PHASE_HEAD, 1101) == &b);
    lists.limit_ns[PHASE_HEAD] = 0; /* none */
    CHECK(wait_expired(&lists, PHASE_HEAD, INT64_MAX) == NULL);
}

TEST(moves)
{
    struct wait_lists lists;
    struct wait_link link[3];

    wait_lists_init(&lists);
    lists.limit_ns[PHASE_IDLE] = lists.limit_ns[PHASE_WRITE] = 10;
    for (int i = 0; i < 3; i++) {
        wait_link_init(&link[i]);
        wait_enter(&lists, &link[i], PHASE_IDLE, i);
    }
    wait_enter(&lists, &link[0], PHASE_IDLE,
               5); /* again: counted anew, behind the others */
    CHECK_INT(length(&lists, PHASE_IDLE), 3);
    CHECK(lists.heads[PHASE_IDLE].prev == &link[0]);
    CHECK(wait_expired(&lists, PHASE_IDLE, 11) == &link[1]);
    wait_enter(&lists, &link[1], PHASE_WRITE, 6);
    CHECK_INT(length(&lists, PHASE_IDLE), 2);
    CHECK_INT(length(&lists, PHASE_WRITE), 1);
    CHECK(wait_expired(&lists, PHASE_IDLE, 12) == &link[2]);
    CHECK(wait_expired(&lists, PHASE_WRITE, 15) == NULL);
    CHECK(wait_expired(&lists, PHASE_WRITE, 16) == &link[1]);
    for (int i = 0; i < 3; i++) {
        wait_leave(&lists, &link[i]);
        wait_leave(&lists, &link[i]);
    }
    CHECK_INT(length(&lists, PHASE_IDLE), 0);
    CHECK_INT(length(&lists, PHASE_WRITE), 0);
}

int main(void)
{
    RUN(empty);
    RUN(limits);
    RUN(moves);
    return check_report();
}
