/* What the broker says of published rows: confirmed, refused, returned. */
#include <string.h>

#include "relay.h"
#include "weir/log.h"

static void set_state(struct run *run, int row, enum row_state state)
{
	if (run->states[row] == ROW_SENT)
		run->confirmed++;
	/* A returned message is acked all the same: it stays refused. */
	if (run->states[row] != ROW_REFUSED)
		run->states[row] = (uint8_t)state;
}

/* Rows are numbered in the order in which they were sent; some were not. */
static void confirm(struct run *run, uint64_t tag, bool multiple, enum row_state state)
{
	uint64_t number = run->first;
	for (int row = 0; row < run->sent; row++) {
		if (run->states[row] == ROW_BROKEN || run->states[row] == ROW_NOTHING)
			continue;
		if (number == tag || (multiple && number < tag && run->states[row] == ROW_SENT))
			set_state(run, row, state);
		if (number >= tag)
			return;
		number++;
	}
}

/* A return has no number. Where several rows have the same id (dead letters may), all of them count
 * as returned, and the others come twice. */
static void returned(struct run *run, const char *id)
{
	char own[OUTGOING_ID_MAX];
	for (int row = 0; row < run->sent; row++) {
		if (run->states[row] != ROW_SENT)
			continue;
		run->outbox->id(run->rows, row, own);
		if (strcmp(own, id) == 0)
			set_state(run, row, ROW_REFUSED);
	}
}

static void handle(struct relay *r, const struct broker_event *event)
{
	switch (event->type) {
	case BROKER_ACK:
	case BROKER_NACK:
		r->nacked |= event->type == BROKER_NACK;
		for (int i = 0; i < 2; i++)
			if (r->runs[i].open && r->runs[i].sent > 0)
				confirm(&r->runs[i], event->tag, event->multiple,
					event->type == BROKER_ACK ? ROW_CONFIRMED : ROW_REFUSED);
		break;
	case BROKER_RETURN:
		r->topology_due = true; /* a queue or its binding is gone */
		for (int i = 0; i < 2; i++)
			if (r->runs[i].open)
				returned(&r->runs[i], event->message_id);
		break;
	case BROKER_BLOCKED:
	case BROKER_UNBLOCKED:
		r->blocked = event->type == BROKER_BLOCKED;
		log_event(LOG_WARN, r->blocked ? "broker_blocked" : "broker_unblocked",
			  "text=\"the broker is %s publishers\"",
			  r->blocked ? "in alarm and does not read from" : "reading again from");
		break;
	default:
		break;
	}
}

static int take(struct relay *r, int timeout_ms)
{
	struct broker_event event;
	struct weir_error why;
	do {
		if (broker_next(r->broker, timeout_ms, &event, &why) < 0) {
			relay_lose_broker(r, &why);
			return -1;
		}
		handle(r, &event);
		timeout_ms = 0;
	} while (event.type != BROKER_NOTHING);
	return 0;
}

int confirms_hear(struct relay *r, int timeout_ms, struct weir_error *err)
{
	if (!r->broker || take(r, timeout_ms) < 0)
		return weir_fail(err, "broker", "the connection was lost");
	if (r->blocked)
		return weir_fail(err, "broker_blocked", "the broker is in alarm");
	return 0;
}

void publish_take(struct relay *r)
{
	if (r->broker)
		(void)take(r, 0);
}
