/* Dead letters: messages that consumers refused or that belong to no item, as they came. The
 * actions are a table; those that change letters go through them in chunks, by id, and stop where
 * the letters ended when the command began. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "letter.h"
#include "sink.h"
#include "view.h"

#define LISTED 100
#define CHUNK 1000

struct dead_config {
	char *queue, *code, *message_id, *job, *body, *format;
	int64_t older_than_ms, id, limit, all;
};

#define AT(field) offsetof(struct dead_config, field)

static const struct weir_option options[] = {
	{.name = "queue",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(queue),
	 .unit = "QUEUE",
	 .help = "Letters from this queue, such as weir.sentiment."},
	{.name = "code",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(code),
	 .unit = "CODE",
	 .help = "Letters with this reason code."},
	{.name = "message-id",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(message_id),
	 .unit = "ID",
	 .help = "Letters whose message had this id."},
	{.name = "job",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(job),
	 .unit = "JOB",
	 .help = "Letters whose message_id says that they are of this job."},
	{.name = "older-than",
	 .type = WEIR_OPTION_TIME,
	 .offset = AT(older_than_ms),
	 .preset = "0s",
	 .most = AGE_MAX_MS,
	 .help = "Letters that came longer ago than this."},
	{.name = "id",
	 .type = WEIR_OPTION_INTEGER,
	 .offset = AT(id),
	 .preset = "0",
	 .unit = "N",
	 .help = "The letter with this number; 0: any."},
	{.name = "limit",
	 .type = WEIR_OPTION_INTEGER,
	 .offset = AT(limit),
	 .preset = "0",
	 .unit = "LETTERS",
	 .help = "list: how many of the newest (0: 100); retry, purge: how many of the oldest "
		 "(0: all)."},
	{.name = "all",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(all),
	 .preset = "0",
	 .help = "retry, purge: all letters, without any filter."},
	{.name = "body",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(body),
	 .unit = "FILE",
	 .help = "show: write the bytes of the message to this file."},
	{.name = "format",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(format),
	 .preset = "text",
	 .unit = "FORMAT",
	 .help = "list, show: text or json."},
	{.type = WEIR_OPTION_END},
};

struct letter {
	int64_t id, size, replays;
	char received_at[TIME_ROOM], due_at[TIME_ROOM]; /* "": not due */
	char queue[80], code[40], reason[600], content_type[80], message_id[200];
};

static const struct field letter_fields[] = {
	FIELD(FIELD_COUNT, struct letter, "id", id),
	FIELD(FIELD_TEXT, struct letter, "received_at", received_at),
	FIELD(FIELD_TEXT, struct letter, "queue", queue),
	FIELD(FIELD_TEXT, struct letter, "reason_code", code),
	FIELD(FIELD_TEXT, struct letter, "reason", reason),
	FIELD(FIELD_TEXT, struct letter, "content_type", content_type),
	FIELD(FIELD_TEXT, struct letter, "message_id", message_id),
	FIELD(FIELD_COUNT, struct letter, "size", size),
	FIELD(FIELD_COUNT, struct letter, "replays", replays),
	FIELD(FIELD_TEXT, struct letter, "due_at", due_at),
	{.type = FIELD_END},
};

struct dead {
	struct ledger *ledger;
	const struct dead_config *config;
	const char *id; /* the argument of show */
	bool json;
};

/* ---- which letters: $1 to $6 ---- */

#define CHOSEN                                                                                     \
	"($1::text IS NULL OR queue = $1) AND ($2::text IS NULL OR reason_code = $2)"              \
	" AND ($3::text IS NULL OR message_id = $3)"                                               \
	" AND ($4::text IS NULL OR starts_with(message_id, $4 || '/'))"                            \
	" AND ($5::int8 = 0 OR received_at < now() - $5 * interval '1 ms')"                        \
	" AND ($6::int8 = 0 OR id = $6)"

static void add_choice(const struct dead_config *c, struct params *p)
{
	params_string(p, c->queue);
	params_string(p, c->code);
	params_string(p, c->message_id);
	params_string(p, c->job);
	params_big(p, c->older_than_ms);
	params_big(p, c->id);
}

static bool is_filtered(const struct dead_config *c)
{
	return c->queue || c->code || c->message_id || c->job || c->older_than_ms || c->id;
}

/* ---- list ---- */

#define LETTER_COLUMNS                                                                             \
	"SELECT id, " SQL_TIME(                                                                    \
		"received_at") " AS received_at, queue, reason_code, reason,"                      \
			       " content_type, message_id, octet_length(body)::int8 AS size, "     \
			       "replays::int8 AS replays,"                                         \
			       " " SQL_TIME("due_at") " AS due_at"

static const char list_letters[] = "SELECT * FROM (" LETTER_COLUMNS " FROM weir.dead_letters"
				   " WHERE " CHOSEN " ORDER BY id DESC LIMIT $7) l ORDER BY id";

static const char count_letters[] = "SELECT count(*) FROM weir.dead_letters WHERE " CHOSEN;

static void line_text(const struct letter *l, struct buffer *b)
{
	buffer_printf(b, "%6" PRId64 "  %s  ", l->id, l->received_at);
	print_plain(b, print_text(l->queue));
	buffer_printf(b, "  %s: ", l->code);
	print_plain(b, print_text(l->reason));
	buffer_printf(b, "  %" PRId64 " bytes  ", l->size);
	print_plain(b, print_text(*l->message_id ? l->message_id : "-"));
	buffer_add_text(b, *l->due_at ? "  (tried again soon)\n" : "\n");
}

static void line_json(const struct letter *l, struct buffer *b)
{
	buffer_add_char(b, '{');
	fields_json(letter_fields, l, b);
	json_close(b, '}');
}

static void print_list(const struct dead *d, const PGresult *r, int64_t count, struct buffer *b)
{
	buffer_add_text(b, d->json ? "[" : "");
	for (int i = 0; i < PQntuples(r); i++) {
		struct letter l = {0};
		fields_read(letter_fields, r, i, &l);
		(d->json ? line_json : line_text)(&l, b);
	}
	if (d->json)
		json_end(b, ']');
	else if (count == 0)
		buffer_add_text(b, "no dead letters\n");
	else if (count > PQntuples(r))
		buffer_printf(b, "... and %" PRId64 " older ones (--limit)\n",
			      count - PQntuples(r));
}

static int put(struct buffer *b, struct weir_error *err)
{
	bool failed = buffer_failed(b);
	if (!failed)
		fwrite(b->data, 1, b->size, stdout);
	buffer_release(b);
	return failed ? weir_fail_memory(err) : 0;
}

static int count(const struct dead *d, int64_t *out, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	add_choice(d->config, &p);
	int rc = control_number(d->ledger, count_letters, &p, 0, out, err);
	params_release(&p);
	return rc;
}

static int list(struct dead *d, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	struct buffer b = BUFFER_INIT;
	PGresult *r = NULL;
	int64_t there;
	if (count(d, &there, err) < 0)
		return -1;
	add_choice(d->config, &p);
	params_big(&p, d->config->limit ? d->config->limit : LISTED);
	int rc = ledger_query(d->ledger, list_letters, &p, true, &r, err);
	params_release(&p);
	if (rc < 0)
		return -1;
	print_list(d, r, there, &b);
	PQclear(r);
	return put(&b, err);
}

/* ---- show ---- */

static const char read_letter[] = LETTER_COLUMNS ", body FROM weir.dead_letters WHERE id = $1";

static void detail_text(const struct letter *l, struct weir_text body, struct buffer *b)
{
	const struct {
		const char *name, *text;
	} rows[] = {{"received", l->received_at},
		    {"queue", l->queue},
		    {"code", l->code},
		    {"reason", l->reason},
		    {"type", l->content_type},
		    {"message_id", l->message_id},
		    {"due", l->due_at}};
	buffer_printf(b, "%-11s%" PRId64 "\n", "letter", l->id);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!*rows[i].text)
			continue;
		buffer_printf(b, "%-11s", rows[i].name);
		print_plain(b, print_text(rows[i].text));
		buffer_add_char(b, '\n');
	}
	buffer_printf(b, "%-11s%" PRId64 " bytes\n\n", "size", l->size);
	letter_print_body(body, l->content_type, b);
}

static void detail_json(const struct letter *l, struct weir_text body, struct buffer *b)
{
	char *text = letter_json(body, l->content_type);
	buffer_add_char(b, '{');
	fields_json(letter_fields, l, b);
	json_raw(b, "message", (struct weir_text){text, text ? strlen(text) : 0});
	json_end(b, '}');
	free(text);
}

static int write_body(const char *path, struct weir_text body, struct weir_error *err)
{
	struct sink s;
	if (sink_open(&s, path, err) < 0)
		return -1;
	buffer_add(&s.buffer, body.data, body.size);
	return sink_close(&s, err);
}

static int show_row(const struct dead *d, const PGresult *r, struct weir_error *err)
{
	struct letter l = {0};
	struct buffer b = BUFFER_INIT;
	struct weir_text body = ledger_text(r, 0, PQfnumber(r, "body"));
	fields_read(letter_fields, r, 0, &l);
	if (d->config->body)
		return write_body(d->config->body, body, err);
	(d->json ? detail_json : detail_text)(&l, body, &b);
	return put(&b, err);
}

/* 0: it is no number that a letter can have. */
static int64_t letter_number(const char *text)
{
	char *end;
	errno = 0;
	long long id = strtoll(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno ? id : 0;
}

static int show(struct dead *d, struct weir_error *err)
{
	int64_t id = d->id ? letter_number(d->id) : d->config->id;
	if (id <= 0 && d->id)
		return weir_fail(err, "usage", "\"%.40s\" is not the number of a letter", d->id);
	if (id <= 0)
		return weir_fail(err, "usage", "say which letter: weir dead show ID");
	struct params p = PARAMS_INIT;
	PGresult *r = NULL;
	params_big(&p, id);
	int rc = ledger_query(d->ledger, read_letter, &p, true, &r, err);
	params_release(&p);
	if (rc < 0)
		return -1;
	if (PQntuples(r) == 1)
		rc = show_row(d, r, err);
	else
		rc = weir_fail(err, "unknown_letter", "there is no dead letter %" PRId64, id);
	PQclear(r);
	return rc;
}

/* ---- retry and purge ---- */

/* One chunk behind id $7, none above $8, at most $9: how many, and the last of them. */
#define CHUNK_OF(FURTHER)                                                                          \
	"WITH chosen AS (SELECT id FROM weir.dead_letters WHERE " CHOSEN                           \
	" AND id > $7::int8 AND id <= $8::int8" FURTHER " ORDER BY id LIMIT $9 FOR UPDATE)"
#define COUNTED " SELECT count(*), coalesce(max(id), 0) FROM changed"

/* A letter can be published again when its bytes were kept, and to the queue it came from. One that
 * is due already stays so. */
#define CAN_BE_SENT " AND octet_length(body) > 0 AND starts_with(queue, 'weir.')"

static const char retry_chunk[] = CHUNK_OF(
	CAN_BE_SENT) ","
		     " changed AS (UPDATE weir.dead_letters l SET due_at = coalesce(due_at, now())"
		     "  FROM chosen c WHERE l.id = c.id RETURNING l.id)" COUNTED;

static const char purge_chunk[] =
	CHUNK_OF("") ","
		     " changed AS (DELETE FROM weir.dead_letters l USING chosen c WHERE l.id = c.id"
		     "  RETURNING l.id)" COUNTED;

static const char last_letter[] = "SELECT max(id) FROM weir.dead_letters";

static int change_chunk(const struct dead *d, const char *sql, int64_t last, int64_t most,
			int64_t *place, int64_t *rows, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	PGresult *r = NULL;
	add_choice(d->config, &p);
	params_big(&p, *place);
	params_big(&p, last);
	params_big(&p, most);
	int rc = control_query(d->ledger, sql, &p, &r, err);
	params_release(&p);
	if (rc < 0)
		return -1;
	*rows = ledger_big(r, 0, 0);
	*place = ledger_big(r, 0, 1);
	PQclear(r);
	return 0;
}

static int change(struct dead *d, const char *sql, int64_t *total, struct weir_error *err)
{
	int64_t last, place = 0, rows = 1, limit = d->config->limit;
	struct ticker ticker = {0};
	*total = 0;
	if (!is_filtered(d->config) && !d->config->all)
		return weir_fail(err, "usage", "say which letters: a filter, or --all");
	if (control_number(d->ledger, last_letter, NULL, 0, &last, err) < 0)
		return -1;
	while (rows > 0 && (limit == 0 || *total < limit)) {
		int64_t left = limit ? limit - *total : CHUNK;
		if (command_stop)
			return weir_fail(err, "interrupted",
					 "interrupted after %" PRId64 " letters", *total);
		if (change_chunk(d, sql, last, left < CHUNK ? left : CHUNK, &place, &rows, err) < 0)
			return -1;
		*total += rows;
		if (rows == CHUNK && ticker_due(&ticker))
			fprintf(stderr, "%" PRId64 " letters\n", *total);
	}
	return 0;
}

static int retry(struct dead *d, struct weir_error *err)
{
	int64_t chosen, total;
	if (count(d, &chosen, err) < 0 || change(d, retry_chunk, &total, err) < 0 ||
	    ledger_do(d->ledger, "SELECT pg_notify('weir_due', '')", NULL, NULL, err) < 0)
		return -1;
	printf("%" PRId64 " letters are due: weir-relay publishes them again\n", total);
	if (total < chosen && d->config->limit == 0)
		printf("%" PRId64 " cannot be: their bytes were not kept, or the queue is not one "
		       "of weir\n",
		       chosen - total);
	return 0;
}

static int purge(struct dead *d, struct weir_error *err)
{
	int64_t total;
	if (change(d, purge_chunk, &total, err) < 0)
		return -1;
	printf("%" PRId64 " letters are deleted\n", total);
	return 0;
}

/* ---- the command ---- */

static const struct action {
	const char *name;
	int (*run)(struct dead *d, struct weir_error *err);
} actions[] = {{"list", list}, {"show", show}, {"retry", retry}, {"purge", purge}};

static const struct action *find_action(const char *name)
{
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	return NULL;
}

static int check_usage(const struct call *call, const struct action *a, bool json)
{
	const struct dead_config *config = call->config;
	if (!a)
		return weir_fail(call->error, "usage",
				 "weir dead list, show, retry or purge; not %s", call->argv[0]);
	if (call->argc > 1 && a->run != show)
		return weir_fail(call->error, "usage",
				 "which letters weir dead %s takes is said by "
				 "options: --id %s",
				 a->name, call->argv[1]);
	if (!json && strcmp(config->format, "text") != 0)
		return weir_fail(call->error, "usage", "--format is text or json, not %s",
				 config->format);
	return 0;
}

static enum command_status run(struct call *call)
{
	const struct dead_config *config = call->config;
	const struct action *a = find_action(call->argv[0]);
	struct dead d = {.config = config,
			 .id = call->argc > 1 ? call->argv[1] : NULL,
			 .json = strcmp(config->format, "json") == 0};
	if (check_usage(call, a, d.json) < 0)
		return COMMAND_USAGE;
	if (command_ledger(call, &d.ledger) < 0)
		return COMMAND_FAILED;
	int rc = a->run(&d, call->error);
	ledger_close(d.ledger);
	if (rc < 0)
		return strcmp(call->error->code, "usage") == 0 ? COMMAND_USAGE : COMMAND_FAILED;
	return COMMAND_DONE;
}

const struct command command_dead = {
	.name = "dead",
	.arguments = "list|show ID|retry|purge ",
	.summary = "lists, shows, sends again or deletes messages that nobody could work on",
	.help = "A message that cannot be read, or belongs to no item, is kept with the reason.\n"
		"list prints a line for each, the newest last; show prints one with its body, "
		"safely\n"
		"for a terminal; retry has weir-relay publish them to their queue again, and "
		"purge\n"
		"deletes them: both need a filter, or --all. When a letter is refused once more "
		"it\n"
		"comes back under a new number.\n\n"
		"  weir dead list --code unknown_item\n"
		"  weir dead show 17\n"
		"  weir dead show 17 --body message.bin\n"
		"  weir dead retry --queue weir.sentiment --limit 100\n"
		"  weir dead purge --older-than 30d\n\n"
		"Exit status: 0 done, also when no letter was chosen; 1 there is no such letter.\n",
	.options = options,
	.no_environment = true,
	.config_size = sizeof(struct dead_config),
	.least = 1,
	.most = 2,
	.needs = NEED_PG,
	.run = run,
};
