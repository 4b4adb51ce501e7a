/* connect.h: a TCP connection within a time, with the cause in words where there is none, and what
 * answers at a port that did not answer as it should. */
#ifndef WEIR_CONNECT_H
#define WEIR_CONNECT_H

#include "weir/error.h"

#define CONNECT_CAUSE 160

/* Tries each address of the host. The socket does not block, is closed on exec, and sends at once.
 * Blocks up to the timeout. What the resolver takes counts as well, but cannot be broken off: it
 * has limits of its own (resolv.conf(5), timeout and attempts), which a number as the host avoids.
 * 0, or -1 and why not in cause: "Connection refused". */
int connect_tcp(const char *host, int port, int timeout_ms, int *fd,
		char cause[CONNECT_CAUSE]) WEIR_MUST_CHECK;

/* Says hello as AMQP does, and looks who answers. Who is told: "it speaks TLS", "it is no RabbitMQ
 * but a web server"; "" when that is not known, or it is one of AMQP 0-9-1. Blocks up
 * to the timeout. */
void connect_whose(const char *host, int port, int timeout_ms, char cause[CONNECT_CAUSE]);

#endif
