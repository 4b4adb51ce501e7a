/* object.h: the record that a JSON object is: custom_id, table_name, record_id and context are
 * these, the other members are the payload, as they were written. Private to this folder. */
#ifndef WEIR_SOURCES_OBJECT_H
#define WEIR_SOURCES_OBJECT_H

#include "record.h"

/* Holds the texts of the record at hand. Starts zeroed. */
struct object {
	struct buffer payload;
	struct buffer texts[3]; /* custom_id, table_name, record_id when they had escapes */
	bool no_json;		/* it was BAD because it is no valid object */
	bool has_id;		/* a member id, which is none of ours */
	struct weir_text
		list; /* name of a member that is a list of objects, the first; or absent */
};

void object_release(struct object *o);

/* Takes an object apart into the record, whose place (file, and line unless it is 0) is set; what
 * is not there stays as it is. The texts point into json, or are valid until the next call. BAD:
 * err names the place, and of an object of several lines the faulty one. */
enum source_status object_take(struct object *o, struct weir_text json,
			       struct source_record *record, struct weir_error *err);

/* record_check(), with advice for an object that holds the items instead of being one. */
enum source_status object_check(const struct object *o, const struct source_record *record,
				struct weir_error *err);

#endif
