#include "asks.h"

#include <stdlib.h>
#include <string.h>

#include "desk.h"
#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/log.h"

#define COPY_US 5000000		/* a copy of a message that is at work here waits for so long */
#define WAIT_MOST_US 600000000	/* for a place; a broker takes back what is held for longer */
#define AWAY_US 2000000		/* who had to wait for too long comes again after this */
#define WAY_PARTS 50		/* of that time, between two looks for such */
#define READY_MORE 100		/* looked up ahead, beside a quarter of what may be in flight */
#define LATE_US 6000000		/* who renews his holds so late may have lost them */
#define STORE_BYTES (16u << 20) /* of answers that are stored together, about */

/* ---- the states ---- */

/* before: NULL: at the end. */
static void list_add(struct ask_list *list, struct ask *ask, struct ask *before)
{
	ask->before = before ? before->before : list->last;
	ask->after = before;
	if (ask->before)
		ask->before->after = ask;
	else
		list->first = ask;
	if (before)
		before->before = ask;
	else
		list->last = ask;
	list->size++;
}

/* The first one of the same model that has a later turn; NULL: none. */
static struct ask *find_later(const struct ask_list *list, const struct ask *ask)
{
	struct ask *later = NULL;
	for (struct ask *other = list->last; other; other = other->before) {
		if (other->limits != ask->limits)
			continue;
		if (other->turn <= ask->turn)
			break;
		later = other;
	}
	return later;
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

static void end_calling(struct asks *a, struct ask *ask)
{
	struct asked_model *m = ask->limits;
	if (ask->call)
		http_cancel(a->http, ask->call);
	ask->call = NULL;
	a->bytes -= ask->body.size;
	buffer_release(&ask->body);
	breaker_given_back(a->breakers, m->model, clock_us()); /* unless it was told of the end */
	m->in_flight--;
	m->ended++;
	if (m->again_us == INT64_MAX)
		m->again_us = 0;
}

static void clear(struct ask *ask)
{
	free(ask->past.answer);
	prompt_release(&ask->prompt);
	buffer_release(&ask->body);
	buffer_release(&ask->json);
	reply_release(&ask->reply);
	*ask = (struct ask){.state = ask->state, .asks = ask->asks, .limits = ask->limits};
}

static bool waits(enum ask_state state) { return state == ASK_LOOKING || state == ASK_READY; }

void ask_move(struct asks *a, struct ask *ask, enum ask_state to)
{
	if (ask->state != ASK_NONE)
		list_remove(&a->lists[ask->state], ask);
	if (ask->state == ASK_CALLING)
		end_calling(a, ask);
	ask->limits->ready -= ask->state == ASK_READY;
	ask->limits->waiting -= waits(ask->state);
	if (to == ASK_NONE)
		clear(ask);
	ask->state = to;
	ask->state_us = clock_us();
	ask->limits->ready += to == ASK_READY;
	ask->limits->waiting += waits(to);
	if (to == ASK_CALLING) {
		ask->limits->in_flight++;
		ask->limits->turn = ask->turn;
		a->bytes += ask->body.size;
	}
	if (to != ASK_NONE)
		list_add(&a->lists[to], ask, waits(to) ? find_later(&a->lists[to], ask) : NULL);
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

/* Whoever has submitted it knows the name: another consumer may, too. */
static int fail_unknown(const struct consumer *c, const struct weir_item *item,
			struct weir_error *err)
{
	const struct settings *s = &c->settings;
	struct weir_error why = *err;
	if (!llm_lacks(&c->llm, item->context))
		return -1;
	return weir_fail(err, WORK_NOT_KNOWN,
			 "the consumer %s (--models %s, --templates %s) cannot work on it: %s",
			 c->name, s->models ? s->models : "not given",
			 s->templates ? s->templates : "not given", why.text);
}

static int find(const struct consumer *c, const struct weir_item *item, const struct model **model,
		const struct template **template, struct weir_error *err)
{
	if (llm_find(&c->llm, item->context, model, template, err) < 0)
		return fail_unknown(c, item, err);
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
	if (one->model) { /* the first one counts */
		log_event(LOG_WARN, "ask_ignored",
			  "job=%s ordinal=%u text=\"it was asked already\"", one->job->id,
			  one->message.item.ordinal);
		return;
	}
	int where = find(c, &one->message.item, &model, &template, &why);
	if (where == WEIR_MODEL_LOCAL)
		weir_fail(&why, "bad_verdict", "the plugin asks a model that is local");
	if (where != WEIR_MODEL_REMOTE || !c->asks) {
		work_refuse(c, one, &why);
		return;
	}
	struct asks *a = c->asks;
	struct ask *ask = &a->slots[one->slot];
	ask->one = one;
	ask->model = one->model = model;
	ask->template = one->template = template;
	ask->limits = limits_of(a, model);
	/* From now on the limits of the call count. What has been paid for must not be lost because
	 * the ledger is away. */
	one->deadline_us = INT64_MAX;
	ask_take_turn(ask);
	ask_move(a, ask, ASK_LOOKING);
}

void asks_cancel(struct consumer *c, const struct delivery *one)
{
	if (c->asks && c->asks->slots[one->slot].state != ASK_NONE)
		ask_move(c->asks, &c->asks->slots[one->slot], ASK_NONE);
}

/* ---- the desk ---- */

/* No more than will be called for soon: who is looked up is kept from others. */
static bool has_room(const struct ask *ask)
{
	const struct asked_model *m = ask->limits;
	return m->ready < READY_MORE + (size_t)m->model->max_in_flight / 4;
}

static size_t choose(const struct asks *a, struct ask **out, size_t most)
{
	size_t n = 0;
	int64_t now = clock_us();
	for (struct ask *ask = a->lists[ASK_LOOKING].first; ask && n < most; ask = ask->after)
		if (has_room(ask) && trials_ready_us(ask->one) <= now)
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
		if (some[i]->state != ASK_LOOKING)
			continue; /* the answer() of one before has ended it */
		some[i]->one->calling = some[i]->past.calling;
		ask_decide(some[i]);
	}
}

/* It comes again when a person has resumed its job. */
static void pause_job(struct asks *a, struct ask *ask)
{
	struct weir_error why;
	weir_fail(&why, ask->reply.error.code, "ai_model %s: %s", ask->model->name,
		  ask->reply.error.text);
	errand_pause(a->consumer, ask->one->job, &why);
	work_defer(a->consumer, ask_end(ask), ASKS_PAUSED_US, why.code, why.text);
}

/* Those that have come with an answer, or to pause their job. */
static size_t choose_answered(const struct asks *a, bool pausing, struct ask **out, size_t most)
{
	size_t n = 0, bytes = 0;
	int64_t now = clock_us();
	for (struct ask *ask = a->lists[ASK_ANSWERED].first; ask && n < most && bytes < STORE_BYTES;
	     ask = ask->after)
		if (ask->pausing == pausing && (pausing || trials_ready_us(ask->one) <= now)) {
			bytes += ask->reply.text.size;
			out[n++] = ask;
		}
	return n;
}

/* Fewer at a time then; the one that stands alone is what the ledger will not take. */
static void not_stored(struct asks *a, struct ask *first, size_t n)
{
	a->store_most = n > 1 ? n / 2 : 1;
	if (n == 1 && desk_refuses(a->desk))
		work_fail(a->consumer, ask_end(first), "store",
			  "the ledger does not take the model's answer");
}

/* Its answer was the second one: the first goes on. */
static void look_for_first(struct ask *ask)
{
	log_event(LOG_WARN, "extra_answer",
		  "job=%s ordinal=%u text=\"it had a good answer already\"", ask->one->job->id,
		  ask->one->message.item.ordinal);
	reply_release(&ask->reply);
	ask->reply = (struct reply){0};
	ask_move(ask->asks, ask, ASK_LOOKING);
}

static void store(struct asks *a)
{
	struct ask *some[ASKS_TURN];
	size_t n = choose_answered(a, false, some, a->store_most);
	if (n == 0 || !desk_ready(a->desk))
		return;
	failpoint("answered");
	if (desk_store(a->desk, some, n) < 0) {
		not_stored(a, some[0], n);
		return;
	}
	failpoint("answer_stored");
	a->store_most = a->store_most < ASKS_TURN / 2 ? 2 * a->store_most : ASKS_TURN;
	for (size_t i = 0; i < n; i++)
		if (some[i]->state != ASK_ANSWERED)
			continue; /* the answer() of one before has ended it */
		else if (some[i]->second)
			look_for_first(some[i]);
		else
			ask_judge(some[i]);
}

static void pause_jobs(struct asks *a)
{
	struct ask *some[ASKS_TURN];
	size_t n = choose_answered(a, true, some, ASKS_TURN);
	for (size_t i = 0; i < n; i++)
		pause_job(a, some[i]);
}

static bool holds(const struct asks *a)
{
	return a->lists[ASK_READY].size + a->lists[ASK_CALLING].size + a->lists[ASK_ANSWERED].size >
	       0;
}

static void look_again(struct asks *a)
{
	struct ask *next;
	for (struct ask *ask = a->lists[ASK_READY].first; ask; ask = next) {
		next = ask->after;
		buffer_release(&ask->body);
		ask_move(a, ask, ASK_LOOKING);
	}
}

/* The ledger's server has crashed, and forgotten who is calling. */
static void hold_again(struct asks *a)
{
	static const enum ask_state called[] = {ASK_CALLING, ASK_ANSWERED};
	struct ask *some[ASKS_TURN];
	size_t n = 0, held = 0;
	for (size_t i = 0; i < sizeof called / sizeof *called; i++)
		for (struct ask *ask = a->lists[called[i]].first; ask; ask = ask->after) {
			some[n++] = ask;
			if (n < ASKS_TURN && ask->after)
				continue;
			if (desk_hold(a->desk, some, n) < 0)
				return;
			held += n;
			n = 0;
		}
	look_again(a);
	log_event(LOG_WARN, "held_again", "asks=%zu", held);
}

static void renew(struct asks *a, int64_t now)
{
	int64_t kept = 0;
	if (now - a->renew_us > LATE_US)
		look_again(a);
	if (!holds(a))
		a->renew_us = now + DESK_RENEW_US;
	if (now < a->renew_us || !desk_ready(a->desk) || desk_renew(a->desk, &kept) < 0)
		return;
	a->renew_us = now + DESK_RENEW_US;
	if (kept == 0 && a->lists[ASK_CALLING].size > 0)
		hold_again(a);
}

/* A model may be slow, and have few calls in flight: nobody is kept for long here. */
static void give_way(struct asks *a, int64_t now)
{
	static const enum ask_state waiting[] = {ASK_LOOKING, ASK_READY};
	struct ask *next;
	int64_t most_us = a->consumer->options.work_timeout_ms * 1000;
	if (most_us > WAIT_MOST_US)
		most_us = WAIT_MOST_US;
	if (now < a->way_us)
		return;
	a->way_us = now + most_us / WAY_PARTS;
	for (size_t i = 0; i < sizeof waiting / sizeof *waiting; i++)
		for (struct ask *ask = a->lists[waiting[i]].first; ask; ask = next) {
			next = ask->after;
			if (now - ask->state_us > most_us)
				work_defer(a->consumer, ask_end(ask),
					   AWAY_US + clock_backoff_us(AWAY_US, AWAY_US, 0), "busy",
					   "its model has as many calls in flight as it may have");
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
	models_follow_keys(c->llm.models, false);
	http_turn(a->http);
	store(a);
	pause_jobs(a);
	renew(a, clock_us());
	if (c->stopping) {
		give_back(a);
	} else {
		look(a);
		ask_begin_calls(a);
		ask_make_room(a, clock_us());
		give_way(a, clock_us());
	}
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
	int64_t next = INT64_MAX, desk = INT64_MAX;
	if (!a)
		return next;
	/* All of these need the desk. */
	if (choose_answered(a, false, &one, 1) + choose_answered(a, true, &one, 1) +
		    choose(a, &one, 1) >
	    0)
		desk = 0;
	if (holds(a))
		sooner(&desk, a->renew_us);
	for (size_t i = 0; i < a->model_count; i++)
		if (a->models[i].ready > 0)
			sooner(&desk, a->models[i].again_us);
	next = desk > desk_next_us(a->desk) ? desk : desk_next_us(a->desk);
	sooner(&next, ask_room_us(a));
	sooner(&next, http_next_us(a->http));
	sooner(&next, remote_next_us(a->remote));
	return next;
}

int asks_fd(const struct consumer *c) { return c->asks ? http_fd(c->asks->http) : -1; }

void asks_ledger_back(struct consumer *c)
{
	if (c->asks && c->asks->renew_us > clock_us())
		c->asks->renew_us = clock_us();
}

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

/* Who is stopped while calls last longer than it may wait has paid for nothing. */
static void compare_grace(const struct consumer *c, const struct asks *a)
{
	int64_t longest = 0;
	for (size_t i = 0; i < a->model_count; i++)
		if (a->models[i].model->mode == MODEL_CALL &&
		    a->models[i].model->timeout_ms > longest)
			longest = a->models[i].model->timeout_ms;
	if (longest > c->options.grace_ms)
		log_event(
			LOG_WARN, "short_grace",
			"grace_ms=%lld timeout_ms=%lld text=\"calls may last longer than --grace: "
			"those that do when this process is stopped are paid for and given up\"",
			(long long)c->options.grace_ms, (long long)longest);
}

static int open_parts(struct consumer *c, struct asks *a, int64_t in_flight, struct weir_error *err)
{
	struct remote_plan plan = {.llm = &c->llm, .pg_url = c->settings.pg_url, .holder = c->name};
	if (http_open((size_t)in_flight, &a->http, err) < 0 ||
	    pace_open(c->settings.redis_url, 1000, c->name, &a->pace, err) < 0 ||
	    breakers_open(c->settings.redis_url, 1000, &a->breakers, err) < 0)
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
	a->store_most = ASKS_TURN;
	a->model_count = remote_models(c->llm.models, a, &in_flight);
	a->capacity = c->deliveries.capacity;
	a->slots = calloc(a->capacity, sizeof *a->slots);
	if (!a->slots)
		return weir_fail_memory(err);
	for (size_t i = 0; i < a->capacity; i++) {
		a->slots[i].asks = a;
		a->slots[i].limits = &a->models[0];
	}
	compare_grace(c, a);
	return open_parts(c, a, in_flight, err);
}

void asks_let_go(struct consumer *c)
{
	if (c->asks && *c->before)
		desk_let_go(c->asks->desk, c->before);
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
	breakers_close(a->breakers);
	pace_close(a->pace);
	http_close(a->http);
	free(a->slots);
	free(a);
	c->asks = NULL;
}
