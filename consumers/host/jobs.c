#include "jobs.h"

#include <stdlib.h>
#include <string.h>

#include "weir/hash.h"

static size_t bucket_of(struct weir_text id) { return hash_short(id) % JOB_BUCKETS; }

static bool is(const struct job *job, struct weir_text id)
{
	return memcmp(job->id, id.data, id.size) == 0 && job->id[id.size] == '\0';
}

static struct job *add(struct jobs *jobs, struct job **bucket, struct weir_text id)
{
	struct job *job = calloc(1, sizeof *job);
	if (!job)
		return NULL;
	memcpy(job->id, id.data, id.size); /* decoding has bounded it */
	job->next = *bucket;
	*bucket = job;
	jobs->count++;
	return job;
}

struct job *jobs_take(struct jobs *jobs, struct weir_text id)
{
	struct job *job = jobs->last;
	if (!job || !is(job, id)) {
		struct job **bucket = &jobs->buckets[bucket_of(id)];
		for (job = *bucket; job && !is(job, id);)
			job = job->next;
		if (!job)
			job = add(jobs, bucket, id);
		jobs->last = job;
	}
	if (job)
		job->users++;
	return job;
}

void job_give_back(struct job *job)
{
	if (job)
		job->users--;
}

struct job *jobs_next(const struct jobs *jobs, const struct job *at)
{
	size_t bucket = 0;
	if (at) {
		if (at->next)
			return at->next;
		bucket = bucket_of((struct weir_text){at->id, strlen(at->id)}) + 1;
	}
	while (bucket < JOB_BUCKETS && !jobs->buckets[bucket])
		bucket++;
	return bucket < JOB_BUCKETS ? jobs->buckets[bucket] : NULL;
}

void jobs_forget(struct jobs *jobs, int64_t before_us)
{
	for (size_t i = 0; i < JOB_BUCKETS; i++) {
		struct job **at = &jobs->buckets[i];
		while (*at) {
			struct job *job = *at;
			bool fresh = job->asked_us >= before_us && job->state != JOB_MISSING;
			if (job->users > 0 || job->share > 0 || job->want > 0 || fresh ||
			    job->pausing.sort) {
				at = &job->next;
				continue;
			}
			*at = job->next;
			jobs->limited -= job->limit > 0;
			free(job);
			jobs->count--;
		}
	}
	jobs->last = NULL;
}

void jobs_release(struct jobs *jobs)
{
	for (size_t i = 0; i < JOB_BUCKETS; i++)
		while (jobs->buckets[i]) {
			struct job *job = jobs->buckets[i];
			jobs->buckets[i] = job->next;
			free(job);
		}
	*jobs = (struct jobs){.count = 0};
}

enum job_rule job_rule(struct jobs *jobs, struct job *job, uint32_t epoch, int64_t taken_us,
		       int64_t now)
{
	/* Asked after the message came, the job cannot be behind it: then its epoch is a lie. */
	if (epoch > job->epoch && job->asked_us < taken_us)
		job->behind = true;
	if (job->state == JOB_UNKNOWN || job->behind || now - job->asked_us > JOBS_TRUST_US) {
		jobs->wanted = true;
		return RULE_WAIT;
	}
	if (job->state == JOB_MISSING)
		return RULE_REFUSE;
	return epoch >= job->epoch && job->state == JOB_OPEN ? RULE_WORK : RULE_DROP;
}

bool job_may_begin(const struct job *job, int64_t now)
{
	return job->limit == 0 || (job->working < job->share && now < job->lent_us);
}

bool job_stops(const struct job *job)
{
	return job->state == JOB_PAUSED ||
	       (job->state == JOB_OPEN && job->pausing.sort && job->pause_epoch == job->epoch);
}
