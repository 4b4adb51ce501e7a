/* consumer.h: the consumer host, one thread and one loop:
 *
 *   wait -> take deliveries (intake.c) -> may they begin? (held.c) -> process (work.c) -> flush
 *   (flush.c) -> count and ack (settle.c)
 *
 * What somebody stands in the way of is stored apart (apart.c), and where that lasts, its message
 * is given up first (owed.c). What an operator says to a job comes through control.c, and how many
 * of its items the fleet may work on at once through lease.c.
 *
 * Whose code this process is in is marked (mark.h), so that a parent can tell when it ends there
 * (supervise.h). Items that have ended a worker are worked on apart (trials.c). The consumer only
 * reads from the broker and acks; what must happen next is a row in the ledger. */
#ifndef WEIR_CONSUMER_H
#define WEIR_CONSUMER_H

#include <signal.h>

#include "errands.h"
#include "supervise.h"
#include "tx.h"
#include "weir/broker.h"
#include "weir/causes.h"
#include "weir/identity.h"
#include "weir/ledger.h"
#include "weir/llm.h"
#include "weir/loader.h"
#include "weir/presence.h"
#include "weir/progress.h"
#include "weir/settings.h"

#define LANES_MAX PLACES_KINDS
#define STEPS_MAX 64
#define STEPS_OWN 16 /* of these, what the host adds behind the plugins' */

struct asks;
struct consumer;

/* A kind that this process works on. */
struct lane {
	struct weir_host host; /* what the plugin holds; the lane is found from its address */
	struct consumer *consumer;
	struct loaded_plugin plugin;
	struct places places;
	int64_t apart_until_us; /* what it stores is stored apart, see apart.h, */
	unsigned stuck;		/* where so many flushes failed since the last that did not */
	size_t at_once;		/* results that it stores in the time it has; 0: as many as come */
	/* Its queue, see lanes.h. */
	bool ready, consumes;
	bool refused;		 /* to be consumed, when that was tried last */
	int64_t since_us;	 /* consumed */
	struct comeback back;	 /* when to look again while it is not consumed */
	struct weir_error wrong; /* what was told of it */
};

struct consumer_options {
	int64_t flush, prefetch, linger_ms, work_timeout_ms, grace_ms;
	int64_t poison_limit, memory_mb;
};

enum flush_state { FLUSH_IDLE, FLUSH_CLAIMING, FLUSH_STORING };

enum step_kind { STEP_PLAIN, STEP_CLAIM, STEP_INSERT, STEP_LOOKUP, STEP_STORE, STEP_COMMIT };

/* One statement of the flush under way, in the order in which the results come. */
struct step {
	enum step_kind kind;
	struct tx_statement statement; /* STORE */
};

struct flush {
	struct consumer *consumer;
	struct ledger **ledger;	  /* its connection; NULL there: away */
	enum delivery_state from; /* where its deliveries come from, and are put back to */
	enum flush_state state;
	struct delivery *entries[FLUSH_MAX]; /* sorted by key; the STORING ones */
	size_t size;
	struct weir_result results[FLUSH_MAX]; /* of those that are stored, by kind and key */
	struct delivery *owners[FLUSH_MAX];    /* whose result it is */
	size_t result_count;
	struct step steps[STEPS_MAX];
	size_t step_count, step_next;
	PGresult *claims; /* table_name and record_id of results point into it */
	struct params params;
	bool hopeful;  /* takes it that no item is final or unknown, which is seen in time */
	bool mistaken; /* that was wrong */
	int64_t careful_until_us;
	bool failed;
	size_t failed_step;
	bool by_plugin; /* its store() failed, and whose fault that is */
	enum ledger_fault plugin_fault;
	struct weir_error error;
	int64_t pause_until_us; /* after a failure that may pass */
	unsigned pauses;
	int lock_ms, statement_ms; /* that its statements may take; 0: as the connection's do */
	int64_t began_us;
};

/* A flush on a connection of its own. */
struct apart {
	struct flush flush;
	struct ledger *ledger; /* NULL: not open */
	struct comeback back;
	struct weir_error why; /* it could not be opened the last time */
	int64_t used_us;
	bool patient; /* it has what is slow, one at a time */
};

enum { APARTS = 2 };

/* What trials.c tells the ledger with. */
struct trials {
	struct ledger *ledger; /* NULL: not open */
	struct comeback back;
	struct params params;
	int64_t used_us;
	int64_t again_us; /* not before, since the ledger would not answer; the same for */
	int64_t leave_us; /* saying that the last one is over, */
	unsigned leaves;  /* after so many tries */
};

struct consumer {
	struct settings settings;
	struct consumer_options options;
	struct lane lanes[LANES_MAX]; /* in the order of their kinds */
	size_t lane_count;

	struct broker *broker; /* NULL: away */
	struct comeback broker_back;
	struct weir_error broker_why; /* it is away */
	uint64_t connection;	      /* counts the connections, so that no tag outlives its own */
	int64_t beat_us;	      /* when the broker was last heard or told something */
	int64_t drained_us;	      /* when all that it had sent was read */

	struct ledger *ledger; /* NULL: away */
	char ledger_id[LEDGER_ID_SIZE];
	struct comeback ledger_back;
	struct progress *progress;

	struct llm llm;
	struct asks *asks;  /* NULL: all models are local */
	struct buffer json; /* what map_json() wrote last */

	struct jobs jobs;
	struct presence presence;    /* of this process, for others */
	const char *name;	     /* of it, under which it holds shares */
	char before[PRESENCE_NAME];  /* of the worker before this one, which has ended; "": none */
	int64_t shares_us;	     /* when Redis is to be marked as knowing of all shares */
	bool shares_away;	     /* Redis did not answer the last request for one */
	struct weir_error redis_why; /* it cannot be used; "": it can */
	bool unproven;		     /* some wait for proof_turn(), */
	int64_t proof_us;	     /* but not before this */
	int64_t mark_us;	     /* when the mark of the virtual host was looked at */
	struct deliveries deliveries;
	struct flush flush;
	struct apart aparts[APARTS];
	struct errands errands;
	int64_t apart_until_us;	 /* until then something is stored apart; or waits for it */
	uint32_t groups;	 /* given so far */
	struct watched *watched; /* shared with the parent; NULL: there is none */
	struct mark *mark;	 /* whose code this is in; NULL: nobody looks */
	int64_t begin_until_us;	 /* in this turn of the loop; then the rest is late, */
	uint32_t late;		 /* and these may begin, */
	int64_t late_us;	 /* and would take so long; */
	bool by_turn;		 /* nobody begins before them, and they do so by turns: */
	uint64_t begin_turn;	 /* of the last one that has begun so; */
	int64_t begin_rest_us;	 /* none does before this, while a flush is under way */
	int64_t late_since_us;	 /* there was always one */
	int64_t trial_us;	 /* since when a trial waits for its turn; 0: none does */
	struct trials trials;
	struct errand telling[UNTOLD_MAX]; /* of what `watched` has */
	struct causes causes; /* why items were refused, divided, failed: for the log */
	char done_job[MESSAGE_NAME_MAX + 1]; /* seems done, and the relay is to be told */
	uint64_t done_count;		     /* items made final by this process */
	int64_t letters_apart_until_us;	     /* until then letters are stored apart */
	struct weir_error owed_why;	     /* a verdict waits for that, for long; "": none does */
	bool stopping;
};

/* consumer.c: works until *stop is 1 and what is in hand is stored, or *stop is 2. 0, or -1 when it
 * could not start. */
int consumer_run(struct consumer *c, volatile const sig_atomic_t *stop, struct weir_error *err);

/* intake.c: takes what the broker has sent, a turn's worth. */
void intake_turn(struct consumer *c);
bool intake_hungry(const struct consumer *c); /* whether there is room for more */
/* Hardly any memory is left for messages, of whatever kind: who waits does so elsewhere. */
bool intake_crowded(const struct consumer *c);
/* The same, or hardly any place of its kind. */
bool intake_crowds(const struct consumer *c, const struct delivery *one);
/* One more of its job may be WORKING beside what that has in memory: some is left to others. */
bool intake_lets(const struct consumer *c, const struct delivery *one);

/* held.c: lets a HELD delivery begin, drops it, refuses it, puts it off, or leaves it where it is.
 */
void held_offer(struct consumer *c, struct delivery *one, int64_t now);
void held_turn(struct consumer *c);			/* all of them */
bool held_rests(const struct consumer *c, int64_t now); /* the late ones wait for the flush */
void held_refuse(struct consumer *c, struct delivery *one, const struct weir_error *why);

/* proof.c: whether the message is known to be what the ledger has: its seal says so, or else
 * proof_turn() asks the ledger, when no flush is under way. */
bool proof_given(struct consumer *c, struct delivery *one);
void proof_turn(struct consumer *c);

/* control.c: asks the ledger about the jobs in hand, when that is due and no flush is under way. */
void control_turn(struct consumer *c);
bool control_due(const struct consumer *c, int64_t now);
int64_t control_next_us(const struct consumer *c); /* INT64_MAX: not by itself */
/* On the way out: what was noted as being in hand, and is not any more, is due. */
void control_give_back(struct consumer *c);

/* Somebody here has just paused it. */
void control_paused(struct consumer *c, struct job *job);

/* presence.c: tells others that this process is at work, between flushes. */
void consumer_tell(struct consumer *c);
/* Of Redis: one line when it begins. */
void consumer_redis_failed(struct consumer *c, const struct weir_error *why);
/* Whether it can be used: as it starts, and while it could not be. */
void consumer_check_redis(struct consumer *c);
void consumer_leave(struct consumer *c); /* on the way out */

/* lease.c: asks Redis for shares of the jobs in hand that have a limit. */
void lease_turn(struct consumer *c);
int64_t lease_next_us(const struct consumer *c);
void lease_end(struct consumer *c); /* gives all back */

/* work.c */
void work_lend(struct lane *lane);			   /* fills lane->host */
void work_start(struct consumer *c, struct delivery *one); /* HELD -> WORKING or ENDED */
/* From here on this process is in the code of its plugin, until mark_leave(c->mark). */
void work_enter(struct consumer *c, enum mark_phase phase, const struct delivery *one);
/* What is told of the kind, then the plugin's own check; item: the delivery's, or one like it. */
int work_check(struct consumer *c, const struct delivery *one, const struct weir_item *item,
	       struct weir_error *err) WEIR_MUST_CHECK;
void work_timers(struct consumer *c);		/* fires timers and deadlines */
int64_t work_next_us(const struct consumer *c); /* the next of them; INT64_MAX: none */
void work_fail(struct consumer *c, struct delivery *one, const char *code, const char *text);
/* Failed, and charged: tried again, not before after_ms (0: by the job's backoff), or the last
 * time. */
void work_retry(struct consumer *c, struct delivery *one, const struct weir_error *why,
		int64_t after_ms);
/* Put off, and not charged. */
void work_defer(struct consumer *c, struct delivery *one, int64_t for_us, const char *code,
		const char *text);
/* The same for what may last: the longer the item has waited for the same, in whoever's hand, the
 * longer is the pause (weir.longer_pause()). */
void work_wait(struct consumer *c, struct delivery *one, int64_t least_us, const char *code,
	       const char *text);
/* It cannot be worked on: failed for this reason, or, where that is only that this process knows
 * less than who has submitted it, put off, for a consumer that knows more. */
#define WORK_NOT_KNOWN "not_known_here"
void work_refuse(struct consumer *c, struct delivery *one, const struct weir_error *why);
/* As long as asked, or as the job's backoff says (0), within bounds. */
int64_t work_pause_us(const struct delivery *one, int64_t asked_ms);
/* Its request, in `result`, is to wait in the ledger; or waits there already. */
void work_asked(struct consumer *c, struct delivery *one);
/* Its item is final: only to be counted and acked. */
void work_drop(struct consumer *c, struct delivery *one);

/* trials.c: looks up the SUSPECT ones, which are HELD then like all others; and lets those begin
 * that are SUSPECT once more since they are on trial, one by one. */
void trials_turn(struct consumer *c);
bool trials_due(const struct consumer *c, int64_t now); /* it needs the ledger */
int64_t trials_next_us(const struct consumer *c);	/* INT64_MAX: not by itself */
bool trials_hold(const struct consumer *c); /* nobody else begins: one with crashes is next */
/* Before and behind each call of a plugin for one that may be on trial (`alone`; for others these
 * do nothing). ready_us: when begin may be called. begin: the ledger knows that the plugin is about
 * to be in its code; -1: it would not take that down, and the call has to wait. Each blocks for a
 * round trip.
 */
int64_t trials_ready_us(const struct delivery *one);
int trials_begin(struct consumer *c, struct delivery *one) WEIR_MUST_CHECK;
void trials_returned(struct consumer *c);
void trials_close(struct consumer *c);
/* Whether it waits until the ledger has been told of a crash in its code. */
bool trials_untold(const struct consumer *c, const struct delivery *one);
/* On the way out, with no flush under way: what came back and is final is acked, and what is in
 * hand was not ended by it. */
void trials_forget(struct consumer *c);
/* What workers before this one have left to be told: 0, or -1 when the ledger is gone. */
int trials_tell(struct consumer *c, struct weir_error *err) WEIR_MUST_CHECK;

/* settle.c: counts and acks the flush that was committed, and frees its deliveries. */
void settle(struct consumer *c, struct delivery **entries, size_t n);
void settle_tell(struct consumer *c); /* tells the relay of done_job, between flushes */

/* consumer.c */
/* When to try next after one failure more. */
void comeback_put_off(struct comeback *b);
void consumer_lose_broker(struct consumer *c, const struct weir_error *why);
void consumer_lose_ledger(struct consumer *c, const struct weir_error *why);
/* Loses it if it is gone, else writes one line. */
void consumer_ledger_failed(struct consumer *c, const char *event, const struct weir_error *why);

#endif
