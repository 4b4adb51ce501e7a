#include "lender.h"

#include "weir/log.h"
#include "weir/message.h"

static const struct lender *lender_of(const struct weir_host *host)
{
	return (const struct lender *)(const void *)host;
}

static void plugin_log(const struct weir_host *host, const char *event, const char *text)
{
	(void)host;
	log_event(LOG_INFO, event, "%s", text);
}

static int plugin_map_json(const struct weir_host *host, const struct weir_map *map,
			   const char *key, struct weir_text *out)
{
	struct buffer *json = lender_of(host)->json;
	buffer_reset(json);
	if (map_json(json, map, key) < 0 || buffer_failed(json))
		return -1;
	*out = (struct weir_text){json->data, json->size};
	return 0;
}

/* An item that lacks what its template shows is refused here, and not only when it is its turn. */
static int find_model(const struct weir_host *host, const struct weir_item *item,
		      struct weir_error *err)
{
	const struct lender *l = lender_of(host);
	const struct model *model;
	const struct template *template;
	if (llm_find(&l->llm, item->context, &model, &template, err) < 0)
		return -1;
	if (!template)
		return WEIR_MODEL_LOCAL;
	return template_render(template, item, l->prompt, err) < 0 ? -1 : WEIR_MODEL_REMOTE;
}

int lender_open(struct lender *l, const struct settings *s, struct weir_error *err)
{
	*l = (struct lender){.json = &l->json_text, .prompt = &l->prompt_text};
	l->host = (struct weir_host){.abi_major = WEIR_ABI_MAJOR,
				     .abi_minor = WEIR_ABI_MINOR,
				     .struct_size = sizeof l->host,
				     .log = plugin_log,
				     .map_text = map_text,
				     .map_map = map_map,
				     .map_integer = map_integer,
				     .map_real = map_real,
				     .map_json = plugin_map_json,
				     .map_count = map_count,
				     .map_entry = map_entry,
				     .map_key = map_key,
				     .map_type = map_type,
				     .find_model = find_model};
	if (!buffer_reserve(&l->json_text, WEIR_JSON_SURE))
		return weir_fail_memory(err);
	return llm_open(&l->llm, s, false, err);
}

void lender_close(struct lender *l)
{
	llm_close(&l->llm);
	buffer_release(&l->json_text);
	prompt_release(&l->prompt_text);
}
