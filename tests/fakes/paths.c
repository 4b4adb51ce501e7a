/* Under which prefixes the API is served. */
#include <stdio.h>
#include <string.h>

#include "fake.h"

#define PREFIXES_MAX 16

static const char *given[PREFIXES_MAX];

int paths_add(const char *prefix)
{
	size_t n = 0;
	while (n < PREFIXES_MAX && given[n])
		n++;
	if (n == PREFIXES_MAX || *prefix != '/')
		return -1;
	given[n] = prefix;
	return 0;
}

static const char *nth_prefix(size_t i)
{
	json_t *scripted = script_part("prefixes");
	if (json_is_array(scripted))
		return json_string_value(json_array_get(scripted, i));
	if (!given[0])
		return i == 0 ? "/v1" : NULL;
	return i < PREFIXES_MAX ? given[i] : NULL;
}

/* What is left of the path behind the prefix, NULL: it has another. {any} is one part of it, and
 * goes to name. */
static const char *left_by(const char *prefix, const char *at, char *name, size_t room)
{
	if (strcmp(prefix, "/") == 0)
		return at;
	while (*prefix && *prefix != '?') {
		if (strncmp(prefix, "{any}", 5) == 0) {
			size_t n = strcspn(at, "/");
			if (n == 0)
				return NULL;
			snprintf(name, room, "%.*s", (int)n, at);
			prefix += 5;
			at += n;
		} else if (*prefix++ != *at++) {
			return NULL;
		}
	}
	return *at == '/' ? at : NULL;
}

static bool has_query(const struct call *c, const char *prefix)
{
	const char *wanted = strchr(prefix, '?');
	return !wanted || call_query(c, wanted + 1);
}

/* As it would be under /v1, which is what routes and rules speak of. False: it is not served. */
bool path_served(struct call *c, const char *path, char *as, size_t room)
{
	const char *prefix;
	for (size_t i = 0; (prefix = nth_prefix(i)) != NULL; i++) {
		*c->deployment = '\0';
		const char *left = left_by(prefix, path, c->deployment, sizeof c->deployment);
		if (!left || !has_query(c, prefix))
			continue;
		snprintf(c->prefix, sizeof c->prefix, "%.*s", (int)(left - path), path);
		snprintf(as, room, "/v1%s", left);
		return true;
	}
	return false;
}
