/* The flush: one transaction in two round trips. First the claim: the final items' results are
 * inserted, and what comes back are those that were still open. Then, at once, everything that
 * follows from it: the statements that the plugins describe for the claimed items, the rows of
 * items that will be tried again, and the commit.
 *
 * A flush that fails for a reason that may pass is put back and tried again after a pause. One that
 * fails for good is divided in two, and so on, until the faulty item stands alone; that one is
 * failed with the reason, the others are stored. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asks.h"
#include "entries.h"
#include "refusal.h"
#include "statements.h"
#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/log.h"

#define BYTES_MAX (16u << 20) /* of results in one flush, and of bodies: plugins store these */
#define RESULT_END '\x1E'     /* between the results that a failure brings; no JSON text has it */
#define PAUSE_US 50000
#define PAUSE_CAP_US 5000000
#define CAREFUL_US 10000000 /* after a hopeful flush that was mistaken */
#define PAUSES_WHOLE 3	    /* a flush that takes too long so often is tried in two halves */
#define PATIENCE_MS 900000  /* for what stands alone, and takes too long all the same */

static const char wake_relay[] = "SELECT pg_notify('weir_due', '')";

/* ---- which deliveries ---- */

static const char *kind_of(const struct delivery *d) { return d->lane->plugin.plugin.kind; }

static void take_entries(struct consumer *c)
{
	struct flush *f = &c->flush;
	struct delivery_list *ended = &c->deliveries.lists[DELIVERY_ENDED];
	uint32_t group = ended->first->group;
	size_t bytes = 0;
	f->size = 0;
	while (ended->first && ended->first->group == group && f->size < (size_t)c->options.flush &&
	       bytes < BYTES_MAX) {
		struct delivery *d = ended->first;
		bytes += d->result.size + d->body_size;
		d->claimed = d->unknown = false;
		d->final = 0;
		f->entries[f->size++] = d;
		delivery_move(&c->deliveries, d, DELIVERY_STORING, false);
	}
	qsort(f->entries, f->size, sizeof *f->entries, entries_compare);
}

bool flush_due(const struct consumer *c, int64_t now, bool more_coming)
{
	const struct delivery_list *lists = c->deliveries.lists;
	const struct delivery *oldest = lists[DELIVERY_ENDED].first;
	if (!oldest || !c->ledger || c->flush.state != FLUSH_IDLE || now < c->flush.pause_until_us)
		return false;
	if (oldest->group || c->stopping || lists[DELIVERY_ENDED].size >= (size_t)c->options.flush)
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

static int send_plain(struct consumer *c, const char *sql)
{
	struct flush *f = &c->flush;
	if (add_step(f, STEP_PLAIN, NULL) < 0)
		return weir_fail(&f->error, "bad_statement", "too many statements in one flush");
	return ledger_send(c->ledger, sql, NULL, true, &f->error);
}

/* Sends a statement for the entries that are wanted, if there are any. */
static int send_for(struct consumer *c, enum step_kind kind, const struct host_statement *s,
		    selection *wanted)
{
	struct flush *f = &c->flush;
	struct delivery *d[FLUSH_MAX];
	size_t n = entries_select(f, wanted, d);
	if (n == 0)
		return 0;
	if (add_step(f, kind, NULL) < 0)
		return weir_fail(&f->error, "bad_statement", "too many statements in one flush");
	statement_fill(s, &f->params, d, n);
	return ledger_send(c->ledger, statement_sql(s), &f->params, true, &f->error);
}

static int send_counts(struct consumer *c)
{
	struct flush *f = &c->flush;
	if (!entries_any(f, to_count))
		return 0;
	if (add_step(f, STEP_PLAIN, NULL) < 0)
		return weir_fail(&f->error, "bad_statement", "too many statements in one flush");
	statement_fill_counts(&f->params, f->entries, f->size);
	return ledger_send(c->ledger, statement_count_batches, &f->params, true, &f->error);
}

/* All that follows from the claim, but for what the plugins store. */
static int send_rest(struct consumer *c)
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
		if (send_for(c, rest[i].kind, rest[i].statement, rest[i].wanted) < 0)
			return -1;
	if (entries_any(&c->flush, to_wake) && send_plain(c, wake_relay) < 0)
		return -1;
	if (send_counts(c) < 0 || send_plain(c, "COMMIT") < 0)
		return -1;
	return ledger_sync(c->ledger, &c->flush.error);
}

/* ---- what the plugins store ---- */

static int note_statement(void *owner, const struct tx_statement *statement)
{
	struct flush *f = owner;
	return f->step_count < STEPS_MAX - STEPS_OWN ? add_step(f, STEP_STORE, statement) : -1;
}

static int store_lane(struct consumer *c, struct lane *lane, size_t first, size_t count)
{
	struct flush *f = &c->flush;
	struct weir_tx tx = {.ledger = c->ledger,
			     .params = &f->params,
			     .results = f->results + first,
			     .first = first,
			     .count = count,
			     .queued = note_statement,
			     .owner = f};
	const struct weir_plugin *p = &lane->plugin.plugin;
	if (!p->store)
		return 0;
	return p->store(lane->plugin.state, &tx, tx.results, count, &f->error);
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
static int store_all(struct consumer *c)
{
	struct flush *f = &c->flush;
	for (struct lane *lane = c->lanes; lane < c->lanes + c->lane_count; lane++) {
		size_t first = f->result_count;
		for (size_t i = 0; i < f->size; i++)
			if (to_store(f, i) && f->entries[i]->lane == lane)
				add_result(f, f->entries[i]);
		size_t count = f->result_count - first;
		if (count > 0 && store_lane(c, lane, first, count) < 0)
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
static void take_claims(struct consumer *c, PGresult *r)
{
	struct flush *f = &c->flush;
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

static void take_look_up(struct consumer *c, const PGresult *r)
{
	struct delivery *d[FLUSH_MAX];
	size_t n = entries_select(&c->flush, to_look_up, d);
	for (size_t i = 0; i < n && (int)i < PQntuples(r); i++) {
		d[i]->final = ledger_int(r, (int)i, 0);
		d[i]->unknown = !ledger_bool(r, (int)i, 1);
	}
}

/* ---- failures ---- */

static void put_back(struct consumer *c, size_t from, size_t to, uint32_t group)
{
	struct flush *f = &c->flush;
	for (size_t i = to; i-- > from;) {
		f->entries[i]->group = group;
		delivery_move(&c->deliveries, f->entries[i], DELIVERY_ENDED, true);
	}
}

static void end_flush(struct consumer *c)
{
	struct flush *f = &c->flush;
	PQclear(f->claims);
	f->claims = NULL;
	f->size = f->result_count = f->step_count = f->step_next = 0;
	f->failed = f->hopeful = f->mistaken = false;
	f->state = FLUSH_IDLE;
}

void flush_abandon(struct consumer *c)
{
	struct flush *f = &c->flush;
	if (f->state == FLUSH_IDLE)
		return;
	put_back(c, 0, f->size, f->entries[0]->group);
	end_flush(c);
}

static void pause_flush(struct consumer *c)
{
	struct flush *f = &c->flush;
	f->pause_until_us = clock_us() + clock_backoff_us(PAUSE_US, PAUSE_CAP_US, f->pauses++);
	log_event(LOG_WARN, "flush_put_back", "items=%zu error=\"%s\"", f->size, f->error.text);
	put_back(c, 0, f->size, f->entries[0]->group);
}

/* One of several items to which the same happened. */
static void note_cause(struct consumer *c, enum log_level level, const char *event,
		       const struct delivery *d, size_t items, const struct weir_error *why)
{
	char where[96], example[80];
	struct weir_text id = d->message.item.custom_id;
	if (entry_is_refused(d))
		return;
	snprintf(where, sizeof where, "kind=%s", kind_of(d));
	snprintf(example, sizeof example, "%.*s", (int)id.size, id.data);
	causes_note(&c->causes, level, event, where, example, items, why);
}

static void note_failed(struct consumer *c)
{
	const struct flush *f = &c->flush;
	for (size_t i = 0; i < f->size; i++)
		if (f->entries[i]->claimed && f->entries[i]->fate == FATE_FAILED)
			note_cause(c, LOG_WARN, "items_failed", f->entries[i], 1,
				   f->entries[i]->error);
}

static void divide(struct consumer *c)
{
	struct flush *f = &c->flush;
	size_t half = f->size / 2;
	note_cause(c, LOG_INFO, "flush_divided", f->entries[0], f->size, &f->error);
	put_back(c, half, f->size, ++f->groups);
	put_back(c, 0, half, ++f->groups);
}

/* Whether something of it may be wrong that its plugin has made. */
static bool has_effects(const struct delivery *d)
{
	return d->fate == FATE_SUCCESS || (d->fate == FATE_FAILED && d->result.size > 0);
}

/* The item that stands alone is what the database will not take. */
static void fail_alone(struct consumer *c)
{
	struct flush *f = &c->flush;
	struct delivery *one = f->entries[0];
	if (!has_effects(one)) { /* not even its error could be stored: others first */
		pause_flush(c);
		delivery_move(&c->deliveries, one, DELIVERY_ENDED, false);
		return;
	}
	work_fail(c, one, strcmp(f->error.code, "database") == 0 ? "store" : f->error.code,
		  f->error.text);
	put_back(c, 0, 1, ++f->groups);
}

/* The next of the results that the failure brought along. */
static struct weir_text next_result(struct weir_text *rest)
{
	struct weir_text one = {rest->data, 0};
	if (!one.data)
		return one;
	const char *end = memchr(one.data, RESULT_END, rest->size);
	one.size = end ? (size_t)(end - one.data) : rest->size;
	size_t taken = one.size + (end != NULL);
	*rest = (struct weir_text){rest->data + taken, rest->size - taken};
	return one;
}

static void fail_with_result(struct consumer *c, struct delivery *d, const struct tx_statement *s,
			     struct weir_text result)
{
	work_fail(c, d, s->missing_code, s->missing_text);
	if (result.size > 0 && result.size <= WEIR_RESULT_MAX)
		buffer_add(&d->result, result.data, result.size);
	if (buffer_failed(&d->result))
		buffer_release(&d->result);
}

/* A statement named the rows that it did not find: their items fail, the others go on. */
static bool fail_missing(struct consumer *c)
{
	struct flush *f = &c->flush;
	const struct tx_statement *s = &f->steps[f->failed_step].statement;
	const char *at = ledger_detail(c->ledger);
	struct weir_text results = ledger_hint(c->ledger);
	char *end;
	if (strcmp(ledger_sqlstate(c->ledger), "WE001") != 0 ||
	    f->steps[f->failed_step].kind != STEP_STORE || !s->each)
		return false;
	size_t failed = 0;
	for (; *at; at = *end == ',' ? end + 1 : end) {
		unsigned long pos = strtoul(at, &end, 10);
		if (end == at || pos >= s->count)
			break;
		fail_with_result(c, f->owners[s->first + pos], s, next_result(&results));
		failed++;
	}
	if (failed == 0)
		return false;
	put_back(c, 0, f->size, ++f->groups);
	return true;
}

/* One item may be so large that the usual time is too short for it. */
static void be_patient(struct consumer *c, bool patient)
{
	struct weir_error why;
	if (!ledger_alive(c->ledger) || c->flush.patient == patient)
		return;
	if (ledger_patience(c->ledger, patient ? PATIENCE_MS : LEDGER_STATEMENT_MS, &why) == 0)
		c->flush.patient = patient;
	else
		log_event(LOG_WARN, "patience_failed", "error=\"%s\"", why.text);
}

static void roll_back(struct consumer *c)
{
	struct weir_error why;
	if (ledger_alive(c->ledger) && ledger_do(c->ledger, "ROLLBACK", NULL, NULL, &why) < 0)
		log_event(LOG_WARN, "rollback_failed", "error=\"%s\"", why.text);
}

/* The database is not as it must be, which is no item's fault: all wait until somebody has mended
 * it. The connection is renewed, since what it has prepared may be out of date as well. */
static void wait_for_repair(struct consumer *c)
{
	struct flush *f = &c->flush;
	struct weir_error why = f->error;
	log_event(LOG_ERROR, "flush_refused",
		  "kind=%s items=%zu sqlstate=%s error=\"%s\" text=\"the "
		  "database is not as this kind needs it: run weir init, check tables and rights\"",
		  entry_is_refused(f->entries[0]) ? "" : kind_of(f->entries[0]), f->size,
		  ledger_sqlstate(c->ledger), why.text);
	pause_flush(c);
	end_flush(c);
	consumer_lose_ledger(c, &why);
}

/* Somebody else has made one of the items final, or there is no such item: the same again, with the
 * claim that sorts this out. */
static bool was_mistaken(const struct consumer *c)
{
	const struct flush *f = &c->flush;
	return f->mistaken ||
	       (f->hopeful && f->state == FLUSH_CLAIMING && ledger_alive(c->ledger) &&
		strcmp(ledger_sqlstate(c->ledger), "23505") == 0);
}

static void claim_carefully(struct consumer *c)
{
	struct flush *f = &c->flush;
	f->careful_until_us = clock_us() + CAREFUL_US;
	put_back(c, 0, f->size, f->entries[0]->group);
}

/* The row that an item came from is known to its plugin only now, unless its message has said it:
 * old relays' and other publishers' do not. Returns how many items may not be stored because of it.
 */
static size_t fail_unmapped(struct consumer *c)
{
	struct flush *f = &c->flush;
	struct weir_error why;
	size_t failed = 0;
	for (size_t i = 0; i < f->size; i++) {
		struct delivery *d = f->entries[i];
		if (!to_store(f, i))
			continue;
		struct weir_item item = d->message.item;
		item.table_name = ledger_text(f->claims, d->row, 4);
		item.record_id = ledger_text(f->claims, d->row, 5);
		if (!item.table_name.data ||
		    (entry_text_is(item.table_name, d->message.item.table_name) &&
		     entry_text_is(item.record_id, d->message.item.record_id)))
			continue;
		if (work_check(c, d, &item, &why) == 0)
			continue;
		work_fail(c, d, why.code, why.text);
		failed++;
	}
	return failed;
}

/* The transaction is undone; who is put back, and how, depends on whose fault it was. */
static void fail_flush(struct consumer *c, enum ledger_fault fault, bool by_plugin)
{
	struct flush *f = &c->flush;
	bool too_long = !by_plugin && ledger_timed_out(c->ledger) && f->pauses >= PAUSES_WHOLE;
	bool alone = f->size == 1;
	if (was_mistaken(c)) {
		claim_carefully(c);
		goto out;
	}
	if (fault == LEDGER_SETUP) {
		wait_for_repair(c);
		return;
	}
	if (!by_plugin && fault == LEDGER_DATA && fail_missing(c))
		goto out;
	if (fault == LEDGER_BUSY && !(too_long && f->size > 1))
		pause_flush(c);
	else if (f->size > 1)
		divide(c);
	else
		fail_alone(c);
out:
	end_flush(c);
	roll_back(c);
	if (too_long && alone)
		be_patient(c, true);
	if (!ledger_alive(c->ledger))
		consumer_lose_ledger(c, &f->error);
}

/* ---- the two round trips ---- */

/* Statements that were queued before something went wrong still have to be taken. */
static void drain(struct consumer *c)
{
	struct weir_error ignored;
	PGresult *r = NULL;
	enum ledger_status s;
	if (ledger_sync(c->ledger, &ignored) < 0)
		return;
	do {
		s = ledger_wait(c->ledger, &r, &ignored);
		if (s == LEDGER_RESULT)
			PQclear(r);
	} while (s != LEDGER_SYNCED && ledger_alive(c->ledger));
}

static void begin_storing(struct consumer *c)
{
	struct flush *f = &c->flush;
	f->state = FLUSH_STORING;
	failpoint("claimed");
	if (fail_unmapped(c) > 0) {
		put_back(c, 0, f->size, ++f->groups);
		end_flush(c);
		roll_back(c);
		return;
	}
	if (store_all(c) < 0) {
		bool passes =
			!ledger_alive(c->ledger) || strcmp(f->error.code, "out_of_memory") == 0;
		struct weir_error why = f->error;
		drain(c);
		f->error = why;
		fail_flush(c, passes ? LEDGER_BUSY : LEDGER_DATA, true);
		return;
	}
	if (send_rest(c) < 0) {
		consumer_lose_ledger(c, &f->error);
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

static int send_claim(struct consumer *c)
{
	c->flush.hopeful = may_hope(&c->flush);
	if (!c->flush.hopeful)
		return send_for(c, STEP_CLAIM, &statement_claim, to_claim);
	if (send_for(c, STEP_CLAIM, &statement_find, to_claim) < 0)
		return -1;
	return send_for(c, STEP_INSERT, &statement_insert, to_claim);
}

void flush_begin(struct consumer *c)
{
	struct flush *f = &c->flush;
	take_entries(c);
	f->state = FLUSH_CLAIMING;
	failpoint("processed");
	if (send_plain(c, "BEGIN") < 0 || send_claim(c) < 0) {
		consumer_lose_ledger(c, &f->error);
		return;
	}
	if (!entries_any(f, to_claim))
		begin_storing(c);
	else if (ledger_sync(c->ledger, &f->error) < 0)
		consumer_lose_ledger(c, &f->error);
}

static void take_result(struct consumer *c, PGresult *r)
{
	struct flush *f = &c->flush;
	enum step_kind kind =
		f->step_next < f->step_count ? f->steps[f->step_next].kind : STEP_PLAIN;
	f->step_next++;
	if (kind == STEP_CLAIM) {
		take_claims(c, r);
		return;
	}
	if (kind == STEP_LOOKUP)
		take_look_up(c, r);
	PQclear(r);
}

/* The ledger has no such item: that is to be kept, with the next flush. */
static size_t refuse_unknown(struct consumer *c, struct delivery **stored)
{
	struct flush *f = &c->flush;
	struct weir_error why;
	size_t n = 0;
	uint32_t group = ++f->groups;
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

static void finish(struct consumer *c)
{
	struct flush *f = &c->flush;
	struct delivery *stored[FLUSH_MAX];
	bool requested = entries_any(f, to_request);
	size_t n = refuse_unknown(c, stored);
	f->pauses = 0;
	note_failed(c);
	end_flush(c);
	be_patient(c, false);
	if (requested)
		asks_requested(c);
	/* The database gets its next flush first, and works on it while we count and ack. */
	if (!c->done_job[0] && !control_due(c, clock_us()) && flush_due(c, clock_us(), true))
		flush_begin(c);
	settle(c, stored, n);
}

static void synced(struct consumer *c)
{
	struct flush *f = &c->flush;
	if (f->failed)
		fail_flush(c, ledger_fault(c->ledger), false);
	else if (f->state == FLUSH_CLAIMING)
		begin_storing(c);
	else
		finish(c);
}

void flush_turn(struct consumer *c)
{
	struct flush *f = &c->flush;
	while (c->ledger && f->state != FLUSH_IDLE) {
		PGresult *r = NULL;
		struct weir_error why;
		switch (ledger_take(c->ledger, &r, &why)) {
		case LEDGER_WAIT:
			return;
		case LEDGER_RESULT:
			take_result(c, r);
			break;
		case LEDGER_FAILED:
			if (!f->failed) {
				f->failed = true;
				f->failed_step = f->step_next;
				f->error = why;
			}
			if (!ledger_alive(c->ledger))
				consumer_lose_ledger(c, &why);
			break;
		case LEDGER_SYNCED:
			synced(c);
		}
	}
}
