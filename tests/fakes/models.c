/* Lists of models. */
#include <string.h>

#include "fake.h"

/* one: of each model, put between the others where the list has $ALL. */
static const struct models_form {
	const char *name, *list, *one, *source;
} forms[] = {
	{"openai", "{'object': 'list', 'data': [$ALL]}",
	 "{'id': '$$MODEL', 'object': 'model', 'created': 1700000000, 'owned_by': 'system'}",
	 "openai.yaml ListModelsResponse"},
	{"anthropic",
	 "{'data': [$ALL], 'has_more': false, 'first_id': '$$FIRST', 'last_id': '$$LAST'}",
	 "{'type': 'model', 'id': '$$MODEL', 'display_name': '$$MODEL', 'created_at': "
	 "'2025-02-19T00:00:00Z'}",
	 "anthropic-sdk-python types/model_info.py"},
	{"anthropic_more",
	 "{'data': [$ALL], 'has_more': true, 'first_id': '$$FIRST', 'last_id': '$$LAST'}",
	 "{'type': 'model', 'id': '$$MODEL', 'display_name': '$$MODEL', 'created_at': "
	 "'2025-02-19T00:00:00Z'}",
	 "anthropic-sdk-python pagination.py: there are others behind after_id"},
	{"ollama", "{'models': [$ALL]}",
	 "{'name': '$$MODEL:latest', 'model': '$$MODEL:latest', 'modified_at': "
	 "'2025-11-01T00:00:00Z', 'size': 3826793677, 'digest': 'fe93', 'details': {'format': "
	 "'gguf', 'family': 'llama'}}",
	 "ollama docs/api.md /api/tags"},
	{"gemini", "{'object': 'list', 'data': [$ALL]}",
	 "{'id': 'models/$$MODEL', 'object': 'model', 'owned_by': 'google'}",
	 "Gemini's OpenAI endpoint: the ids are not what is asked for"},
	{"openrouter", "{'data': [$ALL]}",
	 "{'id': '$$MODEL', 'name': '$$MODEL', 'context_length': 128000, 'pricing': {'prompt': "
	 "'0.0000005', 'completion': '0.0000015'}, 'supported_parameters': ['max_tokens', "
	 "'temperature']}",
	 "OpenRouter models"},
	{"llamacpp",
	 "{'models': [{'name': '$$FIRST', 'model': '$$FIRST', 'type': 'model'}], 'object': "
	 "'list', 'data': [$ALL]}",
	 "{'id': '$$MODEL', 'object': 'model', 'owned_by': 'llamacpp', 'meta': {'n_ctx_train': "
	 "131072}}",
	 "llama.cpp server"},
	{"vllm", "{'object': 'list', 'data': [$ALL]}",
	 "{'id': '$$MODEL', 'object': 'model', 'created': 1700000000, 'owned_by': 'vllm', 'root': "
	 "'/models/$$MODEL', 'parent': null, 'max_model_len': 8192, 'permission': []}",
	 "vLLM"},
	{"array", "[$ALL]", "{'id': '$$MODEL', 'object': 'model', 'type': 'chat'}", "Together"},
	{"data_null", "{'object': 'list', 'data': null}", "", "gateways"},
	{"empty", "{'object': 'list', 'data': []}", "", "servers with nothing loaded"},
};

const struct form_list models_forms = {"models_form", forms, sizeof forms / sizeof *forms,
				       sizeof *forms, offsetof(struct models_form, source)};

static const struct models_form *wanted(const struct call *c)
{
	const char *name = json_string_value(json_object_get(c->rule, "models_form"));
	name = name ? name : json_string_value(script_part("models_form"));
	name = name ? name : c->route->vendor == ANTHROPIC ? "anthropic" : "openai";
	return form_named(&models_forms, name);
}

static json_t *names(void)
{
	json_t *given = script_part("models");
	return json_array_size(given) ? json_incref(given) : json_pack("[s]", "model");
}

static void set_name(json_t *words, const char *word, json_t *name)
{
	word_set(words, word, json_string_value(name), json_string_length(name));
}

void models_list(struct call *c)
{
	size_t i;
	const struct models_form *f = wanted(c);
	json_t *name, *all = names(), *words = json_object();
	struct buffer list = BUFFER_INIT;
	json_array_foreach(all, i, name)
	{
		set_name(words, "MODEL", name);
		buffer_add_text(&list, i ? ", " : "");
		fill_json(&list, f->one, words);
	}
	set_name(words, "FIRST", json_array_get(all, 0));
	set_name(words, "LAST", json_array_get(all, json_array_size(all) - 1));
	word_set(words, "ALL", list.data, list.size);
	c->reply.status = 200;
	fill_json(&c->reply.body, f->list, words);
	buffer_release(&list);
	json_decref(words);
	json_decref(all);
}

void models_get(struct call *c)
{
	size_t i;
	const struct models_form *f = wanted(c);
	json_t *name, *all = names(), *words = json_object();
	reply_error(c, 404, "The model '%s' does not exist", c->id);
	json_array_foreach(all, i, name)
	{
		if (strcmp(json_string_value(name), c->id) != 0)
			continue;
		set_name(words, "MODEL", name);
		c->reply.status = 200;
		buffer_reset(&c->reply.body);
		fill_json(&c->reply.body, f->one, words);
	}
	json_decref(words);
	json_decref(all);
}
