#include "supervise.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oom.h"
#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/log.h"

#define LOOK_MS 500	   /* the worker is looked at so often */
#define STUCK_MORE_MS 2000 /* beyond --work-timeout */
#define PAUSE_US 200000	   /* after an end; longer after each one that follows soon */
#define PAUSE_CAP_US 5000000
#define LONG_US 60000000 /* a worker that has lived so long, or stored anything, has begun well */
#define HURRY_LOOKS 4	 /* that it gets to end at once by itself */

struct parent {
	struct watched *w;
	sigset_t told, before; /* what it waits for; what was blocked before */
	int stops;	       /* how often it was told to stop, up to 2 */
	int64_t hurried;       /* looks since the second time */
	pid_t worker;
	int64_t began_us;
	unsigned ends;		       /* that followed each other soon */
	bool once_ready;	       /* a worker of this parent was, once */
	int64_t oom_kills, oom_before; /* at the last look, and at the one before it: the kernel
					* counts before the process has ended */
	uint32_t calls;		       /* of the mark, at the last look, */
	int64_t looks;		       /* and at how many it was the same call */
	bool stuck;
};

/* ---- the child ---- */

static struct watched *own; /* of the worker, for its handler */

/* What operators and service managers send goes to the parent, or to both: this counts once. */
static void on_term(int number)
{
	(void)number;
	if (own->stop == 0)
		own->stop = 1;
}

static void on_wake(int number) { (void)number; }

static void set_handlers(void)
{
	struct sigaction term = {.sa_handler = on_term}, wake = {.sa_handler = on_wake};
	struct sigaction ignore = {.sa_handler = SIG_IGN}; /* the parent passes these on */
	sigaction(SIGTERM, &term, NULL);
	sigaction(SIGUSR1, &wake, NULL);
	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGHUP, &ignore, NULL);
}

static void become_worker(struct parent *p, int (*work)(struct watched *, int, char **), int argc,
			  char **argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != p->w->parent)
		_exit(EXIT_FAILURE);
	own = p->w;
	failpoint_parent(p->w->parent);
	set_handlers();
	sigprocmask(SIG_SETMASK, &p->before, NULL);
	exit(work(p->w, argc, argv));
}

/* ---- the parent ---- */

/* One more word to stop: to end in order, then to end at once. */
static void pass_on(struct parent *p)
{
	p->w->stop = p->stops = p->stops < 2 ? p->stops + 1 : 2;
	if (p->worker > 0)
		kill(p->worker, SIGUSR1);
}

/* Who is stopped, or in the hands of a debugger, does not take long. */
static bool is_stopped(pid_t pid)
{
	char path[64], text[512];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	size_t n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = '\0';
	const char *state = strrchr(text, ')');
	return state && strlen(state) > 2 && (state[2] == 'T' || state[2] == 't');
}

/* Time is counted in looks, so that neither counts while this process is stopped itself. */
static void look(struct parent *p)
{
	const struct mark *m = &p->w->mark;
	int64_t kills = oom_kills();
	bool same = m->phase != MARK_NONE && m->calls == p->calls && !is_stopped(p->worker);
	p->oom_before = p->oom_kills;
	p->oom_kills = kills;
	p->looks = same ? p->looks + 1 : 0;
	p->calls = m->calls;
	p->hurried += p->stops >= 2;
	p->stuck = p->w->work_timeout_ms > 0 &&
		   p->looks * LOOK_MS > p->w->work_timeout_ms + STUCK_MORE_MS;
	if (p->stuck || p->hurried > HURRY_LOOKS)
		kill(p->worker, SIGKILL);
}

/* Waits for a signal, or for so long. */
static int await_signal(const struct parent *p, int64_t us)
{
	struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
	int number = sigtimedwait(&p->told, NULL, &t);
	return number < 0 ? 0 : number;
}

/* As the first process of a container it has to reap others' children, too. */
static bool reap(const struct parent *p, struct worker_end *end)
{
	struct rusage used;
	int status;
	for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &used)) > 0;) {
		if (pid != p->worker)
			continue;
		end->status = status;
		end->peak_kb = used.ru_maxrss;
		return true;
	}
	return false;
}

static void await_end(struct parent *p, struct worker_end *end)
{
	*end = (struct worker_end){0};
	p->looks = 0;
	p->stuck = false;
	while (!reap(p, end)) {
		int number = await_signal(p, LOOK_MS * 1000);
		if (number == 0)
			look(p);
		else if (number != SIGCHLD)
			pass_on(p);
	}
	p->worker = 0;
	end->stuck = p->stuck && p->w->mark.calls == p->calls;
	int64_t kills = oom_kills();
	end->short_of_memory = p->oom_before >= 0 && kills > p->oom_before;
	p->oom_before = p->oom_kills = kills;
}

static bool same_item(const struct marked_item *a, const struct marked_item *b)
{
	return a->ordinal == b->ordinal && a->stage == b->stage &&
	       strncmp(a->job_id, b->job_id, sizeof a->job_id) == 0;
}

static uint32_t count_once(const uint32_t *count)
{
	uint32_t n = *(const volatile uint32_t *)count;
	return n <= FLUSH_MAX ? n : 0;
}

uint32_t supervise_count(const struct untold *u) { return count_once(&u->count); }

bool supervise_untold(const struct watched *w)
{
	for (size_t i = 0; i < UNTOLD_MAX; i++)
		if (supervise_count(&w->untold[i]) > 0)
			return true;
	return false;
}

/* Whoever holds so many items up has them worked on without being charged for this one. */
static void keep_crash(struct watched *w, const char *text)
{
	struct untold *u = w->untold;
	uint32_t count = count_once(&w->mark.count);
	while (u < w->untold + UNTOLD_MAX && supervise_count(u) > 0)
		u++;
	if (u == w->untold + UNTOLD_MAX) {
		log_event(LOG_ERROR, "crash_forgotten",
			  "text=\"the ledger could not be told of %d ends before it\"", UNTOLD_MAX);
		return;
	}
	memcpy(u->items, w->mark.items, count * sizeof *u->items);
	snprintf(u->text, sizeof u->text, "%s", text);
	u->count = count;
}

/* Takes down what the end says. */
static void note_end(struct parent *p, const struct worker_end *end)
{
	struct watched *w = p->w;
	const struct marked_item *item = &w->mark.items[0];
	char text[CRASH_TEXT_SIZE];
	bool in_code = w->mark.phase != MARK_NONE;
	bool crashed = crash_judge(end, &w->mark, text);
	w->in_code = in_code && w->mark.count == 1 && same_item(item, &w->alone);
	if (crashed)
		keep_crash(w, text);
	if (!in_code)
		log_event(LOG_ERROR, "worker_ended", "text=\"%s\"", text);
	else
		log_event(LOG_ERROR, "worker_ended",
			  "job=%.64s stage=%u item=%.64s items=%u charged=%d text=\"%s\"",
			  item->job_id, item->stage, item->custom_id, w->mark.count,
			  crashed && w->mark.count == 1, text);
	w->mark.phase = MARK_NONE;
}

/* Ended by itself, and not within an item's code. */
static bool by_itself(const struct parent *p, const struct worker_end *end)
{
	return WIFEXITED(end->status) && p->w->mark.phase == MARK_NONE;
}

/* Whether another worker is to follow. One that was ready once is made again, until somebody wants
 * it to stop; and even then, where there is something to tell. */
static bool goes_on(const struct parent *p, const struct worker_end *end)
{
	bool usage = WIFEXITED(end->status) && WEXITSTATUS(end->status) == EXIT_USAGE;
	if (p->stops >= 2)
		return false;
	if (supervise_untold(p->w))
		return !usage && (p->stops == 0 || !by_itself(p, end));
	return p->once_ready && p->stops == 0 && !usage;
}

/* The next one tells first, and then waits by itself; where there is nothing to tell, or it did not
 * get that far, it is waited for here. */
static void rest(struct parent *p)
{
	int64_t us, until;
	p->ends = p->w->done || clock_us() - p->began_us > LONG_US ? 0 : p->ends + 1;
	us = clock_backoff_us(PAUSE_US, PAUSE_CAP_US, p->ends);
	p->w->pause_us = supervise_untold(p->w) && p->w->ready ? us : 0;
	until = clock_us() + us - p->w->pause_us;
	for (int64_t now; p->stops == 0 && (now = clock_us()) < until;) {
		int number = await_signal(p, until - now);
		if (number && number != SIGCHLD)
			pass_on(p);
	}
}

/* Somebody holds their rows to the end. */
static void say_untold(const struct watched *w)
{
	for (size_t i = 0; i < UNTOLD_MAX; i++)
		if (supervise_count(&w->untold[i]) > 0)
			log_event(LOG_ERROR, "crash_not_told",
				  "job=%.64s first=%.64s text=\"%.*s\"",
				  w->untold[i].items[0].job_id, w->untold[i].items[0].custom_id,
				  CRASH_TEXT_SIZE, w->untold[i].text);
}

/* One that could not begin, since a server was away, has nothing in hand: asked to stop, it has. */
static int last_status(const struct parent *p, const struct worker_end *end)
{
	int status = WEXITSTATUS(end->status);
	return p->stops > 0 && status == EXIT_FAILURE && !p->w->ready ? EXIT_SUCCESS : status;
}

static int start(struct parent *p, int (*work)(struct watched *, int, char **), int argc,
		 char **argv)
{
	p->began_us = clock_us();
	p->w->ready = p->w->done = false;
	p->w->stop = p->stops; /* these two are the parent's, whatever the last one has written */
	p->w->parent = getpid();
	p->worker = fork();
	if (p->worker == 0)
		become_worker(p, work, argc, argv);
	if (p->worker < 0)
		log_event(LOG_ERROR, "no_worker", "error=\"fork: %s\"", strerror(errno));
	return p->worker < 0 ? -1 : 0;
}

/* Whoever ignores SIGHUP (nohup) goes on doing so. */
static void wait_for_signals(struct parent *p)
{
	struct sigaction hup;
	signal(SIGCHLD, SIG_DFL); /* who ignores it has no children to wait for */
	sigemptyset(&p->told);
	sigaddset(&p->told, SIGCHLD);
	sigaddset(&p->told, SIGTERM);
	sigaddset(&p->told, SIGINT);
	if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN)
		sigaddset(&p->told, SIGHUP);
	sigset_t blocked = p->told;
	sigaddset(&blocked, SIGUSR1); /* the worker opens it when it has a handler */
	sigprocmask(SIG_BLOCK, &blocked, &p->before);
}

int supervise(int (*work)(struct watched *w, int argc, char **argv), int argc, char **argv)
{
	struct parent p = {.oom_kills = oom_kills()};
	p.oom_before = p.oom_kills;
	struct worker_end end;
	p.w = mmap(NULL, sizeof *p.w, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p.w == MAP_FAILED) {
		log_event(LOG_ERROR, "consumer_failed", "error=\"mmap: %s\"", strerror(errno));
		return EXIT_FAILURE;
	}
	wait_for_signals(&p);
	for (;;) {
		if (start(&p, work, argc, argv) < 0) {
			if (!p.once_ready || p.stops > 0)
				return EXIT_FAILURE;
			rest(&p); /* memory is short just after somebody was killed for it */
			continue;
		}
		await_end(&p, &end);
		p.once_ready |= p.w->ready;
		if (by_itself(&p, &end) && (p.w->ready || !goes_on(&p, &end))) {
			say_untold(p.w);
			return last_status(&p, &end);
		}
		if (!by_itself(&p, &end))
			note_end(&p, &end);
		if (!goes_on(&p, &end))
			return EXIT_FAILURE;
		rest(&p);
		if (!goes_on(&p, &end)) /* it was asked to stop meanwhile */
			return EXIT_SUCCESS;
	}
}
