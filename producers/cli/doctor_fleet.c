/* Who is at work: a relay, and consumers for each kind that has an open job. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "doctor.h"
#include "fleet.h"
#include "weir/presence.h"

static const char waiting[] =
	"SELECT 'weir-' || role || ' on ' || host || ' (pid ' || pid || ')', waits_for"
	" FROM weir.processes WHERE waits_for IS NOT NULL"
	" AND seen_at > now() - interval '" PRESENCE_FRESH "' ORDER BY 1 LIMIT 20";

static const char silent[] =
	"SELECT 'weir-' || role || ' on ' || host || ' (pid ' || pid || ')',"
	" extract(epoch FROM now() - seen_at)::int8 FROM weir.processes"
	" WHERE seen_at <= now() - interval '" PRESENCE_FRESH "' AND job_id IS NULL"
	" ORDER BY seen_at DESC LIMIT 20";

/* Open jobs by the kind of the stage that they are in, with the consumers that were heard. */
static const char open_kinds[] =
	"SELECT s.kind, count(*), min(j.job_id), (SELECT count(*) FROM weir.processes p"
	"  WHERE p.role = 'consumer' AND s.kind = ANY (p.kinds)"
	"  AND p.seen_at > now() - interval '" PRESENCE_FRESH "')"
	" FROM weir.jobs j JOIN LATERAL (SELECT kind FROM weir.job_stages s"
	"  WHERE s.job_id = j.job_id AND s.completed_at IS NULL ORDER BY s.stage LIMIT 1) s ON true"
	" WHERE j.status IN ('pending', 'running') AND j.completed_at IS NULL"
	"  AND j.purged_at IS NULL GROUP BY s.kind ORDER BY s.kind";

static const char relays[] =
	"SELECT (SELECT count(*) FROM weir.processes WHERE role = 'relay' AND job_id IS NULL"
	"  AND seen_at > now() - interval '" PRESENCE_FRESH "'),"
	" (SELECT count(*) FROM weir.jobs WHERE NOT counted AND status <> 'paused')";

static void check_relays(struct doctor *d, struct fleet *f)
{
	PGresult *r = NULL;
	if (!d->ledger || !doctor_ask(d, relays, &r))
		return;
	int64_t heard = ledger_big(r, 0, 0), jobs = ledger_big(r, 0, 1);
	PQclear(r);
	if (heard == 0) /* one of the version before says nothing */
		heard = fleet_takers(f, NULL);
	if (heard > 0)
		doctor_tell(d, LEVEL_OK, "", "relays that run: %" PRId64, heard);
	else
		doctor_tell(d, jobs > 0 ? LEVEL_WARN : LEVEL_OK, jobs > 0 ? "start weir-relay" : "",
			    "no relay is running, and %" PRId64 " jobs want one", jobs);
}

/* Messages that somebody else takes are worked on by nobody, as long as he has them. */
static bool check_takers(struct doctor *d, const char *kind, int64_t heard, int64_t takers)
{
	if (takers > heard)
		doctor_tell(d, LEVEL_WARN,
			    "rabbitmqctl list_consumers, list_connections pid user peer_host "
			    "client_properties",
			    "%" PRId64 " consumers take from the queue of the kind %s, and %" PRId64
			    " weir-consumers are heard: what the others hold waits",
			    takers, kind, heard);
	else if (heard > 0)
		doctor_tell(d, LEVEL_OK, "", "consumers for the kind %s: %" PRId64, kind, heard);
	return heard > 0 || takers > 0;
}

static void check_kind(struct doctor *d, struct fleet *f, const PGresult *r, int row)
{
	char kind[33], advice[64];
	struct weir_text name = ledger_text(r, row, 0), job = ledger_text(r, row, 2);
	snprintf(kind, sizeof kind, "%.*s", (int)name.size, name.data);
	if (check_takers(d, kind, ledger_big(r, row, 3), fleet_takers(f, kind)))
		return;
	snprintf(advice, sizeof advice, "start weir-consumer %s", kind);
	doctor_tell(d, LEVEL_WARN, advice,
		    "no consumer for the kind %s is running, and %" PRId64
		    " jobs want one, such as %.*s",
		    kind, ledger_big(r, row, 1), (int)job.size, job.data);
}

/* Whoever ends in order deletes his row; what is left of others goes after some minutes. */
static void check_silent(struct doctor *d)
{
	PGresult *r = NULL;
	if (!d->ledger || !doctor_ask(d, silent, &r))
		return;
	for (int i = 0; i < PQntuples(r); i++) {
		struct weir_text who = ledger_text(r, i, 0);
		doctor_tell(d, LEVEL_WARN, "see its log, and that of its machine",
			    "%.*s was last heard %" PRId64
			    " s ago: it was killed, hangs, or is cut off",
			    (int)who.size, who.data, ledger_big(r, i, 1));
	}
	PQclear(r);
}

static void check_waiting(struct doctor *d)
{
	PGresult *r = NULL;
	if (!d->ledger || !doctor_ask(d, waiting, &r))
		return;
	for (int i = 0; i < PQntuples(r); i++) {
		struct weir_text who = ledger_text(r, i, 0), why = ledger_text(r, i, 1);
		doctor_tell(d, LEVEL_WARN, "", "%.*s waits: %.*s", (int)who.size, who.data,
			    (int)why.size, why.data);
	}
	PQclear(r);
}

void doctor_check_fleet(struct doctor *d)
{
	struct fleet f;
	PGresult *r = NULL;
	if (!d->ledger || !d->schema)
		return;
	fleet_init(&f, d->settings, d->ledger);
	check_relays(d, &f);
	if (d->ledger && doctor_ask(d, open_kinds, &r)) {
		for (int i = 0; i < PQntuples(r) && !command_stop; i++)
			check_kind(d, &f, r, i);
		PQclear(r);
	}
	check_waiting(d);
	check_silent(d);
	fleet_release(&f);
}
