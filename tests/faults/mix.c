/* A mixed load under random faults: it begins, suffers, comes to rest, and is checked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checker.h"
#include "havoc.h"
#include "invoices.h"
#include "addresses.h"
#include "models.h"
#include "second.h"
#include "trouble.h"

#define TURN_MS 20
#define KILL_MS 2700   /* from one to the next, on average */
#define REST_MS 240000 /* without any item ending: it will not come to rest any more */
/* 40 connections to the provider, by models.c, some that were just left, and as many of all else. */
#define FILES_MOST 100

struct mix {
	const struct mix_options *options;
	struct fleet fleet;
	struct load load;
	struct havoc havoc;
	int64_t began_ms, arguments_at_ms;
};

static double part_done(const struct mix *m)
{
	double kills = m->options->kills ? (double)havoc_kills(&m->havoc) / m->options->kills : 1;
	double time = m->options->minutes > 0
			      ? (double)(now_ms() - m->began_ms) / (m->options->minutes * 60000)
			      : 1;
	return kills < time ? kills : time;
}

static void turn(struct mix *m, bool more)
{
	havoc_turn(&m->havoc, more);
	load_tend(&m->load, more ? part_done(m) : 1);
	if (m->fleet.second)
		second_tend();
	fleet_tend(&m->fleet);
	if (now_ms() > m->arguments_at_ms) {
		m->arguments_at_ms = now_ms() + 5000;
		fleet_check_arguments();
	}
	pause_ms(TURN_MS);
}

static bool has_ended(const struct mix *m)
{
	return sql("SELECT count(*) FROM weir.jobs WHERE completed_at IS NOT NULL AND counted") ==
		       m->load.count &&
	       (!m->fleet.second || second_has_ended());
}

/* What others are to be told, and what providers still work on. */
static bool has_rows(void)
{
	return sql("SELECT (SELECT count(*) FROM weir.events) + (SELECT count(*) FROM "
		   "weir.requests)"
		   " + (SELECT count(*) FROM weir.remote_batches WHERE state <> 'done')") > 0;
}

static bool has_messages(void)
{
	for (size_t i = 0; load_queues[i]; i++)
		if (queue_size(load_queues[i]) != 0)
			return true;
	return false;
}

/* While something moves, it may take as long as it likes. */
static bool come_to_rest(struct mix *m)
{
	int64_t seen = -1, until = 0;
	while (!havoc_is_over(&m->havoc) || !load_is_submitted(&m->load)) {
		turn(m, false);
		if (until == 0)
			until = now_ms() + REST_MS;
		if (!EXPECT(now_ms() < until, "the servers or the submits did not come to rest"))
			return false;
	}
	for (until = now_ms() + REST_MS; !has_ended(m); turn(m, false)) {
		int64_t now = sql("SELECT count(*) FROM weir.results");
		if (now != seen)
			until = now_ms() + REST_MS;
		seen = now;
		if (!EXPECT(now_ms() < until, "it stands still with %lld of %d items final",
			    (long long)now, m->load.items))
			return false;
	}
	for (until = now_ms() + REST_MS; (has_messages() || has_rows()) && now_ms() < until;)
		turn(m, false);
	return true;
}

static void check_bounds(const struct mix *m)
{
	const struct fleet *f = &m->fleet;
	for (int i = 0; i < 2; i++)
		EXPECT(f->peak_kb[i] < m->options->peak_mb * 1024, "a %s needed %lld KB",
		       i ? "relay" : "consumer", (long long)f->peak_kb[i]);
	EXPECT(f->most_files <= FILES_MOST, "a worker had %d descriptors open", f->most_files);
}

static void report(const struct mix *m, double rest_s)
{
	static const char *const names[TARGETS] = {"relay",   "consumer", "submit",
						   "Redis",   "RabbitMQ", "PostgreSQL",
						   "network", "job",	  "others"};
	const struct havoc *h = &m->havoc;
	char kills[200] = "", others[200] = "";
	int k = 0, o = 0, all = 0;
	for (int i = 0; i < TARGETS; i++) {
		if (h->kills[i])
			k += snprintf(kills + k, sizeof kills - (size_t)k, "%s%s %d", k ? " " : "",
				      names[i], h->kills[i]);
		if (h->faults[i] > h->kills[i])
			o += snprintf(others + o, sizeof others - (size_t)o, "%s%s %d",
				      o ? " " : "", names[i], h->faults[i] - h->kills[i]);
		all += h->faults[i] - h->kills[i];
	}
	row_saw("%d items in %d jobs", m->load.items, m->load.count);
	row_saw("%d kills (%s)", havoc_kills(h), kills);
	row_saw("%d other faults (%s)", all, others);
	models_report();
	invoices_report();
	row_saw("at rest %.0f s later", rest_s);
	row_saw("peak %lld/%lld MB", (long long)m->fleet.peak_kb[0] / 1024,
		(long long)m->fleet.peak_kb[1] / 1024);
	row_saw("slowest exit %.1f s", (double)m->fleet.slowest_exit_ms / 1000);
}

/* Redis keeps nothing, and nobody counts a job again that has ended, unless he is told to. What is
 * there must be right already. */
static void restore_progress(const struct load *l)
{
	for (int i = 0; i < l->count; i++) {
		const char *id = l->orders[i].id;
		bool there = redis_count(id, "total") != INT64_MIN;
		if (there &&
		    (!l->orders[i].staged || redis_stage_count(id, 2, "total") != INT64_MIN))
			continue;
		const struct outcome *o = run(NULL, "weir", "reconcile", id, NULL);
		EXPECT(o->status == 0, "reconcile %s: %d: %s", id, o->status, o->err);
	}
}

static void suffer(struct mix *m)
{
	m->began_ms = now_ms();
	while (part_done(m) < 1)
		turn(m, true);
}

static double planned_ms(const struct mix_options *o)
{
	double kills = o->kills * (double)KILL_MS, time = o->minutes * 60000;
	return kills > time ? kills : time;
}

bool mix_has(const struct mix_options *options, const char *fault)
{
	return !options->fault || strstr(fault, options->fault);
}

void mix_run(const struct mix_options *options)
{
	struct mix *m = calloc(1, sizeof *m);
	char name[64];
	if (!m)
		abort();
	snprintf(name, sizeof name, "mixed load, seed %llu", (unsigned long long)options->seed);
	row_begin("MIX", name, "every item final once, one effect, Redis = ledger, queues empty");
	m->options = options;
	world_clean();
	havoc_open(&m->havoc, options, &m->fleet, &m->load);
	load_plan(&m->load, options, planned_ms(options), CONSUMERS);
	models_open(&m->load);
	articles_open(&m->load);
	if (m->load.oversized)
		broker_limit(OVERSIZED_BYTES - 5000);
	invoices_open(&m->load);
	addresses_open();
	m->fleet.second = mix_has(options, "a second ledger without a namespace");
	if (m->fleet.second)
		second_open(options->seed);
	suffer(m);
	int64_t over_ms = now_ms();
	bool rested = come_to_rest(m);
	double rest_s = (double)(now_ms() - over_ms) / 1000;
	fleet_stop(&m->fleet);
	havoc_close(&m->havoc);
	if (rested) {
		restore_progress(&m->load);
		check_load(&m->load);
		if (m->fleet.second)
			second_check();
	}
	addresses_close();
	if (m->fleet.second)
		second_close();
	models_close();
	invoices_close();
	check_bounds(m);
	fleet_check_logs();
	report(m, rest_s);
	if (!row_end())
		printf("    again: --seed %llu; the faults: " LOGS "/faults.txt\n",
		       (unsigned long long)options->seed);
	world_leave();
	free(m);
}
