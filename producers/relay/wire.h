/* wire.h: a connection that publishes with confirms, as relays have several: what makes one of them
 * slow, or ends it, is then nothing to the others. It belongs to the relay's thread.
 *
 * Whoever finds it lost closes it; its owner opens it again when he likes. */
#ifndef WEIR_WIRE_H
#define WEIR_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "weir/broker.h"

struct run;

#define WIRE_UNITS 512 /* that are remembered */

/* How what was published has fared: that of a kind of items, or of a wire. */
struct luck {
	bool worked;	 /* the broker has taken something, ever */
	unsigned closed; /* how often in a row it has ended the channel instead */
};

struct wire {
	struct broker *broker; /* NULL: away */
	volatile int fd;       /* its socket, for broker_interrupt() from a signal; -1: none */
	bool blocked;	       /* the broker is in alarm, and does not read */
	bool nacked;	       /* it has refused something since we looked */
	int64_t connected_us;  /* since when there is this connection */
	/* Bytes of the largest message that the broker takes, as it has told when it closed the
	 * channel over a larger one; 0: not known. Holds for the next connection: others may be
	 * of another broker, or of one that was told otherwise. */
	uint64_t most;
	bool bounded;	   /* that was the reason why it was lost, and is news */
	bool refusal_told; /* that it refuses what is published here: while it does, once */
	struct luck luck;  /* of what is no item */

	uint64_t before[WIRE_UNITS]; /* on their way when it was lost the last time (suspects.c) */
	int before_count;

	struct run *runs; /* what may be on it */
	int run_count;
};

/* Is of this connection, which is closed if that fails. Waits for one answer, as long as it was
 * opened with. */
int wire_begin(struct wire *w, struct broker *b, struct weir_error *err) WEIR_MUST_CHECK;
void wire_close(struct wire *w);
/* The connection and what is known of it go to another one, which is closed. */
void wire_move(struct wire *from, struct wire *to);
/* It is lost, for this reason: closes it, and keeps what the reason tells. */
void wire_lose(struct wire *w, const struct weir_error *why);

/* The bound in the broker's words when it has closed a channel over the size of a message
 * (rabbit_channel.erl: "message size N is larger than configured max size M"); 0: none. */
uint64_t wire_bound(const char *text);

#endif
