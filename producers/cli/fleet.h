/* fleet.h: who is at work, and why a job does not move for want of somebody. Told by the rows that
 * relays and consumers write (presence.h); where these say that nobody is there, the broker is
 * asked too, since a process of an older version writes none. */
#ifndef WEIR_FLEET_H
#define WEIR_FLEET_H

#include "weir/broker.h"
#include "weir/buffer.h"
#include "weir/ledger.h"
#include "weir/settings.h"

#define FLEET_TEXT 800

/* SQL: whether a session waits in its COMMIT for a synchronous standby, for longer than a moment.
 */
#define FLEET_SYNC_WAITS                                                                           \
	"EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'"                        \
	" AND state_change < now() - interval '2 seconds')"

struct fleet {
	struct ledger *ledger; /* borrowed */
	const char *amqp_url;  /* NULL: the broker is not asked */
	struct broker *broker; /* NULL: not yet */
	bool away;	       /* it could not be asked */
};

void fleet_init(struct fleet *f, const struct settings *settings, struct ledger *l);
void fleet_release(struct fleet *f);

/* Who works on one job; zero for a job that wants nobody (it is paused, or has ended). */
struct fleet_of_job {
	int64_t relays, consumers; /* of its current stage's kind */
	char kind[33];
	bool standby;		   /* PostgreSQL waits for one that does not answer */
	char obstacle[FLEET_TEXT]; /* what is missing, and what to do; "": nothing */
};

/* Blocks; up to 20 s where the broker has to be asked and hangs. */
int fleet_of_job(struct fleet *f, const char *job_id, struct fleet_of_job *out,
		 struct weir_error *err) WEIR_MUST_CHECK;

/* How many take from "weir.KIND", or from the queue of dead letters, as relays do (kind NULL): as
 * the broker says. -1: it cannot be asked. */
int64_t fleet_takers(struct fleet *f, const char *kind);

/* All who were heard: rows of (role text, kind text or NULL, processes bigint, seconds since one
 * was heard float8, what one of them waits for text or NULL), binary; the caller PQclear()s
 * *out. */
int fleet_rows(struct ledger *l, PGresult **out, struct weir_error *err) WEIR_MUST_CHECK;
/* The same as a line: "relays 1, consumers: invoice 2, sentiment 1, heard 0.4 s ago". */
int fleet_line(struct ledger *l, struct buffer *b, struct weir_error *err) WEIR_MUST_CHECK;

#endif
