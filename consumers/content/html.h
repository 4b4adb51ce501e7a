/* html.h: the tags in a piece of HTML as CommonMark passes it through. Nothing blocks or fails. */
#ifndef CONTENT_HTML_H
#define CONTENT_HTML_H

#include <stdbool.h>
#include <stddef.h>

enum html_token { HTML_END, HTML_TEXT, HTML_OPEN, HTML_CLOSE };

struct html {
	const char *at, *end; /* what is left; set by the caller at first, the rest is zero */
	bool broken;	      /* a tag has no end: the rest is text */
	const char *text;     /* of the token: the text, or what stands between < and > */
	size_t size;
	size_t name_size; /* of a tag, at text */
};

/* The next one; comments, declarations and the like are passed over. */
enum html_token html_next(struct html *h);

bool html_is(const struct html *h, const char *name); /* whether the tag is by this name */

/* The value of an attribute of the tag, or *text = NULL (there is none) and size 0. False: the tag
 * has no such attribute. */
bool html_attribute(const struct html *h, const char *name, const char **text, size_t *size);

#endif
