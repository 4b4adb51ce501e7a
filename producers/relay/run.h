/* run.h: some rows of one outbox on their way to the broker: claimed, published, confirmed, marked,
 * in one transaction whose row locks are the claim.
 *
 * Memory: a run holds its rows until they are marked, and a relay has two. One ends with the first
 * batch or item that makes its payloads exceed RUN_BYTES. A batch is not divided, and guessed from
 * its first item: in the worst case a run has --batches of items of 1 MiB behind small ones. */
#ifndef WEIR_RUN_H
#define WEIR_RUN_H

#include "schedule.h"
#include "wire.h"

#define RUN_BYTES (16 * 1024 * 1024)

struct relay;

/* A row that can never be a message, and why. */
struct broken {
	int row;
	struct weir_error why;
};

struct run {
	struct wire *wire;
	struct ledger *ledger; /* its transaction */
	const struct outbox *outbox;
	struct picks picks;  /* whose rows, of items; else count is 0 */
	bool claiming, open; /* the claim is asked for; the transaction holds locks */
	bool late;	     /* its confirms did not come in time */
	bool nacked;	     /* some were refused by a queue; else they came back */
	PGresult *rows;
	int count, sent;
	uint64_t first;	 /* confirm number of the first row sent */
	uint8_t *states; /* of each row */
	int confirmed;	 /* rows of which nothing more is to be heard */
	struct broken *broken;
	int broken_count, broken_room;
};

enum row_state { ROW_UNSENT, ROW_SENT, ROW_CONFIRMED, ROW_REFUSED, ROW_BROKEN, ROW_NOTHING };

/* Asks for rows; does not wait. Of items: run->picks says for which. */
int run_claim(struct relay *r, struct run *run, const struct outbox *outbox,
	      struct weir_error *err) WEIR_MUST_CHECK;
/* Takes them. An empty run is ended at once. */
int run_take(struct relay *r, struct run *run, struct weir_error *err) WEIR_MUST_CHECK;
int run_publish(struct relay *r, struct run *run, int from, int to,
		struct weir_error *err) WEIR_MUST_CHECK;
/* All that was sent is confirmed or refused: marks, commits. Does not wait for the broker. */
int run_finish(struct relay *r, struct run *run, struct weir_error *err) WEIR_MUST_CHECK;
/* Awaits the confirms, then does the same. Nothing to do for a run that holds no rows. One with
 * rows that can never be a message keeps them, until run_fail_broken(). */
int run_settle(struct relay *r, struct run *run, struct weir_error *err) WEIR_MUST_CHECK;
/* Fails those rows for good; where somebody stands in the way of that they wait (outbox.h). When no
 * run holds locks, since what this waits for may be locked by the other one. Should the relay die
 * before, a batch's items are published again as lost ones are, and then fail. */
int run_fail_broken(struct relay *r, struct run *run, struct weir_error *err) WEIR_MUST_CHECK;
/* Starts the jobs that a run could not, since somebody had locked their rows. */
void run_start_left(struct relay *r);
/* Forgets the rows; the transaction is not this one's business. */
void run_end(struct run *run);
/* Closes its connection to the ledger if the transaction is open or lost: that gives rows back in
 * any case, soon. */
void run_abandon(struct run *run);
/* The same, and as far as the ledger answers they are given back when it returns: for what is done
 * to them next by another connection. */
void run_give_back(struct run *run);
/* The broker has rows of which it has not said what became of them. */
bool run_unconfirmed(const struct run *run);

/* confirms.c: what the broker says, and which rows it speaks of. Blocks up to timeout_ms. Fails
 * when the connection is lost (and closes it), and when the broker is in alarm: nothing is
 * confirmed then, and the run waits in the ledger instead. */
int confirms_hear(struct relay *r, struct wire *wire, int timeout_ms,
		  struct weir_error *err) WEIR_MUST_CHECK;

#endif
