#include "place.h"

#include <string.h>

enum { DEFINITION_LINES = 8 }; /* a definition has that many at the most */

static bool is_end(char c) { return c == '\n' || c == '\r'; }

/* Behind the line that begins at `at`. */
static size_t next_line(const char *text, size_t n, size_t at)
{
	while (at < n && !is_end(text[at]))
		at++;
	if (at < n)
		at += text[at] == '\r' && at + 1 < n && text[at + 1] == '\n' ? 2 : 1;
	return at;
}

/* ---- the lines of a block ---- */

/* Blanks, and the marks of the block quotes that it is in: fewer where a line is lazy. */
static size_t skip_containers(const char *text, size_t n, size_t at, int quotes)
{
	for (; at < n && strchr(" \t>", text[at]) && text[at]; at++)
		if (text[at] == '>' && quotes-- == 0)
			break;
	return at;
}

static int quotes_around(cmark_node *node)
{
	int quotes = 0;
	while ((node = cmark_node_parent(node)))
		quotes += cmark_node_get_type(node) == CMARK_NODE_BLOCK_QUOTE;
	return quotes;
}

static void find_source(struct place *p, const struct document *d, int line)
{
	if (p->source_line == 0 || line < p->source_line) {
		p->source = 0;
		p->source_line = 1;
	}
	for (; p->source_line < line && p->source < d->size; p->source_line++)
		p->source = next_line(d->text, d->size, p->source);
}

/* With \n at their ends, whatever they have, as cmark reads them. */
static void take_lines(struct place *p, const struct document *d, cmark_node *block)
{
	int first = cmark_node_get_start_line(block), last = cmark_node_get_end_line(block);
	int quotes = quotes_around(block);
	find_source(p, d, first);
	size_t at = p->source;
	for (int line = first; line <= last && at < d->size; line++) {
		size_t next = next_line(d->text, d->size, at), end = next;
		size_t from = line == first ? at + (size_t)p->offset
					    : skip_containers(d->text, next, at, quotes);
		while (end > at && is_end(d->text[end - 1]))
			end--;
		if (from < end)
			out_add(&p->block, d->text + from, end - from);
		out_add(&p->block, "\n", 1);
		at = next;
	}
}

/* ---- the reference definitions before its text ---- */

static bool is_definition(const char *text, size_t n)
{
	cmark_node *root = cmark_parse_document(text, n, CMARK_OPT_DEFAULT);
	bool is = root && !cmark_node_first_child(root);
	cmark_node_free(root);
	return is;
}

/* They end with a line, and leave nothing behind. */
static size_t skip_definition(const struct out *block, size_t at)
{
	size_t end = at;
	if (at == block->size || block->data[at] != '[')
		return at;
	for (int i = 0; i < DEFINITION_LINES && end < block->size; i++) {
		end = next_line(block->data, block->size, end);
		size_t more = next_line(block->data, block->size, end);
		if (is_definition(block->data + at, end - at) &&
		    !(more > end && is_definition(block->data + at, more - at) &&
		      block->data[end] != '['))
			return end;
	}
	return at;
}

static void skip_definitions(struct place *p)
{
	size_t at = 0, next;
	while ((next = skip_definition(&p->block, at)) > at)
		at = next;
	for (size_t line = 0; line < at; line = next_line(p->block.data, p->block.size, line))
		p->line++;
	p->at = p->seen = p->counted = at;
}

void place_enter(struct place *p, const struct document *d, cmark_node *block)
{
	p->block.size = p->at = p->seen = p->counted = 0;
	p->line = d->first_line + cmark_node_get_start_line(block) - 1;
	p->offset = cmark_node_get_start_column(block) - 1;
	p->one_line = cmark_node_get_start_line(block) == cmark_node_get_end_line(block);
	if (p->one_line)
		return;
	take_lines(p, d, block);
	skip_definitions(p);
}

/* ---- its nodes ---- */

int64_t place_line(struct place *p)
{
	for (; p->counted < p->at; p->counted++)
		p->line += p->block.data[p->counted] == '\n';
	return p->line;
}

static void move(struct place *p, size_t to)
{
	if (to > p->at && to <= p->block.size)
		p->at = to;
}

static void pass_break(struct place *p, bool hard)
{
	size_t end = p->at;
	while (end < p->block.size && p->block.data[end] != '\n')
		end++;
	p->at = next_line(p->block.data, p->block.size, end);
	if (!hard || end == 0 || p->block.data[end - 1] != '\\')
		p->seen = p->at;
}

/* <http://...> has columns of another kind, and is on one line. */
static bool is_autolink(const struct place *p, cmark_node *link)
{
	cmark_node *text = cmark_node_first_child(link);
	if (!text || cmark_node_get_type(text) != CMARK_NODE_TEXT || cmark_node_next(text))
		return false;
	int64_t at = (int64_t)p->seen + cmark_node_get_start_column(text) - 1 - p->offset;
	return at > 0 && (size_t)at <= p->block.size && p->block.data[at - 1] == '<';
}

void place_pass(struct place *p, cmark_node *node, bool leaves)
{
	cmark_node_type type = cmark_node_get_type(node);
	if (p->one_line)
		return;
	if (type == CMARK_NODE_SOFTBREAK || type == CMARK_NODE_LINEBREAK) {
		pass_break(p, type == CMARK_NODE_LINEBREAK);
		return;
	}
	bool ends = type == CMARK_NODE_LINK || type == CMARK_NODE_IMAGE
			    ? leaves
			    : type == CMARK_NODE_TEXT || type == CMARK_NODE_CODE ||
				      type == CMARK_NODE_HTML_INLINE;
	if (!ends || (type == CMARK_NODE_LINK && is_autolink(p, node)))
		return;
	int64_t to = (int64_t)p->seen + cmark_node_get_end_column(node) - p->offset;
	move(p, to > 0 ? (size_t)to : 0);
}

void place_release(struct place *p) { out_release(&p->block); }
