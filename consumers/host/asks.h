/* asks.h: what plugins ask of language models. Each ask belongs to a delivery that is WORKING, and
 * is in one state, and on the list of that state:
 *
 *   LOOKING -> READY -> CALLING -> ANSWERED -> the plugin's answer()
 *
 * LOOKING waits until the ledger has been read: whether the item is final, answered, being called
 * for by another consumer, or asked for in a remote batch. READY waits until its model's limits let
 * a call begin. ANSWERED waits until the answer is a row; nothing is done with it before. A bad
 * answer makes it READY once more. A model that works in remote batches has no calls: its asks end
 * after READY, with a request that the flush writes down.
 *
 * While the ledger is away no call begins: its answer could not be kept. Who was READY for so long
 * that another consumer may be calling by now looks again.
 *
 * LOOKING and READY are in the order of turns, in which the jobs that ask one model follow each
 * other. Who will not be called for soon is put off, and gives his place in the hand to others.
 *
 * The desk (desk.c) is what reads and writes the ledger for many asks at a time, on a connection of
 * its own, which is opened when something is asked. It blocks for its round trips, which are short.
 */
#ifndef WEIR_ASKS_H
#define WEIR_ASKS_H

#include "consumer.h"
#include "gaps.h"
#include "remote.h"
#include "weir/breaker.h"
#include "weir/http.h"
#include "weir/llm.h"
#include "weir/pace.h"
#include "weir/provider.h"

#define ASKS_TURN 200	       /* that the desk handles at a time */
#define ASKS_PAUSED_US 1000000 /* an ask of a paused job is put off by so much */

enum ask_state { ASK_NONE, ASK_LOOKING, ASK_READY, ASK_CALLING, ASK_ANSWERED, ASK_STATES };

/* What the ledger knows of an item's answers. */
struct ask_past {
	int final;    /* state of the item; 0: not final */
	bool asked;   /* its request waits for a remote batch */
	bool calling; /* nobody else is calling for it, and now we may */
	size_t bad;   /* answers of this round that were of no use */
	bool cut;     /* the last of them was cut at a limit of ours */
	/* Of all answers so far: how many, what was counted, and what is known of the cost;
	 * COST_UNKNOWN where that is more than can be held. */
	int64_t calls, usage_unknown, cost_unknown, cost;
	struct usage usage;
	char *answer; /* the good one, or else the last bad one; NULL: none */
	size_t answer_size;
	char call_id[PROVIDER_ID_MAX + 64]; /* of the good one */
	bool good;
	struct weir_error error; /* of the last bad one, or what a remote batch said */
	bool failed, again; /* a remote batch ended it without an answer; it may be asked again */
};

struct asks;
struct asked_model;

struct ask {
	enum ask_state state;
	struct asks *asks;
	struct ask *before, *after;
	struct delivery *one;
	const struct model *model;
	const struct template *template;
	struct asked_model *limits;
	struct ask_past past;
	struct http_call *call;
	struct prompt prompt;
	struct buffer body;
	uint64_t turn;			    /* among those that wait for the same model */
	unsigned key_changes;		    /* of its model, when the call began */
	int64_t tokens;			    /* taken of the model's limit */
	int64_t state_us;		    /* when it came into its state */
	struct reply reply;		    /* ANSWERED */
	char call_id[PROVIDER_ID_MAX + 64]; /* ANSWERED: under which the ledger has it */
	bool second;	    /* ANSWERED: the ledger has another good answer of the item */
	struct buffer json; /* ANSWERED: as the template wants it; empty: a bad answer */
	bool pausing;	    /* its job is to be paused, for the error of the reply */
	int64_t limit;	    /* tokens that the answer may have, */
	const char *whose;  /* and who says so, with the name of its `of` */
	const char *of;
};

struct ask_list {
	struct ask *first, *last;
	size_t size;
};

/* What this process does with one model at the moment. */
struct asked_model {
	const struct model *model;
	size_t ready, in_flight;
	size_t waiting;	  /* LOOKING or READY */
	size_t away;	  /* put off, and about so many have not come back */
	uint64_t turn;	  /* of the call that began last */
	int64_t rate_us;  /* since when ends of calls are counted, */
	size_t ended;	  /* how many there were, */
	double rate;	  /* and how many in a second before, */
	bool measured;	  /* if that is known */
	int64_t again_us; /* no call may begin before; INT64_MAX: before one ends */
	int64_t told_us;  /* when the log was last told of a call that failed; 0: never */
	bool answered;	  /* once, by this model, to this process */
	unsigned refused; /* items in a row, before any answer, all in the words of `refusal` */
	char refusal[160];
};

struct desk;

struct asks {
	struct consumer *consumer;
	struct ask *slots; /* one a delivery */
	size_t capacity;
	struct ask_list lists[ASK_STATES];
	struct asked_model models[MODELS_MAX];
	size_t model_count;
	struct http *http;
	struct pace *pace;
	struct breakers *breakers;
	struct desk *desk;
	struct remote *remote;
	size_t bytes;	   /* of the bodies of the calls in flight */
	int64_t way_us;	   /* when to look for those that have waited for too long */
	int64_t renew_us;  /* when our holds are to be renewed */
	size_t store_most; /* answers at a time: fewer, when the ledger would not take some */
	uint64_t made;	   /* ids for answers that came without one */
	struct gaps gaps;
};

/* 0, or -1. Nothing is done for a consumer whose models are all local. */
int asks_open(struct consumer *c, struct weir_error *err) WEIR_MUST_CHECK;
void asks_close(struct consumer *c);
/* What the worker before this one called for may be called for at once, by whoever gets it. Blocks
 * for a round trip, where there was one. */
void asks_let_go(struct consumer *c);
/* Goes on with all of them, as far as that goes without waiting for a provider. */
void asks_turn(struct consumer *c);
int64_t asks_next_us(const struct consumer *c); /* INT64_MAX: not by itself */
int asks_fd(const struct consumer *c);		/* to poll for reading; -1: none */

/* weir_host.find_model and ask, and what becomes of an ask whose work has ended without it. */
int asks_find_model(const struct consumer *c, const struct weir_item *item, struct weir_error *err);
void asks_begin(struct consumer *c, struct delivery *one);
void asks_cancel(struct consumer *c, const struct delivery *one);
/* The ledger was away: perhaps it has forgotten who is calling. */
void asks_ledger_back(struct consumer *c);
/* Requests have been committed. */
void asks_requested(struct consumer *c);

/* ---- among the files of asks ---- */

/* The one change of state. NONE frees what it holds. */
void ask_move(struct asks *a, struct ask *ask, enum ask_state to);
/* Ends it: what becomes of the delivery is then said through work.c. */
struct delivery *ask_end(struct ask *ask);

/* ask_room.c: takes its turn among those that ask the same model. */
void ask_take_turn(struct ask *ask);
/* Puts off those that will not be called for soon. */
void ask_make_room(struct asks *a, int64_t now);
int64_t ask_room_us(const struct asks *a); /* when that may be needed */

/* ask_call.c: READY -> CALLING, or to an end, as far as limits and memory let them. */
void ask_begin_calls(struct asks *a);

/* ask_answer.c: whether the template takes the text; if so json is set, else *why says why not.
 * cut: the model had reached a limit. */
bool ask_check(struct ask *ask, struct weir_text text, bool cut, struct weir_error *why);
/* What has been read of the past, or has been stored now: a good answer goes to the plugin, a bad
 * one to the model once more. */
void ask_decide(struct ask *ask);
void ask_judge(struct ask *ask);

#endif
