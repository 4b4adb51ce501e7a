#include "review.h"

#include <inttypes.h>
#include <string.h>

#include "control.h"

#define PAGE 1000

/* ---- reading ---- */

/* Columns of a page. */
enum {
	COL_ID,
	COL_VENDOR_ID,
	COL_VENDOR,
	COL_NUMBER, /* NULL: lines without one */
	COL_DESCRIPTION,
	COL_ITEM_ID,
	COL_ITEM,
	COL_UNIT,
	COL_MATCH,
	COL_SIMILARITY, /* text, like the next two; may be NULL */
	COL_CANDIDATES, /* JSON */
	COL_CANDIDATES_TEXT,
	COL_FLAGGED,
	COL_REASON, /* NULL: it is flagged since before reasons were kept, or never was */
	COL_TRANSACTIONS,
	COL_QUANTITY /* text */
};

/* Mappings of user $1 and, if it is not 0, of vendor $3, at most $4. What came through them is
 * counted for the whole page in one pass: they may all lead to one item. Nothing else is looked up
 * otherwise than by its key: OFFSET 0 keeps the planner from other ways. */
#define PAGE_OF(WHICH)                                                                             \
	"WITH m AS MATERIALIZED (SELECT * FROM weir.vendor_item_mappings"                          \
	"  WHERE user_id = $1 AND " WHICH " AND ($3::int8 = 0 OR vendor_id = $3)"                  \
	"  ORDER BY mapping_id LIMIT $4::int8),"                                                   \
	" t AS MATERIALIZED (SELECT mapping_id, count(*) AS n, sum(quantity_change) AS quantity"   \
	"  FROM weir.inventory_transactions WHERE user_id = $1"                                    \
	"   AND item_id = ANY (ARRAY(SELECT item_id FROM m))"                                      \
	"   AND mapping_id IN (SELECT mapping_id FROM m) GROUP BY mapping_id)"                     \
	" SELECT m.mapping_id, m.vendor_id, v.name, nullif(m.item_number, ''), m.description,"     \
	" m.item_id, i.description, m.base_unit, m.match,"                                         \
	" trim_scale(round(m.similarity::numeric, 4))::text,"                                      \
	" translate(m.candidates::text, E'\\n\\r', '  '),"                                         \
	" CASE WHEN json_typeof(m.candidates) = 'array' THEN (SELECT string_agg("                  \
	"   concat(c ->> 'item_id', ' \"', c ->> 'description', '\" ',"                            \
	"    left(c ->> 'similarity', 4)), ', ') FROM json_array_elements(m.candidates) AS c)"     \
	"  END,"                                                                                   \
	" m.needs_review, m.reason, coalesce(t.n, 0), trim_scale(coalesce(t.quantity, 0))::text"   \
	" FROM m LEFT JOIN t USING (mapping_id)"                                                   \
	" LEFT JOIN LATERAL (SELECT name FROM weir.vendors"                                        \
	"  WHERE user_id = $1 AND vendor_id = m.vendor_id OFFSET 0) v ON true"                     \
	" LEFT JOIN LATERAL (SELECT description FROM weir.inventory_items"                         \
	"  WHERE user_id = $1 AND item_id = m.item_id OFFSET 0) i ON true"                         \
	" ORDER BY m.mapping_id"

static const char page_of_flagged[] = PAGE_OF("mapping_id > $2 AND needs_review");
static const char page_of_all[] = PAGE_OF("mapping_id > $2");
static const char one_mapping[] = PAGE_OF("mapping_id = $2");

/* Statistics are old where tables fill fast: t would be read through for each mapping. */
static const char join_by_hash[] = "SET enable_nestloop = off";

static int read_page(const struct review *r, const char *sql, int64_t id, int64_t vendor_id,
		     PGresult **out, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	params_string(&p, r->user_id);
	params_big(&p, id);
	params_big(&p, vendor_id);
	params_big(&p, PAGE);
	int rc = control_query(r->ledger, sql, &p, out, err);
	params_release(&p);
	return rc;
}

/* Asks for one number about the user; none: 0. text may be NULL. */
static int ask_number(const struct review *r, const char *sql, const char *text, int64_t *out,
		      struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	params_string(&p, r->user_id);
	if (text)
		params_string(&p, text);
	int rc = control_number(r->ledger, sql, &p, 0, out, err);
	params_release(&p);
	return rc;
}

int review_choose_vendor(struct review *r, const char *name, struct weir_error *err)
{
	int64_t id;
	if (ask_number(r,
		       "SELECT vendor_id FROM weir.vendors"
		       " WHERE user_id = $1 AND vendor_key = weir.text_key($2)",
		       name, &id, err) < 0)
		return -1;
	if (id == 0)
		return weir_fail(err, "unknown_vendor", "user %s has no vendor \"%.80s\"",
				 r->user_id, name);
	r->vendor_id = id;
	return 0;
}

/* ---- writing ---- */

static void add_quoted(struct buffer *b, struct weir_text text)
{
	buffer_add_char(b, '"');
	print_plain(b, text);
	buffer_add_char(b, '"');
}

/* item 4 "tomatoes diced" */
static void add_item(struct buffer *b, const PGresult *rows, int row)
{
	buffer_printf(b, "item %" PRId64 " ", ledger_big(rows, row, COL_ITEM_ID));
	add_quoted(b, ledger_text(rows, row, COL_ITEM));
}

/* 3 transactions, 45400 g */
static void add_moved(struct buffer *b, const PGresult *rows, int row)
{
	int64_t n = ledger_big(rows, row, COL_TRANSACTIONS);
	buffer_printf(b, "%" PRId64 " transaction%s, ", n, n == 1 ? "" : "s");
	print_plain(b, ledger_text(rows, row, COL_QUANTITY));
	buffer_add_char(b, ' ');
	print_plain(b, ledger_text(rows, row, COL_UNIT));
	buffer_add_char(b, '\n');
}

/* , to review, other words: salted | unsalted */
static void add_flag(struct buffer *b, const PGresult *rows, int row)
{
	struct weir_text reason = ledger_text(rows, row, COL_REASON);
	if (!ledger_bool(rows, row, COL_FLAGGED))
		return;
	buffer_add_text(b, reason.data ? ", to review, " : ", to review");
	print_plain(b, reason);
}

static void line_text(const PGresult *rows, int row, struct buffer *b)
{
	struct weir_text number = ledger_text(rows, row, COL_NUMBER);
	struct weir_text candidates = ledger_text(rows, row, COL_CANDIDATES_TEXT);
	buffer_printf(b, "mapping %" PRId64 ": ", ledger_big(rows, row, COL_ID));
	print_plain(b, ledger_text(rows, row, COL_VENDOR));
	buffer_add_text(b, number.data ? " no. " : "");
	print_plain(b, number);
	buffer_add_char(b, ' ');
	add_quoted(b, ledger_text(rows, row, COL_DESCRIPTION));
	buffer_add_text(b, "\n  leads to ");
	add_item(b, rows, row);
	buffer_add_text(b, " (");
	print_plain(b, ledger_text(rows, row, COL_MATCH));
	buffer_add_text(b, PQgetisnull(rows, row, COL_SIMILARITY) ? "" : " ");
	print_plain(b, ledger_text(rows, row, COL_SIMILARITY));
	add_flag(b, rows, row);
	buffer_add_text(b, "): ");
	add_moved(b, rows, row);
	if (candidates.data) {
		buffer_add_text(b, "  candidates: ");
		print_plain(b, candidates);
		buffer_add_char(b, '\n');
	}
}

static void line_json(const PGresult *rows, int row, struct buffer *b)
{
	buffer_add_char(b, '{');
	json_count(b, "mapping_id", ledger_big(rows, row, COL_ID));
	json_count(b, "vendor_id", ledger_big(rows, row, COL_VENDOR_ID));
	json_text(b, "vendor_name", ledger_text(rows, row, COL_VENDOR));
	json_text(b, "item_number", ledger_text(rows, row, COL_NUMBER));
	json_text(b, "description", ledger_text(rows, row, COL_DESCRIPTION));
	json_count(b, "item_id", ledger_big(rows, row, COL_ITEM_ID));
	json_text(b, "item_description", ledger_text(rows, row, COL_ITEM));
	json_text(b, "base_unit", ledger_text(rows, row, COL_UNIT));
	json_text(b, "match", ledger_text(rows, row, COL_MATCH));
	json_raw(b, "similarity", ledger_text(rows, row, COL_SIMILARITY));
	json_raw(b, "candidates", ledger_text(rows, row, COL_CANDIDATES));
	json_flag(b, "needs_review", ledger_bool(rows, row, COL_FLAGGED));
	json_text(b, "reason", ledger_text(rows, row, COL_REASON));
	json_count(b, "transactions", ledger_big(rows, row, COL_TRANSACTIONS));
	json_text(b, "quantity", ledger_text(rows, row, COL_QUANTITY));
	json_end(b, '}');
}

/* ---- the list ---- */

static int write_page(const struct review *r, const PGresult *rows, struct weir_error *err)
{
	int rc = 0;
	for (int i = 0; i < PQntuples(rows) && rc == 0; i++) {
		(r->json ? line_json : line_text)(rows, i, &r->sink->buffer);
		rc = sink_pass(r->sink, err);
	}
	return rc;
}

/* Writes the page behind mapping *last, and moves that on. Returns its size, or -1. */
static int list_page(const struct review *r, int64_t *last, struct weir_error *err)
{
	PGresult *rows = NULL;
	if (command_stop)
		return weir_fail(err, "interrupted", "interrupted");
	if (read_page(r, r->all ? page_of_all : page_of_flagged, *last, r->vendor_id, &rows, err) <
	    0)
		return -1;
	int n = PQntuples(rows);
	int rc = write_page(r, rows, err);
	if (n > 0)
		*last = ledger_big(rows, n - 1, COL_ID);
	PQclear(rows);
	return rc < 0 ? -1 : n;
}

/* Who has a mapping has a vendor. A person who has mistyped the user's id is not told that all is
 * well. */
static int tell_none(const struct review *r, struct weir_error *err)
{
	int64_t there;
	if (ask_number(r, "SELECT 1::int8 FROM weir.vendors WHERE user_id = $1 LIMIT 1", NULL,
		       &there, err) < 0)
		return -1;
	buffer_add_text(&r->sink->buffer, there ? "no mapping needs a review\n"
						: "the user has no mappings at all\n");
	return 0;
}

int review_list(struct review *r, struct weir_error *err)
{
	int64_t last = 0;
	int n;
	if (ledger_do(r->ledger, join_by_hash, NULL, NULL, err) < 0)
		return -1;
	do {
		n = list_page(r, &last, err);
	} while (n == PAGE && !r->sink->no_reader);
	if (n < 0)
		return -1;
	return last == 0 && !r->json ? tell_none(r, err) : 0;
}

/* ---- settling ---- */

/* What the mapping has become. */
static int tell(const struct review *r, const struct decision *d, struct weir_error *err)
{
	struct buffer *b = &r->sink->buffer;
	PGresult *rows = NULL;
	if (read_page(r, one_mapping, d->mapping_id, 0, &rows, err) < 0)
		return -1;
	bool there = PQntuples(rows) > 0;
	if (there && r->json)
		line_json(rows, 0, b);
	else if (there) {
		buffer_printf(b, "mapping %" PRId64 " %s ", d->mapping_id,
			      d->remap ? "now leads to" : "is accepted: it leads to");
		add_item(b, rows, 0);
		buffer_add_text(b, ": ");
		add_moved(b, rows, 0);
	}
	PQclear(rows);
	return sink_pass(r->sink, err);
}

static int accept(const struct review *r, const struct decision *d, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	PGresult *rows = NULL;
	params_string(&p, r->user_id);
	params_big(&p, d->mapping_id);
	int rc = control_query(r->ledger, "SELECT weir.accept_mapping($1, $2)", &p, &rows, err);
	params_release(&p);
	if (rc < 0)
		return -1;
	bool accepted = ledger_bool(rows, 0, 0);
	PQclear(rows);
	if (!accepted)
		return weir_fail(err, "unknown_mapping", "user %s has no mapping %" PRId64,
				 r->user_id, d->mapping_id);
	return tell(r, d, err);
}

static int remap(const struct review *r, const struct decision *d, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	PGresult *rows = NULL;
	params_string(&p, r->user_id);
	params_big(&p, d->mapping_id);
	params_big(&p, d->item_id);
	int rc = control_query(r->ledger, "SELECT weir.remap_mapping($1, $2, nullif($3::int8, 0))",
			       &p, &rows, err);
	params_release(&p);
	PQclear(rows);
	if (rc < 0 && strcmp(ledger_sqlstate(r->ledger), "WE002") == 0)
		return weir_fail(err, "refused", "mapping %" PRId64 ": %s", d->mapping_id,
				 err->text);
	return rc < 0 ? -1 : tell(r, d, err);
}

/* ---- all that are flagged ---- */

/* Those behind $2 and not behind $3, at most $5 in one transaction. */
static const char accept_chunk[] =
	"WITH m AS MATERIALIZED (SELECT mapping_id FROM weir.vendor_item_mappings"
	"  WHERE user_id = $1 AND mapping_id > $2 AND mapping_id <= $3 AND needs_review"
	"   AND ($4::int8 = 0 OR vendor_id = $4) ORDER BY mapping_id LIMIT $5::int8)"
	" SELECT coalesce(max(mapping_id), 0),"
	" count(*) FILTER (WHERE weir.accept_mapping($1, mapping_id)) FROM m";

static int accept_some(const struct review *r, int64_t *place, int64_t last, int64_t *total,
		       struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	PGresult *rows = NULL;
	params_string(&p, r->user_id);
	params_big(&p, *place);
	params_big(&p, last);
	params_big(&p, r->vendor_id);
	params_big(&p, PAGE);
	int rc = control_query(r->ledger, accept_chunk, &p, &rows, err);
	params_release(&p);
	if (rc < 0)
		return -1;
	*place = ledger_big(rows, 0, 0);
	*total += ledger_big(rows, 0, 1);
	PQclear(rows);
	return 0;
}

/* What is flagged while this is at work nobody has seen yet: it stays. */
static int accept_all(const struct review *r, struct weir_error *err)
{
	int64_t last, place = 0, total = 0;
	if (ask_number(r,
		       "SELECT max(mapping_id) FROM weir.vendor_item_mappings"
		       " WHERE user_id = $1 AND needs_review",
		       NULL, &last, err) < 0)
		return -1;
	do {
		if (command_stop)
			return weir_fail(err, "interrupted",
					 "interrupted after %" PRId64 " mappings", total);
		if (accept_some(r, &place, last, &total, err) < 0)
			return -1;
	} while (place > 0);
	buffer_printf(&r->sink->buffer,
		      r->json	   ? "{\"accepted\":%" PRId64 "}\n"
		      : total == 1 ? "%" PRId64 " mapping is accepted\n"
				   : "%" PRId64 " mappings are accepted\n",
		      total);
	return 0;
}

int review_settle(struct review *r, const struct decision *d, struct weir_error *err)
{
	if (d->remap)
		return remap(r, d, err);
	return d->mapping_id == REVIEW_ALL ? accept_all(r, err) : accept(r, d, err);
}
