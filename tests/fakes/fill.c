/* Words in patterns. */
#include <stdio.h>
#include <string.h>

#include "fake.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";

static void add_inside_quotes(struct buffer *out, const char *data, size_t size)
{
	struct buffer quoted = BUFFER_INIT;
	buffer_add_json(&quoted, (struct weir_text){data, size});
	if (quoted.size > 2)
		buffer_add(out, quoted.data + 1, quoted.size - 2);
	buffer_release(&quoted);
}

/* $WORD or $$WORD; what is no word stays. Returns how much of the pattern that was. */
static size_t add_word(struct buffer *out, const char *at, json_t *words)
{
	size_t dollars = at[1] == '$' ? 2 : 1, n = strspn(at + dollars, letters);
	json_t *value = n ? json_object_getn(words, at + dollars, n) : NULL;
	if (!value) {
		buffer_add_char(out, '$');
		return 1;
	}
	const char *data = json_string_value(value);
	size_t size = json_string_length(value);
	if (dollars == 2)
		add_inside_quotes(out, data, size);
	else
		buffer_add(out, data, size);
	return dollars + n;
}

static void fill_as(struct buffer *out, const char *pattern, json_t *words, bool quotes)
{
	while (*pattern) {
		if (*pattern == '$') {
			pattern += add_word(out, pattern, words);
			continue;
		}
		char c = *pattern++;
		buffer_add_char(out, !quotes ? c : c == '\'' ? '"' : c == '`' ? '\'' : c);
	}
}

void fill_text(struct buffer *out, const char *pattern, json_t *words)
{
	fill_as(out, pattern, words, false);
}

void fill_json(struct buffer *out, const char *pattern, json_t *words)
{
	fill_as(out, pattern, words, true);
}

json_t *filled_json(const char *pattern, json_t *words)
{
	struct buffer text = BUFFER_INIT;
	fill_json(&text, pattern, words);
	json_t *json = json_loadb(text.data ? text.data : "", text.size, JSON_DECODE_ANY, NULL);
	buffer_release(&text);
	return json;
}

void word_set(json_t *words, const char *name, const char *data, size_t size)
{
	json_object_set_new(words, name, json_stringn_nocheck(data ? data : "", size));
}

void word_set_number(json_t *words, const char *name, int64_t value)
{
	char text[32];
	int n = snprintf(text, sizeof text, "%lld", (long long)value);
	word_set(words, name, text, (size_t)n);
}
