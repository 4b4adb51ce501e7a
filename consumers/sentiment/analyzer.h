/*
 * Sentiment of English text: news, forum posts, short messages.
 *
 * A lexicon of rated words, phrases, emoticons and emoji, and rules for what changes their weight:
 *
 * - Negation turns the four words behind it, at half the weight, and ends with the clause; "think"
 *   and the like hand it on ("I don't think this is good"). "does not fail to" turns nothing, and
 *   what "could not be better" is the best. "not only", "nothing but" are no negations. What is
 *   said to be otherwise is turned like that, too: "would have been", "used to be", "I wish it".
 * - Intensifiers, exclamation marks, capitals and elongated words strengthen. "great" right before
 *   something bad, and a swear word right before anything rated, are only its degree ("a great
 *   disappointment", "damn good"); alone a swear word is bad.
 * - What follows "but" counts more; "but it was not" turns what stood before.
 * - Trends: what rises and falls, and whether that is good (trend.h).
 * - A text of which more words belong to other languages than to English is not rated, but for its
 *   emoji. What is spelled in another way counts the same (fold.h).
 *
 * The rules of negation and emphasis and the normalisation x / sqrt(x * x + alpha) follow the ideas
 * of Hutto and Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social
 * Media Text", ICWSM 2014; words and constants are our own and those of AFINN (Nielsen 2011, see
 * NOTICE). Rated words stand in lexicon.txt and are compiled in.
 *
 * How well it agrees with human ratings: correlation, and for Financial PhraseBank (Malo et al.,
 * 2014; 50 % agreement) accuracy and macro-F1 of the labels. Words and constants were chosen on one
 * half of each set; in brackets stands the other half alone.
 *
 *                              general tone                 for the holder
 *   Financial PhraseBank       0.661, 0.664 (0.650, 0.657)  0.711, 0.705 (0.696, 0.694)
 *   FiQA 2018, headlines       0.66 (0.61)                  0.68 (0.64)
 *   FiQA 2018, posts           0.61 (0.58)                  0.64 (0.60)
 *   tweets (VADER's sets)      0.89 (0.88)                  0.86 (0.86)
 *   NYT editorials             0.55 (0.55)                  0.52 (0.52)
 *   movie reviews              0.61 (0.61)                  0.60 (0.60)
 *   product reviews            0.71 (0.71)                  0.69 (0.69)
 *
 * A sum that is next to nothing scores 0, for its sign would be chance. In general tone 11 % of the
 * tweets score 0, most of them for want of a rated word; of the others 96.4 % (96.0 %) have the
 * sign that people gave them.
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

#include <stdbool.h>
#include <stddef.h>

struct sentiment {
	double score;	   /* -1 (negative) to 1 (positive), without a unit; never NaN */
	const char *label; /* "positive", "negative" or "neutral"; static, never freed */
	bool judged; /* false: nothing of it is known, neither a word of English nor an emoji, or
		      * it is in another language; then it scores 0 for want of anything */
};

/* What a text is judged for. */
enum sentiment_view {
	SENTIMENT_GENERAL, /* its tone: words of opinion count in full, and so do trends */
	SENTIMENT_HOLDER,  /* whoever holds the stock: trends and terms of the market count more */
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
struct sentiment sentiment_score_parts(const char *title, size_t title_size, const char *body,
				       size_t body_size);

/* The same in another view than SENTIMENT_GENERAL. */
struct sentiment sentiment_score_as(enum sentiment_view view, const char *title, size_t title_size,
				    const char *body, size_t body_size);

#endif
