#include "entries.h"

#include <string.h>

#define WAKE_US 1200000 /* what is due later, the relay finds by itself */

static int compare_text(struct weir_text a, struct weir_text b)
{
	size_t n = a.size < b.size ? a.size : b.size;
	int order = memcmp(a.data, b.data, n);
	return order ? order : (a.size > b.size) - (a.size < b.size);
}

bool entry_text_is(struct weir_text a, struct weir_text b)
{
	return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static int compare_key(const struct delivery *a, const struct delivery *b)
{
	const struct weir_item *x = &a->message.item, *y = &b->message.item;
	int order = compare_text(x->job_id, y->job_id);
	if (order == 0)
		order = (x->stage > y->stage) - (x->stage < y->stage);
	if (order == 0)
		order = (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
	if (order == 0) /* a forged message may name another item's place: that is no twin */
		order = compare_text(x->custom_id, y->custom_id);
	return order;
}

bool entry_is_refused(const struct delivery *d) { return d->fate == FATE_REFUSED; }

int entries_compare(const void *a, const void *b)
{
	const struct delivery *x = *(struct delivery *const *)a, *y = *(struct delivery *const *)b;
	if (entry_is_refused(x) || entry_is_refused(y))
		return entry_is_refused(x) != entry_is_refused(y)
			       ? entry_is_refused(x) - entry_is_refused(y)
			       : (int)x->slot - (int)y->slot;
	int order = compare_key(x, y);
	return order ? order : (int)x->fate - (int)y->fate;
}

static bool is_final(const struct delivery *d)
{
	return d->fate == FATE_SUCCESS || d->fate == FATE_FAILED;
}

/* The same item twice in one flush: the first one stands for both. */
static bool is_twin(const struct flush *f, size_t i)
{
	return i > 0 && !entry_is_refused(f->entries[i]) &&
	       compare_key(f->entries[i - 1], f->entries[i]) == 0;
}

/* ---- selections ---- */

bool to_claim(const struct flush *f, size_t i) { return is_final(f->entries[i]) && !is_twin(f, i); }

bool to_claim_still(const struct flush *f, size_t i)
{
	return to_claim(f, i) && !f->entries[i]->claimed;
}

bool to_look_up(const struct flush *f, size_t i)
{
	return !f->entries[i]->claimed && !entry_is_refused(f->entries[i]);
}

bool to_sleep(const struct flush *f, size_t i)
{
	return f->entries[i]->fate == FATE_ASKED && !is_twin(f, i);
}

bool to_request(const struct flush *f, size_t i)
{
	return to_sleep(f, i) && f->entries[i]->result.size > 0;
}

bool to_put_off(const struct flush *f, size_t i)
{
	return f->entries[i]->fate == FATE_RETRY && !is_twin(f, i);
}

bool to_defer(const struct flush *f, size_t i)
{
	return f->entries[i]->fate == FATE_DEFER && !is_twin(f, i);
}

/* The relay looks once a second by itself; telling it serialises the commits of all consumers. */
bool to_wake(const struct flush *f, size_t i)
{
	const struct delivery *d = f->entries[i];
	return (d->fate == FATE_RETRY || d->fate == FATE_DEFER) && d->retry_us < WAKE_US;
}

bool to_free(const struct flush *f, size_t i)
{
	return f->entries[i]->fate == FATE_DROPPED && !is_twin(f, i);
}

bool to_keep(const struct flush *f, size_t i) { return entry_is_refused(f->entries[i]); }

bool to_store(const struct flush *f, size_t i)
{
	return f->entries[i]->claimed && f->entries[i]->fate == FATE_SUCCESS;
}

bool to_count(const struct flush *f, size_t i) { return f->entries[i]->claimed; }

/* Those that have, or had, a row in weir.retries. */
bool to_end_retries(const struct flush *f, size_t i)
{
	const struct delivery *d = f->entries[i];
	return d->claimed &&
	       (d->noted || d->suspect || d->job->has_retries || d->model || d->job->limit > 0 ||
		d->message.item.attempt > 0 || d->message.item.epoch > d->job->first_epoch);
}

bool to_end_call(const struct flush *f, size_t i) { return f->entries[i]->calling; }

bool to_end_trial(const struct flush *f, size_t i) { return f->entries[i]->tried; }

size_t entries_select(const struct flush *f, selection *wanted, struct delivery **out)
{
	size_t n = 0;
	for (size_t i = 0; i < f->size; i++)
		if (wanted(f, i))
			out[n++] = f->entries[i];
	return n;
}

bool entries_any(const struct flush *f, selection *wanted)
{
	for (size_t i = 0; i < f->size; i++)
		if (wanted(f, i))
			return true;
	return false;
}
