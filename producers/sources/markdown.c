/* Markdown documents: one file is one record. */
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "weir/yaml.h"

struct source {
	struct files files;
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
	return files_bad(&s->files, line, why, err);
}

/* ---- names ---- */

static const char *const suffixes[] = {".md", ".markdown", NULL};

bool is_markdown_name(const char *name) { return files_suffix(name, suffixes) > 0; }

static const struct files_kind markdown = {"Markdown", suffixes, is_markdown_name};

/* ---- the file ---- */

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
	*d = (struct document){.body = all, .body_line = 1};
	if (!is_mark(at, end, "---", &next))
		return SOURCE_RECORD;
	d->front.data = at = next;
	while (at < end && !is_mark(at, end, "---", &next) && !is_mark(at, end, "...", &next))
		at = next;
	if (at >= end)
		return bad(s, 1, "the front matter has no --- at its end", err);
	d->front.size = (size_t)(at - d->front.data);
	d->body = (struct weir_text){next, (size_t)(end - next)};
	d->body_line = 1 + files_lines_before(all.data, next);
	return SOURCE_RECORD;
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
	if (yaml_parse(front.data, front.size, s->files.walk.path, 2, &y, &faults) < 0) {
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
	struct weir_text path = {s->files.path, strlen(s->files.path)};
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
		files_add_name(&s->files, record, &s->custom_id);
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

static enum source_status markdown_next(struct source *s, struct source_record *record,
					struct weir_error *err)
{
	struct document d;
	struct weir_text text;
	enum source_status status = files_next(&s->files, record, &text, err);
	buffer_reset(&s->custom_id);
	buffer_reset(&s->context);
	buffer_reset(&s->payload);
	if (status == SOURCE_RECORD)
		status = divide(s, text, &d, err);
	return status == SOURCE_RECORD ? make_record(s, &d, record, err) : status;
}

static void markdown_close(struct source *s)
{
	if (!s)
		return;
	files_release(&s->files);
	buffer_release(&s->custom_id);
	buffer_release(&s->context);
	buffer_release(&s->payload);
	free(s);
}

int source_markdown_open(char *const *paths, size_t count, struct source **out,
			 struct weir_error *err)
{
	struct source *s = calloc(1, sizeof *s);
	if (!s)
		return weir_fail_memory(err);
	if (files_open(&s->files, &markdown, paths, count, err) < 0) {
		markdown_close(s);
		return -1;
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
