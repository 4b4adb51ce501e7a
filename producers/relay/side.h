/* side.h: what is published beside the batches and retries, each on a connection of its own to the
 * broker and to the ledger, one run at a time, and without waiting for the broker's confirms:
 * events, whose exchange others bind full queues to; dead letters, which anybody may have written;
 * suspects, items that were on their way when the broker closed a channel; and kinds of items that
 * are in trouble (apart.h). A run of the last two whose confirms are late goes on at a side for
 * those, if one is free, and is given up soon if not. Kinds whose queue was silent the last time
 * are tried there alone. So whatever happens to one of them delays nobody else; a
 * broker that takes a connection and is silent delays all, OPEN_S the first time and up to
 * OPEN_CAP_S later: one of them connects in a turn, and see relay_open_beside(). While it is not
 * known that the virtual host is this ledger's (relay.h) nothing of theirs begins: only what is on
 * its way is still awaited.
 *
 * A row that was on its way when the channel was closed is put off: the rows count how often
 * (`refused`), and with that grows the pause, and shrinks the group in which it is published: 64,
 * then 8, then alone. A message that alone has ended the channel again and again, while others got
 * through, is failed with the broker's reason; where the broker refuses a kind or everybody (403,
 * 404), none is. */
#ifndef WEIR_SIDE_H
#define WEIR_SIDE_H

#include "run.h"

enum side_number {
	SIDE_EVENTS,
	SIDE_LETTERS,
	SIDE_SUSPECTS,
	SIDE_SUSPECTS_LATE,
	SIDE_APART,
	SIDE_APART_LATE,
	SIDES = SIDE_APART_LATE + 2
};

struct side {
	struct wire wire;
	struct run run;
	int64_t lively_us; /* until then more rows are likely */
	int64_t at_us;	   /* when to look for rows, or to connect again */
	int64_t late_us;   /* of the run under way: when its confirms are late, */
	int64_t until_us;  /* and until when they may come */
	unsigned failures; /* in a row */
	bool told;	   /* of them */
};

/* Zeroed ones become ready. They may move no more. */
void sides_init(struct side sides[SIDES]);
void sides_release(struct side sides[SIDES]);
/* Goes on with all, as far as that goes without waiting for the broker. Needs the ledger. */
void sides_turn(struct relay *r);
/* Goes on with a run of items that is with the broker in full and whose confirms are late, and its
 * connection, if there is a place for them; the run is then empty, and its wire without a
 * connection. */
bool sides_take(struct relay *r, struct run *run);
/* Gives up what is claimed, as the ledger is away. */
void sides_abandon(struct relay *r);
/* The virtual host is another ledger's: gives up what is claimed, and all connections. */
void sides_leave(struct relay *r);
/* Lowers *at_us to when something is to be done though nobody writes to us. */
void sides_when(const struct relay *r, int64_t *at_us);

#endif
