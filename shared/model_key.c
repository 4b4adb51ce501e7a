#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "models_file.h"

#define KEY_MAX 4096 /* bytes */

/* It becomes part of a header line: a line break in it would begin another one. */
static int check_key(const char *key, const char *of, struct weir_error *err)
{
	size_t size = strlen(key);

	if (size == 0)
		return weir_fail(err, "bad_key", "%.200s is empty", of);
	if (size > KEY_MAX)
		return weir_fail(err, "bad_key", "%.200s is longer than %d bytes", of, KEY_MAX);
	for (const char *c = key; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~')
			return weir_fail(err, "bad_key",
					 "%.200s holds something else than printable ASCII", of);
	return 0;
}

static int keep_key(const char *key, const char *of, char **out, struct weir_error *err)
{
	char *copy;

	if (check_key(key, of, err) < 0)
		return -1;
	copy = strdup(key);
	if (copy == NULL)
		return weir_fail_memory(err);
	*out = copy;
	return 0;
}

/* What is no such name may be a key that was put in the wrong place: it is not shown. */
int model_key_of_variable(const char *variable, char **out, struct weir_error *err)
{
	bool name = variable[strspn(variable, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == '\0';
	const char *key = name ? getenv(variable) : NULL;

	if (!name)
		return weir_fail(err, "bad_key",
				 "the name of a variable of the environment is wanted, of A-Z 0-9 "
				 "_");
	if (key == NULL || *key == '\0')
		return weir_fail(err, "bad_key", "%.200s is not set in the environment", variable);
	return keep_key(key, variable, out, err);
}

/* Not a pipe or a device, which might keep us waiting. */
static int check_file(int fd, const char *path, struct weir_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return weir_fail(err, "bad_key", "%.200s is not a file", path);
	if ((st.st_mode & S_IRWXO) != 0)
		return weir_fail(err, "bad_key",
				 "%.200s: everybody on this machine may use it (chmod o-rwx)",
				 path);
	return 0;
}

/* key has room for KEY_MAX + 3 bytes: the longest one, a line break, and what shows that it is too
 * long. */
static int read_key(int fd, const char *path, char *key, char **out, struct weir_error *err)
{
	ssize_t size = read(fd, key, KEY_MAX + 2);

	if (size < 0)
		return weir_fail(err, "bad_key", "%.200s: %s", path, strerror(errno));
	key[size] = '\0';
	key[strcspn(key, "\r\n")] = '\0';
	return keep_key(key, path, out, err);
}

int model_key_of_file(const char *path, char **out, struct weir_error *err)
{
	char key[KEY_MAX + 3];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;

	if (fd < 0)
		return weir_fail(err, "bad_key", "%.200s: %s", path, strerror(errno));
	rc = check_file(fd, path, err);
	if (rc == 0)
		rc = read_key(fd, path, key, out, err);
	explicit_bzero(key, sizeof(key));
	close(fd);
	return rc;
}
