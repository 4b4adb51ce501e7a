/* Dates of invoices. */
#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "day.h"

#define TODAY 20089 /* 2025-01-01 */

static void expect(const char *text, const char *wanted)
{
	const char *why = day_check(text, strlen(text), TODAY);
	bool right = wanted ? why && strstr(why, wanted) : !why;
	if (!right)
		fprintf(stderr, "    \"%s\": %s\n", text, why ? why : "a day");
	CU_ASSERT(right);
}

static void days(void)
{
	static const char *const good[] = {
		"1970-01-01", "1970-12-31", "1999-12-31", "2000-02-29", "2000-12-31",
		"2024-02-29", "2024-12-31", "2025-01-01", "2025-02-28", "2025-04-30",
		"2025-12-31", "2026-01-01", "2026-01-02",
	};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		expect(good[i], NULL);
}

static void no_days(void)
{
	static const char *const bad[] = {
		"2025-00-01", "2025-13-01", "2025-01-00", "2025-01-32", "2025-02-29", "2023-02-29",
		"2025-02-30", "1900-02-29", "2100-02-29", "2025-04-31", "2025-06-31", "2025-09-31",
		"2025-11-31", "2024-02-30", "2025-99-99", "0000-00-00",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		expect(bad[i], "no day of the calendar");
}

static void other_forms(void)
{
	static const char *const bad[] = {
		"",
		"2025",
		"2025-1-1",
		"2025-01-1",
		"25-01-01",
		"01-01-2025",
		"01/02/2025",
		"2025/01/01",
		"2025.01.01",
		"20250101",
		"2025-01-01T00:00:00Z",
		"2025-01-01 ",
		" 2025-01-01",
		"-025-01-01",
		"2025-+1-01",
		"2025-0a-01",
		"today",
		"2025-01-0x",
		"20250-01-01",
		"2025--1-01",
		"infinity",
		"2025-W01-1",
		"2025-001",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		expect(bad[i], "YYYY-MM-DD");
	CU_ASSERT_PTR_NOT_NULL(day_check("2025-01\00001", 10, TODAY));
}

static void bounds(void)
{
	expect("1969-12-31", "before 1970");
	expect("0001-01-01", "before 1970");
	expect("0000-01-01", "before 1970");
	expect("2026-01-03", "in the future");
	expect("9999-12-31", "in the future");
}

/* Each day of two hundred years is the day after the one before it, as the C library counts. */
static void every_day(void)
{
	for (int64_t day = 0; day < 73000; day++) {
		char text[16];
		struct tm tm;
		time_t seconds = (time_t)day * 86400;
		gmtime_r(&seconds, &tm);
		strftime(text, sizeof text, "%Y-%m-%d", &tm);
		CU_ASSERT_PTR_NULL(day_check(text, 10, day - DAY_AHEAD_MOST));
		CU_ASSERT_PTR_NOT_NULL(day_check(text, 10, day - DAY_AHEAD_MOST - 1));
	}
}

void add_day_suite(void);

void add_day_suite(void)
{
	CU_pSuite s = CU_add_suite("day", NULL, NULL);
	CU_add_test(s, "days of the calendar", days);
	CU_add_test(s, "days that are none", no_days);
	CU_add_test(s, "other forms", other_forms);
	CU_add_test(s, "before 1970 and far ahead", bounds);
	CU_add_test(s, "every day", every_day);
}
