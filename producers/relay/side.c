#include "side.h"

#include <string.h>

#include "apart.h"
#include "relay.h"
#include "suspects.h"
#include "weir/clock.h"
#include "weir/log.h"

#define LOOK_US                                                                                    \
	1000000		  /* nobody tells of these rows: a notification would make all             \
			   * commits wait for each other */
#define LIVELY_US 5000000 /* so long after some, more are likely */
#define LIVELY_LOOK_US 200000
#define CONFIRM_US 30000000
#define LATE_US 1000000		/* of items: then they wait for confirms where nobody else does, */
#define LATE_CONFIRM_US 5000000 /* or are given up if there is no place; of all else at once */
#define OPEN_S 1 /* to connect to the broker, while all wait; longer after each failure */
#define OPEN_CAP_S 4
#define OWN_PAUSE_US 100000 /* after what was the trouble of one kind */
#define COMEBACK_US 500000
#define COMEBACK_CAP_US 30000000
#define UNSENT 65536 /* bytes; with more on their way, sending might wait */
#define FULL_US 5000 /* so long it is left alone then */
#define CHUNK 50     /* rows of a turn */

/* NULL: what a kind that is apart has. */
static const struct outbox *const side_outboxes[SIDES] = {[SIDE_EVENTS] = &outbox_events,
							  [SIDE_LETTERS] = &outbox_letters,
							  [SIDE_SUSPECTS] = &outbox_suspects,
							  [SIDE_SUSPECTS_LATE] = &outbox_suspects};
static const char *const names[SIDES] = {[SIDE_EVENTS] = "weir-relay events",
					 [SIDE_LETTERS] = "weir-relay letters",
					 [SIDE_SUSPECTS] = "weir-relay suspects",
					 [SIDE_SUSPECTS_LATE] = "weir-relay late suspects",
					 [SIDE_APART] = "weir-relay apart",
					 [SIDE_APART_LATE] = "weir-relay late",
					 [SIDE_APART_LATE + 1] = "weir-relay late 2"};

/* Where kinds are tried that were silent, and what is late goes on. */
static bool is_late(int n) { return n == SIDE_SUSPECTS_LATE || n >= SIDE_APART_LATE; }

void sides_init(struct side sides[SIDES])
{
	for (int i = 0; i < SIDES; i++) {
		struct side *s = &sides[i];
		s->wire.fd = -1;
		s->wire.runs = &s->run;
		s->wire.run_count = 1;
		s->run.wire = &s->wire;
	}
}

void sides_release(struct side sides[SIDES])
{
	for (int i = 0; i < SIDES; i++) {
		run_abandon(&sides[i].run);
		ledger_close(sides[i].run.ledger);
		sides[i].run.ledger = NULL;
		wire_close(&sides[i].wire);
	}
}

/* ---- failures ---- */

/* Whether it is the trouble of a kind of items, which then rests. Notes suspects. */
static bool blame(struct relay *r, struct side *s, const struct weir_error *why)
{
	if (!run_unconfirmed(&s->run))
		return false;
	size_t queue = apart_queue(r, &s->run);
	enum guilt guilt = suspects_guilt(&s->run, apart_kind(r, queue), why);
	bool own = queue != SIZE_MAX && apart_failed(r, &s->run, queue, guilt, why);
	if (queue == SIZE_MAX) {
		suspects_note(&r->suspects, &s->run, guilt, &s->wire.luck, why);
		s->wire.luck.closed += r->suspects.units > 0;
	}
	if (guilt == GUILT_AGAIN)
		suspects_remember(&s->wire);
	return own;
}

/* Told when it begins; that it is over is told by recovered(). */
static void tell(struct side *s, int n, const struct weir_error *why)
{
	const struct outbox *outbox = side_outboxes[n] ? side_outboxes[n] : &outbox_batches;
	char exchange[NAMES_MAX];
	if (s->told)
		return;
	s->told = true;
	exchange_name(outbox->exchange, exchange);
	log_event(LOG_WARN, "publish_failed", "of=%s exchange=%s code=%s error=\"%s\"",
		  outbox->name, exchange, why->code, why->text);
}

static void fail(struct relay *r, int n, const struct weir_error *why)
{
	struct side *s = &r->sides[n];
	bool own = blame(r, s, why);
	if (strcmp(why->code, "database") == 0)
		run_abandon(&s->run);
	else
		run_give_back(&s->run);
	suspects_put_off(r);
	r->topology_due |= strcmp(why->code, "broker_missing") == 0;
	if (s->wire.broker && !s->wire.blocked)
		wire_lose(&s->wire, why);
	s->at_us = clock_us() + OWN_PAUSE_US;
	if (own) /* told of the kind */
		return;
	s->at_us = clock_us() + clock_backoff_us(COMEBACK_US, COMEBACK_CAP_US, s->failures++);
	tell(s, n, why);
}

static void recovered(struct relay *r, int n)
{
	struct side *s = &r->sides[n];
	s->failures = 0;
	if (!s->told)
		return;
	s->told = false;
	log_event(LOG_INFO, "published_again", "of=%s",
		  side_outboxes[n] ? side_outboxes[n]->name : outbox_batches.name);
}

/* ---- a run ---- */

/* How long the broker has for the run. */
static void set_patience(struct side *s, int n)
{
	int64_t now = clock_us();
	s->late_us = n == SIDE_SUSPECTS || n == SIDE_APART ? now + LATE_US : INT64_MAX;
	s->until_us = now + (is_late(n) ? CONFIRM_US : LATE_CONFIRM_US);
}

static int claim(struct relay *r, int n, struct weir_error *err)
{
	struct side *s = &r->sides[n];
	const struct outbox *outbox = side_outboxes[n];
	s->run.picks.count = 0;
	if (!outbox && !(outbox = apart_pick(r, is_late(n), &s->run.picks)))
		return 0;
	if (!s->run.ledger && relay_open_ledger(r, names[n], &s->run.ledger, err) < 0)
		return -1;
	if (run_claim(r, &s->run, outbox, err) < 0 || run_take(r, &s->run, err) < 0)
		return -1;
	if (side_outboxes[n]) /* of a kind that is apart it is known when */
		s->at_us = clock_us() + (clock_us() < s->lively_us ? LIVELY_LOOK_US : LOOK_US);
	if (s->run.count == 0)
		return 0;
	s->run.picks.queue = apart_queue(r, &s->run);
	s->lively_us = clock_us() + LIVELY_US;
	set_patience(s, n);
	return 0;
}

/* As much as the socket takes; nothing while it is not known whose the virtual host is. */
static int publish_some(struct relay *r, struct run *run, struct weir_error *err)
{
	int to = run->sent + CHUNK < run->count ? run->sent + CHUNK : run->count;
	if (!r->ours)
		to = run->sent;
	if (confirms_hear(r, run->wire, 0, err) < 0)
		return -1;
	while (run->sent < to && broker_unsent(run->wire->broker) < UNSENT)
		if (run_publish(r, run, run->sent, run->sent + 1, err) < 0)
			return -1;
	return 0;
}

/* Marked, and where the broker has refused some, the next ones go over another connection:
 * RabbitMQ 3.10 goes on refusing on one that met a full queue, after there is room again. */
static int finish(struct relay *r, int n, struct weir_error *err)
{
	struct side *s = &r->sides[n];
	size_t queue = side_outboxes[n] == &outbox_suspects ? apart_queue(r, &s->run) : SIZE_MAX;
	bool refused = memchr(s->run.states, ROW_REFUSED, (size_t)s->run.count) != NULL;
	bool sent = s->run.first != 0;
	if (run_finish(r, &s->run, err) < 0 || run_fail_broken(r, &s->run, err) < 0)
		return -1;
	if (sent && !refused) {
		s->wire.luck = (struct luck){.worked = true};
		s->wire.refusal_told = false;
		if (queue != SIZE_MAX)
			apart_suspects_settled(r, queue);
	}
	if (s->wire.nacked)
		wire_close(&s->wire);
	recovered(r, n);
	s->at_us = 0; /* until there is nothing more */
	return 0;
}

/* One of the queues that are bound to the exchange does not answer: what it has not confirmed waits
 * as what a full one refuses, and what comes after that goes its way. */
static int finish_late(struct relay *r, int n, struct weir_error *err)
{
	struct side *s = &r->sides[n];
	for (int row = 0; row < s->run.count; row++)
		if (s->run.states[row] == ROW_SENT)
			s->run.states[row] = ROW_REFUSED;
	int rc = finish(r, n, err);
	wire_close(&s->wire); /* it may be confirmed yet */
	return rc;
}

static int connect_side(struct relay *r, int n, struct weir_error *err)
{
	struct side *s = &r->sides[n];
	struct broker *b;
	int seconds = s->failures < 2 ? OPEN_S << s->failures : OPEN_CAP_S;
	if (s->wire.broker)
		return 0;
	r->last_side = n;
	r->side_opened = true;
	if (relay_open_beside(r, names[n], seconds, &b, err) < 0)
		return -1;
	return wire_begin(&s->wire, b, err);
}

/* One that has no connection waits until it may have one, before it claims something. */
static bool may_begin(const struct relay *r, const struct side *s)
{
	return r->ours && clock_us() >= s->at_us &&
	       (s->wire.broker || (!r->side_opened && relay_may_open_beside(r)));
}

static int go_on(struct relay *r, int n, struct weir_error *err)
{
	struct side *s = &r->sides[n];
	if (connect_side(r, n, err) < 0)
		return -1;
	if (publish_some(r, &s->run, err) < 0)
		return -1;
	if (s->run.confirmed == s->run.count)
		return finish(r, n, err);
	if (clock_us() >= s->late_us && s->run.sent == s->run.count && sides_take(r, &s->run))
		return 0;
	if (clock_us() < s->until_us)
		return 0;
	if (s->run.picks.queue == SIZE_MAX && s->run.sent == s->run.count)
		return finish_late(r, n, err);
	return weir_fail(err, "unconfirmed", "the broker has not confirmed them in time");
}

static int turn(struct relay *r, int n, struct weir_error *err)
{
	struct side *s = &r->sides[n];
	if (s->wire.blocked && confirms_hear(r, &s->wire, 0, err) < 0)
		return s->wire.broker ? 0 : -1; /* still in alarm, or lost */
	if (!s->run.open && may_begin(r, s) && claim(r, n, err) < 0)
		return -1;
	if (s->run.open)
		return go_on(r, n, err);
	/* Heartbeats, and the end of a connection that nobody uses. */
	return s->wire.broker ? confirms_hear(r, &s->wire, 0, err) : 0;
}

/* Without a kind in trouble their connections are of no use. */
static bool is_over(const struct relay *r, int n)
{
	if (r->sides[n].run.open)
		return false;
	return n == SIDE_SUSPECTS_LATE ? !apart_any_silent(r) : n >= SIDE_APART && !apart_any(r);
}

static void rest(struct side *s)
{
	wire_close(&s->wire);
	ledger_close(s->run.ledger);
	s->run.ledger = NULL;
}

void sides_turn(struct relay *r)
{
	struct weir_error why;
	r->outgoing.ledger = r->ledger;
	r->outgoing.progress = r->progress;
	int last = r->last_side;
	r->side_opened = false;
	for (int i = 1; i <= SIDES && r->ledger; i++) {
		int n = (last + i) % SIDES;
		if (is_over(r, n))
			rest(&r->sides[n]);
		else if (!(r->only_job && n == SIDE_LETTERS) && turn(r, n, &why) < 0)
			fail(r, n, &why);
	}
	outgoing_forget(&r->outgoing);
}

bool sides_take(struct relay *r, struct run *run)
{
	bool suspects = run->outbox == &outbox_suspects;
	for (int n = SIDE_SUSPECTS_LATE; n < SIDES; n++) {
		struct side *s = &r->sides[n];
		struct ledger *spare = s->run.ledger;
		struct wire *wire = run->wire;
		if (!is_late(n) || (n == SIDE_SUSPECTS_LATE) != suspects || s->run.open)
			continue;
		wire_close(&s->wire);
		wire_move(wire, &s->wire);
		s->run = *run;
		s->run.wire = &s->wire;
		set_patience(s, n);
		*run = (struct run){.wire = wire, .ledger = spare};
		return true;
	}
	return false;
}

void sides_abandon(struct relay *r)
{
	for (int n = 0; n < SIDES; n++) {
		run_abandon(&r->sides[n].run);
		wire_close(&r->sides[n].wire); /* nobody would read it */
	}
}

void sides_leave(struct relay *r)
{
	for (int n = 0; n < SIDES; n++) {
		run_give_back(&r->sides[n].run);
		rest(&r->sides[n]);
	}
}

/* When something may begin. */
static int64_t begins_at(const struct relay *r, int n)
{
	const struct side *s = &r->sides[n];
	int64_t at = s->at_us, apart_at = INT64_MAX;
	if (n >= SIDE_APART)
		apart_when(r, is_late(n), &apart_at);
	if (n >= SIDE_APART && apart_at > at)
		at = apart_at;
	if (!s->wire.broker && at < r->beside_us)
		at = r->beside_us;
	return r->ours ? at : INT64_MAX;
}

static int64_t goes_on_at(const struct relay *r, const struct side *s)
{
	int64_t now = clock_us();
	if (r->ours && s->run.sent < s->run.count)
		return now + FULL_US;
	return now < s->late_us && s->late_us < s->until_us ? s->late_us : s->until_us;
}

void sides_when(const struct relay *r, int64_t *at_us)
{
	for (int n = 0; n < SIDES; n++) {
		const struct side *s = &r->sides[n];
		if (s->wire.blocked) /* until the broker says otherwise */
			continue;
		if (is_over(r, n) || (n == SIDE_LETTERS && r->only_job))
			continue;
		int64_t at = s->run.open ? goes_on_at(r, s) : begins_at(r, n);
		if (at < *at_us)
			*at_us = at;
	}
}
