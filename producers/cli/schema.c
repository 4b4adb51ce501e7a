#include "schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sha256.h"
#include "weir/clock.h"

#define LOCK "7235419" /* of two inits at once one waits for the other */
/* Whoever works on the ledger waits behind a lock that is waited for here: so it is given up soon,
 * sooner than the server looks for deadlocks, and asked for again after a pause in which they work.
 */
#define LOCK_WAIT "900ms"
#define PAUSE_US 500000
#define PAUSE_CAP_US 10000000
#define HOLDERS_MAX 360 /* of a text that fits into an error */
#define SUM_SIZE 65	/* a checksum in hex, with its NUL */
#define FILES_MAX 512

/* In a migration: what stands behind this line needs functions, and comes after them. */
static const char functions_mark[] = "\n-- @functions@\n";

/* What the ledger knows of a file, and what is to be done. */
enum file_state { FILE_APPLIED, FILE_UNSUMMED, FILE_PENDING, FILE_NEWER };

struct schema_work {
	struct ledger *ledger;
	enum file_state migrations[FILES_MAX], repeatable[FILES_MAX];
	int to_do;
	bool newer; /* the ledger has files of a newer weir */
	bool moved; /* the views */
};

static void sum_of(const char *sql, char sum[SUM_SIZE])
{
	uint8_t digest[32];
	sha256(sql, strlen(sql), digest);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(sum + 2 * i, 3, "%02x", digest[i]);
}

/* ---- what is applied ---- */

static int query(struct ledger *l, const char *sql, const struct params *p, PGresult **r,
		 struct weir_error *err)
{
	return ledger_query(l, sql, p, true, r, err);
}

static int judge_migration(const struct schema_file *f, const PGresult *r, enum file_state *state,
			   struct weir_error *err)
{
	char sum[SUM_SIZE];
	*state = FILE_PENDING;
	if (PQntuples(r) == 0)
		return 0;
	*state = FILE_UNSUMMED;
	struct weir_text applied = ledger_text(r, 0, 0), name = ledger_text(r, 0, 1);
	if (!applied.data)
		return 0;
	*state = FILE_APPLIED;
	sum_of(f->sql, sum);
	if (applied.size == SUM_SIZE - 1 && memcmp(applied.data, sum, SUM_SIZE - 1) == 0)
		return 0;
	if (name.size == strlen(f->name) && memcmp(name.data, f->name, name.size) == 0)
		return weir_fail(
			err, "edited",
			"%s has been edited since it was applied: make it again as it was, "
			"and put what is to change into a file with a new number",
			f->name);
	return weir_fail(err, "edited",
			 "number %d was applied as %.*s, and is %s now: give the new file another "
			 "number",
			 f->number, (int)name.size, name.data, f->name);
}

static int look_at_migration(struct schema_work *w, const struct schema_file *f,
			     enum file_state *state, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	PGresult *r = NULL;
	params_int(&p, f->number);
	int rc = query(w->ledger, "SELECT checksum, name FROM weir.migrations WHERE version = $1",
		       &p, &r, err);
	params_release(&p);
	if (rc < 0)
		return -1;
	rc = judge_migration(f, r, state, err);
	PQclear(r);
	w->to_do += *state != FILE_APPLIED;
	return rc;
}

static enum file_state state_of(const PGresult *r)
{
	if (PQntuples(r) == 0)
		return FILE_PENDING;
	if (ledger_bool(r, 0, 0))
		return FILE_APPLIED;
	return ledger_int(r, 0, 1) > LEDGER_SCHEMA ? FILE_NEWER : FILE_PENDING;
}

/* What counts is its text in this database: an extension may have moved. */
static int repeatable_sum(struct ledger *l, const struct schema_file *f, char sum[SUM_SIZE],
			  struct weir_error *err)
{
	struct buffer sql = BUFFER_INIT;
	int rc = schema_text(l, f->sql, &sql, err);
	if (rc == 0)
		sum_of(sql.data, sum);
	buffer_release(&sql);
	return rc;
}

static int look_at_repeatable(struct schema_work *w, const struct schema_file *f,
			      enum file_state *state, struct weir_error *err)
{
	char sum[SUM_SIZE];
	struct params p = PARAMS_INIT;
	PGresult *r = NULL;
	if (repeatable_sum(w->ledger, f, sum, err) < 0)
		return -1;
	params_string(&p, f->name);
	params_string(&p, sum);
	int rc = query(w->ledger,
		       "SELECT checksum = $2, schema FROM weir.repeatable WHERE name = $1", &p, &r,
		       err);
	params_release(&p);
	if (rc < 0)
		return -1;
	*state = state_of(r);
	PQclear(r);
	w->to_do += *state == FILE_PENDING;
	w->newer |= *state == FILE_NEWER;
	return 0;
}

static int look_at(struct schema_work *w, const struct schema_file *files, enum file_state *states,
		   int (*look)(struct schema_work *w, const struct schema_file *f,
			       enum file_state *state, struct weir_error *err),
		   struct weir_error *err)
{
	for (int i = 0; files[i].name; i++) {
		if (i == FILES_MAX)
			return weir_fail(err, "database", "more than %d files of the schema",
					 FILES_MAX);
		if (look(w, &files[i], &states[i], err) < 0)
			return -1;
	}
	return 0;
}

/* ---- applying ---- */

static int note(struct ledger *l, const char *sql, const char *name, const char *text, int number,
		struct weir_error *err)
{
	char sum[SUM_SIZE];
	struct params p = PARAMS_INIT;
	sum_of(text, sum);
	params_string(&p, name);
	params_string(&p, sum);
	params_int(&p, number);
	int rc = ledger_do(l, sql, &p, NULL, err);
	params_release(&p);
	return rc;
}

static int run_part(struct ledger *l, const char *name, const char *part, size_t size,
		    struct weir_error *err)
{
	struct buffer raw = BUFFER_INIT, sql = BUFFER_INIT;
	buffer_add(&raw, part, size);
	const char *text = buffer_text(&raw);
	int rc = text ? schema_text(l, text, &sql, err) : weir_fail_memory(err);
	if (rc == 0)
		rc = schema_run(l, name, sql.data, err);
	buffer_release(&raw);
	buffer_release(&sql);
	return rc;
}

static int begin_migration(struct ledger *l, const struct schema_file *f, struct weir_error *err)
{
	const char *mark = strstr(f->sql, functions_mark);
	return run_part(l, f->name, f->sql, mark ? (size_t)(mark - f->sql) : strlen(f->sql), err);
}

static int end_migration(struct ledger *l, const struct schema_file *f, struct weir_error *err)
{
	const char *rest = strstr(f->sql, functions_mark);
	if (rest && run_part(l, f->name, rest, strlen(rest), err) < 0)
		return -1;
	return note(l, "INSERT INTO weir.migrations (name, checksum, version) VALUES ($1, $2, $3)",
		    f->name, f->sql, f->number, err);
}

static int apply_repeatable(struct ledger *l, const struct schema_file *f, struct weir_error *err)
{
	struct buffer sql = BUFFER_INIT;
	int rc = schema_text(l, f->sql, &sql, err);
	if (rc == 0)
		rc = schema_run(l, f->name, sql.data, err);
	if (rc == 0)
		rc = note(l,
			  "INSERT INTO weir.repeatable (name, checksum, schema) VALUES ($1, $2, $3)"
			  " ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum,"
			  " schema = excluded.schema, applied_at = now()",
			  f->name, sql.data, LEDGER_SCHEMA, err);
	buffer_release(&sql);
	return rc;
}

/* Those of a list that are in this state, in their order. */
static int each(struct ledger *l, const struct schema_file *files, const enum file_state *states,
		enum file_state which,
		int (*act)(struct ledger *l, const struct schema_file *f, struct weir_error *err),
		struct weir_error *err)
{
	for (int i = 0; files[i].name; i++)
		if (states[i] == which && act(l, &files[i], err) < 0)
			return -1;
	return 0;
}

static int fill_sum(struct ledger *l, const struct schema_file *f, struct weir_error *err)
{
	return note(l, "UPDATE weir.migrations SET name = $1, checksum = $2 WHERE version = $3",
		    f->name, f->sql, f->number, err);
}

static int work(struct schema_work *w, struct weir_error *err)
{
	struct ledger *l = w->ledger;
	if (each(l, schema_files, w->migrations, FILE_PENDING, begin_migration, err) < 0 ||
	    each(l, schema_repeatable, w->repeatable, FILE_PENDING, apply_repeatable, err) < 0 ||
	    each(l, schema_files, w->migrations, FILE_PENDING, end_migration, err) < 0)
		return -1;
	return each(l, schema_files, w->migrations, FILE_UNSUMMED, fill_sum, err);
}

/* Where people find the views: asked for, or where they are. */
static int place_views(struct schema_work *w, const char *views_in, struct weir_error *err)
{
	PGresult *r = NULL;
	struct params p = PARAMS_INIT;
	if (views_in && query(w->ledger, "SELECT value FROM weir.settings WHERE name = 'views_in'",
			      NULL, &r, err) < 0)
		return -1;
	if (r) {
		struct weir_text now = ledger_text(r, 0, 0);
		w->moved =
			now.size != strlen(views_in) || memcmp(now.data, views_in, now.size) != 0;
		PQclear(r);
	}
	if (!w->moved && w->to_do == 0)
		return 0;
	params_string(&p, views_in);
	int rc = schema_do(w->ledger, "the views",
			   "SELECT weir.show_views(coalesce($1, value)) FROM weir.settings"
			   " WHERE name = 'views_in'",
			   &p, err);
	params_release(&p);
	return rc;
}

static int try_to_apply(struct schema_work *w, const char *views_in, struct weir_error *err)
{
	struct ledger *l = w->ledger;
	if (ledger_script(l,
			  "BEGIN; SELECT pg_advisory_xact_lock(" LOCK ");"
			  "SET LOCAL lock_timeout = '" LOCK_WAIT "'",
			  err) < 0 ||
	    schema_prepare(l, err) < 0 ||
	    look_at(w, schema_files, w->migrations, look_at_migration, err) < 0 ||
	    look_at(w, schema_repeatable, w->repeatable, look_at_repeatable, err) < 0 ||
	    work(w, err) < 0 || place_views(w, views_in, err) < 0)
		return -1;
	return ledger_script(l, "COMMIT", err);
}

static int tell(struct ledger *l, const struct schema_file *f, struct weir_error *err)
{
	(void)l;
	(void)err;
	printf("ledger    applied %s\n", f->name);
	return 0;
}

static int tell_all(const struct schema_work *w, const char *views_in, struct weir_error *err)
{
	each(w->ledger, schema_files, w->migrations, FILE_PENDING, tell, err);
	each(w->ledger, schema_repeatable, w->repeatable, FILE_PENDING, tell, err);
	if (w->newer)
		printf("ledger    is of a newer weir: its functions and views stay as they are\n");
	else if (w->to_do == 0 && !w->moved)
		printf("ledger    is up to date\n");
	if (w->moved)
		printf("ledger    the views are in %s\n", views_in);
	return 0;
}

/* ---- those who stand in the way ---- */

/* A deadlock with those who work, or a lock that somebody keeps: nothing has happened. */
static bool may_pass(const struct ledger *l)
{
	return strcmp(ledger_sqlstate(l), "40P01") == 0 || strcmp(ledger_sqlstate(l), "55P03") == 0;
}

/* Who can have kept a lock from us for so long: the oldest first. Not what it does: a statement may
 * hold what is nobody else's business. What is prepared has no process. */
static const char holders[] =
	"SELECT string_agg(who, '; ') FROM ("
	" SELECT CASE WHEN h.pid IS NULL THEN"
	"   format('a prepared transaction keeps %s locked: end it (pg_prepared_xacts)', tables)"
	"  ELSE format('pid %s (application \"%s\" of %s, transaction of %s, query of %s) keeps %s"
	" locked: end it there, or SELECT pg_terminate_backend(%1$s)',"
	"   h.pid, a.application_name, a.usename,"
	"   coalesce(a.xact_start::timestamptz(0)::text, '?'),"
	"   coalesce(a.query_start::timestamptz(0)::text, '?'), tables) END AS who"
	" FROM (SELECT k.pid, k.virtualtransaction,"
	"   array_to_string((array_agg(DISTINCT k.relation::pg_catalog.regclass::text))[1:2], ', ')"
	"    AS tables"
	"  FROM pg_catalog.pg_locks k JOIN pg_catalog.pg_class c ON c.oid = k.relation"
	"  WHERE k.granted AND k.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()"
	"   AND k.database = (SELECT oid FROM pg_catalog.pg_database"
	"    WHERE datname = pg_catalog.current_database())"
	"   AND c.relnamespace = pg_catalog.to_regnamespace('weir') AND c.relkind IN ('r', 'v')"
	"  GROUP BY k.pid, k.virtualtransaction) h"
	" LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = h.pid"
	" WHERE a.xact_start IS NULL"
	"  OR a.xact_start < pg_catalog.clock_timestamp() - interval '" LOCK_WAIT "'"
	" ORDER BY a.xact_start LIMIT 2) w";

/* "": nobody any more. */
static int find_holders(struct ledger *l, char out[HOLDERS_MAX], struct weir_error *err)
{
	PGresult *r = NULL;
	if (query(l, holders, NULL, &r, err) < 0)
		return -1;
	struct weir_text who = ledger_text(r, 0, 0);
	snprintf(out, HOLDERS_MAX, "%.*s", (int)who.size, who.data ? who.data : "");
	PQclear(r);
	return 0;
}

static void rest(int64_t us)
{
	fflush(stdout);
	nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

/* One after the other, until it is done, or time is up. */
struct patience {
	int64_t until_us;
	unsigned tries;
	char who[HOLDERS_MAX]; /* has been told */
};

/* After a failure that may pass: false when it is to stay one, and err says who is to blame. */
static bool wait_for_them(struct ledger *l, struct patience *p, struct weir_error *err)
{
	struct weir_error why = *err;
	char who[HOLDERS_MAX];
	int64_t now = clock_us();
	if (find_holders(l, who, err) < 0)
		return false;
	if (now >= p->until_us) {
		weir_fail(err, why.code,
			  "%.120s%s%.300s; nothing is changed: then run weir init again", why.text,
			  *who ? ": " : "", who);
		return false;
	}
	if (*who && strcmp(who, p->who) != 0)
		printf("ledger    waits for a lock: %s\n", who);
	if (*who)
		memcpy(p->who, who, sizeof who);
	int64_t pause = clock_backoff_us(PAUSE_US, PAUSE_CAP_US, p->tries++);
	rest(pause < p->until_us - now ? pause : p->until_us - now);
	return true;
}

int schema_apply(struct ledger *l, const char *views_in, int64_t lock_wait_ms,
		 struct weir_error *err)
{
	struct weir_error ignored;
	struct patience patience = {.until_us = clock_us() + lock_wait_ms * 1000};
	for (;;) {
		struct schema_work w = {.ledger = l};
		if (try_to_apply(&w, views_in, err) == 0)
			return tell_all(&w, views_in, err);
		bool again = may_pass(l);
		if (!ledger_alive(l) || ledger_script(l, "ROLLBACK", &ignored) < 0 || !again ||
		    !wait_for_them(l, &patience, err))
			return -1;
	}
}
