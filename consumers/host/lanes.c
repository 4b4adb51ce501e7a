#include "lanes.h"

#include <string.h>

#include "weir/clock.h"
#include "weir/identity.h"
#include "weir/log.h"
#include "weir/message.h"
#include "weir/topology.h"

/* What was in a queue that had to be made is to be published again: the relay looks here. */
static const char note_made[] = "INSERT INTO weir.queues_made (kind) VALUES ($1)"
				" ON CONFLICT (kind) DO UPDATE SET made_at = excluded.made_at";

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

static void cannot_be_used(struct lane *lane, const struct weir_error *why)
{
	lane->ready = false;
	comeback_put_off(&lane->back);
	if (strcmp(lane->wrong.text, why->text) != 0)
		log_event(LOG_ERROR, "queue_unusable",
			  "kind=%s error=\"%s\" text=\"other kinds go on\"", kind_of(lane),
			  why->text);
	lane->wrong = *why;
}

static void check_lane(struct lane *lane, struct broker **b)
{
	struct weir_error why;
	struct buffer names = BUFFER_INIT;
	bool made = false;
	int rc = topology_restore_kind(*b, kind_of(lane), &names, &made, NULL, &why);
	topology_say_restored(&names);
	lane->made |= made;
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
			if (strcmp(err->code, "broker") != 0)
				cannot_be_used(lane, err);
			return -1;
		}
		lane->consumes = true;
		lane->back = (struct comeback){0};
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

static void tell_made(struct consumer *c, struct lane *lane)
{
	struct params p = PARAMS_INIT;
	struct weir_error why;
	params_string(&p, kind_of(lane));
	if (ledger_do(c->ledger, note_made, &p, NULL, &why) == 0)
		lane->made = false;
	else
		consumer_ledger_failed(c, "queue_made_not_told", &why);
	params_release(&p);
}

static void tell_all_made(struct consumer *c)
{
	for (size_t i = 0; i < c->lane_count; i++)
		if (c->lanes[i].made && c->ledger && c->flush.state == FLUSH_IDLE)
			tell_made(c, &c->lanes[i]);
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
	tell_all_made(c);
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
	for (size_t i = 0; i < c->lane_count && c->broker; i++)
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
