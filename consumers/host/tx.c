#include "tx.h"

#include <stdio.h>
#include <string.h>

#define SQL_MAX 8192
#define KEY_PARAMS 3 /* job_id, stage, ordinal */

/* How each column type travels: its elements are sent as `oid`, and the statement's own casts do
 * the rest. */
static const struct column_kind {
	Oid oid;
	size_t size;
} kinds[] = {
	[WEIR_INT4] = {TYPE_INT4, sizeof(int32_t)},
	[WEIR_INT8] = {TYPE_INT8, sizeof(int64_t)},
	[WEIR_FLOAT8] = {TYPE_FLOAT8, sizeof(double)},
	[WEIR_TEXT] = {TYPE_TEXT, sizeof(struct weir_text)},
	[WEIR_NUMERIC] = {TYPE_TEXT, sizeof(struct weir_text)},
	[WEIR_DATE] = {TYPE_TEXT, sizeof(struct weir_text)},
	[WEIR_JSON] = {TYPE_TEXT, sizeof(struct weir_text)},
};

#define KINDS ((int)(sizeof kinds / sizeof *kinds))

static int check(const struct weir_statement *s, size_t columns_max, struct weir_error *err)
{
	if (!s->sql || s->column_count > columns_max)
		return weir_fail(err, "bad_statement", "no SQL, or more than %zu columns",
				 columns_max);
	for (size_t i = 0; i < s->column_count; i++)
		if ((int)s->columns[i].type < WEIR_INT4 || (int)s->columns[i].type >= KINDS)
			return weir_fail(err, "bad_statement", "column %zu has no known type", i);
	if (s->missing_code && (s->column_count == 0 || s->columns[0].type != WEIR_INT4))
		return weir_fail(err, "bad_statement",
				 "missing_code wants the positions as the first column");
	return 0;
}

static void add_value(struct params *p, const struct weir_column *c, size_t i)
{
	switch (c->type) {
	case WEIR_INT4:
		params_add_int(p, ((const int32_t *)c->values)[i]);
		break;
	case WEIR_INT8:
		params_add_big(p, ((const int64_t *)c->values)[i]);
		break;
	case WEIR_FLOAT8:
		params_add_real(p, ((const double *)c->values)[i]);
		break;
	default:
		params_add_text(p, ((const struct weir_text *)c->values)[i]);
	}
}

static void add_columns(struct params *p, const struct weir_statement *s)
{
	params_reset(p);
	for (size_t c = 0; c < s->column_count; c++) {
		params_array(p, kinds[s->columns[c].type].oid, s->count);
		for (size_t i = 0; i < s->count; i++)
			add_value(p, &s->columns[c], i);
		params_array_end(p);
	}
}

static void add_keys(struct params *p, const struct weir_tx *tx)
{
	params_array(p, TYPE_TEXT, tx->count);
	for (size_t i = 0; i < tx->count; i++)
		params_add_text(p, tx->results[i].item->job_id);
	params_array_end(p);
	params_array(p, TYPE_INT4, tx->count);
	for (size_t i = 0; i < tx->count; i++)
		params_add_int(p, (int32_t)tx->results[i].item->stage);
	params_array_end(p);
	params_array(p, TYPE_INT4, tx->count);
	for (size_t i = 0; i < tx->count; i++)
		params_add_int(p, (int32_t)tx->results[i].item->ordinal);
	params_array_end(p);
}

/* ---- the SQL around that of the plugin ---- */

static int check_size(int size, struct weir_error *err)
{
	if (size >= 0 && size < SQL_MAX)
		return 0;
	return weir_fail(err, "bad_statement",
			 "the SQL has %d bytes with what the host adds, at most %d", size,
			 SQL_MAX - 1);
}

/* Positions that are missing end the transaction, in the database and before the commit: so a
 * flush still takes two round trips. */
static int account(const char *sql, char out[SQL_MAX], struct weir_error *err)
{
	int n = snprintf(out, SQL_MAX,
			 "WITH made(pos) AS (%s)"
			 " SELECT weir.expect(array_agg(pos), $1) FROM made",
			 sql);
	return check_size(n, err);
}

/* The keys are the parameters after the `columns` ones. By subscript, each row is a look-up. What
 * is refused ends the transaction as what is missing does, and its results go with the failure. */
static int account_and_keep(const char *sql, size_t columns, char out[SQL_MAX],
			    struct weir_error *err)
{
	int n = snprintf(
		out, SQL_MAX,
		"WITH made(pos, result, refused) AS MATERIALIZED (%s),"
		" kept AS (UPDATE weir.results r SET result = m.result::json FROM made m"
		"  WHERE NOT m.refused AND r.job_id = ($%zu::text[])[m.pos + 1]"
		"   AND r.stage = ($%zu::int4[])[m.pos + 1]"
		"   AND r.ordinal = ($%zu::int4[])[m.pos + 1])"
		" SELECT weir.expect_results(array_agg(pos) FILTER (WHERE NOT refused), $1,"
		"  array_agg(pos) FILTER (WHERE refused),"
		"  array_agg(result::text) FILTER (WHERE refused)) FROM made",
		sql, columns + 1, columns + 2, columns + 3);
	return check_size(n, err);
}

/* ---- statements ---- */

static int queue(struct weir_tx *tx, const struct weir_statement *s, const char *sql,
		 struct weir_error *err)
{
	struct tx_statement note = {
		.each = s->missing_code, .first = tx->first, .count = tx->count};
	if (note.each) {
		snprintf(note.missing_code, sizeof note.missing_code, "%s", s->missing_code);
		snprintf(note.missing_text, sizeof note.missing_text, "%s",
			 s->missing_text ? s->missing_text : s->missing_code);
	}
	if (tx->queued(tx->owner, &note) < 0)
		return weir_fail(err, "bad_statement", "too many statements in one flush");
	return ledger_send(tx->ledger, sql, tx->params, true, err);
}

int tx_exec(struct weir_tx *tx, const struct weir_statement *s, struct weir_error *err)
{
	char wrapped[SQL_MAX];
	if (check(s, PARAMS_MAX, err) < 0)
		return -1;
	if (s->missing_code && account(s->sql, wrapped, err) < 0)
		return -1;
	add_columns(tx->params, s);
	return queue(tx, s, s->missing_code ? wrapped : s->sql, err);
}

int tx_results(struct weir_tx *tx, const struct weir_statement *s, struct weir_error *err)
{
	char wrapped[SQL_MAX];
	if (check(s, PARAMS_MAX - KEY_PARAMS, err) < 0)
		return -1;
	if (!s->missing_code)
		return weir_fail(err, "bad_statement", "tx_results wants a missing_code");
	if (account_and_keep(s->sql, s->column_count, wrapped, err) < 0)
		return -1;
	add_columns(tx->params, s);
	add_keys(tx->params, tx);
	return queue(tx, s, wrapped, err);
}
