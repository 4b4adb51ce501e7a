#include "answer_keys.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64

/* A key and its value, as they are written. */
struct pair {
	const char *key, *value;
	size_t key_size, value_size;
};

struct reading {
	const char *at, *end;
	struct pair *pairs; /* of the objects that are open, the outermost first */
	size_t count, room;
	unsigned depth;
	struct {
		bool object;
		bool key;     /* a text that comes next is one */
		size_t first; /* pair */
	} levels[DEPTH_MAX];
};

static int by_key(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->key_size != y->key_size)
		return x->key_size < y->key_size ? -1 : 1;
	return memcmp(x->key, y->key, x->key_size);
}

static bool is_same_value(const struct pair *x, const struct pair *y)
{
	return x->value_size == y->value_size && memcmp(x->value, y->value, x->value_size) == 0;
}

/* *twice: there is a key that stands twice, and says the same. */
static bool check_pairs(struct pair *pairs, size_t count, bool *twice)
{
	if (count > 1)
		qsort(pairs, count, sizeof(*pairs), by_key);
	for (size_t i = 1; i < count; i++) {
		if (by_key(&pairs[i - 1], &pairs[i]) != 0)
			continue;
		if (!is_same_value(&pairs[i - 1], &pairs[i]))
			return false;
		*twice = true;
	}
	return true;
}

static const char *text_end(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++)
		at += *at == '\\';
	return at < end ? at + 1 : end;
}

static bool add_key(struct reading *r, const char *end)
{
	struct pair *more;

	if (r->count == r->room) {
		r->room = r->room > 0 ? 2 * r->room : 64;
		more = realloc(r->pairs, r->room * sizeof(*more));
		if (more == NULL)
			return false;
		r->pairs = more;
	}
	r->pairs[r->count++] = (struct pair){.key = r->at, .key_size = (size_t)(end - r->at)};
	return true;
}

/* The value of the last key of this object ends here. */
static void end_value(struct reading *r)
{
	struct pair *last;
	const char *end = r->at;

	if (!r->levels[r->depth - 1].object || r->count == r->levels[r->depth - 1].first)
		return;
	last = &r->pairs[r->count - 1];
	while (end > last->value && strchr(" \t\r\n", end[-1]) != NULL)
		end--;
	last->value_size = (size_t)(end - last->value);
}

static void begin_value(struct reading *r)
{
	const char *at = r->at + 1;

	while (at < r->end && strchr(" \t\r\n", *at) != NULL)
		at++;
	r->pairs[r->count - 1].value = at;
}

static bool open_level(struct reading *r)
{
	if (r->depth == DEPTH_MAX)
		return false;
	r->levels[r->depth].object = r->levels[r->depth].key = *r->at == '{';
	r->levels[r->depth++].first = r->count;
	return true;
}

static bool close_level(struct reading *r, bool *twice)
{
	size_t first = r->levels[r->depth - 1].first;
	bool agree;

	end_value(r);
	agree = check_pairs(r->pairs + first, r->count - first, twice);
	r->count = first;
	r->depth--;
	return agree;
}

/* One character of the outline, or a text. */
static bool step(struct reading *r, bool *twice)
{
	char c = *r->at;

	if (c == '"') {
		const char *end = text_end(r->at, r->end);
		bool key = r->levels[r->depth - 1].key;

		r->levels[r->depth - 1].key = false;
		if (key && !add_key(r, end))
			return false;
		r->at = end;
		return true;
	}
	if (c == ',') {
		end_value(r);
		r->levels[r->depth - 1].key = r->levels[r->depth - 1].object;
	} else if (c == ':') {
		begin_value(r);
	} else if ((c == '{' || c == '[') && !open_level(r)) {
		return false;
	} else if ((c == '}' || c == ']') && !close_level(r, twice)) {
		return false;
	}
	r->at++;
	return true;
}

bool answer_keys_agree(const char *json, size_t size)
{
	struct reading r = {.at = json, .end = json + size};
	bool twice = false, agree = true;

	while (r.at < r.end && *r.at != '{' && *r.at != '[')
		r.at++;
	if (r.at < r.end)
		agree = open_level(&r);
	for (r.at++; agree && r.at < r.end && r.depth > 0;)
		agree = step(&r, &twice);
	free(r.pairs);
	return agree && twice;
}
