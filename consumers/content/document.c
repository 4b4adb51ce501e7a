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

/* CommonMark knows no footnotes, and would take those of one word for the addresses of links. */
static void mend_footnotes(char *text, size_t n)
{
	for (char *at = text; at < text + n;) {
		char *colon = footnote_colon(at);
		if (colon)
			*colon = ' ';
		at += strcspn(at, "\r\n");
		at++;
	}
}

int document_open(struct document *d, const char *text, size_t n, int64_t first_line)
{
	*d = (struct document){.text = malloc(n + 1), .size = n, .first_line = first_line};
	if (!d->text)
		return -1;
	memcpy(d->text, text, n);
	d->text[n] = '\0';
	mend_footnotes(d->text, n);
	d->root = cmark_parse_document(d->text, n, CMARK_OPT_DEFAULT);
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
