/* Whatever happens on the way, what is booked is what one who books the same invoices one after the
 * other, in another order, comes to. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../faults/chance.h"
#include "invoices.h"
#include "lines.h"

#define INVOICES 400
#define JOBS 6
#define CONSUMERS 3
#define KILLS 12 /* a message may kill 15 consumers, and come back 20 times */

static struct made_invoice made[INVOICES];

/* From WEIR_TEST_SEED, or another one each time. */
static uint64_t choose_seed(void)
{
	const char *given = getenv("WEIR_TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	printf("\n    WEIR_TEST_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

/* The numbers from 0 in any order. */
static void shuffle(struct chance *c, int order[], int n)
{
	for (int i = 0; i < n; i++) {
		int at = chance_between(c, 0, i);
		order[i] = order[at];
		order[at] = i;
	}
}

/* ---- jobs ---- */

/* Those at even places are delivered by one to three of the jobs 0, 2 and 4, the others, which
 * share their ids, by the jobs between. Each is in the first or the second of these at least. */
static bool is_in(uint64_t seed, int invoice, int job)
{
	struct chance c = chance_of(seed, "jobs", invoice);
	int jobs = chance_between(&c, 1, 7);
	jobs |= jobs == 4;
	return invoice % 2 == job % 2 && jobs >> job / 2 & 1;
}

static void write_job(uint64_t seed, int job, const char *path)
{
	int order[INVOICES];
	struct chance c = chance_of(seed, "order", job);
	FILE *f = fopen(path, "w");
	if (!EXPECT(f != NULL, "cannot write %s", path))
		return;
	shuffle(&c, order, INVOICES);
	for (int i = 0; i < INVOICES; i++)
		if (is_in(seed, order[i], job))
			made_write(f, &made[order[i]]);
	EXPECT(fclose(f) == 0, "%s was not written", path);
}

static void submit_job(uint64_t seed, int job)
{
	char path[512], name[16];
	snprintf(path, sizeof path, LOGS "/invoices-%d.jsonl", job);
	snprintf(name, sizeof name, "job-%d", job);
	write_job(seed, job, path);
	const struct outcome *o = run(NULL, "weir", "submit", "invoice", path, "--job", name,
				      "--batch-size", "20", NULL);
	EXPECT(o->status == 0, "submit of %s: %d: %s", name, o->status, o->err);
}

/* ---- kills ---- */

static struct process *start_consumer(struct chance *c, const char *failpoint)
{
	char flush[8];
	snprintf(flush, sizeof flush, "%d", chance_between(c, 3, 15));
	return start(failpoint, "weir-consumer", "invoice", "--flush", flush, NULL);
}

/* At one of these places, or wherever it is just then. */
static struct process *start_victim(struct chance *c)
{
	static const char *const places[] = {"processed", "claimed", "committing", "committed",
					     "counted",	  "acked",   NULL};
	char failpoint[32];
	const char *place = places[chance_between(c, 0, 6)];
	snprintf(failpoint, sizeof failpoint, "%s:%d", place ? place : "", chance_between(c, 1, 4));
	return start_consumer(c, place ? failpoint : NULL);
}

/* Kills one after the other, and more work comes meanwhile. Ends when all is submitted. Some die
 * where they are to; the others, which had no work for it or have no such place, soon after. */
static void kill_consumers(uint64_t seed)
{
	int in_place = 0;
	struct chance c = chance_of(seed, "kills", 0);
	struct process *victims[CONSUMERS];
	for (int i = 0; i < CONSUMERS; i++)
		victims[i] = start_victim(&c);
	for (int kill = 0; kill < KILLS; kill++) {
		struct process **p = &victims[chance_between(&c, 0, CONSUMERS - 1)];
		if (kill % 2 == 0 && kill / 2 < JOBS - 1)
			submit_job(seed, kill / 2 + 1);
		in_place += await_exit(*p, chance_between(&c, 20, 1500)) == -SIGKILL;
		forget(*p);
		*p = start_victim(&c);
	}
	for (int i = 0; i < CONSUMERS; i++)
		forget(victims[i]);
	EXPECT(in_place > 0, "no consumer has died at work");
	printf("    %d of %d died in place\n", in_place, KILLS);
}

/* ---- comparing ---- */

/* Ids differ, and so may the name that an item has: it is known by the least of the descriptions
 * that were booked to it, which is the same whenever the same lines were. */
static const char names[] =
	"CREATE TEMP VIEW %1$s_items AS SELECT i.*, (SELECT min(weir.text_key(t.description))"
	" FROM %1$s.inventory_transactions AS t WHERE t.user_id = i.user_id"
	" AND t.item_id = i.item_id) AS item FROM %1$s.inventory_items AS i";

struct view {
	const char *name, *query; /* of one schema */
};

static const struct view views[] = {
	{"vendors", "SELECT user_id, vendor_key FROM %1$s.vendors"},
	{"inventory",
	 "SELECT user_id, base_unit, item, quantity, last_purchase_date, last_purchase_invoice,"
	 " last_purchase_line, last_purchase_price, last_purchase_currency,"
	 " last_purchase_pack_units FROM %1$s_items"},
	{"transactions",
	 "SELECT t.user_id, invoice_id, line, kind, vendor_key, base_unit, item, invoice_number,"
	 " invoice_date, currency, t.description, t.quantity, unit_price, total_cost, pack_size,"
	 " pack_units, quantity_change, unit_cost, ordered, weight, uom FROM "
	 "%1$s.inventory_transactions AS t"
	 " JOIN %1$s.vendors USING (user_id, vendor_id) JOIN %1$s_items USING (user_id, item_id)"},
	{"prices",
	 "SELECT p.user_id, invoice_id, line, vendor_key, base_unit, item, currency, invoice_date,"
	 " price, pack_units, previous_price, previous_pack_units, price_change_percent,"
	 " is_price_increase FROM %1$s.price_history AS p"
	 " JOIN %1$s.vendors USING (user_id, vendor_id) JOIN %1$s_items USING (user_id, item_id)"},
	{"charges",
	 "SELECT c.user_id, invoice_id, line, kind, told_by, vendor_key, invoice_number,"
	 " invoice_date, currency, item_number, description, quantity, unit_price, amount"
	 " FROM %1$s.invoice_charges AS c JOIN %1$s.vendors USING (user_id, vendor_id)"},
	/* Which descriptions got a mapping of their own depends on what came first. */
	{"mappings",
	 "SELECT m.user_id, vendor_key, item_number, m.base_unit, item"
	 " FROM %1$s.vendor_item_mappings AS m JOIN %1$s.vendors USING (user_id, vendor_id)"
	 " JOIN %1$s_items USING (user_id, item_id) WHERE item_number <> ''"},
};

/* The placeholders are all the same schema. */
static const char *of_schema(const char *query, const char *schema)
{
	static char text[2][2048];
	static int turn;
	char *out = text[turn++ % 2];
	size_t n = 0;
	for (const char *at = query; *at && n < sizeof *text - 32; at++) {
		if (strncmp(at, "%1$s", 4) == 0) {
			n += (size_t)snprintf(out + n, sizeof *text - n, "%s", schema);
			at += 3;
		} else {
			out[n++] = *at;
		}
	}
	out[n] = '\0';
	return out;
}

/* Rows that only one of them has, the first few. */
static void expect_only(const struct view *v, const char *one, const char *other)
{
	PGresult *r = sql_rows("SELECT d::text FROM (%s EXCEPT ALL %s) AS d ORDER BY 1 LIMIT 5",
			       of_schema(v->query, one), of_schema(v->query, other));
	for (int i = 0; i < PQntuples(r); i++)
		EXPECT(false, "only %s has in its %s: %s", one, v->name, PQgetvalue(r, i, 0));
	PQclear(r);
}

static void compare_with_reference(void)
{
	sql_text("%s", of_schema(names, "weir"));
	sql_text("%s", of_schema(names, "reference"));
	for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
		expect_only(&views[i], "weir", "reference");
		expect_only(&views[i], "reference", "weir");
	}
	EXPECT(sql("SELECT count(*) FROM weir.inventory_transactions") >= INVOICES,
	       "less is booked than there are invoices");
	sql_text("DROP VIEW weir_items, reference_items");
}

/* In an order of its own. */
static void book_reference(uint64_t seed)
{
	int order[INVOICES], rc = 0;
	struct chance c = chance_of(seed, "reference", 0);
	struct reference *ref = reference_open(getenv("WEIR_PG_URL"));
	if (!EXPECT(ref && reference_empty(ref) == 0, "there is no reference"))
		goto out;
	shuffle(&c, order, INVOICES);
	for (int i = 0; i < INVOICES && rc == 0; i++)
		rc = reference_book(ref, &made[order[i]].as);
	EXPECT(rc == 0, "the reference could not book all");
out:
	reference_close(ref);
}

/* Each that is not is named, with what is said of it. */
static void expect_success(void)
{
	PGresult *r = sql_rows(
		"SELECT custom_id || ': ' || coalesce(result::text, 'no result') FROM weir.results"
		" JOIN weir.items USING (job_id, stage, ordinal)"
		" WHERE result->>'status' IS DISTINCT FROM 'success' ORDER BY 1 LIMIT 5");
	for (int i = 0; i < PQntuples(r); i++)
		EXPECT(false, "no success: %s", PQgetvalue(r, i, 0));
	PQclear(r);
}

static void expect_all_booked(void)
{
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE status <> 1"), 0);
	expect_success();
	EXPECT_INT(sql("SELECT count(*) FROM weir.invoices WHERE duplicate_of IS NULL"), INVOICES);
	EXPECT_INT(sql("SELECT count(*) FROM (SELECT user_id, invoice_id FROM weir.invoices EXCEPT"
		       " (SELECT user_id, invoice_id FROM weir.inventory_transactions UNION"
		       "  SELECT user_id, invoice_id FROM weir.invoice_charges)) AS i"),
		   0);
	EXPECT(sql("SELECT count(*) FROM weir.results") > INVOICES, "nothing came twice");
}

static void in_any_order(void)
{
	uint64_t seed = choose_seed();
	struct chance c = chance_of(seed, "consumers", 0);
	expect_made_apart();
	made_invoices(made, INVOICES, seed);
	submit_job(seed, 0);
	start(NULL, "weir-relay", NULL);
	kill_consumers(seed);
	for (int i = 0; i < CONSUMERS; i++)
		start_consumer(&c, NULL);
	await(3 * PATIENCE_MS,
	      "SELECT count(*) = %d AND bool_and(completed_at IS NOT NULL"
	      " AND counted) FROM weir.jobs",
	      JOBS);
	stop_all();
	queue_await_size("weir.invoice", 0);
	queue_await_size("weir.dead", 0);
	expect_all_booked();
	book_reference(seed);
	compare_with_reference();
}

static void clean(void)
{
	world_clean();
	real_plugins();
}

void add_invoices_property_suite(void);

void add_invoices_property_suite(void)
{
	CU_pSuite s = CU_add_suite_with_setup_and_teardown(
		"invoices that come again and again", world_open, world_close, clean, real_leave);
	CU_add_test(s, "book the same in any order", in_any_order);
}
