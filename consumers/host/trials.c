/* Trials: items that are worked on apart from all others, since they may end the process.
 *
 * A message that came back says nothing about its item: connections, processes and machines are
 * ended all day. So what has come back is looked up in weir.trials, and mostly begins like all
 * else. On trial, one by one, are
 *
 *   those that have ended a worker: there is evidence (supervise.h), which the next worker has told
 *   those that were in one store() with others when that ended a worker: one of them it was
 *   those that have come back many times: perhaps one of them ends all there is, its parent too
 *
 * weir.trials remembers, from before a trial begins until the plugin is done with it, that it was
 * begun. Of those that end everything with them nothing but that is left; so it takes very many of
 * them, more than storms make: each time the item was in its plugin's code, alone. */
#include <stdio.h>
#include <string.h>

#include "asks.h"
#include "flush.h"
#include "statements.h"
#include "supervise.h"
#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/log.h"

#define SETTLE_US 300000  /* who had it before may have to tell first how that ended */
#define RETURNS_MANY 5	  /* then it is worked on alone */
#define STARTS_MAX 12	  /* that came to no end, then it is poison */
#define QUIET_US 2000000  /* how long one with crashes waits for calls that are paid for */
#define HOLD_US 1000000	  /* and then for others to be stored, which keeps new ones waiting */
#define FAILED_US 1000000 /* when the ledger is asked again that would not answer */
#define AGAIN_MS 600000	  /* should the message of an item that crashed be lost */
#define REASON_SIZE 400

/* ---- which of them ---- */

static bool is_new(const struct consumer *c, const struct delivery *d, int64_t now)
{
	return !d->looked_up && (c->stopping || now - d->taken_us >= SETTLE_US);
}

static size_t new_ones(const struct consumer *c, struct delivery **out, int64_t now)
{
	size_t n = 0;
	struct delivery *d = c->deliveries.lists[DELIVERY_SUSPECT].first;
	for (; d && n < FLUSH_MAX; d = d->after)
		if (is_new(c, d, now))
			out[n++] = d;
	return n;
}

/* Those that are innocent as far as anybody knows have their turn first. */
static struct delivery *next_trial(const struct consumer *c)
{
	struct delivery *found = NULL;
	for (struct delivery *d = c->deliveries.lists[DELIVERY_SUSPECT].first; d; d = d->after)
		if (d->looked_up && (!found || (found->crashes > 0 && d->crashes == 0)))
			found = d;
	return found;
}

bool trials_due(const struct consumer *c, int64_t now)
{
	return !c->stopping && trials_next_us(c) <= now;
}

int64_t trials_next_us(const struct consumer *c)
{
	int64_t next = INT64_MAX, at;
	if (c->deliveries.lists[DELIVERY_SUSPECT].size == 0)
		return next;
	for (struct delivery *d = c->deliveries.lists[DELIVERY_SUSPECT].first; d; d = d->after) {
		at = d->looked_up ? c->trial_us : d->taken_us + SETTLE_US;
		if (d->looked_up && c->trial_us)
			at += clock_us() - c->trial_us < QUIET_US ? QUIET_US : QUIET_US + HOLD_US;
		if (at < next)
			next = at;
	}
	return next > c->trials_again_us ? next : c->trials_again_us;
}

static bool is_quiet(const struct consumer *c, int64_t now)
{
	return !c->asks || c->asks->lists[ASK_CALLING].size == 0 || now - c->trial_us >= QUIET_US;
}

/* A lost broker takes the suspects along, and what one of them waited for. */
bool trials_hold(const struct consumer *c)
{
	return c->trial_us && c->deliveries.lists[DELIVERY_SUSPECT].first &&
	       is_quiet(c, clock_us());
}

static void not_now(struct consumer *c, const struct weir_error *why)
{
	consumer_ledger_failed(c, "trials_failed", why);
	c->trials_again_us = clock_us() + FAILED_US;
}

/* ---- looking up ---- */

static void fail_poison(struct consumer *c, struct delivery *one, struct weir_text reason)
{
	char text[REASON_SIZE];
	if (one->crashes >= c->options.poison_limit)
		snprintf(text, sizeof text, "%u workers ended in its code; the last one: %.*s",
			 one->crashes, (int)reason.size, reason.size ? reason.data : "");
	else
		snprintf(text, sizeof text,
			 "%u times all processes that had it came to their end while it was worked "
			 "on alone: their machine or container was ended",
			 one->starts);
	work_fail(c, one, "poison", text);
}

static void sort_out(struct consumer *c, struct delivery *one, const PGresult *r, int row)
{
	one->looked_up = true;
	one->crashes = (uint32_t)ledger_int(r, row, 1);
	one->starts = (uint32_t)ledger_int(r, row, 2);
	one->alone = ledger_bool(r, row, 3) || one->returns >= RETURNS_MANY;
	one->tried = ledger_bool(r, row, 4);
	if (c->stopping)
		return;
	if (one->crashes >= c->options.poison_limit || one->starts >= STARTS_MAX)
		fail_poison(c, one, ledger_text(r, row, 5));
	else if (!one->alone)
		work_start(c, one);
}

/* The final ones leave at once. */
static int look_up(struct consumer *c, struct delivery **some, size_t n)
{
	struct weir_error why;
	PGresult *r = NULL;
	struct delivery *ended[FLUSH_MAX];
	size_t ended_count = 0;
	statement_fill(&statement_read_trials, &c->flush.params, some, n);
	if (ledger_query(c->ledger, statement_sql(&statement_read_trials), &c->flush.params, true,
			 &r, &why) < 0) {
		not_now(c, &why);
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		some[i]->final = ledger_int(r, (int)i, 0);
		if (some[i]->final)
			ended[ended_count++] = some[i];
		else
			sort_out(c, some[i], r, (int)i);
	}
	PQclear(r);
	settle(c, ended, ended_count);
	return 0;
}

/* ---- a trial ---- */

/* With crashes: what is in hand is stored first, and calls that are paid for come to their end. */
static bool is_its_turn(struct consumer *c, const struct delivery *one, int64_t now)
{
	if (one->crashes == 0)
		return true;
	if (!c->trial_us)
		c->trial_us = now;
	if (now - c->trial_us >= QUIET_US + HOLD_US)
		return true;
	return is_quiet(c, now) && c->deliveries.lists[DELIVERY_ENDED].size == 0;
}

static int tell_ledger(struct consumer *c, const struct host_statement *s, struct delivery *one)
{
	struct weir_error why;
	statement_fill(s, &c->flush.params, &one, 1);
	if (ledger_do(c->ledger, statement_sql(s), &c->flush.params, NULL, &why) == 0)
		return 0;
	not_now(c, &why);
	return -1;
}

static void set_begun(struct consumer *c, struct delivery *one, bool begun)
{
	one->begun = begun;
	if (!c->watched)
		return;
	mark_item(&c->watched->alone, one);
	c->watched->begun = begun;
}

int trials_begin(struct consumer *c, struct delivery *one)
{
	if (tell_ledger(c, &statement_begin_trials, one) < 0)
		return -1;
	failpoint("trial_begun");
	one->tried = true;
	set_begun(c, one, true);
	one->group = flush_group(&c->flush); /* stored alone, too */
	return 0;
}

void trials_returned(struct consumer *c, struct delivery *one)
{
	if (one->state == DELIVERY_WORKING && one->begun && c->ledger &&
	    tell_ledger(c, &statement_leave_trials, one) == 0)
		set_begun(c, one, false);
}

static void start(struct consumer *c, struct delivery *one)
{
	struct weir_text id = one->message.item.custom_id;
	if (trials_begin(c, one) < 0)
		return;
	log_event(LOG_INFO, "trial_started", "item=%.*s crashes=%u returns=%lld", (int)id.size,
		  id.data, one->crashes, (long long)one->returns);
	work_start(c, one);
	trials_returned(c, one);
}

void trials_ended(struct consumer *c, struct delivery *one)
{
	if (one->begun)
		set_begun(c, one, false);
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
	struct delivery *some[FLUSH_MAX], *one;
	int64_t now = clock_us();
	size_t n;
	if (c->flush.state != FLUSH_IDLE || !c->ledger || !trials_due(c, now))
		return;
	put_back_stopped(c);
	while (c->ledger && (n = new_ones(c, some, now)) > 0)
		if (look_up(c, some, n) < 0)
			return;
	one = next_trial(c);
	if (one && !is_its_turn(c, one, now))
		return;
	c->trial_us = 0;
	if (one && c->ledger)
		start(c, one);
}

void trials_forget(struct consumer *c)
{
	struct delivery *some[FLUSH_MAX];
	size_t n;
	while (c->ledger && (n = new_ones(c, some, clock_us())) > 0)
		if (look_up(c, some, n) < 0)
			break;
	for (size_t i = 0; i < c->deliveries.capacity && c->ledger; i++) {
		struct delivery *d = &c->deliveries.slots[i];
		if (d->state != DELIVERY_FREE && d->begun &&
		    tell_ledger(c, &statement_leave_trials, d) == 0)
			set_begun(c, d, false);
	}
}

/* ---- what the worker before has left ---- */

/* One item of which that is sure: one crash more, and at the limit its end. Many: each on trial.
 * The row in weir.retries shows people why it waits, and brings it back should its message be lost.
 */
static const char tell[] =
	"WITH u AS MATERIALIZED (SELECT DISTINCT ON (u.job_id, u.stage, u.ordinal) u.*,"
	"   j.status = 'paused' AS paused"
	"  FROM unnest($1::text[], $2::int4[], $3::int4[], $4::text[], $5::int4[])"
	"   AS u(job_id, stage, ordinal, custom_id, attempt)"
	"  JOIN weir.jobs j ON j.job_id = u.job_id"
	"  CROSS JOIN LATERAL (SELECT FROM weir.items i WHERE i.job_id = u.job_id"
	"   AND i.stage = u.stage AND i.ordinal = u.ordinal AND i.custom_id = u.custom_id"
	"   LIMIT 1) i"
	"  WHERE j.status IN ('pending', 'running', 'paused')"
	"   AND NOT EXISTS (SELECT FROM weir.results r WHERE r.job_id = u.job_id"
	"    AND r.stage = u.stage AND r.ordinal = u.ordinal)"
	"  ORDER BY u.job_id, u.stage, u.ordinal),"
	" t AS (INSERT INTO weir.trials AS t (job_id, stage, ordinal, crashes, alone, reason)"
	"  SELECT job_id, stage, ordinal, $6, true, $7 FROM u ORDER BY 1, 2, 3"
	"  ON CONFLICT (job_id, stage, ordinal) DO UPDATE SET crashes = t.crashes + $6,"
	"   begun = 0, alone = true, reason = $7, started_at = now()"
	"  RETURNING job_id, stage, ordinal, crashes),"
	" w AS (INSERT INTO weir.retries AS w (job_id, stage, ordinal, attempts, due_at,"
	"   error_class, error)"
	"  SELECT job_id, stage, ordinal, u.attempt, now() + $9 * interval '1 ms'"
	"   + CASE WHEN u.paused THEN weir.parked() ELSE interval '0' END, 'crashed', $7"
	"  FROM t JOIN u USING (job_id, stage, ordinal) WHERE $6 > 0 AND t.crashes < $8"
	"  ORDER BY 1, 2, 3"
	"  ON CONFLICT (job_id, stage, ordinal) DO UPDATE SET error_class = 'crashed', error = $7),"
	" e AS (SELECT weir.end_items(job_id, stage, ARRAY[ordinal], 2, 'poison',"
	"  crashes || ' workers ended in its code; the last one: ' || $7) FROM t WHERE crashes >= "
	"$8)"
	" SELECT (SELECT max(crashes) FROM t)::int4, (SELECT count(*) FROM t)::int4,"
	"  (SELECT count(*) FROM e)::int4";

static void add_texts(struct params *p, const struct mark *m, size_t offset)
{
	params_array(p, TYPE_TEXT, m->count);
	for (size_t i = 0; i < m->count; i++) {
		const char *text = (const char *)&m->items[i] + offset;
		params_add_text(p, (struct weir_text){text, strnlen(text, MESSAGE_NAME_MAX)});
	}
	params_array_end(p);
}

static void add_numbers(struct params *p, const struct mark *m, size_t offset)
{
	params_array(p, TYPE_INT4, m->count);
	for (size_t i = 0; i < m->count; i++) {
		uint32_t number;
		memcpy(&number, (const char *)&m->items[i] + offset, sizeof number);
		params_add_int(p, (int32_t)number);
	}
	params_array_end(p);
}

static void fill(struct params *p, const struct mark *m)
{
	params_reset(p);
	add_texts(p, m, offsetof(struct marked_item, job_id));
	add_numbers(p, m, offsetof(struct marked_item, stage));
	add_numbers(p, m, offsetof(struct marked_item, ordinal));
	add_texts(p, m, offsetof(struct marked_item, custom_id));
	add_numbers(p, m, offsetof(struct marked_item, attempt));
}

static int tell_crash(struct consumer *c, const struct watched *w, struct weir_error *err)
{
	struct params *p = &c->flush.params;
	PGresult *r = NULL;
	fill(p, &w->mark);
	params_int(p, w->mark.count == 1);
	params_string(p, w->crash);
	params_int(p, (int32_t)c->options.poison_limit);
	params_big(p, AGAIN_MS);
	if (ledger_query(c->ledger, tell, p, true, &r, err) < 0)
		return -1;
	log_event(LOG_WARN, "crash_told", "items=%d crashes=%d limit=%lld poison=%d first=%.64s",
		  ledger_int(r, 0, 1), ledger_int(r, 0, 0), (long long)c->options.poison_limit,
		  ledger_int(r, 0, 2), w->mark.items[0].custom_id);
	PQclear(r);
	return 0;
}

/* It did not end in that item's code, and so this trial does not count. */
static int take_back(struct consumer *c, const struct watched *w, struct weir_error *err)
{
	const struct marked_item *one = &w->alone;
	struct params *p = &c->flush.params;
	params_reset(p);
	params_array(p, TYPE_TEXT, 1);
	params_add_text(p, (struct weir_text){one->job_id, strnlen(one->job_id, MESSAGE_NAME_MAX)});
	params_array_end(p);
	params_array(p, TYPE_INT4, 1);
	params_add_int(p, (int32_t)one->stage);
	params_array_end(p);
	params_array(p, TYPE_INT4, 1);
	params_add_int(p, (int32_t)one->ordinal);
	params_array_end(p);
	return ledger_do(c->ledger, statement_sql(&statement_leave_trials), p, NULL, err);
}

int trials_tell(struct consumer *c, struct weir_error *err)
{
	struct watched *w = c->watched;
	if (w && w->crashed && tell_crash(c, w, err) < 0) {
		/* What is no item's any more: a plugin may have written over the mark. */
		if (!ledger_alive(c->ledger) || ledger_fault(c->ledger) != LEDGER_DATA)
			return -1;
		log_event(LOG_ERROR, "crash_not_told", "error=\"%s\"", err->text);
	}
	if (w && w->begun && !w->in_code && take_back(c, w, err) < 0)
		return -1;
	if (w)
		w->crashed = w->begun = w->in_code = false;
	return 0;
}
