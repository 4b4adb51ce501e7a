/* currency.h: the currencies that an invoice may be in, and how small a coin of each is. Nothing
 * blocks. */
#ifndef INVOICE_CURRENCY_H
#define INVOICE_CURRENCY_H

#include "weir/plugin.h"

#define CURRENCY_PLACES_MOST 4

struct currency {
	char code[4];
	int places; /* of its smallest coin behind the point: 0 to CURRENCY_PLACES_MOST */
};

/* By its code in letters of any case; for good. NULL: it is none. That is so of what has a code but
 * is no money (XXX, XTS, XDR, gold), of letters that are no code (RMB, ZZZ), and of those withdrawn
 * before 2010. */
const struct currency *currency_find(struct weir_text code);

#endif
