#include "weir/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "http_call.h"
#include "weir/clock.h"

enum { EVENTS = 64 }; /* of one turn */

struct http {
	CURLM *multi;
	int epoll;
	size_t most, in_flight, streams, spares;
	struct http_call *calls; /* in flight */
	struct http_call *spare; /* singly linked */
	bool inside;		 /* within curl: it may not be called from there */
	bool cancelled;		 /* something was, from there */
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

/* ---- beginning ---- */

static struct http_call *spare_call(struct http *h)
{
	struct http_call *c = h->spare;

	if (c) {
		h->spare = c->next;
		h->spares--;
		c->next = NULL;
		return c;
	}
	return call_new();
}

/* Keeps it for the next request, with nothing of this one. */
static void call_recycle(struct http *h, struct http_call *c)
{
	if (h->spares >= h->most) {
		call_free(c);
		return;
	}
	call_empty(c);
	c->next = h->spare;
	h->spare = c;
	h->spares++;
}

int http_begin(struct http *h, const struct http_request *request, struct http_call **out,
	       struct weir_error *err)
{
	struct http_call *c = spare_call(h);
	CURLMcode rc;

	if (!c)
		return weir_fail_memory(err);
	if (call_set_up(c, request) < 0) {
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
	h->streams += call_is_stream(c);
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
	h->streams -= call_is_stream(c);
}

void http_cancel(struct http *h, struct http_call *c)
{
	if (c->cancelled)
		return;
	c->cancelled = true;
	if (h->inside) { /* from a read() or take(): when curl has returned */
		h->cancelled = true;
		return;
	}
	detach(h, c);
	call_recycle(h, c);
}

static void finish(struct http *h, struct http_call *c, CURLcode rc)
{
	struct http_response response;

	call_describe(c, rc, &response);
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
	if (!call_is_stream(c) || c->request.timeout_ms <= 0)
		return INT64_MAX;
	return c->active_us + c->request.timeout_ms * 1000;
}

/* Only streams end by a silence, and they are few. done() may change the list, so each find begins
 * anew. */
static struct http_call *silent_call(const struct http *h, int64_t now_us)
{
	if (h->streams == 0 && !h->cancelled)
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
		call_fail(c, call_was_sent(c) ? "http_timeout" : "http_connect",
			  "nothing came or went for too long");
		finish(h, c, CURLE_OPERATION_TIMEDOUT);
	}
	h->cancelled = false;
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
