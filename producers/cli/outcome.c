#include "outcome.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const char count_batches[] =
	"SELECT count(*) FILTER (WHERE status = 'queued'),"
	" count(*) FILTER (WHERE status <> 'queued'),"
	" coalesce(sum(size) FILTER (WHERE status = 'queued'), 0)::int8,"
	" coalesce(sum(size) FILTER (WHERE status <> 'queued'), 0)::int8"
	" FROM weir.job_batches WHERE job_id = $1 AND stage = 1";

int outcome_read(struct outcome *o, struct ledger *l, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	PGresult *r = NULL;
	params_string(&p, o->job->job_id);
	int rc = ledger_query(l, count_batches, &p, true, &r, err);
	params_release(&p);
	if (rc < 0)
		return -1;
	o->queued_batches = ledger_big(r, 0, 0);
	o->pending_batches = ledger_big(r, 0, 1);
	o->queued_items = ledger_big(r, 0, 2);
	o->pending_items = ledger_big(r, 0, 3);
	PQclear(r);
	return 0;
}

static void print_end(const struct job_row *end)
{
	printf("  %-11s %" PRId64 " succeeded, %" PRId64 " failed", end->status, end->success,
	       end->failed);
	if (end->cancelled)
		printf(", %" PRId64 " cancelled", end->cancelled);
	printf("\n");
}

void outcome_print(const struct outcome *o)
{
	const struct submission_counts *c = o->counts;
	printf("job %s: %" PRId64 " items in %" PRId64 " batches%s\n", o->job->job_id, c->items,
	       c->batches, o->already ? " (all of them were there already)" : "");
	if (!o->already && c->new_items != c->items)
		printf("  continued   %" PRId64 " items were there, %" PRId64 " are new\n",
		       c->items - c->new_items, c->new_items);
	if (o->skipped_file)
		printf("  skipped     %" PRId64 " bad records, in %s\n", c->skipped,
		       o->skipped_file);
	printf("  queued      %" PRId64 " batches, %" PRId64 " items\n", o->queued_batches,
	       o->queued_items);
	printf("  pending     %" PRId64 " batches, %" PRId64 " items (the relay queues them)\n",
	       o->pending_batches, o->pending_items);
	if (o->waited)
		print_end(&o->end);
}

int outcome_print_json(const struct outcome *o, struct weir_error *err)
{
	const struct submission_counts *c = o->counts;
	json_t *all = json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "job_id", o->job->job_id,
		"kind", o->job->stages->list[0].kind, "total_items", (json_int_t)c->items,
		"total_batches", (json_int_t)c->batches, "new_items", (json_int_t)c->new_items,
		"new_batches", (json_int_t)c->new_batches, "skipped", (json_int_t)c->skipped,
		"queued_batches", (json_int_t)o->queued_batches, "pending_batches",
		(json_int_t)o->pending_batches, "queued_items", (json_int_t)o->queued_items,
		"pending_items", (json_int_t)o->pending_items);
	if (all && o->waited)
		json_object_set_new(all, "status", json_string(o->end.status));
	char *text = all ? json_dumps(all, 0) : NULL;
	json_decref(all);
	if (!text)
		return weir_fail_memory(err);
	printf("%s\n", text);
	free(text);
	return 0;
}
