/* effects.h: what the test plugins have in common. Their effects show every mistake of the host: a
 * sum that an item enters twice is too large, and the log of a second storing has a second row.
 *
 * Payload: key (text), amount (integer); optional: fail ("retry": always; "retry_once"; "reject";
 * "reject_kept": with a result; "reject_garbled": with one that is no JSON; "bad_row": the database
 * refuses its row), defer (how often the item is put off, by one process), retry_after_ms,
 * fail_stage (it fails in this stage alone), delay_ms, result_kb (how large the result is), account
 * (a statement answers for the item: "once", "twice", not when "left_out"; "apart": a statement of
 * its own), made (the database makes the result: "once" and so on, as with account), parts (an
 * array of maps, whose amounts must add up to that of the item). Context: label. Tables: see
 * tests/integration/world.c. */
#ifndef WEIR_TEST_EFFECTS_H
#define WEIR_TEST_EFFECTS_H

#include "weir/plugin.h"

struct effects {
	const struct weir_host *host;
	void *extra;   /* the plugin's own */
	int64_t calls; /* of store() */
};

int effects_open(const struct weir_host *host, const void *config, void **state,
		 struct weir_error *err);
int effects_check(void *state, const struct weir_item *item, struct weir_error *err);
int effects_store(void *state, struct weir_tx *tx, const struct weir_result *results, size_t n,
		  struct weir_error *err);
void effects_close(void *state);

/* Ends the item as its payload wants it to end. */
void effects_complete(const struct effects *e, struct weir_work work, const struct weir_item *item);

/* An integer of the payload; 0 when it is not there. */
int64_t effects_integer(const struct effects *e, const struct weir_item *item, const char *name);

#define EFFECTS_PLUGIN(name)                                                                       \
	.abi_major = WEIR_ABI_MAJOR, .abi_minor = WEIR_ABI_MINOR,                                  \
	.struct_size = sizeof(struct weir_plugin), .kind = name, .version = "1.0",                 \
	.summary = "a plugin of the tests", .open = effects_open, .check = effects_check,          \
	.store = effects_store, .close = effects_close

const struct weir_plugin *weir_plugin(void);

#endif
