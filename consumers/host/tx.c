#include "tx.h"

#include <stdio.h>
#include <string.h>

#define SQL_MAX 8192

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

static int check(const struct weir_statement *s, struct weir_error *err)
{
	if (!s->sql || s->column_count > PARAMS_MAX)
		return weir_fail(err, "bad_statement", "no SQL, or more than %d columns",
				 PARAMS_MAX);
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

/* Positions that are missing end the transaction, in the database and before the commit: so a
 * flush still takes two round trips. */
static int account(const char *sql, char out[SQL_MAX], struct weir_error *err)
{
	int n = snprintf(out, SQL_MAX,
			 "WITH written(pos) AS (%s)"
			 " SELECT weir.expect(array_agg(pos), $1) FROM written",
			 sql);
	if (n < 0 || n >= SQL_MAX)
		return weir_fail(err, "bad_statement", "the SQL is longer than %d bytes",
				 SQL_MAX - 100);
	return 0;
}

int tx_exec(struct weir_tx *tx, const struct weir_statement *s, struct weir_error *err)
{
	char wrapped[SQL_MAX];
	const char *sql = s->sql;
	struct tx_statement note = {
		.each = s->missing_code, .first = tx->first, .count = tx->count};
	if (check(s, err) < 0)
		return -1;
	if (note.each) {
		if (account(s->sql, wrapped, err) < 0)
			return -1;
		sql = wrapped;
		snprintf(note.missing_code, sizeof note.missing_code, "%s", s->missing_code);
		snprintf(note.missing_text, sizeof note.missing_text, "%s",
			 s->missing_text ? s->missing_text : s->missing_code);
	}
	add_columns(tx->params, s);
	if (tx->queued(tx->owner, &note) < 0)
		return weir_fail(err, "bad_statement", "too many statements in one flush");
	return ledger_send(tx->ledger, sql, tx->params, true, err);
}
