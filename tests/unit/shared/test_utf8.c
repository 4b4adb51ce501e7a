/* What is not seen in a text. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "weir/utf8.h"

static void blanks(void)
{
	static const char *const blank[] = {"",
					    " ",
					    "\t\r\n\v\f",
					    "\x1F\x7F",
					    "\xC2\x85",
					    "\xC2\xA0",
					    "\xC2\xAD",
					    "\xE1\x9A\x80",
					    "\xE2\x80\x80",
					    "\xE2\x80\x8D",
					    "\xE2\x80\xAE",
					    "\xE2\x81\xA0",
					    "\xE2\xA0\x80",
					    "\xE3\x80\x80",
					    "\xE3\x85\xA4",
					    "\xEF\xB8\x8F",
					    "\xEF\xBB\xBF",
					    "\xF3\xA0\x81\xBF"};
	static const char *const seen[] = {".",
					   "  x",
					   "\xC3\xA4",
					   "\xE2\x80\x90",
					   "\xE2\x80\xA6",
					   "\xE2\x9C\x93",
					   "\xF0\x9F\x91\x8D",
					   "\xCC\x81",
					   "\xEF\xBF\xBD",
					   "\xE2\xA0\x81"};
	for (size_t i = 0; i < sizeof(blank) / sizeof(*blank); i++)
		CU_ASSERT_TRUE(utf8_is_blank(blank[i], strlen(blank[i])));
	for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++)
		CU_ASSERT_FALSE(utf8_is_blank(seen[i], strlen(seen[i])));
	CU_ASSERT_TRUE(utf8_is_blank("\0 ", 2));
	CU_ASSERT_FALSE(utf8_is_blank("\xC2", 1)); /* no character at all */
}

#define VS16 "\xEF\xB8\x8F" /* a heart is red with it, and black without */
#define HEART "\xE2\x9D\xA4"

/* Blanks at the ends are taken off, and nothing that is a part of what stands there. */
static const struct {
	const char *text, *trimmed;
} ends[] = {
	{"", ""},
	{" \t\r\n\v\f", ""},
	{"a", "a"},
	{" a b ", "a b"},
	{"\xC2\xA0"
	 "a\xC2\xA0\xC2\xA0",
	 "a"},
	{"\xEF\xBB\xBF"
	 "a",
	 "a"},
	{"\xE2\x80\x8B\xE2\x81\xA0"
	 "a\xE2\x80\xAF\xE3\x80\x80\xC2\x85",
	 "a"},
	{"\xE1\x9A\x80\xE2\x80\x80 \xE2\x80\xA8"
	 "a\xE2\x81\x9F",
	 "a"},
	{"a\xE2\x80\x8D", "a"},
	{HEART VS16, HEART VS16},
	{HEART VS16 " ", HEART VS16},
	{"\xC2\xAD"
	 "a\xC2\xAD",
	 "\xC2\xAD"
	 "a\xC2\xAD"},
	{"\xC3\x85", "\xC3\x85"},	  /* ends in the byte of U+0085 */
	{"\xE4\xB8\xA0", "\xE4\xB8\xA0"}, /* and of U+00A0 */
	{"\x01"
	 "a\x7F",
	 "\x01"
	 "a\x7F"},
	{"a\xE2\x80", "a\xE2\x80"}, /* no character */
};

static void trims(void)
{
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct weir_text got =
			utf8_trim((struct weir_text){ends[i].text, strlen(ends[i].text)});
		bool same = got.size == strlen(ends[i].trimmed) &&
			    memcmp(got.data, ends[i].trimmed, got.size) == 0;

		if (!same)
			fprintf(stderr, "    %zu: \"%.*s\"\n", i, (int)got.size, got.data);
		CU_ASSERT_TRUE(same);
	}
}

/* What is trimmed is blank, and so is all that was trimmed off. */
static void blanks_step_by_step(void)
{
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		const char *text = ends[i].text;
		size_t n = strlen(text), step = utf8_blank_step(text, n);

		CU_ASSERT(step <= n);
		CU_ASSERT(step == 0 || utf8_is_blank(text, step));
	}
	CU_ASSERT_EQUAL(utf8_blank_step("", 0), 0);
	CU_ASSERT_EQUAL(utf8_blank_step("\xC2\xA0", 1), 0);
	CU_ASSERT_EQUAL(utf8_blank_step("\xC2\xA0", 2), 2);
}

void add_utf8_suite(void);

void add_utf8_suite(void)
{
	CU_pSuite s = CU_add_suite("utf8", NULL, NULL);
	CU_add_test(s, "what is blank", blanks);
	CU_add_test(s, "blanks at the ends", trims);
	CU_add_test(s, "blanks, step by step", blanks_step_by_step);
}
