/* kit.h: the few lines that every plugin of ours would otherwise repeat. With out.h beside it, a
 * static library that is linked into each of them; the interface to weir is plugin.h alone. */
#ifndef KIT_KIT_H
#define KIT_KIT_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/plugin.h"

/* Fills err in; the text is cut where it is too long. Returns -1. */
int plugin_fail(struct weir_error *err, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

int plugin_fail_memory(struct weir_error *err); /* code out_of_memory */

/* The same, and at the end the beginning of what was there instead: `, not "..."`. */
int plugin_fail_value(struct weir_error *err, const char *code, const char *text,
		      struct weir_text value);

/* What a job was submitted with: in a later stage that is the payload's input. */
const struct weir_map *plugin_input(const struct weir_host *host, const struct weir_item *item);

bool text_is(struct weir_text text, const char *word);

/* How many bytes of a text are shown: at most `most`, no character cut in two. */
size_t text_shown(const char *text, size_t n, size_t most);

#endif
