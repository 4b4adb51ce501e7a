#include "weir/settings.h"

#include <stdio.h>
#include <stdlib.h>

#include "weir/buffer.h"
#include "weir/log.h"
#include "weir/names.h"
#include "weir/secret.h"

#define AT(field) offsetof(struct settings, field)

const struct weir_option settings_options[] = {
	{.name = "pg-url",
	 .type = WEIR_OPTION_SECRET,
	 .offset = AT(pg_url),
	 .help = "PostgreSQL, where the ledger is: postgresql://user:password@host:port/database."},
	{.name = "amqp-url",
	 .type = WEIR_OPTION_SECRET,
	 .offset = AT(amqp_url),
	 .help = "RabbitMQ: amqp://user:password@host:port/vhost."},
	{.name = "redis-url",
	 .type = WEIR_OPTION_SECRET,
	 .offset = AT(redis_url),
	 .help = "Redis, for live progress: redis://:password@host:port/db."},
	{.name = "plugin-dir",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(plugin_dir),
	 .unit = "DIR",
	 .help = "Where the plugins are. Not given: ../lib/weir beside the program."},
	{.name = "models",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(models),
	 .unit = "FILE",
	 .help = "The models that ai_model may name: YAML, as deploy/models.yaml (share/weir when "
		 "installed) explains. Keys come from the environment, or from files that others "
		 "cannot read. Not given: local."},
	{.name = "templates",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(templates),
	 .unit = "DIR",
	 .help = "More templates that model_key may name, or other ones: NAME.yaml each."},
	{.name = "namespace",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(namespace),
	 .unit = "NAME",
	 .help = "Comes before the names of exchanges, queues and keys, as NAME.weir.items and "
		 "NAME:weir:..., so that several ledgers share a virtual host and a Redis. The "
		 "same "
		 "for all programs of a ledger."},
	{.name = "log-level",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(log_level),
	 .preset = "info",
	 .unit = "LEVEL",
	 .help = "debug, info, warn or error."},
	{.type = WEIR_OPTION_END},
};

struct option_group settings_group(struct settings *s)
{
	return (struct option_group){
		.title = "Servers and surroundings", .rows = settings_options, .config = s};
}

static int need(const char *value, const char *name, struct weir_error *err)
{
	if (value)
		return 0;
	return weir_fail(
		err, "missing_setting",
		"%s is not set: put the address there, or the name of a file that holds it "
		"into %s_FILE",
		name, name);
}

/* What was read from a file is read again for each connection. */
static int follow_file(char **url, const char *variable, struct weir_error *err)
{
	char name[64];
	struct buffer where = BUFFER_INIT;
	const char *value = getenv(variable);
	snprintf(name, sizeof name, "%s_FILE", variable);
	const char *path = getenv(name);
	if (!*url || (value && *value) || !path || !*path)
		return 0;
	buffer_printf(&where, SECRET_FILE "%s", path);
	if (!buffer_text(&where)) {
		buffer_release(&where);
		return weir_fail_memory(err);
	}
	secret_free(*url);
	*url = where.data;
	return 0;
}

int settings_follow_files(struct settings *s, struct weir_error *err)
{
	if (follow_file(&s->pg_url, "WEIR_PG_URL", err) < 0 ||
	    follow_file(&s->amqp_url, "WEIR_AMQP_URL", err) < 0 ||
	    follow_file(&s->redis_url, "WEIR_REDIS_URL", err) < 0)
		return -1;
	return 0;
}

int settings_check(const struct settings *s, int needs, struct weir_error *err)
{
	enum log_level level;
	if (log_level_parse(s->log_level, &level) < 0)
		return weir_fail(err, "bad_value", "--log-level %s: not debug, info, warn or error",
				 s->log_level);
	log_set_level(level);
	if (names_use(s->namespace, err) < 0)
		return -1;
	if ((needs & NEED_PG) && need(s->pg_url, "WEIR_PG_URL", err) < 0)
		return -1;
	if ((needs & NEED_AMQP) && need(s->amqp_url, "WEIR_AMQP_URL", err) < 0)
		return -1;
	if ((needs & NEED_REDIS) && need(s->redis_url, "WEIR_REDIS_URL", err) < 0)
		return -1;
	return 0;
}
