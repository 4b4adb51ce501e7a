/* Invoices in the middle of being booked: F61 to F63. The same ones come in two jobs. */
#include <stdio.h>

#include "checker.h"
#include "invoices.h"
#include "steps.h"

#define SIZE 60
static struct load load;

/* All are in the queue, and nobody is at work. */
static void publish_invoices(void)
{
	static const struct order order = {.kind = "invoice", .size = SIZE, .invoices = true};
	load = (struct load){.seed = 8, .items = 2 * SIZE, .count = 2};
	for (int i = 0; i < load.count; i++) {
		load.orders[i] = order;
		load.orders[i].number = i;
		snprintf(load.orders[i].id, sizeof load.orders[i].id, "mix_%03d", i);
	}
	int64_t until = now_ms() + PATIENCE_MS;
	invoices_open(&load);
	for (; !load_is_submitted(&load) && now_ms() < until; pause_ms(STEP_MS))
		load_tend(&load, 1);
	struct process *relay = start_relay();
	await(PATIENCE_MS, "SELECT count(*) = 2 AND bool_and(status = 'queued')"
			   " FROM weir.job_batches");
	stop(relay);
}

/* A flush so small that each of the two jobs needs several. */
static struct process *start_booking(void)
{
	return start(NULL, "weir-consumer", "invoice", "--flush", "20", NULL);
}

static void end_booked(void)
{
	await(PATIENCE_MS, "SELECT bool_and(completed_at IS NOT NULL AND counted) FROM weir.jobs");
	await(PATIENCE_MS, "SELECT count(*) = 0 FROM weir.events");
	queue_await_size("weir.invoice", 0);
	stop_all();
	check_load(&load);
	invoices_close();
}

/* ---- where it is held ---- */

#define PRICES "'weir.price_history'::regclass"

/* In the booking statement, until the lock is given back. */
static void hold_booking(void)
{
	sql_text("BEGIN");
	sql_text("LOCK TABLE weir.price_history IN SHARE MODE");
}

/* In COMMIT, when all else has been done. */
static void hold_commit(void)
{
	sql_text("CREATE OR REPLACE FUNCTION hold_commit() RETURNS trigger LANGUAGE plpgsql AS $$"
		 " BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END $$");
	sql_text("CREATE CONSTRAINT TRIGGER hold_commit AFTER INSERT ON weir.price_history"
		 " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold_commit()");
	sql_text("SELECT pg_advisory_lock(1)");
}

static void await_held_booking(void)
{
	await(PATIENCE_MS,
	      "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = " PRICES);
}

static void await_held_commit(void)
{
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM pg_locks JOIN pg_stat_activity USING (pid)"
			   " WHERE NOT granted AND locktype = 'advisory' AND objid = 1"
			   " AND query = 'COMMIT'");
}

static void let_booking_go(void) { sql_text("ROLLBACK"); }

static void let_commit_go(void)
{
	sql_text("SELECT pg_advisory_unlock_all()");
	sql_text("DROP TRIGGER hold_commit ON weir.price_history");
}

static const struct held {
	void (*hold)(void), (*await)(void), (*let_go)(void);
} places[] = {{hold_booking, await_held_booking, let_booking_go},
	      {hold_commit, await_held_commit, let_commit_go}};

/* ---- cases ---- */

/* Its session, left alone, finishes what it was told or, when it is ended, does not. */
static void kill_at(const struct held *place, bool session)
{
	publish_invoices();
	place->hold();
	struct process *p = start_booking();
	place->await();
	kill_hard(p);
	if (session)
		end_sessions();
	place->let_go();
	start_relay();
	start_booking();
	end_booked();
	end_all();
}

static void f61(void)
{
	for (int i = 0; i < 4; i++) {
		world_clean();
		kill_at(&places[i / 2], i % 2);
	}
}

/* First before anything is durable; then when all is, and the consumer does not know. */
static void f62(void)
{
	publish_invoices();
	hold_commit();
	start_booking();
	await_held_commit();
	proxy_refuse(PROXY_PG);
	server("kill", "postgresql");
	server("up", "postgresql");
	EXPECT_INT(sql("SELECT count(*) FROM weir.inventory_transactions"), 0);
	let_commit_go();
	hold_booking();
	proxy_clear(PROXY_PG);
	await_held_booking();
	proxy_swallow(PROXY_PG, TO_CLIENT);
	let_booking_go();
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM weir.inventory_transactions");
	server("kill", "postgresql");
	server("up", "postgresql");
	proxy_clear(PROXY_PG);
	start_relay();
	end_booked();
}

static void f63(void)
{
	publish_invoices();
	proxy_cut_answer(PROXY_PG, "COMMIT");
	struct process *p = start_booking();
	await_log(p, "ledger_lost");
	EXPECT(proxy_has_cut_answer(PROXY_PG), "no answer was cut");
	EXPECT(sql("SELECT count(*) FROM weir.inventory_transactions") > 0, "nothing was booked");
	start_relay();
	end_booked();
}

const struct fault_case invoice_cases[] = {
	{"F61", "consumer killed while it books, or commits", "booked once, whole", f61, NULL},
	{"F62", "PostgreSQL killed in a booking's COMMIT", "booked once, whole", f62, NULL},
	{"F63", "a booking's COMMIT is not answered", "booked once, nothing changes", f63, NULL},
	{0},
};
