#include <string.h>

#include <CUnit/CUnit.h>

#include "currency.h"

static const struct currency *find(const char *code)
{
	return currency_find((struct weir_text){code, strlen(code)});
}

static void places(void)
{
	static const struct {
		const char *code;
		int places;
	} rows[] = {{"USD", 2}, {"eur", 2}, {"Gbp", 2}, {"JPY", 0}, {"KRW", 0}, {"XAF", 0},
		    {"KWD", 3}, {"BHD", 3}, {"OMR", 3}, {"JOD", 3}, {"TND", 3}, {"IQD", 3},
		    {"LYD", 3}, {"CLF", 4}, {"UYW", 4}, {"AED", 2}, {"ZWL", 2}, {"HRK", 2}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct currency *c = find(rows[i].code);
		CU_ASSERT_PTR_NOT_NULL_FATAL(c);
		CU_ASSERT_EQUAL(c->places, rows[i].places);
		CU_ASSERT_EQUAL(strlen(c->code), 3);
	}
}

/* No money, no code, and what is gone for long. */
static void none(void)
{
	static const char *const codes[] = {"XXX", "XTS", "XDR", "XAU",	 "XAG", "XPT",
					    "XPD", "XBA", "XSU", "XUA",	 "ZZZ", "AAA",
					    "RMB", "NIS", "GBX", "BTC",	 "DEM", "FRF",
					    "N/A", "",	  "US",	 "USDT", "US$", "\xe2\x82\xac"};
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		CU_ASSERT_PTR_NULL(find(codes[i]));
}

void add_currency_suite(void);

void add_currency_suite(void)
{
	CU_pSuite s = CU_add_suite("currency", NULL, NULL);
	CU_add_test(s, "places of the smallest coin", places);
	CU_add_test(s, "what is none", none);
}
