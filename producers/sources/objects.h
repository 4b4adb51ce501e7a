/* objects.h: the JSON objects of a stream, one after the other. They stand a line each (JSON
 * Lines), or one behind the other with white space between them or none, over as many lines as they
 * need; or they are the elements of an array, or of several. Which of these it is, the first
 * character tells. Private to this folder. */
#ifndef WEIR_SOURCES_OBJECTS_H
#define WEIR_SOURCES_OBJECTS_H

#include "object.h"

struct objects {
	struct input input;
	struct object object;
	bool begun;   /* what stands first has been looked at */
	bool no_line; /* the last object was more than a line, or less */
	bool in_array;
	bool behind_one;     /* in the array, behind an element */
	uint64_t array_line; /* where it begins, or began */
	bool is_array;	     /* the stream is arrays */
};

/* in stays the caller's. 0, or -1 with err. */
int objects_init(struct objects *s, FILE *in, struct weir_error *err) WEIR_MUST_CHECK;
void objects_release(struct objects *s);

/* Takes the next object into the record; not checked with record_check(). Where lines are objects,
 * a line that is none is BAD, and so is an object that ends and is none. What leaves open where the
 * next one begins is FAILED: an array that is not closed, or an object within. */
enum source_status objects_next(struct objects *s, struct source_record *record,
				struct weir_error *err);

/* Whether the stream, at its beginning, is one object alone (or what should be one, and is not
 * closed), and *text is all of it; INPUT_TOO_LONG: it is an object that is too long. END: it is
 * something else. Valid until the next call. */
enum input_status objects_alone(struct objects *s, struct weir_text *text, struct weir_error *err);

#endif
