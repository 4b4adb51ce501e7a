/* toml.h: TOML documents as JSON values. Written for front matter: Debian 12 has no TOML library
 * for C. It reads the whole of TOML 1.0 (toml.io/en/v1.0.0), within bounds; dates and times, inf
 * and nan become text, as they were written. Nothing blocks. */
#ifndef WEIR_TOML_H
#define WEIR_TOML_H

#include <jansson.h>

#include "weir/yaml.h"

#define TOML_DEPTH_MAX 16
#define TOML_TABLES_MAX 4096

/* Reads a text into a new object, which the caller json_decref()s. Faults are as in yaml_parse():
 * `name` stands for the file, `line` is that of the first line. Values of the names in `texts`
 * (closed by NULL) at the top are text as written, if they are no text: 1.10 is "1.10".
 * 0, or -1 after adding a fault. */
int toml_parse(const char *text, size_t size, const char *name, int line, const char *const *texts,
	       json_t **out, struct faults *f) WEIR_MUST_CHECK;

#endif
