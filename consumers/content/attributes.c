#include "attributes.h"

#include <stdbool.h>
#include <string.h>

enum { LIST_MOST = 1000 }; /* bytes that are looked at from the end */

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static bool begins_name(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? true : c == '_' || (c & 0x80) != 0;
}

/* Up to a blank, a brace or the end; a text in quotes is passed as one. */
static size_t item_end(const char *text, size_t n, size_t at)
{
	char quote = '\0';
	for (; at < n && (quote || (!is_blank(text[at]) && text[at] != '}' && text[at] != '{'));
	     at++) {
		if (quote ? text[at] == quote : text[at] == '"' || text[at] == '\'')
			quote = quote ? '\0' : text[at];
	}
	return at;
}

/* #id, .class, key=value, - and =format; with a colon at the front also a word. */
static bool is_item(const char *item, size_t n, bool colon)
{
	if (n == 1)
		return *item == '-' || (colon && begins_name(*item));
	if (*item == '#')
		return item[1] != '#' && item[1] != '{';
	if (*item == '.' || *item == '=')
		return begins_name(item[1]) || (*item == '.' && item[1] == '-');
	return begins_name(*item) && (colon || memchr(item, '=', n) != NULL);
}

size_t attributes_size(const char *text, size_t n)
{
	size_t at = 1, items = 0;
	if (n < 3 || *text != '{')
		return 0;
	bool colon = text[at] == ':';
	for (at += colon; at < n; items++) {
		while (at < n && is_blank(text[at]))
			at++;
		if (at < n && text[at] == '}')
			return items > 0 ? at + 1 : 0;
		size_t end = item_end(text, n, at);
		if (end == at || end == n || !is_item(text + at, end - at, colon))
			return 0;
		at = end;
	}
	return 0;
}

size_t attributes_behind(const char *text, size_t n)
{
	size_t end = n, at;
	while (end > 0 && is_blank(text[end - 1]))
		end--;
	if (end == 0 || text[end - 1] != '}')
		return n;
	for (at = end - 1; at > 0 && end - at < LIST_MOST; at--)
		if (text[at] == '{' && attributes_size(text + at, end - at) == end - at)
			break;
	if (text[at] != '{' || attributes_size(text + at, end - at) != end - at)
		return n;
	while (at > 0 && is_blank(text[at - 1]))
		at--;
	return at;
}
