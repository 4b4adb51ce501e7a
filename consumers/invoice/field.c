#include "field.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Besides those of ASCII: what people paste from web pages and spreadsheets. */
static const char *const blanks[] = {
	"\xC2\xA0",	/* no-break space */
	"\xE2\x80\xAF", /* narrow no-break space */
	"\xE2\x80\x8B", /* zero width space */
	"\xE3\x80\x80", /* ideographic space */
	"\xEF\xBB\xBF", /* byte order mark */
};

static bool is_plain_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* How many bytes of blank the text begins (or ends) with: one character, or 0. */
static size_t blank_at(struct weir_text t, bool at_end)
{
	if (t.size == 0)
		return 0;
	char c = at_end ? t.data[t.size - 1] : *t.data;
	if ((unsigned char)c < 0x80)
		return is_plain_blank(c);
	for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
		size_t n = strlen(blanks[i]);
		if (t.size >= n && memcmp(at_end ? t.data + t.size - n : t.data, blanks[i], n) == 0)
			return n;
	}
	return 0;
}

static struct weir_text trim(struct weir_text t)
{
	size_t n;
	while ((n = blank_at(t, true)) > 0)
		t.size -= n;
	while ((n = blank_at(t, false)) > 0) {
		t.data += n;
		t.size -= n;
	}
	return t;
}

/* Those of ASCII, and U+0080 to U+009F. */
static bool has_controls(struct weir_text t)
{
	for (size_t i = 0; i < t.size; i++) {
		unsigned char c = (unsigned char)t.data[i];
		if (c < ' ' || c == 0x7F)
			return true;
		if (c == 0xC2 && i + 1 < t.size && (unsigned char)t.data[i + 1] < 0xA0)
			return true;
	}
	return false;
}

static enum field judge(struct weir_text text, size_t most, struct weir_text *out)
{
	*out = trim(text);
	if (out->size == 0) {
		*out = (struct weir_text){NULL, 0};
		return FIELD_ABSENT;
	}
	return out->size > most || has_controls(*out) ? FIELD_BAD : FIELD_TEXT;
}

enum field field_text(const struct weir_host *host, const struct weir_map *map, const char *key,
		      size_t most, struct weir_text *out)
{
	struct weir_text text;
	if (host->map_text(map, key, &text) == 0)
		return judge(text, most, out);
	*out = (struct weir_text){NULL, 0};
	return host->map_json(host, map, key, out) == 0 ? FIELD_BAD : FIELD_ABSENT;
}

enum field field_name(const struct weir_host *host, const struct weir_map *map, const char *key,
		      size_t most, char digits[FIELD_DIGITS], struct weir_text *out)
{
	int64_t number;
	if (host->map_integer(map, key, &number) < 0)
		return field_text(host, map, key, most, out);
	int n = snprintf(digits, FIELD_DIGITS, "%" PRId64, number);
	*out = (struct weir_text){digits, (size_t)n};
	return FIELD_TEXT;
}

static bool is_word(struct weir_text text, const char *word)
{
	return text.size == strlen(word) && strncasecmp(text.data, word, text.size) == 0;
}

int field_flag(const struct weir_host *host, const struct weir_map *map, const char *key, bool *out)
{
	struct weir_text text;
	*out = false;
	if (host->map_text(map, key, &text) == 0)
		text = trim(text);
	else if (host->map_json(host, map, key, &text) < 0)
		return 0;
	static const char *const words[][2] = {
		{"true", "false"}, {"yes", "no"}, {"y", "n"}, {"1", "0"}};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		*out = is_word(text, words[i][0]);
		if (*out || is_word(text, words[i][1]))
			return 0;
	}
	return text.size == 0 ? 0 : -1;
}

bool field_is_absent(const struct weir_host *host, const struct weir_map *map, const char *key)
{
	struct weir_text text;
	if (host->map_text(map, key, &text) == 0)
		return trim(text).size == 0;
	return host->map_json(host, map, key, &text) < 0;
}

const char *field_decimal(const struct weir_host *host, const struct weir_map *map, const char *key,
			  struct decimal *out, struct weir_text *seen)
{
	double number;
	*seen = (struct weir_text){NULL, 0};
	if (host->map_text(map, key, seen) == 0) {
		*seen = trim(*seen);
		return seen->size > 0 ? decimal_read(out, seen->data, seen->size) : "is missing";
	}
	if (host->map_json(host, map, key, seen) < 0)
		return "is missing";
	if (host->map_real(map, key, &number) < 0)
		return "is no decimal number such as 12.50";
	return decimal_read_number(out, seen->data, seen->size);
}
