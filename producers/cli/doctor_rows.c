/* The ledger's rows: what has not moved for long. */
#include <inttypes.h>
#include <stdio.h>

#include "doctor.h"
#include "weir/presence.h"
#include "weir/topology.h"

/* A question that gives (number of things, the id of one of them); none is well. */
static const struct stale {
	const char *sql, *what, *advice;
} stales[] = {
	{"SELECT count(*), min(job_id) FROM weir.jobs j WHERE sealed_at IS NULL"
	 " AND status IN ('pending', 'running') AND created_at < now() - interval '1 hour'"
	 " AND NOT EXISTS (SELECT FROM weir.job_batches b WHERE b.job_id = j.job_id"
	 "  AND b.created_at > now() - interval '1 hour')",
	 "jobs whose submission stopped over an hour ago",
	 "run `weir submit` with the same --job and input again: it goes on where it stopped; or "
	 "weir cancel; weir purge deletes those without items"},
	{"SELECT count(*), min(j.job_id) FROM weir.jobs j"
	 " CROSS JOIN LATERAL (SELECT coalesce(sum(size), 0) AS items FROM weir.job_batches b"
	 "  WHERE b.job_id = j.job_id AND b.status = 'queued'"
	 "  AND b.queued_at < now() - interval '10 minutes') b"
	 " CROSS JOIN LATERAL (SELECT count(*) AS items, max(finished_at) AS last"
	 "  FROM weir.results r WHERE r.job_id = j.job_id AND b.items > 0) r"
	 " WHERE j.status = 'running' AND b.items > r.items"
	 " AND (r.last IS NULL OR r.last < now() - interval '10 minutes')"
	 " AND NOT EXISTS (SELECT FROM weir.retries w WHERE w.job_id = j.job_id"
	 "  AND w.due_at > now() - interval '10 minutes' AND w.due_at < 'infinity')",
	 "running jobs with queued items but no result for over 10 minutes",
	 "is weir-consumer running for their kind? see its log"},
	{"SELECT count(*), min(job_id) FROM weir.jobs WHERE sealed_at IS NOT NULL"
	 " AND completed_at IS NOT NULL AND NOT counted"
	 " AND completed_at < now() - interval '10 minutes'",
	 "jobs that ended and whose counters were not checked",
	 "is weir-relay running, and does it reach Redis? or run: weir reconcile"},
	{"SELECT count(*), min(job_id) FROM weir.jobs WHERE status = 'paused'", "paused jobs",
	 "`weir resume` lets them go on"},
	{"SELECT count(*), min(job_id) FROM weir.jobs j WHERE j.status IN ('pending', 'running')"
	 " AND (EXISTS (SELECT FROM weir.job_batches b WHERE b.job_id = j.job_id"
	 "   AND b.status = 'pending_queue' AND weir.is_parked(b.due_at))"
	 /* Those of a job with a limit wait for the relay's window. */
	 "  OR (j.max_concurrent IS NULL AND EXISTS (SELECT FROM weir.retries w"
	 "   WHERE w.job_id = j.job_id AND weir.is_parked(w.due_at))))",
	 "jobs with work that waits for a resume, though they are not paused",
	 "give `weir pause` and then `weir resume`"},
	{"SELECT count(*), min(job_id) FROM weir.jobs WHERE status = 'cancelled'"
	 " AND completed_at IS NULL",
	 "cancelled jobs that have not ended yet", "give `weir cancel` again, or start weir-relay"},
	{"SELECT count(*), min(job_id) FROM weir.jobs j WHERE j.completed_at IS NULL"
	 " AND (SELECT coalesce(sum(success + failed + cancelled), 0) FROM weir.job_batches b"
	 "  WHERE b.job_id = j.job_id)"
	 "  <> (SELECT count(*) FROM weir.results r WHERE r.job_id = j.job_id)",
	 "jobs whose counts by batch differ from their results", "run: weir reconcile"},
	{"SELECT count(*), min(job_id) FROM weir.jobs WHERE purged_at < now() - interval '1 hour'",
	 "jobs that are only deleted in part", "give the same `weir purge` again"},
	{"SELECT count(*), min(job_id) FROM (SELECT job_id FROM weir.events"
	 " WHERE created_at < now() - interval '1 minute' AND refused_since IS NULL"
	 " AND refused = 0 LIMIT 100000) e",
	 "events not published for over a minute", "is weir-relay running? see its log"},
	{"SELECT count(*), NULL::text FROM weir.dead_letters WHERE due_at IS NULL", "dead letters",
	 "read them: weir dead list"},
	{"SELECT count(*), NULL::text FROM weir.dead_letters"
	 " WHERE due_at < now() - interval '1 minute'",
	 "dead letters due again for over a minute", "is weir-relay running? see its log"},
};

/* ---- what is due ---- */

/* Due for over a minute, by kind; how many relays there are, and whether something of these jobs
 * was published meanwhile. That is as it should be while the queue of the kind has as much as its
 * consumers take in a while; how deep that is only relays know. And batches do not follow while a
 * hundred items before them are put off again and again (producers/relay/schedule.c). */
static const char due_kinds[] =
	"WITH d AS ((SELECT b.job_id, b.stage, true AS fresh FROM weir.job_batches b"
	"   JOIN weir.jobs j USING (job_id)"
	"   WHERE b.status = 'pending_queue' AND b.due_at < now() - interval '1 minute'"
	"    AND j.status IN ('pending', 'running') LIMIT 100000)"
	"  UNION ALL (SELECT w.job_id, w.stage, false FROM weir.retries w"
	"   JOIN weir.jobs j USING (job_id)"
	"   WHERE w.due_at < now() - interval '1 minute' AND j.status IN ('pending', 'running')"
	"   LIMIT 100000)),"
	" f AS MATERIALIZED (SELECT job_id, stage, fresh, count(*) AS n FROM d GROUP BY 1, 2, 3)"
	"SELECT s.kind, sum(f.n)::int8, min(f.job_id), (SELECT count(*) FROM weir.processes"
	"  WHERE role = 'relay' AND seen_at > now() - interval '" PRESENCE_FRESH "'"
	"  AND (job_id IS NULL OR job_id = min(f.job_id))), bool_or("
	"  EXISTS (SELECT FROM weir.job_batches b WHERE b.job_id = f.job_id AND b.stage = f.stage"
	"   AND b.status = 'queued' AND b.queued_at > now() - interval '1 minute')"
	"  OR EXISTS (SELECT FROM weir.retries w WHERE w.job_id = f.job_id AND w.stage = f.stage"
	"   AND w.due_at = 'infinity' AND w.queued_at > now() - interval '1 minute'))"
	" FROM f JOIN weir.job_stages s USING (job_id, stage)"
	" WHERE NOT f.fresh OR NOT EXISTS (SELECT FROM weir.retries w"
	"  WHERE w.job_id = f.job_id AND w.stage = f.stage"
	"   AND w.error_class IN ('busy', 'deferred', 'throttled', 'provider_away')"
	"   AND CASE WHEN w.due_at < 'infinity' THEN w.due_at ELSE w.queued_at END"
	"       > now() - interval '1 minute'"
	"  OFFSET 99 LIMIT 1)"
	" GROUP BY s.kind ORDER BY s.kind";

static bool queue_is_empty(struct doctor *d, const char *kind)
{
	char name[NAMES_MAX];
	struct broker_counts counts;
	struct weir_error why;
	queue_of(kind, name);
	if (!d->broker)
		return false; /* which has been told */
	if (broker_count(d->broker, name, &counts, &why) == 0)
		return counts.messages == 0;
	broker_close(d->broker); /* the connection is dead */
	d->broker = NULL;
	return false;
}

static bool check_due(struct doctor *d, const PGresult *r, int row)
{
	struct weir_text name = ledger_text(r, row, 0), job = ledger_text(r, row, 2);
	char kind[KIND_MAX + 1];
	snprintf(kind, sizeof kind, "%.*s", (int)name.size, name.data);
	bool relays = ledger_big(r, row, 3) > 0;
	bool moves = ledger_bool(r, row, 4);
	if (relays && (moves || !queue_is_empty(d, kind)))
		return true;
	doctor_tell(d, LEVEL_WARN, relays ? "see the log of weir-relay" : "start weir-relay",
		    "%" PRId64 " batches and retries of the kind %s due for over a minute, such as "
		    "of %.*s, and %s",
		    ledger_big(r, row, 1), kind, (int)job.size, job.data,
		    relays ? "its queue is empty" : "no relay was heard");
	return false;
}

void doctor_check_due(struct doctor *d)
{
	PGresult *r = NULL;
	bool well = true;
	if (!d->ledger || !d->schema || !doctor_ask(d, due_kinds, &r))
		return;
	for (int i = 0; i < PQntuples(r); i++)
		well &= check_due(d, r, i);
	PQclear(r);
	if (well)
		doctor_tell(d, LEVEL_OK, "", "what is due is published, as far as there is room");
}

/* ---- events ---- */

/* AMQP does not say which of the queues that are bound there refuses. */
void doctor_check_events(struct doctor *d)
{
	static const char refused[] = "SELECT count(*), min(refused_since)::timestamptz(0)::text,"
				      " min(due_at)::timestamptz(0)::text"
				      " FROM (SELECT refused_since, due_at FROM weir.events"
				      "  WHERE refused_since IS NOT NULL LIMIT 100000) e";
	char exchange[NAMES_MAX], advice[400];
	PGresult *r = NULL;
	if (!d->ledger || !d->schema || !doctor_ask(d, refused, &r))
		return;
	exchange_name(EXCHANGE_EVENTS, exchange);
	snprintf(advice, sizeof advice,
		 "a queue that is bound there is full and refuses: rabbitmqctl list_bindings "
		 "source_name destination_name | grep %s; read it, or take its binding away",
		 exchange);
	int64_t n = ledger_big(r, 0, 0);
	struct weir_text since = ledger_text(r, 0, 1), next = ledger_text(r, 0, 2);
	if (n > 0)
		doctor_tell(d, LEVEL_WARN, advice,
			    "%" PRId64 " events were refused at the exchange %s, since %.*s; they "
			    "are sent again at %.*s",
			    n, exchange, (int)since.size, since.data, (int)next.size, next.data);
	else
		doctor_tell(d, LEVEL_OK, "", "the exchange %s refuses no events", exchange);
	PQclear(r);
}

/* ---- what has not moved ---- */

void doctor_check_stale(struct doctor *d)
{
	for (size_t i = 0; i < sizeof stales / sizeof *stales; i++) {
		const struct stale *s = &stales[i];
		PGresult *r = NULL;
		if (!d->ledger || !d->schema || !doctor_ask(d, s->sql, &r))
			continue;
		int64_t n = ledger_big(r, 0, 0);
		struct weir_text job = ledger_text(r, 0, 1);
		if (n == 0)
			doctor_tell(d, LEVEL_OK, "", "no %s", s->what);
		else
			doctor_tell(d, LEVEL_WARN, s->advice, "%" PRId64 " %s%s%.*s", n, s->what,
				    job.data ? ", such as of " : "", (int)job.size,
				    job.data ? job.data : "");
		PQclear(r);
	}
}
