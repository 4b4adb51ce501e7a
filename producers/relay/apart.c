#include "apart.h"

#include <stdio.h>
#include <string.h>

#include "relay.h"
#include "weir/clock.h"
#include "weir/log.h"

#define REST_US 1000000 /* longer each time */
#define REST_CAP_US 30000000
#define TAKEN_APART 3	   /* batches whose items become suspects before one has got through */
#define RETRIES_AT_ONCE 20 /* where a batch is one */
#define ELSEWHERE_US 500000
#define ELSEWHERE_BATCHES 10
#define SHOWN_US 70000000 /* more than the pauses of what was refused */
#define TELL_US 60000000

static struct queue *queue_at(struct relay *r, size_t queue) { return &r->schedule.queues[queue]; }

size_t apart_queue(struct relay *r, const struct run *run)
{
	if (!run->rows || run->count == 0 || !run->outbox->starts_jobs)
		return SIZE_MAX;
	return schedule_find(r, ledger_text(run->rows, 0, COL_KIND));
}

const char *apart_kind(const struct relay *r, size_t queue)
{
	return queue == SIZE_MAX ? NULL : r->schedule.queues[queue].kind;
}

/* ---- into it, and out of it ---- */

void apart_doubt(struct relay *r, const struct run *run, int units, const struct weir_error *why)
{
	struct queue *q = queue_at(r, run->picks.queue);
	int runs = run->outbox == &outbox_retries ? 1 + units / RETRIES_AT_ONCE : units;
	schedule_first(r, &run->picks);
	if (q->apart < 2 * runs) /* batches and retries take turns */
		q->apart = 2 * runs;
	log_event(LOG_DEBUG, "kind_in_doubt", "kind=%s code=%s", q->kind, why->code);
}

/* What comes and goes (room in a queue) is told now and then. */
static void tell(struct queue *q, const struct weir_error *why)
{
	int64_t now = clock_us();
	if (strcmp(q->told_code, why->code) == 0 && (q->told || now - q->told_us < TELL_US))
		return;
	q->told = true;
	q->told_us = now;
	snprintf(q->told_code, sizeof q->told_code, "%s", why->code);
	log_event(
		LOG_WARN, "kind_apart",
		"kind=%s code=%s error=\"%s\" text=\"it is published apart from all others, after "
		"pauses that grow, until that succeeds\"",
		q->kind, why->code, why->text);
}

static void rest(struct queue *q, int64_t pause_us, const struct weir_error *why)
{
	if (q->apart == 0)
		q->apart = 1;
	weir_fail(&q->why, why->code, "kind %s: %s", q->kind, why->text);
	q->rest_us = clock_us() + pause_us;
	q->resting = true;
	q->silent = strcmp(why->code, "unconfirmed") == 0;
	tell(q, why);
}

void apart_rest(struct relay *r, size_t queue, const struct weir_error *why)
{
	struct queue *q = queue_at(r, queue);
	q->elsewhere = false;
	rest(q, clock_backoff_us(REST_US, REST_CAP_US, q->refused++), why);
}

/* What the kind's own queue has taken is worked on, and what another one has refused of it waits by
 * itself, for longer each time: that is no reason for others of the kind to wait. */
static void rest_refused(struct relay *r, const struct run *run)
{
	struct queue *q = queue_at(r, run->picks.queue);
	struct weir_error why;
	char items[NAMES_MAX], own[NAMES_MAX];
	exchange_name(EXCHANGE_ITEMS, items);
	queue_of(q->kind, own);
	bool it_is = !run->nacked || !schedule_has_taken(r, run);
	if (it_is && run->nacked && run->wire == &r->wire)
		schedule_refused(r, run->picks.queue);
	if (it_is) {
		weir_fail(&why, "refused",
			  "the queue %s is full or missing, or another queue that is bound to %s "
			  "is full: " WHICH_QUEUES,
			  own, items);
		apart_rest(r, run->picks.queue, &why);
		return;
	}
	q->elsewhere = true;
	q->refused = 0;
	weir_fail(&why, "refused",
		  "%s or another queue that is bound to %s is full (what %s has taken is worked "
		  "on): " WHICH_QUEUES,
		  own, items, own);
	rest(q, ELSEWHERE_US, &why);
}

static void leave(struct relay *r, struct queue *q)
{
	bool full = strcmp(q->why.code, "refused") == 0;
	q->apart = 0;
	if (full) /* room comes and goes */
		q->refused = 0;
	r->renew |= full && r->wire.nacked;
	r->due = true;
}

/* The broker has taken a run of it apart, or suspects. */
static void works(struct queue *q)
{
	q->resting = false;
	if (q->told)
		log_event(LOG_INFO, "kind_back", "kind=%s", q->kind);
	q->told = false;
}

static void got_through(struct queue *q)
{
	q->luck.worked = true;
	q->luck.closed = 0;
	q->silent = false;
	q->suspects_us = 0;
	q->suspects_refused = 0;
}

void apart_settled(struct relay *r, const struct run *run, bool refused)
{
	struct queue *q = queue_at(r, run->picks.queue);
	if (refused) {
		rest_refused(r, run);
		return;
	}
	if (run->first == 0) /* all of it is final: that proves nothing */
		return;
	got_through(q);
	if (q->apart == 0)
		q->refused = 0;
	if (q->apart == 0 || run->wire == &r->wire)
		return;
	works(q);
	if (--q->apart == 0)
		leave(r, q);
}

void apart_suspects_settled(struct relay *r, size_t queue)
{
	struct queue *q = queue_at(r, queue);
	got_through(q);
	works(q);
	if (q->apart == 1)
		leave(r, q);
}

/* ---- failures ---- */

static void rest_suspects(struct queue *q)
{
	q->suspects_us = clock_us() + clock_backoff_us(REST_US, REST_CAP_US, q->suspects_refused++);
}

/* Too many batches have come to the same: it is none of the messages. */
static bool is_hopeless(const struct queue *q, const struct run *run)
{
	return run->outbox != &outbox_suspects && q->luck.closed >= TAKEN_APART;
}

bool apart_failed(struct relay *r, const struct run *run, size_t queue, enum guilt guilt,
		  const struct weir_error *why)
{
	struct queue *q = queue_at(r, queue);
	if (guilt == GUILT_NONE || !run_unconfirmed(run))
		return false;
	if (guilt != GUILT_KIND && !is_hopeless(q, run)) {
		suspects_note(&r->suspects, run, guilt, &q->luck, why);
		q->luck.closed += r->suspects.units > 0;
	}
	if (guilt == GUILT_AGAIN)
		return false;
	if (run->outbox == &outbox_suspects)
		rest_suspects(q);
	if (run->outbox != &outbox_suspects || guilt == GUILT_KIND)
		apart_rest(r, queue, why);
	return true;
}

/* ---- what comes next ---- */

/* One of these sides is at it. */
static bool is_tried(const struct relay *r, int from, int to, size_t queue)
{
	for (int n = from; n < to; n++)
		if (r->sides[n].run.open && r->sides[n].run.picks.queue == queue)
			return true;
	return false;
}

/* It is apart, and left to nobody else. */
static bool is_free(const struct relay *r, size_t queue, bool silent)
{
	const struct queue *q = &r->schedule.queues[queue];
	return q->apart > 0 && (silent || !q->silent) && !is_tried(r, SIDE_APART, SIDES, queue);
}

static bool has_due(const struct relay *r, size_t queue)
{
	for (size_t i = 0; i < r->schedule.count; i++) {
		const struct flow *f = &r->schedule.flows[i];
		if (f->queue == queue && (f->due[OUTBOX_BATCHES] || f->due[OUTBOX_RETRIES]))
			return true;
	}
	return false;
}

/* Where its own queue takes all there is no need for small steps. One that does not rest is no
 * deeper than others: what a connection was lost over may wait in a slow kind until there is room.
 */
static const struct outbox *pick_from(struct relay *r, size_t queue, struct picks *picks)
{
	struct queue *q = queue_at(r, queue);
	int batches = q->elsewhere ? ELSEWHERE_BATCHES : 1;
	bool if_room = q->elsewhere || !q->resting;
	for (int i = 0; i < OUTBOXES; i++) {
		unsigned n = r->last_apart = (r->last_apart + 1) % OUTBOXES;
		if (schedule_pick_from(r, n, queue, n == OUTBOX_RETRIES ? RETRIES_AT_ONCE : batches,
				       if_room, picks))
			return outboxes[n];
	}
	if (if_room && has_due(r, queue))
		q->rest_us = clock_us() + ELSEWHERE_US;
	return NULL;
}

const struct outbox *apart_pick(struct relay *r, bool silent, struct picks *picks)
{
	struct schedule *s = &r->schedule;
	int64_t now = clock_us();
	for (size_t i = 1; i <= s->queue_count; i++) {
		size_t queue = (s->last_apart + i) % s->queue_count;
		const struct queue *q = &s->queues[queue];
		const struct outbox *outbox;
		if (now < q->rest_us || !is_free(r, queue, silent) ||
		    !(outbox = pick_from(r, queue, picks)))
			continue;
		s->last_apart = queue;
		return outbox;
	}
	return NULL;
}

bool apart_any(const struct relay *r)
{
	for (size_t i = 0; i < r->schedule.queue_count; i++)
		if (r->schedule.queues[i].apart > 0)
			return true;
	return false;
}

bool apart_any_silent(const struct relay *r)
{
	for (size_t i = 0; i < r->schedule.queue_count; i++)
		if (r->schedule.queues[i].silent)
			return true;
	return false;
}

void apart_when(const struct relay *r, bool silent, int64_t *at_us)
{
	for (size_t i = 0; i < r->schedule.queue_count; i++) {
		const struct queue *q = &r->schedule.queues[i];
		if (q->rest_us < *at_us && is_free(r, i, silent) && has_due(r, i))
			*at_us = q->rest_us;
	}
}

const char *apart_trouble(const struct relay *r)
{
	for (size_t i = 0; i < r->schedule.queue_count; i++) {
		const struct queue *q = &r->schedule.queues[i];
		bool lately = q->elsewhere && clock_us() < q->rest_us + SHOWN_US;
		if (q->resting && (lately || has_due(r, i)))
			return q->why.text;
	}
	return "";
}

/* Its suspects rest, or are for another side. */
static bool is_left(const struct relay *r, size_t queue, bool silent, int64_t now)
{
	const struct queue *q = &r->schedule.queues[queue];
	return q->suspects_us > now || (q->silent && !silent) ||
	       is_tried(r, SIDE_SUSPECTS, SIDE_APART, queue);
}

void apart_add_left(const struct relay *r, const struct run *run, struct params *p)
{
	const struct schedule *s = &r->schedule;
	bool silent = run != &r->sides[SIDE_SUSPECTS].run;
	int64_t now = clock_us();
	size_t n = 0;
	for (size_t i = 0; i < s->queue_count; i++)
		n += is_left(r, i, silent, now);
	params_array(p, TYPE_TEXT, n);
	for (size_t i = 0; i < s->queue_count; i++)
		if (is_left(r, i, silent, now))
			params_add_text(p, (struct weir_text){s->queues[i].kind,
							      strlen(s->queues[i].kind)});
	params_array_end(p);
}
