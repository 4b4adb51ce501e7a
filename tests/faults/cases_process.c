/* Processes and what is around them: F50 to F60. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "steps.h"

#define UNLOADABLE WEIR_BUILD_DIR "/tests/plugins/unloadable"
#define BIN WEIR_BUILD_DIR "/bin/"

static void stop_while(enum proxied away)
{
	struct process *relay = start_relay(), *consumer = start_consumer("sum");
	await_log(relay, "relay_ready");
	await_log(consumer, "consumer_ready");
	proxy_refuse(away);
	if (away != PROXY_REDIS) {
		await_log(relay, away == PROXY_PG ? "ledger_lost" : "broker_lost");
		pause_ms(300); /* in the pause before the next try, or in it */
	}
	end_within_grace(relay, 0);
	end_within_grace(consumer, 0);
	proxy_clear(away);
	end_all();
}

/* Idle and reconnecting; busy; twice. */
static void f50(void)
{
	for (int i = 0; i < PROXIES; i++)
		stop_while((enum proxied)i);
	struct job *job = job_new("busy", "slow", 100);
	job_delay(job, 30000);
	publish_all(job);
	struct process *p = start(NULL, "weir-consumer", "slow", "--grace", "500ms", NULL);
	queue_await_size("weir.slow", 0);
	end_within_grace(p, 0);
	queue_await_size("weir.slow", 100);
	p = start(NULL, "weir-consumer", "slow", "--grace", "10m", NULL);
	queue_await_size("weir.slow", 0);
	kill(p->pid, SIGTERM);
	pause_ms(100);
	end_within_grace(p, 0);
	queue_await_size("weir.slow", 100);
	job_hasten(job);
	start_relay();
	start_consumer("slow");
	end_well(job);
}

static void f51(void)
{
	struct job *job = job_new("frozen", "slow", 100);
	job_delay(job, 500);
	struct process *relay = start_relay(), *consumer = start_consumer("slow");
	await_queued(job_submit(job));
	await_final(job, 10);
	freeze(consumer);
	freeze(relay);
	pause_ms(45000); /* three heartbeats */
	thaw(relay);
	thaw(consumer);
	end_well(job);
	row_saw("the consumer reconnected %d times", times_logged(consumer, "broker_back"));
}

static void f55(void)
{
	struct job *job = in_the_middle();
	rabbit("clear_permissions weir");
	rabbit("close_all_connections 'permissions have changed'");
	struct process *p = start_consumer("sum");
	EXPECT_INT(await_exit(p, PATIENCE_MS), 1);
	pause_ms(3000);
	rabbit("set_permissions weir '.*' '.*' '.*'");
	end_well(job);
}

static void f57(void)
{
	struct job *job = job_submit(job_new("full", "sum", 60));
	struct process *relay =
		start(NULL, "/bin/sh", "-c", "exec " BIN "weir-relay 2>/dev/full", NULL);
	struct process *consumer =
		start(NULL, "/bin/sh", "-c", "exec " BIN "weir-consumer sum >&- 2>&-", NULL);
	await_ended(job);
	end_within_grace(relay, 0);
	end_within_grace(consumer, 0);
	/* Five are enough without Redis; with less it says so and leaves. */
	struct process *poor =
		start(NULL, "/bin/sh", "-c", "ulimit -n 4; exec " BIN "weir-consumer sum", NULL);
	int status = await_exit(poor, PATIENCE_MS);
	EXPECT(status == 1, "with 4 descriptors it ended with %d, see %s", status, poor->log);
	EXPECT_PART(log_of(poor), "consumer_failed");
	check_exact(job);
}

static void f58(void)
{
	static const char v2[] =
		"{\"v\":2,\"kind\":\"sum\",\"job_id\":\"versions\",\"batch_id\":"
		"\"versions-s1-b0\",\"stage\":1,\"ordinal\":0,\"custom_id\":\"item_00000\","
		"\"epoch\":0,\"attempt\":0,\"context\":{\"label\":\"x\"},\"payload\":{}}";
	start_relay();
	start_consumer("sum");
	publish("sum", "application/json", v2, strlen(v2));
	struct job *job = job_submit(job_new("versions", "sum", 60));
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.dead_letters"
			   " WHERE reason_code = 'bad_version'");
	end_well(job);
}

static void f59(void)
{
	struct process *more[8];
	struct job *job = job_new("scale", "sum", 600);
	job_delay(job, 8);
	start_relay();
	start_consumer("sum");
	await_final(job_submit(job), 20);
	for (int i = 0; i < 8; i++)
		more[i] = start_consumer("sum");
	await_final(job, 300);
	for (int i = 0; i < 8; i++)
		stop(more[i]);
	end_well(job);
}

static void f60(void)
{
	static const char *const refused[][3] = {
		{WEIR_BUILD_DIR "/tests/plugins", "nosuch", "there is no kind \"nosuch\""},
		{UNLOADABLE, "wrong_abi", "version 999 of the plugin interface"},
		{UNLOADABLE, "no_entry", "exports no weir_plugin()"},
	};
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		const struct outcome *o = run(NULL, "weir-consumer", refused[i][1], "--plugin-dir",
					      refused[i][0], NULL);
		EXPECT(o->status == 2, "the consumer ended with %d", o->status);
		EXPECT_PART(o->err, refused[i][2]);
	}
	const struct outcome *o = run(NULL, "/bin/sh", "-c",
				      "d=$(mktemp -d) && cp " WEIR_BUILD_DIR
				      "/tests/plugins/sum.so $d/ && chmod 666 $d/sum.so && " BIN
				      "weir-consumer sum --plugin-dir $d; s=$?; rm -r $d; exit $s",
				      NULL);
	EXPECT(o->status == 2, "the consumer ended with %d", o->status);
	EXPECT_PART(o->err, "others may write to it");
}

const struct fault_case process_cases[] = {
	{"F50", "SIGTERM idle, busy, reconnecting, twice", "exit 0 within the grace", f50, NULL},
	{"F51", "SIGSTOP for three heartbeats", "recovers, effects once", f51, NULL},
	{"F52", "wall clock moved by an hour", NULL, NULL,
	 "the clock is the machine's; all waits use the monotonic one"},
	{"F53", "DNS fails or is slow", NULL, NULL, "the stack is addressed by number"},
	{"F54", "TLS certificates", NULL, NULL, "weir does not speak TLS yet"},
	{"F55", "permissions revoked", "backs off, goes on when they are back", f55, NULL},
	{"F56", "every malloc and every call fails once", NULL, NULL,
	 "needs an interposer, which sanitizers do not allow; kill points stand for it"},
	{"F57", "full or closed output, no descriptors", "works, or leaves with 1", f57, NULL},
	{"F58", "a message of the next version", "kept with the reason, others done", f58, NULL},
	{"F59", "1 to 9 consumers and back under load", "all exact", f59, NULL},
	{"F60", "plugin missing, wrong, open to others", "refuses to start, says why", f60, NULL},
	{0},
};
