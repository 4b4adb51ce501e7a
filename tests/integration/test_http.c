/* HTTP, and what is said to providers through it, against the fake of them. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"
#include "weir/clock.h"
#include "weir/http.h"
#include "weir/provider.h"
#include "world.h"

#define SYSTEM "answer"

static struct http *http;
static struct weir_error err;

/* What became of one request. */
struct seen {
	int times, status;
	bool sent;
	char code[32];
	struct buffer body;
	struct reply reply;
	struct provider_limits limits;
	const struct model *model; /* NULL: the reply is not read */
};

static void seen_release(struct seen *s)
{
	buffer_release(&s->body);
	reply_release(&s->reply);
}

static void note(void *owner, const struct http_response *r)
{
	struct seen *s = owner;
	s->times++;
	s->status = r->status;
	s->sent = r->sent;
	snprintf(s->code, sizeof s->code, "%s", r->failure.code);
	buffer_add(&s->body, r->body.data, r->body.size);
	if (s->model)
		provider_read(s->model, r, &s->reply);
	if (s->model)
		provider_read_limits(s->model, r, &s->limits);
}

static void begin_suite(void)
{
	fake_clean();
	EXPECT(http_open(64, &http, &err) == 0, "%s", err.text);
}

static void end_suite(void)
{
	http_close(http);
	http = NULL;
	world_leave();
}

static void turn(void)
{
	int64_t left_us = http_next_us(http) - clock_us();
	int wait_ms = left_us > 1000000 ? 1000 : left_us < 0 ? 0 : (int)(left_us / 1000) + 1;
	struct pollfd fd = {.fd = http_fd(http), .events = POLLIN};
	poll(&fd, 1, wait_ms);
	http_turn(http);
}

static void turn_until_idle(void)
{
	int64_t until = now_ms() + PATIENCE_MS;
	while (http_in_flight(http) > 0 && now_ms() < until)
		turn();
	EXPECT_INT((int64_t)http_in_flight(http), 0);
}

/* ---- the models ---- */

static char name[] = "m", key[] = "a-key-of-the-tests", url[80];

static struct model model_of(enum model_provider provider)
{
	snprintf(url, sizeof url, "%s/v1", fake_url());
	return (struct model){.name = "m",
			      .provider = provider,
			      .model = name,
			      .base_url = url,
			      .key = key,
			      .max_tokens = 100,
			      .timeout_ms = PATIENCE_MS};
}

/* A call of a model; the body is the caller's. */
static struct http_request call_of(const struct model *m, struct buffer *texts, struct buffer *body,
				   struct seen *seen)
{
	struct prompt p = {.max_tokens = 50};
	struct http_request r = {0};
	buffer_add_text(&p.system, SYSTEM);
	buffer_add_text(&p.user, "What?");
	EXPECT(provider_body(m, &p, body, &err) == 0 &&
		       provider_call(m, "one", texts, &r, &err) == 0,
	       "%s", err.text);
	r.body = (struct weir_text){body->data, body->size};
	r.done = note;
	r.owner = seen;
	buffer_release(&p.system);
	buffer_release(&p.user);
	return r;
}

/* One call from its beginning to its end. */
static void call(const struct model *m, struct seen *seen)
{
	struct buffer texts = BUFFER_INIT, body = BUFFER_INIT;
	struct http_request r = call_of(m, &texts, &body, seen);
	EXPECT(http_begin(http, &r, NULL, &err) == 0, "%s", err.text);
	buffer_release(&texts);
	turn_until_idle();
	buffer_release(&body);
	EXPECT_INT(seen->times, 1);
}

/* What a plain call comes to that fails by the script. */
static void expect_failure(int64_t timeout_ms, const char *code, bool sent)
{
	struct model m = model_of(PROVIDER_ANTHROPIC);
	struct seen s = {0};
	m.timeout_ms = timeout_ms;
	call(&m, &s);
	EXPECT(s.status == 0 && s.sent == sent && strcmp(s.code, code) == 0,
	       "status %d, sent %d, %s, not %s", s.status, s.sent, s.code, code);
	seen_release(&s);
}

/* ---- calls ---- */

static void answers(void)
{
	static const enum model_provider vendors[] = {PROVIDER_ANTHROPIC, PROVIDER_OPENAI};
	for (size_t i = 0; i < 2; i++) {
		struct model m = model_of(vendors[i]);
		struct seen s = {.model = &m};
		call(&m, &s);
		EXPECT(s.status == 200 && s.reply.kind == REPLY_ANSWER, "%d, %s", s.status,
		       s.reply.error.text);
		EXPECT_PART(buffer_text(&s.reply.text), "answer ");
		EXPECT(*s.reply.id && s.reply.usage.input > 0 && s.reply.usage.output > 0,
		       "no id or no tokens");
		seen_release(&s);
	}
	EXPECT_INT(fake_count("billed"), 2);
}

static void throttled(void)
{
	struct model m = model_of(PROVIDER_OPENAI);
	struct seen s = {.model = &m};
	fake_script("{'rules':[{'match':{},'do':{'status':429,'headers':{'retry-after':'3'}}}]}");
	call(&m, &s);
	EXPECT(s.reply.kind == REPLY_THROTTLED && s.reply.fleet, "kind %d", s.reply.kind);
	EXPECT_INT(s.reply.after_ms, 3000);
	seen_release(&s);
}

static void a_wrong_key(void)
{
	struct model m = model_of(PROVIDER_ANTHROPIC);
	struct seen s = {.model = &m};
	fake_restart("--key=another");
	m = model_of(PROVIDER_ANTHROPIC);
	call(&m, &s);
	EXPECT(s.reply.kind == REPLY_STOP, "kind %d: %s", s.reply.kind, s.reply.error.text);
	EXPECT(!strstr(s.reply.error.text, key), "the key is in the error");
	seen_release(&s);
}

static void a_redirect_is_not_followed(void)
{
	struct model m = model_of(PROVIDER_ANTHROPIC);
	struct seen s = {.model = &m};
	fake_script("{'rules':[{'match':{},'do':{'status':302,"
		    "'headers':{'location':'/v1/messages'}}}]}");
	call(&m, &s);
	EXPECT(s.status == 302 && s.reply.kind == REPLY_STOP, "status %d", s.status);
	EXPECT_INT(fake_count("requests"), 1);
	seen_release(&s);
}

/* ---- many ---- */

static void many_at_once(void)
{
	enum { CALLS = 300 };
	struct model m = model_of(PROVIDER_ANTHROPIC);
	struct buffer texts = BUFFER_INIT, body = BUFFER_INIT;
	static struct seen seen;
	memset(&seen, 0, sizeof seen);
	fake_script("{'latency_ms':300}");
	struct http_request r = call_of(&m, &texts, &body, &seen);
	for (int i = 0; i < CALLS; i++)
		EXPECT(http_begin(http, &r, NULL, &err) == 0, "%s", err.text);
	EXPECT_INT((int64_t)http_in_flight(http), CALLS);
	turn_until_idle();
	EXPECT_INT(seen.times, CALLS);
	EXPECT_INT(fake_count("billed"), CALLS);
	EXPECT(fake_count("most_in_flight") > CALLS / 2, "%lld at a time",
	       (long long)fake_count("most_in_flight"));
	seen_release(&seen);
	buffer_release(&texts);
	buffer_release(&body);
}

/* One after the other, each begun by the one before, on one connection. */
static struct chain {
	struct http_request request;
	int left, files_most;
	struct process self;
} chain;

static void next_of_chain(void *owner, const struct http_response *r)
{
	(void)owner;
	EXPECT(r->status == 200, "status %d: %s", r->status, r->failure.text);
	int files = open_files(&chain.self);
	chain.files_most = files > chain.files_most ? files : chain.files_most;
	if (--chain.left > 0)
		EXPECT(http_begin(http, &chain.request, NULL, &err) == 0, "%s", err.text);
}

static void one_after_the_other(void)
{
	struct model m = model_of(PROVIDER_OPENAI);
	struct buffer texts = BUFFER_INIT, body = BUFFER_INIT;
	chain = (struct chain){.left = 200, .self = {.pid = getpid()}};
	chain.request = call_of(&m, &texts, &body, NULL);
	chain.request.done = next_of_chain;
	int files = open_files(&chain.self);
	EXPECT(http_begin(http, &chain.request, NULL, &err) == 0, "%s", err.text);
	turn_until_idle();
	EXPECT_INT(chain.left, 0);
	EXPECT(chain.files_most <= files + 3, "%d descriptors more", chain.files_most - files);
	buffer_release(&texts);
	buffer_release(&body);
}

/* ---- ending early ---- */

static struct http_call *others[3];

static void cancel_others(void *owner, const struct http_response *r)
{
	note(owner, r);
	for (size_t i = 0; i < 3; i++)
		http_cancel(http, others[i]);
}

/* Until the fake has this many. */
static void turn_until_asked(int64_t requests)
{
	int64_t until = now_ms() + PATIENCE_MS;
	while (fake_count("requests") < requests && now_ms() < until)
		turn();
	EXPECT_INT(fake_count("requests"), requests);
}

static void cancelled(void)
{
	struct model m = model_of(PROVIDER_ANTHROPIC), away = m;
	struct buffer texts = BUFFER_INIT, body = BUFFER_INIT;
	struct seen first = {0}, rest = {0};
	char nowhere[] = "http://127.0.0.1:1";
	fake_script("{'rules':[{'match':{},'do':{'drop':true}}]}");
	struct http_request r = call_of(&m, &texts, &body, &rest);
	for (size_t i = 0; i < 3; i++)
		EXPECT(http_begin(http, &r, &others[i], &err) == 0, "%s", err.text);
	turn_until_asked(3);
	away.base_url = nowhere;
	buffer_reset(&texts);
	buffer_reset(&body);
	r = call_of(&away, &texts, &body, &first);
	r.done = cancel_others;
	EXPECT(http_begin(http, &r, NULL, &err) == 0, "%s", err.text);
	turn_until_idle();
	EXPECT_INT(first.times, 1);
	EXPECT_INT(rest.times, 0);
	buffer_release(&texts);
	buffer_release(&body);
	seen_release(&first);
}

static void closed_in_flight(void)
{
	struct model m = model_of(PROVIDER_ANTHROPIC);
	struct buffer texts = BUFFER_INIT, body = BUFFER_INIT;
	struct seen s = {0};
	fake_script("{'rules':[{'match':{},'do':{'drop':true}}]}");
	struct http_request r = call_of(&m, &texts, &body, &s);
	for (int i = 0; i < 5; i++)
		EXPECT(http_begin(http, &r, NULL, &err) == 0, "%s", err.text);
	turn_until_asked(5);
	http_close(http);
	http = NULL;
	EXPECT_INT(s.times, 0);
	buffer_release(&texts);
	buffer_release(&body);
}

/* ---- failures ---- */

static void nobody_there(void)
{
	fake_down();
	expect_failure(PATIENCE_MS, "http_connect", false);
}

static void no_tls_there(void)
{
	struct model m = model_of(PROVIDER_ANTHROPIC);
	struct seen s = {0};
	char secure[64];
	snprintf(secure, sizeof secure, "https%s", fake_url() + 4);
	m.base_url = secure;
	call(&m, &s);
	EXPECT(!s.sent && strcmp(s.code, "http_connect") == 0, "sent %d, %s", s.sent, s.code);
	EXPECT_INT(fake_count("requests"), 0);
	seen_release(&s);
}

static void cut_within_the_body(void)
{
	fake_script("{'rules':[{'match':{},'do':{'cut_after_bytes':20}}]}");
	expect_failure(PATIENCE_MS, "http_cut", true);
}

static void cut_before_the_answer(void)
{
	fake_script("{'rules':[{'match':{},'do':{'accept_then_drop':true}}]}");
	expect_failure(PATIENCE_MS, "http_cut", true);
	EXPECT_INT(fake_count("billed"), 1);
}

static void no_answer(void)
{
	fake_script("{'rules':[{'match':{},'do':{'drop':true}}]}");
	expect_failure(300, "http_timeout", true);
}

static void too_large(void)
{
	struct model m = model_of(PROVIDER_ANTHROPIC);
	struct buffer texts = BUFFER_INIT, body = BUFFER_INIT;
	struct seen s = {0};
	struct http_request r = call_of(&m, &texts, &body, &s);
	r.response_max = 30;
	EXPECT(http_begin(http, &r, NULL, &err) == 0, "%s", err.text);
	turn_until_idle();
	EXPECT(s.status == 0 && strcmp(s.code, "http_oversized") == 0, "%d, %s", s.status, s.code);
	seen_release(&s);
	buffer_release(&texts);
	buffer_release(&body);
}

static void a_bad_address(void)
{
	struct model m = model_of(PROVIDER_ANTHROPIC);
	struct seen s = {0};
	char file[] = "file:///etc";
	m.base_url = file;
	call(&m, &s);
	EXPECT(s.status == 0 && strcmp(s.code, "http_failed") == 0, "%d, %s", s.status, s.code);
	seen_release(&s);
}

/* ---- streams: a file of lines up, and down again ---- */

enum { LINES = 5000 };

static struct stream {
	struct seen seen;
	struct buffer up;
	size_t read, taken;
	bool fails;
	struct http_call *call; /* what take_down() cancels; NULL: nothing */
} stream;

static int64_t read_up(void *owner, char *out, size_t room)
{
	struct stream *s = owner;
	size_t n = s->up.size - s->read;
	if (s->fails)
		return -1;
	n = n < room ? n : room;
	memcpy(out, s->up.data + s->read, n);
	s->read += n;
	return (int64_t)n;
}

static int take_down(void *owner, const char *data, size_t size)
{
	struct stream *s = owner;
	if (s->fails)
		return -1;
	s->taken += size;
	if (s->call)
		http_cancel(http, s->call);
	buffer_add(&s->seen.body, data, size);
	return 0;
}

/* The fake wants lines that it could work on. */
static void write_lines(const struct model *m, struct buffer *out)
{
	struct buffer body = BUFFER_INIT;
	struct prompt p = {.max_tokens = 50};
	buffer_add_text(&p.user, "What?");
	EXPECT(provider_body(m, &p, &body, &err) == 0, "%s", err.text);
	for (int i = 0; i < LINES; i++) {
		char id[32];
		snprintf(id, sizeof id, "item_%05d", i);
		EXPECT(provider_batch_line(m, (struct weir_text){id, strlen(id)},
					   (struct weir_text){body.data, body.size}, out,
					   &err) == 0,
		       "%s", err.text);
		buffer_add_char(out, '\n');
	}
	buffer_release(&p.user);
	buffer_release(&body);
}

static void begin_stream(struct http_request *r)
{
	r->owner = &stream;
	r->done = note;
	EXPECT(http_begin(http, r, NULL, &err) == 0, "%s", err.text);
	turn_until_idle();
	EXPECT_INT(stream.seen.times, 1);
}

static void upload(const struct model *m)
{
	struct buffer texts = BUFFER_INIT, head = BUFFER_INIT, tail = BUFFER_INIT;
	struct http_request r;
	EXPECT(provider_upload(m, "an-intent", &texts, &head, &tail, &r, &err) == 0, "%s",
	       err.text);
	buffer_add(&stream.up, head.data, head.size);
	write_lines(m, &stream.up);
	buffer_add(&stream.up, tail.data, tail.size);
	r.read = read_up;
	r.body_size = (int64_t)stream.up.size;
	begin_stream(&r);
	buffer_release(&texts);
	buffer_release(&head);
	buffer_release(&tail);
}

static void end_stream(void)
{
	seen_release(&stream.seen);
	buffer_release(&stream.up);
	memset(&stream, 0, sizeof stream);
}

static void download(const struct model *m, const char *file)
{
	char from[256];
	struct buffer texts = BUFFER_INIT;
	struct http_request r;
	snprintf(from, sizeof from, "%s/files/%s/content", m->base_url, file);
	EXPECT(provider_fetch(m, from, &texts, &r, &err) == 0, "%s", err.text);
	r.take = take_down;
	begin_stream(&r);
	buffer_release(&texts);
}

/* Returns the file's id. */
static const char *uploaded(const struct model *m)
{
	static char id[PROVIDER_ID_MAX + 1];
	struct reply why = {0};
	upload(m);
	struct http_response r = {.status = stream.seen.status,
				  .body = {stream.seen.body.data, stream.seen.body.size}};
	EXPECT(provider_read_file(&r, id, &why) == 0, "%s", why.error.text);
	end_stream();
	return id;
}

static void up_and_down(void)
{
	struct model m = model_of(PROVIDER_OPENAI);
	struct buffer lines = BUFFER_INIT;
	const char *file = uploaded(&m);
	write_lines(&m, &lines);
	download(&m, file);
	EXPECT_INT(stream.seen.status, 200);
	EXPECT_INT((int64_t)stream.taken, (int64_t)lines.size);
	EXPECT(stream.taken == lines.size &&
		       memcmp(stream.seen.body.data, lines.data, lines.size) == 0,
	       "something else came back");
	buffer_release(&lines);
	end_stream();
}

static void not_taken(void)
{
	struct model m = model_of(PROVIDER_OPENAI);
	const char *file = uploaded(&m);
	stream.fails = true;
	download(&m, file);
	EXPECT(strcmp(stream.seen.code, "http_failed") == 0, "%s", stream.seen.code);
	end_stream();
}

static void cancelled_while_taken(void)
{
	struct model m = model_of(PROVIDER_OPENAI);
	char from[256];
	struct buffer texts = BUFFER_INIT;
	struct http_request r;
	snprintf(from, sizeof from, "%s/files/%s/content", m.base_url, uploaded(&m));
	EXPECT(provider_fetch(&m, from, &texts, &r, &err) == 0, "%s", err.text);
	r.take = take_down;
	r.owner = &stream;
	r.done = note;
	EXPECT(http_begin(http, &r, &stream.call, &err) == 0, "%s", err.text);
	turn_until_idle();
	EXPECT_INT(stream.seen.times, 0);
	EXPECT(stream.taken > 0 && stream.taken < 200000, "%zu bytes", stream.taken);
	buffer_release(&texts);
	end_stream();
}

static void not_read(void)
{
	struct model m = model_of(PROVIDER_OPENAI);
	stream.fails = true;
	upload(&m);
	EXPECT(strcmp(stream.seen.code, "http_failed") == 0, "%s", stream.seen.code);
	end_stream();
}

/* The body of an error is not taken for what was asked for. */
static void an_error_is_not_taken(void)
{
	struct model m = model_of(PROVIDER_OPENAI);
	download(&m, "file-that-is-not-there");
	EXPECT_INT(stream.seen.status, 404);
	EXPECT_INT((int64_t)stream.taken, 0);
	EXPECT(stream.seen.body.size > 0, "no body");
	end_stream();
}

static void a_silent_stream(void)
{
	struct model m = model_of(PROVIDER_OPENAI);
	struct buffer texts = BUFFER_INIT;
	struct http_request r;
	fake_script("{'rules':[{'match':{},'do':{'drop':true}}]}");
	EXPECT(provider_poll(&m, "batch-1", &texts, &r, &err) == 0, "%s", err.text);
	r.take = take_down;
	r.timeout_ms = 300;
	begin_stream(&r);
	EXPECT(strcmp(stream.seen.code, "http_timeout") == 0, "%s", stream.seen.code);
	EXPECT(stream.seen.sent, "it was not sent");
	buffer_release(&texts);
	end_stream();
}

void add_http_suite(void);

void add_http_suite(void)
{
	CU_pSuite suite = CU_add_suite_with_setup_and_teardown("http", fake_open, fake_close,
							       begin_suite, end_suite);

	CU_add_test(suite, "answers", answers);
	CU_add_test(suite, "throttled", throttled);
	CU_add_test(suite, "a wrong key", a_wrong_key);
	CU_add_test(suite, "a redirect is not followed", a_redirect_is_not_followed);
	CU_add_test(suite, "many at once", many_at_once);
	CU_add_test(suite, "one after the other", one_after_the_other);
	CU_add_test(suite, "cancelled", cancelled);
	CU_add_test(suite, "closed in flight", closed_in_flight);
	CU_add_test(suite, "nobody there", nobody_there);
	CU_add_test(suite, "no TLS there", no_tls_there);
	CU_add_test(suite, "cut within the body", cut_within_the_body);
	CU_add_test(suite, "cut before the answer", cut_before_the_answer);
	CU_add_test(suite, "no answer", no_answer);
	CU_add_test(suite, "too large", too_large);
	CU_add_test(suite, "a bad address", a_bad_address);
	CU_add_test(suite, "up and down", up_and_down);
	CU_add_test(suite, "not taken", not_taken);
	CU_add_test(suite, "cancelled while it is taken", cancelled_while_taken);
	CU_add_test(suite, "not read", not_read);
	CU_add_test(suite, "an error is not taken", an_error_is_not_taken);
	CU_add_test(suite, "a silent stream", a_silent_stream);
}
