/* One call of a model: what is sent, and what becomes of the ask when it has ended. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "asks.h"
#include "weir/clock.h"
#include "weir/log.h"

#define HOLD_MS 1000	       /* when the provider does not say how long */
#define TOLD_APART_US 60000000 /* failures of a model are told to the operator so often */

int ask_render(struct ask *ask)
{
	struct weir_error why;
	struct prompt *p = &ask->prompt;
	int64_t most = template_max_tokens(ask->template);
	if (ask->body.size > 0)
		return 0;
	p->max_tokens = most > 0 && most < ask->model->max_tokens ? most : ask->model->max_tokens;
	p->answer = p->fault = (struct weir_text){NULL, 0};
	if (ask->past.bad > 0) {
		p->answer = (struct weir_text){ask->past.answer ? ask->past.answer : "",
					       ask->past.answer_size};
		p->fault = (struct weir_text){ask->past.error.text, strlen(ask->past.error.text)};
	}
	if (template_render(ask->template, &ask->one->message.item, p, &why) < 0 ||
	    provider_body(ask->model, p, &ask->body, &why) < 0) {
		work_fail(ask->asks->consumer, ask_end(ask), why.code, why.text);
		return -1;
	}
	prompt_release(p);
	ask->tokens = provider_tokens(ask->body.size);
	return 0;
}

void ask_request(struct ask *ask)
{
	struct consumer *c = ask->asks->consumer;
	if (ask_render(ask) < 0)
		return;
	struct delivery *one = ask->one;
	one->tokens = ask->tokens;
	one->result = ask->body; /* moved */
	ask->body = BUFFER_INIT;
	work_asked(c, ask_end(ask));
}

/* ---- the end of a call ---- */

static void end_answer(struct ask *ask)
{
	struct reply *r = &ask->reply;
	if (!*r->id)
		snprintf(r->id, sizeof r->id, "%s-%" PRIu64, ask->asks->consumer->name,
			 ++ask->asks->made);
	if (!*r->error.code)
		ask_check(ask, (struct weir_text){r->text.data, r->text.size}, &r->error);
	ask_move(ask->asks, ask, ASK_ANSWERED);
}

static void end_retry(struct ask *ask)
{
	struct weir_error why = ask->reply.error;
	int64_t after_ms = ask->reply.after_ms;
	work_retry(ask->asks->consumer, ask_end(ask), &why, after_ms);
}

static void end_throttled(struct ask *ask)
{
	struct asks *a = ask->asks;
	struct weir_error why = ask->reply.error;
	int64_t ms = ask->reply.after_ms > 0 ? ask->reply.after_ms : HOLD_MS;
	if (ask->reply.fleet)
		pace_hold(a->pace, ask->model, ms, clock_us());
	struct delivery *one = ask_end(ask);
	work_defer(a->consumer, one, work_pause_us(one, ms), why.code, why.text);
}

static void end_refused(struct ask *ask)
{
	struct weir_error why = ask->reply.error;
	work_fail(ask->asks->consumer, ask_end(ask), why.code, why.text);
}

static void end_stop(struct ask *ask)
{
	ask->pausing = true;
	ask_move(ask->asks, ask, ASK_ANSWERED);
}

static void count(struct ask *ask, const struct http_response *r)
{
	struct asks *a = ask->asks;
	struct provider_limits limits;
	if (ask->reply.kind == REPLY_ANSWER)
		pace_settle(a->pace, ask->model, ask->tokens, ask->reply.input_tokens,
			    ask->reply.output_tokens);
	else if (!r->sent)
		pace_give_back(a->pace, ask->model, ask->tokens);
	else
		pace_settle(a->pace, ask->model, ask->tokens, ask->tokens, 0);
	if (r->status == 0)
		return;
	provider_read_limits(ask->model, r, &limits);
	pace_limits(a->pace, ask->model, &limits, clock_us());
}

static void log_failure(struct ask *ask, int status)
{
	int64_t now = clock_us(), *told_us = &ask->limits->told_us;
	bool tell = *told_us == 0 || now - *told_us >= TOLD_APART_US;
	if (tell)
		*told_us = now;
	log_event(tell ? LOG_WARN : LOG_DEBUG, "call_failed",
		  "model=%s status=%d code=%s error=\"%s\"", ask->model->name, status,
		  ask->reply.error.code, ask->reply.error.text);
}

static void called(void *owner, const struct http_response *r)
{
	static void (*const ends[])(struct ask *) = {[REPLY_ANSWER] = end_answer,
						     [REPLY_RETRY] = end_retry,
						     [REPLY_THROTTLED] = end_throttled,
						     [REPLY_REFUSED] = end_refused,
						     [REPLY_STOP] = end_stop};
	struct ask *ask = owner;
	ask->call = NULL;
	buffer_release(&ask->body);
	provider_read(ask->model, r, &ask->reply);
	count(ask, r);
	if (ask->reply.kind != REPLY_ANSWER)
		log_failure(ask, r->status);
	ends[ask->reply.kind](ask);
}

/* ---- the call ---- */

static int begin(struct ask *ask, struct weir_error *err)
{
	const struct weir_item *item = &ask->one->message.item;
	struct http_request request = {0};
	struct buffer texts = BUFFER_INIT;
	char id[200];
	/* The same until an answer has come: a gateway that knows the header does not bill twice.
	 */
	snprintf(id, sizeof id, "%.*s/%u/%.*s/%" PRId64, (int)item->job_id.size, item->job_id.data,
		 item->stage, (int)item->custom_id.size, item->custom_id.data, ask->past.calls);
	int rc = provider_call(ask->model, id, &texts, &request, err);
	if (rc == 0) {
		request.body = (struct weir_text){ask->body.data, ask->body.size};
		request.timeout_ms = ask->model->timeout_ms;
		request.response_max = PROVIDER_RESPONSE_MAX;
		request.done = called;
		request.owner = ask;
		rc = http_begin(ask->asks->http, &request, &ask->call, err);
	}
	buffer_release(&texts);
	return rc;
}

void ask_call(struct ask *ask)
{
	struct weir_error why;
	struct asks *a = ask->asks;
	ask_move(a, ask, ASK_CALLING);
	if (begin(ask, &why) == 0)
		return;
	pace_give_back(a->pace, ask->model, ask->tokens);
	work_retry(a->consumer, ask_end(ask), &why, 0);
}
