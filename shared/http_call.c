#include "http_call.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "weir/clock.h"

enum {
	CONNECT_MS = 10000,
	READ_SIZE = 4096,	       /* curl allocates it for each call that is in flight */
	READ_SIZE_STREAM = 128 * 1024, /* of a response that is taken as it comes */
	SEND_SIZE = 16 * 1024,	       /* the least curl takes */
	SEND_SIZE_STREAM = 256 * 1024,
	HEADERS_SEEN_MAX = 64 * 1024, /* bytes of a response's headers; more is an error */
	ERROR_BODY_MAX = 64 * 1024,   /* of the response to a take() that is no 200 */
	KEPT_ROOM = 16 * 1024	      /* bytes a buffer may keep for the next call */
};

/* ---- its life ---- */

struct http_call *call_new(void)
{
	struct http_call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->easy = curl_easy_init();
	if (c->easy)
		return c;
	free(c);
	return NULL;
}

void call_free(struct http_call *c)
{
	curl_easy_cleanup(c->easy);
	curl_slist_free_all(c->headers_out);
	buffer_release(&c->headers);
	buffer_release(&c->body);
	free(c);
}

static void empty(struct buffer *b)
{
	if (b->room > KEPT_ROOM)
		buffer_release(b);
	else
		buffer_reset(b);
}

void call_empty(struct http_call *c)
{
	curl_easy_reset(c->easy);
	curl_slist_free_all(c->headers_out);
	c->headers_out = NULL;
	empty(&c->headers);
	empty(&c->body);
	c->headers_seen = 0;
	c->failure.code[0] = '\0';
	c->cancelled = false;
}

bool call_is_stream(const struct http_call *c) { return c->request.read || c->request.take; }

/* ---- what curl calls ---- */

size_t call_fail(struct http_call *c, const char *code, const char *text)
{
	if (!*c->failure.code)
		weir_fail(&c->failure, code, "%s", text);
	return 0;
}

/* A new status line begins a new response: what came before it was a 1xx one. */
static size_t header_came(char *data, size_t one, size_t size, void *owner)
{
	struct http_call *c = owner;

	(void)one;
	c->active_us = clock_us();
	c->headers_seen += size;
	if (c->headers_seen > HEADERS_SEEN_MAX)
		return call_fail(c, "http_oversized", "the response's headers are too large");
	if (size >= 5 && memcmp(data, "HTTP/", 5) == 0)
		buffer_reset(&c->headers);
	if (c->headers.size + size <= HTTP_KEPT_MAX)
		buffer_add(&c->headers, data, size);
	return size;
}

static bool takes(const struct http_call *c)
{
	long status = 0;

	if (!c->request.take)
		return false;
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	return status == 200;
}

static size_t body_came(char *data, size_t one, size_t size, void *owner)
{
	struct http_call *c = owner;
	size_t most = c->request.response_max;

	(void)one;
	if (c->cancelled)
		return 0;
	if (takes(c)) {
		int rc = c->request.take(c->request.owner, data, size);

		c->active_us = clock_us(); /* take()'s own time is no silence of the server's */
		return rc == 0 ? size : call_fail(c, "http_failed", "the response was not taken");
	}
	c->active_us = clock_us();
	if (c->request.take && most == 0)
		most = ERROR_BODY_MAX;
	if (size > most || c->body.size > most - size)
		return call_fail(c, "http_oversized", "the response is too large");
	buffer_add(&c->body, data, size);
	return buffer_failed(&c->body) ? call_fail(c, "out_of_memory", "out of memory") : size;
}

static size_t body_wanted(char *out, size_t one, size_t room, void *owner)
{
	struct http_call *c = owner;
	int64_t size = -1;

	if (!c->cancelled)
		size = c->request.read(c->request.owner, out, one * room);
	c->active_us = clock_us();
	if (size >= 0 && size <= (int64_t)(one * room))
		return (size_t)size;
	call_fail(c, "http_failed", "the request's body could not be read");
	return CURL_READFUNC_ABORT;
}

/* ---- setting up ---- */

/* What is the same for all of them. */
static void set_common(struct http_call *c)
{
	CURL *e = c->easy;

	curl_easy_setopt(e, CURLOPT_PRIVATE, c);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->error);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "weir/" WEIR_VERSION);
	/* Packed bodies are not asked for, and unpacked all the same: gateways send them unasked.
	 */
	curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "identity");
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, header_came);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, body_came);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
}

/* Over TLS, calls wait for a connection to say whether it speaks HTTP/2, and then share it. */
static void set_times_and_sizes(struct http_call *c, const struct http_request *r)
{
	CURL *e = c->easy;
	int64_t connect_ms =
		r->timeout_ms > 0 && r->timeout_ms < CONNECT_MS ? r->timeout_ms : CONNECT_MS;

	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	if (!call_is_stream(c))
		curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)(r->take ? READ_SIZE_STREAM : READ_SIZE));
	curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE,
			 (long)(r->read ? SEND_SIZE_STREAM : SEND_SIZE));
	curl_easy_setopt(e, CURLOPT_PIPEWAIT, strncasecmp(r->url, "https:", 6) == 0 ? 1L : 0L);
}

/* A stream cannot be sent twice, so it begins on a new connection: on a kept one that the server
 * has closed meanwhile curl would have to send it again. */
static void set_body(struct http_call *c, const struct http_request *r)
{
	CURL *e = c->easy;

	if (strcmp(r->method, "POST") != 0) {
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
		return;
	}
	curl_easy_setopt(e, CURLOPT_POST, 1L);
	if (r->read) {
		curl_easy_setopt(e, CURLOPT_READFUNCTION, body_wanted);
		curl_easy_setopt(e, CURLOPT_READDATA, c);
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_size);
		curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
		return;
	}
	curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.size);
	curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body.data ? r->body.data : "");
}

static int add_header(struct http_call *c, const char *line)
{
	struct curl_slist *longer = curl_slist_append(c->headers_out, line);

	if (!longer)
		return -1;
	c->headers_out = longer;
	return 0;
}

/* "Expect: 100-continue" would cost a round trip, or a second where nobody answers it. */
static int set_headers(struct http_call *c, const struct http_request *r)
{
	if (add_header(c, "Expect:") < 0)
		return -1;
	for (size_t i = 0; i < HTTP_HEADERS_MAX && r->headers[i]; i++) {
		if (add_header(c, r->headers[i]) < 0)
			return -1;
	}
	return curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers_out) == CURLE_OK ? 0 : -1;
}

int call_set_up(struct http_call *c, const struct http_request *r)
{
	c->request = *r;
	c->error[0] = '\0';
	c->active_us = clock_us();
	set_common(c);
	set_times_and_sizes(c, r);
	set_body(c, r);
	if (set_headers(c, r) < 0 || curl_easy_setopt(c->easy, CURLOPT_URL, r->url) != CURLE_OK)
		return -1;
	return 0;
}

/* ---- how it ended ---- */

/* The codes of curl that are not http_failed. */
static const struct {
	CURLcode from;
	const char *to;
} codes[] = {
	{CURLE_COULDNT_RESOLVE_PROXY, "http_connect"},
	{CURLE_COULDNT_RESOLVE_HOST, "http_connect"},
	{CURLE_COULDNT_CONNECT, "http_connect"},
	{CURLE_OPERATION_TIMEDOUT, "http_timeout"},
	{CURLE_WEIRD_SERVER_REPLY, "http_cut"},
	{CURLE_PARTIAL_FILE, "http_cut"},
	{CURLE_GOT_NOTHING, "http_cut"},
	{CURLE_SEND_ERROR, "http_cut"},
	{CURLE_RECV_ERROR, "http_cut"},
	{CURLE_SEND_FAIL_REWIND, "http_cut"},
	{CURLE_BAD_CONTENT_ENCODING, "http_cut"},
	{CURLE_HTTP2, "http_cut"},
	{CURLE_HTTP2_STREAM, "http_cut"},
	{CURLE_SSL_CONNECT_ERROR, "http_connect"},
	{CURLE_PEER_FAILED_VERIFICATION, "http_tls"},
	{CURLE_SSL_CERTPROBLEM, "http_tls"},
	{CURLE_SSL_CIPHER, "http_tls"},
	{CURLE_SSL_ISSUER_ERROR, "http_tls"},
	{CURLE_SSL_CACERT_BADFILE, "http_tls"},
	{CURLE_SSL_INVALIDCERTSTATUS, "http_tls"},
};

/* A connection that was not made in time, or was lost before anything went out on it, has cost
 * nothing but the time. */
static const char *code_of(CURLcode rc, bool sent)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (codes[i].from != rc)
			continue;
		if (!sent && strcmp(codes[i].to, "http_tls") != 0)
			return "http_connect";
		return codes[i].to;
	}
	return "http_failed";
}

/* request_size counts the bytes of the head that went out. */
bool call_was_sent(const struct http_call *c)
{
	long size = 0;

	curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &size);
	return size > 0;
}

void call_describe(struct http_call *c, CURLcode rc, struct http_response *out)
{
	long status = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	*out = (struct http_response){.body = {c->body.data, c->body.size},
				      .headers = c->headers,
				      .sent = call_was_sent(c)};
	if (*c->failure.code)
		out->failure = c->failure;
	else if (rc != CURLE_OK)
		weir_fail(&out->failure, code_of(rc, out->sent), "%s",
			  *c->error ? c->error : curl_easy_strerror(rc));
	else
		out->status = (int)status;
}

/* ---- headers ---- */

static struct weir_text trimmed(const char *from, const char *to)
{
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r'))
		to--;
	return (struct weir_text){from, (size_t)(to - from)};
}

int http_header(const struct http_response *r, const char *name, struct weir_text *out)
{
	const char *at = r->headers.data, *end = at ? at + r->headers.size : NULL;
	size_t size = strlen(name);

	while (at && at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		stop = stop ? stop : end;
		if ((size_t)(stop - at) > size && at[size] == ':' &&
		    strncasecmp(at, name, size) == 0) {
			*out = trimmed(at + size + 1, stop);
			return 0;
		}
		at = stop < end ? stop + 1 : end;
	}
	return -1;
}
