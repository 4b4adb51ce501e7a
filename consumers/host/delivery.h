/* delivery.h: the messages in hand. Each is in one state, and on the list of that state:
 *
 *   FREE -> HELD -> [SUSPECT -> HELD ->] WORKING -> ENDED -> [APART ->] STORING -> FREE
 *
 * HELD waits until it may be started, SUSPECT until it is known whether it is to be started apart
 * from others, and, if so, once more, for its turn, WORKING is with its plugin, ENDED has a verdict
 * and waits for a flush, APART waits for one on a connection of its own (apart.h), STORING is in a
 * flush under way. A flush that failed puts its deliveries back to where it had them from. All
 * changes go through delivery_move(). */
#ifndef WEIR_DELIVERY_H
#define WEIR_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "jobs.h"
#include "places.h"
#include "weir/broker.h"
#include "weir/buffer.h"
#include "weir/message.h"

#define FLUSH_MAX 500 /* deliveries that are stored together */

struct lane;
struct model;
struct template;

enum delivery_state {
	DELIVERY_FREE,
	DELIVERY_HELD,
	DELIVERY_SUSPECT,
	DELIVERY_WORKING,
	DELIVERY_ENDED,
	DELIVERY_APART,
	DELIVERY_STORING,
	DELIVERY_STATES
};

/* What the end of a delivery means for its item. */
enum fate {
	FATE_NONE,
	FATE_SUCCESS, /* final */
	FATE_FAILED,  /* final */
	FATE_RETRY,   /* waits as a row until it is due again */
	FATE_DEFER,   /* the same, and no attempt is charged */
	FATE_ASKED,   /* its request waits in the ledger for a remote batch */
	FATE_DROPPED, /* of a time before a pause: whoever had it in hand is gone */
	FATE_REFUSED  /* belongs to no item: kept as a dead letter */
};

struct delivery {
	enum delivery_state state;
	struct delivery *before, *after;
	uint32_t slot, generation; /* together the work handle */

	uint64_t connection; /* the broker connection that the tag belongs to */
	uint64_t tag;
	char *body;
	uint64_t body_size;
	struct message message;
	char mark[SEAL_MARK_MAX]; /* that it came with */
	bool proven;		  /* it is what the ledger has */
	struct lane *lane;	  /* of a decoded message, as is the job */
	struct job *job;
	struct places *places; /* of its lane, where it has one */
	int64_t taken_us;
	int64_t held_us; /* since when it waits for what all wait for before they begin */
	/* HELD: among those that a turn of the loop had no time for; 0: none yet. The one of its
	 * job before, and about how long it takes to begin. */
	uint64_t turn, turn_before;
	int64_t cost_us;
	bool ready; /* and may begin */

	bool suspect;	      /* was delivered before, to somebody who did not ack it */
	int64_t returns;      /* so often, as far as the broker counts */
	bool looked_up;	      /* a suspect whose row in weir.trials has been read */
	bool tried;	      /* has a row in weir.trials */
	bool alone;	      /* is to be worked on alone */
	uint32_t crashes;     /* workers that its code has ended */
	uint32_t starts;      /* that came to no end, as its row has it */
	int64_t trial_us;     /* not to be begun before, since that could not be told, */
	unsigned trial_tries; /* so often in a row */

	int64_t began_us, ended_us, deadline_us;
	int64_t timer_us; /* 0: none */
	void (*fire)(void *state, struct weir_work);

	enum fate fate;
	uint32_t attempts;	   /* with this one, if it is charged */
	int64_t retry_us;	   /* RETRY, DEFER: the pause */
	bool lasting;		   /* DEFER: the pause grows, the longer the same lasts */
	bool counted;		   /* in its job's `ended` */
	bool sharing;		   /* takes one of the items that its job may have at work */
	bool noted;		   /* has a row in weir.retries, though it is in hand */
	size_t made;		   /* bytes of the result, as counted for all */
	struct buffer result;	   /* to keep; REFUSED: of the letter, see refusal.c; ASKED: the
				    * body of the request, "" when the ledger has it */
	const struct model *model; /* of one that was asked for; NULL: none */
	const struct template *template; /* and what it was asked with */
	int64_t tokens;			 /* ASKED: of the request */
	uint32_t bad;			 /* ASKED: answers that were bad, as it was looked up */
	bool calling;			 /* has a row in weir.calls */
	char note[WEIR_NOTE_MAX];
	size_t note_size;
	struct weir_error *error;   /* of its slot; apart, since most never need it */
	struct weir_error *trouble; /* APART: what its last flush failed for; the same */

	int64_t apart_us; /* APART: since when, and not to be tried before again_us */
	int64_t again_us;
	unsigned waits; /* how often one found a lock that the fleet itself holds */
	unsigned level; /* how often a flush apart that had it has failed */
	bool patient;	/* APART: alone, and its statements may take long */

	uint32_t group; /* deliveries of one group are stored together and apart from others */
	bool claimed;	/* this flush made the item final */
	int row;	/* of the claim's, when claimed */
	bool unknown;	/* there is no such item in the ledger */
	int final;	/* state of the item in the ledger after the flush; 0: not final */
};

struct delivery_list {
	struct delivery *first, *last;
	size_t size;
};

struct deliveries {
	struct delivery *slots;
	struct weir_error *errors; /* one a slot: memory is taken when they are written */
	struct delivery **line;	   /* room for as many, for whoever puts them in order */
	size_t capacity;
	struct delivery_list lists[DELIVERY_STATES];
	uint64_t bytes; /* of all bodies in hand */
	uint64_t made;	/* bytes of results and requests that wait for the ledger */
};

/* 0, or -1 when memory is short. The caller calls deliveries_release(). */
int deliveries_init(struct deliveries *d, size_t capacity);
void deliveries_release(struct deliveries *d);

/* Takes a FREE delivery (NULL: none is left) and makes it HELD, with the event's body. */
struct delivery *delivery_take(struct deliveries *d, struct broker_event *event,
			       uint64_t connection);

/* Of a delivery whose job is known: it has one of these places until it is FREE. */
void delivery_place(struct delivery *one, struct places *places);
/* Sooner, of one that is not WORKING and will not be. Again, or of one without: nothing. */
void delivery_leave_place(struct delivery *one);

/* The one change of state: to the end of the new state's list, or to its beginning. FREE gives the
 * delivery's memory back. */
void delivery_move(struct deliveries *d, struct delivery *one, enum delivery_state to, bool front);

/* The delivery of a handle while it is WORKING, else NULL. */
struct delivery *delivery_find(const struct deliveries *d, struct weir_work work);
struct weir_work delivery_work(const struct delivery *one);

#endif
