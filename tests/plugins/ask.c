/* The kind `ask`: what `sum` does, and what its model answers is the result. A model that is local
 * answers nothing. The context's `manners` may be `twice`, which asks again while the first answer
 * is on its way, `hasty`, which asks and does not wait for the answer, or `forall`, where the first
 * answer ends all items that have asked. */
#include <stdbool.h>
#include <string.h>

#include "effects.h"

static int check(void *state, const struct weir_item *item, struct weir_error *err)
{
	const struct effects *e = state;
	if (e->host->find_model(e->host, item, err) < 0)
		return -1;
	return effects_check(state, item, err);
}

static bool has_manners(const struct effects *e, const struct weir_item *item, const char *manners)
{
	struct weir_text text;
	return e->host->map_text(item->context, "manners", &text) == 0 &&
	       text.size == strlen(manners) && memcmp(text.data, manners, text.size) == 0;
}

static void ask(void *state, struct weir_work work)
{
	const struct effects *e = state;
	e->host->ask(e->host, work);
}

static struct weir_work asked[64];
static size_t asked_count;

static void process(void *state, struct weir_work work, const struct weir_item *item)
{
	struct weir_error err;
	const struct effects *e = state;
	bool remote = e->host->find_model(e->host, item, &err) == WEIR_MODEL_REMOTE;
	if (remote && has_manners(e, item, "forall") && asked_count < 64)
		asked[asked_count++] = work;
	if (remote)
		ask(state, work);
	if (has_manners(e, item, "twice"))
		e->host->set_timer(e->host, work, 50, ask);
	if (!remote || has_manners(e, item, "hasty"))
		effects_complete(e, work, item);
}

static void answer(void *state, struct weir_work work, const struct weir_item *item,
		   const struct weir_answer *a)
{
	const struct effects *e = state;
	struct weir_verdict v = {.outcome = WEIR_DONE, .result = a->json};
	if (has_manners(e, item, "forall"))
		for (size_t i = 0; i < asked_count; i++)
			e->host->complete(e->host, asked[i], &v);
	else
		e->host->complete(e->host, work, &v);
	asked_count = 0;
}

const struct weir_plugin *weir_plugin(void)
{
	static const struct weir_plugin plugin = {
		.abi_major = WEIR_ABI_MAJOR,
		.abi_minor = WEIR_ABI_MINOR,
		.struct_size = sizeof plugin,
		.kind = "ask",
		.version = "1.0",
		.summary = "a plugin of the tests",
		.open = effects_open,
		.check = check,
		.process = process,
		.answer = answer,
		.store = effects_store,
		.close = effects_close,
	};
	return &plugin;
}
