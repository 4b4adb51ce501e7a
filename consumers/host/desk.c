#include "desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/clock.h"
#include "weir/log.h"

#define COMEBACK_US 200000
#define COMEBACK_CAP_US 5000000

struct desk {
	const char *pg_url, *holder;
	struct ledger *ledger; /* NULL: away */
	int64_t not_before_us;
	unsigned tries;
	struct params params;
};

/* ---- the connection ---- */

struct desk *desk_open(const char *pg_url, const char *holder)
{
	struct desk *d = calloc(1, sizeof *d);
	if (d) {
		d->pg_url = pg_url;
		d->holder = holder;
	}
	return d;
}

void desk_close(struct desk *d)
{
	if (!d)
		return;
	ledger_close(d->ledger);
	params_release(&d->params);
	free(d);
}

int64_t desk_next_us(const struct desk *d) { return d->not_before_us; }

static void lose(struct desk *d, const struct weir_error *why)
{
	log_event(LOG_WARN, "desk_away", "error=\"%s\"", why->text);
	ledger_close(d->ledger);
	d->ledger = NULL;
	d->not_before_us = clock_us() + clock_backoff_us(COMEBACK_US, COMEBACK_CAP_US, d->tries++);
}

bool desk_ready(struct desk *d)
{
	struct weir_error why;
	if (clock_us() < d->not_before_us)
		return false;
	if (d->ledger)
		return true;
	if (ledger_open(d->pg_url, "weir-consumer asks", true, &d->ledger, &why) < 0 ||
	    ledger_patience(d->ledger, DESK_STATEMENT_MS, &why) < 0) {
		lose(d, &why);
		return false;
	}
	d->tries = 0;
	return true;
}

static int failed(struct desk *d, const char *event, const struct weir_error *why)
{
	if (!ledger_alive(d->ledger)) {
		lose(d, why);
		return -1;
	}
	log_event(LOG_WARN, event, "error=\"%s\"", why->text);
	d->not_before_us = clock_us() + clock_backoff_us(COMEBACK_US, COMEBACK_CAP_US, d->tries++);
	return -1;
}

static int run_counted(struct desk *d, const char *event, const char *sql, int64_t *rows)
{
	struct weir_error why;
	if (!d->ledger) /* the one of several before this has lost it */
		return -1;
	if (ledger_do(d->ledger, sql, &d->params, rows, &why) < 0)
		return failed(d, event, &why);
	d->tries = 0;
	return 0;
}

static int run(struct desk *d, const char *event, const char *sql)
{
	return run_counted(d, event, sql, NULL);
}

/* ---- parameters ---- */

static const struct weir_item *item_of(const struct ask *ask) { return &ask->one->message.item; }

static void add_keys(struct params *p, struct ask *const *asks, size_t n)
{
	params_reset(p);
	params_array(p, TYPE_TEXT, n);
	for (size_t i = 0; i < n; i++)
		params_add_text(p, item_of(asks[i])->job_id);
	params_array_end(p);
	params_array(p, TYPE_INT4, n);
	for (size_t i = 0; i < n; i++)
		params_add_int(p, (int32_t)item_of(asks[i])->stage);
	params_array_end(p);
	params_array(p, TYPE_INT4, n);
	for (size_t i = 0; i < n; i++)
		params_add_int(p, (int32_t)item_of(asks[i])->ordinal);
	params_array_end(p);
	params_array(p, TYPE_INT4, n);
	for (size_t i = 0; i < n; i++)
		params_add_int(p, (int32_t)item_of(asks[i])->attempt);
	params_array_end(p);
}

typedef struct weir_text text_of(const struct ask *ask);
typedef int64_t number_of(const struct ask *ask);

static void add_texts(struct params *p, struct ask *const *asks, size_t n, text_of *text)
{
	params_array(p, TYPE_TEXT, n);
	for (size_t i = 0; i < n; i++)
		params_add_text(p, text(asks[i]));
	params_array_end(p);
}

static void add_numbers(struct params *p, struct ask *const *asks, size_t n, number_of *number)
{
	params_array(p, TYPE_INT8, n);
	for (size_t i = 0; i < n; i++)
		params_add_big(p, number(asks[i]));
	params_array_end(p);
}

/* ---- looking ---- */

/* First hold, then look: what somebody else has written before his hold ended is seen then. Who
 * needs no call holds nothing back by it for long. */
static const char sql_hold[] =
	"INSERT INTO weir.calls AS k (job_id, stage, ordinal, holder, held_until)"
	" SELECT DISTINCT ON (1, 2, 3) u.job_id, u.stage, u.ordinal, $5, now() + $6::interval"
	"  FROM unnest($1::text[], $2::int4[], $3::int4[], $4::int4[])"
	"   AS u(job_id, stage, ordinal, attempt) ORDER BY 1, 2, 3"
	" ON CONFLICT (job_id, stage, ordinal) DO UPDATE SET holder = excluded.holder,"
	"  held_until = excluded.held_until"
	"  WHERE k.held_until < now() OR k.holder = excluded.holder";

/* What was bad counts however the tries between it ended; another failure is of its own attempt. */
static const char sql_look[] =
	"SELECT coalesce(r.status, 0)::int4, q.job_id IS NOT NULL, coalesce(k.holder = $5, false),"
	"  g.answer, g.call_id, coalesce(b.n, 0)::int4, coalesce(b.cut, false), b.answer, b.error,"
	"  e.error_class, e.error, coalesce(e.again, false),"
	"  s.calls, s.usage_unknown, s.cost_unknown, s.cost, s.input, s.cached, s.written,"
	"  s.written_1h, s.output, s.reasoning"
	" FROM unnest($1::text[], $2::int4[], $3::int4[], $4::int4[])"
	"   WITH ORDINALITY AS u(job_id, stage, ordinal, attempt, pos)"
	" LEFT JOIN LATERAL (SELECT r.status FROM weir.results r WHERE r.job_id = u.job_id"
	"   AND r.stage = u.stage AND r.ordinal = u.ordinal LIMIT 1) r ON true"
	" LEFT JOIN LATERAL (SELECT q.job_id FROM weir.requests q WHERE q.job_id = u.job_id"
	"   AND q.stage = u.stage AND q.ordinal = u.ordinal LIMIT 1) q ON true"
	" LEFT JOIN LATERAL (SELECT k.holder FROM weir.calls k WHERE k.job_id = u.job_id"
	"   AND k.stage = u.stage AND k.ordinal = u.ordinal LIMIT 1) k ON true"
	" LEFT JOIN LATERAL (SELECT a.answer, a.call_id FROM weir.answers a"
	"   WHERE a.job_id = u.job_id AND a.stage = u.stage AND a.ordinal = u.ordinal"
	"   AND a.error_class IS NULL ORDER BY a.answered_at DESC LIMIT 1) g ON true"
	" LEFT JOIN LATERAL (SELECT count(*) AS n,"
	"    (array_agg(a.error_class = 'cut_answer' ORDER BY a.answered_at DESC))[1] AS cut,"
	"    (array_agg(a.answer ORDER BY a.answered_at DESC))[1] AS answer,"
	"    (array_agg(a.error ORDER BY a.answered_at DESC))[1] AS error"
	"   FROM weir.answers a WHERE a.job_id = u.job_id AND a.stage = u.stage"
	"   AND a.ordinal = u.ordinal AND NOT a.spent"
	"   AND a.error_class IN ('bad_answer', 'cut_answer')) b ON true"
	" LEFT JOIN LATERAL (SELECT a.error_class, a.error, a.again FROM weir.answers a"
	"   WHERE a.job_id = u.job_id AND a.stage = u.stage AND a.ordinal = u.ordinal"
	"   AND NOT a.spent AND a.attempt >= u.attempt"
	"   AND a.error_class NOT IN ('bad_answer', 'cut_answer')"
	"   ORDER BY a.answered_at DESC LIMIT 1) e ON true"
	" CROSS JOIN LATERAL (SELECT count(a.answer) AS calls,"
	"    count(a.answer) FILTER (WHERE NOT a.usage_known) AS usage_unknown,"
	"    count(a.answer) FILTER (WHERE a.cost IS NULL) AS cost_unknown,"
	"    CASE WHEN sum(a.cost) > 9223372 THEN -1" /* COST_UNKNOWN: it does not fit */
	"     ELSE (coalesce(sum(a.cost), 0) * 1000000000000)::int8 END AS cost,"
	"    coalesce(sum(a.input_tokens), 0)::int8 AS input,"
	"    coalesce(sum(a.cached_input_tokens), 0)::int8 AS cached,"
	"    coalesce(sum(a.cache_write_tokens), 0)::int8 AS written,"
	"    coalesce(sum(a.cache_write_1h_tokens), 0)::int8 AS written_1h,"
	"    coalesce(sum(a.output_tokens), 0)::int8 AS output,"
	"    coalesce(sum(a.reasoning_tokens), 0)::int8 AS reasoning"
	"   FROM weir.answers a WHERE a.job_id = u.job_id AND a.stage = u.stage"
	"   AND a.ordinal = u.ordinal) s"
	" ORDER BY u.pos";

enum {
	COL_FINAL,
	COL_ASKED,
	COL_CALLING,
	COL_GOOD,
	COL_CALL_ID,
	COL_BAD,
	COL_CUT,
	COL_BAD_ANSWER,
	COL_BAD_ERROR,
	COL_CLASS,
	COL_ERROR,
	COL_AGAIN,
	COL_CALLS,
	COL_USAGE_UNKNOWN,
	COL_COST_UNKNOWN,
	COL_COST,
	COL_USAGE /* and its parts */
};

static struct usage take_usage(const PGresult *r, int row)
{
	return (struct usage){.input = ledger_big(r, row, COL_USAGE),
			      .cached = ledger_big(r, row, COL_USAGE + 1),
			      .written = ledger_big(r, row, COL_USAGE + 2),
			      .written_1h = ledger_big(r, row, COL_USAGE + 3),
			      .output = ledger_big(r, row, COL_USAGE + 4),
			      .reasoning = ledger_big(r, row, COL_USAGE + 5)};
}

static int keep_answer(struct ask_past *past, struct weir_text text)
{
	free(past->answer);
	past->answer = NULL;
	if (!text.data)
		return 0;
	past->answer = malloc(text.size + 1);
	if (!past->answer)
		return -1;
	memcpy(past->answer, text.data, text.size);
	past->answer[text.size] = '\0';
	past->answer_size = text.size;
	return 0;
}

static void keep_error(struct weir_error *err, const char *code, struct weir_text text)
{
	weir_fail(err, code, "%.*s", (int)(text.size < 400 ? text.size : 400),
		  text.data ? text.data : "");
}

static int take_past(struct ask_past *past, const PGresult *r, int row)
{
	struct weir_text good = ledger_text(r, row, COL_GOOD);
	struct weir_text id = ledger_text(r, row, COL_CALL_ID);
	struct weir_text class = ledger_text(r, row, COL_CLASS);
	past->final = ledger_int(r, row, COL_FINAL);
	past->asked = ledger_bool(r, row, COL_ASKED);
	past->calling = ledger_bool(r, row, COL_CALLING);
	past->good = good.data != NULL;
	past->bad = (size_t)ledger_int(r, row, COL_BAD);
	past->cut = ledger_bool(r, row, COL_CUT);
	past->failed = class.data != NULL;
	past->again = ledger_bool(r, row, COL_AGAIN);
	past->calls = ledger_big(r, row, COL_CALLS);
	past->usage_unknown = ledger_big(r, row, COL_USAGE_UNKNOWN);
	past->cost_unknown = ledger_big(r, row, COL_COST_UNKNOWN);
	past->cost = ledger_big(r, row, COL_COST);
	past->usage = take_usage(r, row);
	snprintf(past->call_id, sizeof past->call_id, "%.*s", (int)id.size, id.data ? id.data : "");
	if (past->failed) {
		char code[32];
		snprintf(code, sizeof code, "%.*s", (int)class.size, class.data);
		keep_error(&past->error, code, ledger_text(r, row, COL_ERROR));
	} else {
		keep_error(&past->error, "bad_answer", ledger_text(r, row, COL_BAD_ERROR));
	}
	return keep_answer(past, past->good ? good : ledger_text(r, row, COL_BAD_ANSWER));
}

int desk_hold(struct desk *d, struct ask *const *asks, size_t n)
{
	struct ask *calls[ASKS_TURN];
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		if (asks[i]->model->mode == MODEL_CALL)
			calls[count++] = asks[i];
	if (count == 0)
		return 0;
	add_keys(&d->params, calls, count);
	params_string(&d->params, d->holder);
	params_string(&d->params, DESK_HOLD);
	return run(d, "not_held", sql_hold);
}

int desk_look(struct desk *d, struct ask *const *asks, size_t n)
{
	struct weir_error why;
	PGresult *r = NULL;
	if (desk_hold(d, asks, n) < 0)
		return -1;
	add_keys(&d->params, asks, n);
	params_string(&d->params, d->holder);
	if (ledger_query(d->ledger, sql_look, &d->params, true, &r, &why) < 0)
		return failed(d, "not_looked", &why);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n && (int)i < PQntuples(r); i++)
		rc = take_past(&asks[i]->past, r, (int)i);
	if (rc == 0 && (size_t)PQntuples(r) != n)
		rc = -1;
	PQclear(r);
	if (rc < 0)
		d->not_before_us = clock_us() + COMEBACK_US;
	return rc;
}

/* ---- storing ---- */

#define ROW_KEYS "job_id, stage, ordinal, attempt, call_id, ai_model, answer"
#define ROW_COUNTS                                                                                 \
	"input_tokens, cached_input_tokens, cache_write_tokens, cache_write_1h_tokens,"            \
	"  output_tokens, reasoning_tokens, usage_known, cost"
#define COUNTS                                                                                     \
	"input, cached, written, written_1h, output, reasoning, known = 1,"                        \
	"  nullif(cost, -1)::numeric / 1000000000000"

/* The first good one of an item counts; the others are extra, and were paid for as well. One for a
 * job that was purged meanwhile is nobody's, be there another of its name. In one order, for the
 * locks. */
static const char sql_store[] =
	"WITH u AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::int4[], $3::int4[],"
	"  $4::int4[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::int8[],"
	"  $11::int8[], $12::int8[], $13::int8[], $14::int8[], $15::int8[], $16::int8[],"
	"  $17::int8[], $18::int8[]) WITH ORDINALITY AS u(" ROW_KEYS ", error_class, error,"
	"   input, cached, written, written_1h, output, reasoning, known, cost, epoch, pos)"
	"  WHERE EXISTS (SELECT FROM weir.jobs j WHERE j.job_id = u.job_id"
	"   AND j.first_epoch <= u.epoch)),"
	" g AS (INSERT INTO weir.answers (" ROW_KEYS ", " ROW_COUNTS ")"
	"  SELECT " ROW_KEYS ", " COUNTS " FROM u"
	"   WHERE error_class IS NULL ORDER BY job_id, stage, ordinal"
	"  ON CONFLICT DO NOTHING RETURNING job_id, stage, ordinal),"
	" o AS MATERIALIZED (SELECT u.* FROM u LEFT JOIN g USING (job_id, stage, ordinal)"
	"   WHERE g.job_id IS NULL OR u.error_class IS NOT NULL),"
	" x AS (INSERT INTO weir.answers (" ROW_KEYS ", " ROW_COUNTS ", error_class, error, spent)"
	"  SELECT " ROW_KEYS ", " COUNTS ", coalesce(error_class, 'extra_answer'),"
	"   coalesce(error, 'the item had a good answer already'), error_class IS NULL FROM o"
	"  ON CONFLICT DO NOTHING)"
	" SELECT pos::int4 FROM o WHERE error_class IS NULL";

static struct weir_text string(const char *text) { return (struct weir_text){text, strlen(text)}; }

static struct weir_text call_id(const struct ask *ask) { return string(ask->call_id); }
static struct weir_text model_name(const struct ask *ask) { return string(ask->model->name); }

static struct weir_text answer(const struct ask *ask)
{
	return (struct weir_text){ask->reply.text.size ? ask->reply.text.data : "",
				  ask->reply.text.size};
}

static struct weir_text error_class(const struct ask *ask)
{
	const char *code = ask->reply.error.code;
	return *code ? string(code) : (struct weir_text){NULL, 0};
}

static struct weir_text error_text(const struct ask *ask)
{
	const struct weir_error *e = &ask->reply.error;
	return *e->code ? string(e->text) : (struct weir_text){NULL, 0};
}

static int64_t input(const struct ask *ask) { return ask->reply.usage.input; }
static int64_t cached(const struct ask *ask) { return ask->reply.usage.cached; }
static int64_t written(const struct ask *ask) { return ask->reply.usage.written; }
static int64_t written_1h(const struct ask *ask) { return ask->reply.usage.written_1h; }
static int64_t output(const struct ask *ask) { return ask->reply.usage.output; }
static int64_t reasoning(const struct ask *ask) { return ask->reply.usage.reasoning; }
static int64_t known(const struct ask *ask) { return ask->reply.usage.fault == NULL; }

static int64_t epoch(const struct ask *ask) { return item_of(ask)->epoch; }

/* COST_UNKNOWN is null. */
static int64_t cost(const struct ask *ask) { return model_cost(ask->model, &ask->reply.usage); }

static int store(struct desk *d, struct ask *const *asks, size_t n)
{
	struct weir_error why;
	PGresult *r = NULL;
	if (ledger_query(d->ledger, sql_store, &d->params, true, &r, &why) < 0)
		return failed(d, "not_stored", &why);
	d->tries = 0;
	for (size_t i = 0; i < n; i++)
		asks[i]->second = false;
	for (int i = 0; i < PQntuples(r); i++)
		asks[ledger_int(r, i, 0) - 1]->second = true;
	PQclear(r);
	return 0;
}

int desk_store(struct desk *d, struct ask *const *asks, size_t n)
{
	static number_of *const numbers[] = {input,	cached, written, written_1h, output,
					     reasoning, known,	cost,	 epoch};
	struct params *p = &d->params;
	add_keys(p, asks, n);
	add_texts(p, asks, n, call_id);
	add_texts(p, asks, n, model_name);
	add_texts(p, asks, n, answer);
	add_texts(p, asks, n, error_class);
	add_texts(p, asks, n, error_text);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		add_numbers(p, asks, n, numbers[i]);
	return store(d, asks, n);
}

bool desk_refuses(const struct desk *d)
{
	return d->ledger && ledger_fault(d->ledger) == LEDGER_DATA;
}

static const char sql_reject[] =
	"UPDATE weir.answers SET error_class = $5, error = $6"
	" WHERE job_id = $1 AND stage = $2 AND ordinal = $3 AND call_id = $4";

int desk_reject(struct desk *d, const struct ask *ask, const struct weir_error *why)
{
	const struct weir_item *item = item_of(ask);
	params_reset(&d->params);
	params_text(&d->params, item->job_id);
	params_int(&d->params, (int32_t)item->stage);
	params_int(&d->params, (int32_t)item->ordinal);
	params_string(&d->params, ask->past.call_id);
	params_string(&d->params, why->code);
	params_string(&d->params, why->text);
	return run(d, "not_rejected", sql_reject);
}

/* ---- others ---- */

/* Whatever somebody has a lock on is left for the next time: our own flush may be ending it. */
static const char sql_renew[] =
	"UPDATE weir.calls SET held_until = now() + $2::interval"
	" WHERE ctid = ANY (ARRAY(SELECT k.ctid FROM weir.calls k WHERE k.holder = $1"
	"  FOR UPDATE SKIP LOCKED))";

int desk_renew(struct desk *d, int64_t *kept)
{
	params_reset(&d->params);
	params_string(&d->params, d->holder);
	params_string(&d->params, DESK_HOLD);
	return run_counted(d, "not_renewed", sql_renew, kept);
}

static const char sql_let_go[] =
	"DELETE FROM weir.calls WHERE ctid = ANY (ARRAY(SELECT k.ctid FROM weir.calls k"
	"  WHERE k.holder = $1 FOR UPDATE SKIP LOCKED))";

void desk_let_go(struct desk *d, const char *holder)
{
	params_reset(&d->params);
	params_string(&d->params, holder);
	if (desk_ready(d) && run(d, "not_let_go", sql_let_go) == 0)
		log_event(LOG_DEBUG, "calls_let_go", "holder=%s", holder);
}
