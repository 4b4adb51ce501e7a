/* The addresses of servers as people paste them: each is understood, or told exactly. */
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "weir/address.h"
#include "weir/ledger.h"
#include "weir/redis_link.h"

#define SECRET "s3cret"
#define U "u:" SECRET "@"

static struct weir_error err;

/* ---- RabbitMQ ---- */

static const struct {
	const char *given, *user, *password, *host;
	int port;
	const char *vhost;
} amqp[] = {
	{"amqp://h", "guest", "guest", "h", 5672, "/"},
	{"amqp://h/", "guest", "guest", "h", 5672, "/"},
	{"amqp://h//", "guest", "guest", "h", 5672, "/"},
	{"amqp://h/%2F", "guest", "guest", "h", 5672, "/"},
	{"amqp://h/%2f/", "guest", "guest", "h", 5672, "/"},
	{"AMQP://" U "h:1/v", "u", SECRET, "h", 1, "v"},
	{"amqp://" U "h:1/v/", "u", SECRET, "h", 1, "v"},
	{"amqp://" U "h/a%2Fb", "u", SECRET, "h", 5672, "a/b"},
	{"  amqp://" U "h/v \n", "u", SECRET, "h", 5672, "v"},
	{"\"amqp://" U "h/v\"\r\n", "u", SECRET, "h", 5672, "v"},
	{"'amqp://" U "h/v'", "u", SECRET, "h", 5672, "v"},
	{"amqp://" U "[::1]:5673/v", "u", SECRET, "::1", 5673, "v"},
	{"amqp://u:p@q@h/v", "u", "p@q", "h", 5672, "v"},
	{"amqp://u:%40%2F%3A%25@h", "u", "@/:%", "h", 5672, "/"},
	{"amqp://u:p@h/a@b", "u", "p", "h", 5672, "a@b"},
};

static void every_form_of_amqp(void)
{
	for (size_t i = 0; i < sizeof amqp / sizeof *amqp; i++) {
		struct address a;
		const char *vhost = "";
		int rc = address_amqp(&a, &vhost, amqp[i].given, &err);
		CU_ASSERT_EQUAL_FATAL(rc, 0);
		CU_ASSERT_STRING_EQUAL(a.user, amqp[i].user);
		CU_ASSERT_STRING_EQUAL(a.password, amqp[i].password);
		CU_ASSERT_STRING_EQUAL(a.host, amqp[i].host);
		CU_ASSERT_EQUAL(a.port, amqp[i].port);
		CU_ASSERT_STRING_EQUAL(vhost, amqp[i].vhost);
		address_release(&a);
	}
}

static const struct {
	const char *given, *told;
} bad_amqp[] = {
	{"", "is empty"},
	{" \n", "is empty"},
	{"h:5672", "does not begin with amqp://"},
	{U "h:5672/v", "does not begin with amqp://"},
	{"WEIR_AMQP_URL=amqp://" U "h", "does not begin with amqp://"},
	{"http://" U "h:15672", "begins with http:// and not with amqp://"},
	{"amqps://" U "h", "TLS is not built in"},
	{"AMQPS://" U "h", "TLS is not built in"},
	{"amqp://", "names no host"},
	{"amqp://" U, "names no host"},
	{"amqp://u@h", "a user but no password"},
	{"amqp://" U "h:0", "a port that is not a number"},
	{"amqp://" U "h:65536", "a port that is not a number"},
	{"amqp://" U "h:amqp/v", "a port that is not a number"},
	{"amqp://" U "h:/v", "a port that is not a number"},
	{"amqp://" U "::1/v", "an IPv6 address stands in [ ]"},
	{"amqp://" U "[::1/v", "a [ without a ]"},
	{"amqp://" U "[::1]5/v", "text behind the ]"},
	{"amqp://" U "h/v?heartbeat=30", "the parameter ?heartbeat, and takes none"},
	{"amqp://" U "h?heartbeat=30", "the parameter ?heartbeat, and takes none"},
	{"amqp://" U "h/a/b", "write %2F for one within a name"},
	{"amqp://" U "h1:5672,h2:5672/v", "names several hosts"},
	{"amqp://" U "h1," U "h2/v", "names several hosts"},
	{"amqp://" U "h1/v,amqp://" U "h2/v", "more than one /"},
	{"amqp://u:" SECRET "/x@h/v", "a / in its user or password: write %2F"},
	{"amqp://u:" SECRET "?x@h/v", "a ? in its user or password: write %3F"},
	{"amqp://u:" SECRET "#x@h/v", "a # in its user or password: write %23"},
	{"amqp://u:" SECRET "%zz@h/v", "write %25 for %"},
	{"amqp://u:" SECRET "%00@h/v", "write %25 for %"},
	{"amqp://" U "h/%zz", "write %25 for %"},
	{"amqp://" U "h /v", "has a blank in it"},
};

static void expect_told(int rc, const char *given, const char *told)
{
	CU_ASSERT_EQUAL(rc, -1);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_url");
	if (!strstr(err.text, told))
		fprintf(stderr, "    %s: %s\n", given, err.text);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, told));
	CU_ASSERT_PTR_NULL(strstr(err.text, SECRET));
}

static void bad_amqp_is_told(void)
{
	for (size_t i = 0; i < sizeof bad_amqp / sizeof *bad_amqp; i++) {
		struct address a;
		const char *vhost;
		int rc = address_amqp(&a, &vhost, bad_amqp[i].given, &err);
		expect_told(rc, bad_amqp[i].given, bad_amqp[i].told);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "WEIR_AMQP_URL"));
		address_release(&a);
	}
}

/* ---- Redis ---- */

static const struct {
	const char *given, *user, *password, *host;
	int port, db;
} redis[] = {
	{"redis://h", NULL, NULL, "h", 6379, 0},
	{"redis://h:1/0/", NULL, NULL, "h", 1, 0},
	{"REDIS://:" SECRET "@h/3\n", NULL, SECRET, "h", 6379, 3},
	{"'redis://" U "[::1]:5/2'", "u", SECRET, "::1", 5, 2},
	{"redis://h//", NULL, NULL, "h", 6379, 0},
};

static void every_form_of_redis(void)
{
	for (size_t i = 0; i < sizeof redis / sizeof *redis; i++) {
		struct redis_address a = {.port = 6379};
		CU_ASSERT_EQUAL_FATAL(redis_address_parse(&a, redis[i].given, &err), 0);
		CU_ASSERT_STRING_EQUAL(a.host, redis[i].host);
		CU_ASSERT_EQUAL(a.port, redis[i].port);
		CU_ASSERT_EQUAL(a.db, redis[i].db);
		CU_ASSERT_EQUAL(!a.user, !redis[i].user);
		CU_ASSERT(!a.password == !redis[i].password);
		if (a.password && redis[i].password)
			CU_ASSERT_STRING_EQUAL(a.password, redis[i].password);
		redis_address_release(&a);
	}
}

static const struct {
	const char *given, *told;
} bad_redis[] = {
	{"rediss://:" SECRET "@h", "TLS is not built in"},
	{"redis-sentinel://:" SECRET "@h", "begins with redis-sentinel:// and not with redis://"},
	{"redis://" SECRET "@h", "write user:password@, or :password@"},
	{"redis://:" SECRET "@h/zero", "something else than the number of a database"},
	{"redis://:" SECRET "@h/-1", "something else than the number of a database"},
	{"redis://:" SECRET "@h/0?timeout=5", "the parameter ?timeout"},
	{"redis://:" SECRET "@h?db=1", "the parameter ?db"},
	{"redis://:" SECRET "@h1:1,h2:1", "names several hosts"},
};

static void bad_redis_is_told(void)
{
	for (size_t i = 0; i < sizeof bad_redis / sizeof *bad_redis; i++) {
		struct redis_address a = {.port = 6379};
		int rc = redis_address_parse(&a, bad_redis[i].given, &err);
		expect_told(rc, bad_redis[i].given, bad_redis[i].told);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "WEIR_REDIS_URL"));
		redis_address_release(&a);
	}
}

/* ---- PostgreSQL ---- */

static const struct {
	const char *given, *made;
} pg[] = {
	{"postgresql://u:p@h:1/d", "postgresql://u:p@h:1/d"},
	{"postgres://u:p@h/d", "postgres://u:p@h/d"},
	{"PostgreSQL://u:P@h/D", "postgresql://u:P@h/D"},
	{" \"postgresql://u:p@h/d\" \n", "postgresql://u:p@h/d"},
	{"postgresql://u:p@h/d/", "postgresql://u:p@h/d"},
	{"postgresql://u:p@h1:1,h2:2/d", "postgresql://u:p@h1:1,h2:2/d"},
	{"postgresql://u:p@h/d?sslmode=require&options=-c%20geqo%3Doff",
	 "postgresql://u:p@h/d?sslmode=require&options=-c%20geqo%3Doff"},
	{"postgresql:///d?host=/run/postgresql", "postgresql:///d?host=/run/postgresql"},
	{"postgresql://", "postgresql://"},
};

static void every_form_of_pg(void)
{
	for (size_t i = 0; i < sizeof pg / sizeof *pg; i++) {
		char *made = NULL;
		CU_ASSERT_EQUAL_FATAL(address_pg(pg[i].given, &made, &err), 0);
		CU_ASSERT_STRING_EQUAL(made, pg[i].made);
		free(made);
	}
}

static const struct {
	const char *given, *told;
} bad_pg[] = {
	{"", "is empty"},
	{"host=h password=" SECRET, "does not begin with postgresql://"},
	{"jdbc:postgresql://" U "h/d", "does not begin with postgresql://"},
	{"postgresql+psycopg2://" U "h/d", "begins with postgresql+psycopg2://"},
	{"mysql://" U "h/d", "begins with mysql:// and not with postgresql://"},
	{"postgresql://" U "h/d?schema=public", "the parameter schema, which libpq does not know"},
	{"postgresql://h/d?sslmode=require&pgbouncer=true", "the parameter pgbouncer"},
	{"postgresql://u:" SECRET "@x@h/d", "%40 for @"},
	{"postgresql://u:" SECRET "%zz@h/d", "%25 for %"},
	{"postgresql://u:" SECRET "/x@h:1/d", "a / in its user or password"},
	{"postgresql://u:" SECRET "?x@h/d", "a ? in its user or password"},
};

static void bad_pg_is_told(void)
{
	for (size_t i = 0; i < sizeof bad_pg / sizeof *bad_pg; i++) {
		char *made = NULL;
		int rc = address_pg(bad_pg[i].given, &made, &err);
		expect_told(rc, bad_pg[i].given, bad_pg[i].told);
		free(made);
	}
}

void add_address_suite(void);

void add_address_suite(void)
{
	CU_pSuite s = CU_add_suite("addresses of servers", NULL, NULL);
	CU_add_test(s, "RabbitMQ", every_form_of_amqp);
	CU_add_test(s, "RabbitMQ: what is not understood is told", bad_amqp_is_told);
	CU_add_test(s, "Redis", every_form_of_redis);
	CU_add_test(s, "Redis: what is not understood is told", bad_redis_is_told);
	CU_add_test(s, "PostgreSQL", every_form_of_pg);
	CU_add_test(s, "PostgreSQL: what is not understood is told", bad_pg_is_told);
}
