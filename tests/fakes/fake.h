/* fake.h: the providers of language models, as far as weir talks to them, faults included. A
 * program on 127.0.0.1 that speaks both APIs at once:
 *
 *     fake_provider [--port N] [--key KEY] [--open] [--idempotent] [--strict-keys] [--latency MS]
 *                   [--prefix PATH]... [--not-found NAME] [--record]
 *
 * It prints `port=N`, then `fake_ready`. --port 0, the default, is any free one. --key: what
 * x-api-key or the bearer token (or Azure's api-key) must be; without it any will do, but there
 * must be one, unless --open. --idempotent: a call with the Idempotency-Key of one that was billed
 * gets the same answer for nothing (vendors mostly do not do that). --strict-keys: a key that was
 * used for a call that was billed, with another body, is a 400 (Stripe; OpenAI's gateways).
 *
 *     POST /v1/messages                           POST /v1/chat/completions
 *     POST /v1/messages/batches                   POST /v1/files (multipart, purpose=batch)
 *     GET  /v1/messages/batches                   GET  /v1/files/{id}/content
 *     GET  /v1/messages/batches/{id}              POST /v1/batches
 *     POST /v1/messages/batches/{id}/cancel       GET  /v1/batches, /v1/batches/{id}
 *     GET  /v1/messages/batches/{id}/results      POST /v1/batches/{id}/cancel
 *     GET  /v1/models, /v1/models/{id} (Anthropic's, if there is a header anthropic-version)
 *
 * --prefix: instead of /v1, and again for others: /api/v1, /openai/v1, /inference/v1, /litellm/v1,
 * /v1beta/openai, /api/v3, /compatible-mode/v1, / for no prefix at all. {any} in it is one part
 * of a path, and is the model of a body that names none; ?NAME behind it must be in the query:
 * `/openai/deployments/{any}?api-version`. Rules and the log name paths as above all the same.
 * --not-found: the error_form for what is not served.
 *
 * Requests are checked as the vendors check them. The answer is made from the JSON Schema in the
 * last line of the system text, and from the hash of model, system and messages: texts begin with
 * the hash, as far as their greatest length lets them, so whatever is stored can be traced to what
 * was asked. Without a schema the answer is `answer HASH`. Results of batches come in another order
 * than asked.
 *
 * A call is billed when a 200 answer was made for it, whether or not that arrives, and a line of a
 * batch when the batch ends with it succeeded.
 *
 * What goes wrong is written into a script:
 *
 *     POST /_script {
 *       "latency_ms": 200,             (of calls)
 *       "rules": [{"match": {...}, "do": {...}}, ...],     (the first that matches holds)
 *       "limits": [{"model": "m", "requests_per_minute": 60, "window_ms": 60000,
 *                   "form": "seconds"}],     (or float, ms, date, none, all: each in turn)
 *       "batch": {"end_ms": 100, "cancel_ms": 50, "expire_share": 0.1,
 *                 "finalizing_ms": 0,      (between the end and its results)
 *                 "results_after_ms": 0,   (after the end; till then they are a 404)
 *                 "id": TEXT,              (of all that are made from now on; the newest is found)
 *                 "file_form": NAME},      (of the results, when they are asked for)
 *       "outage": {"form": NAME, "from_ms": 0, "for_ms": 1000},   (from now on; see /_outage)
 *       "prefixes": ["/v1"], "not_found": NAME, "keys": "refuse", "record": true,
 *       "key": KEY,                    (what it must be from now on, as --key)
 *       "models": ["a", "b"], "models_form": NAME}
 *
 * Each part replaces the one before; what is not named stays. A NAME that no table has is a 400. A
 * rule's match, all of which must hold:
 *
 *     method, path  as above, {id} included. A line of a batch has the path "line"
 *     model         the vendor's name
 *     contains      a part of the system text or of any message
 *     has, lacks    a field of the body, its name dotted: "response_format.type"
 *     where         {NAME: VALUE, ...}: what such fields are
 *     custom_id     of a line, or of any line of a batch that is being created
 *     nth           only the nth that the rest of the rule matches, from 1
 *     times         only so often
 *     every         only each nth: 5 is the 5th, the 10th, ...
 *
 * What it then does:
 *
 *     status, error, headers, body
 *         Another response. Without a body it is the vendor's error for the status, and `error`
 *         holds fields that are to be in it ({"message": ..}). A header of the value "@+2" is the
 *         HTTP date in two seconds. Nothing is done, unless the status is 200, or done is true.
 *         A body may name words (see below).
 *     error_form (errors.c)
 *         An error as one vendor or server writes it, with its status, headers and type, which
 *         status and headers can replace. Nothing is done, unless done is true.
 *     latency_ms, first_byte_ms
 *         Before the first byte of the body, and of the headers (not given: the same).
 *     cut_after_bytes
 *         Of the body the connection ends, though its length says more.
 *     wire (wires.c)
 *         What happens to the response on its way: encodings, lengths, types.
 *     answer, draft, stop_reason, id
 *         What the model says, another thing that it might say, why it stopped, and the response's
 *         id. For calls and for lines.
 *     answer_form (answers.c)
 *         What stands around that answer, or in its place, and where. For calls and for lines.
 *     usage_form (usages.c)
 *         How it is told what it cost; the log tells what a client should come to.
 *     shape (shapes.c)
 *         The whole body of a success that is not the vendor's, streams among them.
 *     patch
 *         Goes into the JSON of the response: {"choices": {"0": {"finish_reason": null}}}. What is
 *         "$DELETE" goes away. {"output_file_id": null} of a batch, for one. A patch is for lines
 *         when the rule's path is "line".
 *     drop
 *         true: no answer, ever, and nothing is done.
 *     accept_then_drop
 *         true: it is done, and the connection ends without an answer.
 *     fail_batch
 *         {"code": .., "message": ..}, of POST /v1/batches: it is found faulty when it ends.
 *     line
 *         "errored", "expired", "canceled" or "missing", with error and status: what a line of a
 *         batch comes to. Decided when the batch is created.
 *     line_form, line_id (lines.c)
 *         A line of results that cannot be read, is another's, comes twice, ...; the id of the
 *         line itself.
 *
 * Words in a body: $WORD, or $$WORD within the quotes of a JSON string. ANSWER, its HEAD and TAIL,
 * DRAFT, SCHEMA, RESPONSE (the whole of it), MODEL, HASH, ID, NOW, METHOD, URL, KEY, HOST, FIELD
 * (the rule's field), MESSAGE (its error's), and the numbers of usages.c: IN, OUT, ...
 *
 * And:
 *
 *     GET /_forms
 *         All names of all forms, each with where it was seen: a vendor's document, or the
 *         repository and number of a report.
 *     POST /_outage {"form": NAME, ...}, {"form": null}
 *         From now on, and not any more: each call fails in that error_form, `hang` and `reset`
 *         among them; the rest of it is as in `do`. The log and the counts tell of these calls.
 *     POST /_reset
 *         Forgets script, log, counts, files and batches; what hangs is let go.
 *     GET /_log
 *         A line of JSON each request, when it has come, and each line of a batch, when that has
 *         ended: ms (of CLOCK_MONOTONIC), method, path, url (as it came; alone when nothing is
 *         served there), model, status (0: none), key (of the header Idempotency-Key), billed,
 *         outage, hash, user (the first message), turns (messages), last (the last, of several),
 *         system (without the schema), batch, custom_ids; of lines custom_id and outcome. With a
 *         usage_form, usage: {in, out, cached, written, thought}, null: it cannot be known. With
 *         "record": headers (their names in small letters), query and body.
 *     GET /_counts
 *         requests, billed, in_flight, most_in_flight, rows ([{method, path, model, status, n}]),
 *         seconds ([[second of CLOCK_MONOTONIC, requests begun]]), outage ({now, calls, all_calls,
 *         past: [{form, began_ms, ended_ms, calls}]}), keys ({keys, same, other}: how many keys
 *         there were, and how often one came again, with the same body or another). Of the vendors'
 *         paths alone.
 *     POST /_stop
 *         Ends the program, as SIGTERM does. */
#ifndef WEIR_FAKE_H
#define WEIR_FAKE_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/buffer.h"

enum vendor { NO_VENDOR, ANTHROPIC, OPENAI };

/* What is asked of a model, in a call or in a line of a batch. */
struct asked {
	enum vendor vendor;
	json_t *body;		  /* that it was read from; borrowed */
	const char *model;	  /* of that */
	struct buffer system;	  /* all of it */
	struct buffer user, last; /* the first message, and the last of several */
	struct buffer all;	  /* every text, for `contains` */
	size_t turns;
	char hash[17];
};

enum framing { WHOLE, CLAIMS_LESS, CLAIMS_TWO, CLAIMS_MORE, CHUNKED, CHUNKED_CUT };

struct reply {
	int status;
	struct buffer body;
	const char *type; /* NULL: application/json */
	json_t *headers;  /* names to texts; NULL: none */
	int64_t first_byte_ms, latency_ms;
	int64_t cut_after; /* -1: not */
	enum framing framing;
	bool drop, lost;
	bool billed;
};

struct route;

/* One HTTP request, from its first header to its last byte. */
struct call {
	struct MHD_Connection *connection;
	const struct route *route; /* NULL: not found */
	char method[16], url[512]; /* as they came, without the query */
	char prefix[128];	   /* under which it is served */
	char deployment[80];	   /* what stands for {any} of that */
	char id[80];		   /* what stands for {id} */
	struct buffer body;
	json_t *json;  /* the body */
	json_t *lines; /* of a batch that is being created: those of its file, or its requests */
	struct asked asked; /* of a call; of a batch the model alone */
	json_t *rule;	    /* what the script does with it; borrowed. NULL: nothing */
	struct reply reply;
	int64_t began_ms, due_ms;
	unsigned era;	     /* of the script it began under */
	bool decided, begun; /* counted; its headers are on the way */
	bool stop, outage;
};

/* ---- server.c ---- */

int64_t fake_now_ms(void);
void fake_new_era(void); /* what hangs is let go */
/* Appends "PREFIX_..." that no other run makes. */
void fake_id(char *out, size_t room, const char *prefix);
const char *call_header(const struct call *c, const char *name); /* NULL: absent */
const char *call_query(const struct call *c, const char *name);

struct settings_of_fake {
	int port;
	const char *key;
	bool idempotent, strict_keys, open, record;
	int64_t latency_ms;
	const char *not_found; /* an error_form */
};
extern struct settings_of_fake settings_of_fake;

/* ---- routes.c ---- */

struct route {
	const char *method, *path;
	enum vendor vendor;
	int (*read)(struct call *
			    c); /* reads and checks; -1: the reply is made. NULL: nothing to read */
	void (*act)(struct call *c); /* makes the reply */
};

void call_route(struct call *c, const char *method, const char *path);
void call_decide(struct call *c);

/* ---- reply.c ---- */

/* The vendor's error of this status; text NULL: the usual. Always returns -1. */
int reply_error(struct call *c, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int reply_invalid(struct call *c, const char *text);
/* An error as a vendor writes it. more: fields of it, or NULL. */
json_t *error_json(enum vendor vendor, int status, const char *text, json_t *more);
void reply_json(struct call *c, json_t *json); /* 200; takes the reference */
void reply_header(struct reply *r, const char *name, const char *value);
void reply_scripted(struct call *c); /* what the rule says of a response; after act() */
void buffer_add_dump(struct buffer *b, json_t *json);
/* A whole number of an object's, or otherwise. */
int64_t number_of(json_t *object, const char *name, int64_t otherwise);

/* What patterns for this call may name; the caller releases it. */
json_t *call_words(struct call *c, json_t *rule);
void json_patch(json_t *target, json_t *patch); /* NULL: nothing */

/* ---- fill.c: patterns ---- */

/* $WORD is replaced, $$WORD by what stands for it between the quotes of a JSON string. */
void fill_text(struct buffer *out, const char *pattern, json_t *words);
/* The same, and ' stands for ", ` for ': JSON in a C string. */
void fill_json(struct buffer *out, const char *pattern, json_t *words);
json_t *filled_json(const char *pattern, json_t *words); /* NULL: it came to none */
void word_set(json_t *words, const char *name, const char *data, size_t size);
void word_set_number(json_t *words, const char *name, int64_t value);

/* ---- forms.c, and the tables of forms, in whose rows the name is first ---- */

struct form_list {
	const char *kind; /* what names one of them, in a script */
	const void *rows;
	size_t count, size, source; /* of rows, of one, and where in it is told who writes so */
};

extern const struct form_list answer_forms, usage_forms, shape_forms, error_forms, wire_forms,
	line_forms, file_forms, models_forms;

/* The row of that name, or that the object names under the kind; NULL: there is none. */
const void *form_named(const struct form_list *list, const char *name);
const void *form_of(const struct form_list *list, const json_t *object);
const char *forms_unknown(json_t *json); /* a name that no table has; NULL: none */
void forms_get(struct call *c);

/* ---- odd.c: JSON that breaks its grammar, each field in one way; NULL, false: as usual ---- */

struct odd {
	const char *open, *close;	     /* quotes */
	const char *true_, *false_, *null_;  /* words */
	const char *before, *number, *after; /* around a number, and instead of it */
	const char *point, *comma, *gap;     /* in numbers, between fields, behind a key */
	const char *comment, *amid;	     /* behind the first field; in a text, raw */
	bool bare_keys, trailing, twice;     /* trailing commas; each key twice */
};

void odd_write(struct buffer *out, json_t *value, const struct odd *odd);

/* ---- answers.c, usages.c, shapes.c, errors.c, wires.c, lines.c: what the forms do ---- */

void answer_said(json_t *rule, json_t *words, const char *answer, struct buffer *out);
const char *answer_stop(json_t *rule);
void answer_place(enum vendor vendor, json_t *rule, json_t *words, json_t *response);
void usage_words(json_t *words, int64_t in, int64_t out);
void usage_place(json_t *rule, json_t *words, json_t *response);
json_t *usage_truth(json_t *rule, json_t *words); /* NULL: no form */
json_t *shape_json(json_t *rule, json_t *words);  /* NULL: no shape, or it is no JSON */
void shape_place(struct reply *r, json_t *rule, json_t *words);
bool error_place(struct reply *r, const char *name, json_t *words); /* false: no such form */
bool error_is_done(const char *name);				    /* NULL: false */
void wire_place(struct reply *r, json_t *rule);
/* Takes both lines; `other` is the same with another answer. */
char *line_formed(enum vendor vendor, json_t *rule, json_t *words, char *result, char *other);
void file_formed(struct buffer *file);

/* ---- paths.c ---- */

int paths_add(const char *prefix); /* kept; -1: too many, or no path */
bool path_served(struct call *c, const char *path, char *as, size_t room);

/* ---- outage.c ---- */

void outage_begin(json_t *wanted);	 /* without a form: it ends */
json_t *outage_of(const struct call *c); /* what is done with it, borrowed; counts it */
void outage_set(struct call *c);
json_t *outage_json(void);
void outage_reset(void);

/* ---- keys.c ---- */

int keys_check(struct call *c); /* -1: the reply is made */
void keys_remember(struct call *c);
json_t *keys_json(void);
void keys_reset(void);

/* ---- models.c ---- */

void models_list(struct call *c);
void models_get(struct call *c);

/* ---- asked.c ---- */

/* Checks the body of a single call; the fault goes to text. */
int asked_read(enum vendor vendor, json_t *body, bool in_batch, struct asked *out, char *text,
	       size_t room);
void asked_release(struct asked *a);
/* The vendor's response with what the model says, or what the rule (NULL: none) has it say. */
json_t *asked_response(const struct asked *a, json_t *rule);
/* The same of words that are made already, which it adds RESPONSE to. */
json_t *asked_words(const struct asked *a, json_t *rule);
json_t *asked_formed(const struct asked *a, json_t *rule, json_t *words);

/* ---- calls.c: messages and chat completions ---- */

int calls_read(struct call *c);
void calls_act(struct call *c);
void calls_reset(void);

/* ---- batches.c, messages_batches.c (Anthropic), files_batches.c (OpenAI) ---- */

struct batch_line {
	char custom_id[65];
	enum { SUCCEEDED, ERRORED, EXPIRED, CANCELED, MISSING } outcome;
	char *result; /* a line of the results */
	json_t *log;
};

struct batch {
	char id[80];
	enum vendor vendor;
	int64_t created_ms, end_ms, cancel_ms; /* cancel_ms 0: not cancelled */
	int64_t results_ms;		       /* from when on results are there */
	int64_t created_s, ended_s, cancel_s;  /* since 1970 */
	bool ended;
	size_t size;
	struct batch_line *lines;
	json_t *request; /* POST /v1/batches */
	json_t *failure; /* of all of it; NULL: none */
	char output[80], errors[80];
	struct batch *next; /* older */
};

struct batch *batch_new(struct call *c, const char *prefix);
struct batch *batch_find(struct call *c); /* NULL: the reply is made */
struct batch *batch_newest(void);
void batch_undo(void); /* forgets the newest */
void batch_cancel(struct batch *b);
/* One line, of its own body; -1: the reply is made. */
int batch_line(struct batch *b, size_t i, const char *custom_id, json_t *body, struct call *c);
size_t batch_count(const struct batch *b, int outcome);
void batches_turn(int64_t now_ms);
int64_t batch_finalizing(const struct batch *b); /* since when; 0: not */
void batches_reset(void);

int messages_batch_read(struct call *c);
void messages_batch_create(struct call *c);
void messages_batch_list(struct call *c);
void messages_batch_get(struct call *c);
void messages_batch_cancel(struct call *c);
void messages_batch_results(struct call *c);
char *messages_batch_line(const struct batch_line *l, const struct asked *a, json_t *rule);

void files_create(struct call *c);
void files_content(struct call *c);
void files_reset(void);
int files_batch_read(struct call *c);
void files_batch_create(struct call *c);
void files_batch_list(struct call *c);
void files_batch_get(struct call *c);
void files_batch_cancel(struct call *c);
char *files_batch_line(const struct batch_line *l, const struct asked *a, json_t *rule);
void files_batch_ended(struct batch *b);

/* ---- script.c ---- */

void script_set(struct call *c);
void script_reset(struct call *c);
void script_forget(void);
/* What the first rule that matches does; borrowed, NULL: none does. */
json_t *script_find(const char *method, const char *path, const struct asked *a,
		    const char *custom_id, json_t *lines);
/* False: a limit is reached, and the reply is made. */
bool script_admits(struct call *c);
json_t *script_part(const char *name); /* borrowed */
int64_t script_latency(void);
int64_t script_batch(const char *name, int64_t otherwise);
double script_expire_share(void);

/* ---- log.c ---- */

void log_begin(struct call *c);
void log_end(void);
void log_call(struct call *c);
void log_lost(struct call *c); /* of no route */
void log_truth(json_t *line, const struct asked *a, json_t *rule);
json_t *log_line(const struct asked *a);  /* what was asked, for the log */
void log_json(json_t *line, bool billed); /* takes the reference */
void log_get(struct call *c);
void log_counts(struct call *c);
void log_reset(void);

#endif
