#include "day.h"

#include <stdbool.h>
#include <time.h>

#define SECONDS_OF_A_DAY 86400

int64_t day_today(void) { return (int64_t)time(NULL) / SECONDS_OF_A_DAY; }

/* YYYY-MM-DD: digits but for the two hyphens. */
static bool has_form(const char *text, size_t n)
{
	if (n != 10)
		return false;
	for (size_t i = 0; i < n; i++)
		if (i == 4 || i == 7 ? text[i] != '-' : text[i] < '0' || text[i] > '9')
			return false;
	return true;
}

static int number(const char *digits, int count)
{
	int value = 0;
	for (int i = 0; i < count; i++)
		value = value * 10 + (digits[i] - '0');
	return value;
}

static bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

static int days_of(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return days[month - 1] + (month == 2 && is_leap(year));
}

static int64_t leap_days_before(int year)
{
	int last = year - 1;
	return last / 4 - last / 100 + last / 400;
}

static int64_t days_since_1970(int year, int month, int day)
{
	int64_t days =
		(int64_t)(year - 1970) * 365 + leap_days_before(year) - leap_days_before(1970);
	for (int m = 1; m < month; m++)
		days += days_of(year, m);
	return days + day - 1;
}

const char *day_check(const char *text, size_t n, int64_t today)
{
	if (!has_form(text, n))
		return "is no date; write it YYYY-MM-DD";
	int year = number(text, 4), month = number(text + 5, 2), day = number(text + 8, 2);
	if (month < 1 || month > 12 || day < 1 || day > days_of(year, month))
		return "is no day of the calendar";
	if (year < 1970)
		return "is before 1970";
	if (days_since_1970(year, month, day) - today > DAY_AHEAD_MOST)
		return "is more than 366 days in the future";
	return NULL;
}
