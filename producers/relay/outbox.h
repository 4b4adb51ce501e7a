/* outbox.h: the tables whose rows go to the broker when they are due. All take one path (run.c):
 * claimed, published, confirmed, marked; an outbox says in which words. */
#ifndef WEIR_OUTBOX_H
#define WEIR_OUTBOX_H

#include "outgoing.h"
#include "weir/broker.h"
#include "weir/topology.h"

enum outbox_number { OUTBOX_BATCHES, OUTBOX_RETRIES, OUTBOXES };

struct outbox {
	const char *name;	/* in logs */
	enum exchange exchange; /* where they go */
	bool optional;		/* that nobody wants them is no failure */
	bool starts_jobs;	/* they are items: a job begins with its first */
	int most;		/* rows of one claim; 0: as many batches as a run may have */

	/* Of items, in turns between jobs (schedule.h): $1, $2: the stages of jobs, $3: how many of
	 * each at most; $4: after so many bytes of payloads, about, no more is taken, and what is
	 * locked beyond stays due. Of all else: $1: how many at most, of the group (`refused`) of
	 * the first that is due and that nobody has locked. Locks what it takes, and skips what is
	 * locked. */
	const char *claim;
	const char *mark;    /* those that the broker has; parameters: unit_keys() */
	const char *put_off; /* those that it refused; NULL: they stay due */
	/* Those that can never be a message; parameters: row_keys(), and the code and the text of
	 * the reason of each, as two arrays. */
	const char *fail;
	/* The same where somebody stands in the way of that: they wait, for longer each time, and
	 * say why they will fail. NULL: they come again by themselves. */
	const char *hold;
	/* Those that were on their way when the broker closed the channel, and may be the reason:
	 * they are put off, and come again in small groups beside all others (side.c), the longer
	 * and the smaller the more often that happens. What is locked by then stays as it is.
	 * Parameters: unit_keys(), the code of the error, its text. */
	const char *suspect;

	/* The column, an int4, that says how often a row was put off so; 0: there is none. */
	int refused_column;

	/* Whether two neighbours are marked together; NULL: each row is a unit of its own. */
	bool (*same_unit)(const PGresult *rows, int a, int b);
	void (*unit_keys)(struct params *p, const PGresult *rows, const int *which, int n);
	void (*row_keys)(struct params *p, const PGresult *rows, const int *which, int n);
	/* The message_id. */
	void (*id)(const PGresult *rows, int row, char out[OUTGOING_ID_MAX]);
	/* Fills all of the message but exchange, id and `optional`; it points into o and rows. */
	enum outgoing_status (*encode)(struct outgoing *o, const PGresult *rows, int row,
				       struct broker_message *m, struct weir_error *err);
};

extern const struct outbox outbox_batches, outbox_retries; /* items.c */
/* Published beside these, each on a connection of its own (side.c). */
extern const struct outbox outbox_suspects; /* items.c: items that may end a channel */
extern const struct outbox outbox_events;   /* events.c */
extern const struct outbox outbox_letters;  /* letters.c */

/* The same kinds of rows, in the order of enum outbox_number. */
extern const struct outbox *const outboxes[OUTBOXES];

/* In SQL: how many rows that were put off so often go together; and after how long, twice as long
 * each time. */
#define GROUP_OF(refused) "CASE " refused " WHEN 0 THEN 500 WHEN 1 THEN 64 WHEN 2 THEN 8 ELSE 1 END"
#define PAUSE_OF(refused, first)                                                                   \
	"least(interval '" first "' * power(2, least(" refused ", 20)), interval '10 minutes')"
/* In SQL: of what a full queue has refused. It waits as long again as it has waited already. */
#define WAIT_FOR_ROOM                                                                              \
	"refused_since = coalesce(refused_since, now()), due_at = now() + interval '5 seconds'"    \
	" + least(now() - coalesce(refused_since, now()), interval '10 minutes')"

/* For outboxes whose rows have a number: column 0, int8. */
void outbox_id_keys(struct params *p, const PGresult *rows, const int *which, int n);

#endif
