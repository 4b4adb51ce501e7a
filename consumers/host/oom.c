/* Sources: Linux, Documentation/admin-guide/cgroup-v2.rst (memory.events), cgroup-v1/memory.rst
 * (memory.oom_control), and /proc/vmstat; each has a line "oom_kill NUMBER". */
#include "oom.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE 512

int64_t oom_read(const char *path, const char *name)
{
	char line[LINE];
	size_t n = strlen(name);
	int64_t found = -1;
	FILE *f = fopen(path, "re");
	if (!f)
		return -1;
	while (found < 0 && fgets(line, sizeof line, f))
		if (strncmp(line, name, n) == 0 && line[n] == ' ')
			found = strtoll(line + n + 1, NULL, 10);
	fclose(f);
	return found;
}

/* Where the line of /proc/self/cgroup, "NUMBER:CONTROLLERS:PATH", leads. False: not to memory. */
static bool file_of(const char *line, char out[PATH_MAX])
{
	const char *controllers = strchr(line, ':');
	const char *path = controllers ? strchr(controllers + 1, ':') : NULL;
	if (!path)
		return false;
	bool unified = path == controllers + 1;
	int size = (int)strcspn(path + 1, "\n");
	if (!unified && !strstr(controllers, "memory"))
		return false;
	snprintf(out, PATH_MAX,
		 unified ? "/sys/fs/cgroup%.*s/memory.events"
			 : "/sys/fs/cgroup/memory%.*s/memory.oom_control",
		 size, path + 1);
	return true;
}

static int64_t own_group(void)
{
	char line[LINE], path[PATH_MAX];
	int64_t kills = -1;
	FILE *f = fopen("/proc/self/cgroup", "re");
	if (!f)
		return -1;
	while (kills < 0 && fgets(line, sizeof line, f))
		if (file_of(line, path))
			kills = oom_read(path, "oom_kill");
	fclose(f);
	return kills;
}

/* In a container the path may be one of the machine, and the own group is what is mounted. */
int64_t oom_kills(void)
{
	static const char *const files[] = {"/sys/fs/cgroup/memory.events",
					    "/sys/fs/cgroup/memory/memory.oom_control",
					    "/proc/vmstat"};
	int64_t kills = own_group();
	for (size_t i = 0; kills < 0 && i < sizeof files / sizeof *files; i++)
		kills = oom_read(files[i], "oom_kill");
	return kills;
}
