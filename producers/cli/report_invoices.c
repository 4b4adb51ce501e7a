#include "report_invoices.h"

#include <inttypes.h>
#include <string.h>

#include "report.h"

#define KIND "invoice"

/* An invoice that failed without a result, as one that could not be read, is a failed one too; all
 * else is what the results say. The names are theirs. */
struct invoices {
	int64_t success, partial_success, failed;
	int64_t items_processed, items_failed; /* lines */
	int64_t created, updated, exact, fuzzy, review, warnings, increases, decreases;
	int64_t charges, duplicates, differences;
};

static const struct field fields[] = {
	FIELD(FIELD_COUNT, struct invoices, "success", success),
	FIELD(FIELD_COUNT, struct invoices, "partial_success", partial_success),
	FIELD(FIELD_COUNT, struct invoices, "failed", failed),
	FIELD(FIELD_COUNT, struct invoices, "items_processed", items_processed),
	FIELD(FIELD_COUNT, struct invoices, "items_failed", items_failed),
	FIELD(FIELD_COUNT, struct invoices, "inventory_items_created", created),
	FIELD(FIELD_COUNT, struct invoices, "inventory_items_updated", updated),
	FIELD(FIELD_COUNT, struct invoices, "exact_matches", exact),
	FIELD(FIELD_COUNT, struct invoices, "fuzzy_matches", fuzzy),
	FIELD(FIELD_COUNT, struct invoices, "review", review),
	FIELD(FIELD_COUNT, struct invoices, "warnings", warnings),
	FIELD(FIELD_COUNT, struct invoices, "price_increases", increases),
	FIELD(FIELD_COUNT, struct invoices, "price_decreases", decreases),
	FIELD(FIELD_COUNT, struct invoices, "charges_processed", charges),
	FIELD(FIELD_COUNT, struct invoices, "duplicates", duplicates),
	FIELD(FIELD_COUNT, struct invoices, "invoice_total_differences", differences),
	{.type = FIELD_END},
};

/* Each result is parsed once. Lists are counted with what they had no room for. */
static const char add_up[] =
	"WITH x AS MATERIALIZED (SELECT r.status = 2 AS lost, d.* FROM weir.results r"
	"  CROSS JOIN LATERAL json_to_record(coalesce(r.result, '{}')) AS d(status text,"
	"    items_processed int4, items_failed int4, inventory_items_created int4,"
	"    inventory_items_updated int4, exact_matches int4, fuzzy_matches int4,"
	"    price_increases int4, price_decreases int4, total_cost numeric, currency text,"
	"    review json, review_omitted int4, warnings json, warnings_omitted int4,"
	"    failed_items json, failed_items_omitted int4, charges_processed int4,"
	"    charges_total numeric, invoice_total_difference numeric, duplicate_of text)"
	"  WHERE r.job_id = $1 AND r.status IN (1, 2) AND r.stage IN"
	"   (SELECT stage FROM weir.job_stages WHERE job_id = $1 AND kind = '" KIND "')),"
	" cost AS (SELECT currency, sum(total_cost) AS total FROM x WHERE currency <> ''"
	"  GROUP BY 1 LIMIT 1000),"
	" charge AS (SELECT currency, sum(charges_total) AS total FROM x"
	"  WHERE currency <> '' AND charges_processed > 0 GROUP BY 1 LIMIT 1000),"
	" class AS (SELECT name, sum(n)::int8 AS lines FROM ("
	"   SELECT coalesce(line ->> 'error_class', 'unknown') AS name, 1 AS n"
	"   FROM x CROSS JOIN LATERAL json_array_elements(failed_items) AS f(line)"
	"   UNION ALL SELECT 'not_listed', failed_items_omitted FROM x"
	"    WHERE failed_items_omitted > 0) f GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1000)"
	" SELECT count(*) FILTER (WHERE lost) AS failed,"
	" count(*) FILTER (WHERE NOT lost AND status = 'partial_success') AS partial_success,"
	" count(*) FILTER (WHERE NOT lost AND status IS DISTINCT FROM 'partial_success')"
	"  AS success,"
	" coalesce(sum(items_processed), 0)::int8 AS items_processed,"
	" coalesce(sum(items_failed), 0)::int8 AS items_failed,"
	" coalesce(sum(inventory_items_created), 0)::int8 AS inventory_items_created,"
	" coalesce(sum(inventory_items_updated), 0)::int8 AS inventory_items_updated,"
	" coalesce(sum(exact_matches), 0)::int8 AS exact_matches,"
	" coalesce(sum(fuzzy_matches), 0)::int8 AS fuzzy_matches,"
	" coalesce(sum(price_increases), 0)::int8 AS price_increases,"
	" coalesce(sum(price_decreases), 0)::int8 AS price_decreases,"
	" coalesce(sum(charges_processed), 0)::int8 AS charges_processed,"
	" count(duplicate_of) AS duplicates,"
	" count(invoice_total_difference) AS invoice_total_differences,"
	" (coalesce(sum(json_array_length(review)), 0) + coalesce(sum(review_omitted), 0))::int8"
	"  AS review,"
	" (coalesce(sum(json_array_length(warnings)), 0)"
	"  + coalesce(sum(warnings_omitted), 0))::int8 AS warnings,"
	" (SELECT jsonb_object_agg(currency, total::text) FROM cost)::text AS total_cost,"
	" (SELECT string_agg(total || ' ' || currency, ', ' ORDER BY currency) FROM cost)"
	"  AS cost_text,"
	" (SELECT jsonb_object_agg(currency, total::text) FROM charge)::text AS charges_total,"
	" (SELECT string_agg(total || ' ' || currency, ', ' ORDER BY currency) FROM charge)"
	"  AS charges_text,"
	" (SELECT jsonb_object_agg(name, lines) FROM class)::text AS failed_items_by_class,"
	" (SELECT string_agg(name || ' ' || lines, ', ' ORDER BY lines DESC, name) FROM class)"
	"  AS class_text FROM x";

static bool has_invoices(const struct report *r)
{
	for (int i = 0; i < r->stage_count; i++)
		if (strcmp(r->stages[i].view.kind, KIND) == 0)
			return true;
	return false;
}

/* A kind of this name may be somebody else's, and its results of another form: then there is
 * nothing to add up, and the rest of the report is to be had all the same. */
static int try_to_add_up(struct ledger *l, const char *job_id, PGresult **out,
			 struct weir_error *err)
{
	if (view_query(l, add_up, job_id, out, err) == 0)
		return 0;
	if (!ledger_alive(l) || ledger_fault(l) != LEDGER_DATA)
		return -1;
	return ledger_do(l, "ROLLBACK TO SAVEPOINT invoices", NULL, NULL, err);
}

int report_invoices_read(struct ledger *l, const struct report *r, PGresult **out,
			 struct weir_error *err)
{
	if (!has_invoices(r))
		return 0;
	if (ledger_do(l, "SAVEPOINT invoices", NULL, NULL, err) < 0)
		return -1;
	return try_to_add_up(l, r->summary.job_id, out, err);
}

static struct invoices read_counts(const PGresult *r)
{
	struct invoices i = {0};
	fields_read(fields, r, 0, &i);
	return i;
}

static struct weir_text named(const PGresult *r, const char *name)
{
	return ledger_text(r, 0, PQfnumber(r, name));
}

static void text_line(const char *head, struct weir_text text, struct buffer *b)
{
	if (!text.data)
		return;
	buffer_add_text(b, head);
	print_plain(b, text);
	buffer_add_char(b, '\n');
}

void report_invoices_text(const PGresult *r, struct buffer *b)
{
	if (!r)
		return;
	struct invoices i = read_counts(r);
	buffer_printf(b,
		      "invoices   %" PRId64 " success, %" PRId64 " in part, %" PRId64 " failed\n"
		      "lines      %" PRId64 " processed, %" PRId64 " failed, %" PRId64
		      " to review, %" PRId64 " with a warning\n",
		      i.success, i.partial_success, i.failed, i.items_processed, i.items_failed,
		      i.review, i.warnings);
	text_line("bad lines  ", named(r, "class_text"), b);
	buffer_printf(b,
		      "inventory  %" PRId64 " items created, %" PRId64 " updated; %" PRId64
		      " exact matches, %" PRId64 " fuzzy\n"
		      "prices     %" PRId64 " increases, %" PRId64 " decreases\n",
		      i.created, i.updated, i.exact, i.fuzzy, i.increases, i.decreases);
	text_line("cost       ", named(r, "cost_text"), b);
	text_line("charges    ", named(r, "charges_text"), b);
	if (i.differences > 0 || i.duplicates > 0)
		buffer_printf(b,
			      "odd        %" PRId64 " not of their invoice_total, %" PRId64
			      " booked under another custom_id\n",
			      i.differences, i.duplicates);
}

static void json_object(struct buffer *b, const char *name, struct weir_text object)
{
	json_raw(b, name, object.data ? object : print_text("{}"));
}

void report_invoices_json(const PGresult *r, struct buffer *b)
{
	if (!r)
		return;
	struct invoices i = read_counts(r);
	json_key(b, "invoices");
	buffer_add_char(b, '{');
	fields_json(fields, &i, b);
	json_object(b, "total_cost", named(r, "total_cost"));
	json_object(b, "charges_total", named(r, "charges_total"));
	json_object(b, "failed_items_by_class", named(r, "failed_items_by_class"));
	json_close(b, '}');
}

void report_invoices_csv_names(const PGresult *r, struct buffer *b)
{
	if (!r)
		return;
	fields_csv_names(fields, "invoices_", b);
	buffer_add_text(b, "invoices_total_cost,invoices_charges_total,"
			   "invoices_failed_items_by_class,");
}

void report_invoices_csv(const PGresult *r, struct buffer *b)
{
	if (!r)
		return;
	struct invoices i = read_counts(r);
	fields_csv(fields, &i, b);
	csv_cell(b, named(r, "cost_text"));
	csv_cell(b, named(r, "charges_text"));
	csv_cell(b, named(r, "class_text"));
}
