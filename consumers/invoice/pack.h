/* pack.h: what an ordered unit holds, as suppliers write it. Nothing is guessed: what the grammar
 * does not know, or knows two ways, is unknown.
 *
 *     pack      = [ "ONLY" ] content | [ "1" ] container "(" content ")" | [ "PER" ] unit
 *     content   = [ count sep [ count sep ] ] size unit [ average ] [ holder ]
 *               | size unit "x" count [ holder ]           the same, the other way round
 *               | [ count [ sep ] ] can                    that many cans
 *               | count "/" unit                           of pieces and what holds one thing: 6/RL
 *     count     = a whole number from 1 to 99999, as their product is; [ container | piece ]
 *                 behind it
 *     sep       = "/" | "x" | "×" | "*" | "-"
 *     size      = a number above 0, at most 7 digits before the point and 6 behind
 *     can       = "#" shape [ holder ]          #10 is a shape of can, not a volume
 *     unit      = a word of the table in unit.c a weight, a volume, or pieces
 *               | "#" behind a number           pounds
 *     average   = "AVG" | "AV" | "AVE" | "AVERAGE"   behind a weight
 *     holder    = [ "/" | "-" ] container       a word that packs others; adds nothing
 *
 * Letter case, blanks between the parts and a point behind a word do not matter. Pieces and counts
 * come whole. A comma is a point before metric units, unless it may divide thousands.
 *
 *     4/1 GAL       4 x 1 x 3785.411784 ml       24/12 OZ       24 x 12 x 28.349523125 g
 *     6x500ml       6 x 500 ml                   6/5 LB BAG     6 x 5 x 453.59237 g
 *     10 LB         1 x 10 x 453.59237 g         12 FL. OZ.     1 x 12 x 29.5735295625 ml
 *     2 DZ          1 x 2 x 12 each              12 CT          1 x 12 each
 *     1 CASE, EA    1 each                       LB, PER LB     453.59237 g
 *     6 #10 CAN     6 each                       6/#10          6 each
 *     1/10 LB       1 x 10 x 453.59237 g         6/.5 GAL       6 x 0.5 x 3785.411784 ml
 *     50#           1 x 50 x 453.59237 g         6/10#, 6-10#   6 x 10 pounds, and unknown
 *     3/6/4 LB      18 x 4 x 453.59237 g         4/10#AVG       4 x 10 x 453.59237 g
 *     6 x 1,5 l     6 x 1.5 x 1000 ml            500 ML X 24    24 x 500 ml
 *     1/8 CT        1 x 8 each                   1 CASE (4 X 1 GAL)  4 x 1 x 3785.411784 ml
 *     144/CNT       144 each                     25 KG/BAG      1 x 25 x 1000 g
 *
 * Unknown, for example: "1/2 GAL" (half a gallon, or one pack of two? also thirds, quarters and
 * eighths; half a gallon is 0.5 GAL), "6/10 CAN", "6/10# CAN" (or six of the shape #10?), "12.000
 * CT", "1.000 G", "1,000 CT" (or a thousand?), "1,5 LB" (a list?), "L" (litre, or large?), "#5" (a
 * can, or pounds?), "12-16 OZ", "5-6#", "2/8-10 LB" (ranges: with a dash, the first number must be
 * the larger one, or be 1 before at least 10), "16/20 LB", "80/20 LB" (shrimps; beef),
 * "16/20 CT", "9/11 LB", "14/16 OZ" (sizes, or packs? whole numbers from seven on, the second
 * larger by at most a half and by at most 10, with nothing behind; but 12 and 24 of what is no
 * pound are packs), "4/1 G", "5G PAIL" (grams, or gallons?), "4/CASE"
 * (four cases, or in one?), "16/LB", "1 1/2 LB", "6/1/2 GAL", "4/6", "12", "1/500", "0/5 LB", "2.5
 * CT", "10 LB UP", "10 GR" (grams, grains, gross), "48 SZ", "1 BU", "1/6 BBL", "ASST", "9x13x2 EA"
 * (inches?). */
#ifndef INVOICE_PACK_H
#define INVOICE_PACK_H

#include <stdbool.h>
#include <stddef.h>

#include "decimal.h"

/* An ordered unit holds count x each x factor of the base unit: "g", "ml" or "each". */
struct pack {
	struct decimal count, each;
	int counts;	    /* how many numbers make up count: 2 of 4/6/12 OZ */
	const char *factor; /* decimal text; both live as long as the program */
	const char *base_unit;
};

/* False when the text is unknown: *out is then one piece. */
bool pack_read(struct pack *out, const char *text, size_t n);

/* One piece: what an ordered unit without a pack size is. */
void pack_of_one(struct pack *out);

#endif
