/* Jobs: each that is not done with is looked at now and then, the less often the longer that takes,
 * and at once when somebody says that something has happened to it. Stages that are done are
 * finished, what is left of cancelled jobs is cancelled, limited jobs get their next batches, what
 * the broker or Redis has lost is brought back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay.h"
#include "tally.h"
#include "weir/clock.h"
#include "weir/log.h"
#include "window.h"

#define LOOK_US 1000000
#define REDIS_AGAIN_US 1000000 /* between two tries of a Redis that cannot be used */
#define WINDOW_LOOK_US 250000  /* while a job has a limit */
#define SHARE 20	       /* looking at a job takes at most one part in so many of the time, */
#define STILL_SHARE 4 /* and at all of which nothing ends for STILL_US one in so many: each is */
#define STILL_US 10000000 /* looked at that often at the least */
#define TURN_US 50000	  /* for jobs, before all else has its turn again */
#define RATE_US 500000	  /* the least time to take a rate over */
#define DIFFER_US 3000000 /* so long may progress differ from a ledger that does not move */
#define CANCEL_US 1000000 /* who cancels a job does that himself, unless he has died */
#define RECOUNT_US 5000000
#define SURVEY_US 30000000 /* after one that did not come about */
#define RECOUNT_CAP_US 600000000
#define ERRANDS_US 200000
/* Counts are set anew so long at a time, of one job, and then not for so many times as long: all
 * else goes on meanwhile. */
#define REBUILD_US 50000
#define REBUILD_REST 4
#define REVIVALS 6	 /* with each the next comes after twice as long */
#define LONG_ITEMS 10000 /* of which another stage is made in less than a second */
/* What an errand may wait for a lock, and what its job waits for another try, longer each time:
 * with short ones others of its length wait, and a lock that was not given is given up sooner. */
#define LONG_LOCK_MS 1000
#define SHORT_LOCK_MS 100
#define AGAIN_LOCK_MS 20
#define ERRAND_AGAIN_US 500000
#define ERRAND_AGAIN_CAP_US 10000000

struct watched_job {
	char job_id[65];
	int64_t look_at_us; /* 0: somebody has told something of it */
	int64_t done;	    /* items of all stages that were final when we last looked */
	int64_t moved_us;   /* when that was last something else */
	int64_t recount_at_us, recount_pause_us;
	int64_t lost_at_us;			 /* when to look for what was lost, */
	int64_t lost_after_ms;			 /* and what counts as such */
	int32_t lost_stage;			 /* of which all that is queued is lost */
	int64_t revived_us;			 /* when some was found last, */
	unsigned revivals;			 /* and how often in a row */
	int64_t rebuild_at_us, rebuild_pause_us; /* of counts that are not those of the ledger */
	struct rebuild rebuild;			 /* that is wanted, or under way */
	bool rebuild_told;			 /* that it has failed */
	int32_t rebuilt, settled;   /* ended: stages that were counted anew, that are checked */
	int64_t rate_us, rate_done; /* since when, and how many there were then */
	double rate;		    /* items that end in a second */
	enum errand_kind wanted;
	enum errand_length length; /* of what is wanted */
	unsigned errand_tries;	   /* how often one has failed in a row, */
	int64_t errand_at_us;	   /* and when the next may be */
	bool seen;
	bool told; /* that it cannot be looked after */
};

/* One job as it is now. */
struct view {
	const char *job_id;
	bool sealed, ended, cancelled, paused, limited;
	const PGresult *stages;
	int stage_count;
};

static const char open_jobs[] =
	"SELECT job_id, status, sealed_at IS NOT NULL, completed_at IS NOT NULL,"
	"  max_concurrent IS NOT NULL FROM weir.jobs"
	" WHERE NOT counted AND ($1::text IS NULL OR job_id = $1) ORDER BY created_at";

/* ---- the list of open jobs ---- */

/* Mostly they are looked for in the order in which they stand. */
static struct watched_job *find(struct relay *r, const char *job_id)
{
	for (size_t i = 1; i <= r->job_count; i++) {
		size_t at = (r->job_found + i) % r->job_count;
		if (strcmp(r->jobs[at].job_id, job_id) != 0)
			continue;
		r->job_found = at;
		return &r->jobs[at];
	}
	return NULL;
}

static struct watched_job *watch(struct relay *r, const char *job_id)
{
	struct watched_job *job = find(r, job_id);
	if (job)
		return job;
	if (r->job_count == r->job_room) {
		size_t room = r->job_room ? 2 * r->job_room : 16;
		struct watched_job *more = realloc(r->jobs, room * sizeof *more);
		if (!more)
			return NULL;
		r->jobs = more;
		r->job_room = room;
	}
	job = &r->jobs[r->job_count++];
	memset(job, 0, sizeof *job);
	job->moved_us = job->rate_us = job->look_at_us = clock_us();
	job->recount_pause_us = job->rebuild_pause_us = RECOUNT_US;
	snprintf(job->job_id, sizeof job->job_id, "%s", job_id);
	return job;
}

static void forget_unseen(struct relay *r)
{
	size_t kept = 0;
	for (size_t i = 0; i < r->job_count; i++)
		if (r->jobs[i].seen)
			r->jobs[kept++] = r->jobs[i];
	r->job_count = kept;
}

void jobs_release(struct relay *r)
{
	free(r->jobs);
	r->jobs = NULL;
	r->job_count = r->job_room = 0;
}

void jobs_told(struct relay *r, const char *job_id)
{
	struct watched_job *job = find(r, job_id);
	if (job)
		job->look_at_us = 0;
	r->jobs_at_us = 0;
}

/* ---- how it moves ---- */

static void note_done(struct watched_job *job, const struct view *v)
{
	int64_t now = clock_us(), done = 0;
	struct tally t;
	for (int i = 0; i < v->stage_count; i++) {
		tally_read(v->stages, i, &t);
		done += t.done;
	}
	if (now - job->rate_us >= RATE_US) {
		double passed = (double)(now - job->rate_us) / 1e6;
		job->rate = (double)(done - job->rate_done) / passed;
		job->rate_done = done;
		job->rate_us = now;
	}
	if (done == job->done)
		return;
	job->done = done;
	job->moved_us = now;
	job->recount_pause_us = RECOUNT_US;
	job->recount_at_us = now + RECOUNT_US;
}

static bool still_for(const struct watched_job *job, int64_t us)
{
	return clock_us() - job->moved_us > us;
}

/* ---- what is to be done ---- */

/* The first stage that is not finished; false when there is none. */
static bool current_stage(const struct view *v, struct tally *t)
{
	for (int i = 0; i < v->stage_count; i++) {
		tally_read(v->stages, i, t);
		if (!t->finished)
			return true;
	}
	return false;
}

static enum errand_kind errand_for(const struct watched_job *job, const struct view *v)
{
	struct tally t;
	bool some = current_stage(v, &t);
	bool done = some && t.done >= t.counts.total && (t.begun || v->cancelled);
	if (!v->sealed || v->ended || v->paused || !some)
		return ERRAND_NONE;
	if (done)
		return ERRAND_FINISH;
	return v->cancelled && still_for(job, CANCEL_US) ? ERRAND_CANCEL : ERRAND_NONE;
}

/* Another stage of many items takes long to make; the last one's end does not. */
static enum errand_length length_of(enum errand_kind kind, const struct view *v)
{
	struct tally t;
	if (kind == ERRAND_REVIVE || kind == ERRAND_REVIVE_STAGE)
		return ERRAND_LOST;
	if (kind != ERRAND_FINISH || !current_stage(v, &t))
		return ERRAND_LONG;
	return t.stage < v->stage_count && t.done >= LONG_ITEMS ? ERRAND_LONG : ERRAND_SHORT;
}

/* What ends a job, or takes it further, comes before what mends one. */
static bool is_urgent(enum errand_kind kind)
{
	return kind == ERRAND_FINISH || kind == ERRAND_CANCEL;
}

/* What is to be mended and has not had its turn yet stays wanted. */
static enum errand_kind wish(const struct watched_job *job, const struct view *v)
{
	enum errand_kind next = errand_for(job, v);
	if (next != ERRAND_NONE || is_urgent(job->wanted) || v->paused || v->cancelled ||
	    job->wanted == ERRAND_CLEAN) /* it goes on */
		return next;
	return job->wanted;
}

static bool under_way(const struct relay *r, const char *job_id)
{
	for (int i = 0; i < ERRANDS; i++)
		if (r->errands[i].kind != ERRAND_NONE && strcmp(r->errands[i].job_id, job_id) == 0)
			return true;
	return false;
}

static bool of_redis(const struct weir_error *why) { return strncmp(why->code, "redis", 5) == 0; }

/* One line when Redis goes, and one when it is back. */
static void note_redis(struct relay *r, bool away, const struct weir_error *why)
{
	if (away == r->redis_away)
		return;
	r->redis_away = away;
	r->redis_at_us = clock_us() + REDIS_AGAIN_US;
	r->redis_why = *why;
	if (away)
		log_event(LOG_WARN, "redis_away",
			  "error=\"%s\" text=\"work goes on, progress is rebuilt when it is "
			  "back; jobs with a limit wait\"",
			  why->text);
	else
		log_event(LOG_INFO, "redis_back", "connection=%s", "new");
}

/* ---- counts that are set anew ---- */

/* One stage after the other, and what is under way goes on. told: what Redis has counted, -1: it
 * has lost that. */
static void want_rebuild(struct watched_job *job, const struct tally *t, int64_t told)
{
	if (job->rebuild.wanted || (job->rebuild_told && clock_us() < job->rebuild_at_us))
		return;
	job->rebuild = (struct rebuild){.wanted = true, .lost = told < 0, .told = told, .of = *t};
}

/* The least comes first. */
static struct watched_job *next_rebuild(const struct relay *r)
{
	struct watched_job *best = NULL;
	int64_t least = INT64_MAX;
	for (size_t i = 0; i < r->job_count; i++) {
		const struct rebuild *b = &r->jobs[i].rebuild;
		if (!b->wanted || b->of.done - b->counted >= least)
			continue;
		least = b->of.done - b->counted;
		best = &r->jobs[i];
	}
	return best;
}

static void rebuilt(struct relay *r, struct watched_job *job)
{
	const struct rebuild *b = &job->rebuild;
	if (b->told > b->of.done)
		log_event(LOG_WARN, "progress_rebuilt",
			  "job=%s stage=%d text=\"Redis had counted %lld items and the ledger has "
			  "%lld\"",
			  job->job_id, b->of.stage, (long long)b->told, (long long)b->of.done);
	else
		log_event(LOG_INFO, "progress_rebuilt", "job=%s stage=%d", job->job_id,
			  b->of.stage);
	if (b->of.finished) /* else more may have ended since */
		job->rebuilt = b->of.stage;
	job->rebuild_told = false;
	jobs_told(r, job->job_id);
}

static void not_rebuilt(struct relay *r, struct watched_job *job, const struct weir_error *why)
{
	job->rebuild.wanted = false;
	if (of_redis(why)) {
		note_redis(r, true, why);
		return;
	}
	if (!ledger_alive(r->ledger)) /* the next look tells */
		return;
	job->rebuild_at_us = clock_us() + job->rebuild_pause_us;
	if (!job->rebuild_told)
		log_event(LOG_WARN, "progress_not_rebuilt", "job=%s error=\"%s\"", job->job_id,
			  why->text);
	job->rebuild_told = true;
}

static void rebuild_some(struct relay *r)
{
	struct weir_error why;
	struct watched_job *job = next_rebuild(r);
	int64_t began = clock_us();
	bool done;
	if (!job || r->redis_away || began < r->rebuild_at_us)
		return;
	if (tally_rebuild_some(r->ledger, r->progress, job->job_id, r->presence.name, &job->rebuild,
			       began + REBUILD_US, &done, &why) < 0)
		not_rebuilt(r, job, &why);
	else if (done)
		rebuilt(r, job);
	int64_t now = clock_us(), rest = (now - began) * REBUILD_REST;
	r->rebuild_at_us = now + (rest < LOOK_US ? rest : LOOK_US);
}

void jobs_when(const struct relay *r, int64_t *at_us)
{
	if (r->jobs_at_us < *at_us)
		*at_us = r->jobs_at_us;
	if (!r->redis_away && next_rebuild(r) && r->rebuild_at_us < *at_us)
		*at_us = r->rebuild_at_us;
}

/* ---- an ended job ---- */

/* What differs is set anew once, by whoever comes first. */
static int settle_stage(struct relay *r, struct watched_job *job, const struct tally *t,
			struct weir_error *err)
{
	bool known, same;
	if (tally_compare(r->progress, t, &known, &same, err) < 0)
		return -1;
	if (!same && job->rebuilt != t->stage) {
		want_rebuild(job, t, known ? t->done : -1);
		return 0;
	}
	if (progress_expire(r->progress, t->tag, (uint32_t)t->stage, TALLY_KEEP_S, err) < 0)
		return -1;
	job->settled = t->stage;
	return 0;
}

/* The last word on a job's progress, stage by stage, and then it is cleaned up. */
static int check_ended(struct relay *r, struct watched_job *job, const struct view *v,
		       struct weir_error *err)
{
	struct tally t;
	if (under_way(r, v->job_id))
		return 0;
	job->wanted = ERRAND_NONE;
	for (int i = 0; i < v->stage_count; i++) {
		tally_read(v->stages, i, &t);
		if (!t.begun || t.stage <= job->settled)
			continue;
		if (settle_stage(r, job, &t, err) < 0)
			return -1;
		if (job->settled != t.stage)
			return 0;
	}
	job->wanted = ERRAND_CLEAN;
	job->length = job->done >= LONG_ITEMS ? ERRAND_LONG : ERRAND_SHORT;
	return 0;
}

/* ---- an open job ---- */

/* So much earlier than what has ended it must have been published. What is lost again and again (a
 * queue that drops, somebody who takes messages out) comes again ever later. */
static int64_t lost_after_us(const struct relay *r, struct watched_job *job)
{
	int64_t after = r->options.lost_after_ms * 1000 << job->revivals;
	if (job->revivals == 0 || clock_us() - job->revived_us < 4 * after)
		return after;
	job->revivals = 0;
	return r->options.lost_after_ms * 1000;
}

void jobs_revived(struct relay *r, const char *job_id)
{
	struct watched_job *job = find(r, job_id);
	if (!job)
		return;
	job->revived_us = clock_us();
	if (job->revivals < REVIVALS)
		job->revivals++;
}

/* Messages that are gone from a queue in which others are: the first that is not final was
 * published long ago. Whether others that were published long after have ended, and whether
 * somebody has these in hand, is for the ledger to say (weir.revive_lost). That costs one walk over
 * the batches of the job, and the newest of others of its kinds, beside all else. */
static void look_for_overdue(struct relay *r, struct watched_job *job, const struct tally *t)
{
	int64_t now = clock_us(), after = lost_after_us(r, job);
	if (job->wanted != ERRAND_NONE || now < job->lost_at_us || t->oldest_ms * 1000 < after ||
	    under_way(r, job->job_id))
		return;
	job->lost_after_ms = after / 1000;
	job->wanted = ERRAND_REVIVE;
}

/* Nothing of the stage has ended for some time. When nothing of it waits in the queue either, work
 * may be done that nobody has counted (by a program of another version); and after long, the broker
 * has lost it. Should consumers be at work on it all the same, the second message finds the item
 * final, or is one too many: that costs time and changes nothing. */
static int look_for_lost(struct relay *r, struct watched_job *job, const struct tally *t,
			 struct weir_error *err)
{
	uint32_t waiting;
	bool lost = still_for(job, r->options.lost_after_ms * 1000);
	bool uncounted = clock_us() >= job->recount_at_us && still_for(job, RECOUNT_US);
	if (!(lost || uncounted) || t->released <= t->done || !r->wire.broker || r->wire.blocked)
		return 0;
	if (recover_survey(r, t->kind, &waiting, err) < 0) {
		job->recount_at_us = clock_us() + job->recount_pause_us;
		if (lost)
			job->moved_us = clock_us() - r->options.lost_after_ms * 1000 + SURVEY_US;
		return ledger_alive(r->ledger) ? 0 : -1; /* the look at the topology tells */
	}
	if (uncounted) {
		job->recount_at_us = clock_us() + job->recount_pause_us;
		if (job->recount_pause_us < RECOUNT_CAP_US)
			job->recount_pause_us *= 2;
		if (waiting == 0 && !is_urgent(job->wanted))
			job->wanted = ERRAND_RECOUNT;
	}
	if (!lost || job->wanted != ERRAND_NONE || under_way(r, job->job_id)) /* later */
		return 0;
	job->moved_us = clock_us();
	if (waiting > 0)
		return 0;
	job->lost_stage = t->stage;
	job->wanted = ERRAND_REVIVE_STAGE;
	return 0;
}

static int look_at_work(struct relay *r, struct watched_job *job, const struct view *v,
			struct weir_error *err)
{
	struct tally t;
	if (v->cancelled || v->paused)
		return 0;
	if (v->limited && window_release(r, v->job_id, job->rate, err) < 0)
		return -1;
	for (int i = 0; i < v->stage_count; i++) {
		tally_read(v->stages, i, &t);
		if (!t.begun || t.finished)
			continue;
		if (look_for_lost(r, job, &t, err) < 0)
			return -1;
		look_for_overdue(r, job, &t);
	}
	return 0;
}

/* More and more rarely. */
static void want_differing(struct watched_job *job, const struct tally *t, int64_t told)
{
	if (clock_us() < job->rebuild_at_us)
		return;
	want_rebuild(job, t, told);
	job->rebuild_at_us = clock_us() + job->rebuild_pause_us;
	if (job->rebuild_pause_us < RECOUNT_CAP_US)
		job->rebuild_pause_us *= 2;
}

/* Redis counts what is committed, and so is never ahead of the ledger; what was committed between
 * the two looks shows in a third. It is ahead where the ledger is of an earlier moment (a restore),
 * where items are tried again, and of batches that an older consumer has not counted: then once in
 * a while is enough. */
static int check_ahead(struct relay *r, struct watched_job *job, const struct tally *before,
		       int64_t told, struct weir_error *err)
{
	struct tally t = *before;
	PGresult *rows = NULL;
	if (clock_us() < job->rebuild_at_us)
		return 0;
	if (tally_stages(r->ledger, job->job_id, &rows, err) < 0)
		return -1;
	for (int i = 0; i < PQntuples(rows); i++) {
		struct tally now;
		tally_read(rows, i, &now);
		if (now.stage == before->stage)
			t = now;
	}
	PQclear(rows);
	if (told <= t.done)
		return 0;
	want_differing(job, &t, told);
	return 0;
}

/* Redis may have lost its keys, or not know how many items there are, or have missed what was ended
 * by others than consumers. */
static int check_stage(struct relay *r, struct watched_job *job, const struct view *v,
		       const struct tally *t, struct weir_error *err)
{
	struct progress_counts counts;
	bool known;
	if (progress_read(r->progress, t->tag, (uint32_t)t->stage, &known, &counts, err) < 0)
		return -1;
	if (!known) {
		want_rebuild(job, t, -1);
		return 0;
	}
	if (v->sealed && counts.total != t->counts.total)
		return progress_set_total(r->progress, t->tag, (uint32_t)t->stage, t->counts.total,
					  err);
	int64_t told = counts.success + counts.failed + counts.cancelled;
	if (told > t->done)
		return check_ahead(r, job, t, told, err);
	if (still_for(job, DIFFER_US) && told != t->done) /* else they are not counted yet */
		want_differing(job, t, told);
	return 0;
}

static int check_progress(struct relay *r, struct watched_job *job, const struct view *v,
			  struct weir_error *err)
{
	struct tally t;
	for (int i = 0; i < v->stage_count; i++) {
		tally_read(v->stages, i, &t);
		if (t.begun && check_stage(r, job, v, &t, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- looking ---- */

/* What is read may still be there where nothing can be written: it is back when all can be done. */
static bool redis_usable(struct relay *r)
{
	struct weir_error why = {"", ""};
	if (!r->redis_away)
		return true;
	if (clock_us() < r->redis_at_us)
		return false;
	if (progress_check(r->progress, &why) == 0)
		note_redis(r, false, &why);
	else
		r->redis_why = why;
	r->redis_at_us = clock_us() + REDIS_AGAIN_US;
	return !r->redis_away;
}

void jobs_check_redis(struct relay *r)
{
	struct weir_error why;
	if (progress_check(r->progress, &why) < 0)
		note_redis(r, true, &why);
}

static int look_at_job(struct relay *r, struct watched_job *job, struct view *v,
		       struct weir_error *err)
{
	note_done(job, v);
	if (v->ended)
		return redis_usable(r) ? check_ended(r, job, v, err) : 0;
	job->rebuilt = job->settled = 0;
	bool busy = under_way(r, v->job_id);
	job->wanted = busy ? ERRAND_NONE : wish(job, v);
	if (!busy && job->wanted == ERRAND_NONE && strcmp(r->errand_job, v->job_id) == 0)
		*r->errand_job = '\0'; /* nothing is to be done any more */
	if (look_at_work(r, job, v, err) < 0)
		return -1;
	job->length = length_of(job->wanted, v);
	/* Last: without Redis all else goes on. */
	return redis_usable(r) ? check_progress(r, job, v, err) : 0;
}

/* Of many of which nothing ends each is looked at less often, too. */
static int64_t pause_after(const struct relay *r, const struct watched_job *job,
			   const struct view *v, int64_t took_us)
{
	int64_t least = v->limited ? WINDOW_LOOK_US : LOOK_US;
	int64_t of_all = took_us * (int64_t)r->job_count * STILL_SHARE;
	if (of_all > STILL_US)
		of_all = STILL_US;
	if (still_for(job, STILL_US) && of_all > least)
		least = of_all;
	return took_us * SHARE > least ? took_us * SHARE : least;
}

static void look_after(struct relay *r, struct watched_job *job, struct view *v)
{
	struct weir_error why = {"", ""};
	PGresult *stages = NULL;
	int64_t began = clock_us();
	int rc = tally_stages(r->ledger, v->job_id, &stages, &why);
	if (rc == 0) {
		v->stages = stages;
		v->stage_count = PQntuples(stages);
		rc = look_at_job(r, job, v, &why);
	}
	PQclear(stages);
	if (rc < 0 && of_redis(&why))
		note_redis(r, true, &why);
	else if (rc < 0 && !job->told)
		log_event(LOG_WARN, "job_not_checked", "job=%s error=\"%s\"", v->job_id, why.text);
	job->told = rc < 0 && !of_redis(&why);
	int64_t now = clock_us();
	job->look_at_us = now + pause_after(r, job, v, now - began);
}

static void read_view(const PGresult *rows, int row, struct view *v)
{
	const char *status = PQgetvalue(rows, row, 1);
	*v = (struct view){.job_id = PQgetvalue(rows, row, 0),
			   .sealed = ledger_bool(rows, row, 2),
			   .ended = ledger_bool(rows, row, 3),
			   .limited = ledger_bool(rows, row, 4),
			   .cancelled = strcmp(status, "cancelled") == 0,
			   .paused = strcmp(status, "paused") == 0};
}

/* False: there is no memory for it. */
static bool note_seen(struct relay *r, const PGresult *rows)
{
	for (int i = 0; i < PQntuples(rows); i++) {
		struct watched_job *job = watch(r, PQgetvalue(rows, i, 0));
		if (!job)
			return false;
		job->seen = true;
	}
	return true;
}

/* Looks at one if its time has come. */
static void look_at_row(struct relay *r, const PGresult *rows, int row, bool told)
{
	struct watched_job *job = find(r, PQgetvalue(rows, row, 0));
	struct view v;
	if (!job || (told && job->look_at_us != 0))
		return;
	if (clock_us() >= job->look_at_us) {
		read_view(rows, row, &v);
		look_after(r, job, &v);
	}
	if (job->look_at_us < r->jobs_at_us)
		r->jobs_at_us = job->look_at_us;
}

/* False: the time was over before all had their turn; the next look goes on behind the last one. */
static bool look_at_some(struct relay *r, const PGresult *rows, bool told, int64_t until_us)
{
	int n = PQntuples(rows);
	for (int i = 0; i < n && ledger_alive(r->ledger); i++) {
		int row = told ? i : (r->last_look + 1) % n;
		look_at_row(r, rows, row, told);
		if (!told)
			r->last_look = row;
		if (clock_us() >= until_us)
			return i + 1 == n;
	}
	return true;
}

/* Those of which somebody has told something come first, and then those whose time has come. With
 * many of them all else has its turn in between; r->jobs_at_us is then when there is more to do. */
static void look_at_all(struct relay *r, const PGresult *rows)
{
	int64_t now = clock_us();
	r->jobs_at_us = now + LOOK_US;
	if (!note_seen(r, rows))
		return;
	bool told = look_at_some(r, rows, true, now + TURN_US / 2);
	bool due = look_at_some(r, rows, false, now + TURN_US);
	if (!told || !due)
		r->jobs_at_us = clock_us();
}

/* A ledger that is there and refuses, since somebody has locked a table maybe, is no lost one. */
static void not_looked(struct relay *r, const struct weir_error *why)
{
	r->jobs_at_us = clock_us() + LOOK_US;
	if (!ledger_alive(r->ledger))
		relay_lose_ledger(r, why);
	else if (!r->jobs_told)
		log_event(LOG_WARN, "jobs_not_checked", "error=\"%s\"", why->text);
	r->jobs_told = true;
}

static void look(struct relay *r)
{
	struct weir_error why;
	PGresult *rows = NULL;
	params_reset(&r->params);
	params_string(&r->params, r->only_job);
	if (ledger_query(r->ledger, open_jobs, &r->params, true, &rows, &why) < 0) {
		not_looked(r, &why);
		return;
	}
	r->jobs_told = false;
	for (size_t i = 0; i < r->job_count; i++)
		r->jobs[i].seen = false;
	look_at_all(r, rows);
	PQclear(rows);
	forget_unseen(r);
	if (!find(r, r->errand_job))
		*r->errand_job = '\0';
}

/* ---- errands ---- */

/* Whose turn it is, behind the last one: one that fails each time is in nobody's way. */
static struct watched_job *next_wanted(struct relay *r, enum errand_length length)
{
	struct watched_job *best = NULL;
	int64_t now = clock_us();
	for (size_t i = 1; i <= r->job_count; i++) {
		struct watched_job *job = &r->jobs[(r->last_errand[length] + i) % r->job_count];
		if (job->wanted == ERRAND_NONE || job->length != length || now < job->errand_at_us)
			continue;
		if (!best || (is_urgent(job->wanted) && !is_urgent(best->wanted)))
			best = job;
	}
	if (best)
		r->last_errand[length] = (size_t)(best - r->jobs);
	return best;
}

static int lock_ms_for(const struct watched_job *job)
{
	if (job->length != ERRAND_SHORT)
		return LONG_LOCK_MS;
	return job->errand_tries > 0 ? AGAIN_LOCK_MS : SHORT_LOCK_MS;
}

static void errand_succeeded(struct relay *r, struct watched_job *job)
{
	if (job->errand_tries > 0)
		log_event(LOG_INFO, "errand_done", "job=%s tries=%u", job->job_id,
			  job->errand_tries + 1);
	job->errand_tries = 0;
	if (strcmp(r->errand_job, job->job_id) == 0)
		*r->errand_job = '\0';
}

void jobs_want(struct relay *r, const char *job_id, enum errand_kind kind)
{
	struct watched_job *job = find(r, job_id);
	if (job && job->wanted == ERRAND_NONE)
		job->wanted = kind;
}

void jobs_errand_ended(struct relay *r, const char *job_id, enum errand_kind failed,
		       const struct weir_error *why)
{
	struct watched_job *job = find(r, job_id);
	if (!job)
		return;
	if (!why) {
		errand_succeeded(r, job);
		return;
	}
	if (job->wanted == ERRAND_NONE)
		job->wanted = failed;
	job->errand_at_us = clock_us() + clock_backoff_us(ERRAND_AGAIN_US, ERRAND_AGAIN_CAP_US,
							  job->errand_tries);
	if (job->errand_tries++ == 0)
		log_event(LOG_WARN, "errand_failed", "job=%s error=\"%s\"", job_id, why->text);
	weir_fail(&r->errand_why, why->code, "job %s: it cannot be taken further now: %s", job_id,
		  why->text);
	snprintf(r->errand_job, sizeof r->errand_job, "%s", job_id);
}

const char *jobs_trouble(const struct relay *r) { return *r->errand_job ? r->errand_why.text : ""; }

/* What queues that are gone have lost is of many jobs. */
static bool run_made(struct relay *r, struct errand *e)
{
	r->made_due = false;
	r->made_skipped = 0;
	return errand_start(r, e, ERRAND_MADE, "", LONG_LOCK_MS, 0);
}

/* Goes on with the errand; false: there is nothing more to do now. */
static bool run_errand(struct relay *r, enum errand_length length)
{
	struct errand *e = &r->errands[length];
	struct watched_job *job;
	errand_turn(r, e);
	if (!errand_idle(e))
		return false;
	if (length == ERRAND_LOST && r->made_due)
		return run_made(r, e);
	if (!(job = next_wanted(r, length)))
		return false;
	int64_t with = job->wanted == ERRAND_REVIVE_STAGE ? job->lost_stage : job->lost_after_ms;
	if (!errand_start(r, e, job->wanted, job->job_id, lock_ms_for(job), with))
		return false;
	if (job->wanted == ERRAND_REVIVE)
		job->lost_at_us = clock_us() + job->lost_after_ms * 500; /* half of it */
	job->wanted = ERRAND_NONE;
	return true;
}

/* A part of a long one, and many short ones. */
static void run_errands(struct relay *r)
{
	int64_t until = clock_us() + ERRANDS_US;
	(void)run_errand(r, ERRAND_LONG);
	(void)run_errand(r, ERRAND_LOST);
	while (run_errand(r, ERRAND_SHORT) && clock_us() < until)
		;
}

void jobs_turn(struct relay *r)
{
	run_errands(r);
	if (r->ledger && clock_us() >= r->jobs_at_us) {
		look(r);
		run_errands(r);
	}
	if (r->ledger)
		rebuild_some(r);
}
