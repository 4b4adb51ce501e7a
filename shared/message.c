#include "weir/message.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "message_scan.h"
#include "weir/utf8.h"

/* ---- names ---- */

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || c == '-';
}

static bool is_name(struct weir_text text, size_t longest)
{
	if (text.size < 1 || text.size > longest)
		return false;
	for (size_t i = 0; i < text.size; i++)
		if (!is_name_char(text.data[i]))
			return false;
	return true;
}

bool message_name_ok(struct weir_text name) { return is_name(name, MESSAGE_NAME_MAX); }

static bool batch_id_ok(struct weir_text id) { return is_name(id, MESSAGE_BATCH_ID_MAX); }

static bool kind_ok(struct weir_text kind)
{
	if (kind.size < 1 || kind.size > MESSAGE_KIND_MAX)
		return false;
	if (kind.data[0] < 'a' || kind.data[0] > 'z')
		return false;
	for (size_t i = 1; i < kind.size; i++) {
		char c = kind.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
			return false;
	}
	return true;
}

/* ---- maps ---- */

/* What plugins hold as a weir_map is an object of msgpack-c whose type is MAP. */
static const struct weir_map *as_map(const msgpack_object *object)
{
	return (const struct weir_map *)(const void *)object;
}

static const msgpack_object_map *as_entries(const struct weir_map *map)
{
	return &((const msgpack_object *)(const void *)map)->via.map;
}

static bool text_is(const msgpack_object_str *text, const char *word, size_t size)
{
	return text->size == size && (size == 0 || memcmp(text->ptr, word, size) == 0);
}

/* From the end, so that of a key that stands twice the last one counts. */
static const msgpack_object *find(const struct weir_map *map, const char *key)
{
	const msgpack_object_map *entries = as_entries(map);
	size_t size = strlen(key);

	for (uint32_t i = entries->size; i-- > 0;)
		if (text_is(&entries->ptr[i].key.via.str, key, size))
			return &entries->ptr[i].val;
	return NULL;
}

/* msgpack-c leaves any pointer, NULL among them, in an empty string; ours must not look absent. */
static int as_text(const msgpack_object *value, struct weir_text *out)
{
	const msgpack_object_str *text;

	if (value == NULL || value->type != MSGPACK_OBJECT_STR)
		return -1;
	text = &value->via.str;
	*out = (struct weir_text){text->size > 0 ? text->ptr : "", text->size};
	return 0;
}

static int as_integer(const msgpack_object *value, int64_t *out)
{
	if (value == NULL)
		return -1;
	if (value->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
		*out = value->via.i64;
		return 0;
	}
	if (value->type != MSGPACK_OBJECT_POSITIVE_INTEGER || value->via.u64 > INT64_MAX)
		return -1;
	*out = (int64_t)value->via.u64;
	return 0;
}

static bool is_float(const msgpack_object *value)
{
	return value->type == MSGPACK_OBJECT_FLOAT64 || value->type == MSGPACK_OBJECT_FLOAT32;
}

static int as_real(const msgpack_object *value, double *out)
{
	int64_t integer;

	if (as_integer(value, &integer) == 0) {
		*out = (double)integer;
		return 0;
	}
	if (value == NULL || !is_float(value) || !isfinite(value->via.f64))
		return -1;
	*out = value->via.f64;
	return 0;
}

int map_text(const struct weir_map *map, const char *key, struct weir_text *out)
{
	return as_text(find(map, key), out);
}

int map_integer(const struct weir_map *map, const char *key, int64_t *out)
{
	return as_integer(find(map, key), out);
}

int map_real(const struct weir_map *map, const char *key, double *out)
{
	return as_real(find(map, key), out);
}

int map_map(const struct weir_map *map, const char *key, const struct weir_map **out)
{
	const msgpack_object *value = find(map, key);

	if (value == NULL || value->type != MSGPACK_OBJECT_MAP)
		return -1;
	*out = as_map(value);
	return 0;
}

static const msgpack_object_array *find_array(const struct weir_map *map, const char *key)
{
	const msgpack_object *value = find(map, key);

	return value != NULL && value->type == MSGPACK_OBJECT_ARRAY ? &value->via.array : NULL;
}

int map_count(const struct weir_map *map, const char *key, size_t *out)
{
	const msgpack_object_array *array = find_array(map, key);

	if (array == NULL)
		return -1;
	*out = array->size;
	return 0;
}

int map_entry(const struct weir_map *map, const char *key, size_t index,
	      const struct weir_map **out)
{
	const msgpack_object_array *array = find_array(map, key);

	if (array == NULL || index >= array->size || array->ptr[index].type != MSGPACK_OBJECT_MAP)
		return -1;
	*out = as_map(&array->ptr[index]);
	return 0;
}

int map_key(const struct weir_map *map, size_t index, struct weir_text *out)
{
	const msgpack_object_map *entries = as_entries(map);

	return index < entries->size ? as_text(&entries->ptr[index].key, out) : -1;
}

static int text_type(const msgpack_object_str *text)
{
	return utf8_is_blank(text->ptr, text->size) ? 0 : WEIR_IS_TEXT;
}

static int type_of(const msgpack_object *value)
{
	switch (value->type) {
	case MSGPACK_OBJECT_STR:
		return text_type(&value->via.str);
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return WEIR_IS_INTEGER;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return WEIR_IS_REAL;
	case MSGPACK_OBJECT_BOOLEAN:
		return WEIR_IS_FLAG;
	case MSGPACK_OBJECT_MAP:
		return WEIR_IS_MAP;
	case MSGPACK_OBJECT_ARRAY:
		return WEIR_IS_LIST;
	case MSGPACK_OBJECT_BIN:
		return WEIR_IS_BYTES;
	default:
		return 0;
	}
}

int map_type(const struct weir_map *map, const char *key)
{
	const msgpack_object *value = find(map, key);

	return value != NULL ? type_of(value) : 0;
}

/* Bounded by MESSAGE_DEPTH_MAX and MESSAGE_VALUES_MAX. */
static bool says_something(const msgpack_object *value)
{
	if (value->type == MSGPACK_OBJECT_MAP) {
		for (uint32_t i = 0; i < value->via.map.size; i++)
			if (says_something(&value->via.map.ptr[i].val))
				return true;
		return false;
	}
	if (value->type == MSGPACK_OBJECT_ARRAY) {
		for (uint32_t i = 0; i < value->via.array.size; i++)
			if (says_something(&value->via.array.ptr[i]))
				return true;
		return false;
	}
	return type_of(value) != 0;
}

bool map_says(const struct weir_map *map, const char *key)
{
	const msgpack_object *value =
		key != NULL ? find(map, key) : (const msgpack_object *)(const void *)map;

	return value != NULL && says_something(value);
}

int map_json(struct buffer *out, const struct weir_map *map, const char *key)
{
	const msgpack_object *value =
		key != NULL ? find(map, key) : (const msgpack_object *)(const void *)map;

	if (value == NULL || value->type == MSGPACK_OBJECT_NIL)
		return -1;
	message_write_json(out, value);
	return 0;
}

/* ---- the same ---- */

#define LOOKS_MAX                                                                                  \
	(1 << 20) /* at keys, for one that does not stand where it stands in the other map */

static bool same_number(const msgpack_object *a, const msgpack_object *b)
{
	double x, y;

	if (is_float(a))
		return as_real(a, &x) == 0 && as_real(b, &y) == 0 && x >= y && x <= y;
	return a->type == b->type && a->via.u64 == b->via.u64;
}

static bool is_number(const msgpack_object *value)
{
	return value->type == MSGPACK_OBJECT_POSITIVE_INTEGER ||
	       value->type == MSGPACK_OBJECT_NEGATIVE_INTEGER || is_float(value);
}

static bool same_text(const msgpack_object_str *a, const msgpack_object_str *b)
{
	return text_is(a, b->ptr, b->size);
}

static bool same(const msgpack_object *a, const msgpack_object *b, int *looks);

static bool same_array(const msgpack_object_array *a, const msgpack_object_array *b, int *looks)
{
	if (a->size != b->size)
		return false;
	for (uint32_t i = 0; i < a->size; i++)
		if (!same(&a->ptr[i], &b->ptr[i], looks))
			return false;
	return true;
}

/* Mostly it stands at the same place. */
static const msgpack_object *counterpart(const msgpack_object_map *in,
					 const msgpack_object_str *key, uint32_t place, int *looks)
{
	for (uint32_t i = 0; i<in->size && * looks> 0; i++, --*looks) {
		const msgpack_object_kv *pair = &in->ptr[(place + i) % in->size];
		if (same_text(key, &pair->key.via.str))
			return &pair->val;
	}
	return NULL;
}

static bool same_map(const msgpack_object_map *a, const msgpack_object_map *b, int *looks)
{
	if (a->size != b->size)
		return false;
	for (uint32_t i = 0; i < a->size; i++) {
		const msgpack_object *other = counterpart(b, &a->ptr[i].key.via.str, i, looks);
		if (!other || !same(&a->ptr[i].val, other, looks))
			return false;
	}
	return true;
}

/* Bounded by MESSAGE_DEPTH_MAX. */
static bool same(const msgpack_object *a, const msgpack_object *b, int *looks)
{
	if (is_number(a) && is_number(b))
		return same_number(a, b);
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case MSGPACK_OBJECT_MAP:
		return same_map(&a->via.map, &b->via.map, looks);
	case MSGPACK_OBJECT_ARRAY:
		return same_array(&a->via.array, &b->via.array, looks);
	case MSGPACK_OBJECT_STR:
		return same_text(&a->via.str, &b->via.str);
	case MSGPACK_OBJECT_BOOLEAN:
		return a->via.boolean == b->via.boolean;
	default: /* bytes are in no JSON, and so in no ledger */
		return a->type == MSGPACK_OBJECT_NIL;
	}
}

bool map_same(const struct weir_map *ours, const struct weir_map *theirs)
{
	int looks = LOOKS_MAX;

	return same((const msgpack_object *)(const void *)ours,
		    (const msgpack_object *)(const void *)theirs, &looks);
}

/* ---- the fields ---- */

#define NIL '\xC0' /* null in MessagePack */

/* In the order in which they are encoded, which is where a reader looks for them first. */
enum field {
	VERSION,
	KIND,
	JOB_ID,
	BATCH_ID,
	STAGE,
	ORDINAL,
	CUSTOM_ID,
	TABLE_NAME,
	RECORD_ID,
	EPOCH,
	ATTEMPT,
	CONTEXT,
	PAYLOAD,
	FIELD_COUNT
};

struct field_name {
	const char *text;
	size_t size;
};

#define NAME(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static const struct field_name names[FIELD_COUNT] = {
	[VERSION] = NAME("v"),		 [KIND] = NAME("kind"),
	[JOB_ID] = NAME("job_id"),	 [BATCH_ID] = NAME("batch_id"),
	[STAGE] = NAME("stage"),	 [ORDINAL] = NAME("ordinal"),
	[CUSTOM_ID] = NAME("custom_id"), [TABLE_NAME] = NAME("table_name"),
	[RECORD_ID] = NAME("record_id"), [EPOCH] = NAME("epoch"),
	[ATTEMPT] = NAME("attempt"),	 [CONTEXT] = NAME("context"),
	[PAYLOAD] = NAME("payload"),
};

struct reader {
	struct weir_text found[FIELD_COUNT]; /* as encoded; absent: it is not there, or null */
	unsigned likely;		     /* the field that comes next in our own messages */
	msgpack_zone *zone;
	struct weir_error *err;
};

/* Tries the names from `likely` on and around: in our own messages the first one fits. */
static enum field field_of(struct weir_text key, unsigned likely)
{
	for (unsigned i = 0; i < FIELD_COUNT; i++) {
		unsigned field = (likely + i) % FIELD_COUNT;

		if (key.size == names[field].size &&
		    memcmp(key.data, names[field].text, key.size) == 0)
			return (enum field)field;
	}
	return FIELD_COUNT;
}

/* Of a field that stands twice the last one counts. */
static void find_field(void *owner, struct weir_text key, struct weir_text value)
{
	const struct weir_text absent = {NULL, 0};
	struct reader *r = owner;
	enum field field = field_of(key, r->likely);

	if (field == FIELD_COUNT)
		return;
	r->found[field] = *value.data == NIL ? absent : value;
	r->likely = field + 1;
}

static int missing(const struct reader *r, enum field field)
{
	return weir_fail(r->err, "missing_field", "%s is missing", names[field].text);
}

static int bad(const struct reader *r, enum field field, const char *rule)
{
	return weir_fail(r->err, "bad_field", "%s must be %s", names[field].text, rule);
}

static bool is_there(const struct reader *r, enum field field)
{
	return r->found[field].data != NULL;
}

static int read_text(const struct reader *r, enum field field, bool (*fits)(struct weir_text),
		     const char *rule, struct weir_text *out)
{
	if (!is_there(r, field))
		return missing(r, field);
	return message_text(r->found[field], out) && fits(*out) ? 0 : bad(r, field, rule);
}

static int read_number(const struct reader *r, enum field field, uint32_t least, uint32_t most,
		       uint32_t *out)
{
	uint64_t value;

	if (!is_there(r, field))
		return missing(r, field);
	if (!message_natural(r->found[field], &value) || value < least || value > most)
		return weir_fail(r->err, "bad_field",
				 "%s must be an integer from %" PRIu32 " to %" PRIu32,
				 names[field].text, least, most);
	*out = (uint32_t)value;
	return 0;
}

/* Decodes a map that has passed the scan; NULL: memory is short. */
static const struct weir_map *decode(msgpack_zone *zone, struct weir_text map)
{
	msgpack_object *out = msgpack_zone_malloc(zone, sizeof(*out));
	size_t off = 0;

	if (out == NULL ||
	    msgpack_unpack(map.data, map.size, &off, zone, out) != MSGPACK_UNPACK_SUCCESS)
		return NULL;
	return as_map(out);
}

static int read_map(const struct reader *r, enum field field, const struct weir_map **out)
{
	if (!is_there(r, field))
		return missing(r, field);
	if (!message_is_map(*r->found[field].data))
		return bad(r, field, "a map");
	*out = decode(r->zone, r->found[field]);
	return *out != NULL ? 0 : weir_fail_memory(r->err);
}

/* Before all others: what they mean depends on it. */
static int read_version(const struct reader *r)
{
	uint64_t v;

	if (!is_there(r, VERSION))
		return missing(r, VERSION);
	if (!message_natural(r->found[VERSION], &v) || v == 0)
		return bad(r, VERSION, "an integer from 1");
	if (v > MESSAGE_VERSION)
		return weir_fail(r->err, "bad_version",
				 "version %" PRIu64 ", the latest known is %d", v, MESSAGE_VERSION);
	return 0;
}

static bool any_text(struct weir_text text)
{
	(void)text;
	return true;
}

/* Of a row of the ledger; both or neither. */
static int read_mapping(const struct reader *r, struct weir_item *item)
{
	item->table_name = item->record_id = (struct weir_text){.data = NULL};
	if (!is_there(r, TABLE_NAME) && !is_there(r, RECORD_ID))
		return 0;
	if (!is_there(r, TABLE_NAME))
		return missing(r, TABLE_NAME);
	if (!is_there(r, RECORD_ID))
		return missing(r, RECORD_ID);
	if (read_text(r, TABLE_NAME, any_text, "a text", &item->table_name) < 0)
		return -1;
	return read_text(r, RECORD_ID, any_text, "a text", &item->record_id);
}

#define NAME_RULE "1 to 64 characters of A-Z a-z 0-9 _ -"
#define BATCH_ID_RULE "1 to 96 characters of A-Z a-z 0-9 _ -"
#define KIND_RULE "a letter of a-z, then up to 31 characters of a-z 0-9 _"

static int read_item(const struct reader *r, struct weir_item *item)
{
	if (read_text(r, JOB_ID, message_name_ok, NAME_RULE, &item->job_id) < 0 ||
	    read_text(r, BATCH_ID, batch_id_ok, BATCH_ID_RULE, &item->batch_id) < 0 ||
	    read_number(r, STAGE, 1, MESSAGE_STAGE_MAX, &item->stage) < 0 ||
	    read_number(r, ORDINAL, 0, INT32_MAX, &item->ordinal) < 0 ||
	    read_text(r, CUSTOM_ID, message_name_ok, NAME_RULE, &item->custom_id) < 0 ||
	    read_number(r, EPOCH, 0, INT32_MAX, &item->epoch) < 0 ||
	    read_number(r, ATTEMPT, 0, INT32_MAX, &item->attempt) < 0 ||
	    read_mapping(r, item) < 0 || read_map(r, CONTEXT, &item->context) < 0)
		return -1;
	return read_map(r, PAYLOAD, &item->payload);
}

static int read_message(const struct reader *r, struct message *m)
{
	if (read_version(r) < 0 || read_text(r, KIND, kind_ok, KIND_RULE, &m->kind) < 0)
		return -1;
	return read_item(r, &m->item);
}

/* ---- decoding ---- */

/* Scans the body. The zone is made as large as the values are by that, and `more`: one allocation
 * for each message, and no more memory than it needs while it waits. */
static int make_zone(struct message *m, struct weir_text body, unsigned depth_max,
		     const struct message_pairs *pairs, size_t more, struct weir_error *err)
{
	size_t values_size;

	if (message_measure(body, depth_max, pairs, &values_size, err) < 0)
		return -1;
	if (!message_is_map(*body.data))
		return weir_fail(err, "bad_type", "byte 0: not a map");
	m->decoded = msgpack_zone_init(&m->zone, more + values_size);
	return m->decoded ? 0 : weir_fail_memory(err);
}

/* *body becomes MessagePack, as which it belongs to the message. */
static int transcode(struct message *m, struct weir_text *body, unsigned depth_max,
		     struct weir_error *err)
{
	if (message_transcode(&m->transcoded, body->data, body->size, depth_max, err) < 0)
		return -1;
	*body = (struct weir_text){m->transcoded.data, m->transcoded.size};
	return 0;
}

/* Without the parameters, which some clients add ("; charset=utf-8"). */
static bool type_is(struct weir_text content_type, const char *type)
{
	size_t size = strlen(type);

	if (content_type.size < size || strncasecmp(content_type.data, type, size) != 0)
		return false;
	return content_type.size == size || content_type.data[size] == ';' ||
	       content_type.data[size] == ' ';
}

static int transcode_typed(struct message *m, struct weir_text *body, struct weir_text content_type,
			   struct weir_error *err)
{
	if (content_type.size == 0 || type_is(content_type, MESSAGE_TYPE_MSGPACK))
		return 0;
	if (type_is(content_type, MESSAGE_TYPE_JSON))
		return transcode(m, body, MESSAGE_DEPTH_MAX, err);
	return weir_fail(err, "bad_content_type", "\"%.*s\" is not one of %s, %s",
			 content_type.size > 64 ? 64 : (int)content_type.size, content_type.data,
			 MESSAGE_TYPE_MSGPACK, MESSAGE_TYPE_JSON);
}

/* Of the outermost map nothing is kept but what its fields say: thousands of messages wait. */
int message_decode(struct message *m, const char *body, size_t size, struct weir_text content_type,
		   struct weir_error *err)
{
	struct message made = {.decoded = false};
	struct reader r = {.zone = &made.zone, .err = err};
	const struct message_pairs pairs = {find_field, &r};
	struct weir_text text = {body, size};

	if (transcode_typed(&made, &text, content_type, err) < 0 ||
	    make_zone(&made, text, MESSAGE_DEPTH_MAX, &pairs, 2 * sizeof(msgpack_object), err) <
		    0 ||
	    read_message(&r, &made) < 0) {
		message_release(&made);
		return -1;
	}
	*m = made;
	return 0;
}

static int decode_map(struct message *m, struct weir_text body, const struct weir_map **out,
		      struct weir_error *err)
{
	bool json = body.size > 0 && (unsigned char)*body.data < 0x80;

	/* No MessagePack map begins with a byte of ASCII, and all JSON does. */
	if (json && transcode(m, &body, MESSAGE_PART_DEPTH_MAX, err) < 0)
		return -1;
	if (make_zone(m, body, MESSAGE_PART_DEPTH_MAX, NULL, sizeof(msgpack_object), err) < 0)
		return -1;
	*out = decode(&m->zone, body);
	return *out != NULL ? 0 : weir_fail_memory(err);
}

int message_decode_map(struct message *m, const char *body, size_t size,
		       const struct weir_map **out, struct weir_error *err)
{
	struct message made = {.decoded = false};

	if (decode_map(&made, (struct weir_text){body, size}, out, err) < 0) {
		message_release(&made);
		return -1;
	}
	*m = made;
	return 0;
}

void message_release(struct message *m)
{
	if (m->decoded)
		msgpack_zone_destroy(&m->zone);
	m->decoded = false;
	buffer_release(&m->transcoded);
}

/* ---- encoding ---- */

static int write_buffer(void *buffer, const char *bytes, size_t n)
{
	buffer_add(buffer, bytes, n);
	return 0;
}

static void put_name(msgpack_packer *to, enum field field)
{
	msgpack_pack_str(to, names[field].size);
	msgpack_pack_str_body(to, names[field].text, names[field].size);
}

static void put_text(msgpack_packer *to, enum field field, struct weir_text text)
{
	put_name(to, field);
	msgpack_pack_str(to, text.size);
	msgpack_pack_str_body(to, text.data, text.size);
}

static void put_number(msgpack_packer *to, enum field field, uint32_t value)
{
	put_name(to, field);
	msgpack_pack_uint32(to, value);
}

/* The map is encoded already. */
static void put_map(msgpack_packer *to, enum field field, struct weir_text map)
{
	put_name(to, field);
	if (map.size == 0)
		msgpack_pack_map(to, 0);
	else
		write_buffer(to->data, map.data, map.size);
}

void message_encode(struct buffer *out, const struct message_fields *fields)
{
	bool mapped = fields->table_name.data != NULL;
	msgpack_packer to;

	msgpack_packer_init(&to, out, write_buffer);
	msgpack_pack_map(&to, mapped ? FIELD_COUNT : FIELD_COUNT - 2);
	put_number(&to, VERSION, MESSAGE_VERSION);
	put_text(&to, KIND, fields->kind);
	put_text(&to, JOB_ID, fields->job_id);
	put_text(&to, BATCH_ID, fields->batch_id);
	put_number(&to, STAGE, fields->stage);
	put_number(&to, ORDINAL, fields->ordinal);
	put_text(&to, CUSTOM_ID, fields->custom_id);
	if (mapped) {
		put_text(&to, TABLE_NAME, fields->table_name);
		put_text(&to, RECORD_ID, fields->record_id);
	}
	put_number(&to, EPOCH, fields->epoch);
	put_number(&to, ATTEMPT, fields->attempt);
	put_map(&to, CONTEXT, fields->context);
	put_map(&to, PAYLOAD, fields->payload);
}
