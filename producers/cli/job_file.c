#include "job_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy.h"
#include "submission.h"
#include "weir/option.h"

enum key_type { KEY_TEXT, KEY_INTEGER, KEY_TIME, KEY_REAL, KEY_LIST, KEY_OBJECT, KEY_FLAG };

static const struct key {
	const char *name;
	enum key_type type;
	size_t offset; /* in struct job_file */
	int64_t least, most;
	const char *words; /* all that a text may be; NULL: anything */
} keys[] = {
#define AT(field) offsetof(struct job_file, field)
	{"kind", KEY_TEXT, AT(kind), 0, 0, NULL},
	{"stages", KEY_LIST, AT(stages), 0, 0, NULL},
	{"context", KEY_OBJECT, AT(context), 0, 0, NULL},
	{"job", KEY_TEXT, AT(job), 0, 0, NULL},
	{"batch_size", KEY_INTEGER, AT(batch_size), 1, BATCH_MAX, NULL},
	{"max_attempts", KEY_INTEGER, AT(max_attempts), 1, ATTEMPTS_MAX, NULL},
	{"backoff", KEY_TIME, AT(backoff_ms), 1, BACKOFF_MAX_MS, NULL},
	{"backoff_factor", KEY_REAL, AT(backoff_factor), 0, 0, NULL},
	{"backoff_cap", KEY_TIME, AT(backoff_cap_ms), 1, BACKOFF_MAX_MS, NULL},
	{"mode", KEY_TEXT, AT(mode), 0, 0, NULL},
	{"max_concurrent", KEY_INTEGER, AT(max_concurrent), 1, CONCURRENT_MAX, NULL},
	{"input", KEY_TEXT, AT(input), 0, 0, NULL},
	{"format", KEY_TEXT, AT(format), 0, 0, "jsonl csv json markdown"},
	{"separator", KEY_TEXT, AT(separator), 0, 0, NULL},
	{"from", KEY_TEXT, AT(from), 0, 0, "db"},
	{"id_hash", KEY_FLAG, AT(id_hash), 0, 0, NULL},
#undef AT
};

#define KEYS (sizeof keys / sizeof *keys)

int job_file_fail(const char *path, const char *key, const char *why, struct weir_error *err)
{
	if (!key)
		return weir_fail(err, "job_file", "%.200s: %s", path, why);
	return weir_fail(err, "job_file", "%.200s: \"%.60s\": %s", path, key, why);
}

/* ---- values ---- */

static bool is_word(const char *words, const char *text)
{
	size_t n = strlen(text);
	for (const char *at = words; *at; at += strcspn(at, " ") + (at[strcspn(at, " ")] == ' '))
		if (strcspn(at, " ") == n && memcmp(at, text, n) == 0)
			return true;
	return false;
}

static int set_text(const struct key *key, json_t *value, void *field, struct weir_error *err)
{
	if (!json_is_string(value) || json_string_length(value) == 0)
		return weir_fail(err, "job_file", "a text is wanted");
	if (key->words && !is_word(key->words, json_string_value(value)))
		return weir_fail(err, "job_file", "\"%.40s\" is not one of: %s",
				 json_string_value(value), key->words);
	*(const char **)field = json_string_value(value);
	return 0;
}

static int set_integer(const struct key *key, json_t *value, void *field, struct weir_error *err)
{
	json_int_t number = json_integer_value(value);
	if (!json_is_integer(value) || number < key->least || number > key->most)
		return weir_fail(err, "job_file",
				 "a whole number from %" PRId64 " to %" PRId64 " is wanted",
				 key->least, key->most);
	*(int64_t *)field = number;
	return 0;
}

static int set_time(const struct key *key, json_t *value, void *field, struct weir_error *err)
{
	int64_t ms;
	if (!json_is_string(value) || option_time(json_string_value(value), &ms) < 0 ||
	    ms < key->least || ms > key->most)
		return weir_fail(err, "job_file",
				 "a time from %" PRId64 "ms to %" PRId64
				 "d is wanted, as \"250ms\", \"5s\", \"10m\", \"1h\" or \"30d\"",
				 key->least, key->most / 86400000);
	*(int64_t *)field = ms;
	return 0;
}

static int set_real(const struct key *key, json_t *value, void *field, struct weir_error *err)
{
	(void)key;
	double number = json_number_value(value); /* 0 when it is none */
	if (policy_check_factor(number, err) < 0)
		return -1;
	*(double *)field = number;
	return 0;
}

static int set_list(const struct key *key, json_t *value, void *field, struct weir_error *err)
{
	(void)key;
	if (!json_is_array(value) || json_array_size(value) == 0 ||
	    json_array_size(value) > STAGES_MAX)
		return weir_fail(err, "job_file", "a list of 1 to %d stages is wanted", STAGES_MAX);
	*(json_t **)field = value;
	return 0;
}

static int set_object(const struct key *key, json_t *value, void *field, struct weir_error *err)
{
	(void)key;
	if (!json_is_object(value))
		return weir_fail(err, "job_file", "an object is wanted");
	*(json_t **)field = value;
	return 0;
}

static int set_flag(const struct key *key, json_t *value, void *field, struct weir_error *err)
{
	(void)key;
	if (!json_is_boolean(value))
		return weir_fail(err, "job_file", "true or false is wanted");
	*(bool *)field = json_is_true(value);
	return 0;
}

typedef int set_value(const struct key *key, json_t *value, void *field, struct weir_error *err);

static set_value *const setters[] = {
	[KEY_TEXT] = set_text, [KEY_INTEGER] = set_integer, [KEY_TIME] = set_time,
	[KEY_REAL] = set_real, [KEY_LIST] = set_list,	    [KEY_OBJECT] = set_object,
	[KEY_FLAG] = set_flag,
};

/* ---- the file ---- */

static int read_all(FILE *in, const char *path, char *text, size_t *size, struct weir_error *err)
{
	*size = fread(text, 1, JOB_FILE_MAX + 1, in);
	if (ferror(in))
		return job_file_fail(path, NULL, strerror(errno), err);
	if (*size > JOB_FILE_MAX)
		return weir_fail(err, "job_file", "%.200s: larger than %d bytes", path,
				 JOB_FILE_MAX);
	return 0;
}

static int parse(const char *path, const char *text, size_t size, json_t **out,
		 struct weir_error *err)
{
	json_error_t why;
	if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* U+FEFF: editors put it there */
		text += 3;
		size -= 3;
	}
	*out = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
	if (!*out)
		return weir_fail(err, "job_file", "%.200s: line %d: %.160s", path, why.line,
				 why.text);
	if (json_is_object(*out))
		return 0;
	json_decref(*out);
	return job_file_fail(path, NULL, "a JSON object is wanted", err);
}

/* Waits for nobody: a pipe that nobody writes to is no file. NULL: failed. */
static FILE *open_file(const char *path, struct weir_error *err)
{
	struct stat is;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	FILE *in = NULL;
	if (fd < 0 || fstat(fd, &is) < 0)
		job_file_fail(path, NULL, strerror(errno), err);
	else if (!S_ISREG(is.st_mode))
		job_file_fail(path, NULL, "that is no regular file", err);
	else if (!(in = fdopen(fd, "r")))
		job_file_fail(path, NULL, strerror(errno), err);
	if (!in && fd >= 0)
		close(fd);
	return in;
}

static int load(const char *path, json_t **out, struct weir_error *err)
{
	size_t size = 0;
	FILE *in = open_file(path, err);
	if (!in)
		return -1;
	char *text = malloc(JOB_FILE_MAX + 1);
	int rc = text ? read_all(in, path, text, &size, err) : weir_fail_memory(err);
	fclose(in);
	if (rc == 0)
		rc = parse(path, text, size, out, err);
	free(text);
	return rc;
}

static int fail_unknown(const char *path, const char *name, struct weir_error *err)
{
	struct buffer list = BUFFER_INIT;
	buffer_add_text(&list, "there is no such key; there are: ");
	for (size_t i = 0; i < KEYS; i++)
		buffer_printf(&list, "%s%s", i ? ", " : "", keys[i].name);
	const char *text = buffer_text(&list);
	job_file_fail(path, name, text ? text : "there is no such key", err);
	buffer_release(&list);
	return -1;
}

static int set_key(struct job_file *f, const char *name, json_t *value, struct weir_error *err)
{
	struct weir_error why;
	for (size_t i = 0; i < KEYS; i++) {
		const struct key *key = &keys[i];
		if (strcmp(key->name, name) != 0)
			continue;
		if (setters[key->type](key, value, (char *)f + key->offset, &why) < 0)
			return job_file_fail(f->path, name, why.text, err);
		return 0;
	}
	return fail_unknown(f->path, name, err);
}

int job_file_read(const char *path, struct job_file *out, struct weir_error *err)
{
	struct job_file f = {.path = path};
	const char *name;
	json_t *value;
	if (load(path, &f.root, err) < 0)
		return -1;
	json_object_foreach(f.root, name, value)
	{
		if (set_key(&f, name, value, err) < 0) {
			json_decref(f.root);
			return -1;
		}
	}
	*out = f;
	return 0;
}

void job_file_release(struct job_file *f)
{
	json_decref(f->root);
	*f = (struct job_file){.root = NULL};
}

/* ---- what needs more than one value ---- */

int job_file_stages(const struct job_file *f, struct stages *out, struct weir_error *err)
{
	struct weir_error why;
	size_t i;
	json_t *stage;
	json_array_foreach(f->stages, i, stage)
	{
		if (stages_add_json(out, stage, &why) < 0)
			return weir_fail(err, "job_file", "%.200s: \"stages\": stage %zu: %s",
					 f->path, i + 1, why.text);
	}
	return 0;
}

int job_file_input(const struct job_file *f, char *out, size_t room, struct weir_error *err)
{
	const char *slash = strrchr(f->path, '/');
	bool here = f->input[0] == '/' || strcmp(f->input, "-") == 0 || !slash;
	int folder = here ? 0 : (int)(slash - f->path) + 1;
	if (snprintf(out, room, "%.*s%s", folder, f->path, f->input) < (int)room)
		return 0;
	return job_file_fail(f->path, "input", "the name is too long", err);
}
