#include "reader.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_csv(const char *file)
{
	size_t n = file ? strlen(file) : 0;
	return n > 4 && strcmp(file + n - 4, ".csv") == 0;
}

static int choose_format(struct reader *r, const struct reader_plan *plan, struct weir_error *err)
{
	static const struct source_kind *const kinds[] = {&source_jsonl, &source_csv};
	const char *format = plan->format;
	if (!format)
		format = is_csv(plan->file) ? "csv" : "jsonl";
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i]->name, format) == 0)
			r->kind = kinds[i];
	if (r->kind)
		return 0;
	return weir_fail(err, "usage", "format %.40s: jsonl or csv", format);
}

static int open_named(struct reader *r, const char *file, struct weir_error *err)
{
	struct stat is;
	r->file = fopen(file, "re");
	if (!r->file)
		return weir_fail(err, "input", "%.300s: %s", file, strerror(errno));
	if (fstat(fileno(r->file), &is) == 0 && S_ISDIR(is.st_mode))
		return weir_fail(err, "input", "%.300s: that is a directory", file);
	return 0;
}

static int open_file(struct reader *r, const struct reader_plan *plan, struct weir_error *err)
{
	bool named = plan->file && strcmp(plan->file, "-") != 0;
	if (choose_format(r, plan, err) < 0)
		return -1;
	if (!plan->file && isatty(STDIN_FILENO))
		return weir_fail(err, "usage",
				 "where are the items? weir submit KIND FILE, or - for what is "
				 "typed, or \"input\" in a job file");
	if (!named)
		r->file = stdin;
	else if (open_named(r, plan->file, err) < 0)
		return -1;
	return r->kind->open(r->file, &r->source, err);
}

int reader_open(struct reader *r, const struct reader_plan *plan, const char *pg_url,
		const struct loaded_plugin *plugin, struct weir_error *err)
{
	if (!plan->from)
		return open_file(r, plan, err);
	if (strcmp(plan->from, "db") != 0 || plan->file)
		return weir_fail(err, "usage", "from: only \"db\", and then without a file");
	if (!plugin->plugin.sources)
		return weir_fail(err, "usage", "the kind %s has no tables to read from",
				 plugin->plugin.kind);
	r->kind = &source_postgres;
	return source_postgres_open(pg_url, plugin->plugin.sources, &r->source, err);
}

void reader_close(struct reader *r)
{
	if (r->source)
		r->kind->close(r->source);
	if (r->file && r->file != stdin)
		fclose(r->file);
	*r = (struct reader){.kind = NULL};
}
