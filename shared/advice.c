#include "weir/advice.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "weir/names.h"

static const struct server {
	const char *name, *setting;
} servers[ADVICE_SERVERS] = {
	[ADVICE_PG] = {"PostgreSQL", "WEIR_PG_URL"},
	[ADVICE_AMQP] = {"RabbitMQ", "WEIR_AMQP_URL"},
	[ADVICE_REDIS] = {"Redis", "WEIR_REDIS_URL"},
};

/* In an advice: what names begin with (names.h). */
#define OURS "{ours}" /* at the broker, as a regular expression */
#define KEYS "{keys}" /* keys and channels in Redis */

/* The first row fits whose words are all in the cause, in this order, in any letters. */
struct row {
	const char *words[2]; /* the second may be NULL */
	const char *advice;
};

/* What the kernel, the resolver and connect.c say; the setting stands behind the advice. Sources:
 * libc's texts of errno and of gai_strerror(). */
static const struct row of_networks[] = {
	{{"Connection refused", NULL}, "nothing listens there: start it, or mend host and port in"},
	{{"Name or service not known", NULL}, "no such host: mend its name in"},
	{{"No address associated", NULL}, "no such host: mend its name in"},
	{{"nodename nor servname", NULL}, "no such host: mend its name in"},
	{{"Temporary failure in name resolution", NULL},
	 "the name cannot be looked up now: does DNS work here? else mend the host in"},
	{{"No route to host", NULL},
	 "no way leads there from here: see the network, or the host in"},
	{{"Network is unreachable", NULL},
	 "no way leads there from here: see the network, or the host in"},
	{{"Permission denied", "socket"}, "this user may not open the socket: mend the host in"},
	{{"No such file or directory", NULL},
	 "there is no socket of that name: start the server, or write a host into"},
	{{"no answer within", NULL}, "a firewall drops it, or the host is wrong or hangs: see"},
	{{"timeout expired", NULL}, "a firewall drops it, or it is no PostgreSQL: see"},
	{{"timed out", NULL}, "a firewall drops it, or the host is wrong or hangs: see"},
	{{"it speaks TLS", NULL}, "name the port without TLS, or a local TLS proxy (stunnel), in"},
	{{"is no ", NULL}, "mend host and port in"},
};

/* Sources: RabbitMQ 3.10 to 4.1, rabbit_reader.erl, rabbit_channel.erl, rabbit_access_control.erl.
 */
static const struct row of_amqp[] = {
	{{"Login was refused", NULL},
	 "mend user and password in WEIR_AMQP_URL; guest may come from the broker's own machine "
	 "only"},
	{{"vhost", " not found"},
	 "mend its name in WEIR_AMQP_URL (/%2F is the broker's own), or: rabbitmqctl add_vhost "
	 "NAME"},
	{{"access to vhost", "connection limit"},
	 "end other connections, or: rabbitmqctl clear_vhost_limits -p VHOST"},
	{{"user connection limit", NULL},
	 "end other connections, or: rabbitmqctl clear_user_limits USER max-connections"},
	{{"user channel limit", NULL},
	 "end other connections, or: rabbitmqctl clear_user_limits USER max-channels"},
	{{"connection limit", NULL}, "end other connections, or raise the limit in rabbitmq.conf"},
	{{"access to vhost", "refused"},
	 "give the right: rabbitmqctl set_permissions -p VHOST USER '" OURS "' '" OURS "' '" OURS
	 "'"},
	{{"vhost", " is down"},
	 "see the log of RabbitMQ; then: rabbitmqctl restart_vhost -p VHOST"},
	{{"ACCESS_REFUSED", " access to "},
	 "give the right: rabbitmqctl set_permissions -p VHOST USER '" OURS "' '" OURS "' '" OURS
	 "'"},
	{{"inequivalent arg", NULL},
	 "it was made by something else than weir init: delete it when it is empty, or use another "
	 "virtual host"},
	{{"a web server", NULL},
	 "15672 is RabbitMQ's page; AMQP has port 5672: mend WEIR_AMQP_URL"},
	{{"CONNECTION_FORCED", NULL}, "an operator or a stop of the broker ended it: tried again"},
	{{"no queue ", "in vhost"}, "run: weir init"},
	{{"no exchange ", "in vhost"}, "run: weir init"},
	{{"process is stopped by supervisor", NULL},
	 "its node is down: start it, then see its log"},
	{{"INTERNAL_ERROR", NULL}, "see the log of RabbitMQ"},
	{{"RESOURCE_ERROR", NULL}, "see the log of RabbitMQ"},
};

/* Sources: PostgreSQL 15, manual, appendix A and runtime-config; auth.c, postinit.c, postmaster.c,
 * postgres.c; libpq, fe-connect.c. */
static const struct row of_pg[] = {
	/* Of poolers. Sources: pgbouncer 1.18 to 1.24, client.c, objects.c; its config. */
	{{"a pooler in transaction mode", NULL},
	 "weir keeps settings, prepared statements and LISTEN in its session: set pool_mode = "
	 "session for this user or database in pgbouncer.ini, or name PostgreSQL itself in "
	 "WEIR_PG_URL"},
	{{"unsupported startup parameter", NULL},
	 "this is pgbouncer: take the parameter out of WEIR_PG_URL and PGOPTIONS (in "
	 "pgbouncer.ini: "
	 "ignore_startup_parameters, which loses it), or name PostgreSQL itself; pool_mode has to "
	 "be session"},
	{{"no such database:", NULL},
	 "this is pgbouncer: its databases are in pgbouncer.ini, and pool_mode has to be session"},
	{{"prepared statement", "does not exist"},
	 "is there a pooler in transaction mode between? pgbouncer needs pool_mode = session"},
	{{"query_wait_timeout", NULL},
	 "this is pgbouncer, and its pool is full: weir keeps a connection each, so raise "
	 "pool_size"},
	{{"password authentication failed", NULL},
	 "mend user and password in WEIR_PG_URL (write %25 for %, %40 for @, %2F for /)"},
	{{"no password supplied", NULL},
	 "put the password into WEIR_PG_URL: postgresql://user:password@host"},
	{{"no pg_hba.conf entry", "no encryption"},
	 "add ?sslmode=require to WEIR_PG_URL, or a line for this user and host to pg_hba.conf"},
	{{"no pg_hba.conf entry", NULL},
	 "let in this user, host and database in pg_hba.conf, then: SELECT pg_reload_conf()"},
	{{"pg_hba.conf rejects", NULL},
	 "let in this user, host and database in pg_hba.conf, then: SELECT pg_reload_conf()"},
	{{"authentication failed for user", NULL},
	 "mend the user in WEIR_PG_URL, or its line in pg_hba.conf"},
	{{"role ", "does not exist"}, "mend the user in WEIR_PG_URL, or make it: createuser NAME"},
	{{"is not permitted to log in", NULL}, "ALTER ROLE NAME LOGIN"},
	{{"database ", "does not exist"},
	 "mend its name in WEIR_PG_URL, or make it: createdb -E UTF8 -T template0 NAME"},
	{{"permission denied for database", NULL}, "GRANT CONNECT ON DATABASE NAME TO ROLE"},
	{{"not currently accepting connections", NULL},
	 "ALTER DATABASE NAME ALLOW_CONNECTIONS true"},
	{{"too many connections for role", NULL},
	 "end other sessions, or raise its limit: ALTER ROLE NAME CONNECTION LIMIT N"},
	{{"too many connections for database", NULL},
	 "end other sessions, or raise its limit: ALTER DATABASE NAME CONNECTION LIMIT N"},
	{{"too many clients", NULL}, "end other sessions, or raise max_connections"},
	{{"remaining connection slots", NULL}, "end other sessions, or raise max_connections"},
	{{"starting up", NULL}, "wait: it is tried again"},
	{{"in recovery mode", NULL}, "it was killed and restarts: wait, and see its log"},
	{{"shutting down", NULL}, "it stops: start it again"},
	{{"not yet accepting connections", NULL}, "wait: it is tried again"},
	{{"session is read-only", NULL}, "this is a standby, or read-only: name the primary"},
	{{"hot standby", NULL}, "this is a standby: name the primary in WEIR_PG_URL"},
	{{"server does not support SSL", NULL}, "leave sslmode out of WEIR_PG_URL"},
	{{"root certificate file", NULL},
	 "put the CA's certificate there, or name it: ?sslrootcert=FILE"},
	{{"certificate verify failed", NULL}, "name the CA's certificate: ?sslrootcert=FILE"},
	{{"server certificate for", NULL}, "name the host as its certificate does"},
	{{"response to SSL negotiation", NULL},
	 "that is no PostgreSQL: mend host and port in "
	 "WEIR_PG_URL"},
	{{"expected authentication request", NULL},
	 "that is no PostgreSQL: mend host and port in "
	 "WEIR_PG_URL"},
	{{"unsupported frontend protocol", NULL}, "use PostgreSQL 15 or newer"},
	{{"idle-session timeout", NULL},
	 "somebody has set idle_session_timeout: set it to 0 for this role"},
	{{"idle-in-transaction timeout", NULL}, "tried again; see the log of PostgreSQL"},
	{{"administrator command", NULL},
	 "an operator or a stop of the server ended the session: tried again"},
	{{"crash of another server process", NULL}, "tried again; see the log of PostgreSQL"},
	{{"conflict with recovery", NULL}, "this is a standby: name the primary in WEIR_PG_URL"},
};

/* Sources: Redis 7.0, server.c, acl.c, networking.c, script.c, db.c; manual, "ACL". */
static const struct row of_redis[] = {
	{{"NOAUTH", NULL}, "put the password into WEIR_REDIS_URL: redis://:password@host:port/db"},
	{{"WRONGPASS", NULL}, "mend user and password in WEIR_REDIS_URL"},
	{{"invalid password", NULL}, "mend the password in WEIR_REDIS_URL"},
	{{"without any password configured", NULL}, "leave the password out of WEIR_REDIS_URL"},
	{{"wrong number of arguments for 'auth'", NULL}, "leave the user out of WEIR_REDIS_URL"},
	{{"NOPERM", "keys"}, "give the right: ACL SETUSER NAME ~" KEYS ":*"},
	{{"NOPERM", "channel"}, "give the right: ACL SETUSER NAME &" KEYS ":*"},
	{{"NOPERM", NULL}, "give the right: ACL SETUSER NAME +@all -@admin -@dangerous +info"},
	{{"can't publish to the channel", NULL}, "give the right: ACL SETUSER NAME &" KEYS ":*"},
	{{"can't access at least one of the keys", NULL},
	 "give the right: ACL SETUSER NAME ~" KEYS ":*"},
	{{"can't run this command", NULL},
	 "give the right: ACL SETUSER NAME +@all -@admin -@dangerous +info"},
	{{"unknown command", NULL}, "it is disabled or renamed there: use a Redis that has all"},
	{{"DB index is out of range", NULL},
	 "it has fewer databases: mend the number at the end of WEIR_REDIS_URL"},
	{{"SELECT is not allowed", NULL}, "a cluster has database 0 alone: mend WEIR_REDIS_URL"},
	{{"max number of clients", NULL}, "end other connections, or raise maxclients"},
	{{"protected mode", NULL},
	 "give it a password (requirepass, and in WEIR_REDIS_URL), or name it by 127.0.0.1"},
	{{"Protocol error", NULL}, "that is no Redis: mend host and port in WEIR_REDIS_URL"},
	{{"OOM", NULL}, "it is full: raise maxmemory, or take out what is not weir's"},
	{{"READONLY", NULL}, "this is a replica: name the master in WEIR_REDIS_URL"},
	{{"MISCONF", NULL}, "it cannot save to its disk: see its log"},
	{{"LOADING", NULL}, "wait: it reads its data"},
	{{"BUSY", NULL}, "somebody's script runs without end: SCRIPT KILL"},
	{{"MASTERDOWN", NULL}, "this is a replica without its master: name the master"},
	{{"NOREPLICAS", NULL}, "its replicas are away: start them, or set min-replicas-to-write 0"},
	{{"CLUSTERDOWN", NULL}, "the cluster has lost nodes: redis-cli --cluster check"},
	{{"MOVED", NULL}, "clusters are not supported: name a single Redis in WEIR_REDIS_URL"},
	{{"CROSSSLOT", NULL}, "clusters are not supported: name a single Redis in WEIR_REDIS_URL"},
};

#define ROWS(TABLE)                                                                                \
	{                                                                                          \
		TABLE, sizeof TABLE / sizeof *TABLE                                                \
	}

static const struct rows {
	const struct row *list;
	size_t count;
} tables[ADVICE_SERVERS] = {
	[ADVICE_PG] = ROWS(of_pg), [ADVICE_AMQP] = ROWS(of_amqp), [ADVICE_REDIS] = ROWS(of_redis)};

static const struct rows networks = ROWS(of_networks);

static const char *find(const struct rows *rows, const char *cause)
{
	for (size_t i = 0; i < rows->count; i++) {
		const struct row *row = &rows->list[i];
		const char *at = strcasestr(cause, row->words[0]);
		if (at && row->words[1])
			at = strcasestr(at, row->words[1]);
		if (at)
			return row->advice;
	}
	return NULL;
}

struct advice advice_for(enum advice_server server, const char *cause)
{
	const char *text = find(&tables[server], cause);
	if (text)
		return (struct advice){text, ""};
	text = find(&networks, cause);
	return (struct advice){text, text ? servers[server].setting : ""};
}

/* ---- in words ---- */

static void add(char out[ADVICE_ROOM], const char *text, size_t size)
{
	size_t used = strlen(out);
	snprintf(out + used, ADVICE_ROOM - used, "%.*s", (int)size, text);
}

static void add_ours(char out[ADVICE_ROOM])
{
	add(out, "^", 1);
	for (const char *at = names_at_broker(); *at; at++)
		add(out, *at == '.' ? "\\." : at, *at == '.' ? 2 : 1);
}

static void add_keys(char out[ADVICE_ROOM])
{
	add(out, names_in_redis(), strlen(names_in_redis()));
}

static const struct mark {
	const char *text;
	void (*add)(char out[ADVICE_ROOM]);
} marks[] = {{OURS, add_ours}, {KEYS, add_keys}};

/* What stands for a name at the beginning of the text, or NULL. */
static const struct mark *mark_at(const char *text)
{
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (strncmp(text, marks[i].text, strlen(marks[i].text)) == 0)
			return &marks[i];
	return NULL;
}

static void write(const struct advice *a, char out[ADVICE_ROOM])
{
	*out = '\0';
	for (const char *at = a->text ? a->text : ""; *at;) {
		const struct mark *m = mark_at(at);
		size_t plain = 1 + strcspn(at + 1, "{");
		if (m)
			m->add(out);
		else
			add(out, at, plain);
		at += m ? strlen(m->text) : plain;
	}
	add(out, " ", *a->setting ? 1 : 0);
	add(out, a->setting, strlen(a->setting));
}

int advice_fail(struct weir_error *err, const char *code, enum advice_server server,
		const char *where, const char *cause)
{
	char step[ADVICE_ROOM];
	struct advice a = advice_for(server, cause);
	write(&a, step);
	return weir_fail(err, code, "%s at %.70s: %.230s%s%s%s", servers[server].name, where, cause,
			 *step ? " (" : "", step, *step ? ")" : "");
}

/* ---- apart again ---- */

/* Cuts " (step)" off the end of the text. */
static bool cut(char *text, const char *step)
{
	size_t size = strlen(text), step_size = strlen(step);
	if (size < step_size + 3 || text[size - 1] != ')')
		return false;
	char *at = text + size - 1 - step_size;
	if (memcmp(at, step, step_size) != 0 || at[-1] != '(' || at[-2] != ' ')
		return false;
	at[-2] = '\0';
	return true;
}

static bool cut_any(char *text, const struct rows *rows, const char *setting, char out[ADVICE_ROOM])
{
	for (size_t i = 0; i < rows->count; i++) {
		write(&(struct advice){rows->list[i].advice, setting}, out);
		if (cut(text, out))
			return true;
	}
	return false;
}

void advice_split(char *text, char out[ADVICE_ROOM])
{
	for (int i = 0; i < ADVICE_SERVERS; i++)
		if (cut_any(text, &tables[i], "", out) ||
		    cut_any(text, &networks, servers[i].setting, out))
			return;
	*out = '\0';
}
