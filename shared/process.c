#include "weir/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void process_guard(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			abort();
	signal(SIGPIPE, SIG_IGN);
}

void process_on_stop(void (*handler)(int number))
{
	struct sigaction a = {.sa_handler = handler}, was;
	sigaction(SIGTERM, &a, NULL);
	sigaction(SIGINT, &a, NULL);
	if (sigaction(SIGHUP, NULL, &was) == 0 && was.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &a, NULL);
}

bool process_has_no_reader(void)
{
	struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP));
}

void process_forget_output(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	dup2(fd, STDOUT_FILENO);
	close(fd);
	fflush(stdout);
	clearerr(stdout);
}

int process_end_output(const char *program, int status)
{
	bool bad = ferror(stdout) != 0;
	errno = 0;
	bad |= fflush(stdout) != 0;
	int why = errno;
	if (!bad)
		return status;
	if (!why) { /* it failed before: the same again tells why */
		clearerr(stdout);
		putchar('\n');
		errno = 0;
		fflush(stdout);
		why = errno;
	}
	bool quiet = why == EPIPE || process_has_no_reader();
	process_forget_output();
	if (quiet)
		return status;
	fprintf(stderr, "%s: standard output: %s\n", program,
		why ? strerror(why) : "a part of it could not be written");
	return status ? status : EXIT_FAILURE;
}
