/* What answers cost, by what their provider says that it counted. */
#include <stdio.h>
#include <string.h>

#include "asked.h"
#include "weir/buffer.h"

#define MODELS                                                                                     \
	"  priced:\n    provider: openai\n    base_url: $URL\n    key_env: FAKE_KEY\n"             \
	"    input_price: 1\n    output_price: 5\n    cached_input_price: 0.1\n"                   \
	"  free:\n    provider: openai\n    base_url: $URL\n    key_env: FAKE_KEY\n"               \
	"    input_price: 0\n    output_price: 0\n"                                                \
	"  unpriced:\n    provider: openai\n    base_url: $URL\n    key_env: FAKE_KEY\n"           \
	"  claude:\n    provider: anthropic\n    base_url: $URL\n    key_env: FAKE_KEY\n"          \
	"    input_price: 1\n    output_price: 5\n"

#define OPENAI(USAGE)                                                                              \
	"{'choices': [{'message': {'content': '{\\\"title\\\":\\\"t\\\",\\\"score\\\":0}'},"       \
	" 'finish_reason': 'stop'}]" USAGE "}"
#define ANTHROPIC(USAGE)                                                                           \
	"{'content': [{'type': 'text', 'text': '{\\\"title\\\":\\\"t\\\",\\\"score\\\":0}'}],"     \
	" 'stop_reason': 'end_turn'" USAGE "}"

/* A response for each item, by its amount. */
static void script(const char *const *bodies, size_t n)
{
	struct buffer b = BUFFER_INIT;
	buffer_add_text(&b, "{'rules': [");
	for (size_t i = 0; i < n; i++)
		buffer_printf(&b,
			      "%s{'match': {'contains': 'amount %zu,'}, 'do': {'status': 200,"
			      " 'body': %s}}",
			      i ? ", " : "", 1000 + i, bodies[i]);
	buffer_add_text(&b, "]}");
	fake_script("%s", buffer_text(&b));
	buffer_release(&b);
}

/* Like "amount N." of the template, but so that no number is the beginning of another. */
static void prepare(void)
{
	models_write(MODELS);
	template_write("idea", "user: 'The key is {{key}}, the amount {{amount}}, no more.'\n"
			       "fields:\n  title: {type: text}\n  score: {type: number}\n");
}

static void expect_rows(const char *job, const char *const *wanted, size_t n)
{
	PGresult *r = sql_rows("SELECT concat_ws(' ', coalesce(input_tokens::text, '-'),"
			       " coalesce(cached_input_tokens::text, '-'), cache_write_tokens,"
			       " cache_write_1h_tokens, coalesce(output_tokens::text, '-'),"
			       " reasoning_tokens, coalesce(trim_scale(cost)::text, '-'))"
			       " FROM batch_answers WHERE job_id = '%s' ORDER BY ordinal",
			       job);
	EXPECT_INT(PQntuples(r), (int64_t)n);
	for (size_t i = 0; i < n && (int)i < PQntuples(r); i++)
		EXPECT(strcmp(PQgetvalue(r, (int)i, 0), wanted[i]) == 0, "item %zu: %s, not %s", i,
		       PQgetvalue(r, (int)i, 0), wanted[i]);
	PQclear(r);
}

static void ask(const char *id, const char *model, int n)
{
	struct job *job = job_submit(asked_job(id, model, n));
	asked_begin();
	finish(job);
}

static void each_kind_of_tokens(void)
{
	static const char *const bodies[] = {
		OPENAI(", 'usage': {'prompt_tokens': 1000, 'completion_tokens': 100,"
		       " 'total_tokens': 1100, 'prompt_tokens_details': {'cached_tokens': 600}}"),
		OPENAI(", 'usage': {'prompt_tokens': 10, 'completion_tokens': 5,"
		       " 'total_tokens': 65,"
		       " 'completion_tokens_details': {'reasoning_tokens': 50}}"),
		OPENAI(""), OPENAI(", 'usage': {'prompt_tokens': 2, 'completion_tokens': 1}")};
	static const char *const rows[] = {"1000 600 0 0 100 0 0.00096", "10 0 0 0 55 50 0.000285",
					   "- - - -", "2 0 0 0 1 0 0.000007"};
	prepare();
	script(bodies, 4);
	ask("kinds", "ai_model=priced", 4);
	expect_rows("kinds", rows, 4);
	EXPECT_PART(sql_text("SELECT string_agg(result->'usage'->>'cost', ' ' ORDER BY ordinal)"
			     " FROM batch_items WHERE job_id = 'kinds'"),
		    "0.00096 0.000285 unknown 0.000007");
	const struct outcome *o = run(NULL, "weir", "report", "kinds", NULL);
	EXPECT_PART(o->out, "4 answers, 1012 tokens in (600 from the cache, 0 written to it), 156 "
			    "out (50 of reasoning) (without those of 1 answer), cost 0.001252 "
			    "(without that of 1 answer)\n");
	o = run(NULL, "weir", "report", "kinds", "--format", "json", NULL);
	EXPECT_PART(o->out, "\"calls\":4,\"input_tokens\":1012,\"output_tokens\":156,\"cost\":"
			    "0.001252,\"cached_input_tokens\":600,\"cache_write_tokens\":0,"
			    "\"cache_write_1h_tokens\":0,\"reasoning_tokens\":50,"
			    "\"usage_unknown\":1,\"cost_unknown\":1,");
}

static void by_anthropics_rule(void)
{
	static const char *const bodies[] = {
		ANTHROPIC(", 'usage': {'input_tokens': 100, 'output_tokens': 10,"
			  " 'cache_creation_input_tokens': 3000, 'cache_read_input_tokens': 2000,"
			  " 'cache_creation': {'ephemeral_5m_input_tokens': 1000,"
			  " 'ephemeral_1h_input_tokens': 2000}}")};
	static const char *const rows[] = {"5100 2000 1000 2000 10 0 0.0056"};
	prepare();
	script(bodies, 1);
	ask("rule", "ai_model=claude", 1);
	expect_rows("rule", rows, 1);
}

/* Nobody has said what it costs: that is not nothing. */
static void without_a_price(void)
{
	prepare();
	ask("unpriced", "ai_model=unpriced", 2);
	ask("free", "ai_model=free", 2);
	EXPECT_INT(sql("SELECT count(*) FROM batch_answers WHERE job_id = 'unpriced'"
		       " AND cost IS NULL AND input_tokens > 0"),
		   2);
	EXPECT_INT(sql("SELECT count(*) FROM batch_answers WHERE job_id = 'free' AND cost = 0"), 2);
	const struct outcome *o = run(NULL, "weir", "report", "unpriced", NULL);
	EXPECT_PART(o->out, ", cost unknown\n");
	o = run(NULL, "weir", "report", "unpriced", "--format", "csv", NULL);
	EXPECT_PART(o->out, ",unknown,0,0,0,0,0,2,");
	o = run(NULL, "weir", "report", "unpriced", "--format", "csv", "--items", NULL);
	EXPECT_PART(o->out, ",unknown,0,0,0,0,0,1,");
	o = run(NULL, "weir", "results", "unpriced", NULL);
	EXPECT_PART(o->out, "\"cost\":\"unknown\"");
	EXPECT_PART(o->out, "\"cost_unknown\":1}");
	o = run(NULL, "weir", "report", "free", NULL);
	EXPECT_PART(o->out, ", cost 0\n");
}

/* What is more than can be held is not known: of one answer, or of two of an item. */
static void beyond_any_sum(void)
{
	static const char all[] = ", 'usage': {'prompt_tokens': 2147483647000,"
				  " 'completion_tokens': 1}";
	struct buffer b = BUFFER_INIT;
	prepare();
	models_write("  dear: {provider: openai, base_url: $URL, key_env: FAKE_KEY, input_price: 4,"
		     " output_price: 0}\n"
		     "  dearest: {provider: openai, base_url: $URL, key_env: FAKE_KEY,"
		     " input_price: 5, output_price: 0}\n");
	buffer_printf(
		&b,
		"{'rules': [{'match': {'contains': 'amount 1000,', 'model': 'dear', 'times': 1},"
		" 'do': {'status': 200, 'body': {'choices': [{'message': {'content': '{}'},"
		" 'finish_reason': 'stop'}]%s}}}, {'match': {}, 'do': {'status': 200, "
		"'body': " OPENAI("%s") "}}]}",
		all, all);
	fake_script("%s", buffer_text(&b));
	buffer_release(&b);
	ask("dear", "ai_model=dear", 2);
	ask("dearest", "ai_model=dearest", 1);
	EXPECT_PART(sql_text("SELECT string_agg(result->'usage'->>'cost', ' ' ORDER BY ordinal)"
			     " FROM batch_items WHERE job_id = 'dear'"),
		    "unknown 8589934.588");
	EXPECT_PART(sql_text("SELECT string_agg(result->'usage'->>'cost', ' ' ORDER BY ordinal)"
			     " FROM batch_items WHERE job_id = 'dearest'"),
		    "unknown");
	EXPECT_INT(sql("SELECT count(*) FROM batch_answers WHERE job_id = 'dearest'"
		       " AND cost IS NULL"),
		   1);
	const struct outcome *o = run(NULL, "weir", "report", "dear", NULL);
	EXPECT_PART(o->out, ", cost 25769803.764\n");
	o = run(NULL, "weir", "report", "dearest", NULL);
	EXPECT_PART(o->out, ", cost unknown\n");
}

/* The same of a remote batch. */
static void in_batches(void)
{
	models_write(
		"  batched:\n    provider: anthropic\n    base_url: $URL\n"
		"    key_env: FAKE_KEY\n    input_price: 0.5\n    output_price: 2.5\n"
		"    mode: batch\n    batch: {wait: 50ms, poll_least: 50ms, poll_most: 100ms}\n"
		"  bare:\n    provider: openai\n    base_url: $URL\n    key_env: FAKE_KEY\n"
		"    mode: batch\n    batch: {wait: 50ms, poll_least: 50ms, poll_most: 100ms}\n");
	fake_script("{'rules': [{'match': {'path': 'line', 'model': 'batched'},"
		    " 'do': {'usage_form': 'anthropic_cached'}},"
		    " {'match': {'path': 'line'}, 'do': {'usage_form': 'missing'}}]}");
	ask("batched", "ai_model=batched", 3);
	ask("bare", "ai_model=bare", 3);
	EXPECT_INT(
		sql("SELECT count(*) FROM batch_answers WHERE job_id = 'batched'"
		    " AND remote_batch_id IS NOT NULL AND cached_input_tokens > 0"
		    " AND cache_write_tokens > 0 AND cache_write_1h_tokens > 0"
		    " AND cost * 1000000 = 0.5 * (input_tokens - cached_input_tokens"
		    "  - cache_write_tokens - cache_write_1h_tokens) + 0.05 * cached_input_tokens"
		    "  + 0.625 * cache_write_tokens + 1 * cache_write_1h_tokens"
		    "  + 2.5 * output_tokens"),
		3);
	EXPECT_INT(
		sql("SELECT count(*) FROM batch_answers WHERE job_id = 'bare'"
		    " AND remote_batch_id IS NOT NULL AND cost IS NULL AND input_tokens IS NULL"),
		3);
}

static int told(const struct process *p, const char *text)
{
	int n = 0;
	for (const char *at = log_of(p); (at = strstr(at, text)); at++)
		n++;
	return n;
}

/* A cached token has no price here. Each cause is told once. */
static void told_once_a_cause(void)
{
	static const char *const bodies[] = {
		OPENAI(", 'usage': {'prompt_tokens': 9, 'completion_tokens': 1,"
		       " 'prompt_cache_hit_tokens': 3}"),
		OPENAI(", 'usage': {'prompt_tokens': 9, 'completion_tokens': 1,"
		       " 'prompt_cache_hit_tokens': 3}"),
		OPENAI(", 'usage': 'many'"), OPENAI(", 'usage': null")};
	models_write("  bare: {provider: openai, base_url: $URL, key_env: FAKE_KEY, input_price: 1,"
		     " output_price: 5}\n");
	template_write("idea", "user: 'The key is {{key}}, the amount {{amount}}, no more.'\n"
			       "fields:\n  title: {type: text}\n  score: {type: number}\n");
	script(bodies, 4);
	struct job *job = job_submit(asked_job("told", "ai_model=bare", 4));
	start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "ask", NULL);
	finish(job);
	EXPECT_INT(sql("SELECT count(*) FROM batch_answers WHERE job_id = 'told' AND cost IS NULL"),
		   4);
	EXPECT_INT(told(consumer, "model=bare cause=\"its model has no cached_input_price, and "
				  "tokens came from the cache\""),
		   1);
	EXPECT_INT(told(consumer, "model=bare cause=\"the response has no usage\""), 1);
}

void add_usage_suite(void);

void add_usage_suite(void)
{
	CU_pSuite s = FAKE_SUITE("usage");
	CU_add_test(s, "each kind of tokens", each_kind_of_tokens);
	CU_add_test(s, "by Anthropic's rule", by_anthropics_rule);
	CU_add_test(s, "without a price", without_a_price);
	CU_add_test(s, "beyond any sum", beyond_any_sum);
	CU_add_test(s, "in remote batches", in_batches);
	CU_add_test(s, "told once a cause", told_once_a_cause);
}
