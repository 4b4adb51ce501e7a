#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "relay.h"
#include "source.h"
#include "submission.h"
#include "weir/clock.h"
#include "weir/log.h"

struct submit_options {
	char *job, *from, *format, *skip_bad;
	struct weir_list context;
	int64_t batch_size, wait, json, sample;
};

#define AT(field) offsetof(struct submit_options, field)

static const struct weir_option options[] = {
	{.name = "job",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(job),
	 .unit = "NAME",
	 .help = "The job's name, 1 to 64 of A-Z a-z 0-9 _ -. Given again it continues a submit "
		 "that broke off, if the input is the same. Not given: one is made up."},
	{.name = "context",
	 .type = WEIR_OPTION_LIST,
	 .offset = AT(context),
	 .unit = "KEY=VALUE",
	 .help = "A parameter that the items are processed under (model_key, ai_model, "
		 "custom_instructions, ...); may be given several times."},
	{.name = "from",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(from),
	 .unit = "db",
	 .help = "Read the rows of the kind's own tables instead of a file."},
	{.name = "format",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(format),
	 .unit = "jsonl|csv",
	 .help = "What the file is. Not given: csv when its name ends so, else jsonl."},
	{.name = "batch-size",
	 .type = WEIR_OPTION_INTEGER,
	 .offset = AT(batch_size),
	 .preset = "100",
	 .least = 1,
	 .most = BATCH_MAX,
	 .unit = "ITEMS",
	 .help = "Items that are written, published and marked together."},
	{.name = "skip-bad",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(skip_bad),
	 .unit = "FILE",
	 .help = "Write faulty records to this file and go on, instead of stopping at the first."},
	{.name = "wait",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(wait),
	 .preset = "0",
	 .help = "Publish the job without a relay, and wait until it has ended."},
	{.name = "json",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(json),
	 .preset = "0",
	 .help = "Print what was done as JSON."},
	{.name = "sample",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(sample),
	 .preset = "0",
	 .help = "Print a line of input that this kind takes, and do nothing else."},
	{.type = WEIR_OPTION_END},
};

/* ---- the parts of a submit ---- */

struct submit {
	struct call *call;
	const struct submit_options *options;
	const char *kind, *file; /* file NULL: standard input or none */
	char job[MESSAGE_NAME_MAX + 1];
	char *context;
	struct loaded_plugin plugin;
	struct weir_host host;
	struct ledger *ledger;
	struct submission *submission;
	const struct source_kind *source_kind;
	struct source *source;
	FILE *in, *skipped;
	int64_t said_us;
};

static void plugin_log(const struct weir_host *host, const char *event, const char *text)
{
	(void)host;
	log_event(LOG_INFO, event, "%s", text);
}

/* A submit only checks items: there is no work to complete and nothing to store. */
static int open_plugin(struct submit *u, struct weir_error *err)
{
	char dir[4096];
	if (loader_dir(u->call->settings->plugin_dir, dir, sizeof dir, err) < 0 ||
	    loader_load(dir, u->kind, &u->plugin, err) < 0)
		return -1;
	u->host = (struct weir_host){.abi_major = WEIR_ABI_MAJOR,
				     .abi_minor = WEIR_ABI_MINOR,
				     .struct_size = sizeof u->host,
				     .log = plugin_log,
				     .map_text = map_text,
				     .map_integer = map_integer,
				     .map_real = map_real};
	struct option_group group = loader_options(&u->plugin);
	if (options_parse(&group, 1, 0, NULL, NULL, err) < 0)
		return -1;
	return loader_open(&u->plugin, &u->host, err);
}

static void close_plugin(struct submit *u)
{
	struct option_group group = loader_options(&u->plugin);
	if (!u->plugin.library)
		return;
	options_release(&group, 1);
	loader_unload(&u->plugin);
}

static int make_context(struct submit *u, struct weir_error *err)
{
	json_t *all = json_object();
	for (size_t i = 0; i < u->options->context.size; i++) {
		const char *pair = u->options->context.items[i], *is = strchr(pair, '=');
		char key[65];
		if (!is || is == pair || is - pair > 64) {
			json_decref(all);
			return weir_fail(err, "usage",
					 "--context %.100s: KEY=VALUE is wanted, with a "
					 "key of at most 64 bytes",
					 pair);
		}
		snprintf(key, sizeof key, "%.*s", (int)(is - pair), pair);
		json_t *value = json_string(is + 1);
		if (!value || json_object_set_new(all, key, value) < 0) {
			json_decref(all);
			return weir_fail(err, "usage", "--context %.64s: the value is not UTF-8",
					 key);
		}
	}
	u->context = all ? json_dumps(all, JSON_COMPACT) : NULL;
	json_decref(all);
	return u->context ? 0 : weir_fail_memory(err);
}

static bool is_csv(const char *file)
{
	size_t n = file ? strlen(file) : 0;
	return n > 4 && strcmp(file + n - 4, ".csv") == 0;
}

static int choose_format(struct submit *u, struct weir_error *err)
{
	static const struct source_kind *const kinds[] = {&source_jsonl, &source_csv};
	const char *format = u->options->format;
	if (!format)
		format = is_csv(u->file) ? "csv" : "jsonl";
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i]->name, format) == 0)
			u->source_kind = kinds[i];
	if (u->source_kind)
		return 0;
	return weir_fail(err, "usage", "--format %.40s: jsonl or csv", format);
}

static int open_file(struct submit *u, struct weir_error *err)
{
	if (choose_format(u, err) < 0)
		return -1;
	u->in = u->file ? fopen(u->file, "re") : stdin;
	if (!u->in)
		return weir_fail(err, "input", "%.300s: %s", u->file, strerror(errno));
	return u->source_kind->open(u->in, &u->source, err);
}

static int open_source(struct submit *u, struct weir_error *err)
{
	if (!u->options->from)
		return open_file(u, err);
	if (strcmp(u->options->from, "db") != 0 || u->file)
		return weir_fail(err, "usage", "--from: only \"db\", and then without a file");
	if (!u->plugin.plugin.sources)
		return weir_fail(err, "usage", "the kind %s has no tables to read from", u->kind);
	u->source_kind = &source_postgres;
	return source_postgres_open(u->call->settings->pg_url, u->plugin.plugin.sources, &u->source,
				    err);
}

static void name_job(struct submit *u)
{
	time_t now = time(NULL);
	struct tm utc;
	if (u->options->job) {
		/* One byte too long stays too long: submission_open() then says so. */
		snprintf(u->job, sizeof u->job, "%s", u->options->job);
		return;
	}
	gmtime_r(&now, &utc);
	int n = snprintf(u->job, sizeof u->job, "%s-", u->kind);
	n += (int)strftime(u->job + n, sizeof u->job - (size_t)n, "%Y%m%d-%H%M%S", &utc);
	snprintf(u->job + n, sizeof u->job - (size_t)n, "-%d", (int)getpid());
}

/* Opening it for writing empties it: that must not be the input. */
static int open_skipped(struct submit *u, struct weir_error *err)
{
	struct stat in, out;
	const char *name = u->options->skip_bad;
	if (u->in && fstat(fileno(u->in), &in) == 0 && stat(name, &out) == 0 &&
	    in.st_dev == out.st_dev && in.st_ino == out.st_ino)
		return weir_fail(err, "skip_bad", "--skip-bad %.300s: that is the input", name);
	u->skipped = fopen(name, "we");
	return u->skipped ? 0 : weir_fail(err, "skip_bad", "%.300s: %s", name, strerror(errno));
}

static int open_submission(struct submit *u, struct weir_error *err)
{
	if (u->options->job && strlen(u->options->job) > MESSAGE_NAME_MAX)
		return weir_fail(err, "bad_name", "--job: at most %d bytes", MESSAGE_NAME_MAX);
	name_job(u);
	if (u->options->skip_bad && open_skipped(u, err) < 0)
		return -1;
	if (command_ledger(u->call, &u->ledger) < 0)
		return -1;
	struct submission_plan plan = {.ledger = u->ledger,
				       .plugin = &u->plugin,
				       .job_id = u->job,
				       .context = {u->context, strlen(u->context)},
				       .batch_size = (int)u->options->batch_size,
				       .skipped = u->skipped};
	return submission_open(&plan, &u->submission, err);
}

static int close_all(struct submit *u, struct weir_error *err)
{
	int rc = 0;
	submission_close(u->submission);
	if (u->source)
		u->source_kind->close(u->source);
	if (u->in && u->in != stdin)
		fclose(u->in);
	if (u->skipped && fclose(u->skipped) != 0)
		rc = weir_fail(err, "skip_bad", "%.300s: %s", u->options->skip_bad,
			       strerror(errno));
	ledger_close(u->ledger);
	close_plugin(u);
	free(u->context);
	return rc;
}

/* ---- reading and writing ---- */

static void say_progress(struct submit *u)
{
	int64_t now = clock_us();
	if (now - u->said_us < 2000000)
		return;
	if (u->said_us)
		fprintf(stderr, "weir: %" PRId64 " items written so far\n",
			submission_counts(u->submission)->items);
	u->said_us = now;
}

static int copy_records(struct submit *u, struct weir_error *err)
{
	struct source_record record;
	struct weir_error why;
	u->said_us = clock_us();
	for (;;) {
		if (command_stop)
			return weir_fail(err, "stopped",
					 "stopped; the same command with --job %s "
					 "continues",
					 u->job);
		switch (u->source_kind->next(u->source, &record, &why)) {
		case SOURCE_RECORD:
			if (submission_add(u->submission, &record, err) < 0)
				return -1;
			break;
		case SOURCE_BAD:
			if (submission_bad(u->submission, &record, &why, err) < 0)
				return -1;
			break;
		case SOURCE_END:
			return 0;
		case SOURCE_FAILED:
			return weir_fail(err, why.code, "%s", why.text);
		}
		say_progress(u);
	}
}

/* The counters' total; the relay sees to it too, should Redis be away just now. */
static void tell_total(struct submit *u)
{
	struct weir_error why;
	struct progress *p;
	if (progress_open(u->call->settings->redis_url, 1000, &p, &why) < 0)
		return;
	if (progress_set_total(p, u->job, 1, submission_counts(u->submission)->items, &why) < 0)
		log_event(LOG_DEBUG, "not_counted", "job=%s error=\"%s\"", u->job, why.text);
	progress_close(p);
}

/* ---- what was done ---- */

struct outcome {
	int64_t queued_batches, pending_batches, queued_items, pending_items;
	bool already;
};

static int read_outcome(struct submit *u, struct outcome *out, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	PGresult *r = NULL;
	params_string(&p, u->job);
	int rc = ledger_query(u->ledger,
			      "SELECT count(*) FILTER (WHERE status = 'queued'),"
			      " count(*) FILTER (WHERE status <> 'queued'),"
			      " coalesce(sum(size) FILTER (WHERE status = 'queued'), 0)::int8,"
			      " coalesce(sum(size) FILTER (WHERE status <> 'queued'), 0)::int8"
			      " FROM weir.job_batches WHERE job_id = $1",
			      &p, true, &r, err);
	params_release(&p);
	if (rc < 0)
		return -1;
	out->queued_batches = ledger_big(r, 0, 0);
	out->pending_batches = ledger_big(r, 0, 1);
	out->queued_items = ledger_big(r, 0, 2);
	out->pending_items = ledger_big(r, 0, 3);
	PQclear(r);
	return 0;
}

static void print_text(const struct submit *u, const struct outcome *o)
{
	const struct submission_counts *c = submission_counts(u->submission);
	printf("job %s: %" PRId64 " items in %" PRId64 " batches%s\n", u->job, c->items, c->batches,
	       o->already ? " (all of them were there already)" : "");
	if (!o->already && c->new_items != c->items)
		printf("  continued   %" PRId64 " items were there, %" PRId64 " are new\n",
		       c->items - c->new_items, c->new_items);
	if (u->skipped)
		printf("  skipped     %" PRId64 " bad records, in %s\n", c->skipped,
		       u->options->skip_bad);
	printf("  queued      %" PRId64 " batches, %" PRId64 " items\n", o->queued_batches,
	       o->queued_items);
	printf("  pending     %" PRId64 " batches, %" PRId64 " items (the relay queues them)\n",
	       o->pending_batches, o->pending_items);
}

static int print_json(const struct submit *u, const struct outcome *o, const char *status,
		      struct weir_error *err)
{
	const struct submission_counts *c = submission_counts(u->submission);
	json_t *all = json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "job_id", u->job, "kind",
		u->kind, "total_items", (json_int_t)c->items, "total_batches",
		(json_int_t)c->batches, "new_items", (json_int_t)c->new_items, "new_batches",
		(json_int_t)c->new_batches, "skipped", (json_int_t)c->skipped, "queued_batches",
		(json_int_t)o->queued_batches, "pending_batches", (json_int_t)o->pending_batches,
		"queued_items", (json_int_t)o->queued_items, "pending_items",
		(json_int_t)o->pending_items);
	if (all && status)
		json_object_set_new(all, "status", json_string(status));
	char *text = all ? json_dumps(all, 0) : NULL;
	json_decref(all);
	if (!text)
		return weir_fail_memory(err);
	printf("%s\n", text);
	free(text);
	return 0;
}

/* ---- waiting ---- */

static void say_waiting(const struct submit *u, const struct job_row *job, int64_t *said_us)
{
	int64_t now = clock_us();
	if (now - *said_us < 2000000)
		return;
	*said_us = now;
	fprintf(stderr, "weir: %s: %" PRId64 " of %" PRId64 " items are final\n", u->job,
		job->success + job->failed + job->cancelled, job->total);
}

/* Runs the relay's own functions for this job: so it also works where no relay runs. */
static int wait_for_end(struct submit *u, struct job_row *job, struct weir_error *err)
{
	static struct relay relay;
	const struct relay_options plan = {
		.batches = 10, .poll_ms = 500, .poison_limit = 3, .lost_after_ms = 600000};
	int64_t said_us = clock_us(), looked_us = 0;
	int rc = -1;
	if (relay_open(&relay, u->call->settings, &plan, u->job, &command_stop, err) < 0)
		return -1;
	for (;;) {
		relay_turn(&relay, 200);
		if (command_stop) {
			weir_fail(err, "stopped", "stopped waiting; the job goes on: weir watch %s",
				  u->job);
			break;
		}
		if (clock_us() - looked_us < 200000)
			continue;
		if (command_job(u->ledger, u->job, false, job, err) <= 0)
			break;
		looked_us = clock_us();
		if (job->ended) {
			rc = 0;
			break;
		}
		if (looked_us - said_us >= 2000000 &&
		    command_job(u->ledger, u->job, true, job, err) > 0)
			say_waiting(u, job, &said_us);
	}
	relay_close(&relay);
	return rc;
}

static enum command_status finish(struct submit *u, struct weir_error *err)
{
	struct outcome o = {0};
	struct job_row job = {.failed = 0};
	bool wait = u->options->wait;
	if (submission_seal(u->submission, &o.already, err) < 0)
		return COMMAND_FAILED;
	if (!o.already) /* counters of a job that has ended may have expired, and should */
		tell_total(u);
	if (wait && wait_for_end(u, &job, err) < 0)
		return COMMAND_FAILED;
	if (read_outcome(u, &o, err) < 0)
		return COMMAND_FAILED;
	if (u->options->json) {
		if (print_json(u, &o, wait ? job.status : NULL, err) < 0)
			return COMMAND_FAILED;
	} else {
		print_text(u, &o);
		if (wait)
			printf("  %-11s %" PRId64 " succeeded, %" PRId64 " failed\n", job.status,
			       job.success, job.failed);
	}
	return wait && job.failed > 0 ? COMMAND_ITEMS_FAILED : COMMAND_DONE;
}

static enum command_status submit(struct submit *u, struct weir_error *err)
{
	if (open_plugin(u, err) < 0)
		return COMMAND_USAGE;
	if (u->options->sample) {
		printf("%s\n", u->plugin.plugin.sample ? u->plugin.plugin.sample : "");
		return COMMAND_DONE;
	}
	if (make_context(u, err) < 0)
		return COMMAND_USAGE;
	if (open_source(u, err) < 0)
		return strcmp(err->code, "usage") == 0 ? COMMAND_USAGE : COMMAND_FAILED;
	if (open_submission(u, err) < 0 || copy_records(u, err) < 0)
		return COMMAND_FAILED;
	return finish(u, err);
}

static enum command_status run(struct call *call)
{
	struct submit u = {.call = call, .options = call->config, .kind = call->argv[0]};
	struct weir_error why;
	if (call->argc > 1 && strcmp(call->argv[1], "-") != 0)
		u.file = call->argv[1];
	enum command_status status = submit(&u, call->error);
	if (close_all(&u, &why) < 0 && status == COMMAND_DONE) {
		*call->error = why;
		status = COMMAND_FAILED;
	}
	return status;
}

const struct command command_submit = {
	.name = "submit",
	.arguments = "KIND [FILE|-] ",
	.summary = "write a job into the ledger, from a file or the database",
	.help = "Reads items, checks them, and writes them into the ledger in aligned batches. A\n"
		"relay then publishes them. Input is JSON Lines (one object a line) or CSV (with "
		"a\n"
		"header): custom_id says what the item is and is unique in the job, table_name "
		"and\n"
		"record_id name the row it came from, context is laid over the job's context, and\n"
		"all other fields are the payload.\n\n"
		"  weir submit sentiment items.jsonl --job monday \\\n"
		"      --context model_key=sentiment --context ai_model=local\n"
		"  weir submit sentiment --from db --job all --context model_key=sentiment \\\n"
		"      --context ai_model=local --wait\n"
		"  weir submit sentiment --sample\n\n"
		"A faulty record stops it, naming the line: mend it and give the same command "
		"again,\n"
		"which continues. Exit status 3: with --wait, the job ended with failed items.\n",
	.options = options,
	.config_size = sizeof(struct submit_options),
	.least = 1,
	.most = 2,
	.needs = NEED_PG | NEED_AMQP | NEED_REDIS,
	.run = run,
};
