/* Makes a server far away, and counts how often somebody waits for it.
 *
 *   bench_proxy PORT DELAY_MS
 *
 * Listens on a port of 127.0.0.1 that it chooses, prints "port=N", and passes everything on to the
 * server on PORT. A round trip is a turn of a connection: bytes to the server after bytes to the
 * client. Each turn's bytes are held back for DELAY_MS, once, however many pieces they come in:
 * what a client sends without waiting for an answer costs one round trip, as it does on a network.
 *
 * Turns belong together as long as the client goes on at once when it has its answer. Of each such
 * group it prints "turns=N" when the next begins, or at SIGTERM, which ends it.
 *
 * tests/faults/proxy.c has another purpose: it lives in a test's own process, to break connections.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LINKS 32
#define QUIET_MS 25

/* One way of a connection: what came in and has not gone out. */
struct way {
	int in, out;
	char bytes[65536];
	size_t begin, size;
};

static struct link {
	struct way ways[2]; /* to the server, to the client */
	int64_t go_at_ms;   /* not before this to the server */
	bool open, answered;
} links[LINKS];

static struct {
	int listener;
	struct sockaddr_in server;
	int delay_ms, turns;
	int64_t answered_ms; /* when the last bytes went to a client */
} proxy;

static volatile sig_atomic_t stopping;

static void on_stop(int signal)
{
	(void)signal;
	stopping = 1;
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void die(const char *doing)
{
	perror(doing);
	exit(1);
}

/* ---- counting ---- */

static void end_group(void)
{
	if (proxy.turns > 0)
		printf("turns=%d\n", proxy.turns);
	proxy.turns = 0;
}

static void note_bytes(struct link *l, int way)
{
	int64_t now = now_ms();
	if (way == 0 && l->answered) {
		if (now - proxy.answered_ms >= QUIET_MS)
			end_group();
		proxy.turns++;
		l->go_at_ms = now + proxy.delay_ms;
	}
	l->answered = way == 1;
}

/* ---- connections ---- */

static void link_close(struct link *l)
{
	close(l->ways[0].in);
	close(l->ways[0].out);
	l->open = false;
}

static struct link *free_link(void)
{
	for (int i = 0; i < LINKS; i++)
		if (!links[i].open)
			return &links[i];
	return NULL;
}

/* On the loopback a connection is there at once or refused. */
static int connect_to_server(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&proxy.server, sizeof proxy.server) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void prepare(int fd)
{
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* The first bytes to the server are a turn as well. */
static void take_in(void)
{
	int client = accept4(proxy.listener, NULL, NULL, SOCK_CLOEXEC);
	int server = client < 0 ? -1 : connect_to_server();
	struct link *l = free_link();
	if (server < 0 || !l) {
		fprintf(stderr, "bench_proxy: a connection could not be taken\n");
		if (client >= 0)
			close(client);
		if (server >= 0)
			close(server);
		return;
	}
	prepare(client);
	prepare(server);
	*l = (struct link){.open = true, .answered = true};
	l->ways[0].in = l->ways[1].out = client;
	l->ways[0].out = l->ways[1].in = server;
}

static bool passes_later(ssize_t n) { return n < 0 && (errno == EAGAIN || errno == EINTR); }

static void receive(struct link *l, int way)
{
	struct way *w = &l->ways[way];
	ssize_t n = read(w->in, w->bytes, sizeof w->bytes);
	if (passes_later(n))
		return;
	if (n <= 0) {
		link_close(l);
		return;
	}
	w->begin = 0;
	w->size = (size_t)n;
	note_bytes(l, way);
}

static void send_on(struct link *l, int way)
{
	struct way *w = &l->ways[way];
	ssize_t n = send(w->out, w->bytes + w->begin, w->size, MSG_NOSIGNAL);
	if (passes_later(n))
		return;
	if (n < 0) {
		link_close(l);
		return;
	}
	w->begin += (size_t)n;
	w->size -= (size_t)n;
	if (way == 1)
		proxy.answered_ms = now_ms();
}

/* ---- the loop ---- */

struct watched {
	struct pollfd fds[1 + 2 * LINKS];
	int link[1 + 2 * LINKS], way[1 + 2 * LINKS];
	nfds_t count;
};

static void watch_way(struct watched *w, int link, int way, int64_t now, int *timeout)
{
	const struct way *p = &links[link].ways[way];
	int64_t wait = way == 0 && p->size > 0 ? links[link].go_at_ms - now : 0;
	if (wait > 0) {
		*timeout = wait < *timeout ? (int)wait : *timeout;
		return;
	}
	bool out = p->size > 0;
	w->link[w->count] = link;
	w->way[w->count] = way;
	w->fds[w->count++] =
		(struct pollfd){.fd = out ? p->out : p->in, .events = out ? POLLOUT : POLLIN};
}

static int watch_all(struct watched *w)
{
	int timeout = 1000;
	int64_t now = now_ms();
	w->fds[0] = (struct pollfd){.fd = proxy.listener, .events = POLLIN};
	w->count = 1;
	for (int i = 0; i < LINKS; i++)
		for (int way = 0; way < 2 && links[i].open; way++)
			watch_way(w, i, way, now, &timeout);
	return timeout;
}

static void serve(const struct watched *w)
{
	for (nfds_t i = 1; i < w->count; i++) {
		struct link *l = &links[w->link[i]];
		if (!w->fds[i].revents || !l->open)
			continue;
		if (w->fds[i].events & POLLOUT)
			send_on(l, w->way[i]);
		else
			receive(l, w->way[i]);
	}
	if (w->fds[0].revents)
		take_in();
}

static void run_proxy(void)
{
	static struct watched w;
	while (!stopping) {
		int timeout = watch_all(&w);
		if (poll(w.fds, w.count, timeout) > 0)
			serve(&w);
	}
	end_group();
}

/* ---- start ---- */

static void listen_anywhere(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	proxy.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (proxy.listener < 0 || bind(proxy.listener, (struct sockaddr *)&at, size) < 0 ||
	    listen(proxy.listener, LINKS) < 0 ||
	    getsockname(proxy.listener, (struct sockaddr *)&at, &size) < 0)
		die("bench_proxy: listen");
	printf("port=%d\n", ntohs(at.sin_port));
}

int main(int argc, char **argv)
{
	int port = argc == 3 ? atoi(argv[1]) : 0;
	proxy.delay_ms = argc == 3 ? atoi(argv[2]) : -1;
	if (port < 1 || port > 65535 || proxy.delay_ms < 0) {
		fprintf(stderr, "usage: bench_proxy PORT DELAY_MS\n");
		return 2;
	}
	proxy.server = (struct sockaddr_in){.sin_family = AF_INET,
					    .sin_port = htons((uint16_t)port),
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	setvbuf(stdout, NULL, _IOLBF, 0);
	struct sigaction stop = {.sa_handler = on_stop}; /* ends poll() */
	sigaction(SIGTERM, &stop, NULL);
	listen_anywhere();
	run_proxy();
	return 0;
}
