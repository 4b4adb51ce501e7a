/* Proof: what has travelled is what the ledger has. A relay signs what it takes from there
 * (seal.h), and that is checked here without asking anybody. What has no seal, or one that does not
 * fit, is compared with the ledger before anything is done for it: messages of relays before schema
 * 56 and of other services, and those that were spoilt, forged, or are of a time that a restore has
 * undone. What differs is kept as a dead letter, and its item gets another message. */
#include <string.h>

#include "consumer.h"
#include "statements.h"
#include "weir/clock.h"
#include "weir/log.h"

#define AGAIN_US 400000	     /* after the ledger has not answered */
#define BYTES_MAX (4u << 20) /* of bodies that are compared at a time */

enum {
	COL_KNOWN,
	COL_PAYLOAD,
	COL_CONTEXT,
	COL_STAGE_CONTEXT,
	COL_OWN_CONTEXT, /* whether it has one */
	COL_KIND,
	COL_TABLE,
	COL_RECORD,
	COL_ATTEMPTS,
	COL_FINAL
};

bool proof_given(struct consumer *c, struct delivery *one)
{
	if (one->proven)
		return true;
	one->proven = *one->mark && seal_fits(one->mark, one->job->seal,
					      (struct weir_text){one->body, one->body_size});
	one->mark[0] = '\0'; /* looked at once */
	c->unproven |= !one->proven;
	return one->proven;
}

/* ---- comparing ---- */

static bool same_text(struct weir_text a, struct weir_text b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* 1: the same, 0: not, -1: memory is short. */
static int same_json(struct weir_text json, const struct weir_map *map)
{
	struct message m;
	const struct weir_map *ours;
	struct weir_error why;
	if (!json.data)
		return 0;
	if (message_decode_map(&m, json.data, json.size, &ours, &why) < 0)
		return strcmp(why.code, "out_of_memory") == 0 ? -1 : 0;
	int same = map_same(ours, map);
	message_release(&m);
	return same;
}

static int same_context(const PGresult *r, int row, const struct weir_map *map)
{
	struct weir_error why;
	struct buffer merged = BUFFER_INIT;
	struct weir_text stage = ledger_text(r, row, COL_STAGE_CONTEXT);
	struct weir_text own = ledger_text(r, row, COL_CONTEXT);
	if (!ledger_bool(r, row, COL_OWN_CONTEXT))
		return same_json(stage, map);
	if (!stage.data || !own.data)
		return 0;
	int same = 0;
	if (message_overlay(&merged, stage, own, &why) == 0)
		same = same_json((struct weir_text){merged.data, merged.size}, map);
	else if (strcmp(why.code, "out_of_memory") == 0)
		same = -1;
	buffer_release(&merged);
	return same;
}

/* A message need not say where its item came from. */
static bool same_place(const PGresult *r, int row, const struct weir_item *item)
{
	if (!item->table_name.data)
		return true;
	return same_text(item->table_name, ledger_text(r, row, COL_TABLE)) &&
	       same_text(item->record_id, ledger_text(r, row, COL_RECORD));
}

/* 0: it is as in the ledger, or final, which shows when it is to be stored. -1: why. Code
 * out_of_memory: nobody knows. */
static int compare(const PGresult *r, int row, const struct delivery *one, struct weir_error *why)
{
	const struct weir_item *item = &one->message.item;
	if (!ledger_bool(r, row, COL_KNOWN))
		return weir_fail(why, "unknown_item", "the ledger has no such item");
	if (ledger_bool(r, row, COL_FINAL))
		return 0;
	int payload = same_json(ledger_text(r, row, COL_PAYLOAD), item->payload);
	int context = same_context(r, row, item->context);
	if (payload < 0 || context < 0)
		return weir_fail_memory(why);
	const char *other = !payload   ? "payload"
			    : !context ? "context"
			    : !same_text(one->message.kind, ledger_text(r, row, COL_KIND)) ? "kind"
			    : !same_place(r, row, item) ? "table_name or record_id"
			    : item->attempt > (uint32_t)ledger_int(r, row, COL_ATTEMPTS) ? "attempt"
											 : NULL;
	return other ? weir_fail(why, "not_as_in_ledger", "its %s is not that of the ledger", other)
		     : 0;
}

/* ---- a turn ---- */

static size_t choose(struct consumer *c, struct delivery **out, int64_t now)
{
	size_t n = 0;
	uint64_t bytes = 0;
	struct delivery *d = c->deliveries.lists[DELIVERY_HELD].first;
	for (; d && n < FLUSH_MAX && bytes < BYTES_MAX; d = d->after) {
		if (d->proven || *d->mark ||
		    job_rule(&c->jobs, d->job, d->message.item.epoch, d->taken_us, now) !=
			    RULE_WORK)
			continue;
		bytes += d->body_size;
		out[n++] = d;
	}
	return n;
}

static int ask(struct consumer *c, struct delivery *const *some, size_t n, PGresult **r)
{
	struct weir_error why;
	statement_fill(&statement_read_items, &c->flush.params, some, n);
	if (ledger_query(c->ledger, statement_sql(&statement_read_items), &c->flush.params, true, r,
			 &why) == 0)
		return 0;
	consumer_ledger_failed(c, "items_not_read", &why);
	c->proof_us = clock_us() + AGAIN_US;
	return -1;
}

/* Those that are refused: how many, and which rows say so. */
static size_t judge(struct consumer *c, struct delivery **some, size_t n, const PGresult *r,
		    int *rows)
{
	struct weir_error why;
	size_t refused = 0;
	for (size_t i = 0; i < n && (int)i < PQntuples(r); i++) {
		if (compare(r, (int)i, some[i], &why) == 0) {
			some[i]->proven = true;
		} else if (strcmp(why.code, "out_of_memory") == 0) {
			c->proof_us = clock_us() + AGAIN_US;
		} else {
			rows[refused] = (int)i;
			some[refused++] = some[i];
		}
	}
	return refused;
}

/* First their items are due again, so that each has a message or a row at any time. */
static void refuse(struct consumer *c, struct delivery **some, size_t n, const PGresult *r,
		   const int *rows)
{
	struct weir_error why;
	statement_fill(&statement_send_anew, &c->flush.params, some, n);
	if (ledger_do(c->ledger, statement_sql(&statement_send_anew), &c->flush.params, NULL,
		      &why) < 0) {
		consumer_ledger_failed(c, "not_sent_anew", &why);
		c->proof_us = clock_us() + AGAIN_US;
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (compare(r, rows[i], some[i], &why) < 0 &&
		    strcmp(why.code, "out_of_memory") != 0) /* which is looked at again */
			held_refuse(c, some[i], &why);
}

void proof_turn(struct consumer *c)
{
	struct delivery *some[FLUSH_MAX];
	int rows[FLUSH_MAX];
	PGresult *r = NULL;
	int64_t now = clock_us();
	if (!c->unproven || !c->ledger || c->flush.state != FLUSH_IDLE || now < c->proof_us)
		return;
	size_t n = choose(c, some, now);
	c->unproven = n > 0; /* others that become ready say so again */
	if (n == 0 || ask(c, some, n, &r) < 0)
		return;
	n = judge(c, some, n, r, rows);
	if (n > 0)
		refuse(c, some, n, r, rows);
	PQclear(r);
}
