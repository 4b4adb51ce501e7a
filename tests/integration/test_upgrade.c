/* weir init on a ledger of a version before, in which work was under way: tests/README.md tells of
 * the file. What programs of that version would do beside those of today is not tried here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "world.h"

#define LEDGER_51 WEIR_SOURCE_DIR "/tests/fixtures/ledger-51.sql.gz"

/* ---- the ledger of before ---- */

/* The caller frees it; NULL: it cannot be read. */
static char *unpacked(const char *path)
{
	size_t room = 1 << 20;
	char *text = malloc(room);
	gzFile f = gzopen(path, "rb");
	int n = f && text ? gzread(f, text, (unsigned)room - 1) : -1;
	if (f)
		gzclose(f);
	if (!EXPECT(n > 0 && n < (int)room - 1, "%s cannot be read", path)) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

/* Everything is as long ago as it was then: what was put off for a minute is due in a moment. */
static const char shift_times[] =
	"DO $$ DECLARE c record; d CONSTANT interval := now() + interval '1 second' -"
	" (SELECT max(due_at) FROM weir.retries WHERE job_id = 'again' AND due_at < 'infinity');"
	" BEGIN FOR c IN SELECT t.oid::regclass AS t, a.attname AS a FROM pg_attribute a"
	"  JOIN pg_class t ON t.oid = a.attrelid WHERE t.relnamespace = 'weir'::regnamespace"
	"  AND t.relkind = 'r' AND a.atttypid = 'timestamptz'::regtype AND a.attnum > 0 LOOP"
	"  EXECUTE format('UPDATE %1$s SET %2$I = %2$I + $1 WHERE isfinite(%2$I)', c.t, c.a)"
	"  USING d; END LOOP; END $$";

/* As on new servers: no queue is there, and Redis knows nothing but what others have left. */
static void bring_back(void)
{
	static const char *const queues[] = {"weir.sum", "weir.slow", "weir.pass"};
	char *dump = unpacked(LEDGER_51);
	own_database("");
	PGconn *c = PQconnectdb(program_setting("WEIR_PG_URL"));
	for (int i = 0; dump && i < 2; i++) {
		PGresult *r = PQexec(c, i == 0 ? dump : shift_times);
		EXPECT(PQresultStatus(r) == PGRES_COMMAND_OK ||
			       PQresultStatus(r) == PGRES_TUPLES_OK,
		       "%s", PQerrorMessage(c));
		PQclear(r);
	}
	PQfinish(c);
	free(dump);
	for (size_t i = 0; i < sizeof queues / sizeof *queues; i++)
		queue_delete(queues[i]);
	redis_flush();
	redis_do("HSET weir:{halfway}:s1:counts total 50 success 49 failed 0 cancelled 0");
}

static const struct outcome *init(void)
{
	const struct outcome *o = run(NULL, "weir", "init", "--take-vhost", NULL);
	EXPECT(o->status == 0, "status %d: %s", o->status, o->err);
	return o;
}

/* ---- its schema ---- */

/* A line for each thing of weir's own. An extension is where it was made first. */
static const char things[] =
	"WITH t AS (SELECT oid, relname, relkind, relpersistence, reloptions::text AS options"
	"  FROM pg_class WHERE relnamespace = 'weir'::regnamespace),"
	" l(line) AS ("
	" SELECT concat_ws(' ', 'relation', relname, relkind, relpersistence, options) FROM t"
	" UNION ALL SELECT concat_ws(' ', 'column', relname, row_number() OVER (PARTITION BY t.oid"
	"   ORDER BY a.attnum), attname, format_type(atttypid, atttypmod), attnotnull,"
	"   attidentity, attgenerated, attcollation::regcollation,"
	"   pg_get_expr(d.adbin, d.adrelid)) FROM t JOIN pg_attribute a ON a.attrelid = t.oid"
	"  LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum"
	"  WHERE a.attnum > 0 AND NOT a.attisdropped AND t.relkind <> 'i'"
	" UNION ALL SELECT concat_ws(' ', 'constraint', relname, conname, convalidated,"
	"   pg_get_constraintdef(c.oid)) FROM t JOIN pg_constraint c ON c.conrelid = t.oid"
	" UNION ALL SELECT concat_ws(' ', 'index', indisvalid, pg_get_indexdef(indexrelid))"
	"  FROM pg_index WHERE indrelid IN (SELECT oid FROM t)"
	" UNION ALL SELECT concat_ws(' ', 'trigger', tgenabled, pg_get_triggerdef(g.oid))"
	"  FROM t JOIN pg_trigger g ON g.tgrelid = t.oid WHERE NOT tgisinternal"
	" UNION ALL SELECT concat_ws(' ', 'view', relname, pg_get_viewdef(oid)) FROM t"
	"  WHERE relkind = 'v'"
	" UNION ALL SELECT 'function ' || pg_get_functiondef(p.oid) FROM pg_proc p"
	"  WHERE pronamespace = 'weir'::regnamespace AND NOT EXISTS (SELECT FROM pg_depend"
	"   WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')"
	" UNION ALL SELECT concat_ws(' ', 'applied', version, name, checksum)"
	"  FROM weir.migrations WHERE name <> '010_sentiment.sql'"
	" UNION ALL SELECT concat_ws(' ', 'applied', name, schema) FROM weir.repeatable)"
	"SELECT replace(line, (SELECT extnamespace::regnamespace || '.' FROM pg_extension"
	"  WHERE extname = 'pg_trgm'), 'weir.') COLLATE \"C\" FROM l ORDER BY 1";

static PGresult *things_of(const char *url)
{
	PGconn *c = PQconnectdb(url);
	PQclear(PQexec(c, "SET search_path = ''"));
	PGresult *r = PQexec(c, things);
	EXPECT(PQresultStatus(r) == PGRES_TUPLES_OK, "%s", PQerrorMessage(c));
	PQfinish(c);
	return r;
}

/* Two lists that are sorted: what is in one of them alone. */
static void expect_same(const PGresult *one, const PGresult *other)
{
	int a = 0, b = 0;
	while (a < PQntuples(one) || b < PQntuples(other)) {
		int c = a == PQntuples(one) ? 1
			: b == PQntuples(other)
				? -1
				: strcmp(PQgetvalue(one, a, 0), PQgetvalue(other, b, 0));
		EXPECT(c >= 0, "only in a new ledger: %s", PQgetvalue(one, a, 0));
		EXPECT(c <= 0, "only in one of before: %s", PQgetvalue(other, b, 0));
		a += c <= 0;
		b += c >= 0;
	}
}

static int64_t views_of(const char *schema)
{
	return sql("SELECT count(*) FROM pg_views WHERE schemaname = '%s' AND viewname ~ '^batch'",
		   schema);
}

#define RIGHTS(view)                                                                               \
	sql("SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a"                              \
	    " WHERE c.oid = '" view "'::regclass AND a.grantee = 0")

static void is_as_a_new_one(void)
{
	bring_back();
	sql_text("GRANT SELECT ON public.batch_jobs TO PUBLIC");
	sql_text("CREATE VIEW public.mine AS SELECT job_id, stages FROM public.batch_jobs");
	EXPECT_PART(init()->out, "applied 052_scheduling.sql");
	PGresult *fresh = things_of(getenv("WEIR_PG_URL"));
	PGresult *old = things_of(program_setting("WEIR_PG_URL"));
	EXPECT(PQntuples(fresh) > 400, "%d things", PQntuples(fresh));
	expect_same(fresh, old);
	PQclear(fresh);
	PQclear(old);
	EXPECT_INT(views_of("weir"), 8);
	EXPECT_INT(views_of("public"), 8);
	EXPECT_INT(RIGHTS("public.batch_jobs"), 1);
	EXPECT_INT(sql("SELECT count(*) FROM public.mine"), sql("SELECT count(*) FROM weir.jobs"));
	EXPECT_PART(init()->out, "is up to date");
	own_database_gone();
}

/* Of a version whose columns stood otherwise. */
static void a_view_that_cannot_be_replaced(void)
{
	bring_back();
	sql_text("DROP VIEW public.batch_jobs");
	sql_text("CREATE VIEW public.batch_jobs AS SELECT kind, job_id FROM weir.jobs");
	sql_text("GRANT SELECT ON public.batch_jobs TO PUBLIC");
	init();
	EXPECT_INT(sql("SELECT count(context) FROM public.batch_jobs"),
		   sql("SELECT count(*) FROM weir.jobs"));
	EXPECT_INT(RIGHTS("public.batch_jobs"), 1);
	own_database_gone();
}

/* ---- its jobs ---- */

/* Of each ten items of the first `count`, that one fails, or the first attempt does. */
static void fail_each(struct job *job, int one, int count, int attempts, const char *failure)
{
	for (int i = one; i < count; i += 10) {
		job->items[i].failure = failure;
		job->items[i].attempts = attempts;
	}
}

static struct job *with_endings(const char *id, int n, int count)
{
	struct job *job = job_new(id, "sum", n);
	fail_each(job, 0, count, 1, "asked_to_fail");
	fail_each(job, 1, count, 2, NULL);
	return job;
}

static struct job *of_kind(struct job *job, const char *kind)
{
	job->kind = kind;
	return job;
}

static struct job *once_put_off(const char *id, int n)
{
	struct job *job = job_new(id, "slow", n);
	job->items[2].attempts = 2;
	return job;
}

static struct job *again(void)
{
	struct job *job = job_new("again", "sum", 40);
	fail_each(job, 0, 40, 2, NULL); /* put off for a minute */
	fail_each(job, 5, 40, 2, NULL); /* on their way when everything was stopped */
	fail_each(job, 7, 40, 3, "asked_to_fail");
	return job;
}

static void succeed(const char *command, const char *job)
{
	const struct outcome *o = run(NULL, "weir", command, job, NULL);
	EXPECT(o->status == 0, "%s: %d: %s", command, o->status, o->err);
}

static void await_counted(const char *id)
{
	await(PATIENCE_MS, "SELECT counted FROM weir.jobs WHERE job_id = '%s'", id);
}

/* Of one that check_exact() is not made for. */
static void expect_ended(const char *id, const char *status, const char *counts, int effects)
{
	expect_job_status(id, status);
	expect_job_counts(id, counts);
	expect_job_counted(id);
	EXPECT_INT(sql("SELECT count(*) FROM effect_log WHERE job_id = '%s'", id), effects);
	const struct outcome *o = run(NULL, "weir", "report", id, "--format", "json", NULL);
	EXPECT_PART(o->out, "\"consistent\":true");
}

static void its_jobs_end(void)
{
	bring_back();
	init();
	struct job *begun = job_new("begun", "sum", 50);
	struct job *jobs[] = {
		begun,
		of_kind(with_endings("halfway", 50, 25), "slow"),
		once_put_off("paused", 30),
		once_put_off("limited", 60),
		again(),
		with_endings("queued", 30, 30),
		with_endings("fresh", 30, 30),
	};
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", "slow", "pass", NULL);
	succeed("resume", "paused");
	job_submit(begun);
	for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
		await_ended(jobs[i]);
	await_counted("staged");
	await_counted("cancelled");
	await_counted("last");
	await(PATIENCE_MS, "SELECT count(*) = 1 AND min(id) > 1 FROM weir.dead_letters");
	await(PATIENCE_MS, "SELECT count(*) = 0 FROM weir.events");
	stop_all();
	for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
		check_exact(jobs[i]);
	expect_ended("done", "completed", "18 2 0 of 20", 18);
	expect_ended("staged", "completed", "26 4 0 of 30", 28 + 26);
	expect_ended("cancelled", "cancelled", "10 0 20 of 30", 10);
	expect_ended("last", "completed", "19 1 0 of 20", 0);
	own_database_gone();
}

void add_upgrade_suite(void);

void add_upgrade_suite(void)
{
	CU_pSuite s =
		CU_add_suite_with_setup_and_teardown("upgrade: a ledger of a version before",
						     world_open, world_close, NULL, world_leave);
	CU_add_test(s, "is as a new one", is_as_a_new_one);
	CU_add_test(s, "a view that cannot be replaced", a_view_that_cannot_be_replaced);
	CU_add_test(s, "its jobs end", its_jobs_end);
}
