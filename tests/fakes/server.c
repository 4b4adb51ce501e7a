/* The program: one thread, one loop, and calls that wait for their time. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake.h"
#include "weir/clock.h"

struct settings_of_fake settings_of_fake;
static struct MHD_Daemon *daemon_;
static volatile sig_atomic_t stopping;
static unsigned era;

void fake_new_era(void) { era++; }

int64_t fake_now_ms(void) { return clock_us() / 1000; }

void fake_id(char *out, size_t room, const char *prefix)
{
	static uint64_t count, run;
	if (!run)
		run = (uint64_t)clock_wall_us();
	snprintf(out, room, "%s_%llx%06llu", prefix, (unsigned long long)run,
		 (unsigned long long)++count);
}

const char *call_header(const struct call *c, const char *name)
{
	return MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, name);
}

const char *call_query(const struct call *c, const char *name)
{
	return MHD_lookup_connection_value(c->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* ---- calls that wait: a heap, the soonest on top ---- */

static struct {
	struct call **calls;
	size_t size, room;
} waiting;

static void heap_put(size_t at, struct call *c)
{
	while (at > 0 && waiting.calls[(at - 1) / 2]->due_ms > c->due_ms) {
		waiting.calls[at] = waiting.calls[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	waiting.calls[at] = c;
}

static struct call *heap_pop(void)
{
	struct call *top = waiting.calls[0], *moved = waiting.calls[--waiting.size];
	size_t at = 0, child;
	while ((child = 2 * at + 1) < waiting.size) {
		if (child + 1 < waiting.size &&
		    waiting.calls[child + 1]->due_ms < waiting.calls[child]->due_ms)
			child++;
		if (waiting.calls[child]->due_ms >= moved->due_ms)
			break;
		waiting.calls[at] = waiting.calls[child];
		at = child;
	}
	waiting.calls[at] = moved;
	return top;
}

static void wait_until(struct call *c, int64_t due_ms)
{
	if (waiting.size == waiting.room) {
		waiting.room = waiting.room ? 2 * waiting.room : 1024;
		waiting.calls = realloc(waiting.calls, waiting.room * sizeof *waiting.calls);
		if (!waiting.calls)
			abort();
	}
	c->due_ms = due_ms;
	heap_put(waiting.size++, c);
	MHD_suspend_connection(c->connection);
}

static void resume_due(int64_t now)
{
	while (waiting.size && waiting.calls[0]->due_ms <= now)
		MHD_resume_connection(heap_pop()->connection);
}

/* ---- responses ---- */

/* The body of a response that is late, or is cut. */
static ssize_t read_body(void *owner, uint64_t at, char *out, size_t room)
{
	struct call *c = owner;
	size_t size = c->reply.body.size;
	if (fake_now_ms() < c->began_ms + c->reply.latency_ms) {
		wait_until(c, c->began_ms + c->reply.latency_ms);
		return 0;
	}
	if (c->reply.cut_after >= 0 && (uint64_t)c->reply.cut_after < size)
		size = (size_t)c->reply.cut_after;
	if (at >= size)
		return c->reply.framing == CHUNKED && size == c->reply.body.size
			       ? MHD_CONTENT_READER_END_OF_STREAM
			       : MHD_CONTENT_READER_END_WITH_ERROR;
	if (room > size - at)
		room = size - (size_t)at;
	memcpy(out, c->reply.body.data + at, room);
	return (ssize_t)room;
}

static struct MHD_Response *response_of(struct call *c)
{
	struct reply *r = &c->reply;
	if (r->framing == CHUNKED || r->framing == CHUNKED_CUT)
		return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, read_body, c,
							 NULL);
	if (r->framing == CLAIMS_MORE)
		return MHD_create_response_from_callback(r->body.size + 100, 16384, read_body, c,
							 NULL);
	if (r->cut_after >= 0 || r->latency_ms > r->first_byte_ms)
		return MHD_create_response_from_callback(r->body.size, 16384, read_body, c, NULL);
	return MHD_create_response_from_buffer(r->body.size, r->body.data, MHD_RESPMEM_PERSISTENT);
}

/* A length that is less than what follows. The library writes none of that kind. */
static enum MHD_Result send_more(struct call *c)
{
	struct buffer all = BUFFER_INIT;
	struct reply *r = &c->reply;
	int fd = MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
			 ->connect_fd;
	buffer_printf(&all, "HTTP/1.1 %d \r\ncontent-type: %s\r\ncontent-length: %zu\r\n\r\n",
		      r->status, r->type ? r->type : "application/json",
		      r->body.size - r->body.size / 3);
	buffer_add(&all, r->body.data, r->body.size);
	send(fd, all.data, all.size, MSG_DONTWAIT | MSG_NOSIGNAL);
	buffer_release(&all);
	return MHD_NO;
}

/* A second length, which is less. */
static void claim_two(struct MHD_Response *response, size_t size)
{
	char text[32];
	snprintf(text, sizeof text, "%zu", size - size / 3);
	MHD_set_response_options(response, MHD_RF_INSANITY_HEADER_CONTENT_LENGTH, MHD_RO_END);
	MHD_add_response_header(response, "content-length", text);
	MHD_add_response_header(response, "connection", "close");
}

static enum MHD_Result send_reply(struct call *c)
{
	const char *name;
	json_t *value;
	struct MHD_Response *response = response_of(c);
	if (!response)
		return MHD_NO;
	if (!c->reply.type || *c->reply.type)
		MHD_add_response_header(response, "content-type",
					c->reply.type ? c->reply.type : "application/json");
	if (c->reply.framing == CLAIMS_TWO)
		claim_two(response, c->reply.body.size);
	json_object_foreach(c->reply.headers, name, value)
		MHD_add_response_header(response, name, json_string_value(value));
	enum MHD_Result result =
		MHD_queue_response(c->connection, (unsigned)c->reply.status, response);
	MHD_destroy_response(response);
	return result;
}

#define LOOK_MS 50 /* between two looks at whether somebody who gets no answer has gone */

static bool is_left(const struct call *c)
{
	char byte;
	int fd = MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
			 ->connect_fd;
	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0 || c->era != era;
}

/* Now, later or never. */
static enum MHD_Result proceed(struct call *c)
{
	int64_t due = c->began_ms + c->reply.first_byte_ms;
	if (c->reply.drop) {
		if (is_left(c))
			return MHD_NO;
		wait_until(c, fake_now_ms() + LOOK_MS);
		return MHD_YES;
	}
	if (fake_now_ms() < due) {
		wait_until(c, due);
		return MHD_YES;
	}
	return c->reply.lost			 ? MHD_NO
	       : c->reply.framing == CLAIMS_LESS ? send_more(c)
						 : send_reply(c);
}

static enum MHD_Result on_request(void *unused, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **state)
{
	(void)unused;
	(void)version;
	struct call *c = *state;
	if (!c) {
		*state = c = calloc(1, sizeof *c);
		if (!c)
			return MHD_NO;
		c->connection = connection;
		c->reply.cut_after = -1;
		return MHD_YES;
	}
	if (*size) {
		buffer_add(&c->body, data, *size);
		*size = 0;
		return MHD_YES;
	}
	if (!c->decided) {
		c->decided = true;
		c->began_ms = fake_now_ms();
		c->era = era;
		call_route(c, method, path);
		call_decide(c);
	}
	return proceed(c);
}

static void on_completed(void *unused, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode code)
{
	(void)unused;
	(void)connection;
	(void)code;
	struct call *c = *state;
	if (!c)
		return;
	if (c->begun)
		log_end();
	if (c->stop)
		stopping = 1;
	json_decref(c->json);
	json_decref(c->lines);
	json_decref(c->rule);
	json_decref(c->reply.headers);
	asked_release(&c->asked);
	buffer_release(&c->reply.body);
	buffer_release(&c->body);
	free(c);
	*state = NULL;
}

/* ---- the program ---- */

static void on_signal(int number)
{
	(void)number;
	stopping = 1;
}

static int parse_arguments(int argc, char **argv)
{
	static const struct option options[] = {{"port", required_argument, NULL, 'p'},
						{"key", required_argument, NULL, 'k'},
						{"latency", required_argument, NULL, 'l'},
						{"idempotent", no_argument, NULL, 'i'},
						{"prefix", required_argument, NULL, 'x'},
						{"not-found", required_argument, NULL, 'n'},
						{"open", no_argument, NULL, 'o'},
						{"record", no_argument, NULL, 'r'},
						{"strict-keys", no_argument, NULL, 's'},
						{NULL, 0, NULL, 0}};
	for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (o == 'p')
			settings_of_fake.port = atoi(optarg);
		else if (o == 'k')
			settings_of_fake.key = optarg;
		else if (o == 'l')
			settings_of_fake.latency_ms = atoll(optarg);
		else if (o == 'i')
			settings_of_fake.idempotent = true;
		else if (o == 'n')
			settings_of_fake.not_found = optarg;
		else if (o == 'o')
			settings_of_fake.open = true;
		else if (o == 'r')
			settings_of_fake.record = true;
		else if (o == 's')
			settings_of_fake.strict_keys = true;
		else if (o != 'x' || paths_add(optarg) < 0)
			return -1;
	}
	return optind == argc ? 0 : -1;
}

static void raise_limits(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static struct MHD_Daemon *listen_on(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, (uint16_t)port, NULL,
				NULL, on_request, NULL, MHD_OPTION_SOCK_ADDR, &address,
				MHD_OPTION_CONNECTION_LIMIT, 20000u, MHD_OPTION_LISTEN_BACKLOG_SIZE,
				4096u, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
				MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_END);
}

static int pause_before(int64_t now)
{
	MHD_UNSIGNED_LONG_LONG wanted;
	int64_t pause = 100;
	if (MHD_get_timeout(daemon_, &wanted) == MHD_YES && wanted < (unsigned)pause)
		pause = (int64_t)wanted;
	if (waiting.size && waiting.calls[0]->due_ms - now < pause)
		pause = waiting.calls[0]->due_ms - now;
	return pause < 0 ? 0 : (int)pause;
}

static void serve(void)
{
	int fd = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	struct pollfd look = {.fd = fd, .events = POLLIN};
	while (!stopping) {
		if (poll(&look, 1, pause_before(fake_now_ms())) < 0 && errno != EINTR)
			return;
		resume_due(fake_now_ms());
		MHD_run(daemon_);
		batches_turn(fake_now_ms());
	}
}

int main(int argc, char **argv)
{
	if (parse_arguments(argc, argv) < 0) {
		fprintf(stderr, "usage: fake_provider [--port N] [--key KEY] [--idempotent] "
				"[--latency MS] [--prefix PATH]... [--not-found NAME] [--open] "
				"[--record] [--strict-keys]\n");
		return 2;
	}
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	raise_limits();
	daemon_ = listen_on(settings_of_fake.port);
	if (!daemon_) {
		fprintf(stderr, "fake_provider: cannot listen on port %d: %s\n",
			settings_of_fake.port, strerror(errno));
		return 1;
	}
	printf("port=%d\nfake_ready\n",
	       (int)MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_BIND_PORT)->port);
	fflush(stdout);
	serve();
	return 0; /* what waits still ends with the process */
}
