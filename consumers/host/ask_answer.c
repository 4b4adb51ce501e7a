/* Answers: what the ledger had, or has just got, and who takes it from here. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "asks.h"
#include "desk.h"
#include "weir/clock.h"
#include "weir/failpoint.h"

#define BAD_MAX 2	  /* the first one is told to the model */
#define AWAY_US 2000000	  /* until the ledger takes a trial down */
#define OTHERS_US 5000000 /* who finds another consumer calling looks again after this */

bool ask_check(struct ask *ask, struct weir_text text, bool cut, struct weir_error *why)
{
	buffer_reset(&ask->json);
	return template_check(ask->template, text, cut, &ask->json, why) == 0;
}

/* ---- to the plugin ---- */

static void add_count(struct buffer *json, const char *name, int64_t count)
{
	buffer_printf(json, ",\"%s\":%" PRId64, name, count);
}

static void add_counts(struct buffer *json, const struct ask_past *past)
{
	const struct usage *u = &past->usage;
	char cost[COST_TEXT_MAX] = "\"unknown\"";
	if (past->cost != COST_UNKNOWN && past->cost_unknown < past->calls)
		model_cost_text(past->cost, cost);
	add_count(json, "calls", past->calls);
	add_count(json, "input_tokens", u->input);
	add_count(json, "output_tokens", u->output);
	buffer_printf(json, ",\"cost\":%s", cost);
	add_count(json, "cached_input_tokens", u->cached);
	add_count(json, "cache_write_tokens", u->written);
	add_count(json, "cache_write_1h_tokens", u->written_1h);
	add_count(json, "reasoning_tokens", u->reasoning);
}

static void add_usage(struct buffer *json, const struct ask *ask)
{
	const struct ask_past *past = &ask->past;
	bool empty = json->size < 3; /* {} */
	json->size--;		     /* the brace at its end */
	buffer_printf(json, "%s\"usage\":{\"ai_model\":", empty ? "" : ",");
	buffer_add_json(json, (struct weir_text){ask->model->name, strlen(ask->model->name)});
	add_counts(json, past);
	add_count(json, "usage_unknown", past->usage_unknown);
	add_count(json, "cost_unknown", past->cost_unknown);
	buffer_add_text(json, "}}");
}

static void hand_over(struct consumer *c, struct delivery *one, struct buffer *json)
{
	struct weir_error why;
	struct message decoded;
	struct weir_answer answer = {.json = {json->data, json->size}};
	const struct lane *lane = one->lane;
	if (buffer_failed(json)) {
		weir_fail_memory(&why);
		work_retry(c, one, &why, 0);
		return;
	}
	if (message_decode_map(&decoded, json->data, json->size, &answer.fields, &why) < 0) {
		work_fail(c, one, "bad_answer", why.text);
		return;
	}
	if (trials_begin(c, one) < 0) { /* its answer is kept */
		message_release(&decoded);
		work_defer(c, one, AWAY_US, "deferred", "the ledger does not take its trial down");
		return;
	}
	one->deadline_us = clock_us() + c->options.work_timeout_ms * 1000;
	work_enter(c, MARK_ANSWER, one);
	failpoint("answering");
	lane->plugin.plugin.answer(lane->plugin.state, delivery_work(one), &one->message.item,
				   &answer);
	mark_leave(c->mark);
	trials_returned(c);
	message_release(&decoded);
}

static void give(struct ask *ask)
{
	struct consumer *c = ask->asks->consumer;
	struct buffer json = ask->json; /* moved */
	ask->json = BUFFER_INIT;
	add_usage(&json, ask);
	hand_over(c, ask_end(ask), &json);
	buffer_release(&json);
}

/* ---- bad ones ---- */

static void go_on(struct ask *ask)
{
	if (ask->model->mode == MODEL_BATCH || ask->past.calling)
		ask_move(ask->asks, ask, ASK_READY);
	else
		work_defer(ask->asks->consumer, ask_end(ask), OTHERS_US, "deferred",
			   "another consumer is just calling the model for it");
}

/* The error and the answer of the past are those of the last one. */
static void ask_again(struct ask *ask)
{
	struct weir_error why = ask->past.error;
	if (ask->past.bad < BAD_MAX)
		go_on(ask);
	else
		work_fail(ask->asks->consumer, ask_end(ask), "bad_answer", why.text);
}

/* ---- what has just been stored ---- */

static void usage_add(struct usage *to, const struct usage *more)
{
	to->input += more->input;
	to->cached += more->cached;
	to->written += more->written;
	to->written_1h += more->written_1h;
	to->output += more->output;
	to->reasoning += more->reasoning;
}

static void add_to_past(struct ask *ask)
{
	struct reply *r = &ask->reply;
	struct ask_past *past = &ask->past;
	int64_t cost = model_cost(ask->model, &r->usage);
	past->calls++;
	past->usage_unknown += r->usage.fault != NULL;
	past->cost_unknown += cost == COST_UNKNOWN;
	usage_add(&past->usage, &r->usage);
	if (cost != COST_UNKNOWN &&
	    (past->cost == COST_UNKNOWN || __builtin_add_overflow(past->cost, cost, &past->cost)))
		past->cost = COST_UNKNOWN; /* more than can be held */
	past->error = r->error;
	past->cut = strcmp(r->error.code, "cut_answer") == 0;
	free(past->answer);
	past->answer_size = r->text.size;
	past->answer = r->text.data; /* moved */
	r->text = BUFFER_INIT;
	past->bad++;
}

void ask_judge(struct ask *ask)
{
	struct weir_error why = ask->reply.error;
	add_to_past(ask);
	if (!*why.code)
		give(ask);
	else if (strcmp(why.code, "refused_answer") == 0)
		work_fail(ask->asks->consumer, ask_end(ask), why.code, why.text);
	else
		ask_again(ask);
}

/* ---- what the ledger had ---- */

/* Of a remote batch, which looks at no template. */
static void check_stored(struct ask *ask)
{
	struct weir_error why;
	struct weir_text text = {ask->past.answer, ask->past.answer_size};
	if (ask_check(ask, text, false, &why)) {
		give(ask);
		return;
	}
	if (desk_reject(ask->asks->desk, ask, &why) < 0)
		return; /* still LOOKING */
	ask->past.bad++;
	ask->past.error = why;
	ask_again(ask);
}

static void end_failed(struct ask *ask)
{
	struct consumer *c = ask->asks->consumer;
	struct weir_error why = ask->past.error;
	bool again = ask->past.again;
	struct delivery *one = ask_end(ask);
	if (again)
		work_retry(c, one, &why, 0);
	else
		work_fail(c, one, why.code, why.text);
}

void ask_decide(struct ask *ask)
{
	struct consumer *c = ask->asks->consumer;
	const struct ask_past *past = &ask->past;
	if (past->final)
		work_drop(c, ask_end(ask));
	else if (past->good)
		check_stored(ask);
	else if (past->asked)
		work_asked(c, ask_end(ask));
	else if (past->failed)
		end_failed(ask);
	else
		ask_again(ask);
}
