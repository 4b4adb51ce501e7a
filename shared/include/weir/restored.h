/* restored.h: queues of kinds that had to be made. What had been published to one is gone with it,
 * and is to be published again: so whoever finds it missing, a relay, a consumer or weir init,
 * writes that down in the ledger (weir.queues_made) before it is made, and a relay reads it there.
 * Whatever ends in between, nothing is forgotten. */
#ifndef WEIR_RESTORED_H
#define WEIR_RESTORED_H

#include "weir/ledger.h"
#include "weir/topology.h"

/* Writes that the kind's queue is missing. A struct topology_teller's function; state: the struct
 * ledger, whose connection has to be idle. Blocks for a round trip. */
int restored_note(void *ledger, const char *kind, struct weir_error *err) WEIR_MUST_CHECK;

#endif
