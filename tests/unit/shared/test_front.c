/* Front matter, and the TOML that it may be in. */
#include <CUnit/CUnit.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "weir/front.h"
#include "weir/toml.h"

static struct faults faults;

static void leave(void)
{
	faults_release(&faults);
	faults = (struct faults){.count = 0};
}

static void expect_text(const char *seen, const char *wanted)
{
	if (!seen || strcmp(seen, wanted) != 0)
		fprintf(stderr, "    %s\n    not %s\n", seen ? seen : "nothing", wanted);
	CU_ASSERT_FATAL(seen != NULL);
	CU_ASSERT_STRING_EQUAL(seen, wanted);
}

static void expect_json(json_t *value, const char *wanted)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(15));
	expect_text(text, wanted);
	free(text);
	json_decref(value);
}

static void expect_fault(const char *fault)
{
	const char *seen = buffer_text(&faults.text);
	bool same = seen && strncmp(seen, fault, strlen(fault)) == 0;
	if (!same)
		fprintf(stderr, "    %s    not %s\n", seen ? seen : "nothing\n", fault);
	CU_ASSERT(same);
	leave();
}

static struct front_matter divide(const char *text)
{
	struct front_matter front = {.line = 0};
	if (front_divide((struct weir_text){text, strlen(text)}, "F", &front, &faults) < 0)
		fprintf(stderr, "    %s", buffer_text(&faults.text));
	CU_ASSERT_EQUAL_FATAL(faults.count, 0);
	return front;
}

static void expect(const char *text, const char *json, int body_line, const char *body)
{
	struct front_matter front = divide(text);
	json_t *says = NULL;
	CU_ASSERT_EQUAL(front_read(&front, "F", &says, &faults), 0);
	if (faults.count > 0)
		fprintf(stderr, "    %s", buffer_text(&faults.text));
	CU_ASSERT_PTR_NOT_NULL_FATAL(says);
	expect_json(says, json);
	CU_ASSERT_EQUAL(front.body_line, body_line);
	CU_ASSERT_EQUAL_FATAL(front.body.size, strlen(body));
	CU_ASSERT_EQUAL(memcmp(front.body.data, body, front.body.size), 0);
}

static void expect_none(const char *text)
{
	struct front_matter front = divide(text);
	if (front.format != FRONT_NONE)
		fprintf(stderr, "    %s has front matter\n", text);
	CU_ASSERT_EQUAL(front.format, FRONT_NONE);
	CU_ASSERT_EQUAL(front.body_line, 1);
	CU_ASSERT_EQUAL(front.body.size, strlen(text));
}

static void refuse(const char *text, const char *fault)
{
	struct front_matter front;
	json_t *says = NULL;
	int rc = front_divide((struct weir_text){text, strlen(text)}, "F", &front, &faults);
	if (rc == 0)
		rc = front_read(&front, "F", &says, &faults);
	CU_ASSERT_EQUAL(rc, -1);
	CU_ASSERT_PTR_NULL(says);
	expect_fault(fault);
}

static void formats(void)
{
	expect("---\ntitle: A\nn: 1\n---\nb\n", "{\"title\":\"A\",\"n\":1}", 5, "b\n");
	expect("---\na: 1\n...\nb", "{\"a\":1}", 4, "b");
	expect("+++\ntitle = 'A'\n[x]\ny = 2024-05-06\n+++\n\nb\n",
	       "{\"title\":\"A\",\"x\":{\"y\":\"2024-05-06\"}}", 6, "\nb\n");
	expect("{\n \"title\": \"A\",\n \"x\": {\"y\": 1}\n}\nb",
	       "{\"title\":\"A\",\"x\":{\"y\":1}}", 5, "b");
	expect(";;;\n\"title\": \"A\"\n;;;\nb", "{\"title\":\"A\"}", 4, "b");
	expect("---json\n{\"a\": 1}\n---\nb", "{\"a\":1}", 4, "b");
	expect("---toml\na = 1\n---\nb", "{\"a\":1}", 4, "b");
	expect("---\n---\nb", "{}", 3, "b");
	expect("---\n# layout: home\n# made by a tool\n---\nb", "{}", 5, "b");
	expect("{}\nb", "{}", 2, "b");
	expect("no", "{}", 1, "no");
	expect("", "{}", 1, "");
}

/* A mark of the byte order, blank lines, and all ends of lines. */
static void places(void)
{
	expect("\xEF\xBB\xBF---\na: 1\n---\nb", "{\"a\":1}", 4, "b");
	expect("\n \t\n---\na: 1\n---\nb", "{\"a\":1}", 6, "b");
	expect("--- \t\r\na: 1\r\n--- \r\nb\r\n", "{\"a\":1}", 4, "b\r\n");
	expect("---\ra: 1\r---\rb\r", "{\"a\":1}", 4, "b\r");
	expect("---\n\ntitle: x\n---\nb", "{\"title\":\"x\"}", 5, "b");
	expect("---\n# a comment\nTitle of it: x\n---\nb", "{\"Title of it\":\"x\"}", 5, "b");
	expect_none(" ---\na: 1\n---\n");
	expect_none("text\n---\na: 1\n---\n");
}

/* What begins with a rule is a document like others. */
static void rules(void)
{
	expect_none("---");
	expect_none("----\na: 1\n---\n");
	expect_none("---\n\n# Title\n\nText: this.\n\n---\n\nmore\n");
	expect_none("---\n# Title\n---\nbody\n");
	expect_none("---\n# Part 1: title\n---\nbody\n");
	expect_none("---\n\n# note: x\n\n---\nbody\n");
	expect_none("---\nSome prose here.\n---\nmore\n");
	expect_none("---\n\nNote: this is old.\n\n---\nmore\n");
	expect_none("---\n\nnote: an open end\n");
	expect_none("---\n- a: b\n---\n");
	expect_none("---\n**Note:** x\n---\n");
	expect_none("+++\n\nadd\n");
	expect_none("{{< shortcode >}}\n");
	expect_none("{% include \"x: y\" %}\n");
	expect_none("{: .class}\nx\n");
	expect_none("{\"a text\"}\n");
	expect_none("{}: x\n");
}

static void refused(void)
{
	refuse("---\ntitle: a\nb\n", "F:1: the front matter has no --- at its end");
	refuse("+++\na = 1\n", "F:1: the front matter has no +++ at its end");
	refuse("---json\n{", "F:1: the front matter has no ---");
	refuse("---\ntitle: a: b\n---\n", "F:2: ");
	refuse("---\na: 1\na: 2\n---\n", "F:3: \"a\" stands twice");
	refuse("---\na: &x [1]\nb: !y 1\n---\n", "F:3: tags");
	refuse("\n+++\na = 1\na = 2\n+++\n", "F:4: \"a\" stands twice");
	refuse("{\"a\": 1,\n\"a\": 2}\n", "F:2: front matter in JSON: duplicate");
	refuse("{\"a\": 1,\n}\n", "F:2: front matter in JSON");
	refuse("{\"a\": 1} x\n", "F:1: something stands behind");
}

/* A title is a text, as it was written. */
static void titles(void)
{
	expect("---\ntitle: 404\ncustom_id: 007\n---\n",
	       "{\"title\":\"404\",\"custom_id\":\"007\"}", 5, "");
	expect("---\ntitle: 1.10\nn: 1.10\n---\n", "{\"title\":\"1.10\",\"n\":1.1}", 5, "");
	expect("---\ntitle: true\n---\n", "{\"title\":\"true\"}", 4, "");
	expect("---\ntitle: 2024-01-01\n---\n", "{\"title\":\"2024-01-01\"}", 4, "");
	expect("---\ntitle:\n---\n", "{\"title\":null}", 4, "");
	expect("---\ntitle: ~\n---\n", "{\"title\":null}", 4, "");
	expect("+++\ntitle = 1.10\n[x]\ntitle = 1.10\n+++\n",
	       "{\"title\":\"1.10\",\"x\":{\"title\":1.1}}", 6, "");
	expect("{\"title\": 404}", "{\"title\":\"404\"}", 1, "");
}

static void lines_of_keys(void)
{
	struct front_matter front = divide("\n---\na: 1\n\"context\": x\n---\n");
	CU_ASSERT_EQUAL(front_line_of(&front, "a"), 3);
	CU_ASSERT_EQUAL(front_line_of(&front, "context"), 4);
	CU_ASSERT_EQUAL(front_line_of(&front, "none"), 3);
}

/* ---- TOML ---- */

static const struct {
	const char *toml, *json;
} values[] = {
	{"a = 1 # c", "{\"a\":1}"},
	{"a.b.'c d' = +1_000", "{\"a\":{\"b\":{\"c d\":1000}}}"},
	{"a = [0xFF, 0o17, 0b11, -0]", "{\"a\":[255,15,3,0]}"},
	{"a = [1.5, 1e3, -2E-2, 6.0]", "{\"a\":[1.5,1000.0,-0.02,6.0]}"},
	{"a = [true, false]", "{\"a\":[true,false]}"},
	{"a = [\n  'x', # c\n  [1, 2],\n]", "{\"a\":[\"x\",[1,2]]}"},
	{"a = {b = 1, c.d = \"x\"}", "{\"a\":{\"b\":1,\"c\":{\"d\":\"x\"}}}"},
	{"a = \"\\t\\\"\\u00e9\\U0001F600\"", "{\"a\":\"\\t\\\"é😀\"}"},
	{"a = '\\n'", "{\"a\":\"\\\\n\"}"},
	{"a = \"\"\"\none\n two\\\n   three\"\"\"", "{\"a\":\"one\\n twothree\"}"},
	{"a = '''x''y'''''", "{\"a\":\"x''y''\"}"},
	{"a = [1979-05-27T07:32:00Z, 1979-05-27 07:32:00.5, 07:32:00, inf]",
	 "{\"a\":[\"1979-05-27T07:32:00Z\",\"1979-05-27 07:32:00.5\",\"07:32:00\",\"inf\"]}"},
	{"[a.b]\nc = 1\n[a]\nd = 2", "{\"a\":{\"b\":{\"c\":1},\"d\":2}}"},
	{"[[a]]\nx = 1\n[[a]]\nx = 2\n[a.b]\ny = 3",
	 "{\"a\":[{\"x\":1},{\"x\":2,\"b\":{\"y\":3}}]}"},
	{"", "{}"},
};

static const struct {
	const char *toml, *fault;
} no_values[] = {
	{"a", "F:1: \"a\" has no ="},
	{"a = x", "F:1: \"x\" is no value: a text has quotes"},
	{"a =", "F:1: a value is wanted"},
	{"a = 1 b = 2", "F:1: something stands behind"},
	{"a = 1\n\na = 2", "F:3: \"a\" stands twice"},
	{"a = 012", "F:1: \"012\""},
	{"a = 1__0", "F:1: "},
	{"a = 1_e2", "F:1: "},
	{"a = 99999999999999999999", "F:1: a whole number is beyond 64 bits"},
	{"a = \"x\nb = 1", "F:1: a text does not end"},
	{"a = \"\\x\"", "F:1: there is no such escape"},
	{"a = \"\\ud800\"", "F:1: a \\u names no character"},
	{"a = [1 2]", "F:1: a comma or ]"},
	{"a = {b = 1,}", "F:1: a key is wanted"},
	{"a = {b = 1}\na.c = 2", "F:2: \"a\" is there already"},
	{"[a]\n[a]", "F:2: \"a\" stands twice"},
	{"a = [1]\n[[a]]", "F:2: \"a\" stands twice"},
	{"[a]\nb.c = 1\n[a.b]", "F:3: \"b\" stands twice"},
	{"a = [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", "F:1: too deep"},
	{"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q = 1", "F:1: too deep"},
};

static int parse(const char *toml, json_t **made)
{
	static const char *const none[] = {NULL};
	return toml_parse(toml, strlen(toml), "F", 1, none, made, &faults);
}

static void toml_values(void)
{
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		json_t *made = NULL;
		int rc = parse(values[i].toml, &made);
		if (rc < 0)
			fprintf(stderr, "    %s", buffer_text(&faults.text));
		CU_ASSERT_EQUAL_FATAL(rc, 0);
		expect_json(made, values[i].json);
	}
}

static void toml_refused(void)
{
	for (size_t i = 0; i < sizeof no_values / sizeof *no_values; i++) {
		json_t *made = NULL;
		CU_ASSERT_EQUAL(parse(no_values[i].toml, &made), -1);
		CU_ASSERT_PTR_NULL(made);
		expect_fault(no_values[i].fault);
	}
}

void add_front_suite(void);

void add_front_suite(void)
{
	CU_pSuite s = CU_add_suite_with_setup_and_teardown("front matter", NULL, NULL, NULL, leave);
	CU_add_test(s, "formats", formats);
	CU_add_test(s, "where it stands", places);
	CU_add_test(s, "rules", rules);
	CU_add_test(s, "what is refused", refused);
	CU_add_test(s, "titles", titles);
	CU_add_test(s, "lines of keys", lines_of_keys);
	CU_add_test(s, "TOML", toml_values);
	CU_add_test(s, "TOML that is refused", toml_refused);
}
