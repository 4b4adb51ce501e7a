/* input.h: the document of an item, as the analysis takes it. Nothing blocks. */
#ifndef CONTENT_INPUT_H
#define CONTENT_INPUT_H

#include "analysis.h"
#include "weir/plugin.h"

/* The text, the number of its first line, and what the front matter says. An item that has no field
 * `line` was not divided yet: front matter at the beginning of its text is read here, as weir
 * submit reads that of files (weir/front.h), and joined with the field front_matter, which wins
 * where both say something. Such front matter cannot hold a context: an item's is a field of its
 * own. */
struct input {
	struct weir_text text;
	int64_t line;
	struct front front;
	char *title, *description, *json; /* what front points into, if not into the item */
	struct out mdx;			  /* text points into it, if path ends in .mdx: see mdx.h */
};

/* 0, or -1 with err (code bad_payload, or out_of_memory). input_release() in any case. */
int input_read(struct input *in, const struct weir_host *host, const struct weir_map *payload,
	       struct weir_error *err);
void input_release(struct input *in);

#endif
