/* What is wrong is told while it is wrong: by status, submit --wait, doctor and the log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "world.h"

#define NO_RELAY "no relay is running: start weir-relay"
#define NO_CONSUMER "no consumer for the kind sum is running: start weir-consumer sum"

static int times_in(const char *text, const char *part)
{
	int n = 0;
	for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
		n++;
	return n;
}

/* ---- who is at work ---- */

static const char *status_of(const struct job *job, const char *option)
{
	const struct outcome *o = run(NULL, "weir", "status", job->id, option, NULL);
	EXPECT_INT(o->status, 0);
	return o->out;
}

static void expect_no_part(const char *text, const char *part)
{
	EXPECT(!strstr(text, part), "there is \"%s\" in: %s", part, text);
}

static void status_says_who_is_missing(void)
{
	struct job *job = job_submit(job_new("alone", "sum", 20));
	EXPECT_PART(status_of(job, NULL), "because    " NO_RELAY "; " NO_CONSUMER);
	EXPECT_PART(status_of(job, "--json"), "\"obstacle\":\"" NO_RELAY "; " NO_CONSUMER "\"");
	const struct outcome *o = run(NULL, "weir", "status", NULL);
	EXPECT_PART(o->out, "waiting  alone: " NO_RELAY);
	EXPECT_PART(o->out, "fleet    relays 0, consumers: none");
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(job);
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.processes WHERE role = 'relay'");
	EXPECT_PART(status_of(job, NULL), "because    " NO_CONSUMER);
	expect_no_part(status_of(job, NULL), NO_RELAY);
	kill_hard(relay); /* its row stays for a while, the connection does not */
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_ended(job);
	EXPECT_PART(run(NULL, "weir", "status", NULL)->out, "consumers: sum 1, heard");
	expect_no_part(status_of(job, NULL), "because");
	stop_all();
	EXPECT_INT(sql("SELECT count(*) FROM weir.processes"), 1); /* of the one that was killed */
	check_exact(job);
}

static void wait_says_once_who_is_missing(void)
{
	struct job *job = job_new("waits", "sum", 20);
	char label[80];
	job_write(job);
	snprintf(label, sizeof label, "label=%s", job->label);
	struct process *submit = start(NULL, "weir", "submit", "sum", job->file, "--job", job->id,
				       "--context", label, "--wait", NULL);
	await_log(submit, "waits: " NO_CONSUMER);
	await_log(submit, "0 of 20 items are final");
	expect_no_part(log_of(submit), NO_RELAY); /* it is one itself */
	start(NULL, "weir-consumer", "sum", NULL);
	EXPECT_INT(await_exit(submit, PATIENCE_MS), 0);
	EXPECT_INT(times_in(log_of(submit), NO_CONSUMER), 1);
	start(NULL, "weir-relay", NULL); /* its own may have gone before it checked the counters */
	finish(job);
}

/* Somebody who locks that table holds up nobody's work. */
static void a_locked_table_of_processes(void)
{
	struct job *job = job_new("locked", "sum", 60);
	sql_text("BEGIN; LOCK weir.processes IN ACCESS EXCLUSIVE MODE");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	job_submit(job);
	await_ended(job);
	sql_text("COMMIT");
	finish(job);
}

/* ---- causes ---- */

/* The address with other parts: NULL is what stands there. */
static void change_url(const char *name, const char *credentials, const char *place,
		       const char *path, char out[512])
{
	const char *url = getenv(name), *begin = strstr(url, "://") + 3, *at = strchr(begin, '@');
	const char *end = strchr(at, '/');
	snprintf(out, 512, "%.*s%.*s@%.*s%s", (int)(begin - url), url,
		 credentials ? (int)strlen(credentials) : (int)(at - begin),
		 credentials ? credentials : begin,
		 place ? (int)strlen(place) : (int)(end - at - 1), place ? place : at + 1,
		 path ? path : end);
}

/* What is wrong with an address, what is said of it, and the next step. An @ as the place is the
 * port of another server. */
static const struct wrong {
	const char *name, *credentials, *place, *path;
	const char *cause, *step;
} wrongs[] = {
	{"WEIR_AMQP_URL", NULL, "127.0.0.1:1", NULL, "RabbitMQ at 127.0.0.1:1",
	 "nothing listens there"},
	{"WEIR_AMQP_URL", NULL, "nohost.invalid", NULL, "RabbitMQ at nohost.invalid:5672",
	 "mend its name in WEIR_AMQP_URL"},
	{"WEIR_AMQP_URL", "weir:wrong", NULL, NULL, "Login was refused",
	 "mend user and password in WEIR_AMQP_URL"},
	{"WEIR_AMQP_URL", NULL, NULL, "/nowhere/", "vhost nowhere not found", "add_vhost"},
	{"WEIR_AMQP_URL", NULL, NULL, "/?heartbeat=30", "the parameter ?heartbeat", "leave out"},
	{"WEIR_PG_URL", "weir:wrong", NULL, NULL, "password authentication failed",
	 "mend user and password in WEIR_PG_URL"},
	{"WEIR_PG_URL", NULL, NULL, "/nowhere", "database \"nowhere\" does not exist", "createdb"},
	{"WEIR_PG_URL", NULL, "127.0.0.1:1", NULL, "PostgreSQL at 127.0.0.1:1",
	 "nothing listens there"},
	{"WEIR_REDIS_URL", ":wrong", NULL, NULL, "WRONGPASS",
	 "mend user and password in WEIR_REDIS_URL"},
	{"WEIR_REDIS_URL", NULL, NULL, "/9999", "DB index is out of range", "fewer databases"},
};

static void every_error_has_its_next_step(void)
{
	for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
		const struct wrong *w = &wrongs[i];
		char url[512];
		change_url(w->name, w->credentials, w->place, w->path, url);
		program_env(w->name, url);
		const struct outcome *o = run(NULL, "weir", "doctor", NULL);
		program_env(w->name, NULL);
		EXPECT_INT(o->status, 1);
		EXPECT_PART(o->out, w->cause);
		EXPECT_PART(o->out, w->step);
		expect_no_part(o->out, "wrong@");
	}
}

/* //, /%2f, quotes, capitals and newlines are no reason to fail. */
static void pasted_addresses_are_understood(void)
{
	char url[512], pasted[600];
	change_url("WEIR_AMQP_URL", NULL, NULL, "//", url);
	snprintf(pasted, sizeof pasted, " \"AMQP%s\" \n", url + 4);
	program_env("WEIR_AMQP_URL", pasted);
	change_url("WEIR_REDIS_URL", NULL, NULL, "/0/", url);
	program_env("WEIR_REDIS_URL", url);
	const struct outcome *o = run(NULL, "weir", "init", NULL);
	EXPECT(o->status == 0, "init: %d: %s", o->status, o->err);
	program_env("WEIR_AMQP_URL", NULL);
	program_env("WEIR_REDIS_URL", NULL);
}

/* libpq's own words would be "server closed the connection unexpectedly". */
static void the_last_word_of_the_server(void)
{
	struct process *relay = start(NULL, "weir-relay", NULL);
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.processes");
	sql_text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
		 " current_database() AND pid <> pg_backend_pid() AND application_name LIKE"
		 " 'weir-relay%%'");
	await_log(relay, "ledger_back");
	EXPECT_PART(log_of(relay), "PostgreSQL at ");
	EXPECT_PART(log_of(relay), "terminating connection due to administrator command (57P01)");
}

/* ---- what is there, and cannot be used ---- */

static void expect_doctor(const char *cause, const char *step)
{
	const struct outcome *o = run(NULL, "weir", "doctor", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->out, cause);
	EXPECT_PART(o->out, step);
}

/* It answers, and runs no scripts: a state that is told once, and ends by itself. */
static void redis_without_scripts(void)
{
	char url[512];
	struct job *job = job_new("scripts", "sum", 20);
	redis_do("ACL SETUSER plain on >plain ~* &* +@all -@scripting");
	change_url("WEIR_REDIS_URL", "plain:plain", NULL, NULL, url);
	program_env("WEIR_REDIS_URL", url);
	expect_doctor("NOPERM", "give the right: ACL SETUSER");
	struct process *relay = start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "sum", NULL);
	await_log(relay, "redis_away");
	await_log(consumer, "redis_away");
	job_submit(job);
	await_final(job, 20);
	await(PATIENCE_MS, "SELECT bool_and(completed_at IS NOT NULL) FROM weir.jobs");
	await(PATIENCE_MS, "SELECT count(*) = 2 FROM weir.processes WHERE waits_for LIKE"
			   " '%%give the right: ACL SETUSER%%'");
	redis_do("ACL SETUSER plain +@scripting");
	await_ended(job);
	EXPECT_INT(times_in(log_of(relay), "redis_away"), 1);
	EXPECT_INT(times_in(log_of(relay), "redis_back"), 1);
	EXPECT(times_in(log_of(relay), "progress_rebuilt") <= 1, "it floods: %s", log_of(relay));
	stop_all();
	program_env("WEIR_REDIS_URL", NULL);
	redis_do("ACL DELUSER plain");
	check_exact(job);
}

/* A job with a limit needs Redis for its shares: it waits, which is told, and goes on when Redis
 * can be used again. */
static const struct redis_trouble {
	const char *begin, *end, *cause, *step;
} redis_troubles[] = {
	{"CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "OOM command not allowed",
	 "raise maxmemory"},
	{"REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "READONLY", "name the master"},
	{"ACL SETUSER default -@scripting", "ACL SETUSER default +@all", "NOPERM", "ACL SETUSER"},
};

static void a_limit_without_redis(const struct redis_trouble *t)
{
	struct job *job = job_new("shares", "sum", 40);
	char told[200];
	redis_do(t->begin);
	struct process *relay = start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "sum", NULL);
	setenv("WEIR_MAX_CONCURRENT", "2", 1);
	job_submit(job);
	unsetenv("WEIR_MAX_CONCURRENT");
	await(PATIENCE_MS, "SELECT count(*) = 2 FROM weir.processes WHERE waits_for LIKE '%%%s%%'",
	      t->cause);
	snprintf(told, sizeof told, "because    ");
	EXPECT_PART(status_of(job, NULL), told);
	EXPECT_PART(status_of(job, NULL), t->cause);
	EXPECT_PART(status_of(job, NULL), t->step);
	const struct outcome *o = run(NULL, "weir", "doctor", NULL);
	EXPECT_PART(o->out, t->cause);
	EXPECT_PART(o->out, t->step);
	redis_do(t->end);
	await_ended(job);
	EXPECT_INT(times_in(log_of(relay), "redis_away"), 1);
	EXPECT_INT(times_in(log_of(consumer), "redis_away"), 1);
	EXPECT(times_in(log_of(relay), "progress_rebuilt") <= 1, "it floods: %s", log_of(relay));
	finish(job);
	world_clean();
}

static void limits_without_redis(void)
{
	for (size_t i = 0; i < sizeof redis_troubles / sizeof *redis_troubles; i++)
		a_limit_without_redis(&redis_troubles[i]);
}

/* ---- what the broker's user may not ---- */

/* Programs log in as a user with these rights, patterns of names each; NULL: as before. */
static void rights(const char *configure, const char *write, const char *read)
{
	char erlang[700], url[512];
	snprintf(
		erlang, sizeof erlang,
		"catch rabbit_auth_backend_internal:add_user(<<\"meek\">>, <<\"meek\">>, "
		"<<\"t\">>),"
		" rabbit_auth_backend_internal:set_permissions(<<\"meek\">>, <<\"/\">>, <<\"%s\">>,"
		" <<\"%s\">>, <<\"%s\">>, <<\"t\">>).",
		configure ? configure : "^$", write ? write : "^$", read ? read : "^$");
	rabbitmqctl("eval", erlang);
	change_url("WEIR_AMQP_URL", "meek:meek", NULL, NULL, url);
	program_env("WEIR_AMQP_URL", url);
}

static void rights_as_before(void)
{
	program_env("WEIR_AMQP_URL", NULL);
	rabbitmqctl("delete_user", "meek");
}

/* Who may not declare uses what is there, and says what is missing, and which right he needs. */
static void no_right_to_declare(void)
{
	static const char cause[] = "configure access to queue 'weir.slow'";
	struct job *job = job_new("meek", "sum", 20), *other = job_new("none", "slow", 5);
	rights("^$", ".*", ".*");
	queue_delete("weir.slow");
	struct process *relay = start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "sum", "slow", NULL);
	job_submit(job);
	job_submit(other);
	await_log(relay, cause);
	await_log(consumer, cause);
	await_ended(job);
	await(PATIENCE_MS, "SELECT count(*) = 2 FROM weir.processes WHERE waits_for LIKE"
			   " '%%configure access to queue%%set_permissions%%'");
	const struct outcome *o = run(NULL, "weir", "init", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, cause);
	EXPECT_PART(o->err, "set_permissions");
	expect_doctor("weir.slow", "weir init");
	rights(".*", ".*", ".*");
	await_log(consumer, "queue_back");
	await_ended(other);
	stop_all();
	rights_as_before();
	check_exact(job);
	check_exact(other);
}

static void no_right_to_publish(void)
{
	static const char cause[] = "write access to exchange 'weir.items'";
	struct job *job = job_new("meek", "sum", 20);
	rights(".*", "^$", ".*");
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	job_submit(job);
	await_log(relay, cause);
	expect_doctor(cause, "set_permissions");
	rights(".*", ".*", ".*");
	await_ended(job);
	stop_all();
	rights_as_before();
	check_exact(job);
}

/* The others of a consumer do not notice how often that one is tried. */
static void no_right_to_read_one(void)
{
	static const char cause[] = "read access to queue 'weir.slow'";
	struct job *job = job_new("meek", "sum", 100);
	job_delay(job, 30);
	rights(".*", ".*", "^weir.(items|dead|ledger|sum)$");
	start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "slow", "sum", NULL);
	await_log(consumer, cause);
	job_submit(job);
	await_ended(job);
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.processes WHERE waits_for LIKE"
			   " '%%read access to queue%%set_permissions%%'");
	EXPECT(times_in(log_of(consumer), "broker_lost") <= 1, "%s", log_of(consumer));
	rights(".*", ".*", ".*");
	await_log(consumer, "queue_back");
	stop_all();
	rights_as_before();
	check_exact(job);
}

/* ---- what a full queue refuses ---- */

static void doctor_names_the_exchange(void)
{
	EXPECT(queue_refuses("test.full", "weir.events"), "it was not made");
	struct job *job = job_submit(job_new("told", "sum", 20));
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_ended(job);
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM weir.events WHERE refused_since IS NOT NULL");
	const struct outcome *o = run(NULL, "weir", "doctor", NULL);
	EXPECT_PART(o->out, "events were refused at the exchange weir.events, since ");
	EXPECT_PART(o->out, "list_bindings");
	queue_delete("test.full");
	sql_text("UPDATE weir.events SET due_at = now()");
	await(PATIENCE_MS, "SELECT count(*) = 0 FROM weir.events");
	EXPECT_PART(run(NULL, "weir", "doctor", NULL)->out, "weir.events refuses no events");
	finish(job);
}

/* Batches wait for room as long as they do. */
static void a_full_queue_is_no_trouble(void)
{
	static const char part[] = "due for over a minute";
	job_submit(job_new("long", "sum", 400));
	struct process *relay =
		start(NULL, "weir-relay", "--queue-least", "20", "--queue-most", "20", NULL);
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM weir.job_batches WHERE status = 'queued'");
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.processes WHERE role = 'relay'");
	sql_text("UPDATE weir.job_batches SET due_at = now() - interval '2 minutes'"
		 " WHERE status = 'pending_queue'");
	expect_no_part(run(NULL, "weir", "doctor", NULL)->out, part);
	freeze(relay);
	queue_purge("weir.sum");
	expect_no_part(run(NULL, "weir", "doctor", NULL)->out, part); /* it was just filled */
	sql_text("UPDATE weir.job_batches SET queued_at = now() - interval '2 minutes'"
		 " WHERE status = 'queued'");
	const struct outcome *o = run(NULL, "weir", "doctor", NULL);
	EXPECT_PART(o->out, part);
	EXPECT_PART(o->out, "and its queue is empty");
	thaw(relay);
	stop(relay);
	EXPECT_PART(run(NULL, "weir", "doctor", NULL)->out, "and no relay was heard");
}

/* A hundred items of the batch before are put off: the relay keeps those behind it back. */
static void what_is_withheld_is_no_trouble(void)
{
	static const char part[] = "due for over a minute";
	job_submit(job_new("slowly", "sum", 400));
	struct process *relay =
		start(NULL, "weir-relay", "--queue-least", "100", "--queue-most", "100", NULL);
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM weir.job_batches WHERE status = 'queued'");
	stop(relay); /* one that has looked before would publish once more by what it saw */
	queue_purge("weir.sum");
	sql_text("UPDATE weir.job_batches SET due_at = now() - interval '1 hour',"
		 " queued_at = queued_at - interval '1 hour'");
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at, error_class)"
		 " SELECT 'slowly', 1, g, 0, now() + interval '5 minutes', 'busy'"
		 " FROM generate_series(0, 99) g");
	relay = start(NULL, "weir-relay", "--queue-least", "100", "--queue-most", "100", NULL);
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.processes WHERE role = 'relay'");
	expect_no_part(run(NULL, "weir", "doctor", NULL)->out, part);
	await_queued(job_submit(job_new("other", "pass", 1))); /* it has looked at both */
	EXPECT_INT(queue_size("weir.sum"), 0);
	freeze(relay);
	sql_text("DELETE FROM weir.retries WHERE ordinal = 0");
	EXPECT_PART(run(NULL, "weir", "doctor", NULL)->out, part);
	thaw(relay);
	stop(relay);
}

/* Not only by its name. */
static void a_queue_of_another_type(void)
{
	queue_delete("weir.sum");
	EXPECT(queue_refuses("weir.sum", "weir.items"), "it was not made");
	expect_doctor("inequivalent arg", "delete it when it is empty");
	struct process *consumer = start(NULL, "weir-consumer", "sum", NULL);
	await_log(consumer, "inequivalent arg");
	kill_hard(consumer);
	queue_delete("weir.sum");
	EXPECT_INT(run(NULL, "weir", "init", NULL)->status, 0);
}

static void doctor_names_who_is_missing(void)
{
	job_submit(job_new("nobody", "sum", 5));
	const struct outcome *o = run(NULL, "weir", "doctor", NULL);
	EXPECT_PART(o->out, "no relay is running");
	EXPECT_PART(o->out, "(start weir-relay)");
	EXPECT_PART(o->out, "no consumer for the kind sum is running");
	EXPECT_PART(o->out, "(start weir-consumer sum)");
}

/* A row that nobody has deleted, and a consumer that nobody has heard of. */
static void doctor_names_the_silent_and_the_unknown(void)
{
	job_submit(job_new("taken", "sum", 5));
	sql_text("INSERT INTO weir.processes (id, role, host, pid, version, kinds, seen_at)"
		 " VALUES ('gone', 'consumer', 'box', 7, '0', '{sum}', now() - interval '40 s')");
	struct process *consumer = start(NULL, "weir-consumer", "sum", NULL);
	await_log(consumer, "consumer_ready");
	sql_text("DELETE FROM weir.processes WHERE host <> 'box'");
	const struct outcome *o = run(NULL, "weir", "doctor", NULL);
	EXPECT_PART(o->out, "weir-consumer on box (pid 7) was last heard 4");
	EXPECT_PART(o->out,
		    "1 consumers take from the queue of the kind sum, and 0 weir-consumers");
}

/* As the stack's own superuser. */
static void configure(const char *sql)
{
	char path[512], password[64] = "", credentials[80], url[512];
	snprintf(path, sizeof path, "%s/state/pg_super_password", getenv("WEIR_STACK_DIR"));
	FILE *f = fopen(path, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_PTR_NOT_NULL_FATAL(fgets(password, sizeof password, f));
	fclose(f);
	password[strcspn(password, "\n")] = '\0';
	snprintf(credentials, sizeof credentials, "postgres:%s", password);
	change_url("WEIR_PG_URL", credentials, NULL, NULL, url);
	PGconn *c = PQconnectdb(url);
	PGresult *r = PQexec(c, sql);
	EXPECT(PQresultStatus(r) == PGRES_COMMAND_OK, "%s: %s", sql, PQerrorMessage(c));
	PQclear(r);
	PQclear(PQexec(c, "SELECT pg_reload_conf()"));
	PQfinish(c);
}

/* A COMMIT that waits for it is ended by no timeout, and everybody's next one waits, too. */
static void a_synchronous_standby_is_missing(void)
{
	struct job *job = job_submit(job_new("synced", "sum", 20));
	configure("ALTER SYSTEM SET synchronous_standby_names = 'gone'");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
			   " AND state_change < now() - interval '2 seconds'");
	EXPECT_PART(status_of(job, NULL), "because    each commit waits for a standby");
	expect_doctor("synchronous_standby_names is gone", "start the standby");
	configure("ALTER SYSTEM RESET synchronous_standby_names");
	finish(job);
}

static void a_right_is_missing(void)
{
	sql_text("REVOKE INSERT ON weir.results FROM CURRENT_USER");
	expect_doctor("INSERT ON weir.results", "GRANT");
	sql_text("GRANT INSERT ON weir.results TO CURRENT_USER");
}

void add_health_suite(void);

void add_health_suite(void)
{
	CU_pSuite s = WORLD_SUITE("health");
	CU_add_test(s, "status says who is missing", status_says_who_is_missing);
	CU_add_test(s, "submit --wait says once who is missing", wait_says_once_who_is_missing);
	CU_add_test(s, "the table of processes is locked", a_locked_table_of_processes);
	CU_add_test(s, "every error has its next step", every_error_has_its_next_step);
	CU_add_test(s, "pasted addresses are understood", pasted_addresses_are_understood);
	CU_add_test(s, "the last word of the server", the_last_word_of_the_server);
	CU_add_test(s, "a Redis without scripts", redis_without_scripts);
	CU_add_test(s, "limits without Redis", limits_without_redis);
	CU_add_test(s, "no right to declare", no_right_to_declare);
	CU_add_test(s, "no right to publish", no_right_to_publish);
	CU_add_test(s, "no right to read one queue", no_right_to_read_one);
	CU_add_test(s, "doctor names an exchange that refuses", doctor_names_the_exchange);
	CU_add_test(s, "a full queue is no trouble", a_full_queue_is_no_trouble);
	CU_add_test(s, "nor is what is withheld", what_is_withheld_is_no_trouble);
	CU_add_test(s, "a queue of another type", a_queue_of_another_type);
	CU_add_test(s, "doctor names who is missing", doctor_names_who_is_missing);
	CU_add_test(s, "doctor names the silent and the unknown",
		    doctor_names_the_silent_and_the_unknown);
	CU_add_test(s, "a synchronous standby is missing", a_synchronous_standby_is_missing);
	CU_add_test(s, "a right is missing", a_right_is_missing);
}
