#include "run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apart.h"
#include "relay.h"
#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/log.h"

#define CONFIRM_MS 5000 /* others wait; longer than that it may take apart from them */
#define TAKE_EVERY 200	/* rows published between two looks at what the broker says */
#define RESULTS_MAX 8
#define START_AGAIN_US 1000000

/* Whether some are left to be started, since somebody has locked their rows. */
#define START(condition)                                                                           \
	"WITH p AS MATERIALIZED (SELECT job_id FROM weir.jobs j WHERE " condition                  \
	"  AND status = 'pending'),"                                                               \
	" l AS MATERIALIZED (SELECT job_id FROM weir.jobs j WHERE " condition                      \
	"  AND status = 'pending' ORDER BY job_id FOR NO KEY UPDATE SKIP LOCKED),"                 \
	" u AS (UPDATE weir.jobs j SET status = 'running',"                                        \
	"  started_at = coalesce(started_at, now()) FROM l WHERE j.job_id = l.job_id)"             \
	"SELECT (SELECT count(*) FROM p) > (SELECT count(*) FROM l)"
static const char start_jobs[] = START("job_id = ANY ($1::text[])");
static const char start_left[] =
	START("NOT counted AND ($1::text IS NULL OR job_id = $1) AND EXISTS (SELECT"
	      " FROM weir.job_batches b WHERE b.job_id = j.job_id AND b.status = 'queued')");

void run_end(struct run *run)
{
	PQclear(run->rows);
	free(run->states);
	run->rows = NULL;
	run->states = NULL;
	run->count = run->sent = run->confirmed = 0;
	free(run->broken);
	run->broken = NULL;
	run->broken_count = run->broken_room = 0;
	run->claiming = run->open = run->late = run->nacked = false;
}

void run_abandon(struct run *run)
{
	bool busy = run->claiming || run->open;
	run_end(run);
	if (!run->ledger || (!busy && ledger_alive(run->ledger)))
		return;
	ledger_close(run->ledger);
	run->ledger = NULL;
}

void run_give_back(struct run *run)
{
	struct weir_error ignored;
	bool idle = run->open && !run->claiming && run->ledger && ledger_alive(run->ledger);
	if (idle && ledger_do(run->ledger, "ROLLBACK", NULL, NULL, &ignored) == 0)
		run_end(run);
	else
		run_abandon(run);
}

bool run_unconfirmed(const struct run *run)
{
	return run->states && memchr(run->states, ROW_SENT, (size_t)run->count);
}

/* ---- claiming ---- */

int run_claim(struct relay *r, struct run *run, const struct outbox *outbox, struct weir_error *err)
{
	struct params *p = &r->params;
	run->outbox = outbox;
	params_reset(p);
	if (run->picks.count > 0) {
		schedule_add(p, &run->picks);
		params_big(p, RUN_BYTES);
	} else {
		params_big(p, outbox->most);
		params_string(p, r->only_job);
		params_big(p, RUN_BYTES);
		apart_add_left(r, run, p);
	}
	if (ledger_send(run->ledger, "BEGIN", NULL, true, err) < 0 ||
	    ledger_send(run->ledger, outbox->claim, p, true, err) < 0 ||
	    ledger_sync(run->ledger, err) < 0)
		return -1;
	run->claiming = true;
	return 0;
}

/* Takes a pipeline to its end; its results, in order, are the caller's to clear. */
static int take_pipeline(struct ledger *l, PGresult *results[RESULTS_MAX], struct weir_error *err)
{
	int n = 0;
	bool failed = false;
	for (;;) {
		PGresult *result = NULL;
		struct weir_error later;
		switch (ledger_wait(l, &result, failed ? &later : err)) {
		case LEDGER_RESULT:
			if (n < RESULTS_MAX)
				results[n++] = result;
			else
				PQclear(result);
			break;
		case LEDGER_SYNCED:
			return failed ? -1 : 0;
		default:
			failed = true;
			if (!ledger_alive(l))
				return -1;
		}
	}
}

static void clear_all(PGresult *results[RESULTS_MAX])
{
	for (int i = 0; i < RESULTS_MAX; i++)
		PQclear(results[i]);
}

int run_take(struct relay *r, struct run *run, struct weir_error *err)
{
	PGresult *results[RESULTS_MAX] = {NULL}; /* of BEGIN, the claim */
	run->claiming = false;
	run->open = true;
	int rc = take_pipeline(run->ledger, results, err);
	if (rc == 0) {
		run->rows = results[1];
		results[1] = NULL;
		run->count = PQntuples(run->rows);
		if (run->picks.count > 0)
			schedule_taken(
				r, run->outbox == &outbox_retries ? OUTBOX_RETRIES : OUTBOX_BATCHES,
				&run->picks, run->rows);
	}
	clear_all(results);
	if (rc < 0)
		return -1;
	if (run->count == 0) {
		rc = ledger_do(run->ledger, "COMMIT", NULL, NULL, err);
		run_end(run);
		return rc;
	}
	run->states = calloc((size_t)run->count, 1);
	return run->states ? 0 : weir_fail_memory(err);
}

/* ---- publishing ---- */

static int send_row(struct run *run, int row, struct broker_message *m, struct weir_error *err)
{
	char id[OUTGOING_ID_MAX], exchange[NAMES_MAX];
	uint64_t number;
	run->outbox->id(run->rows, row, id);
	exchange_name(run->outbox->exchange, exchange);
	m->exchange = exchange;
	m->message_id = id;
	m->optional = run->outbox->optional;
	run->states[row] = ROW_SENT; /* also when that fails: it may be on its way */
	if (broker_publish(run->wire->broker, m, &number, err) < 0) {
		wire_lose(run->wire, err);
		return -1;
	}
	if (run->first == 0)
		run->first = number;
	failpoint("published");
	return 0;
}

static void leave_out(struct run *run, int row, enum row_state state)
{
	run->states[row] = (uint8_t)state;
	run->confirmed++;
}

static int leave_out_broken(struct relay *r, struct run *run, int row, const struct weir_error *why,
			    struct weir_error *err)
{
	char id[OUTGOING_ID_MAX];
	if (run->broken_count == run->broken_room) {
		int room = run->broken_room ? 2 * run->broken_room : 8;
		struct broken *more = realloc(run->broken, (size_t)room * sizeof *more);
		if (!more)
			return weir_fail_memory(err);
		run->broken = more;
		run->broken_room = room;
	}
	run->broken[run->broken_count++] = (struct broken){.row = row, .why = *why};
	run->outbox->id(run->rows, row, id);
	causes_note(&r->causes, LOG_ERROR, "item_unpublishable", "", id, 1, why);
	leave_out(run, row, ROW_BROKEN);
	return 0;
}

/* What the broker has told of once would end the connection each time. */
static int check_size(const struct wire *wire, const struct broker_message *m,
		      struct weir_error *err)
{
	if (wire->most == 0 || m->body_size <= wire->most)
		return 0;
	return weir_fail(err, "oversized",
			 "its message has %zu bytes, and the broker takes %" PRIu64
			 " (max_message_size)",
			 m->body_size, wire->most);
}

static int publish_row(struct relay *r, struct run *run, int row, struct weir_error *err)
{
	struct weir_error why, broken;
	struct broker_message m = {.body = NULL};
	switch (run->outbox->encode(&r->outgoing, run->rows, row, &m, &why)) {
	case OUTGOING_READY:
		if (check_size(run->wire, &m, &why) < 0)
			return leave_out_broken(r, run, row, &why, err);
		return send_row(run, row, &m, err);
	case OUTGOING_NOTHING:
		leave_out(run, row, ROW_NOTHING);
		return 0;
	case OUTGOING_BROKEN:
		weir_fail(&broken, "unpublishable", "it cannot be written as a message: %s",
			  why.text);
		return leave_out_broken(r, run, row, &broken, err);
	default:
		*err = why;
		return -1;
	}
}

int run_publish(struct relay *r, struct run *run, int from, int to, struct weir_error *err)
{
	if (from == 0)
		run->first = 0;
	for (int row = from; row < to; row++) {
		if (row % TAKE_EVERY == 0 && confirms_hear(r, run->wire, 0, err) < 0)
			return -1;
		run->sent = row + 1;
		if (publish_row(r, run, row, err) < 0)
			return -1;
	}
	return 0;
}

static int await_confirms(struct relay *r, struct run *run, struct weir_error *err)
{
	int64_t until = clock_us() + (int64_t)CONFIRM_MS * 1000;
	while (run->confirmed < run->count) {
		if (confirms_hear(r, run->wire, 100, err) < 0)
			return -1;
		run->late = clock_us() > until;
		if (run->late || *r->stop > 1)
			return weir_fail(err, "unconfirmed", "%d of %d messages were not confirmed",
					 run->count - run->confirmed, run->count);
	}
	return 0;
}

/* ---- marking ---- */

/* The first row of each unit for which `refused` is right: a batch in which one message was refused
 * is refused as a whole, and one in which one can never be a message is marked all the same. */
static int select_units(const struct run *run, bool refused, int *first)
{
	bool (*same)(const PGresult *, int, int) = run->outbox->same_unit;
	int n = 0;
	for (int from = 0, to; from < run->count; from = to) {
		bool bad = run->states[from] == ROW_REFUSED;
		for (to = from + 1; to < run->count && same && same(run->rows, from, to); to++)
			bad |= run->states[to] == ROW_REFUSED;
		bool alone_broken = !same && run->states[from] == ROW_BROKEN;
		if (bad == refused && !alone_broken)
			first[n++] = from;
	}
	return n;
}

static int send_start(struct relay *r, struct run *run, const int *which, int n,
		      struct weir_error *err)
{
	struct params *p = &r->params;
	if (!run->outbox->starts_jobs)
		return 0;
	params_reset(p);
	params_array(p, TYPE_TEXT, (size_t)n);
	for (int i = 0; i < n; i++)
		params_add_text(p, ledger_text(run->rows, which[i], COL_JOB));
	params_array_end(p);
	return ledger_send(run->ledger, start_jobs, p, true, err);
}

void run_start_left(struct relay *r)
{
	struct weir_error why;
	PGresult *rows = NULL;
	if (!r->start_left || clock_us() < r->start_us)
		return;
	r->start_us = clock_us() + START_AGAIN_US;
	params_reset(&r->params);
	params_string(&r->params, r->only_job);
	if (ledger_query(r->ledger, start_left, &r->params, true, &rows, &why) == 0)
		r->start_left = ledger_bool(rows, 0, 0);
	else if (!ledger_alive(r->ledger))
		relay_lose_ledger(r, &why);
	PQclear(rows);
}

static int send_marked(struct relay *r, struct run *run, int *which, struct weir_error *err)
{
	int n = select_units(run, false, which);
	if (n == 0)
		return 0;
	params_reset(&r->params);
	run->outbox->unit_keys(&r->params, run->rows, which, n);
	if (ledger_send(run->ledger, run->outbox->mark, &r->params, true, err) < 0)
		return -1;
	return send_start(r, run, which, n, err);
}

/* Once, until it takes all again. Of a kind that is told by apart.c. */
static void tell_refused(struct run *run, int n)
{
	char exchange[NAMES_MAX];
	if (run->picks.count > 0 || run->wire->refusal_told)
		return;
	run->wire->refusal_told = true;
	exchange_name(run->outbox->exchange, exchange);
	log_event(LOG_ERROR, "batches_refused", "count=%d of=%s exchange=%s text=\"%s\"", n,
		  run->outbox->name, exchange,
		  run->outbox->optional
			  ? "a queue that is bound to it is full "
			    "(x-overflow=reject-publish), or does not confirm: " WHICH_QUEUES
			    ". They are tried again after pauses that grow"
			  : "the queue of the kind is full or missing, or another "
			    "queue that is bound to it is full "
			    "(x-overflow=reject-publish), or does not confirm: " WHICH_QUEUES
			    ". They are tried again after pauses that grow");
}

static int send_refused(struct relay *r, struct run *run, int *which, struct weir_error *err)
{
	int n = select_units(run, true, which);
	if (n == 0)
		return 0;
	tell_refused(run, n);
	params_reset(&r->params);
	run->outbox->unit_keys(&r->params, run->rows, which, n);
	return ledger_send(run->ledger, run->outbox->put_off, &r->params, true, err);
}

static int mark(struct relay *r, struct run *run, struct weir_error *err)
{
	PGresult *results[RESULTS_MAX] = {NULL};
	int rc = -1;
	int *which = calloc((size_t)run->count, sizeof *which);
	if (!which)
		return weir_fail_memory(err);
	failpoint("confirmed");
	if (send_marked(r, run, which, err) == 0 && send_refused(r, run, which, err) == 0 &&
	    ledger_send(run->ledger, "COMMIT", NULL, true, err) == 0 &&
	    ledger_sync(run->ledger, err) == 0)
		rc = take_pipeline(run->ledger, results, err);
	failpoint("marked");
	if (rc == 0 && results[1] && PQnfields(results[1]) == 1) /* behind what is marked */
		r->start_left |= ledger_bool(results[1], 0, 0);
	clear_all(results);
	free(which);
	return rc;
}

int run_finish(struct relay *r, struct run *run, struct weir_error *err)
{
	if (mark(r, run, err) < 0)
		return -1;
	r->published += (uint64_t)run->count;
	if (run->picks.count > 0)
		publish_settled(r, run);
	run->open = false;
	if (run->broken_count == 0)
		run_end(run);
	return 0;
}

int run_settle(struct relay *r, struct run *run, struct weir_error *err)
{
	if (!run->open)
		return 0;
	return await_confirms(r, run, err) < 0 ? -1 : run_finish(r, run, err);
}

static struct weir_text text_of(const char *text) { return (struct weir_text){text, strlen(text)}; }

static void add_reasons(struct params *p, const struct run *run)
{
	params_array(p, TYPE_TEXT, (size_t)run->broken_count);
	for (int i = 0; i < run->broken_count; i++)
		params_add_text(p, text_of(run->broken[i].why.code));
	params_array_end(p);
	params_array(p, TYPE_TEXT, (size_t)run->broken_count);
	for (int i = 0; i < run->broken_count; i++)
		params_add_text(p, text_of(run->broken[i].why.text));
	params_array_end(p);
}

/* Somebody has locked what they are counted in, say. */
static int hold_broken(struct relay *r, struct run *run, struct weir_error *err)
{
	char id[OUTGOING_ID_MAX];
	struct weir_error why = *err;
	if (ledger_do(run->ledger, run->outbox->hold, &r->params, NULL, err) < 0)
		return -1;
	run->outbox->id(run->rows, run->broken[0].row, id);
	causes_note(&r->causes, LOG_WARN, "items_not_failed", "", id, (size_t)run->broken_count,
		    &why);
	return 0;
}

int run_fail_broken(struct relay *r, struct run *run, struct weir_error *err)
{
	if (!run->rows)
		return 0;
	int *which = calloc((size_t)run->broken_count + 1, sizeof *which);
	if (!which)
		return weir_fail_memory(err);
	for (int i = 0; i < run->broken_count; i++)
		which[i] = run->broken[i].row;
	params_reset(&r->params);
	run->outbox->row_keys(&r->params, run->rows, which, run->broken_count);
	add_reasons(&r->params, run);
	int rc = ledger_do(run->ledger, run->outbox->fail, &r->params, NULL, err);
	free(which);
	if (rc < 0 && run->outbox->hold && ledger_alive(run->ledger))
		rc = hold_broken(r, run, err);
	run_end(run);
	return rc;
}
