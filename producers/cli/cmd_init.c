#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "schema.h"
#include "weir/broker.h"
#include "weir/loader.h"
#include "weir/message.h"
#include "weir/topology.h"

#define KINDS_MAX 64
#define LOCK "7235419" /* of two inits at once one waits for the other */

static const char prepare[] =
	"CREATE SCHEMA IF NOT EXISTS weir;"
	"CREATE TABLE IF NOT EXISTS weir.migrations (version integer PRIMARY KEY,"
	" name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());";

static int is_applied(struct ledger *l, int number, bool *yes, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	PGresult *r = NULL;
	params_int(&p, number);
	int rc = ledger_query(l, "SELECT 1 FROM weir.migrations WHERE version = $1", &p, true, &r,
			      err);
	params_release(&p);
	*yes = rc == 0 && PQntuples(r) > 0;
	PQclear(r);
	return rc;
}

/* `permission denied for database d` alone says neither what was to be done nor who can help. */
static int run_script(struct ledger *l, const char *name, const char *sql, struct weir_error *err)
{
	struct weir_error why;
	if (ledger_script(l, sql, &why) == 0)
		return 0;
	bool denied = strcmp(ledger_sqlstate(l), "42501") == 0;
	return weir_fail(err, why.code, "%s: %.400s%s", name, why.text,
			 denied ? " (weir init needs the right CREATE on the database and on its "
				  "schema public)"
				: "");
}

/* A file and the note that it was applied are one transaction. */
static int apply(struct ledger *l, const struct schema_file *f, struct weir_error *err)
{
	struct weir_error ignored;
	struct buffer sql = BUFFER_INIT;
	buffer_printf(&sql,
		      "BEGIN;\n%s\nINSERT INTO weir.migrations (version, name)"
		      " VALUES (%d, '%s');COMMIT;",
		      f->sql, f->number, f->name);
	const char *text = buffer_text(&sql);
	int rc = text ? run_script(l, f->name, text, err) : weir_fail_memory(err);
	buffer_release(&sql);
	if (rc < 0 && ledger_alive(l) && ledger_script(l, "ROLLBACK", &ignored) < 0)
		return -1;
	return rc;
}

static int migrate_to(struct ledger *l, const struct schema_file *f, int *count,
		      struct weir_error *err)
{
	bool done;
	if (is_applied(l, f->number, &done, err) < 0)
		return -1;
	if (done)
		return 0;
	if (apply(l, f, err) < 0)
		return -1;
	printf("ledger    applied %s\n", f->name);
	++*count;
	return 0;
}

static int migrate(struct ledger *l, struct weir_error *err)
{
	int count = 0;
	if (ledger_script(l, "SELECT pg_advisory_lock(" LOCK ")", err) < 0 ||
	    run_script(l, "schema weir", prepare, err) < 0)
		return -1;
	for (const struct schema_file *f = schema_files; f->number; f++)
		if (migrate_to(l, f, &count, err) < 0)
			return -1;
	if (count == 0)
		printf("ledger    is up to date\n");
	return 0;
}

static int init_ledger(struct call *call)
{
	struct ledger *l;
	if (ledger_open(call->settings->pg_url, "weir init", false, &l, call->error) < 0)
		return -1;
	int rc = ledger_patience(l, LEDGER_LONG_MS, call->error);
	if (rc == 0)
		rc = migrate(l, call->error);
	ledger_close(l);
	return rc;
}

static int declare_kinds(struct broker *b, const char *plugin_dir, struct weir_error *err)
{
	char dir[4096], kinds[KINDS_MAX][33];
	if (loader_dir(plugin_dir, dir, sizeof dir, err) < 0)
		return -1;
	int n = loader_kinds(dir, kinds, KINDS_MAX, err);
	for (int i = 0; i < n; i++) {
		if (topology_declare_kind(b, kinds[i], err) < 0)
			return -1;
		printf("broker    queue %s%s\n", QUEUE_PREFIX, kinds[i]);
	}
	if (n == 0)
		printf("broker    no plugins in %s: no queues\n", dir);
	return n < 0 ? -1 : 0;
}

static int init_broker(struct call *call)
{
	struct broker *b;
	if (broker_open(call->settings->amqp_url, "weir init", MESSAGE_MAX, &b, call->error) < 0)
		return -1;
	int rc = topology_declare(b, call->error);
	if (rc == 0)
		printf("broker    exchanges %s, %s, %s and queue %s\n", EXCHANGE_ITEMS,
		       EXCHANGE_EVENTS, EXCHANGE_DEAD, QUEUE_DEAD);
	if (rc == 0)
		rc = declare_kinds(b, call->settings->plugin_dir, call->error);
	broker_close(b);
	return rc;
}

/* Progress can be rebuilt, so a Redis that is away or may evict is worth a word, not a failure. */
static int init_redis(struct call *call)
{
	struct weir_error why;
	struct progress *p;
	char version[64], policy[64];
	if (progress_open(call->settings->redis_url, 2000, &p, call->error) < 0)
		return -1;
	if (progress_server(p, version, policy, &why) < 0)
		printf("redis     cannot be reached now: %s\n", why.text);
	else if (*policy && strcmp(policy, "noeviction") != 0)
		printf("redis     %s, maxmemory-policy %s: set noeviction, or counters may "
		       "vanish\n",
		       version, policy);
	else
		printf("redis     %s\n", version);
	progress_close(p);
	return 0;
}

static enum command_status run(struct call *call)
{
	if (init_ledger(call) < 0 || init_broker(call) < 0 || init_redis(call) < 0)
		return COMMAND_FAILED;
	return COMMAND_DONE;
}

const struct command command_init = {
	.name = "init",
	.arguments = "",
	.summary = "make the tables, exchanges and queues, or bring them up to date",
	.help = "Applies the ledger's schema to PostgreSQL, and declares the exchanges and, for "
		"each\n"
		"kind that there is a plugin for, the queue. May be run again at any time, and by\n"
		"two at once: what is there already stays as it is. The role of WEIR_PG_URL needs "
		"the\n"
		"right CREATE on the database (also for the extensions pg_trgm and btree_gin, "
		"which\n"
		"come with PostgreSQL) and on the schema public.\n",
	.needs = NEED_PG | NEED_AMQP | NEED_REDIS,
	.run = run,
};
