/* Single calls: messages and chat completions. */
#include "fake.h"

static json_t *replays; /* Idempotency-Key to the answer that was billed */

int calls_read(struct call *c)
{
	char text[256];
	if (asked_read(c->route->vendor, c->json, false, &c->asked, text, sizeof text) < 0)
		return reply_invalid(c, text);
	return 0;
}

static void remember(struct call *c, const char *key)
{
	if (!replays)
		replays = json_object();
	json_object_set_new(replays, key, json_stringn(c->reply.body.data, c->reply.body.size));
}

void calls_act(struct call *c)
{
	char id[64];
	const char *key = settings_of_fake.idempotent ? call_header(c, "idempotency-key") : NULL;
	json_t *before = key ? json_object_get(replays, key) : NULL;
	fake_id(id, sizeof id, "req");
	reply_header(&c->reply, c->route->vendor == OPENAI ? "x-request-id" : "request-id", id);
	if (before) {
		c->reply.status = 200;
		buffer_add(&c->reply.body, json_string_value(before), json_string_length(before));
		return;
	}
	reply_json(c, asked_response(&c->asked, c->rule));
	c->reply.billed = true;
	if (key)
		remember(c, key);
}

void calls_reset(void)
{
	json_decref(replays);
	replays = NULL;
}
