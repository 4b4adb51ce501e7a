#include <inttypes.h>
#include <math.h>

#include "report_invoices.h"
#include "report_write.h"

/* The comma between two rows comes before the second: the first may be on its way already. */
static void json_open(struct writing *w, struct buffer *b)
{
	buffer_add_text(b, w->first ? "\n{" : ",\n{");
}

static void json_shut(struct buffer *b)
{
	json_close(b, '}');
	b->size -= !buffer_failed(b);
}

/* What both lists say of an item. */
static void json_row(struct writing *w, const PGresult *rows, int row)
{
	struct buffer *b = &w->sink->buffer;
	json_count(b, "stage", ledger_int(rows, row, ROW_STAGE));
	json_count(b, "attempts", ledger_int(rows, row, ROW_ATTEMPTS));
	json_raw(b, "history", ledger_text(rows, row, ROW_HISTORY));
	if (ledger_text(rows, row, ROW_NATURAL).data)
		json_text(b, "natural_id", ledger_text(rows, row, ROW_NATURAL));
	json_shut(b);
}

static void json_failure(struct writing *w, const PGresult *rows, int row)
{
	struct buffer *b = &w->sink->buffer;
	json_open(w, b);
	json_text(b, "id", ledger_text(rows, row, ROW_ID));
	json_text(b, "error", ledger_text(rows, row, ROW_ERROR));
	json_text(b, "class", ledger_text(rows, row, ROW_CLASS));
	json_row(w, rows, row);
}

static void json_item(struct writing *w, const PGresult *rows, int row)
{
	struct report_usage usage;
	struct buffer *b = &w->sink->buffer;
	json_open(w, b);
	json_text(b, "custom_id", ledger_text(rows, row, ROW_ID));
	json_text(b, "status", ledger_text(rows, row, ROW_STATUS));
	json_text(b, "error_class", ledger_text(rows, row, ROW_CLASS));
	json_text(b, "error", ledger_text(rows, row, ROW_ERROR));
	json_decimal(b, "processing_time", report_seconds(rows, row));
	json_text(b, "finished_at", ledger_text(rows, row, ROW_FINISHED));
	json_raw(b, "result", ledger_text(rows, row, ROW_RESULT));
	fields_read(report_usage_fields, rows, row, &usage);
	fields_json(report_usage_fields, &usage, b);
	json_row(w, rows, row);
}

/* An object of the numbers in the second column, named by those of the first. */
static void json_attempts(const PGresult *rows, struct buffer *b)
{
	json_key(b, "attempts");
	buffer_add_char(b, '{');
	for (int i = 0; i < PQntuples(rows); i++)
		buffer_printf(b, "\"%" PRId64 "\":%" PRId64 ",", ledger_big(rows, i, 0),
			      ledger_big(rows, i, 1));
	json_close(b, '}');
}

static void json_classes(const PGresult *rows, struct buffer *b)
{
	json_key(b, "failures_by_class");
	buffer_add_char(b, '{');
	for (int i = 0; i < PQntuples(rows); i++) {
		buffer_add_json(b, ledger_text(rows, i, 0));
		buffer_printf(b, ":%" PRId64 ",", ledger_big(rows, i, 1));
	}
	json_close(b, '}');
}

static void json_stages(const struct report *r, struct buffer *b)
{
	json_key(b, "by_stage");
	buffer_add_char(b, '[');
	for (int i = 0; i < r->stage_count; i++) {
		buffer_add_char(b, '{');
		fields_json(stage_view_fields, &r->stages[i].view, b);
		fields_json(report_stage_fields, &r->stages[i], b);
		fields_json(report_usage_fields, &r->stages[i].usage, b);
		json_close(b, '}');
	}
	json_close(b, ']');
}

/* name: of the list; member: what stands for the model's own name there. */
static void json_models(const struct report *r, bool by_key, const char *name, const char *member,
			struct buffer *b)
{
	json_key(b, name);
	buffer_add_char(b, '[');
	for (int i = 0; i < PQntuples(r->models); i++) {
		struct report_model model;
		if (ledger_bool(r->models, i, 0) != by_key)
			continue;
		report_read_model(r, i, &model);
		buffer_add_char(b, '{');
		json_text(b, member, ledger_text(r->models, i, 1));
		fields_json(report_model_fields, &model, b);
		fields_json(report_usage_fields, &model.usage, b);
		json_close(b, '}');
	}
	json_close(b, ']');
}

typedef int report_list(struct writing *w, report_row *row, struct weir_error *err);

static int json_list(struct writing *w, const char *name, report_list *list, report_row *row,
		     struct weir_error *err)
{
	struct buffer *b = &w->sink->buffer;
	json_key(b, name);
	buffer_add_char(b, '[');
	if (list(w, row, err) < 0)
		return -1;
	buffer_add_text(b, "],");
	return 0;
}

static void json_summary(const struct report *r, struct buffer *b)
{
	fields_json(report_fields, &r->summary, b);
	fields_json(report_usage_fields, &r->summary.usage, b);
	if (!r->summary.consistent)
		json_text(b, "differences",
			  (struct weir_text){r->differences.data, r->differences.size});
	json_attempts(r->attempts, b);
	json_classes(r->classes, b);
	json_stages(r, b);
	json_models(r, false, "by_model", "ai_model", b);
	json_models(r, true, "by_model_key", "model_key", b);
	json_key(b, "batches");
	buffer_add_char(b, '{');
	fields_json(batch_counts_fields, &r->batches, b);
	json_close(b, '}');
	report_invoices_json(r->invoices, b);
	json_count(b, "failures_total", r->summary.failed);
}

int report_write_json(struct writing *w, struct weir_error *err)
{
	struct buffer *b = &w->sink->buffer;
	buffer_add_char(b, '{');
	json_summary(w->report, b);
	if (json_list(w, "failures", report_failures, json_failure, err) < 0 ||
	    (w->items && json_list(w, "items", report_items, json_item, err) < 0))
		return -1;
	json_end(b, '}');
	return 0;
}
