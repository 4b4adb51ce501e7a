#include "weir/front.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "weir/toml.h"

static const char *const texts[] = {"title", "custom_id", NULL};

/* ---- lines ---- */

/* Lines end in \n, \r\n or \r, as in Markdown. */
struct line {
	const char *at;
	size_t size; /* without its end, and blanks before that */
	const char *next;
};

static struct line line_at(const char *at, const char *end)
{
	struct line l = {.at = at, .next = at};
	while (l.next < end && *l.next != '\n' && *l.next != '\r')
		l.next++;
	l.size = (size_t)(l.next - at);
	while (l.size > 0 && (at[l.size - 1] == ' ' || at[l.size - 1] == '\t'))
		l.size--;
	if (l.next < end)
		l.next += 1 + (*l.next == '\r' && l.next + 1 < end && l.next[1] == '\n');
	return l;
}

static bool line_is(const struct line *l, const char *text)
{
	return l->size == strlen(text) && strncasecmp(l->at, text, l->size) == 0;
}

static int lines_before(const char *text, const char *end)
{
	int lines = 0;
	for (struct line l = line_at(text, end); l.at < end; l = line_at(l.next, end))
		lines += l.next <= end && l.next > l.at &&
			 (l.next[-1] == '\n' || l.next[-1] == '\r');
	return lines;
}

/* ---- marks ---- */

static const struct mark {
	const char *opens, *shuts;
	enum front_format format;
	bool sure; /* it is no rule */
} marks[] = {
	{"---", "---", FRONT_YAML, false},    {"---yaml", "---", FRONT_YAML, true},
	{"---yml", "---", FRONT_YAML, true},  {"---toml", "---", FRONT_TOML, true},
	{"---json", "---", FRONT_JSON, true}, {"+++", "+++", FRONT_TOML, false},
	{";;;", ";;;", FRONT_JSON, false},
};

static const struct mark *find_mark(const struct line *l)
{
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (line_is(l, marks[i].opens))
			return &marks[i];
	return NULL;
}

static bool shuts(const struct mark *m, const struct line *l)
{
	return line_is(l, m->shuts) || (m->format == FRONT_YAML && line_is(l, "..."));
}

/* ---- keys ---- */

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
	       c == '-' || c == '.' || (c & 0x80) != 0;
}

/* Bytes of a text in quotes; 0: there is none. */
static size_t quoted_size(const char *text, size_t n)
{
	for (size_t i = 1; n > 1 && (*text == '"' || *text == '\'') && i < n; i++) {
		if (text[i] == *text)
			return i + 1;
		i += text[i] == '\\' && *text == '"';
	}
	return 0;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* Behind the key, which has n bytes. */
static bool has_sign(const struct line *l, size_t n, char sign)
{
	while (n < l->size && is_blank(l->at[n]))
		n++;
	if (n == l->size || l->at[n] != sign)
		return false;
	return sign != ':' || n + 1 == l->size || is_blank(l->at[n + 1]);
}

/* A word in small letters, or in quotes. */
static bool is_plain_key(const struct line *l, char sign)
{
	size_t n = quoted_size(l->at, l->size);
	if (n == 0 && *l->at >= 'a' && *l->at <= 'z')
		while (n < l->size && is_word(l->at[n]))
			n++;
	return n > 0 && has_sign(l, n, sign);
}

/* Whatever has the sign behind it, and does not begin as Markdown does. */
static bool is_key(const struct line *l, char sign)
{
	if (is_plain_key(l, sign))
		return true;
	for (size_t n = 1; n < l->size && !strchr("-*+>|`[!<{", *l->at); n++)
		if (l->at[n] == sign && has_sign(l, n, sign))
			return true;
	return false;
}

/* `# layout: home`, not a heading. */
static bool is_commented_key(const struct mark *m, const struct line *l)
{
	struct line key = *l;
	for (; key.size > 0 && (*key.at == '#' || is_blank(*key.at)); key.size--)
		key.at++;
	return key.size > 0 && key.size < l->size &&
	       is_plain_key(&key, m->format == FRONT_TOML ? '=' : ':');
}

static bool says_key(const struct mark *m, const struct line *l, bool small)
{
	if (m->format == FRONT_JSON)
		return *l->at == '"' || *l->at == '{';
	if (m->format == FRONT_TOML)
		return *l->at == '[' || is_key(l, '=');
	return small ? is_plain_key(l, ':') : is_key(l, ':');
}

/* ---- between two marks ---- */

/* Looks from behind the opening mark on: the closing line, or one at the end; whether a line says
 * something, and whether it is a key; whether any is blank, and one a key in a comment. */
struct look {
	struct line shut;
	bool closed, blank, gap, says, key, commented;
};

static struct look look(const struct mark *m, const char *at, const char *end)
{
	struct look k = {.blank = false};
	bool first = true;
	for (k.shut = line_at(at, end); k.shut.at < end; k.shut = line_at(k.shut.next, end)) {
		if (shuts(m, &k.shut)) {
			k.closed = true;
			return k;
		}
		k.blank |= first && k.shut.size == 0;
		k.gap |= k.shut.size == 0;
		k.commented |= is_commented_key(m, &k.shut);
		first = false;
		if (k.says || k.shut.size == 0 || (m->format != FRONT_JSON && *k.shut.at == '#'))
			continue;
		k.says = true;
		k.key = says_key(m, &k.shut, k.blank);
	}
	return k;
}

static bool is_front(const struct mark *m, const struct look *k, const char *at)
{
	if (m->sure)
		return true;
	if (!k->says) /* nothing at all, or keys in comments, is front matter that is empty */
		return k->closed && (k->shut.at == at || (k->commented && !k->gap));
	return k->key && (k->closed || !k->blank);
}

static int divide_marked(struct weir_text text, const char *name, const struct mark *m,
			 const struct line *opening, struct front_matter *out, struct faults *f)
{
	const char *at = opening->next, *end = text.data + text.size;
	int line = 1 + lines_before(text.data, opening->at);
	struct look k = look(m, at, end);
	if (!is_front(m, &k, at))
		return 0;
	if (!k.closed) {
		faults_add(f, name, line, "the front matter has no %s at its end%s", m->shuts,
			   m->sure ? "" : " (if this is a rule, have a blank line behind it)");
		return -1;
	}
	*out = (struct front_matter){
		.format = m->format,
		.inside = {at, (size_t)(k.shut.at - at)},
		.line = line + 1,
		.body = {k.shut.next, (size_t)(end - k.shut.next)},
		.body_line = 1 + lines_before(text.data, k.shut.next),
	};
	return 0;
}

/* ---- an object of JSON ---- */

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && strchr(" \t\r\n", *at) && *at)
		at++;
	return at;
}

/* { and then a key, or }: not {{ or {% or {"a text"}. */
static bool opens_object(const char *at, const char *end)
{
	const char *key = skip_space(at + 1, end);
	size_t n = quoted_size(key, (size_t)(end - key));
	if (key < end && *key == '}')
		return line_at(key + 1, end).size == 0;
	at = skip_space(key + n, end);
	return n > 0 && *key == '"' && at < end && *at == ':';
}

static int divide_object(struct weir_text text, const char *name, const char *at,
			 struct front_matter *out, struct faults *f)
{
	const char *end = text.data + text.size;
	json_error_t fault;
	int line = 1 + lines_before(text.data, at);
	json_t *value = json_loadb(at, (size_t)(end - at),
				   JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &fault);
	if (!value) {
		faults_add(f, name, line + fault.line - 1, "front matter in JSON: %s", fault.text);
		return -1;
	}
	json_decref(value);
	struct line rest = line_at(at + fault.position, end);
	if (rest.size > 0) {
		faults_add(f, name, line + lines_before(at, rest.at),
			   "something stands behind the front matter's }");
		return -1;
	}
	*out = (struct front_matter){
		.format = FRONT_JSON,
		.inside = {at, (size_t)fault.position},
		.line = line,
		.body = {rest.next, (size_t)(end - rest.next)},
		.body_line = 1 + lines_before(text.data, rest.next),
	};
	return 0;
}

int front_divide(struct weir_text text, const char *name, struct front_matter *out,
		 struct faults *f)
{
	const char *at = text.data, *end = at + text.size;
	bool marked = text.size >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0;
	struct line first = line_at(at + (marked ? 3 : 0), end);
	while (first.size == 0 && first.next < end)
		first = line_at(first.next, end);
	*out = (struct front_matter){.format = FRONT_NONE, .line = 1, .body = text, .body_line = 1};
	const struct mark *m = find_mark(&first);
	if (m)
		return divide_marked(text, name, m, &first, out, f);
	if (first.size > 0 && *first.at == '{' && opens_object(first.at, end))
		return divide_object(text, name, first.at, out, f);
	return 0;
}

/* ---- what it says ---- */

static int fail_shape(const struct front_matter *front, const char *name, struct faults *f)
{
	faults_add(f, name, front->line, "the front matter has to be keys and values");
	return -1;
}

static int read_yaml(const struct front_matter *front, const char *name, json_t **out,
		     struct faults *f)
{
	struct yaml *y = NULL;
	if (yaml_parse(front->inside.data, front->inside.size, name, front->line, &y, f) < 0) {
		yaml_close(y);
		return -1;
	}
	int root = yaml_root(y), rc = 0;
	json_t *made = yaml_type(y, root) == YAML_NULL ? json_object() : yaml_json(y, root);
	if (made && !json_is_object(made))
		rc = fail_shape(front, name, f);
	for (const char *const *key = texts; rc == 0 && *key; key++) {
		const char *text = yaml_text(y, yaml_find(y, root, *key));
		if (text && json_object_set_new(made, *key, json_string(text)) < 0)
			rc = -1;
	}
	yaml_close(y);
	if (rc == 0 && made)
		*out = made;
	else
		json_decref(made);
	return made ? rc : -1;
}

static int number_to_text(json_t *front, const char *key)
{
	json_t *value = json_object_get(front, key);
	if (!json_is_number(value) && !json_is_boolean(value))
		return 0;
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	int rc = text ? json_object_set_new(front, key, json_string(text)) : -1;
	free(text);
	return rc;
}

/* Between ;;; the braces may be missing. */
static int read_json(const struct front_matter *front, const char *name, json_t **out,
		     struct faults *f)
{
	struct buffer text = BUFFER_INIT;
	json_error_t fault = {.line = 1};
	const char *end = front->inside.data + front->inside.size;
	const char *at = skip_space(front->inside.data, end);
	bool bare = at < end && *at != '{';
	buffer_add_text(&text, bare || at == end ? "{" : "");
	buffer_add(&text, front->inside.data, front->inside.size);
	buffer_add_text(&text, bare || at == end ? "}" : "");
	json_t *made = buffer_failed(&text)
			       ? NULL
			       : json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, &fault);
	if (!made)
		faults_add(f, name, front->line + fault.line - 1, "front matter in JSON: %s",
			   buffer_failed(&text) ? "out of memory" : fault.text);
	int rc = made ? 0 : -1;
	for (const char *const *key = texts; rc == 0 && *key; key++)
		rc = number_to_text(made, *key);
	buffer_release(&text);
	if (rc == 0)
		*out = made;
	else
		json_decref(made);
	return rc;
}

int front_read(const struct front_matter *front, const char *name, json_t **out, struct faults *f)
{
	size_t before = f->count;
	int rc;
	if (front->format == FRONT_YAML)
		rc = read_yaml(front, name, out, f);
	else if (front->format == FRONT_TOML)
		rc = toml_parse(front->inside.data, front->inside.size, name, front->line, texts,
				out, f);
	else if (front->format == FRONT_JSON)
		rc = read_json(front, name, out, f);
	else
		rc = (*out = json_object()) ? 0 : -1;
	if (rc < 0 && f->count == before)
		faults_add(f, name, 0, "out of memory");
	return rc;
}

int front_line_of(const struct front_matter *front, const char *key)
{
	const char *end = front->inside.data + front->inside.size;
	size_t n = strlen(key);
	int line = front->line;
	if (front->format == FRONT_NONE)
		return 1;
	for (struct line l = line_at(front->inside.data, end); l.at < end;
	     l = line_at(l.next, end), line++) {
		size_t from = strspn(l.at, " \t{[\"'");
		if (from <= l.size && l.size - from >= n && memcmp(l.at + from, key, n) == 0)
			return line;
	}
	return front->line;
}
