#include "trend.h"

#include <math.h>

static const double MOVEMENT = 1.8; /* of a thing; more if its row says more */
static const double RELIEF = 1.2;
static const double SMALL_FIGURE = 10000; /* as none is that has no unit */
static const double MOVED_FROM = 1.2;
static const double SIGNED_FIGURE = 1.4; /* "+12 %" */
enum {
	LOOK_BACK = 9,	/* words from a thing to its movement */
	LOOK_AHEAD = 5, /* words from a movement to its thing */
	SINCE_SCOPE = 9,
	RELIEF_BACK = 6,  /* words from something bad to its end */
	RELIEF_AHEAD = 4, /* words from an end to something bad */
	FIGURE_BACK = 7,  /* words from a thing to its figure */
};

static bool within(const struct sentence *sentence, unsigned at, unsigned words)
{
	return sentence->words - at <= words;
}

static double strength(double valence) { return fmax(MOVEMENT, fabs(valence)); }

/* It was a loss and is a profit, or the other way round: no matter what moved between. */
static void swing(struct sentence *sentence, const struct word *word, struct trace *trace)
{
	if (sentence->movement.at)
		sentence_take_back(sentence, sentence->movement.at);
	sentence_take_back(sentence, sentence->thing.at);
	sentence_add(sentence, sentence->thing.sign * MOVEMENT, word, trace);
	sentence->moved = true;
	sentence->since_left = 0;
}

static int direction(const struct movement *movement, const struct thing *thing)
{
	return movement->lifts && thing->imposed ? -movement->sign : movement->sign;
}

void trend_add_thing(struct sentence *sentence, unsigned role, double valence,
		     const struct word *word, struct trace *trace)
{
	struct movement *movement = &sentence->movement;
	int sign = role == ROLE_GOOD ? 1 : -1;
	struct thing thing = {.sign = sign, .at = sentence->words, .imposed = role == ROLE_IMPOSED};
	if (sentence->since_left && sentence->thing.sign) {
		if (sentence->thing.sign != sign)
			swing(sentence, word, trace);
		return;
	}
	if (movement->open && within(sentence, movement->at, LOOK_AHEAD)) {
		sentence_take_back(sentence, movement->at);
		sentence_add(sentence, direction(movement, &thing) * sign * strength(movement->own),
			     word, trace);
		movement->open = false;
		thing.used = sentence->moved = true;
	} else if (sign > 0 || !trend_add_relieved(sentence, word, trace)) {
		sentence_add(sentence, valence, word, trace);
	}
	sentence->thing_before = sentence->thing;
	sentence->thing = thing;
}

/* With what stands right before it: "recession fears" are one thing. */
static void take_back_thing(struct sentence *sentence)
{
	const struct thing *before = &sentence->thing_before;
	sentence_take_back(sentence, sentence->thing.at);
	if (before->sign && !before->used && before->at + 1 == sentence->thing.at)
		sentence_take_back(sentence, before->at);
}

void trend_add_movement(struct sentence *sentence, unsigned role, double valence, bool phrase,
			const struct word *word, struct trace *trace)
{
	struct thing *thing = &sentence->thing;
	bool of_thing =
		thing->sign && within(sentence, thing->at, LOOK_BACK) && (phrase || !thing->used);
	sentence->movement = (struct movement){.sign = role == ROLE_DOWN ? -1 : 1,
					       .own = valence,
					       .at = sentence->words,
					       .open = !of_thing,
					       .lifts = role == ROLE_LIFT};
	if (!of_thing) {
		if (valence < 0 || valence > 0)
			sentence_add(sentence, valence, word, trace);
		return;
	}
	if (!thing->used)
		take_back_thing(sentence);
	sentence_add(sentence,
		     direction(&sentence->movement, thing) * thing->sign * strength(valence), word,
		     trace);
	thing->used = sentence->moved = true;
}

/* The number of the last word that added something bad, or 0. */
static unsigned last_bad(struct sentence *sentence, unsigned words)
{
	for (unsigned before = 1; before <= words; before++) {
		const struct trace *trace = sentence_trace(sentence, before);
		if (!trace)
			return 0;
		if (trace->plain < 0)
			return sentence->words - before;
	}
	return 0;
}

void trend_add_relief(struct sentence *sentence, double valence, const struct word *word,
		      struct trace *trace)
{
	unsigned bad = last_bad(sentence, RELIEF_BACK);
	if (bad) {
		sentence_take_back(sentence, bad);
		sentence_add(sentence, RELIEF, word, trace);
		return;
	}
	if (valence < 0 || valence > 0)
		sentence_add(sentence, valence, word, trace);
	sentence->relief_at = sentence->words;
	sentence->relief_left = RELIEF_AHEAD + 1;
}

bool trend_add_relieved(struct sentence *sentence, const struct word *word, struct trace *trace)
{
	if (!sentence->relief_left)
		return false;
	sentence->relief_left = 0;
	sentence_take_back(sentence, sentence->relief_at);
	sentence_add(sentence, RELIEF, word, trace);
	return true;
}

/* ---- figures ---- */

/* "down from 36": a movement of whatever it is that has figures. */
static void add_moved_from(struct sentence *sentence, const struct word *word, struct trace *trace)
{
	const struct movement *movement = &sentence->movement;
	if (!movement->open || movement->at + 1 != sentence->words)
		return;
	sentence_take_back(sentence, movement->at);
	sentence_add(sentence, movement->sign * fmax(MOVED_FROM, fabs(movement->own)), word, trace);
}

void trend_add_since(struct sentence *sentence, const struct word *word, struct trace *trace)
{
	struct figures *figures = &sentence->figures;
	add_moved_from(sentence, word, trace);
	sentence->movement.open = false;
	sentence->since_left = SINCE_SCOPE;
	if (!figures->now.there && figures->before.there) {
		figures->now = figures->before;
		figures->before.there = false;
	}
}

/* Only right behind the figure of now, or its unit. */
void trend_add_bracketed(struct sentence *sentence)
{
	struct figures *figures = &sentence->figures;
	if (figures->now.there && !figures->before.there && sentence->words - figures->last_at <= 1)
		sentence->since_left = 2;
}

static bool is_year(const struct word *word)
{
	return word->digits == 4 && word->value >= 1900 && word->value < 2100;
}

void trend_add_number(struct sentence *sentence, const struct word *word, struct trace *trace)
{
	struct figures *figures = &sentence->figures;
	const struct thing *thing = &sentence->thing;
	figures->last = NULL;
	figures->last_at = sentence->words;
	if (word->sign && word->percent && !sentence->moved) {
		sentence_add(sentence, word->sign * SIGNED_FIGURE, word, trace);
	} else if (word->sign < 0 && thing->sign > 0 && !sentence->since_left &&
		   within(sentence, thing->at, FIGURE_BACK)) {
		sentence_take_back(sentence, thing->at);
		sentence_add(sentence, -MOVEMENT, word, trace);
		sentence->moved = true;
	}
	if (word->percent || is_year(word))
		return;
	if (sentence->since_left && !figures->before.there)
		figures->last = &figures->before;
	else if (!figures->before.there ||
		 (!figures->now.there && sentence->to_at + 2 >= sentence->words))
		figures->last = &figures->now;
	if (figures->last)
		*figures->last = (struct figure){.value = word->value, .there = true};
}

/* An amount below zero is bad, whatever it is of. */
void trend_add_unit(struct sentence *sentence, double digits, const struct word *word,
		    struct trace *trace)
{
	struct figures *figures = &sentence->figures;
	if (figures->last && figures->last_at + 1 == sentence->words) {
		figures->last->digits = digits;
		if (figures->last->value < 0 && !sentence->moved && !sentence->thing.sign)
			sentence_add(sentence, -SIGNED_FIGURE, word, trace);
	}
	figures->last = NULL;
}

/* "3.1 mn (2.9)": a small figure without a unit has that of the other one. */
static double amount(const struct figure *figure, const struct figure *other)
{
	bool shared = figure->digits <= 0 && fabs(figure->value) < SMALL_FIGURE;
	double unit = 1;
	for (double left = shared ? other->digits : figure->digits; left >= 1; left--)
		unit *= 10;
	return figure->value * unit;
}

void trend_finish(struct sentence *sentence)
{
	const struct figure *now = &sentence->figures.now, *before = &sentence->figures.before;
	double change;
	if (sentence->moved || !sentence->thing.sign || !now->there || !before->there)
		return;
	change = amount(now, before) - amount(before, now);
	if (change < 0 || change > 0)
		sentence->plain += (change > 0 ? MOVEMENT : -MOVEMENT) * sentence->thing.sign;
}

void trend_forget(struct sentence *sentence, unsigned role)
{
	if (role == ROLE_GOOD || role == ROLE_BAD || role == ROLE_IMPOSED)
		sentence->thing = sentence->thing_before;
	if (role == ROLE_UP || role == ROLE_DOWN || role == ROLE_LIFT) {
		sentence->movement.open = false;
		sentence->thing.used = false;
	}
	if (role == ROLE_RELIEF)
		sentence->relief_left = 0;
}
