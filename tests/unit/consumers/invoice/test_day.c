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
	char day[DAY_TEXT] = "";
	const char *why = day_read(text, strlen(text), TODAY, day);
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
		"25-01-01",
		"01-01-2025",
		"01/02/2025",
		"2025-01-01 ",
		"2025-01/01",
		"2025/01-01",
		"2025-011-01",
		"2025-01-011",
		"2025-0101",
		"202501-01",
		"2025011",
		"202501011",
		"2025-01-01T",
		"2025-01-01T1",
		"2025-01-01T10",
		"2025-01-01T10:",
		"2025-01-01T10:0",
		"2025-01-01T24:00",
		"2025-01-01T10:60",
		"2025-01-01T10:00:61",
		"2025-01-01T10:00:00.",
		"2025-01-01T10:00:00.1234567890",
		"2025-01-01T10:00:00X",
		"2025-01-01T10:00:00+",
		"2025-01-01T10:00:00+1",
		"2025-01-01T10:00:00+15:00",
		"2025-01-01T10:00:00+02:60",
		"2025-01-01T10:00:00+02:00Z",
		"2025-01-01T10:00:00ZZ",
		"2025-01-01 10:00 PM",
		"2025-01-01x10:00",
		"03/04/2025",
		"3.4.25",
		"1/2/2025",
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
	char day[DAY_TEXT];
	CU_ASSERT_PTR_NOT_NULL(day_read("2025-01\00001", 10, TODAY, day));
	expect("03/04/2025", "may be two days");
	expect("3.4.25", "may be two days");
	expect("April 3", "is no date");
}

/* Each means one day. */
static void forms_of_one_day(void)
{
	static const char *const good[] = {
		"2025-03-01",
		"2025-3-1",
		"2025-03-1",
		"2025/03/01",
		"2025/3/1",
		"2025.03.01",
		"20250301",
		"2025-03-01T10:00:00Z",
		"2025-03-01t10:00:00z",
		"2025-03-01T23:59:60Z",
		"2025-03-01T10:00",
		"2025-03-01 10:00",
		"2025-03-01 10:00:00",
		"2025-03-01T10:00:00.000Z",
		"2025-03-01T10:00:00.123456789+05:30",
		"2025-03-01T10:00:00,5-0800",
		"2025-03-01T00:00:00+14",
		"2025-03-01 10:00:00 +0000",
		"20250301T100000Z",
		"20250301T1000",
		"2025/03/01 10:00",
	};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		char day[DAY_TEXT] = "";
		const char *why = day_read(good[i], strlen(good[i]), TODAY, day);
		if (why || strcmp(day, "2025-03-01") != 0)
			fprintf(stderr, "    \"%s\": %s\n", good[i], why ? why : day);
		CU_ASSERT_STRING_EQUAL(day, "2025-03-01");
	}
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
		char seen[DAY_TEXT];
		CU_ASSERT_PTR_NULL(day_read(text, 10, day - DAY_AHEAD_MOST, seen));
		CU_ASSERT_STRING_EQUAL(seen, text);
		CU_ASSERT_PTR_NOT_NULL(day_read(text, 10, day - DAY_AHEAD_MOST - 1, seen));
	}
}

void add_day_suite(void);

void add_day_suite(void)
{
	CU_pSuite s = CU_add_suite("day", NULL, NULL);
	CU_add_test(s, "days of the calendar", days);
	CU_add_test(s, "days that are none", no_days);
	CU_add_test(s, "forms of one day", forms_of_one_day);
	CU_add_test(s, "other forms", other_forms);
	CU_add_test(s, "before 1970 and far ahead", bounds);
	CU_add_test(s, "every day", every_day);
}
