/* provider.h: what the vendors' APIs look like on the wire: pure functions from what we want to
 * bytes, and from bytes to what it means. Sources: the vendors' SDKs and specifications, named at
 * each rule in the .c files. Nothing blocks. */
#ifndef WEIR_PROVIDER_H
#define WEIR_PROVIDER_H

#include <stdbool.h>

#include "weir/http.h"
#include "weir/models.h"
#include "weir/templates.h"

#define PROVIDER_RESPONSE_MAX (4u << 20) /* bytes of one answer */
#define PROVIDER_ID_MAX 128
#define PROVIDER_URL_MAX 1024
/* No server is waited for longer at a time, whatever it says: then it is asked again. */
#define PROVIDER_WAIT_MAX_MS 3600000

/* What became of a request. */
enum reply_kind {
	REPLY_ANSWER,	 /* text and tokens */
	REPLY_RETRY,	 /* failed, and may succeed later: charged as an attempt */
	REPLY_THROTTLED, /* a limit of the provider's, or it is overloaded or away: not charged */
	REPLY_REFUSED,	 /* this request will never succeed */
	REPLY_STOP /* none will: a bill, a key, a model that is not there. The job is paused */
};

struct reply {
	enum reply_kind kind;
	char id[PROVIDER_ID_MAX + 1]; /* the provider's own, of ANSWER; "" when it gave none */
	struct buffer text;	      /* ANSWER: what the model said */
	struct usage usage;	      /* ANSWER */
	bool at_limit;		      /* ANSWER: it was cut at max_tokens (code cut_answer) */
	int64_t after_ms;	      /* RETRY, THROTTLED: not before; 0: it did not say */
	bool fleet;		      /* THROTTLED: holds for all calls of this model */
	/* Of all but ANSWER; also of an ANSWER that is not whole (max_tokens, refusal), whose text
	 * is of no use: code cut_answer, refused_answer, or bad_answer where it is empty. code ""
	 * otherwise. */
	struct weir_error error;
};

void reply_release(struct reply *r);

/* What the response's rate headers say is left until they are filled again; -1: nothing. */
struct provider_limits {
	int64_t requests, input_tokens, output_tokens;
	int64_t reset_ms; /* of whichever is 0 first */
};

/* ---- one call ---- */

/* The body of a single call. With `repair` parts of the prompt the model is told its fault. */
int provider_body(const struct model *m, const struct prompt *p, struct buffer *out,
		  struct weir_error *err) WEIR_MUST_CHECK;
/* Address and headers of it; the body, done and owner are the caller's to add. url and the header
 * texts are appended to `texts`, which the caller releases (or empties) after http_begin(). id: the
 * same for each try of the same request, and of no other body (Idempotency-Key). */
int provider_call(const struct model *m, const char *id, struct buffer *texts,
		  struct http_request *out, struct weir_error *err) WEIR_MUST_CHECK;
/* What the response means. Malformed ones are RETRY. */
void provider_read(const struct model *m, const struct http_response *r, struct reply *out);
void provider_read_limits(const struct model *m, const struct http_response *r,
			  struct provider_limits *out);
/* A careful guess, for limits: more than it will mostly be. */
int64_t provider_tokens(size_t bytes);

/* ---- what the server has ---- */

/* Asks which models there are, or, with `one`, for its own alone. Nothing of it is billed. */
int provider_models(const struct model *m, bool one, struct buffer *texts, struct http_request *out,
		    struct weir_error *err) WEIR_MUST_CHECK;
/* Appends their names, each closed by a NUL. -1: *why says what became of it; its code is no_list
 * where the server has no such list (404, 405, 501, or a 200 with something else). */
int provider_read_models(const struct model *m, const struct http_response *r, struct buffer *names,
			 struct reply *why) WEIR_MUST_CHECK;
/* Whether what was asked for one alone is there; a list in its place has to hold it. */
bool provider_read_one(const struct http_response *r, const char *wanted);
/* Whether a model is among them, by the name with which it is called. */
bool provider_has_model(const struct buffer *names, const char *wanted);

/* ---- remote batches ---- */

enum remote_state { REMOTE_RUNNING, REMOTE_ENDED, REMOTE_FAILED };

struct remote_info {
	char id[PROVIDER_ID_MAX + 1];
	enum remote_state state;
	char intent[64];    /* of its metadata; "" where there is none */
	int64_t created_ms; /* since 1970 */
	int64_t requests;   /* in all; -1: unknown */
	int64_t done;	    /* of them, while running; -1: unknown */
	/* Of those of a batch that has ended, as it says itself; -1: unknown. */
	int64_t completed; /* were answered */
	int64_t lines;	   /* have a line in its results, at least */
	/* Where they are, complete; "": nowhere. */
	char results_url[PROVIDER_URL_MAX], errors_url[PROVIDER_URL_MAX];
	struct weir_error error; /* FAILED: why all of it was refused */
};

/* One line of a remote batch, from the body of a single call. */
int provider_batch_line(const struct model *m, struct weir_text custom_id, struct weir_text body,
			struct buffer *out, struct weir_error *err) WEIR_MUST_CHECK;
/* What stands before, between and behind the lines where they are one JSON body; "" each where
 * they are a file. */
struct provider_frame {
	const char *before, *between, *after;
	bool file; /* uploaded first, under a name, as multipart/form-data */
};
struct provider_frame provider_frame(const struct model *m);

/* Requests of a remote batch's life. `texts` as above, but those of provider_create() are kept
 * until done(): its body is in them. Each call fills *out anew; done, owner, and a body that is
 * streamed (read and body_size) are the caller's to add. */
int provider_upload(const struct model *m, const char *intent, struct buffer *texts,
		    struct buffer *head, struct buffer *tail, struct http_request *out,
		    struct weir_error *err) WEIR_MUST_CHECK; /* head and tail go around the file */
/* The body of a `file` provider; the other's is streamed by the caller. what: the file's id, or a
 * digest of what is streamed: no other body goes out under the same Idempotency-Key. */
int provider_create(const struct model *m, const char *what, const char *intent,
		    struct buffer *texts, struct http_request *out,
		    struct weir_error *err) WEIR_MUST_CHECK;
int provider_poll(const struct model *m, const char *remote_id, struct buffer *texts,
		  struct http_request *out, struct weir_error *err) WEIR_MUST_CHECK;
int provider_cancel(const struct model *m, const char *remote_id, struct buffer *texts,
		    struct http_request *out, struct weir_error *err) WEIR_MUST_CHECK;
int provider_list(const struct model *m, const char *after, struct buffer *texts,
		  struct http_request *out, struct weir_error *err) WEIR_MUST_CHECK;
int provider_fetch(const struct model *m, const char *url, struct buffer *texts,
		   struct http_request *out, struct weir_error *err) WEIR_MUST_CHECK;

/* Their responses. 0; or -1 with *why saying what became of it (kind, after_ms, error). A batch
 * that is not there is REFUSED, with the code not_found. */
int provider_read_file(const struct http_response *r, char id[PROVIDER_ID_MAX + 1],
		       struct reply *why) WEIR_MUST_CHECK;
int provider_read_batch(const struct model *m, const struct http_response *r,
			struct remote_info *out, struct reply *why) WEIR_MUST_CHECK;
/* A page of the list: calls each() for every batch on it; *next is "" on the last page. REFUSED: it
 * has no such list. */
int provider_read_list(const struct model *m, const struct http_response *r,
		       void (*each)(void *owner, const struct remote_info *info), void *owner,
		       char next[PROVIDER_ID_MAX + 1], struct reply *why) WEIR_MUST_CHECK;

/* When it answered, since 1970, by its own clock if it tells that; else by ours. */
int64_t provider_now_ms(const struct http_response *r);

enum line_kind { LINE_REPLY, LINE_CANCELED, LINE_EXPIRED };
/* What a 200 is that should be results, and has not one line of them: from body, its beginning. */
void provider_read_page(const struct model *m, const struct http_response *r, struct weir_text body,
			struct reply *out);
/* One line of results: whose it is, and what became of it. -1: the line is not what it should be
 * (err says why); custom_id is "" then, unless that much of it can be read. */
int provider_read_line(const struct model *m, struct weir_text line, char custom_id[65],
		       enum line_kind *kind, struct reply *out,
		       struct weir_error *err) WEIR_MUST_CHECK;

#endif
