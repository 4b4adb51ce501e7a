#include "html.h"

#include <string.h>
#include <strings.h>

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

/* Behind `mark`, or the end. */
static const char *behind(const char *at, const char *end, const char *mark)
{
	const char *found = memmem(at, (size_t)(end - at), mark, strlen(mark));
	return found ? found + strlen(mark) : end;
}

/* The > of the tag that begins at `at`, not one in quotes; NULL: there is none. */
static const char *tag_end(const char *at, const char *end)
{
	char quote = '\0';
	for (; at < end; at++) {
		if (quote ? *at == quote : *at == '"' || *at == '\'')
			quote = quote ? '\0' : *at;
		else if (!quote && *at == '>')
			return at;
	}
	return NULL;
}

/* At a <: behind a comment, a declaration, an instruction or CDATA; or the same. */
static const char *skip_other(const char *at, const char *end)
{
	static const struct {
		const char *begins, *ends;
	} others[] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}, {"<!", ">"}};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		size_t n = strlen(others[i].begins);
		if ((size_t)(end - at) >= n && memcmp(at, others[i].begins, n) == 0)
			return behind(at + n, end, others[i].ends);
	}
	return at;
}

/* At a <. Whether a tag begins there; then it is the token. */
static bool take_tag(struct html *h, bool *closes)
{
	const char *name = h->at + 1, *stop;
	*closes = name < h->end && *name == '/';
	name += *closes;
	if (name == h->end || !is_letter(*name) || h->broken)
		return false;
	stop = tag_end(name, h->end);
	h->broken = !stop;
	if (!stop)
		return false;
	h->text = name;
	h->size = (size_t)(stop - name);
	for (h->name_size = 0;
	     h->name_size < h->size && !is_blank(name[h->name_size]) && name[h->name_size] != '/';)
		h->name_size++;
	h->at = stop + 1;
	return true;
}

enum html_token html_next(struct html *h)
{
	bool closes;
	while (h->at < h->end && *h->at == '<') {
		const char *next = skip_other(h->at, h->end);
		if (next == h->at && take_tag(h, &closes))
			return closes ? HTML_CLOSE : HTML_OPEN;
		if (next == h->at)
			break;
		h->at = next;
	}
	if (h->at == h->end)
		return HTML_END;
	const char *stop = memchr(h->at + 1, '<', (size_t)(h->end - h->at - 1));
	h->text = h->at;
	h->at = stop ? stop : h->end;
	h->size = (size_t)(h->at - h->text);
	return HTML_TEXT;
}

bool html_is(const struct html *h, const char *name)
{
	return strlen(name) == h->name_size && strncasecmp(h->text, name, h->name_size) == 0;
}

/* ---- attributes ---- */

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	return at;
}

/* Behind the = and blanks; *text and *size are the value. */
static const char *take_value(const char *at, const char *end, const char **text, size_t *size)
{
	const char *stop;
	if (at < end && (*at == '"' || *at == '\'')) {
		stop = memchr(at + 1, *at, (size_t)(end - at - 1));
		*text = at + 1;
		*size = (size_t)((stop ? stop : end) - at - 1);
		return stop ? stop + 1 : end;
	}
	for (stop = at; stop < end && !is_blank(*stop);)
		stop++;
	*text = at;
	*size = (size_t)(stop - at);
	return stop;
}

bool html_attribute(const struct html *h, const char *name, const char **text, size_t *size)
{
	const char *at = h->text + h->name_size, *end = h->text + h->size;
	while ((at = skip_blanks(at, end)) < end) {
		const char *begin = at;
		while (at < end && !is_blank(*at) && *at != '=' && (*at != '/' || at == begin))
			at++;
		size_t n = (size_t)(at - begin);
		bool is = n == strlen(name) && strncasecmp(begin, name, n) == 0;
		const char *value = skip_blanks(at, end);
		*text = NULL;
		*size = 0;
		if (value < end && *value == '=')
			at = take_value(skip_blanks(value + 1, end), end, text, size);
		if (is)
			return true;
		at += at == begin;
	}
	return false;
}
