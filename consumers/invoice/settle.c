#include "settle.h"

#include <stdio.h>
#include <string.h>

#include "amount.h"
#include "kit.h"

enum basis { BY_QUANTITY, BY_WEIGHT, BY_CONTENT };

enum agreement { NO, ROUNDED, YES };

/* What a uom says of the ordered unit. */
enum uom { WHOLE, ONE_OF, DOZEN, MEASURE, BOX, COUNT, UNKNOWN };

struct settling {
	struct line *line;
	const struct currency *currency;
	struct weir_error *fault;
	enum uom uom;
	const struct unit *unit; /* of the uom; NULL: none */
	bool weighed;		 /* the line has a weight that is not zero */
};

/* ---- figures ---- */

static bool is_one(const struct decimal *d)
{
	return strspn(d->text, "1.0") == d->size && d->text[0] == '1' &&
	       strcspn(d->text, ".") == 1 && strchr(d->text + 1, '1') == NULL;
}

static bool is_equal(const struct decimal *a, const struct decimal *b)
{
	struct amount x, y;
	amount_of(&x, a);
	amount_of(&y, b);
	return amount_compare(&x, &y) == 0; /* signs do not count */
}

static bool is_whole(const struct decimal *d)
{
	const char *point = strchr(d->text, '.');
	return !point || strspn(point + 1, "0") == strlen(point + 1);
}

static void set_decimal(struct decimal *out, const char *text)
{
	(void)decimal_read(out, text, strlen(text));
}

/* Half of the last place that a price was printed with; JSON numbers lose zeros at the end. */
static bool half_place(struct decimal *out, const struct decimal *price, size_t least)
{
	char text[] = "0.00000000000";
	size_t point = strcspn(price->text, ".");
	size_t places = price->size > point ? price->size - point - 1 : 0;
	if (places < least)
		places = least;
	if (places >= DECIMAL_FRACTION_MOST)
		return false;
	text[2 + places] = '5';
	text[3 + places] = '\0';
	set_decimal(out, text);
	return true;
}

static bool explains(const struct amount *difference, const struct decimal *quantity,
		     const struct line *l, size_t coin_places)
{
	struct decimal half, percent;
	struct amount most, share;
	if (!half_place(&half, &l->unit_price, coin_places))
		return false;
	set_decimal(&percent, "0.01");
	amount_product(&most, quantity, &half);
	amount_product(&share, &l->extended, &percent);
	return amount_compare(difference, &most) <= 0 && amount_compare(difference, &share) <= 0;
}

/* Whether quantity x unit_price is extended_price. */
static enum agreement agrees(const struct settling *s, const struct decimal *quantity)
{
	const struct line *l = s->line;
	static const char *const coins[CURRENCY_PLACES_MOST + 1] = {"1", "0.1", "0.01", "0.001",
								    "0.0001"};
	struct decimal coin;
	struct amount difference, extended, least;
	set_decimal(&coin, coins[s->currency->places]);
	amount_of(&least, &coin);
	amount_of(&extended, &l->extended);
	amount_product(&difference, quantity, &l->unit_price);
	amount_subtract(&difference, &extended);
	if (amount_compare(&difference, &least) < 0)
		return YES;
	return explains(&difference, quantity, l, (size_t)s->currency->places) ? ROUNDED : NO;
}

/* With the sign of the quantity. */
static struct decimal signed_weight(const struct line *l)
{
	struct decimal out = l->weight;
	if (l->quantity.sign < 0)
		decimal_negate(&out);
	return out;
}

/* Quantity x count x size of the pack; false: too large or too fine. */
static bool content_of(struct decimal *out, const struct line *l)
{
	struct amount a;
	struct decimal pack;
	amount_product(&a, &l->pack.count, &l->pack.each);
	if (!amount_to_decimal(&pack, &a))
		return false;
	amount_product(&a, &l->quantity, &pack);
	return amount_to_decimal(out, &a);
}

/* ---- uom ---- */

static bool is_weight(const struct settling *s)
{
	return s->uom == MEASURE && s->unit->kind == UNIT_WEIGHT;
}

static enum uom meaning_of(const struct unit *unit)
{
	static const enum uom meanings[] = {
		[UNIT_WEIGHT] = MEASURE, [UNIT_VOLUME] = MEASURE,   [UNIT_PIECE] = ONE_OF,
		[UNIT_DOZEN] = DOZEN,	 [UNIT_PORTION] = ONE_OF,   [UNIT_VESSEL] = ONE_OF,
		[UNIT_CAN] = ONE_OF,	 [UNIT_CONTAINER] = ONE_OF, [UNIT_BOX] = BOX,
		[UNIT_CASE] = WHOLE,
	};
	return meanings[unit->kind];
}

/* Words that uom has and pack_size has not, or that mean something else there: ANSI X12 element 355
 * has CT for a carton and CA for a case. */
static const struct {
	const char *word;
	enum uom uom;
} uom_words[] = {
	{"ca", WHOLE},	{"cse", WHOLE},	  {"split", ONE_OF}, {"ct", COUNT},
	{"cnt", COUNT}, {"count", COUNT}, {"un", ONE_OF},    {"und", ONE_OF},
};

static void read_uom(struct settling *s)
{
	char word[UNIT_WORD_MOST];
	const char *at = s->line->uom.data, *end = at ? at + s->line->uom.size : at;
	s->uom = WHOLE;
	if (!at)
		return;
	size_t size = unit_take_word(&at, end, word);
	s->uom = UNKNOWN;
	if (s->line->uom.size == 1 && *s->line->uom.data == '#')
		s->unit = &unit_pound;
	else if (at == end)
		s->unit = unit_find(word, size);
	if (s->unit)
		s->uom = meaning_of(s->unit);
	for (size_t i = 0; i < sizeof uom_words / sizeof *uom_words; i++)
		if (at == end && size == strlen(uom_words[i].word) &&
		    memcmp(word, uom_words[i].word, size) == 0)
			s->uom = uom_words[i].uom;
}

static bool is_of_pieces(const struct pack *p) { return strcmp(p->base_unit, "each") == 0; }

static bool is_one_piece(const struct pack *p)
{
	return is_of_pieces(p) && is_one(&p->count) && is_one(&p->each) &&
	       strcmp(p->factor, "1") == 0;
}

/* A bottle is the innermost of a pack; a PK of 4/6/12 OZ may be the six. */
static bool is_innermost(const struct unit *unit)
{
	return unit &&
	       (unit->kind == UNIT_VESSEL || unit->kind == UNIT_CAN || unit->kind == UNIT_PORTION);
}

/* One of those that the pack has. Of pieces only if it has no other level. */
static bool take_one_of(struct pack *p, const struct unit *unit)
{
	bool is_clear = !is_of_pieces(p) || (is_one(&p->each) && strcmp(p->factor, "1") == 0);
	is_clear = is_clear && (p->counts < 2 || is_innermost(unit));
	if (is_clear)
		set_decimal(&p->count, "1");
	return is_clear;
}

static void take_unit(struct pack *p, const struct unit *unit)
{
	pack_of_one(p);
	p->factor = unit->factor;
	p->base_unit = unit->base_unit;
}

/* The pack is what was ordered. False: that is not clear. */
static bool take_ordered(struct settling *s)
{
	struct line *l = s->line;
	struct pack *p = &l->pack;
	bool one_level = is_one(&p->count) && (!is_of_pieces(p) || is_one_piece(p));
	switch (s->uom) {
	case WHOLE:
		return true;
	case ONE_OF:
		return take_one_of(p, s->unit);
	case DOZEN:
	case MEASURE:
		if (s->uom == DOZEN && !is_of_pieces(p))
			return false;
		take_unit(p, s->unit);
		l->warns[LINE_UNKNOWN_PACK] = false;
		return true;
	case BOX:
		return is_one(&p->count);
	default:
		l->warns[LINE_UNKNOWN_UOM] = s->uom == UNKNOWN;
		return one_level;
	}
}

static const char *dimension(const char *base_unit)
{
	return *base_unit == 'g' ? "weight" : *base_unit == 'm' ? "volume" : "count";
}

/* OZ of 4/1 GAL: one of the two is wrong. */
static bool is_contradiction(const struct settling *s)
{
	const struct pack *p = &s->line->pack;
	return s->uom == MEASURE && !is_one_piece(p) &&
	       strcmp(s->unit->base_unit, p->base_unit) != 0;
}

static int settle_uom(struct settling *s)
{
	const struct line *l = s->line;
	if (is_contradiction(s))
		return plugin_fail(
			s->fault, "bad_uom",
			"uom \"%.*s\" is a %s, and pack_size \"%.*s\" a %s: mend the one that is "
			"wrong "
			"(FL OZ is the volume, OZ the weight), or write only one of them",
			(int)l->uom.size, l->uom.data, dimension(s->unit->base_unit),
			(int)text_shown(l->pack_size.data, l->pack_size.size, 40),
			l->pack_size.data, dimension(l->pack.base_unit));
	if (take_ordered(s))
		return 0;
	return plugin_fail(
		s->fault, "bad_uom",
		"uom \"%.*s\" of pack_size \"%.*s\" may be the whole or a part of it: "
		"write CS for the whole, or as pack_size what one %.*s holds, without uom",
		(int)l->uom.size, l->uom.data,
		(int)text_shown(l->pack_size.data, l->pack_size.size, 40), l->pack_size.data,
		(int)l->uom.size, l->uom.data);
}

/* ---- weight ---- */

/* In which unit the weight is: as it is written, as the uom, or as the pack; in dollars, pounds. */
static const struct unit *weight_unit(struct settling *s)
{
	const struct line *l = s->line;
	const struct unit *kilogram = unit_find("kg", 2);
	if (is_weight(s))
		return !l->weight_unit || l->weight_unit->factor == s->unit->factor ? s->unit
										    : NULL;
	if (l->weight_unit)
		return l->weight_unit;
	/* Of an ounce nobody weighs ten in a case, nor of a gram: the larger unit is a guess. */
	if (strcmp(l->pack.base_unit, "g") == 0) {
		bool metric = strspn(l->pack.factor, "01.") == strlen(l->pack.factor);
		const struct unit *unit = metric ? kilogram : &unit_pound;
		bool guessed = strcmp(l->pack.factor, unit->factor) != 0;
		s->line->warns[LINE_POUNDS] = guessed && !metric;
		return guessed && metric ? NULL : unit;
	}
	if (strcmp(s->currency->code, "USD") != 0)
		return NULL;
	s->line->warns[LINE_POUNDS] = true;
	return &unit_pound;
}

static int settle_weight(struct settling *s)
{
	struct line *l = s->line;
	const struct unit *unit = weight_unit(s);
	if (!unit)
		return plugin_fail(s->fault, "bad_weight",
				   "weight %s has no unit that fits: write it as \"%s LB\" or "
				   "\"%s KG\", in the unit of the price",
				   l->weight.text, l->weight.text, l->weight.text);
	l->quantity = signed_weight(l);
	take_unit(&l->pack, unit);
	l->warns[LINE_UNKNOWN_PACK] = false;
	return 0;
}

/* ---- which of them ---- */

static int fail_total(const struct settling *s)
{
	const struct line *l = s->line;
	char product[AMOUNT_TEXT], weighed[AMOUNT_TEXT] = "", text[160] = "";
	struct amount a;
	amount_product(&a, &l->quantity, &l->unit_price);
	amount_text(&a, product);
	if (s->weighed) {
		amount_product(&a, &l->weight, &l->unit_price);
		amount_text(&a, weighed);
		snprintf(text, sizeof text, ", weight %s x %s is %s", l->weight.text,
			 l->unit_price.text, weighed);
	}
	return plugin_fail(
		s->fault, "bad_total",
		"quantity %s x unit_price %s is %s%s, and extended_price is %s: a discount "
		"is a line of its own",
		l->quantity.text, l->unit_price.text, product, text, l->extended.text);
}

static int fail_ambiguous(const struct settling *s, const char *mend)
{
	const struct line *l = s->line;
	return plugin_fail(
		s->fault, "ambiguous_weight",
		"quantity is %s, weight %s: whether unit_price %s is for an ordered unit "
		"or for a unit of weight is not clear: %s",
		l->quantity.text, l->weight.text, l->unit_price.text, mend);
}

static int choose_without_total(const struct settling *s, enum basis *out)
{
	const struct line *l = s->line;
	*out = BY_QUANTITY;
	if (!s->weighed || l->unit_price.sign == 0 || l->quantity.sign == 0)
		return 0;
	if (!is_weight(s))
		return fail_ambiguous(s, "give extended_price, or the uom of the price (LB), or no "
					 "weight");
	if (!is_equal(&l->quantity, &l->weight))
		*out = BY_WEIGHT;
	return 0;
}

/* Both make extended_price. */
static int choose_either(const struct settling *s, enum basis *out)
{
	const struct line *l = s->line;
	struct decimal content;
	*out = BY_QUANTITY;
	if (!is_equal(&l->quantity, &l->weight))
		return fail_ambiguous(s, "leave out the one that is not meant");
	if ((l->uom.data && s->uom != UNKNOWN) ||
	    (!is_of_pieces(&l->pack) && content_of(&content, l) && is_equal(&content, &l->weight)))
		return 0;
	if (is_whole(&l->weight))
		return fail_ambiguous(s, "give uom");
	*out = BY_WEIGHT;
	return 0;
}

static bool is_by_content(const struct settling *s, enum agreement least)
{
	struct decimal content;
	return is_weight(s) && !s->weighed && strcmp(s->line->pack.factor, s->unit->factor) == 0 &&
	       content_of(&content, s->line) && agrees(s, &content) >= least;
}

static int choose(struct settling *s, enum basis *out)
{
	struct line *l = s->line;
	if (!l->has_extended)
		return choose_without_total(s, out);
	struct decimal weight = signed_weight(l);
	bool can_weigh = s->weighed && l->quantity.sign != 0 && l->unit_price.sign != 0 &&
			 s->uom != DOZEN && (s->uom != MEASURE || is_weight(s));
	enum agreement by_quantity = agrees(s, &l->quantity);
	enum agreement by_weight = can_weigh ? agrees(s, &weight) : NO;
	/* So many pounds it is not: uom is the price's, and the product came about by chance. */
	if (can_weigh && is_weight(s) && !is_equal(&l->quantity, &l->weight))
		by_quantity = NO;
	if (by_quantity == YES && by_weight == YES)
		return choose_either(s, out);
	*out = by_weight > by_quantity ? BY_WEIGHT : BY_QUANTITY;
	if (by_quantity != YES && by_weight != YES && is_by_content(s, YES))
		*out = BY_CONTENT;
	else if (by_quantity == by_weight)
		return fail_total(s);
	else if (by_quantity != YES && by_weight != YES)
		l->warns[LINE_ROUNDED] = true;
	return 0;
}

int line_settle(struct line *line, const struct currency *currency, struct weir_error *fault)
{
	struct settling s = {.line = line, .currency = currency, .fault = fault};
	enum basis basis;
	struct decimal content;
	s.weighed = line->has_weight && line->weight.sign != 0;
	line->ordered = line->quantity;
	read_uom(&s);
	if (choose(&s, &basis) < 0)
		return -1;
	if (basis == BY_WEIGHT)
		return settle_weight(&s);
	if (basis == BY_CONTENT && content_of(&content, line))
		line->quantity = content;
	return settle_uom(&s);
}

int charge_settle(struct line *line, const struct currency *currency, struct weir_error *fault)
{
	if (!line->has_extended)
		return 0;
	const struct settling s = {.line = line, .currency = currency, .fault = fault};
	return agrees(&s, &line->quantity) == NO ? fail_total(&s) : 0;
}
