/* What the broker has lost: exchanges, queues, and the messages in them. */
#include <stdio.h>
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
#define SURVEYED_US 1000000  /* what is known of a queue is good for so long */
#define LOOK_US 5000000	     /* between two looks at all that must be there (relay.c) */
#define ASK_AGAIN_US 5000000 /* it did not answer for a kind; longer each time */
#define ASK_AGAIN_CAP_US 60000000

static const char open_kinds[] =
	"SELECT DISTINCT s.kind FROM weir.jobs j JOIN weir.job_stages s USING (job_id)"
	" WHERE NOT j.counted AND j.completed_at IS NULL AND s.completed_at IS NULL"
	"  AND ($1::text IS NULL OR j.job_id = $1)";

static int ask(struct relay *r, const char *sql, const char *what, PGresult **rows,
	       struct weir_error *err)
{
	params_reset(&r->params);
	params_string(&r->params, what);
	return ledger_query(r->ledger, sql, &r->params, false, rows, err);
}

/* ---- queues that were gone ---- */

static const char some_made[] = "SELECT EXISTS (SELECT FROM weir.queues_made)";

/* What was in them is made due beside all else, as that may take long. How that went the last time
 * is told. */
static int look_for_made(struct relay *r, struct weir_error *err)
{
	PGresult *rows = NULL;
	struct weir_error why = r->made_why;
	if (ledger_query(r->ledger, some_made, NULL, true, &rows, &why) == 0) {
		r->made_due = ledger_bool(rows, 0, 0);
		PQclear(rows);
		if (!r->made_due)
			recover_made_ended(r, NULL);
		why = r->made_why;
	} else if (!ledger_alive(r->ledger)) {
		return weir_fail(err, why.code, "%s", why.text);
	}
	if (!*why.text)
		return 0;
	return weir_fail(err, "topology_rows",
			 "what was in a queue that is gone is not published again yet: %s",
			 why.text);
}

void recover_revived(struct relay *r, const char *job_id, int32_t stage, int64_t batches,
		     int64_t retries, const char *why)
{
	if (batches + retries == 0)
		return;
	r->due = true;
	log_event(LOG_WARN, "job_revived",
		  "job=%s stage=%d batches=%lld retries=%lld text=\"%s: what was queued is "
		  "published again\"",
		  job_id, stage, (long long)batches, (long long)retries, why);
}

void recover_made_some(struct relay *r, const PGresult *rows)
{
	int last = PQntuples(rows) - 1;
	for (int i = 0; i < last; i++)
		recover_revived(r, PQgetvalue(rows, i, MADE_JOB), ledger_int(rows, i, MADE_STAGE),
				ledger_big(rows, i, MADE_BATCHES),
				ledger_big(rows, i, MADE_RETRIES), "its queue was gone");
	r->made_skipped += ledger_big(rows, last, MADE_SKIPPED);
}

/* Who writes down results has their rows for a moment: that they are locked is told when they are
 * so at the next look, too. */
void recover_made_ended(struct relay *r, const struct weir_error *why)
{
	bool before = r->made_locked;
	r->made_locked = !why && r->made_skipped > 0;
	r->made_skipped = 0;
	r->made_why = (struct weir_error){"", ""};
	if (why)
		r->made_why = *why;
	else if (before && r->made_locked)
		weir_fail(&r->made_why, "locked", "somebody has locked rows of it");
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

/* Jobs of which nothing ends may be many, and of one kind. */
int recover_survey(struct relay *r, const char *kind, uint32_t *waiting, struct weir_error *err)
{
	size_t queue = schedule_find(r, (struct weir_text){kind, strlen(kind)});
	struct queue *q = queue == SIZE_MAX ? NULL : &r->schedule.queues[queue];
	*waiting = 0;
	if (q && q->waiting_us > 0 && clock_us() - q->waiting_us < SURVEYED_US) {
		*waiting = q->waiting;
		return 0;
	}
	if (open_surveyor(r, err) < 0 || restore_kind(r, kind, waiting, err) < 0)
		return -1;
	if (q) {
		q->waiting = *waiting;
		q->waiting_us = clock_us();
	}
	return 0;
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
	if (rc < 0 || (r->surveyor && 2 * broker_beat_us(r->surveyor) < LOOK_US))
		recover_end(r); /* nobody keeps it alive until the next look */
	/* One kind that cannot be used is no matter of the others. */
	if (rc < 0 && strcmp(err->code, "topology_kind") != 0)
		return -1;
	return look_for_made(r, rc < 0 ? &why : err) < 0 ? -1 : rc;
}
