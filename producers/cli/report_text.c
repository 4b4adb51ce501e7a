#include <inttypes.h>
#include <math.h>

#include "report_invoices.h"
#include "report_write.h"

static void text_times(const struct report_summary *s, struct buffer *b)
{
	buffer_printf(b, "submitted  %s\n", s->created_at);
	if (!*s->started_at)
		return;
	buffer_printf(b, "started    %s\n", s->started_at);
	if (*s->completed_at)
		buffer_printf(b, "ended      %s\n", s->completed_at);
	buffer_add_text(b, "duration   ");
	print_duration(b, s->duration);
	if (s->throughput > 0) {
		buffer_add_text(b, ", ");
		print_real(b, s->throughput, s->throughput < 10 ? 2 : 0);
		buffer_add_text(b, " items/s");
	}
	buffer_add_char(b, '\n');
}

static void text_processing(const struct report_summary *s, struct buffer *b)
{
	const struct {
		const char *name;
		double value;
	} parts[] = {{"an item    avg ", s->average},
		     {", p50 ", s->p50},
		     {", p95 ", s->p95},
		     {", p99 ", s->p99}};
	if (isnan(s->average))
		return;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		buffer_add_text(b, parts[i].name);
		print_real(b, parts[i].value * 1000, 3);
		buffer_add_text(b, " ms");
	}
	buffer_add_char(b, '\n');
}

static void text_attempts(const PGresult *rows, struct buffer *b)
{
	int n = PQntuples(rows);
	for (int i = 0; i < n; i++)
		buffer_printf(b, "%s%" PRId64 " item%s after %" PRId64, i ? ", " : "attempts   ",
			      ledger_big(rows, i, 1), ledger_big(rows, i, 1) == 1 ? "" : "s",
			      ledger_big(rows, i, 0));
	buffer_add_text(b, n ? "\n" : "");
}

static void text_unknown(const char *what, int64_t count, struct buffer *b)
{
	if (count > 0)
		buffer_printf(b, " (%s of %" PRId64 " answer%s)", what, count,
			      count == 1 ? "" : "s");
}

/* What there is of kinds of tokens, in brackets. */
static void text_kinds(const struct report_usage *u, struct buffer *b)
{
	int64_t written = u->cache_write_tokens + u->cache_write_1h_tokens;
	buffer_printf(b, "%" PRId64 " tokens in", u->input_tokens);
	if (u->cached_input_tokens > 0 || written > 0)
		buffer_printf(b, " (%" PRId64 " from the cache, %" PRId64 " written to it)",
			      u->cached_input_tokens, written);
	buffer_printf(b, ", %" PRId64 " out", u->output_tokens);
	if (u->reasoning_tokens > 0)
		buffer_printf(b, " (%" PRId64 " of reasoning)", u->reasoning_tokens);
	text_unknown("without those", u->usage_unknown, b);
}

/* Nothing where no model was asked. */
static void text_usage(const char *before, const struct report_usage *u, struct buffer *b)
{
	if (u->calls == 0)
		return;
	buffer_printf(b, "%s%" PRId64 " answers, ", before, u->calls);
	text_kinds(u, b);
	buffer_printf(b, ", cost %s", u->cost);
	if (u->cost_unknown < u->calls)
		text_unknown("without that", u->cost_unknown, b);
}

static void text_stages(const struct report *r, struct buffer *b)
{
	for (int i = 0; i < r->stage_count && r->stage_count > 1; i++) {
		print_stage(&r->stages[i].view, r->stages[i].average, b);
		text_usage(", ", &r->stages[i].usage, b);
		buffer_add_char(b, '\n');
	}
}

static void text_models(const struct report *r, bool by_key, const char *name, struct buffer *b)
{
	for (int i = 0; i < PQntuples(r->models); i++) {
		struct report_model m;
		report_read_model(r, i, &m);
		if (ledger_bool(r->models, i, 0) != by_key || PQgetisnull(r->models, i, 1))
			continue;
		buffer_add_text(b, name);
		print_plain(b, ledger_text(r->models, i, 1));
		buffer_printf(b, ": %" PRId64 " success, %" PRId64 " failed", m.success, m.failed);
		if (!isnan(m.average)) {
			buffer_add_text(b, ", avg ");
			print_real(b, m.average * 1000, 3);
			buffer_add_text(b, " ms");
		}
		text_usage(", ", &m.usage, b);
		buffer_add_char(b, '\n');
	}
}

static void text_summary(const struct report *r, struct buffer *b)
{
	const struct report_summary *s = &r->summary;
	const struct batch_counts *c = &r->batches;
	buffer_printf(b, "job        %s\nkind       %s\nstatus     %s%s\n", s->job_id, s->kind,
		      s->status, s->sealed ? "" : " (still being submitted)");
	print_reason("reason     ", s->pause_reason, b);
	buffer_printf(b,
		      "items      %" PRId64 ": %" PRId64 " success, %" PRId64 " failed, %" PRId64
		      " cancelled, %" PRId64 " pending\n",
		      s->total, s->success, s->failed, s->cancelled, s->pending);
	buffer_printf(b,
		      "batches    %" PRId64 ": %" PRId64 " waiting to be queued, %" PRId64
		      " queued, %" PRId64 " done\n",
		      c->total, c->pending_queue, c->queued, c->done);
	text_stages(r, b);
	text_times(s, b);
	text_processing(s, b);
	text_usage("models     ", &s->usage, b);
	buffer_add_text(b, s->usage.calls > 0 ? "\n" : "");
	text_models(r, false, "model      ", b);
	text_models(r, true, "model_key  ", b);
	text_attempts(r->attempts, b);
	report_invoices_text(r->invoices, b);
	buffer_printf(b, "redis      %s\n", s->redis);
	if (!s->consistent)
		buffer_printf(b, "CHECK      the ledger does not add up: %.*s\n",
			      (int)r->differences.size, r->differences.data);
	if (PQntuples(r->classes) > 0) {
		buffer_add_text(b, "failures   ");
		print_classes(r->classes, b);
		buffer_add_char(b, '\n');
	}
}

static void text_failure(struct writing *w, const PGresult *rows, int row)
{
	struct buffer *b = &w->sink->buffer;
	buffer_add_text(b, "  ");
	print_plain(b, ledger_text(rows, row, ROW_ID));
	if (ledger_text(rows, row, ROW_NATURAL).data) {
		buffer_add_text(b, " = ");
		print_plain(b, ledger_text(rows, row, ROW_NATURAL));
	}
	buffer_add_text(b, "  ");
	print_plain(b, ledger_text(rows, row, ROW_CLASS));
	buffer_printf(b, "  (attempts: %" PRId32 ")  ", ledger_int(rows, row, ROW_ATTEMPTS));
	print_plain(b, ledger_text(rows, row, ROW_ERROR));
	buffer_add_char(b, '\n');
}

int report_write_text(struct writing *w, struct weir_error *err)
{
	struct buffer *b = &w->sink->buffer;
	int64_t failed = w->report->summary.failed, most = w->failures;
	text_summary(w->report, b);
	if (failed == 0 || most == 0)
		return 0;
	buffer_add_char(b, '\n');
	if (report_failures(w, text_failure, err) < 0)
		return -1;
	if (failed > most)
		buffer_printf(b, "  and %" PRId64 " more (--failures N)\n", failed - most);
	return 0;
}
