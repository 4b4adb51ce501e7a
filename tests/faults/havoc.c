#include "havoc.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addresses.h"
#include "second.h"
#include "trouble.h"

#define GAP_LEAST_MS 200
#define GAP_MOST_MS 2500

/* What was drawn for one fault. */
struct draw {
	int gap_ms, hold_ms, pick, choice;
};

struct fault {
	const char *name;
	enum target target;
	bool kill;
	int weight; /* negative: only when it is asked for by its name */
	int hold_least_ms, hold_most_ms;
	bool (*begin)(struct havoc *h, const struct draw *d); /* false: it met nobody */
};

static const char *const server_names[] = {"rabbitmq", "redis", "postgresql"};

static void tell(struct havoc *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void tell(struct havoc *h, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	fprintf(h->log, "%8.2f ", (double)(now_ms() - h->began_ms) / 1000.0);
	vfprintf(h->log, fmt, args);
	fputc('\n', h->log);
	fflush(h->log);
	va_end(args);
}

/* ---- workers ---- */

static int a_relay(const struct draw *d) { return d->pick % RELAYS; }
static int a_consumer(const struct draw *d) { return RELAYS + d->pick % CONSUMERS; }

static bool kill_relay(struct havoc *h, const struct draw *d)
{
	return fleet_kill(h->fleet, a_relay(d));
}

static bool kill_consumer(struct havoc *h, const struct draw *d)
{
	return fleet_kill(h->fleet, a_consumer(d));
}

static bool kill_only_the_worker(struct havoc *h, const struct draw *d)
{
	return fleet_kill_worker(h->fleet, a_consumer(d));
}

static bool kill_submit(struct havoc *h, const struct draw *d)
{
	return load_kill_submit(h->load, d->pick);
}

static bool tell_relay(struct havoc *h, const struct draw *d)
{
	return fleet_tell(h->fleet, a_relay(d));
}

static bool tell_consumer(struct havoc *h, const struct draw *d)
{
	return fleet_tell(h->fleet, a_consumer(d));
}

static bool stop_for_a_while(struct havoc *h, int worker, int hold_ms)
{
	if (!fleet_freeze(h->fleet, worker))
		return false;
	h->thaw_at_ms[worker] = now_ms() + hold_ms;
	return true;
}

static bool freeze_relay(struct havoc *h, const struct draw *d)
{
	return stop_for_a_while(h, a_relay(d), d->hold_ms);
}

static bool freeze_consumer(struct havoc *h, const struct draw *d)
{
	return stop_for_a_while(h, a_consumer(d), d->hold_ms);
}

/* ---- servers ---- */

static bool topple(struct havoc *h, enum proxied which, const char *command, int hold_ms)
{
	struct upheaval *u = &h->servers[which];
	if (u->phase != UP || (which == PROXY_AMQP && h->rabbit_start))
		return false;
	*u = (struct upheaval){.phase = GOING, .command = command};
	u->until_ms = hold_ms;
	u->script = server_start(command, server_names[which]);
	return true;
}

static bool kill_redis(struct havoc *h, const struct draw *d)
{
	return topple(h, PROXY_REDIS, "kill", d->hold_ms);
}

static bool stop_redis(struct havoc *h, const struct draw *d)
{
	return topple(h, PROXY_REDIS, "down", d->hold_ms);
}

static bool kill_rabbitmq(struct havoc *h, const struct draw *d)
{
	return topple(h, PROXY_AMQP, "kill", d->hold_ms);
}

static bool stop_rabbitmq(struct havoc *h, const struct draw *d)
{
	return topple(h, PROXY_AMQP, "down", d->hold_ms);
}

static bool kill_postgresql(struct havoc *h, const struct draw *d)
{
	return topple(h, PROXY_PG, "kill", d->hold_ms);
}

static bool stop_postgresql(struct havoc *h, const struct draw *d)
{
	return topple(h, PROXY_PG, "down", d->hold_ms);
}

static void end_script(struct havoc *h, struct upheaval *u, int i)
{
	int status = u->script->status;
	if (u->phase == COMING && status != 0)
		EXPECT(false, "%s did not come up: %d, see %s", server_names[i], status,
		       u->script->log);
	forget(u->script);
	u->script = NULL;
	u->until_ms += now_ms();
	u->phase = u->phase == COMING ? UP : AWAY;
	tell(h, "%s is %s", server_names[i], u->phase == UP ? "back" : "away");
}

static void raise_server(struct havoc *h, int i)
{
	struct upheaval *u = &h->servers[i];
	if (u->script && !is_alive(u->script))
		end_script(h, u, i);
	if (u->phase != AWAY || now_ms() < u->until_ms)
		return;
	u->phase = COMING;
	u->until_ms = 0;
	u->script = server_start("up", server_names[i]);
}

/* ---- what servers hold ---- */

static bool is_up(const struct havoc *h, enum proxied which)
{
	return h->servers[which].phase == UP && (which != PROXY_AMQP || !h->rabbit_start);
}

static bool flush_redis(struct havoc *h, const struct draw *d)
{
	(void)d;
	if (!is_up(h, PROXY_REDIS))
		return false;
	redis_flush();
	return true;
}

static const char *a_queue(const struct draw *d) { return load_queues[d->pick % 3]; }

static bool purge_queue(struct havoc *h, const struct draw *d)
{
	if (!is_up(h, PROXY_AMQP))
		return false;
	queue_purge(load_queues[d->pick % 4]);
	return true;
}

static bool delete_queue(struct havoc *h, const struct draw *d)
{
	return is_up(h, PROXY_AMQP) && queue_is_deleted(a_queue(d));
}

static bool delete_exchange(struct havoc *h, const struct draw *d)
{
	static const char *const exchanges[] = {"weir.items", "weir.events", "weir.dead"};
	if (!is_up(h, PROXY_AMQP))
		return false;
	exchange_delete(exchanges[d->pick % 3]);
	return true;
}

/* Of a kind that has no job. */
static bool delete_idle_queue(struct havoc *h, const struct draw *d)
{
	(void)d;
	return is_up(h, PROXY_AMQP) && queue_is_deleted("weir.never");
}

static struct process *rabbit_tool(const char *command)
{
	char path[512];
	const char *stack = getenv("WEIR_STACK_DIR");
	snprintf(path, sizeof path, "%s/bin/rabbitmqctl", stack ? stack : "");
	return start(NULL, path, command, NULL);
}

/* Its tool is slow; the broker is away for as long as the tool needs to be called again. */
static bool stop_rabbit_app(struct havoc *h, const struct draw *d)
{
	(void)d;
	if (!is_up(h, PROXY_AMQP))
		return false;
	h->rabbit_start = rabbit_tool("stop_app");
	return true;
}

static void start_rabbit_app(struct havoc *h)
{
	if (!h->rabbit_start || is_alive(h->rabbit_start))
		return;
	bool back = strstr(log_of(h->rabbit_start), "Starting node") != NULL;
	EXPECT(h->rabbit_start->status == 0, "rabbitmqctl: %d, see %s", h->rabbit_start->status,
	       h->rabbit_start->log);
	forget(h->rabbit_start);
	h->rabbit_start = back ? NULL : rabbit_tool("start_app");
}

static bool end_sessions(struct havoc *h, const struct draw *d)
{
	(void)d;
	if (!is_up(h, PROXY_PG))
		return false;
	sql_text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
		 " WHERE datname = current_database() AND pid <> pg_backend_pid()");
	return true;
}

/* ---- the network ---- */

static bool cut(struct havoc *h, const struct draw *d)
{
	(void)h;
	proxy_cut((enum proxied)(d->pick % PROXIES));
	return true;
}

static bool spoil(struct havoc *h, const struct draw *d)
{
	enum proxied which = (enum proxied)(d->pick % PROXIES);
	enum direction way = (enum direction)(1 + d->choice % 3);
	if (h->clear_at_ms[which])
		return false;
	h->clear_at_ms[which] = now_ms() + d->hold_ms;
	switch (d->choice / 3 % 4) {
	case 0:
		proxy_delay(which, way, 100);
		break;
	case 1:
		proxy_slow(which, way, 20000, 0);
		break;
	case 2:
		proxy_swallow(which, way);
		break;
	default:
		proxy_refuse(which);
	}
	return true;
}

static void clear_network(struct havoc *h)
{
	for (int i = 0; i < PROXIES; i++) {
		if (!h->clear_at_ms[i] || now_ms() < h->clear_at_ms[i])
			continue;
		h->clear_at_ms[i] = 0;
		proxy_clear((enum proxied)i);
	}
}

/* ---- others ---- */

static bool begin_spell(struct havoc *h, enum spell which, int hold_ms, bool begun)
{
	if (begun)
		h->over_at_ms[which] = now_ms() + hold_ms;
	return begun;
}

static bool lock_rows(struct havoc *h, const struct draw *d)
{
	bool free = is_up(h, PROXY_PG) && !h->over_at_ms[LOCKED_ROWS];
	return begin_spell(h, LOCKED_ROWS, d->hold_ms, free && rows_lock(d->pick));
}

static bool fill_subscriber(struct havoc *h, const struct draw *d)
{
	bool free = is_up(h, PROXY_AMQP) && !h->over_at_ms[FULL_SUBSCRIBER];
	return begin_spell(h, FULL_SUBSCRIBER, d->hold_ms, free && subscriber_come());
}

/* The one that knows less has to be started as such, and to be another one afterwards. */
static bool age_consumer(struct havoc *h, const struct draw *d)
{
	int consumer = a_consumer(d);
	bool free = !h->over_at_ms[OLDER_CONSUMER] && fleet_tell(h->fleet, consumer);
	if (free)
		h->fleet->older = consumer;
	return begin_spell(h, OLDER_CONSUMER, d->hold_ms, free);
}

static bool renew_consumer(struct havoc *h)
{
	if (!fleet_tell(h->fleet, h->fleet->older))
		return false;
	h->fleet->older = 0;
	return true;
}

static bool change_password(struct havoc *h, const struct draw *d)
{
	bool free = is_up(h, PROXY_PG) && !h->over_at_ms[OLD_PASSWORD];
	if (free)
		password_change(d->pick);
	return begin_spell(h, OLD_PASSWORD, d->hold_ms, free);
}

/* The second ledger as if it had the servers for itself. */
static bool intrude(struct havoc *h, const struct draw *d)
{
	static const char *const programs[] = {"weir-relay", "weir-consumer", "weir"};
	bool free = h->fleet->second && !h->intruder && is_up(h, PROXY_AMQP) && is_up(h, PROXY_PG);
	if (free)
		h->intruder = second_start(programs[d->pick % 3], false);
	return begin_spell(h, INTRUDER, d->hold_ms, free);
}

static bool throw_out(struct havoc *h)
{
	struct process *p = h->intruder;
	EXPECT(!is_alive(p) && p->status != 0 && !strstr(log_of(p), "_ready"),
	       "%s of another ledger was not refused: %d, see %s", p->name, p->status, p->log);
	forget(p);
	h->intruder = NULL;
	return true;
}

static bool unlock_rows(struct havoc *h)
{
	(void)h;
	rows_unlock();
	return true;
}

static bool empty_subscriber(struct havoc *h) { return is_up(h, PROXY_AMQP) && subscriber_leave(); }

static bool tell_password(struct havoc *h)
{
	(void)h;
	password_tell();
	return true;
}

/* Each yields false when it is not over yet. */
static bool (*const ends[SPELLS])(struct havoc *) = {[LOCKED_ROWS] = unlock_rows,
						     [FULL_SUBSCRIBER] = empty_subscriber,
						     [OLDER_CONSUMER] = renew_consumer,
						     [OLD_PASSWORD] = tell_password,
						     [INTRUDER] = throw_out};

static void end_spells(struct havoc *h)
{
	for (int i = 0; i < SPELLS; i++)
		if (h->over_at_ms[i] && now_ms() >= h->over_at_ms[i] && ends[i](h))
			h->over_at_ms[i] = 0;
}

/* ---- operators ---- */

static bool pause_job(struct havoc *h, const struct draw *d)
{
	struct order *o = !h->options->plain && !h->controlled ? load_pick(h->load, d->pick) : NULL;
	if (!o)
		return false;
	o->paused = true;
	h->controlled = o;
	h->resume_at_ms = now_ms() + d->hold_ms;
	h->control = start(NULL, "weir", "pause", o->id, NULL);
	return true;
}

static bool cancel_job(struct havoc *h, const struct draw *d)
{
	struct order *o = !h->options->plain && !h->controlled ? load_pick(h->load, d->pick) : NULL;
	if (!o)
		return false;
	o->cancelled = true;
	h->controlled = o;
	h->control = start(NULL, "weir", "cancel", o->id, NULL);
	return true;
}

/* Invoices that have failed will fail again. Models would be paid for again, and are left alone. */
static bool retry_job(struct havoc *h, const struct draw *d)
{
	struct order *o = !h->options->plain && !h->controlled ? load_pick(h->load, d->pick) : NULL;
	for (int i = 1; o && !o->invoices && i < h->load->count; i++)
		o = load_pick(h->load, d->pick + i);
	if (!o || !o->invoices)
		return false;
	h->retrying = true;
	h->controlled = o;
	h->control = start(NULL, "weir", "retry", o->id, NULL);
	return true;
}

/* Commands are given until they have succeeded, or had nothing to do. */
static bool is_settled(const struct havoc *h)
{
	if (h->retrying)
		return false;
	const char *status =
		sql_text("SELECT status FROM weir.jobs WHERE job_id = '%s'", h->controlled->id);
	if (h->controlled->cancelled)
		return strcmp(status, "cancelled") == 0 || strcmp(status, "completed") == 0 ||
		       strcmp(status, "failed") == 0;
	return strcmp(status, "paused") != 0;
}

static void go_on_controlling(struct havoc *h)
{
	struct order *o = h->controlled;
	if (!o || (h->control && is_alive(h->control)))
		return;
	if (h->control) {
		h->retrying = h->retrying && h->control->status != 0;
		forget(h->control);
	}
	h->control = NULL;
	if (o->paused && now_ms() < h->resume_at_ms)
		return;
	if (!is_up(h, PROXY_PG))
		return;
	if (is_settled(h)) {
		o->paused = false;
		h->controlled = NULL;
		return;
	}
	const char *command = o->cancelled ? "cancel" : h->retrying ? "retry" : "resume";
	h->control = start(NULL, "weir", command, o->id, NULL);
}

/* ---- the table ---- */

static const struct fault faults[] = {
	{"kill a relay", RELAY, true, 20, 0, 0, kill_relay},
	{"kill a consumer", CONSUMER, true, 16, 0, 0, kill_consumer},
	{"kill a consumer's worker", CONSUMER, true, 8, 0, 0, kill_only_the_worker},
	{"kill a submit", SUBMIT, true, 8, 0, 0, kill_submit},
	{"SIGTERM to a relay", RELAY, false, 5, 0, 0, tell_relay},
	{"SIGTERM to a consumer", CONSUMER, false, 6, 0, 0, tell_consumer},
	{"SIGSTOP to a relay", RELAY, false, 4, 500, 8000, freeze_relay},
	{"SIGSTOP to a consumer", CONSUMER, false, 5, 500, 8000, freeze_consumer},
	{"kill Redis", REDIS, true, 9, 0, 2000, kill_redis},
	{"restart Redis", REDIS, false, 2, 0, 2000, stop_redis},
	{"FLUSHALL", REDIS, false, 4, 0, 0, flush_redis},
	{"kill RabbitMQ", RABBITMQ, true, 9, 0, 2000, kill_rabbitmq},
	{"restart RabbitMQ", RABBITMQ, false, 1, 0, 2000, stop_rabbitmq},
	{"rabbitmqctl stop_app", RABBITMQ, false, 1, 0, 0, stop_rabbit_app},
	{"purge a queue", RABBITMQ, false, 2, 0, 0, purge_queue},
	{"delete a queue", RABBITMQ, false, 2, 0, 0, delete_queue},
	{"delete an exchange", RABBITMQ, false, 2, 0, 0, delete_exchange},
	{"kill PostgreSQL", POSTGRESQL, true, 9, 0, 2000, kill_postgresql},
	{"restart PostgreSQL", POSTGRESQL, false, 2, 0, 2000, stop_postgresql},
	{"end all sessions", POSTGRESQL, false, 4, 0, 0, end_sessions},
	{"cut connections", NETWORK, false, 10, 0, 0, cut},
	{"a bad network", NETWORK, false, 10, 500, 6000, spoil},
	{"pause a job", JOB, false, 4, 0, 4000, pause_job},
	{"retry a job", JOB, false, 4, 0, 0, retry_job},
	{"cancel a job", JOB, false, 1, 0, 0, cancel_job},
	{"lock rows", OTHERS, false, 8, 500, 12000, lock_rows},
	{"a full subscriber", OTHERS, false, 4, 500, 12000, fill_subscriber},
	{"a consumer that knows less", OTHERS, false, 3, 2000, 15000, age_consumer},
	{"change the password", OTHERS, false, 3, 0, 3000, change_password},
	{"a second ledger without a namespace", OTHERS, false, 3, 12000, 15000, intrude},
	{"delete an idle queue", RABBITMQ, false, 3, 0, 0, delete_idle_queue},
};

#define FAULTS (sizeof faults / sizeof *faults)

static int weight_of(const struct havoc *h, const struct fault *f)
{
	int weight = f->weight < 0 && h->options->fault ? -f->weight : f->weight;
	return mix_has(h->options, f->name) && weight > 0 ? weight : 0;
}

/* NULL: none is called like that. */
static const struct fault *choose(const struct havoc *h, struct chance *c)
{
	int all = 0, at = 0;
	for (size_t i = 0; i < FAULTS; i++)
		all += weight_of(h, &faults[i]);
	int wanted = chance_between(c, 1, all > 0 ? all : 1);
	for (size_t i = 0; i < FAULTS; i++)
		if ((at += weight_of(h, &faults[i])) >= wanted)
			return &faults[i];
	return NULL;
}

static void strike(struct havoc *h)
{
	struct chance c = chance_of(h->seed, "fault", h->number++);
	const struct fault *f = choose(h, &c);
	if (!f)
		return;
	struct draw d = {.gap_ms = chance_between(&c, GAP_LEAST_MS, GAP_MOST_MS),
			 .hold_ms = chance_between(&c, f->hold_least_ms, f->hold_most_ms),
			 .pick = chance_between(&c, 0, 9999),
			 .choice = chance_between(&c, 0, 11)};
	bool met = f->begin(h, &d);
	h->faults[f->target] += met;
	h->kills[f->target] += met && f->kill;
	h->next_at_ms = now_ms() + d.gap_ms;
	tell(h, "#%d %s, pick %d, choice %d, for %d ms%s", h->number - 1, f->name, d.pick, d.choice,
	     d.hold_ms, met ? "" : ": met nobody");
}

void havoc_open(struct havoc *h, const struct mix_options *options, struct fleet *fleet,
		struct load *load)
{
	*h = (struct havoc){.seed = options->seed,
			    .options = options,
			    .fleet = fleet,
			    .load = load,
			    .began_ms = now_ms()};
	h->next_at_ms = now_ms() + 2000;
	h->log = fopen(LOGS "/faults.txt", "w");
	if (!h->log)
		abort();
	tell(h, "seed %llu", (unsigned long long)h->seed);
}

void havoc_turn(struct havoc *h, bool more)
{
	for (int i = 0; i < PROXIES; i++)
		raise_server(h, i);
	for (int i = 0; i < WORKERS; i++)
		if (h->thaw_at_ms[i] && now_ms() >= h->thaw_at_ms[i]) {
			h->thaw_at_ms[i] = 0;
			fleet_thaw(h->fleet, i);
		}
	clear_network(h);
	end_spells(h);
	start_rabbit_app(h);
	go_on_controlling(h);
	if (more && now_ms() >= h->next_at_ms)
		strike(h);
}

bool havoc_is_over(const struct havoc *h)
{
	bool over = !h->rabbit_start && !h->controlled;
	for (int i = 0; i < PROXIES; i++)
		over = over && h->servers[i].phase == UP && !h->clear_at_ms[i];
	for (int i = 0; i < WORKERS; i++)
		over = over && !h->thaw_at_ms[i];
	for (int i = 0; i < SPELLS; i++)
		over = over && !h->over_at_ms[i];
	return over;
}

int havoc_kills(const struct havoc *h)
{
	int n = 0;
	for (int i = 0; i < TARGETS; i++)
		n += i == SUBMIT ? 0 : h->kills[i];
	return n;
}

void havoc_close(struct havoc *h) { fclose(h->log); }
