#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "sink.h"

struct report_config {
	char *format, *out;
	int64_t failures, items;
};

#define AT(field) offsetof(struct report_config, field)

static const struct weir_option options[] = {
	{.name = "format", .type = WEIR_OPTION_TEXT, .offset = AT(format), .preset = "text",
	 .unit = "FORMAT", .help = "text, json or csv."},
	{.name = "out", .type = WEIR_OPTION_TEXT, .offset = AT(out), .unit = "FILE",
	 .help = "Write to this file, which appears when the report is whole."},
	{.name = "failures", .type = WEIR_OPTION_INTEGER, .offset = AT(failures), .preset = "100",
	 .most = INT32_MAX, .unit = "ITEMS", .help = "How many failed items text and json list."},
	{.name = "items", .type = WEIR_OPTION_FLAG, .offset = AT(items), .preset = "0",
	 .help = "json: every item too; csv: a row for each item instead of the summary."},
	{.type = WEIR_OPTION_END},
};

/* What is being written. */
struct writing {
	struct ledger *ledger;
	struct report *report;
	struct sink *sink;
	const struct report_config *config;
	bool first; /* of a list */
};

typedef void write_row(struct writing *w, const PGresult *rows, int row);

/* Items are read through a cursor, so that their number does not matter. */
struct cursor {
	const char *declare, *fetch, *close;
	bool limited; /* the second parameter is a limit */
};

static const struct cursor failures_cursor = {
	"DECLARE failures NO SCROLL CURSOR FOR"
	" SELECT i.custom_id, r.error, r.error_class, r.attempts"
	" FROM (SELECT stage, ordinal, error, error_class, attempts FROM weir.results"
	"  WHERE job_id = $1 AND status = 2 ORDER BY stage, ordinal LIMIT $2) r"
	" LEFT JOIN weir.items i ON i.job_id = $1 AND i.stage = r.stage AND i.ordinal = r.ordinal"
	" ORDER BY r.stage, r.ordinal",
	"FETCH 1000 FROM failures", "CLOSE failures", true};

static const struct cursor items_cursor = {
	"DECLARE items NO SCROLL CURSOR FOR"
	" SELECT i.custom_id, weir.status_name(r.status), coalesce(r.error_class, w.error_class),"
	" coalesce(r.error, w.error), coalesce(r.attempts, w.attempts, 0)::int4,"
	" (r.processing_ms / 1000.0)::float8, r.result::text"
	" FROM weir.items i LEFT JOIN weir.results r USING (job_id, stage, ordinal)"
	" LEFT JOIN weir.retries w ON r.job_id IS NULL AND w.job_id = i.job_id"
	"  AND w.stage = i.stage AND w.ordinal = i.ordinal"
	" WHERE i.job_id = $1 ORDER BY i.stage, i.ordinal",
	"FETCH 1000 FROM items", "CLOSE items", false};

static int declare(struct writing *w, const struct cursor *c, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	params_string(&p, w->report->summary.job_id);
	if (c->limited)
		params_big(&p, w->config->failures);
	int rc = ledger_do(w->ledger, c->declare, &p, NULL, err);
	params_release(&p);
	return rc;
}

/* Writes one portion; returns its size. */
static int write_portion(struct writing *w, const struct cursor *c, write_row *row,
			 struct weir_error *err)
{
	PGresult *rows = NULL;
	if (command_stop)
		return weir_fail(err, "interrupted", "interrupted");
	if (ledger_query(w->ledger, c->fetch, NULL, true, &rows, err) < 0)
		return -1;
	int n = PQntuples(rows), rc = 0;
	for (int i = 0; i < n && rc == 0; i++) {
		row(w, rows, i);
		rc = sink_pass(w->sink, err);
		w->first = false;
	}
	PQclear(rows);
	return rc < 0 ? -1 : n;
}

static int write_rows(struct writing *w, const struct cursor *c, write_row *row,
		      struct weir_error *err)
{
	int n = declare(w, c, err);
	w->first = true;
	if (n < 0)
		return -1;
	do {
		n = write_portion(w, c, row, err);
	} while (n > 0);
	return n < 0 ? -1 : ledger_do(w->ledger, c->close, NULL, NULL, err);
}

/* Reads a column of seconds; NaN for NULL. */
static double seconds(const PGresult *rows, int row, int column)
{
	return PQgetisnull(rows, row, column) ? NAN : ledger_real(rows, row, column);
}

/* ---- JSON ---- */

/* The comma between two rows comes before the second: the first may be on its way already. */
static void json_open(struct writing *w, struct buffer *b)
{
	buffer_add_text(b, w->first ? "\n{" : ",\n{");
}

static void json_shut(struct buffer *b)
{
	json_close(b, '}');
	b->size -= !buffer_failed(b);
}

static void json_failure(struct writing *w, const PGresult *rows, int row)
{
	struct buffer *b = &w->sink->buffer;
	json_open(w, b);
	json_text(b, "id", ledger_text(rows, row, 0));
	json_text(b, "error", ledger_text(rows, row, 1));
	json_text(b, "class", ledger_text(rows, row, 2));
	json_count(b, "attempts", ledger_int(rows, row, 3));
	json_shut(b);
}

static void json_item(struct writing *w, const PGresult *rows, int row)
{
	struct buffer *b = &w->sink->buffer;
	json_open(w, b);
	json_text(b, "custom_id", ledger_text(rows, row, 0));
	json_text(b, "status", ledger_text(rows, row, 1));
	json_text(b, "error_class", ledger_text(rows, row, 2));
	json_text(b, "error", ledger_text(rows, row, 3));
	json_count(b, "attempts", ledger_int(rows, row, 4));
	json_real(b, "processing_time", seconds(rows, row, 5));
	json_raw(b, "result", ledger_text(rows, row, 6));
	json_shut(b);
}

/* An object of the numbers in the second column, named by those of the first. */
static void json_attempts(const PGresult *rows, struct buffer *b)
{
	json_key(b, "attempts");
	buffer_add_char(b, '{');
	for (int i = 0; i < PQntuples(rows); i++)
		buffer_printf(b, "\"%" PRId64 "\":%" PRId64 ",", ledger_big(rows, i, 0),
			      ledger_big(rows, i, 1));
	json_close(b, '}');
}

static void json_classes(const PGresult *rows, struct buffer *b)
{
	json_key(b, "failures_by_class");
	buffer_add_char(b, '{');
	for (int i = 0; i < PQntuples(rows); i++) {
		buffer_add_json(b, ledger_text(rows, i, 0));
		buffer_printf(b, ":%" PRId64 ",", ledger_big(rows, i, 1));
	}
	json_close(b, '}');
}

static int json_list(struct writing *w, const char *name, const struct cursor *c, write_row *row,
		     struct weir_error *err)
{
	struct buffer *b = &w->sink->buffer;
	json_key(b, name);
	buffer_add_char(b, '[');
	if (write_rows(w, c, row, err) < 0)
		return -1;
	buffer_add_text(b, "],");
	return 0;
}

static int write_json(struct writing *w, struct weir_error *err)
{
	struct buffer *b = &w->sink->buffer;
	const struct report *r = w->report;
	buffer_add_char(b, '{');
	fields_json(report_fields, &r->summary, b);
	if (!r->summary.consistent)
		json_text(b, "differences", (struct weir_text){r->differences.data,
							       r->differences.size});
	json_attempts(r->attempts, b);
	json_classes(r->classes, b);
	json_key(b, "batches");
	buffer_add_char(b, '{');
	fields_json(batch_counts_fields, &r->batches, b);
	json_close(b, '}');
	json_count(b, "failures_total", r->summary.failed);
	if (json_list(w, "failures", &failures_cursor, json_failure, err) < 0 ||
	    (w->config->items && json_list(w, "items", &items_cursor, json_item, err) < 0))
		return -1;
	json_end(b, '}');
	return 0;
}

/* ---- CSV ---- */

static void csv_item(struct writing *w, const PGresult *rows, int row)
{
	struct buffer *b = &w->sink->buffer;
	for (int i = 0; i < 4; i++)
		csv_cell(b, ledger_text(rows, row, i));
	buffer_printf(b, "%" PRId32 ",", ledger_int(rows, row, 4));
	print_real(b, seconds(rows, row, 5), 6);
	buffer_add_char(b, ',');
	csv_cell(b, ledger_text(rows, row, 6));
	csv_end(b);
}

static int write_csv(struct writing *w, struct weir_error *err)
{
	struct buffer *b = &w->sink->buffer;
	if (w->config->items) {
		buffer_add_text(b, "custom_id,status,error_class,error,attempts,processing_time,"
				"result\r\n");
		return write_rows(w, &items_cursor, csv_item, err);
	}
	fields_csv_names(report_fields, "", b);
	fields_csv_names(batch_counts_fields, "batches_", b);
	csv_end(b);
	fields_csv(report_fields, &w->report->summary, b);
	fields_csv(batch_counts_fields, &w->report->batches, b);
	csv_end(b);
	return 0;
}

/* ---- text ---- */

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
	} parts[] = {{"an item    avg ", s->average}, {", p50 ", s->p50}, {", p95 ", s->p95},
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

static void text_summary(const struct report *r, struct buffer *b)
{
	const struct report_summary *s = &r->summary;
	const struct batch_counts *c = &r->batches;
	buffer_printf(b, "job        %s\nkind       %s\nstatus     %s%s\n", s->job_id, s->kind,
		      s->status, s->sealed ? "" : " (still being submitted)");
	buffer_printf(b, "items      %" PRId64 ": %" PRId64 " success, %" PRId64 " failed, %" PRId64
		      " cancelled, %" PRId64 " pending\n", s->total, s->success, s->failed,
		      s->cancelled, s->pending);
	buffer_printf(b, "batches    %" PRId64 ": %" PRId64 " waiting to be queued, %" PRId64
		      " queued, %" PRId64 " done\n", c->total, c->pending_queue, c->queued,
		      c->done);
	text_times(s, b);
	text_processing(s, b);
	text_attempts(r->attempts, b);
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
	print_plain(b, ledger_text(rows, row, 0));
	buffer_add_text(b, "  ");
	print_plain(b, ledger_text(rows, row, 2));
	buffer_printf(b, "  (attempts: %" PRId32 ")  ", ledger_int(rows, row, 3));
	print_plain(b, ledger_text(rows, row, 1));
	buffer_add_char(b, '\n');
}

static int write_text(struct writing *w, struct weir_error *err)
{
	struct buffer *b = &w->sink->buffer;
	int64_t failed = w->report->summary.failed, most = w->config->failures;
	text_summary(w->report, b);
	if (failed == 0 || most == 0)
		return 0;
	buffer_add_char(b, '\n');
	if (write_rows(w, &failures_cursor, text_failure, err) < 0)
		return -1;
	if (failed > most)
		buffer_printf(b, "  and %" PRId64 " more (--failures N)\n", failed - most);
	return 0;
}

/* ---- the command ---- */

typedef int write_report(struct writing *w, struct weir_error *err);

static const struct format {
	const char *name;
	write_report *write;
} formats[] = {{"text", write_text}, {"json", write_json}, {"csv", write_csv}};

static const struct format *find_format(const struct report_config *config, struct weir_error *err)
{
	const struct format *found = NULL;
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strcmp(formats[i].name, config->format) == 0)
			found = &formats[i];
	if (!found)
		weir_fail(err, "bad_value", "--format %.40s: not text, json or csv",
			  config->format);
	else if (config->items && found->write == write_text) {
		weir_fail(err, "bad_value", "--items needs --format json or csv");
		found = NULL;
	}
	return found;
}

static int write_out(struct writing *w, const struct format *format, struct weir_error *err)
{
	struct sink sink;
	if (sink_open(&sink, w->config->out, err) < 0)
		return -1;
	w->sink = &sink;
	if (format->write(w, err) < 0) {
		sink_abandon(&sink);
		return -1;
	}
	return sink_close(&sink, err);
}

/* A ledger that does not add up is reported all the same, and said to be so. */
static int report_job(const struct viewer *v, const struct call *call, const struct format *format)
{
	struct report r;
	struct weir_error *err = call->error;
	if (report_begin(v->ledger, call->argv[0], &r, err) < 0)
		return -1;
	report_compare(v, &r);
	struct writing w = {.ledger = v->ledger, .report = &r, .config = call->config};
	int rc = write_out(&w, format, err);
	if (rc == 0)
		rc = ledger_do(v->ledger, "COMMIT", NULL, NULL, err);
	if (rc == 0 && !r.summary.consistent)
		rc = weir_fail(err, "inconsistent", "the ledger does not add up: %.400s",
			       buffer_text(&r.differences));
	report_release(&r);
	return rc;
}

static enum command_status run(struct call *call)
{
	struct viewer v;
	const struct format *format = find_format(call->config, call->error);
	if (!format)
		return COMMAND_USAGE;
	if (viewer_open(call, &v) < 0)
		return COMMAND_FAILED;
	int rc = report_job(&v, call, format);
	viewer_close(&v);
	return rc < 0 ? COMMAND_FAILED : COMMAND_DONE;
}

const struct command command_report = {
	.name = "report",
	.arguments = "JOB ",
	.summary = "tells how a job went, as text, JSON or CSV",
	.help = "Everything comes from the ledger and is of one moment, whether the job has\n"
		"ended or not: counts, times, attempts, why items failed, and which. The\n"
		"counts are checked against each other; when they do not add up the report\n"
		"says so, and the command fails. Those in Redis are compared: equal,\n"
		"different (normal for a moment while the job is at work), expired (gone;\n"
		"`weir reconcile JOB` counts them again), away.\n\n"
		"Times are in seconds in JSON and CSV. In CSV a cell that a spreadsheet would\n"
		"take for a formula has a ' before it.\n\n"
		"  weir report first\n"
		"  weir report first --format json --failures 1000 --out report.json\n"
		"  weir report first --format csv --items --out items.csv\n\n"
		"Exit status: 0 written, 1 no such job, or its ledger does not add up.\n",
	.options = options,
	.config_size = sizeof(struct report_config),
	.least = 1,
	.most = 1,
	.needs = NEED_PG,
	.run = run,
};
