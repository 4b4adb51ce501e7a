#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "submission.h"

#define CONTEXT_KEY_MAX 64 /* bytes */

#define AT(field) offsetof(struct request_options, field)

const struct weir_option request_options[] = {
	{.name = "job",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(job),
	 .unit = "NAME",
	 .help = "The job's name, 1 to 64 of A-Z a-z 0-9 _ -. Given again it continues a submit "
		 "that broke off, if the input is the same. Not given: one is made up."},
	{.name = "job-file",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(job_file),
	 .unit = "FILE",
	 .help = "A job written down as JSON: kind or stages, context, job, batch_size, "
		 "max_attempts, backoff, backoff_factor, backoff_cap, mode, max_concurrent, input "
		 "(from the file's own folder), format, separator, from, id_hash. Options win over "
		 "it."},
	{.name = "stage",
	 .type = WEIR_OPTION_LIST,
	 .offset = AT(stage),
	 .unit = "KIND[.STEP]",
	 .help = "A stage, in order; the first is of the kind that is submitted. What succeeds in "
		 "one goes on to the next, as \"input\" and \"results\". Not given: one stage."},
	{.name = "context",
	 .type = WEIR_OPTION_LIST,
	 .offset = AT(context),
	 .unit = "KEY=VALUE",
	 .help = "A parameter that the items are processed under (model_key, ai_model, "
		 "custom_instructions, ...); may be given several times."},
	{.name = "max-attempts",
	 .type = WEIR_OPTION_INTEGER,
	 .offset = AT(max_attempts),
	 .least = 1,
	 .most = ATTEMPTS_MAX,
	 .unit = "NUMBER",
	 .help = "How often an item is tried before it has failed. Not given: 3."},
	{.name = "backoff",
	 .type = WEIR_OPTION_TIME,
	 .offset = AT(backoff_ms),
	 .least = 1,
	 .most = BACKOFF_MAX_MS,
	 .help = "The pause after an item's first failed attempt. Not given: 1s."},
	{.name = "backoff-factor",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(backoff_factor),
	 .unit = "NUMBER",
	 .help = "Each further pause is so many times as long, 1 to 100. Not given: 2."},
	{.name = "backoff-cap",
	 .type = WEIR_OPTION_TIME,
	 .offset = AT(backoff_cap_ms),
	 .least = 1,
	 .most = BACKOFF_MAX_MS,
	 .help = "But no pause is longer than this. Not given: 10m."},
	{.name = "mode",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(mode),
	 .unit = "MODE",
	 .help = "sequential: one item at a time in the whole fleet; parallel: at most "
		 "--max-concurrent; queue: as many as the fleet takes. Not given: queue, or "
		 "parallel with a maximum."},
	{.name = "max-concurrent",
	 .type = WEIR_OPTION_INTEGER,
	 .offset = AT(max_concurrent),
	 .least = 1,
	 .most = CONCURRENT_MAX,
	 .unit = "ITEMS",
	 .help = "Items of the job that the whole fleet works on at a time."},
	{.name = "from",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(from),
	 .unit = "db",
	 .help = "Read the rows of the kind's own tables instead of a file."},
	{.name = "format",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(format),
	 .unit = "FORMAT",
	 .help = "jsonl, csv, json or markdown. Not given: by the name, which ends in .csv, .tsv, "
		 ".json, .md or .markdown (and .gz or .zst), else jsonl; of a folder by the names "
		 "in it."},
	{.name = "separator",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(separator),
	 .unit = "CHARACTER",
	 .help = "What stands between the columns of CSV: , ; tab | ^ ~ or :. Not given: a tab in "
		 ".tsv, what a first line \"sep=;\" says, a comma; or the only one of ; tab | with "
		 "which there is a column custom_id."},
	{.name = "id-hash",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(id_hash),
	 .preset = "0",
	 .help = "custom_id may be any text of up to 1024 bytes (an address, a path, a title): "
		 "where "
		 "it is not 1 to 64 of A-Z a-z 0-9 _ -, the item is called sha256- and its SHA-256 "
		 "in base64url, the same each time, and the text is kept as natural_id."},
	{.name = "allow-empty",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(allow_empty),
	 .preset = "0",
	 .help = "An input, or one file of several, may be without items."},
	{.name = "batch-size",
	 .type = WEIR_OPTION_INTEGER,
	 .offset = AT(batch_size),
	 .least = 1,
	 .most = BATCH_MAX,
	 .unit = "ITEMS",
	 .help = "Items that are written, published and marked together. Not given: 100."},
	{.name = "skip-bad",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(skip_bad),
	 .unit = "FILE",
	 .help = "Write faulty records to this file and go on, instead of stopping at the first. "
		 "Of items of several CSV rows all rows, below the header, and of rows of the "
		 "database JSON Lines, to be mended and submitted."},
	{.name = "wait",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(wait),
	 .preset = "0",
	 .help = "Publish the job without a relay, and wait until it has ended, or is paused for "
		 "what a person has to mend."},
	{.name = "timeout",
	 .type = WEIR_OPTION_TIME,
	 .offset = AT(timeout_ms),
	 .preset = "0s",
	 .most = 2592000000,
	 .help = "With --wait: not longer than this. 0: as long as it takes."},
	{.name = "json",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(json),
	 .preset = "0",
	 .help = "Print what was done as JSON."},
	{.name = "sample",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(sample),
	 .preset = "0",
	 .help = "Print a line of input that this kind takes (and, on standard error, what it "
		 "reads: "
		 "see weir kinds), and do nothing else."},
	{.type = WEIR_OPTION_END},
};

static const char *text_of(const char *option, const char *file) { return option ? option : file; }

static int64_t number_of(int64_t option, int64_t file) { return option ? option : file; }

/* A fault in what came from the option or, where that was not given, from the file's key. */
static int blame(const struct request *r, bool of_option, const char *option, const char *key,
		 const struct weir_error *why, struct weir_error *err)
{
	if (!of_option && r->file.root)
		return job_file_fail(r->file.path, key, why->text, err);
	return weir_fail(err, "usage", "%s: %s", option, why->text);
}

/* ---- stages and input ---- */

static int add_listed(struct request *r, const struct weir_list *list, struct weir_error *err)
{
	struct weir_error why;
	for (size_t i = 0; i < list->size; i++)
		if (stages_add(&r->stages, list->items[i], &why) < 0)
			return weir_fail(err, "usage", "--stage %.80s: %s", list->items[i],
					 why.text);
	return 0;
}

static bool ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);
	return n >= m && strcmp(text + n - m, end) == 0;
}

static bool looks_like_a_file(const char *text)
{
	return strchr(text, '/') || ends_in(text, ".jsonl") || ends_in(text, ".csv") ||
	       ends_in(text, ".gz") || ends_in(text, ".zst") || ends_in(text, ".tsv") ||
	       is_json_name(text) || is_markdown_name(text) || access(text, F_OK) == 0;
}

/* The kind that was named beside the stages is that of the first. */
static int check_first(const struct request *r, const char *kind, struct weir_error *err)
{
	char name[STAGE_TEXT_MAX + 1];
	const struct stage *first = &r->stages.list[0];
	stage_name(first->kind, first->step, name);
	if (!kind || strcmp(kind, first->kind) == 0 || strcmp(kind, name) == 0)
		return 0;
	if (looks_like_a_file(kind))
		return weir_fail(err, "usage",
				 "%.200s is no kind; KIND comes first: weir submit %s %.200s", kind,
				 first->kind, kind);
	return weir_fail(err, "usage",
			 "the kind is %.40s, and the first stage is %s: items begin in the first "
			 "stage, so that is the kind to submit",
			 kind, name);
}

static int settle_stages(struct request *r, const struct request_options *o, const char *argument,
			 struct weir_error *err)
{
	struct weir_error why;
	const char *kind = text_of(argument, r->file.kind);
	if (o->stage.size > 0) {
		if (add_listed(r, &o->stage, err) < 0)
			return -1;
	} else if (r->file.stages) {
		if (job_file_stages(&r->file, &r->stages, err) < 0)
			return -1;
	} else if (!kind) {
		return weir_fail(err, "usage",
				 "which kind? weir submit KIND, or \"kind\" or \"stages\" in a job "
				 "file (see weir submit --help)");
	} else if (stages_add(&r->stages, kind, &why) < 0) {
		return blame(r, argument != NULL, "KIND", "kind", &why, err);
	}
	return check_first(r, kind, err);
}

/* Files, --from: whichever is given, the job file's are not meant. */
static int settle_input(struct request *r, const struct request_options *o, char **files, int count,
			struct weir_error *err)
{
	r->input.format = o->format;
	r->input.separator = text_of(o->separator, r->file.separator);
	r->input.may_be_empty = o->allow_empty;
	r->input.id_hash = o->id_hash || r->file.id_hash;
	if (count > 0 || o->from) {
		r->input.files = files;
		r->input.file_count = (size_t)count;
		r->input.from = o->from;
		return 0;
	}
	r->input.format = text_of(o->format, r->file.format);
	r->input.from = r->file.from;
	if (!r->file.input)
		return 0;
	r->input_files[0] = r->input_path;
	r->input.files = r->input_files;
	r->input.file_count = 1;
	return job_file_input(&r->file, r->input_path, sizeof r->input_path, err);
}

int request_read(struct request *r, const struct request_options *options, int argc, char **argv,
		 struct weir_error *err)
{
	if (options->job_file && job_file_read(options->job_file, &r->file, err) < 0)
		return -1;
	if (settle_stages(r, options, argc > 0 ? argv[0] : NULL, err) < 0)
		return -1;
	return settle_input(r, options, argv + 1, argc > 1 ? argc - 1 : 0, err);
}

/* ---- the context ---- */

/* Of the same key, which value was meant? */
static int check_twice(const struct weir_list *pairs, size_t at, struct weir_error *err)
{
	const char *pair = pairs->items[at], *is = strchr(pair, '=');
	size_t key = is ? (size_t)(is - pair) + 1 : 0;
	for (size_t i = 0; i < at; i++)
		if (key && strncmp(pairs->items[i], pair, key) == 0 &&
		    strcmp(pairs->items[i], pair) != 0)
			return weir_fail(err, "usage",
					 "--context %.*s is given twice, with different values: "
					 "which is meant?",
					 (int)(key - 1), pair);
	return 0;
}

static int add_pair(json_t *all, const char *pair, struct weir_error *err)
{
	const char *is = strchr(pair, '=');
	char key[CONTEXT_KEY_MAX + 1];
	if (!is || is == pair || is - pair > CONTEXT_KEY_MAX)
		return weir_fail(err, "usage",
				 "--context %.100s: KEY=VALUE is wanted, with a key of at most %d "
				 "bytes",
				 pair, CONTEXT_KEY_MAX);
	snprintf(key, sizeof key, "%.*s", (int)(is - pair), pair);
	if (json_object_set_new(all, key, json_string(is + 1)) < 0)
		return weir_fail(err, "usage", "--context %.64s: the value is not UTF-8", key);
	return 0;
}

/* The file's, key by key under what the options say. */
static int settle_context(struct request *r, const struct request_options *o,
			  struct weir_error *err)
{
	struct weir_error why;
	json_t *all = r->file.context ? json_copy(r->file.context) : json_object();
	int rc = all ? 0 : weir_fail_memory(err);
	for (size_t i = 0; rc == 0 && i < o->context.size; i++)
		rc = check_twice(&o->context, i, err) < 0 ? -1
							  : add_pair(all, o->context.items[i], err);
	if (rc == 0 && stages_complete(&r->stages, all, &why) < 0)
		rc = blame(r, o->stage.size > 0, "--context", "stages", &why, err);
	if (rc == 0) {
		r->context = json_dumps(all, JSON_COMPACT);
		rc = r->context ? 0 : weir_fail_memory(err);
	}
	json_decref(all);
	return rc;
}

/* ---- the policy ---- */

/* A limit of the options replaces that of the file, except that a mode which needs a maximum takes
 * the file's. */
static int settle_limit(struct request *r, const struct request_options *o, struct weir_error *err)
{
	struct weir_error why;
	bool here = o->mode || o->max_concurrent;
	bool both = !here || (o->mode && strcmp(o->mode, "parallel") == 0);
	const char *mode = here ? o->mode : r->file.mode;
	int64_t most = number_of(o->max_concurrent, both ? r->file.max_concurrent : 0);
	if (policy_limit(&r->definition.policy, mode, most, &why) < 0)
		return blame(r, here, "--mode", "mode", &why, err);
	return 0;
}

static int settle_policy(struct request *r, const struct request_options *o, struct weir_error *err)
{
	struct policy *p = &r->definition.policy;
	struct weir_error why;
	p->max_attempts = number_of(o->max_attempts, r->file.max_attempts);
	p->backoff_ms = number_of(o->backoff_ms, r->file.backoff_ms);
	p->backoff_cap_ms = number_of(o->backoff_cap_ms, r->file.backoff_cap_ms);
	p->backoff_factor = r->file.backoff_factor;
	if (o->backoff_factor && policy_factor(o->backoff_factor, &p->backoff_factor, &why) < 0)
		return weir_fail(err, "usage", "--backoff-factor %.40s: %s", o->backoff_factor,
				 why.text);
	if (policy_finish(p, &why) < 0)
		return blame(r, o->backoff_cap_ms || o->backoff_ms, "--backoff-cap", "backoff_cap",
			     &why, err);
	return settle_limit(r, o, err);
}

/* ---- the name ---- */

static void make_up_name(struct request *r)
{
	time_t now = time(NULL);
	struct tm utc;
	size_t room = sizeof r->job_id;
	gmtime_r(&now, &utc);
	size_t n = (size_t)snprintf(r->job_id, room, "%s-", r->stages.list[0].kind);
	n += strftime(r->job_id + n, room - n, "%Y%m%d-%H%M%S", &utc);
	snprintf(r->job_id + n, room - n, "-%d", (int)getpid());
}

static int settle_name(struct request *r, const struct request_options *o, struct weir_error *err)
{
	struct weir_error why;
	const char *name = text_of(o->job, r->file.job);
	if (!name) {
		make_up_name(r);
		return 0;
	}
	if (!message_name_ok((struct weir_text){name, strlen(name)})) {
		weir_fail(&why, "bad_name", "\"%.80s\": 1 to %d of A-Z a-z 0-9 _ -", name,
			  MESSAGE_NAME_MAX);
		return blame(r, o->job != NULL, "--job", "job", &why, err);
	}
	snprintf(r->job_id, sizeof r->job_id, "%s", name);
	return 0;
}

int request_define(struct request *r, const struct request_options *options, struct weir_error *err)
{
	struct definition *d = &r->definition;
	if (settle_context(r, options, err) < 0 || settle_policy(r, options, err) < 0 ||
	    settle_name(r, options, err) < 0)
		return -1;
	d->job_id = r->job_id;
	d->context = r->context;
	d->stages = &r->stages;
	d->batch_size = (int)number_of(options->batch_size, r->file.batch_size);
	if (!d->batch_size)
		d->batch_size = 100;
	return 0;
}

void request_release(struct request *r)
{
	stages_release(&r->stages);
	job_file_release(&r->file);
	free(r->context);
	r->context = NULL;
}
