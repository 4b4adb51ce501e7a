#include "weir/null_mark.h"

#include <string.h>
#include <strings.h>

#include "weir/utf8.h"

/* clang-format off */
static const char *const marks[] = {
	"null",	   "\\N",	"none",	     "nan",	  "na",	    "n/a",
	"<na>",	   "#n/a",	"#na",	     "#name?",	  "#ref!",  "#value!",
	"#null!",  "#div/0!",	"#num!",     "undefined", "-nan",   "[removed]",
	"[deleted]", "[deleted by user]", "[removed by reddit]", "[ removed by reddit ]"};
/* clang-format on */

bool null_mark_is(const char *text, size_t size)
{
	struct weir_text mark;

	if (size > NULL_MARK_MAX)
		return false;
	mark = utf8_trim((struct weir_text){text, size});
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (strlen(marks[i]) == mark.size &&
		    strncasecmp(mark.data, marks[i], mark.size) == 0)
			return true;
	return false;
}
