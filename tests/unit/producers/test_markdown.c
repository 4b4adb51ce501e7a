/* Documents in files and folders. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
	snprintf(root, sizeof root, FOLDER "/markdown-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root));
	CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(was, sizeof was));
	CU_ASSERT_EQUAL_FATAL(chdir(root), 0);
}

static void leave(void)
{
	char command[2 * sizeof root + 64];
	source_markdown.close(s);
	s = NULL;
	CU_ASSERT_EQUAL(chdir(was), 0);
	snprintf(command, sizeof command, "chmod -R u+rwx %s && rm -rf %s", root, root);
	CU_ASSERT_EQUAL(system(command), 0);
}

static void folder(const char *path) { CU_ASSERT_EQUAL_FATAL(mkdir(path, 0777), 0); }

static void file_of(const char *path, const char *data, size_t n)
{
	FILE *f = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_EQUAL(fwrite(data, 1, n, f), n);
	CU_ASSERT_EQUAL(fclose(f), 0);
}

static void file(const char *path, const char *text) { file_of(path, text, strlen(text)); }

static char one_path[256];
static char *paths[8];

static void open_paths(size_t n)
{
	CU_ASSERT_EQUAL_FATAL(source_markdown_open(paths, n, &s, &err), 0);
}

static void open_one(const char *path)
{
	snprintf(one_path, sizeof one_path, "%s", path);
	paths[0] = one_path;
	open_paths(1);
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

static void good(const char *path)
{
	enum source_status status = source_markdown.next(s, &record, &err);
	if (status == SOURCE_BAD || status == SOURCE_FAILED)
		fprintf(stderr, "    %s\n", err.text);
	CU_ASSERT_EQUAL_FATAL(status, SOURCE_RECORD);
	CU_ASSERT(is(record.record_id, path));
	CU_ASSERT(is(record.table_name, "file"));
	CU_ASSERT_EQUAL(record.line, 0);
}

static void bad(const char *begins, const char *words)
{
	CU_ASSERT_EQUAL_FATAL(source_markdown.next(s, &record, &err), SOURCE_BAD);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_record");
	if (strstr(err.text, begins) != err.text || !strstr(err.text, words))
		fprintf(stderr, "    %s\n", err.text);
	CU_ASSERT_PTR_EQUAL(strstr(err.text, begins), err.text);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
	CU_ASSERT(record.raw.data != NULL);
}

static void finish(void)
{
	CU_ASSERT_EQUAL(source_markdown.next(s, &record, &err), SOURCE_END);
	source_markdown.close(s);
	s = NULL;
}

/* One document by the name of a.md. */
static void payload(const char *text, const char *wanted)
{
	file("a.md", text);
	open_one("a.md");
	good("a.md");
	CU_ASSERT(is(record.payload, wanted));
	finish();
}

static void refuse(const char *text, const char *begins, const char *words)
{
	file("a.md", text);
	open_one("a.md");
	bad(begins, words);
	finish();
}

/* ---- documents ---- */

static void plain(void)
{
	payload("# Hi\n\"x\"\n", "{\"path\":\"a.md\",\"front_matter\":{},\"line\":1,"
				 "\"text\":\"# Hi\\n\\\"x\\\"\\n\"}");
	payload("", "{\"path\":\"a.md\",\"front_matter\":{},\"line\":1,\"text\":\"\"}");
	payload("\xEF\xBB\xBFx",
		"{\"path\":\"a.md\",\"front_matter\":{},\"line\":1,\"text\":\"x\"}");
	payload(" ---\na: 1\n---\n", "{\"path\":\"a.md\",\"front_matter\":{},\"line\":1,"
				     "\"text\":\" ---\\na: 1\\n---\\n\"}");
	payload("----\n",
		"{\"path\":\"a.md\",\"front_matter\":{},\"line\":1,\"text\":\"----\\n\"}");
}

static void front_matter(void)
{
	payload("---\ntitle: T\nn: 4\nlist: [a, true]\n---\nbody\n",
		"{\"path\":\"a.md\",\"front_matter\":{\"title\":\"T\",\"n\":4,\"list\":[\"a\",true]"
		"},"
		"\"line\":6,\"text\":\"body\\n\"}");
	payload("--- \r\na: b\r\n...\r\nbody", "{\"path\":\"a.md\",\"front_matter\":{\"a\":\"b\"},"
					       "\"line\":4,\"text\":\"body\"}");
	payload("---\n---\n", "{\"path\":\"a.md\",\"front_matter\":{},\"line\":3,\"text\":\"\"}");
	payload("---\nprice: 0.7\n---\n", /* as it was written: not 0.69999999999999996 */
		"{\"path\":\"a.md\",\"front_matter\":{\"price\":0.7},\"line\":4,\"text\":\"\"}");
	payload("---\n# c\n---", /* a heading between two rules */
		"{\"path\":\"a.md\",\"front_matter\":{},\"line\":1,"
		"\"text\":\"---\\n# c\\n---\"}");
	payload("+++\ntitle = \"T\"\n+++\nbody\n",
		"{\"path\":\"a.md\",\"front_matter\":{\"title\":\"T\"},\"line\":4,"
		"\"text\":\"body\\n\"}");
	payload("\n\n{\"title\": 404}\nbody\n",
		"{\"path\":\"a.md\",\"front_matter\":{\"title\":\"404\"},\"line\":4,"
		"\"text\":\"body\\n\"}");
}

static void own_id_and_context(void)
{
	file("a.md", "---\ncustom_id: doc_1\ncontext: {model_key: m, n: 1}\nx: y\n---\nb");
	open_one("a.md");
	good("a.md");
	CU_ASSERT(is(record.custom_id, "doc_1"));
	CU_ASSERT(is(record.context, "{\"model_key\":\"m\",\"n\":1}"));
	CU_ASSERT(is(record.payload, "{\"path\":\"a.md\",\"front_matter\":{\"x\":\"y\"},\"line\":6,"
				     "\"text\":\"b\"}"));
	CU_ASSERT(is(record.file, "a.md"));
	finish();
	payload("---\ncontext:\n---\n",
		"{\"path\":\"a.md\",\"front_matter\":{},\"line\":4,\"text\":\"\"}");
	CU_ASSERT_PTR_NULL(record.context.data);
	payload("---\ncustom_id: 7\n---\n",
		"{\"path\":\"a.md\",\"front_matter\":{},\"line\":4,\"text\":\"\"}");
}

static void faulty(void)
{
	refuse("---\na: b\n", "a.md:1: ", "no --- at its end");
	refuse("---\na: 1\nb: [\n---\n", "a.md:", "");
	refuse("---\na: 1\na: 2\n---\n", "a.md:3: ", "a");
	refuse("+++\na = 1\nb = x\n+++\n", "a.md:3: ", "quotes");
	refuse("---\nx: 1\ncontext: no\n---\n", "a.md:3: ", "context");
	refuse("---\ncustom_id: [a]\n---\n", "a.md:2: ", "custom_id");
	refuse("---\ncustom_id:\n---\n", "a.md:2: ", "custom_id");
	refuse("+++\na = 1\n\n[context.x]\n[custom_id]\n+++\n", "a.md:5: ", "custom_id");
	refuse("a\nb\n\xC3(\n", "a.md:3: ", "UTF-8");
	refuse("{\"a\": 1}\n", "a.md: ", "that is JSON and no Markdown document");
	refuse("\n[1, 2]\n[]\n", "a.md: ", "that is JSON and no Markdown document");
	refuse("{\"a\": 1}\n{\"a\": 2}\n", "a.md: ", "that is JSON and no Markdown document");
	refuse("<?xml version=\"1.0\"?>\n<a/>\n", "a.md: ", "that is XML and no Markdown document");
}

static void sizes(void)
{
	size_t n = 1024 * 1024;
	char *text = malloc(n + 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	memset(text, 'x', n + 1);
	file_of("a.md", text, n);
	file_of("b.md", text, n + 1);
	open_one(".");
	good("a.md");
	bad("./b.md: ", "1 MiB");
	CU_ASSERT(is(record.raw, "./b.md"));
	finish();
	free(text);
}

/* ---- names ---- */

static void name(const char *path, const char *id)
{
	file(path, "x");
	open_one(path);
	good(path);
	CU_ASSERT(is(record.custom_id, id));
	finish();
}

/* Names of 64 bytes at the most, and two for two. */
static void names(void)
{
	char longest[80], longer[80];
	folder("a");
	name("README.md", "README");
	name("a-b_9.md", "a-b_9");
	name("a/b.md", "a-b-6429f79a");
	name("a/b.markdown", "a-b-3fd699c4");
	name("a b.md", "a-b-99a1fad6");
	name("\xC3\xBC.md", "---99303b6a");
	memset(longest, 'n', 64);
	snprintf(longest + 64, sizeof longest - 64, ".md");
	memset(longer, 'n', 65);
	snprintf(longer + 65, sizeof longer - 65, ".md");
	file(longest, "x");
	file(longer, "x");
	open_one(longest);
	good(longest);
	CU_ASSERT_EQUAL(record.custom_id.size, 64);
	finish();
	open_one(longer);
	good(longer);
	CU_ASSERT_EQUAL(record.custom_id.size, 64);
	CU_ASSERT_EQUAL(record.custom_id.data[55], '-');
	finish();
}

/* ---- folders ---- */

static void sorted_walk(void)
{
	folder("d");
	folder("d/b");
	folder("d/.git");
	folder("d/e.md");
	file("d/c.md", "x");
	file("d/a.markdown", "x");
	file("d/B.MD", "x");
	file("d/b/z.md", "x");
	file("d/b/.y.md", "x");
	file("d/.git/x.md", "x");
	file("d/e.md/f.md", "x");
	file("d/f.mdx", "x");
	file("d/g.Rmd", "x");
	file("d/h.qmd", "x");
	file("d/i.mdown", "x");
	file("d/other.txt", "x");
	open_one("d");
	good("B.MD");
	good("a.markdown");
	good("b/z.md");
	good("c.md");
	good("e.md/f.md");
	good("f.mdx");
	good("g.Rmd");
	good("h.qmd");
	good("i.mdown");
	finish();
	open_one(".//d/");
	good("B.MD");
	CU_ASSERT(is(record.custom_id, "B-471c2896"));
	source_markdown.close(s);
	s = NULL;
}

/* With several it is said in which. */
static void several(void)
{
	folder("d");
	folder("e");
	file("d/a.md", "x");
	file("e/a.md", "x");
	file("notes", "x");
	char d[] = "d", e[] = "./e/", notes[] = ".//notes";
	paths[0] = e;
	paths[1] = d;
	paths[2] = notes;
	open_paths(3);
	good("e/a.md");
	good("d/a.md");
	good("notes");
	finish();
}

static void links(void)
{
	folder("d");
	folder("d/sub");
	folder("out");
	file("out/o.md", "x");
	file("d/sub/s.md", "x");
	CU_ASSERT_EQUAL(symlink("..", "d/sub/up"), 0);
	CU_ASSERT_EQUAL(symlink("../out", "d/away"), 0);
	CU_ASSERT_EQUAL(symlink("../out/o.md", "d/linked.md"), 0);
	CU_ASSERT_EQUAL(symlink("nowhere", "d/none.md"), 0);
	CU_ASSERT_EQUAL(symlink("d", "root"), 0);
	open_one("root");
	good("linked.md");
	bad("root/none.md: ", strerror(ENOENT));
	good("sub/s.md");
	finish();
}

static void what_is_no_file(void)
{
	folder("d");
	CU_ASSERT_EQUAL(mkfifo("d/p.md", 0666), 0);
	file("d/q.md", "x");
	open_one("d");
	good("q.md");
	finish();
	open_one("d/p.md");
	bad("d/p.md: ", "no regular file");
	finish();
	folder("empty");
	open_one("empty");
	finish();
}

static void too_deep(void)
{
	char path[256] = "d";
	for (int i = 0; i < 40; i++) {
		folder(path);
		strcat(path, "/d");
	}
	file("d/e.md", "x");
	open_one("d");
	bad("d/d/d/", "too many folders in each other");
	good("e.md");
	finish();
}

void add_markdown_suite(void);

void add_markdown_suite(void)
{
	CU_pSuite suite =
		CU_add_suite_with_setup_and_teardown("markdown", NULL, NULL, enter, leave);
	CU_add_test(suite, "plain documents", plain);
	CU_add_test(suite, "front matter", front_matter);
	CU_add_test(suite, "a custom_id and context of its own", own_id_and_context);
	CU_add_test(suite, "faulty documents", faulty);
	CU_add_test(suite, "the largest", sizes);
	CU_add_test(suite, "names from paths", names);
	CU_add_test(suite, "folders in the order of names", sorted_walk);
	CU_add_test(suite, "several folders and files", several);
	CU_add_test(suite, "symbolic links", links);
	CU_add_test(suite, "what is no file", what_is_no_file);
	CU_add_test(suite, "folders without end", too_deep);
}
