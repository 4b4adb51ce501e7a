/* Items that ask a model, in calls: through everything that a provider may do. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "asked.h"
#include "weir/breaker.h"

#define TITLES "You write titles."

/* Everything that is left says that each item was done, and answered by what was asked for it. */
static void finish_asked(const struct job *job)
{
	finish(job);
	expect_answers(job, NULL, NULL);
}

static void both_vendors(void)
{
	struct job *claude = asked_job("claude", "ai_model=claude", 150);
	struct job *gpt = asked_job("gpt", "ai_model=gpt", 50);
	job_submit(claude);
	job_submit(gpt);
	asked_begin();
	await_ended(claude);
	finish(gpt);
	check_exact(claude);
	expect_answers(claude, "claude", TITLES);
	expect_answers(gpt, "gpt", TITLES);
	expect_billed(claude, 1);
	expect_billed(gpt, 1);
	EXPECT_INT(fake_answered("/v1/messages", "claude", 200), 150);
	EXPECT_INT(fake_answered("/v1/chat/completions", "gpt", 200), 50);
}

/* What the provider counted is what the ledger says that it cost. */
static void cost(void)
{
	struct job *job = job_submit(asked_job("cost", "ai_model=claude", 20));
	asked_begin();
	finish_asked(job);
	EXPECT_INT(
		sql("SELECT count(*) FROM weir.answers WHERE job_id = 'cost'"
		    " AND cost = (input_tokens * 1 + output_tokens * 5) / 1000000.0 AND cost > 0"),
		20);
	EXPECT_INT(sql("SELECT (sum(cost) = sum((i.result->'usage'->>'cost')::numeric))::int"
		       " FROM weir.answers a JOIN batch_items i USING (job_id, ordinal)"
		       " WHERE job_id = 'cost'"),
		   1);
}

static void local_asks_nobody(void)
{
	struct job *job = job_submit(asked_job("local", "ai_model=local", 20));
	asked_begin();
	finish(job);
	EXPECT_INT(fake_count("requests"), 0);
}

/* ---- refused before anything is done ---- */

static void expect_refused(const char *model, const char *key, const char *part)
{
	struct job *job = asked_job("refused", model, 1);
	job_write(job);
	const struct outcome *o =
		run(NULL, "weir", "submit", "ask", job->file, "--job", "refused", "--context",
		    "label=l", "--context", model, "--context", key, NULL);
	EXPECT(o->status != 0, "%s and %s were taken", model, key);
	EXPECT_PART(o->err, part);
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), 0);
}

static void unknown_names(void)
{
	expect_refused("ai_model=clod", "model_key=idea", "claude-batch");
	expect_refused("ai_model=claude", "model_key=idee", "idea");
	expect_refused("other=claude", "model_key=idea", "ai_model");
	expect_refused("ai_model=claude", "other=idea", "model_key");
}

/* A consumer that lacks what the submitter knew puts it off, says so, and works on the rest;
 * whoever knows it does it. */
static void wait_for_one_who_knows(struct job *job, struct job *other, const char *lacks)
{
	struct process *relay = start(NULL, "weir-relay", NULL);
	struct process *less = start(NULL, "weir-consumer", "ask", NULL);
	await_ended(other);
	await(PATIENCE_MS,
	      "SELECT count(*) = %d FROM batch_items WHERE job_id = '%s' AND status = 'pending'"
	      " AND error_class = 'not_known_here' AND attempts = 0",
	      job->size, job->id);
	await_log(less, "items_put_off");
	EXPECT_PART(log_of(less), lacks);
	EXPECT_PART(run(NULL, "weir", "status", job->id, NULL)->out, lacks);
	stop(less);
	stop(relay);
}

static void unknown_to_the_consumer(void)
{
	struct job *job = job_submit(asked_job("gone", "ai_model=gpt", 5));
	struct job *other = job_submit(asked_job("other", "ai_model=claude", 5));
	models_write("  claude: {provider: anthropic, base_url: $URL, key_env: FAKE_KEY}\n");
	wait_for_one_who_knows(job, other, "ai_model \"gpt\" is not known");
	EXPECT_PART(sql_text("SELECT error FROM batch_items WHERE job_id = 'gone'"), "--models ");
	fake_models();
	asked_begin();
	finish(job);
}

static void a_template_unknown_to_the_consumer(void)
{
	static const char newer[] = "user: The key is {{key}}, the amount {{amount}}.\n"
				    "fields:\n  title: {type: text}\n";
	struct job *job = asked_job("new", "ai_model=claude", 5);
	job->context[1] = "model_key=idea_2";
	template_write("idea_2", newer);
	job_submit(job);
	unlink(LOGS "/templates/idea_2.yaml");
	struct job *other = job_submit(asked_job("other", "ai_model=claude", 5));
	wait_for_one_who_knows(job, other, "model_key \"idea_2\"");
	template_write("idea_2", newer);
	asked_begin();
	finish_asked(job);
	unlink(LOGS "/templates/idea_2.yaml");
}

/* ---- limits ---- */

/* Each form of Retry-After, for one item each: the call comes again, and no sooner than it said. */
static void each_retry_after(void)
{
	static const struct {
		const char *header;
		int least_ms;
	} forms[] = {{"'retry-after': '1'", 1000},
		     {"'retry-after': '0.4'", 400},
		     {"'retry-after-ms': '150'", 150},
		     {"'retry-after': '@+2'", 900},
		     {"'x-none': ''", 0}};
	for (int i = 0; i < 5; i++) {
		char id[16];
		snprintf(id, sizeof id, "limit_%d", i);
		fake_script("{'rules': [{'match': {'contains': 'amount 1003', 'times': 1},"
			    " 'do': {'status': 429, 'headers': {%s}}}]}",
			    forms[i].header);
		struct job *job =
			job_submit(asked_job(id, i % 2 ? "ai_model=gpt" : "ai_model=claude", 8));
		asked_begin();
		finish_asked(job);
		expect_billed(job, 1);
		const struct asked_item *one = &asked_items(job, NULL, NULL)[3];
		EXPECT_INT(one->calls, 2);
		EXPECT_INT(one->status[0], 429);
		EXPECT(one->ms[1] - one->ms[0] >= forms[i].least_ms, "%s: again after %lld ms",
		       forms[i].header, (long long)(one->ms[1] - one->ms[0]));
	}
}

/* A real limit, of the provider alone: weir knows of it by its answers. */
static void limited_provider(void)
{
	fake_script("{'limits': [{'requests_per_minute': 20, 'window_ms': 500, 'form': 'all'}]}");
	struct job *job = job_submit(asked_job("limited", "ai_model=claude", 100));
	asked_begin();
	finish_asked(job);
	expect_billed(job, 1);
	EXPECT(fake_answered("/v1/messages", NULL, 429) > 0, "the limit was never reached");
}

/* A limit of the models file: who has to wait for long waits as a row, and no attempt is charged.
 */
static void limited_by_us(void)
{
	models_write("  claude: {provider: anthropic, base_url: $URL, key_env: FAKE_KEY,"
		     " requests_per_minute: 60}\n");
	struct job *job = job_submit(asked_job("ours", "ai_model=claude", 12));
	asked_begin();
	EXPECT(await(PATIENCE_MS, "SELECT count(*) > 0 FROM weir.retries WHERE attempts = 0"
				  " AND error_class = 'throttled'"),
	       "nobody was put off");
	finish_asked(job);
	expect_billed(job, 1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE attempts = 1"), 12);
}

/* ---- failures that pass ---- */

/* One item meets it, once. attempts: what it counts. */
static void passes(const char *id, const char *what, int attempts, int billed)
{
	fake_script("{'rules': [{'match': {'contains': 'amount 1003', 'times': 1}, 'do': {%s}}]}",
		    what);
	struct job *job = asked_job(id, "ai_model=claude", 8);
	job->items[3].attempts = attempts;
	job_submit(job);
	asked_begin();
	finish_asked(job);
	const struct asked_item *items = asked_items(job, "claude", TITLES);
	EXPECT(items[3].calls == 2 && items[3].billed == billed, "%s: %d calls, %d billed", what,
	       items[3].calls, items[3].billed);
	for (int i = 0; i < job->size; i++)
		EXPECT(i == 3 || items[i].billed == 1, "%s: item %d was billed %d times", what, i,
		       items[i].billed);
}

static void server_error(void) { passes("e500", "'status': 500", 1, 1); }
static void gateway_error(void)
{
	passes("e502", "'status': 502, 'body': '<html>bad</html>'", 1, 1);
}
static void conflict(void) { passes("e409", "'status': 409", 1, 1); }
static void unavailable(void) { passes("e503", "'status': 503", 1, 1); }
static void overloaded(void) { passes("e529", "'status': 529", 1, 1); }
static void overloaded_for_long(void)
{
	passes("e529s", "'status': 529, 'headers': {'retry-after': '1'}", 1, 1);
}
static void cut_body(void) { passes("cut", "'cut_after_bytes': 40", 1, 2); }
static void no_json(void) { passes("html", "'status': 200, 'body': '<html>fine</html>'", 1, 2); }
static void wrong_json(void) { passes("empty", "'status': 200, 'body': {}", 1, 2); }
static void answer_lost(void) { passes("lost", "'accept_then_drop': true", 1, 2); }

static void told_to_retry(void)
{
	passes("told", "'status': 400, 'headers': {'x-should-retry': 'true'}", 2, 1);
}

/* A gateway that knows the Idempotency-Key bills the second try for nothing. */
static void answer_lost_idempotent(void)
{
	fake_restart("--idempotent");
	passes("lost", "'accept_then_drop': true", 1, 1);
	fake_restart("--idempotent");
	passes("cut", "'cut_after_bytes': 40", 1, 1);
}

static void with_timeout(const char *id, const char *what, int billed)
{
	models_write("  claude: {provider: anthropic, base_url: $URL, key_env: FAKE_KEY,"
		     " timeout: 1s}\n");
	passes(id, what, 1, billed);
}

static void slow_first_byte(void) { with_timeout("slow", "'first_byte_ms': 4000", 2); }
static void slow_body(void) { with_timeout("slow", "'first_byte_ms': 10, 'latency_ms': 4000", 2); }
static void never_answered(void) { with_timeout("drop", "'drop': true", 1); }

/* Nobody listens for a while: that costs no attempt, and who looks is told. */
static void away(void)
{
	fake_down();
	struct job *job = job_submit(asked_job("away", "ai_model=claude", 20));
	start(NULL, "weir-relay", NULL);
	struct process *p = start(NULL, "weir-consumer", "ask", NULL);
	await_log(p, "call_failed");
	await(PATIENCE_MS, "SELECT EXISTS (SELECT FROM weir.retries WHERE error IS NOT NULL)");
	EXPECT_PART(run(NULL, "weir", "status", "away", NULL)->out, "Failed to connect");
	stop(p);
	fake_restart(NULL);
	start(NULL, "weir-consumer", "ask", NULL);
	finish_asked(job);
	expect_billed(job, 1);
}

/* How often its items may be tried, of a job that has just been submitted. */
static void limit_attempts(const struct job *job, int most)
{
	EXPECT_INT(sql("WITH u AS (UPDATE weir.jobs SET max_attempts = %d WHERE job_id = '%s'"
		       " RETURNING 1) SELECT count(*) FROM u",
		       most, job->id),
		   1);
}

/* An outage of whatever form charges nobody, however long it lasts: the fleet asks now and then,
 * with one call, and who looks is told. The first failures are of calls that were on the way. */
static void outage(const char *form)
{
	fake_script("{'outage': {'form': '%s'}}", form);
	struct job *job = job_submit(asked_job("outage", "ai_model=claude", 60));
	limit_attempts(job, 1);
	start(NULL, "weir-relay", NULL);
	struct process *p = start(NULL, "weir-consumer", "ask", NULL);
	struct process *q = start(NULL, "weir-consumer", "ask", NULL);
	await_log(p, "model_away");
	await_log(q, "model_away");
	await(PATIENCE_MS,
	      "SELECT count(*) = 60 AND bool_and(error_class = 'provider_away') FROM weir.retries");
	EXPECT_PART(run(NULL, "weir", "status", "outage", NULL)->out, "fails since ");
	EXPECT_INT(sql("SELECT count(*) FROM batch_items WHERE status = 'failed'"), 0);
	fake_script("{'outage': null}");
	finish_asked(job);
	expect_billed(job, 1);
	EXPECT_INT(sql("SELECT max(attempts) FROM batch_items WHERE job_id = 'outage'"), 1);
}

static void no_room(void) { outage("anthropic_529"); }
static void server_errors(void) { outage("anthropic_500"); }
static void gateway_pages(void) { outage("cloudflare_521"); }
static void pages_of_200(void) { outage("html_200"); }
static void errors_of_200(void) { outage("openrouter_200_502"); }

/* What fails always while others are served is at fault itself: it is charged, and ends. */
static void poisoned(void)
{
	fake_script("{'rules': [{'match': {'contains': 'amount 1003'}, 'do': {'status': 500}}]}");
	struct job *job = job_submit(asked_job("poisoned", "ai_model=claude", 8));
	limit_attempts(job, 2);
	asked_begin();
	await(PATIENCE_MS, "SELECT count(*) = 7 FROM batch_items WHERE status = 'success'");
	for (int i = 0; sql("SELECT count(*) FROM batch_items WHERE status = 'failed'") == 0; i++) {
		char id[32];
		EXPECT(i < 100, "the item is never charged");
		if (i == 100)
			break;
		snprintf(id, sizeof id, "others%d", i);
		await_ended(job_submit(asked_job(id, "ai_model=claude", 3)));
	}
	EXPECT_INT(sql("SELECT attempts FROM batch_items WHERE status = 'failed'"), 2);
	stop_all();
}

/* What is alone and always fails is waited for, and then ends, with what it waited for. */
static void poisoned_alone(void)
{
	models_write("  claude: {provider: anthropic, base_url: $URL, key_env: FAKE_KEY,"
		     " outage_wait: 1s}\n");
	fake_script("{'rules': [{'match': {}, 'do': {'status': 500}}]}");
	struct job *job = job_submit(asked_job("alone", "ai_model=claude", 1));
	limit_attempts(job, 2);
	asked_begin();
	await_ended(job);
	EXPECT_INT(sql("SELECT attempts FROM batch_items WHERE status = 'failed'"), 2);
	EXPECT_PART(sql_text("SELECT error_class || ' ' || error FROM batch_items"),
		    "provider_away the provider of ai_model claude fails since ");
	EXPECT(asked_items(job, NULL, NULL)[0].calls > BREAKER_FAILURES,
	       "it was charged before the breaker opened");
	stop_all();
}

/* ---- failures for good ---- */

static void refused(void)
{
	fake_script("{'rules': [{'match': {'contains': 'amount 1003'}, 'do': {'status': 400,"
		    " 'error': {'message': 'prompt is too long'}}},"
		    " {'match': {'contains': 'amount 1004'}, 'do': {'status': 500,"
		    " 'headers': {'x-should-retry': 'false'}}}]}");
	struct job *job = asked_job("refused", "ai_model=claude", 8);
	job_submit(job);
	asked_begin();
	await_ended(job);
	stop_all();
	EXPECT_PART(sql_text("SELECT error FROM batch_items WHERE ordinal = 3"),
		    "prompt is too long");
	EXPECT_INT(sql("SELECT count(*) FROM batch_items WHERE status = 'failed'"), 2);
	const struct asked_item *items = asked_items(job, NULL, NULL);
	EXPECT_INT(items[3].calls, 1);
	EXPECT_INT(items[4].calls, 1);
}

/* Moderation holds one item back, and not its job. */
static void flagged(void)
{
	fake_script("{'rules': [{'match': {'contains': 'amount 1003'}, 'do': {'status': 403,"
		    " 'body': {'error': {'code': 403, 'message': 'Input flagged', 'metadata':"
		    " {'reasons': ['violence'], 'flagged_input': 'x'}}}}}]}");
	struct job *job = asked_job("flagged", "ai_model=gpt", 8);
	job_submit(job);
	asked_begin();
	await_ended(job);
	stop_all();
	EXPECT_PART(sql_text("SELECT error_class || ' ' || error FROM batch_items"
			     " WHERE status = 'failed'"),
		    "refused_answer HTTP 403 403: Input flagged");
	EXPECT_INT(sql("SELECT count(*) FROM batch_items WHERE status = 'success'"), 7);
}

/* ---- answers that the template does not want ---- */

static int64_t answers_of(const char *job, const char *where)
{
	return sql("SELECT count(*) FROM weir.answers WHERE job_id = '%s' AND ordinal = 3 AND %s",
		   job, where);
}

static void repaired(const char *id, const char *answer, const char *fault)
{
	fake_script("{'rules': [{'match': {'contains': 'amount 1003', 'times': 1},"
		    " 'do': {'answer': '%s'}}]}",
		    answer);
	struct job *job = job_submit(asked_job(id, "ai_model=claude", 8));
	asked_begin();
	finish_asked(job);
	EXPECT_INT(asked_items(job, "claude", TITLES)[3].billed, 2);
	EXPECT_INT(answers_of(id, "error_class = 'bad_answer'"), 1);
	EXPECT_INT(answers_of(id, "error_class IS NULL"), 1);
	EXPECT_INT(sql("SELECT (result->'usage'->>'calls')::int FROM batch_items"
		       " WHERE job_id = '%s' AND ordinal = 3",
		       id),
		   2);
	json_t *log = fake_log(), *line;
	size_t k, told = 0;
	json_array_foreach(log, k, line)
	{
		const char *last = json_string_value(json_object_get(line, "last"));
		told += last && strstr(last, fault);
	}
	EXPECT(told == 1, "%zu calls told the model that %s", told, fault);
	json_decref(log);
}

static void repaired_text(void) { repaired("words", "Sure! Here it is.", "JSON"); }
static void repaired_fields(void)
{
	repaired("wrong", "{\\'title\\': 7, \\'score\\': 0}", "title");
}
static void repaired_range(void)
{
	repaired("range", "{\\'title\\': \\'t\\', \\'score\\': 2}", "score");
}

static void fenced(void)
{
	fake_script("{'rules': [{'match': {'contains': 'amount 1003'}, 'do': {'answer':"
		    " '```json\\n{\\'title\\': \\'mine\\', \\'score\\': 0.5}\\n```'}}]}");
	struct job *job = job_submit(asked_job("fence", "ai_model=claude", 8));
	asked_begin();
	finish(job);
	expect_billed(job, 1);
	EXPECT(strcmp(sql_text("SELECT result->>'title' FROM batch_items WHERE ordinal = 3"),
		      "mine") == 0,
	       "the fence was not taken off");
}

/* It fails with the text kept; another round asks anew, and what was bad does not count in it. */
static void bad_twice(void)
{
	fake_script("{'rules': [{'match': {'contains': 'amount 1003'},"
		    " 'do': {'answer': 'no, never'}}]}");
	struct job *job = asked_job("bad", "ai_model=claude", 8);
	job->items[3].failure = "bad_answer";
	job_submit(job);
	asked_begin();
	finish_asked(job);
	EXPECT_INT(asked_items(job, "claude", TITLES)[3].billed, 2);
	EXPECT_INT(answers_of("bad", "error_class = 'bad_answer' AND answer = 'no, never'"), 2);
	fake_script("{'rules': []}");
	const struct outcome *o = run(NULL, "weir", "retry", "bad", NULL);
	EXPECT(o->status == 0, "weir retry: %d: %s", o->status, o->err);
	job->items[3].failure = NULL;
	job->items[3].attempts = 0;
	asked_begin();
	await(PATIENCE_MS, "SELECT success_count = 8 FROM batch_jobs WHERE job_id = 'bad'");
	finish_asked(job);
	EXPECT_INT(asked_items(job, "claude", TITLES)[3].billed, 3);
	EXPECT_INT(answers_of("bad", "spent"), 2);
}

/* What fails otherwise between the two does not buy a third. */
static void bad_between(void)
{
	fake_script("{'rules': ["
		    "{'match': {'contains': 'amount 1003', 'times': 1}, 'do': {'answer': 'no'}},"
		    "{'match': {'contains': 'amount 1003', 'times': 1},"
		    " 'do': {'status': 400, 'headers': {'x-should-retry': 'true'}}},"
		    "{'match': {'contains': 'amount 1003'}, 'do': {'answer': 'no, never'}}]}");
	struct job *job = asked_job("between", "ai_model=claude", 8);
	job->items[3].failure = "bad_answer";
	job->items[3].attempts = 2;
	job_submit(job);
	asked_begin();
	finish_asked(job);
	const struct asked_item *item = &asked_items(job, "claude", TITLES)[3];
	EXPECT_INT(item->calls, 3);
	EXPECT_INT(item->billed, 2);
}

/* A server that counts tokens by the billion, and gives every answer the same id. */
static void absurd_answers(void)
{
	fake_script(
		"{'rules': [{'match': {'contains': 'amount 1003'}, 'do': {'status': 200,"
		" 'body': {'id': 'same', 'type': 'message', 'role': 'assistant',"
		" 'content': [{'type': 'text', 'text': 'no'}], 'stop_reason': 'end_turn',"
		" 'usage': {'input_tokens': 2147483647000, 'output_tokens': 2147483647000}}}}]}");
	struct job *job = asked_job("absurd", "ai_model=claude", 8);
	job->items[3].failure = "bad_answer";
	job_submit(job);
	asked_begin();
	finish_asked(job);
	EXPECT_INT(answers_of("absurd", "error_class = 'bad_answer'"), 2);
	fake_script("{'rules': []}");
	const struct outcome *o = run(NULL, "weir", "retry", "absurd", NULL);
	EXPECT(o->status == 0, "weir retry: %d: %s", o->status, o->err);
	job->items[3].failure = NULL;
	job->items[3].attempts = 0;
	asked_begin();
	await(PATIENCE_MS, "SELECT success_count = 8 FROM batch_jobs WHERE job_id = 'absurd'");
	finish_asked(job);
}

static void cut_answer(void)
{
	fake_script("{'rules': [{'match': {'contains': 'amount 1003', 'times': 1},"
		    " 'do': {'answer_form': 'truncated'}}]}");
	struct job *job = job_submit(asked_job("cut", "ai_model=claude", 8));
	asked_begin();
	finish_asked(job);
	EXPECT_INT(asked_items(job, "claude", TITLES)[3].billed, 2);
	EXPECT_INT(answers_of("cut", "error_class = 'cut_answer'"), 1);
}

static void refused_answer(void)
{
	fake_script("{'rules': [{'match': {'contains': 'amount 1003'},"
		    " 'do': {'stop_reason': 'refusal'}}]}");
	struct job *job = asked_job("refusal", "ai_model=claude", 8);
	job->items[3].failure = "refused_answer";
	job_submit(job);
	asked_begin();
	finish_asked(job);
	EXPECT_INT(asked_items(job, "claude", TITLES)[3].billed, 1);
}

/* A server that gives all of its answers one id. */
static void same_id(void)
{
	fake_script(
		"{'rules': [{'match': {'contains': 'amount 1003'}, 'do': {'status': 200, 'body':"
		" {'id': 'same', 'content': [{'type': 'text', 'text': 'no'}],"
		" 'stop_reason': 'end_turn'}}}]}");
	struct job *job = asked_job("same", "ai_model=claude", 8);
	job->items[3].failure = "bad_answer";
	job_submit(job);
	asked_begin();
	finish_asked(job);
	EXPECT_INT(asked_items(job, "claude", TITLES)[3].calls, 2);
	EXPECT_INT(answers_of("same", "error_class = 'bad_answer'"), 2);
}

/* One that the ledger does not take fails, and holds up no other. */
static void not_taken(void)
{
	sql("ALTER TABLE weir.answers ADD CONSTRAINT no_third CHECK (ordinal <> 3)");
	struct job *job = asked_job("taken", "ai_model=claude", 40);
	job->items[3].failure = "store";
	job_submit(job);
	asked_begin();
	finish_asked(job);
	expect_billed(job, 1);
	sql("ALTER TABLE weir.answers DROP CONSTRAINT no_third");
}

/* ---- memory ---- */

/* Nine requests of this size are more than the two megabytes that the consumer may use. */
static void finish_large(const char *id, const char *model)
{
	static char text[250000];
	int size = snprintf(text, sizeof text,
			    "user: 'The key is {{key}}, the amount {{amount}}.'\n"
			    "fields:\n  title: {type: text}\nsystem: ");
	memset(text + size, 'x', sizeof text - 1 - (size_t)size);
	template_write("large", text);
	fake_script("{'latency_ms': 300}");
	struct job *job = asked_job(id, model, 24);
	job->context[1] = "model_key=large";
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "ask", "--memory", "2", NULL);
	finish(job);
	expect_billed(job, 1);
}

static void large_calls(void)
{
	finish_large("large", "ai_model=claude");
	int64_t most = fake_count("most_in_flight");
	EXPECT(most > 1 && most <= 9, "%lld large calls were in flight", (long long)most);
}

/* A line of a remote batch never comes: that ends the item once, not each of its attempts. */
static void lost_in_batches(void)
{
	fake_script("{'rules': [{'match': {'path': 'line', 'contains': 'amount 1003'},"
		    " 'do': {'line': 'missing'}}]}");
	struct job *job = asked_job("lost", "ai_model=gpt-batch", 8);
	job->items[3].failure = "lost";
	job_submit(job);
	asked_begin();
	finish_asked(job);
	EXPECT_INT(sql("SELECT sum(missing) FROM batch_remote"), 3);
	EXPECT_INT(sql("SELECT count(*) FROM batch_remote WHERE missing > 0"), 3);
}

static void large_requests(void) { finish_large("parked", "ai_model=claude-batch"); }

/* ---- what only a person can put right ---- */

static void pauses(const char *model, const char *what, const char *reason)
{
	char id[16];
	static int n;
	snprintf(id, sizeof id, "stop_%d", n++);
	fake_script("{'rules': [{'match': {}, 'do': {%s}}]}", what);
	struct job *job = asked_job(id, model, 30);
	for (int i = 0; i < job->size; i++)
		job->items[i].attempts = 1;
	job_submit(job);
	asked_begin();
	await(PATIENCE_MS, "SELECT status = 'paused' FROM weir.jobs WHERE job_id = '%s'", id);
	EXPECT_PART(sql_text("SELECT pause_reason FROM weir.jobs WHERE job_id = '%s'", id), reason);
	EXPECT_INT(sql("SELECT starts_with(pause_reason, replace('%s', '=', ' ') || ': ')::int"
		       " FROM weir.jobs WHERE job_id = '%s'",
		       model, id),
		   1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = '%s'", id), 0);
	fake_script("{'rules': []}");
	const struct outcome *o = run(NULL, "weir", "resume", id, NULL);
	EXPECT(o->status == 0, "weir resume: %d: %s", o->status, o->err);
	finish_asked(job);
	expect_billed(job, 1);
	EXPECT(strcmp(sql_text("SELECT pause_reason FROM weir.jobs WHERE job_id = '%s'", id), "") ==
		       0,
	       "%s still has a reason", id);
}

static void spend_cap(void)
{
	pauses("ai_model=claude",
	       "'status': 429, 'error': {'message': 'the cap is reached',"
	       " 'details': {'error_code': 'enforced_spend_limit_reached'}}",
	       "the cap is reached");
}

static void low_credit(void)
{
	pauses("ai_model=claude",
	       "'status': 400, 'error': {'message': 'Your credit balance is too low to access'}",
	       "credit balance");
}

static void quota(void)
{
	pauses("ai_model=gpt",
	       "'status': 429, 'error': {'code': 'insufficient_quota', 'message': 'quota used up'}",
	       "quota used up");
}

static void bad_key(void) { pauses("ai_model=claude", "'status': 401", "x-api-key"); }
static void no_permission(void) { pauses("ai_model=gpt", "'status': 403", "permission"); }
static void no_model(void)
{
	pauses("ai_model=claude", "'status': 404, 'error': {'message': 'model: claude'}", "model");
}

/* In words that nobody has written down: it is said to all. */
static void refused_alike(void)
{
	fake_script("{'rules': [{'match': {}, 'do': {'status': 400, 'headers': {'request-id':"
		    " 'r'}, 'error': {'message': 'this plan has no such thing'}}}]}");
	struct job *job = job_submit(asked_job("alike", "ai_model=claude", 300));
	asked_begin();
	await(PATIENCE_MS, "SELECT status = 'paused' FROM weir.jobs WHERE job_id = 'alike'");
	EXPECT_PART(sql_text("SELECT pause_reason FROM weir.jobs WHERE job_id = 'alike'"),
		    "10 items in a row were refused alike, and none was answered: HTTP 400");
	EXPECT(sql("SELECT count(*) FROM batch_items WHERE status = 'failed'") < job->size,
	       "all of them have failed");
	stop_all();
}

/* A job of another model goes on beside it. */
static void others_go_on(void)
{
	fake_script("{'rules': [{'match': {'model': 'gpt'}, 'do': {'status': 401}}]}");
	struct job *stopped = job_submit(asked_job("stopped", "ai_model=gpt", 40));
	struct job *job = job_submit(asked_job("going", "ai_model=claude", 40));
	asked_begin();
	await_ended(job);
	await(PATIENCE_MS, "SELECT status = 'paused' FROM weir.jobs WHERE job_id = 'stopped'");
	expect_billed(job, 1);
	expect_billed(stopped, 0);
}

/* ---- contexts ---- */

/* Four jobs in one process at once, of all that a context can differ in. */
static void contexts(void)
{
	static const char *const context[][3] = {
		{"ai_model=claude", "model_key=idea", "custom_instructions=Write as a pirate."},
		{"ai_model=gpt", "model_key=idea", "custom_instructions=Write as a judge."},
		{"ai_model=claude", "model_key=plain", NULL},
		{"ai_model=gpt", "model_key=plain", "custom_instructions=Never shown."}};
	static const char *const ids[] = {"pirate", "judge", "plain", "silent"};
	static const char *const systems[] = {TITLES "\nWrite as a pirate.",
					      TITLES "\nWrite as a judge.", "Be plain.",
					      "Be plain."};
	struct job *jobs[4];
	template_write("plain", "description: plain\nsystem: Be plain.\n"
				"user: 'The key is {{key}}, the amount {{amount}}.'\n"
				"fields:\n  title: {type: text, least: 20, most: 80}\n"
				"  other: {type: integer, least: 1, most: 5}\n");
	fake_script("{'latency_ms': 20}");
	for (int i = 0; i < 4; i++) {
		jobs[i] = asked_job(ids[i], context[i][0], 150);
		memcpy(jobs[i]->context, context[i], sizeof context[i]);
		job_submit(jobs[i]);
	}
	asked_begin();
	for (int i = 0; i < 4; i++)
		await_ended(jobs[i]);
	stop_all();
	for (int i = 0; i < 4; i++) {
		check_exact(jobs[i]);
		expect_answers(jobs[i], context[i][0] + strlen("ai_model="), systems[i]);
		expect_billed(jobs[i], 1);
	}
	EXPECT_INT(fake_count("requests"), 600);
}

static void add_outages(void)
{
	CU_pSuite s = FAKE_SUITE("a provider fails for a while");
	CU_add_test(s, "each form of Retry-After", each_retry_after);
	CU_add_test(s, "a limit of its own", limited_provider);
	CU_add_test(s, "a limit of ours", limited_by_us);
	CU_add_test(s, "500", server_error);
	CU_add_test(s, "502 with a page", gateway_error);
	CU_add_test(s, "409", conflict);
	CU_add_test(s, "503", unavailable);
	CU_add_test(s, "529", overloaded);
	CU_add_test(s, "529 with Retry-After", overloaded_for_long);
	CU_add_test(s, "400 with x-should-retry", told_to_retry);
	CU_add_test(s, "a body that is cut", cut_body);
	CU_add_test(s, "a body that is no JSON", no_json);
	CU_add_test(s, "a body that is other JSON", wrong_json);
	CU_add_test(s, "an answer that is lost", answer_lost);
	CU_add_test(s, "an answer that is lost is not billed twice", answer_lost_idempotent);
	CU_add_test(s, "a slow first byte", slow_first_byte);
	CU_add_test(s, "a slow body", slow_body);
	CU_add_test(s, "no answer at all", never_answered);
	CU_add_test(s, "it is away", away);
	CU_add_test(s, "it has no room", no_room);
	CU_add_test(s, "it has errors of its own", server_errors);
	CU_add_test(s, "its gateway answers with pages", gateway_pages);
	CU_add_test(s, "pages come as answers", pages_of_200);
	CU_add_test(s, "errors come as answers", errors_of_200);
	CU_add_test(s, "one item always fails", poisoned);
	CU_add_test(s, "one item always fails and is alone", poisoned_alone);
}

void add_asks_suite(void);

void add_asks_suite(void)
{
	CU_pSuite s = FAKE_SUITE("items ask a model");
	CU_add_test(s, "of both vendors", both_vendors);
	CU_add_test(s, "and the ledger says what it costs", cost);
	CU_add_test(s, "a local one asks nobody", local_asks_nobody);
	CU_add_test(s, "unknown names are refused", unknown_names);
	CU_add_test(s, "a model that the consumer does not know", unknown_to_the_consumer);
	CU_add_test(s, "a template that the consumer does not know",
		    a_template_unknown_to_the_consumer);
	CU_add_test(s, "each with its own context", contexts);
	add_outages();
	s = FAKE_SUITE("a model answers badly");
	CU_add_test(s, "the request is refused", refused);
	CU_add_test(s, "an item that moderation holds back", flagged);
	CU_add_test(s, "words, and is told", repaired_text);
	CU_add_test(s, "wrong fields, and is told", repaired_fields);
	CU_add_test(s, "out of range, and is told", repaired_range);
	CU_add_test(s, "a fence is taken off", fenced);
	CU_add_test(s, "twice, and in another round well", bad_twice);
	CU_add_test(s, "twice, with a failure between", bad_between);
	CU_add_test(s, "with absurd counts, under one id", absurd_answers);
	CU_add_test(s, "an answer that was cut", cut_answer);
	CU_add_test(s, "an answer that was refused", refused_answer);
	CU_add_test(s, "under the same id", same_id);
	CU_add_test(s, "an answer that the ledger does not take", not_taken);
	CU_add_test(s, "calls are as many as there is memory for", large_calls);
	CU_add_test(s, "requests are parked as memory allows", large_requests);
	CU_add_test(s, "a remote batch never has its line", lost_in_batches);
	s = FAKE_SUITE("what a person has to put right pauses the job");
	CU_add_test(s, "a spend cap", spend_cap);
	CU_add_test(s, "no credit", low_credit);
	CU_add_test(s, "a quota", quota);
	CU_add_test(s, "a key", bad_key);
	CU_add_test(s, "a permission", no_permission);
	CU_add_test(s, "a model that is not there", no_model);
	CU_add_test(s, "what is refused to all alike", refused_alike);
	CU_add_test(s, "and no other job", others_go_on);
}
