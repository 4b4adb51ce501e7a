/* document.h: a Markdown document as the analysis sees it: a CommonMark tree, and the prose of each
 * of its paragraphs and headings. */
#ifndef CONTENT_DOCUMENT_H
#define CONTENT_DOCUMENT_H

#include <cmark.h>

#include "out.h"

struct document {
	cmark_node *root;
	int64_t first_line; /* number of the text's first line in its file */
};

/* 0, or -1: out of memory. On success the caller calls document_close(). */
int document_open(struct document *d, const char *text, size_t n, int64_t first_line);
void document_close(struct document *d);

/* Where a node begins, in the file. */
int64_t document_line(const struct document *d, cmark_node *node);

/* Whether it is a paragraph or a heading: what has prose. */
bool has_prose(cmark_node *node);

/* Prose: the texts within a node in a row, inline code and alt texts among them, and a blank for
 * each end of a line. HTML is none. */
struct prose {
	struct out text;
	struct prose_mark {
		size_t at; /* from this byte on it is of the line */
		int64_t line;
	} * marks;
	size_t count, room;
};

/* Images may stand in each other by the thousand: of one, so many nodes are looked at. */
#define NODES_MOST 1000

/* Replaces what is in p (which starts zeroed). folded: see text_fold(). Of a node that is no
 * paragraph or heading, what is in the first NODES_MOST. A failed allocation shows
 * in p->text.failed, and stays. */
void prose_read(struct prose *p, const struct document *d, cmark_node *node, bool folded);
int64_t prose_line(const struct prose *p, size_t at);
void prose_release(struct prose *p);

#endif
