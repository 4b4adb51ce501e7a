#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "schema.h"
#include "weir/identity.h"
#include "weir/loader.h"
#include "weir/message.h"
#include "weir/topology.h"

#define KINDS_MAX 64

struct init_config {
	int64_t adopt, new_identity, take_vhost;
};

#define AT(field) offsetof(struct init_config, field)

static const struct weir_option options[] = {
	{.name = "adopt",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(adopt),
	 .preset = "0",
	 .help = "This database takes the place of the one that it was copied from, or is an "
		 "earlier state of: after a restore or a move. The other one must not be used any "
		 "more."},
	{.name = "new-identity",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(new_identity),
	 .preset = "0",
	 .help = "This database is a copy, and becomes a ledger of its own. Its open jobs are "
		 "paused, since the other one works on them."},
	{.name = "take-vhost",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(take_vhost),
	 .preset = "0",
	 .help = "The virtual host becomes this ledger's, though it has another one's mark: that "
		 "one is gone. Messages of it that are left are kept as dead letters."},
	{.type = WEIR_OPTION_END},
};

/* Nobody can tell a clone of the whole cluster from a replica that was promoted: who has made one
 * says so. */
static int renew(struct ledger *l, struct weir_error *err)
{
	PGresult *r = NULL;
	if (ledger_query(l, "SELECT weir.renew()", NULL, true, &r, err) < 0)
		return -1;
	printf("ledger    is one of its own now; open jobs that were paused: %lld\n",
	       (long long)ledger_big(r, 0, 0));
	PQclear(r);
	return 0;
}

static int settle_identity(struct ledger *l, const struct init_config *config,
			   char id[LEDGER_ID_SIZE], struct weir_error *err)
{
	if (config->new_identity && renew(l, err) < 0)
		return -1;
	if (config->adopt && ledger_do(l, "SELECT weir.adopt()", NULL, NULL, err) < 0)
		return -1;
	if (identity_read(l, id, err) < 0)
		return -1;
	printf("ledger    %s\n", id);
	return 0;
}

static int init_ledger(struct call *call, char id[LEDGER_ID_SIZE])
{
	struct ledger *l;
	if (ledger_open(call->settings->pg_url, "weir init", false, &l, call->error) < 0)
		return -1;
	int rc = ledger_patience(l, LEDGER_LONG_MS, call->error);
	if (rc == 0)
		rc = schema_apply(l, call->error);
	if (rc == 0)
		rc = settle_identity(l, call->config, id, call->error);
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
		printf("broker    queue %s%s\n", names_at_broker(), kinds[i]);
	}
	if (n == 0)
		printf("broker    no plugins in %s: no queues\n", dir);
	return n < 0 ? -1 : 0;
}

/* Before anything is made: it would be made in another one's virtual host. */
static int mark_vhost(struct broker *b, const struct init_config *config, const char *id,
		      struct weir_error *err)
{
	if (config->take_vhost && identity_unmark(b, err) < 0)
		return -1;
	return identity_mark(b, id, err);
}

static int init_broker(struct call *call, const char *id)
{
	struct broker *b;
	if (broker_open(call->settings->amqp_url, "weir init", MESSAGE_MAX, &b, call->error) < 0)
		return -1;
	const char *p = names_at_broker();
	int rc = mark_vhost(b, call->config, id, call->error);
	if (rc == 0)
		rc = topology_declare(b, call->error);
	if (rc == 0)
		printf("broker    exchanges %sitems, %sevents, %sdead and queue %sdead\n", p, p, p,
		       p);
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
	const struct init_config *config = call->config;
	char id[LEDGER_ID_SIZE];
	if (config->adopt && config->new_identity) {
		weir_fail(call->error, "usage", "--adopt or --new-identity, not both");
		return COMMAND_USAGE;
	}
	if (init_ledger(call, id) < 0 || init_broker(call, id) < 0 || init_redis(call) < 0)
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
		"come with PostgreSQL) and on the schema public.\n\n"
		"A ledger has an id, which marks the virtual host that it uses. A virtual host of\n"
		"another ledger is refused, and so is a database that was copied from another.\n",
	.options = options,
	.no_environment = true,
	.config_size = sizeof(struct init_config),
	.needs = NEED_PG | NEED_AMQP | NEED_REDIS,
	.run = run,
};
