#include "effects.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One statement must not touch a row twice, so what belongs to one key is added up before. */
static const char add_up[] =
	"INSERT INTO effects AS e (key, total, times)"
	" SELECT key, sum(amount), count(*) FROM unnest($1::text[], $2::int8[]) AS u(key, amount)"
	" GROUP BY key ORDER BY key"
	" ON CONFLICT (key) DO UPDATE SET total = e.total + excluded.total,"
	"  times = e.times + excluded.times";

static const char keep_log[] =
	"INSERT INTO effect_log (job_id, custom_id, label, bad, call)"
	" SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int4[], $5::int8[])";

/* Writes nothing, and answers with each position as often as it is told to. */
static const char account[] = "SELECT pos FROM unnest($1::int4[], $2::int4[]) AS u(pos, times)"
			      " CROSS JOIN generate_series(1, times)";

/* Results that the plugin could not have known. */
static const char make_results[] =
	"SELECT pos, json_build_object('made', key, 'tx', txid_current()), false"
	" FROM unnest($1::int4[], $2::text[], $3::int4[]) AS u(pos, key, times)"
	" CROSS JOIN generate_series(1, times)";

static int fail(struct weir_error *err, const char *code, const char *text)
{
	snprintf(err->code, sizeof err->code, "%s", code);
	snprintf(err->text, sizeof err->text, "%s", text);
	return -1;
}

static bool is(struct weir_text text, const char *word)
{
	return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

static struct weir_text text_of(const struct effects *e, const struct weir_map *map,
				const char *name)
{
	struct weir_text text = {NULL, 0};
	e->host->map_text(map, name, &text);
	return text;
}

/* What was submitted: in a later stage it is within the payload. */
static const struct weir_map *effects_payload(const struct effects *e, const struct weir_item *item)
{
	const struct weir_map *map = item->payload;
	if (item->stage > 1)
		e->host->map_map(map, "input", &map);
	return map;
}

int64_t effects_integer(const struct effects *e, const struct weir_item *item, const char *name)
{
	int64_t value = 0;
	e->host->map_integer(effects_payload(e, item), name, &value);
	return value;
}

int effects_open(const struct weir_host *host, const void *config, void **state,
		 struct weir_error *err)
{
	(void)config;
	struct effects *e = calloc(1, sizeof *e);
	if (!e)
		return fail(err, "out_of_memory", "out of memory");
	e->host = host;
	*state = e;
	return 0;
}

void effects_close(void *state) { free(state); }

/* 0, or -1: what is there is no array of maps with an amount each that add up. */
static int check_parts(const struct effects *e, const struct weir_map *payload, int64_t amount)
{
	const struct weir_map *part;
	size_t n;
	int64_t one;
	if (e->host->map_count(payload, "parts", &n) < 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (e->host->map_entry(payload, "parts", i, &part) < 0 ||
		    e->host->map_integer(part, "amount", &one) < 0)
			return -1;
		amount -= one;
	}
	return amount == 0 ? 0 : -1;
}

int effects_check(void *state, const struct weir_item *item, struct weir_error *err)
{
	const struct effects *e = state;
	int64_t amount;
	if (!text_of(e, item->context, "label").data)
		return fail(err, "bad_context", "the context lacks label");
	if (!text_of(e, effects_payload(e, item), "key").data)
		return fail(err, "bad_payload", "the payload lacks key");
	if (e->host->map_integer(effects_payload(e, item), "amount", &amount) < 0)
		return fail(err, "bad_payload", "the payload lacks amount");
	if (check_parts(e, effects_payload(e, item), amount) < 0)
		return fail(err, "bad_parts", "the parts are not what makes up the amount");
	return 0;
}

/* A result of so many KB: a JSON text. The caller frees it. */
static char *large_result(int64_t kb, size_t *size)
{
	*size = (size_t)kb * 1024;
	char *text = malloc(*size);
	if (text) {
		memset(text, 'x', *size);
		text[0] = text[*size - 1] = '"';
	}
	return text;
}

static void complete_large(const struct effects *e, struct weir_work work, int64_t kb)
{
	struct weir_verdict v = {.outcome = WEIR_DONE};
	char *text = large_result(kb, &v.result.size);
	v.result.data = text;
	e->host->complete(e->host, work, &v);
	free(text);
}

/* As often as the payload says. */
static bool to_defer(const struct effects *e, const struct weir_item *item)
{
	static unsigned char times[1024];
	unsigned char *t = &times[item->ordinal % sizeof times];
	if (*t >= effects_integer(e, item, "defer"))
		return false;
	++*t;
	return true;
}

void effects_complete(const struct effects *e, struct weir_work work, const struct weir_item *item)
{
	struct weir_text wish = text_of(e, effects_payload(e, item), "fail");
	int64_t kb = effects_integer(e, item, "result_kb");
	if (kb > 0) {
		complete_large(e, work, kb);
		return;
	}
	struct weir_verdict v = {.outcome = WEIR_DONE, .result = {"{\"added\":true}", 14}};
	int64_t stage = effects_integer(e, item, "fail_stage");
	if (stage && stage != item->stage)
		wish = (struct weir_text){NULL, 0};
	bool once = is(wish, "retry_once") && item->attempt == 0;
	v.retry_after_ms = effects_integer(e, item, "retry_after_ms");
	if (to_defer(e, item)) {
		v.outcome = WEIR_DEFER;
		v.result = (struct weir_text){NULL, 0};
		fail(&v.error, "throttled", "the payload asks for it");
	}
	if (is(wish, "retry") || once || is(wish, "reject")) {
		v.outcome = is(wish, "reject") ? WEIR_REJECT : WEIR_RETRY;
		v.result = (struct weir_text){NULL, 0};
		fail(&v.error, "asked_to_fail", "the payload asks for it");
	}
	if (is(wish, "reject_kept") || is(wish, "reject_garbled")) {
		v.outcome = WEIR_REJECT;
		v.result.size -= is(wish, "reject_garbled");
		fail(&v.error, "asked_to_fail", "the payload asks for it");
	}
	e->host->complete(e->host, work, &v);
}

/* ---- storing ---- */

struct columns {
	struct weir_text *key, *job, *id, *label;
	int64_t *amount, *call;
	int32_t *bad;
};

static int make_columns(struct columns *c, size_t n)
{
	c->key = calloc(n, sizeof *c->key);
	c->job = calloc(n, sizeof *c->job);
	c->id = calloc(n, sizeof *c->id);
	c->label = calloc(n, sizeof *c->label);
	c->amount = calloc(n, sizeof *c->amount);
	c->call = calloc(n, sizeof *c->call);
	c->bad = calloc(n, sizeof *c->bad);
	return c->key && c->job && c->id && c->label && c->amount && c->call && c->bad ? 0 : -1;
}

static void free_columns(struct columns *c)
{
	free(c->key);
	free(c->job);
	free(c->id);
	free(c->label);
	free(c->amount);
	free(c->call);
	free(c->bad);
}

static void fill_row(const struct effects *e, const struct weir_item *item, struct columns *c,
		     size_t i)
{
	c->key[i] = text_of(e, effects_payload(e, item), "key");
	c->job[i] = item->job_id;
	c->id[i] = item->custom_id;
	c->label[i] = text_of(e, item->context, "label");
	c->amount[i] = effects_integer(e, item, "amount");
	c->call[i] = e->calls;
	c->bad[i] = is(text_of(e, effects_payload(e, item), "fail"), "bad_row");
}

static int send_all(const struct effects *e, struct weir_tx *tx, const struct columns *c, size_t n,
		    struct weir_error *err)
{
	const struct weir_column sums[] = {{WEIR_TEXT, c->key}, {WEIR_INT8, c->amount}};
	const struct weir_column log[] = {{WEIR_TEXT, c->job},
					  {WEIR_TEXT, c->id},
					  {WEIR_TEXT, c->label},
					  {WEIR_INT4, c->bad},
					  {WEIR_INT8, c->call}};
	const struct weir_statement statements[] = {
		{.sql = add_up, .columns = sums, .column_count = 2, .count = n},
		{.sql = keep_log, .columns = log, .column_count = 5, .count = n},
	};
	for (size_t i = 0; i < 2; i++)
		if (e->host->tx_exec(tx, &statements[i], err) < 0)
			return -1;
	return 0;
}

/* As often as the item's payload tells a statement to answer for it. */
static int32_t times_of(struct weir_text wish)
{
	return is(wish, "left_out") ? 0 : is(wish, "twice") ? 2 : 1;
}

static int send_account(const struct effects *e, struct weir_tx *tx, const int32_t *pos,
			const int32_t *times, size_t n, struct weir_error *err)
{
	const struct weir_column columns[] = {{WEIR_INT4, pos}, {WEIR_INT4, times}};
	const struct weir_statement statement = {.sql = account,
						 .columns = columns,
						 .column_count = 2,
						 .count = n,
						 .missing_code = "left_out",
						 .missing_text = "the payload asks for it"};
	return e->host->tx_exec(tx, &statement, err);
}

/* Of the items that want it: one statement for all, but one each for those that want that. */
static int account_for(const struct effects *e, struct weir_tx *tx,
		       const struct weir_result *results, size_t n, struct weir_error *err)
{
	int32_t *pos = calloc(n, sizeof *pos), *times = calloc(n, sizeof *times);
	size_t count = 0;
	int rc = pos && times ? 0 : fail(err, "out_of_memory", "out of memory");
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct weir_text wish = text_of(e, effects_payload(e, results[i].item), "account");
		if (!wish.data)
			continue;
		pos[count] = (int32_t)i;
		times[count] = times_of(wish);
		if (is(wish, "apart"))
			rc = send_account(e, tx, &pos[count], &times[count], 1, err);
		else
			count++;
	}
	if (count > 0 && rc == 0)
		rc = send_account(e, tx, pos, times, count, err);
	free(pos);
	free(times);
	return rc;
}

static int send_results(const struct effects *e, struct weir_tx *tx, const int32_t *pos,
			const struct weir_text *key, const int32_t *times, size_t n,
			struct weir_error *err)
{
	const struct weir_column columns[] = {
		{WEIR_INT4, pos}, {WEIR_TEXT, key}, {WEIR_INT4, times}};
	const struct weir_statement statement = {.sql = make_results,
						 .columns = columns,
						 .column_count = 3,
						 .count = n,
						 .missing_code = "not_made",
						 .missing_text = "the payload asks for it"};
	return n > 0 ? e->host->tx_results(tx, &statement, err) : 0;
}

static int make_for(const struct effects *e, struct weir_tx *tx, const struct weir_result *results,
		    const struct weir_text *keys, size_t n, struct weir_error *err)
{
	int32_t *pos = calloc(n, sizeof *pos), *times = calloc(n, sizeof *times);
	struct weir_text *key = calloc(n, sizeof *key);
	size_t count = 0;
	int rc = pos && times && key ? 0 : fail(err, "out_of_memory", "out of memory");
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct weir_text wish = text_of(e, effects_payload(e, results[i].item), "made");
		if (!wish.data)
			continue;
		pos[count] = (int32_t)i;
		key[count] = keys[i];
		times[count++] = times_of(wish);
	}
	if (rc == 0)
		rc = send_results(e, tx, pos, key, times, count, err);
	free(pos);
	free(times);
	free(key);
	return rc;
}

int effects_store(void *state, struct weir_tx *tx, const struct weir_result *results, size_t n,
		  struct weir_error *err)
{
	struct effects *e = state;
	struct columns c;
	int rc = -1;
	e->calls++;
	if (make_columns(&c, n) < 0) {
		fail(err, "out_of_memory", "out of memory");
	} else {
		for (size_t i = 0; i < n; i++)
			fill_row(e, results[i].item, &c, i);
		rc = send_all(e, tx, &c, n, err);
		if (rc == 0)
			rc = make_for(e, tx, results, c.key, n, err);
	}
	free_columns(&c);
	return rc < 0 ? rc : account_for(e, tx, results, n, err);
}
