#include "fleet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "print.h"
#include "weir/presence.h"
#include "weir/topology.h"

#define FRESH "p.seen_at > now() - interval '" PRESENCE_FRESH "'"
#define OF_JOB "(p.role = 'relay' AND (p.job_id IS NULL OR p.job_id = j.job_id))"
#define OF_KIND "(p.role = 'consumer' AND s.kind = ANY (p.kinds))"

/* What one says of one kind ("kind K: ..."), or of one job. */
#define OF_ANOTHER                                                                                 \
	"((p.waits_for LIKE 'kind %: %' AND NOT starts_with(p.waits_for, 'kind ' || s.kind || "    \
	"':')) OR (p.waits_for LIKE 'job %: %'"                                                    \
	"  AND NOT starts_with(p.waits_for, 'job ' || j.job_id || ':')))"

static const char of_job[] =
	"SELECT coalesce(s.kind, '') AS kind,"
	" count(*) FILTER (WHERE " OF_JOB ") AS relays, count(*) FILTER (WHERE " OF_KIND
	") AS consumers,"
	" " FLEET_SYNC_WAITS " AS standby,"
	"  min('weir-' || p.role || ' on ' || p.host || ' waits: ' || p.waits_for)"
	"   FILTER (WHERE (" OF_JOB " OR " OF_KIND ") AND NOT " OF_ANOTHER ") AS obstacle"
	" FROM weir.jobs j"
	" LEFT JOIN LATERAL (SELECT kind FROM weir.job_stages s WHERE s.job_id = j.job_id"
	"  AND s.completed_at IS NULL ORDER BY s.stage LIMIT 1) s ON true"
	" LEFT JOIN weir.processes p ON " FRESH
	" WHERE j.job_id = $1 AND j.status IN ('pending', 'running') AND j.completed_at IS NULL"
	"  AND j.purged_at IS NULL GROUP BY s.kind";

/* Each kind of a consumer is a row. */
static const char all[] =
	"SELECT p.role, k.kind, count(*) AS processes,"
	" greatest(extract(epoch FROM now() - max(p.seen_at)), 0)::float8 AS heard,"
	" min(p.host || ': ' || p.waits_for) AS waits_for"
	" FROM weir.processes p LEFT JOIN LATERAL unnest(p.kinds) AS k(kind) ON true"
	" WHERE " FRESH " AND p.job_id IS NULL GROUP BY 1, 2 ORDER BY 1 DESC, 2";

static const struct field of_job_fields[] = {
	FIELD(FIELD_TEXT, struct fleet_of_job, "kind", kind),
	FIELD(FIELD_COUNT, struct fleet_of_job, "relays", relays),
	FIELD(FIELD_COUNT, struct fleet_of_job, "consumers", consumers),
	FIELD(FIELD_FLAG, struct fleet_of_job, "standby", standby),
	FIELD(FIELD_TEXT, struct fleet_of_job, "obstacle", obstacle),
	{.type = FIELD_END},
};

void fleet_init(struct fleet *f, const struct settings *settings, struct ledger *l)
{
	*f = (struct fleet){.ledger = l, .amqp_url = settings->amqp_url};
}

void fleet_release(struct fleet *f)
{
	broker_close(f->broker);
	f->broker = NULL;
}

/* ---- the broker's word ---- */

static bool reach(struct fleet *f)
{
	struct weir_error ignored;
	if (f->broker || f->away || !f->amqp_url)
		return f->broker != NULL;
	f->away = broker_open(f->amqp_url, "weir fleet", 0, &f->broker, &ignored) < 0;
	if (f->away)
		f->broker = NULL;
	return f->broker != NULL;
}

int64_t fleet_takers(struct fleet *f, const char *kind)
{
	char queue[NAMES_MAX];
	struct broker_counts counts;
	struct weir_error why;
	if (kind && !kind_ok(kind))
		return 0;
	if (kind)
		queue_of(kind, queue);
	else
		exchange_name(EXCHANGE_DEAD, queue); /* its queue is called the same */
	if (!reach(f))
		return -1;
	if (broker_count(f->broker, queue, &counts, &why) == 0)
		return counts.consumers;
	bool missing = strcmp(why.code, "broker_missing") == 0;
	fleet_release(f);
	return missing ? 0 : -1;
}

/* ---- one job ---- */

static void confirm(struct fleet *f, const char *kind, int64_t *count)
{
	int64_t takers = *count == 0 ? fleet_takers(f, kind) : 0;
	if (takers > 0)
		*count = takers;
}

/* Who cannot commit is not heard either, though he is there. */
static void name_missing(struct fleet_of_job *of)
{
	if (of->standby) {
		snprintf(of->obstacle, sizeof of->obstacle,
			 "each commit waits for a standby of PostgreSQL that does not answer: "
			 "see synchronous_standby_names");
		return;
	}
	const char *relay = "no relay is running: start weir-relay";
	bool no_consumer = of->consumers == 0 && *of->kind;
	if (of->relays == 0)
		snprintf(of->obstacle, sizeof of->obstacle, "%s%s", relay, no_consumer ? "; " : "");
	else if (no_consumer)
		*of->obstacle = '\0';
	size_t size = strlen(of->obstacle);
	if (no_consumer)
		snprintf(of->obstacle + size, sizeof of->obstacle - size,
			 "no consumer for the kind %s is running: start weir-consumer %s", of->kind,
			 of->kind);
}

int fleet_of_job(struct fleet *f, const char *job_id, struct fleet_of_job *out,
		 struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	PGresult *r = NULL;
	params_string(&p, job_id);
	int rc = ledger_query(f->ledger, of_job, &p, true, &r, err);
	params_release(&p);
	*out = (struct fleet_of_job){0};
	if (rc < 0)
		return -1;
	bool open = PQntuples(r) == 1;
	if (open)
		fields_read(of_job_fields, r, 0, out);
	PQclear(r);
	if (!open)
		return 0;
	confirm(f, NULL, &out->relays);
	if (*out->kind)
		confirm(f, out->kind, &out->consumers);
	name_missing(out);
	return 0;
}

/* ---- all ---- */

int fleet_rows(struct ledger *l, PGresult **out, struct weir_error *err)
{
	return ledger_query(l, all, NULL, true, out, err);
}

enum { COL_ROLE, COL_KIND, COL_COUNT, COL_HEARD };

static bool is_role(const PGresult *r, int row, const char *role)
{
	struct weir_text text = ledger_text(r, row, COL_ROLE);
	return text.size == strlen(role) && memcmp(text.data, role, text.size) == 0;
}

static int64_t add_consumers(const PGresult *r, struct buffer *b)
{
	int64_t kinds = 0;
	for (int i = 0; i < PQntuples(r); i++) {
		if (!is_role(r, i, "consumer"))
			continue;
		buffer_add_text(b, kinds++ ? ", " : " ");
		print_plain(b, ledger_text(r, i, COL_KIND));
		buffer_printf(b, " %" PRId64, ledger_big(r, i, COL_COUNT));
	}
	return kinds;
}

int fleet_line(struct ledger *l, struct buffer *b, struct weir_error *err)
{
	PGresult *r = NULL;
	double heard = -1;
	int64_t relays = 0;
	if (fleet_rows(l, &r, err) < 0)
		return -1;
	for (int i = 0; i < PQntuples(r); i++) {
		double one = ledger_real(r, i, COL_HEARD);
		heard = heard < 0 || one < heard ? one : heard;
		relays += is_role(r, i, "relay") ? ledger_big(r, i, COL_COUNT) : 0;
	}
	buffer_printf(b, "relays %" PRId64 ", consumers:", relays);
	if (add_consumers(r, b) == 0)
		buffer_add_text(b, " none");
	if (heard >= 0) {
		buffer_add_text(b, ", heard ");
		print_duration(b, heard);
		buffer_add_text(b, " ago");
	}
	PQclear(r);
	return 0;
}
