/* Remote batches on the wire: requests, objects, lists and lines of results. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provider_case.h"
#include "weir/provider.h"

static struct weir_error err;

/* ---- requests ---- */

static void expect_text(const char *seen, const char *wanted)
{
	if (!seen || strcmp(seen, wanted) != 0)
		fprintf(stderr, "    %s\n    wanted %s\n", seen ? seen : "(none)", wanted);
	CU_ASSERT(seen && strcmp(seen, wanted) == 0);
}

static void expect_line(const struct model *m, const char *wanted)
{
	struct buffer out = BUFFER_INIT;

	CU_ASSERT_EQUAL(
		provider_batch_line(m, text_of("n-1"), text_of("{\"model\":\"x\"}"), &out, &err),
		0);
	expect_text(buffer_text(&out), wanted);
	buffer_release(&out);
}

static void lines(void)
{
	expect_line(&claude, "{\"custom_id\":\"n-1\",\"params\":{\"model\":\"x\"}}");
	expect_line(&gpt,
		    "{\"custom_id\":\"n-1\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\","
		    "\"body\":{\"model\":\"x\"}}");
}

static void frames(void)
{
	struct provider_frame inside = provider_frame(&claude), file = provider_frame(&gpt);

	CU_ASSERT_FALSE(inside.file);
	expect_text(inside.before, "{\"requests\":[");
	expect_text(inside.between, ",");
	expect_text(inside.after, "]}");
	CU_ASSERT_TRUE(file.file);
	expect_text(file.before, "");
	expect_text(file.between, "\n");
	expect_text(file.after, "\n");
}

static void uploads(void)
{
	struct buffer texts = BUFFER_INIT, head = BUFFER_INIT, tail = BUFFER_INIT;
	struct http_request r;

	CU_ASSERT_EQUAL_FATAL(provider_upload(&gpt, "i-1", &texts, &head, &tail, &r, &err), 0);
	expect_text(r.url, "https://api.openai.com/v1/files");
	expect_text(r.headers[1], "Content-Type: multipart/form-data; boundary=weir-i-1");
	expect_text(
		buffer_text(&head),
		"--weir-i-1\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
		"--weir-i-1\r\nContent-Disposition: form-data; name=\"file\"; "
		"filename=\"i-1.jsonl\"\r\nContent-Type: application/jsonl\r\n\r\n");
	expect_text(buffer_text(&tail), "\r\n--weir-i-1--\r\n");
	buffer_release(&texts);
	buffer_release(&head);
	buffer_release(&tail);
}

static void creations(void)
{
	struct buffer texts = BUFFER_INIT;
	struct http_request r;
	char *body;

	CU_ASSERT_EQUAL_FATAL(provider_create(&gpt, "file-1", "i-1", &texts, &r, &err), 0);
	expect_text(r.url, "https://api.openai.com/v1/batches");
	body = strndup(r.body.data, r.body.size);
	expect_text(body, "{\"input_file_id\":\"file-1\",\"endpoint\":\"/v1/chat/completions\","
			  "\"completion_window\":\"24h\",\"metadata\":{\"weir\":\"i-1\"}}");
	free(body);
	buffer_reset(&texts);
	CU_ASSERT_EQUAL_FATAL(provider_create(&claude, "digest", "i-1", &texts, &r, &err), 0);
	expect_text(r.url, "https://api.anthropic.com/v1/messages/batches");
	CU_ASSERT_PTR_NULL(r.body.data);
	buffer_release(&texts);
}

typedef int small(const struct model *, const char *, struct buffer *, struct http_request *,
		  struct weir_error *);

static const struct {
	small *call;
	const struct model *model;
	const char *argument, *method, *url;
} smalls[] = {
	{provider_poll, &claude, "msgbatch_1", "GET",
	 "https://api.anthropic.com/v1/messages/batches/msgbatch_1"},
	{provider_poll, &gpt, "batch_1", "GET", "https://api.openai.com/v1/batches/batch_1"},
	{provider_cancel, &claude, "msgbatch_1", "POST",
	 "https://api.anthropic.com/v1/messages/batches/msgbatch_1/cancel"},
	{provider_cancel, &gpt, "batch_1", "POST",
	 "https://api.openai.com/v1/batches/batch_1/cancel"},
	{provider_list, &claude, "", "GET",
	 "https://api.anthropic.com/v1/messages/batches?limit=100"},
	{provider_list, &claude, "b_9", "GET",
	 "https://api.anthropic.com/v1/messages/batches?limit=100&after_id=b_9"},
	{provider_list, &gpt, NULL, "GET", "https://api.openai.com/v1/batches?limit=100"},
	{provider_list, &gpt, "b_9", "GET",
	 "https://api.openai.com/v1/batches?limit=100&after=b_9"},
	{provider_fetch, &gpt, "https://api.openai.com/v1/files/f/content", "GET",
	 "https://api.openai.com/v1/files/f/content"},
};

static void small_requests(void)
{
	for (size_t i = 0; i < sizeof(smalls) / sizeof(smalls[0]); i++) {
		struct buffer texts = BUFFER_INIT;
		struct http_request r;

		CU_ASSERT_EQUAL_FATAL(
			smalls[i].call(smalls[i].model, smalls[i].argument, &texts, &r, &err), 0);
		expect_text(r.method, smalls[i].method);
		expect_text(r.url, smalls[i].url);
		CU_ASSERT(r.headers[0] && strstr(texts.data + strlen(r.url) + 1, r.headers[0]));
		buffer_release(&texts);
	}
}

/* What a provider calls its things leads nowhere else, and takes the key nowhere else. */
static void bad_ids(void)
{
	struct buffer texts = BUFFER_INIT;
	struct http_request r;

	CU_ASSERT_EQUAL(provider_poll(&gpt, "../files", &texts, &r, &err), -1);
	CU_ASSERT_EQUAL(provider_poll(&gpt, "", &texts, &r, &err), -1);
	CU_ASSERT_EQUAL(provider_cancel(&gpt, "a b", &texts, &r, &err), -1);
	CU_ASSERT_EQUAL(provider_list(&gpt, "a&b=c", &texts, &r, &err), -1);
	CU_ASSERT_EQUAL(provider_fetch(&gpt, "https://evil.example/x", &texts, &r, &err), -1);
	CU_ASSERT_EQUAL(provider_fetch(&gpt, "https://api.openai.com.evil/x", &texts, &r, &err),
			-1);
	buffer_release(&texts);
}

/* ---- objects ---- */

static const struct {
	const struct model *model;
	const char *body;
	enum remote_state state;
	const char *intent, *results, *errors;
	int64_t created_ms, requests, done;
} objects[] = {
	{&claude,
	 "{'id':'b','processing_status':'in_progress','created_at':'2026-01-02T03:04:05.678Z',"
	 "'request_counts':{'processing':100,'succeeded':0,'errored':0,'canceled':0,'expired':0},"
	 "'results_url':null}",
	 REMOTE_RUNNING, "", "", "", 1767323045678, 100, -1},
	{&claude, "{'id':'b','processing_status':'canceling'}", REMOTE_RUNNING, "", "", "", -1, -1,
	 -1},
	{&claude,
	 "{'id':'b','processing_status':'ended','created_at':'2026-01-02T03:04:05Z',"
	 "'request_counts':{'processing':0,'succeeded':5,'errored':1,'canceled':2,'expired':3},"
	 "'results_url':'https://evil.example/results'}",
	 REMOTE_ENDED, "", "https://api.anthropic.com/v1/messages/batches/b/results", "",
	 1767323045000, 11, -1},
	{&gpt,
	 "{'id':'b','status':'validating','created_at':1767323045,'request_counts':{'total':0,"
	 "'completed':0,'failed':0},'metadata':{'weir':'i-1'}}",
	 REMOTE_RUNNING, "i-1", "", "", 1767323045000, -1, -1},
	{&gpt,
	 "{'id':'b','status':'in_progress','request_counts':{'total':9,'completed':3,'failed':1},"
	 "'output_file_id':'f-1','metadata':null}",
	 REMOTE_RUNNING, "", "", "", 0, 9, 4},
	{&gpt, "{'id':'b','status':'completed','output_file_id':'f-1','error_file_id':'f-2'}",
	 REMOTE_ENDED, "", "https://api.openai.com/v1/files/f-1/content",
	 "https://api.openai.com/v1/files/f-2/content", 0, -1, -1},
	{&gpt, "{'id':'b','status':'expired','output_file_id':null,'error_file_id':'f-2'}",
	 REMOTE_ENDED, "", "", "https://api.openai.com/v1/files/f-2/content", 0, -1, -1},
	{&gpt, "{'id':'b','status':'cancelled'}", REMOTE_ENDED, "", "", "", 0, -1, -1},
	{&gpt, "{'id':'b','status':'cancelling'}", REMOTE_RUNNING, "", "", "", 0, -1, -1},
};

static void batches(void)
{
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		struct http_response r = response_of(200, "", objects[i].body);
		struct remote_info info;
		struct reply why;

		CU_ASSERT_EQUAL_FATAL(provider_read_batch(objects[i].model, &r, &info, &why), 0);
		CU_ASSERT_EQUAL(info.state, objects[i].state);
		expect_text(info.id, "b");
		expect_text(info.intent, objects[i].intent);
		expect_text(info.results_url, objects[i].results);
		expect_text(info.errors_url, objects[i].errors);
		CU_ASSERT_EQUAL(info.created_ms, objects[i].created_ms);
		CU_ASSERT_EQUAL(info.requests, objects[i].requests);
		CU_ASSERT_EQUAL(info.done, objects[i].done);
		response_release(&r);
	}
}

static void failed_batches(void)
{
	static const struct {
		const char *body, *code, *part;
	} rows[] = {
		{"{'id':'b','status':'failed','errors':{'object':'list','data':[{'code':"
		 "'invalid_json_line','message':'line 3 is bad','line':3}]}}",
		 "provider_error", "invalid_json_line: line 3 is bad"},
		{"{'id':'b','status':'failed','errors':{'data':[{'code':'token_limit_exceeded',"
		 "'message':'Enqueued token limit reached'}]}}",
		 "rate_limited", "Enqueued token limit reached"},
		{"{'id':'b','status':'failed','errors':{'data':[{'code':"
		 "'billing_hard_limit_reached','message':'pay'}]}}",
		 "billing", "pay"},
		{"{'id':'b','status':'failed','errors':null}", "provider_error", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_response r = response_of(200, "", rows[i].body);
		struct remote_info info;
		struct reply why;

		CU_ASSERT_EQUAL_FATAL(provider_read_batch(&gpt, &r, &info, &why), 0);
		CU_ASSERT_EQUAL(info.state, REMOTE_FAILED);
		expect_text(info.error.code, rows[i].code);
		CU_ASSERT_PTR_NOT_NULL(strstr(info.error.text, rows[i].part));
		response_release(&r);
	}
}

static const struct {
	const struct model *model;
	int status;
	const char *body;
	enum reply_kind kind;
	const char *code;
} no_objects[] = {
	{&gpt, 200, "{'id':'b','status':'melted'}", REPLY_RETRY, "bad_response"},
	{&gpt, 200, "{'status':'completed'}", REPLY_RETRY, "bad_response"},
	{&gpt, 200, "{'id':'b','status':'completed','output_file_id':'../x'}", REPLY_RETRY,
	 "bad_response"},
	{&claude, 200, "{'id':'b','processing_status':'later'}", REPLY_RETRY, "bad_response"},
	{&claude, 200, "nothing", REPLY_RETRY, "bad_response"},
	{&claude, 404, "{'error':{'type':'not_found_error','message':'m'}}", REPLY_REFUSED,
	 "not_found"},
	{&gpt, 404, "{'error':{'message':'No batch','type':'invalid_request_error','code':null}}",
	 REPLY_REFUSED, "not_found"},
	{&gpt, 404, "{'error':{'message':'m','code':'model_not_found'}}", REPLY_STOP, "no_model"},
	{&gpt, 429, "", REPLY_THROTTLED, "rate_limited"},
	{&gpt, 500, "", REPLY_RETRY, "provider_error"},
};

static void no_batches(void)
{
	for (size_t i = 0; i < sizeof(no_objects) / sizeof(no_objects[0]); i++) {
		struct http_response r = response_of(no_objects[i].status, "", no_objects[i].body);
		struct remote_info info;
		struct reply why;

		CU_ASSERT_EQUAL(provider_read_batch(no_objects[i].model, &r, &info, &why), -1);
		CU_ASSERT_EQUAL(why.kind, no_objects[i].kind);
		expect_text(why.error.code, no_objects[i].code);
		response_release(&r);
	}
}

static void files(void)
{
	struct http_response r = response_of(200, "", "{'id':'file-1','object':'file'}");
	char id[PROVIDER_ID_MAX + 1];
	struct reply why;

	CU_ASSERT_EQUAL(provider_read_file(&r, id, &why), 0);
	expect_text(id, "file-1");
	response_release(&r);
	r = response_of(413, "", "{'error':{'message':'big'}}");
	CU_ASSERT_EQUAL(provider_read_file(&r, id, &why), -1);
	CU_ASSERT_EQUAL(why.kind, REPLY_REFUSED);
	response_release(&r);
}

static void collect(void *owner, const struct remote_info *info)
{
	buffer_printf(owner, "%s=%s ", info->id, info->intent);
}

static void lists(void)
{
	static const struct {
		const struct model *model;
		const char *body, *seen, *next;
	} rows[] = {
		{&gpt,
		 "{'data':[{'id':'b1','status':'completed','metadata':{'weir':'i'}},"
		 "{'id':'b2','status':'new'},{'id':'b3','status':'failed'}],'has_more':true}",
		 "b1=i b3= ", "b3"},
		{&claude, "{'data':[{'id':'b1','processing_status':'ended'}],'has_more':false}",
		 "b1= ", ""},
		{&claude, "{'data':[],'has_more':true}", "", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_response r = response_of(200, "", rows[i].body);
		struct buffer seen = BUFFER_INIT;
		char next[PROVIDER_ID_MAX + 1];
		struct reply why;

		CU_ASSERT_EQUAL(provider_read_list(rows[i].model, &r, collect, &seen, next, &why),
				0);
		expect_text(buffer_text(&seen), rows[i].seen);
		expect_text(next, rows[i].next);
		buffer_release(&seen);
		response_release(&r);
	}
}

/* ---- results ---- */

static const struct {
	const struct model *model;
	const char *line;
	enum line_kind line_kind;
	enum reply_kind kind;
	const char *code, *text;
} results[] = {
	{&claude,
	 "{'custom_id':'n-1','result':{'type':'succeeded','message':{'id':'msg_1','content':"
	 "[{'type':'text','text':'hi'}],'usage':{'output_tokens':1}}}}",
	 LINE_REPLY, REPLY_ANSWER, "", "hi"},
	{&claude,
	 "{'custom_id':'n-1','result':{'type':'errored','error':{'type':'error','error':"
	 "{'type':'invalid_request_error','message':'bad'}}}}",
	 LINE_REPLY, REPLY_REFUSED, "bad_request", ""},
	{&claude,
	 "{'custom_id':'n-1','result':{'type':'errored','error':{'type':'error','error':"
	 "{'type':'invalid_request_error','message':'Your credit balance is too low'}}}}",
	 LINE_REPLY, REPLY_STOP, "billing", ""},
	{&claude,
	 "{'custom_id':'n-1','result':{'type':'errored','error':{'error':{'type':'api_error'}}}}",
	 LINE_REPLY, REPLY_RETRY, "provider_error", ""},
	{&claude,
	 "{'custom_id':'n-1','result':{'type':'errored','error':{'error':{'type':"
	 "'overloaded_error'}}}}",
	 LINE_REPLY, REPLY_THROTTLED, "overloaded", ""},
	{&claude, "{'custom_id':'n-1','result':{'type':'canceled'}}", LINE_CANCELED, 0, "", ""},
	{&claude, "{'custom_id':'n-1','result':{'type':'expired'}}", LINE_EXPIRED, 0, "", ""},
	{&gpt,
	 "{'id':'r','custom_id':'n-1','response':{'status_code':200,'body':{'id':'c','choices':"
	 "[{'message':{'content':'hi'},'finish_reason':'length'}]}},'error':null}",
	 LINE_REPLY, REPLY_ANSWER, "cut_answer", "hi"},
	{&gpt,
	 "{'custom_id':'n-1','response':{'status_code':400,'body':{'error':{'message':'bad'}}},"
	 "'error':null}",
	 LINE_REPLY, REPLY_REFUSED, "bad_request", ""},
	{&gpt, "{'custom_id':'n-1','response':{'status_code':500,'body':{}}}", LINE_REPLY,
	 REPLY_RETRY, "provider_error", ""},
	{&gpt, "{'custom_id':'n-1','response':null,'error':{'code':'batch_expired','message':'m'}}",
	 LINE_EXPIRED, 0, "", ""},
	{&gpt, "{'custom_id':'n-1','response':null,'error':{'code':'batch_cancelled'}}",
	 LINE_CANCELED, 0, "", ""},
	{&gpt, "{'custom_id':'n-1','response':null,'error':{'code':'odd','message':'m'}}",
	 LINE_REPLY, REPLY_RETRY, "provider_error", ""},
};

static int read_line(const struct model *m, const char *line, enum line_kind *kind,
		     struct reply *out)
{
	struct http_response r = response_of(200, "", line);
	char id[65] = "";
	int rc = provider_read_line(m, r.body, id, kind, out, &err);

	if (rc == 0)
		expect_text(id, "n-1");
	response_release(&r);
	return rc;
}

static void result_lines(void)
{
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		enum line_kind kind;
		struct reply r;

		CU_ASSERT_EQUAL_FATAL(read_line(results[i].model, results[i].line, &kind, &r), 0);
		CU_ASSERT_EQUAL(kind, results[i].line_kind);
		expect_text(r.error.code, results[i].code);
		if (kind == LINE_REPLY)
			CU_ASSERT_EQUAL(r.kind, results[i].kind);
		expect_text(buffer_text(&r.text), results[i].text);
		reply_release(&r);
	}
}

/* What is neither an answer nor an error says what stood there. */
static void told_lines(void)
{
	static const struct {
		const struct model *model;
		const char *line, *part;
	} rows[] = {
		{&gpt, "{'custom_id':'n-1','response':{'status_code':'odd','body':{}}}",
		 "an error: {\"status_code\":\"odd\""},
		{&gpt, "{'custom_id':'n-1','response':{'body':{'x':1}}}", "{\"body\":{\"x\":1}}"},
		{&gpt, "{'custom_id':'n-1','response':{'status_code':'503','body':{}}}",
		 "HTTP 503"},
		{&gpt, "{'custom_id':'n-1','response':null,'error':{'x':1}}", "{\"x\":1}"},
		{&claude, "{'custom_id':'n-1','result':{'type':'errored','error':{'x':1}}}",
		 "\"x\":1"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum line_kind kind;
		struct reply r;

		CU_ASSERT_EQUAL_FATAL(read_line(rows[i].model, rows[i].line, &kind, &r), 0);
		CU_ASSERT_NOT_EQUAL(r.kind, REPLY_ANSWER);
		if (!strstr(r.error.text, rows[i].part))
			fprintf(stderr, "    %s\n", r.error.text);
		CU_ASSERT_PTR_NOT_NULL(strstr(r.error.text, rows[i].part));
		reply_release(&r);
	}
}

/* Of what cannot be read: whose it is. */
static void named_lines(void)
{
	static const struct {
		const char *line, *id;
	} rows[] = {
		{"{'custom_id':'n-1','response':{'status_", "n-1"},
		{"{'id':'x', 'custom_id' : 'n_2','response':{", "n_2"},
		{"{'custom_id':'n-", ""},
		{"{'custom_id':7,'response'", ""},
		{"{'custom_id':'a b','response'", ""},
		{"{'text':'\\'custom_id\\':\\'n-1\\'", ""},
		{"{'custom_id':'n-1','error':{'message':'m'},'response':{'status_code':200,"
		 "'body':{'choices':[{'message':{'content':'hi'}}]}}}",
		 "n-1"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_response r = response_of(200, "", rows[i].line);
		enum line_kind kind;
		struct reply reply;
		char id[65] = "?";

		CU_ASSERT_EQUAL(provider_read_line(&gpt, r.body, id, &kind, &reply, &err), -1);
		expect_text(id, rows[i].id);
		response_release(&r);
	}
}

static void bad_lines(void)
{
	static const char *const rows[] = {
		"",
		"{",
		"[]",
		"{'result':{'type':'expired'}}",
		"{'custom_id':7,'result':{'type':'expired'}}",
		"{'custom_id':'n-1','result':{'type':'odd'}}",
		"{'custom_id':'n-1','result':{'type':'succeeded'}}",
		"{'custom_id':'"
		"12345678901234567890123456789012345678901234567890123456789012345'"
		",'result':{'type':'expired'}}",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum line_kind kind;
		struct reply r;

		CU_ASSERT_EQUAL(read_line(&claude, rows[i], &kind, &r), -1);
		CU_ASSERT_EQUAL(read_line(&gpt, rows[i], &kind, &r), -1);
	}
}

void add_provider_batches_suite(void);

void add_provider_batches_suite(void)
{
	CU_pSuite suite = CU_add_suite("provider batches", NULL, NULL);

	CU_add_test(suite, "lines", lines);
	CU_add_test(suite, "frames", frames);
	CU_add_test(suite, "uploads", uploads);
	CU_add_test(suite, "creations", creations);
	CU_add_test(suite, "small requests", small_requests);
	CU_add_test(suite, "bad ids", bad_ids);
	CU_add_test(suite, "batches", batches);
	CU_add_test(suite, "failed batches", failed_batches);
	CU_add_test(suite, "no batches", no_batches);
	CU_add_test(suite, "files", files);
	CU_add_test(suite, "lists", lists);
	CU_add_test(suite, "result lines", result_lines);
	CU_add_test(suite, "told lines", told_lines);
	CU_add_test(suite, "named lines", named_lines);
	CU_add_test(suite, "bad lines", bad_lines);
}
