#include "weir/failpoint.h"

#ifdef WEIR_FAILPOINTS
#include <signal.h>
#include <stdlib.h>
#include <string.h>

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
		raise(end && strcmp(end, ":stop") == 0 ? SIGSTOP : SIGKILL);
}
#else
typedef int failpoint_is_compiled_in_for_tests_only;
#endif
