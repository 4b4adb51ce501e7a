/* Lines of results: whose they are, and what they say. */
#include <stdio.h>
#include <string.h>

#include "provider_kind.h"

static int bad_line(struct weir_error *err, const char *text)
{
	return weir_fail(err, "bad_response", "a line of results %s", text);
}

int answer_and_error(const json_t *error, struct reply *out)
{
	struct told t;

	error_take(error, &t);
	return weir_fail(&out->error, "bad_response",
			 "has an answer, and an error as well: %.64s%s%.200s", t.code,
			 *t.code && *t.message ? ": " : "", t.message);
}

/* What stands where a result should. */
static const json_t *told_of(const json_t *root)
{
	static const char *const names[] = {"response", "result", "error"};

	for (size_t i = 0; i < 3; i++) {
		if (says_something(json_object_get(root, names[i])))
			return json_object_get(root, names[i]);
	}
	return root;
}

/* An error that says nothing of itself is told by what stood there. */
static void name_error(const json_t *root, struct reply *out)
{
	struct weir_error said = out->error;
	struct buffer what = BUFFER_INIT;

	if (out->kind == REPLY_ANSWER || *said.text)
		return;
	add_dump(&what, told_of(root));
	weir_fail(&out->error, said.code, "the line is neither an answer nor an error: %.200s",
		  buffer_text(&what) ? what.data : "");
	buffer_release(&what);
}

static int read_result(const struct model *m, const json_t *root, enum line_kind *kind,
		       struct reply *out, struct weir_error *err)
{
	if (provider_kind_of(m)->result(m, root, kind, out) < 0)
		return bad_line(err, *out->error.text ? out->error.text : "has no result");
	if (body_lost(buffer_view(&out->text)))
		return bad_line(err, "has bytes that are no UTF-8, or half of a character");
	if (*kind == LINE_REPLY)
		name_error(root, out);
	return buffer_failed(&out->text) ? weir_fail_memory(err) : 0;
}

/* The custom_id of a line that is no JSON; ours need no escapes. Within a text, the quotes have a
 * backslash before them. */
static void find_id(struct weir_text line, char custom_id[65])
{
	static const char key[] = "\"custom_id\"";
	static const char chars[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	const char *end = line.data + line.size;
	const char *at = line.size > 0 ? memmem(line.data, line.size, key, sizeof(key) - 1) : NULL;
	size_t n = 0;

	if (!at)
		return;
	for (at += sizeof(key) - 1; at < end && memchr(" \t:", *at, 3); at++)
		;
	if (at == end || *at++ != '"')
		return;
	while (at + n < end && n < 65 && memchr(chars, at[n], sizeof(chars) - 1))
		n++;
	if (n < 65 && at + n < end && at[n] == '"')
		snprintf(custom_id, 65, "%.*s", (int)n, at);
}

int provider_read_line(const struct model *m, struct weir_text line, char custom_id[65],
		       enum line_kind *kind, struct reply *out, struct weir_error *err)
{
	json_t *root = body_parse(line);
	const char *id = json_text_of(root, "custom_id");
	int rc = -1;

	*out = (struct reply){0};
	*custom_id = '\0';
	if (!json_is_object(root)) {
		bad_line(err, root ? "is JSON, but no object"
				   : "is JSON that is cut or broken, or none");
		find_id(line, custom_id);
	} else if (!*id || strlen(id) > 64) {
		bad_line(err, "has no custom_id");
	} else {
		rc = read_result(m, root, kind, out, err);
		if (rc == 0 || strcmp(err->code, "bad_response") == 0)
			snprintf(custom_id, 65, "%s", id);
	}
	if (rc < 0)
		reply_release(out);
	json_decref(root);
	return rc;
}
