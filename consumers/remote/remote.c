#include "remote.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "remote_parts.h"
#include "weir/clock.h"
#include "weir/log.h"

#define LOOK_US 2000000
#define COMEBACK_US 200000
#define COMEBACK_CAP_US 10000000
#define STATEMENT_MS 15000

/* Others may hold rows; the broker and the calls want to hear from us. */
static const char wait_briefly[] = "SELECT set_config('lock_timeout', '2s', false)";

/* ---- models ---- */

const struct model *remote_model(const struct remote *r, size_t i)
{
	const struct models *all = r->plan.llm->models;
	for (size_t k = 0; k < models_count(all); k++)
		if (models_at(all, k)->provider != PROVIDER_LOCAL && i-- == 0)
			return models_at(all, k);
	return NULL;
}

void remote_add_models(struct remote *r)
{
	const struct model *m;
	size_t n = 0;
	while (remote_model(r, n))
		n++;
	params_array(&r->params, TYPE_TEXT, n);
	for (size_t i = 0; (m = remote_model(r, i)); i++)
		params_add_text(&r->params, (struct weir_text){m->name, strlen(m->name)});
	params_array_end(&r->params);
}

static bool has_batches(const struct remote *r)
{
	const struct model *m;
	for (size_t i = 0; (m = remote_model(r, i)); i++)
		if (m->mode == MODEL_BATCH)
			return true;
	return false;
}

/* ---- the ledger ---- */

static int failed(const char *event, const struct weir_error *why)
{
	log_event(LOG_WARN, event, "error=\"%s\"", why->text);
	return -1;
}

int remote_query(struct remote *r, const char *sql, PGresult **out, struct weir_error *err)
{
	if (!r->ledger)
		return weir_fail(err, "database", "the connection was lost");
	if (ledger_query(r->ledger, sql, &r->params, true, out, err) < 0)
		return failed("remote_statement_failed", err);
	return 0;
}

int remote_do(struct remote *r, const char *sql, int64_t *rows, struct weir_error *err)
{
	PGresult *result = NULL;
	if (remote_query(r, sql, &result, err) < 0)
		return -1;
	if (rows)
		*rows = strtoll(PQcmdTuples(result), NULL, 10);
	PQclear(result);
	return 0;
}

/* What stands in one pipeline is one transaction. */
int remote_together(struct remote *r, const struct remote_statement *some, size_t n,
		    PGresult **last, struct weir_error *err)
{
	PGresult *kept = NULL, *result = NULL;
	int bad = 0;
	if (!r->ledger)
		return weir_fail(err, "database", "the connection was lost");
	for (size_t i = 0; i < n && !bad; i++)
		bad = ledger_send(r->ledger, some[i].sql, some[i].params, true, err);
	if (bad && ledger_alive(r->ledger)) /* half of it must not be done: no memory is left */
		shutdown(ledger_fd(r->ledger), SHUT_RDWR);
	if (ledger_sync(r->ledger, err) < 0)
		return failed("remote_statement_failed", err);
	for (enum ledger_status s = LEDGER_WAIT; s != LEDGER_SYNCED;) {
		s = ledger_wait(r->ledger, &result, err);
		if (s == LEDGER_RESULT) {
			PQclear(kept);
			kept = result;
		} else if (s == LEDGER_FAILED) {
			bad = -1;
			if (!ledger_alive(r->ledger))
				break;
		}
	}
	if (bad || !last) {
		PQclear(kept);
		kept = NULL;
	}
	if (last)
		*last = kept;
	return bad ? failed("remote_statement_failed", err) : 0;
}

static void put_off(struct remote *r, int64_t now_us)
{
	r->back_us = now_us + clock_backoff_us(COMEBACK_US, COMEBACK_CAP_US, r->tries++);
}

static int open_ledger(struct remote *r, struct weir_error *err)
{
	struct ledger *l;
	if (ledger_open(r->plan.pg_url, "weir-remote", true, &l, err) < 0)
		return -1;
	if (ledger_patience(l, STATEMENT_MS, err) < 0 ||
	    ledger_do(l, wait_briefly, NULL, NULL, err) < 0) {
		ledger_close(l);
		return -1;
	}
	r->ledger = l;
	r->tries = 0;
	return 0;
}

/* What was on the way is lost with it, or will be found by whoever drives it next. */
static void lose_ledger(struct remote *r, int64_t now_us)
{
	drives_forget(r);
	ledger_close(r->ledger);
	r->ledger = NULL;
	put_off(r, now_us);
}

static bool come_back(struct remote *r, int64_t now_us)
{
	struct weir_error why;
	if (r->ledger && !ledger_alive(r->ledger))
		lose_ledger(r, now_us);
	if (r->ledger)
		return true;
	if (now_us < r->back_us)
		return false;
	if (open_ledger(r, &why) == 0)
		return true;
	failed("remote_ledger_away", &why);
	put_off(r, now_us);
	return false;
}

/* ---- turning ---- */

struct remote *remote_open(const struct remote_plan *plan)
{
	struct remote *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->plan = *plan;
	r->wanted = remote_model(r, 0) != NULL;
	for (size_t i = 0; i < DRIVES_MAX; i++)
		r->drives[i].remote = r;
	return r;
}

/* Of models that were in batches before the models file was changed. */
static const char anything_left[] =
	"SELECT EXISTS (SELECT FROM weir.remote_batches WHERE state <> 'done' AND ai_model = ANY "
	"($1))"
	" OR EXISTS (SELECT FROM weir.requests WHERE remote_batch IS NULL AND ai_model = ANY ($1))";

static bool is_needed(struct remote *r)
{
	struct weir_error why;
	PGresult *rows = NULL;
	if (has_batches(r))
		return true;
	params_reset(&r->params);
	remote_add_models(r);
	if (remote_query(r, anything_left, &rows, &why) < 0)
		return true;
	bool left = ledger_bool(rows, 0, 0);
	PQclear(rows);
	return left;
}

static void look(struct remote *r, int64_t now_us)
{
	r->look_us = now_us + LOOK_US;
	r->wanted = is_needed(r);
	if (r->wanted) {
		remote_choose(r);
		drives_take(r, now_us);
		return;
	}
	ledger_close(r->ledger);
	r->ledger = NULL;
}

void remote_turn(struct remote *r, int64_t now_us)
{
	if (!r->wanted || !come_back(r, now_us))
		return;
	if (now_us >= r->renew_us) {
		r->renew_us = now_us + REMOTE_RENEW_US;
		drives_renew(r);
	}
	drives_turn(r);
	if (now_us >= r->look_us)
		look(r, now_us);
}

int64_t remote_next_us(const struct remote *r)
{
	if (!r->wanted)
		return INT64_MAX;
	if (!r->ledger)
		return r->back_us;
	if (drives_busy(r) || !ledger_alive(r->ledger))
		return 0;
	return r->look_us < r->renew_us ? r->look_us : r->renew_us;
}

void remote_wake(struct remote *r, int64_t now_us)
{
	r->wanted = true;
	if (now_us < r->look_us)
		r->look_us = now_us;
}

static const char give_back[] = "UPDATE weir.remote_batches SET holder = NULL, held_until = NULL"
				" WHERE state <> 'done' AND holder = $1";

void remote_close(struct remote *r)
{
	struct weir_error why;
	if (!r)
		return;
	drives_forget(r);
	params_reset(&r->params);
	params_string(&r->params, r->plan.holder);
	if (r->ledger && ledger_alive(r->ledger) && remote_do(r, give_back, NULL, &why) < 0)
		failed("remote_not_given_back", &why);
	ledger_close(r->ledger);
	params_release(&r->params);
	params_release(&r->keys);
	free(r);
}
