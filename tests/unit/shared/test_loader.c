/* Loading, with the plugins that the tests build, and with files that are none. */
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weir/loader.h"

#define PLUGINS WEIR_BUILD_DIR "/tests/plugins"
#define UNLOADABLE PLUGINS "/unloadable"
#define VERSIONS PLUGINS "/versions"

void add_loader_suite(void);

static struct loaded_plugin p;
static struct weir_error err;

/* ---- a folder of the test's own ---- */

static char folder[] = "/tmp/weir-test-loader.XXXXXX";
static const char *const made[] = {"sum.so",
				   "other.so",
				   "text.so",
				   "zebra.so",
				   "apple.so",
				   "Big.so",
				   ".so",
				   "README",
				   "mango.so.old",
				   "two.words.so",
				   "abcdefghijklmnopqrstuvwxyz012345.so",
				   "abcdefghijklmnopqrstuvwxyz0123456.so"};

static const char *path_of(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void make_file(const char *name, const char *text, size_t size)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, size), (ssize_t)size);
	close(fd);
}

static void copy_sum(const char *name, mode_t mode)
{
	static char bytes[8 << 20];
	FILE *f = fopen(PLUGINS "/sum.so", "r");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	size_t n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	CU_ASSERT_FATAL(n > 0 && n < sizeof(bytes));
	make_file(name, bytes, n);
	CU_ASSERT_EQUAL(chmod(path_of(name), mode), 0);
}

static void begin(void)
{
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	if (!mkdtemp(folder))
		abort();
	memset(&err, 0, sizeof(err));
	memset(&p, 0, sizeof(p));
}

static void end(void)
{
	loader_unload(&p);
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		remove(path_of(made[i]));
	CU_ASSERT_EQUAL(rmdir(folder), 0);
}

/* Loading fails with this code and a text that holds these words. */
static void refused(const char *dir, const char *kind, const char *code, const char *words)
{
	CU_ASSERT_EQUAL(loader_load(dir, kind, &p, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, code);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
	if (!strstr(err.text, words))
		fprintf(stderr, "    \"%s\" has no \"%s\"\n", err.text, words);
	CU_ASSERT_PTR_NULL(p.library);
	CU_ASSERT_PTR_NULL(p.config);
}

/* ---- what loads ---- */

static void a_plugin_lives(void)
{
	struct weir_host host = {.abi_major = WEIR_ABI_MAJOR};

	CU_ASSERT_EQUAL_FATAL(loader_load(PLUGINS, "sum", &p, &err), 0);
	CU_ASSERT_STRING_EQUAL(p.plugin.kind, "sum");
	CU_ASSERT_PTR_NOT_NULL(p.config);
	CU_ASSERT_FALSE(p.opened);
	CU_ASSERT_PTR_NULL(p.state);
	CU_ASSERT_EQUAL(loader_open(&p, &host, &err), 0);
	CU_ASSERT_TRUE(p.opened);
	CU_ASSERT_PTR_NOT_NULL(p.state);
	loader_unload(&p);
	CU_ASSERT_PTR_NULL(p.library);
	CU_ASSERT_PTR_NULL(p.state);
	CU_ASSERT_FALSE(p.opened);
}

static void a_copy_of_our_own(void)
{
	copy_sum("sum.so", 0755);
	CU_ASSERT_EQUAL(loader_load(folder, "sum", &p, &err), 0);
}

/* What stands behind the end of its struct is not taken for callbacks. */
static void an_older_one(void)
{
	CU_ASSERT_EQUAL_FATAL(loader_load(VERSIONS, "older", &p, &err), 0);
	CU_ASSERT_STRING_EQUAL(p.plugin.version, "0.9");
	CU_ASSERT(p.plugin.process != NULL);
	CU_ASSERT(p.plugin.cancel == NULL);
	CU_ASSERT(p.plugin.store == NULL);
	CU_ASSERT(p.plugin.close == NULL);
	CU_ASSERT_PTR_NULL(p.plugin.sources);
	CU_ASSERT_PTR_NULL(p.plugin.sample);
	CU_ASSERT_PTR_NULL(p.plugin.rows);
	CU_ASSERT_PTR_NULL(p.plugin.about);
	CU_ASSERT_EQUAL(loader_open(&p, NULL, &err), 0);
	loader_unload(&p); /* calls no close() */
}

static void a_newer_one(void)
{
	CU_ASSERT_EQUAL_FATAL(loader_load(VERSIONS, "newer", &p, &err), 0);
	CU_ASSERT_STRING_EQUAL(p.plugin.sample, "the last field");
	CU_ASSERT_EQUAL(p.plugin.abi_minor, WEIR_ABI_MINOR + 1);
}

/* ---- what does not ---- */

static void another_interface(void)
{
	refused(UNLOADABLE, "wrong_abi", "plugin_abi", "999");
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "wrong_abi.so"));
}

static void no_entry(void)
{
	refused(UNLOADABLE, "no_entry", "plugin_abi", "exports no weir_plugin()");
}

static void without_required_calls(void)
{
	refused(UNLOADABLE, "no_process", "plugin_abi", "process()");
	refused(UNLOADABLE, "too_small", "plugin_abi", "struct_size");
}

static void others_may_write_to_it(void)
{
	copy_sum("sum.so", 0646);
	refused(folder, "sum", "plugin_file", "others may write");
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, path_of("sum.so")));
	copy_sum("sum.so", 0664);
	refused(folder, "sum", "plugin_file", "others may write");
}

/* Only root can give a file away. */
static void it_belongs_to_somebody(void)
{
	if (geteuid() != 0)
		return;
	copy_sum("sum.so", 0755);
	CU_ASSERT_EQUAL(chown(path_of("sum.so"), 65534, 65534), 0);
	refused(folder, "sum", "plugin_file", "belongs neither to root");
}

static void a_folder_in_its_place(void)
{
	CU_ASSERT_EQUAL(mkdir(path_of("sum.so"), 0755), 0);
	refused(folder, "sum", "plugin_file", "not a file");
}

static void a_text_in_its_place(void)
{
	make_file("text.so", "this is no shared object\n", 25);
	refused(folder, "text", "plugin_file", "text.so");
	make_file("text.so", "", 0);
	refused(folder, "text", "plugin_file", "text.so");
}

static void under_another_name(void)
{
	copy_sum("other.so", 0755);
	refused(folder, "other", "plugin_kind", "\"sum\"");
}

static void an_unknown_kind(void)
{
	refused(PLUGINS, "summ", "unknown_kind", "lines, never, pass, segfault, slow, sum, twice");
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "\"summ\""));
	refused(folder, "sum", "unknown_kind", "there are: none");
	refused("/nowhere", "sum", "plugin_dir", "/nowhere");
}

/* Even where such a file is there: no way out of the folder. */
static void no_kind_at_all(void)
{
	static const char *const bad[] = {"", "../plugins/sum", "./sum", "Big", "two.words"};

	make_file("Big.so", "", 0);
	make_file("two.words.so", "", 0);
	make_file(".so", "", 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		refused(folder, bad[i], "unknown_kind", "there are: none");
		refused(PLUGINS, bad[i], "unknown_kind", "sum");
	}
}

/* ---- the folder ---- */

static void kinds_are_sorted(void)
{
	char kinds[8][33];

	for (size_t i = 2; i < sizeof(made) / sizeof(made[0]); i++)
		make_file(made[i], "", 0);
	CU_ASSERT_EQUAL_FATAL(loader_kinds(folder, kinds, 8, &err), 4);
	CU_ASSERT_STRING_EQUAL(kinds[0], "abcdefghijklmnopqrstuvwxyz012345");
	CU_ASSERT_STRING_EQUAL(kinds[1], "apple");
	CU_ASSERT_STRING_EQUAL(kinds[2], "text");
	CU_ASSERT_STRING_EQUAL(kinds[3], "zebra");
	CU_ASSERT_EQUAL(loader_kinds(folder, kinds, 2, &err), 2);
	CU_ASSERT_EQUAL(loader_kinds(folder, kinds, 0, &err), 0);
	CU_ASSERT_EQUAL(loader_kinds("/nowhere", kinds, 8, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "plugin_dir");
}

static void the_folder_beside_the_program(void)
{
	char out[PATH_MAX], want[PATH_MAX], bin[PATH_MAX];

	CU_ASSERT_EQUAL(loader_dir(NULL, out, sizeof(out), &err), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(realpath(WEIR_BUILD_DIR "/bin", bin));
	CU_ASSERT(snprintf(want, sizeof(want), "%s/../lib/weir", bin) < PATH_MAX);
	CU_ASSERT_STRING_EQUAL(out, want);
	CU_ASSERT_EQUAL(loader_dir(NULL, out, strlen(want), &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "plugin_dir");
	CU_ASSERT_EQUAL(loader_dir(NULL, out, strlen(want) + 1, &err), 0);
}

static void the_folder_that_was_given(void)
{
	char out[8];

	CU_ASSERT_EQUAL(loader_dir("plugins", out, sizeof(out), &err), 0);
	CU_ASSERT_STRING_EQUAL(out, "plugins");
	CU_ASSERT_EQUAL(loader_dir("plugins/", out, sizeof(out), &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_value");
}

/* ---- its life, with a plugin made by hand ---- */

static struct {
	int opened, closed;
	const void *config;
	const struct weir_host *host;
	int answer;
} calls;

static int call_open(const struct weir_host *host, const void *config, void **state,
		     struct weir_error *why)
{
	calls.opened++;
	calls.host = host;
	calls.config = config;
	*state = &calls;
	if (calls.answer < 0)
		snprintf(why->code, sizeof(why->code), "no_model");
	return calls.answer;
}

static void call_close(void *state)
{
	CU_ASSERT_PTR_EQUAL(state, &calls);
	calls.closed++;
}

static void make_by_hand(int answer)
{
	static const struct weir_option rows[] = {{.type = WEIR_OPTION_END}};

	memset(&calls, 0, sizeof(calls));
	calls.answer = answer;
	p.plugin = (struct weir_plugin){
		.kind = "made", .options = rows, .open = call_open, .close = call_close};
	p.config = calloc(1, 8);
}

static void options_bear_its_kind(void)
{
	make_by_hand(0);
	struct option_group g = loader_options(&p);
	CU_ASSERT_STRING_EQUAL(g.prefix, "made");
	CU_ASSERT_PTR_EQUAL(g.rows, p.plugin.options);
	CU_ASSERT_PTR_EQUAL(g.config, p.config);
}

static void opened_and_closed_once(void)
{
	struct weir_host host = {.abi_major = 1};

	make_by_hand(0);
	CU_ASSERT_EQUAL(loader_open(&p, &host, &err), 0);
	CU_ASSERT_PTR_EQUAL(calls.host, &host);
	CU_ASSERT_PTR_EQUAL(calls.config, p.config);
	loader_unload(&p);
	loader_unload(&p);
	CU_ASSERT_EQUAL(calls.opened, 1);
	CU_ASSERT_EQUAL(calls.closed, 1);
}

static void not_closed_when_not_opened(void)
{
	make_by_hand(-1);
	CU_ASSERT_EQUAL(loader_open(&p, NULL, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "no_model");
	CU_ASSERT_FALSE(p.opened);
	loader_unload(&p);
	CU_ASSERT_EQUAL(calls.closed, 0);
}

void add_loader_suite(void)
{
	CU_pSuite suite = CU_add_suite_with_setup_and_teardown("loader", NULL, NULL, begin, end);

	CU_ADD_TEST(suite, a_plugin_lives);
	CU_ADD_TEST(suite, a_copy_of_our_own);
	CU_ADD_TEST(suite, an_older_one);
	CU_ADD_TEST(suite, a_newer_one);
	CU_ADD_TEST(suite, another_interface);
	CU_ADD_TEST(suite, no_entry);
	CU_ADD_TEST(suite, without_required_calls);
	CU_ADD_TEST(suite, others_may_write_to_it);
	CU_ADD_TEST(suite, it_belongs_to_somebody);
	CU_ADD_TEST(suite, a_folder_in_its_place);
	CU_ADD_TEST(suite, a_text_in_its_place);
	CU_ADD_TEST(suite, under_another_name);
	CU_ADD_TEST(suite, an_unknown_kind);
	CU_ADD_TEST(suite, no_kind_at_all);
	CU_ADD_TEST(suite, kinds_are_sorted);
	CU_ADD_TEST(suite, the_folder_beside_the_program);
	CU_ADD_TEST(suite, the_folder_that_was_given);
	CU_ADD_TEST(suite, options_bear_its_kind);
	CU_ADD_TEST(suite, opened_and_closed_once);
	CU_ADD_TEST(suite, not_closed_when_not_opened);
}
