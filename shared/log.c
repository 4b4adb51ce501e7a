#include "weir/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "weir/utf8.h"
#include "weir/clock.h"

#define LINE_MAX_BYTES 2048
#define STALLED_US 200000 /* whoever reads gets so long: then lines are left out, */
#define HURRY_US 10000000 /* and whoever is slow costs that once in so long */

static const char *const words[] = {"debug", "info", "warn", "error"};

static enum log_level lowest = LOG_INFO;
static unsigned long left_out; /* lines, since nobody reads */
static int64_t hurry_until_us;

void log_set_level(enum log_level level) { lowest = level; }

int log_level_parse(const char *word, enum log_level *out)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -1;
}

struct line {
	char text[LINE_MAX_BYTES];
	size_t size;
};

/* Adds all n bytes or none; one byte is always left for the newline. */
static bool add(struct line *line, const char *bytes, size_t n)
{
	if (n >= sizeof(line->text) - line->size)
		return false;
	memcpy(line->text + line->size, bytes, n);
	line->size += n;
	return true;
}

/* C0, DEL and C1 (U+0080 to U+009F, where U+009B starts a terminal command). */
static bool is_control(const unsigned char *c, size_t step)
{
	return c[0] < 0x20 || c[0] == 0x7F || (step == 2 && c[0] == 0xC2 && c[1] < 0xA0);
}

static bool add_hex(struct line *line, const unsigned char *bytes, size_t n)
{
	char made[16];

	for (size_t i = 0; i < n; i++)
		snprintf(made + 4 * i, 5, "\\x%02X", (unsigned)bytes[i]);
	return add(line, made, 4 * n);
}

/* A character goes in whole or not at all, so that a cut line is still UTF-8. */
static void add_text(struct line *line, const char *text)
{
	size_t left = strlen(text), step;
	bool fits = true;

	for (; left > 0 && fits; text += step, left -= step) {
		const unsigned char *c = (const unsigned char *)text;

		step = utf8_step(text, left);
		if (*text == '\n')
			fits = add(line, "\\n", 2);
		else if (step > 0 && !is_control(c, step))
			fits = add(line, text, step);
		else
			fits = add_hex(line, c, step = step > 0 ? step : 1);
	}
}

static void add_head(struct line *line, enum log_level level, const char *event)
{
	int64_t us = clock_wall_us();
	time_t seconds = (time_t)(us / 1000000);
	struct tm utc;
	char head[64], day[24];

	gmtime_r(&seconds, &utc);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(head, sizeof(head), " ts=%s.%03dZ level=%s", day, (int)(us / 1000 % 1000),
		 words[level]);
	add_text(line, event);
	add_text(line, head);
}

/* A signal neither makes any, nor does it end the wait. */
static bool has_room(void)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
	int64_t now = clock_us(), until = now + (now < hurry_until_us ? 0 : STALLED_US);
	int n;

	do {
		int64_t left = until - clock_us();
		n = poll(&p, 1, left > 0 ? (int)((left + 999) / 1000) : 0);
	} while (n < 0 && errno == EINTR);
	if (n == 0 && now >= hurry_until_us)
		hurry_until_us = now + HURRY_US;
	return n > 0;
}

/* Other processes may write to the same pipe and take the room, so that a write would wait after
 * all. Not to wait is a property of whoever opened it, and they have opened standard error
 * together: so the pipe is opened anew. */
static int open_out(void)
{
	struct stat what;

	if (fstat(STDERR_FILENO, &what) < 0 || !S_ISFIFO(what.st_mode))
		return -1;
	return open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

/* One write for the whole line: lines of several processes on one pipe do not mix. */
static bool put(struct line *line)
{
	ssize_t written;
	int out;

	if (!has_room())
		return false;
	line->text[line->size++] = '\n';
	out = open_out();
	do {
		written = write(out < 0 ? STDERR_FILENO : out, line->text, line->size);
	} while (written < 0 && errno == EINTR);
	bool stalled = written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
	if (out >= 0)
		close(out);
	return !stalled;
}

static bool put_left_out(void)
{
	struct line line = {.size = 0};
	char pairs[128];

	snprintf(pairs, sizeof(pairs),
		 " lines=%lu text=\"nobody has read standard error: these lines are lost\"",
		 left_out);
	add_head(&line, LOG_WARN, "log_stalled");
	add_text(&line, pairs);
	return put(&line);
}

/* The caller may yet want to look at errno. */
void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	struct line line = {.size = 0};
	char pairs[LINE_MAX_BYTES];
	int kept = errno;
	va_list args;

	if (level < lowest)
		return;
	va_start(args, fmt);
	if (vsnprintf(pairs, sizeof(pairs), fmt, args) < 0)
		pairs[0] = '\0';
	va_end(args);
	add_head(&line, level, event);
	if (pairs[0] != '\0') {
		add_text(&line, " ");
		add_text(&line, pairs);
	}
	if (left_out && put_left_out())
		left_out = 0;
	if (left_out || !put(&line))
		left_out++;
	errno = kept;
}
