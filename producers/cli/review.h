/* review.h: how a vendor's lines are mapped to inventory items, for a person who looks them over
 * and settles them. A mapping says what one item number, or one description, of one vendor is. */
#ifndef WEIR_REVIEW_H
#define WEIR_REVIEW_H

#include "sink.h"
#include "view.h"

#define REVIEW_USER_MAX 64 /* bytes of a user_id */

/* ---- decisions ---- */

#define REVIEW_NEW_ITEM 0 /* as an item_id */
#define REVIEW_ALL 0	  /* as a mapping_id: all that are flagged */

struct decision {
	int64_t mapping_id;
	bool remap; /* else it is accepted as it is */
	int64_t item_id;
};

struct decisions {
	struct decision *rows;
	size_t count;
};

/* Appends those of a text: "17", "17,18" or "all" to be accepted; "17=4" or "17=4,18=new" to be
 * remapped. On failure (code "usage") those before are there still. The caller calls
 * decisions_release() in any case; *d starts zeroed. */
int decisions_accept(struct decisions *d, const char *text, struct weir_error *err) WEIR_MUST_CHECK;
int decisions_remap(struct decisions *d, const char *text, struct weir_error *err) WEIR_MUST_CHECK;
void decisions_release(struct decisions *d);

/* ---- the mappings of one user ---- */

struct review {
	struct ledger *ledger;
	const char *user_id;
	int64_t vendor_id; /* 0: of any vendor */
	bool all;	   /* those too that nobody needs to look at */
	bool json;
	struct sink *sink; /* what is written goes here */
};

/* Sets vendor_id; letter case and punctuation of the name do not matter. */
int review_choose_vendor(struct review *r, const char *name,
			 struct weir_error *err) WEIR_MUST_CHECK;

/* Writes them in the order of their ids, a page in memory at a time. */
int review_list(struct review *r, struct weir_error *err) WEIR_MUST_CHECK;

/* Does it, in a transaction of its own (of all mappings: in several), and writes what came of it.
 * Doing it again changes nothing. Error codes: refused, unknown_mapping. May wait for invoices that
 * are being booked. */
int review_settle(struct review *r, const struct decision *d,
		  struct weir_error *err) WEIR_MUST_CHECK;

#endif
