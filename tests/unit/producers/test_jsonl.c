#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/failing_malloc.h"
#include "source.h"

static struct source *s;
static struct source_record record;
static struct weir_error err;
static FILE *in;
static char *input;

static void begin_bytes(const char *data, size_t size)
{
	input = malloc(size + 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(input);
	memcpy(input, data, size);
	in = fmemopen(input, size + (size == 0), "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(in);
	input[size] = '\0';
	CU_ASSERT_EQUAL_FATAL(source_jsonl.open(in, &s, &err), 0);
}

static void begin(const char *text) { begin_bytes(text, strlen(text)); }

static void finish(void)
{
	CU_ASSERT_EQUAL(source_jsonl.next(s, &record, &err), SOURCE_END);
	source_jsonl.close(s);
	fclose(in);
	free(input);
}

static bool is(struct weir_text text, const char *expected)
{
	bool same = expected ? text.data && text.size == strlen(expected) &&
				       memcmp(text.data, expected, text.size) == 0
			     : !text.data;

	if (!same)
		fprintf(stderr, "    %.*s instead of %s\n", (int)text.size,
			text.data ? text.data : "nothing", expected ? expected : "nothing");
	return same;
}

static void good(void)
{
	enum source_status status = source_jsonl.next(s, &record, &err);

	if (status != SOURCE_RECORD)
		fprintf(stderr, "    %s\n", err.text);
	CU_ASSERT_EQUAL(status, SOURCE_RECORD);
}

static void bad(uint64_t line, const char *words)
{
	char begins[32];

	snprintf(begins, sizeof(begins), "line %d: ", (int)line);
	CU_ASSERT_EQUAL(source_jsonl.next(s, &record, &err), SOURCE_BAD);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_record");
	CU_ASSERT_PTR_EQUAL(strstr(err.text, begins), err.text);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
	if (!strstr(err.text, words))
		fprintf(stderr, "    \"%s\" has no \"%s\"\n", err.text, words);
	CU_ASSERT_EQUAL(record.line, line);
}

/* One line that is bad. */
static void refuse(const char *text, const char *words)
{
	begin(text);
	bad(1, words);
	CU_ASSERT(is(record.raw, text));
	finish();
}

static void payload(const char *text, const char *expected)
{
	begin(text);
	good();
	CU_ASSERT(is(record.payload, expected));
	finish();
}

static void all_fields(void)
{
	begin("{\"title\": \"T\", \"custom_id\":\"news_id_1\", "
	      "\"table_name\":\"news\",\"record_id\":"
	      "42,\"context\":{\"model_key\": \"m\"},\"n\":1}\n{\"custom_id\":-7}\n");
	good();
	CU_ASSERT_EQUAL(record.line, 1);
	CU_ASSERT(is(record.custom_id, "news_id_1"));
	CU_ASSERT(is(record.table_name, "news"));
	CU_ASSERT(is(record.record_id, "42"));
	CU_ASSERT(is(record.context, "{\"model_key\": \"m\"}"));
	CU_ASSERT(is(record.payload, "{\"title\":\"T\",\"n\":1}"));
	good();
	CU_ASSERT_EQUAL(record.line, 2);
	CU_ASSERT(is(record.custom_id, "-7"));
	CU_ASSERT(is(record.table_name, NULL));
	CU_ASSERT(is(record.record_id, NULL));
	CU_ASSERT(is(record.context, NULL));
	CU_ASSERT(is(record.payload, "{}"));
	CU_ASSERT(is(record.raw, "{\"custom_id\":-7}"));
	finish();
}

static void line_ends(void)
{
	begin("\xEF\xBB\xBF{\"custom_id\":\"a\"}\r\n\r\n \t\n\n{\"custom_id\":\"b\"}\n"
	      "  {\"custom_id\" : \"c\"}  \r");
	good();
	CU_ASSERT(is(record.raw, "{\"custom_id\":\"a\"}"));
	good();
	CU_ASSERT_EQUAL(record.line, 5);
	good();
	CU_ASSERT(is(record.custom_id, "c"));
	finish();
	begin("\n\n");
	finish();
	begin_bytes("", 0);
	source_jsonl.close(s);
	fclose(in);
	free(input);
}

/* Numbers, order and escapes of the payload stay as they were written. */
static void verbatim(void)
{
	payload("{\"custom_id\":1,\"a\":12.1,\"b\":12.10,\"c\":1E+2,\"d\":0.1e-7,\"e\":-0}",
		"{\"a\":12.1,\"b\":12.10,\"c\":1E+2,\"d\":0.1e-7,\"e\":-0}");
	payload("{\"z\":123456789012345678901234567890,\"custom_id\":1,\"a\":0.30000000000000004}",
		"{\"z\":123456789012345678901234567890,\"a\":0.30000000000000004}");
	payload("{\"s\":\"}{][,:\\\"\\\\\",\"custom_id\":1,\"n\":{\"x\":[1,{\"y\":\"]\\\\\"}]},"
		"\"t\" "
		": [ ] , \"u\":null,\"v\":true }",
		"{\"s\":\"}{][,:\\\"\\\\\",\"n\":{\"x\":[1,{\"y\":\"]\\\\\"}]},\"t\":[ "
		"],\"u\":null,"
		"\"v\":true}");
	payload("{\"custom_id\":1,\"a\":\"\\u0000\\ud83d\\ude00\\u00e9 \xC3\xA9\"}",
		"{\"a\":\"\\u0000\\ud83d\\ude00\\u00e9 \xC3\xA9\"}");
	payload("{\"custom_id\":1,\"in\":{\"a\":1,\"b\":[{\"a\":2}],\"custom_id\":3}}",
		"{\"in\":{\"a\":1,\"b\":[{\"a\":2}],\"custom_id\":3}}");
}

static void escapes(void)
{
	begin("{\"custom\\u005fid\":\"a\\u002Db\",\"table_name\":\"\\u0074\",\"record_id\":"
	      "\"\\\"\"}");
	good();
	CU_ASSERT(is(record.custom_id, "a-b"));
	CU_ASSERT(is(record.table_name, "t"));
	CU_ASSERT(is(record.record_id, "\""));
	CU_ASSERT(is(record.payload, "{}"));
	finish();
}

static void nulls(void)
{
	begin("{\"custom_id\":\"a\",\"table_name\":null,\"record_id\":null,\"context\":null}");
	good();
	CU_ASSERT(is(record.table_name, NULL));
	CU_ASSERT(is(record.context, NULL));
	finish();
	refuse("{\"custom_id\":null}", "custom_id is missing");
}

static void refusals(void)
{
	refuse("{}", "custom_id is missing");
	refuse("{\"custom_id\":\"\"}", "custom_id is empty");
	refuse("{\"custom_id\":1.5}", "custom_id must be a string or a whole number, and is 1.5");
	refuse("{\"custom_id\":1e3}", "and is 1e3");
	refuse("{\"custom_id\":true}", "and is true");
	refuse("{\"custom_id\":[1]}", "and is [1]");
	refuse("{\"custom_id\":\"a\\u0000\"}", "U+0000");
	refuse("{\"custom_id\":1,\"table_name\":2,\"record_id\":3}", "table_name must be a string");
	refuse("{\"custom_id\":1,\"table_name\":\"t\"}", "record_id is missing");
	refuse("{\"custom_id\":1,\"record_id\":\"t\"}", "table_name is missing");
	refuse("{\"custom_id\":1,\"context\":\"x\"}", "context must be an object, and is \"x\"");
	refuse("{\"custom_id\":1,\"context\":[]}", "context must be an object");
}

static void refusals_of_json(void)
{
	refuse("42", "'{' expected");
	refuse("{\"custom_id\":1", "not valid JSON");
	refuse("{\"custom_id\":1}}", "end of file expected");
	refuse("{\"custom_id\":1},", "objects in lines have no commas between them");
	refuse("{\"custom_id\":1} x", "end of file expected");
	refuse("{\"custom_id\":1} [2]", "end of file expected");
	refuse("{\"custom_id\":1,\"a\":NaN}", "not valid JSON at byte 22");
	refuse("{\"custom_id\":1,\"a\":NaN}", "NaN and Infinity are no JSON: write null");
	refuse("{\"custom_id\":1,\"a\":-Infinity}", "not valid JSON");
	refuse("custom_id,a", "CSV is --format csv");
	refuse("{\"custom_id\":1,\"a\":Infinity}", "not valid JSON");
	refuse("{\"custom_id\":1,\"a\":01}", "not valid JSON");
	refuse("{\"custom_id\":1,\"a\":1e999}", "overflow");
	refuse("{\"custom_id\":1,'a':1}", "not valid JSON");
	refuse("{\"custom_id\":1,\"a\":\"\xFF\"}", "byte 21, 0xff, is not valid UTF-8");
	refuse("{\"custom_id\":1,\"a\":\"\xE9t\xE9\"}", "iconv -f WINDOWS-1252 -t UTF-8");
	refuse("{\"custom_id\":1,\"a\":\"\xC0\x80\"}", "not valid UTF-8");
	refuse("{\"custom_id\":1,\"a\":\"\\ud800\"}", "Unicode");
	refuse("{\"custom_id\":1,\"a\":\"\t\"}", "control character");
	refuse("{\"custom_id\":1,\"\\u0000\":1}", "NUL");
}

static void duplicates(void)
{
	refuse("{\"a\":1,\"custom_id\":1,\"a\":2}", "the key \"a\" stands twice");
	refuse("{\"custom_id\":1,\"custom_id\":1}", "the key \"custom_id\" stands twice");
	refuse("{\"custom_id\":1,\"\\u0061\":1,\"a\":2}", "the key \"a\" stands twice");
	refuse("{\"custom_id\":1,\"in\":{\"a\":1,\"b\":0,\"a\":2}}",
	       "within it a key stands twice");
	refuse("{\"custom_id\":1,\"in\":[{\"a\":1,\"a\":1}]}", "\"a\"");
}

static void next_is(const char *id, uint64_t line)
{
	good();
	CU_ASSERT(is(record.custom_id, id));
	CU_ASSERT_EQUAL(record.line, line);
}

static void failed(const char *words)
{
	CU_ASSERT_EQUAL(source_jsonl.next(s, &record, &err), SOURCE_FAILED);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
	if (!strstr(err.text, words))
		fprintf(stderr, "    \"%s\" has no \"%s\"\n", err.text, words);
	source_jsonl.close(s);
	fclose(in);
	free(input);
}

/* An object has as many lines as it needs, and a line as many objects. */
static void over_lines(void)
{
	begin("{\n  \"custom_id\": \"a\",\n  \"t\": [\n    {\n      \"x\": 1\n    }\n  ]\n}\n"
	      "\n{\r\n\"custom_id\":\"b\"}{\"custom_id\":\"c\"} "
	      "{\"custom_id\":\"d\"}\n{\"custom_id\""
	      "\n:\"e\"}\r{\"custom_id\":\"f\"}\r{\"custom_id\":\"g\"}");
	next_is("a", 1);
	CU_ASSERT(is(record.payload, "{\"t\":[\n    {\n      \"x\": 1\n    }\n  ]}"));
	next_is("b", 10);
	next_is("c", 11);
	next_is("d", 11);
	next_is("e", 12);
	next_is("f", 14);
	next_is("g", 15);
	finish();
}

/* What is wrong within an object is named by its own line; what was cut off ends with its line. */
static void wrong_over_lines(void)
{
	begin("{\n \"custom_id\": 1,\n \"a\": NaN\n}\n{\"custom_id\":2,\"b\":\n{\"custom_id\":3}\n"
	      "{\"custom_id\":4,\"c\n{\"custom_id\":5}\n{\n}\n{\n\"custom_id\":6\n");
	CU_ASSERT_EQUAL(source_jsonl.next(s, &record, &err), SOURCE_BAD);
	CU_ASSERT_PTR_EQUAL(strstr(err.text, "line 3: not valid JSON at character"), err.text);
	CU_ASSERT_EQUAL(record.line, 1);
	CU_ASSERT(is(record.raw, "{\n \"custom_id\": 1,\n \"a\": NaN\n}"));
	bad(5, "not valid JSON");
	CU_ASSERT(is(record.raw, "{\"custom_id\":2,\"b\":"));
	next_is("3", 6);
	bad(7, "not valid JSON");
	next_is("5", 8);
	bad(9, "custom_id is missing");
	bad(11, "not valid JSON");
	bad(12, "not valid JSON");
	finish();
}

static void lists_within(void)
{
	refuse("{\"next\":null,\"data\":[ {\"custom_id\":1}]}",
	       "if the items are the list \"data\" in this object, give that alone: jq "
	       "'.[\"data\"]'");
	refuse("{\"data\":[1]}", "custom_id is missing");
	payload("{\"custom_id\":1,\"data\":[{}]}", "{\"data\":[{}]}");
}

static void arrays(void)
{
	begin("[{\"custom_id\":\"a\"},{\"custom_id\":\"b\",\"x\":[[]]}]");
	next_is("a", 1);
	next_is("b", 1);
	CU_ASSERT(is(record.payload, "{\"x\":[[]]}"));
	CU_ASSERT(is(record.raw, "{\"custom_id\":\"b\",\"x\":[[]]}"));
	finish();
	begin("\xEF\xBB\xBF\r\n [\r\n  {\r\n    \"custom_id\": \"a\"\r\n  },\r\n  {\"custom_id\": "
	      "\"b\"}"
	      "\r\n , {\"custom_id\":\"c\"}\r\n]\r\n\r\n");
	next_is("a", 3);
	next_is("b", 6);
	next_is("c", 7);
	finish();
	begin("[]");
	finish();
	begin(" [ \n ] [] \n[{\"custom_id\":\"a\"}]");
	next_is("a", 3);
	finish();
}

static void joined_files(void)
{
	begin("\xEF\xBB\xBF{\"custom_id\":\"a\"}\n\xEF\xBB\xBF{\"custom_id\":\"b\"}\n");
	next_is("a", 1);
	bad(2, "a byte order mark stands here: were files joined?");
	finish();
}

static void wrong_elements(void)
{
	begin("[1,\n{\"custom_id\":1,\"a\":tru},\n\"x\",[{}],null,\n{},{\"custom_id\":2}]");
	bad(1, "an element of the array is no object");
	bad(2, "not valid JSON at byte 22");
	CU_ASSERT(is(record.raw, "{\"custom_id\":1,\"a\":tru}"));
	bad(3, "is no object, but a string");
	CU_ASSERT(is(record.raw, "\"x\""));
	bad(3, "is no object, but an array");
	bad(3, "is no object");
	bad(4, "custom_id is missing");
	next_is("2", 4);
	finish();
}

static void broken_arrays(void)
{
	static const char *const texts[][2] = {
		{"[", "line 1: the array that begins here is not closed"},
		{"\n[{\"custom_id\":1}", "line 2: the array that begins here is not closed"},
		{"[{\"custom_id\":1},", "line 1: the array that begins here is not closed"},
		{"[{\"custom_id\":1},\n]", "line 2: a comma stands behind the last object"},
		{"[{\"custom_id\":1}\n{\"custom_id\":2}]", "line 2: a comma or ] is missing"},
		{"[{\"custom_id\":1}}]", "a comma or ] is missing"},
		{"[{\"custom_id\":1}]\n{\"custom_id\":2}", "line 2: something else stands behind"},
		{"[{\"custom_id\":1},\n{\"custom_id\":2",
		 "line 2: the object that begins here is not closed"},
		{"[{\"custom_id\":1},\n{\"a\":1\n{\"b\":2}]",
		 "line 2: the object that begins here"},
		{"[{\"custom_id\":1},,{}]", "an object is missing"},
		{"[,", "an object is missing"},
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		begin(texts[i][0]);
		if (strstr(texts[i][0], "custom_id"))
			next_is("1", texts[i][0][0] == '\n' ? 2 : 1);
		failed(texts[i][1]);
	}
}

/* All of it on one line, and no more of it in memory than an object. */
static void long_array(void)
{
	enum { N = 100000 };
	char *text = malloc((size_t)N * 40 + 2);
	size_t at = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	text[at++] = '[';
	for (int i = 0; i < N; i++)
		at += (size_t)sprintf(text + at, "%s{\"custom_id\":\"a%07d\",\"b\":\"x\"}",
				      i ? "," : "", i);
	text[at++] = ']';
	begin_bytes(text, at);
	for (int i = 0; i < N; i++) {
		char id[16];

		snprintf(id, sizeof id, "a%07d", i);
		if (source_jsonl.next(s, &record, &err) != SOURCE_RECORD ||
		    !is(record.custom_id, id))
			break;
	}
	CU_ASSERT_EQUAL(memcmp(record.custom_id.data, "a0099999", 8), 0);
	finish();
	free(text);
}

static void nul_byte(void)
{
	begin_bytes("{\"custom_id\":1}\0\n{\"custom_id\":2}\n", 32);
	bad(1, "not valid JSON");
	good();
	finish();
}

static void depth(void)
{
	char *text = calloc(1, 200100);

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	strcpy(text, "{\"custom_id\":1,\"a\":");
	memset(text + strlen(text), '[', 100000);
	memset(text + strlen(text), ']', 100000);
	strcat(text, "}");
	begin(text);
	bad(1, "depth");
	finish();
	free(text);
}

/* Objects and lists in one another, a line each, around an item. */
static void begin_nested(int deep)
{
	static const char inner[] = "[\n";
	char text[400] = "{\"custom_id\":1,\"a\":\n";

	for (int i = 1; i < deep; i++)
		strcat(text, inner);
	for (int i = 1; i < deep; i++)
		strcat(text, "]\n");
	begin(strcat(text, "}\n"));
}

static void depth_over_lines(void)
{
	begin_nested(32);
	good();
	finish();
	begin_nested(33);
	bad(1, "unexpected token near end of file (one that goes on in the next lines may have "
	       "1 MiB, and be 32 deep)");
	CU_ASSERT(is(record.raw, "{\"custom_id\":1,\"a\":"));
	for (uint64_t line = 2; line <= 66; line++)
		bad(line, "");
	finish();
}

/* Were each record looked for through all that is left, this would take minutes. */
static void much_of_the_same(void)
{
	enum { SIZE = 128 * 1024 };
	static const struct {
		const char *text;
		enum source_status all;
	} rows[] = {
		{"{\"custom_id\":1}", SOURCE_RECORD},
		{"{\"custom_id\":1} ", SOURCE_RECORD},
		{"{\"custom_id\":\n1}", SOURCE_RECORD},
		{"{,}", SOURCE_BAD},
		{"{}", SOURCE_BAD},
		{"{,\n", SOURCE_BAD},
		{"{\"a\":\n", SOURCE_BAD},
		{"{\"a\":[\n", SOURCE_BAD},
		{"{\"a\":[{},\n", SOURCE_BAD},
		{"{\"\n", SOURCE_BAD},
		{"{\n", SOURCE_BAD},
		{"{\"a\":{}\n", SOURCE_BAD},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t size = strlen(rows[i].text), n = SIZE / size, seen = 0;
		char *text = malloc(n * size);

		CU_ASSERT_PTR_NOT_NULL_FATAL(text);
		for (size_t at = 0; at < n; at++)
			memcpy(text + at * size, rows[i].text, size);
		begin_bytes(text, n * size);
		while (seen < n && source_jsonl.next(s, &record, &err) == rows[i].all)
			seen++;
		CU_ASSERT_EQUAL(seen, n);
		finish();
		free(text);
	}
}

/* A line of exactly the bound, its newline included, is taken; one byte more is not. */
static void long_lines(void)
{
	static char text[2 * SOURCE_LINE_MAX + 10000000];
	size_t at = 0;

	for (size_t extra = 0; extra < 2; extra++) {
		size_t size = SOURCE_LINE_MAX + 2 * extra;

		memset(text + at, 'x', size);
		memcpy(text + at, "{\"custom_id\":\"a\",\"b\":\"", 22);
		memcpy(text + at + size - 3, "\"}\n", 3);
		at += size;
	}
	memset(text + at, 'y', 9000000);
	at += 9000000;
	memcpy(text + at, "\n{\"custom_id\":\"c\"}", 18);
	begin_bytes(text, at + 18);
	good();
	CU_ASSERT_EQUAL(record.payload.size, SOURCE_LINE_MAX - 17);
	bad(2, "line too long");
	CU_ASSERT(is(record.raw, NULL));
	bad(3, "line too long");
	good();
	CU_ASSERT_EQUAL(record.line, 4);
	finish();
}

static void goes_on_behind_bad_lines(void)
{
	begin("x\n{\"custom_id\":1}\n{\n{\"custom_id\":2}\n");
	bad(1, "not valid JSON");
	good();
	bad(3, "not valid JSON");
	good();
	CU_ASSERT_EQUAL(record.line, 4);
	finish();
}

static void read_error(void)
{
	in = fopen("/", "r"); /* a directory: every read fails */
	CU_ASSERT_PTR_NOT_NULL_FATAL(in);
	CU_ASSERT_EQUAL(source_jsonl.open(in, &s, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "read_failed");
	fclose(in);
	source_jsonl.close(NULL);
}

/* Lets every allocation fail once: a clean failure each time, until none is left. */
static void failing_allocations(void)
{
	static char text[] = "{\"custom_id\":\"a\\u002D\",\"b\":{\"c\":[1,2]},\"\\u0064\":1}\n"
			     "{\"a\":1,\"a\":2}\n";
	enum source_status status = SOURCE_RECORD;

	for (long n = 1; status != SOURCE_END; n++) {
		in = fmemopen(text, sizeof(text) - 1, "r");
		CU_ASSERT_PTR_NOT_NULL_FATAL(in);
		setvbuf(in, NULL, _IONBF, 0);
		s = NULL;
		status = SOURCE_FAILED;
		failing_malloc_arm(n);
		if (source_jsonl.open(in, &s, &err) == 0) {
			do {
				status = source_jsonl.next(s, &record, &err);
			} while (status == SOURCE_RECORD || status == SOURCE_BAD);
		}
		failing_malloc_disarm();
		if (status == SOURCE_FAILED)
			CU_ASSERT_STRING_EQUAL(err.code, "out_of_memory");
		source_jsonl.close(s);
		fclose(in);
	}
}

void add_jsonl_suite(void);

void add_jsonl_suite(void)
{
	CU_pSuite suite = CU_add_suite("jsonl", NULL, NULL);

	CU_add_test(suite, "all fields", all_fields);
	CU_add_test(suite, "line ends", line_ends);
	CU_add_test(suite, "verbatim", verbatim);
	CU_add_test(suite, "escapes", escapes);
	CU_add_test(suite, "nulls", nulls);
	CU_add_test(suite, "refusals", refusals);
	CU_add_test(suite, "refusals of JSON", refusals_of_json);
	CU_add_test(suite, "duplicates", duplicates);
	CU_add_test(suite, "objects over lines", over_lines);
	CU_add_test(suite, "what is wrong over lines", wrong_over_lines);
	CU_add_test(suite, "lists within", lists_within);
	CU_add_test(suite, "arrays", arrays);
	CU_add_test(suite, "joined files", joined_files);
	CU_add_test(suite, "wrong elements", wrong_elements);
	CU_add_test(suite, "broken arrays", broken_arrays);
	CU_add_test(suite, "a long array", long_array);
	CU_add_test(suite, "NUL byte", nul_byte);
	CU_add_test(suite, "depth", depth);
	CU_add_test(suite, "depth over lines", depth_over_lines);
	CU_add_test(suite, "much of the same", much_of_the_same);
	CU_add_test(suite, "long lines", long_lines);
	CU_add_test(suite, "goes on behind bad lines", goes_on_behind_bad_lines);
	CU_add_test(suite, "read error", read_error);
	CU_add_test(suite, "failing allocations", failing_allocations);
}
