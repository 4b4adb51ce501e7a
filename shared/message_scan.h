/* message_scan.h: what the parts of the message code share. Private to libweir. */
#ifndef WEIR_MESSAGE_SCAN_H
#define WEIR_MESSAGE_SCAN_H

#include <jansson.h>

#include "weir/message.h"

/* Who is told each pair of the outermost map, in order: its key, and its value as it is encoded. */
struct message_pairs {
	void (*tell)(void *owner, struct weir_text key, struct weir_text value);
	void *owner;
};

/* message_scan() with another bound for the depth (at most MESSAGE_DEPTH_MAX). *zone_bytes: what
 * msgpack-c will allocate to decode the value; with pairs (NULL: nobody is told), to decode the
 * values of all pairs. */
int message_measure(struct weir_text body, unsigned depth_max, const struct message_pairs *pairs,
		    size_t *zone_bytes, struct weir_error *err) WEIR_MUST_CHECK;

/* Of an encoded value that has passed the scan: whether it is a map, by its first byte; the text,
 * or the integer from 0, that it is (false: something else). */
bool message_is_map(char type);
bool message_text(struct weir_text value, struct weir_text *out);
bool message_natural(struct weir_text value, uint64_t *out);

/* message_from_json() with another bound for the depth. */
int message_transcode(struct buffer *out, const char *json, size_t size, unsigned depth_max,
		      struct weir_error *err) WEIR_MUST_CHECK;

/* Parses JSON text, an object that holds no U+0000, with these bounds for depth and values. The
 * caller json_decref()s *out. Error codes: those of message_from_json(). */
int message_parse_json(const char *json, size_t size, unsigned depth_max, json_t **out,
		       struct weir_error *err) WEIR_MUST_CHECK;

/* Appends a value that has passed the scan as JSON; bytes as the text that they may be. */
void message_write_json(struct buffer *out, const msgpack_object *value);

#endif
