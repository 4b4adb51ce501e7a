#include "pack.h"

#include <string.h>

#define WORD_MOST 24
#define COUNT_DIGITS 5
#define SIZE_DIGITS 7 /* before the point */
#define SIZE_FRACTION 6

/* The factors are exact. Source: NIST Handbook 44 (2024), appendix C: the avoirdupois pound is
 * 453.592 37 g, the US gallon 231 cubic inches, the inch 2.54 cm. OZ is the weight; the volume is
 * FL OZ. */
static const struct unit {
	const char *names; /* in small letters, each with a comma behind it */
	const char *factor, *base_unit;
	enum { CONTENT, CONTAINER, CAN } what; /* a can is a container that has shapes: #10 */
} units[] = {
	{"lb,lbs,pound,pounds,", "453.59237", "g", CONTENT},
	{"oz,ozs,ounce,ounces,", "28.349523125", "g", CONTENT},
	{"kg,kgs,kilo,kilos,kilogram,kilograms,", "1000", "g", CONTENT},
	{"g,gm,gms,gram,grams,", "1", "g", CONTENT},
	{"mg,milligram,milligrams,", "0.001", "g", CONTENT},
	{"gal,gals,gallon,gallons,", "3785.411784", "ml", CONTENT},
	{"qt,qts,quart,quarts,", "946.352946", "ml", CONTENT},
	{"pt,pts,pint,pints,", "473.176473", "ml", CONTENT},
	{"cup,cups,", "236.5882365", "ml", CONTENT},
	{"fl oz,fl ozs,floz,fluid ounce,fluid ounces,", "29.5735295625", "ml", CONTENT},
	{"tbsp,tablespoon,tablespoons,", "14.78676478125", "ml", CONTENT},
	{"tsp,teaspoon,teaspoons,", "4.92892159375", "ml", CONTENT},
	{"l,lt,ltr,ltrs,liter,liters,litre,litres,", "1000", "ml", CONTENT},
	{"dl,deciliter,deciliters,decilitre,decilitres,", "100", "ml", CONTENT},
	{"cl,centiliter,centiliters,centilitre,centilitres,", "10", "ml", CONTENT},
	{"ml,milliliter,milliliters,millilitre,millilitres,", "1", "ml", CONTENT},
	{"dz,doz,dozen,dozens,", "12", "each", CONTENT},
	{"gross,", "144", "each", CONTENT},
	{"ct,cnt,count,ea,each,pc,pcs,piece,pieces,unit,units,", "1", "each", CONTENT},
	{"case,cases,cs,box,boxes,bx,carton,cartons,ctn,ctns,crate,crates,", "1", "each",
	 CONTAINER},
	{"bag,bags,bg,sack,sacks,pouch,pouches,sachet,sachets,", "1", "each", CONTAINER},
	{"can,cans,tin,tins,", "1", "each", CAN},
	{"jar,jars,bottle,bottles,btl,btls,jug,jugs,", "1", "each", CONTAINER},
	{"pack,packs,pk,pks,package,packages,pkg,pkgs,packet,packets,", "1", "each", CONTAINER},
	{"tub,tubs,tray,trays,pail,pails,drum,drums,keg,kegs,bucket,buckets,", "1", "each",
	 CONTAINER},
	{"roll,rolls,sleeve,sleeves,tube,tubes,bundle,bundles,bunch,bunches,", "1", "each",
	 CONTAINER},
	{"head,heads,loaf,loaves,bar,bars,sheet,sheets,", "1", "each", CONTENT},
};

#define UNITS (sizeof units / sizeof *units)

struct cursor {
	const char *at, *end;
};

/* ---- the parts ---- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

static void skip_blanks(struct cursor *c)
{
	while (c->at < c->end && *c->at == ' ')
		c->at++;
}

static bool is_next(struct cursor *c, char wanted)
{
	skip_blanks(c);
	return c->at < c->end && *c->at == wanted;
}

static bool is_at_end(struct cursor *c)
{
	skip_blanks(c);
	return c->at == c->end;
}

static bool take_number(struct cursor *c, struct decimal *out)
{
	skip_blanks(c);
	const char *from = c->at;
	while (c->at < c->end && (is_digit(*c->at) || *c->at == '.'))
		c->at++;
	return decimal_read(out, from, (size_t)(c->at - from)) == NULL && out->sign > 0;
}

static size_t whole_digits(const struct decimal *d) { return strcspn(d->text, "."); }

/* Of pieces, 1.000 may be a thousand. */
static bool is_whole(const struct decimal *d)
{
	const char *point = strchr(d->text, '.');
	size_t zeros = point ? strspn(point + 1, "0") : 0;
	return !point || (point[1 + zeros] == '\0' && zeros != 3);
}

static bool is_size(const struct decimal *d)
{
	size_t whole = whole_digits(d);
	return whole <= SIZE_DIGITS && d->size <= whole + 1 + SIZE_FRACTION;
}

static bool is_count(const struct decimal *d)
{
	return is_whole(d) && whole_digits(d) <= COUNT_DIGITS;
}

/* The separator: '/', 'x', or 0 where there is none. */
static char take_separator(struct cursor *c)
{
	char kind = 0;
	if (is_at_end(c))
		return 0;
	if (c->end - c->at > 1 && memcmp(c->at, "\xC3\x97", 2) == 0) { /* U+00D7 */
		c->at += 2;
		return 'x';
	}
	if (*c->at == '/')
		kind = '/';
	else if ((*c->at | 0x20) == 'x')
		kind = 'x';
	c->at += kind != 0;
	return kind;
}

/* 1/2 GAL: half a gallon, or one pack of two? Of those that people use as fractions nobody knows.
 */
static bool may_be_fraction(const struct decimal *count, const struct decimal *each)
{
	static const char *const fractions[][2] = {{"1", "2"}, {"1", "3"}, {"2", "3"},
						   {"1", "4"}, {"3", "4"}, {"1", "8"},
						   {"3", "8"}, {"5", "8"}, {"7", "8"}};
	for (size_t i = 0; i < sizeof fractions / sizeof *fractions; i++)
		if (strcmp(count->text, fractions[i][0]) == 0 &&
		    strcmp(each->text, fractions[i][1]) == 0)
			return true;
	return false;
}

/* ---- units ---- */

/* Adds the next word in small letters, and passes the point behind it. */
static bool take_word(struct cursor *c, char word[WORD_MOST], size_t *size)
{
	size_t from = *size;
	skip_blanks(c);
	while (c->at < c->end && is_letter(*c->at)) {
		if (*size + 2 >= WORD_MOST)
			return false;
		word[(*size)++] = (char)(*c->at++ | 0x20);
	}
	if (*size > from && c->at < c->end && *c->at == '.')
		c->at++;
	return *size > from;
}

/* The word has a comma behind it, as the names have. */
static bool has_name(const char *names, const char *word, size_t size)
{
	while (*names) {
		if (*names == *word && strncmp(names, word, size) == 0)
			return true;
		names = strchr(names, ',') + 1;
	}
	return false;
}

static const struct unit *find_unit(const char *word, size_t size)
{
	for (size_t i = 0; i < UNITS; i++)
		if (has_name(units[i].names, word, size))
			return &units[i];
	return NULL;
}

static const struct unit *take_unit(struct cursor *c)
{
	char word[WORD_MOST];
	size_t size = 0;
	if (!take_word(c, word, &size))
		return NULL;
	if ((size == 2 && memcmp(word, "fl", 2) == 0) ||
	    (size == 5 && memcmp(word, "fluid", 5) == 0)) {
		word[size++] = ' ';
		if (!take_word(c, word, &size))
			return NULL;
	}
	word[size++] = ',';
	return find_unit(word, size);
}

/* Nothing more, or a container. */
static bool ends_well(struct cursor *c)
{
	if (is_at_end(c))
		return true;
	const struct unit *u = take_unit(c);
	return u && u->what != CONTENT && is_at_end(c);
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
	out->factor = "1";
	out->base_unit = "each";
}

static bool read_can(struct cursor *c)
{
	struct decimal shape;
	c->at++; /* the # */
	return take_number(c, &shape) && whole_digits(&shape) <= 3 && ends_well(c);
}

/* separator: what stands between the size and a count. 6/10 CAN: sixty, or six of the shape #10? */
static bool read_size(struct pack *out, struct cursor *c, char separator)
{
	const struct unit *unit = take_unit(c);
	if (!unit || !is_size(&out->each) || (separator == '/' && unit->what == CAN))
		return false;
	set(out, unit);
	return (strcmp(unit->base_unit, "each") != 0 || is_whole(&out->each)) && ends_well(c);
}

/* 5# 2 BAG: the sign hangs on the number before it. */
static bool is_pounds(const struct cursor *c)
{
	return c->end - c->at > 1 && c->at[0] == '#' && c->at[1] == ' ';
}

static bool read_numbers(struct pack *out, struct cursor *c)
{
	struct decimal first;
	if (!take_number(c, &first) || is_pounds(c))
		return false;
	char separator = take_separator(c);
	if (separator || is_next(c, '#')) {
		if (!is_count(&first))
			return false;
		out->count = first;
		if (is_next(c, '#'))
			return read_can(c);
		return take_number(c, &out->each) &&
		       !(separator == '/' && may_be_fraction(&first, &out->each)) &&
		       read_size(out, c, separator);
	}
	out->each = first;
	return read_size(out, c, 0);
}

/* A single letter is more likely a size of gloves: L. */
static bool read_unit_alone(struct pack *out, struct cursor *c)
{
	const char *from = c->at;
	const struct unit *unit = take_unit(c);
	if (unit)
		set(out, unit);
	return unit && is_at_end(c) && c->at - from > 1 && is_letter(from[1]);
}

static bool read_pack(struct pack *out, struct cursor *c)
{
	if (is_next(c, '#'))
		return read_can(c);
	if (c->at < c->end && is_digit(*c->at))
		return read_numbers(out, c);
	return read_unit_alone(out, c);
}

bool pack_read(struct pack *out, const char *text, size_t n)
{
	struct cursor c = {text, text + n};
	pack_of_one(out);
	bool known = read_pack(out, &c);
	if (!known)
		pack_of_one(out);
	return known;
}
