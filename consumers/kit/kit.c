#include "kit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define VALUE_SHOWN 60 /* bytes */

int plugin_fail(struct weir_error *err, const char *code, const char *fmt, ...)
{
	va_list args;
	snprintf(err->code, sizeof err->code, "%s", code);
	va_start(args, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, args);
	va_end(args);
	return -1;
}

int plugin_fail_memory(struct weir_error *err)
{
	return plugin_fail(err, "out_of_memory", "out of memory");
}

int plugin_fail_value(struct weir_error *err, const char *code, const char *text,
		      struct weir_text value)
{
	return plugin_fail(err, code, "%s, not \"%.*s\"", text,
			   (int)text_shown(value.data, value.size, VALUE_SHOWN),
			   value.data ? value.data : "");
}

const struct weir_map *plugin_input(const struct weir_host *host, const struct weir_item *item)
{
	const struct weir_map *input;
	if (item->stage > 1 && host->map_map(item->payload, "input", &input) == 0)
		return input;
	return item->payload;
}

bool text_is(struct weir_text text, const char *word)
{
	return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

size_t text_shown(const char *text, size_t n, size_t most)
{
	if (n <= most)
		return n;
	while (most > 0 && ((unsigned char)text[most] & 0xC0) == 0x80)
		most--;
	return most;
}
