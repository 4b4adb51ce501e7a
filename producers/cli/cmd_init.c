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

static int init_ledger(struct call *call)
{
	struct ledger *l;
	if (ledger_open(call->settings->pg_url, "weir init", false, &l, call->error) < 0)
		return -1;
	int rc = ledger_patience(l, LEDGER_LONG_MS, call->error);
	if (rc == 0)
		rc = schema_apply(l, call->error);
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
