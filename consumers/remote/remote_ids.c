/* Ids: what a provider calls a remote batch, and whether it has called another one so.
 *
 * Servers are known to give an id again: those that count, once they are started anew, and gateways
 * that answer one creation with what was the answer to another. Whatever stands under an id that is
 * another batch's may be that one's results, of items that are called alike; so it is taken only
 * when it is certain that it is a new one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote_parts.h"
#include "weir/log.h"

#define AGAIN_MS 2000 /* from one use of an id to the next, at least: clocks that tell seconds */

/* ---- where ---- */

static bool is_one_place(const struct model *a, const struct model *b)
{
	return a->provider == b->provider && strcmp(a->base_url, b->base_url) == 0;
}

void remote_add_place(struct remote *r, const struct model *at)
{
	const struct model *m;
	size_t n = 0;
	for (size_t i = 0; (m = remote_model(r, i)); i++)
		n += is_one_place(m, at);
	params_array(&r->params, TYPE_TEXT, n);
	for (size_t i = 0; (m = remote_model(r, i)); i++)
		if (is_one_place(m, at))
			params_add_text(&r->params, (struct weir_text){m->name, strlen(m->name)});
	params_array_end(&r->params);
}

/* ---- whose ---- */

/* One that is with the provider, or the one that was sent next to ours in time. */
static const char find_other[] =
	"SELECT o.id, o.state <> 'done', coalesce((extract(epoch FROM o.sent_at) * 1000)::int8, 0),"
	"  coalesce((extract(epoch FROM m.sent_at) * 1000)::int8, 0),"
	"  (extract(epoch FROM clock_timestamp()) * 1000)::int8"
	" FROM weir.remote_batches m JOIN weir.remote_batches o ON o.remote_id = $1"
	"  AND o.id <> m.id AND o.ai_model = ANY ($3) WHERE m.id = $2"
	" ORDER BY o.state = 'done', abs(extract(epoch FROM o.sent_at - m.sent_at)) NULLS LAST"
	" LIMIT 1";

struct other {
	int64_t id; /* 0: there is none */
	bool open;
	int64_t sent_ms, ours_ms, now_ms;
};

static int find(struct drive *d, const char *remote_id, struct other *out, struct weir_error *err)
{
	struct params *p = &d->remote->params;
	PGresult *r = NULL;
	*out = (struct other){0};
	params_reset(p);
	params_string(p, remote_id);
	params_big(p, d->id);
	remote_add_place(d->remote, d->model);
	if (remote_query(d->remote, find_other, &r, err) < 0)
		return -1;
	if (PQntuples(r) == 1)
		*out = (struct other){ledger_big(r, 0, 0), ledger_bool(r, 0, 1),
				      ledger_big(r, 0, 2), ledger_big(r, 0, 3),
				      ledger_big(r, 0, 4)};
	PQclear(r);
	return 0;
}

/* By its own word, or because it was made when ours was sent, and not when the other one was. */
static bool is_ours(const struct drive *d, const struct remote_info *info, const struct other *o,
		    int64_t there_ms)
{
	int64_t made_ms = info->created_ms - (there_ms - o->now_ms);
	if (*info->intent)
		return strcmp(info->intent, d->intent) == 0;
	if (info->created_ms <= 0 || o->sent_ms == 0 || llabs(o->ours_ms - o->sent_ms) < AGAIN_MS)
		return false;
	if (info->requests >= 0 && info->requests != d->size)
		return false;
	return llabs(made_ms - o->ours_ms) < llabs(made_ms - o->sent_ms);
}

int drive_check_id(struct drive *d, const struct remote_info *info, int64_t there_ms,
		   struct weir_error *err)
{
	const char *id = *d->remote_id ? d->remote_id : info->id;
	struct other o;
	if (*info->intent && strcmp(info->intent, d->intent) != 0)
		return weir_fail(err, REMOTE_ID_TAKEN,
				 "what the provider has as %s is another batch, by its metadata",
				 id);
	if (find(d, id, &o, err) < 0)
		return -1;
	if (o.id == 0 || (!(o.open && d->intended) && is_ours(d, info, &o, there_ms)))
		return 0;
	return weir_fail(err, REMOTE_ID_TAKEN,
			 "the provider calls it %s, as it does remote batch %lld, which %s", id,
			 (long long)o.id, o.open ? "has not ended" : "it may be");
}

/* ---- what follows ---- */

void drive_refuse_id(struct drive *d, const char *remote_id, const struct weir_error *why)
{
	const struct weir_error kept = *why;
	if (strcmp(kept.code, REMOTE_ID_TAKEN) != 0) {
		drive_pause(d, REMOTE_ERROR_WAIT_MS, &kept);
		return;
	}
	log_event(LOG_WARN, "remote_batch_refused", "id=%lld job=%s requests=%d error=\"%s\"",
		  (long long)d->id, d->job, (int)d->size, kept.text);
	snprintf(d->remote_id, sizeof d->remote_id, "%s", remote_id);
	drive_end(d, &ending_foreign, &kept);
}
