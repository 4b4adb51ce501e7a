/* Work: from the start of a delivery to its verdict, and what plugins are lent for it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "asks.h"
#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/kind.h"
#include "weir/log.h"

#define TIMER_MAX_MS (INT64_C(86400000) * 365) /* later than any deadline, and no overflow */
#define TIMERS_US 50000			       /* that they have in a turn of the loop */
#define NOT_KNOWN_US 2000000		       /* at the least, until somebody else may have it */

/* A plugin may have asked, and not waited for the answer. */
static void end(struct consumer *c, struct delivery *one)
{
	asks_cancel(c, one);
	one->ended_us = clock_us();
	one->timer_us = 0;
	delivery_move(&c->deliveries, one, DELIVERY_ENDED, false);
}

/* As long as the plugin asks for, or as the job's backoff says. */
int64_t work_pause_us(const struct delivery *one, int64_t asked_ms)
{
	const struct job *job = one->job;
	if (asked_ms > WEIR_RETRY_AFTER_MAX)
		asked_ms = WEIR_RETRY_AFTER_MAX;
	if (asked_ms > 0)
		return asked_ms * 1000;
	return clock_backoff_by(job->backoff_us, job->backoff_cap_us, job->backoff_factor,
				one->message.item.attempt);
}

/* A failed attempt: another one later, or the last. */
static void charge(struct delivery *one, int64_t asked_ms)
{
	one->attempts = one->message.item.attempt + 1;
	one->fate = one->attempts >= one->job->max_attempts ? FATE_FAILED : FATE_RETRY;
	one->retry_us = work_pause_us(one, asked_ms);
}

/* weir_fail() makes valid UTF-8 of what a plugin says: the ledger takes nothing else. */
static void set_error(struct delivery *one, const char *code, const char *text)
{
	weir_fail(one->error, *code ? code : "failed", "%s", text);
}

static void fail(struct consumer *c, struct delivery *one, const char *code, const char *text)
{
	if (!one->began_us)
		one->began_us = clock_us(); /* it was not even started */
	one->fate = FATE_FAILED;
	one->attempts = one->message.item.attempt + 1;
	set_error(one, code, text);
	if (one->state != DELIVERY_ENDED && one->state != DELIVERY_STORING)
		end(c, one);
}

void work_fail(struct consumer *c, struct delivery *one, const char *code, const char *text)
{
	buffer_release(&one->result);
	fail(c, one, code, text);
}

static void retry(struct consumer *c, struct delivery *one, const char *code, const char *text,
		  int64_t asked_ms)
{
	set_error(one, code, text);
	charge(one, asked_ms);
	end(c, one);
}

void work_retry(struct consumer *c, struct delivery *one, const struct weir_error *why,
		int64_t after_ms)
{
	retry(c, one, why->code, why->text, after_ms);
}

void work_defer(struct consumer *c, struct delivery *one, int64_t for_us, const char *code,
		const char *text)
{
	if (!one->began_us)
		one->began_us = clock_us();
	set_error(one, *code ? code : "deferred", text);
	one->fate = FATE_DEFER;
	one->retry_us = for_us;
	end(c, one);
}

void work_wait(struct consumer *c, struct delivery *one, int64_t least_us, const char *code,
	       const char *text)
{
	one->lasting = true;
	work_defer(c, one, least_us + clock_backoff_us(least_us / 4, least_us / 4, 0), code, text);
}

void work_refuse(struct consumer *c, struct delivery *one, const struct weir_error *why)
{
	char where[96], example[80];
	struct weir_text id = one->message.item.custom_id;
	if (strcmp(why->code, WORK_NOT_KNOWN) != 0) {
		work_fail(c, one, why->code, why->text);
		return;
	}
	snprintf(where, sizeof where, "kind=%s job=%s", one->lane->plugin.plugin.kind,
		 one->job->id);
	snprintf(example, sizeof example, "%.*s", (int)id.size, id.data);
	causes_note(&c->causes, LOG_WARN, "items_put_off", where, example, 1, why);
	work_wait(c, one, NOT_KNOWN_US, why->code, why->text);
}

void work_asked(struct consumer *c, struct delivery *one)
{
	one->fate = FATE_ASKED;
	one->attempts = one->message.item.attempt;
	end(c, one);
}

void work_drop(struct consumer *c, struct delivery *one)
{
	one->fate = FATE_DROPPED;
	end(c, one);
}

/* ---- what plugins are lent ---- */

static struct lane *lane_of(const struct weir_host *host)
{
	return (struct lane *)(uintptr_t)host; /* its first member, lent out as const */
}

/* 0, or -1 when that has ended the item. */
static int copy_result(struct consumer *c, struct delivery *one, const struct weir_verdict *v)
{
	if (v->note_size > WEIR_NOTE_MAX || v->result.size > WEIR_RESULT_MAX) {
		work_fail(c, one, "bad_verdict", "the plugin's note or result is too large");
		return -1;
	}
	if (v->result.data)
		buffer_add(&one->result, v->result.data, v->result.size);
	if (buffer_failed(&one->result)) {
		retry(c, one, "out_of_memory", "no memory for the result", 0);
		return -1;
	}
	return 0;
}

static void succeed(struct consumer *c, struct delivery *one, const struct weir_verdict *v)
{
	if (copy_result(c, one, v) < 0)
		return;
	if (v->note_size)
		memcpy(one->note, v->note, v->note_size);
	one->note_size = v->note_size;
	one->fate = FATE_SUCCESS;
	one->attempts = one->message.item.attempt + 1;
	end(c, one);
}

/* What a plugin of an older version leaves there is not meant. */
static void reject(struct consumer *c, struct delivery *one, const struct weir_verdict *v)
{
	if (one->lane->plugin.plugin.abi_minor >= 3 && copy_result(c, one, v) < 0)
		return;
	fail(c, one, v->error.code, v->error.text);
}

/* A plugin of an older version has a shorter verdict. */
static int64_t asked_ms(const struct lane *lane, const struct weir_verdict *v)
{
	return lane->plugin.plugin.abi_minor >= 1 && v->retry_after_ms > 0 ? v->retry_after_ms : 0;
}

/* Whoever reads the log may be slow. */
static void ignore(const struct lane *lane, const char *event, struct weir_work work)
{
	uint32_t phase = mark_suspend(lane->consumer->mark);
	log_event(LOG_WARN, event,
		  "kind=%s work=%" PRIx64 " text=\"this work has ended, or is none of its kind\"",
		  lane->plugin.plugin.kind, work.id);
	mark_resume(lane->consumer->mark, phase);
}

static void complete(const struct weir_host *host, struct weir_work work,
		     const struct weir_verdict *v)
{
	struct lane *lane = lane_of(host);
	struct consumer *c = lane->consumer;
	struct delivery *one = delivery_find(&c->deliveries, work);
	if (!one || one->lane != lane) {
		ignore(lane, "complete_ignored", work);
		return;
	}
	switch (v->outcome) {
	case WEIR_DONE:
		succeed(c, one, v);
		break;
	case WEIR_RETRY:
		retry(c, one, v->error.code, v->error.text, asked_ms(lane, v));
		break;
	case WEIR_REJECT:
		reject(c, one, v);
		break;
	case WEIR_DEFER:
		work_defer(c, one, work_pause_us(one, asked_ms(lane, v)), v->error.code,
			   v->error.text);
		break;
	default:
		retry(c, one, "bad_verdict", "the plugin ended the item without a valid outcome",
		      0);
	}
}

static int set_timer(const struct weir_host *host, struct weir_work work, int64_t delay_ms,
		     void (*fire)(void *state, struct weir_work))
{
	struct lane *lane = lane_of(host);
	struct delivery *one = delivery_find(&lane->consumer->deliveries, work);
	if (!one || one->lane != lane || delay_ms < 0 || !fire)
		return -1;
	if (delay_ms > TIMER_MAX_MS)
		delay_ms = TIMER_MAX_MS;
	one->timer_us = clock_us() + delay_ms * 1000;
	one->fire = fire;
	return 0;
}

static void plugin_log(const struct weir_host *host, const char *event, const char *text)
{
	const struct lane *lane = lane_of(host);
	uint32_t phase = mark_suspend(lane->consumer->mark);
	log_event(LOG_INFO, event, "kind=%s %s", lane->plugin.plugin.kind, text);
	mark_resume(lane->consumer->mark, phase);
}

static int json_of(const struct weir_host *host, const struct weir_map *map, const char *key,
		   struct weir_text *out)
{
	struct buffer *b = &lane_of(host)->consumer->json;
	buffer_reset(b);
	if (map_json(b, map, key) < 0 || buffer_failed(b))
		return -1;
	*out = (struct weir_text){b->data, b->size};
	return 0;
}

static int find_model(const struct weir_host *host, const struct weir_item *item,
		      struct weir_error *err)
{
	const struct lane *lane = lane_of(host);
	int where = asks_find_model(lane->consumer, item, err);
	if (where == WEIR_MODEL_REMOTE && !lane->plugin.plugin.answer)
		return weir_fail(err, "bad_context", "the kind %s asks no model",
				 lane->plugin.plugin.kind);
	return where;
}

static void ask(const struct weir_host *host, struct weir_work work)
{
	struct lane *lane = lane_of(host);
	struct delivery *one = delivery_find(&lane->consumer->deliveries, work);
	uint32_t phase = mark_suspend(lane->consumer->mark); /* it may write to the log */
	if (one && one->lane == lane && lane->plugin.plugin.answer)
		asks_begin(lane->consumer, one);
	else
		ignore(lane, "ask_ignored", work);
	mark_resume(lane->consumer->mark, phase);
}

void work_lend(struct lane *lane)
{
	lane->host = (struct weir_host){
		.abi_major = WEIR_ABI_MAJOR,
		.abi_minor = WEIR_ABI_MINOR,
		.struct_size = sizeof lane->host,
		.complete = complete,
		.set_timer = set_timer,
		.log = plugin_log,
		.map_text = map_text,
		.map_integer = map_integer,
		.map_real = map_real,
		.tx_exec = tx_exec,
		.map_map = map_map,
		.map_json = json_of,
		.find_model = find_model,
		.ask = ask,
		.map_count = map_count,
		.map_entry = map_entry,
		.tx_results = tx_results,
		.map_key = map_key,
		.map_type = map_type,
	};
}

/* ---- start and time ---- */

void work_enter(struct consumer *c, enum mark_phase phase, const struct delivery *one)
{
	mark_enter(c->mark, phase, (size_t)(one->lane - c->lanes), one);
}

int work_check(struct consumer *c, const struct delivery *one, const struct weir_item *item,
	       struct weir_error *err)
{
	const struct loaded_plugin *plugin = &one->lane->plugin;
	*err = (struct weir_error){"", ""};
	work_enter(c, MARK_CHECK, one);
	int rc = kind_check(&plugin->plugin, &c->llm, item, err);
	if (rc == 0)
		rc = plugin->plugin.check(plugin->state, item, err);
	mark_leave(c->mark);
	return rc;
}

void work_start(struct consumer *c, struct delivery *one)
{
	struct weir_error why;
	const struct weir_plugin *p = &one->lane->plugin.plugin;
	struct places *places = &one->lane->places; /* the delivery may be gone with its work */
	int64_t began = one->began_us = clock_us();
	if (work_check(c, one, &one->message.item, &why) < 0) {
		work_refuse(c, one, &why);
		return;
	}
	one->deadline_us = one->began_us + c->options.work_timeout_ms * 1000;
	delivery_move(&c->deliveries, one, DELIVERY_WORKING, false);
	work_enter(c, MARK_PROCESS, one);
	failpoint("working");
	p->process(one->lane->plugin.state, delivery_work(one), &one->message.item);
	mark_leave(c->mark);
	int64_t now = clock_us();
	places_begun(places, now, now - began);
}

static void give_up(struct consumer *c, struct delivery *one)
{
	const struct weir_plugin *p = &one->lane->plugin.plugin;
	struct weir_work work = delivery_work(one);
	retry(c, one, "timeout", "the plugin did not end the item in time (--work-timeout)", 0);
	if (!p->cancel)
		return;
	work_enter(c, MARK_CANCEL, one);
	p->cancel(one->lane->plugin.state, work);
	mark_leave(c->mark);
}

/* When its timer or its time is over; one on trial waits for the ledger, too. */
static int64_t due_us(const struct delivery *d)
{
	int64_t ready = trials_ready_us(d);
	int64_t at = d->timer_us && d->timer_us < d->deadline_us ? d->timer_us : d->deadline_us;
	return ready > at ? ready : at;
}

static struct delivery *find_due(const struct consumer *c, int64_t now)
{
	struct delivery *d = c->deliveries.lists[DELIVERY_WORKING].first;
	while (d && due_us(d) > now)
		d = d->after;
	return d;
}

/* Who has been served is behind all others, or a few that are due again at once would keep the rest
 * from being served at all. That it came late is no fault of the plugin's. */
static void fire(struct consumer *c, struct delivery *one, int64_t now)
{
	if (trials_begin(c, one) < 0)
		return; /* its timer stays */
	if (one->deadline_us != INT64_MAX && now > one->timer_us)
		one->deadline_us += now - one->timer_us;
	one->timer_us = 0;
	delivery_move(&c->deliveries, one, DELIVERY_WORKING, false);
	work_enter(c, MARK_TIMER, one);
	failpoint("firing");
	one->fire(one->lane->plugin.state, delivery_work(one));
	mark_leave(c->mark);
	trials_returned(c);
}

/* A plugin may end any work in its timer, so the search begins anew each time. */
void work_timers(struct consumer *c)
{
	int64_t now = clock_us();
	for (struct delivery *d; clock_us() - now < TIMERS_US && (d = find_due(c, now));) {
		if (d->timer_us && d->timer_us <= now)
			fire(c, d, clock_us());
		else
			give_up(c, d);
	}
}

int64_t work_next_us(const struct consumer *c)
{
	int64_t next = INT64_MAX;
	for (struct delivery *d = c->deliveries.lists[DELIVERY_WORKING].first; d; d = d->after)
		if (due_us(d) < next)
			next = due_us(d);
	return next;
}
