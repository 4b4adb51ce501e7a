/* Publishing: rows that are due go to the broker. There are two runs, each with a transaction of
 * its own, so that one is claimed and marked in the database while the other is with the broker. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay.h"
#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/log.h"
#include "weir/message.h"
#include "weir/topology.h"

#define CONFIRM_MS 30000
#define TAKE_EVERY 200	/* rows published between two looks at what the broker says */
#define PASS_US 1000000 /* then others have their turn: heartbeats, jobs, dead letters */
#define REFUSED_PAUSE "5 seconds"

enum row_state { ROW_UNSENT, ROW_SENT, ROW_CONFIRMED, ROW_REFUSED, ROW_BROKEN };

#define ITEM_COLUMNS                                                                               \
	" i.ordinal, i.custom_id, i.context::text, i.payload::text, d.kind, d.epoch, d.attempt,"   \
	" i.ordinal / d.batch_size"

static const char claim_batches[] =
	"WITH d AS (SELECT b.job_id, b.stage, b.n, b.size, j.kind, j.epoch, j.batch_size,"
	"  0 AS attempt FROM weir.job_batches b JOIN weir.jobs j USING (job_id)"
	" WHERE b.status = 'pending_queue' AND b.due_at <= now()"
	"  AND j.status IN ('pending', 'running') AND ($2::text IS NULL OR b.job_id = $2)"
	" ORDER BY b.due_at, b.job_id, b.stage, b.n LIMIT $1 FOR UPDATE OF b SKIP LOCKED)"
	"SELECT d.job_id, d.stage::int4," ITEM_COLUMNS
	" FROM d CROSS JOIN LATERAL (SELECT * FROM weir.items i WHERE i.job_id = d.job_id"
	"  AND i.stage = d.stage AND i.ordinal >= d.n * d.batch_size"
	"  AND i.ordinal < d.n * d.batch_size + d.size ORDER BY i.ordinal OFFSET 0) i";

static const char claim_retries[] =
	"WITH d AS (SELECT w.job_id, w.stage, w.ordinal, j.kind, j.epoch, j.batch_size,"
	"  w.attempts AS attempt FROM weir.retries w JOIN weir.jobs j USING (job_id)"
	" WHERE w.due_at <= now() AND w.due_at < 'infinity' AND j.status IN ('pending', 'running')"
	"  AND ($2::text IS NULL OR w.job_id = $2)"
	" ORDER BY w.due_at LIMIT $1 FOR UPDATE OF w SKIP LOCKED)"
	"SELECT d.job_id, d.stage::int4," ITEM_COLUMNS
	" FROM d JOIN weir.items i USING (job_id, stage, ordinal)";

static const char mark_batches[] =
	"UPDATE weir.job_batches b SET status = 'queued', queued_at = now()"
	" FROM unnest($1::text[], $2::int4[], $3::int4[]) AS u(job_id, stage, n)"
	" WHERE b.job_id = u.job_id AND b.stage = u.stage AND b.n = u.n";

static const char put_off_batches[] =
	"UPDATE weir.job_batches b SET due_at = now() + interval '" REFUSED_PAUSE "'"
	" FROM unnest($1::text[], $2::int4[], $3::int4[]) AS u(job_id, stage, n)"
	" WHERE b.job_id = u.job_id AND b.stage = u.stage AND b.n = u.n";

static const char mark_retries[] =
	"UPDATE weir.retries w SET due_at = 'infinity'"
	" FROM unnest($1::text[], $2::int4[], $3::int4[]) AS u(job_id, stage, ordinal)"
	" WHERE w.job_id = u.job_id AND w.stage = u.stage AND w.ordinal = u.ordinal";

static const char put_off_retries[] =
	"UPDATE weir.retries w SET due_at = now() + interval '" REFUSED_PAUSE "'"
	" FROM unnest($1::text[], $2::int4[], $3::int4[]) AS u(job_id, stage, ordinal)"
	" WHERE w.job_id = u.job_id AND w.stage = u.stage AND w.ordinal = u.ordinal";

static const char fail_items[] =
	"INSERT INTO weir.results (job_id, stage, ordinal, status, attempts, error_class, error)"
	" SELECT job_id, stage, ordinal, 2, 0, 'unpublishable',"
	"  'the item cannot be written as a message: it is too large or too deep'"
	" FROM unnest($1::text[], $2::int4[], $3::int4[]) AS u(job_id, stage, ordinal)"
	" ON CONFLICT DO NOTHING";

static const char start_jobs[] = "UPDATE weir.jobs SET status = 'running', started_at = now()"
				 " WHERE job_id = ANY ($1::text[]) AND status = 'pending'";

/* ---- what the broker says ---- */

static void set_state(struct run *run, int row, enum row_state state)
{
	if (run->states[row] == ROW_SENT)
		run->confirmed++;
	/* A returned message is acked all the same: it stays refused. */
	if (run->states[row] != ROW_REFUSED)
		run->states[row] = (uint8_t)state;
}

/* Rows are numbered in the order in which they were sent; broken ones were not. */
static void confirm(struct run *run, uint64_t tag, bool multiple, enum row_state state)
{
	uint64_t number = run->first;
	for (int row = 0; row < run->sent; row++) {
		if (run->states[row] == ROW_BROKEN)
			continue;
		if (number == tag || (multiple && number < tag && run->states[row] == ROW_SENT))
			set_state(run, row, state);
		if (number >= tag)
			return;
		number++;
	}
}

static struct weir_text column(const struct run *run, int row, int at)
{
	return ledger_text(run->rows, row, at);
}

static void returned(struct run *run, const char *id)
{
	char own[OUTGOING_ID_MAX];
	for (int row = 0; row < run->sent; row++) {
		outgoing_id(run->rows, row, own);
		if (run->states[row] != ROW_SENT || strcmp(own, id) != 0)
			continue;
		run->states[row] = ROW_REFUSED;
		run->confirmed++;
		return;
	}
}

static void handle(struct relay *r, const struct broker_event *event)
{
	switch (event->type) {
	case BROKER_ACK:
	case BROKER_NACK:
		for (int i = 0; i < 2; i++)
			if (r->runs[i].open && r->runs[i].sent > 0)
				confirm(&r->runs[i], event->tag, event->multiple,
					event->type == BROKER_ACK ? ROW_CONFIRMED : ROW_REFUSED);
		break;
	case BROKER_RETURN:
		for (int i = 0; i < 2; i++)
			if (r->runs[i].open)
				returned(&r->runs[i], event->message_id);
		break;
	case BROKER_BLOCKED:
	case BROKER_UNBLOCKED:
		r->blocked = event->type == BROKER_BLOCKED;
		log_event(LOG_WARN, r->blocked ? "broker_blocked" : "broker_unblocked",
			  "text=\"the broker is %s publishers\"",
			  r->blocked ? "in alarm and does not read from" : "reading again from");
		break;
	default:
		break;
	}
}

static int take(struct relay *r, int timeout_ms)
{
	struct broker_event event;
	struct weir_error why;
	do {
		if (broker_next(r->broker, timeout_ms, &event, &why) < 0) {
			relay_lose_broker(r, &why);
			return -1;
		}
		handle(r, &event);
		timeout_ms = 0;
	} while (event.type != BROKER_NOTHING);
	return 0;
}

/* In an alarm nothing is confirmed: the run is given up, and waits in the ledger instead. */
static int hear(struct relay *r, int timeout_ms, struct weir_error *err)
{
	if (take(r, timeout_ms) < 0)
		return weir_fail(err, "broker", "the connection was lost");
	if (r->blocked)
		return weir_fail(err, "broker_blocked", "the broker is in alarm");
	return 0;
}

void publish_take(struct relay *r)
{
	if (r->broker)
		(void)take(r, 0);
}

/* ---- one run ---- */

static void end_run(struct run *run)
{
	PQclear(run->rows);
	free(run->states);
	run->rows = NULL;
	run->states = NULL;
	run->count = run->sent = run->confirmed = 0;
	run->claiming = run->open = false;
}

static int begin_claim(struct relay *r, struct run *run, bool retries, struct weir_error *err)
{
	int64_t most = retries ? r->options.batches * 100 : r->options.batches;
	run->retries = retries;
	params_reset(&r->params);
	params_big(&r->params, most);
	params_string(&r->params, r->only_job);
	if (ledger_send(run->ledger, "BEGIN", NULL, true, err) < 0 ||
	    ledger_send(run->ledger, retries ? claim_retries : claim_batches, &r->params, true,
			err) < 0 ||
	    ledger_sync(run->ledger, err) < 0)
		return -1;
	run->claiming = true;
	return 0;
}

/* Takes a pipeline to its end; *last is the result of its last statement. */
static int take_pipeline(struct ledger *l, PGresult **last, struct weir_error *err)
{
	bool failed = false;
	for (;;) {
		PGresult *result = NULL;
		struct weir_error later;
		switch (ledger_wait(l, &result, failed ? &later : err)) {
		case LEDGER_RESULT:
			PQclear(*last);
			*last = result;
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

static int end_claim(struct run *run, struct weir_error *err)
{
	run->claiming = false;
	run->open = true;
	if (take_pipeline(run->ledger, &run->rows, err) < 0)
		return -1;
	run->count = PQntuples(run->rows);
	if (run->count == 0)
		return 0;
	run->states = calloc((size_t)run->count, 1);
	return run->states ? 0 : weir_fail_memory(err);
}

static int send_row(struct relay *r, struct run *run, int row, const char *id,
		    struct weir_error *err)
{
	char kind[KIND_MAX + 1];
	uint64_t number;
	struct weir_error why;
	struct weir_text name = column(run, row, COL_KIND);
	snprintf(kind, sizeof kind, "%.*s", (int)name.size, name.data);
	const struct broker_message m = {.exchange = EXCHANGE_ITEMS,
					 .key = kind,
					 .content_type = MESSAGE_TYPE_MSGPACK,
					 .type = kind,
					 .message_id = id,
					 .body = r->outgoing.body.data,
					 .body_size = r->outgoing.body.size};
	if (broker_publish(r->broker, &m, &number, &why) < 0) {
		relay_lose_broker(r, &why);
		return weir_fail(err, why.code, "%s", why.text);
	}
	if (run->first == 0)
		run->first = number;
	run->states[row] = ROW_SENT;
	failpoint("published");
	return 0;
}

static int publish_row(struct relay *r, struct run *run, int row, struct weir_error *err)
{
	char id[OUTGOING_ID_MAX];
	outgoing_id(run->rows, row, id);
	switch (outgoing_encode(&r->outgoing, run->rows, row, err)) {
	case OUTGOING_READY:
		return send_row(r, run, row, id, err);
	case OUTGOING_BROKEN:
		log_event(LOG_ERROR, "item_unpublishable", "item=%s error=\"%s\"", id, err->text);
		run->states[row] = ROW_BROKEN;
		run->confirmed++;
		return 0;
	default:
		return -1;
	}
}

static int publish_rows(struct relay *r, struct run *run, int from, int to, struct weir_error *err)
{
	if (from == 0)
		run->first = 0;
	for (int row = from; row < to; row++) {
		if (row % TAKE_EVERY == 0 && hear(r, 0, err) < 0)
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
		if (hear(r, 100, err) < 0)
			return -1;
		if (clock_us() > until || *r->stop > 1)
			return weir_fail(err, "broker", "%d of %d messages were not confirmed",
					 run->count - run->confirmed, run->count);
	}
	return 0;
}

/* ---- marking ---- */

static bool same_unit(const struct run *run, int a, int b)
{
	int unit = run->retries ? COL_ORDINAL : COL_BATCH;
	struct weir_text x = column(run, a, COL_JOB), y = column(run, b, COL_JOB);
	return ledger_int(run->rows, a, unit) == ledger_int(run->rows, b, unit) &&
	       ledger_int(run->rows, a, COL_STAGE) == ledger_int(run->rows, b, COL_STAGE) &&
	       x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
}

/* The first row of each unit (a batch, or a retry) for which `refused` is right: a batch in which
 * one message was refused is refused as a whole. */
static int select_units(const struct run *run, bool refused, int *first)
{
	int n = 0;
	for (int from = 0, to; from < run->count; from = to) {
		bool bad = false;
		for (to = from; to < run->count && same_unit(run, from, to); to++)
			bad |= run->states[to] == ROW_REFUSED;
		if (bad == refused)
			first[n++] = from;
	}
	return n;
}

static int select_broken(const struct run *run, int *rows)
{
	int n = 0;
	for (int row = 0; row < run->count; row++)
		if (run->states[row] == ROW_BROKEN)
			rows[n++] = row;
	return n;
}

static void add_ints(struct params *p, const struct run *run, int at, const int *rows, int n)
{
	params_array(p, TYPE_INT4, (size_t)n);
	for (int i = 0; i < n; i++)
		params_add_int(p, ledger_int(run->rows, rows[i], at));
	params_array_end(p);
}

static void add_jobs(struct params *p, const struct run *run, const int *rows, int n)
{
	params_array(p, TYPE_TEXT, (size_t)n);
	for (int i = 0; i < n; i++)
		params_add_text(p, column(run, rows[i], COL_JOB));
	params_array_end(p);
}

static int send_units(struct relay *r, struct run *run, const char *sql, int unit, const int *rows,
		      int n, struct weir_error *err)
{
	if (n == 0)
		return 0;
	params_reset(&r->params);
	add_jobs(&r->params, run, rows, n);
	add_ints(&r->params, run, COL_STAGE, rows, n);
	add_ints(&r->params, run, unit, rows, n);
	return ledger_send(run->ledger, sql, &r->params, true, err);
}

static int send_marks(struct relay *r, struct run *run, int *rows, struct weir_error *err)
{
	int unit = run->retries ? COL_ORDINAL : COL_BATCH;
	int n = select_units(run, false, rows);
	if (send_units(r, run, run->retries ? mark_retries : mark_batches, unit, rows, n, err) < 0)
		return -1;
	if (n > 0) {
		params_reset(&r->params);
		add_jobs(&r->params, run, rows, n);
		if (ledger_send(run->ledger, start_jobs, &r->params, true, err) < 0)
			return -1;
	}
	n = select_units(run, true, rows);
	if (n > 0)
		log_event(LOG_ERROR, "batches_refused",
			  "count=%d text=\"the broker did not take "
			  "them: is the queue bound and not full? They are tried again\"",
			  n);
	if (send_units(r, run, run->retries ? put_off_retries : put_off_batches, unit, rows, n,
		       err) < 0)
		return -1;
	n = select_broken(run, rows);
	return send_units(r, run, fail_items, COL_ORDINAL, rows, n, err);
}

static int mark(struct relay *r, struct run *run, struct weir_error *err)
{
	PGresult *last = NULL;
	int rc = -1;
	int *rows = calloc((size_t)run->count, sizeof *rows);
	if (!rows)
		return weir_fail_memory(err);
	failpoint("confirmed");
	if (send_marks(r, run, rows, err) == 0 &&
	    ledger_send(run->ledger, "COMMIT", NULL, true, err) == 0 &&
	    ledger_sync(run->ledger, err) == 0)
		rc = take_pipeline(run->ledger, &last, err);
	failpoint("marked");
	PQclear(last);
	free(rows);
	return rc;
}

static int settle(struct relay *r, struct run *run, struct weir_error *err)
{
	if (!run->open)
		return 0;
	if (await_confirms(r, run, err) < 0 || mark(r, run, err) < 0)
		return -1;
	r->published += (uint64_t)run->count;
	end_run(run);
	return 0;
}

/* ---- passes ---- */

static int close_empty(struct run *run, struct weir_error *err)
{
	int rc = ledger_do(run->ledger, "COMMIT", NULL, NULL, err);
	end_run(run);
	return rc;
}

/* Publishes one run, and in the middle of it marks the other and claims the next for it. */
static int publish_run(struct relay *r, struct run *run, struct run *other, bool more,
		       struct weir_error *err)
{
	int half = run->count / 2;
	failpoint("claimed");
	if (publish_rows(r, run, 0, half, err) < 0 || settle(r, other, err) < 0)
		return -1;
	if (more && begin_claim(r, other, run->retries, err) < 0)
		return -1;
	return publish_rows(r, run, half, run->count, err);
}

static int pass(struct relay *r, bool retries, struct weir_error *err)
{
	struct run *run = &r->runs[0], *other = &r->runs[1], *swap;
	int64_t until = clock_us() + PASS_US;
	if (begin_claim(r, run, retries, err) < 0)
		return -1;
	for (;;) {
		if (end_claim(run, err) < 0)
			return -1;
		if (run->count == 0) {
			if (close_empty(run, err) < 0)
				return -1;
			return settle(r, other, err);
		}
		bool more = !r->blocked && !*r->stop && clock_us() < until;
		if (publish_run(r, run, other, more, err) < 0)
			return -1;
		if (!more) {
			r->due = true;
			return settle(r, run, err);
		}
		swap = run;
		run = other;
		other = swap;
	}
}

void publish_abandon(struct relay *r)
{
	for (int i = 0; i < 2; i++) {
		struct run *run = &r->runs[i];
		bool busy = run->claiming || run->open;
		end_run(run);
		if (!run->ledger || (!busy && ledger_alive(run->ledger)))
			continue;
		/* Closing is the one way to give the rows back that always works. */
		ledger_close(run->ledger);
		run->ledger = NULL;
	}
}

static int open_runs(struct relay *r, struct weir_error *err)
{
	for (int i = 0; i < 2; i++)
		if (!r->runs[i].ledger && ledger_open(r->settings->pg_url, "weir-relay", true,
						      &r->runs[i].ledger, err) < 0)
			return -1;
	return 0;
}

void publish_due(struct relay *r)
{
	struct weir_error why;
	r->outgoing.ledger = r->ledger;
	r->outgoing.progress = r->progress;
	bool done =
		open_runs(r, &why) == 0 && pass(r, false, &why) == 0 && pass(r, true, &why) == 0;
	outgoing_forget(&r->outgoing);
	if (done)
		return;
	log_event(LOG_WARN, "publish_failed", "code=%s error=\"%s\"", why.code, why.text);
	publish_abandon(r);
	/* What it confirms later carries numbers of the past, which no run has. */
	if (r->broker && !r->blocked)
		relay_lose_broker(r, &why);
}

void publish_release(struct relay *r)
{
	publish_abandon(r);
	outgoing_release(&r->outgoing);
	for (int i = 0; i < 2; i++) {
		ledger_close(r->runs[i].ledger);
		r->runs[i].ledger = NULL;
	}
}
