#include "weir/topology.h"

#include <stdio.h>
#include <string.h>

#include "weir/advice.h"
#include "weir/log.h"

static const char *const words[EXCHANGES] = {"items", "events", "dead"};

void exchange_name(enum exchange exchange, char out[NAMES_MAX])
{
	snprintf(out, NAMES_MAX, "%s%s", names_at_broker(), words[exchange]);
}

/* RabbitMQ 4 gives every quorum queue a limit of 20, and this one has nowhere to send what is over
 * it; 3.10 does not know -1. */
static struct broker_queue dead_queue(char name[NAMES_MAX])
{
	exchange_name(EXCHANGE_DEAD, name);
	return (struct broker_queue){.name = name, .delivery_limit = 1000000};
}

bool kind_ok(const char *kind)
{
	size_t n = strlen(kind);
	return n >= 1 && n <= KIND_MAX && kind[0] >= 'a' && kind[0] <= 'z' &&
	       strspn(kind, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

void queue_of(const char *kind, char out[NAMES_MAX])
{
	snprintf(out, NAMES_MAX, "%s%s", names_at_broker(), kind);
}

const char *kind_of_queue(const char *queue)
{
	size_t prefix = strlen(names_at_broker());
	if (strncmp(queue, names_at_broker(), prefix) != 0 || !kind_ok(queue + prefix))
		return NULL;
	return queue + prefix;
}

/* Of a kind, with the names that it is declared and bound by. */
struct named_queue {
	char name[NAMES_MAX], dead[NAMES_MAX], items[NAMES_MAX];
	struct broker_queue queue;
};

static void name_queue(struct named_queue *n, const char *kind)
{
	queue_of(kind, n->name);
	exchange_name(EXCHANGE_DEAD, n->dead);
	exchange_name(EXCHANGE_ITEMS, n->items);
	n->queue = (struct broker_queue){.name = n->name,
					 .dead_exchange = n->dead,
					 .dead_key = "dead",
					 .delivery_limit = DELIVERY_LIMIT};
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

/* To bind takes the right to write to the queue and to read from the exchange: who has not got them
 * may still use what others have bound. */
static int bind(struct broker *b, const char *queue, const char *exchange, const char *key,
		bool made, struct weir_error *err)
{
	struct weir_error why;
	if (broker_bind(b, queue, exchange, key, &why) == 0)
		return 0;
	if (!made && strcmp(why.code, "broker_denied") == 0)
		return broker_reopen(b, err);
	return weir_fail(err, why.code, "%s", why.text);
}

static int restore_queue(struct broker *b, const struct broker_queue *queue, const char *exchange,
			 const char *key, const struct topology_teller *teller, bool *made,
			 uint32_t *messages, struct weir_error *err)
{
	struct weir_error why;
	bool denied;
	int rc = broker_declare_queue(b, queue, true, messages, &why);
	if (judge_check(b, rc, made, &why, err) < 0 ||
	    (*made && teller && teller->missing(teller->state, key, err) < 0))
		return -1;
	rc = broker_declare_queue(b, queue, false, messages, &why);
	if (judge_again(b, rc, *made, &why, &denied, err) < 0)
		return -1;
	return denied ? 0 : bind(b, queue->name, exchange, key, *made, err);
}

static void note(struct buffer *names, const char *what, const char *name, bool made)
{
	if (made)
		buffer_printf(names, "%s%s %s", names->size ? ", " : "", what, name);
}

int topology_restore(struct broker *b, struct buffer *names, struct weir_error *err)
{
	char name[NAMES_MAX];
	bool made;
	for (int i = 0; i < EXCHANGES; i++) {
		exchange_name((enum exchange)i, name);
		if (restore_exchange(b, name, &made, err) < 0)
			return -1;
		note(names, "exchange", name, made);
	}
	const struct broker_queue dead = dead_queue(name);
	if (restore_queue(b, &dead, name, "#", NULL, &made, NULL, err) < 0)
		return -1;
	note(names, "queue", name, made);
	return 0;
}

int topology_restore_kind(struct broker *b, const char *kind, const struct topology_teller *teller,
			  struct buffer *names, uint32_t *messages, struct weir_error *err)
{
	struct named_queue n;
	bool made;
	name_queue(&n, kind);
	if (restore_queue(b, &n.queue, n.items, kind, teller, &made, messages, err) < 0)
		return -1;
	note(names, "queue", n.name, made);
	return 0;
}

void topology_say_restored(struct buffer *names)
{
	const char *text = names->size > 0 ? buffer_text(names) : NULL;
	if (text)
		log_event(LOG_WARN, "topology_restored", "made=\"%s\"", text);
	buffer_release(names);
}

/* ---- checking ---- */

static int missing(const char *what, struct weir_error *why, struct weir_error *err)
{
	char ignored[ADVICE_ROOM];
	advice_split(why->text, ignored);
	return weir_fail(err, "topology", "%s is not as it must be (%.300s): run `weir init`", what,
			 why->text);
}

/* What is there, declared once more with all arguments: where they are the same nothing changes,
 * where they differ the broker says which. */
static int compare(struct broker *b, int declared, const struct weir_error *why,
		   struct weir_error *err)
{
	if (declared == 0)
		return 0;
	if (strcmp(why->code, "broker_denied") == 0)
		return broker_reopen(b, err);
	return weir_fail(err, strcmp(why->code, "broker_differs") == 0 ? "topology" : why->code,
			 "%s", why->text);
}

static int check_exchange(struct broker *b, const char *name, struct weir_error *err)
{
	struct weir_error why;
	if (broker_declare_exchange(b, name, true, &why) < 0)
		return missing("an exchange", &why, err);
	return compare(b, broker_declare_exchange(b, name, false, &why), &why, err);
}

static int check_queue(struct broker *b, const struct broker_queue *queue, const char *what,
		       uint32_t *messages, struct weir_error *err)
{
	struct weir_error why;
	if (broker_declare_queue(b, queue, true, messages, &why) < 0)
		return missing(what, &why, err);
	return compare(b, broker_declare_queue(b, queue, false, messages, &why), &why, err);
}

int topology_check(struct broker *b, uint32_t *dead, struct weir_error *err)
{
	char name[NAMES_MAX];
	for (int i = 0; i < EXCHANGES; i++) {
		exchange_name((enum exchange)i, name);
		if (check_exchange(b, name, err) < 0)
			return -1;
	}
	const struct broker_queue queue = dead_queue(name);
	return check_queue(b, &queue, "the dead-letter queue", dead, err);
}

int topology_check_kind(struct broker *b, const char *kind, uint32_t *messages,
			struct weir_error *err)
{
	struct named_queue n;
	name_queue(&n, kind);
	return check_queue(b, &n.queue, "the queue of the kind", messages, err);
}
