#include "reader.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_folder(const char *file)
{
	struct stat is;
	return stat(file, &is) == 0 && S_ISDIR(is.st_mode);
}

/* ---- formats ---- */

static const char *const csv_suffixes[] = {".csv", ".tsv", ".tab", NULL};
static const char *const tab_suffixes[] = {".tsv", ".tab", NULL};
static const char *const lines_suffixes[] = {".jsonl", ".ndjson", NULL};

static bool is_csv_name(const char *name) { return source_has_suffix(name, csv_suffixes); }

static bool is_lines_name(const char *name) { return source_has_suffix(name, lines_suffixes); }

/* What --format is, and which files of a folder are read as it. */
static const struct format {
	const struct source_kind *kind;
	const char *what;
	bool (*is_name)(const char *name);
} formats[] = {
	{&source_markdown, "Markdown", is_markdown_name},
	{&source_json, "JSON", is_json_name},
	{&source_jsonl, "JSON Lines", is_lines_name},
	{&source_csv, "CSV", is_csv_name},
};

enum { FORMATS = sizeof formats / sizeof *formats };

static const struct format *format_of(const struct source_kind *kind)
{
	size_t i = 0;
	while (formats[i].kind != kind)
		i++;
	return &formats[i];
}

static void count_names(char *folder, size_t counts[FORMATS])
{
	bool (*names[FORMATS])(const char *name);
	for (size_t i = 0; i < FORMATS; i++)
		names[i] = formats[i].is_name;
	source_look(folder, names, counts, FORMATS);
}

/* Sources that take names of files and folders. */
static bool is_of_files(const struct source_kind *kind)
{
	return kind == &source_markdown || kind == &source_json;
}

/* What has no name of any, as standard input has none, is JSON Lines. */
static const struct source_kind *kind_of_name(const char *file)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (formats[i].is_name(file))
			return formats[i].kind;
	return &source_jsonl;
}

static int fail_mixed(const char *folder, const size_t counts[FORMATS], struct weir_error *err)
{
	char text[200] = "";
	size_t at = 0;
	for (size_t i = 0; i < FORMATS; i++)
		if (counts[i] && at < sizeof text)
			at += (size_t)snprintf(text + at, sizeof text - at, "%s%zu %s",
					       at ? ", " : "", counts[i], formats[i].what);
	return weir_fail(
		err, "usage",
		"%.200s: files of several formats are in it (%s): which are the items? Say "
		"--format markdown, json, jsonl or csv",
		folder, text);
}

/* Beside documents, other files are something else; unless items of this kind come as such, too. */
static int kind_of_folder(const struct reader_plan *plan, char *folder, bool rows,
			  const struct source_kind **kind, struct weir_error *err)
{
	size_t counts[FORMATS], different = 0;
	count_names(folder, counts);
	for (size_t i = FORMATS; i-- > 0;) {
		different += counts[i] > 0;
		if (counts[i])
			*kind = formats[i].kind;
	}
	if (different == 0 && plan->may_be_empty)
		*kind = &source_jsonl;
	else if (different == 0)
		return weir_fail(
			err, "empty",
			"no items in %.200s: there is no file in it whose name ends in .md, "
			".markdown, .json, .jsonl, .ndjson, .csv or .tsv (or in one of "
			"these and .gz or .zst)",
			folder);
	if (different > 1 && (rows || *kind != &source_markdown))
		return fail_mixed(folder, counts, err);
	return 0;
}

static int kind_of(const struct reader_plan *plan, char *file, bool rows,
		   const struct source_kind **kind, struct weir_error *err)
{
	if (is_folder(file))
		return kind_of_folder(plan, file, rows, kind, err);
	*kind = kind_of_name(file);
	return 0;
}

/* JSON beside JSON Lines is read as such, where items are no files of their own. NULL: the two are
 * not one input. */
static const struct source_kind *common(const struct source_kind *a, const struct source_kind *b,
					bool rows)
{
	bool json = (a == &source_json && b == &source_jsonl) ||
		    (a == &source_jsonl && b == &source_json);
	if (a == b)
		return a;
	return json && !rows ? &source_jsonl : NULL;
}

/* All of them have to be of one format. */
static int check_others(struct reader *r, bool rows, struct weir_error *err)
{
	const struct source_kind *kind = NULL;
	const struct reader_plan *plan = r->plan;
	for (size_t i = 1; i < plan->file_count; i++) {
		if (kind_of(plan, plan->files[i], rows, &kind, err) < 0)
			return -1;
		kind = common(r->format, kind, rows);
		if (!kind)
			return weir_fail(
				err, "usage",
				"%.200s: by its %s that is no %s (--format %s takes it for it)",
				plan->files[i], is_folder(plan->files[i]) ? "files" : "name",
				format_of(r->format)->what, r->format->name);
		r->format = kind;
	}
	return 0;
}

static int named_format(struct reader *r, const char *format, struct weir_error *err)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (strcmp(formats[i].kind->name, format) == 0)
			r->format = formats[i].kind;
	return r->format ? 0
			 : weir_fail(err, "usage", "format %.40s: jsonl, csv, json or markdown",
				     format);
}

static int choose_format(struct reader *r, bool rows, struct weir_error *err)
{
	const struct reader_plan *plan = r->plan;
	if (plan->format)
		return named_format(r, plan->format, err);
	if (plan->file_count == 0) {
		r->format = &source_jsonl;
		return 0;
	}
	return kind_of(plan, plan->files[0], rows, &r->format, err) < 0
		       ? -1
		       : check_others(r, rows, err);
}

static int choose_separator(struct reader *r, struct weir_error *err)
{
	const char *text = r->plan->separator;
	if (!text)
		return 0;
	if (r->format != &source_csv)
		return weir_fail(
			err, "usage",
			"--separator is of CSV, and the input is taken for %s: say --format "
			"csv",
			format_of(r->format)->what);
	r->separator = source_separator(text);
	return r->separator ? 0
			    : weir_fail(err, "usage",
					"--separator %.20s: , ; tab | ^ ~ or : stands between the "
					"columns",
					text);
}

/* ---- opening ---- */

/* In folders. With --format jsonl these may be called .json, too. */
static bool is_lines_or_json(const char *name) { return is_lines_name(name) || is_json_name(name); }

static bool (*wanted_names(const struct reader *r))(const char *name)
{
	if (r->format == &source_jsonl)
		return is_lines_or_json;
	return format_of(r->format)->is_name;
}

static bool is_other_name(const char *name)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (formats[i].is_name(name))
			return false;
	return true;
}

/* What else is in a folder is left out, which is said. */
static void say_left_out(const struct reader *r, char *folder)
{
	static bool (*const others[])(const char *name) = {is_other_name};
	bool (*wanted)(const char *name) = wanted_names(r);
	char text[200] = "";
	size_t at = 0, counts[FORMATS], other;
	count_names(folder, counts);
	source_look(folder, others, &other, 1);
	for (size_t i = 0; i < FORMATS; i++) {
		if (!counts[i] || formats[i].kind == r->format || formats[i].is_name == wanted ||
		    (wanted == is_lines_or_json && formats[i].kind == &source_json))
			continue;
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%zu %s", at ? ", " : "",
				       counts[i], formats[i].what);
	}
	if (other)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%zu of other names",
				       at ? ", " : "", other);
	if (at)
		fprintf(stderr, "weir: %s: items are its %s files; left out of it: %s\n", folder,
			format_of(r->format)->what, text);
}

/* One that is not there is a mistake of the command line, not a bad record. */
static int check_files(const struct reader *r, struct weir_error *err)
{
	const struct reader_plan *plan = r->plan;
	struct stat is;
	if (plan->file_count == 0)
		return weir_fail(err, "usage", "where are the %s files? Name files or folders",
				 format_of(r->format)->what);
	for (size_t i = 0; i < plan->file_count; i++) {
		if (is_of_files(r->format) && strcmp(plan->files[i], "-") == 0)
			return weir_fail(err, "usage",
					 "%s is not read from standard input: name files or "
					 "folders",
					 format_of(r->format)->what);
		if (stat(plan->files[i], &is) < 0)
			return weir_fail(err, "input", "%.300s: %s", plan->files[i],
					 strerror(errno));
		if (S_ISDIR(is.st_mode))
			say_left_out(r, plan->files[i]);
	}
	return 0;
}

static int open_stream(const struct reader *r, const char *file, FILE *in, struct source **out,
		       struct weir_error *err)
{
	char separator = r->separator;
	if (!separator && file && source_has_suffix(file, tab_suffixes))
		separator = '\t';
	if (r->rows)
		return source_rows_open(in, separator, r->rows, r->plan->id_hash, out, err);
	if (r->format == &source_csv)
		return source_csv_open(in, separator, out, err);
	return r->format->open(in, out, err);
}

static int open_listed(void *ctx, const char *path, FILE *in, struct source **out,
		       struct weir_error *err)
{
	return open_stream(ctx, path, in, out, err);
}

static int open_several(struct reader *r, struct weir_error *err)
{
	const struct reader_plan *plan = r->plan;
	if (check_files(r, err) < 0)
		return -1;
	r->kind = r->format;
	if (r->format == &source_json)
		return source_json_open(plan->files, plan->file_count, plan->may_be_empty,
					&r->source, err);
	if (r->format == &source_markdown)
		return source_markdown_open(plan->files, plan->file_count, &r->source, err);
	r->kind = &source_files;
	return source_list_open(&(struct source_list){.paths = plan->files,
						      .count = plan->file_count,
						      .kind = r->rows ? &source_rows : r->format,
						      .wanted = wanted_names(r),
						      .open = open_listed,
						      .ctx = r,
						      .may_be_empty = plan->may_be_empty},
				&r->source, err);
}

static int open_one(struct reader *r, const char *file, struct weir_error *err)
{
	if (!file && isatty(STDIN_FILENO))
		return weir_fail(err, "usage",
				 "where are the items? weir submit KIND FILE, or - for what is "
				 "typed, or \"input\" in a job file");
	r->file = !file || strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	if (!r->file)
		return weir_fail(err, "input", "%.300s: %s", file, strerror(errno));
	r->kind = r->rows ? &source_rows : r->format;
	return open_stream(r, file, r->file, &r->source, err);
}

static int open_file(struct reader *r, const struct weir_rows *rows, struct weir_error *err)
{
	const struct reader_plan *plan = r->plan;
	const char *first = plan->file_count ? plan->files[0] : NULL;
	if (choose_format(r, rows != NULL, err) < 0 || choose_separator(r, err) < 0)
		return -1;
	r->rows = r->format == &source_csv ? rows : NULL;
	if (is_of_files(r->format) || plan->file_count > 1 || (first && is_folder(first)))
		return open_several(r, err);
	return open_one(r, first, err);
}

int reader_open(struct reader *r, const struct reader_plan *plan, const char *pg_url,
		const struct loaded_plugin *plugin, struct weir_error *err)
{
	r->plan = plan;
	if (!plan->from)
		return open_file(r, plugin->plugin.rows, err);
	if (strcmp(plan->from, "db") != 0 || plan->file_count > 0)
		return weir_fail(err, "usage", "from: only \"db\", and then without a file");
	if (!plugin->plugin.sources)
		return weir_fail(err, "usage", "the kind %s has no tables to read from",
				 plugin->plugin.kind);
	r->kind = r->format = &source_postgres;
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

bool reader_has_rows(const struct reader *r) { return r->rows != NULL; }

void reader_name(const struct reader *r, char *out, size_t room)
{
	const struct reader_plan *plan = r->plan;
	if (plan->from)
		snprintf(out, room, "the tables of this kind");
	else if (plan->file_count == 0 || strcmp(plan->files[0], "-") == 0)
		snprintf(out, room, "standard input");
	else if (plan->file_count == 1)
		snprintf(out, room, "%.300s", plan->files[0]);
	else
		snprintf(out, room, "%.250s and %zu more", plan->files[0], plan->file_count - 1);
}

/* A folder may come to hold it. */
static bool has_folder(const struct reader_plan *plan)
{
	bool found = false;
	for (size_t i = 0; i < plan->file_count; i++)
		found |= is_folder(plan->files[i]);
	return found;
}

bool reader_reads(const struct reader *r, const char *file)
{
	struct stat is, in;
	if (has_folder(r->plan) && wanted_names(r)(file))
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
