#include "checker.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "natural.h"
#include "weir/kind.h"

static int decode_later(struct checker *c, struct weir_error *err)
{
	for (size_t i = 1; i < c->stages->count; i++) {
		const char *context = c->stages->list[i].context;
		if (message_decode_map(&c->later_decoded[i], context, strlen(context),
				       &c->later_maps[i], err) < 0)
			return -1;
	}
	return 0;
}

static int check_parameters(const struct checker *c, struct weir_error *err)
{
	for (size_t i = 0; i < c->stages->count; i++)
		if (kind_check_parameters(&c->plugins[i].plugin, i ? c->later_maps[i] : c->map,
					  err) < 0)
			return -1;
	return 0;
}

int checker_init(struct checker *c, const struct loaded_plugin *plugins, const struct llm *llm,
		 const char *job_id, const struct stages *stages, struct weir_error *err)
{
	const char *context = stages->list[0].context;
	*c = (struct checker){.plugins = plugins,
			      .llm = llm,
			      .job_id = {job_id, strlen(job_id)},
			      .stages = stages,
			      .context = {context, strlen(context)}};
	for (size_t i = 0; i < stages->count; i++)
		c->steps |= *stages->list[i].step != '\0';
	if (message_decode_map(&c->decoded, c->context.data, c->context.size, &c->map, err) == 0 &&
	    decode_later(c, err) == 0 && check_parameters(c, err) == 0)
		return 0;
	checker_release(c);
	return -1;
}

void checker_release(struct checker *c)
{
	message_release(&c->decoded);
	for (size_t i = 1; i < STAGES_MAX; i++)
		message_release(&c->later_decoded[i]);
	buffer_release(&c->encoded);
	buffer_release(&c->later);
}

/* The message that the relay will make of it must be one that the consumer takes. The longest
 * numbers and names that it can have stand for those it will have. */
static int check_size(struct checker *c, const struct weir_item *item,
		      const struct message *context, const struct message *payload,
		      struct weir_error *err)
{
	const char *kind = c->plugins->plugin.kind;
	buffer_reset(&c->encoded);
	message_encode(&c->encoded,
		       &(struct message_fields){
			       .kind = {kind, strlen(kind)},
			       .job_id = item->job_id,
			       .batch_id = item->batch_id,
			       .custom_id = item->custom_id,
			       .table_name = item->table_name,
			       .record_id = item->record_id,
			       .stage = item->stage,
			       .ordinal = INT32_MAX,
			       .epoch = INT32_MAX,
			       .attempt = INT32_MAX,
			       .context = {context->transcoded.data, context->transcoded.size},
			       .payload = {payload->transcoded.data, payload->transcoded.size}});
	if (buffer_failed(&c->encoded))
		return weir_fail_memory(err);
	if (c->encoded.size + MESSAGE_BATCH_ID_MAX > MESSAGE_MAX)
		return weir_fail(err, "oversized", "the item is %zu bytes as a message, at most %d",
				 c->encoded.size, MESSAGE_MAX - MESSAGE_BATCH_ID_MAX);
	return message_scan(c->encoded.data, c->encoded.size, err);
}

/* By what is told of its kind; what there will be of results is not known. */
static int check_kind(const struct checker *c, size_t stage, struct weir_item item,
		      const struct source_record *r, struct weir_error *err)
{
	struct buffer merged = BUFFER_INIT;
	struct message own = {.decoded = false};
	const char *context = c->stages->list[stage].context;
	int rc = 0;
	item.stage = (uint32_t)stage + 1;
	item.context = c->later_maps[stage];
	if (r->context.data) {
		rc = message_overlay(&merged, (struct weir_text){context, strlen(context)},
				     r->context, err);
		if (rc == 0)
			rc = message_decode_map(&own, merged.data, merged.size, &item.context, err);
	}
	if (rc == 0)
		rc = kind_check(&c->plugins[stage].plugin, c->llm, &item, err);
	message_release(&own);
	buffer_release(&merged);
	return rc;
}

static int check_kinds(const struct checker *c, const struct weir_item *item,
		       const struct source_record *r, struct weir_error *err)
{
	struct weir_error why;
	for (size_t i = 1; i < c->stages->count; i++)
		if (check_kind(c, i, *item, r, &why) < 0)
			return weir_fail(err, why.code, "stage %zu: %s", i + 1, why.text);
	return 0;
}

/* In each later stage the payload is the input of another, beside results that do not exist yet. */
static int check_later(struct checker *c, struct weir_item item, const struct source_record *r,
		       const struct message *context, struct weir_error *err)
{
	struct message payload;
	struct weir_error why;
	bool fits = false;
	if (c->stages->count < 2)
		return 0;
	buffer_reset(&c->later);
	buffer_add_text(&c->later, "{\"input\":");
	buffer_add(&c->later, r->payload.data, r->payload.size);
	buffer_add_text(&c->later, ",\"results\":{}}");
	if (buffer_failed(&c->later))
		return weir_fail_memory(err);
	item.stage = 2;
	int rc = message_decode_map(&payload, c->later.data, c->later.size, &item.payload, &why);
	if (rc == 0) {
		rc = check_size(c, &item, context, &payload, &why);
		fits = rc == 0;
		if (fits)
			rc = check_kinds(c, &item, r, err);
		message_release(&payload);
	}
	if (rc == 0 || fits)
		return rc;
	if (strcmp(why.code, "too_deep") == 0)
		return weir_fail(err, why.code,
				 "too deep for a second stage, where it is one level deeper, as "
				 "\"input\": %s",
				 why.text);
	return weir_fail(err, why.code,
			 "too large for a second stage, where it is the \"input\" of a larger "
			 "payload: %s",
			 why.text);
}

/* Fields that are passed over are said once a job. */
static void note_unread(struct checker *c, const struct weir_item *item)
{
	struct weir_text key;
	if (!kind_reads_here(&c->plugins->plugin, c->llm, item))
		return;
	for (size_t i = 0; map_key(item->payload, i, &key) == 0; i++) {
		if (kind_reads(&c->plugins->plugin, key))
			continue;
		size_t at = 0;
		while (at < c->unread_count &&
		       (strlen(c->unread[at].name) != key.size ||
			memcmp(c->unread[at].name, key.data, key.size) != 0))
			at++;
		if (at == UNREAD_MAX || key.size >= sizeof c->unread->name)
			continue;
		if (at == c->unread_count) {
			memcpy(c->unread[at].name, key.data, key.size);
			c->unread_count++;
		}
		c->unread[at].items++;
	}
}

static int check_under(struct checker *c, const struct source_record *r,
		       const struct message *context, const struct weir_map *map,
		       struct weir_error *err)
{
	struct message payload;
	struct weir_item item = {.job_id = c->job_id,
				 .batch_id = c->job_id,
				 .custom_id = r->custom_id,
				 .table_name = r->table_name,
				 .record_id = r->record_id,
				 .stage = 1,
				 .context = map};
	if (message_decode_map(&payload, r->payload.data, r->payload.size, &item.payload, err) < 0)
		return -1;
	int rc = check_size(c, &item, context, &payload, err);
	if (rc == 0)
		rc = check_later(c, item, r, context, err);
	if (rc == 0)
		rc = kind_check(&c->plugins->plugin, c->llm, &item, err);
	if (rc == 0)
		rc = kind_check_spelling(&c->plugins->plugin, c->llm, &item, err);
	if (rc == 0)
		rc = c->plugins->plugin.check(c->plugins->state, &item, err);
	if (rc == 0)
		note_unread(c, &item);
	message_release(&payload);
	return rc;
}

static bool same_step(const struct stages *s, const json_t *step)
{
	const char *text = json_string_value(step);
	for (size_t i = 0; i < s->count; i++)
		if (!text || json_string_length(step) != strlen(text) ||
		    strcmp(s->list[i].step, text) != 0)
			return false;
	return true;
}

/* The step is the stage's, and none is something too: an item that changed it would be another's
 * result. own was an object a moment ago. */
static int check_step(const struct checker *c, struct weir_text own, struct weir_error *err)
{
	if (!c->steps)
		return 0;
	json_t *context = json_loadb(own.data, own.size, JSON_ALLOW_NUL, NULL);
	json_t *step = json_object_get(context, "step");
	bool fits = context && (!step || same_step(c->stages, step));
	json_decref(context);
	return fits ? 0
		    : weir_fail(err, "bad_context",
				"the item's context must not change the step of a stage");
}

static int check_with_own_context(struct checker *c, const struct source_record *r,
				  struct weir_error *err)
{
	struct buffer merged = BUFFER_INIT;
	struct message own;
	const struct weir_map *map;
	int rc = message_overlay(&merged, c->context, r->context, err);
	if (rc == 0)
		rc = check_step(c, r->context, err);
	if (rc == 0)
		rc = stages_check_later(c->stages, c->llm, r->context, err);
	if (rc == 0)
		rc = message_decode_map(&own, merged.data, merged.size, &map, err);
	if (rc == 0) {
		rc = kind_check_parameters(&c->plugins->plugin, map, err);
		if (rc == 0)
			rc = check_under(c, r, &own, map, err);
		message_release(&own);
	}
	buffer_release(&merged);
	return rc;
}

/* A file with a list of objects that the kind does not read holds items, and is none. */
static int check_list(const struct checker *c, struct weir_text list, struct weir_error *err)
{
	if (!list.data || kind_reads(&c->plugins->plugin, list))
		return 0;
	return weir_fail(err, "bad_payload",
			 "if the items are the list \"%.*s\" in this object, give that alone: jq "
			 "'.[\"%.*s\"]' FILE; if the object is one item, give it a custom_id",
			 (int)list.size, list.data, (int)list.size, list.data);
}

void checker_say_unread(const struct checker *c)
{
	if (c->unread_count == 0)
		return;
	fprintf(stderr, "weir: not read by the kind %s:", c->plugins->plugin.kind);
	for (size_t i = 0; i < c->unread_count; i++)
		fprintf(stderr, "%s %s (in %" PRId64 " items)", i ? "," : "", c->unread[i].name,
			c->unread[i].items);
	fprintf(stderr, "%s\n", c->unread_count == UNREAD_MAX ? ", and maybe more" : "");
}

int checker_check(struct checker *c, const struct source_record *r, struct weir_error *err)
{
	if (check_list(c, r->list, err) < 0)
		return -1;
	if (natural_check(r->custom_id, false, err) < 0)
		return -1;
	if (r->context.data)
		return check_with_own_context(c, r, err);
	return check_under(c, r, &c->decoded, c->map, err);
}
