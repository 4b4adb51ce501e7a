/* desk.h: what the ledger knows of asks, and is told of answers: each a statement or two for many
 * of them. Each blocks for its round trips, at most DESK_STATEMENT_MS each. -1: nothing was done,
 * and the connection may be gone (it comes back by itself); try again later. */
#ifndef WEIR_DESK_H
#define WEIR_DESK_H

#include "asks.h"

#define DESK_STATEMENT_MS 5000
#define DESK_HOLD "15 seconds" /* a call's row holds so long, */
#define DESK_RENEW_US 4000000  /* and is renewed so often */

/* NULL: out of memory. pg_url and holder outlive it. */
struct desk *desk_open(const char *pg_url, const char *holder);
void desk_close(struct desk *d); /* NULL is fine */
/* Whether it has a connection, or gets one now; not more often than its pauses allow. */
bool desk_ready(struct desk *d);
int64_t desk_next_us(const struct desk *d); /* when desk_ready() may be asked again */

/* Fills the pasts of n asks, and takes hold of those that would be called for. */
int desk_look(struct desk *d, struct ask *const *asks, size_t n) WEIR_MUST_CHECK;
/* Writes the replies of n asks down, as answers. Of a good one `second` says whether the ledger has
 * another that came first, and counts; or has had this one before. */
int desk_store(struct desk *d, struct ask *const *asks, size_t n) WEIR_MUST_CHECK;
/* It was the data that the last one failed for: it will not do better. */
bool desk_refuses(const struct desk *d);
/* The stored answer of an ask is not what its template wants. */
int desk_reject(struct desk *d, const struct ask *ask,
		const struct weir_error *why) WEIR_MUST_CHECK;
/* Our calls still last; *kept: of how many the ledger knows. A crash of its server has made it
 * forget them all: then each is to be held again. */
int desk_renew(struct desk *d, int64_t *kept) WEIR_MUST_CHECK;
int desk_hold(struct desk *d, struct ask *const *asks, size_t n) WEIR_MUST_CHECK;
/* Calls of another holder, who has ended, last no longer. Some may all the same, for DESK_HOLD. */
void desk_let_go(struct desk *d, const char *holder);

#endif
