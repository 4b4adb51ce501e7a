/* What becomes of a program's output, and of its process. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../suites.h"
#include "world.h"

#define BIN WEIR_BUILD_DIR "/bin/"

static char said[4096];

/* The exit status of a command whose output goes there, and what it has said on standard error. */
static int shell(const char *command, const char *where)
{
	char line[1024];
	snprintf(line, sizeof line, "exec %s%s 2>&1 >%s", BIN, command, where);
	FILE *in = popen(line, "r");
	if (!EXPECT(in != NULL, "popen"))
		return -1;
	size_t n = fread(said, 1, sizeof said - 1, in);
	said[n] = '\0';
	return WEXITSTATUS(pclose(in));
}

/* Their own errors are none of the output. */
static const char *const commands[] = {
	"weir --help",
	"weir --version",
	"weir submit --help",
	"weir kinds sum",
	"weir status",
	"weir status out",
	"weir report out",
	"weir report out --format json",
	"weir results out",
	"weir dead list",
	"weir watch out",
	"weir purge --older-than 1000d",
	"weir-relay --help",
	"weir-relay --sample",
	"weir doctor",
	"weir-consumer --help",
	"weir-consumer sum --sample",
};

#define COMMANDS (sizeof commands / sizeof *commands)

static void job_that_ended(void)
{
	struct job *job = job_submit(job_new("out", "sum", 20));
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_ended(job);
}

static void nobody_reads(void)
{
	char where[16];
	int ends[2];
	if (!EXPECT(pipe(ends) == 0, "pipe"))
		return;
	close(ends[0]);
	snprintf(where, sizeof where, "&%d", ends[1]);
	job_that_ended();
	for (size_t i = 0; i < COMMANDS; i++) {
		int status = shell(commands[i], where);
		EXPECT(status == 0, "%s: status %d: %s", commands[i], status, said);
		EXPECT(*said == '\0', "%s said: %s", commands[i], said);
	}
	close(ends[1]);
	stop_all();
}

static void a_full_disk(void)
{
	job_that_ended();
	for (size_t i = 0; i < COMMANDS; i++) {
		int status = shell(commands[i], ">/dev/full");
		EXPECT(status == 1, "%s: status %d: %s", commands[i], status, said);
		const char *told = strstr(said, "standard output: No space left on device");
		EXPECT(told != NULL, "%s said: %s", commands[i], said);
		EXPECT(!told || !strstr(told + 1, "standard output"), "%s said it twice: %s",
		       commands[i], said);
	}
	stop_all();
}

/* A terminal that was closed; who was told to outlive it stays. */
static void hang_up(void)
{
	signal(SIGHUP, SIG_DFL); /* the tests themselves may run under nohup */
	struct process *p[] = {start(NULL, "weir-relay", NULL),
			       start(NULL, "weir-consumer", "sum", NULL)};
	await_log(p[0], "relay_ready");
	await_log(p[1], "consumer_ready");
	for (int i = 0; i < 2; i++) {
		kill(p[i]->pid, SIGHUP);
		EXPECT_INT(await_exit(p[i], PATIENCE_MS), 0);
	}
	signal(SIGHUP, SIG_IGN);
	struct process *relay = start(NULL, "weir-relay", NULL);
	signal(SIGHUP, SIG_DFL);
	await_log(relay, "relay_ready");
	kill(relay->pid, SIGHUP);
	await_final(job_submit(job_new("up", "sum", 0)), 0);
	EXPECT(is_alive(relay), "it has ended");
	stop(relay);
}

/* It waits for its own job; what else there is, is for those who look after all. */
static void submit_and_wait_takes_no_letters(void)
{
	publish_dead("x", 1);
	queue_await_size("weir.dead", 1);
	struct job *job = job_new("alone", "sum", 5);
	job_write(job);
	struct process *consumer = start(NULL, "weir-consumer", "sum", NULL);
	const struct outcome *o = run(NULL, "weir", "submit", "sum", job->file, "--job", "alone",
				      "--context", "label=l", "--wait", NULL);
	EXPECT(o->status == 0, "status %d: %s", o->status, o->err);
	EXPECT_INT(sql("SELECT count(*) FROM weir.dead_letters"), 0);
	queue_await_size("weir.dead", 1);
	stop(consumer);
	queue_purge("weir.dead");
}

/* Others go on, and it is kept as soon as that is possible; each turn of it is counted by a
 * sequence. */
static void a_letter_that_the_ledger_refuses(void)
{
	sql_text("CREATE SEQUENCE tries");
	sql_text("CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
		 " PERFORM nextval('tries'); RAISE EXCEPTION 'disk full' USING ERRCODE = '53100';"
		 " END $$");
	sql_text("CREATE TRIGGER disk BEFORE INSERT ON weir.dead_letters"
		 " FOR EACH ROW EXECUTE FUNCTION full_disk()");
	publish_dead("x", 1);
	struct process *relay = start(NULL, "weir-relay", NULL);
	await(PATIENCE_MS, "SELECT last_value >= 2 FROM tries");
	struct process *consumer = start(NULL, "weir-consumer", "sum", NULL);
	await_ended(job_submit(job_new("others", "sum", 20)));
	EXPECT(sql("SELECT last_value FROM tries") < 20, "it was tried %lld times",
	       (long long)sql("SELECT last_value FROM tries"));
	EXPECT(!strstr(log_of(relay), "dead_letter_kept"), "it says that it was kept");
	sql_text("DROP TRIGGER disk ON weir.dead_letters");
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.dead_letters");
	await_log(relay, "dead_letter_kept");
	stop(consumer);
	stop(relay);
	sql_text("DROP FUNCTION full_disk()");
	sql_text("DROP SEQUENCE tries");
}

void add_output_suite(void);

void add_output_suite(void)
{
	CU_pSuite s = WORLD_SUITE("output and surroundings");
	CU_add_test(s, "nobody reads", nobody_reads);
	CU_add_test(s, "a full disk", a_full_disk);
	CU_add_test(s, "the terminal is closed", hang_up);
	CU_add_test(s, "submit --wait takes no dead letters", submit_and_wait_takes_no_letters);
	CU_add_test(s, "a dead letter that the ledger refuses", a_letter_that_the_ledger_refuses);
}
