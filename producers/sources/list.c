/* Several files of JSON Lines or CSV. Each is opened as if it were alone. */
#include <stdlib.h>
#include <string.h>

#include "files.h"

struct source {
	struct source_list list;
	struct files_kind files_kind;
	struct files files;
	FILE *in; /* of the file at hand; NULL: none is */
	struct source *inner;
	bool any; /* a record of it has been read */
};

static void close_one(struct source *s)
{
	s->list.kind->close(s->inner);
	if (s->in)
		fclose(s->in);
	s->inner = NULL;
	s->in = NULL;
}

/* A file that cannot be read as what it should be stops all. */
static enum source_status failed(const struct source *s, const struct weir_error *why,
				 struct weir_error *err)
{
	weir_fail(err, why->code, "%.200s: %s", s->files.walk.path, why->text);
	return SOURCE_FAILED;
}

static enum source_status begin_file(struct source *s, struct source_record *record,
				     struct weir_error *err)
{
	struct weir_error why;
	enum source_status status = files_advance(&s->files, record, err);
	s->any = false;
	if (status == SOURCE_RECORD)
		status = files_open_one(&s->files, &s->in, err);
	if (status != SOURCE_RECORD)
		return status;
	return s->list.open(s->list.ctx, s->files.walk.path, s->in, &s->inner, &why) < 0
		       ? failed(s, &why, err)
		       : SOURCE_RECORD;
}

static enum source_status end_file(struct source *s, struct source_record *record,
				   struct weir_error *err)
{
	bool good = s->any || s->list.may_be_empty;
	close_one(s);
	record->raw = record->file;
	return good ? SOURCE_END : files_empty(&s->files, err);
}

static enum source_status next_in_file(struct source *s, struct source_record *record,
				       struct weir_error *err)
{
	struct weir_error why;
	enum source_status status = s->list.kind->next(s->inner, record, &why);
	record->file = (struct weir_text){s->files.walk.path, strlen(s->files.walk.path)};
	record->header = (struct weir_text){NULL, 0}; /* which each file has */
	s->any |= status != SOURCE_END;
	if (status == SOURCE_FAILED)
		return failed(s, &why, err);
	if (status == SOURCE_BAD)
		weir_fail(err, why.code, "%.200s: %s", s->files.walk.path, why.text);
	return status == SOURCE_END ? end_file(s, record, err) : status;
}

static enum source_status files_source_next(struct source *s, struct source_record *record,
					    struct weir_error *err)
{
	enum source_status status;
	do {
		if (!s->inner && (status = begin_file(s, record, err)) != SOURCE_RECORD)
			return status;
		status = next_in_file(s, record, err);
	} while (status == SOURCE_END);
	return status;
}

static int files_source_refuse(struct source *s, struct weir_error *err)
{
	const struct source_kind *kind = s->list.kind;
	return kind->refuse && s->inner ? kind->refuse(s->inner, err) : 0;
}

static void files_source_close(struct source *s)
{
	if (!s)
		return;
	close_one(s);
	files_release(&s->files);
	free(s);
}

int source_list_open(const struct source_list *list, struct source **out, struct weir_error *err)
{
	struct source *s = calloc(1, sizeof *s);
	if (!s)
		return weir_fail_memory(err);
	s->list = *list;
	s->files_kind = (struct files_kind){.what = list->kind->name, .wanted = list->wanted};
	if (files_open(&s->files, &s->files_kind, list->paths, list->count, err) < 0) {
		files_source_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

const struct source_kind source_files = {
	.name = "files",
	.help = "several files of JSON Lines or CSV, each as it would be alone",
	.next = files_source_next,
	.close = files_source_close,
	.refuse = files_source_refuse,
};
