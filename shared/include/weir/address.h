/* address.h: the addresses of servers, as people paste them:
 * scheme://user:password@host:port/path. Nothing here connects; passwords are in no error. */
#ifndef WEIR_ADDRESS_H
#define WEIR_ADDRESS_H

#include "weir/error.h"

struct address {
	char *user, *password; /* NULL: not given */
	char *host;
	int port;   /* 0: not given */
	char *path; /* behind the /, without slashes at its end, %XX decoded; NULL: none */
};

/* What a kind of address looks like. */
struct address_form {
	const char *setting; /* the variable that holds it, for errors: "WEIR_AMQP_URL" */
	const char *scheme;  /* "amqp"; in any letters */
	const char *secure;  /* "amqps", which is refused by name */
	const char *example; /* "amqp://user:password@host:port/vhost" */
};

/* The text without blanks and newlines around it, nor a pair of quotes: files and templates put
 * them there, and no address has any. NULL: out of memory; else the caller frees it, after
 * explicit_bzero(). */
char *address_trim(const char *given);

/* Takes an address apart. What stands there and is not understood (a list of hosts, parameters, a
 * character that has to be written as %XX) is an error that names it. On success and on failure the
 * caller calls address_release(). Error code: bad_url. */
int address_parse(struct address *a, const char *given, const struct address_form *form,
		  struct weir_error *err) WEIR_MUST_CHECK;
void address_release(struct address *a);

/* The address of a RabbitMQ. *vhost: within a, or a constant; without one, or with an empty one
 * (amqp://h, amqp://h/, amqp://h//), it is the broker's own, "/". User and password are guest where
 * none are given, as the URI of AMQP has it. Source: RabbitMQ, "RabbitMQ URI Specification". */
int address_amqp(struct address *a, const char **vhost, const char *given,
		 struct weir_error *err) WEIR_MUST_CHECK;

/* Checks the form of a PostgreSQL address: URIs of libpq, which may name several hosts. *out is
 * what libpq understands of it (trimmed, its scheme in small letters); the caller frees it, after
 * explicit_bzero(). */
int address_pg(const char *given, char **out, struct weir_error *err) WEIR_MUST_CHECK;

#endif
