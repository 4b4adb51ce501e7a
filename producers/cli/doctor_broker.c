/* RabbitMQ: exchanges and queues. */
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "weir/clock.h"
#include "weir/topology.h"

#define CONFIRM_MS 5000
#define REFUSED "refused"

static bool open_broker(struct doctor *d, struct weir_error *why)
{
	broker_close(d->broker);
	d->broker = NULL;
	return broker_open(d->settings->amqp_url, "weir doctor", 0, &d->broker, why) == 0;
}

/* 3.10 before 3.9, unlike in the order of texts. */
static bool version_at_least(const char *version, long major, long minor)
{
	char *end;
	long first = strtol(version, &end, 10);
	long second = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
	return first > major || (first == major && second >= minor);
}

void doctor_check_broker(struct doctor *d)
{
	struct weir_error why;
	if (!d->settings->amqp_url)
		return;
	if (!open_broker(d, &why)) {
		doctor_tell_away(d, &why);
		return;
	}
	const char *version = broker_version(d->broker);
	if (!*version)
		doctor_tell(d, LEVEL_WARN, "3.10 or newer is needed",
			    "reachable, version not told");
	else if (!version_at_least(version, 3, 10))
		doctor_tell(d, LEVEL_FAIL, "use RabbitMQ 3.10 or newer", "version %s is too old",
			    version);
	else
		doctor_tell(d, LEVEL_OK, "", "reachable, version %s", version);
}

/* After a check that has failed the connection is dead, and the next ones need a new one. */
static void renew_broker(struct doctor *d)
{
	struct weir_error why;
	if (!open_broker(d, &why))
		doctor_tell(d, LEVEL_FAIL, "see the log of RabbitMQ", "lost: %s", why.text);
}

void doctor_check_mark(struct doctor *d)
{
	struct weir_error why;
	if (!d->broker || !*d->id)
		return;
	if (identity_check_mark(d->broker, d->id, &why) == 0) {
		doctor_tell(d, LEVEL_OK, "", "the virtual host is marked as this ledger's");
		return;
	}
	bool unmarked = strcmp(why.code, "no_mark") == 0;
	doctor_tell(d, LEVEL_FAIL, unmarked ? "run: weir init" : "WEIR_AMQP_URL, or --namespace",
		    "%s", why.text);
	renew_broker(d);
}

void doctor_check_topology(struct doctor *d)
{
	struct weir_error why;
	uint32_t dead = 0;
	if (!d->broker)
		return;
	if (topology_check(d->broker, &dead, &why) < 0) {
		doctor_tell_missing(d, &why);
		renew_broker(d);
		return;
	}
	doctor_tell(d, LEVEL_OK, "", "the exchanges and the dead-letter queue are there");
	if (dead > 0)
		doctor_tell(d, LEVEL_WARN, "weir-relay takes them into the ledger: is it running?",
			    "%u dead letters wait", dead);
}

void doctor_check_queues(struct doctor *d)
{
	struct weir_error why;
	uint32_t waiting;
	for (int i = 0; d->broker && i < d->kind_count; i++) {
		if (topology_check_kind(d->broker, d->kinds[i], &waiting, &why) == 0) {
			doctor_tell(d, LEVEL_OK, "", "queue %s%s is there, %u messages wait",
				    names_at_broker(), d->kinds[i], waiting);
			continue;
		}
		doctor_tell_missing(d, &why);
		renew_broker(d);
	}
}

/* ---- publishing ---- */

/* Takes what the broker says of the one message. 0, or -1. */
static int await_confirm(struct broker *b, struct weir_error *err)
{
	struct broker_event event;
	int64_t until = clock_us() + CONFIRM_MS * 1000;
	while (clock_us() < until) {
		if (broker_next(b, 200, &event, err) < 0)
			return -1;
		free(event.body);
		event.body = NULL;
		if (event.type == BROKER_ACK)
			return 0;
		if (event.type == BROKER_NACK)
			return weir_fail(err, REFUSED, "RabbitMQ refuses messages");
		if (event.type == BROKER_BLOCKED)
			return weir_fail(
				err, "broker",
				"RabbitMQ is short of memory or disk and takes no messages");
	}
	return weir_fail(err, "broker", "RabbitMQ confirms nothing within %d s", CONFIRM_MS / 1000);
}

/* Of no kind, so that it goes to no queue of weir's and comes back. */
static int publish_one(struct broker *b, struct weir_error *err)
{
	char exchange[NAMES_MAX];
	uint64_t number;
	exchange_name(EXCHANGE_ITEMS, exchange);
	const struct broker_message m = {.exchange = exchange,
					 .key = "weir-doctor.",
					 .content_type = "text/plain",
					 .type = "doctor",
					 .message_id = "doctor",
					 .body = "",
					 .body_size = 0};
	if (broker_confirm(b, err) < 0 || broker_publish(b, &m, &number, err) < 0)
		return -1;
	return await_confirm(b, err);
}

/* It is for no queue of weir's, and so it is somebody else's that has refused it. */
static void tell_refused(struct doctor *d)
{
	char exchange[NAMES_MAX];
	exchange_name(EXCHANGE_ITEMS, exchange);
	doctor_tell(d, LEVEL_FAIL, WHICH_QUEUES ": read it, or take its binding away",
		    "another queue that is bound to %s is full (x-overflow=reject-publish): items "
		    "are sent again until it takes them, or they are done",
		    exchange);
}

void doctor_check_publishing(struct doctor *d)
{
	struct weir_error why;
	if (!d->broker)
		return;
	if (publish_one(d->broker, &why) == 0)
		doctor_tell(d, LEVEL_OK, "", "a message was taken and confirmed");
	else if (strcmp(why.code, REFUSED) == 0)
		tell_refused(d);
	else
		doctor_tell_away(d, &why);
	renew_broker(d); /* without confirms */
}
