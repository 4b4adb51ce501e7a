#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "failing_malloc.h"
#include "weir/llm.h"

void add_templates_suite(void);

static char folder[] = "/tmp/weir-test-templates.XXXXXX";
static char path[64];

static struct templates *t;
static struct weir_error err;
static char *faults;
static struct prompt prompt;

static int set_up(void)
{
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/t.yaml", folder);
	return 0;
}

static int tear_down(void)
{
	unlink(path);
	return rmdir(folder);
}

static void write_file(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static int open_text(const char *text)
{
	write_file(path, text);
	t = NULL;
	faults = NULL;
	return templates_open(folder, &t, &faults, &err);
}

static void release(void)
{
	prompt_release(&prompt);
	templates_close(t);
	t = NULL;
	free(faults);
	faults = NULL;
}

/* An item of two JSON texts. */
static struct message payload_of, context_of;
static struct weir_item item;

static void make_item(const char *context, const char *payload)
{
	item = (struct weir_item){.stage = 1};
	CU_ASSERT_EQUAL_FATAL(
		message_decode_map(&context_of, context, strlen(context), &item.context, &err), 0);
	CU_ASSERT_EQUAL_FATAL(
		message_decode_map(&payload_of, payload, strlen(payload), &item.payload, &err), 0);
}

static void release_item(void)
{
	message_release(&payload_of);
	message_release(&context_of);
}

static const struct template *find(const char *context)
{
	const struct template *found;

	make_item(context, "{}");
	found = templates_find(t, item.context, &err);
	release_item();
	return found;
}

static const struct template *open_good(const char *text)
{
	const struct template *found;
	int rc = open_text(text);

	if (rc < 0)
		fprintf(stderr, "    %s\n", err.text);
	CU_ASSERT_EQUAL_FATAL(rc, 0);
	CU_ASSERT_PTR_NULL(faults);
	found = find("{\"model_key\":\"t\"}");
	CU_ASSERT_PTR_NOT_NULL_FATAL(found);
	return found;
}

/* ---- the built-in ones ---- */

/* With an item that each is made for. */
static const struct {
	const char *name, *payload;
} builtin[] = {
	{"content_compliance",
	 "{\"path\":\"a.md\",\"front_matter\":{\"title\":\"T\"},\"text\":\"# T\"}"},
	{"document_metadata", "{\"path\":\"a.md\",\"text\":\"# T\"}"},
	{"idea_script",
	 "{\"input\":{\"idea\":\"An idea\"},\"results\":{\"title\":{\"title\":\"A title\"}}}"},
	{"idea_title", "{\"idea\":\"An idea\",\"by\":\"me\"}"},
	{"sentiment",
	 "{\"text_type\":\"news\",\"symbol\":\"X\",\"title\":\"T\",\"summary\":\"S\"}"},
};

#define BUILTIN_COUNT (sizeof(builtin) / sizeof(builtin[0]))

static void built_in(void)
{
	CU_ASSERT_EQUAL_FATAL(templates_open(NULL, &t, &faults, &err), 0);
	CU_ASSERT_EQUAL_FATAL(templates_count(t), BUILTIN_COUNT);
	for (size_t i = 0; i < BUILTIN_COUNT; i++) {
		const struct template *one = templates_at(t, i);

		CU_ASSERT_STRING_EQUAL(template_name(one), builtin[i].name);
		CU_ASSERT(strlen(template_description(one)) > 0);
		CU_ASSERT_PTR_NULL(template_file(one));
		CU_ASSERT(template_max_tokens(one) > 0);
		make_item("{\"custom_instructions\":\"Mind the gap.\"}", builtin[i].payload);
		CU_ASSERT_EQUAL(template_render(one, &item, &prompt, &err), 0);
		CU_ASSERT_EQUAL(prompt.max_tokens, template_max_tokens(one));
		CU_ASSERT_PTR_NOT_NULL(strstr(buffer_text(&prompt.system), "Mind the gap."));
		CU_ASSERT_PTR_NULL(strstr(buffer_text(&prompt.user), "{{"));
		release_item();
	}
	release();
}

static void shows(size_t i, const char *payload, const char *wanted)
{
	make_item("{}", payload);
	CU_ASSERT_EQUAL_FATAL(template_render(templates_at(t, i), &item, &prompt, &err), 0);
	CU_ASSERT_STRING_EQUAL(buffer_text(&prompt.user), wanted);
	release_item();
}

/* A line of JSON may have the text alone, and a later stage has the document as its input. */
static void documents_of_all_sorts(void)
{
	CU_ASSERT_EQUAL_FATAL(templates_open(NULL, &t, NULL, &err), 0);
	for (size_t i = 0; i < 2; i++) {
		shows(i, "{\"text\":\"# T\"}", "Path: \nFront matter: \n\nThe document:\n# T");
		shows(i,
		      "{\"input\":{\"path\":\"a.md\",\"front_matter\":{\"n\":1},\"text\":\"# T\"},"
		      "\"results\":{\"first\":{}}}",
		      "Path: a.md\nFront matter: {\"n\":1}\n\nThe document:\n# T");
	}
	release();
}

/* Why the title is worth it is written for who writes the script. */
static void a_script_sees_the_angle(void)
{
	CU_ASSERT_EQUAL_FATAL(templates_open(NULL, &t, NULL, &err), 0);
	make_item("{}", "{\"input\":{\"idea\":\"I\"},\"results\":{\"title\":{\"title\":\"T\","
			"\"angle\":\"An angle\"}}}");
	CU_ASSERT_EQUAL_FATAL(template_render(templates_at(t, 2), &item, &prompt, &err), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_text(&prompt.user), "An angle"));
	release_item();
	release();
}

static void sentiment_as_a_whole(void)
{
	static const char end[] =
		"\n\nAnswer with one JSON object and nothing else. It has to fit this JSON "
		"Schema:\n"
		"{\"type\":\"object\",\"properties\":{\"sentiment_score\":{\"type\":\"number\","
		"\"minimum\":-1,\"maximum\":1},\"label\":{\"type\":\"string\",\"enum\":["
		"\"negative\","
		"\"neutral\",\"positive\"]}},\"required\":[\"sentiment_score\",\"label\"],"
		"\"additionalProperties\":false}";
	const char *system;

	CU_ASSERT_EQUAL_FATAL(templates_open(NULL, &t, NULL, &err), 0);
	make_item("{}", builtin[4].payload);
	CU_ASSERT_EQUAL(template_render(templates_at(t, 4), &item, &prompt, &err), 0);
	system = buffer_text(&prompt.system);
	CU_ASSERT_FATAL(strlen(system) > strlen(end));
	CU_ASSERT_STRING_EQUAL(system + strlen(system) - strlen(end), end);
	CU_ASSERT_STRING_EQUAL(buffer_text(&prompt.user),
			       "Kind of text: news\nCompany: X\nTitle: T\n\nS");
	release_item();
	release();
}

/* ---- finding ---- */

static void found_by_key_and_step(void)
{
	CU_ASSERT_EQUAL_FATAL(templates_open(NULL, &t, NULL, &err), 0);
	CU_ASSERT_STRING_EQUAL(template_name(find("{\"model_key\":\"idea\",\"step\":\"title\"}")),
			       "idea_title");
	CU_ASSERT_STRING_EQUAL(template_name(find("{\"model_key\":\"idea\",\"step\":\"script\"}")),
			       "idea_script");
	CU_ASSERT_STRING_EQUAL(
		template_name(find("{\"model_key\":\"sentiment\",\"step\":\"script\"}")),
		"sentiment");
	release();
}

static void not_found(void)
{
	static const char *const contexts[] = {
		"{}",
		"{\"model_key\":1}",
		"{\"model_key\":\"\"}",
		"{\"model_key\":\"idea\"}",
		"{\"model_key\":\"Sentiment\"}",
		"{\"model_key\":\"\",\"step\":\"sentiment\"}",
		"{\"model_key\":\"../t\"}",
		"{\"model_key\":\"sentiment\\u0000x\"}",
		"{\"step\":\"title\"}",
		"{\"model_key\":"
		"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"a"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"\"}",
	};

	CU_ASSERT_EQUAL_FATAL(templates_open(NULL, &t, NULL, &err), 0);
	for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++) {
		CU_ASSERT_PTR_NULL(find(contexts[i]));
		CU_ASSERT_STRING_EQUAL(err.code, "bad_context");
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "there are: content_compliance, "));
	}
	CU_ASSERT_PTR_NULL(find("{\"model_key\":\"x\",\"step\":\"y\"}"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "\"x\" with the step \"y\""));
	release();
}

static void a_folder_adds_and_replaces(void)
{
	char other[64];
	const struct template *one;

	snprintf(other, sizeof(other), "%s/sentiment.yaml", folder);
	write_file(other, "user: mine\nfields: {x: {type: boolean}}\n");
	one = open_good("user: u\nmax_tokens: 7\nfields: {x: {type: boolean}}\n");
	CU_ASSERT_EQUAL(templates_count(t), BUILTIN_COUNT + 1);
	CU_ASSERT_STRING_EQUAL(template_file(one), path);
	CU_ASSERT_STRING_EQUAL(template_description(one), "");
	CU_ASSERT_EQUAL(template_max_tokens(one), 7);
	CU_ASSERT_STRING_EQUAL(template_file(find("{\"model_key\":\"sentiment\"}")), other);
	release();
	unlink(other);
}

/* ---- rendering ---- */

#define SYSTEM_END                                                                                 \
	"Answer with one JSON object and nothing else. It has to fit this JSON Schema:\n"          \
	"{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"boolean\"}},\"required\":[\"x\"]," \
	"\"additionalProperties\":false}"

#define CONTEXT                                                                                    \
	"{\"custom_instructions\":\"Do it.\",\"tone\":\"dry\",\"deep\":{\"er\":2},\"none\":null}"
#define PAYLOAD                                                                                    \
	"{\"title\":\"\xC3\x9C \\\"q\\\" {{x}}\",\"n\":3,\"r\":0.1,\"yes\":true,\"nil\":null,"     \
	"\"m\":{\"a-b\":{\"c\":\"deep\"}},\"l\":[1,\"x\"],\"big\":1e300,\"low\":-5,\"e\":\"\"}"

static const struct {
	const char *user, *rendered; /* NULL: bad_payload, naming... */
	const char *missing;
} places[] = {
	{"plain", "plain", NULL},
	{"{{title}}", "\xC3\x9C \"q\" {{x}}", NULL}, /* what is put in is not looked through */
	{"<{{ title }}>", "<\xC3\x9C \"q\" {{x}}>", NULL},
	{"{{n}},{{r}},{{yes}},{{big}},{{low}}", "3,0.1,true,1e+300,-5", NULL},
	{"{{m.a-b.c}}{{m.a-b.c}}", "deepdeep", NULL},
	{"{{m}}", "{\"a-b\":{\"c\":\"deep\"}}", NULL},
	{"{{l}}", "[1,\"x\"]", NULL},
	{"[{{e?}}]", "[]", NULL},
	{"{{custom_instructions}}", "Do it.", NULL},
	{"{{context.tone}} {{context.deep.er}} {{context.deep}}", "dry 2 {\"er\":2}", NULL},
	{"a{{x?}}b{{m.x.y ?}}c{{context.x?}}d{{n.x?}}", "abcd", NULL},
	{"{{nil?}}x{{context.none?}}", "x", NULL},
	{"} { }} {", "} { }} {", NULL},
	{"{{payload}}",
	 "{\"title\":\"\xC3\x9C \\\"q\\\" {{x}}\",\"n\":3,\"r\":0.1,\"yes\":true,\"nil\":null,"
	 "\"m\":{\"a-b\":{\"c\":\"deep\"}},\"l\":[1,\"x\"],\"big\":1e+300,\"low\":-5,\"e\":\"\"}",
	 NULL},
	{"{{tone}}", NULL, "needs tone,"},
	{"{{nil}}", NULL, "needs nil,"},
	{"[{{e}}]", NULL, "needs e,"}, /* a blank text says no more than none */
	{"{{m.x}}", NULL, "needs m.x,"},
	{"{{n.x.y}}", NULL, "needs n.x.y,"},
	{"{{context.none}}", NULL, "needs context.none,"},
	{"{{context.a.b}}", NULL, "needs context.a.b,"},
};

static void check_place(size_t i)
{
	char text[300];
	const struct template *one;
	int rc;

	snprintf(text, sizeof(text), "user: '%s'\nfields: {x: {type: boolean}}\n", places[i].user);
	one = open_good(text);
	make_item(CONTEXT, PAYLOAD);
	rc = template_render(one, &item, &prompt, &err);
	if (places[i].rendered != NULL) {
		CU_ASSERT_EQUAL_FATAL(rc, 0);
		CU_ASSERT_STRING_EQUAL(buffer_text(&prompt.user), places[i].rendered);
		CU_ASSERT_STRING_EQUAL(buffer_text(&prompt.system), SYSTEM_END);
	} else {
		CU_ASSERT_EQUAL(rc, -1);
		CU_ASSERT_STRING_EQUAL(err.code, "bad_payload");
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, places[i].missing));
	}
	release_item();
	release();
}

static void placeholders(void)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		check_place(i);
}

static void system_text(void)
{
	const struct template *one =
		open_good("system: |\n  Be {{context.tone?}}.\n\n  {{custom_instructions?}}\n"
			  "user: u\nfields: {x: {type: boolean}}\n");

	make_item(CONTEXT, "{}");
	CU_ASSERT_EQUAL(template_render(one, &item, &prompt, &err), 0);
	CU_ASSERT_STRING_EQUAL(buffer_text(&prompt.system), "Be dry.\n\nDo it.\n\n" SYSTEM_END);
	release_item();
	make_item("{}", "{}"); /* into the same prompt */
	CU_ASSERT_EQUAL(template_render(one, &item, &prompt, &err), 0);
	CU_ASSERT_STRING_EQUAL(buffer_text(&prompt.system), "Be .\n\n" SYSTEM_END);
	release_item();
	release();
}

static void too_large_a_prompt(void)
{
	const struct template *one =
		open_good("user: '{{a}}{{a}}{{a}}'\nfields: {x: {type: boolean}}\n");
	struct buffer payload = BUFFER_INIT;

	buffer_add_text(&payload, "{\"a\":\"");
	for (int i = 0; i < 400000; i++)
		buffer_add_char(&payload, 'x');
	buffer_add_text(&payload, "\"}");
	make_item("{}", buffer_text(&payload));
	CU_ASSERT_EQUAL(template_render(one, &item, &prompt, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "oversized");
	release_item();
	buffer_release(&payload);
	release();
}

/* ---- faults of the files ---- */

#define FIELDS "user: u\nfields:\n  "

static const struct {
	const char *yaml, *faults; /* F stands for the file's name */
} bad[] = {
	{"", "F: user is missing\nF: fields is missing\n"},
	{"[]\n", "F:1: the file: a map of fields is wanted\n"},
	{"user: u\nfields: {}\n", "F:2: fields: 1 to 64 fields are wanted\n"},
	{"user: u\nfields: [x]\n", "F:2: fields: 1 to 64 fields are wanted\n"},
	{"user: u\nfields:\n", "F:2: fields: 1 to 64 fields are wanted\n"},
	{"usr: u\nfields: {x: {type: text}}\n",
	 "F:1: there is no field usr; did you mean user?\nF:1: user is missing\n"},
	{"user: [u]\nfields: {x: {type: text}}\n",
	 "F:1: user: a single value is wanted, not a map or list\n"},
	{"user: u\nmax_tokens: 0\nfields: {x: {type: text}}\n",
	 "F:2: max_tokens: 0 is not within 1 and 1000000\n"},
	{FIELDS "x:\n", "F:3: type is missing\n"},
	{FIELDS "x: text\n", "F:3: x: a map of fields is wanted\n"},
	{FIELDS "X: {type: text}\n",
	 "F:3: \"X\" is no name for a field: 1 to 64 of a-z 0-9 _ beginning with a letter\n"},
	{FIELDS "usage: {type: object}\n",
	 "F:3: usage: stands beside the fields of every answer; call this one otherwise\n"},
	{"user: u\nfields:\n  l: {type: text, values: [a, b], steps: [1]}\n",
	 "F:3: follows, steps: are together, for a text with values, and there is one step less "
	 "than "
	 "values\n"},
	{"user: u\nfields:\n  n: {type: number}\n  l: {type: text, values: [a, b], follows: n, "
	 "steps: [1, 2]}\n",
	 "F:4: follows, steps: are together, for a text with values, and there is one step less "
	 "than "
	 "values\n"},
	{"user: u\nfields:\n  n: {type: number}\n  l: {type: text, values: [a, b, c], follows: n, "
	 "steps: [2, 1]}\n",
	 "F:4: steps: rising numbers are wanted\n"},
	{"user: u\nfields:\n  l: {type: text, values: [a, b], follows: n, steps: [1]}\n",
	 "F:3: l: follows n, which is no number of fields\n"},
	{FIELDS "x: {type: string}\n",
	 "F:3: type: \"string\" is not one of text, number, integer, boolean, list, object\n"},
	{FIELDS "x: {type: text, of: text}\n", "F:3: of: is for lists, and of no lists\n"},
	{FIELDS "x: {type: list, of: list}\n", "F:3: of: is for lists, and of no lists\n"},
	{FIELDS "x: {type: text, optional: maybe}\n",
	 "F:3: optional: \"maybe\" is not true or false\n"},
	{FIELDS "x: {type: text, least: 2, most: 1}\n", "F:3: least is more than most\n"},
	{FIELDS "x: {type: text, least: -1}\n", "F:3: least: a length is not below 0\n"},
	{FIELDS "x: {type: text, most: 1.5}\n", "F:3: most: a whole number is wanted\n"},
	{FIELDS "x: {type: integer, most: 1.5}\n", "F:3: most: a whole number is wanted\n"},
	{FIELDS "x: {type: number, most: much}\n", "F:3: most: a number is wanted\n"},
	{FIELDS "x: {type: number, most: '1'}\n", "F:3: most: a number is wanted\n"},
	{FIELDS "x: {type: boolean, least: 1}\n", "F:3: least: has no meaning for this type\n"},
	{FIELDS "x: {type: number, values: [1]}\n",
	 "F:3: values: is for texts, and lists of them\n"},
	{FIELDS "x: {type: text, values: []}\n", "F:3: values: a list of texts is wanted\n"},
	{FIELDS "x: {type: text, values: a}\n", "F:3: values: a list of texts is wanted\n"},
	{FIELDS "x: {type: text, values: [[a]]}\n", "F:3: values: a text is wanted\n"},
	{FIELDS "x: {type: text}\n  x: {type: text}\n",
	 "F:4: \"x\" stands twice, on line 3 as well\n"},
	{"user: '{{'\nfields: {x: {type: text}}\n", "F:1: user: {{: there is no }} behind it\n"},
	{"user: '{{}}'\nfields: {x: {type: text}}\n",
	 "F:1: user: {{}}: a path of names between dots is wanted\n"},
	{"user: '{{a b}}'\nfields: {x: {type: text}}\n",
	 "F:1: user: {{a b}}: a path of names between dots is wanted\n"},
	{"user: '{{a..b}}'\nfields: {x: {type: text}}\n",
	 "F:1: user: {{a..b}}: a path of names between dots is wanted\n"},
	{"user: '{{a.}}'\nfields: {x: {type: text}}\n",
	 "F:1: user: {{a.}}: a path of names between dots is wanted\n"},
	{"user: '{{?}}'\nfields: {x: {type: text}}\n",
	 "F:1: user: {{}}: a path of names between dots is wanted\n"},
	{"user: '{{a.b.c.d.e.f.g.h.i}}'\nfields: {x: {type: text}}\n",
	 "F:1: user: {{a.b.c.d.e.f.g.h.i}}: too many names\n"},
	{"user: '{{payload.a}}'\nfields: {x: {type: text}}\n",
	 "F:1: user: {{payload.a}}: paths begin in the payload: leave \"payload.\" out\n"},
	{"user: u\nsystem: '{{context}}'\nfields: {x: {type: text}}\n",
	 "F:2: system: {{context}}: context.NAME is wanted\n"},
	{"user: '{{'\nsystem: '{{'\nfields: {x: {}, y: {type: z}}\n",
	 "F:2: system: {{: there is no }} behind it\nF:1: user: {{: there is no }} behind it\n"
	 "F:3: type is missing\n"
	 "F:3: type: \"z\" is not one of text, number, integer, boolean, list, object\n"},
};

static void expand(const char *lines, struct buffer *out)
{
	buffer_reset(out);
	for (bool begin = true; *lines != '\0'; lines++) {
		if (begin && *lines == 'F')
			buffer_add_text(out, path);
		else
			buffer_add_char(out, *lines);
		begin = *lines == '\n';
	}
	CU_ASSERT_PTR_NOT_NULL_FATAL(buffer_text(out));
}

static void every_fault_with_its_line(void)
{
	struct buffer wanted = BUFFER_INIT;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expand(bad[i].faults, &wanted);
		CU_ASSERT_EQUAL(open_text(bad[i].yaml), -1);
		CU_ASSERT_STRING_EQUAL(err.code, "templates");
		CU_ASSERT_PTR_NOT_NULL_FATAL(faults);
		CU_ASSERT_STRING_EQUAL(faults, wanted.data);
		if (strcmp(faults, wanted.data) != 0)
			fprintf(stderr, "    %s    got %s", wanted.data, faults);
		release();
	}
	buffer_release(&wanted);
}

static void too_many_fields(void)
{
	struct buffer text = BUFFER_INIT;

	buffer_add_text(&text, "user: u\nfields:\n");
	for (int i = 0; i < TEMPLATE_FIELDS_MAX; i++)
		buffer_printf(&text, "  f%d: {type: text}\n", i);
	open_good(buffer_text(&text));
	release();
	buffer_add_text(&text, "  more: {type: text}\n");
	CU_ASSERT_EQUAL(open_text(buffer_text(&text)), -1);
	buffer_release(&text);
	release();
}

static void names_of_files(void)
{
	static const char *const bad_names[] = {"X.yaml", "1.yaml", "a-b.yaml", "a.b.yaml",
						"t.yml"};
	static const char *const passed_over[] = {".hidden.yaml", "README.md", "t.yaml~", "yaml"};
	static const char good[] = "user: u\nfields: {x: {type: text}}\n";
	char name[64];

	for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
		snprintf(name, sizeof(name), "%s/%s", folder, bad_names[i]);
		write_file(name, good);
		CU_ASSERT_EQUAL(open_text(good), -1);
		CU_ASSERT(strncmp(faults, name, strlen(name)) == 0);
		unlink(name);
		release();
	}
	for (size_t i = 0; i < sizeof(passed_over) / sizeof(passed_over[0]); i++) {
		snprintf(name, sizeof(name), "%s/%s", folder, passed_over[i]);
		write_file(name, "{");
		open_good(good);
		unlink(name);
		release();
	}
}

static void no_such_folder(void)
{
	CU_ASSERT_EQUAL(templates_open("/nowhere", &t, &faults, &err), -1);
	CU_ASSERT_STRING_EQUAL(faults, "/nowhere: No such file or directory\n");
	release();
}

/* ---- answers ---- */

#define EVERY                                                                                      \
	"user: u\nfields:\n"                                                                       \
	"  t: {type: text, least: 1, most: 3}\n"                                                   \
	"  n: {type: number, least: -1, most: 1}\n"                                                \
	"  i: {type: integer, least: 0, optional: true}\n"                                         \
	"  b: {type: boolean, optional: true}\n"                                                   \
	"  v: {type: text, values: [up, down], optional: true}\n"                                  \
	"  l: {type: list, of: text, most: 2, optional: true}\n"                                   \
	"  k: {type: list, of: integer, optional: true}\n"                                         \
	"  w: {type: list, values: [a, b], optional: true}\n"                                      \
	"  o: {type: object, optional: true}\n"

#define NOT_JSON "The answer has to be one JSON object and nothing else"

static const struct {
	const char *answer, *kept; /* kept NULL: bad_answer, whose text has... */
	const char *why;
} answers[] = {
	{"{\"t\":\"a\",\"n\":0}", "{\"t\":\"a\",\"n\":0}", NULL},
	{"{\"n\":0,\"x\":[1],\"t\":\"a\"}", "{\"t\":\"a\",\"n\":0}", NULL},
	{" \r\n\t{\"t\":\"a\",\"n\":-1}\n", "{\"t\":\"a\",\"n\":-1}", NULL},
	{"```json\n{\"t\":\"a\",\"n\":1}\n```", "{\"t\":\"a\",\"n\":1}", NULL},
	{"\n```\n{\"t\":\"a\",\"n\":1}```\n\n", "{\"t\":\"a\",\"n\":1}", NULL},
	{"{\"t\":\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\",\"n\":0.7}",
	 "{\"t\":\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\",\"n\":0.7}", NULL},
	{"{\"t\":\"a\",\"n\":0,\"i\":null,\"o\":{\"a\":{\"b\":[1]}},\"b\":true}",
	 "{\"t\":\"a\",\"n\":0,\"b\":true,\"o\":{\"a\":{\"b\":[1]}}}", NULL},
	{"{\"t\":\"a\",\"n\":0,\"o\":{\"a\":{\"b\":{\"c\":{\"d\":1}}}}}",
	 "{\"t\":\"a\",\"n\":0,\"o\":{\"a\":{\"b\":{\"c\":{\"d\":1}}}}}", NULL},
	{"{\"t\":\"a\",\"n\":0,\"i\":3.0,\"k\":[1,2]}", "{\"t\":\"a\",\"n\":0,\"i\":3,\"k\":[1,2]}",
	 NULL},
	{"{\"t\":\"a\",\"n\":0,\"v\":\"up\",\"l\":[],\"w\":[\"b\",\"a\"]}",
	 "{\"t\":\"a\",\"n\":0,\"v\":\"up\",\"l\":[],\"w\":[\"b\",\"a\"]}", NULL},
	{"", NULL, "The answer is empty."},
	{"``````", NULL, NOT_JSON},
	{"```\n```", NULL, NOT_JSON},
	{"[]", NULL, NOT_JSON},
	{"{\"t\":\"a\",\"n\":", NULL, NOT_JSON},
	{"{\"t\":\"a\",\"n\":1e999}", NULL, NOT_JSON},
	{"{\"t\":\"a\",\"n\":NaN}", NULL, NOT_JSON},
	{"{\"t\":\"a\",\"n\":Infinity}", NULL, NOT_JSON},
	{"{\"t\":\"a\",\"n\":0,\"i\":99999999999999999999}", NULL, NOT_JSON},
	{"{\"t\":\"\\u0000\",\"n\":0}", NULL, "U+0000"},
	{"{\"t\":\"a\",\"n\":0,\"o\":{\"a\":[\"x\\u0000\"]}}", NULL, "U+0000"},
	{"{\"t\":\"\xFF\",\"n\":0}", NULL, NOT_JSON},
	{"{\"t\":\"\\ud800\",\"n\":0}", NULL, NOT_JSON},
	{"{\"t\":\"a\",\"n\":0,\"o\":{\"a\":{\"b\":{\"c\":{\"d\":{}}}}}}", NULL, NOT_JSON},
	{"{}", NULL, "\"t\" is missing. \"n\" is missing."},
	{"{\"t\":null,\"n\":0}", NULL, "\"t\" is missing."},
	{"{\"t\":1,\"n\":\"0.\"}", NULL, "\"t\" has to be a string. \"n\" has to be a number."},
	{"{\"t\":\"\",\"n\":0}", NULL,
	 "\"t\" has to have at least 1 and at most 3 characters, not 0."},
	{"{\"t\":\" \\n\",\"n\":0}", NULL, "characters, not 0."},
	{"{\"t\":\"\\u200b\",\"n\":0}", NULL, "characters, not 0."},
	{"{\"t\":\"abcd\",\"n\":0}", NULL,
	 "\"t\" has to have at least 1 and at most 3 characters, not 4."},
	{"{\"t\":\"a\",\"n\":1.01}", NULL, "\"n\" has to be at least -1 and at most 1, not 1.01."},
	{"{\"t\":\"a\",\"n\":-2}", NULL, "\"n\" has to be at least -1 and at most 1, not -2."},
	{"{\"t\":\"a\",\"n\":true}", NULL, "\"n\" has to be a number."},
	{"{\"t\":\"a\",\"n\":0,\"i\":1.5}", NULL, "\"i\" has to be an integer."},
	{"{\"t\":\"a\",\"n\":0,\"i\":1e300}", NULL, "\"i\" has to be an integer."},
	{"{\"t\":\"a\",\"n\":0,\"i\":-1}", NULL, "\"i\" has to be at least 0, not -1."},
	{"{\"t\":\"a\",\"n\":0,\"b\":\"yes\"}", NULL, "\"b\" has to be true or false."},
	{"{\"t\":\"a\",\"n\":0,\"v\":\"Up\"}", NULL, "\"v\" has to be one of \"up\", \"down\"."},
	{"{\"t\":\"a\",\"n\":0,\"l\":[\"a\",\"b\",\"c\"]}", NULL,
	 "\"l\" has to have at most 2 elements, not 3."},
	{"{\"t\":\"a\",\"n\":0,\"l\":\"a\"}", NULL, "\"l\" has to be an array."},
	{"{\"t\":\"a\",\"n\":0,\"l\":[\"a\",1]}", NULL,
	 "\"l\" has to be an array whose elements are each a string."},
	{"{\"t\":\"a\",\"n\":0,\"k\":[1,null]}", NULL, "whose elements are each an integer."},
	{"{\"t\":\"a\",\"n\":0,\"w\":[\"c\"]}", NULL,
	 "\"w\" has to be one of, for each element, \"a\", \"b\"."},
	{"{\"t\":\"a\",\"n\":0,\"o\":[]}", NULL, "\"o\" has to be an object."},
};

static void check_answer(const struct template *one, size_t i)
{
	struct weir_text answer = {answers[i].answer, strlen(answers[i].answer)};
	struct buffer json = BUFFER_INIT;
	int rc = template_check(one, answer, false, &json, &err);

	CU_ASSERT_EQUAL(rc, answers[i].kept != NULL ? 0 : -1);
	if (rc == 0 && answers[i].kept != NULL) {
		CU_ASSERT_STRING_EQUAL(buffer_text(&json), answers[i].kept);
	} else if (rc < 0 && answers[i].why != NULL) {
		CU_ASSERT_STRING_EQUAL(err.code, "bad_answer");
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, answers[i].why));
		if (strstr(err.text, answers[i].why) == NULL)
			fprintf(stderr, "    %s: %s\n", answers[i].answer, err.text);
		CU_ASSERT_EQUAL(json.size, 0);
	} else {
		fprintf(stderr, "    %s: %d\n", answers[i].answer, rc);
	}
	buffer_release(&json);
}

static void checked_answers(void)
{
	const struct template *one = open_good(EVERY);

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		check_answer(one, i);
	release();
}

/* A label may be next to the right one, and no farther. */
static void values_that_follow(void)
{
	static const struct {
		const char *answer, *why;
	} rows[] = {
		{"{\"n\":-0.9,\"l\":\"low\"}", NULL},
		{"{\"n\":-0.9,\"l\":\"mid\"}", NULL},
		{"{\"n\":-0.9,\"l\":\"high\"}",
		 "\"l\" has to be \"low\" where \"n\" is -0.9, not \"high\"."},
		{"{\"n\":\"0.11\",\"l\":\"low\"}",
		 "\"l\" has to be \"high\" where \"n\" is 0.11, not \"low\"."},
		{"{\"n\":0.1,\"l\":\"low\"}", NULL},
		{"{\"n\":0.1,\"l\":\"high\"}", NULL},
		{"{\"n\":-0.1,\"l\":\"high\"}", NULL},
		{"{\"n\":0,\"l\":\"high\"}", NULL},
		{"{\"n\":0.9}", NULL},
	};
	const struct template *one = open_good(
		"user: u\nfields:\n  n: {type: number}\n  l: {type: text, values: [low, mid, "
		"high], optional: true, follows: n, steps: [-0.1, 0.1]}\n");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buffer json = BUFFER_INIT;
		struct weir_text text = {rows[i].answer, strlen(rows[i].answer)};
		int rc = template_check(one, text, false, &json, &err);

		CU_ASSERT_EQUAL(rc, rows[i].why != NULL ? -1 : 0);
		if (rows[i].why != NULL)
			CU_ASSERT_STRING_EQUAL(err.text, rows[i].why);
		buffer_release(&json);
	}
	release();
}

static void the_schema_has_every_rule(void)
{
	const struct template *one = open_good(EVERY);

	make_item("{}", "{}");
	CU_ASSERT_EQUAL(template_render(one, &item, &prompt, &err), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(
		buffer_text(&prompt.system),
		"Schema:\n{\"type\":\"object\",\"properties\":{"
		"\"t\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":3},"
		"\"n\":{\"type\":\"number\",\"minimum\":-1,\"maximum\":1},"
		"\"i\":{\"type\":\"integer\",\"minimum\":0},"
		"\"b\":{\"type\":\"boolean\"},"
		"\"v\":{\"type\":\"string\",\"enum\":[\"up\",\"down\"]},"
		"\"l\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"maxItems\":2},"
		"\"k\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},"
		"\"w\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":[\"a\",\"b\"]}},"
		"\"o\":{\"type\":\"object\"}},"
		"\"required\":[\"t\",\"n\"],\"additionalProperties\":false}"));
	release_item();
	release();
}

/* As OpenAI's strict form has it; an object of any fields cannot be told so. */
static void the_schema_of_a_call(void)
{
	const struct template *one =
		open_good("user: u\nfields:\n  t: {type: text, least: 1, most: 3}\n"
			  "  v: {type: text, values: [up, down], optional: true}\n"
			  "  n: {type: number, least: -1, most: 1, optional: true}\n"
			  "  w: {type: list, values: [a, b], most: 2}\n");

	make_item("{}", "{}");
	CU_ASSERT_EQUAL(template_render(one, &item, &prompt, &err), 0);
	CU_ASSERT_STRING_EQUAL(prompt.name, "t");
	CU_ASSERT_TRUE(prompt.strict);
	CU_ASSERT_STRING_EQUAL(
		prompt.schema,
		"{\"type\":\"object\",\"properties\":{\"t\":{\"type\":\"string\"},"
		"\"v\":{\"type\":[\"string\",\"null\"],\"enum\":[\"up\",\"down\",null]},"
		"\"n\":{\"type\":[\"number\",\"null\"]},"
		"\"w\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":[\"a\",\"b\"]}}}"
		","
		"\"required\":[\"t\",\"v\",\"n\",\"w\"],\"additionalProperties\":false}");
	release_item();
	release();
	one = open_good(EVERY);
	make_item("{}", "{}");
	CU_ASSERT_EQUAL(template_render(one, &item, &prompt, &err), 0);
	CU_ASSERT_FALSE(prompt.strict);
	CU_ASSERT_PTR_NOT_NULL(strstr(prompt.schema, "\"minimum\":-1"));
	release_item();
	release();
}

static void too_large_an_answer(void)
{
	const struct template *one = open_good(EVERY);
	struct buffer text = BUFFER_INIT, json = BUFFER_INIT;

	buffer_add_text(&text, "{\"t\":\"");
	for (int i = 0; i < WEIR_RESULT_MAX / 2; i++)
		buffer_add_char(&text, 'x');
	buffer_add_text(&text, "\"}");
	CU_ASSERT_EQUAL(
		template_check(one, (struct weir_text){text.data, text.size}, false, &json, &err),
		-1);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_answer");
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "at most 524288 may be"));
	buffer_release(&text);
	buffer_release(&json);
	release();
}

/* Whatever is said, it is either what the template wants, or the fault is told. */
static void garbage(void)
{
	static const char good[] =
		"{\"t\":\"abc\",\"n\":0.5,\"i\":3,\"l\":[\"x\"],\"o\":{\"a\":1}}";
	const struct template *one = open_good(EVERY);
	unsigned seed = 3;

	for (int round = 0; round < 20000; round++) {
		char text[sizeof(good)];
		struct buffer json = BUFFER_INIT;

		memcpy(text, good, sizeof(good));
		for (int i = 0; i < 1 + round % 3; i++) {
			seed = seed * 1103515245u + 12345u;
			text[(seed >> 16) % (sizeof(good) - 1)] = (char)(seed >> 8);
		}
		if (template_check(one, (struct weir_text){text, sizeof(good) - 1}, false, &json,
				   &err) < 0)
			CU_ASSERT_STRING_EQUAL(err.code, "bad_answer");
		buffer_release(&json);
	}
	release();
}

/* A file of one template that is made of another one's bytes is read, or all is told. */
static void garbage_in_a_file(void)
{
	static const char good[] =
		"system: |\n  {{a.b}} {{custom_instructions?}}\nuser: '{{payload}} {{context.x}}'\n"
		"fields:\n  x: {type: text, values: [a, b]}\n  y: {type: number, least: -1}\n";
	unsigned seed = 5;

	for (int round = 0; round < 500; round++) {
		char text[sizeof(good)];

		memcpy(text, good, sizeof(good));
		for (int i = 0; i < 1 + round % 3; i++) {
			size_t to, from;

			seed = seed * 1103515245u + 12345u;
			to = (seed >> 16) % (sizeof(good) - 1);
			seed = seed * 1103515245u + 12345u;
			from = (seed >> 16) % (sizeof(good) - 1);
			text[to] = good[from];
		}
		if (open_text(text) < 0)
			CU_ASSERT_PTR_NOT_NULL(faults);
		release();
	}
}

/* ---- memory ---- */

static void every_allocation_of_opening_may_fail(void)
{
	bool failed = true;

	write_file(path, EVERY);
	for (long n = 1; failed && n < 20000; n++) {
		int rc;

		failing_malloc_arm(n);
		rc = templates_open(folder, &t, &faults, &err);
		failed = failing_malloc_disarm();
		if (!failed)
			CU_ASSERT_EQUAL(rc, 0);
		release();
	}
	CU_ASSERT_FALSE(failed);
}

static void every_allocation_of_an_item_may_fail(void)
{
	static const char answer[] = "{\"t\":\"abc\",\"n\":0.5,\"l\":[\"x\"]}";
	const struct template *one = open_good(EVERY);
	struct buffer json = BUFFER_INIT;
	bool failed = true;

	make_item(CONTEXT, PAYLOAD);
	for (long n = 1; failed && n < 1000; n++) {
		int rc;

		prompt_release(&prompt);
		buffer_release(&json);
		failing_malloc_arm(n);
		rc = template_render(one, &item, &prompt, &err);
		if (rc == 0)
			rc = template_check(one, (struct weir_text){answer, sizeof(answer) - 1},
					    false, &json, &err);
		failed = failing_malloc_disarm();
		if (rc < 0)
			CU_ASSERT_STRING_EQUAL(err.code, "out_of_memory");
		if (!failed)
			CU_ASSERT_EQUAL(rc, 0);
	}
	CU_ASSERT_FALSE(failed);
	CU_ASSERT_STRING_EQUAL(buffer_text(&json), answer);
	buffer_release(&json);
	release_item();
	release();
}

/* ---- models and templates together ---- */

static void find_both(void)
{
	static const char models[] = "models:\n  far: {provider: openai}\n";
	static const struct {
		const char *context;
		const char *template; /* NULL: none */
		const char *why;      /* NULL: found */
	} rows[] = {
		{"{\"ai_model\":\"local\"}", NULL, NULL},
		{"{\"ai_model\":\"local\",\"model_key\":\"x\"}", NULL, NULL},
		{"{\"ai_model\":\"far\",\"model_key\":\"sentiment\"}", "sentiment", NULL},
		{"{\"ai_model\":\"far\",\"model_key\":\"x\"}", NULL, "model_key \"x\""},
		{"{\"ai_model\":\"far\"}", NULL, "model_key \"\""},
		{"{\"model_key\":\"sentiment\"}", NULL, "ai_model \"\""},
		{"{\"ai_model\":\"near\"}", NULL, "there are: far, local"},
		{"{\"ai_model\":7}", NULL, "there are: far, local"},
	};
	struct settings s = {.models = path};
	struct llm l;

	write_file(path, models);
	CU_ASSERT_EQUAL_FATAL(llm_open(&l, &s, true, &err), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct model *model = NULL;
		const struct template *template = NULL;

		make_item(rows[i].context, "{}");
		CU_ASSERT_EQUAL(llm_find(&l, item.context, &model, &template, &err),
				rows[i].why == NULL ? 0 : -1);
		if (rows[i].why != NULL) {
			CU_ASSERT_STRING_EQUAL(err.code, "bad_context");
			CU_ASSERT_PTR_NOT_NULL(strstr(err.text, rows[i].why));
		} else {
			CU_ASSERT_PTR_NOT_NULL(model);
			CU_ASSERT_EQUAL(template != NULL, rows[i].template != NULL);
		}
		release_item();
	}
	llm_close(&l);
}

void add_templates_suite(void)
{
	CU_pSuite suite = CU_add_suite("templates", set_up, tear_down);

	CU_ADD_TEST(suite, built_in);
	CU_ADD_TEST(suite, documents_of_all_sorts);
	CU_ADD_TEST(suite, a_script_sees_the_angle);
	CU_ADD_TEST(suite, sentiment_as_a_whole);
	CU_ADD_TEST(suite, found_by_key_and_step);
	CU_ADD_TEST(suite, not_found);
	CU_ADD_TEST(suite, a_folder_adds_and_replaces);
	CU_ADD_TEST(suite, placeholders);
	CU_ADD_TEST(suite, system_text);
	CU_ADD_TEST(suite, too_large_a_prompt);
	CU_ADD_TEST(suite, every_fault_with_its_line);
	CU_ADD_TEST(suite, too_many_fields);
	CU_ADD_TEST(suite, names_of_files);
	CU_ADD_TEST(suite, no_such_folder);
	CU_ADD_TEST(suite, checked_answers);
	CU_ADD_TEST(suite, values_that_follow);
	CU_ADD_TEST(suite, the_schema_has_every_rule);
	CU_ADD_TEST(suite, the_schema_of_a_call);
	CU_ADD_TEST(suite, too_large_an_answer);
	CU_ADD_TEST(suite, garbage);
	CU_ADD_TEST(suite, garbage_in_a_file);
	CU_ADD_TEST(suite, every_allocation_of_opening_may_fail);
	CU_ADD_TEST(suite, every_allocation_of_an_item_may_fail);
	CU_ADD_TEST(suite, find_both);
}
