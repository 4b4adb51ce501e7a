#include "statements.h"

#include <string.h>

#include "consumer.h"
#include "refusal.h"
#include "weir/models.h"
#include "weir/progress.h"
#include "weir/templates.h"

/* Not of a job of the same name that was purged: its messages and calls may still be on the way. */
#define OF_THIS_JOB                                                                                \
	" EXISTS (SELECT FROM weir.jobs j WHERE j.job_id = u.job_id AND j.first_epoch <= u.epoch)"

/* The LATERALs with LIMIT make each row a look-up by key, whatever the planner thinks of sizes. */
static const char sql_claim[] =
	"WITH u AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::int4[], $3::int4[],"
	"  $4::text[], $5::int4[], $6::int4[], $7::text[], $8::text[], $9::text[], $10::float8[],"
	"  $11::int4[])"
	"  AS u(job_id, stage, ordinal, custom_id, status, attempts, result, error_class, error,"
	"       ms, epoch)),"
	" c AS (INSERT INTO weir.results (job_id, stage, ordinal, status, attempts, result,"
	"   error_class, error, processing_ms)"
	"  SELECT u.job_id, u.stage, u.ordinal, u.status, u.attempts, u.result::json,"
	"   u.error_class, u.error, u.ms FROM u"
	"  CROSS JOIN LATERAL (SELECT i.custom_id FROM weir.items i WHERE i.job_id = u.job_id"
	"   AND i.stage = u.stage AND i.ordinal = u.ordinal LIMIT 1) i"
	"  WHERE i.custom_id = u.custom_id AND" OF_THIS_JOB
	"  ON CONFLICT DO NOTHING RETURNING job_id, stage, ordinal)"
	" SELECT c.job_id, c.stage::int4, c.ordinal, i.custom_id, i.table_name, i.record_id FROM c"
	"  CROSS JOIN LATERAL (SELECT i.custom_id, i.table_name, i.record_id FROM weir.items i"
	"   WHERE i.job_id = c.job_id AND i.stage = c.stage AND i.ordinal = c.ordinal LIMIT 1) i";

/* The two halves of the hopeful claim, for items of one stage of one job that nobody has claimed
 * before: one look-up each, and an insert that knows no conflict, which is half the work of one
 * that does. (One walk by "ordinal = ANY" would be cheaper still, but a planner without statistics
 * reads the whole job for it.) */
static const char sql_find[] =
	"SELECT $1, $2::int4, i.ordinal, i.custom_id, i.table_name, i.record_id"
	" FROM unnest($3::int4[], $4::int4[]) AS u(ordinal, epoch)"
	" CROSS JOIN LATERAL (SELECT i.ordinal, i.custom_id, i.table_name, i.record_id"
	"  FROM weir.items i WHERE i.job_id = $1 AND i.stage = $2 AND i.ordinal = u.ordinal"
	"  LIMIT 1) i"
	" WHERE u.epoch >= (SELECT j.first_epoch FROM weir.jobs j WHERE j.job_id = $1)";

static const char sql_insert[] =
	"INSERT INTO weir.results (job_id, stage, ordinal, status, attempts, result, error_class,"
	"  error, processing_ms)"
	" SELECT $1, $2, ordinal, status, attempts, result::json, error_class, error, ms"
	" FROM unnest($3::int4[], $4::int4[], $5::int4[], $6::text[], $7::text[], $8::text[],"
	"  $9::float8[])"
	"  AS u(ordinal, status, attempts, result, error_class, error, ms)";

/* Of items that were not claimed: are they final already (3: with their job, which was purged), or
 * not in the ledger at all? */
static const char sql_look_up[] =
	"SELECT CASE WHEN EXISTS (SELECT FROM weir.jobs j WHERE j.job_id = u.job_id"
	"   AND j.first_epoch > u.epoch) THEN 3 ELSE coalesce(r.status, 0) END::int4,"
	"  i.custom_id IS NOT NULL"
	" FROM unnest($1::text[], $2::int4[], $3::int4[], $4::text[], $5::int4[])"
	"      WITH ORDINALITY AS u(job_id, stage, ordinal, custom_id, epoch, pos)"
	" LEFT JOIN LATERAL (SELECT i.custom_id FROM weir.items i WHERE i.job_id = u.job_id"
	"      AND i.stage = u.stage AND i.ordinal = u.ordinal AND i.custom_id = u.custom_id"
	"      LIMIT 1) i ON true"
	" LEFT JOIN LATERAL (SELECT r.status FROM weir.results r WHERE r.job_id = u.job_id"
	"      AND r.stage = u.stage AND r.ordinal = u.ordinal LIMIT 1) r ON true"
	" ORDER BY u.pos";

/* Somebody else may have asked, and have an answer, since this was looked up: a good one, one more
 * that was bad, or how this attempt ends. */
static const char sql_request[] =
	"INSERT INTO weir.requests (job_id, stage, ordinal, custom_id, attempt, ai_model, "
	"model_key,"
	"  tokens, body)"
	" SELECT u.job_id, u.stage, u.ordinal, u.custom_id, u.attempt, u.ai_model, u.model_key,"
	"  u.tokens, u.body"
	" FROM unnest($1::text[], $2::int4[], $3::int4[], $4::text[], $5::int4[], $6::text[],"
	"  $7::text[], $8::int4[], $9::text[], $10::int4[], $11::int4[])"
	"  AS u(job_id, stage, ordinal, custom_id, attempt, ai_model, model_key, tokens, body,"
	"       bad, epoch)"
	" CROSS JOIN LATERAL (SELECT i.custom_id FROM weir.items i WHERE i.job_id = u.job_id"
	"  AND i.stage = u.stage AND i.ordinal = u.ordinal AND i.custom_id = u.custom_id"
	"  LIMIT 1) i"
	" WHERE NOT EXISTS (SELECT FROM weir.results r WHERE r.job_id = u.job_id"
	"  AND r.stage = u.stage AND r.ordinal = u.ordinal)"
	"  AND NOT EXISTS (SELECT FROM weir.answers a WHERE a.job_id = u.job_id"
	"   AND a.stage = u.stage AND a.ordinal = u.ordinal AND a.error_class IS NULL)"
	"  AND u.bad >= (SELECT count(*) FROM weir.answers a WHERE a.job_id = u.job_id"
	"   AND a.stage = u.stage AND a.ordinal = u.ordinal AND NOT a.spent"
	"   AND a.error_class IN ('bad_answer', 'cut_answer'))"
	"  AND NOT EXISTS (SELECT FROM weir.answers a WHERE a.job_id = u.job_id"
	"   AND a.stage = u.stage AND a.ordinal = u.ordinal AND NOT a.spent"
	"   AND a.attempt >= u.attempt AND a.error_class NOT IN ('bad_answer', 'cut_answer'))"
	"  AND" OF_THIS_JOB " ON CONFLICT DO NOTHING";

/* As all do who lock requests. */
#define KEYS_IN_ORDER                                                                              \
	" (SELECT * FROM unnest($1::text[], $2::int4[], $3::int4[]) AS u(job_id, stage, ordinal)"  \
	" ORDER BY 1, 2, 3) u"

/* Somebody may just be writing the answer, whose request is gone with that: what comes after this
 * waits for him, and sees the answer. Who asked a moment before, and does not know whether that was
 * committed, would ask again. */
static const char sql_await_answers[] =
	"SELECT count(*) FROM" KEYS_IN_ORDER " CROSS JOIN LATERAL (SELECT FROM weir.requests q"
	"  WHERE q.job_id = u.job_id AND q.stage = u.stage AND q.ordinal = u.ordinal LIMIT 1"
	"  FOR KEY SHARE) q";

/* The lock waits for somebody who is just writing the answer, and then finds no request. */
static const char sql_sleep[] =
	"WITH q AS (SELECT u.*, q.attempt FROM" KEYS_IN_ORDER
	" CROSS JOIN LATERAL (SELECT q.attempt"
	"  FROM weir.requests q WHERE q.job_id = u.job_id AND q.stage = u.stage"
	"   AND q.ordinal = u.ordinal LIMIT 1 FOR KEY SHARE) q)"
	" INSERT INTO weir.retries AS w (job_id, stage, ordinal, attempts, due_at)"
	" SELECT job_id, stage, ordinal, attempt, now() + weir.asked_for() FROM q"
	" ORDER BY job_id, stage, ordinal"
	" ON CONFLICT (job_id, stage, ordinal) DO UPDATE SET due_at = excluded.due_at,"
	"  error_class = NULL, error = NULL WHERE w.attempts <= excluded.attempts";

static const char sql_end_calls[] =
	"DELETE FROM weir.calls w"
	" USING unnest($1::text[], $2::int4[], $3::int4[], $4::text[])"
	"  AS u(job_id, stage, ordinal, holder)"
	" WHERE w.job_id = u.job_id AND w.stage = u.stage AND w.ordinal = u.ordinal"
	"  AND w.holder = u.holder";

#define PUT_OFF                                                                                    \
	"INSERT INTO weir.retries AS w (job_id, stage, ordinal, attempts, due_at, error_class,"    \
	"  error, waits_since)"                                                                    \
	" SELECT u.job_id, u.stage, u.ordinal, u.attempts, now() + u.pause * interval '1 us',"     \
	"  u.error_class, u.error, CASE WHEN u.lasting = 1 THEN now() END"                         \
	" FROM unnest($1::text[], $2::int4[], $3::int4[], $4::text[], $5::int4[], $6::int8[],"     \
	"  $7::text[], $8::text[], $9::int4[], $10::int4[])"                                       \
	"  AS u(job_id, stage, ordinal, custom_id, attempts, pause, error_class, error, epoch,"    \
	"       lasting)"                                                                          \
	" CROSS JOIN LATERAL (SELECT i.custom_id FROM weir.items i WHERE i.job_id = u.job_id"      \
	"  AND i.stage = u.stage AND i.ordinal = u.ordinal AND i.custom_id = u.custom_id"          \
	"  LIMIT 1) i"                                                                             \
	" WHERE" OF_THIS_JOB " AND NOT EXISTS (SELECT FROM weir.results r"                         \
	"  WHERE r.job_id = u.job_id AND r.stage = u.stage AND r.ordinal = u.ordinal)"             \
	" ON CONFLICT (job_id, stage, ordinal) DO UPDATE SET attempts = excluded.attempts,"        \
	"  error_class = excluded.error_class, error = excluded.error, waits_since = CASE"         \
	"   WHEN " STILL_WAITS " THEN w.waits_since ELSE excluded.waits_since END, due_at = "

/* For the same as the last time: its row tells since when. */
#define STILL_WAITS                                                                                \
	"excluded.waits_since IS NOT NULL AND w.waits_since IS NOT NULL"                           \
	" AND w.error_class = excluded.error_class"

/* A second delivery of the same attempt changes nothing. */
static const char sql_put_off[] =
	"WITH w AS (" PUT_OFF "excluded.due_at WHERE w.attempts < excluded.attempts"
	"  RETURNING job_id, stage, ordinal, attempts, error_class, error)"
	" INSERT INTO weir.attempts (job_id, stage, ordinal, attempt, error_class, error)"
	" SELECT job_id, stage, ordinal, attempts, error_class, error FROM w";

/* The row is there if its message was a retry, or if it was noted while in hand. */
static const char sql_defer[] =
	PUT_OFF "least(w.due_at, excluded.due_at + CASE WHEN " STILL_WAITS
		"  THEN weir.longer_pause(w.waits_since) ELSE interval '0' END)"
		" WHERE w.attempts <= excluded.attempts";

static const char sql_note[] =
	"INSERT INTO weir.retries AS w (job_id, stage, ordinal, attempts, due_at)"
	" SELECT DISTINCT ON (u.job_id, u.stage, u.ordinal) u.job_id, u.stage, u.ordinal,"
	"  u.attempts, now() + $7::int8 * interval '1 us'"
	" FROM unnest($1::text[], $2::int4[], $3::int4[], $4::text[], $5::int4[], $6::int4[])"
	"  AS u(job_id, stage, ordinal, custom_id, attempts, epoch)"
	" CROSS JOIN LATERAL (SELECT i.custom_id FROM weir.items i WHERE i.job_id = u.job_id"
	"  AND i.stage = u.stage AND i.ordinal = u.ordinal AND i.custom_id = u.custom_id"
	"  LIMIT 1) i"
	" WHERE" OF_THIS_JOB " AND NOT EXISTS (SELECT FROM weir.results r"
	"  WHERE r.job_id = u.job_id AND r.stage = u.stage AND r.ordinal = u.ordinal)"
	" ORDER BY u.job_id, u.stage, u.ordinal, u.attempts DESC"
	" ON CONFLICT (job_id, stage, ordinal) DO UPDATE SET due_at = excluded.due_at"
	" WHERE w.attempts <= excluded.attempts";

/* No larger than what can be a message at all. */
#define FITTING(COLUMN)                                                                            \
	" CASE WHEN octet_length(" COLUMN "::text) <= 4194304 THEN " COLUMN "::text END,"

static const char sql_read_items[] =
	"SELECT i.custom_id IS NOT NULL," FITTING("i.payload") FITTING("i.context")
	FITTING("s.context") " i.context IS NOT NULL, s.kind, i.table_name, i.record_id,"
	"  coalesce(w.attempts, 0)::int4, r.status IS NOT NULL"
	" FROM unnest($1::text[], $2::int4[], $3::int4[], $4::text[], $5::int4[])"
	"      WITH ORDINALITY AS u(job_id, stage, ordinal, custom_id, epoch, pos)"
	" LEFT JOIN LATERAL (SELECT * FROM weir.items i WHERE i.job_id = u.job_id"
	"      AND i.stage = u.stage AND i.ordinal = u.ordinal AND i.custom_id = u.custom_id"
	"      LIMIT 1) i ON true"
	" LEFT JOIN LATERAL (SELECT * FROM weir.job_stages s WHERE s.job_id = u.job_id"
	"      AND s.stage = u.stage LIMIT 1) s ON true"
	" LEFT JOIN LATERAL (SELECT w.attempts FROM weir.retries w WHERE w.job_id = u.job_id"
	"      AND w.stage = u.stage AND w.ordinal = u.ordinal LIMIT 1) w ON true"
	" LEFT JOIN LATERAL (SELECT r.status FROM weir.results r WHERE r.job_id = u.job_id"
	"      AND r.stage = u.stage AND r.ordinal = u.ordinal LIMIT 1) r ON true"
	" ORDER BY u.pos";

/* Whoever spoils messages on their way may spoil the next one too: it is not sent at once. */
static const char sql_send_anew[] =
	"INSERT INTO weir.retries AS w (job_id, stage, ordinal, attempts, due_at, error_class,"
	"  error)"
	" SELECT DISTINCT u.job_id, u.stage, u.ordinal, 0, now(), 'not_as_in_ledger',"
	"  'a message of it was not what the ledger has, and is kept as a dead letter'"
	" FROM unnest($1::text[], $2::int4[], $3::int4[], $4::text[], $5::int4[])"
	"  AS u(job_id, stage, ordinal, custom_id, epoch)"
	" CROSS JOIN LATERAL (SELECT FROM weir.items i WHERE i.job_id = u.job_id"
	"  AND i.stage = u.stage AND i.ordinal = u.ordinal AND i.custom_id = u.custom_id"
	"  LIMIT 1) i"
	" WHERE" OF_THIS_JOB " AND NOT EXISTS (SELECT FROM weir.results r"
	"  WHERE r.job_id = u.job_id AND r.stage = u.stage AND r.ordinal = u.ordinal)"
	" ORDER BY u.job_id, u.stage, u.ordinal"
	" ON CONFLICT (job_id, stage, ordinal) DO UPDATE SET error_class = excluded.error_class,"
	"  error = excluded.error, due_at = now() + CASE WHEN w.error_class = excluded.error_class"
	"   THEN interval '1 minute' ELSE interval '0' END"
	" WHERE w.due_at = 'infinity'";

/* A row that was noted has no error; one that waits for its next attempt has. */
static const char sql_free[] =
	"UPDATE weir.retries w SET due_at = now()"
	" FROM unnest($1::text[], $2::int4[], $3::int4[], $4::text[], $5::int4[], $6::int4[])"
	"  AS u(job_id, stage, ordinal, custom_id, attempts, epoch)"
	" WHERE" OF_THIS_JOB
	" AND w.job_id = u.job_id AND w.stage = u.stage AND w.ordinal = u.ordinal"
	"  AND w.attempts = u.attempts AND w.error_class IS NULL AND w.due_at > now()"
	"  AND isfinite(w.due_at) AND NOT weir.is_parked(w.due_at)";

static const char sql_end_retries[] =
	"DELETE FROM weir.retries w"
	" USING unnest($1::text[], $2::int4[], $3::int4[]) AS u(job_id, stage, ordinal)"
	" WHERE w.job_id = u.job_id AND w.stage = u.stage AND w.ordinal = u.ordinal";

static const char sql_keep_letters[] =
	"INSERT INTO weir.dead_letters (queue, reason_code, reason, content_type, message_id, body)"
	" SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],"
	"  $6::bytea[])";

/* The last rows that a flush locks, and only until the commit that follows: consumers that share a
 * batch hardly wait for each other. */
const char statement_count_batches[] =
	"UPDATE weir.job_batches b SET success = b.success + u.good, failed = b.failed + u.bad"
	" FROM unnest($1::text[], $2::int4[], $3::int4[], $4::int4[], $5::int4[])"
	"  AS u(job_id, stage, n, good, bad)"
	" WHERE b.job_id = u.job_id AND b.stage = u.stage AND b.n = u.n";

#define TRIALS_OF                                                                                  \
	" unnest($1::text[], $2::int4[], $3::int4[]) AS u(job_id, stage, ordinal)"                 \
	" WHERE t.job_id = u.job_id AND t.stage = u.stage AND t.ordinal = u.ordinal"

#define IS_FINAL                                                                                   \
	" EXISTS (SELECT FROM weir.results r WHERE r.job_id = t.job_id AND r.stage = t.stage"      \
	"  AND r.ordinal = t.ordinal)"

/* Crashes are remembered until the item is final: it may be put off, and crash when it comes back.
 */
static const char sql_end_trials[] =
	"WITH gone AS (DELETE FROM weir.trials t USING" TRIALS_OF "  AND (t.crashes = 0 OR" IS_FINAL
	"))"
	" UPDATE weir.trials t SET begun = 0 FROM" TRIALS_OF " AND t.crashes > 0 AND NOT" IS_FINAL;

static const char sql_leave_trials[] =
	"UPDATE weir.trials t SET begun = greatest(t.begun - 1, 0) FROM" TRIALS_OF;

/* A row of a consumer of before has no more than starts, which are no matter. */
static const char sql_read_trials[] =
	"SELECT coalesce(r.status, 0)::int4, coalesce(t.crashes, 0)::int4,"
	"  coalesce(t.begun, 0)::int4, coalesce(t.alone, false), t.alone IS NOT NULL, t.reason"
	" FROM unnest($1::text[], $2::int4[], $3::int4[])"
	"      WITH ORDINALITY AS u(job_id, stage, ordinal, pos)"
	" LEFT JOIN LATERAL (SELECT * FROM weir.trials t WHERE t.job_id = u.job_id"
	"      AND t.stage = u.stage AND t.ordinal = u.ordinal LIMIT 1) t ON true"
	" LEFT JOIN LATERAL (SELECT status FROM weir.results r WHERE r.job_id = u.job_id"
	"      AND r.stage = u.stage AND r.ordinal = u.ordinal LIMIT 1) r ON true"
	" ORDER BY u.pos";

static const char sql_begin_trials[] =
	"INSERT INTO weir.trials AS t (job_id, stage, ordinal, begun, alone)"
	" SELECT DISTINCT job_id, stage, ordinal, 1, true"
	" FROM unnest($1::text[], $2::int4[], $3::int4[]) AS u(job_id, stage, ordinal)"
	" ORDER BY 1, 2, 3"
	" ON CONFLICT (job_id, stage, ordinal)"
	" DO UPDATE SET begun = t.begun + 1, alone = true, started_at = now()";

/* ---- columns ---- */

enum column_type { COLUMN_END, COLUMN_TEXT, COLUMN_BYTES, COLUMN_INT, COLUMN_BIG, COLUMN_REAL };

struct column {
	enum column_type type;
	struct weir_text (*text)(const struct delivery *d); /* TEXT, BYTES */
	int64_t (*number)(const struct delivery *d);	    /* INT, BIG */
	double (*real)(const struct delivery *d);
};

static struct weir_text col_job(const struct delivery *d) { return d->message.item.job_id; }
static struct weir_text col_id(const struct delivery *d) { return d->message.item.custom_id; }
static int64_t col_stage(const struct delivery *d) { return d->message.item.stage; }
static int64_t col_ordinal(const struct delivery *d) { return d->message.item.ordinal; }
static int64_t col_epoch(const struct delivery *d) { return d->message.item.epoch; }
static int64_t col_attempts(const struct delivery *d) { return d->attempts; }
static int64_t col_charged(const struct delivery *d) { return d->message.item.attempt; }
static int64_t col_pause(const struct delivery *d) { return d->retry_us; }
static int64_t col_lasting(const struct delivery *d) { return d->fate == FATE_DEFER && d->lasting; }
static int64_t col_status(const struct delivery *d)
{
	return d->fate == FATE_SUCCESS ? ITEM_SUCCESS : ITEM_FAILED;
}

static struct weir_text col_result(const struct delivery *d)
{
	return (struct weir_text){d->result.data, d->result.size};
}

static struct weir_text col_class(const struct delivery *d)
{
	if (d->fate == FATE_SUCCESS)
		return (struct weir_text){NULL, 0};
	return (struct weir_text){d->error->code, strlen(d->error->code)};
}

static struct weir_text col_error(const struct delivery *d)
{
	if (d->fate == FATE_SUCCESS)
		return (struct weir_text){NULL, 0};
	return (struct weir_text){d->error->text, strlen(d->error->text)};
}

static struct weir_text col_queue(const struct delivery *d)
{
	return refusal_text(d, REFUSAL_QUEUE);
}
static struct weir_text col_type(const struct delivery *d) { return refusal_text(d, REFUSAL_TYPE); }
static struct weir_text col_message(const struct delivery *d)
{
	return refusal_text(d, REFUSAL_ID);
}

static struct weir_text col_body(const struct delivery *d)
{
	return (struct weir_text){d->body ? d->body : "", d->body ? d->body_size : 0};
}

static struct weir_text col_model(const struct delivery *d)
{
	return (struct weir_text){d->model->name, strlen(d->model->name)};
}

static struct weir_text col_template(const struct delivery *d)
{
	const char *name = template_name(d->template);
	return (struct weir_text){name, strlen(name)};
}

static int64_t col_bad(const struct delivery *d) { return d->bad; }
static int64_t col_tokens(const struct delivery *d) { return d->tokens; }

static struct weir_text col_holder(const struct delivery *d)
{
	const char *name = d->lane->consumer->name;
	return (struct weir_text){name, strlen(name)};
}

static double col_ms(const struct delivery *d)
{
	return (double)(d->ended_us - d->began_us) / 1000.0;
}

#define KEY                                                                                        \
	{.type = COLUMN_TEXT, .text = col_job}, {.type = COLUMN_INT, .number = col_stage},         \
	{                                                                                          \
		.type = COLUMN_INT, .number = col_ordinal                                          \
	}

static const struct column key[] = {KEY, {.type = COLUMN_END}};

static const struct column key_and_holder[] = {
	KEY, {.type = COLUMN_TEXT, .text = col_holder}, {.type = COLUMN_END}};

static const struct column key_and_id[] = {
	KEY,
	{.type = COLUMN_TEXT, .text = col_id},
	{.type = COLUMN_INT, .number = col_epoch},
	{.type = COLUMN_END},
};

static const struct column results[] = {
	KEY,
	{.type = COLUMN_TEXT, .text = col_id},
	{.type = COLUMN_INT, .number = col_status},
	{.type = COLUMN_INT, .number = col_attempts},
	{.type = COLUMN_TEXT, .text = col_result},
	{.type = COLUMN_TEXT, .text = col_class},
	{.type = COLUMN_TEXT, .text = col_error},
	{.type = COLUMN_REAL, .real = col_ms},
	{.type = COLUMN_INT, .number = col_epoch},
	{.type = COLUMN_END},
};

/* Of one stage: the job and the stage are no columns, but the first two parameters. */
static const struct column ordinals[] = {
	{.type = COLUMN_INT, .number = col_ordinal},
	{.type = COLUMN_INT, .number = col_epoch},
	{.type = COLUMN_END},
};

static const struct column stage_results[] = {
	{.type = COLUMN_INT, .number = col_ordinal},  {.type = COLUMN_INT, .number = col_status},
	{.type = COLUMN_INT, .number = col_attempts}, {.type = COLUMN_TEXT, .text = col_result},
	{.type = COLUMN_TEXT, .text = col_class},     {.type = COLUMN_TEXT, .text = col_error},
	{.type = COLUMN_REAL, .real = col_ms},	      {.type = COLUMN_END},
};

static const struct column requests[] = {
	KEY,
	{.type = COLUMN_TEXT, .text = col_id},
	{.type = COLUMN_INT, .number = col_charged},
	{.type = COLUMN_TEXT, .text = col_model},
	{.type = COLUMN_TEXT, .text = col_template},
	{.type = COLUMN_INT, .number = col_tokens},
	{.type = COLUMN_TEXT, .text = col_result},
	{.type = COLUMN_INT, .number = col_bad},
	{.type = COLUMN_INT, .number = col_epoch},
	{.type = COLUMN_END},
};

static const struct column letters[] = {
	{.type = COLUMN_TEXT, .text = col_queue},
	{.type = COLUMN_TEXT, .text = col_class},
	{.type = COLUMN_TEXT, .text = col_error},
	{.type = COLUMN_TEXT, .text = col_type},
	{.type = COLUMN_TEXT, .text = col_message},
	{.type = COLUMN_BYTES, .text = col_body},
	{.type = COLUMN_END},
};

static const struct column deferred[] = {
	KEY,
	{.type = COLUMN_TEXT, .text = col_id},
	{.type = COLUMN_INT, .number = col_charged},
	{.type = COLUMN_BIG, .number = col_pause},
	{.type = COLUMN_TEXT, .text = col_class},
	{.type = COLUMN_TEXT, .text = col_error},
	{.type = COLUMN_INT, .number = col_epoch},
	{.type = COLUMN_INT, .number = col_lasting},
	{.type = COLUMN_END},
};

static const struct column notes[] = {
	KEY,
	{.type = COLUMN_TEXT, .text = col_id},
	{.type = COLUMN_INT, .number = col_charged},
	{.type = COLUMN_INT, .number = col_epoch},
	{.type = COLUMN_END},
};

static const struct column retries[] = {
	KEY,
	{.type = COLUMN_TEXT, .text = col_id},
	{.type = COLUMN_INT, .number = col_attempts},
	{.type = COLUMN_BIG, .number = col_pause},
	{.type = COLUMN_TEXT, .text = col_class},
	{.type = COLUMN_TEXT, .text = col_error},
	{.type = COLUMN_INT, .number = col_epoch},
	{.type = COLUMN_INT, .number = col_lasting},
	{.type = COLUMN_END},
};

/* ---- statements ---- */

struct host_statement {
	const char *sql;
	const struct column *columns;
	bool one_stage; /* the job and the stage are single parameters, before the columns */
};

const struct host_statement statement_claim = {sql_claim, results, false};
const struct host_statement statement_find = {sql_find, ordinals, true};
const struct host_statement statement_insert = {sql_insert, stage_results, true};
const struct host_statement statement_look_up = {sql_look_up, key_and_id, false};
const struct host_statement statement_await_answers = {sql_await_answers, key, false};
const struct host_statement statement_request = {sql_request, requests, false};
const struct host_statement statement_sleep = {sql_sleep, key, false};
const struct host_statement statement_put_off = {sql_put_off, retries, false};
const struct host_statement statement_defer = {sql_defer, deferred, false};
const struct host_statement statement_note = {sql_note, notes, false};
const struct host_statement statement_read_items = {sql_read_items, key_and_id, false};
const struct host_statement statement_send_anew = {sql_send_anew, key_and_id, false};
const struct host_statement statement_free = {sql_free, notes, false};
const struct host_statement statement_end_retries = {sql_end_retries, key, false};
const struct host_statement statement_end_calls = {sql_end_calls, key_and_holder, false};
const struct host_statement statement_keep_letters = {sql_keep_letters, letters, false};
const struct host_statement statement_read_trials = {sql_read_trials, key, false};
const struct host_statement statement_begin_trials = {sql_begin_trials, key, false};
const struct host_statement statement_leave_trials = {sql_leave_trials, key, false};
const struct host_statement statement_end_trials = {sql_end_trials, key, false};

const char *statement_sql(const struct host_statement *s) { return s->sql; }

static void add_value(struct params *p, const struct column *c, const struct delivery *d)
{
	switch (c->type) {
	case COLUMN_TEXT:
	case COLUMN_BYTES:
		params_add_text(p, c->text(d));
		break;
	case COLUMN_INT:
		params_add_int(p, (int32_t)c->number(d));
		break;
	case COLUMN_BIG:
		params_add_big(p, c->number(d));
		break;
	case COLUMN_REAL:
		params_add_real(p, c->real(d));
		break;
	case COLUMN_END:
		break;
	}
}

void statement_fill(const struct host_statement *s, struct params *p, struct delivery *const *d,
		    size_t n)
{
	static const Oid types[] = {[COLUMN_TEXT] = TYPE_TEXT,
				    [COLUMN_BYTES] = TYPE_BYTEA,
				    [COLUMN_INT] = TYPE_INT4,
				    [COLUMN_BIG] = TYPE_INT8,
				    [COLUMN_REAL] = TYPE_FLOAT8};
	params_reset(p);
	if (s->one_stage) {
		params_text(p, col_job(d[0]));
		params_int(p, (int32_t)col_stage(d[0]));
	}
	for (const struct column *c = s->columns; c->type != COLUMN_END; c++) {
		params_array(p, types[c->type], n);
		for (size_t i = 0; i < n; i++)
			add_value(p, c, d[i]);
		params_array_end(p);
	}
}

/* ---- counts ---- */

/* How many items of each batch this flush made final. */
struct tallies {
	size_t size;
	const struct delivery *of[FLUSH_MAX]; /* one of the batch */
	int32_t stage[FLUSH_MAX], n[FLUSH_MAX], good[FLUSH_MAX], bad[FLUSH_MAX];
};

static bool is_last(const struct tallies *t, const struct delivery *d, int32_t n)
{
	size_t last = t->size - 1;
	return t->size > 0 && t->n[last] == n && t->stage[last] == (int32_t)col_stage(d) &&
	       t->of[last]->job == d->job;
}

static void tally(struct tallies *t, const struct delivery *d)
{
	int32_t n = (int32_t)(d->message.item.ordinal / d->job->batch_size);
	if (!is_last(t, d, n)) {
		t->of[t->size] = d;
		t->stage[t->size] = (int32_t)col_stage(d);
		t->n[t->size] = n;
		t->good[t->size] = t->bad[t->size] = 0;
		t->size++;
	}
	if (d->fate == FATE_SUCCESS)
		t->good[t->size - 1]++;
	else
		t->bad[t->size - 1]++;
}

static void add_ints(struct params *p, const int32_t *values, size_t n)
{
	params_array(p, TYPE_INT4, n);
	for (size_t i = 0; i < n; i++)
		params_add_int(p, values[i]);
	params_array_end(p);
}

void statement_fill_counts(struct params *p, struct delivery *const *d, size_t n)
{
	struct tallies t;
	t.size = 0;
	for (size_t i = 0; i < n; i++)
		if (d[i]->claimed)
			tally(&t, d[i]);
	params_reset(p);
	params_array(p, TYPE_TEXT, t.size);
	for (size_t i = 0; i < t.size; i++)
		params_add_text(p, col_job(t.of[i]));
	params_array_end(p);
	add_ints(p, t.stage, t.size);
	add_ints(p, t.n, t.size);
	add_ints(p, t.good, t.size);
	add_ints(p, t.bad, t.size);
}
