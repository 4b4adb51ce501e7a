#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failing_malloc.h"
#include "weir/yaml.h"

void add_yaml_suite(void);

static struct yaml *y;
static struct faults faults;

static int parse_sized(const char *text, size_t size)
{
	y = NULL;
	faults = (struct faults){.count = 0};
	return yaml_parse(text, size, "F", 1, &y, &faults);
}

static int parse(const char *text) { return parse_sized(text, strlen(text)); }

static void release(void)
{
	yaml_close(y);
	y = NULL;
	faults_release(&faults);
}

static void parse_good(const char *text)
{
	CU_ASSERT_EQUAL_FATAL(parse(text), 0);
	CU_ASSERT_EQUAL(faults.count, 0);
}

/* ---- values ---- */

static const struct {
	const char *yaml, *json;
} values[] = {
	{"a", "\"a\""},
	{"null", "null"},
	{"~", "null"},
	{"NULL", "null"},
	{"nULL", "\"nULL\""},
	{"'null'", "\"null\""},
	{"\"\"", "\"\""},
	{"true", "true"},
	{"FALSE", "false"},
	{"yes", "\"yes\""},
	{"'true'", "\"true\""},
	{"1", "1"},
	{"-12", "-12"},
	{"+7", "7"},
	{"007", "7"},
	{"0x1F", "31"},
	{"0o17", "15"},
	{"0x", "\"0x\""},
	{"0o8", "\"0o8\""},
	{"9223372036854775807", "9223372036854775807"},
	{"9223372036854775808", "\"9223372036854775808\""},
	{"1.5", "1.5"},
	{"-.5", "-0.5"},
	{"1.", "1.0"},
	{"2e3", "2000.0"},
	{".", "\".\""},
	{"-", "[null]"},
	{"1e", "\"1e\""},
	{"1e999", "\"1e999\""},
	{".inf", "\".inf\""},
	{".nan", "\".nan\""},
	{"1_000", "\"1_000\""},
	{"2026-11-22", "\"2026-11-22\""},
	{"12:30", "\"12:30\""},
	{"[]", "[]"},
	{"{}", "{}"},
	{"[a, 1, [true], {b: null}]", "[\"a\",1,[true],{\"b\":null}]"},
	{"a: 1\nb:\n  - x\n  - y: z\n", "{\"a\":1,\"b\":[\"x\",{\"y\":\"z\"}]}"},
	{"a: |\n  one\n  two\n", "{\"a\":\"one\\ntwo\\n\"}"},
	{"a: >-\n  one\n  two\n", "{\"a\":\"one two\"}"},
	{"a: 'it''s'\nb: \"\\u00e4\\t\"\n", "{\"a\":\"it's\",\"b\":\"\xC3\xA4\\t\"}"},
	{"1: a\ntrue: b\nnull: c\n", "{\"1\":\"a\",\"true\":\"b\",\"null\":\"c\"}"},
	{"? [1, x]\n: a\n", "{\"[1,\\\"x\\\"]\":\"a\"}"},
	{"a: &x {k: 1}\nb: *x\n", "{\"a\":{\"k\":1},\"b\":{\"k\":1}}"},
	{"a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}"},
	{"%YAML 1.1\n---\na: b\n...\n", "{\"a\":\"b\"}"},
	{"# nothing\n", "null"},
	{"", "null"},
};

static void values_as_json(void)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		json_t *json;
		char *text;

		parse_good(values[i].yaml);
		json = yaml_json(y, yaml_root(y));
		text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
		CU_ASSERT_STRING_EQUAL(text, values[i].json);
		if (strcmp(text, values[i].json) != 0)
			fprintf(stderr, "    %s: %s\n", values[i].yaml, text);
		free(text);
		json_decref(json);
		release();
	}
}

static void nodes(void)
{
	int list, key;

	parse_good("a: 1\nb:\n  - x\n  - ~\n  - {c: d}\n");
	CU_ASSERT_EQUAL(yaml_type(y, yaml_root(y)), YAML_MAP);
	CU_ASSERT_EQUAL(yaml_size(y, yaml_root(y)), 2);
	list = yaml_find(y, yaml_root(y), "b");
	CU_ASSERT_EQUAL(yaml_type(y, list), YAML_LIST);
	CU_ASSERT_EQUAL(yaml_size(y, list), 3);
	CU_ASSERT_EQUAL(yaml_line(y, list), 3);
	CU_ASSERT_STRING_EQUAL(yaml_text(y, yaml_at(y, list, 0, NULL)), "x");
	CU_ASSERT_EQUAL(yaml_type(y, yaml_at(y, list, 1, NULL)), YAML_NULL);
	CU_ASSERT_PTR_NULL(yaml_text(y, yaml_at(y, list, 1, NULL)));
	CU_ASSERT_EQUAL(yaml_line(y, yaml_at(y, list, 2, NULL)), 5);
	CU_ASSERT_EQUAL(yaml_at(y, list, 3, NULL), -1);
	CU_ASSERT_STRING_EQUAL(yaml_text(y, yaml_at(y, yaml_root(y), 0, &key)), "1");
	CU_ASSERT_STRING_EQUAL(yaml_text(y, key), "a");
	CU_ASSERT_EQUAL(yaml_find(y, yaml_root(y), "c"), -1);
	CU_ASSERT_EQUAL(yaml_find(y, list, "x"), -1);
	CU_ASSERT_EQUAL(yaml_find(y, -1, "x"), -1);
	CU_ASSERT_EQUAL(yaml_size(y, -1), 0);
	CU_ASSERT_PTR_NULL(yaml_text(y, -1));
	release();
}

static void empty_has_no_root(void)
{
	parse_good("");
	CU_ASSERT_EQUAL(yaml_root(y), -1);
	release();
}

static void first_line_is_given(void)
{
	faults = (struct faults){.count = 0};
	CU_ASSERT_EQUAL(yaml_parse("a: b\na: c\n", 10, "F", 40, &y, &faults), -1);
	CU_ASSERT_STRING_EQUAL(buffer_text(&faults.text),
			       "F:41: \"a\" stands twice, on line 40 as well\n");
	y = NULL;
	release();
}

/* ---- faults ---- */

static const struct {
	const char *yaml, *faults; /* how the text of the faults begins */
} bad[] = {
	{"a: b\nc: d\na: e\n", "F:3: \"a\" stands twice, on line 1 as well\n"},
	{"a: {x: 1,\n x: 2}\nb: 1\nb: 2\n",
	 "F:4: \"b\" stands twice, on line 3 as well\nF:2: \"x\" stands twice, on line 1"},
	{"'1': a\n1: b\n", "F:2: \"1\" stands twice"},
	{"a: [1, 2\nb: c\n", "F:2: "},
	{"a: b: c\n", "F:1: mapping values are not allowed"},
	{"a:\n\t- b\n", "F:2: "},
	{"a: 'b\n",
	 "F:2: found unexpected end of stream (while scanning a quoted scalar of line 1)"},
	{"a: *x\n", "F:1: *x: there is no such anchor before it\n"},
	{"&x [*x]\n", "F:1: *x: there is no such anchor before it\n"},
	{"a: b\n---\nc: d\n", "F:2: a second document begins here\n"},
	{"a: !!str 1\n", "F:1: tags (!...) mean nothing here\n"},
	{"a: \"x\\0y\"\n", "F:1: a text must not hold U+0000\n"},
	{"a: \"\\ud800\"\n", "F:1: "},
	{"a: \x01\n", "F: byte 3: control characters are not allowed\n"},
	{"a: \xFF\n", "F: byte 3: "},
	{"a: \xC3\n", "F: byte 4: "},
	{"[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", "F:1: too deep\n"},
	{"a: &a [[[[[[[[1]]]]]]]]\nb: [[[[[[[[*a]]]]]]]]\n", "F:2: too deep\n"},
	{"%FOO\n", "F:"},
};

static void refused(const char *text, size_t size, const char *wanted)
{
	const char *got;

	CU_ASSERT_EQUAL(parse_sized(text, size), -1);
	CU_ASSERT_PTR_NULL(y);
	CU_ASSERT(faults.count > 0);
	got = buffer_text(&faults.text);
	CU_ASSERT(strncmp(got, wanted, strlen(wanted)) == 0);
	if (strncmp(got, wanted, strlen(wanted)) != 0)
		fprintf(stderr, "    %.60s: %s", text, got);
	release();
}

static void faults_with_lines(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i].yaml, strlen(bad[i].yaml), bad[i].faults);
	refused("a: \0b\n", 6, "F: byte 3: ");
}

/* ---- bounds ---- */

static void deepest(void)
{
	parse_good("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]");
	release();
}

/* Each level repeats the one before nine times. */
static void billion_laughs(void)
{
	struct buffer text = BUFFER_INIT;

	buffer_add_text(&text, "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
	for (char c = 'b'; c <= 'i'; c++) {
		buffer_printf(&text, "%c: &%c [", c, c);
		for (int i = 0; i < 9; i++)
			buffer_printf(&text, "%s*%c", i > 0 ? ", " : "", c - 1);
		buffer_add_text(&text, "]\n");
	}
	refused(text.data, text.size, "F:5: too large, with what aliases repeat\n");
	buffer_release(&text);
}

static void repeat(struct buffer *out, const char *what, int times)
{
	for (int i = 0; i < times; i++)
		buffer_add_text(out, what);
}

/* Few nodes, but of one long text. */
static void long_laughs(void)
{
	struct buffer text = BUFFER_INIT;

	buffer_add_text(&text, "a: &a ");
	repeat(&text, "x", YAML_BYTES_MAX / 8 - 1);
	buffer_add_text(&text, "\nb: [*a, *a, *a, *a, *a, *a, *a]\n");
	CU_ASSERT_EQUAL(parse_sized(text.data, text.size), 0);
	release();
	text.size -= 2;
	buffer_add_text(&text, ",\n  *a]\n");
	refused(text.data, text.size, "F:2: too large, with what aliases repeat\n");
	buffer_release(&text);
}

static void too_many_nodes(void)
{
	struct buffer text = BUFFER_INIT;

	buffer_add_char(&text, '[');
	repeat(&text, "1,", YAML_NODES_MAX - 1);
	buffer_add_char(&text, ']');
	CU_ASSERT_EQUAL(parse_sized(text.data, text.size), 0);
	CU_ASSERT_EQUAL(yaml_size(y, yaml_root(y)), YAML_NODES_MAX - 1);
	release();
	buffer_reset(&text);
	buffer_add_char(&text, '[');
	repeat(&text, "1,", YAML_NODES_MAX);
	buffer_add_char(&text, ']');
	refused(text.data, text.size, "F:1: too large");
	buffer_release(&text);
}

static void too_large(void)
{
	struct buffer text = BUFFER_INIT;

	repeat(&text, "# 34567\n", YAML_FILE_MAX / 8);
	CU_ASSERT_EQUAL(parse_sized(text.data, text.size), 0);
	release();
	buffer_add_char(&text, '\n');
	refused(text.data, text.size, "F: 1048577 bytes, the most is 1048576\n");
	buffer_release(&text);
}

static void many_anchors(void)
{
	struct buffer text = BUFFER_INIT;

	repeat(&text, "- &a 1\n", 1024);
	CU_ASSERT_EQUAL(parse_sized(text.data, text.size), 0);
	release();
	repeat(&text, "- &a 1\n", 1);
	refused(text.data, text.size, "F:1025: too many anchors\n");
	buffer_release(&text);
}

/* Nothing but a crash, or a success without an end, is wrong. */
static void garbage(void)
{
	static const char alphabet[] = "abc: -[]{},&*!|>'\"%#?~\n\n  \t0x1.e\\\xC3\xA4\xFF";
	unsigned seed = 7;

	for (int round = 0; round < 20000; round++) {
		char text[48];
		size_t size = (size_t)(round % 48);

		for (size_t i = 0; i < size; i++) {
			seed = seed * 1103515245u + 12345u;
			text[i] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		if (parse_sized(text, size) == 0) {
			json_t *json = yaml_json(y, yaml_root(y));

			CU_ASSERT_PTR_NOT_NULL(json);
			CU_ASSERT_EQUAL(faults.count, 0);
			json_decref(json);
		} else {
			CU_ASSERT(faults.count > 0);
		}
		release();
	}
}

/* ---- files ---- */

static void files(void)
{
	char path[] = "/tmp/weir-test-yaml-XXXXXX", missing[64], dir[] = "/tmp";
	int fd = mkstemp(path);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, "a: b\n", 5), 5);
	close(fd);
	faults = (struct faults){.count = 0};
	CU_ASSERT_EQUAL_FATAL(yaml_read(path, &y, &faults), 0);
	CU_ASSERT_STRING_EQUAL(yaml_text(y, yaml_find(y, yaml_root(y), "a")), "b");
	release();
	unlink(path);
	snprintf(missing, sizeof(missing), "%s: No such file or directory\n", path);
	CU_ASSERT_EQUAL(yaml_read(path, &y, &faults), -1);
	CU_ASSERT_STRING_EQUAL(buffer_text(&faults.text), missing);
	release();
	CU_ASSERT_EQUAL(yaml_read(dir, &y, &faults), -1);
	CU_ASSERT_STRING_EQUAL(buffer_text(&faults.text), "/tmp: not a file\n");
	release();
	CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0); /* would keep a reader waiting */
	CU_ASSERT_EQUAL(yaml_read(path, &y, &faults), -1);
	release();
	unlink(path);
}

/* ---- the list of faults ---- */

static void faults_in_an_error(void)
{
	struct weir_error err;

	faults = (struct faults){.count = 0};
	faults_add(&faults, "f.yaml", 3, "x is %d", 1);
	faults_add(&faults, "f.yaml", 0, "y");
	CU_ASSERT_EQUAL(faults_fail(&faults, "bad_file", &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_file");
	CU_ASSERT_STRING_EQUAL(err.text, "f.yaml:3: x is 1; f.yaml: y");
	for (int i = 0; i < 1000; i++)
		faults_add(&faults, "f.yaml", i, "one of many");
	CU_ASSERT_EQUAL(faults.count, 1002);
	CU_ASSERT(faults.text.size < 100000);
	(void)faults_fail(&faults, "bad_file", &err);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "f.yaml:1: one of many; "));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "; and 9"));
	release();
}

static void one_long_fault(void)
{
	struct weir_error err;
	char file[600];

	faults = (struct faults){.count = 0};
	memset(file, 'x', sizeof(file));
	file[599] = '\0';
	faults_add(&faults, file, 1, "a");
	faults_add(&faults, file, 2, "b");
	(void)faults_fail(&faults, "bad_file", &err);
	CU_ASSERT_EQUAL(strncmp(err.text, "xxxx", 4), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "; and 1 more"));
	release();
}

/* ---- memory ---- */

static void every_allocation_may_fail(void)
{
	bool failed = true;

	for (long n = 1; failed && n < 1000; n++) {
		int rc;

		failing_malloc_arm(n);
		rc = parse("a: &x [1, b]\nc: {d: *x}\n");
		failed = failing_malloc_disarm();
		CU_ASSERT_EQUAL(rc, failed ? -1 : 0);
		CU_ASSERT_EQUAL(faults.count > 0, failed);
		release();
	}
	CU_ASSERT_FALSE(failed);
}

void add_yaml_suite(void)
{
	CU_pSuite suite = CU_add_suite("yaml", NULL, NULL);

	CU_ADD_TEST(suite, values_as_json);
	CU_ADD_TEST(suite, nodes);
	CU_ADD_TEST(suite, empty_has_no_root);
	CU_ADD_TEST(suite, first_line_is_given);
	CU_ADD_TEST(suite, faults_with_lines);
	CU_ADD_TEST(suite, deepest);
	CU_ADD_TEST(suite, billion_laughs);
	CU_ADD_TEST(suite, long_laughs);
	CU_ADD_TEST(suite, too_many_nodes);
	CU_ADD_TEST(suite, too_large);
	CU_ADD_TEST(suite, many_anchors);
	CU_ADD_TEST(suite, garbage);
	CU_ADD_TEST(suite, files);
	CU_ADD_TEST(suite, faults_in_an_error);
	CU_ADD_TEST(suite, one_long_fault);
	CU_ADD_TEST(suite, every_allocation_may_fail);
}
