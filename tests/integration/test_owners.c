/* Whose is it: several ledgers beside each other, copies, restores, and messages that are not what
 * the ledger has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define STRANGER "weir/01234567-89ab-4cde-8f01-23456789abcd"

/* ---- other databases ---- */

static void name_other(char out[96], const char *name)
{
	snprintf(out, 96, "%.60s_%s", sql_text("SELECT current_database()"), name);
}

/* Programs use this database from now on, under this namespace; NULL: the world's again, none. */
static void use(const char *name, const char *namespace)
{
	char url[768], database[96];
	const char *own = getenv("WEIR_PG_URL");
	program_env("WEIR_NAMESPACE", namespace);
	program_env("WEIR_PG_URL", NULL);
	if (!name)
		return;
	name_other(database, name);
	snprintf(url, sizeof url, "%.*s/%s", (int)(strrchr(own, '/') - own), own, database);
	program_env("WEIR_PG_URL", url);
}

static void drop(const char *name)
{
	char database[96];
	name_other(database, name);
	sql_text("DROP DATABASE IF EXISTS %s WITH (FORCE)", database);
}

static void make(const char *name, const char *template)
{
	char database[96], from[96] = "template1";
	drop(name);
	name_other(database, name);
	if (template)
		name_other(from, template);
	sql_text("CREATE DATABASE %s TEMPLATE %s", database, from);
}

static const struct outcome *init(const char *flag)
{
	return run(NULL, "weir", "init", flag, NULL);
}

/* A program that is not to start, and says why. */
static void refuses(const char *part, const char *program, const char *argument)
{
	struct process *p = start(NULL, program, argument, NULL);
	EXPECT_INT(await_exit(p, PATIENCE_MS), 1);
	EXPECT_PART(log_of(p), part);
	forget(p);
}

/* ---- two ledgers ---- */

static void a_vhost_has_one_ledger(void)
{
	static const char part[] = "this virtual host belongs to ledger ";
	struct job *job = job_new("two", "sum", 20);
	job_write(job);
	make("b", NULL);
	use("b", NULL);
	const struct outcome *o = init(NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, part);
	EXPECT_PART(o->err, "--namespace");
	use("b", "other-9"); /* nothing was made in this database before */
	EXPECT_PART(init(NULL)->out, "applied 001_ledger.sql");
	use("b", NULL);
	refuses(part, "weir-relay", NULL);
	refuses(part, "weir-consumer", "sum");
	o = run(NULL, "weir", "submit", "sum", job->file, "--job", "two", "--context", "label=two",
		"--wait", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, part);
	EXPECT_PART(run(NULL, "weir", "doctor", NULL)->out, part);
	use(NULL, NULL);
	EXPECT_PART(run(NULL, "weir", "doctor", NULL)->out, "marked as this ledger's");
	EXPECT_INT(init(NULL)->status, 0);
	drop("b");
}

static void namespaces_stand_side_by_side(void)
{
	struct job *job = job_new("both", "sum", 20);
	job_write(job);
	make("b", NULL);
	use("b", "other-1");
	EXPECT_INT(init(NULL)->status, 0);
	EXPECT_INT(queue_size("other-1.weir.pass"), 0);
	start(NULL, "weir-consumer", "pass", NULL);
	use(NULL, NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	start(NULL, "weir-relay", NULL);
	job_submit(job);
	use("b", "other-1");
	const struct outcome *o = run(NULL, "weir", "submit", "pass", job->file, "--job", "both",
				      "--context", "label=both", "--wait", NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	use(NULL, NULL);
	finish(job);
	drop("b");
}

/* A Redis user with the rights that `weir doctor` advises for a namespace, and no more. */
static void use_redis_user(const char *keys)
{
	char command[256], url[512];
	snprintf(command, sizeof command, "ACL SETUSER bound reset on >bound ~%s:* &%s:* +@all",
		 keys, keys);
	redis_do(command);
	snprintf(url, sizeof url, "redis://bound:bound%s", strrchr(getenv("WEIR_REDIS_URL"), '@'));
	program_env("WEIR_REDIS_URL", url);
}

static void forget_redis_user(void)
{
	program_env("WEIR_REDIS_URL", NULL);
	redis_do("ACL DELUSER bound");
}

/* Until what a job has left behind is gone, in the database that programs use. */
static void await_cleaned(const char *id)
{
	const char *home = getenv("WEIR_PG_URL"), *url = program_setting("WEIR_PG_URL");
	sql_close();
	EXPECT(sql_open(*url ? url : home) == 0, "%s", id);
	await(PATIENCE_MS, "SELECT counted FROM weir.jobs WHERE job_id = '%s'", id);
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries WHERE job_id = '%s'", id), 0);
	sql_close();
	EXPECT(sql_open(home) == 0, "home");
}

/* A job with a limit, of two stages, to its very end. */
static void work_with_own_keys(const char *id)
{
	struct job *job = job_new(id, "pass", 20);
	char label[80];
	snprintf(label, sizeof label, "label=%s", id);
	job_write(job);
	struct process *relay = start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "pass", NULL);
	const struct outcome *o = run(NULL, "weir", "submit", "pass", job->file, "--job", id,
				      "--stage", "pass.one", "--stage", "pass.two",
				      "--max-concurrent", "5", "--context", label, "--wait", NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT(!strstr(o->err, "redis"), "%s", o->err);
	run(NULL, "weir", "doctor", NULL);
	EXPECT_PART(o->out, "scripts set, publish and delete");
	await_cleaned(id);
	EXPECT(!strstr(log_of(relay), "redis_"), "%s", log_of(relay));
	EXPECT(!strstr(log_of(consumer), "redis_"), "%s", log_of(consumer));
	stop_all();
}

static void keys_are_the_namespaces_own(void)
{
	use_redis_user("weir");
	work_with_own_keys("own");
	make("b", NULL);
	use("b", "other-4");
	EXPECT_INT(init(NULL)->status, 0);
	use_redis_user("other-4:weir");
	work_with_own_keys("theirs");
	use(NULL, NULL);
	forget_redis_user();
	drop("b");
}

static void a_namespace_is_a_name(void)
{
	static const char *const bad[] = {"A",	 "1a", "a.b",
					  "a b", "-a", "abcdefghijklmnopqrstuvwxyz0123456"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const struct outcome *o = run(NULL, "weir", "status", "--namespace", bad[i], NULL);
		EXPECT_INT(o->status, 2);
		EXPECT_PART(o->err, "--namespace");
	}
}

/* The job of the name that Redis has counted is another ledger's. */
static void a_database_made_anew_begins_at_nothing(void)
{
	struct job *job = job_submit(job_new("daily", "sum", 40));
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
	make("b", NULL);
	use("b", NULL);
	EXPECT_INT(init("--take-vhost")->status, 0);
	job_submit(job);
	EXPECT_PART(run(NULL, "weir", "status", "daily", NULL)->out, ": 0 success");
	use(NULL, NULL);
	EXPECT_INT(init("--take-vhost")->status, 0);
	EXPECT_INT(redis_count("daily", "success"), 40);
	drop("b");
}

static void who_loses_the_vhost_waits(void)
{
	struct job *job = job_new("lost", "sum", 20);
	struct process *relay = start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "sum", NULL);
	await_log(relay, "relay_ready");
	await_log(consumer, "consumer_ready");
	make("b", NULL);
	use("b", NULL);
	EXPECT_INT(init("--take-vhost")->status, 0);
	use(NULL, NULL);
	rabbitmqctl("close_all_connections", "test");
	await_log(relay, "belongs to ledger");
	await_log(consumer, "belongs to ledger");
	EXPECT_INT(init("--take-vhost")->status, 0);
	job_submit(job);
	finish(job);
	drop("b");
}

static int times(const char *text, const char *part)
{
	int n = 0;
	for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
		n++;
	return n;
}

/* So many more looks at the mark, each of which has found another's. */
static void await_looks(struct process *relay, int more)
{
	int wanted = times(log_of(relay), "belongs to ledger") + more;
	int64_t until = now_ms() + PATIENCE_MS;
	while (times(log_of(relay), "belongs to ledger") < wanted && now_ms() < until)
		pause_ms(STEP_MS);
	EXPECT(times(log_of(relay), "belongs to ledger") >= wanted, "%s", log_of(relay));
}

/* What is published beside the batches, each in a way of its own: an event, a letter, a suspect. */
static void all_sides_have_something(const struct job *job)
{
	sql_text("UPDATE weir.job_batches SET status = 'queued', queued_at = now()"
		 " WHERE job_id = '%s'",
		 job->id);
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at, refused)"
		 " SELECT job_id, stage, ordinal, 0, now(), 1 FROM weir.items"
		 " WHERE job_id = '%s'",
		 job->id);
	sql_text("INSERT INTO weir.events (job_id, type, body)"
		 " VALUES ('%s', 'job.completed', '{}')",
		 job->id);
	sql_text("INSERT INTO weir.dead_letters (queue, reason_code, reason, content_type,"
		 " message_id, body, due_at)"
		 " VALUES ('weir.sum', 'test', 'test', 'application/json', 'letter', 'x', now())");
}

#define WAITING                                                                                    \
	"SELECT (SELECT count(*) FROM weir.events) + (SELECT count(*) FROM weir.retries"           \
	" WHERE due_at < 'infinity') + (SELECT count(*) FROM weir.dead_letters"                    \
	" WHERE due_at IS NOT NULL)"

/* A relay that has been told so leaves the virtual host alone, whatever it has to say: also where
 * its own connection is good, and it finds out with its next look. */
static void who_loses_the_vhost_is_silent(void)
{
	struct job *job = job_submit(job_new("silent", "sum", 20));
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_log(relay, "relay_ready");
	await_queued(job);
	all_sides_have_something(job); /* and connections, from now on */
	await(PATIENCE_MS, WAITING " = 0");
	sql_text("DELETE FROM weir.retries");
	make("b", NULL);
	use("b", NULL);
	EXPECT_INT(init("--take-vhost")->status, 0);
	use(NULL, NULL);
	await_log(relay, "belongs to ledger");
	queue_purge("weir.sum");
	EXPECT(queue_listens("test.told", "weir.events"), "nobody listens");
	all_sides_have_something(job);
	publish_dead("the other's", 11);
	await_looks(relay, 3);
	EXPECT_INT(sql(WAITING), 22);
	EXPECT_INT(sql("SELECT count(*) FROM weir.dead_letters"), 1);
	EXPECT_INT(queue_size("test.told"), 0);
	EXPECT_INT(queue_size("weir.sum"), 0);
	EXPECT_INT(queue_size("weir.dead"), 1);
	EXPECT(!strstr(log_of(relay), "publish_failed"), "it has tried: %s", log_of(relay));
	queue_purge("weir.dead");
	EXPECT_INT(init("--take-vhost")->status, 0);
	await(PATIENCE_MS, WAITING " = 0");
	queue_delete("test.told");
	start(NULL, "weir-consumer", "sum", NULL);
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.dead_letters WHERE due_at IS NULL");
	sql_text("DELETE FROM weir.dead_letters");
	finish(job);
	drop("b");
}

/* ---- copies ---- */

static void a_copy_is_noticed(void)
{
	static const char part[] = "this database is a copy of the ledger ";
	struct job *job = job_new("copied", "sum", 20);
	make("b", NULL);
	use("b", "other-2");
	EXPECT_INT(init(NULL)->status, 0);
	job_submit(job);
	make("c", "b");
	use("c", "other-2");
	refuses(part, "weir-relay", NULL);
	refuses(part, "weir-consumer", "sum");
	EXPECT_PART(run(NULL, "weir", "status", NULL)->err, part);
	EXPECT_PART(init(NULL)->err, part);
	EXPECT_PART(run(NULL, "weir", "doctor", NULL)->out, part);
	use("c", "other-3");
	EXPECT_PART(init("--new-identity")->out, "paused: 1");
	EXPECT_PART(run(NULL, "weir", "status", "copied", NULL)->out, "paused");
	use("c", "other-2");
	EXPECT_PART(init(NULL)->err, "belongs to ledger");
	make("c", "b"); /* once more: this time it takes the place of the first */
	EXPECT_INT(init("--adopt")->status, 0);
	EXPECT_INT(run(NULL, "weir", "status", "copied", NULL)->status, 0);
	use(NULL, NULL);
	drop("b");
	drop("c");
}

/* Of 40 items that had ended 20 have not: nobody says so. */
static void go_back_in_time(const char *job)
{
	sql_text("DELETE FROM weir.results WHERE job_id = '%s' AND ordinal >= 20;"
		 "UPDATE weir.job_batches SET success = 0 WHERE job_id = '%s' AND n = 1;"
		 "UPDATE weir.job_stages SET completed_at = NULL, success_count = NULL,"
		 " failure_count = NULL, cancelled_count = NULL WHERE job_id = '%s';"
		 "UPDATE weir.jobs SET status = 'running', completed_at = NULL, counted = false,"
		 " success_count = NULL, failure_count = NULL, cancelled_count = NULL"
		 " WHERE job_id = '%s'",
		 job, job, job, job);
}

static void a_restore_is_counted_anew(void)
{
	struct job *job = job_submit(job_new("restored", "sum", 40));
	struct process *relay = start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "sum", NULL);
	await_ended(job);
	EXPECT_INT(redis_count(job->id, "success"), 40);
	stop(consumer);
	stop(relay);
	go_back_in_time(job->id);
	start(NULL, "weir-relay", NULL);
	int64_t until = now_ms() + PATIENCE_MS;
	while (redis_count(job->id, "success") != 20 && now_ms() < until)
		pause_ms(STEP_MS);
	EXPECT_INT(redis_count(job->id, "success"), 20);
}

/* ---- messages that are not what the ledger has ---- */

static void write_message(char out[512], const char *job, int attempt, const char *context,
			  const char *payload)
{
	snprintf(
		out, 512,
		"{\"v\":1,\"kind\":\"sum\",\"job_id\":\"%s\",\"batch_id\":\"%s-s1-b0\",\"stage\":1,"
		"\"ordinal\":0,\"custom_id\":\"item_00000\",\"epoch\":%lld,\"attempt\":%d,"
		"\"context\":{%s},\"payload\":{%s}}",
		job, job, (long long)sql("SELECT epoch FROM weir.jobs WHERE job_id = '%s'", job),
		attempt, context, payload);
}

static const struct {
	const char *mark;
	int attempt;
	const char *context, *payload;
} forged[] = {
	{NULL, 0, "\"label\":\"forged\"", "\"key\":\"forged.k0\",\"amount\":5"},
	{NULL, 0, "\"label\":\"forged\"", "\"key\":\"forged.k1\",\"amount\":1000"},
	{NULL, 0, "\"label\":\"forged\"", "\"key\":\"forged.k0\""},
	{NULL, 0, "\"label\":\"forged\"", "\"key\":\"forged.k0\",\"amount\":1000,\"more\":1"},
	{NULL, 0, "\"label\":\"other\"", "\"key\":\"forged.k0\",\"amount\":1000"},
	{NULL, 0, "", "\"key\":\"forged.k0\",\"amount\":1000"},
	{NULL, 2, "\"label\":\"forged\"", "\"key\":\"forged.k0\",\"amount\":1000"},
	/* An app_id of somebody else's, and a seal that does not fit. */
	{"a-service", 0, "\"label\":\"forged\"", "\"key\":\"forged.k0\",\"amount\":6"},
	{"own", 0, "\"label\":\"forged\"", "\"key\":\"forged.k0\",\"amount\":7"},
};

#define FORGED (int)(sizeof forged / sizeof *forged)

static void publish_forged(int i)
{
	char message[512], mark[128];
	write_message(message, "forged", forged[i].attempt, forged[i].context, forged[i].payload);
	snprintf(mark, sizeof mark, "weir/%s/00112233445566778899aabbccddeeff",
		 sql_text("SELECT id FROM weir.ledger"));
	bool own = forged[i].mark && strcmp(forged[i].mark, "own") == 0;
	publish_marked("sum", own ? mark : forged[i].mark, message);
}

static void what_is_not_in_the_ledger_is_not_worked_on(void)
{
	struct job *job = job_submit(job_new("forged", "sum", 1));
	for (int i = 0; i < FORGED; i++)
		publish_forged(i);
	start(NULL, "weir-consumer", "sum", NULL);
	await(PATIENCE_MS, "SELECT count(*) = %d FROM weir.dead_letters", FORGED);
	EXPECT_INT(sql("SELECT count(*) FROM weir.dead_letters"
		       " WHERE reason_code = 'not_as_in_ledger'"),
		   FORGED);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries WHERE attempts = 0"), 1);
	sql_text("DELETE FROM weir.dead_letters");
	start(NULL, "weir-relay", NULL);
	finish(job);
}

/* Another service writes the same item in its own way. */
static void what_is_the_same_is_worked_on(void)
{
	char message[512];
	struct job *job = job_submit(job_new("honest", "sum", 1));
	write_message(message, "honest", 0, "\"label\":\"honest\"",
		      "\"amount\": 1000, \"key\":\"honest.k\\u0030\"");
	publish_marked("sum", "a-service", message);
	start(NULL, "weir-consumer", "sum", NULL);
	await_final(job, 1);
	start(NULL, "weir-relay", NULL);
	finish(job);
}

static void messages_of_older_relays_are_worked_on(void)
{
	struct job *job = job_submit(job_new("older", "sum", 700));
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(job);
	stop(relay);
	queue_await_size("weir.sum", job->size);
	EXPECT_INT(unmark("weir.sum", "sum"), job->size);
	start(NULL, "weir-consumer", "sum", NULL);
	await_final(job, job->size);
	start(NULL, "weir-relay", NULL);
	finish(job);
}

/* ---- messages of others ---- */

static void a_stranger_s_message_is_kept(void)
{
	char message[512];
	struct job *job = job_submit(job_new("stranger", "sum", 1));
	write_message(message, "stranger", 0, "\"label\":\"stranger\"",
		      "\"key\":\"stranger.k0\",\"amount\":1000");
	publish_marked("sum", STRANGER, message);
	struct process *consumer = start(NULL, "weir-consumer", "sum", NULL);
	queue_await_size("weir.dead", 1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results"), 0);
	start(NULL, "weir-relay", NULL);
	await(PATIENCE_MS,
	      "SELECT count(*) = 1 FROM weir.dead_letters WHERE reason_code = 'other_ledger'"
	      " AND reason LIKE '%%01234567-89ab%%'");
	await_log(consumer, "other_ledger");
	sql_text("DELETE FROM weir.dead_letters");
	finish(job);
}

/* A consumer that had no business here has refused them. */
static void what_strangers_refused_comes_again(void)
{
	struct job *job = job_submit(job_new("refused", "sum", 20));
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(job);
	stop(relay);
	queue_await_size("weir.sum", job->size);
	EXPECT_INT(bury("weir.sum", "rejected"), job->size);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

void add_owners_suite(void);

void add_owners_suite(void)
{
	CU_pSuite s = WORLD_SUITE("owners: whose a virtual host, a count and a message is");
	CU_add_test(s, "a virtual host has one ledger", a_vhost_has_one_ledger);
	CU_add_test(s, "namespaces stand side by side", namespaces_stand_side_by_side);
	CU_add_test(s, "keys are the namespace's own", keys_are_the_namespaces_own);
	CU_add_test(s, "a namespace is a name", a_namespace_is_a_name);
	CU_add_test(s, "a database made anew", a_database_made_anew_begins_at_nothing);
	CU_add_test(s, "who loses the virtual host waits", who_loses_the_vhost_waits);
	CU_add_test(s, "who loses the virtual host is silent", who_loses_the_vhost_is_silent);
	CU_add_test(s, "a copy is noticed", a_copy_is_noticed);
	CU_add_test(s, "a restore is counted anew", a_restore_is_counted_anew);
	CU_add_test(s, "forged messages", what_is_not_in_the_ledger_is_not_worked_on);
	CU_add_test(s, "the same in other words", what_is_the_same_is_worked_on);
	CU_add_test(s, "messages of older relays", messages_of_older_relays_are_worked_on);
	CU_add_test(s, "a stranger's message", a_stranger_s_message_is_kept);
	CU_add_test(s, "what strangers refused", what_strangers_refused_comes_again);
}
