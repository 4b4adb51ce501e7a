/* The local analysis of documents. */
#include <CUnit/CUnit.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "analysis.h"
#include "mdx.h"
#include "text.h"

static json_t *result;

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
	char why[WHY_MAX];
	struct document d;
	struct out out = OUT_INIT;
	struct rules rules = {.folded = OUT_INIT};
	if (*instructions)
		CU_ASSERT_EQUAL_FATAL(rules_read(&rules, instructions, strlen(instructions), why),
				      0);
	CU_ASSERT_EQUAL_FATAL(document_open(&d, text, strlen(text), line), 0);
	CU_ASSERT_EQUAL(compliance_write(&d, &(struct front){.title = NULL}, &rules, &out), 0);
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
	if (strcmp(faults(), wanted) != 0)
		fprintf(stderr, "    of %s\n", text);
	expect_text(faults(), wanted);
}

static const char *fault_text(size_t i)
{
	const json_t *fault = json_array_get(json_object_get(result, "faults"), i);
	return json_string_value(json_object_get(fault, "text"));
}

/* ---- words ---- */

static void expect_words(const char *text, int words, int estimated, int characters)
{
	struct text_counts counts = {0};
	CU_ASSERT_EQUAL(text_count(text, strlen(text), &counts), 0);
	if (counts.words != words || counts.estimated != estimated)
		fprintf(stderr, "    %s: %d words, %d of them estimated\n", text, (int)counts.words,
			(int)counts.estimated);
	CU_ASSERT_EQUAL(counts.words, words);
	CU_ASSERT_EQUAL(counts.estimated, estimated);
	if (counts.characters != characters)
		fprintf(stderr, "    %s: %d characters\n", text, (int)counts.characters);
	CU_ASSERT_EQUAL(counts.characters, characters);
}

/* As a person would count, and Intl.Segmenter of ICU 74 does, but for ideographs. */
static void words(void)
{
	expect_words("", 0, 0, 0);
	expect_words("one two  three", 3, 0, 14);
	expect_words("don't stop - it’s 12.5 %", 4, 0, 24);
	expect_words("naïve Ärger", 2, 0, 11);
	expect_words("e\u0301té", 1, 0, 4); /* a mark of its own */
	expect_words("well-known, x_y and example.com", 5, 0, 31);
	expect_words("Да x\u00A0y", 3, 0, 6);	    /* a no-break space */
	expect_words("😀 ok", 1, 0, 4);		    /* an emoji is none */
	expect_words("soft\u00ADware", 1, 0, 9);    /* a soft hyphen */
	expect_words("می\u200Cخواهم", 1, 0, 8);	    /* Persian: a joiner in a word */
	expect_words("क्\u200Dष ক্\u200Dষ", 2, 0, 9); /* and one in India */
	expect_words("हिन्दी भाषा", 2, 0, 11);
	expect_words("काम और काम्य", 3, 0, 12);
	expect_words("தமிழ் மொழி", 2, 0, 10);
	expect_words("বাংলা ভাষা।", 2, 0, 11);
	expect_words("ಕನ್ನಡ മലയാളം తెలుగు ગુજરાતી ਪੰਜਾਬੀ සිංහල", 6, 0, 40);
	expect_words("עִבְרִית العَرَبِيَّة", 2, 0, 21);
	expect_words("བོད་སྐད།", 2, 0, 8); /* Tibetan writes a mark between syllables */
	expect_words("한국어 문서", 2, 0, 6);
}

/* Without blanks: a character each, but for Katakana; or an estimate, and said so. */
static void words_without_blanks(void)
{
	expect_words("語言 AI", 3, 0, 5);
	expect_words("カメラとレンズ", 3, 0, 7);
	expect_words("ｶﾒﾗ", 1, 0, 3);
	expect_words("การทดสอบ", 3, 3, 8); /* 8 letters: 2.5, and two in truth */
	expect_words("ที่ ไม่", 2, 2, 7);
	expect_words("ภาษาไทย 2024", 3, 2, 12);
	expect_words("ភាសាខ្មែរ", 2, 2, 9);
	expect_words("ភាសា\u200Bខ្មែរ\u200Bនេះ", 3, 0, 14); /* divided by whoever wrote it */
	expect_words("ພາສາລາວ", 2, 2, 7);
	expect_words("မြန်မာဘာသာ", 2, 2, 10);
}

static void broken_utf8(void)
{
	struct text_counts counts = {0};
	CU_ASSERT_EQUAL(text_count("a \xE2\x80", 4, &counts), 0);
	CU_ASSERT_EQUAL(counts.words, 1);
	CU_ASSERT_EQUAL(text_find("\x80", 1, 0, "x", 1), -1);
	CU_ASSERT_EQUAL(text_cut("aa\xE2", 3, 2), 2);
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
	CU_ASSERT_EQUAL(find("Übel", "übel"), 0);
	CU_ASSERT_EQUAL(find("übels", "übel"), -1);
	CU_ASSERT_EQUAL(find("aübel", "übel"), -1);
	CU_ASSERT_EQUAL(find("belü", "bel"), -1);
	CU_ASSERT_EQUAL(find("soft\u00ADware", "software"), 0);
	CU_ASSERT_EQUAL(find("well\u2011known", "well-known"), 0);
	CU_ASSERT_EQUAL(find("I don’t", "don't"), 2);
	CU_ASSERT_EQUAL(find("I don't", "don’t"), 2);
	CU_ASSERT_EQUAL(find("in C++, not C", "c++"), 3);
	CU_ASSERT_EQUAL(find("in C++", "c"), 3);
	CU_ASSERT_EQUAL(find("Node.js", "node"), 0);
	CU_ASSERT_EQUAL(find("Weir™ and x²", "weir"), 0);
	CU_ASSERT_EQUAL(find("Weir™ and x²", "x"), 12);
}

/* Marks, and what joins two letters, belong to the word. */
static void words_of_all_scripts(void)
{
	CU_ASSERT_EQUAL(find("काम्य", "काम"), -1);
	CU_ASSERT_EQUAL(find("और काम।", "काम"), 7);
	CU_ASSERT_EQUAL(find("हिन्दी", "हिन्"), -1);
	CU_ASSERT_EQUAL(find("कि", "क"), -1);
	CU_ASSERT_EQUAL(find("e\u0301t", "e"), -1);
	CU_ASSERT_EQUAL(find("日本語", "本"), 3);
	CU_ASSERT_EQUAL(find("カメラ店", "カメラ"), 0);
	CU_ASSERT_EQUAL(find("カメラ", "カメ"), -1);
	CU_ASSERT_EQUAL(find("การทดสอบ", "ทดสอบ"), 9); /* it may stand within: no dictionary */
	CU_ASSERT_EQUAL(find("ที่", "ท"), -1);
	CU_ASSERT_EQUAL(find("ខ្មែរ", "មែរ"), -1); /* M is below KH */
	CU_ASSERT_EQUAL(find("می\u200Cخواهم", "می"), -1);
	CU_ASSERT_EQUAL(find("می\u200Cخواهم", "میخواهم"), 0);
}

static void folded_forms(void)
{
	CU_ASSERT_EQUAL(find("cafe\u0301", "CAFÉ"), 0);
	CU_ASSERT_EQUAL(find("CAFÉ", "cafe\u0301"), 0);
	CU_ASSERT_EQUAL(find("café", "cafe"), -1);
	CU_ASSERT_EQUAL(find("\u1112\u1161\u11AB", "한"), 0);
	CU_ASSERT_EQUAL(find("STRASSE", "straße"), 0);
	CU_ASSERT_EQUAL(find("Straße", "STRASSE"), 0);
	CU_ASSERT_EQUAL(find("ΟΔΟΣ", "οδος"), 0);
	CU_ASSERT_EQUAL(find("οδος", "ΟΔΟΣ"), 0);
	CU_ASSERT_EQUAL(find("İSTANBUL", "istanbul"), 0);
	CU_ASSERT_EQUAL(find("Istanbul", "İstanbul"), 0);
	CU_ASSERT_EQUAL(find("ＷＥＩＲ", "weir"), 0);
	CU_ASSERT_EQUAL(find("ﬁne", "fine"), 0);
	CU_ASSERT_EQUAL(find("ｶﾞｽ", "ガス"), 0);
	CU_ASSERT_EQUAL(find("a\u3000b", "a b"), 0);
	CU_ASSERT_EQUAL(find("ক\u09CBন", "ক\u09C7\u09BEন"), 0); /* one vowel sign, or its parts */
}

static void cuts(void)
{
	CU_ASSERT_EQUAL(text_cut("abc", 3, 5), 3);
	CU_ASSERT_EQUAL(text_cut("aé", 3, 2), 1);
	CU_ASSERT_EQUAL(text_cut("ae\u0301b", 5, 2), 1);
	CU_ASSERT_EQUAL(text_cut("हिन्दी", strlen("हिन्दी"), 8), 6);
	CU_ASSERT_EQUAL(text_cut("👩\u200D👩\u200D👧x", strlen("👩\u200D👩\u200D👧x"), 18), 18);
	CU_ASSERT_EQUAL(text_cut("x👩\u200D👩\u200D👧", strlen("x👩\u200D👩\u200D👧"), 18), 1);
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
	const struct front folded = {.title = " Folded \n in\ttwo\n", .title_size = 17};
	const struct front blank = {.title = " \n", .title_size = 2};
	analyze_front("# other\n", &folded);
	expect("title", "\"Folded in two\"");
	analyze_front("#\n\n# other\n", &blank);
	expect("title", "\"other\"");
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
	expect("words", "8"); /* A; one two; a.b, and its scheme; alt; B; x */
	expect("left_out", "null");
}

static void code(void)
{
	analyze("```c\na\nb\n```\n\n~~~ {c}\n~~~\n\n```c title=x\nc\n```\n\n    indented\n\n"
		"text `inline code`\n");
	expect("code_blocks", "[{\"language\":\"c\",\"blocks\":3,\"lines\":3},"
			      "{\"language\":null,\"blocks\":1,\"lines\":1}]");
	expect("words", "3");
}

static void code_languages(void)
{
	static const struct {
		const char *info, *language;
	} infos[] = {
		{"python", "\"python\""},
		{"rust,ignore", "\"rust\""},
		{"js{1,3}", "\"js\""},
		{"js:title", "\"js\""},
		{"c++", "\"c++\""},
		{"python {.line-numbers}", "\"python\""},
		{"{r}", "\"r\""},
		{"{r, echo=FALSE}", "\"r\""},
		{"{r setup, include=FALSE}", "\"r\""},
		{"{python echo=FALSE}", "\"python\""},
		{"{.python}", "\"python\""},
		{" {.python .numberLines}", "\"python\""},
		{"{#id .haskell}", "\"haskell\""},
		{"{=html}", "\"html\""},
		{"{{r}}", "\"r\""},
		{"{code-block} python", "\"python\""},
		{"{title=\"x\"}", "null"},
		{"{}", "null"},
		{"{", "null"},
	};
	char text[200], wanted[200];
	for (size_t i = 0; i < sizeof infos / sizeof *infos; i++) {
		snprintf(text, sizeof text, "```%s\n1\n```\n", infos[i].info);
		snprintf(wanted, sizeof wanted, "[{\"language\":%s,\"blocks\":1,\"lines\":1}]",
			 infos[i].language);
		analyze(text);
		expect("code_blocks", wanted);
	}
}

static void html(void)
{
	analyze("<h1 align=\"center\">Proj &amp; <b>Co</b></h1>\n\n<p>\n <a href='u?a=1&amp;b'>One "
		"two</a><br>three\n</p>\n\n<!-- not this -->\n<img src=\"a.png\" ALT=\"alt\">"
		"<style>p {}</style>\n\nText <img src=b.png> and caf&eacute;<br>x<sup>2</sup>.\n");
	expect("title", "\"Proj & Co\"");
	expect("headings", "[{\"level\":1,\"text\":\"Proj & Co\",\"line\":1}]");
	expect("links", "[{\"url\":\"u?a=1&b\",\"text\":\"One two\",\"line\":4}]");
	expect("images", "[{\"url\":\"a.png\",\"alt\":\"alt\",\"line\":8},"
			 "{\"url\":\"b.png\",\"alt\":\"\",\"line\":10}]");
	expect("words", "10");
	analyze("<h2>\n\nA *b*\n\n</h2>\n\n<a href=x>\n\n![i](j)\n\n</a>\n");
	expect("headings", "[{\"level\":2,\"text\":\"A b\",\"line\":1}]");
	expect("links", "[{\"url\":\"x\",\"text\":\"i\",\"line\":7}]");
	/* what is open in a heading ends with it, and before its attributes are cut off */
	analyze("# A <h2>{#x}\n\nB\n");
	expect("headings", "[{\"level\":2,\"text\":\"{#x}\",\"line\":1},"
			   "{\"level\":1,\"text\":\"A\",\"line\":1}]");
	analyze("<a name=x></a>\n<pre>code here</pre>\n<div>5 < 6 and <b </div>\n");
	expect("links", "[]");
	expect("headings", "[]");
}

static void attributes(void)
{
	analyze("## Install {#install}\n\n# A {.c k=\"v w\"}\n\n# B {: .d #e }\n{: .f}\n\n"
		"# C `{#x}`\n\n# {#only}\n\n# D {{ x }}\n\n# {#if ...}\n\nE {-}\n===\n\n"
		"[l](u){target=_blank} ![i](j){width=50%} `c`{.r}\n{:toc}\n");
	expect("headings", "[{\"level\":2,\"text\":\"Install\",\"line\":1},"
			   "{\"level\":1,\"text\":\"A\",\"line\":3},"
			   "{\"level\":1,\"text\":\"B\",\"line\":5},"
			   "{\"level\":1,\"text\":\"C {#x}\",\"line\":8},"
			   "{\"level\":1,\"text\":\"\",\"line\":10},"
			   "{\"level\":1,\"text\":\"D {{ x }}\",\"line\":12},"
			   "{\"level\":1,\"text\":\"{#if ...}\",\"line\":14},"
			   "{\"level\":1,\"text\":\"E\",\"line\":16}]");
	expect("title", "\"A\"");
	expect("words", "12");
	check("# Install {#licence}\n\nx [a](b){.foo}\n",
	      "required sections: licence\nbanned terms: foo", "- required_section");
}

static void expect_mdx(const char *text, const char *wanted)
{
	struct out out = OUT_INIT;
	mdx_read(text, strlen(text), &out);
	out_add(&out, "", 1);
	CU_ASSERT_FATAL(!out.failed);
	expect_text(out.data, wanted);
	out_release(&out);
}

/* Lines stay where they were. */
static void mdx(void)
{
	expect_mdx("import A from 'a'\nimport {\n B\n} from \"b\"\n\nexport const c = {\n\n d: "
		   "1\n}\n\n# T\n",
		   "\n\n\n\n\n\n\n\n\n\n# T\n");
	expect_mdx("import it as you like\n\nexport by mail\n",
		   "import it as you like\n\nexport by mail\n");
	expect_mdx("a {x.map(y => <b>{y}</b>)} b {/* c\nd */}\n", "a  b \n\n");
	expect_mdx(
		"<Tabs>\n    <Tab label=\"x\">\n        text `{y}`\n    </Tab>\n</Tabs>\n    z\n",
		" \n \ntext `{y}`\n \n \nz\n");
	expect_mdx("<img src={a.b} alt=\"c\" {...d} /> <a href={`/${e}`}>f</a> <G.H i={1 > 0}/>\n",
		   "<img src=\"a.b\" alt=\"c\"  /> <a href=\"`/${e}`\">f</a>  \n");
	expect_mdx("<A>\n```js\n  {x} <b>\n  ```\n</A>\n", " \n```js\n  {x} <b>\n```\n \n");
	expect_mdx("5 < 6 \\{x\\} {open\n", "5 < 6 \\{x\\} {open\n");
	expect_mdx("<>a</>\n", " a \n");
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

static void html_faults(void)
{
	check("<h1>A</h1>\n\n<h3>C</h3>\n\n# B\n", "", "3 heading_order, 5 several_h1");
	check("<img src=\"x.png\">\n\nText <img src=y> <img src=z alt=\"\"> <img src=w "
	      "alt=a>\n",
	      "", "1 image_alt, 3 image_alt");
	check("<a href=\"\">x</a> <a name=y></a>\n\n<a href=u></a>\n<a href=v><img src=i "
	      "alt=j></a>\n",
	      "", "1 empty_link, 3 empty_link");
	check("See <a href=\"https://a.b\">https://a.b</a> <kbd>https://c.d</kbd>\n"
	      "<code>www.e.f</code> https://g.h\n\n<p>\n<a href=u>www.i.j</a>\nhttp://k.l\n</p>\n",
	      "", "2 bare_url, 6 bare_url");
	check("<h2>Licence</h2>\n\n<p>bar\nfoo &amp; <b>fo</b>o</p>\n<pre>foo</pre>\n",
	      "required sections: licence\nbanned terms: foo", "4 banned_term, 4 banned_term");
}

/* Behind all that holds an end of a line. */
static void lines_behind(void)
{
	static const struct {
		const char *text, *faults;
	} cases[] = {
		{"foo\nhttps://a.b\n", "2 bare_url"},
		{"foo\\\nbar [x](https://a.b) https://c.d\n\nhard  \nbreak https://e.f\n",
		 "2 bare_url, 5 bare_url"},
		{"a\\\nb\\\nc\nhttps://a.b\n", "4 bare_url"},
		{"`multi\nline` https://a.b\nhttps://c.d\n", "2 bare_url, 3 bare_url"},
		{"``a\n`\nb``\n**x** https://a.b\n", "4 bare_url"},
		{"[r]: https://r.s\nText https://a.b\n", "2 bare_url"},
		{"[r]: /u\n\"title\"\n[s]:\n/v\nText\nhttps://a.b\n", "6 bare_url"},
		{"[r]: /u\nHead https://a.b\n===\n", "2 bare_url"},
		{"[a](u\n\"t\nt\") https://a.b\nhttps://c.d\n", "3 bare_url, 4 bare_url"},
		{"[a\nb](u) https://a.b\n", "2 bare_url"},
		{"x [a][b\nc] https://a.b\n\n[b c]: /u\n", "2 bare_url"},
		{"![a\nb](u\n't') https://a.b\n", "3 bare_url"},
		{"<b\nclass=x> https://a.b\n", "2 bare_url"},
		{"a <https://x.y>\n<https://x.z> b\nhttps://a.b\n", "3 bare_url"},
		{"- a\n  b\\\n  c https://a.b\n", "3 bare_url"},
		{"> a `x\n> y`\nlazy https://a.b\n", "3 bare_url"},
		{"> - [r]: /u\n>   a\\\n>   https://a.b\n", "3 bare_url"},
		{"a\r\nb\\\r\nc `d\r\ne` https://a.b\r\n", "4 bare_url"},
		{"a\rb\\\rhttps://a.b\r", "3 bare_url"},
		{"a\n    https://a.b\n\tb https://c.d\n", "2 bare_url, 3 bare_url"},
		{"&amp;&copy;\\* a\\\nb https://a.b\n", "2 bare_url"},
		{"![](i)\\\n![](j) `a\nb` ![](k)\n", "1 image_alt, 2 image_alt, 3 image_alt"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check(cases[i].text, "", cases[i].faults);
	check("*a\\\nfoo* `x\ny` foo\n", "banned terms: foo", "2 banned_term, 3 banned_term");
}

static void sections(void)
{
	const char *rules = "# Write well.\n Required Sections: Introduction , licence,\n"
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
}

/* A line that is no rule is refused, and so is what would be a term that no text has. */
static void refused_rules(void)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "custom_instructions has no rule"},
		{" \n\n# banned terms: x\n", "custom_instructions has no rule"},
		{"banned terms: a\nbanned words: x",
		 "line 2 of custom_instructions, \"banned words: x\", is no rule"},
		{"banned terms x", "is no rule; the rules are \"required sections: A, B\" and"},
		{"banned terms = x", "is no rule"},
		{"no banned terms: foo", "is no rule"},
		{"{\"banned terms\": [\"x\"]}", "is no rule"},
		{"Verbotene Wörter: x", "is no rule"},
		{"Never say: x", "is no rule"},
		{"> banned terms: x", "is no rule"},
		{"banned terms:\n- x",
		 "line 1 of custom_instructions, \"banned terms:\", has an empty list"},
		{"banned terms: , ;、", "has an empty list"},
		{"banned terms: x,\n y", "line 2 of custom_instructions, \"y\", is no rule"},
		{"banned terms: x, ...", "without any letter or digit: \"...\""},
		{"banned terms: x, \"!\"", "without any letter or digit: \"!\""},
		{"banned terms: a | b", "has marks"},
		{"banned terms: [a, b]", "has marks"},
		{"banned terms: (a, b)", "has marks"},
		{"banned terms: (a)", "has marks"},
		{"banned terms: <b>a</b>", "has marks"},
		{"banned terms: a\\nrequired sections b", "has marks"},
		{"banned terms: \"a, b", "has marks"},
		{"banned terms: a\", b", "has marks"},
		{"banned terms: guarantee*", "has marks"},
		{"banned terms:: a", "has marks"},
		{"**banned terms: a**", "has marks"},
		{"banned terms: risk-free.", "has marks"},
		{"banned terms: - a", "has marks"},
		{"banned terms: \"a\" \"b\"", "has marks"},
		{"banned terms: a and b", "may be one term or two"},
		{"banned terms: a OR b", "may be one term or two"},
		{"banned terms: a \u2013 b", "may be one term or two"},
		{"banned terms: \u5143\u672C\u3000\u4FDD\u8A3C", "may be one term or two"},
		{"banned terms: AT&amp;T", "has marks"},
		{"required sections: ## A", "has marks"},
		{"banned terms: a; required sections: b", "is two rules"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char why[WHY_MAX];
		struct rules rules = {.folded = OUT_INIT};
		CU_ASSERT_EQUAL(rules_read(&rules, cases[i].text, strlen(cases[i].text), why), -1);
		if (!strstr(why, cases[i].says))
			fprintf(stderr, "    %s\n    says not: %s\n", why, cases[i].says);
		CU_ASSERT_PTR_NOT_NULL(strstr(why, cases[i].says));
		rules_release(&rules);
	}
}

/* However it is written, foo and then bar are banned. */
static void spelled_rules(void)
{
	static const char *const rules[] = {
		"banned terms: foo, bar",
		"Banned Term :foo,bar",
		"banned_terms: foo\r\nbanned-term: bar\r\n",
		"BANNED TERMS： foo， bar",
		"﻿banned terms: foo; bar;",
		"bannedTerms: foo、bar",
		"banned terms: foo، bar؛",
		"banned terms: foo；bar",
		"- banned terms: foo\n* banned terms: bar",
		"**banned terms**: foo, bar",
		"- **Banned terms:** foo, bar",
		"__banned terms:__ foo, bar",
		"banned terms: \"foo\", 'bar'",
		"banned terms: “foo”, «bar»",
		"banned terms: `foo`, **bar**",
		"banned terms: 「foo」、「bar」",
		"# of marketing\n\nbanned terms: foo\rbanned terms: bar",
	};
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		check("# A\n\nfoo\n\nbar\n", rules[i], "3 banned_term, 5 banned_term");
	check("terms and conditions, a b\n", "banned terms: \"terms and conditions\", \"a, b\"",
	      "1 banned_term");
	check("x a, b\n", "banned terms: \"a, b\"", "1 banned_term");
	check("# Terms and conditions\n", "required section: Terms and Conditions", "");
	check("C++ and C# (not .NET), don't\n", "banned terms: C++, C#, .NET, don't",
	      "1 banned_term, 1 banned_term, 1 banned_term, 1 banned_term");
	expect("checked", "{\"required_sections\":0,\"banned_terms\":4}");
}

/* Wherever a reader sees it. */
static void banned_everywhere(void)
{
	static const struct {
		const char *text, *faults;
	} cases[] = {
		{"# D\n\n<p>foo</p>\n", "3 banned_term"},
		{"<details>\n<summary>foo</summary>\nx <b>foo</b>\n</details>\n",
		 "2 banned_term, 3 banned_term"},
		{"<table>\n<tr><td>foo</td></tr>\n</table>\n", "2 banned_term"},
		{"<img src=a alt=\"a foo\">\n", "1 banned_term"},
		{"<Callout>\nfoo\n</Callout>\n", "2 banned_term"},
		{"<Callout>foo</Callout> <span title=foo>x</span>\n", "1 banned_term"},
		{"<!-- foo -->\n<script>foo</script>\n", ""},
		{"| a | b |\n|---|---|\n| foo | x |\n", "3 banned_term"},
		{"x[^1]\n\n[^1]: foo\n", "3 banned_term"},
		{"x[^n]\n\n> - [^n]:\n>   foo\n", "4 banned_term"},
		{"x[^1]\r\n\r\n[^1]: foo\r\n[^2]: <foo>\r\n", "3 banned_term"},
		{"[^1]: a\n\n    foo\n    foo\n\nx\n\n    foo\n", "3 banned_term, 4 banned_term"},
		{"[^1]: a\n\n    ```\n    foo\n    ```\n\nfoo\n", "7 banned_term"},
		{"```\n[^1]: a\n```\n    foo\n\nfoo\n", "6 banned_term"},
		{"[x](u \"a foo\")\n", "1 banned_term"},
		{"![x](u 'foo')\n", "1 banned_term"},
		{"a\n[x]\n\n[x]: u \"foo\"\n", "2 banned_term"},
		{"```\nfoo\n```\n\n    foo\n\n[x](foo) `foo`\n", "7 banned_term"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check(cases[i].text, "banned terms: foo", cases[i].faults);
	analyze("x[^1]\n\n[^1]: foo\n");
	expect("links", "[]");
}

static void banned_in_front(void)
{
	const struct front front = {.title = "A Foo",
				    .title_size = 5,
				    .description = "bar, foo",
				    .description_size = 8};
	const char *told = "banned terms: foo, bar";
	char why[WHY_MAX];
	struct document d;
	struct out out = OUT_INIT;
	struct rules rules = {.folded = OUT_INIT};
	CU_ASSERT_EQUAL_FATAL(rules_read(&rules, told, strlen(told), why), 0);
	CU_ASSERT_EQUAL_FATAL(document_open(&d, "x", 1, 1), 0);
	CU_ASSERT_EQUAL(compliance_write(&d, &front, &rules, &out), 0);
	document_close(&d);
	rules_release(&rules);
	take(&out);
	expect_text(faults(), "- banned_term, - banned_term, - banned_term");
	expect_text(fault_text(0), "banned term in the front matter's title: foo");
	expect_text(fault_text(2), "banned term in the front matter's description: bar");
}

/* As scripts are written, and lines are broken. */
static void banned_in_scripts(void)
{
	static const struct {
		const char *term, *text, *faults;
	} cases[] = {
		{"risk-free", "risk–free risk−free risk﹣free risk-\nfree\n",
		 "1 banned_term, 1 banned_term, 1 banned_term, 1 banned_term"},
		{"risk—free", "a\nrisk-\nfree\n", "2 banned_term"},
		{"\"pre- and post-tax\"", "pre- and\npost-\ntax\n", "1 banned_term"},
		{"\"a - b\"", "x a -\nb\n", "1 banned_term"},
		{"free", "risk- free\n", "1 banned_term"},
		{"元本保証", "x元本\n保証\n", "1 banned_term"},
		{"保証", "元本\n保証\n", "2 banned_term"},
		{"مضمون", "مَضْمُون\nمضــمون\n", "1 banned_term, 2 banned_term"},
		{"مَضْمُون", "مضمون\n", "1 banned_term"},
		{"كتابي", "کتابی\n", "1 banned_term"},
		{"שלום", "שָׁלוֹם\n", "1 banned_term"},
		{"εγγύηση", "ΕΓΓΥΗΣΗ\n", "1 banned_term"},
		{"λόγος", "ΛΟΓΟΣ λόγος\n", "1 banned_term, 1 banned_term"},
		{"น้ำ", "นํ้า\nน้ํา\n", "1 banned_term, 2 banned_term"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char rule[200];
		snprintf(rule, sizeof rule, "banned terms: %s", cases[i].term);
		check(cases[i].text, rule, cases[i].faults);
	}
	check("# مُقَدِّمَة\n", "required sections: مقدمة", "");
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
	char why[WHY_MAX];
	struct rules rules = {.folded = OUT_INIT};
	char *terms = many("a,", 201), *text = malloc(600);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	snprintf(text, 600, "banned terms: %s", terms);
	CU_ASSERT_EQUAL(rules_read(&rules, text, strlen(text), why), -1);
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
	CU_pSuite s = CU_add_suite_with_setup_and_teardown("content", NULL, NULL, NULL, leave);
	CU_add_test(s, "words and characters", words);
	CU_add_test(s, "words without blanks", words_without_blanks);
	CU_add_test(s, "bytes that are no UTF-8", broken_utf8);
	CU_add_test(s, "whole words, folded", whole_words);
	CU_add_test(s, "words of all scripts", words_of_all_scripts);
	CU_add_test(s, "folded forms", folded_forms);
	CU_add_test(s, "what is shown of a text", cuts);
	CU_add_test(s, "titles", titles);
	CU_add_test(s, "headings, links and images", lists);
	CU_add_test(s, "blocks of code by language", code);
	CU_add_test(s, "languages of code", code_languages);
	CU_add_test(s, "HTML", html);
	CU_add_test(s, "attributes", attributes);
	CU_add_test(s, "MDX", mdx);
	CU_add_test(s, "reading time", reading_time);
	CU_add_test(s, "more than a result holds", too_many_for_a_result);
	CU_add_test(s, "front matter that is too large", front_matter_too_large);
	CU_add_test(s, "long texts are cut", long_texts_are_cut);
	CU_add_test(s, "order of headings", headings);
	CU_add_test(s, "images without alt text", images);
	CU_add_test(s, "bare and empty links", links);
	CU_add_test(s, "faults in HTML", html_faults);
	CU_add_test(s, "lines behind ends of lines", lines_behind);
	CU_add_test(s, "required sections", sections);
	CU_add_test(s, "banned terms", banned);
	CU_add_test(s, "rules that are refused", refused_rules);
	CU_add_test(s, "rules however spelled", spelled_rules);
	CU_add_test(s, "banned terms wherever they are", banned_everywhere);
	CU_add_test(s, "banned terms in front matter", banned_in_front);
	CU_add_test(s, "banned terms as scripts are written", banned_in_scripts);
	CU_add_test(s, "lines of the file", lines_of_the_file);
	CU_add_test(s, "too many faults", too_many_faults);
	CU_add_test(s, "too many rules", too_many_rules);
	CU_add_test(s, "what stands in itself", deep);
}
