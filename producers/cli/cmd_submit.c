#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "await.h"
#include "command.h"
#include "kinds.h"
#include "lender.h"
#include "outcome.h"
#include "request.h"
#include "view.h"
#include "weir/clock.h"
#include "weir/log.h"

#define SAY_US 2000000

struct submit {
	struct call *call;
	const struct request_options *options;
	struct request request;
	struct loaded_plugin plugins[STAGES_MAX]; /* one a stage; the first is opened */
	struct lender lender;
	struct ledger *ledger;
	struct submission *submission;
	struct reader reader;
	FILE *skipped;
	int64_t said_us;
};

/* ---- plugins ---- */

static int open_plugin(struct submit *u, const char *dir, struct weir_error *err)
{
	if (loader_load(dir, u->request.stages.list[0].kind, u->plugins, err) < 0 ||
	    lender_open(&u->lender, u->call->settings, err) < 0)
		return -1;
	struct option_group group = loader_options(u->plugins);
	if (options_parse(&group, 1, 0, NULL, NULL, err) < 0)
		return -1;
	return loader_open(u->plugins, &u->lender.host, err);
}

/* Those of later stages check nothing themselves, since their items do not exist yet: what they
 * tell of their kind is all that is used of them. */
static int try_plugin(struct submit *u, const char *dir, size_t at, struct weir_error *err)
{
	struct stage *stage = &u->request.stages.list[at];
	struct weir_error why;
	if (loader_load(dir, stage->kind, &u->plugins[at], &why) < 0)
		return weir_fail(err, why.code, "stage %zu: %s", at + 1, why.text);
	stage->asks = u->plugins[at].plugin.answer != NULL;
	return 0;
}

static int open_plugins(struct submit *u, struct weir_error *err)
{
	char dir[4096];
	if (loader_dir(u->call->settings->plugin_dir, dir, sizeof dir, err) < 0)
		return -1;
	for (size_t i = 1; i < u->request.stages.count; i++)
		if (try_plugin(u, dir, i, err) < 0)
			return -1;
	return open_plugin(u, dir, err);
}

static void close_plugins(struct submit *u)
{
	struct option_group group = loader_options(u->plugins);
	if (u->plugins[0].library)
		options_release(&group, 1);
	for (size_t i = 0; i < STAGES_MAX; i++)
		if (u->plugins[i].library)
			loader_unload(&u->plugins[i]);
}

/* ---- the other parts of a submit ---- */

/* Opening it for writing empties it: that must not be the input. */
static int open_skipped(struct submit *u, struct weir_error *err)
{
	const char *name = u->options->skip_bad;
	if (reader_reads(&u->reader, name))
		return weir_fail(err, "skip_bad", "--skip-bad %.300s: that is the input", name);
	u->skipped = fopen(name, "we");
	return u->skipped ? 0 : weir_fail(err, "skip_bad", "%.300s: %s", name, strerror(errno));
}

static int open_submission(struct submit *u, struct weir_error *err)
{
	if (u->options->skip_bad && open_skipped(u, err) < 0)
		return -1;
	if (command_ledger(u->call, &u->ledger) < 0)
		return -1;
	struct submission_plan plan = {.ledger = u->ledger,
				       .plugins = u->plugins,
				       .llm = &u->lender.llm,
				       .job = &u->request.definition,
				       .skipped = u->skipped,
				       .id_hash = u->request.input.id_hash,
				       .of_rows = reader_has_rows(&u->reader)};
	return submission_open(&plan, &u->submission, err);
}

static int close_all(struct submit *u, struct weir_error *err)
{
	int rc = 0;
	submission_close(u->submission);
	reader_close(&u->reader);
	if (u->skipped && fclose(u->skipped) != 0)
		rc = weir_fail(err, "skip_bad", "%.300s: %s", u->options->skip_bad,
			       strerror(errno));
	ledger_close(u->ledger);
	close_plugins(u);
	lender_close(&u->lender);
	request_release(&u->request);
	return rc;
}

/* ---- reading and writing ---- */

static void say_progress(struct submit *u)
{
	int64_t now = clock_us();
	if (now - u->said_us < SAY_US)
		return;
	if (u->said_us)
		fprintf(stderr, "weir: %" PRId64 " items written so far\n",
			submission_counts(u->submission)->items);
	u->said_us = now;
}

/* One that the submission has written out is not there in part either. */
static int add_record(struct submit *u, const struct source_record *record, struct weir_error *err)
{
	const struct submission_counts *counts = submission_counts(u->submission);
	int64_t skipped = counts->skipped;
	if (submission_add(u->submission, record, err) < 0)
		return -1;
	if (counts->skipped == skipped || !u->reader.kind->refuse)
		return 0;
	return u->reader.kind->refuse(u->reader.source, err);
}

/* A job of nothing looks like one that is done: there is none. */
static int check_any(const struct submit *u, struct weir_error *err)
{
	const struct submission_counts *counts = submission_counts(u->submission);
	char name[400];
	reader_name(&u->reader, name, sizeof name);
	if (counts->items > 0 || submission_pending(u->submission) || u->options->allow_empty)
		return 0;
	if (counts->skipped > 0)
		return weir_fail(err, "empty",
				 "no items in %s: all of its %" PRId64 " records were skipped",
				 name, counts->skipped);
	return weir_fail(err, "empty", "no items in %s (--allow-empty makes a job without any)",
			 name);
}

static int copy_records(struct submit *u, struct weir_error *err)
{
	struct source_record record;
	struct weir_error why;
	u->said_us = clock_us();
	for (;;) {
		if (command_stop)
			return weir_fail(err, "stopped",
					 "stopped; the same command with --job %s continues",
					 u->request.job_id);
		switch (u->reader.kind->next(u->reader.source, &record, &why)) {
		case SOURCE_RECORD:
			if (add_record(u, &record, err) < 0)
				return -1;
			break;
		case SOURCE_BAD:
			if (submission_bad(u->submission, &record, &why, err) < 0)
				return -1;
			break;
		case SOURCE_END:
			return check_any(u, err);
		case SOURCE_FAILED:
			return weir_fail(err, why.code, "%s", why.text);
		}
		say_progress(u);
	}
}

/* The counters' total; the relay sees to it too, should Redis be away just now. */
static void tell_total(struct submit *u)
{
	const char *job_id = u->request.job_id;
	struct weir_error why;
	struct progress *p;
	char tag[PROGRESS_JOB_MAX];
	if (progress_open(u->call->settings->redis_url, 1000, &p, &why) < 0)
		return;
	if (view_tag(u->ledger, job_id, tag, &why) < 0 ||
	    progress_set_total(p, tag, 1, submission_counts(u->submission)->items, &why) < 0)
		log_event(LOG_DEBUG, "not_counted", "job=%s error=\"%s\"", job_id, why.text);
	progress_close(p);
}

/* ---- the whole ---- */

static int show(const struct submit *u, struct outcome *o, struct weir_error *err)
{
	if (outcome_read(o, u->ledger, err) < 0)
		return -1;
	if (u->options->json)
		return outcome_print_json(o, err);
	outcome_print(o);
	return 0;
}

static enum command_status finish(struct submit *u, struct weir_error *err)
{
	const char *job_id = u->request.job_id;
	struct outcome o = {.job = &u->request.definition,
			    .counts = submission_counts(u->submission),
			    .skipped_file = u->options->skip_bad,
			    .waited = u->options->wait};
	if (submission_seal(u->submission, &o.already, err) < 0)
		return COMMAND_FAILED;
	submission_say_unread(u->submission);
	if (!o.already) /* counters of a job that has ended may have expired, and should */
		tell_total(u);
	if (o.waited && await_job(u->call->settings, u->ledger, job_id, u->options->timeout_ms,
				  &o.end, err) < 0)
		return strcmp(err->code, "paused") == 0 || strcmp(err->code, "timeout") == 0
			       ? COMMAND_NOT_ENDED
			       : COMMAND_FAILED;
	if (show(u, &o, err) < 0)
		return COMMAND_FAILED;
	if (o.waited && strcmp(o.end.status, "cancelled") == 0) {
		weir_fail(err, "cancelled", "the job %s was cancelled", job_id);
		return COMMAND_FAILED;
	}
	return o.end.failed > 0 ? COMMAND_ITEMS_FAILED : COMMAND_DONE;
}

/* The line can be kept in a file: what the kind tells of itself is beside it. */
static enum command_status print_sample(const struct submit *u, struct weir_error *err)
{
	const struct weir_plugin *p = &u->plugins[0].plugin;
	struct buffer text = BUFFER_INIT;
	kind_write_text(p, &text);
	bool failed = buffer_failed(&text);
	if (!failed)
		fwrite(text.data, 1, text.size, stderr);
	buffer_release(&text);
	printf("%s\n", p->sample ? p->sample : "");
	return failed ? (weir_fail_memory(err), COMMAND_FAILED) : COMMAND_DONE;
}

static enum command_status submit(struct submit *u, struct weir_error *err)
{
	struct request *r = &u->request;
	if (request_read(r, u->options, u->call->argc, u->call->argv, err) < 0 ||
	    open_plugins(u, err) < 0)
		return COMMAND_USAGE;
	if (u->options->sample)
		return print_sample(u, err);
	if (request_define(r, u->options, err) < 0 ||
	    stages_check_later(&r->stages, &u->lender.llm, (struct weir_text){NULL, 0}, err) < 0)
		return COMMAND_USAGE;
	if (reader_open(&u->reader, &r->input, u->call->settings->pg_url, u->plugins, err) < 0)
		return strcmp(err->code, "usage") == 0 ? COMMAND_USAGE : COMMAND_FAILED;
	if (open_submission(u, err) < 0 || copy_records(u, err) < 0)
		return COMMAND_FAILED;
	return finish(u, err);
}

/* Rows that are not in the order of their ids make two records of one. */
static void explain(const struct submit *u, struct weir_error *err)
{
	struct weir_error why = *err;
	if (reader_has_rows(&u->reader) && strcmp(why.code, "duplicate") == 0)
		weir_fail(err, why.code, "%.400s; the rows of a record have to follow each other",
			  why.text);
}

static enum command_status run(struct call *call)
{
	struct submit u = {.call = call, .options = call->config};
	struct weir_error why;
	enum command_status status = submit(&u, call->error);
	if (status == COMMAND_FAILED)
		explain(&u, call->error);
	if (close_all(&u, &why) < 0 && status == COMMAND_DONE) {
		*call->error = why;
		status = COMMAND_FAILED;
	}
	return status;
}

const struct command command_submit = {
	.name = "submit",
	.arguments = "[KIND[.STEP] [FILE|DIR|-]...] ",
	.summary = "write a job into the ledger, from files or the database",
	.help = "Reads items, checks them, and writes them into the ledger in aligned batches.\n"
		"A relay then publishes them. Input is JSON Lines (one object a line), or objects\n"
		"over several lines, one behind the other, or in an array; JSON files (one object\n"
		"a file, or as before); or CSV (with a header; lines end in LF, CRLF or CR; names\n"
		"of columns are trimmed, values are not). custom_id says what the item is and is\n"
		"unique in the job, table_name and record_id name the row it came from, context\n"
		"is laid over the job's context (in CSV a column context.NAME each), and all "
		"other\n"
		"fields are the payload. Or it is Markdown: files and folders, a document an "
		"item;\n"
		"its front matter may hold custom_id and context. A file that is an item and has\n"
		"no custom_id is named by its path.\n\n"
		"All of it is UTF-8, as it is or packed by gzip or zstd, which the first bytes\n"
		"tell. Several files, or folders with files of one format by their names, are one\n"
		"input, in the order of their names; each CSV file has its own header. What else\n"
		"is in a folder is left out, and counted. An item is at most 1 MiB. An input, or\n"
		"one file of several, without any item is an error unless --allow-empty is "
		"given.\n\n"
		"Not read, but named with what to do: workbooks (xlsx, xls, ods) and documents\n"
		"(docx, PDF, RTF), notebooks (ipynb), UTF-16 and UTF-32, archives (zip, tar, 7z)\n"
		"and other packing (bzip2, xz, lz4), databases and their dumps, Parquet and its\n"
		"like, HTML, XML and YAML. HTML, XML and JSON are no Markdown either. A .tsv or\n"
		".tab is CSV with tabs: quotes count, and \\t or \\n of PostgreSQL's COPY text "
		"are\n"
		"two characters.\n\n"
		"What a kind reads is told by weir kinds KIND; an item that has nothing of it is\n"
		"faulty, and so is a field of another type, or a table_name of a table that the\n"
		"kind does not write to. No text are null, blanks, and in any letters NULL, None,\n"
		"NaN, NA, N/A, <NA>, \\N, undefined, Excel's errors (#N/A, #REF!, #VALUE!, "
		"#NAME?,\n"
		"#DIV/0!, #NUM!, #NULL!), and [removed] or [deleted].\n\n"
		"CSV for a kind whose items have several rows (invoice: one a line item): rows\n"
		"of the same custom_id that follow each other are one item, and the custom_id\n"
		"stands in each. What belongs to the item as a whole is the same in all of its\n"
		"rows, or empty behind the first one. A row that cannot be read may belong to\n"
		"the item before it or to the one behind it: all three are faulty, so that no\n"
		"item lacks a row.\n\n"
		"  weir submit sentiment items.jsonl --job monday \\\n"
		"      --context model_key=sentiment --context ai_model=local\n"
		"  weir submit sentiment --from db --job all --context model_key=sentiment \\\n"
		"      --context ai_model=local --wait\n"
		"  weir submit content docs/ notes.md --context model_key=document_metadata \\\n"
		"      --context ai_model=local\n"
		"  weir submit idea ideas.jsonl --stage idea.title --stage idea.script \\\n"
		"      --context model_key=idea --context ai_model=NAME\n"
		"  weir submit invoice invoices/ more.json --context user_id=7\n"
		"  weir submit invoice lines.csv --context user_id=7 --skip-bad bad.csv\n"
		"  weir submit sentiment exports/ --format csv --separator ';' --id-hash \\\n"
		"      --context model_key=sentiment --context ai_model=local\n"
		"  weir submit --job-file job.json\n"
		"  weir submit sentiment --sample > items.jsonl\n\n"
		"Each stage is of a kind, and its step, where there is one, is in its context\n"
		"as \"step\". Items are checked as the first stage wants them.\n\n"
		"A faulty record stops it, naming the line or file: mend it and give the same\n"
		"command again, which continues; a job that exists with other settings is a\n"
		"conflict. Exit status, with --wait: 3 the job ended with failed items, 1 it was\n"
		"cancelled, 4 it has not ended: it is paused until a person has mended what the\n"
		"message says, or the time of --timeout is over (the job goes on).\n",
	.options = request_options,
	.config_size = sizeof(struct request_options),
	.least = 0,
	.most = INT_MAX,
	.needs = NEED_PG | NEED_AMQP | NEED_REDIS,
	.run = run,
};
