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
#define RUN_US 100000	 /* about so long a run may take, since others wait for its end */

/* ---- whose turn it is ---- */

/* NULL: nothing is due, or there is no room for it. */
static const struct outbox *next_outbox(struct relay *r, struct picks *picks)
{
	for (unsigned i = 1; i <= OUTBOXES; i++) {
		unsigned n = (r->last_outbox + i) % OUTBOXES;
		picks->count = 0;
		if (!schedule_pick(r, n, picks))
			continue;
		r->last_outbox = n;
		return outboxes[n];
	}
	return NULL;
}

void publish_settled(struct relay *r, const struct run *run)
{
	schedule_settled(r, &run->picks,
			 memchr(run->states, ROW_REFUSED, (size_t)run->count) != NULL);
	r->broker_back.tries = 0;
	r->due = true; /* until a pass finds nothing */
}

/* Claims for the run what is next; false in *claimed: there is nothing. */
static int claim_next(struct relay *r, struct run *run, bool *claimed, struct weir_error *err)
{
	const struct outbox *outbox;
	*claimed = false;
	if (schedule_look(r, false, err) < 0)
		return -1;
	outbox = next_outbox(r, &run->picks);
	if (!outbox) {
		if (schedule_look(r, true, err) < 0)
			return -1;
		outbox = next_outbox(r, &run->picks);
	}
	if (!outbox)
		return 0;
	*claimed = true;
	return run_claim(r, run, outbox, err);
}

/* ---- passes ---- */

/* Takes what was asked for, and when that is nothing, what is next. run->count is 0 in the end when
 * nothing is. */
static int take_some(struct relay *r, struct run *run, struct weir_error *err)
{
	for (;;) {
		bool claimed;
		if (run_take(r, run, err) < 0)
			return -1;
		if (run->count > 0)
			return 0;
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
		bool more = !r->wire.blocked && !*r->stop && clock_us() < until;
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
	for (int i = 0; i < 2; i++)
		run_abandon(&r->runs[i]);
}

static int open_runs(struct relay *r, struct weir_error *err)
{
	for (int i = 0; i < 2; i++)
		if (!r->runs[i].ledger && ledger_open(r->settings->pg_url, "weir-relay", true,
						      &r->runs[i].ledger, err) < 0)
			return -1;
	return 0;
}

/* RabbitMQ 3.10 goes on refusing on a connection that met a full queue, after there is room again
 * (its limit was lifted, say): so now and then a new one asks. */
static void ask_anew(struct relay *r)
{
	struct weir_error why;
	bool nacked = r->wire.nacked;
	r->wire.nacked = false;
	if (!nacked || !r->wire.broker || clock_us() - r->wire.connected_us < ANEW_US)
		return;
	weir_fail(&why, "broker",
		  "it has refused messages for long: a new connection may have "
		  "more luck");
	relay_lose_broker(r, &why);
}

/* A queue that does not answer, or may not be written to: other kinds come first now. */
static void rest_queue(struct relay *r, const struct run *run, const struct weir_error *why)
{
	bool of_queue =
		strcmp(why->code, "unconfirmed") == 0 || strcmp(why->code, "broker_denied") == 0;
	if (of_queue && run->open && run->picks.count > 0 && run->confirmed < run->sent)
		schedule_settled(r, &run->picks, true);
}

void publish_due(struct relay *r)
{
	struct weir_error why;
	r->outgoing.ledger = r->ledger;
	r->outgoing.progress = r->progress;
	bool done = open_runs(r, &why) == 0 && pass(r, &why) == 0;
	outgoing_forget(&r->outgoing);
	if (done) {
		ask_anew(r);
		return;
	}
	log_event(LOG_WARN, "publish_failed", "code=%s error=\"%s\"", why.code, why.text);
	/* What it says of them later must not be taken for word of the same rows' next messages. */
	bool doubtful = run_unconfirmed(&r->runs[0]) || run_unconfirmed(&r->runs[1]);
	for (int i = 0; i < 2; i++) {
		suspects_note(&r->suspects, &r->runs[i], &why);
		rest_queue(r, &r->runs[i], &why);
	}
	publish_abandon(r);
	suspects_put_off(r);
	if (!r->wire.broker || (doubtful && !r->wire.blocked))
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
