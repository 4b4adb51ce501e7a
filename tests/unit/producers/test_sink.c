/* Where documents go. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <unistd.h>

#include "sink.h"

#define LARGE 200000 /* more than is kept before it is written */

static void fill(struct sink *s)
{
	for (int i = 0; i < LARGE; i++)
		buffer_add_char(&s->buffer, 'x');
}

/* Nobody reads any more: that is no failure, and whoever writes on may know. */
static void nobody_reads(void)
{
	struct sink s;
	struct weir_error err;
	int ends[2], own = dup(STDOUT_FILENO);
	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	signal(SIGPIPE, SIG_IGN);
	fflush(stdout);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
	close(ends[0]);
	CU_ASSERT_EQUAL_FATAL(sink_open(&s, NULL, &err), 0);
	bool before = s.no_reader;
	fill(&s);
	int rc = sink_pass(&s, &err);
	bool behind = s.no_reader;
	fill(&s);
	int closed = sink_close(&s, &err);
	fflush(stdout);
	dup2(own, STDOUT_FILENO);
	close(own);
	CU_ASSERT_FALSE(before);
	CU_ASSERT_EQUAL(rc, 0);
	CU_ASSERT_TRUE(behind);
	CU_ASSERT_EQUAL(closed, 0);
}

void add_sink_suite(void);

void add_sink_suite(void)
{
	CU_pSuite suite = CU_add_suite("sink", NULL, NULL);
	CU_add_test(suite, "nobody reads any more", nobody_reads);
}
