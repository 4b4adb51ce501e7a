/* checker.h: whether a record may become an item: its name, its size as a message, and what the
 * plugin says of its context and payload. The consumer checks the same again. */
#ifndef WEIR_CHECKER_H
#define WEIR_CHECKER_H

#include "source.h"
#include "stages.h"
#include "weir/loader.h"
#include "weir/message.h"

struct checker {
	const struct loaded_plugin *plugin;
	struct weir_text job_id;
	const struct stage *stage;
	struct weir_text context; /* the stage's, JSON */
	struct message decoded;	  /* the same */
	const struct weir_map *map;
	struct buffer encoded;
};

/* plugin (opened), job_id and stage (the first one, complete) outlive the checker. Error codes:
 * those of message_decode_map(). On success the caller calls checker_release(). */
int checker_init(struct checker *c, const struct loaded_plugin *plugin, const char *job_id,
		 const struct stage *stage, struct weir_error *err) WEIR_MUST_CHECK;
void checker_release(struct checker *c);

/* Error codes: bad_name, bad_context (one that changes the step), those of the message, those of
 * the plugin. */
int checker_check(struct checker *c, const struct source_record *r,
		  struct weir_error *err) WEIR_MUST_CHECK;

#endif
