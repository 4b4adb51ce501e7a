#include "refusal.h"

#include <stdio.h>
#include <string.h>

#include "consumer.h"

struct weir_text refusal_text(const struct delivery *one, enum refusal_part part)
{
	const char *at = one->result.data, *end = at + one->result.size;
	for (int i = 0; i < (int)part && at && at < end; i++)
		at += strlen(at) + 1;
	if (!at || at >= end) /* memory was short when it was written down */
		return (struct weir_text){"", 0};
	return (struct weir_text){at, strlen(at)};
}

void refusal_make(struct consumer *c, struct delivery *one, const char *queue,
		  const char *content_type, const char *message_id, const struct weir_error *why)
{
	char where[96];
	const char *const parts[] = {queue, content_type, message_id};
	buffer_release(&one->result);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		buffer_add(&one->result, parts[i], strlen(parts[i]) + 1);
	if (buffer_failed(&one->result))
		buffer_release(&one->result);
	one->fate = FATE_REFUSED;
	*one->error = *why;
	snprintf(where, sizeof where, "queue=%s", queue);
	causes_note(&c->causes, LOG_WARN, "message_refused", where, message_id, 1, why);
}

/* A MessagePack map does not begin like a JSON object. */
static const char *type_of(const struct delivery *one)
{
	const char *at = one->body;
	while (at < one->body + one->body_size && strchr(" \t\r\n", *at))
		at++;
	return at < one->body + one->body_size && *at == '{' ? MESSAGE_TYPE_JSON
							     : MESSAGE_TYPE_MSGPACK;
}

void refusal_make_again(struct consumer *c, struct delivery *one, const char *queue,
			const struct weir_error *why)
{
	char id[2 * MESSAGE_NAME_MAX + 16];
	const struct weir_item *item = &one->message.item;
	snprintf(id, sizeof id, "%.*s/%u/%.*s", (int)item->job_id.size, item->job_id.data,
		 item->stage, (int)item->custom_id.size, item->custom_id.data);
	refusal_make(c, one, queue, type_of(one), id, why);
}
