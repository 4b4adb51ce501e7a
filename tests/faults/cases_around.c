/* Ten items beside troubles of what is around all items, the servers and whoever else uses them:
 * B13 to B25. As in cases_beside.c. */
#include <stdio.h>
#include <stdlib.h>

#include "addresses.h"
#include "second.h"
#include "steps.h"
#include "trouble.h"

/* ---- subscribers ---- */

static void b13(void)
{
	start_both("sum", "pass");
	EXPECT(subscriber_come(), "there is no subscriber");
	job_submit(job_new("told", "sum", 200));
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM weir.events WHERE refused_since IS NOT NULL");
	ten_of("same", "sum");
	EXPECT(subscriber_leave(), "the subscriber is still there");
	sql_text("UPDATE weir.events SET due_at = now()");
	await(PATIENCE_MS, "SELECT count(*) = 0 FROM weir.events");
}

/* Of some types: 403, and the channel is closed. */
static void b14(void)
{
	rabbit("set_topic_permissions weir weir.events '^item' '.*'");
	start_both("sum", "pass");
	job_submit(job_new("told", "sum", 200));
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM weir.events WHERE refused > 0");
	ten_of("same", "sum");
	rabbit("clear_topic_permissions weir");
	EXPECT(sql("SELECT count(*) FROM weir.events") > 10, "events were given up");
	sql_text("UPDATE weir.events SET due_at = now()");
	await(PATIENCE_MS, "SELECT count(*) = 0 FROM weir.events");
}

/* ---- the queue of one kind ---- */

static void await_queue(const char *queue)
{
	int64_t began = now_ms();
	while (queue_size(queue) < 0 && now_ms() < began + PATIENCE_MS)
		pause_ms(STEP_MS);
	EXPECT(queue_size(queue) >= 0, "%s was not made again", queue);
	row_saw("again in %.1f s", (double)(now_ms() - began) / 1000);
}

static void b15(void)
{
	start_both("sum", "never");
	queue_delete("weir.never");
	ten_of("other", "sum");
	await_queue("weir.never");
	ten_of("same", "never");
}

static void b16(void)
{
	start_both("sum", "slow");
	struct job *job = job_new("open", "slow", 300);
	job_delay(job, 500);
	await_final(job_submit(job), 1);
	queue_delete("weir.slow");
	ten_of("other", "sum");
	ten_of("same", "slow");
	see_done("open", 300);
}

/* Nobody may read from it: 403 to whoever consumes. */
static void b17(void)
{
	rabbit("set_permissions weir '.*' '.*' '^(?!weir[.]never$).*'");
	job_submit(job_new("unread", "never", 200));
	start_both("sum", "never");
	ten_of("other", "sum");
	rabbit("set_permissions weir '.*' '.*' '.*'");
	see_done("unread", 200);
}

/* Nobody may publish to it: 403 to whoever does. */
static void b18(void)
{
	rabbit("set_topic_permissions weir weir.items '^(?!never$).*' '.*'");
	start_both("sum", "never");
	job_submit(job_new("unsent", "never", 200));
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM weir.processes"
			   " WHERE waits_for LIKE 'kind never: %%ACCESS_REFUSED%%'");
	ten_of("other", "sum");
	rabbit("clear_topic_permissions weir");
	see_done("unsent", 200);
}

/* It is another connection's alone: 405. */
static void b19(void)
{
	queue_delete("weir.never");
	queue_hold("weir.never");
	job_submit(job_new("unsent", "never", 200));
	start_both("sum", "never");
	ten_of("other", "sum");
	queue_let_go();
	see_done("unsent", 200);
}

/* ---- other ledgers ---- */

static void b20(void)
{
	static const char *const programs[] = {"weir-relay", "weir-consumer", "weir"};
	start_both("sum", "pass");
	addresses_open();
	second_open(1);
	for (int i = 0; i < 3; i++) {
		struct process *p = second_start(programs[i], false);
		int status = await_exit(p, PATIENCE_MS);
		EXPECT(status == 1, "%s of another ledger ended with %d, see %s", p->name, status,
		       p->log);
	}
	ten_of("same", "sum");
	second_close();
	addresses_close();
}

/* Its jobs are called as this one. */
static void b21(void)
{
	addresses_open();
	second_open(1);
	struct process *relay = second_start("weir-relay", true);
	struct process *consumer = second_start("weir-consumer", true);
	start_both("sum", "pass");
	struct job *job = job_submit(job_new("mix_000", "sum", 400));
	ten_of("same", "sum");
	for (int64_t until = now_ms() + PATIENCE_MS; !second_has_ended() && now_ms() < until;) {
		second_tend();
		pause_ms(STEP_MS);
	}
	stop(relay);
	stop(consumer);
	await_ended(job);
	second_check();
	stop_all();
	check_exact(job);
	second_close();
	addresses_close();
}

/* ---- what is not as it was ---- */

/* Many messages say something else of an item than the ledger. */
static void b22(void)
{
	char message[512];
	struct job *job = job_submit(job_new("forged", "sum", 10));
	snprintf(message, sizeof message,
		 "{\"v\":1,\"kind\":\"sum\",\"job_id\":\"forged\",\"batch_id\":\"forged-s1-b0\","
		 "\"stage\":1,\"ordinal\":0,\"custom_id\":\"item_00000\",\"epoch\":%lld,"
		 "\"attempt\":0,\"context\":{\"label\":\"forged\"},"
		 "\"payload\":{\"key\":\"forged.k0\",\"amount\":5}}",
		 (long long)sql("SELECT epoch FROM weir.jobs WHERE job_id = 'forged'"));
	for (int i = 0; i < 50; i++)
		publish_marked("sum", NULL, message);
	start_both("sum", "pass");
	ten_of("same", "sum");
	ten_of("other", "pass");
	await(PATIENCE_MS, "SELECT count(*) = 50 FROM weir.dead_letters"
			   " WHERE reason_code = 'not_as_in_ledger'");
	await_ended(job);
	stop_all();
	check_exact(job);
}

static void b23(void)
{
	addresses_open();
	start_both("sum", "pass");
	ten_of("before", "sum");
	password_change(7);
	password_tell();
	ten_of("same", "sum");
	addresses_close();
}

/* It answers, and runs no scripts. A job with a limit has to wait for it, and nobody else. */
static void b24(void)
{
	start_both("sum", "slow");
	redis_do("ACL SETUSER default -@scripting");
	setenv("WEIR_MAX_CONCURRENT", "2", 1);
	struct job *job = job_submit(job_new("limited", "slow", 20));
	unsetenv("WEIR_MAX_CONCURRENT");
	ten_of("other", "sum");
	ten_of("same", "slow");
	await(PATIENCE_MS,
	      "SELECT count(*) = 2 FROM weir.processes WHERE waits_for LIKE '%%ACL%%'");
	EXPECT(run(NULL, "weir", "doctor", NULL)->status == 1, "doctor finds nothing");
	redis_do("ACL SETUSER default +@scripting");
	see_them_end(job);
}

/* It is at the exchange of the items, and has room for none. */
static void b25(void)
{
	start_both("sum", "pass");
	EXPECT(queue_refuses("audit.items", "weir.items"), "there is no such queue");
	struct job *job = job_submit(job_new("heard", "sum", 2000));
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.processes"
			   " WHERE waits_for LIKE 'kind sum: %%another queue%%'");
	ten_of("same", "sum");
	ten_of("other", "pass");
	see_done("heard", 2000);
	EXPECT(run(NULL, "weir", "doctor", NULL)->status == 1, "doctor finds nothing");
	queue_delete("audit.items");
	await_ended(job);
	stop_all();
	check_exact(job);
}

const struct fault_case around_cases[] = {
	{"B13", "a subscriber that takes nothing", "ten items in 5 s", b13, NULL},
	{"B14", "events that the broker refuses", "they wait, ten items in 5 s", b14, NULL},
	{"B15", "a queue without a job is deleted", "made again, ten items in 5 s", b15, NULL},
	{"B16", "a queue with a job is deleted", "made again, ten items in 5 s", b16, NULL},
	{"B17", "a queue that nobody may read", "its items wait, ten others in 5 s", b17, NULL},
	{"B18", "a queue that nobody may write", "its items wait, ten others in 5 s", b18, NULL},
	{"B19", "a queue that is another's alone", "its items wait, ten others in 5 s", b19, NULL},
	{"B20", "another ledger by mistake", "it is refused, ten items in 5 s", b20, NULL},
	{"B21", "another ledger beside", "each its own, ten items in 5 s", b21, NULL},
	{"B22", "messages with another payload", "they are letters, ten items in 5 s", b22, NULL},
	{"B23", "another password", "it is read again, ten items in 5 s", b23, NULL},
	{"B24", "a Redis without scripts", "a limit waits, ten others in 5 s", b24, NULL},
	{"B25", "another one's queue of items is full", "ten items in 5 s", b25, NULL},
	{0},
};
