#include "weir/topology.h"

#include <stdio.h>
#include <string.h>

#include "weir/advice.h"

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

/* ---- restoring ---- */

/* What a check has found, once more with all arguments: that tells whether they are the same. Who
 * may not declare may still use what is there. */
static int judge_again(struct broker *b, int declared, bool made, const struct weir_error *why,
		       bool *denied, struct weir_error *err)
{
	*denied = declared < 0 && !made && strcmp(why->code, "broker_denied") == 0;
	if (*denied)
		return broker_reopen(b, err);
	if (declared == 0)
		return 0;
	if (strcmp(why->code, "broker_differs") == 0)
		return weir_fail(err, "topology",
				 "it is there, but not as it must be (%.300s): delete it, or "
				 "use another virtual host",
				 why->text);
	return weir_fail(err, why->code, "%s", why->text);
}

/* Whether a passive declaration has found it. */
static int judge_check(struct broker *b, int checked, bool *made, const struct weir_error *why,
		       struct weir_error *err)
{
	*made = checked < 0;
	if (checked == 0)
		return 0;
	if (strcmp(why->code, "broker_missing") != 0)
		return weir_fail(err, why->code, "%s", why->text);
	return broker_reopen(b, err);
}

static int restore_exchange(struct broker *b, const char *name, bool *made, struct weir_error *err)
{
	struct weir_error why;
	bool denied;
	int rc = broker_declare_exchange(b, name, true, &why);
	if (judge_check(b, rc, made, &why, err) < 0)
		return -1;
	rc = broker_declare_exchange(b, name, false, &why);
	return judge_again(b, rc, *made, &why, &denied, err);
}

static int restore_queue(struct broker *b, const struct broker_queue *queue, const char *exchange,
			 const char *key, bool *made, uint32_t *messages, struct weir_error *err)
{
	struct weir_error why;
	bool denied;
	int rc = broker_declare_queue(b, queue, true, messages, &why);
	if (judge_check(b, rc, made, &why, err) < 0)
		return -1;
	rc = broker_declare_queue(b, queue, false, messages, &why);
	if (judge_again(b, rc, *made, &why, &denied, err) < 0)
		return -1;
	return denied ? 0 : broker_bind(b, queue->name, exchange, key, err);
}

static void note(struct buffer *names, const char *what, const char *name, bool made)
{
	if (made)
		buffer_printf(names, "%s%s %s", names->size ? ", " : "", what, name);
}

int topology_restore(struct broker *b, struct buffer *names, struct weir_error *err)
{
	bool made;
	for (size_t i = 0; i < EXCHANGES; i++) {
		if (restore_exchange(b, exchanges[i], &made, err) < 0)
			return -1;
		note(names, "exchange", exchanges[i], made);
	}
	if (restore_queue(b, &dead_queue, EXCHANGE_DEAD, "#", &made, NULL, err) < 0)
		return -1;
	note(names, "queue", QUEUE_DEAD, made);
	return 0;
}

int topology_restore_kind(struct broker *b, const char *kind, struct buffer *names, bool *made,
			  uint32_t *messages, struct weir_error *err)
{
	char name[KIND_MAX + 8];
	queue_of(kind, name);
	struct broker_queue queue = kind_queue(name);
	if (restore_queue(b, &queue, EXCHANGE_ITEMS, kind, made, messages, err) < 0)
		return -1;
	note(names, "queue", name, *made);
	return 0;
}

/* ---- checking ---- */

static int missing(const char *what, struct weir_error *why, struct weir_error *err)
{
	char ignored[ADVICE_ROOM];
	advice_split(why->text, ignored);
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
