#include <CUnit/CUnit.h>
#include <string.h>

#include "weir/error.h"

void add_error_suite(void);

static void fills_code_and_text(void)
{
	struct weir_error err;

	CU_ASSERT_EQUAL(weir_fail(&err, "bad_thing", "%s is %d", "it", 7), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_thing");
	CU_ASSERT_STRING_EQUAL(err.text, "it is 7");
}

static void needs_no_struct(void)
{
	CU_ASSERT_EQUAL(weir_fail(NULL, "bad_thing", "%d", 7), -1);
	CU_ASSERT_EQUAL(weir_fail_memory(NULL), -1);
}

static void names_memory(void)
{
	struct weir_error err;

	CU_ASSERT_EQUAL(weir_fail_memory(&err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "out_of_memory");
}

static void cuts_what_is_too_long(void)
{
	struct weir_error err;

	(void)weir_fail(&err, "a_code_that_is_longer_than_its_field", "%0600d", 1);
	CU_ASSERT_EQUAL(strlen(err.code), sizeof(err.code) - 1);
	CU_ASSERT_EQUAL(strlen(err.text), sizeof(err.text) - 1);
}

static void cuts_between_characters(void)
{
	struct weir_error err;

	(void)weir_fail(&err, "long", "%0478d\xE2\x82\xAC", 1);
	CU_ASSERT_EQUAL(strlen(err.text), 478);
	(void)weir_fail(&err, "long", "%0476d\xE2\x82\xAC", 1);
	CU_ASSERT_EQUAL(strlen(err.text), 479);
	CU_ASSERT_STRING_EQUAL(err.text + 476, "\xE2\x82\xAC");
}

static void replaces_what_is_not_utf8(void)
{
	struct weir_error err;

	(void)weir_fail(&err, "bytes", "a\xFF\xC0\x80 \xC3\xA4 \xE2\x82");
	CU_ASSERT_STRING_EQUAL(err.text, "a??? \xC3\xA4 ??");
}

static void takes_its_own_text_as_argument(void)
{
	struct weir_error err = {.code = "inner", .text = "too large"};

	(void)weir_fail(&err, err.code, "line %d: %s", 3, err.text);
	CU_ASSERT_STRING_EQUAL(err.code, "inner");
	CU_ASSERT_STRING_EQUAL(err.text, "line 3: too large");
}

void add_error_suite(void)
{
	CU_pSuite suite = CU_add_suite("error", NULL, NULL);

	CU_ADD_TEST(suite, fills_code_and_text);
	CU_ADD_TEST(suite, needs_no_struct);
	CU_ADD_TEST(suite, names_memory);
	CU_ADD_TEST(suite, cuts_what_is_too_long);
	CU_ADD_TEST(suite, cuts_between_characters);
	CU_ADD_TEST(suite, replaces_what_is_not_utf8);
	CU_ADD_TEST(suite, takes_its_own_text_as_argument);
}
