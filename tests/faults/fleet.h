/* fleet.h: the relays and consumers of a mixed load. Those that end are started again, and each end
 * is judged: killed by us, told to stop, or unable to start while a server is away; else it is a
 * fault of theirs. */
#ifndef WEIR_FAULTS_FLEET_H
#define WEIR_FAULTS_FLEET_H

#include "faults.h"

#define RELAYS 2
#define CONSUMERS 3
#define BESIDE 2 /* a relay and a consumer of the second ledger (second.h), where there is one */
#define WORKERS (RELAYS + CONSUMERS + BESIDE)
#define GRACE_MS 5000
#define EXIT_MS (GRACE_MS + 15000) /* the relay's own grace is 10 s; a loaded machine adds */

struct worker {
	struct process *process;
	int64_t start_at_ms, told_at_ms; /* told to stop: 0 not */
	bool ready, killed, frozen;
};

struct fleet {
	struct worker workers[WORKERS]; /* relays first */
	int64_t sampled_at_ms, peak_kb[2];
	int most_files, starts;
	int64_t slowest_exit_ms;
	bool second; /* there is a second ledger */
	int older;   /* the consumer that knows less than the others; 0: none */
};

void fleet_tend(struct fleet *f);
/* Each does nothing, and returns false, when the worker is not running, or frozen. */
bool fleet_kill(struct fleet *f, int worker);
bool fleet_kill_worker(struct fleet *f, int worker); /* of a consumer: its child alone */
bool fleet_tell(struct fleet *f, int worker);
bool fleet_freeze(struct fleet *f, int worker);
void fleet_thaw(struct fleet *f, int worker);
/* All of them, in an orderly way, within the grace. */
void fleet_stop(struct fleet *f);
/* No address' password in the command line of any process, and in any log of this run. */
void fleet_check_arguments(void);
void fleet_check_logs(void);

#endif
