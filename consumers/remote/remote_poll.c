/* Polling: until the provider is done with a remote batch. */
#include <string.h>

#include "remote_parts.h"
#include "weir/failpoint.h"
#include "weir/log.h"

int poll_begin(struct drive *d, struct http_request *q, struct weir_error *err)
{
	return provider_poll(d->model, d->remote_id, &d->texts, q, err);
}

static const char set_ended[] =
	"UPDATE weir.remote_batches SET state = 'ended', polls = 0, error = NULL,"
	"  absent_at = NULL, ended_at = coalesce(ended_at, clock_timestamp())"
	" WHERE id = $1 AND holder = $2";

static int note_end(struct drive *d)
{
	struct weir_error why;
	drive_params(d);
	if (d->running && drive_write(d, set_ended, &why) < 0) {
		drive_pause(d, REMOTE_ERROR_WAIT_MS, &why);
		return -1;
	}
	if (d->running) {
		d->polls = 0;
		d->absent_ms = -1;
		d->running = false;
	}
	failpoint("remote_polled");
	return 0;
}

static bool is_among(const char *code, const char *const *codes)
{
	while (*codes && strcmp(code, *codes) != 0)
		codes++;
	return *codes != NULL;
}

/* The provider took all of it, and then found that it does not take it after all. */
static void all_failed(struct drive *d)
{
	static const char *const stops[] = {"billing",	"bad_key",     "not_allowed",
					    "no_model", "bad_setting", NULL};
	static const char *const limits[] = {"rate_limited", "overloaded", NULL};
	const struct weir_error why = d->info.error;
	log_event(LOG_WARN, "remote_batch_failed", "id=%lld remote_id=%s code=%s error=\"%s\"",
		  (long long)d->id, d->remote_id, why.code, why.text);
	if (is_among(why.code, stops)) {
		drive_stop_job(d, &why);
		drive_end(d, &ending_stopped, &why);
	} else if (is_among(why.code, limits)) {
		drive_repeat(d, d->model->batch.poll_most_ms, &why);
	} else {
		drive_divide(d, &ending_failed, &why);
	}
}

static void no_results(struct drive *d)
{
	struct weir_error why;
	if (d->info.completed > 0)
		weir_fail(&why, "no_results",
			  "the provider says that it completed %lld of it, and where their results "
			  "are it does not say",
			  (long long)d->info.completed);
	else
		weir_fail(&why, "no_results", "it has ended, but there are no results of it");
	drive_absent(d, &why);
}

/* Providers end a batch within 24 hours. One that they do not end after more than that is
 * cancelled, for its bill, and given up when that does not end it either. */
static void still_running(struct drive *d)
{
	struct weir_error why;
	if (!d->late) {
		drive_await(d);
	} else if (!d->cancelled) {
		drive_go(d, DRIVE_CANCEL);
	} else {
		weir_fail(&why, "no_end", "the provider does not end it");
		drive_absent(d, &why);
	}
}

static void none_done(struct drive *d)
{
	struct weir_error why;
	weir_fail(&why, "none_done", "it has ended, and the provider completed nothing of it");
	drive_end_rest(d, &why);
}

static void read_from(struct drive *d, enum drive_step step)
{
	seen_release(&d->read.seen);
	d->read = (struct reading){.seen = {.most = 4 * (size_t)d->size + SEEN_SPARE}};
	drive_go(d, step);
}

static void act_on(struct drive *d)
{
	if (d->info.state == REMOTE_RUNNING)
		still_running(d);
	else if (note_end(d) < 0)
		return;
	else if (d->info.state == REMOTE_FAILED)
		all_failed(d);
	else if (*d->info.results_url)
		read_from(d, DRIVE_RESULTS);
	else if (*d->info.errors_url)
		read_from(d, DRIVE_ERRORS);
	else if (d->info.done == 0)
		none_done(d);
	else
		no_results(d);
}

/* What is there may be another batch by now; one that has ended is looked at twice. */
static int check_info(struct drive *d, int64_t there_ms, struct weir_error *err)
{
	if (d->info.state == REMOTE_RUNNING &&
	    (!*d->info.intent || strcmp(d->info.intent, d->intent) == 0))
		return 0;
	return drive_check_id(d, &d->info, there_ms, err);
}

static void polled(struct drive *d, int64_t there_ms)
{
	struct weir_error why;
	if (check_info(d, there_ms, &why) == 0) {
		act_on(d);
	} else if (strcmp(why.code, REMOTE_ID_TAKEN) == 0) {
		d->info = info_unknown;
		drive_absent(d, &why);
	} else {
		drive_pause(d, REMOTE_ERROR_WAIT_MS, &why);
	}
}

void poll_done(struct drive *d, const struct http_response *r)
{
	struct reply why;
	if (provider_read_batch(d->model, r, &d->info, &why) == 0)
		polled(d, provider_now_ms(r));
	else if (r->status == 404 && why.kind == REPLY_REFUSED) /* deleted, or long ago */
		drive_absent(d, &why.error);
	else
		drive_failed(d, &why);
	reply_release(&why);
}

/* ---- nobody needs it any more ---- */

int cancel_begin(struct drive *d, struct http_request *q, struct weir_error *err)
{
	return provider_cancel(d->model, d->remote_id, &d->texts, q, err);
}

static const char set_cancelled[] =
	"UPDATE weir.remote_batches SET cancel_at = clock_timestamp(), polls = 0"
	" WHERE id = $1 AND holder = $2";

/* One that cannot be cancelled has ended, or ends: that is seen by polling. */
void cancel_done(struct drive *d, const struct http_response *r)
{
	struct reply why;
	struct weir_error err;
	if (provider_read_batch(d->model, r, &d->info, &why) < 0 && why.kind != REPLY_REFUSED &&
	    r->status != 409) {
		drive_failed(d, &why);
		reply_release(&why);
		return;
	}
	reply_release(&why);
	drive_params(d);
	if (drive_write(d, set_cancelled, &err) < 0) {
		drive_pause(d, REMOTE_ERROR_WAIT_MS, &err);
		return;
	}
	log_event(LOG_INFO, "remote_batch_cancelled", "id=%lld remote_id=%s job=%s",
		  (long long)d->id, d->remote_id, d->job);
	d->polls = 0;
	d->cancelled = true;
	drive_go(d, DRIVE_POLL);
}
