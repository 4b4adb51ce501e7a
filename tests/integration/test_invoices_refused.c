/* What the database refuses for good, by a rule that a user has added to it, is the one line. */
#include <stdio.h>
#include <string.h>

#include "lines.h"

#define WRITTEN LOGS "/invoices.jsonl"
#define INVOICES 6
#define BAD_INVOICE 3

static void write_line(FILE *f, const char *description, const char *price)
{
	fprintf(f, "{\"description\":\"%s\",\"quantity\":\"2\",\"unit_price\":\"%s\"}", description,
		price);
}

/* Each of three lines; the second of one of them is what the rules are about. */
static void write_invoices(void)
{
	static const char *const other[] = {"Oat flakes",   "Brown sugar", "Chilli powder",
					    "Basmati rice", "Sea salt",	   "Olives"};
	FILE *f = fopen(WRITTEN, "w");
	if (!EXPECT(f != NULL, "cannot write " WRITTEN))
		return;
	for (int i = 0; i < INVOICES; i++) {
		fprintf(f,
			"{\"custom_id\":\"i%d\",\"context\":{\"user_id\":\"u\"},\"invoice\":"
			"{\"vendor_name\":\"V%d\",\"invoice_number\":\"%d\",\"invoice_date\":"
			"\"2024-05-0%d\",\"currency\":\"USD\"},\"line_items\":[",
			i, i, i, i + 1);
		write_line(f, "Black tea", "3.10");
		fputc(',', f);
		write_line(f, i == BAD_INVOICE ? "Forbidden fruit" : other[i],
			   i == BAD_INVOICE ? "6.66" : "4.50");
		fputc(',', f);
		write_line(f, "Fresh milk", "1.25");
		fputs("]}\n", f);
	}
	EXPECT(fclose(f) == 0, WRITTEN " was not written");
}

static void book(const char *job)
{
	write_invoices();
	const struct outcome *o =
		run(NULL, "weir", "submit", "invoice", WRITTEN, "--job", job, NULL);
	EXPECT(o->status == 0, "submit: %d: %s", o->status, o->err);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "invoice", NULL);
	await(PATIENCE_MS,
	      "SELECT completed_at IS NOT NULL AND counted FROM weir.jobs WHERE job_id = '%s'",
	      job);
	stop_all();
}

#define RAISES(TABLE, WHEN, CODE)                                                                  \
	"CREATE FUNCTION weir.refuse() RETURNS trigger LANGUAGE plpgsql AS"                        \
	" 'BEGIN RAISE EXCEPTION USING MESSAGE = ''not so'', ERRCODE = ''" CODE "''; END';"        \
	"CREATE TRIGGER odd AFTER INSERT OR UPDATE ON weir." TABLE " FOR EACH ROW WHEN (" WHEN     \
	") EXECUTE FUNCTION weir.refuse()"
#define CHECKS(TABLE, WHAT) "ALTER TABLE weir." TABLE " ADD CONSTRAINT odd CHECK (" WHAT ")"
#define FORGET                                                                                     \
	"SET client_min_messages = warning; DROP FUNCTION IF EXISTS weir.refuse() CASCADE;"        \
	"ALTER TABLE weir.inventory_items DROP CONSTRAINT IF EXISTS odd;"                          \
	"ALTER TABLE weir.vendor_item_mappings DROP CONSTRAINT IF EXISTS odd;"                     \
	"ALTER TABLE weir.inventory_transactions DROP CONSTRAINT IF EXISTS odd;"                   \
	"ALTER TABLE weir.price_history DROP CONSTRAINT IF EXISTS odd;"                            \
	"ALTER TABLE weir.vendors DROP CONSTRAINT IF EXISTS odd"

static void expect_one_line_refused(const char *rule)
{
	const char *seen = sql_text(
		"SELECT string_agg(concat_ws(' ', custom_id, result->>'status',"
		" result->>'items_processed', f->>'line', f->>'description', f->>'error_class'),"
		" ', ') FROM weir.results JOIN weir.items USING (job_id, stage, ordinal) LEFT JOIN"
		" json_array_elements(result->'failed_items') AS f ON true"
		" WHERE result->>'status' IS DISTINCT FROM 'success'");
	EXPECT(strcmp(seen, "i3 partial_success 2 2 Forbidden fruit store") == 0, "%s: %s", rule,
	       seen);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE status = 1"), INVOICES);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_transactions"), 3 * INVOICES - 1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.price_history"), 3 * INVOICES - 1);
	EXPECT_INT(sql("SELECT sum(quantity) FROM weir.inventory_items"), 2 * (3 * INVOICES - 1));
	/* Nothing is left behind of the thing that nobody has bought. */
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_items WHERE item_key ~ 'forbidden'"),
		   0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.vendor_item_mappings WHERE item_key ~"
		       " 'forbidden'"),
		   0);
}

static void clean(void)
{
	world_clean();
	sql_text(FORGET);
	real_plugins();
}

static void leave(void)
{
	sql_text(FORGET);
	real_leave();
}

static void the_one_line(void)
{
	static const char *const rules[] = {
		CHECKS("inventory_items", "description <> 'Forbidden fruit'"),
		CHECKS("inventory_items", "last_purchase_price <> 6.66"),
		CHECKS("vendor_item_mappings", "description <> 'Forbidden fruit'"),
		CHECKS("inventory_transactions", "total_cost <> 13.32"),
		CHECKS("price_history", "price < 6"),
		RAISES("inventory_transactions", "NEW.unit_price = 6.66", "P0001"),
		RAISES("inventory_items", "NEW.last_purchase_price = 6.66", "P0002"),
		RAISES("price_history", "NEW.price = 6.66", "21000"),
		RAISES("inventory_transactions", "NEW.unit_price = 6.66", "U0001"),
		RAISES("vendor_item_mappings", "NEW.description = 'Forbidden fruit'", "P0004"),
	};
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		clean();
		sql_text("%s", rules[i]);
		book("refused");
		expect_one_line_refused(rules[i]);
	}
}

/* A rule may also leave a line out without a word. */
static void without_a_word(void)
{
	sql_text("CREATE FUNCTION weir.refuse() RETURNS trigger LANGUAGE plpgsql AS"
		 " 'BEGIN RETURN NULL; END'");
	sql_text("CREATE TRIGGER odd BEFORE INSERT ON weir.inventory_transactions"
		 " FOR EACH ROW WHEN (NEW.unit_price = 6.66) EXECUTE FUNCTION weir.refuse()");
	book("refused");
	expect_one_line_refused("a trigger that returns NULL");
}

/* No line of them can be booked: they fail, each with its own lines; the others are booked. */
static void whole_invoices(void)
{
	sql_text(CHECKS("vendors", "name NOT IN ('V3', 'V4')"));
	book("refused");
	const char *seen = sql_text(
		"SELECT string_agg(concat_ws(' ', custom_id, error_class, result->>'status',"
		" result->>'invoice_number', result->>'items_failed',"
		" json_array_length(result->'failed_items'),"
		" result->'failed_items'->1->>'description',"
		" result->'failed_items'->1->>'error_class'), ', ' ORDER BY custom_id)"
		" FROM weir.results JOIN weir.items USING (job_id, stage, ordinal)"
		" WHERE status <> 1");
	EXPECT(strcmp(seen, "i3 no_good_line failed 3 3 3 Forbidden fruit store, "
			    "i4 no_good_line failed 4 3 3 Sea salt store") == 0,
	       "%s", seen);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_transactions"), 3 * (INVOICES - 2));
}

/* What is refused only with the commit, nobody can know the line of: it is the invoice then. */
static void at_the_end(void)
{
	sql_text("CREATE FUNCTION weir.refuse() RETURNS trigger LANGUAGE plpgsql AS"
		 " 'BEGIN RAISE EXCEPTION ''no fruit today''; END'");
	sql_text("CREATE CONSTRAINT TRIGGER odd AFTER INSERT ON weir.price_history"
		 " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.price = 6.66)"
		 " EXECUTE FUNCTION weir.refuse()");
	book("refused");
	const char *seen = sql_text("SELECT string_agg(concat_ws(' ', custom_id, error_class,"
				    " error), ', ') FROM weir.results JOIN weir.items USING"
				    " (job_id, stage, ordinal) WHERE status <> 1");
	EXPECT(strcmp(seen, "i3 store no fruit today") == 0, "%s", seen);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_transactions"), 3 * (INVOICES - 1));
	EXPECT_INT(sql("SELECT sum(quantity) FROM weir.inventory_items"), 2 * 3 * (INVOICES - 1));
}

/* A line that stands there with other content makes no item of what it says now. */
static void other_content(void)
{
	book("first");
	sql_text("UPDATE weir.inventory_transactions SET description = 'Other fruit'"
		 " WHERE unit_price = 6.66");
	sql_text("DELETE FROM weir.vendor_item_mappings WHERE item_key ~ 'forbidden'");
	sql_text("UPDATE weir.inventory_items SET item_key = 'other fruit', description ="
		 " 'Other fruit' WHERE item_key ~ 'forbidden'");
	book("second");
	const char *seen =
		sql_text("SELECT string_agg(concat_ws(' ', f->>'line', f->>'error_class'), ', ')"
			 " FROM weir.results, json_array_elements(result->'failed_items') AS f"
			 " WHERE job_id = 'second'");
	EXPECT(strcmp(seen, "2 booked_differently") == 0, "%s", seen);
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_items WHERE item_key ~ 'forbidden'"),
		   0);
	EXPECT_INT(sql("SELECT sum(quantity) FROM weir.inventory_items"), 2 * 3 * INVOICES);
}

void add_invoices_refused_suite(void);

void add_invoices_refused_suite(void)
{
	CU_pSuite s = CU_add_suite_with_setup_and_teardown("invoices that the database refuses",
							   world_open, world_close, clean, leave);
	CU_add_test(s, "lose the one line", the_one_line);
	CU_add_test(s, "lose it also without a word", without_a_word);
	CU_add_test(s, "or whole invoices", whole_invoices);
	CU_add_test(s, "at the end of the transaction", at_the_end);
	CU_add_test(s, "since they are booked otherwise", other_content);
}
