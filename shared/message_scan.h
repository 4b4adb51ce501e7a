/* message_scan.h: what the parts of the message code share. Private to libweir. */
#ifndef WEIR_MESSAGE_SCAN_H
#define WEIR_MESSAGE_SCAN_H

#include <jansson.h>

#include "weir/message.h"

/* message_scan() with another bound for the depth (at most MESSAGE_DEPTH_MAX). *zone_bytes: what
 * msgpack-c will allocate to decode the value. */
int message_measure(const char *body, size_t size, unsigned depth_max, size_t *zone_bytes,
		    struct weir_error *err) WEIR_MUST_CHECK;

/* message_from_json() with another bound for the depth. */
int message_transcode(struct buffer *out, const char *json, size_t size, unsigned depth_max,
		      struct weir_error *err) WEIR_MUST_CHECK;

/* Parses JSON text, an object that holds no U+0000, with these bounds for depth and values. The
 * caller json_decref()s *out. Error codes: those of message_from_json(). */
int message_parse_json(const char *json, size_t size, unsigned depth_max, json_t **out,
		       struct weir_error *err) WEIR_MUST_CHECK;

/* Appends a value that has passed the scan as JSON. Bytes are written as the text that they may be. */
void message_write_json(struct buffer *out, const msgpack_object *value);

#endif
