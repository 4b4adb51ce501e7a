/* The programs of weir as processes, and their logs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

#define BIN WEIR_BUILD_DIR "/bin/"
#define PROCESSES 64
#define ARGUMENTS 40

static struct process processes[PROCESSES]; /* of one test; those without a name are free */
static int process_count, logs;
static struct {
	char name[32], value[512];
	bool given;
} settings[12];

/* ---- time ---- */

int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void pause_ms(int ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

/* ---- programs ---- */

static size_t read_file(const char *path, char *out, size_t room, bool end_of_it)
{
	size_t n = 0;
	struct stat st;
	FILE *f = fopen(path, "r");
	if (f) {
		if (end_of_it && stat(path, &st) == 0 && st.st_size >= (off_t)room)
			fseek(f, (long)(st.st_size - (off_t)room + 1), SEEK_SET);
		n = fread(out, 1, room - 1, f);
		fclose(f);
	}
	out[n] = '\0';
	return n;
}

static void redirect(const char *path, int flags, int to)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, to) < 0)
		_exit(126);
}

void program_env(const char *name, const char *value)
{
	size_t i = 0, room = sizeof settings / sizeof *settings;
	while (i < room && *settings[i].name && strcmp(settings[i].name, name) != 0)
		i++;
	if (!EXPECT(i < room, "no room for %s", name))
		return;
	snprintf(settings[i].name, sizeof settings[i].name, "%s", name);
	snprintf(settings[i].value, sizeof settings[i].value, "%s", value ? value : "");
	settings[i].given = value != NULL;
}

const char *program_setting(const char *name)
{
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		if (strcmp(settings[i].name, name) == 0)
			return settings[i].value;
	return "";
}

static void set_environment(const char *failpoint)
{
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		if (settings[i].given)
			setenv(settings[i].name, settings[i].value, 1);
	if (failpoint)
		setenv("WEIR_FAILPOINT", failpoint, 1);
}

/* In the child. It ends when this program does. */
static void become(const char *failpoint, const char *input, const char *out, const char *err,
		   char *const argv[])
{
	set_environment(failpoint);
	redirect(input ? input : "/dev/null", O_RDONLY, 0);
	redirect(out, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 1);
	redirect(err, O_WRONLY | O_CREAT | (out == err ? O_APPEND : O_TRUNC), 2);
	execv(argv[0], argv);
	_exit(127);
}

static pid_t spawn(const char *failpoint, const char *input, const char *out, const char *err,
		   char *const argv[])
{
	pid_t self = getpid(), pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != self)
			_exit(125);
		become(failpoint, input, out, err, argv);
	}
	return pid;
}

static int wait_for(pid_t pid, int timeout_ms)
{
	int status;
	int64_t until = now_ms() + timeout_ms;
	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);
		if (got == pid)
			return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
		if (got < 0 || now_ms() >= until)
			return STILL_RUNNING;
		pause_ms(STEP_MS);
	}
}

/* A program's name becomes its path; one with a slash stays as it is. */
static int collect(char path[512], char *argv[ARGUMENTS], const char *program, va_list args)
{
	int n = 1;
	snprintf(path, 512, "%s%s", strchr(program, '/') ? "" : BIN, program);
	argv[0] = path;
	for (char *a; (a = va_arg(args, char *)) && n < ARGUMENTS - 1;)
		argv[n++] = a;
	argv[n] = NULL;
	return n;
}

const struct outcome *run(const char *input, const char *program, ...)
{
	static struct outcome o;
	char path[512], *argv[ARGUMENTS];
	va_list args;
	va_start(args, program);
	collect(path, argv, program, args);
	va_end(args);
	pid_t pid = spawn(NULL, input, LOGS "/run.out", LOGS "/run.err", argv);
	o.status = wait_for(pid, PATIENCE_MS);
	if (o.status == STILL_RUNNING) {
		EXPECT(false, "%s %s did not end", program, argv[1] ? argv[1] : "");
		kill(pid, SIGKILL);
		wait_for(pid, PATIENCE_MS);
	}
	read_file(LOGS "/run.out", o.out, sizeof o.out, false);
	read_file(LOGS "/run.err", o.err, sizeof o.err, false);
	return &o;
}

static struct process *free_place(void)
{
	for (int i = 0; i < process_count; i++)
		if (!*processes[i].name)
			return &processes[i];
	if (process_count == PROCESSES) {
		CU_FAIL_FATAL("too many processes in one test");
		abort();
	}
	return &processes[process_count++];
}

void forget(struct process *p)
{
	kill_hard(p);
	memset(p, 0, sizeof *p);
}

struct process *start(const char *failpoint, const char *program, ...)
{
	char path[512], *argv[ARGUMENTS];
	struct process *p = free_place();
	const char *slash = strrchr(program, '/');
	va_list args;
	va_start(args, program);
	collect(path, argv, program, args);
	va_end(args);
	snprintf(p->name, sizeof p->name, "%s", slash ? slash + 1 : program);
	snprintf(p->log, sizeof p->log, "%s/%04d-%s.log", LOGS, logs++, p->name);
	p->status = STILL_RUNNING;
	unlink(p->log); /* what an earlier run has left must not be taken for its word */
	p->pid = spawn(failpoint, NULL, p->log, p->log, argv);
	return p;
}

int await_exit(struct process *p, int timeout_ms)
{
	if (p->pid) {
		p->status = wait_for(p->pid, timeout_ms);
		if (p->status != STILL_RUNNING)
			p->pid = 0;
	}
	return p->status;
}

bool is_alive(struct process *p) { return await_exit(p, 0) == STILL_RUNNING; }

void kill_hard(struct process *p)
{
	if (!p->pid)
		return;
	kill(p->pid, SIGKILL);
	await_exit(p, PATIENCE_MS);
}

/* The one who works comes first in the list of children, and there is no other. */
pid_t worker_of(const struct process *p)
{
	char path[64], text[64];
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)p->pid, (int)p->pid);
	long child = read_file(path, text, sizeof text, false) > 0 ? strtol(text, NULL, 10) : 0;
	return child > 0 ? (pid_t)child : p->pid;
}

static void signal_both(const struct process *p, int number)
{
	pid_t worker = worker_of(p);
	kill(p->pid, number);
	if (worker != p->pid)
		kill(worker, number);
}

void freeze(const struct process *p) { signal_both(p, SIGSTOP); }
void thaw(const struct process *p) { signal_both(p, SIGCONT); }

static bool is_stopped(const struct process *p)
{
	char path[32], state = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)worker_of(p));
	FILE *f = fopen(path, "r");
	bool read = f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1;
	if (f)
		fclose(f);
	return read && state == 'T';
}

void await_stopped(const struct process *p)
{
	int64_t until = now_ms() + PATIENCE_MS;
	while (!is_stopped(p) && now_ms() < until)
		pause_ms(STEP_MS);
	EXPECT(is_stopped(p), "%d has not stopped itself", (int)worker_of(p));
}

const char *log_of(const struct process *p)
{
	static char text[65536];
	read_file(p->log, text, sizeof text, true);
	return text;
}

static void show_log(const struct process *p)
{
	char text[2500];
	read_file(p->log, text, sizeof text, true);
	const char *line = strchr(text, '\n');
	printf("    the end of %s:\n%s\n", p->log, line && strlen(text) > 2400 ? line : text);
}

static bool has_logged(struct process *p, const char *part)
{
	int64_t until = now_ms() + PATIENCE_MS;
	while (is_alive(p) && !strstr(log_of(p), part) && now_ms() < until)
		pause_ms(STEP_MS);
	return strstr(log_of(p), part) != NULL;
}

void await_log(struct process *p, const char *part)
{
	if (!EXPECT(has_logged(p, part), "%s did not log %s", p->name, part))
		show_log(p);
}

/* A signal that comes before the program can handle it shows nothing. */
static void await_ready(struct process *p)
{
	static char text[65536];
	int64_t until = now_ms() + PATIENCE_MS;
	while (is_alive(p) && now_ms() < until) {
		read_file(p->log, text, sizeof text, false);
		if (strstr(text, "_ready"))
			return;
		pause_ms(STEP_MS);
	}
}

void stop(struct process *p)
{
	await_ready(p);
	if (p->pid)
		kill(p->pid, SIGTERM);
	int status = await_exit(p, PATIENCE_MS);
	if (!EXPECT(status == 0, "%s ended with %d, not 0, after SIGTERM", p->name, status))
		show_log(p);
	kill_hard(p);
}

void stop_all(void)
{
	for (int i = 0; i < process_count; i++)
		if (processes[i].pid)
			stop(&processes[i]);
}

void show_logs(void)
{
	for (int i = 0; i < process_count; i++)
		if (processes[i].pid)
			show_log(&processes[i]);
}

/* Yields whether it is a crash, which is an option of the script. */
static bool server_script(char path[512], const char *command)
{
	bool crash = strcmp(command, "kill") == 0;
	snprintf(path, 512, "%s/deploy/local/%s", WEIR_SOURCE_DIR, crash ? "down" : command);
	return crash;
}

struct process *server_start(const char *command, const char *name)
{
	char path[512];
	bool crash = server_script(path, command);
	return crash ? start(NULL, path, "--kill", name, NULL) : start(NULL, path, name, NULL);
}

void server(const char *command, const char *name)
{
	char path[512];
	bool crash = server_script(path, command);
	const struct outcome *o =
		crash ? run(NULL, path, "--kill", name, NULL) : run(NULL, path, name, NULL);
	EXPECT(o->status == 0, "%s %s: %d: %s", command, name, o->status, o->err);
}

void rabbitmqctl(const char *command, const char *argument)
{
	char path[512];
	const char *stack = getenv("WEIR_STACK_DIR");
	snprintf(path, sizeof path, "%s/bin/rabbitmqctl", stack ? stack : "");
	const struct outcome *o = run(NULL, path, command, argument, NULL);
	EXPECT(o->status == 0, "rabbitmqctl %s: %d: %s", command, o->status, o->err);
}

/* Fields 14 and 15 of its stat, in ticks; the second field is the name, in parentheses. */
int64_t cpu_ms(const struct process *p)
{
	char path[64], text[1024];
	unsigned long long user = 0, system = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)worker_of(p));
	read_file(path, text, sizeof text, false);
	const char *rest = strrchr(text, ')');
	int found = rest ? sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
				  &user, &system)
			 : 0;
	EXPECT(found == 2, "%s has no times", path);
	return (int64_t)(user + system) * 1000 / sysconf(_SC_CLK_TCK);
}

int64_t peak_kb(const struct process *p)
{
	char path[64], text[4096];
	snprintf(path, sizeof path, "/proc/%d/status", (int)worker_of(p));
	read_file(path, text, sizeof text, false);
	const char *peak = strstr(text, "VmHWM:");
	return peak ? strtoll(peak + 6, NULL, 10) : -1;
}

int open_files(const struct process *p)
{
	char path[64];
	int n = 0;
	snprintf(path, sizeof path, "/proc/%d/fd", (int)worker_of(p));
	DIR *dir = opendir(path);
	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

void end_all(void)
{
	for (int i = 0; i < process_count; i++)
		kill_hard(&processes[i]);
	process_count = 0;
	memset(processes, 0, sizeof processes);
}
