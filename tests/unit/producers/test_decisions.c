#include <CUnit/CUnit.h>
#include <string.h>

#include "review.h"

static void expect_row(const struct decisions *d, size_t i, int64_t mapping_id, bool remap,
		       int64_t item_id)
{
	CU_ASSERT_FATAL(i < d->count);
	CU_ASSERT_EQUAL(d->rows[i].mapping_id, mapping_id);
	CU_ASSERT_EQUAL(d->rows[i].remap, remap);
	CU_ASSERT_EQUAL(d->rows[i].item_id, item_id);
}

static void decisions_in_their_order(void)
{
	struct decisions d = {0};
	struct weir_error err;
	CU_ASSERT_EQUAL(decisions_remap(&d, "17=4,18=new", &err), 0);
	CU_ASSERT_EQUAL(decisions_accept(&d, "9223372036854775807,007", &err), 0);
	CU_ASSERT_EQUAL(decisions_accept(&d, "all", &err), 0);
	CU_ASSERT_EQUAL(d.count, 5);
	expect_row(&d, 0, 17, true, 4);
	expect_row(&d, 1, 18, true, REVIEW_NEW_ITEM);
	expect_row(&d, 2, INT64_MAX, false, 0);
	expect_row(&d, 3, 7, false, 0);
	expect_row(&d, 4, REVIEW_ALL, false, 0);
	decisions_release(&d);
	CU_ASSERT_EQUAL(d.count, 0);
}

typedef int add_decisions(struct decisions *d, const char *text, struct weir_error *err);

static void expect_refused(add_decisions *add, const char *text)
{
	struct decisions d = {0};
	struct weir_error err = {"", ""};
	CU_ASSERT_EQUAL(add(&d, text, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "usage");
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, text));
	decisions_release(&d);
}

static void garbage_is_no_decision(void)
{
	static const char *const accepts[] = {"",      "0",   "-1",   "+1",  "17x",
					      "17,",   ",17", " 17",  "17 ", "17=4",
					      "17 18", "ALL", "alle", "0x1", "9223372036854775808",
					      "1e3"};
	static const char *const remaps[] = {"",
					     "17",
					     "17=",
					     "=4",
					     "17=0",
					     "0=4",
					     "17=-4",
					     "17=NEW",
					     "17=newer",
					     "new=17",
					     "17==4",
					     "all=4",
					     "17=4=5",
					     "17=4,",
					     "17 =4",
					     "17=all",
					     "17=9223372036854775808"};
	for (size_t i = 0; i < sizeof accepts / sizeof *accepts; i++)
		expect_refused(decisions_accept, accepts[i]);
	for (size_t i = 0; i < sizeof remaps / sizeof *remaps; i++)
		expect_refused(decisions_remap, remaps[i]);
}

void add_decisions_suite(void);

void add_decisions_suite(void)
{
	CU_pSuite s = CU_add_suite("decisions on mappings", NULL, NULL);
	CU_add_test(s, "in their order", decisions_in_their_order);
	CU_add_test(s, "garbage is none", garbage_is_no_decision);
}
