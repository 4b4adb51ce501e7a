/* Intake: what the broker sends becomes deliveries. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "consumer.h"
#include "refusal.h"
#include "weir/failpoint.h"
#include "weir/log.h"

#define TURN 128

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
	if (one->job)
		return 0;
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

static void handle(struct consumer *c, struct broker_event *event)
{
	struct weir_error why;
	switch (event->type) {
	case BROKER_DELIVERY:
		take(c, event);
		break;
	case BROKER_CANCEL:
		weir_fail(&why, "broker", "the broker ended the consumer: its queue is gone");
		consumer_lose_broker(c, &why);
		break;
	default: /* this connection does not publish */
		break;
	}
	free(event->body);
	event->body = NULL;
}

/* There may be no free place though the prefetch is kept: after a reconnect, what is still in hand
 * comes on top of what is sent anew. */
bool intake_hungry(const struct consumer *c)
{
	return c->broker && c->deliveries.lists[DELIVERY_FREE].size > 0 &&
	       c->deliveries.bytes < (uint64_t)c->options.memory_mb << 20;
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
		if (event.type == BROKER_NOTHING)
			return;
		handle(c, &event);
	}
}
