#include "fleet.h"

#include "models.h"
#include "second.h"

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_MS 300

static bool is_beside(int worker) { return worker >= RELAYS + CONSUMERS; }
static bool is_relay(int worker) { return worker < RELAYS || worker == WORKERS - BESIDE; }

static struct process *start_worker(const struct fleet *f, int worker)
{
	if (is_beside(worker))
		return second_start(is_relay(worker) ? "weir-relay" : "weir-consumer", true);
	if (is_relay(worker))
		return start(NULL, "weir-relay", "--lost-after", "4s", "--batches", "5", NULL);
	if (f->older == worker)
		models_forget();
	struct process *p = start(NULL, "weir-consumer", "sum", "slow", "ask", "pass", "invoice",
				  "sentiment", "never", "--grace", "5s", "--flush", "100", NULL);
	models_remember();
	return p;
}

/* ---- how one ended ---- */

static bool is_broken(const char *log)
{
	return strstr(log, "Sanitizer") || strstr(log, "runtime error:");
}

static void judge(struct fleet *f, struct worker *w)
{
	struct process *p = w->process;
	const char *log = log_of(p);
	bool ready = strstr(log, "_ready") != NULL;
	EXPECT(!is_broken(log), "a sanitizer's report in %s", p->log);
	if (w->killed)
		return;
	if (w->told_at_ms) {
		int64_t took = now_ms() - w->told_at_ms;
		if (took > f->slowest_exit_ms)
			f->slowest_exit_ms = took;
		/* One that is told before it is ready ends as it likes. */
		EXPECT(p->status == 0 || !ready || p->status == -SIGTERM,
		       "%s ended with %d after SIGTERM, see %s", p->name, p->status, p->log);
		return;
	}
	EXPECT(p->status == 1 && !ready, "%s ended by itself with %d, see %s", p->name, p->status,
	       p->log);
}

static void renew(struct fleet *f, struct worker *w)
{
	judge(f, w);
	bool failed = !w->killed && !w->told_at_ms;
	forget(w->process);
	*w = (struct worker){.start_at_ms = now_ms() + (failed ? 500 : 50)};
}

static void check_told(struct worker *w)
{
	if (!w->told_at_ms || now_ms() - w->told_at_ms < EXIT_MS)
		return;
	EXPECT(false, "%s did not end within %d ms of SIGTERM, see %s", w->process->name, EXIT_MS,
	       w->process->log);
	kill_hard(w->process);
	w->killed = true;
}

static void sample(struct fleet *f)
{
	if (now_ms() < f->sampled_at_ms + SAMPLE_MS)
		return;
	f->sampled_at_ms = now_ms();
	for (int i = 0; i < WORKERS; i++) {
		struct worker *w = &f->workers[i];
		const struct process *p = w->process;
		if (!p || !p->pid)
			continue;
		/* Until it has become a program of weir it has the descriptors of this one. */
		w->ready = w->ready || strstr(log_of(p), "_ready");
		if (!w->ready)
			continue;
		int64_t peak = peak_kb(p);
		int files = open_files(p);
		if (peak > f->peak_kb[is_relay(i)])
			f->peak_kb[is_relay(i)] = peak;
		if (files > f->most_files)
			f->most_files = files;
	}
}

void fleet_tend(struct fleet *f)
{
	for (int i = 0; i < WORKERS; i++) {
		struct worker *w = &f->workers[i];
		if (!w->process && now_ms() >= w->start_at_ms && (f->second || !is_beside(i))) {
			w->process = start_worker(f, i);
			f->starts++;
		}
		if (!w->process)
			continue;
		check_told(w);
		if (!is_alive(w->process))
			renew(f, w);
	}
	sample(f);
}

/* ---- what is done to them ---- */

static struct worker *running(struct fleet *f, int worker)
{
	struct worker *w = &f->workers[worker];
	return w->process && w->process->pid && !w->frozen ? w : NULL;
}

bool fleet_kill(struct fleet *f, int worker)
{
	struct worker *w = running(f, worker);
	if (!w)
		return false;
	w->killed = true;
	kill_hard(w->process);
	return true;
}

bool fleet_kill_worker(struct fleet *f, int worker)
{
	struct worker *w = running(f, worker);
	pid_t pid = w ? worker_of(w->process) : 0;
	if (!w || w->told_at_ms || pid == w->process->pid)
		return false;
	return kill(pid, SIGKILL) == 0;
}

bool fleet_tell(struct fleet *f, int worker)
{
	struct worker *w = running(f, worker);
	if (!w || w->told_at_ms)
		return false;
	w->told_at_ms = now_ms();
	return kill(w->process->pid, SIGTERM) == 0;
}

bool fleet_freeze(struct fleet *f, int worker)
{
	struct worker *w = running(f, worker);
	if (!w || w->told_at_ms)
		return false;
	w->frozen = true;
	freeze(w->process);
	return true;
}

void fleet_thaw(struct fleet *f, int worker)
{
	struct worker *w = &f->workers[worker];
	if (!w->frozen)
		return;
	w->frozen = false;
	if (w->process && w->process->pid)
		thaw(w->process);
}

void fleet_stop(struct fleet *f)
{
	for (int i = 0; i < WORKERS; i++)
		fleet_tell(f, i);
	for (int i = 0; i < WORKERS; i++) {
		struct worker *w = &f->workers[i];
		if (!w->process)
			continue;
		await_exit(w->process, EXIT_MS);
		check_told(w);
		judge(f, w);
	}
}

/* ---- secrets ---- */

static bool holds(const char *path, const char *secret)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	bool found = false;
	FILE *file = fopen(path, "r");
	while (file && !found && (n = getline(&line, &room, file)) > 0)
		found = memmem(line, (size_t)n, secret, strlen(secret)) != NULL;
	free(line);
	if (file)
		fclose(file);
	return found;
}

/* Between the colon and the at sign. */
static bool password_of(const char *url, char out[128])
{
	const char *at = url ? strrchr(url, '@') : NULL, *begin = at;
	while (begin && begin > url && begin[-1] != ':')
		begin--;
	if (!at || at - begin < 8)
		return false;
	snprintf(out, 128, "%.*s", (int)(at - begin), begin);
	return true;
}

static void check_files(const char *pattern, const char *secret, const char *of)
{
	glob_t found = {0};
	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			EXPECT(!holds(found.gl_pathv[i], secret), "%s has the secret of %s",
			       found.gl_pathv[i], of);
	globfree(&found);
}

static void check_secrets(const char *pattern)
{
	static const char *const names[] = {"WEIR_AMQP_URL", "WEIR_REDIS_URL", "WEIR_PG_URL"};
	char secret[128];
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (EXPECT(password_of(getenv(names[i]), secret), "%s has no password", names[i]))
			check_files(pattern, secret, names[i]);
	check_files(pattern, MODELS_KEY, "the models");
}

void fleet_check_arguments(void) { check_secrets("/proc/[0-9]*/cmdline"); }
void fleet_check_logs(void) { check_secrets(LOGS "/*.log"); }
