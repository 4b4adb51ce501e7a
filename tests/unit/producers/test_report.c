#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "report.h"

static struct report_stage stages[2];

static void set_stage(struct report_stage *s, int64_t number, int64_t success, int64_t failed,
		      int64_t cancelled)
{
	int64_t total = success + failed + cancelled;
	*s = (struct report_stage){.view = {.stage = number,
					    .kind = "sum",
					    .total = total,
					    .success = success,
					    .failed = failed,
					    .cancelled = cancelled},
				   .results = total,
				   .batch_items = total,
				   .items = total,
				   .batch_success = success,
				   .batch_failed = failed,
				   .batch_cancelled = cancelled,
				   .told_success = success,
				   .told_failed = failed,
				   .told_cancelled = cancelled,
				   .ended = true};
}

/* A job that has ended. */
static struct report one_stage(void)
{
	set_stage(&stages[0], 1, 7, 2, 1);
	return (struct report){.summary = {.total = 10,
					   .status = "completed",
					   .sealed = true,
					   .ended = true,
					   .told_success = 7,
					   .told_failed = 2,
					   .told_cancelled = 1},
			       .stages = stages,
			       .stage_count = 1};
}

static struct report two_stages(void)
{
	struct report r = one_stage();
	set_stage(&stages[0], 1, 9, 1, 0);
	set_stage(&stages[1], 2, 5, 4, 0);
	r.summary.told_success = 5;
	r.summary.told_failed = 5;
	r.summary.told_cancelled = 0;
	r.stage_count = 2;
	return r;
}

static void check(struct report *r, const char *expected)
{
	report_check(r);
	const char *seen = buffer_text(&r->differences);
	if (strcmp(seen, expected) != 0)
		fprintf(stderr, "    %s instead of %s\n", seen, expected);
	CU_ASSERT_STRING_EQUAL(seen, expected);
	CU_ASSERT_EQUAL(r->summary.consistent, *expected == '\0');
	buffer_release(&r->differences);
}

static void counts_are(const struct report *r, int64_t success, int64_t failed, int64_t cancelled,
		       int64_t pending)
{
	CU_ASSERT_EQUAL(r->summary.success, success);
	CU_ASSERT_EQUAL(r->summary.failed, failed);
	CU_ASSERT_EQUAL(r->summary.cancelled, cancelled);
	CU_ASSERT_EQUAL(r->summary.pending, pending);
	CU_ASSERT_EQUAL(r->summary.processed, success + failed + cancelled);
}

static void adds_up(void)
{
	struct report r = one_stage();

	check(&r, "");
	counts_are(&r, 7, 2, 1, 0);
	r = one_stage();
	r.summary.ended = stages[0].ended = false; /* what these tell is not there yet */
	r.summary.told_success = r.summary.told_failed = r.summary.told_cancelled = 0;
	stages[0].told_success = stages[0].told_failed = stages[0].told_cancelled = 0;
	stages[0].view.success = stages[0].batch_success = 4;
	stages[0].results = 7;
	check(&r, "");
	counts_are(&r, 4, 2, 1, 3);
	CU_ASSERT_EQUAL(stages[0].view.pending, 3);
}

static void does_not_add_up(void)
{
	struct report r = one_stage();

	stages[0].items = 9;
	check(&r, "total_items is 10, but the number of item rows is 9");
	r = one_stage();
	stages[0].results = 11;
	check(&r, "success + failed + cancelled is 10, but the number of result rows is 11");
	r = one_stage();
	stages[0].batch_success = 8;
	check(&r, "the batches' success is 8, but that of the results is 7");
	r = one_stage();
	stages[0].told_failed = 3;
	check(&r, "the stage's failure_count is 3, but that of its results is 2");
	r = one_stage();
	r.summary.told_success = 8;
	r.summary.told_failed = 1;
	check(&r, "the job's success_count is 8, but that of its results is 7; "
		  "the job's failure_count is 1, but that of its results is 2");
	r = one_stage();
	r.summary.total = stages[0].view.total = stages[0].batch_items = stages[0].items = 11;
	check(&r, "total_items is 11, but success + failed + cancelled is 10");
}

static void more_results_than_items(void)
{
	struct report r = one_stage();

	r.summary.ended = stages[0].ended = false;
	r.summary.total = stages[0].view.total = stages[0].batch_items = stages[0].items = 9;
	check(&r, "total_items is 9, but success + failed + cancelled is 10");
}

/* An item is a success of the job in the last stage, and failed in any. */
static void stages_add_up(void)
{
	struct report r = two_stages();

	check(&r, "");
	counts_are(&r, 5, 5, 0, 0);
	r = two_stages(); /* the second one has not begun */
	r.summary.ended = stages[1].ended = false;
	set_stage(&stages[1], 2, 0, 0, 0);
	stages[0].ended = stages[1].ended = false;
	check(&r, "");
	counts_are(&r, 0, 1, 0, 9);
}

static void stages_do_not_add_up(void)
{
	struct report r = two_stages();

	stages[1].items = 8;
	check(&r, "stage 2: total_items is 9, but the number of item rows is 8");
	r = two_stages();
	set_stage(&stages[1], 2, 5, 3, 0); /* an item was left behind */
	r.summary.told_failed = 4;
	r.summary.told_cancelled = 1;
	check(&r, "stage 1 has 9 successes, but stage 2 has 8 items");
	r = two_stages();
	set_stage(&stages[1], 2, 5, 5, 0);
	r.summary.told_failed = 6;
	check(&r, "stage 1 has 9 successes, but stage 2 has 10 items; "
		  "total_items is 10, but success + failed + cancelled is 11");
	r = two_stages();
	*stages[1].view.kind = '\0';
	check(&r, "stage 2 has rows, but is none of the job's");
}

/* What had succeeded in a stage when the job was cancelled does not go on: it was cancelled. */
static void cancelled_between_stages(void)
{
	struct report r = two_stages();

	snprintf(r.summary.status, sizeof r.summary.status, "cancelled");
	set_stage(&stages[1], 2, 0, 0, 0);
	r.summary.told_success = 0;
	r.summary.told_failed = 1;
	r.summary.told_cancelled = 9;
	check(&r, "");
	counts_are(&r, 0, 1, 9, 0);
}

void add_report_suite(void);

void add_report_suite(void)
{
	CU_pSuite suite = CU_add_suite("report", NULL, NULL);

	CU_add_test(suite, "adds up", adds_up);
	CU_add_test(suite, "does not add up", does_not_add_up);
	CU_add_test(suite, "more results than items", more_results_than_items);
	CU_add_test(suite, "stages add up", stages_add_up);
	CU_add_test(suite, "stages do not add up", stages_do_not_add_up);
	CU_add_test(suite, "cancelled between stages", cancelled_between_stages);
}
