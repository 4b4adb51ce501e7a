/* Latency: from the commit that puts an item into the ledger to the commit that stores its result,
 * on a system that has nothing else to do.
 *
 *   bench_latency JOB COUNT RATE [KIND]
 *
 * KIND is a row of the table below; sentiment when it is not given. Makes one open job (not sealed:
 * more may always come) of batches of one, and adds COUNT items to it, RATE a second, each in a
 * transaction of its own, as `weir submit` would: the item, its batch, the notification that wakes
 * the relay. Items come at fixed times, whether or not those before are done, so that a pause of
 * the system shows in all the items it delays.
 *
 * The end of an item is seen by a trigger on weir.results, which the program makes, in the
 * benchmark's own database, and drops again: it notifies the ordinals, and PostgreSQL delivers
 * notifications when the transaction has committed. The trigger is part of the consumer's
 * transaction, and its delivery is another process's wake-up, so both are counted against weir: a
 * notification alone takes some 0.1 to 0.3 ms here. The clock is this program's, for both ends.
 *
 * Prints four numbers in milliseconds: the median and the 99th percentile, counted from the answer
 * to the producer's COMMIT, then both counted from the sending of that COMMIT, which adds the
 * producer's own wait for the disk. */
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>

#include <libpq-fe.h>

#define PATIENCE_S 30 /* for the last result */

static const struct kind {
	const char *name, *context;
	const char *table; /* of its items */
	const char *rows;  /* their ids and payloads, the first $1 */
} kinds[] = {
	{"sentiment", "{\"model_key\":\"sentiment\",\"ai_model\":\"local\"}", "news_articles",
	 "SELECT id, json_build_object('text_type', 'news', 'symbol', symbol, 'title', title,"
	 " 'summary', summary) FROM news_articles ORDER BY id LIMIT $1::int"},
	{"invoice", "{\"user_id\":\"user0\"}", "bench_invoices",
	 "SELECT id, payload FROM bench_invoices ORDER BY id LIMIT $1::int"},
};

struct item {
	int64_t sent_us, committed_us, done_us;
};

struct listener {
	PGconn *db;
	struct item *items;
	int count, done;
	_Atomic int64_t until_us;
};

static void die(const char *doing, const char *why)
{
	fprintf(stderr, "bench_latency: %s: %s\n", doing, why);
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void sleep_until(int64_t us)
{
	struct timespec t = {us / 1000000, us % 1000000 * 1000};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
		continue;
}

/* ---- the database ---- */

static PGconn *connect_database(void)
{
	const char *url = getenv("WEIR_PG_URL");
	PGconn *db = url ? PQconnectdb(url) : NULL;
	if (!db || PQstatus(db) != CONNECTION_OK)
		die("WEIR_PG_URL", db ? PQerrorMessage(db) : "is not set");
	return db;
}

static PGresult *run(PGconn *db, const char *sql, int n, const char *const *values)
{
	PGresult *r = PQexecParams(db, sql, n, NULL, values, NULL, NULL, 0);
	ExecStatusType status = PQresultStatus(r);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		die("database", PQerrorMessage(db));
	return r;
}

static void run_plain(PGconn *db, const char *sql) { PQclear(run(db, sql, 0, NULL)); }

static void make_trigger(PGconn *db)
{
	run_plain(db, "CREATE OR REPLACE FUNCTION bench_done() RETURNS trigger LANGUAGE plpgsql AS"
		      " $$ BEGIN PERFORM pg_notify('bench_done',"
		      " (SELECT string_agg(ordinal::text, ' ') FROM fresh)); RETURN NULL; END $$");
	run_plain(db, "CREATE OR REPLACE TRIGGER bench_done AFTER INSERT ON weir.results"
		      " REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT"
		      " EXECUTE FUNCTION bench_done()");
}

static void drop_trigger(PGconn *db)
{
	run_plain(db, "DROP TRIGGER bench_done ON weir.results");
	run_plain(db, "DROP FUNCTION bench_done()");
}

static void make_job(PGconn *db, const char *job, const struct kind *kind)
{
	PQclear(run(db,
		    "INSERT INTO weir.jobs (job_id, kind, context, batch_size)"
		    " VALUES ($1, $2, $3, 1)",
		    3, (const char *const[]){job, kind->name, kind->context}));
}

static void seal_job(PGconn *db, const char *job, int count)
{
	char total[16];
	snprintf(total, sizeof total, "%d", count);
	PQclear(run(db,
		    "UPDATE weir.jobs SET total_items = $2::bigint, sealed_at = now()"
		    " WHERE job_id = $1",
		    2, (const char *const[]){job, total}));
}

/* ---- the producer ---- */

static const char add_item[] =
	"WITH item AS (INSERT INTO weir.items (job_id, stage, ordinal, line, custom_id, table_name,"
	"   record_id, payload) VALUES ($1, 1, $2::int, $2::int + 1, $5 || '_id_' || $3,"
	"   $6, $3, $4::json)),"
	" batch AS (INSERT INTO weir.job_batches (job_id, stage, n, size)"
	"   VALUES ($1, 1, $2::int, 1))"
	"SELECT pg_notify('weir_due', '')";

static void submit(PGconn *db, const char *job, const struct kind *kind, const PGresult *rows,
		   int i, struct item *item)
{
	char ordinal[16];
	snprintf(ordinal, sizeof ordinal, "%d", i);
	const char *const values[] = {
		job,	    ordinal,	PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1),
		kind->name, kind->table};
	run_plain(db, "BEGIN");
	PQclear(run(db, add_item, 6, values));
	item->sent_us = now_us();
	run_plain(db, "COMMIT");
	item->committed_us = now_us();
}

static PGresult *read_rows(PGconn *db, const struct kind *kind, int count)
{
	char most[16];
	snprintf(most, sizeof most, "%d", count);
	PGresult *rows = run(db, kind->rows, 1, (const char *const[]){most});
	if (PQntuples(rows) < count)
		die(kind->table, "has fewer rows than COUNT");
	return rows;
}

static void submit_all(PGconn *db, const char *job, const struct kind *kind, struct listener *l,
		       int rate)
{
	PGresult *rows = read_rows(db, kind, l->count);
	int64_t began = now_us() + 10000;
	for (int i = 0; i < l->count; i++) {
		sleep_until(began + (int64_t)i * 1000000 / rate);
		submit(db, job, kind, rows, i, &l->items[i]);
	}
	PQclear(rows);
}

/* ---- the listener, a thread of its own ---- */

static void note_done(struct listener *l, const char *ordinals, int64_t now)
{
	char *end;
	for (long i; i = strtol(ordinals, &end, 10), end != ordinals; ordinals = end) {
		if (i < 0 || i >= l->count || l->items[i].done_us)
			continue;
		l->items[i].done_us = now;
		l->done++;
	}
}

static void take_notifications(struct listener *l)
{
	int64_t now = now_us();
	if (!PQconsumeInput(l->db))
		die("listen", PQerrorMessage(l->db));
	for (PGnotify *n; (n = PQnotifies(l->db)); PQfreemem(n))
		note_done(l, n->extra, now);
}

static int listen_all(void *arg)
{
	struct listener *l = arg;
	struct pollfd p = {.fd = PQsocket(l->db), .events = POLLIN};
	while (l->done < l->count && now_us() < atomic_load(&l->until_us))
		if (poll(&p, 1, 100) > 0)
			take_notifications(l);
	return 0;
}

/* ---- what came of it ---- */

static int by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static double percentile(const int64_t *sorted, int n, int percent)
{
	int at = (n * percent + 99) / 100 - 1; /* nearest rank */
	return (double)sorted[at < 0 ? 0 : at] / 1000.0;
}

static void report(const struct listener *l, bool from_sending)
{
	int64_t *took = calloc((size_t)l->count, sizeof *took);
	if (!took)
		die("report", "out of memory");
	for (int i = 0; i < l->count; i++) {
		const struct item *item = &l->items[i];
		took[i] = item->done_us - (from_sending ? item->sent_us : item->committed_us);
	}
	qsort(took, (size_t)l->count, sizeof *took, by_value);
	printf("%.2f %.2f\n", percentile(took, l->count, 50), percentile(took, l->count, 99));
	free(took);
}

static void measure(const char *job, const struct kind *kind, struct listener *l, int rate)
{
	thrd_t thread;
	PGconn *db = connect_database();
	make_trigger(db);
	run_plain(l->db, "LISTEN bench_done");
	make_job(db, job, kind);
	atomic_store(&l->until_us, INT64_MAX);
	if (thrd_create(&thread, listen_all, l) != thrd_success)
		die("listen", "cannot make a thread");
	submit_all(db, job, kind, l, rate);
	atomic_store(&l->until_us, now_us() + PATIENCE_S * 1000000);
	thrd_join(thread, NULL);
	seal_job(db, job, l->count);
	drop_trigger(db);
	PQfinish(db);
}

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

int main(int argc, char **argv)
{
	struct listener l = {0};
	bool enough = argc == 4 || argc == 5;
	const struct kind *kind = find_kind(argc == 5 ? argv[4] : kinds[0].name);
	int rate = enough ? atoi(argv[3]) : 0;
	l.count = enough ? atoi(argv[2]) : 0;
	if (rate < 1 || l.count < 1 || !kind) {
		fprintf(stderr, "usage: bench_latency JOB COUNT RATE [KIND]\n");
		return 2;
	}
	l.items = calloc((size_t)l.count, sizeof *l.items);
	if (!l.items)
		die("start", "out of memory");
	l.db = connect_database();
	measure(argv[1], kind, &l, rate);
	if (l.done < l.count)
		die("wait", "some results never came: do a relay and a consumer run?");
	report(&l, false);
	report(&l, true);
	PQfinish(l.db);
	free(l.items);
	return 0;
}
