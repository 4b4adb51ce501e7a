/* The kind `asks`: has its items answered by the model that their context names, and makes the answer
 * the result. A local model answers nothing. */
#include "effects.h"

static int check(void *state, const struct weir_item *item, struct weir_error *err)
{
	const struct effects *e = state;
	return e->host->find_model(e->host, item, err) < 0 ? -1 : 0;
}

static void complete(const struct effects *e, struct weir_work work, struct weir_text result)
{
	struct weir_verdict verdict = {.outcome = WEIR_DONE, .result = result};
	e->host->complete(e->host, work, &verdict);
}

static void process(void *state, struct weir_work work, const struct weir_item *item)
{
	const struct effects *e = state;
	struct weir_error why;
	if (e->host->find_model(e->host, item, &why) == WEIR_MODEL_REMOTE)
		e->host->ask(e->host, work);
	else
		complete(e, work, (struct weir_text){"{}", 2});
}

static void answer(void *state, struct weir_work work, const struct weir_item *item,
		   const struct weir_answer *answered)
{
	(void)item;
	complete(state, work, answered->json);
}

const struct weir_plugin *weir_plugin(void)
{
	static const struct weir_plugin plugin = {
		.abi_major = WEIR_ABI_MAJOR,
		.abi_minor = WEIR_ABI_MINOR,
		.struct_size = sizeof plugin,
		.kind = "asks",
		.version = "1.0",
		.summary = "a plugin of the tests",
		.open = effects_open,
		.check = check,
		.process = process,
		.close = effects_close,
		.answer = answer,
	};
	return &plugin;
}
