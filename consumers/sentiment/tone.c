#include "tone.h"

#include <math.h>

#include "trend.h"

/*
 * How much each rule weighs, chosen by measurement against human ratings of tweets, reviews,
 * editorials and finance news; one half was used for choosing, the other for checking.
 */
static const double NORMALISING_ALPHA = 28.0;
static const double FAINT = 0.48;
static const double TYPICAL_WORDS = 12.0;
static const double FEWEST_WORDS = 6.0;
static const double PASSAGE_WORDS = 60.0;
static const double BEFORE_CONTRAST = 0.4;
static const double AFTER_CONTRAST = 1.1;
static const double EXCLAMATION_SHARE = 0.2;
static const double QUESTIONS_SHARE = 0.1;
static const double OPINION_OF_HOLDER = 0.45;
static const double DEGREE_SHARE = 0.3;
/* A text is not English if words of other languages weigh that much more than its own. */
static const double FOREIGN_LEAST = 3;
static const double NATIVE_WEIGHT = 2;
enum {
	NEGATION_SCOPE = 4,
	CARRIED_SCOPE = 6,
	BOOST_SCOPE = 2,
	LIMIT_SCOPE = 3,
	EXCLAMATIONS_MAX = 4
};

static void end_clause(struct sentence *sentence)
{
	sentence->negation_left = 0;
	sentence->boost_left = 0;
	sentence->unbroken = sentence->words + 1;
}

/* "I expected it to be good, but it was not": the negation is of what stood before. */
static void finish_contrast(struct sentence *sentence)
{
	if (sentence->contrasted && !sentence->rated_since && sentence->negation_left) {
		sentence->plain = -sentence->plain;
		sentence->capitals = -sentence->capitals;
	}
}

void tone_end_sentence(struct tone *tone, unsigned exclamations, unsigned questions)
{
	struct sentence *sentence = &tone->sentence;
	double emphasis = 1;
	trend_finish(sentence);
	finish_contrast(sentence);
	if (exclamations > EXCLAMATIONS_MAX)
		exclamations = EXCLAMATIONS_MAX;
	emphasis += EXCLAMATION_SHARE * exclamations;
	if (questions > 1)
		emphasis += QUESTIONS_SHARE;
	tone->plain += sentence->plain * emphasis;
	tone->capitals += sentence->capitals * emphasis;
	tone->symbols += sentence->symbols * emphasis;
	sentence_start(sentence);
}

static void add_contrast(struct sentence *sentence)
{
	sentence->plain *= BEFORE_CONTRAST;
	sentence->capitals *= BEFORE_CONTRAST;
	sentence->weight = AFTER_CONTRAST;
	sentence->contrasted = true;
	end_clause(sentence);
	sentence->rated_since = false;
}

static void add_boost(struct sentence *sentence, double boost)
{
	sentence->boost = sentence->boost_left ? sentence->boost + boost : boost;
	sentence->boost_left = BOOST_SCOPE;
}

static void add_negation(struct sentence *sentence, double valence, struct trace *trace)
{
	trace->plain = valence * sentence->weight;
	sentence->plain += trace->plain;
	sentence->negation_left = NEGATION_SCOPE + 1;
}

/* "does not fail to": nothing is turned, and the negation was none. */
static void add_lack(struct sentence *sentence, double valence, struct trace *trace)
{
	const struct trace *before;
	if (!sentence->negation_left) {
		add_negation(sentence, valence, trace);
		return;
	}
	sentence->negation_left = 0;
	for (unsigned i = 1; i <= NEGATION_SCOPE && (before = sentence_trace(sentence, i)); i++)
		if (before->role == ROLE_NEGATE)
			sentence_take_back(sentence, sentence->words - i);
}

/* "a great disappointment", "damn good": the word before is only the degree of this one. */
static void add_rated(struct sentence *sentence, double valence, const struct word *word,
		      struct trace *trace)
{
	const struct trace *before =
		sentence->words > sentence->unbroken ? sentence_trace(sentence, 1) : NULL;
	if (before &&
	    (before->role == ROLE_SWEAR || (before->role == ROLE_DEGREE && valence < 0))) {
		sentence_take_back(sentence, sentence->words - 1);
		add_boost(sentence, DEGREE_SHARE);
	}
	if (valence < 0 && trend_add_relieved(sentence, word, trace))
		return;
	sentence_add(sentence, valence, word, trace);
}

/* "could not be better": nothing is. */
static void add_more(struct sentence *sentence, double valence, const struct word *word,
		     struct trace *trace)
{
	if (sentence->limit_left) {
		sentence->negation_left = 0;
		add_boost(sentence, DEGREE_SHARE);
	}
	add_rated(sentence, valence, word, trace);
}

struct row {
	uint8_t role;
	bool phrase;
	double number;
};

static void apply_trend(struct sentence *sentence, const struct row *row, const struct word *word,
			struct trace *trace)
{
	switch (row->role) {
	case ROLE_UP:
	case ROLE_DOWN:
	case ROLE_LIFT:
		trend_add_movement(sentence, row->role, row->number, row->phrase, word, trace);
		break;
	case ROLE_GOOD:
	case ROLE_BAD:
	case ROLE_IMPOSED:
		trend_add_thing(sentence, row->role, row->number, word, trace);
		break;
	case ROLE_RELIEF:
		trend_add_relief(sentence, row->number, word, trace);
		break;
	case ROLE_SINCE:
		trend_add_since(sentence, word, trace);
		break;
	case ROLE_APART:
		sentence->movement.open = false;
		break;
	case ROLE_TO:
		sentence->movement.open = false;
		sentence->to_at = sentence->words;
		break;
	case ROLE_UNIT:
		trend_add_unit(sentence, row->number, word, trace);
		break;
	}
}

static void apply(struct sentence *sentence, const struct row *row, const struct word *word,
		  struct trace *trace)
{
	switch (row->role) {
	case ROLE_VALENCE:
	case ROLE_DEGREE:
	case ROLE_SWEAR:
		if (row->number < 0 || row->number > 0)
			add_rated(sentence, row->number, word, trace);
		break;
	case ROLE_MORE:
		add_more(sentence, row->number, word, trace);
		break;
	case ROLE_NEGATE:
		add_negation(sentence, row->number, trace);
		break;
	case ROLE_LIMIT:
		add_negation(sentence, row->number, trace);
		sentence->limit_left = LIMIT_SCOPE;
		break;
	case ROLE_LACK:
		add_lack(sentence, row->number, trace);
		break;
	case ROLE_CARRY:
		if (sentence->negation_left)
			sentence->negation_left = CARRIED_SCOPE + 1;
		break;
	case ROLE_BOOST:
		add_boost(sentence, row->number);
		break;
	case ROLE_CONTRAST:
		add_contrast(sentence);
		break;
	case ROLE_RELEASE:
		sentence->negation_left = 0;
		sentence->plain += trace->plain = row->number * sentence->weight;
		break;
	default:
		apply_trend(sentence, row, word, trace);
	}
}

/* Take back what the first words of a phrase did on their own. A negation that begins before the
 * phrase is one of it: "used to love" of "love this". */
static void take_back(struct sentence *sentence, size_t words)
{
	for (unsigned before = 1; before <= words; before++) {
		const struct trace *trace = sentence_trace(sentence, before);
		unsigned role = trace->role;
		if (role == ROLE_NEGATE && before + trace->before > words)
			continue;
		sentence_take_back(sentence, sentence->words - before);
		if (role == ROLE_NEGATE || role == ROLE_LACK)
			sentence->negation_left = 0;
		if (role == ROLE_BOOST)
			sentence->boost_left = 0;
		trend_forget(sentence, role);
	}
}

/*
 * The longest phrase that ends with the word `id`, which does end one, or NULL; `before` is how
 * many of its words stand before that one.
 */
static const struct lexicon_phrase *match_phrase(struct sentence *sentence, unsigned id,
						 size_t *before)
{
	size_t reach = 0, most = sentence->words - sentence->unbroken;
	uint16_t words[2 * PHRASE_WORDS - 1] = {0}; /* the phrase, in the middle of zeros */
	uint16_t *last = words + PHRASE_WORDS - 1;
	if (most > PHRASE_WORDS - 1)
		most = PHRASE_WORDS - 1;
	*last = (uint16_t)id;
	for (; reach < most; reach++) {
		uint16_t earlier = sentence_trace(sentence, (unsigned)reach + 1)->id;
		if (earlier == 0)
			break;
		last[-1 - (ptrdiff_t)reach] = earlier;
	}
	for (*before = reach; *before > 0; --*before) {
		const struct lexicon_phrase *phrase = lexicon_phrase(last - *before);
		if (phrase)
			return phrase;
	}
	return NULL;
}

/* What a row does in this view. */
static void adapt(enum sentiment_view view, bool market, struct row *row)
{
	if (view == SENTIMENT_HOLDER && !market && row->role != ROLE_BOOST && row->role < ROLE_UP)
		row->number *= OPINION_OF_HOLDER;
}

static void add_token(struct sentence *sentence, enum sentiment_view view, unsigned id,
		      const struct word *word)
{
	const struct lexicon_word *found = lexicon_word(id);
	bool market = found->market;
	struct row row = {found->role, false, found->hundredths / 100.0};
	struct trace trace = {.id = (uint16_t)id};
	size_t before = 0;
	const struct lexicon_phrase *phrase =
		found->ends_phrase ? match_phrase(sentence, id, &before) : NULL;
	if (phrase) {
		row = (struct row){phrase->role, true, phrase->hundredths / 100.0};
		market = phrase->market;
		take_back(sentence, before);
		trace.before = (uint8_t)before;
	}
	adapt(view, market, &row);
	trace.role = row.role;
	apply(sentence, &row, word, &trace);
	if (word->is_number)
		trend_add_number(sentence, word, &trace);
	sentence->traces[sentence->words % TRACES] = trace;
}

static void count(struct tone *tone, const struct word *word, unsigned id)
{
	const struct lexicon_word *found = lexicon_word(id);
	if (word->letters > 1 && word->capitals == word->letters)
		tone->capital_words++;
	else if (word->letters > 1)
		tone->other_words++;
	if (found->role == ROLE_NATIVE)
		tone->native += 1;
	if (found->role == ROLE_FOREIGN)
		tone->foreign += found->hundredths / 100.0;
	else
		tone->known += id && !word->is_number;
}

static unsigned less(unsigned left) { return left ? left - 1 : 0; }

void tone_add_word(struct tone *tone, const struct word *word)
{
	struct sentence *sentence = &tone->sentence;
	unsigned id = lexicon_recognise(word);
	count(tone, word, id);
	sentence->words++;
	if (id)
		add_token(sentence, tone->view, id, word);
	else
		sentence->traces[sentence->words % TRACES] = (struct trace){0};
	sentence->negation_left = less(sentence->negation_left);
	sentence->boost_left = less(sentence->boost_left);
	sentence->limit_left = less(sentence->limit_left);
	sentence->since_left = less(sentence->since_left);
	sentence->relief_left = less(sentence->relief_left);
}

void tone_add_symbol(struct tone *tone, unsigned id)
{
	struct sentence *sentence = &tone->sentence;
	double valence = lexicon_word(id)->hundredths / 100.0 * sentence->weight;
	sentence->plain += valence;
	sentence->symbols += valence;
	tone->known_symbols++;
	end_clause(sentence);
}

void tone_begin(struct tone *tone) { sentence_start(&tone->sentence); }

void tone_add_ticker(struct tone *tone)
{
	static const char text[] = "ticker";
	struct word word = {.size = 0};
	tone->sentence.words++;
	add_token(&tone->sentence, tone->view, lexicon_find(text, sizeof(text) - 1), &word);
}

void tone_break_phrase(struct tone *tone) { tone->sentence.unbroken = tone->sentence.words + 1; }

void tone_add_bracketed(struct tone *tone) { trend_add_bracketed(&tone->sentence); }

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

static bool is_foreign(const struct tone *tone)
{
	return tone->foreign - NATIVE_WEIGHT * tone->native >= FOREIGN_LEAST;
}

bool tone_judged(const struct tone *tone)
{
	return tone->known_symbols > 0 || (tone->known > 0 && !is_foreign(tone));
}

double tone_score(const struct tone *tone)
{
	bool foreign = is_foreign(tone);
	double total = foreign ? tone->symbols : tone->plain;
	if (!foreign && tone->capital_words && tone->other_words)
		total += tone->capitals;
	total *= length_factor((double)(tone->capital_words + tone->other_words));
	if (fabs(total) < FAINT)
		return 0;
	return total / sqrt(total * total + NORMALISING_ALPHA) + 0.0;
}
