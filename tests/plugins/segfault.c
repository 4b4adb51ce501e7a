/* The kind `segfault`: like `sum`, but an item with "crash" in its payload takes the process with
 * it, in one of the ways below. Where one has "fail_store", store() fails the time of
 * that number, though all has been said to the ledger by then. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "effects.h"
#include "segfault.h"

/* No sanitizer's report in between. */
static void as_usual(void)
{
	signal(SIGSEGV, SIG_DFL);
	signal(SIGABRT, SIG_DFL);
}

static int overflow(volatile int depth)
{
	volatile char room[65536];
	room[0] = (char)depth;
	return depth < 0 ? room[0] : overflow(depth + 1) + room[0];
}

static void loop(void)
{
	for (volatile unsigned n = 0;; n++)
		;
}

/* And there is no more, so it is told: the machine's memory is not for tests, and a sanitizer does
 * not survive a limit. */
static void eat(void)
{
	for (size_t i = 0; i < 300; i++) {
		volatile char *room = malloc(1 << 20);
		for (size_t at = 0; room && at < 1 << 20; at += 4096)
			room[at] = 1;
	}
	abort();
}

static void crash(int64_t how)
{
	as_usual();
	if (how == SEGV)
		raise(SIGSEGV);
	else if (how == ABORT)
		abort();
	else if (how == OVERFLOW)
		overflow(0);
	else if (how == EXIT)
		exit(0);
	else if (how == EXIT_AT_ONCE)
		_exit(7);
	else if (how == LOOP)
		loop();
	else if (how == EAT)
		eat();
	if (how == KILL_ALL)
		kill(getppid(), SIGKILL);
	if (how == KILL || how == KILL_ALL)
		raise(SIGKILL);
}

static void end_all(void *state, struct weir_work work)
{
	(void)state;
	(void)work;
	crash(KILL_ALL);
}

static void process(void *state, struct weir_work work, const struct weir_item *item)
{
	const struct effects *e = state;
	if (effects_integer(e, item, "crash") == IN_TIMER) {
		e->host->set_timer(e->host, work, 1, end_all);
		return;
	}
	crash(effects_integer(e, item, "crash"));
	effects_complete(e, work, item);
}

static int store(void *state, struct weir_tx *tx, const struct weir_result *results, size_t n,
		 struct weir_error *err)
{
	static int64_t calls;
	const struct effects *e = state;
	int64_t fail = 0;
	for (size_t i = 0; i < n; i++) {
		if (effects_integer(e, results[i].item, "crash") == IN_STORE)
			crash(SEGV);
		fail += effects_integer(e, results[i].item, "fail_store");
	}
	int rc = effects_store(state, tx, results, n, err);
	if (++calls != fail)
		return rc;
	snprintf(err->code, sizeof err->code, "out_of_memory");
	snprintf(err->text, sizeof err->text, "as if memory were short");
	return -1;
}

const struct weir_plugin *weir_plugin(void)
{
	static struct weir_plugin plugin = {EFFECTS_PLUGIN("segfault"), .process = process};
	plugin.store = store;
	return &plugin;
}
