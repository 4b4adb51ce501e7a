#include "weir/address.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "weir/secret.h"

#define BLANKS " \t\r\n\f\v"

static int fail(const struct address_form *f, struct weir_error *err, const char *what)
{
	return weir_fail(err, "bad_url", "%s %s: it is %s", f->setting, what, f->example);
}

/* ---- what is around it ---- */

static void trim(const char **from, size_t *size)
{
	while (*size > 0 && strchr(BLANKS, **from))
		++*from, --*size;
	while (*size > 0 && strchr(BLANKS, (*from)[*size - 1]))
		--*size;
}

char *address_trim(const char *given)
{
	size_t size = strlen(given);
	trim(&given, &size);
	if (size >= 2 && (*given == '"' || *given == '\'') && given[size - 1] == *given) {
		given++;
		size -= 2;
		trim(&given, &size);
	}
	return strndup(given, size);
}

/* ---- %XX ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place. */
static int decode_percent(char *text)
{
	char *out = text;
	for (; *text; text++) {
		if (*text != '%') {
			*out++ = *text;
			continue;
		}
		int high = hex_digit(text[1]);
		int low = high < 0 ? -1 : hex_digit(text[2]);
		if (low < 0 || high + low == 0)
			return -1;
		*out++ = (char)(high << 4 | low);
		text += 2;
	}
	*out = '\0';
	return 0;
}

static int keep(char **out, const char *text, struct weir_error *err)
{
	*out = strdup(text);
	return *out ? 0 : weir_fail_memory(err);
}

/* ---- the scheme ---- */

/* Whether what stands before the first "://" can be shown: without one it may be a password. */
static bool is_scheme(const char *text, size_t size)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789+-.";
	return size > 0 && size <= 20 && strspn(text, letters) >= size;
}

static int check_scheme(const struct address_form *f, const char *text, const char **rest,
			struct weir_error *err)
{
	const char *end = strstr(text, "://");
	size_t size = end ? (size_t)(end - text) : 0;
	if (!*text)
		return fail(f, err, "is empty");
	if (!end || !is_scheme(text, size))
		return weir_fail(err, "bad_url", "%s does not begin with %s://: it is %s",
				 f->setting, f->scheme, f->example);
	*rest = end + 3;
	if (strlen(f->scheme) == size && strncasecmp(text, f->scheme, size) == 0)
		return 0;
	if (strlen(f->secure) == size && strncasecmp(text, f->secure, size) == 0)
		return weir_fail(err, "bad_url",
				 "%s begins with %s://, and TLS is not built in: name a local TLS "
				 "proxy there, such as stunnel",
				 f->setting, f->secure);
	return weir_fail(err, "bad_url", "%s begins with %.*s:// and not with %s://: it is %s",
			 f->setting, (int)size, text, f->scheme, f->example);
}

/* ---- user, host, port ---- */

static int take_user(struct address *a, char *text, const struct address_form *f,
		     struct weir_error *err)
{
	char *password = strchr(text, ':');
	if (!password)
		return weir_fail(err, "bad_url",
				 "%s has a user but no password: write user:password@, or "
				 ":password@ where there is no user",
				 f->setting);
	*password++ = '\0';
	if (decode_percent(text) < 0 || decode_percent(password) < 0)
		return weir_fail(err, "bad_url",
				 "%s has a %% without two hexadecimal digits in its user or "
				 "password: write %%25 for %%",
				 f->setting);
	if (*text && keep(&a->user, text, err) < 0)
		return -1;
	return *text || *password ? keep(&a->password, password, err) : 0;
}

/* Digits only, from 1 to 65535. */
static int take_port(struct address *a, const char *text, const struct address_form *f,
		     struct weir_error *err)
{
	char *end;
	errno = 0;
	long port = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : 0;
	if (port < 1 || port > 65535 || errno || *end)
		return weir_fail(err, "bad_url",
				 "%s has a port that is not a number from 1 to 65535 (an IPv6 "
				 "address stands in [ ]): it is %s",
				 f->setting, f->example);
	a->port = (int)port;
	return 0;
}

static int refuse_list(const struct address_form *f, struct weir_error *err)
{
	return weir_fail(err, "bad_url",
			 "%s names several hosts, and one is wanted: that of a load balancer, or a "
			 "name that leads to all of them (in a password write %%40 for @, %%2C for "
			 "a comma)",
			 f->setting);
}

/* Of user:password@host,user:password@host the last @ alone would be seen. */
static bool is_list(const char *user)
{
	const char *at = strchr(user, '@');
	return at && strpbrk(at, ",;");
}

static int take_host(struct address *a, char *text, const struct address_form *f,
		     struct weir_error *err)
{
	char *end = *text == '[' ? strchr(text, ']') : text + strcspn(text, ":");
	if (strpbrk(text, ",;"))
		return refuse_list(f, err);
	if (!end)
		return fail(f, err, "has a [ without a ]");
	const char *port = *end == ']' ? end + 1 : end;
	if (*port != ':' && *port != '\0')
		return fail(f, err, "has text behind the ] of its host");
	if (*port == ':' && take_port(a, port + 1, f, err) < 0)
		return -1;
	*end = '\0';
	text += *text == '[';
	return *text ? keep(&a->host, text, err) : fail(f, err, "names no host");
}

/* ---- what is behind them ---- */

/* The name of a parameter is no secret; its value may be. */
static int refuse_query(const char *query, const struct address_form *f, struct weir_error *err)
{
	size_t name = strcspn(query, "=&");
	return weir_fail(err, "bad_url",
			 "%s has the parameter ?%.*s, and takes none: leave out all from the ? on",
			 f->setting, name > 40 ? 40 : (int)name, query);
}

static int take_path(struct address *a, char *path, const struct address_form *f,
		     struct weir_error *err)
{
	size_t size = strlen(path);
	while (size > 0 && path[size - 1] == '/')
		path[--size] = '\0';
	if (strchr(path, '/'))
		return weir_fail(err, "bad_url",
				 "%s has more than one / behind its host: write %%2F for one "
				 "within a name",
				 f->setting);
	if (decode_percent(path) < 0)
		return weir_fail(err, "bad_url",
				 "%s has a %% without two hexadecimal digits behind its host: "
				 "write %%25 for %%",
				 f->setting);
	return size > 0 ? keep(&a->path, path, err) : 0;
}

/* Takes the text behind the :// apart, and destroys it. */
static int take_apart(struct address *a, char *text, const struct address_form *f,
		      struct weir_error *err)
{
	char *end = text + strcspn(text, "/?#");
	char *at = strrchr(text, '@');
	if (at && at > end && !memchr(text, '@', (size_t)(end - text)))
		return weir_fail(err, "bad_url",
				 "%s has a %c in its user or password: write %%%02X for it",
				 f->setting, *end, (unsigned)*end);
	char what = *end;
	if (*end)
		*end++ = '\0';
	char *query = what == '/' ? strpbrk(end, "?#") : end;
	if (query && what != '\0' && (what != '/' || *query)) {
		if (what == '/')
			query++;
		return refuse_query(query, f, err);
	}
	at = strrchr(text, '@');
	if (at)
		*at = '\0';
	if (at && is_list(text))
		return refuse_list(f, err);
	if (at && take_user(a, text, f, err) < 0)
		return -1;
	if (take_host(a, at ? at + 1 : text, f, err) < 0)
		return -1;
	return what == '/' ? take_path(a, end, f, err) : 0;
}

/* The text of an address, which may be in a file. */
static int read_given(const char *setting, const char *given, char **out, struct weir_error *err)
{
	char variable[64], *text = NULL;
	size_t mark = strlen(SECRET_FILE);
	bool in_file = strncmp(given, SECRET_FILE, mark) == 0;
	snprintf(variable, sizeof variable, "%.50s_FILE", setting);
	if (in_file && secret_read(variable, given + mark, &text, err) < 0)
		return -1;
	*out = address_trim(in_file ? text : given);
	secret_free(text);
	return *out ? 0 : weir_fail_memory(err);
}

int address_parse(struct address *a, const char *given, const struct address_form *form,
		  struct weir_error *err)
{
	const char *rest;
	char *text;
	*a = (struct address){0};
	if (read_given(form->setting, given, &text, err) < 0)
		return -1;
	size_t size = strlen(text);
	int rc = check_scheme(form, text, &rest, err);
	if (rc == 0 && strpbrk(rest, BLANKS))
		rc = fail(form, err, "has a blank in it (%20, where it belongs there)");
	if (rc == 0)
		rc = take_apart(a, text + (rest - text), form, err);
	explicit_bzero(text, size);
	free(text);
	return rc;
}

static void wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

void address_release(struct address *a)
{
	wipe(a->password);
	free(a->user);
	free(a->host);
	free(a->path);
	*a = (struct address){0};
}

/* ---- RabbitMQ ---- */

int address_amqp(struct address *a, const char **vhost, const char *given, struct weir_error *err)
{
	static const struct address_form form = {.setting = "WEIR_AMQP_URL",
						 .scheme = "amqp",
						 .secure = "amqps",
						 .example = "amqp://user:password@host:port/vhost"};
	if (address_parse(a, given, &form, err) < 0)
		return -1;
	if (!a->port)
		a->port = 5672;
	if (!a->user && !a->password &&
	    (keep(&a->user, "guest", err) < 0 || keep(&a->password, "guest", err) < 0))
		return -1;
	*vhost = a->path ? a->path : "/";
	return 0;
}

/* ---- PostgreSQL ---- */

static const struct address_form pg = {.setting = "WEIR_PG_URL",
				       .scheme = "postgresql",
				       .secure = "",
				       .example = "postgresql://user:password@host:port/database"};

static bool known_parameter(const char *name, size_t size)
{
	PQconninfoOption *all = PQconndefaults();
	bool known = all == NULL; /* then nobody can tell */
	for (const PQconninfoOption *o = all; !known && o && o->keyword; o++)
		known = strlen(o->keyword) == size && memcmp(o->keyword, name, size) == 0;
	PQconninfoFree(all);
	return known || (size == 3 && memcmp(name, "ssl", 3) == 0);
}

/* What other programs take and libpq does not: ?schema=, ?pgbouncer=, ?pool_timeout=. */
static int check_query(const char *query, struct weir_error *err)
{
	while (*query) {
		size_t size = strcspn(query, "&"), name = strcspn(query, "=&");
		if (!known_parameter(query, name))
			return weir_fail(err, "bad_url",
					 "WEIR_PG_URL has the parameter %.*s, which libpq does not "
					 "know: leave it out",
					 name > 40 ? 40 : (int)name, query);
		query += size + (query[size] == '&');
	}
	return 0;
}

/* weir/ would be the name of another database. */
static void cut_slashes(char *url)
{
	size_t size = strlen(url);
	while (size > 2 && url[size - 1] == '/' && !strchr(":/", url[size - 2]))
		url[--size] = '\0';
}

static int check_pg(char *url, struct weir_error *err)
{
	char *why = NULL;
	const char *rest;
	if (strncasecmp(url, "postgres://", 11) != 0 && check_scheme(&pg, url, &rest, err) < 0)
		return -1;
	for (char *c = url; *c != ':'; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c);
	cut_slashes(url);
	const char *at = strchr(url, '@'), *end = strpbrk(strstr(url, "://") + 3, "/?#");
	char *query = strchr(url, '?');
	if (at && end && at > end && (!query || at < query || *end == '?'))
		return weir_fail(err, "bad_url",
				 "WEIR_PG_URL has a %c in its user or password, or an @ in the "
				 "name of its database: write %%%02X for it, or %%40",
				 *end, (unsigned)*end);
	if (query && (!at || at < query) && check_query(query + 1, err) < 0)
		return -1;
	size_t size = query ? (size_t)(query - url) : strlen(url);
	bool two = at && memchr(at + 1, '@',
				size > (size_t)(at - url) ? size - (size_t)(at - url) - 1 : 0);
	PQconninfoOption *parts = PQconninfoParse(url, &why);
	PQconninfoFree(parts);
	wipe(why); /* libpq quotes what it cannot parse, and that may be the password */
	if (parts && !two)
		return 0;
	return weir_fail(err, "bad_url",
			 "WEIR_PG_URL is not %s (in the password write %%25 for %%, %%40 for @, "
			 "%%2F for /)",
			 pg.example);
}

int address_pg(const char *given, char **out, struct weir_error *err)
{
	char *url;
	if (read_given("WEIR_PG_URL", given, &url, err) < 0)
		return -1;
	if (check_pg(url, err) < 0) {
		wipe(url);
		return -1;
	}
	*out = url;
	return 0;
}
