/* mdx.h: Markdown with JSX (mdxjs.com). What is no text in it is taken out before it is read as
 * Markdown: `import` and `export` at the beginning of a block, expressions in braces, and tags, but
 * for those of HTML's headings, links, images and code, whose attributes in braces become texts.
 * Lines lose their indentation, but in blocks of code, for MDX knows no indented code; they stay
 * lines. Nothing blocks. */
#ifndef CONTENT_MDX_H
#define CONTENT_MDX_H

#include "out.h"

/* Appends the Markdown. A failed allocation shows in out->failed. */
void mdx_read(const char *text, size_t n, struct out *out);

#endif
