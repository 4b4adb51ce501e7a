/* Idempotency-Key: what it was used for before. */
#include <string.h>

#include "fake.h"

static json_t *seen; /* keys to {hash, done} */
static struct {
	int64_t same, other;
} again;

/* FNV-1a, of path and body. */
static json_int_t hash_of(const struct call *c)
{
	uint64_t hash = 14695981039346656037u;
	for (const char *p = c->route->path; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 1099511628211u;
	for (size_t i = 0; i < c->body.size; i++)
		hash = (hash ^ (unsigned char)c->body.data[i]) * 1099511628211u;
	return (json_int_t)hash;
}

static bool refuses(void)
{
	const char *how = json_string_value(script_part("keys"));
	return how ? strcmp(how, "refuse") == 0 : settings_of_fake.strict_keys;
}

/* Stripe holds a call against a key when the first one with it was begun, not merely refused. */
int keys_check(struct call *c)
{
	const char *key = call_header(c, "idempotency-key");
	json_t *before = key ? json_object_get(seen, key) : NULL;
	if (!before)
		return 0;
	bool same = json_integer_value(json_object_get(before, "hash")) == hash_of(c);
	again.same += same;
	again.other += !same;
	if (same || !refuses() || !json_is_true(json_object_get(before, "done")))
		return 0;
	json_t *words = call_words(c, NULL);
	error_place(&c->reply, "idempotency", words);
	json_decref(words);
	return -1;
}

void keys_remember(struct call *c)
{
	const char *key = call_header(c, "idempotency-key");
	if (!key)
		return;
	if (!seen)
		seen = json_object();
	json_t *before = json_object_get(seen, key);
	if (!json_is_true(json_object_get(before, "done")))
		json_object_set_new(
			seen, key,
			json_pack("{s:I, s:b}", "hash", hash_of(c), "done", c->reply.billed));
}

json_t *keys_json(void)
{
	return json_pack("{s:I, s:I, s:I}", "keys", (json_int_t)json_object_size(seen), "same",
			 (json_int_t)again.same, "other", (json_int_t)again.other);
}

void keys_reset(void)
{
	json_decref(seen);
	seen = NULL;
	again.same = again.other = 0;
}
