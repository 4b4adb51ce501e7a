#include "provider_kind.h"

#include <stdlib.h>
#include <string.h>

const struct provider_kind *provider_kind_of(const struct model *m)
{
	return m->provider == PROVIDER_OPENAI ? &provider_openai : &provider_anthropic;
}

const char *json_text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

int64_t json_count_of(const json_t *object, const char *key)
{
	double count = json_number_value(json_object_get(object, key)); /* some write 12.0 */

	return count > 0 && count <= INT32_MAX * 1e3 ? (int64_t)count : 0;
}

/* Azure, OpenAI, Gemini (PROHIBITED_CONTENT, BLOCKLIST, SPII, RECITATION), Bedrock
 * (content_filtered, guardrail_intervened), Zhipu (sensitive), and gateways that put both together
 * ("content_filter: SAFETY"). */
bool is_refusal(const char *reason)
{
	static const char *const parts[] = {"filter",	  "safety",	"prohibited", "blocklist",
					    "spii",	  "guardrail",	"refus",      "sensitive",
					    "recitation", "moderation", "blocked"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcasestr(reason, parts[i]))
			return true;
	}
	return false;
}

int64_t limit_of(const struct model *m, const struct prompt *p)
{
	if (p->max_tokens > 0)
		return p->max_tokens;
	return m->max_tokens > 0 ? m->max_tokens : MODEL_MAX_TOKENS;
}

struct weir_text buffer_view(const struct buffer *b)
{
	return (struct weir_text){b->data ? b->data : "", b->size};
}

void add_turn(struct buffer *out, const char *role, struct weir_text text)
{
	buffer_printf(out, "{\"role\":\"%s\",\"content\":", role);
	buffer_add_json(out, text);
	buffer_add_char(out, '}');
}

static bool is_blank(struct weir_text text)
{
	for (size_t i = 0; i < text.size; i++) {
		if (!strchr(" \t\r\n", text.data[i]))
			return false;
	}
	return true;
}

/* A turn without text is refused, so a blank answer is told by a dash. */
void add_turns(struct buffer *out, const struct prompt *p)
{
	static const struct weir_text dash = {"-", 1};

	add_turn(out, "user", buffer_view(&p->user));
	if (!p->fault.data)
		return;
	buffer_add_char(out, ',');
	add_turn(out, "assistant", is_blank(p->answer) ? dash : p->answer);
	buffer_add_char(out, ',');
	add_turn(out, "user", p->fault);
}

void add_settings(struct buffer *out, const struct model *m)
{
	char number[COST_TEXT_MAX];

	if (m->has_temperature) {
		model_cost_text(m->temperature * 1000000, number); /* of a millionth */
		buffer_printf(out, ",\"temperature\":%s", number);
	}
	if (m->extra) {
		buffer_add_char(out, ',');
		buffer_add_text(out, m->extra);
	}
}

void add_clean(struct buffer *out, const json_t *text)
{
	const char *at = json_string_value(text);
	const char *end = at ? at + json_string_length(text) : NULL;

	while (at && at < end) {
		const char *stop = memchr(at, '\0', (size_t)(end - at));

		buffer_add(out, at, (size_t)((stop ? stop : end) - at));
		if (stop)
			buffer_add_text(out, "\xEF\xBF\xBD");
		at = stop ? stop + 1 : end;
	}
}

static bool is_empty(const json_t *arguments)
{
	const char *text = json_string_value(arguments);

	if (!text)
		return json_object_size(arguments) == 0;
	text += strspn(text, " \t\r\n");
	return *text != '{' || text[1 + strspn(text + 1, " \t\r\n")] == '}';
}

void add_called(struct buffer *out, const json_t *arguments, size_t nth)
{
	if (out->size > 0 && is_empty(arguments))
		return;
	if (out->size > 0) /* in the words of answer_opening.h */
		buffer_add_text(out, nth == 0 ? "\n\nFinal answer:\n" : ",\n");
	if (json_is_object(arguments))
		add_dump(out, arguments);
	else
		add_clean(out, arguments);
}

void add_dump(struct buffer *out, const json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15));

	if (text)
		buffer_add_text(out, text);
	else
		out->failed = true;
	free(text);
}

int id_copy(char out[PROVIDER_ID_MAX + 1], const char *id)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.:";
	size_t size = strlen(id);

	if (size == 0 || size > PROVIDER_ID_MAX || id[strspn(id, allowed)])
		return -1;
	memcpy(out, id, size + 1);
	return 0;
}

void provider_url(const struct model *m, const char *const *parts, struct buffer *out)
{
	size_t begin = out->size;

	buffer_add_text(out, m->base_url);
	for (; *parts; parts++)
		buffer_add_text(out, *parts);
	if (!m->query || buffer_failed(out))
		return;
	buffer_add_char(out, memchr(out->data + begin, '?', out->size - begin) ? '&' : '?');
	buffer_add_text(out, m->query);
}

int url_copy(const struct model *m, const char *const *parts, char out[PROVIDER_URL_MAX])
{
	struct buffer url = BUFFER_INIT;
	int rc = -1;

	provider_url(m, parts, &url);
	if (buffer_text(&url) && url.size < PROVIDER_URL_MAX) {
		memcpy(out, url.data, url.size + 1);
		rc = 0;
	}
	buffer_release(&url);
	return rc;
}
