#include <CUnit/CUnit.h>
#include <string.h>

#include "meter.h"

#define S 1000000

static struct buffer b;

static void nothing_yet(void)
{
	struct meter m = {0};

	CU_ASSERT_EQUAL(meter_rate(&m), 0);
	meter_add(&m, 5 * S, 100);
	CU_ASSERT_EQUAL(meter_rate(&m), 0);
	meter_add(&m, 5 * S, 200); /* no time has passed */
	CU_ASSERT_EQUAL(meter_rate(&m), 0);
}

static void steady(void)
{
	struct meter m = {0};

	for (int64_t i = 0; i <= 1000; i++) {
		meter_add(&m, i * S / 20, i * 50);
		if (i > 0)
			CU_ASSERT_DOUBLE_EQUAL(meter_rate(&m), 1000, 0.01);
	}
	CU_ASSERT(m.count <= METER_SAMPLES);
}

/* What was ten seconds ago is forgotten. */
static void changing(void)
{
	struct meter m = {0};
	int64_t now = 0;

	for (; now <= 20 * S; now += S / 5)
		meter_add(&m, now, now / 100);
	CU_ASSERT_DOUBLE_EQUAL(meter_rate(&m), 10000, 0.01);
	for (; now <= 25 * S; now += S / 5)
		meter_add(&m, now, 200000);
	CU_ASSERT(meter_rate(&m) > 3000 && meter_rate(&m) < 7000);
	for (; now <= 31 * S; now += S / 5)
		meter_add(&m, now, 200000);
	CU_ASSERT_EQUAL(meter_rate(&m), 0);
}

static void rare_samples(void)
{
	struct meter m = {0};

	meter_add(&m, 0, 0);
	meter_add(&m, 60 * S, 600);
	CU_ASSERT_DOUBLE_EQUAL(meter_rate(&m), 10, 0.01);
	meter_add(&m, 120 * S, 600);
	CU_ASSERT_EQUAL(meter_rate(&m), 0);
}

static void counted_anew(void)
{
	struct meter m = {0};

	meter_add(&m, 1 * S, 1000);
	meter_add(&m, 2 * S, 0);
	CU_ASSERT_EQUAL(meter_rate(&m), 0);
	meter_add(&m, 3 * S, 50);
	CU_ASSERT_DOUBLE_EQUAL(meter_rate(&m), 50, 0.01);
}

static void line_is(const struct progress_line *line, int columns, bool colour,
		    const char *expected)
{
	buffer_reset(&b);
	progress_line(line, columns, colour, &b);
	if (strcmp(buffer_text(&b), expected) != 0)
		fprintf(stderr, "    %s instead of %s\n", b.data, expected);
	CU_ASSERT_STRING_EQUAL(b.data, expected);
}

static struct progress_line some_line(void)
{
	return (struct progress_line){.job_id = "first", .status = "running", .total = 1000,
				      .done = 452, .sealed = true};
}

static void lines(void)
{
	struct progress_line line = some_line();

	line_is(&line, 0, false, "first  45.2 %  452/1000");
	line.failed = 3;
	line.rate = 100;
	line_is(&line, 0, false, "first  45.2 %  452/1000  3 failed  100 items/s  ETA 5.5 s");
	line_is(&line, 0, true,
		"first  45.2 %  452/1000  \x1b[31m3 failed\x1b[0m  100 items/s  ETA 5.5 s");
	line.sealed = false;
	line.note = "away";
	line_is(&line, 0, false, "first  45.2 %  452/1000+  3 failed  100 items/s  (away)");
	line = some_line();
	line.status = "paused";
	line_is(&line, 0, false, "first  45.2 %  452/1000  paused");
	line.rate = 100; /* of the time before: nothing is left to be expected of it */
	line_is(&line, 0, false, "first  45.2 %  452/1000  100 items/s  paused");
	line = some_line();
	line.stage = "stage 2/3 idea.title";
	line_is(&line, 0, false, "first  stage 2/3 idea.title  45.2 %  452/1000");
	line_is(&line, 59, false,
		"first  stage 2/3 idea.title [####      ]  45.2 %  452/1000");
	buffer_release(&b);
}

static void percents(void)
{
	struct progress_line line = some_line();

	line.done = 999;
	line.total = 1000000;
	line_is(&line, 0, false, "first   0.0 %  999/1000000");
	line.done = 999999;
	line_is(&line, 0, false, "first  99.9 %  999999/1000000");
	line.done = 1000000;
	line_is(&line, 0, false, "first 100.0 %  1000000/1000000");
	line.done = line.total = 0;
	line_is(&line, 0, false, "first   0.0 %  0/0");
	buffer_release(&b);
}

static void bars(void)
{
	struct progress_line line = some_line();

	line_is(&line, 37, false, "first [####      ]  45.2 %  452/1000");
	line_is(&line, 200, false,
		"first [##################                      ]  45.2 %  452/1000");
	line_is(&line, 30, false, "first  45.2 %  452/1000");
	buffer_release(&b);
}

/* A line that is too long would wrap, and be drawn below itself each time. */
static void narrow_terminals(void)
{
	struct progress_line line = some_line();

	line.failed = 12;
	line.rate = 5;
	line.note = "the ledger is away";
	for (int columns = 1; columns < 120; columns++) {
		buffer_reset(&b);
		buffer_add_text(&b, "before");
		progress_line(&line, columns, false, &b);
		CU_ASSERT(b.size - 6 < (size_t)columns);
	}
	line_is(&line, 12, true, "first  45.2");
	line = some_line();
	line.note = "\xC3\xBC\xC3\xBC";
	line_is(&line, 31, false, "first  45.2 %  452/1000  (\xC3\xBC\xC3\xBC");
	line_is(&line, 30, false, "first  45.2 %  452/1000  (\xC3\xBC");
	buffer_release(&b);
}

void add_meter_suite(void);

void add_meter_suite(void)
{
	CU_pSuite suite = CU_add_suite("meter", NULL, NULL);

	CU_add_test(suite, "nothing yet", nothing_yet);
	CU_add_test(suite, "steady", steady);
	CU_add_test(suite, "changing", changing);
	CU_add_test(suite, "rare samples", rare_samples);
	CU_add_test(suite, "counted anew", counted_anew);
	CU_add_test(suite, "lines", lines);
	CU_add_test(suite, "percents", percents);
	CU_add_test(suite, "bars", bars);
	CU_add_test(suite, "narrow terminals", narrow_terminals);
}
