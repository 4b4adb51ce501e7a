/* What the end of a worker says about the item in whose code it was. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "supervise.h"
#include "weir/clock.h"

/* Those that a fault of the code raises; anybody may send the others. */
static bool is_fault(int signal_number)
{
	static const int faults[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP};
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (faults[i] == signal_number)
			return true;
	return false;
}

static bool is_evidence(const struct worker_end *end)
{
	if (end->stuck || WIFEXITED(end->status))
		return true;
	int number = WTERMSIG(end->status);
	return is_fault(number) || (number == SIGKILL && end->short_of_memory);
}

static void say_how(const struct worker_end *end, char *out, size_t room)
{
	int number = WIFSIGNALED(end->status) ? WTERMSIG(end->status) : 0;
	const char *name = number ? sigabbrev_np(number) : NULL;
	if (end->stuck)
		snprintf(out, room, "was ended, for longer than --work-timeout");
	else if (!number)
		snprintf(out, room, "exit status %d", WEXITSTATUS(end->status));
	else if (number == SIGKILL && end->short_of_memory)
		snprintf(out, room, "SIGKILL by the kernel, for want of memory,");
	else
		snprintf(out, room, "SIG%s", name ? name : "?");
}

static void say_where(const struct mark *m, char *out, size_t room)
{
	if (m->phase == MARK_NONE)
		snprintf(out, room, "in no item's code");
	else
		snprintf(out, room, "in %s() of plugin %.*s", mark_phase_name(m->phase),
			 MARK_PLUGIN_SIZE - 1, m->plugins[m->plugin % MARK_PLUGINS]);
}

bool crash_judge(const struct worker_end *end, const struct mark *m, char text[CRASH_TEXT_SIZE])
{
	char how[64], where[128], when[32] = "";
	time_t now = (time_t)(clock_wall_us() / 1000000);
	struct tm utc;
	if (gmtime_r(&now, &utc))
		strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &utc);
	say_how(end, how, sizeof how);
	say_where(m, where, sizeof where);
	snprintf(text, CRASH_TEXT_SIZE, "%s %s, at %s, with %lld MB", how, where, when,
		 (long long)(end->peak_kb + 1023) / 1024);
	return m->phase != MARK_NONE && m->count <= FLUSH_MAX && is_evidence(end);
}
