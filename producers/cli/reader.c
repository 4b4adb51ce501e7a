#include "reader.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_csv(const char *file)
{
	size_t n = strlen(file);
	return n > 4 && strcasecmp(file + n - 4, ".csv") == 0;
}

static bool is_folder(const char *file)
{
	struct stat is;
	return stat(file, &is) == 0 && S_ISDIR(is.st_mode);
}

/* Sources whose records are a file each. */
static bool is_of_files(const struct source_kind *kind)
{
	return kind == &source_markdown || kind == &source_json;
}

/* Of a kind whose items are many lines long, a JSON file is one item; else it is JSON Lines. */
static const struct source_kind *kind_of_name(const char *file, bool rows)
{
	if (is_markdown_name(file))
		return &source_markdown;
	if (rows && is_json_name(file))
		return &source_json;
	return is_csv(file) ? &source_csv : &source_jsonl;
}

/* Beside documents, JSON files are something else; unless items of this kind come as such, too. */
static int kind_of_folder(char *folder, bool rows, const struct source_kind **kind,
			  struct weir_error *err)
{
	bool markdown, json;
	source_look(folder, &markdown, &json);
	if (rows && markdown && json)
		return weir_fail(err, "usage",
				 "%.200s: both JSON and Markdown files are in it: which are the "
				 "items? Say --format json or --format markdown",
				 folder);
	if (rows && !markdown && !json)
		return weir_fail(
			err, "input",
			"%.200s: there is neither a JSON nor a Markdown file in it (CSV "
			"and JSON Lines are named one by one; --format says what they are)",
			folder);
	*kind = json && !markdown ? &source_json : &source_markdown;
	return 0;
}

static int kind_of(char *file, bool rows, const struct source_kind **kind, struct weir_error *err)
{
	if (is_folder(file))
		return kind_of_folder(file, rows, kind, err);
	*kind = kind_of_name(file, rows);
	return 0;
}

/* A file of many records among those that are one each would else be taken for one. */
static int check_others(const struct reader_plan *plan, bool rows, const struct source_kind *first,
			struct weir_error *err)
{
	const struct source_kind *kind;
	for (size_t i = 1; i < plan->file_count; i++) {
		if (kind_of(plan->files[i], rows, &kind, err) < 0)
			return -1;
		if (kind != first)
			return weir_fail(
				err, "usage",
				"%.200s: by its %s that is no %s (--format %s takes it for it)",
				plan->files[i], is_folder(plan->files[i]) ? "files" : "name",
				first == &source_json ? "JSON" : "Markdown", first->name);
	}
	return 0;
}

static int named_format(struct reader *r, const char *format, struct weir_error *err)
{
	static const struct source_kind *const kinds[] = {&source_jsonl, &source_csv, &source_json,
							  &source_markdown};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i]->name, format) == 0)
			r->kind = kinds[i];
	return r->kind ? 0
		       : weir_fail(err, "usage", "format %.40s: jsonl, csv, json or markdown",
				   format);
}

static int choose_format(struct reader *r, const struct reader_plan *plan, bool rows,
			 struct weir_error *err)
{
	if (plan->format && named_format(r, plan->format, err) < 0)
		return -1;
	if (!plan->format && plan->file_count == 0)
		r->kind = &source_jsonl;
	if (!r->kind && kind_of(plan->files[0], rows, &r->kind, err) < 0)
		return -1;
	if (plan->file_count > 1 && !is_of_files(r->kind))
		return weir_fail(err, "usage",
				 "%.200s: of %s there is one file at a time, of markdown and json "
				 "any number",
				 plan->files[1], r->kind->name);
	return plan->format ? 0 : check_others(plan, rows, r->kind, err);
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

/* One that is not there is a mistake of the command line, not a bad record. */
static int open_files(struct reader *r, const struct reader_plan *plan, struct weir_error *err)
{
	struct stat is;
	if (plan->file_count == 0)
		return weir_fail(err, "usage", "where are the %s files? Name files or folders",
				 r->kind == &source_json ? "JSON" : "Markdown");
	for (size_t i = 0; i < plan->file_count; i++)
		if (stat(plan->files[i], &is) < 0)
			return weir_fail(err, "input", "%.300s: %s", plan->files[i],
					 strerror(errno));
	return (r->kind == &source_json ? source_json_open : source_markdown_open)(
		plan->files, plan->file_count, &r->source, err);
}

static int open_file(struct reader *r, const struct reader_plan *plan, const struct weir_rows *rows,
		     struct weir_error *err)
{
	const char *file = plan->file_count ? plan->files[0] : NULL;
	if (choose_format(r, plan, rows != NULL, err) < 0)
		return -1;
	if (is_of_files(r->kind))
		return open_files(r, plan, err);
	if (!file && isatty(STDIN_FILENO))
		return weir_fail(err, "usage",
				 "where are the items? weir submit KIND FILE, or - for what is "
				 "typed, or \"input\" in a job file");
	if (!file || strcmp(file, "-") == 0)
		r->file = stdin;
	else if (open_named(r, file, err) < 0)
		return -1;
	if (r->kind != &source_csv || !rows)
		return r->kind->open(r->file, &r->source, err);
	r->kind = &source_rows;
	return source_rows_open(r->file, rows, &r->source, err);
}

int reader_open(struct reader *r, const struct reader_plan *plan, const char *pg_url,
		const struct loaded_plugin *plugin, struct weir_error *err)
{
	r->plan = plan;
	if (!plan->from)
		return open_file(r, plan, plugin->plugin.rows, err);
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
	if (is_of_files(r->kind) && kind_of_name(file, true) == r->kind)
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
