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

/* How many lines of the text fit into so many bytes, and in *size how long they are. */
static size_t lines_that_fit(const char *text, size_t room, size_t *size)
{
	size_t lines = 0;

	*size = 0;
	for (const char *end; (end = strchr(text + *size, '\n')) != NULL; lines++) {
		if ((size_t)(end + 1 - text) > room)
			break;
		*size = (size_t)(end + 1 - text);
	}
	return lines;
}

/* Lines become parts between semicolons: an error is one line. */
int faults_fail(const struct faults *f, const char *code, struct weir_error *err)
{
	char text[sizeof(err->text) - 32], *newline;
	size_t size, shown;

	if (buffer_failed(&f->text) || f->text.size == 0)
		return weir_fail_memory(err);
	snprintf(text, sizeof(text), "%.*s",
		 (int)(f->text.size < sizeof(text) ? f->text.size : sizeof(text)), f->text.data);
	shown = lines_that_fit(text, sizeof(text), &size);
	if (shown == 0) /* one that is very long */
		shown = 1;
	else
		text[size - 1] = '\0';
	while ((newline = strchr(text, '\n')) != NULL)
		*newline = ';';
	if (f->count == shown)
		return weir_fail(err, code, "%s", text);
	return weir_fail(err, code, "%s; and %zu more", text, f->count - shown);
}

void faults_release(struct faults *f)
{
	buffer_release(&f->text);
	f->count = 0;
}
