/*
 * Trends: what rises and falls, and whether that is good.
 *
 * - More of a good thing is good, less of it bad; of a bad thing the other way round ("profits
 *   down", "net loss narrows", "falling unemployment"). The thing stands before the movement, or
 *   right after it. A movement of nothing in particular is rated by its own row.
 * - Something bad that ends is good ("lawsuit dismissed", "avoids bankruptcy"). What lifts a profit
 *   ends a ban: that is imposed, and "lifted" is no more of it.
 * - From a loss to a profit is good, from a profit to a loss bad.
 * - If no word tells, two figures do ("9.0 mn, compared to 7.7 mn"); and a figure below zero is
 *   bad of a good thing ("operating profit of EUR -0.1 mn").
 *
 * What is good is so for somebody who holds the stock, as in Malo et al., "Good debt or bad debt:
 * Detecting semantic orientations in economic texts", JASIST 65 (2014), whose idea of entities with
 * a favourable direction this is; lists and weights are our own.
 */
#ifndef WEIR_SENTIMENT_TREND_H
#define WEIR_SENTIMENT_TREND_H

#include "sentence.h"

/* Of the role GOOD, BAD or IMPOSED. */
void trend_add_thing(struct sentence *sentence, unsigned role, double valence,
		     const struct word *word, struct trace *trace);

/* Of the role UP, DOWN or LIFT. `phrase`: of several words ("to a record high"), which may tell of
 * a thing once more. */
void trend_add_movement(struct sentence *sentence, unsigned role, double valence, bool phrase,
			const struct word *word, struct trace *trace);
void trend_add_relief(struct sentence *sentence, double valence, const struct word *word,
		      struct trace *trace);

/* Whether something bad is relieved by the word before it ("avoids"); then that has been added. */
bool trend_add_relieved(struct sentence *sentence, const struct word *word, struct trace *trace);
void trend_add_number(struct sentence *sentence, const struct word *word, struct trace *trace);
void trend_add_unit(struct sentence *sentence, double digits, const struct word *word,
		    struct trace *trace);
void trend_add_since(struct sentence *sentence, const struct word *word, struct trace *trace);
void trend_add_bracketed(struct sentence *sentence);

/* A word that had this role was part of a phrase, and means nothing itself. */
void trend_forget(struct sentence *sentence, unsigned role);

/* At the end of a sentence: what figures alone tell. */
void trend_finish(struct sentence *sentence);

#endif
