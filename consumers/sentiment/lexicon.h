/*
 * The lexicon: rated words, phrases, emoticons and emoji of lexicon.txt, compiled in. Entry 0 is
 * what is found in no row: no rating, and part of no phrase. Pure functions, as in analyzer.h.
 */
#ifndef WEIR_SENTIMENT_LEXICON_H
#define WEIR_SENTIMENT_LEXICON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lexicon_role {
	ROLE_VALENCE,  /* good or bad by itself */
	ROLE_NEGATE,   /* turns the words after it round: "not"; may be rated itself */
	ROLE_BOOST,    /* strengthens or weakens the next rated word: "very", "slightly" */
	ROLE_CONTRAST, /* what follows counts more than what stood before: "but" */
	ROLE_RELEASE,  /* ends a negation: "not only" */
};

enum {
	TEXT_MAX = 23,	/* longest lexicon word, in bytes */
	WORD_MAX = 40,	/* longest word looked at; the rest of a longer one is skipped */
	REPEAT_MAX = 3, /* equal letters kept of "sooooo" */
	PHRASE_WORDS = 4,
};

struct lexicon_word {
	char text[TEXT_MAX];
	uint8_t size;
	int16_t hundredths; /* valence, or the strength of a booster */
	uint8_t role;
	bool ends_phrase;
};

struct lexicon_phrase {
	uint16_t words[PHRASE_WORDS]; /* indexes of words, 0 after the last */
	int16_t hundredths;
	uint8_t role;
};

/* A word of a text. */
struct word {
	char text[WORD_MAX]; /* lower case, without the excess of repeated letters */
	size_t size;
	unsigned letters, capitals, digits;
	bool too_long, elongated;
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
