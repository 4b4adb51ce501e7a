/* The three servers, each in its own language. */
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

/* ---- PostgreSQL ---- */

static PGconn *pg;

int sql_open(const char *url)
{
	pg = PQconnectdb(url);
	return PQstatus(pg) == CONNECTION_OK ? 0 : -1;
}

void sql_close(void)
{
	PQfinish(pg);
	pg = NULL;
}

static bool lost_deadlock(const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	return state && strcmp(state, "40P01") == 0;
}

/* Waits for a server that is being restarted; what changes rows under the programs' hands may meet
 * them in another order. */
static PGresult *query(const char *text)
{
	int64_t until = now_ms() + PATIENCE_MS;
	for (;;) {
		PGresult *r = PQexec(pg, text);
		if ((PQstatus(pg) == CONNECTION_OK && !lost_deadlock(r)) || now_ms() > until)
			return r;
		PQclear(r);
		pause_ms(50);
		if (PQstatus(pg) != CONNECTION_OK)
			PQreset(pg);
	}
}

static PGresult *rows_of(const char *fmt, va_list args)
{
	char text[8192];
	vsnprintf(text, sizeof text, fmt, args);
	PGresult *r = query(text);
	ExecStatusType status = PQresultStatus(r);
	EXPECT(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK, "%.300s: %s", text,
	       PQerrorMessage(pg));
	return r;
}

PGresult *sql_rows(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	PGresult *r = rows_of(fmt, args);
	va_end(args);
	return r;
}

static const char *first_value(const char *fmt, va_list args)
{
	static char value[8192];
	PGresult *r = rows_of(fmt, args);
	bool some = PQntuples(r) > 0 && PQnfields(r) > 0;
	snprintf(value, sizeof value, "%s", some ? PQgetvalue(r, 0, 0) : "");
	PQclear(r);
	return value;
}

const char *sql_text(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	const char *value = first_value(fmt, args);
	va_end(args);
	return value;
}

int64_t sql(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	const char *value = first_value(fmt, args);
	va_end(args);
	return *value ? strtoll(value, NULL, 10) : INT64_MIN;
}

bool await(int timeout_ms, const char *fmt, ...)
{
	char text[4096];
	int64_t until = now_ms() + timeout_ms;
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	while (strcmp(sql_text("%s", text), "t") != 0) {
		if (now_ms() > until) {
			EXPECT(false, "not within %d ms: %s", timeout_ms, text);
			show_logs();
			return false;
		}
		pause_ms(STEP_MS);
	}
	return true;
}

/* ---- RabbitMQ ---- */

static amqp_connection_state_t amqp_open(void)
{
	char url[512];
	struct amqp_connection_info info;
	struct timeval wait = {.tv_sec = 10};
	const char *given = getenv("WEIR_AMQP_URL");
	snprintf(url, sizeof url, "%s", given ? given : "");
	amqp_connection_state_t c = amqp_new_connection();
	amqp_socket_t *socket = amqp_tcp_socket_new(c);
	if (amqp_parse_url(url, &info) < 0 ||
	    amqp_socket_open_noblock(socket, info.host, info.port, &wait) < 0 ||
	    amqp_login(c, info.vhost, 1, 131072, 0, AMQP_SASL_METHOD_PLAIN, info.user,
		       info.password)
			    .reply_type != AMQP_RESPONSE_NORMAL)
		goto fail;
	amqp_channel_open(c, 1);
	if (amqp_get_rpc_reply(c).reply_type == AMQP_RESPONSE_NORMAL)
		return c;
fail:
	amqp_destroy_connection(c);
	return NULL;
}

static void amqp_shut(amqp_connection_state_t c)
{
	if (!c)
		return;
	amqp_connection_close(c, AMQP_REPLY_SUCCESS);
	amqp_destroy_connection(c);
}

int64_t queue_size(const char *queue)
{
	int64_t size = -1;
	amqp_connection_state_t c = amqp_open();
	if (!c)
		return -1;
	const amqp_queue_declare_ok_t *ok =
		amqp_queue_declare(c, 1, amqp_cstring_bytes(queue), 1, 1, 0, 0, amqp_empty_table);
	if (ok)
		size = ok->message_count;
	amqp_shut(c);
	return size;
}

/* A count that has just changed may be told a moment later. */
void queue_await_size(const char *queue, int64_t wanted)
{
	int64_t seen, until = now_ms() + PATIENCE_MS / 4;
	while ((seen = queue_size(queue)) != wanted && now_ms() < until)
		pause_ms(STEP_MS);
	EXPECT(seen == wanted, "the queue %s has %lld messages, not %lld", queue, (long long)seen,
	       (long long)wanted);
}

static amqp_table_entry_t text_entry(const char *name, const char *value)
{
	amqp_table_entry_t e = {.key = amqp_cstring_bytes(name)};
	e.value.kind = AMQP_FIELD_KIND_UTF8;
	e.value.value.bytes = amqp_cstring_bytes(value);
	return e;
}

static bool declare_bound(const char *queue, const char *exchange, amqp_table_t arguments)
{
	amqp_connection_state_t c = amqp_open();
	bool there = c &&
		     amqp_queue_declare(c, 1, amqp_cstring_bytes(queue), 0, 1, 0, 0, arguments) &&
		     amqp_queue_bind(c, 1, amqp_cstring_bytes(queue), amqp_cstring_bytes(exchange),
				     amqp_cstring_bytes("#"), amqp_empty_table);
	amqp_shut(c);
	return there;
}

bool queue_refuses(const char *queue, const char *exchange)
{
	amqp_table_entry_t arguments[] = {{.key = amqp_cstring_bytes("x-max-length"),
					   .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = 0}},
					  text_entry("x-overflow", "reject-publish")};
	return declare_bound(queue, exchange, (amqp_table_t){2, arguments});
}

bool queue_listens(const char *queue, const char *exchange)
{
	return declare_bound(queue, exchange, amqp_empty_table);
}

static amqp_connection_state_t holder;

void queue_hold(const char *queue)
{
	holder = amqp_open();
	EXPECT(holder && amqp_queue_declare(holder, 1, amqp_cstring_bytes(queue), 0, 0, 1, 0,
					    amqp_empty_table),
	       "the queue %s cannot be held", queue);
}

void queue_let_go(void)
{
	amqp_shut(holder);
	holder = NULL;
}

bool queue_is_deleted(const char *queue)
{
	amqp_connection_state_t c = amqp_open();
	bool gone = c && amqp_queue_delete(c, 1, amqp_cstring_bytes(queue), 0, 0);
	amqp_shut(c);
	return gone;
}

void queue_delete(const char *queue)
{
	EXPECT(queue_is_deleted(queue), "the queue %s was not deleted", queue);
}

void queue_unbind(const char *kind)
{
	char queue[64];
	snprintf(queue, sizeof queue, "weir.%s", kind);
	amqp_connection_state_t c = amqp_open();
	EXPECT(c && amqp_queue_unbind(c, 1, amqp_cstring_bytes(queue),
				      amqp_cstring_bytes("weir.items"), amqp_cstring_bytes(kind),
				      amqp_empty_table),
	       "the queue %s was not unbound", queue);
	amqp_shut(c);
}

void exchange_delete(const char *exchange)
{
	amqp_connection_state_t c = amqp_open();
	EXPECT(c && amqp_exchange_delete(c, 1, amqp_cstring_bytes(exchange), 0),
	       "the exchange %s was not deleted", exchange);
	amqp_shut(c);
}

void queue_purge(const char *queue)
{
	amqp_connection_state_t c = amqp_open();
	if (c)
		amqp_queue_purge(c, 1, amqp_cstring_bytes(queue));
	amqp_shut(c);
}

/* What a consumer holds that was killed comes back when the broker has noticed. False: there is no
 * such queue, which has cost the channel. */
static bool empty_queue(amqp_connection_state_t c, const char *queue)
{
	amqp_bytes_t name = amqp_cstring_bytes(queue);
	const amqp_queue_declare_ok_t *ok;
	int64_t until = now_ms() + PATIENCE_MS;
	while ((ok = amqp_queue_declare(c, 1, name, 1, 1, 0, 0, amqp_empty_table)) &&
	       ok->consumer_count > 0 && now_ms() < until)
		pause_ms(STEP_MS);
	return ok && amqp_queue_purge(c, 1, name);
}

void queues_empty(const char *const *queues)
{
	amqp_connection_state_t c = amqp_open();
	for (; c && *queues; queues++) {
		if (empty_queue(c, *queues))
			continue;
		amqp_send_method(c, 1, AMQP_CHANNEL_CLOSE_OK_METHOD, &(amqp_channel_close_ok_t){0});
		if (!amqp_channel_open(c, 1))
			break;
	}
	amqp_shut(c);
}

static void publish_to(const char *exchange, const char *key, const char *content_type,
		       const char *app_id, const void *body, size_t size)
{
	amqp_connection_state_t c = amqp_open();
	amqp_basic_properties_t p = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG, .delivery_mode = 2};
	if (content_type) {
		p._flags |= AMQP_BASIC_CONTENT_TYPE_FLAG;
		p.content_type = amqp_cstring_bytes(content_type);
	}
	if (app_id) {
		p._flags |= AMQP_BASIC_APP_ID_FLAG;
		p.app_id = amqp_cstring_bytes(app_id);
	}
	int rc = -1;
	if (c)
		rc = amqp_basic_publish(c, 1, amqp_cstring_bytes(exchange), amqp_cstring_bytes(key),
					0, 0, &p, (amqp_bytes_t){size, (void *)(uintptr_t)body});
	EXPECT(rc == 0, "publishing to %s failed", key);
	amqp_shut(c);
}

void publish_deep(const char *kind, int depth)
{
	amqp_connection_state_t c = amqp_open();
	amqp_table_entry_t *levels = calloc((size_t)depth, sizeof *levels);
	for (int i = 0; levels && i < depth; i++) {
		levels[i] = (amqp_table_entry_t){.key = amqp_cstring_bytes("x"),
						 .value.kind = AMQP_FIELD_KIND_TABLE};
		if (i + 1 < depth)
			levels[i].value.value.table = (amqp_table_t){1, &levels[i + 1]};
	}
	amqp_basic_properties_t p = {._flags = AMQP_BASIC_HEADERS_FLAG, .headers = {1, levels}};
	EXPECT(c && levels &&
		       amqp_basic_publish(c, 1, amqp_cstring_bytes("weir.items"),
					  amqp_cstring_bytes(kind), 0, 0, &p,
					  amqp_cstring_bytes("x")) == 0,
	       "publishing to %s failed", kind);
	amqp_shut(c);
	free(levels);
}

void publish(const char *kind, const char *content_type, const void *body, size_t size)
{
	publish_to("weir.items", kind, content_type, NULL, body, size);
}

void publish_marked(const char *kind, const char *app_id, const char *json)
{
	publish_to("weir.items", kind, "application/json", app_id, json, strlen(json));
}

void publish_dead(const void *body, size_t size)
{
	publish_to("weir.dead", "dead", NULL, NULL, body, size);
}

/* Takes what is in the queue now, message by message; each goes on as hand_on() does it. */
static int take_all(const char *queue,
		    int (*hand_on)(amqp_connection_state_t c, amqp_message_t *m, const void *how),
		    const void *how)
{
	int64_t size = queue_size(queue);
	amqp_connection_state_t c = amqp_open();
	int taken = 0;
	while (c && taken < size) {
		amqp_message_t m;
		amqp_rpc_reply_t got = amqp_basic_get(c, 1, amqp_cstring_bytes(queue), 0);
		if (got.reply_type != AMQP_RESPONSE_NORMAL ||
		    got.reply.id != AMQP_BASIC_GET_OK_METHOD)
			break;
		uint64_t tag = ((amqp_basic_get_ok_t *)got.reply.decoded)->delivery_tag;
		got = amqp_read_message(c, 1, &m, 0);
		if (got.reply_type != AMQP_RESPONSE_NORMAL)
			break;
		int rc = hand_on(c, &m, how);
		amqp_destroy_message(&m);
		amqp_maybe_release_buffers(c);
		if (rc < 0 || amqp_basic_ack(c, 1, tag, 0) < 0)
			break;
		taken++;
	}
	amqp_shut(c);
	return taken;
}

struct copies {
	const char *kind;
	int times;
};

static int copy_one(amqp_connection_state_t c, amqp_message_t *m, const void *how)
{
	const struct copies *copies = how;
	for (int i = 0; i < copies->times; i++)
		if (amqp_basic_publish(c, 1, amqp_cstring_bytes("weir.items"),
				       amqp_cstring_bytes(copies->kind), 0, 0, &m->properties,
				       m->body) < 0)
			return -1;
	return 0;
}

int republish(const char *queue, const char *kind, int times)
{
	return take_all(queue, copy_one, &(struct copies){kind, times});
}

static int unmark_one(amqp_connection_state_t c, amqp_message_t *m, const void *how)
{
	m->properties._flags &= ~(amqp_flags_t)AMQP_BASIC_APP_ID_FLAG;
	return copy_one(c, m, how);
}

int unmark(const char *queue, const char *kind)
{
	return take_all(queue, unmark_one, &(struct copies){kind, 1});
}

struct death {
	const char *queue, *reason;
};

static int bury_one(amqp_connection_state_t c, amqp_message_t *m, const void *how)
{
	const struct death *death = how;
	amqp_table_entry_t about[] = {text_entry("queue", death->queue),
				      text_entry("reason", death->reason)};
	amqp_field_value_t one = {.kind = AMQP_FIELD_KIND_TABLE,
				  .value.table = {sizeof about / sizeof *about, about}};
	amqp_table_entry_t header = {
		.key = amqp_cstring_bytes("x-death"),
		.value = {.kind = AMQP_FIELD_KIND_ARRAY, .value.array = {1, &one}}};
	m->properties._flags |= AMQP_BASIC_HEADERS_FLAG;
	m->properties.headers = (amqp_table_t){1, &header};
	return amqp_basic_publish(c, 1, amqp_cstring_bytes("weir.dead"), amqp_cstring_bytes("dead"),
				  0, 0, &m->properties, m->body);
}

int bury(const char *queue, const char *reason)
{
	return take_all(queue, bury_one, &(struct death){queue, reason});
}

/* ---- Redis ---- */

static redisContext *redis_open(void)
{
	char url[512], *host, *port;
	const char *given = getenv("WEIR_REDIS_URL");
	snprintf(url, sizeof url, "%s", given ? given : "");
	char *password = strstr(url, "://:"), *at = strchr(url, '@');
	if (!password || !at || !(port = strchr(at, ':')))
		return NULL;
	*at = *port++ = '\0';
	host = at + 1;
	redisContext *c = redisConnectWithTimeout(host, atoi(port), (struct timeval){5, 0});
	if (c && !c->err)
		freeReplyObject(redisCommand(c, "AUTH %s", password + 4));
	return c;
}

void redis_do(const char *command)
{
	redisContext *c = redis_open();
	redisReply *r = c ? redisCommand(c, command) : NULL;
	EXPECT(r && r->type != REDIS_REPLY_ERROR, "%s: %s", command,
	       r && r->str ? r->str : "no answer");
	freeReplyObject(r);
	redisFree(c);
}

int64_t redis_info(const char *section, const char *field)
{
	redisContext *c = redis_open();
	redisReply *r = c ? redisCommand(c, "INFO %s", section) : NULL;
	const char *at = r && r->type == REDIS_REPLY_STRING ? strstr(r->str, field) : NULL;
	int64_t value = at ? strtoll(at + strlen(field), NULL, 10) : 0;
	freeReplyObject(r);
	redisFree(c);
	return value;
}

void redis_await_more(const char *section, const char *field, int64_t than)
{
	int64_t seen = than;
	for (int ms = 0; ms < PATIENCE_MS && seen <= than; ms += STEP_MS) {
		usleep(STEP_MS * 1000);
		seen = redis_info(section, field);
	}
	EXPECT(seen > than, "%s%lld", field, (long long)seen);
}

void redis_flush(void) { redis_do("FLUSHALL"); }

const char *tag_of(const char *job)
{
	return sql_text("SELECT tag FROM weir.jobs WHERE job_id = '%s'", job);
}

int64_t redis_stage_count(const char *job, int stage, const char *field)
{
	int64_t value = INT64_MIN;
	redisContext *c = redis_open();
	redisReply *r =
		c ? redisCommand(c, "HGET weir:{%s}:s%d:counts %s", tag_of(job), stage, field)
		  : NULL;
	if (r && r->type == REDIS_REPLY_STRING)
		value = strtoll(r->str, NULL, 10);
	freeReplyObject(r);
	redisFree(c);
	return value;
}

int64_t redis_count(const char *job, const char *field) { return redis_stage_count(job, 1, field); }

int64_t redis_ttl(const char *job)
{
	int64_t seconds = INT64_MIN;
	redisContext *c = redis_open();
	redisReply *r = c ? redisCommand(c, "TTL weir:{%s}:s1:counts", tag_of(job)) : NULL;
	if (r && r->type == REDIS_REPLY_INTEGER)
		seconds = r->integer;
	freeReplyObject(r);
	redisFree(c);
	return seconds;
}

/* Two bits each, the first in the highest bits of the first byte; what lies behind the end is 0. */
bool redis_stage_states(const char *job, int stage, unsigned char *states, int n)
{
	redisContext *c = redis_open();
	redisReply *r = c ? redisCommand(c, "GET weir:{%s}:s%d:states", tag_of(job), stage) : NULL;
	bool there = r && r->type == REDIS_REPLY_STRING;
	for (int i = 0; i < n; i++) {
		unsigned byte = there && i / 4 < (int)r->len ? (unsigned char)r->str[i / 4] : 0;
		states[i] = (unsigned char)(byte >> (6 - 2 * (i % 4)) & 3);
	}
	freeReplyObject(r);
	redisFree(c);
	return there;
}

bool redis_states(const char *job, unsigned char *states, int n)
{
	return redis_stage_states(job, 1, states, n);
}
