#include "errands.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "relay.h"
#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/log.h"

#define WAIT_MS 20
#define AGAIN_US 500000 /* without a connection */
#define AGAIN_CAP_US 10000000
#define CANCEL_BATCHES 1000
#define REVIVE_ROWS 5000 /* of a kind: who has one of them in hand waits for the commit */
#define CLEAN_ROWS 5000	 /* of each table: a fraction of a second, in which other errands wait */

/* Others wait for their turn while it waits for a lock: then it is asked for again. */
static const char patience[] = "SELECT set_config('statement_timeout', '2h', true),"
			       " set_config('lock_timeout', $1, true)";

/* A job that was advanced has a stage now whose number and size are not known yet. */
static const char finish[] = "WITH f AS MATERIALIZED (SELECT weir.finish_stage($1) AS outcome)"
			     " SELECT outcome FROM f";
static const char next_stage[] =
	"SELECT s.stage::int4, s.total_items, j.tag FROM weir.job_stages s JOIN weir.jobs j USING "
	"(job_id)"
	" WHERE s.job_id = $1 AND s.completed_at IS NULL AND s.total_items IS NOT NULL"
	" ORDER BY s.stage LIMIT 1";
static const char ended[] = "SELECT status, success_count, failure_count, cancelled_count"
			    " FROM weir.jobs WHERE job_id = $1";
static const char cancel[] = "SELECT weir.cancel_items($1, $2)";
static const char recount[] = "SELECT weir.recount_batches($1)";
static const char revive[] = "SELECT batches, retries"
			     " FROM weir.revive_lost($1, $2::int8 * interval '1 ms')";
static const char revive_stage[] = "SELECT batches, retries"
				   " FROM weir.revive_stage($1, $2::int8::int4, NULL)";
static const char revive_made[] = "SELECT * FROM weir.revive_made($1, $2, $3)";
static const char clean[] = "SELECT weir.clean_some($1, $2)";

int errand_fd(const struct errand *e)
{
	return e->ledger && e->kind != ERRAND_NONE ? ledger_fd(e->ledger) : -1;
}

static void end(struct errand *e)
{
	PQclear(e->answer);
	e->answer = NULL;
	e->kind = ERRAND_NONE;
	e->committing = false;
}

void errand_release(struct errand *e)
{
	end(e);
	ledger_close(e->ledger);
	e->ledger = NULL;
}

/* No fault of the job's. */
static void lose(struct errand *e, const struct weir_error *why)
{
	e->again_us = clock_us() + clock_backoff_us(AGAIN_US, AGAIN_CAP_US, e->tries++);
	if (!e->told)
		log_event(LOG_WARN, "errands_away", "error=\"%s\"", why->text);
	e->told = true;
	errand_release(e);
}

/* What the server refuses is over with its transaction, and the connection is for the next job. */
static void failed(struct relay *r, struct errand *e, const struct weir_error *why)
{
	struct weir_error ignored;
	if (!e->ledger || !ledger_alive(e->ledger)) {
		lose(e, why);
		return;
	}
	if (e->kind == ERRAND_MADE)
		recover_made_ended(r, why);
	else
		jobs_errand_ended(r, e->job_id, e->kind, why);
	end(e);
	if (ledger_do(e->ledger, "ROLLBACK", NULL, NULL, &ignored) < 0)
		errand_release(e);
}

static void succeeded(struct relay *r, struct errand *e)
{
	if (e->told)
		log_event(LOG_INFO, "errands_back", "connection=%s", "new");
	e->told = false;
	e->tries = 0;
	jobs_errand_ended(r, e->job_id, ERRAND_NONE, NULL);
}

/* ---- asking ---- */

static const char *statement_of(enum errand_kind kind)
{
	switch (kind) {
	case ERRAND_CANCEL:
		return cancel;
	case ERRAND_RECOUNT:
		return recount;
	case ERRAND_REVIVE:
		return revive;
	case ERRAND_REVIVE_STAGE:
		return revive_stage;
	case ERRAND_MADE:
		return revive_made;
	case ERRAND_CLEAN:
		return clean;
	default:
		return finish;
	}
}

static void add_params(struct relay *r, const struct errand *e)
{
	struct params *p = &r->params;
	params_reset(p);
	params_string(p, e->kind == ERRAND_MADE ? e->made : e->job_id);
	if (e->kind == ERRAND_CANCEL)
		params_int(p, CANCEL_BATCHES);
	if (e->kind == ERRAND_CLEAN)
		params_int(p, CLEAN_ROWS);
	if (e->kind == ERRAND_REVIVE || e->kind == ERRAND_REVIVE_STAGE)
		params_big(p, e->with);
	if (e->kind == ERRAND_MADE) {
		params_int(p, REVIVE_ROWS);
		params_string(p, r->only_job);
	}
}

static int ask(struct relay *r, struct errand *e, enum errand_kind kind, struct weir_error *err)
{
	struct params *p = &r->params;
	char wait[16];
	e->kind = kind;
	e->committing = false;
	snprintf(wait, sizeof wait, "%dms", e->lock_ms);
	params_reset(p);
	params_string(p, wait);
	if (ledger_send(e->ledger, "BEGIN", NULL, true, err) < 0 ||
	    ledger_send(e->ledger, patience, p, true, err) < 0)
		return -1;
	add_params(r, e);
	if (ledger_send(e->ledger, statement_of(kind), p, true, err) < 0)
		return -1;
	return ledger_sync(e->ledger, err);
}

static int commit(struct errand *e, struct weir_error *err)
{
	e->committing = true;
	if (ledger_send(e->ledger, "COMMIT", NULL, true, err) < 0)
		return -1;
	return ledger_sync(e->ledger, err);
}

bool errand_idle(const struct errand *e)
{
	return e->kind == ERRAND_NONE && clock_us() >= e->again_us;
}

bool errand_start(struct relay *r, struct errand *e, enum errand_kind kind, const char *job_id,
		  int lock_ms, int64_t with)
{
	struct weir_error why;
	e->lock_ms = lock_ms;
	e->with = with;
	*e->made = '\0';
	snprintf(e->job_id, sizeof e->job_id, "%s", job_id);
	if ((!e->ledger &&
	     ledger_open(r->settings->pg_url, "weir-relay", true, &e->ledger, &why) < 0) ||
	    ask(r, e, kind, &why) < 0) {
		failed(r, e, &why);
		return false;
	}
	return true;
}

/* ---- answers ---- */

static struct weir_text outcome(const struct errand *e)
{
	return e->answer ? ledger_text(e->answer, 0, 0) : (struct weir_text){NULL, 0};
}

static bool is_advanced(const struct errand *e)
{
	struct weir_text text = outcome(e);
	return text.data && text.size == 8 && memcmp(text.data, "advanced", 8) == 0;
}

static int ask_job(struct relay *r, struct errand *e, const char *sql, PGresult **rows,
		   struct weir_error *err)
{
	params_reset(&r->params);
	params_string(&r->params, e->job_id);
	return ledger_query(e->ledger, sql, &r->params, true, rows, err);
}

/* Before the commit: the keys of the next stage are there when its first item is counted. */
static int prepare_stage(struct relay *r, struct errand *e, struct weir_error *err)
{
	struct weir_error why;
	PGresult *rows = NULL;
	if (ask_job(r, e, next_stage, &rows, err) < 0)
		return -1;
	e->next_stage = PQntuples(rows) == 1 ? ledger_int(rows, 0, 0) : 0;
	if (e->next_stage > 0 &&
	    progress_set_total(r->progress, PQgetvalue(rows, 0, 2), (uint32_t)e->next_stage,
			       ledger_big(rows, 0, 1), &why) < 0)
		log_event(LOG_DEBUG, "not_counted", "job=%s error=\"%s\"", e->job_id, why.text);
	PQclear(rows);
	failpoint("stage_finished");
	return 0;
}

static int say_ended(struct relay *r, struct errand *e, struct weir_error *err)
{
	PGresult *rows = NULL;
	if (ask_job(r, e, ended, &rows, err) < 0)
		return -1;
	if (PQntuples(rows) == 1) {
		struct weir_text status = ledger_text(rows, 0, 0);
		log_event(LOG_INFO, "job_ended",
			  "job=%s status=%.*s success=%lld failed=%lld cancelled=%lld", e->job_id,
			  (int)status.size, status.data, (long long)ledger_big(rows, 0, 1),
			  (long long)ledger_big(rows, 0, 2), (long long)ledger_big(rows, 0, 3));
	}
	PQclear(rows);
	return 0;
}

static int answered(struct relay *r, struct errand *e, struct weir_error *err)
{
	if (e->kind == ERRAND_FINISH && is_advanced(e) && prepare_stage(r, e, err) < 0)
		return -1;
	if (e->kind == ERRAND_FINISH && !is_advanced(e))
		failpoint("job_finished");
	return commit(e, err);
}

/* What a finished stage means; *next is what follows. 1: the job is not as it was; 0: it is. */
static int finished(struct relay *r, struct errand *e, enum errand_kind *next,
		    struct weir_error *err)
{
	if (!outcome(e).data)
		return 0;
	if (!is_advanced(e))
		return say_ended(r, e, err) < 0 ? -1 : 1;
	log_event(LOG_INFO, "stage_begun", "job=%s stage=%d", e->job_id, e->next_stage);
	r->due = true;
	*next = ERRAND_FINISH; /* it may have no items */
	return 1;
}

static int recounted(const struct errand *e)
{
	int64_t wrong = ledger_big(e->answer, 0, 0);
	if (wrong == 0)
		return 0;
	log_event(LOG_WARN, "batches_recounted", "job=%s batches=%lld", e->job_id,
		  (long long)wrong);
	return 1;
}

static int revived(struct relay *r, const struct errand *e)
{
	int64_t batches = ledger_big(e->answer, 0, 0), retries = ledger_big(e->answer, 0, 1);
	if (batches + retries == 0)
		return 0;
	r->due = true;
	jobs_revived(r, e->job_id);
	log_event(LOG_WARN, "job_revived",
		  "job=%s batches=%lld retries=%lld text=\"what was published long after has "
		  "ended, and nobody has these: they are published again\"",
		  e->job_id, (long long)batches, (long long)retries);
	return 1;
}

static int revived_stage(struct relay *r, const struct errand *e)
{
	int64_t batches = ledger_big(e->answer, 0, 0), retries = ledger_big(e->answer, 0, 1);
	recover_revived(r, e->job_id, (int32_t)e->with, batches, retries,
			"no item of it has ended for long and its queue is empty");
	return batches + retries > 0;
}

/* Part by part, and one kind after the other. */
static enum errand_kind made(struct relay *r, struct errand *e)
{
	int rows = PQntuples(e->answer);
	if (rows == 0) {
		recover_made_ended(r, NULL);
		return ERRAND_NONE;
	}
	recover_made_some(r, e->answer);
	snprintf(e->made, sizeof e->made, "%s", PQgetvalue(e->answer, rows - 1, MADE_KIND));
	return ERRAND_MADE;
}

/* Ends the errand, or goes on with what comes next. */
static int committed(struct relay *r, struct errand *e, struct weir_error *err)
{
	enum errand_kind next = ERRAND_NONE;
	int changed = 0;
	failpoint("stage_committed");
	switch (e->kind) {
	case ERRAND_FINISH:
		changed = finished(r, e, &next, err);
		break;
	case ERRAND_CANCEL:
		next = ledger_big(e->answer, 0, 0) > 0 ? ERRAND_CANCEL : ERRAND_FINISH;
		break;
	case ERRAND_REVIVE:
		changed = revived(r, e);
		break;
	case ERRAND_REVIVE_STAGE:
		changed = revived_stage(r, e);
		break;
	case ERRAND_MADE:
		next = made(r, e);
		break;
	case ERRAND_CLEAN:
		if (outcome(e).data && ledger_big(e->answer, 0, 0) > 0)
			jobs_want(r, e->job_id, ERRAND_CLEAN); /* others of its length first */
		break;
	default:
		changed = recounted(e);
	}
	end(e);
	if (changed < 0)
		return -1;
	if (next != ERRAND_NONE)
		return ask(r, e, next, err);
	succeeded(r, e);
	if (changed)
		jobs_told(r, e->job_id);
	return 0;
}

/* The rest of a pipeline in which something failed, which has come with that. */
static int drain(struct errand *e)
{
	struct weir_error ignored;
	enum ledger_status status = LEDGER_FAILED;
	while (status != LEDGER_SYNCED && ledger_alive(e->ledger)) {
		PGresult *result = NULL;
		status = ledger_wait(e->ledger, &result, &ignored);
		PQclear(result);
	}
	return -1;
}

/* 1: something has come; 0: not yet. */
static int take(struct relay *r, struct errand *e, struct weir_error *err)
{
	PGresult *result = NULL;
	switch (ledger_take(e->ledger, &result, err)) {
	case LEDGER_RESULT:
		if (e->committing || PQresultStatus(result) != PGRES_TUPLES_OK) {
			PQclear(result);
			return 1;
		}
		PQclear(e->answer);
		e->answer = result;
		return 1;
	case LEDGER_SYNCED:
		return (e->committing ? committed(r, e, err) : answered(r, e, err)) < 0 ? -1 : 1;
	case LEDGER_WAIT:
		return 0;
	default:
		return drain(e);
	}
}

void errand_turn(struct relay *r, struct errand *e)
{
	struct weir_error why = {"", ""};
	int64_t until = clock_us() + (e == &r->errands[ERRAND_SHORT] ? WAIT_MS * 1000 : 0);
	while (e->kind != ERRAND_NONE) {
		int rc = take(r, e, &why);
		if (rc < 0) {
			failed(r, e, &why);
			return;
		}
		if (rc > 0)
			continue;
		int64_t left = until - clock_us();
		struct pollfd fd = {.fd = errand_fd(e), .events = POLLIN};
		if (left <= 0 || poll(&fd, 1, (int)(left / 1000) + 1) == 0)
			return;
	}
}
