/* Rows of a CSV file that are one record together. */
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/failing_malloc.h"
#include "source.h"

#define ADVICE                                                                                     \
	"save the file as UTF-8 (in a spreadsheet: \"CSV UTF-8\"); one that Excel saved as plain " \
	"\"CSV\" in Western Europe or America: iconv -f WINDOWS-1252 -t UTF-8 FILE"

static const char *const head[] = {"vendor", "date", NULL};
static const struct weir_rows plan = {"invoice", head, "lines"};

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
	CU_ASSERT_EQUAL_FATAL(source_rows_open(in, 0, &plan, false, &s, &err), 0);
}

static void begin(const char *text) { begin_bytes(text, strlen(text)); }

static void finish(void)
{
	CU_ASSERT_EQUAL(source_rows.next(s, &record, &err), SOURCE_END);
	CU_ASSERT_EQUAL(source_rows.next(s, &record, &err), SOURCE_END);
	source_rows.close(s);
	fclose(in);
	free(input);
}

static bool is(struct weir_text text, const char *wanted)
{
	bool same = wanted ? text.data && text.size == strlen(wanted) &&
				     memcmp(text.data, wanted, text.size) == 0
			   : !text.data;
	if (!same)
		fprintf(stderr, "    %.*s instead of %s\n", (int)text.size,
			text.data ? text.data : "nothing", wanted ? wanted : "nothing");
	return same;
}

static void good(uint64_t line, const char *custom_id, const char *payload)
{
	enum source_status status = source_rows.next(s, &record, &err);
	if (status != SOURCE_RECORD)
		fprintf(stderr, "    %s\n", err.text);
	CU_ASSERT_EQUAL(status, SOURCE_RECORD);
	CU_ASSERT_EQUAL(record.line, line);
	CU_ASSERT(is(record.custom_id, custom_id));
	if (payload)
		CU_ASSERT(is(record.payload, payload));
}

/* line: where the record begins. */
static void bad(uint64_t line, const char *raw, const char *text)
{
	CU_ASSERT_EQUAL(source_rows.next(s, &record, &err), SOURCE_BAD);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_record");
	CU_ASSERT_EQUAL(record.line, line);
	CU_ASSERT(is(record.raw, raw));
	CU_ASSERT_STRING_EQUAL(err.text, text);
}

static void groups(void)
{
	begin("custom_id,vendor,item,date,price,context.user_id,table_name,record_id\n"
	      "a,Acme,Salt,2024-01-02,12.10,u1,inv,7\n"
	      "a,Acme,Rice,2024-01-02,1000000000000000.000000001,u1,inv,7\n"
	      "b,\"B \"\"& Co\"\"\",,,\"\",,,\n"
	      "c,C,,2024-01-01,,,,\n");
	good(2, "a",
	     "{\"invoice\":{\"vendor\":\"Acme\",\"date\":\"2024-01-02\"},\"lines\":["
	     "{\"item\":\"Salt\",\"price\":\"12.10\"},"
	     "{\"item\":\"Rice\",\"price\":\"1000000000000000.000000001\"}]}");
	CU_ASSERT(is(record.context, "{\"user_id\":\"u1\"}"));
	CU_ASSERT(is(record.table_name, "inv"));
	CU_ASSERT(is(record.record_id, "7"));
	CU_ASSERT(is(record.raw, "a,Acme,Salt,2024-01-02,12.10,u1,inv,7\n"
				 "a,Acme,Rice,2024-01-02,1000000000000000.000000001,u1,inv,7"));
	CU_ASSERT(is(record.header,
		     "custom_id,vendor,item,date,price,context.user_id,table_name,record_id"));
	good(4, "b", "{\"invoice\":{\"vendor\":\"B \\\"& Co\\\"\"},\"lines\":[{\"price\":\"\"}]}");
	CU_ASSERT(is(record.context, NULL));
	CU_ASSERT(is(record.table_name, NULL));
	good(5, "c", "{\"invoice\":{\"vendor\":\"C\",\"date\":\"2024-01-01\"},\"lines\":[{}]}");
	finish();
	begin("item,custom_id\nx,1\n\n\r\n,\r\ny,1\r\n\"z\n\",1\n,\n");
	good(2, "1",
	     "{\"invoice\":{},\"lines\":[{\"item\":\"x\"},{\"item\":\"y\"},{\"item\":\"z\\n\"}]}");
	CU_ASSERT(is(record.raw, "x,1\ny,1\n\"z\n\",1"));
	finish();
	begin("custom_id,vendor\n");
	finish();
}

/* Behind the first row, empty is the same. */
static void empty_is_the_same(void)
{
	begin("custom_id,vendor,item,context.user_id,table_name,record_id\n"
	      "a,V,x,u,t,1\na,,y,,,\na,\"\",z,\"\",\"\",\"\"\na,V,,u,t,1\n");
	good(2, "a",
	     "{\"invoice\":{\"vendor\":\"V\"},\"lines\":[{\"item\":\"x\"},{\"item\":\"y\"},"
	     "{\"item\":\"z\"},{}]}");
	CU_ASSERT(is(record.context, "{\"user_id\":\"u\"}"));
	CU_ASSERT(is(record.record_id, "1"));
	finish();
}

static void differences(void)
{
	begin("custom_id,vendor,date,item,context.u,table_name,record_id\n"
	      "a,V,1,x,u,t,1\na,V,2,x,u,t,1\na,W,2,x,u,t,1\n"
	      "b,V,1,x,u,t,1\nb,V,1,x,U,t,1\n"
	      "c,V,1,x,u,t,1\nc,V,1,x,u,T,1\n"
	      "d,V,1,x,u,t,1\nd,V,1,x,u,t,2\n"
	      "e,,1,x,,,\ne,V,1,x,,,\n"
	      "f,V,1,x,,t,\nf,V,1,x,,t,\n"
	      "g,V,1,x,,,\n");
	bad(2, "a,V,1,x,u,t,1\na,V,2,x,u,t,1\na,W,2,x,u,t,1",
	    "line 3: date differs from that of line 2");
	CU_ASSERT(is(record.header, "custom_id,vendor,date,item,context.u,table_name,record_id"));
	bad(5, "b,V,1,x,u,t,1\nb,V,1,x,U,t,1", "line 6: context.u differs from that of line 5");
	bad(7, "c,V,1,x,u,t,1\nc,V,1,x,u,T,1", "line 8: table_name differs from that of line 7");
	bad(9, "d,V,1,x,u,t,1\nd,V,1,x,u,t,2", "line 10: record_id differs from that of line 9");
	bad(11, "e,,1,x,,,\ne,V,1,x,,,", "line 12: vendor differs from that of line 11");
	bad(13, "f,V,1,x,,t,\nf,V,1,x,,t,",
	    "line 13: table_name is there but record_id is missing: a mapping needs both");
	good(15, "g", NULL);
	finish();
}

/* The rows that cannot be read, and what stands beside them. */
static void rows_that_cannot_be_read(void)
{
	begin("custom_id,item\na,1\nb,2\nb,3\nb,\"4\" x\nc,5\nd,6\n");
	good(2, "a", NULL);
	bad(3, "b,2\nb,3",
	    "line 5: text stands behind the closing quote of field 2 (a quote inside a field is "
	    "written twice); it may be a row of b, which begins on line 3");
	bad(5, "b,\"4\" x",
	    "line 5: text stands behind the closing quote of field 2 (a quote inside a field is "
	    "written twice)");
	bad(6, "c,5", "line 6: c may lack a row: line 5 before it could not be read");
	good(7, "d", NULL);
	finish();
	begin("custom_id,item\na,1,2\n,1\na,3\na,4\nb,5\n"); /* at the beginning, and two */
	bad(2, "a,1,2", "line 2: 3 fields, where the header has 2 columns");
	bad(3, ",1", "line 3: custom_id is missing");
	bad(4, "a,3\na,4", "line 4: a may lack a row: line 3 before it could not be read");
	good(6, "b", NULL);
	finish();
	begin("custom_id,item\na,1\na,\xFF\na,3\nb,4\nb\n"); /* within, and at the end */
	bad(2, "a,1",
	    "line 3: byte 3 of the record, 0xff, is not valid UTF-8: " ADVICE "; it "
	    "may be a row of a, which begins on line 2");
	bad(3, "a,\xFF", "line 3: byte 3 of the record, 0xff, is not valid UTF-8: " ADVICE);
	bad(4, "a,3", "line 4: a may lack a row: line 3 before it could not be read");
	bad(5, "b,4",
	    "line 6: 1 fields, where the header has 2 columns; it may be a row of b, which begins "
	    "on line 5");
	bad(6, "b", "line 6: 1 fields, where the header has 2 columns");
	finish();
}

/* Of which it is not known whose they are, or that are several. */
static void rows_of_nobody(void)
{
	begin("custom_id,item,n\na b,1,1\na,2,2\n");
	bad(2, "a b,1,1",
	    "line 2: custom_id \"a b\": 1 to 64 of A-Z a-z 0-9 _ - (--id-hash makes "
	    "one of any key, and keeps the key)");
	bad(3, "a,2,2", "line 3: a may lack a row: line 2 before it could not be read");
	finish();
	begin("custom_id,item,n\na,1,1\na,\"Best tea,2\na,3,3\na,pan 12\",4\nb,5,5\nc,6,6\n");
	bad(2, "a,1,1",
	    "line 3: field 2 looks like rows: a quote is missing or too many; it may be a row of "
	    "a, "
	    "which begins on line 2");
	bad(3, "a,\"Best tea,2\na,3,3\na,pan 12\",4",
	    "line 3: field 2 looks like rows: a quote is missing or too many");
	bad(6, "b,5,5", "line 6: b may lack a row: line 3 before it could not be read");
	good(7, "c", NULL);
	finish();
	begin("custom_id,item,n\na,\"tea, green\n\nin bags\",1\na,\"one\ntwo, three\",2\n");
	good(2, "a",
	     "{\"invoice\":{},\"lines\":[{\"item\":\"tea, green\\n\\nin bags\",\"n\":\"1\"},"
	     "{\"item\":\"one\\ntwo, three\",\"n\":\"2\"}]}");
	finish();
}

/* No record is made of the last rows of one whose first ones were bad. */
static void rows_that_stand_apart(void)
{
	begin("custom_id,vendor,item\na,V,1\na,W,2\nb,V,1\na,V,3\nb,V,4\na,V,5\n");
	bad(2, "a,V,1\na,W,2", "line 3: vendor differs from that of line 2");
	good(4, "b", NULL);
	bad(5, "a,V,3",
	    "line 5: other rows of a stand on line 2, where it is bad; the rows of a record follow "
	    "each other");
	good(6, "b", NULL); /* whose first ones were good: the ledger finds it twice */
	bad(7, "a,V,5",
	    "line 7: other rows of a stand on line 2, where it is bad; the rows of a record follow "
	    "each other");
	finish();
}

/* ---- sizes ---- */

static char *text;
static size_t at, room;

static void write_rows(size_t n, const char *id, const char *rest)
{
	for (size_t i = 0; i < n; i++) {
		CU_ASSERT_FATAL(at + 200 < room);
		at += (size_t)snprintf(text + at, room - at, "%s,%s,%zu,%s\n", id, i ? "" : "V", i,
				       rest);
	}
}

static void begin_large(size_t size)
{
	room = size;
	text = malloc(room);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	at = (size_t)snprintf(text, room, "custom_id,vendor,n,a,b,c,d,e\n");
}

static size_t count_of(struct weir_text json, char c)
{
	size_t n = 0;
	for (size_t i = 0; i < json.size; i++)
		n += json.data[i] == c;
	return n;
}

static void many_rows(void)
{
	begin_large(1 << 20);
	write_rows(5000, "a", "1.5,2,kg,Tomatoes,4/1 GAL");
	write_rows(2, "b", "1,2,3,4,5");
	begin_bytes(text, at);
	good(2, "a", NULL);
	CU_ASSERT_EQUAL(count_of(record.payload, '{'), 5002);
	CU_ASSERT_EQUAL(count_of(record.raw, '\n'), 4999);
	good(5002, "b", NULL);
	finish();
	free(text);
}

/* As JSON it is larger than as text, so that its rows may still be kept; or not even they. */
static void too_many_rows(void)
{
	static const char last[] = "10099,1.5,2,kg,Tomatoes,4/1 GAL";
	begin_large(12 << 20);
	write_rows(20000, "a", "1.5,2,kg,Tomatoes,4/1 GAL");
	write_rows(2, "b", "1,2,3,4,5");
	write_rows(200000, "c", "1.5,2,kg,Tomatoes,4/1 GAL");
	write_rows(2, "d", "1,2,3,4,5");
	begin_bytes(text, at);
	CU_ASSERT_EQUAL(source_rows.next(s, &record, &err), SOURCE_BAD);
	CU_ASSERT_STRING_EQUAL(err.text, "line 2: the rows of a are too long together: more than "
					 "1048576 bytes");
	CU_ASSERT_EQUAL(count_of(record.raw, '\n'), 19999);
	CU_ASSERT_PTR_NOT_NULL(memmem(record.raw.data, record.raw.size, last, strlen(last)));
	good(20002, "b", NULL);
	bad(20004, NULL,
	    "line 20004: the rows of c are too long together: more than 1048576 bytes");
	good(220004, "d", NULL);
	finish();
	free(text);
}

static void too_many_bad(void)
{
	enum source_status status = SOURCE_BAD;
	int n = 0;
	begin_large(8 << 20);
	for (int i = 0; i <= 100000; i++)
		at += (size_t)snprintf(text + at, room - at, "%d,V,,,,,,\n%d,W,,,,,,\n", i, i);
	begin_bytes(text, at);
	for (; status == SOURCE_BAD; n++)
		status = source_rows.next(s, &record, &err);
	CU_ASSERT_EQUAL(status, SOURCE_FAILED);
	CU_ASSERT_EQUAL(n, 100001);
	CU_ASSERT_STRING_EQUAL(err.text, "more than 100000 records are bad");
	source_rows.close(s);
	fclose(in);
	free(input);
	free(text);
}

/* ---- any fault at all ---- */

static unsigned seed;

static unsigned chance(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* One character too many or too few behind the custom_id, which is in the first column. */
static void spoil(char *line)
{
	static const char extra[] = {'"', '"', '"', ',', '\n', '\xFF'};
	char *from = strchr(line, ',');
	char *place = from + chance((unsigned)strlen(from));
	if (chance(3) == 0 && *place != '\n')
		memmove(place, place + 1, strlen(place));
	else {
		memmove(place + 1, place, strlen(place) + 1);
		*place = extra[chance(sizeof extra)];
	}
}

/* Eight records, of which record i has 1 + i % 4 rows; some lines are spoilt. */
static void write_spoilt(void)
{
	at = (size_t)snprintf(text, room, "custom_id,vendor,item,n\n");
	for (int i = 0; i < 8; i++) {
		for (int row = 0; row <= i % 4; row++) {
			char line[64];
			snprintf(line, sizeof line,
				 chance(2) ? "i%d,V,\"x, y\",%d\n" : "i%d,V,xy,%d\n", i, row);
			if (chance(5) == 0)
				spoil(line);
			at += (size_t)snprintf(text + at, room - at, "%s", line);
		}
	}
}

/* Whatever is wrong with a line, no record is taken without one of its rows. */
static void no_record_lacks_a_row(void)
{
	int taken = 0, lacking = 0;
	room = 1 << 12;
	text = malloc(room);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	for (seed = 1; seed < 20000; seed++) {
		unsigned begun = seed;
		enum source_status status;
		write_spoilt();
		begin_bytes(text, at);
		while ((status = source_rows.next(s, &record, &err)) != SOURCE_END) {
			if (status != SOURCE_RECORD)
				continue;
			size_t rows = count_of(record.payload, '{') - 2;
			bool whole = rows == (size_t)(1 + (record.custom_id.data[1] - '0') % 4);
			if (!whole && lacking++ < 3)
				fprintf(stderr, "    seed %u: %.*s of\n%.*s\n", begun,
					(int)record.payload.size, record.payload.data, (int)at,
					text);
			taken++;
		}
		finish();
		seed = begun;
	}
	CU_ASSERT_EQUAL(lacking, 0);
	CU_ASSERT(taken > 20000);
	free(text);
}

/* The separator and the line ends of a file are those of its rows, too, also where a quote is
 * missing. */
static void separators_and_line_ends(void)
{
	begin("sep=;\r\ncustom_id; vendor ;item\r\na;Acme, Inc.;Salt\r\na;;Rice\r\n");
	good(3, "a",
	     "{\"invoice\":{\"vendor\":\"Acme, Inc.\"},\"lines\":[{\"item\":\"Salt\"},{\"item\":"
	     "\"Rice\"}]}");
	CU_ASSERT(is(record.header, "sep=;\ncustom_id; vendor ;item"));
	finish();
	begin("custom_id;item;n\ra;\"x;1\rb;y;2\rc;z;3\"\rd;v;4\r");
	bad(2, "a;\"x;1\rb;y;2\rc;z;3\"", "line 2: 2 fields, where the header has 3 columns");
	bad(5, "d;v;4", "line 5: d may lack a row: line 2 before it could not be read");
	finish();
	begin("custom_id;item;n\ra;\"x;1\rb;y;2\rc;z\";3\rd;v;4\r");
	bad(2, "a;\"x;1\rb;y;2\rc;z\";3",
	    "line 2: field 2 looks like rows: a quote is missing or too many");
	bad(5, "d;v;4", "line 5: d may lack a row: line 2 before it could not be read");
	finish();
}

static void failing_allocations(void)
{
	static char rows[] = "custom_id,vendor,a,context.b\n1,V,\"x\"\"y\",z\n1,V,2,z\nbad\n2,V,,\n"
			     "1,V,1,z\n3,V,1,\n";
	enum source_status status = SOURCE_RECORD;
	for (long n = 1; status != SOURCE_END; n++) {
		in = fmemopen(rows, sizeof rows - 1, "r");
		CU_ASSERT_PTR_NOT_NULL_FATAL(in);
		setvbuf(in, NULL, _IONBF, 0);
		s = NULL;
		status = SOURCE_FAILED;
		failing_malloc_arm(n);
		if (source_rows_open(in, 0, &plan, false, &s, &err) == 0) {
			do {
				status = source_rows.next(s, &record, &err);
			} while (status == SOURCE_RECORD || status == SOURCE_BAD);
		}
		failing_malloc_disarm();
		if (status == SOURCE_FAILED)
			CU_ASSERT_STRING_EQUAL(err.code, "out_of_memory");
		source_rows.close(s);
		fclose(in);
	}
	source_rows.close(NULL);
}

void add_rows_suite(void);

void add_rows_suite(void)
{
	CU_pSuite suite = CU_add_suite("rows", NULL, NULL);
	CU_add_test(suite, "rows of a custom_id are one record", groups);
	CU_add_test(suite, "an empty cell is the same", empty_is_the_same);
	CU_add_test(suite, "differences", differences);
	CU_add_test(suite, "rows that cannot be read", rows_that_cannot_be_read);
	CU_add_test(suite, "rows of nobody", rows_of_nobody);
	CU_add_test(suite, "rows that stand apart", rows_that_stand_apart);
	CU_add_test(suite, "5,000 rows", many_rows);
	CU_add_test(suite, "too many rows", too_many_rows);
	CU_add_test(suite, "too many bad records", too_many_bad);
	CU_add_test(suite, "no record lacks a row", no_record_lacks_a_row);
	CU_add_test(suite, "separators and line ends", separators_and_line_ends);
	CU_add_test(suite, "failing allocations", failing_allocations);
}
