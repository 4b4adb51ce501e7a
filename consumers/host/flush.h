/* flush.h: flushes. One is a transaction in two round trips: first the claim: the final items'
 * results are inserted, and what comes back are those that were still open. Then, at once,
 * everything that follows from it: the statements that the plugins describe for the claimed items,
 * the rows of items that will be tried again, and the commit.
 *
 * The consumer has one for all that is well (flush.c), whose statements may wait for a lock for a
 * second only, and two more (apart.c) for what somebody stands in the way of. What becomes of one
 * that failed is in flush_failed.c. */
#ifndef WEIR_FLUSH_H
#define WEIR_FLUSH_H

#include "consumer.h"

#define FLUSH_LOCK_MS 1000	/* that a statement may wait for a lock, */
#define FLUSH_MS 3000		/* and take, before what it is for is stored apart */
#define FLUSH_BYTES (16u << 20) /* of results in one flush, and of bodies: plugins store these */

/* The one for all that is well. */
bool flush_due(const struct consumer *c, int64_t now, bool more_coming);
void flush_begin(struct consumer *c);

/* Of any: continues and ends it, as far as that goes without waiting. */
void flush_turn(struct flush *f);
/* Its connection is gone: everything back to where it came from. */
void flush_abandon(struct flush *f);
/* Goes on with the entries that were taken. */
void flush_send(struct flush *f);

/* ---- among the files of flushes ---- */

void flush_take(struct flush *f, struct delivery *one);		/* one more entry */
void flush_lose(struct flush *f, const struct weir_error *why); /* its connection */
void flush_put_back(struct flush *f, size_t from, size_t to, uint32_t group);
void flush_end(struct flush *f);
void flush_roll_back(struct flush *f);
uint32_t flush_group(struct flush *f); /* a new one */
/* The transaction is undone; who is put back, and how, depends on whose fault it was. */
void flush_failed(struct flush *f, enum ledger_fault fault, bool by_plugin);
/* Claimed ones that their plugin may not have after all, now that the ledger has told their row:
 * how many. */
size_t flush_fail_unmapped(struct flush *f);
/* One of several items to which the same happened. */
void flush_note(struct flush *f, enum log_level level, const char *event, const struct delivery *d,
		size_t items, const struct weir_error *why);
/* Whether something of it may be wrong that its plugin has made. */
bool flush_has_effects(const struct delivery *d);

#endif
