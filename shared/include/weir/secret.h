/* secret.h: secrets that are in files, and may be another one tomorrow. */
#ifndef WEIR_SECRET_H
#define WEIR_SECRET_H

#include "weir/error.h"

/* An address that is in a file is known by the file's name, behind this, and is read anew whenever
 * somebody connects: a password that was changed there is the one that counts. */
#define SECRET_FILE "file:"

/* The first line of a file, of at most 64 kB. variable: who names the file, for errors. The caller
 * hands *out to secret_free(). Error codes: bad_value, out_of_memory. */
int secret_read(const char *variable, const char *path, char **out,
		struct weir_error *err) WEIR_MUST_CHECK;
void secret_free(char *text); /* wipes it; NULL is fine */

#endif
