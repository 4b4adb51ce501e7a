#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../integration/world.h"

#define LINKS 256
#define PIPE_BYTES 32768

struct rule {
	int delay_ms, rate, piece;
	bool swallow;
};

/* One way of a connection: what came in and has not gone out. */
struct pipe_way {
	int in, out; /* descriptors */
	char bytes[PIPE_BYTES];
	size_t begin, size;
	int64_t go_at_ms;
	bool ended;
};

struct link {
	enum proxied which;
	struct pipe_way ways[2]; /* to the server, to the client */
	bool open, swallowed, doomed;
};

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	int wake[2], listeners[PROXIES];
	struct sockaddr_in servers[PROXIES];
	struct rule rules[PROXIES][2];
	bool refuse[PROXIES], stop, answer_cut[PROXIES];
	char trigger[PROXIES][64];
	struct link *links[LINKS];
} proxy = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = {-1, -1}};

static const char *const url_names[PROXIES] = {"WEIR_AMQP_URL", "WEIR_REDIS_URL", "WEIR_PG_URL"};

/* ---- connections ---- */

static void reset(int fd)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(fd);
}

static void link_reset(struct link *l)
{
	if (!l->open)
		return;
	reset(l->ways[0].in);
	reset(l->ways[0].out);
	l->open = false;
}

static struct link *free_link(void)
{
	for (int i = 0; i < LINKS; i++) {
		if (!proxy.links[i])
			proxy.links[i] = calloc(1, sizeof *proxy.links[i]);
		if (proxy.links[i] && !proxy.links[i]->open)
			return proxy.links[i];
	}
	return NULL;
}

static int prepare(int fd)
{
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* On the loopback a connection is there at once or refused. */
static int connect_to(enum proxied which)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 &&
	    connect(fd, (struct sockaddr *)&proxy.servers[which], sizeof proxy.servers[which]) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void take_in(enum proxied which)
{
	int client = accept4(proxy.listeners[which], NULL, NULL, SOCK_CLOEXEC);
	if (client < 0)
		return;
	int server = proxy.refuse[which] ? -1 : connect_to(which);
	struct link *l = server < 0 ? NULL : free_link();
	if (!l) {
		reset(client);
		if (server >= 0)
			close(server);
		return;
	}
	memset(l, 0, sizeof *l);
	l->which = which;
	l->open = true;
	l->ways[0].in = l->ways[1].out = client;
	l->ways[0].out = l->ways[1].in = server;
	prepare(client);
	prepare(server);
}

/* ---- bytes ---- */

static const struct rule *rule_of(const struct link *l, int way)
{
	return &proxy.rules[l->which][way];
}

static void look_for_trigger(struct link *l, int way)
{
	struct pipe_way *w = &l->ways[way];
	const char *text = proxy.trigger[l->which];
	if (way != 0 || !*text || !memmem(w->bytes, w->size, text, strlen(text)))
		return;
	proxy.trigger[l->which][0] = '\0';
	l->doomed = true;
}

/* The answer that a doomed connection waits for is there. */
static void keep_answer(struct link *l)
{
	proxy.answer_cut[l->which] = true;
	link_reset(l);
}

static void receive(struct link *l, int way)
{
	struct pipe_way *w = &l->ways[way];
	const struct rule *rule = rule_of(l, way);
	ssize_t n = read(w->in, w->bytes, sizeof w->bytes);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		link_reset(l);
		return;
	}
	w->ended = n == 0;
	w->begin = 0;
	w->size = (size_t)n;
	w->go_at_ms = now_ms() + rule->delay_ms;
	look_for_trigger(l, way);
	if (way == 1 && l->doomed && n > 0)
		keep_answer(l);
	else if (w->ended)
		shutdown(w->out, SHUT_WR);
	if (rule->swallow) {
		l->swallowed = true;
		w->size = 0;
	}
	if (l->ways[0].ended && l->ways[1].ended && l->open)
		link_reset(l);
}

static size_t allowed(const struct rule *rule, size_t size)
{
	size_t most = rule->piece > 0 ? (size_t)rule->piece : size;
	if (rule->rate > 0 && !rule->piece)
		most = (size_t)(rule->rate / 20 + 1);
	return most < size ? most : size;
}

static void send_on(struct link *l, int way)
{
	struct pipe_way *w = &l->ways[way];
	const struct rule *rule = rule_of(l, way);
	ssize_t n = send(w->out, w->bytes + w->begin, allowed(rule, w->size), MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		link_reset(l);
		return;
	}
	w->begin += (size_t)n;
	w->size -= (size_t)n;
	if (rule->rate > 0)
		w->go_at_ms = now_ms() + 1000 * n / rule->rate;
}

/* ---- the loop ---- */

struct watched {
	struct pollfd fds[1 + PROXIES + 2 * LINKS];
	struct link *links[1 + PROXIES + 2 * LINKS];
	int ways[1 + PROXIES + 2 * LINKS];
	nfds_t count;
};

static void watch_way(struct watched *w, struct link *l, int way, int64_t now, int *timeout)
{
	const struct pipe_way *p = &l->ways[way];
	if (p->size > 0 && p->go_at_ms > now) {
		if (p->go_at_ms - now < *timeout)
			*timeout = (int)(p->go_at_ms - now);
		return;
	}
	if (p->ended)
		return;
	bool out = p->size > 0;
	w->links[w->count] = l;
	w->ways[w->count] = way;
	w->fds[w->count++] =
		(struct pollfd){.fd = out ? p->out : p->in, .events = out ? POLLOUT : POLLIN};
}

static int watch_all(struct watched *w)
{
	int timeout = 1000;
	int64_t now = now_ms();
	w->count = 0;
	w->fds[w->count++] = (struct pollfd){.fd = proxy.wake[0], .events = POLLIN};
	for (int i = 0; i < PROXIES; i++)
		w->fds[w->count++] = (struct pollfd){.fd = proxy.listeners[i], .events = POLLIN};
	for (int i = 0; i < LINKS && proxy.links[i]; i++)
		for (int way = 0; way < 2 && proxy.links[i]->open; way++)
			watch_way(w, proxy.links[i], way, now, &timeout);
	return timeout;
}

static void serve(struct watched *w)
{
	char byte;
	if (w->fds[0].revents && read(proxy.wake[0], &byte, 1) < 0)
		return;
	for (nfds_t i = 1 + PROXIES; i < w->count; i++) {
		if (!w->fds[i].revents || !w->links[i]->open)
			continue;
		if (w->fds[i].events & POLLOUT)
			send_on(w->links[i], w->ways[i]);
		else
			receive(w->links[i], w->ways[i]);
	}
	for (int i = 0; i < PROXIES; i++)
		if (w->fds[1 + i].revents)
			take_in((enum proxied)i);
}

static void *run_proxy(void *unused)
{
	static struct watched w;
	pthread_mutex_lock(&proxy.lock);
	while (!proxy.stop) {
		int timeout = watch_all(&w);
		pthread_mutex_unlock(&proxy.lock);
		int ready = poll(w.fds, w.count, timeout);
		pthread_mutex_lock(&proxy.lock);
		/* Somebody may have cut what is watched, meanwhile; then its number is gone too. */
		if (ready > 0)
			serve(&w);
	}
	pthread_mutex_unlock(&proxy.lock);
	return unused;
}

/* ---- start and stop ---- */

static int listen_anywhere(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0 && listen(fd, 64) == 0)
		return fd;
	return -1;
}

static int port_of(int fd)
{
	struct sockaddr_in at;
	socklen_t size = sizeof at;
	return getsockname(fd, (struct sockaddr *)&at, &size) == 0 ? ntohs(at.sin_port) : 0;
}

/* scheme://user:password@127.0.0.1:PORT/rest: where the port stands. */
static const char *port_in(const char *url)
{
	const char *at = url ? strrchr(url, '@') : NULL;
	const char *colon = at ? strchr(at, ':') : NULL;
	return colon ? colon + 1 : NULL;
}

static void lead_to_proxy(enum proxied which)
{
	char text[512];
	const char *url = getenv(url_names[which]), *port = port_in(url);
	if (!port)
		return;
	snprintf(text, sizeof text, "%.*s%d%s", (int)(port - url), url,
		 port_of(proxy.listeners[which]), port + strspn(port, "0123456789"));
	program_env(url_names[which], text);
}

void proxy_follow_pg(void) { lead_to_proxy(PROXY_PG); }

static int open_front(enum proxied which)
{
	const char *port = port_in(getenv(url_names[which]));
	proxy.listeners[which] = listen_anywhere();
	if (!port || proxy.listeners[which] < 0) {
		fprintf(stderr, "faults: no proxy before %s\n", url_names[which]);
		return -1;
	}
	proxy.servers[which] = (struct sockaddr_in){.sin_family = AF_INET,
						    .sin_port = htons((uint16_t)atoi(port)),
						    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	lead_to_proxy(which);
	return 0;
}

int proxy_start(void)
{
	for (int i = 0; i < PROXIES; i++)
		if (open_front((enum proxied)i) < 0)
			return -1;
	if (pipe2(proxy.wake, O_CLOEXEC | O_NONBLOCK) < 0 ||
	    pthread_create(&proxy.thread, NULL, run_proxy, NULL) != 0) {
		perror("faults: proxy");
		return -1;
	}
	return 0;
}

static void wake(void)
{
	if (write(proxy.wake[1], "", 1) < 0 && errno != EAGAIN)
		perror("faults: proxy");
}

void proxy_stop(void)
{
	pthread_mutex_lock(&proxy.lock);
	proxy.stop = true;
	wake();
	pthread_mutex_unlock(&proxy.lock);
	pthread_join(proxy.thread, NULL);
	for (int i = 0; i < LINKS && proxy.links[i]; i++) {
		link_reset(proxy.links[i]);
		free(proxy.links[i]);
	}
	for (int i = 0; i < PROXIES; i++)
		close(proxy.listeners[i]);
}

/* ---- what is done to it ---- */

static void end_links(enum proxied which, bool all)
{
	for (int i = 0; i < LINKS && proxy.links[i]; i++)
		if (proxy.links[i]->which == which && (all || proxy.links[i]->swallowed))
			link_reset(proxy.links[i]);
}

static void enact(void)
{
	wake();
	pthread_mutex_unlock(&proxy.lock);
}

static void set_rule(enum proxied which, enum direction way, struct rule rule)
{
	pthread_mutex_lock(&proxy.lock);
	if (way & TO_SERVER)
		proxy.rules[which][0] = rule;
	if (way & TO_CLIENT)
		proxy.rules[which][1] = rule;
	enact();
}

void proxy_cut(enum proxied which)
{
	pthread_mutex_lock(&proxy.lock);
	end_links(which, true);
	enact();
}

void proxy_refuse(enum proxied which)
{
	pthread_mutex_lock(&proxy.lock);
	proxy.refuse[which] = true;
	end_links(which, true);
	enact();
}

void proxy_delay(enum proxied which, enum direction way, int ms)
{
	set_rule(which, way, (struct rule){.delay_ms = ms});
}

void proxy_slow(enum proxied which, enum direction way, int rate, int piece)
{
	set_rule(which, way, (struct rule){.rate = rate, .piece = piece});
}

void proxy_swallow(enum proxied which, enum direction way)
{
	set_rule(which, way, (struct rule){.swallow = true});
}

void proxy_cut_answer(enum proxied which, const char *text)
{
	pthread_mutex_lock(&proxy.lock);
	proxy.answer_cut[which] = false;
	snprintf(proxy.trigger[which], sizeof proxy.trigger[which], "%s", text);
	enact();
}

bool proxy_has_cut_answer(enum proxied which)
{
	pthread_mutex_lock(&proxy.lock);
	bool cut = proxy.answer_cut[which];
	pthread_mutex_unlock(&proxy.lock);
	return cut;
}

void proxy_clear(enum proxied which)
{
	pthread_mutex_lock(&proxy.lock);
	memset(proxy.rules[which], 0, sizeof proxy.rules[which]);
	proxy.refuse[which] = false;
	proxy.trigger[which][0] = '\0';
	end_links(which, false);
	enact();
}
