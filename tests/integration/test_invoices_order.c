/* Lines that are nearly alike are mapped in their order: in flushes of any size they come to what
 * they come to one at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../faults/chance.h"
#include "lines.h"
#include "reference.h"

#define INVOICES 90
#define FEW 12	 /* lines that an invoice has at most */
#define MANY 620 /* lines of the one that is longer than a statement's part */
#define LONG_ONE 40

#define COUNT(LIST) ((int)(sizeof(LIST) / sizeof *(LIST)))

struct texts {
	char number[8], description[96], quantity[8], price[8];
};

static struct {
	struct reference_invoice as;
	struct reference_line lines[MANY];
	struct texts texts[MANY];
	char id[16], date[16];
} made;

static const char *const users[] = {"u1", "u2"};
static const char *const vendors[] = {"North & Sons", "NORTH  SONS", "South", "north sons."};
static const char *const units[] = {"each", "each", "each", "g"};
static const char *const words[] = {"organic", "tomato",  "chicken", "breast",	"ground", "beef",
				    "whole",   "skimmed", "milk",    "cheddar", "sharp",  "80/20",
				    "70/30",   "10oz",	  "12oz",    "flour",	"rice",	  "long"};

/* ---- making ---- */

/* Few words of few, some of them in the plural, cut or twice: many are alike by about as much as
 * the two thresholds. Those with digits stay whole: 10oz and 10ozs are for a person to compare. */
static void make_description(struct chance *c, char *out, size_t room)
{
	size_t n = 0;
	int count = chance_between(c, 2, 5), first = chance_between(c, 0, COUNT(words) - 1);
	for (int i = 0; i < count; i++) {
		int step = chance_between(c, 0, 3) ? i : chance_between(c, 0, COUNT(words) - 1);
		const char *word = words[(first + step) % COUNT(words)];
		int way = strpbrk(word, "0123456789") ? 2 : chance_between(c, 0, 9);
		n += (size_t)snprintf(out + n, room - n, "%s%.*s%s", i ? " " : "",
				      (int)strlen(word) - (way == 0), word, way == 1 ? "s" : "");
	}
}

static void make_line(struct chance *c, int i)
{
	struct texts *t = &made.texts[i];
	bool credit = chance_between(c, 1, 10) == 1;
	make_description(c, t->description, sizeof t->description);
	snprintf(t->number, sizeof t->number, "%d", chance_between(c, 1, 60));
	snprintf(t->quantity, sizeof t->quantity, "%s%d", credit ? "-" : "",
		 chance_between(c, 1, 20));
	snprintf(t->price, sizeof t->price, "%d.%d", chance_between(c, 0, 3),
		 chance_between(c, 0, 9));
	made.lines[i] = (struct reference_line){
		.item_number = chance_between(c, 0, 2) ? NULL : t->number,
		.description = t->description,
		.quantity = t->quantity,
		.unit_price = t->price,
		.pack_count = chance_between(c, 0, 3) ? "1" : "12",
		.pack_each = "1",
		.unit_factor = "1",
		.base_unit = units[chance_between(c, 0, COUNT(units) - 1)],
		.credit = credit,
	};
}

static void make_invoice(uint64_t seed, int n)
{
	struct chance c = chance_of(seed, "alike", n);
	snprintf(made.id, sizeof made.id, "i-%03d", n);
	snprintf(made.date, sizeof made.date, "2024-05-%02d", chance_between(&c, 1, 9));
	made.as = (struct reference_invoice){
		.user_id = users[chance_between(&c, 0, COUNT(users) - 1)],
		.invoice_id = made.id,
		.vendor_name = vendors[chance_between(&c, 0, COUNT(vendors) - 1)],
		.invoice_number = made.id,
		.invoice_date = made.date,
		.currency = "USD",
		.lines = made.lines,
		.size = n == LONG_ONE ? MANY : (size_t)chance_between(&c, 1, FEW),
	};
	for (int i = 0; i < (int)made.as.size; i++)
		make_line(&c, i);
}

/* For the statement that makes flushes of it. */
static void keep_invoice(int n)
{
	for (size_t i = 0; i < made.as.size; i++) {
		const struct reference_line *l = &made.lines[i];
		sql_text("INSERT INTO made VALUES (%d, '%s', '%s', '%s', '%s', %zu, nullif('%s', "
			 "''),"
			 " '%s', '%s', '%s', %s, '%s', '%s')",
			 n, made.as.user_id, made.id, made.as.vendor_name, made.date, i + 1,
			 l->item_number ? l->item_number : "", l->description, l->quantity,
			 l->unit_price, l->credit ? "true" : "false", l->pack_count, l->base_unit);
	}
}

static void make_all(uint64_t seed)
{
	struct reference *ref = reference_open(getenv("WEIR_PG_URL"));
	int rc = ref ? reference_empty(ref) : -1;
	sql_text("CREATE TEMP TABLE made (n integer, user_id text, invoice_id text, vendor text,"
		 " day date, line integer, item_number text, description text, quantity text,"
		 " price text, credit boolean, packs text, unit text)");
	for (int n = 0; n < INVOICES && rc == 0; n++) {
		make_invoice(seed, n);
		keep_invoice(n);
		rc = reference_book(ref, &made.as);
	}
	EXPECT(rc == 0, "the reference could not book all");
	reference_close(ref);
}

/* ---- booking ---- */

/* The invoices with the numbers from least to least + count - 1, in one flush. */
static void book(int least, int count)
{
	sql_text("WITH i AS (SELECT n, user_id, invoice_id, json_build_object("
		 "  'vendor_name', vendor, 'invoice_number', invoice_id, 'invoice_date', day,"
		 "  'currency', 'USD', 'fuzzy_auto', 0.85, 'fuzzy_review', 0.6, 'failed_items',"
		 "  '[]'::json, 'warnings', '[]'::json, 'lines', json_agg(json_build_object('line',"
		 "  line, 'item_number', item_number, 'description', description, 'quantity',"
		 "  quantity, 'unit_price', price, 'credit', credit, 'pack_count', packs,"
		 "  'pack_each', '1', 'unit_factor', '1', 'base_unit', unit) ORDER BY line))::text"
		 "  AS invoice FROM made WHERE n >= %d AND n < %d"
		 "  GROUP BY n, user_id, invoice_id, vendor, day)"
		 " SELECT count(*) FROM (SELECT array_agg(n) AS n, array_agg(user_id) AS users,"
		 "  array_agg(invoice_id) AS ids, array_agg(invoice) AS invoices FROM i) AS f,"
		 " weir.book_invoices(f.n, f.users, f.ids, f.invoices)",
		 least, least + count);
}

/* ---- comparing ---- */

static const char transactions[] =
	"SELECT user_id, invoice_id, line, vendor_key, item_key, i.base_unit, match,"
	" t.quantity, total_cost, quantity_change, previous_price, previous_pack_units,"
	" price_change_percent, is_price_increase"
	" FROM %1$s.inventory_transactions AS t JOIN %1$s.vendors USING (user_id, vendor_id)"
	" JOIN %1$s.inventory_items AS i USING (user_id, item_id)"
	" LEFT JOIN %1$s.price_history USING (user_id, invoice_id, line)";
static const char items[] =
	"SELECT user_id, item_key, base_unit, description, trim_scale(quantity),"
	" last_purchase_date, last_purchase_invoice, last_purchase_line, last_purchase_price"
	" FROM %1$s.inventory_items";
/* Of each that was in doubt or not, how much. */
static const char doubts[] =
	"SELECT m.user_id, vendor_key, m.item_number, m.item_key, m.base_unit, i.item_key, match,"
	" similarity, needs_review FROM %1$s.vendor_item_mappings AS m"
	" JOIN %1$s.vendors USING (vendor_id) JOIN %1$s.inventory_items AS i USING (item_id)"
	" WHERE match <> 'exact'";

static const char *of_schema(const char *query, const char *schema)
{
	static char text[2][2048];
	static int turn;
	char *out = text[turn++ % 2];
	size_t n = 0;
	for (const char *at = query; *at && n < sizeof *text - 16; at++) {
		if (strncmp(at, "%1$s", 4) != 0) {
			out[n++] = *at;
			continue;
		}
		n += (size_t)snprintf(out + n, sizeof *text - n, "%s", schema);
		at += 3;
	}
	out[n] = '\0';
	return out;
}

static void expect_only(const char *query, const char *one, const char *other, int flush)
{
	PGresult *r = sql_rows("SELECT d::text FROM (%s EXCEPT ALL %s) AS d ORDER BY 1 LIMIT 5",
			       of_schema(query, one), of_schema(query, other));
	for (int i = 0; i < PQntuples(r); i++)
		EXPECT(false, "flushes of %d: only %s has %s", flush, one, PQgetvalue(r, i, 0));
	PQclear(r);
}

static void compare_with_reference(int flush)
{
	static const char *const queries[] = {transactions, items, doubts};
	for (int i = 0; i < COUNT(queries); i++) {
		expect_only(queries[i], "weir", "reference", flush);
		expect_only(queries[i], "reference", "weir", flush);
	}
}

static void in_order(void)
{
	static const int flushes[] = {1, 7, INVOICES};
	const char *given = getenv("WEIR_TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	printf("\n    WEIR_TEST_SEED=%llu\n", (unsigned long long)seed);
	make_all(seed);
	for (int i = 0; i < COUNT(flushes); i++) {
		sql_text("TRUNCATE weir.vendors, weir.inventory_items, weir.vendor_item_mappings,"
			 " weir.inventory_transactions, weir.price_history,"
			 " weir.invoices, weir.invoice_charges");
		for (int n = 0; n < INVOICES; n += flushes[i])
			book(n, flushes[i]);
		compare_with_reference(flushes[i]);
	}
	EXPECT(sql("SELECT count(*) FROM weir.vendor_item_mappings WHERE needs_review") > 20,
	       "hardly anything was in doubt");
	sql_text("DROP TABLE made");
}

/* What two texts have in common is the same in any database: so also where no letter is known but
 * those of English. */
static void other_letters(void)
{
	static const char *const rows[][2] = {
		{"Milk \\u042f\\u0431\\u043b", "Milk \\u0413\\u0440\\u0443"}, /* Cyrillic words */
		{"\\u0926\\u093e\\u0932", "\\u0926\\u093f\\u0932"}, /* Hindi: vowel signs */
		{"\\u725b\\u4e73 1L", "\\u8c46\\u4e73 1L"},	    /* Chinese */
		{"a\\u0142b", "a b"},
	};
	for (int i = 0; i < COUNT(rows); i++)
		EXPECT(sql("SELECT (weir.text_key(E'%s' COLLATE \"C\")"
			   " <> weir.text_key(E'%s' COLLATE \"C\"))::int4",
			   rows[i][0], rows[i][1]) == 1,
		       "%s is %s", rows[i][0], rows[i][1]);
	EXPECT_INT(
		sql("SELECT (weir.text_key(E'\\u201cRoma\\u201d \\u2013 tomatoes\\u2122, 6\\u00d7'"
		    " COLLATE \"C\") = 'roma tomatoestm 6')::int4"),
		1);
}

static void clean(void)
{
	world_clean();
	real_plugins();
}

void add_invoices_order_suite(void);

void add_invoices_order_suite(void)
{
	CU_pSuite s =
		CU_add_suite_with_setup_and_teardown("invoices whose lines are nearly alike",
						     world_open, world_close, clean, real_leave);
	CU_add_test(s, "are told apart by all letters", other_letters);
	CU_add_test(s, "come to what they come to one at a time", in_order);
}
