/* The numbers of invoices: what is booked twice, and who waits for whom while it is. */
#include <stdlib.h>
#include <string.h>

#include "world.h"

/* Books one, and tells what came of it. */
static const char booking[] =
	"SELECT concat_ws(' ', refused, result->>'status', coalesce(result->>'duplicate_of', '-'),"
	" result->'warnings'->0->>'warning', result->'failed_items'->0->>'error',"
	" result->'failed_items'->0->>'error_class')"
	" FROM weir.book_invoices('{0}', '{u}', ARRAY[$1], ARRAY[json_build_object("
	"  'vendor_name', $2::text, 'invoice_number', $3::text, 'invoice_date', $4::text, "
	"'currency', 'USD',"
	"  'places', 2, 'fuzzy_auto', 0.85, 'fuzzy_review', 0.6, 'failed_items', '[]'::json,"
	"  'warnings', '[]'::json, 'refuse_duplicates', $5::boolean, 'lines', $6::json,"
	"  'charges', $7::json)::text])";

struct invoice {
	const char *id, *vendor, *number, *day, *refuse, *lines, *charges;
};

#define GOODS(LINE, TEXT)                                                                          \
	"[{\"line\":" LINE ",\"description\":\"" TEXT "\",\"quantity\":\"3\",\"unit_price\":"      \
	"\"1.333\",\"credit\":false,\"pack_count\":\"1\",\"pack_each\":\"1\",\"unit_factor\":"     \
	"\"1\",\"base_unit\":\"each\"}]"
#define FREIGHT(LINE)                                                                              \
	"[{\"line\":" LINE ",\"kind\":\"freight\",\"told_by\":\"line_type\",\"description\":"      \
	"\"Freight\",\"quantity\":\"1\",\"unit_price\":\"5\",\"credit\":false}]"

static void send_invoice(PGconn *c, const struct invoice *in)
{
	const char *values[] = {in->id,	    in->vendor, in->number, in->day,
				in->refuse, in->lines,	in->charges};
	EXPECT(PQsendQueryParams(c, booking, 7, NULL, values, NULL, NULL, 0) == 1, "%s",
	       PQerrorMessage(c));
}

static const char *receive(PGconn *c)
{
	static char text[1024];
	PGresult *r = PQgetResult(c);
	bool good = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1;
	snprintf(text, sizeof text, "%s", good ? PQgetvalue(r, 0, 0) : PQerrorMessage(c));
	PQclear(r);
	while ((r = PQgetResult(c)))
		PQclear(r);
	return text;
}

static const char *book(PGconn *c, const struct invoice *in)
{
	send_invoice(c, in);
	return receive(c);
}

static void expect_text(const char *seen, const char *wanted)
{
	EXPECT(strcmp(seen, wanted) == 0, "%s, not %s", seen, wanted);
}

/* ---- twice ---- */

static void written_otherwise(void)
{
	static const struct {
		const char *vendor, *number, *day, *told;
	} rows[] = {
		{"ACME FOODS INC", "INV-0042", "2025-03-14", ""},
		{"Acme Foods", "INV-42", "2025-03-14", ", there as INV-0042, of Acme Foods, Inc."},
		{"The Acme Foods Co.", "#42", "2025-03-14",
		 ", there as INV-0042, of Acme Foods, Inc."},
		{"Acme Foods L.L.C.", "Invoice no. 42", "2025-03-14",
		 ", there as INV-0042, of Acme Foods, Inc."},
		{"Acme-Foods GmbH & Co. KG", "42 (copy)", "2025-03-14",
		 ", there as INV-0042, of Acme Foods, Inc."},
		{"Acme Foods, Inc.", "INV-0042", "2026-01-02", ", dated 2025-03-14"},
		{"acme foods, inc", "inv 42", "2024-03-14",
		 ", there as INV-0042, dated 2025-03-14"},
	};
	PGconn *c = PQconnectdb(getenv("WEIR_PG_URL"));
	struct invoice in = {"first", "Acme Foods, Inc.", "INV-0042", "2025-03-14",
			     "false", GOODS("1", "Milk"), "[]"};
	expect_text(book(c, &in), "f success -");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char id[16], wanted[256];
		snprintf(id, sizeof id, "other-%zu", i);
		snprintf(wanted, sizeof wanted,
			 "f success first invoice %s of %s is booked as \"first\" as well%s",
			 rows[i].number, rows[i].vendor, rows[i].told);
		in = (struct invoice){id,	   rows[i].vendor, rows[i].number,
				      rows[i].day, "false",	   GOODS("1", "Milk"),
				      "[]"};
		expect_text(book(c, &in), wanted);
		expect_text(book(c, &in), wanted); /* again */
	}
	PQfinish(c);
}

static void others(void)
{
	static const char *const rows[][2] = {
		{"Acme Foods", "VF-42"}, {"Acme Foods", "42-A"}, {"Acme Foods", "420"},
		{"Acme Farms", "42"},	 {"Co", "42"},		 {"Inc.", "42"}};
	PGconn *c = PQconnectdb(getenv("WEIR_PG_URL"));
	struct invoice in = {"first", "Acme Foods, Inc.", "42", "2025-03-14",
			     "false", GOODS("1", "Milk"), "[]"};
	expect_text(book(c, &in), "f success -");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char id[16];
		snprintf(id, sizeof id, "other-%zu", i);
		in.id = id;
		in.vendor = rows[i][0];
		in.number = rows[i][1];
		expect_text(book(c, &in), "f success -");
	}
	PQfinish(c);
}

/* What is refused teaches nothing: neither an item nor what leads to one. */
static void refused(void)
{
	PGconn *c = PQconnectdb(getenv("WEIR_PG_URL"));
	struct invoice in = {"first",	   "Acme", "42",
			     "2025-03-14", "true", GOODS("1", "Tomatoes diced in juice"),
			     "[]"};
	expect_text(book(c, &in), "f success -");
	in.id = "second";
	in.number = "#0042";
	in.day = "2026-03-14";
	in.lines = GOODS("1", "TOMATO DICED IN JUICE");
	in.charges = FREIGHT("2");
	expect_text(book(c, &in),
		    "t failed first invoice #0042 of Acme is booked as \"first\" already,"
		    " there as 42, dated 2025-03-14, and invoice.duplicate is refuse"
		    " duplicate_invoice");
	EXPECT_INT(sql("SELECT count(*) FROM weir.vendor_item_mappings"), 1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_items"), 1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_transactions"), 1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.invoice_charges"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.invoices"), 1);
	PQfinish(c);
}

/* ---- at once ---- */

/* Of two deliveries of one invoice, which is booked already, one has a new line as goods, and the
 * other as a charge. Nothing else makes them wait: item and vendor are known. */
static void goods_or_a_charge(void)
{
	PGconn *one = PQconnectdb(getenv("WEIR_PG_URL")),
	       *other = PQconnectdb(getenv("WEIR_PG_URL"));
	for (int turn = 0; turn < 2; turn++) {
		const char *id = turn ? "b" : "a", *number = turn ? "2" : "1";
		const struct invoice known = {
			id, "Acme", number, "2025-03-14", "false", GOODS("1", "Milk"), "[]"};
		const struct invoice goods = {
			id, "Acme", number, "2025-03-14", "false", GOODS("2", "Milk"), "[]"};
		const struct invoice charge = {id,	"Acme", number,	     "2025-03-14",
					       "false", "[]",	FREIGHT("2")};
		expect_text(book(one, &known), "f success -");
		PQclear(PQexec(one, "BEGIN"));
		expect_text(book(one, turn ? &charge : &goods), "f success -");
		send_invoice(other, turn ? &goods : &charge);
		await(PATIENCE_MS,
		      "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
		      " AND pid = %d",
		      PQbackendPID(other));
		PQclear(PQexec(one, "COMMIT"));
		EXPECT_PART(receive(other), "booked_differently");
		EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_transactions"
			       " WHERE invoice_id = '%s' AND line = 2",
			       id),
			   !turn);
		EXPECT_INT(sql("SELECT count(*) FROM weir.invoice_charges WHERE invoice_id = '%s'",
			       id),
			   turn);
	}
	PQfinish(one);
	PQfinish(other);
}

/* ---- callers of before ---- */

/* The body that weir.book_invoices() had before there were totals, as far as one that is in it then
 * has still to go. */
static const char before[] =
	"CREATE FUNCTION weir.book_as_before(positions integer[], user_ids text[],"
	" invoice_ids text[], invoices text[])"
	" RETURNS TABLE (pos integer, result json, refused boolean) LANGUAGE plpgsql AS $$"
	" DECLARE"
	"  lines weir.invoice_line[] :="
	"   weir.read_invoices(positions, user_ids, invoice_ids, invoices);"
	"  matches weir.line_match[] := weir.map_all(lines);"
	" BEGIN"
	"  PERFORM FROM (SELECT DISTINCT l.item_id FROM unnest(lines, matches) l"
	"   WHERE l.item_id IS NOT NULL ORDER BY 1) u CROSS JOIN LATERAL (SELECT"
	"   FROM weir.inventory_items i WHERE i.item_id = u.item_id FOR NO KEY UPDATE) i;"
	"  matches := weir.do_safely('book', lines, matches);"
	"  PERFORM weir.forget_items(matches);"
	"  RETURN QUERY SELECT * FROM weir.invoice_results(positions, invoices, lines, matches);"
	" END $$";

static void in_the_body_of_before(void)
{
	sql_text("%s", before);
	for (int again = 0; again < 2; again++)
		expect_text(
			sql_text("SELECT string_agg(concat_ws(' ', pos, refused, result->>'status',"
				 " result->>'total_cost', result->>'duplicate_of'), ', ' ORDER BY"
				 " pos) FROM weir.book_as_before('{3,7}', '{u,u}', '{a,b}',"
				 " array_fill('{\"vendor_name\":\"V\",\"invoice_number\":\"1\","
				 "\"invoice_date\":\"2025-03-14\",\"currency\":\"USD\","
				 "\"fuzzy_auto\":0.85,\"fuzzy_review\":0.60,\"lines\":" GOODS(
					 "1", "Milk") ",\"failed_items\":[],\"warnings\":[]}'"
						      "::text, '{2}'))"),
			"3 f success 3.999, 7 f success 3.999 a");
	EXPECT_INT(sql("SELECT count(*) FROM weir.invoices"), 2);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_transactions"), 2);
	sql_text("DROP FUNCTION weir.book_as_before");
}

void add_invoices_numbers_suite(void);

void add_invoices_numbers_suite(void)
{
	CU_pSuite s = WORLD_SUITE("invoices and their numbers");
	CU_add_test(s, "one number, written otherwise", written_otherwise);
	CU_add_test(s, "other numbers and vendors", others);
	CU_add_test(s, "a duplicate that is refused leaves nothing", refused);
	CU_add_test(s, "a line at once as goods and as a charge", goods_or_a_charge);
	CU_add_test(s, "one that is booking while this comes", in_the_body_of_before);
}
