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
		CU_ASSERT_EQUAL(r.input_tokens, c->input);
		CU_ASSERT_EQUAL(r.output_tokens, c->output);
		expect_buffer(&r.text, c->text);
		reply_release(&r);
	}
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
						"{'choices':[{'text':'old'}]}",
						"{'content':[{'text':'\xFF'}]}",
						"<html>"};

	for (size_t i = 0; i < sizeof(bodies_of) / sizeof(bodies_of[0]); i++) {
		struct reply r;

		read_case(i % 2 ? &claude : &gpt, 200, "", bodies_of[i], &r);
		CU_ASSERT_EQUAL(r.kind, REPLY_RETRY);
		CU_ASSERT_STRING_EQUAL(r.error.code, "bad_response");
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

static void names_of_models(void)
{
	static const struct {
		const char *listed, *wanted;
		bool there;
	} names[] = {
		{"a", "a", true},		{"a", "b", false},
		{"models/a", "a", true},	{"models/a", "models/a", true},
		{"x:latest", "x", true},	{"x:8b", "x", false},
		{"x:8b", "x:8b", true},		{"x:latest", "x:8b", false},
		{"org/x", "org/x:free", true},	{"openai/*", "openai/gpt", true},
		{"openai/*", "other/m", false}, {"abc", "ab", false},
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
	CU_add_test(suite, "repairs", repairs);
	CU_add_test(suite, "calls", calls);
	CU_add_test(suite, "a local model is not called", a_local_model_is_not_called);
	CU_add_test(suite, "whole answers", whole_answers);
	CU_add_test(suite, "malformed answers", malformed_answers);
	CU_add_test(suite, "deep answers", deep_answers);
	CU_add_test(suite, "addresses of lists of models", model_urls);
	CU_add_test(suite, "lists of models", model_lists);
	CU_add_test(suite, "names of models", names_of_models);
	CU_add_test(suite, "guesses", guesses);
}
