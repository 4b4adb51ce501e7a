/* What the broker has lost: exchanges, queues, and the messages in them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay.h"
#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/log.h"
#include "weir/message.h"
#include "weir/restored.h"
#include "weir/topology.h"

/* So long the broker may take to let us in, and for each answer, and nobody else is served
 * meanwhile. */
#define ANSWER_S 3
#define ASK_AGAIN_US 5000000 /* it did not answer for a kind; longer each time */
#define ASK_AGAIN_CAP_US 60000000

static const char revive_stage[] =
	"SELECT batches, retries, skipped FROM weir.revive_stage($1, $2, $3::timestamptz)";

#define QUEUE_GONE "its queue was gone"

static const char open_kinds[] =
	"SELECT DISTINCT s.kind FROM weir.jobs j JOIN weir.job_stages s USING (job_id)"
	" WHERE NOT j.counted AND j.completed_at IS NULL AND s.completed_at IS NULL"
	"  AND ($1::text IS NULL OR j.job_id = $1)";

static const char stages_of_kind[] =
	"SELECT j.job_id, s.stage::int4 FROM weir.jobs j JOIN weir.job_stages s USING (job_id)"
	" WHERE NOT j.counted AND j.completed_at IS NULL AND s.completed_at IS NULL"
	"  AND (s.stage = 1 OR s.total_items IS NOT NULL) AND s.kind = $1";

/* What was published before that, NULL: all. *skipped: rows that somebody has locked. */
static int revive(struct relay *r, const char *job_id, int32_t stage, const char *before,
		  const char *why, int64_t *skipped, struct weir_error *err)
{
	PGresult *rows = NULL;
	params_reset(&r->params);
	params_string(&r->params, job_id);
	params_int(&r->params, stage);
	params_string(&r->params, before);
	if (ledger_query(r->ledger, revive_stage, &r->params, true, &rows, err) < 0)
		return -1;
	int64_t batches = ledger_big(rows, 0, 0), retries = ledger_big(rows, 0, 1);
	*skipped += ledger_big(rows, 0, 2);
	PQclear(rows);
	if (batches + retries == 0)
		return 0;
	r->due = true;
	log_event(LOG_WARN, "job_revived",
		  "job=%s stage=%d batches=%lld retries=%lld text=\"%s: what was queued is "
		  "published again\"",
		  job_id, stage, (long long)batches, (long long)retries, why);
	return 0;
}

int recover_revive(struct relay *r, const char *job_id, int32_t stage, const char *why,
		   struct weir_error *err)
{
	int64_t skipped = 0; /* comes with the next look */
	return revive(r, job_id, stage, NULL, why, &skipped, err);
}

static int ask(struct relay *r, const char *sql, const char *what, PGresult **rows,
	       struct weir_error *err)
{
	params_reset(&r->params);
	params_string(&r->params, what);
	return ledger_query(r->ledger, sql, &r->params, false, rows, err);
}

/* ---- queues that were gone ---- */

/* Whoever holds a row, or the table, holds up nothing else: that comes with a later look. */
static const char made[] = "SELECT kind, made_at FROM weir.queues_made WHERE kind > $1"
			   " ORDER BY kind LIMIT 1 FOR UPDATE SKIP LOCKED";
static const char forget_made[] = "DELETE FROM weir.queues_made WHERE kind = $1";

/* The queue is new, and so it was empty: what is in it was published after that. */
static int revive_kind(struct relay *r, const char *kind, const char *made_at, int64_t *skipped,
		       struct weir_error *err)
{
	PGresult *rows = NULL;
	int rc = ask(r, stages_of_kind, kind, &rows, err);
	for (int i = 0; rc == 0 && i < PQntuples(rows); i++)
		rc = revive(r, PQgetvalue(rows, i, 0), atoi(PQgetvalue(rows, i, 1)), made_at,
			    QUEUE_GONE, skipped, err);
	PQclear(rows);
	return rc;
}

/* Whoever has the row revives the kind, and it goes with that, or stays for what was skipped. */
static int revive_next(struct relay *r, char kind[KIND_MAX + 1], int64_t *skipped, bool *some,
		       struct weir_error *err)
{
	PGresult *rows = NULL;
	int64_t here = 0;
	if (ledger_do(r->ledger, "BEGIN", NULL, NULL, err) < 0 ||
	    ask(r, made, kind, &rows, err) < 0)
		return -1;
	*some = PQntuples(rows) > 0;
	if (*some)
		snprintf(kind, KIND_MAX + 1, "%s", PQgetvalue(rows, 0, 0));
	int rc = *some ? revive_kind(r, kind, PQgetvalue(rows, 0, 1), &here, err) : 0;
	PQclear(rows);
	if (rc < 0)
		return -1;
	*skipped += here;
	params_reset(&r->params);
	params_string(&r->params, kind);
	if (*some && here == 0 && ledger_do(r->ledger, forget_made, &r->params, NULL, err) < 0)
		return -1;
	return ledger_do(r->ledger, "COMMIT", NULL, NULL, err);
}

/* Whoever looks after one job alone revives that: what was in its queue before it was made. The
 * others, and the row, wait for a relay. */
static const char own_stages[] =
	"SELECT s.stage::int4, m.made_at FROM weir.queues_made m JOIN weir.job_stages s USING "
	"(kind)"
	" JOIN weir.jobs j USING (job_id) WHERE j.job_id = $1 AND j.completed_at IS NULL"
	"  AND s.completed_at IS NULL AND (s.stage = 1 OR s.total_items IS NOT NULL)";

static int revive_own(struct relay *r, int64_t *skipped, struct weir_error *err)
{
	PGresult *rows = NULL;
	int rc = ask(r, own_stages, r->only_job, &rows, err);
	for (int i = 0; rc == 0 && i < PQntuples(rows); i++)
		rc = revive(r, r->only_job, atoi(PQgetvalue(rows, i, 0)), PQgetvalue(rows, i, 1),
			    QUEUE_GONE, skipped, err);
	PQclear(rows);
	return rc;
}

static int revive_all(struct relay *r, int64_t *skipped, struct weir_error *err)
{
	char kind[KIND_MAX + 1] = "";
	bool some = true;
	struct weir_error ignored;
	while (some) {
		if (revive_next(r, kind, skipped, &some, err) == 0)
			continue;
		if (ledger_alive(r->ledger) &&
		    ledger_do(r->ledger, "ROLLBACK", NULL, NULL, &ignored) < 0)
			*err = ignored;
		return -1;
	}
	return 0;
}

/* Who writes down results has their rows for a moment: it is told when they are locked at the next
 * look, too. */
static int revive_made(struct relay *r, struct weir_error *err)
{
	int64_t skipped = 0;
	struct weir_error why;
	bool before = r->rows_locked;
	int rc = r->only_job ? revive_own(r, &skipped, &why) : revive_all(r, &skipped, &why);
	if (rc < 0 && !ledger_alive(r->ledger))
		return weir_fail(err, why.code, "%s", why.text);
	r->rows_locked = rc == 0 && skipped > 0;
	if (rc == 0 && !(before && r->rows_locked))
		return 0;
	return weir_fail(err, "topology_rows",
			 "what was in a queue that is gone is not published again yet: %s",
			 rc < 0 ? why.text : "somebody has locked rows of it");
}

void recover_end(struct relay *r)
{
	broker_close(r->surveyor);
	r->surveyor = NULL;
}

/* A broker that lets nobody in any more says nothing of the connections that are there. */
static int open_surveyor(struct relay *r, struct weir_error *err)
{
	struct weir_error why;
	if (r->surveyor ||
	    relay_open_beside(r, "weir-relay survey", ANSWER_S, &r->surveyor, &why) == 0)
		return 0;
	bool not_ours = strcmp(why.code, "not_ours") == 0;
	return weir_fail(err, not_ours ? why.code : "topology_unseen", "%s", why.text);
}

/* Asks whose the virtual host is, over the surveyor. Should that be lost, a new one looks. */
static int ask_mark(struct relay *r, struct weir_error *err)
{
	if (r->surveyor && identity_mark(r->surveyor, r->ledger_id, err) == 0)
		return 0;
	if (r->surveyor && strcmp(err->code, "not_ours") == 0) {
		relay_not_ours(r);
		return -1;
	}
	recover_end(r);
	return open_surveyor(r, err);
}

static int restore_kind(struct relay *r, const char *kind, uint32_t *waiting,
			struct weir_error *err)
{
	struct buffer names = BUFFER_INIT;
	const struct topology_teller teller = {restored_note, r->ledger};
	int rc = kind_ok(kind)
			 ? topology_restore_kind(r->surveyor, kind, &teller, &names, waiting, err)
			 : weir_fail(err, "topology", "\"%s\" is no kind", kind);
	if (names.size > 0) {
		r->topology_due = true; /* what was in it is revived with the next look */
		failpoint("queue_made");
	}
	topology_say_restored(&names);
	if (rc < 0)
		recover_end(r); /* it may be dead */
	return rc;
}

int recover_survey(struct relay *r, const char *kind, uint32_t *waiting, struct weir_error *err)
{
	*waiting = 0;
	if (open_surveyor(r, err) < 0)
		return -1;
	return restore_kind(r, kind, waiting, err);
}

/* Where the broker was silent it is not asked again at once: others wait for each answer. */
static bool is_silent(struct relay *r, const char *kind, struct queue **q)
{
	size_t queue = schedule_find(r, (struct weir_text){kind, strlen(kind)});
	*q = queue == SIZE_MAX ? NULL : &r->schedule.queues[queue];
	return *q && clock_us() < (*q)->survey_us;
}

/* What was told of one that is not asked again yet still holds. */
static int check_kind(struct relay *r, const char *kind, struct weir_error *err)
{
	struct queue *q;
	struct weir_error why;
	uint32_t waiting;
	if (is_silent(r, kind, &q))
		return weir_fail(err, q->survey_why.code, "%s", q->survey_why.text);
	int64_t began = clock_us();
	int rc = restore_kind(r, kind, &waiting, &why);
	if (rc < 0)
		weir_fail(err, "topology_kind", "kind %s: %s", kind, why.text);
	if (q && rc < 0 && clock_us() - began >= ANSWER_S * 1000000) {
		q->survey_why = *err;
		q->survey_us = clock_us() +
			       clock_backoff_us(ASK_AGAIN_US, ASK_AGAIN_CAP_US, q->unsurveyed++);
	} else if (q)
		q->unsurveyed = 0;
	return rc;
}

/* One queue that is not as it must be, or of which somebody stands in the way of writing that down,
 * hinders no other kind, whatever the broker says of it: that there is a broker is known from the
 * next connection, and the ledger says whether it is there. */
static int restore_kinds(struct relay *r, struct weir_error *err)
{
	struct weir_error why;
	PGresult *rows = NULL;
	bool wrong = false;
	int rc = ask(r, open_kinds, r->only_job, &rows, err);
	for (int i = 0; rc == 0 && i < PQntuples(rows); i++) {
		rc = open_surveyor(r, err);
		if (rc < 0 || check_kind(r, PQgetvalue(rows, i, 0), &why) == 0)
			continue;
		if (!ledger_alive(r->ledger))
			rc = -1;
		if (rc < 0 || !wrong)
			*err = why;
		wrong = true;
	}
	PQclear(rows);
	return wrong ? -1 : rc;
}

int recover_check_mark(struct relay *r, struct weir_error *err)
{
	int rc = ask_mark(r, err);
	recover_end(r);
	return rc;
}

int recover_topology(struct relay *r, struct weir_error *err)
{
	struct buffer names = BUFFER_INIT;
	struct weir_error why;
	if (ask_mark(r, err) < 0)
		return -1;
	int rc = topology_restore(r->surveyor, &names, &why);
	if (rc < 0)
		weir_fail(err, strcmp(why.code, "broker") == 0 ? "topology_unseen" : why.code, "%s",
			  why.text);
	topology_say_restored(&names);
	if (rc == 0)
		rc = restore_kinds(r, err);
	if (rc < 0)
		recover_end(r);
	/* One kind that cannot be used is no matter of the others. */
	if (rc < 0 && strcmp(err->code, "topology_kind") != 0)
		return -1;
	return revive_made(r, rc < 0 ? &why : err) < 0 ? -1 : rc;
}
