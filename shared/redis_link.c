#include "weir/redis_link.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "weir/buffer.h"
#include "weir/clock.h"

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

/* ---- the URL ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX in place. */
static int decode_percent(char *text)
{
	char *out = text;

	for (; *text; text++) {
		int high, low;

		if (*text != '%') {
			*out++ = *text;
			continue;
		}
		high = hex_digit(text[1]);
		low = high < 0 ? -1 : hex_digit(text[2]);
		if (low < 0 || high + low == 0)
			return -1;
		*out++ = (char)(high << 4 | low);
		text += 2;
	}
	*out = '\0';
	return 0;
}

/* Digits only, from least to most. */
static int parse_number(const char *text, int least, int most, int *out)
{
	char *end;
	long number;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	number = strtol(text, &end, 10);
	if (errno || *end || number < least || number > most)
		return -1;
	*out = (int)number;
	return 0;
}

static int parse_user(struct redis_address *a, char *text, struct weir_error *err)
{
	char *password = strchr(text, ':');

	if (!password)
		return weir_fail(err, "bad_url", "the Redis URL has a user but no password");
	*password++ = '\0';
	if (decode_percent(text) < 0 || decode_percent(password) < 0)
		return weir_fail(err, "bad_url",
				 "the Redis URL has a %% without two hexadecimal digits in its "
				 "user or password (write %%25 for %%)");
	if (*text && !(a->user = strdup(text)))
		return weir_fail_memory(err);
	if ((*text || *password) && !(a->password = strdup(password)))
		return weir_fail_memory(err);
	return 0;
}

static int parse_host(struct redis_address *a, char *text, struct weir_error *err)
{
	char *end = *text == '[' ? strchr(text, ']') : text + strcspn(text, ":");
	char *port;

	if (!end)
		return weir_fail(err, "bad_url", "the Redis URL has a [ without a ]");
	port = *end == ']' ? end + 1 : end;
	if (*port == ':' && parse_number(port + 1, 1, 65535, &a->port) < 0)
		return weir_fail(err, "bad_url",
				 "the Redis URL has a port that is not a number "
				 "from 1 to 65535");
	if (*port != ':' && *port != '\0')
		return weir_fail(err, "bad_url", "the Redis URL has text behind the ] of its host");
	*end = '\0';
	text += *text == '[';
	if (!*text)
		return weir_fail(err, "bad_url", "the Redis URL names no host");
	a->host = strdup(text);
	return a->host ? 0 : weir_fail_memory(err);
}

/* Takes the text behind redis:// apart, and destroys it. */
static int parse_address(struct redis_address *a, char *text, struct weir_error *err)
{
	char *path = strchr(text, '/');
	char *at;

	if (path)
		*path++ = '\0';
	if (path && *path && parse_number(path, 0, INT_MAX, &a->db) < 0)
		return weir_fail(err, "bad_url",
				 "the Redis URL has something else than a database number behind "
				 "its host (write %%2F for a / in a password)");
	at = strrchr(text, '@');
	if (at) {
		*at++ = '\0';
		if (parse_user(a, text, err) < 0)
			return -1;
	}
	return parse_host(a, at ? at : text, err);
}

int redis_address_parse(struct redis_address *a, const char *url, struct weir_error *err)
{
	static const char scheme[] = "redis://";
	size_t skip = sizeof(scheme) - 1;
	char *text;
	int rc;

	if (strncasecmp(url, "rediss://", 9) == 0)
		return weir_fail(err, "bad_url",
				 "Redis over TLS is not built in: let the URL "
				 "name a local TLS proxy, such as stunnel");
	if (strncasecmp(url, scheme, skip) != 0)
		return weir_fail(err, "bad_url", "the Redis URL does not begin with %s", scheme);
	text = strdup(url + skip);
	if (!text)
		return weir_fail_memory(err);
	rc = parse_address(a, text, err);
	explicit_bzero(text, strlen(url + skip));
	free(text);
	return rc;
}

void redis_address_release(struct redis_address *a)
{
	if (a->password)
		explicit_bzero(a->password, strlen(a->password));
	free(a->password);
	free(a->user);
	free(a->host);
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

static enum outcome context_failed(const redisContext *context, struct weir_error *fault)
{
	bool timeout = context->err == REDIS_ERR_IO && (errno == EAGAIN || errno == ETIMEDOUT);

#ifdef REDIS_ERR_TIMEOUT
	timeout = timeout || context->err == REDIS_ERR_TIMEOUT;
#endif
	if (timeout) {
		weir_fail(fault, "redis_timeout", "Redis did not answer in time");
		return TIMED_OUT;
	}
	if (context->err == REDIS_ERR_OOM)
		weir_fail_memory(fault);
	else
		weir_fail(fault, "redis_lost", "the connection to Redis broke: %s",
			  context->errstr);
	return LOST;
}

/* Sends one command and waits for its answer. ANSWERED: *out is the caller's; else fault says why.
 * After TIMED_OUT and LOST the context is of no more use: a late answer would be taken for that of
 * the next command. */
static enum outcome exchange(redisContext *context, const struct redis_command *c, redisReply **out,
			     struct weir_error *fault)
{
	char code[32];
	redisReply *reply;

	errno = 0;
	reply = redisCommandArgv(context, c->argc, (const char **)c->argv, c->sizes);
	if (!reply)
		return context_failed(context, fault);
	if (reply->type != REDIS_REPLY_ERROR) {
		*out = reply;
		return ANSWERED;
	}
	refusal_code(reply->str, code);
	weir_fail(fault, code, "Redis refused: %s", reply->str);
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

static int handshake_command(redisContext *context, const struct redis_command *c,
			     struct weir_error *fault)
{
	redisReply *reply;

	if (exchange(context, c, &reply, fault) != ANSWERED)
		return -1;
	freeReplyObject(reply);
	return 0;
}

static int authenticate(redisContext *context, const struct redis_address *a,
			struct weir_error *fault)
{
	struct redis_command c = {0};

	redis_command_text(&c, "AUTH");
	if (a->user)
		redis_command_text(&c, a->user);
	redis_command_text(&c, a->password);
	return handshake_command(context, &c, fault);
}

static int select_db(redisContext *context, const struct redis_address *a, struct weir_error *fault)
{
	struct redis_command c = {0};
	char number[16];

	snprintf(number, sizeof(number), "%d", a->db);
	redis_command_text(&c, "SELECT");
	redis_command_text(&c, number);
	return handshake_command(context, &c, fault);
}

static int handshake(redisContext *context, const struct redis_link *l, struct weir_error *fault)
{
	if (redisSetTimeout(context, l->timeout) != REDIS_OK ||
	    redisEnableKeepAlive(context) != REDIS_OK)
		return weir_fail(fault, "redis_away", "cannot set the timeouts of a connection: %s",
				 context->errstr);
	if (l->address->password && authenticate(context, l->address, fault) < 0)
		return -1;
	return l->address->db ? select_db(context, l->address, fault) : 0;
}

/* A new connection each time: redisReconnect() would forget the timeouts. */
static int connect_now(struct redis_link *l, struct weir_error *fault)
{
	const struct redis_address *a = l->address;

	l->context = redisConnectWithTimeout(a->host, a->port, l->timeout);
	if (!l->context || l->context->err == REDIS_ERR_OOM)
		return weir_fail_memory(fault);
	if (l->context->err)
		return weir_fail(fault, "redis_away", "cannot connect to Redis at %.100s:%d: %s",
				 a->host, a->port, l->context->errstr);
	return handshake(l->context, l, fault);
}

static int connect_link(struct redis_link *l, struct weir_error *fault)
{
	int64_t pause_us = l->not_before_us - clock_us();

	if (l->context)
		return 0;
	if (pause_us > 0)
		return weir_fail(fault, "redis_away",
				 "Redis is away, the next try is in %" PRId64 " ms (%.300s)",
				 pause_us / 1000 + 1, l->reason.text);
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
	outcome = exchange(l->context, c, out, &fault);
	if (outcome == LOST && kept) {
		redis_link_close(l);
		if (connect_link(l, &fault) < 0)
			goto failed;
		outcome = exchange(l->context, c, out, &fault);
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
