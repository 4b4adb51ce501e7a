#include "sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weir/process.h"

#define WORTH_A_WRITE 65536

/* Nobody to write for is an end like any other: the rest goes nowhere. */
static int fail(struct sink *s, struct weir_error *err)
{
	int why = errno;
	if (s->file == stdout)
		process_forget_output();
	if (s->file == stdout && why == EPIPE) {
		s->no_reader = true;
		return 0;
	}
	errno = why;
	return weir_fail(err, "output", "%.300s: %s", s->path ? s->path : "standard output",
			 strerror(errno));
}

/* mkstemp() makes files that only their owner may read; this one is an ordinary file. */
static void set_mode(int fd)
{
	mode_t mask = umask(0);
	umask(mask);
	fchmod(fd, 0666 & ~mask);
}

static int open_temporary(struct sink *s, struct weir_error *err)
{
	struct buffer name = BUFFER_INIT;
	buffer_printf(&name, "%s.XXXXXX", s->path);
	if (!buffer_text(&name)) {
		buffer_release(&name);
		return weir_fail_memory(err);
	}
	int fd = mkstemp(name.data);
	s->file = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!s->file) {
		fail(s, err);
		if (fd >= 0) {
			close(fd);
			unlink(name.data);
		}
		buffer_release(&name);
		return -1;
	}
	set_mode(fd);
	s->temporary = name.data;
	return 0;
}

/* A device or a folder is not to be replaced by a file. */
static int check_place(const char *path, struct weir_error *err)
{
	struct stat st;
	if (lstat(path, &st) < 0 || S_ISREG(st.st_mode))
		return 0;
	return weir_fail(err, "output", "%.300s is not a plain file: it is not replaced", path);
}

int sink_open(struct sink *s, const char *path, struct weir_error *err)
{
	*s = (struct sink){.file = stdout};
	if (!path || strcmp(path, "-") == 0)
		return 0;
	s->path = path;
	return check_place(path, err) < 0 ? -1 : open_temporary(s, err);
}

static int pass_all(struct sink *s, struct weir_error *err)
{
	if (buffer_failed(&s->buffer))
		return weir_fail_memory(err);
	if (s->buffer.size > 0 &&
	    fwrite(s->buffer.data, 1, s->buffer.size, s->file) != s->buffer.size &&
	    fail(s, err) < 0)
		return -1;
	buffer_reset(&s->buffer);
	return 0;
}

int sink_pass(struct sink *s, struct weir_error *err)
{
	return s->buffer.size < WORTH_A_WRITE && !buffer_failed(&s->buffer) ? 0 : pass_all(s, err);
}

static void release(struct sink *s)
{
	if (s->file && s->file != stdout)
		fclose(s->file);
	buffer_release(&s->buffer);
	free(s->temporary);
	*s = (struct sink){.file = NULL};
}

void sink_abandon(struct sink *s)
{
	if (s->temporary)
		unlink(s->temporary);
	release(s);
}

int sink_close(struct sink *s, struct weir_error *err)
{
	int rc = pass_all(s, err);
	if (rc == 0 && (fflush(s->file) != 0 || (s->path && fsync(fileno(s->file)) != 0)))
		rc = fail(s, err);
	if (rc == 0 && s->path && rename(s->temporary, s->path) < 0)
		rc = fail(s, err);
	if (rc < 0)
		sink_abandon(s);
	else
		release(s);
	return rc;
}
