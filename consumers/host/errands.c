#include "errands.h"

#include <string.h>

#include "consumer.h"
#include "weir/clock.h"

#define LOCK_MS 2000	      /* that others may stand in the way */
#define STATEMENT_MS 600000   /* a job of millions is paused */
#define IDLE_US 10000000      /* a connection that nobody needs is kept for so long */
#define AGAIN_US 500000	      /* what failed is tried again after this, */
#define AGAIN_CAP_US 30000000 /* and after this in the end */

/* ---- the list ---- */

void errand_begin(struct consumer *c, struct errand *e, const struct errand_sort *sort, void *owner)
{
	struct errand **end = &c->errands.first;
	if (e->sort)
		return;
	*e = (struct errand){.sort = sort, .owner = owner};
	while (*end)
		end = &(*end)->next;
	*end = e;
}

static void take_out(struct consumer *c, struct errand *e)
{
	struct errand **at = &c->errands.first;
	while (*at && *at != e)
		at = &(*at)->next;
	if (*at)
		*at = e->next;
}

static struct errand *find_due(const struct errands *all, int64_t now)
{
	struct errand *e = all->first;
	while (e && (e->under_way || e->back.at_us > now))
		e = e->next;
	return e;
}

/* ---- an end ---- */

static void end(struct consumer *c, struct errand *e, const PGresult *r)
{
	const struct errand_sort *sort = e->sort;
	take_out(c, e);
	e->sort = NULL;
	sort->done(c, e, r);
}

static void note_failed(struct consumer *c, const struct errand *e, const char *what_next,
			const struct weir_error *why)
{
	causes_note(&c->causes, LOG_WARN, e->sort->failed, what_next, "", 1, why);
}

static void again(struct consumer *c, struct errand *e, const struct weir_error *why)
{
	note_failed(c, e, "text=\"it is tried again\"", why);
	e->under_way = false;
	e->back.at_us = clock_us() + clock_backoff_us(AGAIN_US, AGAIN_CAP_US, e->back.tries++);
}

static void lose(struct consumer *c, struct errand_line *l)
{
	struct errand *e = l->errand;
	l->errand = NULL;
	ledger_close(l->ledger);
	l->ledger = NULL;
	comeback_put_off(&l->back);
	if (e)
		again(c, e, &l->why);
}

static void finish(struct consumer *c, struct errand_line *l)
{
	struct errand *e = l->errand;
	PGresult *rows = l->rows;
	l->errand = NULL;
	l->rows = NULL;
	if (l->failed && ledger_fault(l->ledger) != LEDGER_DATA) {
		again(c, e, &l->why);
	} else {
		if (l->failed)
			note_failed(c, e, "text=\"it is given up\"", &l->why);
		end(c, e, l->failed ? NULL : rows);
	}
	PQclear(rows);
}

/* ---- a turn ---- */

static void take_rows(struct errand_line *l, PGresult *r)
{
	PQclear(l->rows);
	l->rows = r;
}

static void take_failure(struct errand_line *l, const struct weir_error *why)
{
	if (!l->failed)
		l->why = *why;
	l->failed = true;
}

static void go_on(struct consumer *c, struct errand_line *l)
{
	while (l->errand) {
		PGresult *r = NULL;
		struct weir_error why;
		switch (ledger_take(l->ledger, &r, &why)) {
		case LEDGER_WAIT:
			return;
		case LEDGER_RESULT:
			take_rows(l, r);
			break;
		case LEDGER_FAILED:
			take_failure(l, &why);
			if (!ledger_alive(l->ledger))
				lose(c, l);
			break;
		case LEDGER_SYNCED:
			finish(c, l);
		}
	}
}

static bool may_connect(const struct consumer *c, const struct errand_line *l, int64_t now)
{
	return !l->ledger && c->ledger && now >= l->back.at_us;
}

static bool connect_line(struct consumer *c, struct errand_line *l, int64_t now)
{
	if (l->ledger)
		return true;
	if (!may_connect(c, l, now))
		return false;
	if (ledger_open(c->settings.pg_url, "weir-consumer errand", true, &l->ledger, &l->why) ==
		    0 &&
	    ledger_limits(l->ledger, LOCK_MS, STATEMENT_MS, &l->why) == 0) {
		l->back.tries = 0;
		return true;
	}
	causes_note(&c->causes, LOG_WARN, "ledger_away", "connection=errand", "", 1, &l->why);
	lose(c, l);
	return false;
}

static void begin(struct consumer *c, struct errand_line *l, struct errand *e)
{
	struct params *p = &c->errands.params;
	l->errand = e;
	l->failed = false;
	take_rows(l, NULL);
	e->under_way = true;
	params_reset(p);
	e->sort->fill(c, e, p);
	if (ledger_send(l->ledger, e->sort->sql, p, true, &l->why) < 0 ||
	    ledger_sync(l->ledger, &l->why) < 0)
		lose(c, l);
}

/* False: that was enough for now. */
static bool turn(struct consumer *c, struct errand_line *l, int64_t now)
{
	go_on(c, l);
	if (l->errand)
		return true;
	struct errand *e = find_due(&c->errands, now);
	bool connects = e && may_connect(c, l, now);
	if (e && connect_line(c, l, now)) {
		l->used_us = now;
		begin(c, l, e);
	} else if (!e && l->ledger && now - l->used_us > IDLE_US) {
		ledger_close(l->ledger);
		l->ledger = NULL;
	}
	return !connects;
}

/* To open a connection may take long, and blocks: one of them at a time. */
void errands_turn(struct consumer *c)
{
	int64_t now = clock_us();
	for (size_t i = 0; i < ERRAND_LINES && turn(c, &c->errands.lines[i], now); i++)
		continue;
}

int64_t errands_next_us(const struct consumer *c)
{
	int64_t next = INT64_MAX, line = INT64_MAX, away = c->ledger ? 0 : INT64_MAX;
	for (const struct errand *e = c->errands.first; e; e = e->next)
		if (!e->under_way && e->back.at_us < next)
			next = e->back.at_us;
	for (size_t i = 0; i < ERRAND_LINES; i++) {
		const struct errand_line *l = &c->errands.lines[i];
		int64_t at = l->ledger ? 0 : l->back.at_us > away ? l->back.at_us : away;
		if (!l->errand && at < line) /* the end of another one is heard of */
			line = at;
	}
	return next > line ? next : line;
}

void errands_poll(const struct consumer *c, struct pollfd fds[ERRAND_LINES])
{
	for (size_t i = 0; i < ERRAND_LINES; i++) {
		const struct errand_line *l = &c->errands.lines[i];
		fds[i] = (struct pollfd){.fd = l->errand ? ledger_fd(l->ledger) : -1,
					 .events = POLLIN};
		if (l->errand && ledger_wants_write(l->ledger))
			fds[i].events |= POLLOUT;
	}
}

void errands_close(struct consumer *c)
{
	for (size_t i = 0; i < ERRAND_LINES; i++) {
		struct errand_line *l = &c->errands.lines[i];
		take_rows(l, NULL);
		ledger_close(l->ledger);
		l->ledger = NULL;
		l->errand = NULL;
	}
	c->errands.first = NULL;
	params_release(&c->errands.params);
}

/* ---- to pause a job ---- */

static void fill_pause(struct consumer *c, const struct errand *e, struct params *p)
{
	const struct job *job = e->owner;
	(void)c;
	params_string(p, job->id);
	params_string(p, job->pause_why.text);
	params_int(p, (int32_t)job->pause_epoch);
}

/* Under the lock that whoever pauses or resumes it has: what comes late is not to pause a job that
 * a person has mended and resumed since. */
static const char pause_job[] = "SELECT weir.pause_job($1, $2) FROM weir.control($1) j"
				" WHERE j.epoch = $3";

/* An operator may have ended or resumed it meanwhile. */
static void paused(struct consumer *c, struct errand *e, const PGresult *r)
{
	struct job *job = e->owner;
	if (!r || PQntuples(r) != 1 || strcmp(PQgetvalue(r, 0, 0), "paused") != 0)
		return;
	log_event(LOG_ERROR, "job_paused", "job=%s code=%s reason=\"%s\"", job->id,
		  job->pause_why.code, job->pause_why.text);
	control_paused(c, job);
}

void errand_pause(struct consumer *c, struct job *job, const struct weir_error *why)
{
	static const struct errand_sort pause = {"not_paused", pause_job, fill_pause, paused};
	if (job->state != JOB_OPEN || job->pausing.sort)
		return;
	job->pause_why = *why;
	job->pause_epoch = job->epoch;
	errand_begin(c, &job->pausing, &pause, job);
}
