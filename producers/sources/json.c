/* JSON files. One that holds a single object is a record, which its path names; one that holds
 * several is read as JSON Lines are. */
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "objects.h"

struct source {
	struct files files;
	struct objects objects; /* of the file at hand */
	FILE *in;		/* NULL: none is at hand */
	bool ended;		/* with it we are through */
	bool any;		/* a record of it has been read */
	bool may_be_empty;
	struct buffer custom_id;
};

static const char *const suffixes[] = {".json", NULL};

bool is_json_name(const char *name) { return files_suffix(name, suffixes) > 0; }

static const struct files_kind json = {"JSON", suffixes, is_json_name};

static void close_one(struct source *s)
{
	objects_release(&s->objects);
	if (s->in)
		fclose(s->in);
	s->in = NULL;
}

/* ---- a file that is a record ---- */

/* What the file does not say of itself, its path does. */
static enum source_status complete(struct source *s, struct source_record *record,
				   struct weir_error *err)
{
	if (!record->custom_id.data) {
		record->list = s->objects.object.list;
		buffer_reset(&s->custom_id);
		files_add_name(&s->files, record, &s->custom_id);
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

static enum source_status take_file(struct source *s, struct weir_text text,
				    struct source_record *record, struct weir_error *err)
{
	enum source_status status = object_take(&s->objects.object, text, record, err);
	return status == SOURCE_RECORD ? complete(s, record, err) : status;
}

/* ---- the files ---- */

static enum source_status bad_file(const struct source *s, const struct weir_error *why,
				   struct weir_error *err)
{
	if (strcmp(why->code, "out_of_memory") == 0)
		return record_no_memory(err);
	return files_bad(&s->files, 0, why->text, err);
}

/* A record, or BAD: the file is that. END: its records are to be read, as they come. */
static enum source_status begin_file(struct source *s, struct source_record *record,
				     struct weir_error *err)
{
	struct weir_error why;
	struct weir_text text;
	enum source_status status = files_open_one(&s->files, &s->in, err);
	if (status != SOURCE_RECORD)
		return status;
	if (objects_init(&s->objects, s->in, &why) < 0)
		return bad_file(s, &why, err);
	switch (objects_alone(&s->objects, &text, &why)) {
	case INPUT_FAILED:
		return bad_file(s, &why, err);
	case INPUT_TOO_LONG:
		return files_bad(&s->files, 0,
				 "larger than 1 MiB, which an object may have (many are an array, "
				 "or JSON Lines)",
				 err);
	case INPUT_LINE:
		return take_file(s, text, record, err);
	case INPUT_END:
		break;
	}
	return SOURCE_END;
}

static enum source_status next_in_file(struct source *s, struct source_record *record,
				       struct weir_error *err)
{
	struct weir_error why;
	enum source_status status = objects_next(&s->objects, record, &why);
	if (status == SOURCE_RECORD)
		status = object_check(&s->objects.object, record, &why);
	record->file = (struct weir_text){s->files.walk.path, strlen(s->files.walk.path)};
	if (status == SOURCE_BAD || status == SOURCE_FAILED)
		weir_fail(err, why.code, "%.200s: %s", record->file.data, why.text);
	return status;
}

/* Behind the last record of a file. END: on to the next. */
static enum source_status end_file(struct source *s, struct source_record *record,
				   struct weir_error *err)
{
	s->ended = true;
	if (s->any || s->may_be_empty)
		return SOURCE_END;
	record->raw = record->file;
	return files_empty(&s->files, err);
}

/* The next record of the file at hand, or the next file if that is one. END: neither, go on. */
static enum source_status look(struct source *s, struct source_record *record, bool *over,
			       struct weir_error *err)
{
	enum source_status status;
	if (s->in && !s->ended) {
		status = next_in_file(s, record, err);
		s->any |= status != SOURCE_END;
		return status == SOURCE_END ? end_file(s, record, err) : status;
	}
	close_one(s);
	s->any = s->ended = false;
	status = files_advance(&s->files, record, err);
	*over = status == SOURCE_END;
	if (status != SOURCE_RECORD)
		return status;
	status = begin_file(s, record, err);
	s->ended = status != SOURCE_END;
	return status;
}

static enum source_status json_next(struct source *s, struct source_record *record,
				    struct weir_error *err)
{
	enum source_status status;
	bool over = false;
	do {
		status = look(s, record, &over, err);
	} while (status == SOURCE_END && !over);
	return status;
}

static void json_close(struct source *s)
{
	if (!s)
		return;
	close_one(s);
	files_release(&s->files);
	buffer_release(&s->custom_id);
	free(s);
}

int source_json_open(char *const *paths, size_t count, bool may_be_empty, struct source **out,
		     struct weir_error *err)
{
	struct source *s = calloc(1, sizeof *s);
	if (!s)
		return weir_fail_memory(err);
	s->may_be_empty = may_be_empty;
	if (files_open(&s->files, &json, paths, count, err) < 0) {
		json_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

const struct source_kind source_json = {
	.name = "json",
	.help = "files with an object each, which has the keys of a line of JSON Lines and is "
		"named "
		"by its path when it has no custom_id; or with many, which stand in an array or "
		"as in JSON Lines",
	.next = json_next,
	.close = json_close,
};
