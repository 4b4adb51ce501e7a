/* What is asked of a model: whether the vendor would take it, and what the model says to it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake.h"

/* ---- the request ---- */

static const char *const known_fields[][24] = {
	[ANTHROPIC] = {"model", "max_tokens", "messages", "system", "temperature", "top_p", "top_k",
		       "stop_sequences", "stream", "metadata", "thinking", "tools", "tool_choice",
		       "service_tier", "output_config", NULL},
	[OPENAI] = {"model",
		    "messages",
		    "max_tokens",
		    "max_completion_tokens",
		    "temperature",
		    "top_p",
		    "stop",
		    "stream",
		    "n",
		    "seed",
		    "user",
		    "metadata",
		    "response_format",
		    "reasoning_effort",
		    "service_tier",
		    "presence_penalty",
		    "frequency_penalty",
		    "logprobs",
		    "store",
		    "tools",
		    "tool_choice",
		    NULL}};

static const char *const roles[][6] = {
	[ANTHROPIC] = {"user", "assistant", NULL},
	[OPENAI] = {"system", "developer", "user", "assistant", "tool", NULL}};

static bool is_one_of(const char *word, const char *const *words)
{
	while (word && *words && strcmp(word, *words) != 0)
		words++;
	return word && *words;
}

static int say(char *text, size_t room, const char *what, const char *name)
{
	snprintf(text, room, "%s%s", what, name);
	return -1;
}

/* A text is a string, or blocks of it. */
static int add_content(struct buffer *out, json_t *content)
{
	size_t i;
	json_t *block;
	if (json_is_string(content)) {
		buffer_add(out, json_string_value(content), json_string_length(content));
		return json_string_length(content) ? 0 : -1;
	}
	if (!json_is_array(content) || !json_array_size(content))
		return -1;
	json_array_foreach(content, i, block)
	{
		const char *type = json_string_value(json_object_get(block, "type"));
		json_t *text = json_object_get(block, "text");
		if (!type || strcmp(type, "text") != 0 || !json_string_length(text))
			return -1;
		buffer_add(out, json_string_value(text), json_string_length(text));
	}
	return 0;
}

static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
	const unsigned char *byte = data;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ byte[i]) * 1099511628211u;
	return (hash ^ 0xff) * 1099511628211u;
}

static int read_message(struct asked *out, json_t *message, uint64_t *hash)
{
	struct buffer text = BUFFER_INIT, *to;
	const char *role = json_string_value(json_object_get(message, "role"));
	if (!is_one_of(role, roles[out->vendor]) ||
	    add_content(&text, json_object_get(message, "content")) < 0) {
		buffer_release(&text);
		return -1;
	}
	bool system = strcmp(role, "system") == 0 || strcmp(role, "developer") == 0;
	to = system ? &out->system : out->turns == 0 ? &out->user : &out->last;
	if (!system) {
		out->turns++;
		buffer_reset(to);
		*hash = mix(*hash, role, strlen(role));
		*hash = mix(*hash, text.data, text.size);
	}
	buffer_add(to, text.data, text.size);
	buffer_add(&out->all, text.data, text.size);
	buffer_add_char(&out->all, '\n');
	buffer_release(&text);
	return 0;
}

static int read_messages(struct asked *out, json_t *messages, char *text, size_t room)
{
	size_t i;
	json_t *message;
	uint64_t hash = 14695981039346656037u;
	if (!json_is_array(messages) || !json_array_size(messages))
		return say(text, room, "messages: at least one message is required", "");
	json_array_foreach(messages, i, message)
	{
		if (read_message(out, message, &hash) < 0) {
			snprintf(text, room, "messages.%zu: role or content is not valid", i);
			return -1;
		}
	}
	if (!out->turns)
		return say(text, room, "messages: there is no user message", "");
	hash = mix(hash, out->model, strlen(out->model));
	hash = mix(hash, out->system.data, out->system.size);
	snprintf(out->hash, sizeof out->hash, "%016llx", (unsigned long long)hash);
	return 0;
}

static int check_fields(enum vendor vendor, json_t *body, char *text, size_t room)
{
	const char *name;
	json_t *value;
	json_object_foreach(body, name, value)
	{
		if (!is_one_of(name, known_fields[vendor]))
			return say(text, room,
				   vendor == OPENAI ? "Unrecognized request argument supplied: "
						    : "Extra inputs are not permitted: ",
				   name);
	}
	return 0;
}

static int check_tokens(enum vendor vendor, json_t *body, char *text, size_t room)
{
	json_t *most = json_object_get(body, "max_tokens");
	if (!most && vendor == OPENAI)
		most = json_object_get(body, "max_completion_tokens");
	if (!most && vendor == ANTHROPIC)
		return say(text, room, "max_tokens: Field required", "");
	if (most && (!json_is_integer(most) || json_integer_value(most) < 1))
		return say(text, room, "max_tokens: must be greater than or equal to 1", "");
	return 0;
}

int asked_read(enum vendor vendor, json_t *body, bool in_batch, struct asked *out, char *text,
	       size_t room)
{
	out->vendor = vendor;
	out->body = body;
	out->model = json_string_value(json_object_get(body, "model"));
	if (!json_is_object(body) || !out->model || !*out->model)
		return say(text, room, "model: Field required", "");
	if (check_fields(vendor, body, text, room) < 0 ||
	    check_tokens(vendor, body, text, room) < 0)
		return -1;
	if (json_is_true(json_object_get(body, "stream")))
		return say(text, room, in_batch ? "stream: not in a batch" : "stream: not here",
			   "");
	json_t *system = json_object_get(body, "system");
	if (system && add_content(&out->system, system) < 0)
		return say(text, room, "system: not a text", "");
	buffer_add(&out->all, out->system.data, out->system.size);
	return read_messages(out, json_object_get(body, "messages"), text, room);
}

void asked_release(struct asked *a)
{
	buffer_release(&a->system);
	buffer_release(&a->user);
	buffer_release(&a->last);
	buffer_release(&a->all);
	*a = (struct asked){0};
}

/* ---- the answer ---- */

struct maker {
	const char *hash;
	uint64_t seed; /* changes with each value that is made */
};

static uint64_t next(struct maker *m) { return m->seed = mix(m->seed, "next", 4); }

static double bound(json_t *schema, const char *name, double otherwise)
{
	json_t *value = json_object_get(schema, name);
	return json_is_number(value) ? json_number_value(value) : otherwise;
}

/* "HASH name", as far as there is room, and as long as it has to be. */
static json_t *make_text(struct maker *m, json_t *schema, const char *name)
{
	char text[4096];
	size_t least = (size_t)bound(schema, "minLength", 0);
	size_t most = (size_t)bound(schema, "maxLength", sizeof text - 1);
	int n = snprintf(text, sizeof text, "%s %.64s", m->hash, name);
	for (size_t i = (size_t)n; i < least && i < sizeof text; i++)
		text[i] = '.';
	size_t size = (size_t)n < least ? least : (size_t)n;
	size = size > most ? most : size;
	return json_stringn(text, size < sizeof text ? size : sizeof text - 1);
}

static json_t *make_number(struct maker *m, json_t *schema, bool whole)
{
	double least = bound(schema, "minimum", bound(schema, "maximum", 100) < 0 ? -1e3 : 0);
	double most = bound(schema, "maximum", least > 100 ? least + 100 : 100);
	double part = (double)(next(m) % 1001) / 1000;
	double value = least + (most - least) * part;
	if (!whole)
		return json_real(value);
	value = (double)(json_int_t)value;
	return json_integer((json_int_t)(value < least ? value + 1 : value));
}

static json_t *make(struct maker *m, json_t *schema, const char *name);

static json_t *make_list(struct maker *m, json_t *schema, const char *name)
{
	json_t *list = json_array();
	size_t least = (size_t)bound(schema, "minItems", 0);
	size_t most = (size_t)bound(schema, "maxItems", (double)least + 3);
	size_t n = most > 0 && least == 0 ? 1 : least;
	n += most > n ? (size_t)(next(m) % (most - n + 1)) % 5 : 0;
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, make(m, json_object_get(schema, "items"), name));
	return list;
}

static bool is_required(json_t *schema, const char *name)
{
	size_t i;
	json_t *one;
	json_array_foreach(json_object_get(schema, "required"), i, one)
	{
		const char *text = json_string_value(one);
		if (text && strcmp(text, name) == 0)
			return true;
	}
	return false;
}

/* What the schema does not tell: labels of the template `sentiment` follow its score. */
static void make_agree(json_t *object)
{
	double score = json_number_value(json_object_get(object, "sentiment_score"));
	if (json_object_get(object, "sentiment_score") && json_object_get(object, "label"))
		json_object_set_new(object, "label",
				    json_string(score < -0.1  ? "negative"
						: score > 0.1 ? "positive"
							      : "neutral"));
}

static json_t *make_object(struct maker *m, json_t *schema)
{
	const char *name;
	json_t *field, *object = json_object();
	json_object_foreach(json_object_get(schema, "properties"), name, field)
	{
		if (is_required(schema, name) || next(m) % 2)
			json_object_set_new(object, name, make(m, field, name));
	}
	make_agree(object);
	return object;
}

static json_t *make(struct maker *m, json_t *schema, const char *name)
{
	const char *type = json_string_value(json_object_get(schema, "type"));
	json_t *values = json_object_get(schema, "enum");
	if (json_array_size(values))
		return json_incref(json_array_get(values, next(m) % json_array_size(values)));
	if (!type || strcmp(type, "string") == 0)
		return make_text(m, schema, name);
	if (strcmp(type, "boolean") == 0)
		return json_boolean(next(m) % 2);
	if (strcmp(type, "array") == 0)
		return make_list(m, schema, name);
	if (strcmp(type, "object") == 0)
		return make_object(m, schema);
	return make_number(m, schema, strcmp(type, "integer") == 0);
}

static json_t *schema_of(const struct asked *a)
{
	const char *line = a->system.data;
	if (!a->system.size)
		return NULL;
	const char *end = line + a->system.size;
	while (end > line && (end[-1] == '\n' || end[-1] == ' '))
		end--;
	const char *cut = memrchr(line, '\n', (size_t)(end - line));
	line = cut ? cut + 1 : line;
	return json_loadb(line, (size_t)(end - line), 0, NULL);
}

/* What fits as well, but is not the answer: its texts begin with "draft". */
static void asked_draft(const struct asked *a, struct buffer *out)
{
	struct maker m = {.hash = "draft", .seed = ~strtoull(a->hash, NULL, 16)};
	json_t *schema = schema_of(a), *answer = json_is_object(schema)
							 ? make(&m, schema, "answer")
							 : json_pack("{s:s}", "answer", "draft");
	buffer_add_dump(out, answer);
	json_decref(answer);
	json_decref(schema);
}

static void asked_answer(const struct asked *a, struct buffer *out)
{
	struct maker m = {.hash = a->hash, .seed = strtoull(a->hash, NULL, 16)};
	json_t *schema = schema_of(a);
	if (!json_is_object(schema)) {
		buffer_printf(out, "answer %s", a->hash);
		json_decref(schema);
		return;
	}
	json_t *answer = make(&m, schema, "answer");
	buffer_add_dump(out, answer);
	json_decref(answer);
	json_decref(schema);
}

/* ---- the response ---- */

static json_t *message_response(const struct asked *a, const char *answer, const char *stop,
				json_int_t in, json_int_t out)
{
	char id[64];
	fake_id(id, sizeof id, "msg");
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:[{s:s, s:s}], s:s, s:n, s:{s:I, s:I, s:i, s:i, s:s}}", "id",
		id, "type", "message", "role", "assistant", "model", a->model, "content", "type",
		"text", "text", answer, "stop_reason", stop ? stop : "end_turn", "stop_sequence",
		"usage", "input_tokens", in, "output_tokens", out, "cache_creation_input_tokens", 0,
		"cache_read_input_tokens", 0, "service_tier", "standard");
}

static json_t *completion_response(const struct asked *a, const char *answer, const char *stop,
				   json_int_t in, json_int_t out)
{
	char id[64];
	fake_id(id, sizeof id, "chatcmpl");
	json_t *choice = json_pack("{s:i, s:{s:s, s:s, s:n}, s:n, s:s}", "index", 0, "message",
				   "role", "assistant", "content", answer, "refusal", "logprobs",
				   "finish_reason", stop ? stop : "stop");
	return json_pack("{s:s, s:s, s:I, s:s, s:[o], s:{s:I, s:I, s:I, s:{s:i}, s:{s:i}}, s:s}",
			 "id", id, "object", "chat.completion", "created", (json_int_t)time(NULL),
			 "model", a->model, "choices", choice, "usage", "prompt_tokens", in,
			 "completion_tokens", out, "total_tokens", in + out,
			 "prompt_tokens_details", "cached_tokens", 0, "completion_tokens_details",
			 "reasoning_tokens", 0, "service_tier", "default");
}

/* ---- what a script makes of it ---- */

static const struct {
	const char *openai, *anthropic;
} stops[] = {{"stop", "end_turn"},
	     {"length", "max_tokens"},
	     {"tool_calls", "tool_use"},
	     {"content_filter", "refusal"},
	     {"refusal", "refusal"}};

/* A form says it in OpenAI's words; a rule says it as it is to stand there. */
static const char *stop_of(enum vendor vendor, json_t *rule)
{
	const char *said = json_string_value(json_object_get(rule, "stop_reason"));
	const char *form = answer_stop(rule);
	for (size_t i = 0; !said && form && i < sizeof stops / sizeof *stops; i++)
		if (vendor == ANTHROPIC && strcmp(stops[i].openai, form) == 0)
			return stops[i].anthropic;
	/* OpenAI stops at a refusal as at any other answer. */
	return said ? said : form && strcmp(form, "refusal") == 0 ? "stop" : form;
}

/* The first two thirds of a text, characters left whole. */
static size_t head_of(const char *text, size_t size)
{
	size_t n = 2 * size / 3;
	while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static void set_answer(json_t *words, const char *answer)
{
	size_t size = strlen(answer), head = head_of(answer, size);
	word_set(words, "ANSWER", answer, size);
	word_set(words, "HEAD", answer, head);
	word_set(words, "TAIL", answer + head, size - head);
}

static void set_schema(json_t *words, const struct asked *a)
{
	struct buffer text = BUFFER_INIT;
	json_t *schema = schema_of(a);
	if (schema)
		buffer_add_dump(&text, schema);
	word_set(words, "SCHEMA", text.data, text.size);
	buffer_release(&text);
	json_decref(schema);
}

static int64_t tokens_in(const struct asked *a) { return (int64_t)(a->all.size / 4 + 1); }

json_t *asked_words(const struct asked *a, json_t *rule)
{
	char id[64];
	struct buffer made = BUFFER_INIT, draft = BUFFER_INIT;
	json_t *words = json_object();
	const char *answer = json_string_value(json_object_get(rule, "answer"));
	const char *other = json_string_value(json_object_get(rule, "draft"));
	asked_answer(a, &made);
	asked_draft(a, &draft);
	answer = answer ? answer : buffer_text(&made);
	other = other ? other : buffer_text(&draft);
	fake_id(id, sizeof id, "fake");
	set_answer(words, answer);
	set_schema(words, a);
	word_set(words, "DRAFT", other, strlen(other));
	word_set(words, "HASH", a->hash, strlen(a->hash));
	word_set(words, "MODEL", a->model, strlen(a->model));
	word_set(words, "ID", id, strlen(id));
	word_set_number(words, "NOW", time(NULL));
	usage_words(words, tokens_in(a), (int64_t)(strlen(answer) / 4 + 1));
	buffer_release(&made);
	buffer_release(&draft);
	return words;
}

static json_t *response_of(const struct asked *a, json_t *rule, const char *said)
{
	const char *stop = stop_of(a->vendor, rule);
	json_int_t in = (json_int_t)tokens_in(a), out = (json_int_t)(strlen(said) / 4 + 1);
	return a->vendor == OPENAI ? completion_response(a, said, stop, in, out)
				   : message_response(a, said, stop, in, out);
}

/* Adds the word RESPONSE: what it would have been without a shape. */
static json_t *shaped(json_t *rule, json_t *words, json_t *response)
{
	struct buffer text = BUFFER_INIT;
	buffer_add_dump(&text, response);
	word_set(words, "RESPONSE", text.data, text.size);
	buffer_release(&text);
	json_t *shape = shape_json(rule, words);
	if (shape)
		json_decref(response);
	return shape ? shape : response;
}

json_t *asked_formed(const struct asked *a, json_t *rule, json_t *words)
{
	struct buffer said = BUFFER_INIT;
	json_t *id = json_object_get(rule, "id");
	answer_said(rule, words, json_string_value(json_object_get(words, "ANSWER")), &said);
	json_t *response = response_of(a, rule, buffer_text(&said));
	answer_place(a->vendor, rule, words, response);
	usage_place(rule, words, response);
	if (id)
		json_object_set(response, "id", id);
	json_patch(response, json_object_get(rule, "patch"));
	buffer_release(&said);
	return shaped(rule, words, response);
}

json_t *asked_response(const struct asked *a, json_t *rule)
{
	struct buffer made = BUFFER_INIT;
	if (rule) {
		json_t *words = asked_words(a, rule), *response = asked_formed(a, rule, words);
		json_decref(words);
		return response;
	}
	asked_answer(a, &made);
	json_t *response = response_of(a, NULL, buffer_text(&made));
	buffer_release(&made);
	return response;
}
