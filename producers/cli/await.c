#include "await.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fleet.h"
#include "print.h"
#include "relay.h"
#include "view.h"
#include "weir/clock.h"

#define TURN_MS 200
#define LOOK_US 200000
#define SAY_US 2000000
#define FLEET_US 1000000
#define AWAY_US 30000000 /* a broker that could not be reached is left alone for so long */

struct waiting {
	struct ledger *ledger;
	const char *job_id;
	struct job_row *job;
	int64_t looked_us, said_us;
	struct fleet fleet;
	int64_t fleet_us, away_us; /* when to ask for it, and since when its broker is away */
	bool paused;
	char obstacle[FLEET_TEXT]; /* as it was told last */
};

/* "weir: JOB: TEXT: why", on one line; the reason only where there is one. */
static int say(const struct waiting *w, const char *text, struct weir_error *err)
{
	char why[VIEW_REASON_ROOM];
	struct buffer b = BUFFER_INIT;
	if (view_reason(w->ledger, w->job_id, why, err) < 0)
		return -1;
	print_plain(&b, print_text(why));
	const char *line = buffer_text(&b);
	fprintf(stderr, "weir: %s: %s%s%s\n", w->job_id, text, *why ? ": " : "",
		line && *why ? line : "");
	buffer_release(&b);
	return 1;
}

/* Who has paused it to mend something knows when he resumes it; but what has paused itself waits
 * for somebody who reads this. */
static int end_paused(const struct waiting *w, struct weir_error *err)
{
	char why[VIEW_REASON_ROOM];
	if (!w->paused || view_reason(w->ledger, w->job_id, why, err) < 0)
		return w->paused ? -1 : 1;
	if (!*why)
		return 1;
	return weir_fail(err, "paused", "the job %s is paused: %.300s", w->job_id, why);
}

/* At once when somebody pauses or resumes it: the wait is longer than it looks. */
static int say_paused(struct waiting *w, struct weir_error *err)
{
	char text[160];
	bool paused = strcmp(w->job->status, "paused") == 0;
	if (paused == w->paused)
		return 1;
	w->paused = paused;
	if (!paused) {
		fprintf(stderr, "weir: %s: %s again\n", w->job_id, w->job->status);
		return 1;
	}
	if (end_paused(w, err) < 0)
		return -1;
	snprintf(text, sizeof text, "paused; it goes on with weir resume %s", w->job_id);
	return say(w, text, err);
}

/* Who is missing, once, and that he has come. The wait is for the job: where that cannot be told it
 * goes on without. */
static void say_fleet(struct waiting *w)
{
	struct fleet_of_job of;
	struct weir_error ignored;
	bool away = w->fleet.away;
	if (away && clock_us() - w->away_us > AWAY_US)
		w->fleet.away = away = false;
	int rc = fleet_of_job(&w->fleet, w->job_id, &of, &ignored);
	w->fleet_us = clock_us();
	if (!away && w->fleet.away)
		w->away_us = w->fleet_us;
	if (rc < 0 || strcmp(of.obstacle, w->obstacle) == 0)
		return;
	struct buffer b = BUFFER_INIT;
	print_plain(&b, print_text(of.obstacle));
	const char *line = buffer_text(&b);
	fprintf(stderr, "weir: %s: %s\n", w->job_id,
		*of.obstacle && line ? line : "nobody is missing any more");
	buffer_release(&b);
	memcpy(w->obstacle, of.obstacle, sizeof w->obstacle);
}

static int say_counts(struct waiting *w, struct weir_error *err)
{
	const struct job_row *job = w->job;
	char text[96];
	int found = command_job(w->ledger, w->job_id, true, w->job, err);
	if (found <= 0)
		return found;
	w->said_us = w->looked_us;
	snprintf(text, sizeof text, "%" PRId64 " of %" PRId64 " items are final",
		 job->success + job->failed + job->cancelled, job->total);
	return say(w, text, err);
}

/* 1: it has ended, 0: not yet, -1: failed. */
static int look(struct waiting *w, struct weir_error *err)
{
	int found = command_job(w->ledger, w->job_id, false, w->job, err);
	w->looked_us = clock_us();
	if (found > 0 && !w->job->ended) {
		found = say_paused(w, err);
		if (found > 0 && w->looked_us - w->fleet_us >= FLEET_US)
			say_fleet(w);
		if (found > 0 && !w->paused && w->looked_us - w->said_us >= SAY_US)
			found = say_counts(w, err);
	}
	if (found == 0)
		return weir_fail(err, "unknown_job", "the job %s was deleted", w->job_id);
	return found < 0 ? -1 : w->job->ended;
}

int await_job(const struct settings *settings, struct ledger *l, const char *job_id,
	      int64_t timeout_ms, struct job_row *out, struct weir_error *err)
{
	int64_t until_us = timeout_ms > 0 ? clock_us() + timeout_ms * 1000 : INT64_MAX;
	static struct relay relay;
	struct relay_options plan = {0};
	struct option_group group = {.rows = relay_option_rows, .config = &plan};
	struct waiting w = {.ledger = l,
			    .job_id = job_id,
			    .job = out,
			    .said_us = clock_us(),
			    .fleet_us = clock_us()};
	int ended = 0;
	fleet_init(&w.fleet, settings, l);
	if (options_parse(&group, 1, 0, NULL, NULL, err) < 0 ||
	    relay_open(&relay, settings, &plan, job_id, &command_stop, err) < 0)
		return -1;
	while (ended == 0) {
		relay_turn(&relay, TURN_MS);
		if (command_stop)
			ended = weir_fail(err, "stopped",
					  "stopped waiting; the job goes on: weir watch %s",
					  job_id);
		else if (clock_us() - w.looked_us >= LOOK_US)
			ended = look(&w, err);
		if (ended == 0 && clock_us() >= until_us)
			ended = weir_fail(err, "timeout",
					  "the job %s has not ended within --timeout; it goes on: "
					  "weir watch %s",
					  job_id, job_id);
	}
	fleet_release(&w.fleet);
	relay_close(&relay);
	return ended < 0 ? -1 : 0;
}
