#include "document.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

int document_open(struct document *d, const char *text, size_t n, int64_t first_line)
{
	*d = (struct document){.text = text, .size = n, .first_line = first_line};
	d->root = cmark_parse_document(text, n, CMARK_OPT_DEFAULT);
	if (d->root)
		cmark_consolidate_text_nodes(d->root);
	return d->root ? 0 : -1;
}

void document_close(struct document *d) { cmark_node_free(d->root); }

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
		folded->marks[folded->count++] =
			(struct prose_mark){folded->text.size, p->marks[i].line};
		if (end > p->marks[i].at)
			text_fold(p->text.data + p->marks[i].at, end - p->marks[i].at,
				  &folded->text);
	}
}

void prose_release(struct prose *p)
{
	out_release(&p->text);
	free(p->marks);
	*p = (struct prose){.count = 0};
}
