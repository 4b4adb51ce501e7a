#include "mdx.h"

#include <string.h>
#include <strings.h>

struct mdx {
	const char *at, *end;
	struct out *out;
	char fence; /* of the block of code that this is in; '\0': none */
	size_t fence_size;
	bool after_blank; /* a block may begin here */
	bool broken;	  /* a brace has no end: braces are text from there on */
};

static bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static const char *line_end(const char *at, const char *end)
{
	const char *stop = memchr(at, '\n', (size_t)(end - at));
	return stop ? stop : end;
}

static bool is_blank_line(const char *at, const char *end)
{
	for (; at < end && *at != '\n'; at++)
		if (!is_blank(*at))
			return false;
	return true;
}

static size_t run_of(const char *at, const char *end, char c)
{
	size_t n = 0;
	while (at + n < end && at[n] == c)
		n++;
	return n;
}

/* Leaves it out, but for its ends of lines. */
static void leave_out(struct mdx *m, const char *until)
{
	for (; m->at < until; m->at++)
		if (*m->at == '\n')
			out_add(m->out, "\n", 1);
}

static void keep(struct mdx *m, const char *until)
{
	out_add(m->out, m->at, (size_t)(until - m->at));
	m->at = until;
}

/* ---- JavaScript, as far as its brackets ---- */

/* At a quote: behind the text in it, or the same where it has no end. */
static const char *skip_quoted(const char *at, const char *end)
{
	for (const char *stop = at + 1; stop < end; stop++) {
		if (*stop == *at)
			return stop + 1;
		if (*stop == '\n' && *at != '`')
			return at;
		stop += *stop == '\\';
	}
	return at;
}

static const char *skip_comment(const char *at, const char *end)
{
	if (end - at > 1 && at[0] == '/' && at[1] == '*') {
		const char *stop = memmem(at + 2, (size_t)(end - at - 2), "*/", 2);
		return stop ? stop + 2 : end;
	}
	return at;
}

/* Over a character, a text or a comment; *depth follows the brackets. */
static const char *skip_script(const char *at, const char *end, int *depth)
{
	const char *next =
		strchr("\"'`", *at) && *at ? skip_quoted(at, end) : skip_comment(at, end);
	if (next > at)
		return next;
	*depth +=
		(*at == '{' || *at == '(' || *at == '[') - (*at == '}' || *at == ')' || *at == ']');
	return at + 1;
}

/* At a brace: behind the one that closes it, or NULL. */
static const char *skip_braces(struct mdx *m, const char *at, const char *end)
{
	int depth = 0;
	while (at < end && !m->broken) {
		at = skip_script(at, end, &depth);
		if (depth == 0)
			return at;
	}
	m->broken = true;
	return NULL;
}

/* ---- import and export ---- */

static bool begins(const char *at, size_t n, const char *with)
{
	return n >= strlen(with) && memcmp(at, with, strlen(with)) == 0;
}

/* Prose may begin with these words, too. */
static bool is_module_line(const char *at, const char *end)
{
	static const char *const exports[] = {"const ",	    "let ",   "var ",	"function",
					      "default ",   "class ", "async ", "type ",
					      "interface ", "{",      "*"};
	size_t n = (size_t)(line_end(at, end) - at);
	if (begins(at, n, "import"))
		return memchr(at, '"', n) || memchr(at, '\'', n) || memchr(at, '{', n);
	for (size_t i = 0; begins(at, n, "export ") && i < sizeof exports / sizeof *exports; i++)
		if (begins(at + 7, n - 7, exports[i]))
			return true;
	return false;
}

/* Up to the blank line behind which no bracket is open; the first one, if some always are. */
static const char *module_end(struct mdx *m, const char *at, const char *end)
{
	const char *first = NULL;
	int depth = 0;
	while (at < end) {
		if (*at == '\n' && is_blank_line(at + 1, end)) {
			first = first ? first : at;
			if (depth <= 0 || m->broken)
				return at;
		}
		at = skip_script(at, end, &depth);
	}
	m->broken |= depth > 0;
	return depth > 0 && first ? first : end;
}

/* ---- tags ---- */

/* At <: behind the >, or NULL: it is no tag. */
static const char *tag_end(struct mdx *m, const char *at, const char *end)
{
	const char *name = at + 1;
	name += name < end && *name == '/';
	if (name == end || !(is_letter(*name) || *name == '>'))
		return NULL;
	for (at = name; at < end && *at != '>';) {
		const char *next = at + 1;
		if (*at == '{')
			next = skip_braces(m, at, end);
		else if (*at == '"' || *at == '\'')
			next = memchr(at + 1, *at, (size_t)(end - at - 1));
		else if (*at == '<' || (*at == '\n' && is_blank_line(at + 1, end)))
			next = NULL;
		if (!next)
			return NULL;
		at = next + (*at == '"' || *at == '\'');
	}
	return at < end ? at + 1 : NULL;
}

/* Those that say something to whoever reads the HTML of a document. */
static bool is_kept(const char *name, size_t n)
{
	static const char *const names[] = {"a",    "img",    "h1",    "h2",  "h3",   "h4",
					    "h5",   "h6",     "br",    "pre", "code", "kbd",
					    "samp", "script", "style", "svg"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strlen(names[i]) == n && strncmp(name, names[i], n) == 0)
			return true;
	return false;
}

/* ={x} becomes ="x", and {...x} nothing. */
static void keep_tag(struct mdx *m, const char *stop)
{
	while (m->at < stop) {
		const char *brace = memchr(m->at, '{', (size_t)(stop - m->at));
		const char *close = brace ? skip_braces(m, brace, stop) : NULL;
		if (!close) {
			keep(m, stop);
			return;
		}
		keep(m, brace);
		bool value = m->out->size > 0 && m->out->data[m->out->size - 1] == '=';
		out_add(m->out, "\"", value);
		for (m->at = brace + 1; m->at < close - 1; m->at++)
			if (*m->at == '\n' || value)
				out_add(m->out, strchr("\"<>", *m->at) ? " " : m->at, 1);
		out_add(m->out, "\"", value);
		m->at = close;
	}
}

static bool take_tag(struct mdx *m)
{
	const char *stop = tag_end(m, m->at, m->end), *name = m->at + 1;
	if (!stop)
		return false;
	size_t n = 0;
	name += *name == '/';
	while (name + n < stop && (is_letter(name[n]) || (name[n] >= '0' && name[n] <= '9') ||
				   strchr(".-_:", name[n])))
		n++;
	if (is_kept(name, n)) {
		keep_tag(m, stop);
		return true;
	}
	leave_out(m, stop);
	out_add(m->out, " ", 1);
	return true;
}

/* ---- lines ---- */

static void take_code(struct mdx *m)
{
	size_t n = run_of(m->at, m->end, '`');
	for (const char *at = m->at + n; at < m->end; at++) {
		if (*at == '\n' && is_blank_line(at + 1, m->end))
			break;
		size_t more = run_of(at, m->end, '`');
		if (more == n) {
			keep(m, at + n);
			return;
		}
		at += more > 0 ? more - 1 : 0;
	}
	keep(m, m->at + n);
}

/* One character, or what begins with it. */
static void take_piece(struct mdx *m)
{
	const char *stop;
	if (*m->at == '\\' && m->at + 1 < m->end && m->at[1] != '\n')
		keep(m, m->at + 2);
	else if (*m->at == '`')
		take_code(m);
	else if (*m->at == '<' && take_tag(m))
		return;
	else if (*m->at == '{' && (stop = skip_braces(m, m->at, m->end)))
		leave_out(m, stop);
	else
		keep(m, m->at + 1);
}

/* Whether the line opens or closes a block of code, or is in one. */
static bool take_fence(struct mdx *m)
{
	const char *at = m->at, *stop = line_end(m->at, m->end);
	while (at < stop && is_blank(*at))
		at++;
	size_t n = at < stop && (*at == '`' || *at == '~') ? run_of(at, stop, *at) : 0;
	bool was = m->fence != '\0';
	if (was && *at == m->fence && n >= m->fence_size && is_blank_line(at + n, stop)) {
		m->fence = '\0';
	} else if (!was && n >= 3 &&
		   !(*at == '`' && memchr(at + n, '`', (size_t)(stop - at) - n))) {
		m->fence = *at;
		m->fence_size = n;
	} else if (!was) {
		return false;
	}
	if (!(was && m->fence))
		m->at = at;
	keep(m, stop);
	return true;
}

static void take_line(struct mdx *m)
{
	bool blank = is_blank_line(m->at, m->end);
	if (m->fence == '\0' && m->after_blank && is_module_line(m->at, m->end))
		leave_out(m, module_end(m, m->at, m->end));
	else if (!take_fence(m)) {
		while (m->at < m->end && is_blank(*m->at))
			m->at++;
		while (m->at < m->end && *m->at != '\n')
			take_piece(m);
	}
	if (m->at < m->end)
		keep(m, m->at + 1);
	m->after_blank = blank;
}

void mdx_read(const char *text, size_t n, struct out *out)
{
	struct mdx m = {.at = text, .end = text + n, .out = out, .after_blank = true};
	while (m.at < m.end)
		take_line(&m);
}
