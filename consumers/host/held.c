/* Held: deliveries that wait until they may begin. What holds them back is that their job is not
 * known yet, that it has as many items at work as it may have, that the time or the places of this
 * process are for others (places.h), or, for a moment, that one is next which has ended a worker
 * before; or that it has done so itself, which the ledger does not know yet. A job that is paused
 * or has ended holds nothing back: its messages are dropped, since their items come again when it
 * goes on. */
#include <stdio.h>
#include <stdlib.h>

#include "consumer.h"
#include "refusal.h"
#include "weir/clock.h"
#include "weir/log.h"
#include "weir/topology.h"

#define PATIENCE_US 10000000 /* for a share of its job; then others may have the place, */
#define CROWDED_US 300000    /* and where hardly one is left */
#define PUT_OFF_US 1000000
#define PLACE_US 1000000 /* the same for a place, */
#define STUCK_US 200000	 /* and where nobody has begun for so long; */
#define LATE_US 1000000	 /* for time, since it was short */
#define REST_PART 8	 /* of what one beginning took, for a flush under way */
#define REST_MOST_US 50000

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
	int64_t patience = intake_crowds(c, one) ? CROWDED_US : PATIENCE_US;
	/* One on trial would come back as a new message, and be on trial no more. */
	if (!one->tried && now - one->held_us > patience) {
		work_defer(c, one, PUT_OFF_US + clock_backoff_us(PUT_OFF_US, PUT_OFF_US, 0),
			   "deferred",
			   c->shares_away ? c->redis_why.text
					  : "its job has as many items at work as it may have");
		return;
	}
	one->job->waiting++;
	c->jobs.hungry |= one->job->ended > 0;
}

/* It waits for a person, and as long as the ledger cannot be told that, its items do not go round.
 */
static void wait_for_pause(struct consumer *c, struct delivery *one)
{
	if (!c->stopping && !one->tried && !one->alone)
		work_wait(c, one, PLACES_PAUSE_US, "deferred", one->job->pause_why.text);
}

static bool has_place(const struct consumer *c, const struct delivery *one)
{
	return !one->places ||
	       (intake_lets(c, one) && places_let(one->places, one->job->busy[one->places->kind]));
}

static void put_off(struct consumer *c, struct delivery *one, int64_t us, const char *why)
{
	work_defer(c, one, us + clock_backoff_us(PUT_OFF_US, PUT_OFF_US, 0), "busy", why);
}

static void wait_for_place(struct consumer *c, struct delivery *one, int64_t now)
{
	int64_t idle_us = now - one->places->begun_us;
	if (now - one->held_us > PLACE_US || idle_us > STUCK_US)
		put_off(c, one, places_pause_us(idle_us),
			"its job has as many items at work in its consumer as leave room for "
			"others");
}

/* Somebody holds what tells of a crash: its items wait here for that, and are looked up then,
 * unless others want the place. */
static void wait_until_told(struct consumer *c, struct delivery *one, int64_t now)
{
	one->suspect = true;
	if (intake_crowds(c, one) && now - one->held_us > PLACE_US)
		put_off(c, one, PLACES_PAUSE_US,
			"a worker ended in its code, and the ledger cannot be told that: its rows "
			"of weir.trials or weir.retries are locked");
}

static void wait_for_turn(struct consumer *c, struct delivery *one)
{
	if (!one->turn) {
		one->turn_before = one->job->begin_turn;
		one->turn = places_turn(&one->lane->places, &one->job->begin_turn, c->begin_turn);
	}
	one->ready = true;
	one->cost_us = one->lane->places.cost_us;
	c->late++;
	c->late_us += one->cost_us;
}

static void begin(struct consumer *c, struct delivery *one, int64_t now)
{
	bool unknown = one->suspect && !one->looked_up;
	if (c->stopping || (!unknown && !one->alone && trials_hold(c)))
		return;
	if (trials_untold(c, one))
		wait_until_told(c, one, now);
	else if (unknown)
		delivery_move(&c->deliveries, one, DELIVERY_SUSPECT, false);
	else if (!job_may_begin(one->job, now))
		wait_for_share(c, one, now);
	else if (one->alone)
		delivery_move(&c->deliveries, one, DELIVERY_SUSPECT, false);
	else if (!has_place(c, one))
		wait_for_place(c, one, now);
	else if (c->by_turn || clock_us() >= c->begin_until_us)
		wait_for_turn(c, one);
	else
		work_start(c, one);
}

/* ---- those that the turn has no time for ---- */

static int by_turn(const void *a, const void *b)
{
	const struct delivery *x = *(struct delivery *const *)a, *y = *(struct delivery *const *)b;
	if (x->turn != y->turn)
		return x->turn < y->turn ? -1 : 1;
	return (x->tag > y->tag) - (x->tag < y->tag);
}

/* All of them, by turns. */
static size_t line_up(const struct consumer *c, struct delivery **line)
{
	size_t n = 0;
	for (struct delivery *d = c->deliveries.lists[DELIVERY_HELD].first; d; d = d->after)
		if (d->ready)
			line[n++] = d;
	qsort(line, n, sizeof *line, by_turn);
	return n;
}

static void not_late(struct consumer *c, struct delivery *one)
{
	one->ready = false;
	c->late--;
	c->late_us -= one->cost_us;
}

/* One beginning may take long: then a flush under way goes on before the next. */
bool held_rests(const struct consumer *c, int64_t now)
{
	return now < c->begin_rest_us && c->flush.state != FLUSH_IDLE;
}

/* From the first on, while there is time: how many. */
static size_t begin_late(struct consumer *c, struct delivery *const *line, size_t n)
{
	size_t i = 0;
	int64_t began = clock_us(), now = began;
	if (held_rests(c, began))
		return 0;
	for (; i < n && (now = clock_us()) < c->begin_until_us; i++) {
		struct delivery *d = line[i];
		began = now;
		c->begin_turn = d->turn;
		not_late(c, d);
		if (job_may_begin(d->job, now) && has_place(c, d))
			work_start(c, d);
	}
	int64_t rest_us = (now - began) / REST_PART;
	c->begin_rest_us = now + (rest_us < REST_MOST_US ? rest_us : REST_MOST_US);
	return i;
}

/* What does not begin soon waits in the ledger, so that others have the places: the last first. */
static void thin_out(struct consumer *c, struct delivery *const *line, size_t n, int64_t now)
{
	if (c->late == 0)
		c->late_since_us = now;
	if (now - c->late_since_us < LATE_US)
		return;
	for (; n > 0 && places_spare(c->late_us, line[n - 1]->cost_us); n--) {
		struct delivery *d = line[n - 1];
		not_late(c, d);
		if (d->job->begin_turn == d->turn)
			d->job->begin_turn = d->turn_before;
		put_off(c, d, places_pause_us(c->late_us),
			"its consumer takes long for each item of its kind, and others are before "
			"it");
	}
}

/* Nothing is taken meanwhile, and the broker is not lost. */
static void serve_late(struct consumer *c, int64_t now)
{
	struct delivery **line = c->deliveries.line;
	size_t n = c->late > 0 ? line_up(c, line) : 0;
	size_t begun = begin_late(c, line, n);
	thin_out(c, line + begun, n - begun, now);
}

void held_offer(struct consumer *c, struct delivery *one, int64_t now)
{
	struct weir_error why;
	one->ready = false;
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
		if (!proof_given(c, one))
			break;
		if (job_stops(one->job) && (!one->suspect || one->looked_up))
			wait_for_pause(c, one);
		else
			begin(c, one, now);
	}
}

void held_turn(struct consumer *c)
{
	struct delivery *next;
	int64_t now = clock_us();
	uint64_t connection = c->connection;
	c->late = 0;
	c->late_us = 0;
	if (c->jobs.limited == 0 && c->deliveries.lists[DELIVERY_HELD].size == 0) {
		c->by_turn = false;
		c->late_since_us = now;
		return;
	}
	for (struct job *job = jobs_next(&c->jobs, NULL); job; job = jobs_next(&c->jobs, job))
		job->waiting = 0;
	c->jobs.hungry = false;
	/* Who loses the broker on the way has given all of these up. */
	for (struct delivery *d = c->deliveries.lists[DELIVERY_HELD].first;
	     d && c->broker && c->connection == connection; d = next) {
		next = d->after;
		held_offer(c, d, now);
	}
	serve_late(c, now);
	c->by_turn = c->late > 0;
}
