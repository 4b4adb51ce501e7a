/* havoc.h: what a mixed load is made to suffer. The faults, their order, how long each lasts and
 * the gap before the next follow from the seed; what a fault meets does not. One that meets nobody
 * (its server is down already) is left out, and not counted. */
#ifndef WEIR_FAULTS_HAVOC_H
#define WEIR_FAULTS_HAVOC_H

#include "fleet.h"
#include "load.h"

enum target { RELAY, CONSUMER, SUBMIT, REDIS, RABBITMQ, POSTGRESQL, NETWORK, JOB, OTHERS, TARGETS };

/* What others do for a while (trouble.h). */
enum spell { LOCKED_ROWS, FULL_SUBSCRIBER, OLDER_CONSUMER, OLD_PASSWORD, INTRUDER, SPELLS };

/* A server that is on its way down or up. */
struct upheaval {
	enum { UP, GOING, AWAY, COMING } phase;
	struct process *script;
	int64_t until_ms;
	const char *command;
};

struct havoc {
	uint64_t seed;
	struct fleet *fleet;
	struct load *load;
	FILE *log;
	int64_t began_ms, next_at_ms;
	int number;		    /* of the next fault */
	int kills[TARGETS];	    /* kill -9 */
	int faults[TARGETS];	    /* of any sort */
	struct upheaval servers[3]; /* as in enum proxied */
	int64_t clear_at_ms[3];	    /* the network to it; 0: it is clear */
	int64_t over_at_ms[SPELLS]; /* 0: it is over */
	int64_t thaw_at_ms[WORKERS];
	struct process *rabbit_start, *control, *intruder;
	struct order *controlled;
	bool retrying; /* it, until that has succeeded */
	int64_t resume_at_ms;
	const struct mix_options *options;
};

void havoc_open(struct havoc *h, const struct mix_options *options, struct fleet *fleet,
		struct load *load);
/* The next fault, if it is time for one and `more` are wanted; and the ends of those before. */
void havoc_turn(struct havoc *h, bool more);
/* Nothing that was done is left. */
bool havoc_is_over(const struct havoc *h);
int havoc_kills(const struct havoc *h); /* but those of submits */
void havoc_close(struct havoc *h);

#endif
