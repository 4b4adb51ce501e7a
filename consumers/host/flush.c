/* One flush, from its beginning to its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apart.h"
#include "asks.h"
#include "entries.h"
#include "statements.h"
#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/log.h"

static const char wake_relay[] = "SELECT pg_notify('weir_due', '')";

static const char set_limits[] =
	"SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true)";

/* ---- which deliveries ---- */

void flush_take(struct flush *f, struct delivery *one)
{
	one->claimed = one->unknown = false;
	one->final = 0;
	f->entries[f->size++] = one;
	delivery_move(&f->consumer->deliveries, one, DELIVERY_STORING, false);
}

static void take_entries(struct consumer *c)
{
	struct flush *f = &c->flush;
	struct delivery_list *ended = &c->deliveries.lists[DELIVERY_ENDED];
	uint32_t group = ended->first ? ended->first->group : 0;
	size_t bytes = 0;
	f->size = 0;
	while (ended->first && ended->first->group == group && f->size < (size_t)c->options.flush &&
	       bytes < FLUSH_BYTES) {
		bytes += ended->first->result.size + ended->first->body_size;
		flush_take(f, ended->first);
	}
}

bool flush_due(const struct consumer *c, int64_t now, bool more_coming)
{
	const struct delivery_list *lists = c->deliveries.lists;
	const struct delivery *oldest = lists[DELIVERY_ENDED].first;
	if (!oldest || !c->ledger || c->flush.state != FLUSH_IDLE || now < c->flush.pause_until_us)
		return false;
	if (oldest->group || c->stopping || c->jobs.hungry || trials_hold(c) ||
	    lists[DELIVERY_ENDED].size >= (size_t)c->options.flush)
		return true;
	if (now - oldest->ended_us >= c->options.linger_ms * 1000)
		return true;
	return !more_coming && lists[DELIVERY_WORKING].size == 0;
}

/* ---- the steps ---- */

static int add_step(struct flush *f, enum step_kind kind, const struct tx_statement *statement)
{
	if (f->step_count == STEPS_MAX)
		return -1;
	struct step *s = &f->steps[f->step_count++];
	s->kind = kind;
	if (statement)
		s->statement = *statement;
	return 0;
}

static int send_plain(struct flush *f, enum step_kind kind, const char *sql)
{
	if (add_step(f, kind, NULL) < 0)
		return weir_fail(&f->error, "bad_statement", "too many statements in one flush");
	return ledger_send(*f->ledger, sql, NULL, true, &f->error);
}

/* For this transaction alone: the connection's own limits are for all that is well. */
static int send_limits(struct flush *f)
{
	char lock[16], statement[16];
	if (!f->lock_ms)
		return 0;
	if (add_step(f, STEP_PLAIN, NULL) < 0)
		return weir_fail(&f->error, "bad_statement", "too many statements in one flush");
	snprintf(lock, sizeof lock, "%d", f->lock_ms);
	snprintf(statement, sizeof statement, "%d", f->statement_ms);
	params_reset(&f->params);
	params_string(&f->params, lock);
	params_string(&f->params, statement);
	return ledger_send(*f->ledger, set_limits, &f->params, true, &f->error);
}

/* Sends a statement for the entries that are wanted, if there are any. */
static int send_for(struct flush *f, enum step_kind kind, const struct host_statement *s,
		    selection *wanted)
{
	struct delivery *d[FLUSH_MAX];
	size_t n = entries_select(f, wanted, d);
	if (n == 0)
		return 0;
	if (add_step(f, kind, NULL) < 0)
		return weir_fail(&f->error, "bad_statement", "too many statements in one flush");
	statement_fill(s, &f->params, d, n);
	return ledger_send(*f->ledger, statement_sql(s), &f->params, true, &f->error);
}

static int send_counts(struct flush *f)
{
	if (!entries_any(f, to_count))
		return 0;
	if (add_step(f, STEP_PLAIN, NULL) < 0)
		return weir_fail(&f->error, "bad_statement", "too many statements in one flush");
	statement_fill_counts(&f->params, f->entries, f->size);
	return ledger_send(*f->ledger, statement_count_batches, &f->params, true, &f->error);
}

/* All that follows from the claim, but for what the plugins store. */
static int send_rest(struct flush *f)
{
	static const struct {
		enum step_kind kind;
		const struct host_statement *statement;
		selection *wanted;
	} rest[] = {
		{STEP_LOOKUP, &statement_look_up, to_look_up},
		{STEP_PLAIN, &statement_await_answers, to_request},
		{STEP_PLAIN, &statement_request, to_request},
		{STEP_PLAIN, &statement_sleep, to_sleep},
		{STEP_PLAIN, &statement_put_off, to_put_off},
		{STEP_PLAIN, &statement_defer, to_defer},
		{STEP_PLAIN, &statement_free, to_free},
		{STEP_PLAIN, &statement_end_retries, to_end_retries},
		{STEP_PLAIN, &statement_end_calls, to_end_call},
		{STEP_PLAIN, &statement_end_trials, to_end_trial},
		{STEP_PLAIN, &statement_keep_letters, to_keep},
	};
	for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
		if (send_for(f, rest[i].kind, rest[i].statement, rest[i].wanted) < 0)
			return -1;
	if (entries_any(f, to_wake) && send_plain(f, STEP_PLAIN, wake_relay) < 0)
		return -1;
	if (send_counts(f) < 0 || send_plain(f, STEP_COMMIT, "COMMIT") < 0)
		return -1;
	return ledger_sync(*f->ledger, &f->error);
}

/* ---- what the plugins store ---- */

static int note_statement(void *owner, const struct tx_statement *statement)
{
	struct flush *f = owner;
	return f->step_count < STEPS_MAX - STEPS_OWN ? add_step(f, STEP_STORE, statement) : -1;
}

static int store_lane(struct flush *f, struct lane *lane, size_t first, size_t count)
{
	struct weir_tx tx = {.ledger = *f->ledger,
			     .params = &f->params,
			     .results = f->results + first,
			     .first = first,
			     .count = count,
			     .queued = note_statement,
			     .owner = f};
	const struct weir_plugin *p = &lane->plugin.plugin;
	struct mark *mark = f->consumer->mark;
	if (!p->store)
		return 0;
	if (count == 1 && trials_begin(f->consumer, f->owners[first]) < 0)
		log_event(LOG_DEBUG, "stored_unmarked", "kind=%s", p->kind);
	for (size_t i = 0; i < count; i++)
		mark_add(mark, i, f->owners[first + i]);
	mark_enter_all(mark, MARK_STORE, (size_t)(lane - f->consumer->lanes), count);
	failpoint("storing");
	int rc = p->store(lane->plugin.state, &tx, tx.results, count, &f->error);
	mark_leave(mark);
	trials_returned(f->consumer);
	return rc;
}

static void add_result(struct flush *f, struct delivery *d)
{
	size_t i = f->result_count++;
	f->owners[i] = d;
	f->results[i] = (struct weir_result){.item = &d->message.item,
					     .table_name = ledger_text(f->claims, d->row, 4),
					     .record_id = ledger_text(f->claims, d->row, 5),
					     .result = {d->result.data, d->result.size},
					     .note = d->note,
					     .note_size = d->note_size};
}

/* One call a plugin, and in the order of their kinds: what they lock, all consumers lock in one
 * order. */
static int store_all(struct flush *f)
{
	struct consumer *c = f->consumer;
	for (struct lane *lane = c->lanes; lane < c->lanes + c->lane_count; lane++) {
		size_t first = f->result_count;
		for (size_t i = 0; i < f->size; i++)
			if (to_store(f, i) && f->entries[i]->lane == lane)
				add_result(f, f->entries[i]);
		size_t count = f->result_count - first;
		if (count > 0 && store_lane(f, lane, first, count) < 0)
			return -1;
	}
	return 0;
}

/* ---- results ---- */

static bool row_is(const PGresult *r, int row, const struct delivery *d)
{
	const struct weir_item *item = &d->message.item;
	return (uint32_t)ledger_int(r, row, 2) == item->ordinal &&
	       (uint32_t)ledger_int(r, row, 1) == item->stage &&
	       entry_text_is(ledger_text(r, row, 0), item->job_id) &&
	       entry_text_is(ledger_text(r, row, 3), item->custom_id);
}

/* The rows come in the order of the entries, which the insert keeps; those that were final already
 * are left out. */
static void take_claims(struct flush *f, PGresult *r)
{
	int row = 0, rows = PQntuples(r);
	f->claims = r;
	for (size_t i = 0; i < f->size && row < rows; i++) {
		struct delivery *d = f->entries[i];
		if (!to_claim(f, i) || !row_is(r, row, d))
			continue;
		d->claimed = true;
		d->final = d->fate == FATE_SUCCESS ? ITEM_SUCCESS : ITEM_FAILED;
		d->row = row++;
	}
	if (f->hopeful)
		f->failed = f->mistaken = entries_any(f, to_claim_still);
	if (row == rows)
		return;
	f->failed = true;
	weir_fail(&f->error, "claim", "the claim returned %d rows that were not asked for",
		  rows - row);
}

static void take_look_up(struct flush *f, const PGresult *r)
{
	struct delivery *d[FLUSH_MAX];
	size_t n = entries_select(f, to_look_up, d);
	for (size_t i = 0; i < n && (int)i < PQntuples(r); i++) {
		d[i]->final = ledger_int(r, (int)i, 0);
		d[i]->unknown = !ledger_bool(r, (int)i, 1);
	}
}

/* ---- the two round trips ---- */

/* Statements that were queued before it still have to be taken; they may wait for locks. */
static void plugin_failed(struct flush *f)
{
	struct weir_error why;
	bool passes = strcmp(f->error.code, "out_of_memory") == 0;
	f->failed = f->by_plugin = true;
	f->plugin_fault = passes ? LEDGER_BUSY : LEDGER_DATA;
	if (!ledger_alive(*f->ledger) || ledger_sync(*f->ledger, &why) < 0)
		flush_lose(f, &f->error);
}

static void begin_storing(struct flush *f)
{
	f->state = FLUSH_STORING;
	failpoint("claimed");
	if (flush_fail_unmapped(f) > 0) {
		flush_put_back(f, 0, f->size, flush_group(f));
		flush_end(f);
		flush_roll_back(f);
		return;
	}
	if (store_all(f) < 0) {
		plugin_failed(f);
		return;
	}
	if (send_rest(f) < 0) {
		flush_lose(f, &f->error);
		return;
	}
	failpoint("committing");
}

/* Work as it mostly is: of one stage, and delivered for the first time. */
static bool may_hope(const struct flush *f)
{
	const struct weir_item *first = &f->entries[0]->message.item;
	for (size_t i = 0; i < f->size; i++) {
		const struct weir_item *item = &f->entries[i]->message.item;
		if (entry_is_refused(f->entries[i]) || f->entries[i]->suspect ||
		    item->stage != first->stage || !entry_text_is(item->job_id, first->job_id))
			return false;
	}
	return clock_us() >= f->careful_until_us;
}

static int send_claim(struct flush *f)
{
	f->hopeful = may_hope(f);
	if (!f->hopeful)
		return send_for(f, STEP_CLAIM, &statement_claim, to_claim);
	if (send_for(f, STEP_CLAIM, &statement_find, to_claim) < 0)
		return -1;
	return send_for(f, STEP_INSERT, &statement_insert, to_claim);
}

void flush_send(struct flush *f)
{
	qsort(f->entries, f->size, sizeof *f->entries, entries_compare);
	f->state = FLUSH_CLAIMING;
	f->began_us = clock_us();
	failpoint("processed");
	if (send_plain(f, STEP_PLAIN, "BEGIN") < 0 || send_limits(f) < 0 || send_claim(f) < 0) {
		flush_lose(f, &f->error);
		return;
	}
	if (!entries_any(f, to_claim))
		begin_storing(f);
	else if (ledger_sync(*f->ledger, &f->error) < 0)
		flush_lose(f, &f->error);
}

void flush_begin(struct consumer *c)
{
	apart_sort(c);
	take_entries(c);
	if (c->flush.size > 0)
		flush_send(&c->flush);
}

static void take_result(struct flush *f, PGresult *r)
{
	enum step_kind kind =
		f->step_next < f->step_count ? f->steps[f->step_next].kind : STEP_PLAIN;
	f->step_next++;
	if (kind == STEP_CLAIM) {
		take_claims(f, r);
		return;
	}
	if (kind == STEP_LOOKUP)
		take_look_up(f, r);
	PQclear(r);
}

/* The ledger has no such item: that is to be kept, with the next flush. */
static size_t refuse_unknown(struct flush *f, struct delivery **stored)
{
	struct consumer *c = f->consumer;
	struct weir_error why;
	size_t n = 0;
	uint32_t group = flush_group(f);
	weir_fail(&why, "unknown_item", "the ledger has no such item");
	for (size_t i = 0; i < f->size; i++) {
		struct delivery *d = f->entries[i];
		if (!d->unknown) {
			stored[n++] = d;
			continue;
		}
		d->group = group;
		d->tried = false;
		held_refuse(c, d, &why);
	}
	return n;
}

static void note_failed(struct flush *f)
{
	for (size_t i = 0; i < f->size; i++)
		if (f->entries[i]->claimed && f->entries[i]->fate == FATE_FAILED)
			flush_note(f, LOG_WARN, "items_failed", f->entries[i], 1,
				   f->entries[i]->error);
}

static void finish(struct flush *f)
{
	struct consumer *c = f->consumer;
	struct delivery *stored[FLUSH_MAX];
	bool requested = entries_any(f, to_request);
	apart_stored(f);
	size_t n = refuse_unknown(f, stored);
	f->pauses = 0;
	note_failed(f);
	flush_end(f);
	if (requested)
		asks_requested(c);
	/* The database gets its next flush first, and works on it while we count and ack. */
	if (f == &c->flush && !c->done_job[0] && !control_due(c, clock_us()) && !c->unproven &&
	    !trials_due(c, clock_us()) && flush_due(c, clock_us(), true))
		flush_begin(c);
	settle(c, stored, n);
}

static void synced(struct flush *f)
{
	if (f->failed)
		flush_failed(f, f->by_plugin ? f->plugin_fault : ledger_fault(*f->ledger),
			     f->by_plugin);
	else if (f->state == FLUSH_CLAIMING)
		begin_storing(f);
	else
		finish(f);
}

void flush_turn(struct flush *f)
{
	while (*f->ledger && f->state != FLUSH_IDLE) {
		PGresult *r = NULL;
		struct weir_error why;
		switch (ledger_take(*f->ledger, &r, &why)) {
		case LEDGER_WAIT:
			return;
		case LEDGER_RESULT:
			take_result(f, r);
			break;
		case LEDGER_FAILED:
			if (!f->failed) {
				f->failed = true;
				f->failed_step = f->step_next;
				f->error = why;
			}
			if (!ledger_alive(*f->ledger))
				flush_lose(f, &why);
			break;
		case LEDGER_SYNCED:
			synced(f);
		}
	}
}
