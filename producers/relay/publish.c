/* Publishing: rows that are due go to the broker. There are two runs, each with a transaction of
 * its own, so that one is claimed and marked in the database while the other is with the broker.
 * Outboxes take turns: what is due in one of them does not wait for a backlog in another. */
#include <string.h>

#include "relay.h"
#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/log.h"

#define ANEW_US 15000000 /* how old a connection is that may be given up for refusing */
#define PASS_US 500000	 /* then others have their turn: heartbeats, jobs, dead letters */
#define EMPTY_US 250000	 /* rows that are due and cannot be had: another relay has them */
#define RUN_US 100000	 /* about so long a run may take, since others wait for its end */
#define LIVELY_US 5000000
#define LIVELY_LOOK_US 200000

/* ---- whose turn it is ---- */

static unsigned number_of(const struct outbox *outbox)
{
	unsigned i = 0;
	while (outboxes[i] != outbox)
		i++;
	return i;
}

void publish_rest(struct relay *r, const struct outbox *outbox, int64_t us)
{
	r->rest_us[number_of(outbox)] = clock_us() + us;
}

/* All that were due are in hand, though the ledger still shows them to others. */
static bool in_hand(const struct relay *r, unsigned n)
{
	for (int i = 0; i < 2; i++)
		if (r->runs[i].open && r->runs[i].outbox == outboxes[n] &&
		    r->runs[i].count < outboxes[n]->most)
			return true;
	return false;
}

static bool is_due(struct relay *r, unsigned n, struct picks *picks)
{
	picks->count = 0;
	if (clock_us() < r->rest_us[n])
		return false;
	if (n < OUTBOX_ITEMS)
		return schedule_pick(r, n, picks);
	return (r->due_outboxes & 1u << n) && !in_hand(r, n);
}

/* NULL: nothing is due, or there is no room for it. */
static const struct outbox *next_outbox(struct relay *r, struct picks *picks)
{
	for (unsigned i = 1; i <= OUTBOXES; i++) {
		unsigned n = (r->last_outbox + i) % OUTBOXES;
		if (!is_due(r, n, picks))
			continue;
		r->last_outbox = n;
		return outboxes[n];
	}
	return NULL;
}

void publish_settled(struct relay *r, const struct run *run)
{
	if (run->picks.count > 0)
		schedule_settled(r, &run->picks,
				 memchr(run->states, ROW_REFUSED, (size_t)run->count) != NULL);
	else if (run->count < run->outbox->most)
		r->due_outboxes &= ~(1u << number_of(run->outbox));
	r->due = true; /* until a pass finds nothing */
}

static int look(struct relay *r, bool pressing, struct weir_error *err)
{
	if (schedule_look(r, pressing, &r->due_outboxes, err) < 0)
		return -1;
	if (r->due_outboxes & 1u << OUTBOX_EVENTS)
		r->lively_us = clock_us() + LIVELY_US;
	return 0;
}

/* Claims for the run what is next; false in *claimed: there is nothing. */
static int claim_next(struct relay *r, struct run *run, bool *claimed, struct weir_error *err)
{
	const struct outbox *outbox;
	*claimed = false;
	if (look(r, false, err) < 0)
		return -1;
	outbox = next_outbox(r, &run->picks);
	if (!outbox) {
		if (look(r, true, err) < 0)
			return -1;
		outbox = next_outbox(r, &run->picks);
	}
	if (!outbox)
		return 0;
	*claimed = true;
	return run_claim(r, run, outbox, err);
}

/* When somebody's rest is over, who may have rows, or an event may have been written: nobody tells
 * of these, since a notification would make all commits wait for each other. */
void publish_when(const struct relay *r, int64_t *at_us)
{
	int64_t now = clock_us();
	for (unsigned n = 0; n < OUTBOXES; n++)
		if (r->rest_us[n] > now && r->rest_us[n] < *at_us)
			*at_us = r->rest_us[n];
	schedule_when(r, at_us);
	if (r->lively_us > now && now + LIVELY_LOOK_US < *at_us)
		*at_us = now + LIVELY_LOOK_US;
}

/* ---- passes ---- */

/* Takes what was asked for, and when that is nothing, what is next. run->count is 0 in the end when
 * nothing is. */
static int take_some(struct relay *r, struct run *run, struct weir_error *err)
{
	for (;;) {
		const struct outbox *outbox = run->outbox;
		bool claimed;
		if (run_take(r, run, err) < 0)
			return -1;
		if (run->count > 0)
			return 0;
		if (number_of(outbox) >= OUTBOX_ITEMS)
			publish_rest(r, outbox, EMPTY_US);
		if (claim_next(r, run, &claimed, err) < 0)
			return -1;
		if (!claimed)
			return 0;
	}
}

/* A slow broker, or large items, make runs of fewer batches. */
static void note_run(struct relay *r, const struct run *run, int64_t took_us)
{
	if (run->outbox != &outbox_batches)
		return;
	if (took_us > RUN_US && r->run_batches > 1)
		r->run_batches -= (r->run_batches + 3) / 4;
	else if (took_us < RUN_US / 2 && r->run_batches < r->options.batches)
		r->run_batches++;
}

/* Publishes one run, and in the middle of it marks the other and claims the next for it. */
static int publish_run(struct relay *r, struct run *run, struct run *other, bool more,
		       struct weir_error *err)
{
	int half = run->count / 2;
	int64_t began = clock_us();
	failpoint("claimed");
	if (run_publish(r, run, 0, half, err) < 0 || run_settle(r, other, err) < 0)
		return -1;
	bool claimed;
	if (more && !other->rows && claim_next(r, other, &claimed, err) < 0)
		return -1;
	if (run_publish(r, run, half, run->count, err) < 0)
		return -1;
	note_run(r, run, clock_us() - began);
	return 0;
}

static int publish_all(struct relay *r, struct weir_error *err)
{
	struct run *run = &r->runs[0], *other = &r->runs[1], *swap;
	int64_t until = clock_us() + PASS_US;
	bool claimed;
	if (claim_next(r, run, &claimed, err) < 0)
		return -1;
	while (claimed) {
		if (take_some(r, run, err) < 0)
			return -1;
		if (run->count == 0)
			return run_settle(r, other, err);
		bool more = !r->blocked && !*r->stop && clock_us() < until;
		if (publish_run(r, run, other, more, err) < 0)
			return -1;
		if (!other->claiming)
			return run_settle(r, run, err);
		swap = run;
		run = other;
		other = swap;
	}
	return 0;
}

static int pass(struct relay *r, struct weir_error *err)
{
	if (publish_all(r, err) < 0)
		return -1;
	for (int i = 0; i < 2; i++)
		if (run_fail_broken(r, &r->runs[i], err) < 0)
			return -1;
	return 0;
}

void publish_abandon(struct relay *r)
{
	for (int i = 0; i < 2; i++) {
		struct run *run = &r->runs[i];
		bool busy = run->claiming || run->open;
		run_end(run);
		if (!run->ledger || (!busy && ledger_alive(run->ledger)))
			continue;
		/* Closing is the one way to give the rows back that always works. */
		ledger_close(run->ledger);
		run->ledger = NULL;
	}
}

static int open_runs(struct relay *r, struct weir_error *err)
{
	for (int i = 0; i < 2; i++)
		if (!r->runs[i].ledger && ledger_open(r->settings->pg_url, "weir-relay", true,
						      &r->runs[i].ledger, err) < 0)
			return -1;
	return 0;
}

/* The broker has rows of which it has not said what became of them. */
static bool unconfirmed(const struct relay *r)
{
	for (int i = 0; i < 2; i++)
		for (int row = 0; row < r->runs[i].sent; row++)
			if (r->runs[i].states[row] == ROW_SENT)
				return true;
	return false;
}

/* RabbitMQ 3.10 goes on refusing on a connection that met a full queue, after there is room again
 * (its limit was lifted, say): so now and then a new one asks. */
static void ask_anew(struct relay *r)
{
	struct weir_error why;
	bool nacked = r->nacked;
	r->nacked = false;
	if (!nacked || !r->broker || clock_us() - r->connected_us < ANEW_US)
		return;
	weir_fail(&why, "broker",
		  "it has refused messages for long: a new connection may have "
		  "more luck");
	relay_lose_broker(r, &why);
}

void publish_due(struct relay *r)
{
	struct weir_error why;
	r->outgoing.ledger = r->ledger;
	r->outgoing.progress = r->progress;
	r->outgoing.ledger_id = r->ledger_id;
	bool done = open_runs(r, &why) == 0 && pass(r, &why) == 0;
	outgoing_forget(&r->outgoing);
	if (done) {
		ask_anew(r);
		return;
	}
	log_event(LOG_WARN, "publish_failed", "code=%s error=\"%s\"", why.code, why.text);
	/* What it says of them later must not be taken for word of the same rows' next messages. */
	bool doubtful = unconfirmed(r);
	publish_abandon(r);
	if (r->broker && !r->blocked && doubtful)
		relay_lose_broker(r, &why);
}

void publish_release(struct relay *r)
{
	publish_abandon(r);
	outgoing_release(&r->outgoing);
	for (int i = 0; i < 2; i++) {
		ledger_close(r->runs[i].ledger);
		r->runs[i].ledger = NULL;
	}
}
