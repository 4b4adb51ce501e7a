#include "delivery.h"

#include <stdlib.h>
#include <string.h>

#include "weir/clock.h"

static void list_add(struct delivery_list *list, struct delivery *one, bool front)
{
	one->before = front ? NULL : list->last;
	one->after = front ? list->first : NULL;
	if (one->before)
		one->before->after = one;
	else
		list->first = one;
	if (one->after)
		one->after->before = one;
	else
		list->last = one;
	list->size++;
}

static void list_remove(struct delivery_list *list, struct delivery *one)
{
	if (one->before)
		one->before->after = one->after;
	else
		list->first = one->after;
	if (one->after)
		one->after->before = one->before;
	else
		list->last = one->before;
	list->size--;
}

int deliveries_init(struct deliveries *d, size_t capacity)
{
	memset(d, 0, sizeof *d);
	d->slots = calloc(capacity, sizeof *d->slots);
	d->errors = calloc(2 * capacity, sizeof *d->errors);
	d->line = calloc(capacity, sizeof(struct delivery *));
	if (!d->slots || !d->errors || !d->line) {
		deliveries_release(d);
		return -1;
	}
	d->capacity = capacity;
	for (size_t i = 0; i < capacity; i++) {
		d->slots[i].slot = (uint32_t)i;
		d->slots[i].error = &d->errors[i];
		d->slots[i].trouble = &d->errors[capacity + i];
		d->slots[i].generation = 1; /* a cleared handle is none */
		list_add(&d->lists[DELIVERY_FREE], &d->slots[i], false);
	}
	return 0;
}

static void count_made(struct deliveries *d, struct delivery *one, size_t bytes)
{
	d->made += bytes;
	d->made -= one->made;
	one->made = bytes;
}

static void clear(struct deliveries *d, struct delivery *one)
{
	job_give_back(one->job);
	one->job = NULL;
	if (one->message.decoded)
		message_release(&one->message);
	free(one->body);
	buffer_release(&one->result);
	d->bytes -= one->body_size;
	count_made(d, one, 0);
	one->body = NULL;
	one->body_size = 0;
	one->generation++; /* handles of the past no longer fit */
}

void deliveries_release(struct deliveries *d)
{
	for (size_t i = 0; i < d->capacity; i++)
		if (d->slots[i].state != DELIVERY_FREE)
			clear(d, &d->slots[i]);
	free(d->slots);
	free(d->errors);
	free(d->line);
	memset(d, 0, sizeof *d);
}

static void begin(struct delivery *one)
{
	struct delivery kept = {.state = one->state,
				.before = one->before,
				.after = one->after,
				.slot = one->slot,
				.generation = one->generation,
				.error = one->error,
				.trouble = one->trouble};
	*one = kept;
	if (*one->error->code)
		*one->error = (struct weir_error){"", ""};
}

struct delivery *delivery_take(struct deliveries *d, struct broker_event *event,
			       uint64_t connection)
{
	struct delivery *one = d->lists[DELIVERY_FREE].first;
	if (!one)
		return NULL;
	begin(one);
	one->connection = connection;
	one->tag = event->tag;
	one->body = event->body;
	one->body_size = event->body ? event->body_size : 0;
	memcpy(one->mark, event->app_id, sizeof one->mark);
	one->taken_us = one->held_us = clock_us();
	one->suspect = event->redelivered || event->deliveries > 0;
	one->returns = event->deliveries;
	event->body = NULL;
	d->bytes += one->body_size;
	delivery_move(d, one, DELIVERY_HELD, false);
	return one;
}

/* It takes one of the items that its job may have at work, from when it may begin until what came
 * of it is committed. */
static void count_share(struct delivery *one, enum delivery_state to)
{
	bool on_trial = to == DELIVERY_SUSPECT && one->looked_up;
	bool begins = on_trial || to == DELIVERY_WORKING;
	bool over = to == DELIVERY_FREE || to == DELIVERY_HELD;
	if (one->job && begins && !one->sharing) {
		one->sharing = true;
		one->job->working++;
	} else if (one->sharing && over) {
		one->sharing = false;
		one->job->working--;
	}
	if (one->sharing)
		one->job->ended += (uint32_t)(to == DELIVERY_ENDED);
	if (one->job && one->counted)
		one->job->ended--;
	one->counted = one->sharing && to == DELIVERY_ENDED;
}

void delivery_place(struct delivery *one, struct places *places)
{
	one->places = places;
	places->taken++;
}

void delivery_leave_place(struct delivery *one)
{
	if (one->places)
		one->places->taken--;
	one->places = NULL;
}

static void count_places(struct delivery *one, enum delivery_state to)
{
	uint32_t begins = to == DELIVERY_WORKING, ends = one->state == DELIVERY_WORKING;
	if (!one->places)
		return;
	one->places->working += begins - ends;
	one->job->busy[one->places->kind] += begins - ends;
	one->job->bytes += (uint64_t)begins * one->body_size - (uint64_t)ends * one->body_size;
	one->places->taken -= to == DELIVERY_FREE;
}

void delivery_move(struct deliveries *d, struct delivery *one, enum delivery_state to, bool front)
{
	list_remove(&d->lists[one->state], one);
	count_share(one, to);
	count_places(one, to);
	if (to == DELIVERY_FREE)
		clear(d, one);
	else if (to == DELIVERY_ENDED)
		count_made(d, one, one->result.size);
	one->state = to;
	list_add(&d->lists[to], one, front);
}

struct weir_work delivery_work(const struct delivery *one)
{
	return (struct weir_work){(uint64_t)one->generation << 32 | one->slot};
}

struct delivery *delivery_find(const struct deliveries *d, struct weir_work work)
{
	uint32_t slot = (uint32_t)work.id;
	if (slot >= d->capacity)
		return NULL;
	struct delivery *one = &d->slots[slot];
	if (one->state != DELIVERY_WORKING || one->generation != (uint32_t)(work.id >> 32))
		return NULL;
	return one;
}
