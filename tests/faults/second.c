#include "second.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addresses.h"

#define JOBS 3
#define NAMESPACE "beside"
#define ADDRESS LOGS "/second-address"

static struct {
	char database[64];
	int sizes[JOBS];
	int submitted;
	struct process *submit;
	int64_t submit_at_ms;
} second;

/* ---- its database ---- */

/* A number that it knows; -1: its server is away. */
static int64_t ask(const char *statement)
{
	char url[512];
	address_of(getenv("WEIR_PG_URL"), second.database, url);
	PGconn *c = PQconnectdb(url);
	PGresult *r = PQexec(c, statement);
	bool some = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) > 0;
	int64_t n = some ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : -1;
	bool done = some || PQresultStatus(r) == PGRES_COMMAND_OK;
	EXPECT(done || PQstatus(c) != CONNECTION_OK, "%.100s: %s", statement, PQerrorMessage(c));
	PQclear(r);
	PQfinish(c);
	return n;
}

static void write_jobs(uint64_t seed)
{
	char path[256];
	struct chance c = chance_of(seed, "second", 0);
	for (int i = 0; i < JOBS; i++) {
		second.sizes[i] = chance_between(&c, 1, 300);
		snprintf(path, sizeof path, LOGS "/second_%d.jsonl", i);
		FILE *f = fopen(path, "w");
		if (!EXPECT(f != NULL, "cannot write %s", path))
			return;
		for (int k = 0; k < second.sizes[i]; k++)
			fprintf(f,
				"{\"custom_id\":\"item_%06d\",\"key\":\"second\",\"amount\":1,"
				"\"delay_ms\":20}\n",
				k);
		EXPECT(fclose(f) == 0, "%s was not written", path);
	}
}

void second_open(uint64_t seed)
{
	memset(&second, 0, sizeof second);
	snprintf(second.database, sizeof second.database, "%s_second",
		 sql_text("SELECT current_database()"));
	sql_text("CREATE DATABASE %s", second.database);
	addresses_write(second.database, ADDRESS);
	struct process *init = second_start("weir", true);
	EXPECT(await_exit(init, PATIENCE_MS) == 0, "the second ledger was not made, see %s",
	       init->log);
	forget(init);
	ask("CREATE TABLE effects (key text PRIMARY KEY, total bigint, times bigint);"
	    "CREATE TABLE effect_log (job_id text, custom_id text, label text,"
	    " bad integer CHECK (bad = 0), call bigint)");
	write_jobs(seed);
}

void second_close(void)
{
	sql_text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
		 " WHERE datname = '%s'",
		 second.database);
	sql_text("DROP DATABASE %s", second.database);
	exchange_delete(NAMESPACE ".weir.ledger"); /* its mark */
}

/* ---- its programs ---- */

static struct process *start_it(const char *program)
{
	if (strcmp(program, "weir-relay") == 0)
		return start(NULL, program, "--lost-after", "4s", NULL);
	if (strcmp(program, "weir-consumer") == 0)
		return start(NULL, program, "sum", "--grace", "5s", NULL);
	return start(NULL, program, "init", NULL);
}

static void submit_next(void)
{
	char path[256], job[32];
	snprintf(path, sizeof path, LOGS "/second_%d.jsonl", second.submitted);
	snprintf(job, sizeof job, "mix_%03d", second.submitted);
	second.submit = start(NULL, "weir", "submit", "sum", path, "--job", job, "--context",
			      "label=second", NULL);
}

/* What is started in between is the second one's. */
static void lend_names(bool namespace)
{
	program_env("WEIR_PG_URL_FILE", ADDRESS);
	program_env("WEIR_NAMESPACE", namespace ? NAMESPACE : NULL);
}

static void take_back_names(void)
{
	program_env("WEIR_NAMESPACE", NULL);
	addresses_use();
}

struct process *second_start(const char *program, bool namespace)
{
	lend_names(namespace);
	struct process *p = start_it(program);
	take_back_names();
	return p;
}

void second_tend(void)
{
	if (second.submit && is_alive(second.submit))
		return;
	if (second.submit) {
		second.submitted += second.submit->status == 0;
		second.submit_at_ms = now_ms() + 3000;
		forget(second.submit);
		second.submit = NULL;
	}
	if (second.submitted == JOBS || now_ms() < second.submit_at_ms)
		return;
	lend_names(true);
	submit_next();
	take_back_names();
}

/* ---- what it comes to ---- */

bool second_has_ended(void)
{
	return second.submitted == JOBS &&
	       ask("SELECT count(*) FROM weir.jobs WHERE completed_at IS NOT NULL AND counted") ==
		       JOBS &&
	       ask("SELECT count(*) FROM weir.events") == 0;
}

void second_check(void)
{
	int all = 0;
	for (int i = 0; i < JOBS; i++)
		all += second.sizes[i];
	EXPECT_INT(ask("SELECT count(*) FROM weir.results WHERE status = 1"), all);
	EXPECT_INT(ask("SELECT total FROM effects"), all);
	EXPECT_INT(ask("SELECT (SELECT count(*) FROM weir.dead_letters)"
		       " + (SELECT count(*) FROM weir.retries) + (SELECT count(*) FROM weir.trials)"
		       " + (SELECT count(*) FROM weir.job_batches WHERE status = 'pending_queue')"),
		   0);
	queue_await_size(NAMESPACE ".weir.sum", 0);
	queue_await_size(NAMESPACE ".weir.dead", 0);
}
