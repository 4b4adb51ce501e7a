#include "weir/broker.h"

#include <netinet/in.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <amqp.h>
#include <amqp_tcp_socket.h>

#include "weir/address.h"
#include "weir/advice.h"
#include "weir/clock.h"
#include "weir/connect.h"

#define CHANNEL 1
#define FRAME_MAX 131072
#define PATIENCE_S 10
#define WHOSE_MS 2000	   /* of these, for the question who else answers there */
#define REASON_FRAMES 1000 /* read at most, to find out why sending failed */

/* A message that is arriving: its method has been seen, then comes a header, then the body. */
struct arriving {
	bool open, has_header;
	struct broker_event event;
	uint64_t received;
};

struct broker {
	amqp_connection_state_t state;
	int fd;
	int patience_s; /* for an answer */
	bool dead;
	uint64_t body_limit, published;
	struct arriving arriving;
	char version[32];
	char said[256];	 /* see broker_said() */
	char where[160]; /* host, port and virtual host, for errors */
};

/* ---- failures ---- */

static int fail_code(struct broker *b, struct weir_error *err, const char *code, const char *doing,
		     const char *why)
{
	char cause[400];
	b->dead = true;
	snprintf(cause, sizeof cause, "%s: %s", doing, why);
	return advice_fail(err, code, ADVICE_AMQP, b->where, cause);
}

static int fail(struct broker *b, struct weir_error *err, const char *doing, const char *why)
{
	return fail_code(b, err, "broker", doing, why);
}

static int fail_status(struct broker *b, struct weir_error *err, const char *doing, int status)
{
	return fail(b, err, doing, amqp_error_string2(status));
}

/* What ends a channel, or the connection, over one thing that was sent. (Connections that are ended
 * because the broker stops come as 320.) */
static bool closed_over(int reply)
{
	static const int codes[] = {AMQP_CONTENT_TOO_LARGE, AMQP_NO_CONSUMERS,
				    AMQP_FRAME_ERROR,	    AMQP_SYNTAX_ERROR,
				    AMQP_COMMAND_INVALID,   AMQP_UNEXPECTED_FRAME,
				    AMQP_NOT_IMPLEMENTED,   AMQP_INTERNAL_ERROR};
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i] == reply)
			return true;
	return false;
}

/* A queue whose node is down is "not found" too, but with other words. */
static const char *code_of(int reply, const char *why)
{
	if (reply == AMQP_NOT_FOUND && (strstr(why, " no queue ") || strstr(why, " no exchange ")))
		return "broker_missing";
	if (strstr(why, BROKER_OVERSIZED))
		return "broker_oversized";
	if (reply == AMQP_PRECONDITION_FAILED)
		return "broker_differs";
	if (reply == AMQP_ACCESS_REFUSED)
		return "broker_denied";
	return closed_over(reply) ? "broker_closed" : "broker";
}

/* The right that lacks whoever is refused. To bind takes two. */
static const char *right_of(const amqp_channel_close_t *c, const char *text)
{
	switch ((amqp_method_number_t)c->class_id << 16 | c->method_id) {
	case AMQP_BASIC_PUBLISH_METHOD:
		return "write";
	case AMQP_BASIC_CONSUME_METHOD:
		return "read";
	case AMQP_QUEUE_BIND_METHOD:
		return strstr(text, "access to queue") ? "write" : "read";
	default:
		return "configure";
	}
}

/* "ACCESS_REFUSED - access to queue ..." is all that RabbitMQ 3.10 says; 3.11 names the right. */
static void note_close(struct broker *b, const amqp_channel_close_t *c)
{
	static const char words[] = " - access to ";
	char text[sizeof b->said];
	snprintf(text, sizeof text, "%.*s", (int)c->reply_text.len,
		 (const char *)c->reply_text.bytes);
	const char *at = c->reply_code == AMQP_ACCESS_REFUSED ? strstr(text, words) : NULL;
	if (at)
		snprintf(b->said, sizeof b->said, "%d %.*s - %s%.200s", c->reply_code,
			 (int)(at - text), text, right_of(c, text), at + 2);
	else
		snprintf(b->said, sizeof b->said, "%d %.240s", c->reply_code, text);
}

static int fail_close(struct broker *b, struct weir_error *err, const char *doing,
		      const amqp_method_t *m)
{
	const char *code = "broker";
	snprintf(b->said, sizeof b->said, "the broker closed the connection");
	if (m->id == AMQP_CHANNEL_CLOSE_METHOD) {
		const amqp_channel_close_t *c = m->decoded;
		note_close(b, c);
		code = code_of(c->reply_code, b->said);
	} else if (m->id == AMQP_CONNECTION_CLOSE_METHOD) {
		const amqp_connection_close_t *c = m->decoded;
		snprintf(b->said, sizeof b->said, "%d %.*s", c->reply_code, (int)c->reply_text.len,
			 (const char *)c->reply_text.bytes);
		if (closed_over(c->reply_code))
			code = "broker_closed";
	}
	return fail_code(b, err, code, doing, b->said);
}

static int check_reply(struct broker *b, amqp_rpc_reply_t reply, const char *doing,
		       struct weir_error *err)
{
	switch (reply.reply_type) {
	case AMQP_RESPONSE_NORMAL:
		return 0;
	case AMQP_RESPONSE_SERVER_EXCEPTION:
		return fail_close(b, err, doing, &reply.reply);
	default:
		return fail_status(b, err, doing, reply.library_error);
	}
}

static int check_rpc(struct broker *b, const char *doing, struct weir_error *err)
{
	return check_reply(b, amqp_get_rpc_reply(b->state), doing, err);
}

/* After a failure the channel may be closed while the socket still takes what is sent: it would be
 * lost without a word. */
static int check_alive(const struct broker *b, struct weir_error *err)
{
	return b->dead ? weir_fail(err, "broker", "the connection was lost") : 0;
}

/* ---- connecting ---- */

static amqp_table_entry_t flag(const char *name)
{
	amqp_table_entry_t e = {.key = amqp_cstring_bytes(name)};
	e.value.kind = AMQP_FIELD_KIND_BOOLEAN;
	e.value.value.boolean = 1;
	return e;
}

static amqp_table_entry_t text_entry(const char *name, const char *value)
{
	amqp_table_entry_t e = {.key = amqp_cstring_bytes(name)};
	e.value.kind = AMQP_FIELD_KIND_UTF8;
	e.value.value.bytes = amqp_cstring_bytes(value);
	return e;
}

static amqp_rpc_reply_t log_in(struct broker *b, const struct address *at, const char *vhost,
			       const char *name)
{
	amqp_table_entry_t able[] = {flag("consumer_cancel_notify"), flag("connection.blocked"),
				     flag("publisher_confirms"), flag("basic.nack")};
	amqp_table_entry_t about[] = {text_entry("connection_name", name),
				      text_entry("product", "weir"),
				      {.key = amqp_cstring_bytes("capabilities")}};
	about[2].value.kind = AMQP_FIELD_KIND_TABLE;
	about[2].value.value.table = (amqp_table_t){sizeof able / sizeof *able, able};
	amqp_table_t properties = {sizeof about / sizeof *about, about};
	return amqp_login_with_properties(
		b->state, vhost, 2, FRAME_MAX, BROKER_HEARTBEAT_S, &properties,
		AMQP_SASL_METHOD_PLAIN, at->user ? at->user : "", at->password ? at->password : "");
}

/* A peer that is gone without a word is noticed by the kernel too, not by heartbeats alone. */
static void watch_peer(int fd)
{
	int on = 1;
	unsigned ms = 2 * BROKER_HEARTBEAT_S * 1000;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
}

static void read_version(struct broker *b)
{
	const amqp_table_t *t = amqp_get_server_properties(b->state);
	for (int i = 0; t && i < t->num_entries; i++) {
		const amqp_table_entry_t *e = &t->entries[i];
		if (e->key.len == 7 && memcmp(e->key.bytes, "version", 7) == 0 &&
		    e->value.kind == AMQP_FIELD_KIND_UTF8)
			snprintf(b->version, sizeof b->version, "%.*s",
				 (int)e->value.value.bytes.len,
				 (const char *)e->value.value.bytes.bytes);
	}
}

static int left_ms(int64_t until_us)
{
	int64_t left = (until_us - clock_us()) / 1000;
	return left > 1 ? (int)left : 1;
}

static struct timeval interval(int ms) { return (struct timeval){ms / 1000, ms % 1000 * 1000}; }

/* The library's own way says "a socket error occurred" for whatever has gone wrong. */
static int connect_socket(struct broker *b, const struct address *at, int64_t until_us,
			  struct weir_error *err)
{
	char cause[CONNECT_CAUSE];
	amqp_socket_t *socket = amqp_tcp_socket_new(b->state);
	if (!socket)
		return weir_fail_memory(err);
	if (connect_tcp(at->host, at->port, left_ms(until_us), &b->fd, cause) < 0)
		return fail(b, err, "connect", cause);
	amqp_tcp_socket_set_sockfd(socket, b->fd);
	watch_peer(b->fd);
	return 0;
}

/* A failure to log in without a word from a broker: perhaps it is none. Who has the time asks. */
static int log_in_there(struct broker *b, const struct address *at, const char *vhost,
			const char *name, int whose_ms, struct weir_error *err)
{
	char cause[CONNECT_CAUSE] = "";
	amqp_rpc_reply_t reply = log_in(b, at, vhost, name);
	if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) {
		if (whose_ms > 0)
			connect_whose(at->host, at->port, whose_ms, cause);
		if (*cause)
			return fail(b, err, "log in", cause);
		if (reply.library_error == AMQP_STATUS_CONNECTION_CLOSED ||
		    reply.library_error == AMQP_STATUS_TIMEOUT)
			return fail(b, err, "log in",
				    reply.library_error == AMQP_STATUS_TIMEOUT
					    ? "no answer: perhaps it is no RabbitMQ"
					    : "it hung up: perhaps it is no RabbitMQ");
	}
	return check_reply(b, reply, "log in", err);
}

static int connect_to(struct broker *b, const struct address *at, const char *vhost,
		      const char *name, struct weir_error *err)
{
	int64_t until = clock_us() + (int64_t)b->patience_s * 1000000;
	int whose_ms = b->patience_s < PATIENCE_S ? 0 : WHOSE_MS;
	struct timeval answer = {b->patience_s, 0}, left;
	snprintf(b->where, sizeof b->where, "%.100s:%d, vhost %.40s", at->host, at->port, vhost);
	until -= whose_ms * 1000;
	if (connect_socket(b, at, until, err) < 0)
		return -1;
	left = interval(left_ms(until));
	amqp_set_handshake_timeout(b->state, &left);
	if (log_in_there(b, at, vhost, name, whose_ms, err) < 0)
		return -1;
	read_version(b);
	left = interval(left_ms(until));
	amqp_set_rpc_timeout(b->state, &left);
	amqp_channel_open(b->state, CHANNEL);
	amqp_set_rpc_timeout(b->state, &answer);
	return check_rpc(b, "open a channel", err);
}

int broker_open_within(const char *url, const char *name, uint64_t body_limit, int seconds,
		       struct broker **out, struct weir_error *err)
{
	struct address at = {0};
	const char *vhost;
	struct broker *b = calloc(1, sizeof *b);
	int rc = -1;
	if (!b || !(b->state = amqp_new_connection())) {
		weir_fail_memory(err);
		goto out;
	}
	b->fd = -1;
	b->body_limit = body_limit;
	b->patience_s = seconds;
	if (address_amqp(&at, &vhost, url, err) == 0)
		rc = connect_to(b, &at, vhost, name, err);
	if (rc == 0)
		*out = b;
out:
	address_release(&at);
	if (rc < 0)
		broker_close(b);
	return rc;
}

int broker_open(const char *url, const char *name, uint64_t body_limit, struct broker **out,
		struct weir_error *err)
{
	return broker_open_within(url, name, body_limit, PATIENCE_S, out, err);
}

void broker_close(struct broker *b)
{
	if (!b)
		return;
	if (b->state) {
		/* A polite close waits for an answer; a dead peer gives none. */
		struct timeval soon = {1, 0};
		amqp_set_rpc_timeout(b->state, &soon);
		if (!b->dead && b->fd >= 0)
			amqp_connection_close(b->state, AMQP_REPLY_SUCCESS);
		amqp_destroy_connection(b->state);
	}
	free(b->arriving.event.body);
	free(b);
}

int broker_fd(const struct broker *b) { return b->fd; }

bool broker_buffered(const struct broker *b)
{
	return amqp_frames_enqueued(b->state) || amqp_data_in_buffer(b->state);
}

size_t broker_unsent(const struct broker *b)
{
	int bytes = 0;
	return ioctl(b->fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

int64_t broker_beat_us(const struct broker *b)
{
	int seconds = amqp_get_heartbeat(b->state);
	return (int64_t)(seconds > 0 ? seconds : BROKER_HEARTBEAT_S) * 1000000 / 3;
}

void broker_interrupt(int fd) { shutdown(fd, SHUT_RDWR); }

const char *broker_version(const struct broker *b) { return b->version; }

const char *broker_said(const struct broker *b) { return b->said; }

/* ---- events ---- */

static void copy_bytes(char *out, size_t room, amqp_bytes_t from)
{
	const char *bytes = from.bytes;
	size_t n = from.len < room - 1 ? from.len : room - 1;
	for (size_t i = 0; i < n; i++)
		out[i] = bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '?';
	out[n] = '\0';
}

static bool named(const amqp_table_entry_t *e, const char *name)
{
	return e->key.len == strlen(name) && memcmp(e->key.bytes, name, e->key.len) == 0;
}

static int64_t integer_of(const amqp_field_value_t *v)
{
	switch (v->kind) {
	case AMQP_FIELD_KIND_I64:
		return v->value.i64;
	case AMQP_FIELD_KIND_I32:
		return v->value.i32;
	case AMQP_FIELD_KIND_I16:
		return v->value.i16;
	case AMQP_FIELD_KIND_I8:
		return v->value.i8;
	default:
		return 0;
	}
}

/* x-death: an array of tables, the newest death first. */
static void read_death(struct broker_event *event, const amqp_field_value_t *v)
{
	if (v->kind != AMQP_FIELD_KIND_ARRAY || v->value.array.num_entries < 1 ||
	    v->value.array.entries[0].kind != AMQP_FIELD_KIND_TABLE)
		return;
	const amqp_table_t *t = &v->value.array.entries[0].value.table;
	for (int i = 0; i < t->num_entries; i++) {
		const amqp_table_entry_t *e = &t->entries[i];
		if (e->value.kind != AMQP_FIELD_KIND_UTF8)
			continue;
		if (named(e, "reason"))
			copy_bytes(event->death_reason, sizeof event->death_reason,
				   e->value.value.bytes);
		else if (named(e, "queue"))
			copy_bytes(event->death_queue, sizeof event->death_queue,
				   e->value.value.bytes);
	}
}

static void read_properties(struct broker_event *event, const amqp_basic_properties_t *p)
{
	if (p->_flags & AMQP_BASIC_CONTENT_TYPE_FLAG)
		copy_bytes(event->content_type, sizeof event->content_type, p->content_type);
	if (p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG)
		copy_bytes(event->message_id, sizeof event->message_id, p->message_id);
	if (p->_flags & AMQP_BASIC_APP_ID_FLAG)
		copy_bytes(event->app_id, sizeof event->app_id, p->app_id);
	if (!(p->_flags & AMQP_BASIC_HEADERS_FLAG))
		return;
	for (int i = 0; i < p->headers.num_entries; i++) {
		const amqp_table_entry_t *e = &p->headers.entries[i];
		if (named(e, "x-delivery-count"))
			event->deliveries = integer_of(&e->value);
		else if (named(e, "x-death"))
			read_death(event, &e->value);
	}
}

static void begin_event(struct broker_event *event, enum broker_event_type type)
{
	event->type = type;
	event->tag = 0;
	event->multiple = event->redelivered = false;
	event->body = NULL;
	event->body_size = 0;
	event->deliveries = 0;
	event->queue[0] = event->content_type[0] = event->message_id[0] = '\0';
	event->app_id[0] = event->death_reason[0] = event->death_queue[0] = '\0';
}

static void begin_arriving(struct broker *b, enum broker_event_type type)
{
	struct arriving *a = &b->arriving;
	free(a->event.body); /* a message that was broken off */
	begin_event(&a->event, type);
	a->open = true;
	a->has_header = false;
	a->received = 0;
}

/* 1: *event is set; 0: nothing to tell yet; -1: the end of the connection. */
static int take_method(struct broker *b, const amqp_method_t *m, struct broker_event *event,
		       struct weir_error *err)
{
	switch (m->id) {
	case AMQP_BASIC_DELIVER_METHOD: {
		const amqp_basic_deliver_t *d = m->decoded;
		begin_arriving(b, BROKER_DELIVERY);
		b->arriving.event.tag = d->delivery_tag;
		b->arriving.event.redelivered = d->redelivered != 0;
		copy_bytes(b->arriving.event.queue, sizeof b->arriving.event.queue,
			   d->consumer_tag); /* broker_consume() has named it so */
		return 0;
	}
	case AMQP_BASIC_RETURN_METHOD:
		begin_arriving(b, BROKER_RETURN);
		return 0;
	case AMQP_BASIC_ACK_METHOD: {
		const amqp_basic_ack_t *a = m->decoded;
		begin_event(event, BROKER_ACK);
		event->tag = a->delivery_tag;
		event->multiple = a->multiple != 0;
		return 1;
	}
	case AMQP_BASIC_NACK_METHOD: {
		const amqp_basic_nack_t *n = m->decoded;
		begin_event(event, BROKER_NACK);
		event->tag = n->delivery_tag;
		event->multiple = n->multiple != 0;
		return 1;
	}
	case AMQP_BASIC_CANCEL_METHOD: {
		const amqp_basic_cancel_t *c = m->decoded;
		begin_event(event, BROKER_CANCEL);
		copy_bytes(event->queue, sizeof event->queue, c->consumer_tag);
		return 1;
	}
	case AMQP_CONNECTION_BLOCKED_METHOD:
		begin_event(event, BROKER_BLOCKED);
		return 1;
	case AMQP_CONNECTION_UNBLOCKED_METHOD:
		begin_event(event, BROKER_UNBLOCKED);
		return 1;
	case AMQP_CHANNEL_CLOSE_METHOD:
	case AMQP_CONNECTION_CLOSE_METHOD:
		return fail_close(b, err, "closed by the broker", m);
	default:
		return 0; /* cancel-ok and the like */
	}
}

/* Whether the message is whole; then *event takes it over. */
static int end_arriving(struct broker *b, struct broker_event *event)
{
	struct arriving *a = &b->arriving;
	if (a->received < a->event.body_size)
		return 0;
	*event = a->event;
	a->event.body = NULL;
	a->open = false;
	return 1;
}

static int take_header(struct broker *b, const amqp_frame_t *f, struct broker_event *event,
		       struct weir_error *err)
{
	struct arriving *a = &b->arriving;
	if (!a->open || a->has_header)
		return fail(b, err, "read", "a header without its method");
	a->has_header = true;
	a->event.body_size = f->payload.properties.body_size;
	read_properties(&a->event, f->payload.properties.decoded);
	if (a->event.type == BROKER_DELIVERY && a->event.body_size <= b->body_limit) {
		a->event.body = malloc(a->event.body_size + 1);
		if (!a->event.body)
			return fail(b, err, "read", "out of memory");
	}
	return end_arriving(b, event);
}

static int take_body(struct broker *b, const amqp_frame_t *f, struct broker_event *event,
		     struct weir_error *err)
{
	struct arriving *a = &b->arriving;
	amqp_bytes_t part = f->payload.body_fragment;
	if (!a->open || !a->has_header || part.len > a->event.body_size - a->received)
		return fail(b, err, "read", "a body that does not fit its header");
	if (a->event.body)
		memcpy(a->event.body + a->received, part.bytes, part.len);
	a->received += part.len;
	return end_arriving(b, event);
}

static int take_frame(struct broker *b, const amqp_frame_t *f, struct broker_event *event,
		      struct weir_error *err)
{
	switch (f->frame_type) {
	case AMQP_FRAME_METHOD:
		return take_method(b, &f->payload.method, event, err);
	case AMQP_FRAME_HEADER:
		return take_header(b, f, event, err);
	case AMQP_FRAME_BODY:
		return take_body(b, f, event, err);
	default:
		return 0; /* a heartbeat that the library had queued */
	}
}

int broker_next(struct broker *b, int timeout_ms, struct broker_event *event,
		struct weir_error *err)
{
	struct timeval wait = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
	event->type = BROKER_NOTHING;
	if (check_alive(b, err) < 0)
		return -1;
	for (;;) {
		amqp_frame_t frame;
		amqp_maybe_release_buffers(b->state);
		int status = amqp_simple_wait_frame_noblock(b->state, &frame, &wait);
		if (status == AMQP_STATUS_TIMEOUT)
			return 0;
		if (status != AMQP_STATUS_OK)
			return fail_status(b, err, "read", status);
		int taken = take_frame(b, &frame, event, err);
		if (taken != 0)
			return taken < 0 ? -1 : 0;
	}
}

int broker_beat(struct broker *b, struct weir_error *err)
{
	const amqp_frame_t frame = {.frame_type = AMQP_FRAME_HEARTBEAT};
	int status = amqp_send_frame(b->state, &frame);
	return status == AMQP_STATUS_OK ? 0 : fail_status(b, err, "heartbeat", status);
}

/* ---- topology ---- */

int broker_reopen(struct broker *b, struct weir_error *err)
{
	amqp_channel_close_ok_t seen = {0};
	int status = amqp_send_method(b->state, CHANNEL, AMQP_CHANNEL_CLOSE_OK_METHOD, &seen);
	if (status != AMQP_STATUS_OK)
		return fail_status(b, err, "open the channel again", status);
	amqp_channel_open(b->state, CHANNEL);
	if (check_rpc(b, "open the channel again", err) < 0)
		return -1;
	b->dead = false;
	return 0;
}

static amqp_table_entry_t int_entry(const char *name, int32_t value)
{
	amqp_table_entry_t e = {.key = amqp_cstring_bytes(name)};
	e.value.kind = AMQP_FIELD_KIND_I32;
	e.value.value.i32 = value;
	return e;
}

int broker_declare_exchange(struct broker *b, const char *name, bool passive,
			    struct weir_error *err)
{
	amqp_exchange_declare(b->state, CHANNEL, amqp_cstring_bytes(name),
			      amqp_cstring_bytes("topic"), passive, 1, 0, 0, amqp_empty_table);
	return check_rpc(b, name, err);
}

int broker_mark_exchange(struct broker *b, const char *name, const char *alternate,
			 struct weir_error *err)
{
	amqp_table_entry_t entry = text_entry("alternate-exchange", alternate);
	amqp_table_t table = {1, &entry};
	amqp_exchange_declare(b->state, CHANNEL, amqp_cstring_bytes(name),
			      amqp_cstring_bytes("topic"), 0, 1, 0, 0, table);
	return check_rpc(b, name, err);
}

int broker_delete_exchange(struct broker *b, const char *name, struct weir_error *err)
{
	amqp_exchange_delete(b->state, CHANNEL, amqp_cstring_bytes(name), 0);
	return check_rpc(b, name, err);
}

int broker_declare_queue(struct broker *b, const struct broker_queue *queue, bool passive,
			 uint32_t *messages, struct weir_error *err)
{
	amqp_table_entry_t args[8];
	int n = 0;
	args[n++] = text_entry("x-queue-type", "quorum");
	if (queue->dead_exchange) {
		/* At-least-once needs overflow=reject-publish: RabbitMQ docs, quorum queues. */
		args[n++] = text_entry("x-dead-letter-exchange", queue->dead_exchange);
		args[n++] = text_entry("x-dead-letter-routing-key", queue->dead_key);
		args[n++] = text_entry("x-dead-letter-strategy", "at-least-once");
		args[n++] = text_entry("x-overflow", "reject-publish");
	}
	if (queue->delivery_limit > 0)
		args[n++] = int_entry("x-delivery-limit", queue->delivery_limit);
	amqp_table_t table = {n, args};
	const amqp_queue_declare_ok_t *ok =
		amqp_queue_declare(b->state, CHANNEL, amqp_cstring_bytes(queue->name), passive, 1,
				   0, 0, passive ? amqp_empty_table : table);
	if (ok && messages)
		*messages = ok->message_count;
	return check_rpc(b, queue->name, err);
}

int broker_count(struct broker *b, const char *queue, struct broker_counts *out,
		 struct weir_error *err)
{
	const amqp_queue_declare_ok_t *ok = amqp_queue_declare(
		b->state, CHANNEL, amqp_cstring_bytes(queue), 1, 1, 0, 0, amqp_empty_table);
	if (ok)
		*out = (struct broker_counts){ok->message_count, ok->consumer_count};
	return check_rpc(b, queue, err);
}

int broker_bind(struct broker *b, const char *queue, const char *exchange, const char *key,
		struct weir_error *err)
{
	amqp_queue_bind(b->state, CHANNEL, amqp_cstring_bytes(queue), amqp_cstring_bytes(exchange),
			amqp_cstring_bytes(key), amqp_empty_table);
	return check_rpc(b, queue, err);
}

/* ---- consuming ---- */

int broker_consume(struct broker *b, const char *queue, uint16_t prefetch, struct weir_error *err)
{
	amqp_basic_qos(b->state, CHANNEL, 0, prefetch, 0);
	if (check_rpc(b, "set the prefetch", err) < 0)
		return -1;
	amqp_basic_consume(b->state, CHANNEL, amqp_cstring_bytes(queue), amqp_cstring_bytes(queue),
			   0, 0, 0, amqp_empty_table);
	return check_rpc(b, queue, err);
}

int broker_cancel(struct broker *b, const char *queue, struct weir_error *err)
{
	/* Not the library's call: that would wait for the answer behind all deliveries on the way.
	 */
	amqp_basic_cancel_t m = {amqp_cstring_bytes(queue), 0};
	int status = amqp_send_method(b->state, CHANNEL, AMQP_BASIC_CANCEL_METHOD, &m);
	return status == AMQP_STATUS_OK ? 0 : fail_status(b, err, "cancel", status);
}

int broker_ack(struct broker *b, uint64_t tag, bool multiple, struct weir_error *err)
{
	if (check_alive(b, err) < 0)
		return -1;
	int status = amqp_basic_ack(b->state, CHANNEL, tag, multiple);
	return status == AMQP_STATUS_OK ? 0 : fail_status(b, err, "ack", status);
}

int broker_reject(struct broker *b, uint64_t tag, bool requeue, struct weir_error *err)
{
	if (check_alive(b, err) < 0)
		return -1;
	int status = amqp_basic_reject(b->state, CHANNEL, tag, requeue);
	return status == AMQP_STATUS_OK ? 0 : fail_status(b, err, "reject", status);
}

/* ---- publishing ---- */

int broker_confirm(struct broker *b, struct weir_error *err)
{
	amqp_confirm_select(b->state, CHANNEL);
	return check_rpc(b, "ask for confirms", err);
}

/* Sending has failed: perhaps the broker has said why before it hung up. */
static void find_reason(struct broker *b, struct weir_error *err)
{
	struct broker_event event;
	struct weir_error why;
	struct timeval wait = {0, 200000};
	amqp_frame_t frame;
	for (int i = 0; i < REASON_FRAMES; i++) {
		if (amqp_simple_wait_frame_noblock(b->state, &frame, &wait) != AMQP_STATUS_OK)
			return;
		int taken = take_frame(b, &frame, &event, &why);
		if (taken > 0)
			free(event.body);
		if (taken < 0) {
			*err = why;
			return;
		}
	}
}

int broker_publish(struct broker *b, const struct broker_message *m, uint64_t *number,
		   struct weir_error *err)
{
	amqp_basic_properties_t p = {
		._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
			  AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TYPE_FLAG,
		.content_type = amqp_cstring_bytes(m->content_type),
		.delivery_mode = 2,
		.message_id = amqp_cstring_bytes(m->message_id),
		.type = amqp_cstring_bytes(m->type),
	};
	if (m->app_id) {
		p._flags |= AMQP_BASIC_APP_ID_FLAG;
		p.app_id = amqp_cstring_bytes(m->app_id);
	}
	/* The library does not write to the body, though its type says it could. */
	amqp_bytes_t body = {m->body_size, (void *)(uintptr_t)m->body};
	if (check_alive(b, err) < 0)
		return -1;
	int status = amqp_basic_publish(b->state, CHANNEL, amqp_cstring_bytes(m->exchange),
					amqp_cstring_bytes(m->key), !m->optional, 0, &p, body);
	if (status != AMQP_STATUS_OK) {
		fail_status(b, err, "publish", status);
		find_reason(b, err);
		return -1;
	}
	*number = ++b->published;
	return 0;
}
