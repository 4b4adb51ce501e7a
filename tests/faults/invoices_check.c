/* The checker of invoices. What was promised goes into a table, and is held against weir's by plain
 * queries: all but the ids of things is known beforehand. */
#include <stdio.h>

#include "invoices.h"

#define LISTED "5" /* differences of a sort that are told one by one */

static struct {
	int invoices, lines;
} booked;

/* ---- what was promised ---- */

/* One row a line of an item. total is computed here, in whole numbers. */
static const char promises[] =
	"CREATE TEMP TABLE promised (job_id text, ordinal integer, user_id text, invoice_id text,"
	" vendor integer, currency text, day text, line integer, fault text, thing integer,"
	" description text, item_number text, credit boolean, quantity numeric, unit_price numeric,"
	" total_cost numeric, pack_size text, pack_units numeric, base_unit text)";

/* What is to be booked: good lines of items that have succeeded, however often. */
static const char wanted[] =
	"CREATE TEMP TABLE wanted AS SELECT DISTINCT user_id, invoice_id, line, vendor, thing,"
	" base_unit, CASE WHEN credit THEN 'credit' ELSE 'purchase' END AS kind,"
	" 'R/' || invoice_id AS invoice_number, day::date AS invoice_date, currency, description,"
	" item_number, quantity, unit_price, total_cost, pack_size, pack_units,"
	" quantity * pack_units AS quantity_change, round(unit_price / pack_units, 10) AS unit_cost"
	" FROM promised JOIN weir.results AS r USING (job_id, ordinal)"
	" WHERE r.stage = 1 AND r.status = 1 AND fault IS NULL";

/* What is booked, beside what it was promised as. */
static const char found[] =
	"CREATE TEMP TABLE found AS SELECT t.*, w.vendor, w.thing, w.base_unit, w.item_number"
	" FROM weir.inventory_transactions AS t LEFT JOIN wanted AS w"
	" USING (user_id, invoice_id, line);"
	"CREATE INDEX ON found (item_id, vendor_id, currency, invoice_date);"
	"CREATE INDEX ON found (invoice_id, line);"
	"ANALYZE found";

/* The price before a purchase, and the newest purchase of an item, each looked for anew. What was
 * free has no price. */
#define BOUGHT(T) T ".kind = 'purchase' AND " T ".unit_price > 0"
static const char recounts[] =
	"CREATE TEMP TABLE prices AS SELECT t.user_id, t.invoice_id, t.line, t.item_id,"
	" t.vendor_id, t.currency, t.invoice_date, t.unit_price, t.pack_units,"
	" b.unit_price AS price0, b.pack_units AS units0,"
	" round((t.unit_price * b.pack_units - b.unit_price * t.pack_units) * 100"
	"  / nullif(b.unit_price * t.pack_units, 0), 4) AS percent,"
	" t.unit_price * b.pack_units > b.unit_price * t.pack_units AS is_more"
	" FROM found AS t LEFT JOIN LATERAL (SELECT * FROM found AS e"
	"  WHERE e.item_id = t.item_id AND e.vendor_id = t.vendor_id AND e.currency = t.currency"
	"   AND e.invoice_date < t.invoice_date AND " BOUGHT("e")
	"  ORDER BY e.invoice_date DESC, e.invoice_id COLLATE \"C\" DESC, e.line DESC LIMIT 1) AS b"
	"  ON true WHERE " BOUGHT("t") ";"
	"CREATE TEMP TABLE newest AS SELECT DISTINCT ON (item_id) item_id, invoice_date,"
	" invoice_id, line, unit_price, currency, pack_units FROM found AS t WHERE " BOUGHT("t")
	" ORDER BY item_id, invoice_date DESC, invoice_id COLLATE \"C\" DESC, line DESC";

/* What the result of each item is to say. */
static const char outcomes[] =
	"CREATE TEMP TABLE outcomes AS SELECT p.job_id, p.ordinal, p.invoice_id,"
	" count(*) FILTER (WHERE p.fault IS NULL) AS good,"
	" count(*) FILTER (WHERE p.fault IS NOT NULL) AS bad,"
	" coalesce(sum(p.total_cost) FILTER (WHERE p.fault IS NULL), 0) AS cost,"
	" count(*) FILTER (WHERE f.match = 'new' AND p.fault IS NULL) AS made,"
	" count(DISTINCT f.item_id) FILTER (WHERE p.fault IS NULL) AS items,"
	" count(*) FILTER (WHERE f.match = 'exact' AND p.fault IS NULL) AS exact,"
	" count(*) FILTER (WHERE f.match LIKE 'fuzzy%' AND p.fault IS NULL) AS fuzzy,"
	" count(*) FILTER (WHERE m.needs_review AND p.fault IS NULL) AS review,"
	" coalesce(string_agg(p.line || ' ' || p.fault, ', ' ORDER BY p.line), '') AS faults"
	" FROM promised AS p LEFT JOIN found AS f USING (user_id, invoice_id, line)"
	" LEFT JOIN weir.vendor_item_mappings AS m USING (mapping_id)"
	" GROUP BY 1, 2, 3";

struct batch {
	char text[7000];
	size_t size;
};

static void send_batch(struct batch *b)
{
	if (b->size > 0)
		sql_text("INSERT INTO promised VALUES %s", b->text);
	b->size = 0;
}

static void promise_line(struct batch *b, const struct order *o, int ordinal,
			 const struct invoice *in, int i)
{
	const struct invoice_line *l = &in->lines[i];
	char number[32] = "";
	if (l->numbered)
		snprintf(number, sizeof number, "N-%d", l->thing);
	int64_t total = (int64_t)l->quantity * l->price;
	if (sizeof b->text - b->size < 600)
		send_batch(b);
	b->size += (size_t)snprintf(
		b->text + b->size, sizeof b->text - b->size,
		"%s('%s', %d, '%s', '%s', %d, '%s', '%s', %d, nullif('%s', ''), %d, '%s', '%s', %s,"
		" %d * 0.001, %d * 0.0001, %lld * 0.0000001, nullif('%s', ''), %s, '%s')",
		b->size ? ", " : "", o->id, ordinal, in->user, in->id, in->vendor, in->currency,
		in->day, i + 1, l->fault ? l->fault : "", l->thing, l->name, number,
		l->credit ? "true" : "false", l->quantity, l->price, (long long)total,
		l->pack ? l->pack : "", l->pack_units, l->base_unit);
}

static void promise_all(const struct load *l)
{
	struct batch b = {.size = 0};
	struct invoice in;
	sql_text("%s", promises);
	sql_text("BEGIN");
	for (const struct order *o = l->orders; o < l->orders + l->count; o++)
		for (int k = 0; o->invoices && k < o->size; k++) {
			invoice_make(&in, l, o, k);
			for (int i = 0; i < in.size; i++)
				promise_line(&b, o, k, &in, i);
		}
	send_batch(&b);
	sql_text("COMMIT");
	sql_text("%s", wanted);
	sql_text("%s", found);
	sql_text("%s", recounts);
	sql_text("%s", outcomes);
}

/* ---- differences: no query may have a row ---- */

#define LINE_COLUMNS                                                                               \
	"user_id, invoice_id, line, kind, invoice_number, invoice_date, currency, description,"    \
	" quantity, unit_price, total_cost, pack_size, pack_units, quantity_change, unit_cost"

#define PRICE_COLUMNS "user_id, invoice_id, line, item_id, vendor_id, currency, invoice_date"

/* Letters and digits are what counts. */
#define PLAIN_TEXT(T) "btrim(regexp_replace(lower(" T "), '[^a-z0-9]+', ' ', 'g'))"

/* What is refused may stand there already, corrected, and is then refused for that. */
#define FAULT_OF(E)                                                                                \
	"concat_ws(' ', " E "->>'line', replace(" E "->>'error_class', 'booked_differently',"      \
	" 'store'))"

static const struct difference {
	const char *what, *query;
} differences[] = {
	{"a line that is not booked, or otherwise",
	 "SELECT " LINE_COLUMNS " FROM wanted EXCEPT ALL SELECT " LINE_COLUMNS " FROM found"},
	{"a line that is booked, and should not be so",
	 "SELECT " LINE_COLUMNS " FROM found EXCEPT ALL SELECT " LINE_COLUMNS " FROM wanted"},
	{"a thing that is several items",
	 "SELECT user_id, thing, base_unit, array_agg(DISTINCT item_id) FROM found"
	 " GROUP BY 1, 2, 3 HAVING count(DISTINCT item_id) > 1"},
	{"an item that is several things",
	 "SELECT item_id, array_agg(DISTINCT (user_id, thing, base_unit)::text) FROM found"
	 " GROUP BY 1 HAVING count(DISTINCT (user_id, thing, base_unit)) > 1"},
	{"a vendor that is several",
	 "SELECT user_id, vendor, array_agg(DISTINCT vendor_id) FROM found"
	 " GROUP BY 1, 2 HAVING count(DISTINCT vendor_id) > 1"},
	{"several vendors that are one",
	 "SELECT vendor_id, array_agg(DISTINCT (user_id, vendor)::text) FROM found"
	 " GROUP BY 1 HAVING count(DISTINCT (user_id, vendor)) > 1"},
	{"two items of the same description",
	 "SELECT user_id, base_unit, " PLAIN_TEXT(
		 "description") ", count(*)"
				" FROM weir.inventory_items GROUP BY 1, 2, 3 HAVING count(*) > 1"},
	{"two vendors of the same name",
	 "SELECT user_id, " PLAIN_TEXT("name") ", count(*) FROM weir.vendors"
					       " GROUP BY 1, 2 HAVING count(*) > 1"},
	{"an item that was new to several lines",
	 "SELECT item_id, count(*) FROM found WHERE match = 'new' GROUP BY 1 HAVING count(*) > 1"},
	{"a line whose item or mapping is another's",
	 "SELECT f.user_id, f.invoice_id, f.line, i.item_id, m.mapping_id FROM found AS f"
	 " LEFT JOIN weir.inventory_items AS i ON i.item_id = f.item_id"
	 "  AND i.user_id = f.user_id AND i.base_unit = f.base_unit"
	 " LEFT JOIN weir.vendor_item_mappings AS m ON m.mapping_id = f.mapping_id"
	 "  AND m.user_id = f.user_id AND m.vendor_id = f.vendor_id AND m.item_id = f.item_id"
	 "  AND f.item_number IN ('', m.item_number)"
	 " WHERE i.item_id IS NULL OR m.mapping_id IS NULL"},
	{"a quantity that is not what was booked",
	 "SELECT i.item_id, i.quantity, sum(f.quantity_change) FROM weir.inventory_items AS i"
	 " LEFT JOIN found AS f USING (item_id) GROUP BY i.item_id"
	 " HAVING i.quantity <> coalesce(sum(f.quantity_change), 0)"},
	{"a last purchase that is not the newest",
	 "SELECT i.*, n FROM weir.inventory_items AS i LEFT JOIN newest AS n USING (item_id)"
	 " WHERE (i.last_purchase_date, i.last_purchase_invoice, i.last_purchase_line,"
	 "  i.last_purchase_price, i.last_purchase_currency, i.last_purchase_pack_units)"
	 " IS DISTINCT FROM (n.invoice_date, n.invoice_id, n.line, n.unit_price, n.currency,"
	 "  n.pack_units)"},
	{"a price that should stand in the history",
	 "SELECT " PRICE_COLUMNS ", unit_price, pack_units, price0, units0, percent, is_more"
	 " FROM prices EXCEPT ALL SELECT " PRICE_COLUMNS ", price, pack_units, previous_price,"
	 " previous_pack_units, price_change_percent, is_price_increase FROM weir.price_history"},
	{"a price that should not stand in the history",
	 "SELECT " PRICE_COLUMNS ", price, pack_units, previous_price, previous_pack_units,"
	 " price_change_percent, is_price_increase FROM weir.price_history EXCEPT ALL"
	 " SELECT " PRICE_COLUMNS ", unit_price, pack_units, price0, units0, percent, is_more"
	 " FROM prices"},
	{"a result that does not agree with the rows",
	 "SELECT s.*, r.result FROM outcomes AS s JOIN weir.results AS r USING (job_id, ordinal),"
	 " LATERAL (SELECT concat_ws(' ', CASE WHEN bad = 0 THEN 'success' ELSE 'partial_success'"
	 "   END, 'R/' || invoice_id, good, bad, trim_scale(cost), made, items - made, exact,"
	 "   fuzzy, review, faults) AS wanted,"
	 "  concat_ws(' ', r.result->>'status', r.result->>'invoice_number',"
	 "   r.result->>'items_processed', r.result->>'items_failed',"
	 "   trim_scale((r.result->>'total_cost')::numeric),"
	 "   r.result->>'inventory_items_created', r.result->>'inventory_items_updated',"
	 "   r.result->>'exact_matches', r.result->>'fuzzy_matches',"
	 "   json_array_length(r.result->'review'),"
	 "   (SELECT coalesce(string_agg(" FAULT_OF("e") ", ', '), '')"
	 "      FROM json_array_elements(r.result->'failed_items') AS e)) AS seen) AS x"
	 " WHERE r.stage = 1 AND r.status = 1 AND x.wanted IS DISTINCT FROM x.seen"},
	{"a result of a failed invoice that does not name its lines",
	 "SELECT s.*, r.result FROM outcomes AS s JOIN weir.results AS r USING (job_id, ordinal),"
	 " LATERAL (SELECT string_agg(" FAULT_OF("e") ", ', ') AS seen"
	 "  FROM json_array_elements(r.result->'failed_items') AS e) AS x"
	 " WHERE r.stage = 1 AND r.status = 2"
	 " AND (x.seen IS DISTINCT FROM s.faults OR r.result->>'status' <> 'failed')"},
};

static void check_difference(const struct difference *d)
{
	PGresult *r =
		sql_rows("SELECT count(*) OVER (), d::text FROM (%s) AS d LIMIT " LISTED, d->query);
	for (int i = 0; i < PQntuples(r); i++)
		EXPECT(false, "%s (%s in all): %s", d->what, PQgetvalue(r, i, 0),
		       PQgetvalue(r, i, 1));
	PQclear(r);
}

void invoices_check(const struct load *l)
{
	promise_all(l);
	for (size_t i = 0; i < sizeof differences / sizeof *differences; i++)
		check_difference(&differences[i]);
	booked.invoices = (int)sql("SELECT count(DISTINCT (user_id, invoice_id)) FROM found");
	booked.lines = (int)sql("SELECT count(*) FROM found");
	sql_text("DROP TABLE promised, wanted, found, prices, newest, outcomes");
}

void invoices_report(void)
{
	row_saw("%d invoices of %d lines booked", booked.invoices, booked.lines);
}
