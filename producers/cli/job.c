/* What several commands need of the ledger. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "weir/identity.h"
#include "print.h"

static const char read_job[] =
	"SELECT job_id, kind, status, total_items::int8, success_count::int8, failure_count::int8,"
	"  cancelled_count::int8, sealed_at IS NOT NULL, completed_at IS NOT NULL,"
	"  coalesce(extract(epoch FROM coalesce(completed_at, now()) - started_at), 0)::float8"
	" FROM weir.batch_jobs WHERE job_id = $1";

static const char read_job_only[] =
	"SELECT job_id, kind, status, coalesce(total_items, 0), coalesce(success_count, 0),"
	"  coalesce(failure_count, 0), coalesce(cancelled_count, 0), sealed_at IS NOT NULL,"
	"  completed_at IS NOT NULL,"
	"  coalesce(extract(epoch FROM coalesce(completed_at, now()) - started_at), 0)::float8"
	" FROM weir.jobs WHERE job_id = $1";

int command_ledger(struct call *call, struct ledger **out)
{
	char id[LEDGER_ID_SIZE];
	struct ledger *l;
	if (ledger_open(call->settings->pg_url, "weir", false, &l, call->error) < 0)
		return -1;
	if (ledger_check_schema(l, call->error) < 0 || identity_read(l, id, call->error) < 0) {
		ledger_close(l);
		return -1;
	}
	*out = l;
	return 0;
}

void command_complain(const struct weir_error *err)
{
	struct buffer b = BUFFER_INIT;
	print_plain(&b, print_text(err->text));
	const char *text = buffer_text(&b);
	fprintf(stderr, "weir: %s\n", text ? text : "");
	buffer_release(&b);
}

static void copy_text(char *out, size_t room, struct weir_text text)
{
	snprintf(out, room, "%.*s", (int)text.size, text.data);
}

int command_job(struct ledger *l, const char *job_id, bool counts, struct job_row *out,
		struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	PGresult *r = NULL;
	params_string(&p, job_id);
	int rc = ledger_query(l, counts ? read_job : read_job_only, &p, true, &r, err);
	params_release(&p);
	if (rc < 0)
		return -1;
	if (PQntuples(r) == 1) {
		*out = (struct job_row){.total = ledger_big(r, 0, 3),
					.success = ledger_big(r, 0, 4),
					.failed = ledger_big(r, 0, 5),
					.cancelled = ledger_big(r, 0, 6),
					.sealed = ledger_bool(r, 0, 7),
					.ended = ledger_bool(r, 0, 8),
					.seconds = ledger_real(r, 0, 9)};
		copy_text(out->job_id, sizeof out->job_id, ledger_text(r, 0, 0));
		copy_text(out->kind, sizeof out->kind, ledger_text(r, 0, 1));
		copy_text(out->status, sizeof out->status, ledger_text(r, 0, 2));
		rc = 1;
	}
	PQclear(r);
	return rc;
}
