/* ledger.h: one connection to PostgreSQL, parameters in binary, and statements in pipelines.
 *
 * A caller either asks and waits (ledger_query, ledger_do), or queues statements, ends them with
 * ledger_sync() and takes the results as they come (ledger_take). Statements are prepared on first
 * use and known by their text, which must be constant. Every wait ends: a statement after
 * LEDGER_STATEMENT_MS on the server, or what else is said, a silent server a little later here.
 * After a failure with ledger_alive() false the connection is gone: close it and open another. */
#ifndef WEIR_LEDGER_H
#define WEIR_LEDGER_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "weir/buffer.h"
#include "weir/error.h"

#define LEDGER_STATEMENT_MS 60000
#define LEDGER_LONG_MS (2 * 3600000) /* for what goes over all items of a job, or over all jobs */
#define LEDGER_SCHEMA 60 /* number of the newest file in schemas/sql that this program needs */

/* ---- parameters ---- */

#define PARAMS_MAX 24

/* The values of one statement, in PostgreSQL's binary format. Start from PARAMS_INIT; may be reset
 * and used again. A failed allocation shows when the statement is sent. */
struct params {
	struct buffer bytes;
	int count;
	size_t at[PARAMS_MAX];
	int size[PARAMS_MAX]; /* -1: NULL */
	Oid type[PARAMS_MAX];
};

#define PARAMS_INIT ((struct params){0})

enum {
	TYPE_BOOL = 16,
	TYPE_BYTEA = 17,
	TYPE_INT8 = 20,
	TYPE_INT4 = 23,
	TYPE_TEXT = 25,
	TYPE_FLOAT8 = 701
};

void params_reset(struct params *p);
void params_release(struct params *p);
void params_text(struct params *p, struct weir_text text); /* absent: NULL */
void params_string(struct params *p, const char *text);	   /* NULL: NULL */
void params_bytes(struct params *p, const void *data, size_t size);
void params_int(struct params *p, int32_t v);
void params_big(struct params *p, int64_t v);
void params_bool(struct params *p, bool v);
void params_real(struct params *p, double v);

/* One array parameter: begin, then exactly n elements, then end. type is that of an element. */
void params_array(struct params *p, Oid type, size_t n);
void params_add_text(struct params *p, struct weir_text text);
void params_add_int(struct params *p, int32_t v);
void params_add_big(struct params *p, int64_t v);
void params_add_real(struct params *p, double v);
void params_array_end(struct params *p);

/* ---- the connection ---- */

struct ledger;

/* url: postgresql://...; name: shown as application_name. keyed: the statements of this connection
 * are all keyed look-ups, and must never be planned as scans because a table was small when they
 * were first used. Blocks up to 10 s. */
int ledger_open(const char *url, const char *name, bool keyed, struct ledger **out,
		struct weir_error *err) WEIR_MUST_CHECK;
void ledger_close(struct ledger *l); /* NULL is fine */
bool ledger_alive(const struct ledger *l);
int ledger_fd(const struct ledger *l);
PGconn *ledger_conn(struct ledger *l); /* for COPY and notifications */

/* The SQLSTATE of the last failure, "" when the connection itself failed. */
const char *ledger_sqlstate(const struct ledger *l);
/* The detail of the last failure, "" when there was none. */
const char *ledger_detail(const struct ledger *l);
/* In which objects it happened, in the server's words and language; "" when it does not say. */
const char *ledger_context(const struct ledger *l);
/* The statement that failed; absent when it was none of a pipeline. *at: the character in it, from
 * 1, that the failure is about; 0: not said. Valid until the next call. */
struct weir_text ledger_failed_sql(const struct ledger *l, size_t *at);
const char *ledger_role(const struct ledger *l); /* the name that the server knows us by */
/* Its hint, of any length; absent when there was none. Valid until the next call. */
struct weir_text ledger_hint(const struct ledger *l);
/* Whose fault the last failure was. BUSY: nobody's, the same may succeed later (a conflict, a
 * timeout, a server that is short of something, a lost connection). DATA: what was sent; so is
 * whatever is of no class of PostgreSQL's, for which a function of somebody's has refused it.
 * SETUP: the database is not as the statement needs it (a table or a right is missing, a migration
 * has changed it); it stays so until a person or a migration acts, and no row is to blame. Source:
 * PostgreSQL manual, appendix A. */
enum ledger_fault { LEDGER_BUSY, LEDGER_DATA, LEDGER_SETUP };
enum ledger_fault ledger_fault(const struct ledger *l);
/* Whether the server gave a statement up because it took too long. */
bool ledger_timed_out(const struct ledger *l);

/* Sends one statement and waits. p may be NULL. Results are binary where `binary`, else text. On
 * success the caller PQclear()s *out. Error code: "database". */
int ledger_query(struct ledger *l, const char *sql, const struct params *p, bool binary,
		 PGresult **out, struct weir_error *err) WEIR_MUST_CHECK;

/* The same for a statement whose rows nobody needs. *rows (may be NULL): how many it changed. */
int ledger_do(struct ledger *l, const char *sql, const struct params *p, int64_t *rows,
	      struct weir_error *err) WEIR_MUST_CHECK;

/* From now on a statement of this connection may take so long, instead of LEDGER_STATEMENT_MS. */
int ledger_patience(struct ledger *l, int64_t ms, struct weir_error *err) WEIR_MUST_CHECK;

/* How long the server lets a statement of this connection wait for a lock, and take; from now on a
 * silent server is waited for a little longer than the latter. */
int ledger_limits(struct ledger *l, int lock_ms, int statement_ms,
		  struct weir_error *err) WEIR_MUST_CHECK;

/* Runs a script of several statements (migrations); its own transaction control. */
int ledger_script(struct ledger *l, const char *sql, struct weir_error *err) WEIR_MUST_CHECK;

/* ---- pipelines ---- */

/* Queues one statement. Does not block. */
int ledger_send(struct ledger *l, const char *sql, const struct params *p, bool binary,
		struct weir_error *err) WEIR_MUST_CHECK;
/* Ends the pipeline and begins to send it. */
int ledger_sync(struct ledger *l, struct weir_error *err) WEIR_MUST_CHECK;

enum ledger_status { LEDGER_WAIT, LEDGER_RESULT, LEDGER_SYNCED, LEDGER_FAILED };

/* Takes what has arrived; never blocks. WAIT: nothing yet, poll ledger_fd() for reading (and for
 * writing while ledger_wants_write()). RESULT: the next statement's result, the caller PQclear()s
 * it. FAILED: a statement failed; err, sqlstate and detail say how, and the rest of the pipeline is
 * skipped up to SYNCED (or the connection is gone, see ledger_alive). SYNCED: the pipeline's end.
 */
enum ledger_status ledger_take(struct ledger *l, PGresult **out, struct weir_error *err);
bool ledger_wants_write(const struct ledger *l);
/* ledger_take() that waits. */
enum ledger_status ledger_wait(struct ledger *l, PGresult **out, struct weir_error *err);

/* Refuses a database whose schema is not the one this program needs, and says what to do. */
int ledger_check_schema(struct ledger *l, struct weir_error *err) WEIR_MUST_CHECK;

/* ---- reading results ---- */

struct weir_text ledger_text(const PGresult *r, int row, int column); /* absent: NULL */
int32_t ledger_int(const PGresult *r, int row, int column);	      /* binary int4; NULL: 0 */
int64_t ledger_big(const PGresult *r, int row, int column);	      /* binary int8; NULL: 0 */
bool ledger_bool(const PGresult *r, int row, int column);	      /* binary; NULL: false */
double ledger_real(const PGresult *r, int row, int column);	      /* binary float8; NULL: 0 */

#endif
