#include "invoices.h"

#include <stdio.h>
#include <string.h>

#define BUSY 0.6  /* of the time; what fails is done more than once */
#define SUBMITS 2 /* at a time */

/* Every third order asks one of these; two of them work in remote batches. As many are of invoices.
 */
static const char *const models[] = {"claude", "gpt-batch", "gpt", "claude-batch"};
enum { MODELS = sizeof models / sizeof *models };

const char *const load_queues[] = {"weir.sum",	 "weir.slow", "weir.invoice",
				   "weir.ask",	 "weir.pass", "weir.sentiment",
				   "weir.never", "weir.dead", NULL};

/* ---- the truth ---- */

/* What is asked in a remote batch is not made to fail always: the driver tries it often enough. */
static enum destiny destiny_of(const struct load *l, const struct order *o, int dice)
{
	bool batch = o->model && strstr(o->model, "-batch");
	return dice < 40		   ? (o->model ? BAD_ANSWER : RETRY_ONCE)
	       : dice < 50		   ? (batch ? PLAIN : RETRY_ALWAYS)
	       : dice < 70		   ? REJECTED
	       : dice < 73		   ? BAD_ROW
	       : dice < 76 && l->oversized ? OVERSIZED
					   : PLAIN;
}

static struct promise promise_invoice(const struct load *l, const struct order *o, int ordinal)
{
	struct invoice in;
	invoice_make(&in, l, o, ordinal);
	struct promise p = {.destiny = in.good ? PLAIN : BAD_INVOICE};
	snprintf(p.id, sizeof p.id, "%s", in.id);
	return p;
}

int load_article(const struct order *o, int ordinal) { return o->number * 100000 + ordinal + 1; }

/* Some rows are gone. */
static struct promise promise_news(const struct load *l, const struct order *o, int ordinal)
{
	struct chance c = chance_of(l->seed, "article", load_article(o, ordinal));
	struct promise p = {.destiny = chance_between(&c, 0, 49) ? PLAIN : NO_RECORD};
	snprintf(p.id, sizeof p.id, "news_id_%d", load_article(o, ordinal));
	return p;
}

struct promise load_promise(const struct load *l, const struct order *o, int ordinal)
{
	if (o->invoices)
		return promise_invoice(l, o, ordinal);
	if (o->news)
		return promise_news(l, o, ordinal);
	struct chance c = chance_of(l->seed, "item", (int64_t)o->number << 32 | ordinal);
	struct promise p = {.amount = chance_between(&c, 1, 1000)};
	int dice = chance_between(&c, 0, 999);
	p.asks = o->model != NULL;
	p.destiny = destiny_of(l, o, dice);
	/* Those of `slow` are open together, but one by one when they are suspects of a crash. */
	double longest = strcmp(o->kind, "slow") == 0 ? 10 * l->pace_ms : 2 * l->pace_ms;
	p.delay_ms = chance_between(&c, 0, longest < 300 ? (int)longest : 300);
	snprintf(p.id, sizeof p.id, "item_%06d", ordinal);
	snprintf(p.key, sizeof p.key, "%s.k%d", o->id, ordinal % 5);
	return p;
}

const char *promise_failure(const struct promise *p)
{
	static const char *const failures[][2] = {
		[RETRY_ALWAYS] = {"asked_to_fail", "provider_error"},
		[REJECTED] = {"asked_to_fail", "bad_request"},
		[BAD_ROW] = {"store", "store"},
		[BAD_ANSWER] = {NULL, "bad_answer"},
		[BAD_INVOICE] = {"no_good_line", NULL},
		[NO_RECORD] = {"record_missing", NULL},
		[OVERSIZED] = {"oversized", "oversized"}};
	return failures[p->destiny][p->asks];
}

bool promise_holds(const struct promise *p, int attempts)
{
	int most = p->asks ? MAX_ASKS : MAX_ATTEMPTS;
	if (p->destiny == OVERSIZED)
		return attempts == 0;
	if (p->destiny == RETRY_ALWAYS)
		return attempts == most;
	if (p->asks)
		return attempts >= 1 && attempts < most;
	return attempts == (p->destiny == RETRY_ONCE ? 2 : 1);
}

int promise_bills(const struct promise *p)
{
	switch (p->destiny) {
	case BAD_ANSWER:
		return 2;
	case REJECTED:
	case RETRY_ALWAYS:
	case OVERSIZED:
		return 0;
	default:
		return 1;
	}
}

/* ---- the plan ---- */

static int size_of(const struct load *l, const struct order *o, int left, struct chance *c)
{
	int most = l->items / 6, size;
	if (most > 20000)
		most = 20000;
	/* Some small, some large, few in between. */
	size = chance_between(c, 0, 2) || o->invoices ? chance_between(c, most / 4, most)
						      : chance_between(c, 1, 150);
	return size < left ? size : left;
}

/* Most of what an order has, others have, too. */
static void plan_invoices(struct load *l, struct order *o, struct chance *c)
{
	o->kind = "invoice";
	o->family = chance_between(c, 0, 2) == 0;
	int *made = &l->invoices[o->family];
	o->first = chance_between(c, 0, *made);
	if (o->first + o->size > *made)
		*made = o->first + o->size;
}

void load_plan(struct load *l, const struct mix_options *options, double ms, int workers)
{
	uint64_t seed = options->seed;
	bool plain = options->plain;
	*l = (struct load){.seed = seed, .items = options->items};
	l->oversized = mix_has(options, "items that are too large");
	l->pace_ms = BUSY * ms * workers / l->items;
	for (int left = l->items; left > 0 && l->count < ORDERS_MAX; l->count++) {
		struct order *o = &l->orders[l->count];
		struct chance c = chance_of(seed, "order", l->count);
		o->number = l->count;
		o->invoices = l->count % 6 == 1 || l->count % 6 == 5;
		o->model = l->count % 3 == 0 ? models[l->count / 3 % MODELS] : NULL;
		o->kind = o->model ? "ask" : chance_between(&c, 0, 2) ? "sum" : "slow";
		o->news = l->count % 6 == 4;
		o->size = l->count == ORDERS_MAX - 1 ? left : size_of(l, o, left, &c);
		snprintf(o->id, sizeof o->id, "mix_%03d", l->count);
		o->staged = chance_between(&c, 0, 3) == 0 && !plain;
		o->limit = chance_between(&c, 20, 200);
		if (chance_between(&c, 0, 5) || plain)
			o->limit = 0;
		if (o->invoices)
			plan_invoices(l, o, &c);
		if (o->news)
			o->kind = "sentiment";
		left -= o->size;
	}
}

/* ---- submits ---- */

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

static void write_item(FILE *f, const struct load *l, const struct order *o, int ordinal)
{
	/* What the plugin and what the provider is to make of it. */
	static const char *const wishes[] = {"",
					     ",\"fail\":\"retry_once\"",
					     ",\"fail\":\"retry\"",
					     ",\"fail\":\"reject\"",
					     ",\"fail\":\"bad_row\"",
					     "",
					     "",
					     "",
					     ""};
	static const char *const asks[] = {"please",	"",	  "fail again and again",
					   "reject it", "please", "answer badly",
					   "",		"",	  "please"};
	struct promise p = load_promise(l, o, ordinal);
	int padding = p.destiny == OVERSIZED ? OVERSIZED_BYTES : 0;
	fprintf(f,
		"{\"custom_id\":\"%s\",\"key\":\"%s\",\"amount\":%d,\"delay_ms\":%d%s,"
		"\"question\":\"%s %s: %s\",\"padding\":\"%0*d\"}\n",
		p.id, p.key, p.amount, p.delay_ms, wishes[p.destiny], o->id, p.id, asks[p.destiny],
		padding, 0);
}

static void write_invoice(FILE *f, const struct load *l, const struct order *o, int ordinal)
{
	struct invoice in;
	invoice_make(&in, l, o, ordinal);
	invoice_write(f, &in);
}

static void write_article(FILE *f, const struct load *l, const struct order *o, int ordinal)
{
	struct promise p = load_promise(l, o, ordinal);
	fprintf(f,
		"{\"custom_id\":\"%s\",\"table_name\":\"news_articles\",\"record_id\":%d,"
		"\"title\":\"Profit rises, says %s\"}\n",
		p.id, load_article(o, ordinal), p.id);
}

static void write_input(const struct load *l, const struct order *o, const char *path)
{
	FILE *f = fopen(path, "w");
	if (!EXPECT(f != NULL, "cannot write %s", path))
		return;
	for (int i = 0; i < o->size; i++)
		(o->invoices ? write_invoice : o->news ? write_article : write_item)(f, l, o, i);
	EXPECT(fclose(f) == 0, "%s was not written", path);
}

static void path_of(const struct order *o, char path[256])
{
	snprintf(path, 256, "%s/%s.jsonl", LOGS, o->id);
}

static void begin_submit(struct order *o)
{
	char path[256], label[64], model[64], wish[64], size[16], limit[16];
	const char *key = o->news ? "model_key=sentiment" : "model_key=mix";
	const char *attempts = o->model ? TEXT(MAX_ASKS) : TEXT(MAX_ATTEMPTS);
	path_of(o, path);
	snprintf(label, sizeof label, "label=%s", o->id);
	snprintf(model, sizeof model, "ai_model=%s", o->model ? o->model : "local");
	snprintf(wish, sizeof wish, "custom_instructions=For %s.", o->id);
	snprintf(size, sizeof size, "%d", BATCH_SIZE);
	snprintf(limit, sizeof limit, "%d", o->limit);
	/* Without a limit the arguments end before it. */
	const char *option = o->limit ? "--max-concurrent" : NULL;
	if (o->staged)
		o->submit = start(NULL, "weir", "submit", o->kind, path, "--job", o->id,
				  "--context", label, "--context", model, "--context", key,
				  "--context", wish, "--max-attempts", attempts, "--batch-size",
				  size, "--stage", o->kind, "--stage", "pass", option, limit, NULL);
	else
		o->submit = start(NULL, "weir", "submit", o->kind, path, "--job", o->id,
				  "--context", label, "--context", model, "--context", key,
				  "--context", wish, "--max-attempts", attempts, "--batch-size",
				  size, option, limit, NULL);
}

/* A submit that failed (a server was away) or was killed is given again, as its user would. */
static void end_submit(struct order *o)
{
	struct process *p = o->submit;
	o->submitted = p->status == 0;
	o->start_at_ms = now_ms() + 300;
	EXPECT(p->status == 0 || p->status == 1 || p->status == -9, "submit of %s: %d, see %s",
	       o->id, p->status, p->log);
	EXPECT(strstr(log_of(p), "Sanitizer") == NULL, "a sanitizer's report in %s", p->log);
	forget(p);
	o->submit = NULL;
	if (o->submitted) {
		char path[256];
		path_of(o, path);
		remove(path);
	}
}

static int begun(const struct load *l, struct order **next)
{
	int n = 0;
	*next = NULL;
	for (int i = 0; i < l->count; i++) {
		const struct order *o = &l->orders[i];
		n += o->start_at_ms > 0 && !o->submitted;
		if (o->start_at_ms == 0 && !*next)
			*next = (struct order *)(uintptr_t)o;
	}
	return n;
}

void load_tend(struct load *l, double part)
{
	struct order *next;
	int open = begun(l, &next);
	if (next && open < SUBMITS && l->ordered <= part * l->items) {
		char path[256];
		path_of(next, path);
		write_input(l, next, path);
		next->start_at_ms = now_ms();
		l->ordered += next->size;
	}
	for (int i = 0; i < l->count; i++) {
		struct order *o = &l->orders[i];
		if (o->submit && !is_alive(o->submit))
			end_submit(o);
		if (o->start_at_ms > 0 && !o->submit && !o->submitted && now_ms() >= o->start_at_ms)
			begin_submit(o);
	}
}

bool load_is_submitted(const struct load *l)
{
	for (int i = 0; i < l->count; i++)
		if (!l->orders[i].submitted)
			return false;
	return true;
}

bool load_kill_submit(struct load *l, int pick)
{
	for (int i = 0; i < l->count; i++) {
		struct order *o = &l->orders[(i + pick) % l->count];
		if (!o->submit || !is_alive(o->submit))
			continue;
		kill_hard(o->submit);
		l->submit_kills++;
		return true;
	}
	return false;
}

struct order *load_pick(struct load *l, int pick)
{
	for (int i = 0; i < l->count; i++) {
		struct order *o = &l->orders[(i + pick) % l->count];
		if (o->submitted && !o->cancelled && !o->paused)
			return o;
	}
	return NULL;
}
