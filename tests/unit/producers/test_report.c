#include <CUnit/CUnit.h>
#include <string.h>

#include "report.h"

static struct report good(void)
{
	return (struct report){
		.summary = {.total = 10, .processed = 10, .success = 7, .failed = 2,
			    .cancelled = 1, .sealed = true, .ended = true, .results = 10,
			    .batch_items = 10, .items = 10, .told_success = 7, .told_failed = 2,
			    .told_cancelled = 1}};
}

static void check(struct report *r, const char *expected)
{
	report_check(r);
	CU_ASSERT_STRING_EQUAL(buffer_text(&r->differences), expected);
	CU_ASSERT_EQUAL(r->summary.consistent, *expected == '\0');
	buffer_release(&r->differences);
}

static void adds_up(void)
{
	struct report r = good();

	check(&r, "");
	r.summary.ended = false; /* the job's own counts are not there yet */
	r.summary.told_success = r.summary.told_failed = r.summary.told_cancelled = 0;
	r.summary.success = 4;
	r.summary.processed = r.summary.results = 7;
	r.summary.pending = 3;
	check(&r, "");
}

static void does_not_add_up(void)
{
	struct report r = good();

	r.summary.items = 9;
	check(&r, "total_items is 10, but the number of item rows is 9");
	r = good();
	r.summary.results = 11;
	check(&r, "success + failed + cancelled is 10, but the number of result rows is 11");
	r = good();
	r.summary.told_success = 8;
	r.summary.told_failed = 1;
	check(&r, "the job's success_count is 8, but that of its results is 7; "
		  "the job's failure_count is 1, but that of its results is 2");
	r = good();
	r.summary.batch_items = r.summary.items = r.summary.total = 11;
	r.summary.pending = 1;
	check(&r, "total_items is 11, but success + failed + cancelled is 10");
}

static void more_results_than_items(void)
{
	struct report r = good();

	r.summary.ended = false;
	r.summary.total = r.summary.batch_items = r.summary.items = 9;
	r.summary.pending = -1;
	check(&r, "total_items is 9, but success + failed + cancelled is 10");
}

void add_report_suite(void);

void add_report_suite(void)
{
	CU_pSuite suite = CU_add_suite("report", NULL, NULL);

	CU_add_test(suite, "adds up", adds_up);
	CU_add_test(suite, "does not add up", does_not_add_up);
	CU_add_test(suite, "more results than items", more_results_than_items);
}
