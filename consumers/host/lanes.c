#include "lanes.h"

#include <string.h>

#include "weir/clock.h"
#include "weir/identity.h"
#include "weir/log.h"
#include "weir/message.h"
#include "weir/restored.h"
#include "weir/topology.h"

#define BACK_US 200000
#define BACK_CAP_US 30000000 /* a look is a connection, and a dozen round trips */
#define STEADY_US 60000000   /* consumed for so long, it is not deleted again and again */

static const char *kind_of(const struct lane *lane) { return lane->plugin.plugin.kind; }

static bool is_due(const struct lane *lane)
{
	return !lane->consumes && clock_us() >= lane->back.at_us;
}

/* ---- looking ---- */

static int open_checker(struct consumer *c, struct broker **b, struct weir_error *err)
{
	if (*b)
		return 0;
	if (broker_open(c->settings.amqp_url, "weir-consumer check", 0, b, err) < 0)
		return -1;
	if (identity_mark(*b, c->ledger_id, err) == 0)
		return 0;
	broker_close(*b);
	*b = NULL;
	return -1;
}

static void put_off(struct lane *lane)
{
	lane->back.at_us = clock_us() + clock_backoff_us(BACK_US, BACK_CAP_US, lane->back.tries++);
}

static void cannot_be_used(struct lane *lane, const struct weir_error *why)
{
	lane->ready = false;
	put_off(lane);
	if (strcmp(lane->wrong.text, why->text) != 0)
		log_event(LOG_ERROR, "queue_unusable",
			  "kind=%s error=\"%s\" text=\"other kinds go on\"", kind_of(lane),
			  why->text);
	lane->wrong = *why;
}

/* A queue is made when the ledger knows that it was missing. */
static int note_missing(void *state, const char *kind, struct weir_error *err)
{
	struct consumer *c = state;
	if (!c->ledger || c->flush.state != FLUSH_IDLE)
		return weir_fail(err, "busy",
				 "its queue is missing, and is made when the ledger is told");
	if (restored_note(c->ledger, kind, err) == 0)
		return 0;
	if (!ledger_alive(c->ledger))
		consumer_lose_ledger(c, err);
	return -1;
}

/* On the connection where others are consumed, another refusal would end that for all. */
static int try_to_consume(struct lane *lane, struct broker **b, struct weir_error *err)
{
	char queue[NAMES_MAX];
	queue_of(kind_of(lane), queue);
	int rc = broker_consume(*b, queue, 1, err);
	broker_close(*b);
	*b = NULL;
	lane->refused = rc < 0;
	return rc;
}

static void check_lane(struct lane *lane, struct broker **b)
{
	struct weir_error why;
	struct buffer names = BUFFER_INIT;
	const struct topology_teller teller = {note_missing, lane->consumer};
	int rc = topology_restore_kind(*b, kind_of(lane), &teller, &names, NULL, &why);
	topology_say_restored(&names);
	if (rc == 0 && lane->refused)
		rc = try_to_consume(lane, b, &why);
	lane->ready = rc == 0;
	if (rc == 0)
		return;
	cannot_be_used(lane, &why);
	broker_close(*b); /* its channel is closed */
	*b = NULL;
}

int lanes_check(struct consumer *c, struct weir_error *err)
{
	struct broker *b = NULL;
	struct buffer names = BUFFER_INIT;
	int rc = open_checker(c, &b, err);
	if (rc == 0)
		rc = topology_restore(b, &names, err);
	topology_say_restored(&names);
	for (size_t i = 0; rc == 0 && i < c->lane_count; i++)
		if (is_due(&c->lanes[i]) && (rc = open_checker(c, &b, err)) == 0)
			check_lane(&c->lanes[i], &b);
	broker_close(b);
	return rc;
}

/* ---- consuming ---- */

/* What the broker refuses of one queue (no right to read it, another's exclusive consumer) closes
 * the channel: on the next connection that kind waits, and the others do not. */
int lanes_consume(struct consumer *c, struct broker *b, struct weir_error *err)
{
	char queue[NAMES_MAX];
	for (size_t i = 0; i < c->lane_count; i++) {
		struct lane *lane = &c->lanes[i];
		if (lane->consumes || !lane->ready)
			continue;
		queue_of(kind_of(lane), queue);
		if (broker_consume(b, queue, (uint16_t)lane->places.size, err) < 0) {
			lane->refused = strcmp(err->code, "broker") != 0;
			if (lane->refused)
				cannot_be_used(lane, err);
			return -1;
		}
		lane->consumes = true;
		lane->since_us = clock_us();
		if (*lane->wrong.text)
			log_event(LOG_INFO, "queue_back", "kind=%s", kind_of(lane));
		lane->wrong = (struct weir_error){"", ""};
	}
	return 0;
}

size_t lanes_at_work(const struct consumer *c)
{
	size_t n = 0;
	for (size_t i = 0; i < c->lane_count; i++)
		n += c->lanes[i].consumes;
	return n;
}

const char *lanes_trouble(const struct consumer *c)
{
	for (size_t i = 0; i < c->lane_count; i++)
		if (!c->lanes[i].consumes)
			return c->lanes[i].wrong.text;
	return "";
}

static void later(struct consumer *c, const struct weir_error *why)
{
	for (size_t i = 0; i < c->lane_count; i++)
		if (is_due(&c->lanes[i]))
			cannot_be_used(&c->lanes[i], why);
}

void lanes_turn(struct consumer *c)
{
	struct weir_error why;
	if (!c->broker || c->stopping || lanes_next_us(c) > clock_us())
		return;
	if (lanes_check(c, &why) < 0)
		later(c, &why);
	else if (lanes_consume(c, c->broker, &why) < 0)
		consumer_lose_broker(c, &why);
}

int64_t lanes_next_us(const struct consumer *c)
{
	int64_t next = INT64_MAX;
	if (!c->broker || (c->ledger && c->flush.state != FLUSH_IDLE))
		return next;
	for (size_t i = 0; i < c->lane_count; i++)
		if (!c->lanes[i].consumes && c->lanes[i].back.at_us < next)
			next = c->lanes[i].back.at_us;
	return next;
}

void lanes_lost(struct consumer *c)
{
	for (size_t i = 0; i < c->lane_count; i++)
		c->lanes[i].consumes = c->lanes[i].ready = false;
}

void lanes_cancelled(struct consumer *c, const char *queue)
{
	char own[NAMES_MAX];
	for (size_t i = 0; i < c->lane_count; i++) {
		struct lane *lane = &c->lanes[i];
		queue_of(kind_of(lane), own);
		if (strcmp(own, queue) != 0)
			continue;
		lane->consumes = lane->ready = false;
		if (clock_us() - lane->since_us > STEADY_US)
			lane->back = (struct comeback){0};
		else if (lane->back.tries++ > 0)
			put_off(lane);
		weir_fail(&lane->wrong, "broker_missing", "the queue %s is gone", queue);
		log_event(LOG_WARN, "queue_away",
			  "kind=%s text=\"the broker ended its consumer: its queue is gone\"",
			  kind_of(lane));
	}
}

int lanes_stop(struct consumer *c, struct weir_error *err)
{
	char queue[NAMES_MAX];
	for (size_t i = 0; i < c->lane_count; i++) {
		if (!c->lanes[i].consumes)
			continue;
		queue_of(kind_of(&c->lanes[i]), queue);
		if (broker_cancel(c->broker, queue, err) < 0)
			return -1;
	}
	return 0;
}
