/* Publishing: rows that are due go to the broker. There are two runs, each with a transaction of
 * its own, so that one is claimed and marked in the database while the other is with the broker.
 * Kinds and outboxes take turns: what is due in one of them waits for no backlog in another, but
 * for the confirms of the run before, CONFIRM_MS at the most (run.c). */
#include <string.h>

#include "apart.h"
#include "relay.h"
#include "suspects.h"
#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/log.h"

#define ANEW_US 5000000 /* how old a connection is that may be given up for refusing */
#define PASS_US 500000	/* then others have their turn: heartbeats, jobs, dead letters */
#define RUN_US 100000	/* about so long a run may take, since others wait for its end */
#define AGAIN_US 200000 /* where the ledger does not let it publish */
#define AGAIN_CAP_US 10000000

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
	apart_settled(r, run, memchr(run->states, ROW_REFUSED, (size_t)run->count) != NULL);
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
	/* Until there was a look. What is found due in that, and is not got, somebody else has: the
	 * next look at it may wait. */
	r->schedule.look_wanted = true;
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

/* Of runs whose other rows are marked. Where somebody stands in the way, that is no reason for the
 * other run, or for anything else: what is not failed now comes again as what is lost does. */
static void fail_broken(struct relay *r)
{
	struct weir_error why;
	for (int i = 0; i < 2; i++) {
		struct run *run = &r->runs[i];
		if (run->open || run->claiming || run_fail_broken(r, run, &why) == 0)
			continue;
		log_event(LOG_WARN, "items_not_failed", "error=\"%s\"", why.text);
		run_abandon(run);
	}
}

static int pass(struct relay *r, struct weir_error *err)
{
	if (publish_all(r, err) < 0)
		return -1;
	fail_broken(r);
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
		if (!r->runs[i].ledger &&
		    relay_open_ledger(r, "weir-relay", &r->runs[i].ledger, err) < 0)
			return -1;
	return 0;
}

/* RabbitMQ 3.10 goes on refusing on a connection that met a full queue, after there is room again
 * (its limit was lifted, say). So where a queue that was full takes messages over another
 * connection, this one is opened anew: no run is on it between two passes. */
static int renew(struct relay *r, struct weir_error *err)
{
	if (!r->renew || clock_us() - r->wire.connected_us < ANEW_US)
		return 0;
	r->renew = false;
	wire_close(&r->wire);
	return relay_open_wire(r, err);
}

/* What is confirmed is marked, though the other run has failed. */
static void save(struct relay *r, struct run *run)
{
	struct weir_error ignored;
	bool all = run->rows && run->sent == run->count && run->confirmed == run->count;
	if (run->open && all && run->broken_count == 0 && run_finish(r, run, &ignored) < 0)
		run_abandon(run);
}

/* Whose rows may be the reason is published apart from now on; whether that is so of the run. */
static bool set_apart(struct relay *r, struct run *run, const struct weir_error *why)
{
	size_t queue = apart_queue(r, run);
	enum guilt guilt = suspects_guilt(run, apart_kind(r, queue), why);
	int units = queue == SIZE_MAX ? 0 : suspects_count(run, guilt);
	if (guilt == GUILT_KIND && strcmp(why->code, "unconfirmed") == 0 && !run->late)
		return false;
	if (units == 0)
		return false;
	if (guilt == GUILT_KIND)
		apart_rest(r, queue, why);
	else
		apart_doubt(r, run, units, why);
	return true;
}

/* The runs and the connection after a failure. What the broker says of rows later must not be taken
 * for word of the same rows' next messages: so where it has not spoken of all, the connection goes,
 * to where what is late goes on waiting, or for good. */
static void break_off(struct relay *r, const struct weir_error *why)
{
	bool known = false, moved = false, of_ledger = strcmp(why->code, "database") == 0;
	bool doubtful = run_unconfirmed(&r->runs[0]) || run_unconfirmed(&r->runs[1]);
	for (int i = 0; i < 2; i++)
		known |= set_apart(r, &r->runs[i], why);
	if (strcmp(why->code, "broker") == 0)
		suspects_remember(&r->wire);
	fail_broken(r);
	for (int i = 0; i < 2 && !moved; i++)
		moved = r->runs[i].late && sides_take(r, &r->runs[i]);
	for (int i = 0; i < 2; i++)
		if (of_ledger) /* who does not answer is not waited for */
			run_abandon(&r->runs[i]);
		else
			run_give_back(&r->runs[i]);
	if (r->wire.broker && (!doubtful || r->wire.blocked))
		return;
	struct weir_error again = *why;
	if (known || of_ledger) { /* the broker is there */
		if (of_ledger)
			wire_close(&r->wire);
		else
			wire_lose(&r->wire, why);
		r->due = true;
		if (relay_open_wire(r, &again) == 0)
			return;
	}
	relay_lose_broker(r, &again);
}

/* Where the ledger is the reason, that is told once, and tried less and less often. */
static void tell(struct relay *r, const struct weir_error *why)
{
	struct comeback *back = &r->publish_back;
	bool ledger = strcmp(why->code, "database") == 0;
	if (ledger) {
		back->at_us = clock_us() + clock_backoff_us(AGAIN_US, AGAIN_CAP_US, back->tries++);
		r->publish_why = *why;
	}
	if (!ledger || !back->told)
		log_event(LOG_WARN, "publish_failed", "code=%s error=\"%s\"", why->code, why->text);
	back->told |= ledger;
}

static void tell_again(struct relay *r)
{
	if (r->publish_back.told)
		log_event(LOG_INFO, "published_again", "of=%s", outbox_batches.name);
	r->publish_back = (struct comeback){0};
}

void publish_due(struct relay *r)
{
	struct weir_error why;
	r->outgoing.ledger = r->ledger;
	r->outgoing.progress = r->progress;
	if (renew(r, &why) < 0) {
		relay_lose_broker(r, &why);
		return;
	}
	bool done = open_runs(r, &why) == 0 && pass(r, &why) == 0;
	if (!done)
		for (int i = 0; i < 2; i++)
			save(r, &r->runs[i]);
	outgoing_forget(&r->outgoing);
	if (done) {
		tell_again(r);
		return;
	}
	tell(r, &why);
	break_off(r, &why);
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
