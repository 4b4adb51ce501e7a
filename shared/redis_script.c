#include "redis_script.h"

#include <stdbool.h>
#include <string.h>

static int load(struct redis_link *l, struct redis_script *script, struct weir_error *err)
{
	struct redis_command c = {0};
	redisReply *reply;
	bool fits;

	redis_command_text(&c, "SCRIPT");
	redis_command_text(&c, "LOAD");
	redis_command_text(&c, script->text);
	if (redis_link_run(l, &c, &reply, err) < 0)
		return -1;
	fits = reply->type == REDIS_REPLY_STRING && reply->len == sizeof(script->sha) - 1;
	if (fits)
		memcpy(script->sha, reply->str, sizeof(script->sha));
	freeReplyObject(reply);
	return fits ? 0 : weir_fail(err, "redis_error", "SCRIPT LOAD gave no digest");
}

static int evaluate(struct redis_link *l, struct redis_script *script,
		    const struct redis_script_call *call, redisReply **out, struct weir_error *err)
{
	struct redis_command c = {0};

	if (!*script->sha && load(l, script, err) < 0)
		return -1;
	redis_command_text(&c, "EVALSHA");
	redis_command_text(&c, script->sha);
	redis_command_text(&c, "2");
	for (size_t i = 0; i < REDIS_SCRIPT_KEYS; i++)
		redis_command_text(&c, call->keys[i]);
	for (size_t i = 0; i < REDIS_SCRIPT_ARGUMENTS && call->arguments[i].data; i++)
		redis_command_add(&c, call->arguments[i].data, call->arguments[i].size);
	return redis_link_run(l, &c, out, err);
}

int redis_script_run(struct redis_link *l, struct redis_script *script,
		     const struct redis_script_call *call, redisReply **out, struct weir_error *err)
{
	struct weir_error fault;

	if (evaluate(l, script, call, out, &fault) == 0)
		return 0;
	if (strcmp(fault.code, "redis_noscript") != 0)
		return weir_fail(err, fault.code, "%s", fault.text);
	*script->sha = '\0';
	return evaluate(l, script, call, out, err);
}
