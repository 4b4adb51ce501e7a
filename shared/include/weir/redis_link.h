/* redis_link.h: one connection to Redis that comes and goes. Commands wait at most for the timeout;
 * after any failure of the connection it is closed (a late answer would be taken for that of the
 * next command), and the next command makes a new one, but not before a jittered pause is over. */
#ifndef WEIR_REDIS_LINK_H
#define WEIR_REDIS_LINK_H

#include <hiredis/hiredis.h>
#include <stdint.h>
#include <sys/time.h>

#include "weir/error.h"

#define REDIS_ARGUMENTS_MAX 8

struct redis_address {
	char *host, *user, *password; /* user may be NULL; without a password no AUTH is sent */
	int port, db;
	char *file; /* as it was given, where it is in a file and read anew for each connection */
};

/* A connection that comes and goes. */
struct redis_link {
	redisContext *context; /* NULL: none */
	const struct redis_address *address;
	struct timeval timeout;
	unsigned tries; /* failures in a row */
	int64_t not_before_us;
	struct weir_error reason; /* of the last failure */
};

struct redis_command {
	const char *argv[REDIS_ARGUMENTS_MAX];
	size_t sizes[REDIS_ARGUMENTS_MAX];
	int argc;
};

/* redis://[user:password@]host[:port][/db] into *a, whose port the caller has preset. On success
 * and on failure the caller calls redis_address_release(). Error code: bad_url. */
int redis_address_parse(struct redis_address *a, const char *url,
			struct weir_error *err) WEIR_MUST_CHECK;
void redis_address_release(struct redis_address *a);

/* Does not connect yet. The address outlives it. */
void redis_link_init(struct redis_link *l, const struct redis_address *a, int timeout_ms);

/* Arguments are not copied. */
void redis_command_add(struct redis_command *c, const char *data, size_t size);
void redis_command_text(struct redis_command *c, const char *text);

/* Runs a command, connecting first if need be. On success the caller calls freeReplyObject().
 * Error codes: redis_away, redis_timeout, redis_lost, and redis_<word> for what the server
 * refuses. */
int redis_link_run(struct redis_link *l, const struct redis_command *c, redisReply **out,
		   struct weir_error *err) WEIR_MUST_CHECK;
/* The same where nobody needs the reply. */
int redis_link_do(struct redis_link *l, const struct redis_command *c,
		  struct weir_error *err) WEIR_MUST_CHECK;
void redis_link_close(struct redis_link *l);
/* Closes and begins the pause. */
void redis_link_drop(struct redis_link *l, const struct weir_error *fault);

#endif
