/* What a person is shown of mappings and decides on them, and what a report says of invoices. The
 * rows are written in SQL, so that every state can be had. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lines.h"

/* ---- two users with the same rows, but for their ids ---- */

/* What alice has: items 4 and 5 in g, 6 in pieces. Mappings 17 and 18 are flagged; 17 and 20 are of
 * one vendor and lead to item 4. What was booked, by day: 20 at 10.00, 17 at 12.00, 18 at 9.00, 17
 * at 15.00 (and one given back), 20 at 11.00. */
static const char make_rows[] =
	"WITH v AS (INSERT INTO weir.vendors (user_id, vendor_id, vendor_key, name)"
	"  OVERRIDING SYSTEM VALUE SELECT 'alice', x.* FROM"
	"   (VALUES (1, 'sysco', 'Sysco'), (2, 'us foods', 'US Foods')) x),"
	" i AS (INSERT INTO weir.inventory_items (user_id, item_id, description, item_key,"
	"   base_unit, quantity, last_purchase_date, last_purchase_invoice, last_purchase_line,"
	"   last_purchase_price, last_purchase_currency, last_purchase_pack_units)"
	"  OVERRIDING SYSTEM VALUE SELECT 'alice', x.* FROM (VALUES"
	"   (4, 'Tomatoes diced', 'tomatoes diced', 'g', 6000, date '2026-01-12', 'i6', 1, 11.00,"
	"    'USD', 1000),"
	"   (5, 'Tomato paste', 'tomato paste', 'g', 500, '2026-01-07', 'i5', 1, 9.00, 'USD', 500),"
	"   (6, 'Napkins', 'napkins', 'each', 0, NULL, NULL, NULL, NULL, NULL, NULL)) x),"
	" m AS (INSERT INTO weir.vendor_item_mappings (user_id, mapping_id, vendor_id, item_number,"
	"   description, item_key, base_unit, item_id, match, similarity, candidates, needs_review,"
	"   reason) OVERRIDING SYSTEM VALUE SELECT 'alice', x.* FROM (VALUES"
	"   (17, 1, 'A1', 'Diced tomatos', 'diced tomatos', 'g', 4, 'fuzzy_review', 0.72,"
	"    json '[{\"item_id\": 4, \"description\": \"Tomatoes diced\", \"similarity\":0.7234},\n"
	"      {\"item_id\": 5, \"description\": \"Tomato paste\", \"similarity\": 0.61}]', true,"
	"    'nearly the same words'),"
	"   (18, 2, '', E'Paste\\x1b[2J', 'paste 2j', 'g', 5, 'fuzzy_review', 0.6, NULL, true, "
	"NULL),"
	"   (19, 1, 'N1', 'Napkins', 'napkins', 'each', 6, 'exact', NULL, NULL, false, NULL),"
	"   (20, 1, 'A2', 'Tomatoes diced', 'tomatoes diced', 'g', 4, 'new', NULL, NULL, false, "
	"'other words')"
	"  ) x),"
	" b (invoice, mapping, item, vendor, day, quantity, price, units) AS (VALUES"
	"  ('i1', 20, 4, 1, date '2026-01-01', 2, 10.00, 1000),"
	"  ('i2', 17, 4, 1, '2026-01-05', 3, 12.00, 1000),"
	"  ('i3', 17, 4, 1, '2026-01-10', 1, 15.00, 1000),"
	"  ('i4', 17, 4, 1, '2026-01-11', -1, 15.00, 1000),"
	"  ('i5', 18, 5, 2, '2026-01-07', 1, 9.00, 500),"
	"  ('i6', 20, 4, 1, '2026-01-12', 1, 11.00, 1000)),"
	" t AS (INSERT INTO weir.inventory_transactions (user_id, invoice_id, line, kind,"
	"   vendor_id, item_id, mapping_id, match, invoice_number, invoice_date, currency,"
	"   description, quantity, unit_price, total_cost, pack_units, quantity_change, unit_cost)"
	"  SELECT 'alice', invoice, 1, CASE WHEN quantity > 0 THEN 'purchase' ELSE 'credit' END,"
	"   vendor, item, mapping, 'exact', invoice, day, 'USD', 'x', quantity, price,"
	"   quantity * price, units, quantity * units, price / units FROM b)"
	" INSERT INTO weir.price_history (user_id, invoice_id, line, item_id, vendor_id, currency,"
	"  invoice_date, price, pack_units, previous_price, previous_pack_units,"
	"  price_change_percent, is_price_increase)"
	" SELECT 'alice', invoice, 1, item, vendor, 'USD', day, price, units, before,"
	"  1000 + 0 * before, round((price - before) * 100 / before, 4), price > before"
	" FROM b LEFT JOIN (VALUES ('i2', 10.00), ('i3', 12.00), ('i6', 15.00)) p(invoice,"
	"  before) USING (invoice) WHERE quantity > 0";

/* What alice has, with 100 added to each id. */
static const char copy_rows[] =
	"INSERT INTO weir.%s OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(x,"
	" '{\"user_id\": \"bob\"}' || (SELECT jsonb_object_agg(key, value::int + 100)"
	"  FROM jsonb_each_text(to_jsonb(x)) WHERE key IN ('vendor_id', 'item_id', 'mapping_id')))"
	").* FROM weir.%s x";

static void make_users(void)
{
	static const char *const tables[] = {"vendors", "inventory_items", "vendor_item_mappings",
					     "inventory_transactions", "price_history"};
	sql_text("%s", make_rows);
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		sql_text(copy_rows, tables[i], tables[i]);
	EXPECT_INT(sql("SELECT count(*) FROM weir.price_history"), 10);
}

/* All that a user has, whatever it is. */
static const char *digest(const char *user)
{
	static char text[64];
	snprintf(text, sizeof text, "%s",
		 sql_text("SELECT md5(string_agg(x, '|' ORDER BY x)) FROM ("
			  " SELECT user_id, v::text FROM weir.vendors v"
			  " UNION ALL SELECT user_id, i::text FROM weir.inventory_items i"
			  " UNION ALL SELECT user_id, m::text FROM weir.vendor_item_mappings m"
			  " UNION ALL SELECT user_id, t::text FROM weir.inventory_transactions t"
			  " UNION ALL SELECT user_id, p::text FROM weir.price_history p"
			  ") AS a(user_id, x) WHERE user_id = '%s'",
			  user));
	return text;
}

static const struct outcome *review(const char *option, const char *value)
{
	return run(NULL, "weir", "invoice", "review", "alice", option, value, NULL);
}

static const struct outcome *expect_done(const struct outcome *o, int status)
{
	EXPECT(o->status == status, "review: %d, not %d: %s%s", o->status, status, o->out, o->err);
	return o;
}

static void expect_text(const char *wanted, const char *seen)
{
	EXPECT(strcmp(seen, wanted) == 0, "\"%s\", not \"%s\"", seen, wanted);
}

/* Of alice: quantity and last purchase. */
static void expect_item(int item, const char *wanted)
{
	expect_text(wanted, sql_text("SELECT concat_ws(' ', trim_scale(quantity),"
				     " last_purchase_date, last_purchase_invoice,"
				     " last_purchase_line, last_purchase_price,"
				     " last_purchase_currency, last_purchase_pack_units)"
				     " FROM weir.inventory_items"
				     " WHERE user_id = 'alice' AND item_id = %d",
				     item));
}

/* Of alice: item, what came before it, the change and whether it is an increase. */
static void expect_price(const char *invoice, const char *wanted)
{
	expect_text(wanted, sql_text("SELECT concat_ws(' ', item_id, previous_price,"
				     " price_change_percent, is_price_increase)"
				     " FROM weir.price_history"
				     " WHERE user_id = 'alice' AND invoice_id = '%s'",
				     invoice));
}

static void expect_mapping(int mapping, const char *wanted)
{
	expect_text(wanted, sql_text("SELECT concat_ws(' ', item_id, needs_review,"
				     " reviewed_at IS NOT NULL) FROM weir.vendor_item_mappings"
				     " WHERE user_id = 'alice' AND mapping_id = %d",
				     mapping));
}

/* ---- the list ---- */

static void mappings_are_listed(void)
{
	EXPECT_PART(expect_done(review(NULL, NULL), 0)->out, "no mappings at all");
	make_users();
	const struct outcome *o = expect_done(review(NULL, NULL), 0);
	expect_text("mapping 17: Sysco no. A1 \"Diced tomatos\"\n"
		    "  leads to item 4 \"Tomatoes diced\" (fuzzy_review 0.72, to review, nearly "
		    "the same words): "
		    "3 transactions, 3000 g\n"
		    "  candidates: 4 \"Tomatoes diced\" 0.72, 5 \"Tomato paste\" 0.61\n"
		    "mapping 18: US Foods \"Paste?[2J\"\n"
		    "  leads to item 5 \"Tomato paste\" (fuzzy_review 0.6, to review): "
		    "1 transaction, 500 g\n",
		    o->out);
	o = expect_done(review("--vendor", "us FOODS!"), 0);
	EXPECT(!strstr(o->out, "mapping 17") && strstr(o->out, "mapping 18"), "%s", o->out);
	EXPECT_PART(expect_done(review("--vendor", "Nobody"), 1)->err, "no vendor \"Nobody\"");
	o = expect_done(review("--all", NULL), 0);
	EXPECT_PART(o->out, "leads to item 6 \"Napkins\" (exact): 0 transactions, 0 each\n");
	EXPECT_PART(o->out, "leads to item 4 \"Tomatoes diced\" (new): 2 transactions, 3000 g\n");
	sql_text("UPDATE weir.vendor_item_mappings SET needs_review = false");
	EXPECT_PART(expect_done(review(NULL, NULL), 0)->out, "no mapping needs a review");
}

static void mappings_are_listed_as_json(void)
{
	make_users();
	EXPECT_PART(expect_done(review("--format", "json"), 0)->out, "\"similarity\":0.72,");
	json_t *lines = lines_of_run();
	EXPECT_INT((int64_t)json_array_size(lines), 2);
	const json_t *one = json_array_get(lines, 0);
	EXPECT_VALUE(one, "mapping_id", "17");
	EXPECT_VALUE(one, "vendor_name", "Sysco");
	EXPECT_VALUE(one, "item_number", "A1");
	EXPECT_VALUE(one, "item_description", "Tomatoes diced");
	EXPECT_VALUE(one, "transactions", "3");
	EXPECT_VALUE(one, "quantity", "3000");
	EXPECT_VALUE(one, "needs_review", "true");
	EXPECT_VALUE(one, "reason", "nearly the same words");
	EXPECT_INT((int64_t)json_array_size(json_object_get(one, "candidates")), 2);
	EXPECT_VALUE(json_array_get(lines, 1), "item_number", "null");
	EXPECT_VALUE(json_array_get(lines, 1), "candidates", "null");
	json_decref(lines);
}

static void make_many(void)
{
	make_users();
	sql_text(
		"INSERT INTO weir.vendor_item_mappings (user_id, mapping_id, vendor_id,"
		" item_number, description, item_key, base_unit, item_id, match, needs_review)"
		" OVERRIDING SYSTEM VALUE"
		" SELECT u, first + n, vendor, 'M' || n, 'many', 'many', 'g', item, 'fuzzy_review',"
		"  true FROM generate_series(1, 2998) n, (VALUES ('alice', 1000, 1, 4),"
		"  ('bob', 10000, 101, 104)) AS v(u, first, vendor, item)");
}

static void many_are_listed_once(void)
{
	make_many();
	const struct outcome *o = run(NULL, "/bin/bash", "-c",
				      WEIR_BUILD_DIR "/bin/weir invoice review alice --format json"
						     " | cut -d, -f1 | sort -u | wc -l",
				      NULL);
	expect_text("3000\n", o->out);
}

/* ---- accepting ---- */

static void mappings_are_accepted(void)
{
	char others[64];
	make_users();
	snprintf(others, sizeof others, "%s", digest("bob"));
	EXPECT_PART(expect_done(review("--accept", "17"), 0)->out,
		    "mapping 17 is accepted: it leads to item 4 \"Tomatoes diced\": "
		    "3 transactions, 3000 g\n");
	expect_mapping(17, "4 f t");
	expect_mapping(18, "5 t f");
	expect_done(review("--accept", "17"), 0);
	EXPECT_PART(expect_done(review("--accept", "99"), 1)->err, "alice has no mapping 99");
	EXPECT_PART(expect_done(review("--accept", "118"), 1)->err, "alice has no mapping 118");
	expect_item(4, "6000 2026-01-12 i6 1 11.00 USD 1000");
	expect_price("i3", "4 12.00 25.0000 t");
	expect_text(others, digest("bob"));
}

static void all_are_accepted(void)
{
	char others[64];
	make_many();
	snprintf(others, sizeof others, "%s", digest("bob"));
	EXPECT_PART(expect_done(run(NULL, "weir", "invoice", "review", "alice", "--accept", "all",
				    "--vendor", "us foods", NULL),
				0)
			    ->out,
		    "1 mapping is accepted");
	expect_mapping(18, "5 f t");
	expect_mapping(17, "4 t f");
	EXPECT_PART(expect_done(run(NULL, "weir", "invoice", "review", "alice", "--accept", "all",
				    "--format", "json", NULL),
				0)
			    ->out,
		    "{\"accepted\":2999}\n");
	EXPECT_INT(sql("SELECT count(*) FROM weir.vendor_item_mappings"
		       " WHERE needs_review AND user_id = 'alice'"),
		   0);
	EXPECT_PART(expect_done(review("--accept", "all"), 0)->out, "0 mappings are accepted");
	expect_mapping(19, "6 f f");
	expect_text(others, digest("bob"));
}

/* ---- remapping ---- */

static void mapping_leads_to_another_item(void)
{
	char others[64];
	make_users();
	snprintf(others, sizeof others, "%s", digest("bob"));
	EXPECT_PART(expect_done(review("--remap", "17=5"), 0)->out,
		    "mapping 17 now leads to item 5 \"Tomato paste\": 3 transactions, 3000 g\n");
	expect_mapping(17, "5 f t");
	expect_item(4, "3000 2026-01-12 i6 1 11.00 USD 1000");
	expect_item(5, "3500 2026-01-10 i3 1 15.00 USD 1000");
	expect_price("i1", "4");
	expect_price("i2", "5");
	expect_price("i3", "5 12.00 25.0000 t");
	expect_price("i5", "5");
	expect_price("i6", "4 10.00 10.0000 t");
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_transactions"
		       " WHERE user_id = 'alice' AND mapping_id = 17 AND item_id = 5"),
		   3);
	expect_text(others, digest("bob"));
	expect_done(review("--remap", "17=4"), 0); /* it is not flagged any more */
	expect_item(4, "6000 2026-01-12 i6 1 11.00 USD 1000");
	expect_item(5, "500 2026-01-07 i5 1 9.00 USD 500");
	expect_price("i6", "4 15.00 -26.6667 f");
	expect_text(others, digest("bob"));
}

static void mapping_leads_to_a_new_item(void)
{
	make_users();
	const struct outcome *o = expect_done(review("--remap", "17=new"), 0);
	EXPECT_PART(o->out, "\"Diced tomatos\": 3 transactions, 3000 g\n");
	int item = (int)sql("SELECT item_id FROM weir.inventory_items WHERE user_id = 'alice'"
			    " AND item_key = 'diced tomatos' AND base_unit = 'g'");
	expect_item(item, "3000 2026-01-10 i3 1 15.00 USD 1000");
	expect_item(4, "3000 2026-01-12 i6 1 11.00 USD 1000");
	expect_done(review("--remap", "17=new"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_items WHERE user_id = 'alice'"), 4);
	expect_done(review("--remap", "20=new"), 0); /* there is one of its description: item 4 */
	expect_mapping(20, "4 f t");
}

static void some_remaps_are_refused(void)
{
	static const struct {
		const char *remap, *why;
	} refused[] = {{"17=6", "mapping 17: item 6 is counted in each"},
		       {"17=99", "mapping 17: there is no item 99"},
		       {"99=4", "mapping 99: there is no mapping 99"},
		       {"117=4", "mapping 117: there is no mapping 117"},
		       {"17=105", "mapping 17: there is no item 105"}};
	char before[64], others[64];
	make_users();
	snprintf(before, sizeof before, "%s", digest("alice"));
	snprintf(others, sizeof others, "%s", digest("bob"));
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		EXPECT_PART(expect_done(review("--remap", refused[i].remap), 1)->err,
			    refused[i].why);
	expect_text(before, digest("alice"));
	expect_text(others, digest("bob"));
}

/* ---- what bookings have put in doubt ---- */

/* One line of an invoice of carol's. */
static void book_line(const char *invoice, const char *vendor, const char *number,
		      const char *description)
{
	sql_text("SELECT count(*) FROM weir.book_invoices(ARRAY[1], ARRAY['carol'], ARRAY['%s'],"
		 " ARRAY[json_build_object('vendor_name', '%s', 'invoice_number', '1',"
		 "  'invoice_date', '2026-01-01', 'currency', 'USD', 'fuzzy_auto', 0.85,"
		 "  'fuzzy_review', 0.6, 'failed_items', '[]'::json, 'warnings', '[]'::json, "
		 "'lines',"
		 "  json_build_array(json_build_object('line', 1, 'item_number', '%s', "
		 "'description',"
		 "   '%s', 'quantity', '1', 'unit_price', '2', 'credit', false, 'pack_count', '1',"
		 "   'pack_each', '1', 'unit_factor', '1', 'base_unit', 'each')))::text])",
		 invoice, vendor, number, description);
}

/* Of carol's mappings: item, match, whether it is flagged, and why. */
static void expect_found(const char *invoice, const char *wanted)
{
	expect_text(wanted, sql_text("SELECT concat_ws(', ', i.description, m.match,"
				     " m.needs_review, m.reason)"
				     " FROM weir.inventory_transactions AS t"
				     " JOIN weir.vendor_item_mappings AS m USING (mapping_id)"
				     " JOIN weir.inventory_items AS i ON i.item_id = t.item_id"
				     " WHERE t.user_id = 'carol' AND invoice_id = '%s'",
				     invoice));
}

static int64_t mapping_of(const char *invoice)
{
	return sql("SELECT mapping_id FROM weir.inventory_transactions WHERE user_id = 'carol'"
		   " AND invoice_id = '%s'",
		   invoice);
}

static int64_t item_of(const char *invoice)
{
	return sql("SELECT item_id FROM weir.inventory_transactions WHERE user_id = 'carol'"
		   " AND invoice_id = '%s'",
		   invoice);
}

static __attribute__((format(printf, 2, 3))) const struct outcome *settle(const char *option,
									  const char *fmt, ...)
{
	char value[64];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(value, sizeof value, fmt, ap);
	va_end(ap);
	return expect_done(run(NULL, "weir", "invoice", "review", "carol", option, value, NULL), 0);
}

static int64_t count_items(void)
{
	return sql("SELECT count(*) FROM weir.inventory_items WHERE user_id = 'carol'");
}

/* The item that was made for a line is removed when the line turns out to be another one, and stays
 * where something else leads to it. */
static void made_in_doubt(void)
{
	book_line("i1", "Acme", "", "BUTTER SOLID SALTED USDA AA");
	book_line("i2", "Other", "", "BUTTER SOLID UNSALTED USDA AA");
	expect_found("i2", "BUTTER SOLID UNSALTED USDA AA, new, t, other words: salted | unsalted");
	book_line("i3", "Third", "", "Butter solid, unsalted, USDA AA");
	expect_found("i3", "BUTTER SOLID UNSALTED USDA AA, exact, t, the item is in doubt itself");
	EXPECT_INT(count_items(), 2);
	settle("--remap", "%lld=%lld", (long long)mapping_of("i3"), (long long)item_of("i1"));
	EXPECT_INT(count_items(), 2);
	EXPECT_INT(item_of("i3"), item_of("i1"));
	settle("--remap", "%lld=%lld", (long long)mapping_of("i2"), (long long)item_of("i1"));
	EXPECT_INT(count_items(), 1);
	EXPECT_INT(sql("SELECT quantity FROM weir.inventory_items WHERE user_id = 'carol'"), 3);
	book_line("i4", "Other", "", "BUTTER SOLID UNSALTED USDA AA");
	expect_found("i4", "BUTTER SOLID SALTED USDA AA, new, f, other words: salted | unsalted");
}

static void accepted_as_new(void)
{
	book_line("i1", "Acme", "", "BUTTER SOLID SALTED USDA AA");
	book_line("i2", "Other", "", "BUTTER SOLID UNSALTED USDA AA");
	settle("--accept", "%lld", (long long)mapping_of("i2"));
	book_line("i3", "Third", "", "BUTTER SOLID UNSALTED USDA AA");
	expect_found("i3", "BUTTER SOLID UNSALTED USDA AA, exact, f");
}

/* Back and forth: each line finds what the number was for it. */
static void number_used_again(void)
{
	book_line("i1", "Acme", "5551", "MILK WHOLE GALLON");
	book_line("i2", "Acme", "5551", "BLEACH GERMICIDAL ULTRA");
	expect_found("i2", "BLEACH GERMICIDAL ULTRA, new, t, "
			   "the number was used before: MILK WHOLE GALLON");
	book_line("i3", "Acme", "5551", "WHOLE MILK GALLON");
	book_line("i4", "Acme", "5551", "BLEACH GERMICIDAL");
	EXPECT_INT(item_of("i3"), item_of("i1"));
	EXPECT_INT(mapping_of("i4"), mapping_of("i2"));
	EXPECT_INT(count_items(), 2);
	settle("--remap", "%lld=%lld", (long long)mapping_of("i2"), (long long)item_of("i1"));
	EXPECT_INT(count_items(), 1);
	book_line("i5", "Acme", "5551", "BLEACH GERMICIDAL ULTRA");
	EXPECT_INT(item_of("i5"), item_of("i1"));
}

/* A vendor says that these are two things; the same words are one until somebody says otherwise. */
static void another_number(void)
{
	static const char why[] = "the vendor has another number for this";
	char wanted[160];
	book_line("i1", "Acme", "10", "Nitrile Gloves Powder Free Blue");
	book_line("i2", "Acme", "11", "Gloves Nitrile Powder Free Blue");
	snprintf(wanted, sizeof wanted, "Gloves Nitrile Powder Free Blue, new, t, %s", why);
	expect_found("i2", wanted);
	book_line("i3", "Acme", "12", "Nitrile Gloves Powder Free Blue");
	snprintf(wanted, sizeof wanted, "Nitrile Gloves Powder Free Blue, exact, t, %s", why);
	expect_found("i3", wanted);
	settle("--remap", "%lld=new", (long long)mapping_of("i3"));
	settle("--remap", "%lld=new", (long long)mapping_of("i3")); /* changes nothing */
	EXPECT(item_of("i3") != item_of("i1"), "it is still the same item");
	EXPECT_INT(count_items(), 3);
	book_line("i4", "Acme", "12", "Nitrile Gloves Powder Free Blue");
	EXPECT_INT(item_of("i4"), item_of("i3"));
	book_line("i5", "Other", "10", "Gloves, Nitrile - Powder Free, Blue");
	EXPECT(sql("SELECT needs_review::int4 FROM weir.vendor_item_mappings WHERE mapping_id = "
		   "%lld",
		   (long long)mapping_of("i5")) == 1,
	       "it may be any of two");
}

/* One that fails does not keep the others from being done, and remaps come first. */
static void several_at_once(void)
{
	make_users();
	const struct outcome *o =
		run(NULL, "weir", "invoice", "review", "alice", "--accept", "99,17", "--accept",
		    "all", "--remap", "18=6,20=5", "--remap", "18=4", NULL);
	expect_done(o, 1);
	EXPECT_PART(o->err, "mapping 18: item 6 is counted in each");
	EXPECT_PART(o->err, "alice has no mapping 99");
	EXPECT_PART(o->err, "2 of 6 mappings could not be settled");
	EXPECT_PART(o->out, "mapping 18 now leads to item 4");
	EXPECT_PART(o->out, "0 mappings are accepted");
	expect_mapping(17, "4 f t");
	expect_mapping(18, "4 f t");
	expect_mapping(20, "5 f t");
}

static void garbage_is_refused(void)
{
	static const char *const accepts[] = {"", "0", "17x", "99999999999999999999"};
	static const char *const remaps[] = {"", "17", "17=0", "all=4", "17=4,"};
	char before[64];
	make_users();
	snprintf(before, sizeof before, "%s", digest("alice"));
	for (size_t i = 0; i < sizeof accepts / sizeof *accepts; i++)
		expect_done(review("--accept", accepts[i]), 2);
	for (size_t i = 0; i < sizeof remaps / sizeof *remaps; i++)
		expect_done(review("--remap", remaps[i]), 2);
	/* Nothing is done where a part of what was asked for cannot be read. */
	expect_done(run(NULL, "weir", "invoice", "review", "alice", "--remap", "17=5", "--accept",
			"18,x", NULL),
		    2);
	expect_done(review("--accept", "9223372036854775807"), 1);
	expect_done(review("--format", "xml"), 2);
	expect_done(run(NULL, "weir", "invoice", "list", "alice", NULL), 2);
	expect_done(run(NULL, "weir", "invoice", "review", NULL), 2);
	expect_done(run(NULL, "weir", "invoice", "review", "", NULL), 2);
	expect_text(before, digest("alice"));
}

/* ---- the report ---- */

/* Five invoices of a job that has ended: good, good in part, without a good line, not worked on to
 * its end, cancelled. */
static void make_job(void)
{
	sql_text("INSERT INTO weir.jobs (job_id, kind, context, batch_size, status, total_items,"
		 " success_count, failure_count, cancelled_count, counted, sealed_at, started_at,"
		 " completed_at) VALUES ('books', 'invoice', '{\"user_id\":\"alice\"}', 100,"
		 " 'cancelled', 5, 2, 2, 1, true, now(), now(), now())");
	sql_text("UPDATE weir.job_stages SET total_items = 5, success_count = 2,"
		 " failure_count = 2, cancelled_count = 1, started_at = now(), completed_at = "
		 "now()");
	sql_text("INSERT INTO weir.job_batches (job_id, stage, n, size, status, success, failed,"
		 " cancelled) VALUES ('books', 1, 0, 5, 'queued', 2, 2, 1)");
	sql_text("INSERT INTO weir.items (job_id, stage, ordinal, custom_id, payload)"
		 " SELECT 'books', 1, n, 'invoice_id_' || n, '{}' FROM generate_series(0, 4) n");
	sql_text("INSERT INTO weir.results (job_id, stage, ordinal, status, attempts, result,"
		 " error_class, error) VALUES"
		 " ('books', 1, 0, 1, 1, '{\"status\":\"success\",\"items_processed\":3,"
		 "\"items_failed\":0,\"inventory_items_created\":2,\"inventory_items_updated\":1,"
		 "\"exact_matches\":1,\"fuzzy_matches\":0,\"total_cost\":\"0.10\","
		 "\"currency\":\"USD\",\"price_increases\":1,\"price_decreases\":0,\"review\":[],"
		 "\"failed_items\":[],\"warnings\":[{\"line\":1}]}', NULL, NULL),"
		 " ('books', 1, 1, 1, 1, '{\"status\":\"partial_success\",\"items_processed\":4,"
		 "\"items_failed\":2,\"inventory_items_created\":0,\"inventory_items_updated\":3,"
		 "\"exact_matches\":2,\"fuzzy_matches\":2,\"total_cost\":\"12345678901234567.2\","
		 "\"currency\":\"USD\",\"price_increases\":0,\"price_decreases\":2,"
		 "\"charges_processed\":2,\"charges_total\":\"-3.25\",\"duplicate_of\":\"a\","
		 "\"invoice_total_difference\":\"0.01\","
		 "\"review\":[{\"line\":2},{\"line\":3}],\"warnings\":[],"
		 "\"failed_items\":[{\"error_class\":\"bad_price\"},"
		 "{\"error_class\":\"bad_quantity\"}]}', NULL, NULL),"
		 " ('books', 1, 2, 2, 1, '{\"status\":\"failed\",\"items_processed\":0,"
		 "\"items_failed\":1,\"total_cost\":\"-1.005\",\"currency\":\"EUR\","
		 "\"failed_items\":[{\"error_class\":\"bad_price\"}]}', 'no_good_line', 'none'),"
		 " ('books', 1, 3, 2, 3, NULL, 'timeout', 'late'),"
		 " ('books', 1, 4, 3, 0, NULL, NULL, NULL)");
}

static const struct outcome *report(const char *format)
{
	return expect_done(run(NULL, "weir", "report", "books", "--format", format, NULL), 0);
}

static void report_adds_up_invoices(void)
{
	make_job();
	const struct outcome *o = report("text");
	EXPECT_PART(o->out, "invoices   1 success, 1 in part, 2 failed\n"
			    "lines      7 processed, 3 failed, 2 to review, 1 with a warning\n"
			    "bad lines  bad_price 2, bad_quantity 1\n"
			    "inventory  2 items created, 4 updated; 3 exact matches, 2 fuzzy\n"
			    "prices     1 increases, 2 decreases\n"
			    "cost       -1.005 EUR, 12345678901234567.30 USD\n"
			    "charges    -3.25 USD\n"
			    "odd        1 not of their invoice_total, 1 booked under another "
			    "custom_id\n");
	json_t *whole = json_loads(report("json")->out, 0, NULL);
	EXPECT_VALUE(whole, "invoices",
		     "{\"success\":1,\"partial_success\":1,\"failed\":2,\"items_processed\":7,"
		     "\"items_failed\":3,\"inventory_items_created\":2,"
		     "\"inventory_items_updated\":4,\"exact_matches\":3,\"fuzzy_matches\":2,"
		     "\"review\":2,\"warnings\":1,\"price_increases\":1,\"price_decreases\":2,"
		     "\"charges_processed\":2,\"duplicates\":1,\"invoice_total_differences\":1,"
		     "\"total_cost\":{\"EUR\":\"-1.005\",\"USD\":\"12345678901234567.30\"},"
		     "\"charges_total\":{\"USD\":\"-3.25\"},"
		     "\"failed_items_by_class\":{\"bad_price\":2,\"bad_quantity\":1}}");
	json_decref(whole);
	o = report("csv");
	EXPECT_PART(o->out, ",invoices_success,invoices_partial_success,invoices_failed,");
	EXPECT_PART(o->out, ",invoices_total_cost,invoices_charges_total,"
			    "invoices_failed_items_by_class\r\n");
	EXPECT_PART(o->out, ",1,1,2,7,3,2,4,3,2,2,1,1,2,2,1,1,\"'-1.005 EUR, "
			    "12345678901234567.30 USD\",'-3.25 USD,"
			    "\"bad_price 2, bad_quantity 1\"\r\n");
}

static void report_counts_what_is_not_listed(void)
{
	make_job();
	sql_text("UPDATE weir.results SET result = (result::jsonb || '{\"review_omitted\": 5,"
		 " \"warnings_omitted\": 7, \"failed_items_omitted\": 3}')::json"
		 " WHERE ordinal = 0");
	const struct outcome *o = report("text");
	EXPECT_PART(o->out, " 7 to review, 8 with a warning\n"
			    "bad lines  not_listed 3, bad_price 2, bad_quantity 1\n");
}

/* Before anything is done; with results that are somebody else's; of another kind. */
static void report_without_invoices(void)
{
	make_job();
	sql_text("UPDATE weir.results SET result = NULL");
	EXPECT_PART(report("text")->out, "invoices   2 success, 0 in part, 2 failed\n"
					 "lines      0 processed");
	EXPECT_PART(report("json")->out,
		    "\"total_cost\":{},\"charges_total\":{},\"failed_items_by_class\":{}}");
	static const char *const odd[] = {"[1]", "7", "{\"items_processed\":\"many\"}",
					  "{\"failed_items\":{}}", "{\"total_cost\":[]}"};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		sql_text("UPDATE weir.results SET result = '%s' WHERE ordinal = 0", odd[i]);
		const struct outcome *o = report("text");
		EXPECT(!strstr(o->out, "invoices "), "of %s: %s", odd[i], o->out);
		EXPECT_PART(o->out, "failures   no_good_line 1, timeout 1\n");
	}
	sql_text("UPDATE weir.jobs SET kind = 'sum'");
	sql_text("UPDATE weir.job_stages SET kind = 'sum'");
	EXPECT(!strstr(report("csv")->out, "invoices_"), "a job of sums has invoices");
}

static void failed_invoices_have_results(void)
{
	make_job();
	run(NULL, "weir", "results", "books", NULL);
	json_t *lines = lines_of_run();
	EXPECT_INT((int64_t)json_array_size(lines), 5);
	EXPECT_VALUE(line_of(lines, "invoice_id_1"), "results.invoice.items_failed", "2");
	EXPECT_VALUE(line_of(lines, "invoice_id_2"), "status", "failed");
	EXPECT_VALUE(line_of(lines, "invoice_id_2"), "results.invoice.status", "failed");
	EXPECT_VALUE(line_of(lines, "invoice_id_2"), "error_class", "no_good_line");
	EXPECT_VALUE(line_of(lines, "invoice_id_3"), "results", "{}");
	json_decref(lines);
}

void add_review_suite(void);

void add_review_suite(void)
{
	CU_pSuite s = WORLD_SUITE("review of invoices");
	CU_add_test(s, "mappings are listed", mappings_are_listed);
	CU_add_test(s, "mappings are listed as JSON", mappings_are_listed_as_json);
	CU_add_test(s, "many mappings are listed once", many_are_listed_once);
	CU_add_test(s, "mappings are accepted", mappings_are_accepted);
	CU_add_test(s, "all mappings are accepted", all_are_accepted);
	CU_add_test(s, "a mapping leads to another item", mapping_leads_to_another_item);
	CU_add_test(s, "a mapping leads to a new item", mapping_leads_to_a_new_item);
	CU_add_test(s, "some remaps are refused", some_remaps_are_refused);
	CU_add_test(s, "an item that was made in doubt", made_in_doubt);
	CU_add_test(s, "a new item is accepted", accepted_as_new);
	CU_add_test(s, "an item number is used again", number_used_again);
	CU_add_test(s, "another number of the same vendor", another_number);
	CU_add_test(s, "several decisions at once", several_at_once);
	CU_add_test(s, "garbage is refused", garbage_is_refused);
	CU_add_test(s, "a report adds up invoices", report_adds_up_invoices);
	CU_add_test(s, "a report counts what is not listed", report_counts_what_is_not_listed);
	CU_add_test(s, "a report without invoices", report_without_invoices);
	CU_add_test(s, "failed invoices have results", failed_invoices_have_results);
}
