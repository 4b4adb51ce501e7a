/* What the plugin `slow` writes down of its calls. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define CALLS LOGS "/calls"

void calls_begin(void)
{
	remove(CALLS);
	calls_go_on();
}

void calls_go_on(void) { setenv("WEIR_CALLS", CALLS, 1); }
void calls_rest(void) { unsetenv("WEIR_CALLS"); }

int calls_count(int *items)
{
	static unsigned char seen[100000];
	char line[128];
	int n = 0, at;
	FILE *f = fopen(CALLS, "r");
	memset(seen, 0, sizeof seen);
	*items = 0;
	while (f && fgets(line, sizeof line, f)) {
		n += strncmp(line, "begin ", 6) == 0;
		if (sscanf(line, "begin item_%d", &at) == 1 && at >= 0 && at < (int)sizeof seen)
			*items += seen[at]++ == 0;
	}
	if (f)
		fclose(f);
	return n;
}

void calls_await(int wanted)
{
	int items;
	int64_t until = now_ms() + PATIENCE_MS;
	while (calls_count(&items) < wanted && now_ms() < until)
		pause_ms(STEP_MS);
	EXPECT(calls_count(&items) >= wanted, "%d calls, not %d", calls_count(&items), wanted);
}

int calls_peak(void)
{
	char line[128];
	int open = 0, peak = 0;
	FILE *f = fopen(CALLS, "r");
	while (f && fgets(line, sizeof line, f)) {
		open += strncmp(line, "begin ", 6) == 0 ? 1 : -1;
		peak = open > peak ? open : peak;
	}
	if (f)
		fclose(f);
	return peak;
}
