/* Settling: what was read of a remote batch becomes answers, or open requests. Each request leaves
 * its batch once, and is counted in the transaction in which it does; so the same results may be
 * read again after a crash, and change nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote_parts.h"
#include "weir/failpoint.h"
#include "weir/log.h"

/* The requests of these custom_ids that are in the batch, each found by its keys. */
#define REQUESTS_OF_U                                                                              \
	" CROSS JOIN LATERAL (SELECT i.ordinal FROM weir.items i WHERE i.custom_id = u.custom_id"  \
	"   AND i.job_id = $1 AND i.stage = $2 LIMIT 1) i"                                         \
	" CROSS JOIN LATERAL (SELECT r.ctid AS tid, r.attempt, r.ai_model, r.tries"                \
	"   FROM weir.requests r WHERE r.job_id = $1 AND r.stage = $2 AND r.ordinal = i.ordinal"   \
	"    AND r.remote_batch = $3"

#define COUNT                                                                                      \
	" UPDATE weir.remote_batches b SET succeeded = b.succeeded + c.succeeded,"                 \
	"  errored = b.errored + c.errored, canceled = b.canceled + c.canceled,"                   \
	"  expired = b.expired + c.expired, missing = b.missing + c.missing"                       \
	" FROM (SELECT count(*) FILTER (WHERE tally = 0)::int4 AS succeeded,"                      \
	"  count(*) FILTER (WHERE tally = 1)::int4 AS errored,"                                    \
	"  count(*) FILTER (WHERE tally = 2)::int4 AS canceled,"                                   \
	"  count(*) FILTER (WHERE tally = 3)::int4 AS expired,"                                    \
	"  count(*) FILTER (WHERE tally = 4)::int4 AS missing FROM k) c"                           \
	" WHERE b.id = $3"

/* First, and in the order in which flushes lock them. */
static const char lock[] =
	"SELECT FROM (SELECT i.ordinal FROM unnest($4::text[]) AS u(custom_id)"
	"  CROSS JOIN LATERAL (SELECT i.ordinal FROM weir.items i WHERE i.custom_id = u.custom_id"
	"   AND i.job_id = $1 AND i.stage = $2 LIMIT 1) i ORDER BY i.ordinal) i"
	" CROSS JOIN LATERAL (SELECT FROM weir.requests r WHERE r.job_id = $1 AND r.stage = $2"
	"  AND r.ordinal = i.ordinal AND r.remote_batch = $3 LIMIT 1 FOR UPDATE) r";

/* Nobody takes the remote batch over while this goes on. Who has lost it may add answers, but not
 * say that there are none. */
static const char keep_lease[] =
	"SELECT FROM weir.remote_batches WHERE id = $3 AND holder = $7 FOR NO KEY UPDATE";

/* lot 0 is open, 1 ended, 2 free, 3 unread; tally 4 is missing. A good answer to an item that has
 * one is extra, and was paid for as well. */
#define ROW_KEYS "job_id, stage, ordinal, call_id, attempt, ai_model, remote_batch, answer"
#define ROW_COUNTS                                                                                 \
	"input_tokens, cached_input_tokens, cache_write_tokens, cache_write_1h_tokens,"            \
	"  output_tokens, reasoning_tokens, usage_known, cost"
#define VALUES                                                                                     \
	"$1, $2, ordinal, call_id, attempt, ai_model, $3, answer,"                                 \
	"  input, cached, written, written_1h, output, reasoning, known = 1,"                      \
	"  nullif(cost, -1) * 0.000000000001"
#define ROWS_OF_U                                                                                  \
	"WITH u AS MATERIALIZED (SELECT * FROM unnest($4::text[], $5::int4[], $6::int4[],"         \
	"   $8::text[], $9::text[], $10::text[], $11::text[], $12::int4[], $13::int8[],"           \
	"   $14::int8[], $15::int8[], $16::int8[], $17::int8[], $18::int8[], $19::int4[],"         \
	"   $20::int8[], $21::int4[]) WITH ORDINALITY AS u(custom_id, lot, tally, call_id, "       \
	"answer, error_class, error, again,"                                                       \
	"    input, cached, written, written_1h, output, reasoning, known, cost, twin,"            \
	"    n))"
static const char answer[] = ROWS_OF_U
	","
	" l AS MATERIALIZED (SELECT DISTINCT ON (i.ordinal) u.*, i.ordinal, r.*,"
	"   u.lot = 1 OR r.tries + 1 >= $7 AS ends,"
	"   r.tries + 1 >= $7 AND (u.lot = 3 OR (u.lot = 0 AND u.tally = 4)) AS lost"
	"  FROM u" REQUESTS_OF_U
	"   AND (u.lot = 1 OR ((u.lot = 3 OR (u.lot = 0 AND r.tries + 1 >= $7))"
	"    AND EXISTS (SELECT FROM weir.remote_batches b WHERE b.id = $3 AND b.holder = $22)))"
	"   LIMIT 1) r"
	"  ORDER BY i.ordinal, u.error_class IS NOT NULL, u.n),"
	" k AS MATERIALIZED (SELECT * FROM l WHERE ends),"
	" g AS (INSERT INTO weir.answers (" ROW_KEYS ", " ROW_COUNTS ")"
	"  SELECT " VALUES " FROM l"
	"   WHERE error_class IS NULL ON CONFLICT DO NOTHING RETURNING ordinal),"
	" x AS (INSERT INTO weir.answers (" ROW_KEYS ", " ROW_COUNTS
	", error_class, error, again, spent)"
	"  SELECT " VALUES ", CASE WHEN lost THEN 'lost'"
	"    ELSE coalesce(error_class, 'extra_answer') END,"
	"   CASE WHEN lost THEN (tries + 1) || ' remote batches came back without its answer: '"
	"    || error ELSE coalesce(error, 'the item had a good answer already') END,"
	"   again = 1 AND NOT lost, error_class IS NULL OR NOT ends"
	"  FROM l WHERE NOT EXISTS (SELECT FROM g WHERE g.ordinal = l.ordinal)"
	"  ON CONFLICT DO NOTHING),"
	" d AS (DELETE FROM weir.requests WHERE ctid = ANY (ARRAY(SELECT tid FROM k)))" COUNT;

/* Of two lines of a custom_id, the one that did not count. */
static const char add_extra[] = ROWS_OF_U
	","
	" l AS (SELECT u.*, i.ordinal, b.ai_model, coalesce((SELECT max(a.attempt) FROM "
	"weir.answers a"
	"   WHERE a.job_id = $1 AND a.stage = $2 AND a.ordinal = i.ordinal AND a.remote_batch = "
	"$3),"
	"   0) AS attempt FROM u JOIN weir.remote_batches b ON b.id = $3"
	"  CROSS JOIN LATERAL (SELECT i.ordinal FROM weir.items i WHERE i.custom_id = u.custom_id"
	"   AND i.job_id = $1 AND i.stage = $2 LIMIT 1) i WHERE u.twin = 1)"
	" INSERT INTO weir.answers (" ROW_KEYS ", " ROW_COUNTS ", error_class, error, again, spent)"
	" SELECT " VALUES
	", 'extra_answer', 'the results have another line of the item', false, true"
	" FROM l ON CONFLICT DO NOTHING";

/* Those that were not answered just now. Only whoever has the lease may say that a request is to be
 * sent again. All from one moment on: if each had its own, a look in between would divide what is
 * sent, and paid for, together. */
#define MOMENT "(SELECT clock_timestamp())"
#define REOPEN(lots)                                                                               \
	"WITH k AS MATERIALIZED (SELECT DISTINCT ON (i.ordinal) r.tid, u.tally"                    \
	"  FROM unnest($4::text[], $5::int4[], $6::int4[]) AS u(custom_id, lot, "                  \
	"tally)" REQUESTS_OF_U "   AND u.lot IN (" lots ")"                                        \
	" AND EXISTS (SELECT FROM weir.remote_batches b"                                           \
	"    WHERE b.id = $3 AND b.holder = $7) LIMIT 1) r ORDER BY i.ordinal),"                   \
	" o AS (UPDATE weir.requests SET remote_batch = NULL, asked_at = " MOMENT
#define REOPEN_WHERE "  WHERE ctid = ANY (ARRAY(SELECT tid FROM k)))" COUNT

static const char reopen[] =
	REOPEN("0, 3") ", tries = tries + 1, not_before = " MOMENT
		       " + least($8 * power(4, tries), $9) * interval '1 ms'" REOPEN_WHERE;
static const char set_free[] = REOPEN("2") REOPEN_WHERE;

/* Behind all others, for the order of locks. */
static const char wake[] =
	"SELECT weir.wake_items($1, $2, array_agg(i.ordinal)) FROM unnest($4::text[]) AS "
	"u(custom_id)"
	" CROSS JOIN LATERAL (SELECT i.ordinal FROM weir.items i WHERE i.custom_id = u.custom_id"
	"   AND i.job_id = $1 AND i.stage = $2 LIMIT 1) i"
	" CROSS JOIN LATERAL (SELECT FROM weir.answers a WHERE a.job_id = $1 AND a.stage = $2"
	"   AND a.ordinal = i.ordinal AND a.remote_batch = $3 AND a.answered_at >= now()"
	"   AND (NOT a.spent OR a.error_class = 'extra_answer') LIMIT 1) a"
	" HAVING count(*) > 0";

/* Last. Lines that are read again pause nothing: an operator may have resumed the job since. */
static const char stop_job[] =
	"SELECT weir.pause_job($1, $10) FROM (SELECT FROM unnest($4::text[], $5::int4[])"
	"   AS u(custom_id, lot)"
	"  CROSS JOIN LATERAL (SELECT i.ordinal FROM weir.items i WHERE i.custom_id = u.custom_id"
	"   AND i.job_id = $1 AND i.stage = $2 LIMIT 1) i"
	"  CROSS JOIN LATERAL (SELECT FROM weir.requests r WHERE r.job_id = $1 AND r.stage = $2"
	"   AND r.ordinal = i.ordinal AND r.remote_batch IS NULL AND r.asked_at >= now() LIMIT 1) r"
	"  WHERE u.lot = 2 LIMIT 1) freed";

/* What of it was ours before, and requests of ours that these lines are of. */
static const char count_ours[] =
	"SELECT (SELECT succeeded + errored + canceled + expired FROM weir.remote_batches"
	"  WHERE id = $3) + (SELECT count(*) FROM unnest($4::text[]) AS u(custom_id)" REQUESTS_OF_U
	" LIMIT 1) r)";

/* ---- parameters ---- */

struct outcome_text outcome_add(struct outcomes *o, struct weir_text text)
{
	struct outcome_text t = {o->texts.size, text.size, text.data == NULL};
	if (text.data)
		buffer_add(&o->texts, text.data, text.size);
	return t;
}

static struct weir_text text_of(const struct outcomes *o, const struct outcome_text *t)
{
	if (t->absent)
		return (struct weir_text){NULL, 0};
	return (struct weir_text){o->texts.data ? o->texts.data + t->at : "", t->size};
}

#define ADD_COLUMN(p, o, type, add, value)                                                         \
	do {                                                                                       \
		params_array(p, type, (o)->size);                                                  \
		for (size_t i = 0; i < (o)->size; i++) {                                           \
			const struct outcome_row *row = &(o)->rows[i];                             \
			add(p, value);                                                             \
		}                                                                                  \
		params_array_end(p);                                                               \
	} while (0)

static void set_keys(struct params *p, const struct drive *d, const struct outcomes *o)
{
	params_reset(p);
	params_string(p, d->job);
	params_int(p, d->stage);
	params_big(p, d->id);
	ADD_COLUMN(p, o, TYPE_TEXT, params_add_text,
		   ((struct weir_text){row->custom_id, strlen(row->custom_id)}));
	ADD_COLUMN(p, o, TYPE_INT4, params_add_int, (int32_t)row->lot);
	ADD_COLUMN(p, o, TYPE_INT4, params_add_int, (int32_t)row->tally);
}

/* Who was not answered was not billed. */
static int64_t cost_of(const struct model *m, const struct outcome_row *row)
{
	return row->answer.absent ? 0 : model_cost(m, &row->usage);
}

static void add_usage(struct params *p, const struct model *m, const struct outcomes *o)
{
	ADD_COLUMN(p, o, TYPE_INT8, params_add_big, row->usage.input);
	ADD_COLUMN(p, o, TYPE_INT8, params_add_big, row->usage.cached);
	ADD_COLUMN(p, o, TYPE_INT8, params_add_big, row->usage.written);
	ADD_COLUMN(p, o, TYPE_INT8, params_add_big, row->usage.written_1h);
	ADD_COLUMN(p, o, TYPE_INT8, params_add_big, row->usage.output);
	ADD_COLUMN(p, o, TYPE_INT8, params_add_big, row->usage.reasoning);
	ADD_COLUMN(p, o, TYPE_INT4, params_add_int, row->usage.fault == NULL);
	ADD_COLUMN(p, o, TYPE_INT8, params_add_big, cost_of(m, row));
	ADD_COLUMN(p, o, TYPE_INT4, params_add_int, row->twin);
}

static void set_answers(struct params *p, const struct drive *d, const struct outcomes *o)
{
	set_keys(p, d, o);
	params_int(p, REMOTE_TRIES_MAX);
	ADD_COLUMN(p, o, TYPE_TEXT, params_add_text, text_of(o, &row->call_id));
	ADD_COLUMN(p, o, TYPE_TEXT, params_add_text, text_of(o, &row->answer));
	ADD_COLUMN(p, o, TYPE_TEXT, params_add_text, text_of(o, &row->class));
	ADD_COLUMN(p, o, TYPE_TEXT, params_add_text, text_of(o, &row->error));
	ADD_COLUMN(p, o, TYPE_INT4, params_add_int, row->again);
	add_usage(p, d->model, o);
	params_string(p, d->remote->plan.holder);
}

/* ---- storing ---- */

static bool has_twins(const struct outcomes *o)
{
	for (size_t i = 0; i < o->size; i++)
		if (o->rows[i].twin)
			return true;
	return false;
}

static bool has_lot(const struct outcomes *o, enum request_lot lot)
{
	for (size_t i = 0; i < o->size; i++)
		if (o->rows[i].lot == lot)
			return true;
	return false;
}

static void set_all_keys(struct drive *d, const struct outcomes *o, const struct weir_error *stop)
{
	struct params *p = &d->remote->keys;
	int64_t least = d->model->batch.poll_least_ms, most = d->model->batch.poll_most_ms;
	set_keys(p, d, o);
	params_string(p, d->remote->plan.holder);
	least = least > REMOTE_APART_MS ? least : REMOTE_APART_MS;
	params_big(p, least);
	params_big(p, most > 4 * least ? most : 4 * least);
	params_string(p, stop->text);
}

int outcomes_store(struct drive *d, struct outcomes *o, struct weir_error *err)
{
	struct remote *r = d->remote;
	struct remote_statement all[8];
	struct weir_error stop;
	PGresult *last = NULL;
	size_t n = 0;
	if (o->size == 0)
		return 0;
	if (buffer_failed(&o->texts))
		return weir_fail_memory(err);
	drive_stop_reason(d, &o->stop, &stop);
	set_answers(&r->params, d, o);
	set_all_keys(d, o, &stop);
	all[n++] = (struct remote_statement){lock, &r->keys};
	all[n++] = (struct remote_statement){keep_lease, &r->keys};
	all[n++] = (struct remote_statement){answer, &r->params};
	if (has_twins(o))
		all[n++] = (struct remote_statement){add_extra, &r->params};
	if (has_lot(o, LOT_OPEN) || has_lot(o, LOT_UNREAD))
		all[n++] = (struct remote_statement){reopen, &r->keys};
	if (has_lot(o, LOT_FREE))
		all[n++] = (struct remote_statement){set_free, &r->keys};
	all[n++] = (struct remote_statement){wake, &r->keys};
	if (*o->stop.code)
		all[n++] = (struct remote_statement){stop_job, &r->keys};
	if (remote_together(r, all, n, &last, err) < 0)
		return -1;
	if (*o->stop.code && PQntuples(last) > 0)
		drive_log_stop(d, &stop);
	PQclear(last);
	failpoint("remote_answers_stored");
	o->size = 0;
	o->stop.code[0] = '\0';
	buffer_reset(&o->texts);
	return 0;
}

int64_t outcomes_of_ours(struct drive *d, const struct outcomes *o, struct weir_error *err)
{
	PGresult *r = NULL;
	set_keys(&d->remote->params, d, o);
	if (remote_query(d->remote, count_ours, &r, err) < 0)
		return -1;
	int64_t n = ledger_big(r, 0, 0);
	PQclear(r);
	return n;
}

/* ---- requests without a line ---- */

static const char count_left[] =
	"SELECT (SELECT count(*) FROM weir.requests WHERE remote_batch = b.id),"
	" (b.succeeded + b.missing)::int8 FROM weir.remote_batches b WHERE b.id = $1";

int outcomes_left(struct drive *d, int64_t *left, struct weir_error *err)
{
	PGresult *r = NULL;
	params_reset(&d->remote->params);
	params_big(&d->remote->params, d->id);
	if (remote_query(d->remote, count_left, &r, err) < 0)
		return -1;
	int rc = PQntuples(r) == 1 ? 0 : weir_fail(err, "no_batch", "its row is gone");
	if (rc == 0) {
		*left = ledger_big(r, 0, 0);
		d->read.billed = ledger_big(r, 0, 1);
	}
	PQclear(r);
	return rc;
}

static const char read_rest[] =
	"SELECT custom_id FROM weir.requests WHERE remote_batch = $1 AND EXISTS (SELECT FROM"
	"  weir.remote_batches WHERE id = $1 AND holder = $3) ORDER BY ordinal LIMIT $2";

/* What may have been answered is an answer that nobody has seen. */
static void add_rest(const struct drive *d, struct outcomes *o, struct weir_text custom_id)
{
	struct outcome_row *row = &o->rows[o->size++];
	const struct ending *e = d->rest.ending;
	bool unread = e->lot == LOT_UNREAD;
	char call[96];
	int n = snprintf(call, sizeof call, "%lld/%.*s", (long long)d->id, (int)custom_id.size,
			 custom_id.data);
	const char *text = *d->rest.error.code ? d->rest.error.text : e->text;
	*row = (struct outcome_row){.lot = e->lot, .tally = e->tally, .again = e->lot != LOT_ENDED};
	if (unread)
		row->usage.fault = "there is no result that can be read";
	snprintf(row->custom_id, sizeof row->custom_id, "%.*s", (int)custom_id.size,
		 custom_id.data);
	row->call_id = outcome_add(o, (struct weir_text){call, (size_t)n});
	row->answer = outcome_add(o, (struct weir_text){unread ? "" : NULL, 0});
	row->class = outcome_add(o, (struct weir_text){e->class, strlen(e->class)});
	row->error = outcome_add(o, (struct weir_text){text, strlen(text)});
}

int outcomes_of_rest(struct drive *d, struct weir_error *err)
{
	PGresult *r = NULL;
	struct outcomes *o = calloc(1, sizeof *o);
	int rc = -1;
	if (!o)
		return weir_fail_memory(err);
	params_reset(&d->remote->params);
	params_big(&d->remote->params, d->id);
	params_int(&d->remote->params, REMOTE_CHUNK);
	params_string(&d->remote->params, d->remote->plan.holder);
	if (remote_query(d->remote, read_rest, &r, err) == 0) {
		int n = PQntuples(r);
		for (int i = 0; i < n; i++)
			add_rest(d, o, ledger_text(r, i, 0));
		rc = outcomes_store(d, o, err);
		if (rc == 0)
			rc = n > 0;
	}
	PQclear(r);
	buffer_release(&o->texts);
	free(o);
	return rc;
}
