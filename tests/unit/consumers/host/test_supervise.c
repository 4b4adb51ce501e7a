/* What the end of a worker says, and marks. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consumer.h"
#include "oom.h"
#include "supervise.h"

#define EXITED(STATUS) ((STATUS) << 8) /* as waitpid() has it */

static struct mark mark;

/* ---- evidence ---- */

static const struct {
	enum mark_phase phase;
	struct worker_end end;
	bool evidence;
	const char *text; /* a part */
} ends[] = {
	{MARK_PROCESS, {.status = SIGSEGV}, true, "SIGSEGV in process() of plugin sum 1.0"},
	{MARK_STORE, {.status = SIGABRT}, true, "SIGABRT in store()"},
	{MARK_ANSWER, {.status = SIGBUS}, true, "SIGBUS in answer()"},
	{MARK_CHECK, {.status = SIGFPE}, true, "SIGFPE in check()"},
	{MARK_TIMER, {.status = SIGILL}, true, "SIGILL in timer()"},
	{MARK_CANCEL, {.status = SIGSYS}, true, "SIGSYS in cancel()"},
	{MARK_PROCESS, {.status = EXITED(0)}, true, "exit status 0 in process()"},
	{MARK_PROCESS, {.status = EXITED(3), .peak_kb = 20480}, true, "with 20 MB"},
	{MARK_PROCESS, {.status = SIGKILL, .short_of_memory = true}, true, "for want of memory"},
	{MARK_PROCESS, {.status = SIGKILL, .stuck = true}, true, "longer than --work-timeout"},
	{MARK_PROCESS, {.status = SIGKILL}, false, "SIGKILL in process()"},
	{MARK_PROCESS, {.status = SIGTERM, .short_of_memory = true}, false, "SIGTERM in"},
	{MARK_PROCESS, {.status = SIGHUP}, false, "SIGHUP"},
	{MARK_NONE, {.status = SIGSEGV}, false, "SIGSEGV in no item's code"},
	{MARK_NONE, {.status = SIGKILL, .short_of_memory = true}, false, "in no item's code"},
	{MARK_NONE, {.status = SIGKILL, .stuck = true}, false, "in no item's code"},
};

static void evidence(void)
{
	char text[CRASH_TEXT_SIZE];
	mark_plugin(&mark, 1, "sum", "1.0");
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		mark.plugin = 1;
		mark.count = 1;
		mark.phase = ends[i].phase;
		CU_ASSERT_EQUAL(crash_judge(&ends[i].end, &mark, text), ends[i].evidence);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, ends[i].text));
	}
}

/* A plugin may have written over it. */
static void a_mark_that_is_none(void)
{
	char text[CRASH_TEXT_SIZE];
	struct worker_end end = {.status = SIGSEGV};
	memset(&mark, 0x7f, sizeof mark);
	CU_ASSERT_FALSE(crash_judge(&end, &mark, text));
	CU_ASSERT(strlen(text) < CRASH_TEXT_SIZE);
}

/* The same of what is to be told of the workers before. Nothing of it is read beyond its end. */
static void what_is_untold_is_nonsense(void)
{
	static struct watched w;
	static struct consumer c;
	struct errand e = {0};
	struct delivery one = {
		.message.item = {.job_id = {"job", 3}, .custom_id = {"item", 4}, .stage = 1}};
	static const struct errand_sort on_its_way;
	static const uint32_t counts[] = {FLUSH_MAX + 1, 1u << 31, UINT32_MAX};
	memset(w.untold, 'x', sizeof w.untold); /* no text has an end */
	c.watched = &w;
	c.errands.first = &e;
	for (size_t i = 0; i < UNTOLD_MAX; i++)
		c.telling[i].sort = &on_its_way;
	for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
		for (size_t i = 0; i < UNTOLD_MAX; i++)
			w.untold[i].count = counts[n];
		CU_ASSERT_FALSE(supervise_untold(&w));
		CU_ASSERT_EQUAL(supervise_count(w.untold), 0);
		CU_ASSERT_FALSE(trials_untold(&c, &one));
	}
	w.untold[UNTOLD_MAX - 1].count = FLUSH_MAX;
	CU_ASSERT(supervise_untold(&w));
	CU_ASSERT_FALSE(trials_untold(&c, &one));
	memset(&w.untold[UNTOLD_MAX - 1].items[FLUSH_MAX - 1], 0, sizeof(struct marked_item));
	mark_item(&w.untold[UNTOLD_MAX - 1].items[FLUSH_MAX - 1], &one);
	CU_ASSERT(trials_untold(&c, &one));
}

/* ---- marks ---- */

static void marks(void)
{
	struct delivery one = {.message.item = {.job_id = {"job", 3},
						.custom_id = {"item", 4},
						.stage = 2,
						.ordinal = 7,
						.attempt = 1}};
	memset(&mark, 0, sizeof mark);
	mark_enter(&mark, MARK_PROCESS, 3, &one);
	CU_ASSERT_EQUAL(mark.phase, MARK_PROCESS);
	CU_ASSERT(mark.plugin == 3 && mark.count == 1 && mark.calls == 1);
	CU_ASSERT_STRING_EQUAL(mark.items[0].job_id, "job");
	CU_ASSERT_STRING_EQUAL(mark.items[0].custom_id, "item");
	CU_ASSERT(mark.items[0].stage == 2 && mark.items[0].ordinal == 7);
	uint32_t phase = mark_suspend(&mark);
	CU_ASSERT_EQUAL(mark.phase, MARK_NONE);
	mark_resume(&mark, phase);
	CU_ASSERT_EQUAL(mark.phase, MARK_PROCESS);
	mark_leave(&mark);
	CU_ASSERT_EQUAL(mark.phase, MARK_NONE);
	mark_enter(NULL, MARK_PROCESS, 0, &one); /* nobody looks */
	mark_leave(NULL);
}

/* ---- the kernel's count ---- */

static const struct {
	const char *content;
	int64_t kills;
} counts[] = {
	{"low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\n", 2},    /* memory.events */
	{"oom_kill_disable 0\nunder_oom 0\noom_kill 5\n", 5}, /* memory.oom_control */
	{"nr_free_pages 9\noom_kill 0\n", 0},		      /* vmstat */
	{"oom_kill_disable 0\nunder_oom 0\n", -1},	      /* an old kernel's */
	{"", -1},
};

static void kills(void)
{
	char path[] = "/tmp/weir-oom-XXXXXX";
	int fd = mkstemp(path);
	CU_ASSERT_FATAL(fd >= 0);
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		size_t n = strlen(counts[i].content);
		CU_ASSERT_EQUAL(ftruncate(fd, 0), 0);
		CU_ASSERT_EQUAL(pwrite(fd, counts[i].content, n, 0), (ssize_t)n);
		CU_ASSERT_EQUAL(oom_read(path, "oom_kill"), counts[i].kills);
	}
	close(fd);
	unlink(path);
	CU_ASSERT_EQUAL(oom_read(path, "oom_kill"), -1);
}

void add_supervise_suite(void);

void add_supervise_suite(void)
{
	CU_pSuite s = CU_add_suite("ends of workers", NULL, NULL);
	CU_add_test(s, "what is evidence", evidence);
	CU_add_test(s, "a mark that was written over", a_mark_that_is_none);
	CU_add_test(s, "what is to be told was written over", what_is_untold_is_nonsense);
	CU_add_test(s, "marks", marks);
	CU_add_test(s, "processes killed for want of memory", kills);
}
