/* JSON files, an object each, in files and folders. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../shared/failing_malloc.h"
#include "source.h"

#define FOLDER WEIR_BUILD_DIR "/tests"

static char root[sizeof FOLDER + 32], was[4096];
static struct source *s;
static struct source_record record;
static struct weir_error err;

/* Each test has a folder of its own, and is in it. */
static void enter(void)
{
	mkdir(FOLDER, 0777);
	snprintf(root, sizeof root, FOLDER "/json-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root));
	CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(was, sizeof was));
	CU_ASSERT_EQUAL_FATAL(chdir(root), 0);
}

static void leave(void)
{
	char command[2 * sizeof root + 64];
	source_json.close(s);
	s = NULL;
	CU_ASSERT_EQUAL(chdir(was), 0);
	snprintf(command, sizeof command, "rm -rf %s", root);
	CU_ASSERT_EQUAL(system(command), 0);
}

static void file_of(const char *path, const char *data, size_t n)
{
	FILE *f = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_EQUAL(fwrite(data, 1, n, f), n);
	CU_ASSERT_EQUAL(fclose(f), 0);
}

static void file(const char *path, const char *text) { file_of(path, text, strlen(text)); }

static char first_path[256], second_path[256];
static char *paths[2] = {first_path, second_path};

static void begin(const char *path, const char *second)
{
	snprintf(first_path, sizeof first_path, "%s", path);
	snprintf(second_path, sizeof second_path, "%s", second ? second : "");
	CU_ASSERT_EQUAL_FATAL(source_json_open(paths, second ? 2 : 1, false, &s, &err), 0);
}

static void finish(void)
{
	CU_ASSERT_EQUAL(source_json.next(s, &record, &err), SOURCE_END);
	source_json.close(s);
	s = NULL;
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

static void good(const char *id, const char *payload)
{
	enum source_status status = source_json.next(s, &record, &err);
	if (status == SOURCE_BAD || status == SOURCE_FAILED)
		fprintf(stderr, "    %s\n", err.text);
	CU_ASSERT_EQUAL_FATAL(status, SOURCE_RECORD);
	CU_ASSERT(is(record.custom_id, id));
	if (payload)
		CU_ASSERT(is(record.payload, payload));
	CU_ASSERT_EQUAL(record.line, 0);
}

static void bad(const char *path, const char *text)
{
	CU_ASSERT_EQUAL_FATAL(source_json.next(s, &record, &err), SOURCE_BAD);
	CU_ASSERT_STRING_EQUAL(err.code, text ? "bad_record" : "empty");
	if (text)
		CU_ASSERT_STRING_EQUAL(err.text, text);
	CU_ASSERT(is(record.file, path));
	CU_ASSERT(is(record.raw, path));
}

static void refuse(const char *content, const char *text)
{
	file("a.json", content);
	begin("a.json", NULL);
	bad("a.json", text);
	finish();
}

static void objects(void)
{
	file("b.json", "{}");
	file("c.json", "{\"custom_id\": null, \"n\": 100000000000000000000000.50}");
	begin(".", NULL);
	good("b", "{}");
	CU_ASSERT(is(record.table_name, "file"));
	CU_ASSERT(is(record.record_id, "b.json"));
	CU_ASSERT(is(record.context, NULL));
	good("c", "{\"n\":100000000000000000000000.50}");
	finish();
	file("a.json", "\xEF\xBB\xBF\n{ \"custom_id\" : \"i_1\",\r\n \"context\": {\"u\": 7},\n"
		       "  \"table_name\": \"t\", \"record_id\": 9,\n"
		       "  \"lines\" : [ {\"q\": 12.10} ],\n  \"z\": 1E4, \"a\":\"\\u00e9\"\n}\n\n");
	begin("a.json", NULL);
	good("i_1", "{\"lines\":[ {\"q\": 12.10} ],\"z\":1E4,\"a\":\"\\u00e9\"}");
	CU_ASSERT(is(record.context, "{\"u\": 7}"));
	CU_ASSERT(is(record.table_name, "t"));
	CU_ASSERT(is(record.record_id, "9"));
	CU_ASSERT(is(record.file, "a.json"));
	finish();
}

static void faulty(void)
{
	refuse("{\n\"a\": 1,\n}", "a.json: line 3: not valid JSON at character 1: string or '}' "
				  "expected near '}'");
	refuse("{\n\"a\": 1,\n\n", "a.json: line 4: not valid JSON at character 0: string or '}' "
				   "expected near end of file");
	refuse("{\"a\":1,\n\"a\":2}", "a.json: the key \"a\" stands twice");
	refuse("{\"custom_id\":\"\"}", "a.json: custom_id is empty");
	refuse("{\"custom_id\":[]}",
	       "a.json: custom_id must be a string or a whole number, and is []");
	refuse("{\"table_name\":\"t\"}",
	       "a.json: table_name is there but record_id is missing: a mapping needs both");
}

static void bad_line(const char *text)
{
	CU_ASSERT_EQUAL_FATAL(source_json.next(s, &record, &err), SOURCE_BAD);
	CU_ASSERT_STRING_EQUAL(err.text, text);
	CU_ASSERT(is(record.file, "a.json"));
}

static void one_of_several(const char *id, uint64_t line)
{
	enum source_status status = source_json.next(s, &record, &err);
	if (status == SOURCE_BAD || status == SOURCE_FAILED)
		fprintf(stderr, "    %s\n", err.text);
	CU_ASSERT_EQUAL_FATAL(status, SOURCE_RECORD);
	CU_ASSERT(is(record.custom_id, id));
	CU_ASSERT_EQUAL(record.line, line);
	CU_ASSERT(is(record.table_name, NULL));
}

static void several_in_a_file(void)
{
	file("a.json", "[\n{\"custom_id\":\"x\"}, {},\n{\"custom_id\":\"y\"}]");
	file("b.json", "{\n\"custom_id\":\"z\"}\n{\"custom_id\":4}");
	begin("a.json", "b.json");
	one_of_several("x", 2);
	bad_line("a.json: line 2: custom_id is missing");
	CU_ASSERT(is(record.raw, "{}"));
	one_of_several("y", 3);
	one_of_several("z", 1);
	CU_ASSERT(is(record.file, "b.json"));
	one_of_several("4", 3);
	finish();
	file("a.json", "7");
	begin("a.json", NULL);
	bad_line("a.json: line 1: not valid JSON at byte 1: '[' or '{' expected near '7'");
	finish();
	file("a.json", "[{");
	begin("a.json", NULL);
	CU_ASSERT_EQUAL(source_json.next(s, &record, &err), SOURCE_FAILED);
	CU_ASSERT_PTR_EQUAL(strstr(err.text, "a.json: line 1: the object that begins"), err.text);
}

static void nothing_in_a_file(void)
{
	static const char *const texts[] = {"", "\xEF\xBB\xBF \r\n", "[]", "[ ]\n[]"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		file("a.json", texts[i]);
		begin("a.json", NULL);
		bad("a.json", NULL);
		CU_ASSERT_STRING_EQUAL(err.text, "no items in a.json (--allow-empty takes it)");
		finish();
		CU_ASSERT_EQUAL_FATAL(source_json_open(paths, 1, true, &s, &err), 0);
		finish();
	}
}

/* Bytes of a file: as many as a line may have. */
static void sizes(void)
{
	size_t n = SOURCE_LINE_MAX;
	char *text = malloc(n + 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	memset(text, ' ', n + 1);
	memcpy(text, "{}", 2);
	memcpy(text + n - 1, "}x", 2);
	text[1] = ' ';
	file_of("a.json", text, n);
	memcpy(text + n - 1, " }", 2);
	file_of("b.json", text, n + 1);
	begin(".", NULL);
	good("a", "{}");
	bad("./b.json", "./b.json: larger than 1 MiB, which an object may have (many are an array, "
			"or JSON Lines)");
	finish();
	free(text);
}

static void folders(void)
{
	CU_ASSERT_EQUAL_FATAL(mkdir("d", 0777), 0);
	CU_ASSERT_EQUAL_FATAL(mkdir("d/sub", 0777), 0);
	CU_ASSERT_EQUAL_FATAL(mkdir("empty", 0777), 0);
	file("d/b.json", "{}");
	file("d/a.JSON", "{}");
	file("d/c.jsonl", "{}");
	file("d/e.md", "x");
	file("d/.f.json", "{}");
	file("d/sub/b.json", "{}");
	file("plain", "{}");
	begin("d", NULL);
	good("a-86ddafa7", "{}");
	CU_ASSERT(is(record.record_id, "a.JSON"));
	good("b", "{}");
	good("sub-b-cd183832", "{}");
	CU_ASSERT(is(record.record_id, "sub/b.json"));
	finish();
	begin("d/sub", "plain");
	good("d-sub-b-78b4c8b8", "{}");
	good("plain-eb1fab49", "{}");
	finish();
	begin("empty", NULL);
	finish();
}

static void what_is_in_a_folder(void)
{
	bool (*const names[2])(const char *) = {is_markdown_name, is_json_name};
	char here[] = ".";
	size_t found[2];
	source_look(here, names, found, 2);
	CU_ASSERT(found[0] == 0 && found[1] == 0);
	CU_ASSERT_EQUAL_FATAL(mkdir("d", 0777), 0);
	file("d/a.json", "");
	file("d/a.json.gz", "");
	file("x.txt", "");
	source_look(here, names, found, 2);
	CU_ASSERT(found[0] == 0 && found[1] == 2);
	file("d/b.markdown", "");
	source_look(here, names, found, 2);
	CU_ASSERT(found[0] == 1 && found[1] == 2);
}

static void failing_allocations(void)
{
	enum source_status status = SOURCE_RECORD;
	file("a.json", "{\"custom_id\":\"\\u0061\",\"context\":{},\"b\":[1]}");
	file("b.json", "{\"a\":\"\\n\"}");
	file("c.json", "[");
	snprintf(first_path, sizeof first_path, "a.json");
	snprintf(second_path, sizeof second_path, "b.json");
	for (long n = 1; status != SOURCE_END; n++) {
		s = NULL;
		status = SOURCE_FAILED;
		failing_malloc_arm(n);
		if (source_json_open(paths, 2, false, &s, &err) == 0) {
			do {
				status = source_json.next(s, &record, &err);
			} while (status == SOURCE_RECORD || status == SOURCE_BAD);
		}
		failing_malloc_disarm();
		if (status == SOURCE_FAILED)
			CU_ASSERT_STRING_EQUAL(err.code, "out_of_memory");
		source_json.close(s);
		s = NULL;
	}
}

void add_json_suite(void);

void add_json_suite(void)
{
	CU_pSuite suite =
		CU_add_suite_with_setup_and_teardown("json files", NULL, NULL, enter, leave);
	CU_add_test(suite, "an object a file", objects);
	CU_add_test(suite, "faulty files", faulty);
	CU_add_test(suite, "several in a file", several_in_a_file);
	CU_add_test(suite, "nothing in a file", nothing_in_a_file);
	CU_add_test(suite, "the largest", sizes);
	CU_add_test(suite, "files and folders", folders);
	CU_add_test(suite, "what is in a folder", what_is_in_a_folder);
	CU_add_test(suite, "failing allocations", failing_allocations);
}
