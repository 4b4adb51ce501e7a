/* checker.h: whether a record may become an item: its name, its size as a message, and what the
 * plugin says of its context and payload. The consumer checks the same again. */
#ifndef WEIR_CHECKER_H
#define WEIR_CHECKER_H

#include "source.h"
#include "stages.h"
#include "weir/loader.h"
#include "weir/message.h"

#define UNREAD_MAX 32 /* names that are counted */

/* A field that items have and the kind does not read. */
struct unread {
	char name[64];
	int64_t items;
};

struct checker {
	struct unread unread[UNREAD_MAX]; /* in the order in which they were met */
	size_t unread_count;
	const struct llm *llm;
	struct weir_text job_id;
	const struct stages *stages;
	bool steps;		  /* one of them has a step */
	struct weir_text context; /* the first one's, JSON */
	struct message decoded;	  /* the same */
	const struct weir_map *map;
	struct buffer encoded, later;		  /* later: the payload of the second stage */
	const struct loaded_plugin *plugins;	  /* of all stages; only the first is opened */
	struct message later_decoded[STAGES_MAX]; /* contexts of the second and further stages */
	const struct weir_map *later_maps[STAGES_MAX];
};

/* plugins (one a stage, the first one opened), llm, job_id and stages (complete) outlive the
 * checker. Error codes: those of message_decode_map(). On success the caller calls
 * checker_release(). */
int checker_init(struct checker *c, const struct loaded_plugin *plugins, const struct llm *llm,
		 const char *job_id, const struct stages *stages,
		 struct weir_error *err) WEIR_MUST_CHECK;
void checker_release(struct checker *c);

/* Says on standard error which fields of the records that passed are not read; nothing where all
 * are. */
void checker_say_unread(const struct checker *c);

/* Error codes: bad_name, bad_context (one that changes the step of any stage, or names a model or
 * template that a later one has not), those of the message
 * (of the first stage, or of the second, as far as the payload alone decides), those of
 * kind_check() for each stage, those of the first one's plugin. */
int checker_check(struct checker *c, const struct source_record *r,
		  struct weir_error *err) WEIR_MUST_CHECK;

#endif
