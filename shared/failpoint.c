#include "weir/failpoint.h"

#ifdef WEIR_FAILPOINTS
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static pid_t parent;

void failpoint_parent(pid_t pid) { parent = pid; }

static void strike(const char *how)
{
	if (strcmp(how, ":stop") == 0) {
		raise(SIGSTOP);
		return;
	}
	if (parent > 0 && strcmp(how, ":worker") != 0)
		kill(parent, SIGKILL);
	raise(SIGKILL);
}

void failpoint(const char *name)
{
	static long hits;
	const char *wanted = getenv("WEIR_FAILPOINT");
	size_t n = strlen(name);
	if (!wanted || strncmp(wanted, name, n) != 0 || (wanted[n] != '\0' && wanted[n] != ':'))
		return;
	char *end = NULL;
	long at = wanted[n] == ':' ? strtol(wanted + n + 1, &end, 10) : 1;
	if (++hits == at)
		strike(end ? end : "");
}
#else
typedef int failpoint_is_compiled_in_for_tests_only;
#endif
