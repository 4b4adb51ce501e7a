#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "view.h"

#define CLASSES_SHOWN 10
#define IDLE_SHOWN_S 10 /* a shorter pause of a submit is none */

struct status_config {
	int64_t limit, json;
};

#define AT(field) offsetof(struct status_config, field)

static const struct weir_option options[] = {
	{.name = "limit",
	 .type = WEIR_OPTION_INTEGER,
	 .offset = AT(limit),
	 .preset = "20",
	 .least = 1,
	 .most = 10000,
	 .unit = "JOBS",
	 .help = "How many jobs to list."},
	{.name = "json",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(json),
	 .preset = "0",
	 .help = "Print JSON: an object for JOB, else an array of such objects."},
	{.type = WEIR_OPTION_END},
};

static const char latest_jobs[] =
	"SELECT job_id FROM weir.jobs ORDER BY created_at DESC, job_id LIMIT $1";

static int print(struct buffer *b, struct weir_error *err)
{
	if (buffer_failed(b))
		return weir_fail_memory(err);
	fwrite(b->data, 1, b->size, stdout);
	return 0;
}

/* ---- the list ---- */

static const char list_head[] =
	"JOB                      KIND         STATUS         TOTAL    SUCCESS     FAILED  "
	"CANCELLED    PENDING  DONE %    ITEMS/S  AGE\n";

static void list_row(const struct job_view *job, struct buffer *b)
{
	int64_t permille = job->total > 0 ? job->processed * 1000 / job->total : 0;
	buffer_printf(b,
		      "%-24s %-12s %-9s %10" PRId64 " %10" PRId64 " %10" PRId64 " %10" PRId64
		      " %10" PRId64 " %5d.%d ",
		      job->job_id, job->kind, job->purged ? "purging" : job->status, job->total,
		      job->success, job->failed, job->cancelled, job->pending, (int)(permille / 10),
		      (int)(permille % 10));
	struct buffer rate = BUFFER_INIT;
	if (!print_real(&rate, job->rate, job->rate < 10 ? 1 : 0))
		buffer_add_char(&rate, '-');
	const char *text = buffer_text(&rate);
	buffer_printf(b, "%10s  ", text ? text : "");
	buffer_release(&rate);
	print_duration(b, job->age);
	buffer_add_char(b, '\n');
}

static void list_json(const struct job_view *job, struct buffer *b)
{
	buffer_add_char(b, '{');
	fields_json(job_view_fields, job, b);
	json_close(b, '}');
}

/* Each reason once, with the first of the jobs that it holds up. */
static void note_obstacle(const struct job_view *job, struct buffer *notes)
{
	struct buffer line = BUFFER_INIT;
	print_plain(&line, print_text(job->obstacle));
	const char *text = buffer_text(&line), *before = buffer_text(notes);
	if (*job->obstacle && text && !(before && strstr(before, text)))
		buffer_printf(notes, "waiting  %s: %s\n", job->job_id, text);
	buffer_release(&line);
}

static int list_job(struct viewer *v, const char *job_id, bool json, struct buffer *b,
		    struct buffer *notes, struct weir_error *err)
{
	struct job_view job;
	int found = view_job(v, job_id, &job, err);
	if (found <= 0)
		return found;
	int rc = view_fleet(v, &job, err);
	if (rc == 0) {
		(json ? list_json : list_row)(&job, b);
		note_obstacle(&job, notes);
	}
	job_view_release(&job);
	return rc;
}

/* Behind the jobs: why some do not move, and who is at work. */
static int list_end(const struct viewer *v, const struct buffer *notes, struct buffer *b,
		    struct weir_error *err)
{
	buffer_add(b, notes->data, notes->size);
	buffer_add_text(b, "fleet    ");
	int rc = fleet_line(v->ledger, b, err);
	buffer_add_char(b, '\n');
	return rc;
}

static int list_jobs(struct viewer *v, const PGresult *jobs, bool json, struct buffer *b,
		     struct weir_error *err)
{
	struct buffer notes = BUFFER_INIT;
	int rc = 0;
	for (int i = 0; rc == 0 && i < PQntuples(jobs) && !command_stop; i++)
		rc = list_job(v, PQgetvalue(jobs, i, 0), json, b, &notes, err);
	if (rc == 0 && !json)
		rc = list_end(v, &notes, b, err);
	buffer_release(&notes);
	return rc;
}

static int show_list(struct viewer *v, const struct status_config *config, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	struct buffer b = BUFFER_INIT;
	PGresult *jobs = NULL;
	params_big(&p, config->limit);
	int rc = ledger_query(v->ledger, latest_jobs, &p, true, &jobs, err);
	params_release(&p);
	if (rc < 0)
		return -1;
	buffer_add_text(&b, config->json ? "[" : PQntuples(jobs) ? list_head : "no jobs yet\n");
	rc = list_jobs(v, jobs, config->json, &b, err);
	if (config->json)
		json_end(&b, ']');
	PQclear(jobs);
	if (rc == 0)
		rc = print(&b, err);
	buffer_release(&b);
	return rc;
}

/* ---- one job ---- */

static void detail_json(const struct job_view *job, const struct batch_counts *batches,
			const PGresult *classes, struct buffer *b)
{
	buffer_add_char(b, '{');
	fields_json(job_view_fields, job, b);
	json_key(b, "batches");
	buffer_add_char(b, '{');
	fields_json(batch_counts_fields, batches, b);
	json_close(b, '}');
	json_key(b, "errors");
	buffer_add_char(b, '[');
	for (int i = 0; i < PQntuples(classes); i++) {
		buffer_add_char(b, '{');
		json_text(b, "class", ledger_text(classes, i, 0));
		json_count(b, "items", ledger_big(classes, i, 1));
		json_close(b, '}');
	}
	json_close(b, ']');
	json_key(b, "by_stage");
	buffer_add_char(b, '[');
	for (int i = 0; i < job->stage_count; i++) {
		buffer_add_char(b, '{');
		fields_json(stage_view_fields, &job->stages[i], b);
		json_close(b, '}');
	}
	json_close(b, ']');
	json_end(b, '}');
}

static void detail_pace(const struct job_view *job, struct buffer *b)
{
	if (!(job->seconds >= 0))
		return;
	buffer_add_text(b, "time       ");
	print_duration(b, job->seconds);
	if (job->rate > 0) {
		buffer_add_text(b, ", ");
		print_real(b, job->rate, job->rate < 10 ? 2 : 0);
		buffer_add_text(b, " items/s");
	}
	buffer_add_char(b, '\n');
}

static void detail_retries(const struct job_view *job, struct buffer *b)
{
	if (job->retries_waiting == 0)
		return;
	buffer_printf(b, "retries    %" PRId64 " waiting, ", job->retries_waiting);
	if (!*job->next_retry_at || strcmp(job->status, "paused") == 0)
		buffer_add_text(b, "for the job to be resumed\n");
	else if (!(job->next_retry > 0))
		buffer_add_text(b, "the next is due\n");
	else {
		buffer_add_text(b, "the next is due in ");
		print_duration(b, job->next_retry);
		buffer_printf(b, " (%s)\n", job->next_retry_at);
	}
}

static void detail_remote(const struct job_view *job, struct buffer *b)
{
	if (job->remote_waiting > 0)
		buffer_printf(b,
			      "remote     %" PRId64
			      " waiting for their provider, which has %" PRId64
			      " of their batches\n",
			      job->remote_waiting, job->remote_batches);
}

static void detail_limits(const struct job_view *job, struct buffer *b)
{
	buffer_printf(b, "attempts   at most %" PRId64 ", the second after ", job->max_attempts);
	print_duration(b, job->backoff);
	buffer_add_text(b, ", each later one after ");
	print_real(b, job->backoff_factor, 2);
	buffer_add_text(b, " times as long, up to ");
	print_duration(b, job->backoff_cap);
	buffer_add_char(b, '\n');
	if (job->max_concurrent > 0) {
		buffer_add_text(b, "limit      ");
		print_real(b, job->max_concurrent, 0);
		buffer_add_text(b, " items at a time\n");
	}
}

/* What the state means, where the word alone does not say it. */
static const char *remark(const struct job_view *job)
{
	if (job->purged)
		return " (being purged: its rows are being deleted)";
	if (strcmp(job->status, "paused") == 0)
		return " (nothing more is begun; `weir resume` goes on)";
	if (strcmp(job->status, "cancelled") == 0 && !job->ended)
		return " (what is left is being cancelled)";
	return job->sealed ? "" : " (still being submitted)";
}

/* Since when nothing has come, and what to do where nobody is at it. */
static void detail_submission(const struct job_view *job, struct buffer *b)
{
	if (job->sealed || job->ended || (job->submitting && job->idle < IDLE_SHOWN_S))
		return;
	buffer_add_text(b, "submit     nothing has come for ");
	print_duration(b, job->idle);
	if (!job->submitting)
		buffer_printf(b, ", and nobody is at it: give the same `weir submit` again, or %s",
			      job->total > 0 ? "`weir cancel`" : "`weir purge`");
	buffer_add_char(b, '\n');
}

static void detail_text(const struct job_view *job, const struct batch_counts *batches,
			const PGresult *classes, struct buffer *b)
{
	buffer_printf(b, "job        %s\nkind       %s\nstatus     %s%s\n", job->job_id, job->kind,
		      job->status, remark(job));
	buffer_printf(b,
		      "items      %" PRId64 ": %" PRId64 " success, %" PRId64 " failed, %" PRId64
		      " cancelled, %" PRId64 " pending (counted by %s)\n",
		      job->total, job->success, job->failed, job->cancelled, job->pending,
		      strcmp(job->source, "redis") == 0 ? "Redis" : "the ledger");
	for (int i = 0; i < job->stage_count && job->stage_count > 1; i++) {
		print_stage(&job->stages[i], NAN, b);
		buffer_add_char(b, '\n');
	}
	buffer_printf(b,
		      "batches    %" PRId64 ": %" PRId64 " waiting to be queued, %" PRId64
		      " queued, %" PRId64 " done\n",
		      batches->total, batches->pending_queue, batches->queued, batches->done);
	detail_submission(job, b);
	detail_retries(job, b);
	detail_remote(job, b);
	print_reason("because    ", job->obstacle, b);
	if (strcmp(job->status, "paused") != 0)
		print_reason("because    ", job->waiting_error, b);
	if (job->relays + job->consumers > 0)
		buffer_printf(b,
			      "at work    relays %" PRId64 ", consumers of its kind %" PRId64 "\n",
			      job->relays, job->consumers);
	detail_limits(job, b);
	detail_pace(job, b);
	buffer_printf(b, "submitted  %s\n", job->created_at);
	if (*job->started_at)
		buffer_printf(b, "started    %s\n", job->started_at);
	if (*job->paused_at)
		buffer_printf(b, "paused     %s\n", job->paused_at);
	print_reason("reason     ", job->pause_reason, b);
	if (*job->completed_at)
		buffer_printf(b, "ended      %s\n", job->completed_at);
	if (PQntuples(classes) > 0) {
		buffer_add_text(b, "failures   ");
		print_classes(classes, b);
		buffer_add_char(b, '\n');
	}
}

static int show_found(const struct viewer *v, const struct job_view *job, bool json,
		      struct weir_error *err)
{
	struct batch_counts batches;
	struct buffer b = BUFFER_INIT;
	PGresult *classes = NULL;
	if (view_batches(v->ledger, job->job_id, &batches, err) < 0 ||
	    view_classes(v->ledger, job->job_id, job->failed > 0 ? CLASSES_SHOWN : 0, &classes,
			 err) < 0)
		return -1;
	(json ? detail_json : detail_text)(job, &batches, classes, &b);
	PQclear(classes);
	int rc = print(&b, err);
	buffer_release(&b);
	return rc;
}

static int show_job(struct viewer *v, const char *job_id, bool json, struct weir_error *err)
{
	struct job_view job;
	int found = view_job(v, job_id, &job, err);
	if (found == 0)
		view_no_job(job_id, err);
	if (found != 1)
		return -1;
	int rc = view_fleet(v, &job, err);
	if (rc == 0)
		rc = show_found(v, &job, json, err);
	job_view_release(&job);
	return rc;
}

static enum command_status run(struct call *call)
{
	const struct status_config *config = call->config;
	struct viewer v;
	if (viewer_open(call, &v) < 0)
		return COMMAND_FAILED;
	int rc = call->argc ? show_job(&v, call->argv[0], config->json, call->error)
			    : show_list(&v, config, call->error);
	viewer_close(&v);
	return rc < 0 ? COMMAND_FAILED : COMMAND_DONE;
}

const struct command command_status = {
	.name = "status",
	.arguments = "[JOB] ",
	.summary = "lists the latest jobs, or tells how far one is",
	.help = "Without JOB: the latest jobs, a line each. With JOB: its items and batches\n"
		"by state, its stages, what waits and why, limits, and why items have failed.\n"
		"Both tell who is at work (each relay and consumer says so every few seconds), "
		"and\n"
		"where a job waits for somebody who is not: as \"obstacle\" in JSON.\n\n"
		"While a job is at work its counts come from Redis; when that is away, or has\n"
		"lost them, from the ledger. JSON says which, as \"source\". Always: success +\n"
		"failed + cancelled + pending = total. An item of the job is a success when it\n"
		"is one in the last stage, and failed when it is in any.\n\n"
		"  weir status                       # the latest 20\n"
		"  weir status first                 # one job\n"
		"  weir status first --json | jq .pending\n",
	.options = options,
	.config_size = sizeof(struct status_config),
	.most = 1,
	.needs = NEED_PG,
	.run = run,
};
