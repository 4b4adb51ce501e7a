#include "weir/causes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "weir/clock.h"

static struct cause *find(struct causes *c, const char *event, const char *where, const char *code)
{
	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->list[i].event, event) == 0 &&
		    strncmp(c->list[i].where, where, sizeof c->list[i].where - 1) == 0 &&
		    strcmp(c->list[i].why.code, code) == 0)
			return &c->list[i];
	return NULL;
}

void causes_note(struct causes *c, enum log_level level, const char *event, const char *where,
		 const char *example, size_t items, const struct weir_error *why)
{
	struct cause *one = find(c, event, where, why->code);
	if (one) {
		one->items += items;
		return;
	}
	if (c->count == CAUSES_MAX)
		causes_tell(c);
	if (c->count == 0)
		c->until_us = clock_us() + CAUSES_US;
	one = &c->list[c->count++];
	*one = (struct cause){.level = level, .event = event, .why = *why, .items = items};
	snprintf(one->where, sizeof one->where, "%s", where);
	snprintf(one->example, sizeof one->example, "%s", example);
}

void causes_tell(struct causes *c)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct cause *one = &c->list[i];
		log_event(one->level, one->event,
			  "%s code=%s items=%" PRIu64 " example=\"%s\" error=\"%s\"", one->where,
			  one->why.code, one->items, one->example, one->why.text);
	}
	c->count = 0;
}

void causes_turn(struct causes *c)
{
	if (c->count > 0 && clock_us() >= c->until_us)
		causes_tell(c);
}

int64_t causes_next_us(const struct causes *c) { return c->count > 0 ? c->until_us : INT64_MAX; }
