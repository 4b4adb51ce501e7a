#include "weir/topology.h"

#include <stdio.h>
#include <string.h>

static const char *const exchanges[] = {EXCHANGE_ITEMS, EXCHANGE_EVENTS, EXCHANGE_DEAD};

#define EXCHANGES (sizeof exchanges / sizeof *exchanges)

/* RabbitMQ 4 gives every quorum queue a limit of 20, and this one has nowhere to send what is over
 * it; 3.10 does not know -1. */
static const struct broker_queue dead_queue = {.name = QUEUE_DEAD, .delivery_limit = 1000000};

bool kind_ok(const char *kind)
{
	size_t n = strlen(kind);
	return n >= 1 && n <= KIND_MAX && kind[0] >= 'a' && kind[0] <= 'z' &&
	       strspn(kind, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

void queue_of(const char *kind, char out[KIND_MAX + 8])
{
	snprintf(out, KIND_MAX + 8, QUEUE_PREFIX "%s", kind);
}

static struct broker_queue kind_queue(const char *name)
{
	return (struct broker_queue){.name = name,
				     .dead_exchange = EXCHANGE_DEAD,
				     .dead_key = "dead",
				     .delivery_limit = DELIVERY_LIMIT};
}

int topology_declare(struct broker *b, struct weir_error *err)
{
	for (size_t i = 0; i < EXCHANGES; i++)
		if (broker_declare_exchange(b, exchanges[i], false, err) < 0)
			return -1;
	if (broker_declare_queue(b, &dead_queue, false, NULL, err) < 0)
		return -1;
	return broker_bind(b, QUEUE_DEAD, EXCHANGE_DEAD, "#", err);
}

int topology_declare_kind(struct broker *b, const char *kind, struct weir_error *err)
{
	char name[KIND_MAX + 8];
	queue_of(kind, name);
	struct broker_queue queue = kind_queue(name);
	if (broker_declare_queue(b, &queue, false, NULL, err) < 0)
		return -1;
	return broker_bind(b, name, EXCHANGE_ITEMS, kind, err);
}

static int missing(const char *what, const struct weir_error *why, struct weir_error *err)
{
	return weir_fail(err, "topology", "%s is not as it must be (%.300s): run `weir init`", what,
			 why->text);
}

int topology_check(struct broker *b, uint32_t *dead, struct weir_error *err)
{
	struct weir_error why;
	for (size_t i = 0; i < EXCHANGES; i++)
		if (broker_declare_exchange(b, exchanges[i], true, &why) < 0)
			return missing("an exchange", &why, err);
	if (broker_declare_queue(b, &dead_queue, true, dead, &why) < 0)
		return missing("the dead-letter queue", &why, err);
	return 0;
}

int topology_check_kind(struct broker *b, const char *kind, uint32_t *messages,
			struct weir_error *err)
{
	char name[KIND_MAX + 8];
	struct weir_error why;
	queue_of(kind, name);
	struct broker_queue queue = kind_queue(name);
	if (broker_declare_queue(b, &queue, true, messages, &why) < 0)
		return missing("the queue of the kind", &why, err);
	return 0;
}
