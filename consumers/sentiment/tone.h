/*
 * The tone of a text, word by word: what changes the weight of rated words, and what they add up
 * to. Pure functions, as in analyzer.h.
 */
#ifndef WEIR_SENTIMENT_TONE_H
#define WEIR_SENTIMENT_TONE_H

#include "analyzer.h"
#include "sentence.h"

/* Begins as zero bytes but for its view; tone_begin() starts each part of a text. */
struct tone {
	enum sentiment_view view;
	struct sentence sentence;
	double plain, capitals; /* sums of the sentences before this one */
	double symbols;		/* what emoji and emoticons add, in any language */
	size_t capital_words, other_words;
	double native, foreign; /* words that only English, or only other languages have */
	size_t known, known_symbols;
};

void tone_begin(struct tone *tone);
void tone_add_word(struct tone *tone, const struct word *word);

/* Emoticons and emoji mean what they mean whatever was negated before them. */
void tone_add_symbol(struct tone *tone, unsigned id);

/* "$AAPL": what is meant by it is in phrases with the word "ticker". */
void tone_add_ticker(struct tone *tone);

/* A name was passed over: no phrase reaches across it. */
void tone_break_phrase(struct tone *tone);

/* A comma, a bracket: neither negations nor phrases reach over it. */
void tone_end_clause(struct tone *tone);

/* A bracket before a number: "12.4 (10.9)" is how tables in prose tell what it was before. */
void tone_add_bracketed(struct tone *tone);

/* With that many exclamation and question marks. */
void tone_end_sentence(struct tone *tone, unsigned exclamations, unsigned questions);

/* From -1 to 1. */
double tone_score(const struct tone *tone);

/* Whether there was anything in it that the lexicon has. */
bool tone_judged(const struct tone *tone);

#endif
