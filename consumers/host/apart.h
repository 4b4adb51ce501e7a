/* apart.h: what somebody stands in the way of. A row that a person has locked, a table that is
 * being migrated or that this role may not write, a trigger that sleeps: a flush that meets with it
 * gives up within seconds, and from then on for a while all that might meet with it again is stored
 * apart, on a connection of its own, while everything else goes on:
 *
 *   by kind     where a statement of a plugin has failed: the items of that plugin
 *   by job      where it was one of the host's: the items of the jobs that were in that flush,
 *               and letters, which are of no job
 *
 * There, each kind and job is tried by itself, then in halves, each level with less patience than
 * the one before, and what was tried less often comes first: so what is free is stored before what
 * is stuck is tried again. Where nobody stands in the way, and what a plugin stores takes long all
 * the same, it gets only so much at once as fits, until that is quick. What stands alone then, or
 * has been there for seconds,
 *
 *   waits for a lock    is put off uncharged (work_wait)
 *   is slow             has a third connection, where a statement may take minutes
 *   is refused          for what a person has to mend: its job is paused, see errands.h
 *   is bad data         fails, as in any flush
 *
 * Where it is the rows of that which somebody has locked, see owed.h.
 *
 * A job that a lock is in the way of is remembered for some seconds: what comes of it later is
 * tried with the least patience, and behind all others.
 */
#ifndef WEIR_APART_H
#define WEIR_APART_H

#include "flush.h"

#include <poll.h>

void apart_open(struct consumer *c); /* all flushes, and no connections yet */
void apart_close(struct consumer *c);

/* The flush failed for what stands in its way: true, and its entries are on their way, those that
 * may meet with it again APART. False: it is another sort of failure. */
bool apart_takes(struct flush *f, enum ledger_fault fault);
/* Its only entry cannot be stored, not even as failed: it is put off, or else tried again here
 * after a pause that grows. Nobody is charged. */
void apart_keep(struct flush *f);
/* It was stored: what it was for does not stand in the way (any more). */
void apart_stored(struct flush *f);

/* What has ended, and is to be stored apart, becomes APART. */
void apart_sort(struct consumer *c);
/* Continues what is apart, and begins more of it. */
void apart_turn(struct consumer *c);
int64_t apart_next_us(const struct consumer *c); /* INT64_MAX: not by itself */
void apart_poll(const struct consumer *c, struct pollfd fds[APARTS]);

#endif
