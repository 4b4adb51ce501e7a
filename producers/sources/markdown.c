/* Markdown documents: one file is one record. */
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "weir/front.h"

struct source {
	struct files files;
	struct buffer custom_id, context, payload;
};

/* ---- names ---- */

/* As github-linguist has them for Markdown and RMarkdown (languages.yml), without formats of other
 * programs, and with .mdx and .qmd. */
static const char *const suffixes[] = {".md",	  ".markdown", ".mdown", ".mdwn", ".mkd", ".mkdn",
				       ".mkdown", ".mdx",      ".rmd",	 ".qmd",  NULL};

bool is_markdown_name(const char *name) { return files_suffix(name, suffixes) > 0; }

static const struct files_kind markdown = {"Markdown", suffixes, is_markdown_name};

/* ---- the front matter ---- */

static enum source_status bad(const struct source *s, const struct front_matter *front,
			      const char *key, const char *why, struct weir_error *err)
{
	return files_bad(&s->files, front_line_of(front, key), why, err);
}

static int add_json(struct buffer *out, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(15));
	if (text)
		buffer_add_text(out, text);
	free(text);
	return text ? 0 : -1;
}

/* What differs from custom_id or context in case, blanks, "_" or "-" was meant for it. */
static enum source_status check_keys(const struct source *s, const struct front_matter *front,
				     json_t *says, struct weir_error *err)
{
	char why[80];
	const char *key, *meant;
	json_t *value;
	json_object_foreach(says, key, value)
	{
		meant = record_meant((struct weir_text){key, strlen(key)});
		if (!meant || strcmp(meant, "table_name") == 0 || strcmp(meant, "record_id") == 0)
			continue;
		snprintf(why, sizeof why, "%.40s: did you mean %s?", key, meant);
		return bad(s, front, key, why, err);
	}
	return SOURCE_RECORD;
}

/* custom_id and context are the record's own; all else is the payload's front_matter. */
static enum source_status take_front(struct source *s, const struct front_matter *front,
				     json_t *says, struct weir_error *err)
{
	const json_t *id = json_object_get(says, "custom_id");
	const json_t *context = json_object_get(says, "context");
	if (check_keys(s, front, says, err) != SOURCE_RECORD)
		return SOURCE_BAD;
	if (id && json_string_length(id) == 0)
		return bad(s, front, "custom_id", "custom_id has to be a text", err);
	if (context && !json_is_null(context) && !json_is_object(context))
		return bad(s, front, "context", "context has to be keys and values", err);
	if (id)
		buffer_add_text(&s->custom_id, json_string_value(id));
	if (json_is_object(context) && add_json(&s->context, context) < 0)
		return record_no_memory(err);
	json_object_del(says, "custom_id");
	json_object_del(says, "context");
	return add_json(&s->payload, says) < 0 ? record_no_memory(err) : SOURCE_RECORD;
}

static enum source_status parse_front(struct source *s, const struct front_matter *front,
				      struct weir_error *err)
{
	struct faults faults = {.count = 0};
	enum source_status status = SOURCE_BAD;
	json_t *says = NULL;
	if (front_read(front, s->files.walk.path, &says, &faults) == 0)
		status = take_front(s, front, says, err);
	else
		faults_fail(&faults, "bad_record", err);
	json_decref(says);
	faults_release(&faults);
	return status;
}

static enum source_status divide(struct source *s, struct weir_text text,
				 struct front_matter *front, struct weir_error *err)
{
	struct faults faults = {.count = 0};
	int rc = front_divide(text, s->files.walk.path, front, &faults);
	if (rc < 0)
		faults_fail(&faults, "bad_record", err);
	faults_release(&faults);
	return rc < 0 ? SOURCE_BAD : SOURCE_RECORD;
}

/* ---- the record ---- */

static struct weir_text text_of(struct buffer *b)
{
	const char *text = b->size ? buffer_text(b) : NULL;
	return (struct weir_text){text, text ? b->size : 0};
}

static enum source_status make_record(struct source *s, const struct front_matter *front,
				      struct source_record *record, struct weir_error *err)
{
	struct weir_text path = {s->files.path, strlen(s->files.path)};
	buffer_add_text(&s->payload, "{\"path\":");
	buffer_add_json(&s->payload, path);
	buffer_add_text(&s->payload, ",\"front_matter\":");
	enum source_status status = parse_front(s, front, err);
	if (status != SOURCE_RECORD)
		return status;
	buffer_printf(&s->payload, ",\"line\":%d,\"text\":", front->body_line);
	buffer_add_json(&s->payload, front->body);
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

static size_t skip_blanks(struct weir_text text, size_t at)
{
	while (at < text.size && text.data[at] && strchr(" \t\r\n", text.data[at]))
		at++;
	return at;
}

/* Objects and arrays, up to the end: front matter in JSON has a text behind it. */
static bool is_json(struct weir_text text)
{
	json_error_t fault;
	size_t at = skip_blanks(text, 0);
	if (at == text.size)
		return false;
	while (at < text.size) {
		json_t *value =
			json_loadb(text.data + at, text.size - at, JSON_DISABLE_EOF_CHECK, &fault);
		if (!value)
			return false;
		json_decref(value);
		at = skip_blanks(text, at + (size_t)fault.position);
	}
	return true;
}

static enum source_status check_json(const struct source *s, struct weir_text text,
				     struct weir_error *err)
{
	if (!is_json(text))
		return SOURCE_RECORD;
	return files_bad(&s->files, 0,
			 "that is JSON and no Markdown document (which has a text behind its front "
			 "matter): items are --format json",
			 err);
}

static enum source_status markdown_next(struct source *s, struct source_record *record,
					struct weir_error *err)
{
	struct front_matter front;
	struct weir_text text;
	enum source_status status = files_next(&s->files, record, &text, err);
	buffer_reset(&s->custom_id);
	buffer_reset(&s->context);
	buffer_reset(&s->payload);
	if (status == SOURCE_RECORD)
		status = check_json(s, text, err);
	if (status == SOURCE_RECORD)
		status = divide(s, text, &front, err);
	return status == SOURCE_RECORD ? make_record(s, &front, record, err) : status;
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
	.help = "a document a file; its front matter (YAML between lines of ---, TOML between +++, "
		"or a JSON object) may hold custom_id and context",
	.next = markdown_next,
	.close = markdown_close,
};
