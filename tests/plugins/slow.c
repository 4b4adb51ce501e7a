/* The kind `slow`: like `sum`, but ends each item from a timer, after delay_ms, so that many are
 * open at a time. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "effects.h"

#define LOOK_MS 20 /* whether an item is still held */

struct open_item {
	struct open_item *after;
	struct weir_work work;
	const struct weir_item *item;
};

static struct open_item *take_out(struct effects *e, struct weir_work work)
{
	struct open_item *list = e->extra, *before = NULL;
	while (list && list->work.id != work.id) {
		before = list;
		list = list->after;
	}
	if (list && before)
		before->after = list->after;
	else if (list)
		e->extra = list->after;
	return list;
}

/* WEIR_CALLS names a file that gets a line when work on an item begins and one when it ends, in the
 * order in which that happens, of all processes. */
static void note(const char *what, const struct weir_item *item)
{
	const char *path = getenv("WEIR_CALLS");
	FILE *f = path ? fopen(path, "a") : NULL;
	if (!f)
		return;
	fprintf(f, "%s %.*s\n", what, (int)item->custom_id.size, item->custom_id.data);
	fclose(f);
}

/* While the file that WEIR_HOLD names is there, an item that says "hold" does not end. */
static bool is_held(const struct effects *e, const struct weir_item *item)
{
	const char *path = getenv("WEIR_HOLD");
	return path && access(path, F_OK) == 0 && effects_integer(e, item, "hold") > 0;
}

static void fire(void *state, struct weir_work work)
{
	struct effects *e = state;
	struct open_item *one = take_out(e, work);
	if (!one)
		return;
	if (is_held(e, one->item)) {
		one->after = e->extra;
		e->extra = one;
		e->host->set_timer(e->host, work, LOOK_MS, fire);
		return;
	}
	note("end", one->item);
	effects_complete(state, work, one->item);
	free(one);
}

static void process(void *state, struct weir_work work, const struct weir_item *item)
{
	struct effects *e = state;
	note("begin", item);
	struct open_item *one = malloc(sizeof *one);
	if (!one)
		return; /* the host gives it up in time */
	*one = (struct open_item){.after = e->extra, .work = work, .item = item};
	e->extra = one;
	e->host->set_timer(e->host, work, effects_integer(e, item, "delay_ms"), fire);
}

static void cancel(void *state, struct weir_work work) { free(take_out(state, work)); }

static void close_plugin(void *state)
{
	struct effects *e = state;
	for (struct open_item *one = e->extra, *after; one; one = after) {
		after = one->after;
		free(one);
	}
	effects_close(e);
}

const struct weir_plugin *weir_plugin(void)
{
	static const struct weir_plugin plugin = {
		.abi_major = WEIR_ABI_MAJOR,
		.abi_minor = WEIR_ABI_MINOR,
		.struct_size = sizeof plugin,
		.kind = "slow",
		.version = "1.0",
		.summary = "a plugin of the tests",
		.open = effects_open,
		.check = effects_check,
		.process = process,
		.cancel = cancel,
		.store = effects_store,
		.close = close_plugin,
	};
	return &plugin;
}
