/*
 * Characters of a text that may be HTML: well-formed UTF-8, entities decoded, tags told apart.
 * Pure functions, as in analyzer.h; nothing is allocated.
 */
#ifndef WEIR_SENTIMENT_MARKUP_H
#define WEIR_SENTIMENT_MARKUP_H

#include <stdint.h>

/* What ends something that is skipped as a whole. */
enum closing { CLOSING_COMMENT, CLOSING_DECLARATION, CLOSING_SCRIPT, CLOSING_STYLE, CLOSINGS };

/* Begins with `at` and `end`, and zero bytes. */
struct cursor {
	const unsigned char *at, *end;
	struct {
		const unsigned char *from, *to; /* no such closing begins and ends in there */
	} searched[CLOSINGS];
};

/* What next_character() gives for a byte that is part of no character: this, plus the byte. */
#define NO_CHARACTER 0x110000u

/*
 * Take the next character; `at` must be before `end`. An entity is the character it stands for:
 * `&rsquo;`, `&#8217;`, `&#x2019;`, without the semicolon where browsers read it so, and encoded
 * again any number of times (`&amp;amp;#39;`). Numbers from 128 to 159 are left as they are, for
 * browsers and fold.c take them for Windows-1252. What is no entity is an ampersand.
 */
uint32_t next_character(struct cursor *cursor);

enum markup {
	MARKUP_NONE,	/* the "<" is no markup; the cursor has not moved */
	MARKUP_NOTHING, /* joins what stands around it: <wbr> */
	MARKUP_SPACE,	/* inside a sentence: <b>, <a href="...">, a comment */
	MARKUP_LINE,	/* <br> */
	MARKUP_BLOCK,	/* begins or ends a paragraph: <p>, </li> */
};

/*
 * Skip the tag or comment whose "<" was just taken. Only names of HTML elements, and names with a
 * colon or hyphen (<o:p>), are tags: "<sarcasm>" and "a < b" are people's words. Of <script> and
 * <style> the content is skipped as well. Markup longer than MARKUP_MAX bytes is taken for text.
 */
enum { MARKUP_MAX = 8192 };
enum markup skip_markup(struct cursor *cursor);

#endif
