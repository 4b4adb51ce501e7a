#include "weir/toml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What made a table says what may still be added to it. */
enum made {
	PASSED, /* named on the way by a header: may get a header of its own */
	HEADED, /* by its header, or an element of an array of tables */
	DOTTED, /* by a dotted key: more dotted keys may add to it */
	CLOSED, /* written in braces: nothing may be added */
	LISTED	/* an array of tables */
};

struct toml {
	const char *at, *end, *name;
	int line;
	const char *const *texts;
	struct faults *faults;
	json_t *root;
	struct table {
		const json_t *value;
		enum made made;
	} tables[TOML_TABLES_MAX];
	size_t table_count;
	struct buffer text; /* the string that was read last */
};

static int fail(struct toml *t, const char *what)
{
	faults_add(t->faults, t->name, t->line, "%s", what);
	return -1;
}

static int fail_key(struct toml *t, const char *key, const char *what)
{
	faults_add(t->faults, t->name, t->line, "\"%.60s\" %s", key, what);
	return -1;
}

static int fail_memory(struct toml *t) { return fail(t, "out of memory"); }

/* ---- characters ---- */

/* '\0' at the end; within the text it is a fault. */
static char peek(const struct toml *t) { return t->at < t->end ? *t->at : '\0'; }

static bool begins(const struct toml *t, const char *with)
{
	size_t n = strlen(with);
	return (size_t)(t->end - t->at) >= n && memcmp(t->at, with, n) == 0;
}

static bool skip(struct toml *t, const char *what)
{
	bool is = begins(t, what);
	t->at += is ? strlen(what) : 0;
	return is;
}

static void skip_blanks(struct toml *t)
{
	while (peek(t) == ' ' || peek(t) == '\t')
		t->at++;
}

static bool skip_line_end(struct toml *t)
{
	bool is = skip(t, "\n") || skip(t, "\r\n");
	t->line += is;
	return is;
}

static void skip_comment(struct toml *t)
{
	if (peek(t) == '#')
		while (t->at < t->end && *t->at != '\n' && !begins(t, "\r\n"))
			t->at++;
}

/* Blanks, comments and ends of lines. */
static void skip_space(struct toml *t)
{
	do {
		skip_blanks(t);
		skip_comment(t);
	} while (skip_line_end(t));
}

/* ---- tables ---- */

static struct table *find_table(struct toml *t, const json_t *value)
{
	for (size_t i = t->table_count; i-- > 0;)
		if (t->tables[i].value == value)
			return &t->tables[i];
	return NULL;
}

/* A new one in `parent`; NULL after a fault. */
static json_t *add_table(struct toml *t, json_t *parent, const char *key, enum made made)
{
	json_t *value = made == LISTED ? json_array() : json_object();
	int rc = json_is_array(parent) ? json_array_append_new(parent, value)
				       : json_object_set_new(parent, key, value);
	if (rc < 0) {
		fail_memory(t);
		return NULL;
	}
	if (t->table_count == TOML_TABLES_MAX) {
		fail(t, "too many tables");
		return NULL;
	}
	t->tables[t->table_count++] = (struct table){value, made};
	return value;
}

/* ---- texts ---- */

static int add_code_point(struct toml *t, unsigned long c)
{
	static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};
	int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		return fail(t, "a \\u names no character that a text may hold");
	buffer_add_char(&t->text, (char)(first[n] | c >> (6 * (n - 1))));
	for (int i = n - 2; i >= 0; i--)
		buffer_add_char(&t->text, (char)(0x80 | (c >> (6 * i) & 0x3F)));
	return 0;
}

static int take_code(struct toml *t, int digits)
{
	char hex[9] = "";
	for (int i = 0; i < digits; i++, t->at++) {
		if (!strchr("0123456789abcdefABCDEF", peek(t)) || !peek(t))
			return fail(t, "\\u takes four, \\U eight hexadecimal digits");
		hex[i] = *t->at;
	}
	return add_code_point(t, strtoul(hex, NULL, 16));
}

/* Behind the backslash. */
static int take_escape(struct toml *t, bool many)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	const char *found = peek(t) ? strchr(from, peek(t)) : NULL;
	const char *at = t->at;
	if (found) {
		t->at++;
		buffer_add_char(&t->text, to[found - from]);
		return 0;
	}
	if (skip(t, "u"))
		return take_code(t, 4);
	if (skip(t, "U"))
		return take_code(t, 8);
	skip_blanks(t);
	if (many && skip_line_end(t)) {
		do
			skip_blanks(t);
		while (skip_line_end(t));
		return 0;
	}
	t->at = at;
	return fail(t, "there is no such escape; a backslash itself is \\\\");
}

/* Up to three quotes may stand before the three that end it: two of them are text. */
static bool ends_many(struct toml *t, char quote)
{
	char three[] = {quote, quote, quote, '\0'};
	if (!begins(t, three))
		return false;
	for (int i = 0; i < 2 && t->at + 3 < t->end && t->at[3] == quote; i++)
		buffer_add_char(&t->text, *t->at++);
	t->at += 3;
	return true;
}

static int take_character(struct toml *t, char quote, bool many)
{
	unsigned char c = (unsigned char)peek(t);
	if (t->at == t->end || (!many && (c == '\n' || begins(t, "\r\n"))))
		return fail(t, "a text does not end");
	if (c == '\\' && quote == '"') {
		t->at++;
		return take_escape(t, many);
	}
	if (many && skip_line_end(t)) {
		buffer_add_char(&t->text, '\n');
		return 0;
	}
	if ((c < ' ' && c != '\t') || c == 0x7F)
		return fail(t, "a control character stands in a text");
	buffer_add_char(&t->text, *t->at++);
	return 0;
}

/* At its opening quote; it is then in t->text. */
static int take_text(struct toml *t)
{
	char quote = *t->at++;
	char two[] = {quote, quote, '\0'};
	bool many = skip(t, two);
	buffer_reset(&t->text);
	if (many)
		skip_line_end(t);
	while (many ? !ends_many(t, quote) : peek(t) != quote)
		if (take_character(t, quote, many) < 0)
			return -1;
	t->at += !many;
	return buffer_text(&t->text) ? 0 : fail_memory(t);
}

/* ---- keys ---- */

static bool is_bare(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
	       c == '-';
}

/* One part, in t->text, with the blanks around it. */
static int take_part(struct toml *t)
{
	skip_blanks(t);
	if (begins(t, "\"\"\"") || begins(t, "'''"))
		return fail(t, "a key is on one line");
	if (peek(t) == '"' || peek(t) == '\'') {
		if (take_text(t) < 0)
			return -1;
	} else {
		buffer_reset(&t->text);
		while (is_bare(peek(t)))
			buffer_add_char(&t->text, *t->at++);
		if (t->text.size == 0)
			return fail(t, "a key is wanted here: a line is KEY = VALUE or [TABLE]");
	}
	skip_blanks(t);
	return buffer_text(&t->text) ? 0 : fail_memory(t);
}

/* The table that t->text names in `in`, made if it is not there. NULL after a fault. */
static json_t *enter(struct toml *t, json_t *in, enum made made)
{
	const char *key = buffer_text(&t->text);
	json_t *value = json_object_get(in, key);
	if (!value)
		return add_table(t, in, key, made);
	const struct table *is = find_table(t, value);
	if (is && is->made == LISTED && made == PASSED)
		return json_array_get(value, json_array_size(value) - 1);
	if (is && is->made != LISTED && is->made != CLOSED &&
	    (made == PASSED || is->made == DOTTED))
		return value;
	fail_key(t, key, "is there already, and cannot be added to here");
	return NULL;
}

/* A key with dots: all but the last part lead to a table, and *key is the last one (the caller's to
 * free). NULL after a fault. */
static json_t *take_key(struct toml *t, json_t *in, enum made made, char **key)
{
	for (int depth = 0; depth < TOML_DEPTH_MAX; depth++) {
		if (take_part(t) < 0)
			return NULL;
		if (!skip(t, ".")) {
			*key = strdup(t->text.data);
			if (!*key)
				fail_memory(t);
			return *key ? in : NULL;
		}
		in = enter(t, in, made);
		if (!in)
			return NULL;
	}
	fail(t, "too deep");
	return NULL;
}

/* ---- numbers, dates and the like ---- */

/* Takes the underscores out. False where one does not stand between two digits, or there is
 * nothing. */
static bool tidy_number(const char *text, size_t n, char out[64])
{
	const char *digits = n > 2 && text[1] == 'x' ? "0123456789abcdefABCDEF" : "0123456789";
	size_t size = 0;
	for (size_t i = 0; i < n && size < 63; i++) {
		bool between = i > 0 && i + 1 < n && strchr(digits, text[i - 1]) &&
			       strchr(digits, text[i + 1]);
		if (text[i] == '_' && !between)
			return false;
		if (text[i] != '_')
			out[size++] = text[i];
	}
	out[size] = '\0';
	return size > 0 && size < 63;
}

static bool is_all(const char *text, const char *of)
{
	return *text != '\0' && text[strspn(text, of)] == '\0';
}

static json_t *whole_number(struct toml *t, const char *text, int base)
{
	errno = 0;
	long long number = strtoll(text, NULL, base);
	if (errno == 0)
		return json_integer(number);
	fail(t, "a whole number is beyond 64 bits: write it in quotes");
	return NULL;
}

/* [+-]? (0 | [1-9][0-9]*) ( . [0-9]+ )? ( [eE] [+-]? [0-9]+ )? ; *real: it is more than whole. */
static bool is_decimal(const char *text, bool *real)
{
	static const char digits[] = "0123456789";
	text += *text == '+' || *text == '-';
	size_t n = strspn(text, digits);
	*real = false;
	if (n == 0 || (n > 1 && *text == '0'))
		return false;
	text += n;
	if (*text == '.') {
		n = strspn(text + 1, digits);
		text += 1 + n;
		*real = true;
		if (n == 0)
			return false;
	}
	if (*text != 'e' && *text != 'E')
		return *text == '\0';
	*real = true;
	text += 1 + (text[1] == '+' || text[1] == '-');
	return is_all(text, digits);
}

static json_t *number_of(struct toml *t, const char *text)
{
	static const struct {
		const char *begins, *digits;
		int base;
	} bases[] = {{"0x", "0123456789abcdefABCDEF", 16}, {"0o", "01234567", 8}, {"0b", "01", 2}};
	bool real;
	for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
		if (strncmp(text, bases[i].begins, 2) == 0 && is_all(text + 2, bases[i].digits))
			return whole_number(t, text + 2, bases[i].base);
	if (!is_decimal(text, &real)) {
		fail_key(t, text, "is no value: a text has quotes around it");
		return NULL;
	}
	if (!real)
		return whole_number(t, text, 10);
	double number = strtod(text, NULL);
	return number - number == 0 ? json_real(number) : json_string(text); /* 1e999 */
}

/* As much of a date or time as tells it from all else; what it says is not looked at. */
static bool is_time(const char *text, size_t n)
{
	static const char *const shapes[] = {"dddd-dd-dd", "dd:dd"};
	for (size_t i = 0; i < 2; i++) {
		size_t at = 0, m = strlen(shapes[i]);
		while (at < m && n >= m &&
		       (shapes[i][at] == 'd' ? text[at] >= '0' && text[at] <= '9'
					     : text[at] == shapes[i][at]))
			at++;
		if (at == m)
			return true;
	}
	return false;
}

/* Bytes of a value without quotes or brackets; a date and its time may have a blank between. */
static size_t bare_size(const struct toml *t)
{
	size_t n = 0, room = (size_t)(t->end - t->at);
	while (n < room && (is_bare(t->at[n]) || strchr("+.:", t->at[n])) && t->at[n])
		n++;
	if (n == 10 && n + 3 < room && t->at[n] == ' ' && is_time(t->at, n) &&
	    is_time(t->at + n + 1, room - n - 1))
		for (n++; n < room && (is_bare(t->at[n]) || strchr("+.:", t->at[n])) && t->at[n];)
			n++;
	return n;
}

static json_t *take_bare(struct toml *t)
{
	const char *text = t->at;
	size_t n = bare_size(t), sign = n > 0 && (*text == '+' || *text == '-');
	char number[64];
	t->at += n;
	if (n == 4 && memcmp(text, "true", 4) == 0)
		return json_true();
	if (n == 5 && memcmp(text, "false", 5) == 0)
		return json_false();
	if (is_time(text, n) || (n == 3 + sign && (memcmp(text + sign, "inf", 3) == 0 ||
						   memcmp(text + sign, "nan", 3) == 0)))
		return json_stringn(text, n);
	if (n > 0 && tidy_number(text, n, number))
		return number_of(t, number);
	fail(t, "a value is wanted here: a text has quotes around it");
	return NULL;
}

/* ---- values ---- */

static json_t *take_value(struct toml *t, int depth);

static int take_pair(struct toml *t, json_t *in, int depth);

/* Behind the bracket. */
static json_t *take_list(struct toml *t, int depth)
{
	json_t *list = json_array();
	for (skip_space(t); list && !skip(t, "]"); skip_space(t)) {
		json_t *value = take_value(t, depth + 1);
		if (!value || json_array_append_new(list, value) < 0)
			goto failed;
		skip_space(t);
		if (!skip(t, ",") && peek(t) != ']') {
			fail(t, "a comma or ] is wanted here");
			goto failed;
		}
	}
	return list;
failed:
	json_decref(list);
	return NULL;
}

/* Behind the brace; all of it is on one line. */
static json_t *take_braces(struct toml *t, json_t *in, const char *key, int depth)
{
	json_t *made = add_table(t, in, key, DOTTED);
	bool more = false;
	if (!made)
		return NULL;
	for (skip_blanks(t); more || !skip(t, "}"); skip_blanks(t)) {
		if (take_pair(t, made, depth + 1) < 0)
			return NULL;
		more = skip(t, ",");
		if (!more && peek(t) != '}') {
			fail(t, "a comma or } is wanted here");
			return NULL;
		}
	}
	struct table *is = find_table(t, made);
	if (is)
		is->made = CLOSED;
	return made;
}

/* A new value; NULL after a fault. */
static json_t *take_value(struct toml *t, int depth)
{
	if (depth > TOML_DEPTH_MAX) {
		fail(t, "too deep");
		return NULL;
	}
	if (peek(t) == '"' || peek(t) == '\'')
		return take_text(t) == 0 ? json_string(t->text.data) : NULL;
	if (skip(t, "["))
		return take_list(t, depth);
	if (!skip(t, "{"))
		return take_bare(t);
	json_t *holder = json_object();
	json_t *made = holder ? json_incref(take_braces(t, holder, "", depth)) : NULL;
	json_decref(holder);
	return made;
}

/* Whether a value at the top is text as written. */
static bool stays_text(const struct toml *t, const json_t *in, const char *key)
{
	for (const char *const *text = t->texts; in == t->root && *text; text++)
		if (strcmp(key, *text) == 0)
			return true;
	return false;
}

/* KEY = VALUE */
static int take_pair(struct toml *t, json_t *in, int depth)
{
	char *key = NULL;
	json_t *table = take_key(t, in, DOTTED, &key), *value = NULL;
	if (!table)
		return -1;
	if (json_object_get(table, key)) {
		fail_key(t, key, "stands twice");
	} else if (!skip(t, "=")) {
		fail_key(t, key, "has no = behind it");
	} else {
		skip_blanks(t);
		const char *at = t->at;
		value = take_value(t, depth);
		if ((json_is_number(value) || json_is_boolean(value)) &&
		    stays_text(t, table, key)) {
			json_decref(value);
			value = json_stringn(at, (size_t)(t->at - at));
		}
	}
	int rc = value ? json_object_set_new(table, key, value) : -1;
	free(key);
	skip_blanks(t);
	return rc;
}

/* ---- lines ---- */

/* [TABLE] or [[ARRAY OF TABLES]], behind the first bracket; *out is what the lines below are in. */
static int take_header(struct toml *t, json_t **out)
{
	bool listed = skip(t, "[");
	char *key = NULL;
	json_t *in = take_key(t, t->root, PASSED, &key), *made = NULL;
	json_t *value = in ? json_object_get(in, key) : NULL;
	struct table *is = value ? find_table(t, value) : NULL;
	if (in && !skip(t, listed ? "]]" : "]"))
		fail(t, "a ] is wanted here");
	else if (in && !value)
		made = add_table(t, in, key, listed ? LISTED : HEADED);
	else if (is && listed && is->made == LISTED)
		made = value;
	else if (is && !listed && is->made == PASSED)
		made = value;
	else if (in)
		fail_key(t, key, "stands twice");
	if (is && made && !listed)
		is->made = HEADED;
	if (made && listed)
		made = add_table(t, made, "", HEADED);
	free(key);
	*out = made;
	return made ? 0 : -1;
}

static int take_lines(struct toml *t)
{
	json_t *in = t->root;
	for (skip_space(t); t->at < t->end; skip_space(t)) {
		if (skip(t, "[") ? take_header(t, &in) < 0 : take_pair(t, in, 1) < 0)
			return -1;
		skip_blanks(t);
		skip_comment(t);
		if (t->at < t->end && !skip_line_end(t))
			return fail(t, "something stands behind the value");
	}
	return 0;
}

int toml_parse(const char *text, size_t size, const char *name, int line, const char *const *texts,
	       json_t **out, struct faults *f)
{
	struct toml *t = calloc(1, sizeof *t);
	size_t before = f->count;
	if (!t) {
		faults_add(f, name, 0, "out of memory");
		return -1;
	}
	*t = (struct toml){.at = text,
			   .end = text + size,
			   .name = name,
			   .line = line,
			   .texts = texts,
			   .faults = f,
			   .root = json_object()};
	int rc = t->root ? take_lines(t) : fail_memory(t);
	if (rc < 0 && f->count == before)
		fail_memory(t);
	if (rc == 0)
		*out = t->root;
	else
		json_decref(t->root);
	buffer_release(&t->text);
	free(t);
	return rc;
}
