#include "source.h"
#include "walk.h"

static bool is_either(const char *name) { return is_markdown_name(name) || is_json_name(name); }

void source_look(char *folder, bool *markdown, bool *json)
{
	struct walk w = {.roots = &folder, .root_count = 1, .wanted = is_either};
	struct weir_error ignored; /* what cannot be read is said when it is read */
	enum walk_status status = WALK_BAD;
	*markdown = *json = false;
	while (status != WALK_END && !(*markdown && *json)) {
		status = walk_next(&w, &ignored);
		if (status == WALK_FILE)
			*(is_json_name(w.path) ? json : markdown) = true;
	}
	walk_release(&w);
}
