/* remote.h: remote batches, from rows of weir.requests to rows of weir.answers.
 *
 * Whoever has a remote batch's lease drives it one step further and gives the lease back; any
 * consumer that knows its model may take over, after a crash too. What it needs to know is in the
 * ledger, written before each step whose answer may get lost:
 *
 *   requests that are open --choose--> intent --create--> running --poll--> ended --read--> done
 *
 * An answer costs what the models file says: of a model in remote batches that is their price,
 * which mostly is the half.
 *
 * It uses a connection of its own, opened when there is something to do. Its statements are short;
 * its round trips to the provider are calls of the given http and never wait. */
#ifndef WEIR_REMOTE_H
#define WEIR_REMOTE_H

#include "weir/http.h"
#include "weir/llm.h"

struct remote;

struct remote_plan { /* all outlives it */
	const struct llm *llm;
	struct http *http;
	const char *pg_url;
	const char *holder; /* one name a process */
};

/* NULL: out of memory. */
struct remote *remote_open(const struct remote_plan *plan);
void remote_turn(struct remote *r, int64_t now_us);
int64_t remote_next_us(const struct remote *r); /* INT64_MAX: not by itself */
/* Something was asked for just now: look soon. */
void remote_wake(struct remote *r, int64_t now_us);
/* Gives its leases back; what is on the way is left to whoever takes over. NULL is fine. */
void remote_close(struct remote *r);

#endif
