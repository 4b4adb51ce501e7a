/* schedule.h: whose items go to the broker next, and how many.
 *
 * Each kind has a queue of its own at the broker, and is filled by itself: one whose queue is full,
 * or refuses, leaves the others alone. There is no more in a queue than its consumers take in a
 * short while (--queue-time): the broker is asked how many messages are ready, half of that time
 * apart. Where hardly any are left though more are due, the queue is made deeper, and less deep
 * where it was never half empty. So each relay finds the depth by itself, beside any number of
 * others and with whatever consumers there are. While the broker lets in nobody who would ask, the
 * ledger says what was published last and is not final, and the depth stays as it is.
 *
 * Within a kind the stages of jobs (flows) take turns, about QUANTUM items at a time; who is new
 * comes right behind the one that has waited longest. A flow of which consumers have put off items,
 * since they may not begin yet, gets no batches while enough of those wait: they come first, unless
 * others of them do begin. What a flow counts for is in one place (weight_of).
 *
 * What is due is read from the ledger before a pass and now and then in it, at most one part in
 * LOOK_SHARE of the time, LOOK_FLOWS of the flows at a time. */
#ifndef WEIR_SCHEDULE_H
#define WEIR_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "outbox.h"
#include "weir/topology.h"
#include "wire.h"

#define RUN_BATCHES_MAX 50

struct relay;
struct relay_options;
struct run;

struct queue {
	char kind[KIND_MAX + 1];
	uint32_t depth;	  /* messages that may be ready; 0: not known yet */
	uint32_t ready;	  /* when the broker was asked last */
	uint32_t since;	  /* published since then, by this relay */
	uint32_t bound;	  /* it has refused more than that; 0: nothing is known of one */
	int64_t bound_us; /* then a bit more is tried */
	bool filled;	  /* more was due since then than there was room for */
	int64_t ask_us;	  /* not asked again before */
	unsigned unasked; /* how often in a row the broker did not answer */
	uint64_t least;	  /* turn of its flows with something due, for those that are new */

	/* In trouble (apart.h): published apart until so many runs have got through; 0: it is not.
	 */
	int apart;
	struct weir_error why; /* it is, and rests between two runs */
	bool resting;	       /* the last run of it has failed, */
	bool silent;	       /* since nothing was confirmed in time */
	bool told;	       /* of that, and when, and as what */
	int64_t told_us;
	char told_code[32];
	int64_t rest_us;	   /* until then */
	unsigned refused;	   /* runs, in a row */
	int64_t suspects_us;	   /* its suspects are not published before */
	unsigned suspects_refused; /* runs of them, in a row */
	/* The last run was refused, and this queue takes, or is taken from, all the same: most
	 * likely it is another queue that is bound to the exchange, but its own one may be quickly
	 * full. */
	bool elsewhere;
	uint32_t waiting;   /* messages, when recover.c has asked after it last, */
	int64_t waiting_us; /* then; 0: not yet */
	int64_t survey_us;  /* recover.c does not ask after it before */
	unsigned unsurveyed;
	struct weir_error survey_why;
	struct luck luck;
};

/* A stage of a job. */
struct flow {
	char job_id[65];
	int32_t stage;
	int32_t batch_size;
	size_t queue;
	bool due[OUTBOXES]; /* has batches, retries to publish */
	bool fresh;	    /* has not had a turn yet */
	uint64_t turn;	    /* of its last turn; the lowest comes next */
	int64_t due_us;	    /* when it last had something due */
};

struct schedule {
	struct flow *flows; /* by job and stage */
	size_t count;
	struct queue *queues;
	size_t queue_count;
	uint64_t turn;
	size_t last_queue[OUTBOXES]; /* whose turn it was */
	size_t last_apart;
	char after_job[65]; /* where the next look begins */
	int32_t after_stage;
	int64_t look_us; /* when that may be */
	/* Something may have become due since the last one began, or that did not reach the end. */
	bool look_wanted;
	struct broker *gauge; /* asks after queues; NULL: not open */
	int64_t gauge_us;     /* when it was last used */
};

/* What one claim is to take: of these flows, of one queue, so many batches or retries. Of rows that
 * are taken otherwise, count is 0, and queue that of their kind. */
struct picks {
	size_t queue;
	int count;
	struct pick {
		char job_id[65];
		int32_t stage, most;
	} list[RUN_BATCHES_MAX];
};

/* Reads what is due, unless that was done just now; pressing: nothing else is known to be due.
 * Needs the ledger that is not for publishing; blocks for a round trip. */
int schedule_look(struct relay *r, bool pressing, struct weir_error *err) WEIR_MUST_CHECK;
/* The same, of rows that were read. */
void schedule_note(struct relay *r, const PGresult *rows);
/* Keeps the connection that asks the broker alive: another one may not be had. */
void schedule_beat(struct relay *r);
/* How deep a queue is to be from now on, by what was seen of it. */
uint32_t schedule_depth(const struct queue *q, const struct relay_options *o);
/* Whose turn it is among the flows with batches, or with retries. False: nobody's; nothing is due,
 * or there is no room. May ask the broker, which blocks for a round trip. */
bool schedule_pick(struct relay *r, enum outbox_number outbox, struct picks *picks);
/* The same from one queue, whether there is room in it or not, or if there is: so many rows at the
 * most. */
bool schedule_pick_from(struct relay *r, enum outbox_number outbox, size_t queue, int rows,
			bool if_room, struct picks *picks);
/* Of a run of which some was refused by a queue: whether the kind's own one has taken it all the
 * same, as far as the broker can tell; then it was another one that is bound to the exchange. Asks
 * the broker, which blocks for a round trip. */
bool schedule_has_taken(struct relay *r, const struct run *run);
/* The kind's own queue has refused some of a run that was published beside all others: a policy, or
 * another who publishes, leaves it less room than it has consumers for. It gets less from now on,
 * and a bit more each minute. */
void schedule_refused(struct relay *r, size_t queue);
/* These flows come first, once. */
void schedule_first(struct relay *r, const struct picks *picks);
/* The queue of a kind; SIZE_MAX: no memory. */
size_t schedule_find(struct relay *r, struct weir_text kind);
/* What the claim has brought. */
void schedule_taken(struct relay *r, enum outbox_number outbox, const struct picks *picks,
		    const PGresult *rows);
/* Lowers *at_us to when there may be room in a queue for which something is due. */
void schedule_when(const struct relay *r, int64_t *at_us);
void schedule_add(struct params *p, const struct picks *picks); /* as parameters of a claim */
void schedule_release(struct relay *r);

#endif
