#include "files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weir/message.h"
#include "weir/utf8.h"

enum { HASH_DIGITS = 8 };

enum source_status files_bad(const struct files *f, int line, const char *why,
			     struct weir_error *err)
{
	if (line > 0)
		weir_fail(err, "bad_record", "%.300s:%d: %s", f->walk.path, line, why);
	else
		weir_fail(err, "bad_record", "%.300s: %s", f->walk.path, why);
	return SOURCE_BAD;
}

/* ---- names ---- */

size_t files_suffix(const char *name, const char *const *suffixes)
{
	size_t n = strlen(name);
	for (; *suffixes; suffixes++) {
		size_t m = strlen(*suffixes);
		if (n > m && strcasecmp(name + n - m, *suffixes) == 0)
			return m;
	}
	return 0;
}

/* "./a//b" is "a/b". Both have the same room. */
static void tidy(const char *from, char *path)
{
	char *to = path;
	while (*from) {
		bool begins = to == path || to[-1] == '/';
		if (begins && from[0] == '.' && from[1] == '/')
			from += 1 + strspn(from + 1, "/");
		else if (to > path && begins && *from == '/')
			from++;
		else
			*to++ = *from++;
	}
	*to = '\0';
}

/* FNV-1a, 64 bits, folded. Source: IETF draft-eastlake-fnv. */
static uint32_t hash_path(const char *path)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (; *path; path++)
		h = (h ^ (unsigned char)*path) * UINT64_C(0x100000001b3);
	return (uint32_t)(h ^ h >> 32);
}

/* The path itself where that is a name already: NAME.md. Else the end of it, which says most, and a
 * hash, so that a/b.md and a-b.md are two. */
void files_add_name(const struct files *f, struct buffer *out)
{
	const char *path = f->path;
	size_t n = strlen(path) - files_suffix(path, f->kind->suffixes);
	bool same = strcmp(path + n, f->kind->suffixes[0]) == 0 && n <= MESSAGE_NAME_MAX;
	size_t from = same || n <= MESSAGE_NAME_MAX - HASH_DIGITS - 1
			      ? 0
			      : n - (MESSAGE_NAME_MAX - HASH_DIGITS - 1);
	for (size_t i = from; i < n; i++) {
		bool fits = (isalnum((unsigned char)path[i]) && (path[i] & 0x80) == 0) ||
			    path[i] == '_' || path[i] == '-';
		buffer_add_char(out, fits ? path[i] : '-');
		same &= fits;
	}
	if (same)
		return;
	if (out->size > MESSAGE_NAME_MAX - HASH_DIGITS - 1) {
		size_t over = out->size - (MESSAGE_NAME_MAX - HASH_DIGITS - 1);
		memmove(out->data, out->data + over, out->size - over);
		out->size -= over;
	}
	buffer_printf(out, "-%08x", hash_path(path));
}

/* ---- a file ---- */

static int read_all(int fd, char *text, size_t *size)
{
	*size = 0;
	while (*size <= SOURCE_LINE_MAX) {
		ssize_t n = read(fd, text + *size, SOURCE_LINE_MAX + 1 - *size);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -1;
		*size += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Waits for nobody: a pipe that nobody writes to is no file of records. */
static enum source_status load(struct files *f, size_t *size, struct weir_error *err)
{
	struct stat is;
	int fd = open(f->walk.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return files_bad(f, 0, strerror(errno), err);
	enum source_status status = SOURCE_RECORD;
	if (fstat(fd, &is) < 0 || !S_ISREG(is.st_mode))
		status = files_bad(f, 0, "that is no regular file", err);
	else if (read_all(fd, f->text, size) < 0)
		status = files_bad(f, 0, strerror(errno), err);
	else if (*size > SOURCE_LINE_MAX)
		status = files_bad(f, 0, "larger than 1 MiB", err);
	close(fd);
	return status;
}

int files_lines_before(const char *text, const char *end)
{
	int lines = 0;
	for (; (text = memchr(text, '\n', (size_t)(end - text))); text++)
		lines++;
	return lines;
}

static enum source_status read_text(struct files *f, struct weir_text *text, struct weir_error *err)
{
	size_t size = 0, valid;
	enum source_status status = load(f, &size, err);
	if (status != SOURCE_RECORD)
		return status;
	valid = utf8_valid(f->text, size);
	if (valid < size)
		return files_bad(f, 1 + files_lines_before(f->text, f->text + valid),
				 "that is not UTF-8", err);
	size_t mark = size >= 3 && memcmp(f->text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
	*text = (struct weir_text){f->text + mark, size - mark};
	return SOURCE_RECORD;
}

enum source_status files_next(struct files *f, struct source_record *record, struct weir_text *text,
			      struct weir_error *err)
{
	enum walk_status status = walk_next(&f->walk, err);
	*record = (struct source_record){.line = 0};
	if (status == WALK_END && !f->found) {
		weir_fail(err, "read_failed", "%.300s: there is no %s file in it", f->walk.roots[0],
			  f->kind->what);
		return SOURCE_FAILED;
	}
	if (status == WALK_END)
		return SOURCE_END;
	f->found = true;
	record->file = (struct weir_text){f->walk.path, strlen(f->walk.path)};
	record->raw = record->file;
	if (status == WALK_BAD)
		return SOURCE_BAD;
	tidy(f->walk.path + (f->one_folder ? f->walk.root_size : 0), f->path);
	if (utf8_valid(f->path, strlen(f->path)) < strlen(f->path))
		return files_bad(f, 0, "the name is not UTF-8", err);
	return read_text(f, text, err);
}

/* ---- all of them ---- */

int files_open(struct files *f, const struct files_kind *kind, char *const *paths, size_t count,
	       struct weir_error *err)
{
	struct stat is;
	f->kind = kind;
	f->walk = (struct walk){.roots = paths, .root_count = count, .wanted = kind->wanted};
	f->one_folder = count == 1 && stat(paths[0], &is) == 0 && S_ISDIR(is.st_mode);
	f->text = malloc(SOURCE_LINE_MAX + 1);
	return f->text ? 0 : weir_fail_memory(err);
}

void files_release(struct files *f)
{
	walk_release(&f->walk);
	free(f->text);
	f->text = NULL;
}
