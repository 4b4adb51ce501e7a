/* Exact products and differences. */
#include <CUnit/CUnit.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "amount.h"

static struct decimal decimal(const char *text)
{
	struct decimal d;
	CU_ASSERT_PTR_NULL_FATAL(decimal_read(&d, text, strlen(text)));
	return d;
}

static void expect(const struct amount *a, const char *wanted)
{
	char text[AMOUNT_TEXT];
	amount_text(a, text);
	CU_ASSERT_STRING_EQUAL(text, wanted);
}

static void products(void)
{
	static const char *const rows[][3] = {
		{"2", "3", "6"},
		{"27.43", "5.49", "150.5907"},
		{"43.88", "2.0699", "90.827212"},
		{"0", "-5", "0"},
		{"-0.5", "0.5", "-0.25"},
		{"-0.5", "-0.5", "0.25"},
		{"0.0000000001", "0.0000000001", "0.00000000000000000001"},
		{"999999999999.9999999999", "999999999999.9999999999",
		 "999999999999999999999800.00000000000000000001"},
		{"100", "0.10", "10"},
		{"999999999999", "999999999999", "999999999998000000000001"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct decimal a = decimal(rows[i][0]), b = decimal(rows[i][1]);
		struct amount out;
		amount_product(&out, &a, &b);
		expect(&out, rows[i][2]);
		amount_product(&out, &b, &a);
		expect(&out, rows[i][2]);
	}
}

static void differences(void)
{
	static const char *const rows[][3] = {
		{"5", "3", "2"},	  {"3", "5", "-2"},	 {"-3", "5", "-8"},
		{"3", "-5", "8"},	  {"-3", "-5", "2"},	 {"-5", "-3", "-2"},
		{"5", "5", "0"},	  {"-5", "-5", "0"},	 {"0", "0.01", "-0.01"},
		{"1000", "0.1", "999.9"}, {"0.3", "0.1", "0.2"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct decimal a = decimal(rows[i][0]), b = decimal(rows[i][1]);
		struct amount out, other;
		amount_of(&out, &a);
		amount_of(&other, &b);
		amount_subtract(&out, &other);
		expect(&out, rows[i][2]);
	}
}

static void comparisons(void)
{
	struct decimal small = decimal("-0.0099999999"), cent = decimal("0.01");
	struct amount a, b;
	amount_of(&a, &small);
	amount_of(&b, &cent);
	CU_ASSERT_EQUAL(amount_compare(&a, &b), -1);
	CU_ASSERT_EQUAL(amount_compare(&b, &a), 1);
	CU_ASSERT_EQUAL(amount_compare(&b, &b), 0);
}

static void back_to_decimals(void)
{
	struct decimal a = decimal("-12.50"), b = decimal("4"), large = decimal("999999999999"),
		       fine = decimal("0.0000000001"), out;
	struct amount product;
	amount_product(&product, &a, &b);
	CU_ASSERT(amount_to_decimal(&out, &product));
	CU_ASSERT_STRING_EQUAL(out.text, "-50");
	amount_product(&product, &large, &b);
	CU_ASSERT_FALSE(amount_to_decimal(&out, &product));
	amount_product(&product, &fine, &fine);
	CU_ASSERT_FALSE(amount_to_decimal(&out, &product));
}

/* As integers of the machine say, where these suffice. */
static void against_integers(void)
{
	uint64_t seed = 3;
	for (int i = 0; i < 20000; i++) {
		char x[32], y[32], wanted[48];
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		int64_t a = (int64_t)(seed >> 34) - (INT64_C(1) << 29);
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		int64_t b = (int64_t)(seed >> 34) - (INT64_C(1) << 29);
		snprintf(x, sizeof x, "%lld", (long long)a);
		snprintf(y, sizeof y, "%lld", (long long)b);
		snprintf(wanted, sizeof wanted, "%lld", (long long)(a * b));
		struct decimal da = decimal(x), db = decimal(y);
		struct amount out, other;
		amount_product(&out, &da, &db);
		expect(&out, wanted);
		amount_of(&out, &da);
		amount_of(&other, &db);
		amount_subtract(&out, &other);
		snprintf(wanted, sizeof wanted, "%lld", (long long)(a - b));
		expect(&out, wanted);
	}
}

void add_amount_suite(void);

void add_amount_suite(void)
{
	CU_pSuite s = CU_add_suite("amount", NULL, NULL);
	CU_add_test(s, "products", products);
	CU_add_test(s, "differences", differences);
	CU_add_test(s, "comparisons", comparisons);
	CU_add_test(s, "back to decimals", back_to_decimals);
	CU_add_test(s, "as integers say", against_integers);
}
