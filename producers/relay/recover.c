/* What the broker has lost: exchanges, queues, and the messages in them. */
#include <stdlib.h>
#include <string.h>

#include "relay.h"
#include "weir/log.h"
#include "weir/message.h"
#include "weir/topology.h"

/* What is queued and not final, and does not wait for another try of its own. */
static const char revive_batches[] =
	"UPDATE weir.job_batches k SET status = 'pending_queue', due_at = now()"
	" FROM (SELECT b.n FROM weir.job_batches b JOIN weir.jobs j USING (job_id)"
	"  WHERE b.job_id = $1 AND b.stage = $2"
	"  AND j.status IN ('pending', 'running') AND b.status = 'queued'"
	"  AND b.success + b.failed + b.cancelled < b.size"
	"  AND b.success + b.failed + b.cancelled"
	"  + (SELECT count(*) FROM weir.retries w WHERE w.job_id = b.job_id AND w.stage = b.stage"
	"   AND w.ordinal >= b.n * j.batch_size AND w.ordinal < b.n * j.batch_size + b.size"
	"   AND NOT EXISTS (SELECT FROM weir.results r WHERE r.job_id = w.job_id"
	"    AND r.stage = w.stage AND r.ordinal = w.ordinal)) < b.size"
	"  ORDER BY b.n FOR UPDATE OF b) d"
	" WHERE k.job_id = $1 AND k.stage = $2 AND k.n = d.n";

static const char revive_retries[] =
	"UPDATE weir.retries t SET due_at = now()"
	" FROM (SELECT w.ordinal FROM weir.retries w JOIN weir.jobs j USING (job_id)"
	"  WHERE j.status IN ('pending', 'running')"
	"  AND w.job_id = $1 AND w.stage = $2 AND w.due_at = 'infinity'"
	"  AND NOT EXISTS (SELECT FROM weir.results r WHERE r.job_id = w.job_id"
	"   AND r.stage = w.stage AND r.ordinal = w.ordinal)"
	"  ORDER BY w.ordinal FOR UPDATE OF w) d"
	" WHERE t.job_id = $1 AND t.stage = $2 AND t.ordinal = d.ordinal";

static const char open_kinds[] =
	"SELECT DISTINCT s.kind FROM weir.jobs j JOIN weir.job_stages s USING (job_id)"
	" WHERE NOT j.counted AND j.completed_at IS NULL AND s.completed_at IS NULL"
	"  AND ($1::text IS NULL OR j.job_id = $1)";

static const char stages_of_kind[] =
	"SELECT j.job_id, s.stage::int4 FROM weir.jobs j JOIN weir.job_stages s USING (job_id)"
	" WHERE NOT j.counted AND j.completed_at IS NULL AND s.completed_at IS NULL"
	"  AND (s.stage = 1 OR s.total_items IS NOT NULL) AND s.kind = $1";

int recover_revive(struct relay *r, const char *job_id, int32_t stage, const char *why,
		   struct weir_error *err)
{
	int64_t batches = 0, retries = 0;
	params_reset(&r->params);
	params_string(&r->params, job_id);
	params_int(&r->params, stage);
	if (ledger_do(r->ledger, revive_batches, &r->params, &batches, err) < 0 ||
	    ledger_do(r->ledger, revive_retries, &r->params, &retries, err) < 0)
		return -1;
	if (batches + retries == 0)
		return 0;
	r->due = true;
	log_event(LOG_WARN, "job_revived",
		  "job=%s stage=%d batches=%lld retries=%lld text=\"%s: what was queued is "
		  "published again\"",
		  job_id, stage, (long long)batches, (long long)retries, why);
	return 0;
}

static int ask(struct relay *r, const char *sql, const char *what, PGresult **rows,
	       struct weir_error *err)
{
	params_reset(&r->params);
	params_string(&r->params, what);
	return ledger_query(r->ledger, sql, &r->params, false, rows, err);
}

/* The queue is new, and so it is empty. */
static int revive_kind(struct relay *r, const char *kind, struct weir_error *err)
{
	PGresult *rows = NULL;
	int rc = ask(r, stages_of_kind, kind, &rows, err);
	for (int i = 0; rc == 0 && i < PQntuples(rows); i++)
		rc = recover_revive(r, PQgetvalue(rows, i, 0), atoi(PQgetvalue(rows, i, 1)),
				    "its queue was gone", err);
	PQclear(rows);
	return rc;
}

/* Queues that somebody had to make: consumers do, and weir init. */
static int revive_made(struct relay *r, struct weir_error *err)
{
	static const char made[] = "SELECT kind, made_at::text FROM weir.queues_made";
	static const char done[] =
		"DELETE FROM weir.queues_made WHERE kind = $1 AND made_at = $2::timestamptz";
	PGresult *rows = NULL;
	int rc = ledger_query(r->ledger, made, NULL, false, &rows, err);
	for (int i = 0; rc == 0 && i < PQntuples(rows); i++) {
		rc = revive_kind(r, PQgetvalue(rows, i, 0), err);
		params_reset(&r->params);
		params_string(&r->params, PQgetvalue(rows, i, 0));
		params_string(&r->params, PQgetvalue(rows, i, 1));
		if (rc == 0)
			rc = ledger_do(r->ledger, done, &r->params, NULL, err);
	}
	PQclear(rows);
	return rc;
}

static int open_surveyor(struct relay *r, struct weir_error *err)
{
	if (r->surveyor)
		return 0;
	return broker_open(r->settings->amqp_url, "weir-relay survey", MESSAGE_MAX, &r->surveyor,
			   err);
}

void recover_end(struct relay *r)
{
	broker_close(r->surveyor);
	r->surveyor = NULL;
}

static int restore_kind(struct relay *r, const char *kind, uint32_t *waiting,
			struct weir_error *err)
{
	struct buffer names = BUFFER_INIT;
	bool made = false;
	int rc = kind_ok(kind)
			 ? topology_restore_kind(r->surveyor, kind, &names, &made, waiting, err)
			 : weir_fail(err, "topology", "\"%s\" is no kind", kind);
	topology_say_restored(&names);
	if (rc < 0) {
		recover_end(r); /* it may be dead */
		return -1;
	}
	return made ? revive_kind(r, kind, err) : 0;
}

int recover_survey(struct relay *r, const char *kind, uint32_t *waiting, struct weir_error *err)
{
	*waiting = 0;
	if (open_surveyor(r, err) < 0)
		return -1;
	return restore_kind(r, kind, waiting, err);
}

/* One queue that is not as it must be hinders no other kind, whatever the broker says of it: that
 * there is a broker is known from the next connection. */
static int restore_kinds(struct relay *r, struct weir_error *err)
{
	struct weir_error why;
	PGresult *rows = NULL;
	uint32_t waiting;
	bool unusable, wrong = false;
	int rc = ask(r, open_kinds, r->only_job, &rows, err);
	for (int i = 0; rc == 0 && i < PQntuples(rows); i++) {
		rc = open_surveyor(r, err);
		if (rc < 0 || restore_kind(r, PQgetvalue(rows, i, 0), &waiting, &why) == 0)
			continue;
		unusable = strcmp(why.code, "database") != 0;
		if (unusable && !wrong)
			weir_fail(err, "topology_kind", "kind %s: %s", PQgetvalue(rows, i, 0),
				  why.text);
		else if (!unusable)
			rc = weir_fail(err, why.code, "%s", why.text);
		wrong |= unusable;
	}
	PQclear(rows);
	return wrong ? -1 : rc;
}

int recover_check_mark(struct relay *r, struct weir_error *err)
{
	if (open_surveyor(r, err) < 0)
		return -1;
	int rc = identity_mark(r->surveyor, r->ledger_id, err);
	recover_end(r);
	return rc;
}

int recover_topology(struct relay *r, struct weir_error *err)
{
	struct buffer names = BUFFER_INIT;
	if (open_surveyor(r, err) < 0)
		return -1;
	int rc = identity_mark(r->surveyor, r->ledger_id, err);
	if (rc == 0)
		rc = topology_restore(r->surveyor, &names, err);
	topology_say_restored(&names);
	if (rc == 0)
		rc = restore_kinds(r, err);
	if (rc < 0) {
		recover_end(r);
		return -1;
	}
	return revive_made(r, err);
}
