#include "apart.h"
#include "asks.h"
#include "lanes.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "supervise.h"
#include "weir/clock.h"
#include "weir/log.h"
#include "weir/topology.h"

#define COMEBACK_US 200000
#define COMEBACK_CAP_US 5000000
#define TURN_MS 1000
#define ERRANDS_US 2000000 /* on the way out, for what the ledger is still to be told */
#define BEGIN_US                                                                                   \
	50000 /* that items are begun, before others have their turn: heartbeats, the ledger */

/* ---- connections ---- */

void comeback_put_off(struct comeback *b)
{
	b->at_us = clock_us() + clock_backoff_us(COMEBACK_US, COMEBACK_CAP_US, b->tries++);
}

/* 1: one of them may not be consumed, which ends the connection; the next try leaves it out. */
static int open_lanes(struct consumer *c, struct broker **b, struct weir_error *err)
{
	lanes_lost(c);
	if (lanes_check(c, err) < 0 ||
	    broker_open(c->settings.amqp_url, "weir-consumer", MESSAGE_MAX, b, err) < 0)
		return -1;
	if (lanes_consume(c, *b, err) == 0)
		return 0;
	broker_close(*b);
	return strcmp(err->code, "broker") == 0 ? -1 : 1;
}

static int open_broker(struct consumer *c, struct weir_error *err)
{
	struct broker *b = NULL;
	int rc = 1;
	for (size_t tries = 0; rc > 0 && tries <= c->lane_count; tries++)
		rc = open_lanes(c, &b, err);
	if (rc == 0 && lanes_at_work(c) == 0) {
		broker_close(b);
		rc = weir_fail(err, "topology", "%s", lanes_trouble(c));
	}
	if (rc != 0) {
		lanes_lost(c);
		return -1;
	}
	c->broker = b;
	c->mark_us = c->drained_us = clock_us();
	c->connection++;
	c->broker_back.tries = 0;
	return 0;
}

static int open_ledger(struct consumer *c, struct weir_error *err)
{
	struct ledger *l;
	if (ledger_open(c->settings.pg_url, "weir-consumer", true, &l, err) < 0)
		return -1;
	if (ledger_check_schema(l, err) < 0 || identity_read(l, c->ledger_id, err) < 0 ||
	    ledger_limits(l, FLUSH_LOCK_MS, FLUSH_MS, err) < 0) {
		ledger_close(l);
		return -1;
	}
	c->ledger = l;
	c->ledger_back.tries = 0;
	return 0;
}

/* Deliveries that were not started come again on the next connection; the others go on, and only
 * their acks are void. */
void consumer_lose_broker(struct consumer *c, const struct weir_error *why)
{
	struct delivery_list *lists = c->deliveries.lists;
	log_event(LOG_WARN, "broker_lost", "error=\"%s\"", why->text);
	c->broker_why = *why;
	broker_close(c->broker);
	c->broker = NULL;
	lanes_lost(c);
	while (lists[DELIVERY_HELD].first)
		delivery_move(&c->deliveries, lists[DELIVERY_HELD].first, DELIVERY_FREE, true);
	while (lists[DELIVERY_SUSPECT].first)
		delivery_move(&c->deliveries, lists[DELIVERY_SUSPECT].first, DELIVERY_FREE, true);
	c->trial_us = 0;
	comeback_put_off(&c->broker_back);
}

void consumer_lose_ledger(struct consumer *c, const struct weir_error *why)
{
	log_event(LOG_WARN, "ledger_lost", "error=\"%s\"", why->text);
	ledger_close(c->ledger);
	c->ledger = NULL;
	flush_abandon(&c->flush);
	comeback_put_off(&c->ledger_back);
}

void consumer_ledger_failed(struct consumer *c, const char *event, const struct weir_error *why)
{
	if (!ledger_alive(c->ledger))
		consumer_lose_ledger(c, why);
	else
		log_event(LOG_WARN, event, "error=\"%s\"", why->text);
}

static void come_back(struct consumer *c)
{
	struct weir_error why;
	int64_t now = clock_us();
	if (!c->ledger && now >= c->ledger_back.at_us) {
		if (open_ledger(c, &why) == 0) {
			log_event(LOG_INFO, "ledger_back", "connection=%s", "new");
			asks_ledger_back(c);
		} else {
			log_event(LOG_WARN, "ledger_away", "error=\"%s\"", why.text);
			comeback_put_off(&c->ledger_back);
		}
	}
	if (!c->broker && !c->stopping && now >= c->broker_back.at_us) {
		if (open_broker(c, &why) == 0) {
			log_event(LOG_INFO, "broker_back", "connection=%llu",
				  (unsigned long long)c->connection);
		} else {
			log_event(LOG_WARN, "broker_away", "error=\"%s\"", why.text);
			c->broker_why = why;
			comeback_put_off(&c->broker_back);
		}
	}
}

/* ---- waiting ---- */

enum {
	FD_BROKER,
	FD_LEDGER,
	FD_ASKS,
	FD_APART,
	FD_ERRANDS = FD_APART + APARTS,
	FDS = FD_ERRANDS + ERRAND_LINES
};

static void sooner(int64_t *next, int64_t at)
{
	if (at < *next)
		*next = at;
}

/* Milliseconds until something is due without anybody writing to us. */
static int wait_ms(const struct consumer *c)
{
	int64_t now = clock_us(), next = now + TURN_MS * 1000;
	const struct delivery *ended = c->deliveries.lists[DELIVERY_ENDED].first;
	if ((c->late > 0 && !held_rests(c, now)) || flush_due(c, now, false) ||
	    (intake_hungry(c) && broker_buffered(c->broker)))
		return 0;
	if (c->late > 0)
		sooner(&next, c->begin_rest_us);
	sooner(&next, work_next_us(c));
	sooner(&next, asks_next_us(c));
	if (!c->stopping)
		sooner(&next, lanes_next_us(c));
	sooner(&next, lease_next_us(c));
	sooner(&next, apart_next_us(c));
	sooner(&next, errands_next_us(c));
	sooner(&next, causes_next_us(&c->causes));
	if (c->ledger && c->flush.state == FLUSH_IDLE) {
		sooner(&next, control_next_us(c));
		if (c->unproven)
			sooner(&next, c->proof_us);
		if (!c->stopping)
			sooner(&next, trials_next_us(c));
	}
	if (ended && c->ledger && c->flush.state == FLUSH_IDLE) {
		int64_t linger = ended->ended_us + c->options.linger_ms * 1000;
		sooner(&next, linger > c->flush.pause_until_us ? linger : c->flush.pause_until_us);
	}
	if (!c->ledger)
		sooner(&next, c->ledger_back.at_us);
	if (c->broker)
		sooner(&next, c->beat_us + broker_beat_us(c->broker));
	if (!c->broker && !c->stopping)
		sooner(&next, c->broker_back.at_us);
	return next > now ? (int)((next - now + 999) / 1000) : 0;
}

static void wait_for(const struct consumer *c, struct pollfd fds[FDS])
{
	fds[FD_BROKER] = (struct pollfd){.fd = intake_hungry(c) ? broker_fd(c->broker) : -1,
					 .events = POLLIN};
	fds[FD_LEDGER] =
		(struct pollfd){.fd = c->ledger ? ledger_fd(c->ledger) : -1, .events = POLLIN};
	if (c->ledger && ledger_wants_write(c->ledger))
		fds[FD_LEDGER].events |= POLLOUT;
	fds[FD_ASKS] = (struct pollfd){.fd = asks_fd(c), .events = POLLIN};
	apart_poll(c, fds + FD_APART);
	errands_poll(c, fds + FD_ERRANDS);
	if (poll(fds, FDS, wait_ms(c)) < 0)
		fds[FD_BROKER].revents = fds[FD_LEDGER].revents = 0;
}

/* An idle connection to the ledger says something only when it ends. */
static void watch_idle_ledger(struct consumer *c)
{
	struct weir_error why;
	PGresult *r = NULL;
	if (c->flush.state == FLUSH_IDLE && ledger_take(c->ledger, &r, &why) == LEDGER_FAILED)
		consumer_lose_ledger(c, &why);
}

/* ---- the loop ---- */

/* Heartbeats are served by intake, also when nothing comes; while there is no room, by hand. */
static void serve_broker(struct consumer *c)
{
	struct weir_error why;
	if (intake_hungry(c)) {
		c->beat_us = clock_us();
		intake_turn(c);
	} else if (c->broker && clock_us() >= c->beat_us + broker_beat_us(c->broker)) {
		c->beat_us = clock_us();
		if (broker_beat(c->broker, &why) < 0)
			consumer_lose_broker(c, &why);
	}
}

static void turn(struct consumer *c)
{
	struct pollfd fds[FDS];
	wait_for(c, fds);
	bool more = fds[FD_BROKER].revents || (intake_hungry(c) && broker_buffered(c->broker));
	c->begin_until_us = clock_us() + BEGIN_US;
	serve_broker(c);
	if (c->ledger && fds[FD_LEDGER].revents)
		watch_idle_ledger(c);
	flush_turn(&c->flush);
	apart_turn(c);
	errands_turn(c);
	settle_tell(c);
	work_timers(c);
	asks_turn(c);
	control_turn(c);
	consumer_tell(c);
	proof_turn(c);
	lease_turn(c);
	trials_turn(c);
	c->begin_until_us = clock_us() + BEGIN_US;
	held_turn(c);
	lanes_turn(c);
	if (flush_due(c, clock_us(), more))
		flush_begin(c);
	come_back(c);
	causes_turn(&c->causes);
}

static bool in_hand(const struct consumer *c)
{
	const struct delivery_list *lists = c->deliveries.lists;
	return lists[DELIVERY_WORKING].size + lists[DELIVERY_ENDED].size +
		       lists[DELIVERY_APART].size + lists[DELIVERY_STORING].size >
	       0;
}

static void stop_consuming(struct consumer *c)
{
	struct weir_error why;
	log_event(LOG_INFO, "consumer_stopping", "in_hand=%zu",
		  c->deliveries.capacity - c->deliveries.lists[DELIVERY_FREE].size);
	c->stopping = true;
	if (c->broker && lanes_stop(c, &why) < 0)
		consumer_lose_broker(c, &why);
}

/* A plugin that is asked to cancel one work may end others, so each begins anew at the first. */
static void cancel_work(struct consumer *c)
{
	for (struct delivery *d; (d = c->deliveries.lists[DELIVERY_WORKING].first);) {
		const struct weir_plugin *p = &d->lane->plugin.plugin;
		struct weir_work work = delivery_work(d);
		delivery_move(&c->deliveries, d, DELIVERY_HELD, false);
		asks_cancel(c, d);
		if (!p->cancel)
			continue;
		work_enter(c, MARK_CANCEL, d);
		p->cancel(d->lane->plugin.state, work);
		mark_leave(c->mark);
	}
}

/* What cannot be finished in time goes back to the broker, uncharged, with the connection. */
static void drain(struct consumer *c, volatile const sig_atomic_t *stop)
{
	int64_t begun = clock_us(), until = begun + c->options.grace_ms * 1000;
	struct weir_error why;
	stop_consuming(c);
	while (*stop < 2 && clock_us() < until &&
	       (in_hand(c) || (c->errands.first && clock_us() - begun < ERRANDS_US)))
		turn(c);
	cancel_work(c);
	if (*stop >= 2)
		return;
	/* In an open transaction nothing else may be said. */
	if (c->flush.state != FLUSH_IDLE) {
		weir_fail(&why, "grace", "the time to stop is over");
		consumer_lose_ledger(c, &why);
		if (open_ledger(c, &why) < 0)
			log_event(LOG_WARN, "ledger_away", "error=\"%s\"", why.text);
	}
	trials_forget(c);
	control_give_back(c);
	lease_end(c);
	consumer_leave(c);
}

/* After an end in an item's code the next worker tells that before anything else, and then rests,
 * so that an item does not end one after the other. */
static int tell_and_rest(struct consumer *c, volatile const sig_atomic_t *stop,
			 struct weir_error *err)
{
	if (trials_tell(c, err) < 0)
		return -1;
	asks_let_go(c);
	int64_t until = clock_us() + (c->watched ? c->watched->pause_us : 0);
	for (int64_t left; !*stop && (left = until - clock_us()) > 0;)
		poll(NULL, 0, (int)(left / 1000) + 1);
	return 0;
}

int consumer_run(struct consumer *c, volatile const sig_atomic_t *stop, struct weir_error *err)
{
	apart_open(c);
	if (open_ledger(c, err) < 0 || tell_and_rest(c, stop, err) < 0 || open_broker(c, err) < 0)
		return -1;
	consumer_check_redis(c);
	consumer_tell(c);
	if (c->watched)
		c->watched->ready = true;
	log_event(LOG_INFO, "consumer_ready", "kinds=%zu prefetch=%lld flush=%lld pid=%d worker=%d",
		  c->lane_count, (long long)c->options.prefetch, (long long)c->options.flush,
		  (int)getppid(), (int)getpid());
	while (!*stop)
		turn(c);
	drain(c, stop);
	causes_tell(&c->causes);
	log_event(LOG_INFO, "consumer_stopped", "items=%llu", (unsigned long long)c->done_count);
	return 0;
}
