/* Faults: cases one by one, and a mixed load under random ones. See tests/faults/run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../integration/fake.h"
#include "faults.h"

static const struct fault_case *const tables[] = {
	publishing_cases, consuming_cases, retry_cases,	 ledger_cases, redis_cases,
	process_cases,	  invoice_cases,   beside_cases, around_cases, NULL};

struct choice {
	bool list, cases, mix, plain;
	const char *fault; /* part of the names of faults; NULL: all */
	const char *only;  /* a number, or part of a name; NULL: all */
	double seed, minutes, items, kills, peak_mb;
};

static bool is_chosen(const struct choice *c, const struct fault_case *one)
{
	return !c->only || strstr(one->name, c->only) || strcmp(one->number, c->only) == 0;
}

static void run_case(const struct fault_case *one)
{
	if (!one->run) {
		row_cannot(one->number, one->name, one->why_not);
		return;
	}
	row_begin(one->number, one->name, one->expected);
	world_clean();
	one->run();
	world_leave();
	for (int i = 0; i < PROXIES; i++)
		proxy_clear((enum proxied)i);
	row_end();
}

static int run_cases(const struct choice *c)
{
	int n = 0;
	for (size_t t = 0; tables[t]; t++)
		for (const struct fault_case *one = tables[t]; one->name; one++) {
			if (!is_chosen(c, one))
				continue;
			n++;
			if (c->list)
				printf("%s %s%s%s\n", one->number, one->name,
				       one->run ? "" : ": cannot run here: ",
				       one->run ? "" : one->why_not);
			else
				run_case(one);
		}
	return n;
}

/* ---- arguments ---- */

enum argument_type { FLAG, TEXT, NUMBER };

static const struct argument {
	const char *name;
	enum argument_type type;
	size_t offset;
	bool of_mix; /* who gives it wants the mixed load alone */
} arguments[] = {
	{"--list", FLAG, offsetof(struct choice, list), false},
	{"--cases", FLAG, offsetof(struct choice, cases), false},
	{"--mix", FLAG, offsetof(struct choice, mix), true},
	{"--plain", FLAG, offsetof(struct choice, plain), true},
	{"--case", TEXT, offsetof(struct choice, only), false},
	{"--fault", TEXT, offsetof(struct choice, fault), true},
	{"--seed", NUMBER, offsetof(struct choice, seed), true},
	{"--minutes", NUMBER, offsetof(struct choice, minutes), true},
	{"--items", NUMBER, offsetof(struct choice, items), true},
	{"--kills", NUMBER, offsetof(struct choice, kills), true},
	{"--peak-mb", NUMBER, offsetof(struct choice, peak_mb), false},
};

static bool set(struct choice *c, const struct argument *a, const char *value)
{
	void *field = (char *)c + a->offset;
	char *end = NULL;
	if (a->type == FLAG)
		*(bool *)field = true;
	else if (!value)
		return false;
	else if (a->type == TEXT)
		*(const char **)field = value;
	else
		*(double *)field = strtod(value, &end);
	c->mix = c->mix || a->of_mix;
	return !end || (end > value && !*end && *(double *)field >= 0);
}

static bool parse(struct choice *c, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const struct argument *found = NULL;
		for (size_t k = 0; k < sizeof arguments / sizeof *arguments; k++)
			if (strcmp(argv[i], arguments[k].name) == 0)
				found = &arguments[k];
		if (!found || !set(c, found, i + 1 < argc ? argv[i + 1] : NULL)) {
			fprintf(stderr, "faults: what is %s?\n", argv[i]);
			return false;
		}
		i += found->type != FLAG;
	}
	return true;
}

/* ---- what is asked for ---- */

/* Those of the tests, and `invoice`. */
static int see_plugins(void)
{
	program_env("WEIR_PLUGIN_DIR", WEIR_BUILD_DIR "/tests/faults-plugins");
	return run(NULL, "weir", "init", NULL)->status == 0 ? 0 : -1;
}

static int run_all(const struct choice *c)
{
	const struct mix_options mix = {.seed = (uint64_t)c->seed,
					.minutes = c->minutes,
					.items = (int)c->items,
					.kills = (int)c->kills,
					.plain = c->plain,
					.fault = c->fault,
					.peak_mb = (int)c->peak_mb};
	if (fake_open() != 0 || see_plugins() < 0 || proxy_start() < 0)
		return 1;
	if (!c->mix && run_cases(c) == 0)
		fprintf(stderr, "faults: no case is called like that\n");
	if (!c->cases && !c->only)
		mix_run(&mix);
	proxy_stop();
	return fake_close();
}

int main(int argc, char **argv)
{
	struct choice c = {.seed = 1, .minutes = 3, .items = 6000, .peak_mb = 1024};
	if (!parse(&c, argc, argv))
		return 2;
	if (c.list)
		return run_cases(&c) > 0 ? 0 : 1;
	table_open();
	int failed = run_all(&c), status = table_close();
	return failed ? 1 : status;
}
