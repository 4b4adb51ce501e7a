/* JSON Lines: one object a line. */
#include <stdlib.h>

#include "object.h"

struct source {
	struct input input;
	struct object object;
};

static enum source_status too_long(struct source *s, const struct source_record *record,
				   struct weir_error *err)
{
	if (input_skip_line(&s->input, err) < 0)
		return SOURCE_FAILED;
	return record_bad(record, err, "line too long: more than %d bytes", SOURCE_LINE_MAX);
}

/* ---- the source ---- */

static enum source_status jsonl_next(struct source *s, struct source_record *record,
				     struct weir_error *err)
{
	size_t end;
	enum source_status status;

	do {
		*record = (struct source_record){.line = s->input.line};
		switch (input_find_line(&s->input, 0, &end, err)) {
		case INPUT_FAILED:
			return SOURCE_FAILED;
		case INPUT_END:
			return SOURCE_END;
		case INPUT_TOO_LONG:
			return too_long(s, record, err);
		case INPUT_LINE:
			break;
		}
		record->raw = record_without_end(input_data(&s->input), end);
		input_skip(&s->input, end);
	} while (object_is_blank(record->raw));
	status = object_take(&s->object, record->raw, record, err);
	return status == SOURCE_RECORD ? record_check(record, err) : status;
}

static void jsonl_close(struct source *s)
{
	if (!s)
		return;
	object_release(&s->object);
	input_release(&s->input);
	free(s);
}

static int jsonl_open(FILE *in, struct source **out, struct weir_error *err)
{
	struct source *s = calloc(1, sizeof(*s));

	if (!s)
		return weir_fail_memory(err);
	if (input_init(&s->input, in, err) < 0) {
		free(s);
		return -1;
	}
	*out = s;
	return 0;
}

const struct source_kind source_jsonl = {
	.name = "jsonl",
	.help = "one JSON object a line: custom_id, and optionally table_name with record_id, and "
		"context; the other keys are the payload",
	.open = jsonl_open,
	.next = jsonl_next,
	.close = jsonl_close,
};
