#include "document.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

int document_open(struct document *d, const char *text, size_t n, int64_t first_line)
{
	d->first_line = first_line;
	d->root = cmark_parse_document(text, n, CMARK_OPT_DEFAULT);
	if (d->root)
		cmark_consolidate_text_nodes(d->root);
	return d->root ? 0 : -1;
}

void document_close(struct document *d) { cmark_node_free(d->root); }

int64_t document_line(const struct document *d, cmark_node *node)
{
	return d->first_line + cmark_node_get_start_line(node) - 1;
}

bool has_prose(cmark_node *node)
{
	cmark_node_type type = cmark_node_get_type(node);
	return type == CMARK_NODE_PARAGRAPH || type == CMARK_NODE_HEADING;
}

/* ---- prose ---- */

static void mark(struct prose *p, int64_t line)
{
	if (p->count > 0 && p->marks[p->count - 1].line == line)
		return;
	if (p->count == p->room) {
		size_t room = p->room ? 2 * p->room : 16;
		struct prose_mark *marks = realloc(p->marks, room * sizeof *marks);
		if (!marks) {
			p->text.failed = true;
			return;
		}
		p->marks = marks;
		p->room = room;
	}
	p->marks[p->count++] = (struct prose_mark){p->text.size, line};
}

static void add(struct prose *p, const char *text, bool folded)
{
	if (folded)
		text_fold(text, strlen(text), &p->text);
	else
		out_string(&p->text, text);
}

static void add_node(struct prose *p, const struct document *d, cmark_node *node, bool folded)
{
	switch (cmark_node_get_type(node)) {
	case CMARK_NODE_TEXT:
	case CMARK_NODE_CODE:
		mark(p, document_line(d, node));
		add(p, cmark_node_get_literal(node), folded);
		break;
	case CMARK_NODE_SOFTBREAK:
	case CMARK_NODE_LINEBREAK:
		add(p, " ", folded);
		break;
	default:
		break;
	}
}

void prose_read(struct prose *p, const struct document *d, cmark_node *node, bool folded)
{
	cmark_iter *it = cmark_iter_new(node);
	size_t left = has_prose(node) ? SIZE_MAX : NODES_MOST;
	p->text.size = 0;
	p->count = 0;
	for (cmark_event_type e; left-- > 0 && (e = cmark_iter_next(it)) != CMARK_EVENT_DONE;)
		if (e == CMARK_EVENT_ENTER)
			add_node(p, d, cmark_iter_get_node(it), folded);
	cmark_iter_free(it);
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

void prose_release(struct prose *p)
{
	out_release(&p->text);
	free(p->marks);
	*p = (struct prose){.count = 0};
}
