#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "meter.h"
#include "view.h"
#include "weir/clock.h"
#include "weir/process.h"

#define DRAW_US 200000	/* on a terminal */
#define LINE_US 2000000 /* elsewhere */
#define LOOK_US 1000000 /* between two looks at whether the job has ended */
#define SHARE 20	/* counting in the ledger takes at most one part in so many of the time */
#define REOPEN_US 2000000
#define INTERRUPTED ((enum command_status)130) /* as a shell says it: 128 + SIGINT */

struct watch_config {
	int64_t wait_for_job, timeout_ms;
};

#define AT(field) offsetof(struct watch_config, field)

static const struct weir_option options[] = {
	{.name = "wait-for-job",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(wait_for_job),
	 .preset = "0",
	 .help = "When there is no such job yet, wait for it to be submitted."},
	{.name = "timeout",
	 .type = WEIR_OPTION_TIME,
	 .offset = AT(timeout_ms),
	 .preset = "0s",
	 .help = "Give up after this time, with exit status 1; 0s: never."},
	{.type = WEIR_OPTION_END},
};

struct watch {
	struct call *call;
	const struct watch_config *config;
	const char *job_id;
	struct viewer viewer; /* its ledger is NULL while that is away */
	struct job_view job;
	int64_t stage;	    /* that the job is in */
	struct meter meter; /* of that stage */
	bool found, terminal, colour;
	int64_t began_us, look_at_us, count_at_us, draw_at_us;
	int64_t drawn; /* the processed items of the last plain line */
	char drawn_status[16];
	struct buffer line, reason;
};

/* ---- showing ---- */

static bool colours_wanted(void)
{
	const char *no = getenv("NO_COLOR");
	return !no || !*no;
}

static bool is_terminal(void)
{
	const char *term = getenv("TERM");
	return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
}

static int columns(void)
{
	struct winsize size;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return 80;
}

static void put(struct watch *w, const char *before, const char *after)
{
	const char *text = buffer_text(&w->line);
	printf("%s%s%s", before, text ? text : "", after);
	fflush(stdout);
}

/* What is shown: the stage that the job is in, or the job when it has no others. */
struct shown {
	int64_t total, done, failed;
	char stage[128]; /* "": there is only one */
};

static struct shown shown(const struct job_view *job)
{
	const struct stage_view *s = view_current(job);
	struct shown now = {.total = job->total, .done = job->processed, .failed = job->failed};
	if (!s || job->stage_count < 2)
		return now;
	now = (struct shown){.total = s->total, .done = s->total - s->pending, .failed = s->failed};
	snprintf(now.stage, sizeof now.stage, "stage %" PRId64 "/%d %s%s%s", s->stage,
		 job->stage_count, s->kind, *s->step ? "." : "", s->step);
	return now;
}

static const char *paused_note(struct watch *w)
{
	if (!*w->job.pause_reason)
		return "`weir resume` goes on";
	buffer_reset(&w->reason);
	print_plain(&w->reason, print_text(w->job.pause_reason));
	buffer_add_text(&w->reason, "; `weir resume` goes on");
	return buffer_text(&w->reason);
}

static const char *note(struct watch *w)
{
	if (!w->viewer.ledger)
		return "the ledger is away";
	if (strcmp(w->job.status, "paused") == 0)
		return paused_note(w);
	if (w->job.remote_waiting > 0 && w->job.pending == w->job.remote_waiting)
		return "all that is left is with its provider, in batches";
	return w->job.retries_waiting > 0 && w->job.pending == w->job.retries_waiting
		       ? "all that is left waits for its next attempt"
		       : NULL;
}

static void draw(struct watch *w, const struct shown *now)
{
	const struct job_view *job = &w->job;
	struct progress_line line = {.job_id = job->job_id,
				     .status = job->status,
				     .total = now->total,
				     .done = now->done,
				     .failed = now->failed,
				     .sealed = job->sealed,
				     .rate = meter_rate(&w->meter),
				     .stage = *now->stage ? now->stage : NULL,
				     .note = note(w)};
	buffer_reset(&w->line);
	progress_line(&line, w->terminal ? columns() : 0, w->colour, &w->line);
	if (w->terminal)
		put(w, "\r", "\x1b[K");
	else
		put(w, "", "\n");
	w->drawn = now->done;
	memcpy(w->drawn_status, job->status, sizeof w->drawn_status);
}

/* Counts what was done by now; a stage of its own begins a rate of its own. */
static struct shown measure(struct watch *w, int64_t now_us)
{
	const struct stage_view *s = view_current(&w->job);
	struct shown now = shown(&w->job);
	if (s && s->stage != w->stage) {
		w->stage = s->stage;
		w->meter = (struct meter){0};
		w->drawn = -1;
	}
	meter_add(&w->meter, now_us, now.done);
	return now;
}

static void draw_when_due(struct watch *w)
{
	int64_t now_us = clock_us();
	if (!w->found || now_us < w->draw_at_us)
		return;
	struct shown now = measure(w, now_us);
	w->draw_at_us = now_us + (w->terminal ? DRAW_US : LINE_US);
	if (w->terminal || now.done != w->drawn || strcmp(w->drawn_status, w->job.status) != 0)
		draw(w, &now);
}

static void show_end(struct watch *w)
{
	const struct job_view *job = &w->job;
	struct shown now = measure(w, clock_us());
	if (w->terminal)
		draw(w, &now);
	buffer_reset(&w->line);
	buffer_printf(&w->line,
		      "%s %s: %" PRId64 " success, %" PRId64 " failed, %" PRId64
		      " cancelled of %" PRId64 " items",
		      job->job_id, job->status, job->success, job->failed, job->cancelled,
		      job->total);
	if (job->seconds > 0) {
		buffer_add_text(&w->line, " in ");
		print_duration(&w->line, job->seconds);
	}
	put(w, w->terminal ? "\n" : "", "\n");
}

/* ---- looking ---- */

static int no_ledger(struct watch *w)
{
	ledger_close(w->viewer.ledger);
	w->viewer.ledger = NULL;
	w->look_at_us = clock_us() + REOPEN_US;
	return 0;
}

/* A ledger that went away is waited for: the job goes on without us. */
static int reopen_ledger(struct watch *w)
{
	if (viewer_open_ledger(w->call, &w->viewer.ledger) == 0)
		return 0;
	w->viewer.ledger = NULL;
	return no_ledger(w);
}

static int failed(struct watch *w)
{
	return ledger_fault(w->viewer.ledger) == LEDGER_BUSY ? no_ledger(w) : -1;
}

static bool is_live(const struct watch *w)
{
	return w->found && w->viewer.progress && w->job.stage_count > 0 &&
	       strcmp(w->job.source, "redis") == 0;
}

/* Until the next count, unless Redis tells of a change. The end of the job is no change of its
 * counts: once all of its items are done it is asked for often. */
static int64_t pause_us(const struct watch *w, int64_t took)
{
	if (is_live(w))
		return w->job.pending > 0 ? LOOK_US : DRAW_US;
	return took * SHARE > DRAW_US ? took * SHARE : DRAW_US;
}

/* Counts anew: cheap with Redis, but in the ledger it costs the more the larger the job is. */
static int count(struct watch *w)
{
	int64_t began = clock_us();
	struct job_view job;
	int found = view_job(&w->viewer, w->job_id, &job, w->call->error);
	if (found < 0)
		return failed(w);
	if (found) {
		job_view_release(&w->job);
		w->job = job;
	}
	if (found == 0 && w->found)
		return weir_fail(w->call->error, "unknown_job", "the job was deleted");
	if (found == 0 && !w->config->wait_for_job)
		return view_no_job(w->job_id, w->call->error);
	w->found = found == 1;
	w->count_at_us = clock_us() + pause_us(w, clock_us() - began);
	w->look_at_us = clock_us() + LOOK_US;
	return 0;
}

/* Between two counts that are far apart: has it ended, was it paused? */
static int look(struct watch *w)
{
	struct job_row row;
	int found = command_job(w->viewer.ledger, w->job_id, false, &row, w->call->error);
	if (found < 0)
		return failed(w);
	w->look_at_us = clock_us() + LOOK_US;
	return found == 0 || row.ended || strcmp(row.status, w->job.status) != 0 ? count(w) : 0;
}

/* Without the ledger there is still what Redis knows. */
static void count_live(struct watch *w)
{
	struct progress_counts live;
	struct weir_error ignored;
	bool known;
	struct stage_view *s = view_current(&w->job);
	if (!s || !w->viewer.progress ||
	    progress_read(w->viewer.progress, w->job.tag, (uint32_t)s->stage, &known, &live,
			  &ignored) < 0 ||
	    !known)
		return;
	int64_t done = live.success + live.failed + live.cancelled;
	if (done > s->total || done < s->total - s->pending)
		return;
	s->pending = s->total - done;
	s->failed = live.failed;
	if (w->job.stage_count == 1) {
		w->job.processed = done;
		w->job.failed = live.failed;
	}
}

static int refresh(struct watch *w)
{
	int64_t now = clock_us();
	if (!w->viewer.ledger) {
		count_live(w);
		return now >= w->look_at_us ? reopen_ledger(w) : 0;
	}
	if (now >= w->count_at_us)
		return count(w);
	return now >= w->look_at_us ? look(w) : 0;
}

/* ---- waiting ---- */

static int64_t next_us(const struct watch *w)
{
	int64_t next = w->look_at_us;
	if (w->viewer.ledger && w->count_at_us < next)
		next = w->count_at_us;
	return next;
}

static int ms_until(int64_t at_us)
{
	int64_t left = (at_us - clock_us() + 999) / 1000;
	return left < 0 ? 0 : left > 1000 ? 1000 : (int)left;
}

/* Redis tells of changes, maybe hundreds in a second: a pause before each wait keeps us from
 * answering every one. When Redis is away there is the polling. */
static void await_change(struct watch *w)
{
	struct weir_error ignored;
	bool changed = false, live = w->viewer.ledger && is_live(w);
	if (live)
		poll(NULL, 0, ms_until(clock_us() + DRAW_US));
	if (command_stop)
		return;
	if (!live ||
	    progress_watch(w->viewer.progress, w->job.tag, (uint32_t)view_current(&w->job)->stage,
			   ms_until(next_us(w)), &changed, &ignored) < 0)
		poll(NULL, 0, ms_until(next_us(w)));
	if (changed)
		w->count_at_us = clock_us();
}

static bool is_over(const struct watch *w)
{
	return w->config->timeout_ms > 0 &&
	       clock_us() - w->began_us >= w->config->timeout_ms * 1000;
}

static enum command_status ended(const struct watch *w)
{
	if (strcmp(w->job.status, "cancelled") == 0) {
		weir_fail(w->call->error, "cancelled", "job %s was cancelled", w->job_id);
		return COMMAND_FAILED;
	}
	return w->job.failed > 0 ? COMMAND_ITEMS_FAILED : COMMAND_DONE;
}

static enum command_status watch_job(struct watch *w)
{
	while (!command_stop && !process_has_no_reader()) {
		if (refresh(w) < 0)
			return COMMAND_FAILED;
		if (w->found && w->job.ended)
			return ended(w);
		draw_when_due(w);
		if (is_over(w)) {
			weir_fail(w->call->error, "timeout", "job %s has not ended in time",
				  w->job_id);
			return COMMAND_FAILED;
		}
		await_change(w);
	}
	return command_stop ? INTERRUPTED : COMMAND_DONE;
}

static enum command_status run(struct call *call)
{
	struct watch w = {.call = call,
			  .config = call->config,
			  .job_id = call->argv[0],
			  .terminal = is_terminal(),
			  .began_us = clock_us(),
			  .drawn = -1};
	w.colour = w.terminal && colours_wanted();
	if (viewer_open(call, &w.viewer) < 0)
		return COMMAND_FAILED;
	enum command_status status = watch_job(&w);
	if (w.found && w.job.ended)
		show_end(&w);
	else if (w.terminal && w.found)
		putchar('\n');
	viewer_close(&w.viewer);
	job_view_release(&w.job);
	buffer_release(&w.line);
	buffer_release(&w.reason);
	return status;
}

const struct command command_watch = {
	.name = "watch",
	.arguments = "JOB ",
	.summary = "shows a job's progress live, until it has ended",
	.help = "On a terminal: one line with a bar, the rate over the last ten seconds, and\n"
		"the time that is left. Elsewhere: a line every two seconds in which\n"
		"something has changed, and one at the end. Redis tells when to look; when it\n"
		"is away the ledger is asked. Of a job with several stages the one that it is\n"
		"in is shown. A paused job is waited for, and the line says that it is paused, and "
		"why.\n\n"
		"  weir watch first\n"
		"  weir watch first --timeout 10m && weir report first\n"
		"  weir watch nightly --wait-for-job > nightly.log\n\n"
		"Exit status: 0 the job ended and no item has failed, 3 it ended and some\n"
		"have, 1 it was cancelled, there is no such job, or the time was over, 130\n"
		"interrupted (the job goes on).\n",
	.options = options,
	.config_size = sizeof(struct watch_config),
	.least = 1,
	.most = 1,
	.needs = NEED_PG,
	.run = run,
};
