#include "day.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECONDS_OF_A_DAY 86400

int64_t day_today(void) { return (int64_t)time(NULL) / SECONDS_OF_A_DAY; }

/* ---- what is written ---- */

struct cursor {
	const char *at, *end;
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* A number of least to most digits, and no digit more. */
static bool take(struct cursor *c, int least, int most, int *out)
{
	int digits = 0;
	for (*out = 0; digits < most && c->at < c->end && is_digit(*c->at); digits++)
		*out = *out * 10 + (*c->at++ - '0');
	return digits >= least;
}

static bool accept(struct cursor *c, char wanted)
{
	bool found = c->at < c->end && *c->at == wanted;
	c->at += found;
	return found;
}

/* 2025-03-21, 2025-3-1, 2025/03/21, 20250321. */
static bool take_date(struct cursor *c, int *year, int *month, int *day)
{
	if (!take(c, 4, 4, year) || c->at == c->end)
		return false;
	char separator = *c->at;
	if (is_digit(separator))
		return take(c, 2, 2, month) && take(c, 2, 2, day);
	return strchr("-/.", separator) && accept(c, separator) && take(c, 1, 2, month) &&
	       accept(c, separator) && take(c, 1, 2, day);
}

/* Z, +02:00, -0500, +02. */
static bool take_offset(struct cursor *c)
{
	int hours, minutes;
	if (c->at == c->end || accept(c, 'Z') || accept(c, 'z'))
		return true;
	if (!accept(c, '+') && !accept(c, '-'))
		return false;
	if (!take(c, 2, 2, &hours) || hours > 14)
		return false;
	return c->at == c->end || (accept(c, ':'), take(c, 2, 2, &minutes) && minutes < 60);
}

/* 10:00, 10:00:00, 10:00:00.000, 100000. */
static bool take_time(struct cursor *c)
{
	int hours, minutes, seconds = 0, fraction;
	if (!take(c, 2, 2, &hours))
		return false;
	bool colons = accept(c, ':');
	if (!take(c, 2, 2, &minutes))
		return false;
	if (colons ? accept(c, ':') : c->at < c->end && is_digit(*c->at)) {
		if (!take(c, 2, 2, &seconds))
			return false;
		if ((accept(c, '.') || accept(c, ',')) && !take(c, 1, 9, &fraction))
			return false;
	}
	return hours < 24 && minutes < 60 && seconds <= 60;
}

/* Behind a date. */
static bool take_rest(struct cursor *c)
{
	if (c->at == c->end)
		return true;
	if (!accept(c, 'T') && !accept(c, 't') && !accept(c, ' '))
		return false;
	if (!take_time(c))
		return false;
	accept(c, ' ');
	return take_offset(c) && c->at == c->end;
}

/* 03/04/2025, 3.4.25: whether the day or the month comes first differs between countries. */
static const char *name_form(struct cursor c)
{
	int n;
	if (take(&c, 1, 2, &n) && c.at < c.end && strchr("-/.", *c.at) && c.at++ < c.end &&
	    take(&c, 1, 2, &n) && c.at < c.end && strchr("-/.", *c.at))
		return "may be two days, as countries write day and month either way round; write "
		       "it "
		       "YYYY-MM-DD";
	return "is no date; write it YYYY-MM-DD";
}

/* ---- the calendar ---- */

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

const char *day_read(const char *text, size_t n, int64_t today, char out[DAY_TEXT])
{
	struct cursor c = {text, text + n};
	int year, month, day;
	if (!take_date(&c, &year, &month, &day) || !take_rest(&c))
		return name_form((struct cursor){text, text + n});
	if (month < 1 || month > 12 || day < 1 || day > days_of(year, month))
		return "is no day of the calendar";
	if (year < 1970)
		return "is before 1970";
	if (days_since_1970(year, month, day) - today > DAY_AHEAD_MOST)
		return "is more than 366 days in the future";
	snprintf(out, DAY_TEXT, "%04u-%02u-%02u", (unsigned)year % 10000, (unsigned)month % 100,
		 (unsigned)day % 100);
	return NULL;
}
