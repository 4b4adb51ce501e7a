/* pack.h: what an ordered unit holds, as suppliers write it. Nothing is guessed: what the grammar
 * does not know, or knows two ways, is unknown.
 *
 *     pack      = [ count sep ] size unit [ container ]    of count packs, each of that size
 *               | [ count [ sep ] ] can                    that many cans
 *               | unit                                     one of it; not of one letter
 *     count     = a whole number from 1 to 99999
 *     sep       = "/" | "x" | "×"
 *     size      = a number above 0, at most 7 digits before the point and 6 behind
 *     can       = "#" number [ container ]                 #10 is a shape of can, not a volume
 *     unit      = one of the table in pack.c               a weight, a volume, or pieces
 *     container = a unit that packs others: bag, box, can, case, jar, ...; it adds nothing
 *
 * Letter case, blanks between the parts and a point behind a word do not matter. Pieces and counts
 * come whole.
 *
 *     4/1 GAL       4 x 1 x 3785.411784 ml       24/12 OZ       24 x 12 x 28.349523125 g
 *     6x500ml       6 x 500 ml                   6/5 LB BAG     6 x 5 x 453.59237 g
 *     10 LB         1 x 10 x 453.59237 g         12 FL. OZ.     1 x 12 x 29.5735295625 ml
 *     2 DZ          1 x 2 x 12 each              12 CT          1 x 12 each
 *     1 CASE, EA    1 each                       LB             453.59237 g
 *     6 #10 CAN     6 each                       6/#10          6 each
 *     1/10 LB       1 x 10 x 453.59237 g         1x2 GAL        1 x 2 x 3785.411784 ml
 *
 * Unknown, for example: "1/2 GAL" (half a gallon, or one pack of two? also thirds, quarters and
 * eighths; half a gallon is 0.5 GAL), "6/10 CAN" (sixty, or six of the shape #10?), "12.000 CT" (or
 * twelve thousand?), "L" (litre, or large?), "12-16 OZ" (a range?), "1 1/2 LB", "1,000 CT", "4/6",
 * "12", "0/5 LB", "2.5 CT", "10#", "5# 2 BAG" (pounds), "10 GR" (grams, grains, gross), "ASST",
 * "4/6/12 OZ", "1 BUSHEL". */
#ifndef INVOICE_PACK_H
#define INVOICE_PACK_H

#include <stdbool.h>
#include <stddef.h>

#include "decimal.h"

/* An ordered unit holds count x each x factor of the base unit: "g", "ml" or "each". */
struct pack {
	struct decimal count, each;
	const char *factor; /* decimal text; both live as long as the program */
	const char *base_unit;
};

/* False when the text is unknown: *out is then one piece. */
bool pack_read(struct pack *out, const char *text, size_t n);

/* One piece: what an ordered unit without a pack size is. */
void pack_of_one(struct pack *out);

#endif
