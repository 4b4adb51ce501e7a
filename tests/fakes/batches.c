/* Remote batches of both vendors: what is the same for them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake.h"

static struct batch *newest;

static const char *const outcomes[] = {"succeeded", "errored", "expired", "canceled", "missing"};

struct batch *batch_newest(void) { return newest; }

struct batch *batch_new(struct call *c, const char *prefix)
{
	struct batch *b = calloc(1, sizeof *b);
	size_t size = json_array_size(c->lines);
	if (b)
		b->lines = calloc(size ? size : 1, sizeof *b->lines);
	if (!b || !b->lines)
		abort();
	const char *given = json_string_value(json_object_get(script_part("batch"), "id"));
	fake_id(b->id, sizeof b->id, prefix);
	if (given)
		snprintf(b->id, sizeof b->id, "%s", given);
	b->vendor = c->route->vendor;
	b->size = size;
	b->created_ms = c->began_ms;
	b->end_ms = c->began_ms + script_batch("end_ms", 100);
	b->created_s = time(NULL);
	b->next = newest;
	return newest = b;
}

struct batch *batch_find(struct call *c)
{
	batches_turn(c->began_ms);
	for (struct batch *b = newest; b; b = b->next)
		if (b->vendor == c->route->vendor && strcmp(b->id, c->id) == 0)
			return b;
	reply_error(c, 404, "No batch has the id %s", c->id);
	return NULL;
}

/* ---- lines ---- */

static int outcome_of(json_t *rule, size_t i, size_t size)
{
	const char *wanted = json_string_value(json_object_get(rule, "line"));
	for (size_t k = 0; wanted && k < sizeof outcomes / sizeof *outcomes; k++)
		if (strcmp(outcomes[k], wanted) == 0)
			return (int)k;
	return (double)i < script_expire_share() * (double)size ? EXPIRED : SUCCEEDED;
}

static char *line_made(enum vendor vendor, const struct batch_line *l, const struct asked *a,
		       json_t *rule)
{
	return vendor == OPENAI ? files_batch_line(l, a, rule) : messages_batch_line(l, a, rule);
}

/* The line, or what a form has in its place. */
static char *line_result(enum vendor vendor, const struct batch_line *l, const struct asked *a,
			 json_t *rule)
{
	char *result = line_made(vendor, l, a, rule);
	if (!json_object_get(rule, "line_form"))
		return result;
	json_t *words = asked_words(a, rule), *other = json_deep_copy(rule);
	json_object_set(other, "answer", json_object_get(words, "DRAFT"));
	word_set(words, "CUSTOM_ID", l->custom_id, strlen(l->custom_id));
	result = line_formed(vendor, rule, words, result, line_made(vendor, l, a, other));
	json_decref(other);
	json_decref(words);
	return result;
}

int batch_line(struct batch *b, size_t i, const char *custom_id, json_t *body, struct call *c)
{
	char text[256];
	struct asked asked = {0};
	struct batch_line *l = &b->lines[i];
	if (asked_read(b->vendor, body, true, &asked, text, sizeof text) < 0) {
		asked_release(&asked);
		return reply_error(c, 400, "requests.%zu.params.%s", i, text);
	}
	json_t *rule = script_find(NULL, "line", &asked, custom_id, NULL);
	snprintf(l->custom_id, sizeof l->custom_id, "%s", custom_id);
	l->outcome = outcome_of(rule, i, b->size);
	l->log = log_line(&asked);
	json_object_set_new(l->log, "custom_id", json_string(custom_id));
	l->result = line_result(b->vendor, l, &asked, rule);
	log_truth(l->log, &asked, rule);
	asked_release(&asked);
	return 0;
}

size_t batch_count(const struct batch *b, int outcome)
{
	size_t n = 0;
	for (size_t i = 0; i < b->size; i++)
		n += (int)b->lines[i].outcome == outcome;
	return n;
}

/* ---- time ---- */

/* What a batch that is cancelled had not come to yet. */
static void cancel_rest(struct batch *b)
{
	int64_t all = b->end_ms - b->created_ms, gone = b->cancel_ms - b->created_ms;
	size_t done = all > 0 ? (size_t)((double)b->size * (double)gone / (double)all) : b->size;
	for (size_t i = done; i < b->size; i++)
		b->lines[i].outcome = CANCELED;
}

static void log_lines(struct batch *b, int64_t now_ms)
{
	for (size_t i = 0; i < b->size; i++) {
		struct batch_line *l = &b->lines[i];
		json_object_set_new(l->log, "ms", json_integer(now_ms));
		json_object_set_new(l->log, "path", json_string("line"));
		json_object_set_new(l->log, "batch", json_string(b->id));
		json_object_set_new(l->log, "outcome", json_string(outcomes[l->outcome]));
		log_json(l->log, l->outcome == SUCCEEDED);
		l->log = NULL;
	}
}

static int64_t works_until(const struct batch *b)
{
	int64_t cancelled = b->cancel_ms + script_batch("cancel_ms", 50);
	return b->cancel_ms && cancelled < b->end_ms ? cancelled : b->end_ms;
}

static int64_t ends_at(const struct batch *b)
{
	return works_until(b) + (b->failure ? 0 : script_batch("finalizing_ms", 0));
}

int64_t batch_finalizing(const struct batch *b)
{
	int64_t from = works_until(b);
	return !b->ended && !b->failure && fake_now_ms() >= from ? from : 0;
}

static void end(struct batch *b, int64_t now_ms)
{
	b->ended = true;
	b->ended_s = time(NULL);
	b->results_ms = now_ms + script_batch("results_after_ms", 0);
	if (b->failure)
		return;
	if (b->cancel_ms)
		cancel_rest(b);
	log_lines(b, now_ms);
	if (b->vendor == OPENAI)
		files_batch_ended(b);
}

void batches_turn(int64_t now_ms)
{
	for (struct batch *b = newest; b; b = b->next)
		if (!b->ended && now_ms >= ends_at(b))
			end(b, now_ms);
}

void batch_cancel(struct batch *b)
{
	if (b->ended || b->cancel_ms)
		return;
	b->cancel_ms = fake_now_ms();
	b->cancel_s = time(NULL);
}

void batch_undo(void)
{
	struct batch *b = newest;
	newest = b->next;
	for (size_t i = 0; i < b->size; i++) {
		free(b->lines[i].result);
		json_decref(b->lines[i].log);
	}
	json_decref(b->request);
	json_decref(b->failure);
	free(b->lines);
	free(b);
}

void batches_reset(void)
{
	while (newest)
		batch_undo();
}
