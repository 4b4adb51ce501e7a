/* outgoing.h: rows of the ledger as messages. The context of a job's stage is fetched and packed
 * once, and kept for as long as a pass takes. */
#ifndef WEIR_OUTGOING_H
#define WEIR_OUTGOING_H

#include "weir/buffer.h"
#include "weir/ledger.h"
#include "weir/progress.h"
#include "weir/seal.h"

#define CONTEXTS_MAX 32

struct job_context {
	char job_id[65];
	int32_t stage;
	uint8_t seal[SEAL_KEY];
	struct buffer json, packed;
};

struct outgoing {
	struct ledger *ledger; /* where contexts are asked for; not the one with the rows */
	struct progress *progress;
	struct params params;
	struct job_context contexts[CONTEXTS_MAX];
	int context_count;
	struct buffer body, payload, merged;
	char key[64];
	const char *ledger_id;
	char mark[SEAL_MARK_MAX]; /* of the item that was encoded last */
};

/* The columns of a claimed row. */
enum {
	COL_JOB,
	COL_STAGE,
	COL_ORDINAL,
	COL_CUSTOM_ID,
	COL_CONTEXT,
	COL_PAYLOAD,
	COL_TABLE,
	COL_RECORD,
	COL_KIND,
	COL_EPOCH,
	COL_ATTEMPT,
	COL_BATCH,
	COL_REFUSED /* of suspects alone */
};

enum outgoing_status { OUTGOING_READY, OUTGOING_NOTHING, OUTGOING_BROKEN, OUTGOING_FAILED };

/* Encodes the row into o->body. NOTHING: it stands for no message. BROKEN: it can never be one (err
 * says why). FAILED: the ledger did not answer. */
enum outgoing_status outgoing_encode(struct outgoing *o, const PGresult *rows, int row,
				     struct weir_error *err);

/* "<job>/<stage>/<custom_id>": the message_id of a row. */
#define OUTGOING_ID_MAX 160
void outgoing_id(const PGresult *rows, int row, char out[OUTGOING_ID_MAX]);

/* A routing key, cut at 63 bytes; valid until the next call. */
const char *outgoing_key(struct outgoing *o, struct weir_text key);

void outgoing_forget(struct outgoing *o);  /* the contexts */
void outgoing_release(struct outgoing *o); /* all memory */

#endif
