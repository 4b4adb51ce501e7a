/* Several consumers book into the same inventories, while a person reviews these: nobody waits in a
 * circle, nothing is there twice, and what follows from the transactions is what follows from them
 * when all is over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../faults/chance.h"
#include "invoices.h"
#include "lines.h"

#define INVOICES 300
#define JOBS 3
#define CONSUMERS 4

static struct made_invoice made[INVOICES];

static uint64_t choose_seed(void)
{
	const char *given = getenv("WEIR_TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	printf("\n    WEIR_TEST_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

/* Of two that follow each other, which share their id, one: each job has about half of them, in an
 * order of its own, most of them in common with the others. */
static void submit_job(uint64_t seed, int job)
{
	char path[512], name[16];
	struct chance c = chance_of(seed, "jobs", job);
	int from = chance_between(&c, 0, INVOICES / 2 - 1);
	snprintf(path, sizeof path, LOGS "/together-%d.jsonl", job);
	snprintf(name, sizeof name, "job-%d", job);
	FILE *f = fopen(path, "w");
	if (!EXPECT(f != NULL, "cannot write %s", path))
		return;
	for (int i = 0; i < INVOICES / 2; i++)
		made_write(f, &made[(from + i) % (INVOICES / 2) * 2 + chance_between(&c, 0, 1)]);
	EXPECT(fclose(f) == 0, "%s was not written", path);
	const struct outcome *o = run(NULL, "weir", "submit", "invoice", path, "--job", name, NULL);
	EXPECT(o->status == 0, "submit of %s: %d: %s", name, o->status, o->err);
}

/* ---- review ---- */

/* Takes a mapping, and an item of the same user and unit that it could lead to. */
static void review_one(struct chance *c)
{
	const char *number = sql_text(
		"SELECT mapping_id FROM weir.vendor_item_mappings ORDER BY md5(mapping_id || '%d')"
		" LIMIT 1",
		chance_between(c, 0, 1000000));
	char mapping[24];
	snprintf(mapping, sizeof mapping, "%s", *number ? number : "0");
	switch (chance_between(c, 0, 3)) {
	case 0:
		sql_text("SELECT weir.accept_mapping(user_id, mapping_id)"
			 " FROM weir.vendor_item_mappings WHERE mapping_id = %s",
			 mapping);
		break;
	case 1:
		sql_text("SELECT weir.remap_mapping(user_id, mapping_id, NULL)"
			 " FROM weir.vendor_item_mappings WHERE mapping_id = %s",
			 mapping);
		break;
	default:
		sql_text("SELECT weir.remap_mapping(m.user_id, mapping_id, (SELECT item_id"
			 " FROM weir.inventory_items AS i WHERE i.user_id = m.user_id"
			 " AND i.base_unit = m.base_unit ORDER BY md5(item_id || '%d') LIMIT 1))"
			 " FROM weir.vendor_item_mappings AS m WHERE mapping_id = %s",
			 chance_between(c, 0, 1000000), mapping);
	}
}

static int review_until_all_is_booked(uint64_t seed)
{
	struct chance c = chance_of(seed, "review", 0);
	int64_t until = now_ms() + 2 * PATIENCE_MS;
	int reviewed = 0;
	while (sql("SELECT count(*) FROM weir.jobs WHERE completed_at IS NOT NULL AND counted") <
	       JOBS) {
		review_one(&c);
		reviewed++;
		if (!EXPECT(now_ms() < until, "the jobs do not end"))
			break;
	}
	return reviewed;
}

/* ---- what must hold ---- */

#define EARLIER                                                                                    \
	" LEFT JOIN LATERAL (SELECT price AS price0, pack_units AS units0"                         \
	"  FROM weir.price_history AS q WHERE q.item_id = p.item_id AND q.vendor_id = p.vendor_id" \
	"  AND q.currency = p.currency AND q.invoice_date < p.invoice_date"                        \
	"  ORDER BY q.invoice_date DESC, q.invoice_id DESC, q.line DESC LIMIT 1) AS b ON true"

/* Each counts what is wrong. */
static const struct {
	const char *what, *query;
} faults[] = {
	{"items that are there twice",
	 "SELECT count(*) - count(DISTINCT (user_id, item_key, base_unit))"
	 " FROM weir.inventory_items"},
	{"vendors that are there twice",
	 "SELECT count(*) - count(DISTINCT (user_id, vendor_key)) FROM weir.vendors"},
	{"quantities that are not the sums",
	 "SELECT count(*) FROM weir.inventory_items AS i WHERE quantity <> (SELECT"
	 " coalesce(sum(quantity_change), 0) FROM weir.inventory_transactions AS t"
	 " WHERE t.item_id = i.item_id)"},
	{"last purchases that are not the last",
	 "SELECT count(*) FROM weir.inventory_items AS i LEFT JOIN LATERAL (SELECT *"
	 " FROM weir.inventory_transactions AS t WHERE t.item_id = i.item_id AND kind = 'purchase'"
	 " AND unit_price <> 0 ORDER BY invoice_date DESC, invoice_id DESC, line DESC LIMIT 1) AS "
	 "t ON true"
	 " WHERE (last_purchase_date, last_purchase_invoice, last_purchase_line,"
	 "  last_purchase_price, last_purchase_pack_units, last_purchase_currency)"
	 " IS DISTINCT FROM (invoice_date, invoice_id, line, unit_price, pack_units, currency)"},
	{"purchases without their price",
	 "SELECT count(*) FROM (SELECT user_id, invoice_id, line, item_id, vendor_id, currency,"
	 " invoice_date, unit_price, pack_units FROM weir.inventory_transactions"
	 " WHERE kind = 'purchase' AND unit_price <> 0 EXCEPT ALL SELECT user_id, invoice_id, "
	 "line, item_id,"
	 " vendor_id, currency, invoice_date, price, pack_units FROM weir.price_history) AS x"},
	{"prices without a purchase", "SELECT (SELECT count(*) FROM weir.price_history) - count(*)"
				      " FROM weir.inventory_transactions WHERE kind = 'purchase'"
				      " AND unit_price <> 0"},
	{"previous prices that are not",
	 "SELECT count(*) FROM weir.price_history AS p" EARLIER
	 " WHERE (previous_price, previous_pack_units) IS DISTINCT FROM (price0, units0)"},
	{"changes of price that are not",
	 "SELECT count(*) FROM weir.price_history AS p" EARLIER
	 " WHERE (is_price_increase, price_change_percent) IS DISTINCT FROM"
	 " (price * units0 > price0 * pack_units, round((price * units0 - price0 * pack_units)"
	 "  * 100 / nullif(price0 * pack_units, 0), 4))"},
	{"transactions that are not where their mapping leads",
	 "SELECT count(*) FROM weir.inventory_transactions AS t"
	 " JOIN weir.vendor_item_mappings AS m USING (mapping_id) WHERE t.item_id <> m.item_id"},
	{"rows that mix users or units",
	 "SELECT count(*) FROM weir.inventory_transactions AS t"
	 " JOIN weir.inventory_items AS i USING (item_id) JOIN weir.vendors AS v USING (vendor_id)"
	 " JOIN weir.vendor_item_mappings AS m USING (mapping_id) WHERE t.user_id <> i.user_id"
	 " OR t.user_id <> v.user_id OR t.user_id <> m.user_id OR m.base_unit <> i.base_unit"},
};

static void expect_no_fault(void)
{
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		int64_t n = sql("%s", faults[i].query);
		EXPECT(n == 0, "%lld %s", (long long)n, faults[i].what);
	}
}

static int64_t deadlocks(void)
{
	return sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()");
}

/* What a database has as its preset for all sessions. */
static void preset(const char *what)
{
	sql_text("DO 'BEGIN EXECUTE format(''ALTER DATABASE %%I %s'', current_database()); END'",
		 what);
}

static void side_by_side(void)
{
	uint64_t seed = choose_seed();
	int64_t before = deadlocks();
	struct process *consumers[CONSUMERS];
	/* One who waits for another has to see afterwards what that one has done. */
	preset("SET default_transaction_isolation = \"repeatable read\"");
	made_invoices(made, INVOICES, seed);
	for (int i = 0; i < JOBS; i++)
		submit_job(seed, i);
	start(NULL, "weir-relay", NULL);
	for (int i = 0; i < CONSUMERS; i++)
		consumers[i] = start(NULL, "weir-consumer", "invoice", "--flush", i % 2 ? "5" : "3",
				     "--prefetch", "10", NULL);
	EXPECT(review_until_all_is_booked(seed) > 10, "hardly anything was reviewed meanwhile");
	for (int i = 0; i < CONSUMERS; i++)
		EXPECT(strstr(log_of(consumers[i]), "deadlock") == NULL, "%s",
		       log_of(consumers[i]));
	stop_all();
	EXPECT_INT(deadlocks() - before, 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE status <> 1"), 0);
	EXPECT(sql("SELECT count(*) FROM weir.inventory_transactions") > INVOICES, "all is booked");
	expect_no_fault();
}

static void clean(void)
{
	world_clean();
	preset("RESET default_transaction_isolation");
	real_plugins();
}

void add_invoices_together_suite(void);

void add_invoices_together_suite(void)
{
	CU_pSuite s = CU_add_suite_with_setup_and_teardown("invoices booked together", world_open,
							   world_close, clean, real_leave);
	CU_add_test(s, "and reviewed meanwhile", side_by_side);
}
