#include "sentence.h"

#include <math.h>
#include <string.h>

static const double NEGATION_FACTOR = -0.5;
static const double CAPITALS_SHARE = 0.3;
static const double ELONGATION_SHARE = 0.25;

/* The traces need no clearing: none is looked at before it is written. */
void sentence_start(struct sentence *sentence)
{
	memset(sentence, 0, offsetof(struct sentence, traces));
	sentence->weight = 1;
	sentence->unbroken = 1;
}

void sentence_add(struct sentence *sentence, double valence, const struct word *word,
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
	sentence->rated_since = true;
}

struct trace *sentence_trace(struct sentence *sentence, unsigned before)
{
	if (before >= sentence->words || before >= TRACES)
		return NULL;
	return &sentence->traces[(sentence->words - before) % TRACES];
}

void sentence_take_back(struct sentence *sentence, unsigned at)
{
	struct trace *trace = at ? sentence_trace(sentence, sentence->words - at) : NULL;
	if (!trace)
		return;
	sentence->plain -= trace->plain;
	sentence->capitals -= trace->capitals;
	trace->plain = trace->capitals = 0;
}
