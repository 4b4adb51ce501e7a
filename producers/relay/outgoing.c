#include "outgoing.h"

#include <stdio.h>
#include <string.h>

#include "weir/log.h"
#include "weir/message.h"

static const char read_context[] =
	"SELECT s.context::text, j.status = 'pending', j.seal, j.tag FROM weir.job_stages s"
	" JOIN weir.jobs j USING (job_id) WHERE s.job_id = $1 AND s.stage = $2";

static void release_context(struct job_context *c)
{
	buffer_release(&c->json);
	buffer_release(&c->packed);
}

void outgoing_forget(struct outgoing *o)
{
	while (o->context_count > 0)
		release_context(&o->contexts[--o->context_count]);
}

void outgoing_release(struct outgoing *o)
{
	outgoing_forget(o);
	params_release(&o->params);
	buffer_release(&o->body);
	buffer_release(&o->payload);
	buffer_release(&o->merged);
}

void outgoing_id(const PGresult *rows, int row, char out[OUTGOING_ID_MAX])
{
	struct weir_text job = ledger_text(rows, row, COL_JOB);
	struct weir_text id = ledger_text(rows, row, COL_CUSTOM_ID);
	snprintf(out, OUTGOING_ID_MAX, "%.*s/%d/%.*s", (int)job.size, job.data,
		 ledger_int(rows, row, COL_STAGE), (int)id.size, id.data);
}

const char *outgoing_key(struct outgoing *o, struct weir_text key)
{
	snprintf(o->key, sizeof o->key, "%.*s", (int)key.size, key.data);
	return o->key;
}

/* The progress keys are made when the job is new. When they are missing later they were lost, and
 * must not look as if nothing had been done (see jobs.c). */
static void begin_progress(struct outgoing *o, const struct job_context *c, const char *tag)
{
	struct weir_error why;
	if (progress_begin(o->progress, tag, (uint32_t)c->stage, &why) < 0)
		log_event(LOG_DEBUG, "not_counted", "job=%s error=\"%s\"", c->job_id, why.text);
}

static int fetch_context(struct outgoing *o, struct job_context *c, struct weir_error *err)
{
	PGresult *rows = NULL;
	params_reset(&o->params);
	params_string(&o->params, c->job_id);
	params_int(&o->params, c->stage);
	if (ledger_query(o->ledger, read_context, &o->params, true, &rows, err) < 0)
		return -1;
	int rc = weir_fail(err, "database", "the job %s is gone", c->job_id);
	if (PQntuples(rows) == 1) {
		struct weir_text json = ledger_text(rows, 0, 0);
		if (PQgetlength(rows, 0, 2) == sizeof c->seal)
			memcpy(c->seal, PQgetvalue(rows, 0, 2), sizeof c->seal);
		buffer_add(&c->json, json.data, json.size);
		rc = buffer_failed(&c->json)
			     ? weir_fail_memory(err)
			     : message_from_json(&c->packed, json.data, json.size, err);
		if (rc == 0 && ledger_bool(rows, 0, 1))
			begin_progress(o, c, PQgetvalue(rows, 0, 3));
	}
	PQclear(rows);
	return rc;
}

static struct job_context *find_context(struct outgoing *o, struct weir_text job, int32_t stage)
{
	for (int i = 0; i < o->context_count; i++)
		if (o->contexts[i].stage == stage && strlen(o->contexts[i].job_id) == job.size &&
		    memcmp(o->contexts[i].job_id, job.data, job.size) == 0)
			return &o->contexts[i];
	return NULL;
}

static struct job_context *job_context(struct outgoing *o, struct weir_text job, int32_t stage,
				       struct weir_error *err)
{
	struct job_context *c = find_context(o, job, stage);
	if (c)
		return c;
	if (o->context_count == CONTEXTS_MAX)
		outgoing_forget(o);
	c = &o->contexts[o->context_count];
	*c = (struct job_context){.stage = stage};
	snprintf(c->job_id, sizeof c->job_id, "%.*s", (int)job.size, job.data);
	if (fetch_context(o, c, err) < 0) {
		release_context(c);
		return NULL;
	}
	o->context_count++;
	return c;
}

/* The context as it travels: the job's, with the item's own laid over it. */
static int pack_context(struct outgoing *o, const struct job_context *job, struct weir_text own,
			struct weir_text *out, struct weir_error *err)
{
	*out = (struct weir_text){job->packed.data, job->packed.size};
	if (!own.data)
		return 0;
	buffer_reset(&o->merged);
	if (message_overlay(&o->merged, (struct weir_text){job->json.data, job->json.size}, own,
			    err) < 0)
		return -1;
	size_t json = o->merged.size;
	const char *text = buffer_text(&o->merged);
	struct buffer packed = BUFFER_INIT;
	int rc = text ? message_from_json(&packed, text, json, err) : weir_fail_memory(err);
	buffer_release(&o->merged);
	o->merged = packed;
	*out = (struct weir_text){packed.data, packed.size};
	return rc;
}

static int pack(struct outgoing *o, const struct job_context *job, const PGresult *rows, int row,
		struct weir_error *err)
{
	char batch[MESSAGE_BATCH_ID_MAX + 1];
	struct weir_text payload = ledger_text(rows, row, COL_PAYLOAD), context;
	uint32_t stage = (uint32_t)ledger_int(rows, row, COL_STAGE);
	buffer_reset(&o->payload);
	buffer_reset(&o->body);
	if (pack_context(o, job, ledger_text(rows, row, COL_CONTEXT), &context, err) < 0 ||
	    message_from_json(&o->payload, payload.data, payload.size, err) < 0)
		return -1;
	snprintf(batch, sizeof batch, "%s-s%u-b%d", job->job_id, stage,
		 ledger_int(rows, row, COL_BATCH));
	message_encode(&o->body, &(struct message_fields){
					 .kind = ledger_text(rows, row, COL_KIND),
					 .job_id = ledger_text(rows, row, COL_JOB),
					 .batch_id = {batch, strlen(batch)},
					 .custom_id = ledger_text(rows, row, COL_CUSTOM_ID),
					 .table_name = ledger_text(rows, row, COL_TABLE),
					 .record_id = ledger_text(rows, row, COL_RECORD),
					 .stage = stage,
					 .ordinal = (uint32_t)ledger_int(rows, row, COL_ORDINAL),
					 .epoch = (uint32_t)ledger_int(rows, row, COL_EPOCH),
					 .attempt = (uint32_t)ledger_int(rows, row, COL_ATTEMPT),
					 .context = context,
					 .payload = {o->payload.data, o->payload.size}});
	if (buffer_failed(&o->body))
		return weir_fail_memory(err);
	seal_write(o->ledger_id, job->seal, (struct weir_text){o->body.data, o->body.size},
		   o->mark);
	if (o->body.size <= MESSAGE_MAX)
		return 0;
	return weir_fail(err, "oversized", "%zu bytes, at most %d", o->body.size, MESSAGE_MAX);
}

enum outgoing_status outgoing_encode(struct outgoing *o, const PGresult *rows, int row,
				     struct weir_error *err)
{
	struct job_context *job = job_context(o, ledger_text(rows, row, COL_JOB),
					      ledger_int(rows, row, COL_STAGE), err);
	if (job && pack(o, job, rows, row, err) == 0)
		return OUTGOING_READY;
	/* A ledger that is away or a shortage of memory passes; all else is the row's own fault. */
	bool passes = strcmp(err->code, "out_of_memory") == 0 || strcmp(err->code, "database") == 0;
	return passes ? OUTGOING_FAILED : OUTGOING_BROKEN;
}
