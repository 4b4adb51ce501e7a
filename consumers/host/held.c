/* Held: deliveries that wait until they may begin. What holds them back is that their job is not
 * known yet, that it has as many items at work as it may have, or, for a moment, that one is next
 * which has ended a worker before; or that it has done so itself, which the ledger does not know
 * yet. A job that is paused or has ended holds nothing back: its messages are dropped, since their
 * items come again when it goes on. */
#include <stdio.h>

#include "consumer.h"
#include "refusal.h"
#include "weir/clock.h"
#include "weir/log.h"
#include "weir/topology.h"

#define PATIENCE_US 10000000 /* for a share of its job; then others may have the place */
#define PUT_OFF_US 1000000

/* It was delivered to somebody before who is gone, and who may have noted it as being in hand. */
static void drop_suspect(struct consumer *c, struct delivery *one, int64_t now)
{
	one->fate = FATE_DROPPED;
	one->began_us = one->ended_us = now;
	delivery_move(&c->deliveries, one, DELIVERY_ENDED, false);
}

static void drop(struct consumer *c, struct delivery *one)
{
	struct weir_error why;
	uint64_t tag = one->tag;
	bool ours = one->connection == c->connection;
	delivery_move(&c->deliveries, one, DELIVERY_FREE, true);
	if (ours && c->broker && broker_ack(c->broker, tag, false, &why) < 0)
		consumer_lose_broker(c, &why);
}

void held_refuse(struct consumer *c, struct delivery *one, const struct weir_error *why)
{
	char queue[NAMES_MAX];
	queue_of(one->lane->plugin.plugin.kind, queue);
	refusal_make_again(c, one, queue, why);
	if (!one->began_us)
		one->began_us = clock_us();
	one->ended_us = clock_us();
	delivery_move(&c->deliveries, one, DELIVERY_ENDED, false);
}

/* An operator's limit must not let one job fill the hands of its consumers. */
static void wait_for_share(struct consumer *c, struct delivery *one, int64_t now)
{
	/* A suspect would come back as a new message, and be none any more. */
	if (!one->suspect && now - one->taken_us > PATIENCE_US) {
		work_defer(c, one, PUT_OFF_US + clock_backoff_us(PUT_OFF_US, PUT_OFF_US, 0),
			   "deferred",
			   c->shares_away ? c->redis_why.text
					  : "its job has as many items at work as it may have");
		return;
	}
	one->job->waiting++;
	c->jobs.hungry |= one->job->ended > 0;
}

static void begin(struct consumer *c, struct delivery *one, int64_t now)
{
	if (c->stopping || (!one->suspect && trials_hold(c)) || trials_untold(c, one))
		return;
	if (!job_may_begin(one->job, now))
		wait_for_share(c, one, now);
	else if (one->suspect)
		delivery_move(&c->deliveries, one, DELIVERY_SUSPECT, false);
	else
		work_start(c, one);
}

void held_offer(struct consumer *c, struct delivery *one, int64_t now)
{
	struct weir_error why;
	switch (job_rule(&c->jobs, one->job, one->message.item.epoch, one->taken_us, now)) {
	case RULE_WAIT:
		break;
	case RULE_DROP:
		if (one->suspect && one->job->state != JOB_ENDED)
			drop_suspect(c, one, now);
		else
			drop(c, one);
		break;
	case RULE_REFUSE:
		weir_fail(&why, "unknown_item", "the ledger has no such job");
		held_refuse(c, one, &why);
		break;
	case RULE_WORK:
		if (proof_given(c, one))
			begin(c, one, now);
	}
}

void held_turn(struct consumer *c)
{
	struct delivery *next;
	int64_t now = clock_us();
	uint64_t connection = c->connection;
	if (c->jobs.limited == 0 && c->deliveries.lists[DELIVERY_HELD].size == 0)
		return;
	for (struct job *job = jobs_next(&c->jobs, NULL); job; job = jobs_next(&c->jobs, job))
		job->waiting = 0;
	c->jobs.hungry = false;
	/* Who loses the broker on the way has given all of these up. */
	for (struct delivery *d = c->deliveries.lists[DELIVERY_HELD].first;
	     d && c->broker && c->connection == connection; d = next) {
		next = d->after;
		held_offer(c, d, now);
	}
}
