#include "weir/ledger.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/address.h"
#include "weir/advice.h"
#include "weir/clock.h"

#define CONNECT_S "10"
#define LATER_MS 10000 /* than the server gives a statement up, we do */
#define PREPARED_MAX 128
#define IN_FLIGHT_MAX 256
#define POOLER_MS 1000 /* for a second session to answer */

/* A prepared statement; text NULL: a free place. */
struct statement {
	char *text;
	unsigned name;
};

struct ledger {
	PGconn *conn;
	int64_t statement_ms; /* that a statement may take */
	bool alive, pipeline, want_write;
	bool pooled;			 /* a pooler stands between */
	bool more;			 /* the current command may have more results */
	uint64_t queued, taken;		 /* commands sent, and those whose results ended */
	int16_t prepares[IN_FLIGHT_MAX]; /* ring: which statement the n-th command prepares, or -1
					  */
	int16_t runs[IN_FLIGHT_MAX];	 /* ring: which one it prepares or runs */
	struct statement statements[PREPARED_MAX];
	unsigned names; /* given so far; none is used twice */
	char sqlstate[6];
	char where[128]; /* host, port and database, for errors */
	char last[200];	 /* what the server said when it ended the session */
	char detail[8192];
	char context[1024];
	struct buffer hint;
	struct buffer failed_sql;
	size_t failed_at;
};

/* ---- connection ---- */

/* Why the server ends an idle session comes as a notice: libpq takes no more part in it, and says
 * later that "the server closed the connection unexpectedly". Severities are not translated. */
static void take_notice(void *arg, const PGresult *r)
{
	struct ledger *l = arg;
	const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	if (!severity || !text ||
	    (strcmp(severity, "FATAL") != 0 && strcmp(severity, "PANIC") != 0))
		return;
	snprintf(l->last, sizeof l->last, "%s: %.140s (%s)", severity, text, state ? state : "");
}

/* What a session is set to, whatever the role, the database, PGOPTIONS and options= in the address
 * say; what else they say stays. All that our SQL depends on, as far as this server knows it: how
 * long things may take, how text is read and written, and that names of PostgreSQL's own are not
 * hidden. clang-format leaves SQL alone. */
/* clang-format off */
#define PIN_HEAD "SELECT pg_catalog.set_config(n, v, false) FROM (VALUES"
#define PINS \
	" ('statement_timeout', '60s'), ('lock_timeout', '30s'), ('idle_session_timeout', '0')," \
	" ('transaction_timeout', '0'), ('idle_in_transaction_session_timeout', '120s')," \
	" ('default_transaction_isolation', 'read committed'), ('client_min_messages', 'warning')," \
	" ('jit', 'off'), ('standard_conforming_strings', 'on'), ('array_nulls', 'on')," \
	" ('transform_null_equals', 'off'), ('client_encoding', 'UTF8'), ('DateStyle', 'ISO')," \
	" ('IntervalStyle', 'postgres'), ('extra_float_digits', '1'), ('bytea_output', 'hex')," \
	" ('xmloption', 'content'), ('search_path', CASE WHEN current_setting('search_path') LIKE '%pg_catalog%'" \
	"   THEN 'pg_catalog, ' || current_setting('search_path') ELSE current_setting('search_path') END)"
#define PIN_TAIL \
	") AS p(n, v) WHERE pg_catalog.current_setting(n, true) IS NOT NULL;" \
	"SELECT pg_catalog.pg_backend_pid()"

/* Each statement is a look-up by key, or walks an index in its order. What the planner believes
 * while it has no statistics of a table that has just begun to fill must not change that. */
#define KEYED_PINS \
	", ('plan_cache_mode', 'force_generic_plan'), ('enable_seqscan', 'off')," \
	" ('enable_bitmapscan', 'off'), ('enable_sort', 'off'), ('enable_hashjoin', 'off')," \
	" ('enable_mergejoin', 'off')"
/* clang-format on */

static PGconn *connect_with(const char *url, const char *name)
{
	const char *keys[] = {"dbname",		  "application_name",	  "connect_timeout",
			      "keepalives_idle",  "keepalives_interval",  "keepalives_count",
			      "tcp_user_timeout", "target_session_attrs", NULL};
	const char *values[] = {url, name, CONNECT_S, "15", "5", "3", "30000", "read-write", NULL};
	return PQconnectdbParams(keys, values, 1);
}

/* libpq ends its messages with a newline, and may put several lines. */
static void one_line(const char *text, char out[400])
{
	size_t n = 0;
	for (; text && *text && n + 1 < 400; text++)
		if (*text != '\n' && *text != '\t')
			out[n++] = *text;
		else if (n > 0 && out[n - 1] != ' ')
			out[n++] = ' ';
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

static int fail_with(struct weir_error *err, const char *text)
{
	char line[400];
	one_line(text, line);
	return weir_fail(err, "database", "%s", *line ? line : "the connection was lost");
}

/* Of the whole connection: where it led, the last word of the server before that of libpq, and what
 * is to be done. */
static int fail_session(struct ledger *l, struct weir_error *err)
{
	static const char head[] = "connection to server at ", tail[] = "failed: ";
	char line[400];
	one_line(*l->last ? l->last : PQerrorMessage(l->conn), line);
	const char *text = *line ? line : "the connection was lost";
	char *guess = strstr(line, " Is the server running on that host");
	if (guess)
		*guess = '\0';
	const char *behind = strstr(text, tail);
	if (!strchr(l->where, ',') && behind && strncmp(text, head, sizeof head - 1) == 0)
		text = behind + sizeof tail - 1;
	return advice_fail(err, "database", ADVICE_PG, l->where, text);
}

/* Of several hosts the first, which libpq has not tried in vain if it is the only one. */
static void name_place(struct ledger *l, const char *url)
{
	PQconninfoOption *all = PQconninfoParse(url, NULL);
	const char *host = "", *port = "5432", *name = "";
	for (const PQconninfoOption *o = all; o && o->keyword; o++) {
		const char *value = o->val ? o->val : "";
		if (strcmp(o->keyword, "host") == 0 ||
		    (strcmp(o->keyword, "hostaddr") == 0 && !*host))
			host = value;
		else if (strcmp(o->keyword, "port") == 0 && *value)
			port = value;
		else if (strcmp(o->keyword, "dbname") == 0)
			name = value;
	}
	snprintf(l->where, sizeof l->where, "%.60s:%.20s/%.40s", *host ? host : "localhost", port,
		 name);
	PQconninfoFree(all);
}

static int run_simple(struct ledger *l, const char *sql, PGresult **last, struct weir_error *err);

static int pid_of(const PGresult *r)
{
	return r && PQntuples(r) == 1 ? (int)strtol(PQgetvalue(r, 0, 0), NULL, 10) : 0;
}

/* The server process that works for a second session while the first is open; 0: it cannot be told
 * now. */
static int other_pid(const char *url, const char *name)
{
	PGconn *c = connect_with(url, name);
	PGresult *r = NULL;
	struct pollfd p = {.fd = PQsocket(c), .events = POLLIN};
	if (PQstatus(c) == CONNECTION_OK && PQsendQuery(c, "SELECT pg_catalog.pg_backend_pid()"))
		while (PQisBusy(c) && poll(&p, 1, POOLER_MS) > 0 && PQconsumeInput(c))
			;
	if (PQstatus(c) == CONNECTION_OK && !PQisBusy(c))
		r = PQgetResult(c);
	int pid = pid_of(r);
	PQclear(r);
	PQfinish(c);
	return pid;
}

/* A server process tells its number to who connects to it. Where another one answers, a pooler
 * stands between; and where it gives the same one to two sessions that are open, it does so for a
 * transaction at a time. */
static int check_pooler(struct ledger *l, const char *url, const char *name, int pid,
			struct weir_error *err)
{
	l->pooled = pid != PQbackendPID(l->conn);
	if (!l->pooled || other_pid(url, name) != pid)
		return 0;
	return advice_fail(err, "database", ADVICE_PG, l->where,
			   "a pooler in transaction mode stands between");
}

#define PIN_TRIES 10

static bool was_canceled(const struct ledger *l) { return strcmp(l->sqlstate, "57014") == 0; }

/* By itself: what is set already holds for the rest of one message. Also for this one: an
 * operator's time may be too short for it now and then. */
static int lift_timeout(struct ledger *l, struct weir_error *err)
{
	int rc, tries = 0;
	do {
		l->sqlstate[0] = '\0';
		rc = run_simple(l, "SET statement_timeout = 0", NULL, err);
	} while (rc < 0 && l->alive && was_canceled(l) && ++tries < PIN_TRIES);
	return rc;
}

static int pin_session(struct ledger *l, const char *url, const char *name, bool keyed,
		       struct weir_error *err)
{
	PGresult *r = NULL;
	if (lift_timeout(l, err) < 0)
		return -1;
	int rc = run_simple(l, keyed ? PIN_HEAD PINS KEYED_PINS PIN_TAIL : PIN_HEAD PINS PIN_TAIL,
			    &r, err);
	if (rc == 0)
		rc = check_pooler(l, url, name, pid_of(r), err);
	PQclear(r);
	return rc;
}

static int open_url(struct ledger *l, const char *url, const char *name, bool keyed,
		    struct weir_error *err)
{
	name_place(l, url);
	l->conn = connect_with(url, name);
	if (!l->conn)
		return weir_fail_memory(err);
	if (PQstatus(l->conn) != CONNECTION_OK || PQsetnonblocking(l->conn, 1) != 0)
		return fail_session(l, err);
	PQsetNoticeReceiver(l->conn, take_notice, l);
	l->statement_ms = LEDGER_STATEMENT_MS;
	l->alive = true;
	return pin_session(l, url, name, keyed, err);
}

int ledger_open(const char *url, const char *name, bool keyed, struct ledger **out,
		struct weir_error *err)
{
	char *address;
	if (address_pg(url, &address, err) < 0)
		return -1;
	struct ledger *l = calloc(1, sizeof *l);
	int rc = l ? open_url(l, address, name, keyed, err) : weir_fail_memory(err);
	explicit_bzero(address, strlen(address));
	free(address);
	if (rc < 0)
		ledger_close(l);
	else
		*out = l;
	return rc;
}

void ledger_close(struct ledger *l)
{
	if (!l)
		return;
	PQfinish(l->conn);
	for (size_t i = 0; i < PREPARED_MAX; i++)
		free(l->statements[i].text);
	buffer_release(&l->hint);
	buffer_release(&l->failed_sql);
	free(l);
}

bool ledger_alive(const struct ledger *l) { return l->alive; }

int ledger_fd(const struct ledger *l) { return PQsocket(l->conn); }

PGconn *ledger_conn(struct ledger *l) { return l->conn; }

/* ---- failures ---- */

const char *ledger_sqlstate(const struct ledger *l) { return l->sqlstate; }

const char *ledger_context(const struct ledger *l) { return l->context; }

struct weir_text ledger_failed_sql(const struct ledger *l, size_t *at)
{
	*at = l->failed_at;
	return (struct weir_text){l->failed_sql.failed ? NULL : l->failed_sql.data,
				  l->failed_sql.size};
}

const char *ledger_role(const struct ledger *l) { return PQuser(l->conn); }

const char *ledger_detail(const struct ledger *l) { return l->detail; }

struct weir_text ledger_hint(const struct ledger *l)
{
	return (struct weir_text){l->hint.failed ? NULL : l->hint.data, l->hint.size};
}

/* By class, or whole; the first that fits. */
static const struct fault_row {
	const char *prefix;
	enum ledger_fault fault;
} faults[] = {
	{"08", LEDGER_BUSY},	{"40", LEDGER_BUSY},	{"53", LEDGER_BUSY},
	{"57", LEDGER_BUSY},	{"55P03", LEDGER_BUSY}, {"25006", LEDGER_BUSY},
	{"25P03", LEDGER_BUSY}, {"58030", LEDGER_BUSY}, {"HV00N", LEDGER_BUSY},
	{"20", LEDGER_DATA},	{"21", LEDGER_DATA},	{"22", LEDGER_DATA},
	{"23", LEDGER_DATA},	{"38", LEDGER_DATA},	{"44", LEDGER_DATA},
	{"54", LEDGER_DATA},	{"P0", LEDGER_DATA},
};

/* PostgreSQL's own classes but for those above. Source: errcodes.txt of PostgreSQL 15 to 17. */
static const char own_classes[] =
	"00 01 02 03 09 0A 0B 0F 0L 0P 0Z 10 24 25 26 27 28 2B 2D 2F 34 39 3B 3D 3F 42 55 58 72 F0 "
	"HV XX";

static bool is_own(const char *sqlstate)
{
	const char class[] = {sqlstate[0], sqlstate[1], '\0'};
	return strstr(own_classes, class) != NULL;
}

enum ledger_fault ledger_fault(const struct ledger *l)
{
	if (!l->alive || l->sqlstate[0] == '\0')
		return LEDGER_BUSY;
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (strncmp(l->sqlstate, faults[i].prefix, strlen(faults[i].prefix)) == 0)
			return faults[i].fault;
	return is_own(l->sqlstate) ? LEDGER_SETUP : LEDGER_DATA;
}

bool ledger_timed_out(const struct ledger *l)
{
	return was_canceled(l) || strcmp(l->sqlstate, "55P03") == 0;
}

static void forget_failure(struct ledger *l)
{
	l->sqlstate[0] = l->detail[0] = l->context[0] = '\0';
	l->failed_at = 0;
	buffer_release(&l->hint);
	buffer_release(&l->failed_sql);
}

/* What came before the end was seen is still to be read, when it was writing that failed: as a
 * notice, or as what became of a statement. */
static void hear_last_word(struct ledger *l)
{
	PGresult *r;
	for (int i = 0; i < 2 * IN_FLIGHT_MAX && !*l->last && !PQisBusy(l->conn); i++) {
		r = PQgetResult(l->conn);
		if (r)
			take_notice(l, r);
		PQclear(r);
	}
}

static int connection_failed(struct ledger *l, struct weir_error *err)
{
	l->alive = false;
	hear_last_word(l);
	forget_failure(l);
	return fail_session(l, err);
}

static int result_failed(struct ledger *l, const PGresult *r, struct weir_error *err)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	const char *detail = PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL);
	const char *hint = PQresultErrorField(r, PG_DIAG_MESSAGE_HINT);
	const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	const char *context = PQresultErrorField(r, PG_DIAG_CONTEXT);
	const char *at = PQresultErrorField(r, PG_DIAG_STATEMENT_POSITION);
	take_notice(l, r);
	if (*l->last)
		return connection_failed(l, err);
	forget_failure(l);
	snprintf(l->sqlstate, sizeof l->sqlstate, "%s", state ? state : "");
	snprintf(l->detail, sizeof l->detail, "%s", detail ? detail : "");
	snprintf(l->context, sizeof l->context, "%s", context ? context : "");
	l->failed_at = at ? strtoul(at, NULL, 10) : 0;
	if (hint)
		buffer_add_text(&l->hint, hint);
	if (PQstatus(l->conn) != CONNECTION_OK)
		l->alive = false;
	if (!l->alive && !text)
		return fail_session(l, err);
	return fail_with(err, text ? text : PQresultErrorMessage(r));
}

/* ---- waiting ---- */

/* Sends what is queued; what does not fit now is sent when the socket takes it. */
static int flush_out(struct ledger *l, struct weir_error *err)
{
	int left = PQflush(l->conn);
	if (left < 0)
		return connection_failed(l, err);
	l->want_write = left > 0;
	return 0;
}

bool ledger_wants_write(const struct ledger *l) { return l->want_write; }

static int wait_ready(struct ledger *l, int64_t deadline, struct weir_error *err)
{
	struct pollfd p = {.fd = PQsocket(l->conn), .events = POLLIN};
	if (l->want_write)
		p.events |= POLLOUT;
	int64_t left = (deadline - clock_us()) / 1000;
	int n = left > 0 ? poll(&p, 1, (int)left) : 0;
	if (n < 0 && errno == EINTR)
		return 0;
	if (n > 0)
		return 0;
	l->alive = false;
	forget_failure(l);
	return weir_fail(err, "database", "PostgreSQL at %s: no answer within %lld s", l->where,
			 (long long)(l->statement_ms + LATER_MS) / 1000);
}

/* ---- statements ---- */

/* The statement with this text (NULL: a free place), or -1. */
static int find_statement(const struct ledger *l, const char *sql)
{
	for (int i = 0; i < PREPARED_MAX; i++) {
		const char *text = l->statements[i].text;
		if (sql && text ? strcmp(text, sql) == 0 : sql == text)
			return i;
	}
	return -1;
}

static int enter_pipeline(struct ledger *l, struct weir_error *err)
{
	if (l->pipeline)
		return 0;
	if (!PQenterPipelineMode(l->conn))
		return connection_failed(l, err);
	l->pipeline = true;
	return 0;
}

static void note_command(struct ledger *l, int statement, bool prepares)
{
	l->runs[l->queued % IN_FLIGHT_MAX] = (int16_t)statement;
	l->prepares[l->queued++ % IN_FLIGHT_MAX] = (int16_t)(prepares ? statement : -1);
}

static int prepare(struct ledger *l, const char *sql, const struct params *p,
		   struct weir_error *err)
{
	int at = find_statement(l, NULL);
	if (at < 0)
		return weir_fail(err, "database", "more than %d different statements",
				 PREPARED_MAX);
	struct statement *s = &l->statements[at];
	char name[16];
	s->text = strdup(sql);
	if (!s->text)
		return weir_fail_memory(err);
	s->name = l->names++;
	snprintf(name, sizeof name, "w%u", s->name);
	if (!PQsendPrepare(l->conn, name, sql, p ? p->count : 0, p ? p->type : NULL))
		return connection_failed(l, err);
	note_command(l, at, true);
	return at;
}

/* A statement whose preparing failed or was skipped is unknown to the server. */
static void forget_prepare(struct ledger *l)
{
	int at = l->taken < l->queued ? l->prepares[l->taken % IN_FLIGHT_MAX] : -1;
	if (at < 0)
		return;
	free(l->statements[at].text);
	l->statements[at].text = NULL;
}

int ledger_send(struct ledger *l, const char *sql, const struct params *p, bool binary,
		struct weir_error *err)
{
	if (!l->alive)
		return weir_fail(err, "database", "the connection was lost");
	if (p && buffer_failed(&p->bytes))
		return weir_fail_memory(err);
	if (l->queued - l->taken > IN_FLIGHT_MAX - 2)
		return weir_fail(err, "database", "more than %d commands in a pipeline",
				 IN_FLIGHT_MAX - 2);
	if (enter_pipeline(l, err) < 0)
		return -1;
	int at = find_statement(l, sql);
	if (at < 0 && (at = prepare(l, sql, p, err)) < 0)
		return -1;
	char name[16];
	snprintf(name, sizeof name, "w%u", l->statements[at].name);
	const char *values[PARAMS_MAX];
	int formats[PARAMS_MAX];
	int n = p ? p->count : 0;
	for (int i = 0; i < n; i++) {
		values[i] = p->size[i] < 0 ? NULL : p->bytes.data + p->at[i];
		formats[i] = 1;
	}
	if (!PQsendQueryPrepared(l->conn, name, n, values, p ? p->size : NULL, formats, binary))
		return connection_failed(l, err);
	note_command(l, at, false);
	return 0;
}

int ledger_sync(struct ledger *l, struct weir_error *err)
{
	if (!l->alive)
		return weir_fail(err, "database", "the connection was lost");
	if (enter_pipeline(l, err) < 0)
		return -1;
	forget_failure(l); /* of this pipeline, nothing has failed yet */
	if (!PQpipelineSync(l->conn))
		return connection_failed(l, err);
	return flush_out(l, err);
}

static void keep_failed_sql(struct ledger *l)
{
	const char *text = l->statements[l->runs[l->taken % IN_FLIGHT_MAX]].text;
	if (l->queued != l->taken && text)
		buffer_add_text(&l->failed_sql, text);
}

/* Sorts one result: what the caller sees of it, if anything. */
static enum ledger_status sort_result(struct ledger *l, PGresult *r, PGresult **out,
				      struct weir_error *err)
{
	bool of_prepare = l->taken < l->queued && l->prepares[l->taken % IN_FLIGHT_MAX] >= 0;
	enum ledger_status s = LEDGER_WAIT;
	switch (PQresultStatus(r)) {
	case PGRES_PIPELINE_SYNC:
		s = LEDGER_SYNCED;
		break;
	case PGRES_PIPELINE_ABORTED:
		forget_prepare(l);
		break;
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
		if (of_prepare)
			break;
		*out = r;
		return LEDGER_RESULT;
	default:
		result_failed(l, r, err);
		keep_failed_sql(l);
		forget_prepare(l);
		s = LEDGER_FAILED;
	}
	PQclear(r);
	return s;
}

enum ledger_status ledger_take(struct ledger *l, PGresult **out, struct weir_error *err)
{
	if (!l->alive) {
		weir_fail(err, "database", "the connection was lost");
		return LEDGER_FAILED;
	}
	if (l->want_write && flush_out(l, err) < 0)
		return LEDGER_FAILED;
	if (!PQconsumeInput(l->conn)) {
		connection_failed(l, err);
		return LEDGER_FAILED;
	}
	while (!PQisBusy(l->conn)) {
		PGresult *r = PQgetResult(l->conn);
		if (!r) {
			/* The end of one statement, or nothing was asked. */
			if (!l->more)
				return LEDGER_WAIT;
			l->more = false;
			if (l->taken < l->queued) /* else it was the end that failed */
				l->taken++;
			continue;
		}
		l->more = PQresultStatus(r) != PGRES_PIPELINE_SYNC;
		enum ledger_status s = sort_result(l, r, out, err);
		if (s != LEDGER_WAIT)
			return s;
	}
	return LEDGER_WAIT;
}

static int64_t answer_deadline(const struct ledger *l)
{
	return clock_us() + (l->statement_ms + LATER_MS) * 1000;
}

enum ledger_status ledger_wait(struct ledger *l, PGresult **out, struct weir_error *err)
{
	int64_t deadline = answer_deadline(l);
	for (;;) {
		enum ledger_status s = ledger_take(l, out, err);
		if (s != LEDGER_WAIT)
			return s;
		if (wait_ready(l, deadline, err) < 0)
			return LEDGER_FAILED;
	}
}

int ledger_query(struct ledger *l, const char *sql, const struct params *p, bool binary,
		 PGresult **out, struct weir_error *err)
{
	PGresult *kept = NULL, *r = NULL;
	bool failed = false; /* also at the end, where what was done is committed */
	if (ledger_send(l, sql, p, binary, err) < 0 || ledger_sync(l, err) < 0)
		return -1;
	for (;;) {
		enum ledger_status s = ledger_wait(l, &r, err);
		failed |= s == LEDGER_FAILED;
		if (s == LEDGER_RESULT) {
			PQclear(kept);
			kept = r;
		} else if (s == LEDGER_SYNCED && kept && !failed) {
			*out = kept;
			return 0;
		} else if (s == LEDGER_SYNCED || !l->alive) {
			PQclear(kept);
			return -1;
		}
	}
}

int ledger_do(struct ledger *l, const char *sql, const struct params *p, int64_t *rows,
	      struct weir_error *err)
{
	PGresult *r = NULL;
	if (ledger_query(l, sql, p, true, &r, err) < 0)
		return -1;
	if (rows)
		*rows = strtoll(PQcmdTuples(r), NULL, 10);
	PQclear(r);
	return 0;
}

int ledger_patience(struct ledger *l, int64_t ms, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	char text[32];
	snprintf(text, sizeof text, "%lld", (long long)ms);
	params_string(&p, text);
	int rc = ledger_do(l, "SELECT set_config('statement_timeout', $1, false)", &p, NULL, err);
	params_release(&p);
	if (rc == 0)
		l->statement_ms = ms;
	return rc;
}

int ledger_limits(struct ledger *l, int lock_ms, int statement_ms, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	char lock[16], statement[16];
	snprintf(lock, sizeof lock, "%d", lock_ms);
	snprintf(statement, sizeof statement, "%d", statement_ms);
	params_string(&p, lock);
	params_string(&p, statement);
	int rc = ledger_do(l,
			   "SELECT set_config('lock_timeout', $1, false),"
			   " set_config('statement_timeout', $2, false)",
			   &p, NULL, err);
	params_release(&p);
	if (rc == 0)
		l->statement_ms = statement_ms;
	return rc;
}

/* *last: of the last statement that yields rows; may be NULL. */
static int run_simple(struct ledger *l, const char *sql, PGresult **last, struct weir_error *err)
{
	if (l->pipeline && !PQexitPipelineMode(l->conn))
		return connection_failed(l, err);
	l->pipeline = false;
	if (!PQsendQuery(l->conn, sql) || flush_out(l, err) < 0)
		return connection_failed(l, err);
	int failed = 0;
	int64_t deadline = answer_deadline(l);
	for (;;) {
		if (!PQconsumeInput(l->conn) || (l->want_write && flush_out(l, err) < 0))
			return connection_failed(l, err);
		if (PQisBusy(l->conn)) {
			if (wait_ready(l, deadline, err) < 0)
				return -1;
			continue;
		}
		PGresult *r = PQgetResult(l->conn);
		if (!r)
			return failed;
		if (PQresultStatus(r) == PGRES_FATAL_ERROR && !failed)
			failed = result_failed(l, r, err);
		if (last && PQresultStatus(r) == PGRES_TUPLES_OK) {
			PQclear(*last);
			*last = r;
		} else
			PQclear(r);
	}
}

int ledger_script(struct ledger *l, const char *sql, struct weir_error *err)
{
	return run_simple(l, sql, NULL, err);
}

int ledger_check_schema(struct ledger *l, struct weir_error *err)
{
	struct weir_error why;
	struct params p = PARAMS_INIT;
	PGresult *r = NULL;
	params_int(&p, LEDGER_SCHEMA); /* what is above may be a plugin's own */
	int rc = ledger_query(l,
			      "SELECT coalesce(max(version), 0)::int4 FROM weir.migrations"
			      " WHERE version <= $1",
			      &p, true, &r, &why);
	params_release(&p);
	if (rc < 0) {
		if (strcmp(l->sqlstate, "42P01") == 0 || strcmp(l->sqlstate, "3F000") == 0)
			return weir_fail(err, "no_schema",
					 "the database has no ledger yet: run `weir init`");
		return weir_fail(err, why.code, "%s", why.text);
	}
	int version = ledger_int(r, 0, 0);
	PQclear(r);
	if (version < LEDGER_SCHEMA)
		return weir_fail(err, "old_schema",
				 "the ledger has schema %d and this program needs %d: run "
				 "`weir init`",
				 version, LEDGER_SCHEMA);
	return 0;
}

/* ---- reading results ---- */

struct weir_text ledger_text(const PGresult *r, int row, int column)
{
	if (PQgetisnull(r, row, column))
		return (struct weir_text){NULL, 0};
	return (struct weir_text){PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column)};
}

int32_t ledger_int(const PGresult *r, int row, int column)
{
	uint32_t v = 0;
	if (PQgetlength(r, row, column) == sizeof v)
		memcpy(&v, PQgetvalue(r, row, column), sizeof v);
	return (int32_t)be32toh(v);
}

int64_t ledger_big(const PGresult *r, int row, int column)
{
	uint64_t v = 0;
	if (PQgetlength(r, row, column) == sizeof v)
		memcpy(&v, PQgetvalue(r, row, column), sizeof v);
	return (int64_t)be64toh(v);
}

bool ledger_bool(const PGresult *r, int row, int column)
{
	return PQgetlength(r, row, column) == 1 && PQgetvalue(r, row, column)[0] != 0;
}

double ledger_real(const PGresult *r, int row, int column)
{
	uint64_t bits = (uint64_t)ledger_big(r, row, column);
	double v;
	memcpy(&v, &bits, sizeof v);
	return v;
}
