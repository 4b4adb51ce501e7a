/* Leases: a job's limit is for the whole fleet. Each consumer asks Redis for a share of it, and
 * asks again before the share expires, so that a consumer that has died holds nothing for long.
 * While Redis does not answer it goes on with the share it has until that nearly expires: others,
 * to whom Redis may answer all the same, are lent it then. */
#include "consumer.h"
#include "weir/clock.h"
#include "weir/log.h"

#define LENT_US 4000000 /* of it: what begins then has ended before others are lent the same */
#define TTL_MS 6000	/* shorter than held.c is patient, and some renewals */
#define RENEW_US 1000000
#define HUNGRY_US 100000 /* between two requests of one that got less than it wants */
#define GROW_US 5000	 /* between two of one that wants more than it asked for */
#define KEEP_US 1000000	 /* what was of use lately is kept: more may come at any moment */
#define MARK_US 30000000
#define LEASE_OF_NO_JOB "." /* no job is called so */

static uint32_t needed(const struct job *job) { return job->working + job->waiting; }

/* What could be used at one time lately; nothing, when nothing was for some time. */
static uint32_t wanted(const struct job *job, int64_t now)
{
	uint32_t want = needed(job);
	if (want < job->peak && now - job->needed_us < KEEP_US)
		want = job->peak;
	return want < job->limit ? want : job->limit;
}

static bool concerned(const struct job *job)
{
	return job->limit > 0 && (job->share > 0 || job->waiting > 0 || job->want > 0);
}

static void look(struct job *job, int64_t now)
{
	uint32_t need = needed(job);
	if (need > 0)
		job->needed_us = now;
	if (need > job->peak)
		job->peak = need;
}

/* When to ask: for more at once, else to renew it, and to give it back when it was of no use. */
static int64_t ask_at(const struct job *job)
{
	uint32_t need = needed(job) < job->limit ? needed(job) : job->limit;
	int64_t at = job->lease_us;
	if (need > job->want && need > job->share && job->asked_for_us + GROW_US < at)
		at = job->asked_for_us + GROW_US;
	if (need == 0 && job->needed_us + KEEP_US < at)
		at = job->needed_us + KEEP_US;
	return at;
}

static bool due(const struct job *job, int64_t now) { return concerned(job) && now >= ask_at(job); }

/* One line when it begins. */
static void note_away(struct consumer *c, const struct job *job, const struct weir_error *why)
{
	if (!c->shares_away)
		log_event(LOG_WARN, "no_share",
			  "job=%s error=\"%s\" text=\"nothing more of jobs with a limit begins "
			  "in %d s, until Redis is back\"",
			  job->id, why->text, LENT_US / 1000000);
	c->shares_away = true;
	c->redis_why = *why;
}

/* What the worker before this one had of it is for others now, and not only when it expires. */
static void let_go(struct consumer *c, const struct job *job)
{
	struct weir_error ignored;
	uint32_t none = 0;
	const struct progress_lease nothing = {
		.holder = c->before, .limit = job->limit, .ttl_ms = TTL_MS};
	if (*c->before && job->asked_for_us == 0 &&
	    progress_lease(c->progress, job->tag, &nothing, &none, &ignored) < 0)
		log_event(LOG_DEBUG, "not_let_go", "error=\"%s\"", ignored.text);
}

static void ask(struct consumer *c, struct job *job, int64_t now)
{
	struct weir_error why;
	uint32_t share = job->share, want = wanted(job, now);
	let_go(c, job);
	if (progress_lease(c->progress, job->tag,
			   &(struct progress_lease){.holder = c->name,
						    .want = want,
						    .in_use = job->working,
						    .limit = job->limit,
						    .ttl_ms = TTL_MS},
			   &share, &why) < 0) {
		note_away(c, job, &why);
	} else {
		c->shares_away = false;
		job->lent_us = now + LENT_US;
		job->share = share;
		job->want = want;
	}
	job->peak = needed(job);
	job->asked_for_us = now;
	job->lease_us = now + (job->share < want ? HUNGRY_US : RENEW_US);
}

/* So that it is known, when somebody needs a share, that Redis has forgotten none. */
static void mark(struct consumer *c, int64_t now)
{
	struct weir_error ignored;
	uint32_t none = 0;
	const struct progress_lease nothing = {.holder = c->name, .limit = 1, .ttl_ms = TTL_MS};
	if (now < c->shares_us)
		return;
	c->shares_us = now + MARK_US;
	if (progress_lease(c->progress, LEASE_OF_NO_JOB, &nothing, &none, &ignored) < 0)
		log_event(LOG_DEBUG, "not_marked", "error=\"%s\"", ignored.text);
}

void lease_turn(struct consumer *c)
{
	int64_t now = clock_us();
	mark(c, now);
	if (c->jobs.limited == 0)
		return;
	for (struct job *job = jobs_next(&c->jobs, NULL); job; job = jobs_next(&c->jobs, job)) {
		look(job, now);
		if (due(job, now))
			ask(c, job, now);
	}
}

int64_t lease_next_us(const struct consumer *c)
{
	int64_t next = INT64_MAX;
	if (c->jobs.limited == 0)
		return next;
	for (struct job *job = jobs_next(&c->jobs, NULL); job; job = jobs_next(&c->jobs, job))
		if (concerned(job) && ask_at(job) < next)
			next = ask_at(job);
	return next;
}

void lease_end(struct consumer *c)
{
	for (struct job *job = jobs_next(&c->jobs, NULL); job; job = jobs_next(&c->jobs, job)) {
		job->waiting = job->peak = 0;
		if (concerned(job) && job->working == 0)
			ask(c, job, clock_us());
	}
}
