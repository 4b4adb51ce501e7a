/* weir-consumer: loads the plugins of the kinds it is given, and works off their queues. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apart.h"
#include "asks.h"
#include "supervise.h"
#include "weir/clock.h"
#include "weir/log.h"
#include "weir/process.h"

#define AT(field) offsetof(struct consumer_options, field)

static const struct weir_option consumer_options[] = {
	{.name = "flush",
	 .type = WEIR_OPTION_INTEGER,
	 .offset = AT(flush),
	 .preset = "500",
	 .least = 1,
	 .most = FLUSH_MAX,
	 .unit = "ITEMS",
	 .help = "Most items that are stored in one transaction."},
	{.name = "prefetch",
	 .type = WEIR_OPTION_INTEGER,
	 .offset = AT(prefetch),
	 .preset = "0",
	 .least = 0,
	 .most = 2000,
	 .unit = "ITEMS",
	 .help = "Messages in hand for each kind, and for one job of it; a sixteenth more is for "
		 "others. 0: three flushes, one being stored, one being collected, one on its "
		 "way."},
	{.name = "linger",
	 .type = WEIR_OPTION_TIME,
	 .offset = AT(linger_ms),
	 .preset = "50ms",
	 .most = 60000,
	 .help = "How long a finished item waits for others while some are still worked on."},
	{.name = "work-timeout",
	 .type = WEIR_OPTION_TIME,
	 .offset = AT(work_timeout_ms),
	 .preset = "5m",
	 .least = 1,
	 .most = 86400000,
	 .help = "An item that its plugin has not ended by then counts as a failed attempt."},
	{.name = "grace",
	 .type = WEIR_OPTION_TIME,
	 .offset = AT(grace_ms),
	 .preset = "25s",
	 .most = 3600000,
	 .help = "After SIGTERM: how long to finish what is in hand before it is given back."},
	{.name = "poison-limit",
	 .type = WEIR_OPTION_INTEGER,
	 .offset = AT(poison_limit),
	 .preset = "3",
	 .least = 1,
	 .most = 15,
	 .help = "An item whose code has ended so many workers, by a crash, for want of memory or "
		 "for being stuck in it, is failed as poison. Nothing else counts."},
	{.name = "memory",
	 .type = WEIR_OPTION_INTEGER,
	 .offset = AT(memory_mb),
	 .preset = "64",
	 .least = 2,
	 .most = 65536,
	 .unit = "MB",
	 .help = "Stop reading from the broker while the messages in hand are larger than this. "
		 "Requests to models wait while those under way are larger, too."},
	{.type = WEIR_OPTION_END},
};

static bool given(int argc, char **argv, const char *flag)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], flag) == 0)
			return true;
	return false;
}

static void print_help(const struct option_group *groups, size_t n)
{
	printf("Usage: weir-consumer KIND... [options]\n\n"
	       "Works off the queues of the given kinds: takes items, lets the kind's plugin\n"
	       "process them, and stores how they ended. Any number may run. SIGTERM finishes\n"
	       "what is in hand and exits 0; a second one exits at once, and loses nothing.\n"
	       "SIGINT and SIGHUP are the same. The work is done by a child process, which is\n"
	       "made again when it crashes; signals are for the parent.\n\n");
	options_help(groups, n, stdout);
	printf("\nExit status: 0 stopped when asked to, 1 failed, 2 usage.\n");
}

static void unload(struct consumer *c)
{
	for (size_t i = 0; i < c->lane_count; i++) {
		struct option_group g = loader_options(&c->lanes[i].plugin);
		options_release(&g, 1);
		loader_unload(&c->lanes[i].plugin);
	}
}

static int compare_kinds(const void *a, const void *b)
{
	const struct lane *x = a, *y = b;
	return strcmp(x->plugin.plugin.kind, y->plugin.plugin.kind);
}

static int load(struct consumer *c, const char *dir, int argc, char **argv, struct weir_error *err)
{
	for (int i = 1; i < argc && argv[i][0] != '-'; i++) {
		struct lane *lane = &c->lanes[c->lane_count];
		if (c->lane_count == LANES_MAX)
			return weir_fail(err, "usage", "more than %d kinds", LANES_MAX);
		if (loader_load(dir, argv[i], &lane->plugin, err) < 0)
			return -1;
		lane->consumer = c;
		c->lane_count++;
		work_lend(lane);
	}
	qsort(c->lanes, c->lane_count, sizeof *c->lanes, compare_kinds);
	return 0;
}

static size_t collect_groups(struct consumer *c, struct option_group *groups)
{
	size_t n = 0;
	groups[n++] = (struct option_group){
		.title = "Options", .rows = consumer_options, .config = &c->options};
	groups[n++] = settings_group(&c->settings);
	for (size_t i = 0; i < c->lane_count; i++)
		groups[n++] = loader_options(&c->lanes[i].plugin);
	return n;
}

static int check_options(struct consumer *c, int kinds, struct weir_error *err)
{
	struct consumer_options *o = &c->options;
	if (kinds == 0 || (size_t)kinds != c->lane_count)
		return weir_fail(err, "usage",
				 "name the kinds first: weir-consumer KIND... "
				 "[options] (see --help)");
	if (o->prefetch == 0)
		o->prefetch = 3 * o->flush;
	if (o->prefetch < o->flush)
		return weir_fail(err, "bad_value",
				 "--prefetch %lld: less than --flush %lld, so "
				 "no flush would ever be full",
				 (long long)o->prefetch, (long long)o->flush);
	if (settings_follow_files(&c->settings, err) < 0)
		return -1;
	return settings_check(&c->settings, NEED_PG | NEED_AMQP | NEED_REDIS, err);
}

static void introduce(struct consumer *c)
{
	struct watched *w = c->watched;
	presence_init(&c->presence, "consumer");
	c->name = c->presence.name;
	if (w) {
		snprintf(c->before, sizeof c->before, "%.*s", (int)sizeof w->name - 1, w->name);
		snprintf(w->name, sizeof w->name, "%s", c->name);
	}
	for (size_t i = 0; i < c->lane_count; i++)
		c->presence.kinds[c->presence.kind_count++] = c->lanes[i].plugin.plugin.kind;
}

static int open_all(struct consumer *c, struct weir_error *err)
{
	introduce(c);
	if (llm_open(&c->llm, &c->settings, true, err) < 0)
		return -1;
	for (size_t i = 0; i < c->lane_count; i++)
		if (loader_open(&c->lanes[i].plugin, &c->lanes[i].host, err) < 0)
			return -1;
	for (size_t i = 0; i < c->lane_count; i++)
		places_init(&c->lanes[i].places, i, (uint32_t)c->options.prefetch);
	if (deliveries_init(&c->deliveries,
			    places_size((uint32_t)c->options.prefetch) * c->lane_count) < 0 ||
	    !buffer_reserve(&c->json, WEIR_JSON_SURE))
		return weir_fail_memory(err);
	if (asks_open(c, err) < 0)
		return -1;
	return progress_open(c->settings.redis_url, 1000, &c->progress, err);
}

static void close_all(struct consumer *c)
{
	asks_close(c);
	apart_close(c);
	errands_close(c);
	trials_close(c);
	broker_close(c->broker);
	ledger_close(c->ledger);
	progress_close(c->progress);
	PQclear(c->flush.claims);
	params_release(&c->flush.params);
	presence_release(&c->presence);
	deliveries_release(&c->deliveries);
	jobs_release(&c->jobs);
	buffer_release(&c->json);
	llm_close(&c->llm);
}

static int find_dir(int argc, char **argv, char *dir, size_t room, struct weir_error *err)
{
	struct settings early = {0};
	struct option_group g = settings_group(&early);
	if (options_parse_early(&g, 1, argc - 1, argv + 1, err) < 0)
		return -1;
	int rc = loader_dir(early.plugin_dir, dir, room, err);
	options_release(&g, 1);
	return rc;
}

static int fail(const struct weir_error *err, int status)
{
	log_event(LOG_ERROR, "consumer_failed", "code=%s error=\"%s\"", err->code, err->text);
	return status;
}

/* What the parent has to know of a worker, and what marks are made with. */
static void show(struct consumer *c, struct watched *w)
{
	c->watched = w;
	c->mark = w ? &w->mark : NULL;
	if (!w)
		return;
	w->work_timeout_ms = c->options.work_timeout_ms;
	for (size_t i = 0; i < c->lane_count; i++)
		mark_plugin(c->mark, i, c->lanes[i].plugin.plugin.kind,
			    c->lanes[i].plugin.plugin.version);
}

static void show_options(int argc, char **argv, const struct option_group *groups, size_t n)
{
	if (given(argc, argv, "--help"))
		print_help(groups, n);
	else
		options_sample(groups, n, stdout);
}

/* The worker; without a parent it only shows what it is asked for. */
static int work(struct watched *w, int argc, char **argv)
{
	static struct consumer c;
	struct option_group groups[LANES_MAX + 2];
	struct weir_error err;
	char dir[4096];
	int kinds = 0, status = EXIT_USAGE;
	if (find_dir(argc, argv, dir, sizeof dir, &err) < 0 ||
	    load(&c, dir, argc, argv, &err) < 0) {
		unload(&c);
		return fail(&err, EXIT_USAGE);
	}
	size_t n = collect_groups(&c, groups);
	if (!w) {
		show_options(argc, argv, groups, n);
		unload(&c);
		return process_end_output("weir-consumer", 0);
	}
	if (options_parse(groups, n, argc - 1, argv + 1, &kinds, &err) < 0) {
		unload(&c);
		return fail(&err, EXIT_USAGE);
	}
	if (check_options(&c, kinds, &err) == 0) {
		show(&c, w);
		status = EXIT_FAILURE;
		if (open_all(&c, &err) == 0 && consumer_run(&c, &w->stop, &err) == 0)
			status = EXIT_SUCCESS;
	}
	if (status != EXIT_SUCCESS)
		fail(&err, status);
	close_all(&c);
	options_release(groups, 2);
	unload(&c);
	return status;
}

int main(int argc, char **argv)
{
	process_guard();
	if (given(argc, argv, "--help") || given(argc, argv, "--sample"))
		return work(NULL, argc, argv);
	return supervise(work, argc, argv);
}
