#include "relay.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "weir/clock.h"
#include "weir/log.h"
#include "weir/message.h"
#include "weir/topology.h"

#define BROKER_S 10  /* to connect */
#define DEAD_S 3     /* for the broker's answers as to dead letters: all others wait meanwhile */
#define LOCK_MS 200  /* all others wait meanwhile */
#define POLL_MS 1000 /* nobody tells of events: at most so long */
#define COMEBACK_US 200000
#define COMEBACK_CAP_US 5000000
#define STEADY_US                                                                                  \
	10000000 /* a connection that held so long is none that is lost again and again            \
		  */
#define TOPOLOGY_US 5000000
/* A dead letter that the ledger refuses comes again less and less often: each time counts towards
 * the delivery limit of its queue, behind which there is nothing. */
#define DEAD_REST_US 1000000
#define DEAD_REST_CAP_US 60000000

/* Milliseconds until something becomes due; what has become so since the last claim counts, what
 * was due before and was not taken (another relay has it) is looked at again with the next poll. */
static const char next_due[] =
	"SELECT coalesce(ceil(extract(epoch FROM least("
	" (SELECT min(due_at) FROM weir.retries WHERE due_at > now() - interval '50 ms'"
	"  AND due_at < 'infinity'),"
	" (SELECT min(due_at) FROM weir.job_batches WHERE status = 'pending_queue'"
	"  AND due_at > now() - interval '50 ms' AND due_at < 'infinity'))"
	" - now()) * 1000), 3600000)::int8";

/* ---- connections ---- */

int relay_open_ledger(struct relay *r, const char *name, struct ledger **out,
		      struct weir_error *err)
{
	if (ledger_open(r->settings->pg_url, name, true, out, err) < 0)
		return -1;
	if (ledger_limits(*out, LOCK_MS, LEDGER_STATEMENT_MS, err) == 0)
		return 0;
	ledger_close(*out);
	*out = NULL;
	return -1;
}

int relay_open_wire(struct relay *r, struct weir_error *err)
{
	struct broker *b;
	r->ours = false;
	recover_end(r); /* it may be of another address */
	if (relay_open_broker(r, "weir-relay", BROKER_S, &b, err) < 0 ||
	    wire_begin(&r->wire, b, err) < 0)
		return -1;
	r->ours = true;
	r->beside_us = 0;
	r->topology_due = true;
	r->due = true;
	r->renew = false;
	return 0;
}

static int open_dead(struct relay *r, struct weir_error *err)
{
	char queue[NAMES_MAX];
	if (relay_open_beside(r, "weir-relay dead letters", DEAD_S, &r->dead_broker, err) < 0)
		return -1;
	exchange_name(EXCHANGE_DEAD, queue);
	return broker_consume(r->dead_broker, queue, 50, err);
}

static int open_ledger(struct relay *r, struct weir_error *err)
{
	struct ledger *l;
	if (relay_open_ledger(r, "weir-relay", &l, err) < 0)
		return -1;
	if (ledger_check_schema(l, err) < 0 || identity_read(l, r->ledger_id, err) < 0 ||
	    ledger_do(l, "LISTEN weir_due", NULL, NULL, err) < 0 ||
	    ledger_do(l, "LISTEN weir_done", NULL, NULL, err) < 0) {
		ledger_close(l);
		return -1;
	}
	r->ledger = l;
	r->outgoing.ledger_id = r->ledger_id;
	r->ledger_back.tries = 0;
	r->due = true;
	r->jobs_at_us = 0;
	return 0;
}

static void put_off(struct comeback *back, int64_t cap_us)
{
	back->at_us = clock_us() + clock_backoff_us(COMEBACK_US, cap_us, back->tries++);
}

/* What it has taken goes back to its queue, and comes again with the connection. */
static void close_dead(struct relay *r)
{
	broker_close(r->dead_broker);
	r->dead_broker = NULL;
	dead_forget_held(r);
}

void relay_rest_dead(struct relay *r)
{
	close_dead(r);
	r->dead_back.at_us =
		clock_us() + clock_backoff_us(DEAD_REST_US, DEAD_REST_CAP_US, r->dead_tries++);
}

/* Until the next one is known to be this ledger's nothing begins beside it. */
void relay_lose_broker(struct relay *r, const struct weir_error *why)
{
	int64_t since = r->wire.connected_us;
	log_event(LOG_WARN, "broker_lost", "error=\"%s\"", why->text);
	r->broker_why = *why;
	r->ours = false;
	wire_lose(&r->wire, why);
	recover_end(r);
	close_dead(r);
	if (strcmp(why->code, "not_ours") == 0)
		sides_leave(r);
	if (since && clock_us() - since > STEADY_US)
		r->broker_back.tries = 0;
	r->wire.connected_us = 0;
	put_off(&r->broker_back, COMEBACK_CAP_US);
}

/* Told once, also when it cannot be opened again. */
void relay_lose_dead(struct relay *r, const struct weir_error *why)
{
	close_dead(r);
	put_off(&r->dead_back, DEAD_REST_CAP_US);
	if (!r->dead_back.told)
		log_event(LOG_WARN, "dead_letters_away", "error=\"%s\"", why->text);
	r->dead_back.told = true;
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
	sides_abandon(r);
	recover_end(r);
	errands_release(r);
	ledger_close(r->ledger);
	r->ledger = NULL;
	close_dead(r); /* nobody would read it */
	put_off(&r->ledger_back, COMEBACK_CAP_US);
}

/* What cannot be made, or is there with other arguments, hinders nothing else, and is told when it
 * begins; so does a ledger that is there and refuses. With anything else the broker may not be ours
 * any more. */
static int watch_topology(struct relay *r, struct weir_error *err)
{
	struct weir_error why = {"", ""};
	r->topology_due = false;
	int rc = recover_topology(r, &why);
	r->topology_at_us = clock_us() + TOPOLOGY_US; /* others have had their turn by then */
	if (rc < 0 && !ledger_alive(r->ledger)) {
		relay_lose_ledger(r, &why);
		return 0;
	}
	bool ours = strncmp(why.code, "topology", 8) == 0 || strcmp(why.code, "database") == 0;
	if (*why.text && !ours) {
		*err = why;
		return -1;
	}
	if (*why.text && strcmp(why.text, r->topology_wrong.text) != 0)
		log_event(LOG_ERROR, "topology_wrong", "error=\"%s\"", why.text);
	else if (!*why.text && *r->topology_wrong.text)
		log_event(LOG_INFO, "topology_right", "text=\"%s\"", "all is as it must be again");
	r->topology_wrong = why;
	return 0;
}

/* What must be there before anything is published, and where dead letters come from. */
static void watch_broker(struct relay *r)
{
	struct weir_error why;
	int64_t now = clock_us();
	if ((r->topology_due || now >= r->topology_at_us) && watch_topology(r, &why) < 0) {
		relay_lose_broker(r, &why);
		return;
	}
	if (!r->ledger || r->dead_broker || r->only_job || now < r->dead_back.at_us)
		return;
	if (open_dead(r, &why) < 0) {
		relay_lose_dead(r, &why);
		return;
	}
	if (r->dead_back.told)
		log_event(LOG_INFO, "dead_letters_back", "connection=%s", "new");
	r->dead_back = (struct comeback){0};
}

static void come_back(struct relay *r)
{
	struct weir_error why;
	int64_t now = clock_us();
	if (!r->ledger && now >= r->ledger_back.at_us) {
		if (open_ledger(r, &why) < 0)
			relay_lose_ledger(r, &why);
		else
			log_event(LOG_INFO, "ledger_back", "connection=%s", "new");
	}
	if (!r->wire.broker && now >= r->broker_back.at_us) {
		if (relay_open_wire(r, &why) < 0)
			relay_lose_broker(r, &why);
		else
			log_event(LOG_INFO, "broker_back", "connection=%s", "new");
	}
	if (r->ledger && r->wire.broker)
		watch_broker(r);
}

int relay_open(struct relay *r, const struct settings *settings,
	       const struct relay_options *options, const char *only_job,
	       volatile const sig_atomic_t *stop, struct weir_error *err)
{
	*r = (struct relay){.settings = settings,
			    .options = *options,
			    .run_batches = options->batches < 10 ? options->batches : 10,
			    .only_job = only_job,
			    .stop = stop,
			    .wire = {.fd = -1, .runs = r->runs, .run_count = 2}};
	r->runs[0].wire = r->runs[1].wire = &r->wire;
	sides_init(r->sides);
	presence_init(&r->presence, "relay");
	r->presence.job_id = only_job;
	if (progress_open(settings->redis_url, 1000, &r->progress, err) == 0 &&
	    open_ledger(r, err) == 0 && relay_open_wire(r, err) == 0 &&
	    (recover_topology(r, err) == 0 || strncmp(err->code, "topology_", 9) == 0) &&
	    (only_job || open_dead(r, err) == 0)) {
		jobs_check_redis(r);
		return 0;
	}
	relay_close(r);
	return -1;
}

/* ---- telling others ---- */

static const char *waits_for(const struct relay *r)
{
	if (!r->wire.broker)
		return r->broker_why.text;
	if (r->wire.blocked)
		return "RabbitMQ is short of memory or disk and takes no messages: see "
		       "`rabbitmqctl "
		       "status`";
	if (r->publish_back.told)
		return r->publish_why.text;
	if (*r->topology_wrong.text)
		return r->topology_wrong.text;
	if (*apart_trouble(r))
		return apart_trouble(r);
	if (*jobs_trouble(r))
		return jobs_trouble(r);
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
	publish_release(r);
	schedule_release(r);
	sides_release(r->sides);
	suspects_release(&r->suspects);
	jobs_release(r);
	errands_release(r);
	recover_end(r);
	wire_close(&r->wire);
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
	schedule_when(r, &r->due_at_us);
	if (ledger_query(r->ledger, next_due, NULL, true, &rows, &why) < 0) {
		if (!ledger_alive(r->ledger)) /* else somebody has locked a table */
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

enum {
	FD_LEDGER,
	FD_BROKER,
	FD_DEAD,
	FD_ERRANDS,
	FD_SIDES = FD_ERRANDS + ERRANDS,
	FDS = FD_SIDES + SIDES
};

static int wire_socket(const struct wire *wire)
{
	return wire->broker ? broker_fd(wire->broker) : -1;
}

static bool may_publish(const struct relay *r)
{
	return r->ledger && r->ours && r->wire.broker && !r->wire.blocked &&
	       clock_us() >= r->publish_back.at_us;
}

static void lower(int64_t *until, int64_t at_us)
{
	if (at_us < *until)
		*until = at_us;
}

/* What is due while nothing can be published is no reason to turn: only when that can change. */
static void publish_when(const struct relay *r, int64_t now, int64_t *until)
{
	int64_t at = r->due ? now : r->due_at_us;
	if (!r->ledger)
		lower(until, r->ledger_back.at_us);
	if (!r->wire.broker)
		lower(until, r->broker_back.at_us);
	if (r->ledger && r->ours && r->wire.broker && !r->wire.blocked)
		lower(until, at > r->publish_back.at_us ? at : r->publish_back.at_us);
}

static void wait_for(struct relay *r, int timeout_ms)
{
	int64_t now = clock_us(), until = now + (int64_t)timeout_ms * 1000;
	publish_when(r, now, &until);
	if (r->wire.broker)
		lower(&until, now + broker_beat_us(r->wire.broker));
	if (r->ledger) {
		jobs_when(r, &until);
		sides_when(r, &until);
	}
	if (r->dead_broker && broker_buffered(r->dead_broker))
		until = now;
	struct pollfd fds[FDS] = {
		[FD_LEDGER] = {.fd = r->ledger ? ledger_fd(r->ledger) : -1, .events = POLLIN},
		[FD_BROKER] = {.fd = wire_socket(&r->wire), .events = POLLIN},
		[FD_DEAD] = {.fd = r->dead_broker ? broker_fd(r->dead_broker) : -1,
			     .events = POLLIN},
	};
	for (int i = 0; i < ERRANDS; i++)
		fds[FD_ERRANDS + i] =
			(struct pollfd){.fd = errand_fd(&r->errands[i]), .events = POLLIN};
	for (int i = 0; i < SIDES; i++)
		fds[FD_SIDES + i] =
			(struct pollfd){.fd = wire_socket(&r->sides[i].wire), .events = POLLIN};
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
	schedule_beat(r);
	if (clock_us() >= r->due_at_us)
		r->due = true;
	if (r->due && may_publish(r)) {
		r->due = false;
		publish_due(r);
		if (r->ledger)
			ask_next_due(r);
	}
	if (r->ledger)
		run_start_left(r);
	if (r->ledger)
		sides_turn(r);
	if (r->ledger)
		dead_turn(r);
	if (r->ledger)
		jobs_turn(r);
	if (r->ledger)
		tell(r);
	causes_tell(&r->causes);
}
