#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "results.h"
#include "weir/process.h"

#define LOOK_MS 300    /* between two looks at a job that is followed */
#define REOPEN_MS 1000 /* between two tries to reach the ledger */
#define PORTION 1000   /* batches */
#define WORTH_A_WRITE 65536
#define INTERRUPTED ((enum command_status)130) /* as a shell says it: 128 + SIGINT */

struct results_config {
	int64_t follow, failed;
};

#define AT(field) offsetof(struct results_config, field)

static const struct weir_option options[] = {
	{.name = "follow",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(follow),
	 .preset = "0",
	 .help = "Go on with each item as it ends, until the job has ended."},
	{.name = "failed",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(failed),
	 .preset = "0",
	 .help = "Only items that have failed."},
	{.type = WEIR_OPTION_END},
};

/* A stage's batches: how many of each one's items were final when it was looked at. */
struct seen {
	uint16_t *done;
	int32_t room;
	int32_t first; /* all before it are done with */
};

struct printer {
	struct call *call;
	const struct results_config *config;
	struct ledger *ledger; /* NULL: away */
	struct results_job job;
	struct buffer lines;
	int32_t waiting[RESULTS_LINES]; /* items whose lines are to be read */
	size_t waiting_count;
	unsigned char *printed; /* a bit an item; only of a job that is followed */
	size_t printed_size;
	struct seen *stages;
	int32_t stage_count;
	bool no_reader; /* of what we write: that is an end like any other */
};

/* ---- what was printed ---- */

static bool was_printed(const struct printer *p, int32_t ordinal)
{
	size_t byte = (size_t)ordinal / 8;
	return byte < p->printed_size && p->printed[byte] >> ordinal % 8 & 1;
}

static int remember(struct printer *p, int32_t ordinal, struct weir_error *err)
{
	size_t byte = (size_t)ordinal / 8;
	if (!p->config->follow)
		return 0;
	if (byte >= p->printed_size) {
		size_t size = 2 * byte + 1024;
		unsigned char *bits = realloc(p->printed, size);
		if (!bits)
			return weir_fail_memory(err);
		memset(bits + p->printed_size, 0, size - p->printed_size);
		p->printed = bits;
		p->printed_size = size;
	}
	p->printed[byte] = (unsigned char)(p->printed[byte] | 1u << ordinal % 8);
	return 0;
}

/* ---- printing ---- */

static int put(struct printer *p, struct weir_error *err)
{
	errno = 0;
	bool good = fwrite(p->lines.data, 1, p->lines.size, stdout) == p->lines.size &&
		    fflush(stdout) == 0;
	int why = errno;
	buffer_reset(&p->lines);
	if (good)
		return 0;
	p->no_reader = why == EPIPE;
	process_forget_output();
	return weir_fail(err, "output", "standard output: %s", strerror(why));
}

/* Prints the items that are waiting for it. */
static int print_waiting(struct printer *p, struct weir_error *err)
{
	bool shown[RESULTS_LINES];
	if (p->waiting_count == 0)
		return 0;
	if (results_lines(p->ledger, &p->job, p->waiting, p->waiting_count, &p->lines, shown, err) <
	    0)
		return -1;
	for (size_t i = 0; i < p->waiting_count; i++)
		if (shown[i] && remember(p, p->waiting[i], err) < 0)
			return -1;
	p->waiting_count = 0;
	return p->lines.size < WORTH_A_WRITE ? 0 : put(p, err);
}

static int found(void *ctx, int32_t ordinal, struct weir_error *err)
{
	struct printer *p = ctx;
	if (was_printed(p, ordinal))
		return 0;
	p->waiting[p->waiting_count++] = ordinal;
	return p->waiting_count < RESULTS_LINES ? 0 : print_waiting(p, err);
}

static struct results_filter filter(struct printer *p)
{
	return (struct results_filter){.failed = p->config->failed, .found = found, .ctx = p};
}

/* The end of a round: nothing waits any more. */
static int print_rest(struct printer *p, struct weir_error *err)
{
	if (print_waiting(p, err) < 0)
		return -1;
	return p->lines.size ? put(p, err) : 0;
}

/* All that have ended, and were not printed. */
static int print_all(struct printer *p, struct weir_error *err)
{
	struct results_filter f = filter(p);
	for (int32_t from = 0; from < p->job.ordinals; from += RESULTS_RANGE) {
		if (command_stop)
			return weir_fail(err, "interrupted", "interrupted");
		if (results_in_range(p->ledger, &p->job, from, &f, err) < 0)
			return -1;
	}
	return print_rest(p, err);
}

/* ---- following ---- */

/* Batches of a stage, from one on, of which items are final. */
static const char count_batches[] =
	"SELECT n, (success + failed + cancelled)::int4, size::int4 FROM weir.job_batches"
	" WHERE job_id = $1 AND stage = $2 AND n >= $3 AND success + failed + cancelled > 0"
	" ORDER BY n LIMIT $4";

static int make_room(struct seen *s, int32_t n, struct weir_error *err)
{
	if (n < s->room)
		return 0;
	int32_t room = 2 * n + 64;
	uint16_t *done = realloc(s->done, (size_t)room * sizeof *done);
	if (!done)
		return weir_fail_memory(err);
	memset(done + s->room, 0, (size_t)(room - s->room) * sizeof *done);
	s->done = done;
	s->room = room;
	return 0;
}

static int look_at_batch(struct printer *p, int32_t stage, int32_t n, int32_t done, int32_t size,
			 struct weir_error *err)
{
	struct seen *s = &p->stages[stage - 1];
	struct results_filter f = filter(p);
	if (make_room(s, n, err) < 0)
		return -1;
	if (s->done[n] != done && (results_in_batch(p->ledger, &p->job, stage, n, &f, err) < 0 ||
				   print_waiting(p, err) < 0))
		return -1;
	s->done[n] = (uint16_t)done;
	if (n == s->first && done == size)
		s->first++;
	return 0;
}

static int ask_for_batches(struct printer *p, int32_t stage, int32_t from, PGresult **out,
			   struct weir_error *err)
{
	struct params q = PARAMS_INIT;
	params_string(&q, p->job.job_id);
	params_int(&q, stage);
	params_int(&q, from);
	params_int(&q, PORTION);
	int rc = ledger_query(p->ledger, count_batches, &q, true, out, err);
	params_release(&q);
	return rc;
}

/* Returns where to go on, or -1. */
static int32_t look_at_portion(struct printer *p, int32_t stage, int32_t from,
			       struct weir_error *err)
{
	PGresult *r = NULL;
	if (ask_for_batches(p, stage, from, &r, err) < 0)
		return -1;
	int rc = 0, rows = PQntuples(r);
	for (int i = 0; rc == 0 && i < rows && !command_stop; i++)
		rc = look_at_batch(p, stage, ledger_int(r, i, 0), ledger_int(r, i, 1),
				   ledger_int(r, i, 2), err);
	int32_t next = rows == PORTION ? ledger_int(r, rows - 1, 0) + 1 : INT32_MAX;
	PQclear(r);
	return rc < 0 ? -1 : next;
}

static int look_at_stage(struct printer *p, int32_t stage, struct weir_error *err)
{
	int32_t from = p->stages[stage - 1].first;
	while (from >= 0 && from < INT32_MAX && !command_stop)
		from = look_at_portion(p, stage, from, err);
	return from < 0 ? -1 : 0;
}

/* One round: what has ended since the one before. */
static int look(struct printer *p, struct weir_error *err)
{
	p->waiting_count = 0; /* of a round that broke off */
	if (results_job_read(p->ledger, p->job.job_id, &p->job, err) < 0)
		return -1;
	if (p->job.ended)
		return print_all(p, err);
	for (int32_t stage = 1; stage <= p->stage_count; stage++)
		if (look_at_stage(p, stage, err) < 0)
			return -1;
	return print_rest(p, err);
}

/* Notices too when there is nobody any more who reads. */
static void wait_ms(struct printer *p, int ms)
{
	struct pollfd out = {.fd = STDOUT_FILENO};
	if (poll(&out, 1, ms) <= 0)
		return;
	p->no_reader = (out.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
	if (!p->no_reader)
		poll(NULL, 0, ms);
}

static int open_ledger(struct printer *p, struct weir_error *err)
{
	return ledger_open(p->call->settings->pg_url, "weir results", true, &p->ledger, err);
}

static bool is_away(const struct printer *p, const struct weir_error *err)
{
	return strcmp(err->code, "database") == 0 && ledger_fault(p->ledger) == LEDGER_BUSY;
}

/* A ledger that went away is waited for: the job goes on without us. */
static int follow(struct printer *p, struct weir_error *err)
{
	struct weir_error ignored;
	p->stage_count = p->job.stages;
	p->stages = calloc((size_t)p->stage_count, sizeof *p->stages);
	if (!p->stages)
		return weir_fail_memory(err);
	while (!command_stop && !p->no_reader) {
		if (!p->ledger && open_ledger(p, &ignored) < 0) {
			wait_ms(p, REOPEN_MS);
		} else if (look(p, err) < 0) {
			if (!is_away(p, err))
				return -1;
			ledger_close(p->ledger);
			p->ledger = NULL;
		} else if (p->job.ended) {
			return 0;
		} else {
			wait_ms(p, LOOK_MS);
		}
	}
	return 0;
}

/* ---- the command ---- */

static enum command_status status_of(struct printer *p)
{
	if (!p->job.ended)
		return COMMAND_DONE;
	if (strcmp(p->job.status, "cancelled") == 0) {
		weir_fail(p->call->error, "cancelled", "job %s was cancelled", p->job.job_id);
		return COMMAND_FAILED;
	}
	return p->job.failed > 0 ? COMMAND_ITEMS_FAILED : COMMAND_DONE;
}

static int print_job(struct printer *p)
{
	struct weir_error *err = p->call->error;
	if (open_ledger(p, err) < 0 || ledger_check_schema(p->ledger, err) < 0 ||
	    results_job_read(p->ledger, p->call->argv[0], &p->job, err) < 0)
		return -1;
	return p->config->follow ? follow(p, err) : print_all(p, err);
}

static void release(struct printer *p)
{
	for (int32_t i = 0; i < p->stage_count; i++)
		free(p->stages[i].done);
	free(p->stages);
	free(p->printed);
	buffer_release(&p->lines);
	results_job_release(&p->job);
	ledger_close(p->ledger);
}

static enum command_status run(struct call *call)
{
	struct printer p = {.call = call, .config = call->config};
	int rc = print_job(&p);
	enum command_status status = rc < 0 ? COMMAND_FAILED : status_of(&p);
	if (p.no_reader)
		status = COMMAND_DONE;
	else if (command_stop && !(rc == 0 && p.job.ended))
		status = INTERRUPTED;
	release(&p);
	return status;
}

const struct command command_results = {
	.name = "results",
	.arguments = "JOB ",
	.summary = "prints what became of each item, as JSON Lines",
	.help = "A line for each item whose way has ended: it has failed, was cancelled, or has\n"
		"succeeded in the last stage. It has custom_id, natural_id (where --id-hash\n"
		"made the custom_id of it), status (success, failed, cancelled), input (as it was\n"
		"submitted), context (the job's with the item's own laid over it), results (what\n"
		"each stage made of it, by the stage's step or kind; a failed item can have one\n"
		"too), usage (of language models: calls, input_tokens, output_tokens, cost,\n"
		"what of the tokens was cached, written to the cache and reasoning, and of how\n"
		"many calls the tokens or the cost are not known; cost is \"unknown\" when it is\n"
		"so of all), error_class, error, attempts (of all stages) and finished_at.\n\n"
		"They come in the order of the input; with --follow those that have ended come\n"
		"first, and then each as it ends, once: also when it is given another round of\n"
		"attempts later (`weir retry`).\n\n"
		"  weir results first > results.jsonl\n"
		"  weir results first --follow | jq -r .results.sentiment.label\n"
		"  weir results first --failed\n\n"
		"Exit status: 0 all is written, 3 the job has ended and some items have failed,\n"
		"1 it was cancelled, or there is no such job, 130 interrupted. That nobody reads\n"
		"on is no failure.\n",
	.options = options,
	.config_size = sizeof(struct results_config),
	.least = 1,
	.most = 1,
	.needs = NEED_PG,
	.run = run,
};
