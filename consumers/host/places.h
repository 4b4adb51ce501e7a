/* places.h: whose items have the places in hand.
 *
 * A kind has so many places: what the broker sends of it, and is not acked yet. Its items are from
 * several jobs, and other kinds want this process's time as well. So
 *
 *   - no job has more items WORKING than PLACES_SHARE times the places that nobody works in: one
 * that is alone has as many as --prefetch says, and there are some more places, which it leaves to
 *     others. With dynamic thresholds each new one finds room, and all come to the same share
 *     (Choudhury, Hahne, "Dynamic queue length thresholds for shared-memory packet switches",
 * 1998);
 *   - what a turn of the loop has no time for begins by turns between jobs, in which a kind whose
 *     plugin takes long to begin an item has fewer (start-time fair queueing: Goyal, Vin, Cheng,
 *     1996, in microseconds);
 *   - what cannot begin soon, be it for the one or the other, goes back to the ledger, uncharged,
 * and leaves its place to others. It comes back when it may, and the relay publishes less of its
 * job meanwhile.
 */
#ifndef WEIR_PLACES_H
#define WEIR_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLACES_KINDS 16 /* that a process works on, at the most */
#define PLACES_SHARE 16
#define PLACES_PAUSE_US 4000000 /* longer than what the relay takes for being on its way */
#define PLACES_PAUSE_CAP_US 30000000
/* So much work stays: longer than the shortest pause, a second that it may be longer by, and what
 * the relay takes, so that a job that is alone is never waited for. */
#define PLACES_SOON_US 8000000

struct places {
	size_t kind;   /* which of them it is */
	uint32_t most; /* items of one job that may be WORKING */
	uint32_t size; /* messages in hand; 0: it does not matter */
	uint32_t taken, working;
	int64_t begun_us; /* when one began last */
	int64_t cost_us;  /* about how long the plugin takes to begin one */
};

/* With room for others beside so many. */
void places_init(struct places *p, size_t kind, uint32_t most);
/* How many there are with most. */
uint32_t places_size(uint32_t most);

/* One more of a job that has so many WORKING. */
bool places_let(const struct places *p, uint32_t of_job);
/* Hardly any place is left: who waits does so elsewhere. */
bool places_crowded(const struct places *p);
/* One has begun, and the plugin took so long for that. */
void places_begun(struct places *p, int64_t now, int64_t took_us);
/* Of so much work that waits, one item may go, which would take so long: the rest is enough. */
bool places_spare(int64_t work_us, int64_t cost_us);
/* How long one stays away for what may take so long: half of that, within bounds. */
int64_t places_pause_us(int64_t may_take_us);

/* The turn of one more of a job; *last: of the job's last one; now: of the one that began last. */
uint64_t places_turn(const struct places *p, uint64_t *last, uint64_t now);

#endif
