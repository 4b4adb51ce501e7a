/* Calls of models: what is sent, when, and what becomes of the ask when it has ended. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "asks.h"
#include "desk.h"
#include "weir/clock.h"
#include "weir/hash.h"
#include "weir/log.h"

#define HOLD_MS 1000	 /* when the provider does not say how long */
#define APART_US 2000000 /* over so long those come back whose calls have failed in it */
#define EACH_US 10000	 /* and so far from each other those that had none */
#define EACH_CAP_US 30000000
#define LONG_TOKENS 4096       /* of an answer, which every model can */
#define PATIENCE_US 5000000    /* for the limits of a model; then others may have the place */
#define ROOM_US 20000	       /* then there may be memory for another request */
#define TOLD_APART_US 60000000 /* failures of a model are told to the operator so often */
#define REFUSED_ALIKE 10       /* items, before any answer: then it is not about items */
#define LONG_HOLD_MS 10000
#define KEY_ROOM 256 /* for two names, two numbers and a hash */

/* How much longer an answer may be than the one that was cut: what models can that can little. */
static int64_t longer(int64_t limit)
{
	int64_t most = limit < LONG_TOKENS ? LONG_TOKENS : 2 * limit;
	return 4 * limit < most ? 4 * limit : most;
}

/* The models file's max_tokens goes before the template's, and nothing goes beyond it. Else one
 * that was cut is asked for again with more. */
static void set_limit(struct ask *ask)
{
	int64_t own = ask->model->max_tokens, most = template_max_tokens(ask->template);
	ask->whose = own > 0	? "the max_tokens of ai_model"
		     : most > 0 ? "the max_tokens of the template"
				: "what an answer may have where neither model nor template says";
	ask->of = own > 0 ? ask->model->name : most > 0 ? template_name(ask->template) : "";
	ask->limit = own > 0 ? own : most > 0 ? most : MODEL_MAX_TOKENS;
	if (own == 0 && ask->past.bad > 0 && ask->past.cut) {
		ask->limit = longer(ask->limit);
		ask->whose =
			"more than that of the template or the preset, as the one before was cut";
		ask->of = "";
	}
}

/* Makes body and tokens. -1: the ask has ended. */
static int render(struct ask *ask)
{
	struct weir_error why;
	struct prompt *p = &ask->prompt;
	if (ask->body.size > 0)
		return 0;
	set_limit(ask);
	p->answer = p->fault = (struct weir_text){NULL, 0};
	if (ask->past.bad > 0) {
		p->answer = (struct weir_text){ask->past.answer ? ask->past.answer : "",
					       ask->past.answer_size};
		p->fault = (struct weir_text){ask->past.error.text, strlen(ask->past.error.text)};
	}
	int rc = template_render(ask->template, &ask->one->message.item, p, &why);
	p->max_tokens = ask->limit;
	if (rc < 0 || provider_body(ask->model, p, &ask->body, &why) < 0) {
		work_fail(ask->asks->consumer, ask_end(ask), why.code, why.text);
		return -1;
	}
	prompt_release(p);
	ask->tokens = provider_tokens(ask->body.size);
	return 0;
}

static void request(struct ask *ask)
{
	struct consumer *c = ask->asks->consumer;
	if (render(ask) < 0)
		return;
	struct delivery *one = ask->one;
	one->tokens = ask->tokens;
	one->bad = (uint32_t)ask->past.bad;
	one->result = ask->body; /* moved */
	ask->body = BUFFER_INIT;
	work_asked(c, ask_end(ask));
}

/* ---- the end of a call ---- */

/* The same until an answer has come, and of this body alone: a gateway that knows the header does
 * not bill twice, and never gives the answer to something else. */
static struct weir_text write_key(const struct ask *ask, char out[KEY_ROOM])
{
	const struct weir_item *item = &ask->one->message.item;
	char hash[HASH_SIZE];
	hash_texts((struct weir_text){ask->body.data, ask->body.size}, (struct weir_text){"", 0},
		   hash);
	int n = snprintf(out, KEY_ROOM, "%.*s/%u/%.*s/%" PRId64 "/%s", (int)item->job_id.size,
			 item->job_id.data, item->stage, (int)item->custom_id.size,
			 item->custom_id.data, ask->past.calls, hash);
	return (struct weir_text){out, (size_t)n};
}

/* A server may give no id, or the same one to many, or count anew each time it starts. What came as
 * the same bytes under the same key is the same answer; all else is another. */
static void name_answer(struct ask *ask, const struct http_response *r)
{
	char key[KEY_ROOM], made[64], hash[HASH_SIZE];
	const char *id = ask->reply.id;
	if (!*id) {
		snprintf(made, sizeof made, "%s-%" PRIu64, ask->asks->consumer->name,
			 ++ask->asks->made);
		id = made;
	}
	hash_texts(write_key(ask, key), r->body, hash);
	snprintf(ask->call_id, sizeof ask->call_id, "%s/%s", id, hash);
}

/* Which limit it was: fewer tokens than were asked for are those of the context window. */
static void tell_limit(struct ask *ask)
{
	struct reply *r = &ask->reply;
	const struct usage *u = &r->usage;
	if (!u->fault && u->output > 0 && u->output < ask->limit - 1)
		weir_fail(&r->error, "cut_answer",
			  "the answer was cut at %" PRId64 " tokens, before the %" PRId64
			  " that it might have: probably the model's context window ends there",
			  u->output, ask->limit);
	else
		weir_fail(&r->error, "cut_answer",
			  "the answer was cut at %" PRId64
			  " tokens, %s%s%s: a larger max_tokens of "
			  "ai_model %s in the models file lets it end",
			  ask->limit, ask->whose, *ask->of ? " " : "", ask->of, ask->model->name);
}

/* One that was cut may be whole all the same, where only blanks came behind it. */
static void check_answer(struct ask *ask)
{
	struct reply *r = &ask->reply;
	struct weir_text text = {r->text.data, r->text.size};
	struct weir_error ignored;
	if (!*r->error.code)
		ask_check(ask, text, false, &r->error);
	else if (strcmp(r->error.code, "cut_answer") == 0 && ask_check(ask, text, true, &ignored))
		*r->error.code = '\0';
	else if (r->at_limit)
		tell_limit(ask);
}

static void end_answer(struct ask *ask)
{
	struct reply *r = &ask->reply;
	ask->limits->answered = true;
	breaker_served(ask->asks->breakers, ask->model, clock_us());
	gaps_note(&ask->asks->gaps, ask->model, &r->usage);
	check_answer(ask);
	ask_move(ask->asks, ask, ASK_ANSWERED);
}

static int64_t until_probe_us(const struct asks *a, const struct model *m)
{
	int64_t us = breaker_probe_us(a->breakers, m) - clock_us();
	return us > 0 ? us : 0;
}

/* One whose call has failed: the next time another one asks. */
static int64_t away_us(const struct ask *ask, int64_t least_us)
{
	int64_t us = until_probe_us(ask->asks, ask->model);
	if (us < least_us)
		us = least_us;
	return us + clock_backoff_us(APART_US / 2, APART_US, 0);
}

/* Why it waits, or has failed: while the provider is away, with since when. */
static void tell_away(const struct ask *ask, struct weir_error *why)
{
	const char *away = breaker_reason(ask->asks->breakers, ask->model);
	if (*away)
		weir_fail(why, "provider_away", "the provider of ai_model %s fails %s",
			  ask->model->name, away);
}

/* Put off, uncharged: the provider is at fault, as far as anybody can tell. */
static void put_off_one(struct ask *ask, const struct weir_error *why, int64_t us)
{
	struct asks *a = ask->asks;
	struct weir_error text = *why;
	tell_away(ask, &text);
	work_defer(a->consumer, ask_end(ask), us, text.code, text.text);
}

/* Tells the breaker. True: by all that it knows the item is at fault itself, or has failed for
 * longer than outages are waited for, and is to be charged. */
static bool tell_failure(struct ask *ask)
{
	const struct weir_item *item = &ask->one->message.item;
	char name[128];
	snprintf(name, sizeof name, "%.*s/%u/%u", (int)item->job_id.size, item->job_id.data,
		 item->stage, item->ordinal);
	return breaker_failed(ask->asks->breakers, ask->model, name, ask->reply.error.text,
			      clock_us());
}

/* What may as well be the provider's own trouble; all else is about this item alone. */
static bool may_be_outage(const char *code)
{
	static const char *const codes[] = {"provider_error",	 "provider_timeout", "bad_response",
					    "provider_conflict", "http_timeout",     "http_cut",
					    "http_failed"};
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (strcmp(code, codes[i]) == 0)
			return true;
	return false;
}

static void end_retry(struct ask *ask)
{
	struct weir_error why = ask->reply.error;
	int64_t after_ms = ask->reply.after_ms;
	bool charged = true;
	if (may_be_outage(why.code))
		charged = tell_failure(ask);
	if (!charged) {
		put_off_one(ask, &why, away_us(ask, work_pause_us(ask->one, after_ms)));
		return;
	}
	tell_away(ask, &why);
	work_retry(ask->asks->consumer, ask_end(ask), &why, after_ms);
}

/* Until when nothing is asked, where that is worth a word. */
static void tell_until(struct weir_error *why, int64_t ms)
{
	struct weir_error said = *why;
	time_t until = (time_t)(clock_wall_us() / 1000000 + ms / 1000);
	struct tm t;
	char clock[32];
	if (ms < LONG_HOLD_MS || !gmtime_r(&until, &t))
		return;
	strftime(clock, sizeof clock, "%Y-%m-%d %H:%M:%S", &t);
	weir_fail(why, said.code, "%.300s; it is not asked before %s UTC", said.text, clock);
}

static void end_throttled(struct ask *ask)
{
	struct asks *a = ask->asks;
	struct weir_error why = ask->reply.error;
	int64_t ms = ask->reply.after_ms > 0 ? ask->reply.after_ms : HOLD_MS;
	if (ask->reply.fleet)
		pace_hold(a->pace, ask->model, ms, clock_us());
	else if (strcmp(why.code, "out_of_memory") != 0)
		tell_failure(ask); /* whatever it says: nobody is charged */
	int64_t us = work_pause_us(ask->one, ms);
	if (ask->reply.fleet) {
		tell_until(&why, ms);
		work_defer(a->consumer, ask_end(ask), us, why.code, why.text);
	} else {
		put_off_one(ask, &why, away_us(ask, us));
	}
}

/* It was called with a key that is not in its file any more. */
static bool has_other_key(struct ask *ask)
{
	models_follow_keys(ask->asks->consumer->llm.models, true);
	return ask->key_changes != ask->model->key_changes;
}

static void end_stop(struct ask *ask)
{
	if (has_other_key(ask)) {
		reply_release(&ask->reply);
		ask->reply = (struct reply){0};
		ask_move(ask->asks, ask, ASK_LOOKING);
		return;
	}
	ask->pausing = true;
	ask_move(ask->asks, ask, ASK_ANSWERED);
}

/* A model, a setting or an address may be refused in words that nobody has written down. What is
 * said to so many items alike, to the letter, and before any was answered, is said to all: the job
 * is paused then, and those that failed are `weir retry`'s. */
static bool is_said_to_all(struct ask *ask)
{
	struct asked_model *m = ask->limits;
	char said[sizeof m->refusal];
	snprintf(said, sizeof said, "%.159s", ask->reply.error.text);
	char *id = strstr(said, " (request ");
	if (id)
		*id = '\0';
	if (m->answered || strcmp(ask->reply.error.code, "bad_request") != 0)
		return false;
	m->refused = strcmp(said, m->refusal) == 0 ? m->refused + 1 : 1;
	memcpy(m->refusal, said, sizeof said);
	if (m->refused < REFUSED_ALIKE)
		return false;
	m->refused = 0;
	return true;
}

static void end_refused(struct ask *ask)
{
	breaker_served(ask->asks->breakers, ask->model, clock_us());
	struct weir_error why = ask->reply.error;
	if (is_said_to_all(ask)) {
		weir_fail(&ask->reply.error, why.code,
			  "%d items in a row were refused alike, and none was answered: %.300s",
			  REFUSED_ALIKE, why.text);
		end_stop(ask);
		return;
	}
	work_fail(ask->asks->consumer, ask_end(ask), why.code, why.text);
}

static void count(struct ask *ask, const struct http_response *r)
{
	struct asks *a = ask->asks;
	struct provider_limits limits;
	if (ask->reply.kind == REPLY_ANSWER && !ask->reply.usage.fault)
		pace_settle(a->pace, ask->model, ask->tokens, ask->reply.usage.input,
			    ask->reply.usage.output);
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
	provider_read(ask->model, r, &ask->reply);
	if (ask->reply.kind == REPLY_ANSWER)
		name_answer(ask, r);
	count(ask, r);
	if (ask->reply.kind != REPLY_ANSWER)
		log_failure(ask, r->status);
	ends[ask->reply.kind](ask);
}

/* ---- the call ---- */

static int begin(struct ask *ask, struct weir_error *err)
{
	struct http_request request = {0};
	struct buffer texts = BUFFER_INIT;
	char key[KEY_ROOM];
	write_key(ask, key);
	int rc = provider_call(ask->model, key, &texts, &request, err);
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

/* READY -> CALLING, and on. */
static void call(struct ask *ask)
{
	struct weir_error why;
	struct asks *a = ask->asks;
	ask_move(a, ask, ASK_CALLING);
	ask->key_changes = ask->model->key_changes;
	if (begin(ask, &why) == 0)
		return;
	pace_give_back(a->pace, ask->model, ask->tokens);
	work_retry(a->consumer, ask_end(ask), &why, 0);
}

/* ---- when it may begin ---- */

/* The limits will not let them begin for a while: their turns are kept for them, and they come back
 * as messages. */
static void put_off(struct asks *a, struct asked_model *m, int64_t tokens)
{
	struct ask *next;
	int64_t apart_us = 0, us;
	struct weir_error why;
	us = 1000 * pace_turns(a->pace, m->model, m->ready, tokens, &apart_us);
	log_event(LOG_INFO, "put_off", "model=%s items=%zu first_ms=%lld", m->model->name, m->ready,
		  (long long)(us / 1000));
	weir_fail(&why, "throttled", "the limits of its model are used up");
	tell_until(&why, us / 1000);
	for (struct ask *ask = a->lists[ASK_READY].first; ask; ask = next) {
		next = ask->after;
		if (ask->limits != m)
			continue;
		work_defer(a->consumer, ask_end(ask), us, why.code, why.text);
		us += apart_us;
	}
}

/* Whoever waits for an outage to end does so in the ledger. The first comes back for the next call
 * of the fleet, and then one after the other, since they may be many. */
static void put_off_all(struct asks *a, struct asked_model *m)
{
	struct weir_error why;
	struct ask *next;
	int64_t us = until_probe_us(a, m->model);
	weir_fail(&why, "provider_away", "the provider of ai_model %s was away", m->model->name);
	for (struct ask *ask = a->lists[ASK_READY].first; ask; ask = next) {
		next = ask->after;
		if (ask->limits != m)
			continue;
		put_off_one(ask, &why, us);
		if (us < EACH_CAP_US)
			us += EACH_US;
	}
}

static uint64_t memory_of(const struct asks *a)
{
	return (uint64_t)a->consumer->options.memory_mb << 20;
}

/* A request waits for its flush in memory. */
static bool may_request(struct asks *a, struct ask *ask, int64_t now)
{
	if (a->consumer->deliveries.made < memory_of(a))
		return true;
	ask->limits->again_us = now + ROOM_US;
	return false;
}

/* False: not now. The model's again_us says when. */
static bool may_call(struct asks *a, struct ask *ask, int64_t now)
{
	struct asked_model *m = ask->limits;
	if (m->in_flight >= (size_t)m->model->max_in_flight ||
	    (m->in_flight > 0 && a->bytes >= memory_of(a))) {
		m->again_us = INT64_MAX;
		return false;
	}
	if (!breaker_may_call(a->breakers, m->model, now)) {
		m->again_us = breaker_next_us(a->breakers, m->model);
		if (m->again_us <= now)
			m->again_us = now + 1000;
		return false;
	}
	if (pace_take(a->pace, m->model, ask->tokens, m->ready, now))
		return true;
	breaker_given_back(a->breakers, m->model, now);
	m->again_us = pace_next_us(a->pace, m->model, now);
	if (m->again_us <= now)
		m->again_us = now + 1000;
	return false;
}

static bool is_open(struct asks *a, const struct ask *ask, int64_t now)
{
	const struct delivery *one = ask->one;
	enum job_rule rule =
		job_rule(&a->consumer->jobs, one->job, one->message.item.epoch, one->taken_us, now);
	return (rule == RULE_WORK || rule == RULE_WAIT) && !job_stops(one->job);
}

static void try(struct asks *a, struct ask *ask, int64_t now)
{
	struct asked_model *m = ask->limits;
	if (now < m->again_us)
		return;
	if (m->model->mode == MODEL_BATCH) {
		if (may_request(a, ask, now))
			request(ask);
		return;
	}
	if (render(ask) < 0)
		return;
	if (may_call(a, ask, now))
		call(ask);
	else if (breaker_probe_us(a->breakers, m->model) > now)
		put_off_all(a, m);
	else if (m->again_us != INT64_MAX &&
		 (m->again_us - now > PATIENCE_US || now - ask->state_us > PATIENCE_US))
		put_off(a, m, ask->tokens);
}

void ask_begin_calls(struct asks *a)
{
	int64_t now = clock_us();
	struct ask *next;
	size_t left = a->lists[ASK_READY].size;
	if (left == 0 || !desk_ready(a->desk))
		return;
	for (struct ask *ask = a->lists[ASK_READY].first; ask && left > 0; ask = next, left--) {
		next = ask->after;
		if (!is_open(a, ask, now))
			work_defer(a->consumer, ask_end(ask), ASKS_PAUSED_US, "deferred",
				   "its job does not go on now");
		else
			try(a, ask, now);
		if (next && next->state != ASK_READY) /* put off with this one */
			next = a->lists[ASK_READY].first;
	}
}
