/* place.h: on which lines the inline nodes of a block stand. cmark 0.30 counts only the ends of
 * lines that it makes breaks of without a backslash: not those in code, tags, titles and labels of
 * links, nor the reference definitions that a paragraph began with. So the block is read again
 * beside its nodes, by the columns of their ends, which count from the last end of a line that
 * cmark saw. */
#ifndef CONTENT_PLACE_H
#define CONTENT_PLACE_H

#include "document.h"

struct place {
	struct out block; /* the lines of the block, without what contains it */
	size_t at;	  /* up to here it was read */
	size_t seen;	  /* where the line begins that cmark counts columns from */
	size_t counted;	  /* up to here lines were counted */
	int64_t line;	  /* the one that `counted` is on, in the file */
	int offset;	  /* what columns count from */
	bool one_line;
	/* Where the text is that lines are taken from: */
	size_t source;
	int source_line;
};

/* At a paragraph or heading. Starts zeroed, and goes on with the next one of the document. */
void place_enter(struct place *p, const struct document *d, cmark_node *block);
/* At each event of its inline nodes, behind place_line(). */
void place_pass(struct place *p, cmark_node *node, bool leaves);
/* The line at which the next node begins. */
int64_t place_line(struct place *p);
void place_release(struct place *p);

#endif
