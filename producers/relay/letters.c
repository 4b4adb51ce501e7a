/* Dead letters that are given another chance: their bytes go to the queue that they were in. If
 * they are refused again, a new row appears; this one is deleted when the broker has them. */
#include <stdio.h>
#include <string.h>

#include "outbox.h"
#include "weir/topology.h"

enum { COL_ID, COL_QUEUE, COL_TYPE, COL_MESSAGE_ID, COL_BODY, COL_PUT_OFF };

static const char claim[] =
	"WITH f AS MATERIALIZED (SELECT refused FROM weir.dead_letters WHERE due_at <= now()"
	"  ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)"
	"SELECT id, queue, coalesce(content_type, ''), coalesce(message_id, ''), body, "
	"refused::int4"
	" FROM weir.dead_letters WHERE due_at <= now() AND refused = (SELECT refused FROM f)"
	" ORDER BY due_at, id"
	" LIMIT least($1, " GROUP_OF("(SELECT refused FROM f)") ") FOR UPDATE SKIP LOCKED";

static const char forget[] = "DELETE FROM weir.dead_letters WHERE id = ANY ($1::int8[])";
static const char put_off[] =
	"UPDATE weir.dead_letters SET " WAIT_FOR_ROOM " WHERE id = ANY ($1::int8[])";
static const char suspect[] =
	"UPDATE weir.dead_letters SET refused = least(refused + 1, 100),"
	" due_at = now() + " PAUSE_OF("refused", "5 seconds") " WHERE id = ANY ($1::int8[])";
static const char keep[] = "UPDATE weir.dead_letters SET due_at = NULL WHERE id = ANY ($1::int8[])";

static void letter_id(const PGresult *rows, int row, char out[OUTGOING_ID_MAX])
{
	struct weir_text id = ledger_text(rows, row, COL_MESSAGE_ID);
	snprintf(out, OUTGOING_ID_MAX, "%.*s", (int)id.size, id.data);
}

static enum outgoing_status encode(struct outgoing *o, const PGresult *rows, int row,
				   struct broker_message *m, struct weir_error *err)
{
	struct weir_text queue = ledger_text(rows, row, COL_QUEUE);
	struct weir_text body = ledger_text(rows, row, COL_BODY);
	const char *name = outgoing_key(o, queue);
	const char *kind = kind_of_queue(name);
	if (!kind) {
		weir_fail(err, "unknown_queue", "not a queue of a kind: \"%s\"", name);
		return OUTGOING_BROKEN;
	}
	m->key = m->type = kind;
	buffer_reset(&o->payload);
	buffer_add(&o->payload, ledger_text(rows, row, COL_TYPE).data,
		   ledger_text(rows, row, COL_TYPE).size);
	m->content_type = buffer_text(&o->payload);
	m->body = body.data;
	m->body_size = body.size;
	if (m->content_type)
		return OUTGOING_READY;
	weir_fail_memory(err);
	return OUTGOING_FAILED;
}

const struct outbox outbox_letters = {
	.name = "dead_letters",
	.exchange = EXCHANGE_ITEMS,
	.most = 20, /* they may be large */
	.claim = claim,
	.mark = forget,
	.put_off = put_off,
	.fail = keep,
	.suspect = suspect,
	.refused_column = COL_PUT_OFF,
	.unit_keys = outbox_id_keys,
	.row_keys = outbox_id_keys,
	.id = letter_id,
	.encode = encode,
};
