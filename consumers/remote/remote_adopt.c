/* Adopting: a creation got no answer. Where the provider keeps a name of ours with its batches, the
 * list tells for certain. Where it does not, one is taken that nobody knows, of the same size, and
 * of about that time; its results show whether it is ours (remote_results.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote_parts.h"
#include "weir/failpoint.h"
#include "weir/log.h"

#define PAGES_MAX 50

int list_begin(struct drive *d, struct http_request *q, struct weir_error *err)
{
	return provider_list(d->model, d->page, &d->texts, q, err);
}

/* ---- which of them ---- */

static const char is_known[] =
	"SELECT EXISTS (SELECT FROM weir.remote_batches b WHERE b.ai_model = ANY ($2)"
	" AND b.remote_id = $1)";

static bool is_unknown(struct drive *d, const char *remote_id)
{
	struct weir_error why;
	PGresult *r = NULL;
	params_reset(&d->remote->params);
	params_string(&d->remote->params, remote_id);
	remote_add_place(d->remote, d->model);
	if (remote_query(d->remote, is_known, &r, &why) < 0)
		return false;
	bool known = ledger_bool(r, 0, 0);
	PQclear(r);
	return !known;
}

/* -1: it cannot be ours; else how far from when ours was sent. */
static int64_t distance(struct drive *d, const struct remote_info *info)
{
	int64_t created_ms = info->created_ms - d->ahead_ms;
	int64_t apart = llabs(created_ms - d->sent_ms);
	if (*info->intent || provider_frame(d->model).file)
		return strcmp(info->intent, d->intent) == 0 ? 0 : -1;
	if (info->requests != d->size || created_ms < d->created_ms - REMOTE_SKEW_MS)
		return -1;
	if (*d->found && apart >= d->found_apart_ms)
		return -1;
	return is_unknown(d, info->id) ? apart : -1;
}

static void consider(void *owner, const struct remote_info *info)
{
	struct drive *d = owner;
	int64_t apart = distance(d, info);
	if (info->created_ms - d->ahead_ms < d->created_ms - REMOTE_SKEW_MS)
		d->all_seen = true; /* the newest come first */
	if (apart < 0)
		return;
	snprintf(d->found, sizeof d->found, "%s", info->id);
	d->found_apart_ms = apart;
}

/* ---- what follows ---- */

static const char adopt[] =
	"UPDATE weir.remote_batches SET remote_id = $3, state = 'running', polls = 0, error = NULL"
	" WHERE id = $1 AND holder = $2";

static void adopt_found(struct drive *d)
{
	struct weir_error why;
	struct remote_info info = {.requests = -1};
	snprintf(info.id, sizeof info.id, "%s", d->found);
	if (provider_frame(d->model).file)
		snprintf(info.intent, sizeof info.intent, "%s", d->intent);
	if (drive_check_id(d, &info, 0, &why) < 0) {
		drive_refuse_id(d, d->found, &why);
		return;
	}
	params_string(drive_params(d), d->found);
	if (drive_write(d, adopt, &why) < 0) {
		drive_pause(d, REMOTE_ERROR_WAIT_MS, &why);
		return;
	}
	failpoint("remote_adopted");
	log_event(LOG_INFO, "remote_batch_adopted",
		  "id=%lld remote_id=%s ai_model=%s job=%s requests=%d", (long long)d->id, d->found,
		  d->model->name, d->job, (int)d->size);
	d->polls = 0;
	drive_pause(d, 0, NULL);
}

/* What has not turned up by then was never created: it is an intent like any other. Those that wait
 * until it is known come first. */
static void sent_in_vain(struct drive *d)
{
	struct weir_error why;
	int64_t pause_ms = drive_interval_ms(d);
	if (!provider_frame(d->model).file && pause_ms < 2 * REMOTE_NOT_YET_MOST_MS)
		pause_ms = 2 * REMOTE_NOT_YET_MOST_MS;
	drive_params(d);
	if (drive_write(d, set_unsent, &why) < 0) {
		drive_pause(d, REMOTE_ERROR_WAIT_MS, &why);
		return;
	}
	log_event(LOG_WARN, "remote_batch_sent_again", "id=%lld job=%s", (long long)d->id, d->job);
	drive_pause(d, pause_ms, NULL);
}

static void found_nothing(struct drive *d)
{
	struct weir_error why;
	int64_t left_ms = d->model->batch.adopt_wait_ms - d->silent_ms;
	if (left_ms <= 0) {
		sent_in_vain(d);
	} else {
		int64_t pause_ms = drive_interval_ms(d);
		weir_fail(&why, "not_found",
			  "its creation got no answer, and it is not there so far");
		drive_pause(d, pause_ms < left_ms ? pause_ms : left_ms + 1, &why);
	}
}

void list_done(struct drive *d, const struct http_response *r)
{
	struct reply why;
	d->ahead_ms = provider_now_ms(r) - (d->sent_ms + d->silent_ms);
	if (provider_read_list(d->model, r, consider, d, d->page, &why) < 0) {
		if (why.kind == REPLY_REFUSED) /* it has no such list: nobody can tell */
			found_nothing(d);
		else
			drive_failed(d, &why);
		reply_release(&why);
	} else if (*d->found && (*d->page == '\0' || d->found_apart_ms == 0 || d->all_seen)) {
		adopt_found(d);
	} else if (*d->page && !d->all_seen && ++d->pages < PAGES_MAX) {
		drive_go(d, DRIVE_LIST);
	} else if (*d->found) {
		adopt_found(d);
	} else {
		found_nothing(d);
	}
}
