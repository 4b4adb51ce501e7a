/* Items that are due: batches, and single ones that are tried again. */
#include <string.h>

#include "outbox.h"
#include "weir/message.h"
#include "weir/topology.h"

#define REFUSED_PAUSE "5 seconds"

#define ITEM_COLUMNS                                                                               \
	" i.custom_id, i.context::text, i.payload::text, i.table_name, i.record_id, d.kind,"       \
	" d.epoch,"

#define BATCH_UNITS                                                                                \
	" FROM unnest($1::text[], $2::int4[], $3::int4[]) AS u(job_id, stage, n)"                  \
	" WHERE b.job_id = u.job_id AND b.stage = u.stage AND b.n = u.n"
#define RETRY_UNITS                                                                                \
	" FROM unnest($1::text[], $2::int4[], $3::int4[]) AS u(job_id, stage, ordinal)"            \
	" WHERE w.job_id = u.job_id AND w.stage = u.stage AND w.ordinal = u.ordinal"

/* Whose rows are taken, and how many of each. */
#define TURNS                                                                                      \
	" FROM unnest($1::text[], $2::int4[], $3::int4[]) WITH ORDINALITY"                         \
	"   AS t(job_id, stage, most, turn)"                                                       \
	"  JOIN weir.jobs j ON j.job_id = t.job_id AND j.status IN ('pending', 'running')"         \
	"  JOIN weir.job_stages s ON s.job_id = t.job_id AND s.stage = t.stage"

/* Of a batch that may have been published before, what is final or waits for another try of its own
 * stays out; where nothing is left, there is one row without an item. A first publish does not ask
 * (the sub-selects are not run, and being no EXISTS they are never read as whole tables).
 *
 * How many bytes a batch has is guessed from its first item. */
static const char claim_batches[] =
	"WITH c AS MATERIALIZED (SELECT b.job_id, b.stage, b.n, b.size, s.kind, j.epoch,"
	"  j.batch_size, b.queued_at IS NOT NULL OR j.epoch > j.first_epoch"
	"   OR b.success + b.failed + b.cancelled > 0 AS again,"
	"  b.size * (SELECT octet_length(i.payload::text) FROM weir.items i"
	"   WHERE i.job_id = b.job_id AND i.stage = b.stage AND i.ordinal = b.n * j.batch_size)"
	"   AS bytes" TURNS " CROSS JOIN LATERAL (SELECT * FROM weir.job_batches k"
	"   WHERE k.job_id = t.job_id AND k.stage = t.stage AND k.status = 'pending_queue'"
	"    AND k.due_at <= now() ORDER BY k.due_at, k.n LIMIT t.most"
	"   FOR UPDATE SKIP LOCKED) b"
	"  ORDER BY t.turn, b.due_at, b.n),"
	" d AS (SELECT * FROM (SELECT *, sum(bytes) OVER (ROWS UNBOUNDED PRECEDING) - bytes"
	"   AS before FROM c) c WHERE coalesce(before, 0) < $4)"
	"SELECT d.job_id, d.stage::int4, i.ordinal," ITEM_COLUMNS " 0, d.n"
	" FROM d LEFT JOIN LATERAL (SELECT * FROM weir.items i WHERE i.job_id = d.job_id"
	"  AND i.stage = d.stage AND i.ordinal >= d.n * d.batch_size"
	"  AND i.ordinal < d.n * d.batch_size + d.size"
	"  AND (NOT d.again OR ((SELECT r.ordinal FROM weir.results r WHERE r.job_id = i.job_id"
	"    AND r.stage = i.stage AND r.ordinal = i.ordinal) IS NULL"
	"   AND (SELECT w.ordinal FROM weir.retries w WHERE w.job_id = i.job_id"
	"    AND w.stage = i.stage AND w.ordinal = i.ordinal) IS NULL))"
	"  ORDER BY i.ordinal OFFSET 0) i ON true";

/* The row of an item that has become final is of no use any more. */
#define RETRIES(first, source, bytes)                                                              \
	"WITH " first " c AS (SELECT w.job_id, w.stage, w.ordinal, w.attempts, s.kind, j.epoch,"   \
	"   j.batch_size, w.refused::int4 AS refused" source "),"                                  \
	" d AS MATERIALIZED (SELECT c.*, (SELECT r.ordinal FROM weir.results r"                    \
	"   WHERE r.job_id = c.job_id AND r.stage = c.stage AND r.ordinal = c.ordinal)"            \
	"   IS NOT NULL AS final, (SELECT octet_length(i.payload::text) FROM weir.items i"         \
	"   WHERE i.job_id = c.job_id AND i.stage = c.stage AND i.ordinal = c.ordinal) AS bytes"   \
	"  FROM c),"                                                                               \
	" gone AS (DELETE FROM weir.retries w USING d WHERE d.final AND w.job_id = d.job_id"       \
	"   AND w.stage = d.stage AND w.ordinal = d.ordinal)"                                      \
	"SELECT d.job_id, d.stage::int4, d.ordinal," ITEM_COLUMNS                                  \
	" d.attempts, d.ordinal / d.batch_size, d.refused"                                         \
	" FROM (SELECT *, sum(bytes) OVER (ROWS UNBOUNDED PRECEDING) - bytes AS before FROM d) d"  \
	" LEFT JOIN weir.items i ON NOT d.final AND i.job_id = d.job_id"                           \
	"  AND i.stage = d.stage AND i.ordinal = d.ordinal"                                        \
	" WHERE coalesce(d.before, 0) < " bytes

/* clang-format off */
static const char claim_retries[] =
	RETRIES("", TURNS
	" CROSS JOIN LATERAL (SELECT * FROM weir.retries k"
	"   WHERE k.job_id = t.job_id AND k.stage = t.stage AND k.due_at < 'infinity'"
	"    AND k.due_at <= now() AND k.refused = 0"
	"   ORDER BY k.due_at LIMIT t.most FOR UPDATE SKIP LOCKED) w"
	"  ORDER BY t.turn, w.due_at", "$4");

/* Those of the kind of the one that is due first and that nobody has locked, that were put off as
 * often; $2: of which job, NULL: of all; $4: kinds of which none are taken. */
#define SUSPECTS                                                                                   \
	" FROM weir.retries w JOIN weir.jobs j USING (job_id)"                                     \
	"  JOIN weir.job_stages s USING (job_id, stage)"                                           \
	" WHERE w.refused > 0 AND w.due_at <= now() AND w.due_at < 'infinity'"                     \
	"  AND j.status IN ('pending', 'running') AND ($2::text IS NULL OR w.job_id = $2)"         \
	"  AND s.kind <> ALL ($4::text[])"
#define FIRST                                                                                      \
	"f AS MATERIALIZED (SELECT w.refused, s.kind" SUSPECTS                                     \
	"  ORDER BY w.due_at LIMIT 1 FOR UPDATE OF w SKIP LOCKED),"
static const char claim_suspects[] =
	RETRIES(FIRST, SUSPECTS
	"  AND w.refused = (SELECT refused FROM f) AND s.kind = (SELECT kind FROM f)"
	" ORDER BY w.due_at LIMIT least($1, " GROUP_OF("(SELECT refused FROM f)")
	") FOR UPDATE OF w SKIP LOCKED", "$3");
/* clang-format on */

static const char mark_batches[] =
	"UPDATE weir.job_batches b SET status = 'queued', queued_at = now()" BATCH_UNITS;
/* Some of it may have been taken: from now on it counts as published before. */
static const char put_off_batches[] =
	"UPDATE weir.job_batches b SET queued_at = coalesce(queued_at, now()),"
	" due_at = now() + interval '" REFUSED_PAUSE "'"
	"  + weir.longer_pause(coalesce(queued_at, now()))" BATCH_UNITS;
static const char mark_retries[] =
	"UPDATE weir.retries w SET due_at = 'infinity', refused = 0, queued_at = now()" RETRY_UNITS;
#define WAITS_FOR_ROOM "w.error_class = 'refused_by_broker' AND w.waits_since IS NOT NULL"
static const char put_off_retries[] =
	"UPDATE weir.retries w SET error_class = 'refused_by_broker',"
	" error = 'the broker did not take it: its queue is full, or missing',"
	" waits_since = CASE WHEN " WAITS_FOR_ROOM " THEN w.waits_since ELSE now() END,"
	" due_at = now() + interval '" REFUSED_PAUSE "' + CASE WHEN " WAITS_FOR_ROOM
	"  THEN weir.longer_pause(w.waits_since) ELSE interval '0' END" RETRY_UNITS;

static const char fail_items[] =
	"SELECT weir.end_items(job_id, stage, array_agg(ordinal), 2, class, error)"
	" FROM unnest($1::text[], $2::int4[], $3::int4[], $4::text[], $5::text[])"
	"  AS u(job_id, stage, ordinal, class, error)"
	" GROUP BY job_id, stage, class, error";

#define WAITS_TO_FAIL "d.class = w.error_class AND w.waits_since IS NOT NULL"
static const char hold_retries[] =
	"UPDATE weir.retries w SET error_class = d.class, error = d.error,"
	" waits_since = CASE WHEN " WAITS_TO_FAIL " THEN w.waits_since ELSE now() END,"
	" due_at = now() + interval '1 second' + CASE WHEN " WAITS_TO_FAIL
	"  THEN weir.longer_pause(w.waits_since) ELSE interval '0' END"
	" FROM (SELECT k.job_id, k.stage, k.ordinal, u.class, u.error FROM weir.retries k JOIN"
	"   unnest($1::text[], $2::int4[], $3::int4[], $4::text[], $5::text[])"
	"   AS u(job_id, stage, ordinal, class, error) USING (job_id, stage, ordinal)"
	"  WHERE k.due_at < 'infinity' ORDER BY 1, 2, 3 FOR UPDATE OF k SKIP LOCKED) d"
	" WHERE w.job_id = d.job_id AND w.stage = d.stage AND w.ordinal = d.ordinal";

/* What was on its way when the broker closed the channel is tried again apart, item by item: as
 * retries, which say why and since when. An item is in one of them or in its batch: those of a
 * batch that another relay has by now, or whose lock the server has not given back yet, stay in it.
 * (The locks are taken against their order: with a consumer that puts off one of these items at the
 * same moment one of both gives way, and is given again.) */
static const char suspect_batches[] =
	"WITH d AS MATERIALIZED (SELECT k.job_id, k.stage, k.n, k.size, j.batch_size"
	"  FROM weir.job_batches k JOIN"
	"   unnest($1::text[], $2::int4[], $3::int4[]) AS u(job_id, stage, n)"
	"   USING (job_id, stage, n) JOIN weir.jobs j USING (job_id)"
	"  WHERE k.status = 'pending_queue' AND j.status IN ('pending', 'running')"
	"  ORDER BY 1, 2, 3 FOR UPDATE OF k SKIP LOCKED),"
	" i AS (INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at, error_class,"
	"   error, refused)"
	"  SELECT i.job_id, i.stage, i.ordinal, 0, now() + interval '1 second', $4, $5, 1"
	"   FROM d JOIN weir.items i ON i.job_id = d.job_id AND i.stage = d.stage"
	"    AND i.ordinal >= d.n * d.batch_size AND i.ordinal < d.n * d.batch_size + d.size"
	"   WHERE (SELECT r.ordinal FROM weir.results r WHERE r.job_id = i.job_id"
	"    AND r.stage = i.stage AND r.ordinal = i.ordinal) IS NULL"
	"   ORDER BY i.job_id, i.stage, i.ordinal ON CONFLICT DO NOTHING)"
	"UPDATE weir.job_batches b SET status = 'queued', queued_at = now() FROM d"
	" WHERE b.job_id = d.job_id AND b.stage = d.stage AND b.n = d.n";
static const char suspect_retries[] =
	"UPDATE weir.retries w SET refused = least(w.refused + 1, 100), error_class = $4,"
	" error = $5, due_at = now() + " PAUSE_OF(
		"w.refused",
		"1 second") " FROM (SELECT k.job_id, k.stage, k.ordinal FROM weir.retries k JOIN"
			    "   unnest($1::text[], $2::int4[], $3::int4[]) AS u(job_id, stage, "
			    "ordinal)"
			    "   USING (job_id, stage, ordinal) WHERE k.due_at < 'infinity'"
			    "  ORDER BY 1, 2, 3 FOR UPDATE OF k SKIP LOCKED) d"
			    " WHERE w.job_id = d.job_id AND w.stage = d.stage AND w.ordinal = "
			    "d.ordinal";

static bool same_batch(const PGresult *rows, int a, int b)
{
	struct weir_text x = ledger_text(rows, a, COL_JOB), y = ledger_text(rows, b, COL_JOB);
	return ledger_int(rows, a, COL_BATCH) == ledger_int(rows, b, COL_BATCH) &&
	       ledger_int(rows, a, COL_STAGE) == ledger_int(rows, b, COL_STAGE) &&
	       x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
}

static void add_ints(struct params *p, const PGresult *rows, int at, const int *which, int n)
{
	params_array(p, TYPE_INT4, (size_t)n);
	for (int i = 0; i < n; i++)
		params_add_int(p, ledger_int(rows, which[i], at));
	params_array_end(p);
}

static void add_keys(struct params *p, const PGresult *rows, int unit, const int *which, int n)
{
	params_array(p, TYPE_TEXT, (size_t)n);
	for (int i = 0; i < n; i++)
		params_add_text(p, ledger_text(rows, which[i], COL_JOB));
	params_array_end(p);
	add_ints(p, rows, COL_STAGE, which, n);
	add_ints(p, rows, unit, which, n);
}

static void batch_keys(struct params *p, const PGresult *rows, const int *which, int n)
{
	add_keys(p, rows, COL_BATCH, which, n);
}

static void item_keys(struct params *p, const PGresult *rows, const int *which, int n)
{
	add_keys(p, rows, COL_ORDINAL, which, n);
}

static enum outgoing_status encode(struct outgoing *o, const PGresult *rows, int row,
				   struct broker_message *m, struct weir_error *err)
{
	if (!ledger_text(rows, row, COL_CUSTOM_ID).data)
		return OUTGOING_NOTHING;
	enum outgoing_status status = outgoing_encode(o, rows, row, err);
	m->key = m->type = outgoing_key(o, ledger_text(rows, row, COL_KIND));
	m->content_type = MESSAGE_TYPE_MSGPACK;
	m->app_id = o->mark;
	m->body = o->body.data;
	m->body_size = o->body.size;
	return status;
}

const struct outbox outbox_batches = {
	.name = "batches",
	.exchange = EXCHANGE_ITEMS,
	.starts_jobs = true,
	.claim = claim_batches,
	.mark = mark_batches,
	.put_off = put_off_batches,
	.fail = fail_items,
	.suspect = suspect_batches,
	.same_unit = same_batch,
	.unit_keys = batch_keys,
	.row_keys = item_keys,
	.id = outgoing_id,
	.encode = encode,
};

const struct outbox outbox_retries = {
	.name = "retries",
	.exchange = EXCHANGE_ITEMS,
	.starts_jobs = true,
	.most = 200,
	.claim = claim_retries,
	.mark = mark_retries,
	.put_off = put_off_retries,
	.fail = fail_items,
	.hold = hold_retries,
	.suspect = suspect_retries,
	.unit_keys = item_keys,
	.row_keys = item_keys,
	.id = outgoing_id,
	.encode = encode,
};

const struct outbox outbox_suspects = {
	.name = "suspects",
	.exchange = EXCHANGE_ITEMS,
	.starts_jobs = true,
	.most = 64,
	.claim = claim_suspects,
	.mark = mark_retries,
	.put_off = put_off_retries,
	.fail = fail_items,
	.hold = hold_retries,
	.suspect = suspect_retries,
	.refused_column = COL_REFUSED,
	.unit_keys = item_keys,
	.row_keys = item_keys,
	.id = outgoing_id,
	.encode = encode,
};
