/* What happens to many items for one reason, and how often it is told. */
#include <CUnit/CUnit.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "capture.h"
#include "weir/causes.h"
#include "weir/clock.h"

static struct causes causes;
static struct capture seen;

static void note(const char *event, const char *where, const char *example, size_t items,
		 const char *code, const char *text)
{
	struct weir_error why;

	weir_fail(&why, code, "%s", text);
	causes_note(&causes, LOG_WARN, event, where, example, items, &why);
}

/* The same in event, place and code is one line, with the first of it; else it is another. */
static const struct {
	const char *event, *where, *example;
	size_t items;
	const char *code, *text;
	const char *line; /* that begins with this event, and ends so; NULL: of one before */
} notes[] = {
	{"item_failed", "kind=sum", "a/1/0", 1, "bad_payload", "a lacks n",
	 "level=warn kind=sum code=bad_payload items=1007 example=\"a/1/0\" error=\"a lacks n\"\n"},
	{"item_failed", "kind=sum", "a/1/1", 1, "bad_payload", "b lacks n", NULL},
	{"item_failed", "kind=sum", "a/1/2", 1000, "bad_payload", "b lacks n", NULL},
	{"item_failed", "kind=sum", "a/1/3", 1, "poison", "it crashed",
	 "level=warn kind=sum code=poison items=1 example=\"a/1/3\" error=\"it crashed\"\n"},
	{"item_failed", "kind=idea", "b/1/4", 2, "bad_payload", "a lacks n",
	 "level=warn kind=idea code=bad_payload items=2 example=\"b/1/4\" error=\"a lacks n\"\n"},
	{"item_put_off", "kind=sum", "a/1/5", 3, "bad_payload", "a lacks n",
	 "level=warn kind=sum code=bad_payload items=3 example=\"a/1/5\" error=\"a lacks n\"\n"},
	{"item_failed", "kind=sum", "a/1/6", 5, "bad_payload", "c lacks n", NULL},
};

#define NOTES (sizeof(notes) / sizeof(notes[0]))

static void note_all(void)
{
	causes = (struct causes){.count = 0};
	for (size_t i = 0; i < NOTES; i++)
		note(notes[i].event, notes[i].where, notes[i].example, notes[i].items,
		     notes[i].code, notes[i].text);
}

/* One line each, in the order in which they came. */
static void expect_lines(void)
{
	const char *at = seen.text;

	for (size_t i = 0; i < NOTES; i++) {
		const char *end = strchr(at, '\n');

		if (!notes[i].line)
			continue;
		CU_ASSERT_PTR_NOT_NULL_FATAL(end);
		CU_ASSERT(strncmp(at, notes[i].event, strlen(notes[i].event)) == 0);
		CU_ASSERT(end - at > (ptrdiff_t)strlen(notes[i].line));
		CU_ASSERT(strncmp(end + 1 - strlen(notes[i].line), notes[i].line,
				  strlen(notes[i].line)) == 0);
		at = end + 1;
	}
	CU_ASSERT_STRING_EQUAL(at, "");
}

/* Nothing is written before it is time, and each of them once. */
static void one_line_each(void)
{
	int64_t before = clock_us();

	capture_start(&seen);
	note_all();
	CU_ASSERT(causes_next_us(&causes) >= before + CAUSES_US);
	CU_ASSERT(causes_next_us(&causes) <= clock_us() + CAUSES_US);
	causes.until_us = INT64_MAX - 1;
	causes_turn(&causes);
	capture_end(&seen);
	CU_ASSERT_STRING_EQUAL(seen.text, "");

	capture_start(&seen);
	causes.until_us = clock_us();
	causes_turn(&causes);
	causes_turn(&causes);
	causes_tell(&causes);
	capture_end(&seen);
	expect_lines();
	CU_ASSERT_EQUAL(causes_next_us(&causes), INT64_MAX);
}

/* At the end of a process it is not waited for. */
static void told_before_time(void)
{
	note_all();
	capture_start(&seen);
	causes_tell(&causes);
	capture_end(&seen);
	expect_lines();
}

/* What came first is told first, and when it is time is told by that: more of it moves nothing. */
static void time_is_of_the_first(void)
{
	int64_t until;

	causes = (struct causes){.count = 0};
	CU_ASSERT_EQUAL(causes_next_us(&causes), INT64_MAX);
	note("e", "w", "x", 1, "c", "t");
	until = causes.until_us -= 1000;
	note("e", "w", "x", 1, "c", "t");
	note("e", "w", "x", 1, "other", "t");
	CU_ASSERT_EQUAL(causes_next_us(&causes), until);
}

/* There is no room for one more: those that are there are told at once, and it begins anew. */
static void one_too_many(void)
{
	char code[16];

	causes = (struct causes){.count = 0};
	capture_start(&seen);
	for (int i = 0; i < CAUSES_MAX; i++) {
		snprintf(code, sizeof(code), "c%d", i);
		note("e", "w", "x", 1, code, "t");
	}
	note("e", "w", "x", 1, "c0", "t");
	capture_end(&seen);
	CU_ASSERT_STRING_EQUAL(seen.text, "");
	CU_ASSERT_EQUAL(causes.count, CAUSES_MAX);

	capture_start(&seen);
	note("e", "w", "last", 7, "more", "t");
	capture_end(&seen);
	CU_ASSERT_EQUAL(capture_lines(&seen), CAUSES_MAX);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.text, "code=c0 items=2 "));
	CU_ASSERT_PTR_NULL(strstr(seen.text, "code=more"));
	CU_ASSERT_EQUAL(causes.count, 1);
	CU_ASSERT_EQUAL(causes.list[0].items, 7);
}

/* Names that are longer than there is room for are cut, and still one cause each time. */
static void long_names(void)
{
	char where[300];

	memset(where, 'w', sizeof(where) - 1);
	where[sizeof(where) - 1] = '\0';
	causes = (struct causes){.count = 0};
	note("e", where, where, 1, "c", "t");
	note("e", where, where, 1, "c", "t");
	CU_ASSERT_EQUAL(causes.count, 1);
	CU_ASSERT_EQUAL(causes.list[0].items, 2);
}

void add_causes_suite(void);

void add_causes_suite(void)
{
	CU_pSuite suite = CU_add_suite("causes", NULL, NULL);

	CU_add_test(suite, "one line each", one_line_each);
	CU_add_test(suite, "told before it is time", told_before_time);
	CU_add_test(suite, "time is of the first", time_is_of_the_first);
	CU_add_test(suite, "one too many", one_too_many);
	CU_add_test(suite, "long names", long_names);
}
