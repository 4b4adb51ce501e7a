#include "reader.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_csv(const char *file)
{
	size_t n = strlen(file);
	return n > 4 && strcmp(file + n - 4, ".csv") == 0;
}

static bool is_folder(const char *file)
{
	struct stat is;
	return stat(file, &is) == 0 && S_ISDIR(is.st_mode);
}

static bool is_document(const char *file) { return is_folder(file) || is_markdown_name(file); }

static const char *guess_format(const struct reader_plan *plan)
{
	if (plan->file_count == 0)
		return "jsonl";
	if (is_document(plan->files[0]))
		return "markdown";
	return is_csv(plan->files[0]) ? "csv" : "jsonl";
}

/* A file of records among documents would else be taken for one. */
static int check_guess(const struct reader_plan *plan, struct weir_error *err)
{
	for (size_t i = 1; i < plan->file_count; i++)
		if (!is_document(plan->files[i]))
			return weir_fail(err, "usage",
					 "%.200s: by its name that is no Markdown (--format "
					 "markdown takes it for it)",
					 plan->files[i]);
	return 0;
}

static int choose_format(struct reader *r, const struct reader_plan *plan, struct weir_error *err)
{
	static const struct source_kind *const kinds[] = {&source_jsonl, &source_csv,
							  &source_markdown};
	const char *format = plan->format ? plan->format : guess_format(plan);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i]->name, format) == 0)
			r->kind = kinds[i];
	if (!r->kind)
		return weir_fail(err, "usage", "format %.40s: jsonl, csv or markdown", format);
	if (plan->file_count > 1 && r->kind != &source_markdown)
		return weir_fail(
			err, "usage",
			"%.200s: of %s there is one file at a time, of markdown any number",
			plan->files[1], format);
	return plan->format ? 0 : check_guess(plan, err);
}

static int open_named(struct reader *r, const char *file, struct weir_error *err)
{
	r->file = fopen(file, "re");
	if (!r->file)
		return weir_fail(err, "input", "%.300s: %s", file, strerror(errno));
	if (is_folder(file))
		return weir_fail(err, "input", "%.300s: that is a directory", file);
	return 0;
}

/* One that is not there is a mistake of the command line, not a bad document. */
static int open_documents(struct reader *r, const struct reader_plan *plan, struct weir_error *err)
{
	struct stat is;
	if (plan->file_count == 0)
		return weir_fail(err, "usage", "where are the documents? Name files or folders");
	for (size_t i = 0; i < plan->file_count; i++)
		if (stat(plan->files[i], &is) < 0)
			return weir_fail(err, "input", "%.300s: %s", plan->files[i],
					 strerror(errno));
	return source_markdown_open(plan->files, plan->file_count, &r->source, err);
}

static int open_file(struct reader *r, const struct reader_plan *plan, struct weir_error *err)
{
	const char *file = plan->file_count ? plan->files[0] : NULL;
	if (choose_format(r, plan, err) < 0)
		return -1;
	if (r->kind == &source_markdown)
		return open_documents(r, plan, err);
	if (!file && isatty(STDIN_FILENO))
		return weir_fail(err, "usage",
				 "where are the items? weir submit KIND FILE, or - for what is "
				 "typed, or \"input\" in a job file");
	if (!file || strcmp(file, "-") == 0)
		r->file = stdin;
	else if (open_named(r, file, err) < 0)
		return -1;
	return r->kind->open(r->file, &r->source, err);
}

int reader_open(struct reader *r, const struct reader_plan *plan, const char *pg_url,
		const struct loaded_plugin *plugin, struct weir_error *err)
{
	r->plan = plan;
	if (!plan->from)
		return open_file(r, plan, err);
	if (strcmp(plan->from, "db") != 0 || plan->file_count > 0)
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

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool reader_reads(const struct reader *r, const char *file)
{
	struct stat is, in;
	if (r->kind == &source_markdown && is_markdown_name(file))
		return true;
	if (stat(file, &is) < 0)
		return false;
	if (r->file)
		return fstat(fileno(r->file), &in) == 0 && is_same(&is, &in);
	for (size_t i = 0; r->source && i < r->plan->file_count; i++)
		if (stat(r->plan->files[i], &in) == 0 && is_same(&is, &in))
			return true;
	return false;
}
