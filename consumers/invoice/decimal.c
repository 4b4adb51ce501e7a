#include "decimal.h"

#include <stdbool.h>
#include <string.h>

#define DIGITS_MOST 40	  /* of a number of JSON as it is printed */
#define EXPONENT_MOST 999 /* what is larger is out of all bounds anyway */

static const char no_decimal[] = "is no decimal number such as 12.50";
static const char has_comma[] = "is no decimal number such as 12.50: write a point before the "
				"fraction, and nothing between thousands";
static const char has_sign[] = "is no decimal number such as 12.50: leave out signs and words for "
			       "currencies and units";
static const char too_large[] = "has more than 12 digits before the point";
static const char too_fine[] = "has more than 10 digits behind the point";
static const char inexact[] = "needs more than the 15 digits that a JSON number keeps: write it as "
			      "text, in quotes";

/* The digits of a number, the first one of which is no zero, and where the point stands in them. */
struct digits {
	bool negative, real; /* real: with a point or an exponent */
	char digit[DIGITS_MOST];
	int count;
	int point; /* digits before it; may be negative, or more than there are */
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static size_t run_of_digits(const char *text, size_t n)
{
	size_t i = 0;
	while (i < n && is_digit(text[i]))
		i++;
	return i;
}

/* ---- texts ---- */

static void put(struct decimal *out, const char *text, size_t n)
{
	memcpy(out->text + out->size, text, n);
	out->size = (unsigned char)(out->size + n);
}

static bool is_zero(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] != '0' && text[i] != '.')
			return false;
	return true;
}

/* Unsigned, its shape checked: digits, with a point between or before them. */
static void keep(struct decimal *out, bool negative, const char *text, size_t n)
{
	out->size = 0;
	out->sign = is_zero(text, n) ? 0 : negative ? -1 : 1;
	while (n > 1 && text[0] == '0' && text[1] != '.') {
		text++;
		n--;
	}
	if (out->sign < 0)
		put(out, "-", 1);
	if (text[0] == '.')
		put(out, "0", 1);
	put(out, text, n);
	out->text[out->size] = '\0';
}

/* What is wrong with a text that is no decimal, and what to do. */
static const char *name_fault(const char *text, size_t n)
{
	size_t digits = 0, others = 0, commas = 0;
	for (size_t i = 0; i < n; i++) {
		digits += is_digit(text[i]);
		commas += text[i] == ',' || text[i] == '\'' || text[i] == ' ';
		others += !is_digit(text[i]) && !strchr(".,' -()", text[i]);
	}
	if (digits == 0 || (others == 0 && commas == 0))
		return no_decimal;
	return others > 0 ? has_sign : has_comma;
}

/* Takes away what says that the number is below zero: -5, (5) or 5-, not two of them. */
static bool take_minus(const char **text, size_t *n)
{
	const char *t = *text;
	size_t size = *n;
	bool around = size > 2 && t[0] == '(' && t[size - 1] == ')';
	bool before = size > 1 && t[0] == '-', behind = size > 1 && t[size - 1] == '-';
	if (around + before + behind != 1)
		return false;
	*text += around || before;
	*n -= around ? 2 : 1;
	return true;
}

const char *decimal_read(struct decimal *out, const char *text, size_t n)
{
	const char *at = text;
	size_t size = n;
	bool negative = take_minus(&at, &size), point;
	size_t whole = run_of_digits(at, size), fraction = 0;
	point = whole < size && at[whole] == '.';
	if (point)
		fraction = run_of_digits(at + whole + 1, size - whole - 1);
	if (whole + fraction == 0 || whole + point + fraction != size)
		return name_fault(text, n);
	if (fraction > DECIMAL_FRACTION_MOST)
		return too_fine;
	if (whole > DECIMAL_WHOLE_MOST)
		return too_large;
	keep(out, negative, at, whole + (fraction > 0 ? 1 + fraction : 0));
	return NULL;
}

void decimal_negate(struct decimal *d)
{
	if (d->sign == 0)
		return;
	if (d->sign < 0) {
		memmove(d->text, d->text + 1, d->size--);
	} else {
		memmove(d->text + 1, d->text, (size_t)++d->size);
		d->text[0] = '-';
	}
	d->sign = (signed char)-d->sign;
}

/* ---- numbers of JSON ---- */

static int read_exponent(const char *text, size_t n, int *out)
{
	bool negative = n > 0 && text[0] == '-';
	size_t from = n > 0 && (text[0] == '-' || text[0] == '+');
	int value = 0;
	if (from == n || run_of_digits(text + from, n - from) != n - from)
		return -1;
	for (size_t i = from; i < n && value <= EXPONENT_MOST; i++)
		value = value * 10 + (text[i] - '0');
	*out = negative ? -value : value;
	return 0;
}

/* Zeros in front only move the point. */
static int add_digits(struct digits *d, const char *text, size_t n, bool whole)
{
	for (size_t i = 0; i < n; i++) {
		if (d->count > 0 || text[i] != '0') {
			if (d->count == DIGITS_MOST)
				return -1;
			d->digit[d->count++] = text[i];
			d->point += whole;
		} else if (!whole) {
			d->point--;
		}
	}
	return 0;
}

static int split(struct digits *d, const char *text, size_t n)
{
	int exponent = 0;
	*d = (struct digits){.negative = n > 0 && text[0] == '-'};
	size_t at = d->negative, run = run_of_digits(text + at, n - at);
	if (run == 0 || add_digits(d, text + at, run, true) < 0)
		return -1;
	at += run;
	d->real = at < n;
	if (at < n && text[at] == '.') {
		run = run_of_digits(text + at + 1, n - at - 1);
		if (run == 0 || add_digits(d, text + at + 1, run, false) < 0)
			return -1;
		at += 1 + run;
	}
	if (at < n && (text[at] | 0x20) == 'e') {
		if (read_exponent(text + at + 1, n - at - 1, &exponent) < 0)
			return -1;
		at = n;
	}
	d->point += exponent;
	return at == n ? 0 : -1;
}

static void drop_zeros_at_end(struct digits *d)
{
	while (d->count > 0 && d->digit[d->count - 1] == '0')
		d->count--;
	if (d->count == 0)
		d->point = 0;
}

static void write_digits(struct decimal *out, const struct digits *d)
{
	int fraction = d->count > d->point ? d->count - d->point : 0;
	char text[DECIMAL_WHOLE_MOST + 1 + DECIMAL_FRACTION_MOST];
	size_t n = 0;
	for (int i = d->point < 1 ? d->point - 1 : 0; i < d->point + fraction; i++) {
		if (i == d->point)
			text[n++] = '.';
		text[n++] = (char)(i >= 0 && i < d->count ? d->digit[i] : '0');
	}
	keep(out, d->negative, text, n);
}

const char *decimal_read_number(struct decimal *out, const char *json, size_t n)
{
	struct digits d;
	if (split(&d, json, n) < 0)
		return no_decimal;
	drop_zeros_at_end(&d);
	if (d.point > DECIMAL_WHOLE_MOST)
		return too_large;
	if (d.real && d.count > DECIMAL_EXACT_DIGITS)
		return inexact;
	if (d.count - d.point > DECIMAL_FRACTION_MOST)
		return too_fine;
	write_digits(out, &d);
	return NULL;
}
