#include "relay.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "weir/clock.h"
#include "weir/log.h"
#include "weir/message.h"
#include "weir/topology.h"

#define POLL_MS 1000 /* nobody tells of events: at most so long */
#define COMEBACK_US 200000
#define COMEBACK_CAP_US 5000000

/* Milliseconds until something becomes due; what has become so since the last claim counts, what
 * was due before and was not taken (another relay has it) is looked at again with the next poll. */
static const char next_due[] =
	"SELECT coalesce(ceil(extract(epoch FROM least("
	" (SELECT min(due_at) FROM weir.retries WHERE due_at > now() - interval '50 ms'"
	"  AND due_at < 'infinity'),"
	" (SELECT min(due_at) FROM weir.job_batches WHERE status = 'pending_queue'"
	"  AND due_at > now() - interval '50 ms' AND due_at < 'infinity'),"
	" (SELECT min(due_at) FROM weir.dead_letters WHERE due_at > now() - interval '50 ms'))"
	" - now()) * 1000), 3600000)::int8";

/* ---- connections ---- */

static int open_broker(struct relay *r, struct weir_error *err)
{
	struct broker *b;
	if (broker_open(r->settings->amqp_url, "weir-relay", MESSAGE_MAX, &b, err) < 0)
		return -1;
	if (broker_confirm(b, err) < 0) {
		broker_close(b);
		return -1;
	}
	r->topology_due = true;
	r->broker = b;
	r->publish_fd = broker_fd(b);
	r->connected_us = clock_us();
	r->nacked = false;
	r->blocked = false;
	r->due = true;
	return 0;
}

static int open_dead(struct relay *r, struct weir_error *err)
{
	char queue[NAMES_MAX];
	if (broker_open(r->settings->amqp_url, "weir-relay dead letters", MESSAGE_MAX,
			&r->dead_broker, err) < 0)
		return -1;
	exchange_name(EXCHANGE_DEAD, queue);
	return broker_consume(r->dead_broker, queue, 50, err);
}

static int open_ledger(struct relay *r, struct weir_error *err)
{
	struct ledger *l;
	if (ledger_open(r->settings->pg_url, "weir-relay", true, &l, err) < 0)
		return -1;
	if (ledger_check_schema(l, err) < 0 || identity_read(l, r->ledger_id, err) < 0 ||
	    ledger_do(l, "LISTEN weir_due", NULL, NULL, err) < 0 ||
	    ledger_do(l, "LISTEN weir_done", NULL, NULL, err) < 0) {
		ledger_close(l);
		return -1;
	}
	r->ledger = l;
	r->ledger_tries = 0;
	r->due = true;
	r->jobs_at_us = 0;
	return 0;
}

/* What must be there before anything is published, and where dead letters come from. */
static int watch_broker(struct relay *r, struct weir_error *err)
{
	if (r->topology_due && recover_topology(r, err) < 0)
		return -1;
	if (!r->dead_broker && open_dead(r, err) < 0)
		return -1;
	r->broker_tries = 0;
	return 0;
}

void relay_lose_broker(struct relay *r, const struct weir_error *why)
{
	log_event(LOG_WARN, "broker_lost", "error=\"%s\"", why->text);
	r->broker_why = *why;
	r->publish_fd = -1;
	broker_close(r->broker);
	broker_close(r->dead_broker);
	r->broker = r->dead_broker = NULL;
	r->broker_at_us =
		clock_us() + clock_backoff_us(COMEBACK_US, COMEBACK_CAP_US, r->broker_tries++);
}

static void errands_release(struct relay *r)
{
	for (int i = 0; i < ERRANDS; i++)
		errand_release(&r->errands[i]);
}

void relay_lose_ledger(struct relay *r, const struct weir_error *why)
{
	log_event(LOG_WARN, "ledger_lost", "error=\"%s\"", why->text);
	publish_abandon(r);
	errands_release(r);
	ledger_close(r->ledger);
	broker_close(r->dead_broker); /* nobody would read it */
	r->ledger = NULL;
	r->dead_broker = NULL;
	r->ledger_at_us =
		clock_us() + clock_backoff_us(COMEBACK_US, COMEBACK_CAP_US, r->ledger_tries++);
}

static void come_back(struct relay *r)
{
	struct weir_error why;
	int64_t now = clock_us();
	if (!r->ledger && now >= r->ledger_at_us) {
		if (open_ledger(r, &why) < 0)
			relay_lose_ledger(r, &why);
		else
			log_event(LOG_INFO, "ledger_back", "connection=%s", "new");
	}
	if (!r->broker && now >= r->broker_at_us) {
		if (open_broker(r, &why) < 0)
			relay_lose_broker(r, &why);
		else
			log_event(LOG_INFO, "broker_back", "connection=%s", "new");
	}
	if (r->ledger && r->broker && watch_broker(r, &why) < 0)
		relay_lose_broker(r, &why);
}

int relay_open(struct relay *r, const struct settings *settings,
	       const struct relay_options *options, const char *only_job, volatile const int *stop,
	       struct weir_error *err)
{
	*r = (struct relay){.settings = settings,
			    .options = *options,
			    .run_batches = options->batches < 10 ? options->batches : 10,
			    .only_job = only_job,
			    .stop = stop,
			    .publish_fd = -1};
	presence_init(&r->presence, "relay");
	r->presence.job_id = only_job;
	if (progress_open(settings->redis_url, 1000, &r->progress, err) == 0 &&
	    open_ledger(r, err) == 0 && open_broker(r, err) == 0 && watch_broker(r, err) == 0)
		return 0;
	relay_close(r);
	return -1;
}

/* ---- telling others ---- */

static const char *waits_for(const struct relay *r)
{
	if (!r->broker)
		return r->broker_why.text;
	if (r->blocked)
		return "RabbitMQ is short of memory or disk and takes no messages: see "
		       "`rabbitmqctl "
		       "status`";
	return r->redis_away ? r->redis_why.text : "";
}

static void tell(struct relay *r)
{
	struct weir_error why;
	if (!presence_due(&r->presence, waits_for(r), clock_us()) ||
	    presence_tell(&r->presence, r->ledger, waits_for(r), &why) == 0)
		return;
	if (!ledger_alive(r->ledger))
		relay_lose_ledger(r, &why);
	else
		log_event(LOG_DEBUG, "presence_not_told", "error=\"%s\"", why.text);
}

static void leave(struct relay *r)
{
	struct weir_error ignored;
	if (r->ledger && r->presence.told_us > 0 &&
	    presence_leave(&r->presence, r->ledger, &ignored) < 0)
		return; /* it is forgotten soon */
}

void relay_close(struct relay *r)
{
	causes_tell(&r->causes);
	leave(r);
	r->publish_fd = -1;
	publish_release(r);
	schedule_release(r);
	jobs_release(r);
	errands_release(r);
	recover_end(r);
	broker_close(r->broker);
	broker_close(r->dead_broker);
	ledger_close(r->ledger);
	progress_close(r->progress);
	params_release(&r->params);
	presence_release(&r->presence);
	*r = (struct relay){0};
}

/* ---- what the ledger tells ---- */

static void take_notifications(struct relay *r)
{
	struct weir_error why;
	PGresult *result = NULL;
	if (ledger_take(r->ledger, &result, &why) == LEDGER_FAILED) {
		relay_lose_ledger(r, &why);
		return;
	}
	for (PGnotify *n; (n = PQnotifies(ledger_conn(r->ledger))); PQfreemem(n)) {
		if (strcmp(n->relname, "weir_done") == 0)
			jobs_told(r, n->extra);
		else
			r->due = true;
	}
}

/* When nothing is due, something may be later. */
static void ask_next_due(struct relay *r)
{
	struct weir_error why;
	PGresult *rows = NULL;
	int64_t now = clock_us();
	r->due_at_us = now + (r->options.poll_ms < POLL_MS ? r->options.poll_ms : POLL_MS) * 1000;
	publish_when(r, &r->due_at_us);
	if (ledger_query(r->ledger, next_due, NULL, true, &rows, &why) < 0) {
		relay_lose_ledger(r, &why);
		return;
	}
	int64_t ms = ledger_big(rows, 0, 0);
	PQclear(rows);
	if (ms < 1) /* before the answer came */
		ms = 1;
	if (now + ms * 1000 < r->due_at_us)
		r->due_at_us = now + ms * 1000;
}

/* ---- the loop ---- */

enum { FD_LEDGER, FD_BROKER, FD_DEAD, FD_SHORT, FD_LONG, FDS };

static void wait_for(struct relay *r, int timeout_ms)
{
	int64_t now = clock_us(), until = now + (int64_t)timeout_ms * 1000;
	if (r->due_at_us < until)
		until = r->due_at_us;
	if (r->jobs_at_us < until)
		until = r->jobs_at_us;
	if ((r->due && r->broker && r->ledger && !r->blocked) ||
	    (r->dead_broker && broker_buffered(r->dead_broker)))
		until = now;
	struct pollfd fds[FDS] = {
		[FD_LEDGER] = {.fd = r->ledger ? ledger_fd(r->ledger) : -1, .events = POLLIN},
		[FD_BROKER] = {.fd = r->broker ? broker_fd(r->broker) : -1, .events = POLLIN},
		[FD_DEAD] = {.fd = r->dead_broker ? broker_fd(r->dead_broker) : -1,
			     .events = POLLIN},
		[FD_SHORT] = {.fd = errand_fd(&r->errands[ERRAND_SHORT]), .events = POLLIN},
		[FD_LONG] = {.fd = errand_fd(&r->errands[ERRAND_LONG]), .events = POLLIN},
	};
	poll(fds, FDS, until > now ? (int)((until - now + 999) / 1000) : 0);
}

void relay_turn(struct relay *r, int timeout_ms)
{
	if (r->ledger) /* what came in with the last answers does not wake poll() */
		take_notifications(r);
	wait_for(r, timeout_ms);
	come_back(r);
	if (r->ledger)
		take_notifications(r);
	publish_take(r);
	if (clock_us() >= r->due_at_us)
		r->due = true;
	if (r->due && r->ledger && r->broker && !r->blocked) {
		r->due = false;
		publish_due(r);
		if (r->ledger)
			ask_next_due(r);
	}
	if (r->ledger)
		dead_turn(r);
	if (r->ledger)
		jobs_turn(r);
	if (r->ledger)
		tell(r);
	causes_tell(&r->causes);
	/* What cannot be done now is no reason to turn faster. */
	if (!r->ledger || !r->broker || r->blocked)
		r->due_at_us = clock_us() + r->options.poll_ms * 1000;
	if (!r->ledger)
		r->jobs_at_us = r->due_at_us;
}
