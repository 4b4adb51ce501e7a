#include <stdio.h>
#include <string.h>

#include "command.h"
#include "kinds.h"
#include "print.h"
#include "weir/loader.h"
#include "weir/topology.h"

#define KINDS_MAX 64

struct kinds_config {
	char *format;
};

static const struct weir_option options[] = {
	{.name = "format",
	 .type = WEIR_OPTION_TEXT,
	 .offset = offsetof(struct kinds_config, format),
	 .preset = "text",
	 .unit = "FORMAT",
	 .help = "text or json."},
	{.type = WEIR_OPTION_END},
};

/* Nothing of the plugin is called but what returns its table. whole: all that it tells. */
static int write_kind(const char *dir, const char *kind, bool json, bool whole, struct buffer *out,
		      struct weir_error *err)
{
	struct loaded_plugin p;
	if (loader_load(dir, kind, &p, err) < 0)
		return -1;
	if (json)
		kind_write_json(&p.plugin, out);
	else if (whole)
		kind_write_text(&p.plugin, out);
	else
		buffer_printf(out, "%-12s %s\n", kind, p.plugin.summary ? p.plugin.summary : "");
	loader_unload(&p);
	return 0;
}

/* One that cannot be loaded is named, and does not hide the others. */
static int write_all(const char *dir, bool json, struct buffer *out, struct weir_error *err)
{
	char kinds[KINDS_MAX][KIND_MAX + 1];
	struct weir_error why;
	int rc = 0, n = loader_kinds(dir, kinds, KINDS_MAX, err);
	if (n < 0)
		return -1;
	for (int i = 0; i < n; i++) {
		if (write_kind(dir, kinds[i], json, false, out, &why) == 0)
			continue;
		if (rc == 0)
			rc = weir_fail(err, why.code, "%s", why.text);
	}
	if (!json && rc == 0)
		buffer_add_text(out, "\n`weir kinds KIND` tells what it reads and makes.\n");
	return rc;
}

static int print_kinds(const struct call *call, bool json, struct buffer *out)
{
	char dir[4096];
	struct weir_error *err = call->error;
	int rc;
	if (loader_dir(call->settings->plugin_dir, dir, sizeof dir, err) < 0)
		return -1;
	if (json)
		buffer_add_text(out, "{\"kinds\":[");
	rc = call->argc > 0 ? write_kind(dir, call->argv[0], json, true, out, err)
			    : write_all(dir, json, out, err);
	if (json) {
		json_close(out, ']');
		json_end(out, '}');
	}
	if (buffer_failed(out))
		return weir_fail_memory(err);
	if (rc == 0 || call->argc == 0)
		fwrite(out->data, 1, out->size, stdout);
	return rc;
}

static enum command_status run(struct call *call)
{
	const struct kinds_config *config = call->config;
	struct buffer out = BUFFER_INIT;
	bool json = strcmp(config->format, "json") == 0;
	if (!json && strcmp(config->format, "text") != 0) {
		weir_fail(call->error, "bad_value", "--format %.40s: not text or json",
			  config->format);
		return COMMAND_USAGE;
	}
	int rc = print_kinds(call, json, &out);
	buffer_release(&out);
	return rc < 0 ? COMMAND_FAILED : COMMAND_DONE;
}

const struct command command_kinds = {
	.name = "kinds",
	.arguments = "[KIND] ",
	.summary = "what kinds there are, and what a kind reads, writes and makes",
	.help = "Without a KIND: all that --plugin-dir holds. With one: the fields that an item\n"
		"has, the parameters of its context, the tables that it writes to, and what\n"
		"comes of it. Items are checked by the same table: of the fields marked \"one of\n"
		"these\" at least one has to say something (with a language model, of those that\n"
		"its template reads); null and a blank text say nothing; a field of another type\n"
		"is refused. Needs no server.\n\n"
		"  weir kinds sentiment\n"
		"  weir kinds --format json\n",
	.options = options,
	.config_size = sizeof(struct kinds_config),
	.least = 0,
	.most = 1,
	.needs = 0,
	.run = run,
};
