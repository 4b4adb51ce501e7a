/* Invoices written by hand, and what they must come to, worked out by hand as well. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../faults/chance.h"
#include "lines.h"

#define FIXTURE WEIR_SOURCE_DIR "/tests/fixtures/invoices"
#define WRITTEN LOGS "/invoices.jsonl"

static void submit(const char *path, const char *job)
{
	const struct outcome *o = run(NULL, "weir", "submit", "invoice", path, "--job", job, NULL);
	EXPECT(o->status == 0, "submit of %s: %d: %s", path, o->status, o->err);
}

/* One consumer takes them in the order of the file; within a flush they are booked in the order of
 * their ids, which is the same. */
static void work(const char *job)
{
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "invoice", "--flush", "7", NULL);
	await(2 * PATIENCE_MS,
	      "SELECT completed_at IS NOT NULL AND counted FROM weir.jobs WHERE job_id = '%s'",
	      job);
	stop_all();
}

/* Of the item's result in a job, an expression over r. */
static const char *result_of(const char *job, const char *id, const char *what)
{
	return sql_text("SELECT %s FROM weir.results AS r JOIN weir.items USING (job_id, ordinal)"
			" WHERE r.job_id = '%s' AND custom_id = '%s'",
			what, job, id);
}

static void expect_result(const char *job, const char *id, const char *what, const char *wanted)
{
	const char *seen = result_of(job, id, what);
	EXPECT(strcmp(seen, wanted) == 0, "%s of %s: %s is %s, not %s", id, job, what, seen,
	       wanted);
}

/* ---- the file of what is expected ---- */

static void expect_invoice(const char *id, const char *wanted)
{
	const char *seen =
		result_of("fixture", id,
			  "concat_ws(' ', result->>'status', CASE WHEN r.status = 1"
			  " THEN trim_scale((result->>'total_cost')::numeric)::text ELSE '-' END,"
			  " CASE WHEN r.status = 1 THEN result->>'currency' ELSE '-' END)");
	EXPECT(strcmp(seen, wanted) == 0, "%s: %s, not %s", id, seen, wanted);
	bool failed = strncmp(wanted, "failed", 6) == 0;
	expect_result("fixture", id, "coalesce(error_class, '')", failed ? "no_good_line" : "");
}

static void expect_booked(const char *id, int line, const char *wanted)
{
	const char *seen = sql_text(
		"SELECT concat_ws(' ', match, trim_scale(total_cost), trim_scale(quantity_change),"
		" base_unit, coalesce(price_change_percent::text, '-'))"
		" FROM weir.inventory_transactions AS t JOIN weir.inventory_items"
		" USING (user_id, item_id) LEFT JOIN weir.price_history"
		" USING (user_id, invoice_id, line) WHERE invoice_id = '%s' AND line = %d",
		id, line);
	EXPECT(strcmp(seen, wanted) == 0, "%s, line %d: %s, not %s", id, line, seen, wanted);
}

static void expect_refused(const char *job, const char *id, int line, const char *wanted)
{
	char what[256];
	snprintf(what, sizeof what,
		 "(SELECT f->>'error_class' FROM json_array_elements(result->'failed_items') AS f"
		 " WHERE (f->>'line')::int = %d)",
		 line);
	expect_result(job, id, what, wanted);
}

static void expect_charge(const char *id, int line, const char *wanted)
{
	const char *seen =
		sql_text("SELECT concat_ws(' ', 'charge', kind, trim_scale(amount))"
			 " FROM weir.invoice_charges WHERE invoice_id = '%s' AND line = %d",
			 id, line);
	EXPECT(strcmp(seen, wanted) == 0, "%s, line %d: %s, not %s", id, line, seen, wanted);
}

struct counted {
	int invoices, booked, charges, refused;
};

static void expect_row(const char *row, struct counted *c)
{
	char id[40];
	int line = 0, rest = 0;
	if (sscanf(row, "%39s %n", id, &rest) != 1 || *id == '#')
		return;
	const char *wanted = row + rest;
	if (sscanf(wanted, "%d %n", &line, &rest) != 1) {
		expect_invoice(id, wanted);
		c->invoices++;
	} else if (strncmp(wanted + rest, "charge ", 7) == 0) {
		expect_charge(id, line, wanted + rest);
		c->charges++;
	} else if (strchr(wanted + rest, ' ')) {
		expect_booked(id, line, wanted + rest);
		c->booked++;
	} else {
		expect_refused("fixture", id, line, wanted + rest);
		c->refused++;
	}
}

static struct counted expect_all(void)
{
	char row[256];
	struct counted c = {0};
	FILE *f = fopen(FIXTURE ".expected", "r");
	EXPECT(f != NULL, "cannot read " FIXTURE ".expected");
	while (f && fgets(row, sizeof row, f)) {
		row[strcspn(row, "\n")] = '\0';
		expect_row(row, &c);
	}
	if (f)
		fclose(f);
	return c;
}

/* ---- what is there in the end ---- */

static void expect_item(const char *user, const char *description, const char *wanted)
{
	const char *seen = sql_text(
		"SELECT concat_ws(' ', trim_scale(quantity), base_unit, last_purchase_date,"
		" trim_scale(last_purchase_price), last_purchase_currency)"
		" FROM weir.inventory_items WHERE user_id = '%s' AND description = '%s'"
		" AND base_unit <> 'each'",
		user, description);
	EXPECT(strcmp(seen, wanted) == 0, "%s of %s: %s, not %s", description, user, seen, wanted);
}

/* Twenty-five pounds eight times, and ten kilograms. Fifty-six gallons. One of three bottles too
 * few and four. The late ones are no last purchases; of the two of one date the greater id is. */
static void expect_inventory(void)
{
	expect_item("bistro", "Roma Tomatoes 25 LB", "100718.474 g 2024-03-27 17.87 USD");
	expect_item("bistro", "Whole Milk", "211983.059904 ml 2024-03-29 17.71 USD");
	expect_item("bistro", "Vanilla Extract Pure", "5000 ml 2024-04-01 46 USD");
	expect_item("cafe-12", "Espresso Roast Whole Bean", "370000 g 2024-06-24 40.18 USD");
	expect_item("cafe-12", "Sour Cream Cultured", "81646.6266 g 2024-07-01 9.24 USD");
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_items AS i WHERE quantity <> (SELECT"
		       " sum(quantity_change) FROM weir.inventory_transactions AS t"
		       " WHERE t.user_id = i.user_id AND t.item_id = i.item_id)"),
		   0);
}

/* As it was when they were booked. */
static void expect_counts(void)
{
	static const char what[] =
		"concat_ws(' ', result->>'items_processed', result->>'items_failed',"
		" result->>'inventory_items_created', result->>'inventory_items_updated',"
		" result->>'exact_matches', result->>'fuzzy_matches', result->>'price_increases',"
		" result->>'price_decreases', json_array_length(result->'review'),"
		" json_array_length(result->'failed_items'),"
		" json_array_length(result->'warnings'))";
	expect_result("fixture", "invoice_id_001", what, "5 0 5 0 0 0 0 0 0 0 0");
	expect_result("fixture", "invoice_id_002", what, "5 0 0 4 4 1 2 1 0 0 0");
	expect_result("fixture", "invoice_id_006", what, "5 0 3 0 0 2 0 0 2 0 0");
	expect_result("fixture", "invoice_id_024", what, "2 7 1 0 0 1 0 0 0 7 0");
	expect_result("fixture", "invoice_id_032", what, "5 0 4 0 1 0 0 0 0 0 5");
	expect_result("fixture", "invoice_id_032", "result->'warnings'->2->>'warning_class'",
		      "unknown_pack");
	expect_result("fixture", "invoice_id_006",
		      "concat_ws(' ', result->'review'->0->>'line',"
		      " result->'review'->0->>'item_description',"
		      " result->'review'->0->'candidates'->0->>'description')",
		      "2 Chicken Breast Boneless Skinless Chicken Breast Boneless Skinless");
}

static void by_hand(void)
{
	submit(FIXTURE ".jsonl", "fixture");
	work("fixture");
	struct counted c = expect_all();
	EXPECT(c.invoices >= 60, "only %d invoices", c.invoices);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results"), c.invoices);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_transactions"), c.booked);
	EXPECT_INT(sql("SELECT sum(json_array_length(result->'failed_items')) FROM weir.results"),
		   c.refused);
	EXPECT_INT(sql("SELECT count(*) FROM weir.price_history"),
		   sql("SELECT count(*) FROM weir.inventory_transactions WHERE kind = 'purchase'"
		       " AND unit_price <> 0"));
	EXPECT_INT(sql("SELECT count(*) FROM weir.invoice_charges"), c.charges);
	expect_inventory();
	expect_counts();
}

/* ---- once more ---- */

/* Everything that may not change. */
static const char *all_there_is(void)
{
	return sql_text(
		"SELECT md5(concat("
		"(SELECT string_agg(t::text, '|' ORDER BY t::text)"
		"   FROM weir.inventory_transactions AS t),"
		"(SELECT string_agg(p::text, '|' ORDER BY p::text) FROM weir.price_history AS p),"
		"(SELECT string_agg(m::text, '|' ORDER BY m::text)"
		"   FROM weir.vendor_item_mappings AS m),"
		"(SELECT string_agg(i::text, '|' ORDER BY i::text)"
		"   FROM weir.inventory_items AS i)))");
}

static void booked_once_for_all(void)
{
	char before[64];
	submit(FIXTURE ".jsonl", "fixture");
	work("fixture");
	snprintf(before, sizeof before, "%s", all_there_is());
	submit(FIXTURE ".jsonl", "again");
	work("again");
	const char *now = all_there_is();
	EXPECT(strcmp(now, before) == 0, "booking all again has changed something");
	EXPECT_INT(sql("SELECT count(*) FROM weir.results AS a JOIN weir.results AS b"
		       " USING (stage, ordinal) WHERE a.job_id = 'fixture' AND b.job_id = 'again'"
		       " AND (a.status, a.result->>'status', a.result->>'total_cost',"
		       "  a.result->>'items_failed') IS NOT DISTINCT FROM"
		       " (b.status, b.result->>'status', b.result->>'total_cost',"
		       "  b.result->>'items_failed')"),
		   sql("SELECT count(*) FROM weir.results WHERE job_id = 'fixture'"));
}

static void write_correction(const char *second, const char *third)
{
	FILE *f = fopen(WRITTEN, "w");
	if (!EXPECT(f != NULL, "cannot write " WRITTEN))
		return;
	fprintf(f,
		"{\"custom_id\":\"invoice_id_1\",\"context\":{\"user_id\":\"u\"},\"invoice\":"
		"{\"vendor_name\":\"V\",\"invoice_number\":\"1\",\"invoice_date\":\"2024-05-01\","
		"\"currency\":\"USD\"},\"line_items\":["
		"{\"description\":\"Sea Salt\",\"quantity\":\"1\",\"unit_price\":\"3.10\"},"
		"{\"description\":\"Brown Sugar\",\"quantity\":\"2\",\"unit_price\":\"%s\"},"
		"{\"description\":\"Black Tea\",\"quantity\":\"3\",\"unit_price\":\"%s\"}]}\n",
		second, third);
	EXPECT(fclose(f) == 0, WRITTEN " was not written");
}

/* Of a corrected invoice only what is missing is booked. */
static void a_corrected_one(void)
{
	write_correction("?", "7.00");
	submit(WRITTEN, "first");
	work("first");
	expect_refused("first", "invoice_id_1", 2, "bad_price");
	write_correction("4.25", "7.70");
	submit(WRITTEN, "second");
	work("second");
	expect_result("second", "invoice_id_1", "result->>'status'", "partial_success");
	expect_result("second", "invoice_id_1", "result->>'total_cost'", "11.60");
	expect_refused("second", "invoice_id_1", 3, "booked_differently");
	const char *seen = sql_text("SELECT string_agg(concat_ws(' ', line, total_cost), ', '"
				    " ORDER BY line) FROM weir.inventory_transactions");
	EXPECT(strcmp(seen, "1 3.10, 2 8.50, 3 21.00") == 0, "booked are %s", seen);
	EXPECT_INT(sql("SELECT sum(quantity) FROM weir.inventory_items"), 6);
}

/* ---- a long one ---- */

#define LONG_LINES 5000
#define LONG_ITEMS 2500
#define LONG_BAD 4321 /* the line that is bad */

/* Words that have nothing in common but their letters. */
static void write_word(FILE *f, struct chance *c)
{
	for (int i = 0; i < 7; i++)
		fputc('a' + chance_between(c, 0, 25), f);
}

static void write_long_line(FILE *f, int line)
{
	struct chance c = chance_of(1, "long", line % LONG_ITEMS);
	fprintf(f, "%s{\"description\":\"", line > 1 ? "," : "");
	write_word(f, &c);
	fputc(' ', f);
	write_word(f, &c);
	fprintf(f, "\",\"item_number\":\"%d\",\"quantity\":\"2\",\"unit_price\":\"%s\"",
		line % LONG_ITEMS, line == LONG_BAD ? "-1.01" : "1.01");
	fputs(",\"pack_size\":\"12 CT\"}", f);
}

static void write_long(void)
{
	FILE *f = fopen(WRITTEN, "w");
	if (!EXPECT(f != NULL, "cannot write " WRITTEN))
		return;
	fputs("{\"custom_id\":\"long\",\"context\":{\"user_id\":\"u\"},\"invoice\":"
	      "{\"vendor_name\":\"V\",\"invoice_number\":\"1\",\"invoice_date\":\"2024-05-01\","
	      "\"currency\":\"USD\"},\"line_items\":[",
	      f);
	for (int line = 1; line <= LONG_LINES; line++)
		write_long_line(f, line);
	fputs("]}\n", f);
	EXPECT(fclose(f) == 0, WRITTEN " was not written");
}

static void a_long_one(void)
{
	static const char what[] = "concat_ws(' ', result->>'status', result->>'items_processed',"
				   " result->>'items_failed', result->>'inventory_items_created', "
				   "result->>'exact_matches',"
				   " result->>'fuzzy_matches', result->>'total_cost')";
	write_long();
	submit(WRITTEN, "long");
	work("long");
	expect_result("long", "long", what, "partial_success 4999 1 2500 2499 0 10097.98");
	expect_refused("long", "long", LONG_BAD, "negative_price");
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_transactions"), LONG_LINES - 1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_items WHERE quantity = 48"),
		   LONG_ITEMS - 1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_items WHERE quantity = 24"), 1);
	submit(WRITTEN, "longer");
	work("longer");
	expect_result("longer", "long", what, "partial_success 4999 1 2500 2499 0 10097.98");
	EXPECT_INT(sql("SELECT sum(quantity) FROM weir.inventory_items"),
		   2 * 12 * (LONG_LINES - 1));
}

static void clean(void)
{
	world_clean();
	real_plugins();
}

void add_invoices_fixture_suite(void);

void add_invoices_fixture_suite(void)
{
	CU_pSuite s = CU_add_suite_with_setup_and_teardown("invoices written by hand", world_open,
							   world_close, clean, real_leave);
	CU_add_test(s, "come to what was worked out by hand", by_hand);
	CU_add_test(s, "are booked once for all", booked_once_for_all);
	CU_add_test(s, "of a corrected one only what is missing is booked", a_corrected_one);
	CU_add_test(s, "one has 5,000 lines", a_long_one);
}
