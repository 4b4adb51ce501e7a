#include "weir/connect.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "weir/clock.h"

/* ---- connecting ---- */

static int wait_for(int fd, short events, int64_t until_us)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = events};
		int64_t left = (until_us - clock_us() + 999) / 1000;
		int n = poll(&p, 1, left > 0 ? (int)left : 0);
		if (n >= 0 || errno != EINTR)
			return n;
	}
}

/* 0, or the errno. */
static int await_connected(int fd, int64_t until_us)
{
	int fault = 0;
	socklen_t size = sizeof fault;
	int n = wait_for(fd, POLLOUT, until_us);
	if (n <= 0)
		return n == 0 ? ETIMEDOUT : errno;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &size) == 0 ? fault : errno;
}

static int try_one(const struct addrinfo *to, int64_t until_us, int *out)
{
	int on = 1, fault = 0;
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, to->ai_protocol);
	if (fd < 0)
		return errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(fd, to->ai_addr, to->ai_addrlen) != 0)
		fault = errno == EINPROGRESS || errno == EINTR ? await_connected(fd, until_us)
							       : errno;
	if (fault == 0)
		*out = fd;
	else
		close(fd);
	return fault;
}

static int look_up(const char *host, int port, struct addrinfo **all, char cause[CONNECT_CAUSE])
{
	const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	char number[16];
	snprintf(number, sizeof number, "%d", port);
	int rc = getaddrinfo(host, number, &wanted, all);
	if (rc == 0)
		return 0;
	snprintf(cause, CONNECT_CAUSE, "%s", rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
	return -1;
}

int connect_tcp(const char *host, int port, int timeout_ms, int *fd, char cause[CONNECT_CAUSE])
{
	struct addrinfo *all = NULL;
	int fault = ETIMEDOUT;
	int64_t until = clock_us() + (int64_t)timeout_ms * 1000;
	if (look_up(host, port, &all, cause) < 0)
		return -1;
	for (const struct addrinfo *one = all; one && fault && clock_us() < until;
	     one = one->ai_next)
		fault = try_one(one, until, fd);
	freeaddrinfo(all);
	if (fault == 0)
		return 0;
	if (fault == ETIMEDOUT)
		snprintf(cause, CONNECT_CAUSE, "no answer within %d s", (timeout_ms + 999) / 1000);
	else
		snprintf(cause, CONNECT_CAUSE, "%s", strerror(fault));
	return -1;
}

/* ---- who is it? ---- */

/* How answers begin. Sources: RFC 8446, section 5.1 (an alert of TLS); RFC 9112; Redis, "RESP";
 * PostgreSQL manual, "Message Formats" (ErrorResponse); AMQP 0-9-1, section 4.2.2. */
static const struct answer {
	const char *begin;
	size_t size;
	const char *cause;
} answers[] = {
	{"\x15\x03", 2, "it speaks TLS"},
	{"HTTP/", 5, "it is no RabbitMQ but a web server"},
	{"<", 1, "it is no RabbitMQ but a web server"},
	{"-", 1, "it is no RabbitMQ but a Redis"},
	{"E\0", 2, "it is no RabbitMQ but a PostgreSQL"},
	{"SSH-", 4, "it is no RabbitMQ but a server of SSH"},
	{"220 ", 4, "it is no RabbitMQ but a server of mail or files"},
	{"AMQP", 4, "it is no RabbitMQ of AMQP 0-9-1"},
};

static void name_answer(const char *bytes, size_t size, char cause[CONNECT_CAUSE])
{
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
		if (size >= answers[i].size &&
		    memcmp(bytes, answers[i].begin, answers[i].size) == 0) {
			snprintf(cause, CONNECT_CAUSE, "%s", answers[i].cause);
			return;
		}
}

/* The lines behind the greeting make those answer who wait for the end of one. */
void connect_whose(const char *host, int port, int timeout_ms, char cause[CONNECT_CAUSE])
{
	static const char hello[] = "AMQP\0\0\t\1\r\n\r\n";
	char bytes[64], ignored[CONNECT_CAUSE];
	int fd;
	int64_t until = clock_us() + (int64_t)timeout_ms * 1000;
	*cause = '\0';
	if (connect_tcp(host, port, timeout_ms, &fd, ignored) < 0)
		return;
	ssize_t n = send(fd, hello, sizeof hello - 1, MSG_NOSIGNAL);
	if (n > 0 && wait_for(fd, POLLIN, until) > 0 && (n = recv(fd, bytes, sizeof bytes, 0)) > 0)
		name_answer(bytes, (size_t)n, cause);
	close(fd);
}
