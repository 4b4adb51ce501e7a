/* Trials: deliveries that somebody had before and did not ack. Mostly that consumer was stopped or
 * lost its connection; but one of them may have killed it. So they are worked on apart from all
 * others, and weir.trials remembers, from before the work begins until it has ended, that it was
 * begun:
 *
 *   no row             all of these together (most likely they are innocent)
 *   one start or more  alone: if it kills again, nobody else is blamed
 *   the limit          failed as "poison"; the first crash, which left no row, counts as well
 */
#include <stdio.h>

#include "consumer.h"
#include "statements.h"
#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/log.h"

static size_t suspects(const struct consumer *c, bool looked_up, struct delivery **out, size_t most)
{
	size_t n = 0;
	struct delivery *d = c->deliveries.lists[DELIVERY_SUSPECT].first;
	for (; d && n < most; d = d->after)
		if (d->looked_up == looked_up)
			out[n++] = d;
	return n;
}

/* What is known of suspects that have just come; the final ones leave at once. */
static int look_up(struct consumer *c, struct delivery **some, size_t n)
{
	struct weir_error why;
	PGresult *r = NULL;
	struct delivery *ended[FLUSH_MAX];
	size_t ended_count = 0;
	statement_fill(&statement_read_trials, &c->flush.params, some, n);
	if (ledger_query(c->ledger, statement_sql(&statement_read_trials), &c->flush.params, true,
			 &r, &why) < 0) {
		consumer_ledger_failed(c, "trials_failed", &why);
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		some[i]->looked_up = true;
		some[i]->starts = ledger_int(r, (int)i, 0);
		some[i]->final = ledger_int(r, (int)i, 1);
		if (some[i]->final)
			ended[ended_count++] = some[i];
	}
	PQclear(r);
	settle(c, ended, ended_count);
	return 0;
}

static void fail_poison(struct consumer *c, struct delivery *one)
{
	char text[160];
	snprintf(text, sizeof text, "%d consumers ended while they worked on this item",
		 one->starts + 1);
	one->tried = true;
	work_fail(c, one, "poison", text);
}

/* Those to start now: all that were never begun, else the first of the others alone. */
static size_t choose(struct consumer *c, struct delivery **some, size_t n)
{
	size_t chosen = 0;
	for (size_t i = 0; i < n; i++)
		if (some[i]->starts >= c->options.poison_limit - 1)
			fail_poison(c, some[i]);
		else if (some[i]->starts == 0)
			some[chosen++] = some[i];
	for (size_t i = 0; chosen == 0 && i < n; i++)
		if (some[i]->state == DELIVERY_SUSPECT)
			some[chosen++] = some[i];
	return chosen;
}

static void start(struct consumer *c, struct delivery **some, size_t n)
{
	struct weir_error why;
	statement_fill(&statement_begin_trials, &c->flush.params, some, n);
	if (ledger_do(c->ledger, statement_sql(&statement_begin_trials), &c->flush.params, NULL,
		      &why) < 0) {
		consumer_ledger_failed(c, "trials_failed", &why);
		return;
	}
	failpoint("trial_begun");
	log_event(LOG_INFO, "trial_started", "items=%zu first=%.*s", n,
		  (int)some[0]->message.item.custom_id.size, some[0]->message.item.custom_id.data);
	for (size_t i = 0; i < n; i++) {
		some[i]->tried = true;
		work_start(c, some[i]);
	}
}

/* Their jobs may have been paused, or have ended, since they came: those are held again. */
static void put_back_stopped(struct consumer *c)
{
	struct delivery *next;
	int64_t now = clock_us();
	for (struct delivery *d = c->deliveries.lists[DELIVERY_SUSPECT].first; d; d = next) {
		next = d->after;
		if (job_rule(&c->jobs, d->job, d->message.item.epoch, d->taken_us, now) !=
		    RULE_WORK)
			delivery_move(&c->deliveries, d, DELIVERY_HELD, false);
	}
}

void trials_turn(struct consumer *c)
{
	const struct delivery_list *lists = c->deliveries.lists;
	struct delivery *some[FLUSH_MAX];
	size_t n;
	if (lists[DELIVERY_SUSPECT].size == 0 || c->stopping || !c->ledger ||
	    c->flush.state != FLUSH_IDLE ||
	    lists[DELIVERY_WORKING].size + lists[DELIVERY_ENDED].size > 0)
		return;
	put_back_stopped(c);
	while ((n = suspects(c, false, some, FLUSH_MAX)) > 0)
		if (look_up(c, some, n) < 0)
			return;
	n = choose(c, some, suspects(c, true, some, FLUSH_MAX));
	if (n > 0)
		start(c, some, n);
}

void trials_forget(struct consumer *c)
{
	struct weir_error why;
	struct delivery *some[FLUSH_MAX];
	size_t n = 0;
	for (size_t i = 0; i < c->deliveries.capacity && n < FLUSH_MAX; i++)
		if (c->deliveries.slots[i].state != DELIVERY_FREE && c->deliveries.slots[i].tried)
			some[n++] = &c->deliveries.slots[i];
	c->forget_trials = false;
	if (n == 0 || !c->ledger)
		return;
	statement_fill(&statement_end_trials, &c->flush.params, some, n);
	if (ledger_do(c->ledger, statement_sql(&statement_end_trials), &c->flush.params, NULL,
		      &why) < 0)
		consumer_ledger_failed(c, "trials_failed", &why);
}
