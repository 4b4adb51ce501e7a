#include "pack.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define COUNT_DIGITS 5
#define COUNT_MOST 99999
#define SIZE_DIGITS 7 /* before the point */
#define SIZE_FRACTION 6
#define TOKENS_MOST 12

/* ---- tokens ---- */

enum kind {
	END,
	NUMBER,
	SLASH,
	TIMES,
	DASH,
	HASH, /* before the shape of a can: #10 */
	UNIT,
	AVERAGE,
	PER,
	ONLY,
	OPEN,
	CLOSE
};

struct token {
	enum kind kind;
	struct decimal number;
	bool comma; /* the number's point is one */
	const struct unit *unit;
	size_t letters; /* of the unit's word */
};

struct tokens {
	struct token all[TOKENS_MOST + 1]; /* the last one is END */
	const struct token *at;
};

struct cursor {
	const char *at, *end;
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Of UTF-8 two blanks count: U+00A0 and U+202F, which stand between number and unit. */
static bool skip_blanks(struct cursor *c)
{
	static const char *const blanks[] = {" ", "\xC2\xA0", "\xE2\x80\xAF"};
	const char *from = c->at;
	for (size_t i = 0; i < sizeof blanks / sizeof *blanks;) {
		size_t n = strlen(blanks[i]);
		bool found = (size_t)(c->end - c->at) >= n && memcmp(c->at, blanks[i], n) == 0;
		c->at += found ? n : 0;
		i = found ? 0 : i + 1;
	}
	return c->at > from;
}

/* With a comma, digits behind it must not look like thousands: three, after a whole part that is
 * not 0. */
static bool is_decimal_comma(const char *text, size_t whole, size_t fraction)
{
	return fraction != 3 || (whole == 1 && text[0] == '0');
}

/* 12, 12.5, .5 or 12,5. */
static bool take_number(struct cursor *c, struct token *t)
{
	char text[32] = "0";
	const char *from = c->at;
	while (c->at < c->end && (is_digit(*c->at) || *c->at == '.' || *c->at == ','))
		c->at++;
	size_t n = (size_t)(c->at - from), lead = *from == '.';
	if (n + lead >= sizeof text)
		return false;
	memcpy(text + lead, from, n);
	char *comma = memchr(text, ',', n + lead);
	t->kind = NUMBER;
	t->comma = comma != NULL;
	if (comma) {
		size_t whole = (size_t)(comma - text);
		*comma = '.';
		if (!is_decimal_comma(text, whole, n - whole - 1))
			return false;
	}
	return text[n + lead - 1] != '.' && decimal_read(&t->number, text, n + lead) == NULL &&
	       t->number.sign > 0;
}

/* A # with digits behind it is the shape of a can (6#10, 6 # 10); but `5# 2`, and without digits,
 * it is pounds. */
static void take_hash(struct cursor *c, struct token *t, bool after_blank)
{
	c->at++;
	bool before_blank = skip_blanks(c);
	t->kind = UNIT;
	t->unit = &unit_pound;
	if (c->at < c->end && is_digit(*c->at) && (after_blank || !before_blank))
		t->kind = HASH;
}

static bool take_word(struct cursor *c, struct token *t)
{
	static const struct {
		const char *word;
		enum kind kind;
	} words[] = {{"av", AVERAGE},	   {"avg", AVERAGE}, {"ave", AVERAGE},
		     {"average", AVERAGE}, {"per", PER},     {"only", ONLY}};
	char word[UNIT_WORD_MOST];
	size_t size = unit_take_word(&c->at, c->end, word);
	t->letters = size;
	if (size == 1 && word[0] == 'x') {
		t->kind = TIMES;
		return true;
	}
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (size == strlen(words[i].word) && memcmp(word, words[i].word, size) == 0) {
			t->kind = words[i].kind;
			return true;
		}
	t->kind = UNIT;
	t->unit = unit_find(word, size);
	return t->unit != NULL;
}

/* `6x500` is written without blanks, `6xCASE` is no word: the x before a digit stands alone. */
static bool take_sign(struct cursor *c, struct token *t)
{
	static const struct {
		const char *text;
		enum kind kind;
	} signs[] = {{"\xC3\x97", TIMES}, {"*", TIMES}, {"/", SLASH},
		     {"-", DASH},	  {"(", OPEN},	{")", CLOSE}};
	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		size_t n = strlen(signs[i].text);
		if ((size_t)(c->end - c->at) >= n && memcmp(c->at, signs[i].text, n) == 0) {
			t->kind = signs[i].kind;
			c->at += n;
			return true;
		}
	}
	return false;
}

static bool read_tokens(struct tokens *out, struct cursor c)
{
	size_t n = 0;
	for (;;) {
		bool blank = skip_blanks(&c);
		struct token *t = &out->all[n];
		*t = (struct token){.kind = END};
		if (c.at == c.end)
			break;
		if (n++ == TOKENS_MOST)
			return false;
		if (*c.at == '#')
			take_hash(&c, t, blank);
		else if (is_digit(*c.at) || *c.at == '.') {
			if (!take_number(&c, t))
				return false;
		} else if (!take_sign(&c, t) && !take_word(&c, t))
			return false;
	}
	out->at = out->all;
	return true;
}

/* ---- their parts ---- */

static bool is_next(const struct tokens *t, enum kind kind) { return t->at->kind == kind; }

static bool accept(struct tokens *t, enum kind kind)
{
	bool found = t->at->kind == kind;
	t->at += found;
	return found;
}

static bool is_separator(const struct token *t)
{
	return t->kind == SLASH || t->kind == TIMES || t->kind == DASH;
}

static bool is_container(const struct token *t)
{
	return t->kind == UNIT && t->unit->kind >= UNIT_VESSEL;
}

static bool is_measure(const struct unit *u)
{
	return u->kind == UNIT_WEIGHT || u->kind == UNIT_VOLUME;
}

/* The factors of metric units are powers of ten. */
static bool is_metric(const struct unit *u)
{
	return is_measure(u) && strspn(u->factor, "01.") == strlen(u->factor);
}

/* ---- numbers ---- */

static size_t whole_digits(const struct decimal *d) { return strcspn(d->text, "."); }

static bool has_three_places(const struct decimal *d) { return d->size == whole_digits(d) + 4; }

/* Of pieces, 1.000 may be a thousand. */
static bool is_whole(const struct decimal *d)
{
	const char *point = strchr(d->text, '.');
	size_t zeros = point ? strspn(point + 1, "0") : 0;
	return !point || (point[1 + zeros] == '\0' && zeros != 3);
}

static bool is_count(const struct token *t)
{
	return is_whole(&t->number) && whole_digits(&t->number) <= COUNT_DIGITS;
}

/* Without what is behind the point. */
static unsigned long whole_of(const struct decimal *d) { return strtoul(d->text, NULL, 10); }

/* 1.000 g may be a kilogram: of the small units three places with something before them are no
 * size. A comma is a point only where people write it so. */
static bool is_size(const struct token *t, const struct unit *unit)
{
	size_t whole = whole_digits(&t->number);
	bool small = strcmp(unit->factor, "1") == 0 || strcmp(unit->factor, "0.001") == 0;
	if (whole > SIZE_DIGITS || t->number.size > whole + 1 + SIZE_FRACTION)
		return false;
	if (!is_measure(unit))
		return is_whole(&t->number) && !t->comma;
	if (t->comma && !is_metric(unit))
		return false;
	return !small || !has_three_places(&t->number) || t->number.text[0] == '0';
}

/* 1/2 GAL: half a gallon, or one pack of two? Of those that people use as fractions nobody knows.
 * Pieces come whole: 1/2 CT is two. */
static bool may_be_fraction(const struct decimal *count, const struct decimal *each,
			    const struct unit *unit)
{
	static const char *const fractions[][2] = {{"1", "2"}, {"1", "3"}, {"2", "3"},
						   {"1", "4"}, {"3", "4"}, {"1", "8"},
						   {"3", "8"}, {"5", "8"}, {"7", "8"}};
	for (size_t i = 0; i < sizeof fractions / sizeof *fractions; i++)
		if (strcmp(count->text, fractions[i][0]) == 0 &&
		    strcmp(each->text, fractions[i][1]) == 0)
			return unit->kind != UNIT_PIECE;
	return false;
}

/* 16/20 LB are shrimps, sixteen to twenty a pound; 10/14 LB turkeys of ten to fourteen; 80/20 LB
 * beef. What would weigh more than a hundred pounds, in packs whose number and size are near each
 * other or make 100, is taken for such a thing. */
static bool may_be_range(const struct decimal *count, const struct decimal *each,
			 const struct unit *unit)
{
	unsigned long n = whole_of(count), size = whole_of(each), most;
	if (strcmp(unit->factor, unit_pound.factor) == 0)
		most = 100;
	else if (unit->kind == UNIT_WEIGHT && strcmp(unit->factor, "1000") == 0)
		most = 45;
	else
		return false;
	return n > 1 && n * size > most && ((size > n && size < 2 * n) || n + size == 100);
}

/* Numbers with what stands behind each: 3/6/4 LB. */
struct levels {
	const struct token *number[3];
	enum kind separator[3]; /* END: none */
	int count;
};

/* 16/20 CT are shrimps, 9/11 LB turkeys, 14/16 OZ steaks: of whole numbers from seven on that are
 * near each other nobody knows, when nothing stands behind that says they are packs. Dozens are,
 * but of pounds: 12/14 OZ. */
static bool may_be_sizes(const struct token *count, const struct token *each,
			 const struct unit *unit)
{
	unsigned long n = whole_of(&count->number), size = whole_of(&each->number);
	bool pound = strcmp(unit->factor, unit_pound.factor) == 0;
	if (count[1].kind != SLASH || !is_whole(&each->number) || n < 7 ||
	    (unit->kind != UNIT_PIECE && unit->kind != UNIT_WEIGHT))
		return false;
	return size > n && 2 * size <= 3 * n && size - n <= 10 && (pound || (n != 12 && n != 24));
}

/* 4/1G, 5G PAIL: grams, or gallons? */
static bool may_be_gallons(const struct tokens *t, const struct levels *l)
{
	const struct token *unit = &t->at[-1];
	const struct decimal *size = &l->number[l->count - 1]->number;
	bool vessel = is_next(t, UNIT) && t->at->unit->kind == UNIT_VESSEL;
	if (unit->letters != 1 || strcmp(unit->unit->factor, "1") != 0 ||
	    unit->unit->kind != UNIT_WEIGHT)
		return false;
	return whole_of(size) <= (vessel ? 60 : 6) &&
	       (l->count == 1 || (l->count == 2 && whole_of(&l->number[0]->number) <= 12));
}

/* 6-5# is six of five, but 5-6# may be a range, and so may 1-2#. */
static bool may_be_dashed(const struct decimal *count, const struct decimal *each)
{
	unsigned long n = whole_of(count), size = whole_of(each);
	return n > size || (n == size && is_whole(each)) || (n == 1 && size >= 10);
}

/* ---- packs ---- */

static void set(struct pack *out, const struct unit *unit)
{
	out->factor = unit->factor;
	out->base_unit = unit->base_unit;
}

void pack_of_one(struct pack *out)
{
	static const struct decimal one = {.text = "1", .size = 1, .sign = 1};
	out->count = out->each = one;
	out->counts = 0;
	set(out, &unit_one);
}

/* Nothing more, or a container, that may be written as what is held per container: 25 KG/BAG. */
static bool ends_well(struct tokens *t)
{
	if ((is_next(t, SLASH) || is_next(t, DASH)) && !is_container(&t->at[1]))
		return false;
	t->at += is_separator(t->at);
	t->at += is_container(t->at);
	return is_next(t, END);
}

/* The shapes that cans have. Source: USDA FNS, Food Buying Guide for Child Nutrition Programs
 * (2022), appendix: common can and jar sizes. */
static bool is_shape(const struct decimal *d, bool counted)
{
	static const char *const shapes[] = {"10", "2.5", "300", "303", "1",   "2",
					     "3",  "5",	  "12",	 "211", "401", "404"};
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		if (strcmp(d->text, shapes[i]) == 0)
			return counted || i < 4;
	return false;
}

/* #10 CAN. Of a single one without that word it must be a shape that is nothing else: #5 may be
 * pounds. */
static bool read_can(struct tokens *t, bool counted)
{
	const struct token *shape = &t->at[1];
	if (shape->kind != NUMBER)
		return false;
	t->at += 2;
	bool can = is_next(t, UNIT) && t->at->unit->kind == UNIT_CAN;
	return is_shape(&shape->number, counted || can) && ends_well(t);
}

/* 144/Cnt, 6/RL, 1/GAL. 4/CASE: four cases, or four in a case? 16/LB: sixteen of a pound, or
 * sixteen to the pound? */
static bool read_per_unit(struct pack *out, struct tokens *t, const struct token *count)
{
	const struct unit *unit = t->at++->unit;
	bool one = strcmp(count->number.text, "1") == 0;
	if (!is_count(count) || !(one || unit->kind == UNIT_PIECE || unit->kind == UNIT_PORTION ||
				  unit->kind == UNIT_VESSEL))
		return false;
	out->count = count->number;
	set(out, unit);
	return ends_well(t);
}

/* 500 ML X 6, 500 ML X 6 BTL. */
static bool read_times(struct pack *out, struct tokens *t)
{
	const struct token *count = &t->at[1];
	if (count->kind != NUMBER || !is_count(count))
		return false;
	t->at += 2;
	out->count = count->number;
	return ends_well(t);
}

/* What is counted, behind a number that is a count: 4 BAGS X 5 LB, 24 PCS/50 G. */
static void skip_counted(struct tokens *t)
{
	const struct token *at = t->at;
	if ((is_container(at) || (at->kind == UNIT && at->unit->kind == UNIT_PIECE)) &&
	    is_separator(&at[1]) && at[2].kind == NUMBER)
		t->at++;
}

static bool read_levels(struct levels *l, struct tokens *t)
{
	*l = (struct levels){.count = 0};
	while (is_next(t, NUMBER)) {
		if (l->count == 3)
			return false;
		l->number[l->count] = t->at++;
		skip_counted(t);
		l->separator[l->count++] = is_separator(t->at) ? t->at++->kind : END;
		if (l->separator[l->count - 1] == END)
			break;
	}
	return true;
}

static bool multiply(struct decimal *out, const struct decimal *a, const struct decimal *b)
{
	char text[32];
	unsigned long n = whole_of(a) * whole_of(b); /* of five digits each */
	int size = snprintf(text, sizeof text, "%lu", n);
	return n <= COUNT_MOST && decimal_read(out, text, (size_t)size) == NULL;
}

/* The last number is the size, those before it are counts. */
static bool set_counts(struct pack *out, const struct levels *l, const struct unit *unit)
{
	const struct token *size = l->number[l->count - 1];
	if (!is_size(size, unit))
		return false;
	out->each = size->number;
	out->counts = l->count - 1;
	for (int i = 0; i + 1 < l->count; i++) {
		if (!is_count(l->number[i]) || l->number[i]->comma)
			return false;
		if (i == 0)
			out->count = l->number[0]->number;
		else if (!multiply(&out->count, &l->number[0]->number, &l->number[1]->number))
			return false;
	}
	return true;
}

/* What may also be something else than a number of packs of a size. */
static bool is_doubtful(const struct levels *l, const struct unit *unit)
{
	if (l->count < 2)
		return false;
	const struct token *n = l->number[l->count - 2], *size = l->number[l->count - 1];
	enum kind separator = l->separator[l->count - 2];
	if (separator == DASH)
		return l->count > 2 || !may_be_dashed(&n->number, &size->number);
	if (l->separator[0] == DASH)
		return true;
	if (separator == TIMES) /* 9x13x2 EA are inches */
		return l->count > 2 && !is_measure(unit);
	if (may_be_fraction(&n->number, &size->number, l->count > 2 ? &unit_pound : unit))
		return true;
	return unit->kind == UNIT_CAN || may_be_range(&n->number, &size->number, unit);
}

static bool read_size(struct pack *out, struct tokens *t, const struct levels *l)
{
	const struct unit *unit = t->at->unit;
	t->at += is_next(t, UNIT);
	if (!unit || is_doubtful(l, unit) || may_be_gallons(t, l) || !set_counts(out, l, unit))
		return false;
	if (l->count > 1 && (is_next(t, END) || is_next(t, AVERAGE)) &&
	    may_be_sizes(l->number[l->count - 2], l->number[l->count - 1], unit))
		return false;
	set(out, unit);
	if (unit == &unit_pound && is_next(t, UNIT) && t->at->unit->kind == UNIT_CAN &&
	    l->count > 1)
		return false; /* 6/10# CAN: six of ten pounds, or of the shape #10? */
	if (is_next(t, AVERAGE))
		return unit->kind == UNIT_WEIGHT && (t->at++, ends_well(t));
	if (is_next(t, TIMES) && l->count == 1)
		return read_times(out, t);
	return ends_well(t);
}

static bool read_numbers(struct pack *out, struct tokens *t)
{
	struct levels l;
	if (!read_levels(&l, t))
		return false;
	enum kind last = l.separator[l.count - 1];
	if (is_next(t, HASH)) {
		out->count = l.number[0]->number;
		return l.count == 1 && is_count(l.number[0]) && read_can(t, true);
	}
	if (!is_next(t, UNIT))
		return false;
	if (last == SLASH && l.count == 1)
		return read_per_unit(out, t, l.number[0]);
	/* 1/15/LB; but 21/25/LB are shrimps. */
	if (last == SLASH && strcmp(l.number[0]->number.text, "1") != 0)
		return false;
	return (last == END || last == SLASH) && read_size(out, t, &l);
}

/* A single letter is more likely a size of gloves: L. */
static bool read_unit_alone(struct pack *out, struct tokens *t)
{
	const struct token *unit = t->at;
	if (!accept(t, UNIT) || unit->letters < 2)
		return false;
	set(out, unit->unit);
	return is_next(t, END);
}

/* CASE (4 X 1 GAL), 1 CASE (4 X 1 GAL): what is in the parentheses. */
static void open_case(struct tokens *t)
{
	const struct token *at = t->at;
	if (at->kind == NUMBER && strcmp(at->number.text, "1") == 0)
		at++;
	if (!is_container(at) || at[1].kind != OPEN)
		return;
	for (struct token *end = t->all; end->kind != END; end++)
		if (end->kind == CLOSE && end[1].kind == END) {
			end->kind = END;
			t->at = at + 2;
			return;
		}
}

static bool read_pack(struct pack *out, struct tokens *t)
{
	if (accept(t, PER))
		return read_unit_alone(out, t);
	if (accept(t, ONLY) && !is_next(t, NUMBER))
		return false;
	open_case(t);
	if (is_next(t, HASH))
		return read_can(t, false);
	if (is_next(t, NUMBER))
		return read_numbers(out, t);
	return read_unit_alone(out, t);
}

bool pack_read(struct pack *out, const char *text, size_t n)
{
	struct tokens tokens;
	pack_of_one(out);
	bool known =
		read_tokens(&tokens, (struct cursor){text, text + n}) && read_pack(out, &tokens);
	if (!known)
		pack_of_one(out);
	return known;
}
