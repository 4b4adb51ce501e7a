/* settle.h: how many of what a line is about, and of what its price is: by quantity, pack_size,
 * uom, weight and extended_price together. Nothing is guessed. Nothing blocks.
 *
 * What was ordered, by the uom, where pack_size is `6/5 LB`:
 *
 *     none, CS, CASE, CTN, CARTON      what pack_size says: 6 x 5 lb
 *     EA, EACH, PC, BTL, CAN, BAG, PK  one of the 6: 5 lb. Of a pack of pieces (12 CT, 4/12 CT) it
 *                                      may be one of several things: a bad line
 *     DZ, GROSS                        12 or 144 pieces, whatever pieces the pack has
 *     LB, #, OZ, KG, G, GAL, L, ...    that unit
 *     BX, CT, or a word not known      what pack_size says, if that is of one level; else it may
 *                                      also be one of the 6: a bad line
 *
 * Of what the price is:
 *
 *     extended_price is quantity x unit_price
 *             of the ordered unit
 *     extended_price is weight x unit_price
 *             of a pound (kilogram) of the weight, and the weight is what came, whatever pack_size
 *             says
 *     extended_price is quantity x pack_size x unit_price, and uom is the pack's weight unit
 *             of that unit: 2 cases of 40 LB at 1.99
 *     no extended_price, a weight, and uom is a unit of weight
 *             of that unit of the weight
 *     no extended_price, and no weight
 *             of the ordered unit
 *     anything else
 *             a bad line, with its figures
 *
 * Vendors round to the smallest coin, up, down or to the nearest: so products may differ by less
 * than one of it from extended_price (0.01 of most currencies; 1, 0.001 or 0.0001 of others:
 * currency.h). Many print a price with two places that has more: a difference of at most half of
 * the price's last place for each unit, and of at most a percent, is told as a warning. What is
 * billed is extended_price. */
#ifndef INVOICE_SETTLE_H
#define INVOICE_SETTLE_H

#include "line.h"

/* The line has been read, its pack as pack_size says. 0, or -1 with fault: bad_total, bad_uom,
 * bad_weight, ambiguous_weight. */
int line_settle(struct line *line, const struct currency *currency, struct weir_error *fault);

/* Of a charge: whether extended_price, where it is given, is quantity x unit_price. */
int charge_settle(struct line *line, const struct currency *currency, struct weir_error *fault);

#endif
