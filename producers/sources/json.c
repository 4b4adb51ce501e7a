/* JSON files: one file is one object and one record. */
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "object.h"

struct source {
	struct files files;
	struct object object;
	struct buffer custom_id;
};

static const char *const suffixes[] = {".json", NULL};

bool is_json_name(const char *name) { return files_suffix(name, suffixes) > 0; }

static const struct files_kind json = {"JSON", suffixes, is_json_name};

/* What the file does not say of itself, its path does. */
static enum source_status complete(struct source *s, struct source_record *record,
				   struct weir_error *err)
{
	if (!record->custom_id.data) {
		buffer_reset(&s->custom_id);
		files_add_name(&s->files, &s->custom_id);
		if (buffer_failed(&s->custom_id))
			return record_no_memory(err);
		record->custom_id = (struct weir_text){s->custom_id.data, s->custom_id.size};
	}
	if (!record->table_name.data && !record->record_id.data) {
		record->table_name = (struct weir_text){"file", 4};
		record->record_id = (struct weir_text){s->files.path, strlen(s->files.path)};
	}
	return record_check(record, err);
}

static enum source_status json_next(struct source *s, struct source_record *record,
				    struct weir_error *err)
{
	struct weir_text text;
	enum source_status status = files_next(&s->files, record, &text, err);
	if (status != SOURCE_RECORD)
		return status;
	if (object_is_blank(text))
		return files_bad(&s->files, 0, "it is empty", err);
	status = object_take(&s->object, text, record, err);
	return status == SOURCE_RECORD ? complete(s, record, err) : status;
}

static void json_close(struct source *s)
{
	if (!s)
		return;
	files_release(&s->files);
	object_release(&s->object);
	buffer_release(&s->custom_id);
	free(s);
}

int source_json_open(char *const *paths, size_t count, struct source **out, struct weir_error *err)
{
	struct source *s = calloc(1, sizeof *s);
	if (!s)
		return weir_fail_memory(err);
	if (files_open(&s->files, &json, paths, count, err) < 0) {
		json_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

const struct source_kind source_json = {
	.name = "json",
	.help = "an object a file, with the keys of a line of JSON Lines; without a custom_id it "
		"comes from the file's path",
	.next = json_next,
	.close = json_close,
};
