/* Rows of the database, as the plugin's queries name them. */
#include <stdlib.h>
#include <string.h>

#include "source.h"
#include "weir/ledger.h"

#define FETCH "FETCH 500 FROM weir_source"

struct source {
	struct ledger *ledger;
	const struct weir_source_query *queries;
	bool open; /* the cursor of *queries */
	PGresult *rows;
	int row;
};

static void close_source(struct source *s)
{
	if (!s)
		return;
	PQclear(s->rows);
	ledger_close(s->ledger);
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

static enum source_status next(struct source *s, struct source_record *record,
			       struct weir_error *err)
{
	if (!s->rows || s->row == PQntuples(s->rows)) {
		int more = fetch(s, err);
		if (more <= 0)
			return more < 0 ? SOURCE_FAILED : SOURCE_END;
	}
	struct weir_text payload = ledger_text(s->rows, s->row, 3);
	*record = (struct source_record){.table_name = ledger_text(s->rows, s->row, 0),
					 .record_id = ledger_text(s->rows, s->row, 1),
					 .custom_id = ledger_text(s->rows, s->row, 2),
					 .payload = payload,
					 .raw = payload};
	s->row++;
	return SOURCE_RECORD;
}

const struct source_kind source_postgres = {
	.name = "db",
	.help = "the rows of the kind's own tables",
	.next = next,
	.close = close_source,
};
