/* Whole invoices: their heads, what the database is given, and what is said of bad ones. */
#include <CUnit/CUnit.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "invoice.h"
#include "weir/message.h"

#define HEAD                                                                                       \
	"\"invoice\":{\"vendor_name\":\" Valley Farms \",\"invoice_number\":77,"                   \
	"\"invoice_date\":\"2025-03-14\",\"currency\":\"USD\"}"
#define GOOD "{\"description\":\"Milk\",\"quantity\":\"3\",\"unit_price\":\"12.50\"}"
#define WHOLE "{" HEAD ",\"line_items\":[" GOOD "]}"
#define OF_USER "{\"user_id\":\"u\"}"

static struct buffer json;
static struct message context, payload;
static struct weir_item item;
static struct invoice invoice;
static struct weir_error err;

static int json_of(const struct weir_host *host, const struct weir_map *map, const char *key,
		   struct weir_text *out)
{
	(void)host;
	buffer_reset(&json);
	if (map_json(&json, map, key) < 0)
		return -1;
	*out = (struct weir_text){json.data, json.size};
	return 0;
}

static const struct weir_host host = {
	.map_text = map_text,
	.map_integer = map_integer,
	.map_real = map_real,
	.map_map = map_map,
	.map_json = json_of,
	.map_count = map_count,
	.map_entry = map_entry,
};

static void release(struct message *m)
{
	if (m->decoded)
		message_release(m);
	*m = (struct message){.decoded = false};
}

static void leave(void)
{
	buffer_release(&json);
	release(&context);
	release(&payload);
}

static int read_at(uint32_t stage, const char *context_text, const char *payload_text)
{
	leave();
	err = (struct weir_error){"", ""};
	item = (struct weir_item){.stage = stage};
	CU_ASSERT_EQUAL_FATAL(message_decode_map(&context, context_text, strlen(context_text),
						 &item.context, &err),
			      0);
	CU_ASSERT_EQUAL_FATAL(message_decode_map(&payload, payload_text, strlen(payload_text),
						 &item.payload, &err),
			      0);
	return invoice_open(&invoice, &host, &item, &err);
}

static void expect_refused(const char *context_text, const char *payload_text, const char *code,
			   const char *part)
{
	int rc = read_at(1, context_text, payload_text);
	bool ok = rc == -1 && strcmp(err.code, code) == 0 && strstr(err.text, part);
	if (!ok)
		fprintf(stderr, "    %s %.300s: %d %s \"%s\", not %s \"%s\"\n", context_text,
			payload_text, rc, err.code, err.text, code, part);
	CU_ASSERT(ok);
}

static json_t *parse(struct out *out)
{
	CU_ASSERT_FATAL(!out->failed && out->size > 0);
	json_t *root = json_loadb(out->data, out->size, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(root);
	out_release(out);
	return root;
}

/* What the database is given. The caller json_decref()s it. */
static json_t *written(const char *payload_text)
{
	struct out out = OUT_INIT;
	struct invoice_lists lists = INVOICE_LISTS_INIT;
	CU_ASSERT_EQUAL_FATAL(read_at(1, OF_USER, payload_text), 0);
	invoice_write(&invoice, &(struct invoice_rules){.automatic = 80, .review = 5}, &lists,
		      &out);
	lists_release(&lists);
	CU_ASSERT_EQUAL_FATAL(out.data[out.size - 1], ',');
	out.size--;
	return parse(&out);
}

static void expect(const json_t *root, const char *wanted)
{
	char *seen = json_dumps(root, JSON_COMPACT | JSON_ENCODE_ANY);
	if (!seen || strcmp(seen, wanted) != 0)
		fprintf(stderr, "    %s\n    not %s\n", seen ? seen : "nothing", wanted);
	CU_ASSERT_PTR_NOT_NULL_FATAL(seen);
	CU_ASSERT_STRING_EQUAL(seen, wanted);
	free(seen);
}

/* ---- heads ---- */

static bool is_text(struct weir_text text, const char *wanted)
{
	return text.size == strlen(wanted) && memcmp(text.data, wanted, text.size) == 0;
}

static void heads(void)
{
	CU_ASSERT_EQUAL_FATAL(read_at(1, "{\"user_id\":-12}", WHOLE), 0);
	CU_ASSERT(is_text(invoice.user_id, "-12"));
	CU_ASSERT(is_text(invoice.vendor_name, "Valley Farms"));
	CU_ASSERT(is_text(invoice.invoice_number, "77"));
	CU_ASSERT(is_text(invoice.invoice_date, "2025-03-14"));
	CU_ASSERT(strcmp(invoice.head.currency->code, "USD") == 0);
	CU_ASSERT_EQUAL(invoice.count, 1);
	CU_ASSERT_FALSE(invoice.head.credit_note);
	CU_ASSERT(invoice_has_good_line(&invoice));
	CU_ASSERT_EQUAL_FATAL(read_at(1, OF_USER,
				      "{\"invoice\":{\"vendor_name\":\"V\",\"invoice_number\":1,"
				      "\"invoice_date\":20250314,\"currency\":\" eur \","
				      "\"invoice_total\":\"(12.)\",\"credit_note\":\"Y\"},"
				      "\"line_items\":[" GOOD "]}"),
			      0);
	CU_ASSERT(is_text(invoice.invoice_date, "2025-03-14"));
	CU_ASSERT(strcmp(invoice.head.currency->code, "EUR") == 0);
	CU_ASSERT(invoice.has_total && invoice.head.credit_note);
	CU_ASSERT_STRING_EQUAL(invoice.total.text, "-12");
	CU_ASSERT_EQUAL_FATAL(read_at(2, OF_USER, "{\"input\":" WHOLE ",\"results\":{}}"), 0);
	CU_ASSERT(is_text(invoice.invoice_number, "77"));
}

static void users(void)
{
	char text[200];
	static const char *const bad[] = {"\" u\"", "\"u \"", "\"a\\u0000\"", "\"a\\tb\"",
					  "1.5",    "true",   "[1]"};
	expect_refused("{}", WHOLE, "bad_context", "--context user_id");
	expect_refused("{\"user_id\":\"\"}", WHOLE, "bad_context", "--context user_id");
	expect_refused("{\"user_id\":\"  \"}", WHOLE, "bad_context", "--context user_id");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, "{\"user_id\":%s}", bad[i]);
		expect_refused(text, WHOLE, "bad_context", "user_id must be");
	}
	snprintf(text, sizeof text, "{\"user_id\":\"%065d\"}", 1);
	expect_refused(text, WHOLE, "bad_context", "1 to 64 bytes");
	snprintf(text, sizeof text, "{\"user_id\":\"%064d\"}", 1);
	CU_ASSERT_EQUAL(read_at(1, text, WHOLE), 0);
}

#define WITH(VENDOR, NUMBER, CURRENCY, MORE)                                                       \
	"{\"invoice\":{\"vendor_name\":" VENDOR ",\"invoice_number\":" NUMBER                      \
	",\"currency\":" CURRENCY MORE "},\"line_items\":[" GOOD "]}"

static void broken_heads(void)
{
	static const struct {
		const char *payload, *part;
	} rows[] = {
		{"{}", "lacks invoice, an object"},
		{"{\"invoice\":1,\"line_items\":[" GOOD "]}", "lacks invoice, an object"},
		{WITH("null", "1", "\"USD\"", ""), "invoice lacks vendor_name"},
		{WITH("\" \"", "1", "\"USD\"", ""), "invoice lacks vendor_name"},
		{WITH("5", "1", "\"USD\"", ""), "invoice.vendor_name must be a text"},
		{WITH("\"a\\u0000\"", "1", "\"USD\"", ""), "invoice.vendor_name must be a text"},
		{WITH("\"V\"", "null", "\"USD\"", ""), "invoice lacks invoice_number"},
		{WITH("\"V\"", "1.5", "\"USD\"", ""), "invoice.invoice_number must be a text"},
		{WITH("\"V\"", "1", "null", ""), "invoice lacks currency, three letters"},
		{WITH("\"V\"", "1", "\"u$d\"", ""), "such as USD, not \"u$d\""},
		{WITH("\"V\"", "1", "\"USD\"", ",\"invoice_total\":\"1,00\""),
		 "invoice.invoice_total \"1,00\" is no decimal"},
		{WITH("\"V\"", "1", "\"USD\"", ",\"invoice_total\":[1]"), "invoice.invoice_total"},
		{WITH("\"V\"", "1", "\"US\"", ""), "such as USD, not \"US\""},
		{WITH("\"V\"", "1", "\"EURO\"", ""), "such as USD, not \"EURO\""},
		{WITH("\"V\"", "1", "\"US1\"", ""), "such as USD"},
		{WITH("\"V\"", "1", "\"\\u20ac\"", ""), "such as USD"},
		{WITH("\"V\"", "1", "978", ""), "such as USD"},
		{WITH("\"V\"", "1", "\"XXX\"", ""), "such as USD, not \"XXX\""},
		{WITH("\"V\"", "1", "\"zzz\"", ""), "such as USD, not \"zzz\""},
		{WITH("\"V\"", "1", "\"USD\"", ",\"credit_note\":\"maybe\""),
		 "credit_note must be"},
		{"{" HEAD "}", "lacks line_items"},
		{"{" HEAD ",\"line_items\":[]}", "lacks line_items"},
		{"{" HEAD ",\"line_items\":{}}", "lacks line_items"},
		{"{" HEAD ",\"line_items\":\"x\"}", "lacks line_items"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		expect_refused(OF_USER, rows[i].payload, "bad_payload", rows[i].part);
}

/* A payload of n times the same line; the caller frees it. */
static char *many(const char *line, int n)
{
	size_t room = strlen(HEAD) + (size_t)n * (strlen(line) + 1) + 64;
	char *text = malloc(room), *at = text;
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	at += snprintf(at, room, "{" HEAD ",\"line_items\":[");
	for (int i = 0; i < n; i++)
		at += snprintf(at, room - (size_t)(at - text), "%s%s", i ? "," : "", line);
	snprintf(at, room - (size_t)(at - text), "]}");
	return text;
}

static void too_many_lines(void)
{
	char *text = many("1", INVOICE_LINES_MOST + 1);
	expect_refused(OF_USER, text, "bad_payload", "10001 line_items; an invoice has at most");
	free(text);
	text = many("1", INVOICE_LINES_MOST);
	CU_ASSERT_EQUAL(read_at(1, OF_USER, text), 0);
	free(text);
}

/* ---- what is booked ---- */

static void everything(void)
{
	json_t *root = written(
		"{" HEAD ",\"line_items\":["
		"{\"item_number\":\"A1\",\"description\":\"Whole \\\"milk\\\"\",\"quantity\":\"3\","
		"\"unit_price\":\"12.50\",\"pack_size\":\"4/1 GAL\",\"category\":\"Dairy\"},"
		"{\"description\":\"Eggs\",\"quantity\":-1,\"unit_price\":0.5,\"credit_note\":true,"
		"\"pack_size\":12},"
		"{\"description\":\"Salt\\n\",\"quantity\":-1,\"unit_price\":1},"
		"{\"description\":\"Sales tax\",\"extended_price\":-2.5}]}");
	expect(root,
	       "{\"vendor_name\":\"Valley Farms\",\"invoice_number\":\"77\","
	       "\"invoice_date\":\"2025-03-14\",\"currency\":\"USD\",\"places\":2,\"invoice_"
	       "total\":null,"
	       "\"refuse_duplicates\":"
	       "false,\"fuzzy_auto\":0."
	       "80000000000000004,"
	       "\"fuzzy_review\":0.050000000000000003,\"lines\":["
	       "{\"line\":1,\"item_number\":\"A1\",\"description\":\"Whole \\\"milk\\\"\","
	       "\"category\":\"Dairy\",\"quantity\":\"3\",\"unit_price\":\"12.50\","
	       "\"total\":null,\"ordered\":\"3\",\"weight\":null,\"uom\":null,\"credit\":false,"
	       "\"pack_size\":\"4/1 GAL\",\"pack_count\":\"4\",\"pack_each\":\"1\","
	       "\"unit_factor\":\"3785.411784\",\"base_unit\":\"ml\"},"
	       "{\"line\":2,\"item_number\":null,\"description\":\"Eggs\",\"category\":null,"
	       "\"quantity\":\"-1\",\"unit_price\":\"0.5\",\"total\":null,\"ordered\":\"-1\","
	       "\"weight\":null,\"uom\":null,\"credit\":true,\"pack_size\":\"12\","
	       "\"pack_count\":\"1\",\"pack_each\":\"1\",\"unit_factor\":\"1\",\"base_unit\":"
	       "\"each\"}],"
	       "\"charges\":[{\"line\":4,\"kind\":\"tax\",\"told_by\":\"description\","
	       "\"item_number\":null,\"description\":\"Sales tax\",\"quantity\":\"1\","
	       "\"unit_price\":\"-2.5\",\"total\":\"-2.5\",\"credit\":false}],"
	       "\"failed_items\":[{\"line\":3,\"description\":\"Salt\",\"error\":\"quantity "
	       "\\\"-1\\\" "
	       "is below zero, and the line is not marked credit_note\","
	       "\"error_class\":\"negative_quantity\"}],\"failed_items_omitted\":0,"
	       "\"warnings\":[{\"line\":2,\"description\":\"Eggs\",\"warning\":\"pack_size "
	       "\\\"12\\\" "
	       "is not understood: an ordered unit counts as one piece\","
	       "\"warning_class\":\"unknown_pack\"},{\"line\":4,\"description\":\"Sales tax\","
	       "\"warning\":\"booked as a charge, no goods: \\\"tax\\\" by its description; "
	       "line_type "
	       "would say so for sure\",\"warning_class\":\"charge_by_description\"}],"
	       "\"warnings_omitted\":0}");
	json_decref(root);
}

static void texts_of_bad_lines_are_made_fit(void)
{
	char text[1200], wanted[1200];
	snprintf(text, sizeof text,
		 "{" HEAD ",\"line_items\":[" GOOD ",{\"description\":\"a\\u0000b\\u001b\\n.\"},"
		 "{\"description\":\"%0199d\xC3\xA9%0400d\"}]}",
		 1, 1);
	json_t *root = written(text);
	const json_t *failed = json_object_get(root, "failed_items");
	expect(json_object_get(json_array_get(failed, 0), "description"), "\"a?b??.\"");
	snprintf(wanted, sizeof wanted, "\"%0199d\"", 1);
	expect(json_object_get(json_array_get(failed, 1), "description"), wanted);
	json_decref(root);
}

/* ---- what is not ---- */

static json_t *refusal(const char *payload_text)
{
	struct out out = OUT_INIT;
	struct invoice_lists lists = INVOICE_LISTS_INIT;
	CU_ASSERT_EQUAL_FATAL(read_at(1, OF_USER, payload_text), 0);
	CU_ASSERT_FALSE(invoice_has_good_line(&invoice));
	invoice_write_failed(&invoice, &lists, &out, &err);
	lists_release(&lists);
	CU_ASSERT_STRING_EQUAL(err.code, "no_good_line");
	CU_ASSERT(out.size < WEIR_RESULT_MAX);
	return parse(&out);
}

static void no_good_line(void)
{
	json_t *root = refusal("{" HEAD ",\"line_items\":[{},5]}");
	expect(root, "{\"status\":\"failed\",\"vendor_id\":null,\"invoice_number\":\"77\","
		     "\"items_processed\":0,\"items_failed\":2,\"inventory_items_created\":0,"
		     "\"inventory_items_updated\":0,\"exact_matches\":0,\"fuzzy_matches\":0,"
		     "\"price_increases\":0,\"price_decreases\":0,\"total_cost\":\"0\","
		     "\"charges_processed\":0,\"charges_total\":\"0\",\"invoice_total\":null,"
		     "\"invoice_total_difference\":null,\"duplicate_of\":null,"
		     "\"currency\":\"USD\",\"review\":[],\"review_omitted\":0,\"failed_items\":["
		     "{\"line\":1,\"description\":null,\"error\":\"the line has no description\","
		     "\"error_class\":\"missing_description\"},"
		     "{\"line\":2,\"description\":null,\"error\":\"the line is no JSON object\","
		     "\"error_class\":\"bad_line\"}],\"failed_items_omitted\":0,\"warnings\":[],"
		     "\"warnings_omitted\":0,\"processing_time\":0}");
	CU_ASSERT_STRING_EQUAL(err.text,
			       "no line of the invoice can be booked: line 1: the line has "
			       "no description; line 2: the line is no JSON object");
	json_decref(root);
}

static void bad_dates(void)
{
	static const struct {
		const char *date, *error;
	} rows[] = {
		{"null", "invoice_date is missing"},
		{"\"\"", "invoice_date is missing"},
		{"\"2025-02-30\"", "invoice_date \"2025-02-30\" is no day of the calendar"},
		{"\"03/14/2025\"", "invoice_date \"03/14/2025\" may be two days, as countries"},
		{"\"1969-12-31\"", "invoice_date \"1969-12-31\" is before 1970"},
		{"\"9999-12-31\"", "is more than 366 days in the future"},
		{"20250315.5", "invoice_date \"20250315.5\" is no date"},
		{"[1]", "invoice_date \"[1]\" is no date"},
		{"\"2025-03-14T25:00:00Z\"", "is no date; write it YYYY-MM-DD"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[600];
		snprintf(text, sizeof text,
			 "{\"invoice\":{\"vendor_name\":\"V\",\"invoice_number\":\"1\","
			 "\"currency\":\"USD\",\"invoice_date\":%s},\"line_items\":[" GOOD ",7]}",
			 rows[i].date);
		json_t *root = refusal(text);
		const json_t *failed = json_object_get(root, "failed_items");
		CU_ASSERT_EQUAL(json_array_size(failed), 2);
		const json_t *first = json_array_get(failed, 0);
		expect(json_object_get(first, "description"), "\"Milk\"");
		expect(json_object_get(first, "error_class"), "\"bad_date\"");
		CU_ASSERT_PTR_NOT_NULL(
			strstr(json_string_value(json_object_get(first, "error")), rows[i].error));
		json_decref(root);
	}
}

/* Today and the days around it, whatever the day of the test. */
static void dates_ahead(void)
{
	for (int ahead = -400; ahead <= 366; ahead += 383) {
		char text[600], date[16];
		time_t at = time(NULL) + (time_t)ahead * 86400;
		struct tm tm;
		strftime(date, sizeof date, "%Y-%m-%d", gmtime_r(&at, &tm));
		snprintf(text, sizeof text,
			 "{\"invoice\":{\"vendor_name\":\"V\",\"invoice_number\":\"1\","
			 "\"currency\":\"USD\",\"invoice_date\":\"%s\"},\"line_items\":[" GOOD "]}",
			 date);
		CU_ASSERT_EQUAL(read_at(1, OF_USER, text), 0);
		CU_ASSERT(invoice_has_good_line(&invoice));
	}
}

static void too_many_faults(void)
{
	char line[700];
	snprintf(line, sizeof line, "{\"description\":\"%0600d\"}", 1);
	char *text = many(line, 1500);
	json_t *root = refusal(text);
	size_t kept = json_array_size(json_object_get(root, "failed_items"));
	CU_ASSERT_EQUAL(kept, 1500);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(root, "items_failed")), 1500);
	json_decref(root);
	free(text);
	text = many("{\"description\":\"x\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\"}",
		    INVOICE_LINES_MOST);
	root = refusal(text);
	kept = json_array_size(json_object_get(root, "failed_items"));
	CU_ASSERT(kept < INVOICE_LINES_MOST);
	CU_ASSERT_EQUAL((int64_t)kept +
				json_integer_value(json_object_get(root, "failed_items_omitted")),
			INVOICE_LINES_MOST);
	json_decref(root);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "line 1: quantity is missing; line 2:"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, " more"));
	free(text);
}

void add_invoice_suite(void);

void add_invoice_suite(void)
{
	CU_pSuite s = CU_add_suite_with_setup_and_teardown("invoice", NULL, NULL, NULL, leave);
	CU_add_test(s, "heads", heads);
	CU_add_test(s, "users", users);
	CU_add_test(s, "broken heads", broken_heads);
	CU_add_test(s, "too many lines", too_many_lines);
	CU_add_test(s, "everything that is booked", everything);
	CU_add_test(s, "texts of bad lines are made fit", texts_of_bad_lines_are_made_fit);
	CU_add_test(s, "no good line", no_good_line);
	CU_add_test(s, "bad dates", bad_dates);
	CU_add_test(s, "dates around today", dates_ahead);
	CU_add_test(s, "too many faults", too_many_faults);
}
