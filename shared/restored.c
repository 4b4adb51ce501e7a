#include "weir/restored.h"

#include "weir/failpoint.h"

static const char insert[] = "INSERT INTO weir.queues_made (kind) VALUES ($1)"
			     " ON CONFLICT (kind) DO UPDATE SET made_at = excluded.made_at";

int restored_note(void *ledger, const char *kind, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	params_string(&p, kind);
	int rc = ledger_do(ledger, insert, &p, NULL, err);
	params_release(&p);
	failpoint("queue_missed");
	return rc;
}
