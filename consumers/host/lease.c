/* Leases: a job's limit is for the whole fleet. Each consumer asks Redis for a share of it, and
 * asks again before the share expires, so that a consumer that has died holds nothing for long.
 * While Redis is away everyone goes on with the share it has. */
#include "consumer.h"
#include "weir/clock.h"
#include "weir/log.h"

#define TTL_MS 6000 /* shorter than held.c is patient, and some renewals */
#define RENEW_US 1000000
#define HUNGRY_US 100000 /* between two requests of one that wants more */

static uint32_t wanted(const struct job *job)
{
	uint32_t want = job->working + job->waiting;
	return want < job->limit ? want : job->limit;
}

static bool concerned(const struct job *job)
{
	return job->limit > 0 && (job->share > 0 || job->waiting > 0 || job->want > 0);
}

/* A share that nobody here has a use for is given back at once. */
static bool due(const struct job *job, int64_t now)
{
	return concerned(job) && (now >= job->lease_us || wanted(job) == 0);
}

/* One line when it begins. */
static void note_away(struct consumer *c, const struct job *job, const struct weir_error *why)
{
	if (!c->shares_away)
		log_event(LOG_WARN, "no_share",
			  "job=%s error=\"%s\" text=\"jobs with a limit go on with the shares "
			  "that their consumers have, until Redis is back\"",
			  job->id, why->text);
	c->shares_away = true;
	c->shares_why = *why;
}

static void ask(struct consumer *c, struct job *job, int64_t now)
{
	struct weir_error why;
	uint32_t share = job->share, want = wanted(job);
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
		job->share = share;
		job->want = want;
	}
	job->lease_us = now + (job->share < want ? HUNGRY_US : RENEW_US);
}

void lease_turn(struct consumer *c)
{
	int64_t now = clock_us();
	if (c->jobs.limited == 0)
		return;
	for (struct job *job = jobs_next(&c->jobs, NULL); job; job = jobs_next(&c->jobs, job))
		if (due(job, now))
			ask(c, job, now);
}

int64_t lease_next_us(const struct consumer *c)
{
	int64_t next = INT64_MAX;
	if (c->jobs.limited == 0)
		return next;
	for (struct job *job = jobs_next(&c->jobs, NULL); job; job = jobs_next(&c->jobs, job))
		if (concerned(job) && job->lease_us < next)
			next = job->lease_us;
	return next;
}

void lease_end(struct consumer *c)
{
	for (struct job *job = jobs_next(&c->jobs, NULL); job; job = jobs_next(&c->jobs, job)) {
		job->waiting = 0;
		if (concerned(job) && job->working == 0)
			ask(c, job, clock_us());
	}
}
