/* remote_parts.h: what the files of the remote driver share. A drive is one remote batch of which
 * this process has the lease, with at most one call to the provider on the way.
 *
 * A step's call ends in its done(), which goes on with another step or lets the drive rest. Nobody
 * waits: a drive that waits for time gives its lease back, and next_at in the ledger says when it
 * is looked at again, by whomever. */
#ifndef WEIR_REMOTE_PARTS_H
#define WEIR_REMOTE_PARTS_H

#include "gaps.h"
#include "remote.h"
#include "weir/ledger.h"
#include "weir/message.h"
#include "weir/provider.h"

#define DRIVES_MAX 4	      /* at a time in one process */
#define REMOTE_LEASE_MS 30000 /* a driver that has died is outlived by it */
#define REMOTE_RENEW_US 8000000
#define REMOTE_TRIES_MAX 3    /* remote batches that came back without a request's answer */
#define REMOTE_APART_MS 1000  /* from one of these to the next, at least; four times that then */
#define REMOTE_LOOKS 5	      /* at results that are not whole, at least */
#define SEEN_SPARE 1000	      /* custom_ids in results, besides four times its requests */
#define REMOTE_CHUNK 500      /* lines of results in one transaction */
#define REMOTE_SKEW_MS 300000 /* how far times may be off that two clocks have told */
#define REMOTE_LINE_EXTRA 192 /* bytes of a line besides the request's body; at least */
#define REMOTE_ERROR_WAIT_MS 1000
#define REMOTE_NOT_YET "not_yet" /* no error: a step may not begin just now */
#define REMOTE_NOT_YET_MS 250	 /* and longer, each time */
#define REMOTE_NOT_YET_MOST_MS 2000
#define REMOTE_ID_TAKEN "id_taken" /* what the provider calls it is, or may be, another's */

enum drive_step {
	DRIVE_UPLOAD,
	DRIVE_CREATE,
	DRIVE_LIST, /* a creation got no answer: look whether it happened */
	DRIVE_POLL,
	DRIVE_CANCEL,
	DRIVE_RESULTS,
	DRIVE_ERRORS, /* more results, in a file of their own */
	DRIVE_REST,   /* no call: what is left when all results are read */
	DRIVE_STEPS
};

/* What becomes of a request whose line was read. */
enum request_lot {
	/* Goes into another remote batch, later each time; after REMOTE_TRIES_MAX that is its
	 * answer, and one that was missing in the last is lost: it is not asked for again by
	 * itself. */
	LOT_OPEN,
	LOT_ENDED, /* this is its answer */
	LOT_FREE,  /* open again, and it is not its own fault */
	LOT_UNREAD /* open, and what cannot be read of it may have been paid for */
};

/* The columns of weir.remote_batches that count. */
enum tally { TALLY_SUCCEEDED, TALLY_ERRORED, TALLY_CANCELED, TALLY_EXPIRED, TALLY_MISSING };

/* Requests on their way out, read from the ledger as they are sent. */
struct outgoing {
	struct buffer chunk; /* what was read, sent up to `at` */
	size_t at;
	int32_t last; /* ordinal */
	int64_t lines;
	int64_t left;	 /* bytes that were promised */
	char digest[33]; /* of the requests */
	bool ended;
	struct weir_error error;
};

/* Which lines of results have been seen, to find those that are of one custom_id. */
struct seen {
	size_t size, most; /* custom_ids; no more are taken in */
	size_t room;	   /* a power of two, or 0 */
	struct seen_line {
		uint64_t id, content; /* hashes, of the first; id 0: free */
		bool several;	      /* there are others */
	} * lines;
};

/* What is known of the results when all of them have been read, once. Good answers are stored as
 * they are read; what else there is only when it is known that there are no more of them, which
 * may stand at the end of the file: so where there is any, all is read once more. */
struct reading {
	bool others;		 /* the second time */
	int64_t others_left;	 /* lines for that */
	int64_t bad_lines;	 /* that say nothing, or not whose they are */
	int64_t billed;		 /* requests that had an answer in them, so far */
	struct weir_error fault; /* of the first of the bad lines */
	struct seen seen;
};

/* One line of results, as the ledger will have it; the texts are places in the chunk's. */
struct outcome_text {
	size_t at, size;
	bool absent;
};

struct outcome_row {
	char custom_id[MESSAGE_NAME_MAX + 1];
	enum request_lot lot;
	enum tally tally;
	bool again;
	bool twin; /* an answer, of a custom_id that has two which differ */
	struct usage usage;
	struct outcome_text call_id, answer, class, error;
};

struct outcomes {
	size_t size;
	struct buffer texts;
	struct weir_error stop; /* of a line that says that none will succeed; code "": none did */
	struct outcome_row rows[REMOTE_CHUNK];
};

/* Results on their way in. */
struct incoming {
	struct buffer line; /* that has no end yet */
	bool too_long;	    /* and is skipped */
	bool checked;	    /* the batch is ours */
	bool foreign;
	bool named;		 /* some line says whose it is */
	struct buffer head;	 /* what it begins with */
	struct weir_error error; /* why the reading was given up */
	struct outcomes outcomes;
};

/* How a remote batch ends for those of its requests that it has no line of. */
struct ending {
	const char *class;
	enum request_lot lot;
	enum tally tally;
	const char *text; /* where nothing else is said of it */
};

extern const struct ending ending_missing, ending_dropped, ending_failed, ending_refused,
	ending_stopped, ending_foreign;

extern const struct remote_info info_unknown;

struct drive {
	struct remote *remote;
	const struct model *model; /* NULL: a free place */
	enum drive_step step;
	struct http_call *call; /* NULL: none on the way */
	unsigned key_changes;	/* of the model, when it began */

	/* As the ledger has it. */
	int64_t id;
	char intent[40], job[MESSAGE_NAME_MAX + 1];
	char file_id[PROVIDER_ID_MAX + 1], remote_id[PROVIDER_ID_MAX + 1];
	int32_t stage, size, polls;
	int64_t created_ms, sent_ms;		 /* since 1970; 0: not sent */
	int64_t silent_ms;			 /* since it was sent last */
	int64_t absent_ms;			 /* -1: it is there */
	bool intended, running, cancelled, over; /* its job has ended */
	bool late;				 /* no provider works on it for so long */
	bool parted;				 /* some of its requests have left it */
	bool sent_before;			 /* and nobody knows what became of it */

	struct buffer texts, head, tail; /* of the call */
	struct remote_info info;	 /* as polled */
	struct reading read;
	struct outgoing out;
	struct incoming *in;
	/* DRIVE_LIST */
	char page[PROVIDER_ID_MAX + 1], found[PROVIDER_ID_MAX + 1];
	int64_t found_apart_ms;
	int64_t ahead_ms; /* the provider's clock, of the ledger's */
	int pages;
	bool all_seen;
	/* DRIVE_REST: what is said of requests that have no line. */
	struct {
		const struct ending *ending;
		struct weir_error error;
	} rest;
};

struct remote {
	struct remote_plan plan;
	struct ledger *ledger; /* NULL: away, or not needed so far */
	bool wanted;
	unsigned tries; /* to connect */
	int64_t back_us, look_us, renew_us;
	bool more;	       /* due remote batches, than drives */
	unsigned choose_first; /* of the groups that are ready */
	struct gaps gaps;
	struct params params, keys;
	struct drive drives[DRIVES_MAX];
};

/* ---- remote.c ---- */

/* One statement with r->params. 0, or -1: logged, and the caller gives up what it does. */
int remote_query(struct remote *r, const char *sql, PGresult **out,
		 struct weir_error *err) WEIR_MUST_CHECK;
int remote_do(struct remote *r, const char *sql, int64_t *rows,
	      struct weir_error *err) WEIR_MUST_CHECK;
/* Several statements, all or none of them; the result of the last may be wanted. */
struct remote_statement {
	const char *sql;
	const struct params *params;
};
int remote_together(struct remote *r, const struct remote_statement *some, size_t n,
		    PGresult **last, struct weir_error *err) WEIR_MUST_CHECK;
/* Models whose remote batches this process can drive; SIZE_MAX: at the end. */
const struct model *remote_model(const struct remote *r, size_t i);
void remote_add_models(struct remote *r); /* their names, as the next of r->params */

/* ---- remote_ids.c ---- */

/* Models of the same provider at the same address, as the next of r->params. */
void remote_add_place(struct remote *r, const struct model *at);
/* Whether what the provider has under an id may be taken for this remote batch; there_ms: its
 * clock. -1: not; code REMOTE_ID_TAKEN, or what kept us from looking. */
int drive_check_id(struct drive *d, const struct remote_info *info, int64_t there_ms,
		   struct weir_error *err) WEIR_MUST_CHECK;
/* After that, of a creation: it is given up, and its requests go into others, later each time. */
void drive_refuse_id(struct drive *d, const char *remote_id, const struct weir_error *why);

/* ---- remote_choose.c ---- */

/* Makes intents of open requests, and deletes those of jobs that have ended. */
void remote_choose(struct remote *r);

/* ---- remote_drive.c ---- */

void drives_take(struct remote *r, int64_t now_us);
void drives_renew(struct remote *r);
void drives_turn(struct remote *r);
bool drives_busy(const struct remote *r); /* some go on without a call */
void drives_forget(struct remote *r);	  /* without a word to the ledger */

/* Begins a step; what cannot begin rests. */
void drive_go(struct drive *d, enum drive_step step);
/* Gives the lease back until later. why (may be NULL) is shown in the ledger. */
void drive_pause(struct drive *d, int64_t for_ms, const struct weir_error *why);
/* The same after a call that failed, for as long as it says, or ever longer. */
void drive_failed(struct drive *d, const struct reply *why);
/* The provider does not know it, or has no results of it, or not all: it is looked at again, and
 * given up when that stays so for as long as a lost creation is looked for, and REMOTE_LOOKS times.
 */
void drive_absent(struct drive *d, const struct weir_error *why);
bool drive_is_last_look(const struct drive *d); /* of these */
/* It is there, and has not ended: it is looked at again. */
void drive_await(struct drive *d);
/* Until the next look, longer from one to the next. */
int64_t drive_interval_ms(const struct drive *d);
/* What is left of it ends so, and then it is done. why may be NULL. */
void drive_end(struct drive *d, const struct ending *ending, const struct weir_error *why);
/* The same of what had no line in the results. Where the provider says that it has answered more
 * than could be read, or nothing at all, what these cost is not known. */
void drive_end_rest(struct drive *d, const struct weir_error *why);
/* The provider has made nothing of it, and may later: the same again. */
void drive_repeat(struct drive *d, int64_t for_ms, const struct weir_error *why);
/* One of its requests is not what the provider takes; one that is alone ends so. */
void drive_divide(struct drive *d, const struct ending *alone, const struct weir_error *why);
void drive_stop_job(struct drive *d, const struct weir_error *why);
/* What the job will say, and a word of it in the log. */
void drive_stop_reason(const struct drive *d, const struct weir_error *why, struct weir_error *out);
void drive_log_stop(const struct drive *d, const struct weir_error *reason);
/* drive_params(): the row's id and this process as $1 and $2; the caller adds what more there is,
 * and writes. -1: failed, or the lease is somebody else's by now. */
struct params *drive_params(struct drive *d);
int drive_write(struct drive *d, const char *sql, struct weir_error *err) WEIR_MUST_CHECK;

/* ---- the steps ---- */

/* Fills the request; owner, done and times are set by the caller. */
typedef int drive_beginner(struct drive *d, struct http_request *q, struct weir_error *err);
typedef void drive_ender(struct drive *d, const struct http_response *r);

drive_beginner upload_begin, create_begin, list_begin, poll_begin, cancel_begin, results_begin,
	errors_begin;
drive_ender upload_done, create_done, list_done, poll_done, cancel_done, results_done, errors_done;

extern const char set_unsent[]; /* for drive_write(): its creation did not happen */

/* ---- remote_settle.c ---- */

struct outcome_text outcome_add(struct outcomes *o, struct weir_text text);
/* Stores them, and empties them: requests that leave the remote batch thereby are counted there,
 * and o->stop pauses the job if any were freed. One transaction; the same again changes nothing.
 * Without the lease nothing is said of requests that have no answer. */
int outcomes_store(struct drive *d, struct outcomes *o, struct weir_error *err) WEIR_MUST_CHECK;
/* How many of them are requests of this remote batch, with those that have left it before; -1. */
int64_t outcomes_of_ours(struct drive *d, const struct outcomes *o, struct weir_error *err);
/* How many requests have no outcome yet, and in how many there was an answer. */
int outcomes_left(struct drive *d, int64_t *left, struct weir_error *err) WEIR_MUST_CHECK;
/* The next of those that are left. 1: there are more; 0: none is left; -1. */
int outcomes_of_rest(struct drive *d, struct weir_error *err) WEIR_MUST_CHECK;

/* ---- remote_twins.c: two lines of one custom_id ---- */

enum sight { SIGHT_NEW, SIGHT_SAME, SIGHT_OTHER, SIGHT_TOO_MANY };
struct sighting {
	enum sight sight;
	bool several; /* as far as is known */
	uint64_t hash;
};
/* Whether there was a line of it before, with this content or with another. -1: out of memory. */
int seen_add(struct seen *s, const char *custom_id, const struct reply *content,
	     struct sighting *out) WEIR_MUST_CHECK;
void seen_release(struct seen *s);

#endif
