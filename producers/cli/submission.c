#include "submission.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checker.h"
#include "natural.h"
#include "weir/failpoint.h"

/* A record that waits for its batch to be full. All texts are in one block. */
struct entry {
	char *block;
	uint64_t line;
	struct weir_text file, custom_id, natural_id, table_name, record_id, context, payload, raw;
};

/* From this item on the job's items are those of a file, up to the next place. */
struct place {
	int64_t ordinal;
	char *file;
};

struct submission {
	struct submission_plan plan;
	struct submission_counts counts;
	struct entry entries[BATCH_MAX];
	int size;
	struct definition_found found; /* when we began */
	bool on_way;		       /* a batch whose commit has not been seen yet */
	bool sealing;		       /* with it the job is sealed */
	struct entry sent[BATCH_MAX];  /* its entries, to name a duplicate by line */
	int sent_size;
	struct checker checker;
	struct params params;
	struct place
		*places; /* of records that are lines of several files, to name the first twin's */
	size_t place_count;
	struct weir_text header; /* of the file of bad records, once there is one; the source's */
};

static const char insert_items[] =
	"INSERT INTO weir.items (job_id, stage, ordinal, line, custom_id, table_name, record_id,"
	"  context, payload)"
	" SELECT $1, 1, $2 + pos - 1, line, custom_id, table_name, record_id, context::json,"
	"  payload::json"
	" FROM unnest($3::int4[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])"
	"  WITH ORDINALITY AS u(line, custom_id, table_name, record_id, context, payload, pos)";

/* With what the names are made of. */
static const char insert_named_items[] =
	"INSERT INTO weir.items (job_id, stage, ordinal, line, custom_id, table_name, record_id,"
	"  context, payload, natural_id)"
	" SELECT $1, 1, $2 + pos - 1, line, custom_id, table_name, record_id, context::json,"
	"  payload::json, natural_id"
	" FROM unnest($3::int4[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],"
	"  $9::text[]) WITH ORDINALITY"
	"  AS u(line, custom_id, table_name, record_id, context, payload, natural_id, pos)";

static const char add_batch[] = "SELECT weir.add_batch($1, $2, $3)";

/* No row: it was sealed meanwhile. */
static const char seal_job[] = "WITH j AS (UPDATE weir.jobs SET sealed_at = now(), total_items = $2"
			       "  WHERE job_id = $1 AND sealed_at IS NULL RETURNING job_id)"
			       " SELECT pg_notify('weir_done', job_id) FROM j";

static const char read_batch[] =
	"SELECT custom_id, table_name, record_id, context::text, payload::text FROM weir.items"
	" WHERE job_id = $1 AND stage = 1 AND ordinal >= $2 AND ordinal < $2 + $3 ORDER BY ordinal";

static const char find_ids[] =
	"SELECT custom_id, coalesce(line, 0)::int8, record_id, ordinal, table_name FROM weir.items"
	" WHERE job_id = $1 AND stage = 1 AND ordinal < $2 AND custom_id = ANY ($3::text[])";

/* ---- entries ---- */

static struct weir_text keep(char **at, struct weir_text text)
{
	if (!text.data)
		return text;
	char *copy = *at;
	if (text.size)
		memcpy(copy, text.data, text.size);
	*at += text.size;
	return (struct weir_text){copy, text.size};
}

static int copy_record(struct entry *e, const struct source_record *r, bool with_raw,
		       struct weir_error *err)
{
	struct weir_text raw = with_raw ? r->raw : (struct weir_text){NULL, 0};
	char *at = malloc(1 + r->file.size + r->custom_id.size + r->natural_id.size +
			  r->table_name.size + r->record_id.size + r->context.size +
			  r->payload.size + raw.size);
	if (!at)
		return weir_fail_memory(err);
	e->block = at;
	e->line = r->line;
	e->file = keep(&at, r->file);
	e->custom_id = keep(&at, r->custom_id);
	e->natural_id = keep(&at, r->natural_id);
	e->table_name = keep(&at, r->table_name);
	e->record_id = keep(&at, r->record_id);
	e->context = keep(&at, r->context);
	e->payload = keep(&at, r->payload);
	e->raw = keep(&at, raw);
	return 0;
}

static void drop_entries(struct entry *entries, int *size)
{
	while (*size > 0)
		free(entries[--*size].block);
}

static bool same_text(struct weir_text a, struct weir_text b)
{
	if (!a.data || !b.data)
		return a.data == b.data;
	return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* ---- opening ---- */

static void job_params(struct submission *s)
{
	params_reset(&s->params);
	params_string(&s->params, s->plan.job->job_id);
}

/* A job has one submitter at a time; the lock ends with its connection. */
static int lock_job(struct submission *s, struct weir_error *err)
{
	PGresult *r = NULL;
	job_params(s);
	if (ledger_query(s->plan.ledger,
			 "SELECT pg_try_advisory_lock(hashtextextended('weir.submit:' || $1, 0))",
			 &s->params, true, &r, err) < 0)
		return -1;
	bool locked = ledger_bool(r, 0, 0);
	PQclear(r);
	if (locked)
		return 0;
	return weir_fail(err, "conflict", "somebody else is just submitting to the job %s",
			 s->plan.job->job_id);
}

int submission_open(const struct submission_plan *plan, struct submission **out,
		    struct weir_error *err)
{
	struct submission *s = calloc(1, sizeof *s);
	if (!s)
		return weir_fail_memory(err);
	s->plan = *plan;
	if (checker_init(&s->checker, plan->plugins, plan->llm, plan->job->job_id,
			 plan->job->stages, err) < 0) {
		free(s);
		return -1;
	}
	if (lock_job(s, err) < 0 || definition_find(plan->job, plan->ledger, &s->found, err) < 0) {
		submission_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

void submission_close(struct submission *s)
{
	if (!s)
		return;
	drop_entries(s->entries, &s->size);
	drop_entries(s->sent, &s->sent_size);
	while (s->place_count > 0)
		free(s->places[--s->place_count].file);
	free(s->places);
	checker_release(&s->checker);
	params_release(&s->params);
	free(s);
}

const struct submission_counts *submission_counts(const struct submission *s) { return &s->counts; }

void submission_say_unread(const struct submission *s) { checker_say_unread(&s->checker); }

bool submission_pending(const struct submission *s) { return s->size > 0; }

/* ---- bad records ---- */

#define SHOWN 200   /* bytes of a file's name in an error */
#define SAID_MAX 20 /* skipped records of which it is said why */

/* Where a record stands: in a file, on a line; or it is a file, which its record_id names, or a row
 * of the database, which both names tell. */
struct where {
	uint64_t line;
	struct weir_text file, table_name, record_id;
};

static struct where where_of(const struct entry *e)
{
	return (struct where){e->line, e->file, e->table_name, e->record_id};
}

static struct where where_of_record(const struct source_record *r)
{
	return (struct where){r->line, r->file, r->table_name, r->record_id};
}

static int shown(struct weir_text text) { return text.size < SHOWN ? (int)text.size : SHOWN; }

static int at(struct where w, const struct weir_error *why, struct weir_error *err)
{
	if (w.file.data && w.line)
		return weir_fail(err, why->code, "%.*s: line %" PRIu64 ": %s", shown(w.file),
				 w.file.data, w.line, why->text);
	if (w.file.data)
		return weir_fail(err, why->code, "%.*s: %s", shown(w.file), w.file.data, why->text);
	if (w.line)
		return weir_fail(err, why->code, "line %" PRIu64 ": %s", w.line, why->text);
	if (w.table_name.data && w.record_id.data)
		return weir_fail(err, why->code, "%.*s %.*s: %s", shown(w.table_name),
				 w.table_name.data, shown(w.record_id), w.record_id.data,
				 why->text);
	return weir_fail(err, why->code, "%s", why->text);
}

static bool write_line(FILE *out, struct weir_text line)
{
	return fwrite(line.data ? line.data : "", 1, line.size, out) == line.size &&
	       fputc('\n', out) != EOF;
}

static void say_why(const struct submission *s, const struct weir_error *why)
{
	if (s->counts.skipped < SAID_MAX)
		fprintf(stderr, "weir: skipped: %s\n", why->text);
	else if (s->counts.skipped == SAID_MAX)
		fprintf(stderr, "weir: and more are skipped\n");
}

/* *err is why the record is bad, and what went wrong if it cannot be written. */
static int write_out(struct submission *s, struct weir_text raw, struct weir_error *err)
{
	say_why(s, err);
	bool first = s->counts.skipped++ == 0;
	if ((!first || !s->header.data || write_line(s->plan.skipped, s->header)) &&
	    write_line(s->plan.skipped, raw))
		return 0;
	return weir_fail(err, "skip_bad", "the file of --skip-bad cannot be written");
}

int submission_bad(struct submission *s, const struct source_record *record,
		   const struct weir_error *why, struct weir_error *err)
{
	s->header = record->header;
	if (s->plan.skipped && !record->raw.data)
		fprintf(stderr, "weir: %s: not written to the file of bad records\n", why->text);
	*err = *why;
	return s->plan.skipped ? write_out(s, record->raw, err) : -1;
}

/* ---- duplicates ---- */

/* Of the batch that is being collected. */
static int64_t first_ordinal(const struct submission *s)
{
	return s->counts.batches * s->plan.job->batch_size;
}

static const struct entry *find_entry(const struct entry *entries, int n, struct weir_text id)
{
	for (int i = 0; i < n; i++)
		if (same_text(entries[i].custom_id, id))
			return &entries[i];
	return NULL;
}

#define NAME_SHOWN 100 /* bytes of a custom_id */

static int fail_duplicate(struct weir_text id, struct where first, struct where second,
			  struct weir_error *err)
{
	struct weir_error why;
	int size = id.size < NAME_SHOWN ? (int)id.size : NAME_SHOWN;
	if (first.line == 0 && !first.record_id.data)
		weir_fail(&why, "duplicate", "the job has the custom_id %.*s already", size,
			  id.data);
	else if (first.line == 0)
		weir_fail(&why, "duplicate", "%.*s %.*s has the custom_id %.*s already",
			  shown(first.table_name), first.table_name.data, shown(first.record_id),
			  first.record_id.data, size, id.data);
	else if (first.file.data && !same_text(first.file, second.file))
		weir_fail(&why, "duplicate",
			  "custom_id %.*s stands on line %" PRIu64 " of %.*s already", size,
			  id.data, first.line, shown(first.file), first.file.data);
	else
		weir_fail(&why, "duplicate", "custom_id %.*s stands on line %" PRIu64 " already",
			  size, id.data, first.line);
	return at(second, &why, err);
}

/* What the operator calls it. */
static struct weir_text name_of(const struct entry *e)
{
	return e->natural_id.data ? e->natural_id : e->custom_id;
}

/* ---- places ---- */

/* Only where a record is a line of one of several files. That there is no memory for it makes an
 * error say less, later. */
static void note_place(struct submission *s, int64_t ordinal, const struct entry *e)
{
	struct weir_text file = e->line ? e->file : (struct weir_text){NULL, 0};
	const struct place *last = s->place_count ? &s->places[s->place_count - 1] : NULL;
	if (!file.data || (last && strlen(last->file) == file.size &&
			   memcmp(last->file, file.data, file.size) == 0))
		return;
	struct place *places = realloc(s->places, (s->place_count + 1) * sizeof *places);
	char *copy = strndup(file.data, file.size);
	if (places)
		s->places = places;
	if (places && copy)
		places[s->place_count++] = (struct place){ordinal, copy};
	else
		free(copy);
}

static struct weir_text find_place(const struct submission *s, int64_t ordinal)
{
	size_t i = s->place_count;
	while (i > 0 && s->places[i - 1].ordinal > ordinal)
		i--;
	return i ? (struct weir_text){s->places[i - 1].file, strlen(s->places[i - 1].file)}
		 : (struct weir_text){NULL, 0};
}

/* Of a row of find_ids. */
static struct where where_of_row(const struct submission *s, const PGresult *r, int row)
{
	uint64_t line = (uint64_t)ledger_big(r, row, 1);
	return (struct where){line, find_place(s, ledger_int(r, row, 3)), ledger_text(r, row, 4),
			      ledger_text(r, row, 2)};
}

static int ask_for_ids(struct submission *s, const struct entry *entries, int n, PGresult **out,
		       struct weir_error *err)
{
	job_params(s);
	params_int(&s->params, (int32_t)first_ordinal(s));
	params_array(&s->params, TYPE_TEXT, (size_t)n);
	for (int i = 0; i < n; i++)
		params_add_text(&s->params, entries[i].custom_id);
	params_array_end(&s->params);
	return ledger_query(s->plan.ledger, find_ids, &s->params, true, out, err);
}

/* The insert met a row that stands already, as err says. If that is a custom_id of the job: which,
 * and where did it stand? Else it stays what the ledger said. */
static int explain_duplicate(struct submission *s, struct weir_error *err)
{
	PGresult *r = NULL;
	if (ask_for_ids(s, s->sent, s->sent_size, &r, err) < 0)
		return -1;
	if (PQntuples(r) > 0) {
		struct weir_text id = ledger_text(r, 0, 0);
		const struct entry *e = find_entry(s->sent, s->sent_size, id);
		fail_duplicate(e ? name_of(e) : id, where_of_row(s, r, 0),
			       e ? where_of(e) : (struct where){0}, err);
	}
	PQclear(r);
	return -1;
}

/* Of what find_ids has found; -1: it is not among it. */
static int find_row(const PGresult *r, struct weir_text id)
{
	int row = PQntuples(r) - 1;
	while (row >= 0 && !same_text(ledger_text(r, row, 0), id))
		row--;
	return row;
}

/* With --skip-bad: takes those out of the batch that the job has already. */
static int skip_duplicates(struct submission *s, struct weir_error *err)
{
	PGresult *r = NULL;
	if (ask_for_ids(s, s->entries, s->size, &r, err) < 0)
		return -1;
	int rc = 0, kept = 0;
	for (int i = 0; i < s->size; i++) {
		struct entry *e = &s->entries[i];
		int row = find_row(r, e->custom_id);
		if (row < 0) {
			s->entries[kept++] = *e;
			continue;
		}
		if (rc == 0) {
			fail_duplicate(name_of(e), where_of_row(s, r, row), where_of(e), err);
			rc = write_out(s, e->raw, err);
		}
		free(e->block);
	}
	s->size = kept;
	PQclear(r);
	return rc;
}

/* ---- batches ---- */

/* The job takes nothing more: since when, and why? */
static int explain_ended(struct submission *s, struct weir_error *err)
{
	PGresult *r = NULL;
	job_params(s);
	if (ledger_query(s->plan.ledger, "SELECT status FROM weir.jobs WHERE job_id = $1",
			 &s->params, true, &r, err) < 0)
		return -1;
	bool cancelled = PQntuples(r) == 1 && strcmp(PQgetvalue(r, 0, 0), "cancelled") == 0;
	PQclear(r);
	return weir_fail(err, cancelled ? "cancelled" : "conflict",
			 "the job %s was %s meanwhile and takes no more items (see weir status %s)",
			 s->plan.job->job_id, cancelled ? "cancelled" : "sealed by somebody else",
			 s->plan.job->job_id);
}

/* err: what the ledger said; it is that still where nothing more is known. */
static int explain_failure(struct submission *s, struct weir_error *err)
{
	struct weir_error ignored;
	bool duplicate = strcmp(ledger_sqlstate(s->plan.ledger), "23505") == 0;
	bool ended = strcmp(ledger_sqlstate(s->plan.ledger), "WE002") == 0;
	if (ledger_do(s->plan.ledger, "ROLLBACK", NULL, NULL, &ignored) < 0)
		return -1;
	if (ended)
		return explain_ended(s, err);
	return duplicate ? explain_duplicate(s, err) : -1;
}

/* Takes the pipeline to its end. *rows: of the last statement that yields any. */
static int take_results(struct submission *s, int *rows, struct weir_error *err)
{
	bool failed = false;
	struct weir_error later;
	for (;;) {
		PGresult *r = NULL;
		enum ledger_status status = ledger_wait(s->plan.ledger, &r, failed ? &later : err);
		if (status == LEDGER_SYNCED)
			return failed ? -1 : 0;
		failed |= status != LEDGER_RESULT;
		if (status == LEDGER_RESULT && PQresultStatus(r) == PGRES_TUPLES_OK)
			*rows = PQntuples(r);
		PQclear(r);
		if (!ledger_alive(s->plan.ledger))
			return -1;
	}
}

static int await_batch(struct submission *s, struct weir_error *err)
{
	int rows = 0;
	if (!s->on_way)
		return 0;
	s->on_way = false;
	if (take_results(s, &rows, err) < 0)
		return ledger_alive(s->plan.ledger) ? explain_failure(s, err) : -1;
	if (s->sealing && rows == 0)
		return explain_ended(s, err);
	failpoint("batch_written");
	return 0;
}

typedef struct weir_text entry_column(const struct entry *e);

static struct weir_text col_id(const struct entry *e) { return e->custom_id; }
static struct weir_text col_table(const struct entry *e) { return e->table_name; }
static struct weir_text col_record(const struct entry *e) { return e->record_id; }
static struct weir_text col_context(const struct entry *e) { return e->context; }
static struct weir_text col_payload(const struct entry *e) { return e->payload; }
static struct weir_text col_natural(const struct entry *e) { return e->natural_id; }

/* What an item is. Its natural key, behind these, is what its custom_id says. */
static entry_column *const columns[] = {col_id,	     col_table,	  col_record,
					col_context, col_payload, col_natural};

#define COLUMNS (sizeof columns / sizeof *columns - 1)

/* 0, which is none, where the ledger has no room for it. */
static int32_t line_of(const struct entry *e)
{
	return e->line <= INT32_MAX ? (int32_t)e->line : 0;
}

static int send_items(struct submission *s, struct weir_error *err)
{
	struct params *p = &s->params;
	if (first_ordinal(s) > INT32_MAX - BATCH_MAX)
		return weir_fail(err, "oversized", "a job has at most %d items", INT32_MAX);
	job_params(s);
	params_int(p, (int32_t)first_ordinal(s));
	params_array(p, TYPE_INT4, (size_t)s->size);
	for (int i = 0; i < s->size; i++)
		params_add_int(p, line_of(&s->entries[i]));
	params_array_end(p);
	for (size_t c = 0; c < COLUMNS + s->plan.id_hash; c++) {
		params_array(p, TYPE_TEXT, (size_t)s->size);
		for (int i = 0; i < s->size; i++)
			params_add_text(p, columns[c](&s->entries[i]));
		params_array_end(p);
	}
	return ledger_send(s->plan.ledger, s->plan.id_hash ? insert_named_items : insert_items, p,
			   true, err);
}

static int send_batch(struct submission *s, struct weir_error *err)
{
	job_params(s);
	params_int(&s->params, (int32_t)s->counts.batches);
	params_int(&s->params, s->size);
	return ledger_send(s->plan.ledger, add_batch, &s->params, true, err);
}

static int send_seal(struct submission *s, struct weir_error *err)
{
	job_params(s);
	params_big(&s->params, s->counts.items);
	return ledger_send(s->plan.ledger, seal_job, &s->params, true, err);
}

static void count_batch(struct submission *s, bool is_new)
{
	if (s->size == 0)
		return;
	for (int i = 0; i < s->size; i++)
		note_place(s, first_ordinal(s) + i, &s->entries[i]);
	s->counts.batches++;
	s->counts.items += s->size;
	if (is_new) {
		s->counts.new_batches++;
		s->counts.new_items += s->size;
	}
}

/* The job's row comes with its first batch, or with its seal. */
static int begin(struct submission *s, struct weir_error *err)
{
	struct weir_error ignored;
	struct ledger *l = s->plan.ledger;
	if (!s->found.is_new)
		return ledger_send(l, "BEGIN", NULL, true, err);
	s->found.is_new = false;
	if (ledger_do(l, "BEGIN", NULL, NULL, err) < 0)
		return -1;
	if (definition_make(s->plan.job, l, err) == 0)
		return 0;
	if (ledger_alive(l) && ledger_do(l, "ROLLBACK", NULL, NULL, &ignored) < 0)
		return -1;
	return -1;
}

/* Begins the transaction of the batch, which ends while the next is read. The last one seals. */
static int write_batch(struct submission *s, bool last, struct weir_error *err)
{
	struct ledger *l = s->plan.ledger;
	if (s->found.sealed)
		return weir_fail(err, "conflict",
				 "the job %s is complete with %" PRId64 " items, "
				 "and this input has more: use another --job",
				 s->plan.job->job_id, s->counts.items);
	if (await_batch(s, err) < 0 || begin(s, err) < 0)
		return -1;
	if (s->size > 0 && (send_items(s, err) < 0 || send_batch(s, err) < 0))
		return -1;
	count_batch(s, true);
	if (last && send_seal(s, err) < 0)
		return -1;
	if (ledger_send(l, "COMMIT", NULL, true, err) < 0 || ledger_sync(l, err) < 0)
		return -1;
	drop_entries(s->sent, &s->sent_size);
	memcpy(s->sent, s->entries, (size_t)s->size * sizeof *s->sent);
	s->sent_size = s->size;
	s->size = 0;
	s->on_way = true;
	s->sealing = last;
	return 0;
}

static int fail_different(const struct submission *s, const struct entry *e, const char *what,
			  struct weir_error *err)
{
	struct weir_error why;
	weir_fail(&why, "conflict",
		  "the job %s has another %s here (custom_id %.*s): it was "
		  "submitted with other content; use another --job",
		  s->plan.job->job_id, what,
		  name_of(e).size < NAME_SHOWN ? (int)name_of(e).size : NAME_SHOWN,
		  name_of(e).data);
	return at(where_of(e), &why, err);
}

static int compare_entry(const struct submission *s, const struct entry *e, const PGresult *r,
			 int row, struct weir_error *err)
{
	static const char *const names[COLUMNS] = {"item", "table_name", "record_id", "context",
						   "payload"};
	for (size_t c = 0; c < COLUMNS; c++)
		if (!same_text(columns[c](e), ledger_text(r, row, (int)c)))
			return fail_different(s, e, names[c], err);
	return 0;
}

/* A batch that the ledger has: it must be this one. */
static int compare_batch(struct submission *s, struct weir_error *err)
{
	PGresult *r = NULL;
	job_params(s);
	params_int(&s->params, (int32_t)first_ordinal(s));
	params_int(&s->params, s->plan.job->batch_size);
	if (ledger_query(s->plan.ledger, read_batch, &s->params, true, &r, err) < 0)
		return -1;
	int rc = 0, rows = PQntuples(r);
	for (int i = 0; rc == 0 && i < s->size && i < rows; i++)
		rc = compare_entry(s, &s->entries[i], r, i, err);
	if (rc == 0 && rows != s->size)
		rc = weir_fail(err, "conflict",
			       "the job %s has %d items in its batch %" PRId64
			       ", and this input %d: use another --job",
			       s->plan.job->job_id, rows, s->counts.batches, s->size);
	PQclear(r);
	if (rc == 0) {
		count_batch(s, false);
		drop_entries(s->entries, &s->size);
	}
	return rc;
}

static bool skips_duplicates(const struct submission *s)
{
	return s->plan.skipped && !s->plan.of_rows;
}

static int end_batch(struct submission *s, struct weir_error *err)
{
	if (skips_duplicates(s)) {
		if (await_batch(s, err) < 0 || skip_duplicates(s, err) < 0)
			return -1;
		if (s->size < s->plan.job->batch_size)
			return 0; /* more may come */
	}
	if (s->counts.batches < s->found.batches)
		return compare_batch(s, err);
	return write_batch(s, false, err);
}

/* --id-hash: a name that does not fit, or is made of a path, becomes one that is made of the whole
 * key. hashed: room for it. */
static int name_record(const struct submission *s, struct source_record *r,
		       char hashed[NATURAL_HASHED + 1], struct weir_error *err)
{
	struct weir_text key = r->natural_id.data ? r->natural_id : r->custom_id;
	r->natural_id = (struct weir_text){NULL, 0};
	if (!s->plan.id_hash)
		return 0;
	if (natural_check(key, true, err) < 0)
		return -1;
	if (natural_stays(key))
		return 0;
	natural_hash(key, hashed);
	r->natural_id = key;
	r->custom_id = (struct weir_text){hashed, NATURAL_HASHED};
	return 0;
}

static int check_record(struct submission *s, const struct source_record *r,
			const struct entry *twin, struct weir_error *err)
{
	struct weir_error why;
	if (twin)
		return fail_duplicate(name_of(twin), where_of(twin), where_of_record(r), err);
	return checker_check(&s->checker, r, &why) < 0 ? at(where_of_record(r), &why, err) : 0;
}

int submission_add(struct submission *s, const struct source_record *record, struct weir_error *err)
{
	struct weir_error why;
	struct source_record r = *record;
	const struct entry *twin = NULL;
	char hashed[NATURAL_HASHED + 1];
	s->header = record->header;
	int rc = name_record(s, &r, hashed, &why);
	if (rc < 0) {
		at(where_of_record(&r), &why, err);
	} else {
		twin = find_entry(s->entries, s->size, r.custom_id);
		rc = check_record(s, &r, twin, err);
	}
	if (rc < 0)
		return s->plan.skipped && (!twin || skips_duplicates(s)) ? write_out(s, r.raw, err)
									 : -1;
	if (copy_record(&s->entries[s->size], &r, s->plan.skipped, err) < 0)
		return -1;
	if (++s->size < s->plan.job->batch_size)
		return 0;
	return end_batch(s, err);
}

int submission_seal(struct submission *s, bool *already, struct weir_error *err)
{
	if (already)
		*already = s->found.sealed;
	if (skips_duplicates(s) && s->size > 0 &&
	    (await_batch(s, err) < 0 || skip_duplicates(s, err) < 0))
		return -1;
	if (s->size > 0 && s->counts.batches < s->found.batches && compare_batch(s, err) < 0)
		return -1;
	if (s->counts.batches < s->found.batches)
		return weir_fail(err, "conflict",
				 "the job %s has %" PRId64 " batches, and this input "
				 "ends after %" PRId64 ": use another --job",
				 s->plan.job->job_id, s->found.batches, s->counts.batches);
	if (s->found.sealed && s->size == 0)
		return 0;
	if (write_batch(s, true, err) < 0 || await_batch(s, err) < 0)
		return -1;
	failpoint("sealed");
	return 0;
}
