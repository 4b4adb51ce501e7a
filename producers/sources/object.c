/* jansson says whether a text is valid; the values are then cut out of it instead of being printed
 * anew, so that 12.10 stays 12.10 and order stays order. */
#include "object.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "weir/utf8.h"

/* ---- cutting up a text that is known to be a valid object ---- */

struct member {
	struct weir_text key, value; /* as written: strings with their quotes */
};

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static const char *skip_space(const char *c)
{
	while (is_space(*c))
		c++;
	return c;
}

static const char *skip_string(const char *c)
{
	for (c++; *c != '"'; c++)
		c += *c == '\\';
	return c + 1;
}

static const char *skip_nested(const char *c)
{
	int depth = 0;

	do {
		if (*c == '"') {
			c = skip_string(c);
			continue;
		}
		depth += (*c == '{' || *c == '[') - (*c == '}' || *c == ']');
		c++;
	} while (depth);
	return c;
}

static const char *skip_value(const char *c)
{
	if (*c == '"')
		return skip_string(c);
	if (*c == '{' || *c == '[')
		return skip_nested(c);
	while (*c != ',' && *c != '}' && !is_space(*c))
		c++;
	return c;
}

/* *at stands on the opening brace or behind a value. False behind the last one. */
static bool member_next(const char **at, struct member *m)
{
	const char *c = skip_space(*at);

	if (*c == '}')
		return false;
	c = skip_space(c + 1); /* over the brace or the comma */
	if (*c == '}')
		return false;
	m->key.data = c;
	c = skip_string(c);
	m->key.size = (size_t)(c - m->key.data);
	c = skip_space(skip_space(c) + 1); /* over the colon */
	m->value.data = c;
	c = skip_value(c);
	m->value.size = (size_t)(c - m->value.data);
	*at = c;
	return true;
}

/* ---- strings ---- */

/* A string as written to its text: into itself, or unescaped into room. 0, or -1 out of memory. */
static int unquote(struct weir_text written, struct buffer *room, struct weir_text *out)
{
	struct weir_text inner = {written.data + 1, written.size - 2};
	json_t *string;

	if (!memchr(inner.data, '\\', inner.size)) {
		*out = inner;
		return 0;
	}
	string = json_loadb(written.data, written.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (!string)
		return -1;
	buffer_reset(room);
	buffer_add(room, json_string_value(string), json_string_length(string));
	json_decref(string);
	*out = (struct weir_text){buffer_text(room), room->size};
	return out->data ? 0 : -1;
}

/* ---- the fields that are not payload ---- */

static bool is_integer(struct weir_text value)
{
	for (size_t i = value.size > 1 && value.data[0] == '-'; i < value.size; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return false;
	}
	return true;
}

struct field {
	const char *name;
	size_t offset; /* of its struct weir_text in the record */
	enum { STRING, STRING_OR_INTEGER, OBJECT } shape;
};

static const struct field fields[] = {
	{"custom_id", offsetof(struct source_record, custom_id), STRING_OR_INTEGER},
	{"table_name", offsetof(struct source_record, table_name), STRING},
	{"record_id", offsetof(struct source_record, record_id), STRING_OR_INTEGER},
	{"context", offsetof(struct source_record, context), OBJECT},
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static enum source_status take_field(struct object *o, size_t number, struct weir_text value,
				     struct source_record *record, struct weir_error *err)
{
	static const char *const shapes[] = {"a string", "a string or a whole number", "an object"};
	const struct field *f = &fields[number];
	struct weir_text *out = (struct weir_text *)((char *)record + f->offset);

	if (text_says(value, "null"))
		return SOURCE_RECORD;
	if (f->shape != OBJECT && value.data[0] == '"')
		return unquote(value, &o->texts[number], out) < 0 ? record_no_memory(err)
								  : SOURCE_RECORD;
	if (f->shape == OBJECT ? value.data[0] != '{' : f->shape == STRING || !is_integer(value))
		return record_bad(record, err, "%s must be %s, and is %.*s", f->name,
				  shapes[f->shape], value.size < 40 ? (int)value.size : 40,
				  value.data);
	*out = value;
	return SOURCE_RECORD;
}

/* Which field a key names, or FIELDS; and then which it was meant for. A key with escapes is
 * compared as what it means. */
static int find_field(struct weir_text written, size_t *number, const char **meant)
{
	struct buffer room = BUFFER_INIT;
	struct weir_text key;

	if (unquote(written, &room, &key) < 0) {
		buffer_release(&room);
		return -1;
	}
	for (*number = 0; *number < FIELDS; ++*number) {
		if (text_says(key, fields[*number].name))
			break;
	}
	*meant = *number < FIELDS ? NULL : record_meant(key);
	if (*number == FIELDS && key.size > 8 && memcmp(key.data, "context.", 8) == 0)
		*meant = "the object context, with NAME in it";
	buffer_release(&room);
	return 0;
}

static void add_payload(struct buffer *payload, const struct member *m)
{
	buffer_add_char(payload, payload->size ? ',' : '{');
	buffer_add(payload, m->key.data, m->key.size);
	buffer_add_char(payload, ':');
	buffer_add(payload, m->value.data, m->value.size);
}

#define LIST_NAME_MAX 40 /* bytes */

static bool is_list(struct weir_text value)
{
	return *value.data == '[' && *skip_space(value.data + 1) == '{';
}

static int shown(struct weir_text key) { return key.size < 100 ? (int)key.size : 100; }

static enum source_status take_member(struct object *o, const struct member *m,
				      struct source_record *record, struct weir_error *err)
{
	const char *meant;
	size_t number;

	if (find_field(m->key, &number, &meant) < 0)
		return record_no_memory(err);
	if (meant)
		return record_bad(record, err, "%.*s: did you mean %s?", shown(m->key), m->key.data,
				  meant);
	if (number < FIELDS)
		return take_field(o, number, m->value, record, err);
	o->has_id |= text_says(m->key, "\"id\"");
	if (!o->list.data && is_list(m->value) && m->key.size - 2 <= LIST_NAME_MAX)
		o->list = (struct weir_text){m->key.data + 1, m->key.size - 2};
	add_payload(&o->payload, m);
	return SOURCE_RECORD;
}

/* ---- an object ---- */

/* As reals, because jansson refuses integers beyond 64 bits; the values are not used. */
#define FLAGS (JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL)

/* Names the first key of the object itself that stands twice; RECORD: there is none. */
static enum source_status bad_duplicate(const char *at, const struct source_record *record,
					struct weir_error *err)
{
	json_t *seen = json_object();
	struct buffer room = BUFFER_INIT;
	struct member m;
	struct weir_text key;
	enum source_status status = SOURCE_RECORD;

	while (status == SOURCE_RECORD && member_next(&at, &m)) {
		if (unquote(m.key, &room, &key) < 0)
			status = record_no_memory(err);
		else if (json_object_getn(seen, key.data, key.size))
			status = record_bad(record, err, "the key \"%.*s\" stands twice",
					    key.size < 100 ? (int)key.size : 100, key.data);
		else if (json_object_setn_new(seen, key.data, key.size, json_true()) < 0)
			status = record_no_memory(err);
	}
	buffer_release(&room);
	json_decref(seen);
	return status;
}

/* The text is a valid object, and no key stands twice. */
static enum source_status cut(struct object *o, struct weir_text json, struct source_record *record,
			      struct weir_error *err)
{
	const char *at = skip_space(json.data);
	struct member m;
	enum source_status status = SOURCE_RECORD;

	buffer_reset(&o->payload);
	while (status == SOURCE_RECORD && member_next(&at, &m))
		status = take_member(o, &m, record, err);
	if (status != SOURCE_RECORD)
		return status;
	buffer_add_text(&o->payload, o->payload.size ? "}" : "{}");
	record->payload = (struct weir_text){buffer_text(&o->payload), o->payload.size};
	return record->payload.data ? SOURCE_RECORD : record_no_memory(err);
}

/* The text ends within a string. */
static bool is_in_string(struct weir_text json)
{
	bool in = false;

	for (size_t i = 0; i < json.size; i++) {
		if (in && json.data[i] == '\\')
			i++;
		else if (json.data[i] == '"')
			in = !in;
	}
	return in;
}

/* What many write for JSON and is none. */
static const char *hint(const json_error_t *fault, struct weir_text json)
{
	if (strstr(fault->text, "'NaN'") || strstr(fault->text, "'Infinity'") ||
	    strstr(fault->text, "'-Infinity'"))
		return " (NaN and Infinity are no JSON: write null, or leave the key out)";
	if (json.size >= 3 && memcmp(json.data, "\xEF\xBB\xBF", 3) == 0)
		return " (a byte order mark stands here: were files joined?)";
	if (strstr(fault->text, "end of file expected near ','"))
		return " (objects in lines have no commas between them; a list has [ and ])";
	if (strstr(fault->text, "premature end of input") && is_in_string(json))
		return " (a text has no end in this line: a line break in it is written \\n)";
	if (json.size > 0 && isalpha((unsigned char)*json.data))
		return " (an object a line is needed; CSV is --format csv, a document --format "
		       "markdown)";
	return "";
}

/* How a file in another encoding shows: letters beyond ASCII are single bytes. */
static enum source_status bad_characters(struct weir_text json, size_t valid,
					 const struct source_record *record, struct weir_error *err)
{
	struct source_record place = *record;
	size_t begin = 0;

	place.line += record->line == 0;
	for (size_t i = 0; i < valid; i++) {
		if (json.data[i] != '\n')
			continue;
		place.line++;
		begin = i + 1;
	}
	return record_bad(&place, err,
			  "byte %zu, 0x%02x, is not valid UTF-8: " RECORD_ENCODING_ADVICE,
			  valid - begin + 1, (unsigned)(unsigned char)json.data[valid]);
}

static enum source_status bad_json(const json_error_t *fault, struct weir_text json,
				   const struct source_record *record, struct weir_error *err)
{
	struct source_record place = *record;
	size_t valid = utf8_valid(json.data, json.size);

	if (json_error_code(fault) == json_error_out_of_memory)
		return record_no_memory(err);
	if (valid < json.size)
		return bad_characters(json, valid, record, err);
	if (fault->line < 2 && record->line > 0)
		return record_bad(record, err, "not valid JSON at byte %d: %s%s", fault->position,
				  fault->text, hint(fault, json));
	place.line += (uint64_t)fault->line - (record->line > 0);
	return record_bad(&place, err, "not valid JSON at character %d: %s%s", fault->column,
			  fault->text, hint(fault, json));
}

/* jansson met a key for the second time. */
static enum source_status bad_key(const json_error_t *fault, struct weir_text json,
				  const struct source_record *record, struct weir_error *err)
{
	json_error_t other;
	json_t *root = json_loadb(json.data, json.size, FLAGS, &other);
	enum source_status status = SOURCE_RECORD;

	if (!root)
		return bad_json(&other, json, record, err);
	json_decref(root);
	status = bad_duplicate(skip_space(json.data), record, err);
	return status == SOURCE_RECORD
		       ? record_bad(record, err, "within it a key stands twice: %s", fault->text)
		       : status;
}

enum source_status object_take(struct object *o, struct weir_text json,
			       struct source_record *record, struct weir_error *err)
{
	json_error_t fault;
	json_t *root = json_loadb(json.data, json.size, FLAGS | JSON_REJECT_DUPLICATES, &fault);
	bool object = json_is_object(root);

	o->list = (struct weir_text){NULL, 0};
	o->has_id = false;
	o->no_json = !root && json_error_code(&fault) != json_error_duplicate_key;
	if (o->no_json)
		return bad_json(&fault, json, record, err);
	if (!root)
		return bad_key(&fault, json, record, err);
	json_decref(root);
	if (!object)
		return record_bad(record, err, "a JSON object is needed, not an array");
	return cut(o, json, record, err);
}

enum source_status object_check(const struct object *o, const struct source_record *record,
				struct weir_error *err)
{
	struct weir_text name = o->list;

	if (!record->custom_id.data && !name.data && o->has_id)
		return record_bad(record, err,
				  "custom_id is missing; there is id: if that names the item, "
				  "call it custom_id");
	if (record->custom_id.data || !name.data)
		return record_check(record, err);
	return record_bad(
		record, err,
		"custom_id is missing; if the items are the list \"%.*s\" in this object, "
		"give that alone: jq '.[\"%.*s\"]' FILE",
		(int)name.size, name.data, (int)name.size, name.data);
}

void object_release(struct object *o)
{
	buffer_release(&o->payload);
	for (size_t i = 0; i < sizeof o->texts / sizeof *o->texts; i++)
		buffer_release(&o->texts[i]);
}
