#include "weir/presence.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "weir/clock.h"

#define SOON_US 1000000 /* between two, when it waits for something else */
#define SWEEP_US 60000000

/* With the statement behind it: a pipeline is one transaction. */
static const char patience[] = "SELECT set_config('lock_timeout', '" PRESENCE_LOCK "', true)";

static const char tell[] =
	"INSERT INTO weir.processes (id, role, host, pid, version, kinds, job_id, waits_for,"
	"  settled_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8,"
	"  now() - $9::int8 * interval '1 us') ON CONFLICT (id) DO UPDATE SET seen_at = now(),"
	" waits_for = excluded.waits_for, settled_until = excluded.settled_until";

static const char sweep[] = "DELETE FROM weir.processes WHERE id IN (SELECT id FROM weir.processes"
			    " WHERE seen_at < now() - interval '5 minutes' FOR UPDATE SKIP LOCKED)";

static const char leave[] = "DELETE FROM weir.processes WHERE id = $1";

void presence_name(char out[PRESENCE_NAME])
{
	char host[17] = "";
	if (gethostname(host, sizeof host - 1) != 0)
		host[0] = '\0';
	snprintf(out, PRESENCE_NAME, "%s-%d-%llx", host, (int)getpid(),
		 (unsigned long long)clock_wall_us());
}

void presence_init(struct presence *p, const char *role)
{
	*p = (struct presence){.role = role};
	presence_name(p->name);
}

void presence_release(struct presence *p) { params_release(&p->params); }

bool presence_due(const struct presence *p, const char *waits_for, int64_t now_us)
{
	bool differs = strncmp(p->waits_for, waits_for, PRESENCE_TEXT - 1) != 0;
	return p->told_us == 0 || now_us - p->told_us >= (differs ? SOON_US : PRESENCE_EVERY_US);
}

int64_t presence_next_us(const struct presence *p) { return p->told_us + PRESENCE_EVERY_US; }

/* Takes all that comes; the first failure counts. */
static int take_all(struct ledger *l, struct weir_error *err)
{
	struct weir_error why;
	int rc = 0;
	for (;;) {
		PGresult *r = NULL;
		switch (ledger_wait(l, &r, &why)) {
		case LEDGER_RESULT:
			PQclear(r);
			break;
		case LEDGER_SYNCED:
			return rc;
		default:
			if (rc == 0)
				rc = weir_fail(err, why.code, "%s", why.text);
			if (!ledger_alive(l))
				return rc;
		}
	}
}

static int send_all(struct presence *p, struct ledger *l, const char *sql, bool sweeps,
		    struct weir_error *err)
{
	if (ledger_send(l, patience, NULL, true, err) < 0 ||
	    ledger_send(l, sql, &p->params, true, err) < 0 ||
	    (sweeps && ledger_send(l, sweep, NULL, true, err) < 0) || ledger_sync(l, err) < 0)
		return -1;
	return take_all(l, err);
}

static void fill(struct presence *p)
{
	char host[65] = "";
	struct params *to = &p->params;
	if (gethostname(host, sizeof host - 1) != 0)
		host[0] = '\0';
	params_reset(to);
	params_string(to, p->name);
	params_string(to, p->role);
	params_string(to, host);
	params_int(to, (int32_t)getpid());
	params_string(to, WEIR_VERSION);
	params_array(to, TYPE_TEXT, p->kind_count);
	for (size_t i = 0; i < p->kind_count; i++)
		params_add_text(to, (struct weir_text){p->kinds[i], strlen(p->kinds[i])});
	params_array_end(to);
	params_string(to, p->job_id);
	params_string(to, *p->waits_for ? p->waits_for : NULL);
	if (p->settled_us)
		params_big(to, clock_us() - p->settled_us);
	else
		params_string(to, NULL);
}

int presence_tell(struct presence *p, struct ledger *l, const char *waits_for,
		  struct weir_error *err)
{
	int64_t now = clock_us();
	bool sweeps = now - p->swept_us >= SWEEP_US;
	snprintf(p->waits_for, sizeof p->waits_for, "%s", waits_for);
	p->told_us = now;
	if (sweeps)
		p->swept_us = now;
	fill(p);
	return send_all(p, l, tell, sweeps, err);
}

int presence_leave(struct presence *p, struct ledger *l, struct weir_error *err)
{
	params_reset(&p->params);
	params_string(&p->params, p->name);
	return send_all(p, l, leave, false, err);
}
