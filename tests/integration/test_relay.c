/* What relays do with jobs besides publishing them: stages, events, limits, cancelled jobs, and
 * what others have lost. Where it does not matter who works, the tests end items themselves. */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/broker.h"
#include "weir/topology.h"
#include "world.h"

/* ---- a consumer that needs no time ---- */

/* Ends the items of a stage with ordinals from `from` up to and without `to`. */
static void end_items(const struct job *job, int stage, int from, int to, bool well)
{
	sql("SELECT weir.end_items('%s', %d, (SELECT array_agg(ordinal) FROM weir.items"
	    " WHERE job_id = '%s' AND stage = %d AND ordinal >= %d AND ordinal < %d), %d, %s, %s)",
	    job->id, stage, job->id, stage, from, to, well ? 1 : 2, well ? "NULL" : "'bad'",
	    well ? "NULL" : "'it was asked to'");
}

static void await_items(const struct job *job, int stage, int count)
{
	await(PATIENCE_MS,
	      "SELECT count(*) = %d FROM weir.items WHERE job_id = '%s' AND stage = %d", count,
	      job->id, stage);
}

/* Its batches are published, and its messages are gone. */
static void hand_over(const struct job *job)
{
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(job);
	stop(relay);
	queue_purge("weir.sum");
}

static int64_t job_number(const struct job *job, const char *column)
{
	return sql("SELECT %s FROM weir.jobs WHERE job_id = '%s'", column, job->id);
}

/* ---- stages ---- */

static void add_stage(const struct job *job, int stage, const char *kind)
{
	sql_text("INSERT INTO weir.job_stages (job_id, stage, kind, step, context)"
		 " VALUES ('%s', %d, '%s', 'part%d', '{\"label\":\"later\",\"step\":\"part%d\"}')",
		 job->id, stage, kind, stage, stage);
}

/* What stage 2 must be when two of fifty items failed in stage 1. */
static void check_second_stage(const struct job *job)
{
	await_items(job, 2, 48);
	queue_await_size("weir.slow", 48);
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches WHERE stage = 2"), 3);
	EXPECT_INT(sql("SELECT max(ordinal) FROM weir.items WHERE stage = 2"), 47);
	EXPECT_INT(sql("SELECT count(*) FROM weir.items a JOIN weir.items b USING (custom_id)"
		       " WHERE a.stage = 1 AND b.stage = 2"
		       " AND a.payload::jsonb = b.payload::jsonb -> 'input'"),
		   48);
	EXPECT_INT(sql("SELECT total_items FROM weir.job_stages WHERE stage = 2"), 48);
}

/* One relay is killed at this place; two others go on, and nothing happens twice. */
static void advance_with_a_kill(const char *place)
{
	struct job *job = job_submit(job_new("staged", "sum", 50));
	add_stage(job, 2, "slow");
	add_stage(job, 3, "sum");
	hand_over(job);
	struct process *victim = start(place, "weir-relay", NULL);
	end_items(job, 1, 0, 2, false);
	end_items(job, 1, 2, 50, true);
	EXPECT_INT(await_exit(victim, PATIENCE_MS), -SIGKILL);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-relay", NULL);
	check_second_stage(job);
	end_items(job, 2, 0, 48, true);
	await_items(job, 3, 48);
	end_items(job, 3, 0, 47, true);
	end_items(job, 3, 47, 48, false);
	await_ended(job);
	EXPECT_INT(job_number(job, "success_count"), 47);
	EXPECT_INT(job_number(job, "failure_count"), 3);
	EXPECT_INT(job_number(job, "cancelled_count"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), 50 + 48 + 48);
	EXPECT(strcmp(sql_text("SELECT status FROM weir.jobs"), "completed") == 0, "not completed");
}

static void killed_before_the_commit(void) { advance_with_a_kill("stage_finished"); }
static void killed_after_the_commit(void) { advance_with_a_kill("stage_committed"); }

/* At the end of the job: the victim gets as far as it can alone. */
static void killed_when_the_job_ends(void)
{
	struct job *job = job_submit(job_new("staged", "sum", 30));
	add_stage(job, 2, "slow");
	hand_over(job);
	struct process *victim = start("job_finished", "weir-relay", NULL);
	end_items(job, 1, 0, 30, false); /* nothing is left for stage 2 */
	EXPECT_INT(await_exit(victim, PATIENCE_MS), -SIGKILL);
	EXPECT_INT(job_number(job, "(completed_at IS NULL)::int"), 1);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-relay", NULL);
	await_ended(job);
	EXPECT_INT(job_number(job, "failure_count"), 30);
	EXPECT(strcmp(sql_text("SELECT status FROM weir.jobs"), "failed") == 0, "not failed");
}

/* Beginning a stage of many items takes long: here, until the lock is gone. */
static void a_long_errand_delays_no_end(void)
{
	struct job *many = job_new("many", "sum", 10000), *other;
	many->batch_size = 1000;
	add_stage(job_submit(many), 2, "slow");
	other = job_submit(job_new("other", "sum", 20));
	end_items(many, 1, 0, 10000, true);
	end_items(other, 1, 0, 20, true);
	sql_text("BEGIN");
	sql_text("LOCK TABLE weir.items IN SHARE MODE");
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_ended(other);
	EXPECT(!strstr(log_of(relay), "errand_failed"), "it waited for the lock");
	EXPECT_INT(job_number(many, "(completed_at IS NULL)::int"), 1);
	sql_text("COMMIT");
	await_items(many, 2, 10000);
}

/* ---- events ---- */

#define EVENTS_MAX 100

/* A queue of its own at weir.events. */
static struct broker *listener;
static char heard[EVENTS_MAX][48]; /* event_ids, each once */
static int heard_count, heard_types[3], heard_twice;
static const char *const event_types[] = {"batch.completed", "item.failed", "job.completed"};

static void listen_to_events(void)
{
	struct weir_error err = {"", ""};
	static const struct broker_queue queue = {.name = "test.events"};
	heard_count = heard_twice = 0;
	memset(heard_types, 0, sizeof heard_types);
	if (broker_open(getenv("WEIR_AMQP_URL"), "tests", 1 << 20, &listener, &err) < 0 ||
	    broker_declare_queue(listener, &queue, false, NULL, &err) < 0 ||
	    broker_bind(listener, "test.events", "weir.events", "#", &err) < 0 ||
	    broker_consume(listener, "test.events", 100, &err) < 0)
		EXPECT(false, "%s", err.text);
}

static void listen_no_more(void)
{
	broker_close(listener);
	listener = NULL;
	queue_delete("test.events");
}

static bool heard_before(const char *id)
{
	for (int i = 0; i < heard_count; i++)
		if (strcmp(heard[i], id) == 0)
			return true;
	return false;
}

static void hear_event(const struct broker_event *event)
{
	json_t *body = json_loadb(event->body, event->body_size, 0, NULL);
	const char *id = json_string_value(json_object_get(body, "event_id"));
	const char *type = json_string_value(json_object_get(body, "type"));
	const char *job = json_string_value(json_object_get(body, "job_id"));
	const char *at = json_string_value(json_object_get(body, "at"));
	EXPECT(id && type && job && at && strcmp(id, event->message_id) == 0 &&
		       strcmp(event->content_type, "application/json") == 0,
	       "%s: %.*s", event->message_id, (int)event->body_size, event->body);
	if (id && type && heard_before(id)) {
		heard_twice++;
	} else if (id && type && heard_count < EVENTS_MAX) {
		snprintf(heard[heard_count++], sizeof heard[0], "%s", id);
		for (int i = 0; i < 3; i++)
			heard_types[i] += strcmp(type, event_types[i]) == 0;
	}
	json_decref(body);
}

/* Until so many different ones have come, and none is left in the ledger. */
static void await_events(int count)
{
	int64_t until = now_ms() + PATIENCE_MS;
	while (now_ms() < until) {
		struct broker_event event;
		struct weir_error err;
		if (!listener || broker_next(listener, 50, &event, &err) < 0)
			break;
		if (event.type == BROKER_DELIVERY) {
			hear_event(&event);
			free(event.body);
			EXPECT(broker_ack(listener, event.tag, false, &err) == 0, "no ack");
		} else if (event.type == BROKER_NOTHING && heard_count >= count &&
			   sql("SELECT count(*) FROM weir.events") == 0) {
			break;
		}
	}
	EXPECT_INT(heard_count, count);
	EXPECT_INT(sql("SELECT count(*) FROM weir.events"), 0);
}

/* The relay dies when the broker has them, and the ledger does not know it. */
static void events_keep_their_ids(void)
{
	struct job *job = job_submit(job_new("told", "sum", 60));
	listen_to_events();
	hand_over(job);
	end_items(job, 1, 0, 5, false);
	end_items(job, 1, 5, 60, true);
	struct process *victim = start("confirmed", "weir-relay", NULL);
	EXPECT_INT(await_exit(victim, PATIENCE_MS), -SIGKILL);
	EXPECT_INT(sql("SELECT count(*) FROM weir.events WHERE type <> 'job.completed'"), 3 + 5);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-relay", NULL);
	await_ended(job);
	await_events(3 + 5 + 1);
	EXPECT(heard_twice >= 8, "%d events came again", heard_twice);
	EXPECT_INT(heard_types[0], 3);
	EXPECT_INT(heard_types[1], 5);
	EXPECT_INT(heard_types[2], 1);
	listen_no_more();
}

static void events_of_real_work(void)
{
	struct job *job = job_new("worked", "sum", 90);
	for (int i = 0; i < 4; i++)
		item_fails(&job->items[i * 20], "asked_to_fail", ",\"fail\":\"reject\"");
	listen_to_events();
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	job_submit(job);
	await_ended(job);
	await_events(5 + 4 + 1);
	EXPECT_INT(heard_twice, 0);
	EXPECT_INT(heard_types[0], 5);
	EXPECT_INT(heard_types[1], 4);
	EXPECT_INT(heard_types[2], 1);
	listen_no_more();
	finish(job);
}

/* ---- what is published, and what not ---- */

static void final_items_are_left_out(void)
{
	struct job *job = job_submit(job_new("again", "sum", 60));
	hand_over(job);
	end_items(job, 1, 0, 5, true);
	end_items(job, 1, 20, 40, true);
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		 " VALUES ('again', 1, 7, 1, 'infinity')");
	sql_text("UPDATE weir.job_batches SET status = 'pending_queue', due_at = now()");
	start(NULL, "weir-relay", NULL);
	await_queued(job); /* also the one of which nothing is left */
	queue_await_size("weir.sum", 14 + 0 + 20);
	sql_text("UPDATE weir.retries SET due_at = now()");
	start(NULL, "weir-consumer", "sum", NULL);
	await_ended(job);
	EXPECT_INT(sql("SELECT sum(total) FROM effects"),
		   sql("SELECT sum((payload->>'amount')::int) FROM weir.items"
		       " WHERE NOT (ordinal < 5 OR ordinal BETWEEN 20 AND 39)"));
}

/* Somebody has ended it otherwise. */
static void tries_of_final_items_are_deleted(void)
{
	struct job *job = job_submit(job_new("late", "sum", 40));
	hand_over(job);
	end_items(job, 1, 0, 10, true);
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		 " SELECT 'late', 1, g, 1, now() FROM generate_series(0, 14) g");
	start(NULL, "weir-relay", NULL);
	await(PATIENCE_MS, "SELECT count(*) = 5 AND bool_and(due_at = 'infinity')"
			   " FROM weir.retries");
	queue_await_size("weir.sum", 5);
}

/* A retry does not wait until the last batch of a backlog is published. */
static void a_backlog_does_not_delay_tries(void)
{
	struct job *job = job_submit(job_new("behind", "sum", 20));
	hand_over(job);
	sql_text("INSERT INTO weir.jobs (job_id, kind, context, batch_size, total_items, sealed_at)"
		 " VALUES ('backlog', 'slow', '{\"label\":\"x\"}', 10, 20000, now())");
	sql_text("INSERT INTO weir.items (job_id, stage, ordinal, custom_id, payload)"
		 " SELECT 'backlog', 1, g, 'b' || g, '{}' FROM generate_series(0, 19999) g");
	sql_text("INSERT INTO weir.job_batches (job_id, stage, n, size, due_at)"
		 " SELECT 'backlog', 1, g, 10, now() - interval '1 hour'"
		 " FROM generate_series(0, 1999) g");
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		 " VALUES ('behind', 1, 3, 1, now())");
	struct process *relay = start("published:5000", "weir-relay", "--batches", "10",
				      "--queue-least", "100000", NULL);
	EXPECT_INT(await_exit(relay, PATIENCE_MS), -SIGKILL);
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries WHERE due_at = 'infinity'"), 1);
	EXPECT(sql("SELECT count(*) FROM weir.job_batches WHERE job_id = 'backlog'"
		   " AND status = 'pending_queue'") >= 1500,
	       "the backlog was gone");
}

/* A run takes one of these batches, so that the first is marked while others are published. */
static void large_items_make_small_runs(void)
{
	job_submit(job_new("large", "sum", 60));
	sql_text("UPDATE weir.items SET payload = json_build_object('key', 'k', 'amount', 1,"
		 " 'more', repeat('x', 900000))");
	struct process *relay = start("published:35", "weir-relay", NULL);
	EXPECT_INT(await_exit(relay, PATIENCE_MS), -SIGKILL);
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches WHERE status = 'queued'"), 1);
}

/* A dead letter that is given another chance leaves the ledger when the broker has it. One for
 * which there is no queue stays. */
static void dead_letters_are_replayed(void)
{
	sql_text("INSERT INTO weir.dead_letters (queue, reason_code, reason, content_type,"
		 "  message_id, body, due_at)"
		 " VALUES ('weir.sum', 'test', 'test', 'text/plain', 'same', 'one', now()),"
		 "  ('weir.sum', 'test', 'test', NULL, NULL, 'two', now()),"
		 "  ('weir.sum', 'test', 'test', NULL, NULL, 'not asked for', NULL),"
		 "  ('weir.nobody', 'test', 'test', NULL, 'other', 'three', now()),"
		 "  ('elsewhere', 'test', 'test', NULL, 'none', 'four', now())");
	start(NULL, "weir-relay", NULL);
	queue_await_size("weir.sum", 2);
	await(PATIENCE_MS, "SELECT count(*) = 3 FROM weir.dead_letters");
	await(PATIENCE_MS, "SELECT due_at IS NULL FROM weir.dead_letters WHERE body = 'four'");
	await(PATIENCE_MS, "SELECT due_at > now() FROM weir.dead_letters WHERE body = 'three'");
	EXPECT_INT(sql("SELECT count(*) FROM weir.dead_letters WHERE body = 'not asked for'"), 1);
}

/* Its item waits for another try, and can never be a message, while its batch is with the broker.
 */
static void a_try_that_cannot_be_a_message(void)
{
	struct job *job = job_submit(job_new("deep", "sum", 60));
	hand_over(job);
	sql_text("UPDATE weir.items SET payload = (repeat('[', 20) || repeat(']', 20))::json"
		 " WHERE ordinal = 25");
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		 " VALUES ('deep', 1, 25, 1, now())");
	sql_text("UPDATE weir.job_batches SET status = 'pending_queue', due_at = now()");
	struct process *relay = start(NULL, "weir-relay", "--batches", "1", NULL);
	await_queued(job);
	await_final(job, 1);
	queue_await_size("weir.sum", 59);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE ordinal = 25"
		       " AND error_class = 'unpublishable'"),
		   1);
	EXPECT_INT(sql("SELECT failed FROM weir.job_batches WHERE n = 1"), 1);
	EXPECT(!strstr(log_of(relay), "publish_failed"), "it waited for itself");
}

/* Somebody has locked the row that such a one is counted in: it waits, says why, and is not looked
 * at again at once. */
static void one_that_cannot_be_failed(void)
{
	struct job *job = job_submit(job_new("deep", "sum", 10));
	hand_over(job);
	sql_text("UPDATE weir.items SET payload = (repeat('[', 20) || repeat(']', 20))::json"
		 " WHERE ordinal = 5");
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		 " VALUES ('deep', 1, 5, 1, now())");
	sql_text("BEGIN");
	sql_text("SELECT FROM weir.job_batches WHERE job_id = 'deep' FOR UPDATE");
	struct process *relay = start(NULL, "weir-relay", NULL);
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.retries WHERE error_class ="
			   " 'unpublishable' AND due_at > waits_since + interval '2 seconds'");
	EXPECT_PART(log_of(relay), "items_not_failed");
	EXPECT(sql("SELECT count(*) FROM weir.results") == 0, "it has failed");
	sql_text("COMMIT");
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.results"
			   " WHERE error_class = 'unpublishable'");
}

/* What the ledger cannot do is no fault of the broker. */
static void the_broker_is_kept(void)
{
	struct job *job = job_submit(job_new("kept", "sum", 40));
	sql_text("ALTER TABLE weir.items RENAME TO items_away");
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_log(relay, "publish_failed");
	sql_text("ALTER TABLE weir.items_away RENAME TO items");
	await_queued(job);
	queue_await_size("weir.sum", 40);
	EXPECT(!strstr(log_of(relay), "broker_lost"), "%s", log_of(relay));
}

/* Somebody has left a transaction open in which he has done this; NULL: he ends it. */
static void hold_by(const char *statement)
{
	static PGconn *other;
	if (!other)
		other = PQconnectdb(getenv("WEIR_PG_URL"));
	char text[256];
	snprintf(text, sizeof text, "BEGIN; %s", statement ? statement : "");
	PGresult *r = PQexec(other, statement ? text : "COMMIT");
	EXPECT(PQresultStatus(r) == PGRES_TUPLES_OK || PQresultStatus(r) == PGRES_COMMAND_OK, "%s",
	       PQerrorMessage(other));
	PQclear(r);
	if (!statement) {
		PQfinish(other);
		other = NULL;
	}
}

/* The same of rows that he has locked. */
static void hold(const char *rows)
{
	char text[256];
	snprintf(text, sizeof text, "SELECT FROM weir.%s FOR UPDATE", rows ? rows : "");
	hold_by(rows ? text : NULL);
}

/* From its first item to its last word: the others do not wait, not even as long as for a lock.
 * Several are locked, and none of them is told of twice. */
static void a_jobs_row_is_locked(void)
{
	struct job *held = job_submit(job_new("held", "sum", 40));
	struct job *held2 = job_submit(job_new("held2", "sum", 20));
	struct job *held3 = job_submit(job_new("held3", "sum", 20));
	struct job *beside = job_submit(job_new("beside", "sum", 40));
	hold("jobs WHERE job_id LIKE 'held%'");
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await(15000, "SELECT completed_at IS NOT NULL FROM weir.jobs WHERE job_id = 'beside'");
	struct job *later = job_submit(job_new("later", "sum", 40));
	await(15000, "SELECT completed_at IS NOT NULL FROM weir.jobs WHERE job_id = 'later'");
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE completed_at IS NULL"), 3);
	await(15000, "SELECT count(*) > 0 FROM weir.processes WHERE waits_for LIKE 'job held%%'");
	await_log(relay, "job=held error=");
	await_log(relay, "job=held2 error=");
	await_log(relay, "job=held3 error=");
	hold(NULL);
	await_ended(held);
	await_ended(held2);
	await_ended(held3);
	const char *told = strstr(log_of(relay), "job=held3 error=");
	EXPECT(told && !strstr(told + 1, "job=held3 error="), "it was told twice");
	finish(later);
	check_exact(held);
	check_exact(beside);
}

/* Of one that nearly nobody needs: letters alone wait for it. */
static void a_table_is_locked(const char *table)
{
	char text[128];
	snprintf(text, sizeof text, "LOCK TABLE weir.%s", table);
	struct job *job = job_submit(job_new(table, "sum", 40));
	hold_by(text);
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await(15000, "SELECT count(*) > 0 FROM weir.jobs WHERE completed_at IS NOT NULL");
	EXPECT(!strstr(log_of(relay), "ledger_lost"), "%s", log_of(relay));
	hold_by(NULL);
	finish(job);
}

static void the_dead_letters_are_locked(void) { a_table_is_locked("dead_letters"); }
static void the_list_of_queues_is_locked(void) { a_table_is_locked("queues_made"); }

/* Something is due, the queue has no room, and then nothing can be claimed: that is no reason to
 * look again and again. */
static void a_relay_that_cannot_publish_rests(void)
{
	struct job *job = job_new("rests", "sum", 60);
	job->batch_size = 10;
	struct process *relay =
		start(NULL, "weir-relay", "--queue-least", "10", "--queue-most", "10", NULL);
	job_submit(job);
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM weir.job_batches WHERE status = 'queued'");
	hold_by("LOCK TABLE weir.retries");
	await_log(relay, "publish_failed");
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.processes");
	int64_t used = cpu_ms(relay), since = now_ms();
	char seen[64];
	snprintf(seen, sizeof seen, "%s", sql_text("SELECT seen_at FROM weir.processes"));
	await(PATIENCE_MS, "SELECT seen_at > '%s' FROM weir.processes", seen);
	used = cpu_ms(relay) - used;
	EXPECT(used * 10 < now_ms() - since, "it used %lld ms of CPU time in %lld ms",
	       (long long)used, (long long)(now_ms() - since));
	hold_by(NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

/* That a queue is missing cannot be written down: this one stays away, the others are made. */
static void a_queues_row_is_locked(void)
{
	struct job *waits = job_submit(job_new("waits", "slow", 10));
	struct job *goes = job_submit(job_new("goes", "sum", 40));
	sql_text("INSERT INTO weir.queues_made (kind) VALUES ('slow')");
	hold("queues_made WHERE kind = 'slow'");
	queue_delete("weir.slow");
	queue_delete("weir.sum");
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_log(relay, "made=\"queue weir.sum\"");
	start(NULL, "weir-consumer", "sum", NULL);
	await_ended(goes);
	hold(NULL);
	await_log(relay, "made=\"queue weir.slow\"");
	start(NULL, "weir-consumer", "slow", NULL);
	finish(waits);
	check_exact(goes);
}

/* The last of its batches is with the broker before it can be started: that is not forgotten. */
static void a_job_is_started_later(void)
{
	struct job *job = job_submit(job_new("later", "sum", 40));
	hold("jobs WHERE job_id = 'later'");
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	EXPECT_INT(sql("SELECT (status = 'pending')::int FROM weir.jobs"), 1);
	hold(NULL);
	await(PATIENCE_MS, "SELECT status = 'running' FROM weir.jobs");
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

/* An item whose message died while it waits for a try of its own has one to come. */
static void a_letter_shortens_no_pause(void)
{
	struct job *job = job_submit(job_new("pause", "sum", 20));
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(job);
	queue_await_size("weir.sum", 20);
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		 " SELECT job_id, stage, ordinal, 1, CASE ordinal WHEN 0 THEN 'infinity'"
		 "  ELSE now() + interval '1 hour' END FROM weir.items WHERE ordinal < 10");
	EXPECT_INT(bury("weir.sum", "delivery_limit"), 20);
	queue_await_size("weir.sum", 11);
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries"
		       " WHERE due_at BETWEEN now() + interval '50 minutes' AND now() + '2 hours'"),
		   9);
	sql_text("UPDATE weir.retries SET due_at = now() WHERE due_at < 'infinity'");
	EXPECT_PART(log_of(relay), "item_given_back");
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

/* The letters behind it do not wait for that, and it comes when that is over. */
static void a_letters_row_is_locked(void)
{
	struct job *job = job_submit(job_new("locked", "sum", 20));
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(job);
	queue_await_size("weir.sum", 20);
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		 " SELECT job_id, stage, ordinal, 1, 'infinity' FROM weir.items WHERE ordinal < 3");
	hold("retries");
	EXPECT_INT(bury("weir.sum", "delivery_limit"), 20);
	queue_await_size("weir.sum", 17);
	hold(NULL);
	queue_await_size("weir.sum", 20);
	EXPECT_PART(log_of(relay), "dead_letter_put_back");
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

/* ---- jobs with a limit ---- */

static void a_window(void)
{
	struct job *job = job_new("limited", "sum", 400);
	job->batch_size = 10;
	job_submit(job);
	sql_text("UPDATE weir.jobs SET max_concurrent = 5");
	sql_text("UPDATE weir.job_batches SET due_at = 'infinity'");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-relay", NULL);
	queue_await_size("weir.sum", 20);
	/* A second look finds the window full. */
	struct job *other = job_submit(job_new("other", "slow", 20));
	await_queued(other);
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches WHERE job_id = 'limited'"
		       " AND status = 'queued'"),
		   2);
	end_items(job, 1, 0, 10, true);
	await(PATIENCE_MS, "SELECT count(*) > 2 FROM weir.job_batches WHERE job_id = 'limited'"
			   " AND status = 'queued'");
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches WHERE job_id = 'limited'"
		       " AND status = 'queued' AND n > (SELECT min(n) FROM weir.job_batches"
		       "  WHERE job_id = 'limited' AND status <> 'queued')"),
		   0);
	start(NULL, "weir-consumer", "sum", NULL);
	await_ended(job);
	EXPECT_INT(job_number(job, "success_count"), 400);
}

/* ---- cancelled jobs ---- */

/* Whoever cancelled it has died. */
static void a_cancelled_job_is_ended(void)
{
	struct job *job = job_submit(job_new("off", "sum", 500));
	add_stage(job, 2, "slow");
	hand_over(job);
	end_items(job, 1, 0, 30, true);
	end_items(job, 1, 30, 35, false);
	sql_text("SELECT weir.cancel_job('off')");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-relay", NULL);
	await_ended(job);
	EXPECT(strcmp(sql_text("SELECT status FROM weir.jobs"), "cancelled") == 0, "its status");
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE status = 3"), 465);
	EXPECT_INT(job_number(job, "success_count"), 0); /* none came through stage 2 */
	EXPECT_INT(job_number(job, "failure_count"), 5);
	EXPECT_INT(job_number(job, "cancelled_count"), 495);
	EXPECT_INT(redis_count("off", "cancelled"), 465);
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches WHERE status = 'pending_queue'"), 0);
}

/* ---- jobs of many items ---- */

static struct job *many_items(void)
{
	struct job *many = job_new("many", "sum", 30000);
	many->batch_size = 1000;
	job_submit(many);
	end_items(many, 1, 0, 29000, true);
	sql_text("UPDATE weir.job_batches SET status = 'queued', queued_at = now()");
	return many;
}

/* Step by step: all else goes on between two of them, and no part is shown as the whole. */
static void counted_anew_in_steps(void)
{
	struct job *many = many_items();
	redis_flush();
	struct process *relay = start("rebuilding:1:stop", "weir-relay", NULL);
	await_stopped(relay);
	EXPECT_INT(redis_count("many", "total"), 0);
	struct job *other = job_submit(job_new("other", "slow", 20));
	EXPECT_PART(run(NULL, "weir", "report", "many", "--format", "json", NULL)->out,
		    "\"redis\":\"expired\"");
	thaw(relay);
	await_log(relay, "progress_rebuilt");
	const char *told = strstr(log_of(relay), "progress_rebuilt ts=");
	EXPECT_INT(sql("SELECT (max(queued_at) < '%.24s')::int FROM weir.job_batches"
		       " WHERE job_id = 'other'",
		       told ? told + strlen("progress_rebuilt ts=") : ""),
		   1);
	EXPECT_INT(redis_count("many", "success"), 29000);
	EXPECT_INT(redis_count("many", "total"), 30000);
	end_items(many, 1, 29000, 30000, true); /* which nobody counts in Redis */
	start(NULL, "weir-consumer", "sum", "slow", NULL);
	await_ended(many);
	await_ended(other);
	EXPECT_INT(redis_count("many", "success"), 30000);
	EXPECT_INT(redis_count("many", "total"), 30000);
}

/* Two relays do it together, one is killed as it does, and what is left goes in parts. */
static void cleaned_up_in_steps(void)
{
	struct job *many = many_items();
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		 " SELECT 'many', 1, g, 1, 'infinity' FROM generate_series(0, 11999) g");
	sql_text("UPDATE weir.job_batches SET status = 'pending_queue', due_at = 'infinity'"
		 " WHERE n = 29");
	sql_text("SELECT weir.cancel_job('many'), weir.cancel_items('many', 1000)");
	redis_flush();
	struct process *victim = start("rebuilding:3", "weir-relay", NULL);
	EXPECT_INT(await_exit(victim, PATIENCE_MS), -SIGKILL);
	EXPECT_INT(job_number(many, "counted::int"), 0);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-relay", NULL);
	await_ended(many);
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches WHERE status = 'pending_queue'"), 0);
	EXPECT_INT(redis_count("many", "success"), 29000);
	EXPECT_INT(redis_count("many", "cancelled"), 1000);
	EXPECT_INT(redis_count("many", "total"), 30000);
}

static void parts_of_cleaning_up(void)
{
	job_submit(job_new("parts", "sum", 10));
	sql_text("SELECT weir.cancel_job('parts'), weir.cancel_items('parts', 1)");
	EXPECT_INT(sql("SELECT coalesce(weir.clean_some('parts', 4), -1)"), -1); /* not ended */
	sql_text("SELECT weir.finish_stage('parts')");
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		 " SELECT 'parts', 1, g, 1, 'infinity' FROM generate_series(0, 9) g");
	EXPECT_INT(sql("SELECT weir.clean_some('parts', 4)"), 5); /* and a batch */
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries"), 6);
	EXPECT_INT(sql("SELECT weir.clean_some('parts', 4)"), 4);
	EXPECT_INT(sql("SELECT weir.clean_some('parts', 4)"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE counted"), 1);
	EXPECT_INT(sql("SELECT coalesce(weir.clean_some('parts', 4), -1)"), -1);
	sql_text("UPDATE weir.jobs SET counted = false");
	sql_text("INSERT INTO weir.processes (id, role, host, pid, version, kinds)"
		 " VALUES ('of today', 'relay', 'host', 1, '1', '{}')");
	EXPECT_INT(sql("SELECT weir.clean_job('parts')::int"), 0); /* as one of before calls it */
	sql_text("UPDATE weir.processes SET job_id = 'another'");
	EXPECT_INT(sql("SELECT weir.clean_job('parts')::int"), 1);
	EXPECT_INT(sql("SELECT weir.clean_job('parts')::int"), 0);
}

/* ---- what others have lost ---- */

/* Nobody runs `weir init`. */
static void the_queue_is_gone(void)
{
	struct job *job = job_submit(job_new("gone", "sum", 60));
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(job);
	queue_delete("weir.sum");
	await_log(relay, "made=\"queue weir.sum\"");
	await_log(relay, "job_revived");
	queue_await_size("weir.sum", 60);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

/* From now on it takes long to make due again what was queued: until it is let go. */
static void hold_revivals(void)
{
	sql_text("CREATE TABLE weir.test_holds ()");
	sql_text("INSERT INTO weir.test_holds DEFAULT VALUES");
	sql_text(
		"CREATE FUNCTION weir.test_hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
		" WHILE EXISTS (SELECT FROM weir.test_holds) LOOP PERFORM pg_sleep(0.02); END LOOP;"
		" RETURN NEW; END $$");
	sql_text("CREATE TRIGGER test_hold BEFORE UPDATE ON weir.job_batches FOR EACH ROW"
		 " WHEN (OLD.status = 'queued' AND NEW.status = 'pending_queue')"
		 " EXECUTE FUNCTION weir.test_hold()");
}

static void let_revivals_go(struct process *relay)
{
	sql_text("DELETE FROM weir.test_holds");
	await_log(relay, "job_revived");
	sql_text("DROP TRIGGER test_hold ON weir.job_batches");
	sql_text("DROP FUNCTION weir.test_hold()");
	sql_text("DROP TABLE weir.test_holds");
}

/* Nobody else waits while that goes on. */
static void check_while_it_is_revived(void)
{
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM pg_stat_activity WHERE state = 'active'"
			   " AND query LIKE '%%weir.revive_%%' AND pid <> pg_backend_pid()");
	job_submit(job_new("beside", "slow", 20));
	await(15000, "SELECT completed_at IS NOT NULL FROM weir.jobs WHERE job_id = 'beside'");
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches WHERE job_id = 'lost'"
		       " AND status <> 'queued'"),
		   0);
}

static void much_was_in_a_queue_that_is_gone(void)
{
	struct job *job = job_submit(job_new("lost", "sum", 60));
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "slow", NULL);
	await_queued(job);
	hold_revivals();
	queue_delete("weir.sum");
	check_while_it_is_revived();
	let_revivals_go(relay);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

static void much_is_lost_from_a_queue(void)
{
	struct job *job = job_submit(job_new("lost", "sum", 60));
	struct process *relay = start(NULL, "weir-relay", "--lost-after", "1s", NULL);
	start(NULL, "weir-consumer", "slow", NULL);
	await_queued(job);
	hold_revivals();
	queue_purge("weir.sum");
	check_while_it_is_revived();
	let_revivals_go(relay);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

/* New work is what shows it. */
static void the_queue_is_gone_before_the_work(void)
{
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_log(relay, "relay_ready");
	queue_delete("weir.sum");
	struct job *job = job_submit(job_new("early", "sum", 60));
	await_log(relay, "topology_restored");
	queue_await_size("weir.sum", 60);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

/* Everything but the server itself. */
static void the_broker_is_wiped(void)
{
	struct job *job = job_submit(job_new("wiped", "sum", 60));
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(job);
	rabbitmqctl("stop_app", NULL);
	rabbitmqctl("reset", NULL);
	rabbitmqctl("start_app", NULL);
	await_log(relay, "exchange weir.items");
	await_log(relay, "made=\"queue weir.sum\"");
	queue_await_size("weir.sum", 60);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
	EXPECT_INT(run(NULL, "weir", "init", NULL)->status, 0); /* the queues of other kinds */
}

static void a_queue_is_not_as_it_must_be(void)
{
	struct weir_error err = {"", ""};
	struct broker *b = NULL;
	static const struct broker_queue other = {.name = "weir.dead", .delivery_limit = 7};
	queue_delete("weir.dead");
	if (broker_open(getenv("WEIR_AMQP_URL"), "tests", 1 << 20, &b, &err) < 0 ||
	    broker_declare_queue(b, &other, false, NULL, &err) < 0)
		EXPECT(false, "%s", err.text);
	broker_close(b);
	const struct outcome *o = run(NULL, "weir-relay", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "not as it must be");
	EXPECT_PART(o->err, "x-delivery-limit");
	queue_delete("weir.dead");
	EXPECT_INT(run(NULL, "weir", "init", NULL)->status, 0);
}

/* The broker refuses whatever is said of it, in words that no topology has (405): that kind waits,
 * and the others, new relays among them, do not notice. */
static void a_queue_is_somebody_elses(void)
{
	struct job *waits = job_submit(job_new("waits", "slow", 10));
	queue_delete("weir.slow");
	queue_hold("weir.slow");
	struct process *relay = start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "sum", "slow", NULL);
	await_log(relay, "topology_wrong");
	await_log(consumer, "queue_unusable");
	struct job *goes = job_submit(job_new("goes", "sum", 60));
	await_ended(goes);
	EXPECT(!strstr(log_of(relay), "broker_lost"), "%s", log_of(relay));
	queue_let_go();
	finish(waits);
	check_exact(goes);
}

/* The counts of the batches tell, too. */
static void lost_while_redis_is_away(void)
{
	struct job *job = job_submit(job_new("dark", "sum", 60));
	struct process *relay = start(NULL, "weir-relay", "--lost-after", "1s", NULL);
	await_queued(job);
	server("down", "redis");
	queue_purge("weir.sum");
	await_log(relay, "job_revived");
	queue_await_size("weir.sum", 60);
	server("up", "redis");
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

/* A program that does not count the items of a batch did the work. */
static void nobody_counted(void)
{
	struct job *job = job_submit(job_new("old", "sum", 60));
	hand_over(job);
	sql_text("INSERT INTO weir.results (job_id, stage, ordinal, status, attempts)"
		 " SELECT 'old', 1, g, 1, 1 FROM generate_series(0, 59) g");
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_log(relay, "batches_recounted");
	await_ended(job);
	EXPECT_INT(job_number(job, "success_count"), 60);
	EXPECT_INT(redis_count("old", "success"), 60);
}

void add_relay_suite(void);

void add_relay_suite(void)
{
	CU_pSuite s = WORLD_SUITE("a relay looks after jobs");
	CU_add_test(s, "killed before a stage is committed", killed_before_the_commit);
	CU_add_test(s, "killed when a stage is committed", killed_after_the_commit);
	CU_add_test(s, "killed when the job ends", killed_when_the_job_ends);
	CU_add_test(s, "a long errand delays no end", a_long_errand_delays_no_end);
	CU_add_test(s, "events keep their ids", events_keep_their_ids);
	CU_add_test(s, "events of real work", events_of_real_work);
	CU_add_test(s, "final items are left out", final_items_are_left_out);
	CU_add_test(s, "tries of final items are deleted", tries_of_final_items_are_deleted);
	CU_add_test(s, "a backlog does not delay tries", a_backlog_does_not_delay_tries);
	CU_add_test(s, "large items make small runs", large_items_make_small_runs);
	CU_add_test(s, "dead letters are replayed", dead_letters_are_replayed);
	CU_add_test(s, "a try that cannot be a message", a_try_that_cannot_be_a_message);
	CU_add_test(s, "one that cannot be failed", one_that_cannot_be_failed);
	CU_add_test(s, "the broker is kept when the ledger fails", the_broker_is_kept);
	CU_add_test(s, "a job's row is locked", a_jobs_row_is_locked);
	CU_add_test(s, "dead letters are locked", the_dead_letters_are_locked);
	CU_add_test(s, "the list of queues is locked", the_list_of_queues_is_locked);
	CU_add_test(s, "a queue's row is locked", a_queues_row_is_locked);
	CU_add_test(s, "it cannot publish and rests", a_relay_that_cannot_publish_rests);
	CU_add_test(s, "a job is started later", a_job_is_started_later);
	CU_add_test(s, "a dead letter shortens no pause", a_letter_shortens_no_pause);
	CU_add_test(s, "a letter whose row is locked", a_letters_row_is_locked);
	CU_add_test(s, "a job with a limit", a_window);
	CU_add_test(s, "a cancelled job is ended", a_cancelled_job_is_ended);
	CU_add_test(s, "nobody counted", nobody_counted);
	CU_add_test(s, "counted anew in steps", counted_anew_in_steps);
	CU_add_test(s, "cleaned up in steps", cleaned_up_in_steps);
	CU_add_test(s, "parts of cleaning up", parts_of_cleaning_up);
	s = WORLD_SUITE("a relay restores the broker");
	CU_add_test(s, "a queue is gone", the_queue_is_gone);
	CU_add_test(s, "a queue is gone before the work", the_queue_is_gone_before_the_work);
	CU_add_test(s, "much was in a queue that is gone", much_was_in_a_queue_that_is_gone);
	CU_add_test(s, "much is lost from a queue", much_is_lost_from_a_queue);
	CU_add_test(s, "the broker is wiped", the_broker_is_wiped);
	CU_add_test(s, "a queue is not as it must be", a_queue_is_not_as_it_must_be);
	CU_add_test(s, "a queue is somebody else's", a_queue_is_somebody_elses);
	CU_add_test(s, "messages are lost while Redis is away", lost_while_redis_is_away);
}
