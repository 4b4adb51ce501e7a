#include "weir/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "weir/utf8.h"

/* The text is kept in the database, which takes UTF-8 only: what is not, and a character that the
 * end of the buffer has cut in two, becomes '?' or is left out. */
static void keep_utf8(char *text, size_t size, bool cut)
{
	size_t at = 0;

	while ((at += utf8_valid(text + at, size - at)) < size) {
		if (cut && size - at < 4)
			break;
		text[at++] = '?';
	}
	text[at] = '\0';
}

/* Formatted aside first: an argument may be a text of the very struct that is filled. */
int weir_fail(struct weir_error *err, const char *code, const char *fmt, ...)
{
	struct weir_error made = {.code = "", .text = ""};
	va_list args;
	int wanted;

	if (err == NULL)
		return -1;
	snprintf(made.code, sizeof(made.code), "%s", code);
	keep_utf8(made.code, strlen(made.code), false);
	va_start(args, fmt);
	wanted = vsnprintf(made.text, sizeof(made.text), fmt, args);
	va_end(args);
	keep_utf8(made.text, strlen(made.text), wanted >= (int)sizeof(made.text));
	*err = made;
	return -1;
}

int weir_fail_memory(struct weir_error *err)
{
	return weir_fail(err, "out_of_memory", "out of memory");
}
