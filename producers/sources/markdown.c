/* Markdown documents: one file is one record. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record.h"
#include "walk.h"
#include "weir/message.h"
#include "weir/utf8.h"
#include "weir/yaml.h"

enum { HASH_DIGITS = 8 };

struct source {
	struct walk walk;
	bool one_folder;	  /* paths begin in it */
	bool found;		  /* at least one document */
	char *text;		  /* SOURCE_LINE_MAX and a byte more */
	char path[WALK_PATH_MAX]; /* as records name it */
	struct buffer custom_id, context, payload;
};

/* A document that is being read. */
struct document {
	struct weir_text front, body;
	int body_line; /* in the file, from 1 */
};

static enum source_status bad(const struct source *s, int line, const char *why,
			      struct weir_error *err)
{
	if (line > 0)
		weir_fail(err, "bad_record", "%.300s:%d: %s", s->walk.path, line, why);
	else
		weir_fail(err, "bad_record", "%.300s: %s", s->walk.path, why);
	return SOURCE_BAD;
}

/* ---- names ---- */

static size_t suffix_size(const char *name)
{
	static const char *const suffixes[] = {".md", ".markdown"};
	size_t n = strlen(name);
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		size_t m = strlen(suffixes[i]);
		if (n > m && strcasecmp(name + n - m, suffixes[i]) == 0)
			return m;
	}
	return 0;
}

bool is_markdown_name(const char *name) { return suffix_size(name) > 0; }

/* "./a//b" is "a/b". Both have the same room. */
static void tidy(const char *from, char *path)
{
	char *to = path;
	while (*from) {
		bool begins = to == path || to[-1] == '/';
		if (begins && from[0] == '.' && from[1] == '/')
			from += 1 + strspn(from + 1, "/");
		else if (to > path && begins && *from == '/')
			from++;
		else
			*to++ = *from++;
	}
	*to = '\0';
}

/* FNV-1a, 64 bits, folded. Source: IETF draft-eastlake-fnv. */
static uint32_t hash_path(const char *path)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (; *path; path++)
		h = (h ^ (unsigned char)*path) * UINT64_C(0x100000001b3);
	return (uint32_t)(h ^ h >> 32);
}

/* The path itself where that is a name already: NAME.md. Else the end of it, which says most, and a
 * hash, so that a/b.md and a-b.md are two. */
static void name_path(const char *path, struct buffer *out)
{
	size_t n = strlen(path) - suffix_size(path);
	bool same = strcmp(path + n, ".md") == 0 && n <= MESSAGE_NAME_MAX;
	size_t from = same || n <= MESSAGE_NAME_MAX - HASH_DIGITS - 1
			      ? 0
			      : n - (MESSAGE_NAME_MAX - HASH_DIGITS - 1);
	for (size_t i = from; i < n; i++) {
		bool fits = (isalnum((unsigned char)path[i]) && (path[i] & 0x80) == 0) ||
			    path[i] == '_' || path[i] == '-';
		buffer_add_char(out, fits ? path[i] : '-');
		same &= fits;
	}
	if (same)
		return;
	if (out->size > MESSAGE_NAME_MAX - HASH_DIGITS - 1) {
		size_t over = out->size - (MESSAGE_NAME_MAX - HASH_DIGITS - 1);
		memmove(out->data, out->data + over, out->size - over);
		out->size -= over;
	}
	buffer_printf(out, "-%08x", hash_path(path));
}

/* ---- the file ---- */

static int read_all(int fd, char *text, size_t *size)
{
	*size = 0;
	while (*size <= SOURCE_LINE_MAX) {
		ssize_t n = read(fd, text + *size, SOURCE_LINE_MAX + 1 - *size);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -1;
		*size += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Waits for nobody: a pipe that nobody writes to is no document. */
static enum source_status load(struct source *s, size_t *size, struct weir_error *err)
{
	struct stat is;
	int fd = open(s->walk.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return bad(s, 0, strerror(errno), err);
	enum source_status status = SOURCE_RECORD;
	if (fstat(fd, &is) < 0 || !S_ISREG(is.st_mode))
		status = bad(s, 0, "that is no regular file", err);
	else if (read_all(fd, s->text, size) < 0)
		status = bad(s, 0, strerror(errno), err);
	else if (*size > SOURCE_LINE_MAX)
		status = bad(s, 0, "larger than 1 MiB", err);
	close(fd);
	return status;
}

static int lines_before(const char *text, const char *end)
{
	int lines = 0;
	for (; (text = memchr(text, '\n', (size_t)(end - text))); text++)
		lines++;
	return lines;
}

/* Whether the line at `at` is the mark, apart from blanks behind it; *next is the line after it. */
static bool is_mark(const char *at, const char *end, const char *mark, const char **next)
{
	const char *stop = memchr(at, '\n', (size_t)(end - at));
	size_t n = strlen(mark);
	*next = stop ? stop + 1 : end;
	if ((size_t)(*next - at) < n || memcmp(at, mark, n) != 0)
		return false;
	for (at += n; at < *next; at++)
		if (!strchr(" \t\r\n", *at) || !*at)
			return false;
	return true;
}

/* Divides it into front matter and body. Front matter is opened by --- on the first line. */
static enum source_status divide(const struct source *s, struct weir_text all, struct document *d,
				 struct weir_error *err)
{
	const char *at = all.data, *end = at + all.size, *next;
	d->body = all;
	d->body_line = 1;
	if (!is_mark(at, end, "---", &next))
		return SOURCE_RECORD;
	d->front.data = at = next;
	while (at < end && !is_mark(at, end, "---", &next) && !is_mark(at, end, "...", &next))
		at = next;
	if (at >= end)
		return bad(s, 1, "the front matter has no --- at its end", err);
	d->front.size = (size_t)(at - d->front.data);
	d->body = (struct weir_text){next, (size_t)(end - next)};
	d->body_line = 1 + lines_before(all.data, next);
	return SOURCE_RECORD;
}

static enum source_status read_document(struct source *s, struct document *d,
					struct weir_error *err)
{
	size_t size, valid;
	enum source_status status = load(s, &size, err);
	if (status != SOURCE_RECORD)
		return status;
	valid = utf8_valid(s->text, size);
	if (valid < size)
		return bad(s, 1 + lines_before(s->text, s->text + valid), "that is not UTF-8", err);
	size_t mark = size >= 3 && memcmp(s->text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
	return divide(s, (struct weir_text){s->text + mark, size - mark}, d, err);
}

/* ---- the front matter ---- */

static enum source_status take_custom_id(struct source *s, const struct yaml *y, int node,
					 struct weir_error *err)
{
	const char *id = yaml_text(y, node);
	if (!id || !*id)
		return bad(s, yaml_line(y, node), "custom_id has to be a text", err);
	buffer_add_text(&s->custom_id, id);
	return SOURCE_RECORD;
}

static int add_json(struct buffer *out, json_t *value)
{
	char *text = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
	if (text)
		buffer_add_text(out, text);
	free(text);
	return text ? 0 : -1;
}

static enum source_status take_context(struct source *s, const struct yaml *y, int node,
				       struct weir_error *err)
{
	if (yaml_type(y, node) == YAML_NULL) /* none, as in JSON Lines */
		return SOURCE_RECORD;
	if (yaml_type(y, node) != YAML_MAP)
		return bad(s, yaml_line(y, node), "context has to be keys and values", err);
	json_t *context = yaml_json(y, node);
	int rc = add_json(&s->context, context);
	json_decref(context);
	return rc < 0 ? record_no_memory(err) : SOURCE_RECORD;
}

/* All but these two. */
static enum source_status add_front(struct source *s, const struct yaml *y, int root,
				    struct weir_error *err)
{
	json_t *front = yaml_json(y, root);
	json_object_del(front, "custom_id");
	json_object_del(front, "context");
	int rc = add_json(&s->payload, front);
	json_decref(front);
	return rc < 0 ? record_no_memory(err) : SOURCE_RECORD;
}

static enum source_status take_front(struct source *s, const struct yaml *y, struct weir_error *err)
{
	enum source_status status = SOURCE_RECORD;
	int root = yaml_root(y), id, context;
	if (root < 0 || yaml_type(y, root) == YAML_NULL) {
		buffer_add_text(&s->payload, "{}");
		return SOURCE_RECORD;
	}
	if (yaml_type(y, root) != YAML_MAP)
		return bad(s, yaml_line(y, root), "the front matter has to be keys and values",
			   err);
	if ((id = yaml_find(y, root, "custom_id")) >= 0)
		status = take_custom_id(s, y, id, err);
	if (status == SOURCE_RECORD && (context = yaml_find(y, root, "context")) >= 0)
		status = take_context(s, y, context, err);
	return status == SOURCE_RECORD ? add_front(s, y, root, err) : status;
}

static enum source_status parse_front(struct source *s, struct weir_text front,
				      struct weir_error *err)
{
	struct faults faults = {.count = 0};
	struct yaml *y = NULL;
	enum source_status status;
	if (!front.data) {
		buffer_add_text(&s->payload, "{}");
		return SOURCE_RECORD;
	}
	if (yaml_parse(front.data, front.size, s->walk.path, 2, &y, &faults) < 0) {
		faults_fail(&faults, "bad_record", err);
		status = SOURCE_BAD;
	} else {
		status = take_front(s, y, err);
	}
	yaml_close(y);
	faults_release(&faults);
	return status;
}

/* ---- the record ---- */

static struct weir_text text_of(struct buffer *b)
{
	const char *text = b->size ? buffer_text(b) : NULL;
	return (struct weir_text){text, text ? b->size : 0};
}

static enum source_status make_record(struct source *s, const struct document *d,
				      struct source_record *record, struct weir_error *err)
{
	struct weir_text path = {s->path, strlen(s->path)};
	buffer_add_text(&s->payload, "{\"path\":");
	buffer_add_json(&s->payload, path);
	buffer_add_text(&s->payload, ",\"front_matter\":");
	enum source_status status = parse_front(s, d->front, err);
	if (status != SOURCE_RECORD)
		return status;
	buffer_printf(&s->payload, ",\"line\":%d,\"text\":", d->body_line);
	buffer_add_json(&s->payload, d->body);
	buffer_add_char(&s->payload, '}');
	if (s->custom_id.size == 0)
		name_path(s->path, &s->custom_id);
	if (buffer_failed(&s->payload) || buffer_failed(&s->custom_id) ||
	    buffer_failed(&s->context))
		return record_no_memory(err);
	record->custom_id = text_of(&s->custom_id);
	record->table_name = (struct weir_text){"file", 4};
	record->record_id = path;
	record->context = text_of(&s->context);
	record->payload = text_of(&s->payload);
	return SOURCE_RECORD;
}

static enum source_status take_file(struct source *s, struct source_record *record,
				    struct weir_error *err)
{
	struct document d = {.body_line = 1};
	buffer_reset(&s->custom_id);
	buffer_reset(&s->context);
	buffer_reset(&s->payload);
	tidy(s->walk.path + (s->one_folder ? s->walk.root_size : 0), s->path);
	if (utf8_valid(s->path, strlen(s->path)) < strlen(s->path))
		return bad(s, 0, "the name is not UTF-8", err);
	enum source_status status = read_document(s, &d, err);
	return status == SOURCE_RECORD ? make_record(s, &d, record, err) : status;
}

static enum source_status markdown_next(struct source *s, struct source_record *record,
					struct weir_error *err)
{
	enum walk_status status = walk_next(&s->walk, err);
	*record = (struct source_record){.line = 0};
	if (status == WALK_END && !s->found) {
		weir_fail(err, "read_failed", "%.300s: there is no Markdown file in it",
			  s->walk.roots[0]);
		return SOURCE_FAILED;
	}
	if (status == WALK_END)
		return SOURCE_END;
	s->found = true;
	record->file = (struct weir_text){s->walk.path, strlen(s->walk.path)};
	record->raw = record->file;
	return status == WALK_BAD ? SOURCE_BAD : take_file(s, record, err);
}

static void markdown_close(struct source *s)
{
	if (!s)
		return;
	walk_release(&s->walk);
	buffer_release(&s->custom_id);
	buffer_release(&s->context);
	buffer_release(&s->payload);
	free(s->text);
	free(s);
}

int source_markdown_open(char *const *paths, size_t count, struct source **out,
			 struct weir_error *err)
{
	struct source *s = calloc(1, sizeof *s);
	struct stat is;
	if (!s)
		return weir_fail_memory(err);
	s->walk = (struct walk){.roots = paths, .root_count = count, .wanted = is_markdown_name};
	s->one_folder = count == 1 && stat(paths[0], &is) == 0 && S_ISDIR(is.st_mode);
	s->text = malloc(SOURCE_LINE_MAX + 1);
	if (!s->text) {
		markdown_close(s);
		return weir_fail_memory(err);
	}
	*out = s;
	return 0;
}

const struct source_kind source_markdown = {
	.name = "markdown",
	.help = "a document a file: front matter (YAML between two lines ---) may hold custom_id "
		"and "
		"context",
	.next = markdown_next,
	.close = markdown_close,
};
