/* Lines of invoices: what is booked, and what is wrong with them. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "line.h"
#include "weir/message.h"

static struct buffer json;
static struct message decoded;

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
};

static void leave(void)
{
	buffer_release(&json);
	if (decoded.decoded)
		message_release(&decoded);
	decoded = (struct message){.decoded = false};
}

static int read_as(struct line *line, const char *text, bool credit_note, struct weir_error *fault)
{
	struct weir_error err;
	const struct weir_map *map = NULL;
	leave();
	int rc = message_decode_map(&decoded, text, strlen(text), &map, &err);
	if (rc < 0)
		fprintf(stderr, "    %s: %s\n", text, err.text);
	CU_ASSERT_EQUAL_FATAL(rc, 0);
	const struct line_head head = {credit_note, currency_find((struct weir_text){"USD", 3})};
	return line_read(line, &host, map, &head, fault);
}

static bool text_equals(struct weir_text text, const char *wanted)
{
	if (!wanted)
		return text.data == NULL;
	return text.data && text.size == strlen(wanted) &&
	       memcmp(text.data, wanted, text.size) == 0;
}

static void expect_bad(const char *text, bool credit_note, const char *code, const char *part)
{
	struct line line;
	struct weir_error fault = {"", ""};
	int rc = read_as(&line, text, credit_note, &fault);
	bool ok = rc == -1 && strcmp(fault.code, code) == 0 && strstr(fault.text, part);
	if (!ok)
		fprintf(stderr, "    %.200s: %d %s \"%s\", not %s \"%s\"\n", text, rc, fault.code,
			fault.text, code, part);
	CU_ASSERT(ok);
}

static void read_good(struct line *line, const char *text, bool credit_note)
{
	struct weir_error fault = {"", ""};
	int rc = read_as(line, text, credit_note, &fault);
	if (rc < 0)
		fprintf(stderr, "    %.200s: %s %s\n", text, fault.code, fault.text);
	CU_ASSERT_EQUAL(rc, 0);
}

/* ---- good lines ---- */

static void a_whole_line(void)
{
	struct line line;
	read_good(
		&line,
		"{\"item_number\":\" A-1 \",\"description\":\"  Whole milk\\t\",\"quantity\":\"3\","
		"\"unit_price\":\"12.50\",\"pack_size\":\" 4/1 GAL \",\"category\":\"Dairy \"}",
		false);
	CU_ASSERT(text_equals(line.item_number, "A-1"));
	CU_ASSERT(text_equals(line.description, "Whole milk"));
	CU_ASSERT(text_equals(line.category, "Dairy"));
	CU_ASSERT(text_equals(line.pack_size, "4/1 GAL"));
	CU_ASSERT_STRING_EQUAL(line.quantity.text, "3");
	CU_ASSERT_STRING_EQUAL(line.unit_price.text, "12.50");
	CU_ASSERT_STRING_EQUAL(line.pack.count.text, "4");
	CU_ASSERT_STRING_EQUAL(line.pack.base_unit, "ml");
	CU_ASSERT_FALSE(line.credit);
	CU_ASSERT_FALSE(line.warns[LINE_UNKNOWN_PACK]);
}

static void what_may_be_absent(void)
{
	static const char *const texts[] = {
		"{\"description\":\"x\",\"quantity\":1,\"unit_price\":0}",
		"{\"description\":\"x\",\"quantity\":1,\"unit_price\":0,\"item_number\":null,"
		"\"pack_size\":null,\"category\":null,\"credit_note\":null}",
		"{\"description\":\"x\",\"quantity\":1,\"unit_price\":0,\"item_number\":\"  \","
		"\"pack_size\":\"\",\"category\":\" \",\"credit_note\":\"\"}",
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct line line;
		read_good(&line, texts[i], false);
		CU_ASSERT(text_equals(line.item_number, NULL));
		CU_ASSERT(text_equals(line.category, NULL));
		CU_ASSERT(text_equals(line.pack_size, NULL));
		CU_ASSERT_STRING_EQUAL(line.pack.base_unit, "each");
		CU_ASSERT_FALSE(line.warns[LINE_UNKNOWN_PACK]);
	}
}

static void decimals(void)
{
	static const struct {
		const char *value, *wanted;
	} rows[] = {
		{"1", "1"},
		{"12.5", "12.5"},
		{"\"12.50\"", "12.50"},
		{"\" 12.50 \"", "12.50"},
		{"\"\\u00a012.50\\u202f\\u3000\"", "12.50"},
		{"0.1", "0.1"},
		{"1e-7", "0.0000001"},
		{"1e2", "100"},
		{"0", "0"},
		{"0.0", "0"},
		{"-0.0", "0"},
		{"\"0.00\"", "0.00"},
		{"123456789.12", "123456789.12"},
		{"\"123456789012.1234567891\"", "123456789012.1234567891"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[200];
		struct line line;
		snprintf(text, sizeof text,
			 "{\"description\":\"x\",\"quantity\":%s,\"unit_price\":%s}", rows[i].value,
			 rows[i].value);
		read_good(&line, text, false);
		CU_ASSERT_STRING_EQUAL(line.quantity.text, rows[i].wanted);
		CU_ASSERT_STRING_EQUAL(line.unit_price.text, rows[i].wanted);
	}
}

static void item_numbers(void)
{
	struct line line;
	read_good(&line,
		  "{\"description\":\"x\",\"quantity\":1,\"unit_price\":1,\"item_number\":4711}",
		  false);
	CU_ASSERT(text_equals(line.item_number, "4711"));
	read_good(&line,
		  "{\"description\":\"x\",\"quantity\":1,\"unit_price\":1,\"item_number\":"
		  "\"004711\"}",
		  false);
	CU_ASSERT(text_equals(line.item_number, "004711"));
	read_good(&line,
		  "{\"description\":\"x\",\"quantity\":1,\"unit_price\":1,"
		  "\"item_number\":-9223372036854775808}",
		  false);
	CU_ASSERT(text_equals(line.item_number, "-9223372036854775808"));
}

static void packs_that_are_not_understood(void)
{
	static const char *const packs[] = {"\"1 BUSHEL\"",  "12",	    "[1]",
					    "\"a\\u0000b\"", "\"10\\tLB\"", "true"};
	for (size_t i = 0; i < sizeof packs / sizeof *packs; i++) {
		char text[200];
		struct line line;
		snprintf(text, sizeof text,
			 "{\"description\":\"x\",\"quantity\":1,\"unit_price\":1,\"pack_size\":%s}",
			 packs[i]);
		read_good(&line, text, false);
		CU_ASSERT(line.warns[LINE_UNKNOWN_PACK]);
		CU_ASSERT_PTR_NOT_NULL(line.pack_size.data);
		CU_ASSERT_STRING_EQUAL(line.pack.count.text, "1");
		CU_ASSERT_STRING_EQUAL(line.pack.each.text, "1");
		CU_ASSERT_STRING_EQUAL(line.pack.base_unit, "each");
	}
}

static void credit_lines(void)
{
	struct line line;
	static const char *const flags[] = {"true",    "\"true\"", "\"TRUE\"", "\" True \"",
					    "\"yes\"", "\"Y\"",	   "1",	       "\"1\""};
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		char text[200];
		snprintf(text, sizeof text,
			 "{\"description\":\"x\",\"quantity\":-2,\"unit_price\":1,\"credit_note\":%"
			 "s}",
			 flags[i]);
		read_good(&line, text, false);
		CU_ASSERT(line.credit);
		CU_ASSERT_STRING_EQUAL(line.quantity.text, "-2");
	}
	read_good(&line, "{\"description\":\"x\",\"quantity\":2,\"unit_price\":\"(5.00)\"}", true);
	CU_ASSERT_STRING_EQUAL(line.quantity.text, "-2");
	CU_ASSERT_STRING_EQUAL(line.unit_price.text, "5.00");
	expect_bad("{\"description\":\"x\",\"quantity\":-2,\"unit_price\":\"5.00-\"}", true,
		   "negative_price", "below zero, as its quantity is");
	read_good(&line, "{\"description\":\"x\",\"quantity\":\"-2.5\",\"unit_price\":1}", true);
	CU_ASSERT(line.credit);
	read_good(
		&line,
		"{\"description\":\"x\",\"quantity\":2,\"unit_price\":1,\"credit_note\":\"false\"}",
		false);
	CU_ASSERT_FALSE(line.credit);
}

static void totals(void)
{
	static const char *const weights[] = {"27.43",	     "\"27.43\"",   "\" 27.43 LB \"",
					      "\"27.43lb\"", "\"27.43 #\"", "\"27.43 Lbs.\""};
	for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
		char text[300];
		struct line line;
		snprintf(
			text, sizeof text,
			"{\"description\":\"x\",\"quantity\":2,\"unit_price\":5.49,\"weight\":%s,"
			"\"extended_price\":\"150.59\",\"uom\":\" cs \",\"pack_size\":\"2/12 LB\"}",
			weights[i]);
		read_good(&line, text, false);
		CU_ASSERT(line.has_extended && line.has_weight);
		CU_ASSERT(text_equals(line.uom, "cs"));
		CU_ASSERT_STRING_EQUAL(line.extended.text, "150.59");
		CU_ASSERT_STRING_EQUAL(line.weight.text, "27.43");
		CU_ASSERT_STRING_EQUAL(line.ordered.text, "2");
		CU_ASSERT_STRING_EQUAL(line.quantity.text, "27.43");
		CU_ASSERT_STRING_EQUAL(line.pack.factor, "453.59237");
	}
}

/* What goes back may have its weight with a minus, as its quantity has. */
static void weights_of_credits(void)
{
	static const char *const weights[] = {"27.43", "-27.43", "\"-27.43 LB\"", "\"(27.43)\""};
	for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
		char text[300];
		struct line line;
		snprintf(text, sizeof text,
			 "{\"description\":\"x\",\"quantity\":-2,\"unit_price\":5.49,\"weight\":%s,"
			 "\"extended_price\":\"-150.59\",\"pack_size\":\"2/12 LB\"}",
			 weights[i]);
		read_good(&line, text, true);
		CU_ASSERT_STRING_EQUAL(line.weight.text, "27.43");
		CU_ASSERT_STRING_EQUAL(line.quantity.text, "-27.43");
	}
}

static void no_totals(void)
{
	struct line line;
	read_good(&line,
		  "{\"description\":\"x\",\"quantity\":2,\"unit_price\":5,\"weight\":\" \","
		  "\"extended_price\":null,\"uom\":\"\"}",
		  false);
	CU_ASSERT(!line.has_extended && !line.has_weight && !line.uom.data);
}

/* ---- bad lines ---- */

#define LINE(MORE) "{\"description\":\"x\",\"quantity\":1,\"unit_price\":1" MORE "}"
#define QUANTITY(VALUE) "{\"description\":\"x\",\"quantity\":" VALUE ",\"unit_price\":1}"
#define PRICE(VALUE) "{\"description\":\"x\",\"quantity\":1,\"unit_price\":" VALUE "}"
#define DESCRIPTION(VALUE) "{\"description\":" VALUE ",\"quantity\":1,\"unit_price\":1}"

static const struct {
	const char *text, *code, *part;
} bad_rows[] = {
	{"{}", "missing_description", "no description"},
	{DESCRIPTION("null"), "missing_description", "no description"},
	{DESCRIPTION("\"\""), "missing_description", "no description"},
	{DESCRIPTION("\" \\t\\n \""), "missing_description", "no description"},
	{DESCRIPTION("\"\\u00a0\\u200b \\ufeff\""), "missing_description", "no description"},
	{DESCRIPTION("\"#N/A\""), "missing_description", "\"#N/A\" does not say"},
	{DESCRIPTION("\"---\""), "missing_description", "what was bought"},
	{DESCRIPTION("\"SUB TOTAL\""), "total_line", "leave it out"},
	{DESCRIPTION("5"), "bad_description", "500 bytes"},
	{DESCRIPTION("{\"a\":1}"), "bad_description", "500 bytes"},
	{DESCRIPTION("\"a\\u0000b\""), "bad_description", "control"},
	{DESCRIPTION("\"a\\u001bb\""), "bad_description", "control"},
	{DESCRIPTION("\"a\\nb\""), "bad_description", "control"},
	{DESCRIPTION("\"a\\u007fb\""), "bad_description", "control"},
	{DESCRIPTION("\"a\\u0085b\""), "bad_description", "control"},
	{"{\"description\":\"x\",\"unit_price\":1}", "bad_quantity", "quantity is missing"},
	{QUANTITY("null"), "bad_quantity", "is missing"},
	{QUANTITY("\" \""), "bad_quantity", "quantity is missing"},
	{QUANTITY("\"three\""), "bad_quantity", "quantity \"three\" is no decimal number"},
	{QUANTITY("\"1,5\""), "bad_quantity", "no decimal number"},
	{QUANTITY("\"1e3\""), "bad_quantity", "no decimal number"},
	{QUANTITY("true"), "bad_quantity", "quantity \"true\" is no decimal number"},
	{QUANTITY("[1]"), "bad_quantity", "no decimal number"},
	{QUANTITY("{\"a\":1}"), "bad_quantity", "no decimal number"},
	{QUANTITY("\"1\\u00002\""), "bad_quantity", "no decimal"},
	{QUANTITY("1e300"), "bad_quantity", "12 digits"},
	{QUANTITY("1000000000000"), "bad_quantity", "12 digits"},
	{QUANTITY("0.30000000000000004"), "bad_quantity", "in quotes"},
	{QUANTITY("-1"), "negative_quantity", "not marked credit_note"},
	{QUANTITY("\"-0.0001\""), "negative_quantity", "not marked credit_note"},
	{"{\"description\":\"x\",\"quantity\":1}", "bad_price", "unit_price is missing"},
	{PRICE("\"$5\""), "bad_price", "unit_price \"$5\" is no decimal number"},
	{PRICE("false"), "bad_price", "no decimal number"},
	{PRICE("\"0.00000000001\""), "bad_price", "10 digits"},
	{PRICE("-1"), "negative_price", "unit_price \"-1\" is below zero"},
	{PRICE("\"-0.01\""), "negative_price", "below zero"},
	{LINE(",\"item_number\":1.5"), "bad_item_number", "an integer or a text"},
	{LINE(",\"item_number\":true"), "bad_item_number", "100 bytes"},
	{LINE(",\"item_number\":\"a\\u0000\""), "bad_item_number", "control"},
	{LINE(",\"category\":1"), "bad_category", "200 bytes"},
	{LINE(",\"category\":\"a\\nb\""), "bad_category", "control"},
	{LINE(",\"credit_note\":\"maybe\""), "bad_credit_note", "true or false"},
	{LINE(",\"credit_note\":2"), "bad_credit_note", "true or false"},
	{LINE(",\"credit_note\":[true]"), "bad_credit_note", "true or false"},
	{LINE(",\"extended_price\":\"1,00\""), "bad_extended_price", "write a point"},
	{LINE(",\"extended_price\":\"$1\""), "bad_extended_price", "leave out signs"},
	{LINE(",\"extended_price\":2"), "bad_total", "extended_price is 2"},
	{LINE(",\"weight\":\"heavy\""), "bad_weight", "weight \"heavy\" is no"},
	{LINE(",\"weight\":\"2 GAL\""), "bad_weight", "is no weight such as"},
	{LINE(",\"weight\":\"2 LB KG\""), "bad_weight", "is no weight such as"},
	{LINE(",\"weight\":\"2 + LB\""), "bad_weight", "is no weight such as"},
	{LINE(",\"weight\":true"), "bad_weight", "no decimal number"},
	{LINE(",\"weight\":\"-5 LB\""), "bad_weight", "is below zero, and the line"},
	{LINE(",\"weight\":\"(5.00)\""), "bad_weight", "is below zero, and the line"},
	{LINE(",\"weight\":-0.5"), "bad_weight", "is below zero, and the line"},
	{LINE(",\"weight\":2"), "ambiguous_weight", "give extended_price"},
	{LINE(",\"uom\":1"), "bad_uom", "uom must be a text of at most 30"},
	{LINE(",\"uom\":\"a\\u0000\""), "bad_uom", "control"},
	{LINE(",\"uom\":\"BX\",\"pack_size\":\"6/5 LB\""), "bad_uom", "a part of it"},
	{LINE(",\"credit_note\":true"), "positive_credit", "above zero"},
};

static void bad_lines(void)
{
	for (size_t i = 0; i < sizeof bad_rows / sizeof *bad_rows; i++)
		expect_bad(bad_rows[i].text, false, bad_rows[i].code, bad_rows[i].part);
	expect_bad(QUANTITY("1"), true, "positive_credit", "above zero");
	expect_bad(LINE(",\"credit_note\":false"), true, "positive_credit", "above zero");
}

static void no_object(void)
{
	struct line line;
	struct weir_error fault;
	CU_ASSERT_EQUAL(line_read(&line, &host, NULL, &(struct line_head){false, NULL}, &fault),
			-1);
	CU_ASSERT_STRING_EQUAL(fault.code, "bad_line");
	CU_ASSERT(text_equals(line.description, NULL));
}

static void lengths(void)
{
	static const struct {
		const char *key;
		int most;
		const char *code;
	} rows[] = {
		{"item_number", LINE_ITEM_NUMBER_MOST, "bad_item_number"},
		{"category", LINE_CATEGORY_MOST, "bad_category"},
		{"description", LINE_DESCRIPTION_MOST, "bad_description"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[1000];
		struct line line;
		for (int more = 0; more < 2; more++) {
			snprintf(text, sizeof text,
				 "{%s\"quantity\":1,\"unit_price\":1,\"%s\":\"%0*d\"}",
				 i < 2 ? "\"description\":\"x\"," : "", rows[i].key,
				 rows[i].most + more, 1);
			if (more)
				expect_bad(text, false, rows[i].code, "at most");
			else
				read_good(&line, text, false);
		}
	}
}

void add_line_suite(void);

void add_line_suite(void)
{
	CU_pSuite s = CU_add_suite_with_setup_and_teardown("line", NULL, NULL, NULL, leave);
	CU_add_test(s, "a whole line", a_whole_line);
	CU_add_test(s, "what may be absent", what_may_be_absent);
	CU_add_test(s, "decimals as texts and numbers", decimals);
	CU_add_test(s, "item numbers", item_numbers);
	CU_add_test(s, "packs that are not understood", packs_that_are_not_understood);
	CU_add_test(s, "credit lines", credit_lines);
	CU_add_test(s, "totals, weights and units", totals);
	CU_add_test(s, "weights of credits", weights_of_credits);
	CU_add_test(s, "none of them", no_totals);
	CU_add_test(s, "bad lines", bad_lines);
	CU_add_test(s, "a line that is no object", no_object);
	CU_add_test(s, "lengths", lengths);
}
