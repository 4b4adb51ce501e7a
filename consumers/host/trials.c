/* Trials: items that are worked on apart from all others, since they may end the process.
 *
 * A message that came back says nothing about its item: connections, processes and machines are
 * ended all day. So what has come back is looked up in weir.trials, and mostly is then one of all
 * others, at the same door (held.c). On trial, one by one, are
 *
 *   those that have ended a worker: there is evidence (supervise.h), which the next worker has told
 *   those that were in one store() with others when that ended a worker: one of them it was
 *   those that have come back many times: perhaps one of them ends all there is, its parent too
 *
 * weir.trials remembers, from before the plugin is called for one on trial (process, a timer,
 * answer, store) until that call is back, that it was begun: not while the item waits for a model,
 * a timer or the ledger. Of those that end everything with them nothing but that is left; so it
 * takes very many of them, more than storms make: each time the item was in its plugin's code,
 * alone. What is not covered so is cancel().
 *
 * What a worker was ended by is told by the next one before it takes messages; where somebody holds
 * that item's rows, it is told as soon as they are free (errands.h), and the item waits for that
 * alone. */
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
#define FAILED_US 1000000 /* when the ledger is asked again that would not answer, */
#define FAILED_CAP_US 30000000
#define LOCK_MS 200 /* that somebody may hold one row of it, */
#define STATEMENT_MS 2000
#define IDLE_US 10000000 /* and the connection for that is kept, when nobody needs it */
#define LEAVES_MOST 3	 /* tries to say that a trial is over */
#define AGAIN_MS 600000	 /* should the message of an item that crashed be lost */
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
static struct delivery *next_trial(const struct consumer *c, int64_t now)
{
	struct delivery *found = NULL;
	for (struct delivery *d = c->deliveries.lists[DELIVERY_SUSPECT].first; d; d = d->after)
		if (d->looked_up && d->trial_us <= now &&
		    (!found || (found->crashes > 0 && d->crashes == 0)))
			found = d;
	return found;
}

bool trials_due(const struct consumer *c, int64_t now)
{
	return !c->stopping && trials_next_us(c) <= now;
}

/* One has begun, and the ledger does not know yet that it is over. */
static bool is_begun(const struct consumer *c) { return c->watched && c->watched->begun; }

/* When that one on trial is to be looked at. */
static int64_t trial_at_us(const struct consumer *c, const struct delivery *d)
{
	int64_t at = c->trial_us;
	if (is_begun(c))
		return INT64_MAX;
	if (c->trial_us)
		at += clock_us() - c->trial_us < QUIET_US ? QUIET_US : QUIET_US + HOLD_US;
	return at > d->trial_us ? at : d->trial_us;
}

int64_t trials_next_us(const struct consumer *c)
{
	int64_t next = is_begun(c) ? c->trials.leave_us : INT64_MAX;
	for (struct delivery *d = c->deliveries.lists[DELIVERY_SUSPECT].first; d; d = d->after) {
		int64_t at = d->looked_up ? trial_at_us(c, d) : d->taken_us + SETTLE_US;
		if (at < next)
			next = at;
	}
	return next > c->trials.again_us ? next : c->trials.again_us;
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

static void note_failed(struct consumer *c, const struct weir_error *why)
{
	causes_note(&c->causes, LOG_WARN, "trials_failed", "", "", 1, why);
}

static void not_now(struct consumer *c, const struct weir_error *why)
{
	if (ledger_alive(c->ledger))
		note_failed(c, why);
	else
		consumer_lose_ledger(c, why);
	c->trials.again_us = clock_us() + FAILED_US;
	c->trial_us = 0; /* nobody has to wait for a trial meanwhile */
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
	if (one->crashes >= c->options.poison_limit || one->starts >= STARTS_MAX) {
		fail_poison(c, one, ledger_text(r, row, 5));
		return;
	}
	one->held_us = clock_us();
	delivery_move(&c->deliveries, one, DELIVERY_HELD, false);
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
		if (!some[i]->final) {
			sort_out(c, some[i], r, (int)i);
			continue;
		}
		ended[ended_count++] = some[i];
		/* Not a suspect: a broker that is lost meanwhile would take it along. */
		delivery_move(&c->deliveries, some[i], DELIVERY_STORING, false);
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

/* What is told while a flush may be under way is told on a connection of its own. */
static bool connect_trials(struct consumer *c, struct weir_error *err)
{
	struct trials *t = &c->trials;
	t->used_us = clock_us();
	if (t->ledger)
		return true;
	if (!c->ledger || clock_us() < t->back.at_us) {
		weir_fail(err, "database", "the ledger is away");
		return false;
	}
	if (ledger_open(c->settings.pg_url, "weir-consumer trials", true, &t->ledger, err) == 0 &&
	    ledger_limits(t->ledger, LOCK_MS, STATEMENT_MS, err) == 0) {
		t->back.tries = 0;
		return true;
	}
	ledger_close(t->ledger);
	t->ledger = NULL;
	comeback_put_off(&t->back);
	return false;
}

/* One row, which somebody may hold: that is to cost the others little. */
static int tell_trial(struct consumer *c, const struct host_statement *s,
		      const struct marked_item *one, struct weir_error *err)
{
	struct trials *t = &c->trials;
	struct params *p = &t->params;
	if (!connect_trials(c, err))
		return -1;
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
	if (ledger_do(t->ledger, statement_sql(s), p, NULL, err) == 0)
		return 0;
	if (ledger_alive(t->ledger))
		return -1;
	ledger_close(t->ledger);
	t->ledger = NULL;
	comeback_put_off(&t->back);
	return -1;
}

int64_t trials_ready_us(const struct delivery *one) { return one->alone ? one->trial_us : 0; }

/* Where that cannot be told for long, others wait for their trials: it is one start too many. */
void trials_returned(struct consumer *c)
{
	struct weir_error why;
	struct watched *w = c->watched;
	if (!w || !w->begun)
		return;
	w->begun = tell_trial(c, &statement_leave_trials, &w->alone, &why) < 0;
	if (w->begun) {
		note_failed(c, &why);
		c->trials.leave_us = clock_us() + FAILED_US;
		c->trial_us = 0;
		c->trials.leaves += c->trials.ledger != NULL;
		w->begun = c->trials.leaves < LEAVES_MOST;
	}
	if (!w->begun)
		c->trials.leaves = 0;
}

/* The trial before is over first. */
static int tell_begin(struct consumer *c, const struct marked_item *item, struct weir_error *err)
{
	trials_returned(c);
	if (c->watched->begun)
		return weir_fail(err, "database", "the end of another trial cannot be told");
	return tell_trial(c, &statement_begin_trials, item, err);
}

int trials_begin(struct consumer *c, struct delivery *one)
{
	struct weir_error why;
	struct marked_item item;
	if (!one->alone || !c->watched)
		return 0;
	mark_item(&item, one);
	if (tell_begin(c, &item, &why) < 0) {
		note_failed(c, &why);
		one->trial_us =
			clock_us() + clock_backoff_us(FAILED_US, FAILED_CAP_US, one->trial_tries++);
		return -1;
	}
	one->tried = true;
	one->trial_tries = 0;
	c->watched->alone = item;
	c->watched->begun = true;
	failpoint("trial_begun");
	if (!one->group)
		one->group = flush_group(&c->flush); /* stored alone, too */
	return 0;
}

void trials_close(struct consumer *c)
{
	ledger_close(c->trials.ledger);
	c->trials.ledger = NULL;
	params_release(&c->trials.params);
}

static void close_idle(struct consumer *c, int64_t now)
{
	if (c->trials.ledger && now - c->trials.used_us > IDLE_US)
		trials_close(c);
}

static void start(struct consumer *c, struct delivery *one)
{
	struct weir_text id = one->message.item.custom_id;
	if (trials_begin(c, one) < 0)
		return;
	log_event(LOG_INFO, "trial_started", "item=%.*s crashes=%u returns=%lld", (int)id.size,
		  id.data, one->crashes, (long long)one->returns);
	work_start(c, one);
	trials_returned(c);
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

static int look_up_all(struct consumer *c, int64_t now)
{
	struct delivery *some[FLUSH_MAX];
	size_t n;
	while (c->ledger && (n = new_ones(c, some, now)) > 0)
		if (look_up(c, some, n) < 0)
			return -1;
	return 0;
}

void trials_turn(struct consumer *c)
{
	struct delivery *one;
	int64_t now = clock_us();
	close_idle(c, now);
	if (now >= c->trials.leave_us)
		trials_returned(c); /* where the ledger has not been told yet */
	if (c->flush.state != FLUSH_IDLE || !c->ledger || !trials_due(c, now))
		return;
	put_back_stopped(c);
	one = look_up_all(c, now) < 0 || is_begun(c) ? NULL : next_trial(c, now);
	if (one && !is_its_turn(c, one, now))
		return;
	c->trial_us = 0;
	if (one && c->ledger)
		start(c, one);
}

void trials_forget(struct consumer *c)
{
	(void)look_up_all(c, clock_us()); /* it has told why not */
	trials_returned(c);
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

static void add_texts(struct params *p, const struct untold *u, uint32_t count, size_t offset)
{
	params_array(p, TYPE_TEXT, count);
	for (size_t i = 0; i < count; i++) {
		const char *text = (const char *)&u->items[i] + offset;
		params_add_text(p, (struct weir_text){text, strnlen(text, MESSAGE_NAME_MAX)});
	}
	params_array_end(p);
}

static void add_numbers(struct params *p, const struct untold *u, uint32_t count, size_t offset)
{
	params_array(p, TYPE_INT4, count);
	for (size_t i = 0; i < count; i++) {
		uint32_t number;
		memcpy(&number, (const char *)&u->items[i] + offset, sizeof number);
		params_add_int(p, (int32_t)number);
	}
	params_array_end(p);
}

static void fill(struct consumer *c, const struct errand *e, struct params *p)
{
	const struct untold *u = e->owner;
	uint32_t n = supervise_count(u);
	add_texts(p, u, n, offsetof(struct marked_item, job_id));
	add_numbers(p, u, n, offsetof(struct marked_item, stage));
	add_numbers(p, u, n, offsetof(struct marked_item, ordinal));
	add_texts(p, u, n, offsetof(struct marked_item, custom_id));
	add_numbers(p, u, n, offsetof(struct marked_item, attempt));
	params_int(p, n == 1);
	params_text(p, (struct weir_text){u->text, strnlen(u->text, sizeof u->text)});
	params_int(p, (int32_t)c->options.poison_limit);
	params_big(p, AGAIN_MS);
}

/* What is no item's any more is never taken: a plugin may have written over the mark. */
static void told(struct consumer *c, struct errand *e, const PGresult *r)
{
	struct untold *u = e->owner;
	if (r)
		log_event(LOG_WARN, "crash_told",
			  "items=%d crashes=%d limit=%lld poison=%d first=%.64s",
			  ledger_int(r, 0, 1), ledger_int(r, 0, 0),
			  (long long)c->options.poison_limit, ledger_int(r, 0, 2),
			  u->items[0].custom_id);
	else
		log_event(LOG_ERROR, "crash_not_told", "text=\"the ledger has no such items\"");
	u->count = 0;
}

static const struct errand_sort tell_crash = {"crash_not_told", tell, fill, told};

/* At once, where nobody stands in the way. False: not yet. */
static bool tell_now(struct consumer *c, struct untold *u, struct weir_error *err)
{
	struct errand e = {.owner = u};
	struct params *p = &c->flush.params;
	PGresult *r = NULL;
	params_reset(p);
	fill(c, &e, p);
	if (ledger_query(c->ledger, tell, p, true, &r, err) < 0 &&
	    (!ledger_alive(c->ledger) || ledger_fault(c->ledger) != LEDGER_DATA))
		return false;
	told(c, &e, r);
	PQclear(r);
	return true;
}

int trials_tell(struct consumer *c, struct weir_error *err)
{
	struct watched *w = c->watched;
	for (size_t i = 0; w && i < UNTOLD_MAX; i++) {
		if (supervise_count(&w->untold[i]) == 0 || c->telling[i].sort ||
		    tell_now(c, &w->untold[i], err))
			continue;
		if (!ledger_alive(c->ledger))
			return -1;
		log_event(LOG_WARN, "crash_not_told",
			  "first=%.64s error=\"%s\" text=\"it waits until that is told\"",
			  w->untold[i].items[0].custom_id, err->text);
		errand_begin(c, &c->telling[i], &tell_crash, &w->untold[i]);
	}
	if (w && w->in_code)
		w->begun = false; /* its start counts, whether that end is evidence or not */
	if (w)
		w->in_code = false;
	return 0;
}

static bool is_of(const struct untold *u, const struct weir_item *item)
{
	uint32_t n = supervise_count(u);
	for (uint32_t i = 0; i < n; i++) {
		const struct marked_item *m = &u->items[i];
		if (m->ordinal == item->ordinal && m->stage == item->stage &&
		    strnlen(m->job_id, sizeof m->job_id) == item->job_id.size &&
		    memcmp(m->job_id, item->job_id.data, item->job_id.size) == 0)
			return true;
	}
	return false;
}

bool trials_untold(const struct consumer *c, const struct delivery *one)
{
	for (size_t i = 0; c->errands.first && i < UNTOLD_MAX; i++)
		if (c->telling[i].sort && is_of(&c->watched->untold[i], &one->message.item))
			return true;
	return false;
}
