/*
 * The lexicon: rated words, phrases, emoticons and emoji of lexicon.txt, compiled in. Entry 0 is
 * what is found in no row: no rating, and part of no phrase. Pure functions, as in analyzer.h.
 */
#ifndef WEIR_SENTIMENT_LEXICON_H
#define WEIR_SENTIMENT_LEXICON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a row of lexicon.txt does; its number is a valence unless another meaning is given here. */
enum lexicon_role {
	ROLE_VALENCE, /* good or bad by itself */
	ROLE_NEGATE,  /* turns the words after it round: "not" */
	ROLE_LACK,    /* so does "fail to", but "not fail to" turns nothing */
	ROLE_CARRY,   /* "think": a negation before it is one of what follows */
	ROLE_BOOST,   /* strengthens or weakens the next rated word: "very", "slightly" (a share) */
	ROLE_CONTRAST, /* what follows counts more than what stood before: "but" */
	ROLE_RELEASE,  /* ends a negation: "not only" */
	ROLE_LIMIT,    /* "could not be": a negation, but nothing is above what could not be more */
	ROLE_MORE,     /* "better": of which "could not be" is the limit */
	ROLE_DEGREE,   /* "great": right before something bad only its degree */
	ROLE_SWEAR,    /* "damn": right before anything rated only its degree */
	ROLE_UP,       /* more of something: "rises"; rated by what rises */
	ROLE_DOWN,     /* less of something: "falls" */
	ROLE_LIFT,     /* more of something, and the end of what is imposed: "lifts" */
	ROLE_RELIEF,   /* something bad ends: "dismissed"; rated so only beside something bad */
	ROLE_GOOD,     /* of which more is good: "profit" */
	ROLE_BAD,      /* of which more is bad: "debt" */
	ROLE_IMPOSED,  /* so is this, until it is lifted: "tariff" */
	ROLE_SINCE,    /* what it was before follows: "from", "compared" */
	ROLE_TO,       /* what it became follows: "to" */
	ROLE_APART,    /* another matter follows: "as", "after" */
	ROLE_UNIT,     /* of a number (the number of digits it adds): "million" */
	ROLE_NATIVE,   /* English, and says nothing else: "the" */
	ROLE_FOREIGN,  /* of another language (how sure that is): "nicht" */
};

enum {
	WORD_MAX = 40,	/* longest word looked at; the rest of a longer one is skipped */
	REPEAT_MAX = 3, /* equal letters kept of "sooooo" */
	PHRASE_WORDS = 4,
};

struct lexicon_word {
	uint16_t at;	    /* of its text among those of all words */
	int16_t hundredths; /* valence, or the strength of a booster */
	uint8_t role;
	bool market; /* a term of the market, not of general opinion */
	bool ends_phrase;
	uint8_t size;
};

struct lexicon_phrase {
	uint16_t words[PHRASE_WORDS]; /* indexes of words, 0 after the last */
	int16_t hundredths;
	uint8_t role;
	bool market;
};

/* A word of a text. */
struct word {
	char text[WORD_MAX]; /* lower case, without the excess of repeated letters */
	size_t size;
	unsigned letters, capitals, digits;
	bool too_long, elongated;
	double value; /* of a number, with its sign */
	bool is_number, percent;
	int sign; /* that it was written with: -1, 1, or 0 */
};

/* The index of a word, emoticon or emoji as it stands in the lexicon, or 0. */
unsigned lexicon_find(const char *text, size_t size);

/*
 * The index of a word in this or another form: "sooo", "isn't", "winner's", "disappointedly". A
 * number is the word "0", a percentage "0%".
 */
unsigned lexicon_recognise(const struct word *word);

/* Valid for the life of the process. */
const struct lexicon_word *lexicon_word(unsigned id);

/* The phrase of these words, or NULL. */
const struct lexicon_phrase *lexicon_phrase(const uint16_t words[PHRASE_WORDS]);

#endif
