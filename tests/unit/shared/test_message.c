#include <CUnit/CUnit.h>
#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing_malloc.h"
#include "weir/message.h"

void add_message_suite(void);

#define GOLDEN WEIR_SOURCE_DIR "/schemas/golden/"

static const struct weir_text msgpack_type = {MESSAGE_TYPE_MSGPACK,
					      sizeof(MESSAGE_TYPE_MSGPACK) - 1};
static const struct weir_text json_type = {MESSAGE_TYPE_JSON, sizeof(MESSAGE_TYPE_JSON) - 1};

/* ---- help ---- */

static struct weir_text text(const char *words) { return (struct weir_text){words, strlen(words)}; }

static bool same(struct weir_text a, const char *b)
{
	return a.size == strlen(b) && memcmp(a.data, b, a.size) == 0;
}

static struct weir_text bytes_of(const struct buffer *b)
{
	return (struct weir_text){b->data, b->size};
}

/* The caller frees. Exactly as large as the file, so that a sanitizer sees a read beyond it. */
static struct weir_text load(const char *path)
{
	FILE *file = fopen(path, "rb");
	static char bytes[1 << 16];
	struct weir_text out = {NULL, 0};
	char *copy;

	if (file == NULL) {
		CU_FAIL_FATAL("a golden file is missing");
		return out;
	}
	out.size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	copy = malloc(out.size);
	if (copy != NULL)
		memcpy(copy, bytes, out.size);
	out.data = copy;
	return out;
}

static struct weir_text load_golden(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), GOLDEN "%s", name);
	return load(path);
}

static void unload(struct weir_text file) { free((char *)(uintptr_t)file.data); }

static struct weir_text type_of_file(const char *name)
{
	return strstr(name, ".json") != NULL ? json_type : msgpack_type;
}

/* Decodes a copy that is exactly as large as the body. The error's code, "" when there is none. */
static const char *decode_code(struct weir_text body, struct weir_text type)
{
	static struct weir_error err;
	struct message m;
	char *copy = malloc(body.size);

	memset(&err, 0, sizeof(err));
	if (body.size > 0)
		memcpy(copy, body.data, body.size);
	if (message_decode(&m, copy, body.size, type, &err) == 0)
		message_release(&m);
	else
		CU_ASSERT(err.code[0] != '\0' && err.text[0] != '\0');
	free(copy);
	return err.code;
}

static void decode_golden(const char *name, struct weir_text *file, struct message *m)
{
	struct weir_error err = {.text = ""};

	*file = load_golden(name);
	if (message_decode(m, file->data, file->size, type_of_file(name), &err) < 0) {
		fprintf(stderr, "%s: %s\n", name, err.text);
		CU_FAIL_FATAL("a golden message was refused");
	}
}

/* The fields of a decoded message, with its maps encoded again into *context and *payload. */
static struct message_fields fields_of(const struct message *m, msgpack_sbuffer *context,
				       msgpack_sbuffer *payload)
{
	const struct weir_item *item = &m->item;
	msgpack_packer to;

	msgpack_sbuffer_init(context);
	msgpack_packer_init(&to, context, msgpack_sbuffer_write);
	msgpack_pack_object(&to, *(const msgpack_object *)(const void *)item->context);
	msgpack_sbuffer_init(payload);
	msgpack_packer_init(&to, payload, msgpack_sbuffer_write);
	msgpack_pack_object(&to, *(const msgpack_object *)(const void *)item->payload);
	return (struct message_fields){
		.kind = m->kind,
		.job_id = item->job_id,
		.batch_id = item->batch_id,
		.custom_id = item->custom_id,
		.stage = item->stage,
		.ordinal = item->ordinal,
		.epoch = item->epoch,
		.attempt = item->attempt,
		.context = {context->data, context->size},
		.payload = {payload->data, payload->size},
	};
}

static void encode_again(const struct message *m, struct buffer *out)
{
	msgpack_sbuffer context, payload;
	struct message_fields fields = fields_of(m, &context, &payload);

	message_encode(out, &fields);
	msgpack_sbuffer_destroy(&context);
	msgpack_sbuffer_destroy(&payload);
}

/* A message whose payload is given as MessagePack. */
static void encode_with(struct buffer *out, struct weir_text payload)
{
	struct message_fields fields = {
		.kind = text("sentiment"),
		.job_id = text("job"),
		.batch_id = text("job-s1-b1"),
		.custom_id = text("item"),
		.stage = 1,
		.payload = payload,
	};

	message_encode(out, &fields);
}

/* ---- golden messages ---- */

static void check_plain(const struct message *m)
{
	struct weir_text title;
	double score;

	CU_ASSERT(same(m->kind, "sentiment"));
	CU_ASSERT(same(m->item.job_id, "job_2024-06"));
	CU_ASSERT(same(m->item.batch_id, "job_2024-06-s1-b1"));
	CU_ASSERT(same(m->item.custom_id, "news_id_42"));
	CU_ASSERT_EQUAL(m->item.stage, 1);
	CU_ASSERT_EQUAL(m->item.ordinal, 42);
	CU_ASSERT_EQUAL(m->item.epoch, 0);
	CU_ASSERT_EQUAL(m->item.attempt, 0);
	CU_ASSERT_EQUAL_FATAL(map_text(m->item.payload, "title", &title), 0);
	CU_ASSERT(same(title, "Harbour reopens after storm"));
	CU_ASSERT(map_real(m->item.payload, "score", &score) == 0 && score == 0.5);
	CU_ASSERT(map_text(m->item.context, "ai_model", &title) == 0 && same(title, "local"));
}

static void decodes_plain(void)
{
	static const char *const files[] = {"plain.msgpack", "plain.json", "wide.msgpack"};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct weir_text file;
		struct message m;

		decode_golden(files[i], &file, &m);
		check_plain(&m);
		message_release(&m);
		unload(file);
	}
}

static void decodes_integers(void)
{
	struct weir_text file;
	struct message m;
	int64_t n;

	decode_golden("integers.msgpack", &file, &m);
	CU_ASSERT_EQUAL(m.item.stage, 1000);
	CU_ASSERT_EQUAL(m.item.ordinal, INT32_MAX);
	CU_ASSERT_EQUAL(m.item.epoch, 200);
	CU_ASSERT_EQUAL(m.item.attempt, 40000);
	CU_ASSERT_EQUAL(m.kind.size, MESSAGE_KIND_MAX);
	CU_ASSERT_EQUAL(m.item.job_id.size, MESSAGE_NAME_MAX);
	CU_ASSERT_EQUAL(m.item.batch_id.size, MESSAGE_BATCH_ID_MAX);
	CU_ASSERT(map_integer(m.item.payload, "p9223372036854775807", &n) == 0 && n == INT64_MAX);
	CU_ASSERT(map_integer(m.item.payload, "m9223372036854775808", &n) == 0 && n == INT64_MIN);
	CU_ASSERT(map_integer(m.item.payload, "p255", &n) == 0 && n == 255);
	CU_ASSERT(map_integer(m.item.payload, "m33", &n) == 0 && n == -33);
	message_release(&m);
	unload(file);
}

static void decodes_unicode(void)
{
	static const char controls[] = "tab\tline\nquote\"backslash\\nul\0end";
	struct weir_text file, found;
	struct message m;

	decode_golden("unicode.json", &file, &m);
	CU_ASSERT_EQUAL_FATAL(map_text(m.item.payload, "controls", &found), 0);
	CU_ASSERT_EQUAL(found.size, sizeof(controls) - 1);
	CU_ASSERT(memcmp(found.data, controls, found.size) == 0);
	CU_ASSERT(map_text(m.item.payload, "empty", &found) == 0 && found.size == 0);
	CU_ASSERT_PTR_NOT_NULL(found.data);
	message_release(&m);
	unload(file);
}

/* JSON becomes, byte by byte, the MessagePack it stands for, and so does what is encoded again. */
static void gives_golden_bytes(void)
{
	static const char *const names[] = {"plain", "unicode", "integers"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char msgpack_name[64], json_name[64];
		struct weir_text file, json;
		struct message m, of_json;
		struct buffer out = BUFFER_INIT;

		snprintf(msgpack_name, sizeof(msgpack_name), "%s.msgpack", names[i]);
		snprintf(json_name, sizeof(json_name), "%s.json", names[i]);
		decode_golden(msgpack_name, &file, &m);
		decode_golden(json_name, &json, &of_json);
		CU_ASSERT_EQUAL_FATAL(of_json.transcoded.size, file.size);
		CU_ASSERT(memcmp(of_json.transcoded.data, file.data, file.size) == 0);
		encode_again(&m, &out);
		CU_ASSERT_EQUAL_FATAL(out.size, file.size);
		CU_ASSERT(memcmp(out.data, file.data, file.size) == 0);
		buffer_reset(&out);
		encode_again(&of_json, &out);
		CU_ASSERT_EQUAL_FATAL(out.size, file.size);
		CU_ASSERT(memcmp(out.data, file.data, file.size) == 0);
		buffer_release(&out);
		message_release(&m);
		message_release(&of_json);
		unload(file);
		unload(json);
	}
}

/* From constants, so that decoding has no part in it. */
static void encodes_plain(void)
{
	struct weir_text file = load_golden("plain.msgpack");
	struct buffer context = BUFFER_INIT, payload = BUFFER_INIT, out = BUFFER_INIT;
	struct message_fields fields = {
		.kind = text("sentiment"),
		.job_id = text("job_2024-06"),
		.batch_id = text("job_2024-06-s1-b1"),
		.custom_id = text("news_id_42"),
		.stage = 1,
		.ordinal = 42,
	};
	static const char context_json[] =
		"{\"model_key\":\"general\",\"ai_model\":\"local\",\"custom_instructions\":"
		"\"Judge the tone towards the company, not towards the market.\"}";
	static const char payload_json[] =
		"{\"title\":\"Harbour reopens after storm\",\"body\":\"The harbour reopened on "
		"Monday. Fishermen were relieved, although repairs will take until autumn.\","
		"\"language\":\"en\",\"words\":15,\"score\":0.5}";

	CU_ASSERT_EQUAL(message_from_json(&context, context_json, strlen(context_json), NULL), 0);
	CU_ASSERT_EQUAL(message_from_json(&payload, payload_json, strlen(payload_json), NULL), 0);
	fields.context = bytes_of(&context);
	fields.payload = bytes_of(&payload);
	message_encode(&out, &fields);
	CU_ASSERT_EQUAL_FATAL(out.size, file.size);
	CU_ASSERT(memcmp(out.data, file.data, file.size) == 0);
	buffer_release(&context);
	buffer_release(&payload);
	buffer_release(&out);
	unload(file);
}

static void encodes_absent_maps_as_empty(void)
{
	struct buffer out = BUFFER_INIT;
	struct message m;
	int64_t n;

	encode_with(&out, (struct weir_text){NULL, 0});
	CU_ASSERT_EQUAL_FATAL(message_decode(&m, out.data, out.size, msgpack_type, NULL), 0);
	CU_ASSERT_EQUAL(map_integer(m.item.payload, "n", &n), -1);
	message_release(&m);
	buffer_release(&out);
}

/* Where an item came from travels with it; a message may leave it out, but not half of it. */
static void encodes_the_row(void)
{
	struct message_fields fields = {.kind = text("sentiment"),
					.job_id = text("job"),
					.batch_id = text("job-s1-b1"),
					.custom_id = text("item"),
					.table_name = text("news_articles"),
					.record_id = text(""),
					.stage = 1};
	struct buffer out = BUFFER_INIT;
	struct message m;

	message_encode(&out, &fields);
	CU_ASSERT_EQUAL_FATAL(message_decode(&m, out.data, out.size, msgpack_type, NULL), 0);
	CU_ASSERT(same(m.item.table_name, "news_articles"));
	CU_ASSERT(m.item.record_id.data != NULL && m.item.record_id.size == 0);
	message_release(&m);
	buffer_reset(&out);
	encode_with(&out, (struct weir_text){NULL, 0});
	CU_ASSERT_EQUAL_FATAL(message_decode(&m, out.data, out.size, msgpack_type, NULL), 0);
	CU_ASSERT_PTR_NULL(m.item.table_name.data);
	CU_ASSERT_PTR_NULL(m.item.record_id.data);
	message_release(&m);
	buffer_release(&out);
}

#define OF_ROW(ROW)                                                                                \
	"{\"v\":1,\"kind\":\"k\",\"job_id\":\"j\",\"batch_id\":\"b\",\"stage\":1,"                 \
	"\"ordinal\":0,\"custom_id\":\"i\",\"epoch\":0,\"attempt\":0,\"context\":{},\"payload\":{" \
	"}," ROW "}"

static void refuses_half_a_row(void)
{
	static const char *const rows[][2] = {
		{OF_ROW("\"table_name\":\"t\""), "missing_field"},
		{OF_ROW("\"record_id\":\"1\",\"table_name\":null"), "missing_field"},
		{OF_ROW("\"table_name\":\"t\",\"record_id\":1"), "bad_field"},
		{OF_ROW("\"table_name\":[],\"record_id\":\"1\""), "bad_field"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct weir_error why;
		struct message m;

		CU_ASSERT_EQUAL(message_decode(&m, rows[i][0], strlen(rows[i][0]),
					       text("application/json"), &why),
				-1);
		CU_ASSERT_STRING_EQUAL(why.code, rows[i][1]);
	}
}

static void takes_the_last_of_duplicates(void)
{
	static const char *const files[] = {"duplicates.msgpack", "duplicates.json"};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct weir_text file;
		struct message m;
		int64_t n = 0;

		decode_golden(files[i], &file, &m);
		CU_ASSERT_EQUAL(m.item.stage, 3);
		CU_ASSERT(same(m.item.custom_id, "news_id_42"));
		CU_ASSERT(map_integer(m.item.payload, "n", &n) == 0 && n == 3);
		message_release(&m);
		unload(file);
	}
}

/* ---- what is refused ---- */

static const struct bad_file {
	const char *name, *code;
} bad_files[] = {
	{"empty.msgpack", "truncated"},
	{"truncated.msgpack", "truncated"},
	{"truncated_last_byte.msgpack", "truncated"},
	{"truncated_count.msgpack", "truncated"},
	{"huge_array.msgpack", "truncated"},
	{"huge_map.msgpack", "truncated"},
	{"huge_string.msgpack", "truncated"},
	{"huge_bytes.msgpack", "truncated"},
	{"deep.msgpack", "too_deep"},
	{"deep_maps.msgpack", "too_deep"},
	{"deep_payload.msgpack", "too_deep"},
	{"array.msgpack", "bad_type"},
	{"integer.msgpack", "bad_type"},
	{"ext.msgpack", "bad_type"},
	{"ext_empty.msgpack", "bad_type"},
	{"timestamp.msgpack", "bad_type"},
	{"reserved_type.msgpack", "bad_type"},
	{"integer_key.msgpack", "bad_type"},
	{"null_key.msgpack", "bad_type"},
	{"map_key.msgpack", "bad_type"},
	{"bytes_key.msgpack", "bad_type"},
	{"utf8_overlong2.msgpack", "bad_utf8"},
	{"utf8_overlong3.msgpack", "bad_utf8"},
	{"utf8_overlong4.msgpack", "bad_utf8"},
	{"utf8_surrogate.msgpack", "bad_utf8"},
	{"utf8_too_large.msgpack", "bad_utf8"},
	{"utf8_cut.msgpack", "bad_utf8"},
	{"utf8_third.msgpack", "bad_utf8"},
	{"utf8_fourth.msgpack", "bad_utf8"},
	{"utf8_lone.msgpack", "bad_utf8"},
	{"utf8_latin1.msgpack", "bad_utf8"},
	{"utf8_key.msgpack", "bad_utf8"},
	{"trailing_byte.msgpack", "trailing_bytes"},
	{"two_messages.msgpack", "trailing_bytes"},
	{"version_2.msgpack", "bad_version"},
	{"version_huge.msgpack", "bad_version"},
	{"version_2_other_fields.msgpack", "bad_version"},
	{"version_0.msgpack", "bad_field"},
	{"version_text.msgpack", "bad_field"},
	{"empty_map.msgpack", "missing_field"},
	{"missing_v.msgpack", "missing_field"},
	{"missing_kind.msgpack", "missing_field"},
	{"missing_job_id.msgpack", "missing_field"},
	{"missing_batch_id.msgpack", "missing_field"},
	{"missing_stage.msgpack", "missing_field"},
	{"missing_ordinal.msgpack", "missing_field"},
	{"missing_custom_id.msgpack", "missing_field"},
	{"missing_epoch.msgpack", "missing_field"},
	{"missing_attempt.msgpack", "missing_field"},
	{"missing_context.msgpack", "missing_field"},
	{"missing_payload.msgpack", "missing_field"},
	{"null_custom_id.msgpack", "missing_field"},
	{"null_last.msgpack", "missing_field"},
	{"kind_empty.msgpack", "bad_field"},
	{"kind_capital.msgpack", "bad_field"},
	{"kind_digit_first.msgpack", "bad_field"},
	{"kind_long.msgpack", "bad_field"},
	{"kind_dot.msgpack", "bad_field"},
	{"job_id_nul.msgpack", "bad_field"},
	{"job_id_space.msgpack", "bad_field"},
	{"job_id_number.msgpack", "bad_field"},
	{"custom_id_empty.msgpack", "bad_field"},
	{"custom_id_long.msgpack", "bad_field"},
	{"custom_id_umlaut.msgpack", "bad_field"},
	{"custom_id_newline.msgpack", "bad_field"},
	{"batch_id_long.msgpack", "bad_field"},
	{"batch_id_slash.msgpack", "bad_field"},
	{"stage_0.msgpack", "bad_field"},
	{"stage_1001.msgpack", "bad_field"},
	{"ordinal_negative.msgpack", "bad_field"},
	{"ordinal_large.msgpack", "bad_field"},
	{"ordinal_huge.msgpack", "bad_field"},
	{"epoch_real.msgpack", "bad_field"},
	{"epoch_true.msgpack", "bad_field"},
	{"attempt_text.msgpack", "bad_field"},
	{"attempt_lowest.msgpack", "bad_field"},
	{"context_array.msgpack", "bad_field"},
	{"context_text.msgpack", "bad_field"},
	{"payload_number.msgpack", "bad_field"},
	{"duplicate_last_is_bad.msgpack", "bad_field"},
	{"bytes_job_id.msgpack", "bad_field"},
	{"empty.json", "bad_json"},
	{"spaces.json", "bad_json"},
	{"truncated.json", "bad_json"},
	{"truncated_last_byte.json", "bad_json"},
	{"deep.json", "too_deep"},
	{"deep_maps.json", "too_deep"},
	{"deep_payload.json", "too_deep"},
	{"array.json", "bad_json"},
	{"number.json", "bad_json"},
	{"closing_only.json", "bad_json"},
	{"trailing_byte.json", "bad_json"},
	{"two_messages.json", "bad_json"},
	{"utf8_latin1.json", "bad_json"},
	{"utf8_surrogate.json", "bad_json"},
	{"utf8_overlong.json", "bad_json"},
	{"lone_surrogate.json", "bad_json"},
	{"nul_in_key.json", "bad_json"},
	{"nul_byte.json", "bad_json"},
	{"newline_in_string.json", "bad_json"},
	{"integer_large.json", "bad_json"},
	{"integer_low.json", "bad_json"},
	{"real_large.json", "bad_json"},
	{"nan.json", "bad_json"},
	{"leading_zero.json", "bad_json"},
	{"comment.json", "bad_json"},
	{"trailing_comma.json", "bad_json"},
	{"byte_order_mark.json", "bad_json"},
	{"msgpack.json", "bad_json"},
	{"version_2.json", "bad_version"},
	{"version_real.json", "bad_field"},
	{"missing_custom_id.json", "missing_field"},
	{"null_payload.json", "missing_field"},
	{"stage_real.json", "bad_field"},
	{"custom_id_nul.json", "bad_field"},
	{"duplicate_last_is_bad.json", "bad_field"},
};

#define BAD_FILES (sizeof(bad_files) / sizeof(bad_files[0]))

static void refuses_bad_files(void)
{
	for (size_t i = 0; i < BAD_FILES; i++) {
		char name[128];
		struct weir_text file;
		const char *code;

		snprintf(name, sizeof(name), "bad/%s", bad_files[i].name);
		file = load_golden(name);
		code = decode_code(file, type_of_file(name));
		if (strcmp(code, bad_files[i].code) != 0) {
			fprintf(stderr, "%s: \"%s\"\n", name, code);
			CU_FAIL("a bad message has another error code");
		}
		unload(file);
	}
}

static void forgets_no_bad_file(void)
{
	DIR *dir = opendir(GOLDEN "bad");
	size_t count = 0;
	const struct dirent *entry;

	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while ((entry = readdir(dir)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(dir);
	CU_ASSERT_EQUAL(count, BAD_FILES);
}

static void refuses_every_beginning(void)
{
	struct weir_text packed = load_golden("unicode.msgpack");
	struct weir_text json = load_golden("unicode.json");

	for (size_t n = 0; n < packed.size; n++)
		CU_ASSERT_STRING_EQUAL(
			decode_code((struct weir_text){packed.data, n}, msgpack_type), "truncated");
	/* The last byte is a newline. */
	for (size_t n = 0; n + 1 < json.size; n++)
		CU_ASSERT_STRING_EQUAL(decode_code((struct weir_text){json.data, n}, json_type),
				       "bad_json");
	unload(packed);
	unload(json);
}

static void bears_every_changed_byte(void)
{
	struct weir_text file = load_golden("plain.msgpack");
	char *body = malloc(file.size);
	size_t decoded = 0;

	memcpy(body, file.data, file.size);
	for (size_t at = 0; at < file.size; at++) {
		for (int c = 0; c < 256; c++) {
			struct message m;

			body[at] = (char)c;
			if (message_decode(&m, body, file.size, msgpack_type, NULL) < 0)
				continue;
			decoded++;
			message_release(&m);
		}
		body[at] = file.data[at];
	}
	CU_ASSERT(decoded > file.size);
	free(body);
	unload(file);
}

static void failure_leaves_the_struct_alone(void)
{
	struct message m, before;

	memset(&m, 0x5A, sizeof(m));
	memcpy(&before, &m, sizeof(m));
	CU_ASSERT_EQUAL(message_decode(&m, "\x80", 1, msgpack_type, NULL), -1);
	CU_ASSERT_EQUAL(message_decode(&m, "{}", 2, json_type, NULL), -1);
	CU_ASSERT(memcmp(&m, &before, sizeof(m)) == 0);
}

static void errors_name_field_and_place(void)
{
	struct weir_text file = load_golden("bad/stage_1001.msgpack");
	struct weir_error err;
	struct message m;

	CU_ASSERT_EQUAL(message_decode(&m, file.data, file.size, msgpack_type, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.text, "stage must be an integer from 1 to 1000");
	unload(file);
	CU_ASSERT_EQUAL(message_scan("\x81\xA1"
				     "a\xC1",
				     4, &err),
			-1);
	CU_ASSERT(strncmp(err.text, "byte 3:", 7) == 0);
	CU_ASSERT_EQUAL(message_scan("\x81\xA3"
				     "ab\xFF\xC0",
				     6, &err),
			-1);
	CU_ASSERT(strncmp(err.text, "byte 4:", 7) == 0);
	CU_ASSERT_EQUAL(message_decode(&m, "{\"v\": x}", 8, json_type, &err), -1);
	CU_ASSERT(strncmp(err.text, "byte 7:", 7) == 0);
}

/* Names within other maps are no fields. Of the outermost map nothing is kept: the room is that of
 * its two maps, and of the keys and values in maps. */
static void keeps_nothing_of_the_outermost_map(void)
{
	static const char body[] =
		"{\"x\":{\"kind\":\"no\",\"v\":2},\"v\":1,\"kind\":\"sum\",\"job_id\":\"j\","
		"\"batch_id\":\"j-s1-b1\",\"stage\":1,\"ordinal\":0,\"custom_id\":\"a\","
		"\"epoch\":0,\"attempt\":0,\"context\":{},\"payload\":{\"job_id\":\"no\"}}";
	struct message m;

	CU_ASSERT_EQUAL_FATAL(message_decode(&m, body, sizeof(body) - 1, json_type, NULL), 0);
	CU_ASSERT(same(m.kind, "sum"));
	CU_ASSERT(same(m.item.job_id, "j"));
	CU_ASSERT_EQUAL(m.zone.chunk_size, (2 + 4 + 2) * sizeof(msgpack_object));
	message_release(&m);
}

static void chooses_by_content_type(void)
{
	struct weir_text packed = load_golden("plain.msgpack"), json = load_golden("plain.json");

	CU_ASSERT_STRING_EQUAL(decode_code(packed, (struct weir_text){NULL, 0}), "");
	CU_ASSERT_STRING_EQUAL(decode_code(packed, text("Application/MsgPack")), "");
	CU_ASSERT_STRING_EQUAL(decode_code(json, text("application/json; charset=utf-8")), "");
	CU_ASSERT_STRING_EQUAL(decode_code(json, text("application/JSON ;x")), "");
	CU_ASSERT_STRING_EQUAL(decode_code(json, text("application/jsonl")), "bad_content_type");
	CU_ASSERT_STRING_EQUAL(decode_code(json, text("application/jso")), "bad_content_type");
	CU_ASSERT_STRING_EQUAL(decode_code(json, text("text/plain")), "bad_content_type");
	CU_ASSERT_STRING_EQUAL(decode_code(packed, json_type), "bad_json");
	CU_ASSERT_STRING_EQUAL(decode_code(json, msgpack_type), "trailing_bytes");
	unload(packed);
	unload(json);
}

/* ---- bounds ---- */

/* A message of exactly `size` bytes. */
static void encode_sized(struct buffer *out, size_t size, int fill)
{
	struct buffer payload = BUFFER_INIT;
	size_t frame;
	char *to;

	buffer_add(&payload,
		   "\x81\xA1"
		   "x\xDB\0\0\0\0",
		   8);
	encode_with(out, bytes_of(&payload));
	frame = out->size;
	buffer_put_be32(&payload, 4, (uint32_t)(size - frame));
	buffer_reset(out);
	encode_with(out, bytes_of(&payload));
	to = buffer_reserve(out, size - frame);
	memset(to, fill, size - frame);
	out->size = size;
	buffer_release(&payload);
}

static void bounds_the_size(void)
{
	struct buffer b = BUFFER_INIT;

	encode_sized(&b, MESSAGE_MAX, 'a');
	CU_ASSERT_STRING_EQUAL(decode_code(bytes_of(&b), msgpack_type), "");
	buffer_reset(&b);
	encode_sized(&b, MESSAGE_MAX + 1, 'a');
	CU_ASSERT_STRING_EQUAL(decode_code(bytes_of(&b), msgpack_type), "oversized");
	CU_ASSERT_STRING_EQUAL(decode_code(bytes_of(&b), json_type), "oversized");
	buffer_release(&b);
}

/* Adds {"x": [n times 1]} */
static void add_json_array(struct buffer *b, size_t n, const char *value)
{
	buffer_add_text(b, "{\"x\":[");
	for (size_t i = 0; i < n; i++) {
		buffer_add_text(b, value);
		buffer_add_char(b, i + 1 < n ? ',' : ']');
	}
	buffer_add_char(b, '}');
}

static void bounds_the_number_of_values(void)
{
	struct buffer json = BUFFER_INIT, out = BUFFER_INIT, body = BUFFER_INIT;
	struct weir_error err;

	add_json_array(&json, MESSAGE_VALUES_MAX - 2 - 22 - 2, "1");
	CU_ASSERT_EQUAL_FATAL(message_from_json(&out, json.data, json.size, NULL), 0);
	encode_with(&body, bytes_of(&out));
	CU_ASSERT_STRING_EQUAL(decode_code(bytes_of(&body), msgpack_type), "");
	buffer_reset(&json);
	add_json_array(&json, MESSAGE_VALUES_MAX, "1");
	CU_ASSERT_EQUAL(message_from_json(&out, json.data, json.size, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "oversized");
	buffer_reset(&out);
	buffer_add(&out,
		   "\x81\xA1"
		   "x\xDD\0\2\0\0",
		   8);
	for (int i = 0; i < MESSAGE_VALUES_MAX; i++)
		buffer_add_char(&out, 1);
	CU_ASSERT_EQUAL(message_scan(out.data, out.size, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "oversized");
	buffer_release(&json);
	buffer_release(&out);
	buffer_release(&body);
}

/* Brackets in strings do not count, and neither does an escaped quote end one. */
static void looks_for_brackets_outside_strings(void)
{
	static const char json[] = "{\"a\":\"[[[[[[[[[[\\\"{{{{{{{{{{{\\\\\",\"b\":[]}";
	struct buffer out = BUFFER_INIT;

	CU_ASSERT_EQUAL(message_from_json(&out, json, strlen(json), NULL), 0);
	buffer_release(&out);
}

/* What passes alone passes within a message. */
static void bounds_the_depth_of_parts(void)
{
	static const char deepest[] = "{\"a\":[[[[[[]]]]]]}", deeper[] = "{\"a\":[[[[[[[]]]]]]]}";
	struct buffer out = BUFFER_INIT, body = BUFFER_INIT;
	struct weir_error err;

	CU_ASSERT_EQUAL_FATAL(message_from_json(&out, deepest, strlen(deepest), &err), 0);
	encode_with(&body, bytes_of(&out));
	CU_ASSERT_STRING_EQUAL(decode_code(bytes_of(&body), msgpack_type), "");
	CU_ASSERT_EQUAL(message_from_json(&out, deeper, strlen(deeper), &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "too_deep");
	buffer_release(&out);
	buffer_release(&body);
}

/* Many short numbers, each of which becomes nine bytes. */
static void bounds_what_json_becomes(void)
{
	struct buffer out = BUFFER_INIT, json = BUFFER_INIT;
	struct weir_error err;

	buffer_add_text(&json, "{\"pad\":\"");
	for (int i = 0; i < 600000; i++)
		buffer_add_char(&json, 'x');
	buffer_add_text(&json, "\",\"y\":");
	add_json_array(&json, 60000, "5");
	buffer_add_char(&json, '}');
	CU_ASSERT_EQUAL(message_from_json(&out, json.data, json.size, &err), 0);
	buffer_release(&out);
	buffer_reset(&json);
	buffer_add_text(&json, "{\"pad\":\"");
	for (int i = 0; i < 600000; i++)
		buffer_add_char(&json, 'x');
	buffer_add_text(&json, "\",\"y\":");
	add_json_array(&json, 60000, "0.5");
	buffer_add_char(&json, '}');
	CU_ASSERT_EQUAL(message_from_json(&out, json.data, json.size, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "oversized");
	CU_ASSERT_EQUAL(out.size, 0);
	buffer_release(&out);
	buffer_release(&json);
}

/* ---- parts ---- */

static void from_json_appends(void)
{
	struct buffer out = BUFFER_INIT;

	buffer_add_text(&out, "head");
	CU_ASSERT_EQUAL(message_from_json(&out, " {\"a\": -1} ", 11, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(out.size, 8);
	CU_ASSERT(memcmp(out.data,
			 "head\x81\xA1"
			 "a\xFF",
			 8) == 0);
	CU_ASSERT_EQUAL(message_from_json(&out, "{\"a\": -1", 8, NULL), -1);
	CU_ASSERT_EQUAL(message_from_json(&out, "[]", 2, NULL), -1);
	CU_ASSERT_EQUAL(message_from_json(&out, NULL, 0, NULL), -1);
	CU_ASSERT_EQUAL(out.size, 8);
	buffer_release(&out);
}

static void decodes_maps_in_both_forms(void)
{
	static const char *const bodies[] = {"{\"n\": 7}", " \n{\"n\": 7}", "\x81\xA1n\x07",
					     "\xDE\0\1\xA1n\x07"};
	static const size_t sizes[] = {8, 10, 4, 6};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct weir_map *map;
		struct message m;
		int64_t n = 0;

		CU_ASSERT_EQUAL_FATAL(message_decode_map(&m, bodies[i], sizes[i], &map, NULL), 0);
		CU_ASSERT(map_integer(map, "n", &n) == 0 && n == 7);
		message_release(&m);
	}
}

static void refuses_what_is_no_map(void)
{
	const struct weir_map *map = NULL;
	struct weir_error err;
	struct message m;

	CU_ASSERT_EQUAL(message_decode_map(&m, "", 0, &map, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "truncated");
	CU_ASSERT_EQUAL(message_decode_map(&m, "[1]", 3, &map, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_json");
	CU_ASSERT_EQUAL(message_decode_map(&m, "\x91\x01", 2, &map, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_type");
	CU_ASSERT_EQUAL(
		message_decode_map(&m, "\x81\xA0\x91\x91\x91\x91\x91\x91\x91\xC0", 10, &map, &err),
		-1);
	CU_ASSERT_STRING_EQUAL(err.code, "too_deep");
	CU_ASSERT_PTR_NULL(map);
}

static const char readers_body[] = "\x8D"
				   "\xA1t\xA2hi"
				   "\xA1z\xC0"
				   "\xA1u\xCF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
				   "\xA1U\xCF\x80\0\0\0\0\0\0\0"
				   "\xA1m\xD3\x80\0\0\0\0\0\0\0"
				   "\xA1"
				   "f\xCA\x3F\xC0\0\0"
				   "\xA1"
				   "d\xCB\xC0\x04\0\0\0\0\0\0"
				   "\xA1N\xCB\x7F\xF8\0\0\0\0\0\0"
				   "\xA1I\xCA\x7F\x80\0\0"
				   "\xA1"
				   "b\xC3"
				   "\xA1y\xC4\x02hi"
				   "\xA1s\x07"
				   "\xA1"
				   "a\x90";

static void with_readers_map(void (*check)(const struct weir_map *map))
{
	const struct weir_map *map;
	struct message m;

	CU_ASSERT_EQUAL_FATAL(
		message_decode_map(&m, readers_body, sizeof(readers_body) - 1, &map, NULL), 0);
	check(map);
	message_release(&m);
}

static void check_texts(const struct weir_map *map)
{
	static const char *const others[] = {"z", "u", "d", "b", "y", "s", "a", "", "tt", "T"};
	struct weir_text found = {NULL, 0};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		CU_ASSERT(map_text(map, others[i], &found) == -1 && found.data == NULL);
	CU_ASSERT(map_text(map, "t", &found) == 0 && same(found, "hi"));
}

static void maps_in_maps(void)
{
	static const char body[] = "{\"in\":{\"k\":\"v\",\"deep\":{\"n\":5}},\"t\":\"x\","
				   "\"a\":[1],\"z\":null}";
	static const char *const others[] = {"t", "a", "z", "no", "k"};
	const struct weir_map *map, *in, *deep, *none = NULL;
	struct weir_text text;
	struct message m;
	int64_t n;

	CU_ASSERT_EQUAL_FATAL(message_decode_map(&m, body, sizeof(body) - 1, &map, NULL), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		CU_ASSERT(map_map(map, others[i], &none) == -1 && none == NULL);
	CU_ASSERT_EQUAL_FATAL(map_map(map, "in", &in), 0);
	CU_ASSERT(map_text(in, "k", &text) == 0 && same(text, "v"));
	CU_ASSERT_EQUAL_FATAL(map_map(in, "deep", &deep), 0);
	CU_ASSERT(map_integer(deep, "n", &n) == 0 && n == 5);
	message_release(&m);
}

static void maps_in_arrays(void)
{
	static const char body[] = "{\"a\":[{\"n\":1},2,{\"n\":3,\"a\":[{}]},null,[{}]],"
				   "\"none\":[],\"m\":{\"n\":1},\"t\":\"x\",\"z\":null}";
	static const char *const others[] = {"m", "t", "z", "no", "n"};
	static const size_t no_maps[] = {1, 3, 4, 5, SIZE_MAX};
	const struct weir_map *map, *entry = NULL;
	struct message m;
	size_t n = 11;
	int64_t value;

	CU_ASSERT_EQUAL_FATAL(message_decode_map(&m, body, sizeof(body) - 1, &map, NULL), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		CU_ASSERT(map_count(map, others[i], &n) == -1 && n == 11);
		CU_ASSERT(map_entry(map, others[i], 0, &entry) == -1 && entry == NULL);
	}
	for (size_t i = 0; i < sizeof(no_maps) / sizeof(no_maps[0]); i++)
		CU_ASSERT(map_entry(map, "a", no_maps[i], &entry) == -1 && entry == NULL);
	CU_ASSERT(map_count(map, "none", &n) == 0 && n == 0);
	CU_ASSERT(map_entry(map, "none", 0, &entry) == -1 && entry == NULL);
	CU_ASSERT(map_count(map, "a", &n) == 0 && n == 5);
	CU_ASSERT_EQUAL_FATAL(map_entry(map, "a", 2, &entry), 0);
	CU_ASSERT(map_integer(entry, "n", &value) == 0 && value == 3);
	CU_ASSERT(map_count(entry, "a", &n) == 0 && n == 1);
	CU_ASSERT(map_entry(entry, "a", 0, &entry) == 0 && map_count(entry, "a", &n) == -1);
	message_release(&m);
}

static void check_integers(const struct weir_map *map)
{
	static const char *const others[] = {"t", "z", "U", "f", "d", "N", "b", "y", "a", "no"};
	int64_t n = 11;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		CU_ASSERT(map_integer(map, others[i], &n) == -1 && n == 11);
	CU_ASSERT(map_integer(map, "u", &n) == 0 && n == INT64_MAX);
	CU_ASSERT(map_integer(map, "m", &n) == 0 && n == INT64_MIN);
	CU_ASSERT(map_integer(map, "s", &n) == 0 && n == 7);
}

static void check_reals(const struct weir_map *map)
{
	static const char *const others[] = {"t", "z", "U", "N", "I", "b", "y", "a", "no"};
	double x = 11;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		CU_ASSERT(map_real(map, others[i], &x) == -1 && x == 11);
	CU_ASSERT(map_real(map, "f", &x) == 0 && x == 1.5);
	CU_ASSERT(map_real(map, "d", &x) == 0 && x == -2.5);
	CU_ASSERT(map_real(map, "s", &x) == 0 && x == 7);
	CU_ASSERT(map_real(map, "m", &x) == 0 && x == -0x1p63);
}

static void reads_texts(void) { with_readers_map(check_texts); }

static void reads_integers(void) { with_readers_map(check_integers); }

static void reads_reals(void) { with_readers_map(check_reals); }

static void expect_json(const struct weir_map *map, const char *key, const char *wanted)
{
	struct buffer out = BUFFER_INIT;

	buffer_add_text(&out, "<");
	CU_ASSERT_EQUAL(map_json(&out, map, key), wanted != NULL ? 0 : -1);
	CU_ASSERT_STRING_EQUAL(buffer_text(&out) + 1, wanted != NULL ? wanted : "");
	buffer_release(&out);
}

/* What was read from JSON is written as the same. */
static void writes_json(void)
{
	static const char body[] =
		"{\"t\":\"\\\"\\n\xC3\xA4\\u0000\",\"e\":\"\",\"i\":-7,"
		"\"big\":9223372036854775807,\"r\":0.1,\"third\":0.3333333333333333,"
		"\"large\":1e+300,\"yes\":true,\"no\":false,\"list\":[1,[],{},null,\"x\"],"
		"\"map\":{\"\":{\"a\":[{\"b\":2}]}}}";
	const struct weir_map *map;
	struct message m;

	CU_ASSERT_EQUAL_FATAL(message_decode_map(&m, body, sizeof(body) - 1, &map, NULL), 0);
	expect_json(map, NULL, body);
	expect_json(map, "t", "\"\\\"\\n\xC3\xA4\\u0000\"");
	expect_json(map, "e", "\"\"");
	expect_json(map, "big", "9223372036854775807");
	expect_json(map, "third", "0.3333333333333333");
	expect_json(map, "list", "[1,[],{},null,\"x\"]");
	expect_json(map, "none", NULL);
	message_release(&m);
}

/* What JSON has no form for. */
static void writes_the_rest_as_json(void)
{
	static const char body[] =
		"\x85\xA1U\xCF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xA1I\xCA\x7F\x80\0\0"
		"\xA1y\xC4\x02k\xFF\xA1z\xC0\xA1"
		"f\xCA\x3F\xC0\0\0";
	const struct weir_map *map;
	struct message m;

	CU_ASSERT_EQUAL_FATAL(message_decode_map(&m, body, sizeof(body) - 1, &map, NULL), 0);
	expect_json(map, "U", "18446744073709551615");
	expect_json(map, "I", "null");
	expect_json(map, "y", "\"k\xEF\xBF\xBD\"");
	expect_json(map, "z", NULL);
	expect_json(map, "f", "1.5");
	message_release(&m);
}

/* In MessagePack a key may stand twice with values of two types. */
static void reads_the_last_of_duplicates(void)
{
	static const char body[] = "\x83\xA1k\x01\xA1k\xA1x\xA1k\xC0";
	const struct weir_map *map;
	struct weir_text found;
	struct message m;
	int64_t n;

	CU_ASSERT_EQUAL_FATAL(message_decode_map(&m, body, sizeof(body) - 1, &map, NULL), 0);
	CU_ASSERT_EQUAL(map_integer(map, "k", &n), -1);
	CU_ASSERT_EQUAL(map_text(map, "k", &found), -1);
	message_release(&m);
}

/* An empty text is there; an absent one has no data. */
static void reads_empty_texts_and_keys(void)
{
	const struct weir_map *map;
	struct weir_text found = {NULL, 1};
	struct message m;

	CU_ASSERT_EQUAL_FATAL(message_decode_map(&m, "\x81\xA0\xA0", 3, &map, NULL), 0);
	CU_ASSERT_EQUAL(map_text(map, "", &found), 0);
	CU_ASSERT(found.data != NULL && found.size == 0);
	message_release(&m);
}

static void names_have_a_rule(void)
{
	char long_name[MESSAGE_NAME_MAX + 2];

	memset(long_name, 'n', sizeof(long_name));
	CU_ASSERT(message_name_ok((struct weir_text){long_name, MESSAGE_NAME_MAX}));
	CU_ASSERT_FALSE(message_name_ok((struct weir_text){long_name, MESSAGE_NAME_MAX + 1}));
	CU_ASSERT_FALSE(message_name_ok((struct weir_text){NULL, 0}));
	CU_ASSERT_FALSE(message_name_ok((struct weir_text){"a\0b", 3}));
	for (int c = 0; c < 256; c++) {
		char name = (char)c;
		bool fits = c != 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					     "0123456789_-",
					     c) != NULL;

		CU_ASSERT_EQUAL(message_name_ok((struct weir_text){&name, 1}), fits);
	}
}

/* ---- memory ---- */

static int decode_and_release(struct weir_text body, struct weir_text type, struct weir_error *err)
{
	struct message m;

	if (message_decode(&m, body.data, body.size, type, err) < 0)
		return -1;
	message_release(&m);
	return 0;
}

/* Lets one allocation after the other fail, until all go well; how many there were. */
static long fail_each_allocation(const char *name)
{
	struct weir_text file = load_golden(name);
	bool failed = true;
	long n;

	for (n = 1; failed && n < 5000; n++) {
		struct weir_error err = {.code = ""};
		int rc;

		failing_malloc_arm(n);
		rc = decode_and_release(file, type_of_file(name), &err);
		failed = failing_malloc_disarm();
		CU_ASSERT_EQUAL(rc, failed ? -1 : 0);
		CU_ASSERT_STRING_EQUAL(err.code, failed ? "out_of_memory" : "");
	}
	CU_ASSERT_FALSE(failed);
	unload(file);
	return n - 2;
}

static void bears_failed_allocations(void)
{
	CU_ASSERT_EQUAL(fail_each_allocation("unicode.msgpack"), 1);
	CU_ASSERT(fail_each_allocation("unicode.json") > 30);
}

static void bears_failed_allocations_of_parts(void)
{
	static const char json[] = "{\"a\":{\"b\":[1,2.5,null,true,\"x\"]}}";
	bool failed = true;

	for (long n = 1; failed && n < 1000; n++) {
		struct weir_error err = {.code = ""};
		const struct weir_map *map;
		struct message m;
		int rc;

		failing_malloc_arm(n);
		rc = message_decode_map(&m, json, sizeof(json) - 1, &map, &err);
		failed = failing_malloc_disarm();
		CU_ASSERT_EQUAL(rc, failed ? -1 : 0);
		CU_ASSERT_STRING_EQUAL(err.code, failed ? "out_of_memory" : "");
		if (rc == 0)
			message_release(&m);
	}
	CU_ASSERT_FALSE(failed);
}

static void encoding_bears_failed_allocations(void)
{
	bool failed = true;

	for (long n = 1; failed && n < 100; n++) {
		struct buffer out = BUFFER_INIT;

		failing_malloc_arm(n);
		encode_with(&out, (struct weir_text){NULL, 0});
		failed = failing_malloc_disarm();
		CU_ASSERT_EQUAL(buffer_failed(&out), failed);
		buffer_release(&out);
	}
	CU_ASSERT_FALSE(failed);
}

void add_message_suite(void)
{
	CU_pSuite suite = CU_add_suite("message", NULL, NULL);

	CU_ADD_TEST(suite, decodes_plain);
	CU_ADD_TEST(suite, decodes_integers);
	CU_ADD_TEST(suite, decodes_unicode);
	CU_ADD_TEST(suite, gives_golden_bytes);
	CU_ADD_TEST(suite, encodes_plain);
	CU_ADD_TEST(suite, encodes_absent_maps_as_empty);
	CU_ADD_TEST(suite, encodes_the_row);
	CU_ADD_TEST(suite, refuses_half_a_row);
	CU_ADD_TEST(suite, takes_the_last_of_duplicates);
	CU_ADD_TEST(suite, refuses_bad_files);
	CU_ADD_TEST(suite, forgets_no_bad_file);
	CU_ADD_TEST(suite, refuses_every_beginning);
	CU_ADD_TEST(suite, bears_every_changed_byte);
	CU_ADD_TEST(suite, failure_leaves_the_struct_alone);
	CU_ADD_TEST(suite, errors_name_field_and_place);
	CU_ADD_TEST(suite, keeps_nothing_of_the_outermost_map);
	CU_ADD_TEST(suite, chooses_by_content_type);
	CU_ADD_TEST(suite, bounds_the_size);
	CU_ADD_TEST(suite, bounds_the_number_of_values);
	CU_ADD_TEST(suite, looks_for_brackets_outside_strings);
	CU_ADD_TEST(suite, bounds_the_depth_of_parts);
	CU_ADD_TEST(suite, bounds_what_json_becomes);
	CU_ADD_TEST(suite, from_json_appends);
	CU_ADD_TEST(suite, decodes_maps_in_both_forms);
	CU_ADD_TEST(suite, refuses_what_is_no_map);
	CU_ADD_TEST(suite, reads_texts);
	CU_ADD_TEST(suite, reads_integers);
	CU_ADD_TEST(suite, reads_reals);
	CU_ADD_TEST(suite, reads_the_last_of_duplicates);
	CU_ADD_TEST(suite, reads_empty_texts_and_keys);
	CU_ADD_TEST(suite, names_have_a_rule);
	CU_ADD_TEST(suite, bears_failed_allocations);
	CU_ADD_TEST(suite, bears_failed_allocations_of_parts);
	CU_ADD_TEST(suite, encoding_bears_failed_allocations);
	CU_ADD_TEST(suite, maps_in_maps);
	CU_ADD_TEST(suite, maps_in_arrays);
	CU_ADD_TEST(suite, writes_json);
	CU_ADD_TEST(suite, writes_the_rest_as_json);
}
