#include "steps.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

struct process *start_relay(void) { return start(NULL, "weir-relay", "--batches", "2", NULL); }

struct process *start_suspicious_relay(void)
{
	return start(NULL, "weir-relay", "--lost-after", "1s", "--batches", "2", NULL);
}

struct process *start_consumer(const char *kind)
{
	return start(NULL, "weir-consumer", kind, "--flush", "20", NULL);
}

struct job *in_the_middle(void)
{
	struct job *job = job_new("middle", "sum", 300);
	job_delay(job, 5);
	item_fails(&job->items[5], "asked_to_fail", ",\"fail\":\"reject\"");
	item_fails(&job->items[150], NULL, ",\"fail\":\"retry_once\"");
	item_fails(&job->items[290], NULL, ",\"fail\":\"retry_once\"");
	start_relay();
	start_consumer("sum");
	job_submit(job);
	await_final(job, 60);
	return job;
}

void publish_all(struct job *job)
{
	struct process *relay = start_relay();
	await_queued(job_submit(job));
	stop(relay);
}

void end_well(const struct job *job)
{
	char queue[64];
	snprintf(queue, sizeof queue, "weir.%s", job->kind);
	await_ended(job);
	queue_await_size(queue, 0);
	finish(job);
}

void end_within_grace(struct process *p, int status)
{
	if (p->pid)
		kill(p->pid, SIGTERM);
	int seen = await_exit(p, PATIENCE_MS);
	EXPECT(seen == status, "%s ended with %d, not %d, see %s", p->name, seen, status, p->log);
	kill_hard(p);
}

void await_log_for(struct process *p, const char *part, int timeout_ms)
{
	int64_t until = now_ms() + timeout_ms;
	while (is_alive(p) && !strstr(log_of(p), part) && now_ms() < until)
		pause_ms(50);
	EXPECT(strstr(log_of(p), part) != NULL, "%s did not log %s, see %s", p->name, part, p->log);
}

int times_logged(const struct process *p, const char *part)
{
	int n = 0;
	for (const char *at = log_of(p); (at = strstr(at, part)); at += strlen(part))
		n++;
	return n;
}

void expect_rest(struct process *p, int ms)
{
	int64_t used = cpu_ms(p);
	pause_ms(ms);
	used = cpu_ms(p) - used;
	EXPECT(used < ms * 3 / 10, "%s used %lld ms of CPU time in %d ms", p->name, (long long)used,
	       ms);
}

void start_both(const char *kind, const char *other)
{
	struct process *relay = start_relay();
	struct process *consumer = start(NULL, "weir-consumer", kind, other, NULL);
	await_log(relay, "relay_ready");
	await_log(consumer, "consumer_ready");
}

void see_done(const char *job, int count)
{
	int64_t began = now_ms();
	await(PATIENCE_MS,
	      "SELECT count(*) >= %d FROM weir.results WHERE job_id = '%s' AND status = 1", count,
	      job);
	row_saw("%d of %s in %.1f s", count, job, (double)(now_ms() - began) / 1000);
}

void see_them_end(const struct job *job)
{
	see_done(job->id, job->size);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = '%s'", job->id),
		   job->size);
}

void ten_of(const char *job, const char *kind) { see_them_end(job_submit(job_new(job, kind, 10))); }

void hasten_retries(void) { sql_text("UPDATE weir.retries SET due_at = least(due_at, now())"); }

void rabbit(const char *arguments)
{
	char command[512];
	snprintf(command, sizeof command, "\"$WEIR_STACK_DIR/bin/rabbitmqctl\" -q %s", arguments);
	const struct outcome *o = run(NULL, "/bin/sh", "-c", command, NULL);
	EXPECT(o->status == 0, "rabbitmqctl %s: %d: %s%s", arguments, o->status, o->out, o->err);
}

void end_sessions(void)
{
	sql_text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
		 " WHERE datname = current_database() AND pid <> pg_backend_pid()");
}
