/* What models say, in all the forms that the fake knows: the answer is found in it, or asked for
 * again, and is never another one. */
#include <stdio.h>
#include <string.h>

#include "asked.h"
#include "weir/buffer.h"

static const struct said {
	const char *form;
	int calls;
} said[] = {
	{"think", 1},
	{"think_draft", 1},
	{"think_draft_fenced", 1},
	{"think_empty", 1},
	{"think_twice", 1},
	{"think_unclosed", 2},
	{"think_unclosed_answer", 2},
	{"think_close_only", 1},
	{"think_close_only_draft", 1},
	{"thinking_tag", 1},
	{"reasoning_tag", 1},
	{"thought_tag", 1},
	{"think_brackets", 1},
	{"think_kimi", 1},
	{"think_seed", 1},
	{"reasoning_content", 1},
	{"reasoning", 1},
	{"thinking_redacted", 1},
	{"content_parts_split", 1},
	{"content_parts_thinking", 1},
	{"content_parts_erratic", 1},
	{"content_missing", 2},
	{"content_null", 2},
	{"tool_calls", 1},
	{"refusal_text", 2},
	{"before", 1},
	{"behind", 1},
	{"around", 1},
	{"before_braces", 1},
	{"behind_braces", 1},
	{"label_json", 1},
	{"fence", 1},
	{"fence_inline", 1},
	{"fence_unclosed", 1},
	{"fence_end_only", 1},
	{"fence_python", 1},
	{"fence_two", 1},
	{"boxed", 1},
	{"array", 1},
	{"array_two", 2},
	{"array_empty", 2},
	{"key_result", 1},
	{"key_deep", 1},
	{"key_beside", 1},
	{"key_arguments", 1},
	{"schema_echo", 2},
	{"schema_filled", 1},
	{"schema_before", 1},
	{"double_encoded", 1},
	{"double_encoded_key", 1},
	{"escaped", 1},
	{"two_objects", 1},
	{"two_objects_same", 1},
	{"two_objects_joined", 1},
	{"corrected", 1},
	{"example_behind", 2},
	{"repeated_chat", 1},
	{"trailing_commas", 1},
	{"single_quotes", 1},
	{"python", 1},
	{"bare_keys", 1},
	{"comments", 1},
	{"comments_block", 1},
	{"missing_commas", 2},
	{"smart_quotes", 1},
	{"duplicate_keys", 2},
	{"numbers_as_text", 1},
	{"nan", 2},
	{"percent", 2},
	{"number_huge", 2},
	{"im_end", 1},
	{"eos", 1},
	{"channel_final", 1},
	{"channel_analysis", 1},
	{"channel_leaked", 1},
	{"byte_order_mark", 1},
	{"white_space", 1},
	{"truncated", 2},
	{"truncated_silently", 2},
	{"whole_at_length", 1},
	{"empty", 2},
	{"word_null", 2},
	{"object_empty", 2},
	{"prose", 2},
};

#define FORMS ((int)(sizeof said / sizeof *said))

/* A form for each item, the first time that it is asked for. */
static void script_forms(void)
{
	struct buffer b = BUFFER_INIT;
	buffer_add_text(&b, "{'rules': [");
	for (int i = 0; i < FORMS; i++)
		buffer_printf(&b,
			      "%s{'match': {'contains': 'amount %d.', 'times': 1},"
			      " 'do': {'answer_form': '%s'}}",
			      i ? ", " : "", 1000 + i, said[i].form);
	buffer_add_text(&b, "]}");
	fake_script("%s", buffer_text(&b));
	buffer_release(&b);
}

static void every_form(const char *model)
{
	script_forms();
	struct job *job = job_submit(asked_job("forms", model, FORMS));
	asked_begin();
	finish(job);
	expect_answers(job, NULL, NULL);
	const struct asked_item *items = asked_items(job, NULL, NULL);
	for (int i = 0; i < FORMS; i++)
		EXPECT(items[i].calls == said[i].calls, "%s took %d calls, not %d", said[i].form,
		       items[i].calls, said[i].calls);
}

static void of_openai(void) { every_form("ai_model=gpt"); }
static void of_anthropic(void) { every_form("ai_model=claude"); }

/* ---- limits ---- */

#define TITLE(LIMIT)                                                                               \
	"user: 'The key is {{key}}, the amount {{amount}}.'\n" LIMIT                               \
	"fields:\n  title: {type: text}\n  score: {type: number, least: -1, most: 1}\n"

/* What was cut is asked for again with more room. */
static void more_room(void)
{
	template_write("idea", TITLE("max_tokens: 100\n"));
	fake_script(
		"{'rules': [{'match': {'where': {'max_completion_tokens': 100}}, 'do': {'status': "
		"500}},"
		" {'match': {'where': {'max_tokens': 100}}, 'do': {'answer_form': 'truncated'}},"
		" {'match': {'lacks': 'none', 'where': {'max_tokens': 400}}, 'do': {}},"
		" {'match': {}, 'do': {'status': 400}}]}");
	struct job *job = job_submit(asked_job("room", "ai_model=gpt", 3));
	asked_begin();
	finish(job);
	EXPECT_INT(sql("SELECT count(*) FROM batch_answers WHERE job_id = 'room'"
		       " AND error_class = 'cut_answer'"),
		   3);
	EXPECT_PART(sql_text("SELECT min(error) FROM batch_answers WHERE job_id = 'room'"
			     " AND error_class IS NOT NULL"),
		    "the answer was cut at");
}

/* The models file's word goes before the template's, and is the bound. */
static void the_models_own(void)
{
	models_write("  gpt: {provider: openai, base_url: $URL, key_env: FAKE_KEY, max_tokens: 7,"
		     " temperature: 0.5, response_format: json_schema, reasoning_effort: low,"
		     " max_tokens_field: max_completion_tokens, extra: {top_p: 0.25}}\n");
	template_write("idea", TITLE("max_tokens: 100\n"));
	fake_script("{'rules': [{'match': {'lacks': 'max_tokens', 'where': {"
		    "'max_completion_tokens': 7, 'temperature': 0.5, 'reasoning_effort': 'low',"
		    " 'top_p': 0.25, 'response_format.type': 'json_schema',"
		    " 'response_format.json_schema.strict': true,"
		    " 'response_format.json_schema.name': 'idea'}},"
		    " 'do': {'stop_reason': 'length', 'answer': '{', 'usage_form': 'floats'}},"
		    " {'match': {}, 'do': {'status': 400}}]}");
	struct job *job = asked_job("own", "ai_model=gpt", 1);
	job->items[0].failure = "bad_answer";
	job_submit(job);
	asked_begin();
	finish(job);
	EXPECT_INT(sql("SELECT count(*) FROM batch_answers WHERE job_id = 'own'"
		       " AND error_class = 'cut_answer'"),
		   2);
}

void add_answers_suite(void);

void add_answers_suite(void)
{
	CU_pSuite s = FAKE_SUITE("answers");
	CU_add_test(s, "every form of OpenAI's API", of_openai);
	CU_add_test(s, "every form of Anthropic's API", of_anthropic);
	CU_add_test(s, "more room for what was cut", more_room);
	CU_add_test(s, "the model's own settings", the_models_own);
}
