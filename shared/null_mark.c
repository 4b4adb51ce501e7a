#include "weir/null_mark.h"

#include <string.h>
#include <strings.h>

static const char *const marks[] = {
	"null",	   "\\N",	"none",	     "nan",	  "na",	    "n/a",
	"<na>",	   "#n/a",	"#na",	     "#name?",	  "#ref!",  "#value!",
	"#null!",  "#div/0!",	"#num!",     "undefined", "-nan",   "[removed]",
	"[deleted]", "[deleted by user]", "[removed by reddit]", "[ removed by reddit ]"};

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool null_mark_is(const char *text, size_t size)
{
	if (size > NULL_MARK_MAX)
		return false;
	while (size > 0 && is_blank(text[size - 1]))
		size--;
	for (; size > 0 && is_blank(*text); size--)
		text++;
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (strlen(marks[i]) == size && strncasecmp(text, marks[i], size) == 0)
			return true;
	return false;
}
