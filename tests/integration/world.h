/* world.h: what the integration tests act on: the real programs, the three servers, and a checker
 * that trusts none of them. The servers are those of a private stack (deploy/local/up); tests stop
 * and restart them.
 *
 * Every wait has a bound, and ends as soon as what it waits for is there. */
#ifndef WEIR_TEST_WORLD_H
#define WEIR_TEST_WORLD_H

#include <CUnit/CUnit.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PATIENCE_MS 40000 /* for what takes a second or two on an idle machine */
#define STEP_MS 5	  /* between two looks at what is waited for */
#ifndef LOGS		  /* a folder; from the one that the tests run in */
#define LOGS "log"
#endif

/* ---- checks: a failure prints what was seen ---- */

bool expect_that(bool holds, const char *file, unsigned line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
bool expect_number(int64_t seen, int64_t wanted, const char *what, const char *file, unsigned line);
bool expect_part(const char *text, const char *part, const char *what, const char *file,
		 unsigned line);

/* Told of each check that does not hold where CUnit runs no test; standard error otherwise. */
extern void (*on_failed_check)(const char *text);

#define EXPECT(holds, ...) expect_that(holds, __FILE__, __LINE__, __VA_ARGS__)
#define EXPECT_INT(seen, wanted) expect_number(seen, wanted, #seen, __FILE__, __LINE__)
#define EXPECT_PART(text, part) expect_part(text, part, #text, __FILE__, __LINE__)

/* ---- a suite's world, a test's beginning and end ---- */

/* A database of its own with the ledger and the tables of the test plugins. For CU_add_suite. */
int world_open(void);
int world_close(void);
/* Empties everything: tables, queues, Redis. Ends what the test before has left running. */
void world_clean(void);
void world_leave(void);

#define WORLD_SUITE(name)                                                                          \
	CU_add_suite_with_setup_and_teardown(name, world_open, world_close, world_clean,           \
					     world_leave)

/* One more, of a test alone, which programs and sql() see until it is gone. more: of CREATE
 * DATABASE. */
void own_database(const char *more);
void own_database_gone(void);

/* ---- programs ---- */

/* How a program ended: its exit status, or -N when signal N ended it. */
enum { STILL_RUNNING = -1000 };

struct outcome {
	int status;
	char out[65536], err[16384]; /* what it wrote, cut */
};

/* Runs a program of weir to its end; the arguments are closed by NULL. The result is valid until
 * the next call. input: a file, or NULL. */
const struct outcome *run(const char *input, const char *program, ...) __attribute__((sentinel));

/* A program in the background; its log is a file in the build folder. */
struct process {
	pid_t pid; /* 0: ended */
	int status;
	char name[32];
	char log[512];
};

/* failpoint: NAME[:N], or NULL. The process ends with the test at the latest. */
struct process *start(const char *failpoint, const char *program, ...) __attribute__((sentinel));
/* The environment of all programs from now on, not of the tests themselves. NULL: as it was. */
void program_env(const char *name, const char *value);
/* What they are told; "" when it is as it was. Valid until it is set again. */
const char *program_setting(const char *name);
/* Of one that has ended: its place is for another. */
void forget(struct process *p);
/* STILL_RUNNING when it has not ended by then. */
int await_exit(struct process *p, int timeout_ms);
void kill_hard(struct process *p);
/* A consumer works in a child of its own: that one, or the process where there is none. */
pid_t worker_of(const struct process *p);
void freeze(const struct process *p); /* SIGSTOP and SIGCONT to both */
void thaw(const struct process *p);
/* Until it has come to its "NAME:stop" (failpoints). */
void await_stopped(const struct process *p);
/* SIGTERM; expects an orderly end: exit status 0. */
void stop(struct process *p);
void stop_all(void);
bool is_alive(struct process *p);
/* The end of what it has logged so far; valid until the next call. */
const char *log_of(const struct process *p);
/* Waits until it has logged this, or has ended. */
void await_log(struct process *p, const char *part);

void show_logs(void); /* their ends, of those that run */
void end_all(void);   /* at once */

/* command: up, down, or kill, which does not ask. */
void server(const char *command, const char *name);
/* The same in the background. */
struct process *server_start(const char *command, const char *name);
/* One command of the broker's own tool, which must succeed. */
void rabbitmqctl(const char *command, const char *argument);
/* CPU time that it has used so far. */
int64_t cpu_ms(const struct process *p);
/* The most memory that it has had; descriptors that it has open. -1: it is gone. */
int64_t peak_kb(const struct process *p);
int open_files(const struct process *p);

/* ---- jobs and what they must come to ---- */

struct item {
	char id[40], key[40];
	int64_t amount;
	char more[96];	     /* further fields of the payload, each after a comma */
	const char *failure; /* the error class it must end with; NULL: done */
	int attempts;	     /* 0: any number */
};

struct job {
	const char *id, *kind, *label;
	int batch_size;
	int size;
	struct item *items;
	const char *context[3]; /* more of it, "name=value" each */
	char file[512];		/* its input */
};

/* A job of n plain items with a label of its own. Freed by world_leave(). */
struct job *job_new(const char *id, const char *kind, int n);
/* Writes the job's items as JSON Lines. */
void job_write(struct job *job);
/* Both of them, and `weir submit`, which must succeed. */
struct job *job_submit(struct job *job);
/* The plugin `slow` of programs that are started between begin (or go_on) and rest writes down when
 * its work on items begins and ends; begin forgets what was written before. */
void calls_begin(void);
void calls_go_on(void);
void calls_rest(void);
/* How often work began, and on how many of the items item_00000 and so on. */
int calls_count(int *items);
void calls_await(int wanted); /* until so many have begun */
/* The most items that were at work at one time. */
int calls_peak(void);

/* From now on items of the kind `slow` that say "hold" do not end in programs that are started
 * after this, until they are let go; world_leave() does so. */
void items_hold(void);
void items_let_go(void);

/* Sets delay_ms for all items. */
void job_delay(struct job *job, int ms);
/* Takes the delays out of the ledger, and all messages out of its queue, so that it is published
 * again without. Nobody may be at work on it. */
void job_hasten(const struct job *job);
/* Of the kind `sum`: of ten items the first fails in stage 1, the second in stage 2, and the third
 * in the stage of that number, once. */
struct job *job_of_stages(const char *id, int n, int once_in);
void item_fails(struct item *item, const char *failure, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Waits until this many of its items are final. */
void await_final(const struct job *job, int count);
/* Waits until all batches are marked as published. */
void await_queued(const struct job *job);
/* Waits until the job has ended and its progress was checked. */
void await_ended(const struct job *job);
/* All of the job's items final exactly once and as they must be, one effect each and no other, the
 * same numbers in the ledger, Redis and the report, no message left. Nothing may be running. */
void check_exact(const struct job *job);
/* What is counted is what is there, in each batch and in the job that has ended. */
void expect_job_counted(const char *job);
/* wanted: "success failed cancelled of total" */
void expect_job_counts(const char *job, const char *wanted);
void expect_job_status(const char *job, const char *wanted);
/* await_ended(), stop_all(), check_exact() */
void finish(const struct job *job);

/* ---- PostgreSQL ---- */

int sql_open(const char *url); /* 0, or -1 */
void sql_close(void);
/* The first value of the first row as a number; INT64_MIN when there is none. */
int64_t sql(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same as text, "" when there is none; valid until the next call. */
const char *sql_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* All rows; the caller PQclear()s them. */
PGresult *sql_rows(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Waits until the statement yields true. */
bool await(int timeout_ms, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- RabbitMQ and Redis ---- */

int64_t queue_size(const char *queue); /* messages ready; -1: no such queue */
void queue_await_size(const char *queue, int64_t wanted);
void queue_purge(const char *queue);
/* All of them that are there, when nobody takes from them any more. Closed by NULL. */
void queues_empty(const char *const *queues);
void queue_delete(const char *queue);
bool queue_is_deleted(const char *queue); /* false: the broker does not answer */
/* Makes one that takes nothing of what the exchange has, and says so. False: as before. */
bool queue_refuses(const char *queue, const char *exchange);
/* Makes one that has copies of all that goes to the exchange. */
bool queue_listens(const char *queue, const char *exchange);
/* Makes one that is another connection's alone (exclusive), until it is let go. One at a time. */
void queue_hold(const char *queue);
void queue_let_go(void);
void queue_unbind(const char *kind); /* from the exchange of the items */
void exchange_delete(const char *exchange);
void publish(const char *kind, const char *content_type, const void *body, size_t size);
/* JSON with an app_id. */
void publish_marked(const char *kind, const char *app_id, const char *json);
/* A message whose headers hold a table in a table, so many times. */
void publish_deep(const char *kind, int depth);
void publish_dead(const void *body, size_t size); /* as if the broker had given it up */
/* Takes all messages of a queue and publishes each of them `times` times. Returns how many it
 * took. */
int republish(const char *queue, const char *kind, int times);
/* Takes the app_id off all of them, as older relays leave it out. */
int unmark(const char *queue, const char *kind);
/* Takes all messages of a queue to weir.dead, as if they had died there. Returns how many. */
int bury(const char *queue, const char *reason);

void redis_flush(void);
void redis_do(const char *command); /* no blanks within arguments */
/* A number of INFO, as in "stats", "evicted_keys:"; 0 when it is not there. And until there is more
 * than that. */
int64_t redis_info(const char *section, const char *field);
void redis_await_more(const char *section, const char *field, int64_t than);
/* What the job is called in Redis; valid until the next question to the ledger. */
const char *tag_of(const char *job);
/* The fields of the job's counts, of the first stage or of any; INT64_MIN: not there. */
int64_t redis_count(const char *job, const char *field);
int64_t redis_stage_count(const char *job, int stage, const char *field);
/* Seconds until its counts expire; -1: never, -2: not there. */
int64_t redis_ttl(const char *job);
/* The states of its first n items as they lie in Redis. False: they are not there. */
bool redis_states(const char *job, unsigned char *states, int n);
bool redis_stage_states(const char *job, int stage, unsigned char *states, int n);

/* ---- time ---- */

int64_t now_ms(void);
void pause_ms(int ms);

#endif
