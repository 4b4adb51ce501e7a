#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "weir/log.h"
#include "weir/settings.h"

void add_settings_suite(void);

static struct settings s;
static struct weir_error err;

static const char *const servers[] = {"WEIR_PG_URL", "WEIR_AMQP_URL", "WEIR_REDIS_URL"};

/* What the tests' own surroundings say is put aside. */
static char *kept[3];

static int put_aside(void)
{
	for (int i = 0; i < 3; i++)
		kept[i] = getenv(servers[i]) ? strdup(getenv(servers[i])) : NULL;
	return 0;
}

static int put_back(void)
{
	log_set_level(LOG_INFO);
	for (int i = 0; i < 3; i++) {
		if (kept[i])
			setenv(servers[i], kept[i], 1);
		free(kept[i]);
	}
	return 0;
}

static void begin(void)
{
	static const char *const others[] = {"WEIR_LOG_LEVEL", "WEIR_PLUGIN_DIR",
					     "WEIR_PG_URL_FILE"};

	for (int i = 0; i < 3; i++) {
		unsetenv(servers[i]);
		unsetenv(others[i]);
	}
	memset(&s, 0, sizeof(s));
	memset(&err, 0, sizeof(err));
}

static void parse(void)
{
	struct option_group g = settings_group(&s);

	CU_ASSERT_EQUAL_FATAL(options_parse(&g, 1, 0, NULL, NULL, &err), 0);
}

static void end(void)
{
	struct option_group g = settings_group(&s);

	options_release(&g, 1);
}

static void presets(void)
{
	parse();
	CU_ASSERT_PTR_NULL(s.pg_url);
	CU_ASSERT_PTR_NULL(s.plugin_dir);
	CU_ASSERT_STRING_EQUAL(s.log_level, "info");
	CU_ASSERT_EQUAL(settings_check(&s, 0, &err), 0);
}

/* The variable that the error names is the one that helps. */
static void missing_ones_are_named(void)
{
	for (int i = 0; i < 3; i++) {
		begin();
		parse();
		CU_ASSERT_EQUAL(settings_check(&s, NEED_PG << i, &err), -1);
		CU_ASSERT_STRING_EQUAL(err.code, "missing_setting");
		CU_ASSERT_PTR_EQUAL(strstr(err.text, servers[i]), err.text);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "_FILE"));
		end();
		setenv(servers[i], "scheme://somewhere", 1);
		parse();
		CU_ASSERT_EQUAL(settings_check(&s, NEED_PG << i, &err), 0);
		end();
	}
}

static void only_what_is_needed(void)
{
	setenv("WEIR_AMQP_URL", "amqp://somewhere", 1);
	parse();
	CU_ASSERT_EQUAL(settings_check(&s, NEED_AMQP, &err), 0);
	CU_ASSERT_EQUAL(settings_check(&s, NEED_AMQP | NEED_REDIS, &err), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "WEIR_REDIS_URL"));
	CU_ASSERT_EQUAL(settings_check(&s, NEED_PG | NEED_AMQP | NEED_REDIS, &err), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "WEIR_PG_URL"));
}

static void an_address_in_a_file(void)
{
	char path[] = "/tmp/weir-test-settings.XXXXXX";
	int fd = mkstemp(path);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, "postgresql://a:b@c/d\n", 21), 21);
	close(fd);
	setenv("WEIR_PG_URL_FILE", path, 1);
	parse();
	unlink(path);
	CU_ASSERT_EQUAL(settings_check(&s, NEED_PG, &err), 0);
	CU_ASSERT_STRING_EQUAL(s.pg_url, "postgresql://a:b@c/d");
}

/* Addresses hold passwords: not on the command line, where all users see them. */
static void no_address_on_the_command_line(void)
{
	char option[] = "--pg-url", value[] = "postgresql://a:b@c/d";
	char *argv[] = {option, value, NULL};
	struct option_group g = settings_group(&s);

	CU_ASSERT_EQUAL(options_parse(&g, 1, 2, argv, NULL, &err), -1);
	CU_ASSERT_PTR_NULL(strstr(err.text, "a:b@c"));
}

static void a_bad_log_level(void)
{
	static const char *const bad[] = {"", "verbose", "INFO", "info ", "1"};
	char word[16];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct settings t = {.log_level = word};

		snprintf(word, sizeof(word), "%s", bad[i]);
		CU_ASSERT_EQUAL(settings_check(&t, 0, &err), -1);
		CU_ASSERT_STRING_EQUAL(err.code, "bad_value");
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "--log-level"));
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, word));
	}
}

/* Writes a line of each level; returns how many were written. */
static size_t lines_written(void)
{
	struct capture c;

	capture_start(&c);
	for (enum log_level level = LOG_DEBUG; level <= LOG_ERROR; level++)
		log_event(level, "line", "n=%d", (int)level);
	capture_end(&c);
	return capture_lines(&c);
}

static void sets_the_log_level(void)
{
	static const char *const words[] = {"error", "warn", "info", "debug"};

	for (size_t i = 0; i < 4; i++) {
		setenv("WEIR_LOG_LEVEL", words[i], 1);
		parse();
		CU_ASSERT_EQUAL(settings_check(&s, 0, &err), 0);
		CU_ASSERT_EQUAL(lines_written(), i + 1);
		end();
	}
	unsetenv("WEIR_LOG_LEVEL");
}

void add_settings_suite(void)
{
	CU_pSuite suite =
		CU_add_suite_with_setup_and_teardown("settings", put_aside, put_back, begin, end);

	CU_ADD_TEST(suite, presets);
	CU_ADD_TEST(suite, missing_ones_are_named);
	CU_ADD_TEST(suite, only_what_is_needed);
	CU_ADD_TEST(suite, an_address_in_a_file);
	CU_ADD_TEST(suite, no_address_on_the_command_line);
	CU_ADD_TEST(suite, a_bad_log_level);
	CU_ADD_TEST(suite, sets_the_log_level);
}
