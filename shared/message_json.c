#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "message_scan.h"

/* jansson's parser calls itself for each level and allocates for each value, so both are bounded
 * before it sees the text. */
struct outline {
	unsigned depth, deepest;
	size_t values; /* at least as many as there are */
	bool in_string, escaped;
};

static void outline_string(struct outline *o, char c)
{
	if (o->escaped)
		o->escaped = false;
	else if (c == '\\')
		o->escaped = true;
	else if (c == '"')
		o->in_string = false;
}

/* A closing bracket too many is left to the parser to complain about. */
static void outline_structure(struct outline *o, char c)
{
	switch (c) {
	case '"':
		o->in_string = true;
		break;
	case '{':
	case '[':
		o->values++;
		if (++o->depth > o->deepest)
			o->deepest = o->depth;
		break;
	case '}':
	case ']':
		o->depth -= o->depth > 0;
		break;
	case ',':
	case ':':
		o->values++;
		break;
	}
}

static int check_outline(const char *json, size_t size, unsigned depth_max, struct weir_error *err)
{
	struct outline o = {0};

	for (size_t i = 0; i < size; i++) {
		if (o.in_string)
			outline_string(&o, json[i]);
		else
			outline_structure(&o, json[i]);
	}
	if (o.deepest > depth_max)
		return weir_fail(err, "too_deep", "more than %u objects and arrays in each other",
				 depth_max);
	if (o.values > MESSAGE_VALUES_MAX)
		return weir_fail(err, "oversized", "more than %d values", MESSAGE_VALUES_MAX);
	return 0;
}

static int write_buffer(void *buffer, const char *bytes, size_t n)
{
	buffer_add(buffer, bytes, n);
	return 0;
}

static void pack_text(msgpack_packer *to, const char *text, size_t size)
{
	msgpack_pack_str(to, size);
	msgpack_pack_str_body(to, text, size);
}

static void pack(msgpack_packer *to, const json_t *value);

static void pack_object(msgpack_packer *to, const json_t *object)
{
	void *at;

	/* The iterator takes a json_t that is not const, but only reads it. */
	msgpack_pack_map(to, json_object_size(object));
	for (at = json_object_iter((json_t *)object); at != NULL;
	     at = json_object_iter_next((json_t *)object, at)) {
		pack_text(to, json_object_iter_key(at), strlen(json_object_iter_key(at)));
		pack(to, json_object_iter_value(at));
	}
}

static void pack_array(msgpack_packer *to, const json_t *array)
{
	msgpack_pack_array(to, json_array_size(array));
	for (size_t i = 0; i < json_array_size(array); i++)
		pack(to, json_array_get(array, i));
}

/* Calls itself through objects and arrays, MESSAGE_DEPTH_MAX times at the most. */
static void pack(msgpack_packer *to, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		pack_object(to, value);
		break;
	case JSON_ARRAY:
		pack_array(to, value);
		break;
	case JSON_STRING:
		pack_text(to, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		msgpack_pack_int64(to, json_integer_value(value));
		break;
	case JSON_REAL:
		msgpack_pack_double(to, json_real_value(value));
		break;
	case JSON_TRUE:
		msgpack_pack_true(to);
		break;
	case JSON_FALSE:
		msgpack_pack_false(to);
		break;
	case JSON_NULL:
		msgpack_pack_nil(to);
		break;
	}
}

/* jansson's lexer does not look whether the buffer of the token it reads could grow: when it could
 * not, a character is missing, and the text may parse all the same. Of other failed allocations it
 * says nothing, or that the syntax is wrong. So its allocator is ours, and takes note. This is the
 * one way to learn of it, and jansson passes no argument through, hence the variable. */
static _Thread_local bool allocation_failed;

static void *allocate(size_t size)
{
	void *made = malloc(size);

	if (made == NULL)
		allocation_failed = true;
	return made;
}

static json_t *parse(const char *json, size_t size, size_t flags, json_error_t *fault)
{
	json_t *root;

	json_set_alloc_funcs(allocate, free);
	allocation_failed = false;
	root = json_loadb(json, size, flags, fault);
	if (!allocation_failed)
		return root;
	json_decref(root);
	return NULL;
}

static int parse_object(const char *json, size_t size, size_t flags, json_t **out,
			struct weir_error *err)
{
	json_error_t fault = {.text = ""};
	json_t *root = parse(json, size, flags, &fault);

	if (root == NULL && allocation_failed)
		return weir_fail_memory(err);
	if (root == NULL && json_error_code(&fault) == json_error_null_character)
		return weir_fail(err, "bad_json", "byte %d: U+0000 is not allowed", fault.position);
	if (root == NULL)
		return weir_fail(err, "bad_json", "byte %d: %s", fault.position, fault.text);
	if (!json_is_object(root)) {
		json_decref(root);
		return weir_fail(err, "bad_json", "not an object");
	}
	*out = root;
	return 0;
}

int message_parse_json(const char *json, size_t size, unsigned depth_max, json_t **out,
		       struct weir_error *err)
{
	if (check_outline(json, size, depth_max, err) < 0)
		return -1;
	return parse_object(json, size, 0, out, err);
}

/* The packed bytes go through the scan as well: short JSON numbers become longer doubles. */
static int check_packed(const struct buffer *out, size_t from, unsigned depth_max,
			struct weir_error *err)
{
	size_t zone_bytes;

	if (buffer_failed(out))
		return weir_fail_memory(err);
	return message_measure((struct weir_text){out->data + from, out->size - from}, depth_max,
			       NULL, &zone_bytes, err);
}

int message_transcode(struct buffer *out, const char *json, size_t size, unsigned depth_max,
		      struct weir_error *err)
{
	size_t from = out->size;
	msgpack_packer to;
	json_t *root = NULL;
	int rc;

	if (size > MESSAGE_MAX)
		return weir_fail(err, "oversized", "%zu bytes, the most is %d", size, MESSAGE_MAX);
	if (check_outline(json, size, depth_max, err) < 0 ||
	    parse_object(json, size, JSON_ALLOW_NUL, &root, err) < 0)
		return -1;
	msgpack_packer_init(&to, out, write_buffer);
	pack(&to, root);
	json_decref(root);
	rc = check_packed(out, from, depth_max, err);
	if (rc < 0)
		out->size = from;
	return rc;
}

int message_from_json(struct buffer *out, const char *json, size_t size, struct weir_error *err)
{
	return message_transcode(out, json, size, MESSAGE_PART_DEPTH_MAX, err);
}

int message_overlay(struct buffer *out, struct weir_text base, struct weir_text over,
		    struct weir_error *err)
{
	json_t *all = NULL, *own = NULL;
	char *text = NULL;
	int rc = -1;

	if (parse_object(base.data, base.size, JSON_ALLOW_NUL, &all, err) < 0 ||
	    parse_object(over.data, over.size, JSON_ALLOW_NUL, &own, err) < 0)
		goto out;
	if (json_object_update(all, own) == 0)
		text = json_dumps(all, JSON_COMPACT);
	if (text != NULL)
		buffer_add_text(out, text);
	rc = text == NULL || buffer_failed(out) ? weir_fail_memory(err) : 0;
out:
	free(text);
	json_decref(all);
	json_decref(own);
	return rc;
}

/* ---- to JSON ---- */

/* The shortest of the usual forms that reads back as the same number. */
static void write_real(struct buffer *out, double real)
{
	char text[40];

	if (!isfinite(real)) {
		buffer_add_text(out, "null");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	buffer_add_text(out, text);
}

static void write_text(struct buffer *out, const char *text, uint32_t size)
{
	buffer_add_json(out, (struct weir_text){size > 0 ? text : "", size});
}

static void write_map(struct buffer *out, const msgpack_object_map *map)
{
	buffer_add_char(out, '{');
	for (uint32_t i = 0; i < map->size; i++) {
		if (i > 0)
			buffer_add_char(out, ',');
		write_text(out, map->ptr[i].key.via.str.ptr, map->ptr[i].key.via.str.size);
		buffer_add_char(out, ':');
		message_write_json(out, &map->ptr[i].val);
	}
	buffer_add_char(out, '}');
}

static void write_array(struct buffer *out, const msgpack_object_array *array)
{
	buffer_add_char(out, '[');
	for (uint32_t i = 0; i < array->size; i++) {
		if (i > 0)
			buffer_add_char(out, ',');
		message_write_json(out, &array->ptr[i]);
	}
	buffer_add_char(out, ']');
}

/* Calls itself through maps and arrays, MESSAGE_DEPTH_MAX times at the most. */
void message_write_json(struct buffer *out, const msgpack_object *value)
{
	switch (value->type) {
	case MSGPACK_OBJECT_BOOLEAN:
		buffer_add_text(out, value->via.boolean ? "true" : "false");
		break;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		buffer_printf(out, "%" PRIu64, value->via.u64);
		break;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		buffer_printf(out, "%" PRId64, value->via.i64);
		break;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		write_real(out, value->via.f64);
		break;
	case MSGPACK_OBJECT_STR:
	case MSGPACK_OBJECT_BIN:
		write_text(out, value->via.str.ptr, value->via.str.size);
		break;
	case MSGPACK_OBJECT_MAP:
		write_map(out, &value->via.map);
		break;
	case MSGPACK_OBJECT_ARRAY:
		write_array(out, &value->via.array);
		break;
	default:
		buffer_add_text(out, "null");
		break;
	}
}
