#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "faults.h"

#define SHOWN 12 /* failed checks of a row that are printed */
#define REASONS 40

static struct {
	const char *number, *name, *expected;
	char seen[600];
	int failures, passed, failed, cannot;
	int64_t began_ms;
	char reasons[REASONS][16]; /* numbers of those that cannot run */
} table;

static void note_failure(const char *text)
{
	if (table.failures++ < SHOWN)
		printf("    failed: %s\n", text);
}

void table_open(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	on_failed_check = note_failure;
	printf("case | expected | seen | ok\n");
}

void row_begin(const char *number, const char *name, const char *expected)
{
	table.number = number;
	table.name = name;
	table.expected = expected;
	table.seen[0] = '\0';
	table.failures = 0;
	table.began_ms = now_ms();
}

void row_saw(const char *fmt, ...)
{
	size_t n = strlen(table.seen);
	va_list args;
	va_start(args, fmt);
	if (n > 0 && n + 2 < sizeof table.seen) {
		memcpy(table.seen + n, ", ", 3);
		n += 2;
	}
	vsnprintf(table.seen + n, sizeof table.seen - n, fmt, args);
	va_end(args);
}

bool row_end(void)
{
	bool ok = table.failures == 0;
	table.passed += ok;
	table.failed += !ok;
	if (!ok)
		row_saw("%d checks failed", table.failures);
	else if (!*table.seen)
		row_saw("all exact");
	row_saw("%.1f s", (double)(now_ms() - table.began_ms) / 1000.0);
	printf("%s %s | %s | %s | %s\n", table.number, table.name, table.expected, table.seen,
	       ok ? "ok" : "FAILED");
	return ok;
}

void row_cannot(const char *number, const char *name, const char *why)
{
	if (table.cannot < REASONS)
		snprintf(table.reasons[table.cannot], sizeof *table.reasons, "%s", number);
	table.cannot++;
	printf("%s %s | | cannot run here: %s | -\n", number, name, why);
}

int table_close(void)
{
	printf("%d passed, %d failed, %d cannot run", table.passed, table.failed, table.cannot);
	for (int i = 0; i < table.cannot && i < REASONS; i++)
		printf("%s%s", i ? ", " : " (reasons above: ", table.reasons[i]);
	printf("%s\n", table.cannot ? ")" : "");
	return table.failed > 0 ? 1 : 0;
}
