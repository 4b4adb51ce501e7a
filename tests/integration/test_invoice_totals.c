/* What invoices say besides their goods: charges, totals, and numbers that are there already. */
#include <stdio.h>
#include <string.h>

#include "lines.h"

#define WRITTEN LOGS "/invoices.jsonl"

#define HEAD(NUMBER, MORE)                                                                         \
	"\"invoice\":{\"vendor_name\":\"Valley Farms\",\"invoice_number\":\"" NUMBER               \
	"\",\"invoice_date\":\"2025-03-14\",\"currency\":\"USD\"" MORE "}"
#define LINE(TEXT, QUANTITY, PRICE, MORE)                                                          \
	"{\"description\":\"" TEXT "\",\"quantity\":\"" QUANTITY "\",\"unit_price\":\"" PRICE      \
	"\"" MORE "}"
#define INVOICE(ID, NUMBER, MORE, LINES)                                                           \
	"{\"custom_id\":\"" ID "\"," HEAD(NUMBER, MORE) ",\"line_items\":[" LINES "]}\n"
#define MILK LINE("Whole milk", "3", "12.50", ",\"pack_size\":\"4/1 GAL\"")

#define RESULT(name) "results.invoice." name

static void write_text(const char *text)
{
	FILE *f = fopen(WRITTEN, "w");
	if (!EXPECT(f != NULL, "cannot write " WRITTEN))
		return;
	fputs(text, f);
	EXPECT(fclose(f) == 0, WRITTEN " was not written");
}

static void submit(const char *job, const char *text)
{
	write_text(text);
	const struct outcome *o = run(NULL, "weir", "submit", "invoice", WRITTEN, "--job", job,
				      "--context", "user_id=u", NULL);
	EXPECT(o->status == 0, "submit of %s: %d: %s", job, o->status, o->err);
}

static json_t *results_of(const char *job)
{
	await(PATIENCE_MS,
	      "SELECT completed_at IS NOT NULL AND counted FROM weir.jobs WHERE job_id = '%s'",
	      job);
	run(NULL, "weir", "results", job, NULL);
	return lines_of_run();
}

static json_t *book(const char *job, const char *text)
{
	submit(job, text);
	return results_of(job);
}

static void work(const char *duplicate)
{
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "invoice", "--invoice.duplicate", duplicate, NULL);
}

static void expect_text(const char *seen, const char *wanted)
{
	EXPECT(strcmp(seen, wanted) == 0, "%s, not %s", seen, wanted);
}

/* ---- charges ---- */

/* clang-format off */
#define CHARGES \
	MILK "," \
	LINE("FUEL SURCHARGE", "1", "8.50", "") "," \
	LINE("As agreed", "2", "30.00", ",\"line_type\":\"deposit\"") "," \
	LINE("Keg deposit return", "-2", "30.00", "") "," \
	LINE("Early pay discount", "1", "-12.00", ",\"category\":\"Discounts\"") "," \
	LINE("Loyalty discount", "1", "5.00", "") "," \
	"{\"description\":\"Sales tax\",\"extended_price\":\"3.01\"}"
/* clang-format on */

static const char charges_booked[] =
	"SELECT string_agg(concat_ws(' ', line, kind, told_by, quantity, unit_price, amount), '; '"
	" ORDER BY line) FROM weir.invoice_charges WHERE user_id = 'u' AND invoice_id = 'a'";

static void charges(void)
{
	static const char wanted[] = "2 fuel_surcharge description 1 8.50 8.50; "
				     "3 deposit line_type 2 30.00 60.00; "
				     "4 deposit_return description -2 30.00 -60.00; "
				     "5 discount category 1 -12.00 -12.00; "
				     "7 tax description 1 3.01 3.01";
	work("warn");
	for (int again = 0; again < 2; again++) {
		json_t *lines = book(again ? "again" : "charges",
				     INVOICE("a", "1", ",\"invoice_total\":\"37.01\"", CHARGES));
		const json_t *line = line_of(lines, "a");
		EXPECT_VALUE(line, RESULT("status"), "partial_success");
		EXPECT_VALUE(line, RESULT("items_processed"), "1");
		EXPECT_VALUE(line, RESULT("items_failed"), "1");
		EXPECT_VALUE(line, RESULT("total_cost"), "37.50");
		EXPECT_VALUE(line, RESULT("charges_processed"), "5");
		EXPECT_VALUE(line, RESULT("charges_total"), "-0.49");
		EXPECT_VALUE(line, RESULT("invoice_total_difference"), "null");
		EXPECT_PART(value_of(line, RESULT("failed_items")), "positive_reduction");
		EXPECT_PART(value_of(line, RESULT("warnings")), "charge_by_description");
		json_decref(lines);
		expect_text(sql_text("%s", charges_booked), wanted);
	}
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_items"), 1);
	const struct outcome *o = run(NULL, "weir", "report", "charges", NULL);
	EXPECT_PART(o->out, "charges    -0.49 USD\n");
}

/* Of a vendor that is not known; and of one that is. */
static void nothing_but_charges(void)
{
	work("warn");
	json_t *lines =
		book("only", INVOICE("a", "1", "", LINE("Freight", "1", "25.00", ""))
				     INVOICE("b", "2", "", MILK)
					     INVOICE("c", "3", "", LINE("Freight", "1", "5", "")));
	EXPECT_VALUE(line_of(lines, "a"), RESULT("status"), "success");
	EXPECT_VALUE(line_of(lines, "a"), RESULT("charges_total"), "25.00");
	EXPECT_VALUE(line_of(lines, "c"), RESULT("status"), "success");
	json_decref(lines);
	EXPECT_INT(sql("SELECT count(*) FROM weir.vendors"), 1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.invoices"), 3);
}

/* One that a rule of the user's own refuses does not take the others with it. */
static void a_charge_that_is_refused(void)
{
	sql_text("ALTER TABLE weir.invoice_charges ADD CONSTRAINT odd CHECK (amount < 50)");
	work("warn");
	json_t *lines = book("odd", INVOICE("a", "1", "", CHARGES));
	sql_text("ALTER TABLE weir.invoice_charges DROP CONSTRAINT odd");
	EXPECT_VALUE(line_of(lines, "a"), RESULT("charges_processed"), "4");
	EXPECT_VALUE(line_of(lines, "a"), RESULT("items_failed"), "2");
	EXPECT_PART(value_of(line_of(lines, "a"), RESULT("failed_items")),
		    "\"error_class\":\"store\"");
	json_decref(lines);
	EXPECT_INT(sql("SELECT count(*) FROM weir.invoice_charges"), 4);
}

static void other_content(void)
{
	work("warn");
	json_decref(book("first", INVOICE("a", "1", "", LINE("Freight", "1", "25.00", ""))));
	json_t *lines =
		book("second", INVOICE("a", "1", "", LINE("Freight", "1", "26.00", "") "," MILK));
	EXPECT_VALUE(line_of(lines, "a"), RESULT("status"), "partial_success");
	EXPECT_PART(value_of(line_of(lines, "a"), RESULT("failed_items")), "booked_differently");
	json_decref(lines);
	EXPECT_INT(sql("SELECT amount::int4 FROM weir.invoice_charges"), 25);
}

/* A line that was booked as goods is no charge afterwards, nor the other way round. */
static void other_kind(void)
{
#define FUEL LINE("Fuel", "1", "10", "")
#define SURCHARGE LINE("Fuel", "1", "10", ",\"line_type\":\"fuel_surcharge\"")
	static const char *const ids[] = {"a", "b"};
	work("warn");
	json_decref(book("first", INVOICE("a", "1", "", FUEL) INVOICE("b", "2", "", SURCHARGE)));
	json_t *lines = book("second", INVOICE("a", "1", "", SURCHARGE "," MILK)
					       INVOICE("b", "2", "", FUEL "," MILK));
	for (int i = 0; i < 2; i++) {
		const json_t *line = line_of(lines, ids[i]);
		EXPECT_VALUE(line, RESULT("status"), "partial_success");
		EXPECT_PART(value_of(line, RESULT("failed_items")), "booked_differently");
	}
	json_decref(lines);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_transactions WHERE line = 1"), 1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.invoice_charges"), 1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_items"), 2);
}

/* ---- totals ---- */

static void totals(void)
{
	static const struct {
		const char *total, *line, *status, *difference;
	} rows[] = {
		{"4.00", LINE("Tea", "3", "1.333", ""), "success", "null"},
		{"3.99", LINE("Tea", "3", "1.333", ""), "partial_success", "0.009"},
		{"4.00", LINE("Tea", "3", "1.33", ""), "partial_success", "-0.01"},
		{"-4.00", LINE("Tea", "-3", "1.333", ",\"credit_note\":true"), "success", "null"},
		{"4.00", LINE("Tea", "-3", "1.333", ",\"credit_note\":true"), "success", "null"},
		/* a discount that is taken back, and a fee that is kept */
		{"12.00", LINE("Early pay discount", "-1", "-12", ",\"credit_note\":true"),
		 "success", "null"},
		{"3.00", LINE("Restocking fee", "1", "3", ",\"credit_note\":true"), "success",
		 "null"},
		{"-3.00", LINE("Restocking fee", "1", "3", ",\"credit_note\":true"),
		 "partial_success", "6.00"},
		{"4.00", LINE("Tea", "3", "1.33", ",\"extended_price\":\"4.00\""), "success",
		 "null"},
	};
	work("warn");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[600], job[16];
		snprintf(job, sizeof job, "total-%zu", i);
		snprintf(text, sizeof text,
			 "{\"custom_id\":\"t%zu\",\"invoice\":{\"vendor_name\":\"V\","
			 "\"invoice_number\":\"T%zu\",\"invoice_date\":\"2025-03-14T22:00:00Z\","
			 "\"currency\":\"usd\",\"invoice_total\":\"%s\"},\"line_items\":[%s]}\n",
			 i, i, rows[i].total, rows[i].line);
		json_t *lines = book(job, text);
		snprintf(job, sizeof job, "t%zu", i);
		const json_t *line = line_of(lines, job);
		EXPECT_VALUE(line, RESULT("status"), rows[i].status);
		EXPECT_VALUE(line, RESULT("invoice_total_difference"), rows[i].difference);
		if (strcmp(rows[i].status, "success") != 0)
			EXPECT_PART(value_of(line, RESULT("warnings")), "a difference of");
		json_decref(lines);
	}
	EXPECT_INT(sql("SELECT count(*) FROM weir.invoices WHERE currency = 'USD'"
		       " AND invoice_date = '2025-03-14'"),
		   9);
	const struct outcome *o = run(NULL, "weir", "report", "total-1", NULL);
	EXPECT_PART(o->out, "odd        1 not of their invoice_total, 0 booked under");
}

static void a_free_sample(void)
{
	work("warn");
	json_decref(book("free", INVOICE("a", "1", "", LINE("Sauce", "1", "0", ""))
					 INVOICE("b", "2", "", LINE("Sauce", "1", "15", ""))));
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_transactions"), 2);
	expect_text(sql_text("SELECT string_agg(concat_ws(' ', invoice_id, price, previous_price),"
			     " ', ') FROM weir.price_history"),
		    "b 15");
}

/* ---- duplicates ---- */

/* Each is the number of the first. */
static void duplicates(void)
{
	static const char *const spellings[] = {"VF-0042",  "vf 42", "VF42",
						"VF-00042", "vf_42", "VF/042"};
	work("warn");
	json_decref(book("first", INVOICE("a", "VF-42", "", MILK)));
	for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
		char text[600], job[16];
		snprintf(job, sizeof job, "d%zu", i);
		snprintf(text, sizeof text,
			 "{\"custom_id\":\"%s\",\"invoice\":{\"vendor_name\":\"VALLEY FARMS\","
			 "\"invoice_number\":\"%s\",\"invoice_date\":\"2025-03-14\",\"currency\":"
			 "\"USD\"},\"line_items\":[" MILK "]}\n",
			 job, spellings[i]);
		json_t *lines = book(job, text);
		EXPECT_VALUE(line_of(lines, job), RESULT("status"), "success");
		EXPECT_VALUE(line_of(lines, job), RESULT("duplicate_of"), "a");
		EXPECT_PART(value_of(line_of(lines, job), RESULT("warnings")), "duplicate_invoice");
		json_decref(lines);
	}
	const struct outcome *o = run(NULL, "weir", "report", "d0", NULL);
	EXPECT_PART(o->out, "1 booked under another custom_id\n");
}

/* Another vendor's, another number, a credit note about it, another user's, and itself. */
static void no_duplicates(void)
{
	static const char *const others[] = {
		INVOICE("b", "VF-43", "", MILK),
		INVOICE("c", "VF-4-2", "", MILK),
		INVOICE("d", "VF-42", ",\"credit_note\":true",
			LINE("Whole milk", "-1", "12.50", "")),
		"{\"custom_id\":\"e\",\"invoice\":{\"vendor_name\":\"Hill "
		"Farms\",\"invoice_number\":"
		"\"VF-42\",\"invoice_date\":\"2025-03-14\",\"currency\":\"USD\"},\"line_items\":"
		"[" MILK "]}\n",
		"{\"custom_id\":\"a\",\"context\":{\"user_id\":\"other\"}," HEAD(
			"VF-42", "") ",\"line_items\":[" MILK "]}\n",
		INVOICE("a", "VF-42", "", MILK),
	};
	work("refuse");
	json_decref(book("first", INVOICE("a", "VF-42", "", MILK)));
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		char job[16];
		snprintf(job, sizeof job, "o%zu", i);
		json_t *lines = book(job, others[i]);
		const json_t *line = json_array_get(lines, 0);
		EXPECT_VALUE(line, RESULT("status"), "success");
		EXPECT_VALUE(line, RESULT("duplicate_of"), "null");
		json_decref(lines);
	}
}

static void refused(void)
{
	work("refuse");
	json_t *lines =
		book("first", INVOICE("a", "VF-42", "", MILK) INVOICE("b", "7", "", MILK) INVOICE(
				      "c", "VF-42", "", LINE("Cheese", "1", "3.00", "") "," MILK));
	EXPECT_VALUE(line_of(lines, "a"), RESULT("status"), "success");
	EXPECT_VALUE(line_of(lines, "b"), RESULT("status"), "success");
	const json_t *line = line_of(lines, "c");
	EXPECT_VALUE(line, "status", "failed");
	EXPECT_VALUE(line, RESULT("status"), "failed");
	EXPECT_VALUE(line, RESULT("items_failed"), "2");
	EXPECT_VALUE(line, RESULT("duplicate_of"), "a");
	EXPECT_PART(value_of(line, RESULT("failed_items")),
		    "invoice VF-42 of Valley Farms is booked as \\\"a\\\" already");
	json_decref(lines);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_transactions"), 2);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_items"), 1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.invoices"), 2);
	EXPECT_INT(sql("SELECT trim_scale(quantity * 1000000)::int8 FROM weir.inventory_items"),
		   90849882816);
	/* what is booked once is no duplicate of itself, whoever is asked */
	lines = book("again", INVOICE("a", "VF-42", "", MILK));
	EXPECT_VALUE(line_of(lines, "a"), RESULT("status"), "success");
	json_decref(lines);
}

/* As an operator who has warned before refuses now. */
static void booked_before_it_was_refused(void)
{
	work("warn");
	json_decref(book("first", INVOICE("a", "1", "", MILK) INVOICE("b", "1", "", MILK)));
	stop_all();
	work("refuse");
	json_t *lines = book("again", INVOICE("b", "1", "", MILK) INVOICE("c", "1", "", MILK));
	EXPECT_VALUE(line_of(lines, "b"), RESULT("status"), "success");
	EXPECT_VALUE(line_of(lines, "b"), RESULT("duplicate_of"), "a");
	EXPECT_VALUE(line_of(lines, "c"), RESULT("status"), "failed");
	json_decref(lines);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_transactions"), 2);
}

#define RACE 60

/* Several consumers, each invoice twice: of each number one is booked. */
static void together(void)
{
	static char text[2 * RACE * 400];
	size_t n = 0;
	for (int i = 0; i < 2 * RACE; i++)
		n += (size_t)snprintf(text + n, sizeof text - n,
				      "{\"custom_id\":\"r%d\",\"invoice\":{\"vendor_name\":\"V\","
				      "\"invoice_number\":\"%d\",\"invoice_date\":\"2025-03-14\","
				      "\"currency\":\"USD\"},\"line_items\":[" MILK "]}\n",
				      i, i * 7 % RACE);
	submit("race", text);
	start(NULL, "weir-relay", NULL);
	for (int i = 0; i < 3; i++)
		start(NULL, "weir-consumer", "invoice", "--invoice.duplicate", "refuse", "--flush",
		      "5", NULL);
	await(PATIENCE_MS, "SELECT completed_at IS NOT NULL AND counted FROM weir.jobs");
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE status = 1"), RACE);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_transactions"), RACE);
	EXPECT_INT(sql("SELECT count(DISTINCT invoice_number) FROM weir.inventory_transactions"),
		   RACE);
	EXPECT_INT(sql("SELECT count(*) FROM weir.invoices WHERE duplicate_of IS NULL"), RACE);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE status = 2"
		       " AND result->>'duplicate_of' <> ''"),
		   RACE);
}

/* ---- old callers ---- */

/* What a consumer of the version before gives. */
static void old_callers(void)
{
	static const char old[] =
		"SELECT concat_ws(' ', pos, refused, result->>'status', result->>'total_cost',"
		" result->>'charges_total') FROM weir.book_invoices('{0}', '{u}', '{a}', ARRAY['"
		"{\"vendor_name\":\"V\",\"invoice_number\":\"1\",\"invoice_date\":\"2025-03-14\","
		"\"currency\":\"USD\",\"fuzzy_auto\":0.85,\"fuzzy_review\":0.60,\"lines\":[{"
		"\"line\":1,"
		"\"item_number\":null,\"description\":\"Milk\",\"category\":null,\"quantity\":"
		"\"3\","
		"\"unit_price\":\"1.333\",\"credit\":false,\"pack_size\":null,\"pack_count\":\"1\","
		"\"pack_each\":\"1\",\"unit_factor\":\"1\",\"base_unit\":\"each\"}],\"failed_"
		"items\":[],"
		"\"failed_items_omitted\":0,\"warnings\":[],\"warnings_omitted\":0}'])";
	expect_text(sql_text("%s", old), "0 f success 3.999 0");
	expect_text(sql_text("%s", old), "0 f success 3.999 0");
	expect_text(sql_text("SELECT concat_ws(' ', ordered, weight, uom, number_key) FROM"
			     " weir.inventory_transactions JOIN weir.invoices USING (user_id,"
			     " invoice_id)"),
		    "3 1");
}

static void options(void)
{
	const struct outcome *o =
		run(NULL, "weir-consumer", "invoice", "--invoice.duplicate", "maybe", NULL);
	EXPECT(o->status != 0, "taken");
	EXPECT_PART(o->err, "invoice.duplicate must be warn or refuse, not \"maybe\"");
}

void add_invoice_totals_suite(void);

void add_invoice_totals_suite(void)
{
	CU_pSuite s = REAL_SUITE("invoices with charges and totals");
	CU_add_test(s, "charges", charges);
	CU_add_test(s, "nothing but charges", nothing_but_charges);
	CU_add_test(s, "a charge that is refused", a_charge_that_is_refused);
	CU_add_test(s, "other content", other_content);
	CU_add_test(s, "goods are no charge later, nor the reverse", other_kind);
	CU_add_test(s, "totals", totals);
	CU_add_test(s, "a free sample", a_free_sample);
	CU_add_test(s, "duplicates", duplicates);
	CU_add_test(s, "no duplicates", no_duplicates);
	CU_add_test(s, "duplicates that are refused", refused);
	CU_add_test(s, "booked before it was refused", booked_before_it_was_refused);
	CU_add_test(s, "booked together", together);
	CU_add_test(s, "old callers", old_callers);
	CU_add_test(s, "options", options);
}
