/* JSON Lines: one object a line; and what else objects.h reads. */
#include <stdlib.h>

#include "objects.h"

struct source {
	struct objects objects;
};

static enum source_status jsonl_next(struct source *s, struct source_record *record,
				     struct weir_error *err)
{
	enum source_status status = objects_next(&s->objects, record, err);

	return status == SOURCE_RECORD ? object_check(&s->objects.object, record, err) : status;
}

static void jsonl_close(struct source *s)
{
	if (!s)
		return;
	objects_release(&s->objects);
	free(s);
}

static int jsonl_open(FILE *in, struct source **out, struct weir_error *err)
{
	struct source *s = calloc(1, sizeof(*s));

	if (!s)
		return weir_fail_memory(err);
	if (objects_init(&s->objects, in, err) < 0) {
		free(s);
		return -1;
	}
	*out = s;
	return 0;
}

const struct source_kind source_jsonl = {
	.name = "jsonl",
	.help = "one JSON object a line, or over several lines, or all of them in an array: "
		"custom_id, and optionally table_name with record_id, and context; the other keys "
		"are the payload",
	.open = jsonl_open,
	.next = jsonl_next,
	.close = jsonl_close,
};
