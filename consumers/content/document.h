/* document.h: a Markdown document as the analysis sees it: its blocks of prose, its headings, links
 * and images, and its blocks of code, whether they are written in Markdown or in HTML.
 *
 * Prose is the text within a paragraph, a heading or a block of HTML, inline code and alt texts
 * among it, and a blank for each end of a line. Not prose are tags, comments, what is in script,
 * style, pre, svg and the like, and attributes: {#id}, {.class} or {: key=value} at the end of a
 * heading, on a line of its own, and right behind a link, an image or code. HTML headings, links (a
 * href) and images are like others. */
#ifndef CONTENT_DOCUMENT_H
#define CONTENT_DOCUMENT_H

#include <cmark.h>

#include "out.h"

struct document {
	cmark_node *root;
	char *text; /* a copy, with the footnotes as paragraphs: see document.c */
	size_t size;
	int64_t first_line; /* number of the text's first line in its file */
};

/* 0, or -1: out of memory. On success the caller calls document_close(). */
int document_open(struct document *d, const char *text, size_t n, int64_t first_line);
void document_close(struct document *d);

/* ---- prose ---- */

struct prose {
	struct out text;
	struct prose_mark {
		size_t at; /* from this byte on it is of the line */
		int64_t line;
	} * marks;
	size_t count, room;
};

int64_t prose_line(const struct prose *p, size_t at);
/* The same, folded: see text_fold(). *folded starts zeroed. A failed allocation shows in
 * folded->text.failed, and stays. */
void prose_fold(const struct prose *p, struct prose *folded);
void prose_release(struct prose *p);

/* ---- what a document has ---- */

enum part { PART_HEADING, PART_LINK, PART_IMAGE };

struct element {
	enum part part;
	int level;	   /* of a heading */
	int64_t line;	   /* in the file, where it begins */
	const char *url;   /* of a link or image; NUL-terminated */
	const char *title; /* of one in Markdown, `[a](url "title")`; NUL-terminated, or NULL */
	const char *text;  /* its text, or its alt text; not NUL-terminated */
	size_t size;
	bool tells; /* a link: it has a text, an image or a tag; an image: it has an alt text, or
		     * an attribute that says that it needs none */
};

/* Called in the order of the document; an element where it ends. What they are given is theirs
 * until they return. Any may be NULL. */
struct visitor {
	void *context;
	void (*element)(void *context, const struct element *e);
	void (*prose)(void *context, const struct prose *p); /* a block of it */
	void (*code)(void *context, const char *info, const char *text);
	void (*text)(void *context, const char *text, int64_t line); /* not in links or code */
};

/* 0, or -1: out of memory. */
int document_walk(const struct document *d, const struct visitor *v);

#endif
