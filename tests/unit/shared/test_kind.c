/* What is told of a kind, and what is refused by it: with a kind made by hand. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weir/kind.h"

void add_kind_suite(void);

static const struct weir_field payload[] = {
	{"id", WEIR_IS_TEXT | WEIR_IS_INTEGER, WEIR_REQUIRED, "what it is called"},
	{"title", WEIR_IS_TEXT, WEIR_EITHER, "the headline"},
	{"text", WEIR_IS_TEXT, WEIR_EITHER, "the text"},
	{"more", WEIR_IS_MAP | WEIR_IS_LIST, WEIR_EITHER, "parts"},
	{"line", WEIR_IS_INTEGER, WEIR_ASIDE, "where it begins"},
	{"share", WEIR_IS_NUMBER, WEIR_OPTIONAL, "of the whole"},
	{"old", WEIR_IS_FLAG, WEIR_OPTIONAL, "whether it is"},
	{"any", 0, WEIR_OPTIONAL, "anything"},
	{"more.inner", WEIR_IS_TEXT, WEIR_REQUIRED, "only told"},
	{"*", WEIR_IS_TEXT, WEIR_REQUIRED, "only told"},
	{"at", WEIR_IS_TEXT, WEIR_OPTIONAL, "where"},
	{0},
};
static const struct weir_field context[] = {
	{"tone", WEIR_IS_TEXT, WEIR_REQUIRED, "dry or warm"},
	{"pace", 0, WEIR_OPTIONAL, "slow or fast"},
	{0},
};
static const struct weir_field tables[] = {
	{"posts", WEIR_IS_INTEGER, WEIR_EITHER, "by number"},
	{"pages", 0, WEIR_EITHER, "by name"},
	{"log", 0, WEIR_OPTIONAL, "only told"},
	{0},
};
static const struct weir_about about = {.payload = payload, .context = context, .tables = tables};

static struct weir_plugin plugin;
static struct weir_error err;
static struct llm llm;

static void begin(void)
{
	plugin = (struct weir_plugin){.kind = "reading", .about = &about};
	memset(&err, 0, sizeof(err));
}

/* ---- items from JSON ---- */

static int check(uint32_t stage, const char *its_context, const char *its_payload,
		 const char *table, const char *record)
{
	struct message m[2];
	struct weir_item item = {.stage = stage};
	CU_ASSERT_EQUAL_FATAL(
		message_decode_map(&m[0], its_context, strlen(its_context), &item.context, &err),
		0);
	CU_ASSERT_EQUAL_FATAL(
		message_decode_map(&m[1], its_payload, strlen(its_payload), &item.payload, &err),
		0);
	if (table) {
		item.table_name = (struct weir_text){table, strlen(table)};
		item.record_id = (struct weir_text){record, strlen(record)};
	}
	int rc = kind_check(&plugin, llm.models ? &llm : NULL, &item, &err);
	message_release(&m[0]);
	message_release(&m[1]);
	return rc;
}

#define GOOD "{\"id\":1,\"title\":\"x\"}"
#define TONE "{\"tone\":\"dry\"}"

static void expect(int rc, const char *code, const char *text)
{
	if (!code) {
		CU_ASSERT_EQUAL(rc, 0);
		if (rc < 0)
			fprintf(stderr, "    refused: %s: %s\n", err.code, err.text);
		return;
	}
	CU_ASSERT_EQUAL(rc, -1);
	CU_ASSERT_STRING_EQUAL(err.code, code);
	CU_ASSERT_STRING_EQUAL(err.text, text);
	if (rc == 0 || strcmp(err.text, text) != 0)
		fprintf(stderr, "    \"%s\"\n", err.text);
}

/* ---- the payload ---- */

#define NOTHING                                                                                    \
	"it has nothing that reading reads: of title, text, more at least one has to say "         \
	"something; there is: "

static const struct {
	const char *payload, *text; /* NULL: fine */
} payloads[] = {
	{GOOD, NULL},
	{"{\"id\":\"a\",\"text\":\"x\"}", NULL},
	{"{\"id\":1,\"title\":\"\",\"text\":\"x\"}", NULL},
	{"{\"id\":1,\"title\":null,\"text\":\"x\",\"line\":null}", NULL},
	{"{\"id\":1,\"more\":[0]}", NULL},
	{"{\"id\":1,\"more\":{\"a\":{\"b\":\"x\"}}}", NULL},
	{"{\"id\":1,\"title\":\"x\",\"line\":3,\"share\":3,\"old\":false,\"any\":[1]}", NULL},
	{"{\"id\":1,\"title\":\"x\",\"share\":0.5,\"other\":{\"a\":1}}", NULL},
	{"{\"id\":1,\"title\":5,\"title\":\"x\"}", NULL}, /* the last one counts */
	/* nothing is read of it */
	{"{\"id\":1}", NOTHING "id"},
	{"{\"id\":1,\"Title\":\"x\",\"body\":\"y\"}", NOTHING "id, Title, body"},
	{"{\"id\":1,\"title\":\"\",\"text\":null}", NOTHING "id, title (blank), text (null)"},
	{"{\"id\":1,\"title\":\" \\t\\r\\n\\u00a0\\u3000\\u200b\\ufeff\\u2028\"}",
	 NOTHING "id, title (blank)"},
	{"{\"id\":1,\"more\":{}}", NOTHING "id, more (empty)"},
	{"{\"id\":1,\"more\":[\" \",null,{\"a\":[]}]}", NOTHING "id, more (empty)"},
	{"{\"id\":1,\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1,"
	 "\"10\":1,\"11\":1,\"12\":1}",
	 NOTHING "id, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ..."},
	/* of another type */
	{"{\"id\":1,\"title\":5}", "title is a number, and should be a text"},
	{"{\"id\":1,\"title\":0.5}", "title is a number, and should be a text"},
	{"{\"id\":1,\"title\":true}", "title is true or false, and should be a text"},
	{"{\"id\":1,\"title\":[\"x\"]}", "title is an array, and should be a text"},
	{"{\"id\":1,\"title\":{\"x\":1}}", "title is an object, and should be a text"},
	{"{\"id\":1,\"title\":\"x\",\"text\":7}", "text is a number, and should be a text"},
	{"{\"id\":1,\"more\":\"x\"}", "more is a text, and should be an object or an array"},
	{"{\"id\":1,\"title\":\"x\",\"line\":\"4\"}", "line is a text, and should be an integer"},
	{"{\"id\":1,\"title\":\"x\",\"line\":4.5}", "line is a number, and should be an integer"},
	{"{\"id\":1,\"title\":\"x\",\"share\":\"4\"}", "share is a text, and should be a number"},
	{"{\"id\":1,\"title\":\"x\",\"old\":1}", "old is a number, and should be true or false"},
	{"{\"id\":1.5,\"title\":\"x\"}", "id is a number, and should be a text or an integer"},
	/* marks of nothing */
	{"{\"id\":1,\"title\":\" [Removed] \"}",
	 "title is only \" [Removed] \", which stands for no text: leave the item out"},
	{"{\"id\":1,\"title\":\"NaN\",\"text\":\"\\\\N\"}",
	 "title is only \"NaN\", which stands for no text: leave the item out"},
	{"{\"id\":1,\"title\":\"\xC2\xA0null\xE2\x80\x8B\"}",
	 "title is only \"\xC2\xA0null\xE2\x80\x8B\", which stands for no text: leave the item "
	 "out"},
	{"{\"id\":1,\"title\":\"#N/A\",\"text\":\"x\"}", NULL},
	{"{\"id\":1,\"title\":\"[removed] why?\"}", NULL},
	{"{\"id\":\"NA\",\"title\":\"x\",\"at\":\"NA\"}", NULL},
	/* required */
	{"{\"title\":\"x\"}", "the payload lacks id, a text or an integer; there is: title"},
	{"{\"id\":null,\"title\":\"x\"}",
	 "the payload lacks id, a text or an integer; there is: id (null), title"},
	{"{}", "the payload lacks id, a text or an integer; there is: nothing"},
};

static void fields(void)
{
	for (size_t i = 0; i < sizeof(payloads) / sizeof(*payloads); i++)
		expect(check(1, TONE, payloads[i].payload, NULL, NULL),
		       payloads[i].text ? "bad_payload" : NULL, payloads[i].text);
}

/* What was submitted is one level deeper, and beside it are results. */
static void later_stages(void)
{
	expect(check(2, TONE, "{\"input\":" GOOD ",\"results\":{}}", NULL, NULL), NULL, NULL);
	expect(check(2, TONE, "{\"input\":{\"id\":1,\"Text\":\"x\"},\"results\":{\"text\":\"x\"}}",
		     NULL, NULL),
	       "bad_payload", NOTHING "id, Text");
	expect(check(2, TONE, GOOD, NULL, NULL), NULL, NULL); /* somebody else's item */
}

static void parameters(void)
{
	expect(check(1, "{\"pace\":\"slow\"}", GOOD, NULL, NULL), "bad_context",
	       "the context lacks tone (dry or warm): give it with --context tone=...");
	expect(check(1, "{\"tone\":\" \"}", GOOD, NULL, NULL), "bad_context",
	       "the context lacks tone (dry or warm): give it with --context tone=...");
}

/* A document may be empty; but without one nothing is known. */
static void present(void)
{
	static const struct weir_field document[] = {
		{"text", WEIR_IS_TEXT, WEIR_PRESENT, "the document"}, {0}};
	static const struct weir_about of_document = {.payload = document};
	plugin.about = &of_document;
	expect(check(1, "{}", "{\"text\":\"\"}", NULL, NULL), NULL, NULL);
	expect(check(1, "{}", "{\"text\":null,\"body\":\"x\"}", NULL, NULL), "bad_payload",
	       "the payload lacks text, a text; there is: text (null), body");
	expect(check(1, "{}", "{\"text\":[]}", NULL, NULL), "bad_payload",
	       "text is an array, and should be a text");
}

/* ---- where it came from ---- */

#define TABLES                                                                                     \
	"and reading writes to rows of: posts, pages; name one of these, or leave table_name and " \
	"record_id out"

static const struct {
	const char *table, *record, *text;
} mappings[] = {
	{"posts", "0", NULL},
	{"posts", "-12", NULL},
	{"posts", "9223372036854775807", NULL},
	{"pages", "any name", NULL},
	{WEIR_TABLE_FILE, "a/b.json", NULL},
	{"Posts", "1", "table_name is \"Posts\", " TABLES},
	{"log", "1", "table_name is \"log\", " TABLES},
	{"", "1", "table_name is \"\", " TABLES},
	{"posts", "", "record_id is \"\", and those of posts are integers"},
	{"posts", "7a", "record_id is \"7a\", and those of posts are integers"},
	{"posts", " 7", "record_id is \" 7\", and those of posts are integers"},
	{"posts", "-", "record_id is \"-\", and those of posts are integers"},
	{"posts", "1.0", "record_id is \"1.0\", and those of posts are integers"},
	{"posts", "9223372036854775808",
	 "record_id is \"9223372036854775808\", and those of posts are integers"},
};

static void rows(void)
{
	for (size_t i = 0; i < sizeof(mappings) / sizeof(*mappings); i++)
		expect(check(1, TONE, GOOD, mappings[i].table, mappings[i].record),
		       mappings[i].text ? "bad_mapping" : NULL, mappings[i].text);
}

/* A kind that writes to no row that items come from takes items of any; one that tells nothing,
 * too.
 */
static void nothing_is_told(void)
{
	static const struct weir_about no_rows = {.tables = tables + 2};
	static const struct weir_about nothing = {0};
	plugin.about = &no_rows;
	expect(check(1, "{}", "{}", "other", "x"), NULL, NULL);
	plugin.about = &nothing;
	expect(check(1, "{}", "{\"title\":5}", "other", "x"), NULL, NULL);
	plugin.about = NULL;
	expect(check(1, "{}", "{\"title\":5}", "other", "x"), NULL, NULL);
}

/* ---- spelling ---- */

static void spelling(void)
{
	static const struct {
		const char *payload, *text;
	} rows_of[] = {
		{"{\"id\":1,\"title\":\"x\",\"Title\":\"y\"}", NULL},
		{"{\"id\":1,\"title\":\"x\",\"other\":\"y\",\"texts\":\"y\",\"\":1}", NULL},
		{"{\"id\":1,\"title\":\"x\",\"TEXT\":null,\"Line\":\" \"}", NULL},
		{"{\"id\":1,\"title\":\"x\",\"TEXT\":\"y\"}",
		 "there is \"TEXT\", which reading does not read: it reads text"},
		{"{\"id\":1,\"title\":\"x\",\" Te-xt_\":\"y\",\"text\":null}",
		 "there is \" Te-xt_\", which reading does not read: it reads text"},
	};
	for (size_t i = 0; i < sizeof(rows_of) / sizeof(*rows_of); i++) {
		struct message m;
		struct weir_item item = {.stage = 1};
		const char *text = rows_of[i].payload;
		CU_ASSERT_EQUAL_FATAL(
			message_decode_map(&m, text, strlen(text), &item.payload, &err), 0);
		expect(kind_check_spelling(&plugin, NULL, &item, &err),
		       rows_of[i].text ? "bad_payload" : NULL, rows_of[i].text);
		message_release(&m);
	}
}

static void parameters_spelt(void)
{
	static const struct {
		const char *context, *text;
	} rows_of[] = {
		{"{\"tone\":1,\"pace\":2,\"other\":3,\"\":4,\"tones of\":5}", NULL},
		{"{\"tone\":1,\"Tone\":2}", "the context has Tone: did you mean tone?"},
		{"{\"To-Ne \":2}", "the context has To-Ne : did you mean tone?"},
		{"{\"paces\":2}", "the context has paces: did you mean pace?"},
	};
	for (size_t i = 0; i < sizeof(rows_of) / sizeof(*rows_of); i++) {
		struct message m;
		const struct weir_map *map;
		const char *text = rows_of[i].context;
		CU_ASSERT_EQUAL_FATAL(message_decode_map(&m, text, strlen(text), &map, &err), 0);
		expect(kind_check_parameters(&plugin, map, &err),
		       rows_of[i].text ? "bad_context" : NULL, rows_of[i].text);
		message_release(&m);
	}
}

/* ---- with a model: the template says what is read ---- */

#define FOLDER "/tmp/weir-test-kind.XXXXXX"
static char folder[] = FOLDER;
static const char *const names[] = {"models",  "of_kind",  "of_own",	"of_both",    "of_all",
				    "of_none", "of_input", "of_needed", "of_results", "of_aside"};
static const char *const texts[] = {
	"models: {fast: {provider: openai, base_url: \"http://127.0.0.1:1\"},"
	" here: {provider: local}}",
	"user: '{{title?}} {{text?}} {{line?}}'\nfields: {x: {type: text}}\n",
	"user: '{{headline?}} {{deep.er?}}'\nfields: {x: {type: text}}\n",
	"user: '{{headline?}} {{text?}}'\nfields: {x: {type: text}}\n",
	"user: '{{title?}} {{payload}}'\nfields: {x: {type: text}}\n",
	"user: 'Say something. {{context.tone}}'\nfields: {x: {type: text}}\n",
	"user: '{{title?}}{{input.title?}}{{input.line?}}'\nfields: {x: {type: text}}\n",
	"user: '{{title}}'\nfields: {x: {type: text}}\n",
	"user: '{{results.a.b?}}{{input.title?}}'\nfields: {x: {type: text}}\n",
	"user: '{{line?}}'\nfields: {x: {type: text}}\n",
};

static void write_files(bool write)
{
	char path[128];
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s%s%s.yaml", folder, i ? "/t/" : "/", names[i]);
		FILE *f = write ? fopen(path, "w") : NULL;
		if (f) {
			fputs(texts[i], f);
			fclose(f);
		} else {
			unlink(path);
		}
	}
}

static void open_llm(void)
{
	char models[128], templates[128], command[160];
	strcpy(folder, FOLDER);
	if (!mkdtemp(folder))
		abort();
	snprintf(models, sizeof(models), "%s/models.yaml", folder);
	snprintf(templates, sizeof(templates), "%s/t", folder);
	snprintf(command, sizeof(command), "mkdir %s", templates);
	CU_ASSERT_EQUAL_FATAL(system(command), 0);
	write_files(true);
	struct settings s = {.models = models, .templates = templates};
	CU_ASSERT_EQUAL_FATAL(llm_open(&llm, &s, false, &err), 0);
}

static void close_llm(void)
{
	char templates[128];
	llm_close(&llm);
	write_files(false);
	snprintf(templates, sizeof(templates), "%s/t", folder);
	rmdir(templates);
	rmdir(folder);
}

static void answer(void *state, struct weir_work work, const struct weir_item *item,
		   const struct weir_answer *a)
{
	(void)state;
	(void)work;
	(void)item;
	(void)a;
}

#define ASKS(NAME, LIST)                                                                           \
	"it has nothing to ask about: of what the template " NAME " reads (" LIST                  \
	") at least one "                                                                          \
	"has to say something; there is: "

static const struct {
	const char *model, *template, *payload, *text;
	uint32_t stage;
} asked[] = {
	{"fast", "of_kind", "{\"id\":1,\"title\":\"x\"}", NULL, 1},
	{"fast", "of_kind", "{\"id\":1,\"text\":\"x\"}", NULL, 1},
	/* the line goes with it, and says nothing alone */
	{"fast", "of_kind", "{\"id\":1,\"Title\":\"x\",\"line\":3}",
	 ASKS("of_kind", "title, text") "id, Title, line", 1},
	{"fast", "of_kind", "{\"id\":1,\"title\":\" \"}",
	 ASKS("of_kind", "title, text") "id, title (blank)", 1},
	/* the kind would take it, and the template does not read it */
	{"fast", "of_kind", "{\"id\":1,\"more\":[1]}", ASKS("of_kind", "title, text") "id, more",
	 1},
	{"fast", "of_own", "{\"id\":1,\"headline\":\"x\"}", NULL, 1},
	{"fast", "of_own", "{\"id\":1,\"deep\":{\"er\":0}}", NULL, 1},
	{"fast", "of_own", "{\"id\":1,\"title\":\"x\"}",
	 ASKS("of_own", "headline, deep.er") "id, title", 1},
	{"fast", "of_both", "{\"id\":1,\"headline\":\"x\"}", NULL, 1},
	{"fast", "of_aside", "{\"id\":1,\"line\":0}", NULL, 1},
	{"fast", "of_aside", "{\"id\":1,\"title\":\"x\"}", ASKS("of_aside", "line") "id, title", 1},
	{"fast", "of_needed", "{\"id\":1,\"title\":\"x\"}", NULL, 1},
	{"fast", "of_needed", "{\"id\":1,\"title\":\"\"}",
	 "the template of_needed needs title, and it is not there, or blank", 1},
	{"fast", "of_all", "{\"id\":1,\"Title\":\"x\"}", NULL, 1},
	{"fast", "of_none", "{\"id\":1}", NULL, 1},
	{"fast", "of_input", "{\"input\":{\"id\":1,\"title\":\"x\"},\"results\":{}}", NULL, 2},
	{"fast", "of_input", "{\"input\":{\"id\":1,\"line\":1},\"results\":{\"a\":1}}",
	 ASKS("of_input", "title, input.title") "id, line", 2},
	{"fast", "of_results", "{\"input\":{\"id\":1},\"results\":{}}", NULL, 2},
	/* types and what is required are the kind's in any case */
	{"fast", "of_kind", "{\"id\":1,\"title\":5}", "title is a number, and should be a text", 1},
	{"fast", "of_none", "{\"title\":\"x\"}",
	 "the payload lacks id, a text or an integer; there is: title", 1},
	/* local under another name, and one that the plugin is to refuse */
	{"here", "of_own", "{\"id\":1,\"headline\":\"x\"}", NOTHING "id, headline", 1},
	{"local", "of_own", "{\"id\":1,\"headline\":\"x\"}", NOTHING "id, headline", 1},
	{"nosuch", "of_own", "{\"id\":1}", NULL, 1},
	{"fast", "nosuch", "{\"id\":1}", NULL, 1},
};

static void templates(void)
{
	char its_context[200];
	open_llm();
	plugin.answer = answer;
	for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		snprintf(its_context, sizeof(its_context),
			 "{\"tone\":\"dry\",\"ai_model\":\"%s\",\"model_key\":\"%s\"}",
			 asked[i].model, asked[i].template);
		expect(check(asked[i].stage, its_context, asked[i].payload, NULL, NULL),
		       asked[i].text ? "bad_payload" : NULL, asked[i].text);
	}
	plugin.answer = NULL; /* it asks nobody, whatever the context says */
	expect(check(1, "{\"tone\":\"dry\",\"ai_model\":\"fast\",\"model_key\":\"of_own\"}",
		     "{\"id\":1,\"headline\":\"x\"}", NULL, NULL),
	       "bad_payload", NOTHING "id, headline");
	close_llm();
}

void add_kind_suite(void)
{
	CU_pSuite s = CU_add_suite_with_setup_and_teardown("kind", NULL, NULL, begin, NULL);
	CU_add_test(s, "fields of the payload", fields);
	CU_add_test(s, "of later stages", later_stages);
	CU_add_test(s, "a field that may be blank", present);
	CU_add_test(s, "parameters of the context", parameters);
	CU_add_test(s, "rows that items come from", rows);
	CU_add_test(s, "nothing is told", nothing_is_told);
	CU_add_test(s, "templates say what is read", templates);
	CU_add_test(s, "names that are spelt otherwise", spelling);
	CU_add_test(s, "parameters that are spelt otherwise", parameters_spelt);
}
