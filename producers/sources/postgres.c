/* Rows of the database, as the plugin's queries name them. */
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "weir/ledger.h"

#define FETCH "FETCH 500 FROM weir_source"

struct source {
	struct ledger *ledger;
	const struct weir_source_query *queries;
	bool open; /* the cursor of *queries */
	PGresult *rows;
	int row;
	struct buffer raw;
};

static void close_source(struct source *s)
{
	if (!s)
		return;
	PQclear(s->rows);
	ledger_close(s->ledger);
	buffer_release(&s->raw);
	free(s);
}

int source_postgres_open(const char *pg_url, const struct weir_source_query *queries,
			 struct source **out, struct weir_error *err)
{
	struct source *s = calloc(1, sizeof *s);
	if (!s)
		return weir_fail_memory(err);
	s->queries = queries;
	if (ledger_open(pg_url, "weir submit", false, &s->ledger, err) < 0 ||
	    ledger_do(s->ledger, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, NULL,
		      err) < 0 ||
	    /* Between two fetches the batches are written, which may take its time. */
	    ledger_do(s->ledger, "SET LOCAL idle_in_transaction_session_timeout = 0", NULL, NULL,
		      err) < 0) {
		close_source(s);
		return -1;
	}
	*out = s;
	return 0;
}

static int open_cursor(struct source *s, struct weir_error *err)
{
	struct buffer sql = BUFFER_INIT;
	buffer_printf(&sql,
		      "DECLARE weir_source NO SCROLL CURSOR FOR"
		      " SELECT q.a, q.b, q.c, q.d::text FROM (%s) AS q(a, b, c, d)",
		      s->queries->query);
	const char *text = buffer_text(&sql);
	int rc = text ? ledger_do(s->ledger, text, NULL, NULL, err) : weir_fail_memory(err);
	buffer_release(&sql);
	s->open = rc == 0;
	return rc;
}

static int close_cursor(struct source *s, struct weir_error *err)
{
	s->open = false;
	s->queries++;
	return ledger_do(s->ledger, "CLOSE weir_source", NULL, NULL, err);
}

/* 1: there are rows, 0: no more, -1: failed. */
static int fetch(struct source *s, struct weir_error *err)
{
	while (s->queries->query) {
		PQclear(s->rows);
		s->rows = NULL;
		s->row = 0;
		if ((!s->open && open_cursor(s, err) < 0) ||
		    ledger_query(s->ledger, FETCH, NULL, false, &s->rows, err) < 0)
			return -1;
		if (PQntuples(s->rows) > 0)
			return 1;
		if (close_cursor(s, err) < 0)
			return -1;
	}
	return 0;
}

static void add_name(struct buffer *out, const char *key, struct weir_text name)
{
	if (!name.data)
		return;
	buffer_printf(out, "%c\"%s\":", out->size ? ',' : '{', key);
	buffer_add_json(out, name);
}

/* The row as JSON Lines, which can be mended and submitted. What PostgreSQL made of it is valid
 * JSON; what is no object in it is left out. */
static struct weir_text write_row(struct buffer *out, const struct source_record *record)
{
	static const char blanks[] = " \t\r\n";
	const char *inside = record->payload.data ? record->payload.data : "";
	inside += strspn(inside, blanks);
	inside = *inside == '{' ? inside + 1 : "}";
	buffer_reset(out);
	add_name(out, "custom_id", record->custom_id);
	add_name(out, "table_name", record->table_name);
	add_name(out, "record_id", record->record_id);
	if (inside[strspn(inside, blanks)] != '}' || out->size == 0)
		buffer_add_char(out, out->size ? ',' : '{');
	buffer_add_text(out, inside);
	const char *text = buffer_text(out);
	return (struct weir_text){text, text ? out->size : 0};
}

static enum source_status next(struct source *s, struct source_record *record,
			       struct weir_error *err)
{
	if (!s->rows || s->row == PQntuples(s->rows)) {
		int more = fetch(s, err);
		if (more <= 0)
			return more < 0 ? SOURCE_FAILED : SOURCE_END;
	}
	*record = (struct source_record){.table_name = ledger_text(s->rows, s->row, 0),
					 .record_id = ledger_text(s->rows, s->row, 1),
					 .custom_id = ledger_text(s->rows, s->row, 2),
					 .payload = ledger_text(s->rows, s->row, 3)};
	record->raw = write_row(&s->raw, record);
	s->row++;
	return record->raw.data ? SOURCE_RECORD : record_no_memory(err);
}

const struct source_kind source_postgres = {
	.name = "db",
	.help = "the rows of the kind's own tables",
	.next = next,
	.close = close_source,
};
