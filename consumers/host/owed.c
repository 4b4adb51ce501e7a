#include "owed.h"

#include <stdio.h>

#include "flush.h"
#include "weir/log.h"

#define SPARE 8 /* of all deliveries: the last one is for what comes */

/* An ack of it would say nothing: its connection is gone, or it was acked. */
static bool has_message(const struct consumer *c, const struct delivery *one)
{
	return one->connection == c->connection;
}

static bool is_long(const struct delivery *one, int64_t now)
{
	return now - one->apart_us > OWED_LONG_US;
}

static void note(struct consumer *c, enum log_level level, const char *event,
		 const struct delivery *one, const struct weir_error *why)
{
	char where[96], example[80];
	struct weir_text id = one->message.item.custom_id;
	if (one->fate == FATE_REFUSED)
		return; /* its message comes again */
	snprintf(where, sizeof where, "kind=%s job=%s", one->lane->plugin.plugin.kind,
		 one->job->id);
	snprintf(example, sizeof example, "%.*s", (int)id.size, id.data);
	causes_note(&c->causes, level, event, where, example, 1, why);
}

/* Of one that was never tried: it waits for others. */
static const struct weir_error *why(const struct delivery *one)
{
	static const struct weir_error behind = {
		"store_away", "it waits behind others that cannot be written now"};
	return *one->trouble->code ? one->trouble : &behind;
}

/* ---- messages ---- */

/* It has no lane where nobody could read it, and no place then. */
static void refuse(struct consumer *c, struct delivery *one)
{
	struct weir_error lost;
	uint64_t tag = one->tag;
	delivery_move(&c->deliveries, one, DELIVERY_FREE, true);
	if (broker_reject(c->broker, tag, false, &lost) < 0)
		consumer_lose_broker(c, &lost);
}

static void let_go(struct consumer *c, struct delivery *one)
{
	struct weir_error lost;
	uint64_t tag = one->tag;
	one->connection = 0; /* of none */
	delivery_leave_place(one);
	note(c, LOG_DEBUG, "verdict_owed", one, why(one));
	if (broker_ack(c->broker, tag, false, &lost) < 0)
		consumer_lose_broker(c, &lost);
}

static void give_up_message(struct consumer *c, struct delivery *one, const bool *crowded)
{
	if (one->fate == FATE_REFUSED)
		refuse(c, one);
	else if (one->places && crowded[one->places->kind] && !flush_has_effects(one) &&
		 one->fate != FATE_FAILED)
		let_go(c, one);
}

/* ---- deliveries ---- */

static bool is_short(const struct consumer *c)
{
	return intake_crowded(c) ||
	       c->deliveries.lists[DELIVERY_FREE].size <= c->deliveries.capacity / SPARE;
}

static void forget(struct consumer *c, struct delivery *one)
{
	note(c, LOG_WARN, "verdict_forgotten", one, why(one));
	delivery_move(&c->deliveries, one, DELIVERY_FREE, true);
}

/* ---- the loop's view ---- */

/* Of the one that has waited longest, so that it is mostly the same. */
static void say_why(struct consumer *c, int64_t now)
{
	const struct delivery *oldest = NULL;
	for (const struct delivery *d = c->deliveries.lists[DELIVERY_APART].first; d; d = d->after)
		if (d->job && !flush_has_effects(d) && is_long(d, now) &&
		    (!oldest || d->apart_us < oldest->apart_us))
			oldest = d;
	if (oldest)
		weir_fail(&c->owed_why, why(oldest)->code, "job %s: %s", oldest->job->id,
			  why(oldest)->text);
	else if (*c->owed_why.text)
		c->owed_why = (struct weir_error){"", ""};
}

void owed_turn(struct consumer *c, int64_t now)
{
	struct delivery *next;
	bool crowded[LANES_MAX]; /* then all of them go, not only so many that it is not any more */
	for (size_t i = 0; i < c->lane_count; i++)
		crowded[i] = intake_crowded(c) || places_crowded(&c->lanes[i].places);
	for (struct delivery *d = c->deliveries.lists[DELIVERY_APART].first; d; d = next) {
		next = d->after;
		if (has_message(c, d)) {
			if (c->broker && c->ledger && !c->stopping && is_long(d, now))
				give_up_message(c, d, crowded);
			continue;
		}
		delivery_leave_place(d);
		if (!c->stopping && is_short(c))
			forget(c, d);
	}
	say_why(c, now);
}
