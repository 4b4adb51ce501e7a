/*
 * Sentiment of English text: news, forum posts, short messages.
 *
 * A lexicon of rated words, phrases, emoticons and emoji, and rules for what changes their weight:
 * negation, intensifiers, contrast, punctuation, capitals, elongated words. The rules and the
 * normalisation x / sqrt(x * x + alpha) follow the ideas of Hutto and Gilbert, "VADER: A
 * Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text", ICWSM 2014; words
 * and constants are our own and those of AFINN (Nielsen 2011, see NOTICE). Rated words stand in
 * lexicon.txt and are compiled in.
 *
 * Every function here is pure: the same bytes give the same score on every machine and in every
 * locale. Nothing is allocated, kept, locked or waited for; any number of threads may call at
 * once. The time is proportional to the size, the stack used is below 4 KiB.
 *
 * Text is UTF-8 and need not end in NUL; NUL bytes and invalid UTF-8 separate words and are
 * otherwise ignored. It may be HTML, and words may be written in any way that fold.h knows: that
 * changes no score. Words of other languages count as words without a rating.
 */
#ifndef WEIR_SENTIMENT_ANALYZER_H
#define WEIR_SENTIMENT_ANALYZER_H

#include <stddef.h>

struct sentiment {
	double score;		/* -1 (negative) to 1 (positive), without a unit; never NaN */
	const char *label;	/* "positive", "negative" or "neutral"; static, never freed */
};

/* Scores below this distance from 0 are labelled "neutral". */
#define SENTIMENT_NEUTRAL_BAND 0.05

/*
 * Score `size` bytes of text. NULL, an empty text and a text without any rated word score 0 and
 * are neutral. There are no errors. A long text scores as a typical passage of itself would: it
 * is its tone that counts, not its length.
 */
struct sentiment sentiment_score(const char *text, size_t size);

/*
 * Score a title and the body under it as "title. body" without joining them: the title is a
 * sentence of its own. Either may be absent (NULL) or empty; the other is then scored alone.
 */
struct sentiment sentiment_score_parts(const char *title, size_t title_size,
				       const char *body, size_t body_size);

#endif
