/* broker.h: one connection to RabbitMQ with one channel, owned by one thread.
 *
 * Everything the server sends comes out of broker_next(), as one event after the other; whoever
 * owns the connection must keep taking them, since heartbeats are served there too. A connection
 * either consumes or publishes, never both: a broker in alarm stops reading from connections that
 * publish, and the acks of a consumer must not stop with it. After any function has failed the
 * connection is dead: close it and open another.
 *
 * Why each rule is there: rabbitmq-c 0.11 advertises no capabilities unless told to (so that the
 * deletion of a queue, or an alarm, goes unnoticed), loses frames when several channels are used,
 * and waits without limit in amqp_basic_publish() when a connection was left unread for two
 * heartbeats (rabbitmq-c #780) or the broker is in alarm (#519). */
#ifndef WEIR_BROKER_H
#define WEIR_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "weir/error.h"

#define BROKER_HEARTBEAT_S 15

struct broker;

enum broker_event_type {
	BROKER_NOTHING, /* the time was over */
	BROKER_DELIVERY,
	BROKER_ACK,	/* tag, multiple: published messages that are safe */
	BROKER_NACK,	/* tag, multiple: published messages that were refused */
	BROKER_RETURN,	/* message_id: unroutable; its ack follows */
	BROKER_CANCEL,	/* the broker ended the consumer of `queue`, which is gone; others go on */
	BROKER_BLOCKED, /* an alarm: publishing would wait */
	BROKER_UNBLOCKED
};

struct broker_event {
	enum broker_event_type type;
	uint64_t tag;
	bool multiple;

	/* DELIVERY. The body is a heap block that now belongs to the caller; NULL with body_size
	 * above the limit given to broker_open(): it was read and thrown away. */
	char *body;
	uint64_t body_size;
	bool redelivered;
	int64_t deliveries; /* before this one, as far as the broker counts them */
	/* Texts come as ASCII: whatever else the wire brings becomes '?'. */
	char queue[80]; /* that it was consumed from */
	char content_type[64];
	char message_id[160]; /* also RETURN */
	char app_id[80];
	char death_reason[32]; /* of a dead-lettered message: rejected, delivery_limit, ... */
	char death_queue[80];
};

/* url: amqp://user:password@host:port/vhost; never logged. name: shown in the broker's list of
 * connections. body_limit: bytes. Blocks up to 10 s (and see connect.h on resolvers); who does not
 * answer as a broker is asked who he is within that time. */
int broker_open(const char *url, const char *name, uint64_t body_limit, struct broker **out,
		struct weir_error *err) WEIR_MUST_CHECK;
/* The same within so many seconds, for connection and log-in together, and later as many for each
 * answer. Of fewer than 10 none are left to find out who else it is. */
int broker_open_within(const char *url, const char *name, uint64_t body_limit, int seconds,
		       struct broker **out, struct weir_error *err) WEIR_MUST_CHECK;
/* Says goodbye if it can do so at once; never blocks for long. NULL is fine. */
void broker_close(struct broker *b);
int broker_fd(const struct broker *b);
/* So often, in microseconds, each side has to hear of the other at least: a third of the heartbeat
 * that both agreed on, which is the broker's where that is less than BROKER_HEARTBEAT_S. */
int64_t broker_beat_us(const struct broker *b);

/* True while broker_next() has something to give without reading from the socket. */
bool broker_buffered(const struct broker *b);

/* The broker's words when a message is larger than it takes (rabbit_channel.erl). */
#define BROKER_OVERSIZED "larger than configured max size"

/* Takes the next event, waiting up to timeout_ms (0: not at all) for it. Fails when the connection
 * is lost, or was ended by the broker; error codes besides "broker", and those of topology below:
 * broker_oversized (a message was larger than the broker takes), broker_closed (something that was
 * sent ended the channel or the connection: an internal error of the broker's, say). */
int broker_next(struct broker *b, int timeout_ms, struct broker_event *event,
		struct weir_error *err) WEIR_MUST_CHECK;

/* Keeps the connection alive while nobody calls broker_next(): to be called every few seconds. */
int broker_beat(struct broker *b, struct weir_error *err) WEIR_MUST_CHECK;

/* ---- topology; these wait for the answer, at most 10 s, or as it was opened ----
 *
 * Error codes besides "broker": broker_missing (there is no such queue or exchange), broker_differs
 * (it is there with other arguments), broker_denied. After one of these three the connection may be
 * used again with broker_reopen(); consumers, confirms and what was not acked are gone. */
int broker_reopen(struct broker *b, struct weir_error *err) WEIR_MUST_CHECK;

struct broker_queue {
	const char *name;
	const char *dead_exchange; /* NULL: none */
	const char *dead_key;
	int delivery_limit; /* 0: none */
};

int broker_declare_exchange(struct broker *b, const char *name, bool passive,
			    struct weir_error *err) WEIR_MUST_CHECK;
/* One that says something by its alternate exchange: there with another one is broker_differs, and
 * broker_said() has both. */
int broker_mark_exchange(struct broker *b, const char *name, const char *alternate,
			 struct weir_error *err) WEIR_MUST_CHECK;
/* That it is not there is no failure. */
int broker_delete_exchange(struct broker *b, const char *name,
			   struct weir_error *err) WEIR_MUST_CHECK;
/* A durable quorum queue. *messages (may be NULL): how many are ready. */
int broker_declare_queue(struct broker *b, const struct broker_queue *queue, bool passive,
			 uint32_t *messages, struct weir_error *err) WEIR_MUST_CHECK;
/* What is in a queue that is there, and how many take from it. */
struct broker_counts {
	uint32_t messages, consumers;
};

int broker_count(struct broker *b, const char *queue, struct broker_counts *out,
		 struct weir_error *err) WEIR_MUST_CHECK;
int broker_bind(struct broker *b, const char *queue, const char *exchange, const char *key,
		struct weir_error *err) WEIR_MUST_CHECK;

/* ---- consuming ---- */

/* prefetch is for this queue alone. */
int broker_consume(struct broker *b, const char *queue, uint16_t prefetch,
		   struct weir_error *err) WEIR_MUST_CHECK;
/* Stops deliveries; what is on its way still comes out of broker_next(). */
int broker_cancel(struct broker *b, const char *queue, struct weir_error *err) WEIR_MUST_CHECK;
/* These send and do not wait. multiple: all up to this tag. */
int broker_ack(struct broker *b, uint64_t tag, bool multiple,
	       struct weir_error *err) WEIR_MUST_CHECK;
int broker_reject(struct broker *b, uint64_t tag, bool requeue,
		  struct weir_error *err) WEIR_MUST_CHECK;

/* ---- publishing ---- */

/* Asks for confirms: published messages are then numbered from 1. */
int broker_confirm(struct broker *b, struct weir_error *err) WEIR_MUST_CHECK;

struct broker_message {
	const char *exchange, *key;
	const char *content_type, *type;
	const char *message_id;
	const char *app_id; /* NULL: none */
	const void *body;
	size_t body_size;
	bool optional; /* that nobody wants it is no failure; else it is mandatory */
};

/* Sends one persistent message; *number is what its confirm will carry. Take all events
 * with broker_next(b, 0, ...) before a run of these, and do not publish while blocked: it may wait
 * as long as the broker does not read, until broker_interrupt(). */
int broker_publish(struct broker *b, const struct broker_message *m, uint64_t *number,
		   struct weir_error *err) WEIR_MUST_CHECK;

/* How many bytes the broker has not taken yet: while they are few, publishing does not wait. */
size_t broker_unsent(const struct broker *b);

/* Makes every waiting call of the connection fail. May be called from a signal handler. */
void broker_interrupt(int fd);

/* Its own words when it last refused something, cut at 255 bytes. */
const char *broker_said(const struct broker *b);

/* The broker's version, "" when it did not say. */
const char *broker_version(const struct broker *b);

#endif
