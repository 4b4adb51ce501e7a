/* Control: what an operator has said of the jobs whose messages are in hand. */
#include <stdio.h>
#include <string.h>

#include "consumer.h"
#include "statements.h"
#include "weir/clock.h"
#include "weir/log.h"

#define FORGET_US 60000000
#define KEEP_JOBS 1024

static const char read_jobs[] =
	"SELECT coalesce(j.status, ''), j.epoch, j.batch_size, j.max_attempts, j.backoff_ms,"
	"  j.backoff_factor, j.backoff_cap_ms, coalesce(j.max_concurrent, 0),"
	"  j.first_epoch, (SELECT w.ordinal FROM weir.retries w WHERE w.job_id = u.job_id LIMIT 1)"
	"  IS NOT NULL, coalesce(j.tag, ''), j.seal"
	" FROM unnest($1::text[]) WITH ORDINALITY AS u(job_id, pos)"
	" LEFT JOIN LATERAL (SELECT * FROM weir.jobs j WHERE j.job_id = u.job_id LIMIT 1) j ON true"
	" ORDER BY u.pos";

static const struct {
	const char *status;
	enum job_state state;
} states[] = {{"", JOB_MISSING},       {"pending", JOB_OPEN},	 {"running", JOB_OPEN},
	      {"paused", JOB_PAUSED},  {"completed", JOB_ENDED}, {"failed", JOB_ENDED},
	      {"cancelled", JOB_ENDED}};

static enum job_state state_of(struct weir_text status)
{
	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		if (strlen(states[i].status) == status.size &&
		    memcmp(states[i].status, status.data, status.size) == 0)
			return states[i].state;
	return JOB_PAUSED; /* of a later version: not to be touched */
}

static bool in_use(const struct consumer *c)
{
	return c->deliveries.lists[DELIVERY_FREE].size < c->deliveries.capacity;
}

bool control_due(const struct consumer *c, int64_t now)
{
	return c->ledger && now >= control_next_us(c);
}

int64_t control_next_us(const struct consumer *c)
{
	if (c->jobs.wanted)
		return c->jobs.again_us;
	return in_use(c) ? c->jobs.ask_us : INT64_MAX;
}

static void not_now(struct consumer *c, const char *event, const struct weir_error *why)
{
	consumer_ledger_failed(c, event, why);
	c->jobs.again_us = clock_us() + JOBS_ASK_US;
}

/* ---- what is in hand of a job that goes on without it ---- */

static size_t in_hand(struct consumer *c, const struct job *job, struct delivery **out)
{
	static const enum delivery_state hands[] = {DELIVERY_WORKING, DELIVERY_ENDED,
						    DELIVERY_APART};
	size_t n = 0;
	for (size_t i = 0; i < sizeof hands / sizeof *hands; i++) {
		struct delivery *d = c->deliveries.lists[hands[i]].first;
		for (; d && n < FLUSH_MAX; d = d->after)
			if (d->job == job && !d->noted && d->fate != FATE_REFUSED)
				out[n++] = d;
	}
	return n;
}

/* A flush apart has it, which may take long and fail: it is noted then. */
static bool is_storing(const struct consumer *c, const struct job *job)
{
	const struct delivery *d = c->deliveries.lists[DELIVERY_STORING].first;
	while (d && d->job != job)
		d = d->after;
	return d != NULL;
}

/* Others may hold these rows, and all that this process does waits for them as well. */
static const char briefly[] = "SET LOCAL lock_timeout = '100ms'";

static void not_noted(struct consumer *c, struct job *job, const struct weir_error *why)
{
	char where[96];
	snprintf(where, sizeof where, "job=%s", job->id);
	if (ledger_alive(c->ledger))
		causes_note(&c->causes, LOG_WARN, "not_noted", where, "", 1, why);
	else
		consumer_lose_ledger(c, why);
	comeback_put_off(&job->note_back);
	c->jobs.again_us = clock_us() + JOBS_ASK_US;
}

static int write_notes(struct consumer *c, struct delivery **some, size_t n, int64_t due_us)
{
	struct weir_error why, ignored;
	struct ledger *l = c->ledger;
	statement_fill(&statement_note, &c->flush.params, some, n);
	params_big(&c->flush.params, due_us);
	if (ledger_do(l, "BEGIN", NULL, NULL, &why) < 0 ||
	    ledger_do(l, briefly, NULL, NULL, &why) < 0 ||
	    ledger_do(l, statement_sql(&statement_note), &c->flush.params, NULL, &why) < 0 ||
	    ledger_do(l, "COMMIT", NULL, NULL, &why) < 0) {
		if (ledger_alive(l) && ledger_do(l, "ROLLBACK", NULL, NULL, &ignored) < 0)
			why = ignored;
		not_noted(c, some[0]->job, &why);
		return -1;
	}
	some[0]->job->note_back = (struct comeback){0};
	for (size_t i = 0; i < n; i++)
		some[i]->noted = due_us > 0;
	return 0;
}

/* The items that are being worked on get a row each, so that a resume does not publish them as
 * well. It is due when the work must be over: should this process end first, they come again. */
static void note(struct consumer *c, struct job *job)
{
	struct delivery *some[FLUSH_MAX];
	size_t n;
	while ((n = in_hand(c, job, some)) > 0)
		if (write_notes(c, some, n, c->options.work_timeout_ms * 1000) < 0)
			return;
	job->to_note = is_storing(c, job);
}

/* Their messages are of an epoch before, and nobody takes them any more: the rows stand for them.
 */
void control_give_back(struct consumer *c)
{
	struct delivery *some[FLUSH_MAX];
	size_t n;
	do {
		n = 0;
		struct delivery *d = c->deliveries.lists[DELIVERY_HELD].first;
		for (; d && n < FLUSH_MAX; d = d->after)
			if (d->noted)
				some[n++] = d;
	} while (n > 0 && c->ledger && write_notes(c, some, n, 0) == 0);
}

void control_paused(struct consumer *c, struct job *job)
{
	if (job->state != JOB_OPEN)
		return;
	job->state = JOB_PAUSED;
	job->to_note = c->jobs.wanted = true;
}

/* ---- asking ---- */

static size_t choose(struct jobs *jobs, struct job **out, size_t most, int64_t now)
{
	size_t n = 0;
	struct job *job = jobs_next(jobs, NULL);
	for (; job && n < most; job = jobs_next(jobs, job))
		if (job->users > 0 && (job->state == JOB_UNKNOWN || job->behind ||
				       now - job->asked_us >= JOBS_ASK_US / 2))
			out[n++] = job;
	return n;
}

static void set_limit(struct jobs *jobs, struct job *job, uint32_t limit)
{
	jobs->limited += (size_t)(limit > 0) - (size_t)(job->limit > 0);
	job->limit = limit;
}

static void learn(struct consumer *c, struct job *job, const PGresult *r, int row, int64_t now)
{
	enum job_state before = job->state;
	uint32_t epoch = job->epoch;
	job->state = state_of(ledger_text(r, row, 0));
	job->asked_us = now;
	job->behind = false;
	if (job->state == JOB_MISSING)
		return; /* what is in hand of it ends under what was known */
	job->epoch = (uint32_t)ledger_int(r, row, 1);
	job->batch_size = (uint32_t)ledger_int(r, row, 2);
	job->max_attempts = (uint32_t)ledger_int(r, row, 3);
	job->backoff_us = ledger_big(r, row, 4) * 1000;
	job->backoff_factor = ledger_real(r, row, 5);
	job->backoff_cap_us = ledger_big(r, row, 6) * 1000;
	set_limit(&c->jobs, job, (uint32_t)ledger_int(r, row, 7));
	job->first_epoch = (uint32_t)ledger_int(r, row, 8);
	job->has_retries = ledger_bool(r, row, 9);
	snprintf(job->tag, sizeof job->tag, "%s", PQgetvalue(r, row, 10));
	if (PQgetlength(r, row, 11) == sizeof job->seal)
		memcpy(job->seal, PQgetvalue(r, row, 11), sizeof job->seal);
	if (before == JOB_OPEN && (job->state == JOB_PAUSED || job->epoch != epoch))
		job->to_note = true;
}

static size_t ask(struct consumer *c, struct job **some, size_t n, int64_t now)
{
	struct weir_error why;
	PGresult *r = NULL;
	struct params *p = &c->flush.params;
	params_reset(p);
	params_array(p, TYPE_TEXT, n);
	for (size_t i = 0; i < n; i++)
		params_add_text(p, (struct weir_text){some[i]->id, strlen(some[i]->id)});
	params_array_end(p);
	if (ledger_query(c->ledger, read_jobs, p, true, &r, &why) < 0) {
		not_now(c, "jobs_not_read", &why);
		return 0;
	}
	size_t rows = (size_t)PQntuples(r);
	for (size_t i = 0; i < n && i < rows; i++)
		learn(c, some[i], r, (int)i, now);
	PQclear(r);
	return rows;
}

void control_turn(struct consumer *c)
{
	struct job *some[FLUSH_MAX];
	int64_t now = clock_us();
	if (c->flush.state != FLUSH_IDLE || !control_due(c, now))
		return;
	c->jobs.ask_us = now + JOBS_ASK_US;
	size_t n = choose(&c->jobs, some, FLUSH_MAX, now);
	c->jobs.wanted = n == FLUSH_MAX; /* there may be more */
	n = n > 0 ? ask(c, some, n, now) : 0;
	for (size_t i = 0; i < n && c->ledger; i++)
		if (some[i]->to_note && now >= some[i]->note_back.at_us)
			note(c, some[i]);
	if (c->jobs.count > KEEP_JOBS)
		jobs_forget(&c->jobs, now - FORGET_US);
}
