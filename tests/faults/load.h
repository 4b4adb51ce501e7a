/* load.h: the jobs of a mixed load, and the truth about them: what each item must come to follows
 * from the seed alone, and is asked of nobody. */
#ifndef WEIR_FAULTS_LOAD_H
#define WEIR_FAULTS_LOAD_H

#include "faults.h"

#define ORDERS_MAX 400
#define BATCH_SIZE 100
#define MAX_ATTEMPTS 3
#define OVERSIZED_BYTES 70000 /* of a payload that the broker does not take */
#define INVOICE_FAMILIES 2    /* of other users each, with the same ids */
#define MAX_ASKS 6	      /* of items that ask a model: its provider fails at random, too */

enum destiny {
	PLAIN,
	RETRY_ONCE,
	RETRY_ALWAYS,
	REJECTED,
	BAD_ROW,
	BAD_ANSWER,
	BAD_INVOICE,
	NO_RECORD,
	OVERSIZED
};

struct promise {
	enum destiny destiny;
	bool asks;
	char id[32], key[40];
	int amount, delay_ms;
};

struct order {
	char id[24];
	const char *kind;
	const char *model; /* NULL: its items ask none */
	int number, size;
	bool invoices; /* are its items: those from the first on, of a family */
	int family, first;
	bool news;		/* are its items: each has a row in news_articles */
	bool staged;		/* there is a second stage, in which all succeed */
	int limit;		/* of items at work in the fleet; 0: none */
	struct process *submit; /* while it runs */
	bool submitted, cancelled, paused;
	int64_t start_at_ms; /* not before */
};

/* Of the kinds, and of what died in them; closed by NULL. */
extern const char *const load_queues[];

struct load {
	uint64_t seed;
	int items;			/* in all */
	bool oversized;			/* are some of them */
	double pace_ms;			/* how long an item takes, on average */
	int ordered;			/* of them, so far */
	int invoices[INVOICE_FAMILIES]; /* different ones */
	int count, submit_kills;
	struct order orders[ORDERS_MAX];
};

/* Items take so long that `workers` of them at a time are busy for much of that time. */
void load_plan(struct load *l, const struct mix_options *options, double ms, int workers);
/* What item `ordinal` of the order must be and come to. */
struct promise load_promise(const struct load *l, const struct order *o, int ordinal);
/* NULL: success. */
const char *promise_failure(const struct promise *p);
bool promise_holds(const struct promise *p, int attempts);
/* The row in news_articles of an item of the news. */
int load_article(const struct order *o, int ordinal);
/* How often a model's answer is paid for. */
int promise_bills(const struct promise *p);

/* Begins the next order when so much of the load (0 to 1) should have begun, and goes on with the
 * submits that have been ended. */
void load_tend(struct load *l, double part);
bool load_is_submitted(const struct load *l);
/* Kills a submit that runs; false when there is none. */
bool load_kill_submit(struct load *l, int pick);
/* One of the jobs that are submitted and neither paused nor cancelled; NULL: there is none. */
struct order *load_pick(struct load *l, int pick);

#endif
