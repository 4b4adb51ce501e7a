/* http.h: many HTTP requests at once on the caller's loop, through libcurl. Nothing blocks: poll
 * http_fd() for reading until http_next_us(), then call http_turn(), which calls back those that
 * have made progress. Connections are kept alive and reused, TLS is verified, redirects are not
 * followed, and signals are not used. Proxies are those of the environment. */
#ifndef WEIR_HTTP_H
#define WEIR_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "weir/buffer.h"
#include "weir/error.h"

#define HTTP_HEADERS_MAX 16
#define HTTP_KEPT_MAX (16 * 1024) /* bytes of a response's headers that are kept */

struct http;
struct http_call;

/* How a request ended. */
struct http_response {
	int status;	       /* 0: there was none, see failure */
	struct weir_text body; /* as far as it was collected; valid during the call back */
	struct buffer headers; /* lines as they came; read them through http_header() */
	bool sent;	       /* the request, or part of it, may have reached the server */
	/* Of a request without a whole response. Codes: http_connect (nothing was sent),
	 * http_timeout, http_cut (the connection ended before the response did), http_oversized,
	 * http_tls (nothing was sent: the server's certificate is not to be trusted), http_failed,
	 * out_of_memory. */
	struct weir_error failure;
};

/* What is to be sent. Texts are copied, but for body, which outlives the call. */
struct http_request {
	const char *method; /* "GET", "POST", "DELETE" */
	const char *url;
	const char *headers[HTTP_HEADERS_MAX]; /* "name: value"; NULL ends them. Never logged */
	struct weir_text body;		       /* absent: none */

	/* A body that is too large to hold: read() gives the next bytes (at most room, 0: the end,
	 * -1: give up), size says how many they are in all. It may block as the ledger does. */
	int64_t (*read)(void *owner, char *out, size_t room);
	int64_t body_size;

	/* A response that is too large to hold: take() gets it as it comes, and body stays empty;
	 * -1 ends the request. It may block as the ledger does. Only called for status 200; another
	 * one's body is collected. Neither it nor read() may begin requests, but cancel any. */
	int (*take)(void *owner, const char *data, size_t size);

	int64_t timeout_ms;  /* of all of it; with read or take: of a silence */
	size_t response_max; /* bytes of a body; more is http_oversized. Not for take */
	/* Once, from http_turn(). */
	void (*done)(void *owner, const struct http_response *response);
	void *owner;
};

/* 0, or -1: http_failed, out_of_memory. most: connections that are kept open. */
int http_open(size_t most, struct http **out, struct weir_error *err) WEIR_MUST_CHECK;
void http_close(struct http *h); /* ends all calls without calling back; NULL is fine */

/* Begins a request. *out (may be NULL) holds until done() has been called. */
int http_begin(struct http *h, const struct http_request *request, struct http_call **out,
	       struct weir_error *err) WEIR_MUST_CHECK;
/* Ends it without done(). The provider may go on with what it has received. */
void http_cancel(struct http *h, struct http_call *call);

int http_fd(const struct http *h);
int64_t http_next_us(const struct http *h); /* of clock_us(); INT64_MAX: not by itself */
void http_turn(struct http *h);
size_t http_in_flight(const struct http *h);

/* The value of a header, without blanks around it; name in small letters. 0, or -1: absent. */
int http_header(const struct http_response *r, const char *name, struct weir_text *out);

#endif
