#include "files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "magic.h"
#include "weir/hash.h"
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

static size_t ends_in(const char *name, size_t n, const char *const *suffixes)
{
	for (; *suffixes; suffixes++) {
		size_t m = strlen(*suffixes);
		if (n > m && strncasecmp(name + n - m, *suffixes, m) == 0)
			return m;
	}
	return 0;
}

size_t files_suffix(const char *name, const char *const *suffixes)
{
	static const char *const packed[] = {".gz", ".zst", NULL};
	size_t n = strlen(name), behind = ends_in(name, n, packed);
	size_t suffix = ends_in(name, n - behind, suffixes);
	return suffix ? suffix + behind : 0;
}

bool source_has_suffix(const char *name, const char *const *suffixes)
{
	return files_suffix(name, suffixes) > 0;
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

/* The path itself where that is a name already: NAME.md. Else the end of it, which says most, and a
 * hash, so that a/b.md and a-b.md are two. */
void files_add_name(const struct files *f, struct source_record *record, struct buffer *out)
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
	record->natural_id = (struct weir_text){path, strlen(path)};
	if (out->size > MESSAGE_NAME_MAX - HASH_DIGITS - 1) {
		size_t over = out->size - (MESSAGE_NAME_MAX - HASH_DIGITS - 1);
		memmove(out->data, out->data + over, out->size - over);
		out->size -= over;
	}
	buffer_printf(out, "-%08x", hash_short((struct weir_text){path, strlen(path)}));
}

/* ---- a file ---- */

/* A pipe that nobody writes to is no file of records. */
enum source_status files_open_one(struct files *f, FILE **out, struct weir_error *err)
{
	struct stat is;
	int fd = open(f->walk.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return files_bad(f, 0, strerror(errno), err);
	*out = NULL;
	if (fstat(fd, &is) < 0 || !S_ISREG(is.st_mode))
		files_bad(f, 0, "that is no regular file", err);
	else if (!(*out = fdopen(fd, "r")))
		files_bad(f, 0, strerror(errno), err);
	if (!*out)
		close(fd);
	return *out ? SOURCE_RECORD : SOURCE_BAD;
}

/* At most a byte more than a record may have. */
static int read_all(FILE *in, char *text, size_t *size, struct weir_error *err)
{
	struct unpack unpack;
	size_t n = 1;
	*size = 0;
	int rc = unpack_init(&unpack, in, err);
	while (rc == 0 && n > 0 && *size <= SOURCE_LINE_MAX) {
		rc = unpack_read(&unpack, text + *size, SOURCE_LINE_MAX + 1 - *size, &n, err);
		*size += rc == 0 ? n : 0;
	}
	unpack_release(&unpack);
	return rc;
}

static enum source_status load(struct files *f, size_t *size, struct weir_error *err)
{
	struct weir_error why;
	FILE *in;
	enum source_status status = files_open_one(f, &in, err);
	if (status != SOURCE_RECORD)
		return status;
	if (read_all(in, f->text, size, &why) < 0 || magic_check(f->text, *size, false, &why) < 0)
		status = strcmp(why.code, "out_of_memory") == 0 ? record_no_memory(err)
								: files_bad(f, 0, why.text, err);
	else if (*size > SOURCE_LINE_MAX)
		status = files_bad(f, 0, "larger than 1 MiB", err);
	fclose(in);
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
				 "that is not UTF-8: " RECORD_ENCODING_ADVICE, err);
	size_t mark = size >= 3 && memcmp(f->text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
	*text = (struct weir_text){f->text + mark, size - mark};
	return SOURCE_RECORD;
}

enum source_status files_advance(struct files *f, struct source_record *record,
				 struct weir_error *err)
{
	enum walk_status status = walk_next(&f->walk, err);
	*record = (struct source_record){.line = 0};
	if (status == WALK_END)
		return SOURCE_END;
	record->file = (struct weir_text){f->walk.path, strlen(f->walk.path)};
	record->raw = record->file;
	if (status == WALK_BAD)
		return SOURCE_BAD;
	tidy(f->walk.path + (f->one_folder ? f->walk.root_size : 0), f->path);
	if (utf8_valid(f->path, strlen(f->path)) < strlen(f->path))
		return files_bad(f, 0, "the name is not UTF-8", err);
	return SOURCE_RECORD;
}

enum source_status files_next(struct files *f, struct source_record *record, struct weir_text *text,
			      struct weir_error *err)
{
	enum source_status status = files_advance(f, record, err);
	return status == SOURCE_RECORD ? read_text(f, text, err) : status;
}

enum source_status files_empty(const struct files *f, struct weir_error *err)
{
	weir_fail(err, "empty", "no items in %.300s (--allow-empty takes it)", f->walk.path);
	return SOURCE_BAD;
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
