/* The way from the broker into the ledger: F14 to F28. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "steps.h"

static const char *const places[] = {"delivered",  "working",	"processed", "claimed",
				     "committing", "committed", "counted",   "acked"};

static void f14(void)
{
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		struct job *job = job_new(places[i], "sum", 130);
		item_fails(&job->items[3], "asked_to_fail", ",\"fail\":\"reject\"");
		item_fails(&job->items[4], NULL, ",\"fail\":\"retry_once\"");
		start_relay();
		await_queued(job_submit(job));
		struct process *p = start(places[i], "weir-consumer", "sum", NULL);
		int status = await_exit(p, PATIENCE_MS);
		EXPECT(status == -SIGKILL, "%s: the consumer ended with %d", places[i], status);
		start(NULL, "weir-consumer", "sum", NULL);
		end_well(job);
		end_all();
	}
}

static void f15(void)
{
	struct job *job = job_new("full", "slow", 200);
	job_delay(job, 3000);
	start_relay();
	await_queued(job_submit(job));
	struct process *p =
		start(NULL, "weir-consumer", "slow", "--flush", "50", "--prefetch", "100", NULL);
	queue_await_size("weir.slow", 100);
	server("kill", "rabbitmq");
	server("up", "rabbitmq");
	end_well(job);
	EXPECT(!strstr(log_of(p), "PRECONDITION"), "old tags were acked, see %s", p->log);
}

static void f16(void)
{
	struct process *p = start_consumer("sum");
	start_relay();
	await_log(p, "consumer_ready");
	queue_delete("weir.sum");
	await_log(p, "queue_back");
	EXPECT(!strstr(log_of(p), "broker_lost"), "the connection was lost, see %s", p->log);
	expect_rest(p, 2000);
	end_well(job_submit(job_new("back", "sum", 60)));
}

static void set_consumer_timeout(int ms, int tick_ms)
{
	char text[256];
	snprintf(text, sizeof text,
		 "eval 'application:set_env(rabbit, consumer_timeout, %d),"
		 " application:set_env(rabbit, channel_tick_interval, %d).'",
		 ms, tick_ms);
	rabbit(text);
}

/* First the deadline of the host is shorter, then that of the broker. */
static void f17(void)
{
	set_consumer_timeout(6000, 1000);
	struct job *job = job_new("stuck", "never", 20);
	item_fails(&job->items[7], "timeout", ",\"never\":1");
	start_relay();
	struct process *p = start(NULL, "weir-consumer", "never", "--work-timeout", "500ms", NULL);
	end_well(job_submit(job));
	EXPECT(!strstr(log_of(p), "broker_lost"), "the channel was closed, see %s", p->log);
	end_all();
	struct job *late = job_new("late", "slow", 10);
	for (int i = 0; i < 10; i++)
		item_fails(&late->items[i], NULL, ",\"delay_ms\":%d", i ? 10 : 20000);
	start_relay();
	p = start(NULL, "weir-consumer", "slow", NULL);
	job_submit(late);
	await_log(p, "broker_lost");
	set_consumer_timeout(1800000, 60000);
	end_well(late);
}

/* A paused job holds nothing: what is worked on ends, what waits is dropped. */
static void f18(void)
{
	set_consumer_timeout(6000, 1000);
	struct job *job = job_new("paused", "slow", 300);
	job_delay(job, 300);
	start_relay();
	struct process *p = start(NULL, "weir-consumer", "slow", "--flush", "20", NULL);
	await_final(job_submit(job), 40);
	EXPECT_INT(run(NULL, "weir", "pause", job->id, NULL)->status, 0);
	queue_await_size("weir.slow", 0);
	pause_ms(10000);
	int64_t seen = sql("SELECT count(*) FROM weir.results");
	EXPECT(seen < job->size, "the pause came too late");
	EXPECT(!strstr(log_of(p), "broker_lost"), "the channel was closed, see %s", p->log);
	EXPECT_INT(run(NULL, "weir", "resume", job->id, NULL)->status, 0);
	end_well(job);
	set_consumer_timeout(1800000, 60000);
}

static void f19(void)
{
	struct job *job = job_new("long", "slow", 10);
	for (int i = 0; i < job->size; i++)
		job->items[i].attempts = 1;
	job_delay(job, 36000);
	start_relay();
	struct process *p =
		start(NULL, "weir-consumer", "slow", "--prefetch", "10", "--flush", "5", NULL);
	job_submit(job);
	await(HEARTBEATS_MS, "SELECT count(*) = 10 FROM weir.results");
	EXPECT(!strstr(log_of(p), "broker_lost"), "the connection was lost, see %s", p->log);
	end_well(job);
}

static void f20(void)
{
	struct job *job = job_new("crash", "segfault", 300);
	int died = 0;
	item_fails(&job->items[117], "poison", ",\"crash\":1");
	job->batch_size = 100;
	start_relay();
	struct process *p = start(NULL, "weir-consumer", job->kind, NULL);
	await_ended(job_submit(job));
	for (const char *at = log_of(p); (at = strstr(at, "worker_ended")); at++)
		died++;
	EXPECT(died == 3, "%d workers died", died);
	row_saw("%d workers died", died);
	end_well(job);
}

static void f21(void)
{
	struct job *job = job_new("endless", "never", 60);
	for (int i = 5; i < job->size; i += 20)
		item_fails(&job->items[i], "timeout", ",\"never\":1");
	start_relay();
	start(NULL, "weir-consumer", "never", "--work-timeout", "300ms", NULL);
	end_well(job_submit(job));
}

static char deep[1000], large[2 * 1024 * 1024];

static const struct hostile {
	const char *body;
	size_t size;
	const char *reason;
} hostile[] = {
	{"", 0, "truncated"},
	{"\x8b\xa1v\x01\xa4kin", 8, "truncated"},
	{"\xdd\xff\x00\x00\x00", 5, "truncated"},
	{"\x81\xa1v\xa2\xff\xfe", 6, "bad_utf8"},
	{deep, sizeof deep, "too_deep"},
	{large, sizeof large, "oversized"},
};

#define HOSTILE (sizeof hostile / sizeof *hostile)

static void f22(void)
{
	struct process *p = start_consumer("sum");
	start_relay();
	struct job *job = job_submit(job_new("innocent", "sum", 60));
	await_ended(job);
	int64_t before = peak_kb(p);
	memset(deep, 0x91, sizeof deep);
	memset(large, 'x', sizeof large);
	for (size_t i = 0; i < HOSTILE; i++)
		publish("sum", NULL, hostile[i].body, hostile[i].size);
	await(PATIENCE_MS, "SELECT count(*) = %d FROM weir.dead_letters", (int)HOSTILE);
	for (size_t i = 0; i < HOSTILE; i++)
		EXPECT(sql("SELECT count(*) FROM weir.dead_letters WHERE reason_code = '%s'",
			   hostile[i].reason) > 0,
		       "no letter with the reason %s", hostile[i].reason);
	int64_t grown = peak_kb(p) - before;
	EXPECT(grown < 32 * 1024, "the consumer took %lld KB more", (long long)grown);
	row_saw("%lld KB more", (long long)grown);
	end_well(job);
}

static void f23(void)
{
	struct job *job = job_new("replay", "sum", 100);
	publish_all(job);
	EXPECT_INT(republish("weir.sum", "sum", 4), 100);
	start_relay();
	start_consumer("sum");
	end_well(job);
}

/* As deep as a frame is large. */
static void f24(void)
{
	struct process *p = start_consumer("sum");
	start_relay();
	publish_deep("sum", 5000);
	publish_deep("sum", 15000);
	await(PATIENCE_MS, "SELECT count(*) = 2 FROM weir.dead_letters");
	EXPECT(is_alive(p), "the consumer ended with %d, see %s", p->status, p->log);
	end_well(job_submit(job_new("after", "sum", 60)));
}

static void f25(void)
{
	struct job *job = job_new("order", "slow", 120);
	for (int i = 0; i < job->size; i++)
		item_fails(&job->items[i], NULL, ",\"delay_ms\":%d", 1500 - i * 12);
	start_relay();
	await_queued(job_submit(job));
	struct process *p = start(NULL, "weir-consumer", "slow", "--flush", "10", NULL);
	await_final(job, 30);
	kill_hard(p);
	start(NULL, "weir-consumer", "slow", "--flush", "10", NULL);
	end_well(job);
}

static void f26(void)
{
	struct job *job = job_new("stalled", "slow", 60);
	job_delay(job, 1500);
	publish_all(job);
	struct process *first = start(NULL, "weir-consumer", "slow", NULL);
	queue_await_size("weir.slow", 0);
	freeze(first);
	rabbitmqctl("close_all_connections", "the consumer does not answer");
	queue_await_size("weir.slow", 60);
	start(NULL, "weir-consumer", "slow", NULL);
	start_relay();
	await_final(job, 60);
	thaw(first);
	end_well(job);
}

static void f28(void)
{
	struct job *job = job_new("survive", "sum", 300);
	publish_all(job);
	server("kill", "rabbitmq");
	server("up", "rabbitmq");
	queue_await_size("weir.sum", 300);
	start(NULL, "weir-relay", NULL);
	start_consumer("sum");
	end_well(job);
}

const struct fault_case consuming_cases[] = {
	{"F14", "consumer killed at each of 8 places", "effects once, counters right", f14, NULL},
	{"F15", "broker killed under a full prefetch", "redelivered, no old tag acked", f15, NULL},
	{"F16", "queue deleted under a consumer", "it is made again, no spin", f16, NULL},
	{"F17", "consumer_timeout of 6 s", "deadline first; else closed, effects once", f17, NULL},
	{"F18", "pause longer than consumer_timeout", "nothing held, no close, goes on", f18, NULL},
	{"F19", "items that take longer than heartbeats", "the connection is kept", f19, NULL},
	{"F20", "one message crashes the plugin", "it is poison, 299 finish", f20, NULL},
	{"F21", "items that never end", "their deadline fails them, others finish", f21, NULL},
	{"F22", "hostile bodies", "dead letters with reasons, memory bounded", f22, NULL},
	{"F23", "replayed messages", "ignored (weir signs no messages)", f23, NULL},
	{"F24", "headers 15,000 tables deep", "no crash, a dead letter", f24, NULL},
	{"F25", "completion in reverse, then a kill", "nothing unfinished was acked", f25, NULL},
	{"F26", "the same items in two consumers", "one effect, stale acks harmless", f26, NULL},
	{"F27", "partitions of a cluster", NULL, NULL, "needs three RabbitMQ nodes and a network"},
	{"F28", "the only broker killed", "confirmed messages survive", f28, NULL},
	{0},
};
