#include "lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REAL_PLUGINS WEIR_BUILD_DIR "/lib/weir"

void real_plugins(void)
{
	program_env("WEIR_PLUGIN_DIR", REAL_PLUGINS);
	EXPECT_INT(run(NULL, "weir", "init", NULL)->status, 0);
}

void test_plugins_again(void) { program_env("WEIR_PLUGIN_DIR", NULL); }

void real_clean(void)
{
	fake_clean();
	real_plugins();
}

void real_leave(void)
{
	world_leave();
	test_plugins_again();
}

/* ---- lines ---- */

/* A process that has just been started may not have made its file yet. */
static json_t *read_lines(const char *path)
{
	char *line = NULL;
	size_t room = 0;
	json_t *lines = json_array();
	FILE *f = fopen(path, "r");
	while (f && getline(&line, &room, f) > 0) {
		if (*line != '{' || !strchr(line, '\n')) /* a log's, or it is being written */
			continue;
		json_t *one = json_loads(line, JSON_ALLOW_NUL, NULL);
		EXPECT(one != NULL, "no JSON: %.200s", line);
		if (one)
			json_array_append_new(lines, one);
	}
	free(line);
	if (f)
		fclose(f);
	return lines;
}

json_t *lines_of_run(void) { return read_lines(LOGS "/run.out"); }

json_t *lines_of(const struct process *p) { return read_lines(p->log); }

json_t *line_of(const json_t *lines, const char *custom_id)
{
	size_t i;
	json_t *line, *found = NULL;
	json_array_foreach(lines, i, line)
	{
		const char *id = json_string_value(json_object_get(line, "custom_id"));
		if (!id || strcmp(id, custom_id) != 0)
			continue;
		EXPECT(!found, "%s has two lines", custom_id);
		found = line;
	}
	EXPECT(found != NULL, "%s has no line", custom_id);
	return found;
}

const char *value_of(const json_t *line, const char *path)
{
	static char text[8192];
	while (line && *path) {
		size_t n = strcspn(path, ".");
		line = json_object_getn(line, path, n);
		path += n + (path[n] == '.');
	}
	char *json = line ? json_dumps(line, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	const char *shown = json_is_string(line) ? json_string_value(line) : json;
	snprintf(text, sizeof text, "%s", shown ? shown : "");
	free(json);
	return text;
}

bool expect_same(const char *seen, const char *wanted, const char *what, const char *file,
		 unsigned line)
{
	return expect_that(strcmp(seen, wanted) == 0, file, line, "%s: %s, not %s", what, seen,
			   wanted);
}
