/* Lines and files of results that are not what was to come. */
#include <stdlib.h>
#include <string.h>

#include "fake.h"

#define STATUS_429                                                                                 \
	"{'response': {'status_code': 429, 'body': {'error': {'message': 'Rate limit reached', "   \
	"'type': 'requests', 'param': null, 'code': 'rate_limit_exceeded'}, 'choices': "           \
	"'$DELETE'}}}",                                                                            \
		"{'result': {'type': 'errored', 'message': '$DELETE', 'error': {'type': 'error', " \
		"'error': {'type': 'rate_limit_error', 'message': 'Rate limit reached'}}}}"

/* text: what stands in the line's place; NULL: the line with the vendor's patch. Words: LINE, HALF
 * of it, the REST behind its first brace, OTHER (with another answer), PATCHED, BODY (the response
 * alone, as JSON). */
static const struct line_form {
	const char *name, *text, *openai, *anthropic, *source;
} forms[] = {
	/* ---- lines that cannot be read ---- */
	{"broken", "$HALF", NULL, NULL, "a file that was cut and went on"},
	{"html", "<html><body>502 Bad Gateway</body></html>", NULL, NULL, "gateways"},
	{"text", "upstream request timeout", NULL, NULL, "gateways"},
	{"null", "null", NULL, NULL, "gateways"},
	{"object_empty", "{}", NULL, NULL, "gateways"},
	{"array", "[$LINE]", NULL, NULL, "gateways"},
	{"joined", "$LINE$LINE", NULL, NULL, "no line feed between two"},
	{"split", "{\n\"line\": $LINE\n}", NULL, NULL, "JSON over several lines"},

	/* ---- whose they are ---- */
	{"wrong_id", NULL, "{'custom_id': 'of-no-line'}", "{'custom_id': 'of-no-line'}",
	 "python-genai#1909: keys of other lines"},
	{"missing_id", NULL, "{'custom_id': '$DELETE'}", "{'custom_id': '$DELETE'}", "gateways"},
	{"null_id", NULL, "{'custom_id': null}", "{'custom_id': null}", "gateways"},
	{"number_id", NULL, "{'custom_id': 7}", "{'custom_id': 7}", "gateways"},
	{"empty_id", NULL, "{'custom_id': ''}", "{'custom_id': ''}", "gateways"},
	{"spaced_id", NULL, "{'custom_id': ' $$CUSTOM_ID '}", "{'custom_id': ' $$CUSTOM_ID '}",
	 "gateways"},
	{"twice", "$LINE\n$LINE", NULL, NULL, "gateways that try again"},
	{"twice_other", "$LINE\n$OTHER", NULL, NULL, "gateways that try again"},
	{"twice_other_first", "$OTHER\n$LINE", NULL, NULL, "gateways that try again"},
	{"twice_broken", "$HALF\n$LINE", NULL, NULL, "gateways that try again"},
	{"twice_429_first", "$PATCHED\n$LINE", STATUS_429, "gateways that try again"},
	{"twice_cut_first", "$PATCHED\n$OTHER",
	 "{'response': {'body': {'choices': {'0': {'finish_reason': 'length'}}}}}",
	 "{'result': {'message': {'stop_reason': 'max_tokens'}}}", "gateways that try again"},

	/* ---- what is in them ---- */
	{"response_null", NULL, "{'response': null}", "{'result': null}",
	 "aqueduct#55: neither a response nor an error"},
	{"response_missing", NULL, "{'response': '$DELETE', 'error': '$DELETE'}",
	 "{'result': '$DELETE'}", "gateways"},
	{"body_null", NULL, "{'response': {'body': null}}", "{'result': {'message': null}}",
	 "gateways"},
	{"body_text", NULL, "{'response': {'body': '$$BODY'}}", "{'result': {'message': '$$BODY'}}",
	 "gateways that write JSON into JSON"},
	{"status_text", NULL, "{'response': {'status_code': '200'}}", "{}", "gateways"},
	{"status_missing", NULL, "{'response': {'status_code': '$DELETE'}}", "{}", "gateways"},
	{"status_zero", NULL, "{'response': {'status_code': 0}}", "{}", "gateways"},
	{"status_429", NULL, STATUS_429, "artefactual#332: a status in the output file"},
	{"error_200", NULL,
	 "{'response': {'body': {'choices': '$DELETE', 'error': {'message': 'Provider returned "
	 "error', 'code': 502}}}}",
	 "{'result': {'message': {'type': 'error', 'content': '$DELETE', 'error': {'type': "
	 "'api_error', 'message': 'Internal server error'}}}}",
	 "artefactual#332: no success, whatever the status says"},
	{"error_both", NULL, "{'error': {'code': 'server_error', 'message': 'Internal error'}}",
	 "{'result': {'error': {'type': 'api_error', 'message': 'Internal error'}}}",
	 "an error and a response"},
	{"error_text", NULL, "{'response': null, 'error': 'Internal error'}",
	 "{'result': {'type': 'errored', 'message': '$DELETE', 'error': 'Internal error'}}",
	 "gateways"},
	{"type_unknown", NULL, "{'object': 'batch.line'}", "{'result': {'type': 'paused'}}",
	 "a vendor's new word"},
	{"status_word", NULL, "{'response': {'status_code': 'Bad Gateway', 'body': '$DELETE'}}",
	 "{'result': {'type': 'errored', 'message': '$DELETE', 'error': {'error': {'Bad': "
	 "'Gateway'}}}}",
	 "gateways"},
	{"half_character", "{\"note\": \"\\ud83d\", $REST", NULL, NULL,
	 "a text that was cut within a pair of UTF-16"},
	{"fields_more", NULL, "{'queued_ms': 5}", "{'queued_ms': 5}", "a vendor's new field"},
};

const struct form_list line_forms = {"line_form", forms, sizeof forms / sizeof *forms,
				     sizeof *forms, offsetof(struct line_form, source)};

static void set_json(json_t *words, const char *name, json_t *json)
{
	struct buffer text = BUFFER_INIT;
	buffer_add_dump(&text, json);
	word_set(words, name, text.data, text.size);
	buffer_release(&text);
}

static json_t *body_of(enum vendor vendor, json_t *line)
{
	return vendor == OPENAI ? json_object_get(json_object_get(line, "response"), "body")
				: json_object_get(json_object_get(line, "result"), "message");
}

static void set_patched(enum vendor vendor, const struct line_form *f, json_t *words, json_t *line)
{
	const char *pattern = vendor == OPENAI ? f->openai : f->anthropic;
	json_t *patch = pattern ? filled_json(pattern, words) : NULL;
	json_patch(line, patch);
	set_json(words, "PATCHED", line);
	json_decref(patch);
}

char *line_formed(enum vendor vendor, json_t *rule, json_t *words, char *result, char *other)
{
	const struct line_form *f = form_of(&line_forms, rule);
	struct buffer out = BUFFER_INIT;
	json_t *line = f ? json_loads(result, 0, NULL) : NULL;
	if (line) {
		word_set(words, "LINE", result, strlen(result));
		word_set(words, "REST", result + 1, strlen(result + 1));
		word_set(words, "HALF", result, strlen(result) / 2);
		word_set(words, "OTHER", other, strlen(other));
		set_json(words, "BODY", body_of(vendor, line));
		set_patched(vendor, f, words, line);
		fill_text(&out, f->text ? f->text : "$PATCHED", words);
		buffer_add_char(&out, '\0');
		free(result);
		result = out.data;
	}
	json_decref(line);
	free(other);
	return result;
}

/* ---- files ---- */

/* Each line feed becomes what is given. */
static void change_ends(struct buffer *file, const char *end)
{
	struct buffer out = BUFFER_INIT;
	for (size_t i = 0; i < file->size; i++) {
		if (file->data[i] == '\n')
			buffer_add_text(&out, end);
		else
			buffer_add_char(&out, file->data[i]);
	}
	buffer_release(file);
	*file = out;
}

static void surround(struct buffer *file, const char *before, const char *behind)
{
	struct buffer out = BUFFER_INIT;
	buffer_add_text(&out, before);
	buffer_add(&out, file->data, file->size);
	buffer_add_text(&out, behind);
	buffer_release(file);
	*file = out;
}

static void drop_end(struct buffer *file) { file->size -= file->size > 0; }

static void add_mark(struct buffer *file) { surround(file, "\xef\xbb\xbf", ""); }
static void add_rest(struct buffer *file) { surround(file, "", "{\"custom_id\": \"cut"); }
static void end_crlf(struct buffer *file) { change_ends(file, "\r\n"); }
static void end_cr(struct buffer *file) { change_ends(file, "\r"); }
static void end_blank(struct buffer *file) { change_ends(file, "\n\n \n"); }
static void end_nothing(struct buffer *file) { change_ends(file, ""); }
static void lose_half(struct buffer *file) { file->size /= 2; }
static void lose_all(struct buffer *file) { file->size = 0; }

static void mark_and_crlf(struct buffer *file)
{
	end_crlf(file);
	add_mark(file);
}

static void make_array(struct buffer *file)
{
	drop_end(file);
	change_ends(file, ",\n");
	surround(file, "[", "]\n");
}

static struct weir_text id_of(struct weir_text line)
{
	static const char name[] = "\"custom_id\"";
	const char *at = memmem(line.data, line.size, name, strlen(name));
	const char *end = line.data + line.size;
	at = at ? memchr(at + strlen(name), '"', (size_t)(end - at) - strlen(name)) : NULL;
	const char *close = at ? memchr(at + 1, '"', (size_t)(end - at) - 1) : NULL;
	return close ? (struct weir_text){at, (size_t)(close - at)} : (struct weir_text){"", 0};
}

/* Of two lines of one custom_id the second is behind all others. */
static void move_twins(struct buffer *file)
{
	struct buffer out = BUFFER_INIT, late = BUFFER_INIT;
	struct weir_text before = {"", 0};
	for (size_t at = 0, n; at < file->size; at += n) {
		const char *start = file->data + at;
		const char *feed = memchr(start, '\n', file->size - at);
		n = feed ? (size_t)(feed - start) + 1 : file->size - at;
		struct weir_text id = id_of((struct weir_text){start, n});
		bool twin = id.size > 0 && id.size == before.size &&
			    memcmp(id.data, before.data, id.size) == 0;
		buffer_add(twin ? &late : &out, start, n);
		before = id;
	}
	buffer_add(&out, late.data, late.size);
	buffer_release(&late);
	buffer_release(file);
	*file = out;
}

static const struct file_form {
	const char *name;
	void (*turn)(struct buffer *file);
	const char *source;
} turns[] = {
	{"byte_order_mark", add_mark, "servers on Windows"},
	{"crlf", end_crlf, "servers on Windows"},
	{"cr", end_cr, "gateways"},
	{"mark_and_crlf", mark_and_crlf, "servers on Windows"},
	{"blank_lines", end_blank, "gateways"},
	{"no_last_end", drop_end, "gateways"},
	{"no_ends", end_nothing, "gateways"},
	{"array", make_array, "gateways that write JSON for JSON lines"},
	{"twins_last", move_twins, "gateways that try again what failed, at the end"},
	{"rest", add_rest, "a file that is not whole"},
	{"half", lose_half, "a file that is not whole"},
	{"empty", lose_all, "a file that is not written yet"},
};

const struct form_list file_forms = {"file_form", turns, sizeof turns / sizeof *turns,
				     sizeof *turns, offsetof(struct file_form, source)};

void file_formed(struct buffer *file)
{
	const struct file_form *f = form_of(&file_forms, script_part("batch"));
	if (f)
		f->turn(file);
}
