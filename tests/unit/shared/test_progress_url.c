/* The Redis client against a server that says what the test wants, and against no server. */
#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "weir/buffer.h"
#include "weir/clock.h"
#include "weir/progress.h"

#define CLOSE "close"	/* instead of an answer */
#define SILENCE "quiet" /* no answer until the client hangs up */
#define OK "+OK\r\n"

/* Accepts one connection after the other and gives each command the next answer. */
struct server {
	pthread_t thread;
	int fd, port;
	const char *const *answers; /* NULL ends them */
	struct buffer heard;
};

static struct progress *p;
static struct weir_error err;

/* False when the client has hung up. */
static bool hear(struct server *s, int client)
{
	char block[65536];
	ssize_t size = read(client, block, sizeof(block));

	if (size > 0)
		buffer_add(&s->heard, block, (size_t)size);
	return size > 0;
}

static void serve_client(struct server *s, int client)
{
	while (*s->answers && hear(s, client)) {
		const char *answer = *s->answers++;

		if (strcmp(answer, CLOSE) == 0)
			return;
		if (strcmp(answer, SILENCE) != 0 &&
		    write(client, answer, strlen(answer)) != (ssize_t)strlen(answer))
			return;
	}
	while (!*s->answers && hear(s, client)) /* stay until the client goes */
		;
}

static void *serve(void *data)
{
	struct server *s = data;

	while (*s->answers) {
		int client = accept(s->fd, NULL, NULL);

		if (client < 0)
			break;
		serve_client(s, client);
		close(client);
	}
	return NULL;
}

static void server_start(struct server *s, const char *const *answers)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);

	*s = (struct server){.answers = answers};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(s->fd, (struct sockaddr *)&address, size), 0);
	CU_ASSERT_EQUAL_FATAL(listen(s->fd, 8), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(s->fd, (struct sockaddr *)&address, &size), 0);
	s->port = ntohs(address.sin_port);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
	progress_close(p);
	p = NULL;
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	buffer_release(&s->heard);
}

static void open_url(const struct server *s, const char *before, const char *after)
{
	char url[200];

	snprintf(url, sizeof(url), "redis://%s127.0.0.1:%d%s", before, s->port, after);
	CU_ASSERT_EQUAL_FATAL(progress_open(url, 200, &p, &err), 0);
}

static void bad_urls(void)
{
	static const char *const urls[] = {
		"",
		"localhost",
		"http://localhost",
		"rediss://localhost",
		"redis://",
		"redis:///1",
		"redis://user@host",
		"redis://u:hunter2@",
		"redis://u:hunter2%4@host",
		"redis://u:hunter2%00@host",
		"redis://:hunter2%@host",
		"redis://:hunter2@host:0",
		"redis://:hunter2@host:65536",
		"redis://:hunter2@host:x",
		"redis://:hunter2@host:",
		"redis://:hunter2@[::1",
		"redis://:hunter2@[::1]x",
		"redis://:hunter2@host/x",
		"redis://:hunter2@host/-1",
		"redis://:hunter2@host/1?a=b",
		"redis://:hunter2@host/99999999999",
	};

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		p = NULL;
		CU_ASSERT_EQUAL(progress_open(urls[i], 200, &p, &err), -1);
		CU_ASSERT_STRING_EQUAL(err.code, "bad_url");
		CU_ASSERT_PTR_NULL(strstr(err.text, "hunter2"));
		CU_ASSERT_PTR_NULL(p);
	}
	CU_ASSERT_EQUAL(progress_open("redis://host", 0, &p, &err), -1);
	progress_close(NULL);
}

static void good_urls(void)
{
	static const char *const urls[] = {"redis://h", "REDIS://h:1/", "redis://:p@h/0",
					   "redis://u:p@q%3A@[::1]:65535/15", "redis://:@[::1]"};

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		CU_ASSERT_EQUAL(progress_open(urls[i], 200, &p, &err), 0);
		progress_close(p);
		p = NULL;
	}
}

static void logs_in(void)
{
	static const char *const answers[] = {OK, OK, ":2\r\n", NULL};
	struct server s;

	server_start(&s, answers);
	open_url(&s, "us%65r:p%40s%20s@", "/3");
	CU_ASSERT_EQUAL(progress_drop(p, "job", 1, &err), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_text(&s.heard),
				      "*3\r\n$4\r\nAUTH\r\n$4\r\nuser\r\n$5\r\np@s s\r\n"
				      "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
				      "*3\r\n$6\r\nUNLINK\r\n$20\r\nweir:{job}:s1:states\r\n"));
	server_stop(&s);
}

static void no_user(void)
{
	static const char *const answers[] = {OK, ":2\r\n", NULL};
	struct server s;

	server_start(&s, answers);
	open_url(&s, ":secret@", "");
	CU_ASSERT_EQUAL(progress_drop(p, "job", 1, &err), 0);
	CU_ASSERT_PTR_EQUAL(strstr(buffer_text(&s.heard), "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n"),
			    s.heard.data);
	server_stop(&s);
}

/* A refused login: one call says why, the next ones fail at once and still say why. */
static void login_refused(void)
{
	static const char *const answers[] = {"-WRONGPASS invalid username-password pair\r\n",
					      NULL};
	struct server s;
	int64_t before;

	server_start(&s, answers);
	open_url(&s, ":secret@", "");
	CU_ASSERT_EQUAL(progress_drop(p, "job", 1, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "redis_wrongpass");
	before = clock_us();
	CU_ASSERT_EQUAL(progress_drop(p, "job", 1, &err), -1);
	CU_ASSERT(clock_us() - before < 20000);
	CU_ASSERT_STRING_EQUAL(err.code, "redis_away");
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "WRONGPASS"));
	CU_ASSERT_PTR_NULL(strstr(err.text, "secret"));
	server_stop(&s);
}

/* Refusals that say nothing of the connection leave it open. */
static void refusals(void)
{
	static const char *const answers[] = {"-LOADING Redis is loading\r\n",
					      "-BUSY busy\r\n",
					      "-OOM memory\r\n",
					      "-MISCONF disk\r\n",
					      "-ERR unknown\r\n",
					      "-weird\r\n",
					      "-NOPERM no\r\n",
					      ":1\r\n",
					      NULL};
	static const char *const codes[] = {"redis_loading", "redis_busy",  "redis_oom",
					    "redis_misconf", "redis_error", "redis_error",
					    "redis_noperm"};
	struct server s;

	server_start(&s, answers);
	open_url(&s, "", "");
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		CU_ASSERT_EQUAL(progress_drop(p, "job", 1, &err), -1);
		CU_ASSERT_STRING_EQUAL(err.code, codes[i]);
	}
	CU_ASSERT_EQUAL(progress_drop(p, "job", 1, NULL), 0);
	server_stop(&s);
}

/* The answer of the server, once the pause after the last failure is over. */
static int drop_after_pause(struct weir_error *why)
{
	int64_t until = clock_us() + 20000000;
	int rc;

	while ((rc = progress_drop(p, "job", 1, why)) < 0 && strcmp(why->code, "redis_away") == 0 &&
	       clock_us() < until)
		usleep(10000);
	return rc;
}

static void refusals_that_drop(void)
{
	static const char *const answers[] = {"-READONLY You can't write\r\n",
					      "-NOAUTH Authentication required.\r\n",
					      "-MASTERDOWN down\r\n", ":1\r\n", NULL};
	static const char *const codes[] = {"redis_readonly", "redis_noauth", "redis_masterdown"};
	struct server s;

	server_start(&s, answers);
	open_url(&s, "", "");
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		CU_ASSERT_EQUAL(drop_after_pause(&err), -1);
		CU_ASSERT_STRING_EQUAL(err.code, codes[i]);
		CU_ASSERT_EQUAL(progress_drop(p, "job", 1, &err), -1);
		CU_ASSERT_STRING_EQUAL(err.code, "redis_away");
	}
	CU_ASSERT_EQUAL(drop_after_pause(&err), 0);
	server_stop(&s);
}

static void timeout_and_pause(void)
{
	static const char *const answers[] = {SILENCE, ":1\r\n", NULL};
	struct server s;
	int64_t before = clock_us();

	server_start(&s, answers);
	open_url(&s, "", "");
	CU_ASSERT_EQUAL(progress_drop(p, "job", 1, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "redis_timeout");
	CU_ASSERT(clock_us() - before > 190000);
	CU_ASSERT_EQUAL(progress_drop(p, "job", 1, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "redis_away");
	CU_ASSERT_EQUAL(drop_after_pause(&err), 0);
	server_stop(&s);
}

static void nobody_listens(void)
{
	static const char *const answers[] = {NULL};
	struct server s;

	server_start(&s, answers);
	open_url(&s, "", "");
	shutdown(s.fd, SHUT_RDWR);
	close(s.fd);
	CU_ASSERT_EQUAL(progress_drop(p, "job", 1, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "redis_away");
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "127.0.0.1"));
	server_stop(&s);
}

/* A kept connection that the server has closed is replaced within the call, a fresh one is not. */
static void closed_by_the_server(void)
{
	static const char *const answers[] = {":1\r\n", CLOSE, ":1\r\n", CLOSE, CLOSE, NULL};
	struct server s;

	server_start(&s, answers);
	open_url(&s, "", "");
	CU_ASSERT_EQUAL(progress_drop(p, "job", 1, &err), 0);
	CU_ASSERT_EQUAL(progress_drop(p, "job", 1, &err), 0);
	CU_ASSERT_EQUAL(progress_drop(p, "job", 1, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "redis_lost");
	server_stop(&s);
}

static void counts(void)
{
	static const char *const answers[] = {"*4\r\n$1\r\n5\r\n$1\r\n6\r\n$1\r\n7\r\n$2\r\n80\r\n",
					      "*4\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n",
					      ":1\r\n",
					      "garbage\r\n",
					      "garbage\r\n",
					      NULL};
	struct progress_counts c = {0};
	struct server s;
	bool known = false;

	server_start(&s, answers);
	open_url(&s, "", "");
	CU_ASSERT_EQUAL(progress_read(p, "job", 1, &known, &c, &err), 0);
	CU_ASSERT(known && c.success == 5 && c.failed == 6 && c.cancelled == 7 && c.total == 80);
	CU_ASSERT_EQUAL(progress_read(p, "job", 1, &known, &c, &err), 0);
	CU_ASSERT(!known && c.total == 80);
	CU_ASSERT_EQUAL(progress_read(p, "job", 1, &known, &c, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "redis_error");
	CU_ASSERT_EQUAL(progress_read(p, "job", 1, &known, &c, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "redis_lost");
	server_stop(&s);
}

static void bad_values(void)
{
	uint32_t ordinal = PROGRESS_ORDINAL_MAX;
	uint8_t state = 4;
	bool known;

	CU_ASSERT_EQUAL_FATAL(progress_open("redis://127.0.0.1:1", 200, &p, &err), 0);
	CU_ASSERT_EQUAL(progress_drop(p, "", 1, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_value");
	CU_ASSERT_EQUAL(progress_drop(p, "a}{b", 1, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_value");
	CU_ASSERT_EQUAL(progress_count(p, "job", 1, &ordinal, &state, 1, &known, NULL, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_value");
	ordinal++;
	state = ITEM_SUCCESS;
	CU_ASSERT_EQUAL(progress_count(p, "job", 1, &ordinal, &state, 1, &known, NULL, &err), -1);
	CU_ASSERT_STRING_EQUAL(err.code, "bad_value");
	progress_close(p);
	p = NULL;
}

/* A message that came together with the answer is a change; half a message is none yet. */
static void watched_messages(void)
{
	static const char *const answers[] = {
		"*3\r\n$9\r\nsubscribe\r\n$17\r\nweir:{j}:s1:liveX\r\n:1\r\n"
		"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n*3\r\n$7\r\nmess",
		NULL};
	struct server s;
	bool changed = false;
	int64_t before;

	server_start(&s, answers);
	open_url(&s, "", "");
	CU_ASSERT_EQUAL(progress_watch(p, "j", 1, 50, &changed, &err), 0);
	CU_ASSERT_TRUE(changed);
	CU_ASSERT_EQUAL(progress_watch(p, "j", 1, 50, &changed, &err), 0);
	CU_ASSERT_TRUE(changed);
	before = clock_us();
	CU_ASSERT_EQUAL(progress_watch(p, "j", 1, 50, &changed, &err), 0);
	CU_ASSERT_FALSE(changed);
	CU_ASSERT(clock_us() - before >= 50000);
	server_stop(&s);
}

void add_progress_url_suite(void);

void add_progress_url_suite(void)
{
	CU_pSuite suite = CU_add_suite("progress", NULL, NULL);

	CU_add_test(suite, "bad URLs", bad_urls);
	CU_add_test(suite, "good URLs", good_urls);
	CU_add_test(suite, "logs in", logs_in);
	CU_add_test(suite, "no user", no_user);
	CU_add_test(suite, "login refused", login_refused);
	CU_add_test(suite, "refusals", refusals);
	CU_add_test(suite, "refusals that drop", refusals_that_drop);
	CU_add_test(suite, "timeout and pause", timeout_and_pause);
	CU_add_test(suite, "nobody listens", nobody_listens);
	CU_add_test(suite, "closed by the server", closed_by_the_server);
	CU_add_test(suite, "counts", counts);
	CU_add_test(suite, "bad values", bad_values);
	CU_add_test(suite, "watched messages", watched_messages);
}
