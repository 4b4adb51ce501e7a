#include <CUnit/CUnit.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"

static struct buffer b;

static void is(const char *expected)
{
	const char *text = buffer_text(&b);

	if (strcmp(text, expected) != 0)
		fprintf(stderr, "    %s instead of %s\n", text, expected);
	CU_ASSERT_STRING_EQUAL(text, expected);
	buffer_reset(&b);
}

static void real(double v, int decimals, const char *expected)
{
	CU_ASSERT(print_real(&b, v, decimals));
	is(expected);
}

static void reals(void)
{
	real(0, 6, "0");
	real(1, 6, "1");
	real(-1.5, 6, "-1.5");
	real(0.25, 1, "0.3");
	real(0.05, 6, "0.05");
	real(12.3456789, 6, "12.345679");
	real(12.3456789, 0, "12");
	real(0.9999999, 6, "1");
	real(-0.0000001, 6, "0");
	real(1e12, 3, "1000000000000");
	buffer_release(&b);
}

static void reals_that_cannot_be_written(void)
{
	CU_ASSERT_FALSE(print_real(&b, NAN, 3));
	CU_ASSERT_FALSE(print_real(&b, INFINITY, 3));
	CU_ASSERT_FALSE(print_real(&b, -1e13, 3));
	CU_ASSERT_EQUAL(b.size, 0);
	json_decimal(&b, "x", NAN);
	is("\"x\":null,");
	buffer_release(&b);
}

/* Where such a locale is installed. */
static void reals_do_not_pass_through_the_locale(void)
{
	if (setlocale(LC_ALL, "de_DE.UTF-8"))
		real(1234.5, 2, "1234.5");
	setlocale(LC_ALL, "C");
	buffer_release(&b);
}

static void duration(double seconds, const char *expected)
{
	print_duration(&b, seconds);
	is(expected);
}

static void durations(void)
{
	duration(-3, "0 s");
	duration(NAN, "0 s");
	duration(0.25, "0.3 s");
	duration(42.9, "42 s");
	duration(60, "1:00 min");
	duration(185, "3:05 min");
	duration(7500, "2:05 h");
	duration(354240, "4.1 d");
	buffer_release(&b);
}

static void plain(const char *text, const char *expected)
{
	print_plain(&b, (struct weir_text){text, strlen(text)});
	is(expected);
}

static void plain_texts(void)
{
	plain("", "");
	plain("caf\xC3\xA9 \xE2\x82\xAC", "caf\xC3\xA9 \xE2\x82\xAC");
	plain("a\x1b[31mb\nc\td\x7f", "a?[31mb c d?");
	/* clang-format off */
	plain("a\xC2\x9B" "31m", "a?31m"); /* a CSI of one character */
	/* clang-format on */
	plain("\xC2", "\xC2");
	plain("\xC2\xA0\xE2\x80\xAF\xE2\x80", "\xC2\xA0\xE2\x80\xAF\xE2\x80"); /* mere blanks */
	plain("a\u202Egpj.exe\u202C\u2028b", "a?gpj.exe??b");
	plain("\uFEFF\u200E\u200F\u2066\u2069\u2029\u061C", "???????");
	print_plain(&b, (struct weir_text){NULL, 0});
	is("");
	buffer_release(&b);
}

static void escaped_texts(void)
{
	print_escaped(&b, print_text("a\nb\t\x1b\xC2\x9B\u202E\xC3\xA9"));
	is("a\nb\\x09\\x1b\\xc2\\x9b\\xe2\\x80\\xae\xC3\xA9");
	buffer_release(&b);
}

static void json(void)
{
	buffer_add_char(&b, '{');
	json_text(&b, "a", print_text("x\"y"));
	json_text(&b, "b", print_text(""));
	json_count(&b, "c", -5);
	json_flag(&b, "d", true);
	json_raw(&b, "e", print_text("{\"f\":[1, 2]}"));
	json_raw(&b, "g", (struct weir_text){NULL, 0});
	json_key(&b, "h");
	buffer_add_char(&b, '[');
	json_close(&b, ']');
	json_key(&b, "i");
	buffer_add_char(&b, '{');
	json_decimal(&b, "j", 0.5);
	json_close(&b, '}');
	json_end(&b, '}');
	is("{\"a\":\"x\\\"y\",\"b\":null,\"c\":-5,\"d\":true,\"e\":{\"f\":[1, 2]},\"g\":null,"
	   "\"h\":[],\"i\":{\"j\":0.5}}\n");
	buffer_release(&b);
}

static void cell(const char *text, const char *expected)
{
	csv_cell(&b, (struct weir_text){text, strlen(text)});
	is(expected);
}

static void csv_quotes(void)
{
	cell("", ",");
	cell("plain text", "plain text,");
	cell("a;b", "\"a;b\","); /* the separator of other countries */
	cell("a\tb", "\"a\tb\",");
	cell("a,b", "\"a,b\",");
	cell("say \"no\"", "\"say \"\"no\"\"\",");
	cell("\"", "\"\"\"\",");
	cell("two\r\nlines", "\"two\r\nlines\",");
	cell("{\"a\":1}", "\"{\"\"a\"\":1}\",");
	csv_cell(&b, (struct weir_text){NULL, 0});
	is(",");
	buffer_release(&b);
}

static void csv_formulas(void)
{
	cell("=1+2", "'=1+2,");
	cell("=cmd|\"x\"", "\"'=cmd|\"\"x\"\"\",");
	cell("@sum", "'@sum,");
	cell("-id", "'-id,");
	cell("+49 30", "'+49 30,");
	cell("\tx", "\"'\tx\",");
	cell("\r=x", "\"'\r=x\",");
	cell("-", "'-,");
	cell("-.", "'-.,");
	cell("-1e", "'-1e,");
	cell("-1e+", "'-1e+,");
	cell("-1-2", "'-1-2,");
	cell("a=b", "a=b,");
	cell(" =1+2", "' =1+2,");
	cell(" -1", "' -1,");
	/* clang-format off */
	cell("\xEF\xBC\x9D" "1", "'\xEF\xBC\x9D" "1,"); /* in full width */
	cell("\xEF\xBC\x8B" "1", "'\xEF\xBC\x8B" "1,");
	cell("\xEF\xBC\x8D" "1", "'\xEF\xBC\x8D" "1,");
	cell("\xEF\xBC\xA0" "a", "'\xEF\xBC\xA0" "a,");
	/* clang-format on */
	cell("\xEF\xBC\x8E", "\xEF\xBC\x8E,"); /* a full stop is none */
	cell("   ", "   ,");
	buffer_release(&b);
}

static void csv_numbers(void)
{
	cell("-1", "-1,");
	cell("+1", "+1,");
	cell("-0.5", "-0.5,");
	cell("-.5", "-.5,");
	cell("-5.", "-5.,");
	cell("-1e-7", "-1e-7,");
	cell("-1.5E+10", "-1.5E+10,");
	buffer_release(&b);
}

static void csv_rows(void)
{
	csv_begin(&b);
	is("\xEF\xBB\xBF");
	csv_cell(&b, print_text("a"));
	csv_cell(&b, print_text("b"));
	csv_end(&b);
	csv_cell(&b, print_text("c"));
	csv_cell(&b, print_text(""));
	csv_end(&b);
	is("a,b\r\nc,\r\n");
	buffer_release(&b);
}

struct record {
	char name[8];
	int64_t count;
	double real;
	bool flag;
};

static const struct field fields[] = {
	FIELD(FIELD_TEXT, struct record, "name", name),
	FIELD(FIELD_COUNT, struct record, "count", count),
	FIELD(FIELD_REAL, struct record, "real", real),
	FIELD(FIELD_FLAG, struct record, "flag", flag),
	{.type = FIELD_END},
};

static void records(void)
{
	struct record full = {"a,b", 7, 1.25, true}, empty = {"", 0, NAN, false};

	fields_csv_names(fields, "x_", &b);
	csv_end(&b);
	fields_csv(fields, &full, &b);
	csv_end(&b);
	fields_csv(fields, &empty, &b);
	csv_end(&b);
	is("x_name,x_count,x_real,x_flag\r\n\"a,b\",7,1.25,true\r\n,0,,false\r\n");
	fields_json(fields, &full, &b);
	is("\"name\":\"a,b\",\"count\":7,\"real\":1.25,\"flag\":true,");
	fields_json(fields, &empty, &b);
	is("\"name\":null,\"count\":0,\"real\":null,\"flag\":false,");
	buffer_release(&b);
}

static void column(PGresult *r, int at, char *value, int size)
{
	CU_ASSERT(PQsetvalue(r, 0, at, value, size));
}

static void reading(void)
{
	PGresAttDesc columns[] = {
		{.name = "count"}, {.name = "name"}, {.name = "unknown"}, {.name = "real"}};
	char seven[8] = {0, 0, 0, 0, 0, 0, 0, 7};
	struct record r = {"old", 1, 1, true};
	PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

	CU_ASSERT_FATAL(PQsetResultAttrs(rows, 4, columns));
	column(rows, 0, seven, 8);
	column(rows, 1, (char[]){"too long for it"}, 15);
	column(rows, 2, (char[]){"x"}, 1);
	column(rows, 3, NULL, -1);
	fields_read(fields, rows, 0, &r);
	CU_ASSERT_EQUAL(r.count, 7);
	CU_ASSERT_STRING_EQUAL(r.name, "too lon");
	CU_ASSERT(isnan(r.real));
	CU_ASSERT(r.flag); /* no column: left alone */
	PQclear(rows);
}

void add_print_suite(void);

void add_print_suite(void)
{
	CU_pSuite suite = CU_add_suite("print", NULL, NULL);

	CU_add_test(suite, "reals", reals);
	CU_add_test(suite, "reals that cannot be written", reals_that_cannot_be_written);
	CU_add_test(suite, "reals and the locale", reals_do_not_pass_through_the_locale);
	CU_add_test(suite, "durations", durations);
	CU_add_test(suite, "plain texts", plain_texts);
	CU_add_test(suite, "escaped texts", escaped_texts);
	CU_add_test(suite, "json", json);
	CU_add_test(suite, "csv quotes", csv_quotes);
	CU_add_test(suite, "csv formulas", csv_formulas);
	CU_add_test(suite, "csv numbers", csv_numbers);
	CU_add_test(suite, "csv rows", csv_rows);
	CU_add_test(suite, "records", records);
	CU_add_test(suite, "reading", reading);
}
