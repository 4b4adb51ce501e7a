#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "schema.h"
#include "weir/identity.h"
#include "weir/loader.h"
#include "weir/message.h"
#include "weir/restored.h"
#include "weir/topology.h"

#define KINDS_MAX 64

struct init_config {
	int64_t adopt, new_identity, take_vhost;
	const char *views_in;
	int64_t lock_wait_ms;
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
	{.name = "views-in",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(views_in),
	 .unit = "SCHEMA",
	 .help = "The schema in which people find the views, besides weir. Not given: where they "
		 "are."},
	{.name = "lock-wait",
	 .type = WEIR_OPTION_TIME,
	 .offset = AT(lock_wait_ms),
	 .preset = "3m",
	 .least = 0,
	 .most = 86400000,
	 .help = "So long it is tried to lock tables that somebody keeps locked, a second at a "
		 "time and with pauses, so that the fleet goes on. It is told who that is."},
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
	const struct init_config *config = call->config;
	struct ledger *l;
	if (ledger_open(call->settings->pg_url, "weir init", false, &l, call->error) < 0)
		return -1;
	int rc = ledger_patience(l, LEDGER_LONG_MS, call->error);
	if (rc == 0)
		rc = schema_apply(l, config->views_in, config->lock_wait_ms, call->error);
	if (rc == 0)
		rc = settle_identity(l, config, id, call->error);
	ledger_close(l);
	return rc;
}

/* The kinds that there are plugins for. */
struct kind_list {
	char dir[4096], kinds[KINDS_MAX][33];
	int count;
};

static int list_kinds(struct call *call, struct kind_list *list)
{
	if (loader_dir(call->settings->plugin_dir, list->dir, sizeof list->dir, call->error) < 0)
		return -1;
	list->count = loader_kinds(list->dir, list->kinds, KINDS_MAX, call->error);
	return list->count < 0 ? -1 : 0;
}

static int make_kind(struct broker *b, struct ledger *l, const char *kind, struct weir_error *err)
{
	const struct topology_teller teller = {restored_note, l};
	struct buffer names = BUFFER_INIT;
	int rc = topology_restore_kind(b, kind, &teller, &names, NULL, err);
	buffer_release(&names);
	if (rc == 0)
		printf("broker    queue %s%s\n", names_at_broker(), kind);
	return rc;
}

static int make_kinds(struct call *call, struct broker *b, const struct kind_list *list)
{
	struct ledger *l;
	if (ledger_open(call->settings->pg_url, "weir init", false, &l, call->error) < 0)
		return -1;
	int rc = 0;
	for (int i = 0; rc == 0 && i < list->count; i++)
		rc = make_kind(b, l, list->kinds[i], call->error);
	ledger_close(l);
	if (rc < 0)
		return -1;
	if (list->count == 0)
		printf("broker    no plugins in %s: no queues\n", list->dir);
	return 0;
}

static int open_broker(struct call *call, struct broker **b)
{
	return broker_open(call->settings->amqp_url, "weir init", MESSAGE_MAX, b, call->error);
}

/* The id that the ledger has already; "": none, or it gets another one. */
static int known_id(struct call *call, char id[LEDGER_ID_SIZE])
{
	const struct init_config *config = call->config;
	struct ledger *l;
	PGresult *r = NULL;
	*id = '\0';
	if (ledger_open(call->settings->pg_url, "weir init", false, &l, call->error) < 0)
		return -1;
	int rc = ledger_query(l, "SELECT to_regclass('weir.ledger') IS NOT NULL", NULL, true, &r,
			      call->error);
	bool there = rc == 0 && ledger_bool(r, 0, 0);
	PQclear(r);
	if (there && !config->new_identity && identity_read(l, id, call->error) < 0 &&
	    !(config->adopt && strcmp(call->error->code, "copied") == 0))
		rc = -1;
	ledger_close(l);
	return rc;
}

/* Whose the virtual host is, before anything is made, also in the ledger: in another one's it would
 * be in vain. The connection would not be kept through long migrations. */
static int check_vhost(struct call *call)
{
	const struct init_config *config = call->config;
	char id[LEDGER_ID_SIZE];
	struct broker *b;
	struct weir_error why;
	int rc = 0;
	if (known_id(call, id) < 0 || open_broker(call, &b) < 0)
		return -1;
	if (!config->take_vhost)
		rc = *id ? identity_check_mark(b, id, &why) : identity_check_unmarked(b, &why);
	broker_close(b);
	if (rc == 0 || strcmp(why.code, "no_mark") == 0)
		return 0;
	return weir_fail(call->error, why.code, "%s", why.text);
}

/* Before anything is made: it would be made in another one's virtual host. */
static int mark_vhost(struct broker *b, const struct init_config *config, const char *id,
		      struct weir_error *err)
{
	if (config->take_vhost && identity_unmark(b, err) < 0)
		return -1;
	return identity_mark(b, id, err);
}

static int init_broker(struct call *call, const struct kind_list *list, const char *id)
{
	struct broker *b;
	if (open_broker(call, &b) < 0)
		return -1;
	const char *p = names_at_broker();
	int rc = mark_vhost(b, call->config, id, call->error);
	struct buffer names = BUFFER_INIT;
	if (rc == 0)
		rc = topology_restore(b, &names, call->error);
	buffer_release(&names);
	if (rc == 0)
		printf("broker    exchanges %sitems, %sevents, %sdead and queue %sdead\n", p, p, p,
		       p);
	if (rc == 0)
		rc = make_kinds(call, b, list);
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
	struct kind_list list;
	if (config->adopt && config->new_identity) {
		weir_fail(call->error, "usage", "--adopt or --new-identity, not both");
		return COMMAND_USAGE;
	}
	if (list_kinds(call, &list) < 0 || check_vhost(call) < 0 || init_ledger(call, id) < 0 ||
	    init_broker(call, &list, id) < 0 || init_redis(call) < 0)
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
		"two at once: what is there already stays as it is, and where nothing is to be\n"
		"done no right is needed but to read. Else the role of WEIR_PG_URL needs the "
		"right\n"
		"CREATE on the database, once also for the extensions pg_trgm and btree_gin, "
		"which\n"
		"come with PostgreSQL and stay in their schema if they are there.\n"
		"\n"
		"Everything is in the schema weir. What people read, the views batch_jobs and so\n"
		"on, are found in one more schema with --views-in (it is made if need be), as "
		"they\n"
		"are in public where a version before has made the ledger. They stay there until\n"
		"another one is given: they move with the rights that were granted on them.\n"
		"--views-in weir removes them from there.\n"
		"\n"
		"A ledger has an id, which marks the virtual host that it uses. A virtual host of\n"
		"another ledger is refused, and so is a database that was copied from another.\n",
	.options = options,
	.no_environment = true,
	.config_size = sizeof(struct init_config),
	.needs = NEED_PG | NEED_AMQP | NEED_REDIS,
	.run = run,
};
