#include "asks.h"

#include <stdlib.h>
#include <string.h>

#include "desk.h"
#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/log.h"

#define PATIENCE_US 5000000 /* for the limits of a model; then others may have the place */
#define PAUSED_US 1000000   /* an ask of a paused job is put off by so much */
#define COPY_US 5000000	    /* a copy of a message that is at work here waits for so long */
#define READY_MORE 100	    /* looked up ahead, beside a quarter of what may be in flight */

/* ---- the states ---- */

static void list_add(struct ask_list *list, struct ask *ask)
{
	ask->before = list->last;
	ask->after = NULL;
	if (list->last)
		list->last->after = ask;
	else
		list->first = ask;
	list->last = ask;
	list->size++;
}

static void list_remove(struct ask_list *list, struct ask *ask)
{
	if (ask->before)
		ask->before->after = ask->after;
	else
		list->first = ask->after;
	if (ask->after)
		ask->after->before = ask->before;
	else
		list->last = ask->before;
	list->size--;
}

static void clear(struct ask *ask)
{
	if (ask->call)
		http_cancel(ask->asks->http, ask->call);
	free(ask->past.answer);
	prompt_release(&ask->prompt);
	buffer_release(&ask->body);
	buffer_release(&ask->json);
	reply_release(&ask->reply);
	*ask = (struct ask){.state = ask->state, .asks = ask->asks, .limits = ask->limits};
}

void ask_move(struct asks *a, struct ask *ask, enum ask_state to)
{
	if (ask->state != ASK_NONE)
		list_remove(&a->lists[ask->state], ask);
	ask->limits->ready -= ask->state == ASK_READY;
	ask->limits->in_flight -= ask->state == ASK_CALLING;
	if (ask->state == ASK_CALLING && ask->limits->again_us == INT64_MAX)
		ask->limits->again_us = 0;
	if (to == ASK_NONE)
		clear(ask);
	ask->state = to;
	ask->state_us = clock_us();
	ask->limits->ready += to == ASK_READY;
	ask->limits->in_flight += to == ASK_CALLING;
	if (to != ASK_NONE)
		list_add(&a->lists[to], ask);
}

struct delivery *ask_end(struct ask *ask)
{
	struct delivery *one = ask->one;
	ask_move(ask->asks, ask, ASK_NONE);
	return one;
}

/* ---- beginnings and ends ---- */

static struct asked_model *limits_of(struct asks *a, const struct model *model)
{
	for (size_t i = 0; i < a->model_count; i++)
		if (a->models[i].model == model)
			return &a->models[i];
	return NULL;
}

static int find(const struct consumer *c, const struct weir_item *item, const struct model **model,
		const struct template **template, struct weir_error *err)
{
	if (llm_find(&c->llm, item->context, model, template, err) < 0)
		return -1;
	return (*model)->provider == PROVIDER_LOCAL ? WEIR_MODEL_LOCAL : WEIR_MODEL_REMOTE;
}

int asks_find_model(const struct consumer *c, const struct weir_item *item, struct weir_error *err)
{
	const struct model *model;
	const struct template *template;
	return find(c, item, &model, &template, err);
}

void asks_begin(struct consumer *c, struct delivery *one)
{
	struct weir_error why;
	const struct model *model;
	const struct template *template;
	int where = find(c, &one->message.item, &model, &template, &why);
	if (where == WEIR_MODEL_LOCAL)
		weir_fail(&why, "bad_verdict", "the plugin asks a model that is local");
	if (where != WEIR_MODEL_REMOTE || !c->asks) {
		work_fail(c, one, why.code, why.text);
		return;
	}
	struct asks *a = c->asks;
	struct ask *ask = &a->slots[one->slot];
	if (ask->state != ASK_NONE) /* of a delivery before, or asked twice */
		ask_move(a, ask, ASK_NONE);
	ask->one = one;
	ask->model = one->model = model;
	ask->template = one->template = template;
	ask->limits = limits_of(a, model);
	/* From now on the limits of the call count. What has been paid for must not be lost because
	 * the ledger is away. */
	one->deadline_us = INT64_MAX;
	ask_move(a, ask, ASK_LOOKING);
}

void asks_cancel(struct consumer *c, const struct delivery *one)
{
	if (c->asks && c->asks->slots[one->slot].state != ASK_NONE)
		ask_move(c->asks, &c->asks->slots[one->slot], ASK_NONE);
}

/* ---- the desk ---- */

static size_t first_of(struct asks *a, enum ask_state state, struct ask **out)
{
	size_t n = 0;
	for (struct ask *ask = a->lists[state].first; ask && n < ASKS_TURN; ask = ask->after)
		out[n++] = ask;
	return n;
}

/* No more than will be called for soon: who is looked up is kept from others. */
static bool has_room(const struct ask *ask)
{
	const struct asked_model *m = ask->limits;
	return m->model->mode == MODEL_BATCH ||
	       m->ready < READY_MORE + (size_t)m->model->max_in_flight / 4;
}

static size_t choose(const struct asks *a, struct ask **out, size_t most)
{
	size_t n = 0;
	for (struct ask *ask = a->lists[ASK_LOOKING].first; ask && n < most; ask = ask->after)
		if (has_room(ask))
			out[n++] = ask;
	return n;
}

/* Whether a copy of its message came to this process before it: the ledger tells processes apart,
 * not what is in one. */
static bool is_copy(const struct asks *a, const struct ask *ask)
{
	const struct weir_item *item = &ask->one->message.item;
	for (int state = ASK_LOOKING; state < ASK_STATES; state++)
		for (const struct ask *other = a->lists[state].first; other && other != ask;
		     other = other->after)
			if (other->one->message.item.ordinal == item->ordinal &&
			    other->one->message.item.stage == item->stage &&
			    other->one->job == ask->one->job)
				return true;
	return false;
}

static size_t put_off_copies(struct asks *a, struct ask **some, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (is_copy(a, some[i]))
			work_defer(a->consumer, ask_end(some[i]), COPY_US, "deferred",
				   "the model is just being asked for another copy of it");
		else
			some[kept++] = some[i];
	return kept;
}

static void look(struct asks *a)
{
	struct ask *some[ASKS_TURN];
	size_t n = put_off_copies(a, some, choose(a, some, ASKS_TURN));
	if (n == 0 || !desk_ready(a->desk) || desk_look(a->desk, some, n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		some[i]->one->calling = some[i]->past.calling;
		ask_decide(some[i]);
	}
}

/* The job waits for a person; its items are not to blame. */
static void pause_job(struct asks *a, struct ask *ask)
{
	struct job *job = ask->one->job;
	struct weir_error why;
	weir_fail(&why, ask->reply.error.code, "ai_model %s: %s", ask->model->name,
		  ask->reply.error.text);
	if (job->state == JOB_OPEN && desk_pause(a->desk, job->id, why.text) < 0)
		return;
	if (job->state == JOB_OPEN)
		log_event(LOG_ERROR, "job_paused", "job=%s code=%s reason=\"%s\"", job->id,
			  why.code, why.text);
	control_paused(a->consumer, job);
	work_defer(a->consumer, ask_end(ask), PAUSED_US, why.code, why.text);
}

static void store(struct asks *a)
{
	struct ask *some[ASKS_TURN], *answers[ASKS_TURN];
	size_t n = first_of(a, ASK_ANSWERED, some), count = 0;
	if (n == 0 || !desk_ready(a->desk))
		return;
	for (size_t i = 0; i < n; i++)
		if (!some[i]->pausing)
			answers[count++] = some[i];
	failpoint("answered");
	if (count > 0 && desk_store(a->desk, answers, count) < 0)
		return;
	failpoint("answer_stored");
	for (size_t i = 0; i < count; i++)
		ask_judge(answers[i]);
	for (size_t i = 0; i < n && desk_ready(a->desk); i++)
		if (some[i]->pausing)
			pause_job(a, some[i]);
}

static void renew(struct asks *a, int64_t now)
{
	size_t held =
		a->lists[ASK_READY].size + a->lists[ASK_CALLING].size + a->lists[ASK_ANSWERED].size;
	if (held == 0 || now < a->renew_us || !desk_ready(a->desk))
		return;
	if (desk_renew(a->desk) == 0)
		a->renew_us = now + DESK_RENEW_US;
}

/* ---- calls ---- */

/* The limits will not let them begin for a while: their turns are kept for them, and they come back
 * as messages. */
static void put_off(struct asks *a, struct asked_model *m, int64_t tokens)
{
	struct ask *next;
	int64_t apart_us = 0, us;
	us = 1000 * pace_turns(a->pace, m->model, m->ready, tokens, &apart_us);
	log_event(LOG_INFO, "put_off", "model=%s items=%zu first_ms=%lld", m->model->name, m->ready,
		  (long long)(us / 1000));
	for (struct ask *ask = a->lists[ASK_READY].first; ask; ask = next) {
		next = ask->after;
		if (ask->limits != m)
			continue;
		work_defer(a->consumer, ask_end(ask), us, "throttled",
			   "the limits of its model are used up");
		us += apart_us;
	}
}

/* False: not now. The model's again_us says when. */
static bool may_call(struct asks *a, struct ask *ask, int64_t now)
{
	struct asked_model *m = ask->limits;
	if (m->in_flight >= (size_t)m->model->max_in_flight) {
		m->again_us = INT64_MAX;
		return false;
	}
	if (pace_take(a->pace, m->model, ask->tokens, m->ready, now))
		return true;
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
	return rule == RULE_WORK || rule == RULE_WAIT;
}

static void begin_call(struct asks *a, struct ask *ask, int64_t now)
{
	struct asked_model *m = ask->limits;
	if (now < m->again_us)
		return;
	if (ask_render(ask) < 0)
		return;
	if (may_call(a, ask, now))
		ask_call(ask);
	else if (m->again_us != INT64_MAX &&
		 (m->again_us - now > PATIENCE_US || now - ask->state_us > PATIENCE_US))
		put_off(a, m, ask->tokens);
}

static void begin_calls(struct asks *a)
{
	int64_t now = clock_us();
	struct ask *next;
	size_t left = a->lists[ASK_READY].size;
	for (struct ask *ask = a->lists[ASK_READY].first; ask && left > 0; ask = next, left--) {
		next = ask->after;
		if (!is_open(a, ask, now))
			work_defer(a->consumer, ask_end(ask), PAUSED_US, "deferred",
				   "its job does not go on now");
		else
			begin_call(a, ask, now);
		if (next && next->state != ASK_READY) /* put off with this one */
			next = a->lists[ASK_READY].first;
	}
}

/* On the way out nothing is begun any more; what is called for is waited for. */
static void give_back(struct asks *a)
{
	static const enum ask_state waiting[] = {ASK_LOOKING, ASK_READY};
	for (size_t i = 0; i < sizeof waiting / sizeof *waiting; i++)
		while (a->lists[waiting[i]].first)
			work_defer(a->consumer, ask_end(a->lists[waiting[i]].first), 0, "deferred",
				   "its consumer was stopped");
}

/* ---- the loop's view ---- */

void asks_turn(struct consumer *c)
{
	struct asks *a = c->asks;
	if (!a)
		return;
	http_turn(a->http);
	store(a);
	if (c->stopping) {
		give_back(a);
	} else {
		look(a);
		begin_calls(a);
	}
	renew(a, clock_us());
	remote_turn(a->remote, clock_us());
}

static void sooner(int64_t *next, int64_t at)
{
	if (at < *next)
		*next = at;
}

int64_t asks_next_us(const struct consumer *c)
{
	const struct asks *a = c->asks;
	struct ask *one;
	int64_t next = INT64_MAX;
	if (!a)
		return next;
	next = http_next_us(a->http);
	sooner(&next, remote_next_us(a->remote));
	if (a->lists[ASK_ANSWERED].size > 0 || choose(a, &one, 1) > 0)
		sooner(&next, desk_next_us(a->desk));
	if (a->lists[ASK_READY].size + a->lists[ASK_CALLING].size > 0)
		sooner(&next, a->renew_us);
	for (size_t i = 0; i < a->model_count; i++)
		if (a->models[i].ready > 0)
			sooner(&next, a->models[i].again_us);
	return next;
}

int asks_fd(const struct consumer *c) { return c->asks ? http_fd(c->asks->http) : -1; }

void asks_requested(struct consumer *c)
{
	if (c->asks)
		remote_wake(c->asks->remote, clock_us());
}

/* ---- opening ---- */

static size_t remote_models(const struct models *models, struct asks *a, int64_t *in_flight)
{
	size_t n = 0;
	for (size_t i = 0; i < models_count(models); i++) {
		const struct model *m = models_at(models, i);
		if (m->provider == PROVIDER_LOCAL)
			continue;
		if (a)
			a->models[n].model = m;
		*in_flight += m->mode == MODEL_CALL ? m->max_in_flight : 4;
		n++;
	}
	return n;
}

static int open_parts(struct consumer *c, struct asks *a, int64_t in_flight, struct weir_error *err)
{
	struct remote_plan plan = {.llm = &c->llm, .pg_url = c->settings.pg_url, .holder = c->name};
	if (http_open((size_t)in_flight, &a->http, err) < 0 ||
	    pace_open(c->settings.redis_url, 1000, c->name, &a->pace, err) < 0)
		return -1;
	plan.http = a->http;
	a->desk = desk_open(c->settings.pg_url, c->name);
	a->remote = remote_open(&plan);
	return a->desk && a->remote ? 0 : weir_fail_memory(err);
}

int asks_open(struct consumer *c, struct weir_error *err)
{
	int64_t in_flight = 0;
	struct asks *a;
	if (remote_models(c->llm.models, NULL, &in_flight) == 0)
		return 0;
	a = c->asks = calloc(1, sizeof *a);
	if (!a)
		return weir_fail_memory(err);
	in_flight = 0;
	a->consumer = c;
	a->model_count = remote_models(c->llm.models, a, &in_flight);
	a->capacity = c->deliveries.capacity;
	a->slots = calloc(a->capacity, sizeof *a->slots);
	if (!a->slots)
		return weir_fail_memory(err);
	for (size_t i = 0; i < a->capacity; i++) {
		a->slots[i].asks = a;
		a->slots[i].limits = &a->models[0];
	}
	return open_parts(c, a, in_flight, err);
}

void asks_close(struct consumer *c)
{
	struct asks *a = c->asks;
	if (!a)
		return;
	for (size_t i = 0; a->slots && i < a->capacity; i++)
		if (a->slots[i].state != ASK_NONE)
			ask_move(a, &a->slots[i], ASK_NONE);
	remote_close(a->remote);
	desk_close(a->desk);
	pace_close(a->pace);
	http_close(a->http);
	free(a->slots);
	free(a);
	c->asks = NULL;
}
