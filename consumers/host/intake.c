/* Intake: what the broker sends becomes deliveries. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumer.h"
#include "lanes.h"
#include "refusal.h"
#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/log.h"
#include "weir/names.h"

#define TURN 128
#define SHARES 8	 /* of the memory: the last one is for other jobs */
#define MARK_US 10000000 /* a look at the mark of the virtual host is good for so long */

static struct lane *find_lane(struct consumer *c, struct weir_text kind)
{
	for (size_t i = 0; i < c->lane_count; i++) {
		const char *name = c->lanes[i].plugin.plugin.kind;
		if (strlen(name) == kind.size && memcmp(name, kind.data, kind.size) == 0)
			return &c->lanes[i];
	}
	return NULL;
}

static int decode(struct consumer *c, struct delivery *one, const struct broker_event *event,
		  struct weir_error *err)
{
	struct weir_text type = {event->content_type, strlen(event->content_type)};
	if (!one->body)
		return weir_fail(err, "oversized", "%" PRIu64 " bytes, at most %d",
				 event->body_size, MESSAGE_MAX);
	if (message_decode(&one->message, one->body, one->body_size, type, err) < 0)
		return -1;
	one->lane = find_lane(c, one->message.kind);
	if (one->lane)
		one->job = jobs_take(&c->jobs, one->message.item.job_id);
	if (one->job) {
		delivery_place(one, &one->lane->places);
		return 0;
	}
	if (one->lane)
		return weir_fail_memory(err);
	return weir_fail(err, "unknown_kind", "this consumer does not work on \"%.*s\"",
			 (int)one->message.kind.size, one->message.kind.data);
}

static void take(struct consumer *c, struct broker_event *event)
{
	struct weir_error why;
	struct delivery *one = delivery_take(&c->deliveries, event, c->connection);
	if (!one) /* intake_hungry() has seen a free place */
		return;
	failpoint("delivered");
	if (decode(c, one, event, &why) == 0) {
		held_offer(c, one, one->taken_us);
	} else if (strcmp(why.code, "out_of_memory") == 0) { /* no fault of the message's */
		consumer_lose_broker(c, &why);
	} else {
		refusal_make(c, one, event->queue, event->content_type, event->message_id, &why);
		one->began_us = one->ended_us = one->taken_us;
		delivery_move(&c->deliveries, one, DELIVERY_ENDED, false);
	}
}

/* Whether the virtual host is another's now. On a connection of its own, since a failure would end
 * this one; where that cannot be had, nobody knows, and it is looked at again later. */
static bool is_of_others(struct consumer *c, struct weir_error *err)
{
	struct broker *b;
	struct weir_error why;
	if (clock_us() - c->mark_us < MARK_US)
		return false;
	c->mark_us = clock_us();
	if (broker_open(c->settings.amqp_url, "weir-consumer mark", 0, &b, &why) < 0)
		return false;
	bool others = identity_mark(b, c->ledger_id, &why) < 0 && strcmp(why.code, "not_ours") == 0;
	broker_close(b);
	if (others)
		*err = why;
	return others;
}

/* Nobody here can work on it: the dead letters are where its own ledger's relay finds it. When the
 * virtual host has become that one's, this consumer has no business here any more. */
static void refuse_foreign(struct consumer *c, const struct broker_event *event)
{
	struct weir_error why;
	char where[NAMES_MAX + 8];
	struct weir_text id = seal_ledger(event->app_id);
	weir_fail(&why, "other_ledger", "it is of the ledger %.*s", (int)id.size, id.data);
	snprintf(where, sizeof where, "queue=%s", event->queue);
	causes_note(&c->causes, LOG_WARN, "message_refused", where, event->message_id, 1, &why);
	if (is_of_others(c, &why) || broker_reject(c->broker, event->tag, false, &why) < 0)
		consumer_lose_broker(c, &why);
}

static void handle(struct consumer *c, struct broker_event *event)
{
	switch (event->type) {
	case BROKER_DELIVERY:
		if (seal_owner(event->app_id, c->ledger_id) == SEAL_OF_OTHERS)
			refuse_foreign(c, event);
		else
			take(c, event);
		break;
	case BROKER_CANCEL:
		lanes_cancelled(c, event->queue);
		break;
	default: /* this connection does not publish */
		break;
	}
	free(event->body);
	event->body = NULL;
}

static uint64_t memory_of(const struct consumer *c) { return (uint64_t)c->options.memory_mb << 20; }

bool intake_crowded(const struct consumer *c)
{
	return c->deliveries.bytes > memory_of(c) / SHARES * (SHARES - 1);
}

bool intake_crowds(const struct consumer *c, const struct delivery *one)
{
	return intake_crowded(c) || (one->places && places_crowded(one->places));
}

bool intake_lets(const struct consumer *c, const struct delivery *one)
{
	uint64_t bytes = one->job->bytes;
	return bytes == 0 || bytes + one->body_size <= memory_of(c) / SHARES * (SHARES - 1);
}

/* There may be no free place though the prefetch is kept: after a reconnect, what is still in hand
 * comes on top of what is sent anew. */
bool intake_hungry(const struct consumer *c)
{
	return c->broker && c->deliveries.lists[DELIVERY_FREE].size > 0 &&
	       c->deliveries.bytes < memory_of(c);
}

void intake_turn(struct consumer *c)
{
	struct broker_event event;
	struct weir_error err;
	for (int i = 0; i < TURN && intake_hungry(c); i++) {
		event.body = NULL;
		if (broker_next(c->broker, 0, &event, &err) < 0) {
			consumer_lose_broker(c, &err);
			return;
		}
		if (event.type == BROKER_NOTHING) {
			c->drained_us = clock_us();
			return;
		}
		handle(c, &event);
	}
}
