/* Drives: leases, and the steps that a remote batch is led through. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote_parts.h"
#include "weir/clock.h"
#include "weir/log.h"

static const struct {
	const char *name;
	drive_beginner *begin;
	drive_ender *done;
} steps[DRIVE_STEPS] = {
	[DRIVE_UPLOAD] = {"upload", upload_begin, upload_done},
	[DRIVE_CREATE] = {"create", create_begin, create_done},
	[DRIVE_LIST] = {"list", list_begin, list_done},
	[DRIVE_POLL] = {"poll", poll_begin, poll_done},
	[DRIVE_CANCEL] = {"cancel", cancel_begin, cancel_done},
	[DRIVE_RESULTS] = {"results", results_begin, results_done},
	[DRIVE_ERRORS] = {"errors", errors_begin, errors_done},
	[DRIVE_REST] = {"rest", NULL, NULL},
};

const struct remote_info info_unknown = {.requests = -1, .done = -1, .completed = -1, .lines = -1};

/* ---- a drive ---- */

static void release_call(struct drive *d)
{
	buffer_release(&d->texts);
	buffer_release(&d->head);
	buffer_release(&d->tail);
	buffer_release(&d->out.chunk);
	if (d->in) {
		buffer_release(&d->in->line);
		buffer_release(&d->in->head);
		buffer_release(&d->in->outcomes.texts);
		free(d->in);
		d->in = NULL;
	}
}

static void forget(struct drive *d)
{
	if (d->call)
		http_cancel(d->remote->plan.http, d->call);
	release_call(d);
	seen_release(&d->read.seen);
	if (d->remote->more)
		d->remote->look_us = 0;
	*d = (struct drive){.remote = d->remote};
}

void drives_forget(struct remote *r)
{
	for (size_t i = 0; i < DRIVES_MAX; i++)
		if (r->drives[i].model)
			forget(&r->drives[i]);
}

struct params *drive_params(struct drive *d)
{
	struct params *p = &d->remote->params;
	params_reset(p);
	params_big(p, d->id);
	params_string(p, d->remote->plan.holder);
	return p;
}

int drive_write(struct drive *d, const char *sql, struct weir_error *err)
{
	int64_t rows = 0;
	if (remote_do(d->remote, sql, &rows, err) < 0)
		return -1;
	return rows > 0 ? 0
			: weir_fail(err, "lease_lost", "remote batch %lld is driven by another",
				    (long long)d->id);
}

/* ---- resting ---- */

/* Growing from one poll to the next, and not the same for all. */
int64_t drive_interval_ms(const struct drive *d)
{
	int64_t least = d->model->batch.poll_least_ms, most = d->model->batch.poll_most_ms;
	return clock_backoff_by(least * 1000, most * 1000, 1.5, (unsigned)d->polls) / 1000 + 1;
}

/* What a look has told of the remote batch; one that told nothing leaves absent_at as it was. */
enum presence { PRESENCE_UNKNOWN, PRESENCE_ABSENT, PRESENCE_THERE };

/* $5 is that. */
static const char pause_row[] =
	"UPDATE weir.remote_batches SET holder = NULL, held_until = NULL, polls = polls + 1,"
	"  next_at = clock_timestamp() + $3 * interval '1 ms', error = $4,"
	"  absent_at = CASE $5 WHEN 0 THEN absent_at"
	"   WHEN 1 THEN coalesce(absent_at, clock_timestamp()) END"
	" WHERE id = $1 AND holder = $2";

static void rest_for(struct drive *d, int64_t for_ms, const struct weir_error *why,
		     enum presence presence)
{
	struct remote *r = d->remote;
	struct weir_error ignored;
	struct params *p = drive_params(d);
	params_big(p, for_ms);
	params_string(p, why ? why->text : NULL);
	params_int(p, presence);
	if (why && strcmp(why->code, REMOTE_NOT_YET) != 0)
		log_event(LOG_WARN, "remote_batch_waits",
			  "id=%lld step=%s code=%s error=\"%s\" for_ms=%lld", (long long)d->id,
			  steps[d->step].name, why->code, why->text, (long long)for_ms);
	if (remote_do(r, pause_row, NULL, &ignored) == 0 && clock_us() + for_ms * 1000 < r->look_us)
		r->look_us = clock_us() + for_ms * 1000;
	forget(d);
}

void drive_pause(struct drive *d, int64_t for_ms, const struct weir_error *why)
{
	rest_for(d, for_ms, why, PRESENCE_UNKNOWN);
}

void drive_await(struct drive *d) { rest_for(d, drive_interval_ms(d), NULL, PRESENCE_THERE); }

bool drive_is_last_look(const struct drive *d)
{
	return d->absent_ms >= d->model->batch.adopt_wait_ms &&
	       (d->running || d->polls + 1 >= REMOTE_LOOKS);
}

void drive_absent(struct drive *d, const struct weir_error *why)
{
	if (drive_is_last_look(d))
		drive_end_rest(d, why);
	else
		rest_for(d, drive_interval_ms(d), why, PRESENCE_ABSENT);
}

void drive_failed(struct drive *d, const struct reply *why)
{
	int64_t pause_ms = drive_interval_ms(d);
	if (why->kind == REPLY_STOP)
		drive_stop_job(d, &why->error);
	drive_pause(d, pause_ms > why->after_ms ? pause_ms : why->after_ms, &why->error);
}

static const char stop_job[] = "SELECT weir.pause_job($1, $2)";

void drive_stop_reason(const struct drive *d, const struct weir_error *why, struct weir_error *out)
{
	weir_fail(out, why->code, "ai_model %s: %s", d->model->name, why->text);
}

void drive_log_stop(const struct drive *d, const struct weir_error *reason)
{
	log_event(LOG_ERROR, "job_paused", "job=%s code=%s reason=\"%s\"", d->job, reason->code,
		  reason->text);
}

/* Not when the key was another one than is in its file now: it is tried again with that. */
void drive_stop_job(struct drive *d, const struct weir_error *why)
{
	struct weir_error reason, err;
	struct params *p = &d->remote->params;
	models_follow_keys(d->remote->plan.llm->models, true);
	if (d->key_changes != d->model->key_changes)
		return;
	drive_stop_reason(d, why, &reason);
	params_reset(p);
	params_string(p, d->job);
	params_string(p, reason.text);
	if (remote_do(d->remote, stop_job, NULL, &err) == 0)
		drive_log_stop(d, &reason);
}

/* ---- the end ---- */

static const char end_row[] =
	"UPDATE weir.remote_batches SET state = 'done', done_at = clock_timestamp(), holder = NULL,"
	"  held_until = NULL, error = $3, remote_id = nullif($4, '')"
	" WHERE id = $1 AND holder = $2 RETURNING succeeded, errored, canceled, expired, missing";

static void log_end(const struct drive *d, const PGresult *r)
{
	log_event(LOG_INFO, "remote_batch_ended",
		  "id=%lld remote_id=%s job=%s requests=%d succeeded=%d errored=%d canceled=%d"
		  " expired=%d missing=%d",
		  (long long)d->id, d->remote_id, d->job, (int)d->size, (int)ledger_int(r, 0, 0),
		  (int)ledger_int(r, 0, 1), (int)ledger_int(r, 0, 2), (int)ledger_int(r, 0, 3),
		  (int)ledger_int(r, 0, 4));
}

static void finish(struct drive *d)
{
	struct weir_error why;
	PGresult *r = NULL;
	struct params *p = drive_params(d);
	params_string(p, *d->rest.error.code ? d->rest.error.text : NULL);
	params_string(p, d->remote_id);
	if (remote_query(d->remote, end_row, &r, &why) == 0 && PQntuples(r) == 1)
		log_end(d, r);
	PQclear(r);
	d->remote->look_us = 0; /* what is open again may be chosen */
	forget(d);
}

static const char nothing[] = "the provider says nothing of it";
const struct ending ending_missing = {"batch_missing", LOT_OPEN, TALLY_MISSING, nothing};
static const struct ending ending_unread = {"batch_missing", LOT_UNREAD, TALLY_MISSING, nothing};
static const struct ending ending_cancelled = {
	"batch_canceled", LOT_OPEN, TALLY_CANCELED,
	"the remote batch was cancelled before its turn came"};
const struct ending ending_dropped = {"batch_canceled", LOT_FREE, TALLY_CANCELED, nothing};
const struct ending ending_failed = {"batch_failed", LOT_ENDED, TALLY_ERRORED, nothing};
const struct ending ending_refused = {"batch_refused", LOT_ENDED, TALLY_ERRORED, nothing};
const struct ending ending_stopped = {"batch_stopped", LOT_FREE, TALLY_ERRORED, nothing};
const struct ending ending_foreign = {"batch_foreign", LOT_UNREAD, TALLY_MISSING, nothing};

void drive_end(struct drive *d, const struct ending *ending, const struct weir_error *why)
{
	release_call(d);
	d->step = DRIVE_REST;
	d->rest.ending = ending;
	if (why)
		d->rest.error = *why;
	else
		d->rest.error.code[0] = '\0';
}

void drive_end_rest(struct drive *d, const struct weir_error *why)
{
	bool cancelled = d->cancelled && !d->late;
	bool unread = d->info.completed < 0 ? !cancelled : d->info.completed > d->read.billed;
	drive_end(d,
		  unread      ? &ending_unread
		  : cancelled ? &ending_cancelled
			      : &ending_missing,
		  why);
}

static const char repeat[] =
	"UPDATE weir.remote_batches SET intent = gen_random_uuid(), state = 'intent',"
	"  remote_id = NULL, sent_at = NULL, ended_at = NULL, cancel_at = NULL"
	" WHERE id = $1 AND holder = $2";

void drive_repeat(struct drive *d, int64_t for_ms, const struct weir_error *why)
{
	struct weir_error err;
	drive_params(d);
	if (drive_write(d, repeat, &err) < 0)
		drive_pause(d, REMOTE_ERROR_WAIT_MS, &err);
	else
		drive_pause(d, for_ms, why);
}

/* The half of its requests, under an intent of their own; it is a new one itself. */
static const char divide[] =
	"WITH r AS MATERIALIZED (SELECT ctid AS tid, row_number() OVER (ORDER BY ordinal) AS n"
	"   FROM weir.requests WHERE remote_batch = $1 AND EXISTS (SELECT FROM"
	"    weir.remote_batches WHERE id = $1 AND holder = $2)),"
	" b AS (INSERT INTO weir.remote_batches (job_id, stage, ai_model, model_key, size)"
	"  SELECT job_id, stage, ai_model, model_key, (SELECT count(*) / 2 FROM r)"
	"   FROM weir.remote_batches WHERE id = $1 AND holder = $2 RETURNING id),"
	" u AS (UPDATE weir.requests SET remote_batch = (SELECT id FROM b) WHERE ctid = ANY (ARRAY("
	"   SELECT tid FROM r WHERE n <= (SELECT count(*) / 2 FROM r))))"
	" UPDATE weir.remote_batches SET intent = gen_random_uuid(), state = 'intent',"
	"  file_id = NULL, remote_id = NULL, sent_at = NULL, ended_at = NULL, cancel_at = NULL,"
	"  polls = 0,"
	"  size = (SELECT count(*) - count(*) / 2 FROM r) WHERE id = $1 AND holder = $2";

/* Most likely one of them is at fault: they are divided until it stands alone. */
void drive_divide(struct drive *d, const struct ending *alone, const struct weir_error *why)
{
	struct weir_error err;
	if (d->size <= 1) {
		drive_end(d, alone, why);
		return;
	}
	log_event(LOG_INFO, "remote_batch_divided", "id=%lld job=%s requests=%d error=\"%s\"",
		  (long long)d->id, d->job, (int)d->size, why->text);
	drive_params(d);
	if (drive_write(d, divide, &err) < 0)
		drive_pause(d, REMOTE_ERROR_WAIT_MS, &err);
	else
		drive_pause(d, drive_interval_ms(d), NULL);
}

bool drives_busy(const struct remote *r)
{
	for (size_t i = 0; i < DRIVES_MAX; i++)
		if (r->drives[i].model && r->drives[i].step == DRIVE_REST)
			return true;
	return false;
}

void drives_turn(struct remote *r)
{
	struct weir_error why;
	for (size_t i = 0; i < DRIVES_MAX; i++) {
		struct drive *d = &r->drives[i];
		if (!d->model || d->step != DRIVE_REST)
			continue;
		int more = outcomes_of_rest(d, &why);
		if (more < 0)
			drive_pause(d, REMOTE_ERROR_WAIT_MS, &why);
		else if (more == 0)
			finish(d);
	}
}

/* ---- steps ---- */

/* Its turn comes soon; the row says what it waits for. */
static void wait_for_turn(struct drive *d, const struct weir_error *why)
{
	int64_t pause_ms = REMOTE_NOT_YET_MS * ((int64_t)d->polls + 1);
	drive_pause(d, pause_ms < REMOTE_NOT_YET_MOST_MS ? pause_ms : REMOTE_NOT_YET_MOST_MS, why);
}

static void on_done(void *owner, const struct http_response *response)
{
	struct drive *d = owner;
	d->call = NULL;
	steps[d->step].done(d, response);
}

void drive_go(struct drive *d, enum drive_step step)
{
	struct weir_error why;
	struct http_request q = {0};
	release_call(d);
	d->step = step;
	d->key_changes = d->model->key_changes;
	int rc = steps[step].begin(d, &q, &why);
	if (rc == 0) {
		q.owner = d;
		q.done = on_done;
		rc = http_begin(d->remote->plan.http, &q, &d->call, &why);
	}
	if (rc < 0 && strcmp(why.code, "no_requests") == 0)
		drive_end(d, &ending_missing, &why);
	else if (rc < 0 && strcmp(why.code, REMOTE_NOT_YET) == 0)
		wait_for_turn(d, &why);
	else if (rc < 0)
		drive_pause(d, drive_interval_ms(d), &why);
}

/* Requests leave an intent only when it ends. Whoever did that has died: some of them may be in
 * another remote batch by now, and what was uploaded holds them all. */
static void end_what_began_to_end(struct drive *d)
{
	struct weir_error why;
	weir_fail(&why, "interrupted", "who ended it was interrupted");
	drive_end(d, d->sent_before ? &ending_foreign : &ending_dropped, &why);
}

/* Where to go on with a remote batch that was just taken. */
static void set_off(struct drive *d)
{
	if (d->intended && d->parted)
		end_what_began_to_end(d);
	else if (d->intended && d->over && !d->sent_before)
		drive_end(d, &ending_dropped, NULL);
	else if (d->intended && d->sent_before)
		drive_go(d, DRIVE_LIST);
	else if (d->intended)
		drive_go(d, provider_frame(d->model).file && !*d->file_id ? DRIVE_UPLOAD
									  : DRIVE_CREATE);
	else if (d->running && d->over && !d->cancelled)
		drive_go(d, DRIVE_CANCEL);
	else
		drive_go(d, DRIVE_POLL);
}

/* ---- leases ---- */

/* One of a job that is paused is not begun. */
static const char take[] =
	"UPDATE weir.remote_batches b SET holder = $1,"
	"  held_until = clock_timestamp() + $2 * interval '1 ms'"
	" FROM (SELECT b.id FROM weir.remote_batches b JOIN weir.jobs j USING (job_id)"
	"   WHERE b.state <> 'done' AND b.next_at <= now() AND b.ai_model = ANY ($4)"
	"     AND (b.held_until IS NULL OR b.held_until < now())"
	"     AND NOT (b.state = 'intent' AND b.sent_at IS NULL AND j.status = 'paused')"
	"   ORDER BY b.next_at LIMIT $3 FOR UPDATE OF b SKIP LOCKED) t, weir.jobs j"
	" WHERE b.id = t.id AND j.job_id = b.job_id"
	" RETURNING b.id, b.intent::text, b.job_id, b.stage::int4, b.ai_model, b.state,"
	"  coalesce(b.file_id, ''), coalesce(b.remote_id, ''), b.size, b.polls,"
	"  (extract(epoch FROM b.created_at) * 1000)::int8,"
	"  (extract(epoch FROM b.sent_at) * 1000)::int8,"
	"  (extract(epoch FROM now() - b.sent_at) * 1000)::int8,"
	"  coalesce((extract(epoch FROM now() - b.absent_at) * 1000)::int8, -1),"
	"  b.cancel_at IS NOT NULL,"
	"  j.status = 'cancelled' OR j.completed_at IS NOT NULL,"
	"  coalesce(b.sent_at < now() - weir.asked_for(), false),"
	"  b.succeeded + b.errored + b.canceled + b.expired + b.missing > 0";

static const char next_due[] =
	"SELECT (extract(epoch FROM next_at - now()) * 1000)::int8 FROM weir.remote_batches"
	" WHERE state <> 'done' AND next_at > now() AND ai_model = ANY ($1)"
	" ORDER BY next_at LIMIT 1";

static void copy(char *out, size_t room, struct weir_text from)
{
	snprintf(out, room, "%.*s", (int)from.size, from.data ? from.data : "");
}

static bool is_text(struct weir_text a, const char *b)
{
	return a.size == strlen(b) && memcmp(a.data, b, a.size) == 0;
}

static void read_row(struct drive *d, const PGresult *r, int i)
{
	d->id = ledger_big(r, i, 0);
	copy(d->intent, sizeof d->intent, ledger_text(r, i, 1));
	copy(d->job, sizeof d->job, ledger_text(r, i, 2));
	d->stage = ledger_int(r, i, 3);
	d->model = models_find(d->remote->plan.llm->models, ledger_text(r, i, 4), NULL);
	d->intended = is_text(ledger_text(r, i, 5), "intent");
	d->running = is_text(ledger_text(r, i, 5), "running");
	copy(d->file_id, sizeof d->file_id, ledger_text(r, i, 6));
	copy(d->remote_id, sizeof d->remote_id, ledger_text(r, i, 7));
	d->size = ledger_int(r, i, 8);
	d->polls = ledger_int(r, i, 9);
	d->created_ms = ledger_big(r, i, 10);
	d->sent_ms = ledger_big(r, i, 11);
	d->silent_ms = ledger_big(r, i, 12);
	d->absent_ms = ledger_big(r, i, 13);
	d->cancelled = ledger_bool(r, i, 14);
	d->over = ledger_bool(r, i, 15);
	d->late = ledger_bool(r, i, 16);
	d->parted = ledger_bool(r, i, 17);
	d->sent_before = d->sent_ms > 0;
	d->info = info_unknown;
}

static struct drive *free_place(struct remote *r)
{
	for (size_t i = 0; i < DRIVES_MAX; i++)
		if (!r->drives[i].model)
			return &r->drives[i];
	return NULL;
}

static void look_when_due(struct remote *r, int64_t now_us)
{
	struct weir_error why;
	PGresult *rows = NULL;
	params_reset(&r->params);
	remote_add_models(r);
	if (remote_query(r, next_due, &rows, &why) < 0)
		return;
	if (PQntuples(rows) == 1) {
		int64_t at = now_us + (ledger_big(rows, 0, 0) + 1) * 1000;
		r->look_us = at < r->look_us ? at : r->look_us;
	}
	PQclear(rows);
}

void drives_take(struct remote *r, int64_t now_us)
{
	struct weir_error why;
	PGresult *rows = NULL;
	int room = 0;
	for (size_t i = 0; i < DRIVES_MAX; i++)
		room += r->drives[i].model == NULL;
	r->more = room == 0;
	if (room == 0)
		return;
	params_reset(&r->params);
	params_string(&r->params, r->plan.holder);
	params_big(&r->params, REMOTE_LEASE_MS);
	params_int(&r->params, room);
	remote_add_models(r);
	if (remote_query(r, take, &rows, &why) < 0)
		return;
	r->more = PQntuples(rows) == room;
	look_when_due(r, now_us);
	for (int i = 0; i < PQntuples(rows); i++) {
		struct drive *d = free_place(r);
		read_row(d, rows, i);
		set_off(d);
	}
	PQclear(rows);
}

static const char renew[] =
	"UPDATE weir.remote_batches SET held_until = clock_timestamp() + $3 * interval '1 ms'"
	" WHERE id = ANY ($1) AND holder = $2 AND state <> 'done' RETURNING id";

static bool is_among(const PGresult *rows, int64_t id)
{
	for (int i = 0; i < PQntuples(rows); i++)
		if (ledger_big(rows, i, 0) == id)
			return true;
	return false;
}

/* Of those that were kept for too long without a word, somebody else has the lease now. */
void drives_renew(struct remote *r)
{
	struct weir_error why;
	PGresult *rows = NULL;
	size_t n = 0;
	for (size_t i = 0; i < DRIVES_MAX; i++)
		n += r->drives[i].model != NULL;
	if (n == 0)
		return;
	params_reset(&r->params);
	params_array(&r->params, TYPE_INT8, n);
	for (size_t i = 0; i < DRIVES_MAX; i++)
		if (r->drives[i].model)
			params_add_big(&r->params, r->drives[i].id);
	params_array_end(&r->params);
	params_string(&r->params, r->plan.holder);
	params_big(&r->params, REMOTE_LEASE_MS);
	if (remote_query(r, renew, &rows, &why) < 0)
		return;
	for (size_t i = 0; i < DRIVES_MAX; i++) {
		struct drive *d = &r->drives[i];
		if (!d->model || is_among(rows, d->id))
			continue;
		log_event(LOG_WARN, "remote_lease_lost", "id=%lld", (long long)d->id);
		forget(d);
	}
	PQclear(rows);
}
