/* What is sent to the providers, byte by byte, and what their answers come to. */
#include <CUnit/CUnit.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "provider_case.h"
#include "weir/provider.h"

static struct weir_error err;

static void expect_buffer(struct buffer *b, const char *wanted)
{
	const char *text = buffer_text(b);

	if (!text || strcmp(text, wanted) != 0)
		fprintf(stderr, "    %s\n    wanted %s\n", text ? text : "(none)", wanted);
	CU_ASSERT(text && strcmp(text, wanted) == 0);
	buffer_reset(b);
}

/* ---- what is sent ---- */

static struct prompt prompt_of(const char *system, const char *user)
{
	struct prompt p = {.max_tokens = 200};

	buffer_add_text(&p.system, system);
	buffer_add_text(&p.user, user);
	return p;
}

static void release(struct prompt *p)
{
	buffer_release(&p->system);
	buffer_release(&p->user);
}

static void expect_body(const struct model *m, const struct prompt *p, const char *wanted)
{
	struct buffer out = BUFFER_INIT;

	CU_ASSERT_EQUAL_FATAL(provider_body(m, p, &out, &err), 0);
	expect_buffer(&out, wanted);
	buffer_release(&out);
}

static void bodies(void)
{
	struct prompt p = prompt_of("Be \"brief\".", "One\nline \xC3\xA9\xFF");

	expect_body(
		&claude, &p,
		"{\"model\":\"claude-haiku\",\"max_tokens\":200,\"system\":\"Be \\\"brief\\\".\","
		"\"messages\":[{\"role\":\"user\",\"content\":"
		"\"One\\nline \xC3\xA9\xEF\xBF\xBD\"}]}");
	expect_body(&gpt, &p,
		    "{\"model\":\"gpt-mini\",\"max_completion_tokens\":200,\"messages\":["
		    "{\"role\":\"system\",\"content\":\"Be \\\"brief\\\".\"},"
		    "{\"role\":\"user\",\"content\":\"One\\nline \xC3\xA9\xEF\xBF\xBD\"}]}");
	release(&p);
}

static void body_without_system(void)
{
	struct prompt p = prompt_of("", "hi");

	p.max_tokens = 0;
	expect_body(&claude, &p,
		    "{\"model\":\"claude-haiku\",\"max_tokens\":1000,"
		    "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
	expect_body(&compatible, &p,
		    "{\"model\":\"gpt-mini\",\"max_tokens\":1000,"
		    "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
	release(&p);
}

static void settings_of_a_model(void)
{
	static char extra[] = "\"top_p\":0.9";
	struct prompt p = prompt_of("", "hi");
	struct model m = compatible;

	p.name = "sentiment";
	p.schema = "{\"type\":\"object\"}";
	p.strict = true;
	m.has_temperature = true;
	m.temperature = 650000;
	m.reasoning_effort = "low";
	m.response_format = FORMAT_JSON_SCHEMA;
	m.max_tokens_field = LIMIT_MAX_COMPLETION_TOKENS;
	m.extra = extra;
	expect_body(&m, &p,
		    "{\"model\":\"gpt-mini\",\"max_completion_tokens\":200,"
		    "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
		    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
		    "{\"name\":\"sentiment\",\"strict\":true,\"schema\":{\"type\":\"object\"}}},"
		    "\"reasoning_effort\":\"low\",\"temperature\":0.65,\"top_p\":0.9}");
	m.response_format = FORMAT_JSON_OBJECT;
	m.reasoning_effort = NULL;
	m.temperature = 0;
	m.extra = NULL;
	expect_body(&m, &p,
		    "{\"model\":\"gpt-mini\",\"max_completion_tokens\":200,"
		    "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
		    "\"response_format\":{\"type\":\"json_object\"},\"temperature\":0}");
	m = claude;
	m.has_temperature = true;
	m.temperature = 1000000;
	m.extra = extra;
	expect_body(&m, &p,
		    "{\"model\":\"claude-haiku\",\"max_tokens\":200,"
		    "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"temperature\":1,"
		    "\"top_p\":0.9}");
	release(&p);
}

/* By the host; the models file's word goes before it. */
static void name_of_the_limit(void)
{
	static const struct {
		const char *base_url;
		enum model_limit field;
		bool newer;
	} rows[] = {
		{"https://api.openai.com/v1", LIMIT_BY_HOST, true},
		{"https://eu.api.openai.com/v1", LIMIT_BY_HOST, true},
		{"https://api.openai.com/v1", LIMIT_MAX_TOKENS, false},
		{"https://r.openai.azure.com/openai/v1", LIMIT_BY_HOST, true},
		{"https://r.openai.azure.com/openai/deployments/d", LIMIT_BY_HOST, false},
		{"https://r.openai.azure.com/openai/deployments/d", LIMIT_MAX_COMPLETION_TOKENS,
		 true},
		{"https://openrouter.ai/api/v1", LIMIT_BY_HOST, false},
		{"http://127.0.0.1:11434/v1", LIMIT_BY_HOST, false},
		{"http://proxy/api.openai.com/v1", LIMIT_BY_HOST, false},
	};
	struct prompt p = prompt_of("", "hi");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buffer out = BUFFER_INIT;
		struct model m = gpt;

		m.base_url = (char *)(uintptr_t)rows[i].base_url;
		m.max_tokens_field = rows[i].field;
		CU_ASSERT_EQUAL_FATAL(provider_body(&m, &p, &out, &err), 0);
		CU_ASSERT_EQUAL(strstr(buffer_text(&out), "\"max_completion_tokens\":200") != NULL,
				rows[i].newer);
		CU_ASSERT_EQUAL(strstr(buffer_text(&out), "\"max_tokens\":200") != NULL,
				!rows[i].newer);
		buffer_release(&out);
	}
	release(&p);
}

static void repairs(void)
{
	struct prompt p = prompt_of("", "hi");

	p.answer = text_of("{\"a\":");
	p.fault = text_of("not JSON");
	expect_body(&claude, &p,
		    "{\"model\":\"claude-haiku\",\"max_tokens\":200,\"messages\":["
		    "{\"role\":\"user\",\"content\":\"hi\"},"
		    "{\"role\":\"assistant\",\"content\":\"{\\\"a\\\":\"},"
		    "{\"role\":\"user\",\"content\":\"not JSON\"}]}");
	p.answer = text_of(" \n");
	expect_body(&gpt, &p,
		    "{\"model\":\"gpt-mini\",\"max_completion_tokens\":200,\"messages\":["
		    "{\"role\":\"user\",\"content\":\"hi\"},"
		    "{\"role\":\"assistant\",\"content\":\"-\"},"
		    "{\"role\":\"user\",\"content\":\"not JSON\"}]}");
	release(&p);
}

/* All of a request but its body: "METHOD url|header|header". */
static void expect_request(const struct http_request *r, const char *wanted)
{
	struct buffer out = BUFFER_INIT;

	buffer_printf(&out, "%s %s", r->method, r->url);
	for (size_t i = 0; i < HTTP_HEADERS_MAX && r->headers[i]; i++)
		buffer_printf(&out, "|%s", r->headers[i]);
	expect_buffer(&out, wanted);
	CU_ASSERT(r->timeout_ms > 0);
	CU_ASSERT(r->response_max > 0);
	buffer_release(&out);
}

static void expect_call(const struct model *m, const char *wanted)
{
	struct buffer texts = BUFFER_INIT;
	struct http_request r;

	CU_ASSERT_EQUAL_FATAL(provider_call(m, "job/1/x", &texts, &r, &err), 0);
	expect_request(&r, wanted);
	buffer_release(&texts);
}

static void calls(void)
{
	struct model other = claude;

	expect_call(&claude, "POST https://api.anthropic.com/v1/messages|"
			     "anthropic-version: 2023-06-01|x-api-key: " KEY "|"
			     "Content-Type: application/json|Idempotency-Key: job/1/x");
	expect_call(&gpt, "POST https://api.openai.com/v1/chat/completions|"
			  "Authorization: Bearer " KEY "|"
			  "Content-Type: application/json|Idempotency-Key: job/1/x");
	expect_call(&compatible, "POST http://127.0.0.1:8000/api/v3/chat/completions|"
				 "Content-Type: application/json|Idempotency-Key: job/1/x");
	other.base_url = (char[]){"http://gateway/anthropic/v1"};
	other.key = NULL;
	expect_call(&other, "POST http://gateway/anthropic/v1/messages|"
			    "anthropic-version: 2023-06-01|"
			    "Content-Type: application/json|Idempotency-Key: job/1/x");
}

static void a_local_model_is_not_called(void)
{
	static const struct model local = {.name = "local", .provider = PROVIDER_LOCAL};
	struct buffer out = BUFFER_INIT;
	struct prompt p = {0};

	CU_ASSERT_EQUAL(provider_body(&local, &p, &out, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_value");
}

/* ---- what is answered ---- */

static const struct answer_case {
	const struct model *model;
	const char *body, *text, *id, *code;
	int input, output;
} answers[] = {
	{&claude,
	 "{'id':'msg_1','type':'message','content':[{'type':'text','text':'a'},"
	 "{'type':'thinking','text':'no'},{'type':'text','text':'b'}],'stop_reason':'end_turn',"
	 "'usage':{'input_tokens':5,'output_tokens':7,'cache_creation_input_tokens':10,"
	 "'cache_read_input_tokens':null}}",
	 "ab", "msg_1", "", 15, 7},
	{&claude,
	 "{'id':'msg_2','content':[{'type':'text','text':'half'}],'stop_reason':'max_tokens',"
	 "'usage':{'input_tokens':5,'output_tokens':7,'cache_read_input_tokens':3}}",
	 "half", "msg_2", "cut_answer", 8, 7},
	{&claude,
	 "{'id':'m','content':[],'stop_reason':'model_context_window_exceeded','usage':{}}", "",
	 "m", "cut_answer", 0, 0},
	{&claude, "{'id':'m','content':[],'stop_reason':'refusal','usage':{'output_tokens':1}}", "",
	 "m", "refused_answer", 0, 1},
	/* Ids that cannot be ids are none; U+0000 cannot be kept. */
	{&claude, "{'id':'a/../b','content':[{'type':'text','text':'x\\u0000y'}]}",
	 "x\xEF\xBF\xBDy", "", "", 0, 0},
	{&gpt,
	 "{'id':'chatcmpl-1','choices':[{'index':0,'message':{'role':'assistant','content':'hi',"
	 "'refusal':null},'finish_reason':'stop'}],'usage':{'prompt_tokens':9,"
	 "'completion_tokens':4,'prompt_tokens_details':{'cached_tokens':8}}}",
	 "hi", "chatcmpl-1", "", 9, 4},
	{&gpt,
	 "{'id':'c','choices':[{'message':{'content':'h'},'finish_reason':'length'}],"
	 "'usage':{'prompt_tokens':9,'completion_tokens':4}}",
	 "h", "c", "cut_answer", 9, 4},
	{&gpt, "{'id':'c','choices':[{'message':{'content':''},'finish_reason':'content_filter'}]}",
	 "", "c", "refused_answer", 0, 0},
	{&gpt,
	 "{'id':'c','choices':[{'message':{'content':null,'refusal':'No.'},'finish_reason':'stop'}]"
	 "}",
	 "", "c", "refused_answer", 0, 0},
	{&compatible,
	 "{'choices':[{'message':{'content':[{'type':'text','text':'a'},{'text':'b'}]}}],"
	 "'usage':null,'error':null}",
	 "ab", "", "", 0, 0},
	/* Where else the text may be. */
	{&gpt,
	 "{'choices':[{'message':{'content':[{'type':'thinking','thinking':[{'type':'text','text':"
	 "'no'}]},{'type':'reasoning','text':'no'},{'type':'output_text','text':'a'},'b']}}]}",
	 "ab", "", "", 0, 0},
	{&gpt, "{'choices':[{'message':{'content':{'type':'text','text':'a'}}}]}", "a", "", "", 0,
	 0},
	{&gpt, "{'choices':[{'message':{'content':{'a':1,'b':[true]}}}]}", "{\"a\":1,\"b\":[true]}",
	 "", "", 0, 0},
	{&gpt,
	 "{'choices':[{'message':{'content':null,'tool_calls':[{'function':{'name':'f',"
	 "'arguments':'{}'}}]},'finish_reason':'tool_calls'}]}",
	 "{}", "", "", 0, 0},
	{&gpt,
	 "{'choices':[{'message':{'content':'Draft','tool_calls':[{'function':{'name':'f',"
	 "'arguments':'{ 1}'}}]},'finish_reason':'tool_calls'}]}",
	 "Draft\n\nFinal answer:\n{ 1}", "", "", 0, 0},
	{&gpt,
	 "{'choices':[{'message':{'content':'a','tool_calls':[{'function':{'name':'f',"
	 "'arguments':'{ }'}}, {'function':{'arguments':''}}]}}]}",
	 "a", "", "", 0, 0},
	{&gpt,
	 "{'choices':[{'message':{'content':null,'tool_calls':[{'function':{'arguments':'{1}'}},"
	 "{'function':{'arguments':{'a':2}}}]}}]}",
	 "{1},\n{\"a\":2}", "", "", 0, 0},
	{&gpt, "{'choices':[{'message':{'content':'','function_call':{'arguments':'{1}'}}}]}",
	 "{1}", "", "", 0, 0},
	{&gpt,
	 "{'choices':[{'message':{'content':null,'reasoning':'{}'},'finish_reason':'length'}]}", "",
	 "", "cut_answer", 0, 0},
	{&gpt, "{'choices':[{'message':{'content':null,'reasoning_content':' {}\\n'}}]}", " {}\n",
	 "", "", 0, 0},
	{&gpt, "{'choices':[{'message':{'content':'','reasoning':'Perhaps {}'}}]}", "", "",
	 "bad_answer", 0, 0},
	{&gpt, "{'choices':[{'message':{'content':'a','reasoning':'{}'}}]}", "a", "", "", 0, 0},
	{&gpt,
	 "{'choices':[{'index':1,'message':{'content':'b'}},{'index':0,'message':{'content':'a'}}]"
	 "}",
	 "a", "", "", 0, 0},
	{&gpt,
	 "{'choices':[{'delta':{'content':'a'},'usage':{'prompt_tokens':3,'completion_tokens':"
	 "1}}]}",
	 "a", "", "", 3, 1},
	{&gpt, "{'choices':[{'message':{'content':'a'},'finish_reason':'MAX_TOKENS'}]}", "a", "",
	 "cut_answer", 0, 0},
	{&gpt, "{'choices':[{'message':{'content':'a'},'finish_reason':'end_turn'}]}", "a", "", "",
	 0, 0},
	{&gpt, "{'choices':[{'message':{'content':'a'},'finish_reason':'SAFETY'}]}", "a", "",
	 "refused_answer", 0, 0},
	{&claude, "{'content':[{'type':'tool_use','name':'f','input':{'a':1}}]}", "{\"a\":1}", "",
	 "", 0, 0},
	{&claude,
	 "{'content':[{'type':'tool_use','input':{'a':1}},{'type':'thinking','thinking':'no'},"
	 "{'type':'text','text':'Draft'},{'type':'tool_use','input':{'a':2}}]}",
	 "Draft\n\nFinal answer:\n{\"a\":1},\n{\"a\":2}", "", "", 0, 0},
	{&compatible, "{'choices':[{'message':{'content':'a'}}],'error':0}", "a", "", "", 0, 0},
	{&compatible, "{'choices':[{'message':{'content':'a'}}],'error':{}}", "a", "", "", 0, 0},
};

static void whole_answers(void)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const struct answer_case *c = &answers[i];
		struct reply r;

		read_case(c->model, 200, "", c->body, &r);
		if (r.kind != REPLY_ANSWER || strcmp(r.error.code, c->code) != 0)
			fprintf(stderr, "    answer %zu: kind %d, %s: %s\n", i, (int)r.kind,
				r.error.code, r.error.text);
		CU_ASSERT_EQUAL(r.kind, REPLY_ANSWER);
		CU_ASSERT_STRING_EQUAL(r.error.code, c->code);
		CU_ASSERT_STRING_EQUAL(r.id, c->id);
		CU_ASSERT_EQUAL(r.usage.input, c->input);
		CU_ASSERT_EQUAL(r.usage.output, c->output);
		expect_buffer(&r.text, c->text);
		reply_release(&r);
	}
}

/* ---- what was counted ---- */

#define N_A "'content':[]"
#define N_O "'choices':[{'message':{'content':'x'}}]"
#define LACKS_A "the usage lacks input_tokens or output_tokens"
#define LACKS_O "the usage lacks prompt_tokens or completion_tokens"
#define NO_NUMBER "a count of the usage is no number of tokens"
#define NO_SUM "the total_tokens of the usage are not the sum of its parts"
#define TWO_WAYS "the total_tokens of the usage can be understood in two ways"
#define TWO_NUMBERS "the usage tells two different numbers for the same tokens"
#define UNKNOWN_NAME "the usage counts tokens of a cache under a name that is not known"
#define NO_OUTPUT "the usage counts no output tokens of an answer that is not empty"
#define TOO_CACHED "the usage has more cached tokens than prompt_tokens"

static const struct {
	const struct model *model;
	const char *usage, *fault; /* fault NULL: none */
	int input, cached, written, written_1h, output, reasoning;
} usages[] = {
	/* Anthropic: input_tokens stand beside those of the cache. */
	{&claude, "{'input_tokens':5,'output_tokens':7}", NULL, 5, 0, 0, 0, 7, 0},
	{&claude,
	 "{'input_tokens':5,'output_tokens':7,'cache_creation_input_tokens':null,"
	 "'cache_read_input_tokens':null,'cache_creation':null,'service_tier':'standard'}",
	 NULL, 5, 0, 0, 0, 7, 0},
	{&claude,
	 "{'input_tokens':21,'cache_creation_input_tokens':188,'cache_read_input_tokens':2048,"
	 "'output_tokens':393}",
	 NULL, 2257, 2048, 188, 0, 393, 0},
	{&claude,
	 "{'input_tokens':2048,'cache_read_input_tokens':1800,'cache_creation_input_tokens':248,"
	 "'output_tokens':503,'cache_creation':{'ephemeral_5m_input_tokens':148,"
	 "'ephemeral_1h_input_tokens':100}}",
	 NULL, 4096, 1800, 148, 100, 503, 0},
	{&claude,
	 "{'input_tokens':1,'cache_creation_input_tokens':10,'output_tokens':2,"
	 "'cache_creation':{'ephemeral_1h_input_tokens':10}}",
	 NULL, 11, 0, 0, 10, 2, 0},
	{&claude,
	 "{'input_tokens':1,'cache_creation_input_tokens':10,'output_tokens':2,"
	 "'cache_creation':{'ephemeral_5m_input_tokens':4,'ephemeral_1h_input_tokens':4}}",
	 "what was written to the cache is not the sum of its parts", 11, 0, 6, 4, 2, 0},
	{&claude, "{'input_tokens':5,'output_tokens':7.0}", NULL, 5, 0, 0, 0, 7, 0},
	{&claude, "{'input_tokens':5}", LACKS_A, 5, 0, 0, 0, 0, 0},
	{&claude, "{'prompt_tokens':5,'completion_tokens':7}", LACKS_A, 0, 0, 0, 0, 0, 0},
	{&claude, "{'input_tokens':5,'output_tokens':-7}", NO_NUMBER, 5, 0, 0, 0, 0, 0},
	{&claude, "{'input_tokens':'5','output_tokens':7}", NULL, 5, 0, 0, 0, 7, 0},
	{&claude, "{'input_tokens':'5 ','output_tokens':7}", NO_NUMBER, 0, 0, 0, 0, 7, 0},
	{&claude,
	 "{'input_tokens':1,'cache_creation_input_tokens':10,'output_tokens':2,"
	 "'cache_creation':{'ephemeral_5m_input_tokens':0,'ephemeral_1h_input_tokens':0}}",
	 NULL, 11, 0, 10, 0, 2, 0},
	{&claude, "{'input_tokens':5.5,'output_tokens':7}", NO_NUMBER, 0, 0, 0, 0, 7, 0},
	{&claude, "null", "the response has no usage", 0, 0, 0, 0, 0, 0},
	{&claude, "[5,7]", "the response has no usage", 0, 0, 0, 0, 0, 0},
	/* OpenAI: cached ones are of the prompt, reasoning of the completion. */
	{&gpt,
	 "{'prompt_tokens':2006,'completion_tokens':300,'total_tokens':2306,"
	 "'prompt_tokens_details':{'cached_tokens':1920,'audio_tokens':0},"
	 "'completion_tokens_details':{'reasoning_tokens':256,'accepted_prediction_tokens':0}}",
	 NULL, 2006, 1920, 0, 0, 300, 256},
	{&gpt,
	 "{'prompt_tokens':9,'completion_tokens':4,'total_tokens':13,"
	 "'prompt_tokens_details':null,'completion_tokens_details':null}",
	 NULL, 9, 0, 0, 0, 4, 0},
	{&gpt, "{'prompt_tokens':9,'completion_tokens':4}", NULL, 9, 0, 0, 0, 4, 0},
	/* xAI: reasoning beside the completion, and in the total. */
	{&gpt,
	 "{'prompt_tokens':32,'completion_tokens':9,'total_tokens':135,"
	 "'prompt_tokens_details':{'cached_tokens':6},"
	 "'completion_tokens_details':{'reasoning_tokens':94}}",
	 NULL, 32, 6, 0, 0, 103, 94},
	{&gpt,
	 "{'prompt_tokens':32,'completion_tokens':9,"
	 "'completion_tokens_details':{'reasoning_tokens':94}}",
	 NULL, 32, 0, 0, 0, 103, 94},
	/* Gemini: in the total alone. */
	{&gpt,
	 "{'prompt_tokens':9,'completion_tokens':10,'total_tokens':519},'model':'gemini-2.5-flash'",
	 NULL, 9, 0, 0, 0, 510, 500},
	{&gpt,
	 "{'prompt_tokens':9,'completion_tokens':10,'total_tokens':519,'completion_tokens_details':"
	 "{'reasoning_tokens':0}},'model':'gemini-2.5-flash'",
	 NO_SUM, 9, 0, 0, 0, 10, 0},
	{&gpt,
	 "{'prompt_tokens':900,'completion_tokens':10,'total_tokens':1410,'prompt_tokens_details':"
	 "{'cached_tokens':500}},'model':'gemini-2.5-flash'",
	 TWO_WAYS, 900, 500, 0, 0, 10, 0},
	{&gpt, "{'prompt_tokens':9,'completion_tokens':10,'total_tokens':519}", NO_SUM, 9, 0, 0, 0,
	 10, 0},
	/* Cached and written ones beside the prompt: Portkey for Bedrock. */
	{&gpt,
	 "{'prompt_tokens':3000,'completion_tokens':19,'total_tokens':5019,"
	 "'cache_read_input_tokens':2000}",
	 NULL, 5000, 2000, 0, 0, 19, 0},
	{&gpt,
	 "{'prompt_tokens':3000,'completion_tokens':19,'total_tokens':5019,"
	 "'cache_read_input_tokens':0,'cache_creation_input_tokens':2000}",
	 NULL, 5000, 0, 2000, 0, 19, 0},
	{&gpt,
	 "{'prompt_tokens':3000,'completion_tokens':19,'total_tokens':5519,"
	 "'cache_read_input_tokens':500,'cache_creation_input_tokens':2000}",
	 NULL, 5500, 500, 2000, 0, 19, 0},
	{&gpt,
	 "{'prompt_tokens':3000,'completion_tokens':19,'total_tokens':5019,"
	 "'cache_read_input_tokens':1000,'cache_creation_input_tokens':2000}",
	 NO_SUM, 3000, 1000, 2000, 0, 19, 0},
	{&gpt,
	 "{'prompt_tokens':600,'completion_tokens':100,'total_tokens':1100,"
	 "'prompt_tokens_details':{'cached_tokens':400}}",
	 NULL, 1000, 400, 0, 0, 100, 0},
	{&gpt,
	 "{'prompt_tokens':600,'completion_tokens':100,'total_tokens':1100,"
	 "'prompt_tokens_details':{'cached_tokens':400},"
	 "'completion_tokens_details':{'reasoning_tokens':0}}",
	 NULL, 1000, 400, 0, 0, 100, 0},
	{&gpt,
	 "{'prompt_tokens':600,'completion_tokens':100,'total_tokens':1150,"
	 "'prompt_tokens_details':{'cached_tokens':400},"
	 "'completion_tokens_details':{'reasoning_tokens':50}}",
	 NULL, 1000, 400, 0, 0, 150, 50},
	{&gpt,
	 "{'prompt_tokens':600,'completion_tokens':100,'total_tokens':1100,"
	 "'prompt_tokens_details':{'cached_tokens':400},"
	 "'completion_tokens_details':{'reasoning_tokens':400}}",
	 TWO_WAYS, 600, 400, 0, 0, 100, 400},
	{&gpt,
	 "{'prompt_tokens':600,'completion_tokens':100,'total_tokens':1100,"
	 "'completion_tokens_details':{'reasoning_tokens':0}}",
	 NO_SUM, 600, 0, 0, 0, 100, 0},
	{&gpt,
	 "{'inputTokens':600,'outputTokens':100,'totalTokens':1300,'cacheReadInputTokens':400,"
	 "'cacheWriteInputTokens':200}",
	 NULL, 1200, 400, 200, 0, 100, 0},
	{&gpt, "{'prompt_tokens':600,'completion_tokens':100,'cache_read_input_tokens':400}",
	 "the usage does not tell whether cached tokens are of the prompt", 600, 400, 0, 0, 100, 0},
	{&gpt,
	 "{'input_tokens':3000,'output_tokens':19,'total_tokens':3019,'cache_read_input_tokens':"
	 "2000}",
	 NO_SUM, 5000, 2000, 0, 0, 19, 0},
	/* DashScope, LiteLLM, new-api: what was written, and for how long. */
	{&gpt,
	 "{'prompt_tokens':300,'completion_tokens':20,'total_tokens':320,'prompt_tokens_details':"
	 "{'cached_tokens':0,'cache_creation_input_tokens':200,'cache_creation':"
	 "{'ephemeral_5m_input_tokens':200},'cache_type':'ephemeral'}}",
	 NULL, 300, 0, 200, 0, 20, 0},
	{&gpt,
	 "{'prompt_tokens':300,'completion_tokens':20,'total_tokens':320,'prompt_tokens_details':"
	 "{'cache_creation_tokens':200,'cache_creation_token_details':"
	 "{'ephemeral_5m_input_tokens':0,'ephemeral_1h_input_tokens':200}}}",
	 NULL, 300, 0, 0, 200, 20, 0},
	{&gpt,
	 "{'prompt_tokens':300,'completion_tokens':20,'total_tokens':320,'input_tokens':0,"
	 "'output_tokens':0,'input_tokens_details':null,'prompt_tokens_details':"
	 "{'cached_tokens':0},'claude_cache_creation_5_m_tokens':50,"
	 "'claude_cache_creation_1_h_tokens':100}",
	 NULL, 300, 0, 50, 100, 20, 0},
	{&gpt,
	 "{'prompt_tokens':300,'completion_tokens':20,'prompt_tokens_details':"
	 "{'cache_creation_tokens':200,'cache_creation_token_details':"
	 "{'ephemeral_5m_input_tokens':50,'ephemeral_1h_input_tokens':100}}}",
	 "what was written to the cache is not the sum of its parts", 300, 0, 100, 100, 20, 0},
	{&gpt,
	 "{'prompt_tokens':300,'completion_tokens':20,'prompt_tokens_details':{'cached_tokens':0,"
	 "'cache_creation':{'ephemeral_1d_input_tokens':200}}}",
	 UNKNOWN_NAME, 300, 0, 0, 0, 20, 0},
	{&gpt,
	 "{'prompt_tokens':300,'completion_tokens':20,'cache_store_tokens':200,'cache_type':'x'}",
	 UNKNOWN_NAME, 300, 0, 0, 0, 20, 0},
	{&gpt,
	 "{'prompt_tokens':300,'completion_tokens':20,'cacheDetails':[{'ttl':'1h','inputTokens':"
	 "9}]}",
	 UNKNOWN_NAME, 300, 0, 0, 0, 20, 0},
	{&gpt,
	 "{'prompt_tokens':300,'completion_tokens':20,'cache_discount':0.5,'prompt_tokens_details':"
	 "{'cached_tokens':9,'cached_tokens_details':{'text_tokens':9}}}",
	 NULL, 300, 9, 0, 0, 20, 0},
	{&claude,
	 "{'input_tokens':1,'cache_creation_input_tokens':10,'output_tokens':2,'cache_creation':"
	 "{'ephemeral_1d_input_tokens':10}}",
	 UNKNOWN_NAME, 11, 0, 10, 0, 2, 0},
	/* What contradicts itself. */
	{&gpt,
	 "{'prompt_tokens':1000,'completion_tokens':20,'total_tokens':1020,'prompt_tokens_details':"
	 "{'cached_tokens':0},'prompt_cache_hit_tokens':400,'prompt_cache_miss_tokens':600}",
	 TWO_NUMBERS, 1000, 0, 0, 0, 20, 0},
	{&gpt, "{'prompt_tokens':1000,'input_tokens':600,'completion_tokens':20}", TWO_NUMBERS,
	 1000, 0, 0, 0, 20, 0},
	{&gpt,
	 "{'prompt_tokens':1000,'completion_tokens':20,'total_tokens':1020,"
	 "'prompt_cache_hit_tokens':400,'prompt_cache_miss_tokens':100}",
	 "what was in the cache and what was not are not the prompt_tokens", 1000, 400, 0, 0, 20,
	 0},
	{&gpt,
	 "{'prompt_tokens':1000,'completion_tokens':20,'prompt_cache_hit_tokens':0,"
	 "'prompt_cache_miss_tokens':0}",
	 NULL, 1000, 0, 0, 0, 20, 0},
	{&gpt, "{'prompt_tokens':9,'completion_tokens':0,'total_tokens':9}", NO_OUTPUT, 9, 0, 0, 0,
	 0, 0},
	{&gpt,
	 "{'prompt_tokens':21,'completion_tokens':0,'total_tokens':81,'completion_tokens_details':"
	 "{'reasoning_tokens':60}}",
	 NO_OUTPUT, 21, 0, 0, 0, 60, 60},
	/* DeepSeek, Moonshot. */
	{&gpt,
	 "{'prompt_tokens':100,'completion_tokens':20,'total_tokens':120,"
	 "'prompt_cache_hit_tokens':64,'prompt_cache_miss_tokens':36,"
	 "'completion_tokens_details':{'reasoning_tokens':12}}",
	 NULL, 100, 64, 0, 0, 20, 12},
	{&gpt, "{'prompt_tokens':100,'completion_tokens':20,'total_tokens':120,'cached_tokens':50}",
	 NULL, 100, 50, 0, 0, 20, 0},
	/* OpenRouter, LiteLLM: writes to a cache behind them. */
	{&gpt,
	 "{'prompt_tokens':100,'completion_tokens':20,'total_tokens':120,"
	 "'prompt_tokens_details':{'cached_tokens':10,'cache_write_tokens':80},'cost':0.001}",
	 NULL, 100, 10, 80, 0, 20, 0},
	{&gpt,
	 "{'prompt_tokens':100,'completion_tokens':20,'total_tokens':120,"
	 "'prompt_tokens_details':{'cached_tokens':10},'cache_creation_input_tokens':80,"
	 "'cache_read_input_tokens':10}",
	 NULL, 100, 10, 80, 0, 20, 0},
	/* As the newer API of OpenAI has it. */
	{&gpt,
	 "{'input_tokens':100,'output_tokens':20,'total_tokens':120,"
	 "'input_tokens_details':{'cached_tokens':10},"
	 "'output_tokens_details':{'reasoning_tokens':5}}",
	 NULL, 100, 10, 0, 0, 20, 5},
	/* The names of other APIs. */
	{&gpt, "{'input_tokens':1,'output_tokens':2,'cache_read_input_tokens':50}", NULL, 51, 50, 0,
	 0, 2, 0},
	{&gpt, "{'prompt_eval_count':5,'eval_count':7}", NULL, 5, 0, 0, 0, 7, 0},
	{&gpt,
	 "{'promptTokenCount':5,'candidatesTokenCount':7,'thoughtsTokenCount':9,"
	 "'totalTokenCount':21}",
	 NULL, 5, 0, 0, 0, 16, 9},
	{&gpt, "{'inputTokens':5,'outputTokens':7,'totalTokens':12}", NULL, 5, 0, 0, 0, 7, 0},
	{&gpt, "{'billed_units':{'input_tokens':5,'output_tokens':7}}", NULL, 5, 0, 0, 0, 7, 0},
	/* What cannot be right, or is not told. */
	{&gpt, "{'prompt_tokens':0,'completion_tokens':0,'total_tokens':0}",
	 "the usage counts no input tokens", 0, 0, 0, 0, 0, 0},
	{&claude, "{'input_tokens':0,'output_tokens':0}", "the usage counts no input tokens", 0, 0,
	 0, 0, 0, 0},
	{&gpt,
	 "{'prompt_tokens':9,'completion_tokens':4,'prompt_tokens_details':{'cached_tokens':10}}",
	 TOO_CACHED, 9, 10, 0, 0, 4, 0},
	{&gpt, "{'prompt_tokens':9,'completion_tokens':4,'total_tokens':12}", NO_SUM, 9, 0, 0, 0, 4,
	 0},
	{&gpt,
	 "{'prompt_tokens':9,'completion_tokens':4,'total_tokens':20,"
	 "'completion_tokens_details':{'reasoning_tokens':3}}",
	 NO_SUM, 9, 0, 0, 0, 4, 3},
	{&gpt,
	 "{'prompt_tokens':9,'completion_tokens':4,'total_tokens':13,"
	 "'completion_tokens_details':{'reasoning_tokens':5}}",
	 "the usage has more reasoning tokens than completion_tokens", 9, 0, 0, 0, 4, 5},
	{&gpt, "{'prompt_tokens':9}", LACKS_O, 9, 0, 0, 0, 0, 0},
	{&gpt, "{'prompt_tokens':null,'completion_tokens':4}", LACKS_O, 0, 0, 0, 0, 4, 0},
	{&gpt, "{}", LACKS_O, 0, 0, 0, 0, 0, 0},
	{&gpt, "{'prompt_tokens':'9','completion_tokens':4}", NULL, 9, 0, 0, 0, 4, 0},
	{&gpt, "{'prompt_tokens':'9 tokens','completion_tokens':4}", NO_NUMBER, 0, 0, 0, 0, 4, 0},
	{&gpt, "{'prompt_tokens':true,'completion_tokens':4}", NO_NUMBER, 0, 0, 0, 0, 4, 0},
	{&gpt, "{'prompt_tokens':1e300,'completion_tokens':4}", NO_NUMBER, 0, 0, 0, 0, 4, 0},
	{&gpt, "null", "the response has no usage", 0, 0, 0, 0, 0, 0},
	{&gpt, "'9'", "the response has no usage", 0, 0, 0, 0, 0, 0},
};

static void expect_counts(const struct usage *u, size_t i)
{
	CU_ASSERT_STRING_EQUAL(u->fault ? u->fault : "", usages[i].fault ? usages[i].fault : "");
	CU_ASSERT_EQUAL(u->input, usages[i].input);
	CU_ASSERT_EQUAL(u->cached, usages[i].cached);
	CU_ASSERT_EQUAL(u->written, usages[i].written);
	CU_ASSERT_EQUAL(u->written_1h, usages[i].written_1h);
	CU_ASSERT_EQUAL(u->output, usages[i].output);
	CU_ASSERT_EQUAL(u->reasoning, usages[i].reasoning);
}

static void counts_of_tokens(void)
{
	for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
		char body[1000];
		unsigned before = CU_get_number_of_failures(), after;
		struct reply r;

		snprintf(body, sizeof(body), "{%s,'usage':%s}",
			 usages[i].model == &claude ? N_A : N_O, usages[i].usage);
		read_case(usages[i].model, 200, "", body, &r);
		CU_ASSERT_EQUAL(r.kind, REPLY_ANSWER);
		expect_counts(&r.usage, i);
		after = CU_get_number_of_failures();
		if (after > before)
			fprintf(stderr, "    usage %zu: %s\n", i, usages[i].usage);
		reply_release(&r);
	}
}

static void a_response_without_usage(void)
{
	struct reply r;

	read_case(&claude, 200, "",
		  "{'content':[{'type':'text','text':'x'}],'usage':{'input_tokens':5,"
		  "'output_tokens':0}}",
		  &r);
	CU_ASSERT_STRING_EQUAL(r.usage.fault, NO_OUTPUT);
	reply_release(&r);

	read_case(&claude, 200, "", "{" N_A "}", &r);
	CU_ASSERT_STRING_EQUAL(r.usage.fault, "the response has no usage");
	reply_release(&r);
	read_case(&gpt, 200, "", "{" N_O "}", &r);
	CU_ASSERT_STRING_EQUAL(r.usage.fault, "the response has no usage");
	reply_release(&r);
}

static void malformed_answers(void)
{
	static const char *const bodies_of[] = {"",
						"{",
						"[]",
						"null",
						"{}",
						"{'content':'text'}",
						"{'choices':[]}",
						"{'content':[{'type':'text','text':'\xFF'}]}",
						"<html>"};

	for (size_t i = 0; i < sizeof(bodies_of) / sizeof(bodies_of[0]); i++) {
		struct reply r;

		read_case(i % 2 ? &claude : &gpt, 200, "", bodies_of[i], &r);
		CU_ASSERT_EQUAL(r.kind, REPLY_RETRY);
		CU_ASSERT_STRING_EQUAL(r.error.code, "bad_response");
		reply_release(&r);
	}
}

/* What a retry does not mend is read, where no part of the answer is lost. */
static void mended_answers(void)
{
	static const struct {
		const char *body, *text, *code;
	} rows[] = {
		{"\xEF\xBB\xBF{'choices':[{'message':{'content':'a'}}]}\n \n", "a", ""},
		{"{'choices':[{'message':{'content':'a','reasoning_content':'\xFFx'}}]}", "a", ""},
		{"{'choices':[{'message':{'content':'a','reasoning_content':'\\ud83d x'}}]}", "a",
		 ""},
		{"{'choices':[{'message':{'content':'\\ud83d\\ude00','reasoning':'\\udE00'}}]}",
		 "\xF0\x9F\x98\x80", ""},
		{"{'choices':[{'message':{'content':'a\\\\ud83d','reasoning':'\xC3'}}]}",
		 "a\\ud83d", ""},
		{"{'choices':[{'message':{'content':'a\xFF'}}]}", "", "bad_response"},
		{"{'choices':[{'message':{'content':'a\\ud83d'}}]}", "", "bad_response"},
		{"{'choices':[{'message':{'content':'a'}}]} // end", "", "bad_response"},
		{"{'choices':[{'message':{'content':'a'}}]}{}", "", "bad_response"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reply r;

		read_case(&gpt, 200, "", rows[i].body, &r);
		if (*rows[i].code) {
			CU_ASSERT_EQUAL(r.kind, REPLY_RETRY);
			CU_ASSERT_STRING_EQUAL(r.error.code, rows[i].code);
		} else {
			CU_ASSERT_EQUAL(r.kind, REPLY_ANSWER);
			expect_buffer(&r.text, rows[i].text);
		}
		reply_release(&r);
	}
}

static void an_answer_with_nul_behind(void)
{
	static const char body[] = "{\"choices\":[{\"message\":{\"content\":\"a\"}}]}\0\n\0";
	struct http_response r = {.status = 200, .sent = true, .body = {body, sizeof(body)}};
	struct reply reply;

	provider_read(&gpt, &r, &reply);
	CU_ASSERT_EQUAL(reply.kind, REPLY_ANSWER);
	expect_buffer(&reply.text, "a");
	reply_release(&reply);
}

/* The models file leads to something else: for each item alike. */
static void answers_of_other_apis(void)
{
	static const struct {
		const struct model *model;
		const char *body, *part;
	} rows[] = {
		{&gpt,
		 "{'type':'message','role':'assistant','content':[{'type':'text','text':'a'}]}",
		 "Anthropic's Messages"},
		{&claude, "{'object':'chat.completion','choices':[{'message':{'content':'a'}}]}",
		 "chat completions"},
		{&gpt, "{'object':'text_completion','choices':[{'text':'old'}]}",
		 "text completions"},
		{&claude, "{'choices':[{'text':'old'}]}", "text completions"},
		{&gpt, "{'object':'response','output':[{'type':'message'}]}", "Responses"},
		{&gpt, "{'candidates':[{'content':{'parts':[{'text':'a'}]}}]}", "Gemini"},
		{&gpt, "{'model':'m','message':{'role':'assistant','content':'a'},'done':true}",
		 "Ollama"},
		{&gpt, "{'model':'m','message':{'content':'a'},'done':false}\n{'done':true}\n",
		 "Ollama"},
		{&gpt, "{'model':'m','response':'a','done':true}", "Ollama"},
		{&gpt, "{'output':{'message':{'content':[{'text':'a'}]}},'stopReason':'end_turn'}",
		 "Converse"},
		{&gpt, "{'object':'list','data':[]}", "a list"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reply r;

		read_case(rows[i].model, 200, "", rows[i].body, &r);
		CU_ASSERT_EQUAL(r.kind, REPLY_STOP);
		CU_ASSERT_STRING_EQUAL(r.error.code, "wrong_api");
		CU_ASSERT_PTR_NOT_NULL(strstr(r.error.text, rows[i].part));
		reply_release(&r);
	}
}

/* Filters end answers in many words; what is empty tells why it ended. */
static void ends_of_answers(void)
{
	static const struct {
		const struct model *model;
		const char *body, *code, *part;
	} rows[] = {
		{&gpt,
		 "{'choices':[{'message':{'content':''},'finish_reason':'PROHIBITED_CONTENT'}]}",
		 "refused_answer", "PROHIBITED_CONTENT"},
		{&gpt, "{'choices':[{'message':{'content':null},'finish_reason':'BLOCKLIST'}]}",
		 "refused_answer", "BLOCKLIST"},
		{&gpt, "{'choices':[{'message':{},'finish_reason':'SPII'}]}", "refused_answer",
		 "SPII"},
		{&gpt, "{'choices':[{'message':{},'finish_reason':'content_filter: SAFETY'}]}",
		 "refused_answer", "SAFETY"},
		{&gpt, "{'choices':[{'message':{},'finish_reason':'content_filtered'}]}",
		 "refused_answer", "content_filtered"},
		{&gpt, "{'choices':[{'message':{},'finish_reason':'guardrail_intervened'}]}",
		 "refused_answer", "guardrail_intervened"},
		{&gpt, "{'choices':[{'message':{},'finish_reason':'OTHER'}]}", "refused_answer",
		 "OTHER"},
		{&gpt, "{'choices':[{'message':{'content':'a'},'finish_reason':'OTHER'}]}", "", ""},
		{&gpt,
		 "{'choices':[{'message':{},'finish_reason':'stop','native_finish_reason':'SAFETY'}"
		 "]}",
		 "refused_answer", "SAFETY"},
		{&gpt,
		 "{'choices':[{'message':{'content':[{'type':'refusal','refusal':'I will not'}]},"
		 "'finish_reason':'stop'}]}",
		 "refused_answer", "I will not"},
		{&gpt,
		 "{'choices':[{'message':{'content':null,'function_call':{'name':'f','arguments':"
		 "'{}'}},'finish_reason':'function_call'}]}",
		 "", ""},
		{&gpt, "{'choices':[{'message':{'content':''},'finish_reason':'stop'}]}",
		 "bad_answer", "The answer is empty (finish_reason stop)."},
		{&claude, "{'content':[],'stop_reason':'end_turn'}", "bad_answer",
		 "The answer is empty (stop_reason end_turn)."},
		{&claude, "{'content':[],'stop_reason':'guardrail_intervened'}", "refused_answer",
		 "guardrail_intervened"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reply r;

		read_case(rows[i].model, 200, "", rows[i].body, &r);
		CU_ASSERT_EQUAL(r.kind, REPLY_ANSWER);
		CU_ASSERT_STRING_EQUAL(r.error.code, rows[i].code);
		CU_ASSERT_PTR_NOT_NULL(strstr(r.error.text, rows[i].part));
		reply_release(&r);
	}
}

static void deep_answers(void)
{
	struct buffer body = BUFFER_INIT;
	struct reply r;

	for (int i = 0; i < 500000; i++)
		buffer_add_char(&body, '[');
	CU_ASSERT_PTR_NOT_NULL_FATAL(buffer_text(&body));
	read_case(&claude, 200, "", body.data, &r);
	CU_ASSERT_EQUAL(r.kind, REPLY_RETRY);
	buffer_release(&body);
}

/* ---- what a server has ---- */

static void expect_models_url(const struct model *m, bool one, const char *wanted)
{
	struct buffer texts = BUFFER_INIT;
	struct http_request r;

	CU_ASSERT_EQUAL_FATAL(provider_models(m, one, &texts, &r, &err), 0);
	CU_ASSERT_STRING_EQUAL(r.url, wanted);
	buffer_release(&texts);
}

static void model_urls(void)
{
	struct model other = compatible;

	expect_models_url(&claude, false, "https://api.anthropic.com/v1/models?limit=1000");
	expect_models_url(&claude, true, "https://api.anthropic.com/v1/models/claude-haiku");
	expect_models_url(&gpt, false, "https://api.openai.com/v1/models");
	other.model = (char[]){"org/a b?#:x"};
	other.query = (char[]){"api-version=1"};
	expect_models_url(&other, true,
			  "http://127.0.0.1:8000/api/v3/models/org/a%20b%3F%23:x?api-version=1");
}

static const struct {
	int status;
	const char *body, *names, *code; /* names: with a blank behind each */
} lists[] = {
	{200, "{'object':'list','data':[{'id':'a'},{'id':'b','name':'c'}]}", "a b ", ""},
	{200, "{'data':[],'has_more':false}", "", ""},
	{200, "[{'id':'a'},{'x':1},'b']", "a b ", ""},
	{200, "{'models':[{'name':'models/a'},{'model':'b'}]}", "models/a b ", ""},
	{404, "{'error':{'message':'no'}}", "", "no_list"},
	{405, "", "", "no_list"},
	{501, "", "", "no_list"},
	{200, "<html>", "", "no_list"},
	{200, "{'data':'a'}", "", "no_list"},
	{204, "", "", "bad_response"},
	{200, "{'error':{'message':'bad','code':401}}", "", "bad_key"},
	{200, "{'error':'no','data':[]}", "", "provider_error"},
	{401, "{'error':{'message':'bad'}}", "", "bad_key"},
	{503, "", "", "overloaded"},
};

static void model_lists(void)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct http_response r = response_of(lists[i].status, "", lists[i].body);
		struct buffer names = BUFFER_INIT;
		struct reply why;
		int rc = provider_read_models(&gpt, &r, &names, &why);

		CU_ASSERT_EQUAL(rc, *lists[i].code ? -1 : 0);
		CU_ASSERT_STRING_EQUAL(why.error.code, lists[i].code);
		for (size_t at = 0; at < names.size; at++)
			names.data[at] = names.data[at] ? names.data[at] : ' ';
		expect_buffer(&names, lists[i].names);
		buffer_release(&names);
		response_release(&r);
	}
}

static void one_model(void)
{
	static const struct {
		int status;
		const char *body;
		bool there;
	} rows[] = {
		{200, "{'id':'gpt-mini','object':'model'}", true},
		{200, "{'id':'gpt-mini-2026','object':'model'}", true},
		{200, "{'object':'list','data':[{'id':'gpt-mini'}]}", true},
		{200, "{'object':'list','data':[{'id':'other'}]}", false},
		{200, "{'error':{'message':'no','code':404}}", false},
		{200, "<html>", false},
		{200, "{'status':'ok'}", false},
		{404, "{'id':'gpt-mini'}", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_response r = response_of(rows[i].status, "", rows[i].body);

		CU_ASSERT_EQUAL(provider_read_one(&r, "gpt-mini"), rows[i].there);
		response_release(&r);
	}
}

static void names_of_models(void)
{
	static const struct {
		const char *listed, *wanted;
		bool there;
	} names[] = {
		{"a", "a", true},
		{"a", "b", false},
		{"models/a", "a", true},
		{"models/a", "models/a", true},
		{"x:latest", "x", true},
		{"x:8b", "x", false},
		{"x:8b", "x:8b", true},
		{"x:latest", "x:8b", false},
		{"org/x", "org/x:free", true},
		{"openai/*", "openai/gpt", true},
		{"openai/*", "other/m", false},
		{"abc", "ab", false},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct buffer b = BUFFER_INIT;

		buffer_add(&b, "zzz", 4);
		buffer_add(&b, names[i].listed, strlen(names[i].listed) + 1);
		CU_ASSERT_EQUAL(provider_has_model(&b, names[i].wanted), names[i].there);
		buffer_release(&b);
	}
}

static void guesses(void)
{
	CU_ASSERT(provider_tokens(0) > 0);
	CU_ASSERT(provider_tokens(4000) > 1000);
	CU_ASSERT(provider_tokens(4000) < 4000);
}

void add_provider_suite(void);

void add_provider_suite(void)
{
	CU_pSuite suite = CU_add_suite("provider", NULL, NULL);

	CU_add_test(suite, "bodies", bodies);
	CU_add_test(suite, "body without a system text", body_without_system);
	CU_add_test(suite, "settings of a model", settings_of_a_model);
	CU_add_test(suite, "name of the limit", name_of_the_limit);
	CU_add_test(suite, "repairs", repairs);
	CU_add_test(suite, "calls", calls);
	CU_add_test(suite, "a local model is not called", a_local_model_is_not_called);
	CU_add_test(suite, "whole answers", whole_answers);
	CU_add_test(suite, "counts of tokens", counts_of_tokens);
	CU_add_test(suite, "a response without usage", a_response_without_usage);
	CU_add_test(suite, "malformed answers", malformed_answers);
	CU_add_test(suite, "mended answers", mended_answers);
	CU_add_test(suite, "an answer with NUL behind", an_answer_with_nul_behind);
	CU_add_test(suite, "answers of other APIs", answers_of_other_apis);
	CU_add_test(suite, "ends of answers", ends_of_answers);
	CU_add_test(suite, "deep answers", deep_answers);
	CU_add_test(suite, "addresses of lists of models", model_urls);
	CU_add_test(suite, "lists of models", model_lists);
	CU_add_test(suite, "one model", one_model);
	CU_add_test(suite, "names of models", names_of_models);
	CU_add_test(suite, "guesses", guesses);
}
