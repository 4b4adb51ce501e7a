#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOBS 12

static struct {
	char stack_url[512]; /* the stack's own database */
	char database[64];
	int databases;
	struct job *jobs[JOBS];
	int job_count;
} world;

/* ---- checks ---- */

void (*on_failed_check)(const char *text);

bool expect_that(bool holds, const char *file, unsigned line, const char *fmt, ...)
{
	char text[1024];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (CU_get_current_test())
		CU_assertImplementation(holds, line, text, file, "", CU_FALSE);
	else if (!holds && on_failed_check)
		on_failed_check(text);
	else if (!holds) /* before the first test of a suite, or after its last */
		fprintf(stderr, "%s:%u: %s\n", file, line, text);
	return holds;
}

bool expect_number(int64_t seen, int64_t wanted, const char *what, const char *file, unsigned line)
{
	return expect_that(seen == wanted, file, line, "%s: %lld, not %lld", what, (long long)seen,
			   (long long)wanted);
}

bool expect_part(const char *text, const char *part, const char *what, const char *file,
		 unsigned line)
{
	return expect_that(strstr(text, part) != NULL, file, line, "%s has no \"%s\": %.600s", what,
			   part, text);
}

/* ---- a suite's world ---- */

static const char effect_tables[] =
	"CREATE TABLE effects (key text PRIMARY KEY, total bigint, times bigint);"
	"CREATE TABLE effect_log (job_id text, custom_id text, label text,"
	" bad integer CHECK (bad = 0), call bigint, tx bigint DEFAULT txid_current(),"
	" seen_at timestamptz DEFAULT clock_timestamp())";

/* What tests write to. */
static const char *const tables[] = {"weir.remote_batches",
				     "weir.job_stages",
				     "weir.job_batches",
				     "weir.items",
				     "weir.results",
				     "weir.retries",
				     "weir.trials",
				     "weir.attempts",
				     "weir.events",
				     "weir.dead_letters",
				     "weir.processes",
				     "weir.answers",
				     "weir.calls",
				     "weir.requests",
				     "weir.jobs",
				     "weir.vendor_item_mappings",
				     "weir.inventory_transactions",
				     "weir.price_history",
				     "weir.invoice_charges",
				     "weir.invoices",
				     "weir.inventory_items",
				     "weir.vendors",
				     "effects",
				     "effect_log",
				     "news_articles",
				     "reddit_posts"};

/* Not TRUNCATE, which writes a new file for each table and index. The locks wait for what a program
 * that was killed has left to be committed. */
static void clean_tables(void)
{
	char text[4096];
	size_t n = 0;
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "LOCK TABLE %s; DELETE FROM %s;",
				      tables[i], tables[i]);
	sql_text("%s", text);
}

static void ignore(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

/* Statements of the stack's own database. */
static int outside(const char *statement)
{
	PGconn *c = PQconnectdb(world.stack_url);
	PQsetNoticeProcessor(c, ignore, NULL);
	PGresult *r = PQexec(c, statement);
	int rc = PQresultStatus(r) == PGRES_COMMAND_OK ? 0 : -1;
	if (rc < 0)
		fprintf(stderr, "tests: %s: %s\n", statement, PQerrorMessage(c));
	PQclear(r);
	PQfinish(c);
	return rc;
}

static int remember_stack(void)
{
	const char *url = getenv("WEIR_PG_URL");
	if (!url || !strrchr(url, '/') || !getenv("WEIR_AMQP_URL") || !getenv("WEIR_REDIS_URL")) {
		fprintf(stderr, "tests: WEIR_PG_URL, WEIR_AMQP_URL and WEIR_REDIS_URL are to name "
				"a stack of the tests' own (see tests/run)\n");
		return -1;
	}
	snprintf(world.stack_url, sizeof world.stack_url, "%s", url);
	mkdir(WEIR_BUILD_DIR "/tests", 0777);
	mkdir(LOGS, 0777);
	return 0;
}

/* What all tests want: failures that come soon. The command line of a test may say otherwise. */
static void set_presets(void)
{
	static const char *const presets[][2] = {
		{"WEIR_BACKOFF", "20ms"}, {"WEIR_BACKOFF_CAP", "40ms"},
		{"WEIR_LINGER", "10ms"},  {"WEIR_POLL", "100ms"},
		{"WEIR_FLUSH", "50"},	  {"WEIR_PLUGIN_DIR", WEIR_BUILD_DIR "/tests/plugins"},
	};
	for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
		setenv(presets[i][0], presets[i][1], 1);
}

static void sql_file(const char *path)
{
	char text[4096];
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
	text[n] = '\0';
	if (f)
		fclose(f);
	EXPECT(n > 0, "%s cannot be read", path);
	sql_text("%s", text);
}

static int make_tables(void)
{
	const struct outcome *o = run(NULL, "weir", "init", NULL);
	if (o->status != 0) {
		fprintf(stderr, "tests: weir init: %d: %s\n", o->status, o->err);
		return -1;
	}
	sql_text("%s", effect_tables);
	sql_file(WEIR_SOURCE_DIR "/deploy/sample/tables.sql");
	return sql("SELECT count(*) FROM pg_class WHERE relname LIKE 'effect%%'") >= 2 ? 0 : -1;
}

int world_open(void)
{
	char text[256], url[640];
	if (!*world.stack_url && remember_stack() < 0)
		return 1;
	set_presets();
	snprintf(world.database, sizeof world.database, "weir_test_%d_%d", (int)getpid(),
		 world.databases++);
	snprintf(text, sizeof text, "DROP DATABASE IF EXISTS %s", world.database);
	if (outside(text) < 0)
		return 1;
	snprintf(text, sizeof text, "CREATE DATABASE %s", world.database);
	if (outside(text) < 0)
		return 1;
	snprintf(url, sizeof url, "%.*s/%s", (int)(strrchr(world.stack_url, '/') - world.stack_url),
		 world.stack_url, world.database);
	setenv("WEIR_PG_URL", url, 1);
	exchange_delete("weir.ledger"); /* the mark of the suite before, which is gone */
	return sql_open(url) < 0 || make_tables() < 0;
}

/* Not WITH (FORCE), which may not end an autovacuum worker, and fails where there is one. Without
 * it the server itself sends that away. */
int world_close(void)
{
	char text[256];
	sql_close();
	setenv("WEIR_PG_URL", world.stack_url, 1);
	snprintf(text, sizeof text,
		 "DO $$ BEGIN PERFORM pg_terminate_backend(pid) FROM pg_stat_activity"
		 " WHERE datname = '%s' AND usename = current_user; END $$",
		 world.database);
	if (outside(text) < 0)
		return 1;
	snprintf(text, sizeof text, "DROP DATABASE %s", world.database);
	return outside(text) < 0;
}

static void see(const char *url)
{
	sql_close();
	EXPECT(sql_open(url) == 0, "%s", url);
}

void own_database(const char *more)
{
	char url[700];
	snprintf(url, sizeof url, "%s_own", getenv("WEIR_PG_URL"));
	sql_text("CREATE DATABASE %s_own %s", world.database, more);
	program_env("WEIR_PG_URL", url);
	see(url);
}

void own_database_gone(void)
{
	program_env("WEIR_PG_URL", NULL);
	see(getenv("WEIR_PG_URL"));
	sql_text("DROP DATABASE %s_own", world.database);
}

void world_clean(void)
{
	static const char *const queues[] = {
		"weir.sum",	  "weir.slow", "weir.never", "weir.twice",   "weir.segfault",
		"weir.sentiment", "weir.pass", "weir.ask",   "weir.content", "weir.idea",
		"weir.invoice",	  "weir.dead", NULL};
	end_all();
	queues_empty(queues);
	redis_flush();
	clean_tables();
}

static const char hold_file[] = LOGS "/hold";

void items_hold(void)
{
	FILE *f = fopen(hold_file, "w");
	EXPECT(f && fclose(f) == 0, "%s cannot be made", hold_file);
	setenv("WEIR_HOLD", hold_file, 1);
}

void items_let_go(void)
{
	remove(hold_file);
	unsetenv("WEIR_HOLD");
}

void world_leave(void)
{
	end_all();
	items_let_go();
	while (world.job_count > 0) {
		struct job *job = world.jobs[--world.job_count];
		free(job->items);
		free(job);
	}
}

/* ---- jobs ---- */

struct job *job_new(const char *id, const char *kind, int n)
{
	struct job *job = calloc(1, sizeof *job);
	struct item *items = calloc((size_t)n + 1, sizeof *items);
	if (!job || !items || world.job_count == JOBS) {
		CU_FAIL_FATAL("no room for the job");
		abort();
	}
	*job = (struct job){
		.id = id, .kind = kind, .label = id, .batch_size = 20, .size = n, .items = items};
	for (int i = 0; i < n; i++) {
		snprintf(items[i].id, sizeof items[i].id, "item_%05d", i);
		snprintf(items[i].key, sizeof items[i].key, "%s.k%d", id, i % 7);
		items[i].amount = 1000 + i;
	}
	world.jobs[world.job_count++] = job;
	return job;
}

void job_delay(struct job *job, int ms)
{
	for (int i = 0; i < job->size; i++)
		snprintf(job->items[i].more, sizeof job->items[i].more, ",\"delay_ms\":%d", ms);
}

void job_hasten(const struct job *job)
{
	char queue[64];
	snprintf(queue, sizeof queue, "weir.%s", job->kind);
	queue_purge(queue);
	sql_text("UPDATE weir.items SET payload = json_build_object('key', payload->>'key',"
		 " 'amount', (payload->>'amount')::int) WHERE job_id = '%s'",
		 job->id);
	sql_text("UPDATE weir.job_batches SET status = 'pending_queue', due_at = now()"
		 " WHERE job_id = '%s'",
		 job->id);
}

void item_fails(struct item *item, const char *failure, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vsnprintf(item->more, sizeof item->more, fmt, args);
	va_end(args);
	item->failure = failure;
}

struct job *job_of_stages(const char *id, int n, int once_in)
{
	struct job *job = job_new(id, "sum", n);
	for (int i = 0; i < n; i += 10) {
		item_fails(&job->items[i], "asked_to_fail",
			   ",\"fail\":\"reject\",\"fail_stage\":1");
		item_fails(&job->items[i + 1], "asked_to_fail",
			   ",\"fail\":\"reject\",\"fail_stage\":2");
		item_fails(&job->items[i + 2], NULL, ",\"fail\":\"retry_once\",\"fail_stage\":%d",
			   once_in);
	}
	return job;
}

void job_write(struct job *job)
{
	snprintf(job->file, sizeof job->file, "%s/%s.jsonl", LOGS, job->id);
	FILE *f = fopen(job->file, "w");
	if (!EXPECT(f != NULL, "cannot write %s", job->file))
		return;
	for (int i = 0; i < job->size; i++) {
		const struct item *it = &job->items[i];
		fprintf(f, "{\"custom_id\":\"%s\",\"key\":\"%s\",\"amount\":%lld%s}\n", it->id,
			it->key, (long long)it->amount, it->more);
	}
	EXPECT(fclose(f) == 0, "%s was not written", job->file);
}

struct job *job_submit(struct job *job)
{
	char label[128], size[16];
	job_write(job);
	snprintf(label, sizeof label, "label=%s", job->label);
	snprintf(size, sizeof size, "%d", job->batch_size);
	const char *const *more = job->context;
	const struct outcome *o = run(
		NULL, "weir", "submit", job->kind, job->file, "--job", job->id, "--allow-empty",
		"--context", label, "--batch-size", size, more[0] ? "--context" : NULL, more[0],
		more[1] ? "--context" : NULL, more[1], more[2] ? "--context" : NULL, more[2], NULL);
	EXPECT(o->status == 0, "submit of %s: %d: %s", job->id, o->status, o->err);
	return job;
}

void await_final(const struct job *job, int count)
{
	await(PATIENCE_MS, "SELECT count(*) >= %d FROM weir.results WHERE job_id = '%s'", count,
	      job->id);
}

void await_queued(const struct job *job)
{
	await(PATIENCE_MS,
	      "SELECT count(*) = 0 FROM weir.job_batches WHERE job_id = '%s' AND status <> "
	      "'queued'",
	      job->id);
}

void await_ended(const struct job *job)
{
	await(PATIENCE_MS,
	      "SELECT coalesce(bool_and(completed_at IS NOT NULL AND counted), false)"
	      " FROM weir.jobs WHERE job_id = '%s'",
	      job->id);
}

void finish(const struct job *job)
{
	await_ended(job);
	stop_all();
	check_exact(job);
}
