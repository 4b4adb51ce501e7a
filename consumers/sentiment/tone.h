/*
 * The tone of a text, word by word: what changes the weight of rated words, and what they add up
 * to. Pure functions, as in analyzer.h.
 */
#ifndef WEIR_SENTIMENT_TONE_H
#define WEIR_SENTIMENT_TONE_H

#include "lexicon.h"

/* What a recent word added, so that a phrase ending later can take it back. */
struct trace {
	uint16_t id;
	double plain, capitals;
};

struct sentence {
	double plain;		/* sum of valences */
	double capitals;	/* what capitals add to it, if the text is not all capitals */
	double weight;		/* of the next words: 1, or more after a contrast */
	double boost;		/* waiting for the next rated word */
	unsigned boost_left;	/* words until it is forgotten */
	unsigned negation_left; /* words still negated */
	struct trace recent[PHRASE_WORDS - 1]; /* newest first */
};

/* Begins as zero bytes; tone_begin() starts each part of a text. */
struct tone {
	struct sentence sentence;
	double plain, capitals; /* sums of the sentences before this one */
	size_t capital_words, other_words;
};

void tone_begin(struct tone *tone);
void tone_add_word(struct tone *tone, const struct word *word);

/* Emoticons and emoji mean what they mean whatever was negated before them. */
void tone_add_symbol(struct tone *tone, unsigned id);

/* A name was passed over: no phrase reaches across it. */
void tone_break_phrase(struct tone *tone);

/* A comma, a bracket: neither negations nor phrases reach over it. */
void tone_end_clause(struct tone *tone);

/* With that many exclamation and question marks. */
void tone_end_sentence(struct tone *tone, unsigned exclamations, unsigned questions);

/* From -1 to 1. */
double tone_score(const struct tone *tone);

#endif
