#include "document.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

/* At a line: whether it begins as a footnote does, `[^1]: text`, perhaps in a quote or list; the
 * colon, or NULL. */
static char *footnote_colon(char *at)
{
	at += strspn(at, " \t>*+-");
	if (at[0] != '[' || at[1] != '^')
		return NULL;
	size_t n = strcspn(at + 2, "[]\r\n");
	return n > 0 && at[2 + n] == ']' && at[3 + n] == ':' ? at + 3 + n : NULL;
}

/* Of a footnote, whose further paragraphs are indented; not a blank line, nor a fence of code. */
static bool is_continued(const char *at)
{
	return strncmp(at, "    ", 4) == 0 && !strchr(" \t\r\n`~", at[4]);
}

static bool is_blank_line(const char *at)
{
	at += strspn(at, " \t");
	return *at == '\r' || *at == '\n';
}

/* CommonMark knows no footnotes, and would take those of one word for the addresses of links, and
 * their further paragraphs for code. Returns the size, which is not larger. */
static size_t mend_footnotes(char *text, size_t n)
{
	bool in_footnote = false;
	char *to = text;
	for (char *at = text, *next; at < text + n; at = next) {
		char *colon = footnote_colon(at);
		next = at + strcspn(at, "\r\n");
		next += next < text + n;
		if (colon)
			*colon = ' ';
		bool goes_on = in_footnote && is_continued(at);
		in_footnote =
			goes_on || (colon && *at == '[') || (in_footnote && is_blank_line(at));
		at += goes_on ? 4 : 0;
		memmove(to, at, (size_t)(next - at));
		to += next - at;
	}
	*to = '\0';
	return (size_t)(to - text);
}

int document_open(struct document *d, const char *text, size_t n, int64_t first_line)
{
	*d = (struct document){.text = malloc(n + 1), .first_line = first_line};
	if (!d->text)
		return -1;
	memcpy(d->text, text, n);
	d->text[n] = '\0';
	d->size = mend_footnotes(d->text, n);
	d->root = cmark_parse_document(d->text, d->size, CMARK_OPT_DEFAULT);
	if (d->root)
		cmark_consolidate_text_nodes(d->root);
	else
		free(d->text);
	return d->root ? 0 : -1;
}

void document_close(struct document *d)
{
	cmark_node_free(d->root);
	free(d->text);
}

int64_t prose_line(const struct prose *p, size_t at)
{
	size_t low = 0, high = p->count;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (p->marks[middle].at <= at)
			low = middle;
		else
			high = middle;
	}
	return p->count ? p->marks[low].line : 0;
}

/* In marks of its own, as many as there are. */
static struct prose_mark *room_for(struct prose *p, size_t count)
{
	if (count > p->room) {
		struct prose_mark *marks = realloc(p->marks, count * sizeof *marks);
		p->text.failed |= !marks;
		if (!marks)
			return NULL;
		p->marks = marks;
		p->room = count;
	}
	return p->marks;
}

void prose_fold(const struct prose *p, struct prose *folded)
{
	folded->text.size = 0;
	folded->count = 0;
	if (p->count == 0 || !room_for(folded, p->count))
		return;
	for (size_t i = 0; i < p->count; i++) {
		size_t end = i + 1 < p->count ? p->marks[i + 1].at : p->text.size;
		size_t at = folded->text.size;
		bool blank = at > 0 && folded->text.data[at - 1] == ' ';
		if (end > p->marks[i].at)
			text_fold(p->text.data + p->marks[i].at, end - p->marks[i].at,
				  &folded->text);
		at -= blank && folded->text.data[at - 1] != ' '; /* it was left out */
		folded->marks[folded->count++] = (struct prose_mark){at, p->marks[i].line};
	}
}

void prose_release(struct prose *p)
{
	out_release(&p->text);
	free(p->marks);
	*p = (struct prose){.count = 0};
}
