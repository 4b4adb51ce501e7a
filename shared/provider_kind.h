/* provider_kind.h: what one vendor's API is, in one const struct of functions and names. Private to
 * the files of provider.h. Nothing blocks. */
#ifndef WEIR_PROVIDER_KIND_H
#define WEIR_PROVIDER_KIND_H

#include <jansson.h>

#include "weir/provider.h"

#define RATES 3 /* what limits are of: requests, input tokens, output tokens */

struct provider_kind {
	/* Paths behind base_url. */
	const char *calls, *batches;
	const char *accept; /* of results; NULL: not said */

	/* Appends "name: value" of the key, and what else all requests carry, as texts closed by
	 * NUL; returns how many. */
	size_t (*headers)(const struct model *m, struct buffer *out);
	void (*body)(const struct model *m, const struct prompt *p, struct buffer *out);
	/* The object of a 200 response as an answer. -1: it is none, and *out is as it was. */
	int (*answer)(const json_t *root, struct reply *out);

	/* Rate headers: what limits are called, and the name of a header of one. NULL: no such. */
	const char *rates[RATES];
	void (*rate_header)(const char *rate, const char *what, char out[64]);

	struct provider_frame frame;
	void (*line)(const struct model *m, struct weir_text custom_id, struct weir_text body,
		     struct buffer *out);
	/* The body of a batch's creation; NULL: it is streamed. */
	void (*create)(const struct model *m, const char *file_id, const char *intent,
		       struct buffer *out);
	const char *after; /* the list's parameter for the next page */
	/* The object of a batch. -1: it is not what it should be. */
	int (*batch)(const struct model *m, const json_t *root, struct remote_info *out);
	/* One line of results but for its custom_id: as provider_read_line(). -1: out->error says
	 * why, if there is more to say than that it has no result. */
	int (*result)(const struct model *m, const json_t *root, enum line_kind *kind,
		      struct reply *out);
};

extern const struct provider_kind provider_anthropic, provider_openai;

/* ---- for both: provider_kind.c ---- */

/* Whether a reason to stop, in the words of whichever vendor, is a filter or a refusal. */
bool is_refusal(const char *reason);

/* Of a JSON object: "" and 0 when it is absent or of another type, or the object is NULL. */
const char *json_text_of(const json_t *object, const char *key);
int64_t json_count_of(const json_t *object, const char *key);

#define CUT_AT_LIMIT "the answer was cut at max_tokens, of its model or of its template"

/* How long the answer may be. */
int64_t limit_of(const struct model *m, const struct prompt *p);

struct weir_text buffer_view(const struct buffer *b); /* never absent */
void add_turn(struct buffer *out, const char *role, struct weir_text text);
/* The user's text and, for a second try, what was answered and what was wrong with it. */
void add_turns(struct buffer *out, const struct prompt *p);
/* ",name:value" of what the models file says of a call: the temperature, and what is extra. */
void add_settings(struct buffer *out, const struct model *m);
/* Appends a text without U+0000, which the ledger cannot keep. */
void add_clean(struct buffer *out, const json_t *text);

void add_dump(struct buffer *out, const json_t *json); /* as it would be written */

/* The arguments of a call of a tool, a text or an object, behind what is said already: a gateway
 * may have made the wanted form a tool, and then they are the answer, or they are none if they have
 * no field of it. Of several calls none is the final one. */
void add_called(struct buffer *out, const json_t *arguments, size_t nth);

/* Copies an id of the provider's, if it is one: letters, digits and "-_.:", and not too long. */
int id_copy(char out[PROVIDER_ID_MAX + 1], const char *id);

/* Where something of the provider's is: base_url, the parts (NULL ends them), and the query. */
void provider_url(const struct model *m, const char *const *parts, struct buffer *out);
int url_copy(const struct model *m, const char *const *parts, char out[PROVIDER_URL_MAX]);

const struct provider_kind *provider_kind_of(const struct model *m);

/* ---- for both: provider.c ---- */

/* A request without a body. */
int provider_get(const struct model *m, const char *const *parts, struct buffer *texts,
		 struct http_request *out, struct weir_error *err) WEIR_MUST_CHECK;

/* ---- provider_lines.c ---- */

/* Beside a good answer stands an error: nobody knows which of them holds. Always -1. */
int answer_and_error(const json_t *error, struct reply *out);

/* ---- provider_usage.c ---- */

/* Of a response's usage, in the form of the one or the other; NULL: it has none. What cannot be
 * relied on is told in out->fault. text: the answer has one. model: the one that answered, as the
 * response calls it, or "". */
void usage_of_messages(const json_t *usage, bool text, struct usage *out);
void usage_of_completions(const json_t *usage, const char *model, bool text, struct usage *out);

/* ---- for both: provider_error.c ---- */

/* What an error says of itself; texts are of its JSON, and "" where it says nothing. */
struct told {
	int status; /* that it names, of 400 to 599, by number or digits; 0: none */
	const char *type, *code, *message;
	const char *reason; /* another word, of what stands within */
	const char *wait;   /* "2s": not before */
	const char *quota;  /* the name of the one that is used up */
	char number[24];    /* code, where it is a number */
	bool upstream; /* of a server behind, with the key and the bill of whoever runs this one */
	bool flagged;  /* the request was held back for what it says */
};

/* Where root tells of an error: the value that says more, or NULL. failed: the response is no
 * answer, so that whatever root says is about that. */
const json_t *error_in(const json_t *root, bool failed);
bool says_something(const json_t *value);		/* other than that there is nothing */
void error_take(const json_t *error, struct told *out); /* NULL is fine: it says nothing */

/* ---- for both: provider_body.c ---- */

/* The JSON of a body, or NULL; the caller's. Byte order marks and NULs around it are passed over;
 * what is no UTF-8, and halves of surrogates, are lost, each of them: whoever uses a text looks
 * whether something of it was. */
json_t *body_parse(struct weir_text body);
bool body_lost(struct weir_text text);
/* Which API an object is an answer of, with what to do; NULL: of none that is known. */
const char *body_of_other_api(const json_t *root);
/* What a body is that is no answer: "an HTML page: Bad Gateway", with where it breaks or how it
 * begins, on one line. */
void body_describe(struct weir_text body, struct buffer *out);
/* The JSON of a stream of events that tells of an error, or NULL; the caller's. */
json_t *event_error(struct weir_text body);

/* ---- for both: provider_reply.c ---- */

/* What an error of the provider's means. status 0: only the error tells. error: of error_in(), may
 * be NULL; r may be NULL. */
void reply_of_error(const struct model *m, int status, const json_t *error,
		    const struct http_response *r, struct reply *out);
/* A 2xx response that is neither an answer nor an error that can be read. */
void reply_of_body(const struct model *m, const struct http_response *r, struct reply *out);
/* What a request that got no whole response means. */
void reply_of_failure(const struct http_response *r, struct reply *out);
void reply_set(struct reply *out, enum reply_kind kind, const char *code, const char *text);

/* Milliseconds until the time that a header tells: a number of units, a duration ("6m0s"), or a
 * date; -1: it is none of these. */
int64_t wait_of(const struct http_response *r, struct weir_text value, int64_t unit_ms);
/* Milliseconds since 1970 of "2026-01-31T12:00:00.123Z"; -1: it is none. */
int64_t stamp_ms(const char *text);

#endif
