/* topology.h: the exchanges and queues that weir uses, as one table. `weir init`, relays and
 * consumers make what is missing; everything else only checks that they are there. */
#ifndef WEIR_TOPOLOGY_H
#define WEIR_TOPOLOGY_H

#include "weir/broker.h"
#include "weir/buffer.h"
#include "weir/names.h"

#define DELIVERY_LIMIT 20
#define KIND_MAX 32

/* AMQP does not say which of the queues that are bound to an exchange refuses. */
#define WHICH_QUEUES                                                                               \
	"`rabbitmqctl list_bindings` and `rabbitmqctl list_queues name messages arguments "        \
	"policy` show which"

/* The words behind names_at_broker(). The exchange of the dead letters and their one queue are
 * called the same; that of the ledger says whose all this is (identity.h). */
enum exchange { EXCHANGE_ITEMS, EXCHANGE_EVENTS, EXCHANGE_DEAD, EXCHANGES };

/* "weir.items" */
void exchange_name(enum exchange exchange, char out[NAMES_MAX]);

/* ^[a-z][a-z0-9_]{0,31}$ */
bool kind_ok(const char *kind);

/* "weir.<kind>" */
void queue_of(const char *kind, char out[NAMES_MAX]);
/* The kind of a queue, a part of `queue`; NULL: it is not that of a kind. */
const char *kind_of_queue(const char *queue);

/* Makes what is missing, and binds what is there; names (an initialised buffer) gets what was made,
 * after commas. Blocks. Error code "topology": something is there with other arguments. The
 * connection must be one that neither consumes nor has confirms. */
int topology_restore(struct broker *b, struct buffer *names,
		     struct weir_error *err) WEIR_MUST_CHECK;
/* Told before a kind's queue is made that is missing; when it fails, the queue is not made, and the
 * connection may be used again. */
struct topology_teller {
	int (*missing)(void *state, const char *kind, struct weir_error *err);
	void *state;
};

/* The same for a kind's queue. *messages (may be NULL): how many are ready. */
int topology_restore_kind(struct broker *b, const char *kind, const struct topology_teller *teller,
			  struct buffer *names, uint32_t *messages,
			  struct weir_error *err) WEIR_MUST_CHECK;

/* Logs what was made, if anything, and releases names. */
void topology_say_restored(struct buffer *names);

/* Checks that the exchanges and the dead-letter queue are there and have the arguments that they
 * must have (who may not declare them is told nothing of those); when one has not, the connection
 * is dead afterwards and the error says what to do. It must neither consume nor have confirms. *dead (may be NULL): messages waiting there. */
int topology_check(struct broker *b, uint32_t *dead, struct weir_error *err) WEIR_MUST_CHECK;
int topology_check_kind(struct broker *b, const char *kind, uint32_t *messages,
			struct weir_error *err) WEIR_MUST_CHECK;

#endif
