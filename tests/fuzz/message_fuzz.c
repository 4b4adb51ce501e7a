/* message_fuzz.c: random bytes as a message. The first byte chooses the content type (its lowest
 * bit: 0 MessagePack, 1 JSON), the rest is the body. What decodes must keep the promises of
 * message.h, and must decode to the same after it has been encoded again.
 *
 *   clang -std=c17 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined \
 *         -fno-sanitize-recover=undefined -Ishared/include tests/fuzz/message_fuzz.c \
 *         shared/message.c shared/message_scan.c shared/message_json.c shared/buffer.c \
 *         shared/error.c shared/utf8.c -lmsgpackc -ljansson -lm -o message_fuzz
 *   mkdir -p found && ./message_fuzz -max_len=4096 found tests/fuzz/corpus/message
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "weir/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct weir_text msgpack_type = {MESSAGE_TYPE_MSGPACK,
					      sizeof(MESSAGE_TYPE_MSGPACK) - 1};
static const struct weir_text json_type = {MESSAGE_TYPE_JSON, sizeof(MESSAGE_TYPE_JSON) - 1};

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* The bytes that a message's texts may lie in. */
static struct weir_text bytes_behind(const struct message *m, struct weir_text body)
{
	if (m->transcoded.size == 0)
		return body;
	return (struct weir_text){m->transcoded.data, m->transcoded.size};
}

static void check_text(struct weir_text text, struct weir_text within)
{
	if (text.size == 0)
		return;
	require(text.data >= within.data && text.size <= within.size);
	require((size_t)(text.data - within.data) <= within.size - text.size);
}

static const msgpack_object *object_of(const struct weir_map *map)
{
	return (const msgpack_object *)(const void *)map;
}

/* Asks for the key as each of the types; at most one of text and integer can be right. */
static void check_readers(const struct weir_map *map, const char *key, struct weir_text within)
{
	struct weir_text text;
	int64_t integer;
	double real;
	bool is_text = map_text(map, key, &text) == 0;
	bool is_integer = map_integer(map, key, &integer) == 0;
	bool is_real = map_real(map, key, &real) == 0;

	if (is_text) {
		require(text.data != NULL);
		check_text(text, within);
	}
	require(!(is_text && (is_integer || is_real)));
	require(!is_integer || is_real);
	require(!is_real || (real - real == 0));
}

static void check_value(const msgpack_object *value, struct weir_text within, unsigned depth);

static void check_map(const msgpack_object *map, struct weir_text within, unsigned depth)
{
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		const msgpack_object_kv *entry = &map->via.map.ptr[i];
		const msgpack_object_str *text = &entry->key.via.str;
		char *key;

		require(entry->key.type == MSGPACK_OBJECT_STR);
		check_value(&entry->key, within, depth);
		check_value(&entry->val, within, depth);
		if (i >= 64)
			continue; /* a reader walks the map each time */
		key = text->size > 0 ? strndup(text->ptr, text->size) : strdup("");
		check_readers((const struct weir_map *)(const void *)map, key, within);
		free(key);
	}
}

static void check_value(const msgpack_object *value, struct weir_text within, unsigned depth)
{
	require(value->type != MSGPACK_OBJECT_EXT);
	require(depth <= MESSAGE_DEPTH_MAX);
	if (value->type == MSGPACK_OBJECT_STR)
		check_text((struct weir_text){value->via.str.ptr, value->via.str.size}, within);
	if (value->type == MSGPACK_OBJECT_BIN)
		check_text((struct weir_text){value->via.bin.ptr, value->via.bin.size}, within);
	if (value->type == MSGPACK_OBJECT_MAP)
		check_map(value, within, depth + 1);
	if (value->type == MSGPACK_OBJECT_ARRAY)
		for (uint32_t i = 0; i < value->via.array.size; i++)
			check_value(&value->via.array.ptr[i], within, depth + 1);
}

static void check_message(const struct message *m, struct weir_text within)
{
	const struct weir_item *item = &m->item;

	check_text(m->kind, within);
	check_text(item->job_id, within);
	check_text(item->batch_id, within);
	check_text(item->custom_id, within);
	require(m->kind.size >= 1 && m->kind.size <= MESSAGE_KIND_MAX);
	require(message_name_ok(item->job_id) && message_name_ok(item->custom_id));
	require(item->batch_id.size >= 1 && item->batch_id.size <= MESSAGE_BATCH_ID_MAX);
	require(item->stage >= 1 && item->stage <= MESSAGE_STAGE_MAX);
	require(item->ordinal <= INT32_MAX && item->epoch <= INT32_MAX);
	require(item->attempt <= INT32_MAX);
	check_value(object_of(item->context), within, 1);
	check_value(object_of(item->payload), within, 1);
}

static bool same(struct weir_text a, struct weir_text b)
{
	return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static void require_same(const struct message *a, const struct message *b)
{
	require(same(a->kind, b->kind) && same(a->item.job_id, b->item.job_id));
	require(same(a->item.batch_id, b->item.batch_id));
	require(same(a->item.custom_id, b->item.custom_id));
	require(a->item.stage == b->item.stage && a->item.ordinal == b->item.ordinal);
	require(a->item.epoch == b->item.epoch && a->item.attempt == b->item.attempt);
}

static void pack_map(msgpack_sbuffer *out, const struct weir_map *map)
{
	msgpack_packer to;

	msgpack_sbuffer_init(out);
	msgpack_packer_init(&to, out, msgpack_sbuffer_write);
	msgpack_pack_object(&to, *object_of(map));
}

static void check_round_trip(const struct message *m)
{
	msgpack_sbuffer context, payload;
	struct buffer first = BUFFER_INIT, second = BUFFER_INIT;
	struct message_fields fields = {
		.kind = m->kind,
		.job_id = m->item.job_id,
		.batch_id = m->item.batch_id,
		.custom_id = m->item.custom_id,
		.stage = m->item.stage,
		.ordinal = m->item.ordinal,
		.epoch = m->item.epoch,
		.attempt = m->item.attempt,
	};
	struct message again;

	pack_map(&context, m->item.context);
	pack_map(&payload, m->item.payload);
	fields.context = (struct weir_text){context.data, context.size};
	fields.payload = (struct weir_text){payload.data, payload.size};
	message_encode(&first, &fields);
	require(message_decode(&again, first.data, first.size, msgpack_type, NULL) == 0);
	require_same(m, &again);
	message_encode(&second, &fields);
	require(same((struct weir_text){first.data, first.size},
		     (struct weir_text){second.data, second.size}));
	message_release(&again);
	buffer_release(&first);
	buffer_release(&second);
	msgpack_sbuffer_destroy(&context);
	msgpack_sbuffer_destroy(&payload);
}

static void try_message(struct weir_text body, struct weir_text type)
{
	struct weir_error err = {.code = ""};
	struct message m;

	if (message_decode(&m, body.data, body.size, type, &err) < 0) {
		require(err.code[0] != '\0' && err.text[0] != '\0');
		/* Nothing runs short here: it would be a count that was believed. */
		require(strcmp(err.code, "out_of_memory") != 0);
		return;
	}
	check_message(&m, bytes_behind(&m, body));
	check_round_trip(&m);
	message_release(&m);
}

static void try_map(struct weir_text body)
{
	struct weir_error err = {.code = ""};
	const struct weir_map *map;
	struct message m;

	if (message_decode_map(&m, body.data, body.size, &map, &err) < 0) {
		require(strcmp(err.code, "out_of_memory") != 0);
		return;
	}
	check_value(object_of(map), bytes_behind(&m, body), 0);
	message_release(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_text body;

	if (size == 0)
		return 0;
	body = (struct weir_text){(const char *)data + 1, size - 1};
	try_message(body, data[0] & 1 ? json_type : msgpack_type);
	try_map(body);
	return 0;
}
