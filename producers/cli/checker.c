#include "checker.h"

#include <string.h>

int checker_init(struct checker *c, const struct loaded_plugin *plugin, const char *job_id,
		 const struct stage *stage, struct weir_error *err)
{
	*c = (struct checker){.plugin = plugin,
			      .job_id = {job_id, strlen(job_id)},
			      .stage = stage,
			      .context = {stage->context, strlen(stage->context)}};
	return message_decode_map(&c->decoded, c->context.data, c->context.size, &c->map, err);
}

void checker_release(struct checker *c)
{
	message_release(&c->decoded);
	buffer_release(&c->encoded);
}

/* The message that the relay will make of it must be one that the consumer takes. The longest
 * numbers and names that it can have stand for those it will have. */
static int check_size(struct checker *c, const struct weir_item *item,
		      const struct message *context, const struct message *payload,
		      struct weir_error *err)
{
	const char *kind = c->plugin->plugin.kind;
	buffer_reset(&c->encoded);
	message_encode(&c->encoded,
		       &(struct message_fields){
			       .kind = {kind, strlen(kind)},
			       .job_id = item->job_id,
			       .batch_id = item->batch_id,
			       .custom_id = item->custom_id,
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

static int check_under(struct checker *c, const struct source_record *r,
		       const struct message *context, const struct weir_map *map,
		       struct weir_error *err)
{
	struct message payload;
	struct weir_item item = {.job_id = c->job_id,
				 .batch_id = c->job_id,
				 .custom_id = r->custom_id,
				 .stage = 1,
				 .context = map};
	if (message_decode_map(&payload, r->payload.data, r->payload.size, &item.payload, err) < 0)
		return -1;
	int rc = check_size(c, &item, context, &payload, err);
	if (rc == 0)
		rc = c->plugin->plugin.check(c->plugin->state, &item, err);
	message_release(&payload);
	return rc;
}

/* The step is the stage's: an item that changed it would be another's result in each stage. */
static int check_step(const struct checker *c, const struct weir_map *map, struct weir_error *err)
{
	const char *step = c->stage->step;
	struct weir_text text;
	if (!*step || (map_text(map, "step", &text) == 0 && text.size == strlen(step) &&
		       memcmp(text.data, step, text.size) == 0))
		return 0;
	return weir_fail(err, "bad_context", "the item's context must not change the step");
}

static int check_with_own_context(struct checker *c, const struct source_record *r,
				  struct weir_error *err)
{
	struct buffer merged = BUFFER_INIT;
	struct message own;
	const struct weir_map *map;
	int rc = message_overlay(&merged, c->context, r->context, err);
	if (rc == 0)
		rc = message_decode_map(&own, merged.data, merged.size, &map, err);
	if (rc == 0) {
		rc = check_step(c, map, err);
		if (rc == 0)
			rc = check_under(c, r, &own, map, err);
		message_release(&own);
	}
	buffer_release(&merged);
	return rc;
}

int checker_check(struct checker *c, const struct source_record *r, struct weir_error *err)
{
	if (!message_name_ok(r->custom_id))
		return weir_fail(err, "bad_name", "custom_id \"%.*s\": 1 to %d of A-Z a-z 0-9 _ -",
				 (int)(r->custom_id.size < 80 ? r->custom_id.size : 80),
				 r->custom_id.data, MESSAGE_NAME_MAX);
	if (r->context.data)
		return check_with_own_context(c, r, err);
	return check_under(c, r, &c->decoded, c->map, err);
}
