/* Sessions with the three servers: passwords that are changed while everybody works, what an
 * operator has set for a role or database, and a pooler between. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "asked.h"

#define ITEMS 600
#define SOME 60
#define NEW_PASSWORD "another-password"

/* ---- passwords in files ---- */

/* A server whose address the programs have from a file. */
static struct {
	const char *variable;
	char file[512], before[512], after[512];
} secret;

/* Beside it, and renamed: as everybody does who puts a secret anew. */
static void write_secret(const char *text)
{
	char aside[600];
	snprintf(aside, sizeof aside, "%s.new", secret.file);
	FILE *f = fopen(aside, "w");
	EXPECT(f && fputs(text, f) >= 0 && fclose(f) == 0 && rename(aside, secret.file) == 0,
	       "%s was not written", secret.file);
}

/* From now on the programs read the address from a file. */
static void put_into_file(const char *variable)
{
	char name[64], cwd[256];
	const char *url = getenv(variable);
	const char *at = url ? strrchr(url, '@') : NULL, *head = url ? strstr(url, "://") : NULL;
	const char *colon = head ? strchr(head + 3, ':') : NULL;
	CU_ASSERT_FATAL(at && colon && colon < at && getcwd(cwd, sizeof cwd));
	secret.variable = variable;
	snprintf(secret.before, sizeof secret.before, "%s", url);
	snprintf(secret.after, sizeof secret.after, "%.*s:" NEW_PASSWORD "%s", (int)(colon - url),
		 url, at);
	snprintf(secret.file, sizeof secret.file, "%s%s%s.secret", *LOGS == '/' ? "" : cwd,
		 *LOGS == '/' ? "" : "/", *LOGS == '/' ? LOGS "/url" : LOGS "/url");
	snprintf(name, sizeof name, "%s_FILE", variable);
	write_secret(secret.before);
	program_env(variable, "");
	program_env(name, secret.file);
}

static void forget_file(void)
{
	char name[64];
	snprintf(name, sizeof name, "%s_FILE", secret.variable);
	program_env(secret.variable, NULL);
	program_env(name, NULL);
	setenv(secret.variable, secret.before, 1);
	unlink(secret.file);
}

static const char *password_of(const char *url)
{
	static char text[256];
	const char *colon = strchr(strstr(url, "://") + 3, ':') + 1;
	snprintf(text, sizeof text, "%.*s", (int)(strrchr(url, '@') - colon), colon);
	return text;
}

static void change_pg(const char *url)
{
	sql_text("DO $$ BEGIN EXECUTE format('ALTER ROLE %%I PASSWORD %%L', current_user, '%s');"
		 " END $$",
		 password_of(url));
}

static void end_pg(void)
{
	sql_text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
		 " WHERE datname = current_database() AND pid <> pg_backend_pid()");
}

static void rabbitmq(const char *command, const char *first, const char *second)
{
	char path[512];
	snprintf(path, sizeof path, "%s/bin/rabbitmqctl", getenv("WEIR_STACK_DIR"));
	const struct outcome *o = run(NULL, path, command, first, second, NULL);
	EXPECT(o->status == 0, "rabbitmqctl %s: %d: %s", command, o->status, o->err);
}

static void change_amqp(const char *url)
{
	rabbitmq("change_password", "weir", password_of(url));
	setenv(secret.variable, url, 1);
}

static void end_amqp(void) { rabbitmq("close_all_connections", "a password was changed", NULL); }

static void change_redis(const char *url)
{
	char command[300];
	snprintf(command, sizeof command, "CONFIG SET requirepass %s", password_of(url));
	redis_do(command);
	setenv(secret.variable, url, 1);
}

static void end_redis(void) { redis_do("CLIENT KILL TYPE normal SKIPME yes"); }

static const struct secret_row {
	const char *variable, *away; /* what the log says of it */
	void (*change)(const char *url);
	void (*end)(void);
} of_pg = {"WEIR_PG_URL", "password authentication failed", change_pg, end_pg},
  of_amqp = {"WEIR_AMQP_URL", "ACCESS_REFUSED", change_amqp, end_amqp},
  of_redis = {"WEIR_REDIS_URL", "WRONGPASS", change_redis, end_redis};

static struct process *consumer;

/* A job is seen in its middle, by programs that have the address from a file. */
static struct job *in_the_middle(void)
{
	struct job *job = job_new("rotated", "sum", ITEMS);
	job_delay(job, 5);
	start(NULL, "weir-relay", "--batches", "1", "--queue-most", "100", NULL);
	consumer = start(NULL, "weir-consumer", "sum", "--flush", "20", NULL);
	job_submit(job);
	await_final(job, SOME);
	return job;
}

/* The file has the new one when the old sessions end, or only after they were refused. */
static void rotate(const struct secret_row *row, bool late)
{
	put_into_file(row->variable);
	struct job *job = in_the_middle();
	row->change(secret.after);
	if (!late)
		write_secret(secret.after);
	row->end();
	if (late)
		await_log(consumer, row->away);
	write_secret(secret.after);
	struct job *after = job_submit(job_new("after", "sum", 60));
	await_ended(job);
	await_ended(after);
	stop_all();
	row->change(secret.before);
	forget_file();
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE status <> 1"), 0);
}

static void a_password_of_postgresql(void) { rotate(&of_pg, false); }
static void a_late_one_of_postgresql(void) { rotate(&of_pg, true); }
static void a_password_of_rabbitmq(void) { rotate(&of_amqp, false); }
static void a_late_one_of_rabbitmq(void) { rotate(&of_amqp, true); }
static void a_password_of_redis(void) { rotate(&of_redis, false); }
static void a_late_one_of_redis(void) { rotate(&of_redis, true); }

/* ---- keys of models ---- */

#define KEY LOGS "/model.key"

static void write_key(const char *key)
{
	FILE *f = fopen(KEY ".new", "w");
	EXPECT(f && fputs(key, f) >= 0 && fclose(f) == 0 && chmod(KEY ".new", 0600) == 0 &&
		       rename(KEY ".new", KEY) == 0,
	       "%s was not written", KEY);
}

static struct job *with_a_key(void)
{
	models_write("  claude: {provider: anthropic, base_url: $URL, key_file: model.key,"
		     " max_in_flight: 4}\n");
	write_key("the-first");
	fake_script("{'key': 'the-first', 'latency_ms': 20}");
	struct job *job = job_submit(asked_job("keyed", "ai_model=claude", 300));
	start(NULL, "weir-relay", NULL);
	consumer = start(NULL, "weir-consumer", "ask", NULL);
	await_final(job, 20);
	return job;
}

static void expect_no_pause(void)
{
	EXPECT(!strstr(log_of(consumer), "job_paused"), "the job was paused");
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE completed_at IS NULL"), 1);
}

/* The old one is of no more use at the moment at which the file is changed. */
static void a_key_is_changed(void)
{
	struct job *job = with_a_key();
	write_key("the-second");
	fake_script("{'key': 'the-second'}");
	expect_no_pause();
	finish(job);
	EXPECT_PART(log_of(consumer), "key_changed");
	expect_billed(job, 1);
}

/* While the old one is still good for long, the new one is used all the same. */
static void a_key_is_changed_in_time(void)
{
	struct job *job = with_a_key();
	fake_script("{'key': 'the-first', 'next_key': 'the-second', 'latency_ms': 20}");
	write_key("the-second");
	await_log(consumer, "key_changed");
	fake_script("{'key': 'the-second'}");
	expect_no_pause();
	finish(job);
	expect_billed(job, 1);
}

/* A file that is being written is empty: the key of before stays. */
static void a_key_file_is_empty(void)
{
	struct job *job = with_a_key();
	write_key("");
	await_log(consumer, "key_not_read");
	expect_no_pause();
	write_key("the-second");
	fake_script("{'key': 'the-second'}");
	finish(job);
	expect_billed(job, 1);
}

/* With no other key in the file a person has to mend it. */
static void a_key_is_of_no_more_use(void)
{
	struct job *job = with_a_key();
	fake_script("{'key': 'the-second'}");
	await_log(consumer, "job_paused");
	write_key("the-second");
	EXPECT_INT(run(NULL, "weir", "resume", "keyed", NULL)->status, 0);
	finish(job);
	expect_billed(job, 1);
}

/* ---- what an operator has set ---- */

static void set_database(const char *what)
{
	sql_text("DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I %s', current_database()); END $$",
		 what);
}

/* Names that weir uses itself, in a schema that comes first: wrong tables, and functions and types
 * that end whoever uses them. */
static void make_hostile(void)
{
	sql_text("CREATE SCHEMA hostile");
	sql_text("CREATE TABLE hostile.jobs (a int); CREATE TABLE hostile.items (a int);"
		 " CREATE TABLE hostile.results (a int); CREATE TABLE hostile.migrations (a int)");
	sql_text("CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE plpgsql AS"
		 " $$ BEGIN RAISE 'hostile.now()'; END $$;"
		 " CREATE FUNCTION hostile.format(text, text) RETURNS text LANGUAGE plpgsql AS"
		 " $$ BEGIN RAISE 'hostile.format()'; END $$;"
		 " CREATE FUNCTION hostile.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS"
		 " $$ BEGIN RAISE 'hostile.pg_notify()'; END $$;"
		 " CREATE FUNCTION hostile.equal(text, text) RETURNS bool LANGUAGE plpgsql AS"
		 " $$ BEGIN RAISE 'hostile ='; END $$;"
		 " CREATE OPERATOR hostile.= (leftarg = text, rightarg = text,"
		 "  function = hostile.equal)");
	sql_text("CREATE DOMAIN hostile.text AS int; CREATE DOMAIN hostile.int8 AS bool");
}

static const char *const presets[] = {
	"SET search_path = hostile, \"$user\", public",
	"SET search_path = hostile, \"$user\", public, pg_catalog",
	"SET standard_conforming_strings = off",
	"SET idle_session_timeout = 100",
	"SET statement_timeout = 50",
	"SET lock_timeout = 1",
	"SET \"TimeZone\" = ''Asia/Kathmandu''",
	"SET \"DateStyle\" = ''SQL, DMY''",
	"SET \"IntervalStyle\" = ''sql_standard''",
	"SET bytea_output = escape",
	"SET extra_float_digits = -15",
	"SET default_transaction_isolation = serializable",
	"SET array_nulls = off",
	"SET transform_null_equals = on",
	"SET client_min_messages = error",
	"SET \"xmloption\" = document",
};

static void expect_work(const char *id)
{
	struct job *job = job_new(id, "sum", 120);
	item_fails(&job->items[5], "asked_to_fail", ",\"fail\":\"reject\"");
	item_fails(&job->items[7], NULL, ",\"fail\":\"retry_once\"");
	struct process *relay = start(NULL, "weir-relay", NULL);
	consumer = start(NULL, "weir-consumer", "sum", NULL);
	await_log(relay, "relay_ready");
	await_log(consumer, "consumer_ready");
	EXPECT_INT(run(NULL, "weir", "pause", id, NULL)->status, 1);
	job_submit(job);
	finish(job);
	EXPECT(!strstr(log_of(relay), "ledger_lost") && !strstr(log_of(consumer), "ledger_lost"),
	       "a session was lost");
	EXPECT_INT(run(NULL, "weir", "report", id, NULL)->status, 0);
	EXPECT_INT(run(NULL, "weir", "status", NULL)->status, 0);
	EXPECT_INT(run(NULL, "weir", "init", NULL)->status, 0);
}

static void what_a_database_presets(void)
{
	char path[300];
	make_hostile();
	for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
		set_database(presets[i]);
	expect_work("preset");
	set_database("RESET ALL");
	snprintf(path, sizeof path, "DROP SCHEMA hostile CASCADE");
	sql_text("%s", path);
}

/* What stands in the address, be it of PostgreSQL or of an extension, is in the session beside what
 * weir sets. */
static void options_in_the_address(void)
{
	char url[900];
	snprintf(url, sizeof url,
		 "%s?options=-c%%20work_mem%%3D7MB%%20-c%%20my.own%%3Dx%%20-c%%20statement_timeout%"
		 "%3D1",
		 getenv("WEIR_PG_URL"));
	CU_ASSERT_FATAL(strlen(url) < 512);
	program_env("WEIR_PG_URL", url);
	sql_text("CREATE TABLE seen (work_mem text, own text, timeout text)");
	sql_text("CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
		 " INSERT INTO seen SELECT current_setting('work_mem'), current_setting('my.own'),"
		 "  current_setting('statement_timeout'); RETURN NULL; END $$;"
		 " CREATE TRIGGER see AFTER INSERT ON effects FOR EACH STATEMENT"
		 "  EXECUTE FUNCTION see()");
	expect_work("options");
	EXPECT(sql("SELECT count(*) FROM seen") > 0, "nothing was seen");
	EXPECT_INT(sql("SELECT count(*) FROM seen WHERE work_mem <> '7MB' OR own <> 'x'"
		       " OR timeout = '50ms'"),
		   0);
	program_env("WEIR_PG_URL", NULL);
	sql_text("DROP TRIGGER see ON effects; DROP FUNCTION see(); DROP TABLE seen");
}

/* ---- pgbouncer ---- */

#define POOLER_PORT 19432

static struct process pooler; /* of no test: it does not end as weir does */

static void pooler_start(const char *mode)
{
	char config[600], folder[] = "/tmp/weir-pooler.XXXXXX";
	const char *url = getenv("WEIR_PG_URL"), *at = strrchr(url, '@');
	CU_ASSERT_FATAL(mkdtemp(folder) != NULL && chmod(folder, 0755) == 0);
	snprintf(config, sizeof config, "%s/pgbouncer.ini", folder);
	FILE *f = fopen(config, "w");
	CU_ASSERT_FATAL(f != NULL);
	fprintf(f,
		"[databases]\n* = host=127.0.0.1 port=%.*s user=weir password=%s\n[pgbouncer]\n"
		"listen_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\nauth_type = any\n"
		"pool_mode = %s\ndefault_pool_size = 40\nignore_startup_parameters = "
		"extra_float_digits\n",
		(int)strcspn(strchr(at, ':') + 1, "/"), strchr(at, ':') + 1, password_of(url),
		POOLER_PORT, mode);
	EXPECT(fclose(f) == 0 && chmod(config, 0644) == 0, "%s was not written", config);
	struct process *p =
		geteuid() == 0 ? start(NULL, "/usr/sbin/pgbouncer", "-u", "postgres", config, NULL)
			       : start(NULL, "/usr/sbin/pgbouncer", config, NULL);
	await_log(p, "process up");
	EXPECT(is_alive(p), "pgbouncer has ended: %s", log_of(p));
	unlink(config);
	rmdir(folder);
	pooler = *p;
	memset(p, 0, sizeof *p);
}

static void through_a_pooler(void)
{
	char url[512];
	const char *given = getenv("WEIR_PG_URL");
	snprintf(url, sizeof url, "%.*s@127.0.0.1:%d%s", (int)(strrchr(given, '@') - given), given,
		 POOLER_PORT, strrchr(given, '/'));
	program_env("WEIR_PG_URL", url);
}

/* Everything works with a session each. */
static void a_pooler_of_sessions(void)
{
	pooler_start("session");
	through_a_pooler();
	expect_work("pooled");
	program_env("WEIR_PG_URL", NULL);
	kill_hard(&pooler);
}

/* With a session for a transaction nothing begins, and it is told what is to be done. */
static void a_pooler_of_transactions(void)
{
	static const char *const programs[][3] = {{"weir-relay", NULL, NULL},
						  {"weir-consumer", "sum", NULL},
						  {"weir", "status", NULL},
						  {"weir", "init", NULL}};
	pooler_start("transaction");
	through_a_pooler();
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		const struct outcome *o = run(NULL, programs[i][0], programs[i][1], NULL);
		EXPECT(o->status == 1, "%s: %d", programs[i][0], o->status);
		EXPECT(strstr(o->err, "pool_mode") || strstr(o->out, "pool_mode"), "%s: %s%s",
		       programs[i][0], o->out, o->err);
	}
	EXPECT_PART(run(NULL, "weir", "doctor", NULL)->out, "pool_mode");
	program_env("WEIR_PG_URL", NULL);
	kill_hard(&pooler);
}

void add_sessions_suite(void);

void add_sessions_suite(void)
{
	CU_pSuite s = WORLD_SUITE("sessions");
	CU_add_test(s, "a password of PostgreSQL is changed", a_password_of_postgresql);
	CU_add_test(s, "a password of PostgreSQL, late", a_late_one_of_postgresql);
	CU_add_test(s, "a password of RabbitMQ is changed", a_password_of_rabbitmq);
	CU_add_test(s, "a password of RabbitMQ, late", a_late_one_of_rabbitmq);
	CU_add_test(s, "a password of Redis is changed", a_password_of_redis);
	CU_add_test(s, "a password of Redis, late", a_late_one_of_redis);
	CU_add_test(s, "what a database presets", what_a_database_presets);
	CU_add_test(s, "options in the address", options_in_the_address);
	CU_add_test(s, "pgbouncer, sessions", a_pooler_of_sessions);
	CU_add_test(s, "pgbouncer, transactions", a_pooler_of_transactions);
	s = FAKE_SUITE("keys of models");
	CU_add_test(s, "a key is changed", a_key_is_changed);
	CU_add_test(s, "a key is changed in time", a_key_is_changed_in_time);
	CU_add_test(s, "a key file is empty for a while", a_key_file_is_empty);
	CU_add_test(s, "a key is of no more use", a_key_is_of_no_more_use);
}
