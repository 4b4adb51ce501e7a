/* Progress against a real Redis: the one that WEIR_REDIS_URL names, and for the faults servers of
 * its own (when redis-server is installed). */
#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "weir/clock.h"
#include "weir/names.h"
#include "weir/progress.h"

extern char **environ;

static struct progress *p;
static struct weir_error err;
static char job[64];
static int jobs;

static void explain(int rc)
{
	if (rc < 0)
		fprintf(stderr, "    %s: %s\n", err.code, err.text);
}

/* A call that must succeed. */
#define SUCCEEDS(call)                                                                             \
	do {                                                                                       \
		int outcome_ = (call);                                                             \
		explain(outcome_);                                                                 \
		CU_ASSERT_EQUAL_FATAL(outcome_, 0);                                                \
	} while (0)

static void name_job(void)
{
	snprintf(job, sizeof(job), "test-%d-%" PRId64 "-%d", (int)getpid(), clock_wall_us(),
		 jobs++);
}

static int open_shared(void)
{
	const char *url = getenv("WEIR_REDIS_URL");

	if (!url) {
		fprintf(stderr, "WEIR_REDIS_URL is not set\n");
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	return progress_open(url, 2000, &p, &err) < 0;
}

static int close_shared(void)
{
	progress_close(p);
	p = NULL;
	return 0;
}

/* Counts n items from `first` on into one state. */
static void count(uint32_t first, size_t n, enum item_state state, bool *known,
		  struct progress_counts *counts)
{
	uint32_t *ordinals = calloc(n, sizeof(*ordinals));
	uint8_t *states = calloc(n, 1);

	CU_ASSERT_FATAL(ordinals && states);
	for (size_t i = 0; i < n; i++) {
		ordinals[i] = first + (uint32_t)i;
		states[i] = (uint8_t)state;
	}
	SUCCEEDS(progress_count(p, job, 1, ordinals, states, n, known, counts, &err));
	free(ordinals);
	free(states);
}

static void expect(int64_t success, int64_t failed, int64_t cancelled, int64_t total)
{
	struct progress_counts c = {0};
	bool known = false;

	SUCCEEDS(progress_read(p, job, 1, &known, &c, &err));
	CU_ASSERT_TRUE(known);
	CU_ASSERT_EQUAL(c.success, success);
	CU_ASSERT_EQUAL(c.failed, failed);
	CU_ASSERT_EQUAL(c.cancelled, cancelled);
	CU_ASSERT_EQUAL(c.total, total);
}

static void unknown(void)
{
	struct progress_counts c = {.total = 7};
	bool known = true;

	SUCCEEDS(progress_read(p, job, 1, &known, &c, &err));
	CU_ASSERT_FALSE(known);
	known = true;
	count(0, 3, ITEM_SUCCESS, &known, &c);
	CU_ASSERT_FALSE(known);
	known = true;
	SUCCEEDS(progress_read(p, job, 1, &known, &c, &err));
	CU_ASSERT_FALSE(known);
	CU_ASSERT_EQUAL(c.total, 7);
}

/* ---- with any server ---- */

static void nothing_is_known_before(void)
{
	name_job();
	unknown();
}

static void life_of_a_stage(void)
{
	struct progress_counts c;
	bool known = false;

	name_job();
	SUCCEEDS(progress_begin(p, job, 1, &err));
	SUCCEEDS(progress_begin(p, job, 1, &err));
	expect(0, 0, 0, 0);
	count(0, 100, ITEM_SUCCESS, &known, &c);
	CU_ASSERT_TRUE(known);
	CU_ASSERT_EQUAL(c.success, 100);
	SUCCEEDS(progress_set_total(p, job, 1, 1500, &err));
	SUCCEEDS(progress_begin(p, job, 1, &err));
	expect(100, 0, 0, 1500);
	count(0, 1500, ITEM_SUCCESS, &known, &c);
	CU_ASSERT_EQUAL(c.success, 1500);
	SUCCEEDS(progress_drop(p, job, 1, &err));
	unknown();
	SUCCEEDS(progress_set_total(p, job, 1, 5, &err));
	expect(0, 0, 0, 5);
	SUCCEEDS(progress_drop(p, job, 1, &err));
}

static void every_change_of_state(void)
{
	int64_t counts[4] = {16, 0, 0, 0};
	bool known;

	name_job();
	SUCCEEDS(progress_set_total(p, job, 1, 16, &err));
	for (uint32_t was = 0; was < 4; was++) {
		for (uint32_t is = 0; is < 4; is++) {
			count(4 * was + is, 1, (enum item_state)was, &known, NULL);
			count(4 * was + is, 1, (enum item_state)is, &known, NULL);
			counts[0]--;
			counts[is]++;
			expect(counts[1], counts[2], counts[3], 16);
			count(4 * was + is, 1, (enum item_state)is, &known, NULL);
			expect(counts[1], counts[2], counts[3], 16);
		}
	}
	count(0, 16, ITEM_PENDING, &known, NULL);
	expect(0, 0, 0, 16);
	SUCCEEDS(progress_drop(p, job, 1, &err));
}

static void twice_in_one_call(void)
{
	const uint32_t ordinals[] = {7, 7, 7, 8, 8, 7};
	const uint8_t states[] = {ITEM_SUCCESS, ITEM_SUCCESS, ITEM_FAILED,
				  ITEM_SUCCESS, ITEM_PENDING, ITEM_CANCELLED};
	bool known = false;

	name_job();
	SUCCEEDS(progress_begin(p, job, 1, &err));
	SUCCEEDS(progress_count(p, job, 1, ordinals, states, 6, &known, NULL, &err));
	CU_ASSERT_TRUE(known);
	expect(0, 0, 1, 0);
	SUCCEEDS(progress_count(p, job, 1, ordinals, states, 0, &known, NULL, &err));
	CU_ASSERT_TRUE(known);
	SUCCEEDS(progress_drop(p, job, 1, &err));
}

static bool rebuild(enum progress_step step, const char *who, int64_t total)
{
	bool mine = false;

	SUCCEEDS(progress_rebuild(p, job, 1, step, who, total, &mine, &err));
	return mine;
}

static bool is_known(void)
{
	struct progress_counts c;
	bool known = false;

	SUCCEEDS(progress_read(p, job, 1, &known, &c, &err));
	return known;
}

/* What is counted meanwhile counts, and nothing is shown before the end. */
static void in_steps(void)
{
	bool known = true;

	name_job();
	SUCCEEDS(progress_set_total(p, job, 1, 2000, &err));
	count(0, 10, ITEM_FAILED, &known, NULL);
	CU_ASSERT_TRUE(rebuild(REBUILD_BEGIN, "a", 0));
	CU_ASSERT_FALSE(is_known());
	count(0, 1200, ITEM_SUCCESS, &known, NULL); /* more than one call's */
	CU_ASSERT_FALSE(known);
	SUCCEEDS(progress_set_total(p, job, 1, 2000, &err));
	CU_ASSERT_TRUE(rebuild(REBUILD_GO_ON, "a", 0));
	CU_ASSERT_FALSE(is_known());
	CU_ASSERT_TRUE(rebuild(REBUILD_END, "a", 2000));
	expect(1200, 0, 0, 2000);
	CU_ASSERT_FALSE(rebuild(REBUILD_GO_ON, "a", 0)); /* it is over */
	CU_ASSERT_FALSE(rebuild(REBUILD_END, "a", 1));
	expect(1200, 0, 0, 2000);
	SUCCEEDS(progress_drop(p, job, 1, &err));
}

static void by_one_at_a_time(void)
{
	bool known;

	name_job();
	CU_ASSERT_TRUE(rebuild(REBUILD_BEGIN, "a", 0));
	count(0, 3, ITEM_SUCCESS, &known, NULL);
	CU_ASSERT_FALSE(rebuild(REBUILD_BEGIN, "b", 0));
	CU_ASSERT_FALSE(rebuild(REBUILD_GO_ON, "b", 0));
	CU_ASSERT_TRUE(rebuild(REBUILD_TAKE_OVER, "b", 0));
	CU_ASSERT_FALSE(rebuild(REBUILD_GO_ON, "a", 0));
	CU_ASSERT_FALSE(rebuild(REBUILD_END, "a", 9));
	CU_ASSERT_TRUE(rebuild(REBUILD_END, "b", 9));
	expect(0, 0, 0, 9);
	SUCCEEDS(progress_drop(p, job, 1, &err));
	CU_ASSERT_TRUE(rebuild(REBUILD_BEGIN, "a", 0));
	SUCCEEDS(progress_drop(p, job, 1, &err));
	CU_ASSERT_FALSE(rebuild(REBUILD_END, "a", 9)); /* what it had counted is gone */
	CU_ASSERT_FALSE(is_known());
}

/* Against a plain model: random states of random items, ordinals up to ten million. */
static void like_the_model(void)
{
	static uint8_t model[10000000];
	int64_t counts[4] = {0};
	uint32_t ordinals[700];
	uint8_t states[700];
	bool known;

	name_job();
	memset(model, 0, sizeof(model));
	srandom(42);
	SUCCEEDS(progress_begin(p, job, 1, &err));
	for (int round = 0; round < 40; round++) {
		uint32_t range = round % 2 ? 500 : 10000000;
		size_t n = (size_t)random() % 700;

		for (size_t i = 0; i < n; i++) {
			ordinals[i] = (uint32_t)random() % range + (10000000 - range);
			states[i] = (uint8_t)(random() % 4);
			counts[model[ordinals[i]]]--;
			counts[states[i]]++;
			model[ordinals[i]] = states[i];
		}
		SUCCEEDS(progress_count(p, job, 1, ordinals, states, n, &known, NULL, &err));
		expect(counts[1], counts[2], counts[3], 0);
	}
	SUCCEEDS(progress_drop(p, job, 1, &err));
}

static void ten_million(void)
{
	struct progress_counts c = {0};
	bool known = false;

	name_job();
	SUCCEEDS(progress_set_total(p, job, 1, 10000000, &err));
	count(9999000, 1000, ITEM_FAILED, &known, &c);
	CU_ASSERT_EQUAL(c.failed, 1000);
	count(9999999, 1, ITEM_SUCCESS, &known, &c);
	CU_ASSERT_EQUAL(c.failed, 999);
	CU_ASSERT_EQUAL(c.success, 1);
	SUCCEEDS(progress_drop(p, job, 1, &err));
}

static void speed(void)
{
	enum { CALLS = 400 };
	int64_t before;
	bool known;

	name_job();
	SUCCEEDS(progress_begin(p, job, 1, &err));
	count(0, 500, ITEM_SUCCESS, &known, NULL);
	before = clock_us();
	for (uint32_t i = 1; i <= CALLS; i++)
		count(500 * i, 500, ITEM_SUCCESS, &known, NULL);
	before = clock_us() - before;
	fprintf(stderr, "    %.3f ms for a call of 500 items\n", (double)before / CALLS / 1000);
	expect(500 * (CALLS + 1), 0, 0, 0);
	SUCCEEDS(progress_drop(p, job, 1, &err));
}

static void watching(void)
{
	bool changed = false, known;

	name_job();
	SUCCEEDS(progress_begin(p, job, 1, &err));
	SUCCEEDS(progress_watch(p, job, 1, 100, &changed, &err));
	CU_ASSERT_TRUE(changed); /* the first one always: read the counts now */
	SUCCEEDS(progress_watch(p, job, 1, 20, &changed, &err));
	CU_ASSERT_FALSE(changed);
	for (uint32_t i = 0; i < 5; i++) /* between two calls */
		count(i, 1, ITEM_SUCCESS, &known, NULL);
	SUCCEEDS(progress_watch(p, job, 1, 5000, &changed, &err));
	CU_ASSERT_TRUE(changed);
	while (changed)
		SUCCEEDS(progress_watch(p, job, 1, 50, &changed, &err));
	count(0, 5, ITEM_SUCCESS, &known, NULL); /* changes nothing, so it tells nothing */
	SUCCEEDS(progress_watch(p, job, 1, 50, &changed, &err));
	CU_ASSERT_FALSE(changed);
	SUCCEEDS(progress_set_total(p, job, 1, 9, &err));
	SUCCEEDS(progress_watch(p, job, 1, 5000, &changed, &err));
	CU_ASSERT_TRUE(changed);
	SUCCEEDS(progress_watch(p, job, 2, 20, &changed, &err)); /* another channel */
	CU_ASSERT_TRUE(changed);
	SUCCEEDS(progress_watch(p, job, 2, 20, &changed, &err));
	CU_ASSERT_FALSE(changed);
	SUCCEEDS(progress_drop(p, job, 1, &err));
}

static void server_words(void)
{
	char version[64] = "", policy[64] = "";

	SUCCEEDS(progress_server(p, version, policy, &err));
	CU_ASSERT(version[0] >= '0' && version[0] <= '9');
	CU_ASSERT_NOT_EQUAL(*policy, '\0');
}

/* ---- with a server of its own ---- */

struct server {
	pid_t pid;
	int port;
	char folder[64];
};

static int free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, size), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static redisContext *admin(const struct server *s)
{
	redisContext *context = NULL;

	for (int tries = 0; tries < 200; tries++) {
		context = redisConnect("127.0.0.1", s->port);
		if (context && !context->err)
			return context;
		if (context)
			redisFree(context);
		usleep(20000);
	}
	CU_FAIL_FATAL("the server does not start");
	return NULL;
}

/* Calls fail at once while the pause after a failure lasts, or the server is told to be silent. */
static bool again(int64_t until)
{
	usleep(10000);
	return clock_us() < until;
}

#define EVENTUALLY(call)                                                                           \
	do {                                                                                       \
		int64_t until = clock_us() + 20000000;                                             \
		int rc;                                                                            \
		do                                                                                 \
			rc = (call);                                                               \
		while (rc < 0 && again(until));                                                    \
		CU_ASSERT_EQUAL(rc, 0);                                                            \
	} while (0)

static void tell(const struct server *s, const char *command)
{
	redisContext *context = admin(s);
	redisReply *reply = redisCommand(context, command);

	CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
	CU_ASSERT_NOT_EQUAL(reply->type, REDIS_REPLY_ERROR);
	freeReplyObject(reply);
	redisFree(context);
}

static void server_run(struct server *s)
{
	char port[16], memory[] = "";
	char *argv[] = {"redis-server", "--port",	port,	   "--bind",
			"127.0.0.1",	"--save",	memory,	   "--dir",
			s->folder,	"--appendonly", "no",	   "--enable-debug-command",
			"yes",		"--loglevel",	"warning", NULL};
	posix_spawn_file_actions_t actions;

	snprintf(port, sizeof(port), "%d", s->port);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	CU_ASSERT_EQUAL_FATAL(posix_spawnp(&s->pid, argv[0], &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	redisFree(admin(s));
}

static void server_kill(struct server *s)
{
	if (s->pid <= 0)
		return;
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

static void open_server(const struct server *s, const char *before)
{
	char url[128];

	progress_close(p);
	p = NULL;
	snprintf(url, sizeof(url), "redis://%s127.0.0.1:%d", before, s->port);
	SUCCEEDS(progress_open(url, 300, &p, &err));
	name_job();
}

static struct server own;

static int prepare_own(void)
{
	signal(SIGPIPE, SIG_IGN);
	own = (struct server){.folder = "/tmp/weir-test-redis.XXXXXX"};
	return mkdtemp(own.folder) == NULL;
}

static int stop_own(void)
{
	progress_close(p);
	p = NULL;
	server_kill(&own);
	rmdir(own.folder);
	return 0;
}

static void starts(void)
{
	own.port = free_port();
	server_run(&own);
}

static void forgotten_script(void)
{
	bool known = false;

	open_server(&own, "");
	SUCCEEDS(progress_begin(p, job, 1, &err));
	count(0, 10, ITEM_SUCCESS, &known, NULL);
	tell(&own, "SCRIPT FLUSH");
	count(5, 10, ITEM_SUCCESS, &known, NULL);
	CU_ASSERT_TRUE(known);
	expect(15, 0, 0, 0);
}

static void wiped(void)
{
	bool known = true;

	open_server(&own, "");
	SUCCEEDS(progress_begin(p, job, 1, &err));
	count(0, 600, ITEM_SUCCESS, &known, NULL);
	tell(&own, "FLUSHALL");
	count(600, 600, ITEM_SUCCESS, &known, NULL);
	CU_ASSERT_FALSE(known);
	SUCCEEDS(progress_drop(p, job, 1, &err)); /* a rebuild */
	SUCCEEDS(progress_set_total(p, job, 1, 1200, &err));
	count(0, 1200, ITEM_SUCCESS, &known, NULL);
	CU_ASSERT_TRUE(known);
	expect(1200, 0, 0, 1200);
}

/* Without the states every item would be counted anew. */
static void half_lost(void)
{
	char command[128];
	bool known = true;

	open_server(&own, "");
	SUCCEEDS(progress_begin(p, job, 1, &err));
	snprintf(command, sizeof(command), "DEL weir:{%s}:s1:states", job);
	tell(&own, command);
	SUCCEEDS(progress_begin(p, job, 1, &err));
	count(0, 1, ITEM_SUCCESS, &known, NULL);
	CU_ASSERT_FALSE(known);
	SUCCEEDS(progress_begin(p, job, 2, &err));
	snprintf(command, sizeof(command), "DEL weir:{%s}:s2:counts", job);
	tell(&own, command);
	SUCCEEDS(progress_set_total(p, job, 2, 9, &err));
	SUCCEEDS(progress_read(p, job, 2, &known, NULL, &err));
	CU_ASSERT_FALSE(known);
}

static void expires(void)
{
	bool known = true;

	open_server(&own, "");
	SUCCEEDS(progress_begin(p, job, 1, &err));
	SUCCEEDS(progress_expire(p, job, 1, 1, &err));
	SUCCEEDS(progress_begin(p, job, 1, &err)); /* takes it back */
	usleep(1200000);
	SUCCEEDS(progress_read(p, job, 1, &known, NULL, &err));
	CU_ASSERT_TRUE(known);
	SUCCEEDS(progress_expire(p, job, 1, 1, &err));
	int64_t until = clock_us() + 20000000;
	do
		SUCCEEDS(progress_read(p, job, 1, &known, NULL, &err));
	while (known && again(until));
	CU_ASSERT_FALSE(known);
}

#define FORMER "weir:{theirs}:s1:counts" /* as a version before called a job's keys */

static long long former_ttl(void)
{
	redisContext *c = redisConnect("127.0.0.1", own.port);
	redisReply *reply = c ? redisCommand(c, "TTL " FORMER) : NULL;
	long long seconds = reply && reply->type == REDIS_REPLY_INTEGER ? reply->integer : -3;

	freeReplyObject(reply);
	redisFree(c);
	return seconds;
}

/* What a version before has left expires with the job, where it may be touched, but not with a job
 * of the same name in a namespace. */
static void former_keys_expire(void)
{
	open_server(&own, "");
	tell(&own, "SET " FORMER " 1");
	SUCCEEDS(names_use("other", &err));
	SUCCEEDS(progress_expire(p, "L/theirs.1", 1, 100, &err));
	SUCCEEDS(names_use(NULL, &err));
	CU_ASSERT_EQUAL(former_ttl(), -1);
	tell(&own, "ACL SETUSER bound on >bound ~weir:{L* &weir:* +@all");
	open_server(&own, "bound:bound@");
	SUCCEEDS(progress_expire(p, "L/theirs.1", 1, 100, &err));
	CU_ASSERT_EQUAL(former_ttl(), -1);
	open_server(&own, "");
	SUCCEEDS(progress_expire(p, "L/theirs.1", 1, 100, &err));
	CU_ASSERT(former_ttl() > 0);
}

static void restarted(void)
{
	bool known = true, changed;

	open_server(&own, "");
	SUCCEEDS(progress_begin(p, job, 1, &err));
	SUCCEEDS(progress_watch(p, job, 1, 20, &changed, &err));
	server_kill(&own);
	server_run(&own);
	count(0, 1, ITEM_SUCCESS, &known, NULL); /* within the call, on a new connection */
	CU_ASSERT_FALSE(known);
	CU_ASSERT_EQUAL(progress_watch(p, job, 1, 20, &changed, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "redis_lost");
	EVENTUALLY(progress_watch(p, job, 1, 20, &changed, &err));
	CU_ASSERT_TRUE(changed);
}

/* Calls go on failing fast while the server is away, and work again when it is back. */
static void away_and_back(void)
{
	int64_t before, longest = 0;
	bool known;

	open_server(&own, "");
	SUCCEEDS(progress_begin(p, job, 1, &err));
	server_kill(&own);
	for (int i = 0; i < 1000; i++) {
		before = clock_us();
		CU_ASSERT_EQUAL(progress_read(p, job, 1, &known, NULL, &err), -1);
		CU_ASSERT_STRING_EQUAL(err.code, "redis_away");
		before = clock_us() - before;
		longest = before > longest ? before : longest;
		usleep(500);
	}
	CU_ASSERT(longest < 200000);
	server_run(&own);
	for (int i = 0; i < 120; i++) {
		if (progress_read(p, job, 1, &known, NULL, &err) == 0)
			return;
		usleep(50000);
	}
	CU_FAIL("not connected again within 6 s");
}

/* The late answer of a call that timed out must not become the answer of the next one. */
static void late_answers(void)
{
	struct progress_counts c = {0};
	bool known = false;

	open_server(&own, "");
	SUCCEEDS(progress_set_total(p, job, 1, 11, &err));
	SUCCEEDS(progress_set_total(p, job, 2, 22, &err));
	tell(&own, "CLIENT PAUSE 600 ALL");
	CU_ASSERT_EQUAL(progress_read(p, job, 1, &known, &c, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "redis_timeout");
	EVENTUALLY(progress_read(p, job, 2, &known, &c, &err));
	CU_ASSERT_EQUAL(c.total, 22);
}

/* A count that timed out may have been counted all the same: said again, it counts once. */
static void said_again(void)
{
	uint32_t ordinal = 3;
	uint8_t state = ITEM_SUCCESS;
	bool known = false;

	open_server(&own, "");
	SUCCEEDS(progress_begin(p, job, 1, &err));
	count(0, 1, ITEM_SUCCESS, &known, NULL);
	tell(&own, "CLIENT PAUSE 600 ALL");
	CU_ASSERT_EQUAL(progress_count(p, job, 1, &ordinal, &state, 1, &known, NULL, &err), -1);
	EVENTUALLY(progress_count(p, job, 1, &ordinal, &state, 1, &known, NULL, &err));
	expect(2, 0, 0, 0);
}

static void passwords(void)
{
	bool known;

	tell(&own, "ACL SETUSER weir on >p@ss ~weir:* &weir:* +@all");
	open_server(&own, "weir:p%40ss@");
	SUCCEEDS(progress_begin(p, job, 1, &err));
	open_server(&own, "weir:wrong@");
	CU_ASSERT_EQUAL(progress_begin(p, job, 1, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "redis_wrongpass");
	tell(&own, "ACL SETUSER default nopass resetkeys -@all +auth +ping +acl");
	open_server(&own, "");
	CU_ASSERT_EQUAL(progress_read(p, job, 1, &known, NULL, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "redis_noperm");
	tell(&own, "ACL SETUSER default on >secret allkeys +@all resetpass >secret");
	open_server(&own, "");
	CU_ASSERT_EQUAL(progress_read(p, job, 1, &known, NULL, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "redis_noauth");
	open_server(&own, ":secret@");
	SUCCEEDS(progress_read(p, job, 1, &known, NULL, &err));
	server_kill(&own);
	server_run(&own);
}

static void out_of_memory(void)
{
	uint32_t ordinal = 10000000;
	uint8_t state = ITEM_SUCCESS;
	bool known = false;

	open_server(&own, "");
	SUCCEEDS(progress_begin(p, job, 1, &err));
	count(0, 1, ITEM_SUCCESS, &known, NULL);
	tell(&own, "CONFIG SET maxmemory 1");
	CU_ASSERT_EQUAL(progress_count(p, job, 1, &ordinal, &state, 1, &known, NULL, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "redis_oom");
	expect(1, 0, 0, 0); /* the connection is still there */
	tell(&own, "CONFIG SET maxmemory 0");
	SUCCEEDS(progress_count(p, job, 1, &ordinal, &state, 1, &known, NULL, &err));
}

static void read_only(void)
{
	uint32_t ordinal = 1;
	uint8_t state = ITEM_SUCCESS;
	bool known;

	open_server(&own, "");
	SUCCEEDS(progress_begin(p, job, 1, &err));
	count(0, 1, ITEM_SUCCESS, &known, NULL);
	tell(&own, "REPLICAOF 127.0.0.1 1");
	CU_ASSERT_EQUAL(progress_count(p, job, 1, &ordinal, &state, 1, &known, NULL, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "redis_readonly");
	tell(&own, "REPLICAOF NO ONE");
	EVENTUALLY(progress_count(p, job, 1, &ordinal, &state, 1, &known, NULL, &err));
	CU_ASSERT_TRUE(known);
}

void add_progress_suite(void);

void add_progress_suite(void)
{
	CU_pSuite suite = CU_add_suite("progress, any server", open_shared, close_shared);

	CU_add_test(suite, "nothing is known before", nothing_is_known_before);
	CU_add_test(suite, "life of a stage", life_of_a_stage);
	CU_add_test(suite, "every change of state", every_change_of_state);
	CU_add_test(suite, "twice in one call", twice_in_one_call);
	CU_add_test(suite, "like the model", like_the_model);
	CU_add_test(suite, "ten million", ten_million);
	CU_add_test(suite, "speed", speed);
	CU_add_test(suite, "in steps", in_steps);
	CU_add_test(suite, "by one at a time", by_one_at_a_time);
	CU_add_test(suite, "watching", watching);
	CU_add_test(suite, "server words", server_words);
	suite = CU_add_suite("progress, own server", prepare_own, stop_own);
	CU_add_test(suite, "starts", starts);
	CU_add_test(suite, "forgotten script", forgotten_script);
	CU_add_test(suite, "wiped", wiped);
	CU_add_test(suite, "half lost", half_lost);
	CU_add_test(suite, "expires", expires);
	CU_add_test(suite, "former keys expire", former_keys_expire);
	CU_add_test(suite, "restarted", restarted);
	CU_add_test(suite, "away and back", away_and_back);
	CU_add_test(suite, "late answers", late_answers);
	CU_add_test(suite, "said again", said_again);
	CU_add_test(suite, "passwords", passwords);
	CU_add_test(suite, "out of memory", out_of_memory);
	CU_add_test(suite, "read only", read_only);
}
