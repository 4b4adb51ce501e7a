/* message.h: what travels through the broker. Version 1 is a MessagePack map, or the same map as
 * JSON; schemas/message.schema.json describes it. Decoding trusts nothing: a body is walked and
 * bounded before anything is allocated from its counts. Nothing blocks. */
#ifndef WEIR_MESSAGE_H
#define WEIR_MESSAGE_H

#include <msgpack.h>
#include <stdbool.h>
#include <stdint.h>

#include "weir/buffer.h"
#include "weir/error.h"

#define MESSAGE_VERSION 1
#define MESSAGE_MAX (1024 * 1024)		       /* bytes of a body */
#define MESSAGE_DEPTH_MAX 8			       /* maps and arrays within each other */
#define MESSAGE_PART_DEPTH_MAX (MESSAGE_DEPTH_MAX - 1) /* of a context or payload alone */
#define MESSAGE_VALUES_MAX 131072 /* in all maps and arrays; a key counts as a value */
#define MESSAGE_KIND_MAX 32	  /* bytes */
#define MESSAGE_NAME_MAX 64	  /* bytes of a job_id or custom_id */
#define MESSAGE_BATCH_ID_MAX 96	  /* "<job>-s<stage>-b<n>" */
#define MESSAGE_STAGE_MAX 1000

#define MESSAGE_TYPE_MSGPACK "application/msgpack"
#define MESSAGE_TYPE_JSON "application/json"

/* The texts point into the body (of a JSON body: into `transcoded`) and the maps into `zone`; the
 * body must outlive their use. The struct may be copied, as long as one copy alone is released. */
struct message {
	struct weir_item item;
	struct weir_text kind;
	msgpack_zone zone;
	bool decoded;
	struct buffer transcoded; /* a JSON body as MessagePack */
};

/* Decodes one body. content_type: empty means MessagePack; letter case and parameters ("; charset")
 * do not matter. On success the caller owns *m and calls message_release(); on failure *m is left
 * alone and needs no release. Error codes: oversized, truncated, too_deep, bad_type, bad_utf8,
 * trailing_bytes, bad_json, bad_content_type, bad_version, missing_field, bad_field, out_of_memory;
 * the text names the field or the byte offset. Unknown fields are ignored; of a field that stands
 * twice the last one counts, and null is absent; a version above MESSAGE_VERSION is bad_version. */
int message_decode(struct message *m, const char *body, size_t size, struct weir_text content_type,
		   struct weir_error *err) WEIR_MUST_CHECK;
void message_release(struct message *m);

/* What a publisher knows of an item; context and payload are encoded MessagePack maps (empty text:
 * an empty map). */
struct message_fields {
	struct weir_text kind, job_id, batch_id, custom_id;
	struct weir_text table_name, record_id; /* absent: it came from no row */
	uint32_t stage, ordinal, epoch, attempt;
	struct weir_text context, payload;
};

/* Appends the encoded message to out (check buffer_failed() afterwards). It checks nothing: parts
 * that are within the bounds may be beyond them together, which message_scan() will tell. */
void message_encode(struct buffer *out, const struct message_fields *fields);

/* Walks one MessagePack value and checks all that message_decode() promises: size, depth, counts
 * against the bytes that remain, number of values, allowed types (no ext), map keys that are
 * strings, UTF-8, no trailing bytes. Iterative, no allocation. Error codes: oversized, truncated,
 * too_deep, bad_type, bad_utf8, trailing_bytes. */
int message_scan(const char *body, size_t size, struct weir_error *err) WEIR_MUST_CHECK;

/* Appends JSON text (an object: a context or payload) as a MessagePack map, with the bounds of
 * message_scan(), and MESSAGE_PART_DEPTH_MAX for the depth. Integers stay integers (beyond int64_t
 * is an error), other numbers become doubles. On failure out->size is as before. Error codes:
 * bad_json, too_deep, oversized, out_of_memory. */
int message_from_json(struct buffer *out, const char *json, size_t size,
		      struct weir_error *err) WEIR_MUST_CHECK;

/* Lays one JSON object over another, key by key at the top level: an item's context over its job's.
 * Appends the merged JSON text. Error code: bad_json, out_of_memory. */
int message_overlay(struct buffer *out, struct weir_text base, struct weir_text over,
		    struct weir_error *err) WEIR_MUST_CHECK;

/* ^[A-Za-z0-9_-]{1,64}$, the rule for job_id and custom_id. */
bool message_name_ok(struct weir_text name);

/* Readers of a decoded map, as the plugin interface lends them: 0, or -1 when the key is absent,
 * null or of another type (an integer beyond int64_t, or a real that is infinite or not a number,
 * counts as that too). A key that stands twice: the last one counts. A text may hold U+0000. */
int map_text(const struct weir_map *map, const char *key, struct weir_text *out);
int map_integer(const struct weir_map *map, const char *key, int64_t *out);
int map_real(const struct weir_map *map, const char *key, double *out);
int map_map(const struct weir_map *map, const char *key, const struct weir_map **out);
/* Of an array: how many elements, and one that is a map (index from 0). */
int map_count(const struct weir_map *map, const char *key, size_t *out);
int map_entry(const struct weir_map *map, const char *key, size_t index,
	      const struct weir_map **out);
/* The name of a key, index from 0; and a weir_type, or 0 when the key is absent, null, or a text
 * that is blank (utf8.h). */
int map_key(const struct weir_map *map, size_t index, struct weir_text *out);
int map_type(const struct weir_map *map, const char *key);
/* Whether there is anything under a key that is neither null nor a blank text, however deep; key
 * NULL: in the whole map. */
bool map_says(const struct weir_map *map, const char *key);
/* Appends the value of a key as JSON, whatever its type; key NULL: the whole map. 0, or -1 when it
 * is absent or null, and nothing is appended. */
int map_json(struct buffer *out, const struct weir_map *map, const char *key);

/* Whether `theirs` says what `ours` does, whose keys stand once, to whoever reads it: the order of keys
 * does not matter, and an integer may stand for a real of the same value, but not the other way
 * round. What is beyond all use (thousands of keys in another order) is different. */
bool map_same(const struct weir_map *ours, const struct weir_map *theirs);

/* Decodes a MessagePack or JSON map that stands alone (a context or payload at submit); which of
 * the two it is, its first byte tells. Bounds and errors are those of message_from_json() and
 * message_scan(). On success the caller calls message_release(); *out lives until then. */
int message_decode_map(struct message *m, const char *body, size_t size,
		       const struct weir_map **out, struct weir_error *err) WEIR_MUST_CHECK;

#endif
