/* Whatever ends a consumer that has asked a model, no answer that was paid for is asked for again.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "../plugins/segfault.h"
#include "asked.h"

#define ITEMS 30
#define HELD 15 /* by a consumer that flushes five at a time */

/* One call at a time: so none is on its way when a place is passed. What is done is flushed when
 * nothing else is open. */
static struct job *one_by_one(const char *id)
{
	models_write("  claude: {provider: anthropic, base_url: $URL, key_env: FAKE_KEY,"
		     " max_in_flight: 1}\n");
	struct job *job = job_submit(asked_job(id, "ai_model=claude", ITEMS));
	for (int i = 0; i < ITEMS; i++)
		job->items[i].attempts = 0;
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	return job;
}

static struct process *consumer(const char *failpoint)
{
	return start(failpoint, "weir-consumer", "ask", NULL);
}

static void die(const char *place)
{
	struct process *p = consumer(place);
	int status = await_exit(p, PATIENCE_MS);
	EXPECT(status == -SIGKILL, "%s: the consumer ended with %d", place, status);
}

static void finish_billed(const struct job *job, int times)
{
	consumer(NULL);
	finish(job);
	expect_answers(job, "claude", NULL);
	expect_billed(job, times);
}

static void killed(const char *place)
{
	char later[40];
	struct job *job = one_by_one("killed");
	snprintf(later, sizeof later, "%s:3", place);
	die(place);
	die(later);
	finish_billed(job, 1);
}

static void when_delivered(void) { killed("delivered"); }
static void when_working(void) { killed("working"); }
static void when_stored(void) { killed("answer_stored"); }
static void when_answering(void) { killed("answering"); }

/* On trial it is in its plugin's code there, too: each time all that had it came to its end. */
static void when_answering_alone(void)
{
	struct job *job = asked_job("alone", "ai_model=claude", 1);
	job->items[0].failure = "poison";
	job->items[0].attempts = 0;
	models_write("  claude: {provider: anthropic, base_url: $URL, key_env: FAKE_KEY}\n");
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	sql_text("INSERT INTO weir.trials (job_id, stage, ordinal, begun, alone)"
		 " VALUES ('alone', 1, 0, 10, true)");
	for (int i = 0; i < 3; i++) {
		die("answering");
		queue_await_size("weir.ask", 1);
	}
	consumer(NULL);
	finish(job);
	expect_billed(job, 1);
}

/* These are passed once: all is flushed together, when no call is on its way. */
static void killed_in_flush(const char *place)
{
	struct job *job = one_by_one("flush");
	struct process *p = start(place, "weir-consumer", "ask", "--linger", "30s", NULL);
	int status = await_exit(p, PATIENCE_MS);
	EXPECT(status == -SIGKILL, "%s: the consumer ended with %d", place, status);
	finish_billed(job, 1);
}

static void when_processed(void) { killed_in_flush("processed"); }
static void when_claimed(void) { killed_in_flush("claimed"); }
static void when_committing(void) { killed_in_flush("committing"); }
static void when_committed(void) { killed_in_flush("committed"); }
static void when_counted(void) { killed_in_flush("counted"); }
static void when_acked(void) { killed_in_flush("acked"); }

/* Answers that have come but are not stored are lost. They are asked for again under the same key,
 * so who honours it bills nothing. */
static void when_answered(void)
{
	fake_restart("--idempotent");
	fake_script("{'latency_ms': 50}");
	struct job *job = job_submit(asked_job("answered", "ai_model=claude", ITEMS));
	for (int i = 0; i < ITEMS; i++)
		job->items[i].attempts = 0;
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	die("answered");
	die("answered:2");
	finish_billed(job, 1);
}

/* A provider that knows no Idempotency-Key bills again what was on its way, and nothing else. */
static void when_calls_are_on_their_way(void)
{
	models_write("  claude: {provider: anthropic, base_url: $URL, key_env: FAKE_KEY,"
		     " max_in_flight: 10}\n");
	fake_script("{'latency_ms': 200}");
	struct job *job = job_submit(asked_job("flight", "ai_model=claude", 80));
	for (int i = 0; i < job->size; i++)
		job->items[i].attempts = 0;
	start(NULL, "weir-relay", NULL);
	struct process *p = consumer(NULL);
	await(PATIENCE_MS, "SELECT count(*) >= 20 FROM weir.answers");
	EXPECT_INT(fake_count("most_in_flight"), 10);
	kill_hard(p);
	consumer(NULL);
	finish(job);
	expect_answers(job, "claude", NULL);
	int64_t twice = fake_count("billed") - 80;
	EXPECT(twice >= 0 && twice <= 10, "%lld more than the items were billed", (long long)twice);
	EXPECT_INT(sql("SELECT count(*) FROM weir.answers"), 80);
}

/* What it holds of a job with a limit of three does not expire any more; no blank in the script. */
static void keep_share(const char *job, const char *holder)
{
	char command[400];
	snprintf(command, sizeof command,
		 "EVAL return(redis.call('HEXISTS',KEYS[1],ARGV[1])==1)and("
		 "redis.call('HSET',KEYS[1],ARGV[1],'3\\0323\\0329999999999999'))"
		 " 1 weir:{%s}:shares %s",
		 tag_of(job), holder);
	redis_do(command);
}

/* An item ends the worker that has others in hand, called for, and of a job with a limit. The next
 * one lets them go, so that nobody waits until what the first one held is over. */
static void as_an_item_crashes(void)
{
	char holder[64], ready[32];
	struct job *crash = job_new("crash", "segfault", 10), *few = job_new("few", "slow", 9);
	struct job *job = asked_job("beside", "ai_model=claude", ITEMS);
	item_fails(&crash->items[4], "poison", ",\"crash\":%d", SEGV);
	job_delay(few, 1000);
	for (int i = 0; i < ITEMS; i++)
		job->items[i].attempts = 0;
	fake_script("{'latency_ms': 3000}");
	setenv("WEIR_MAX_CONCURRENT", "3", 1);
	job_submit(few);
	unsetenv("WEIR_MAX_CONCURRENT");
	job_submit(job);
	calls_begin();
	start(NULL, "weir-relay", NULL);
	struct process *p = start(NULL, "weir-consumer", "ask", "segfault", "slow",
				  "--poison-limit", "1", NULL);
	calls_rest();
	fake_await("in_flight", ITEMS);
	calls_await(3);
	snprintf(holder, sizeof holder, "%s", sql_text("SELECT min(holder) FROM weir.calls"));
	job_submit(crash);
	await_log(p, "crash_told");
	keep_share("few", holder);
	snprintf(ready, sizeof ready, "worker=%d", (int)worker_of(p));
	await_log(p, ready);
	EXPECT_INT(sql("SELECT count(*) FROM weir.calls WHERE holder = '%s'", holder), 0);
	fake_await("requests", 2 * ITEMS);
	await_ended(crash);
	await_ended(few);
	finish(job);
	check_exact(crash);
	check_exact(few);
	expect_answers(job, "claude", NULL);
}

/* ---- frozen ones ---- */

/* Each item has one good answer, all that was billed is in the ledger, with what it cost, and no
 * Idempotency-Key was of two bodies. */
static void expect_one_each(const struct job *job, bool all_stored)
{
	EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE error_class IS NULL"), job->size);
	EXPECT_INT(sql("SELECT count(DISTINCT ordinal) FROM weir.answers"
		       " WHERE error_class IS NULL"),
		   job->size);
	EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE (error_class IS NOT NULL"
		       " AND (error_class <> 'extra_answer' OR NOT spent)) OR input_tokens <= 0"),
		   0);
	int64_t stored = sql("SELECT count(*) FROM weir.answers"), billed = fake_count("billed");
	EXPECT(all_stored ? stored == billed : stored <= billed, "%lld answers of %lld billed",
	       (long long)stored, (long long)billed);
	EXPECT_INT(fake_count("keys.other"), 0);
}

/* The first consumer is frozen while its calls are on their way, for longer than its holds last;
 * the relay publishes its items again, and the second consumer asks as well. */
static void frozen(bool comes_back_first)
{
	fake_restart("--strict-keys");
	fake_script("{'latency_ms': 1000}");
	struct job *job = job_submit(asked_job("frozen", "ai_model=claude", ITEMS));
	for (int i = 0; i < ITEMS; i++)
		job->items[i].attempts = 0;
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	struct process *p = start(NULL, "weir-consumer", "ask", "--flush", "5", NULL);
	fake_await("in_flight", HELD);
	freeze(p);
	sql_text("UPDATE weir.calls SET held_until = now() - interval '1 s'");
	/* Also of what it has in hand and has not begun. Who asks for one knows its second message.
	 */
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		 " SELECT job_id, stage, ordinal, 0, now() FROM weir.items ON CONFLICT DO NOTHING");
	fake_script("{'latency_ms': %d}", comes_back_first ? 6000 : 0);
	consumer(NULL);
	if (comes_back_first)
		fake_await("requests", ITEMS + HELD);
	else
		await(PATIENCE_MS, "SELECT count(*) = %d FROM weir.answers", ITEMS);
	thaw(p);
	await(PATIENCE_MS, "SELECT count(*) = %d FROM weir.answers", ITEMS + HELD);
	finish(job);
	expect_answers(job, "claude", NULL);
	EXPECT_INT(fake_count("billed"), ITEMS + HELD);
	expect_one_each(job, true);
}

static void frozen_for_long(void) { frozen(false); }
static void frozen_and_first(void) { frozen(true); }

/* A server that has one id for all answers. */
static void under_one_id(void)
{
	fake_script("{'rules': [{'match': {'nth': 3}, 'do': {'id': 'msg_1', 'answer': 'none'}},"
		    " {'match': {}, 'do': {'id': 'msg_1'}}]}");
	struct job *job = job_submit(asked_job("one", "ai_model=claude", ITEMS));
	asked_begin();
	finish(job);
	EXPECT_INT(sql("SELECT count(*) FROM weir.answers"), ITEMS + 1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE error_class IS NULL"), ITEMS);
	EXPECT_INT(fake_count("billed"), ITEMS + 1);
}

#define WILD 200

/* Three consumers, one of which dies, or is frozen for longer than its holds are made to last,
 * again and again. */
static void wild(void)
{
	struct process *p[3];
	unsigned state = 20261129;
	models_write("  claude: {provider: anthropic, base_url: $URL, key_env: FAKE_KEY,"
		     " max_in_flight: 8, input_price: 1, output_price: 5}\n");
	fake_script("{'latency_ms': 150}");
	struct job *job = job_submit(asked_job("wild", "ai_model=claude", WILD));
	for (int i = 0; i < job->size; i++)
		job->items[i].attempts = 0;
	start(NULL, "weir-relay", NULL);
	for (int i = 0; i < 3; i++)
		p[i] = start(NULL, "weir-consumer", "ask", "--flush", "20", NULL);
	for (int round = 0; round < 12; round++) {
		state = state * 1103515245 + 12345;
		int i = (int)(state >> 16) % 3;
		await(PATIENCE_MS, "SELECT count(*) >= %d FROM weir.answers", 15 * (round + 1));
		if (state >> 24 & 1) {
			kill_hard(p[i]);
			p[i] = start(NULL, "weir-consumer", "ask", "--flush", "20", NULL);
			continue;
		}
		freeze(p[i]);
		sql_text("UPDATE weir.calls SET held_until = now() - interval '1 s'");
		await(PATIENCE_MS, "SELECT count(*) >= %d FROM weir.answers", 15 * (round + 1) + 5);
		thaw(p[i]);
	}
	finish(job);
	expect_answers(job, "claude", NULL);
	expect_one_each(job, false);
}

/* ---- keys ---- */

/* A job of the same name, after the first has been purged, asks in other words. */
static void same_name(void)
{
	fake_restart("--strict-keys");
	struct job *job = job_submit(asked_job("again", "ai_model=claude", ITEMS));
	asked_begin();
	finish(job);
	await(PATIENCE_MS, "SELECT completed_at < now() - interval '1 s' FROM weir.jobs");
	const struct outcome *o = run(NULL, "weir", "purge", "--older-than", "1s", NULL);
	EXPECT(o->status == 0, "weir purge: %d: %s", o->status, o->err);
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs"), 0);
	template_write("idea", "description: d\nsystem: You write other titles.\n"
			       "user: The key is {{key}}, the amount {{amount}}.\nfields:\n"
			       "  title: {type: text, least: 1, most: 120}\n"
			       "  score: {type: number, least: -1, most: 1}\n");
	fake_script("{'rules': [{'match': {'nth': 3}, 'do': {'answer': 'none'}}]}");
	job = job_submit(job);
	asked_begin();
	await_ended(job);
	stop_all();
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE status = 1"), ITEMS);
	EXPECT_INT(fake_count("keys.other"), 0);
	EXPECT_INT(fake_answered("/v1/messages", "claude", 400), 0);
	EXPECT_INT(fake_count("billed"), 2 * ITEMS + 1);
}

/* ---- without a crash ---- */

/* Each message is in the queue twice. A consumer takes three times what it flushes. */
static void copies(const char *flush)
{
	fake_script("{'latency_ms': 300}");
	struct job *job = job_submit(asked_job("copies", "ai_model=claude", ITEMS));
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	stop_all();
	EXPECT_INT(republish("weir.ask", "ask", 2), ITEMS);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "ask", "--flush", flush, NULL);
	start(NULL, "weir-consumer", "ask", "--flush", flush, NULL);
	finish_billed(job, 1);
}

static void copies_in_one(void) { copies("50"); }
static void copies_in_two(void) { copies("5"); }

/* A server that crashes forgets what consumers hold. Their calls go on, and are held again. */
static void ledger_crashes(void)
{
	fake_script("{'latency_ms': 8000}");
	struct job *job = job_submit(asked_job("crash", "ai_model=claude", ITEMS));
	start(NULL, "weir-relay", NULL);
	consumer(NULL);
	fake_await("in_flight", ITEMS);
	server("kill", "postgresql");
	server("up", "postgresql");
	await(PATIENCE_MS, "SELECT count(*) = %d FROM weir.calls", ITEMS);
	finish(job);
	expect_answers(job, "claude", NULL);
	expect_billed(job, 1);
}

/* It waits for what it has asked for. */
static void stopped(void)
{
	fake_script("{'latency_ms': 500}");
	struct job *job = job_submit(asked_job("stopped", "ai_model=claude", ITEMS));
	start(NULL, "weir-relay", NULL);
	struct process *p = consumer(NULL);
	fake_await("in_flight", 5);
	stop(p);
	EXPECT_INT(fake_count("in_flight"), 0);
	finish_billed(job, 1);
}

/* The database is away when the answers come. */
static void ledger_away(void)
{
	fake_script("{'latency_ms': 1500}");
	struct job *job = job_submit(asked_job("away", "ai_model=claude", ITEMS));
	start(NULL, "weir-relay", NULL);
	consumer(NULL);
	fake_await("in_flight", ITEMS);
	server("down", "postgresql");
	int64_t until = now_ms() + PATIENCE_MS;
	while (fake_count("in_flight") > 0 && now_ms() < until)
		pause_ms(STEP_MS);
	server("up", "postgresql");
	finish(job);
	expect_answers(job, "claude", NULL);
	expect_billed(job, 1);
}

/* What could not be kept is not asked for. */
static void no_calls_while_away(void)
{
	models_write("  claude: {provider: anthropic, base_url: $URL, key_env: FAKE_KEY,"
		     " max_in_flight: 5}\n");
	fake_script("{'latency_ms': 1500}");
	struct job *job = job_submit(asked_job("none", "ai_model=claude", ITEMS));
	start(NULL, "weir-relay", NULL);
	struct process *p = consumer(NULL);
	fake_await("in_flight", 5);
	server("down", "postgresql");
	await_log(p, "desk_away");
	int64_t until = now_ms() + PATIENCE_MS;
	while (fake_count("in_flight") > 0 && now_ms() < until)
		pause_ms(STEP_MS);
	EXPECT_INT(fake_count("requests"), 5);
	server("up", "postgresql");
	finish(job);
	expect_answers(job, "claude", NULL);
	expect_billed(job, 1);
}

/* Who waits for a place for too long gives way, uncharged. */
static void given_way(void)
{
	models_write("  claude: {provider: anthropic, base_url: $URL, key_env: FAKE_KEY,"
		     " max_in_flight: 1}\n");
	fake_script("{'latency_ms': 200}");
	struct job *job = job_submit(asked_job("way", "ai_model=claude", ITEMS));
	start(NULL, "weir-relay", NULL);
	struct process *p = start(NULL, "weir-consumer", "ask", "--work-timeout", "300ms", NULL);
	await(PATIENCE_MS, "SELECT count(*) >= 20 FROM weir.retries WHERE due_at < 'infinity'");
	stop(p);
	finish_billed(job, 1);
}

/* What one answer brings ends other items that have asked, whose answers have just come as well. */
static void one_answer_ends_all(void)
{
	fake_script("{'latency_ms': 300}");
	struct job *job = asked_job("forall", "ai_model=claude", 40);
	job->context[2] = "manners=forall";
	start(NULL, "weir-relay", NULL);
	await_queued(job_submit(job));
	struct process *p = start(NULL, "weir-consumer", "ask", NULL);
	await_ended(job);
	EXPECT(strstr(log_of(p), "worker_ended") == NULL, "the worker ended, see %s", p->log);
	finish(job);
}

/* What came back must not keep others waiting until a model has answered. */
static void a_message_that_came_back(void)
{
	struct job *sums = job_submit(job_new("back", "sum", 40));
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(sums);
	struct process *p = start("working:5", "weir-consumer", "sum", NULL);
	EXPECT_INT(await_exit(p, PATIENCE_MS), -SIGKILL);
	fake_script("{'latency_ms': 6000}");
	struct job *job = job_submit(asked_job("slow", "ai_model=claude", 1));
	await_queued(job);
	stop(relay);
	start(NULL, "weir-consumer", "ask", "sum", NULL);
	start(NULL, "weir-relay", NULL);
	await_ended(sums);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = 'slow'"), 0);
	finish(job);
	check_exact(sums);
}

/* Nothing else may happen to a plugin that does not keep to its contract. */
static void asked_twice(void)
{
	fake_script("{'latency_ms': 300}");
	struct job *job = asked_job("twice", "ai_model=claude", ITEMS);
	job->context[2] = "manners=twice";
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	finish_billed(job, 1);
}

static void not_waited_for(void)
{
	fake_script("{'latency_ms': 300}");
	struct job *hasty = asked_job("hasty", "ai_model=claude", ITEMS);
	hasty->context[2] = "manners=hasty";
	job_submit(hasty);
	struct job *job = job_submit(asked_job("after", "ai_model=claude", ITEMS));
	start(NULL, "weir-relay", NULL);
	consumer(NULL);
	await_ended(hasty);
	finish(job);
	check_exact(hasty);
	expect_answers(job, "claude", NULL);
	expect_billed(job, 1);
	expect_billed(hasty, 0);
}

/* A pause while calls are on their way: their answers are kept, and are used when it goes on. */
static void paused(void)
{
	fake_script("{'latency_ms': 500}");
	struct job *job = job_submit(asked_job("paused", "ai_model=claude", ITEMS));
	start(NULL, "weir-relay", NULL);
	struct process *p = consumer(NULL);
	fake_await("in_flight", 5);
	const struct outcome *o = run(NULL, "weir", "pause", "paused", NULL);
	EXPECT(o->status == 0, "weir pause: %d: %s", o->status, o->err);
	stop(p);
	o = run(NULL, "weir", "resume", "paused", NULL);
	EXPECT(o->status == 0, "weir resume: %d: %s", o->status, o->err);
	finish_billed(job, 1);
}

/* What was asked for is kept, and nothing more is asked for. */
static void cancelled(void)
{
	models_write("  claude: {provider: anthropic, base_url: $URL, key_env: FAKE_KEY,"
		     " max_in_flight: 5}\n");
	fake_script("{'latency_ms': 500}");
	struct job *job = job_submit(asked_job("cancelled", "ai_model=claude", ITEMS));
	start(NULL, "weir-relay", NULL);
	struct process *p = consumer(NULL);
	fake_await("in_flight", 5);
	const struct outcome *o = run(NULL, "weir", "cancel", "cancelled", NULL);
	EXPECT(o->status == 0, "weir cancel: %d: %s", o->status, o->err);
	await_ended(job);
	stop(p);
	int64_t billed = fake_count("billed");
	EXPECT(billed < ITEMS, "all %d items were asked for", ITEMS);
	EXPECT_INT(sql("SELECT count(*) FROM weir.answers"), billed);
	EXPECT_INT(sql("SELECT count(*) FROM weir.calls"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results"), ITEMS);
}

void add_asks_crash_suite(void);

void add_asks_crash_suite(void)
{
	CU_pSuite s = FAKE_SUITE("a consumer that asks is killed");
	CU_add_test(s, "when a message was delivered", when_delivered);
	CU_add_test(s, "when a plugin works on it", when_working);
	CU_add_test(s, "when an answer has come", when_answered);
	CU_add_test(s, "when an answer is stored", when_stored);
	CU_add_test(s, "when the plugin gets the answer", when_answering);
	CU_add_test(s, "when the plugin gets the answer, again and again", when_answering_alone);
	CU_add_test(s, "when items are processed", when_processed);
	CU_add_test(s, "when items are claimed", when_claimed);
	CU_add_test(s, "when the commit is on its way", when_committing);
	CU_add_test(s, "when it has committed, but not counted", when_committed);
	CU_add_test(s, "when it has counted, but not acked", when_counted);
	CU_add_test(s, "when it has acked", when_acked);
	CU_add_test(s, "when calls are on their way", when_calls_are_on_their_way);
	CU_add_test(s, "as an item crashes its worker", as_an_item_crashes);
	CU_add_test(s, "when it is frozen, and another asks", frozen_for_long);
	CU_add_test(s, "when it is frozen, and comes back before the other", frozen_and_first);
	CU_add_test(s, "at random, one of three", wild);
	s = FAKE_SUITE("an answer is paid for once");
	CU_add_test(s, "when all answers have one id", under_one_id);
	CU_add_test(s, "when a job of the same name asks in other words", same_name);
	CU_add_test(s, "when each message comes twice", copies_in_one);
	CU_add_test(s, "when each message comes twice, to two consumers", copies_in_two);
	CU_add_test(s, "when the consumer stops", stopped);
	CU_add_test(s, "when the ledger is away", ledger_away);
	CU_add_test(s, "and not while the ledger is away", no_calls_while_away);
	CU_add_test(s, "when it has to wait for its turn", given_way);
	CU_add_test(s, "when the plugin asks twice", asked_twice);
	CU_add_test(s, "when the plugin does not wait for it", not_waited_for);
	CU_add_test(s, "when the ledger crashes", ledger_crashes);
	CU_add_test(s, "when the job is paused", paused);
	CU_add_test(s, "when the job is cancelled", cancelled);
	CU_add_test(s, "one answer ends all that have asked", one_answer_ends_all);
	CU_add_test(s, "a message that came back stops nobody", a_message_that_came_back);
}
