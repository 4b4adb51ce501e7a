/* Faults: cases one by one, and a mixed load under random ones. See tests/faults/run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"

static const struct fault_case *const tables[] = {NULL};

struct choice {
	const char *only; /* part of a number or a name; NULL: all */
	bool list, cases, mix;
	struct mix_options mix_options;
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

static double value_of(int argc, char **argv, int i)
{
	char *end = NULL;
	double value = i + 1 < argc ? strtod(argv[i + 1], &end) : -1;
	if (end == NULL || *end || value < 0) {
		fprintf(stderr, "faults: %s wants a number\n", argv[i]);
		exit(2);
	}
	return value;
}

static void parse(struct choice *c, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--list") == 0)
			c->list = true;
		else if (strcmp(argv[i], "--cases") == 0)
			c->cases = true;
		else if (strcmp(argv[i], "--mix") == 0)
			c->mix = true;
		else if (strcmp(argv[i], "--case") == 0 && i + 1 < argc)
			c->only = argv[++i];
		else if (strcmp(argv[i], "--seed") == 0)
			c->mix_options.seed = (uint64_t)value_of(argc, argv, i++);
		else if (strcmp(argv[i], "--minutes") == 0)
			c->mix_options.minutes = value_of(argc, argv, i++);
		else if (strcmp(argv[i], "--items") == 0)
			c->mix_options.items = (int)value_of(argc, argv, i++);
		else if (strcmp(argv[i], "--kills") == 0)
			c->mix_options.kills = (int)value_of(argc, argv, i++);
		else if (strcmp(argv[i], "--peak-mb") == 0)
			c->mix_options.peak_mb = (int)value_of(argc, argv, i++);
		else {
			fprintf(stderr, "faults: what is %s?\n", argv[i]);
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	struct choice c = {
		.mix_options = {.seed = 1, .minutes = 3, .items = 6000, .peak_mb = 1024}};
	parse(&c, argc, argv);
	if (c.list)
		return run_cases(&c) > 0 ? 0 : 1;
	table_open();
	if (world_open() != 0 || proxy_start() < 0)
		return 1;
	if (!c.mix && run_cases(&c) == 0) {
		fprintf(stderr, "faults: no case is called like that\n");
		return 1;
	}
	if (!c.cases && !c.only)
		mix_run(&c.mix_options);
	proxy_stop();
	int status = table_close();
	return world_close() == 0 ? status : 1;
}
