#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "capture.h"
#include "weir/log.h"

void add_log_suite(void);

static const char *written(struct capture *c, const char *value)
{
	char *pairs;

	capture_start(c);
	log_event(LOG_INFO, "tested", "key=\"%s\"", value);
	capture_end(c);
	pairs = strstr(c->text, "level=info ");
	return pairs != NULL ? pairs + strlen("level=info ") : "";
}

static void writes_one_line(void)
{
	struct capture c;
	struct tm utc = {0};

	capture_start(&c);
	log_event(LOG_WARN, "queue_missing", "kind=%s tries=%d", "sentiment", 3);
	capture_end(&c);
	CU_ASSERT(strncmp(c.text, "queue_missing ts=20", 19) == 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(strptime(c.text, "queue_missing ts=%Y-%m-%dT%H:%M:%S", &utc));
	CU_ASSERT(labs((long)(timegm(&utc) - time(NULL))) <= 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(c.text, "Z level=warn kind=sentiment tries=3\n"));
	CU_ASSERT_EQUAL(c.text[strlen("queue_missing ts=2000-01-01T00:00:00")], '.');
}

static void writes_no_pairs(void)
{
	struct capture c;

	capture_start(&c);
	log_event(LOG_ERROR, "stopped", "%s", "");
	capture_end(&c);
	CU_ASSERT_PTR_NOT_NULL(strstr(c.text, "Z level=error\n"));
}

static void drops_what_is_below_the_level(void)
{
	struct capture c;

	capture_start(&c);
	log_event(LOG_DEBUG, "unseen", "a=1");
	log_set_level(LOG_ERROR);
	log_event(LOG_WARN, "unseen", "a=1");
	log_set_level(LOG_DEBUG);
	log_event(LOG_DEBUG, "seen", "a=1");
	log_set_level(LOG_INFO);
	capture_end(&c);
	CU_ASSERT(strncmp(c.text, "seen ", 5) == 0);
	CU_ASSERT_PTR_NULL(strstr(c.text, "unseen"));
}

static void escapes_control_characters(void)
{
	struct capture c;

	CU_ASSERT_STRING_EQUAL(written(&c, "a\nforged ts=1\r\n"),
			       "key=\"a\\nforged ts=1\\x0D\\n\"\n");
	CU_ASSERT_STRING_EQUAL(written(&c, "\t\x1B[31m\x7F"), "key=\"\\x09\\x1B[31m\\x7F\"\n");
	CU_ASSERT_STRING_EQUAL(written(&c, "\xC2\x9B"
					   "31m"),
			       "key=\"\\xC2\\x9B31m\"\n");
}

static void keeps_utf8_and_escapes_other_bytes(void)
{
	struct capture c;

	CU_ASSERT_STRING_EQUAL(written(&c, "gr\xC3\xBC\xC3\x9F \xF0\x9F\x91\x8D"),
			       "key=\"gr\xC3\xBC\xC3\x9F \xF0\x9F\x91\x8D\"\n");
	CU_ASSERT_STRING_EQUAL(written(&c, "\xFF\xC3"), "key=\"\\xFF\\xC3\"\n");
}

static void cuts_long_lines(void)
{
	struct capture c;
	char value[6001];

	for (size_t i = 0; i < sizeof(value) - 1; i += 3)
		memcpy(value + i, "\xE2\x82\xAC", 3);
	value[sizeof(value) - 1] = '\0';
	(void)written(&c, value);
	CU_ASSERT(c.size > 2000 && c.size <= 2048);
	CU_ASSERT_EQUAL(c.text[c.size - 1], '\n');
	CU_ASSERT_EQUAL(strchr(c.text, '\n') - c.text, c.size - 1);
	memset(value, 1, sizeof(value) - 1);
	(void)written(&c, value);
	CU_ASSERT(c.size > 2000 && c.size <= 2048);
}

static void keeps_errno(void)
{
	struct capture c;

	capture_start(&c);
	close(STDERR_FILENO);
	errno = ENOENT;
	log_event(LOG_INFO, "lost", "a=1");
	CU_ASSERT_EQUAL(errno, ENOENT);
	capture_end(&c);
}

static int slow_reader, signals;

/* The first time it only interrupts; later it reads as well. */
static void on_alarm(int number)
{
	char page[4096];

	(void)number;
	if (signals++ > 0 && read(slow_reader, page, sizeof(page)) < 0)
		signals = 0;
}

/* A pipe that is full, and is read from only after a signal has come. */
static void waits_on_after_a_signal(void)
{
	const struct sigaction handle = {.sa_handler = on_alarm}, ignore = {.sa_handler = SIG_IGN};
	const struct itimerval each = {{0, 10000}, {0, 10000}}, none = {{0, 0}, {0, 0}};
	struct capture c;
	char page[4096];

	capture_start(&c);
	CU_ASSERT_FATAL(fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK) == 0);
	memset(page, 'x', sizeof(page));
	while (write(STDERR_FILENO, page, sizeof(page)) > 0)
		;
	slow_reader = c.reader;
	signals = 0;
	sigaction(SIGALRM, &handle, NULL);
	setitimer(ITIMER_REAL, &each, NULL);
	log_event(LOG_INFO, "written", "a=1");
	setitimer(ITIMER_REAL, &none, NULL);
	sigaction(SIGALRM, &ignore, NULL);
	CU_ASSERT(signals > 1);
	while (read(c.reader, page, sizeof(page)) == sizeof(page))
		;
	log_event(LOG_INFO, "written", "a=2");
	capture_end(&c);
	CU_ASSERT_PTR_NULL(strstr(c.text, "log_stalled"));
	CU_ASSERT_PTR_NOT_NULL(strstr(c.text, "a=2"));
}

/* The one who reads hangs: a pipe that is full to the brim. */
static void waits_for_no_reader_for_long(void)
{
	struct capture c;
	char page[4096];

	capture_start(&c);
	CU_ASSERT_FATAL(fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK) == 0);
	memset(page, 'x', sizeof(page));
	while (write(STDERR_FILENO, page, sizeof(page)) > 0)
		;
	for (int i = 0; i < 3; i++)
		log_event(LOG_INFO, "unread", "i=%d", i);
	while (read(c.reader, page, sizeof(page)) > 0)
		;
	log_event(LOG_INFO, "read_again", "a=1");
	log_event(LOG_INFO, "read_again", "a=2");
	capture_end(&c);
	CU_ASSERT(strncmp(c.text, "log_stalled ", 12) == 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(c.text, "level=warn lines=3 "));
	CU_ASSERT_PTR_NULL(strstr(c.text, "unread"));
	CU_ASSERT_PTR_NOT_NULL(strstr(c.text, "a=1\nread_again"));
	CU_ASSERT_EQUAL(capture_lines(&c), 3);
}

static void parses_levels(void)
{
	enum log_level level = LOG_WARN;

	CU_ASSERT(log_level_parse("debug", &level) == 0 && level == LOG_DEBUG);
	CU_ASSERT(log_level_parse("info", &level) == 0 && level == LOG_INFO);
	CU_ASSERT(log_level_parse("warn", &level) == 0 && level == LOG_WARN);
	CU_ASSERT(log_level_parse("error", &level) == 0 && level == LOG_ERROR);
	CU_ASSERT(log_level_parse("ERROR", &level) == -1 && level == LOG_ERROR);
	CU_ASSERT(log_level_parse("", &level) == -1 && level == LOG_ERROR);
}

void add_log_suite(void)
{
	CU_pSuite suite = CU_add_suite("log", NULL, NULL);

	CU_ADD_TEST(suite, writes_one_line);
	CU_ADD_TEST(suite, writes_no_pairs);
	CU_ADD_TEST(suite, drops_what_is_below_the_level);
	CU_ADD_TEST(suite, escapes_control_characters);
	CU_ADD_TEST(suite, keeps_utf8_and_escapes_other_bytes);
	CU_ADD_TEST(suite, cuts_long_lines);
	CU_ADD_TEST(suite, keeps_errno);
	CU_ADD_TEST(suite, waits_on_after_a_signal); /* before a reader was slow */
	CU_ADD_TEST(suite, waits_for_no_reader_for_long);
	CU_ADD_TEST(suite, parses_levels);
}
