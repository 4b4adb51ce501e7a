/* owed.h: verdicts that are owed to the ledger, since somebody has locked what they are written to.
 *
 * A verdict that comes with no effects (tried again, put off, asked, dropped) is not needed to
 * bring its item back: until it is written the ledger says of the item that it is on its way, by
 * its row of weir.retries, or else by its batch, and weir.revive_lost() finds both. So where such
 * verdicts wait for long, and hardly any place or memory is left to others, their messages are
 * acked before they are written. They keep their deliveries, but no place of their kind (places.h),
 * and are written as soon as that can be: then it is as ever, and nothing has been done twice.
 *
 * The same holds for what was in hand when the broker's connection was lost, since the broker
 * sends it anew. When deliveries or memory run short, whatever has no message any more is
 * forgotten, the oldest first; its item comes again, uncharged. A letter (FATE_REFUSED) is of no
 * item, and goes to the queue of dead letters instead, from where a relay keeps it. */
#ifndef WEIR_OWED_H
#define WEIR_OWED_H

#include "consumer.h"

#define OWED_LONG_US 2000000 /* a lock that others should not have to wait for */

/* Gives up messages, places, and deliveries as above, and says in c->owed_why what one of them has
 * been waiting for, for long: "job J: ..."; "": nothing. */
void owed_turn(struct consumer *c, int64_t now);

#endif
