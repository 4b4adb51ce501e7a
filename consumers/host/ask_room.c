/* Turns between those that ask the same model, and room for those that do not. A model that is
 * slow, or at its limits, keeps what it can begin soon in the hand; the rest waits in the ledger,
 * so that the hand has room for what can begin. Nobody is charged for that. */
#include "asks.h"
#include "weir/clock.h"

#define RATE_US 500000	 /* over which it is seen how many calls end */
#define SOON_US 3000000	 /* what begins by then stays: longer than the shortest way back */
#define KEPT_LEAST 20	 /* and so many in any case */
#define SLOW_US 10000000 /* a call of a model of which none has ended yet */
#define PUT_OFF_LEAST_US 1000000
#define PUT_OFF_MOST_US 30000000
#define PUT_OFF_GUESS_US 4000000 /* and while no call has ended */

/* ---- turns ---- */

/* Of the same job, among those in this state that wait for the same model; 0: of none. They are in
 * the order of turns. */
static uint64_t last_turn(const struct ask *ask, enum ask_state state)
{
	const struct ask *other = ask->asks->lists[state].last;
	while (other && (other->limits != ask->limits || other->one->job != ask->one->job))
		other = other->before;
	return other ? other->turn : 0;
}

/* Jobs take turns: each ask is behind those of its own job, and beside the first ones of others
 * (start-time fair queueing: Goyal, Vin, Cheng, 1996). */
void ask_take_turn(struct ask *ask)
{
	uint64_t looking = last_turn(ask, ASK_LOOKING), ready = last_turn(ask, ASK_READY);
	uint64_t turn = looking > ready ? looking : ready;
	ask->turn = (turn > ask->limits->turn ? turn : ask->limits->turn) + 1;
	ask->limits->away -= ask->limits->away > 0;
}

/* ---- room ---- */

static void measure(struct asked_model *m, int64_t now)
{
	int64_t passed = now - m->rate_us;
	if (m->in_flight == 0 && m->waiting == 0) {
		m->rate_us = now;
		m->ended = 0;
	} else if (passed >= RATE_US) {
		double rate = (double)m->ended * 1e6 / (double)passed;
		m->rate = m->measured ? (m->rate + rate) / 2 : rate;
		m->measured = true;
		m->rate_us = now;
		m->ended = 0;
	}
}

/* Calls a second. */
static double rate_of(const struct asked_model *m)
{
	double least = (double)(m->in_flight > 0 ? m->in_flight : 1) * 1e6 / SLOW_US;
	return m->rate > least ? m->rate : least;
}

/* Half of the time until its turn: it may come back too early, and never late. */
static int64_t pause_of(const struct asked_model *m, size_t before)
{
	double us = (double)before * 1e6 / rate_of(m) / 2;
	int64_t cap = m->rate > 0 ? PUT_OFF_MOST_US : PUT_OFF_GUESS_US;
	int64_t most = us < (double)cap ? (int64_t)us : cap;
	if (most < PUT_OFF_LEAST_US)
		most = PUT_OFF_LEAST_US;
	return most + clock_backoff_us(most / 4, most / 4, 0);
}

/* So many may wait in the hand: a whole generation of calls, as far as there is room for others
 * beside it, or what begins soon. */
static size_t kept_of(const struct asks *a, const struct asked_model *m)
{
	size_t hand = (size_t)a->consumer->options.prefetch, next = (size_t)m->model->max_in_flight;
	size_t room = hand > m->in_flight ? (hand - m->in_flight) / 2 : 0;
	size_t soon = (size_t)(rate_of(m) * SOON_US / 1e6);
	if (intake_crowded(a->consumer)) /* what begins soon, and hardly more */
		return 1 + soon;
	if (next > room)
		next = room;
	return KEPT_LEAST + (next > soon ? next : soon);
}

static struct ask *last_of(const struct asks *a, const struct asked_model *m, enum ask_state state)
{
	struct ask *ask = a->lists[state].last;
	while (ask && ask->limits != m)
		ask = ask->before;
	return ask;
}

/* The one that has the latest turn. */
static void put_off_last(struct asks *a, struct asked_model *m)
{
	struct ask *ask = last_of(a, m, ASK_LOOKING), *ready = last_of(a, m, ASK_READY);
	if (!ask || (ready && ready->turn > ask->turn))
		ask = ready;
	int64_t us = pause_of(m, m->waiting + m->away);
	m->away++;
	work_defer(a->consumer, ask_end(ask), us, "busy",
		   "its model has as many calls in flight as it may have");
}

void ask_make_room(struct asks *a, int64_t now)
{
	for (size_t i = 0; i < a->model_count; i++) {
		struct asked_model *m = &a->models[i];
		measure(m, now);
		if (m->model->mode != MODEL_CALL || !m->measured)
			continue;
		while (m->waiting > kept_of(a, m))
			put_off_last(a, m);
	}
}

int64_t ask_room_us(const struct asks *a)
{
	int64_t next = INT64_MAX;
	for (size_t i = 0; i < a->model_count; i++) {
		const struct asked_model *m = &a->models[i];
		if (!m->measured && m->waiting > KEPT_LEAST && m->rate_us + RATE_US < next)
			next = m->rate_us + RATE_US;
	}
	return next;
}
