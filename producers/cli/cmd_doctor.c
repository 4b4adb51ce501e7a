/* The checks are a table of functions, run in order. One that needs a connection which an earlier
 * one could not open says nothing: that one has said it. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "model_check.h"
#include "print.h"
#include "weir/advice.h"
#include "weir/clock.h"
#include "weir/identity.h"
#include "weir/llm.h"
#include "weir/loader.h"
#include "weir/pace.h"
#include "weir/topology.h"

#define KINDS_MAX 64
#define REDIS_MS 3000
#define PG_LEAST 150000 /* as PQserverVersion() says it */
#define CONNECTIONS_LEAST 10
#define CLOCK_OFF_MS 5000

struct doctor_config {
	int64_t json;
};

static const struct weir_option options[] = {
	{.name = "json",
	 .type = WEIR_OPTION_FLAG,
	 .offset = offsetof(struct doctor_config, json),
	 .preset = "0",
	 .help = "Print JSON."},
	{.type = WEIR_OPTION_END},
};

static const char *const level_names[] = {"ok", "warn", "fail"};

struct doctor {
	const struct settings *settings;
	struct ledger *ledger; /* these are NULL when they cannot be reached */
	struct broker *broker;
	struct progress *progress;
	bool schema;	/* the ledger's tables are there */
	char id[LEDGER_ID_SIZE]; /* of the ledger; "": not known */
	char dir[4096]; /* of the plugins; "": none */
	char kinds[KINDS_MAX][33];
	int kind_count;
	const char *area; /* of the check that runs */
	bool json;
	struct buffer out;
	int counts[3]; /* of each level */
};

/* ---- telling ---- */

/* advice: what to do; "" when there is nothing. */
static void tell_json(struct doctor *d, enum level level, const char *what, const char *advice)
{
	buffer_add_char(&d->out, '{');
	json_text(&d->out, "level", print_text(level_names[level]));
	json_text(&d->out, "area", print_text(d->area));
	json_text(&d->out, "text", print_text(what));
	json_text(&d->out, "advice", print_text(advice));
	json_close(&d->out, '}');
}

static void tell_text(struct doctor *d, enum level level, const char *what, const char *advice)
{
	buffer_reset(&d->out);
	buffer_printf(&d->out, "%-5s %-11s ", level_names[level], d->area);
	print_plain(&d->out, print_text(what));
	if (*advice)
		buffer_printf(&d->out, "  (%s)", advice);
	const char *line = buffer_text(&d->out);
	printf("%s\n", line ? line : "");
	fflush(stdout);
}

static void tell(struct doctor *d, enum level level, const char *advice, const char *fmt, ...)
	WEIR_FORMAT(4, 5);

static void tell(struct doctor *d, enum level level, const char *advice, const char *fmt, ...)
{
	char what[1200];
	va_list args;
	va_start(args, fmt);
	vsnprintf(what, sizeof what, fmt, args);
	va_end(args);
	d->counts[level]++;
	(d->json ? tell_json : tell_text)(d, level, what, advice);
}

/* Asks the ledger for one row; a question that fails is told. True: *out is the caller's. */
static bool ask(struct doctor *d, const char *sql, PGresult **out)
{
	struct weir_error why;
	if (ledger_query(d->ledger, sql, NULL, true, out, &why) == 0)
		return true;
	tell(d, LEVEL_WARN, "see the log of PostgreSQL", "could not be checked: %s", why.text);
	if (!ledger_alive(d->ledger)) {
		ledger_close(d->ledger);
		d->ledger = NULL;
	}
	return false;
}

/* Tells of what `weir init` makes and did not find. Other callers need to read the advice in the
 * error; here it has its own place. */
static void tell_missing(struct doctor *d, struct weir_error *why)
{
	char *at = strstr(why->text, ": run `weir init`");
	if (at)
		*at = '\0';
	tell(d, LEVEL_FAIL, "run: weir init", "%s", why->text);
}

/* Tells of a server that cannot be used; the error's own advice has its place here. */
static void tell_away(struct doctor *d, struct weir_error *why)
{
	char step[ADVICE_ROOM];
	advice_split(why->text, step);
	tell(d, LEVEL_FAIL, *step ? step : "mend that, and ask again", "%s", why->text);
}

/* ---- settings ---- */

static void check_settings(struct doctor *d)
{
	static const int needs[] = {NEED_PG, NEED_AMQP, NEED_REDIS};
	struct weir_error why;
	int missing = 0;
	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
		if (settings_check(d->settings, needs[i], &why) == 0)
			continue;
		missing++;
		tell(d, LEVEL_FAIL, "a local stack: eval \"$(deploy/local/env)\"", "%s", why.text);
	}
	if (!missing)
		tell(d, LEVEL_OK, "", "the addresses of the three servers are set");
}

/* ---- PostgreSQL ---- */

static void check_pg(struct doctor *d)
{
	struct weir_error why;
	if (!d->settings->pg_url)
		return;
	if (ledger_open(d->settings->pg_url, "weir doctor", false, &d->ledger, &why) < 0) {
		d->ledger = NULL;
		tell_away(d, &why);
		return;
	}
	int version = PQserverVersion(ledger_conn(d->ledger));
	if (version < PG_LEAST)
		tell(d, LEVEL_FAIL, "use PostgreSQL 15 or newer", "version %d.%d is too old",
		     version / 10000, version % 10000);
	else
		tell(d, LEVEL_OK, "", "reachable, version %d.%d", version / 10000, version % 10000);
}

static void check_schema(struct doctor *d)
{
	struct weir_error why;
	if (!d->ledger)
		return;
	d->schema = ledger_check_schema(d->ledger, &why) == 0;
	if (d->schema)
		tell(d, LEVEL_OK, "", "the ledger has the schema that this program needs (%d)",
		     LEDGER_SCHEMA);
	else
		tell_missing(d, &why);
}

static void check_identity(struct doctor *d)
{
	struct weir_error why;
	if (!d->ledger || !d->schema)
		return;
	if (identity_read(d->ledger, d->id, &why) == 0) {
		tell(d, LEVEL_OK, "", "this is the ledger %s", d->id);
		return;
	}
	*d->id = '\0';
	tell(d, LEVEL_FAIL, "weir init --help", "%s", why.text);
}

/* What a setting of the server must be, and what is to be done when it is not. */
static const struct pg_setting {
	const char *name, *value, *advice;
} pg_settings[] = {
	{"fsync", "on", "a crash of the machine destroys the ledger: set fsync = on"},
	{"full_page_writes", "on",
	 "a crash of the machine may destroy the ledger: set full_page_writes = on"},
	{"server_encoding", "UTF8", "make the database anew: createdb -E UTF8 -T template0"},
};

static void check_pg_setting(struct doctor *d, const struct pg_setting *s, const char *value)
{
	tell(d, strcmp(value, s->value) == 0 ? LEVEL_OK : LEVEL_FAIL,
	     strcmp(value, s->value) == 0 ? "" : s->advice, "%s is %s", s->name, value);
}

/* "local" and above wait for this server's own disk; only off answers before. */
static void check_pg_settings(struct doctor *d)
{
	PGresult *r = NULL;
	if (!d->ledger || !ask(d,
			       "SELECT current_setting('fsync'),"
			       " current_setting('full_page_writes'),"
			       " current_setting('server_encoding'),"
			       " current_setting('synchronous_commit')",
			       &r))
		return;
	for (int i = 0; i < 3; i++)
		check_pg_setting(d, &pg_settings[i], PQgetvalue(r, 0, i));
	const char *value = PQgetvalue(r, 0, 3);
	if (strcmp(value, "off") == 0)
		tell(d, LEVEL_FAIL,
		     "messages are acked that a crash then forgets: set "
		     "synchronous_commit = on",
		     "synchronous_commit is off");
	else
		tell(d, LEVEL_OK, "", "synchronous_commit is %s", value);
	PQclear(r);
}

/* Somebody who may not see the sessions of others still counts them. */
static void check_pg_connections(struct doctor *d)
{
	PGresult *r = NULL;
	if (!d->ledger || !ask(d,
			       "SELECT current_setting('max_connections')::int8"
			       " - current_setting('superuser_reserved_connections')::int8,"
			       " (SELECT count(*) FROM pg_stat_activity"
			       "  WHERE backend_type = 'client backend'"
			       "  OR backend_type IS NULL)",
			       &r))
		return;
	int64_t most = ledger_big(r, 0, 0), used = ledger_big(r, 0, 1);
	bool enough = most - used >= CONNECTIONS_LEAST;
	PQclear(r);
	tell(d, enough ? LEVEL_OK : LEVEL_WARN,
	     enough ? "" : "raise max_connections, or put a pooler in front",
	     "%" PRId64 " of %" PRId64 " connections are in use", used, most);
}

static void check_clock(struct doctor *d)
{
	PGresult *r = NULL;
	int64_t before = clock_wall_us();
	if (!d->ledger ||
	    !ask(d, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8", &r))
		return;
	int64_t after = clock_wall_us();
	int64_t off = ledger_big(r, 0, 0) - (before + (after - before) / 2);
	PQclear(r);
	int64_t ms = (off < 0 ? -off : off) / 1000;
	if (ms > CLOCK_OFF_MS + (after - before) / 1000)
		tell(d, LEVEL_WARN, "let NTP set the clocks of both machines",
		     "the database's clock is %" PRId64 " ms %s of this machine's", ms,
		     off > 0 ? "ahead" : "behind");
	else
		tell(d, LEVEL_OK, "", "this machine and the database agree (%" PRId64 " ms)", ms);
}

/* ---- plugins ---- */

static void check_plugin(struct doctor *d, const char *kind)
{
	struct loaded_plugin p;
	struct weir_error why;
	if (loader_load(d->dir, kind, &p, &why) < 0) {
		tell(d, LEVEL_FAIL, "build it anew against this version of weir, or remove it",
		     "%s", why.text);
		return;
	}
	tell(d, LEVEL_OK, "", "%s %s loads (interface %u.%u)", kind,
	     p.plugin.version ? p.plugin.version : "", p.plugin.abi_major, p.plugin.abi_minor);
	loader_unload(&p);
}

static void check_plugins(struct doctor *d)
{
	struct weir_error why;
	if (loader_dir(d->settings->plugin_dir, d->dir, sizeof d->dir, &why) == 0)
		d->kind_count = loader_kinds(d->dir, d->kinds, KINDS_MAX, &why);
	else
		d->kind_count = -1;
	if (d->kind_count < 0)
		tell(d, LEVEL_FAIL, "say where they are: --plugin-dir", "%s", why.text);
	else if (d->kind_count == 0)
		tell(d, LEVEL_WARN, "say where they are: --plugin-dir", "there are none in %.300s",
		     d->dir);
	for (int i = 0; i < d->kind_count; i++)
		check_plugin(d, d->kinds[i]);
}

/* ---- models and templates ---- */

/* A fault a line. */
static void tell_faults(struct doctor *d, const char *advice, char *faults,
			const struct weir_error *why)
{
	char *rest = faults, *line;
	if (!faults)
		tell(d, LEVEL_FAIL, advice, "%s", why->text);
	while ((line = strsep(&rest, "\n")))
		if (*line)
			tell(d, LEVEL_FAIL, advice, "%s", line);
	free(faults);
}

static void tell_hold(struct doctor *d, const struct model *m, int64_t ms)
{
	time_t until = (time_t)(clock_wall_us() / 1000000 + ms / 1000);
	char advice[MODEL_NAME_MAX + NAMES_MAX + 128], clock[32] = "";
	struct tm t;
	if (gmtime_r(&until, &t))
		strftime(clock, sizeof clock, "%Y-%m-%d %H:%M:%S", &t);
	snprintf(advice, sizeof advice,
		 "it goes on by itself; DEL '%s:{model:%s}:hold' in Redis lets it go on at once",
		 names_of_ledger(), m->name);
	tell(d, LEVEL_WARN, advice, "%s: it is not asked before %s UTC, as its provider wants it",
	     m->name, clock);
}

/* What all processes know of a limit that was reached. */
static void tell_holds(struct doctor *d, const struct models *m)
{
	struct weir_error ignored;
	struct pace *pace = NULL;
	if (!d->settings->redis_url ||
	    pace_open(d->settings->redis_url, REDIS_MS, "doctor", &pace, &ignored) < 0)
		return;
	for (size_t i = 0; i < models_count(m); i++) {
		const struct model *model = models_at(m, i);
		int64_t ms = model->provider == PROVIDER_LOCAL ? 0 : pace_held_ms(pace, model);
		if (ms > 0)
			tell_hold(d, model, ms);
	}
	pace_close(pace);
}

static void tell_models(struct doctor *d, const struct models *m)
{
	struct weir_error why;
	size_t n = models_count(m);
	struct model_finding *found = calloc(n, sizeof *found);
	int rc = found ? model_check(m, found, &why) : weir_fail_memory(&why);
	if (rc < 0)
		tell(d, LEVEL_WARN, "", "the servers of models could not be asked: %s", why.text);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		const struct model *model = models_at(m, i);
		if (model->provider == PROVIDER_LOCAL)
			tell(d, LEVEL_OK, "", "%s: by the plugins themselves", model->name);
		else
			tell(d, found[i].level, found[i].advice, "%s", found[i].text);
	}
	free(found);
}

static void check_models(struct doctor *d)
{
	struct models *m;
	struct weir_error why;
	char *faults;
	if (models_open(d->settings->models, true, &m, &faults, &why) < 0) {
		tell_faults(d, "mend the file that --models names", faults, &why);
		return;
	}
	tell_models(d, m);
	tell_holds(d, m);
	models_close(m);
}

static void check_templates(struct doctor *d)
{
	struct templates *t;
	struct weir_error why;
	char *faults;
	if (templates_open(d->settings->templates, &t, &faults, &why) < 0) {
		tell_faults(d, "mend the file, in the folder that --templates names", faults, &why);
		return;
	}
	for (size_t i = 0; i < templates_count(t); i++) {
		const struct template *one = templates_at(t, i);
		const char *file = template_file(one);
		tell(d, LEVEL_OK, "", "%s: %s (%s)", template_name(one), template_description(one),
		     file ? file : "built in");
	}
	templates_close(t);
}

/* ---- RabbitMQ ---- */

static bool open_broker(struct doctor *d, struct weir_error *why)
{
	broker_close(d->broker);
	d->broker = NULL;
	return broker_open(d->settings->amqp_url, "weir doctor", 0, &d->broker, why) == 0;
}

/* 3.10 before 3.9, unlike in the order of texts. */
static bool version_at_least(const char *version, long major, long minor)
{
	char *end;
	long first = strtol(version, &end, 10);
	long second = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
	return first > major || (first == major && second >= minor);
}

static void check_broker(struct doctor *d)
{
	struct weir_error why;
	if (!d->settings->amqp_url)
		return;
	if (!open_broker(d, &why)) {
		tell_away(d, &why);
		return;
	}
	const char *version = broker_version(d->broker);
	if (!*version)
		tell(d, LEVEL_WARN, "3.10 or newer is needed", "reachable, version not told");
	else if (!version_at_least(version, 3, 10))
		tell(d, LEVEL_FAIL, "use RabbitMQ 3.10 or newer", "version %s is too old", version);
	else
		tell(d, LEVEL_OK, "", "reachable, version %s", version);
}

/* After a check that has failed the connection is dead, and the next ones need a new one. */
static void renew_broker(struct doctor *d)
{
	struct weir_error why;
	if (!open_broker(d, &why))
		tell(d, LEVEL_FAIL, "see the log of RabbitMQ", "lost: %s", why.text);
}

static void check_mark(struct doctor *d)
{
	struct weir_error why;
	if (!d->broker || !*d->id)
		return;
	if (identity_check_mark(d->broker, d->id, &why) == 0) {
		tell(d, LEVEL_OK, "", "the virtual host is marked as this ledger's");
		return;
	}
	bool unmarked = strcmp(why.code, "no_mark") == 0;
	tell(d, LEVEL_FAIL, unmarked ? "run: weir init" : "WEIR_AMQP_URL, or --namespace", "%s",
	     why.text);
	renew_broker(d);
}

static void check_topology(struct doctor *d)
{
	struct weir_error why;
	uint32_t dead = 0;
	if (!d->broker)
		return;
	if (topology_check(d->broker, &dead, &why) < 0) {
		tell_missing(d, &why);
		renew_broker(d);
		return;
	}
	tell(d, LEVEL_OK, "", "the exchanges and the dead-letter queue are there");
	if (dead > 0)
		tell(d, LEVEL_WARN, "weir-relay takes them into the ledger: is it running?",
		     "%u dead letters wait", dead);
}

static void check_queues(struct doctor *d)
{
	struct weir_error why;
	uint32_t waiting;
	for (int i = 0; d->broker && i < d->kind_count; i++) {
		if (topology_check_kind(d->broker, d->kinds[i], &waiting, &why) == 0) {
			tell(d, LEVEL_OK, "", "queue %s%s is there, %u messages wait",
			     names_at_broker(), d->kinds[i], waiting);
			continue;
		}
		tell_missing(d, &why);
		renew_broker(d);
	}
}

/* ---- Redis ---- */

static void check_policy(struct doctor *d, const char *policy)
{
	static const char advice[] =
		"counters of running jobs may vanish, and are then counted anew from the ledger: "
		"set maxmemory-policy noeviction";
	if (!*policy)
		tell(d, LEVEL_WARN, "make sure that it is noeviction",
		     "maxmemory-policy cannot be read");
	else if (strcmp(policy, "noeviction") == 0)
		tell(d, LEVEL_OK, "", "maxmemory-policy is %s", policy);
	else
		tell(d, LEVEL_FAIL, advice, "maxmemory-policy is %s", policy);
}

static void check_redis(struct doctor *d)
{
	struct weir_error why;
	char version[64], policy[64];
	if (!d->settings->redis_url)
		return;
	if (progress_open(d->settings->redis_url, REDIS_MS, &d->progress, &why) < 0 ||
	    progress_server(d->progress, version, policy, &why) < 0) {
		tell_away(d, &why);
		return;
	}
	tell(d, LEVEL_OK, "", "reachable, version %s", *version ? version : "not told");
	check_policy(d, policy);
}

/* ---- the ledger's rows ---- */

/* A question that gives (number of things, the id of one of them); none is well. */
static const struct stale {
	const char *sql, *what, *advice;
} stales[] = {
	{"SELECT count(*), min(job_id) FROM weir.jobs j WHERE sealed_at IS NULL"
	 " AND status IN ('pending', 'running') AND created_at < now() - interval '1 hour'"
	 " AND NOT EXISTS (SELECT FROM weir.job_batches b WHERE b.job_id = j.job_id"
	 "  AND b.created_at > now() - interval '1 hour')",
	 "jobs whose submission stopped over an hour ago",
	 "run `weir submit` with the same --job and input again: it goes on where it stopped"},
	{"SELECT count(*), min(job_id) FROM (SELECT b.job_id FROM weir.job_batches b"
	 " JOIN weir.jobs j USING (job_id) WHERE b.status = 'pending_queue'"
	 " AND b.due_at < now() - interval '1 minute' AND j.status IN ('pending', 'running')"
	 " LIMIT 100000) b",
	 "batches due for over a minute and not queued", "is weir-relay running? see its log"},
	{"SELECT count(*), min(job_id) FROM (SELECT w.job_id FROM weir.retries w"
	 " JOIN weir.jobs j USING (job_id) WHERE w.due_at < now() - interval '1 minute'"
	 " AND j.status IN ('pending', 'running') LIMIT 100000) w",
	 "retries due for over a minute and not queued", "is weir-relay running? see its log"},
	{"SELECT count(*), min(j.job_id) FROM weir.jobs j"
	 " CROSS JOIN LATERAL (SELECT coalesce(sum(size), 0) AS items FROM weir.job_batches b"
	 "  WHERE b.job_id = j.job_id AND b.status = 'queued'"
	 "  AND b.queued_at < now() - interval '10 minutes') b"
	 " CROSS JOIN LATERAL (SELECT count(*) AS items, max(finished_at) AS last"
	 "  FROM weir.results r WHERE r.job_id = j.job_id AND b.items > 0) r"
	 " WHERE j.status = 'running' AND b.items > r.items"
	 " AND (r.last IS NULL OR r.last < now() - interval '10 minutes')"
	 " AND NOT EXISTS (SELECT FROM weir.retries w WHERE w.job_id = j.job_id"
	 "  AND w.due_at > now() - interval '10 minutes' AND w.due_at < 'infinity')",
	 "running jobs with queued items but no result for over 10 minutes",
	 "is weir-consumer running for their kind? see its log"},
	{"SELECT count(*), min(job_id) FROM weir.jobs WHERE sealed_at IS NOT NULL"
	 " AND completed_at IS NOT NULL AND NOT counted"
	 " AND completed_at < now() - interval '10 minutes'",
	 "jobs that ended and whose counters were not checked",
	 "is weir-relay running, and does it reach Redis? or run: weir reconcile"},
	{"SELECT count(*), min(job_id) FROM weir.jobs WHERE status = 'paused'", "paused jobs",
	 "`weir resume` lets them go on"},
	{"SELECT count(*), min(job_id) FROM weir.jobs j WHERE j.status IN ('pending', 'running')"
	 " AND (EXISTS (SELECT FROM weir.job_batches b WHERE b.job_id = j.job_id"
	 "   AND b.status = 'pending_queue' AND weir.is_parked(b.due_at))"
	 /* Those of a job with a limit wait for the relay's window. */
	 "  OR (j.max_concurrent IS NULL AND EXISTS (SELECT FROM weir.retries w"
	 "   WHERE w.job_id = j.job_id AND weir.is_parked(w.due_at))))",
	 "jobs with work that waits for a resume, though they are not paused",
	 "give `weir pause` and then `weir resume`"},
	{"SELECT count(*), min(job_id) FROM weir.jobs WHERE status = 'cancelled'"
	 " AND completed_at IS NULL",
	 "cancelled jobs that have not ended yet", "give `weir cancel` again, or start weir-relay"},
	{"SELECT count(*), min(job_id) FROM weir.jobs j WHERE j.completed_at IS NULL"
	 " AND (SELECT coalesce(sum(success + failed + cancelled), 0) FROM weir.job_batches b"
	 "  WHERE b.job_id = j.job_id)"
	 "  <> (SELECT count(*) FROM weir.results r WHERE r.job_id = j.job_id)",
	 "jobs whose counts by batch differ from their results", "run: weir reconcile"},
	{"SELECT count(*), min(job_id) FROM weir.jobs WHERE purged_at < now() - interval '1 hour'",
	 "jobs that are only deleted in part", "give the same `weir purge` again"},
	{"SELECT count(*), min(job_id) FROM (SELECT job_id FROM weir.events"
	 " WHERE created_at < now() - interval '1 minute' LIMIT 100000) e",
	 "events not published for over a minute", "is weir-relay running? see its log"},
	{"SELECT count(*), NULL::text FROM weir.dead_letters WHERE due_at IS NULL", "dead letters",
	 "read them: weir dead list"},
	{"SELECT count(*), NULL::text FROM weir.dead_letters"
	 " WHERE due_at < now() - interval '1 minute'",
	 "dead letters due again for over a minute", "is weir-relay running? see its log"},
};

static void check_stale(struct doctor *d)
{
	for (size_t i = 0; i < sizeof stales / sizeof *stales; i++) {
		const struct stale *s = &stales[i];
		PGresult *r = NULL;
		if (!d->ledger || !d->schema || !ask(d, s->sql, &r))
			continue;
		int64_t n = ledger_big(r, 0, 0);
		struct weir_text job = ledger_text(r, 0, 1);
		if (n == 0)
			tell(d, LEVEL_OK, "", "no %s", s->what);
		else
			tell(d, LEVEL_WARN, s->advice, "%" PRId64 " %s%s%.*s", n, s->what,
			     job.data ? ", such as of " : "", (int)job.size,
			     job.data ? job.data : "");
		PQclear(r);
	}
}

/* ---- the command ---- */

static const struct check {
	const char *area;
	void (*run)(struct doctor *d);
} checks[] = {
	{"settings", check_settings},
	{"plugins", check_plugins},
	{"models", check_models},
	{"templates", check_templates},
	{"postgresql", check_pg},
	{"postgresql", check_schema},
	{"postgresql", check_identity},
	{"postgresql", check_pg_settings},
	{"postgresql", check_pg_connections},
	{"clock", check_clock},
	{"rabbitmq", check_broker},
	{"rabbitmq", check_mark},
	{"rabbitmq", check_topology},
	{"rabbitmq", check_queues},
	{"redis", check_redis},
	{"ledger", check_stale},
};

static int end_json(struct doctor *d, struct weir_error *err)
{
	json_close(&d->out, ']');
	json_flag(&d->out, "healthy", d->counts[LEVEL_FAIL] == 0);
	json_end(&d->out, '}');
	if (buffer_failed(&d->out))
		return weir_fail_memory(err);
	fwrite(d->out.data, 1, d->out.size, stdout);
	return 0;
}

static void run_checks(struct doctor *d)
{
	for (size_t i = 0; i < sizeof checks / sizeof *checks && !command_stop; i++) {
		d->area = checks[i].area;
		checks[i].run(d);
	}
}

static enum command_status end(struct doctor *d, struct weir_error *err)
{
	if (command_stop) {
		weir_fail(err, "interrupted", "interrupted");
		return COMMAND_FAILED;
	}
	if (d->json && end_json(d, err) < 0)
		return COMMAND_FAILED;
	if (d->counts[LEVEL_FAIL] == 0)
		return COMMAND_DONE;
	weir_fail(err, "unhealthy", "%d of the checks failed", d->counts[LEVEL_FAIL]);
	return COMMAND_FAILED;
}

static enum command_status run(struct call *call)
{
	const struct doctor_config *config = call->config;
	struct doctor *d = calloc(1, sizeof *d);
	if (!d) {
		weir_fail_memory(call->error);
		return COMMAND_FAILED;
	}
	d->settings = call->settings;
	d->json = config->json;
	if (d->json)
		buffer_add_text(&d->out, "{\"checks\":[");
	run_checks(d);
	enum command_status status = end(d, call->error);
	ledger_close(d->ledger);
	broker_close(d->broker);
	progress_close(d->progress);
	buffer_release(&d->out);
	free(d);
	return status;
}

const struct command command_doctor = {
	.name = "doctor",
	.arguments = "",
	.summary = "checks the servers, plugins, models and the ledger, and says what to do",
	.help = "A line for each check: ok, warn or fail, what was found, and in brackets\n"
		"what to do. It changes nothing. Begin here when something does not move.\n"
		"The servers of models are asked for their lists of models, which costs nothing:\n"
		"whether they are there, take the key, and have the model.\n\n"
		"  weir doctor\n"
		"  weir doctor --json | jq '.checks[] | select(.level != \"ok\")'\n\n"
		"Exit status: 0 nothing failed (there may be warnings), 1 something did.\n",
	.options = options,
	.config_size = sizeof(struct doctor_config),
	.run = run,
};
