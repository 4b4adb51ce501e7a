/* A flush that failed. For a reason that may pass, and is nobody's, it is put back and tried again
 * after a pause. For bad data it is divided in two, and so on, until the faulty item stands alone;
 * that one is failed with the reason, the others are stored. For what stands in the way of some of
 * it alone, those are stored apart (apart.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apart.h"
#include "entries.h"
#include "weir/clock.h"
#include "weir/log.h"

#define RESULT_END '\x1E' /* between the results that a failure brings; no JSON text has it */
#define PAUSE_US 50000
#define PAUSE_CAP_US 5000000
#define CAREFUL_US 10000000 /* after a hopeful flush that was mistaken */

static const char *kind_of(const struct delivery *d) { return d->lane->plugin.plugin.kind; }

uint32_t flush_group(struct flush *f) { return ++f->consumer->groups; }

bool flush_has_effects(const struct delivery *d)
{
	return d->fate == FATE_SUCCESS || (d->fate == FATE_FAILED && d->result.size > 0);
}

void flush_note(struct flush *f, enum log_level level, const char *event, const struct delivery *d,
		size_t items, const struct weir_error *why)
{
	char where[96], example[80];
	struct weir_text id = d->message.item.custom_id;
	if (entry_is_refused(d))
		return;
	snprintf(where, sizeof where, "kind=%s", kind_of(d));
	snprintf(example, sizeof example, "%.*s", (int)id.size, id.data);
	causes_note(&f->consumer->causes, level, event, where, example, items, why);
}

/* ---- back to where it was ---- */

void flush_put_back(struct flush *f, size_t from, size_t to, uint32_t group)
{
	for (size_t i = to; i-- > from;) {
		f->entries[i]->group = group;
		delivery_move(&f->consumer->deliveries, f->entries[i], f->from, true);
	}
}

void flush_end(struct flush *f)
{
	PQclear(f->claims);
	f->claims = NULL;
	f->size = f->result_count = f->step_count = f->step_next = 0;
	f->failed = f->by_plugin = f->hopeful = f->mistaken = false;
	f->state = FLUSH_IDLE;
}

void flush_abandon(struct flush *f)
{
	if (f->state == FLUSH_IDLE)
		return;
	flush_put_back(f, 0, f->size, f->entries[0]->group);
	flush_end(f);
}

void flush_roll_back(struct flush *f)
{
	struct weir_error why;
	if (ledger_alive(*f->ledger) && ledger_do(*f->ledger, "ROLLBACK", NULL, NULL, &why) < 0)
		log_event(LOG_WARN, "rollback_failed", "error=\"%s\"", why.text);
}

static void pause_flush(struct flush *f)
{
	f->pause_until_us = clock_us() + clock_backoff_us(PAUSE_US, PAUSE_CAP_US, f->pauses++);
	log_event(LOG_WARN, "flush_put_back", "items=%zu error=\"%s\"", f->size, f->error.text);
	flush_put_back(f, 0, f->size, f->entries[0]->group);
}

/* ---- bad data ---- */

static void divide(struct flush *f)
{
	size_t half = f->size / 2;
	flush_note(f, LOG_INFO, "flush_divided", f->entries[0], f->size, &f->error);
	flush_put_back(f, half, f->size, flush_group(f));
	flush_put_back(f, 0, half, flush_group(f));
}

/* The item that stands alone is what the database will not take. */
static void fail_alone(struct flush *f)
{
	struct delivery *one = f->entries[0];
	if (!flush_has_effects(one)) { /* not even its error could be stored */
		flush_note(f, LOG_WARN, "items_kept", one, 1, &f->error);
		apart_keep(f);
		return;
	}
	work_fail(f->consumer, one,
		  strcmp(f->error.code, "database") == 0 ? "store" : f->error.code, f->error.text);
	flush_put_back(f, 0, 1, flush_group(f));
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
static bool fail_missing(struct flush *f)
{
	const struct tx_statement *s = &f->steps[f->failed_step].statement;
	const char *at = ledger_detail(*f->ledger);
	struct weir_text results = ledger_hint(*f->ledger);
	char *end;
	if (strcmp(ledger_sqlstate(*f->ledger), "WE001") != 0 ||
	    f->steps[f->failed_step].kind != STEP_STORE || !s->each)
		return false;
	size_t failed = 0;
	for (; *at; at = *end == ',' ? end + 1 : end) {
		unsigned long pos = strtoul(at, &end, 10);
		if (end == at || pos >= s->count)
			break;
		fail_with_result(f->consumer, f->owners[s->first + pos], s, next_result(&results));
		failed++;
	}
	if (failed == 0)
		return false;
	flush_put_back(f, 0, f->size, flush_group(f));
	return true;
}

/* The row that an item came from is known to its plugin only now, unless its message has said it:
 * old relays' and other publishers' do not. */
size_t flush_fail_unmapped(struct flush *f)
{
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
		if (work_check(f->consumer, d, &item, &why) == 0)
			continue;
		work_fail(f->consumer, d, why.code, why.text);
		failed++;
	}
	return failed;
}

/* ---- what is nobody's fault ---- */

/* The ledger itself is not as it must be: all wait until somebody has mended it. The connection is
 * renewed, since what it has prepared may be out of date as well. */
static void wait_for_repair(struct flush *f)
{
	struct weir_error why = f->error;
	log_event(LOG_ERROR, "flush_refused",
		  "items=%zu sqlstate=%s error=\"%s\" text=\"the ledger is not as it must be: run "
		  "weir init, check its tables and the rights of the role %s\"",
		  f->size, ledger_sqlstate(*f->ledger), why.text, ledger_role(*f->ledger));
	pause_flush(f);
	flush_end(f);
	flush_lose(f, &why);
}

/* Somebody else has made one of the items final, or there is no such item: the same again, with the
 * claim that sorts this out. */
static bool was_mistaken(const struct flush *f)
{
	return f->mistaken ||
	       (f->hopeful && f->state == FLUSH_CLAIMING && ledger_alive(*f->ledger) &&
		strcmp(ledger_sqlstate(*f->ledger), "23505") == 0);
}

static void claim_carefully(struct flush *f)
{
	f->careful_until_us = clock_us() + CAREFUL_US;
	flush_put_back(f, 0, f->size, f->entries[0]->group);
}

void flush_failed(struct flush *f, enum ledger_fault fault, bool by_plugin)
{
	if (was_mistaken(f)) {
		claim_carefully(f);
		goto out;
	}
	if (!by_plugin && apart_takes(f, fault))
		goto out;
	if (fault == LEDGER_SETUP) {
		wait_for_repair(f);
		return;
	}
	if (!by_plugin && fault == LEDGER_DATA && fail_missing(f))
		goto out;
	if (fault == LEDGER_BUSY)
		pause_flush(f);
	else if (f->size > 1)
		divide(f);
	else
		fail_alone(f);
out:
	flush_end(f);
	flush_roll_back(f);
	if (!ledger_alive(*f->ledger))
		flush_lose(f, &f->error);
}
