#include "unit.h"

#include <stdbool.h>
#include <string.h>

/* The factors are exact. Source: NIST Handbook 44 (2024), appendix C: the avoirdupois pound is
 * 453.592 37 g, the US gallon 231 cubic inches, the inch 2.54 cm. OZ is the weight; the volume is
 * FL OZ. Words that mean two things are left out: GR (grams, grains, gross), BU, BBL, SZ, ST, T. */
#define POUND "453.59237"

const struct unit unit_pound = {"", POUND, "g", UNIT_WEIGHT};
const struct unit unit_one = {"", "1", "each", UNIT_PIECE};

static const struct unit units[] = {
	{"lb,lbs,pound,pounds,", POUND, "g", UNIT_WEIGHT},
	{"oz,ozs,ounce,ounces,", "28.349523125", "g", UNIT_WEIGHT},
	{"kg,kgs,kgm,kilo,kilos,kilogram,kilograms,kilogramm,", "1000", "g", UNIT_WEIGHT},
	{"g,gm,gms,grm,grms,gram,grams,gramm,", "1", "g", UNIT_WEIGHT},
	{"mg,milligram,milligrams,", "0.001", "g", UNIT_WEIGHT},
	{"gal,gals,ga,gallon,gallons,", "3785.411784", "ml", UNIT_VOLUME},
	{"qt,qts,quart,quarts,", "946.352946", "ml", UNIT_VOLUME},
	{"pt,pts,pint,pints,", "473.176473", "ml", UNIT_VOLUME},
	{"cup,cups,", "236.5882365", "ml", UNIT_VOLUME},
	{"fl oz,fl ozs,floz,foz,fz,fluid ounce,fluid ounces,", "29.5735295625", "ml", UNIT_VOLUME},
	{"tbsp,tablespoon,tablespoons,", "14.78676478125", "ml", UNIT_VOLUME},
	{"tsp,teaspoon,teaspoons,", "4.92892159375", "ml", UNIT_VOLUME},
	{"l,lt,ltr,ltrs,liter,liters,litre,litres,litro,litros,litri,", "1000", "ml", UNIT_VOLUME},
	{"dl,deciliter,deciliters,decilitre,decilitres,", "100", "ml", UNIT_VOLUME},
	{"cl,centiliter,centiliters,centilitre,centilitres,", "10", "ml", UNIT_VOLUME},
	{"ml,mls,milliliter,milliliters,millilitre,millilitres,", "1", "ml", UNIT_VOLUME},
	{"dz,doz,dozen,dozens,dtzd,dutzend,docena,docenas,douzaine,", "12", "each", UNIT_DOZEN},
	{"gross,", "144", "each", UNIT_DOZEN},
	{"ct,cnt,count,ea,each,pc,pcs,pce,pces,piece,pieces,unit,units,nos,", "1", "each",
	 UNIT_PIECE},
	{"stk,st\xC3\xBC"
	 "ck,stuk,stuks,pi\xC3\xA8"
	 "ce,pi\xC3\xA8"
	 "ces,pza,pzas,pieza,piezas,pz,pezzi,unidad,unidades,uds,",
	 "1", "each", UNIT_PIECE},
	{"head,heads,hd,hds,loaf,loaves,bar,bars,sheet,sheets,", "1", "each", UNIT_PORTION},
	{"jar,jars,bottle,bottles,btl,btls,jug,jugs,roll,rolls,rl,rls,", "1", "each", UNIT_VESSEL},
	{"tub,tubs,pail,pails,drum,drums,bucket,buckets,tube,tubes,bunch,bunches,", "1", "each",
	 UNIT_VESSEL},
	{"keg,kegs,bib,flasche,flaschen,botella,botellas,bouteille,bouteilles,eimer,glas,", "1",
	 "each", UNIT_VESSEL},
	{"can,cans,cn,cns,tin,tins,dose,dosen,lata,latas,", "1", "each", UNIT_CAN},
	{"bag,bags,bg,bgs,sack,sacks,pouch,pouches,sachet,sachets,beutel,bolsa,bolsas,", "1",
	 "each", UNIT_CONTAINER},
	{"pack,packs,pk,pks,package,packages,pkg,pkgs,packet,packets,pkt,pkts,packung,", "1",
	 "each", UNIT_CONTAINER},
	{"tray,trays,sleeve,sleeves,bundle,bundles,paquete,paquetes,", "1", "each", UNIT_CONTAINER},
	{"box,boxes,bx,crate,crates,doos,kiste,kisten,", "1", "each", UNIT_BOX},
	{"case,cases,cs,carton,cartons,ctn,ctns,karton,kartons,", "1", "each", UNIT_CASE},
	{"caja,cajas,caisse,caisses,caixa,cartone,", "1", "each", UNIT_CASE},
};

#define UNITS (sizeof units / sizeof *units)

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

const struct unit *unit_find(const char *word, size_t size)
{
	char named[UNIT_WORD_MOST + 1];
	if (size == 0 || size > UNIT_WORD_MOST || memchr(word, ',', size))
		return NULL;
	memcpy(named, word, size);
	named[size++] = ',';
	for (size_t i = 0; i < UNITS; i++)
		if (has_name(units[i].names, named, size))
			return &units[i];
	return NULL;
}

/* How many bytes the letter at `at` has: 0, none; 2, of Latin-1 (neither the times nor the division
 * sign). */
static size_t letter_at(const char *at, const char *end)
{
	unsigned char c = at < end ? (unsigned char)*at : 0;
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
		return 1;
	if (c != 0xC3 || end - at < 2)
		return 0;
	unsigned char second = (unsigned char)at[1];
	return second >= 0x80 && second <= 0xBF && second != 0x97 && second != 0xB7 ? 2 : 0;
}

/* Adds letters to the word. Its new size, or 0: it is too long. */
static size_t add_letters(const char **at, const char *end, char word[UNIT_WORD_MOST], size_t size)
{
	for (size_t n; (n = letter_at(*at, end)) > 0; *at += n, size += n) {
		if (size + n > UNIT_WORD_MOST - 1)
			return 0;
		memcpy(word + size, *at, n);
		if (n == 1)
			word[size] = (char)(word[size] | 0x20);
		else if ((unsigned char)word[size + 1] < 0x9F)
			word[size + 1] = (char)(word[size + 1] | 0x20);
	}
	if (*at < end && **at == '.')
		++*at;
	return size;
}

size_t unit_take_word(const char **at, const char *end, char word[UNIT_WORD_MOST])
{
	size_t size = add_letters(at, end, word, 0);
	if ((size == 2 && memcmp(word, "fl", 2) == 0) ||
	    (size == 5 && memcmp(word, "fluid", 5) == 0)) {
		while (*at < end && **at == ' ')
			++*at;
		word[size++] = ' ';
		size = add_letters(at, end, word, size);
	}
	return size;
}
