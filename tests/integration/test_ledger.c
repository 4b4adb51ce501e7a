/* The ledger's connection, against a real server, in a database of its own. */
#include "world.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weir/buffer.h"
#include "weir/ledger.h"

void add_ledger_suite(void);

static char database[64], url[640], why[1024];
static struct ledger *l;
static struct params p;
static struct weir_error err;
static PGconn *admin; /* another session in the same database */

/* ---- surroundings ---- */

static int on_server(const char *before, const char *name, const char *after)
{
	char text[256];
	snprintf(text, sizeof text, "%s %s %s", before, name, after);
	PGconn *c = PQconnectdb(getenv("WEIR_PG_URL"));
	PGresult *r = PQexec(c, text);
	int rc = PQresultStatus(r) == PGRES_COMMAND_OK ? 0 : 1;
	if (rc)
		fprintf(stderr, "tests: %s: %s\n", text, PQerrorMessage(c));
	PQclear(r);
	PQfinish(c);
	return rc;
}

static int make_database(void)
{
	const char *given = getenv("WEIR_PG_URL");
	if (!given || !strrchr(given, '/')) {
		fprintf(stderr, "tests: WEIR_PG_URL is not set\n");
		return 1;
	}
	snprintf(database, sizeof database, "weir_ledger_%d", (int)getpid());
	snprintf(url, sizeof url, "%.*s/%s", (int)(strrchr(given, '/') - given), given, database);
	return on_server("CREATE DATABASE", database, "");
}

static int drop_database(void) { return on_server("DROP DATABASE", database, "WITH (FORCE)"); }

/* One statement in the other session; the first value, "" when there is none. */
static const char *aside(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static const char *aside(const char *fmt, ...)
{
	static char value[256];
	char text[1024];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	PGresult *r = PQexec(admin, text);
	EXPECT(PQresultStatus(r) == PGRES_TUPLES_OK || PQresultStatus(r) == PGRES_COMMAND_OK,
	       "%s: %s", text, PQerrorMessage(admin));
	snprintf(value, sizeof value, "%s", PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "");
	PQclear(r);
	return value;
}

/* Waits until this is true of the session with that pid. */
static void await_session(int pid, bool wanted, const char *condition)
{
	const char *seen = "";
	for (int i = 0; i < PATIENCE_MS / 5; i++) {
		seen = aside("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %d AND %s)",
			     pid, condition);
		if (strcmp(seen, wanted ? "t" : "f") == 0)
			return;
		pause_ms(5);
	}
	EXPECT(false, "session %d: %s is %s", pid, condition, seen);
}

static void begin(void)
{
	admin = PQconnectdb(url);
	l = NULL;
	if (ledger_open(url, "weir-test", false, &l, &err) < 0) {
		fprintf(stderr, "tests: PostgreSQL does not answer: %s\n", err.text);
		abort(); /* what prepares a test cannot fail in another way */
	}
}

static void end(void)
{
	ledger_close(l);
	params_release(&p);
	PQfinish(admin);
}

/* ---- asking ---- */

/* With the parameters in p, which are then as new. NULL after a failure that nobody expected. */
static PGresult *ask_as(const char *text, bool binary)
{
	PGresult *r = NULL;
	int rc = ledger_query(l, text, &p, binary, &r, &err);
	EXPECT(rc == 0, "%.200s: %s", text, rc < 0 ? err.text : "");
	params_reset(&p);
	return r;
}

static PGresult *ask(const char *text) { return ask_as(text, true); }

static void run_sql(const char *text) { PQclear(ask(text)); }

static int32_t number(const char *text)
{
	PGresult *r = ask(text);
	int32_t v = ledger_int(r, 0, 0);
	PQclear(r);
	return v;
}

static void fails(const char *text, const char *sqlstate)
{
	PGresult *r = NULL;
	int rc = ledger_query(l, text, &p, true, &r, &err);
	EXPECT(rc < 0, "%s did not fail", text);
	if (rc == 0)
		PQclear(r);
	else
		EXPECT(strcmp(err.code, "database") == 0, "code %s", err.code);
	EXPECT(strcmp(ledger_sqlstate(l), sqlstate) == 0, "%s: %s, not %s: %s", text,
	       ledger_sqlstate(l), sqlstate, err.text);
	params_reset(&p);
}

/* Queues statements, closed by NULL, and ends the pipeline. */
static void send_all(const char *first, ...)
{
	va_list args;
	va_start(args, first);
	for (const char *text = first; text; text = va_arg(args, const char *))
		EXPECT(ledger_send(l, text, NULL, true, &err) == 0, "%s: %s", text, err.text);
	va_end(args);
	EXPECT(ledger_sync(l, &err) == 0, "%s", err.text);
}

static bool is(struct weir_text text, const char *bytes, size_t size)
{
	return text.data && text.size == size && memcmp(text.data, bytes, size) == 0;
}

#define IS(text, bytes) is(text, bytes, sizeof(bytes) - 1)

/* ---- parameters and readers ---- */

static void scalars_there_and_back(void)
{
	params_string(&p, "gr\xC3\xBC\xC3\x9F");
	params_string(&p, "");
	params_string(&p, NULL);
	params_bytes(&p, "\0\xFF\0", 3);
	params_bytes(&p, "", 0);
	params_int(&p, INT32_MIN);
	params_big(&p, INT64_MIN);
	params_big(&p, INT64_C(0x0102030405060708));
	params_bool(&p, true);
	params_bool(&p, false);
	PGresult *r = ask("SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10");
	EXPECT(IS(ledger_text(r, 0, 0), "gr\xC3\xBC\xC3\x9F"), "text");
	EXPECT(IS(ledger_text(r, 0, 1), ""), "an empty text");
	EXPECT(!ledger_text(r, 0, 2).data, "NULL");
	EXPECT(IS(ledger_text(r, 0, 3), "\0\xFF\0"), "bytes");
	EXPECT(IS(ledger_text(r, 0, 4), ""), "no bytes");
	EXPECT_INT(ledger_int(r, 0, 5), INT32_MIN);
	EXPECT_INT(ledger_big(r, 0, 6), INT64_MIN);
	EXPECT_INT(ledger_big(r, 0, 7), INT64_C(0x0102030405060708));
	EXPECT(ledger_bool(r, 0, 8) && !ledger_bool(r, 0, 9), "booleans");
	PQclear(r);
}

/* The server reads them as what we mean, not only as what we sent. */
static void as_the_server_sees_them(void)
{
	params_int(&p, -5);
	params_big(&p, INT64_MAX);
	params_bool(&p, true);
	params_bytes(&p, "\x01\xAB", 2);
	params_string(&p, "a");
	PGresult *r = ask_as("SELECT $1, $2, $3, encode($4, 'hex'), $5, length($5),"
			     " pg_typeof($1), pg_typeof($2), 2.5::float8",
			     false);
	static const char *const wanted[] = {
		"-5", "9223372036854775807", "t", "01ab", "a", "1", "integer", "bigint", "2.5"};
	for (int i = 0; i < 9; i++)
		EXPECT(strcmp(PQgetvalue(r, 0, i), wanted[i]) == 0, "%s, not %s",
		       PQgetvalue(r, 0, i), wanted[i]);
	PQclear(r);
}

static void texts_in_an_array(void)
{
	char text[16];
	params_array(&p, TYPE_TEXT, 500);
	for (int i = 0; i < 500; i++) {
		snprintf(text, sizeof text, "%d", i);
		params_add_text(&p,
				(struct weir_text){i % 3 ? text : NULL, i == 1 ? 0 : strlen(text)});
	}
	params_array_end(&p);
	PGresult *r = ask("SELECT v, pos::int4 FROM unnest($1) WITH ORDINALITY AS u(v, pos)"
			  " ORDER BY pos");
	EXPECT_INT(PQntuples(r), 500);
	for (int i = 0; i < PQntuples(r); i++) {
		struct weir_text seen = ledger_text(r, i, 0);
		snprintf(text, sizeof text, "%d", i);
		bool right = i % 3 == 0 ? !seen.data : is(seen, text, i == 1 ? 0 : strlen(text));
		EXPECT(right && ledger_int(r, i, 1) == i + 1, "element %d", i);
	}
	PQclear(r);
}

static void numbers_in_arrays(void)
{
	params_array(&p, TYPE_INT4, 500);
	for (int i = 0; i < 500; i++)
		params_add_int(&p, -i);
	params_array_end(&p);
	params_array(&p, TYPE_INT8, 500);
	for (int i = 0; i < 500; i++)
		params_add_big(&p, INT64_MAX - i);
	params_array_end(&p);
	params_array(&p, TYPE_FLOAT8, 500);
	for (int i = 0; i < 500; i++)
		params_add_real(&p, i / 8.0);
	params_array_end(&p);
	PGresult *r = ask("SELECT a, b, c FROM unnest($1, $2, $3) WITH ORDINALITY AS u(a, b, c, n)"
			  " ORDER BY n");
	EXPECT_INT(PQntuples(r), 500);
	for (int i = 0; i < PQntuples(r); i++)
		EXPECT(ledger_int(r, i, 0) == -i && ledger_big(r, i, 1) == INT64_MAX - i &&
			       ledger_real(r, i, 2) >= i / 8.0 && ledger_real(r, i, 2) <= i / 8.0,
		       "element %d", i);
	PQclear(r);
}

static void empty_arrays(void)
{
	static const Oid types[] = {TYPE_TEXT, TYPE_INT4, TYPE_INT8, TYPE_FLOAT8};
	for (int i = 0; i < 4; i++) {
		params_array(&p, types[i], 0);
		params_array_end(&p);
	}
	PGresult *r = ask("SELECT cardinality($1) + cardinality($2) + cardinality($3)"
			  " + cardinality($4), $1 = '{}'::text[] AND $2 IS NOT NULL");
	EXPECT(!PQgetisnull(r, 0, 0), "cardinality is NULL");
	EXPECT_INT(ledger_int(r, 0, 0), 0);
	EXPECT(ledger_bool(r, 0, 1), "not an empty array");
	PQclear(r);
}

static void null_read_as_anything(void)
{
	PGresult *r = ask("SELECT NULL::text, NULL::int4, NULL::int8, NULL::bool, NULL::float8");
	EXPECT(!ledger_text(r, 0, 0).data && ledger_text(r, 0, 0).size == 0, "text");
	EXPECT_INT(ledger_int(r, 0, 1), 0);
	EXPECT_INT(ledger_big(r, 0, 2), 0);
	EXPECT(!ledger_bool(r, 0, 3), "bool");
	EXPECT(ledger_real(r, 0, 4) >= 0.0 && ledger_real(r, 0, 4) <= 0.0, "real");
	PQclear(r);
}

/* A column of another width than the reader's is not read beyond its end. */
static void read_as_the_wrong_type(void)
{
	PGresult *r = ask("SELECT 7::int8, 7::int4, 'a text'::text, 7::int2");
	EXPECT_INT(ledger_int(r, 0, 0), 0);
	EXPECT_INT(ledger_big(r, 0, 1), 0);
	EXPECT_INT(ledger_big(r, 0, 2), 0);
	EXPECT_INT(ledger_int(r, 0, 3), 0);
	EXPECT(!ledger_bool(r, 0, 0), "bool");
	PQclear(r);
}

static void big_results(void)
{
	PGresult *r = ask("SELECT repeat('x', 5000000)");
	EXPECT_INT((int64_t)ledger_text(r, 0, 0).size, 5000000);
	PQclear(r);
	r = ask("SELECT n::int4 FROM generate_series(1, 200000) AS n");
	EXPECT_INT(PQntuples(r), 200000);
	EXPECT_INT(ledger_int(r, 199999, 0), 200000);
	PQclear(r);
}

static char *letters(size_t size)
{
	char *text = malloc(size);
	if (text)
		memset(text, 'y', size);
	return text;
}

static void big_parameters(void)
{
	char *text = letters(8000000);
	params_text(&p, (struct weir_text){text, 8000000});
	EXPECT_INT(number("SELECT length($1)"), 8000000);
	params_text(&p, (struct weir_text){text, 8000000});
	EXPECT_INT(number("SELECT length(replace($1, 'x', ''))"), 8000000);
	free(text);
}

static void rows_changed(void)
{
	int64_t rows = -1;
	run_sql("CREATE TABLE changed (v int)");
	EXPECT(ledger_do(l, "INSERT INTO changed SELECT generate_series(1, 7)", NULL, &rows,
			 &err) == 0,
	       "insert");
	EXPECT_INT(rows, 7);
	EXPECT(ledger_do(l, "UPDATE changed SET v = 0 WHERE v > 5", NULL, &rows, &err) == 0,
	       "update");
	EXPECT_INT(rows, 2);
	EXPECT(ledger_do(l, "DELETE FROM changed WHERE v > 50", NULL, &rows, &err) == 0, "delete");
	EXPECT_INT(rows, 0);
	EXPECT(ledger_do(l, "DROP TABLE changed", NULL, NULL, &err) == 0, "drop");
}

/* ---- errors and their classes ---- */

static void error_classes(void)
{
	static const struct {
		const char *sqlstate;
		enum ledger_fault fault;
	} rows[] = {
		{"08006", LEDGER_BUSY},	 {"40001", LEDGER_BUSY},  {"40P01", LEDGER_BUSY},
		{"53100", LEDGER_BUSY},	 {"53200", LEDGER_BUSY},  {"53300", LEDGER_BUSY},
		{"55P03", LEDGER_BUSY},	 {"57014", LEDGER_BUSY},  {"57P01", LEDGER_BUSY},
		{"57P03", LEDGER_BUSY},	 {"25006", LEDGER_BUSY},  {"58030", LEDGER_BUSY},
		{"HV00N", LEDGER_BUSY},	 {"22P02", LEDGER_DATA},  {"22001", LEDGER_DATA},
		{"23505", LEDGER_DATA},	 {"23502", LEDGER_DATA},  {"23514", LEDGER_DATA},
		{"20000", LEDGER_DATA},	 {"38000", LEDGER_DATA},  {"54000", LEDGER_DATA},
		{"P0001", LEDGER_DATA},	 {"WE001", LEDGER_DATA},  {"45000", LEDGER_DATA},
		{"ABCDE", LEDGER_DATA},	 {"U0001", LEDGER_DATA},  {"42P01", LEDGER_SETUP},
		{"42501", LEDGER_SETUP}, {"55000", LEDGER_SETUP}, {"25P02", LEDGER_SETUP},
		{"0A000", LEDGER_SETUP}, {"XX000", LEDGER_SETUP}, {"58P01", LEDGER_SETUP},
		{"HV005", LEDGER_SETUP},
	};
	EXPECT(ledger_script(l,
			     "CREATE FUNCTION fail_as(state text) RETURNS void LANGUAGE plpgsql AS"
			     " $$ BEGIN RAISE EXCEPTION 'made %', state USING ERRCODE = state,"
			     " DETAIL = 'its detail'; END $$",
			     &err) == 0,
	       "%s", err.text);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		params_string(&p, rows[i].sqlstate);
		fails("SELECT fail_as($1)", rows[i].sqlstate);
		EXPECT(ledger_fault(l) == rows[i].fault, "%s: %d", rows[i].sqlstate,
		       ledger_fault(l));
		EXPECT(strcmp(ledger_detail(l), "its detail") == 0, "%s", ledger_detail(l));
		EXPECT_PART(err.text, "made ");
		EXPECT(ledger_alive(l), "dead after %s", rows[i].sqlstate);
	}
	EXPECT_INT(number("SELECT 1"), 1);
}

static void data_that_is_refused(void)
{
	params_string(&p, "seven");
	fails("SELECT $1::int", "22P02");
	EXPECT(ledger_fault(l) != LEDGER_BUSY, "22P02 passes");
	EXPECT_PART(err.text, "seven");
	EXPECT(strcmp(ledger_detail(l), "") == 0, "detail: %s", ledger_detail(l));
	run_sql("CREATE TABLE once (v int PRIMARY KEY CHECK (v < 10))");
	run_sql("INSERT INTO once VALUES (1)");
	fails("INSERT INTO once VALUES (1)", "23505");
	EXPECT(ledger_fault(l) != LEDGER_BUSY, "23505 passes");
	EXPECT_PART(ledger_detail(l), "(v)=(1)");
	fails("INSERT INTO once VALUES (11)", "23514");
	params_text(&p, (struct weir_text){"a\0b", 3});
	fails("SELECT length($1)", "22021"); /* U+0000 */
	params_text(&p, (struct weir_text){"\xFF", 1});
	fails("SELECT length($1)", "22021");
	EXPECT_INT(number("SELECT count(*)::int4 FROM once"), 1);
	run_sql("DROP TABLE once");
}

/* Two transactions want the same row. */
static void serialization(void)
{
	run_sql("CREATE TABLE counter (n int)");
	run_sql("INSERT INTO counter VALUES (0)");
	run_sql("BEGIN ISOLATION LEVEL REPEATABLE READ");
	EXPECT_INT(number("SELECT n FROM counter"), 0);
	aside("UPDATE counter SET n = 10");
	fails("UPDATE counter SET n = n + 1", "40001");
	EXPECT(ledger_fault(l) == LEDGER_BUSY, "40001 does not pass");
	fails("SELECT n FROM counter", "25P02");
	run_sql("ROLLBACK");
	EXPECT_INT(number("SELECT n FROM counter"), 10);
	run_sql("DROP TABLE counter");
}

static void a_statement_that_takes_too_long(void)
{
	run_sql("SET statement_timeout = '20ms'");
	fails("SELECT pg_sleep(600)", "57014");
	EXPECT(ledger_fault(l) == LEDGER_BUSY && ledger_alive(l), "57014 does not pass");
	run_sql("SET statement_timeout = '60s'");
	EXPECT_INT(number("SELECT 2"), 2);
}

static void a_lock_that_is_held(void)
{
	run_sql("CREATE TABLE locked (n int)");
	aside("BEGIN");
	aside("LOCK TABLE locked");
	run_sql("SET lock_timeout = '20ms'");
	fails("INSERT INTO locked VALUES (1)", "55P03");
	EXPECT(ledger_fault(l) == LEDGER_BUSY && ledger_alive(l), "55P03 does not pass");
	aside("COMMIT");
	run_sql("INSERT INTO locked VALUES (1)");
	run_sql("DROP TABLE locked");
}

/* What a former primary says. */
static void a_server_that_only_reads(void)
{
	run_sql("SET default_transaction_read_only = on");
	fails("CREATE TABLE never_made (n int)", "25006");
	EXPECT(ledger_fault(l) == LEDGER_BUSY, "25006 does not pass");
}

/* ---- the connection is lost ---- */

static void is_lost(void)
{
	EXPECT(!ledger_alive(l), "it lives");
	EXPECT(ledger_fault(l) == LEDGER_BUSY, "a lost connection does not pass");
	EXPECT(strcmp(ledger_sqlstate(l), "") == 0, "sqlstate %s", ledger_sqlstate(l));
	EXPECT(strcmp(ledger_detail(l), "") == 0, "detail %s", ledger_detail(l));
	EXPECT(strcmp(err.code, "database") == 0 && *err.text, "%s: %s", err.code, err.text);
	PGresult *r = NULL;
	EXPECT(ledger_query(l, "SELECT 1", NULL, true, &r, &err) < 0, "it answers");
	EXPECT_PART(err.text, "lost");
	EXPECT(ledger_wait(l, &r, &err) == LEDGER_FAILED, "something to take");
}

static int pid_of(void) { return number("SELECT pg_backend_pid()"); }

static void terminate(int pid)
{
	aside("SELECT pg_terminate_backend(%d)", pid);
	await_session(pid, false, "true");
}

static void lost_while_idle(void)
{
	PGresult *r = NULL;
	terminate(pid_of());
	EXPECT(ledger_query(l, "SELECT 7", NULL, true, &r, &err) < 0, "it answers");
	is_lost();
}

/* An idle connection is watched by ledger_take(). */
static void loss_is_seen_while_idle(void)
{
	PGresult *r = NULL;
	terminate(pid_of());
	enum ledger_status s = LEDGER_WAIT;
	for (int i = 0; i < 10 && s == LEDGER_WAIT; i++) {
		struct pollfd f = {.fd = ledger_fd(l), .events = POLLIN};
		poll(&f, 1, PATIENCE_MS);
		s = ledger_take(l, &r, &err);
	}
	EXPECT(s == LEDGER_FAILED, "status %d", (int)s);
	is_lost();
}

static void lost_at_work(void)
{
	PGresult *r = NULL;
	int pid = pid_of(), results = 0;
	send_all("SELECT 1", "SELECT pg_sleep(600)", "SELECT 2", NULL);
	await_session(pid, true, "wait_event = 'PgSleep'");
	EXPECT(ledger_take(l, &r, &err) == LEDGER_WAIT, "nothing has come yet");
	terminate(pid);
	while (ledger_alive(l)) { /* what it had to say before its end */
		enum ledger_status s = ledger_wait(l, &r, &err);
		EXPECT(s == LEDGER_RESULT || s == LEDGER_FAILED, "status %d", (int)s);
		if (s == LEDGER_RESULT) {
			PQclear(r);
			results++;
		}
	}
	EXPECT(results <= 1, "%d results", results);
	is_lost();
}

/* As if somebody killed the transaction of a consumer that hangs. */
static void lost_in_a_transaction(void)
{
	PGresult *r = NULL;
	run_sql("CREATE TABLE undone (n int)");
	run_sql("BEGIN");
	run_sql("INSERT INTO undone VALUES (1)");
	terminate(pid_of());
	EXPECT(ledger_query(l, "COMMIT", NULL, true, &r, &err) < 0, "it commits");
	is_lost();
	EXPECT_INT(atoi(aside("SELECT count(*) FROM undone")), 0);
	aside("DROP TABLE undone");
}

static void lost_in_a_script(void)
{
	snprintf(why, sizeof why, "SELECT pg_terminate_backend(%d); SELECT pg_sleep(600)",
		 pid_of());
	EXPECT(ledger_script(l, why, &err) < 0, "the script ended well");
	EXPECT(ledger_fault(l) == LEDGER_BUSY, "a lost connection does not pass");
	PGresult *r = NULL;
	EXPECT(ledger_query(l, "SELECT 1", NULL, true, &r, &err) < 0, "it answers");
	is_lost();
}

/* The process of the session stands still; what is sent is still acknowledged. Whoever lets a
 * statement take less waits less. */
static void a_server_that_is_frozen(void)
{
	PGresult *r = NULL;
	int pid = pid_of();
	EXPECT(ledger_limits(l, 20, 20, &err) == 0, "%s", err.text);
	EXPECT(kill(pid, SIGSTOP) == 0, "it goes on");
	EXPECT(ledger_query(l, "SELECT 1", NULL, true, &r, &err) < 0, "it answers");
	EXPECT_PART(err.text, "no answer within 10 s");
	is_lost();
	EXPECT(kill(pid, SIGCONT) == 0, "it does not go on");
}

/* ---- opening ---- */

static void a_wrong_password(void)
{
	char wrong[640];
	struct ledger *none = NULL;
	const char *at = strchr(url, '@'), *colon = strchr(strstr(url, "://") + 3, ':');
	CU_ASSERT_FATAL(at && colon && colon < at);
	snprintf(wrong, sizeof wrong, "%.*s:not-the-password%s", (int)(colon - url), url, at);
	EXPECT(ledger_open(wrong, "weir-test", false, &none, &err) < 0, "it opens");
	EXPECT(strcmp(err.code, "database") == 0, "code %s", err.code);
	EXPECT_PART(err.text, "password authentication failed");
	EXPECT(!strstr(err.text, "not-the-password"), "%s", err.text);
	CU_ASSERT_PTR_NULL(none);
}

static void nobody_there(void)
{
	struct ledger *none = NULL;
	EXPECT(ledger_open("postgresql://u:secret@127.0.0.1:1/d", "weir-test", false, &none, &err) <
		       0,
	       "it opens");
	EXPECT_PART(err.text, "refused");
	EXPECT(!strstr(err.text, "secret"), "%s", err.text);
	EXPECT(ledger_open("not an address", "weir-test", false, &none, &err) < 0, "it opens");
	EXPECT(*err.text, "no reason");
	CU_ASSERT_PTR_NULL(none);
}

static void what_a_session_is_like(void)
{
	struct ledger *keyed = NULL, *first = l;
	PGresult *r = ask("SELECT current_setting('application_name'),"
			  " current_setting('statement_timeout'), current_setting('lock_timeout'),"
			  " current_setting('enable_seqscan'), current_setting('plan_cache_mode')");
	EXPECT(IS(ledger_text(r, 0, 0), "weir-test"), "application_name");
	EXPECT(IS(ledger_text(r, 0, 1), "1min"), "statement_timeout");
	EXPECT(IS(ledger_text(r, 0, 2), "30s"), "lock_timeout");
	EXPECT(IS(ledger_text(r, 0, 3), "on") && IS(ledger_text(r, 0, 4), "auto"), "plans");
	PQclear(r);
	if (ledger_open(url, "weir-test", true, &keyed, &err) < 0)
		CU_FAIL_FATAL("the second connection does not open");
	l = keyed;
	r = ask("SELECT current_setting('enable_seqscan'), current_setting('plan_cache_mode'),"
		" current_setting('statement_timeout')");
	EXPECT(IS(ledger_text(r, 0, 0), "off"), "enable_seqscan");
	EXPECT(IS(ledger_text(r, 0, 1), "force_generic_plan"), "plan_cache_mode");
	EXPECT(IS(ledger_text(r, 0, 2), "1min"), "statement_timeout");
	PQclear(r);
	ledger_close(keyed);
	l = first;
}

/* ---- pipelines ---- */

static void comes_result(int32_t wanted)
{
	PGresult *r = NULL;
	enum ledger_status s = ledger_wait(l, &r, &err);
	if (!EXPECT(s == LEDGER_RESULT, "status %d, not the result %d", (int)s, wanted))
		return;
	if (PQnfields(r) > 0)
		EXPECT_INT(ledger_int(r, 0, 0), wanted);
	PQclear(r);
}

static void comes_failure(const char *sqlstate)
{
	PGresult *r = NULL;
	enum ledger_status s = ledger_wait(l, &r, &err);
	EXPECT(s == LEDGER_FAILED, "status %d, not %s", (int)s, sqlstate);
	EXPECT(strcmp(ledger_sqlstate(l), sqlstate) == 0, "%s, not %s", ledger_sqlstate(l),
	       sqlstate);
	EXPECT(ledger_alive(l), "dead");
}

static void comes_the_end(void)
{
	PGresult *r = NULL;
	enum ledger_status s = ledger_wait(l, &r, &err);
	EXPECT(s == LEDGER_SYNCED, "status %d, not the end", (int)s);
	EXPECT(ledger_take(l, &r, &err) == LEDGER_WAIT, "something behind the end");
}

static void results_in_order(void)
{
	for (int round = 0; round < 2; round++) { /* the second one without preparing */
		send_all("SELECT 1", "SELECT 2", "SELECT 1", "SELECT 3", NULL);
		comes_result(1);
		comes_result(2);
		comes_result(1);
		comes_result(3);
		comes_the_end();
	}
}

static void a_failure_skips_the_rest(void)
{
	run_sql("CREATE TABLE kept (n int)");
	for (int round = 0; round < 2; round++) {
		send_all("BEGIN", "INSERT INTO kept VALUES (1)", "SELECT 1 / (SELECT 0)",
			 "SELECT 7", "COMMIT", NULL);
		comes_result(0);
		comes_result(0);
		comes_failure("22012");
		comes_the_end();
		fails("SELECT 7", "25P02"); /* the transaction is open, and failed */
		run_sql("ROLLBACK");
		EXPECT_INT(number("SELECT count(*)::int4 FROM kept"), 0);
		EXPECT_INT(number("SELECT 7"), 7);
	}
	run_sql("DROP TABLE kept");
}

/* Two pipelines on their way: the failure of one is not that of the other. */
static void one_pipeline_behind_another(void)
{
	PGresult *r = NULL;
	send_all("SELECT 1", "SELECT 1 / (SELECT 0)", "SELECT 2", NULL);
	send_all("SELECT 3", "SELECT 4", NULL);
	comes_result(1);
	comes_failure("22012");
	EXPECT(ledger_wait(l, &r, &err) == LEDGER_SYNCED, "the end of the first");
	comes_result(3);
	comes_result(4);
	comes_the_end();
}

/* Statements that the server does not know are prepared anew. */
static void prepared_when_it_can_be(void)
{
	fails("SELECT n FROM later", "42P01");
	fails("SELECT n FROM later", "42P01");
	aside("CREATE TABLE later AS SELECT 5 AS n");
	EXPECT_INT(number("SELECT n FROM later"), 5);
	EXPECT_INT(number("SELECT n FROM later"), 5);
	aside("DROP TABLE later");
}

static void skipped_before_it_was_prepared(void)
{
	for (int round = 0; round < 3; round++) {
		send_all("SELECT 1", "SELECT n FROM later", "SELECT 11", "SELECT n FROM later",
			 "SELECT 11", NULL);
		comes_result(1);
		comes_failure("42P01");
		comes_the_end();
	}
	EXPECT_INT(number("SELECT 11"), 11);
	aside("CREATE TABLE later AS SELECT 5 AS n");
	send_all("SELECT n FROM later", "SELECT n FROM later", "SELECT 11", NULL);
	comes_result(5);
	comes_result(5);
	comes_result(11);
	comes_the_end();
	aside("DROP TABLE later");
}

/* Both sides have more to say than the buffers between them hold. */
static void much_in_both_directions(void)
{
	char *text = letters(1000000);
	PGresult *r = NULL;
	for (int i = 0; i < 40; i++) {
		params_reset(&p);
		params_text(&p, (struct weir_text){text, 1000000});
		EXPECT(ledger_send(l, "SELECT $1 || 'z'", &p, true, &err) == 0, "%s", err.text);
	}
	EXPECT(ledger_sync(l, &err) == 0, "%s", err.text);
	for (int i = 0; i < 40; i++) {
		if (!EXPECT(ledger_wait(l, &r, &err) == LEDGER_RESULT, "result %d", i))
			break;
		EXPECT_INT((int64_t)ledger_text(r, 0, 0).size, 1000001);
		PQclear(r);
	}
	comes_the_end();
	free(text);
}

/* More commands than are remembered at a time, one after the other. */
static void a_long_life(void)
{
	for (int i = 0; i < 700; i++) {
		params_int(&p, i);
		EXPECT_INT(number(i % 2 ? "SELECT $1 + 0" : "SELECT $1"), i);
		if (i % 100 == 50)
			fails("SELECT n FROM nowhere", "42P01");
	}
}

/* ---- bounds ---- */

static void too_many_statements(void)
{
	enum { MOST = 128 };
	static char texts[MOST + 1][32];
	PGresult *r = NULL;
	for (int i = 0; i <= MOST; i++)
		snprintf(texts[i], sizeof texts[i], "SELECT %d", 1000 + i);
	for (int i = 0; i < MOST; i++)
		EXPECT_INT(number(texts[i]), 1000 + i);
	for (int i = 0; i < 2; i++) {
		EXPECT(ledger_query(l, texts[MOST], NULL, true, &r, &err) < 0, "one more");
		EXPECT(strcmp(err.code, "database") == 0, "code %s", err.code);
		EXPECT_PART(err.text, "more than 128 different statements");
		EXPECT(ledger_alive(l), "dead");
		EXPECT_INT(number(texts[i * (MOST - 1)]), 1000 + i * (MOST - 1));
	}
}

/* One that fails takes no place. */
static void failed_ones_do_not_count(void)
{
	char text[64];
	for (int i = 0; i < 300; i++) {
		snprintf(text, sizeof text, "SELECT %d FROM nowhere", i);
		fails(text, "42P01");
	}
	EXPECT_INT(number("SELECT 9"), 9);
}

static void too_many_commands(void)
{
	int sent = 0;
	PGresult *r = NULL;
	while (sent < 1000 && ledger_send(l, "SELECT 4", NULL, true, &err) == 0)
		sent++;
	EXPECT(sent >= 250 && sent < 256, "%d commands", sent);
	EXPECT_PART(err.text, "commands in a pipeline");
	EXPECT(ledger_alive(l), "dead");
	EXPECT(ledger_sync(l, &err) == 0, "%s", err.text);
	for (int i = 0; i < sent; i++)
		comes_result(4);
	comes_the_end();
	EXPECT(ledger_query(l, "SELECT 4", NULL, true, &r, &err) == 0, "%s", err.text);
	PQclear(r);
}

static void no_memory_for_parameters(void)
{
	PGresult *r = NULL;
	params_int(&p, 1);
	p.bytes.failed = true;
	EXPECT(ledger_query(l, "SELECT $1", &p, true, &r, &err) < 0, "it was sent");
	EXPECT(strcmp(err.code, "out_of_memory") == 0, "code %s", err.code);
	params_reset(&p);
	params_int(&p, 6);
	EXPECT_INT(number("SELECT $1"), 6);
}

/* ---- scripts ---- */

static void scripts(void)
{
	EXPECT_INT(number("SELECT 1"), 1); /* the script comes out of a pipeline */
	EXPECT(ledger_script(l,
			     "CREATE TABLE made (n int); INSERT INTO made VALUES (1), (2);"
			     " -- a comment; with a semicolon\n SELECT * FROM made;",
			     &err) == 0,
	       "%s", err.text);
	EXPECT_INT(number("SELECT count(*)::int4 FROM made"), 2);
	EXPECT(ledger_script(l, "", &err) == 0, "an empty script: %s", err.text);
	EXPECT(ledger_script(l, "INSERT INTO made VALUES (3); SELECT 1 / (SELECT 0); SELECT 2",
			     &err) < 0,
	       "it ended well");
	EXPECT(strcmp(err.code, "database") == 0, "code %s", err.code);
	EXPECT_PART(err.text, "division by zero");
	EXPECT(strcmp(ledger_sqlstate(l), "22012") == 0, "sqlstate %s", ledger_sqlstate(l));
	EXPECT(ledger_alive(l), "dead");
	EXPECT_INT(number("SELECT count(*)::int4 FROM made"), 2); /* one transaction */
	EXPECT(ledger_script(l, "DROP TABLE made", &err) == 0, "%s", err.text);
}

static void a_script_with_a_transaction(void)
{
	EXPECT(ledger_script(l, "BEGIN; CREATE TABLE half (n int); SELECT 1 / (SELECT 0); COMMIT",
			     &err) < 0,
	       "it ended well");
	fails("SELECT 1", "25P02");
	EXPECT(ledger_script(l, "ROLLBACK", &err) == 0, "%s", err.text);
	fails("SELECT n FROM half", "42P01");
	EXPECT(ledger_script(l, "SELEC 1", &err) < 0, "it ended well");
	EXPECT(strcmp(ledger_sqlstate(l), "42601") == 0, "sqlstate %s", ledger_sqlstate(l));
}

/* A large script is sent in parts. */
static void a_large_script(void)
{
	struct buffer b = BUFFER_INIT;
	buffer_add_text(&b, "CREATE TABLE large (n int);");
	for (int i = 0; i < 20000; i++)
		buffer_printf(&b, "INSERT INTO large VALUES (%d);", i);
	EXPECT(ledger_script(l, buffer_text(&b), &err) == 0, "%s", err.text);
	buffer_release(&b);
	EXPECT_INT(number("SELECT count(*)::int4 FROM large"), 20000);
	run_sql("DROP TABLE large");
}

/* What is put off to the commit fails there, behind the statement that was fine. */
static void an_end_that_fails(void)
{
	aside("CREATE TABLE ends (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
	for (int i = 0; i < 3; i++) {
		EXPECT(ledger_do(l, "INSERT INTO ends VALUES (1), (1)", NULL, NULL, &err) < 0,
		       "it ended well");
		EXPECT(strcmp(ledger_sqlstate(l), "23505") == 0, "sqlstate %s", ledger_sqlstate(l));
		EXPECT_INT(number("SELECT count(*)::int4 FROM ends"), 0);
	}
	aside("DROP TABLE ends");
}

/* ---- the schema ---- */

static void the_schema(void)
{
	char wanted[64];
	EXPECT(ledger_check_schema(l, &err) < 0, "no schema");
	EXPECT(strcmp(err.code, "no_schema") == 0, "code %s", err.code);
	EXPECT_PART(err.text, "weir init");
	aside("CREATE SCHEMA weir");
	EXPECT(ledger_check_schema(l, &err) < 0 && strcmp(err.code, "no_schema") == 0, "%s",
	       err.code);
	aside("CREATE TABLE weir.migrations (version int)");
	EXPECT(ledger_check_schema(l, &err) < 0 && strcmp(err.code, "old_schema") == 0, "%s",
	       err.code);
	/* What is far above is a plugin's own. */
	aside("INSERT INTO weir.migrations VALUES (1), (%d), (900)", LEDGER_SCHEMA - 1);
	EXPECT(ledger_check_schema(l, &err) < 0 && strcmp(err.code, "old_schema") == 0, "%s",
	       err.code);
	snprintf(wanted, sizeof wanted, "has schema %d and this program needs %d",
		 LEDGER_SCHEMA - 1, LEDGER_SCHEMA);
	EXPECT_PART(err.text, wanted);
	EXPECT_PART(err.text, "weir init");
	aside("INSERT INTO weir.migrations VALUES (%d)", LEDGER_SCHEMA);
	EXPECT(ledger_check_schema(l, &err) == 0, "%s", err.text);
	aside("INSERT INTO weir.migrations VALUES (%d)", LEDGER_SCHEMA + 1);
	EXPECT(ledger_check_schema(l, &err) == 0, "%s", err.text);
	aside("DROP SCHEMA weir CASCADE");
}

/* What else goes wrong is told as it is. */
static void the_schema_cannot_be_read(void)
{
	terminate(pid_of());
	EXPECT(ledger_check_schema(l, &err) < 0, "it was read");
	EXPECT(strcmp(err.code, "database") == 0, "code %s", err.code);
	is_lost();
}

void add_ledger_suite(void)
{
	CU_pSuite suite = CU_add_suite_with_setup_and_teardown("ledger", make_database,
							       drop_database, begin, end);

	CU_ADD_TEST(suite, scalars_there_and_back);
	CU_ADD_TEST(suite, as_the_server_sees_them);
	CU_ADD_TEST(suite, texts_in_an_array);
	CU_ADD_TEST(suite, numbers_in_arrays);
	CU_ADD_TEST(suite, empty_arrays);
	CU_ADD_TEST(suite, null_read_as_anything);
	CU_ADD_TEST(suite, read_as_the_wrong_type);
	CU_ADD_TEST(suite, big_results);
	CU_ADD_TEST(suite, big_parameters);
	CU_ADD_TEST(suite, rows_changed);
	CU_ADD_TEST(suite, error_classes);
	CU_ADD_TEST(suite, data_that_is_refused);
	CU_ADD_TEST(suite, serialization);
	CU_ADD_TEST(suite, a_statement_that_takes_too_long);
	CU_ADD_TEST(suite, a_lock_that_is_held);
	CU_ADD_TEST(suite, a_server_that_only_reads);
	CU_ADD_TEST(suite, lost_while_idle);
	CU_ADD_TEST(suite, loss_is_seen_while_idle);
	CU_ADD_TEST(suite, lost_at_work);
	CU_ADD_TEST(suite, lost_in_a_transaction);
	CU_ADD_TEST(suite, lost_in_a_script);
	CU_ADD_TEST(suite, a_server_that_is_frozen);
	CU_ADD_TEST(suite, a_wrong_password);
	CU_ADD_TEST(suite, nobody_there);
	CU_ADD_TEST(suite, what_a_session_is_like);
	CU_ADD_TEST(suite, results_in_order);
	CU_ADD_TEST(suite, a_failure_skips_the_rest);
	CU_ADD_TEST(suite, one_pipeline_behind_another);
	CU_ADD_TEST(suite, prepared_when_it_can_be);
	CU_ADD_TEST(suite, skipped_before_it_was_prepared);
	CU_ADD_TEST(suite, much_in_both_directions);
	CU_ADD_TEST(suite, a_long_life);
	CU_ADD_TEST(suite, too_many_statements);
	CU_ADD_TEST(suite, failed_ones_do_not_count);
	CU_ADD_TEST(suite, too_many_commands);
	CU_ADD_TEST(suite, no_memory_for_parameters);
	CU_ADD_TEST(suite, scripts);
	CU_ADD_TEST(suite, a_script_with_a_transaction);
	CU_ADD_TEST(suite, a_large_script);
	CU_ADD_TEST(suite, an_end_that_fails);
	CU_ADD_TEST(suite, the_schema);
	CU_ADD_TEST(suite, the_schema_cannot_be_read);
}
