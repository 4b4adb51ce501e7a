/* Sending: requests stream out of the ledger into a file of the provider's, or into the batch
 * itself. Before the first byte that may create a remote batch, sent_at is written: from then on
 * nobody sends it again without having looked whether it is there. */
#include <stdio.h>
#include <string.h>

#include "remote_parts.h"
#include "weir/failpoint.h"
#include "weir/log.h"

#define READ_ROWS 200
#define READ_BYTES (1 << 20) /* and one request more */

/* ---- how much it will be ---- */

/* And what tells this body from others. */
static const char measure[] =
	"SELECT count(*)::int4,"
	"  coalesce(sum(octet_length(custom_id) + octet_length(body)), 0)::int8,"
	"  coalesce(md5(string_agg(md5(custom_id || ' ' || body), '' ORDER BY ordinal)), '')"
	" FROM weir.requests WHERE remote_batch = $1";

/* What a line has around the custom_id and the body. */
static int64_t line_extra(const struct model *m)
{
	static const struct weir_text none = {"", 0};
	struct weir_error ignored;
	struct buffer line = BUFFER_INIT;
	int64_t size = -1;
	if (provider_batch_line(m, none, none, &line, &ignored) == 0)
		size = (int64_t)line.size;
	buffer_release(&line);
	return size;
}

static int64_t frame_size(const struct drive *d, int64_t lines)
{
	struct provider_frame f = provider_frame(d->model);
	return (int64_t)(d->head.size + strlen(f.before) + strlen(f.after) + d->tail.size) +
	       (int64_t)strlen(f.between) * (lines - 1);
}

/* Error code no_requests: there are none any more. */
static int measure_out(struct drive *d, struct weir_error *err)
{
	PGresult *r = NULL;
	int64_t extra = line_extra(d->model);
	params_reset(&d->remote->params);
	params_big(&d->remote->params, d->id);
	if (remote_query(d->remote, measure, &r, err) < 0)
		return -1;
	d->size = ledger_int(r, 0, 0);
	d->out.left = ledger_big(r, 0, 1) + d->size * extra + frame_size(d, d->size);
	struct weir_text digest = ledger_text(r, 0, 2);
	snprintf(d->out.digest, sizeof d->out.digest, "%.*s", (int)digest.size, digest.data);
	PQclear(r);
	if (extra < 0)
		return weir_fail_memory(err);
	return d->size > 0 ? 0 : weir_fail(err, "no_requests", "its requests are gone");
}

/* ---- the stream ---- */

static const char read_requests[] =
	"SELECT ordinal, custom_id, body FROM ("
	"  SELECT ordinal, custom_id, body,"
	"   sum(octet_length(body)) OVER (ORDER BY ordinal ROWS UNBOUNDED PRECEDING)"
	"    - octet_length(body) AS before"
	"  FROM (SELECT ordinal, custom_id, body FROM weir.requests"
	"   WHERE remote_batch = $1 AND ordinal > $2 ORDER BY ordinal LIMIT $3) r) r"
	" WHERE before < $4 ORDER BY ordinal";

static int add_line(struct drive *d, const PGresult *r, int i)
{
	struct outgoing *o = &d->out;
	if (o->lines++ > 0)
		buffer_add_text(&o->chunk, provider_frame(d->model).between);
	o->last = ledger_int(r, i, 0);
	return provider_batch_line(d->model, ledger_text(r, i, 1), ledger_text(r, i, 2), &o->chunk,
				   &o->error);
}

static int fill(struct drive *d)
{
	struct outgoing *o = &d->out;
	struct params *p = &d->remote->params;
	PGresult *r = NULL;
	int rc = 0;
	params_reset(p);
	params_big(p, d->id);
	params_int(p, o->last);
	params_int(p, READ_ROWS);
	params_int(p, READ_BYTES);
	if (remote_query(d->remote, read_requests, &r, &o->error) < 0)
		return -1;
	for (int i = 0; i < PQntuples(r) && rc == 0; i++)
		rc = add_line(d, r, i);
	if (PQntuples(r) == 0) {
		buffer_add_text(&o->chunk, provider_frame(d->model).after);
		buffer_add(&o->chunk, d->tail.data, d->tail.size);
		o->ended = true;
	}
	PQclear(r);
	if (rc == 0 && buffer_failed(&o->chunk))
		rc = weir_fail_memory(&o->error);
	return rc;
}

static int64_t give(struct outgoing *o, char *out, size_t room)
{
	size_t n = o->chunk.size - o->at;
	n = n < room ? n : room;
	if ((int64_t)n > o->left || (n == 0 && o->left > 0))
		return weir_fail(&o->error, "requests_changed",
				 "requests have come or gone while they were sent");
	memcpy(out, o->chunk.data + o->at, n);
	o->at += n;
	o->left -= (int64_t)n;
	return (int64_t)n;
}

static int64_t read_out(void *owner, char *out, size_t room)
{
	struct drive *d = owner;
	struct outgoing *o = &d->out;
	if (o->at == o->chunk.size && !o->ended) {
		buffer_reset(&o->chunk);
		o->at = 0;
		if (fill(d) < 0)
			return -1;
	}
	return give(o, out, room);
}

static void reset_out(struct drive *d, struct http_request *q)
{
	d->out.at = 0;
	d->out.last = -1;
	d->out.lines = 0;
	d->out.ended = false;
	d->out.error.code[0] = '\0';
	q->read = read_out;
	q->body_size = d->out.left;
}

static int stream(struct drive *d, struct http_request *q, struct weir_error *err)
{
	reset_out(d, q);
	buffer_add(&d->out.chunk, d->head.data, d->head.size);
	buffer_add_text(&d->out.chunk, provider_frame(d->model).before);
	return buffer_failed(&d->out.chunk) ? weir_fail_memory(err) : 0;
}

/* A small body as a stream as well: that goes out on a connection of its own, and is never sent a
 * second time behind our back, as curl does with others when a kept connection ends unanswered. */
static int stream_body(struct drive *d, struct http_request *q, struct weir_error *err)
{
	d->out.left = (int64_t)q->body.size;
	reset_out(d, q);
	d->out.ended = true;
	buffer_add(&d->out.chunk, q->body.data, q->body.size);
	q->body = (struct weir_text){NULL, 0};
	return buffer_failed(&d->out.chunk) ? weir_fail_memory(err) : 0;
}

/* ---- the file ---- */

int upload_begin(struct drive *d, struct http_request *q, struct weir_error *err)
{
	if (provider_upload(d->model, d->intent, &d->texts, &d->head, &d->tail, q, err) < 0 ||
	    measure_out(d, err) < 0)
		return -1;
	return stream(d, q, err);
}

static const char set_file[] =
	"UPDATE weir.remote_batches SET file_id = $3 WHERE id = $1 AND holder = $2";

/* What of a stream failed is what we know better. */
static void explain(const struct drive *d, struct reply *why)
{
	if (*d->out.error.code)
		why->error = d->out.error;
}

/* Not one of its requests is with the provider: they are open again, once that may help. */
static void stopped(struct drive *d, const struct weir_error *why)
{
	drive_stop_job(d, why);
	drive_end(d, &ending_stopped, why);
}

static void not_sent(struct drive *d, const struct reply *why)
{
	if (why->kind == REPLY_REFUSED)
		drive_divide(d, &ending_refused, &why->error);
	else if (why->kind == REPLY_STOP)
		stopped(d, &why->error);
	else
		drive_failed(d, why);
}

/* A file whose id nobody knows is never worked on, and costs nothing. */
void upload_done(struct drive *d, const struct http_response *r)
{
	struct reply why;
	struct weir_error err;
	if (provider_read_file(r, d->file_id, &why) < 0) {
		*d->file_id = '\0';
		explain(d, &why);
		not_sent(d, &why);
		reply_release(&why);
		return;
	}
	params_string(drive_params(d), d->file_id);
	if (drive_write(d, set_file, &err) < 0) {
		drive_pause(d, REMOTE_ERROR_WAIT_MS, &err);
		return;
	}
	failpoint("remote_uploaded");
	drive_go(d, DRIVE_CREATE);
}

/* ---- the batch ---- */

/* Where the provider keeps no name of ours, an intent whose creation got no answer is known by its
 * size: so of one size, at one provider, there is one at a time of which nobody knows whether it
 * was created. */
static const char lock_sending[] =
	"SELECT pg_advisory_xact_lock(hashtextextended('weir.send_requests', 0))";

/* Also the last look at the lease before it. */
static const char set_sent[] =
	"UPDATE weir.remote_batches b SET sent_at = clock_timestamp(), size = $3,"
	"  held_until = clock_timestamp() + $4 * interval '1 ms'"
	" WHERE b.id = $1 AND b.holder = $2"
	"   AND ($5 OR NOT EXISTS (SELECT FROM weir.remote_batches o WHERE o.state = 'intent'"
	"    AND o.sent_at IS NOT NULL AND o.size = $3 AND o.id <> $1 AND o.ai_model = ANY ($6)))";

static int note_sending(struct drive *d, struct weir_error *err)
{
	const struct params none = PARAMS_INIT;
	struct params *p = drive_params(d);
	const struct remote_statement both[] = {{lock_sending, &none}, {set_sent, p}};
	PGresult *r = NULL;
	params_int(p, d->size);
	params_big(p, REMOTE_LEASE_MS);
	params_bool(p, provider_frame(d->model).file);
	remote_add_place(d->remote, d->model);
	if (remote_together(d->remote, both, 2, &r, err) < 0)
		return -1;
	bool noted = strcmp(PQcmdTuples(r), "1") == 0;
	PQclear(r);
	if (!noted)
		return weir_fail(
			err, REMOTE_NOT_YET,
			"another of its size is being sent, or was and got no answer so far");
	failpoint("remote_sent");
	return 0;
}

int create_begin(struct drive *d, struct http_request *q, struct weir_error *err)
{
	bool file = provider_frame(d->model).file;
	if (measure_out(d, err) < 0 || provider_create(d->model, file ? d->file_id : d->out.digest,
						       d->intent, &d->texts, q, err) < 0)
		return -1;
	int rc = file ? stream_body(d, q, err) : stream(d, q, err);
	return rc < 0 ? -1 : note_sending(d, err);
}

/* Whoever has the lease by now: we know it. Unless it was given up meanwhile. */
static const char set_remote[] =
	"UPDATE weir.remote_batches SET remote_id = $2, polls = 0,"
	"  state = CASE state WHEN 'intent' THEN 'running' ELSE state END,"
	"  error = CASE state WHEN 'intent' THEN NULL ELSE error END"
	" WHERE id = $1 AND intent = $3::uuid AND (state = 'intent' OR remote_id = $2)";

static int keep_created(struct drive *d, struct weir_error *err)
{
	struct params *p = &d->remote->params;
	int64_t rows = 0;
	params_reset(p);
	params_big(p, d->id);
	params_string(p, d->info.id);
	params_string(p, d->intent);
	if (remote_do(d->remote, set_remote, &rows, err) < 0)
		return -1;
	if (rows == 0)
		log_event(
			LOG_ERROR, "remote_batch_orphaned",
			"id=%lld remote_id=%s text=\"its creation was answered after it had been "
			"given up and made again: nobody reads its results, and it may be billed; "
			"cancel it at the provider\"",
			(long long)d->id, d->info.id);
	return rows > 0 ? 0 : weir_fail(err, "too_late", "it was made again meanwhile");
}

/* What cannot be kept may have been given to another at the same moment. Else it will be found. */
static int take_created(struct drive *d, int64_t there_ms, struct weir_error *err)
{
	struct weir_error taken;
	if (drive_check_id(d, &d->info, there_ms, err) < 0)
		return -1;
	if (keep_created(d, err) == 0)
		return 0;
	if (drive_check_id(d, &d->info, there_ms, &taken) < 0)
		*err = taken;
	return -1;
}

static void created(struct drive *d, int64_t there_ms)
{
	struct weir_error err;
	failpoint("remote_created");
	if (take_created(d, there_ms, &err) < 0) {
		drive_refuse_id(d, d->info.id, &err);
		return;
	}
	d->polls = 0;
	log_event(LOG_INFO, "remote_batch_created",
		  "id=%lld remote_id=%s ai_model=%s job=%s requests=%d", (long long)d->id,
		  d->info.id, d->model->name, d->job, (int)d->size);
	drive_pause(d, drive_interval_ms(d), NULL);
}

/* Whether it is certain that nothing was created: nothing arrived, or it was turned down. */
static bool was_turned_down(const struct http_response *r)
{
	if (r->status == 0)
		return !r->sent;
	return r->status / 100 == 3 ||
	       (r->status / 100 == 4 && r->status != 408 && r->status != 409 && r->status != 425);
}

const char set_unsent[] =
	"UPDATE weir.remote_batches SET sent_at = NULL WHERE id = $1 AND holder = $2";

static void turned_down(struct drive *d, const struct reply *why)
{
	struct weir_error err;
	drive_params(d);
	if (d->sent_before || drive_write(d, set_unsent, &err) < 0)
		drive_failed(d, why); /* an earlier try may still turn up */
	else
		not_sent(d, why);
}

void create_done(struct drive *d, const struct http_response *r)
{
	struct reply why;
	if (provider_read_batch(d->model, r, &d->info, &why) == 0) {
		created(d, provider_now_ms(r));
	} else {
		explain(d, &why);
		if (was_turned_down(r))
			turned_down(d, &why);
		else
			drive_failed(d, &why);
		reply_release(&why);
	}
}
