#include <inttypes.h>

#include "report_invoices.h"
#include "report_write.h"

static void csv_item(struct writing *w, const PGresult *rows, int row)
{
	static const struct stage_view unknown;
	struct report_usage usage;
	struct buffer *b = &w->sink->buffer;
	int64_t number = ledger_int(rows, row, ROW_STAGE);
	const struct stage_view *stage = report_stage_of(w->report, number);
	stage = stage ? stage : &unknown;
	csv_cell(b, ledger_text(rows, row, ROW_ID));
	buffer_printf(b, "%" PRId64 ",", number);
	csv_cell(b, print_text(stage->kind));
	csv_cell(b, print_text(stage->step));
	csv_cell(b, ledger_text(rows, row, ROW_STATUS));
	csv_cell(b, ledger_text(rows, row, ROW_CLASS));
	csv_cell(b, ledger_text(rows, row, ROW_ERROR));
	buffer_printf(b, "%" PRId32 ",", ledger_int(rows, row, ROW_ATTEMPTS));
	print_real(b, report_seconds(rows, row), 6);
	buffer_add_char(b, ',');
	csv_cell(b, ledger_text(rows, row, ROW_FINISHED));
	fields_read(report_usage_fields, rows, row, &usage);
	fields_csv(report_usage_fields, &usage, b);
	csv_cell(b, ledger_text(rows, row, ROW_RESULT));
	csv_cell(b, ledger_text(rows, row, ROW_HISTORY));
	csv_cell(b, ledger_text(rows, row, ROW_NATURAL));
	csv_end(b);
}

int report_write_csv(struct writing *w, struct weir_error *err)
{
	struct buffer *b = &w->sink->buffer;
	csv_begin(b);
	if (w->items) {
		buffer_add_text(b, "custom_id,stage,kind,step,status,error_class,error,attempts,"
				   "processing_time,finished_at,");
		fields_csv_names(report_usage_fields, "", b);
		buffer_add_text(b, "result,history,natural_id\r\n");
		return report_items(w, csv_item, err);
	}
	fields_csv_names(report_fields, "", b);
	fields_csv_names(report_usage_fields, "", b);
	fields_csv_names(batch_counts_fields, "batches_", b);
	report_invoices_csv_names(w->report->invoices, b);
	csv_end(b);
	fields_csv(report_fields, &w->report->summary, b);
	fields_csv(report_usage_fields, &w->report->summary.usage, b);
	fields_csv(batch_counts_fields, &w->report->batches, b);
	report_invoices_csv(w->report->invoices, b);
	csv_end(b);
	return 0;
}
