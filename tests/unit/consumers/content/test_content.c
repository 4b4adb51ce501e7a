/* The local analysis of documents. */
#include <CUnit/CUnit.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "analysis.h"
#include "text.h"

static json_t *result;

static int begin(void) { return text_open(); }

static int end(void)
{
	text_close();
	return 0;
}

static void leave(void)
{
	json_decref(result);
	result = NULL;
}

static void expect_text(const char *seen, const char *wanted)
{
	if (!seen || strcmp(seen, wanted) != 0)
		fprintf(stderr, "    %s\n    not %s\n", seen ? seen : "nothing", wanted);
	CU_ASSERT_FATAL(seen != NULL);
	CU_ASSERT_STRING_EQUAL(seen, wanted);
}

/* A member of the result, as JSON; absent ones are null too. */
static void expect(const char *name, const char *wanted)
{
	char *text = json_dumps(json_object_get(result, name), JSON_COMPACT | JSON_ENCODE_ANY);
	expect_text(text ? text : "null", wanted);
	free(text);
}

static void take(struct out *out)
{
	json_decref(result);
	CU_ASSERT_FATAL(!out->failed && out->size > 0);
	CU_ASSERT(out->size <= RESULT_MOST);
	result = json_loadb(out->data, out->size, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(result);
	out_release(out);
}

static void analyze_front(const char *text, const struct front *front)
{
	struct document d;
	struct out out = OUT_INIT;
	CU_ASSERT_EQUAL_FATAL(document_open(&d, text, strlen(text), 1), 0);
	CU_ASSERT_EQUAL(metadata_write(&d, front, &out), 0);
	document_close(&d);
	take(&out);
}

static void analyze(const char *text) { analyze_front(text, &(struct front){.title = NULL}); }

static void check_from(const char *text, int line, const char *instructions)
{
	char why[200];
	struct document d;
	struct out out = OUT_INIT;
	struct rules rules = {.folded = OUT_INIT};
	CU_ASSERT_EQUAL_FATAL(
		rules_read(&rules, instructions, strlen(instructions), why, sizeof why), 0);
	CU_ASSERT_EQUAL_FATAL(document_open(&d, text, strlen(text), line), 0);
	CU_ASSERT_EQUAL(compliance_write(&d, &rules, &out), 0);
	document_close(&d);
	rules_release(&rules);
	take(&out);
}

/* "line rule, line rule" of all faults; the line of those of the whole document is -. */
static const char *faults(void)
{
	static char text[4096];
	size_t i, n = 0;
	json_t *fault;
	*text = '\0';
	json_array_foreach(json_object_get(result, "faults"), i, fault)
	{
		const json_t *line = json_object_get(fault, "line");
		char number[24] = "-";
		if (json_is_integer(line))
			snprintf(number, sizeof number, "%d", (int)json_integer_value(line));
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s %s", n ? ", " : "", number,
				      json_string_value(json_object_get(fault, "rule")));
	}
	CU_ASSERT_EQUAL(json_is_true(json_object_get(result, "compliant")), i == 0);
	return text;
}

static void check(const char *text, const char *instructions, const char *wanted)
{
	check_from(text, 1, instructions);
	expect_text(faults(), wanted);
}

static const char *fault_text(size_t i)
{
	const json_t *fault = json_array_get(json_object_get(result, "faults"), i);
	return json_string_value(json_object_get(fault, "text"));
}

/* ---- words ---- */

static void expect_words(const char *text, int words, int characters)
{
	struct text_counts counts = {0};
	text_count(text, strlen(text), &counts);
	if (counts.words != words)
		fprintf(stderr, "    %s: %d words\n", text, (int)counts.words);
	CU_ASSERT_EQUAL(counts.words, words);
	CU_ASSERT_EQUAL(counts.characters, characters);
}

static void words(void)
{
	expect_words("", 0, 0);
	expect_words("one two  three", 3, 14);
	expect_words("don't stop - it\xE2\x80\x99s 12.5 %", 5, 24); /* U+2019; 12 and 5 are two */
	expect_words("na\xC3\xAFve \xC3\x84rger", 2, 11);
	expect_words("e\xCC\x81t\xC3\xA9", 1, 4);		   /* a mark of its own */
	expect_words("\xE8\xAA\x9E\xE8\xA8\x80 AI", 3, 5);	   /* two Han, one word */
	expect_words("\xD0\x9F\xD1\x80\xD0\xB8 x\xC2\xA0y", 3, 7); /* a no-break space */
	expect_words("\xF0\x9F\x98\x80 ok", 1, 4);		   /* an emoji is none */
}

/* What is no UTF-8 never gets here, but must not lead past the end either. */
static void broken_utf8(void)
{
	size_t size;
	CU_ASSERT_EQUAL(text_step("\xE2\x80", 2, &size), 0xFFFD);
	CU_ASSERT_EQUAL(size, 1);
	CU_ASSERT_EQUAL(text_step("\xC3x", 2, &size), 0xFFFD);
	CU_ASSERT_EQUAL(text_step("\x80", 1, &size), 0xFFFD);
	CU_ASSERT_EQUAL(text_step("\xFFzzz", 4, &size), 0xFFFD);
}

static int64_t find(const char *text, const char *term)
{
	struct out a = OUT_INIT, b = OUT_INIT;
	text_fold(text, strlen(text), &a);
	text_fold(term, strlen(term), &b);
	int64_t at = text_find(a.data, a.size, 0, b.data, b.size);
	out_release(&a);
	out_release(&b);
	return at;
}

static void whole_words(void)
{
	CU_ASSERT_EQUAL(find("a food", "foo"), -1);
	CU_ASSERT_EQUAL(find("a Foo", "foo"), 2);
	CU_ASSERT_EQUAL(find("afoo foo, x", "FOO"), 5);
	CU_ASSERT_EQUAL(find("bar\n \t BAZ", "Bar baz"), 0);
	CU_ASSERT_EQUAL(find("bar-baz", "bar baz"), -1);
	CU_ASSERT_EQUAL(find("\xC3\x9C"
			     "bel",
			     "\xC3\xBC"
			     "bel"),
			0);
	CU_ASSERT_EQUAL(find("\xC3\xBC"
			     "bels",
			     "\xC3\xBC"
			     "bel"),
			-1);
	CU_ASSERT_EQUAL(find("a\xC3\xBC"
			     "bel",
			     "\xC3\xBC"
			     "bel"),
			-1);
	CU_ASSERT_EQUAL(find("bel\xC3\xBC", "bel"), -1);
	CU_ASSERT_EQUAL(find("soft\xC2\xADware", "software"), 0);
	CU_ASSERT_EQUAL(find("well\xE2\x80\x91known", "well-known"), 0);
	CU_ASSERT_EQUAL(find("I don\xE2\x80\x99t", "don't"), 2);
	CU_ASSERT_EQUAL(find("I don't", "don\xE2\x80\x99t"), 2);
	CU_ASSERT_EQUAL(find("in C++, not C", "c++"), 3);
	CU_ASSERT_EQUAL(find("in C++", "c"), 3);
	CU_ASSERT_EQUAL(find("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E", "\xE6\x9C\xAC"), 3);
}

/* ---- metadata ---- */

static void titles(void)
{
	const struct front named = {.title = "From the front",
				    .title_size = 14,
				    .json = "{\"title\":\"x\"}",
				    .json_size = 13};
	analyze("text\n\n## two\n\nAn *h*`1`\n==\n\n# other\n");
	expect("title", "\"An h1\"");
	expect("front_matter", "null");
	analyze_front("# other\n", &named);
	expect("title", "\"From the front\"");
	expect("front_matter", "{\"title\":\"x\"}");
	analyze("no heading");
	expect("title", "null");
	analyze("");
	expect("title", "null");
	expect("words", "0");
}

static void lists(void)
{
	analyze("# A\n\n[one *two*](u \"t\") <http://a.b>\n![alt](i.png)\n\n"
		"> ## B\n> - [x][r]\n\n[r]: /u2\n");
	expect("headings", "[{\"level\":1,\"text\":\"A\",\"line\":1},"
			   "{\"level\":2,\"text\":\"B\",\"line\":6}]");
	expect("links", "[{\"url\":\"u\",\"text\":\"one two\",\"line\":3},"
			"{\"url\":\"http://a.b\",\"text\":\"http://a.b\",\"line\":3},"
			"{\"url\":\"/u2\",\"text\":\"x\",\"line\":7}]");
	expect("images", "[{\"url\":\"i.png\",\"alt\":\"alt\",\"line\":4}]");
	expect("words", "9");
	expect("left_out", "null");
}

static void code(void)
{
	analyze("```c\na\nb\n```\n\n~~~ {c}\n~~~\n\n```c title=x\nc\n```\n\n    indented\n\n"
		"text `inline code`\n");
	expect("code_blocks", "[{\"language\":\"c\",\"blocks\":2,\"lines\":3},"
			      "{\"language\":null,\"blocks\":2,\"lines\":1}]");
	expect("words", "3");
}

static char *many(const char *unit, size_t times)
{
	size_t n = strlen(unit);
	char *text = malloc(n * times + 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	for (size_t i = 0; i < times; i++)
		memcpy(text + i * n, unit, n);
	text[n * times] = '\0';
	return text;
}

static void reading_time(void)
{
	char *text = many("word ", 1190);
	analyze(text);
	expect("words", "1190");
	expect("reading_minutes", "5.0");
	expect("words_per_minute", "238");
	free(text);
}

/* A list that does not fit is cut at one place, and the others are still there. */
static void too_many_for_a_result(void)
{
	char *text = many("# \001\001\001\"\n[](u)![](i)\n", 50000);
	analyze(text);
	json_t *left = json_object_get(result, "left_out");
	size_t kept = json_array_size(json_object_get(result, "headings"));
	CU_ASSERT(kept > 1000);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(left, "headings")),
			50000 - (json_int_t)kept);
	CU_ASSERT(json_array_size(json_object_get(result, "links")) > 1000);
	CU_ASSERT(json_array_size(json_object_get(result, "images")) > 1000);
	free(text);
}

static void front_matter_too_large(void)
{
	char *json = many("[1,2,3,4]", 200000);
	const struct front front = {.json = json, .json_size = strlen(json)};
	analyze_front("# x\n", &front);
	expect("front_matter", "null");
	expect("left_out", "{\"front_matter\":1}");
	free(json);
}

static void long_texts_are_cut(void)
{
	char *text = many("\xC3\xBC", 5000);
	char heading[10010];
	snprintf(heading, sizeof heading, "# %s\n", text);
	analyze(heading);
	const char *title = json_string_value(json_object_get(result, "title"));
	CU_ASSERT_EQUAL(strlen(title), 500);
	free(text);
}

/* ---- compliance ---- */

static void headings(void)
{
	check("# A\n\n## B\n\n### C\n\n## D\n", "", "");
	check("## B\n\n#### D\n\n# A\n\n## X\n", "", "3 heading_order");
	expect_text(fault_text(0), "level 4 after level 2: D");
	check("# A\n\nB\n===\n\n# C\n", "", "3 several_h1, 6 several_h1");
	expect_text(fault_text(0), "another first-level heading after line 1: B");
	check("    # code\n\n```\n# code\n### code\n```\n", "", "");
}

static void images(void)
{
	check("![a](x)\n\n![](y) ![ ](z)\n![`c`](w)\n", "", "3 image_alt, 3 image_alt");
	expect_text(fault_text(0), "image without alt text: y");
	check("[![](y)](u)\n", "", "1 image_alt");
}

static void links(void)
{
	check("<https://a.b> [https://a.b](https://a.b) `http://c.d`\n\n    http://e\n", "", "");
	check("see\nhttps://a.b/c_d*e.\nand www.x.org, xwww.y.org (ftp://f)\n", "",
	      "2 bare_url, 3 bare_url, 3 bare_url");
	expect_text(fault_text(0), "bare URL: https://a.b/c_d*e");
	expect_text(fault_text(2), "bare URL: ftp://f");
	check("http:// https://. www. HTTP://A\n", "", "1 bare_url");
	check("[a]()\n[b](#)\n\n[](u) [`c`](u) [![i](j)](u)\n", "",
	      "1 empty_link, 2 empty_link, 4 empty_link");
	expect_text(fault_text(0), "link without a target: a");
	expect_text(fault_text(2), "link without a text: u");
}

static void sections(void)
{
	const char *rules = "Write well.\n Required Sections: Introduction , licence,\n"
			    "required sections: \xC3\x9C"
			    "ber uns\n";
	check("# Introduction\n\n## 2. LICENCE and more\n\n## \xC3\xBC"
	      "ber  *uns*\n",
	      rules, "");
	check("# Introductions\n\nlicence\n", rules,
	      "- required_section, - required_section, - required_section");
	expect_text(fault_text(1), "there is no section: licence");
	check("", rules, "- required_section, - required_section, - required_section");
}

static void banned(void)
{
	const char *rules = "banned terms: foo, Bar  Baz\n";
	check("A **fo**o and food.\n\nThis is bar\nbaz, and FOO\n", rules,
	      "1 banned_term, 3 banned_term, 4 banned_term");
	expect_text(fault_text(1), "banned term: Bar  Baz");
	check("# Foo\n\n![foo](x) `foo`\n\n```foo\nfoo\n```\n\n<b foo>\n", rules,
	      "1 banned_term, 3 banned_term, 3 banned_term");
	check("foo\n", "banned terms:\nbanned terms: , ,\nno banned terms: foo\n", "");
}

/* Lines count from the first one of the file, whatever stood before the text. */
static void lines_of_the_file(void)
{
	check_from("# A\n\n- x\n- y ![](i)\n\n# B\n", 11, "");
	expect_text(faults(), "14 image_alt, 16 several_h1");
}

static void too_many_faults(void)
{
	char *text = many("![](i)\n", 20000);
	check_from(text, 1, "required sections: X");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(result, "fault_count")), 20001);
	expect("by_rule", "{\"image_alt\":20000,\"required_section\":1}");
	expect("left_out", "{\"faults\":15000}");
	json_t *last = json_array_get(json_object_get(result, "faults"), 5000);
	expect_text(json_string_value(json_object_get(last, "rule")), "required_section");
	free(text);
}

static void too_many_rules(void)
{
	char why[200];
	struct rules rules = {.folded = OUT_INIT};
	char *terms = many("a,", 201), *text = malloc(600);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	snprintf(text, 600, "banned terms: %s", terms);
	CU_ASSERT_EQUAL(rules_read(&rules, text, strlen(text), why, sizeof why), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "at most 200"));
	rules_release(&rules);
	free(terms);
	free(text);
}

/* Of what stands in itself without end only so much is looked at. */
static void deep(void)
{
	char *open = many("![", 20000), *shut = many("](a)", 20000);
	char *text = malloc(strlen(open) + strlen(shut) + 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	strcpy(text, open);
	strcat(text, shut);
	analyze(text);
	check_from(text, 1, "");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(result, "fault_count")), 20000);
	free(open);
	free(shut);
	free(text);
	text = many("> - ", 50000);
	analyze(text);
	check(text, "", "");
	free(text);
}

void add_content_suite(void);

void add_content_suite(void)
{
	CU_pSuite s = CU_add_suite_with_setup_and_teardown("content", begin, end, NULL, leave);
	CU_add_test(s, "words and characters", words);
	CU_add_test(s, "bytes that are no UTF-8", broken_utf8);
	CU_add_test(s, "whole words, folded", whole_words);
	CU_add_test(s, "titles", titles);
	CU_add_test(s, "headings, links and images", lists);
	CU_add_test(s, "blocks of code by language", code);
	CU_add_test(s, "reading time", reading_time);
	CU_add_test(s, "more than a result holds", too_many_for_a_result);
	CU_add_test(s, "front matter that is too large", front_matter_too_large);
	CU_add_test(s, "long texts are cut", long_texts_are_cut);
	CU_add_test(s, "order of headings", headings);
	CU_add_test(s, "images without alt text", images);
	CU_add_test(s, "bare and empty links", links);
	CU_add_test(s, "required sections", sections);
	CU_add_test(s, "banned terms", banned);
	CU_add_test(s, "lines of the file", lines_of_the_file);
	CU_add_test(s, "too many faults", too_many_faults);
	CU_add_test(s, "too many rules", too_many_rules);
	CU_add_test(s, "what stands in itself", deep);
}
