#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "failing_malloc.h"
#include "weir/option.h"

struct config {
	char *broker, *password;
	int64_t attempts, linger, strict, color;
	struct weir_list plugins;
};

static const struct weir_option rows[] = {
	{"broker", WEIR_OPTION_TEXT, offsetof(struct config, broker), "amqp://localhost", 0, 0,
	 "URL", "Where the broker listens."},
	{"max-attempts", WEIR_OPTION_INTEGER, offsetof(struct config, attempts), "5", 1, 100,
	 "TRIES", "How often an item may fail before it is given up."},
	{"linger", WEIR_OPTION_TIME, offsetof(struct config, linger), "250ms", 1, 3600000, NULL,
	 "The longest time an item that is done waits for others, so that one transaction can "
	 "store them all."},
	{"strict", WEIR_OPTION_FLAG, offsetof(struct config, strict), NULL, 0, 0, NULL,
	 "Refuse instead of warn."},
	{"color", WEIR_OPTION_FLAG, offsetof(struct config, color), "yes", 0, 0, NULL, "Colors."},
	{"plugin", WEIR_OPTION_LIST, offsetof(struct config, plugins), "one,two", 0, 0, "KIND",
	 "A plugin to load."},
	{"password", WEIR_OPTION_SECRET, offsetof(struct config, password), NULL, 0, 0, NULL,
	 "The password."},
	{0},
};

struct plugin_config {
	char *lexicon;
	int64_t window;
};

static const struct weir_option plugin_rows[] = {
	{"lexicon", WEIR_OPTION_TEXT, offsetof(struct plugin_config, lexicon), NULL, 0, 0, "FILE",
	 "The words and their weights."},
	{"window-size", WEIR_OPTION_INTEGER, offsetof(struct plugin_config, window), "3", 0, 0,
	 NULL, "How far a negation reaches."},
	{0},
};

static struct config config;
static struct plugin_config plugin_config;
static const struct option_group groups[] = {
	{.title = "Settings", .rows = rows, .config = &config},
	{.title = "Plugin my_kind",
	 .prefix = "my_kind",
	 .rows = plugin_rows,
	 .config = &plugin_config},
};

static struct weir_error err;
static char *argv[100];
static int argc, plain;

static void clear_environment(void)
{
	static const char *const names[] = {
		"WEIR_BROKER",	 "WEIR_MAX_ATTEMPTS",  "WEIR_LINGER",
		"WEIR_STRICT",	 "WEIR_COLOR",	       "WEIR_PLUGIN",
		"WEIR_PASSWORD", "WEIR_PASSWORD_FILE", "WEIR_MY_KIND_LEXICON"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

/* Arguments are separated by single spaces. */
static int parse(const char *arguments)
{
	static char copy[4096];
	char *rest = copy;

	memset(&config, 0, sizeof(config));
	memset(&plugin_config, 0, sizeof(plugin_config));
	memset(&err, 0, sizeof(err));
	snprintf(copy, sizeof(copy), "%s", arguments);
	for (argc = 0; *arguments && (argv[argc] = strsep(&rest, " ")); argc++)
		;
	plain = -1;
	return options_parse(groups, 2, argc, argv, &plain, &err);
}

static void release(void)
{
	options_release(groups, 2);
	clear_environment();
}

/* Parsing fails with this code and a text that holds these words; nothing is left behind. */
static void refused(const char *arguments, const char *code, const char *words)
{
	CU_ASSERT_EQUAL(parse(arguments), -1);
	CU_ASSERT_STRING_EQUAL(err.code, code);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
	if (!strstr(err.text, words))
		fprintf(stderr, "    \"%s\" has no \"%s\"\n", err.text, words);
	CU_ASSERT_PTR_NULL(config.broker);
	CU_ASSERT_PTR_NULL(config.password);
	CU_ASSERT_EQUAL(config.plugins.size, 0);
	CU_ASSERT_EQUAL(plain, -1);
	clear_environment();
}

static void presets(void)
{
	CU_ASSERT_EQUAL_FATAL(parse(""), 0);
	CU_ASSERT_STRING_EQUAL(config.broker, "amqp://localhost");
	CU_ASSERT_EQUAL(config.attempts, 5);
	CU_ASSERT_EQUAL(config.linger, 250);
	CU_ASSERT_EQUAL(config.strict, 0);
	CU_ASSERT_EQUAL(config.color, 1);
	CU_ASSERT_EQUAL_FATAL(config.plugins.size, 2);
	CU_ASSERT_STRING_EQUAL(config.plugins.items[1], "two");
	CU_ASSERT_PTR_NULL(config.password);
	CU_ASSERT_PTR_NULL(plugin_config.lexicon);
	CU_ASSERT_EQUAL(plugin_config.window, 3);
	CU_ASSERT_EQUAL(plain, 0);
	release();
	CU_ASSERT_PTR_NULL(config.broker);
	options_release(groups, 2); /* twice does no harm */
}

static void command_line(void)
{
	CU_ASSERT_EQUAL_FATAL(parse("submit --broker x --max-attempts=7 --strict file --no-color - "
				    "--linger 2s --plugin=a --plugin b,c --my_kind.lexicon L "
				    "--my_kind.window-size=9 -- --strict"),
			      0);
	CU_ASSERT_STRING_EQUAL(config.broker, "x");
	CU_ASSERT_EQUAL(config.attempts, 7);
	CU_ASSERT_EQUAL(config.strict, 1);
	CU_ASSERT_EQUAL(config.color, 0);
	CU_ASSERT_EQUAL(config.linger, 2000);
	CU_ASSERT_EQUAL_FATAL(config.plugins.size, 2);
	CU_ASSERT_STRING_EQUAL(config.plugins.items[1], "b,c");
	CU_ASSERT_STRING_EQUAL(plugin_config.lexicon, "L");
	CU_ASSERT_EQUAL(plugin_config.window, 9);
	CU_ASSERT_EQUAL_FATAL(plain, 4);
	CU_ASSERT_STRING_EQUAL(argv[0], "submit");
	CU_ASSERT_STRING_EQUAL(argv[1], "file");
	CU_ASSERT_STRING_EQUAL(argv[2], "-");
	CU_ASSERT_STRING_EQUAL(argv[3], "--strict");
	release();
}

static void values_of_any_form(void)
{
	CU_ASSERT_EQUAL_FATAL(parse("--broker= --broker --strict --max-attempts 8 "
				    "--max-attempts 9"),
			      0);
	CU_ASSERT_STRING_EQUAL(config.broker, "--strict");
	CU_ASSERT_EQUAL(config.strict, 0);
	CU_ASSERT_EQUAL(config.attempts, 9);
	release();
	CU_ASSERT_EQUAL_FATAL(parse("--broker=a=b"), 0);
	CU_ASSERT_STRING_EQUAL(config.broker, "a=b");
	release();
}

static void environment(void)
{
	setenv("WEIR_BROKER", "from environment", 1);
	setenv("WEIR_MAX_ATTEMPTS", "", 1);
	setenv("WEIR_STRICT", "true", 1);
	setenv("WEIR_COLOR", "no", 1);
	setenv("WEIR_PLUGIN", ",a,,b,", 1);
	setenv("WEIR_MY_KIND_LEXICON", "words", 1);
	CU_ASSERT_EQUAL_FATAL(parse(""), 0);
	CU_ASSERT_STRING_EQUAL(config.broker, "from environment");
	CU_ASSERT_EQUAL(config.attempts, 5);
	CU_ASSERT_EQUAL(config.strict, 1);
	CU_ASSERT_EQUAL(config.color, 0);
	CU_ASSERT_EQUAL_FATAL(config.plugins.size, 2);
	CU_ASSERT_STRING_EQUAL(config.plugins.items[0], "a");
	CU_ASSERT_STRING_EQUAL(plugin_config.lexicon, "words");
	release();
}

static void command_line_over_environment(void)
{
	setenv("WEIR_LINGER", "nonsense, but not used", 1);
	setenv("WEIR_PLUGIN", "a,b,c", 1);
	setenv("WEIR_STRICT", "1", 1);
	CU_ASSERT_EQUAL_FATAL(parse("--linger 1m --plugin z --no-strict"), 0);
	CU_ASSERT_EQUAL(config.linger, 60000);
	CU_ASSERT_EQUAL_FATAL(config.plugins.size, 1);
	CU_ASSERT_STRING_EQUAL(config.plugins.items[0], "z");
	CU_ASSERT_EQUAL(config.strict, 0);
	release();
}

static void refusals(void)
{
	refused("--max-atempts 3", "unknown_option", "did you mean --max-attempts?");
	refused("--lexicon 3", "unknown_option", "--lexicon; --help");
	refused("--my_kind.lexicn x", "unknown_option", "--my_kind.lexicon?");
	refused("-v", "unknown_option", "no option -v");
	refused("--no-broker", "unknown_option", "--no-broker");
}

static void refusals_of_values(void)
{
	refused("--broker a --max-attempts", "missing_value", "--max-attempts needs a value");
	refused("--max-attempts 0", "bad_value",
		"--max-attempts: \"0\" is not a whole number from 1 to 100 TRIES");
	refused("--max-attempts 101", "bad_value", "from 1 to 100");
	refused("--max-attempts 5x", "bad_value", "\"5x\"");
	refused("--max-attempts=", "bad_value", "\"\"");
	refused("--max-attempts 99999999999999999999", "bad_value", "whole number");
	refused("--my_kind.window-size -1", "bad_value", "of at least 0");
	refused("--linger 5", "bad_value", "from 1ms to 1h (written 250ms, 5s, 10m, 1h or 30d)");
	refused("--linger 2h", "bad_value", "\"2h\"");
	refused("--strict=1", "bad_value", "takes no value");
	setenv("WEIR_STRICT", "maybe", 1);
	refused("", "bad_value", "WEIR_STRICT: \"maybe\"");
	setenv("WEIR_LINGER", "x", 1);
	refused("--plugin a", "bad_value", "WEIR_LINGER: \"x\"");
}

static void too_long_a_list(void)
{
	char many[1000] = "a";

	for (int i = 0; i < 64; i++)
		strcat(many, ",a");
	setenv("WEIR_PLUGIN", many, 1);
	refused("", "bad_value", "WEIR_PLUGIN: more than 64 entries");
	many[2 * 63 + 1] = '\0';
	setenv("WEIR_PLUGIN", many, 1);
	CU_ASSERT_EQUAL(parse(""), 0);
	CU_ASSERT_EQUAL(config.plugins.size, 64);
	release();
}

static void no_plain_arguments(void)
{
	char word[] = "word";
	char *one[] = {word};

	memset(&config, 0, sizeof(config));
	CU_ASSERT_EQUAL(options_parse(groups, 1, 1, one, NULL, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "unexpected_argument");
	CU_ASSERT_EQUAL(options_parse(groups, 1, 0, NULL, NULL, &err), 0);
	options_release(groups, 1);
}

static void early(void)
{
	char a[] = "--my_kind.lexicon", b[] = "x", c[] = "--plugin", d[] = "my_kind", e[] = "plain";
	char *five[] = {a, b, c, d, e};

	memset(&config, 0, sizeof(config));
	CU_ASSERT_EQUAL_FATAL(options_parse_early(groups, 1, 5, five, &err), 0);
	CU_ASSERT_EQUAL_FATAL(config.plugins.size, 1);
	CU_ASSERT_STRING_EQUAL(config.plugins.items[0], "my_kind");
	CU_ASSERT_PTR_EQUAL(five[0], a);
	CU_ASSERT_PTR_EQUAL(five[4], e);
	options_release(groups, 1);
}

static void secret_from_environment(void)
{
	setenv("WEIR_PASSWORD", "hunter2", 1);
	CU_ASSERT_EQUAL_FATAL(parse(""), 0);
	CU_ASSERT_STRING_EQUAL(config.password, "hunter2");
	release();
	refused("--password hunter2", "unknown_option", "set WEIR_PASSWORD, or WEIR_PASSWORD_FILE");
	refused("--password=hunter2", "unknown_option", "environment");
	CU_ASSERT_PTR_NULL(strstr(err.text, "hunter2"));
}

static void write_secret(const char *path, const void *data, size_t size)
{
	FILE *out = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	CU_ASSERT_EQUAL(fwrite(data, 1, size, out), size);
	fclose(out);
	setenv("WEIR_PASSWORD_FILE", path, 1);
}

static void secret_from_file(void)
{
	char path[] = "/tmp/test_option.XXXXXX";
	static char large[64 * 1024 + 1];
	int fd = mkstemp(path);

	CU_ASSERT_FATAL(fd >= 0);
	close(fd);
	write_secret(path, "hunter2\r\nsecond line\n", 21);
	CU_ASSERT_EQUAL_FATAL(parse(""), 0);
	CU_ASSERT_STRING_EQUAL(config.password, "hunter2");
	release();
	write_secret(path, "\nhunter2", 8);
	refused("", "bad_value", "first line of /tmp/test_option.");
	write_secret(path, "hun\0ter2", 8);
	refused("", "bad_value", "not a text file");
	memset(large, 'x', sizeof(large));
	write_secret(path, large, sizeof(large));
	refused("", "bad_value", "larger than 65536 bytes");
	write_secret(path, large, sizeof(large) - 1);
	CU_ASSERT_EQUAL_FATAL(parse(""), 0);
	CU_ASSERT_EQUAL(strlen(config.password), sizeof(large) - 1);
	release();
	unlink(path);
	setenv("WEIR_PASSWORD_FILE", path, 1);
	refused("", "bad_value", "WEIR_PASSWORD_FILE: cannot open /tmp/test_option.");
}

static void failing_allocations(void)
{
	int rc = -1;

	for (long n = 1; rc < 0; n++) {
		setenv("WEIR_PASSWORD", "hunter2", 1);
		failing_malloc_arm(n);
		rc = parse("--broker x --plugin a --plugin b --my_kind.lexicon L word");
		failing_malloc_disarm();
		if (rc < 0) {
			CU_ASSERT_STRING_EQUAL(err.code, "out_of_memory");
			CU_ASSERT_PTR_NULL(config.broker);
			CU_ASSERT_PTR_NULL(config.password);
		}
	}
	CU_ASSERT_EQUAL(plain, 1);
	release();
}

static void times(void)
{
	static const char *const bad[] = {
		"",   "5",    "s",   "-5s",  " 5s",	      "5 s",
		"5S", "1.5s", "5ss", "0x5s", "106751991168d", "9223372036854775808ms"};
	int64_t ms = 42;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(option_time(bad[i], &ms), -1);
	CU_ASSERT_EQUAL(option_time("250ms", &ms), 0);
	CU_ASSERT_EQUAL(ms, 250);
	CU_ASSERT_EQUAL(option_time("10m", &ms), 0);
	CU_ASSERT_EQUAL(ms, 600000);
	CU_ASSERT_EQUAL(option_time("1h", &ms), 0);
	CU_ASSERT_EQUAL(ms, 3600000);
	CU_ASSERT_EQUAL(option_time("106751991167d", &ms), 0);
	CU_ASSERT_EQUAL(ms, 106751991167 * 86400000);
}

static char *printed(void (*print)(const struct option_group *, size_t, FILE *))
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	print(groups, 2, out);
	fclose(out);
	return text;
}

static void help(void)
{
	char *text = printed(options_help);
	char *rest = text, *line;

	CU_ASSERT_PTR_EQUAL(strstr(text, "Settings:\n  --broker URL                Where the"),
			    text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n\nPlugin my_kind:\n  --my_kind.lexicon FILE "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "  --no-color "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "  --plugin KIND ... "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "  WEIR_PASSWORD[_FILE] "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "(WEIR_LINGER, preset 250ms)"));
	while ((line = strsep(&rest, "\n")))
		CU_ASSERT(strlen(line) <= 80);
	free(text);
}

/* A group that the environment has no say in: neither to parse, nor in help and sample. */
static void no_environment(void)
{
	char name[] = "--max-attempts", value[] = "7", *arguments[] = {name, value};
	const struct option_group alone = {
		.title = "Settings", .rows = rows, .config = &config, .no_environment = true};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	memset(&config, 0, sizeof(config));
	setenv("WEIR_BROKER", "amqp://elsewhere", 1);
	setenv("WEIR_STRICT", "1", 1);
	setenv("WEIR_PASSWORD", "secret", 1);
	CU_ASSERT_EQUAL_FATAL(options_parse(&alone, 1, 2, arguments, NULL, &err), 0);
	CU_ASSERT_STRING_EQUAL(config.broker, "amqp://localhost");
	CU_ASSERT_EQUAL(config.strict, 0);
	CU_ASSERT_EQUAL(config.attempts, 7);
	CU_ASSERT_PTR_NULL(config.password);
	options_release(&alone, 1);
	clear_environment();
	options_sample(&alone, 1, out);
	fflush(out);
	CU_ASSERT_EQUAL(size, 0);
	options_help(&alone, 1, out);
	fclose(out);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "(preset 250ms)"));
	CU_ASSERT_PTR_NULL(strstr(text, "(WEIR_LINGER"));
	free(text);
}

static void sample(void)
{
	char *text = printed(options_sample);

	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n# Where the broker listens.\nexport "
					    "WEIR_BROKER=amqp://localhost\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n#export WEIR_PASSWORD_FILE=\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nexport WEIR_MY_KIND_WINDOW_SIZE=3\n"));
	free(text);
}

void add_option_suite(void);

void add_option_suite(void)
{
	CU_pSuite suite = CU_add_suite("option", NULL, NULL);

	clear_environment();
	CU_add_test(suite, "presets", presets);
	CU_add_test(suite, "command line", command_line);
	CU_add_test(suite, "values of any form", values_of_any_form);
	CU_add_test(suite, "environment", environment);
	CU_add_test(suite, "command line over environment", command_line_over_environment);
	CU_add_test(suite, "refusals", refusals);
	CU_add_test(suite, "refusals of values", refusals_of_values);
	CU_add_test(suite, "too long a list", too_long_a_list);
	CU_add_test(suite, "no plain arguments", no_plain_arguments);
	CU_add_test(suite, "early", early);
	CU_add_test(suite, "secret from the environment", secret_from_environment);
	CU_add_test(suite, "secret from a file", secret_from_file);
	CU_add_test(suite, "failing allocations", failing_allocations);
	CU_add_test(suite, "times", times);
	CU_add_test(suite, "help", help);
	CU_add_test(suite, "sample", sample);
	CU_add_test(suite, "no environment", no_environment);
}
