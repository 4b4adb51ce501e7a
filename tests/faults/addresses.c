#include "addresses.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST LOGS "/address"

static struct {
	char first[512];   /* how the tests reach the server, as it was */
	char proxied[512]; /* how programs do, but for the password */
	char other_database[64], other_path[256];
} addresses;

/* ---- texts ---- */

void address_of(const char *url, const char *database, char out[512])
{
	const char *slash = strrchr(url, '/');
	snprintf(out, 512, "%.*s/%s", slash ? (int)(slash - url) : 0, url, database);
}

/* scheme://user:PASSWORD@rest */
static void with_password(const char *url, const char *password, char out[512])
{
	const char *at = strrchr(url, '@'), *begin = at;
	while (begin && begin > url && begin[-1] != ':')
		begin--;
	snprintf(out, 512, "%.*s%s%s", begin ? (int)(begin - url) : 0, url, password, at ? at : "");
}

static void password_in(const char *url, char out[128])
{
	const char *at = strrchr(url, '@'), *begin = at;
	while (begin && begin > url && begin[-1] != ':')
		begin--;
	snprintf(out, 128, "%.*s", at ? (int)(at - begin) : 0, begin ? begin : "");
}

/* ---- files ---- */

/* Renamed into its place, so that nobody reads half of it. */
static void write_file(const char *path, const char *url)
{
	char new[300];
	snprintf(new, sizeof new, "%s.new", path);
	int fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool written = fd >= 0 && dprintf(fd, "%s\n", url) > 0;
	if (fd >= 0)
		close(fd);
	EXPECT(written && rename(new, path) == 0, "%s was not written", path);
}

void password_tell(void)
{
	char password[128], url[512], other[512];
	password_in(getenv("WEIR_PG_URL"), password);
	with_password(addresses.proxied, password, url);
	write_file(FIRST, url);
	if (!*addresses.other_path)
		return;
	address_of(url, addresses.other_database, other);
	write_file(addresses.other_path, other);
}

void addresses_use(void) { program_env("WEIR_PG_URL_FILE", FIRST); }

void addresses_open(void)
{
	memset(&addresses, 0, sizeof addresses);
	snprintf(addresses.first, sizeof addresses.first, "%s", getenv("WEIR_PG_URL"));
	snprintf(addresses.proxied, sizeof addresses.proxied, "%s", program_setting("WEIR_PG_URL"));
	password_tell();
	program_env("WEIR_PG_URL", "");
	addresses_use();
}

void addresses_write(const char *database, const char *path)
{
	snprintf(addresses.other_database, sizeof addresses.other_database, "%s", database);
	snprintf(addresses.other_path, sizeof addresses.other_path, "%s", path);
	password_tell();
}

/* ---- the password ---- */

static void set_password(const char *url)
{
	char password[128];
	password_in(url, password);
	sql_text("ALTER ROLE CURRENT_USER PASSWORD '%s'", password);
	setenv("WEIR_PG_URL", url, 1);
	sql_close();
	sql_open(url);
}

void password_change(int pick)
{
	char password[64], url[512];
	snprintf(password, sizeof password, "of-the-tests-%d", pick);
	with_password(getenv("WEIR_PG_URL"), password, url);
	set_password(url);
	sql_text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
		 " WHERE usename = current_user AND pid <> pg_backend_pid()");
}

void addresses_close(void)
{
	set_password(addresses.first);
	program_env("WEIR_PG_URL_FILE", NULL);
	proxy_follow_pg();
}
