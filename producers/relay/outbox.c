#include "outbox.h"

const struct outbox *const outboxes[OUTBOXES] = {
	[OUTBOX_BATCHES] = &outbox_batches, [OUTBOX_RETRIES] = &outbox_retries};

void outbox_id_keys(struct params *p, const PGresult *rows, const int *which, int n)
{
	params_array(p, TYPE_INT8, (size_t)n);
	for (int i = 0; i < n; i++)
		params_add_big(p, ledger_big(rows, which[i], 0));
	params_array_end(p);
}
