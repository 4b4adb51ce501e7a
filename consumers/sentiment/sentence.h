/*
 * A sentence as it is read: what its words have added so far, and what of them still acts on the
 * words that follow.
 */
#ifndef WEIR_SENTIMENT_SENTENCE_H
#define WEIR_SENTIMENT_SENTENCE_H

#include "lexicon.h"

enum { TRACES = 16 }; /* a power of two */

/* What a word added, so that a phrase or rule that ends later can take it back. */
struct trace {
	uint16_t id;
	uint8_t role;
	uint8_t before; /* words of its phrase before this one */
	double plain, capitals;
};

/* Something of which there can be more or less. */
struct thing {
	int sign;     /* 1: more of it is good; -1: bad; 0: there is none */
	unsigned at;  /* which word of the sentence */
	bool used;    /* a movement of it has been rated */
	bool imposed; /* to lift it ends it */
};

/* More or less of something that is still to come. */
struct movement {
	int sign;
	double own; /* its valence, when nothing comes */
	unsigned at;
	bool open;
	bool lifts;
};

struct figure {
	double value;
	double digits; /* that its unit adds to the value: 6 for "mn" */
	bool there;
};

/* Figures of now and before. */
struct figures {
	struct figure now, before;
	struct figure *last; /* the one that a unit right behind it belongs to, or NULL */
	unsigned last_at;    /* which word it is */
};

struct sentence {
	double plain;		/* sum of valences */
	double capitals;	/* what capitals add to it, if the text is not all capitals */
	double symbols;		/* the part of emoji and emoticons in the sum */
	double weight;		/* of the next words: 1, or more after a contrast */
	double boost;		/* waiting for the next rated word */
	unsigned boost_left;	/* words until it is forgotten */
	unsigned negation_left; /* words still negated */
	unsigned limit_left;	/* words that "could not be" still acts on */

	unsigned words;	   /* so far; the number of the word at hand, from 1 */
	unsigned unbroken; /* the first word that a phrase may begin with */

	bool contrasted, rated_since; /* "but", and whether anything rated followed */

	struct thing thing, thing_before;
	struct movement movement;
	struct figures figures;
	unsigned relief_at;   /* the last word of relief */
	unsigned relief_left; /* words that it still acts on */
	unsigned since_left;  /* words that tell what was before */
	unsigned to_at;	      /* the last "to", or 0 */
	bool moved;	      /* a movement has been rated: figures need not tell it */

	struct trace traces[TRACES]; /* of word n at n % TRACES */
};

void sentence_start(struct sentence *sentence);

/* Add a valence under all that acts on the word at hand. */
void sentence_add(struct sentence *sentence, double valence, const struct word *word,
		  struct trace *trace);

/* Take back what word number `at` added, if it is not too long ago. */
void sentence_take_back(struct sentence *sentence, unsigned at);

/* The trace of the word `before` words before the one at hand, or NULL. */
struct trace *sentence_trace(struct sentence *sentence, unsigned before);

#endif
