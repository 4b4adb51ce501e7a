#include "letter.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "plain.h"
#include "weir/message.h"
#include "weir/utf8.h"

#define DUMP_COLUMNS 16

/* ---- MessagePack as JSON ---- */

static json_t *from_object(const msgpack_object *o);

static json_t *from_array(const msgpack_object_array *a)
{
	json_t *out = json_array();
	for (uint32_t i = 0; i < a->size; i++)
		json_array_append_new(out, from_object(&a->ptr[i]));
	return out;
}

static json_t *from_map(const msgpack_object_map *m)
{
	json_t *out = json_object();
	for (uint32_t i = 0; i < m->size; i++) {
		const msgpack_object_str *key = &m->ptr[i].key.via.str;
		json_object_setn_new(out, key->ptr, key->size, from_object(&m->ptr[i].val));
	}
	return out;
}

static json_t *from_number(const msgpack_object *o)
{
	if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
		return json_integer(o->via.i64);
	if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 <= INT64_MAX)
		return json_integer((json_int_t)o->via.u64);
	double value = o->type == MSGPACK_OBJECT_POSITIVE_INTEGER ? (double)o->via.u64 : o->via.f64;
	json_t *real = json_real(value);
	return real ? real : json_null(); /* JSON has no infinity */
}

/* message_scan() has passed: it is not deep, and has no other types. */
static json_t *from_object(const msgpack_object *o)
{
	switch (o->type) {
	case MSGPACK_OBJECT_MAP:
		return from_map(&o->via.map);
	case MSGPACK_OBJECT_ARRAY:
		return from_array(&o->via.array);
	case MSGPACK_OBJECT_STR:
		return json_stringn(o->via.str.ptr, o->via.str.size);
	case MSGPACK_OBJECT_BIN:
		return json_stringn_nocheck("(bytes)", 7);
	case MSGPACK_OBJECT_BOOLEAN:
		return json_boolean(o->via.boolean);
	case MSGPACK_OBJECT_NIL:
		return json_null();
	default:
		return from_number(o);
	}
}

static json_t *from_msgpack(struct weir_text body)
{
	struct weir_error ignored;
	msgpack_unpacked m;
	json_t *out = NULL;
	if (body.size == 0 || message_scan(body.data, body.size, &ignored) < 0)
		return NULL;
	msgpack_unpacked_init(&m);
	if (msgpack_unpack_next(&m, body.data, body.size, NULL) == MSGPACK_UNPACK_SUCCESS &&
	    m.data.type == MSGPACK_OBJECT_MAP)
		out = from_object(&m.data);
	msgpack_unpacked_destroy(&m);
	return out;
}

static json_t *decode(struct weir_text body, const char *content_type)
{
	json_error_t ignored;
	bool json = strncasecmp(content_type, MESSAGE_TYPE_JSON, strlen(MESSAGE_TYPE_JSON)) == 0;
	if (!json || body.size == 0)
		return from_msgpack(body);
	return json_loadb(body.data, body.size, JSON_ALLOW_NUL, &ignored);
}

/* ---- for a terminal ---- */

static bool is_texty(struct weir_text body)
{
	size_t controls = 0;
	if (utf8_valid(body.data, body.size) < body.size)
		return false;
	for (size_t i = 0; i < body.size; i++)
		controls +=
			(unsigned char)body.data[i] < 0x20 && !memchr("\t\r\n", body.data[i], 3);
	return controls * 8 <= body.size;
}

static void dump_line(const unsigned char *at, size_t n, size_t offset, struct buffer *b)
{
	buffer_printf(b, "%08zx ", offset);
	for (size_t i = 0; i < DUMP_COLUMNS; i++)
		if (i < n)
			buffer_printf(b, " %02x", at[i]);
		else
			buffer_add_text(b, "   ");
	buffer_add_text(b, "  |");
	for (size_t i = 0; i < n; i++)
		buffer_add_char(b, at[i] >= 0x20 && at[i] < 0x7F ? (char)at[i] : '.');
	buffer_add_text(b, "|\n");
}

static void print_dump(struct weir_text body, struct buffer *b)
{
	for (size_t at = 0; at < body.size; at += DUMP_COLUMNS) {
		size_t n = body.size - at < DUMP_COLUMNS ? body.size - at : DUMP_COLUMNS;
		dump_line((const unsigned char *)body.data + at, n, at, b);
	}
}

/* Cut, but not within a character. */
static struct weir_text first_part(struct weir_text body)
{
	if (body.size <= LETTER_SHOWN)
		return body;
	size_t size = LETTER_SHOWN;
	while (size > LETTER_SHOWN - 4 && ((unsigned char)body.data[size] & 0xC0) == 0x80)
		size--;
	return (struct weir_text){body.data, size};
}

static void print_raw(struct weir_text body, struct buffer *b)
{
	struct weir_text part = first_part(body);
	if (is_texty(part)) {
		print_escaped(b, part);
		buffer_add_char(b, '\n');
	} else {
		print_dump(part, b);
	}
	if (part.size < body.size)
		buffer_printf(b, "... and %zu bytes more (--body FILE writes all)\n",
			      body.size - part.size);
}

/* NULL: it is no JSON. */
static char *to_json(struct weir_text body, const char *content_type, size_t flags)
{
	json_t *json = decode(body, content_type);
	char *text = json ? json_dumps(json, flags | JSON_ENSURE_ASCII | JSON_ENCODE_ANY) : NULL;
	json_decref(json);
	return text;
}

char *letter_json(struct weir_text body, const char *content_type)
{
	return to_json(body, content_type, JSON_COMPACT);
}

void letter_print_body(struct weir_text body, const char *content_type, struct buffer *b)
{
	char *text = to_json(body, content_type, JSON_INDENT(2));
	if (text) {
		buffer_add_text(b, text);
		buffer_add_char(b, '\n');
	} else if (body.size > 0) {
		print_raw(body, b);
	} else {
		buffer_add_text(b, "(empty)\n");
	}
	free(text);
}
