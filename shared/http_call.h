/* http_call.h: one request as curl wants it, and as it comes back. Private to http.h. */
#ifndef WEIR_HTTP_CALL_H
#define WEIR_HTTP_CALL_H

#include <curl/curl.h>

#include "weir/http.h"

/* One request, and its curl handle, which is used again for later ones. */
struct http_call {
	struct http_call *next, *prev; /* in one of the lists of struct http */
	CURL *easy;
	struct curl_slist *headers_out;
	struct http_request request; /* its method, url and headers are curl's by now */
	struct buffer headers, body;
	size_t headers_seen;
	int64_t active_us;	   /* of a stream: when bytes went last */
	struct weir_error failure; /* of our own call backs; code "" while there is none */
	bool cancelled;
	char error[CURL_ERROR_SIZE];
};

struct http_call *call_new(void); /* NULL: out of memory */
void call_free(struct http_call *c);
/* Nothing of its request is left; the memory and curl's handle are. */
void call_empty(struct http_call *c);

/* 0, or -1: out of memory. */
int call_set_up(struct http_call *c, const struct http_request *r) WEIR_MUST_CHECK;
/* Why it fails, unless that is known already. Returns 0, which tells curl to end it. */
size_t call_fail(struct http_call *c, const char *code, const char *text);
/* How it ended; points into it. */
void call_describe(struct http_call *c, CURLcode rc, struct http_response *out);

bool call_was_sent(const struct http_call *c);
bool call_is_stream(const struct http_call *c);

#endif
