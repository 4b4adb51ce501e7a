/* analysis.h: what the local model of the kind `content` finds out about a Markdown document,
 * without any language model. Lines are those of the file. A result is a JSON object within
 * RESULT_MOST bytes; lists that do not fit are cut, and "left_out" says how much is missing.
 * Nothing blocks. */
#ifndef CONTENT_ANALYSIS_H
#define CONTENT_ANALYSIS_H

#include "document.h"
#include "rules.h"

#define RESULT_MOST (1000 * 1024)

/* Silent reading of English non-fiction, adults. Source: Brysbaert, "How many words do we read per
 * minute? A review and meta-analysis of reading rate", Journal of Memory and Language 109 (2019).
 */
#define WORDS_PER_MINUTE 238

/* What the front matter says; parts may be absent (NULL). */
struct front {
	const char *title, *description, *json;
	size_t title_size, description_size, json_size;
};

/* title (of the front matter, else the first h1 that says something), words (and words_estimated,
 * where some of them are: text.h), characters, reading_minutes of the prose (document.h), headings,
 * links, images, code_blocks by language, and front_matter. 0, or -1: out of memory. */
int metadata_write(const struct document *d, const struct front *front, struct out *result);

/* Checks headings (no level skipped, one h1), images (alt text; of <img> the attribute will do, be
 * it empty, which says that it is there for looks), links (no bare URLs, none empty), and the
 * rules, if there are any: the like of markdownlint's MD001, MD025, MD034, MD042 and MD045. Terms
 * are looked for in the prose (document.h), in footnotes, in titles of links and images, and in the
 * front matter's title and description: not in blocks of code, in attributes or in addresses. A
 * required section is there when a heading has its words. Each fault has a rule, a line (null: it
 * is of none) and a text; `checked` counts the terms that were looked for. 0, or -1: out of memory.
 */
int compliance_write(const struct document *d, const struct front *front, const struct rules *rules,
		     struct out *result);

#endif
