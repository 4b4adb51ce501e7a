/* Invoices, from a file to the inventory and back as results. */
#include <stdio.h>
#include <string.h>

#include "lines.h"

#define FILE_OF_INVOICES LOGS "/invoices.jsonl"

#define HEAD                                                                                       \
	"\"invoice\":{\"vendor_name\":\"Valley Farms\",\"invoice_number\":\"VF-1\","               \
	"\"invoice_date\":\"2025-03-14\",\"currency\":\"USD\"}"
#define MILK                                                                                       \
	"{\"item_number\":\"10\",\"description\":\"Whole milk\",\"quantity\":\"3\","               \
	"\"unit_price\":\"12.50\",\"pack_size\":\"4/1 GAL\",\"category\":\"Dairy\"}"
#define BUTTER                                                                                     \
	"{\"item_number\":11,\"description\":\"Butter, salted\",\"quantity\":2.5,"                 \
	"\"unit_price\":0.1,\"pack_size\":\"10 LB\"}"
#define EGGS                                                                                       \
	"{\"description\":\"Eggs \\\"large\\\"\",\"quantity\":\"7\",\"unit_price\":\"3.333\","     \
	"\"pack_size\":\"1 BUSHEL\"}"
#define FREE "{\"description\":\"\",\"quantity\":\"1\",\"unit_price\":\"1\"}"
#define THREE "{\"description\":\"Flour\",\"quantity\":\"three\",\"unit_price\":\"1\"}"
#define COSTS "{\"description\":\"Salt\",\"quantity\":\"1\",\"unit_price\":\"-0.01\"}"

static void write_invoices(const char *text)
{
	FILE *f = fopen(FILE_OF_INVOICES, "w");
	if (!EXPECT(f != NULL, "cannot write %s", FILE_OF_INVOICES))
		return;
	fputs(text, f);
	EXPECT(fclose(f) == 0, "%s was not written", FILE_OF_INVOICES);
}

static const struct outcome *submit(const char *job)
{
	return run(NULL, "weir", "submit", "invoice", FILE_OF_INVOICES, "--job", job, "--context",
		   "user_id=7", NULL);
}

static void work(void)
{
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "invoice", NULL);
}

static json_t *results_of(const char *job, int status)
{
	await(PATIENCE_MS,
	      "SELECT completed_at IS NOT NULL AND counted FROM weir.jobs WHERE job_id = '%s'",
	      job);
	const struct outcome *o = run(NULL, "weir", "results", job, NULL);
	EXPECT(o->status == status, "results: %d: %s", o->status, o->err);
	return lines_of_run();
}

static json_t *book(const char *job, const char *text, int status)
{
	write_invoices(text);
	const struct outcome *o = submit(job);
	EXPECT(o->status == 0, "submit: %d: %s", o->status, o->err);
	return results_of(job, status);
}

static void expect_text(const char *seen, const char *wanted)
{
	EXPECT(strcmp(seen, wanted) == 0, "%s, not %s", seen, wanted);
}

#define RESULT(name) "results.invoice." name

/* ---- tests ---- */

static void one_invoice(void)
{
	work();
	json_t *lines = book("one",
			     "{\"custom_id\":\"invoice_id_1\"," HEAD ",\"line_items\":[" MILK
			     "," BUTTER "," EGGS "]}\n",
			     0);
	const json_t *line = line_of(lines, "invoice_id_1");
	EXPECT_VALUE(line, RESULT("status"), "success");
	EXPECT_VALUE(line, RESULT("invoice_number"), "VF-1");
	EXPECT_VALUE(line, RESULT("items_processed"), "3");
	EXPECT_VALUE(line, RESULT("items_failed"), "0");
	EXPECT_VALUE(line, RESULT("inventory_items_created"), "3");
	EXPECT_VALUE(line, RESULT("total_cost"), "61.081");
	EXPECT_VALUE(line, RESULT("currency"), "USD");
	EXPECT_VALUE(line, RESULT("failed_items"), "[]");
	EXPECT_VALUE(line, RESULT("warnings"),
		     "[{\"line\":3,\"description\":\"Eggs \\\"large\\\"\",\"warning\":\"pack_size "
		     "\\\"1 BUSHEL\\\" is not understood: an ordered unit counts as one piece\","
		     "\"warning_class\":\"unknown_pack\"}]");
	json_decref(lines);
	expect_text(sql_text("SELECT string_agg(concat_ws(' ', t.line, t.kind, t.quantity,"
			     " t.unit_price, t.total_cost, t.pack_size, trim_scale(t.pack_units),"
			     " trim_scale(t.quantity_change), t.unit_cost, i.base_unit), '; '"
			     " ORDER BY t.line) FROM weir.inventory_transactions t"
			     " JOIN weir.inventory_items i USING (user_id, item_id)"
			     " WHERE user_id = '7' AND t.invoice_id = 'invoice_id_1'"),
		    "1 purchase 3 12.50 37.50 4/1 GAL 15141.647136 45424.941408 0.0008255377 ml; "
		    "2 purchase 2.5 0.1 0.25 10 LB 4535.9237 11339.80925 0.0000220462 g; "
		    "3 purchase 7 3.333 23.331 1 BUSHEL 1 7 3.3330000000 each");
	expect_text(sql_text("SELECT string_agg(m.item_number, ',' ORDER BY m.mapping_id)"
			     " FROM weir.vendor_item_mappings m WHERE user_id = '7'"),
		    "10,11,");
	EXPECT_INT(sql("SELECT count(*) FROM weir.price_history WHERE user_id = '7'"), 3);
}

/* Out of stock: it stands on the invoice, but nothing was bought. */
static void nothing_of_it(void)
{
	work();
	json_decref(book("none",
			 "{\"custom_id\":\"invoice_id_1\"," HEAD
			 ",\"line_items\":[{\"description\":"
			 "\"Leeks\",\"quantity\":0,\"unit_price\":\"9.00\"}]}\n",
			 0));
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_transactions"), 1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.price_history"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_items"
		       " WHERE quantity = 0 AND last_purchase_date IS NULL"),
		   1);
}

#define LIKE(id, vendor, text)                                                                     \
	"{\"custom_id\":\"" id "\",\"invoice\":{\"vendor_name\":\"" vendor "\","                   \
	"\"invoice_number\":\"" id "\",\"invoice_date\":\"2025-03-14\",\"currency\":\"USD\"},"     \
	"\"line_items\":[{\"item_number\":\"2\",\"description\":\"" text "\","                     \
	"\"quantity\":1,\"unit_price\":1}]}\n"

/* An invoice lists what a person has to look at, as long as nobody has. */
static void in_doubt(void)
{
	work();
	json_t *lines = book("doubt",
			     LIKE("a", "A", "Red onion jumbo") LIKE("b", "B", "Red onions jumbos")
				     LIKE("c", "B", "Red onions jumbos"),
			     0);
	EXPECT_VALUE(line_of(lines, "a"), RESULT("review"), "[]");
	EXPECT_VALUE(line_of(lines, "b"), RESULT("fuzzy_matches"), "1");
	EXPECT_VALUE(line_of(lines, "c"), RESULT("exact_matches"), "1");
	EXPECT_PART(value_of(line_of(lines, "b"), RESULT("review")), "Red onion jumbo");
	EXPECT_PART(value_of(line_of(lines, "c"), RESULT("review")), "Red onion jumbo");
	json_decref(lines);
	const struct outcome *o =
		run(NULL, "weir", "invoice", "review", "7", "--accept", "all", NULL);
	EXPECT(o->status == 0, "accept: %d: %s", o->status, o->err);
	lines = book("no_doubt", LIKE("d", "B", "Red onions jumbos"), 0);
	EXPECT_VALUE(line_of(lines, "d"), RESULT("review"), "[]");
	json_decref(lines);
}

static void a_bad_line_among_good_ones(void)
{
	work();
	json_t *lines = book("some",
			     "{\"custom_id\":\"a\"," HEAD ",\"line_items\":[" FREE "," MILK
			     "," THREE ",5," COSTS "]}\n",
			     0);
	const json_t *line = line_of(lines, "a");
	EXPECT_VALUE(line, RESULT("status"), "partial_success");
	EXPECT_VALUE(line, RESULT("items_processed"), "1");
	EXPECT_VALUE(line, RESULT("items_failed"), "4");
	EXPECT_VALUE(
		line, RESULT("failed_items"),
		"[{\"line\":1,\"description\":null,\"error\":\"the line has no description\","
		"\"error_class\":\"missing_description\"},"
		"{\"line\":3,\"description\":\"Flour\",\"error\":\"quantity \\\"three\\\" is no "
		"decimal number such as 12.50\",\"error_class\":\"bad_quantity\"},"
		"{\"line\":4,\"description\":null,\"error\":\"the line is no JSON object\","
		"\"error_class\":\"bad_line\"},"
		"{\"line\":5,\"description\":\"Salt\",\"error\":\"unit_price \\\"-0.01\\\" is "
		"below zero\",\"error_class\":\"negative_price\"}]");
	json_decref(lines);
	EXPECT_INT(sql("SELECT line FROM weir.inventory_transactions"), 2);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_transactions"), 1);
	/* corrected, and submitted again: only what is missing is booked */
	lines = book("again", "{\"custom_id\":\"a\"," HEAD ",\"line_items\":[" EGGS "," MILK "]}\n",
		     0);
	EXPECT_VALUE(line_of(lines, "a"), RESULT("status"), "success");
	json_decref(lines);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_transactions"), 2);
	expect_text(sql_text("SELECT trim_scale(quantity) FROM weir.inventory_items"
			     " WHERE description = 'Whole milk'"),
		    "45424.941408");
}

static void nothing_but_bad_lines(void)
{
	work();
	json_t *lines = book("none",
			     "{\"custom_id\":\"a\"," HEAD ",\"line_items\":[" FREE "," COSTS "]}\n"
			     "{\"custom_id\":\"b\"," HEAD ",\"line_items\":[" MILK "]}\n",
			     3);
	const json_t *line = line_of(lines, "a");
	EXPECT_VALUE(line, "status", "failed");
	EXPECT_VALUE(line, RESULT("status"), "failed");
	EXPECT_VALUE(line, RESULT("items_processed"), "0");
	EXPECT_VALUE(line, RESULT("items_failed"), "2");
	EXPECT_VALUE(line_of(lines, "b"), RESULT("status"), "success");
	json_decref(lines);
	expect_text(sql_text("SELECT concat_ws(' ', r.error_class, r.error,"
			     " r.result->'failed_items'->1->>'error_class') FROM weir.results r"
			     " WHERE r.error_class IS NOT NULL"),
		    "no_good_line no line of the invoice can be booked: line 1: the line has no "
		    "description; line 2: unit_price \"-0.01\" is below zero negative_price");
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_items"), 1);
}

static void the_sample(void)
{
	work();
	const struct outcome *o = run(NULL, "weir", "submit", "invoice", "--sample", NULL);
	EXPECT_INT(o->status, 0);
	json_t *lines = book("sample", o->out, 0);
	EXPECT_VALUE(line_of(lines, "invoice_id_4711"), RESULT("total_cost"), "37.50");
	json_decref(lines);
}

static void broken_heads(void)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{"{\"custom_id\":\"a\",\"line_items\":[" MILK "]}", "lacks invoice"},
		{"{\"custom_id\":\"a\",\"invoice\":{},\"line_items\":[" MILK "]}", "vendor_name"},
		{"{\"custom_id\":\"a\"," HEAD "}", "line_items"},
		{"{\"custom_id\":\"a\"," HEAD ",\"line_items\":[]}", "line_items"},
		{"{\"custom_id\":\"a\"," HEAD ",\"line_items\":{}}", "line_items"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		write_invoices(rows[i].text);
		const struct outcome *o = submit("broken");
		EXPECT(o->status != 0, "%s was taken", rows[i].text);
		EXPECT_PART(o->err, rows[i].part);
	}
	write_invoices("{\"custom_id\":\"a\"," HEAD ",\"line_items\":[" MILK "]}");
	const struct outcome *o = run(NULL, "weir", "submit", "invoice", FILE_OF_INVOICES, NULL);
	EXPECT(o->status != 0, "taken without a user");
	EXPECT_PART(o->err, "user_id");
	o = run(NULL, "weir-consumer", "invoice", "--invoice.fuzzy-review", "86", NULL);
	EXPECT(o->status != 0, "taken with a review above auto");
	EXPECT_PART(o->err, "fuzzy-review (86)");
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), 0);
}

void add_invoice_suite(void);

void add_invoice_suite(void)
{
	CU_pSuite s = REAL_SUITE("invoices");
	CU_add_test(s, "one invoice, exactly", one_invoice);
	CU_add_test(s, "nothing of it", nothing_of_it);
	CU_add_test(s, "in doubt", in_doubt);
	CU_add_test(s, "a bad line among good ones", a_bad_line_among_good_ones);
	CU_add_test(s, "nothing but bad lines", nothing_but_bad_lines);
	CU_add_test(s, "the sample", the_sample);
	CU_add_test(s, "broken heads", broken_heads);
}
