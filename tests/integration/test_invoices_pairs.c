/* Two vendors' descriptions, pair by pair: whether they become one item, at once, with a flag, or
 * not at all. The table is tests/fixtures/pairs.tsv. */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define PAIRS WEIR_SOURCE_DIR "/tests/fixtures/pairs.tsv"

static void keep_row(char *row)
{
	char *a = strchr(row, '\t'), *b = a ? strchr(a + 1, '\t') : NULL;
	if (!EXPECT(b != NULL, "no pair: %s", row))
		return;
	*a++ = '\0';
	*b++ = '\0';
	sql_text("INSERT INTO pairs VALUES ('%s', $a$%s$a$, $b$%s$b$)", row, a, b);
}

static void read_pairs(void)
{
	char row[512];
	FILE *f = fopen(PAIRS, "r");
	sql_text("CREATE TEMP TABLE pairs (kind text, a text, b text,"
		 " n integer GENERATED ALWAYS AS IDENTITY)");
	EXPECT(f != NULL, "cannot read " PAIRS);
	while (f && fgets(row, sizeof row, f)) {
		row[strcspn(row, "\n")] = '\0';
		if (*row && *row != '#')
			keep_row(row);
	}
	if (f)
		fclose(f);
}

/* Column a of each pair into an inventory of its own, or b, from another vendor. */
static void book(const char *column)
{
	sql_text("SELECT count(*) FROM (SELECT array_agg(n) AS n, array_agg('pair-' || n) AS users,"
		 " array_agg(c) AS ids, array_agg(json_build_object('vendor_name', 'from ' || c,"
		 "  'invoice_number', '1', 'invoice_date', '2025-06-01', 'currency', 'USD',"
		 "  'fuzzy_auto', 0.85, 'fuzzy_review', 0.6, 'failed_items', '[]'::json,"
		 "  'warnings', '[]'::json, 'lines', json_build_array(json_build_object('line', 1,"
		 "   'description', CASE c WHEN 'a' THEN a ELSE b END, 'quantity', '1',"
		 "   'unit_price', '1', 'credit', false, 'pack_count', '1', 'pack_each', '1',"
		 "   'unit_factor', '1', 'base_unit', 'each')))::text) AS invoices"
		 "  FROM pairs, (VALUES ('%s')) AS v(c)) AS f,"
		 " weir.book_invoices(f.n, f.users, f.ids, f.invoices)",
		 column);
}

static void compare(void)
{
	sql_text("CREATE TEMP TABLE compared AS SELECT p.*, m.needs_review, m.match, m.reason,"
		 " m.item_id = o.item_id AS joined, json_array_length(m.candidates) AS candidates,"
		 " similarity(weir.item_key(a), weir.item_key(b)) >= 0.6 AS alike FROM pairs AS p"
		 " JOIN weir.vendors AS v ON v.user_id = 'pair-' || n AND v.name = 'from b'"
		 " JOIN weir.vendor_item_mappings AS m USING (vendor_id)"
		 " JOIN weir.vendor_item_mappings AS o ON o.user_id = m.user_id"
		 "  AND o.vendor_id <> m.vendor_id");
	EXPECT_INT(sql("SELECT count(*) FROM compared"), sql("SELECT count(*) FROM pairs"));
}

static void expect_none(const char *what, const char *condition)
{
	PGresult *r = sql_rows("SELECT a || ' / ' || b || ': ' || concat_ws(' ', match, reason)"
			       " FROM compared WHERE %s ORDER BY n",
			       condition);
	for (int i = 0; i < PQntuples(r); i++)
		EXPECT(false, "%s: %s", what, PQgetvalue(r, i, 0));
	PQclear(r);
}

static void pairs(void)
{
	read_pairs();
	book("a");
	book("b");
	compare();
	EXPECT(sql("SELECT count(*) FROM compared") > 200, "hardly any pairs");
	expect_none("two things are one", "kind = 'D' AND joined");
	expect_none("two things that are alike are not flagged",
		    "kind = 'D' AND alike AND NOT (needs_review AND candidates > 0)");
	expect_none("what may be two things is joined without a flag",
		    "kind = '?' AND joined AND NOT needs_review");
	expect_none("one thing is two without a flag",
		    "kind = 'S' AND NOT joined AND NOT needs_review");
	expect_none("what is in doubt has no reason", "needs_review <> (reason IS NOT NULL)");
	int same = (int)sql("SELECT count(*) FROM compared WHERE kind = 'S'");
	int at_once = (int)sql("SELECT count(*) FROM compared WHERE kind = 'S' AND joined"
			       " AND NOT needs_review");
	int joined = (int)sql("SELECT count(*) FROM compared WHERE kind = 'S' AND joined");
	printf("\n    of %d that are one, %d join at once, %d with a flag\n", same, at_once,
	       joined - at_once);
	EXPECT(at_once * 10 >= same * 6, "only %d of %d that are one join at once", at_once, same);
	EXPECT(joined >= same - 1, "only %d of %d that are one join", joined, same);
	sql_text("DROP TABLE pairs, compared");
}

/* ---- words, keys and numbers ---- */

/* What is written where something has to stand, and what is a number all the same. */
static void numbers(void)
{
	/* clang-format off */
	static const char *const none[] = {
		"0", "00000", "0-0", "0.00", "N/A", "#N/A", "n.a.", "NA", "NONE", "none",
		"(none)", "NULL", "MISC", "Misc.", "SPECIAL", "-", "--", "?", "???", "*", "x",
		"XXX", "zzzz", "9999", "11111", "TBD", "unknown", "VARIOUS", "OTHER", "SAMPLE",
		"CREDIT", "FREIGHT", "1.00734E+13", "1,5e12", "1E+05", "special order",
		"no number", "NO ITEM", "", "SKU", "SUB", "SO", "S/O", "NS", "NON-STOCK",
		"Non Stock Item", "PRODUCE", "CASH", "TRUE", "false", "SEE NOTE", "See Notes",
		"see note 3", "SEE BELOW", "N.A.", "n / a", "1E13", "1.2E+12", "999999",
		"99-99-99", "1234567890", "#REF!", "#DIV/0!", "n\303\251ant", "ohne",
		"\357\274\256\357\274\217\357\274\241", "EA"};
	static const char *const some[] = {
		"1", "7", "22", "100", "999", "0001", "5551", "12E4", "1E5", "A-100", "XX9",
		"ABC", "A", "N100", "MISC2", "12345", "SEE-100", "NS-1", "SO12", "99",
		"\xe5\x93\x81\xe7\x95\xaa"};
	/* clang-format on */
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		EXPECT(!*sql_text("SELECT weir.item_number('%s')", none[i]), "%s is a number",
		       none[i]);
	for (size_t i = 0; i < sizeof some / sizeof *some; i++)
		EXPECT(*sql_text("SELECT weir.item_number('%s')", some[i]), "%s is no number",
		       some[i]);
}

/* What a vendor may have written of one thing under one number, and what not. */
static void numbers_used_again(void)
{
	static const struct {
		const char *before, *now;
		int counts;
	} rows[] = {
		{"MILK WHOLE GALLON", "Milk, whole, gallon", 1},
		{"MILK WHOLE GALLON", "WHOLE MILK GALLON", 1},
		{"MILK WHOLE GALLON", "MILK WHOLE", 1},
		{"FLOUR ALL PURPOSE UNBLEACHED ENRICHED", "FLOUR ALL PURPOSE UNBLEA", 1},
		{"CHICKEN BREAST BONELESS SKINLESS", "CHKN BRST BNLS SKNLS", 1},
		{"TOMATO DICED", "TOMATOES DICED PETITE", 0},
		{"TOMATO DICED", "TOMATOES DICED POUCH", 1},
		{"MILK WHOLE GALLON", "BLEACH GERMICIDAL ULTRA", 0},
		{"MILK WHOLE GALLON", "MILK SKIM GALLON", 0},
		{"MILK WHOLE GALLON", "MILK", 0},
		{"PEANUT BUTTER COOKIE", "PEANUT FREE BUTTER COOKIE", 0},
		{"GLOVES NITRILE LARGE", "GLOVES NITRILE X LARGE", 0},
		{"BEEF GROUND 80/20", "BEEF GROUND 70/30", 0},
		{"HAM SLICED", "HAM SPICED", 0},
		{"BUTTER SALTED SOLID", "BUTTER UNSALTED SOLID", 0},
		{"BUTTER SOLID", "BUTTER SOLID UNSALTED", 0},
		{"GLOVES NITRILE", "GLOVES NITRILE SMALL", 0},
		{"KETCHUP TOMATO FANCY", "KETCHUP TOMATO FANCY SUGAR FREE", 0},
		{"KETCHUP TOMATO FANCY", "KETCHUP TOMATO FANCY ORGANIC", 0},
		{"KETCHUP TOMATO FANCY", "KETCHUP TOMATO FANCY SUGARFREE", 0},
		{"KETCHUP TOMATO FANCY", "KETCHUP TOMATO FANCY POUCH", 1},
		{"SODA LEMON", "SODA LEMON NO SALT", 0},
		{"EGGS GRADE A", "EGGS GRADE AA", 0},
		{"CHERRIES PITTED", "CHERRIES WITH PITS", 0},
		{"COFFEE GROUND DARK ROAST", "GROUND COFFEE DARK ROAST", 1},
		{"BEEF HOT SAUCE MILD", "BEEF MILD SAUCE HOT", 0},
		{"HEATER -5 C", "HEATER 5 C", 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		EXPECT(sql("SELECT ((weir.compare_keys(weir.item_key('%s'),"
			   " weir.item_key('%s'))).verdict > 0)::int",
			   rows[i].before, rows[i].now) == rows[i].counts,
		       "%s: %s", rows[i].before, rows[i].now);
}

static void keys(void)
{
	static const struct {
		const char *text, *key;
	} rows[] = {{"Hose 1/2 in.", "hose 1 2 in"},
		    {"Hose 1.5 IN", "hose 1.5 in"},
		    {"Hose .5", "hose .5"},
		    {"No.5 can, 2.0 LB.", "no 5 can 2.0 lb"},
		    {"Beef 80/20", "beef 80 20"},
		    {"Grade A+ Beef", "grade a+ beef"},
		    {"Salt+Vinegar", "salt vinegar"},
		    {"6\" plate", "6\" plate"},
		    {"1.2.3", "1.2.3"},
		    {"1,5 L", "1,5 l"},
		    {"1,000 ct, 2", "1 000 ct 2"},
		    {"5'6\" x", "5'6\" x"},
		    {"5''", "5\""},
		    {"-5 C, +5", "-5 c +5"},
		    {"Beans - green -vine", "beans green vine"},
		    {"+/- 5", "\u00B15"},
		    {"\u00B15", "\u00B15"},
		    {"<5 >= 6", "<5 6"},
		    {"\u22655", ">5"},
		    {"Grade B-, A-B", "grade b- a b"},
		    {"50# #10", "50# 10"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *seen = sql_text("SELECT weir.item_key($a$%s$a$)", rows[i].text);
		EXPECT(strcmp(seen, rows[i].key) == 0, "%s: %s", rows[i].text, seen);
	}
}

void add_invoices_pairs_suite(void);

void add_invoices_pairs_suite(void)
{
	CU_pSuite s = WORLD_SUITE("pairs of descriptions");
	CU_add_test(s, "are one thing or two", pairs);
	CU_add_test(s, "placeholders are no item numbers", numbers);
	CU_add_test(s, "a number that is used again", numbers_used_again);
	CU_add_test(s, "keys keep the points of numbers", keys);
}
