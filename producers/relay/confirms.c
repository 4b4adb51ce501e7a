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
		if (number == tag || (multiple && number < tag && run->states[row] == ROW_SENT)) {
			run->nacked |= state == ROW_REFUSED;
			set_state(run, row, state);
		}
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

static void handle(struct relay *r, struct wire *w, const struct broker_event *event)
{
	switch (event->type) {
	case BROKER_ACK:
	case BROKER_NACK:
		w->nacked |= event->type == BROKER_NACK;
		for (int i = 0; i < w->run_count; i++)
			if (w->runs[i].open && w->runs[i].sent > 0)
				confirm(&w->runs[i], event->tag, event->multiple,
					event->type == BROKER_ACK ? ROW_CONFIRMED : ROW_REFUSED);
		break;
	case BROKER_RETURN:
		r->topology_due = true; /* a queue or its binding is gone */
		for (int i = 0; i < w->run_count; i++)
			if (w->runs[i].open)
				returned(&w->runs[i], event->message_id);
		break;
	case BROKER_BLOCKED:
	case BROKER_UNBLOCKED:
		w->blocked = event->type == BROKER_BLOCKED;
		if (w == &r->wire) /* all connections hear it */
			log_event(LOG_WARN, w->blocked ? "broker_blocked" : "broker_unblocked",
				  "text=\"the broker is %s publishers\"",
				  w->blocked ? "in alarm and does not read from"
					     : "reading again from");
		break;
	default:
		break;
	}
}

static int take(struct relay *r, struct wire *w, int timeout_ms, struct weir_error *err)
{
	struct broker_event event;
	do {
		if (broker_next(w->broker, timeout_ms, &event, err) < 0) {
			wire_lose(w, err);
			return -1;
		}
		handle(r, w, &event);
		timeout_ms = 0;
	} while (event.type != BROKER_NOTHING);
	return 0;
}

int confirms_hear(struct relay *r, struct wire *w, int timeout_ms, struct weir_error *err)
{
	if (!w->broker)
		return weir_fail(err, "broker", "the connection was lost");
	if (take(r, w, timeout_ms, err) < 0)
		return -1;
	if (w->blocked)
		return weir_fail(err, "broker_blocked", "the broker is in alarm");
	return 0;
}

void publish_take(struct relay *r)
{
	struct weir_error why;
	if (r->wire.broker && take(r, &r->wire, 0, &why) < 0)
		relay_lose_broker(r, &why);
}
