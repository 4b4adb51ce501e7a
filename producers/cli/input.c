#include "input.h"

#include <errno.h>
#include <string.h>

static bool is_csv(const char *file)
{
	size_t n = file ? strlen(file) : 0;
	return n > 4 && strcmp(file + n - 4, ".csv") == 0;
}

static int choose_format(struct input *in, const struct input_plan *plan, struct weir_error *err)
{
	static const struct source_kind *const kinds[] = {&source_jsonl, &source_csv};
	const char *format = plan->format;
	if (!format)
		format = is_csv(plan->file) ? "csv" : "jsonl";
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i]->name, format) == 0)
			in->kind = kinds[i];
	if (in->kind)
		return 0;
	return weir_fail(err, "usage", "format %.40s: jsonl or csv", format);
}

static int open_file(struct input *in, const struct input_plan *plan, struct weir_error *err)
{
	bool named = plan->file && strcmp(plan->file, "-") != 0;
	if (choose_format(in, plan, err) < 0)
		return -1;
	in->file = named ? fopen(plan->file, "re") : stdin;
	if (!in->file)
		return weir_fail(err, "input", "%.300s: %s", plan->file, strerror(errno));
	return in->kind->open(in->file, &in->source, err);
}

int input_open(struct input *in, const struct input_plan *plan, const char *pg_url,
	       const struct loaded_plugin *plugin, struct weir_error *err)
{
	if (!plan->from)
		return open_file(in, plan, err);
	if (strcmp(plan->from, "db") != 0 || plan->file)
		return weir_fail(err, "usage", "from: only \"db\", and then without a file");
	if (!plugin->plugin.sources)
		return weir_fail(err, "usage", "the kind %s has no tables to read from",
				 plugin->plugin.kind);
	in->kind = &source_postgres;
	return source_postgres_open(pg_url, plugin->plugin.sources, &in->source, err);
}

void input_close(struct input *in)
{
	if (in->source)
		in->kind->close(in->source);
	if (in->file && in->file != stdin)
		fclose(in->file);
	*in = (struct input){.kind = NULL};
}
