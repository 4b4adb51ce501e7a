/* Settling: what is committed is counted in Redis, then acked. Each step may be repeated: a crash
 * before the ack brings the messages back, the ledger finds their items final, and the count finds
 * nothing to change. */
#include <stdlib.h>
#include <string.h>

#include "consumer.h"
#include "supervise.h"
#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/log.h"

#define JOB_NAME (MESSAGE_NAME_MAX + 1)

static bool same_stage(const struct delivery *a, const struct delivery *b)
{
	const struct weir_item *x = &a->message.item, *y = &b->message.item;
	return x->stage == y->stage && x->job_id.size == y->job_id.size &&
	       memcmp(x->job_id.data, y->job_id.data, x->job_id.size) == 0;
}

static void job_name(const struct delivery *one, char out[JOB_NAME])
{
	struct weir_text id = one->message.item.job_id;
	memcpy(out, id.data, id.size); /* decoding has bounded it */
	out[id.size] = '\0';
}

/* The relay looks at jobs now and then; this makes it look at once. */
void settle_tell(struct consumer *c)
{
	struct weir_error why;
	struct params *p = &c->flush.params;
	if (!c->done_job[0] || !c->ledger || c->flush.state != FLUSH_IDLE)
		return;
	params_reset(p);
	params_string(p, c->done_job);
	if (ledger_do(c->ledger, "SELECT pg_notify('weir_done', $1)", p, NULL, &why) < 0)
		log_event(LOG_WARN, "notify_failed", "job=%s error=\"%s\"", c->done_job, why.text);
	c->done_job[0] = '\0';
}

/* Counts the items of one stage among entries[0..n). */
static void count_stage(struct consumer *c, struct delivery *const *entries, size_t n)
{
	char job[JOB_NAME];
	uint32_t ordinals[FLUSH_MAX];
	uint8_t states[FLUSH_MAX];
	size_t count = 0;
	bool known = false;
	struct progress_counts counts;
	struct weir_error why;
	for (size_t i = 0; i < n; i++) {
		if (!entries[i]->final)
			continue;
		ordinals[count] = entries[i]->message.item.ordinal;
		states[count++] = (uint8_t)entries[i]->final;
	}
	if (count == 0)
		return;
	job_name(entries[0], job);
	if (progress_count(c->progress, entries[0]->job->tag, entries[0]->message.item.stage,
			   ordinals, states, count, &known, &counts, &why) < 0) {
		consumer_redis_failed(c, &why);
		log_event(LOG_DEBUG, "not_counted", "job=%s error=\"%s\"", job, why.text);
		return;
	}
	if (known && counts.total > 0 &&
	    counts.success + counts.failed + counts.cancelled >= counts.total)
		memcpy(c->done_job, job, sizeof job);
}

static void count_all(struct consumer *c, struct delivery *const *entries, size_t n)
{
	while (n > 0 && entries[n - 1]->fate == FATE_REFUSED)
		n--; /* sorted last, and of no stage */
	for (size_t from = 0, to; from < n; from = to) {
		to = from + 1;
		while (to < n && same_stage(entries[from], entries[to]))
			to++;
		count_stage(c, entries + from, to - from);
	}
}

/* ---- acks ---- */

/* The lowest tag of this connection that is still in hand and is not one of the entries: they are
 * marked by tag 0. */
static uint64_t lowest_open_tag(const struct consumer *c)
{
	uint64_t lowest = UINT64_MAX;
	for (size_t i = 0; i < c->deliveries.capacity; i++) {
		const struct delivery *d = &c->deliveries.slots[i];
		if (d->state != DELIVERY_FREE && d->connection == c->connection && d->tag != 0 &&
		    d->tag < lowest)
			lowest = d->tag;
	}
	return lowest;
}

static int ack_tags(struct consumer *c, const uint64_t *tags, size_t n, struct weir_error *err)
{
	uint64_t open = lowest_open_tag(c), all_up_to = 0;
	for (size_t i = 0; i < n; i++)
		if (tags[i] < open && tags[i] > all_up_to)
			all_up_to = tags[i];
	if (all_up_to && broker_ack(c->broker, all_up_to, true, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (tags[i] > all_up_to && broker_ack(c->broker, tags[i], false, err) < 0)
			return -1;
	return 0;
}

static void ack_all(struct consumer *c, struct delivery *const *entries, size_t n)
{
	uint64_t tags[FLUSH_MAX];
	size_t count = 0;
	struct weir_error why;
	for (size_t i = 0; i < n && c->broker; i++) {
		struct delivery *d = entries[i];
		uint64_t tag = d->tag;
		if (d->connection != c->connection)
			continue; /* its connection is gone, the message comes again */
		d->tag = 0;
		tags[count++] = tag;
	}
	if (c->broker && ack_tags(c, tags, count, &why) < 0)
		consumer_lose_broker(c, &why);
}

void settle(struct consumer *c, struct delivery **entries, size_t n)
{
	if (n == 0)
		return;
	failpoint("committed");
	if (c->watched)
		c->watched->done = true;
	count_all(c, entries, n);
	failpoint("counted");
	ack_all(c, entries, n);
	failpoint("acked");
	for (size_t i = 0; i < n; i++) {
		c->done_count += entries[i]->claimed;
		delivery_move(&c->deliveries, entries[i], DELIVERY_FREE, true);
	}
}
