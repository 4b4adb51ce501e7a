/* redis_script.h: Lua scripts that a Redis server knows by their digest. Private to libweir. */
#ifndef WEIR_REDIS_SCRIPT_H
#define WEIR_REDIS_SCRIPT_H

#include "weir/redis_link.h"

#define REDIS_SCRIPT_KEYS 2
#define REDIS_SCRIPT_ARGUMENTS 2

struct redis_script {
	const char *text;
	char sha[41]; /* empty: not loaded yet. It depends on the text alone */
};

struct redis_script_call {
	const char *keys[REDIS_SCRIPT_KEYS];
	struct weir_text arguments[REDIS_SCRIPT_ARGUMENTS]; /* an absent one ends them */
};

/* Runs a script, loading it first if need be: a server that restarted or was told SCRIPT FLUSH has
 * forgotten it, and is told again. As redis_link_run(). */
int redis_script_run(struct redis_link *l, struct redis_script *script,
		     const struct redis_script_call *call, redisReply **out,
		     struct weir_error *err) WEIR_MUST_CHECK;

#endif
