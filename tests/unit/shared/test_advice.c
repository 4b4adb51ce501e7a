/* The table of causes, with what servers and libraries really say. */
#include <CUnit/CUnit.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "weir/advice.h"
#include "weir/broker.h"
#include "weir/connect.h"
#include "weir/names.h"

static const struct {
	enum advice_server server;
	const char *cause, *step;
} rows[] = {
	{ADVICE_AMQP, "connect: Connection refused", "nothing listens there"},
	{ADVICE_AMQP, "connect: Name or service not known", "no such host"},
	{ADVICE_AMQP, "connect: no answer within 10 s", "a firewall drops it"},
	{ADVICE_AMQP, "log in: it speaks TLS", "the port without TLS"},
	{ADVICE_AMQP, "log in: it is no RabbitMQ but a web server", "AMQP has port 5672"},
	{ADVICE_AMQP, "log in: it is no RabbitMQ but a Redis", "mend host and port in WEIR_AMQP"},
	{ADVICE_AMQP,
	 "log in: 403 ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. "
	 "For details see the broker logfile.",
	 "mend user and password in WEIR_AMQP_URL"},
	{ADVICE_AMQP, "log in: 530 NOT_ALLOWED - vhost nope not found", "add_vhost"},
	{ADVICE_AMQP, "log in: 530 NOT_ALLOWED - access to vhost '/' refused for user 'bob'",
	 "set_permissions"},
	{ADVICE_AMQP,
	 "log in: 530 NOT_ALLOWED - access to vhost '/' refused for user 'weir': connection limit "
	 "(0) is reached",
	 "clear_vhost_limits"},
	{ADVICE_AMQP,
	 "log in: 530 NOT_ALLOWED - connection refused for user 'weir': user connection limit (0) "
	 "is reached",
	 "clear_user_limits"},
	{ADVICE_AMQP, "log in: 530 NOT_ALLOWED - vhost 'v' is down", "restart_vhost"},
	{ADVICE_AMQP,
	 "weir.sum: 403 ACCESS_REFUSED - configure access to queue 'weir.sum' in vhost '/' refused "
	 "for user 'bob'",
	 "set_permissions"},
	{ADVICE_AMQP,
	 "weir.sum: 406 PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'weir.sum' "
	 "in vhost '/': received 'quorum' but current is 'classic'",
	 "delete it when it is empty"},
	{ADVICE_AMQP, "weir.sum: 404 NOT_FOUND - no queue 'weir.sum' in vhost '/'", "weir init"},
	{ADVICE_AMQP,
	 "closed by the broker: 320 CONNECTION_FORCED - broker forced connection closure with "
	 "reason 'shutdown'",
	 "tried again"},
	{ADVICE_PG,
	 "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  password authentication "
	 "failed for user \"weir\"",
	 "mend user and password in WEIR_PG_URL"},
	{ADVICE_PG,
	 "connection to server at \"h\" (10.0.0.1), port 5432 failed: FATAL:  no pg_hba.conf entry "
	 "for host \"10.0.0.2\", user \"weir\", database \"weir\", no encryption",
	 "sslmode=require"},
	{ADVICE_PG,
	 "FATAL:  no pg_hba.conf entry for host \"10.0.0.2\", user \"weir\", database \"weir\", "
	 "SSL "
	 "encryption",
	 "in pg_hba.conf"},
	{ADVICE_PG, "FATAL:  database \"nodb\" does not exist", "createdb"},
	{ADVICE_PG, "FATAL:  role \"nob\" does not exist", "createuser"},
	{ADVICE_PG, "FATAL:  sorry, too many clients already", "max_connections"},
	{ADVICE_PG, "FATAL:  too many connections for role \"weir\"", "ALTER ROLE"},
	{ADVICE_PG, "FATAL:  too many connections for database \"weir\"", "ALTER DATABASE"},
	{ADVICE_PG,
	 "FATAL:  remaining connection slots are reserved for non-replication superuser "
	 "connections",
	 "max_connections"},
	{ADVICE_PG, "FATAL:  permission denied for database \"weir\"", "GRANT CONNECT"},
	{ADVICE_PG, "FATAL:  the database system is starting up", "wait"},
	{ADVICE_PG, "FATAL:  the database system is shutting down", "start it again"},
	{ADVICE_PG, "session is read-only", "primary"},
	{ADVICE_PG, "server is in hot standby mode", "primary"},
	{ADVICE_PG, "server does not support SSL, but SSL was required", "sslmode"},
	{ADVICE_PG, "SSL error: certificate verify failed", "sslrootcert"},
	{ADVICE_PG, "received invalid response to SSL negotiation: A", "no PostgreSQL"},
	{ADVICE_PG, "connection to server at \"h\", port 1 failed: Connection refused",
	 "mend host and port in WEIR_PG_URL"},
	{ADVICE_PG,
	 "could not translate host name \"nohost.invalid\" to address: Name or service not known",
	 "no such host"},
	{ADVICE_PG, "connection to server at \"h\", port 1 failed: timeout expired", "firewall"},
	{ADVICE_PG, "FATAL: terminating connection due to idle-session timeout (57P05)",
	 "idle_session_timeout"},
	{ADVICE_PG, "FATAL: terminating connection due to administrator command (57P01)",
	 "tried again"},
	{ADVICE_REDIS, "SELECT: refused: NOAUTH Authentication required.", "put the password"},
	{ADVICE_REDIS,
	 "AUTH: refused: WRONGPASS invalid username-password pair or user is disabled.",
	 "mend user and password in WEIR_REDIS_URL"},
	{ADVICE_REDIS,
	 "AUTH: refused: ERR AUTH <password> called without any password configured for the "
	 "default "
	 "user. Are you sure your configuration is correct?",
	 "leave the password out"},
	{ADVICE_REDIS, "SELECT: refused: ERR DB index is out of range", "fewer databases"},
	{ADVICE_REDIS, "SELECT: refused: ERR SELECT is not allowed in cluster mode", "database 0"},
	{ADVICE_REDIS,
	 "SCRIPT: refused: NOPERM this user has no permissions to run the 'script|load' command",
	 "+@all"},
	{ADVICE_REDIS,
	 "EVALSHA: refused: NOPERM this user has no permissions to access one of the keys used as "
	 "arguments",
	 "~weir:*"},
	{ADVICE_REDIS,
	 "EVALSHA: refused: ERR The user executing the script can't publish to the channel "
	 "mentioned in the command script: 56e5, on @user_script:1.",
	 "&weir:*"},
	{ADVICE_REDIS,
	 "EVALSHA: refused: ERR The user executing the script can't run this command or subcommand "
	 "script: 0fa7, on @user_script:1.",
	 "+@all"},
	{ADVICE_REDIS, "SCRIPT: refused: ERR unknown command 'SCRIPT', with args beginning with: ",
	 "disabled or renamed"},
	{ADVICE_REDIS, "INFO: refused: ERR max number of clients reached", "maxclients"},
	{ADVICE_REDIS, "INFO: refused: DENIED Redis is running in protected mode because",
	 "requirep"},
	{ADVICE_REDIS, "the connection broke: Protocol error, got \"H\" as reply type byte",
	 "no Redis"},
	{ADVICE_REDIS, "EVALSHA: refused: OOM command not allowed when used memory > 'maxmemory'.",
	 "raise maxmemory"},
	{ADVICE_REDIS, "refused: READONLY You can't write against a read only replica.", "master"},
	{ADVICE_REDIS, "refused: MISCONF Redis is configured to save RDB snapshots, but", "disk"},
	{ADVICE_REDIS, "refused: LOADING Redis is loading the dataset in memory", "wait"},
	{ADVICE_REDIS, "refused: BUSY Redis is busy running a script.", "SCRIPT KILL"},
};

static void each_cause_has_its_step(void)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct weir_error err;
		CU_ASSERT_EQUAL(advice_fail(&err, "x", rows[i].server, "h:1", rows[i].cause), -1);
		if (!strstr(err.text, rows[i].step))
			fprintf(stderr, "    %s\n", err.text);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, rows[i].step));
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, " at h:1: "));
	}
}

/* Taking it off gives both parts back. */
static void a_step_comes_off(void)
{
	char step[ADVICE_ROOM];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct weir_error err;
		(void)advice_fail(&err, "x", rows[i].server, "h:1", rows[i].cause);
		advice_split(err.text, step);
		CU_ASSERT_PTR_NOT_NULL(strstr(step, rows[i].step));
		CU_ASSERT_PTR_NULL(strstr(err.text, rows[i].step));
	}
}

/* Rights are of the names that there are, also of those with a namespace. */
static void rights_name_the_namespace(void)
{
	static const char cause[] = "weir.sum: 403 ACCESS_REFUSED - access to queue 'weir.sum'";
	static const struct {
		const char *name, *rights;
	} names[] = {{"prod_1", " '^prod_1\\.weir\\.' '^prod_1\\.weir\\.' '^prod_1\\.weir\\.'"},
		     {"abcdefghijklmnopqrstuvwxyz012345",
		      " '^abcdefghijklmnopqrstuvwxyz012345\\.weir\\.')"},
		     {NULL, "VHOST USER '^weir\\.' '^weir\\.' '^weir\\.')"}};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct weir_error err, ignored;
		char step[ADVICE_ROOM];
		CU_ASSERT_EQUAL(names_use(names[i].name, &ignored), 0);
		(void)advice_fail(&err, "x", ADVICE_AMQP, "h:1", cause);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, names[i].rights));
		advice_split(err.text, step);
		CU_ASSERT_PTR_NOT_NULL(strstr(step, "set_permissions"));
		CU_ASSERT_PTR_NULL(strstr(err.text, "set_permissions"));
	}
}

/* The rights that are advised are those that the programs need, under any namespace. */
static void rights_in_redis_name_the_namespace(void)
{
	static const char *const causes[] = {
		"EVALSHA: refused: NOPERM this user has no permissions to access one of the keys",
		"EVALSHA: refused: ERR The user executing the script can't access at least one of "
		"the keys mentioned in the command script",
		"SUBSCRIBE: refused: NOPERM this user has no permissions to access one of the "
		"channels used as arguments",
		"EVALSHA: refused: ERR The user executing the script can't publish to the channel"};
	static const struct {
		const char *name, *patterns[2];
	} names[] = {{"prod_1", {"NAME ~prod_1:weir:*)", "NAME &prod_1:weir:*)"}},
		     {NULL, {"NAME ~weir:*)", "NAME &weir:*)"}}};
	for (size_t i = 0; i < 2 * sizeof causes / sizeof *causes; i++) {
		struct weir_error err;
		char step[ADVICE_ROOM];
		CU_ASSERT_EQUAL(names_use(names[i / 4].name, &err), 0);
		(void)advice_fail(&err, "x", ADVICE_REDIS, "h:1", causes[i % 4]);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, names[i / 4].patterns[i % 4 / 2]));
		advice_split(err.text, step);
		CU_ASSERT_PTR_NOT_NULL(strstr(step, "ACL SETUSER"));
		CU_ASSERT_PTR_NULL(strstr(err.text, "ACL SETUSER"));
	}
}

static void an_unknown_cause_stands_alone(void)
{
	struct weir_error err;
	char step[ADVICE_ROOM];
	(void)advice_fail(&err, "x", ADVICE_REDIS, "h:1", "something else");
	CU_ASSERT_STRING_EQUAL(err.text, "Redis at h:1: something else");
	advice_split(err.text, step);
	CU_ASSERT_STRING_EQUAL(step, "");
	CU_ASSERT_STRING_EQUAL(err.text, "Redis at h:1: something else");
}

static void no_connection_has_its_cause(void)
{
	char cause[CONNECT_CAUSE] = "";
	int fd = -1;
	CU_ASSERT_EQUAL(connect_tcp("127.0.0.1", 1, 1000, &fd, cause), -1);
	CU_ASSERT_STRING_EQUAL(cause, "Connection refused");
	CU_ASSERT_EQUAL(fd, -1);
	connect_whose("127.0.0.1", 1, 1000, cause);
	CU_ASSERT_STRING_EQUAL(cause, "");
}

/* Who listens at *port; the system takes connections for it. */
static int listen_silently(int *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CU_ASSERT_FATAL(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
			listen(fd, 8) == 0 && getsockname(fd, (struct sockaddr *)&at, &size) == 0);
	*port = ntohs(at.sin_port);
	return fd;
}

/* A broker that takes connections and says nothing: whoever has little time does not spend more on
 * asking who it is. */
static void who_is_silent_is_not_asked_who_he_is(void)
{
	struct broker *b = NULL;
	struct weir_error err;
	char url[64];
	int port, fd = listen_silently(&port), one, calls = 0;
	snprintf(url, sizeof url, "amqp://u:p@127.0.0.1:%d/", port);
	CU_ASSERT_EQUAL(broker_open_within(url, "test", 0, 1, &b, &err), -1);
	CU_ASSERT_PTR_NULL(b);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no answer"));
	while ((one = accept(fd, NULL, NULL)) >= 0) {
		close(one);
		calls++;
	}
	CU_ASSERT_EQUAL(calls, 1);
	close(fd);
}

void add_advice_suite(void);

void add_advice_suite(void)
{
	CU_pSuite s = CU_add_suite("advice", NULL, NULL);
	CU_add_test(s, "each cause has its next step", each_cause_has_its_step);
	CU_add_test(s, "a step comes off again", a_step_comes_off);
	CU_add_test(s, "rights name the namespace", rights_name_the_namespace);
	CU_add_test(s, "rights in Redis, too", rights_in_redis_name_the_namespace);
	CU_add_test(s, "an unknown cause stands alone", an_unknown_cause_stands_alone);
	CU_add_test(s, "no connection has its cause", no_connection_has_its_cause);
	CU_add_test(s, "who is silent is not asked who he is",
		    who_is_silent_is_not_asked_who_he_is);
}
