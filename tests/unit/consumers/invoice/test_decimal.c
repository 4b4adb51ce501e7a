/* Decimal numbers, as texts and as JSON prints them. */
#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"

struct row {
	const char *text, *wanted; /* or a part of what is wrong with it, after a '!' */
};

typedef const char *reader(struct decimal *out, const char *text, size_t n);

static int sign_of(const char *text)
{
	return strspn(text, "-0.") == strlen(text) ? 0 : *text == '-' ? -1 : 1;
}

static void expect(reader *read, const char *text, const char *wanted)
{
	struct decimal d;
	const char *why = read(&d, text, strlen(text));
	bool ok = *wanted == '!' ? why && strstr(why, wanted + 1)
				 : !why && strcmp(d.text, wanted) == 0 &&
					   d.size == strlen(wanted) && d.sign == sign_of(wanted);
	if (!ok)
		fprintf(stderr, "    \"%s\": %s, not %s\n", text, why ? why : d.text, wanted);
	CU_ASSERT(ok);
}

static void expect_all(reader *read, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect(read, rows[i].text, rows[i].wanted);
}

#define EXPECT_ALL(read, rows) expect_all(read, rows, sizeof rows / sizeof *rows)

static void texts(void)
{
	static const struct row rows[] = {
		{"0", "0"},
		{"1", "1"},
		{"9", "9"},
		{"10", "10"},
		{"12.50", "12.50"},
		{"12.5", "12.5"},
		{"12.500", "12.500"},
		{"0.1", "0.1"},
		{"0.10", "0.10"},
		{"0.0000000001", "0.0000000001"},
		{"-0.0000000001", "-0.0000000001"},
		{"999999999999", "999999999999"},
		{"-999999999999", "-999999999999"},
		{"999999999999.9999999999", "999999999999.9999999999"},
		{"-999999999999.9999999999", "-999999999999.9999999999"},
		{"007", "7"},
		{"000", "0"},
		{"00.5", "0.5"},
		{"-007.10", "-7.10"},
		{"000000000000", "0"},
		{"000000000001", "1"},
		{"-0", "0"},
		{"-0.0", "0.0"},
		{"-0.00", "0.00"},
		{"0.00", "0.00"},
		{"100.0", "100.0"},
		{"1234567890.12", "1234567890.12"},
		{".50", "0.50"},
		{"-.5", "-0.5"},
		{".0", "0.0"},
		{"12.", "12"},
		{"-5.", "-5"},
		{"0.", "0"},
		{"(5.00)", "-5.00"},
		{"(.50)", "-0.50"},
		{"(0.00)", "0.00"},
		{"5.00-", "-5.00"},
		{"5.-", "-5"},
		{".5-", "-0.5"},
		{"(999999999999.9999999999)", "-999999999999.9999999999"},
	};
	EXPECT_ALL(decimal_read, rows);
}

static const char *const no_decimals[] = {
	"",
	"-",
	"+1",
	"+",
	".",
	"-.",
	"(.)",
	".-",
	"()",
	"(5",
	"5)",
	"(-5)",
	"(5-)",
	"-5-",
	"-(5)",
	"(5)-",
	"((5))",
	"( 5)",
	"1.2.3",
	"1..2",
	"1,5",
	"1,234",
	"1,234.50",
	"1 000",
	"1 ",
	" 1",
	"1.5 ",
	"1. 5",
	"--1",
	"-+1",
	"1e3",
	"1E3",
	"1e+03",
	"1.5e-07",
	"0x10",
	"1f",
	"1.5f",
	"inf",
	"-inf",
	"nan",
	"NaN",
	"Infinity",
	"$12.50",
	"12.50$",
	"12.50 USD",
	"12'000",
	"1_000",
	"one",
	"1/2",
	"50%",
	"\xC2\xBD",
	"1\xC2\xA0",
	"\xD9\xA1",
	"\xE2\x88\x92"
	"5",
	"1\t",
	"\n1",
	"1\r",
	"abc",
	"-abc",
	"1a",
	"a1",
	"1.a",
	"1.1a",
	"#10",
	"0.1.",
	"1.000.000",
	"1.000,00",
	"1:2",
	"1;",
	"\"1\"",
};

static void texts_that_are_none(void)
{
	for (size_t i = 0; i < sizeof no_decimals / sizeof *no_decimals; i++)
		expect(decimal_read, no_decimals[i], "!is no decimal number");
	struct decimal d;
	CU_ASSERT_PTR_NOT_NULL(decimal_read(&d, "1\0002", 3));
	CU_ASSERT_PTR_NOT_NULL(decimal_read(&d, "1\0", 2));
	CU_ASSERT_PTR_NULL(decimal_read(&d, "12", 1));
	CU_ASSERT_STRING_EQUAL(d.text, "1");
}

static void what_to_do(void)
{
	static const struct row rows[] = {
		{"1,5", "!write a point"},	 {"1,234.50", "!nothing between thousands"},
		{"1 000", "!between thousands"}, {"12'000", "!between thousands"},
		{"$12.50", "!leave out signs"},	 {"12.50 USD", "!leave out signs"},
		{"50%", "!leave out signs"},	 {"1.2.3", "!such as 12.50"},
	};
	EXPECT_ALL(decimal_read, rows);
}

static void negated(void)
{
	static const char *const rows[][2] = {
		{"5.00", "-5.00"},
		{"-5.00", "5.00"},
		{"0.00", "0.00"},
		{"-.5", "0.5"},
		{"999999999999.9999999999", "-999999999999.9999999999"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct decimal d;
		CU_ASSERT_PTR_NULL(decimal_read(&d, rows[i][0], strlen(rows[i][0])));
		decimal_negate(&d);
		CU_ASSERT_STRING_EQUAL(d.text, rows[i][1]);
		CU_ASSERT_EQUAL(d.size, strlen(rows[i][1]));
		CU_ASSERT_EQUAL(d.sign, sign_of(rows[i][1]));
	}
}

static void texts_beyond_bounds(void)
{
	static const struct row rows[] = {
		{"1000000000000", "!12 digits before"},
		{"-1000000000000", "!12 digits before"},
		{"0000000000001", "!12 digits before"},
		{"1000000000000.5", "!12 digits before"},
		{"0.00000000001", "!10 digits behind"},
		{"0.00000000000", "!10 digits behind"},
		{"1.12345678901", "!10 digits behind"},
		{"-1.12345678901", "!10 digits behind"},
		{"99999999999999999999999999999999999999999999999999", "!12 digits before"},
		{"0.99999999999999999999999999999999999999999999999999", "!10 digits behind"},
	};
	EXPECT_ALL(decimal_read, rows);
}

static void numbers(void)
{
	static const struct row rows[] = {
		{"0", "0"},
		{"-0", "0"},
		{"-0.0", "0"},
		{"1", "1"},
		{"-1", "-1"},
		{"12.5", "12.5"},
		{"12.50", "12.5"},
		{"0.1", "0.1"},
		{"-0.1", "-0.1"},
		{"3", "3"},
		{"100", "100"},
		{"1e2", "100"},
		{"1E2", "100"},
		{"1e+02", "100"},
		{"1.5e+2", "150"},
		{"-1.5e+2", "-150"},
		{"1.5e-07", "0.00000015"},
		{"-1.5e-07", "-0.00000015"},
		{"1e-05", "0.00001"},
		{"1e-10", "0.0000000001"},
		{"1.5e-9", "0.0000000015"},
		{"12345e-4", "1.2345"},
		{"0.00012e4", "1.2"},
		{"0.00012e5", "12"},
		{"0.00012e2", "0.012"},
		{"0e999999", "0"},
		{"0.000e-5", "0"},
		{"1e11", "100000000000"},
		{"9.99e+11", "999000000000"},
		{"999999999999", "999999999999"},
		{"-999999999999", "-999999999999"},
		{"123456789012.345", "123456789012.345"},
		{"0.123456789", "0.123456789"},
		{"12345.1234567891", "12345.1234567891"},
		{"99999.9999999999", "99999.9999999999"},
		{"0.3", "0.3"},
		{"2.675", "2.675"},
		{"1.10", "1.1"},
		{"1.0000000000000000000", "1"},
	};
	EXPECT_ALL(decimal_read_number, rows);
}

static void numbers_that_are_refused(void)
{
	static const struct row rows[] = {
		{"0.30000000000000004", "!in quotes"},
		{"1234567890.123456", "!in quotes"},
		{"123456789012.3456", "!in quotes"},
		{"12.500000000000001", "!in quotes"},
		{"1e12", "!12 digits before"},
		{"1e+15", "!12 digits before"},
		{"1e300", "!12 digits before"},
		{"-1e+300", "!12 digits before"},
		{"1e99999999999999", "!12 digits before"},
		{"1000000000000", "!12 digits before"},
		{"9223372036854775807", "!12 digits before"},
		{"-9223372036854775808", "!12 digits before"},
		{"18446744073709551615", "!12 digits before"},
		{"1e-11", "!10 digits behind"},
		{"1e-300", "!10 digits behind"},
		{"1.5e-10", "!10 digits behind"},
		{"0.12345678901", "!10 digits behind"},
		{"", "!no decimal"},
		{"-", "!no decimal"},
		{"1e", "!no decimal"},
		{"1e+", "!no decimal"},
		{"1e-", "!no decimal"},
		{"1.e5", "!no decimal"},
		{"1.", "!no decimal"},
		{".5", "!no decimal"},
		{"e5", "!no decimal"},
		{"1e5.5", "!no decimal"},
		{"true", "!no decimal"},
		{"null", "!no decimal"},
		{"[1]", "!no decimal"},
		{"{}", "!no decimal"},
		{"\"1\"", "!no decimal"},
		{"1 ", "!no decimal"},
		{"12345678901234567890123456789012345678901234567890", "!no decimal"},
	};
	EXPECT_ALL(decimal_read_number, rows);
}

/* Whatever is written with at most 15 digits and read as a double comes back as it was written. */
static void every_short_number_survives_a_double(void)
{
	uint64_t seed = 42;
	for (int i = 0; i < 20000; i++) {
		char text[40], printed[40];
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		int places = (int)(seed >> 33) % 5, whole = (int)(seed >> 38) % 11 + 1;
		uint64_t cents = seed >> 11;
		for (int d = 19; d > whole + places - 1; d--)
			cents = cents > 9 ? cents / 10 : cents;
		uint64_t scale = places == 0   ? 1
				 : places == 1 ? 10
				 : places == 2 ? 100
				 : places == 3 ? 1000
					       : 10000;
		cents %= 1000000000000000;
		if (cents / scale > 99999999999)
			continue;
		snprintf(text, sizeof text, "%llu", (unsigned long long)(cents / scale));
		if (places)
			snprintf(text + strlen(text), 8, ".%0*llu", places,
				 (unsigned long long)(cents % scale));
		snprintf(printed, sizeof printed, "%.15g", strtod(text, NULL));
		struct decimal seen, wanted;
		CU_ASSERT_PTR_NULL(decimal_read_number(&wanted, text, strlen(text)));
		CU_ASSERT_PTR_NULL(decimal_read_number(&seen, printed, strlen(printed)));
		CU_ASSERT_STRING_EQUAL(seen.text, wanted.text);
	}
}

void add_decimal_suite(void);

void add_decimal_suite(void)
{
	CU_pSuite s = CU_add_suite("decimal", NULL, NULL);
	CU_add_test(s, "texts", texts);
	CU_add_test(s, "texts that are no numbers", texts_that_are_none);
	CU_add_test(s, "what is said of texts that are no numbers", what_to_do);
	CU_add_test(s, "negated", negated);
	CU_add_test(s, "texts beyond the bounds", texts_beyond_bounds);
	CU_add_test(s, "numbers of JSON", numbers);
	CU_add_test(s, "numbers that are refused", numbers_that_are_refused);
	CU_add_test(s, "short numbers survive a double", every_short_number_survives_a_double);
}
