/* Events: what others are told, about in the order in which it was written down. Transactions that
 * commit in another order than they wrote, and relays that take rows past each other, change it.
 * Whoever gets one twice (a relay died between the confirm and the commit) knows it by its
 * event_id.
 */
#include <stdio.h>

#include "outbox.h"
#include "weir/message.h"
#include "weir/topology.h"

enum { COL_ID, COL_TYPE, COL_EVENT_ID, COL_AT, COL_BODY, COL_PUT_OFF };

/* $2: of which job, NULL: of all. */
#define DUE " due_at <= now() AND ($2::text IS NULL OR job_id = $2)"
static const char claim[] =
	"WITH f AS MATERIALIZED (SELECT refused FROM weir.events WHERE" DUE
	"  ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)"
	"SELECT id, type, event_id::text,"
	" to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), body::text,"
	" refused::int4 FROM weir.events"
	" WHERE" DUE " AND refused = (SELECT refused FROM f) ORDER BY due_at, id"
	" LIMIT least($1, " GROUP_OF("(SELECT refused FROM f)") ") FOR UPDATE SKIP LOCKED";

static const char forget[] = "DELETE FROM weir.events WHERE id = ANY ($1::int8[])";
/* With the reasons, which are in the log. */
static const char fail[] =
	"DELETE FROM weir.events e USING unnest($1::int8[], $2::text[], $3::text[])"
	" AS u(id, code, reason) WHERE e.id = u.id";

static const char put_off[] =
	"UPDATE weir.events SET " WAIT_FOR_ROOM " WHERE id = ANY ($1::int8[])";
static const char suspect[] =
	"UPDATE weir.events SET refused = least(refused + 1, 100),"
	" due_at = now() + " PAUSE_OF("refused", "5 seconds") " WHERE id = ANY ($1::int8[])";

static void event_id(const PGresult *rows, int row, char out[OUTGOING_ID_MAX])
{
	struct weir_text id = ledger_text(rows, row, COL_EVENT_ID);
	snprintf(out, OUTGOING_ID_MAX, "%.*s", (int)id.size, id.data);
}

/* What all events have comes before what this one is about; the body is a JSON object. */
static enum outgoing_status encode(struct outgoing *o, const PGresult *rows, int row,
				   struct broker_message *m, struct weir_error *err)
{
	struct weir_text type = ledger_text(rows, row, COL_TYPE);
	struct weir_text body = ledger_text(rows, row, COL_BODY);
	if (body.size < 2 || body.data[0] != '{') {
		weir_fail(err, "bad_event", "the body is no object");
		return OUTGOING_BROKEN;
	}
	buffer_reset(&o->body);
	buffer_add_text(&o->body, "{\"event_id\":");
	buffer_add_json(&o->body, ledger_text(rows, row, COL_EVENT_ID));
	buffer_add_text(&o->body, ",\"type\":");
	buffer_add_json(&o->body, type);
	buffer_add_text(&o->body, ",\"at\":");
	buffer_add_json(&o->body, ledger_text(rows, row, COL_AT));
	if (body.data[1] != '}')
		buffer_add_char(&o->body, ',');
	buffer_add(&o->body, body.data + 1, body.size - 1);
	if (buffer_failed(&o->body)) {
		weir_fail_memory(err);
		return OUTGOING_FAILED;
	}
	m->key = m->type = outgoing_key(o, type);
	snprintf(o->mark, sizeof o->mark, "weir/%s", o->ledger_id);
	m->app_id = o->mark;
	m->content_type = MESSAGE_TYPE_JSON;
	m->body = o->body.data;
	m->body_size = o->body.size;
	return OUTGOING_READY;
}

const struct outbox outbox_events = {
	.name = "events",
	.exchange = EXCHANGE_EVENTS,
	.optional = true,
	.most = 500,
	.claim = claim,
	.mark = forget,
	.put_off = put_off,
	.fail = fail,
	.suspect = suspect,
	.refused_column = COL_PUT_OFF,
	.unit_keys = outbox_id_keys,
	.row_keys = outbox_id_keys,
	.id = event_id,
	.encode = encode,
};
