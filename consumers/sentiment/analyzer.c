#include "analyzer.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum lexicon_role {
	ROLE_VALENCE,	/* good or bad by itself */
	ROLE_NEGATE,	/* turns the words after it round: "not"; may be rated itself */
	ROLE_BOOST,	/* strengthens or weakens the next rated word: "very", "slightly" */
	ROLE_CONTRAST,	/* what follows counts more than what stood before: "but" */
	ROLE_RELEASE,	/* ends a negation: "not only" */
};

enum {
	TEXT_MAX = 23,		/* longest lexicon word, in bytes */
	WORD_MAX = 40,		/* longest word looked at; the rest of a longer one is skipped */
	EMOTICON_MAX = 5,
	REPEAT_MAX = 3,		/* equal letters kept of "sooooo" */
	PHRASE_WORDS = 4,
};

struct lexicon_word {
	char text[TEXT_MAX];
	uint8_t size;
	int16_t hundredths;	/* valence, or the strength of a booster */
	uint8_t role;
	bool ends_phrase;
};

struct lexicon_phrase {
	uint16_t words[PHRASE_WORDS];	/* indexes of lexicon_words, 0 after the last */
	int16_t hundredths;
	uint8_t role;
};

#include "lexicon_table.h"

_Static_assert((int)LEXICON_WORD_MAX <= (int)TEXT_MAX, "TEXT_MAX is too small for the lexicon");

/*
 * How much each rule weighs, chosen by measurement against human ratings of tweets, reviews and
 * editorials; one half was used for choosing, the other for checking.
 */
static const double NORMALISING_ALPHA = 28.0;
static const double TYPICAL_WORDS = 12.0;
static const double FEWEST_WORDS = 6.0;
static const double PASSAGE_WORDS = 60.0;
static const double NEGATION_FACTOR = -0.5;
static const double BEFORE_CONTRAST = 0.4;
static const double AFTER_CONTRAST = 1.1;
static const double CAPITALS_SHARE = 0.3;
static const double ELONGATION_SHARE = 0.25;
static const double EXCLAMATION_SHARE = 0.2;
static const double QUESTIONS_SHARE = 0.1;
enum { NEGATION_SCOPE = 4, BOOST_SCOPE = 2, EXCLAMATIONS_MAX = 4 };

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
	unsigned negation_left;	/* words still negated */
	struct trace recent[PHRASE_WORDS - 1];	/* newest first */
};

struct scanner {
	const unsigned char *at, *end;
	struct sentence sentence;
	double plain, capitals;	/* sums of the sentences before this one */
	size_t capital_words, other_words;
};

struct word {
	char text[WORD_MAX];	/* lower case, without the excess of repeated letters */
	size_t size;
	unsigned letters, capitals, digits;
	bool too_long, elongated;
};

/* --- lexicon --- */

static uint32_t hash_text(const char *text, size_t size)
{
	uint32_t hash = 5381;

	for (size_t i = 0; i < size; i++)
		hash = hash * 33 + (unsigned char)text[i];
	return hash;
}

/* The index of a word in lexicon_words, or 0. */
static unsigned find_word(const char *text, size_t size)
{
	uint32_t slot;

	if (size == 0 || size > LEXICON_WORD_MAX)
		return 0;
	slot = hash_text(text, size) % LEXICON_SLOTS;
	for (unsigned id; (id = lexicon_slots[slot]) != 0; slot = (slot + 1) % LEXICON_SLOTS) {
		if (lexicon_words[id].size == size && !memcmp(lexicon_words[id].text, text, size))
			return id;
	}
	return 0;
}

static unsigned find_phrase(const uint16_t words[PHRASE_WORDS])
{
	uint32_t slot = 0;

	for (size_t i = 0; i < PHRASE_WORDS; i++)
		slot = slot * 31 + words[i];
	slot %= PHRASE_SLOTS;
	for (unsigned id; (id = phrase_slots[slot]) != 0; slot = (slot + 1) % PHRASE_SLOTS) {
		if (!memcmp(lexicon_phrases[id].words, words, sizeof(lexicon_phrases[id].words)))
			return id;
	}
	return 0;
}

/* --- words --- */

/* Shorten every run of three equal letters to `keep`; return the new size. */
static size_t squeeze(const struct word *word, size_t keep, char *out)
{
	size_t size = 0, run = 0;

	for (size_t i = 0; i < word->size; i++) {
		run = i > 0 && word->text[i] == word->text[i - 1] ? run + 1 : 1;
		out[size++] = word->text[i];
		if (run == REPEAT_MAX)
			size -= REPEAT_MAX - keep;
	}
	return size;
}

static unsigned find_elongated(const struct word *word)
{
	char text[WORD_MAX];
	unsigned id = find_word(text, squeeze(word, 2, text));

	return id ? id : find_word(text, squeeze(word, 1, text));
}

static bool ends_with(const struct word *word, const char *suffix)
{
	size_t size = strlen(suffix);

	return word->size > size && !memcmp(word->text + word->size - size, suffix, size);
}

/* Forms of a word that the lexicon has only in another form. */
static const struct {
	const char *suffix, *instead;
} inflections[] = {
	{ "'s", "" }, { "ly", "" }, { "ily", "y" }, { "s", "" }, { "es", "" }, { "ies", "y" },
	{ "ed", "" }, { "ed", "e" }, { "ied", "y" }, { "ing", "" }, { "ing", "e" },
	{ "in'", "ing" }, { "ness", "" }, { "iness", "y" },
};

static unsigned find_inflected(const struct word *word)
{
	char text[WORD_MAX + 4];

	if (word->size < 5 || !strchr("sdgy'", word->text[word->size - 1]))
		return 0;
	for (size_t i = 0; i < sizeof(inflections) / sizeof(*inflections); i++) {
		size_t stem = word->size - strlen(inflections[i].suffix);
		size_t instead = strlen(inflections[i].instead);
		unsigned id;

		if (!ends_with(word, inflections[i].suffix) || stem < 3)
			continue;
		memcpy(text, word->text, stem);
		memcpy(text + stem, inflections[i].instead, instead);
		id = find_word(text, stem + instead);
		if (id && lexicon_words[id].role == ROLE_VALENCE)
			return id;
	}
	return 0;
}

static unsigned recognise(const struct word *word)
{
	unsigned id;

	if (word->too_long)
		return 0;
	if (word->letters == 0)
		return word->text[word->size - 1] == '%' ? find_word("0%", 2) : find_word("0", 1);
	id = find_word(word->text, word->size);
	if (!id && word->elongated)
		id = find_elongated(word);
	if (!id && ends_with(word, "n't"))
		id = find_word("not", 3);
	return id ? id : find_inflected(word);
}

/* --- rules --- */

static void forget_recent(struct sentence *sentence)
{
	memset(sentence->recent, 0, sizeof(sentence->recent));
}

/* A comma, a bracket: neither negations nor phrases reach over it. */
static void end_clause(struct sentence *sentence)
{
	sentence->negation_left = 0;
	sentence->boost_left = 0;
	forget_recent(sentence);
}

static void start_sentence(struct sentence *sentence)
{
	memset(sentence, 0, sizeof(*sentence));
	sentence->weight = 1;
}

static void end_sentence(struct scanner *scanner, unsigned exclamations, unsigned questions)
{
	struct sentence *sentence = &scanner->sentence;
	double emphasis = 1;

	if (exclamations > EXCLAMATIONS_MAX)
		exclamations = EXCLAMATIONS_MAX;
	emphasis += EXCLAMATION_SHARE * exclamations;
	if (questions > 1)
		emphasis += QUESTIONS_SHARE;
	scanner->plain += sentence->plain * emphasis;
	scanner->capitals += sentence->capitals * emphasis;
	start_sentence(sentence);
}

static void add_contrast(struct sentence *sentence)
{
	sentence->plain *= BEFORE_CONTRAST;
	sentence->capitals *= BEFORE_CONTRAST;
	sentence->weight = AFTER_CONTRAST;
	end_clause(sentence);
}

static void add_boost(struct sentence *sentence, double boost)
{
	sentence->boost = sentence->boost_left ? sentence->boost + boost : boost;
	sentence->boost_left = BOOST_SCOPE;
}

static void add_valence(struct sentence *sentence, double valence, const struct word *word,
			struct trace *trace)
{
	bool shouted = word->letters > 1 && word->capitals == word->letters;

	if (sentence->boost_left) {
		valence *= fmax(1 + sentence->boost, 0.1);
		sentence->boost_left = 0;
	}
	if (word->elongated)
		valence *= 1 + ELONGATION_SHARE;
	if (sentence->negation_left)
		valence *= NEGATION_FACTOR;
	trace->plain = valence * sentence->weight;
	trace->capitals = shouted ? trace->plain * CAPITALS_SHARE : 0;
	sentence->plain += trace->plain;
	sentence->capitals += trace->capitals;
}

static void apply_role(struct sentence *sentence, unsigned role, double number,
		       const struct word *word, struct trace *trace)
{
	switch (role) {
	case ROLE_VALENCE:
		if (number < 0 || number > 0)
			add_valence(sentence, number, word, trace);
		break;
	case ROLE_NEGATE:
		trace->plain = number * sentence->weight;
		sentence->plain += trace->plain;
		sentence->negation_left = NEGATION_SCOPE + 1;
		break;
	case ROLE_BOOST:
		add_boost(sentence, number);
		break;
	case ROLE_CONTRAST:
		add_contrast(sentence);
		break;
	case ROLE_RELEASE:
		sentence->negation_left = 0;
		break;
	}
}

/* Take back what the first words of a phrase did on their own. */
static void take_back(struct sentence *sentence, size_t words)
{
	for (size_t i = 0; i < words; i++) {
		struct trace *trace = &sentence->recent[i];
		unsigned role = lexicon_words[trace->id].role;

		sentence->plain -= trace->plain;
		sentence->capitals -= trace->capitals;
		trace->plain = trace->capitals = 0;
		if (role == ROLE_NEGATE)
			sentence->negation_left = 0;
		if (role == ROLE_BOOST)
			sentence->boost_left = 0;
	}
}

/*
 * The longest phrase that ends with the word `id`, or 0; `before` is how many of its words stand
 * before that one.
 */
static unsigned match_phrase(const struct sentence *sentence, unsigned id, size_t *before)
{
	if (!lexicon_words[id].ends_phrase)
		return 0;
	for (*before = PHRASE_WORDS - 1; *before > 0; --*before) {
		uint16_t words[PHRASE_WORDS] = { 0 };
		unsigned phrase;

		for (size_t i = 0; i < *before; i++)
			words[i] = sentence->recent[*before - 1 - i].id;
		words[*before] = (uint16_t)id;
		phrase = words[0] ? find_phrase(words) : 0;
		if (phrase)
			return phrase;
	}
	return 0;
}

static void add_token(struct scanner *scanner, unsigned id, const struct word *word)
{
	struct sentence *sentence = &scanner->sentence;
	struct trace trace = { .id = (uint16_t)id };
	size_t before = 0;
	unsigned phrase = match_phrase(sentence, id, &before);

	if (phrase) {
		const struct lexicon_phrase *found = &lexicon_phrases[phrase];

		take_back(sentence, before);
		apply_role(sentence, found->role, found->hundredths / 100.0, word, &trace);
	} else {
		const struct lexicon_word *found = &lexicon_words[id];

		apply_role(sentence, found->role, found->hundredths / 100.0, word, &trace);
	}
	memmove(&sentence->recent[1], &sentence->recent[0],
		sizeof(sentence->recent) - sizeof(*sentence->recent));
	sentence->recent[0] = trace;
}

static void add_word(struct scanner *scanner, const struct word *word)
{
	struct sentence *sentence = &scanner->sentence;

	if (word->letters > 1 && word->capitals == word->letters)
		scanner->capital_words++;
	else if (word->letters > 1)
		scanner->other_words++;
	add_token(scanner, recognise(word), word);
	if (sentence->negation_left)
		sentence->negation_left--;
	if (sentence->boost_left)
		sentence->boost_left--;
}

/* Emoticons and emoji mean what they mean whatever was negated before them. */
static void add_symbol(struct scanner *scanner, unsigned id)
{
	struct sentence *sentence = &scanner->sentence;

	sentence->plain += lexicon_words[id].hundredths / 100.0 * sentence->weight;
	end_clause(sentence);
}

/* --- scanning --- */

static bool is_letter(unsigned char c)
{
	return (unsigned char)((c | 0x20) - 'a') < 26;
}

static bool is_digit(unsigned char c)
{
	return (unsigned char)(c - '0') < 10;
}

static bool is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The byte `ahead` of the current one, or 0 after the end. */
static unsigned char peek(const struct scanner *scanner, size_t ahead)
{
	return (size_t)(scanner->end - scanner->at) > ahead ? scanner->at[ahead] : 0;
}

/* Decode one character of two to four bytes; 0 if the bytes are not well-formed UTF-8. */
static size_t decode(const struct scanner *scanner, uint32_t *character)
{
	unsigned char first = *scanner->at;
	size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	uint32_t value = first & (0x7fu >> size);

	if (first < 0xc2 || first > 0xf4)
		return 0;
	for (size_t i = 1; i < size; i++) {
		unsigned char next = peek(scanner, i);

		if ((next & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (next & 0x3f);
	}
	*character = value;
	return size;
}

/* Letters and marks of any script, roughly: everything that is not punctuation or a symbol. */
static bool is_word_character(uint32_t c)
{
	return c >= 0xc0 && c != 0xd7 && c != 0xf7 && !(c >= 0x2000 && c <= 0x2bff) &&
	       !(c >= 0x3000 && c <= 0x303f) && !(c >= 0xfe00 && c <= 0xfe0f) &&
	       !(c >= 0xff00 && c <= 0xff20) && c < 0x1f000;
}

static bool is_apostrophe(const struct scanner *scanner, size_t *size)
{
	*size = 1;
	if (*scanner->at == '\'')
		return true;
	*size = 3;
	return peek(scanner, 0) == 0xe2 && peek(scanner, 1) == 0x80 && peek(scanner, 2) == 0x99;
}

static void keep(struct word *word, char c)
{
	size_t size = word->size;
	bool repeated = size >= REPEAT_MAX - 1 && word->text[size - 1] == c &&
			word->text[size - 2] == c && is_letter((unsigned char)c);

	if (repeated) {
		word->elongated = true;
		if (size >= REPEAT_MAX && word->text[size - 3] == c)
			return;
	}
	if (size == WORD_MAX)
		word->too_long = true;
	else
		word->text[word->size++] = c;
}

/* Take what may stand inside a word besides ASCII letters and digits; false at its end. */
static bool read_inner(struct scanner *scanner, struct word *word)
{
	unsigned char c = *scanner->at;
	uint32_t character = 0;
	size_t size;

	if (word->size && is_apostrophe(scanner, &size) && is_letter(peek(scanner, size))) {
		keep(word, '\'');
	} else if (c >= 0x80) {
		size = decode(scanner, &character);
		if (!size || !is_word_character(character))
			return false;
		for (size_t i = 0; i < size; i++)
			keep(word, (char)scanner->at[i]);
		word->letters++;
	} else if ((c == '.' || c == ',') && word->digits && !word->letters &&
		   is_digit(peek(scanner, 1))) {
		size = 1;
	} else {
		return false;
	}
	scanner->at += size;
	return true;
}

static void read_word(struct scanner *scanner, struct word *word)
{
	word->size = 0;
	word->letters = word->capitals = word->digits = 0;
	word->too_long = word->elongated = false;
	while (scanner->at < scanner->end) {
		unsigned char c = *scanner->at;

		if (is_letter(c)) {
			word->letters++;
			word->capitals += c < 'a';
			keep(word, (char)(c | 0x20));
		} else if (is_digit(c)) {
			word->digits++;
			keep(word, (char)c);
		} else {
			if (!read_inner(scanner, word))
				break;
			continue;
		}
		scanner->at++;
	}
	if (word->digits && !word->letters && peek(scanner, 0) == '%') {
		scanner->at++;
		word->text[word->size - 1] = '%';
	}
}

static void skip_to_space(struct scanner *scanner)
{
	while (scanner->at < scanner->end && !is_space(*scanner->at))
		scanner->at++;
}

/* A word, or an address ("https://..."), of which nothing is rated. */
static void scan_word(struct scanner *scanner)
{
	struct word word;

	read_word(scanner, &word);
	if (peek(scanner, 0) == ':' && peek(scanner, 1) == '/' && peek(scanner, 2) == '/')
		skip_to_space(scanner);
	else if (word.size)
		add_word(scanner, &word);
}

/* "@name" and "$TICKER" name somebody or something; "@" and "$" alone mean nothing. */
static void skip_name(struct scanner *scanner)
{
	scanner->at++;
	if (!is_letter(peek(scanner, 0)))
		return;
	while (is_letter(peek(scanner, 0)) || is_digit(peek(scanner, 0)) ||
	       peek(scanner, 0) == '_')
		scanner->at++;
	forget_recent(&scanner->sentence);
}

static bool scan_emoticon(struct scanner *scanner)
{
	char text[EMOTICON_MAX];
	size_t size = 0;

	while (size < EMOTICON_MAX && peek(scanner, size) > ' ') {
		unsigned char c = peek(scanner, size);

		text[size++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	for (; size > 1; size--) {
		unsigned char next = peek(scanner, size);
		unsigned id = find_word(text, size);

		/* "(see: details)" and "http://" have the beginnings of emoticons in them. */
		if (!id || is_letter(next) || is_digit(next) || next == '/')
			continue;
		add_symbol(scanner, id);
		for (scanner->at += size; peek(scanner, 0) == scanner->at[-1];)
			scanner->at++;
		return true;
	}
	return false;
}

/* A run of "!" and "?", or a full stop that is not part of "3.5", "U.S." or a name. */
static void scan_terminator(struct scanner *scanner)
{
	unsigned exclamations = 0, questions = 0, stops = 0;

	for (unsigned char c; (c = peek(scanner, 0)) == '!' || c == '?' || c == '.';) {
		exclamations += c == '!' && exclamations < EXCLAMATIONS_MAX;
		questions += c == '?' && questions < EXCLAMATIONS_MAX;
		stops++;
		scanner->at++;
	}
	if (exclamations || questions || stops > 1 || peek(scanner, 0) == 0 ||
	    !(is_letter(peek(scanner, 0)) || is_digit(peek(scanner, 0))))
		end_sentence(scanner, exclamations, questions);
}

/* Emoji, punctuation beyond ASCII, letters, or bytes that are no character at all. */
static void scan_beyond_ascii(struct scanner *scanner)
{
	uint32_t character = 0;
	size_t size = decode(scanner, &character);
	unsigned id;

	if (size && is_word_character(character)) {
		scan_word(scanner);
		return;
	}
	id = size > 2 ? find_word((const char *)scanner->at, size) : 0;
	scanner->at += size ? size : 1;
	if (id)
		add_symbol(scanner, id);
	else if (character == 0x3002 || character == 0xff01 || character == 0xff1f)
		end_sentence(scanner, character == 0xff01, 0);
}

static void scan_punctuation(struct scanner *scanner)
{
	unsigned char c = *scanner->at;

	if (strchr(":;=<>^-(&", c) && scan_emoticon(scanner))
		return;
	scanner->at++;
	if (c == '\n' && peek(scanner, 0) == '\n')
		end_sentence(scanner, 0, 0);
	else if (c == ',' || c == ';' || c == ':' || c == '(' || c == ')')
		end_clause(&scanner->sentence);
}

static void scan_part(struct scanner *scanner, const char *text, size_t size)
{
	if (!text)
		return;
	scanner->at = (const unsigned char *)text;
	scanner->end = scanner->at + size;
	start_sentence(&scanner->sentence);
	while (scanner->at < scanner->end) {
		unsigned char c = *scanner->at;

		if (c == ' ' || c == 0)
			scanner->at++;
		else if (is_letter(c) || is_digit(c))
			scan_word(scanner);
		else if (c >= 0x80)
			scan_beyond_ascii(scanner);
		else if (c == '.' || c == '!' || c == '?')
			scan_terminator(scanner);
		else if (c == '@' || c == '$')
			skip_name(scanner);
		else
			scan_punctuation(scanner);
	}
	end_sentence(scanner, 0, 0);
}

/* --- result --- */

static const char *label_of(double score)
{
	if (score >= SENTIMENT_NEUTRAL_BAND)
		return "positive";
	return score <= -SENTIMENT_NEUTRAL_BAND ? "negative" : "neutral";
}

/*
 * What the sum of all valences is multiplied by. The same few rated words say less in a longer
 * message, so the sum grows with the root of the length only; beyond a passage it does not grow
 * at all, and what remains is the tone of a passage: a long text must not saturate.
 */
static double length_factor(double words)
{
	double passage = fmin(fmax(words, FEWEST_WORDS), PASSAGE_WORDS);

	return sqrt(TYPICAL_WORDS / passage) * (passage / fmax(words, passage));
}

static struct sentiment conclude(const struct scanner *scanner)
{
	double total = scanner->plain;
	if (scanner->capital_words && scanner->other_words)
		total += scanner->capitals;
	total *= length_factor((double)(scanner->capital_words + scanner->other_words));
	total /= sqrt(total * total + NORMALISING_ALPHA);
	return (struct sentiment){ .score = total + 0.0, .label = label_of(total) };
}

struct sentiment sentiment_score_parts(const char *title, size_t title_size,
				       const char *body, size_t body_size)
{
	struct scanner scanner = { 0 };

	scan_part(&scanner, title, title_size);
	scan_part(&scanner, body, body_size);
	return conclude(&scanner);
}

struct sentiment sentiment_score(const char *text, size_t size)
{
	return sentiment_score_parts(text, size, NULL, 0);
}
