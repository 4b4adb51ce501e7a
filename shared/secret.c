#include "weir/secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (64 * 1024)

static int read_text(const char *variable, const char *path, char *text, struct weir_error *err)
{
	FILE *in = fopen(path, "re");
	if (!in)
		return weir_fail(err, "bad_value", "%s: cannot open %.200s: %s", variable, path,
				 strerror(errno));
	setvbuf(in, NULL, _IONBF, 0); /* no copy of the secret in a buffer that nobody wipes */
	size_t size = fread(text, 1, FILE_MAX + 1, in);
	int failure = ferror(in) ? errno : 0;
	fclose(in);
	if (failure)
		return weir_fail(err, "bad_value", "%s: cannot read %.200s: %s", variable, path,
				 strerror(failure));
	if (size > FILE_MAX)
		return weir_fail(err, "bad_value", "%s: %.200s is larger than %d bytes", variable,
				 path, FILE_MAX);
	if (memchr(text, '\0', size))
		return weir_fail(err, "bad_value", "%s: %.200s is not a text file", variable, path);
	text[size] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	if (!*text)
		return weir_fail(err, "bad_value", "%s: the first line of %.200s is empty",
				 variable, path);
	return 0;
}

int secret_read(const char *variable, const char *path, char **out, struct weir_error *err)
{
	char *text = malloc(FILE_MAX + 2);
	if (!text)
		return weir_fail_memory(err);
	int rc = read_text(variable, path, text, err);
	if (rc == 0 && !(*out = strdup(text)))
		rc = weir_fail_memory(err);
	explicit_bzero(text, FILE_MAX + 2);
	free(text);
	return rc;
}

void secret_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}
