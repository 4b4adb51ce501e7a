/* lender.h: what a submit lends to the plugin that checks its items: a host without work to complete
 * and without anything to store. */
#ifndef WEIR_LENDER_H
#define WEIR_LENDER_H

#include "weir/buffer.h"
#include "weir/llm.h"
#include "weir/settings.h"

struct lender {
	struct weir_host host; /* first: the plugin gives it back */
	struct llm llm;
	struct buffer *json; /* what map_json() made last: json_text */
	struct buffer json_text;
	struct prompt *prompt; /* what would be asked for the item: prompt_text */
	struct prompt prompt_text;
};

/* Reads the models and templates; their faults are logged. Its place must not change afterwards. The
 * caller calls lender_close(), also after a failure and for one that is zeroed. */
int lender_open(struct lender *l, const struct settings *s, struct weir_error *err) WEIR_MUST_CHECK;
void lender_close(struct lender *l);

#endif
