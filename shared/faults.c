#include <stdarg.h>
#include <string.h>

#include "weir/yaml.h"

#define FAULTS_SHOWN 200 /* more than anybody reads */

void faults_add(struct faults *f, const char *file, int line, const char *fmt, ...)
{
	struct weir_error made;
	char text[400];
	va_list args;

	if (f->count++ >= FAULTS_SHOWN)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	weir_fail(&made, "fault", "%s", text); /* makes it UTF-8 */
	if (line > 0)
		buffer_printf(&f->text, "%s:%d: %s\n", file, line, made.text);
	else
		buffer_printf(&f->text, "%s: %s\n", file, made.text);
}

/* Lines become parts between semicolons, since an error is one line; the first one is there in any
 * case. Returns how many are. */
static size_t join_lines(const char *lines, char *out, size_t room)
{
	size_t size = 0, count = 0;

	for (const char *end; (end = strchr(lines, '\n')) != NULL; lines = end + 1) {
		int length = (int)(end - lines);

		if (count > 0 && size + 2 + (size_t)length >= room)
			break;
		snprintf(out + size, room - size, "%s%.*s", count > 0 ? "; " : "", length, lines);
		size += strlen(out + size);
		count++;
	}
	return count;
}

int faults_fail(const struct faults *f, const char *code, struct weir_error *err)
{
	char text[sizeof(err->text) - 32]; /* and room to say how many more */
	struct buffer lines = BUFFER_INIT;
	size_t shown = 0;

	buffer_add(&lines, f->text.data, f->text.size);
	if (!buffer_failed(&f->text) && buffer_text(&lines) != NULL)
		shown = join_lines(lines.data, text, sizeof(text));
	buffer_release(&lines);
	if (shown == 0)
		return weir_fail_memory(err);
	if (f->count == shown)
		return weir_fail(err, code, "%s", text);
	return weir_fail(err, code, "%s; and %zu more", text, f->count - shown);
}

void faults_release(struct faults *f)
{
	buffer_release(&f->text);
	f->count = 0;
}
