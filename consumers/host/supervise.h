/* supervise.h: the parent of a worker. It is small: no connection, no plugin, no thread. It starts
 * the worker, passes on what it is told by signals, sees how the worker ends, and, where that was
 * in an item's code (mark.h), has it told to the ledger by the next worker before anything else.
 *
 * Evidence against an item is that the worker ended while it was in the item's code
 *
 *   by a signal that a fault of the code raises (SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSYS,
 *   SIGTRAP), or by ending the process itself (exit),
 *   by SIGKILL while the kernel counts one more process killed for want of memory (oom.h),
 *   because this parent ended it, after it had been in there for longer than --work-timeout.
 *
 * Any other end charges nobody: machines, containers and processes are ended all day. */
#ifndef WEIR_SUPERVISE_H
#define WEIR_SUPERVISE_H

#include <signal.h>
#include <sys/types.h>

#include "mark.h"
#include "weir/presence.h"

#define CRASH_TEXT_SIZE 320
#define UNTOLD_MAX 8
#define EXIT_USAGE 2

/* An end of a worker in the code of items, which the ledger has not been told of. Somebody may hold
 * these items' rows: then that is told later, and meanwhile they are not worked on. */
struct untold {
	uint32_t count; /* of the items; 0: nothing is to be told */
	struct marked_item items[FLUSH_MAX];
	char text[CRASH_TEXT_SIZE]; /* how, where and when it ended */
};

/* Memory that parent and worker share. */
struct watched {
	struct mark mark;
	/* By the worker. */
	volatile bool ready;	 /* has begun to consume, so that its end is no failure to start */
	volatile bool done;	 /* has stored something */
	int64_t work_timeout_ms; /* 0: not known yet */
	bool begun;		 /* the ledger says that `alone` is in its plugin's code */
	struct marked_item alone;
	char name[PRESENCE_NAME]; /* under which it holds calls, and shares of limits */
	/* By the parent. */
	pid_t parent;		    /* whom operators know */
	volatile sig_atomic_t stop; /* 1: end in order, 2: at once */
	/* Of workers before this one. in_code: the last one ended in the code of `alone`, whether
	 * that is evidence or not. */
	struct untold untold[UNTOLD_MAX];
	bool in_code;
	int64_t pause_us; /* before the next one takes messages */
};

/* Whether there is anything of that. */
bool supervise_untold(const struct watched *w);
/* How many items it has. A plugin may write over it, even now: the count is read once and is at
 * most FLUSH_MAX, where nonsense is 0; and no text in it need have an end. */
uint32_t supervise_count(const struct untold *u);

/* Starts workers until one has ended by itself, or is not to be followed by another: the status to
 * exit with. work() is called in the child, which exits with what it returns. */
int supervise(int (*work)(struct watched *w, int argc, char **argv), int argc, char **argv);

/* How a worker ended. */
struct worker_end {
	int status;	      /* of waitpid() */
	bool short_of_memory; /* the kernel has killed somebody for want of memory */
	bool stuck;	      /* the parent ended it: it was in one item's code for too long */
	int64_t peak_kb;      /* of its memory */
};

/* Whether that is evidence against what the mark names; `text` says what happened in any case. */
bool crash_judge(const struct worker_end *end, const struct mark *m, char text[CRASH_TEXT_SIZE]);

#endif
