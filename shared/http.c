#include "weir/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "weir/clock.h"

enum {
	CONNECT_MS = 10000,
	EVENTS = 64,		       /* of one turn */
	READ_SIZE = 4096,	       /* curl allocates it for each call that is in flight */
	READ_SIZE_STREAM = 128 * 1024, /* of a response that is taken as it comes */
	SEND_SIZE = 16 * 1024,	       /* the least curl takes */
	SEND_SIZE_STREAM = 256 * 1024,
	HEADERS_SEEN_MAX = 64 * 1024, /* bytes of a response's headers; more is an error */
	ERROR_BODY_MAX = 64 * 1024,   /* of the response to a take() that is no 200 */
	KEPT_ROOM = 16 * 1024	      /* bytes a buffer may keep for the next call */
};

/* One request, and its curl handle, which is used again for later ones. */
struct http_call {
	struct http_call *next, *prev; /* in one of the lists of struct http */
	struct http *http;
	CURL *easy;
	struct curl_slist *headers_out;
	struct http_request request; /* its method, url and headers are curl's by now */
	struct buffer headers, body;
	size_t headers_seen;
	int64_t active_us; /* of a stream: when bytes went last */
	struct weir_error
		failure; /* what our own call backs found; code "" while there is nothing */
	bool cancelled;
	char error[CURL_ERROR_SIZE];
};

struct http {
	CURLM *multi;
	int epoll;
	size_t most, in_flight, streams, spares;
	struct http_call *calls; /* in flight */
	struct http_call *spare; /* singly linked */
	bool inside;		 /* within curl: it may not be called from there */
	bool initialised;
};

/* ---- the handle ---- */

static uint32_t events_of(int what)
{
	return (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) |
	       (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
}

/* curl says what it wants to know of a socket. */
static int socket_changed(CURL *easy, curl_socket_t fd, int what, void *owner, void *of_socket)
{
	struct http *h = owner;
	struct epoll_event event = {.events = events_of(what), .data.fd = fd};

	(void)easy;
	(void)of_socket;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(h->epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (epoll_ctl(h->epoll, EPOLL_CTL_MOD, fd, &event) == 0)
		return 0;
	return errno == ENOENT && epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -1;
}

int http_open(size_t most, struct http **out, struct weir_error *err)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		return weir_fail_memory(err);
	h->most = most > 0 ? most : 1;
	h->epoll = epoll_create1(EPOLL_CLOEXEC);
	/* Counted by curl: each open has its cleanup. */
	h->initialised = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
	h->multi = h->initialised ? curl_multi_init() : NULL;
	if (h->epoll < 0 || !h->multi) {
		http_close(h);
		return weir_fail(err, "http_failed", "cannot set up HTTP: %s", strerror(errno));
	}
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)h->most);
	*out = h;
	return 0;
}

static void call_free(struct http_call *c)
{
	curl_easy_cleanup(c->easy);
	curl_slist_free_all(c->headers_out);
	buffer_release(&c->headers);
	buffer_release(&c->body);
	free(c);
}

static void list_remove(struct http *h, struct http_call *c)
{
	*(c->prev ? &c->prev->next : &h->calls) = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->next = c->prev = NULL;
}

static void list_add(struct http *h, struct http_call *c)
{
	c->next = h->calls;
	c->prev = NULL;
	if (h->calls)
		h->calls->prev = c;
	h->calls = c;
}

void http_close(struct http *h)
{
	struct http_call *c;

	if (!h)
		return;
	while ((c = h->calls)) {
		list_remove(h, c);
		curl_multi_remove_handle(h->multi, c->easy);
		call_free(c);
	}
	while ((c = h->spare)) {
		h->spare = c->next;
		call_free(c);
	}
	curl_multi_cleanup(h->multi);
	if (h->initialised)
		curl_global_cleanup();
	if (h->epoll >= 0)
		close(h->epoll);
	free(h);
}

/* ---- what curl calls ---- */

static size_t fail_call(struct http_call *c, const char *code, const char *text)
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
		return fail_call(c, "http_oversized", "the response's headers are too large");
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
	if (takes(c)) {
		int rc = c->request.take(c->request.owner, data, size);

		c->active_us =
			clock_us(); /* how long take() was at it is not the server's silence */
		return rc == 0 ? size : fail_call(c, "http_failed", "the response was not taken");
	}
	c->active_us = clock_us();
	if (c->request.take && most == 0)
		most = ERROR_BODY_MAX;
	if (size > most || c->body.size > most - size)
		return fail_call(c, "http_oversized", "the response is too large");
	buffer_add(&c->body, data, size);
	return buffer_failed(&c->body) ? fail_call(c, "out_of_memory", "out of memory") : size;
}

static size_t body_wanted(char *out, size_t one, size_t room, void *owner)
{
	struct http_call *c = owner;
	int64_t size = c->request.read(c->request.owner, out, one * room);

	c->active_us = clock_us();
	if (size >= 0 && size <= (int64_t)(one * room))
		return (size_t)size;
	fail_call(c, "http_failed", "the request's body could not be read");
	return CURL_READFUNC_ABORT;
}

/* ---- beginning ---- */

static bool is_stream(const struct http_request *r) { return r->read || r->take; }

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
	curl_easy_setopt(e, CURLOPT_USERAGENT, "weir");
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
	if (!is_stream(r))
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

static struct http_call *call_new(struct http *h)
{
	struct http_call *c = h->spare;

	if (c) {
		h->spare = c->next;
		h->spares--;
		c->next = NULL;
		return c;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->http = h;
	c->easy = curl_easy_init();
	if (c->easy)
		return c;
	free(c);
	return NULL;
}

static void empty(struct buffer *b)
{
	if (b->room > KEPT_ROOM)
		buffer_release(b);
	else
		buffer_reset(b);
}

/* Keeps it for the next request, with nothing of this one. */
static void call_recycle(struct http *h, struct http_call *c)
{
	if (h->spares >= h->most) {
		call_free(c);
		return;
	}
	curl_easy_reset(c->easy);
	curl_slist_free_all(c->headers_out);
	c->headers_out = NULL;
	empty(&c->headers);
	empty(&c->body);
	c->headers_seen = 0;
	c->failure.code[0] = '\0';
	c->cancelled = false;
	c->next = h->spare;
	h->spare = c;
	h->spares++;
}

static int set_up(struct http_call *c, const struct http_request *r)
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

int http_begin(struct http *h, const struct http_request *request, struct http_call **out,
	       struct weir_error *err)
{
	struct http_call *c = call_new(h);
	CURLMcode rc;

	if (!c)
		return weir_fail_memory(err);
	if (set_up(c, request) < 0) {
		call_recycle(h, c);
		return weir_fail_memory(err);
	}
	rc = curl_multi_add_handle(h->multi, c->easy);
	if (rc != CURLM_OK) {
		call_recycle(h, c);
		return weir_fail(err, "http_failed", "cannot begin a request: %s",
				 curl_multi_strerror(rc));
	}
	list_add(h, c);
	h->in_flight++;
	h->streams += is_stream(request);
	if (out)
		*out = c;
	return 0;
}

/* ---- ending ---- */

/* Takes it out of curl and of the list; the caller recycles it. */
static void detach(struct http *h, struct http_call *c)
{
	curl_multi_remove_handle(h->multi, c->easy);
	list_remove(h, c);
	h->in_flight--;
	h->streams -= is_stream(&c->request);
}

void http_cancel(struct http *h, struct http_call *c)
{
	if (c->cancelled)
		return;
	c->cancelled = true;
	if (h->inside) /* from its own read() or take(): when curl has returned */
		return;
	detach(h, c);
	call_recycle(h, c);
}

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
static bool was_sent(const struct http_call *c)
{
	long size = 0;

	curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &size);
	return size > 0;
}

static void describe(struct http_call *c, CURLcode rc, struct http_response *out)
{
	long status = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	*out = (struct http_response){
		.body = {c->body.data, c->body.size}, .headers = c->headers, .sent = was_sent(c)};
	if (*c->failure.code)
		out->failure = c->failure;
	else if (rc != CURLE_OK)
		weir_fail(&out->failure, code_of(rc, out->sent), "%s",
			  *c->error ? c->error : curl_easy_strerror(rc));
	else
		out->status = (int)status;
}

static void finish(struct http *h, struct http_call *c, CURLcode rc)
{
	struct http_response response;

	describe(c, rc, &response);
	detach(h, c);
	if (!c->cancelled) {
		c->cancelled = true; /* done() has the word now: a cancel is too late */
		c->request.done(c->request.owner, &response);
	}
	call_recycle(h, c);
}

static void finish_ended(struct http *h)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(h->multi, &left))) {
		CURLcode rc = message->data.result;
		struct http_call *c = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &c);
		finish(h, c, rc);
	}
}

/* ---- turning ---- */

static int64_t silence_ends_us(const struct http_call *c)
{
	if (c->cancelled)
		return 0;
	if (!is_stream(&c->request) || c->request.timeout_ms <= 0)
		return INT64_MAX;
	return c->active_us + c->request.timeout_ms * 1000;
}

/* Only streams end by a silence, and they are few. done() may change the list, so each find begins
 * anew. */
static struct http_call *silent_call(const struct http *h, int64_t now_us)
{
	if (h->streams == 0)
		return NULL;
	for (struct http_call *c = h->calls; c; c = c->next) {
		if (silence_ends_us(c) <= now_us)
			return c;
	}
	return NULL;
}

static void finish_silent(struct http *h)
{
	int64_t now_us = clock_us();
	struct http_call *c;

	while ((c = silent_call(h, now_us))) {
		fail_call(c, was_sent(c) ? "http_timeout" : "http_connect",
			  "nothing came or went for too long");
		finish(h, c, CURLE_OPERATION_TIMEDOUT);
	}
}

static void act(struct http *h, curl_socket_t fd, uint32_t events)
{
	int mask = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
		   (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		   (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
	int running;

	h->inside = true;
	curl_multi_socket_action(h->multi, fd, mask, &running);
	h->inside = false;
}

void http_turn(struct http *h)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(h->epoll, events, EVENTS, 0);
	long wait_ms = -1;

	for (int i = 0; i < n; i++)
		act(h, events[i].data.fd, events[i].events);
	curl_multi_timeout(h->multi, &wait_ms);
	if (wait_ms == 0)
		act(h, CURL_SOCKET_TIMEOUT, 0);
	finish_ended(h);
	finish_silent(h);
}

int http_fd(const struct http *h) { return h->epoll; }

/* curl is asked each time: what it tells a call back it tells once, and a timer that fired a
 * fraction of a millisecond early would be lost. */
int64_t http_next_us(const struct http *h)
{
	int64_t next_us = INT64_MAX;
	long wait_ms = -1;

	curl_multi_timeout(h->multi, &wait_ms);
	if (wait_ms >= 0)
		next_us = clock_us() + (int64_t)wait_ms * 1000;
	for (const struct http_call *c = h->streams > 0 ? h->calls : NULL; c; c = c->next) {
		int64_t ends_us = silence_ends_us(c);

		next_us = ends_us < next_us ? ends_us : next_us;
	}
	return next_us;
}

size_t http_in_flight(const struct http *h) { return h->in_flight; }

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
