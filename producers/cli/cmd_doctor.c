/* The checks are a table of functions, run in order. One that needs a connection which an earlier
 * one could not open says nothing: that one has said it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "weir/advice.h"

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

void doctor_tell(struct doctor *d, enum level level, const char *advice, const char *fmt, ...)
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
bool doctor_ask(struct doctor *d, const char *sql, PGresult **out)
{
	struct weir_error why;
	if (ledger_query(d->ledger, sql, NULL, true, out, &why) == 0)
		return true;
	doctor_tell(d, LEVEL_WARN, "see the log of PostgreSQL", "could not be checked: %s",
		    why.text);
	if (!ledger_alive(d->ledger)) {
		ledger_close(d->ledger);
		d->ledger = NULL;
	}
	return false;
}

/* Tells of what `weir init` makes and did not find. Other callers need to read the advice in the
 * error; here it has its own place. */
void doctor_tell_missing(struct doctor *d, struct weir_error *why)
{
	char *at = strstr(why->text, ": run `weir init`");
	if (!at) {
		doctor_tell_away(d, why);
		return;
	}
	*at = '\0';
	doctor_tell(d, LEVEL_FAIL, "run: weir init", "%s", why->text);
}

/* Tells of a server that cannot be used; the error's own advice has its place here. */
void doctor_tell_away(struct doctor *d, struct weir_error *why)
{
	char step[ADVICE_ROOM];
	advice_split(why->text, step);
	doctor_tell(d, LEVEL_FAIL, *step ? step : "mend that, and ask again", "%s", why->text);
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
		doctor_tell(d, LEVEL_FAIL, "a local stack: eval \"$(deploy/local/env)\"", "%s",
			    why.text);
	}
	if (!missing)
		doctor_tell(d, LEVEL_OK, "", "the addresses of the three servers are set");
}

/* ---- the command ---- */

static const struct check {
	const char *area;
	void (*run)(struct doctor *d);
} checks[] = {
	{"settings", check_settings},
	{"plugins", doctor_check_plugins},
	{"models", doctor_check_models},
	{"templates", doctor_check_templates},
	{"postgresql", doctor_check_pg},
	{"postgresql", doctor_check_schema},
	{"postgresql", doctor_check_identity},
	{"postgresql", doctor_check_pg_settings},
	{"postgresql", doctor_check_pg_connections},
	{"postgresql", doctor_check_standby},
	{"postgresql", doctor_check_rights},
	{"postgresql", doctor_check_tables},
	{"clock", doctor_check_clock},
	{"rabbitmq", doctor_check_broker},
	{"rabbitmq", doctor_check_mark},
	{"rabbitmq", doctor_check_topology},
	{"rabbitmq", doctor_check_queues},
	{"rabbitmq", doctor_check_publishing},
	{"redis", doctor_check_redis},
	{"fleet", doctor_check_fleet},
	{"ledger", doctor_check_due},
	{"ledger", doctor_check_events},
	{"ledger", doctor_check_stale},
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
		"what to do. It does with the servers what the programs do, and undoes it: a\n"
		"script in Redis, rows in PostgreSQL, a message that belongs to nobody. Begin\n"
		"here when something does not move.\n"
		"The servers of models are asked for their lists of models, which costs nothing:\n"
		"whether they are there, take the key, and have the model.\n\n"
		"  weir doctor\n"
		"  weir doctor --json | jq '.checks[] | select(.level != \"ok\")'\n\n"
		"Exit status: 0 nothing failed (there may be warnings), 1 something did.\n",
	.options = options,
	.config_size = sizeof(struct doctor_config),
	.run = run,
};
