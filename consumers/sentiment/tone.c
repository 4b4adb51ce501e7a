#include "tone.h"

#include <math.h>
#include <string.h>

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

static void forget_recent(struct sentence *sentence)
{
	memset(sentence->recent, 0, sizeof(sentence->recent));
}

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

void tone_end_sentence(struct tone *tone, unsigned exclamations, unsigned questions)
{
	struct sentence *sentence = &tone->sentence;
	double emphasis = 1;
	if (exclamations > EXCLAMATIONS_MAX)
		exclamations = EXCLAMATIONS_MAX;
	emphasis += EXCLAMATION_SHARE * exclamations;
	if (questions > 1)
		emphasis += QUESTIONS_SHARE;
	tone->plain += sentence->plain * emphasis;
	tone->capitals += sentence->capitals * emphasis;
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
		unsigned role = lexicon_word(trace->id)->role;
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
 * The longest phrase that ends with the word `id`, or NULL; `before` is how many of its words stand
 * before that one.
 */
static const struct lexicon_phrase *match_phrase(const struct sentence *sentence, unsigned id,
						 size_t *before)
{
	if (!lexicon_word(id)->ends_phrase)
		return NULL;
	for (*before = PHRASE_WORDS - 1; *before > 0; --*before) {
		uint16_t words[PHRASE_WORDS] = {0};
		const struct lexicon_phrase *phrase;
		for (size_t i = 0; i < *before; i++)
			words[i] = sentence->recent[*before - 1 - i].id;
		words[*before] = (uint16_t)id;
		phrase = words[0] ? lexicon_phrase(words) : NULL;
		if (phrase)
			return phrase;
	}
	return NULL;
}

static void add_token(struct sentence *sentence, unsigned id, const struct word *word)
{
	const struct lexicon_word *found = lexicon_word(id);
	struct trace trace = {.id = (uint16_t)id};
	size_t before = 0;
	const struct lexicon_phrase *phrase = match_phrase(sentence, id, &before);
	if (phrase) {
		take_back(sentence, before);
		apply_role(sentence, phrase->role, phrase->hundredths / 100.0, word, &trace);
	} else {
		apply_role(sentence, found->role, found->hundredths / 100.0, word, &trace);
	}
	memmove(&sentence->recent[1], &sentence->recent[0],
		sizeof(sentence->recent) - sizeof(*sentence->recent));
	sentence->recent[0] = trace;
}

void tone_add_word(struct tone *tone, const struct word *word)
{
	struct sentence *sentence = &tone->sentence;
	if (word->letters > 1 && word->capitals == word->letters)
		tone->capital_words++;
	else if (word->letters > 1)
		tone->other_words++;
	add_token(sentence, lexicon_recognise(word), word);
	if (sentence->negation_left)
		sentence->negation_left--;
	if (sentence->boost_left)
		sentence->boost_left--;
}

void tone_add_symbol(struct tone *tone, unsigned id)
{
	struct sentence *sentence = &tone->sentence;
	sentence->plain += lexicon_word(id)->hundredths / 100.0 * sentence->weight;
	end_clause(sentence);
}

void tone_begin(struct tone *tone) { start_sentence(&tone->sentence); }

void tone_break_phrase(struct tone *tone) { forget_recent(&tone->sentence); }

void tone_end_clause(struct tone *tone) { end_clause(&tone->sentence); }

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

double tone_score(const struct tone *tone)
{
	double total = tone->plain;
	if (tone->capital_words && tone->other_words)
		total += tone->capitals;
	total *= length_factor((double)(tone->capital_words + tone->other_words));
	return total / sqrt(total * total + NORMALISING_ALPHA) + 0.0;
}
