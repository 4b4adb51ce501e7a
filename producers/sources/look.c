#include "source.h"
#include "walk.h"

static bool is_any(const char *name) { return name != NULL; }

void source_look(char *folder, bool (*const *wanted)(const char *name), size_t *found, size_t count)
{
	struct walk w = {.roots = &folder, .root_count = 1, .wanted = is_any};
	struct weir_error ignored; /* what cannot be read is said when it is read */
	enum walk_status status = WALK_BAD;
	for (size_t i = 0; i < count; i++)
		found[i] = 0;
	while (status != WALK_END) {
		status = walk_next(&w, &ignored);
		for (size_t i = 0; status == WALK_FILE && i < count; i++)
			found[i] += wanted[i](w.path);
	}
	walk_release(&w);
}
