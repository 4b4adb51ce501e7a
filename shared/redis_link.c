#include "weir/redis_link.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/address.h"
#include "weir/advice.h"
#include "weir/buffer.h"
#include "weir/clock.h"
#include "weir/secret.h"

enum { BACKOFF_BASE_US = 100000, BACKOFF_CAP_US = 5000000 };

void redis_command_add(struct redis_command *c, const char *data, size_t size)
{
	c->argv[c->argc] = data;
	c->sizes[c->argc++] = size;
}

void redis_command_text(struct redis_command *c, const char *text)
{
	redis_command_add(c, text, strlen(text));
}

/* ---- the address ---- */

static const struct address_form form = {.setting = "WEIR_REDIS_URL",
					 .scheme = "redis",
					 .secure = "rediss",
					 .example = "redis://:password@host:port/db"};

static int take_db(struct redis_address *a, const char *text, struct weir_error *err)
{
	char *end;
	long number;

	errno = 0;
	number = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : -1;
	if (number < 0 || errno || *end || number > INT_MAX)
		return weir_fail(err, "bad_url",
				 "%s has something else than the number of a database behind its "
				 "host: it is %s",
				 form.setting, form.example);
	a->db = (int)number;
	return 0;
}

int redis_address_parse(struct redis_address *a, const char *url, struct weir_error *err)
{
	struct address parts;
	int rc = address_parse(&parts, url, &form, err);

	if (rc == 0 && parts.path)
		rc = take_db(a, parts.path, err);
	if (rc == 0 && parts.port)
		a->port = parts.port;
	if (rc == 0 && strncmp(url, SECRET_FILE, strlen(SECRET_FILE)) == 0 &&
	    !(a->file = strdup(url)))
		rc = weir_fail_memory(err);
	a->host = parts.host;
	a->user = parts.user;
	a->password = parts.password;
	parts.host = parts.user = parts.password = NULL;
	address_release(&parts);
	return rc;
}

void redis_address_release(struct redis_address *a)
{
	secret_free(a->password);
	free(a->file);
	free(a->user);
	free(a->host);
}

static int fail_at(const struct redis_address *a, struct weir_error *fault, const char *code,
		   const char *cause)
{
	char where[128];

	snprintf(where, sizeof(where), "%.60s:%d, db %d", a->host, a->port, a->db);
	return advice_fail(fault, code, ADVICE_REDIS, where, cause);
}

/* ---- one connection ---- */

enum outcome { ANSWERED, REFUSED, TIMED_OUT, LOST };

/* "READONLY You can't ..." is redis_readonly. */
static void refusal_code(const char *text, char code[32])
{
	size_t size = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	if (size == 0 || size > 24 || text[size] != ' ' || strncmp(text, "ERR ", 4) == 0) {
		snprintf(code, 32, "redis_error");
		return;
	}
	snprintf(code, 32, "redis_%.*s", (int)size, text);
	for (char *c = code; *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c);
}

/* Refusals that a new connection may not meet: it may reach another server, or log in again. */
static bool wants_new_connection(const char *code)
{
	static const char *const codes[] = {"redis_noauth", "redis_readonly", "redis_masterdown",
					    "redis_wrongpass"};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (strcmp(code, codes[i]) == 0)
			return true;
	}
	return false;
}

static enum outcome context_failed(const struct redis_link *l, struct weir_error *fault)
{
	const redisContext *context = l->context;
	char cause[200];
	bool timeout = context->err == REDIS_ERR_IO && (errno == EAGAIN || errno == ETIMEDOUT);

#ifdef REDIS_ERR_TIMEOUT
	timeout = timeout || context->err == REDIS_ERR_TIMEOUT;
#endif
	if (timeout) {
		fail_at(l->address, fault, "redis_timeout", "it did not answer in time");
		return TIMED_OUT;
	}
	snprintf(cause, sizeof(cause), "the connection broke: %s", context->errstr);
	if (context->err == REDIS_ERR_OOM)
		weir_fail_memory(fault);
	else
		fail_at(l->address, fault, "redis_lost", cause);
	return LOST;
}

/* Sends one command and waits for its answer. ANSWERED: *out is the caller's; else fault says why.
 * After TIMED_OUT and LOST the context is of no more use: a late answer would be taken for that of
 * the next command. */
static enum outcome exchange(const struct redis_link *l, const struct redis_command *c,
			     redisReply **out, struct weir_error *fault)
{
	char code[32], cause[240];
	redisReply *reply;

	errno = 0;
	reply = redisCommandArgv(l->context, c->argc, (const char **)c->argv, c->sizes);
	if (!reply)
		return context_failed(l, fault);
	if (reply->type != REDIS_REPLY_ERROR) {
		*out = reply;
		return ANSWERED;
	}
	refusal_code(reply->str, code);
	snprintf(cause, sizeof(cause), "%s: refused: %s", c->argv[0], reply->str);
	fail_at(l->address, fault, code, cause);
	freeReplyObject(reply);
	return REFUSED;
}

void redis_link_init(struct redis_link *l, const struct redis_address *a, int timeout_ms)
{
	*l = (struct redis_link){
		.address = a,
		.timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000}};
}

void redis_link_close(struct redis_link *l)
{
	if (l->context)
		redisFree(l->context);
	l->context = NULL;
}

/* Disconnects and begins the pause. */
void redis_link_drop(struct redis_link *l, const struct weir_error *fault)
{
	redis_link_close(l);
	l->reason = *fault;
	l->not_before_us = clock_us() + clock_backoff_us(BACKOFF_BASE_US, BACKOFF_CAP_US, l->tries);
	if (l->tries < 16)
		l->tries++;
}

static int handshake_command(const struct redis_link *l, const struct redis_command *c,
			     struct weir_error *fault)
{
	redisReply *reply;

	if (exchange(l, c, &reply, fault) != ANSWERED)
		return -1;
	freeReplyObject(reply);
	return 0;
}

static int authenticate(const struct redis_link *l, const struct redis_address *a,
			struct weir_error *fault)
{
	struct redis_command c = {0};

	redis_command_text(&c, "AUTH");
	if (a->user)
		redis_command_text(&c, a->user);
	redis_command_text(&c, a->password);
	return handshake_command(l, &c, fault);
}

static int select_db(const struct redis_link *l, const struct redis_address *a,
		     struct weir_error *fault)
{
	struct redis_command c = {0};
	char number[16];

	snprintf(number, sizeof(number), "%d", a->db);
	redis_command_text(&c, "SELECT");
	redis_command_text(&c, number);
	return handshake_command(l, &c, fault);
}

static int handshake(const struct redis_link *l, const struct redis_address *a,
		     struct weir_error *fault)
{
	redisContext *context = l->context;

	if (redisSetTimeout(context, l->timeout) != REDIS_OK ||
	    redisEnableKeepAlive(context) != REDIS_OK)
		return weir_fail(fault, "redis_away", "cannot set the timeouts of a connection: %s",
				 context->errstr);
	if (a->password && authenticate(l, a, fault) < 0)
		return -1;
	return a->db ? select_db(l, a, fault) : 0;
}

/* A new connection each time: redisReconnect() would forget the timeouts. */
static int connect_to(struct redis_link *l, const struct redis_address *a, struct weir_error *fault)
{
	l->context = redisConnectWithTimeout(a->host, a->port, l->timeout);
	if (!l->context || l->context->err == REDIS_ERR_OOM)
		return weir_fail_memory(fault);
	if (l->context->err)
		return fail_at(a, fault, "redis_away", l->context->errstr);
	return handshake(l, a, fault);
}

static int connect_now(struct redis_link *l, struct weir_error *fault)
{
	struct redis_address fresh = {.port = 6379};
	int rc;

	if (!l->address->file)
		return connect_to(l, l->address, fault);
	rc = redis_address_parse(&fresh, l->address->file, fault);
	if (rc == 0)
		rc = connect_to(l, &fresh, fault);
	redis_address_release(&fresh);
	return rc;
}

static int connect_link(struct redis_link *l, struct weir_error *fault)
{
	int64_t pause_us = l->not_before_us - clock_us();

	if (l->context)
		return 0;
	if (pause_us > 0)
		return weir_fail(fault, "redis_away", "%.400s; the next try is in %" PRId64 " ms",
				 l->reason.text, pause_us / 1000 + 1);
	if (connect_now(l, fault) < 0) {
		redis_link_drop(l, fault);
		return -1;
	}
	return 0;
}

/* Runs a command on a connection that is made when there is none. */
int redis_link_run(struct redis_link *l, const struct redis_command *c, redisReply **out,
		   struct weir_error *err)
{
	bool kept = l->context != NULL;
	struct weir_error fault;
	enum outcome outcome = LOST;

	if (connect_link(l, &fault) < 0)
		goto failed;
	outcome = exchange(l, c, out, &fault);
	if (outcome == LOST && kept) {
		redis_link_close(l);
		if (connect_link(l, &fault) < 0)
			goto failed;
		outcome = exchange(l, c, out, &fault);
	}
	if (outcome == ANSWERED) {
		l->tries = 0;
		return 0;
	}
	if (outcome != REFUSED || wants_new_connection(fault.code))
		redis_link_drop(l, &fault);
failed:
	return weir_fail(err, fault.code, "%s", fault.text);
}

int redis_link_do(struct redis_link *l, const struct redis_command *c, struct weir_error *err)
{
	redisReply *reply;

	if (redis_link_run(l, c, &reply, err) < 0)
		return -1;
	freeReplyObject(reply);
	return 0;
}
