#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../integration/fake.h"

#define OLDER LOGS "/older"

#define IN_FLIGHT 16
#define LATENCY_MOST_MS 500

static struct {
	struct bill *bills[ORDERS_MAX]; /* by ordinal */
	int calls, again;		/* sent; answered again for nothing */
	int lines;			/* of remote batches */
} models;

/* ---- the provider ---- */

/* No call may time out because its consumer was frozen: what an item comes to is promised. Items
 * that always fail may be all that is left at the end. */
static const char text[] =
	"  claude: {provider: anthropic, base_url: $URL, key_env: FAKE_KEY, timeout: 10s,"
	" max_in_flight: 16, outage_wait: 5s}\n"
	"  gpt: {provider: openai, base_url: $URL, key_env: FAKE_KEY, timeout: 10s,"
	" max_in_flight: 16, outage_wait: 5s}\n"
	"  claude-batch: {provider: anthropic, base_url: $URL, key_env: FAKE_KEY, mode: batch, "
	"batch:"
	" {wait: 200ms, requests: 150, poll_least: 100ms, poll_most: 500ms, adopt_wait: 2s}}\n"
	"  gpt-batch: {provider: openai, base_url: $URL, key_env: FAKE_KEY, mode: batch, batch:"
	" {wait: 200ms, requests: 150, poll_least: 100ms, poll_most: 500ms, adopt_wait: 2s}}\n";

static const char template[] = "description: a title for a question\n"
			       "system: |\n"
			       "  {{custom_instructions}}\n"
			       "user: |\n"
			       "  {{question}}\n"
			       "fields:\n"
			       "  title: {type: text, least: 1, most: 120}\n";

/* First what items want, then what befalls anybody: calls, and the steps of remote batches. */
static const char script[] =
	"{'latency_ms': %d, 'batch': {'end_ms': 1000, 'cancel_ms': 200},"
	" 'rules': ["
	"{'match': {'contains': 'reject it', 'path': 'line'},"
	"  'do': {'line': 'errored', 'status': 400}},"
	"{'match': {'contains': 'reject it'}, 'do': {'status': 400}},"
	"{'match': {'contains': 'again and again'}, 'do': {'status': 500}},"
	"{'match': {'contains': 'answer badly'}, 'do': {'answer': 'I would rather not.'}},"
	"{'match': {'every': 29}, 'do': {'status': 500}},"
	"{'match': {'every': 31}, 'do': {'status': 429, 'headers': {'retry-after': '0.3'}}},"
	"{'match': {'every': 37}, 'do': {'cut_after_bytes': 40}},"
	"{'match': {'every': 41}, 'do': {'accept_then_drop': true}},"
	"{'match': {'every': 43}, 'do': {'status': 529}},"
	"{'match': {'every': 47, 'contains': 'please'}, 'do': {'first_byte_ms': 2500}},"
	"{'match': {'every': 101, 'contains': 'please'}, 'do': {'drop': true}},"
	"{'match': {'every': 53, 'path': 'line'}, 'do': {'line': 'missing'}},"
	"{'match': {'every': 59, 'path': 'line'}, 'do': {'line': 'errored', 'status': 500}},"
	"{'match': {'every': 61, 'path': 'line'}, 'do': {'line': 'expired'}}]}";

/* As they were before somebody added to them. */
static const char older[] =
	"models:\n  claude: {provider: anthropic, base_url: \"%s\", key_env: FAKE_KEY,"
	" timeout: 10s}\n";

static void write_older(void)
{
	mkdir(OLDER, 0777);
	mkdir(OLDER "/templates", 0777);
	FILE *f = fopen(OLDER "/models.yaml", "w");
	if (!EXPECT(f != NULL, "cannot write %s", OLDER "/models.yaml"))
		return;
	fprintf(f, older, fake_url());
	EXPECT(fclose(f) == 0, "%s was not written", OLDER "/models.yaml");
}

void models_forget(void)
{
	program_env("WEIR_MODELS", OLDER "/models.yaml");
	program_env("WEIR_TEMPLATES", OLDER "/templates");
}

void models_remember(void)
{
	program_env("WEIR_MODELS", LOGS "/models.yaml");
	program_env("WEIR_TEMPLATES", LOGS "/templates");
}

void models_open(const struct load *l)
{
	double latency = IN_FLIGHT * l->pace_ms;
	memset(&models, 0, sizeof models);
	fake_restart("--idempotent");
	models_write(text);
	template_write("mix", template);
	write_older();
	fake_script(script, latency < LATENCY_MOST_MS ? (int)latency : LATENCY_MOST_MS);
	for (int i = 0; i < l->count; i++)
		if (l->orders[i].model)
			models.bills[i] = calloc((size_t)l->orders[i].size, sizeof **models.bills);
}

void models_close(void)
{
	for (int i = 0; i < ORDERS_MAX; i++)
		free(models.bills[i]);
	memset(models.bills, 0, sizeof models.bills);
}

/* ---- what it was asked ---- */

static const char *text_of(const json_t *line, const char *name)
{
	const char *value = json_string_value(json_object_get(line, name));
	return value ? value : "";
}

static struct bill *bill_of(const struct load *l, const json_t *line, const struct order **order)
{
	int job, item;
	if (sscanf(text_of(line, "user"), "mix_%d item_%d:", &job, &item) != 2 || job < 0 ||
	    job >= l->count || !models.bills[job] || item < 0 || item >= l->orders[job].size)
		return NULL;
	*order = &l->orders[job];
	return &models.bills[job][item];
}

/* The vendor's model is called as ours is; the hash is that of the question alone. */
static bool is_strange(const struct order *o, const struct bill *b, const json_t *line)
{
	char wish[64];
	snprintf(wish, sizeof wish, "For %s.", o->id);
	bool first = json_integer_value(json_object_get(line, "turns")) == 1;
	return strcmp(text_of(line, "model"), o->model) != 0 ||
	       strcmp(text_of(line, "system"), wish) != 0 ||
	       (first && *b->hash && strcmp(text_of(line, "hash"), b->hash) != 0);
}

static void count_line(const struct load *l, const json_t *line)
{
	const struct order *o;
	struct bill *b = bill_of(l, line, &o);
	bool is_line = json_object_get(line, "outcome") != NULL;
	if (!b) {
		EXPECT(!*text_of(line, "user"), "nobody ordered: %s", text_of(line, "user"));
		return;
	}
	bool billed = json_is_true(json_object_get(line, "billed"));
	b->strange += is_strange(o, b, line);
	b->billed += billed;
	b->left_out += is_line && !billed;
	if (json_integer_value(json_object_get(line, "turns")) == 1)
		snprintf(b->hash, sizeof b->hash, "%s", text_of(line, "hash"));
	models.lines += is_line;
	models.calls += !is_line;
	models.again +=
		!is_line && !billed && json_integer_value(json_object_get(line, "status")) == 200;
}

void models_count(const struct load *l)
{
	size_t i;
	json_t *line, *log = fake_log();
	json_array_foreach(log, i, line) count_line(l, line);
	json_decref(log);
}

const struct bill *models_bill(const struct order *o, int ordinal)
{
	return &models.bills[o->number][ordinal];
}

void models_report(void)
{
	row_saw("%d calls of models (%d answered again for nothing)", models.calls, models.again);
	row_saw("%d lines of remote batches", models.lines);
}
