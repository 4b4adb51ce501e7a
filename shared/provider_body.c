/* The bodies of responses: JSON that is read although a byte of it is not right, and what a body is
 * that is no JSON, or that of another API. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "provider_kind.h"
#include "weir/utf8.h"

enum { SHOWN_MAX = 120 /* bytes of a body that is not what it should be */ };

/* ---- JSON ---- */

#define LOST "\xEF\xBF\xBF" /* U+FFFF, no character, stands where something could not be read */

static struct weir_text trimmed(struct weir_text body);

/* Byte order marks, and NULs behind. */
static struct weir_text bare(struct weir_text body)
{
	while (body.size > 0 &&
	       (!body.data[body.size - 1] || isspace((unsigned char)body.data[body.size - 1])))
		body.size--;
	while (body.size >= 3 && memcmp(body.data, "\xEF\xBB\xBF", 3) == 0)
		body = (struct weir_text){body.data + 3, body.size - 3};
	return body;
}

static json_t *load(struct weir_text text)
{
	json_t *root = json_loadb(text.data, text.size, JSON_ALLOW_NUL, NULL);

	if (root) /* a count beyond 64 bits is no reason to lose an answer */
		return root;
	return json_loadb(text.data, text.size, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
}

/* The unit of UTF-16 that is escaped at text, "\\uD83D"; -1: none. */
static long unit_at(const char *text, size_t size)
{
	long unit = 0;

	if (size < 6 || text[0] != '\\' || text[1] != 'u')
		return -1;
	for (size_t i = 2; i < 6; i++) {
		static const char digits[] = "0123456789abcdef";
		const char *digit = strchr(digits, tolower((unsigned char)text[i]));

		if (!digit || !*digit)
			return -1;
		unit = unit * 16 + (digit - digits);
	}
	return unit;
}

/* Bytes of what stands at text and can be kept; 0: a byte or an escape, of *bad bytes, cannot. */
static size_t keep(const char *text, size_t size, size_t *bad)
{
	long unit = unit_at(text, size), next;

	*bad = 1;
	if (unit >= 0xD800 && unit <= 0xDFFF) {
		*bad = 6;
		next = unit < 0xDC00 ? unit_at(text + 6, size - 6) : -1;
		return next >= 0xDC00 && next <= 0xDFFF ? 12 : 0;
	}
	if (text[0] == '\\' && size > 1 && (unsigned char)text[1] < 0x80)
		return 2;
	return utf8_step(text, size);
}

static void add_mended(struct weir_text text, struct buffer *out)
{
	for (size_t at = 0; at < text.size;) {
		size_t bad, n = keep(text.data + at, text.size - at, &bad);

		if (n > 0)
			buffer_add(out, text.data + at, n);
		else
			buffer_add_text(out, LOST);
		at += n > 0 ? n : bad;
	}
}

json_t *body_parse(struct weir_text body)
{
	struct buffer mended = BUFFER_INIT;
	json_t *root;

	if (!body.data)
		return NULL;
	body = bare(body);
	root = load(body);
	if (root || body.size == 0 || !strchr("{[", *trimmed(body).data))
		return root;
	add_mended(body, &mended);
	if (!buffer_failed(&mended))
		root = load(buffer_view(&mended));
	buffer_release(&mended);
	return root;
}

bool body_lost(struct weir_text text)
{
	return text.size > 0 && memmem(text.data, text.size, LOST, strlen(LOST)) != NULL;
}

/* ---- other APIs ---- */

static bool is_text(const json_t *root, const char *key, const char *text)
{
	return strcmp(json_text_of(root, key), text) == 0;
}

static bool is_messages(const json_t *root)
{
	return is_text(root, "type", "message") && json_is_array(json_object_get(root, "content"));
}

static bool is_completion(const json_t *root)
{
	const json_t *first = json_array_get(json_object_get(root, "choices"), 0);

	return json_object_get(first, "message") && !json_object_get(root, "error");
}

static bool is_old_completion(const json_t *root)
{
	const json_t *first = json_array_get(json_object_get(root, "choices"), 0);

	return is_text(root, "object", "text_completion") ||
	       json_is_string(json_object_get(first, "text"));
}

static bool is_response(const json_t *root) { return is_text(root, "object", "response"); }

static bool is_gemini(const json_t *root)
{
	return json_is_array(json_object_get(root, "candidates"));
}

static bool is_ollama(const json_t *root)
{
	return json_is_boolean(json_object_get(root, "done")) &&
	       (json_object_get(root, "message") || json_object_get(root, "response"));
}

static bool is_converse(const json_t *root)
{
	return json_is_object(json_object_get(json_object_get(root, "output"), "message"));
}

static bool is_list(const json_t *root)
{
	return is_text(root, "object", "list") && json_is_array(json_object_get(root, "data"));
}

/* Sources: the vendors' references of their APIs. */
const char *body_of_other_api(const json_t *root)
{
	static const struct {
		bool (*is)(const json_t *root);
		const char *name;
	} forms[] = {
		{is_messages, "of Anthropic's Messages: provider: anthropic speaks it"},
		{is_completion, "of chat completions: provider: openai speaks it"},
		{is_old_completion, "of text completions: base_url leads to another API than chat "
				    "completions"},
		{is_response, "of OpenAI's Responses: base_url leads to another API than chat "
			      "completions"},
		{is_gemini,
		 "of Gemini's own API: its base_url ends in /v1beta/openai for provider: "
		 "openai"},
		{is_ollama, "of Ollama's own API: its base_url ends in /v1 for provider: openai"},
		{is_converse, "of Bedrock's Converse, which weir does not speak"},
		{is_list, "a list: base_url leads to another API than chat completions"},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (json_is_object(root) && forms[i].is(root))
			return forms[i].name;
	}
	return NULL;
}

/* ---- what is none ---- */

static bool begins(struct weir_text body, const char *prefix)
{
	size_t n = strlen(prefix);

	return body.size >= n && strncasecmp(body.data, prefix, n) == 0;
}

static struct weir_text trimmed(struct weir_text body)
{
	while (body.size > 0 && isspace((unsigned char)*body.data))
		body = (struct weir_text){body.data + 1, body.size - 1};
	while (body.size > 0 && isspace((unsigned char)body.data[body.size - 1]))
		body.size--;
	return body;
}

static const char *body_name(struct weir_text body)
{
	static const struct {
		const char *prefix, *name;
	} names[] = {
		{"\x1F\x8B", "gzip, though it does not say so"},
		{"\x28\xB5\x2F\xFD", "zstd, though it does not say so"},
		{"data:", "a stream of events, though none was asked for"},
		{"event:", "a stream of events, though none was asked for"},
		{"id:", "a stream of events, though none was asked for"},
		{": ", "a stream of events, though none was asked for"},
		{"<!doctype html", "an HTML page"},
		{"<html", "an HTML page"},
		{"<?xml", "XML"},
		{"<", "markup"},
		{"{", "JSON that is cut or broken"},
		{"[", "JSON that is cut or broken"},
	};

	body = trimmed(body);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (begins(body, names[i].prefix))
			return names[i].name;
	}
	return body.size == 0 ? "an empty body" : "text";
}

/* A page says in its title what it is. */
static struct weir_text title_of(struct weir_text body)
{
	static const char open[] = "<title>", close[] = "</title>";

	for (size_t i = 0; i + sizeof(open) - 1 <= body.size; i++) {
		struct weir_text rest = {body.data + i, body.size - i};
		size_t n = 0;

		if (!begins(rest, open))
			continue;
		rest = (struct weir_text){rest.data + sizeof(open) - 1,
					  rest.size - (sizeof(open) - 1)};
		while (n < rest.size &&
		       !begins((struct weir_text){rest.data + n, rest.size - n}, close))
			n++;
		return n < rest.size ? trimmed((struct weir_text){rest.data, n})
				     : (struct weir_text){NULL, 0};
	}
	return (struct weir_text){NULL, 0};
}

static void add_shown(struct buffer *out, struct weir_text shown)
{
	for (size_t i = 0; i < shown.size && i < SHOWN_MAX; i++) {
		unsigned char c = (unsigned char)shown.data[i];

		if (c >= 0x20 && c < 0x7F)
			buffer_add_char(out, (char)c);
		else if (c == '\t' || c == '\n' || c == '\r')
			buffer_add_char(out, ' ');
		else
			buffer_printf(out, "\\x%02X", c);
	}
	if (shown.size > SHOWN_MAX)
		buffer_add_text(out, "...");
}

/* Of JSON: where it breaks, with what stands around that; or which keys it has. */
static struct weir_text describe_json(struct weir_text body, struct buffer *out)
{
	json_error_t error;
	json_t *root = json_loadb(body.data, body.size, JSON_ALLOW_NUL, &error);
	size_t at = error.position > 0 && (size_t)error.position < body.size
			    ? (size_t)error.position
			    : 0;

	if (root) {
		buffer_add_text(out, json_is_object(root) ? "JSON of another form"
							  : "JSON that is no object");
		json_decref(root);
		return body;
	}
	buffer_printf(out, "JSON that is cut or broken at byte %d of %zu (%s)", error.position,
		      body.size, error.text);
	if (at <= SHOWN_MAX / 2)
		return body;
	buffer_add_text(out, ": ...");
	at -= SHOWN_MAX / 2;
	add_shown(out, (struct weir_text){body.data + at, body.size - at});
	return (struct weir_text){NULL, 0};
}

void body_describe(struct weir_text body, struct buffer *out)
{
	struct weir_text shown = trimmed(body), title = title_of(body);

	if (begins(shown, "{") || begins(shown, "["))
		shown = describe_json(shown, out);
	else
		buffer_add_text(out, body_name(body));
	if (title.size > 0)
		shown = title;
	if (shown.size == 0)
		return;
	buffer_add_text(out, ": ");
	add_shown(out, shown);
}

/* A stream of events may hold nothing but an error: {"error": ..} behind the first "data:" that has
 * one. */
json_t *event_error(struct weir_text body)
{
	for (size_t i = 0; i + 5 < body.size; i++) {
		struct weir_text line = {body.data + i, 0};
		json_t *root;

		if (i > 0 && body.data[i - 1] != '\n')
			continue;
		while (i + line.size < body.size && line.data[line.size] != '\n')
			line.size++;
		if (!begins(line, "data:"))
			continue;
		root = json_loadb(line.data + 5, line.size - 5, JSON_ALLOW_NUL, NULL);
		if (error_in(root, false))
			return root;
		json_decref(root);
	}
	return NULL;
}
