#include <string.h>

#include "report_write.h"

struct report_config {
	char *format, *out;
	int64_t failures, items;
};

#define AT(field) offsetof(struct report_config, field)

static const struct weir_option options[] = {
	{.name = "format",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(format),
	 .preset = "text",
	 .unit = "FORMAT",
	 .help = "text, json or csv."},
	{.name = "out",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(out),
	 .unit = "FILE",
	 .help = "Write to this file, which appears when the report is whole."},
	{.name = "failures",
	 .type = WEIR_OPTION_INTEGER,
	 .offset = AT(failures),
	 .preset = "100",
	 .most = INT32_MAX,
	 .unit = "ITEMS",
	 .help = "How many failed items text and json list."},
	{.name = "items",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(items),
	 .preset = "0",
	 .help = "json: every item of every stage too; csv: a row for each, and no summary."},
	{.type = WEIR_OPTION_END},
};

static const struct format {
	const char *name;
	report_write *write;
} formats[] = {{"text", report_write_text}, {"json", report_write_json}, {"csv", report_write_csv}};

static const struct format *find_format(const struct report_config *config, struct weir_error *err)
{
	const struct format *found = NULL;
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strcmp(formats[i].name, config->format) == 0)
			found = &formats[i];
	if (!found)
		weir_fail(err, "bad_value", "--format %.40s: not text, json or csv",
			  config->format);
	else if (config->items && found->write == report_write_text) {
		weir_fail(err, "bad_value", "--items needs --format json or csv");
		found = NULL;
	}
	return found;
}

static int write_out(struct writing *w, const struct format *format, const char *path,
		     struct weir_error *err)
{
	struct sink sink;
	if (sink_open(&sink, path, err) < 0)
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
	const struct report_config *config = call->config;
	struct report r;
	struct weir_error *err = call->error;
	if (report_begin(v->ledger, call->argv[0], &r, err) < 0)
		return -1;
	report_compare(v, &r);
	struct writing w = {.ledger = v->ledger,
			    .report = &r,
			    .failures = config->failures,
			    .items = config->items != 0};
	int rc = write_out(&w, format, config->out, err);
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
		"ended or not: counts, times, attempts, stages, models, why items failed, and\n"
		"which, with every attempt. An item of the job is a success when it is one in\n"
		"the last stage, and failed when it is in any. Times and models are of all\n"
		"items that were worked for, in each stage; what is pending or was cancelled\n"
		"is not counted there. What came of invoices is added up from their results.\n\n"
		"For each stage and batch the counters, the rows and the totals are checked\n"
		"against each other; when they do not add up the report says where, and the\n"
		"command fails. Those in Redis are compared, stage by stage: equal, different\n"
		"(normal for a moment while the job is at work), expired (gone; `weir reconcile\n"
		"JOB` counts them again), away.\n\n"
		"Times are in seconds in JSON and CSV. CSV is UTF-8 and begins with U+FEFF, by\n"
		"which Excel knows that. In it a text that a spreadsheet would take for a\n"
		"formula has a ' before it. Spreadsheets show at most 1048576 rows, and 32767\n"
		"characters of a cell.\n\n"
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
