/* Where weir is and what it runs on: a checkout in a path with blanks, somebody's own stack, a
 * machine without /proc. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

#define BLANKS LOGS "/a check out"

static const struct outcome *shell(const char *command)
{
	return run(NULL, "/bin/sh", "-c", command, NULL);
}

/* ---- blanks ---- */

/* The scripts alone: what they would need to go on is not there, so they must stop before. */
static void make_checkout(void)
{
	const struct outcome *o =
		shell("rm -rf '" BLANKS "' && mkdir -p '" BLANKS "/tests/cases' '" BLANKS
		      "/tests/faults' && cp -r '" WEIR_SOURCE_DIR "/deploy' '" BLANKS
		      "/deploy' && cd '" WEIR_SOURCE_DIR "' && for f in tests/run tests/cases/run "
		      "tests/faults/run; do cp $f \"$OLDPWD/" BLANKS "/$f\"; done");
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
}

/* Each says what is wrong, and has made nothing: no build, no servers, no logs. */
static void expect_told(const char *command)
{
	char text[512];
	snprintf(text, sizeof text, "env -u WEIR_STACK_DIR '" BLANKS "'/%s", command);
	const struct outcome *o = shell(text);
	EXPECT(o->status == 1, "%s: %d: %s", command, o->status, o->err);
	EXPECT(strstr(o->err, "blank") || strstr(o->err, "WEIR_STACK_DIR"), "%s: %s", command,
	       o->err);
	EXPECT(shell("test ! -e '" BLANKS "/build'")->status == 0, "%s has made something",
	       command);
}

static void a_path_with_blanks(void)
{
	make_checkout();
	expect_told("tests/run unit");
	expect_told("tests/cases/run");
	expect_told("tests/faults/run --case F14");
	expect_told("deploy/demo 10");
	expect_told("deploy/local/up");
	expect_told("deploy/local/env");
	shell("rm -rf '" BLANKS "'");
}

/* ---- somebody's own stack ---- */

/* The demo ends with the stack that it has begun, so it must not take one that is there. */
static void the_demo_leaves_a_stack_alone(void)
{
	const struct outcome *o = shell("'" WEIR_SOURCE_DIR "/deploy/demo' 10");
	EXPECT(o->status == 1, "%d: %s", o->status, o->out);
	EXPECT_PART(o->err, getenv("WEIR_STACK_DIR"));
	EXPECT_INT(queue_size("weir.dead"), 0);
	EXPECT_INT(sql("SELECT 1"), 1);
	redis_do("PING");
}

/* ---- without /proc ---- */

/* The sanitizer reads its options there, and could not look for leaks. */
#define NO_PROC                                                                                    \
	"mount -t tmpfs -o size=64k none /proc && mkdir /proc/self &&"                             \
	" printf 'ASAN_OPTIONS=detect_leaks=0\\0' >/proc/self/environ && exec " WEIR_BUILD_DIR     \
	"/bin/"

static const char *unshare_options(void) { return geteuid() == 0 ? "-m" : "-rm"; }

static const struct outcome *run_without(const char *command)
{
	char text[700];
	snprintf(text, sizeof text, NO_PROC "%s", command);
	return run(NULL, "/usr/bin/unshare", unshare_options(), "sh", "-c", text, NULL);
}

static struct process *start_without(const char *command)
{
	char text[700];
	snprintf(text, sizeof text, NO_PROC "%s", command);
	return start(NULL, "/usr/bin/unshare", unshare_options(), "sh", "-c", text, NULL);
}

static void drop_queue(const char *kind)
{
	char queue[64];
	snprintf(queue, sizeof queue, "weir.%s", kind);
	queue_delete(queue);
}

/* All of it works. */
static void without_proc(void)
{
	drop_queue("sentiment");
	program_env("WEIR_PLUGIN_DIR", ""); /* beside the program, wherever that is */
	const struct outcome *o = run_without("weir init");
	program_env("WEIR_PLUGIN_DIR", NULL);
	EXPECT(o->status == 0, "weir init: %d: %s", o->status, o->err);
	EXPECT_INT(queue_size("weir.sentiment"), 0);
	struct process *relay = start_without("weir-relay"),
		       *consumer = start_without("weir-consumer sum");
	await_log(relay, "relay_ready");
	await_log(consumer, "consumer_ready");
	finish(job_submit(job_new("anywhere", "sum", 50)));
}

/* Where there are no plugins, nothing is made: neither tables nor queues. */
static void without_plugins(void)
{
	char url[640];
	const char *given = getenv("WEIR_PG_URL");
	drop_queue("sentiment");
	sql_text("CREATE DATABASE weir_test_half");
	snprintf(url, sizeof url, "%.*s/weir_test_half", (int)(strrchr(given, '/') - given), given);
	program_env("WEIR_PG_URL", url);
	const struct outcome *o = run_without("weir init --plugin-dir /nowhere");
	EXPECT(o->status == 1, "weir init: %d: %s", o->status, o->out);
	EXPECT_PART(o->err, "/nowhere");
	EXPECT_PART(run(NULL, "weir", "status", NULL)->err, "has no ledger yet");
	EXPECT_INT(queue_size("weir.sentiment"), -1);
	program_env("WEIR_PG_URL", NULL);
	sql_text("DROP DATABASE weir_test_half");
	EXPECT_INT(run(NULL, "weir", "init", NULL)->status, 0);
}

void add_checkout_suite(void);

void add_checkout_suite(void)
{
	CU_pSuite s = WORLD_SUITE("a checkout");
	CU_add_test(s, "in a path with blanks", a_path_with_blanks);
	CU_add_test(s, "the demo leaves a stack alone", the_demo_leaves_a_stack_alone);
	CU_add_test(s, "without /proc", without_proc);
	CU_add_test(s, "without /proc and plugins", without_plugins);
}
