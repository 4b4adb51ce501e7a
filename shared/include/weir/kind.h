/* kind.h: items are checked by what a plugin tells of its kind (weir_about): the table that an item
 * came from, the parameters of its context, the fields of its payload. The host does so before it
 * calls the plugin's own check(), at submit and in the consumer; so all kinds have the same rules
 * and the same words. Nothing blocks, and nothing is allocated but for an error. */
#ifndef WEIR_KIND_H
#define WEIR_KIND_H

#include "weir/buffer.h"
#include "weir/llm.h"

/* What is told, in this order; a plugin that tells nothing passes:
 *
 *     bad_mapping  the table_name is none that the kind writes to (WEIR_TABLE_FILE is none
 *                  either, and fine), or its record_id is of another kind than that table's
 *     bad_context  a required parameter is missing
 *     bad_payload  a field has another type than it may have, a required one is missing, or none
 *                  of those says anything of which one has to (see map_type(), null_mark_is()).
 *                  When the plugin asks a model for the item, the last is said of those fields
 *                  that the template reads (template_check_payload())
 *
 * An ai_model or template that there is not is the plugin's to tell. The texts name what is wanted
 * and what is there. llm NULL: no plugin asks models here. */
int kind_check(const struct weir_plugin *p, const struct llm *llm, const struct weir_item *item,
	       struct weir_error *err) WEIR_MUST_CHECK;

/* For submit, after kind_check(): a key of the payload that differs from a field of the kind only
 * in case, or by blanks, "_" and "-", where that field itself is not there, is meant for it, and
 * would be passed over; within its maps and arrays of maps as well. bad_payload, naming both. Not
 * asked of items that a template is read for.
 */
int kind_check_spelling(const struct weir_plugin *p, const struct llm *llm,
			const struct weir_item *item, struct weir_error *err) WEIR_MUST_CHECK;

/* For submit: a parameter of the context that differs from one of the kind only in that, or by an
 * "s" at its end, would be passed over. bad_context, naming both. */
int kind_check_parameters(const struct weir_plugin *p, const struct weir_map *context,
			  struct weir_error *err) WEIR_MUST_CHECK;

/* Whether the kind itself reads the item, and no template. */
bool kind_reads_here(const struct weir_plugin *p, const struct llm *llm,
		     const struct weir_item *item);

/* Whether a key of the payload is one that the kind reads, or may read. */
bool kind_reads(const struct weir_plugin *p, struct weir_text key);

/* What the job was submitted with: the payload or, in a later stage, its "input". */
const struct weir_map *kind_input(const struct weir_item *item);

/* Whether a row of weir_about is one of the map's own keys, and not of what is within. */
bool kind_is_key(const struct weir_field *field);

/* What types are called: to people, and in JSON. {0} ends them. */
extern const struct kind_type {
	unsigned types;
	const char *told, *json; /* json NULL: it is several of the others */
} kind_types[];

/* Appends "a text or an object". */
void kind_list_types(struct buffer *out, unsigned types);

/* Appends the names of a map's keys, some of them, and which say nothing: "Title, summary (blank)";
 * "nothing" for none. */
void kind_list_keys(struct buffer *out, const struct weir_map *map);

#endif
