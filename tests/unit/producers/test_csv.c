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
	input = malloc(size);
	CU_ASSERT_PTR_NOT_NULL_FATAL(input);
	memcpy(input, data, size);
	in = fmemopen(input, size, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(in);
	CU_ASSERT_EQUAL_FATAL(source_csv.open(in, &s, &err), 0);
}

static void begin(const char *text) { begin_bytes(text, strlen(text)); }

static void stop(void)
{
	source_csv.close(s);
	fclose(in);
	free(input);
}

static void finish(void)
{
	CU_ASSERT_EQUAL(source_csv.next(s, &record, &err), SOURCE_END);
	stop();
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

static void good(uint64_t line, const char *custom_id, const char *payload)
{
	enum source_status status = source_csv.next(s, &record, &err);

	if (status != SOURCE_RECORD)
		fprintf(stderr, "    %s\n", err.text);
	CU_ASSERT_EQUAL(status, SOURCE_RECORD);
	CU_ASSERT_EQUAL(record.line, line);
	CU_ASSERT(is(record.custom_id, custom_id));
	CU_ASSERT(is(record.payload, payload));
}

static void has_words(const char *words)
{
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
	if (!strstr(err.text, words))
		fprintf(stderr, "    \"%s\" has no \"%s\"\n", err.text, words);
}

static void bad(uint64_t line, const char *raw, const char *words)
{
	char begins[32];

	snprintf(begins, sizeof(begins), "line %d: ", (int)line);
	CU_ASSERT_EQUAL(source_csv.next(s, &record, &err), SOURCE_BAD);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_record");
	CU_ASSERT_PTR_EQUAL(strstr(err.text, begins), err.text);
	has_words(words);
	CU_ASSERT_EQUAL(record.line, line);
	CU_ASSERT(is(record.raw, raw));
}

static void refuse_header(const char *text, const char *words)
{
	begin(text);
	CU_ASSERT_EQUAL(source_csv.next(s, &record, &err), SOURCE_FAILED);
	has_words(words);
	stop();
}

static void all_columns(void)
{
	begin("custom_id,title,table_name,record_id,context.model_key,context.tone,amount\n"
	      "news_id_1,T,news,42,m,,12.10\n");
	good(2, "news_id_1", "{\"title\":\"T\",\"amount\":\"12.10\"}");
	CU_ASSERT(is(record.table_name, "news"));
	CU_ASSERT(is(record.record_id, "42"));
	CU_ASSERT(is(record.context, "{\"model_key\":\"m\"}"));
	CU_ASSERT(is(record.raw, "news_id_1,T,news,42,m,,12.10"));
	finish();
}

static void empty_values(void)
{
	begin("custom_id,a,b,table_name,record_id,context.x\na,,\"\",,,\nb,,,\"\",\"\",\"\"\n,x,,,,"
	      "\n"
	      "\"\",x,,,,\n");
	good(2, "a", "{\"b\":\"\"}");
	CU_ASSERT(is(record.table_name, NULL));
	CU_ASSERT(is(record.context, NULL));
	good(3, "b", "{}");
	CU_ASSERT(is(record.table_name, NULL));
	CU_ASSERT(is(record.record_id, NULL));
	CU_ASSERT(is(record.context, "{\"x\":\"\"}"));
	bad(4, ",x,,,,", "custom_id is missing");
	bad(5, "\"\",x,,,,", "custom_id is empty");
	finish();
}

static void quotes(void)
{
	begin("\"custom_id\",\"a \"\"b\"\"\",c\n"
	      "1,\"x,\"\"y\"\"\",\"\"\"\"\n"
	      "2,\"two\r\nlines\n\n\",\"\"\"\"\"\"\n"
	      "\"3\",z,\"\n\"\n"
	      "4, \t,\"tab\there\"");
	good(2, "1", "{\"a \\\"b\\\"\":\"x,\\\"y\\\"\",\"c\":\"\\\"\"}");
	good(3, "2", "{\"a \\\"b\\\"\":\"two\\r\\nlines\\n\\n\",\"c\":\"\\\"\\\"\"}");
	good(7, "3", "{\"a \\\"b\\\"\":\"z\",\"c\":\"\\n\"}");
	good(9, "4", "{\"a \\\"b\\\"\":\" \\t\",\"c\":\"tab\\there\"}");
	finish();
}

static void line_ends(void)
{
	begin("\xEF\xBB\xBF"
	      "custom_id,a\r\n\r\n\n1,x\r\n\n2,\"y\"\r\n3,z");
	good(4, "1", "{\"a\":\"x\"}");
	good(6, "2", "{\"a\":\"y\"}");
	good(7, "3", "{\"a\":\"z\"}");
	finish();
	begin("custom_id\n1\n\n2");
	good(2, "1", "{}");
	good(4, "2", "{}");
	finish();
	begin("\n\ncustom_id,a\n1,\n");
	good(4, "1", "{}");
	finish();
	begin("custom_id,a");
	finish();
}

static void wrong_number_of_fields(void)
{
	begin("custom_id,a,b\n1,2\n2,\"x\ny\",3,4\n3,x,y\n");
	bad(2, "1,2", "2 fields, where the header has 3 columns");
	bad(3, "2,\"x\ny\",3,4", "4 fields");
	good(5, "3", "{\"a\":\"x\",\"b\":\"y\"}");
	finish();
}

/* Behind a record whose quotes are wrong the next line is a new record. */
static void wrong_quotes(void)
{
	begin("custom_id,a\n1,5\" disk\n2,x\n3,\"y\" z\n4,ok\n5,\"open\n6,ok\n7,\"a\"\"\n8,ok\n");
	bad(2, "1,5\" disk", "a quote stands inside field 2");
	good(3, "2", "{\"a\":\"x\"}");
	bad(4, "3,\"y\" z", "text stands behind the closing quote of field 2");
	good(5, "4", "{\"a\":\"ok\"}");
	bad(6, "5,\"open", "text stands behind the closing quote of field 2");
	good(7, "6", "{\"a\":\"ok\"}");
	bad(8, "7,\"a\"\"", "the quote that opens field 2 is not closed");
	good(9, "8", "{\"a\":\"ok\"}");
	finish();
}

static void mappings_and_characters(void)
{
	static const char text[] = "custom_id,table_name,record_id\n1,t,\n2,,3\n4,\xFF,1\n"
				   "5,\xC3\xA9,6\n7,a\0b,1\n";

	begin_bytes(text, sizeof(text) - 1);
	bad(2, "1,t,", "record_id is missing");
	bad(3, "2,,3", "table_name is missing");
	bad(4, "4,\xFF,1", "byte 3 of the record, 0xff, is not valid UTF-8");
	good(5, "5", "{}");
	CU_ASSERT(is(record.table_name, "\xC3\xA9"));
	CU_ASSERT_EQUAL(source_csv.next(s, &record, &err), SOURCE_BAD);
	has_words("NUL byte");
	finish();
}

static void headers(void)
{
	refuse_header("a,b\n", "no column custom_id in \"a,b\"");
	refuse_header("id;a;b\n", "no column custom_id in \"id;a;b\"");
	refuse_header("custom_id \t, custom_id\n", "two columns have the name \"custom_id\"");
	refuse_header("custom_id, \xC2\xA0,b\n", "column 2 has no name");
	refuse_header("custom_id,,b\n", "column 2 has no name");
	refuse_header("custom_id,\"\",b\n", "column 2 has no name");
	refuse_header("custom_id,a,b,a\n", "two columns have the name \"a\"");
	refuse_header("custom_id,context\n", "named context.NAME, not \"context\"");
	refuse_header("custom_id,context.\n", "named context.NAME");
	refuse_header("custom_id,table_name\n", "table_name and record_id need each other");
	refuse_header("custom_id,\"a\n", "line 1: the quote that opens field 2 is not closed");
	refuse_header("custom_id,\xE9\n",
		      "line 1: byte 11 of the record, 0xe9, is not valid UTF-8");
	refuse_header("\xE9\"x\n", "line 1: byte 1 of the record, 0xe9, is not valid UTF-8");
	refuse_header("{\"custom_id\":\"a\",\"b\":1}\n", "that is JSON and no CSV");
	refuse_header("\n[\n  {\"custom_id\":\"a\"}\n]\n", "that is JSON and no CSV");
	refuse_header("[a],b\n", "no column custom_id in \"[a],b\"");
}

static void nothing(void)
{
	static const char *const texts[] = {
		"\n",	       "\xEF\xBB\xBF",	"\r\r\n \t\n", ",,,\r\n",
		"custom_id,a", "custom_id\n\n", "sep=;\r\n",   "sep=;\ncustom_id;a\n;\n"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		begin(texts[i]);
		finish();
	}
}

/* LF, CRLF and CR, and all of them in one file; within quotes each stays what it is. */
static void carriage_returns(void)
{
	begin("custom_id,a\r1,x\r\r2,\"y\rz\"\r3,w");
	good(2, "1", "{\"a\":\"x\"}");
	good(4, "2", "{\"a\":\"y\\rz\"}");
	good(6, "3", "{\"a\":\"w\"}");
	finish();
	begin("custom_id,a\r\n1,x\r\n2,y\n3,\"\r\n\n\r\"\n\r\n4,z\r\n");
	good(2, "1", "{\"a\":\"x\"}");
	good(3, "2", "{\"a\":\"y\"}");
	good(4, "3", "{\"a\":\"\\r\\n\\n\\r\"}");
	good(9, "4", "{\"a\":\"z\"}");
	finish();
}

/* A CR and its LF are one end, wherever the blocks of reading part them. */
static void parted_line_ends(void)
{
	static char text[300000];
	size_t at = 0;
	int n = 0;

	at += (size_t)sprintf(text, "custom_id,a\r\n");
	for (n = 1; at < sizeof text - 64; n++)
		at += (size_t)sprintf(text + at, "%d,%.*s\r\n", n, n % 13, "xxxxxxxxxxxxx");
	begin_bytes(text, at);
	for (int i = 1; i < n; i++) {
		CU_ASSERT_EQUAL_FATAL(source_csv.next(s, &record, &err), SOURCE_RECORD);
		CU_ASSERT_EQUAL_FATAL(record.line, (uint64_t)i + 1);
	}
	finish();
}

static void long_lines_that_end_in_cr(void)
{
	static char text[2 * SOURCE_LINE_MAX + 100];
	size_t at = (size_t)sprintf(text, "custom_id,a\r");

	memset(text + at, 'x', 2 * SOURCE_LINE_MAX);
	at += 2 * SOURCE_LINE_MAX;
	at += (size_t)sprintf(text + at, "\r1,x\r");
	begin_bytes(text, at);
	bad(2, NULL, "line too long");
	good(3, "1", "{\"a\":\"x\"}");
	finish();
}

/* Names are trimmed, of whatever is not seen; values are not. */
static void trimmed_names(void)
{
	static const char *const blanks[] = {" ",
					     "\t",
					     "\xC2\xA0",
					     "\xEF\xBB\xBF",
					     "\xE2\x80\x8B",
					     "\xE2\x81\xA0",
					     "\xE3\x80\x80",
					     " \xC2\xA0 "};
	char text[200];

	for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
		snprintf(text, sizeof text, "%scustom_id%s,\"%sa b%s\", context.%sx\n1, y ,\n",
			 blanks[i], blanks[i], blanks[i], blanks[i], i ? "" : "");
		begin(text);
		good(2, "1", "{\"a b\":\" y \"}");
		finish();
	}
	begin("\"custom_id\n\", table_name , record_id ,context.y \n1,t,2,z\n");
	good(3, "1", "{}");
	CU_ASSERT(is(record.table_name, "t"));
	CU_ASSERT(is(record.record_id, "2"));
	CU_ASSERT(is(record.context, "{\"y\":\"z\"}"));
	finish();
}

static void one_row(const char *text, uint64_t line, const char *payload)
{
	begin(text);
	good(line, "1", payload);
	finish();
}

static void separators(void)
{
	one_row("custom_id;a;b\n1;x,y;2,5\n", 2, "{\"a\":\"x,y\",\"b\":\"2,5\"}");
	one_row("custom_id\ta\tb\n1\tx,y\t;\n\t\t\n", 2, "{\"a\":\"x,y\",\"b\":\";\"}");
	one_row("custom_id|a\n1|x\n", 2, "{\"a\":\"x\"}");
	one_row("a;custom_id;\"b;c\"\n\"x;y\";1;\n;;\n", 2, "{\"a\":\"x;y\"}");
	one_row("\xEF\xBB\xBF\"sep=;\"\r\ncustom_id;a\r\n1;x\r\n", 3, "{\"a\":\"x\"}");
	one_row("SEP=,,\n\ncustom_id,a\n1,x\n", 4, "{\"a\":\"x\"}");
	one_row("sep=\t\rcustom_id\ta\r1\tx\r", 3, "{\"a\":\"x\"}");
	one_row("sep=^\ncustom_id^a\n1^x;,\t|\n", 3, "{\"a\":\"x;,\\t|\"}");
	/* A comma where it can be one; where two others can, nobody guesses. */
	one_row("custom_id,a;custom_id;b\n1,x\n", 2, "{\"a;custom_id;b\":\"x\"}");
	refuse_header("a;custom_id;b|custom_id|c\n", "a semicolon or | may stand between");
	refuse_header("sep=x\ncustom_id,a\n", "names no separator that is known");
	refuse_header("sep=;\ncustom_id,a\n", "no column custom_id in");
	begin("custom_id;a\n1;x;y\n2\n");
	bad(2, "1;x;y", "3 fields, where the header has 2 columns");
	bad(3, "2", "1 fields");
	finish();
}

static void given_separators(void)
{
	static char text[] = "custom_id;a,custom_id\nx;1,2\n";

	for (size_t i = 0; i < 2; i++) {
		in = fmemopen(text, strlen(text), "r");
		CU_ASSERT_EQUAL_FATAL(source_csv_open(in, i ? ';' : ',', &s, &err), 0);
		CU_ASSERT_EQUAL(source_csv.next(s, &record, &err), SOURCE_RECORD);
		CU_ASSERT(is(record.custom_id, i ? "x" : "2"));
		CU_ASSERT(is(record.payload,
			     i ? "{\"a,custom_id\":\"1,2\"}" : "{\"custom_id;a\":\"x;1\"}"));
		source_csv.close(s);
		fclose(in);
	}
	in = fmemopen("sep=;\n", 6, "r");
	CU_ASSERT_EQUAL_FATAL(source_csv_open(in, ',', &s, &err), 0);
	CU_ASSERT_EQUAL(source_csv.next(s, &record, &err), SOURCE_FAILED);
	has_words("the first line says that a semicolon stands between");
	source_csv.close(s);
	fclose(in);
	CU_ASSERT_EQUAL(source_separator("tab"), '\t');
	CU_ASSERT_EQUAL(source_separator("\\t"), '\t');
	CU_ASSERT_EQUAL(source_separator("\t"), '\t');
	CU_ASSERT_EQUAL(source_separator(";"), ';');
	CU_ASSERT_EQUAL(source_separator("semicolon"), ';');
	CU_ASSERT_EQUAL(source_separator("x"), 0);
	CU_ASSERT_EQUAL(source_separator(";;"), 0);
	CU_ASSERT_EQUAL(source_separator("\""), 0);
	CU_ASSERT_EQUAL(source_separator(""), 0);
}

static void joined_files(void)
{
	begin("custom_id,a\n1,x\n\xEF\xBB\xBF"
	      "custom_id,a\n2,y\n");
	good(2, "1", "{\"a\":\"x\"}");
	bad(3,
	    "\xEF\xBB\xBF"
	    "custom_id,a",
	    "the header line stands here again");
	good(4, "2", "{\"a\":\"y\"}");
	finish();
}

static void many_columns(void)
{
	char text[10000] = "custom_id";

	for (int i = 0; i < 1024; i++)
		snprintf(text + strlen(text), 16, ",c%d", i);
	refuse_header(text, "more than 1024 columns");
	*strrchr(text, ',') = '\0';
	strcat(text, "\n1");
	for (int i = 0; i < 1023; i++)
		strcat(text, ",");
	strcat(text, "\n2");
	for (int i = 0; i < 1024; i++)
		strcat(text, ",");
	begin(text);
	good(2, "1", "{}");
	CU_ASSERT_EQUAL(source_csv.next(s, &record, &err), SOURCE_BAD);
	has_words("1025 fields");
	finish();
}

static size_t append(char *text, size_t at, const char *more)
{
	memcpy(text + at, more, strlen(more));
	return at + strlen(more);
}

static void long_records(void)
{
	static char text[5 * SOURCE_LINE_MAX];
	size_t at = append(text, 0, "custom_id,a\n");

	memset(text + at, 'x', 2 * SOURCE_LINE_MAX); /* a line too long */
	at = append(text, at + 2 * SOURCE_LINE_MAX, "\n1,a\n2,\"");
	memset(text + at, '\n', SOURCE_LINE_MAX); /* a record too long */
	at = append(text, at + SOURCE_LINE_MAX, "\"\n3,\"");
	memset(text + at, 'z', SOURCE_LINE_MAX - 5); /* as long as it may be */
	at = append(text, at + SOURCE_LINE_MAX - 5, "\"\n");
	begin_bytes(text, at);
	bad(2, NULL, "line too long");
	good(3, "1", "{\"a\":\"a\"}");
	bad(4, "2,\"", "the quote that opens field 2 is not closed, or not within 1048576 bytes");
	/* What was in the quotes are blank lines now, and then their closing quote. */
	bad(4 + SOURCE_LINE_MAX, "\"", "the quote that opens field 1");
	CU_ASSERT_EQUAL(source_csv.next(s, &record, &err), SOURCE_RECORD);
	CU_ASSERT_EQUAL(record.payload.size, SOURCE_LINE_MAX - 5 + 8);
	finish();
}

static void failing_allocations(void)
{
	static char text[] = "custom_id,a,context.b\n1,\"x\"\"y\",z\nbad\n";
	enum source_status status = SOURCE_RECORD;

	for (long n = 1; status != SOURCE_END; n++) {
		in = fmemopen(text, sizeof(text) - 1, "r");
		CU_ASSERT_PTR_NOT_NULL_FATAL(in);
		setvbuf(in, NULL, _IONBF, 0);
		s = NULL;
		status = SOURCE_FAILED;
		failing_malloc_arm(n);
		if (source_csv.open(in, &s, &err) == 0) {
			do {
				status = source_csv.next(s, &record, &err);
			} while (status == SOURCE_RECORD || status == SOURCE_BAD);
		}
		failing_malloc_disarm();
		if (status == SOURCE_FAILED)
			CU_ASSERT_STRING_EQUAL(err.code, "out_of_memory");
		source_csv.close(s);
		fclose(in);
	}
	source_csv.close(NULL);
}

void add_csv_suite(void);

void add_csv_suite(void)
{
	CU_pSuite suite = CU_add_suite("csv", NULL, NULL);

	CU_add_test(suite, "all columns", all_columns);
	CU_add_test(suite, "empty values", empty_values);
	CU_add_test(suite, "quotes", quotes);
	CU_add_test(suite, "line ends", line_ends);
	CU_add_test(suite, "wrong number of fields", wrong_number_of_fields);
	CU_add_test(suite, "wrong quotes", wrong_quotes);
	CU_add_test(suite, "mappings and characters", mappings_and_characters);
	CU_add_test(suite, "headers", headers);
	CU_add_test(suite, "nothing", nothing);
	CU_add_test(suite, "carriage returns", carriage_returns);
	CU_add_test(suite, "parted line ends", parted_line_ends);
	CU_add_test(suite, "long lines that end in CR", long_lines_that_end_in_cr);
	CU_add_test(suite, "trimmed names", trimmed_names);
	CU_add_test(suite, "separators", separators);
	CU_add_test(suite, "given separators", given_separators);
	CU_add_test(suite, "joined files", joined_files);
	CU_add_test(suite, "many columns", many_columns);
	CU_add_test(suite, "long records", long_records);
	CU_add_test(suite, "failing allocations", failing_allocations);
}
