/* Dead letters: what the broker gave up after its delivery limit (or for age, or for want of room),
 * and what consumers refused. An item of the former gets another message; what was refused is kept
 * as a row, with its bytes and the reason. Each is one statement, acked after it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay.h"
#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/log.h"
#include "weir/message.h"
#include "weir/topology.h"

#define TURN 50
#define MARK_US 1000000
#define LOCKED "locked"
#define HELD_US 1000000 /* longer each time */
#define HELD_CAP_US 30000000

/* An item whose message the broker gave up gets another one. That it was delivered so often is no
 * evidence against it: whoever had it may have been stopped each time. */
#define ITS_ROW " FROM weir.retries WHERE job_id = $1 AND stage = $2 AND ordinal = $3"
static const char give_back[] =
	"WITH l AS MATERIALIZED (SELECT 1" ITS_ROW " FOR UPDATE SKIP LOCKED),"
	" h AS MATERIALIZED (SELECT EXISTS (SELECT" ITS_ROW
	") AND NOT EXISTS (SELECT FROM l) AS locked),"
	" i AS (INSERT INTO weir.retries AS w (job_id, stage, ordinal, attempts, due_at)"
	" SELECT i.job_id, i.stage, i.ordinal, $5, now() + CASE WHEN j.status = 'paused'"
	"  THEN weir.parked() ELSE interval '0' END"
	" FROM h CROSS JOIN weir.items i JOIN weir.jobs j USING (job_id)"
	" WHERE NOT h.locked AND j.status IN ('pending', 'running', 'paused') AND i.job_id = $1 "
	"AND i.stage = $2"
	"  AND i.ordinal = $3 AND i.custom_id = $4"
	"  AND NOT EXISTS (SELECT FROM weir.results r WHERE r.job_id = i.job_id"
	"   AND r.stage = i.stage AND r.ordinal = i.ordinal)"
	" ON CONFLICT (job_id, stage, ordinal) DO UPDATE SET due_at = excluded.due_at"
	" WHERE w.due_at = 'infinity')" /* else it is to come, at its own time */
	"SELECT locked FROM h";

static const char is_item[] =
	"SELECT 1 FROM weir.items"
	" WHERE job_id = $1 AND stage = $2 AND ordinal = $3 AND custom_id = $4";

static const char keep[] =
	"INSERT INTO weir.dead_letters (queue, reason_code, reason, content_type, message_id, body)"
	" VALUES ($1, $2, $3, $4, $5, $6)";

static void item_params(struct params *p, const struct weir_item *item)
{
	params_reset(p);
	params_text(p, item->job_id);
	params_int(p, (int32_t)item->stage);
	params_int(p, (int32_t)item->ordinal);
	params_text(p, item->custom_id);
}

static int in_ledger(struct relay *r, const struct weir_item *item, bool *yes,
		     struct weir_error *err)
{
	PGresult *rows = NULL;
	item_params(&r->params, item);
	if (ledger_query(r->ledger, is_item, &r->params, true, &rows, err) < 0)
		return -1;
	*yes = PQntuples(rows) > 0;
	PQclear(rows);
	return 0;
}

static void note(struct relay *r, const char *name, const struct broker_event *event,
		 const struct weir_error *why)
{
	char where[96];
	snprintf(where, sizeof where, "queue=%s", event->death_queue);
	causes_note(&r->causes, LOG_WARN, name, where, event->message_id, 1, why);
}

static int keep_letter(struct relay *r, const struct broker_event *event,
		       const struct weir_error *reason, struct weir_error *err)
{
	struct params *p = &r->params;
	params_reset(p);
	params_string(p, event->death_queue);
	params_string(p, reason->code);
	params_string(p, reason->text);
	params_string(p, event->content_type);
	params_string(p, event->message_id);
	params_bytes(p, event->body ? event->body : "", event->body ? event->body_size : 0);
	if (ledger_do(r->ledger, keep, p, NULL, err) < 0)
		return -1;
	note(r, "dead_letter_kept", event, reason);
	return 0;
}

static int give_item_back(struct relay *r, const struct broker_event *event,
			  const struct message *m, struct weir_error *err)
{
	const struct weir_item *item = &m->item;
	struct params *p = &r->params;
	struct weir_error why;
	item_params(p, item);
	params_int(p, (int32_t)item->attempt);
	PGresult *rows = NULL;
	weir_fail(&why, event->death_reason, "the broker gave its message up");
	if (ledger_query(r->ledger, give_back, p, true, &rows, err) < 0)
		return -1;
	bool locked = ledger_bool(rows, 0, 0);
	PQclear(rows);
	if (locked)
		return weir_fail(err, LOCKED, "somebody has locked its row of weir.retries");
	note(r, "item_given_back", event, &why);
	r->due = true;
	return 0;
}

/* Why a consumer refused a message that can be decoded: the same checks, and so the same reason. */
static void find_reason(const struct broker_event *event, const struct message *m, bool known,
			struct weir_error *reason)
{
	char queue[NAMES_MAX], kind[KIND_MAX + 1];
	snprintf(kind, sizeof kind, "%.*s", (int)m->kind.size, m->kind.data);
	queue_of(kind, queue);
	if (*event->death_queue && strcmp(queue, event->death_queue) != 0)
		weir_fail(reason, "unknown_kind", "an item of kind \"%s\" on the queue %s", kind,
			  event->death_queue);
	else if (known)
		weir_fail(reason, "refused", "a consumer refused it");
	else
		weir_fail(reason, "unknown_item", "the ledger has no such item");
}

static bool is_foreign(const struct relay *r, const struct broker_event *event)
{
	return seal_owner(event->app_id, r->ledger_id) == SEAL_OF_OTHERS;
}

/* A message that was refused says nothing about the item it names, which may have a good one; but
 * what another ledger's consumer refused is this one's own. */
static int judge_message(struct relay *r, const struct broker_event *event, const struct message *m,
			 struct weir_error *err)
{
	struct weir_error reason;
	bool known = false;
	if (in_ledger(r, &m->item, &known, err) < 0)
		return -1;
	bool ours = seal_owner(event->app_id, r->ledger_id) == SEAL_OF_US;
	if (known && (ours || strcmp(event->death_reason, "rejected") != 0))
		return give_item_back(r, event, m, err);
	find_reason(event, m, known, &reason);
	return keep_letter(r, event, &reason, err);
}

static int judge(struct relay *r, const struct broker_event *event, struct weir_error *err)
{
	struct weir_error reason;
	struct message m;
	struct weir_text type = {event->content_type, strlen(event->content_type)};
	struct weir_text owner = seal_ledger(event->app_id);
	if (is_foreign(r, event)) {
		weir_fail(&reason, "other_ledger", "it is of the ledger %.*s", (int)owner.size,
			  owner.data);
		return keep_letter(r, event, &reason, err);
	}
	if (!event->body) {
		weir_fail(&reason, "oversized", "%llu bytes, at most %d",
			  (unsigned long long)event->body_size, MESSAGE_MAX);
		return keep_letter(r, event, &reason, err);
	}
	if (message_decode(&m, event->body, event->body_size, type, &reason) < 0) {
		if (strcmp(reason.code, "out_of_memory") == 0) /* no fault of the letter's */
			return weir_fail_memory(err);
		return keep_letter(r, event, &reason, err);
	}
	int rc = judge_message(r, event, &m, err);
	message_release(&m);
	return rc;
}

/* A letter that the ledger will not have judged is kept as it is; one that it could not judge now
 * comes again. */
static int judge_or_keep(struct relay *r, const struct broker_event *event, bool *again,
			 struct weir_error *err)
{
	struct weir_error why;
	*again = false;
	if (judge(r, event, &why) == 0)
		return 0;
	if (strcmp(why.code, "database") == 0 && ledger_fault(r->ledger) == LEDGER_DATA &&
	    keep_letter(r, event, &why, err) == 0)
		return 0;
	*again = ledger_alive(r->ledger);
	return weir_fail(err, why.code, "%s", why.text);
}

/* ---- letters whose rows somebody has locked ---- */

static bool is_locked(const struct relay *r, const struct weir_error *why)
{
	return strcmp(why->code, LOCKED) == 0 ||
	       (strcmp(why->code, "database") == 0 && ledger_alive(r->ledger) &&
		strcmp(ledger_sqlstate(r->ledger), "55P03") == 0);
}

/* It stays with this relay for a while, so that those behind it come; false: there are too many. */
static bool hold(struct relay *r, const struct broker_event *event, const struct weir_error *why)
{
	struct held_letters *h = &r->held;
	if (h->count == HELD_MAX)
		return false;
	if (!h->told)
		note(r, "dead_letter_put_back", event, why);
	h->told = true;
	if (h->count == 0)
		h->at_us = clock_us() + clock_backoff_us(HELD_US, HELD_CAP_US, h->tries++);
	h->tags[h->count++] = event->tag;
	return true;
}

void dead_forget_held(struct relay *r)
{
	r->held = (struct held_letters){.told = r->held.told, .tries = r->held.tries};
}

/* They come again, behind what is on its way. */
static int put_back_held(struct relay *r, struct weir_error *err)
{
	struct held_letters *h = &r->held;
	if (h->count == 0 || clock_us() < h->at_us)
		return 0;
	for (int i = 0; i < h->count; i++)
		if (broker_reject(r->dead_broker, h->tags[i], true, err) < 0)
			return -1;
	h->last_us = clock_us();
	h->count = 0;
	return 0;
}

/* ---- a turn ---- */

/* What is of whoever has this virtual host now, that one's relay is to have. Such letters come by
 * the thousand, and each look is a connection: one look is for all of a while. */
static int check_mark(struct relay *r, struct weir_error *err)
{
	if (clock_us() < r->mark_at_us)
		return 0;
	if (recover_check_mark(r, err) < 0)
		return -1;
	r->mark_at_us = clock_us() + MARK_US;
	return 0;
}

static int take_one(struct relay *r, struct broker_event *event)
{
	struct weir_error why;
	bool again;
	if (broker_next(r->dead_broker, 0, event, &why) < 0)
		goto lost;
	if (event->type == BROKER_CANCEL) {
		weir_fail(&why, "broker", "the queue of dead letters is gone");
		goto lost;
	}
	if (event->type != BROKER_DELIVERY)
		return event->type == BROKER_NOTHING ? -1 : 0;
	if (is_foreign(r, event) && check_mark(r, &why) < 0)
		goto lost;
	if (judge_or_keep(r, event, &again, &why) < 0) {
		if (again && is_locked(r, &why) && hold(r, event, &why))
			return -1; /* it may have taken a second: all others first */
		if (again) {
			note(r, "dead_letter_put_back", event, &why);
			relay_rest_dead(r);
		} else
			relay_lose_ledger(r, &why); /* and with it this connection */
		return -1;
	}
	failpoint("dead_letter_kept");
	r->dead_tries = 0;
	if (r->held.count == 0 && clock_us() - r->held.last_us > HELD_CAP_US)
		r->held = (struct held_letters){0};
	if (broker_ack(r->dead_broker, event->tag, false, &why) == 0)
		return 0;
lost:
	relay_lose_dead(r, &why);
	return -1;
}

void dead_turn(struct relay *r)
{
	struct broker_event event;
	struct weir_error why;
	if (r->dead_broker && put_back_held(r, &why) < 0)
		relay_lose_dead(r, &why);
	for (int i = 0; i < TURN && r->dead_broker && r->ledger && r->ours; i++) {
		event.body = NULL;
		int rc = take_one(r, &event);
		free(event.body);
		if (rc < 0)
			return;
	}
}
